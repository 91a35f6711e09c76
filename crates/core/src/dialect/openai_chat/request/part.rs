//! Content parts: <https://platform.openai.com/docs/api-reference/chat/create#chat-create-messages>.

use crate::dialect::openai_chat::wire::{rest, rest_under};
use crate::hub::media::{data_url, inside};
use crate::hub::{CacheMark, Document, Image, MediaSource, Part, Text};
use crate::json::{Ext, JsonStr, Members, RawValue, WireError};

use super::tag;

/// A bare string as a text part.
pub(super) fn text(raw: &RawValue) -> Option<Part<'_>> {
    JsonStr::from_raw(raw).map(|text| Part::Text(Text { text, ..Text::default() }))
}

/// One part. A kind we do not know is kept as it is; a known kind with a bad body is an error.
pub(super) fn decode(raw: &RawValue) -> Result<Part<'_>, WireError> {
    let mut m = Members::of(raw)?;
    let kind = tag(&mut m)?;
    let part = match kind.as_ref() {
        "file" => file(&mut m)?.map(Part::Document),
        "image_url" => Some(Part::Image(image(&mut m)?)),
        "refusal" => Some(Part::Refusal(m.need_str("refusal")?)),
        "text" => {
            let text = m.need_str("text")?;
            let cache = mark(&mut m);
            return Ok(Part::Text(Text { text, opaque: None, cache, ext: rest(m) }));
        }
        _ => None,
    };
    let left = rest(m);
    Ok(match part {
        Some(Part::Image(mut image)) => {
            image.ext.extend(left);
            Part::Image(image)
        }
        Some(Part::Document(mut document)) => {
            document.ext.extend(left);
            Part::Document(document)
        }
        Some(part) if left.is_empty() => part,
        _ => Part::Other { kind, raw },
    })
}

/// OpenAI's breakpoint, or the `cache_control` of OpenRouter and others; the raw value tells which (`mode` or `type`).
fn mark<'a>(m: &mut Members<'a>) -> Option<CacheMark<'a>> {
    m.take("prompt_cache_breakpoint").or_else(|| m.take("cache_control")).map(CacheMark)
}

/// `image_url` is an object at OpenAI; a bare string is taken too.
fn image<'a>(m: &mut Members<'a>) -> Result<Image<'a>, WireError> {
    let raw = m.take("image_url").ok_or_else(|| WireError::new("image_url", "missing required member"))?;
    let mut ext = Ext::new();
    let (url, detail) = if let Some(url) = inside(raw) {
        (url, None)
    } else {
        let under = |e: WireError| e.under("image_url");
        let mut inner = Members::of(raw).map_err(|_| WireError::new("image_url", "expected an object"))?;
        let url = inner.take("url").ok_or_else(|| WireError::new("image_url.url", "missing required member"))?;
        let url = inside(url).ok_or_else(|| WireError::new("image_url.url", "expected a string"))?;
        let detail = inner.take_str("detail").map_err(under)?;
        rest_under("image_url", inner, &mut ext);
        (url, detail)
    };
    let source = match data_url(url) {
        Some((media_type, data)) => MediaSource::Base64 { media_type, data },
        None => MediaSource::Url(JsonStr::written(url)),
    };
    Ok(Image { source, detail, cache: mark(m), ext })
}

/// A file by data or by id; one with neither is left to the provider (kept as it is).
fn file<'a>(m: &mut Members<'a>) -> Result<Option<Document<'a>>, WireError> {
    let under = |e: WireError| e.under("file");
    let mut inner = m.take_object("file")?.ok_or_else(|| WireError::new("file", "missing required member"))?;
    let title = inner.take_str("filename").map_err(under)?;
    let source = if let Some(raw) = inner.take("file_data") {
        let data = inside(raw).ok_or_else(|| WireError::new("file.file_data", "expected a string"))?;
        match data_url(data) {
            Some((media_type, data)) => MediaSource::Base64 { media_type, data },
            None => MediaSource::Base64 { media_type: "".into(), data: JsonStr::written(data) },
        }
    } else if let Some(id) = inner.take_str("file_id").map_err(under)? {
        MediaSource::File(id)
    } else {
        return Ok(None);
    };
    let mut ext = Ext::new();
    rest_under("file", inner, &mut ext);
    Ok(Some(Document { source, title, cache: mark(m), ext }))
}
