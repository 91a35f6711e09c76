//! An object of the wire as ordered `(key, raw value)` pairs.

use std::borrow::Cow;
use std::fmt;

use serde_json::value::RawValue;

use super::raw::raw;
use super::scan::{NOT_AN_OBJECT, Span, scan_members};
use super::{JsonStr, walk};

/// Members nobody interpreted, in the order they were written.
pub type Ext<'a> = Vec<(Cow<'a, str>, &'a RawValue)>;

/// What is wrong with a wire object, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {what}")]
pub struct WireError {
    /// Path in the sender's notation, for example `messages[3].content[1].type`.
    pub path: String,
    /// What was expected or found, in words.
    pub what: String,
}

impl WireError {
    pub fn new(path: impl Into<String>, what: impl Into<String>) -> Self {
        Self { path: path.into(), what: what.into() }
    }

    /// The same error seen from one level up: `content` under `messages[3]` is `messages[3].content`.
    #[must_use]
    pub fn under(mut self, parent: impl fmt::Display) -> Self {
        self.path = if self.path.is_empty() {
            parent.to_string()
        } else if self.path.starts_with('[') {
            format!("{parent}{}", self.path)
        } else {
            format!("{parent}.{}", self.path)
        };
        self
    }
}

/// The JSON type of a raw value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Null,
    Bool,
    Number,
    String,
    Array,
    Object,
}

/// The JSON type of `raw`, read off its first byte.
pub fn kind(raw: &RawValue) -> Kind {
    match raw.get().as_bytes().first() {
        Some(b'{') => Kind::Object,
        Some(b'[') => Kind::Array,
        Some(b'"') => Kind::String,
        Some(b't' | b'f') => Kind::Bool,
        Some(b'n') | None => Kind::Null,
        Some(_) => Kind::Number,
    }
}

/// The elements of a raw array.
pub fn elements(array: &RawValue) -> Result<Vec<&RawValue>, WireError> {
    if kind(array) != Kind::Array {
        return Err(WireError::new("", "expected an array"));
    }
    let mut elements = Vec::new();
    walk::elements(array.get(), |text| elements.push(raw(text)));
    Ok(elements)
}

/// The members of an object, in order, duplicates kept. Taking a member takes all its duplicates; the last one counts,
/// as with every JSON library the providers use.
#[derive(Clone, Debug, Default)]
pub struct Members<'a>(Ext<'a>);

impl<'a> Members<'a> {
    /// Parses `text`, which must be one object.
    pub fn parse(text: &'a str) -> Result<Self, WireError> {
        let mut members = Vec::with_capacity(FEW);
        let scanned = scan_members(text, |span| members.push((span.name(text), raw(span.text(text)))));
        match scanned {
            Ok(()) => Ok(Self(members)),
            Err(error) if error.what == NOT_AN_OBJECT => Err(WireError::new("", error.what)),
            Err(error) => Err(WireError::new("", error.to_string())),
        }
    }

    /// The members of an object that was scanned already: `spans` are theirs, in `text`.
    pub(crate) fn scanned(text: &'a str, spans: &[Span]) -> Self {
        Self(spans.iter().map(|span| (span.name(text), raw(span.text(text)))).collect())
    }

    /// The members of `value`, which must be an object.
    pub fn of(value: &'a RawValue) -> Result<Self, WireError> {
        if kind(value) != Kind::Object {
            return Err(WireError::new("", NOT_AN_OBJECT));
        }
        let mut members = Vec::with_capacity(FEW);
        walk::members(value.get(), |key, escaped, text| {
            let name = if escaped { JsonStr::written(key).into_text() } else { Cow::Borrowed(key) };
            members.push((name, raw(text)));
        });
        Ok(Self(members))
    }

