//! Requests from the wire: <https://platform.openai.com/docs/api-reference/chat/create>.
//!
//! `null` means absent and the last of duplicate members counts. What has no field in the hub stays in `ext`, leftovers
//! of nested objects under dotted names.

mod message;
mod part;
mod tool;

use std::borrow::Cow;

use crate::dialect::Dialect;
use crate::hub::{Effort, OutputFormat, Request};
use crate::json::{Ext, JsonStr, Kind, Members, RawValue, WireError, elements, kind};

use super::wire::{rest, rest_under};

/// Decodes a request body.
pub fn decode_request(body: &str) -> Result<Request<'_>, WireError> {
    decode_members(Members::parse(body)?)
}

/// The same of a body that was taken apart already.
pub fn decode_members(mut m: Members<'_>) -> Result<Request<'_>, WireError> {
    let mut left = Ext::new();
    let mut request = Request::new(Dialect::OpenAiChat);
    m.take("model");
    request.stream = m.take_bool("stream")?.unwrap_or(false);
    if let Some(mut options) = m.take_object("stream_options")? {
        request.include_usage =
            options.take_bool("include_usage").map_err(|e| e.under("stream_options"))?.unwrap_or(false);
        rest_under("stream_options", options, &mut left);
    }
    let messages = m.take_array("messages")?.ok_or_else(|| WireError::new("messages", "missing required member"))?;
    request.turns = message::turns(&messages)?;
    tool::decode(&mut m, &mut request, &mut left)?;
    limits(&mut m, &mut request)?;
    sampling(&mut m, &mut request)?;
    if let Some(effort) = m.get("reasoning_effort").and_then(JsonStr::from_raw).and_then(|e| Effort::parse(&e.text())) {
        // A word we do not know stays in `ext`: the same dialect passes it on.
        m.take("reasoning_effort");
        request.reasoning.effort = Some(effort);
    }
    if let Some(raw) = m.take("response_format") {
        request.output = output(raw, &mut left).map_err(|e| e.under("response_format"))?;
    }
    // `user` is the older name; with both present it stays in `ext`.
    request.user = match m.take_str("safety_identifier")? {
        Some(id) => Some(id),
        None => m.take_str("user")?,
    };
    request.service_tier = m.take_str("service_tier")?;
    request.ext = rest(m);
    request.ext.append(&mut left);
    Ok(request)
}

/// `max_completion_tokens` wins over its older name.
fn limits<'a>(m: &mut Members<'a>, request: &mut Request<'a>) -> Result<(), WireError> {
    let older = m.take_u64("max_tokens")?;
    request.max_tokens = m.take_u64("max_completion_tokens")?.or(older);
    request.n = m.take_u64("n")?;
    request.stop = match m.take("stop") {
        None => Vec::new(),
        Some(raw) if kind(raw) == Kind::String => JsonStr::from_raw(raw).into_iter().collect(),
        Some(raw) => elements(raw)
            .map_err(|_| WireError::new("stop", "expected a string or an array of strings"))?
            .into_iter()
            .enumerate()
            .map(|(at, s)| {
                JsonStr::from_raw(s).ok_or_else(|| WireError::new(format!("stop[{at}]"), "expected a string"))
            })
            .collect::<Result<_, _>>()?,
    };
    Ok(())
}

fn sampling<'a>(m: &mut Members<'a>, request: &mut Request<'a>) -> Result<(), WireError> {
    let s = &mut request.sampling;
    s.temperature = m.take_number("temperature")?;
    s.top_p = m.take_number("top_p")?;
    s.top_k = m.take_number("top_k")?;
    s.frequency_penalty = m.take_number("frequency_penalty")?;
    s.presence_penalty = m.take_number("presence_penalty")?;
    s.seed = m.take_number("seed")?;
    Ok(())
}

fn output<'a>(raw: &'a RawValue, left: &mut Ext<'a>) -> Result<OutputFormat<'a>, WireError> {
    let mut m = Members::of(raw)?;
    let format = match m.need_text("type")?.as_ref() {
        "json_object" => OutputFormat::JsonObject,
        "json_schema" => match json_schema(&mut m)? {
            Some(format) => format,
            None => return Ok(OutputFormat::Other(raw)),
        },
        "text" => OutputFormat::Text,
        _ => return Ok(OutputFormat::Other(raw)),
    };
    rest_under("response_format", m, left);
    Ok(format)
}

/// The schema is optional by the reference; without one there is nothing the hub could say.
fn json_schema<'a>(m: &mut Members<'a>) -> Result<Option<OutputFormat<'a>>, WireError> {
    let under = |e: WireError| e.under("json_schema");
    let mut inner =
        m.take_object("json_schema")?.ok_or_else(|| WireError::new("json_schema", "missing required member"))?;
    let Some(schema) = inner.take("schema") else { return Ok(None) };
    Ok(Some(OutputFormat::JsonSchema {
        name: inner.take_str("name").map_err(under)?,
        description: inner.take_str("description").map_err(under)?,
        schema: Cow::Borrowed(schema),
        strict: inner.take_bool("strict").map_err(under)?,
        ext: rest(inner),
    }))
}

/// The `type` of a tagged object.
fn tag<'a>(m: &mut Members<'a>) -> Result<Cow<'a, str>, WireError> {
    m.need_text("type")
}
