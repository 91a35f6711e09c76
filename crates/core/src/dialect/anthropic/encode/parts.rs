//! Parts of other dialects as Anthropic blocks.

use std::borrow::Cow;

use crate::hub::{Form, Opaque, OpaqueKind, Part, Reasoning, Text, ToolCall, ToolResult, Turn, Untranslatable, opaque};
use crate::json::{Ext, JsonStr, Members, RawValue, elements};

use super::Context;
use super::block::{Block, Content, Kind};
use super::media;

/// The `format` of reasoning entries that are Anthropic's own.
const FORMAT: &str = "anthropic-claude-v1";

/// The text of a system turn, one block per part; empty ones are left out, since Anthropic refuses them.
pub(super) fn texts<'r>(cx: &mut Context<'r>, parts: &'r [Part<'r>], place: &'static str) -> Vec<Block<'r>> {
    let mut blocks = Vec::new();
    for part in parts {
        match part {
            Part::Text(part) => blocks.extend(text(cx, part)),
            Part::Refusal(text) if !text.is_blank() => blocks.push(Block::text(text.clone())),
            Part::Document(_)
            | Part::Image(_)
            | Part::Reasoning(_)
            | Part::Refusal(_)
            | Part::ToolCall(_)
            | Part::ToolResult(_)
            | Part::Other { .. } => cx.losses.drop(place),
        }
    }
    blocks
}

fn text<'r>(cx: &mut Context<'r>, part: &Text<'r>) -> Option<Block<'r>> {
    leftovers(cx, &part.ext);
    if part.opaque.is_some() {
        // Another model's state.
        cx.losses.drop("messages.thoughtSignature");
    }
    let cache = cx.mark(part.cache, &part.ext);
    (!part.text.is_blank()).then(|| Block { kind: Kind::Text(part.text.clone()), cache })
}

/// Names the members of a part that have no place here.
fn leftovers(cx: &mut Context<'_>, ext: &Ext<'_>) {
    for (key, _) in ext.iter().filter(|(key, _)| !is_mark(key)) {
        cx.losses.drop(format!("messages.content.{key}"));
    }
}

/// Members that set a cache breakpoint, in the spellings clients use.
pub(super) fn is_mark(key: &str) -> bool {
    matches!(key, "cache_control" | "prompt_cache_breakpoint")
}

/// The blocks of a user turn. Tool results in it were taken before.
pub(super) fn user<'r>(cx: &mut Context<'r>, turn: &'r Turn<'r>, at: usize) -> Result<Vec<Block<'r>>, Untranslatable> {
    let mut blocks = Vec::new();
    for (nth, part) in turn.parts.iter().enumerate() {
        let place = format!("messages[{at}].content[{nth}]");
        blocks.extend(input_part(cx, part, &place)?);
    }
    Ok(blocks)
}

fn input_part<'r>(cx: &mut Context<'r>, part: &'r Part<'r>, place: &str) -> Result<Option<Block<'r>>, Untranslatable> {
    Ok(match part {
        Part::Document(document) => {
            leftovers(cx, &document.ext);
            let cache = cx.mark(document.cache, &document.ext);
            Some(Block { kind: media::document(document, place)?, cache })
        }
        Part::Image(image) => {
            if image.detail.as_ref().is_some_and(|d| *d != "auto") {
                cx.losses.drop("messages.content.image_url.detail");
            }
            leftovers(cx, &image.ext);
            let cache = cx.mark(image.cache, &image.ext);
            Some(Block { kind: media::image(image, place)?, cache })
        }
        Part::Text(part) => text(cx, part),
        Part::Refusal(text) => (!text.is_blank()).then(|| Block::text(text.clone())),
        Part::Other { kind, .. } if matches!(kind.as_ref(), "audio" | "input_audio" | "video" | "video_url") => {
            return Err(Untranslatable::new(place, format!("`{kind}` is not supported by Anthropic models")));
        }
        Part::Other { kind, .. } => {
            cx.losses.drop(format!("messages.content.{kind}"));
            None
        }
        Part::Reasoning(_) | Part::ToolCall(_) => {
            cx.losses.drop("messages.content");
            None
        }
        Part::ToolResult(_) => None,
    })
}

/// A part of an assistant turn, besides calls and reasoning.
pub(super) fn assistant<'r>(cx: &mut Context<'r>, part: &'r Part<'r>) -> Option<Block<'r>> {
    match part {
        Part::Text(part) => text(cx, part),
        Part::Refusal(text) => {
            cx.losses.approx("messages.refusal");
            (!text.is_blank()).then(|| Block::text(text.clone()))
        }
        Part::Document(_) | Part::Image(_) | Part::ToolCall(_) | Part::ToolResult(_) => {
            // Assistant turns hold no media (version 2026-10-21 refuses documents, every version images).
            cx.losses.drop("messages.content");
            None
        }
        Part::Other { kind, .. } => {
            cx.losses.drop(format!("messages.content.{kind}"));
            None
        }
        Part::Reasoning(Reasoning::Thinking { text, signature: Some(state), .. }) if cx.reads(state) => {
            let text = state.text.as_ref().unwrap_or(text).borrowed();
            Some(Kind::Thinking { text, signature: state.data.borrowed() }.into())
        }
        Part::Reasoning(Reasoning::Redacted { data, .. }) if cx.reads(data) => {
            Some(Kind::Redacted(data.data.borrowed()).into())
        }
        Part::Reasoning(_) => None,
    }
}

