//! Messages: <https://platform.openai.com/docs/api-reference/chat/create#chat-create-messages>.

use std::borrow::Cow;

use crate::dialect::openai_chat::wire::{AUDIO, CALL_PREFIX, rest, rest_under};
use crate::hub::{
    Arguments, CacheMark, Form, Opaque, OpaqueKind, Part, Reasoning, Role, ToolCall, ToolKind, ToolResult, Turn, opaque,
};
use crate::json::{Ext, JsonStr, Kind, Members, RawValue, WireError, elements, kind};

use super::part;

/// Members of an assistant message in which look-alikes keep what the model thought.
const REASONING_FIELDS: [&str; 3] = ["reasoning_details", "reasoning_content", "reasoning"];

/// All messages, in order.
pub(super) fn turns<'a>(messages: &[&'a RawValue]) -> Result<Vec<Turn<'a>>, WireError> {
    let mut legacy = Legacy::default();
    messages
        .iter()
        .enumerate()
        .map(|(at, raw)| turn(raw, &mut legacy).map_err(|e| e.under(format!("messages[{at}]"))))
        .collect()
}

/// The old `function_call` has no id: one is made up, and the next `function` message answers it.
#[derive(Debug, Default)]
struct Legacy {
    calls: u32,
}

impl Legacy {
    fn next(&mut self) -> JsonStr<'static> {
        self.calls += 1;
        self.last()
    }

    fn last(&self) -> JsonStr<'static> {
        JsonStr::owned(&format!("call_fn_{}", self.calls))
    }
}

fn turn<'a>(raw: &'a RawValue, legacy: &mut Legacy) -> Result<Turn<'a>, WireError> {
    let mut m = Members::of(raw)?;
    match m.need_text("role")?.as_ref() {
        "assistant" => assistant(m, legacy),
        "developer" => spoken(Role::Developer, m),
        "function" => {
            let call_id = legacy.last();
            m.take("name");
            result(call_id, m)
        }
        "system" => spoken(Role::System, m),
        "tool" => {
            let call_id = m.need_str("tool_call_id")?;
            result(call_id, m)
        }
        "user" => spoken(Role::User, m),
        other => Err(WireError::new("role", format!("unknown role `{other}`"))),
    }
}

/// The content member: a string, parts, `null` or nothing.
fn content<'a>(m: &mut Members<'a>) -> Result<(Vec<Part<'a>>, Form), WireError> {
    let Some(raw) = m.get("content") else { return Ok((Vec::new(), Form::Absent)) };
    m.take("content");
    match kind(raw) {
        Kind::Null => Ok((Vec::new(), Form::Null)),
        Kind::String => Ok((part::text(raw).into_iter().collect(), Form::Text)),
        Kind::Array => {
            let parts = elements(raw).map_err(|e| e.under("content"))?.into_iter().enumerate();
            let parts = parts.map(|(at, p)| part::decode(p).map_err(|e| e.under(format!("content[{at}]"))));
            Ok((parts.collect::<Result<_, _>>()?, Form::Parts))
        }
        Kind::Bool | Kind::Number | Kind::Object => {
            Err(WireError::new("content", "expected a string or an array of parts"))
        }
    }
}

fn spoken(role: Role, mut m: Members<'_>) -> Result<Turn<'_>, WireError> {
    let (parts, form) = content(&mut m)?;
    if form == Form::Absent {
        return Err(WireError::new("content", "missing required member"));
    }
    Ok(Turn { role, parts, form, name: m.take_str("name")?, ext: rest(m) })
}

fn result<'a>(call_id: JsonStr<'a>, mut m: Members<'a>) -> Result<Turn<'a>, WireError> {
    let (parts, form) = content(&mut m)?;
    let result = ToolResult { call_id, parts, form, is_error: None, cache: None, ext: Ext::new() };
    Ok(Turn { role: Role::Tool, parts: vec![Part::ToolResult(result)], form, name: m.take_str("name")?, ext: rest(m) })
}

/// Reasoning first, then what was said, then the calls: the order in which the model produced them.
fn assistant<'a>(mut m: Members<'a>, legacy: &mut Legacy) -> Result<Turn<'a>, WireError> {
    let mut parts = Vec::new();
    for name in REASONING_FIELDS {
        if let Some(raw) = m.take(name) {
            parts.push(Part::Reasoning(Reasoning::Field { name, raw }));
            parts.extend(sealed(raw));
        }
    }
    let (mut said, form) = content(&mut m)?;
    parts.append(&mut said);
    if let Some(refusal) = m.take_str("refusal")? {
        parts.push(Part::Refusal(refusal));
    }
    if let Some(raw) = m.take(AUDIO) {
        parts.push(Part::Other { kind: Cow::Borrowed(AUDIO), raw });
    }
    for (at, raw) in m.take_array("tool_calls")?.unwrap_or_default().into_iter().enumerate() {
        parts.push(call(raw).map_err(|e| e.under(format!("tool_calls[{at}]")))?);
    }
    if let Some(mut old) = m.take_object("function_call")? {
        parts.push(Part::ToolCall(ToolCall {
            id: legacy.next(),
            name: old.need_str("name").map_err(|e| e.under("function_call"))?,
            arguments: arguments(&mut old),
            kind: ToolKind::Function,
            opaque: None,
            cache: None,
            ext: Ext::new(),
        }));
    }
    // Clients append our reply's message as it is: empty lists carry nothing.
    if m.get("annotations").is_some_and(|a| elements(a).is_ok_and(|list| list.is_empty())) {
        m.take("annotations");
    }
    opaque::settle(&mut parts);
    Ok(Turn { role: Role::Assistant, parts, form, name: m.take_str("name")?, ext: rest(m) })
}

