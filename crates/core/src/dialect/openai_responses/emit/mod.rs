//! Replies to Responses clients, streamed and whole: <https://platform.openai.com/docs/api-reference/responses/object>.

mod item;
mod stream;

use crate::dialect::ReplyContext;
use crate::hub::{BlockStart, Delta, Event, Reply, Usage};
use crate::json::{JsonStr, Obj, object};

pub use stream::StreamEncoder;

use super::wire::ID_PREFIX;

/// How a reply stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status<'f> {
    Completed,
    /// Code and message.
    Failed(&'f str, &'f str),
    InProgress,
    /// Why.
    Incomplete(&'static str),
}

impl Status<'_> {
    const fn word(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Failed(..) => "failed",
            Self::InProgress => "in_progress",
            Self::Incomplete(_) => "incomplete",
        }
    }
}

/// Encodes a whole reply: what the stream's terminal event would hold, written by the same code.
pub fn encode_reply(reply: &Reply, context: &ReplyContext) -> Vec<u8> {
    let mut encoder = StreamEncoder::new(context.clone());
    let mut stream = Vec::new();
    let mut push = |event: &Event<'_>| {
        stream.clear();
        encoder.push(event, &mut stream);
    };
    push(&Event::Start { id: reply.id.borrowed(), model: reply.model.borrowed(), usage: reply.usage });
    for (key, block) in (0u32..).zip(&reply.blocks) {
        block_events(block, key).iter().for_each(&mut push);
    }
    if let Some(stop) = &reply.stop {
        push(&Event::Stop(stop.clone()));
    }
    encoder.whole()
}

fn block_events(block: &crate::hub::Block, key: u32) -> Vec<Event<'_>> {
    use crate::hub::Block;
    let delta = |delta| Event::Delta { key, delta };
    let mut events = Vec::with_capacity(4);
    let start = match block {
        Block::Reasoning { .. } => BlockStart::Reasoning,
        Block::Image { media_type, data } => {
            BlockStart::Image { media_type: media_type.borrowed(), data: data.borrowed() }
        }
        Block::Redacted { data } => BlockStart::Redacted { data: data.clone() },
        Block::Refusal(_) => BlockStart::Refusal,
        Block::Text { .. } => BlockStart::Text,
        Block::ToolCall { id, name, kind, opaque, .. } => {
            BlockStart::ToolCall { id: id.borrowed(), name: name.borrowed(), kind: *kind, opaque: opaque.clone() }
        }
    };
    events.push(Event::BlockStart { key, block: start });
    match block {
        Block::Reasoning { text, signature } => {
            events.push(delta(Delta::Reasoning(text.borrowed())));
            events.extend(signature.clone().map(|s| delta(Delta::Signature(s))));
        }
        Block::Image { .. } | Block::Redacted { .. } => {}
        Block::Refusal(text) => events.push(delta(Delta::Refusal(text.borrowed()))),
        Block::Text { text, citations, opaque } => {
            events.push(delta(Delta::Text(text.borrowed())));
            events.extend(citations.iter().map(|c| Event::Citation { key, citation: c.clone() }));
            events.extend(opaque.clone().map(|s| delta(Delta::Signature(s))));
        }
        Block::ToolCall { arguments, .. } => events.push(delta(Delta::Arguments(arguments.borrowed()))),
    }
    events.push(Event::BlockStop { key });
    events
}

/// Writes the response object. Members that a reader may look for are there, `null` where they say nothing.
fn response(o: &mut Obj<'_>, context: &ReplyContext, status: Status<'_>, items: &[Vec<u8>], usage: Option<&Usage>) {
    o.text("id", &format!("{ID_PREFIX}{}", context.id));
    o.text("object", "response");
    o.uint("created_at", context.created);
    o.text("status", status.word());
    o.bool("background", false);
    match status {
        Status::Failed(code, message) => o.obj("error", |o| {
            o.text("code", code);
            o.text("message", message);
        }),
        Status::Completed | Status::InProgress | Status::Incomplete(_) => o.null("error"),
    }
    match status {
        Status::Incomplete(reason) => o.obj("incomplete_details", |o| o.text("reason", reason)),
        Status::Completed | Status::Failed(..) | Status::InProgress => o.null("incomplete_details"),
    }
    o.text("model", &context.client_model);
    o.arr("output", |a| {
        items.iter().for_each(|item| a.raw(std::str::from_utf8(item).unwrap_or("null")));
    });
    match &context.echo.previous {
        Some(previous) => o.text("previous_response_id", previous),
        None => o.null("previous_response_id"),
    }
    // What the gateway does, whatever was asked for.
    o.bool("store", context.echo.stored);
    let tier = usage.and_then(|usage| usage.tier);
    for (key, value) in &context.echo.members {
        match tier {
            Some(tier) if *key == "service_tier" => o.text(key, tier.openai()),
            _ => o.raw(key, value),
        }
    }
    match usage {
        Some(usage) => o.obj("usage", |o| write_usage(o, usage)),
        None => o.null("usage"),
    }
}

/// All counters, zero where nothing is known: SDK types ask for every one.
fn write_usage(o: &mut Obj<'_>, usage: &Usage) {
    let (input, output) = (usage.input_total(), usage.output.unwrap_or(0));
    o.uint("input_tokens", input);
    o.obj("input_tokens_details", |o| {
        o.uint("cached_tokens", usage.cache_read.unwrap_or(0));
        o.uint("cache_write_tokens", usage.cache_write.unwrap_or(0));
    });
    o.uint("output_tokens", output);
    o.obj("output_tokens_details", |o| o.uint("reasoning_tokens", usage.reasoning.unwrap_or(0)));
    o.uint("total_tokens", input.saturating_add(output));
}

/// One object as bytes.
fn written(fill: impl FnOnce(&mut Obj<'_>)) -> Vec<u8> {
    let mut out = Vec::new();
    object(&mut out, fill);
    out
}

/// The number of characters, as citations count them.
fn chars(text: &JsonStr<'_>) -> u64 {
    u64::try_from(text.text().chars().count()).unwrap_or(0)
}
