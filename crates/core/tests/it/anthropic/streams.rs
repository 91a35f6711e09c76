//! Streams in and out.

use apex_core::dialect::anthropic::{StreamDecoder, StreamEncoder};
use apex_core::hub::{
    Aliases, Block, BlockStart, Delta, ErrorKind, Event, Failure, Reply, Stop, StopReason, ToolKind, Usage,
};
use apex_core::json::JsonStr;
use apex_core::provider::Quirks;
use http::StatusCode;
use proptest::prelude::*;

use super::{context, fold, json, recorded, sequenced, sse};

const GOLDEN: &str = include_str!("../../golden/anthropic/reply.sse");

fn decode(text: &str, aliases: Aliases) -> Vec<Event<'static>> {
    let mut decoder = StreamDecoder::new(&Quirks::OPENAI, aliases);
    let mut events = Vec::new();
    for (name, data) in sse(text) {
        let mut out = Vec::new();
        decoder.push(name.as_deref(), &data, &mut out);
        events.extend(out.into_iter().map(Event::into_owned));
    }
    decoder.finish(&mut events);
    events
}

fn encode(events: Vec<Event<'_>>) -> String {
    let mut encoder = StreamEncoder::new(context());
    let mut out = Vec::new();
    for event in sequenced(events) {
        encoder.push(&event, &mut out);
    }
    String::from_utf8(out).unwrap()
}

/// The SSE text of `(type, members)` pairs.
fn frames(frames: &[&str]) -> String {
    let frame = |data: &&str| format!("event: {}\ndata: {data}\n\n", json(data)["type"].as_str().unwrap());
    frames.iter().map(frame).collect::<Vec<_>>().concat()
}

const START: &str =
    r#"{"type":"message_start","message":{"id":"msg_1","model":"m","usage":{"input_tokens":3,"output_tokens":1}}}"#;
const STOP: &str = r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":5}}"#;
const END: &str = r#"{"type":"message_stop"}"#;

/// Folds what comes between a usual beginning and a usual end.
fn reply(middle: &[&str], aliases: Aliases) -> Reply {
    let mut all = vec![START];
    all.extend(middle);
    all.extend([STOP, END]);
    fold(&sequenced(decode(&frames(&all), aliases)))
}

#[test]
fn the_golden_stream_comes_out_as_it_went_in() {
    // pitfalls 39-46: start first, one block at a time, no first token lost, usage complete.
    let out = encode(decode(GOLDEN, Aliases::default()));
    let want = GOLDEN
        // The sequencer keeps signs of life to itself.
        .replace("event: ping\ndata: {\"type\":\"ping\"}\n\n", "")
        .replace("msg_1", "msg_0123456789abcdefghijklmn");
    assert_eq!(out, want);
}

