//! Tools, media and structured output.

use serde_json::Value;

use super::{HI, NEW, OLD, check, encode, members};
use crate::anthropic::json;

#[test]
fn images_and_files() {
    let part = |part: &str| {
        let body = format!(r#"{{"messages":[{{"role":"user","content":[{{"type":"text","text":"x"}},{part}]}}]}}"#);
        encode(&body, NEW)
            .map(|e| (json(&e.body)["messages"][0]["content"][1].clone(), e.losses.header().unwrap_or_default()))
    };
    let image = |url: &str| part(&format!(r#"{{"type":"image_url","image_url":{{"url":"{url}","detail":"high"}}}}"#));
    // pitfalls 126, 127: the declared type is wrong; the bytes count.
    let (got, losses) = image("data:image/png;base64,/9j/4AAQSkZJRgABAQAAAQABAAD").unwrap();
    assert_eq!(got["source"]["media_type"], "image/jpeg");
    assert_eq!(losses, "messages.content.image_url.detail=drop");
    assert_eq!(
        image("https://e.com/a.png").unwrap().0["source"],
        json(r#"{"type":"url","url":"https://e.com/a.png"}"#)
    );
    assert_eq!(image("data:image/webp;base64,AAAA").unwrap().0["source"]["media_type"], "image/webp");
    for bad in [
        "data:image/bmp;base64,AAAA",
        "data:image/png;base64,Qk0AAAAAAAAAAAAA",
        "gs://bucket/a.png",
        "data:image/svg+xml;base64,PHN2Zz4=",
    ] {
        assert_eq!(image(bad).unwrap_err(), "messages[0].content[1].image_url", "{bad}");
    }
    let file = |inner: &str| part(&format!(r#"{{"type":"file","file":{{{inner}}}}}"#));
    let (got, losses) = file(r#""file_data":"data:application/pdf;base64,JVBERi0xLjQ=","filename":"a.pdf""#).unwrap();
    assert_eq!(
        got,
        json(
            r#"{"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"JVBERi0xLjQ="},"title":"a.pdf"}"#
        )
    );
    assert_eq!(losses, "");
    let (got, _) = file(r#""file_data":"data:text/csv;base64,YSxiCg==""#).unwrap();
    assert_eq!(got["source"], json(r#"{"type":"text","media_type":"text/plain","data":"a,b\n"}"#));
    assert_eq!(file(r#""file_id":"file_abc""#).unwrap().0["source"], json(r#"{"type":"file","file_id":"file_abc"}"#));
    assert_eq!(file(r#""file_id":"file-abc""#).unwrap_err(), "messages[0].content[1].file.file_id");
    assert_eq!(
        file(r#""file_data":"data:application/zip;base64,UEsDBA==""#).unwrap_err(),
        "messages[0].content[1].file"
    );
    assert_eq!(
        part(r#"{"type":"input_audio","input_audio":{"data":"","format":"wav"}}"#).unwrap_err(),
        "messages[0].content[1]"
    );
    assert_eq!(part(r#"{"type":"sticker","x":1}"#).unwrap().1, "messages.content.sticker=drop");
}

#[test]
fn tools() {
    let function = |inner: &str| format!(r#""tools":[{{"type":"function","function":{{"name":"f"{inner}}}}}]"#);
    let want = |inner: &str| format!(r#"{{"tools":[{{"name":"f",{inner}}}]}}"#);
    let none = r#""input_schema":{"type":"object","properties":{}}"#;
    check(&function(""), NEW, &want(none), "");
    check(&function(r#","parameters":{}"#), NEW, &want(none), "");
    check(
        &function(r#","parameters":null,"description":"D""#),
        NEW,
        &want(&format!(r#""description":"D",{none}"#)),
        "",
    );
    check(
        &function(r#","parameters":{"properties":{"a":{}}}"#),
        NEW,
        &want(r#""input_schema":{"type":"object","properties":{"a":{}}}"#),
        "",
    );
    // pitfall 112
    let (out, losses) = members(
        &function(r#","parameters":{"type":"object","properties":{"a":{}},"anyOf":[{"required":["a"]}]}"#),
        NEW,
    );
    assert_eq!(out["tools"][0]["input_schema"], json(r#"{"type":"object","properties":{"a":{}}}"#));
    assert!(out["tools"][0]["description"].as_str().unwrap().contains("anyOf"));
    assert_eq!(losses, "tools.function.parameters=approx");
    let body = format!("{{{HI},{}}}", function(r#","parameters":{"type":"string"}"#));
    assert_eq!(encode(&body, NEW).unwrap_err(), "tools[0].function.parameters");
    // strict: a schema that fits is untouched, one that does not is fitted, one that cannot be is sent as it is.
    let fits =
        r#"{"type":"object","properties":{"a":{"type":"string"}},"required":["a"],"additionalProperties":false}"#;
    check(
        &function(&format!(r#","strict":true,"parameters":{fits}"#)),
        NEW,
        &want(&format!(r#""input_schema":{fits},"strict":true"#)),
        "",
    );
    check(
        &function(&format!(r#","strict":true,"parameters":{fits}"#)),
        "claude-3-7-sonnet-latest",
        &want(&format!(r#""input_schema":{fits}"#)),
        "tools.function.strict=approx",
    );
    let (out, losses) = members(
        &function(
            r#","strict":true,"parameters":{"type":"object","properties":{"pattern":{"type":"string","pattern":"x","description":"P"}}}"#,
        ),
        NEW,
    );
    assert_eq!(
        out["tools"][0]["input_schema"],
        // pitfall 108: a property may be called `pattern`.
        json(
            r#"{"type":"object","properties":{"pattern":{"type":"string","description":"P (pattern: \"x\")"}},"additionalProperties":false}"#
        )
    );
    assert_eq!(losses, "tools.function.parameters=approx");
    let recursive = r##"{"type":"object","properties":{"n":{"$ref":"#/$defs/n"}},"$defs":{"n":{"properties":{"n":{"$ref":"#/$defs/n"}}}}}"##;
    check(
        &function(&format!(r#","strict":true,"parameters":{recursive}"#)),
        NEW,
        &want(&format!(r#""input_schema":{recursive}"#)),
        "tools.function.strict=approx",
    );
    // pitfall 29
    let long = "n".repeat(70);
    let encoded =
        encode(&format!(r#"{{{HI},"tools":[{{"type":"function","function":{{"name":"{long}"}}}}]}}"#), NEW).unwrap();
    assert_eq!(json(&encoded.body)["tools"][0]["name"].as_str().unwrap().len(), 64);
    // Custom tools are lowered, their grammar in words; hosted ones of OpenAI are lost.
    let (out, losses) = members(
        r#""tools":[{"type":"custom","custom":{"name":"p","description":"D","format":{"type":"grammar","grammar":{"syntax":"lark","definition":"start: X"}}}},{"type":"mystery"}]"#,
        NEW,
    );
    assert_eq!(
        out["tools"][0]["input_schema"],
        json(r#"{"type":"object","properties":{"input":{"type":"string"}},"required":["input"]}"#)
    );
    assert_eq!(out["tools"][0]["description"], "D\n\nThe input must match this lark grammar:\nstart: X");
    assert_eq!(losses, "tools.custom=approx,tools.mystery=drop");
    // pitfall 30: the caller's order.
    let (out, _) = members(
        r#""tools":[{"type":"function","function":{"name":"z"}},{"type":"function","function":{"name":"a"}}]"#,
        NEW,
    );
    assert_eq!((&out["tools"][0]["name"], &out["tools"][1]["name"]), (&"z".into(), &"a".into()));
    check(
        r#""web_search_options":{"search_context_size":"low","user_location":{"type":"approximate","approximate":{"city":"Oslo"}}}"#,
        OLD,
        r#"{"tools":[{"type":"web_search_20250305","name":"web_search","user_location":{"type":"approximate","city":"Oslo"}}]}"#,
        "web_search_options=approx",
    );
}

#[test]
fn tool_choice() {
    let tools = r#""tools":[{"type":"function","function":{"name":"f"}},{"type":"function","function":{"name":"g"}}]"#;
    let choice = |given: &str, model: &str| {
        let (mut out, losses) = members(&format!("{tools},{given}"), model);
        let names: Vec<_> =
            out["tools"].as_array().unwrap().iter().map(|t| t["name"].as_str().unwrap().to_owned()).collect();
        (
            out["tool_choice"].take().to_string(),
            out["system"][0]["text"].as_str().unwrap_or_default().to_owned(),
            names.join(""),
            losses,
        )
    };
    let is = |given: &str, model: &str, want: &str, system: &str, names: &str, losses: &str| {
        let (got, s, n, l) = choice(given, model);
        assert_eq!(json(&got), json(want), "{given} {model}");
        assert_eq!((s.as_str(), n.as_str(), l.as_str()), (system, names, losses), "{given} {model}");
    };
    // pitfalls 26, 27
    is(r#""tool_choice":"auto""#, OLD, r#"{"type":"auto"}"#, "", "fg", "");
    is(r#""tool_choice":"none""#, OLD, r#"{"type":"none"}"#, "", "fg", "");
    is(r#""tool_choice":"required""#, OLD, r#"{"type":"any"}"#, "", "fg", "");
    is(
        r#""tool_choice":"required""#,
        NEW,
        r#"{"type":"auto"}"#,
        "You must call one of the tools in this reply.",
        "fg",
        "tool_choice=approx",
    );
    is(
        r#""tool_choice":{"type":"function","function":{"name":"g"}}"#,
        OLD,
        r#"{"type":"tool","name":"g"}"#,
        "",
        "fg",
        "",
    );
    is(
        r#""tool_choice":{"type":"function","function":{"name":"g"}}"#,
        NEW,
        r#"{"type":"auto"}"#,
        "You must call the tool `g` in this reply.",
        "fg",
        "tool_choice=approx",
    );
    is(
        r#""tool_choice":"required","reasoning_effort":"low""#,
        OLD,
        r#"{"type":"auto"}"#,
        "You must call one of the tools in this reply.",
        "fg",
        "tool_choice=approx",
    );
    is(r#""parallel_tool_calls":false"#, NEW, r#"{"type":"auto","disable_parallel_tool_use":true}"#, "", "fg", "");
    is(
        r#""parallel_tool_calls":false,"tool_choice":"required""#,
        OLD,
        r#"{"type":"any","disable_parallel_tool_use":true}"#,
        "",
        "fg",
        "",
    );
    is(r#""parallel_tool_calls":false,"tool_choice":"none""#, OLD, r#"{"type":"none"}"#, "", "fg", "");
    is(r#""parallel_tool_calls":true"#, NEW, "null", "", "fg", "");
    let allowed = r#""tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"required","tools":[{"type":"function","function":{"name":"g"}}]}}"#;
    is(allowed, OLD, r#"{"type":"any"}"#, "", "g", "tool_choice=approx");
    // pitfall 25: nothing to choose from.
    check(r#""tool_choice":"auto","parallel_tool_calls":false"#, NEW, "{}", "");
    assert_eq!(
        encode(&format!(r#"{{{HI},"tools":[{{"type":"mystery"}}],"tool_choice":"required"}}"#), NEW).unwrap_err(),
        "tool_choice"
    );
}

#[test]
fn structured_output() {
    // pitfall 130
    let format = |schema: &str| {
        format!(
            r#""response_format":{{"type":"json_schema","json_schema":{{"name":"r","strict":true,"schema":{schema}}}}}"#
        )
    };
    let fits =
        r#"{"type":"object","properties":{"a":{"type":"number"}},"required":["a"],"additionalProperties":false}"#;
    check(
        &format(fits),
        NEW,
        &format!(r#"{{"output_config":{{"format":{{"type":"json_schema","schema":{fits}}}}}}}"#),
        "",
    );
    let (out, losses) = members(
        &format(
            r#"{"type":"object","properties":{"a":{"oneOf":[{"type":"string","minLength":2},{"type":"null"}]}},"required":["a"]}"#,
        ),
        NEW,
    );
    assert_eq!(
        out["output_config"]["format"]["schema"],
        json(
            r#"{"type":"object","properties":{"a":{"anyOf":[{"type":"string","description":"(minLength: 2)"},{"type":"null"}]}},"required":["a"],"additionalProperties":false}"#
        )
    );
    assert_eq!(losses, "response_format.json_schema.schema=approx");
    check(
        &format!(r#"{},"reasoning_effort":"low""#, format(fits)),
        NEW,
        &format!(r#"{{"output_config":{{"effort":"low","format":{{"type":"json_schema","schema":{fits}}}}}}}"#),
        "",
    );
    // Older models: a tool stands in, forced where nothing else can be called.
    let old = "claude-sonnet-4-20250514";
    let (out, losses) = members(&format(fits), old);
    assert_eq!(out["tools"][0]["name"], "json_output");
    assert_eq!(out["tool_choice"], json(r#"{"type":"tool","name":"json_output"}"#));
    assert_eq!(losses, "response_format=approx");
    let (out, _) = members(
        &format!(r#"{},"tools":[{{"type":"function","function":{{"name":"json_output"}}}}]"#, format(fits)),
        old,
    );
    assert_eq!(out["tools"][1]["name"], "json_output_");
    assert_eq!(out["tool_choice"], Value::Null);
    assert!(out["system"][0]["text"].as_str().unwrap().contains("`json_output_`"));
    let (out, _) = members(&format!(r#"{},"reasoning_effort":"low""#, format(fits)), old);
    assert_eq!(out["tool_choice"]["type"], "auto");
    // Any JSON: in words.
    let (out, losses) = members(r#""response_format":{"type":"json_object"}"#, NEW);
    assert!(out["system"][0]["text"].as_str().unwrap().contains("JSON object"));
    assert_eq!(losses, "response_format=approx");
    check(r#""response_format":{"type":"text"}"#, NEW, "{}", "");
}

/// References that double at every step are no recursion, but nobody can follow them all.
#[test]
fn schemas_that_explode_are_not_followed() {
    let twice = |n: usize| {
        let next = format!(r##"{{"$ref":"#/$defs/d{}"}}"##, n + 1);
        format!(r#""d{n}":{{"anyOf":[{next},{next}]}},"#)
    };
    let defs: Vec<_> = (0..60).map(twice).collect();
    let defs = defs.concat();
    let schema = format!(
        r##"{{"type":"object","properties":{{"a":{{"$ref":"#/$defs/d0"}}}},"$defs":{{{defs}"d60":{{"type":"string"}}}}}}"##
    );
    let (out, losses) = members(
        &format!(r#""tools":[{{"type":"function","function":{{"name":"f","strict":true,"parameters":{schema}}}}}]"#),
        NEW,
    );
    assert_eq!(out["tools"][0]["strict"], Value::Null);
    assert_eq!(losses, "tools.function.strict=approx");
}
