//! Tools and how they are to be called: <https://ai.google.dev/api/caching#Tool>.

use std::borrow::Cow;

use crate::hub::{Request, Tool, ToolChoice, ToolKind};
use crate::json::{Ext, JsonStr, Kind, Members, RawValue, WireError, elements, kind};

use super::super::schema;
use super::super::wire::{keep, need_str, take, take_list, take_object, take_str, take_text};

/// `tools` and `toolConfig`.
pub(super) fn decode<'a>(m: &mut Members<'a>, request: &mut Request<'a>, left: &mut Ext<'a>) -> Result<(), WireError> {
    for (at, raw) in take_list(m, "tools")?.into_iter().enumerate() {
        entry(raw, request).map_err(|e| e.under(format!("tools[{at}]")))?;
    }
    let Some(mut config) = take_object(m, "toolConfig")? else { return Ok(()) };
    if let Some(raw) = take(&mut config, "functionCallingConfig") {
        let under = |e: WireError| e.under("toolConfig.functionCallingConfig");
        choice(raw, request, left).map_err(under)?;
    }
    keep("toolConfig", config, left);
    Ok(())
}

/// One entry holds any number of functions and of Google's own tools, each under its own member.
fn entry<'a>(raw: &'a RawValue, request: &mut Request<'a>) -> Result<(), WireError> {
    let mut m = Members::of(raw)?;
    for (at, raw) in take_list(&mut m, "functionDeclarations")?.into_iter().enumerate() {
        request.tools.push(function(raw).map_err(|e| e.under(format!("functionDeclarations[{at}]")))?);
    }
    for (key, raw) in m.into_rest() {
        if kind(raw) != Kind::Null {
            request.tools.push(Tool::Hosted { kind: key, name: None, raw });
        }
    }
    Ok(())
}

/// Arguments are described in JSON Schema, or in the older subset of `OpenAPI` that is put into JSON Schema here.
fn function(raw: &RawValue) -> Result<Tool<'_>, WireError> {
    let mut m = Members::of(raw)?;
    let name = need_str(&mut m, "name")?;
    let description = take_str(&mut m, "description")?;
    let older = take(&mut m, "parameters");
    let schema = match take(&mut m, "parametersJsonSchema") {
        Some(schema) => Some(Cow::Borrowed(schema)),
        None => older.map(schema::from_openapi),
    };
    let mut ext = Ext::new();
    keep("functionDeclarations", m, &mut ext);
    Ok(Tool::Function { name, description, schema, strict: None, cache: None, ext })
}

fn choice<'a>(raw: &'a RawValue, request: &mut Request<'a>, left: &mut Ext<'a>) -> Result<(), WireError> {
    let mut m = Members::of(raw)?;
    let mode = take_text(&mut m, "mode")?.unwrap_or_default().to_ascii_uppercase();
    let names: Vec<JsonStr<'a>> = match take(&mut m, "allowedFunctionNames") {
        None => Vec::new(),
        Some(list) => elements(list)
            .map_err(|e| e.under("allowedFunctionNames"))?
            .into_iter()
            .filter_map(JsonStr::from_raw)
            .collect(),
    };
    request.tool_choice = match (mode.as_str(), names.as_slice()) {
        ("" | "MODE_UNSPECIFIED", _) => None,
        ("NONE", _) => Some(ToolChoice::None),
        ("ANY", []) => Some(ToolChoice::Any),
        ("ANY", [name]) => Some(ToolChoice::Named { name: name.clone(), kind: ToolKind::Function }),
        ("ANY", _) => Some(ToolChoice::Allowed { required: true, names, raw }),
        ("AUTO" | "VALIDATED", []) => Some(ToolChoice::Auto),
        ("AUTO" | "VALIDATED", _) => Some(ToolChoice::Allowed { required: false, names, raw }),
        _ => return Err(WireError::new("mode", format!("unknown mode `{mode}`"))),
    };
    keep("toolConfig.functionCallingConfig", m, left);
    Ok(())
}
