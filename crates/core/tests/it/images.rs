//! Pictures in replies: Gemini, Responses and OpenRouter's Chat have words for them, the others are told what they miss.

use apex_core::dialect::{self, Dialect, ReplyContext};
use apex_core::hub::{Aliases, Event, Fold, Sequencer};
use apex_core::provider::Quirks;
use serde_json::{Value, json};

const PNG: &str = "iVBORw0KGgo=";

/// The same answer of three upstreams: words, a picture, words.
fn answers() -> [(Dialect, String); 3] {
    let (before, after) = ("Look: ", " Nice.");
    let url = format!("data:image/png;base64,{PNG}");
    let gemini = json!({"candidates": [{"finishReason": "STOP", "content": {"role": "model", "parts": [
        {"text": before}, {"inlineData": {"mimeType": "image/png", "data": PNG}}, {"text": after}]}}]});
    let message = |text: &str| {
        json!({"type": "message", "id": "msg", "role": "assistant", "status": "completed",
            "content": [{"type": "output_text", "text": text, "annotations": []}]})
    };
    let picture = json!({"type": "image_generation_call", "id": "ig", "status": "completed", "result": PNG});
    let responses = json!({"id": "resp", "object": "response", "status": "completed", "model": "m",
        "output": [message(before), picture, message(after)]});
    let image = json!({"type": "image_url", "index": 0, "image_url": {"url": url}});
    let chat = json!({"id": "c", "object": "chat.completion", "model": "m", "choices": [{"index": 0, "finish_reason": "stop",
        "message": {"role": "assistant", "content": format!("{before}{after}"), "images": [image]}}]});
    [
        (Dialect::Gemini, gemini.to_string()),
        (Dialect::OpenAiResponses, responses.to_string()),
        (Dialect::OpenAiChat, chat.to_string()),
    ]
}

fn sequenced(dialect: Dialect, body: &str) -> Vec<Event<'static>> {
    let (mut sequencer, mut out) = (Sequencer::default(), Vec::new());
    let events = dialect::decode_reply(dialect, body, &Quirks::OPENAI, &Aliases::default()).unwrap();
    events.into_iter().for_each(|event| sequencer.push(event.into_owned(), &mut out));
    out
}

fn whole(events: &[Event<'_>], client: Dialect) -> Value {
    let mut fold = Fold::default();
    events.iter().for_each(|event| fold.push(event));
    let body = dialect::encode_reply(client, &fold.finish(), &context());
    serde_json::from_slice(&body).unwrap()
}

fn context() -> ReplyContext {
    ReplyContext { client_model: "m".into(), id: "r".into(), ..ReplyContext::default() }
}

/// The data of the events of a stream.
fn streamed(events: &[Event<'_>], client: Dialect) -> Vec<Value> {
    let mut encoder = dialect::StreamEncoder::new(client, context());
    let mut out = Vec::new();
    events.iter().for_each(|event| encoder.push(event, &mut out));
    let text = String::from_utf8(out).unwrap();
    let data = text.lines().filter_map(|line| line.strip_prefix("data: ")).filter(|data| *data != "[DONE]");
    data.map(|data| serde_json::from_str(data).unwrap()).collect()
}

#[test]
fn who_has_a_word_for_pictures_gets_them() {
    for (from, body) in answers() {
        let events = sequenced(from, &body);
        let image =
            json!({"index": 0, "type": "image_url", "image_url": {"url": format!("data:image/png;base64,{PNG}")}});
        let message = &whole(&events, Dialect::OpenAiChat)["choices"][0]["message"];
        assert_eq!((&message["content"], &message["images"]), (&json!("Look:  Nice."), &json!([image])), "{from}");
        let chunks = streamed(&events, Dialect::OpenAiChat);
        let told: Vec<_> = chunks.iter().filter_map(|c| c["choices"][0]["delta"].get("images")).collect();
        assert_eq!(told, [&json!([image])], "{from}");

        let picture = json!({"inlineData": {"mimeType": "image/png", "data": PNG}});
        let parts = whole(&events, Dialect::Gemini)["candidates"][0]["content"]["parts"].clone();
        assert!(parts.as_array().unwrap().contains(&picture), "{from} {parts}");
        let chunks = streamed(&events, Dialect::Gemini);
        assert!(chunks.iter().any(|c| c["candidates"][0]["content"]["parts"][0] == picture), "{from}");

        let output = whole(&events, Dialect::OpenAiResponses)["output"].clone();
        let item = output.as_array().unwrap().iter().find(|item| item["type"] == "image_generation_call").unwrap();
        assert_eq!((&item["result"], &item["status"]), (&json!(PNG), &json!("completed")), "{from}");
        let chunks = streamed(&events, Dialect::OpenAiResponses);
        let of = |kind: &str| chunks.iter().find(|c| c["type"] == kind && c["item"]["type"] == item["type"]).unwrap();
        let (added, done) = (of("response.output_item.added"), of("response.output_item.done"));
        assert_eq!((&added["item"]["id"], &added["output_index"]), (&done["item"]["id"], &done["output_index"]));
        assert_eq!((&added["item"]["result"], &done["item"]), (&Value::Null, item));
    }
}

#[test]
fn who_has_none_is_told() {
    for (from, body) in answers() {
        let events = sequenced(from, &body);
        let note = "[image omitted: image/png, 9 bytes]";
        for client in [Dialect::Anthropic, Dialect::Cohere] {
            let body = whole(&events, client).to_string();
            assert!(body.contains(note) && !body.contains(PNG), "{from} {client} {body}");
            let stream = streamed(&events, client);
            assert!(stream.iter().any(|event| event.to_string().contains(note)), "{from} {client} {stream:?}");
        }
    }
}

/// What waits for an open call is counted, pictures too.
#[test]
fn pictures_that_wait_are_bounded() {
    use apex_core::hub::{BlockStart, ToolKind};
    use apex_core::json::JsonStr;
    let name = JsonStr::written("f");
    let call = BlockStart::ToolCall { id: name.clone(), name, kind: ToolKind::Function, opaque: None };
    let data = JsonStr::owned(&"A".repeat(12 << 20));
    let (mut sequencer, mut out) = (Sequencer::default(), Vec::new());
    sequencer.push(Event::BlockStart { key: 0, block: call }, &mut out);
    for key in 1..4 {
        let block = BlockStart::Image { media_type: JsonStr::written("image/png"), data: data.clone() };
        sequencer.push(Event::BlockStart { key, block }, &mut out);
    }
    assert!(matches!(out.last(), Some(Event::Error(_))) && sequencer.ended());
}
