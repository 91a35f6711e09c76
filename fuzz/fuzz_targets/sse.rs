//! Server-sent events: chunk borders have no meaning, no byte is lost or made up, and a second, naive reading of the
//! specification sees the same events.
#![no_main]

use apex_core::sse::{Batch, Framer};
use bytes::Bytes;
use libfuzzer_sys::fuzz_target;

type Event = (Option<String>, String);

fuzz_target!(|input: &[u8]| {
    // The stream, then the lengths of its chunks, then how many they are: a seed reads like what it is.
    let Some((count, rest)) = input.split_last() else { return };
    let (stream, cuts) = rest.split_at(rest.len().saturating_sub(usize::from(count % 32)));
    let whole = read(stream, &[]);
    assert_eq!(whole.1, stream, "the frames make up the stream");
    assert_eq!(whole.0, naive(stream), "the specification, read naively");
    assert_eq!(read(stream, cuts), whole, "cut as the input says");
    if stream.len() < 512 {
        assert_eq!(read(stream, &vec![1; stream.len()]), whole, "cut at every byte");
    }
});

/// The events of the stream in these chunks, and the bytes of its frames.
fn read(stream: &[u8], cuts: &[u8]) -> (Vec<Event>, Vec<u8>) {
    let (mut framer, mut events, mut raw) = (Framer::default(), Vec::new(), Vec::new());
    let mut take = |batch: Batch| {
        for frame in batch.frames() {
            raw.extend_from_slice(frame.raw());
            events.extend(frame.parse().map(|(name, data)| (name.map(|n| n.into_owned()), data.into_owned())));
        }
    };
    let mut rest = stream;
    for length in cuts.iter().map(|cut| usize::from(*cut)).chain([usize::MAX]) {
        let (chunk, after) = rest.split_at(length.min(rest.len()));
        rest = after;
        take(framer.push(&Bytes::copy_from_slice(chunk)));
    }
    framer.take_pending().map(take);
    (events, raw)
}

/// <https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation>, except that an event
/// the stream leaves unfinished counts, and an event without data keeps no name.
fn naive(stream: &[u8]) -> Vec<Event> {
    let stream = stream.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(stream);
    let mut lines: Vec<Vec<u8>> = vec![Vec::new()];
    let mut bytes = stream.iter().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\r' => {
                bytes.next_if_eq(&&b'\n');
                lines.push(Vec::new());
            }
            b'\n' => lines.push(Vec::new()),
            other => lines.last_mut().unwrap().push(*other),
        }
    }
    lines.push(Vec::new());
    let (mut events, mut name, mut data) = (Vec::new(), None, None::<Vec<u8>>);
    for line in lines {
        if line.is_empty() {
            let name = name.take();
            if let Some(data) = data.take() {
                events.push((name, String::from_utf8_lossy(&data).into_owned()));
            }
            continue;
        }
        let colon = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
        let (field, value) = line.split_at(colon);
        let value = value.strip_prefix(b":").unwrap_or(value);
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match field {
            b"data" => match &mut data {
                Some(data) => {
                    data.push(b'\n');
                    data.extend_from_slice(value);
                }
                None => data = Some(value.to_vec()),
            },
            b"event" => name = Some(String::from_utf8_lossy(value).into_owned()),
            _ => {}
        }
    }
    events
}
