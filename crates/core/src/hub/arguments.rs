//! Arguments of calls as JSON objects, for the dialects that take nothing else.

use std::borrow::Cow;

use http::StatusCode;

use super::{Arguments, Block, ErrorKind, Failure, Reply, StopReason, ToolCall, ToolKind};
use crate::json::{JsonStr, Kind, RawValue, kind, object};

/// Is `text` one JSON object and nothing else?
pub fn is_object(text: &str) -> bool {
    serde_json::from_str::<&RawValue>(text.trim()).is_ok_and(|raw| kind(raw) == Kind::Object)
}

/// Can these arguments of a reply be an object? Nothing at all stands for `{}`.
pub fn is_sound(arguments: &JsonStr<'_>) -> bool {
    let text = arguments.text();
    text.trim().is_empty() || is_object(&text)
}

/// The failure for a call of `name` whose arguments are no object.
pub fn unsound(name: &str) -> Failure {
    let message = format!("the model called the tool `{name}` with arguments that are not a JSON object");
    Failure::upstream(ErrorKind::BadAnswer, StatusCode::BAD_GATEWAY, message)
}

/// The failure to answer with when a call of the reply cannot be said as an object. A call that the token limit cut short
/// is no failure: it is left out, and the reply says why it ended.
pub fn unsound_call(reply: &Reply) -> Option<Failure> {
    let cut =
        reply.stop.as_ref().is_some_and(|s| matches!(s.reason, StopReason::MaxTokens | StopReason::ContextWindow));
    let name = reply.blocks.iter().find_map(|b| match b {
        Block::ToolCall { name, kind: ToolKind::Function, arguments, .. } if !is_sound(arguments) => Some(name.text()),
        Block::Image { .. }
        | Block::Reasoning { .. }
        | Block::Redacted { .. }
        | Block::Refusal(_)
        | Block::Text { .. }
        | Block::ToolCall { .. } => None,
    })?;
    (!cut).then(|| unsound(&name))
}

impl<'a> ToolCall<'a> {
    /// The arguments of a call in the history as one object: their own text where it is one. What is none cannot be sent,
    /// and the caller cannot repair its history, so it is wrapped; then the second says so.
    pub fn object(&self) -> (Cow<'a, str>, bool) {
        if self.kind == ToolKind::Custom {
            let text = match &self.arguments {
                Arguments::Escaped(text) => text.clone(),
                Arguments::Json(raw) => JsonStr::owned(raw.get()),
            };
            return (wrapped("input", &text), false);
        }
        let text: Cow<'a, str> = match &self.arguments {
            Arguments::Escaped(text) => text.clone().into_text(),
            Arguments::Json(raw) => Cow::Borrowed(raw.get()),
        };
        if text.trim().is_empty() {
            (Cow::Borrowed("{}"), false)
        } else if is_object(&text) {
            (text, false)
        } else {
            (wrapped("_invalid_arguments", &JsonStr::owned(&text)), true)
        }
    }
}

fn wrapped<'a>(key: &str, text: &JsonStr<'_>) -> Cow<'a, str> {
    let mut out = Vec::new();
    object(&mut out, |o| o.str(key, text));
    Cow::Owned(String::from_utf8(out).unwrap_or_default())
}
