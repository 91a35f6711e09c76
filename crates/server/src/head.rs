//! What is wrong with a request's head that hyper lets through. Refusals here are about HTTP itself: they have no body,
//! and the connection is closed.

use std::cell::RefCell;

use apex_core::url::split_authority;
use http::header::{HOST, TRANSFER_ENCODING};
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderMap, Method, StatusCode, Version};

/// Checks the heads of one connection.
#[derive(Debug, Default)]
pub(crate) struct Checks {
    /// An authority that was found valid: a client says the same one each time.
    valid: RefCell<String>,
}

impl Checks {
    /// Refuses a head that another server could read differently. Its size is judged by core, in the caller's dialect.
    pub(crate) fn check(&self, head: &Parts) -> Result<(), StatusCode> {
        if head.method == Method::CONNECT {
            return Err(StatusCode::BAD_REQUEST);
        }
        transfer_encoding(head)?;
        self.authority(head)
    }

    /// One valid `Host` (HTTP/1.1 wants it), or a valid `:authority` that agrees with it.
    fn authority(&self, head: &Parts) -> Result<(), StatusCode> {
        let in_uri = head.uri.authority().map(Authority::as_str);
        let host = host(&head.headers)?;
        if let Some(text) = in_uri.or(host)
            && !self.is_valid(text)
        {
            return Err(StatusCode::BAD_REQUEST);
        }
        let ok = match head.version {
            Version::HTTP_2 => match (in_uri, host) {
                (Some(authority), Some(host)) => authority.eq_ignore_ascii_case(host),
                (Some(_), None) | (None, Some(_)) => true,
                (None, None) => false,
            },
            // In absolute form the URI counts (RFC 9112, 3.2.2), and `Host` must be there and be valid all the same.
            Version::HTTP_11 => host.is_some_and(|host| self.is_valid(host)),
            _ => host.is_none_or(|host| self.is_valid(host)),
        };
        if ok { Ok(()) } else { Err(StatusCode::BAD_REQUEST) }
    }

    fn is_valid(&self, authority: &str) -> bool {
        let mut valid = self.valid.borrow_mut();
        if !authority.is_empty() && *valid == authority {
            return true;
        }
        let is_valid = split_authority(authority).is_some();
        if is_valid {
            authority.clone_into(&mut valid);
        }
        is_valid
    }
}

/// Exactly one `chunked`, or none at all. hyper takes any list that ends in `chunked`, and undoes only that one.
fn transfer_encoding(head: &Parts) -> Result<(), StatusCode> {
    let mut codings = head.headers.get_all(TRANSFER_ENCODING).iter();
    let Some(coding) = codings.next() else { return Ok(()) };
    if head.version != Version::HTTP_11 || codings.next().is_some() {
        return Err(StatusCode::BAD_REQUEST);
    }
    match coding.as_bytes().trim_ascii() {
        coding if coding.eq_ignore_ascii_case(b"chunked") => Ok(()),
        list if list.contains(&b',') || list.is_empty() => Err(StatusCode::BAD_REQUEST),
        _ => Err(StatusCode::NOT_IMPLEMENTED),
    }
}

