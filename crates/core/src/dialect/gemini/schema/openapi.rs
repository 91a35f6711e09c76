//! The older form: a subset of `OpenAPI` schemas (<https://ai.google.dev/api/caching#Schema>), written and read.

use std::borrow::Cow;

use super::node::{Node, described, is_remark, resolve};
use super::{MAX_DEPTH, MAX_WRITTEN};
use crate::json::{JsonStr, Kind, Members, Obj, RawValue, elements, kind, object};

/// References that are put in place inside one another.
const MAX_INLINED: usize = 8;

/// Keywords that are taken as they are.
const KNOWN: &[&str] = &[
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "nullable",
    "pattern",
    "propertyOrdering",
    "title",
];

const FORMATS: &[&str] = &["date-time", "double", "enum", "float", "int32", "int64"];

/// Rewrites `schema`; `None` when nothing is left of it.
pub(super) fn rewrite(schema: &RawValue) -> Option<(String, bool)> {
    let mut walk = Walk { root: schema, changed: false, written: 0 };
    let node = Node::read(schema, schema)?;
    let choice = ["anyOf", "const", "enum", "oneOf", "$ref"].iter().any(|key| node.get(key).is_some());
    let object_type = node.types().iter().all(|t| t == "object");
    if object_type && node.properties.is_empty() && !choice {
        return None;
    }
    let text = walk.schema(schema, Place { depth: 0, inlined: 0, nullable: false });
    Some((text, walk.changed))
}

struct Walk<'r> {
    root: &'r RawValue,
    changed: bool,
    written: usize,
}

#[derive(Clone, Copy)]
struct Place {
    depth: usize,
    inlined: usize,
    nullable: bool,
}

impl Place {
    const fn down(self) -> Self {
        Self { depth: self.depth + 1, inlined: self.inlined, nullable: false }
    }
}

impl<'r> Walk<'r> {
    fn schema(&mut self, raw: &'r RawValue, place: Place) -> String {
        let mut out = Vec::new();
        let fits = place.depth <= MAX_DEPTH && place.inlined <= MAX_INLINED && self.written <= MAX_WRITTEN;
        match Node::read(raw, self.root).filter(|_| fits) {
            None => {
                self.changed = true;
                object(&mut out, |o| o.text("type", "object"));
            }
            Some(node) => object(&mut out, |o| self.node(&node, place, o)),
        }
        self.written += out.len();
        String::from_utf8(out).unwrap_or_default()
    }

    fn node(&mut self, node: &Node<'r>, mut place: Place, o: &mut Obj<'_>) {
        self.changed |= node.merged;
        let mut types = node.types();
        let before = types.len();
        types.retain(|t| t != "null");
        place.nullable |= types.len() < before;
        if let Some(target) = node.text("$ref") {
            return self.inline(node, &target.text(), place, o);
        }
        if let Some(choices) = node.get("anyOf").or_else(|| node.get("oneOf")) {
            self.changed |= node.members.len() > 1 || node.get("oneOf").is_some();
            return self.choices(node, choices, place, o);
        }
        if types.len() > 1 {
            self.changed = true;
            o.arr("anyOf", |a| {
                for word in &types {
                    a.obj(|o| self.members(node, Some(word), place, o));
                }
            });
            return;
        }
        self.changed |= before != types.len();
        self.members(node, types.first(), place, o);
    }

    /// What a reference names, in its place.
    fn inline(&mut self, node: &Node<'r>, target: &str, place: Place, o: &mut Obj<'_>) {
        self.changed = true;
        if let Some(words) = node.text("description") {
            o.str("description", &words);
        }
        let inner = resolve(self.root, target).and_then(|raw| Node::read(raw, self.root));
        match inner.filter(|_| place.inlined < MAX_INLINED && self.written <= MAX_WRITTEN) {
            None => o.text("type", "object"),
            Some(mut inner) => {
                if node.get("description").is_some() {
                    inner.members.retain(|(key, _)| key != "description");
                }
                let place = Place { inlined: place.inlined + 1, ..place };
                self.node(&inner, place, o);
                self.written += target.len() + 16;
            }
        }
    }

