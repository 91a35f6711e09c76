//! Requests from the wire: <https://docs.cohere.com/v2/reference/chat>.
//!
//! `null` means absent and the last of duplicate members counts. What has no field in the hub stays in `ext`, leftovers
//! of nested objects under dotted names. One message is one turn, so that places in errors are the caller's own.

mod document;
mod message;
mod tool;

use std::borrow::Cow;

use crate::dialect::Dialect;
use crate::hub::{OutputFormat, Part, ReasoningMode, Request, Role};
use crate::json::{Ext, JsonStr, Members, RawValue, WireError};

use super::wire::keep;

/// Decodes a request body.
pub fn decode_request(body: &str) -> Result<Request<'_>, WireError> {
    decode_members(Members::parse(body)?)
}

/// The same of a body that was taken apart already.
pub fn decode_members(mut m: Members<'_>) -> Result<Request<'_>, WireError> {
    let mut left = Ext::new();
    let mut request = Request::new(Dialect::Cohere);
    m.take("model");
    request.stream = m.take_bool("stream")?.unwrap_or(false);
    let messages = m.take_array("messages")?.ok_or_else(|| WireError::new("messages", "missing required member"))?;
    for (at, raw) in messages.into_iter().enumerate() {
        request.turns.push(message::turn(raw).map_err(|e| e.under(format!("messages[{at}]")))?);
    }
    ground(&mut m, &mut request)?;
    tool::decode(&mut m, &mut request)?;
    request.max_tokens = m.take_u64("max_tokens")?;
    for (at, raw) in m.take_array("stop_sequences")?.unwrap_or_default().into_iter().enumerate() {
        let text = JsonStr::from_raw(raw);
        request.stop.push(text.ok_or_else(|| WireError::new(format!("stop_sequences[{at}]"), "expected a string"))?);
    }
    sampling(&mut m, &mut request)?;
    if let Some(raw) = m.take("response_format") {
        request.output = output(raw, &mut left).map_err(|e| e.under("response_format"))?;
    }
    if let Some(thinking) = m.take_object("thinking")? {
        reason(thinking, &mut request, &mut left).map_err(|e| e.under("thinking"))?;
    }
    if m.get("logprobs").is_some_and(|raw| raw.get() == "false") {
        m.take("logprobs");
    }
    keep("", m, &mut request.ext);
    request.ext.append(&mut left);
    Ok(request)
}

/// Documents to answer from go before the question: no other dialect has them beside the conversation.
fn ground<'a>(m: &mut Members<'a>, request: &mut Request<'a>) -> Result<(), WireError> {
    let documents = m.take_array("documents")?.unwrap_or_default();
    let mut parts = Vec::with_capacity(documents.len());
    for (at, raw) in documents.into_iter().enumerate() {
        parts.push(Part::Document(document::decode(raw).map_err(|e| e.under(format!("documents[{at}]")))?));
    }
    if parts.is_empty() {
        return Ok(());
    }
    let Some(asked) = request.turns.iter_mut().rfind(|turn| turn.role == Role::User) else {
        return Err(WireError::new("documents", "documents need a message of the user"));
    };
    parts.append(&mut asked.parts);
    asked.parts = parts;
    request.losses.approx("documents");
    Ok(())
}

fn sampling<'a>(m: &mut Members<'a>, request: &mut Request<'a>) -> Result<(), WireError> {
    let s = &mut request.sampling;
    s.temperature = m.take_number("temperature")?;
    s.top_p = m.take_number("p")?;
    s.top_k = m.take_number("k")?;
    // Zero switches it off, which is what everybody else does without it.
    s.top_k = s.top_k.filter(|raw| raw.get().parse::<f64>().is_ok_and(|k| k > 0.0));
    s.frequency_penalty = m.take_number("frequency_penalty")?;
    s.presence_penalty = m.take_number("presence_penalty")?;
    s.seed = m.take_number("seed")?;
    Ok(())
}

/// <https://docs.cohere.com/docs/structured-outputs>: the schema stands beside the type, under a newer and an older name.
fn output<'a>(raw: &'a RawValue, left: &mut Ext<'a>) -> Result<OutputFormat<'a>, WireError> {
    let mut m = Members::of(raw)?;
    let format = match m.need_text("type")?.as_ref() {
        "json_object" => {
            let older = m.take("schema");
            match m.take("json_schema").or(older) {
                None => OutputFormat::JsonObject,
                Some(schema) => OutputFormat::JsonSchema {
                    name: None,
                    description: None,
                    schema: Cow::Borrowed(schema),
                    strict: None,
                    ext: Ext::new(),
                },
            }
        }
        "text" => OutputFormat::Text,
        _ => return Ok(OutputFormat::Other(raw)),
    };
    keep("response_format", m, left);
    Ok(format)
}

/// <https://docs.cohere.com/docs/reasoning>
fn reason<'a>(mut m: Members<'a>, request: &mut Request<'a>, left: &mut Ext<'a>) -> Result<(), WireError> {
    request.reasoning.mode = match m.need_text("type")?.as_ref() {
        "disabled" => Some(ReasoningMode::Off),
        "enabled" => Some(ReasoningMode::Enabled),
        other => return Err(WireError::new("type", format!("unknown type `{other}`; use enabled or disabled"))),
    };
    request.reasoning.budget = m.take_u64("token_budget")?;
    keep("thinking", m, left);
    Ok(())
}
