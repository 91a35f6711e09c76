//! Tools and the choice between them: <https://platform.openai.com/docs/api-reference/responses/create#responses-create-tools>.

use std::borrow::Cow;

use memchr::memmem;

use crate::hub::{CacheMark, Request, Tool, ToolChoice, ToolKind};
use crate::json::{Ext, JsonStr, Kind, Members, RawValue, WireError, elements, kind};

use super::super::wire::{NAMESPACE, rest};

/// A tool that the client itself executes, and whose calls are items of a kind of their own: an ordinary function does
/// as well, and its calls become such items again (<https://platform.openai.com/docs/guides/tools>).
#[derive(Debug)]
pub(in super::super) struct Lowered {
    /// Its `type`, and its name as a function.
    pub(in super::super) kind: &'static str,
    /// The member of its call that holds the arguments.
    pub(in super::super) arguments: &'static str,
    description: &'static str,
    schema: &'static str,
}

const LOWERED: &[Lowered] = &[
    Lowered {
        kind: "apply_patch",
        arguments: "operation",
        description: "Create, update or delete one file.",
        schema: r#"{"type":"object","properties":{"type":{"type":"string","enum":["create_file","update_file","delete_file"]},"path":{"type":"string"},"diff":{"type":"string","description":"The change as a V4A diff; not for delete_file."}},"required":["type","path"]}"#,
    },
    Lowered {
        kind: "local_shell",
        arguments: "action",
        description: "Run a command on the user's machine.",
        schema: r#"{"type":"object","properties":{"command":{"type":"array","items":{"type":"string"},"description":"The program and its arguments."},"working_directory":{"type":"string"},"timeout_ms":{"type":"integer"},"env":{"type":"object","additionalProperties":{"type":"string"}}},"required":["command"]}"#,
    },
    Lowered {
        kind: "shell",
        arguments: "action",
        description: "Run shell commands on the user's machine.",
        schema: r#"{"type":"object","properties":{"commands":{"type":"array","items":{"type":"string"}},"timeout_ms":{"type":"integer"},"max_output_length":{"type":"integer"}},"required":["commands"]}"#,
    },
    Lowered {
        kind: "tool_search",
        arguments: "arguments",
        description: "Search for more tools.",
        schema: r#"{"type":"object","properties":{"query":{"type":"string"},"limit":{"type":"integer"}},"required":["query"]}"#,
    },
];

/// The lowered form of tools of this type.
pub(in super::super) fn lowered(kind: &str) -> Option<&'static Lowered> {
    LOWERED.iter().find(|l| l.kind == kind)
}

/// A tool's name where there are no namespaces.
pub(in super::super) fn flat_name<'a>(namespace: Option<&JsonStr<'_>>, name: JsonStr<'a>) -> JsonStr<'a> {
    match namespace.filter(|n| !n.is_empty()) {
        None => name,
        Some(namespace) => {
            let mut flat = namespace.clone().into_owned();
            flat.push(&JsonStr::written(NAMESPACE));
            flat.push(&name);
            flat
        }
    }
}

/// Tools, tool choice and parallelism.
pub(super) fn decode<'a>(m: &mut Members<'a>, request: &mut Request<'a>, left: &mut Ext<'a>) -> Result<(), WireError> {
    add(m.take_array("tools")?.unwrap_or_default(), "tools", request)?;
    if let Some(raw) = m.take("tool_choice") {
        request.tool_choice = choice(raw).map_err(|e| e.under("tool_choice"))?;
        if request.tool_choice.is_none() {
            left.push((Cow::Borrowed("tool_choice"), raw));
        }
    }
    request.parallel_tool_calls = m.take_bool("parallel_tool_calls")?;
    Ok(())
}

