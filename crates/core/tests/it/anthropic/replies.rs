//! Whole replies in and out.

use apex_core::dialect::anthropic::{StreamDecoder, decode_reply, encode_reply};
use apex_core::hub::arguments::unsound_call;
use apex_core::hub::{Aliases, Block, Citation, ErrorKind, Event, Reply, Stop, StopReason, ToolKind, Usage};
use apex_core::json::JsonStr;
use apex_core::provider::Quirks;

use super::{context, fold, json, recorded, sse};

const GOLDEN: &str = include_str!("../../golden/anthropic/reply.json");

fn decode(body: &str) -> Reply {
    fold(&decode_reply(body, &Quirks::OPENAI, &Aliases::default()).unwrap())
}

#[test]
fn a_reply_is_the_fold_of_its_stream() {
    // pitfalls 43, 73
    let mut decoder = StreamDecoder::new(&Quirks::OPENAI, Aliases::default());
    let mut events = Vec::new();
    for (name, data) in sse(include_str!("../../golden/anthropic/reply.sse")) {
        let mut out = Vec::new();
        decoder.push(name.as_deref(), &data, &mut out);
        events.extend(out.into_iter().map(Event::into_owned));
    }
    assert_eq!(decode(GOLDEN), fold(&events));
    let out = encode_reply(&decode(GOLDEN), &context());
    let mut want = json(GOLDEN);
    want["id"] = "msg_0123456789abcdefghijklmn".into();
    assert_eq!(json(out), want);
}

#[test]
fn arguments_keep_their_text() {
    // pitfall 18
    let input = r#"{"n":123456789012345678901234567890,"x":1e2,"a":1,"a":2,"e\u0073c":"\u00e9"}"#;
    let body = GOLDEN.replace(r#"{"path":"c"}"#, input);
    let reply = decode(&body);
    let Some(Block::ToolCall { arguments, .. }) = reply.blocks.last() else { panic!() };
    assert_eq!(arguments.text(), input);
    assert!(String::from_utf8(encode_reply(&reply, &context())).unwrap().contains(input));
}

#[test]
fn an_error_with_status_200_is_an_error() {
    // pitfall 132
    let body = r#"{"type":"error","error":{"type":"rate_limit_error","message":"slow"}}"#;
    let events = decode_reply(body, &Quirks::OPENAI, &Aliases::default()).unwrap();
    assert!(matches!(events.as_slice(), [Event::Error(f)] if f.kind == ErrorKind::RateLimit));
    assert!(decode_reply("{}", &Quirks::OPENAI, &Aliases::default()).is_err());
    assert!(decode_reply("<html>", &Quirks::OPENAI, &Aliases::default()).is_err());
}

fn text(s: &str) -> JsonStr<'static> {
    JsonStr::owned(s)
}

fn call(arguments: &str, kind: ToolKind) -> Block {
    Block::ToolCall { id: text("t"), name: text("f"), kind, arguments: text(arguments), opaque: None }
}

fn reply(blocks: Vec<Block>, reason: StopReason) -> Reply {
    Reply { blocks, stop: Some(Stop::plain(reason, text("x"))), ..Reply::default() }
}

#[test]
fn calls_that_are_no_objects() {
    let encoded = |r: &Reply| json(encode_reply(r, &context()));
    let sound = reply(vec![call("", ToolKind::Function)], StopReason::ToolCalls);
    // pitfall 17
    assert_eq!(encoded(&sound)["content"][0]["input"], json("{}"));
    assert!(unsound_call(&sound).is_none());
    let bad = reply(vec![call("\"x\"", ToolKind::Function)], StopReason::ToolCalls);
    assert_eq!(unsound_call(&bad).unwrap().kind, ErrorKind::BadAnswer);
    let cut = reply(vec![call("{\"a\":", ToolKind::Function)], StopReason::MaxTokens);
    assert!(unsound_call(&cut).is_none());
    assert_eq!(encoded(&cut)["content"], json("[]"));
    assert_eq!(encoded(&cut)["stop_reason"], "max_tokens");
    let custom = reply(vec![call("a\"b", ToolKind::Custom)], StopReason::ToolCalls);
    assert_eq!(encoded(&custom)["content"][0]["input"], json(r#"{"input":"a\"b"}"#));
}

#[test]
fn what_other_providers_say() {
    let citation = Citation { url: text("https://w"), title: None, cited_text: None, range: Some((0, 3)) };
    let r = Reply {
        usage: Usage { input_uncached: Some(10), cache_read: Some(90), output: Some(5), ..Usage::default() },
        ..reply(
            vec![
                Block::Reasoning { text: text("hm"), signature: None },
                Block::Text { text: text(""), citations: vec![], opaque: None },
                Block::Text { text: text("yes"), citations: vec![citation], opaque: None },
                Block::Refusal(text("but no")),
            ],
            StopReason::ContentFilter,
        )
    };
    let out = json(encode_reply(&r, &context()));
    assert!(out["content"][0]["signature"].as_str().unwrap().starts_with("gw1."));
    assert_eq!(out["content"].as_array().unwrap().len(), 3);
    assert_eq!(out["content"][1]["citations"][0]["url"], "https://w");
    assert!(out["content"][1]["citations"][0]["encrypted_index"].as_str().unwrap().starts_with("gw1."));
    assert_eq!(out["stop_reason"], "refusal");
    assert_eq!(out["stop_details"]["explanation"], "but no");
    // pitfall 95: disjoint counters.
    assert_eq!(out["usage"]["input_tokens"], 10);
    assert_eq!(out["usage"]["cache_read_input_tokens"], 90);
    let empty = json(encode_reply(&Reply::default(), &context()));
    assert_eq!(empty["content"], json("[]"));
    assert_eq!(empty["stop_reason"], "end_turn");
    assert_eq!(empty["usage"]["output_tokens"], 0);
}

#[test]
fn recorded_replies_come_back() {
    let mut seen = 0;
    for (path, exchange) in recorded("anthropic.messages") {
        let body = &exchange["response"]["body"];
        if body["type"] != "message" {
            continue;
        }
        seen += 1;
        let text = body.to_string();
        let before = decode(&text);
        let encoded = encode_reply(&before, &context());
        let after = decode(std::str::from_utf8(&encoded).unwrap());
        assert_eq!(before.stop.map(|s| s.reason), after.stop.map(|s| s.reason), "{path}");
        assert_eq!(before.usage.input_total(), after.usage.input_total(), "{path}");
        let calls = body["content"].as_array().unwrap().iter().filter(|b| b["type"] == "tool_use").count();
        assert_eq!(after.blocks.iter().filter(|b| matches!(b, Block::ToolCall { .. })).count(), calls, "{path}");
    }
    println!("{seen} replies");
}
