//! Properties: nothing panics, cutting changes nothing, a stream folds to what its JSON says.

use apex_core::dialect::{self, Dialect, Target, decode_request, encode_reply, encode_request};
use apex_core::hub::{Block, Reply};
use apex_core::provider::Quirks;
use proptest::prelude::*;

use super::{context, folded, read, sequenced, streamed, whole};
use crate::harness::{Run, catalog, post};

/// Blocks of a Messages reply.
const BLOCKS: &[&str] = &[
    r#"{"type":"text","text":"Ünd 😀"}"#,
    r#"{"type":"text","text":" more\n"}"#,
    r#"{"type":"text","text":"cited","citations":[{"type":"web_search_result_location","url":"u","title":"t","cited_text":"c","encrypted_index":"i"}]}"#,
    r#"{"type":"thinking","thinking":"thought","signature":"EqQB"}"#,
    r#"{"type":"thinking","thinking":"","signature":"EqQC"}"#,
    r#"{"type":"redacted_thinking","data":"EqQD"}"#,
    r#"{"type":"tool_use","id":"toolu_1","name":"f","input":{"a":1e2,"a":"\u00e9"}}"#,
    r#"{"type":"tool_use","id":"toolu_2","name":"g","input":{}}"#,
];

/// What a client reads: the texts of each kind together, and the calls.
fn seen(reply: &Reply) -> (String, String, Vec<(String, String)>) {
    let mut all = (String::new(), String::new(), Vec::new());
    for block in &reply.blocks {
        match block {
            Block::Text { text, .. } | Block::Refusal(text) => all.0.push_str(&text.text()),
            Block::Reasoning { text, .. } => all.1.push_str(&text.text()),
            Block::Image { .. } | Block::Redacted { .. } => {}
            Block::ToolCall { name, arguments, .. } => {
                all.2.push((name.text().into_owned(), arguments.text().into_owned()));
            }
        }
    }
    all
}

/// JSON by its grammar: a number may be too large to be read.
fn sound(bytes: &[u8]) {
    let read = serde_json::from_slice::<&serde_json::value::RawValue>(bytes);
    assert!(read.is_ok(), "{}", String::from_utf8_lossy(bytes));
}

proptest! {
    /// decode(encode(reply)) is the reply, whole and streamed, and both say the same.
    #[test]
    fn what_is_written_reads_back(picks in prop::collection::vec(0usize..BLOCKS.len(), 0..8), stop in 0usize..4) {
        let stop = ["end_turn", "max_tokens", "stop_sequence", "refusal"][stop];
        let blocks: Vec<&str> = picks.iter().map(|n| BLOCKS[*n]).collect();
        let body = format!(r#"{{"id":"m","type":"message","role":"assistant","model":"c","content":[{}],"stop_reason":"{stop}","usage":{{"input_tokens":5,"cache_read_input_tokens":2,"output_tokens":3}}}}"#, blocks.join(","));
        let events = whole(Dialect::Anthropic, &body);
        let reply = folded(events.clone());
        let written = encode_reply(Dialect::Cohere, &reply, &context());
        let from_whole = folded(whole(Dialect::Cohere, std::str::from_utf8(&written).unwrap()));
        let from_stream = folded(read(&streamed(events)));
        prop_assert_eq!(seen(&from_whole), seen(&reply));
        prop_assert_eq!(seen(&from_stream), seen(&reply));
        prop_assert_eq!(from_whole.usage, from_stream.usage);
        prop_assert_eq!(from_whole.usage.input_total(), 7);
        prop_assert_eq!(from_whole.stop.map(|s| s.reason), from_stream.stop.map(|s| s.reason));
    }

    /// Wherever an upstream's stream is cut into pieces, a Cohere client gets the same bytes.
    #[test]
    fn chunks_mean_nothing(size in 1usize..200) {
        let upstream = "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"Grü\"},\"finish_reason\":null}]}\n\ndata: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"x\\\":\"}}]},\"finish_reason\":null}]}\r\n\r\ndata: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"1}\"}}]},\"finish_reason\":null}]}\n\ndata: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\n\ndata: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2}}\n\ndata: [DONE]\n\n";
        let ask = |pieces: &mut dyn Iterator<Item = &[u8]>| {
            let body = r#"{"model":"gpt-5.5#openai","stream":true,"messages":[{"role":"user","content":"x"}]}"#;
            let mut run = Run::begin(&catalog(&super::settings()), post("/v2/chat", &[]), body);
            run.sse();
            pieces.for_each(|piece| { run.chunk(piece); });
            run.close();
            (run.text().to_owned(), run.ended())
        };
        prop_assert_eq!(ask(&mut upstream.as_bytes().chunks(size)), ask(&mut std::iter::once(upstream.as_bytes())));
    }

    /// Rubbish is an error or nothing, never a panic, and never broken JSON.
    #[test]
    fn nothing_panics(text in ".{0,80}", at in 0usize..1800, insert in "[\\[\\]{}\",:a-z0-9]{0,3}") {
        sequenced(read(&format!("data: {text}")));
        let body = include_str!("../../golden/cohere/client.json");
        let broken = format!("{}{insert}{}", body.get(..at).unwrap_or(""), body.get(at..).unwrap_or(""));
        for body in [text.as_str(), broken.as_str()] {
            let target = Target { provider: "p", model: "m", quirks: &Quirks::OPENAI };
            if let Ok(request) = decode_request(Dialect::Cohere, body) {
                for to in Dialect::ALL {
                    if let Ok(encoded) = encode_request(to, &request, &target) {
                        sound(&encoded.body);
                    }
                }
            }
            if let Ok(Ok(encoded)) = dialect::rewrite_request(Dialect::Cohere, body, &target) {
                sound(&encoded.body);
            }
        }
    }
}