/// Refuses two tools that would have one name once namespaces are flattened: a call could reach the wrong one (pitfall 33).
/// A tool that is listed again is the same one.
pub(super) fn distinct(tools: Option<&RawValue>, input: Option<&RawValue>) -> Result<(), WireError> {
    let flattens = |raw: &&RawValue| memmem::find(raw.get().as_bytes(), b"\"namespace\"").is_some();
    if !tools.iter().chain(&input).any(flattens) {
        return Ok(());
    }
    let mut seen = Vec::new();
    if let Some(list) = tools.filter(|raw| kind(raw) == Kind::Array) {
        names(list, None, &mut seen).map_err(|e| e.under("tools"))?;
    }
    for (at, item) in input.and_then(|raw| elements(raw).ok()).unwrap_or_default().into_iter().enumerate() {
        if let Some(list) = Members::of(item).ok().and_then(|m| m.get("tools")) {
            names(list, None, &mut seen).map_err(|e| e.under(format!("input[{at}].tools")))?;
        }
    }
    Ok(())
}

/// Flat names of tools, and the namespace of each.
fn names(list: &RawValue, namespace: Option<&JsonStr<'_>>, seen: &mut Vec<(String, String)>) -> Result<(), WireError> {
    for (at, tool) in elements(list).unwrap_or_default().into_iter().enumerate() {
        let Ok(mut m) = Members::of(tool) else { continue };
        let Some(name) = m.take_str("name").ok().flatten() else { continue };
        if let Some(inner) = m.get("tools") {
            names(inner, Some(&name), seen).map_err(|e| e.under(format!("[{at}].tools")))?;
            continue;
        }
        let owner = namespace.map_or_else(String::new, |n| n.text().into_owned());
        let flat = flat_name(namespace, name).text().into_owned();
        match seen.iter().find(|(name, _)| *name == flat) {
            Some((_, other)) if *other != owner => {
                let what = format!("`{flat}` would name two tools: this provider knows no namespaces");
                return Err(WireError::new(format!("[{at}].name"), what));
            }
            Some(_) => {}
            None => seen.push((flat, owner)),
        }
    }
    Ok(())
}

/// Adds the tools of a list at `place`. A tool of a known name replaces the earlier one.
pub(super) fn add<'a>(list: Vec<&'a RawValue>, place: &str, request: &mut Request<'a>) -> Result<(), WireError> {
    for (at, raw) in list.into_iter().enumerate() {
        tool(raw, None, request).map_err(|e| e.under(format!("{place}[{at}]")))?;
    }
    Ok(())
}

fn tool<'a>(raw: &'a RawValue, namespace: Option<&JsonStr<'a>>, request: &mut Request<'a>) -> Result<(), WireError> {
    let mut m = Members::of(raw)?;
    let kind = m.need_text("type")?;
    let tool = match kind.as_ref() {
        "custom" => {
            // Chat nests the definition; mixed bodies do so here.
            let mut inner = m.take_object("custom")?.unwrap_or(m);
            let name = flat_name(namespace, inner.need_str("name")?);
            Tool::Custom { name, description: inner.take_str("description")?, format: inner.take("format"), raw }
        }
        "function" => match m.take_object("function")? {
            Some(nested) => function(nested, namespace).map_err(|e| e.under("function"))?,
            None => function(m, namespace)?,
        },
        "namespace" => {
            let name = m.need_str("name")?;
            for (at, inner) in m.take_array("tools")?.unwrap_or_default().into_iter().enumerate() {
                tool(inner, Some(&name), request).map_err(|e| e.under(format!("tools[{at}]")))?;
            }
            return Ok(());
        }
        other => match lowered(other).filter(|l| is_client_side(l, &m)) {
            Some(lowered) => {
                request.losses.approx(format!("tools.{other}"));
                described(lowered, &mut m)?
            }
            None => Tool::Hosted { kind, name: m.take_str("name")?, raw },
        },
    };
    if let Some(name) = named(&tool) {
        let name = name.text().into_owned();
        request.tools.retain(|t| named(t).is_none_or(|n| n.text() != name));
    }
    request.tools.push(tool);
    Ok(())
}

fn named<'t, 'a>(tool: &'t Tool<'a>) -> Option<&'t JsonStr<'a>> {
    match tool {
        Tool::Custom { name, .. } | Tool::Function { name, .. } => Some(name),
        Tool::Hosted { .. } => None,
    }
}

/// Run by the provider, it is none of the client's: a search without `execution: "client"`, a shell in a container.
fn is_client_side(lowered: &Lowered, m: &Members<'_>) -> bool {
    let word = |raw: &RawValue| JsonStr::from_raw(raw).map(|s| s.text().into_owned());
    let place = m.get("environment").and_then(|raw| Members::of(raw).ok()?.get("type").and_then(word));
    let execution = m.get("execution").and_then(word);
    let asks = lowered.kind != "tool_search" || execution.as_deref() == Some("client");
    asks && place.is_none_or(|place| place == "local")
}

