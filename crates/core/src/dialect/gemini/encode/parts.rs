//! Parts of turns as pieces of contents.

use std::borrow::Cow;

use super::Context;
use super::media;
use super::piece::{Inline, Kind, Piece};
use super::turns::own;
use crate::hub::{Part, Text, ToolCall, ToolResult, Turn, Untranslatable, history};
use crate::json::{JsonStr, RawValue};

/// The texts of a system turn, each its own part; bookkeeping of coding clients is left out.
pub(super) fn texts<'r>(cx: &mut Context<'r>, turn: &'r Turn<'r>, place: &str) -> Vec<Piece<'r>> {
    let mut pieces = Vec::new();
    cx.leftovers(place, &turn.ext);
    for part in &turn.parts {
        match part {
            Part::Text(text) if text.text.as_escaped().starts_with(history::BILLING) => {
                cx.losses.drop(format!("{place}.billing"));
            }
            Part::Text(part) => pieces.extend(text(cx, part)),
            Part::Refusal(text) if !text.is_empty() => pieces.push(Piece::text(text.borrowed())),
            Part::Document(_)
            | Part::Image(_)
            | Part::Reasoning(_)
            | Part::Refusal(_)
            | Part::ToolCall(_)
            | Part::ToolResult(_) => cx.losses.drop(format!("{place}.content")),
            Part::Other { kind, .. } => cx.losses.drop(format!("{place}.{kind}")),
        }
    }
    pieces
}

/// Text; an empty one only where it carries a signature.
fn text<'r>(cx: &mut Context<'r>, part: &'r Text<'r>) -> Option<Piece<'r>> {
    if let Some(mark) = &part.cache {
        cx.losses.drop(mark.name());
    }
    cx.leftovers("text", &part.ext);
    let signature = own(cx, part.opaque.as_ref());
    (signature.is_some() || !part.text.is_empty()).then(|| Piece { kind: Kind::Text(part.text.borrowed()), signature })
}

/// A part of an assistant turn, besides calls and reasoning.
pub(super) fn assistant<'r>(cx: &mut Context<'r>, part: &'r Part<'r>) -> Vec<Piece<'r>> {
    match part {
        Part::Text(part) => text(cx, part).into_iter().collect(),
        Part::Refusal(text) => {
            cx.losses.approx(format!("{}.refusal", cx.turns));
            (!text.is_blank()).then(|| Piece::text(text.borrowed())).into_iter().collect()
        }
        Part::Image(image) => {
            if let Ok(piece) = media::image(cx, image, "") {
                return vec![piece];
            }
            cx.losses.drop(format!("{}.image", cx.turns));
            Vec::new()
        }
        Part::Other { kind, raw } => other(cx, kind, raw, "").unwrap_or_default(),
        Part::Document(_) | Part::Reasoning(_) | Part::ToolCall(_) | Part::ToolResult(_) => {
            cx.losses.drop(format!("{}.content", cx.turns));
            Vec::new()
        }
    }
}

/// A part of a user turn, besides results.
pub(super) fn user<'r>(
    cx: &mut Context<'r>,
    part: &'r Part<'r>,
    place: &str,
) -> Result<Vec<Piece<'r>>, Untranslatable> {
    Ok(match part {
        Part::Text(part) => text(cx, part).into_iter().collect(),
        Part::Document(document) => media::document(cx, document, place)?,
        Part::Image(image) => vec![media::image(cx, image, place)?],
        Part::Refusal(text) => (!text.is_blank()).then(|| Piece::text(text.borrowed())).into_iter().collect(),
        Part::Other { kind, raw } => other(cx, kind, raw, place)?,
        Part::Reasoning(_) | Part::ToolCall(_) | Part::ToolResult(_) => {
            cx.losses.drop(format!("{}.content", cx.turns));
            Vec::new()
        }
    })
}

/// Kinds without a part of their own in the hub: sound, what server-side tools did, and Gemini's own.
fn other<'r>(
    cx: &mut Context<'r>,
    kind: &str,
    raw: &'r RawValue,
    place: &str,
) -> Result<Vec<Piece<'r>>, Untranslatable> {
    if cx.request.origin == crate::dialect::Dialect::Gemini {
        return Ok(vec![Piece::plain(Kind::Raw(raw))]);
    }
    if kind == "input_audio" {
        return media::audio(raw, place).map(|piece| vec![piece]);
    }
    match history::render(kind, raw) {
        history::Rendered::Nothing if kind == "video_url" => {
            Err(Untranslatable::new(place, "video by address is not supported; send its data"))
        }
        history::Rendered::Nothing => {
            cx.losses.drop(format!("{}.{kind}", cx.turns));
            Ok(Vec::new())
        }
        history::Rendered::Refused(why) => Err(Untranslatable::new(place, why)),
        history::Rendered::Text(text) => {
            cx.losses.approx(format!("{}.{kind}", cx.turns));
            Ok(vec![Piece::text(JsonStr::owned(&text))])
        }
    }
}

/// The text of a result, and the media that came with it.
pub(super) fn result<'r>(
    cx: &mut Context<'r>,
    result: &'r ToolResult<'r>,
    place: &str,
) -> Result<(JsonStr<'r>, Vec<Inline<'r>>), Untranslatable> {
    if let Some(mark) = &result.cache {
        cx.losses.drop(mark.name());
    }
    let (mut texts, mut found) = (Vec::new(), Vec::new());
    for (nth, part) in result.parts.iter().enumerate() {
        for piece in user(cx, part, &format!("{place}.content[{nth}]"))? {
            match piece.kind {
                Kind::Text(text) => texts.push(text),
                Kind::Inline(inline) => found.push(inline),
                Kind::Call { .. } | Kind::File { .. } | Kind::Raw(_) | Kind::Response(_) => {
                    cx.losses.drop(format!("{}.tool_result.content", cx.turns));
                }
            }
        }
    }
    let mut texts = texts.into_iter();
    let mut joined = texts.next().unwrap_or_default();
    for text in texts {
        joined.push(&JsonStr::escape("\n"));
        joined.push(&text);
    }
    Ok((joined, found))
}

/// `args` of a call.
pub(super) fn args<'r>(cx: &mut Context<'r>, call: &'r ToolCall<'r>) -> Cow<'r, str> {
    let (text, wrapped) = call.object();
    if wrapped {
        cx.losses.approx("tool_calls.arguments");
    }
    text
}
