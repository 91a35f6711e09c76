//! Media inside of JSON strings.

use std::borrow::Cow;

use super::base64::bytes;
use crate::json::{JsonStr, RawValue};

/// The media type, in lower case and without parameters, and the base64 text of a `data:` URL, given as escaped; none if it
/// is another URL or not base64.
pub fn data_url(url: &str) -> Option<(Cow<'_, str>, JsonStr<'_>)> {
    let url = url.trim();
    let rest = url.strip_prefix("data:").or_else(|| url.strip_prefix("DATA:"))?;
    let (head, data) = rest.split_once(',')?;
    let media_type = head.strip_suffix(";base64")?;
    let media_type = media_type.split(';').next().unwrap_or_default().trim();
    let mut media_type = JsonStr::written(media_type).into_text();
    if media_type.bytes().any(|b| b.is_ascii_uppercase()) {
        media_type = Cow::Owned(media_type.to_ascii_lowercase());
    }
    Some((media_type, JsonStr::written(data.trim())))
}

/// What is between the quotes of a raw string, as escaped.
pub fn inside(raw: &RawValue) -> Option<&str> {
    raw.get().strip_prefix('"').and_then(|s| s.strip_suffix('"'))
}

/// `data:{media_type};base64,{data}`, as escaped.
pub fn to_data_url(media_type: &str, data: &JsonStr<'_>) -> JsonStr<'static> {
    let mut url = JsonStr::owned(&format!("data:{media_type};base64,"));
    url.push(data);
    url
}

/// What stands for media that a client's dialect cannot hold: the client is told what it does not see.
pub fn omitted(media_type: &JsonStr<'_>, data: &JsonStr<'_>) -> JsonStr<'static> {
    let media_type = media_type.text();
    let what = media_type.split('/').next().unwrap_or_default();
    JsonStr::owned(&format!("[{what} omitted: {media_type}, {} bytes]", data.as_escaped().len() / 4 * 3))
}

/// A document as text: its title on a line of its own, then what it says.
pub fn headed(title: &JsonStr<'_>, text: Option<&JsonStr<'_>>) -> JsonStr<'static> {
    let mut out = title.clone().into_owned();
    if let Some(text) = text {
        out.push(&JsonStr::written("\\n\\n"));
        out.push(text);
    }
    out
}

/// The type that the first bytes show, read off their base64 form: what the bytes are counts, not what they were called
/// (pitfall 127).
pub fn shown_type(data: &JsonStr<'_>) -> Option<&'static str> {
    // 24 characters of base64 are 18 bytes: more than every signature below. An escaped slash has a backslash before it.
    let digit = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '-' | '_' | '=');
    let head: String = data.as_escaped().trim_start().chars().filter(digit).take(24).collect();
    let bytes = bytes(&JsonStr::written(head.get(..head.len() / 4 * 4)?))?;
    let at = |offset: usize, magic: &[u8]| bytes.get(offset..).is_some_and(|b| b.starts_with(magic));
    Some(match () {
        () if at(0, b"\xff\xd8\xff") => "image/jpeg",
        () if at(0, b"\x89PNG\r\n") => "image/png",
        () if at(0, b"GIF8") => "image/gif",
        () if at(0, b"RIFF") && at(8, b"WEBP") => "image/webp",
        () if at(0, b"BM") => "image/bmp",
        () if at(0, b"II*\0") || at(0, b"MM\0*") => "image/tiff",
        () if at(4, b"ftypheic") || at(4, b"ftypheix") || at(4, b"ftypmif1") => "image/heic",
        () if at(0, b"<svg") => "image/svg+xml",
        () if at(0, b"%PDF") => "application/pdf",
        () => return None,
    })
}