    /// The value of `key` (the last, if repeated), without removing it.
    pub fn get(&self, key: &str) -> Option<&'a RawValue> {
        self.0.iter().rev().find(|(k, _)| k == key).map(|(_, v)| *v)
    }

    /// Removes `key` and returns its value; `null` counts as absent.
    pub fn take(&mut self, key: &str) -> Option<&'a RawValue> {
        let mut found = None;
        self.0.retain(|(k, v)| {
            let hit = k == key;
            if hit {
                found = Some(*v);
            }
            !hit
        });
        found.filter(|v| kind(v) != Kind::Null)
    }

    /// Takes a string, as it was escaped.
    pub fn take_str(&mut self, key: &str) -> Result<Option<JsonStr<'a>>, WireError> {
        self.take(key)
            .map(|raw| JsonStr::from_raw(raw).ok_or_else(|| WireError::new(key, "expected a string")))
            .transpose()
    }

    /// Takes a string that must be there, as it was escaped.
    pub fn need_str(&mut self, key: &str) -> Result<JsonStr<'a>, WireError> {
        self.take_str(key)?.ok_or_else(|| WireError::new(key, "missing required member"))
    }

    /// Takes a string, decoded.
    pub fn take_text(&mut self, key: &str) -> Result<Option<Cow<'a, str>>, WireError> {
        Ok(self.take_str(key)?.map(JsonStr::into_text))
    }

    /// Takes a string that must be there, decoded.
    pub fn need_text(&mut self, key: &str) -> Result<Cow<'a, str>, WireError> {
        self.need_str(key).map(JsonStr::into_text)
    }

    /// Takes a boolean.
    pub fn take_bool(&mut self, key: &str) -> Result<Option<bool>, WireError> {
        self.take(key)
            .map(|raw| match raw.get() {
                "true" => Ok(true),
                "false" => Ok(false),
                _ => Err(WireError::new(key, "expected true or false")),
            })
            .transpose()
    }

    /// Takes a non-negative integer (also spelled `1e2` or `4096.0`, as some clients do).
    pub fn take_u64(&mut self, key: &str) -> Result<Option<u64>, WireError> {
        self.take(key)
            .map(|raw| as_u64(raw).ok_or_else(|| WireError::new(key, "expected a non-negative integer")))
            .transpose()
    }

    /// Takes a number, as it was spelled.
    pub fn take_number(&mut self, key: &str) -> Result<Option<&'a RawValue>, WireError> {
        self.take(key)
            .map(|raw| if kind(raw) == Kind::Number { Ok(raw) } else { Err(WireError::new(key, "expected a number")) })
            .transpose()
    }

    /// Takes an array, as raw elements.
    pub fn take_array(&mut self, key: &str) -> Result<Option<Vec<&'a RawValue>>, WireError> {
        self.take(key).map(|raw| elements(raw).map_err(|e| e.under(key))).transpose()
    }

    /// Takes an object, as members.
    pub fn take_object(&mut self, key: &str) -> Result<Option<Self>, WireError> {
        self.take(key).map(|raw| Self::of(raw).map_err(|e| e.under(key))).transpose()
    }

    /// Takes an object that stays as it is written, a schema for example.
    pub fn take_raw_object(&mut self, key: &str) -> Result<Option<&'a RawValue>, WireError> {
        match self.take(key) {
            Some(raw) if kind(raw) != Kind::Object => Err(WireError::new(key, NOT_AN_OBJECT)),
            taken => Ok(taken),
        }
    }

    /// What nobody took, in order, `null` values included.
    pub fn into_rest(self) -> Ext<'a> {
        self.0
    }

    /// The members that are left, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &'a RawValue)> {
        self.0.iter().map(|(k, v)| (k.as_ref(), *v))
    }
}

/// `raw` as an unsigned integer, if it is one in any spelling.
pub fn as_u64(raw: &RawValue) -> Option<u64> {
    let text = raw.get();
    text.parse().ok().or_else(|| {
        let float: f64 = if kind(raw) == Kind::Number { text.parse().ok()? } else { return None };
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "range and fraction are checked first"
        )]
        (float.fract() == 0.0 && (0.0..=9_007_199_254_740_992.0).contains(&float)).then_some(float as u64)
    })
}

/// Most objects have no more members than this.
const FEW: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_order_spelling_and_duplicates() {
        let text = r#" {"b": 123456789012345678901234567890, "a" : 1e2,"b":[1 , 2], "e\u0073c": "\u00e9"} "#;
        let mut m = Members::parse(text).unwrap();
        let keys: Vec<_> = m.iter().map(|(k, v)| (k.to_owned(), v.get().to_owned())).collect();
        assert_eq!(keys[0], ("b".into(), "123456789012345678901234567890".into()));
        assert_eq!(keys[1], ("a".into(), "1e2".into()));
        assert_eq!(keys[3].0, "esc");
        assert_eq!(m.take("b").unwrap().get(), "[1 , 2]");
        assert!(m.take("b").is_none());
        assert_eq!(m.take_u64("a").unwrap(), Some(100));
        assert_eq!(m.take_text("esc").unwrap().unwrap(), "é");
    }

    #[test]
    fn names_the_place_of_an_error() {
        let mut m = Members::parse(r#"{"n":"x","o":[]}"#).unwrap();
        assert_eq!(
            m.take_u64("n").unwrap_err().under("messages[2]").to_string(),
            "messages[2].n: expected a non-negative integer"
        );
        assert_eq!(m.take_object("o").unwrap_err().path, "o");
        assert!(Members::parse("[1]").is_err());
        assert!(Members::parse(r#"{"a":1"#).is_err());
    }
}
