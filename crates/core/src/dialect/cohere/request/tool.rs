//! Tools and the choice between them: <https://docs.cohere.com/docs/tool-use-overview>.

use std::borrow::Cow;

use crate::hub::{Request, Tool, ToolChoice};
use crate::json::{Ext, Members, RawValue, WireError};

use super::super::wire::keep;

/// `tools`, `strict_tools` and `tool_choice`.
pub(super) fn decode<'a>(m: &mut Members<'a>, request: &mut Request<'a>) -> Result<(), WireError> {
    // It holds for all of them.
    let strict = m.take_bool("strict_tools")?;
    for (at, raw) in m.take_array("tools")?.unwrap_or_default().into_iter().enumerate() {
        request.tools.push(tool(raw, strict).map_err(|e| e.under(format!("tools[{at}]")))?);
    }
    request.tool_choice = match m.take_text("tool_choice")?.as_deref() {
        None => None,
        Some("NONE") => Some(ToolChoice::None),
        Some("REQUIRED") => Some(ToolChoice::Any),
        Some(other) => {
            return Err(WireError::new("tool_choice", format!("unknown choice `{other}`; use REQUIRED or NONE")));
        }
    };
    Ok(())
}

fn tool(raw: &RawValue, strict: Option<bool>) -> Result<Tool<'_>, WireError> {
    let mut m = Members::of(raw)?;
    match m.take_text("type")?.as_deref() {
        None | Some("function") => {}
        Some(other) => {
            return Ok(Tool::Hosted { kind: Cow::Owned(other.to_owned()), name: m.take_str("name")?, raw });
        }
    }
    let under = |e: WireError| e.under("function");
    let mut inner = m.take_object("function")?.ok_or_else(|| WireError::new("function", "missing required member"))?;
    let name = inner.need_str("name").map_err(under)?;
    let description = inner.take_str("description").map_err(under)?;
    let schema = inner.take_raw_object("parameters").map_err(under)?;
    let mut ext = Ext::new();
    keep("function", inner, &mut ext);
    keep("", m, &mut ext);
    Ok(Tool::Function { name, description, schema: schema.map(Cow::Borrowed), strict, cache: None, ext })
}
