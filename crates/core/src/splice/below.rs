//! Members below the top level: those of messages, of their parts, of tools. Every other byte stays.

use super::{Document, Edit};
use crate::json::{Kind, RawValue, elements, kind};
use crate::provider::Below;

/// The value of a top-level member without what `below` names; `None` if it has nothing of it.
pub(super) fn without(value: &str, below: &Below) -> Option<String> {
    let (_, path) = below.path.split_first()?;
    descend(value, path, below.but)
}

fn descend(value: &str, path: &[&str], but: Option<&str>) -> Option<String> {
    let raw: &RawValue = serde_json::from_str(value).ok()?;
    match kind(raw) {
        Kind::Array => each(raw, path, but),
        Kind::Object => inside(raw.get(), path, but),
        Kind::Bool | Kind::Null | Kind::Number | Kind::String => None,
    }
}

/// Every element of a list.
fn each(list: &RawValue, path: &[&str], but: Option<&str>) -> Option<String> {
    let text = list.get();
    let mut out = String::new();
    let mut copied = 0;
    for element in elements(list).ok()? {
        let Some(edited) = descend(element.get(), path, but) else { continue };
        // An element is a part of the list's own text.
        let at = (element.get().as_ptr() as usize).checked_sub(text.as_ptr() as usize)?;
        out.push_str(text.get(copied..at)?);
        out.push_str(&edited);
        copied = at + element.get().len();
    }
    if copied == 0 {
        return None;
    }
    out.push_str(text.get(copied..)?);
    Some(out)
}

fn inside(object: &str, path: &[&str], but: Option<&str>) -> Option<String> {
    let (key, rest) = path.split_first()?;
    let document = Document::parse(object.as_bytes()).ok()?;
    if let Some(role) = but
        && document.members.iter().any(|m| m.name(object) == "role" && m.text(object) == format!("\"{role}\""))
    {
        return None;
    }
    let mut changed = false;
    let mut edits = Vec::with_capacity(document.members.len());
    for member in &document.members {
        let mut edit = Edit::default();
        if member.name(object) == *key {
            if rest.is_empty() {
                edit.drop = true;
            } else {
                edit.value = descend(member.text(object), rest, None);
            }
            changed |= edit.drop || edit.value.is_some();
        }
        edits.push(edit);
    }
    if changed { String::from_utf8(document.write(&edits)).ok() } else { None }
}
