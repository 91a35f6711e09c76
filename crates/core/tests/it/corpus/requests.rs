//! Requests: none is lost in its own dialect, and what the other one cannot say is told.

use std::collections::BTreeMap;

use apex_core::dialect::{
    Dialect, Encoded, Target, decode_request, encode_request, losses_in_terms_of, rewrite_request,
};
use apex_core::hub::Untranslatable;
use serde_json::value::RawValue;

use super::{Api, Recording, Tally};

const STATE: &[&str] = &["previous_response_id:", "conversation:", "prompt:", "background:"];

/// Written anew for its own provider, a request says the same.
pub(super) fn own_dialect(api: &Api, recording: &Recording, tally: &mut Tally) {
    let Some(body) = &recording.request.body else { return };
    let (id, text) = (recording.id.as_str(), body.get());
    tally.requests += 1;
    match own(api, text) {
        // What its own provider refused need not be understood.
        Err(_) if recording.response.status >= 400 => {}
        Err(why) => tally.fail(id, "own dialect", why.map_or_else(|e| e, |u| u.to_string())),
        Ok(encoded) => {
            let again = Json::of(std::str::from_utf8(&encoded.body).unwrap());
            match lost(&Json::of(text), &again) {
                // What is named is a quirk of this provider's row.
                Some(what) if encoded.losses.is_empty() => tally.fail(id, "own dialect", what),
                _ => tally.same += 1,
            }
        }
    }
}

/// Written for a provider of another dialect, it says the same, or tells what it does not.
pub(super) fn translated(api: &Api, recording: &Recording, tally: &mut Tally) {
    let Some(body) = &recording.request.body else { return };
    let (id, text) = (recording.id.as_str(), body.get());
    tally.requests += 1;
    match encode(api, text, api.other()) {
        Ok(encoded) => {
            tally.translated += 1;
            encoded.losses.iter().for_each(|l| *tally.lost.entry(plain(&l.name)).or_default() += 1);
            silent(api, text, id, tally);
        }
        Err(Ok(refused)) => {
            if recording.response.status < 400 || !refused.param.is_empty() {
                *tally.rejected.entry(plain(&refused.param)).or_default() += 1;
            }
            if refused.param.is_empty() || refused.what.is_empty() {
                tally.fail(id, "rejection", format!("{refused:?}"));
            }
        }
        // What its own provider refused need not be understood.
        Err(Err(_)) if recording.response.status >= 400 => {
            *tally.rejected.entry("(malformed)".into()).or_default() += 1;
        }
        // State that only the account of that provider holds.
        Err(Err(why)) if STATE.iter().any(|s| why.starts_with(s)) => {
            *tally.rejected.entry(why.split(':').next().unwrap_or_default().to_owned()).or_default() += 1;
        }
        Err(Err(why)) => tally.fail(id, "decode", why),
    }
}

/// In its own dialect, written anew.
fn own(api: &Api, text: &str) -> Result<Encoded, Result<Untranslatable, String>> {
    let model = model(text)?;
    let target = Target { provider: "p", model: &model, quirks: api.quirks };
    rewrite_request(api.dialect, text, &target).map_err(|e| Err(e.to_string()))?.map_err(Ok)
}

/// Azure's deployments stand in the URL.
fn model(text: &str) -> Result<String, Result<Untranslatable, String>> {
    let Json::Object(members) = Json::of(text) else { return Err(Err("no object".to_owned())) };
    Ok(if let Some(Json::Text(model)) = members.get("model") { model.clone() } else { "m".to_owned() })
}

fn encode(api: &Api, text: &str, to: Dialect) -> Result<Encoded, Result<Untranslatable, String>> {
    let request = decode_request(api.dialect, text).map_err(|e| Err(e.to_string()))?;
    let model = model(text)?;
    let target = Target { provider: "p", model: &model, quirks: api.quirks };
    let mut encoded = encode_request(to, &request, &target).map_err(Ok)?;
    encoded.losses = losses_in_terms_of(&request, &encoded.losses);
    Ok(encoded)
}

/// A member without which the translation is the same, and of which nothing is said, was lost silently.
fn silent(api: &Api, text: &str, id: &str, tally: &mut Tally) {
    let request = Json::of(text);
    // Spelled as what it is compared with.
    let Ok(whole) = &encode(api, &request.text(), api.other()) else { return };
    let mut places = Vec::new();
    members(&request, &mut Vec::new(), &mut places);
    let mut told = std::collections::BTreeSet::new();
    for place in places.iter().take(150) {
        let (name, value) = place.last().map(|s| (s.as_str(), request.at(place))).unwrap();
        // Results find their calls by name as by id.
        let paired = name == "id" && place.iter().any(|s| same(s, "functionResponse"));
        if paired || means_nothing(name, value) || says_nothing_to(api.other(), name, value) {
            continue;
        }
        let mut rest = request.clone();
        rest.remove(place);
        let Ok(without) = encode(api, &rest.text(), api.other()) else { continue };
        // Its own name, that of something it is in, or the kind of it.
        let mut names: Vec<&str> =
            place.iter().map(String::as_str).filter(|n| *n != "messages" && *n != "content").collect();
        names.extend((1..place.len()).filter_map(|n| request.at(&place[..n]).kind()));
        let named = whole
            .losses
            .iter()
            .any(|l| plain(&l.name).split(['.', '[']).any(|segment| names.iter().any(|n| same(n, segment))));
        if !named && without.headers == whole.headers && without.body == whole.body {
            let path: Vec<_> = place.iter().filter(|s| s.parse::<usize>().is_err()).map(String::as_str).collect();
            let what = format!("{}: {:.100}", path.join("."), value.text());
            if told.insert(path.join(".")) {
                tally.fail(id, "silent loss", what);
            }
        }
    }
}

