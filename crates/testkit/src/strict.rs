//! What the real providers refuse. A translation that is almost right passes every lenient mock; these are the rules
//! that production requests fail on. Asked for by a `/strict/` in the path.

pub(crate) mod chat;
pub(crate) mod cohere;
pub(crate) mod gemini;
pub(crate) mod messages;
pub(crate) mod responses;

use serde_json::Value;

use crate::ask::text;

/// Why a request is refused, in the provider's words, and the parameter at fault.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) message: String,
    pub(crate) param: Option<String>,
}

type Checked = Result<(), Refusal>;

fn refuse(param: &str, message: impl Into<String>) -> Checked {
    Err(Refusal { status: 400, message: message.into(), param: Some(param.to_owned()) })
}

fn unauthorized(message: &str) -> Checked {
    Err(Refusal { status: 401, message: message.to_owned(), param: None })
}

fn known_members(body: &Value, known: &[&str], say: impl Fn(&str) -> String) -> Checked {
    let Some(members) = body.as_object() else {
        return refuse("", "We could not parse the JSON body of your request.");
    };
    match members.keys().find(|name| !known.contains(&name.as_str())) {
        Some(name) => refuse(name, say(name)),
        None => Ok(()),
    }
}

fn is_name(name: &Value, longest: usize) -> bool {
    let name = text(name);
    let letters = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    letters && !name.is_empty() && name.len() <= longest
}

const IMAGES: [&str; 4] = ["image/gif", "image/jpeg", "image/png", "image/webp"];
