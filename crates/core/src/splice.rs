//! Edits of a JSON object in its own text: the model's value and a provider's named patches. Every other byte stays.

use std::ops::Range;

use memchr::memmem;

use crate::json::{JsonStr, Members, ScanError, Span, scan_object};
use crate::provider::{Patch, Says};

mod below;

use below::without;

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
        // The fast check does not say where; bodies that fail it are few.
        let text = simdutf8::basic::from_utf8(body)
            .or_else(|_| std::str::from_utf8(body))
            .map_err(|e| DocumentError::Utf8 { at: e.valid_up_to() })?;
        let members = scan_object(text).map_err(|e| match e.what {
            "expected an object" => DocumentError::NotAnObject,
            _ => DocumentError::Json(e),
        })?;
        Ok(Self { text, members })
    }

    pub const fn text(&self) -> &'a str {
        self.text
    }

    /// Its members, for a dialect to read.
    pub fn members(&self) -> Members<'a> {
        Members::scanned(self.text, &self.members)
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

    /// Would `patch` change anything here?
    pub fn takes(&self, patch: &Patch) -> bool {
        match patch {
            Patch::Add(name, _, other) => !self.has(name) && !self.has(other),
            Patch::Drop(name) | Patch::DropInside(name, _) | Patch::Rename(name, _) | Patch::Set(name, _) => {
                self.has(name)
            }
            // The name occurs at all: cutting the messages up costs more than looking for it.
            Patch::DropBelow(below) => below.path.last().is_some_and(|key| {
                let occurs = |m: &Span| memmem::find(m.text(self.text).as_bytes(), key.as_bytes()).is_some();
                self.members.iter().any(|m| m.name(self.text) == patch.member() && occurs(m))
            }),
            Patch::When(all, then) => all.iter().all(|says| self.says(says)) && self.takes(then),
        }
    }

    fn says(&self, says: &Says) -> bool {
        let found = self.members.iter().rfind(|m| m.name(self.text) == says.member).map(|m| m.text(self.text));
        let text = match says.inner {
            None => found.map(str::to_owned),
            Some(inner) => found.and_then(|text| {
                let inside = Document::parse(text.as_bytes()).ok()?;
                let value = inside.members.iter().rfind(|m| m.name(text) == inner)?.text(text);
                serde_json::from_str::<String>(value).ok()
            }),
        };
        text.is_some_and(|text| says.words.contains(&text.as_str())) == says.is
    }

    /// The body with `model` in place of the model's value and `patches` applied, and the names of the members that the
    /// patches changed.
    pub fn edit(&self, model: Option<&str>, patches: &[Patch]) -> (Vec<u8>, Vec<&'static str>) {
        let mut changed = Vec::new();
        let mut edits: Vec<Edit> = Vec::with_capacity(self.members.len());
        let patches: Vec<&Patch> = patches.iter().filter(|p| self.takes(p)).map(Patch::then).collect();
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
                let value = edit.value.as_deref().unwrap_or_else(|| member.text(self.text));
                match patch {
                    // Written behind the last one; conditions were looked at.
                    Patch::Add(..) | Patch::When(..) => {}
                    Patch::Drop(_) => edit.drop = true,
                    Patch::DropBelow(below) => match without(value, below) {
                        Some(text) => edit.value = Some(text),
                        None => {
                            changed.pop();
                        }
                    },
                    Patch::Set(_, json) => edit.value = Some((*json).to_owned()),
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
        let mut body = self.write(&edits);
        for patch in &patches {
            if let Patch::Add(name, json, _) = patch
                && let Some(end) = body.iter().rposition(|b| *b == b'}')
            {
                changed.push(name);
                let comma = if edits.iter().all(|e| e.drop) { "" } else { "," };
                body.splice(end..end, format!("{comma}\"{name}\":{json}").into_bytes());
            }
        }
        (body, changed)
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
            Self::Add(name, ..)
            | Self::Drop(name)
            | Self::DropInside(name, _)
            | Self::Rename(name, _)
            | Self::Set(name, _) => name,
            Self::DropBelow(below) => match below.path {
                [top, ..] => top,
                [] => "",
            },
            Self::When(_, then) => then.member(),
        }
    }

    /// Its name in `x-apex-adjustments`.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::DropBelow(below) => below.name,
            Self::When(_, then) => then.name(),
            Self::Add(..) | Self::Drop(_) | Self::DropInside(..) | Self::Rename(..) | Self::Set(..) => self.member(),
        }
    }

    /// The edit itself, its conditions being met.
    const fn then(&self) -> &Self {
        match self {
            Self::When(_, then) => then.then(),
            Self::Add(..)
            | Self::Drop(_)
            | Self::DropBelow(_)
            | Self::DropInside(..)
            | Self::Rename(..)
            | Self::Set(..) => self,
        }
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
    fn patches_below() {
        use crate::provider::Below;
        const NAME: Patch =
            Patch::DropBelow(&Below { name: "messages.name", path: &["messages", "name"], but: Some("tool") });
        const MARK: Patch = Patch::DropBelow(&Below {
            name: "messages.content.cache_control",
            path: &["messages", "content", "cache_control"],
            but: None,
        });
        let text = r#"{"messages":[ {"role":"user", "name":"u" ,"content":[{"type":"text","text":"name","cache_control":{"x":1e2}}, 7]},{"role":"tool","name":"f","content":"{\"name\":1}"} , null],"name":"kept","model":"m"}"#;
        assert_eq!(
            edit(text, None, &[NAME, MARK]),
            (
                text.replace(r#" "name":"u" ,"#, "")
                    .replace(r#""user""#, r#""user" "#)
                    .replace(r#","cache_control":{"x":1e2}"#, ""),
                vec!["messages.name", "messages.content.cache_control"]
            )
        );
        // Nothing to remove: not a byte changes, and nothing is named.
        for untouched in [
            r#"{"messages":"name"}"#,
            r#"{"messages":[{"content":"name"}]}"#,
            r#"{"messages":[{"role":"tool","name":"f"}]}"#,
        ] {
            assert_eq!(edit(untouched, None, &[NAME, MARK]), (untouched.to_owned(), vec![]));
        }
    }

    #[test]
    fn patches_that_add_and_ask() {
        use Patch::{Add, Drop, DropInside, Set, When};
        const OFF: &[Says] = &[Says { member: "thinking", inner: Some("type"), words: &["disabled"], is: true }];
        const ON: &[Says] = &[
            Says { member: "choice", inner: Some("type"), words: &["any", "tool"], is: true },
            Says { member: "thinking", inner: Some("type"), words: &["disabled"], is: false },
        ];
        const ONE: &[Says] = &[Says { member: "n", inner: None, words: &["1"], is: true }];
        const PATCHES: &[Patch] = &[
            Add("limit", "9", "max"),
            When(OFF, &DropInside("config", "effort")),
            When(ON, &Set("choice", "7")),
            When(ONE, &Drop("n")),
        ];
        for (text, want, names) in [
            (r#"{ "a":1 }"#, r#"{ "a":1 ,"limit":9}"#, vec!["limit"]),
            ("{}", r#"{"limit":9}"#, vec!["limit"]),
            (r#"{"n":1}"#, r#"{"limit":9}"#, vec!["n", "limit"]),
            (r#"{"max":1,"n":2}"#, r#"{"max":1,"n":2}"#, vec![]),
            (
                r#"{"max":1,"thinking":{"type":"disabled"},"config":{"effort":"x","b":1},"choice":{"type":"any"}}"#,
                r#"{"max":1,"thinking":{"type":"disabled"},"config":{"b":1},"choice":{"type":"any"}}"#,
                vec!["config"],
            ),
            (
                r#"{"max":1,"config":{"effort":"x"},"choice":{"type":"any"}}"#,
                r#"{"max":1,"config":{"effort":"x"},"choice":7}"#,
                vec!["choice"],
            ),
            (r#"{"max":1,"choice":{"type":"auto"}}"#, r#"{"max":1,"choice":{"type":"auto"}}"#, vec![]),
        ] {
            assert_eq!(edit(text, None, PATCHES), (want.to_owned(), names), "{text}");
        }
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
