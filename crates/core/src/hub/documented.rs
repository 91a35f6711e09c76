//! Tools of Anthropic that are ordinary functions in disguise, and what their descriptions carry besides.

use super::Losses;
use crate::json::{Ext, JsonStr, elements};

/// An Anthropic tool the client itself executes, whose arguments are documented: an ordinary function does as well
/// (<https://docs.anthropic.com/en/docs/agents-and-tools/tool-use/overview>).
#[derive(Debug)]
pub struct Documented {
    /// Its versioned types start so.
    prefix: &'static str,
    pub name: &'static str,
    pub description: &'static str,
    pub schema: &'static str,
}

impl Documented {
    const ALL: &[Self] = &[
        Self {
            prefix: "bash_",
            name: "bash",
            description: "Run a command in a persistent bash session.",
            schema: r#"{"type":"object","properties":{"command":{"type":"string","description":"The command to run."},"restart":{"type":"boolean","description":"Restart the session instead."}}}"#,
        },
        Self {
            prefix: "text_editor_",
            name: "str_replace_based_edit_tool",
            description: "View, create and edit text files.",
            schema: r#"{"type":"object","properties":{"command":{"type":"string","enum":["view","create","str_replace","insert"]},"path":{"type":"string"},"file_text":{"type":"string","description":"For create."},"old_str":{"type":"string","description":"For str_replace."},"new_str":{"type":"string","description":"For str_replace."},"insert_line":{"type":"integer","description":"For insert."},"insert_text":{"type":"string","description":"For insert."},"view_range":{"type":"array","items":{"type":"integer"},"description":"For view."}},"required":["command","path"]}"#,
        },
        Self {
            prefix: "memory_",
            name: "memory",
            description: "Keep notes in files under /memories.",
            schema: r#"{"type":"object","properties":{"command":{"type":"string","enum":["view","create","str_replace","insert","delete","rename"]},"path":{"type":"string"},"file_text":{"type":"string"},"old_str":{"type":"string"},"new_str":{"type":"string"},"insert_line":{"type":"integer"},"insert_text":{"type":"string"},"old_path":{"type":"string"},"new_path":{"type":"string"},"view_range":{"type":"array","items":{"type":"integer"}}},"required":["command"]}"#,
        },
    ];

    /// The tool whose versions `kind` is one of.
    pub fn of(kind: &str) -> Option<&'static Self> {
        Self::ALL.iter().find(|d| kind.starts_with(d.prefix))
    }
}

/// The description of a tool, with the examples a foreign definition carries; everything else it carries is named as lost.
pub fn described<'a>(description: Option<&'a JsonStr<'a>>, ext: &Ext<'_>, losses: &mut Losses) -> Option<JsonStr<'a>> {
    let mut text = description.map(JsonStr::borrowed);
    for (key, raw) in ext {
        match elements(raw) {
            Ok(examples) if key == "input_examples" => {
                losses.approx("tools.input_examples");
                let text = text.get_or_insert_default();
                if !text.is_empty() {
                    text.push(&JsonStr::written("\\n\\n"));
                }
                text.push(&JsonStr::written("Examples of the input:"));
                for example in examples {
                    text.push(&JsonStr::owned(&format!("\n{}", example.get())));
                }
            }
            _ => losses.drop(format!("tools.{key}")),
        }
    }
    text
}
