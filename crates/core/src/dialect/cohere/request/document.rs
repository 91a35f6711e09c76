//! Documents: `data` with members of the caller's choice, and an id that citations name.

use crate::hub::{Document, MediaSource};
use crate::json::{Ext, JsonStr, Kind, Members, RawValue, WireError, kind};

/// An entry of `documents`: text, or `{"id"?, "data"}`.
pub(super) fn decode(raw: &RawValue) -> Result<Document<'_>, WireError> {
    let document = |text, title| Document { source: MediaSource::Text(text), title, cache: None, ext: Ext::new() };
    if let Some(text) = JsonStr::from_raw(raw) {
        return Ok(document(text, None));
    }
    let mut m = Members::of(raw).map_err(|_| WireError::new("", "expected a string or an object"))?;
    let id = m.take_str("id")?;
    let data = m.take("data").ok_or_else(|| WireError::new("data", "missing required member"))?;
    let title = Members::of(data).ok().and_then(|mut data| data.take_str("title").ok().flatten());
    let text = alone(data).map_or_else(|| text(data), Ok)?;
    Ok(document(text, title.or(id)))
}

/// The text of a document's data: a string, or the JSON text of an object.
pub(super) fn text(data: &RawValue) -> Result<JsonStr<'_>, WireError> {
    match JsonStr::from_raw(data) {
        Some(text) => Ok(text),
        None if kind(data) == Kind::Object => Ok(JsonStr::escape(data.get())),
        None => Err(WireError::new("data", "expected an object or a string")),
    }
}

/// The one text that an object holds besides its title.
fn alone(data: &RawValue) -> Option<JsonStr<'_>> {
    let m = Members::of(data).ok()?;
    let mut members = m.iter().filter(|(key, _)| *key != "title");
    let (_, only) = members.next()?;
    if members.next().is_some() { None } else { JsonStr::from_raw(only) }
}
