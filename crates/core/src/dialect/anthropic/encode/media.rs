//! Images and documents of other dialects: what Anthropic takes, and a 400 with the place for what it does not.

use std::borrow::Cow;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::hub::{Document, Image, MediaSource, Untranslatable};
use crate::json::JsonStr;

use super::block::{Kind, Source};

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

const IMAGES: &[&str] = &["image/jpeg", "image/png", "image/gif", "image/webp"];

/// An image of a user turn at `place`.
pub(super) fn image<'r>(image: &Image<'r>, place: &str) -> Result<Kind<'r>, Untranslatable> {
    let param = || format!("{place}.image_url");
    let (media_type, data) = match &image.source {
        MediaSource::Base64 { media_type, data } => (media_type.clone(), data.clone()),
        MediaSource::Url(url) => match data_url(url) {
            Some(parts) => parts,
            None if is_http(url) => return Ok(Kind::Image(Source::Url(url.clone()))),
            None => return Err(Untranslatable::new(param(), "expected an http(s) URL or a data URL")),
        },
        MediaSource::File(id) => return Err(foreign_file(&param(), id)),
        MediaSource::Blocks(_) | MediaSource::Text(_) | MediaSource::Other(_) => {
            return Err(Untranslatable::new(param(), "unknown image source"));
        }
    };
    let media_type = match sniff(&data) {
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
pub(super) fn document<'r>(document: &Document<'r>, place: &str) -> Result<Kind<'r>, Untranslatable> {
    let param = || format!("{place}.file");
    let title = document.title.clone();
    let (media_type, data) = match &document.source {
        MediaSource::Base64 { media_type, data } => (media_type.clone(), data.clone()),
        MediaSource::Url(url) => match data_url(url) {
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
    if sniff(&data) == Some("application/pdf") || media_type == "application/pdf" {
        let source = Source::Base64 { media_type: Cow::Borrowed("application/pdf"), data };
        return Ok(Kind::Document { source, title });
    }
    if media_type.starts_with("text/") {
        let bytes = BASE64.decode(data.text().as_bytes()).ok();
        let text = bytes
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

/// Media type and base64 text of a data URL; parameters such as `charset` are left out.
fn data_url<'r>(url: &JsonStr<'r>) -> Option<(Cow<'r, str>, JsonStr<'r>)> {
    let text = url.text();
    let (head, data) = text.trim().strip_prefix("data:")?.split_once(',')?;
    let head = head.strip_suffix(";base64")?;
    let media_type = head.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    Some((Cow::Owned(media_type), JsonStr::owned(data.trim())))
}

/// The type that the first bytes show. Anthropic refuses data that is not what it is declared to be.
fn sniff(data: &JsonStr<'_>) -> Option<&'static str> {
    // 24 characters of base64 are 18 bytes: more than every signature below.
    let text = data.as_escaped().trim_start();
    let head: String =
        text.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=')).take(24).collect();
    let head = head.get(..head.len() / 4 * 4)?;
    let bytes = BASE64.decode(head).ok()?;
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
