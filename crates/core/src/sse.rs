//! Server-sent events: bytes in, whole events out (<https://html.spec.whatwg.org/multipage/server-sent-events.html>).
//!
//! Frames on bytes, so a character split over chunks is never an issue; decodes an event only when it is whole. The scan
//! position is remembered: linear time whatever the chunking.

use std::borrow::Cow;

use bytes::{Bytes, BytesMut};
use memchr::memchr2;

/// Largest event, in bytes: base64 images and whole Responses objects travel in one.
pub const MAX_EVENT: usize = 32 << 20;

/// One event as it stood in the stream, its blank line included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    raw: Bytes,
    /// The stream began here, with a byte order mark.
    marked: bool,
}

/// The byte order mark that may stand at the very start of a stream.
const BOM: &[u8] = b"\xEF\xBB\xBF";

impl Frame {
    /// The bytes of the event, exactly.
    pub const fn raw(&self) -> &Bytes {
        &self.raw
    }

    /// Its `event:` name (the last one wins) and its data: all `data` lines joined by LF. `None` without a data line:
    /// a comment, or blank lines. Invalid UTF-8 becomes U+FFFD.
    pub fn parse(&self) -> Option<(Option<Cow<'_, str>>, Cow<'_, str>)> {
        let (mut name, mut data): (Option<&[u8]>, Option<Cow<'_, [u8]>>) = (None, None);
        let start = if self.marked { BOM.len() } else { 0 };
        for line in Lines(self.raw.get(start..).unwrap_or_default()) {
            let (field, value) = match memchr::memchr(b':', line) {
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
            Cow::Borrowed(bytes) => String::from_utf8_lossy(bytes),
            Cow::Owned(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
        };
        Some((name.map(String::from_utf8_lossy), data))
    }
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

/// An event grew over [`MAX_EVENT`] bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an event of the stream is larger than {MAX_EVENT} bytes")]
pub struct TooLarge;

/// Cuts a byte stream into [`Frame`]s.
#[derive(Debug, Default)]
pub struct Framer {
    buffer: BytesMut,
    /// Everything before it was looked at; it is the start of a line.
    line: usize,
    /// Bytes of the current line that were looked at already.
    scanned: usize,
    /// The last frame ended with a CR at the end of the buffer: an LF that follows belongs to it.
    swallow_lf: bool,
    started: bool,
    marked: bool,
}

impl Framer {
    /// Takes the next bytes, in any cut.
    pub fn push(&mut self, chunk: &[u8]) {
        self.buffer.extend_from_slice(chunk);
    }

    /// The next whole event. Its raw bytes and those of its neighbours make up the stream without gaps.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, TooLarge> {
        if !self.begin() {
            return Ok(None);
        }
        loop {
            let from = self.line + self.scanned;
            let rest = self.buffer.get(from..).unwrap_or_default();
            let Some(found) = memchr2(b'\n', b'\r', rest) else {
                self.scanned = self.buffer.len() - self.line;
                return if self.buffer.len() > MAX_EVENT { Err(TooLarge) } else { Ok(None) };
            };
            let end = from + found;
            let blank = end == self.line;
            let carriage = self.buffer.get(end) == Some(&b'\r');
            let mut after = end + 1;
            if carriage && self.buffer.get(after) == Some(&b'\n') {
                after += 1;
            } else if carriage && after == self.buffer.len() && blank {
                self.swallow_lf = true;
            } else if carriage && after == self.buffer.len() {
                // CR at the very end of what is here: whether an LF follows decides where the next line starts.
                self.scanned = end - self.line;
                return if self.buffer.len() > MAX_EVENT { Err(TooLarge) } else { Ok(None) };
            }
            self.line = after;
            self.scanned = 0;
            if blank {
                let raw = self.buffer.split_to(after).freeze();
                self.line = 0;
                return Ok(Some(self.frame(raw)));
            }
        }
    }

    /// Handles what may stand before an event: a byte order mark at the very start, the LF of a CRLF cut in two.
    fn begin(&mut self) -> bool {
        if self.line == 0 && self.scanned == 0 {
            if self.swallow_lf && !self.buffer.is_empty() {
                self.swallow_lf = false;
                if self.buffer.first() == Some(&b'\n') {
                    // It stays part of the stream, at the front of the next frame, but ends no line.
                    self.line = 1;
                }
            }
            if !self.started {
                if self.buffer.len() < BOM.len() && BOM.starts_with(&self.buffer) {
                    return false;
                }
                self.started = true;
                if self.buffer.starts_with(BOM) {
                    self.marked = true;
                    self.line = BOM.len();
                }
            }
        }
        !self.buffer.is_empty()
    }

    /// Bytes of the event that is not whole yet.
    pub fn pending(&self) -> usize {
        self.buffer.len()
    }

    /// Takes the unfinished event: at the end of the input, or to hand an oversized one through.
    pub fn take_pending(&mut self) -> Option<Frame> {
        self.line = 0;
        self.scanned = 0;
        let raw = self.buffer.split().freeze();
        (!raw.is_empty()).then(|| self.frame(raw))
    }

    fn frame(&mut self, raw: Bytes) -> Frame {
        Frame { raw, marked: std::mem::take(&mut self.marked) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Parsed = Vec<(Option<String>, String)>;

    /// Frames of `stream` cut at `cuts`, and the bytes they are made of.
    fn run(stream: &[u8], cuts: &[usize]) -> (Parsed, Vec<u8>) {
        let (mut framer, mut events, mut raw, mut at) = (Framer::default(), Vec::new(), Vec::new(), 0);
        let mut take = |frame: Frame, raw: &mut Vec<u8>| {
            raw.extend_from_slice(frame.raw());
            if let Some((name, data)) = frame.parse() {
                events.push((name.map(Cow::into_owned), data.into_owned()));
            }
        };
        for &cut in cuts.iter().chain([&stream.len()]) {
            framer.push(&stream[at..cut.max(at)]);
            at = cut.max(at);
            while let Some(frame) = framer.next_frame().unwrap() {
                take(frame, &mut raw);
            }
        }
        if let Some(frame) = framer.take_pending() {
            take(frame, &mut raw);
        }
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
        framer.push(b"data: ");
        framer.push(&vec![b'x'; MAX_EVENT]);
        assert_eq!(framer.next_frame(), Err(TooLarge));
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
