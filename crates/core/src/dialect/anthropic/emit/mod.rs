//! Replies to Anthropic clients, streamed and whole.

mod message;
mod stream;

use crate::dialect::ReplyContext;
use crate::hub::{Citation, Opaque, OpaqueKind, Place, Reply, Stop, StopReason, Tier, Usage, opaque};
use crate::json::{JsonStr, Obj, one_line};

pub use message::encode_reply;
pub use stream::StreamEncoder;

/// What `stop_reason` says.
const fn stop_word(reason: StopReason) -> &'static str {
    match reason {
        StopReason::Compaction => "compaction",
        StopReason::ContentFilter | StopReason::Refusal => "refusal",
        StopReason::ContextWindow => "model_context_window_exceeded",
        StopReason::EndTurn => "end_turn",
        StopReason::MaxTokens => "max_tokens",
        StopReason::Pause => "pause_turn",
        StopReason::StopSequence => "stop_sequence",
        StopReason::ToolCalls => "tool_use",
    }
}

/// Writes `stop_reason`, `stop_sequence` and, for refusals, `stop_details`. `refusal` is the text of a refusal block: the
/// upstream may have given it with an ordinary stop reason.
fn write_stop(o: &mut Obj<'_>, stop: Option<&Stop<'_>>, calls: bool, refusal: Option<&JsonStr<'_>>) {
    let reason = match stop.map(|s| s.reason) {
        Some(StopReason::EndTurn) | None if refusal.is_some() => StopReason::Refusal,
        // Only Anthropic says which sequence matched; without it the word means nothing to clients.
        Some(StopReason::StopSequence) if stop.is_some_and(|s| s.sequence.is_none()) => StopReason::EndTurn,
        Some(reason) => reason,
        None if calls => StopReason::ToolCalls,
        None => StopReason::EndTurn,
    };
    o.text("stop_reason", stop_word(reason));
    match stop.and_then(|s| s.sequence.as_ref()) {
        Some(sequence) => o.str("stop_sequence", sequence),
        None => o.null("stop_sequence"),
    }
    if stop_word(reason) != "refusal" {
        return;
    }
    if let Some(details) = stop.and_then(|s| s.details.as_deref()) {
        return o.raw("stop_details", &one_line(details));
    }
    o.obj("stop_details", |o| {
        o.text("type", "refusal");
        o.null("category");
        match stop.and_then(|s| s.explanation.as_ref()).or(refusal.filter(|r| !r.is_empty())) {
            Some(words) => o.str("explanation", words),
            None => o.null("explanation"),
        }
    });
}

/// Writes usage. Coding clients read the cache members from here; SDKs insist on the two totals.
fn write_usage(o: &mut Obj<'_>, usage: &Usage) {
    o.uint("input_tokens", usage.input_uncached.unwrap_or(0));
    o.uint("cache_creation_input_tokens", usage.cache_write.unwrap_or(0));
    o.uint("cache_read_input_tokens", usage.cache_read.unwrap_or(0));
    if usage.cache_write_5m.is_some() || usage.cache_write_1h.is_some() {
        o.obj("cache_creation", |o| {
            o.uint("ephemeral_5m_input_tokens", usage.cache_write_5m.unwrap_or(0));
            o.uint("ephemeral_1h_input_tokens", usage.cache_write_1h.unwrap_or(0));
        });
    }
    o.uint("output_tokens", usage.output.unwrap_or(0));
    if let Some(reasoning) = usage.reasoning {
        o.obj("output_tokens_details", |o| o.uint("thinking_tokens", reasoning));
    }
    if let Some(word) = usage.tier.and_then(Tier::anthropic) {
        o.text("service_tier", word);
    }
}

/// Writes a citation as a web search result's. Its index is an envelope: Anthropic could not check it, so it is taken out
/// again when the conversation comes back.
fn write_citation(o: &mut Obj<'_>, citation: &Citation<'_>) {
    o.text("type", "web_search_result_location");
    o.str("url", &citation.url);
    match &citation.title {
        Some(title) => o.str("title", title),
        None => o.null("title"),
    }
    o.str("cited_text", &citation.cited_text.clone().unwrap_or_default());
    o.text("encrypted_index", opaque::UNSIGNED);
}

/// What clients keep as a signature: Anthropic's own, or an envelope around another provider's state. It goes into a
/// `thinking` block even without text: `redacted_thinking` would be refused on replay just the same, and shown worse.
fn signature<'s>(state: Option<&'s Opaque<'_>>, place: Place, context: &ReplyContext) -> JsonStr<'s> {
    match state {
        Some(state) if state.kind == OpaqueKind::AnthropicSignature => state.data.borrowed(),
        Some(state) => JsonStr::owned(&state.seal(&context.provider, &context.upstream_model, place)),
        None => JsonStr::escape(opaque::UNSIGNED),
    }
}

/// Does the reply hold a call?
fn has_calls(reply: &Reply) -> bool {
    use crate::hub::Block;
    reply.blocks.iter().any(|b| matches!(b, Block::ToolCall { .. }))
}
