//! Tools and the choice between them: <https://platform.openai.com/docs/api-reference/chat/create#chat-create-tools>.

use std::borrow::Cow;

use crate::dialect::openai_chat::wire::{rest, rest_under};
use crate::hub::{CacheMark, Request, Tool, ToolChoice, ToolKind};
use crate::json::{Ext, JsonStr, Members, RawValue, WireError};

use super::tag;

/// Tools, tool choice and parallelism, the deprecated spelling (`functions`, `function_call`) included.
pub(super) fn decode<'a>(m: &mut Members<'a>, request: &mut Request<'a>, left: &mut Ext<'a>) -> Result<(), WireError> {
    for (at, raw) in m.take_array("tools")?.unwrap_or_default().into_iter().enumerate() {
        request.tools.push(tool(raw).map_err(|e| e.under(format!("tools[{at}]")))?);
    }
    for (at, raw) in m.take_array("functions")?.unwrap_or_default().into_iter().enumerate() {
        let function = Members::of(raw).and_then(|f| function(f, None, Ext::new()));
        request.tools.push(function.map_err(|e| e.under(format!("functions[{at}]")))?);
    }
    if let Some(raw) = m.take("function_call") {
        request.tool_choice = choice(raw).map_err(|e| e.under("function_call"))?;
        if request.tool_choice.is_none() {
            left.push((Cow::Borrowed("function_call"), raw));
        }
    }
    if let Some(raw) = m.take("tool_choice") {
        request.tool_choice = choice(raw).map_err(|e| e.under("tool_choice"))?;
        if request.tool_choice.is_none() {
            left.push((Cow::Borrowed("tool_choice"), raw));
        }
    }
    request.parallel_tool_calls = m.take_bool("parallel_tool_calls")?;
    Ok(())
}

fn tool(raw: &RawValue) -> Result<Tool<'_>, WireError> {
    let mut m = Members::of(raw)?;
    // Some clients leave the type of a function out, and providers let them.
    let kind = if m.get("type").is_none() && m.get("function").is_some() { "function".into() } else { tag(&mut m)? };
    match kind.as_ref() {
        "custom" => {
            let mut inner =
                m.take_object("custom")?.ok_or_else(|| WireError::new("custom", "missing required member"))?;
            let under = |e: WireError| e.under("custom");
            Ok(Tool::Custom {
                name: inner.need_str("name").map_err(under)?,
                description: inner.take_str("description").map_err(under)?,
                format: inner.take("format"),
                raw,
            })
        }
        "function" => {
            let inner =
                m.take_object("function")?.ok_or_else(|| WireError::new("function", "missing required member"))?;
            let cache = m.take("cache_control").map(CacheMark);
            function(inner, cache, rest(m)).map_err(|e| e.under("function"))
        }
        kind => Ok(Tool::Hosted { kind: Cow::Owned(kind.to_owned()), name: m.take_str("name")?, raw }),
    }
}

fn function<'a>(mut m: Members<'a>, cache: Option<CacheMark<'a>>, mut ext: Ext<'a>) -> Result<Tool<'a>, WireError> {
    let name = m.need_str("name")?;
    let description = m.take_str("description")?;
    let schema = m.take_raw_object("parameters")?;
    let strict = m.take_bool("strict")?;
    rest_under("function", m, &mut ext);
    Ok(Tool::Function { name, description, schema: schema.map(Cow::Borrowed), strict, cache, ext })
}

/// The choice; none if it is one we do not know, which the caller keeps raw.
fn choice(raw: &RawValue) -> Result<Option<ToolChoice<'_>>, WireError> {
    if let Some(word) = JsonStr::from_raw(raw) {
        return Ok(ToolChoice::word(&word.text()));
    }
    let mut m = Members::of(raw).map_err(|_| WireError::new("", "expected a string or an object"))?;
    // The deprecated form is a bare `{"name"}`.
    let kind = m.take_text("type")?.unwrap_or(Cow::Borrowed(if m.get("name").is_some() { "name" } else { "function" }));
    Ok(match kind.as_ref() {
        "allowed_tools" => Some(allowed(m, raw).map_err(|e| e.under("allowed_tools"))?),
        "custom" => Some(ToolChoice::Named { name: named(&mut m, "custom")?, kind: ToolKind::Custom }),
        "function" => Some(ToolChoice::Named { name: named(&mut m, "function")?, kind: ToolKind::Function }),
        "name" => Some(ToolChoice::Named { name: m.need_str("name")?, kind: ToolKind::Function }),
        _ => None,
    })
}

fn named<'a>(m: &mut Members<'a>, key: &str) -> Result<JsonStr<'a>, WireError> {
    let mut inner = m.take_object(key)?.ok_or_else(|| WireError::new(key, "missing required member"))?;
    inner.need_str("name").map_err(|e| e.under(key))
}

/// `{"type": "allowed_tools", "allowed_tools": {"mode", "tools": [{"type", "function": {"name"}}]}}`.
fn allowed<'a>(mut m: Members<'a>, raw: &'a RawValue) -> Result<ToolChoice<'a>, WireError> {
    let mut inner = m.take_object("allowed_tools")?.ok_or_else(|| WireError::new("", "missing required member"))?;
    let required = inner.need_text("mode")? == "required";
    let mut names = Vec::new();
    for (at, tool) in inner.take_array("tools")?.unwrap_or_default().into_iter().enumerate() {
        let mut m = Members::of(tool).map_err(|e| e.under(format!("tools[{at}]")))?;
        let key = if m.get("custom").is_some() { "custom" } else { "function" };
        names.push(named(&mut m, key).map_err(|e| e.under(format!("tools[{at}]")))?);
    }
    Ok(ToolChoice::Allowed { required, names, raw })
}
