//! JSON Schemas within Gemini's limits, and its own older form read as JSON Schema.
//!
//! Models since 2.5 take JSON Schema, though not all of it (`parametersJsonSchema`, `responseJsonSchema`:
//! <https://ai.google.dev/gemini-api/docs/structured-output#json-schema-support>); older ones take a subset of `OpenAPI`
//! (<https://ai.google.dev/api/caching#Schema>). A schema that fits is sent as it was written. What a target has no
//! keyword for moves into the description, where the model still reads it. Names under `properties` and `$defs` are the
//! caller's, never keywords.

mod node;
mod openapi;
mod standard;

use std::borrow::Cow;

use crate::json::RawValue;

pub(super) use openapi::from_openapi;

/// A schema for one target, and whether it had to be changed.
#[derive(Debug)]
pub(super) struct Fitted<'r> {
    pub(super) text: Cow<'r, str>,
    pub(super) changed: bool,
}

/// Deepest schema that is rewritten; deeper ones are cut to any object.
const MAX_DEPTH: usize = 64;

/// Most bytes that are written for one schema while references are put in place.
const MAX_WRITTEN: usize = 4 << 20;

/// The schema as models since 2.5 take it.
pub(super) fn json_schema(schema: &RawValue) -> Fitted<'_> {
    let (text, changed) = standard::rewrite(schema);
    Fitted { text: if changed { Cow::Owned(text) } else { Cow::Borrowed(schema.get()) }, changed }
}