#[test]
fn every_start_has_its_block() {
    // pitfall 14: `{}` of the start is no fragment, a lone `{}` first fragment is held.
    for (fragments, arguments) in [
        (&[][..], "{}"),
        (&[""][..], "{}"),
        (&["{}"][..], "{}"),
        (&["{}", "{\\\"a\\\":1}"][..], "{\"a\":1}"),
        (&["{\\\"a\\\":", "1}"][..], "{\"a\":1}"),
        (&["{\\\"s\\\":\\\"\\\\ud83d", "\\\\ude00\\\"}"][..], "{\"s\":\"\\ud83d\\ude00\"}"),
    ] {
        let start = r#"{"type":"content_block_start","index":4,"content_block":{"type":"tool_use","id":"t","name":"f","input":{}}}"#;
        let deltas: Vec<_> = fragments
            .iter()
            .map(|f| format!(r#"{{"type":"content_block_delta","index":4,"delta":{{"type":"input_json_delta","partial_json":"{f}"}}}}"#))
            .collect();
        let mut middle = vec![start];
        middle.extend(deltas.iter().map(String::as_str));
        middle.push(r#"{"type":"content_block_stop","index":4}"#);
        let reply = reply(&middle, Aliases::default());
        let [Block::ToolCall { arguments: got, .. }] = reply.blocks.as_slice() else { panic!("{reply:?}") };
        assert_eq!(got.text(), arguments);
        // pitfall 8: there is a call, so the reason is the call.
        assert_eq!(reply.stop.unwrap().reason, StopReason::ToolCalls);
    }
}

#[test]
fn tolerates_what_hosts_do() {
    let text = |reply: &Reply| {
        reply
            .blocks
            .iter()
            .map(|b| match b {
                Block::Text { text, .. } => format!("T{}", text.text()),
                Block::Reasoning { text, signature } => {
                    format!(
                        "R{}{}",
                        text.text(),
                        signature.as_ref().map_or(String::new(), |s| format!("#{}", s.data.text()))
                    )
                }
                Block::Image { data, .. } => format!("I{}", data.text()),
                Block::Redacted { data } => format!("E{}", data.data.text()),
                Block::Refusal(text) => format!("X{}", text.text()),
                Block::ToolCall { name, arguments, .. } => format!("C{}{}", name.text(), arguments.text()),
            })
            .collect::<Vec<_>>()
            .join("|")
    };
    for (middle, want) in [
        // The whole text in the start.
        (&[r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":"all"}}"#][..], "Tall"),
        // The whole input in the start; a later fragment replaces it.
        (
            &[
                r#"{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"t","name":"f","input":{"a": 1}}}"#,
                r#"{"type":"content_block_stop","index":0}"#,
            ][..],
            "Cf{\"a\": 1}",
        ),
        // No start at all; a delta of another kind than its block (pitfalls 40, 41).
        (
            &[
                r#"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"a"}}"#,
                r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"b"}}"#,
            ][..],
            "Ra|Tb",
        ),
        // Gaps in the indices, server tools hidden, unknown blocks and deltas ignored, empty reasoning kept quiet.
        (
            &[
                r#"{"type":"content_block_start","index":1,"content_block":{"type":"server_tool_use","id":"s","name":"web_search","input":{}}}"#,
                r#"{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{}"}}"#,
                r#"{"type":"content_block_stop","index":1}"#,
                r#"{"type":"content_block_start","index":7,"content_block":{"type":"new","text":"x"}}"#,
                r#"{"type":"content_block_delta","index":7,"delta":{"type":"text_delta","text":"hidden"}}"#,
                r#"{"type":"content_block_stop","index":7}"#,
                r#"{"type":"content_block_start","index":9,"content_block":{"type":"text","text":""}}"#,
                r#"{"type":"content_block_delta","index":9,"delta":{"type":"new_delta","x":1}}"#,
                r#"{"type":"content_block_delta","index":9,"delta":{"type":"text_delta","text":"seen"}}"#,
                r#"{"type":"new_event"}"#,
                r#"{"type":"content_block_stop","index":9}"#,
            ][..],
            "Tseen",
        ),
        // The last signature counts; redacted thinking has no deltas; a second message_start is ignored (pitfall 42).
        (
            &[
                r#"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}"#,
                r#"{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"A"}}"#,
                r#"{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"B"}}"#,
                r#"{"type":"content_block_stop","index":0}"#,
                START,
                r#"{"type":"content_block_start","index":1,"content_block":{"type":"redacted_thinking","data":"ENC"}}"#,
                r#"{"type":"content_block_stop","index":1}"#,
            ][..],
            "R#B|EENC",
        ),
    ] {
        assert_eq!(text(&reply(middle, Aliases::default())), want, "{middle:?}");
    }
}

#[test]
fn stop_reasons_and_usage() {
    for (word, reason) in [
        ("end_turn", StopReason::EndTurn),
        ("max_tokens", StopReason::MaxTokens),
        ("stop_sequence", StopReason::StopSequence),
        // pitfall 9: no call in the reply.
        ("tool_use", StopReason::EndTurn),
        ("pause_turn", StopReason::Pause),
        ("refusal", StopReason::Refusal),
        ("model_context_window_exceeded", StopReason::ContextWindow),
        ("compaction", StopReason::Compaction),
        ("something_new", StopReason::EndTurn),
    ] {
        let delta = format!(
            r#"{{"type":"message_delta","delta":{{"stop_reason":"{word}","stop_sequence":"X","stop_details":{{"type":"refusal","category":"bio","explanation":"no"}}}},"usage":{{"output_tokens":7,"input_tokens":null,"cache_read_input_tokens":2}}}}"#
        );
        let reply = fold(&decode(&frames(&[START, &delta, END]), Aliases::default()));
        let stop = reply.stop.unwrap();
        assert_eq!(stop.reason, reason, "{word}");
        assert_eq!(stop.native.text(), word);
        assert_eq!(stop.explanation.unwrap().text(), "no");
        assert_eq!(stop.sequence.unwrap().text(), "X");
        // pitfall 97: counters of the end win, `null` does not.
        assert_eq!(reply.usage.input_uncached, Some(3));
        assert_eq!(reply.usage.cache_read, Some(2));
        assert_eq!(reply.usage.output, Some(7));
    }
}

#[test]
fn endings_are_honest() {
    let ends = |frames_: &[&str]| decode(&frames(frames_), Aliases::default()).iter().any(|e| matches!(e, Event::End));
    // pitfall 49
    assert!(!ends(&[START]));
    assert!(!ends(&[START, r#"{"type":"message_delta","delta":{"stop_reason":null},"usage":{"output_tokens":1}}"#]));
    assert!(ends(&[START, STOP]));
    assert!(ends(&[START, STOP, END]));
    assert!(!ends(&[]));
    let starts = decode(&frames(&[START, START, STOP, END]), Aliases::default());
    assert_eq!(starts.iter().filter(|e| matches!(e, Event::Start { .. })).count(), 1);
    let error = r#"{"type":"error","error":{"type":"overloaded_error","message":"busy"}}"#;
    let events = decode(&frames(&[START, error, STOP, END]), Aliases::default());
    let [Event::Start { .. }, Event::Error(failure)] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!((failure.kind, failure.message.as_str()), (ErrorKind::Overloaded, "busy"));

    let mut decoder = StreamDecoder::new(&Quirks::OPENAI, Aliases::default());
    let mut out = Vec::new();
    decoder.push(None, "{bad", &mut out);
    decoder.push(None, "", &mut out);
    assert!(out.is_empty());
    assert_eq!(decoder.skipped(), 2);
}

fn tool_frames(name: &str, fragments: &[&str]) -> Vec<String> {
    let mut all = vec![format!(
        r#"{{"type":"content_block_start","index":0,"content_block":{{"type":"tool_use","id":"t","name":"{name}","input":{{}}}}}}"#
    )];
    for f in fragments {
        let f = JsonStr::owned(f);
        all.push(format!(
            r#"{{"type":"content_block_delta","index":0,"delta":{{"type":"input_json_delta","partial_json":"{}"}}}}"#,
            f.as_escaped()
        ));
    }
    all.push(r#"{"type":"content_block_stop","index":0}"#.to_owned());
    all
}

#[test]
fn stand_in_tools_are_taken_off_again() {
    let mut aliases = Aliases::default();
    aliases.set_json_tool("json_output");
    aliases.lower("patch");
    let long = aliases.name(&JsonStr::escape("a tool / with an odd name"), 64).text().into_owned();

    let all = tool_frames("json_output", &["{\"a\":", "1}"]);
    let middle: Vec<_> = all.iter().map(String::as_str).collect();
    let got = reply(&middle, aliases.clone());
    // pitfall 130: the answer is text, the tool is gone.
    assert!(matches!(got.blocks.as_slice(), [Block::Text { text, .. }] if *text == "{\"a\":1}"), "{got:?}");
    assert_eq!(got.stop.unwrap().reason, StopReason::EndTurn);

    let all = tool_frames("patch", &["{\"inp", "ut\":\"*** a\\n\\u00", "e9\"}"]);
    let middle: Vec<_> = all.iter().map(String::as_str).collect();
    let got = reply(&middle, aliases.clone());
    // pitfall 31
    assert!(
        matches!(got.blocks.as_slice(), [Block::ToolCall { kind: ToolKind::Custom, arguments, .. }] if *arguments == "*** a\né"),
        "{got:?}"
    );

    // pitfall 29
    let all = tool_frames(&long, &["{}"]);
    let middle: Vec<_> = all.iter().map(String::as_str).collect();
    let got = reply(&middle, aliases);
    assert!(matches!(got.blocks.as_slice(), [Block::ToolCall { name, .. }] if *name == "a tool / with an odd name"));
}

#[test]
fn citations_with_an_address_are_kept() {
    let got = reply(
        &[
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":"","citations":[]}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Sunny."}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"citations_delta","citation":{"type":"web_search_result_location","url":"https://w","title":"W","encrypted_index":"E","cited_text":"sun"}}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"citations_delta","citation":{"type":"search_result_location","source":"https://s","title":null}}}"#,
            // pitfall 129
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"citations_delta","citation":{"type":"web_search_result_location","url":""}}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"citations_delta","citation":{"type":"char_location","document_index":0}}}"#,
            r#"{"type":"content_block_stop","index":0}"#,
        ],
        Aliases::default(),
    );
    let [Block::Text { citations, .. }] = got.blocks.as_slice() else { panic!("{got:?}") };
    let urls: Vec<_> = citations.iter().map(|c| c.url.text()).collect();
    assert_eq!(urls, ["https://w", "https://s"]);
}

