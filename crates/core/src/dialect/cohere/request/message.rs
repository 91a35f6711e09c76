//! Messages: <https://docs.cohere.com/v2/reference/chat#request.body.messages>.

use std::borrow::Cow;

use crate::hub::media::{data_url, inside};
use crate::hub::{
    Arguments, Form, Image, MediaSource, Opaque, OpaqueKind, Part, Reasoning, Role, Text, ToolCall, ToolKind,
    ToolResult, Turn, opaque,
};
use crate::json::{Ext, JsonStr, Kind, Members, RawValue, WireError, elements, kind};

use super::super::wire::{STATE, THINKING, keep};
use super::document;

/// One message.
pub(super) fn turn(raw: &RawValue) -> Result<Turn<'_>, WireError> {
    let mut m = Members::of(raw)?;
    match m.need_text("role")?.as_ref() {
        "assistant" => assistant(m),
        "system" => spoken(Role::System, m),
        "tool" => result(m),
        "user" => spoken(Role::User, m),
        other => Err(WireError::new("role", format!("unknown role `{other}`; use system, user, assistant or tool"))),
    }
}

/// The content member: a string, parts, or nothing.
fn content<'a>(m: &mut Members<'a>) -> Result<(Vec<Part<'a>>, Form), WireError> {
    let Some(raw) = m.take("content") else { return Ok((Vec::new(), Form::Absent)) };
    match kind(raw) {
        Kind::String => {
            let text = JsonStr::from_raw(raw).unwrap_or_default();
            Ok((vec![Part::Text(Text { text, ..Text::default() })], Form::Text))
        }
        Kind::Array => {
            let mut parts = Vec::new();
            for (at, raw) in elements(raw).map_err(|e| e.under("content"))?.into_iter().enumerate() {
                part(raw, &mut parts).map_err(|e| e.under(format!("content[{at}]")))?;
            }
            Ok((parts, Form::Parts))
        }
        Kind::Bool | Kind::Null | Kind::Number | Kind::Object => {
            Err(WireError::new("content", "expected a string or an array of parts"))
        }
    }
}

/// One part, with the state that travels on it. A kind we do not know is kept as it is.
fn part<'a>(raw: &'a RawValue, parts: &mut Vec<Part<'a>>) -> Result<(), WireError> {
    let mut m = Members::of(raw)?;
    let kind = m.need_text("type")?;
    let mut ext = Ext::new();
    match kind.as_ref() {
        "document" => {
            let mut inner =
                m.take_object("document")?.ok_or_else(|| WireError::new("document", "missing required member"))?;
            let data = inner.take("data").ok_or_else(|| WireError::new("document.data", "missing required member"))?;
            let text = document::text(data).map_err(|e| e.under("document"))?;
            keep("document", inner, &mut ext);
            keep("", m, &mut ext);
            parts.push(Part::Text(Text { text, ext, ..Text::default() }));
        }
        "image_url" => parts.push(Part::Image(image(m)?)),
        "text" => {
            let text = m.need_str("text")?;
            let state = state(&mut m);
            keep("", m, &mut ext);
            restore(state, parts, |opaque| Part::Text(Text { text, opaque, cache: None, ext }));
        }
        THINKING => {
            let text = m.need_str(THINKING)?;
            parts.push(Part::Reasoning(if let Some(state) = state(&mut m) {
                signed(state, text)
            } else {
                keep("", m, &mut ext);
                Reasoning::Thinking { text, signature: None, ext }
            }));
        }
        _ => parts.push(Part::Other { kind: Cow::Owned(kind.into_owned()), raw }),
    }
    Ok(())
}

