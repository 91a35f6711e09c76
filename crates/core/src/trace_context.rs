//! The trace a request is part of, as its client says in `traceparent` and `tracestate`
//! (<https://www.w3.org/TR/trace-context/>).

use http::HeaderMap;

/// A valid `traceparent`, and the `tracestate` beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceContext {
    /// Never zero.
    pub trace_id: u128,
    /// The client's span; never zero.
    pub span_id: u64,
    /// Bit 0: sampled.
    pub flags: u8,
    /// As it came; none if it is longer than 512 bytes.
    pub state: Option<String>,
}

/// Vendors must pass on at least this much (section 3.3.1.5).
const MAX_STATE: usize = 512;

impl TraceContext {
    /// The context `headers` tell of; none if there is none, two, or a broken one: then a trace starts anew (section 4.3).
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let mut parents = headers.get_all("traceparent").iter();
        let (first, second) = (parents.next()?, parents.next());
        let (trace_id, span_id, flags) = parent(first.as_bytes()).filter(|_| second.is_none())?;
        let states: Option<Vec<&str>> = headers.get_all("tracestate").iter().map(|v| v.to_str().ok()).collect();
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
}
