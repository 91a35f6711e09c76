//! Free-text tools where a dialect knows functions only: one string, `input`. [`super::Unwrap`] is the way back.

use crate::json::{JsonStr, Members, RawValue, object};

/// Schema of a free-text tool in disguise.
pub const SCHEMA: &str = r#"{"type":"object","properties":{"input":{"type":"string"}},"required":["input"]}"#;

/// `text` as the arguments of such a tool.
pub fn arguments(text: &JsonStr<'_>) -> String {
    let mut out = Vec::new();
    object(&mut out, |o| o.str("input", text));
    String::from_utf8(out).unwrap_or_default()
}

/// The description of a free-text tool, with its grammar in words.
pub fn description<'r>(description: Option<&JsonStr<'r>>, format: Option<&RawValue>) -> Option<JsonStr<'r>> {
    let grammar = format.and_then(|raw| Members::of(raw).ok()).and_then(|mut m| {
        // Chat nests the grammar, Responses does not.
        let mut inner = m.take_object("grammar").ok().flatten().unwrap_or(m);
        Some((inner.take_text("syntax").ok()??, inner.take_text("definition").ok()??))
    });
    let Some((syntax, definition)) = grammar else { return description.cloned() };
    let words = format!("The input must match this {syntax} grammar:\n{definition}");
    Some(match description {
        Some(text) => {
            let mut longer = text.clone().into_owned();
            longer.push(&JsonStr::owned(&format!("\n\n{words}")));
            longer
        }
        None => JsonStr::owned(&words),
    })
}
