//! Requests in, and the same requests out again.

use apex_core::dialect::{Target, anthropic};
use apex_core::hub::{Form, MediaSource, OutputFormat, Part, Reasoning, ReasoningMode, Role, Tool, ToolChoice};
use apex_core::provider::Quirks;
use proptest::prelude::*;
use serde_json::Value;

use super::{json, recorded};

const TARGET: Target<'_> = Target { provider: "p", model: "claude-x", quirks: &Quirks::OPENAI };

fn again(body: &str) -> String {
    let request = anthropic::decode_request(body).unwrap_or_else(|e| panic!("{e}: {body}"));
    let encoded = anthropic::encode_request(&request, &TARGET).unwrap();
    assert!(encoded.losses.is_empty(), "{:?}", encoded.losses);
    String::from_utf8(encoded.body).unwrap()
}

/// Same members, whatever their order; numbers by spelling where the source is at hand.
fn check_same(body: &str) {
    let out = again(body);
    let mut want = json(body);
    want["model"] = "claude-x".into();
    if want["stream"] == false {
        want.as_object_mut().unwrap().remove("stream");
    }
    assert_eq!(json(&out), want);
}

const EVERYTHING: &str = include_str!("../../golden/anthropic/everything.json");

#[test]
fn everything_survives() {
    check_same(EVERYTHING);
    // Stable: a second pass changes nothing.
    assert_eq!(again(&again(EVERYTHING)), again(EVERYTHING));
}

