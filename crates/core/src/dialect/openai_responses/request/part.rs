//! Content parts: <https://platform.openai.com/docs/api-reference/responses/create#responses-create-input>.

use crate::hub::media::{data_url, inside};
use crate::hub::{CacheMark, Document, Form, Image, MediaSource, Part, Text};
use crate::json::{Ext, JsonStr, Members, RawValue, WireError, elements};

use super::super::wire::rest;

pub(super) fn text(text: JsonStr<'_>) -> Part<'_> {
    Part::Text(Text { text, ..Text::default() })
}

/// Content as a string or a list of parts.
pub(super) fn content(raw: &RawValue) -> Result<(Vec<Part<'_>>, Form), WireError> {
    if let Some(string) = JsonStr::from_raw(raw) {
        return Ok((vec![text(string)], Form::Text));
    }
    let parts = elements(raw)
        .map_err(|_| WireError::new("", "expected a string or an array of parts"))?
        .into_iter()
        .enumerate()
        .map(|(at, raw)| part(raw).map_err(|e| e.under(format!("[{at}]"))))
        .collect::<Result<_, _>>()?;
    Ok((parts, Form::Parts))
}

/// One part. Chat's spellings are taken too: mixed bodies hold them.
fn part(raw: &RawValue) -> Result<Part<'_>, WireError> {
    let mut m = Members::of(raw)?;
    let kind = m.need_text("type")?;
    let cache = m.take("prompt_cache_breakpoint").map(CacheMark);
    Ok(match kind.as_ref() {
        "input_text" | "output_text" | "summary_text" | "text" => {
            // Told about the text when it was an answer; they are no part of a question.
            m.take("annotations");
            m.take("logprobs");
            Part::Text(Text { text: m.need_str("text")?, opaque: None, cache, ext: rest(m) })
        }
        "refusal" => Part::Refusal(m.need_str("refusal")?),
        "image_url" | "input_image" => Part::Image(image(m, cache)?),
        "input_file" => Part::Document(file(m, cache)?),
        _ => Part::Other { kind, raw },
    })
}

fn image<'a>(mut m: Members<'a>, cache: Option<CacheMark<'a>>) -> Result<Image<'a>, WireError> {
    let mut detail = m.take_str("detail")?;
    let source = if let Some(raw) = m.take("image_url") {
        let url = if let Some(url) = inside(raw) {
            url
        } else {
            let mut nested = Members::of(raw).map_err(|_| WireError::new("image_url", "expected a string"))?;
            detail = detail.or(nested.take_str("detail").map_err(|e| e.under("image_url"))?);
            let url = nested.take("url").and_then(inside);
            url.ok_or_else(|| WireError::new("image_url.url", "expected a string"))?
        };
        match data_url(url) {
            Some((media_type, data)) => MediaSource::Base64 { media_type, data },
            None => MediaSource::Url(JsonStr::written(url)),
        }
    } else {
        MediaSource::File(m.need_str("file_id")?)
    };
    Ok(Image { source, detail, cache, ext: rest(m) })
}

/// A file by data (a data URL, or bare base64), by URL or by id.
fn file<'a>(mut m: Members<'a>, cache: Option<CacheMark<'a>>) -> Result<Document<'a>, WireError> {
    let title = m.take_str("filename")?;
    m.take("detail");
    let source = if let Some(raw) = m.take("file_data") {
        let data = inside(raw).ok_or_else(|| WireError::new("file_data", "expected a string"))?;
        match data_url(data) {
            Some((media_type, data)) => MediaSource::Base64 { media_type, data },
            None => MediaSource::Base64 { media_type: "".into(), data: JsonStr::written(data) },
        }
    } else if let Some(url) = m.take_str("file_url")? {
        MediaSource::Url(url)
    } else {
        MediaSource::File(m.need_str("file_id")?)
    };
    Ok(Document { source, title, cache, ext: rest(m) })
}

/// A whole value as text, for what has no other form.
pub(super) fn as_text(raw: &RawValue) -> Vec<Part<'_>> {
    let words = JsonStr::from_raw(raw).unwrap_or_else(|| JsonStr::escape(raw.get()));
    vec![Part::Text(Text { text: words, opaque: None, cache: None, ext: Ext::new() })]
}
