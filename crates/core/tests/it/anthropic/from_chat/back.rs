//! Replies and streams back to a Chat client.

use apex_core::dialect::{anthropic, openai_chat};
use apex_core::hub::{Aliases, Event};
use apex_core::provider::Quirks;
use serde_json::Value;

use super::{NEW, encode};
use crate::anthropic::{context, fold, json, sequenced, sse};

/// A Messages stream as a Chat client sees it.
fn stream_back(text: &str, aliases: Aliases) -> String {
    let mut decoder = anthropic::StreamDecoder::new(&Quirks::OPENAI, aliases);
    let mut events: Vec<Event<'static>> = Vec::new();
    for (name, data) in sse(text) {
        let mut out = Vec::new();
        decoder.push(name.as_deref(), &data, &mut out);
        events.extend(out.into_iter().map(Event::into_owned));
    }
    decoder.finish(&mut events);
    let mut encoder = openai_chat::StreamEncoder::new(context());
    let mut out = Vec::new();
    for event in sequenced(events) {
        encoder.push(&event, &mut out);
    }
    String::from_utf8(out).unwrap()
}

#[test]
fn the_golden_stream_back() {
    // pitfalls 12, 44-46, 95, 99, 143
    let got = stream_back(include_str!("../../../golden/anthropic/reply.sse"), Aliases::default());
    let want = include_str!("../../../golden/anthropic/reply.chat.sse");
    let plain = |text: &str| {
        sse(text)
            .into_iter()
            .map(|(_, data)| if data == "[DONE]" { Value::Null } else { json(data) })
            .collect::<Vec<_>>()
    };
    for (at, (got, want)) in plain(&got).iter().zip(plain(want)).enumerate() {
        for (key, value) in want.as_object().into_iter().flatten() {
            let mut got = got[key].clone();
            // Ours says the upstream's word too.
            if let Some(choice) = got.get_mut(0).and_then(Value::as_object_mut) {
                choice.remove("native_finish_reason");
            }
            assert_eq!(got, *value, "chunk {at}");
        }
    }
    assert_eq!(plain(&got).len(), plain(want).len(), "{got}");
}

#[test]
fn a_whole_reply_back() {
    let body = include_str!("../../../golden/anthropic/reply.json");
    let events = anthropic::decode_reply(body, &Quirks::OPENAI, &Aliases::default()).unwrap();
    let reply = fold(&sequenced(events));
    let out = json(openai_chat::encode_reply(&reply, &context()));
    let message = &out["choices"][0]["message"];
    assert_eq!(message["content"], "Next file.");
    assert_eq!(message["reasoning_content"], "Look at c.");
    assert_eq!(message["tool_calls"][0]["function"]["arguments"], r#"{"path":"c"}"#);
    assert_eq!(out["choices"][0]["finish_reason"], "tool_calls");
    assert_eq!(out["usage"]["prompt_tokens"], 100);
    assert_eq!(out["usage"]["prompt_tokens_details"]["cached_tokens"], 90);
    assert_eq!(out["usage"]["completion_tokens"], 25);
    // What the client sends back next is Anthropic's own again.
    let next = format!(
        r#"{{"messages":[{{"role":"user","content":"x"}},{message},{{"role":"tool","tool_call_id":"toolu_3","content":"r"}}]}}"#
    );
    let encoded = encode(&next, NEW).unwrap();
    assert_eq!(json(&encoded.body)["messages"][1]["content"], json(body)["content"]);
}
