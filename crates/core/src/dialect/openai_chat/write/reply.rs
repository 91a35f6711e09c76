//! The whole reply: <https://platform.openai.com/docs/api-reference/chat/object>.

use crate::dialect::ReplyContext;
use crate::dialect::openai_chat::wire::{COMPLETION, ID_PREFIX, maybe};
use crate::hub::{Block, Citation, Reply, Stop, StopReason, ToolKind};
use crate::json::{Arr, JsonStr, Obj, object};

/// Writes a whole reply. Members that clients read without asking are present even when they are `null` (pitfall 124).
pub fn encode_reply(reply: &Reply, context: &ReplyContext) -> Vec<u8> {
    let mut body = Vec::with_capacity(1024);
    object(&mut body, |o| {
        o.text("id", &format!("{ID_PREFIX}{}", context.id));
        o.text("object", COMPLETION);
        o.uint("created", context.created);
        o.text("model", &context.client_model);
        o.arr("choices", |a| {
            a.obj(|o| {
                o.uint("index", 0);
                o.obj("message", |o| message(reply, context, o));
                o.null("logprobs");
                match &reply.stop {
                    Some(stop) => super::finish(stop, o),
                    None => super::finish(&Stop::plain(implied(reply), JsonStr::default()), o),
                }
            });
        });
        if !reply.usage.is_unknown() {
            o.obj("usage", |o| super::usage(&reply.usage, o));
        }
        if let Some(tier) = reply.usage.tier {
            o.text("service_tier", tier.openai());
        }
        o.null("system_fingerprint");
    });
    body
}

/// Why a reply ended that does not say so.
fn implied(reply: &Reply) -> StopReason {
    if reply.blocks.iter().any(|b| matches!(b, Block::ToolCall { .. })) {
        StopReason::ToolCalls
    } else {
        StopReason::EndTurn
    }
}

fn message(reply: &Reply, context: &ReplyContext, o: &mut Obj<'_>) {
    let text = said(reply, |b| if let Block::Text { text, .. } = b { Some(text) } else { None });
    let thought = said(reply, |b| if let Block::Reasoning { text, .. } = b { Some(text) } else { None });
    let refusal = said(reply, |b| if let Block::Refusal(text) = b { Some(text) } else { None });
    o.text("role", "assistant");
    nullable("content", text.as_ref(), o);
    let calls = reply.blocks.iter().any(|b| matches!(b, Block::ToolCall { .. }));
    match &reply.stop {
        Some(stop) if refusal.is_none() && text.is_none() && !calls && stop.reason == StopReason::Refusal => {
            match &stop.explanation {
                Some(why) if !why.is_empty() => o.str("refusal", why),
                _ => o.text("refusal", super::DECLINED),
            }
        }
        _ => nullable("refusal", refusal.as_ref(), o),
    }
    maybe(o, "reasoning_content", thought.as_ref());
    if reply.blocks.iter().any(is_opaque) {
        o.arr("reasoning_details", |a| details(reply, context, a));
    }
    if reply.blocks.iter().any(|b| matches!(b, Block::Image { .. })) {
        let images = reply.blocks.iter().filter_map(|block| {
            if let Block::Image { media_type, data } = block { Some((media_type, data)) } else { None }
        });
        o.arr("images", |a| (0u64..).zip(images).for_each(|(at, (t, data))| a.obj(|o| super::image(at, t, data, o))));
    }
    let citations: Vec<Citation<'_>> = reply.blocks.iter().flat_map(cited).cloned().collect();
    o.arr("annotations", |a| super::annotations(&citations, a));
    if calls {
        o.arr("tool_calls", |a| reply.blocks.iter().for_each(|b| call(b, a)));
    }
}

/// All texts of one kind, with nothing between them; none if there is no text.
fn said<'r>(reply: &'r Reply, pick: impl Fn(&'r Block) -> Option<&'r JsonStr<'static>>) -> Option<JsonStr<'r>> {
    let mut all = JsonStr::default();
    reply.blocks.iter().filter_map(pick).for_each(|text| all.push(text));
    (!all.is_empty()).then_some(all)
}

fn nullable(member: &str, text: Option<&JsonStr<'_>>, o: &mut Obj<'_>) {
    match text {
        Some(text) => o.str(member, text),
        None => o.null(member),
    }
}

const fn is_opaque(block: &Block) -> bool {
    matches!(block, Block::Redacted { .. } | Block::Reasoning { signature: Some(_), .. })
}

/// One entry per block with opaque state, in order: what the client sends back for its next turn.
fn details(reply: &Reply, context: &ReplyContext, a: &mut Arr<'_>) {
    let opaque = reply.blocks.iter().filter(|b| is_opaque(b));
    for (index, block) in (0u64..).zip(opaque) {
        match block {
            Block::Reasoning { text, signature: Some(signature) } => {
                a.obj(|o| super::signed(index, Some(text), signature, context, o));
            }
            Block::Redacted { data } => a.obj(|o| super::encrypted(index, data, context, o)),
            Block::Reasoning { signature: None, .. }
            | Block::Image { .. }
            | Block::Refusal(_)
            | Block::Text { .. }
            | Block::ToolCall { .. } => {}
        }
    }
}

fn cited(block: &Block) -> &[Citation<'static>] {
    if let Block::Text { citations, .. } = block { citations } else { &[] }
}

fn call(block: &Block, a: &mut Arr<'_>) {
    let Block::ToolCall { id, name, kind, arguments, opaque } = block else { return };
    a.obj(|o| {
        o.str("id", id);
        match kind {
            ToolKind::Custom => {
                o.text("type", "custom");
                o.obj("custom", |o| {
                    o.str("name", name);
                    o.str("input", arguments);
                });
            }
            ToolKind::Function => {
                o.text("type", "function");
                o.obj("function", |o| {
                    o.str("name", name);
                    if arguments.is_empty() {
                        // Clients parse it: an empty string is no JSON (pitfall 17).
                        o.text("arguments", "{}");
                    } else {
                        o.str("arguments", arguments);
                    }
                });
            }
        }
        super::call_state(opaque.as_ref(), o);
    });
}
