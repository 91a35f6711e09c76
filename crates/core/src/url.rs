//! Upstream URLs from typed parts. Nothing here concatenates text that came from a request into a URL.

use std::fmt;
use std::sync::Arc;

use http::Uri;
use http::uri::{self, Authority, PathAndQuery, Scheme};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

/// Scheme, host and port: what a connection is made to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    pub secure: bool,
    /// A DNS name in lower case or an IP address (IPv6 without brackets).
    pub host: Arc<str>,
    pub port: u16,
}

impl Origin {
    /// Host, and the port where it is not the scheme's own: the value of `host`.
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { (*self.host).to_owned() };
        if self.port == default_port(self.secure) { host } else { format!("{host}:{}", self.port) }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", if self.secure { "https" } else { "http" }, self.authority())
    }
}

/// An origin and a path prefix without trailing slash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base {
    pub origin: Origin,
    pub path: String,
    /// The origin's, as URLs have it.
    authority: Authority,
}

impl Base {
    /// Parses an `http(s)://host[:port][/path]` an operator wrote. No userinfo, query or fragment.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let (secure, rest) = if let Some(rest) = text.strip_prefix("https://") {
            (true, rest)
        } else if let Some(rest) = text.strip_prefix("http://") {
            (false, rest)
        } else {
            return Err("must start with https:// or http://");
        };
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (host, port) = split_authority(authority).ok_or("has no valid host and port")?;
        if path.bytes().any(|b| matches!(b, b'?' | b'#' | b'\\') || b <= b' ' || b >= 0x7f) {
            return Err("may have a path, but no query, fragment or odd characters");
        }
        let path = path.trim_end_matches('/').to_owned();
        let origin = Origin { secure, host: host.into(), port: port.unwrap_or_else(|| default_port(secure)) };
        let authority = Authority::try_from(origin.authority()).map_err(|_| "has no valid host and port")?;
        Ok(Self { origin, path, authority })
    }

    /// The base `path` further down.
    #[must_use]
    pub fn below(mut self, path: &str) -> Self {
        self.path.push_str(path);
        self
    }

    /// The URL `{base}{path}{?query}`. `path` is ours or the operator's, with every foreign part already encoded.
    pub fn join(&self, path: &str, query: Option<&str>) -> Result<Uri, http::Error> {
        let mut full = String::with_capacity(self.path.len() + path.len() + 16);
        full.push_str(&self.path);
        full.push_str(path);
        if let Some(query) = query {
            full.push('?');
            full.push_str(query);
        }
        if !full.starts_with('/') {
            full.insert(0, '/');
        }
        build(self.origin.secure, self.authority.clone(), full)
    }
}

/// The URL of `path_and_query` at `origin`.
pub fn uri(origin: &Origin, path_and_query: &str) -> Result<Uri, http::Error> {
    let path = if path_and_query.starts_with('/') { path_and_query.to_owned() } else { format!("/{path_and_query}") };
    build(origin.secure, Authority::try_from(origin.authority())?, path)
}

fn build(secure: bool, authority: Authority, path: String) -> Result<Uri, http::Error> {
    let mut parts = uri::Parts::default();
    parts.scheme = Some(if secure { Scheme::HTTPS } else { Scheme::HTTP });
    parts.authority = Some(authority);
    parts.path_and_query = Some(PathAndQuery::try_from(path)?);
    Ok(Uri::from_parts(parts)?)
}

/// `443` or `80`.
pub const fn default_port(secure: bool) -> u16 {
    if secure { 443 } else { 80 }
}

/// Splits `host`, `host:port` or `[v6]:port`, with the host's grammar checked: letters, digits, `-`, `.`, `_`, or an IP
/// address in its one canonical spelling (`127.1`, `0x7f.1` and full-width digits are refused).
pub fn split_authority(text: &str) -> Option<(String, Option<u16>)> {
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        let (inside, after) = rest.split_once(']')?;
        let v6: std::net::Ipv6Addr = inside.parse().ok()?;
        (v6.to_string(), if after.is_empty() { None } else { Some(after.strip_prefix(':')?) })
    } else {
        match text.split_once(':') {
            Some((host, port)) => (host.to_ascii_lowercase(), Some(port)),
            None => (text.to_ascii_lowercase(), None),
        }
    };
    let port = match port {
        None => None,
        Some(digits) if (1..=5).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) => {
            Some(digits.parse().ok().filter(|p| *p != 0)?)
        }
        Some(_) => return None,
    };
    (host.contains(':') || is_host(&host)).then_some((host, port))
}

/// A DNS name, or an IPv4 address in dotted decimal.
fn is_host(host: &str) -> bool {
    let labels_ok = host.len() <= 253
        && host.split('.').all(|l| {
            (1..=63).contains(&l.len())
                && l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
                && !l.starts_with('-')
                && !l.ends_with('-')
        });
    // A last label that starts with a digit makes resolvers read the whole as a number: only canonical IPv4 may.
    let numeric = host.rsplit('.').next().is_some_and(|l| l.starts_with(|c: char| c.is_ascii_digit()));
    labels_ok && (!numeric || host.parse::<std::net::Ipv4Addr>().is_ok())
}

/// Characters that may stand in a path segment as they are: RFC 3986 pchar without `%`.
const SEGMENT: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'/')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// `text` as one path segment: a slash or a `#` in a model name cannot leave it. `.` and `..` are refused.
pub fn segment(text: &str) -> Option<String> {
    (!text.is_empty() && text != "." && text != "..").then(|| utf8_percent_encode(text, SEGMENT).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_have_one_spelling() {
        for good in ["api.openai.com", "localhost", "127.0.0.1", "a-b.c_d.example", "[::1]", "h:8080", "[fe80::1]:443"]
        {
            assert!(split_authority(good).is_some(), "{good}");
        }
        for bad in [
            "",
            "127.1",
            "0x7f.1",
            "2130706433",
            "0177.0.0.1",
            "①②⑦.0.0.1",
            "a..b",
            "-a",
            "a b",
            "u@h",
            "h:0",
            "h:99999",
            "h:",
            "h:1x",
            "h/p",
            "h?",
            "h#",
            "h\\",
            "[::1",
            "[::1]x",
            "::1",
            "a%2eb",
            "1.2.3.4.5",
            "h:+1",
        ] {
            assert!(split_authority(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn bases_join_paths() {
        let base = Base::parse("https://api.openai.com/v1/").unwrap();
        assert_eq!(
            base.join("/chat/completions", Some("a=b")).unwrap(),
            "https://api.openai.com/v1/chat/completions?a=b"
        );
        assert_eq!(
            Base::parse("http://127.0.0.1:9000").unwrap().join("/v1/x", None).unwrap(),
            "http://127.0.0.1:9000/v1/x"
        );
        for bad in
            ["api.openai.com", "ftp://x", "https://", "https://u@h/", "https://h?x", "https://h/#f", "https://h:x"]
        {
            assert!(Base::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_segment_stays_one() {
        assert_eq!(segment("gpt 4/../x#?%").unwrap(), "gpt%204%2F..%2Fx%23%3F%25");
        assert_eq!(segment(".."), None);
        assert_eq!(segment(""), None);
    }
}
