//! JSON Schemas within Anthropic's limits. A schema that already fits is sent as it was written.
//!
//! Limits: <https://docs.anthropic.com/en/docs/build-with-claude/structured-outputs#json-schema-limitations>.

use std::borrow::Cow;

use crate::json::{JsonStr, Kind, Members, RawValue, elements, kind, object};

/// The schema of a tool without arguments.
pub(super) const NO_ARGUMENTS: &str = r#"{"type":"object","properties":{}}"#;

/// Deepest schema that is rewritten.
const MAX_DEPTH: usize = 64;

/// Most bytes of schema read while following references.
const MAX_READ: usize = 32 << 20;

/// Members that structured output does not know; they move into the description.
const CONSTRAINTS: &[&str] = &[
    "contains",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "maxContains",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minContains",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "multipleOf",
    "not",
    "pattern",
    "patternProperties",
    "propertyNames",
    "unevaluatedProperties",
    "uniqueItems",
];

const FORMATS: &[&str] = &["date", "date-time", "duration", "email", "hostname", "ipv4", "ipv6", "time", "uri", "uuid"];

/// Root members that a tool's schema must not have.
const COMBINATORS: &[&str] = &["allOf", "anyOf", "oneOf"];

/// A tool's schema, and what had to be said in words instead.
pub(super) struct ToolSchema<'r> {
    pub(super) text: Cow<'r, str>,
    pub(super) moved: Option<String>,
}

/// A schema within the limits.
pub(super) struct Restricted {
    pub(super) text: String,
    pub(super) changed: bool,
}

/// The `input_schema` of a tool: its root must be an object without combinators.
pub(super) fn for_tool(schema: Option<&RawValue>) -> Result<ToolSchema<'_>, String> {
    let plain = |text| Ok(ToolSchema { text, moved: None });
    let Some(schema) = schema else { return plain(Cow::Borrowed(NO_ARGUMENTS)) };
    let members = Members::of(schema).map_err(|_| "expected an object schema".to_owned())?;
    if members.iter().next().is_none() {
        return plain(Cow::Borrowed(NO_ARGUMENTS));
    }
    let typed = match members.get("type").map(RawValue::get) {
        Some("\"object\"") => true,
        None => false,
        Some(list) if list.starts_with('[') && list.contains("\"object\"") => false,
        Some(other) => return Err(format!("the arguments must be an object, not {other}")),
    };
    let combined = members.iter().any(|(key, _)| COMBINATORS.contains(&key));
    if typed && !combined {
        return plain(Cow::Borrowed(schema.get()));
    }
    let mut out = Vec::new();
    object(&mut out, |o| {
        o.text("type", "object");
        if members.get("properties").is_none() {
            o.obj("properties", |_| {});
        }
        for (key, raw) in members.iter().filter(|(key, _)| *key != "type" && !COMBINATORS.contains(key)) {
            o.member(key, raw.get());
        }
    });
    let moved = combined.then(|| format!("\n\nThe arguments must match this JSON Schema: {}", schema.get()));
    Ok(ToolSchema { text: Cow::Owned(String::from_utf8(out).unwrap_or_default()), moved })
}

/// Is the root an object, so that a tool can take it?
pub(super) fn is_object_schema(schema: &RawValue) -> bool {
    Members::of(schema).is_ok_and(|m| {
        m.get("type").is_some_and(|t| t.get() == "\"object\"") && !m.iter().any(|(key, _)| COMBINATORS.contains(&key))
    })
}

/// A copy of `schema` within the limits of structured output. `Err` when it cannot be said: recursion, too deep, not a
/// schema.
pub(super) fn restrict(schema: &RawValue) -> Result<Restricted, ()> {
    restrict_text(schema.get())
}

/// [`restrict`] for JSON text.
pub(super) fn restrict_text(schema: &str) -> Result<Restricted, ()> {
    let raw: &RawValue = serde_json::from_str(schema).map_err(|_| ())?;
    if kind(raw) != Kind::Object || (Walk { root: raw, path: Vec::new(), budget: MAX_READ }).is_recursive(raw, 0)? {
        return Err(());
    }
    let mut out = Vec::with_capacity(schema.len() + 64);
    let mut changed = false;
    rewrite(raw, &mut out, &mut changed, 0)?;
    let text = String::from_utf8(out).map_err(|_| ())?;
    Ok(if changed { Restricted { text, changed } } else { Restricted { text: schema.to_owned(), changed } })
}

