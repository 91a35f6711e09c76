//! Names and small forms of the wire: <https://platform.openai.com/docs/api-reference/chat/create>.

use std::borrow::Cow;

use crate::json::{Ext, JsonStr, Kind, Members, Obj, RawValue, kind};

/// The object of a whole reply.
pub(super) const COMPLETION: &str = "chat.completion";
/// The object of a streamed piece.
pub(super) const CHUNK: &str = "chat.completion.chunk";
/// Ids of replies start so.
pub(super) const ID_PREFIX: &str = "chatcmpl-";
/// The last event of a stream.
pub(super) const DONE: &str = "[DONE]";
/// How we name state in an envelope in `reasoning_details`.
pub(super) const SEALED_FORMAT: &str = "apex-sealed-v1";
/// How OpenRouter names Anthropic's reasoning in `reasoning_details`.
pub(super) const ANTHROPIC_FORMAT: &str = "anthropic-claude-v1";
/// Longest tool name, and longest call id in practice.
pub(super) const NAME_LIMIT: usize = 64;
/// Kind under which an assistant's earlier audio (`audio: {"id"}`) rides through the hub.
pub(super) const AUDIO: &str = "audio";
/// Kinds of tool calls we do not know ride through the hub under this prefix.
pub(super) const CALL_PREFIX: &str = "tool_calls.";

/// What nobody took. A member that is `null` is an absent one, everywhere in this dialect.
pub(super) fn rest(members: Members<'_>) -> Ext<'_> {
    members.into_rest().into_iter().filter(|(_, v)| kind(v) != Kind::Null).collect()
}

/// Keeps what nobody took of a nested object under dotted names (`function.examples`), so that the same dialect can put
/// it back and any other can name it.
pub(super) fn rest_under<'a>(parent: &str, members: Members<'a>, ext: &mut Ext<'a>) {
    ext.extend(rest(members).into_iter().map(|(k, v)| (Cow::Owned(format!("{parent}.{k}")), v)));
}

/// The members kept under `parent`, without the prefix.
pub(super) fn nested<'e, 'a>(
    ext: &'e Ext<'a>,
    parent: &'e str,
) -> impl Iterator<Item = (&'e str, &'a RawValue)> + use<'e, 'a> {
    ext.iter().filter_map(move |(k, v)| Some((k.strip_prefix(parent)?.strip_prefix('.')?, *v)))
}

/// Writes a string that may be absent.
pub(super) fn maybe(o: &mut Obj<'_>, key: &str, value: Option<&JsonStr<'_>>) {
    if let Some(value) = value {
        o.str(key, value);
    }
}

/// Writes JSON text that may be absent.
pub(super) fn maybe_raw(o: &mut Obj<'_>, key: &str, value: Option<&RawValue>) {
    if let Some(value) = value {
        o.raw(key, value.get());
    }
}

/// Writes kept members.
pub(super) fn members<'m>(o: &mut Obj<'_>, kept: impl IntoIterator<Item = (&'m str, &'m RawValue)>) {
    for (key, value) in kept {
        o.member(key, value.get());
    }
}

/// Kept members as [`members`] takes them.
pub(super) fn pairs<'e, 'a>(ext: &'e Ext<'a>) -> impl Iterator<Item = (&'e str, &'e RawValue)> + use<'e, 'a> {
    ext.iter().map(|(k, v)| (k.as_ref(), *v))
}
