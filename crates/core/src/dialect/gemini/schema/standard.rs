//! JSON Schema to the part of it that Gemini knows.

use std::borrow::Cow;

use super::node::{Node, described, is_remark};
use super::{MAX_DEPTH, MAX_WRITTEN};
use crate::json::{Arr, JsonStr, Kind, Members, Obj, RawValue, elements, kind, object};

/// Keywords that are taken as they are.
const KNOWN: &[&str] = &[
    "$anchor",
    "$id",
    "description",
    "enum",
    "format",
    "maxItems",
    "maxLength",
    "maximum",
    "minItems",
    "minLength",
    "minimum",
    "pattern",
    "propertyOrdering",
    "title",
];

/// Rewrites `schema`; says whether anything changed.
pub(super) fn rewrite(schema: &RawValue) -> (String, bool) {
    let mut walk = Walk { root: schema, changed: false };
    let mut out = Vec::with_capacity(schema.get().len());
    walk.schema(schema, &mut out, 0);
    (String::from_utf8(out).unwrap_or_default(), walk.changed)
}

struct Walk<'r> {
    root: &'r RawValue,
    changed: bool,
}

impl<'r> Walk<'r> {
    fn schema(&mut self, raw: &'r RawValue, out: &mut Vec<u8>, depth: usize) {
        let node = Node::read(raw, self.root).filter(|_| depth <= MAX_DEPTH && out.len() <= MAX_WRITTEN);
        let Some(node) = node else {
            // `true` allows anything, and so does an empty schema.
            self.changed = true;
            return object(out, |_| {});
        };
        self.changed |= node.merged;
        let types = node.types();
        let reference = node
            .get("$ref")
            .filter(|_| node.members.iter().any(|(key, _)| !key.starts_with('$') && key != "definitions"));
        object(out, |o| {
            if let Some(target) = reference {
                self.reference(&node, target, o, depth);
            } else if types.len() > 1 {
                self.several(&node, &types, o, depth);
            } else {
                self.members(&node, types.first(), o, depth, |_| true);
            }
        });
    }

    /// A reference may have no siblings, so it becomes the one choice of an `anyOf`.
    fn reference(&mut self, node: &Node<'r>, target: &'r RawValue, o: &mut Obj<'_>, depth: usize) {
        self.changed = true;
        let moved: Vec<_> = node
            .members
            .iter()
            .filter(|(key, _)| !key.starts_with('$') && !is_remark(key))
            .filter(|(key, _)| !matches!(key.as_ref(), "definitions" | "description" | "title"))
            .cloned()
            .collect();
        if let Some(title) = node.text("title") {
            o.str("title", &title);
        }
        if let Some(words) = described(node.text("description").as_ref(), &moved) {
            o.text("description", &words);
        }
        o.arr("anyOf", |a| a.obj(|o| self.target(target, o)));
        self.definitions(node, o, depth);
    }

    /// `type: [a, b]`: the choice is between schemas, each of one type.
    fn several(&mut self, node: &Node<'r>, types: &[String], o: &mut Obj<'_>, depth: usize) {
        self.changed = true;
        let outside = |key: &str| matches!(key, "title" | "description" | "$defs" | "definitions");
        self.members(node, None, o, depth, |key| outside(key));
        o.arr("anyOf", |a| {
            for word in types {
                a.obj(|o| {
                    if word == "null" {
                        o.text("type", "null");
                    } else {
                        self.members(node, Some(word), o, depth, |key| !outside(key));
                    }
                });
            }
        });
    }

