//! Web pages: who may call, and what a preflight is told.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, request};

use crate::catalog::Catalog;
use crate::headers::allowed_by_cors;
use crate::refusal::Refusal;
use crate::url::split_authority;

/// The CORS headers of every reply to one request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cors {
    /// `*`, or the one configured origin that asks.
    allow: Option<HeaderValue>,
}

impl Cors {
    /// With a gateway token any page may call, as it needs the token. In open mode a page could spend the user's keys:
    /// `host` must be a loopback name (against DNS rebinding) and the page's origin must be configured.
    pub fn check(head: &request::Parts, catalog: &Catalog) -> Result<Self, Refusal> {
        let origin = head.headers.get(header::ORIGIN);
        if catalog.gateway_token.is_some() {
            return Ok(Self { allow: Some(HeaderValue::from_static("*")) });
        }
        if !names_loopback(&head.headers, &head.uri) {
            return Err(Refusal::UnknownHost);
        }
        match origin {
            None => Ok(Self::default()),
            Some(origin) if catalog.allow_origins.iter().any(|o| o.as_bytes() == origin.as_bytes()) => {
                Ok(Self { allow: Some(origin.clone()) })
            }
            Some(_) => Err(Refusal::OriginNotAllowed),
        }
    }

    /// Adds its headers to a reply.
    pub fn apply(&self, headers: &mut HeaderMap) {
        let Some(allow) = &self.allow else { return };
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, allow.clone());
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("*"));
        if allow != "*" {
            headers.append(header::VARY, HeaderValue::from_static("origin"));
        }
    }

    /// The headers of the answer to a preflight; none if `head` is no preflight.
    pub fn preflight(&self, head: &request::Parts) -> Option<HeaderMap> {
        let asks = head.method == Method::OPTIONS
            && head.headers.contains_key(header::ORIGIN)
            && head.headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        self.allow.as_ref().filter(|_| asks)?;
        let mut headers = HeaderMap::new();
        self.apply(&mut headers);
        headers.insert(
            header::ACCESS_CONTROL_ALLOW_METHODS,
            HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"),
        );
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
        headers.append(header::VARY, HeaderValue::from_static("access-control-request-headers"));
        let asked = head.headers.get_all(header::ACCESS_CONTROL_REQUEST_HEADERS);
        let names: Vec<_> = asked
            .into_iter()
            .filter_map(|v| v.to_str().ok())
            .flat_map(|v| v.split(','))
            .filter_map(|n| HeaderName::from_bytes(n.trim().to_ascii_lowercase().as_bytes()).ok())
            .filter(|n| allowed_by_cors(n.as_str()))
            .map(|n| n.as_str().to_owned())
            .collect();
        if let Ok(value) = HeaderValue::try_from(names.join(", "))
            && !names.is_empty()
        {
            headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, value);
        }
        Some(headers)
    }
}

/// Does a request call this server by a name that only this machine has? Pages of the web do not, whatever their name
/// resolves to.
pub fn names_loopback(headers: &HeaderMap, uri: &http::Uri) -> bool {
    let host = headers
        .get(header::HOST)
        .and_then(|h| h.to_str().ok())
        .or_else(|| uri.authority().map(http::uri::Authority::as_str));
    host.and_then(split_authority).is_some_and(|(host, _)| is_loopback(&host))
}

/// `localhost` (and names under it), `127.0.0.0/8` and `::1`.
fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host.ends_with(".localhost")
        || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Host;
    use crate::settings::Settings;

    fn head(method: &str, pairs: &[(&'static str, &'static str)]) -> request::Parts {
        let mut builder = http::Request::builder().method(method).uri("/v1/messages");
        for (n, v) in pairs {
            builder = builder.header(*n, *v);
        }
        builder.body(()).unwrap().into_parts().0
    }

    fn catalog(token: bool) -> Catalog {
        let settings = Settings {
            gateway_token: token.then(|| "t".to_owned()),
            allow_origins: vec!["http://localhost:3000".into()],
            ..Settings::default()
        };
        Catalog::build(&settings, Host { loopback: true, native: true }).unwrap()
    }

    #[test]
    fn an_open_gateway_is_shut_to_web_pages() {
        let open = catalog(false);
        let check = |pairs: &[(&'static str, &'static str)]| {
            Cors::check(&head("POST", pairs), &open).map_err(|r| r.status().as_u16())
        };
        assert_eq!(check(&[("host", "localhost:8787")]), Ok(Cors::default()));
        assert_eq!(check(&[("host", "127.0.0.1:1")]), Ok(Cors::default()));
        assert_eq!(check(&[("host", "[::1]:1")]), Ok(Cors::default()));
        assert_eq!(check(&[("host", "evil.example")]), Err(421));
        assert_eq!(check(&[("host", "127.0.0.1.evil.example")]), Err(421));
        assert_eq!(check(&[]), Err(421));
        assert_eq!(check(&[("host", "localhost"), ("origin", "https://evil.example")]), Err(403));
        assert_eq!(check(&[("host", "localhost"), ("origin", "null")]), Err(403));
        assert!(check(&[("host", "localhost"), ("origin", "http://localhost:3000")]).unwrap().allow.is_some());
    }

    #[test]
    fn preflights_name_what_was_asked_for() {
        let cors = Cors::check(&head("OPTIONS", &[("host", "gw.example")]), &catalog(true)).unwrap();
        let asks = [
            ("origin", "https://app"),
            ("access-control-request-method", "POST"),
            ("access-control-request-headers", "Authorization, X-Stainless-Lang,x-evil, anthropic-version"),
        ];
        let answer = cors.preflight(&head("OPTIONS", &asks)).unwrap();
        assert_eq!(answer["access-control-allow-origin"], "*");
        assert_eq!(answer["access-control-allow-headers"], "authorization, x-stainless-lang, anthropic-version");
        assert!(!answer.contains_key("access-control-allow-credentials"));
        assert!(cors.preflight(&head("OPTIONS", &[])).is_none());
        assert!(cors.preflight(&head("POST", &asks)).is_none());
    }
}
