//! One schema object with its `allOf` merged in.

use std::borrow::Cow;

use crate::json::{JsonStr, Kind, Members, RawValue, elements, kind};

/// References that are followed while merging.
const MAX_MERGED: usize = 8;

/// Members of a schema, in order; `properties` and `required` of all that `allOf` joins.
#[derive(Debug, Default)]
pub(super) struct Node<'r> {
    pub(super) members: Vec<(Cow<'r, str>, &'r RawValue)>,
    pub(super) properties: Vec<(Cow<'r, str>, &'r RawValue)>,
    pub(super) required: Vec<JsonStr<'r>>,
    /// More than one object was put together.
    pub(super) merged: bool,
}

impl<'r> Node<'r> {
    /// Reads `raw`; `None` if it is no object.
    pub(super) fn read(raw: &'r RawValue, root: &'r RawValue) -> Option<Self> {
        let mut node = Self::default();
        node.take(raw, root, 0).then_some(node)
    }

    fn take(&mut self, raw: &'r RawValue, root: &'r RawValue, depth: usize) -> bool {
        let Some(members) = Members::of(raw).ok().filter(|_| depth <= MAX_MERGED) else { return false };
        let all: Vec<_> = members.into_rest();
        let mut merge = Vec::new();
        for (key, value) in all {
            match key.as_ref() {
                "allOf" if kind(value) == Kind::Array => merge.extend(elements(value).unwrap_or_default()),
                "properties" if kind(value) == Kind::Object => {
                    self.place("properties", value);
                    for (name, schema) in Members::of(value).unwrap_or_default().into_rest() {
                        match self.properties.iter_mut().find(|(n, _)| *n == name) {
                            Some(known) => known.1 = schema,
                            None => self.properties.push((name, schema)),
                        }
                    }
                }
                "required" if kind(value) == Kind::Array => {
                    self.place("required", value);
                    for name in elements(value).unwrap_or_default().into_iter().filter_map(JsonStr::from_raw) {
                        if !self.required.contains(&name) {
                            self.required.push(name);
                        }
                    }
                }
                "$ref" if depth > 0 => {
                    let target = JsonStr::from_raw(value).and_then(|t| resolve(root, &t.text()));
                    merge.extend(target);
                }
                name if self.get(name).is_some() => {}
                _ => self.members.push((key, value)),
            }
        }
        for part in merge {
            self.merged = true;
            self.take(part, root, depth + 1);
        }
        true
    }

    /// Keeps the place where the first of several lists stood.
    fn place(&mut self, key: &'static str, value: &'r RawValue) {
        if self.get(key).is_none() {
            self.members.push((Cow::Borrowed(key), value));
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<&'r RawValue> {
        self.members.iter().find(|(k, _)| k == key).map(|(_, v)| *v)
    }

    pub(super) fn text(&self, key: &str) -> Option<JsonStr<'r>> {
        self.get(key).and_then(JsonStr::from_raw)
    }

    /// The words of `type`, in lower case.
    pub(super) fn types(&self) -> Vec<String> {
        let lower = |raw: &RawValue| JsonStr::from_raw(raw).map(|t| t.text().to_ascii_lowercase());
        match self.get("type") {
            Some(raw) if kind(raw) == Kind::Array => {
                elements(raw).unwrap_or_default().into_iter().filter_map(lower).collect()
            }
            Some(raw) => lower(raw).into_iter().collect(),
            None => Vec::new(),
        }
    }
}

/// The schema that a local reference such as `#/$defs/node` names.
pub(super) fn resolve<'r>(root: &'r RawValue, target: &str) -> Option<&'r RawValue> {
    if target == "#" {
        return Some(root);
    }
    let mut at = root;
    for segment in target.strip_prefix("#/")?.split('/') {
        at = Members::of(at).ok()?.get(&segment.replace("~1", "/").replace("~0", "~"))?;
    }
    Some(at)
}

/// The description with what could not be said by a keyword.
pub(super) fn described(description: Option<&JsonStr<'_>>, moved: &[(Cow<'_, str>, &RawValue)]) -> Option<String> {
    let mut words = description.map(|d| d.text().into_owned()).unwrap_or_default();
    if moved.is_empty() {
        return (!words.is_empty()).then_some(words);
    }
    if !words.is_empty() {
        words.push(' ');
    }
    let list: Vec<_> = moved.iter().map(|(key, raw)| format!("{key}: {}", raw.get())).collect();
    Some(words + "(" + &list.join(", ") + ")")
}

/// Keywords that say nothing about the value, to a model.
pub(super) fn is_remark(key: &str) -> bool {
    matches!(
        key,
        "$comment"
            | "$dynamicAnchor"
            | "$dynamicRef"
            | "$schema"
            | "$vocabulary"
            | "contentEncoding"
            | "contentMediaType"
            | "deprecated"
            | "discriminator"
            | "examples"
            | "externalDocs"
            | "readOnly"
            | "writeOnly"
            | "xml"
    ) || key.starts_with("x-")
}
