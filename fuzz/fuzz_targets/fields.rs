//! Small languages inside of headers and members: none makes its parser fail, and what is read is what can be written.
#![no_main]

use apex_core::hub::{Opaque, OpaqueKind, Place, opaque};
use apex_core::json::JsonStr;
use apex_core::money::Money;
use apex_core::multipart;
use apex_core::name::{self, Mapping};
use apex_core::plan::list;
use apex_core::trace_context::{Span, TraceContext};
use apex_core::url::{Base, segment, split_authority};
use apex_core::{count, route};
use http::{HeaderMap, HeaderName, HeaderValue};
use libfuzzer_sys::fuzz_target;

// The first byte says of what the rest is one.
fuzz_target!(|input: &str| {
    let mut chars = input.chars();
    let Some(which) = chars.next() else { return };
    let text = chars.as_str();
    match which {
        't' => trace(text),
        'o' => envelope(text),
        'm' => mapping(text),
        'u' => address(text),
        'n' => {
            let most = Money::from_picos(1_000_000_000_000_000);
            if let Some(money) = Money::parse(text, most) {
                assert!(money.picos() <= most.picos());
            }
        }
        'b' => {
            if let Ok(value) = HeaderValue::from_str(text)
                && let Ok(boundary) = multipart::boundary(&value)
            {
                assert!(!boundary.is_empty() && text.contains(boundary));
            }
        }
        'l' => {
            let _ = (list::read(text), count::read(text), route::model_in_path(text));
        }
        _ => {}
    }
});

/// Lines are the values of `traceparent`, `tracestate` and Cloudflare's two headers.
fn trace(text: &str) {
    let names = ["traceparent", "tracestate", "cf-aig-otel-trace-id", "cf-aig-otel-parent-span-id", "traceparent"];
    let mut headers = HeaderMap::new();
    for (name, value) in names.into_iter().zip(text.lines()) {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.append(HeaderName::from_static(name), value);
        }
    }
    let Some(parent) = TraceContext::of(&headers) else { return };
    assert!(parent.trace_id != 0, "an invalid trace goes on");
    // What is sent on is a context of the same trace.
    let span = Span::begin("req", Some(&parent), 1.0);
    let mut onward = HeaderMap::new();
    onward.insert("traceparent", span.header(1).expect("a header"));
    let read = TraceContext::of(&onward).expect("what we write, we read");
    assert_eq!(read.trace_id, parent.trace_id);
}

/// Opaque state: what is sealed opens as it was.
fn envelope(text: &str) {
    for kind in [OpaqueKind::AnthropicSignature, OpaqueKind::GeminiSignature, OpaqueKind::OpenAiEncrypted] {
        let Some(state) = Opaque::read(kind, JsonStr::escape(text)) else { continue };
        for place in [Place::Reasoning, Place::NextCall, Place::LastText] {
            let sealed = state.seal("p", "m", place);
            assert!(opaque::is_sealed(&JsonStr::escape(&sealed)));
            assert!(opaque::may_hold(format!("\"{sealed}\"").as_bytes()), "a look misses it");
            let again = Opaque::read(kind, JsonStr::owned(&sealed)).expect("what is sealed opens");
            assert_eq!((again.kind, &again.data, again.place), (state.kind, &state.data, place));
            assert_eq!((&again.id, &again.text, &again.phase), (&state.id, &state.text, &state.phase));
        }
    }
}

fn mapping(text: &str) {
    let (header, name) = text.split_once('\n').unwrap_or((text, "m#p"));
    if let Ok(mapping) = Mapping::parse(header.as_bytes()) {
        let provider = |name: &str| name.rfind('#').map(|at| name[at..].to_owned());
        assert!(provider(name).is_none_or(|of| mapping.apply(name).ends_with(&of)), "the provider stays");
    }
    let _ = name::glob(header, name);
}

fn address(text: &str) {
    if let Ok(base) = Base::parse(text) {
        let uri = base.join("/chat/completions", None).expect("a base can be joined");
        assert_eq!(uri.authority().expect("a host").as_str(), base.origin.authority());
    }
    if let Some((host, _)) = split_authority(text) {
        assert!(!host.is_empty() && !host.contains(['/', '@', '#', '?', ' ']), "{host}");
    }
    if let Some(segment) = segment(text) {
        assert!(!segment.contains(['/', '?', '#']) && segment != "." && segment != "..", "{segment}");
    }
}
