//! Edits of a JSON object in its own text: the model's value and a provider's named patches. Every other byte stays.

use std::ops::Range;

use crate::json::{JsonStr, ScanError, Span, scan_object};
use crate::provider::Patch;

/// A request body, read just far enough to route and to edit it.
#[derive(Debug)]
pub struct Document<'a> {
    text: &'a str,
    members: Vec<Span>,
}

/// Why a body cannot be routed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    #[error("the request body is not valid UTF-8 (byte {at})")]
    Utf8 { at: usize },
    #[error("the request body is not valid JSON: {0}")]
    Json(ScanError),
    #[error("the request body must be a JSON object")]
    NotAnObject,
    #[error("`{0}` appears twice")]
    Duplicate(&'static str),
}

impl<'a> Document<'a> {
    /// Validates `body` and finds its top-level members.
    pub fn parse(body: &'a [u8]) -> Result<Self, DocumentError> {
        let text = std::str::from_utf8(body).map_err(|e| DocumentError::Utf8 { at: e.valid_up_to() })?;
        let members = scan_object(text).map_err(|e| match e.what {
            "expected an object" => DocumentError::NotAnObject,
            _ => DocumentError::Json(e),
        })?;
        Ok(Self { text, members })
    }

    pub const fn text(&self) -> &'a str {
        self.text
    }

    /// The raw value of `key`, which must not appear twice: gateway and provider could read different ones.
    pub fn single(&self, key: &'static str) -> Result<Option<&'a str>, DocumentError> {
        let mut found = self.members.iter().filter(|m| m.name(self.text) == key);
        let first = found.next().map(|m| m.text(self.text));
        if found.next().is_some() { Err(DocumentError::Duplicate(key)) } else { Ok(first) }
    }

    /// Is there a member of this name?
    pub fn has(&self, key: &str) -> bool {
        self.members.iter().any(|m| m.name(self.text) == key)
    }

    /// The body with `model` in place of the model's value and `patches` applied, and the names of the members that the
    /// patches changed.
    pub fn edit(&self, model: Option<&str>, patches: &[Patch]) -> (Vec<u8>, Vec<&'static str>) {
        let mut changed = Vec::new();
        let mut edits: Vec<Edit> = Vec::with_capacity(self.members.len());
        for member in &self.members {
            let name = member.name(self.text);
            let mut edit = Edit::default();
            if name == "model"
                && let Some(model) = model
            {
                edit.value = Some(format!("\"{}\"", JsonStr::owned(model).as_escaped()));
            }
            for patch in patches.iter().filter(|p| p.member() == name) {
                changed.push(patch.name());
                match patch {
                    Patch::Drop(_) => edit.drop = true,
                    // The target name may be there already: then the old spelling just goes.
                    Patch::Rename(_, to) if self.has(to) => edit.drop = true,
                    Patch::Rename(_, to) => edit.key = Some(format!("\"{to}\"")),
                    Patch::DropInside(_, inner) => match drop_inside(member.text(self.text), inner) {
                        Inside::Absent => {
                            changed.pop();
                        }
                        Inside::Emptied => edit.drop = true,
                        Inside::Without(text) => edit.value = Some(text),
                    },
                }
            }
            edits.push(edit);
        }
        (self.write(&edits), changed)
    }

    /// The body with only the members named in `keep`.
    pub fn only(&self, keep: &[&str]) -> Vec<u8> {
        let drop = |m: &Span| !keep.contains(&m.name(self.text).as_ref());
        let edits: Vec<Edit> = self.members.iter().map(|m| Edit { drop: drop(m), ..Edit::default() }).collect();
        self.write(&edits)
    }

    fn write(&self, edits: &[Edit]) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.text.len() + 64);
        let slice = |range: Range<usize>| self.text.get(range).unwrap_or_default().as_bytes();
        // Where the text before the next member begins: after the brace, then after each member.
        let (mut before, mut kept) = (0, false);
        for (member, edit) in self.members.iter().zip(edits) {
            let gap = before..member.key.start;
            before = member.value.end;
            if edit.drop {
                if !kept && gap.start == 0 {
                    out.extend_from_slice(slice(gap)); // the opening brace
                }
                continue;
            }
            let gap = slice(gap);
            // After members that were dropped from the front, the separator's comma would be the first thing.
            let comma = gap.iter().position(|b| *b == b',').filter(|_| !kept && !out.is_empty());
            out.extend_from_slice(comma.and_then(|c| gap.get(c + 1..)).unwrap_or(gap));
            kept = true;
            match &edit.key {
                Some(key) => out.extend_from_slice(key.as_bytes()),
                None => out.extend_from_slice(slice(member.key.clone())),
            }
            out.extend_from_slice(slice(member.key.end..member.value.start));
            match &edit.value {
                Some(value) => out.extend_from_slice(value.as_bytes()),
                None => out.extend_from_slice(slice(member.value.clone())),
            }
        }
        out.extend_from_slice(slice(before..self.text.len()));
        out
    }
}