/// State of another dialect in entries of `reasoning_details`, as we gave it out.
fn sealed(details: &RawValue) -> Vec<Part<'_>> {
    let fields = elements(details).unwrap_or_default().into_iter().filter_map(|entry| {
        let data = Members::of(entry).ok()?.take_str("data").ok()??;
        Opaque::read(OpaqueKind::OpenRouterDetail, data).filter(|state| !state.model.is_empty())
    });
    fields
        .map(|state| {
            let (text, ext) = (JsonStr::default(), Ext::new());
            Part::Reasoning(Reasoning::Thinking { text, signature: Some(state), ext })
        })
        .collect()
}

fn call(raw: &RawValue) -> Result<Part<'_>, WireError> {
    let mut m = Members::of(raw)?;
    let kind = match m.take_text("type")?.as_deref() {
        // Some clients leave the type out.
        None if m.get("custom").is_some() => ToolKind::Custom,
        None | Some("function") => ToolKind::Function,
        Some("custom") => ToolKind::Custom,
        Some(other) => return Ok(Part::Other { kind: Cow::Owned(format!("{CALL_PREFIX}{other}")), raw }),
    };
    let key = match kind {
        ToolKind::Custom => "custom",
        ToolKind::Function => "function",
    };
    let mut body = m.take_object(key)?.ok_or_else(|| WireError::new(key, "missing required member"))?;
    let name = body.need_str("name").map_err(|e| e.under(key))?;
    let arguments = match kind {
        ToolKind::Custom => Arguments::Escaped(body.take_str("input").map_err(|e| e.under(key))?.unwrap_or_default()),
        ToolKind::Function => arguments(&mut body),
    };
    let id = m.need_str("id")?;
    let opaque = signature(&m, &body);
    let cache = m.take("cache_control").map(CacheMark);
    let mut ext = rest(m);
    rest_under(key, body, &mut ext);
    Ok(Part::ToolCall(ToolCall { id, name, arguments, kind, opaque, cache, ext }))
}

/// The thought signature of a call, where Google's compatible endpoint puts it, and where other tools were seen to
/// (<https://ai.google.dev/gemini-api/docs/openai>). It stays among the members, too: the same dialect sends it on.
fn signature<'a>(call: &Members<'a>, function: &Members<'a>) -> Option<Opaque<'a>> {
    let inside = |m: &Members<'a>, key: &str| m.get(key).and_then(|raw| Members::of(raw).ok());
    let google = inside(call, "extra_content").and_then(|extra| inside(&extra, "google"));
    let fields = inside(call, "provider_specific_fields");
    [google.as_ref(), Some(call), Some(function), fields.as_ref()]
        .into_iter()
        .flatten()
        .find_map(|m| m.get("thought_signature").and_then(JsonStr::from_raw))
        .and_then(|field| Opaque::read(OpaqueKind::GeminiSignature, field))
}

/// Arguments as JSON text in a string; some send the object itself (pitfall 19).
fn arguments<'a>(m: &mut Members<'a>) -> Arguments<'a> {
    match m.take("arguments") {
        None => Arguments::Escaped(JsonStr::default()),
        Some(raw) => JsonStr::from_raw(raw).map_or(Arguments::Json(raw), Arguments::Escaped),
    }
}
