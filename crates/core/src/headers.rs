//! The one header table: what goes on to an upstream and what comes back, in every mode.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};

/// Headers that belong to one connection (RFC 9110 section 7.6.1), whatever their direction.
const HOP_BY_HOP: &[&str] =
    &["connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"];

/// Request headers that stay here in every mode.
const NOT_SENT: &[&str] = &[
    "content-length", // the driver frames anew
    "cookie",
    "expect",
    "forwarded",
    "host",
    "origin",
    "proxy-authorization",
    "referer",
    "x-real-ip",
];

/// Credentials: in gateway mode replaced by the provider's, in passthrough the client's own.
const CREDENTIALS: &[&str] = &["api-key", "authorization", "x-api-key", "x-goog-api-key"];

/// Response headers that do not come back.
const NOT_RETURNED: &[&str] = &["alt-svc", "set-cookie", "strict-transport-security"];

/// Response headers about an account, kept from clients of another dialect.
const ACCOUNT: &[&str] =
    &["anthropic-organization-id", "anthropic-workspace-id", "openai-organization", "openai-project", "x-ms-region"];

/// Where a request's headers go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Toward {
    /// A provider, through Cloudflare AI Gateway.
    Cloudflare,
    /// A host the client named; its own credentials go along.
    Passthrough { cloudflare: bool },
    /// A provider, directly.
    Provider,
}

/// Our own counter of gateways passed.
pub const HOPS: HeaderName = HeaderName::from_static("x-apex-hops");

/// Makes the client's headers those that go upstream. The caller adds `host`, credentials and [`HOPS`].
pub fn toward_upstream(headers: &mut HeaderMap, toward: Toward) {
    let named = connection_named(headers);
    keep(headers, |name| goes_up(name, toward) && !named.iter().any(|n| n == name));
    if !matches!(toward, Toward::Passthrough { .. }) {
        // What comes back must be readable here; an upstream that compresses anyway is handled where it is read.
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    }
}

/// Takes out what is not kept: most of a map stays, and making another one would cost several times as much.
fn keep(headers: &mut HeaderMap, kept: impl Fn(&str) -> bool) {
    let gone: Vec<HeaderName> = headers.keys().filter(|name| !kept(name.as_str())).cloned().collect();
    for name in &gone {
        headers.remove(name);
    }
}

/// A small count as a value.
pub fn small(count: usize) -> HeaderValue {
    const DIGITS: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
    DIGITS.get(count).map_or_else(|| HeaderValue::from(count), |digit| HeaderValue::from_static(digit))
}

fn goes_up(name: &str, toward: Toward) -> bool {
    if HOP_BY_HOP.contains(&name) || NOT_SENT.contains(&name) {
        return false;
    }
    if CREDENTIALS.contains(&name) {
        return matches!(toward, Toward::Passthrough { .. });
    }
    if name.starts_with("cf-aig-") {
        return match toward {
            Toward::Cloudflare => name != "cf-aig-authorization",
            Toward::Passthrough { cloudflare } => cloudflare,
            Toward::Provider => false,
        };
    }
    let ours = ["x-apex-", "cf-", "x-forwarded-", "sec-"].iter().any(|prefix| name.starts_with(prefix));
    !ours && (name != "accept-encoding" || matches!(toward, Toward::Passthrough { .. }))
}

/// Makes the upstream's headers those that come back. `translated` says that the body is another one: what describes it
/// goes too.
pub fn toward_client(headers: &mut HeaderMap, translated: bool) {
    let named = connection_named(headers);
    keep(headers, |name| {
        !HOP_BY_HOP.contains(&name)
            && !NOT_RETURNED.contains(&name)
            && !name.starts_with("access-control-")
            && !name.starts_with("x-apex-")
            && !named.iter().any(|n| n == name)
            && !(translated
                && (name.starts_with("content-") || name == "etag" || name == "digest" || ACCOUNT.contains(&name)))
    });
}

/// Names listed in `connection`, in lower case.
fn connection_named(headers: &HeaderMap) -> Vec<String> {
    let Some(first) = headers.get(header::CONNECTION) else { return Vec::new() };
    if first.as_bytes().eq_ignore_ascii_case(b"keep-alive")
        && headers.get_all(header::CONNECTION).iter().nth(1).is_none()
    {
        // What nearly every client says; the header itself does not go on anyway.
        return Vec::new();
    }
    let values = headers.get_all(header::CONNECTION).into_iter().filter_map(|v| v.to_str().ok());
    values.flat_map(|v| v.split(',')).map(|n| n.trim().to_ascii_lowercase()).filter(|n| !n.is_empty()).collect()
}

