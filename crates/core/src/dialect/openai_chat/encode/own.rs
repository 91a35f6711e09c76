//! Messages of our own dialect, written back as they were.

use crate::dialect::openai_chat::wire::{AUDIO, CALL_PREFIX, maybe, members, nested, pairs};
use crate::hub::{
    Arguments, CacheMark, Document, Form, Image, MediaSource, Part, Reasoning, Request, Role, Text, ToolCall, ToolKind,
    ToolResult, Turn, opaque,
};
use crate::json::{Arr, Ext, Members, Obj, RawValue, elements};

use super::tool::has_member;
use crate::hub::media::to_data_url;

/// All messages, one per turn.
pub(super) fn messages(request: &Request<'_>, a: &mut Arr<'_>) {
    for turn in &request.turns {
        a.obj(|o| message(turn, o));
    }
}

fn message(turn: &Turn<'_>, o: &mut Obj<'_>) {
    o.text("role", role(turn.role));
    match turn.parts.first() {
        Some(Part::ToolResult(ToolResult { call_id, parts, form, .. })) => {
            o.str("tool_call_id", call_id);
            content(parts, *form, o);
        }
        _ => content(&turn.parts, turn.form, o),
    }
    maybe(o, "name", turn.name.as_ref());
    if turn.role == Role::Assistant {
        assistant(turn, o);
    }
    members(o, pairs(&turn.ext));
}

const fn role(role: Role) -> &'static str {
    match role {
        Role::Assistant => "assistant",
        Role::Developer => "developer",
        Role::System => "system",
        Role::Tool => "tool",
        Role::User => "user",
    }
}

