//! Turns and their parts.

use serde_json::Value;

use super::{CALL_A, NEW, OLD, check_turns, conversation, encode};
use crate::anthropic::json;

#[test]
fn system_turns_keep_their_place() {
    // pitfalls 119, 149
    let turns = r#"[{"role":"developer","content":[{"type":"text","text":"A"},{"type":"text","text":""}]},{"role":"system","content":"B"},
        {"role":"user","content":"x"},{"role":"system","content":"mid"},{"role":"user","content":"y"},{"role":"system","content":"end"}]"#;
    let system = r#"[{"type":"text","text":"A"},{"type":"text","text":"B"}]"#;
    check_turns(
        turns,
        NEW,
        &format!(
            r#"[{system},{{"role":"user","content":[{{"type":"text","text":"x"}}]}},{{"role":"system","content":[{{"type":"text","text":"mid"}}]}},
            {{"role":"user","content":[{{"type":"text","text":"y"}}]}},{{"role":"system","content":[{{"type":"text","text":"end"}}]}}]"#
        ),
        "",
    );
    check_turns(
        turns,
        OLD,
        &format!(
            r#"[{system},{{"role":"user","content":[{{"type":"text","text":"x"}},{{"type":"text","text":"<system-note>mid</system-note>"}}]}},
            {{"role":"user","content":[{{"type":"text","text":"y"}},{{"type":"text","text":"<system-note>end</system-note>"}}]}}]"#
        ),
        "messages.role=approx",
    );
    // After an assistant turn: into the next user turn, after its words; and never between a call and its result.
    check_turns(
        r#"[{"role":"user","content":"x"},{"role":"assistant","content":"a"},{"role":"system","content":"s"},{"role":"user","content":"y"}]"#,
        OLD,
        r#"[{"role":"user","content":[{"type":"text","text":"x"}]},{"role":"assistant","content":[{"type":"text","text":"a"}]},
            {"role":"user","content":[{"type":"text","text":"y"},{"type":"text","text":"<system-note>s</system-note>"}]}]"#,
        "messages.role=approx",
    );
    check_turns(
        r#"[{"role":"user","content":"x"},{"role":"assistant","content":"a"},{"role":"system","content":"s"},{"role":"assistant","content":"b"},{"role":"user","content":"y"}]"#,
        OLD,
        r#"[{"role":"user","content":[{"type":"text","text":"x"}]},{"role":"assistant","content":[{"type":"text","text":"a"}]},
            {"role":"user","content":[{"type":"text","text":"<system-note>s</system-note>"}]},{"role":"assistant","content":[{"type":"text","text":"b"}]},
            {"role":"user","content":[{"type":"text","text":"y"}]}]"#,
        "messages.role=approx",
    );
    check_turns(
        r#"[{"role":"system","content":"only"}]"#,
        NEW,
        r#"[[{"type":"text","text":"only"}],{"role":"user","content":[{"type":"text","text":"(conversation continues)"}]}]"#,
        "messages=approx",
    );
}

#[test]
fn results_come_first_and_in_call_order() {
    // pitfalls 1, 2, 3
    check_turns(
        r#"[{"role":"user","content":"x"},
        {"role":"assistant","content":"t","tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}},{"id":"b","type":"function","function":{"name":"f","arguments":""}}]},
        {"role":"user","content":"between"},
        {"role":"tool","tool_call_id":"b","content":[{"type":"text","text":"B"},{"type":"image_url","image_url":{"url":"data:image/png;base64,iVBORw0KGgo="}}]},
        {"role":"system","content":"tokens left"},
        {"role":"tool","tool_call_id":"a","content":"A"},
        {"role":"user","content":"after"}]"#,
        NEW,
        r#"[{"role":"user","content":[{"type":"text","text":"x"}]},
        {"role":"assistant","content":[{"type":"text","text":"t"},{"type":"tool_use","id":"a","name":"f","input":{}},{"type":"tool_use","id":"b","name":"f","input":{}}]},
        {"role":"user","content":[{"type":"tool_result","tool_use_id":"a","content":"A"},
            {"type":"tool_result","tool_use_id":"b","content":[{"type":"text","text":"B"},{"type":"image","source":{"type":"base64","media_type":"image/png","data":"iVBORw0KGgo="}}]},
            {"type":"text","text":"between"}]},
        {"role":"system","content":[{"type":"text","text":"tokens left"}]},
        {"role":"user","content":[{"type":"text","text":"after"}]}]"#,
        "",
    );
    // Missing, orphaned and repeated results.
    check_turns(
        &format!(r#"[{{"role":"user","content":"x"}},{CALL_A},{{"role":"user","content":"y"}}]"#),
        NEW,
        r#"[{"role":"user","content":[{"type":"text","text":"x"}]},{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"f","input":{"n":1}}]},
        {"role":"user","content":[{"type":"tool_result","tool_use_id":"a","content":"(no result was provided)","is_error":true},{"type":"text","text":"y"}]}]"#,
        "messages.tool_calls=approx",
    );
    check_turns(
        r#"[{"role":"user","content":"x"},{"role":"tool","tool_call_id":"zz","content":"lost"}]"#,
        NEW,
        r#"[{"role":"user","content":[{"type":"text","text":"x"}]},{"role":"user","content":[{"type":"text","text":"[result of tool call zz]"},{"type":"text","text":"lost"}]}]"#,
        "messages.tool_call_id=approx",
    );
    check_turns(
        &format!(
            r#"[{{"role":"user","content":"x"}},{CALL_A},{{"role":"tool","tool_call_id":"a","content":"1"}},{{"role":"tool","tool_call_id":"a","content":""}}]"#
        ),
        NEW,
        r#"[{"role":"user","content":[{"type":"text","text":"x"}]},{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"f","input":{"n":1}}]},
        {"role":"user","content":[{"type":"tool_result","tool_use_id":"a"}]}]"#,
        "messages.tool_call_id=approx",
    );
}

