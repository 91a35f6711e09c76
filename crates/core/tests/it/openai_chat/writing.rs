//! Replies to Chat clients, streamed and whole.

use apex_core::dialect::{ReplyContext, anthropic, openai_chat};
use apex_core::hub::{
    Aliases, BlockStart, Citation, Delta, ErrorKind, Event, Failure, Opaque, OpaqueKind, Stop, StopReason, ToolKind,
    Usage,
};
use apex_core::json::JsonStr;
use apex_core::provider::Quirks;
use serde_json::{Value, json};

use super::{context, folded, json, sequenced, stream};

fn s(text: &str) -> JsonStr<'static> {
    JsonStr::owned(text)
}

fn written(events: Vec<Event<'static>>, context: ReplyContext) -> String {
    let mut encoder = openai_chat::StreamEncoder::new(context);
    let mut out = Vec::new();
    sequenced(events).iter().for_each(|e| encoder.push(e, &mut out));
    String::from_utf8(out).unwrap()
}

/// The deltas of a stream, one per chunk that has one.
fn deltas(sse: &str) -> Vec<Value> {
    sse.lines()
        .filter_map(|l| l.strip_prefix("data: "))
        .filter(|data| data.starts_with('{'))
        .map(|data| json(data.as_bytes())["choices"][0]["delta"].clone())
        .filter(|delta| !delta.is_null())
        .collect()
}

fn block(key: u32, start: BlockStart<'static>, deltas: Vec<Delta<'static>>) -> Vec<Event<'static>> {
    let mut events = vec![Event::BlockStart { key, block: start }];
    events.extend(deltas.into_iter().map(|delta| Event::Delta { key, delta }));
    events.push(Event::BlockStop { key });
    events
}

fn call(key: u32, kind: ToolKind, arguments: &[&str]) -> Vec<Event<'static>> {
    let start = BlockStart::ToolCall { id: s(&format!("id{key}")), name: s("f"), kind, opaque: None };
    block(key, start, arguments.iter().map(|a| Delta::Arguments(s(a))).collect())
}

fn ended(mut events: Vec<Event<'static>>, stop: Stop<'static>) -> Vec<Event<'static>> {
    events.insert(0, Event::Start { id: s("up"), model: s("upstream"), usage: Usage::default() });
    events.extend([Event::Stop(stop), Event::End]);
    events
}