    /// The members that `wanted` lets through. `word` is the type to write.
    fn members(
        &mut self,
        node: &Node<'r>,
        word: Option<&String>,
        o: &mut Obj<'_>,
        depth: usize,
        wanted: impl Fn(&str) -> bool,
    ) {
        let mut moved: Vec<(Cow<'_, str>, &RawValue)> = Vec::new();
        let integer = node.types().iter().any(|t| t == "integer");
        for (key, raw) in node.members.iter().filter(|(key, _)| wanted(key)) {
            match key.as_ref() {
                "description" => {}
                "type" => {
                    if let Some(word) = word {
                        self.changed |= JsonStr::from_raw(raw).is_none_or(|t| t != word.as_str());
                        o.text("type", word);
                    }
                }
                "const" => {
                    self.changed = true;
                    o.raw("enum", &format!("[{}]", raw.get()));
                }
                "exclusiveMinimum" | "exclusiveMaximum" if kind(raw) == Kind::Number => {
                    self.changed = true;
                    let up = key == "exclusiveMinimum";
                    let name = if up { "minimum" } else { "maximum" };
                    let step = raw.get().parse::<i64>().ok().filter(|_| integer);
                    if let Some(bound) = step.and_then(|n| if up { n.checked_add(1) } else { n.checked_sub(1) }) {
                        o.raw(name, &bound.to_string());
                    } else {
                        o.raw(name, raw.get());
                        moved.push((key.clone(), raw));
                    }
                }
                "$ref" => self.target(raw, o),
                "$defs" | "definitions" => self.named(raw, o, depth),
                "properties" => o.obj("properties", |o| {
                    for (name, schema) in &node.properties {
                        self.inner(name, schema, o, depth);
                    }
                }),
                "required" => o.arr("required", |a| node.required.iter().for_each(|r| a.str(r))),
                "items" | "additionalProperties" if kind(raw) == Kind::Object => self.inner(key, raw, o, depth),
                "additionalProperties" if kind(raw) == Kind::Bool => o.raw(key, raw.get()),
                "items" if kind(raw) == Kind::Array => {
                    self.changed = true;
                    o.arr("prefixItems", |a| self.each(raw, a, depth));
                }
                "items" => self.inner(key, raw, o, depth),
                "anyOf" | "oneOf" | "prefixItems" => o.arr(key, |a| self.each(raw, a, depth)),
                _ if KNOWN.contains(&key.as_ref()) => o.member(key, raw.get()),
                _ if is_remark(key) => self.changed = true,
                _ => moved.push((key.clone(), raw)),
            }
        }
        let described_here = wanted("description");
        let words = node.text("description").filter(|_| described_here);
        self.changed |= !moved.is_empty();
        match (&words, moved.is_empty()) {
            (Some(words), true) => o.str("description", words),
            (_, false) => {
                if let Some(text) = described(words.as_ref(), &moved) {
                    o.text("description", &text);
                }
            }
            (None, true) => {}
        }
    }

    /// `$ref`, with the older place of definitions put right.
    fn target(&mut self, raw: &RawValue, o: &mut Obj<'_>) {
        let moved = JsonStr::from_raw(raw).and_then(|t| t.text().strip_prefix("#/definitions/").map(str::to_owned));
        match moved {
            Some(name) => {
                self.changed = true;
                o.text("$ref", &format!("#/$defs/{name}"));
            }
            None => o.raw("$ref", raw.get()),
        }
    }

    fn definitions(&mut self, node: &Node<'r>, o: &mut Obj<'_>, depth: usize) {
        for key in ["$defs", "definitions"] {
            if let Some(raw) = node.get(key) {
                self.named(raw, o, depth);
            }
        }
    }

    fn named(&mut self, raw: &'r RawValue, o: &mut Obj<'_>, depth: usize) {
        let members = Members::of(raw).unwrap_or_default();
        o.obj("$defs", |o| {
            for (name, schema) in members.into_rest() {
                self.inner(&name, schema, o, depth);
            }
        });
    }

    fn inner(&mut self, name: &str, raw: &'r RawValue, o: &mut Obj<'_>, depth: usize) {
        let mut text = Vec::new();
        self.schema(raw, &mut text, depth + 1);
        o.member(name, &String::from_utf8(text).unwrap_or_default());
    }

    fn each(&mut self, raw: &'r RawValue, a: &mut Arr<'_>, depth: usize) {
        for schema in elements(raw).unwrap_or_default() {
            let mut text = Vec::new();
            self.schema(schema, &mut text, depth + 1);
            a.raw(&String::from_utf8(text).unwrap_or_default());
        }
    }
}
