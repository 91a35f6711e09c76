//! The trace a request is part of, as its client says in `traceparent` and `tracestate`
//! (<https://www.w3.org/TR/trace-context/>).

use http::{HeaderMap, HeaderName, HeaderValue};
use sha2::{Digest, Sha256};

/// A valid `traceparent`, and the `tracestate` beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceContext {
    /// Never zero.
    pub trace_id: u128,
    /// The client's span; zero if it named the trace only.
    pub span_id: u64,
    /// Bit 0: sampled.
    pub flags: u8,
    /// As it came; none if it is longer than 512 bytes.
    pub state: Option<String>,
}

/// The headers it comes in.
pub(crate) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
pub(crate) const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// Vendors must pass on at least this much (section 3.3.1.5).
const MAX_STATE: usize = 512;

impl TraceContext {
    /// The context `headers` tell of; none if there is none, two, or a broken one: then a trace starts anew (section 4.3).
    /// Without one, Cloudflare AI Gateway's headers join a trace, too
    /// (<https://developers.cloudflare.com/ai-gateway/observability/otel-integration/>).
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        Self::w3c(headers).or_else(|| Self::cloudflare(headers))
    }

    fn cloudflare(headers: &HeaderMap) -> Option<Self> {
        let hex = |name: &'static str, length: usize| {
            let text = headers.get(HeaderName::from_static(name))?.to_str().ok()?;
            let fits = text.len() == length && text.bytes().all(|b| b.is_ascii_hexdigit());
            u128::from_str_radix(text, 16).ok().filter(|id| fits && *id != 0)
        };
        let trace_id = hex("cf-aig-otel-trace-id", 32)?;
        let span_id = hex("cf-aig-otel-parent-span-id", 16).and_then(|id| u64::try_from(id).ok()).unwrap_or(0);
        Some(Self { trace_id, span_id, flags: SAMPLED, state: None })
    }

    fn w3c(headers: &HeaderMap) -> Option<Self> {
        let mut parents = headers.get_all(TRACEPARENT).iter();
        let (first, second) = (parents.next()?, parents.next());
        let (trace_id, span_id, flags) = parent(first.as_bytes()).filter(|_| second.is_none())?;
        let states: Option<Vec<&str>> = headers.get_all(TRACESTATE).iter().map(|v| v.to_str().ok()).collect();
        let state = states.map(|all| all.join(",")).filter(|text| !text.is_empty() && text.len() <= MAX_STATE);
        Some(Self { trace_id, span_id, flags, state })
    }
}

/// `version-trace-span-flags`. A version after ours may have more fields (section 3.2.4).
fn parent(text: &[u8]) -> Option<(u128, u64, u8)> {
    let text = std::str::from_utf8(text).ok()?;
    let hex = |text: &str| text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let mut fields = text.splitn(5, '-');
    let mut field = |length| fields.next().filter(|text| text.len() == length && hex(text));
    let (version, trace, span, flags) = (field(2)?, field(32)?, field(16)?, field(2)?);
    if version == "ff" || (version == "00" && fields.next().is_some()) {
        return None;
    }
    let trace = u128::from_str_radix(trace, 16).ok().filter(|id| *id != 0)?;
    let span = u64::from_str_radix(span, 16).ok().filter(|id| *id != 0)?;
    Some((trace, span, u8::from_str_radix(flags, 16).ok()?))
}

/// Bit of the flags: somebody records this trace.
const SAMPLED: u8 = 1;

/// The gateway's own span of a request, where traces are on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub trace_id: u128,
    pub span_id: u64,
    pub sampled: bool,
    salt: u64,
}

impl Span {
    /// The span of the request with this id, in its parent's trace or a new one. Its ids are those of the request in
    /// another form: as random, and the same wherever they are asked for. The parent decides if the trace is recorded;
    /// without one, `ratio` of all are.
    pub fn begin(request_id: &str, parent: Option<&TraceContext>, ratio: f64) -> Self {
        let digest: [u8; 32] = Sha256::digest(request_id.as_bytes()).into();
        let (trace, rest) = digest.split_first_chunk::<16>().map_or(([0; 16], &digest[..0]), |(t, r)| (*t, r));
        let (span, salt) = rest.split_first_chunk::<8>().map_or(([0; 8], rest), |(s, r)| (*s, r));
        let salt = salt.first_chunk::<8>().copied().unwrap_or_default();
        let own = u128::from_be_bytes(trace).max(1);
        let sampled = match parent {
            Some(parent) => parent.flags & SAMPLED != 0,
            None => is_sampled(own, ratio),
        };
        let trace_id = parent.map_or(own, |p| p.trace_id);
        Self { trace_id, span_id: u64::from_be_bytes(span).max(1), sampled, salt: u64::from_be_bytes(salt) }
    }