fn stopped(events: Vec<Event<'static>>, reason: StopReason) -> Vec<Event<'static>> {
    ended(events, Stop::plain(reason, s("")))
}

/// Anthropic stream in, Chat stream out: the golden pair, byte for byte.
#[test]
fn the_golden_stream_comes_from_anthropics() {
    let mut decoder = anthropic::StreamDecoder::new(&Quirks::OPENAI, Aliases::default());
    let mut events = Vec::new();
    let source = include_str!("../../golden/openai_chat/example_stream_anthropic.sse");
    // Anthropic tells its reasoning tokens at the end.
    let source = source
        .replace(r#""output_tokens":25}"#, r#""output_tokens":25,"output_tokens_details":{"thinking_tokens":8}}"#);
    for event in source.split("\n\n") {
        let name = event.lines().find_map(|l| l.strip_prefix("event: "));
        let Some(data) = event.lines().find_map(|l| l.strip_prefix("data: ")) else { continue };
        let mut now = Vec::new();
        decoder.push(name, data, &mut now);
        events.extend(now.into_iter().map(Event::into_owned));
    }
    let context = ReplyContext { client_model: "m".into(), ..context() };
    let expected = include_str!("../../golden/openai_chat/example_stream_chat.sse");
    // The golden file leaves out the upstream's own word for the stop.
    let ours = written(events, context).replace(r#","native_finish_reason":"tool_use""#, "");
    assert_eq!(ours.trim_end(), expected.trim_end());
}

/// Pitfalls 11, 12 and 17: told once, dense from 0, arguments always JSON.
#[test]
fn calls() {
    let mut events = block(0, BlockStart::Text, vec![Delta::Text(s("a"))]);
    events.extend(call(1, ToolKind::Function, &["{\"x\":", "", "1}"]));
    events.extend(call(2, ToolKind::Function, &[]));
    events.extend(call(3, ToolKind::Custom, &["free"]));
    let sse = written(stopped(events, StopReason::ToolCalls), context());
    let expected = [
        json!({"role":"assistant","content":""}),
        json!({"content":"a"}),
        json!({"tool_calls":[{"index":0,"id":"id1","type":"function","function":{"name":"f","arguments":""}}]}),
        json!({"tool_calls":[{"index":0,"function":{"arguments":"{\"x\":"}}]}),
        json!({"tool_calls":[{"index":0,"function":{"arguments":"1}"}}]}),
        json!({"tool_calls":[{"index":1,"id":"id2","type":"function","function":{"name":"f","arguments":""}}]}),
        json!({"tool_calls":[{"index":1,"function":{"arguments":"{}"}}]}),
        json!({"tool_calls":[{"index":2,"id":"id3","type":"custom","custom":{"name":"f","input":""}}]}),
        json!({"tool_calls":[{"index":2,"custom":{"input":"free"}}]}),
        json!({}),
    ];
    assert_eq!(deltas(&sse), expected);
}

#[test]
fn fragments_are_copied_as_escaped() {
    let start = BlockStart::ToolCall { id: s("i"), name: s("f"), kind: ToolKind::Function, opaque: None };
    let pieces = [r#"{\"k\\u0065y\":123456789012345678901234567890,\"e\":1e2,"#, r"\ud83d", r"\ude00"];
    let events = block(0, start, pieces.iter().map(|p| Delta::Arguments(JsonStr::written(p))).collect());
    let sse = written(stopped(events, StopReason::ToolCalls), context());
    for piece in pieces {
        assert!(sse.contains(&format!(r#""arguments":"{piece}""#)), "{sse}");
    }
}

#[test]
fn usage_only_when_asked() {
    let events = || {
        let mut events = stopped(block(0, BlockStart::Text, vec![Delta::Text(s("a"))]), StopReason::EndTurn);
        let usage = Usage { input_uncached: Some(1), output: Some(2), ..Usage::default() };
        events.insert(4, Event::Usage(usage));
        events
    };
    let asked = written(events(), context());
    let lines: Vec<&str> = asked.lines().filter(|l| !l.is_empty()).collect();
    assert_eq!(lines.last(), Some(&"data: [DONE]"));
    let last = lines[lines.len() - 2];
    assert!(
        last.contains(r#""choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3,"#),
        "{last}"
    );
    assert!(lines[..lines.len() - 2].iter().all(|l| l.ends_with(r#""usage":null}"#)), "{asked}");
    let silent = written(events(), ReplyContext { include_usage: false, ..context() });
    assert!(!silent.contains("usage") && silent.ends_with("data: [DONE]\n\n"));
    // Unknown is not zero.
    let unknown = written(stopped(Vec::new(), StopReason::EndTurn), context());
    assert!(!unknown.contains("prompt_tokens"));
}

#[test]
fn sources_once_at_the_end() {
    let cite = |url: &str| Event::Citation {
        key: 0,
        citation: Citation { url: s(url), title: Some(s("t")), cited_text: None, range: Some((0, 1)) },
    };
    let mut events = block(0, BlockStart::Text, vec![Delta::Text(s("a"))]);
    events.insert(2, cite("u"));
    events.insert(3, cite("v"));
    let sse = written(stopped(events.clone(), StopReason::EndTurn), context());
    let annotation =
        |url: &str| json!({"type":"url_citation","url_citation":{"start_index":0,"end_index":1,"title":"t","url":url}});
    assert_eq!(deltas(&sse)[2], json!({"annotations":[annotation("u"),annotation("v")]}));
    let whole = json(&openai_chat::encode_reply(&folded(stopped(events, StopReason::EndTurn)), &context()));
    assert_eq!(whole["choices"][0]["message"]["annotations"], json!([annotation("u"), annotation("v")]));
}

#[test]
fn every_stop_has_its_word() {
    for (reason, word) in [
        (StopReason::Compaction, "stop"),
        (StopReason::ContentFilter, "content_filter"),
        (StopReason::ContextWindow, "length"),
        (StopReason::EndTurn, "stop"),
        (StopReason::MaxTokens, "length"),
        (StopReason::Pause, "stop"),
        (StopReason::Refusal, "content_filter"),
        (StopReason::StopSequence, "stop"),
        (StopReason::ToolCalls, "tool_calls"),
    ] {
        let events = stopped(Vec::new(), reason);
        let sse = written(events.clone(), context());
        assert!(sse.contains(&format!(r#""delta":{{}},"finish_reason":"{word}""#)), "{reason:?}: {sse}");
        let whole = json(&openai_chat::encode_reply(&folded(events), &context()));
        assert_eq!(whole["choices"][0]["finish_reason"], word, "{reason:?}");
    }
}

#[test]
fn a_stop_tells_what_it_hides() {
    let plain = written(ended(Vec::new(), Stop::plain(StopReason::EndTurn, s("stop"))), context());
    assert!(plain.contains(r#""finish_reason":"stop"}"#), "{plain}");
    let stop = Stop {
        reason: StopReason::StopSequence,
        sequence: Some(s("END")),
        explanation: None,
        details: Some(r#"{"type":"x"}"#.into()),
        native: s("stop_sequence"),
    };
    let sse = written(ended(Vec::new(), stop.clone()), context());
    let tail = r#""finish_reason":"stop","native_finish_reason":"stop_sequence","stop_sequence":"END","stop_details":{"type":"x"}"#;
    assert!(sse.contains(tail), "{sse}");
    let whole = openai_chat::encode_reply(&folded(ended(Vec::new(), stop)), &context());
    assert!(String::from_utf8(whole).unwrap().contains(tail));
}

/// Pitfall 136: a refusal without content says so.
#[test]
fn refusals_are_seen() {
    let case = |events: Vec<Event<'static>>, why: Option<&str>| {
        let stop = Stop { explanation: why.map(s), ..Stop::plain(StopReason::Refusal, s("refusal")) };
        let events = ended(events, stop);
        let streamed = deltas(&written(events.clone(), context()));
        let whole = json(&openai_chat::encode_reply(&folded(events), &context()));
        let streamed = streamed.iter().find_map(|d| d.get("refusal").cloned()).unwrap_or(Value::Null);
        assert_eq!(streamed, whole["choices"][0]["message"]["refusal"]);
        streamed
    };
    assert_eq!(case(Vec::new(), Some("because")), "because");
    assert_eq!(case(Vec::new(), None), "The request was declined.");
    assert_eq!(case(block(0, BlockStart::Text, vec![Delta::Text(s("half"))]), Some("because")), Value::Null);
    assert_eq!(case(block(0, BlockStart::Refusal, vec![Delta::Refusal(s("no"))]), None), "no");
}

/// Pitfall 124: members that typed clients read are there, `null` or not.
#[test]
fn a_whole_reply() {
    let mut events = block(
        0,
        BlockStart::Reasoning,
        vec![Delta::Reasoning(s("r")), Delta::Signature(Opaque::native(OpaqueKind::AnthropicSignature, s("S")))],
    );
    events.extend(block(
        1,
        BlockStart::Redacted { data: Opaque::native(OpaqueKind::AnthropicRedacted, s("D")) },
        Vec::new(),
    ));
    events.extend(block(2, BlockStart::Text, vec![Delta::Text(s("a"))]));
    events.extend(call(3, ToolKind::Function, &[]));
    events.extend(block(4, BlockStart::Text, vec![Delta::Text(s("b"))]));
    events.extend(call(5, ToolKind::Custom, &["free"]));
    let mut events = stopped(events, StopReason::ToolCalls);
    let usage = Usage {
        input_uncached: Some(10),
        cache_read: Some(90),
        output: Some(25),
        reasoning: Some(8),
        ..Usage::default()
    };
    events.insert(1, Event::Usage(usage));
    let body = openai_chat::encode_reply(&folded(events), &context());
    let expected = json!({
        "id":"chatcmpl-1","object":"chat.completion","created":1_790_000_000,"model":"client-model",
        "choices":[{"index":0,"message":{"role":"assistant","content":"ab","refusal":null,"reasoning_content":"r",
            "reasoning_details":[
                {"type":"reasoning.text","index":0,"format":"anthropic-claude-v1","text":"r","signature":"S"},
                {"type":"reasoning.encrypted","index":1,"format":"anthropic-claude-v1","data":"D"}],
            "annotations":[],
            "tool_calls":[{"id":"id3","type":"function","function":{"name":"f","arguments":"{}"}},
                {"id":"id5","type":"custom","custom":{"name":"f","input":"free"}}]},
            "logprobs":null,"finish_reason":"tool_calls"}],
        "usage":{"prompt_tokens":100,"completion_tokens":25,"total_tokens":125,
            "prompt_tokens_details":{"cached_tokens":90,"cache_write_tokens":0},"completion_tokens_details":{"reasoning_tokens":8}},
        "system_fingerprint":null});
    assert_eq!(json(&body), expected);
    let empty = json(&openai_chat::encode_reply(&folded(stopped(Vec::new(), StopReason::EndTurn)), &context()));
    let message = json!({"role":"assistant","content":null,"refusal":null,"annotations":[]});
    assert_eq!(empty["choices"][0]["message"], message);
    assert!(empty.get("usage").is_none());
}

/// What the client reads in pieces is what it would have read at once.
#[test]
fn our_stream_folds_to_our_reply() {
    let mut events = block(0, BlockStart::Reasoning, vec![Delta::Reasoning(s("r"))]);
    events.extend(block(1, BlockStart::Text, vec![Delta::Text(s("a")), Delta::Text(s("b"))]));
    events.extend(call(2, ToolKind::Function, &["{\"a\":", "1}"]));
    let events = stopped(events, StopReason::ToolCalls);
    let sse = written(events.clone(), context());
    let data: Vec<&str> = sse.lines().filter_map(|l| l.strip_prefix("data: ")).collect();
    let streamed = folded(stream(&Quirks::OPENAI, &data));
    let whole = openai_chat::encode_reply(&folded(events), &context());
    let whole = String::from_utf8(whole).unwrap();
    let whole = openai_chat::decode_reply(&whole, &Quirks::OPENAI, &Aliases::default()).unwrap();
    assert_eq!(folded(whole), streamed);
}

/// Pitfall 50: after a failure neither a finish reason nor the marker, and an open call stays open.
#[test]
fn failures_end_the_stream() {
    let failure = Failure::upstream(ErrorKind::BadAnswer, http::StatusCode::BAD_GATEWAY, "cut");
    let mut events = call(0, ToolKind::Function, &["{"]);
    events.pop();
    events.insert(0, Event::Start { id: s(""), model: s(""), usage: Usage::default() });
    let mut encoder = openai_chat::StreamEncoder::new(context());
    let mut out = Vec::new();
    events.iter().for_each(|e| encoder.push(e, &mut out));
    encoder.fail(&failure, &mut out);
    encoder.fail(&failure, &mut out);
    encoder.keep_alive(&mut out);
    encoder.push(&Event::End, &mut out);
    let sse = String::from_utf8(out).unwrap();
    let last = "data: {\"error\":{\"message\":\"cut\",\"type\":\"server_error\",\"param\":null,\"code\":\"upstream_invalid_response\"}}\n\n";
    assert!(sse.ends_with(last), "{sse}");
    assert_eq!(sse.matches("error").count(), 2, "said once: {sse}");
    assert!(!sse.contains("[DONE]") && !sse.contains(r#""finish_reason":""#));
}

/// Pitfall 62: a comment, for anything else is a chunk without choices.
#[test]
fn keep_alives_are_comments() {
    let mut encoder = openai_chat::StreamEncoder::new(context());
    let mut out = Vec::new();
    encoder.keep_alive(&mut out);
    encoder.push(&Event::Ping, &mut out);
    assert_eq!(out, b": keep-alive\n\n: keep-alive\n\n");
}
