//! Structured output: <https://docs.anthropic.com/en/docs/build-with-claude/structured-outputs>.
//!
//! A schema goes into `output_config.format` where the model and the schema allow it. Elsewhere a tool stands in, whose
//! arguments are the answer; the reply's decoders hide it again.

use crate::hub::{OutputFormat, Untranslatable};
use crate::json::{JsonStr, object};

use super::super::schema;
use super::Context;
use super::block::Block;
use super::tools::Tools;

/// Asks for JSON in words: Anthropic has no mode for JSON of any shape.
const JSON_ONLY: &str = "Respond with a single valid JSON object and nothing else: no code fences, no explanation.";

/// The JSON text of `output_config.format`, if that is how the caller's format is said.
pub(super) fn plan<'r>(
    cx: &mut Context<'r>,
    tools: &mut Tools<'r>,
    system: &mut Vec<Block<'r>>,
) -> Result<Option<String>, Untranslatable> {
    let request = cx.request;
    match &request.output {
        OutputFormat::Text => Ok(None),
        OutputFormat::JsonObject => {
            cx.losses.approx("response_format");
            system.push(Block::text(JsonStr::escape(JSON_ONLY)));
            Ok(None)
        }
        OutputFormat::JsonSchema { schema, description, .. } => {
            if description.is_some() {
                cx.losses.drop("response_format.json_schema.description");
            }
            let restricted = if cx.model.structured { schema::restrict(schema).ok() } else { None };
            if let Some(restricted) = restricted {
                if restricted.changed {
                    cx.losses.approx("response_format.json_schema.schema");
                }
                return Ok(Some(format(&restricted.text)));
            }
            cx.losses.approx("response_format");
            if schema::is_object_schema(schema) {
                tools.add_json_tool(cx, schema);
            } else {
                let words = format!("{JSON_ONLY}\nThe answer must match this JSON Schema:\n{}", schema.get());
                system.push(Block::text(JsonStr::owned(&words)));
            }
            Ok(None)
        }
        OutputFormat::Other(_) => {
            Err(Untranslatable::new("response_format", "unknown output format; use json_schema, json_object or text"))
        }
    }
}

fn format(schema: &str) -> String {
    let mut out = Vec::new();
    object(&mut out, |o| {
        o.text("type", "json_schema");
        o.raw("schema", schema);
    });
    String::from_utf8(out).unwrap_or_default()
}
