//! Requests from the wire: <https://docs.anthropic.com/en/api/messages>.
//!
//! Members the hub has no field for keep their place in `ext`. What is left of a member that was only partly understood
//! is kept under a dotted name (`thinking.display`), so that it is named exactly when another dialect cannot say it.

use std::borrow::Cow;

use crate::dialect::Dialect;
use crate::hub::{
    CacheMark, Effort, Form, OutputFormat, Part, ReasoningMode, Request, Role, Tool, ToolChoice, ToolKind, Turn,
};
use crate::json::{Ext, JsonStr, Kind, Members, RawValue, WireError, elements, kind};

use super::blocks;

/// Decodes a request body.
pub fn decode_request(body: &str) -> Result<Request<'_>, WireError> {
    decode_members(Members::parse(body)?)
}

/// The same of a body that was taken apart already.
pub fn decode_members(mut m: Members<'_>) -> Result<Request<'_>, WireError> {
    let mut request = Request::new(Dialect::Anthropic);
    m.take("model");
    request.stream = m.take_bool("stream")?.unwrap_or(false);
    request.max_tokens = m.take_u64("max_tokens")?;
    request.system = m.take("system").map(system).transpose()?;
    let messages = m.take("messages").ok_or_else(|| WireError::new("messages", "missing required member"))?;
    for (at, raw) in elements(messages).map_err(|e| e.under("messages"))?.into_iter().enumerate() {
        request.turns.push(turn(raw).map_err(|e| e.under(format!("messages[{at}]")))?);
    }
    for (at, raw) in m.take_array("tools")?.unwrap_or_default().into_iter().enumerate() {
        request.tools.push(tool(raw).map_err(|e| e.under(format!("tools[{at}]")))?);
    }
    request.sampling.temperature = m.take_number("temperature")?;
    request.sampling.top_p = m.take_number("top_p")?;
    request.sampling.top_k = m.take_number("top_k")?;
    request.stop = strings(&mut m, "stop_sequences")?;
    request.service_tier = m.take_str("service_tier")?;
    let mut left = Vec::new();
    tool_choice(&mut m, &mut request, &mut left)?;
    thinking(&mut m, &mut request, &mut left)?;
    output(&mut m, &mut request, &mut left)?;
    if let Some(mut metadata) = m.take_object("metadata")? {
        request.user = metadata.take_str("user_id").map_err(|e| e.under("metadata"))?;
        keep("metadata", metadata, &mut left);
    }
    request.ext = m.into_rest();
    request.ext.append(&mut left);
    Ok(request)
}

fn system(raw: &RawValue) -> Result<Turn<'_>, WireError> {
    let (parts, form) = blocks::content(raw).map_err(|e| e.under("system"))?;
    Ok(Turn { role: Role::System, parts, form, name: None, ext: Ext::new() })
}

fn turn(raw: &RawValue) -> Result<Turn<'_>, WireError> {
    let mut m = Members::of(raw)?;
    let role = match m.need_text("role")?.as_ref() {
        "assistant" => Role::Assistant,
        "system" => Role::System,
        "user" => Role::User,
        other => return Err(WireError::new("role", format!("unknown role `{other}`"))),
    };
    let (parts, form) = match m.take("content") {
        Some(content) => blocks::content(content).map_err(|e| e.under("content"))?,
        None => return Err(WireError::new("content", "missing required member")),
    };
    Ok(Turn { role, parts, form, name: None, ext: m.into_rest() })
}

fn strings<'a>(m: &mut Members<'a>, key: &str) -> Result<Vec<JsonStr<'a>>, WireError> {
    let list = m.take_array(key)?.unwrap_or_default();
    list.into_iter()
        .enumerate()
        .map(|(at, raw)| {
            JsonStr::from_raw(raw).ok_or_else(|| WireError::new(format!("{key}[{at}]"), "expected a string"))
        })
        .collect()
}