    /// `anyOf` takes no siblings; `null` among the choices is `nullable`.
    fn choices(&mut self, node: &Node<'r>, raw: &'r RawValue, mut place: Place, o: &mut Obj<'_>) {
        let all = elements(raw).unwrap_or_default();
        let read: Vec<_> = all.iter().filter_map(|raw| Node::read(raw, self.root)).collect();
        let (nulls, real): (Vec<_>, Vec<_>) = read.into_iter().partition(|n| n.types() == ["null"]);
        place.nullable |= !nulls.is_empty();
        match real.as_slice() {
            [] => o.text("type", "string"),
            [_] => {
                self.changed = true;
                let mut real = real;
                let Some(mut only) = real.pop() else { return };
                if let Some((key, words)) = node.members.iter().find(|(key, _)| key == "description") {
                    only.members.retain(|(k, _)| k != "description");
                    only.members.push((key.clone(), words));
                }
                self.node(&only, place.down_with(place.nullable), o);
            }
            _ => {
                self.changed |= !nulls.is_empty();
                o.arr("anyOf", |a| {
                    for choice in &real {
                        let nullable = place.nullable;
                        a.obj(|o| self.node(choice, place.down_with(nullable), o));
                    }
                });
            }
        }
    }

    fn members(&mut self, node: &Node<'r>, word: Option<&String>, place: Place, o: &mut Obj<'_>) {
        let mut moved: Vec<(Cow<'_, str>, &RawValue)> = Vec::new();
        let mut nullable = place.nullable;
        let listed = node.get("enum").is_some() || node.get("const").is_some();
        let odd = |raw: &RawValue| kind(raw) != Kind::String && kind(raw) != Kind::Null;
        let values: Vec<&RawValue> = match (node.get("enum"), node.get("const")) {
            (Some(list), _) => elements(list).unwrap_or_default(),
            (None, Some(one)) => vec![one],
            (None, None) => Vec::new(),
        };
        // An enumeration is one of strings.
        let as_text = listed && values.iter().any(|v| odd(v));
        let word = if listed && (as_text || word.is_none()) { Some("string") } else { word.map(String::as_str) };
        if let Some(word) = word {
            self.changed |= node.text("type").is_none_or(|t| t.text() != word && t.text().to_ascii_lowercase() != word);
            o.text("type", word);
        } else if !node.properties.is_empty() {
            self.changed = true;
            o.text("type", "object");
        }
        for (key, raw) in &node.members {
            match key.as_ref() {
                "description" | "type" => {}
                "enum" | "const" => {
                    self.changed |= key == "const" || as_text;
                    nullable |= values.iter().any(|v| kind(v) == Kind::Null);
                    o.arr("enum", |a| {
                        for value in values.iter().filter(|v| kind(v) != Kind::Null) {
                            match JsonStr::from_raw(value) {
                                Some(text) => a.str(&text),
                                None => a.text(value.get()),
                            }
                        }
                    });
                }
                "nullable" => nullable |= raw.get() == "true",
                "properties" => o.obj("properties", |o| {
                    for (name, schema) in &node.properties {
                        let text = self.schema(schema, place.down());
                        o.member(name, &text);
                    }
                }),
                "required" => {
                    let known: Vec<_> = node
                        .required
                        .iter()
                        .filter(|r| node.properties.iter().any(|(name, _)| **r == name.as_ref()))
                        .collect();
                    self.changed |= known.len() < node.required.len();
                    if !known.is_empty() {
                        o.arr("required", |a| known.iter().for_each(|r| a.str(r)));
                    }
                }
                "items" if kind(raw) == Kind::Object => {
                    let text = self.schema(raw, place.down());
                    o.raw("items", &text);
                }
                "format" if JsonStr::from_raw(raw).is_some_and(|f| FORMATS.contains(&f.text().as_ref())) => {
                    o.raw("format", raw.get());
                }
                _ if KNOWN.contains(&key.as_ref()) => o.member(key, raw.get()),
                "$defs" | "additionalProperties" | "definitions" => self.changed = true,
                _ if is_remark(key) || key.starts_with('$') => self.changed = true,
                _ => moved.push((key.clone(), raw)),
            }
        }
        if word == Some("array") && node.get("items").is_none_or(|raw| kind(raw) != Kind::Object) {
            self.changed = true;
            moved.retain(|(key, _)| key != "items");
            o.obj("items", |o| o.text("type", "string"));
        }
        self.changed |= !moved.is_empty();
        if let Some(words) = described(node.text("description").as_ref(), &moved) {
            o.text("description", &words);
        }
        if nullable {
            o.bool("nullable", true);
        }
    }
}

impl Place {
    const fn down_with(self, nullable: bool) -> Self {
        Self { depth: self.depth + 1, inlined: self.inlined, nullable }
    }
}

/// A schema of this form as JSON Schema.
pub(in super::super) fn from_openapi(schema: &RawValue) -> Cow<'_, RawValue> {
    let mut out = Vec::with_capacity(schema.get().len());
    read(schema, &mut out, 0);
    let text = String::from_utf8(out).unwrap_or_default();
    RawValue::from_string(text).map_or(Cow::Borrowed(schema), Cow::Owned)
}

