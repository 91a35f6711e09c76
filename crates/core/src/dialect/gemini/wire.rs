//! Names and small forms of the wire: <https://ai.google.dev/api/generate-content>.
//!
//! The API is a protocol buffer in JSON (<https://protobuf.dev/programming-guides/json/>): it writes camelCase and takes
//! `snake_case` as well, 64-bit integers may come as strings, bytes are base64 in the standard or the URL-safe alphabet.

use std::borrow::Cow;

use base64::Engine;

use crate::json::{Ext, JsonStr, Kind, Members, RawValue, WireError, as_u64, elements, kind};

/// The word that stands for a thought signature which is lost: the API takes it on the first call of a step
/// (<https://ai.google.dev/gemini-api/docs/thought-signatures>).
pub(super) const SKIP_SIGNATURE: &str = "skip_thought_signature_validator";

/// Longest name of a function at this and the last generation.
pub(super) const NAME_LIMIT: usize = 64;

/// Most stop sequences.
pub(super) const MAX_STOP: usize = 5;

/// Content roles.
pub(super) const USER: &str = "user";
pub(super) const MODEL: &str = "model";

/// Takes a member by its camelCase name, or by its `snake_case` one; `null` counts as absent.
pub(super) fn take<'a>(m: &mut Members<'a>, key: &str) -> Option<&'a RawValue> {
    let camel = m.take(key);
    let snake = snake(m, key).and_then(|name| m.take(&name));
    camel.or(snake)
}

/// Is the member there, in either spelling?
pub(super) fn has(m: &Members<'_>, key: &str) -> bool {
    let there = |raw: &RawValue| kind(raw) != Kind::Null;
    m.get(key).is_some_and(there) || snake(m, key).is_some_and(|name| m.get(&name).is_some_and(there))
}

/// The `snake_case` spelling of `key`, if a member is spelled so.
fn snake(m: &Members<'_>, key: &str) -> Option<String> {
    // Every underscore makes it longer: names of the usual spelling are not looked at.
    m.iter().find(|(name, _)| name.len() > key.len() && is_snake(name, key)).map(|(name, _)| name.to_owned())
}

fn is_snake(name: &str, key: &str) -> bool {
    let mut name = name.bytes();
    let same = key.bytes().all(|c| {
        let next = name.next();
        if c.is_ascii_uppercase() {
            next == Some(b'_') && name.next() == Some(c.to_ascii_lowercase())
        } else {
            next == Some(c)
        }
    });
    same && name.next().is_none()
}

/// Takes a string, as it was escaped.
pub(super) fn take_str<'a>(m: &mut Members<'a>, key: &str) -> Result<Option<JsonStr<'a>>, WireError> {
    take(m, key).map(|raw| JsonStr::from_raw(raw).ok_or_else(|| WireError::new(key, "expected a string"))).transpose()
}

/// Takes a string that must be there.
pub(super) fn need_str<'a>(m: &mut Members<'a>, key: &str) -> Result<JsonStr<'a>, WireError> {
    take_str(m, key)?.ok_or_else(|| WireError::new(key, "missing required member"))
}

/// Takes a string, decoded.
pub(super) fn take_text<'a>(m: &mut Members<'a>, key: &str) -> Result<Option<Cow<'a, str>>, WireError> {
    Ok(take_str(m, key)?.map(JsonStr::into_text))
}

/// Takes a boolean.
pub(super) fn take_bool(m: &mut Members<'_>, key: &str) -> Result<Option<bool>, WireError> {
    take(m, key)
        .map(|raw| match raw.get() {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(WireError::new(key, "expected true or false")),
        })
        .transpose()
}

/// Takes a number, as it was spelled.
pub(super) fn take_number<'a>(m: &mut Members<'a>, key: &str) -> Result<Option<&'a RawValue>, WireError> {
    take(m, key)
        .map(|raw| if kind(raw) == Kind::Number { Ok(raw) } else { Err(WireError::new(key, "expected a number")) })
        .transpose()
}

/// Takes a non-negative integer, also one in a string.
pub(super) fn take_u64(m: &mut Members<'_>, key: &str) -> Result<Option<u64>, WireError> {
    take(m, key)
        .map(|raw| number(raw).ok_or_else(|| WireError::new(key, "expected a non-negative integer")))
        .transpose()
}

/// A non-negative integer, as a number or in a string.
pub(super) fn number(raw: &RawValue) -> Option<u64> {
    match JsonStr::from_raw(raw) {
        Some(text) => text.text().parse().ok(),
        None => as_u64(raw),
    }
}

/// Takes an object.
pub(super) fn take_object<'a>(m: &mut Members<'a>, key: &str) -> Result<Option<Members<'a>>, WireError> {
    take(m, key).map(|raw| Members::of(raw).map_err(|e| e.under(key))).transpose()
}

/// Takes an array; one object in its place is a list of one, as some clients send it.
pub(super) fn take_list<'a>(m: &mut Members<'a>, key: &str) -> Result<Vec<&'a RawValue>, WireError> {
    match take(m, key) {
        None => Ok(Vec::new()),
        Some(raw) if kind(raw) == Kind::Object => Ok(vec![raw]),
        Some(raw) => elements(raw).map_err(|e| e.under(key)),
    }
}

/// A member that holds text, if it does.
pub(super) fn lenient<'a>(m: &mut Members<'a>, key: &str) -> JsonStr<'a> {
    take_str(m, key).ok().flatten().unwrap_or_default()
}

/// What nobody took, under dotted names, so that it can be named (or written back).
pub(super) fn keep<'a>(parent: &str, members: Members<'a>, left: &mut Ext<'a>) {
    let rest = members.into_rest().into_iter().filter(|(_, raw)| kind(raw) != Kind::Null);
    left.extend(rest.map(|(key, raw)| (Cow::Owned(format!("{parent}.{key}")), raw)));
}

/// Standard base64 of `text`.
pub(super) fn encoded(text: &[u8]) -> String {
    base64::prelude::BASE64_STANDARD.encode(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_are_read() {
        let mut m = Members::parse(r#"{"max_output_tokens":"12","topP":0.5,"inlineData":null}"#).unwrap();
        assert!(has(&m, "maxOutputTokens") && !has(&m, "inlineData"));
        assert_eq!(take_u64(&mut m, "maxOutputTokens").unwrap(), Some(12));
        assert_eq!(take_number(&mut m, "topP").unwrap().unwrap().get(), "0.5");
        assert!(take(&mut m, "inlineData").is_none());
        assert!(m.into_rest().is_empty());
    }
}