fn content(parts: &[Part<'_>], form: Form, o: &mut Obj<'_>) {
    match form {
        Form::Absent => {}
        Form::Null => o.null("content"),
        Form::Parts => o.arr("content", |a| parts.iter().for_each(|p| part(p, a))),
        Form::Text => {
            let text = parts.iter().find_map(|p| if let Part::Text(t) = p { Some(&t.text) } else { None });
            match text {
                Some(text) => o.str("content", text),
                None => o.text("content", ""),
            }
        }
    }
}

/// Members of an assistant message beside its content.
fn assistant(turn: &Turn<'_>, o: &mut Obj<'_>) {
    for part in &turn.parts {
        match part {
            Part::Reasoning(Reasoning::Field { name: "reasoning_details", raw })
                if opaque::may_hold(raw.get().as_bytes()) =>
            {
                o.arr("reasoning_details", |a| unsealed(raw).for_each(|entry| a.raw(entry.get())));
            }
            Part::Reasoning(Reasoning::Field { name, raw }) => o.raw(name, raw.get()),
            Part::Refusal(text) if turn.form != Form::Parts => o.str("refusal", text),
            Part::Other { kind, raw } if kind == AUDIO && !has_member(raw, "type") => o.raw(AUDIO, raw.get()),
            Part::Document(_)
            | Part::Image(_)
            | Part::Other { .. }
            | Part::Reasoning(_)
            | Part::Refusal(_)
            | Part::Text(_)
            | Part::ToolCall(_)
            | Part::ToolResult(_) => {}
        }
    }
    if turn.parts.iter().any(is_call) {
        o.arr("tool_calls", |a| turn.parts.iter().for_each(|p| call(p, a)));
    }
}

fn is_call(part: &Part<'_>) -> bool {
    match part {
        Part::ToolCall(_) => true,
        Part::Other { kind, .. } => kind.starts_with(CALL_PREFIX),
        Part::Document(_)
        | Part::Image(_)
        | Part::Reasoning(_)
        | Part::Refusal(_)
        | Part::Text(_)
        | Part::ToolResult(_) => false,
    }
}

fn call(part: &Part<'_>, a: &mut Arr<'_>) {
    match part {
        Part::ToolCall(call) => a.obj(|o| tool_call(call, o)),
        Part::Other { kind, raw } if kind.starts_with(CALL_PREFIX) => a.raw(raw.get()),
        Part::Document(_)
        | Part::Image(_)
        | Part::Other { .. }
        | Part::Reasoning(_)
        | Part::Refusal(_)
        | Part::Text(_)
        | Part::ToolResult(_) => {}
    }
}

fn tool_call(call: &ToolCall<'_>, o: &mut Obj<'_>) {
    let (kind, body) = match call.kind {
        ToolKind::Custom => ("custom", "input"),
        ToolKind::Function => ("function", "arguments"),
    };
    o.str("id", &call.id);
    o.text("type", kind);
    o.obj(kind, |o| {
        o.str("name", &call.name);
        match &call.arguments {
            Arguments::Escaped(text) => o.str(body, text),
            Arguments::Json(raw) => o.raw(body, raw.get()),
        }
        members(o, nested(&call.ext, kind));
    });
    mark(call.cache, o);
    outer(&call.ext, kind, o);
}

fn part(part: &Part<'_>, a: &mut Arr<'_>) {
    match part {
        Part::Document(document) => a.obj(|o| file(document, o)),
        Part::Image(image) => a.obj(|o| image_url(image, o)),
        Part::Other { kind, .. } if kind.starts_with(CALL_PREFIX) => {}
        Part::Other { kind, raw } if kind == AUDIO && !has_member(raw, "type") => {}
        Part::Other { raw, .. } => a.raw(raw.get()),
        Part::Refusal(text) => a.obj(|o| {
            o.text("type", "refusal");
            o.str("refusal", text);
        }),
        Part::Text(Text { text, cache, ext, .. }) => a.obj(|o| {
            o.text("type", "text");
            o.str("text", text);
            mark(*cache, o);
            members(o, pairs(ext));
        }),
        Part::Reasoning(_) | Part::ToolCall(_) | Part::ToolResult(_) => {}
    }
}

fn image_url(image: &Image<'_>, o: &mut Obj<'_>) {
    o.text("type", "image_url");
    o.obj("image_url", |o| {
        match &image.source {
            MediaSource::Base64 { media_type, data } => o.str("url", &to_data_url(media_type, data)),
            MediaSource::Url(url) => o.str("url", url),
            // The decoder makes no others.
            MediaSource::Blocks(_) | MediaSource::File(_) | MediaSource::Other(_) | MediaSource::Text(_) => {}
        }
        maybe(o, "detail", image.detail.as_ref());
        members(o, nested(&image.ext, "image_url"));
    });
    mark(image.cache, o);
    outer(&image.ext, "image_url", o);
}

fn file(document: &Document<'_>, o: &mut Obj<'_>) {
    o.text("type", "file");
    o.obj("file", |o| {
        maybe(o, "filename", document.title.as_ref());
        match &document.source {
            MediaSource::Base64 { media_type, data } if media_type.is_empty() => o.str("file_data", data),
            MediaSource::Base64 { media_type, data } => o.str("file_data", &to_data_url(media_type, data)),
            MediaSource::File(id) => o.str("file_id", id),
            // The decoder makes no others.
            MediaSource::Blocks(_) | MediaSource::Other(_) | MediaSource::Text(_) | MediaSource::Url(_) => {}
        }
        members(o, nested(&document.ext, "file"));
    });
    mark(document.cache, o);
    outer(&document.ext, "file", o);
}

/// A mark tells by its members which of the two it is.
fn mark(cache: Option<CacheMark<'_>>, o: &mut Obj<'_>) {
    if let Some(mark) = cache {
        o.raw(mark.name(), mark.0.get());
    }
}

/// Members that were not inside `parent`.
fn outer(ext: &Ext<'_>, parent: &str, o: &mut Obj<'_>) {
    let inside = |key: &str| key.strip_prefix(parent).is_some_and(|rest| rest.starts_with('.'));
    members(o, pairs(ext).filter(|(k, _)| !inside(k)));
}

/// Entries that do not hold another dialect's state.
fn unsealed(details: &RawValue) -> impl Iterator<Item = &RawValue> {
    elements(details).unwrap_or_default().into_iter().filter(|entry| {
        let data = Members::of(entry).ok().and_then(|mut m| m.take_str("data").ok()?);
        !data.is_some_and(|data| opaque::is_sealed(&data))
    })
}
