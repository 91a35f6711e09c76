//! Properties: nothing panics, and cutting changes nothing.

use apex_core::dialect::{Target, openai_chat};
use apex_core::hub::Aliases;
use apex_core::provider::Quirks;
use proptest::prelude::*;

use super::{json, sequenced, stream};

const BODIES: [&str; 5] = [
    include_str!("../../golden/openai_chat/full.json"),
    include_str!("../../golden/openai_chat/arguments.json"),
    include_str!("../../golden/openai_chat/parts.json"),
    include_str!("../../golden/openai_chat/tools.json"),
    include_str!("../../golden/openai_chat/example_request_anthropic.json"),
];

const ROWS: [&Quirks; 5] =
    [&Quirks::OPENAI, &Quirks::MISTRAL, &Quirks::DEEPSEEK, &Quirks::OPENROUTER, &Quirks::PERPLEXITY];

/// JSON by its grammar: half a surrogate pair in the caller's text is the caller's, and goes on as it came.
fn grammatical(body: &[u8]) {
    assert!(serde_json::from_slice::<&apex_core::json::RawValue>(body).is_ok(), "{}", String::from_utf8_lossy(body));
}

/// A JSON value of any shape, with the words of the dialect among its keys and strings.
fn value() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "content",
        "role",
        "assistant",
        "tool_calls",
        "function",
        "name",
        "arguments",
        "id",
        "type",
        "index",
        "delta",
        "message",
        "choices",
        "finish_reason",
        "stop",
        "usage",
        "prompt_tokens",
        "error",
        "reasoning_details",
        "text",
        "annotations",
        "url_citation",
        "url",
        "custom",
        "{}",
        "",
        "null",
        "format",
        "signature",
        "data",
    ]);
    let leaf = prop_oneof![
        word.clone().prop_map(|w| format!("{w:?}")),
        Just("null".to_owned()),
        Just("true".to_owned()),
        (-3i64..5).prop_map(|n| n.to_string()),
    ];
    leaf.prop_recursive(4, 24, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|list| format!("[{}]", list.join(","))),
            prop::collection::vec((word.clone(), inner), 0..5).prop_map(|list| {
                let members: Vec<String> = list.iter().map(|(k, v)| format!("{k:?}:{v}")).collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn requests_never_panic(which in 0usize..5, at in 0usize..4000, byte in any::<u8>(), row in 0usize..5) {
        let mut body = BODIES[which].as_bytes().to_vec();
        let at = at % body.len();
        body[at] = byte;
        let Ok(body) = String::from_utf8(body) else { return Ok(()) };
        if let Ok(request) = openai_chat::decode_request(&body) {
            let target = Target { provider: "p", model: "m", quirks: ROWS[row] };
            let encoded = openai_chat::encode_request(&request, &target).unwrap();
            grammatical(&encoded.body);
        }
        if let Ok(mut request) = apex_core::dialect::anthropic::decode_request(&body) {
            request.stream = true;
            if let Ok(encoded) = openai_chat::encode_request(&request, &Target { provider: "p", model: "m", quirks: ROWS[row] }) {
                grammatical(&encoded.body);
            }
        }
    }

    #[test]
    fn chunks_of_any_shape(chunks in prop::collection::vec(value(), 0..6), row in 0usize..5) {
        let data: Vec<&str> = chunks.iter().map(String::as_str).collect();
        sequenced(stream(ROWS[row], &data));
        for body in data {
            let _ = openai_chat::decode_reply(body, ROWS[row], &Aliases::default());
        }
    }

    #[test]
    fn deltas_of_any_shape(deltas in prop::collection::vec(value(), 0..6), row in 0usize..5) {
        let chunks: Vec<String> = deltas
            .iter()
            .map(|delta| format!(r#"{{"id":"c","choices":[{{"index":0,"delta":{delta},"message":{delta},"finish_reason":null}}]}}"#))
            .collect();
        let data: Vec<&str> = chunks.iter().map(String::as_str).collect();
        sequenced(stream(ROWS[row], &data));
        for body in data {
            let _ = openai_chat::decode_reply(body, ROWS[row], &Aliases::default());
        }
    }

    /// Where the fragments of arguments are cut does not matter, and what goes in comes out.
    #[test]
    fn fragments_join(arguments in r#"\{"[a-zé😀"\\\n]{0,12}":[0-9]{1,30}\}"#, cuts in prop::collection::vec(0usize..60, 0..5)) {
        let chars: Vec<char> = arguments.chars().collect();
        let mut cuts: Vec<usize> = cuts.into_iter().map(|c| c.min(chars.len())).collect();
        cuts.extend([0, chars.len()]);
        cuts.sort_unstable();
        let mut chunks = vec![r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":""}}]}}]}"#.to_owned()];
        for pair in cuts.windows(2) {
            let piece: String = chars[pair[0]..pair[1]].iter().collect();
            let piece = serde_json::to_string(&piece).unwrap();
            chunks.push(format!(r#"{{"choices":[{{"delta":{{"tool_calls":[{{"index":0,"function":{{"arguments":{piece}}}}}]}}}}]}}"#));
        }
        chunks.push(r#"{"choices":[{"delta":{},"finish_reason":"tool_calls"}]}"#.to_owned());
        let data: Vec<&str> = chunks.iter().map(String::as_str).collect();
        let reply = super::folded(stream(&Quirks::OPENAI, &data));
        let [apex_core::hub::Block::ToolCall { arguments: joined, .. }] = reply.blocks.as_slice() else { panic!("{reply:?}") };
        prop_assert_eq!(joined.text(), arguments);
    }
}

/// One turn of an Anthropic history, in order or not.
fn turn() -> impl Strategy<Value = String> {
    let block = prop_oneof![
        Just(r#"{"type":"text","text":"t"}"#.to_owned()),
        Just(r#"{"type":"text","text":""}"#.to_owned()),
        Just(r#"{"type":"thinking","thinking":"x","signature":"S"}"#.to_owned()),
        Just(r#"{"type":"image","source":{"type":"url","url":"https://e.x/i"}}"#.to_owned()),
        (0u8..3).prop_map(|n| format!(r#"{{"type":"tool_use","id":"call_{n}","name":"f","input":{{}}}}"#)),
        (0u8..3).prop_map(|n| format!(
            r#"{{"type":"tool_result","tool_use_id":"call_{n}","content":[{{"type":"text","text":"r"}},{{"type":"image","source":{{"type":"url","url":"https://e.x/i"}}}}]}}"#
        )),
    ];
    let role = prop::sample::select(vec!["user", "assistant", "system"]);
    (role, prop::collection::vec(block, 1..5))
        .prop_map(|(role, blocks)| format!(r#"{{"role":"{role}","content":[{}]}}"#, blocks.join(",")))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    /// Pitfalls 1 to 4: whatever the history, what is sent is in order.
    #[test]
    fn any_history_is_put_in_order(turns in prop::collection::vec(turn(), 1..8), row in 0usize..5) {
        let body = format!(r#"{{"max_tokens":99,"messages":[{}]}}"#, turns.join(","));
        if let Ok(encoded) = super::foreign(&body, ROWS[row]) {
            let checked = super::check(&json(&encoded.body));
            prop_assert!(checked.is_ok(), "{:?}\n{body}", checked);
        }
    }
}
