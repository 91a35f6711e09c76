//! Heads of requests and replies as the text in which they cross between JavaScript and the module.

use std::fmt::Write as _;

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, request, response};

/// A header a line, `name:value`.
pub(crate) fn headers(headers: &HeaderMap) -> String {
    let mut text = String::with_capacity(headers.len() * 32);
    for (name, value) in headers {
        // The runtime sets it from the URL.
        if name != http::header::HOST {
            // Writing into memory cannot fail.
            let _ = writeln!(text, "{name}:{}", String::from_utf8_lossy(value.as_bytes()));
        }
    }
    text
}

/// Method, URL and headers, a line each.
pub(crate) fn request(text: &str) -> Option<request::Parts> {
    let mut lines = text.split('\n');
    let method = Method::from_bytes(lines.next()?.as_bytes()).ok()?;
    let url = lines.next()?;
    // In origin form, as the native server sees it.
    let target =
        url.split_once("://").map_or(url, |(_, rest)| rest.find('/').map_or("/", |at| rest.get(at..).unwrap_or("/")));
    let (mut parts, ()) = http::Request::new(()).into_parts();
    parts.method = method;
    parts.uri = target.parse::<Uri>().ok()?;
    parts.headers = header_lines(lines);
    Some(parts)
}

/// Status and headers, a line each.
pub(crate) fn response(text: &str) -> Option<response::Parts> {
    let mut lines = text.split('\n');
    let (mut parts, ()) = http::Response::new(()).into_parts();
    parts.status = StatusCode::from_bytes(lines.next()?.as_bytes()).ok()?;
    parts.headers = header_lines(lines);
    Some(parts)
}

fn header_lines<'a>(lines: impl Iterator<Item = &'a str>) -> HeaderMap {
    let pair = |line: &'a str| {
        let (name, value) = line.split_once(':')?;
        Some((HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_bytes(value.as_bytes()).ok()?))
    };
    let mut map = HeaderMap::new();
    for (name, value) in lines.filter_map(pair) {
        map.append(name, value);
    }
    map
}
