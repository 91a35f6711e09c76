//! What a reply repeats of its request, and in which terms the client speaks of its tools.

use crate::json::{JsonStr, Members, Obj, RawValue, elements, object, one_line};

use super::request::{flat_name, lowered};
use super::wire::or;

/// Read off the request's body, once.
#[derive(Debug)]
pub struct Echo {
    /// Members of the response object that repeat the request's settings, and their JSON text.
    pub(super) members: Vec<(&'static str, String)>,
    /// Tools whose calls are told otherwise than by their flat name.
    calls: Vec<(String, CallForm)>,
    /// The gateway keeps the reply.
    pub(super) stored: bool,
    /// The reply that this one goes on from.
    pub(super) previous: Option<String>,
}

/// How calls of a tool are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum CallForm {
    /// `name` inside `namespace`.
    Namespaced { namespace: String, name: String },
    /// An item of a kind of its own: the `type` of the tool.
    Special(&'static str),
}

impl Echo {
    /// Reads the request `body`; one that cannot be read echoes the defaults.
    pub fn of(body: &str) -> Self {
        let m = Members::parse(body).unwrap_or_default();
        let mut calls = Vec::new();
        let mut lists: Vec<&RawValue> = m.get("tools").into_iter().collect();
        for item in m.get("input").and_then(|raw| elements(raw).ok()).unwrap_or_default() {
            lists.extend(Members::of(item).ok().and_then(|m| m.get("tools")));
        }
        lists.into_iter().for_each(|list| forms(list, None, &mut calls));
        Self { members: members(&m), calls, stored: false, previous: None }
    }

    /// The same for a reply that the gateway keeps, or that goes on from one it kept.
    #[must_use]
    pub fn continuing(mut self, stored: bool, previous: Option<String>) -> Self {
        (self.stored, self.previous) = (stored, previous);
        self
    }

    pub(super) fn form(&self, name: &str) -> Option<&CallForm> {
        self.calls.iter().find(|(flat, _)| flat == name).map(|(_, form)| form)
    }
}

impl Default for Echo {
    fn default() -> Self {
        Self::of("{}")
    }
}

fn forms(list: &RawValue, namespace: Option<&JsonStr<'_>>, calls: &mut Vec<(String, CallForm)>) {
    for tool in elements(list).unwrap_or_default() {
        let Ok(mut m) = Members::of(tool) else { continue };
        let kind = m.take_text("type").ok().flatten().unwrap_or_default();
        let name = m.take_str("name").ok().flatten();
        match (kind.as_ref(), name) {
            ("namespace", Some(name)) => {
                if let Some(inner) = m.get("tools") {
                    forms(inner, Some(&name), calls);
                }
            }
            ("custom" | "function", Some(name)) => {
                if let Some(namespace) = namespace {
                    let form = CallForm::Namespaced {
                        namespace: namespace.text().into_owned(),
                        name: name.text().into_owned(),
                    };
                    calls.push((flat_name(Some(namespace), name).text().into_owned(), form));
                }
            }
            (kind, _) => {
                if let Some(lowered) = lowered(kind) {
                    calls.push((lowered.kind.to_owned(), CallForm::Special(lowered.kind)));
                }
            }
        }
    }
}

/// Settings that the response object repeats, and OpenAI's default where the request says nothing.
const SETTINGS: &[(&str, &str)] = &[
    ("instructions", "null"),
    ("max_output_tokens", "null"),
    ("max_tool_calls", "null"),
    ("metadata", "{}"),
    ("parallel_tool_calls", "true"),
    ("prompt_cache_key", "null"),
    ("safety_identifier", "null"),
    ("service_tier", "\"default\""),
    ("temperature", "1.0"),
    ("tool_choice", "\"auto\""),
    ("tools", "[]"),
    ("top_logprobs", "0"),
    ("top_p", "1.0"),
    ("truncation", "\"disabled\""),
    ("user", "null"),
];

fn members(m: &Members<'_>) -> Vec<(&'static str, String)> {
    let given = |key: &str| m.get(key).filter(|raw| raw.get() != "null");
    let nested = |key: &str| given(key).and_then(|raw| Members::of(raw).ok()).unwrap_or_default();
    let mut all: Vec<_> = SETTINGS
        .iter()
        .map(|(key, default)| (*key, one_line(given(key).map_or(*default, RawValue::get)).into_owned()))
        .collect();
    let (reasoning, text) = (nested("reasoning"), nested("text"));
    let write = |fill: &dyn Fn(&mut Obj<'_>)| {
        let mut out = Vec::new();
        object(&mut out, |o| fill(o));
        String::from_utf8(out).unwrap_or_default()
    };
    all.push((
        "reasoning",
        write(&|o| {
            or(o, "effort", reasoning.get("effort"), "null");
            or(o, "summary", reasoning.get("summary"), "null");
        }),
    ));
    all.push((
        "text",
        write(&|o| {
            or(o, "format", text.get("format"), r#"{"type":"text"}"#);
            or(o, "verbosity", text.get("verbosity"), "\"medium\"");
        }),
    ));
    all
}
