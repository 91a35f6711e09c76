//! Server-sent events: bytes in, whole events out (<https://html.spec.whatwg.org/multipage/server-sent-events.html>).
//!
//! Frames on bytes, so a character split over chunks is never an issue; decodes an event only when it is whole. What a
//! chunk completes comes out in one piece, without a copy where nothing was left over from before: a burst of events is
//! one [`Batch`]. Each byte is looked at once while it waits: linear time whatever the chunking.

use std::borrow::Cow;

use bytes::{Bytes, BytesMut};
use memchr::{memchr, memchr2, memmem, memrchr2};

use crate::json::{Obj, object};

/// Largest event, in bytes: base64 images and whole Responses objects travel in one.
pub const MAX_EVENT: usize = 32 << 20;

/// One event as it stood in the stream, its blank line included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    raw: &'a [u8],
    /// Where its first line begins: after a byte order mark, or the LF of a CRLF whose CR ended the event before.
    start: usize,
}

/// The byte order mark that may stand at the very start of a stream.
const BOM: &[u8] = b"\xEF\xBB\xBF";

impl<'a> Frame<'a> {
    /// The bytes of the event, exactly.
    pub const fn raw(&self) -> &'a [u8] {
        self.raw
    }

    /// Its `event:` name (the last one wins) and its data: all `data` lines joined by LF. `None` without a data line:
    /// a comment, or blank lines. Invalid UTF-8 becomes U+FFFD.
    pub fn parse(&self) -> Option<(Option<Cow<'a, str>>, Cow<'a, str>)> {
        let (mut name, mut data): (Option<&'a [u8]>, Option<Cow<'a, [u8]>>) = (None, None);
        for line in Lines(self.raw.get(self.start..).unwrap_or_default()) {
            let (field, value) = match memchr(b':', line) {
                Some(colon) => {
                    let (field, rest) = line.split_at(colon);
                    let value = rest.get(1..).unwrap_or_default();
                    (field, value.strip_prefix(b" ").unwrap_or(value))
                }
                None => (line, &b""[..]),
            };
            match field {
                b"data" => match &mut data {
                    None => data = Some(Cow::Borrowed(value)),
                    Some(lines) => {
                        let lines = lines.to_mut();
                        lines.push(b'\n');
                        lines.extend_from_slice(value);
                    }
                },
                b"event" => name = Some(value),
                _ => {}
            }
        }
        let data = match data? {
            Cow::Borrowed(bytes) => text(bytes),
            Cow::Owned(bytes) => Cow::Owned(text(&bytes).into_owned()),
        };
        Some((name.map(text), data))
    }
}

impl Frame<'_> {
    /// Its bytes with the lines of `new` in place of those of `old`, its data. None if they are not there as they are.
    fn with(&self, old: &str, new: &str) -> Option<Vec<u8>> {
        let (mut out, mut rest) = (Vec::with_capacity(self.raw.len() + 16), self.raw);
        for (old, new) in old.split('\n').zip(new.split('\n')) {
            let (before, after) = rest.split_at_checked(memmem::find(rest, old.as_bytes())?)?;
            out.extend_from_slice(before);
            out.extend_from_slice(new.as_bytes());
            rest = after.get(old.len()..)?;
        }
        out.extend_from_slice(rest);
        Some(out)
    }
}

/// Checks what is nearly always right at full speed, and repairs only what is not.
fn text(bytes: &[u8]) -> Cow<'_, str> {
    std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
}

/// Lines ended by LF, CRLF or CR.
struct Lines<'a>(&'a [u8]);

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.0.is_empty() {
            return None;
        }
        let Some(end) = memchr2(b'\n', b'\r', self.0) else { return Some(std::mem::take(&mut self.0)) };
        let (line, rest) = self.0.split_at(end);
        self.0 = rest.strip_prefix(b"\r\n").or_else(|| rest.get(1..)).unwrap_or_default();
        Some(line)
    }
}

/// Whole events, one after the other, or an unfinished one by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    raw: Bytes,
    /// As in its first [`Frame`].
    start: usize,
}

impl Batch {
    /// A whole stream, its last event finished or not.
    pub fn whole(raw: Bytes) -> Self {
        let start = if raw.starts_with(BOM) { BOM.len() } else { 0 };
        Self { raw, start }
    }

    /// The bytes of all of them, exactly.
    pub const fn raw(&self) -> &Bytes {
        &self.raw
    }