    /// The span of the attempt with this number, from 0.
    pub fn attempt(&self, number: usize) -> u64 {
        let step = 0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(number as u64 + 1);
        self.salt.wrapping_add(step).max(1)
    }

    /// `traceparent` of the attempt with this number.
    pub fn header(&self, number: usize) -> Option<HeaderValue> {
        let (trace, span, flags) = (self.trace_id, self.attempt(number), u8::from(self.sampled));
        HeaderValue::try_from(format!("00-{trace:032x}-{span:016x}-{flags:02x}")).ok()
    }
}

/// By the low bits of the id, so that everybody who sees it decides alike.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "a ratio of traces is not counted to the last bit"
)]
fn is_sampled(trace_id: u128, ratio: f64) -> bool {
    ratio >= 1.0 || ((trace_id as u64 >> 1) as f64) < ratio * (1_u64 << 63) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contexts() {
        let of = |parent: &str, states: &[&str]| {
            let mut headers = HeaderMap::new();
            headers.insert("traceparent", parent.parse().unwrap());
            for state in states {
                headers.append("tracestate", state.parse().unwrap());
            }
            TraceContext::of(&headers)
        };
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        let good = format!("00-{trace}-00f067aa0ba902b7-01");
        let context = of(&good, &["a=1", "b=2"]).unwrap();
        assert_eq!(format!("{:032x}-{:016x}-{:02x}", context.trace_id, context.span_id, context.flags), good[3..]);
        assert_eq!(context.state.as_deref(), Some("a=1,b=2"));
        assert_eq!(of(&good, &[&"a".repeat(513)]).unwrap().state, None);
        assert!(of(&format!("01-{trace}-00f067aa0ba902b7-00-more"), &[]).is_some());
        for bad in [
            format!("ff-{trace}-00f067aa0ba902b7-01"),
            format!("00-{trace}-00f067aa0ba902b7-01-more"),
            format!("00-{trace}-0000000000000000-01"),
            format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32)),
            format!("00-{}-00f067aa0ba902b7-01", trace.to_uppercase()),
            format!("00-{trace}-00f067aa0ba902b7"),
            String::new(),
        ] {
            assert_eq!(of(&bad, &[]), None, "{bad}");
        }
    }

    #[test]
    fn cloudflares_headers_join_a_trace() {
        let of = |pairs: &[(&'static str, &'static str)]| {
            let headers = pairs.iter().map(|(n, v)| (HeaderName::from_static(n), HeaderValue::from_static(v)));
            TraceContext::of(&headers.collect::<HeaderMap>()).map(|c| (c.trace_id, c.span_id, c.flags))
        };
        let (trace, span) = ("cf-aig-otel-trace-id", "cf-aig-otel-parent-span-id");
        assert_eq!(of(&[(trace, "0000000000000000000000000000000a"), (span, "000000000000000B")]), Some((10, 11, 1)));
        assert_eq!(of(&[(trace, "0000000000000000000000000000000a")]), Some((10, 0, 1)));
        assert_eq!(of(&[(trace, "0000000000000000000000000000000a"), (span, "+00000000000000b")]), Some((10, 0, 1)));
        assert_eq!(of(&[(span, "000000000000000b")]), None);
        assert_eq!(of(&[(trace, "00000000000000000000000000000000")]), None);
        let parent = ("traceparent", "00-0000000000000000000000000000000c-000000000000000d-00");
        assert_eq!(of(&[(trace, "0000000000000000000000000000000a"), parent]), Some((12, 13, 0)));
    }

    #[test]
    fn spans_of_a_request() {
        let parent = |flags| TraceContext { trace_id: 5, span_id: 6, flags, state: None };
        let span = Span::begin("req_a", None, 1.0);
        assert_eq!(span, Span::begin("req_a", None, 1.0));
        assert_ne!(span.trace_id, Span::begin("req_b", None, 1.0).trace_id);
        assert!(span.sampled && span.attempt(0) != span.attempt(1) && span.attempt(0) != span.span_id);
        assert!(!Span::begin("req_a", None, 0.0).sampled);
        // Whoever began the trace decides.
        assert!(Span::begin("req_a", Some(&parent(1)), 0.0).sampled);
        assert!(!Span::begin("req_a", Some(&parent(0)), 1.0).sampled);
        let joined = Span::begin("req_a", Some(&parent(1)), 1.0);
        let want = format!("00-{:032x}-{:016x}-01", 5, joined.attempt(0));
        assert_eq!((joined.trace_id, joined.header(0).unwrap().to_str().unwrap()), (5, want.as_str()));
        let taken = (0..1000).filter(|n| Span::begin(&format!("req_{n}"), None, 0.25).sampled).count();
        assert!((180..320).contains(&taken), "{taken}");
    }
}
