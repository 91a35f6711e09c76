//! One input taken as a request, as a whole reply and as a stream of a dialect.

use apex_core::dialect::{
    Dialect, ReplyContext, StreamDecoder, StreamEncoder, Target, decode_reply, decode_request, encode_reply,
    encode_request, rewrite_request,
};
use apex_core::hub::{Aliases, Event, Fold, Sequencer};
use apex_core::json::{Members, RawValue};
use apex_core::provider::Quirks;
use apex_core::sse::Framer;
use bytes::Bytes;

/// Rows with different demands on ids, names, content and reasoning.
const ROWS: [&Quirks; 4] = [&Quirks::OPENAI, &Quirks::MISTRAL, &Quirks::DEEPSEEK, &Quirks::PERPLEXITY];

pub fn check(dialect: Dialect, input: &str) {
    request(dialect, input);
    for quirks in ROWS {
        if let Ok(events) = decode_reply(dialect, input, quirks, &Aliases::default()) {
            reply(events);
        }
        stream(dialect, quirks, input);
    }
}

fn request(dialect: Dialect, input: &str) {
    for quirks in ROWS {
        let target = Target { provider: "p", model: "gemini-3-pro", quirks };
        if let Ok(Ok(anew)) = rewrite_request(dialect, input, &target) {
            json(anew.body);
        }
    }
    let Ok(request) = decode_request(dialect, input) else { return };
    for to in Dialect::ALL {
        for quirks in ROWS {
            let target = Target { provider: "p", model: "claude-sonnet-4-6", quirks };
            match encode_request(to, &request, &target) {
                Ok(encoded) => {
                    let text = json(encoded.body);
                    // What we send, we can read.
                    if let Err(why) = decode_request(to, &text) {
                        panic!("{to} does not read what it wrote: {why}: {text}");
                    }
                    let _ = encoded.losses.header();
                }
                Err(refused) => assert!(!refused.param.is_empty() && !refused.what.is_empty(), "{refused:?}"),
            }
        }
    }
}

/// Encodes events for every kind of client, whole and streamed.
fn reply(events: Vec<Event<'_>>) {
    let (mut sequencer, mut ordered) = (Sequencer::default(), Vec::new());
    events.into_iter().for_each(|e| sequencer.push(e, &mut ordered));
    let mut fold = Fold::default();
    ordered.iter().for_each(|e| fold.push(e));
    let whole = fold.finish();
    for to in Dialect::ALL {
        if sequencer.ended() && !ordered.iter().any(|e| matches!(e, Event::Error(_))) {
            json(encode_reply(to, &whole, &context()));
        }
        let (mut encoder, mut out) = (StreamEncoder::new(to, context()), Vec::new());
        for event in &ordered {
            match event {
                Event::Error(failure) => encoder.fail(failure, &mut out),
                _ => encoder.push(event, &mut out),
            }
        }
        written(to, &out);
    }
}

/// The events of `input` as a stream, or each of its lines as the data of one.
fn stream(dialect: Dialect, quirks: &Quirks, input: &str) {
    let mut decoder = StreamDecoder::new(dialect, quirks, Aliases::default());
    let mut events = Vec::new();
    let mut take = |name: Option<&str>, data: &str| {
        let mut now = Vec::new();
        decoder.push(name, data, &mut now);
        events.extend(now.into_iter().map(Event::into_owned));
    };
    if input.starts_with('{') {
        input.lines().for_each(|line| take(None, line));
    } else {
        let mut framer = Framer::default();
        let whole = framer.push(&Bytes::copy_from_slice(input.as_bytes()));
        for (name, data) in whole.frames().filter_map(|frame| frame.parse()) {
            take(name.as_deref(), &data);
        }
    }
    decoder.finish(&mut events);
    reply(events);
}

/// A stream of ours: whole events, each with one line of JSON.
fn written(to: Dialect, out: &[u8]) {
    let text = std::str::from_utf8(out).expect("a stream is text");
    assert!(text.is_empty() || text.ends_with("\n\n"), "an unfinished event: {text}");
    for event in text.split_terminator("\n\n").filter(|e| !e.starts_with(':')) {
        let data = event.lines().find_map(|l| l.strip_prefix("data: ")).expect("an event has data");
        if data == "[DONE]" {
            assert_eq!(to, Dialect::OpenAiChat);
            continue;
        }
        json(data.as_bytes().to_vec());
        let named = matches!(to, Dialect::Anthropic | Dialect::Cohere | Dialect::OpenAiResponses);
        assert_eq!(event.lines().count(), if named { 2 } else { 1 }, "{event}");
    }
}

/// JSON all the way down.
fn json(bytes: Vec<u8>) -> String {
    let text = String::from_utf8(bytes).expect("what was text is text");
    if let Err(error) = serde_json::from_str::<&RawValue>(&text) {
        panic!("{error}: {text}");
    }
    assert!(Members::parse(&text).is_ok(), "no object: {text}");
    text
}

fn context() -> ReplyContext {
    ReplyContext {
        client_model: "m".into(),
        id: "0123456789abcdefghijklmn".into(),
        created: 1,
        include_usage: true,
        request_id: "req".into(),
        ..ReplyContext::default()
    }
}