/// The schema as older models take it; `None` for one without members, which they refuse.
pub(super) fn openapi(schema: &RawValue) -> Option<Fitted<'_>> {
    let (text, changed) = openapi::rewrite(schema)?;
    Some(Fitted { text: if changed { Cow::Owned(text) } else { Cow::Borrowed(schema.get()) }, changed })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).unwrap()
    }

    #[test]
    fn json_schema_keywords() {
        // pitfalls 106, 108, 110, 111
        for (given, want) in [
            (
                r#"{"type":"object","properties":{"b":{"type":"string","pattern":"x","minLength":1},"a":{"type":"integer","minimum":1}},"required":["b"],"additionalProperties":false}"#,
                None,
            ),
            (r#"{"$schema":"https://json-schema.org/x","type":"object"}"#, Some(r#"{"type":"object"}"#)),
            (
                r#"{"type":"integer","exclusiveMinimum":3,"exclusiveMaximum":9}"#,
                Some(r#"{"type":"integer","minimum":4,"maximum":8}"#),
            ),
            (
                r#"{"type":"number","exclusiveMinimum":0}"#,
                Some(r#"{"type":"number","minimum":0,"description":"(exclusiveMinimum: 0)"}"#),
            ),
            (r#"{"const":"x"}"#, Some(r#"{"enum":["x"]}"#)),
            (
                r#"{"type":["string","null"],"description":"d","pattern":"p"}"#,
                Some(r#"{"description":"d","anyOf":[{"type":"string","pattern":"p"},{"type":"null"}]}"#),
            ),
            (r#"{"type":["string"]}"#, Some(r#"{"type":"string"}"#)),
            (r#"{"description":"d","multipleOf":2}"#, Some(r#"{"description":"d (multipleOf: 2)"}"#)),
            // A property may be called like a keyword.
            (
                r#"{"type":"object","properties":{"const":{"type":"string"},"multipleOf":{"const":1},"format":{"type":"string"}}}"#,
                Some(
                    r#"{"type":"object","properties":{"const":{"type":"string"},"multipleOf":{"enum":[1]},"format":{"type":"string"}}}"#,
                ),
            ),
            (
                r##"{"type":"object","properties":{"p":{"$ref":"#/definitions/P"}},"definitions":{"P":{"type":"object"}}}"##,
                Some(r##"{"type":"object","properties":{"p":{"$ref":"#/$defs/P"}},"$defs":{"P":{"type":"object"}}}"##),
            ),
            (
                r##"{"$ref":"#/$defs/P","description":"d","$defs":{"P":{"type":"string"}}}"##,
                Some(r##"{"description":"d","anyOf":[{"$ref":"#/$defs/P"}],"$defs":{"P":{"type":"string"}}}"##),
            ),
            (
                r#"{"allOf":[{"type":"object","properties":{"a":{"type":"string"}},"required":["a"]},{"properties":{"b":{"type":"number"}},"required":["b","a"]}]}"#,
                Some(
                    r#"{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"number"}},"required":["a","b"]}"#,
                ),
            ),
            (r#"{"type":"array","items":true}"#, Some(r#"{"type":"array","items":{}}"#)),
            (
                r#"{"oneOf":[{"type":"string"},{"type":"integer","exclusiveMaximum":5}]}"#,
                Some(r#"{"oneOf":[{"type":"string"},{"type":"integer","maximum":4}]}"#),
            ),
        ] {
            let given = raw(given);
            let fitted = json_schema(&given);
            assert_eq!(fitted.text, want.unwrap_or(given.get()), "{}", given.get());
            assert_eq!(fitted.changed, want.is_some(), "{}", given.get());
        }
    }

    #[test]
    fn openapi_keywords() {
        for (given, want) in [
            (r#"{"type":"object","properties":{"a":{"type":"string","enum":["x","y"]}},"required":["a"]}"#, None),
            (r#"{"type":["string","null"]}"#, Some(r#"{"type":"string","nullable":true}"#)),
            (r#"{"enum":[1,2]}"#, Some(r#"{"type":"string","enum":["1","2"]}"#)),
            (r#"{"const":"x"}"#, Some(r#"{"type":"string","enum":["x"]}"#)),
            (
                r#"{"type":"object","properties":{"a":{"type":"string"}},"required":["a","gone"],"additionalProperties":false}"#,
                Some(r#"{"type":"object","properties":{"a":{"type":"string"}},"required":["a"]}"#),
            ),
            (
                r#"{"anyOf":[{"type":"string"},{"type":"null"}],"description":"d"}"#,
                Some(r#"{"type":"string","description":"d","nullable":true}"#),
            ),
            (
                r#"{"description":"d","oneOf":[{"type":"string"},{"type":"integer"}]}"#,
                Some(r#"{"anyOf":[{"type":"string"},{"type":"integer"}]}"#),
            ),
            (
                r##"{"type":"object","properties":{"p":{"$ref":"#/$defs/P","description":"d"}},"$defs":{"P":{"type":"string"}}}"##,
                Some(r#"{"type":"object","properties":{"p":{"description":"d","type":"string"}}}"#),
            ),
            (r#"{"type":"string","format":"uuid"}"#, Some(r#"{"type":"string","description":"(format: \"uuid\")"}"#)),
            (r#"{"type":"array"}"#, Some(r#"{"type":"array","items":{"type":"string"}}"#)),
        ] {
            let given = raw(given);
            let fitted = openapi(&given).unwrap();
            assert_eq!(fitted.text, want.unwrap_or(given.get()), "{}", given.get());
        }
        assert!(openapi(&raw("{}")).is_none());
        assert!(openapi(&raw(r#"{"type":"object","properties":{}}"#)).is_none());
        // A reference to itself ends somewhere.
        let loops = raw(r##"{"type":"object","properties":{"next":{"$ref":"#"}}}"##);
        assert!(openapi(&loops).unwrap().text.len() < 2_000);
    }

    #[test]
    fn a_reference_bomb_stays_small() {
        let definition = |n: u32| {
            let next = n + 1;
            format!(
                r##""d{n}":{{"type":"object","properties":{{"a":{{"$ref":"#/$defs/d{next}"}},"b":{{"$ref":"#/$defs/d{next}"}}}}}},"##
            )
        };
        let defs: String = (0..30).map(definition).collect();
        let bomb = raw(&format!(r##"{{"$ref":"#/$defs/d0","$defs":{{{defs}"d30":{{"type":"string"}}}}}}"##));
        assert!(openapi(&bomb).unwrap().text.len() < 8 << 20);
        assert!(json_schema(&bomb).text.len() < 8 << 20);
    }

    #[test]
    fn openapi_is_read_as_json_schema() {
        for (given, want) in [
            (
                r#"{"type":"OBJECT","properties":{"type":{"type":"STRING","nullable":true},"n":{"type":"INTEGER","format":"int32"}},"required":["n"],"propertyOrdering":["n","type"]}"#,
                r#"{"type":"object","properties":{"type":{"type":["string","null"]},"n":{"type":"integer","format":"int32"}},"required":["n"]}"#,
            ),
            (
                r#"{"type":"ARRAY","min_items":"1","items":{"any_of":[{"type":"STRING"},{"type":"NUMBER"}],"nullable":true}}"#,
                r#"{"type":"array","minItems":1,"items":{"anyOf":[{"type":"string"},{"type":"number"},{"type":"null"}]}}"#,
            ),
            (r#"{"type":"STRING","format":"enum","enum":["a"]}"#, r#"{"type":"string","enum":["a"]}"#),
        ] {
            let given = raw(given);
            assert_eq!(from_openapi(&given).get(), want);
        }
    }
}