    /// The same events with other data, where `edit` gives it; none if it never does. Data goes back into the lines it
    /// came in, so `edit` must keep line ends.
    pub fn edited(&self, mut edit: impl FnMut(&str) -> Option<String>) -> Option<Self> {
        let (mut out, mut changed) = (Vec::with_capacity(self.raw.len() + 64), false);
        for frame in self.frames() {
            let edited = frame.parse().and_then(|(_, data)| frame.with(&data, &edit(&data)?));
            changed |= edited.is_some();
            out.extend_from_slice(edited.as_deref().unwrap_or(frame.raw));
        }
        changed.then(|| Self { raw: out.into(), start: self.start })
    }

    /// The events, in order. Their bytes make up the batch without gaps.
    pub fn frames(&self) -> Frames<'_> {
        Frames { rest: &self.raw, start: self.start }
    }
}

/// The events of a [`Batch`].
#[derive(Debug)]
pub struct Frames<'a> {
    rest: &'a [u8],
    start: usize,
}

impl<'a> Iterator for Frames<'a> {
    type Item = Frame<'a>;

    fn next(&mut self) -> Option<Frame<'a>> {
        if self.rest.is_empty() {
            return None;
        }
        let start = std::mem::take(&mut self.start);
        let mut line = start;
        let end = loop {
            let Some(found) = memchr2(b'\n', b'\r', self.rest.get(line..).unwrap_or_default()) else {
                break self.rest.len();
            };
            let end = line + found;
            let pair = self.rest.get(end..).is_some_and(|rest| rest.starts_with(b"\r\n"));
            let after = end + 1 + usize::from(pair);
            if end == line {
                break after;
            }
            line = after;
        };
        let (raw, rest) = self.rest.split_at(end);
        self.rest = rest;
        Some(Frame { raw, start })
    }
}

/// An event grew over [`MAX_EVENT`] bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an event of the stream is larger than {MAX_EVENT} bytes")]
pub struct TooLarge;

/// Cuts a byte stream into whole events.
#[derive(Debug, Default)]
pub struct Framer {
    /// The event that is not whole yet.
    pending: BytesMut,
    /// Where the first line of what is pending begins.
    start: usize,
    /// The last batch ended with a lone CR: an LF that follows belongs to it.
    swallow_lf: bool,
    started: bool,
}

impl Framer {
    /// Takes the next bytes, in any cut, and gives the events they complete. The raw bytes of all batches make up the
    /// stream without gaps.
    pub fn push(&mut self, chunk: &Bytes) -> Batch {
        if chunk.is_empty() {
            return Batch::default();
        }
        if self.pending.is_empty() && self.started {
            // Nothing is left over: the events of the chunk are a part of it, not a copy.
            self.start = usize::from(std::mem::take(&mut self.swallow_lf) && chunk.first() == Some(&b'\n'));
            let end = self.last_end(chunk, 0);
            self.pending.extend_from_slice(chunk.get(end..).unwrap_or_default());
            return self.batch(chunk.slice(..end));
        }
        let seen = self.pending.len();
        self.pending.extend_from_slice(chunk);
        if !self.started {
            if self.pending.len() < BOM.len() && BOM.starts_with(&self.pending) {
                return Batch::default();
            }
            self.started = true;
            if self.pending.starts_with(BOM) {
                self.start = BOM.len();
            }
        }
        let end = self.last_end(&self.pending, seen);
        let raw = self.pending.split_to(end).freeze();
        self.batch(raw)
    }

    /// The whole events, with the start that belongs to the first of them.
    fn batch(&mut self, raw: Bytes) -> Batch {
        if raw.is_empty() {
            return Batch::default();
        }
        self.swallow_lf = raw.ends_with(b"\r") && self.pending.is_empty();
        Batch { raw, start: std::mem::take(&mut self.start) }
    }

    /// Where the last blank line of `bytes` ends, looked for from the back; none ends before `seen`.
    fn last_end(&self, bytes: &[u8], seen: usize) -> usize {
        let mut before = bytes.len();
        while let Some(at) = memrchr2(b'\n', b'\r', bytes.get(seen..before).unwrap_or_default()) {
            let at = seen + at;
            let pair = bytes.get(at) == Some(&b'\n') && at > self.start && bytes.get(at - 1) == Some(&b'\r');
            // Where the line end begins, which may be before what was seen: then it had ended a line, and no event.
            let begins = at - usize::from(pair);
            if begins < self.start {
                return 0;
            }
            if begins == self.start || matches!(bytes.get(begins - 1), Some(b'\n' | b'\r')) {
                return at + 1;
            }
            before = begins;
        }
        0
    }

    /// Bytes of the event that is not whole yet.
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    /// Is that more than an event may have?
    pub fn too_large(&self) -> Result<(), TooLarge> {
        if self.pending.len() > MAX_EVENT { Err(TooLarge) } else { Ok(()) }
    }

