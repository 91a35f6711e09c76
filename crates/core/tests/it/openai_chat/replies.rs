//! Whole replies of Chat upstreams: the same events as the stream gives.

use apex_core::dialect::{anthropic, openai_chat};
use apex_core::hub::{Aliases, Block, Event, StopReason};
use apex_core::provider::Quirks;

use super::{context, folded, json, sequenced, short, stream};

fn reply(body: &str, quirks: &Quirks) -> Vec<Event<'static>> {
    let events = openai_chat::decode_reply(body, quirks, &Aliases::default()).unwrap();
    events.into_iter().map(Event::into_owned).collect()
}

fn message(message: &str, finish: &str) -> String {
    let body = format!(
        r#"{{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{{"index":0,"message":{message},"logprobs":null,"finish_reason":{finish}}}]}}"#
    );
    let events = short(&reply(&body, &Quirks::COMPATIBLE));
    events.strip_prefix("start(c,m) ").unwrap().strip_suffix(" end").unwrap().to_owned()
}

#[test]
fn messages() {
    for (name, body, finish, expected) in [
        (
            "text",
            r#"{"role":"assistant","content":"a","refusal":null,"annotations":[]}"#,
            r#""stop""#,
            r#"+0text 0"a" -0 stop(EndTurn)"#,
        ),
        ("nothing", r#"{"role":"assistant","content":null}"#, r#""stop""#, "stop(EndTurn)"),
        ("no reason", r#"{"content":"a"}"#, "null", r#"+0text 0"a" -0 stop(EndTurn)"#),
        (
            "everything",
            r#"{"content":"a","reasoning_content":"r","tool_calls":[{"id":"x","type":"function","function":{"name":"f","arguments":"{}"}},{"id":"y","type":"function","function":{"name":"f","arguments":""}}]}"#,
            r#""tool_calls""#,
            r#"+0think 0"r" -0 +1text 1"a" -1 +2call(x,f) +3call(y,f) 2"{}" -2 -3 stop(ToolCalls)"#,
        ),
        (
            "legacy",
            r#"{"content":null,"function_call":{"name":"f","arguments":"{\"a\":1}"}}"#,
            r#""function_call""#,
            r#"+0call(call_5d3c2c8cc77ed1e2aa3ea6d3,f) 0"{\"a\":1}" -0 stop(ToolCalls)"#,
        ),
        ("refusal", r#"{"content":null,"refusal":"no"}"#, r#""stop""#, r#"+0refusal 0"no" -0 stop(Refusal)"#),
        (
            "sources",
            r#"{"content":"a","annotations":[{"type":"url_citation","url_citation":{"url":"u","title":"t","start_index":0,"end_index":1}}]}"#,
            r#""stop""#,
            r#"+0text 0"a" 0cite(u) -0 stop(EndTurn)"#,
        ),
        (
            "spoken",
            r#"{"content":null,"audio":{"id":"a","transcript":"t"}}"#,
            r#""stop""#,
            r#"+0text 0"t" -0 stop(EndTurn)"#,
        ),
        // Mistral: `null` as an id and the arguments as an object (pitfall 19).
        (
            "no ids",
            r#"{"content":"","tool_calls":[{"id":"x","function":{"name":"f","arguments":{"a": 1.0}}},{"id":"x","function":{"name":"f","arguments":{}}}]}"#,
            r#""tool_calls""#,
            "",
        ),
    ] {
        let events = message(body, finish);
        if name == "no ids" {
            assert!(events.contains(r#"0"{\"a\": 1.0}""#) && events.contains(r#"1"{}""#), "{events}");
            assert_eq!(events.matches("call(x,").count(), 1, "{events}");
        } else if name == "legacy" {
            assert!(
                events.starts_with("+0call(call_") && events.ends_with(r#" 0"{\"a\":1}" -0 stop(ToolCalls)"#),
                "{events}"
            );
        } else {
            assert_eq!(events, expected, "{name}");
        }
    }
}

/// A reply told whole and the same reply told in pieces are one reply (pitfalls 9, 43 and 73).
#[test]
fn the_stream_folds_to_the_reply() {
    let whole = r#"{"id":"c","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"ab","reasoning_content":"r","annotations":[{"type":"url_citation","url_citation":{"url":"u","title":"t","start_index":0,"end_index":2}}],
        "tool_calls":[{"id":"x","type":"function","function":{"name":"f","arguments":"{\"k\":[1e2]}"}},{"id":"y","type":"function","function":{"name":"g","arguments":"{}"}}]},"finish_reason":"tool_calls"}],
        "usage":{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15,"prompt_tokens_details":{"cached_tokens":4}}}"#;
    let piece = |delta: &str| {
        format!(r#"{{"id":"c","model":"m","choices":[{{"index":0,"delta":{delta},"finish_reason":null}}]}}"#)
    };
    let pieces = [
        piece(r#"{"role":"assistant","content":"","reasoning_content":"r"}"#),
        piece(r#"{"content":"a"}"#),
        piece(r#"{"content":"b","annotations":[{"type":"url_citation","url_citation":{"url":"u","title":"t","start_index":0,"end_index":2}}]}"#),
        piece(r#"{"tool_calls":[{"index":0,"id":"x","type":"function","function":{"name":"f","arguments":""}}]}"#),
        piece(r#"{"tool_calls":[{"index":0,"function":{"arguments":"{\"k\":"}},{"index":1,"id":"y","type":"function","function":{"name":"g","arguments":"{}"}}]}"#),
        piece(r#"{"tool_calls":[{"index":0,"function":{"arguments":"[1e2]}"}}]}"#),
        r#"{"id":"c","model":"m","choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}"#.to_owned(),
        r#"{"id":"c","model":"m","choices":[],"usage":{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15,"prompt_tokens_details":{"cached_tokens":4}}}"#.to_owned(),
        "[DONE]".to_owned(),
    ];
    let data: Vec<&str> = pieces.iter().map(String::as_str).collect();
    let folded_stream = folded(stream(&Quirks::COMPATIBLE, &data));
    assert_eq!(folded(reply(whole, &Quirks::COMPATIBLE)), folded_stream);
    assert_eq!(folded_stream.blocks.len(), 4);
    assert!(matches!(&folded_stream.blocks[1], Block::Text { citations, .. } if citations.len() == 1));
}

/// Disjoint counters out of whatever the provider prints (pitfalls 95, 96, 98).
#[test]
fn usage() {
    let case = |usage: &str, quirks: &Quirks| {
        let body = format!(
            r#"{{"id":"c","model":"m","choices":[{{"index":0,"message":{{"content":"a"}},"finish_reason":"stop"}}],"usage":{usage}}}"#
        );
        let events = short(&reply(&body, quirks));
        events.split_whitespace().find(|w| w.starts_with("usage")).unwrap_or("none").to_owned()
    };
    let any = &Quirks::COMPATIBLE;
    for (name, usage, quirks, expected) in [
        (
            "OpenAI",
            r#"{"prompt_tokens":100,"completion_tokens":25,"total_tokens":125,"prompt_tokens_details":{"cached_tokens":90,"cache_write_tokens":4},"completion_tokens_details":{"reasoning_tokens":8}}"#,
            any,
            "usage(6,90,4,25,8)",
        ),
        (
            "DeepSeek",
            r#"{"prompt_tokens":10,"completion_tokens":2,"prompt_cache_hit_tokens":7,"prompt_cache_miss_tokens":3}"#,
            any,
            "usage(3,7,-,2,-)",
        ),
        ("Mistral", r#"{"prompt_tokens":10,"completion_tokens":2,"num_cached_tokens":7}"#, any, "usage(3,7,-,2,-)"),
        ("Moonshot", r#"{"prompt_tokens":10,"completion_tokens":2,"cached_tokens":7}"#, any, "usage(3,7,-,2,-)"),
        (
            "xAI",
            r#"{"prompt_tokens":10,"completion_tokens":2,"total_tokens":17,"completion_tokens_details":{"reasoning_tokens":5}}"#,
            &Quirks::GROK,
            "usage(10,-,-,7,5)",
        ),
        (
            "xAI, counted in",
            r#"{"prompt_tokens":10,"completion_tokens":7,"total_tokens":17,"completion_tokens_details":{"reasoning_tokens":5}}"#,
            &Quirks::GROK,
            "usage(10,-,-,7,5)",
        ),
        (
            "xAI, cached beside",
            r#"{"prompt_tokens":10,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":50}}"#,
            &Quirks::GROK,
            "usage(10,50,-,2,-)",
        ),
        (
            "cached beside, elsewhere",
            r#"{"prompt_tokens":10,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":50}}"#,
            any,
            "usage(10,50,-,2,-)",
        ),
        ("odd numbers", r#"{"prompt_tokens":1e1,"completion_tokens":-2,"total_tokens":"x"}"#, any, "usage(10,-,-,-,-)"),
        ("zeros", r#"{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}"#, any, "none"),
        ("null", "null", any, "none"),
    ] {
        assert_eq!(case(usage, quirks), expected, "{name}");
    }
}

/// Pitfall 132: a 200 can be an error.
#[test]
fn errors_in_place_of_replies() {
    for (body, expected) in [
        (r#"{"error":{"message":"no","code":"context_length_exceeded"}}"#, "error(ContextLength,no)"),
        (r#"[{"error":{"code":429,"message":"no","status":"RESOURCE_EXHAUSTED"}}]"#, "error(RateLimit,no)"),
        (r#"{"success":false,"errors":[{"code":10000,"message":"no"}],"result":null}"#, "error(Auth,no)"),
        (r#"{"object":"error","message":"no","code":400}"#, "error(InvalidRequest,no)"),
    ] {
        assert_eq!(short(&reply(body, &Quirks::COMPATIBLE)), expected, "{body}");
    }
    for (body, expected) in [
        ("", "expected a value at byte 0"),
        ("<html>", "expected a value at byte 0"),
        (r#"{"id":"c"}"#, "choices: missing required member"),
        (r#"{"choices":[]}"#, "choices: expected at least one choice"),
        (r#"{"choices":{}}"#, "choices: expected an array"),
    ] {
        let error = openai_chat::decode_reply(body, &Quirks::COMPATIBLE, &Aliases::default()).unwrap_err();
        assert!(error.to_string().contains(expected), "{body}: {error}");
    }
    // Blank lines before the body keep a connection alive (DeepSeek).
    let late = "\n\n\n{\"id\":\"c\",\"model\":\"m\",\"choices\":[{\"message\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}]}";
    assert_eq!(short(&reply(late, &Quirks::COMPATIBLE)), r#"start(c,m) +0text 0"a" -0 stop(EndTurn) end"#);
}

#[test]
fn refusals_explain_themselves() {
    let body =
        r#"{"id":"c","choices":[{"message":{"content":null,"refusal":"I won't."},"finish_reason":"content_filter"}]}"#;
    let events = reply(body, &Quirks::OPENAI);
    let stop = events.iter().find_map(|e| if let Event::Stop(stop) = e { Some(stop) } else { None }).unwrap();
    assert_eq!(stop.reason, StopReason::Refusal);
    assert_eq!(stop.explanation.as_ref().unwrap().text(), "I won't.");
    assert_eq!(stop.native.text(), "content_filter");
}

/// Chat stream in, Anthropic stream out: the golden pair.
#[test]
fn the_golden_stream_becomes_anthropics() {
    let chat = include_str!("../../golden/openai_chat/example_stream_chat.sse");
    let data: Vec<&str> = chat.lines().filter_map(|l| l.strip_prefix("data: ")).collect();
    let mut encoder = anthropic::StreamEncoder::new(context());
    let mut out = Vec::new();
    sequenced(stream(&Quirks::OPENAI, &data)).iter().for_each(|e| encoder.push(e, &mut out));
    let written = objects(std::str::from_utf8(&out).unwrap());
    let expected = objects(include_str!("../../golden/openai_chat/example_stream_anthropic.sse"));
    assert_eq!(written.len(), expected.len(), "{}", String::from_utf8_lossy(&out));
    for (ours, theirs) in written.iter().zip(&expected) {
        match theirs["type"].as_str().unwrap() {
            // A Chat upstream tells its numbers at the end, and the head is our own.
            "message_start" => assert_eq!(ours["message"]["content"], theirs["message"]["content"]),
            "message_delta" => {
                assert_eq!(ours["delta"]["stop_reason"], "tool_use");
                for counter in
                    ["input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens", "output_tokens"]
                {
                    assert_eq!(ours["usage"][counter], theirs["usage"][counter], "{counter}");
                }
            }
            _ => assert_eq!(ours, theirs),
        }
    }
    // Pitfall 39: the head comes first, whatever the first chunk holds.
    assert!(out.starts_with(b"event: message_start\n"));
}

fn objects(sse: &str) -> Vec<serde_json::Value> {
    sse.lines().filter_map(|l| l.strip_prefix("data: ")).map(|data| json(data.as_bytes())).collect()
}
