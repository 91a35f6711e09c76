//! Images, documents and sound: what Gemini takes, and a 400 with the place for what it does not.
//!
//! <https://ai.google.dev/gemini-api/docs/file-input-methods>.

use std::borrow::Cow;

use super::Context;
use super::piece::{Inline, Kind, Piece};
use crate::hub::base64::standard;
use crate::hub::media::{data_url, shown_type};
use crate::hub::{Document, Image, MediaSource, Untranslatable};
use crate::json::{JsonStr, Members, RawValue};

/// An image at `place`.
pub(super) fn image<'r>(cx: &mut Context<'r>, image: &'r Image<'r>, place: &str) -> Result<Piece<'r>, Untranslatable> {
    if let Some(mark) = &image.cache {
        cx.losses.drop(mark.name());
    }
    cx.leftovers("image", &image.ext);
    let resolution = image.detail.as_ref().and_then(|detail| resolution(cx, &detail.text()));
    let mut piece = source(cx, &image.source, "image/jpeg", place)?;
    if let Kind::Inline(inline) = &mut piece.kind {
        inline.resolution = resolution;
    }
    Ok(piece)
}

/// OpenAI's `detail` as the resolution of a part, where the model takes one.
fn resolution(cx: &mut Context<'_>, detail: &str) -> Option<&'static str> {
    let level = match detail {
        "low" => "MEDIA_RESOLUTION_LOW",
        "high" | "original" => "MEDIA_RESOLUTION_HIGH",
        _ => return None,
    };
    if cx.model.media_in_results {
        cx.losses.approx("image_url.detail");
        return Some(level);
    }
    cx.losses.drop("image_url.detail");
    None
}

/// A document at `place`: its title as a text before it.
pub(super) fn document<'r>(
    cx: &mut Context<'r>,
    document: &'r Document<'r>,
    place: &str,
) -> Result<Vec<Piece<'r>>, Untranslatable> {
    if let Some(mark) = &document.cache {
        cx.losses.drop(mark.name());
    }
    cx.leftovers("document", &document.ext);
    let mut pieces = Vec::new();
    if let Some(title) = document.title.as_ref().filter(|t| !t.is_empty()) {
        cx.losses.approx("document.title");
        let mut head = JsonStr::owned("Document: ");
        head.push(title);
        pieces.push(Piece::text(head));
    }
    match &document.source {
        MediaSource::Text(text) => pieces.push(Piece::text(text.borrowed())),
        MediaSource::Blocks(parts) => {
            for (nth, part) in parts.iter().enumerate() {
                pieces.append(&mut super::parts::user(cx, part, &format!("{place}.source.content[{nth}]"))?);
            }
        }
        MediaSource::Base64 { .. } | MediaSource::File(_) | MediaSource::Other(_) | MediaSource::Url(_) => {
            pieces.push(source(cx, &document.source, "application/pdf", place)?);
        }
    }
    Ok(pieces)
}

fn source<'r>(
    cx: &mut Context<'r>,
    source: &'r MediaSource<'r>,
    usual: &'static str,
    place: &str,
) -> Result<Piece<'r>, Untranslatable> {
    match source {
        MediaSource::Base64 { media_type, data } => Ok(inline(media_type, data.borrowed(), usual)),
        MediaSource::Url(url) => {
            let text = url.text();
            if let Some((media_type, data)) = data_url(url.as_escaped()) {
                return Ok(inline(&media_type, data, usual));
            }
            if is_ours(&text) || (cx.model.public_files && text.starts_with("https://")) {
                let media_type = Cow::Borrowed(by_name(&text).unwrap_or(""));
                return Ok(Piece::plain(Kind::File { media_type, uri: url.borrowed() }));
            }
            Err(Untranslatable::new(
                format!("{place}.source"),
                "the model cannot fetch this address; send the data itself",
            ))
        }
        // What a Gemini client calls a file is an address at Google.
        MediaSource::File(uri) if is_ours(&uri.text()) => {
            Ok(Piece::plain(Kind::File { media_type: Cow::Borrowed(""), uri: uri.borrowed() }))
        }
        MediaSource::File(id) => {
            let what = format!("file id `{}` belongs to another provider; send the content itself", id.text());
            Err(Untranslatable::new(format!("{place}.file_id"), what))
        }
        MediaSource::Blocks(_) | MediaSource::Text(_) | MediaSource::Other(_) => Err(Untranslatable::new(
            format!("{place}.source"),
            "this source has no equivalent at Gemini; send the data",
        )),
    }
}

/// What the bytes are counts, not what they were called (pitfall 127).
fn inline<'r>(media_type: &Cow<'r, str>, data: JsonStr<'r>, usual: &'static str) -> Piece<'r> {
    let media_type = match shown_type(&data) {
        Some(found) => Cow::Borrowed(found),
        None if media_type.is_empty() => Cow::Borrowed(usual),
        None => media_type.clone(),
    };
    Piece::plain(Kind::Inline(Inline { media_type, data: standard(data), resolution: None }))
}

/// Chat's `input_audio`: `{"input_audio": {"data", "format"}}`.
pub(super) fn audio<'r>(raw: &'r RawValue, place: &str) -> Result<Piece<'r>, Untranslatable> {
    let read = || {
        let mut inner = Members::of(raw).ok()?.take_object("input_audio").ok()??;
        let format = inner.take_text("format").ok()??;
        let data = inner.take_str("data").ok()??;
        let media_type = Cow::Owned(format!("audio/{format}"));
        Some(Piece::plain(Kind::Inline(Inline { media_type, data: standard(data), resolution: None })))
    };
    read().ok_or_else(|| Untranslatable::new(format!("{place}.input_audio"), "expected `data` and `format`"))
}

/// Google's own file storage, its cloud storage, and `YouTube`: what every generation reads by address.
fn is_ours(url: &str) -> bool {
    ["https://generativelanguage.googleapis.com/", "gs://", "https://www.youtube.com/watch", "https://youtu.be/"]
        .iter()
        .any(|start| url.starts_with(start))
}

/// The type an address tells by how it ends.
fn by_name(url: &str) -> Option<&'static str> {
    let path = url.split(['?', '#']).next().unwrap_or(url);
    let ending = path.rsplit('.').next()?.to_ascii_lowercase();
    Some(match ending.as_str() {
        "gif" => "image/gif",
        "jpeg" | "jpg" => "image/jpeg",
        "mp3" => "audio/mp3",
        "mp4" => "video/mp4",
        "pdf" => "application/pdf",
        "png" => "image/png",
        "txt" => "text/plain",
        "wav" => "audio/wav",
        "webp" => "image/webp",
        _ => return None,
    })
}
