//! One validating pass over a JSON text that keeps nothing but the spans of the top-level members.

use std::borrow::Cow;
use std::ops::Range;

use super::JsonStr;
use super::marks::{marks, marks_of_block, plain};

/// Deepest nesting accepted, in arrays and objects.
const MAX_DEPTH: usize = 128;

/// The text is not JSON (RFC 8259) from this byte on, or nested deeper than 128 levels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} at byte {}", .what, .at)]
pub struct ScanError {
    /// Byte offset into the text.
    pub at: usize,
    /// What is wrong there.
    pub what: &'static str,
}

/// What may stand behind a backslash by itself.
const SHORT_ESCAPES: &[u8; 8] = b"n\"\\tr/bf";

/// JSON, but another kind of value.
pub(crate) const NOT_AN_OBJECT: &str = "expected an object";

/// A top-level member and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// The key with its quotes.
    pub key: Range<usize>,
    /// The key is written with escapes.
    pub escaped: bool,
    pub value: Range<usize>,
}

impl Span {
    /// The decoded key.
    pub fn name<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let inside = text.get(self.key.start + 1..self.key.end.saturating_sub(1)).unwrap_or_default();
        if self.escaped { JsonStr::written(inside).into_text() } else { Cow::Borrowed(inside) }
    }

    /// The value, as written.
    pub fn text<'a>(&self, text: &'a str) -> &'a str {
        text.get(self.value.clone()).unwrap_or_default()
    }
}

/// Validates `text` as one JSON object and returns its top-level members in order, duplicates included.
pub fn scan_object(text: &str) -> Result<Vec<Span>, ScanError> {
    let mut spans = Vec::with_capacity(16);
    scan_members(text, |span| spans.push(span)).map(|()| spans)
}

/// Validates `text` as one JSON object and tells `each` its top-level members, in order, duplicates included.
pub(super) fn scan_members(text: &str, mut each: impl FnMut(Span)) -> Result<(), ScanError> {
    let mut scanner = Scanner { bytes: text.as_bytes(), at: 0 };
    if scanner.token() != Some(b'{') {
        // Tell bad JSON from JSON that is no object.
        scanner.value(0)?;
        return Err(ScanError { at: 0, what: NOT_AN_OBJECT });
    }
    scanner.at += 1;
    if scanner.token() == Some(b'}') {
        scanner.at += 1;
    } else {
        loop {
            scanner.token();
            let key_start = scanner.at;
            let escaped = scanner.string()?;
            let key = key_start..scanner.at;
            scanner.token();
            scanner.expect(b':', "expected a colon")?;
            scanner.token();
            let value_start = scanner.at;
            scanner.value(1)?;
            each(Span { key, escaped, value: value_start..scanner.at });
            let token = scanner.token();
            scanner.at += 1;
            match token {
                Some(b',') => {}
                Some(b'}') => break,
                _ => return Err(scanner.error_before("expected a comma or a closing brace")),
            }
        }
    }
    scanner.token();
    if scanner.at < scanner.bytes.len() { Err(scanner.error("unexpected text after the object")) } else { Ok(()) }
}

/// The open containers, a bit for each: is it an object? There are no more than [`MAX_DEPTH`].
#[derive(Default)]
struct Stack {
    objects: u128,
    depth: usize,
}

impl Stack {
    const fn push(&mut self, object: bool) {
        self.objects = self.objects << 1 | object as u128;
        self.depth += 1;
    }

    const fn pop(&mut self) {
        self.objects >>= 1;
        self.depth -= 1;
    }

    const fn last(&self) -> Option<bool> {
        if self.depth == 0 { None } else { Some(self.objects & 1 == 1) }
    }
}

struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Scanner<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek();
        self.at += 1;
        byte
    }

    fn error(&self, what: &'static str) -> ScanError {
        ScanError { at: self.at.min(self.bytes.len()), what }
    }

    fn error_before(&self, what: &'static str) -> ScanError {
        ScanError { at: self.at.saturating_sub(1).min(self.bytes.len()), what }
    }

    fn expect(&mut self, byte: u8, what: &'static str) -> Result<(), ScanError> {
        if self.next() == Some(byte) { Ok(()) } else { Err(self.error_before(what)) }
    }

    /// The next byte that is no white space, which is skipped.
    #[inline]
    fn token(&mut self) -> Option<u8> {
        loop {
            let byte = self.peek();
            // Programs write JSON without any.
            if !matches!(byte, Some(b' ' | b'\n' | b'\r' | b'\t')) {
                return byte;
            }
            self.at += 1;
        }
    }

    /// Skips one value. `depth` counts the containers around it; nested ones are kept on a stack, not in recursion.
    fn value(&mut self, depth: usize) -> Result<(), ScanError> {
        let mut open = Stack::default();
        loop {
            match self.token() {
                Some(b'"') => {
                    self.string()?;
                }
                Some(bracket @ (b'{' | b'[')) => {
                    if open.depth + depth >= MAX_DEPTH {
                        return Err(self.error("nested too deeply"));
                    }
                    self.at += 1;
                    let object = bracket == b'{';
                    if self.token() == Some(if object { b'}' } else { b']' }) {
                        self.at += 1;
                    } else {
                        open.push(object);
                        if object {
                            self.key()?;
                        }
                        continue;
                    }
                }
                Some(b't') => self.word(b"true")?,
                Some(b'f') => self.word(b"false")?,
                Some(b'n') => self.word(b"null")?,
                Some(b'-' | b'0'..=b'9') => self.number()?,
                _ => return Err(self.error("expected a value")),
            }
            // A value has ended: go on in, or close, the containers around it.
            loop {
                let Some(object) = open.last() else { return Ok(()) };
                let token = self.token();
                self.at += 1;
                match (token, object) {
                    (Some(b','), true) => {
                        self.key()?;
                        break;
                    }
                    (Some(b','), false) => break,
                    (Some(b'}'), true) | (Some(b']'), false) => open.pop(),
                    _ => return Err(self.error_before("expected a comma or a closing bracket")),
                }
            }
        }
    }

    /// Skips a key and its colon. Has the key escapes?
    fn key(&mut self) -> Result<bool, ScanError> {
        self.token();
        let escaped = self.string()?;
        self.token();
        self.expect(b':', "expected a colon")?;
        Ok(escaped)
    }

    /// Skips a string. Has it escapes?
    fn string(&mut self) -> Result<bool, ScanError> {
        self.expect(b'"', "expected a string")?;
        let mut escaped = false;
        // Nearly all strings end in their first chunk; in those that do not, few branches are taken for many bytes.
        if self.chunks(1, marks, &mut escaped)?
            || self.chunks(usize::MAX, marks_of_block, &mut escaped)?
            || self.chunks(usize::MAX, marks, &mut escaped)?
        {
            return Ok(escaped);
        }
        loop {
            self.at += plain(self.bytes.get(self.at..).unwrap_or_default());
            if self.mark()? {
                return Ok(escaped);
            }
            escaped = true;
        }
    }

    /// Goes on in a string by chunks of `N` bytes, at the most so many, as long as there are that many bytes. Has it ended?
    #[inline]
    fn chunks<const N: usize>(
        &mut self,
        most: usize,
        marks: impl Fn(&[u8; N]) -> u64,
        escaped: &mut bool,
    ) -> Result<bool, ScanError> {
        for _ in 0..most {
            let Some(chunk) = self.bytes.get(self.at..).and_then(<[u8]>::first_chunk::<N>) else { break };
            let (start, mut skipped, mut marks) = (self.at, 0, marks(chunk));
            // Only marks behind what was skipped already are left.
            while skipped < N && marks != 0 {
                let found = marks.trailing_zeros() as usize;
                let is_short = |escape: &u8| SHORT_ESCAPES.contains(escape);
                if chunk.get(found) == Some(&b'\\') && chunk.get(found + 1).is_some_and(is_short) {
                    skipped = found + 2;
                } else {
                    self.at = start + found;
                    if self.mark()? {
                        return Ok(true);
                    }
                    skipped = self.at - start;
                }
                *escaped = true;
                marks &= u64::MAX.checked_shl(u32::try_from(skipped).unwrap_or(u32::MAX)).unwrap_or(0);
            }
            self.at = start + skipped.max(N);
        }
        Ok(false)
    }

    /// Skips the end of a string, or an escape in it. Was it the end?
    #[inline]
    fn mark(&mut self) -> Result<bool, ScanError> {
        match self.next() {
            Some(b'"') => return Ok(true),
            Some(b'\\') => {}
            Some(_) => return Err(self.error_before("raw control character in a string")),
            None => return Err(self.error_before("unterminated string")),
        }
        match self.next() {
            Some(escape) if SHORT_ESCAPES.contains(&escape) => {}
            Some(b'u') => {
                let hex = self.bytes.get(self.at..self.at + 4).unwrap_or_default();
                if hex.len() < 4 || !hex.iter().all(u8::is_ascii_hexdigit) {
                    return Err(self.error("bad unicode escape"));
                }
                self.at += 4;
            }
            _ => return Err(self.error_before("bad escape")),
        }
        Ok(false)
    }

    fn word(&mut self, word: &'static [u8]) -> Result<(), ScanError> {
        if self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(word)) {
            self.at += word.len();
            Ok(())
        } else {
            Err(self.error("expected a value"))
        }
    }

    fn number(&mut self) -> Result<(), ScanError> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.next() {
            Some(b'0') => {}
            Some(b'1'..=b'9') => self.digits(),
            _ => return Err(self.error_before("bad number")),
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.some_digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.some_digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) {
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
    }

    fn some_digits(&mut self) -> Result<(), ScanError> {
        let start = self.at;
        self.digits();
        if self.at > start { Ok(()) } else { Err(self.error("bad number")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_members_where_they_stand() {
        let text = " {\"mod\\u0065l\" :\t\"a\\\"b\" , \"x\":[1,{\"model\":2}],\"model\":1e2}\n";
        let spans = scan_object(text).unwrap();
        let found: Vec<_> = spans.iter().map(|s| (s.name(text).into_owned(), s.text(text))).collect();
        assert_eq!(
            found,
            [("model".to_owned(), "\"a\\\"b\""), ("x".to_owned(), "[1,{\"model\":2}]"), ("model".to_owned(), "1e2")]
        );
        assert!(scan_object("{}").unwrap().is_empty());
    }

    /// The scanner takes what `serde_json` takes and refuses what it refuses.
    #[test]
    fn agrees_with_serde_json() {
        let cases = [
            r#"{"a":1}"#,
            r#"{"a":-0.5e+3,"b":null}"#,
            r#"{"a":"\u12aF"}"#,
            r#"{"a":01}"#,
            r#"{"a":1.}"#,
            r#"{"a":.5}"#,
            r#"{"a":1,}"#,
            r"{a:1}",
            r#"{"a" 1}"#,
            r#"{"a":"\x"}"#,
            r#"{"a":"\u12"}"#,
            "{\"a\":\"\n\"}",
            r#"{"a":tru}"#,
            r#"{"a":[1,2}"#,
            r#"{"a":[1 2]}"#,
            r#"{"a":{}}x"#,
            "",
            "[1]",
            r#"{"a":"#,
            r#"{"a":"b"#,
            r#"{"a":[],"b":{"c":[[]]}}"#,
            r#"{"a":+1}"#,
            r#"{"a":1e}"#,
            r#"{"a":-}"#,
            "nul",
            r#"{"a":[,]}"#,
            "{,}",
        ];
        for case in cases {
            let serde = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(case).is_ok();
            assert_eq!(scan_object(case).is_ok(), serde, "{case}");
        }
    }

    #[test]
    fn a_string_ends_where_it_ends_at_any_offset() {
        for length in 0..40 {
            for special in ["\"", "\\n", "\n", "\u{7f}é\u{80}", "\u{1f}", " "] {
                for after in 0..20 {
                    let text = format!("{{\"k\":\"{}{special}{}\"}}", "x".repeat(length), "é".repeat(after));
                    let serde = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&text).is_ok();
                    assert_eq!(scan_object(&text).is_ok(), serde, "{text:?}");
                }
            }
        }
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |n: usize| format!("{{\"a\":{}{}}}", "[".repeat(n), "]".repeat(n));
        assert!(scan_object(&nested(127)).is_ok());
        assert_eq!(scan_object(&nested(128)).unwrap_err().what, "nested too deeply");
        assert!(scan_object(&"[".repeat(1_000_000)).is_err());
    }
}
