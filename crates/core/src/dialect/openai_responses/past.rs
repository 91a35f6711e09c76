//! Going on from earlier replies that the provider does not keep: what was said comes back as input items.

use std::collections::{BTreeMap, BTreeSet};

use super::stored::listed;
use crate::hub::Losses;
use crate::json::{Arr, JsonStr, Members, RawValue, WireError, array, elements, object};
use crate::stored::Kept;

/// The type of an input item that only names one.
pub const REFERENCE: &str = "item_reference";

/// Most items that one request can name.
const MAX_REFERENCES: usize = 1024;

/// `body` with the items of `past` (oldest first) before its own, and without the members in `drop`. Items go as they were
/// given out, but for ids and states, which mean something to their author only. `relayed` to a provider of this dialect,
/// reasoning whose state is not in it would be refused: it is left out and named.
pub fn continued(
    body: &str,
    past: &[Kept],
    drop: &[&str],
    relayed: bool,
    losses: &mut Losses,
) -> Result<Vec<u8>, WireError> {
    let m = Members::parse(body)?;
    let mut out = Vec::with_capacity(body.len());
    object(&mut out, |o| {
        for (key, raw) in m.iter().filter(|(key, _)| !drop.contains(key)) {
            if key != "input" {
                o.member(key, raw.get());
            }
        }
        o.arr("input", |a| {
            for kept in past {
                each(&kept.input, |item| a.raw(item.get()));
                let reply = Members::parse(&kept.response).unwrap_or_default();
                for item in reply.get("output").and_then(|raw| elements(raw).ok()).unwrap_or_default() {
                    said(item, relayed, a, losses);
                }
            }
            if let Some(own) = m.get("input") {
                write_items(own, a);
            }
        });
    });
    Ok(out)
}

/// The ids of the items that `body` names, each once.
pub fn references(body: &str) -> Vec<String> {
    let ids: BTreeSet<String> = items(body).into_iter().filter_map(reference).take(MAX_REFERENCES).collect();
    ids.into_iter().collect()
}

/// `body` with the items that it names, and `holding` has, in place of their names; as [`continued`] if it is `relayed`.
/// Each is told once: a second name of it stays one.
pub fn resolved(body: &str, holding: &[&Kept], relayed: bool, losses: &mut Losses) -> Result<String, WireError> {
    let m = Members::parse(body)?;
    let mut found: BTreeMap<String, &RawValue> = holding.iter().flat_map(|kept| listed(kept)).collect();
    let mut out = Vec::with_capacity(body.len());
    object(&mut out, |o| {
        for (key, raw) in m.iter() {
            match elements(raw) {
                Ok(items) if key == "input" => o.arr(key, |a| {
                    for item in items {
                        match reference(item).and_then(|id| found.remove(&id)) {
                            Some(named) => said(named, relayed, a, losses),
                            None => a.raw(item.get()),
                        }
                    }
                }),
                _ => o.member(key, raw.get()),
            }
        }
    });
    String::from_utf8(out).map_err(|_| WireError::new("input", "is not text"))
}

fn items(body: &str) -> Vec<&RawValue> {
    let input = Members::parse(body).ok().and_then(|m| m.get("input"));
    input.and_then(|raw| elements(raw).ok()).unwrap_or_default()
}

/// The id of the item that an item only names.
pub(super) fn reference(raw: &RawValue) -> Option<String> {
    let mut m = Members::of(raw).ok()?;
    let is = m.get("type").and_then(JsonStr::from_raw).is_some_and(|s| s == REFERENCE);
    m.take_text("id").ok().flatten().filter(|_| is).map(std::borrow::Cow::into_owned)
}

/// The items of a request's `input` as a JSON array; text is a message.
pub fn input_items(body: &str) -> Option<String> {
    let m = Members::parse(body).ok()?;
    let mut out = Vec::new();
    array(&mut out, |a| {
        if let Some(input) = m.get("input") {
            write_items(input, a);
        }
    });
    String::from_utf8(out).ok()
}

fn write_items(input: &RawValue, a: &mut Arr<'_>) {
    match JsonStr::from_raw(input) {
        Some(text) => a.obj(|o| {
            o.text("role", "user");
            o.str("content", &text);
        }),
        None => elements(input).unwrap_or_default().into_iter().for_each(|item| a.raw(item.get())),
    }
}

/// An item of a reply, as input.
fn said(raw: &RawValue, relayed: bool, a: &mut Arr<'_>, losses: &mut Losses) {
    let Ok(m) = Members::of(raw) else { return };
    let is = |key: &str, what: &str| m.get(key).and_then(JsonStr::from_raw).is_some_and(|s| s == what);
    let sealed = m.get("encrypted_content").and_then(JsonStr::from_raw).is_some_and(|s| !s.is_empty());
    if relayed && is("type", "reasoning") && !sealed {
        return losses.drop("input.reasoning");
    }
    a.obj(|o| {
        for (key, raw) in m.iter().filter(|(key, _)| !matches!(*key, "id" | "status")) {
            o.member(key, raw.get());
        }
    });
}

fn each(list: &str, mut take: impl FnMut(&RawValue)) {
    if let Ok(raw) = serde_json::from_str::<&RawValue>(list) {
        elements(raw).unwrap_or_default().into_iter().for_each(&mut take);
    }
}
