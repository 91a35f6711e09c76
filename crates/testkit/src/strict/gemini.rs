//! What Google refuses: <https://ai.google.dev/api/generate-content>.
#![expect(clippy::indexing_slicing, reason = "a missing member of a `Value` is null")]

use serde_json::Value;

use super::{Checked, known_members, refuse};
use crate::ask::{array, text};
use crate::upstream::Recorded;

const MEMBERS: [&str; 9] = [
    "cachedContent",
    "contents",
    "generationConfig",
    "labels",
    "safetySettings",
    "serviceTier",
    "systemInstruction",
    "toolConfig",
    "tools",
];

const DATA: [&str; 5] = ["fileData", "functionCall", "functionResponse", "inlineData", "text"];

pub(crate) fn check(request: &Recorded, body: &Value) -> Checked {
    if request.header("x-goog-api-key").is_none() {
        return super::unauthorized("API key not valid. Please pass a valid API key.");
    }
    known_members(body, &MEMBERS, |name| {
        format!("Invalid JSON payload received. Unknown name \"{name}\": Cannot find field.")
    })?;
    let contents = array(&body["contents"]);
    if contents.first().is_none_or(|c| text(&c["role"]) == "model") {
        return refuse("contents", "Please ensure that the first content is a user's.");
    }
    let newest = !request.path().contains("/gemini-2") && !request.path().contains("/gemini-1");
    let (mut asked, mut model) = (0, false);
    for content in contents {
        parts(content)?;
        let count = |member: &str| array(&content["parts"]).iter().filter(|p| !p[member].is_null()).count();
        // Google's SDKs keep every piece of a stream as a content of its own: those of the model are one turn.
        let same = model && text(&content["role"]) == "model";
        model = text(&content["role"]) == "model";
        if !same && count("functionResponse") != asked {
            let what = "Please ensure that the number of function response parts is equal to the number of function \
                        call parts of the function call turn.";
            return refuse("contents", what);
        }
        asked = count("functionCall") + if same { asked } else { 0 };
        let first = array(&content["parts"]).iter().find(|p| !p["functionCall"].is_null());
        if newest && first.is_some_and(|p| text(&p["thoughtSignature"]).is_empty()) {
            return refuse("contents", "Function call is missing a thought_signature in functionCall parts.");
        }
    }
    if asked > 0 {
        return refuse("contents", "A function call must be followed by its response.");
    }
    let thinking = &body["generationConfig"]["thinkingConfig"];
    if !thinking["thinkingBudget"].is_null() && !thinking["thinkingLevel"].is_null() {
        return refuse("generationConfig", "You can only set only one of thinking budget and thinking level.");
    }
    Ok(())
}

fn parts(content: &Value) -> Checked {
    let parts = array(&content["parts"]);
    if parts.is_empty() {
        return refuse("contents", "contents.parts must not be empty.");
    }
    match parts.iter().find(|p| DATA.iter().filter(|d| !p[**d].is_null()).count() != 1) {
        Some(part) => {
            refuse("contents", format!("required oneof field 'data' must have one initialized field: {part}"))
        }
        None => Ok(()),
    }
}