fn text(s: &str) -> JsonStr<'_> {
    JsonStr::escape(s)
}

fn call(key: u32, fragments: &[&'static str]) -> Vec<Event<'static>> {
    let mut events = vec![Event::BlockStart {
        key,
        block: BlockStart::ToolCall { id: text("t"), name: text("f"), kind: ToolKind::Function, opaque: None },
    }];
    events.extend(fragments.iter().map(|f| Event::Delta { key, delta: Delta::Arguments(JsonStr::owned(f)) }));
    events.push(Event::BlockStop { key });
    events
}

fn stop(reason: StopReason) -> Event<'static> {
    Event::Stop(Stop::plain(reason, text("x")))
}

fn head() -> Event<'static> {
    Event::Start { id: text(""), model: text(""), usage: Usage::default() }
}

#[test]
fn unsigned_reasoning_gets_an_envelope() {
    // pitfall 93: no block for nothing.
    let events = vec![
        head(),
        Event::BlockStart { key: 0, block: BlockStart::Reasoning },
        Event::Delta { key: 0, delta: Delta::Reasoning(text("")) },
        Event::BlockStop { key: 0 },
        Event::BlockStart { key: 1, block: BlockStart::Reasoning },
        Event::Delta { key: 1, delta: Delta::Reasoning(text("hm")) },
        Event::BlockStop { key: 1 },
        stop(StopReason::EndTurn),
        Event::End,
    ];
    let out = encode(events);
    assert_eq!(out.matches("content_block_start\n").count(), 1, "{out}");
    assert_eq!(out.matches("signature_delta").count(), 1);
    assert!(out.contains("\"signature\":\"gw1."), "{out}");
}

