//! Requests from the wire: <https://platform.openai.com/docs/api-reference/responses/create>.
//!
//! Items become turns: what the assistant did between two inputs is one turn, every input a turn of its own. State that
//! only the provider's account holds is refused by name; what has no field in the hub stays in `ext`, leftovers of nested
//! objects under dotted names.

mod item;
mod part;
mod tool;

use crate::dialect::Dialect;
use crate::hub::{Effort, OutputFormat, Request, Role, Turn};
use crate::json::{Ext, JsonStr, Kind, Members, RawValue, WireError, elements, kind};

use super::wire::{ENCRYPTED, rest, rest_under};

pub(super) use tool::{flat_name, lowered};

/// Members that name state at the provider: another one cannot look it up.
const STATE: &[(&str, &str)] = &[
    (
        "previous_response_id",
        "this provider keeps no earlier responses; send the whole conversation in `input`, or let the gateway keep them \
         (`responses.store`)",
    ),
    ("conversation", "this provider keeps no conversations; send the whole conversation in `input`"),
    ("prompt", "this provider knows no stored prompts; send the text itself"),
];

/// Decodes a request body.
pub fn decode_request(body: &str) -> Result<Request<'_>, WireError> {
    decode_members(Members::parse(body)?)
}

/// The same of a body that was taken apart already.
pub fn decode_members(mut m: Members<'_>) -> Result<Request<'_>, WireError> {
    let mut left = Ext::new();
    let mut request = Request::new(Dialect::OpenAiResponses);
    m.take("model");
    for (key, why) in STATE {
        if m.take(key).is_some() {
            return Err(WireError::new(*key, *why));
        }
    }
    if m.take_bool("background")? == Some(true) {
        return Err(WireError::new("background", "this provider answers at once; leave `background` out"));
    }
    request.stream = m.take_bool("stream")?.unwrap_or(false);
    if let Some(mut options) = m.take_object("stream_options")? {
        // A member of Chat that mixed bodies carry.
        request.include_usage = options.take_bool("include_usage").ok().flatten().unwrap_or(false);
    }
    // Nothing is stored here, whatever is asked for; the reply says so. What was not asked for is no loss.
    if m.take_bool("store")? == Some(true) {
        request.losses.drop("store");
    }
    if let Some(instructions) = m.take_str("instructions")? {
        request.system = Some(Turn {
            role: Role::System,
            parts: vec![part::text(instructions)],
            form: crate::hub::Form::Text,
            name: None,
            ext: Ext::new(),
        });
    }
    tool::distinct(m.get("tools"), m.get("input"))?;
    tool::decode(&mut m, &mut request, &mut left)?;
    let input = m.take("input").ok_or_else(|| WireError::new("input", "missing required member"))?;
    item::decode(input, &mut request)?;
    settings(&mut m, &mut request, &mut left)?;
    request.ext = rest(m);
    request.ext.append(&mut left);
    Ok(request)
}

fn settings<'a>(m: &mut Members<'a>, request: &mut Request<'a>, left: &mut Ext<'a>) -> Result<(), WireError> {
    let older = m.take_u64("max_tokens")?.or(m.take_u64("max_completion_tokens")?);
    request.max_tokens = m.take_u64("max_output_tokens")?.or(older);
    request.sampling.temperature = m.take_number("temperature")?;
    request.sampling.top_p = m.take_number("top_p")?;
    let older = m.take_str("user")?;
    request.user = m.take_str("safety_identifier")?.or(older);
    request.service_tier = m.take_str("service_tier")?;
    if let Some(reasoning) = m.take_object("reasoning")? {
        self::reasoning(reasoning, request, left);
    }
    if let Some(text) = m.take_object("text")? {
        self::text(text, request, left).map_err(|e| e.under("text"))?;
    }
    // Sent back whether or not it is asked for, as OpenAI itself does.
    if let Some(include) = m.get("include") {
        let others = elements(include).map_err(|e| e.under("include"))?;
        if others.iter().all(|i| JsonStr::from_raw(i).is_some_and(|i| i == ENCRYPTED)) {
            m.take("include");
        }
    }
    // The default of `truncation`, said aloud.
    if m.get("truncation").is_some_and(|t| t.get() == "\"disabled\"") {
        m.take("truncation");
    }
    Ok(())
}

fn reasoning<'a>(mut m: Members<'a>, request: &mut Request<'a>, left: &mut Ext<'a>) {
    if let Some(effort) = m.get("effort").and_then(JsonStr::from_raw).and_then(|e| Effort::parse(&e.text())) {
        m.take("effort");
        request.reasoning.effort = Some(effort);
    }
    rest_under("reasoning", m, left);
}

/// `text.format` is flat: <https://platform.openai.com/docs/guides/structured-outputs?api-mode=responses>.
fn text<'a>(mut m: Members<'a>, request: &mut Request<'a>, left: &mut Ext<'a>) -> Result<(), WireError> {
    if let Some(raw) = m.take("format") {
        request.output = format(raw).map_err(|e| e.under("format"))?;
    }
    rest_under("text", m, left);
    Ok(())
}

fn format(raw: &RawValue) -> Result<OutputFormat<'_>, WireError> {
    let mut m = Members::of(raw)?;
    Ok(match m.need_text("type")?.as_ref() {
        "json_object" => OutputFormat::JsonObject,
        "json_schema" => {
            let schema = m.take("schema").ok_or_else(|| WireError::new("schema", "missing required member"))?;
            if kind(schema) != Kind::Object {
                return Err(WireError::new("schema", "expected an object"));
            }
            OutputFormat::JsonSchema {
                name: m.take_str("name")?,
                description: m.take_str("description")?,
                schema: std::borrow::Cow::Borrowed(schema),
                strict: m.take_bool("strict")?,
                ext: rest(m),
            }
        }
        "text" => OutputFormat::Text,
        _ => OutputFormat::Other(raw),
    })
}

/// A place or member as Chat and Messages name it, in this dialect's terms: turn `n` began with item `places[n]`.
pub fn own_terms(name: &str, places: &[usize]) -> String {
    const MEMBERS: &[(&str, &str)] = &[
        ("max_completion_tokens", "max_output_tokens"),
        ("max_tokens", "max_output_tokens"),
        ("reasoning_effort", "reasoning.effort"),
        ("response_format", "text.format"),
        ("messages", "input"),
        ("system", "instructions"),
    ];
    let Some((from, to)) = MEMBERS
        .iter()
        .find(|(from, _)| name.strip_prefix(from).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '['])))
    else {
        return name.replace(".function.", ".");
    };
    let rest = name.get(from.len()..).unwrap_or_default();
    let turn = rest.strip_prefix('[').and_then(|r| r.split_once(']'));
    match turn.and_then(|(n, rest)| Some((places.get(n.parse::<usize>().ok()?)?, rest))) {
        Some((item, rest)) => format!("{to}[{item}]{rest}"),
        None => format!("{to}{rest}"),
    }
}