/// `image_url` is an object; a bare string is taken too.
fn image(mut m: Members<'_>) -> Result<Image<'_>, WireError> {
    let raw = m.take("image_url").ok_or_else(|| WireError::new("image_url", "missing required member"))?;
    let mut ext = Ext::new();
    let (url, detail) = if let Some(url) = inside(raw) {
        (url, None)
    } else {
        let mut inner = Members::of(raw).map_err(|_| WireError::new("image_url", "expected an object"))?;
        let url = inner.take("url").and_then(inside);
        let url = url.ok_or_else(|| WireError::new("image_url.url", "expected a string"))?;
        let detail = inner.take_str("detail").map_err(|e| e.under("image_url"))?;
        keep("image_url", inner, &mut ext);
        (url, detail)
    };
    let source = match data_url(url) {
        Some((media_type, data)) => MediaSource::Base64 { media_type, data },
        None => MediaSource::Url(JsonStr::written(url)),
    };
    keep("", m, &mut ext);
    Ok(Image { source, detail, cache: None, ext })
}

fn spoken(role: Role, mut m: Members<'_>) -> Result<Turn<'_>, WireError> {
    let (parts, form) = content(&mut m)?;
    if form == Form::Absent {
        return Err(WireError::new("content", "missing required member"));
    }
    let mut ext = Ext::new();
    keep("", m, &mut ext);
    Ok(Turn { role, parts, form, name: None, ext })
}

fn result(mut m: Members<'_>) -> Result<Turn<'_>, WireError> {
    let call_id = m.need_str("tool_call_id")?;
    let (parts, form) = content(&mut m)?;
    let result = ToolResult { call_id, parts, form, is_error: None, cache: None, ext: Ext::new() };
    let mut ext = Ext::new();
    keep("", m, &mut ext);
    Ok(Turn { role: Role::Tool, parts: vec![Part::ToolResult(result)], form, name: None, ext })
}

/// The plan first, then what was thought and said, then the calls: the order in which the model produced them.
fn assistant(mut m: Members<'_>) -> Result<Turn<'_>, WireError> {
    let mut parts = Vec::new();
    if let Some(text) = m.take_str("tool_plan")?.filter(|plan| !plan.is_empty()) {
        parts.push(Part::Reasoning(Reasoning::Thinking { text, signature: None, ext: Ext::new() }));
    }
    let (mut said, form) = content(&mut m)?;
    parts.append(&mut said);
    for (at, raw) in m.take_array("tool_calls")?.unwrap_or_default().into_iter().enumerate() {
        call(raw, &mut parts).map_err(|e| e.under(format!("tool_calls[{at}]")))?;
    }
    // Clients append the reply's message as it is: empty lists carry nothing.
    if m.get("citations").is_some_and(|list| elements(list).is_ok_and(|list| list.is_empty())) {
        m.take("citations");
    }
    let mut ext = Ext::new();
    keep("", m, &mut ext);
    opaque::settle(&mut parts);
    Ok(Turn { role: Role::Assistant, parts, form, name: None, ext })
}

fn call<'a>(raw: &'a RawValue, parts: &mut Vec<Part<'a>>) -> Result<(), WireError> {
    let mut m = Members::of(raw)?;
    let id = m.need_str("id")?;
    m.take("type");
    let under = |e: WireError| e.under("function");
    let mut inner = m.take_object("function")?.ok_or_else(|| WireError::new("function", "missing required member"))?;
    let name = inner.need_str("name").map_err(under)?;
    let arguments = match inner.take("arguments") {
        None => Arguments::Escaped(JsonStr::default()),
        Some(raw) => JsonStr::from_raw(raw).map_or(Arguments::Json(raw), Arguments::Escaped),
    };
    let state = state(&mut m);
    let mut ext = Ext::new();
    keep("function", inner, &mut ext);
    keep("", m, &mut ext);
    restore(state, parts, |opaque| {
        Part::ToolCall(ToolCall { id, name, arguments, kind: ToolKind::Function, opaque, cache: None, ext })
    });
    Ok(())
}

/// State in an envelope of ours. Cohere has none of its own.
fn state(m: &mut Members<'_>) -> Option<Opaque<'static>> {
    let field = m.get(STATE).and_then(JsonStr::from_raw).filter(opaque::is_sealed)?;
    m.take(STATE);
    // An envelope says its kind itself.
    Opaque::read(OpaqueKind::AnthropicSignature, field).map(Opaque::into_owned)
}

/// Puts state where it belongs: a thought signature stays with the text or call it came on, everything else is the
/// reasoning before it, whose words may have been shown.
fn restore<'a>(
    state: Option<Opaque<'static>>,
    parts: &mut Vec<Part<'a>>,
    part: impl FnOnce(Option<Opaque<'a>>) -> Part<'a>,
) {
    match state {
        Some(state) if state.kind != OpaqueKind::GeminiSignature => {
            let shown = match parts.pop() {
                Some(Part::Reasoning(Reasoning::Thinking { text, signature: None, .. })) => text,
                other => {
                    parts.extend(other);
                    JsonStr::default()
                }
            };
            parts.push(Part::Reasoning(signed(state, shown)));
            parts.push(part(None));
        }
        state => parts.push(part(state)),
    }
}

/// Reasoning with its state; `shown` are its words where the state does not hold them.
fn signed<'a>(state: Opaque<'a>, shown: JsonStr<'a>) -> Reasoning<'a> {
    let ext = Ext::new();
    if state.kind == OpaqueKind::AnthropicRedacted {
        return Reasoning::Redacted { data: state, ext };
    }
    let text = state.text.clone().unwrap_or(shown);
    Reasoning::Thinking { text, signature: Some(state), ext }
}