#[test]
fn arguments_must_be_an_object() {
    let run = |fragments: &[&'static str], reason| {
        let mut events = vec![head()];
        events.extend(call(0, fragments));
        events.extend([stop(reason), Event::Usage(Usage::default()), Event::End]);
        encode(events)
    };
    // No arguments: the `{}` of the start stands.
    let out = run(&[], StopReason::ToolCalls);
    assert!(!out.contains("input_json_delta") && out.contains("\"stop_reason\":\"tool_use\""), "{out}");
    // Not an object: an error, and the block stays open (clients run closed ones).
    for bad in [&["\"x\""][..], &["{\"a\":"][..], &["{}{}"][..]] {
        let out = run(bad, StopReason::ToolCalls);
        assert!(
            out.contains("event: error") && !out.contains("content_block_stop") && !out.contains("message_stop"),
            "{out}"
        );
    }
    // Cut by the limit: kept.
    let out = run(&["{\"a\":"], StopReason::MaxTokens);
    assert!(out.contains("content_block_stop") && out.contains("\"stop_reason\":\"max_tokens\""), "{out}");
}

#[test]
fn custom_calls_become_objects() {
    let events = vec![
        head(),
        Event::BlockStart {
            key: 0,
            block: BlockStart::ToolCall { id: text(""), name: text("p"), kind: ToolKind::Custom, opaque: None },
        },
        Event::Delta { key: 0, delta: Delta::Arguments(JsonStr::owned("a\n\"b\"\\")) },
        Event::BlockStop { key: 0 },
        stop(StopReason::ToolCalls),
        Event::End,
    ];
    let mut input = String::new();
    for (_, data) in sse(&encode(events)) {
        let data = json(&data);
        input.push_str(data["delta"]["partial_json"].as_str().unwrap_or_default());
        if data["type"] == "content_block_start" {
            // pitfall 7: an id, always.
            assert!(data["content_block"]["id"].as_str().unwrap().starts_with("toolu_"));
        }
    }
    assert_eq!(json(&input)["input"], "a\n\"b\"\\");
}