fn described<'a>(lowered: &'static Lowered, m: &mut Members<'a>) -> Result<Tool<'a>, WireError> {
    let schema = match m.take("parameters") {
        Some(own) if kind(own) == Kind::Object => own,
        _ => serde_json::from_str(lowered.schema).map_err(|_| WireError::new("parameters", "expected an object"))?,
    };
    Ok(Tool::Function {
        name: JsonStr::written(lowered.kind),
        description: Some(m.take_str("description")?.unwrap_or_else(|| JsonStr::written(lowered.description))),
        schema: Some(Cow::Borrowed(schema)),
        strict: None,
        cache: None,
        ext: Ext::new(),
    })
}

fn function<'a>(mut m: Members<'a>, namespace: Option<&JsonStr<'a>>) -> Result<Tool<'a>, WireError> {
    let name = flat_name(namespace, m.need_str("name")?);
    let description = m.take_str("description")?;
    let schema = m.take_raw_object("parameters")?;
    let schema = schema.map(Cow::Borrowed);
    // Every tool on the list is sent, deferred or not: leaving one out would hide it.
    m.take("defer_loading");
    m.take("type");
    let strict = m.take_bool("strict")?;
    let cache = m.take("prompt_cache_breakpoint").map(CacheMark);
    Ok(Tool::Function { name, description, schema, strict, cache, ext: rest(m) })
}

/// The choice; none if it is one the caller keeps raw.
fn choice(raw: &RawValue) -> Result<Option<ToolChoice<'_>>, WireError> {
    if let Some(word) = JsonStr::from_raw(raw) {
        return Ok(ToolChoice::word(&word.text()));
    }
    let mut m = Members::of(raw).map_err(|_| WireError::new("", "expected a string or an object"))?;
    let kind = m.need_text("type")?;
    Ok(Some(match kind.as_ref() {
        "allowed_tools" => {
            let required = m.take_text("mode")?.as_deref() == Some("required");
            let mut names = Vec::new();
            for (at, tool) in m.take_array("tools")?.unwrap_or_default().into_iter().enumerate() {
                names.push(allowed(tool).map_err(|e| e.under(format!("tools[{at}]")))?);
            }
            ToolChoice::Allowed { required, names, raw }
        }
        "custom" => ToolChoice::Named { name: choice_name(&mut m, "custom")?, kind: ToolKind::Custom },
        "function" => ToolChoice::Named { name: choice_name(&mut m, "function")?, kind: ToolKind::Function },
        other => match lowered(other) {
            Some(lowered) => ToolChoice::Named { name: JsonStr::written(lowered.kind), kind: ToolKind::Function },
            // The answer would hang on a tool that only its provider has.
            None => {
                return Err(WireError::new("", format!("this provider cannot be made to use `{other}`; use \"auto\"")));
            }
        },
    }))
}

/// The name, flat or nested as Chat has it.
fn choice_name<'a>(m: &mut Members<'a>, nested: &str) -> Result<JsonStr<'a>, WireError> {
    let namespace = m.take_str("namespace")?;
    let name = match m.take_object(nested)? {
        Some(mut inner) => inner.need_str("name").map_err(|e| e.under(nested))?,
        None => m.need_str("name")?,
    };
    Ok(flat_name(namespace.as_ref(), name))
}

fn allowed(raw: &RawValue) -> Result<JsonStr<'_>, WireError> {
    let mut m = Members::of(raw)?;
    let kind = m.need_text("type")?;
    match m.take_str("name")? {
        Some(name) => Ok(flat_name(m.take_str("namespace")?.as_ref(), name)),
        None => Ok(JsonStr::owned(&kind)),
    }
}

/// The tools in a list that came in an input item.
pub(super) fn listed<'a>(m: &Members<'a>) -> Result<Vec<&'a RawValue>, WireError> {
    m.get("tools").map_or(Ok(Vec::new()), |raw| elements(raw).map_err(|e| e.under("tools")))
}
