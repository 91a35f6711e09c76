//! A whole reply: <https://ai.google.dev/api/generate-content#v1beta.GenerateContentResponse>.

use crate::dialect::ReplyContext;
use crate::hub::arguments::is_sound;
use crate::hub::{Block, Citation, Opaque, Place, Reply, Stop, StopReason, ToolKind};
use crate::json::{Arr, JsonStr, Obj, object, one_line};

/// Encodes a whole reply. A call whose arguments are no JSON object is left out; see [`unsound_call`](crate::hub::arguments::unsound_call).
pub fn encode_reply(reply: &Reply, context: &ReplyContext) -> Vec<u8> {
    let mut out = Vec::with_capacity(1024);
    let mut said = String::new();
    let mut citations: Vec<Citation<'static>> = Vec::new();
    let (mut refused, mut called) = (false, false);
    for block in &reply.blocks {
        match block {
            Block::Text { text, citations: more, .. } => {
                said.push_str(&text.text());
                citations.extend(more.iter().cloned());
            }
            Block::Refusal(text) => {
                refused = true;
                said.push_str(&text.text());
            }
            Block::ToolCall { .. } => called = true,
            Block::Image { .. } | Block::Reasoning { .. } | Block::Redacted { .. } => {}
        }
    }
    let stop = reply.stop.clone().unwrap_or_else(|| Stop::plain(implied(refused, called), JsonStr::default()));
    let stop =
        if refused && stop.reason == StopReason::EndTurn { Stop { reason: StopReason::Refusal, ..stop } } else { stop };
    object(&mut out, |o| {
        o.arr("candidates", |a| {
            a.obj(|o| {
                o.obj("content", |o| {
                    o.arr("parts", |a| parts(reply, context, a));
                    o.text("role", "model");
                });
                super::finish(o, &stop);
                o.uint("index", 0);
                if !citations.is_empty() {
                    super::grounding(&citations, &said, o);
                }
            });
        });
        if !reply.usage.is_unknown() {
            super::usage(&reply.usage, o);
        }
        o.text("modelVersion", &context.client_model);
        o.text("responseId", &context.id);
    });
    out
}

const fn implied(refused: bool, called: bool) -> StopReason {
    match (refused, called) {
        (true, _) => StopReason::Refusal,
        (false, true) => StopReason::ToolCalls,
        (false, false) => StopReason::EndTurn,
    }
}

/// State of reasoning travels on the next call or text, else on an empty text at the end.
fn parts(reply: &Reply, context: &ReplyContext, a: &mut Arr<'_>) {
    let mut waiting: Option<JsonStr<'static>> = None;
    for (nth, block) in reply.blocks.iter().enumerate() {
        match block {
            Block::Reasoning { text, signature } => {
                if context.show_thoughts && !text.is_empty() {
                    a.obj(|o| {
                        o.str("text", text);
                        o.bool("thought", true);
                    });
                }
                carry(signature.as_ref().map(|s| carried(s, Some(text), context)), &mut waiting, a);
            }
            Block::Redacted { data } => carry(Some(carried(data, None, context)), &mut waiting, a),
            Block::Refusal(text) => plain(text, None, a),
            Block::Image { media_type, data } => a.obj(|o| image(media_type, data, o)),
            Block::Text { text, opaque, .. } => {
                let own = opaque.as_ref().map(|state| super::signature(state, Place::LastText, None, context));
                plain(text, own.or_else(|| waiting.take()).as_ref(), a);
            }
            Block::ToolCall { id, name, kind, arguments, opaque } => {
                if *kind == ToolKind::Function && !is_sound(arguments) {
                    continue;
                }
                let own = opaque.as_ref().map(|state| super::signature(state, Place::NextCall, None, context));
                let signature = own.or_else(|| waiting.take());
                a.obj(|o| {
                    o.obj("functionCall", |o| {
                        if id.is_empty() {
                            o.text("id", &minted(context, nth));
                        } else {
                            o.str("id", id);
                        }
                        o.str("name", name);
                        args(*kind, arguments, o);
                    });
                    signed(signature.as_ref(), o);
                });
            }
        }
    }
    if waiting.is_some() {
        plain(&JsonStr::default(), waiting.as_ref(), a);
    }
}

/// State of reasoning whose words are `text`.
pub(super) fn carried(state: &Opaque<'_>, text: Option<&JsonStr<'_>>, context: &ReplyContext) -> JsonStr<'static> {
    super::signature(state, Place::Reasoning, text, context)
}

/// Two states before one part: the first goes on an empty text of its own.
fn carry(next: Option<JsonStr<'static>>, waiting: &mut Option<JsonStr<'static>>, a: &mut Arr<'_>) {
    if next.is_some() {
        plain(&JsonStr::default(), waiting.take().as_ref(), a);
        *waiting = next;
    }
}

fn plain(text: &JsonStr<'_>, signature: Option<&JsonStr<'_>>, a: &mut Arr<'_>) {
    if text.is_empty() && signature.is_none() {
        return;
    }
    a.obj(|o| {
        o.str("text", text);
        signed(signature, o);
    });
}

/// A picture as a part.
pub(super) fn image(media_type: &JsonStr<'_>, data: &JsonStr<'_>, o: &mut Obj<'_>) {
    o.obj("inlineData", |o| {
        o.str("mimeType", media_type);
        o.str("data", data);
    });
}

fn signed(signature: Option<&JsonStr<'_>>, o: &mut Obj<'_>) {
    if let Some(signature) = signature {
        o.str("thoughtSignature", signature);
    }
}

pub(super) fn args(kind: ToolKind, arguments: &JsonStr<'_>, o: &mut Obj<'_>) {
    let text = arguments.text();
    match kind {
        ToolKind::Custom => o.obj("args", |o| o.str("input", arguments)),
        ToolKind::Function if text.trim().is_empty() => o.raw("args", "{}"),
        ToolKind::Function => o.raw("args", &one_line(text.trim())),
    }
}

/// An id for a call whose upstream gave none.
pub(super) fn minted(context: &ReplyContext, nth: usize) -> String {
    format!("call_{}{nth:02}", context.id)
}
