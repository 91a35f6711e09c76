//! Mode 2: any host named by a header, as a bounded relay.

use http::Uri;

use crate::catalog::{Catalog, PassthroughMode};
use crate::exchange::Reach;
use crate::refusal::{Refusal, echo};
use crate::url::{Origin, default_port, split_authority, uri};

/// Longest value of the provider header, in bytes.
const MAX_HEADER: usize = 1 << 10;

/// Where a passthrough request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    pub origin: Origin,
    pub uri: Uri,
    pub reach: Reach,
}

impl Destination {
    /// The URL for `X-APEX-AI-PROXY-PROVIDER: host[:port][/base/path]` and the request's own path and query, which go
    /// along as they came.
    pub fn resolve(header: &[u8], request: &Uri, catalog: &Catalog) -> Result<Self, Refusal> {
        let text = std::str::from_utf8(header)
            .ok()
            .map(str::trim)
            .filter(|t| !t.is_empty() && t.len() <= MAX_HEADER)
            .ok_or(Refusal::InvalidProviderHost)?;
        let (authority, base) = text.split_at(text.find('/').unwrap_or(text.len()));
        let (host, port) = split_authority(authority).ok_or(Refusal::InvalidProviderHost)?;
        let base = base.trim_end_matches('/');
        let segments_ok =
            base.split('/').skip(1).all(|s| !s.is_empty() && s != "." && s != ".." && s.bytes().all(is_path_byte));
        if !segments_ok {
            return Err(Refusal::InvalidProviderHost);
        }
        let (secure, port, reach) = Self::permit(&host, port, catalog)?;
        let origin = Origin { secure, host: host.into(), port };
        let target = request.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        let uri = uri(&origin, &format!("{base}{target}")).map_err(|_| Refusal::InvalidProviderHost)?;
        Ok(Self { origin, uri, reach })
    }

    /// Is `host` allowed, and over what? An entry of `allow_hosts` wins, in every mode but `off`.
    fn permit(host: &str, port: Option<u16>, catalog: &Catalog) -> Result<(bool, u16, Reach), Refusal> {
        let rules = &catalog.passthrough;
        let refused = || Refusal::HostNotAllowed { host: echo(host) };
        if rules.mode == PassthroughMode::Off {
            return Err(Refusal::PassthroughOff);
        }
        let named = rules.allow_hosts.iter().find(|h| {
            let given = port.unwrap_or_else(|| default_port(h.secure));
            h.host == host && h.port.unwrap_or_else(|| default_port(h.secure)) == given
        });
        if let Some(entry) = named {
            return Ok((entry.secure, port.unwrap_or_else(|| default_port(entry.secure)), Reach::Configured));
        }
        let port = port.unwrap_or(443);
        let allowed = rules.mode == PassthroughMode::Public && (port == 443 || rules.allow_ports.contains(&port));
        if allowed { Ok((true, port, Reach::Public)) } else { Err(refused()) }
    }
}

/// Bytes of RFC 3986 path segments, `%` included: the base path goes on as it was written.
const fn is_path_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric()
        || matches!(
            b,
            b'-' | b'.'
                | b'_'
                | b'~'
                | b'!'
                | b'$'
                | b'&'
                | b'\''
                | b'('
                | b')'
                | b'*'
                | b'+'
                | b','
                | b';'
                | b'='
                | b':'
                | b'@'
                | b'%'
        )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Host;
    use crate::settings::Settings;

    fn catalog(mode: &str, allow: &[&str]) -> Catalog {
        let mut settings = Settings::default();
        settings.passthrough.mode = Some(mode.into());
        settings.passthrough.allow_hosts = allow.iter().map(|s| (*s).to_owned()).collect();
        Catalog::build(&settings, Host { loopback: true, native: true }).unwrap()
    }

    fn go(header: &str, catalog: &Catalog) -> Result<(String, Reach), u16> {
        Destination::resolve(header.as_bytes(), &Uri::from_static("/v1/messages?beta=true"), catalog)
            .map(|d| (d.uri.to_string(), d.reach))
            .map_err(|r| r.status().as_u16())
    }

    #[test]
    fn urls_are_built_from_parts() {
        let public = catalog("public", &["http://127.0.0.1:9000", "named.example:8443"]);
        for (header, want) in [
            ("zenmux.ai/api/anthropic", Ok(("https://zenmux.ai/api/anthropic/v1/messages?beta=true", Reach::Public))),
            ("Zenmux.AI", Ok(("https://zenmux.ai/v1/messages?beta=true", Reach::Public))),
            ("zenmux.ai/", Ok(("https://zenmux.ai/v1/messages?beta=true", Reach::Public))),
            ("zenmux.ai:443/api", Ok(("https://zenmux.ai/api/v1/messages?beta=true", Reach::Public))),
            ("127.0.0.1:9000/x", Ok(("http://127.0.0.1:9000/x/v1/messages?beta=true", Reach::Configured))),
            ("named.example:8443", Ok(("https://named.example:8443/v1/messages?beta=true", Reach::Configured))),
            ("zenmux.ai:8443", Err(403)),
            ("named.example:9999", Err(403)),
            ("127.0.0.1:9001", Err(403)),
        ] {
            assert_eq!(go(header, &public), want.map(|(u, r)| (u.to_owned(), r)), "{header}");
        }
    }

    #[test]
    fn hostile_headers_are_refused() {
        let public = catalog("public", &[]);
        for header in [
            "",
            " ",
            "/v1",
            "//evil",
            "u@h",
            "h/../x",
            "h/./x",
            "h//x",
            "h/a?b",
            "h/a#b",
            "h\\x",
            "https://h",
            "h:0",
            "127.1",
            "0x7f.1",
            "2130706433",
            "①②⑦.0.0.1",
            "[::1",
            "h/\u{e9}",
            "h/a b",
            "h/a\\..",
            &"a".repeat(2000),
        ] {
            assert_eq!(go(header, &public), Err(400), "{header}");
        }
    }

    #[test]
    fn the_mode_decides() {
        assert_eq!(go("zenmux.ai", &catalog("off", &["zenmux.ai"])), Err(403));
        assert_eq!(go("zenmux.ai", &catalog("allowlist", &[])), Err(403));
        assert!(go("zenmux.ai", &catalog("allowlist", &["zenmux.ai"])).is_ok());
        assert_eq!(go("zenmux.ai:80", &catalog("allowlist", &["zenmux.ai"])), Err(403));
    }
}