fn read(raw: &RawValue, out: &mut Vec<u8>, depth: usize) {
    let Some(members) = Members::of(raw).ok().filter(|_| depth <= MAX_DEPTH) else {
        return out.extend_from_slice(raw.get().as_bytes());
    };
    let nullable = members.get("nullable").is_some_and(|n| n.get() == "true");
    let lower = |raw: &RawValue| JsonStr::from_raw(raw).map(|t| t.text().to_ascii_lowercase());
    object(out, |o| {
        for (key, raw) in members.iter() {
            let name = match key {
                "any_of" => "anyOf",
                "max_items" => "maxItems",
                "max_length" => "maxLength",
                "max_properties" => "maxProperties",
                "min_items" => "minItems",
                "min_length" => "minLength",
                "min_properties" => "minProperties",
                other => other,
            };
            match name {
                "nullable" | "propertyOrdering" | "property_ordering" => {}
                "type" => match lower(raw).as_deref() {
                    Some("type_unspecified") => {}
                    Some(word) if nullable => o.arr("type", |a| {
                        a.text(word);
                        a.text("null");
                    }),
                    Some(word) => o.text("type", word),
                    None => o.raw("type", raw.get()),
                },
                "format" if lower(raw).as_deref() == Some("enum") => {}
                "anyOf" => o.arr("anyOf", |a| {
                    for choice in elements(raw).unwrap_or_default() {
                        a.raw(&inner(choice, depth));
                    }
                    if nullable && members.get("type").is_none() {
                        a.obj(|o| o.text("type", "null"));
                    }
                }),
                "items" => o.raw("items", &inner(raw, depth)),
                "properties" | "defs" | "$defs" => o.obj(name, |o| {
                    for (name, schema) in Members::of(raw).unwrap_or_default().iter() {
                        o.member(name, &inner(schema, depth));
                    }
                }),
                // 64-bit integers come as strings.
                "maxItems" | "maxLength" | "maxProperties" | "minItems" | "minLength" | "minProperties" => {
                    let text = JsonStr::from_raw(raw).map(|t| t.text().into_owned());
                    let number = text.filter(|t| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit()));
                    o.raw(name, number.as_deref().unwrap_or(raw.get()));
                }
                _ => o.member(name, raw.get()),
            }
        }
    });
}

fn inner(raw: &RawValue, depth: usize) -> String {
    let mut out = Vec::new();
    read(raw, &mut out, depth + 1);
    String::from_utf8(out).unwrap_or_default()
}
