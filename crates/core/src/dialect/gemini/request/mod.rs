//! Requests from the wire: <https://ai.google.dev/api/generate-content#request-body>.
//!
//! What the hub has no field for stays in `ext`; what is left of a nested object is kept under a dotted name
//! (`generationConfig.speechConfig`), so that it is named exactly when another dialect cannot say it. Whether the reply is
//! streamed stands in the path and is no part of the body.

mod config;
mod content;
mod tool;

use crate::dialect::Dialect;
use crate::hub::{Form, Part, Request, Role, Text, Turn};
use crate::json::{Ext, JsonStr, Kind, Members, RawValue, WireError, kind};

use super::wire::{has, keep, take, take_list, take_str};
use content::Calls;

pub(super) use content::envelope;

/// Decodes a request body.
pub fn decode_request(body: &str) -> Result<Request<'_>, WireError> {
    decode_members(Members::parse(body)?)
}

/// The same of a body that was taken apart already.
pub fn decode_members(mut m: Members<'_>) -> Result<Request<'_>, WireError> {
    let mut request = Request::new(Dialect::Gemini);
    let mut left = Ext::new();
    m.take("model");
    if has(&m, "cachedContent") {
        return Err(WireError::new("cachedContent", "a cache at Google cannot be read by another provider"));
    }
    request.system = take(&mut m, "systemInstruction").map(system).transpose()?;
    let contents = take_list(&mut m, "contents")?;
    if contents.is_empty() {
        return Err(WireError::new("contents", "contents are required"));
    }
    let mut calls = Calls::default();
    for (at, raw) in contents.into_iter().enumerate() {
        request.turns.push(turn(raw, at, &mut calls).map_err(|e| e.under(format!("contents[{at}]")))?);
    }
    tool::decode(&mut m, &mut request, &mut left)?;
    if let Some(raw) = take(&mut m, "generationConfig") {
        config::decode(raw, &mut request, &mut left).map_err(|e| e.under("generationConfig"))?;
    }
    request.service_tier = take_str(&mut m, "serviceTier")?;
    request.ext = m.into_rest().into_iter().filter(|(_, raw)| kind(raw) != Kind::Null).collect();
    request.ext.append(&mut left);
    Ok(request)
}

/// `systemInstruction`: a content without a role, or a bare string, as some clients send it.
fn system(raw: &RawValue) -> Result<Turn<'_>, WireError> {
    if let Some(text) = JsonStr::from_raw(raw) {
        let parts = vec![Part::Text(Text { text, ..Text::default() })];
        return Ok(Turn { role: Role::System, parts, form: Form::Text, name: None, ext: Ext::new() });
    }
    let under = |e: WireError| e.under("systemInstruction");
    let mut m = Members::of(raw).map_err(under)?;
    m.take("role");
    let parts = content::parts(&mut m, 0, &mut Calls::default()).map_err(under)?;
    Ok(Turn { role: Role::System, parts, form: Form::Parts, name: None, ext: m.into_rest() })
}

fn turn<'a>(raw: &'a RawValue, at: usize, calls: &mut Calls<'a>) -> Result<Turn<'a>, WireError> {
    let mut m = Members::of(raw)?;
    let role = match m.take_text("role")?.as_deref() {
        Some("model") => Role::Assistant,
        // `function` is the older role of responses.
        None | Some("" | "function" | "user") => Role::User,
        Some("system") => Role::System,
        Some(other) => return Err(WireError::new("role", format!("unknown role `{other}`; use user or model"))),
    };
    if role == Role::Assistant {
        calls.step();
    }
    let parts = content::parts(&mut m, at, calls)?;
    let mut ext = Ext::new();
    keep("contents", m, &mut ext);
    Ok(Turn { role, parts, form: Form::Parts, name: None, ext })
}
