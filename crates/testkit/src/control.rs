//! The endpoints a test in another process uses; they are not recorded.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use crate::corpus;
use crate::json::{Json, obj};
use crate::script::Script;
use crate::upstream::{Outcome, Recorded, Shared};
use crate::wire::{Framing, Request};

pub(crate) fn answer(request: &Request, shared: &Shared) -> Option<Script> {
    match (request.method.as_str(), request.target.as_str()) {
        (_, "/__health") => Some(Script::json(200, r#"{"ok":true}"#)),
        ("GET", "/__requests") => {
            let all = Json::array(shared.recorded().iter().map(describe));
            Some(Script::json(200, all.into_bytes()))
        }
        ("POST", "/__clear") => {
            shared.clear();
            Some(Script::json(200, r#"{"ok":true}"#))
        }
        ("POST", "/__next") => {
            shared.let_one_pass();
            Some(Script::json(200, r#"{"ok":true}"#))
        }
        ("GET", "/__recordings") => Some(Script::json(200, corpus::listed().to_string())),
        ("POST", "/__judge") => {
            let asked = serde_json::from_slice(&request.body).unwrap_or_default();
            Some(Script::json(200, corpus::judge(&asked).to_string()))
        }
        _ => None,
    }
}

fn describe(request: &Recorded) -> Json {
    let headers = request
        .headers
        .iter()
        .map(|(name, value)| Json::array([name.into(), String::from_utf8_lossy(value).as_ref().into()]));
    obj! {
        "id": request.id,
        "method": &request.method,
        "target": &request.target,
        "version": &request.version,
        "headers": Json::array(headers),
        "framing": framing(&request.framing),
        "connection": request.connection,
        "request_on_connection": request.request_on_connection,
        "outcome": outcome(request.outcome),
        "body": request.body_text(),
        "body_base64": BASE64_STANDARD.encode(&request.body),
    }
}

fn framing(framing: &Framing) -> Json {
    match framing {
        Framing::None => "none".into(),
        Framing::ContentLength => "content-length".into(),
        Framing::Chunked(_) => "chunked".into(),
    }
}

fn outcome(outcome: Outcome) -> Json {
    match outcome {
        Outcome::Incomplete => obj! { "kind": "incomplete" },
        Outcome::Pending => obj! { "kind": "pending" },
        Outcome::Answered { bytes_sent } => obj! { "kind": "answered", "bytes_sent": bytes_sent },
        Outcome::ClientGone { after, bytes_sent } => {
            let after = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
            obj! { "kind": "client_gone", "after_ms": after, "bytes_sent": bytes_sent }
        }
        Outcome::Stopped => obj! { "kind": "stopped" },
    }
}