    /// Takes the unfinished event: at the end of the input, or to hand an oversized one through.
    pub fn take_pending(&mut self) -> Option<Batch> {
        let raw = self.pending.split().freeze();
        (!raw.is_empty()).then(|| Batch { raw, start: std::mem::take(&mut self.start) })
    }
}

/// Appends one event whose data is an object, its name told twice: SDKs skip events without an `event:` line and read `type`
/// from the data.
pub fn write_event(name: &str, out: &mut Vec<u8>, fill: impl FnOnce(&mut Obj<'_>)) {
    out.extend_from_slice(b"event: ");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\ndata: ");
    object(out, |o| {
        o.text("type", name);
        fill(o);
    });
    out.extend_from_slice(b"\n\n");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Parsed = Vec<(Option<String>, String)>;

    /// Frames of `stream` cut at `cuts`, and the bytes they are made of.
    fn run(stream: &[u8], cuts: &[usize]) -> (Parsed, Vec<u8>) {
        let (mut framer, mut events, mut raw, mut at) = (Framer::default(), Vec::new(), Vec::new(), 0);
        let mut take = |batch: Batch, raw: &mut Vec<u8>| {
            let parts: Vec<u8> = batch.frames().flat_map(|f| f.raw().iter().copied()).collect();
            assert_eq!(&parts, batch.raw());
            raw.extend_from_slice(&parts);
            for (name, data) in batch.frames().filter_map(|f| f.parse()) {
                events.push((name.map(Cow::into_owned), data.into_owned()));
            }
        };
        for &cut in cuts.iter().chain([&stream.len()]) {
            take(framer.push(&Bytes::copy_from_slice(&stream[at..cut.max(at)])), &mut raw);
            at = cut.max(at);
        }
        if let Some(rest) = framer.take_pending() {
            take(rest, &mut raw);
        }
        let whole = Batch::whole(Bytes::copy_from_slice(stream));
        assert_eq!(whole.frames().filter_map(|f| f.parse()).count(), events.len());
        (events, raw)
    }

    fn event(name: Option<&str>, data: &str) -> (Option<String>, String) {
        (name.map(str::to_owned), data.to_owned())
    }

    #[test]
    fn fields_comments_and_line_ends() {
        let stream = b"\xEF\xBB\xBF: hi\n\nevent: a\nevent:b\ndata:1\ndata:  2\nid: 7\n\n\r\n\r\ndata: x\r\rdata\r\n\r\ndata: last";
        let want = vec![event(Some("b"), "1\n 2"), event(None, "x"), event(None, ""), event(None, "last")];
        assert_eq!(run(stream, &[]), (want, stream.to_vec()));
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_first_line() {
        let stream = b"\xEF\xBB\xBFdata: a\n\n\xEF\xBB\xBFdata: b\n\n";
        assert_eq!(run(stream, &[]), (vec![event(None, "a")], stream.to_vec()));
        assert_eq!(run(stream, &[1, 2, 3]).0, vec![event(None, "a")]);
    }

    #[test]
    fn u2028_ends_no_line() {
        // pitfall 65
        let stream = "data: a\u{2028}b\u{85}c\n\n".as_bytes();
        assert_eq!(run(stream, &[]).0, vec![event(None, "a\u{2028}b\u{85}c")]);
    }

    #[test]
    fn an_oversized_event_is_an_error() {
        let mut framer = Framer::default();
        framer.push(&Bytes::from_static(b"data: "));
        framer.push(&vec![b'x'; MAX_EVENT].into());
        assert_eq!(framer.too_large(), Err(TooLarge));
    }

    proptest! {
        /// Chunk borders have no meaning, and no byte is lost or made up.
        #[test]
        fn any_cut_gives_the_same(
            parts in prop::collection::vec(prop::sample::select(vec!["data: é😀\n", "\n", "\r\n", "\r", "event: x\n", ": c\n", "data\n", "data:{\"a\":1}\r\n\r\n", "\u{feff}"]), 0..24),
            mut cuts in prop::collection::vec(0usize..200, 0..12),
        ) {
            let stream = parts.concat().into_bytes();
            cuts.iter_mut().for_each(|c| *c = (*c).min(stream.len()));
            cuts.sort_unstable();
            let whole = run(&stream, &[]);
            prop_assert_eq!(&run(&stream, &cuts), &whole);
            prop_assert_eq!(&run(&stream, &(0..stream.len()).collect::<Vec<_>>()), &whole);
            prop_assert_eq!(&whole.1, &stream);
        }
    }
}