#[test]
fn ids_are_legal_and_differ() {
    // pitfalls 4, 6
    let (out, _) = conversation(
        r#"[{"role":"user","content":"x"},
        {"role":"assistant","tool_calls":[{"id":"f:0","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"f:0","content":"1"},
        {"role":"assistant","tool_calls":[{"id":"f:0","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"f:0","content":"2"},
        {"role":"assistant","tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"c","content":"3"},
        {"role":"assistant","tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"c","content":"4"}]"#,
        NEW,
    );
    let ids: Vec<_> = [1, 3, 5, 7].iter().map(|i| out[i]["content"][0]["id"].as_str().unwrap().to_owned()).collect();
    for (at, id) in ids.iter().enumerate() {
        assert_eq!(out[at * 2 + 2]["content"][0]["tool_use_id"], *id);
        assert_eq!(out[at * 2 + 2]["content"][0]["content"], (at + 1).to_string());
        assert!(id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-'));
        assert_eq!(ids.iter().filter(|i| *i == id).count(), 1, "{ids:?}");
    }
    assert_eq!(ids[2], "c");
}

#[test]
fn turns_that_anthropic_would_refuse() {
    let user = r#"{"role":"user","content":"x"}"#;
    let user_out = r#"{"role":"user","content":[{"type":"text","text":"x"}]}"#;
    // First turn not the user's.
    check_turns(
        &format!(r#"[{{"role":"assistant","content":"a"}},{user}]"#),
        NEW,
        &format!(
            r#"[{{"role":"user","content":[{{"type":"text","text":"(conversation continues)"}}]}},{{"role":"assistant","content":[{{"type":"text","text":"a"}}]}},{user_out}]"#
        ),
        "messages=approx",
    );
    // pitfalls 117, 118: nothing empty goes out.
    for empty in [r#""content":"""#, r#""content":null"#, r#""content":[{"type":"text","text":""}]"#] {
        check_turns(
            &format!(r#"[{user},{{"role":"assistant",{empty}}},{user}]"#),
            NEW,
            &format!("[{user_out},{user_out}]"),
            "",
        );
    }
    check_turns(
        &format!(r#"[{user},{{"role":"user","content":[{{"type":"text","text":""}},{{"type":"text","text":"z"}}]}}]"#),
        NEW,
        &format!(r#"[{user_out},{{"role":"user","content":[{{"type":"text","text":"z"}}]}}]"#),
        "",
    );
    assert_eq!(
        encode(&format!(r#"{{"messages":[{user},{{"role":"user","content":""}}]}}"#), NEW).unwrap_err(),
        "messages[1].content"
    );
    // Prefill: continued where the model does, else refused; leftovers of clients are taken away.
    check_turns(
        &format!(r#"[{user},{{"role":"assistant","content":"{{ \n"}}]"#),
        OLD,
        &format!(r#"[{user_out},{{"role":"assistant","content":[{{"type":"text","text":"{{"}}]}}]"#),
        "",
    );
    assert_eq!(
        encode(&format!(r#"{{"messages":[{user},{{"role":"assistant","content":"a"}}]}}"#), NEW).unwrap_err(),
        "messages[1]"
    );
    check_turns(
        &format!(r#"[{user},{{"role":"assistant","content":"(no content)"}}]"#),
        NEW,
        &format!("[{user_out}]"),
        "messages=drop",
    );
    // Refusals are words; names are lost.
    check_turns(
        &format!(
            r#"[{user},{{"role":"assistant","content":null,"refusal":"no"}},{{"role":"user","name":"bob","content":"x"}}]"#
        ),
        NEW,
        &format!(r#"[{user_out},{{"role":"assistant","content":[{{"type":"text","text":"no"}}]}},{user_out}]"#),
        "messages.refusal=approx,messages.name=drop",
    );
}

#[test]
fn arguments_of_every_kind() {
    // pitfalls 17, 18, 19
    let input = |arguments: &str| {
        let body = format!(
            r#"{{"messages":[{{"role":"user","content":"x"}},{{"role":"assistant","tool_calls":[{{"id":"a","type":"function","function":{{"name":"f","arguments":{arguments}}}}}]}},{{"role":"tool","tool_call_id":"a","content":"r"}}]}}"#
        );
        let encoded = encode(&body, NEW).unwrap();
        let text = String::from_utf8(encoded.body).unwrap();
        let at = text.find("\"input\":").unwrap() + 8;
        let end = text[at..].find("}]},").unwrap();
        (text[at..at + end].to_owned(), encoded.losses.header().unwrap_or_default())
    };
    let exact = r#"{\"n\":123456789012345678901234567890,\"x\":1e2,\"a\":1,\"a\":2,\"e\\u0073c\":\"\\u00e9\"}"#;
    assert_eq!(
        input(&format!("\"{exact}\"")),
        (
            r#"{"n":123456789012345678901234567890,"x":1e2,"a":1,"a":2,"e\u0073c":"\u00e9"}"#.to_owned(),
            "tools=approx".to_owned()
        )
    );
    assert_eq!(input(r#""""#).0, "{}");
    assert_eq!(input("null").0, "{}");
    assert_eq!(input(r#"{"a":1.0}"#).0, r#"{"a":1.0}"#);
    let (text, losses) = input(r#""{\"a\":""#);
    assert_eq!(json(text)["_invalid_arguments"], "{\"a\":");
    assert_eq!(losses, "messages.tool_calls.function.arguments=approx,tools=approx");
    assert_eq!(input(r#""[1]""#).0, r#"{"_invalid_arguments":"[1]"}"#);
}

#[test]
fn only_anthropics_own_thinking_goes_back() {
    // pitfalls 77, 78, 86, 87, 88, 142
    let turn = |members: &str| {
        let (out, losses) = conversation(
            &format!(
                r#"[{{"role":"user","content":"x"}},{{"role":"assistant","content":"a",{members}}},{{"role":"user","content":"y"}}]"#
            ),
            NEW,
        );
        (out[1]["content"].clone(), losses)
    };
    let text = r#"{"type":"text","text":"a"}"#;
    for (members, want, losses) in [
        (
            r#""reasoning_content":"hm","reasoning_details":[{"type":"reasoning.text","index":0,"format":"anthropic-claude-v1","signature":"S"}]"#,
            r#"{"type":"thinking","thinking":"hm","signature":"S"},"#,
            "",
        ),
        (
            r#""reasoning_details":[{"type":"reasoning.text","text":"t1","signature":"S1","format":"anthropic-claude-v1"},{"type":"reasoning.encrypted","data":"E","format":"anthropic-claude-v1"}]"#,
            r#"{"type":"thinking","thinking":"t1","signature":"S1"},{"type":"redacted_thinking","data":"E"},"#,
            "",
        ),
        (r#""reasoning_content":"hm""#, "", "messages.reasoning_content=drop"),
        (r#""reasoning":"hm""#, "", "messages.reasoning=drop"),
        (
            r#""reasoning_details":[{"type":"reasoning.text","text":"t","format":"anthropic-claude-v1"},{"type":"reasoning.text","text":"t","signature":"S","format":"google-gemini-v1"},{"type":"reasoning.text","text":"t","signature":"gw1.x","format":"anthropic-claude-v1"}]"#,
            "",
            "messages.reasoning_details=drop",
        ),
        // Two texts in one string: there is no telling which is whose.
        (
            r#""reasoning_content":"ab","reasoning_details":[{"type":"reasoning.text","format":"anthropic-claude-v1","signature":"S"},{"type":"reasoning.text","format":"anthropic-claude-v1","signature":"T"}]"#,
            "",
            "messages.reasoning_details=drop,messages.reasoning_content=drop",
        ),
    ] {
        let (got, header) = turn(members);
        assert_eq!(got, json(format!("[{want}{text}]")), "{members}");
        assert_eq!(header, losses, "{members}");
    }
    // A tool loop whose thinking is lost cannot go on with a budget.
    let body = format!(
        r#"{{"messages":[{{"role":"user","content":"x"}},{CALL_A},{{"role":"tool","tool_call_id":"a","content":"1"}}],"reasoning_effort":"high","tools":[{{"type":"function","function":{{"name":"f"}}}}]}}"#
    );
    let encoded = encode(&body, OLD).unwrap();
    assert_eq!(json(&encoded.body)["thinking"], Value::Null);
    assert_eq!(encoded.losses.header().unwrap(), "reasoning_effort=approx");
}

#[test]
fn cache_breakpoints() {
    // pitfalls 100-103
    let turns = |part: &str| conversation(&format!(r#"[{{"role":"user","content":[{part}]}}]"#), NEW);
    let text = |mark: &str| format!(r#"{{"type":"text","text":"x",{mark}}}"#);
    for (mark, want, losses) in [
        (r#""prompt_cache_breakpoint":{"mode":"explicit"}"#, r#"{"type":"ephemeral"}"#, ""),
        (
            r#""prompt_cache_breakpoint":{"mode":"explicit","ttl":"30m"}"#,
            r#"{"type":"ephemeral","ttl":"1h"}"#,
            "prompt_cache_breakpoint.ttl=approx",
        ),
        (r#""cache_control":{"type":"ephemeral","ttl":"1h"}"#, r#"{"type":"ephemeral","ttl":"1h"}"#, ""),
        (r#""cache_control":{"type":"ephemeral"}"#, r#"{"type":"ephemeral"}"#, ""),
    ] {
        let (out, header) = turns(&text(mark));
        assert_eq!(out[0]["content"][0]["cache_control"], json(want), "{mark}");
        assert_eq!(header, losses, "{mark}");
    }
    let many: Vec<_> = (0..6).map(|_| text(r#""cache_control":{"type":"ephemeral"}"#)).collect();
    let (out, losses) = turns(&many.join(","));
    let marked: Vec<_> = out[0]["content"].as_array().unwrap().iter().map(|b| !b["cache_control"].is_null()).collect();
    assert_eq!(marked, [false, false, true, true, true, true]);
    assert_eq!(losses, "prompt_cache_breakpoint=drop");
    let (out, _) =
        turns(r#"{"type":"text","text":"","cache_control":{"type":"ephemeral"}},{"type":"text","text":"x"}"#);
    assert_eq!(out[0]["content"], json(r#"[{"type":"text","text":"x"}]"#));
}

#[test]
fn later_turns_do_not_change_earlier_ones() {
    // pitfall 100
    let turns = [
        r#"{"role":"system","content":"s"}"#,
        r#"{"role":"user","content":"x"}"#,
        CALL_A,
        r#"{"role":"tool","tool_call_id":"a","content":"1"}"#,
        r#"{"role":"system","content":"left: 9"}"#,
        CALL_A,
        r#"{"role":"tool","tool_call_id":"a","content":"2"}"#,
        r#"{"role":"user","content":"y"}"#,
    ];
    let body = |n: usize| {
        let encoded = encode(&format!(r#"{{"messages":[{}]}}"#, turns[..n].join(",")), NEW).unwrap();
        let text = String::from_utf8(encoded.body).unwrap();
        let at = text.find("\"messages\":[").unwrap();
        let end = text.rfind("}]").unwrap();
        text[at..end].to_owned()
    };
    for n in [2, 4, 5, 7] {
        let (short, long) = (body(n), body(8));
        let stem = short.trim_end_matches(['}', ']']);
        assert!(long.starts_with(stem), "{n}\n{short}\n{long}");
    }
}

/// Would take minutes if anything in it were quadratic.
#[test]
fn long_histories_take_linear_time() {
    let call = r#"{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}"#;
    let calls = vec![call; 5_000].join(",");
    let results = vec![r#"{"role":"tool","tool_call_id":"c","content":"r"}"#; 5_000].join(",");
    let orphans = vec![r#"{"role":"tool","tool_call_id":"o","content":"r"}"#; 5_000].join(",");
    let body = format!(
        r#"{{"messages":[{{"role":"user","content":"x"}},{{"role":"assistant","tool_calls":[{calls}]}},{results},{orphans}]}}"#
    );
    let out = json(encode(&body, NEW).unwrap().body);
    let (calls, answers) = (&out["messages"][1]["content"], &out["messages"][2]["content"]);
    assert_eq!(calls.as_array().unwrap().len(), 5_000);
    assert_eq!(answers[4_999]["tool_use_id"], calls[4_999]["id"]);
    assert_eq!(answers[5_000]["type"], "text");
}