#[test]
fn arguments_keep_their_text() {
    // pitfall 18
    let input = r#"{"n":123456789012345678901234567890,"x":1e2,"a":1,"a":2,"e\u0073c":"\u00e9","f":1.0}"#;
    let body = format!(
        r#"{{"model":"m","max_tokens":9,"messages":[{{"role":"assistant","content":[{{"type":"tool_use","id":"t","name":"f","input":{input}}}]}}],
        "tools":[{{"name":"f","input_schema":{{"z":1,"a":{{"maximum":1e30}},"z":2}}}}]}}"#
    );
    let out = again(&body);
    assert!(out.contains(input), "{out}");
    assert!(out.contains(r#"{"z":1,"a":{"maximum":1e30},"z":2}"#), "{out}");
}

#[test]
fn recorded_requests_survive() {
    for (path, exchange) in recorded("anthropic.messages") {
        let body = &exchange["request"]["body"];
        if body.is_null() || body["messages"].is_null() {
            continue;
        }
        let text = body.to_string();
        let Ok(request) = anthropic::decode_request(&text) else {
            assert!(exchange["response"]["status"].as_u64() >= Some(400), "{path}");
            continue;
        };
        let encoded = anthropic::encode_request(&request, &TARGET).unwrap();
        let mut want = body.clone();
        want["model"] = "claude-x".into();
        normalise(&mut want);
        let mut got = json(&encoded.body);
        normalise(&mut got);
        if encoded.losses.is_empty() {
            assert_eq!(got, want, "{path}");
        }
    }
}

/// Differences that mean nothing: nulls, `stream: false`, `type: custom` on tools, the older place of a format.
fn normalise(value: &mut Value) {
    fn nulls(value: &mut Value) {
        match value {
            Value::Object(map) => {
                map.retain(|_, v| !v.is_null());
                map.values_mut().for_each(nulls);
            }
            Value::Array(list) => list.iter_mut().for_each(nulls),
            _ => {}
        }
    }
    nulls(value);
    let map = value.as_object_mut().unwrap();
    if map.get("stream") == Some(&false.into()) {
        map.remove("stream");
    }
    for empty in ["tools", "stop_sequences"] {
        if map.get(empty).is_some_and(|t| t.as_array().is_some_and(Vec::is_empty)) {
            map.remove(empty);
        }
    }
    if let Some(format) = map.remove("output_format") {
        map.entry("output_config").or_insert_with(|| json("{}"))["format"] = format;
    }
    for tool in map.get_mut("tools").and_then(Value::as_array_mut).into_iter().flatten() {
        if tool["type"] == "custom" {
            tool.as_object_mut().unwrap().remove("type");
        }
    }
}

#[test]
fn reads_what_it_means() {
    let r = anthropic::decode_request(EVERYTHING).unwrap();
    assert!(r.stream);
    assert_eq!(r.max_tokens, Some(4096));
    assert_eq!(r.system.as_ref().unwrap().form, Form::Parts);
    assert_eq!(r.reasoning.mode, Some(ReasoningMode::Enabled));
    assert_eq!(r.reasoning.budget, Some(2048));
    assert_eq!(r.parallel_tool_calls, Some(false));
    assert!(matches!(&r.tool_choice, Some(ToolChoice::Named { name, .. }) if *name == "f"));
    assert!(matches!(&r.output, OutputFormat::JsonSchema { .. }));
    assert_eq!(r.user.as_ref().unwrap().text(), "u-1");
    // pitfalls 32, 36: unknown kinds are kept, not refused.
    assert!(matches!(&r.tools[1], Tool::Hosted { kind, .. } if kind == "web_search_20260318"));
    let kinds: Vec<_> = r.turns[0].parts.iter().collect();
    assert!(matches!(kinds[1], Part::Image(i) if matches!(i.source, MediaSource::Base64 { .. })));
    assert!(matches!(kinds[4], Part::Document(d) if matches!(d.source, MediaSource::Blocks(_))));
    assert!(matches!(kinds[5], Part::Other { kind, .. } if kind == "search_result"));
    assert_eq!(r.turns[2].role, Role::User);
    assert_eq!(r.turns[3].role, Role::System);
    let rest: Vec<_> = r.ext.iter().map(|(k, _)| k.as_ref()).collect();
    assert_eq!(
        rest,
        [
            "cache_control",
            "context_management",
            "new_beta",
            "thinking.display",
            "output_config.task_budget",
            "metadata.x"
        ]
    );
}

#[test]
fn thinking_that_is_not_anthropics_never_goes_there() {
    // pitfalls 77, 142: the whole block goes, not only its signature.
    for block in [
        r#"{"type":"thinking","thinking":"x","signature":"gw1.eyJrIjoidW5zaWduZWQifQ"}"#,
        r#"{"type":"thinking","thinking":"x","signature":""}"#,
        r#"{"type":"thinking","thinking":"x"}"#,
        r#"{"type":"redacted_thinking","data":"gw1.abc"}"#,
    ] {
        let body = format!(
            r#"{{"messages":[{{"role":"assistant","content":[{block}]}},{{"role":"assistant","content":[{block},{{"type":"text","text":"t","citations":[{{"type":"web_search_result_location","encrypted_index":"gw1.x"}},{{"encrypted_index":""}},{{"encrypted_index":"native"}}]}}]}}]}}"#
        );
        let request = anthropic::decode_request(&body).unwrap();
        if let Part::Reasoning(Reasoning::Thinking { signature, .. }) = &request.turns[0].parts[0] {
            assert!(signature.is_none(), "{block}");
        }
        let encoded = anthropic::encode_request(&request, &TARGET).unwrap();
        assert_eq!(
            json(&encoded.body)["messages"],
            json(
                r#"[{"role":"assistant","content":[{"type":"text","text":"t","citations":[{"encrypted_index":"native"}]}]}]"#
            )
        );
        assert_eq!(encoded.losses.header().unwrap(), "thinking=drop");
    }
}

#[test]
fn names_the_place_of_a_fault() {
    for (body, path) in [
        ("[]", ""),
        ("{}", "messages"),
        (r#"{"messages":{}}"#, "messages"),
        (r#"{"messages":[{"role":"tool","content":"x"}]}"#, "messages[0].role"),
        (r#"{"messages":[{"role":"user"}]}"#, "messages[0].content"),
        (r#"{"messages":[{"role":"user","content":1}]}"#, "messages[0].content"),
        (r#"{"messages":[{"role":"user","content":[{"type":"text"}]}]}"#, "messages[0].content[0].text"),
        (r#"{"messages":[{"role":"user","content":["x"]}]}"#, "messages[0].content[0]"),
        (
            r#"{"messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":[{"type":"image","source":{"type":"base64"}}]}]}]}"#,
            "messages[0].content[0].content[0].source.media_type",
        ),
        (
            r#"{"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"f","input":"x"}]}]}"#,
            "messages[0].content[0].input",
        ),
        (r#"{"messages":[],"max_tokens":"many"}"#, "max_tokens"),
        (r#"{"messages":[],"tools":[{}]}"#, "tools[0].name"),
        (r#"{"messages":[],"tool_choice":{"type":"tool"}}"#, "tool_choice.name"),
        (r#"{"messages":[],"thinking":{"type":"enabled","budget_tokens":-1}}"#, "thinking.budget_tokens"),
        (r#"{"messages":[],"stop_sequences":["a",1]}"#, "stop_sequences[1]"),
        (r#"{"messages":[],"output_config":{"format":{"type":"json_schema"}}}"#, "output_config.format.schema"),
    ] {
        assert_eq!(anthropic::decode_request(body).unwrap_err().path, path, "{body}");
    }
}

#[test]
fn nesting_has_an_end() {
    let open = r#"{"type":"tool_result","tool_use_id":"t","content":["#;
    let body =
        format!(r#"{{"messages":[{{"role":"user","content":[{}{}]}}]}}"#, open.repeat(20_000), "]}".repeat(20_000));
    assert!(anthropic::decode_request(&body).unwrap_err().what.contains("deeply"));
}

proptest! {
    #[test]
    fn no_body_panics(at in 0..EVERYTHING.len(), byte in any::<u8>(), cut in any::<bool>()) {
        let mut bytes = EVERYTHING.as_bytes().to_vec();
        bytes[at] = byte;
        if cut {
            bytes.truncate(at);
        }
        if let Ok(text) = std::str::from_utf8(&bytes)
            && let Ok(request) = anthropic::decode_request(text)
        {
            anthropic::encode_request(&request, &TARGET).unwrap();
        }
    }
}
