//! Replies to the wire, streamed and whole.

mod reply;
mod stream;

pub use reply::encode_reply;
pub use stream::StreamEncoder;

use crate::dialect::ReplyContext;
use crate::dialect::openai_chat::wire::{ANTHROPIC_FORMAT, SEALED_FORMAT, maybe};
use crate::hub::media::to_data_url;
use crate::hub::{Citation, Opaque, OpaqueKind, Place, Stop, StopReason, Usage};
use crate::json::{Arr, JsonStr, Obj, one_line};

/// What a refusal without words says.
const DECLINED: &str = "The request was declined.";

/// The word for a stop. Why exactly it stopped is told beside it.
const fn finish_reason(reason: StopReason) -> &'static str {
    match reason {
        StopReason::Compaction | StopReason::EndTurn | StopReason::Pause | StopReason::StopSequence => "stop",
        StopReason::ContentFilter | StopReason::Refusal => "content_filter",
        StopReason::ContextWindow | StopReason::MaxTokens => "length",
        StopReason::ToolCalls => "tool_calls",
    }
}

/// The finish reason, and what it hides: members beside it that OpenAI does not have and its clients ignore.
fn finish(stop: &Stop<'_>, o: &mut Obj<'_>) {
    let word = finish_reason(stop.reason);
    o.text("finish_reason", word);
    if !stop.native.is_empty() && stop.native != word {
        o.str("native_finish_reason", &stop.native);
    }
    maybe(o, "stop_sequence", stop.sequence.as_ref());
    if let Some(details) = &stop.details {
        o.raw("stop_details", &one_line(details));
    }
}

/// <https://platform.openai.com/docs/api-reference/chat/object#chat-object-usage>: totals that include their parts.
fn usage(usage: &Usage, o: &mut Obj<'_>) {
    let input = usage.input_total();
    let output = usage.output.unwrap_or(0);
    o.uint("prompt_tokens", input);
    o.uint("completion_tokens", output);
    o.uint("total_tokens", input.saturating_add(output));
    o.obj("prompt_tokens_details", |o| {
        o.uint("cached_tokens", usage.cache_read.unwrap_or(0));
        o.uint("cache_write_tokens", usage.cache_write.unwrap_or(0));
    });
    o.obj("completion_tokens_details", |o| o.uint("reasoning_tokens", usage.reasoning.unwrap_or(0)));
}

/// <https://platform.openai.com/docs/api-reference/chat/object#chat-object-choices-message-annotations>.
fn annotations(citations: &[Citation<'_>], a: &mut Arr<'_>) {
    for citation in citations {
        let (start, end) = citation.range.unwrap_or((0, 0));
        a.obj(|o| {
            o.text("type", "url_citation");
            o.obj("url_citation", |o| {
                o.uint("start_index", start);
                o.uint("end_index", end);
                o.str("title", citation.title.as_ref().unwrap_or(&JsonStr::default()));
                o.str("url", &citation.url);
            });
        });
    }
}

/// A picture the model made, as OpenRouter tells it
/// (<https://openrouter.ai/docs/features/multimodal/image-generation>): OpenAI's own Chat has no word for one.
fn image(index: u64, media_type: &JsonStr<'_>, data: &JsonStr<'_>, o: &mut Obj<'_>) {
    o.uint("index", index);
    o.text("type", "image_url");
    o.obj("image_url", |o| o.str("url", &to_data_url(&media_type.text(), data)));
}

/// A signature in `reasoning_details`. The index keeps accumulators from merging two entries.
fn signed(index: u64, text: Option<&JsonStr<'_>>, signature: &Opaque<'_>, context: &ReplyContext, o: &mut Obj<'_>) {
    if signature.kind != OpaqueKind::AnthropicSignature {
        return encrypted(index, signature, context, o);
    }
    o.text("type", "reasoning.text");
    o.uint("index", index);
    o.text("format", ANTHROPIC_FORMAT);
    maybe(o, "text", text);
    o.str("signature", &signature.data);
}

/// The thought signature of a call, where Google's compatible endpoint puts it
/// (<https://ai.google.dev/gemini-api/docs/openai>).
fn call_state(state: Option<&Opaque<'_>>, o: &mut Obj<'_>) {
    if let Some(state) = state.filter(|s| s.kind == OpaqueKind::GeminiSignature) {
        o.obj("extra_content", |o| o.obj("google", |o| o.str("thought_signature", &state.data)));
    }
}

/// State in `reasoning_details`: Anthropic's as OpenRouter tells it, any other in an envelope.
fn encrypted(index: u64, state: &Opaque<'_>, context: &ReplyContext, o: &mut Obj<'_>) {
    o.text("type", "reasoning.encrypted");
    o.uint("index", index);
    if state.kind == OpaqueKind::AnthropicRedacted {
        o.text("format", ANTHROPIC_FORMAT);
        o.str("data", &state.data);
    } else {
        o.text("format", SEALED_FORMAT);
        o.text("data", &state.seal(&context.provider, &context.upstream_model, Place::Reasoning));
    }
}