/// A result's content in the form it was written (an empty one is left out), and its cache breakpoint: its own, or else
/// one set inside it.
pub(super) fn result<'r>(
    cx: &mut Context<'r>,
    result: &'r ToolResult<'r>,
    at: usize,
) -> Result<(Content<'r>, Option<Cow<'r, str>>), Untranslatable> {
    let mut mark = cx.mark(result.cache, &result.ext);
    for (key, _) in result.ext.iter().filter(|(key, _)| !is_mark(key)) {
        cx.losses.drop(format!("messages.{key}"));
    }
    if let (Form::Text, [Part::Text(text)]) = (result.form, result.parts.as_slice()) {
        let mark = mark.or(cx.mark(text.cache, &text.ext));
        return Ok((if text.text.is_empty() { Content::Absent } else { Content::Text(text.text.clone()) }, mark));
    }
    let mut blocks = Vec::new();
    for (nth, part) in result.parts.iter().enumerate() {
        blocks.extend(input_part(cx, part, &format!("messages[{at}].content[{nth}]"))?);
    }
    for block in &mut blocks {
        mark = mark.or(block.cache.take());
    }
    Ok((if blocks.is_empty() { Content::Absent } else { Content::Blocks(blocks) }, mark))
}

/// `input` of a call.
pub(super) fn input<'r>(cx: &mut Context<'r>, call: &ToolCall<'r>) -> Cow<'r, str> {
    let (text, wrapped) = call.object();
    if wrapped {
        cx.losses.approx("messages.tool_calls.function.arguments");
    }
    text
}

/// Thinking that Anthropic signed, as it came; everything else the model thought is left out.
///
/// Streams of ours carry the text in `reasoning_content` and only the signature in `reasoning_details`, so a lone entry
/// without text takes the text from there. With several there is no telling which text is whose.
pub(super) fn thinking<'r>(cx: &mut Context<'r>, parts: &'r [Part<'r>]) -> Vec<Block<'r>> {
    let mut entries = Vec::new();
    let mut loose: Option<JsonStr<'r>> = None;
    let mut dropped = None;
    for part in parts {
        let Part::Reasoning(reasoning) = part else { continue };
        match reasoning {
            Reasoning::Field { name: "reasoning_details", raw } => {
                for raw in elements(raw).unwrap_or_default() {
                    match Entry::read(raw) {
                        Some(entry) => entries.push(entry),
                        None => dropped = Some("messages.reasoning_details"),
                    }
                }
            }
            Reasoning::Field { name, raw } => {
                loose = loose.or_else(|| JsonStr::from_raw(raw));
                dropped = dropped.or(Some(match *name {
                    "reasoning" => "messages.reasoning",
                    _ => "messages.reasoning_content",
                }));
            }
            // It goes where it stands.
            Reasoning::Thinking { signature: Some(state), .. } | Reasoning::Redacted { data: state, .. }
                if cx.reads(state) => {}
            Reasoning::Thinking { .. } | Reasoning::Redacted { .. } => dropped = Some("messages.thinking"),
        }
    }
    let textless = entries.iter().filter(|e| matches!(e, Entry::Text { text: None, .. })).count();
    let before = entries.len();
    let blocks: Vec<Block<'r>> = entries
        .into_iter()
        .filter_map(|entry| match entry {
            Entry::Redacted(data) => Some(Kind::Redacted(data).into()),
            Entry::Text { text: Some(text), signature } => Some(Kind::Thinking { text, signature }.into()),
            Entry::Text { text: None, signature } if textless == 1 => {
                let text = loose.clone().unwrap_or_default();
                Some(Kind::Thinking { text, signature }.into())
            }
            Entry::Text { text: None, .. } => None,
        })
        .collect();
    if blocks.len() < before {
        cx.losses.drop("messages.reasoning_details");
    }
    if let Some(name) = dropped.filter(|name| blocks.is_empty() || *name == "messages.reasoning_details") {
        cx.losses.drop(name);
    }
    blocks
}

enum Entry<'r> {
    Redacted(JsonStr<'r>),
    Text { text: Option<JsonStr<'r>>, signature: JsonStr<'r> },
}

impl<'r> Entry<'r> {
    /// An entry of `reasoning_details` that Anthropic made and signed.
    fn read(raw: &'r RawValue) -> Option<Self> {
        let mut m = Members::of(raw).ok()?;
        if m.take_str("format").ok()?? != FORMAT {
            return None;
        }
        match m.take_text("type").ok()??.as_ref() {
            "reasoning.encrypted" => Some(Self::Redacted(signed(m.take_str("data").ok()??)?)),
            "reasoning.text" => {
                let signature = signed(m.take_str("signature").ok()??)?;
                Some(Self::Text { text: m.take_str("text").ok()?, signature })
            }
            _ => None,
        }
    }
}

/// Opaque state, unless it is empty or an envelope of ours.
fn signed(field: JsonStr<'_>) -> Option<JsonStr<'_>> {
    (!field.is_empty() && !opaque::is_sealed(&field)).then_some(field)
}

impl Context<'_> {
    /// Is this state Anthropic's, and of this model?
    fn reads(&self, state: &Opaque<'_>) -> bool {
        [OpaqueKind::AnthropicSignature, OpaqueKind::AnthropicRedacted]
            .into_iter()
            .any(|kind| state.fits(kind, self.target.provider, self.target.model))
    }
}
