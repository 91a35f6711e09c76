//! Heads for the log: every credential masked.

use std::fmt::Write;

use http::{HeaderMap, Uri};

/// Headers whose values are never written.
const SECRET: &[&str] = &[
    "api-key",
    "authorization",
    "cf-aig-authorization",
    "cookie",
    "proxy-authorization",
    "set-cookie",
    "x-api-key",
    "x-goog-api-key",
];

/// Longest value that is written whole, in bytes.
const MAX_VALUE: usize = 256;

/// `title`, then one `name: value` a line.
pub fn head(title: &str, headers: &HeaderMap) -> String {
    let mut out = title.to_owned();
    for (name, value) in headers {
        let secret = SECRET.contains(&name.as_str())
            || value.is_sensitive()
            || ["token", "secret"].iter().any(|w| name.as_str().contains(w));
        let text = String::from_utf8_lossy(value.as_bytes());
        let shown: String = if secret { "***".to_owned() } else { text.chars().take(MAX_VALUE).collect() };
        // Writing to a string does not fail.
        let _ = write!(out, "\n  {name}: {shown}");
    }
    out
}

/// `uri` with the values of its query masked, but for the harmless ones: keys travel there.
pub fn uri(uri: &Uri) -> String {
    const HARMLESS: &[&str] = &["alt", "api-version", "beta", "limit"];
    let base = uri.to_string();
    let Some((path, query)) = base.split_once('?') else { return base };
    let pairs: Vec<_> = query
        .split('&')
        .map(|pair| match pair.split_once('=') {
            Some((name, _)) if !HARMLESS.contains(&name) => format!("{name}=***"),
            _ => pair.to_owned(),
        })
        .collect();
    format!("{path}?{}", pairs.join("&"))
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn credentials_are_masked_wherever_they_travel() {
        let names = [
            "authorization",
            "x-api-key",
            "api-key",
            "cf-aig-authorization",
            "cookie",
            "set-cookie",
            "x-goog-api-key",
            "proxy-authorization",
            "x-my-token",
        ];
        let mut headers: HeaderMap =
            names.iter().map(|n| (HeaderName::from_static(n), HeaderValue::from_static("Bearer CANARY"))).collect();
        headers.insert("anthropic-version", HeaderValue::from_static("2023-06-01"));
        let text = head("client POST /v1/messages", &headers);
        assert!(!text.contains("CANARY") && text.contains("anthropic-version: 2023-06-01"), "{text}");
        assert_eq!(uri(&Uri::from_static("https://h/p?key=CANARY&alt=sse&x=1")), "https://h/p?key=***&alt=sse&x=***");
        assert_eq!(uri(&Uri::from_static("https://h/p")), "https://h/p");
    }
}
