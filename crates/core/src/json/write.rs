//! Writes JSON straight into bytes. Raw text goes in as it is, so what came from a caller leaves as it came.

use std::borrow::Cow;

use super::JsonStr;
use super::marks::plain;

/// JSON text without line breaks, which would break an event in two. They are white space there: in strings they are
/// escaped.
pub fn one_line(json: &str) -> Cow<'_, str> {
    if json.contains(['\n', '\r']) { Cow::Owned(json.replace(['\n', '\r'], " ")) } else { Cow::Borrowed(json) }
}

/// Writes one object: `object(&mut out, |o| o.text("type", "text"))`.
pub fn object(out: &mut Vec<u8>, fill: impl FnOnce(&mut Obj<'_>)) {
    out.push(b'{');
    fill(&mut Obj { out, first: true });
    out.push(b'}');
}

/// Writes one object that begins with `begun`: its brace and at least one member.
pub fn object_from(begun: &[u8], out: &mut Vec<u8>, fill: impl FnOnce(&mut Obj<'_>)) {
    out.extend_from_slice(begun);
    fill(&mut Obj { out, first: false });
    out.push(b'}');
}

/// Writes one array.
pub fn array(out: &mut Vec<u8>, fill: impl FnOnce(&mut Arr<'_>)) {
    out.push(b'[');
    fill(&mut Arr { out, first: true });
    out.push(b']');
}

/// An object being written. Keys are ours and need no escaping, except through [`Obj::member`].
#[derive(Debug)]
pub struct Obj<'b> {
    out: &'b mut Vec<u8>,
    first: bool,
}

impl Obj<'_> {
    fn key(&mut self, key: &str) {
        if !std::mem::replace(&mut self.first, false) {
            self.out.push(b',');
        }
        self.out.push(b'"');
        self.out.extend_from_slice(key.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    /// A string that is already escaped.
    pub fn str(&mut self, key: &str, value: &JsonStr<'_>) {
        self.key(key);
        string(self.out, value);
    }

    /// Plain text, escaped here.
    pub fn text(&mut self, key: &str, value: &str) {
        self.key(key);
        quoted(self.out, value);
    }

    /// JSON text, as it is.
    pub fn raw(&mut self, key: &str, json: &str) {
        self.key(key);
        self.out.extend_from_slice(json.as_bytes());
    }

    /// A caller's member: its key is escaped, its value is JSON text.
    pub fn member(&mut self, key: &str, json: &str) {
        if key.bytes().any(|b| b == b'"' || b == b'\\' || b < 0x20) {
            self.key(JsonStr::owned(key).as_escaped());
        } else {
            self.key(key);
        }
        self.out.extend_from_slice(json.as_bytes());
    }

    pub fn uint(&mut self, key: &str, value: u64) {
        self.key(key);
        number(self.out, value);
    }

    pub fn bool(&mut self, key: &str, value: bool) {
        self.raw(key, if value { "true" } else { "false" });
    }

    pub fn null(&mut self, key: &str) {
        self.raw(key, "null");
    }

    pub fn obj(&mut self, key: &str, fill: impl FnOnce(&mut Obj<'_>)) {
        self.key(key);
        object(self.out, fill);
    }

    pub fn arr(&mut self, key: &str, fill: impl FnOnce(&mut Arr<'_>)) {
        self.key(key);
        array(self.out, fill);
    }
}

/// An array being written.
#[derive(Debug)]
pub struct Arr<'b> {
    out: &'b mut Vec<u8>,
    first: bool,
}

impl Arr<'_> {
    fn comma(&mut self) {
        if !std::mem::replace(&mut self.first, false) {
            self.out.push(b',');
        }
    }

    pub fn str(&mut self, value: &JsonStr<'_>) {
        self.comma();
        string(self.out, value);
    }

    pub fn text(&mut self, value: &str) {
        self.comma();
        quoted(self.out, value);
    }

    pub fn raw(&mut self, json: &str) {
        self.comma();
        self.out.extend_from_slice(json.as_bytes());
    }

    pub fn obj(&mut self, fill: impl FnOnce(&mut Obj<'_>)) {
        self.comma();
        object(self.out, fill);
    }
}

fn string(out: &mut Vec<u8>, value: &JsonStr<'_>) {
    out.push(b'"');
    out.extend_from_slice(value.as_escaped().as_bytes());
    out.push(b'"');
}

fn quoted(out: &mut Vec<u8>, value: &str) {
    out.push(b'"');
    escape_into(value, out);
    out.push(b'"');
}

/// Appends `value` in decimal.
pub fn number(out: &mut Vec<u8>, value: u64) {
    // The largest has twenty digits.
    let mut digits = [0; 20];
    let mut start = digits.len();
    let mut rest = value;
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + u8::try_from(rest % 10).unwrap_or(0);
        rest /= 10;
        start -= 1;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(start..).unwrap_or_default());
}

/// Appends `text` with JSON's escapes, without quotes.
pub fn escape_into(text: &str, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut rest = text.as_bytes();
    loop {
        let (same, after) = rest.split_at(plain(rest));
        out.extend_from_slice(same);
        let Some((&byte, after)) = after.split_first() else { return };
        rest = after;
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            _ => {
                out.extend_from_slice(b"\\u00");
                for nibble in [byte >> 4, byte & 15] {
                    out.push(HEX.get(usize::from(nibble)).copied().unwrap_or(b'0'));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_what_serde_reads() {
        let mut out = Vec::new();
        object(&mut out, |o| {
            o.text("a", "q\"\u{1}\n");
            o.arr("b", |a| {
                a.raw("1e2");
                a.obj(|o| o.bool("t", true));
                a.text("x");
            });
            o.obj("empty", |_| {});
            o.member("odd\"key", "null");
            o.uint("n", 7);
            o.uint("most", u64::MAX);
            o.uint("none", 0);
        });
        let text = String::from_utf8(out).unwrap();
        assert_eq!(
            text,
            r#"{"a":"q\"\u0001\n","b":[1e2,{"t":true},"x"],"empty":{},"odd\"key":null,"n":7,"most":18446744073709551615,"none":0}"#
        );
        serde_json::from_str::<serde_json::Value>(&text).unwrap();
    }
}
