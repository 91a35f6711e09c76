//! Streams of Chat upstreams, in every shape seen.

use apex_core::dialect::openai_chat;
use apex_core::hub::{Aliases, Event};
use apex_core::json::JsonStr;
use apex_core::provider::Quirks;

use super::{sequenced, short, stream, stream_with};

const TOLERANT: &Quirks = &Quirks::COMPATIBLE;

/// A chunk with this delta and finish reason.
fn chunk(delta: &str, finish: &str) -> String {
    format!(r#"{{"id":"c","model":"m","choices":[{{"index":0,"delta":{delta},"finish_reason":{finish}}}]}}"#)
}

/// What the deltas mean, each in a chunk of its own, the last with this finish reason; head and end left out.
fn deltas(quirks: &Quirks, deltas: &[&str], finish: &str) -> String {
    let mut chunks: Vec<String> = deltas.iter().map(|d| chunk(d, "null")).collect();
    chunks.push(chunk("{}", &format!("{finish:?}")));
    chunks.push("[DONE]".into());
    let data: Vec<&str> = chunks.iter().map(String::as_str).collect();
    let events = short(&stream(quirks, &data));
    events.strip_prefix("start(c,m) ").unwrap().strip_suffix(" end").unwrap().to_owned()
}

fn call(entry: &str) -> String {
    format!(r#"{{"tool_calls":[{entry}]}}"#)
}

#[test]
fn the_golden_example() {
    let sse = include_str!("../../golden/openai_chat/example_stream_chat.sse");
    let data: Vec<&str> = sse.lines().filter_map(|l| l.strip_prefix("data: ")).collect();
    let events = stream(&Quirks::OPENAI, &data);
    assert_eq!(
        short(&events),
        "start(chatcmpl-1,m) +0think 0\"Look at c.\" 0sig(SIG2) -0 +1text 1\"Next \" 1\"file.\" -1 \
         +2call(toolu_3,read_file) 2\"{\\\"path\\\":\" 2\"\\\"c\\\"}\" -2 stop(ToolCalls) usage(10,90,0,25,8) end"
    );
}

#[test]
fn text_and_its_neighbours() {
    for (name, list, finish, expected) in [
        (
            "plain",
            vec![r#"{"role":"assistant","content":""}"#, r#"{"content":"a"}"#, r#"{"content":"b"}"#],
            "stop",
            r#"+0text 0"a" 0"b" -0 stop(EndTurn)"#,
        ),
        // Pitfall 66.
        ("empty role", vec![r#"{"role":"","content":"a"}"#], "stop", r#"+0text 0"a" -0 stop(EndTurn)"#),
        ("null content", vec![r#"{"content":null}"#], "stop", "stop(EndTurn)"),
        ("length", vec![r#"{"content":"a"}"#], "length", r#"+0text 0"a" -0 stop(MaxTokens)"#),
        ("Mistral's length", vec![], "model_length", "stop(MaxTokens)"),
        ("filtered", vec![r#"{"content":"a"}"#], "content_filter", r#"+0text 0"a" -0 stop(ContentFilter)"#),
        (
            "refused",
            vec![r#"{"refusal":"n"}"#, r#"{"refusal":"o"}"#],
            "stop",
            r#"+0refusal 0"n" 0"o" -0 stop(Refusal)"#,
        ),
        ("unknown reason", vec![r#"{"content":"a"}"#], "eos", r#"+0text 0"a" -0 stop(EndTurn)"#),
        // Fragments are copied as escaped, half a surrogate pair included.
        (
            "escapes",
            vec![r#"{"content":"\ud83d"}"#, r#"{"content":"\ude00\u00e9\/"}"#],
            "stop",
            r#"+0text 0"\ud83d" 0"\ude00\u00e9\/" -0 stop(EndTurn)"#,
        ),
        (
            "Mistral's parts",
            vec![
                r#"{"content":[{"type":"thinking","thinking":[{"type":"text","text":"t"}]},{"type":"text","text":"a"},{"type":"reference","reference_ids":[1]}]}"#,
            ],
            "stop",
            r#"+0think 0"t" -0 +1text 1"a" -1 stop(EndTurn)"#,
        ),
        ("an object", vec![r#"{"content":{"a": 1e2}}"#], "stop", r#"+0text 0"{\"a\": 1e2}" -0 stop(EndTurn)"#),
        (
            "sources",
            vec![
                r#"{"content":"a"}"#,
                r#"{"annotations":[{"type":"url_citation","url_citation":{"url":"u","title":"t","start_index":0,"end_index":1}},{"type":"url_citation","url":"v"}]}"#,
                r#"{"annotations":[{"type":"url_citation","url":"v"}]}"#,
            ],
            "stop",
            r#"+0text 0"a" 0cite(u) 0cite(v) -0 stop(EndTurn)"#,
        ),
        (
            "text, call, text",
            vec![
                r#"{"content":"a"}"#,
                r#"{"tool_calls":[{"index":0,"id":"x","function":{"name":"f","arguments":"{}"}}]}"#,
                r#"{"content":"b"}"#,
            ],
            "tool_calls",
            r#"+0text 0"a" -0 +1call(x,f) +2text 2"b" -2 1"{}" -1 stop(ToolCalls)"#,
        ),
    ] {
        assert_eq!(deltas(TOLERANT, &list, finish), expected, "{name}");
    }
}

#[test]
fn reasoning() {
    for (name, list, expected) in [
        (
            "content",
            vec![r#"{"reasoning_content":"a"}"#, r#"{"reasoning_content":"b"}"#, r#"{"content":"c"}"#],
            r#"+0think 0"a" 0"b" -0 +1text 1"c" -1"#,
        ),
        ("reasoning", vec![r#"{"reasoning":"a"}"#], r#"+0think 0"a" -0"#),
        ("both at once", vec![r#"{"reasoning_content":"a","reasoning":"a"}"#], r#"+0think 0"a" -0"#),
        (
            "details first",
            vec![r#"{"reasoning":"a","reasoning_details":[{"type":"reasoning.text","text":"a","index":0}]}"#],
            r#"+0think 0"a" -0"#,
        ),
        (
            "summary",
            vec![r#"{"reasoning_details":[{"type":"reasoning.summary","summary":"s"}]}"#],
            r#"+0think 0"s" -0"#,
        ),
        // Pitfall 93.
        ("empty", vec![r#"{"reasoning_content":"","content":"c"}"#], r#"+0text 0"c" -0"#),
        ("together", vec![r#"{"content":"c","reasoning_content":"r"}"#], r#"+0think 0"r" -0 +1text 1"c" -1"#),
        (
            "signed",
            vec![
                r#"{"reasoning":"a","reasoning_details":[{"type":"reasoning.text","signature":"S","format":"anthropic-claude-v1"}]}"#,
                r#"{"reasoning":"b"}"#,
            ],
            r#"+0think 0"a" 0sig(S) -0 +1think 1"b" -1"#,
        ),
        (
            "signed without text",
            vec![r#"{"reasoning_details":[{"signature":"S","format":"anthropic-claude-v1"}]}"#],
            "+0think 0sig(S) -0",
        ),
        (
            "redacted",
            vec![r#"{"reasoning_details":[{"type":"reasoning.encrypted","data":"D","format":"anthropic-claude-v1"}]}"#],
            "+0redacted(D) -0",
        ),
        // Nobody else's state can be sent back from here.
        (
            "foreign state",
            vec![r#"{"reasoning_details":[{"type":"reasoning.encrypted","data":"D","format":"openai-responses-v1"}]}"#],
            "",
        ),
    ] {
        let expected = format!("{expected} stop(EndTurn)");
        assert_eq!(deltas(TOLERANT, &list, "stop"), expected.trim_start(), "{name}");
    }
}

#[test]
fn calls_in_every_shape() {
    let first = |index: &str, id: &str, name: &str, args: &str| {
        call(&format!(r#"{{{index}{id}"type":"function","function":{{"name":{name},"arguments":{args}}}}}"#))
    };
    let one = first(r#""index":0,"#, r#""id":"a","#, r#""f""#, r#""""#);
    let more = |args: &str| call(&format!(r#"{{"index":0,"function":{{"arguments":{args:?}}}}}"#));
    let cases: Vec<(&str, Vec<String>, &str)> = vec![
        ("fragments", vec![one.clone(), more("{\"x\""), more(":1}")], r#"+0call(a,f) 0"{\"x\"" 0":1}" -0"#),
        // Pitfall 17: no arguments are no fragment.
        ("none", vec![one.clone()], "+0call(a,f) -0"),
        // Pitfall 14: a placeholder gives way, a whole `{}` stays.
        (
            "placeholder",
            vec![first(r#""index":0,"#, r#""id":"a","#, r#""f""#, r#""{}""#), more(""), more("{\"a\":1}")],
            r#"+0call(a,f) 0"{\"a\":1}" -0"#,
        ),
        ("empty object", vec![first(r#""index":0,"#, r#""id":"a","#, r#""f""#, r#""{}""#)], r#"+0call(a,f) 0"{}" -0"#),
        // Pitfall 16: `1` may become `12`.
        ("a number", vec![one.clone(), more("1"), more("2")], r#"+0call(a,f) 0"1" 0"2" -0"#),
        // Pitfalls 10 and 11: id and name again in every fragment, or empty.
        (
            "repeated",
            vec![
                one.clone(),
                first(r#""index":0,"#, r#""id":"a","#, r#""f""#, r#""x""#),
                first(r#""index":0,"#, r#""id":"","#, r#""""#, r#""y""#),
                first(r#""index":0,"#, r#""id":null,"#, "null", r#""z""#),
            ],
            r#"+0call(a,f) 0"x" 0"y" 0"z" -0"#,
        ),
        // Pitfall 12: upstream indices are not positions.
        ("index from 1", vec![first(r#""index":1,"#, r#""id":"a","#, r#""f""#, r#""x""#)], r#"+0call(a,f) 0"x" -0"#),
        // Pitfall 13: index 0 for every call.
        (
            "same index",
            vec![
                first(r#""index":0,"#, r#""id":"a","#, r#""f""#, r#""x""#),
                first(r#""index":0,"#, r#""id":"b","#, r#""f""#, r#""y""#),
            ],
            r#"+0call(a,f) 0"x" +1call(b,f) 1"y" -0 -1"#,
        ),
        (
            "no index",
            vec![
                first("", r#""id":"a","#, r#""f""#, r#""x""#),
                first("", r#""id":"b","#, r#""g""#, r#""y""#),
                first("", "", "null", r#""z""#),
                first("", r#""id":"a","#, "null", r#""w""#),
            ],
            r#"+0call(a,f) 0"x" +1call(b,g) 1"y" 1"z" 0"w" -0 -1"#,
        ),
        // Pitfall 19: the object itself, copied as spelled (pitfall 18).
        (
            "object",
            vec![first(
                r#""index":0,"#,
                r#""id":"a","#,
                r#""f""#,
                r#"{"b": 1e2, "b": 123456789012345678901234567890, "\u0065": 1}"#,
            )],
            r#"+0call(a,f) 0"{\"b\": 1e2, \"b\": 123456789012345678901234567890, \"\\u0065\": 1}" -0"#,
        ),
        (
            "arguments before the name",
            vec![
                call(r#"{"index":0,"id":"a","function":{"arguments":"x"}}"#),
                call(r#"{"index":0,"function":{"name":"f","arguments":"y"}}"#),
            ],
            r#"+0call(a,f) 0"x" 0"y" -0"#,
        ),
        (
            "custom",
            vec![
                call(r#"{"index":0,"id":"a","type":"custom","custom":{"name":"f","input":""}}"#),
                call(r#"{"index":0,"custom":{"input":"{}"}}"#),
            ],
            r#"+0custom(a,f) 0"{}" -0"#,
        ),
        (
            "custom text that looks empty",
            vec![
                call(r#"{"index":0,"id":"a","type":"custom","custom":{"name":"f","input":"{}"}}"#),
                call(r#"{"index":0,"custom":{"input":"x"}}"#),
            ],
            r#"+0custom(a,f) 0"{}" 0"x" -0"#,
        ),
        ("never a name", vec![call(r#"{"index":0,"id":"a","function":{"arguments":"x"}}"#)], ""),
        (
            "interleaved",
            vec![
                one.clone(),
                call(r#"{"index":1,"id":"b","function":{"name":"g","arguments":"1"}}"#),
                more("x"),
                call(r#"{"index":1,"function":{"arguments":"2"}}"#),
            ],
            r#"+0call(a,f) +1call(b,g) 1"1" 0"x" 1"2" -0 -1"#,
        ),
    ];
    for (name, list, expected) in cases {
        let list: Vec<&str> = list.iter().map(String::as_str).collect();
        let stop = if expected.is_empty() { "stop(EndTurn)" } else { "stop(ToolCalls)" };
        assert_eq!(deltas(TOLERANT, &list, "stop"), format!("{expected} {stop}").trim_start(), "{name}");
    }
}

/// OpenAI finishes one call before it begins the next, so a call can be told whole before the end (pitfall 45).
#[test]
fn sequential_calls_close_early() {
    let list = [
        r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"1"}}]}"#,
        r#"{"tool_calls":[{"index":1,"id":"b","function":{"name":"g","arguments":"2"}}]}"#,
        r#"{"tool_calls":[{"index":0,"function":{"arguments":"late"}}]}"#,
    ];
    let expected = r#"+0call(a,f) 0"1" -0 +1call(b,g) 1"2" -1 stop(ToolCalls)"#;
    assert_eq!(deltas(&Quirks::OPENAI, &list, "tool_calls"), expected);
}

/// Pitfall 7: an id is never empty, `null` or the same for two calls, and always the same for the same reply.
#[test]
fn ids_are_minted() {
    let list: Vec<String> = [
        r#"{"index":0,"id":"","function":{"name":"f","arguments":"1"}}"#,
        r#"{"index":1,"id":"null","function":{"name":"g","arguments":"2"}}"#,
        r#"{"index":2,"id":"x","function":{"name":"g","arguments":"3"}}"#,
        r#"{"index":3,"id":"x","function":{"name":"g","arguments":"4"}}"#,
    ]
    .map(call)
    .into();
    let list: Vec<&str> = list.iter().map(String::as_str).collect();
    let events = deltas(TOLERANT, &list, "stop");
    let ids: Vec<&str> = events.split("call(").skip(1).map(|s| s.split(',').next().unwrap()).collect();
    assert_eq!(ids.len(), 4, "{events}");
    for (at, id) in ids.iter().enumerate() {
        assert!(!id.is_empty() && *id != "null" && !ids[..at].contains(id), "{ids:?}");
    }
    assert_eq!(ids[2], "x");
    // Workers AI: neither index nor id, two calls of one tool in one chunk.
    let two = r#"{"tool_calls":[{"name":"f","arguments":"1"},{"name":"f","arguments":"2"}]}"#;
    assert_eq!(deltas(TOLERANT, &[two], "stop").matches("call(").count(), 2);
    assert_eq!(deltas(TOLERANT, &list, "stop"), events);
}

/// Pitfalls 8 and 9: the presence of calls decides; a cut call stays cut.
#[test]
fn calls_decide_the_stop() {
    let with = call(r#"{"index":0,"id":"a","function":{"name":"f","arguments":"{"}}"#);
    for (delta, finish, expected) in [
        (with.as_str(), "stop", "ToolCalls"),
        (&with, "length", "MaxTokens"),
        (r#"{"content":"x"}"#, "tool_calls", "EndTurn"),
    ] {
        let events = deltas(TOLERANT, &[delta], finish);
        assert!(events.ends_with(&format!("stop({expected})")), "{finish}: {events}");
    }
}

#[test]
fn ends() {
    let text = chunk(r#"{"content":"a"}"#, "null");
    let last = chunk(r#"{"content":"b"}"#, r#""stop""#);
    let usage = r#"{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}"#;
    let zero = r#"{"choices":[],"usage":{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}}"#;
    let events = |data: &[&str]| short(&stream(TOLERANT, data));
    // Pitfalls 15, 46 and 70: content, finish and usage in any company.
    let whole = r#"start(c,m) +0text 0"a" 0"b" -0 stop(EndTurn) usage(1,-,-,2,-) end"#;
    assert_eq!(events(&[&text, &last, usage, "[DONE]"]), whole);
    assert_eq!(events(&[&text, &last, usage]), whole, "no marker");
    assert_eq!(events(&[&text, &last, usage, "[DONE] junk", &text]), whole, "bytes after the marker");
    assert_eq!(events(&[&text, &last, usage, zero]), whole, "a zero wipes nothing");
    // Pitfall 47: late content has no place.
    assert_eq!(events(&[&text, &last, &text, usage, "[DONE]"]), whole);
    // Pitfall 49: no finish reason and no marker is a cut stream, and no `end` says so.
    assert_eq!(events(&[&text]), r#"start(c,m) +0text 0"a""#);
    // Workers AI: the marker without a reason.
    assert_eq!(events(&[&text, "[DONE]"]), r#"start(c,m) +0text 0"a" -0 stop(EndTurn) end"#);
    assert_eq!(events(&["[DONE]"]), "", "an empty stream has no end");
    assert_eq!(
        events(&[&chunk(r#"{"content":"a"}"#, r#""""#)]),
        r#"start(c,m) +0text 0"a""#,
        "an empty reason is none"
    );
}

#[test]
fn usage_wherever_it_is() {
    let finish = chunk("{}", r#""stop""#);
    for (name, data) in [
        ("Groq", r#"{"id":"c","x_groq":{"id":"req","usage":{"prompt_tokens":5,"completion_tokens":2}},"choices":[]}"#),
        (
            "Moonshot",
            r#"{"choices":[{"index":0,"delta":{},"finish_reason":null,"usage":{"prompt_tokens":5,"completion_tokens":2}}]}"#,
        ),
        ("beside nothing", r#"{"usage":{"prompt_tokens":5,"completion_tokens":2}}"#),
    ] {
        let events = short(&stream(TOLERANT, &[&finish, data, "[DONE]"]));
        assert_eq!(events, "start(c,m) stop(EndTurn) usage(5,-,-,2,-) end", "{name}");
    }
}

#[test]
fn chunks_that_are_none() {
    let text = chunk(r#"{"content":"a"}"#, r#""stop""#);
    let azure = r#"{"id":"","model":"","object":"","choices":[],"prompt_filter_results":[]}"#;
    let events = |data: &[&str]| short(&stream(TOLERANT, data));
    assert_eq!(events(&[azure, &text]), r#"start(,) +0text 0"a" -0 stop(EndTurn) end"#);
    assert_eq!(events(&[r#"{"type":"ping"}"#, &text]), r#"ping start(c,m) +0text 0"a" -0 stop(EndTurn) end"#);
    let other = r#"{"id":"c","model":"m","choices":[{"index":1,"delta":{"content":"no"},"finish_reason":"stop"}]}"#;
    assert_eq!(events(&[other, &text]), r#"start(c,m) +0text 0"a" -0 stop(EndTurn) end"#);
    // Two objects in one event (pitfall 63), a `message` that repeats everything (Perplexity), error: null.
    let two = format!("{}\n{}", chunk(r#"{"content":"x"}"#, "null"), text);
    assert_eq!(events(&[&two]), r#"start(c,m) +0text 0"x" 0"a" -0 stop(EndTurn) end"#);
    let cumulative = r#"{"id":"c","model":"m","error":null,"citations":["u"],"choices":[{"index":0,"delta":{"content":"a"},"message":{"content":"aaa"},"finish_reason":"stop"}]}"#;
    assert_eq!(events(&[cumulative]), r#"start(c,m) +0text 0"a" 0cite(u) -0 stop(EndTurn) end"#);
    let mut decoder = openai_chat::StreamDecoder::new(TOLERANT, Aliases::default());
    let mut out = Vec::new();
    decoder.push(None, "{bad", &mut out);
    decoder.push(None, "", &mut out);
    decoder.push(None, "3", &mut out);
    assert!(out.is_empty());
    assert_eq!(decoder.skipped(), 2);
}

#[test]
fn errors_in_the_middle() {
    let text = chunk(r#"{"content":"a"}"#, "null");
    for (name, data, expected) in [
        ("plain", r#"{"error":{"message":"slow","type":"rate_limit_error","code":null}}"#, "error(RateLimit,slow)"),
        (
            "OpenRouter",
            r#"{"id":"c","error":{"code":502,"message":"gone"},"choices":[{"index":0,"delta":{"content":""},"finish_reason":"error"}]}"#,
            "error(Unavailable,gone)",
        ),
        ("text", r#"{"error":"boom"}"#, "error("),
        ("xAI", r#"{"code":"x","error":"boom"}"#, "error("),
        ("Groq", r#"{"id":"c","x_groq":{"error":"over capacity"},"choices":[]}"#, "error("),
        (
            "vLLM",
            r#"{"object":"error","message":"bad","type":"BadRequestError","code":400}"#,
            "error(InvalidRequest,bad)",
        ),
        ("a reason", &chunk("{}", r#""insufficient_system_resource""#), "error(ServerError,"),
        ("HTML", "<html>502</html>", "error(ServerError,"),
        ("cut", r#"{"error":{"mess"#, "error(ServerError,"),
    ] {
        let events = short(&stream(TOLERANT, &[&text, data, &text, "[DONE]"]));
        // Nothing follows an error, least of all an end (pitfall 50).
        let rest = events.strip_prefix(r#"start(c,m) +0text 0"a" "#).unwrap();
        assert!(rest.starts_with(expected) && rest.ends_with(')') && !rest.contains("+1"), "{name}: {events}");
    }
    let mut decoder = openai_chat::StreamDecoder::new(TOLERANT, Aliases::default());
    let mut out = Vec::new();
    decoder.push(Some("error"), r#"{"message":"boom"}"#, &mut out);
    assert!(matches!(out.as_slice(), [Event::Error(_)]));
}

/// Pitfall 29: the caller hears the names it chose.
#[test]
fn names_come_back() {
    let mut aliases = Aliases::default();
    let sent = aliases.name(&JsonStr::owned("mcp.server/tool"), 64);
    let data = chunk(&call(&format!(r#"{{"index":0,"id":"a","function":{{"name":"{}"}}}}"#, sent.text())), "null");
    let events = short(&stream_with(TOLERANT, aliases, &[&data]));
    assert_eq!(events, "start(c,m) +0call(a,mcp.server/tool)");
}

/// Pitfall 131: the answer hides in the reasoning; shown only where that is known.
#[test]
fn hidden_answers() {
    let list = [r#"{"reasoning_content":"{\"a\""}"#, r#"{"reasoning_content":":1}"}"#];
    let expected = r#"+0think 0"{\"a\"" 0":1}" -0 +1text 1"{\"a\":1}" -1 stop(EndTurn)"#;
    assert_eq!(deltas(&Quirks::AZURE, &list, "stop"), expected);
    assert!(!deltas(&Quirks::OPENAI, &list, "stop").contains("text"));
}

/// The sequencer makes Anthropic's order of what comes interleaved; nothing is lost on the way.
#[test]
fn interleaved_calls_in_sequence() {
    let list: Vec<String> = [
        r#"{"index":0,"id":"a","function":{"name":"f","arguments":"1"}}"#,
        r#"{"index":1,"id":"b","function":{"name":"g","arguments":"x"}}"#,
        r#"{"index":0,"function":{"arguments":"2"}}"#,
        r#"{"index":1,"function":{"arguments":"y"}}"#,
    ]
    .map(|entry| chunk(&call(entry), "null"))
    .into();
    let mut data: Vec<&str> = list.iter().map(String::as_str).collect();
    let finish = chunk("{}", r#""tool_calls""#);
    data.extend([finish.as_str(), "[DONE]"]);
    let events = sequenced(stream(TOLERANT, &data));
    assert_eq!(short(&events), r#"start(c,m) +0call(a,f) 0"1" 0"2" -0 +1call(b,g) 1"x" 1"y" -1 stop(ToolCalls) end"#);
}
