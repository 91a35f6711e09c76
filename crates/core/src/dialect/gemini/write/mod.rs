//! Replies to Gemini clients, streamed and whole.

mod reply;
mod stream;

use crate::dialect::ReplyContext;
use crate::hub::{Citation, Opaque, OpaqueKind, Place, Stop, StopReason, Usage};
use crate::json::{JsonStr, Obj};

use super::wire::encoded;

pub use reply::encode_reply;
pub use stream::StreamEncoder;

/// The word for a stop: <https://ai.google.dev/api/generate-content#FinishReason>. An upstream that speaks this dialect
/// has said it itself.
fn word(stop: &Stop<'_>) -> &'static str {
    match stop.reason {
        StopReason::ContentFilter | StopReason::Refusal => "SAFETY",
        StopReason::ContextWindow | StopReason::MaxTokens => "MAX_TOKENS",
        StopReason::Compaction
        | StopReason::EndTurn
        | StopReason::Pause
        | StopReason::StopSequence
        | StopReason::ToolCalls => "STOP",
    }
}

fn finish(o: &mut Obj<'_>, stop: &Stop<'_>) {
    o.text("finishReason", word(stop));
    if let Some(why) = stop.explanation.as_ref().filter(|why| !why.is_empty()) {
        o.str("finishMessage", why);
    }
}

/// The field is bytes, so an envelope stands in it as base64; SDKs refuse the whole event otherwise.
fn signature(state: &Opaque<'_>, place: Place, text: Option<&JsonStr<'_>>, context: &ReplyContext) -> JsonStr<'static> {
    if state.kind == OpaqueKind::GeminiSignature {
        return state.data.clone().into_owned();
    }
    let mut state = state.clone().into_owned();
    // What it signs must come back word for word, and thoughts may be hidden.
    if state.kind == OpaqueKind::AnthropicSignature && state.text.is_none() {
        state.text = text.map(|t| t.clone().into_owned());
    }
    JsonStr::owned(&encoded(state.seal(&context.provider, &context.upstream_model, place).as_bytes()))
}

/// <https://ai.google.dev/api/generate-content#UsageMetadata>.
fn usage(usage: &Usage, o: &mut Obj<'_>) {
    let (input, output) = (usage.input_total(), usage.output.unwrap_or(0));
    let thoughts = usage.reasoning.unwrap_or(0).min(output);
    o.obj("usageMetadata", |o| {
        o.uint("promptTokenCount", input);
        if let Some(read) = usage.cache_read.filter(|n| *n > 0) {
            o.uint("cachedContentTokenCount", read);
        }
        o.uint("candidatesTokenCount", output - thoughts);
        if thoughts > 0 {
            o.uint("thoughtsTokenCount", thoughts);
        }
        o.uint("totalTokenCount", input.saturating_add(output));
    });
}

/// Sources as Google tells them: chunks, and the ranges of the answer they support, in bytes of `said`.
fn grounding(citations: &[Citation<'_>], said: &str, o: &mut Obj<'_>) {
    let mut chunks: Vec<&Citation<'_>> = Vec::new();
    for citation in citations {
        if !chunks.iter().any(|c| c.url == citation.url) {
            chunks.push(citation);
        }
    }
    o.obj("groundingMetadata", |o| {
        o.arr("groundingChunks", |a| {
            for chunk in &chunks {
                a.obj(|o| {
                    o.obj("web", |o| {
                        o.str("uri", &chunk.url);
                        o.str("title", chunk.title.as_ref().unwrap_or(&chunk.url));
                    });
                });
            }
        });
        o.arr("groundingSupports", |a| {
            for citation in citations {
                let Some((start, end)) = citation.range.and_then(|(start, end)| bytes(said, start, end)) else {
                    continue;
                };
                let index = chunks.iter().position(|c| c.url == citation.url).unwrap_or(0);
                a.obj(|o| {
                    o.obj("segment", |o| {
                        o.raw("startIndex", &start.to_string());
                        o.raw("endIndex", &end.to_string());
                        o.text("text", said.get(start..end).unwrap_or_default());
                    });
                    o.arr("groundingChunkIndices", |a| a.raw(&index.to_string()));
                });
            }
        });
    });
}

/// Characters as bytes.
fn bytes(said: &str, start: u64, end: u64) -> Option<(usize, usize)> {
    let at = |n: u64| {
        let n = usize::try_from(n).ok()?;
        said.char_indices().map(|(at, _)| at).chain([said.len()]).nth(n)
    };
    let range = (at(start)?, at(end)?);
    (range.0 < range.1).then_some(range)
}