fn host(headers: &HeaderMap) -> Result<Option<&str>, StatusCode> {
    let mut values = headers.get_all(HOST).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(StatusCode::BAD_REQUEST);
    }
    value.to_str().map(Some).map_err(|_| StatusCode::BAD_REQUEST)
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    const H1: Version = Version::HTTP_11;
    const H2: Version = Version::HTTP_2;

    fn verdict(version: Version, method: &str, uri: &str, headers: &[(&str, &[u8])]) -> u16 {
        next(&Checks::default(), version, method, uri, headers)
    }

    /// The verdict on the next request of a connection.
    fn next(checks: &Checks, version: Version, method: &str, uri: &str, headers: &[(&str, &[u8])]) -> u16 {
        let mut request = Request::builder().version(version).method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (head, ()) = request.body(()).unwrap().into_parts();
        checks.check(&head).map_or_else(|status| status.as_u16(), |()| 200)
    }

    #[test]
    fn hosts() {
        type Headers<'a> = &'a [(&'a str, &'a [u8])];
        let cases: &[(Headers<'_>, u16)] = &[
            (&[("host", b"a.example")], 200),
            (&[("host", b"a.example:8787")], 200),
            (&[("host", b"[::1]:8787")], 200),
            (&[], 400),
            (&[("host", b"")], 400),
            (&[("host", b"a"), ("host", b"a")], 400),
            (&[("host", b"a"), ("host", b"b")], 400),
            (&[("host", b"a/b")], 400),
            (&[("host", b"a?b")], 400),
            (&[("host", b"a#b")], 400),
            (&[("host", b"u@a")], 400),
            (&[("host", b"a b")], 400),
            (&[("host", b"a,b")], 400),
            (&[("host", b"\xe9")], 400),
            (&[("host", b"0x7f.1")], 400),
        ];
        for (headers, status) in cases {
            assert_eq!(verdict(H1, "GET", "/", headers), *status, "{headers:?}");
        }
        assert_eq!(verdict(Version::HTTP_10, "GET", "/", &[]), 200);
        assert_eq!(verdict(Version::HTTP_10, "GET", "/", &[("host", b"a b")]), 400);
    }

    #[test]
    fn what_was_valid_before_says_nothing_of_others() {
        let checks = Checks::default();
        for (host, status) in [("a", 200), ("a", 200), ("a b", 400), ("", 400), ("b:1", 200), ("b:1", 200), ("a", 200)]
        {
            assert_eq!(next(&checks, H1, "GET", "/", &[("host", host.as_bytes())]), status, "{host:?}");
        }
        assert_eq!(next(&checks, H1, "GET", "http://a/x", &[("host", b"a b")]), 400);
        assert_eq!(next(&checks, H1, "GET", "http://u@a/x", &[("host", b"a")]), 400);
    }

    #[test]
    fn request_targets() {
        let host: &[(&str, &[u8])] = &[("host", b"a")];
        assert_eq!(verdict(H1, "GET", "http://a/x", host), 200);
        assert_eq!(verdict(H1, "GET", "http://u@a/x", host), 400);
        assert_eq!(verdict(H1, "GET", "http://u:p@a/x", host), 400);
        assert_eq!(verdict(H1, "GET", "http://a/x", &[]), 400);
        assert_eq!(verdict(H1, "CONNECT", "a:443", host), 400);
    }

    #[test]
    fn transfer_codings() {
        for (codings, status) in [
            (&["chunked"] as &[&str], 200),
            (&["Chunked"], 200),
            (&["gzip, chunked"], 400),
            (&["chunked, chunked"], 400),
            (&["chunked", "chunked"], 400),
            (&["gzip"], 501),
            (&["identity"], 501),
            (&["xchunked"], 501),
            (&["\"chunked\""], 501),
            (&[""], 400),
        ] {
            let mut headers: Vec<(&str, &[u8])> = vec![("host", b"a")];
            headers.extend(codings.iter().map(|c| ("transfer-encoding", c.as_bytes())));
            assert_eq!(verdict(H1, "POST", "/", &headers), status, "{codings:?}");
        }
        assert_eq!(verdict(Version::HTTP_10, "POST", "/", &[("transfer-encoding", b"chunked")]), 400);
        assert_eq!(verdict(H2, "POST", "https://a/", &[("transfer-encoding", b"chunked")]), 400);
    }

    #[test]
    fn http2_authorities() {
        assert_eq!(verdict(H2, "GET", "https://a/x", &[]), 200);
        assert_eq!(verdict(H2, "GET", "https://a/x", &[("host", b"A")]), 200);
        assert_eq!(verdict(H2, "GET", "https://a/x", &[("host", b"b")]), 400);
        assert_eq!(verdict(H2, "GET", "https://u@a/x", &[]), 400);
        assert_eq!(verdict(H2, "GET", "/x", &[("host", b"a")]), 200);
        assert_eq!(verdict(H2, "GET", "/x", &[]), 400);
    }
}
