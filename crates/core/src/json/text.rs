//! A JSON string as its source text: copied between dialects without unescaping.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::write::escape_into;

/// The inside of a JSON string, escapes intact, without the quotes. Equality is by spelling.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JsonStr<'a>(Cow<'a, str>);

impl<'a> JsonStr<'a> {
    /// `raw`, if it is a string.
    pub fn from_raw(raw: &'a RawValue) -> Option<Self> {
        raw.get().strip_prefix('"').and_then(|s| s.strip_suffix('"')).map(|s| Self(Cow::Borrowed(s)))
    }

    /// Text that stood between the quotes of a JSON string.
    pub const fn written(inside: &'a str) -> Self {
        Self(Cow::Borrowed(inside))
    }

    /// Plain text, escaped where JSON asks for it.
    pub fn escape(text: &'a str) -> Self {
        if text.bytes().any(|b| b == b'"' || b == b'\\' || b < 0x20) {
            Self::escape_owned(text)
        } else {
            Self(Cow::Borrowed(text))
        }
    }

    fn escape_owned(text: &str) -> JsonStr<'static> {
        let mut out = Vec::with_capacity(text.len() + 8);
        escape_into(text, &mut out);
        JsonStr(Cow::Owned(String::from_utf8(out).unwrap_or_default()))
    }

    /// Plain text, escaped where JSON asks for it, owned.
    pub fn owned(text: &str) -> JsonStr<'static> {
        Self::escape_owned(text)
    }

    /// The text between the quotes, as written.
    pub fn as_escaped(&self) -> &str {
        &self.0
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Only white space, escaped or not.
    pub fn is_blank(&self) -> bool {
        self.0.is_empty() || self.text().chars().all(char::is_whitespace)
    }

    /// The decoded text. A lone surrogate becomes U+FFFD.
    pub fn text(&self) -> Cow<'_, str> {
        if self.0.contains('\\') { Cow::Owned(unescape(&self.0)) } else { Cow::Borrowed(&self.0) }
    }

    /// The decoded text, borrowed from the source where it holds no escapes.
    pub fn into_text(self) -> Cow<'a, str> {
        if self.0.contains('\\') { Cow::Owned(unescape(&self.0)) } else { self.0 }
    }

    pub fn into_owned(self) -> JsonStr<'static> {
        JsonStr(Cow::Owned(self.0.into_owned()))
    }

    /// The same string, borrowed from this one.
    pub fn borrowed(&self) -> JsonStr<'_> {
        JsonStr(Cow::Borrowed(&self.0))
    }

    /// Appends another piece. Pieces of one text may split a surrogate pair: joining the escapes puts it together again.
    pub fn push(&mut self, more: &JsonStr<'_>) {
        self.0.to_mut().push_str(&more.0);
    }
}

impl PartialEq<&str> for JsonStr<'_> {
    /// Compares the decoded text.
    fn eq(&self, other: &&str) -> bool {
        self.text() == *other
    }
}

fn unescape(escaped: &str) -> String {
    let mut out = String::with_capacity(escaped.len());
    let mut rest = escaped;
    while let Some(at) = rest.find('\\') {
        let (plain, tail) = rest.split_at(at);
        out.push_str(plain);
        let mut chars = tail.chars();
        chars.next();
        let Some(code) = chars.next() else { return out };
        rest = chars.as_str();
        match code {
            'b' => out.push('\u{8}'),
            'f' => out.push('\u{c}'),
            'n' => out.push('\n'),
            'r' => out.push('\r'),
            't' => out.push('\t'),
            'u' => {
                let (c, after) = unicode_escape(rest);
                out.push(c);
                rest = after;
            }
            other => out.push(other),
        }
    }
    out.push_str(rest);
    out
}

/// Decodes what follows `\u`, together with a second escape when the two make a surrogate pair.
fn unicode_escape(rest: &str) -> (char, &str) {
    let Some((unit, after)) = hex4(rest) else { return (char::REPLACEMENT_CHARACTER, rest) };
    if (0xD800..0xDC00).contains(&unit)
        && let Some((low, after_low)) = after.strip_prefix("\\u").and_then(hex4)
        && (0xDC00..0xE000).contains(&low)
    {
        let code = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
        return (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), after_low);
    }
    (char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER), after)
}

fn hex4(text: &str) -> Option<(u32, &str)> {
    let digits = text.get(..4)?;
    Some((u32::from_str_radix(digits, 16).ok()?, text.get(4..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).unwrap()
    }

    #[test]
    fn escapes_survive_and_decode() {
        let r = raw(r#""a\u00e9\n\ud83d\ude00\/\"""#);
        let s = JsonStr::from_raw(&r).unwrap();
        assert_eq!(s.as_escaped(), r#"a\u00e9\n\ud83d\ude00\/\""#);
        assert_eq!(s.text(), "aé\n😀/\"");
        assert!(JsonStr::from_raw(&raw("12")).is_none());
    }

    #[test]
    fn a_pair_split_over_two_pieces_joins() {
        let (a, b) = (raw(r#""x\ud83d""#), raw(r#""\ude00y""#));
        let mut s = JsonStr::from_raw(&a).unwrap();
        assert_eq!(s.text(), "x\u{fffd}");
        s.push(&JsonStr::from_raw(&b).unwrap());
        assert_eq!(s.text(), "x😀y");
    }

    #[test]
    fn plain_text_round_trips() {
        for text in ["", "plain", "q\"\\\n\u{1}é😀\u{2028}"] {
            let s = JsonStr::escape(text);
            assert_eq!(s.text(), text);
            let back: String = serde_json::from_str(&format!("\"{}\"", s.as_escaped())).unwrap();
            assert_eq!(back, text);
        }
    }
}
