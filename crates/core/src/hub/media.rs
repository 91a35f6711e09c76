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
    let at = |(offset, magic): &(usize, &[u8])| bytes.get(*offset..).is_some_and(|b| b.starts_with(magic));
    SIGNATURES.iter().find(|(signature, _)| signature.iter().all(at)).map(|(_, media_type)| *media_type)
}

/// Bytes of a file, and where they stand.
type Signature = &'static [(usize, &'static [u8])];

/// How files begin, and their media types.
const SIGNATURES: &[(Signature, &str)] = &[
    (&[(0, b"\xff\xd8\xff")], "image/jpeg"),
    (&[(0, b"\x89PNG\r\n")], "image/png"),
    (&[(0, b"GIF8")], "image/gif"),
    (&[(0, b"RIFF"), (8, b"WEBP")], "image/webp"),
    (&[(0, b"BM")], "image/bmp"),
    (&[(0, b"II*\0")], "image/tiff"),
    (&[(0, b"MM\0*")], "image/tiff"),
    (&[(4, b"ftypheic")], "image/heic"),
    (&[(4, b"ftypheix")], "image/heic"),
    (&[(4, b"ftypmif1")], "image/heic"),
    (&[(0, b"<svg")], "image/svg+xml"),
    (&[(0, b"%PDF")], "application/pdf"),
];
