//! What OpenAI's dialects ask of JSON schemas. They are never parsed into values: what is forwarded is the caller's text.

use crate::json::{JsonStr, Kind, Members, RawValue, elements, kind};
use crate::provider::StrictLimits;

/// Deeper schemas are not examined: they count as not strict.
const MAX_DEPTH: u32 = 48;

/// Would OpenAI's strict mode take this schema? Every object must be closed and must require all its properties
/// (<https://platform.openai.com/docs/guides/structured-outputs#supported-schemas>).
pub fn is_strict(schema: &RawValue) -> bool {
    strict(schema, MAX_DEPTH)
}

fn strict(schema: &RawValue, depth: u32) -> bool {
    if kind(schema) != Kind::Object || depth == 0 {
        return kind(schema) != Kind::Object && depth != 0;
    }
    let Ok(m) = Members::of(schema) else { return false };
    let below = |raw: &RawValue| strict(raw, depth - 1);
    let all_values = |raw: &RawValue| Members::of(raw).is_ok_and(|m| m.iter().all(|(_, v)| below(v)));
    let all_elements = |raw: &RawValue| elements(raw).is_ok_and(|list| list.into_iter().all(below));
    let is_object = m.get("properties").is_some() || m.get("type").is_some_and(names_object);
    if is_object && !(m.get("additionalProperties").is_some_and(|a| a.get() == "false") && requires_all(&m)) {
        return false;
    }
    m.iter().all(|(key, value)| match key {
        "properties" | "$defs" | "definitions" => all_values(value),
        "items" => below(value),
        "anyOf" => all_elements(value),
        "allOf" | "oneOf" | "not" | "if" | "then" | "else" | "patternProperties" => false,
        _ => true,
    })
}

/// A copy of the schema with an empty `properties` where an object at its root has none, which OpenAI refuses although it
/// means the same; `None` if it is fine as it is. Every other byte stays.
pub fn with_properties(schema: &RawValue) -> Option<String> {
    let m = Members::of(schema).ok()?;
    if m.get("properties").is_some() || !m.get("type").is_some_and(names_object) {
        return None;
    }
    let open = schema.get().trim_end().strip_suffix('}')?;
    Some(format!("{open},\"properties\":{{}}}}"))
}

/// Is the schema within a provider's own limits for those it enforces?
pub fn keeps(schema: &RawValue, limits: &StrictLimits) -> bool {
    schema.get().len() <= limits.length && keeps_keywords(schema, limits, false, MAX_DEPTH)
}

fn keeps_keywords(schema: &RawValue, limits: &StrictLimits, defined: bool, depth: u32) -> bool {
    let Ok(m) = Members::of(schema) else { return true };
    if depth == 0 {
        return false;
    }
    let all = |raw: &RawValue, defined| {
        Members::of(raw).is_ok_and(|m| m.iter().all(|(_, v)| keeps_keywords(v, limits, defined, depth - 1)))
    };
    m.iter().all(|(key, value)| match key {
        key if limits.refuses.contains(&key) => false,
        // A reference from inside a definition, or to the root, may come back to where it stands.
        "$ref" => limits.recursion || !(defined || JsonStr::from_raw(value).is_some_and(|r| r == "#")),
        // Names under these are the caller's, never keywords (pitfall 108).
        "properties" => all(value, defined),
        "$defs" | "definitions" => all(value, true),
        "items" => keeps_keywords(value, limits, defined, depth - 1),
        "anyOf" => elements(value)
            .is_ok_and(|list| list.into_iter().all(|one| keeps_keywords(one, limits, defined, depth - 1))),
        _ => true,
    })
}

fn names_object(kind: &RawValue) -> bool {
    match JsonStr::from_raw(kind) {
        Some(word) => word == "object",
        None => elements(kind).is_ok_and(|list| list.into_iter().any(names_object)),
    }
}

fn requires_all(m: &Members<'_>) -> bool {
    let Some(properties) = m.get("properties") else { return true };
    let required = m.get("required").and_then(|r| elements(r).ok()).unwrap_or_default();
    let required: Vec<_> = required.into_iter().filter_map(JsonStr::from_raw).collect();
    Members::of(properties).is_ok_and(|p| p.iter().all(|(name, _)| required.iter().any(|r| *r == name)))
}
