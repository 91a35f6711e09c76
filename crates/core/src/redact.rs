//! Heads for logs and reports: every credential masked.

use http::{HeaderMap, Uri, request};

use crate::capture::MIN_TELLING;

/// Longest value that is written whole, in bytes.
const MAX_VALUE: usize = 1 << 10;

const MASK: &str = "***";

/// Does the header of this name (in lower case) carry a credential, or something that looks like one?
pub fn is_secret(name: &str) -> bool {
    !is_everyday(name) && may_be_secret(name)
}

/// Nearly every header is one of these: they need not be looked into. Every header of every captured exchange is asked.
fn is_everyday(name: &str) -> bool {
    matches!(
        name,
        "accept"
            | "accept-encoding"
            | "accept-language"
            | "cache-control"
            | "connection"
            | "content-encoding"
            | "content-length"
            | "content-type"
            | "date"
            | "host"
            | "server"
            | "server-timing"
            | "transfer-encoding"
            | "user-agent"
            | "vary"
            | "x-apex-attempts"
            | "x-apex-cost"
            | "x-apex-model"
            | "x-apex-provider"
            | "x-apex-request-id"
            | "x-content-type-options"
            | "x-request-id"
    )
}

fn may_be_secret(name: &str) -> bool {
    // Counts of tokens and challenges are worth reading.
    let harmless = || name.contains("ratelimit") || matches!(name, "proxy-authenticate" | "www-authenticate");
    (name.ends_with("-key") || holds_word(name.as_bytes())) && !harmless()
}

fn holds_word(name: &[u8]) -> bool {
    let begins = |rest: &[u8]| {
        let words: &[&[u8]] = match rest.first() {
            Some(b'a') => &[b"api-key", b"apikey", b"auth"],
            Some(b'c') => &[b"cookie", b"credential"],
            Some(b'p') => &[b"passw"],
            Some(b's') => &[b"secret", b"signature"],
            Some(b't') => &[b"token"],
            _ => return false,
        };
        words.iter().any(|word| rest.starts_with(word))
    };
    (0..name.len()).any(|at| name.get(at..).is_some_and(begins))
}

/// `title`, then one `name: value` a line.
pub fn head(title: &str, headers: &HeaderMap) -> String {
    let mut out = title.to_owned();
    for line in lines(headers).lines() {
        out.push_str("\n  ");
        out.push_str(line);
    }
    out
}

/// One `name: value` a line, values of credentials masked.
pub fn lines(headers: &HeaderMap) -> String {
    let mut out = String::with_capacity(headers.len() * 48);
    for (name, value) in headers {
        if !out.is_empty() {
            out.push('\n');
        }
        out.push_str(name.as_str());
        out.push_str(": ");
        if value.is_sensitive() || is_secret(name.as_str()) {
            out.push_str(MASK);
            continue;
        }
        let text = String::from_utf8_lossy(value.as_bytes());
        let end = text.floor_char_boundary(MAX_VALUE);
        // A value may hold a tab, and nothing else that would end or bend the line.
        out.push_str(text.get(..end).unwrap_or_default());
        if end < text.len() {
            out.push('…');
        }
    }
    out
}

/// The client's credentials in `head`: what may be quoted elsewhere and must not be shown.
pub fn credentials(head: &request::Parts) -> Vec<String> {
    let values = head.headers.iter().filter(|(name, _)| is_secret(name.as_str())).filter_map(|(_, v)| v.to_str().ok());
    // `Bearer x` is x.
    let values = values.map(|text| text.trim().rsplit(' ').next().unwrap_or_default());
    let query = head.uri.query().unwrap_or_default();
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let values = values.chain(pairs.filter(|(name, _)| is_secret(name) || *name == "key").map(|(_, value)| value));
    let mut all: Vec<String> = values.filter(|text| text.len() >= MIN_TELLING).map(str::to_owned).collect();
    all.sort_by_key(|text| std::cmp::Reverse(text.len()));
    all.dedup();
    all
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
            "x-auth",
            "ocp-apim-subscription-key",
            "x-amz-security-token",
            "x-session-secret",
        ];
        let mut headers: HeaderMap =
            names.iter().map(|n| (HeaderName::from_static(n), HeaderValue::from_static("Bearer CANARY"))).collect();
        headers.insert("anthropic-version", HeaderValue::from_static("2023-06-01"));
        headers.insert("x-ratelimit-remaining-tokens", HeaderValue::from_static("17"));
        let text = head("client POST /v1/messages", &headers);
        assert!(!text.contains("CANARY") && text.contains("anthropic-version: 2023-06-01"), "{text}");
        assert!(text.contains("x-ratelimit-remaining-tokens: 17"), "{text}");
        assert_eq!(uri(&Uri::from_static("https://h/p?key=CANARY&alt=sse&x=1")), "https://h/p?key=***&alt=sse&x=***");
        assert_eq!(uri(&Uri::from_static("https://h/p")), "https://h/p");
    }

    #[test]
    fn everyday_headers_are_no_secrets() {
        for name in ["accept-encoding", "content-type", "user-agent", "x-apex-request-id", "x-content-type-options"] {
            assert!(is_everyday(name) && !may_be_secret(name), "{name}");
        }
    }

    #[test]
    fn what_a_client_may_be_quoted_with() {
        let request = http::Request::get("/p?key=query-key-1&alt=sse&access_token=query-token")
            .header("authorization", "Bearer header-key-1")
            .header("x-api-key", "header-key-1")
            .header("cookie", "sid=123")
            .header("user-agent", "curl/8.0.0");
        let (head, ()) = request.body(()).unwrap().into_parts();
        assert_eq!(credentials(&head), ["header-key-1", "query-key-1", "query-token"]);
    }
}
