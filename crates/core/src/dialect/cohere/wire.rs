//! Names and small forms of the wire: <https://docs.cohere.com/v2/reference/chat>.

use std::borrow::Cow;

use crate::json::{Ext, JsonStr, Kind, Members, kind};

/// A member of text parts and tool calls that Cohere does not have, and that its clients keep as they keep every member
/// they do not know: an envelope with another model's state (`docs/adr/0010-opaque-state.md`).
pub(super) const STATE: &str = "signature";

/// Text that is held as thinking.
pub(super) const THINKING: &str = "thinking";

/// What nobody took, under dotted names where it has a parent. A member that is `null` is an absent one.
pub(super) fn keep<'a>(parent: &str, members: Members<'a>, left: &mut Ext<'a>) {
    for (key, raw) in members.into_rest() {
        if kind(raw) != Kind::Null {
            left.push((if parent.is_empty() { key } else { Cow::Owned(format!("{parent}.{key}")) }, raw));
        }
    }
}

/// A member that may be missing, or no string.
pub(super) fn word<'a>(m: &mut Members<'a>, key: &str) -> JsonStr<'a> {
    m.take_str(key).ok().flatten().unwrap_or_default()
}

/// The same, if it says something.
pub(super) fn text_of<'a>(m: &mut Members<'a>, key: &str) -> Option<JsonStr<'a>> {
    m.take_str(key).ok().flatten().filter(|text| !text.is_empty())
}
