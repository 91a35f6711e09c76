//! Requests of Anthropic clients for Chat upstreams: one row of the mapping after the other.

use apex_core::provider::Quirks;
use serde_json::{Value, json};

use super::{foreign, json, losses};

/// The message list and the losses of a request that has nothing else.
fn messages(turns: &str) -> (Value, String) {
    let encoded = foreign(&format!(r#"{{"max_tokens":99,"messages":[{turns}]}}"#), &Quirks::OPENAI).unwrap();
    (json(&encoded.body)["messages"].clone(), losses(&encoded))
}

fn refused(body: &str, quirks: &Quirks) -> String {
    foreign(body, quirks).expect_err(body).to_string()
}

#[test]
fn the_golden_example() {
    let body = include_str!("../../golden/openai_chat/example_request_anthropic.json");
    let encoded = foreign(body, &Quirks::OPENAI).unwrap();
    let expected = include_str!("../../golden/openai_chat/example_request_chat.json");
    assert_eq!(json(&encoded.body), serde_json::from_str::<Value>(expected).unwrap());
    assert_eq!(
        losses(&encoded),
        "metadata.user_id=approx,cache_control=drop,messages.thinking=drop,messages.tool_result.is_error=approx,messages.tool_result.image=approx"
    );
}

/// The arguments are the caller's text: numbers, order, duplicates and escapes stay (pitfalls 18 and 111).
#[test]
fn arguments_and_schemas_stay_as_written() {
    let body = r#"{"max_tokens":99,"messages":[{"role":"user","content":"x"},
        {"role":"assistant","content":[{"type":"tool_use","id":"t","name":"f","input":{"z":123456789012345678901234567890, "e":1e2,"d":1,"d":2,"k\u0065y":"\u00e9"}}]},
        {"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":"ok"}]}],
        "tools":[{"name":"f","input_schema":{"type":"object","properties":{"z":{"minimum":1e2},"a":{"const":123456789012345678901234567890}},"$schema":"s"}}]}"#;
    let text = String::from_utf8(foreign(body, &Quirks::OPENAI).unwrap().body).unwrap();
    let arguments =
        r#""arguments":"{\"z\":123456789012345678901234567890, \"e\":1e2,\"d\":1,\"d\":2,\"k\\u0065y\":\"\\u00e9\"}""#;
    assert!(text.contains(arguments), "{text}");
    // Pitfall 107: no provider's cleaning but its own.
    let schema = r#""parameters":{"type":"object","properties":{"z":{"minimum":1e2},"a":{"const":123456789012345678901234567890}},"$schema":"s"}"#;
    assert!(text.contains(schema), "{text}");
}

