//! Media inside of JSON strings.

use std::borrow::Cow;

use crate::json::{JsonStr, RawValue};

/// The media type and the base64 text of a `data:` URL; none if it is another URL or not base64.
pub fn data_url(url: &str) -> Option<(Cow<'_, str>, JsonStr<'_>)> {
    let rest = url.strip_prefix("data:").or_else(|| url.strip_prefix("DATA:"))?;
    let (head, data) = rest.split_once(',')?;
    let media_type = head.strip_suffix(";base64")?;
    let media_type = media_type.split(';').next().unwrap_or_default().trim();
    Some((JsonStr::written(media_type).into_text(), JsonStr::written(data.trim())))
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

/// The image type the first bytes tell, read off their base64 form: what the bytes are counts, not what they were called.
pub fn image_type(data: &JsonStr<'_>) -> Option<&'static str> {
    let head: String = data.as_escaped().chars().filter(|c| *c != '\\').take(12).collect();
    [("iVBORw0KGgo", "image/png"), ("/9j/", "image/jpeg"), ("R0lGOD", "image/gif"), ("UklGR", "image/webp")]
        .into_iter()
        .find(|(start, _)| head.starts_with(start))
        .map(|(_, media_type)| media_type)
}