#[test]
fn refusals_are_said() {
    // pitfall 136
    let events = vec![
        head(),
        Event::BlockStart { key: 0, block: BlockStart::Refusal },
        Event::Delta { key: 0, delta: Delta::Refusal(text("I will ")) },
        Event::Delta { key: 0, delta: Delta::Refusal(text("not.")) },
        Event::BlockStop { key: 0 },
        stop(StopReason::EndTurn),
        Event::End,
    ];
    let out = encode(events);
    assert!(out.contains(r#""stop_reason":"refusal""#), "{out}");
    assert!(out.contains(r#""stop_details":{"type":"refusal","category":null,"explanation":"I will not."}"#), "{out}");
    assert!(out.contains(r#"{"type":"text_delta","text":"I will "}"#));
}

#[test]
fn failure_is_the_last_word() {
    // pitfalls 47, 50, 52
    let mut encoder = StreamEncoder::new(context());
    let mut out = Vec::new();
    encoder.keep_alive(&mut out);
    assert_eq!(out, b": keep-alive\n\n");
    encoder.push(&head(), &mut out);
    encoder.keep_alive(&mut out);
    for event in call(0, &["{\"a\":"]).iter().take(2) {
        encoder.push(event, &mut out);
    }
    let before = out.len();
    let failure =
        Failure::upstream(ErrorKind::BadAnswer, StatusCode::BAD_GATEWAY, "the provider's stream was cut short");
    encoder.fail(&failure, &mut out);
    let after = out.len();
    encoder.fail(&failure, &mut out);
    encoder.push(&Event::BlockStop { key: 0 }, &mut out);
    encoder.push(&Event::End, &mut out);
    encoder.keep_alive(&mut out);
    assert_eq!(out.len(), after);
    let text = String::from_utf8(out).unwrap();
    assert!(text.contains("event: ping\ndata: {\"type\":\"ping\"}\n\n"));
    assert!(text[before..].starts_with("event: error\ndata: {\"type\":\"error\""));
    assert!(!text.contains("content_block_stop") && !text.contains("message_stop"));
}

#[test]
fn recorded_streams_make_sense() {
    let mut seen = 0;
    for (path, exchange) in recorded("anthropic.messages") {
        let Some(text) = exchange["response"]["sse"].as_str() else { continue };
        seen += 1;
        let events = decode(text, Aliases::default());
        assert!(matches!(events.first(), Some(Event::Start { .. } | Event::Error(_))), "{path}");
        assert!(matches!(events.last(), Some(Event::End | Event::Error(_))), "{path}: {:?}", events.last());
        let before = fold(&sequenced(events.clone()));
        // What we write, we read the same way.
        let after = fold(&sequenced(decode(&encode(events), Aliases::default())));
        let visible = |r: &Reply| r.blocks.iter().filter(|b| !is_empty(b)).map(plain).collect::<Vec<_>>();
        assert_eq!(visible(&before), visible(&after), "{path}");
        assert_eq!(before.stop.map(|s| s.reason), after.stop.map(|s| s.reason), "{path}");
        assert_eq!(before.usage.output, after.usage.output, "{path}");
    }
    println!("{seen} streams");
}

fn is_empty(block: &Block) -> bool {
    matches!(block, Block::Text { text, citations, .. } if text.is_empty() && citations.is_empty())
        || matches!(block, Block::Reasoning { text, signature: None } if text.is_empty())
}

/// A block in the form that survives: text decoded, since escapes may be spelled otherwise.
fn plain(block: &Block) -> String {
    match block {
        Block::Text { text, citations, .. } => format!("text {} {}", text.text(), citations.len()),
        Block::Reasoning { text, signature } => format!("reasoning {} {signature:?}", text.text()),
        Block::Image { data, .. } => format!("image {}", data.text()),
        Block::Redacted { data } => format!("redacted {}", data.data.text()),
        Block::Refusal(text) => format!("refusal {}", text.text()),
        Block::ToolCall { id, name, arguments, .. } => format!("{} {} {}", id.text(), name.text(), arguments.text()),
    }
}

proptest! {
    #[test]
    fn no_stream_panics(at in 0..GOLDEN.len(), byte in 1u8..127, keep in any::<bool>()) {
        let mut bytes = GOLDEN.as_bytes().to_vec();
        bytes[at] = byte;
        if !keep {
            bytes.truncate(at);
        }
        if let Ok(text) = String::from_utf8(bytes) {
            let out = encode(decode(&text, Aliases::default()));
            // pitfalls 40, 42: whatever comes in, what goes out is in order.
            let (mut open, mut next, mut started) = (None, 0, 0);
            for (_, data) in sse(&out) {
                let data = json(&data);
                match data["type"].as_str().unwrap() {
                    "message_start" => started += 1,
                    "content_block_start" => {
                        prop_assert_eq!(open, None);
                        prop_assert_eq!(data["index"].as_u64(), Some(next));
                        open = Some(next);
                    }
                    "content_block_delta" => prop_assert_eq!(data["index"].as_u64(), open),
                    "content_block_stop" => {
                        prop_assert_eq!(data["index"].as_u64(), open.take());
                        next += 1;
                    }
                    _ => {}
                }
            }
            prop_assert!(started <= 1);
        }
    }
}