/// Gemini's names come in two spellings; OpenAI renamed `user`.
fn same(a: &str, b: &str) -> bool {
    let bare = |s: &str| s.replace('_', "").to_lowercase();
    bare(a) == bare(b) || (a == "user" && b == "safety_identifier")
}

/// What goes without saying there, or is said elsewhere than in the body.
fn says_nothing_to(target: Dialect, name: &str, value: &Json) -> bool {
    let text = value.text();
    match target {
        // The path says whether it streams, and thoughts are summaries.
        Dialect::Gemini => {
            matches!(name, "stream" | "summary")
                || matches!((name, text.as_str()), ("service_tier", r#""auto""# | r#""default""#))
                || (name == "reasoning" && text.starts_with(r#"{"summary":"#) && !text.contains("effort"))
        }
        // Only its reasoning models think, and a choice that is the model's is none: every word for either.
        Dialect::Cohere => {
            let text = text.to_lowercase();
            matches!(
                (name, text.as_str()),
                ("thinking", r#"{"type":"disabled"}"#)
                    | ("reasoning_effort" | "effort", r#""none""#)
                    | ("thinkingBudget" | "thinking_budget", "0")
                    | ("function_call" | "mode", r#""auto""# | r#""validated""#)
                    | ("tool_choice", r#"{"disable_parallel_tool_use":false,"type":"auto"}"#)
            ) || (name.starts_with("toolConfig") || name == "functionCallingConfig")
                && (text.contains(r#""mode":"auto""#) || text.contains(r#""mode":"validated""#))
        }
        Dialect::Anthropic | Dialect::OpenAiChat | Dialect::OpenAiResponses => false,
    }
}

/// Defaults of both dialects, and what is no part of the request to the model.
fn means_nothing(name: &str, value: &Json) -> bool {
    let text = value.text();
    matches!(text.as_str(), "null" | "false" | "[]" | "{}" | "\"\"" | r#"{"type":"text"}"# | r#"{"text":""}"# | r#"[{"text":"","type":"text"}]"#)
        || matches!(
            (name, text.as_str()),
            ("candidateCount" | "n" | "temperature" | "top_p" | "topP", "1" | "1.0")
                | ("role", r#""user""# | r#""model""#)
                | ("responseModalities", r#"["TEXT"]"#)
                | ("mimeType" | "mime_type", r#""application/pdf""#)
                | ("parallel_tool_calls" | "strict", "true")
                | ("detail" | "tool_choice", r#""auto""#)
                | ("mode", r#""explicit""#)
                | ("media_type", r#""text/plain""#)
                | ("arguments", r#""{}""#)
                | ("filename", r#""document.pdf""#)
                | ("include", r#"["reasoning.encrypted_content"]"#)
                | ("tool_choice", r#"{"type":"auto"}"#)
                // The model decides, which is what it does when nothing is said.
                | ("thinking", r#"{"type":"adaptive"}"# | r#"{"type":"enabled"}"#)
        )
        // No arguments, in all its spellings.
        || (matches!(name, "input_schema" | "parameters") && text.contains(r#""properties":{}"#))
        // One decides what of the reply is shown, the other is an order and no shape.
        || matches!(name, "includeThoughts" | "include_thoughts" | "propertyOrdering" | "property_ordering")
        // What is in them is looked at one by one.
        || matches!(name, "generationConfig" | "generation_config" | "thinkingConfig" | "systemInstruction")
        // `type` has one value where it may be left out; the name of a schema is for the caller's own use.
        || matches!(name, "index" | "messages" | "model" | "name" | "stream_options" | "include_usage" | "type")
}

/// The places of members that are not the caller's own data.
fn members(value: &Json, at: &mut Vec<String>, out: &mut Vec<Vec<String>>) {
    match value {
        Json::Array(items) => {
            for (i, item) in items.iter().enumerate() {
                at.push(i.to_string());
                members(item, at, out);
                at.pop();
            }
        }
        Json::Object(all) => {
            for (name, value) in all {
                at.push(name.clone());
                out.push(at.clone());
                if !matches!(name.as_str(), "parameters" | "input_schema" | "input" | "schema" | "metadata") {
                    members(value, at, out);
                }
                at.pop();
            }
        }
        Json::Leaf(_) | Json::Text(_) => {}
    }
}

/// Names without their numbers.
fn plain(name: &str) -> String {
    let mut out = String::new();
    let mut inside = false;
    for c in name.chars() {
        match c {
            '[' => {
                inside = true;
                out.push_str("[]");
            }
            ']' => inside = false,
            _ if inside => {}
            _ => out.push(c),
        }
    }
    out
}

/// JSON whose numbers keep their spelling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Json {
    Array(Vec<Self>),
    Leaf(String),
    Object(BTreeMap<String, Self>),
    Text(String),
}

impl Json {
    pub(super) fn of(text: &str) -> Self {
        match text.trim_start().as_bytes().first() {
            Some(b'{') => {
                let members: BTreeMap<String, &RawValue> = serde_json::from_str(text).unwrap();
                Self::Object(members.into_iter().map(|(k, v)| (k, Self::of(v.get()))).collect())
            }
            Some(b'[') => {
                let items: Vec<&RawValue> = serde_json::from_str(text).unwrap();
                Self::Array(items.into_iter().map(|v| Self::of(v.get())).collect())
            }
            Some(b'"') => Self::Text(serde_json::from_str(text).unwrap_or_else(|_| text.to_owned())),
            _ => Self::Leaf(text.trim().to_owned()),
        }
    }
}

/// What the second request does not say any more, if anything. Other spellings of a member are fine.
fn lost(before: &Json, after: &Json) -> Option<String> {
    let (Json::Object(x), Json::Object(y)) = (before, after) else { return Some("no object".to_owned()) };
    x.iter().find_map(|(name, value)| {
        let renamed = || y.iter().any(|(n, v)| !x.contains_key(n) && v == value);
        match y.get(name) {
            None if means_nothing(name, value) || renamed() => None,
            None => Some(format!("{name} is gone: {:.100}", value.text())),
            Some(other) => difference(name, value, other),
        }
    })
}

impl Json {
    /// The `type` of an object.
    fn kind(&self) -> Option<&str> {
        let Self::Object(all) = self else { return None };
        if let Some(Self::Text(kind)) = all.get("type") { Some(kind) } else { None }
    }

    fn at(&self, place: &[String]) -> &Self {
        let Some((first, rest)) = place.split_first() else { return self };
        match self {
            Self::Array(items) => items[first.parse::<usize>().unwrap()].at(rest),
            Self::Object(all) => all[first].at(rest),
            Self::Leaf(_) | Self::Text(_) => self,
        }
    }

    fn remove(&mut self, place: &[String]) {
        let Some((first, rest)) = place.split_first() else { return };
        match self {
            Self::Array(items) => items[first.parse::<usize>().unwrap()].remove(rest),
            Self::Object(all) if rest.is_empty() => {
                all.remove(first);
            }
            Self::Object(all) => all.get_mut(first).unwrap().remove(rest),
            Self::Leaf(_) | Self::Text(_) => {}
        }
    }

    fn text(&self) -> String {
        let quoted = |s: &String| serde_json::to_string(s).unwrap();
        match self {
            Self::Array(items) => format!("[{}]", items.iter().map(Self::text).collect::<Vec<_>>().join(",")),
            Self::Leaf(text) => text.clone(),
            Self::Object(all) => {
                let all: Vec<_> = all.iter().map(|(k, v)| format!("{}:{}", quoted(k), v.text())).collect();
                format!("{{{}}}", all.join(","))
            }
            Self::Text(text) => quoted(text),
        }
    }
}

/// Where two values differ first.
fn difference(path: &str, a: &Json, b: &Json) -> Option<String> {
    match (a, b) {
        (Json::Object(x), Json::Object(y)) => {
            let missing = x.keys().find(|k| !y.contains_key(*k)).map(|k| format!("{path}.{k} is gone: {:.80?}", x[k]));
            let added = y
                .keys()
                .find(|k| !x.contains_key(*k) && *k != "type")
                .map(|k| format!("{path}.{k} is new: {:.80?}", y[k]));
            missing.or(added).or_else(|| x.iter().find_map(|(k, v)| difference(&format!("{path}.{k}"), v, &y[k])))
        }
        (Json::Array(x), Json::Array(y)) if x.len() == y.len() => {
            x.iter().zip(y).enumerate().find_map(|(i, (a, b))| difference(&format!("{path}[{i}]"), a, b))
        }
        _ if a == b => None,
        // One of the forms that mean the same: `"stop":"x"` and `"stop":["x"]`.
        (Json::Text(_), Json::Array(items)) if items.len() == 1 => difference(path, a, &items[0]),
        (Json::Text(_), Json::Object(members)) if members.len() == 1 && members.contains_key("url") => {
            difference(path, a, &members["url"])
        }
        _ => Some(format!("{path}: {} became {}", short(a), short(b))),
    }
}

fn short(value: &Json) -> String {
    format!("{value:?}").chars().take(160).collect()
}
