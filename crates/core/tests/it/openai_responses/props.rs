//! Properties: how a stream is cut means nothing, a stream and its whole reply say the same, nothing makes it panic.

use apex_core::dialect::{
    Dialect, StreamDecoder, StreamEncoder, decode_reply, decode_request, encode_reply, openai_responses,
};
use apex_core::hub::{Aliases, BlockStart, Delta, Event, Fold, Reply, Sequencer, Stop, StopReason, ToolKind, Usage};
use apex_core::json::JsonStr;
use apex_core::provider::Quirks;
use proptest::prelude::*;
use serde_json::Value;

use super::context;
use crate::corpus::responses;

/// A reply of a few blocks, told in pieces.
fn events(blocks: &[(u8, Vec<String>)]) -> Vec<Event<'static>> {
    let mut all = vec![Event::Start { id: JsonStr::default(), model: JsonStr::default(), usage: Usage::default() }];
    let mut calls = false;
    for (key, (kind, pieces)) in (0u32..).zip(blocks) {
        let name = JsonStr::owned(&format!("f{key}"));
        let block = match kind {
            0 => BlockStart::Text,
            1 => BlockStart::Reasoning,
            2 => BlockStart::Refusal,
            _ => {
                calls = true;
                let kind = if *kind == 3 { ToolKind::Custom } else { ToolKind::Function };
                BlockStart::ToolCall { id: name.clone(), name, kind, opaque: None }
            }
        };
        all.push(Event::BlockStart { key, block });
        for piece in pieces {
            let text = JsonStr::owned(piece);
            let delta = match kind {
                0 => Delta::Text(text),
                1 => Delta::Reasoning(text),
                2 => Delta::Refusal(text),
                3 => Delta::Arguments(text),
                _ => break,
            };
            all.push(Event::Delta { key, delta });
        }
        all.push(Event::BlockStop { key });
    }
    let reason = if calls { StopReason::ToolCalls } else { StopReason::EndTurn };
    all.push(Event::Stop(Stop::plain(reason, JsonStr::default())));
    all.push(Event::Usage(Usage { input_uncached: Some(3), output: Some(4), ..Usage::default() }));
    all.push(Event::End);
    all
}

fn fold(events: Vec<Event<'_>>) -> Reply {
    let (mut sequencer, mut ordered, mut fold) = (Sequencer::default(), Vec::new(), Fold::default());
    events.into_iter().for_each(|e| sequencer.push(e, &mut ordered));
    ordered.iter().for_each(|e| fold.push(e));
    fold.finish()
}

/// What a reply says, without who says it.
fn said(reply: &Reply) -> Vec<String> {
    use apex_core::hub::Block;
    let mut all: Vec<String> = Vec::new();
    for block in &reply.blocks {
        match block {
            Block::Text { text, .. } if !text.is_empty() => all.push(format!("text {}", text.text())),
            Block::Reasoning { text, .. } if !text.is_empty() => all.push(format!("thought {}", text.text())),
            Block::Refusal(text) if !text.is_empty() => all.push(format!("refusal {}", text.text())),
            Block::ToolCall { id, name, kind, arguments, .. } => {
                let arguments = arguments.text();
                let arguments = if *kind == ToolKind::Function && arguments.is_empty() { "{}" } else { &arguments };
                all.push(format!("call {} {} {kind:?} {arguments}", id.text(), name.text()));
            }
            _ => {}
        }
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Stream and whole reply are one; both obey the grammar; read again they are the reply they were.
    #[test]
    fn stream_and_whole_are_one(blocks in prop::collection::vec((0u8..5, prop::collection::vec("[a-zé😀\"\\\\\n]{0,6}", 0..4)), 0..6)) {
        let events = events(&blocks);
        let reply = fold(events.clone());
        let (mut sequencer, mut ordered) = (Sequencer::default(), Vec::new());
        events.into_iter().for_each(|e| sequencer.push(e, &mut ordered));
        let (mut encoder, mut stream) = (StreamEncoder::new(Dialect::OpenAiResponses, context("{}")), Vec::new());
        ordered.iter().for_each(|e| encoder.push(e, &mut stream));
        let stream = String::from_utf8(stream).unwrap();
        let seen = responses::stream(&stream).map_err(|e| TestCaseError::fail(format!("{e}\n{stream}")))?;
        let whole = encode_reply(Dialect::OpenAiResponses, &reply, &context("{}"));
        let whole = String::from_utf8(whole).unwrap();
        prop_assert_eq!(&responses::whole(&whole).unwrap(), &seen);
        let last: Value = super::data(&stream).pop().unwrap();
        prop_assert_eq!(&last["response"], &serde_json::from_str::<Value>(&whole).unwrap());

        let again = fold(decode_reply(Dialect::OpenAiResponses, &whole, &Quirks::OPENAI, &Aliases::default()).unwrap());
        prop_assert_eq!(said(&again), said(&reply));
        prop_assert_eq!(again.usage.output, Some(4));
        let mut decoder = StreamDecoder::new(Dialect::OpenAiResponses, &Quirks::OPENAI, Aliases::default());
        let mut streamed = Vec::new();
        for event in stream.split_terminator("\n\n") {
            let data = event.lines().find_map(|l| l.strip_prefix("data: ")).unwrap();
            let mut some = Vec::new();
            decoder.push(None, data, &mut some);
            streamed.extend(some.into_iter().map(Event::into_owned));
        }
        prop_assert_eq!(said(&fold(streamed)), said(&reply));
    }

    /// Whatever arrives, nothing panics, and what is accepted as a request can be written anew.
    #[test]
    fn anything_goes_in(items in prop::collection::vec(
        ("(message|function_call|function_call_output|reasoning|custom_tool_call|local_shell_call|x|web_search_call)",
         "[a-z]{0,3}", prop::bool::ANY), 0..6)) {
        let items: Vec<String> = items.iter().map(|(kind, id, list)| {
            let content = if *list { r#"[{"type":"input_text","text":"t"},{"type":"odd"}]"# } else { "\"t\"" };
            format!(r#"{{"type":"{kind}","role":"user","content":{content},"call_id":"{id}","name":"{id}","arguments":"{{}}","input":"i","output":{content},"summary":[],"action":{{}}}}"#)
        }).collect();
        let body = format!(r#"{{"model":"m","input":[{}]}}"#, items.join(","));
        let target = apex_core::dialect::Target { provider: "p", model: "m", quirks: &Quirks::OPENAI };
        if let Ok(request) = decode_request(Dialect::OpenAiResponses, &body) {
            for to in [Dialect::Anthropic, Dialect::OpenAiChat, Dialect::OpenAiResponses] {
                if let Ok(encoded) = apex_core::dialect::encode_request(to, &request, &target) {
                    serde_json::from_slice::<Value>(&encoded.body).unwrap();
                }
            }
        }
        let own = openai_responses::rewrite_request(&body, &target).unwrap();
        prop_assert_eq!(String::from_utf8(own.body).unwrap(), body);
    }
}