#[derive(Debug, Default)]
struct Edit {
    drop: bool,
    key: Option<String>,
    value: Option<String>,
}

enum Inside {
    Absent,
    Emptied,
    Without(String),
}

fn drop_inside(value: &str, inner: &str) -> Inside {
    let Ok(document) = Document::parse(value.as_bytes()) else { return Inside::Absent };
    if !document.has(inner) {
        return Inside::Absent;
    }
    let edits: Vec<Edit> =
        document.members.iter().map(|m| Edit { drop: m.name(value) == inner, ..Edit::default() }).collect();
    if edits.iter().all(|e| e.drop) {
        Inside::Emptied
    } else {
        Inside::Without(String::from_utf8(document.write(&edits)).unwrap_or_default())
    }
}

impl Patch {
    /// The top-level member it edits.
    pub const fn member(&self) -> &'static str {
        match self {
            Self::Drop(name) | Self::Rename(name, _) | Self::DropInside(name, _) => name,
        }
    }

    /// Its name in `x-apex-adjustments`.
    pub const fn name(&self) -> &'static str {
        self.member()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edit(text: &str, model: Option<&str>, patches: &[Patch]) -> (String, Vec<&'static str>) {
        let (bytes, changed) = Document::parse(text.as_bytes()).unwrap().edit(model, patches);
        let text = String::from_utf8(bytes).unwrap();
        serde_json::from_str::<serde_json::Value>(&text).unwrap();
        (text, changed)
    }

    #[test]
    fn only_the_models_value_changes() {
        let text = "\n{ \"messages\" : [{\"model\":\"x\",\"n\":123456789012345678901234567890,\"e\":1e2}] ,\t\"model\":  \"gpt#openai\" ,\"d\":1,\"d\":2}\r\n";
        let (out, changed) = edit(text, Some("gpt\"5"), &[]);
        assert_eq!(out, text.replace("\"gpt#openai\"", "\"gpt\\\"5\""));
        assert!(changed.is_empty());
        assert_eq!(edit(text, None, &[]).0, text);
    }

    #[test]
    fn patches_take_members_with_their_separators() {
        use Patch::{Drop, DropInside, Rename};
        let text = r#"{ "a":1, "b" : {"x":1,"y":2} ,"c":3 }"#;
        for (patches, want, names) in [
            (vec![Drop("a")], r#"{  "b" : {"x":1,"y":2} ,"c":3 }"#, vec!["a"]),
            (vec![Drop("b")], r#"{ "a":1 ,"c":3 }"#, vec!["b"]),
            (vec![Drop("c")], r#"{ "a":1, "b" : {"x":1,"y":2} }"#, vec!["c"]),
            (vec![Drop("a"), Drop("b")], r#"{ "c":3 }"#, vec!["a", "b"]),
            (vec![Drop("a"), Drop("b"), Drop("c")], r"{  }", vec!["a", "b", "c"]),
            (vec![Drop("zzz"), Rename("a", "n")], r#"{ "n":1, "b" : {"x":1,"y":2} ,"c":3 }"#, vec!["a"]),
            (vec![Rename("a", "c")], r#"{  "b" : {"x":1,"y":2} ,"c":3 }"#, vec!["a"]),
            (vec![DropInside("b", "x")], r#"{ "a":1, "b" : {"y":2} ,"c":3 }"#, vec!["b"]),
            (vec![DropInside("b", "q"), DropInside("c", "x")], text, vec![]),
        ] {
            assert_eq!(edit(text, None, &patches), (want.to_owned(), names), "{patches:?}");
        }
        assert_eq!(
            edit(r#"{"s":{"include_usage":true},"m":1}"#, None, &[DropInside("s", "include_usage")]).0,
            r#"{"m":1}"#
        );
    }

    #[test]
    fn what_is_read_must_be_unambiguous() {
        let document = Document::parse(br#"{"model":"a","mod\u0065l":"b","stream":true}"#).unwrap();
        assert_eq!(document.single("model"), Err(DocumentError::Duplicate("model")));
        assert_eq!(document.single("stream"), Ok(Some("true")));
        assert_eq!(document.single("n"), Ok(None));
        assert_eq!(Document::parse(b"[1]").unwrap_err(), DocumentError::NotAnObject);
        assert_eq!(Document::parse(b"{\"a\":\"\xff\"}").unwrap_err(), DocumentError::Utf8 { at: 6 });
        assert!(matches!(Document::parse(b"{\"a\":}").unwrap_err(), DocumentError::Json(_)));
    }
}
