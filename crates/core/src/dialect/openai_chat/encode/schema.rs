//! The little we ask of JSON schemas. They are never parsed into values: what is forwarded is the caller's text.

use crate::json::{JsonStr, Kind, Members, RawValue, elements, kind, object};

/// Deeper schemas are copied unread.
const MAX_DEPTH: u32 = 48;

/// The schema without a `$schema` at its root, which some providers refuse; everything else is copied as it is.
pub(super) fn without_dialect(schema: &RawValue) -> Option<String> {
    let mut m = Members::of(schema).ok()?;
    m.take("$schema")?;
    let mut out = Vec::with_capacity(schema.get().len());
    object(&mut out, |o| m.iter().for_each(|(k, v)| o.member(k, v.get())));
    String::from_utf8(out).ok()
}

/// The schema without the regular expressions that some grammar compilers die of: lookaround is left out, `\\0` is
/// spelled `\\x00`. `None` if it has none of them: most schemas are copied as they are.
pub(super) fn with_plain_patterns(schema: &RawValue) -> Option<String> {
    let text = schema.get();
    let suspicious = ["(?=", "(?!", "(?<", "\\\\0"].iter().any(|mark| text.contains(mark));
    if !suspicious || !text.contains("\"pattern\"") {
        return None;
    }
    let mut out = Vec::with_capacity(text.len());
    patterns(schema, MAX_DEPTH, &mut out);
    String::from_utf8(out).ok().filter(|rewritten| rewritten != text)
}

fn patterns(schema: &RawValue, depth: u32, out: &mut Vec<u8>) {
    let (Ok(members), true) = (Members::of(schema), depth > 0) else {
        out.extend_from_slice(schema.get().as_bytes());
        return;
    };
    let text = |write: &dyn Fn(&mut Vec<u8>)| {
        let mut inner = Vec::new();
        write(&mut inner);
        String::from_utf8(inner).unwrap_or_default()
    };
    object(out, |o| {
        for (key, value) in members.iter() {
            match (key, kind(value)) {
                ("pattern", Kind::String) => {
                    let pattern = JsonStr::from_raw(value).unwrap_or_default().into_text();
                    if !["(?=", "(?!", "(?<=", "(?<!"].iter().any(|mark| pattern.contains(mark)) {
                        o.text("pattern", &pattern.replace("\\0", "\\x00"));
                    }
                }
                // Names under these are the caller's, never keywords (pitfall 108).
                ("properties" | "$defs" | "definitions" | "patternProperties", Kind::Object) => {
                    let named = Members::of(value).unwrap_or_default();
                    o.obj(key, |o| {
                        named
                            .iter()
                            .for_each(|(name, value)| o.member(name, &text(&|out| patterns(value, depth - 1, out))));
                    });
                }
                ("anyOf" | "allOf" | "oneOf" | "prefixItems", Kind::Array) => {
                    let list = elements(value).unwrap_or_default();
                    o.arr(key, |a| list.iter().for_each(|one| a.raw(&text(&|out| patterns(one, depth - 1, out)))));
                }
                ("items" | "additionalProperties" | "not" | "if" | "then" | "else" | "contains", Kind::Object) => {
                    o.raw(key, &text(&|out| patterns(value, depth - 1, out)));
                }
                _ => o.member(key, value.get()),
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_rewritten_where_they_are_patterns() {
        // pitfall 113
        let raw = |text: &str| RawValue::from_string(text.to_owned()).unwrap();
        let schema = raw(
            r#"{"properties":{"pattern":{"pattern":"^(?!x)a"},"b":{"items":{"pattern":"[^\\0]","n":1e2}}},"anyOf":[{"pattern":"(?=y)"}]}"#,
        );
        assert_eq!(
            with_plain_patterns(&schema).unwrap(),
            r#"{"properties":{"pattern":{},"b":{"items":{"pattern":"[^\\x00]","n":1e2}}},"anyOf":[{}]}"#
        );
        for untouched in [
            r#"{"pattern":"^a$"}"#,
            r#"{"description":"(?=x) \\0"}"#,
            r#"{"properties":{"pattern":{"const":"(?=x)"}}}"#,
        ] {
            assert_eq!(with_plain_patterns(&raw(untouched)), None, "{untouched}");
        }
    }
}
