//! A whole reply.

use crate::dialect::ReplyContext;
use crate::hub::arguments::is_sound;
use crate::hub::media::omitted;
use crate::hub::{Block, Opaque, OpaqueKind, Place, Reply, ToolKind};
use crate::json::{Arr, object};

use super::{has_calls, signature as signed, write_citation, write_stop, write_usage};

/// Encodes a whole reply. A call whose arguments are no JSON object is left out; see [`unsound_call`](crate::hub::arguments::unsound_call).
pub fn encode_reply(reply: &Reply, context: &ReplyContext) -> Vec<u8> {
    let refusal = reply.blocks.iter().find_map(|b| match b {
        Block::Refusal(text) => Some(text),
        Block::Image { .. }
        | Block::Reasoning { .. }
        | Block::Redacted { .. }
        | Block::Text { .. }
        | Block::ToolCall { .. } => None,
    });
    let mut out = Vec::new();
    object(&mut out, |o| {
        o.text("id", &format!("msg_{}", context.id));
        o.text("type", "message");
        o.text("role", "assistant");
        o.text("model", &context.client_model);
        o.arr("content", |a| {
            for (nth, block) in reply.blocks.iter().enumerate() {
                write_block(a, block, nth, context);
            }
        });
        write_stop(o, reply.stop.as_ref(), has_calls(reply), refusal);
        o.obj("usage", |o| write_usage(o, &reply.usage));
    });
    out
}

fn write_block(a: &mut Arr<'_>, block: &Block, nth: usize, context: &ReplyContext) {
    match block {
        Block::Reasoning { text, signature } => {
            if text.is_empty() && signature.is_none() {
                return;
            }
            a.obj(|o| {
                o.text("type", "thinking");
                o.str("thinking", text);
                o.str("signature", &signed(signature.as_ref(), Place::Reasoning, context));
            });
        }
        Block::Redacted { data } if data.kind == OpaqueKind::AnthropicRedacted => a.obj(|o| {
            o.text("type", "redacted_thinking");
            o.str("data", &data.data);
        }),
        Block::Redacted { data } => carrier(a, Some(data), Place::Reasoning, context),
        // What the assistant says is text here.
        Block::Image { media_type, data } => a.obj(|o| {
            o.text("type", "text");
            o.str("text", &omitted(media_type, data));
        }),
        Block::Refusal(text) if !text.is_empty() => a.obj(|o| {
            o.text("type", "text");
            o.str("text", text);
        }),
        Block::Text { text, citations, opaque } => {
            if !text.is_empty() || !citations.is_empty() {
                a.obj(|o| {
                    o.text("type", "text");
                    o.str("text", text);
                    if !citations.is_empty() {
                        o.arr("citations", |a| citations.iter().for_each(|c| a.obj(|o| write_citation(o, c))));
                    }
                });
            }
            carrier(a, opaque.as_ref(), Place::LastText, context);
        }
        Block::Refusal(_) => {}
        Block::ToolCall { id, name, kind, arguments, opaque } => {
            let plain = arguments.text();
            if *kind == ToolKind::Function && !is_sound(arguments) {
                return;
            }
            carrier(a, opaque.as_ref(), Place::NextCall, context);
            a.obj(|o| {
                o.text("type", "tool_use");
                if id.is_empty() {
                    o.text("id", &minted(context, nth));
                } else {
                    o.str("id", id);
                }
                o.str("name", name);
                match kind {
                    ToolKind::Custom => o.obj("input", |o| o.str("input", arguments)),
                    ToolKind::Function if plain.trim().is_empty() => o.raw("input", "{}"),
                    ToolKind::Function => o.raw("input", plain.trim()),
                }
            });
        }
    }
}

/// A thinking block without text that carries another provider's state to the next request.
fn carrier(a: &mut Arr<'_>, state: Option<&Opaque<'_>>, place: Place, context: &ReplyContext) {
    if state.is_some() {
        a.obj(|o| {
            o.text("type", "thinking");
            o.text("thinking", "");
            o.str("signature", &signed(state, place, context));
        });
    }
}

/// An id for a call whose upstream gave none.
pub(super) fn minted(context: &ReplyContext, nth: usize) -> String {
    format!("toolu_{}{nth:02}", context.id)
}
