//! Images and documents of other dialects: what Anthropic takes, and a 400 with the place for what it does not.

use std::borrow::Cow;

use crate::hub::base64::bytes;
use crate::hub::media::{data_url, shown_type};
use crate::hub::{Document, Image, MediaSource, Untranslatable};
use crate::json::JsonStr;

use super::block::{Kind, Source};

const IMAGES: &[&str] = &["image/jpeg", "image/png", "image/gif", "image/webp"];

/// An image of a user turn at `place`.
pub(super) fn image<'r>(image: &'r Image<'r>, place: &str) -> Result<Kind<'r>, Untranslatable> {
    let param = || format!("{place}.image_url");
    let (media_type, data) = match &image.source {
        MediaSource::Base64 { media_type, data } => (media_type.clone(), data.clone()),
        MediaSource::Url(url) => match data_url(url.as_escaped()) {
            Some(parts) => parts,
            None if is_http(url) => return Ok(Kind::Image(Source::Url(url.clone()))),
            None => return Err(Untranslatable::new(param(), "expected an http(s) URL or a data URL")),
        },
        MediaSource::File(id) => return Err(foreign_file(&param(), id)),
        MediaSource::Blocks(_) | MediaSource::Text(_) | MediaSource::Other(_) => {
            return Err(Untranslatable::new(param(), "unknown image source"));
        }
    };
    let media_type = match shown_type(&data) {
        Some(found) => Cow::Borrowed(found),
        None => media_type,
    };
    if !IMAGES.contains(&media_type.as_ref()) {
        let what = format!("images of type `{media_type}` are not supported; send JPEG, PNG, GIF or WebP");
        return Err(Untranslatable::new(param(), what));
    }
    Ok(Kind::Image(Source::Base64 { media_type, data }))
}

/// A file of a user turn at `place`.
pub(super) fn document<'r>(document: &'r Document<'r>, place: &str) -> Result<Kind<'r>, Untranslatable> {
    let param = || format!("{place}.file");
    let title = document.title.clone();
    let (media_type, data) = match &document.source {
        MediaSource::Base64 { media_type, data } => (media_type.clone(), data.clone()),
        MediaSource::Url(url) => match data_url(url.as_escaped()) {
            Some(parts) => parts,
            None if is_http(url) => return Ok(Kind::Document { source: Source::Url(url.clone()), title }),
            None => return Err(Untranslatable::new(param(), "expected an http(s) URL or a data URL")),
        },
        MediaSource::Text(text) => return Ok(Kind::Document { source: Source::Text(text.clone()), title }),
        // Ids of Anthropic's Files API have an underscore, OpenAI's a dash.
        MediaSource::File(id) if id.as_escaped().starts_with("file_") => {
            return Ok(Kind::Document { source: Source::File(id.clone()), title });
        }
        MediaSource::File(id) => return Err(foreign_file(&param(), id)),
        MediaSource::Blocks(_) | MediaSource::Other(_) => {
            return Err(Untranslatable::new(param(), "unknown file source"));
        }
    };
    if shown_type(&data) == Some("application/pdf") || media_type == "application/pdf" {
        let source = Source::Base64 { media_type: Cow::Borrowed("application/pdf"), data };
        return Ok(Kind::Document { source, title });
    }
    if media_type.starts_with("text/") {
        let text = bytes(&data)
            .and_then(|b| String::from_utf8(b).ok())
            .ok_or_else(|| Untranslatable::new(param(), "the text file is not base64 of UTF-8"))?;
        return Ok(Kind::Document { source: Source::Text(JsonStr::owned(&text)), title });
    }
    let what = format!("files of type `{media_type}` are not supported; send a PDF or text");
    Err(Untranslatable::new(param(), what))
}

fn foreign_file(param: &str, id: &JsonStr<'_>) -> Untranslatable {
    let what = format!("file id `{}` belongs to another provider; send the content itself", id.text());
    Untranslatable::new(format!("{param}.file_id"), what)
}

fn is_http(url: &JsonStr<'_>) -> bool {
    let text = url.text();
    text.get(..8).is_some_and(|s| s.eq_ignore_ascii_case("https://"))
        || text.get(..7).is_some_and(|s| s.eq_ignore_ascii_case("http://"))
}