/// Writes one schema. Names under `properties` and `$defs` are the caller's, never keywords.
fn rewrite(raw: &RawValue, out: &mut Vec<u8>, changed: &mut bool, depth: usize) -> Result<(), ()> {
    if depth > MAX_DEPTH {
        return Err(());
    }
    if kind(raw) != Kind::Object {
        out.extend_from_slice(raw.get().as_bytes());
        return Ok(());
    }
    let members = Members::of(raw).map_err(|_| ())?;
    let moved: Vec<_> = members.iter().filter(|(key, raw)| is_moved(key, raw)).collect();
    let is_object =
        members.get("type").is_some_and(|t| t.get().contains("\"object\"")) || members.get("properties").is_some();
    let open = is_object && members.get("additionalProperties").is_none_or(|raw| raw.get() != "false");
    let mut result = Ok(());
    object(out, |o| {
        for (key, raw) in members.iter() {
            match key {
                _ if is_moved(key, raw) => {}
                "additionalProperties" if is_object => {}
                "description" if !moved.is_empty() => {}
                "oneOf" | "anyOf" | "allOf" | "prefixItems" => {
                    *changed |= key == "oneOf";
                    let name = if key == "oneOf" { "anyOf" } else { key };
                    let mut list = Vec::new();
                    result = result.and(each(raw, &mut list, changed, depth));
                    o.raw(name, &String::from_utf8_lossy(&list));
                }
                "properties" | "$defs" | "definitions" => {
                    let mut inner = Vec::new();
                    result = result.and(named(raw, &mut inner, changed, depth));
                    o.raw(key, &String::from_utf8_lossy(&inner));
                }
                "items" | "if" | "then" | "else" => {
                    let mut inner = Vec::new();
                    result = result.and(rewrite(raw, &mut inner, changed, depth + 1));
                    o.raw(key, &String::from_utf8_lossy(&inner));
                }
                _ => o.member(key, raw.get()),
            }
        }
        if is_object {
            *changed |= open;
            o.raw("additionalProperties", "false");
        }
        if !moved.is_empty() {
            *changed = true;
            o.text("description", &described(&members, &moved));
        }
    });
    result
}

fn is_moved(key: &str, raw: &RawValue) -> bool {
    let odd_format = || !FORMATS.contains(&raw.get().trim_matches('"'));
    CONSTRAINTS.contains(&key) || (key == "format" && odd_format())
}

fn described(members: &Members<'_>, moved: &[(&str, &RawValue)]) -> String {
    let mut words = members.clone().take_text("description").ok().flatten().unwrap_or_default().into_owned();
    if !words.is_empty() {
        words.push(' ');
    }
    let list: Vec<_> = moved.iter().map(|(key, raw)| format!("{key}: {}", raw.get())).collect();
    words + "(" + &list.join(", ") + ")"
}

fn each(raw: &RawValue, out: &mut Vec<u8>, changed: &mut bool, depth: usize) -> Result<(), ()> {
    out.push(b'[');
    for (at, schema) in elements(raw).map_err(|_| ())?.into_iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        rewrite(schema, out, changed, depth + 1)?;
    }
    out.push(b']');
    Ok(())
}

fn named(raw: &RawValue, out: &mut Vec<u8>, changed: &mut bool, depth: usize) -> Result<(), ()> {
    let members = Members::of(raw).map_err(|_| ())?;
    let mut result = Ok(());
    object(out, |o| {
        for (name, schema) in members.iter() {
            let mut inner = Vec::new();
            result = result.and(rewrite(schema, &mut inner, changed, depth + 1));
            o.member(name, &String::from_utf8_lossy(&inner));
        }
    });
    result
}

/// Follows `$ref`s to see whether they ever come back to where they were.
struct Walk<'r> {
    root: &'r RawValue,
    path: Vec<String>,
    /// Bytes left to look at: references can multiply without being recursive.
    budget: usize,
}

impl<'r> Walk<'r> {
    fn is_recursive(&mut self, raw: &'r RawValue, depth: usize) -> Result<bool, ()> {
        self.budget = self.budget.checked_sub(raw.get().len()).ok_or(())?;
        if depth > MAX_DEPTH {
            return Err(());
        }
        match kind(raw) {
            Kind::Object => {
                let members = Members::of(raw).map_err(|_| ())?;
                for (key, value) in members.iter() {
                    let found = match (key, JsonStr::from_raw(value)) {
                        ("$ref", Some(target)) => self.follow(target.into_text().into_owned(), depth)?,
                        ("$defs" | "definitions", _) => false,
                        _ => self.is_recursive(value, depth + 1)?,
                    };
                    if found {
                        return Ok(true);
                    }
                }
            }
            Kind::Array => {
                for element in elements(raw).map_err(|_| ())? {
                    if self.is_recursive(element, depth + 1)? {
                        return Ok(true);
                    }
                }
            }
            Kind::Null | Kind::Bool | Kind::Number | Kind::String => {}
        }
        Ok(false)
    }

    fn follow(&mut self, target: String, depth: usize) -> Result<bool, ()> {
        if target == "#" || self.path.contains(&target) {
            return Ok(true);
        }
        self.budget = self.budget.checked_sub(self.root.get().len()).ok_or(())?;
        let schema = resolve(self.root, &target).ok_or(())?;
        self.path.push(target);
        let found = self.is_recursive(schema, depth + 1)?;
        self.path.pop();
        Ok(found)
    }
}

/// The schema that a local reference such as `#/$defs/node` names.
fn resolve<'r>(root: &'r RawValue, target: &str) -> Option<&'r RawValue> {
    let mut at = root;
    for segment in target.strip_prefix("#/")?.split('/') {
        at = Members::of(at).ok()?.get(&segment.replace("~1", "/").replace("~0", "~"))?;
    }
    Some(at)
}
