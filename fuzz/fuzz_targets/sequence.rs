//! The sequencer: whatever an upstream says in whatever order, what goes out obeys the grammar every encoder relies on.
#![no_main]

use apex_core::hub::{
    BlockStart, Citation, Delta, ErrorKind, Event, Failure, Opaque, OpaqueKind, Sequencer, Stop, StopReason, ToolKind,
    Usage,
};
use apex_core::json::JsonStr;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let (mut sequencer, mut out) = (Sequencer::default(), Vec::new());
    input.iter().for_each(|byte| sequencer.push(event(*byte), &mut out));
    let complete = check(&out);
    assert_eq!(complete, sequencer.ended());
});

/// One byte is one event: five bits say which, three say of which block. Small numbers of blocks, so that they collide.
fn event(byte: u8) -> Event<'static> {
    let key = u32::from(byte >> 5);
    let text = || JsonStr::escape("x");
    let block = |block| Event::BlockStart { key, block };
    let delta = |delta| Event::Delta { key, delta };
    match byte & 31 {
        0 => Event::Start { id: text(), model: text(), usage: Usage::default() },
        1 => block(BlockStart::Reasoning),
        2 => block(BlockStart::Redacted { data: Opaque::native(OpaqueKind::AnthropicSignature, text()) }),
        3 => block(BlockStart::Refusal),
        4 | 5 => block(BlockStart::Text),
        6..=8 => block(BlockStart::ToolCall { id: text(), name: text(), kind: ToolKind::Function, opaque: None }),
        9 | 10 => delta(Delta::Arguments(text())),
        11 => delta(Delta::Reasoning(text())),
        12 => delta(Delta::Refusal(text())),
        13 => delta(Delta::Signature(Opaque::native(OpaqueKind::AnthropicSignature, text()))),
        14 | 15 => delta(Delta::Text(text())),
        16..=20 => Event::BlockStop { key },
        21 => Event::Citation { key, citation: Citation { url: text(), title: None, cited_text: None, range: None } },
        22 => Event::Stop(Stop::plain(StopReason::EndTurn, text())),
        23 => Event::Stop(Stop::plain(StopReason::ToolCalls, text())),
        24 | 25 => Event::Usage(Usage { output: Some(u64::from(key)), ..Usage::default() }),
        26 => Event::Ping,
        27 if key == 0 => Event::Error(Failure::upstream(ErrorKind::ServerError, http::StatusCode::BAD_GATEWAY, "x")),
        28 if key < 2 => Event::End,
        _ => delta(Delta::Text(text())),
    }
}

/// The grammar; returns whether the reply is over.
fn check(out: &[Event<'_>]) -> bool {
    let (mut started, mut stopped, mut counted, mut over) = (false, false, false, false);
    let mut open: Option<(u32, &BlockStart<'_>)> = None;
    for event in out {
        assert!(!over, "something follows the end: {out:?}");
        match event {
            Event::Error(_) => {
                over = true;
                continue;
            }
            Event::Start { .. } => {
                assert!(!started, "two starts: {out:?}");
                started = true;
                continue;
            }
            _ => assert!(started, "something precedes the start: {out:?}"),
        }
        match event {
            Event::Start { .. } | Event::Error(_) => {}
            Event::Ping => panic!("a ping came through: {out:?}"),
            Event::BlockStart { key, block } => {
                assert!(open.is_none() && !stopped, "a block opens inside another or after the stop: {out:?}");
                open = Some((*key, block));
            }
            Event::Delta { key, delta } => {
                let Some((now, block)) = open else { panic!("a delta outside a block: {out:?}") };
                assert_eq!(now, *key, "a delta of another block: {out:?}");
                assert!(takes(block, delta), "a delta of another kind: {out:?}");
            }
            Event::Citation { key, .. } => {
                assert_eq!(open.map(|(now, _)| now), Some(*key), "a stray citation: {out:?}")
            }
            Event::BlockStop { key } => {
                assert_eq!(open.take().map(|(now, _)| now), Some(*key), "the wrong block closes: {out:?}");
            }
            Event::Stop(_) => {
                assert!(open.is_none() && !stopped, "a stop inside a block, or two: {out:?}");
                stopped = true;
            }
            Event::Usage(_) => {
                assert!(stopped && !counted, "usage stands once, after the stop: {out:?}");
                counted = true;
            }
            Event::End => {
                assert!(stopped, "an end without a stop: {out:?}");
                over = true;
            }
        }
    }
    over
}

fn takes(block: &BlockStart<'_>, delta: &Delta<'_>) -> bool {
    matches!(
        (block, delta),
        (BlockStart::Reasoning, Delta::Reasoning(_) | Delta::Signature(_))
            | (BlockStart::Refusal, Delta::Refusal(_))
            | (BlockStart::Text, Delta::Text(_) | Delta::Signature(_))
            | (BlockStart::ToolCall { .. }, Delta::Arguments(_))
    )
}
