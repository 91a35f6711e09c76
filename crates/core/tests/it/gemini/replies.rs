//! Replies of Gemini, whole and streamed.

use apex_core::dialect::{Dialect, encode_reply};
use apex_core::hub::{Block, Event, StopReason};
use serde_json::json;

use super::{context, folded, json as parse, stream, streamed, whole};

/// The stream of the golden examples.
const EXAMPLE: [&str; 5] = [
    r#"{"candidates":[{"index":0,"content":{"role":"model","parts":[{"text":"Look at c.","thought":true}]}}],"modelVersion":"m","responseId":"r1"}"#,
    r#"{"candidates":[{"index":0,"content":{"role":"model","parts":[{"text":"Next "}]}}],"modelVersion":"m","responseId":"r1"}"#,
    r#"{"candidates":[{"index":0,"content":{"role":"model","parts":[{"text":"file."}]}}],"modelVersion":"m","responseId":"r1"}"#,
    r#"{"candidates":[{"index":0,"content":{"role":"model","parts":[{"functionCall":{"id":"toolu_3","name":"read_file","args":{"path":"c"}},"thoughtSignature":"c2ln"}]}}],"modelVersion":"m","responseId":"r1"}"#,
    r#"{"candidates":[{"index":0,"content":{"role":"model","parts":[{"text":""}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":100,"cachedContentTokenCount":90,"candidatesTokenCount":17,"thoughtsTokenCount":8,"totalTokenCount":125},"modelVersion":"m","responseId":"r1"}"#,
];