/// Is `name`, as a preflight asks for it, one that web pages may send to a gateway with a token?
pub fn allowed_by_cors(name: &str) -> bool {
    const EXACT: &[&str] = &[
        "accept",
        "api-key",
        "authorization",
        "baggage",
        "content-type",
        "idempotency-key",
        "traceparent",
        "tracestate",
        "user-agent",
        "x-api-key",
        "x-client-name",
        "x-goog-api-client",
        "x-goog-api-key",
        "x-request-id",
        "x-session-id",
    ];
    const PREFIXES: &[&str] = &["anthropic-", "cf-aig-", "openai-", "x-apex-", "x-fern-", "x-stainless-"];
    EXACT.contains(&name) || PREFIXES.iter().any(|p| name.starts_with(p))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(n, v)| (HeaderName::from_static(n), HeaderValue::from_static(v))).collect()
    }

    fn names(map: &HeaderMap) -> Vec<&str> {
        let mut names: Vec<_> = map.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        names
    }

    const CLIENT: &[(&str, &str)] = &[
        ("host", "gw"),
        ("content-length", "3"),
        ("connection", "close, X-Drop"),
        ("x-drop", "1"),
        ("te", "trailers"),
        ("upgrade", "x"),
        ("cookie", "c"),
        ("authorization", "Bearer t"),
        ("x-api-key", "k"),
        ("cf-aig-authorization", "Bearer t"),
        ("cf-aig-cache-ttl", "60"),
        ("cf-ray", "r"),
        ("x-apex-ai-proxy-type", "anthropic"),
        ("x-apex-strict", "true"),
        ("x-forwarded-for", "1.2.3.4"),
        ("origin", "o"),
        ("sec-fetch-mode", "cors"),
        ("referer", "r"),
        ("expect", "100-continue"),
        ("accept-encoding", "gzip"),
        ("anthropic-version", "2023-06-01"),
        ("anthropic-beta", "a,b"),
        ("openai-organization", "org"),
        ("openai-beta", "x"),
        ("idempotency-key", "i"),
        ("user-agent", "ua"),
        ("x-stainless-lang", "js"),
        ("traceparent", "00-"),
        ("content-type", "application/json"),
    ];

    #[test]
    fn what_goes_up() {
        let kept = [
            "anthropic-beta",
            "anthropic-version",
            "content-type",
            "idempotency-key",
            "openai-beta",
            "openai-organization",
            "traceparent",
            "user-agent",
            "x-stainless-lang",
        ];
        let up = |toward| {
            let mut headers = map(CLIENT);
            toward_upstream(&mut headers, toward);
            headers
        };
        let direct = up(Toward::Provider);
        assert_eq!(direct["accept-encoding"], "identity");
        assert_eq!(names(&direct).into_iter().filter(|n| *n != "accept-encoding").collect::<Vec<_>>(), kept);
        let cloudflare = up(Toward::Cloudflare);
        assert!(cloudflare.contains_key("cf-aig-cache-ttl") && !cloudflare.contains_key("cf-aig-authorization"));
        let through = up(Toward::Passthrough { cloudflare: false });
        assert_eq!(
            (&through["authorization"], &through["x-api-key"], &through["accept-encoding"]),
            (&"Bearer t".parse().unwrap(), &"k".parse().unwrap(), &"gzip".parse().unwrap())
        );
        assert!(
            !through.contains_key("cf-aig-authorization")
                && !through.contains_key("cookie")
                && !through.contains_key("x-drop")
        );
    }

    #[test]
    fn what_comes_back() {
        let upstream = map(&[
            ("transfer-encoding", "chunked"),
            ("set-cookie", "c"),
            ("alt-svc", "h3"),
            ("strict-transport-security", "x"),
            ("access-control-allow-origin", "*"),
            ("content-type", "application/json"),
            ("content-length", "7"),
            ("x-ratelimit-remaining-requests", "9"),
            ("anthropic-ratelimit-tokens-limit", "5"),
            ("retry-after", "2"),
            ("retry-after-ms", "1500"),
            ("x-should-retry", "true"),
            ("x-request-id", "r"),
            ("openai-processing-ms", "3"),
            ("openai-organization", "o"),
        ]);
        let back = |translated| {
            let mut headers = upstream.clone();
            toward_client(&mut headers, translated);
            headers
        };
        let same = back(false);
        assert_eq!(
            names(&same),
            [
                "anthropic-ratelimit-tokens-limit",
                "content-length",
                "content-type",
                "openai-organization",
                "openai-processing-ms",
                "retry-after",
                "retry-after-ms",
                "x-ratelimit-remaining-requests",
                "x-request-id",
                "x-should-retry"
            ]
        );
        let other = back(true);
        assert!(
            !other.contains_key("content-type")
                && !other.contains_key("openai-organization")
                && other.contains_key("retry-after")
        );
    }
}
