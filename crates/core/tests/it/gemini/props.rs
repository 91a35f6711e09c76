//! Properties: nothing panics, cutting changes nothing, a stream folds to what its JSON says.

use apex_core::dialect::{Dialect, Target, decode_reply, decode_request, encode_reply, encode_request};
use apex_core::hub::Aliases;
use apex_core::provider::Quirks;
use proptest::prelude::*;

use super::{context, folded, sequenced, stream, streamed};

const PARTS: &[&str] = &[
    r#"{"text":"Ünd 😀"}"#,
    r#"{"text":" more"}"#,
    r#"{"text":"","thoughtSignature":"c2ln"}"#,
    r#"{"text":"signed","thoughtSignature":"c2ln"}"#,
    r#"{"text":"thought","thought":true}"#,
    r#"{"text":"t","thought":true,"thoughtSignature":"c2ln"}"#,
    r#"{"functionCall":{"name":"f","args":{"a":1e2,"a":"\u00e9"}}}"#,
    r#"{"functionCall":{"id":"x","name":"g"},"thoughtSignature":"c2ln"}"#,
    r#"{"executableCode":{"language":"PYTHON","code":"1"}}"#,
    r#"{"toolCall":{"id":"1"}}"#,
    "{}",
    r#"{"text":null}"#,
];

proptest! {
    /// However parts are spread over partial replies, they mean the same as one reply.
    #[test]
    fn a_stream_folds_to_its_json(
        picks in prop::collection::vec(0usize..PARTS.len(), 0..10),
        cuts in prop::collection::vec(1usize..4, 0..6),
        finish in prop::sample::select(vec!["STOP", "MAX_TOKENS", "SAFETY"]),
    ) {
        let parts: Vec<&str> = picks.iter().map(|n| PARTS[*n]).collect();
        let usage = r#""usageMetadata":{"promptTokenCount":5,"candidatesTokenCount":2}"#;
        let whole = format!(r#"{{"candidates":[{{"content":{{"parts":[{}]}},"finishReason":"{finish}"}}],{usage}}}"#, parts.join(","));
        let mut pieces = Vec::new();
        let mut rest = parts.as_slice();
        for cut in cuts.into_iter().chain([usize::MAX]) {
            let (now, later) = rest.split_at(cut.min(rest.len()));
            pieces.push(format!(r#"{{"candidates":[{{"content":{{"parts":[{}]}}}}]}}"#, now.join(",")));
            rest = later;
        }
        pieces.push(format!(r#"{{"candidates":[{{"finishReason":"{finish}"}}],{usage}}}"#));
        let events = decode_reply(Dialect::Gemini, &whole, &Quirks::OPENAI, &Aliases::default()).unwrap();
        let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
        let from_stream = folded(stream(&pieces));
        prop_assert_eq!(&folded(events.clone()), &from_stream);
        // And every client's stream is what its whole reply says, as far as both are readable.
        for dialect in [Dialect::Anthropic, Dialect::Gemini, Dialect::OpenAiChat] {
            let _ = encode_reply(dialect, &from_stream, &context());
            let _ = streamed(dialect, events.clone(), context());
        }
    }

    /// A reply told to a Gemini client, whole or streamed, reads back as the same reply.
    #[test]
    fn what_is_written_reads_back(picks in prop::collection::vec(0usize..8, 0..8)) {
        let parts: Vec<&str> = picks.iter().map(|n| PARTS[*n]).collect();
        let body = format!(r#"{{"candidates":[{{"content":{{"parts":[{}]}},"finishReason":"STOP"}}],"responseId":"r1","modelVersion":"m","usageMetadata":{{"promptTokenCount":5,"candidatesTokenCount":2}}}}"#, parts.join(","));
        let reply = folded(super::whole(&body));
        let again = encode_reply(Dialect::Gemini, &reply, &context());
        let again = folded(super::whole(std::str::from_utf8(&again).unwrap()));
        let text = |r: &apex_core::hub::Reply| format!("{:?}", r.blocks.iter().filter_map(|b| match b {
            apex_core::hub::Block::Text { text, .. } => Some(text.text().into_owned()),
            apex_core::hub::Block::ToolCall { name, arguments, .. } => Some(format!("{}{}", name.text(), arguments.text())),
            _ => None,
        }).collect::<Vec<_>>().concat());
        prop_assert_eq!(text(&again), text(&reply));
        prop_assert_eq!(again.usage, reply.usage);
        let out = streamed(Dialect::Gemini, super::whole(&body), context());
        let data: Vec<&str> = out.lines().filter_map(|l| l.strip_prefix("data: ")).collect();
        prop_assert_eq!(text(&folded(stream(&data))), text(&reply));
    }

    /// Rubbish is an error or nothing, never a panic.
    #[test]
    fn nothing_panics(text in ".{0,80}", at in 0usize..400, insert in "[\\[\\]{}\",:a-z0-9]{0,3}") {
        sequenced(stream(&[&text]));
        let body = include_str!("../../golden/openai_chat/example_request_anthropic.json");
        let broken = format!("{}{insert}{}", body.get(..at).unwrap_or(""), body.get(at..).unwrap_or(""));
        for (from, body) in [(Dialect::Gemini, text.as_str()), (Dialect::Anthropic, broken.as_str())] {
            if let Ok(request) = decode_request(from, body) {
                let target = Target { provider: "p", model: "gemini-3-pro", quirks: &Quirks::OPENAI };
                if let Ok(encoded) = encode_request(Dialect::Gemini, &request, &target) {
                    prop_assert!(serde_json::from_slice::<serde_json::Value>(&encoded.body).is_ok());
                }
            }
        }
    }
}