#[test]
fn the_example() {
    let reply = folded(stream(&EXAMPLE));
    let [Block::Reasoning { text, .. }, Block::Text { text: said, .. }, Block::ToolCall { id, arguments, opaque, .. }] =
        reply.blocks.as_slice()
    else {
        panic!("{reply:?}");
    };
    assert_eq!(
        (text.text().as_ref(), said.text().as_ref(), id.text().as_ref()),
        ("Look at c.", "Next file.", "toolu_3")
    );
    assert_eq!(arguments.text(), r#"{"path":"c"}"#);
    assert_eq!(opaque.as_ref().unwrap().data.text(), "c2ln");
    // pitfall 8: it says STOP, and the call decides.
    assert_eq!(reply.stop.unwrap().reason, StopReason::ToolCalls);
    // pitfalls 95 and 143: disjoint counters.
    let usage = reply.usage;
    assert_eq!(
        (usage.input_uncached, usage.cache_read, usage.output, usage.reasoning),
        (Some(10), Some(90), Some(25), Some(8))
    );
}

/// What the first line of the answer is, and why it ended.
fn read(body: &str) -> (String, String) {
    let events = whole(body);
    if let Some(Event::Error(failure)) = events.iter().find(|e| matches!(e, Event::Error(_))) {
        return (format!("{:?} {}", failure.kind, failure.status.as_u16()), failure.message.clone());
    }
    let reply = folded(events);
    let stop = reply.stop.unwrap();
    let text: String = reply
        .blocks
        .iter()
        .map(|b| match b {
            Block::Text { text, .. } => text.text().into_owned(),
            Block::ToolCall { name, .. } => format!("<{}>", name.text()),
            Block::Reasoning { text, signature } => {
                format!("({}{})", text.text(), if signature.is_some() { "+" } else { "" })
            }
            Block::Image { media_type, data } => format!("<{} {}>", media_type.text(), data.text()),
            Block::Redacted { .. } | Block::Refusal(_) => "?".into(),
        })
        .collect();
    (text, format!("{:?} {}", stop.reason, stop.explanation.unwrap_or_default().text()).trim().to_owned())
}

#[test]
fn endings() {
    let candidate = |rest: &str| format!(r#"{{"candidates":[{{{rest}}}]}}"#);
    let said = r#""content":{"parts":[{"text":"hi"}]}"#;
    for (body, text, stop) in [
        (candidate(&format!(r#"{said},"finishReason":"STOP""#)), "hi", "EndTurn"),
        (candidate(&format!(r#"{said},"finishReason":"MAX_TOKENS""#)), "hi", "MaxTokens"),
        (candidate(&format!(r#"{said},"finishReason":1"#)), "hi", "EndTurn"),
        (candidate(said), "hi", "EndTurn"),
        (candidate(&format!(r#"{said},"finishReason":"SOMETHING_NEW""#)), "hi", "EndTurn"),
        // pitfall 136: a refusal is no empty answer.
        (candidate(&format!(r#"{said},"finishReason":"SAFETY""#)), "hi", "ContentFilter blocked: SAFETY"),
        (candidate(r#""finishReason":"RECITATION","finishMessage":"quoted""#), "", "Refusal quoted"),
        (candidate(&format!(r#"{said},"finishReason":"MALFORMED_FUNCTION_CALL""#)), "hi", "EndTurn"),
        (
            candidate(r#""finishReason":"MALFORMED_FUNCTION_CALL","finishMessage":"bad call""#),
            "BadAnswer 502",
            "the model's answer could not be used: bad call",
        ),
        (
            candidate(r#""finishReason":"UNEXPECTED_TOOL_CALL""#),
            "BadAnswer 502",
            "the model's answer could not be used: UNEXPECTED_TOOL_CALL",
        ),
        (
            candidate(r#""finishReason":"OTHER","finishMessage":"internal error""#),
            "BadAnswer 502",
            "the model's answer could not be used: internal error",
        ),
        // pitfall 72: a blocked prompt.
        (
            r#"{"promptFeedback":{"blockReason":"PROHIBITED_CONTENT"}}"#.into(),
            "",
            "Refusal blocked: PROHIBITED_CONTENT",
        ),
        (
            r#"{"candidates":[]}"#.into(),
            "BadAnswer 502",
            "the provider answered without a candidate and without a reason",
        ),
        // pitfall 7: an id is made up.
        (
            candidate(
                r#""content":{"parts":[{"functionCall":{"name":"f"}},{"functionCall":{"name":"f","id":""}}]},"finishReason":"STOP""#,
            ),
            "<f><f>",
            "ToolCalls",
        ),
        // The same id again is the same call.
        (
            candidate(
                r#""content":{"parts":[{"functionCall":{"id":"1","name":"f"}},{"functionCall":{"id":"1","name":"f"}}]},"finishReason":"STOP""#,
            ),
            "<f>",
            "ToolCalls",
        ),
        // pitfall 75: a signature of nothing is kept.
        (
            candidate(
                r#""content":{"parts":[{"functionCall":{"id":"1","name":"f"}},{"text":"","thoughtSignature":"c2ln"}]},"finishReason":"STOP""#,
            ),
            "<f>(+)",
            "ToolCalls",
        ),
        (
            candidate(
                r#""content":{"parts":[{"executableCode":{"language":"PYTHON","code":"1+1"}},{"codeExecutionResult":{"outcome":"OUTCOME_OK","output":"2\n"}}]},"finishReason":"STOP""#,
            ),
            "\n```python\n1+1\n```\n\n```\n2\n```\n",
            "EndTurn",
        ),
        (
            candidate(
                r#""content":{"parts":[{"inlineData":{"mimeType":"image/png","data":"AAAAAAAA"}}]},"finishReason":"STOP""#,
            ),
            "<image/png AAAAAAAA>",
            "EndTurn",
        ),
        (
            candidate(
                r#""content":{"parts":[{"inlineData":{"mimeType":"audio/wav","data":"AAAAAAAA"}}]},"finishReason":"STOP""#,
            ),
            "[audio omitted: audio/wav, 6 bytes]",
            "EndTurn",
        ),
        (r#"{"error":{"code":429,"message":"slow","status":"RESOURCE_EXHAUSTED"}}"#.into(), "RateLimit 429", "slow"),
        (r#"[{"error":{"code":503,"message":"busy","status":"UNAVAILABLE"}}]"#.into(), "Unavailable 503", "busy"),
        // A stream that was asked for without `alt=sse`.
        (
            format!("[{},\n{}]", candidate(said), candidate(&format!(r#"{said},"finishReason":"STOP""#))),
            "hihi",
            "EndTurn",
        ),
    ] {
        assert_eq!(read(&body), (text.to_owned(), stop.to_owned()), "{body}");
    }
}

#[test]
fn a_stream_without_a_reason_is_cut() {
    // pitfall 49
    for upto in 1..EXAMPLE.len() {
        let events = stream(&EXAMPLE[..upto]);
        assert!(!events.iter().any(|e| matches!(e, Event::End)), "{upto}");
    }
    assert!(stream(&EXAMPLE).iter().any(|e| matches!(e, Event::End)));
    // A blocked prompt is complete, though it has no candidate.
    assert!(stream(&[r#"{"promptFeedback":{"blockReason":"SAFETY"}}"#]).iter().any(|e| matches!(e, Event::End)));
}

#[test]
fn a_stream_with_a_reason_in_every_piece_is_whole() {
    // Gemini 1.0 on Vertex AI; the last reason counts.
    let piece = |text: &str, reason: &str| {
        format!(r#"{{"candidates":[{{"content":{{"parts":[{{"text":"{text}"}}]}},"finishReason":"{reason}"}}]}}"#)
    };
    let call =
        r#"{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{}}}]},"finishReason":"STOP"}]}"#;
    for (last, reason) in [
        (piece("c", "STOP"), StopReason::EndTurn),
        (piece("c", "MAX_TOKENS"), StopReason::MaxTokens),
        (piece("c", "RECITATION"), StopReason::ContentFilter),
        (call.to_owned(), StopReason::ToolCalls),
    ] {
        let reply = folded(stream(&[&piece("a", "STOP"), &piece("b", "STOP"), &last]));
        let Block::Text { text, .. } = &reply.blocks[0] else { panic!("{reply:?}") };
        assert_eq!(text.text(), if last == call { "ab" } else { "abc" });
        assert_eq!(reply.blocks.len(), if last == call { 2 } else { 1 }, "{last}");
        assert_eq!(reply.stop.unwrap().reason, reason, "{last}");
    }
}

#[test]
fn sources_wherever_they_come() {
    // pitfall 71; offsets are bytes there and characters everywhere else.
    let sources = r#""groundingMetadata":{"webSearchQueries":["q"],"groundingChunks":[{"web":{"uri":"https://a","title":"A"}},{"web":{"uri":"https://b","title":"B"}}],"groundingSupports":[{"segment":{"startIndex":3,"endIndex":9,"text":"grüß"},"groundingChunkIndices":[0,1]}]}"#;
    let first = format!(r#"{{"candidates":[{{"content":{{"parts":[{{"text":"Ü "}}]}},{sources}}}]}}"#);
    let text = r#"{"candidates":[{"content":{"parts":[{"text":"grüß dich"}]}}]}"#;
    let stop = r#"{"candidates":[{"finishReason":"STOP"}]}"#;
    let late = format!(r#"{{"candidates":[{{{sources}}}]}}"#);
    let with = format!(r#"{{"candidates":[{{"finishReason":"STOP",{sources}}}]}}"#);
    let plain = r#"{"candidates":[{"content":{"parts":[{"text":"Ü "}]}}]}"#;
    for order in [vec![first.as_str(), text, stop], vec![plain, text, &with], vec![plain, text, stop, &late]] {
        let reply = folded(stream(&order));
        let Block::Text { citations, .. } = &reply.blocks[0] else { panic!("{reply:?}") };
        let found: Vec<_> = citations.iter().map(|c| (c.url.text().into_owned(), c.range)).collect();
        assert_eq!(
            found,
            [("https://a".to_owned(), Some((2, 6))), ("https://b".to_owned(), Some((2, 6)))],
            "{order:?}"
        );
    }
    let reply = folded(stream(&[plain, text, &with]));
    let chat = parse(encode_reply(Dialect::OpenAiChat, &reply, &context()));
    assert_eq!(chat["choices"][0]["message"]["annotations"][0]["url_citation"]["start_index"], 2);
    let own = parse(encode_reply(Dialect::Gemini, &reply, &context()));
    assert_eq!(
        own["candidates"][0]["groundingMetadata"]["groundingSupports"][0]["segment"],
        json!({"startIndex":3,"endIndex":9,"text":"grüß"})
    );
}

/// A Claude client sees thinking, text and a call, each in its block, and the signature in front of the call.
#[test]
fn to_an_anthropic_client() {
    let text = streamed(Dialect::Anthropic, stream(&EXAMPLE), context());
    let starts: Vec<_> = text
        .lines()
        .filter_map(|l| l.strip_prefix("data: "))
        .map(parse)
        .filter(|v| v["type"] == "content_block_start")
        .map(|v| v["content_block"]["type"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(starts, ["thinking", "text", "thinking", "tool_use"]);
    assert!(text.contains(r#""stop_reason":"tool_use""#) && text.contains(r#""output_tokens":25"#), "{text}");
}