/// A tool without `type`, or of type `custom`, is a function; every other type is hosted or versioned.
fn tool(raw: &RawValue) -> Result<Tool<'_>, WireError> {
    let mut m = Members::of(raw)?;
    match m.take_text("type")?.as_deref() {
        None | Some("custom") => {}
        Some(kind) => {
            let kind = Cow::Owned(kind.to_owned());
            return Ok(Tool::Hosted { kind, name: m.take_str("name")?, raw });
        }
    }
    Ok(Tool::Function {
        name: m.need_str("name")?,
        description: m.take_str("description")?,
        schema: m.take("input_schema").map(Cow::Borrowed),
        strict: m.take_bool("strict")?,
        cache: m.take("cache_control").map(CacheMark),
        ext: m.into_rest(),
    })
}

fn tool_choice<'a>(m: &mut Members<'a>, request: &mut Request<'a>, left: &mut Ext<'a>) -> Result<(), WireError> {
    let Some(raw) = m.take("tool_choice") else { return Ok(()) };
    let under = |e: WireError| e.under("tool_choice");
    let mut choice = Members::of(raw).map_err(under)?;
    request.tool_choice = Some(match choice.need_text("type").map_err(under)?.as_ref() {
        "any" => ToolChoice::Any,
        "auto" => ToolChoice::Auto,
        "none" => ToolChoice::None,
        "tool" => ToolChoice::Named { name: choice.need_str("name").map_err(under)?, kind: ToolKind::Function },
        _ => {
            left.push((Cow::Borrowed("tool_choice"), raw));
            return Ok(());
        }
    });
    request.parallel_tool_calls = choice.take_bool("disable_parallel_tool_use").map_err(under)?.map(|off| !off);
    keep("tool_choice", choice, left);
    Ok(())
}

fn thinking<'a>(m: &mut Members<'a>, request: &mut Request<'a>, left: &mut Ext<'a>) -> Result<(), WireError> {
    let Some(raw) = m.take("thinking") else { return Ok(()) };
    let under = |e: WireError| e.under("thinking");
    let mut thinking = Members::of(raw).map_err(under)?;
    let mode = match thinking.need_text("type").map_err(under)?.as_ref() {
        "adaptive" => ReasoningMode::Adaptive,
        "between_tools" => ReasoningMode::BetweenTools,
        "disabled" => ReasoningMode::Off,
        "enabled" => ReasoningMode::Enabled,
        _ => {
            left.push((Cow::Borrowed("thinking"), raw));
            return Ok(());
        }
    };
    request.reasoning.mode = Some(mode);
    request.reasoning.budget = thinking.take_u64("budget_tokens").map_err(under)?;
    keep("thinking", thinking, left);
    Ok(())
}

/// `output_config`, and `output_format`, the older place of its `format`.
fn output<'a>(m: &mut Members<'a>, request: &mut Request<'a>, left: &mut Ext<'a>) -> Result<(), WireError> {
    let older = m.take("output_format");
    let mut config = m.take_object("output_config")?.unwrap_or_default();
    if let Some(raw) = config.get("effort")
        && let Some(effort) = JsonStr::from_raw(raw).and_then(|word| Effort::parse(&word.text()))
    {
        request.reasoning.effort = Some(effort);
        config.take("effort");
    }
    if let Some(raw) = config.take("format").or(older) {
        request.output = format(raw).map_err(|e| e.under("output_config.format"))?;
    }
    keep("output_config", config, left);
    Ok(())
}

fn format(raw: &RawValue) -> Result<OutputFormat<'_>, WireError> {
    let mut m = Members::of(raw)?;
    if m.need_text("type")? != "json_schema" {
        return Ok(OutputFormat::Other(raw));
    }
    let schema = m.take("schema").ok_or_else(|| WireError::new("schema", "missing required member"))?;
    if kind(schema) != Kind::Object {
        return Err(WireError::new("schema", "expected an object"));
    }
    Ok(OutputFormat::JsonSchema {
        name: None,
        description: None,
        schema: Cow::Borrowed(schema),
        strict: None,
        ext: m.into_rest(),
    })
}

/// Keeps what is left of `parent` under dotted names.
fn keep<'a>(parent: &str, members: Members<'a>, left: &mut Ext<'a>) {
    left.extend(members.into_rest().into_iter().map(|(key, raw)| (Cow::Owned(format!("{parent}.{key}")), raw)));
}

/// Parts without content: a tool result may leave it out.
pub(super) fn absent<'a>() -> (Vec<Part<'a>>, Form) {
    (Vec::new(), Form::Absent)
}