#[test]
fn system_text() {
    let case = |system: &str, quirks: &Quirks| {
        let body = format!(r#"{{"max_tokens":99,"system":{system},"messages":[{{"role":"user","content":"x"}}]}}"#);
        let encoded = foreign(&body, quirks).unwrap();
        (json(&encoded.body)["messages"][0].clone(), losses(&encoded))
    };
    let openai = &Quirks::OPENAI;
    assert_eq!(case(r#""a""#, openai).0, json!({"role":"system","content":"a"}));
    assert_eq!(case(r#""""#, openai).0["role"], "user");
    // Blocks stay apart; where only strings go they are joined.
    let two = r#"[{"type":"text","text":"a"},{"type":"text","text":"b","cache_control":{"type":"ephemeral"}}]"#;
    let parts = json!([{"type":"text","text":"a"},{"type":"text","text":"b"}]);
    assert_eq!(case(two, openai), (json!({"role":"system","content":parts}), "cache_control=drop".into()));
    assert_eq!(case(two, &Quirks::DEEPSEEK).0["content"], "a\n\nb");
    // Pitfalls 100 and 120: the billing line changes with every version and would cost every cache.
    let billing = r#"[{"type":"text","text":"x-anthropic-billing-header: cc_version=1"},{"type":"text","text":"a"}]"#;
    assert_eq!(case(billing, openai), (json!({"role":"system","content":"a"}), "system[0]=drop".into()));
    // Pitfall 104: marks are for those who know them, and named where they are left out.
    for quirks in [openai, &Quirks::MISTRAL, &Quirks::GROQ, &Quirks::DEEPSEEK, &Quirks::COMPATIBLE] {
        let (bare, lost) = case(two, quirks);
        assert!(!bare.to_string().contains("cache_control") && lost == "cache_control=drop", "{bare} {lost}");
    }
    let marked = case(two, &Quirks::OPENROUTER).0["content"][1].clone();
    assert_eq!(marked["cache_control"], json!({"type":"ephemeral"}));
    let developer = Quirks { developer_role: true, ..Quirks::OPENAI };
    assert_eq!(case(r#""a""#, &developer).0["role"], "developer");
}

/// Pitfall 101: string and block content are one code path.
#[test]
fn user_content() {
    let (list, lost) = messages(
        r#"{"role":"user","content":"a"},{"role":"assistant","content":"b"},
        {"role":"user","content":[{"type":"text","text":"c"},{"type":"text","text":""},
            {"type":"image","source":{"type":"url","url":"https://e.x/i.png"}},
            {"type":"image","source":{"type":"base64","media_type":"image/jpeg","data":"iVBORw0KGgo="}},
            {"type":"document","title":"T.pdf","source":{"type":"base64","media_type":"application/pdf","data":"JVBE"}},
            {"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"JVBE"}},
            {"type":"document","title":"T","citations":{"enabled":true},"source":{"type":"text","media_type":"text/plain","data":"body"}},
            {"type":"document","source":{"type":"content","content":[{"type":"text","text":"in"}]}},
            {"type":"search_result","title":"S","source":"https://s","content":[{"type":"text","text":"found"}]}]}"#,
    );
    assert_eq!(list[0], json!({"role":"user","content":"a"}));
    assert_eq!(list[1], json!({"role":"assistant","content":"b"}));
    let expected = json!([
        {"type":"text","text":"c"},
        {"type":"image_url","image_url":{"url":"https://e.x/i.png"}},
        // Pitfall 127: it is a png, whatever it was called.
        {"type":"image_url","image_url":{"url":"data:image/png;base64,iVBORw0KGgo="}},
        {"type":"file","file":{"filename":"T.pdf","file_data":"data:application/pdf;base64,JVBE"}},
        {"type":"file","file":{"filename":"document.pdf","file_data":"data:application/pdf;base64,JVBE"}},
        {"type":"text","text":"T\n\nbody"},
        {"type":"text","text":"in"},
        {"type":"text","text":"S\nhttps://s\nfound"},
    ]);
    assert_eq!(list[2]["content"], expected);
    assert_eq!(lost, "messages.document.citations=drop,messages.search_result=approx");
}

/// What the upstream cannot fetch is refused, not dropped (pitfall 126).
#[test]
fn media_out_of_reach() {
    for (block, place) in [
        (r#"{"type":"image","source":{"type":"file","file_id":"file_1"}}"#, "messages[0].content[1].source"),
        (r#"{"type":"document","source":{"type":"url","url":"https://e.x/a.pdf"}}"#, "messages[0].content[1].source"),
        (r#"{"type":"compaction","content":null}"#, "messages[0].content[1]"),
    ] {
        let body = format!(
            r#"{{"max_tokens":99,"messages":[{{"role":"user","content":[{{"type":"text","text":"x"}},{block}]}}]}}"#
        );
        assert!(refused(&body, &Quirks::OPENAI).starts_with(&format!("{place}: ")), "{block}");
    }
    let pdf = r#"{"max_tokens":99,"messages":[{"role":"user","content":[{"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"JVBE"}}]}]}"#;
    assert!(refused(pdf, &Quirks::GROQ).starts_with("messages[0].content[0].source: "));
    let empty = r#"{"max_tokens":99,"messages":[{"role":"user","content":""}]}"#;
    assert_eq!(refused(empty, &Quirks::OPENAI), "messages[0].content: a user message must not be empty");
}

const TWO_CALLS: &str = r#"{"role":"user","content":"go"},{"role":"assistant","content":[
    {"type":"tool_use","id":"a","name":"f","input":{}},{"type":"tool_use","id":"b","name":"g","input":{"x":1}}]}"#;

/// Results directly behind the calls, in call order, media behind the whole group (pitfalls 1, 2, 20).
#[test]
fn results_follow_their_calls() {
    let (list, lost) = messages(&format!(
        r#"{TWO_CALLS},{{"role":"system","content":"between"}},{{"role":"user","content":[
        {{"type":"text","text":"before"}},
        {{"type":"tool_result","tool_use_id":"b","content":[{{"type":"image","source":{{"type":"base64","media_type":"image/png","data":"iVBORw0KGgo="}}}}]}},
        {{"type":"tool_result","tool_use_id":"a","content":[{{"type":"text","text":"one"}},{{"type":"text","text":"two"}}],"is_error":false}}]}}"#
    ));
    let picture = json!({"type":"image_url","image_url":{"url":"data:image/png;base64,iVBORw0KGgo="}});
    assert_eq!(list[2]["role"], "tool");
    assert_eq!(
        list[2],
        json!({"role":"tool","tool_call_id":"a","content":[{"type":"text","text":"one"},{"type":"text","text":"two"}]})
    );
    assert_eq!(list[3], json!({"role":"tool","tool_call_id":"b","content":"[image 1 attached below]"}));
    assert_eq!(
        list[4],
        json!({"role":"user","content":[{"type":"text","text":"[image 1, from tool call b]"},picture]})
    );
    assert_eq!(list[5], json!({"role":"system","content":"between"}));
    assert_eq!(list[6], json!({"role":"user","content":"before"}));
    assert_eq!(list.as_array().unwrap().len(), 7);
    assert_eq!(lost, "messages.tool_result.image=approx");
}

/// Pitfall 4: ids restart in every reply; a result belongs to the nearest call without one.
#[test]
fn restarting_ids() {
    let call = r#"{"role":"assistant","content":[{"type":"tool_use","id":"call_0","name":"f","input":{}}]}"#;
    let result = |text: &str| {
        format!(r#"{{"role":"user","content":[{{"type":"tool_result","tool_use_id":"call_0","content":"{text}"}}]}}"#)
    };
    let (list, lost) = messages(&format!(
        r#"{{"role":"user","content":"go"}},{call},{},{call},{}"#,
        result("first"),
        result("second")
    ));
    assert_eq!(list[2]["content"], "first");
    assert_eq!(list[4]["content"], "second");
    assert_eq!(lost, "");
}

/// Pitfall 3: whatever the history lost, the request is in order.
#[test]
fn broken_histories_are_repaired() {
    // No result at all, and one for a call that never was.
    let (list, lost) = messages(&format!(
        r#"{TWO_CALLS},{{"role":"user","content":[{{"type":"tool_result","tool_use_id":"nobody","content":"lost"}},{{"type":"tool_result","tool_use_id":"a","content":"1"}},{{"type":"tool_result","tool_use_id":"a","content":"2"}}]}}"#
    ));
    assert_eq!(list[2], json!({"role":"tool","tool_call_id":"a","content":"2"}));
    assert_eq!(list[3], json!({"role":"tool","tool_call_id":"b","content":"(no result was provided)"}));
    assert_eq!(list[4], json!({"role":"user","content":"lost"}));
    assert_eq!(lost, "messages.tool_result=approx");
}

#[test]
fn results_are_text() {
    let case = |result: &str, quirks: &Quirks| {
        let body = format!(
            r#"{{"max_tokens":99,"messages":[{{"role":"user","content":"go"}},{{"role":"assistant","content":[{{"type":"tool_use","id":"a","name":"f","input":{{}}}}]}},
            {{"role":"user","content":[{{"type":"tool_result","tool_use_id":"a"{result}}}]}}]}}"#
        );
        let encoded = foreign(&body, quirks).unwrap();
        (json(&encoded.body)["messages"][2]["content"].clone(), losses(&encoded))
    };
    let openai = &Quirks::OPENAI;
    assert_eq!(case("", openai).0, "");
    assert_eq!(case(r#","content":"""#, &Quirks::GOOGLE_COMPAT).0, "(no output)");
    assert_eq!(case(r#","content":[{"type":"text","text":"x"}]"#, openai).0, "x");
    assert_eq!(
        case(r#","content":[{"type":"text","text":"x"},{"type":"text","text":"y"}]"#, &Quirks::DEEPSEEK).0,
        "x\ny"
    );
    // Pitfall 23: the model learns of the failure, once.
    let failed = |text: &str| case(&format!(r#","is_error":true,"content":"{text}""#), openai);
    assert_eq!(failed("no"), ("Error: no".into(), "messages.tool_result.is_error=approx".into()));
    assert_eq!(failed("Error: no").0, "Error: no");
    // Pitfall 24: text, not structure.
    assert_eq!(case(r#","content":"{\"\":1}""#, openai).0, r#"{"":1}"#);
    assert_eq!(
        case(r#","content":[{"type":"tool_reference","tool_name":"f"}]"#, openai),
        ("[tool: f]".into(), "messages.tool_reference=approx".into())
    );
}

/// One message per turn, whatever its order; reasoning never becomes content (pitfalls 37 and 87).
#[test]
fn assistant_turns() {
    let (list, lost) = messages(
        r#"{"role":"user","content":"x"},{"role":"assistant","content":[
            {"type":"thinking","thinking":"secret","signature":"S"},{"type":"redacted_thinking","data":"R"},
            {"type":"text","text":"a"},{"type":"text","text":"b"},
            {"type":"tool_use","id":"t","name":"f","input":{}},{"type":"text","text":"c"}]},
        {"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":"r"}]}"#,
    );
    assert_eq!(list[1]["content"], "abc");
    assert_eq!(list[1]["tool_calls"][0]["function"]["arguments"], "{}");
    assert!(!list.to_string().contains("secret"));
    assert_eq!(lost, "messages.thinking=drop,messages.redacted_thinking=drop,messages.content=approx");
    // Pitfall 118: no content at all is `null` beside calls, and no message without them.
    let (list, _) = messages(TWO_CALLS);
    assert_eq!(list[1]["content"], Value::Null);
    let (list, _) = messages(
        r#"{"role":"user","content":"x"},{"role":"assistant","content":[{"type":"text","text":""}]},{"role":"user","content":"y"}"#,
    );
    assert_eq!(list.as_array().unwrap().len(), 2);
}

#[test]
fn what_servers_did_is_history() {
    let (list, lost) = messages(
        r#"{"role":"user","content":"x"},{"role":"assistant","content":[
            {"type":"server_tool_use","id":"s","name":"web_search","input":{"query":"q"}},
            {"type":"web_search_tool_result","tool_use_id":"s","content":[{"type":"web_search_result","title":"T","url":"https://t","encrypted_content":"E"}]},
            {"type":"text","text":"answer"},
            {"type":"mcp_tool_use","id":"m","name":"n","input":{}},
            {"type":"compaction","content":"so far"}]},{"role":"user","content":"y"}"#,
    );
    let text = "\n[called web_search with {\"query\":\"q\"}]\n\n[search results:\n- T https://t]\nanswerSummary of earlier conversation: so far";
    assert_eq!(list[1], json!({"role":"assistant","content":text}));
    assert_eq!(
        lost,
        "messages.server_tool_use=approx,messages.web_search_tool_result=approx,messages.mcp_tool_use=drop,messages.compaction=approx"
    );
}

/// Pitfalls 119 and 149: a system turn stays in place, or inside the user's turn, but never goes to the top.
#[test]
fn system_in_the_middle() {
    let body = r#"{"max_tokens":99,"system":"top","messages":[{"role":"user","content":"a"},{"role":"system","content":"note"}]}"#;
    let list = json(&foreign(body, &Quirks::OPENAI).unwrap().body)["messages"].clone();
    assert_eq!(list[2], json!({"role":"system","content":"note"}));
    let encoded = foreign(body, &Quirks::MISTRAL).unwrap();
    let list = json(&encoded.body)["messages"].clone();
    assert_eq!(list.as_array().unwrap().len(), 2);
    let note = json!([{"type":"text","text":"a"},{"type":"text","text":"<system-note>\nnote\n</system-note>"}]);
    assert_eq!(list[1]["content"], note);
    assert_eq!(losses(&encoded), "messages.system=approx");
}

#[test]
fn prefill() {
    let body = |text: &str| {
        format!(
            r#"{{"max_tokens":99,"messages":[{{"role":"user","content":"a"}},{{"role":"assistant","content":"{text}"}}]}}"#
        )
    };
    let last = |text: &str, quirks: &Quirks| {
        let encoded = foreign(&body(text), quirks).unwrap();
        (json(&encoded.body)["messages"].as_array().unwrap().last().unwrap().clone(), losses(&encoded))
    };
    assert_eq!(
        last("{", &Quirks::OPENAI),
        (json!({"role":"assistant","content":"{"}), "messages.prefill=approx".into())
    );
    assert_eq!(last("{", &Quirks::MISTRAL).0, json!({"role":"assistant","content":"{","prefix":true}));
    assert_eq!(last("(no content)", &Quirks::OPENAI).0["role"], "user");
    assert_eq!(last(" ", &Quirks::OPENAI).0["role"], "user");
}

#[test]
fn names_and_ids() {
    // Pitfall 29: what is too long or odd gets an alias, everywhere the same, and a way back.
    let long = "mcp__".to_owned() + &"x".repeat(80);
    let id = "toolu_".to_owned() + &"y".repeat(80);
    let body = format!(
        r#"{{"max_tokens":99,"messages":[{{"role":"user","content":"x"}},{{"role":"assistant","content":[{{"type":"tool_use","id":"{id}","name":"{long}","input":{{}}}}]}},
        {{"role":"user","content":[{{"type":"tool_result","tool_use_id":"{id}","content":"r"}}]}}],
        "tools":[{{"name":"{long}","input_schema":{{"type":"object"}}}}],"tool_choice":{{"type":"tool","name":"{long}"}}}}"#
    );
    for quirks in [&Quirks::OPENAI, &Quirks::MISTRAL] {
        let encoded = foreign(&body, quirks).unwrap();
        let out = json(&encoded.body);
        let name = out["tools"][0]["function"]["name"].as_str().unwrap();
        assert_eq!(name.len(), 64);
        assert_eq!(out["tool_choice"]["function"]["name"], name);
        let call = &out["messages"][1]["tool_calls"][0];
        assert_eq!(call["function"]["name"], name);
        assert_eq!(out["messages"][2]["tool_call_id"], call["id"]);
        // Pitfall 5: nine letters or digits at Mistral, at most 64 characters elsewhere.
        let length = call["id"].as_str().unwrap().len();
        assert!(if quirks.tool_id == apex_core::provider::ToolId::Alnum9 { length == 9 } else { length <= 64 });
        assert_eq!(encoded.aliases.original(apex_core::json::JsonStr::owned(name)).text(), long);
        assert_eq!(foreign(&body, quirks).unwrap().body, encoded.body, "aliases are pure functions");
    }
    // An id that another provider made is kept: it may want it back as it was.
    let kept = r#"{"max_tokens":99,"messages":[{"role":"user","content":"x"},{"role":"assistant","content":[{"type":"tool_use","id":"functions.f:0","name":"f","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"functions.f:0","content":"r"}]}]}"#;
    let out = json(&foreign(kept, &Quirks::OPENAI).unwrap().body);
    assert_eq!(out["messages"][1]["tool_calls"][0]["id"], "functions.f:0");
}

/// Pitfall 100: turn n's body is the beginning of turn n+1's, carried media and folded notes included.
#[test]
fn bodies_grow_at_the_end() {
    let turns = [
        r#"{"role":"user","content":[{"type":"text","text":"go","cache_control":{"type":"ephemeral"}}]},{"role":"system","content":"left: 9"}"#,
        r#"{"role":"assistant","content":[{"type":"thinking","thinking":"t","signature":"S"},{"type":"tool_use","id":"a","name":"f","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"a","content":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"iVBORw0KGgo="}}]}]}"#,
        r#"{"role":"assistant","content":"done"},{"role":"user","content":"more"}"#,
    ];
    for quirks in [&Quirks::OPENAI, &Quirks::MISTRAL, &Quirks::DEEPSEEK, &Quirks::OPENROUTER] {
        let body = |n: usize| {
            let body = format!(r#"{{"max_tokens":99,"system":"s","messages":[{}]}}"#, turns[..n].join(","));
            String::from_utf8(foreign(&body, quirks).unwrap().body).unwrap()
        };
        for n in 1..turns.len() {
            let (short, long) = (body(n), body(n + 1));
            assert!(long.starts_with(short.strip_suffix("]}").unwrap()), "{short}\n{long}");
        }
    }
}
