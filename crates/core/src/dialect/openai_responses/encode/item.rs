//! Items to be written: <https://platform.openai.com/docs/api-reference/responses/create#responses-create-input>.

use crate::hub::media::to_data_url;
use crate::hub::{Opaque, ToolKind};
use crate::json::{Arr, JsonStr, Obj, RawValue};

/// One item of `input`.
#[derive(Debug)]
pub(super) enum Item<'r> {
    Call { id: JsonStr<'r>, name: JsonStr<'r>, arguments: JsonStr<'r>, kind: ToolKind },
    Message { role: &'static str, pieces: Vec<Piece<'r>>, phase: Option<JsonStr<'r>> },
    Output { id: JsonStr<'r>, pieces: Vec<Piece<'r>>, kind: ToolKind },
    Reasoning { text: JsonStr<'r>, state: Opaque<'r> },
}

/// A piece of content.
#[derive(Debug)]
pub(super) enum Piece<'r> {
    File { name: JsonStr<'r>, source: Source<'r>, cache: Option<&'r RawValue> },
    Image { source: Source<'r>, detail: Option<JsonStr<'r>>, cache: Option<&'r RawValue> },
    Refusal(JsonStr<'r>),
    Text { text: JsonStr<'r>, cache: Option<&'r RawValue> },
}

/// Where media is.
#[derive(Debug)]
pub(super) enum Source<'r> {
    /// A data URL.
    Data(JsonStr<'r>),
    /// A file id of this very provider.
    File(JsonStr<'r>),
    Url(JsonStr<'r>),
}

impl<'r> Piece<'r> {
    pub(super) fn text(text: JsonStr<'r>) -> Self {
        Self::Text { text, cache: None }
    }
}

impl Source<'_> {
    pub(super) fn data(media_type: &str, data: &JsonStr<'_>) -> Self {
        Self::Data(to_data_url(media_type, data))
    }
}

impl Item<'_> {
    /// Is it the assistant's?
    pub(super) fn is_said(&self) -> bool {
        match self {
            Self::Call { .. } | Self::Reasoning { .. } => true,
            Self::Message { role, .. } => *role == "assistant",
            Self::Output { .. } => false,
        }
    }

    pub(super) fn write(&self, a: &mut Arr<'_>) {
        a.obj(|o| match self {
            Self::Call { id, name, arguments, kind } => {
                let (word, key) = match kind {
                    ToolKind::Custom => ("custom_tool_call", "input"),
                    ToolKind::Function => ("function_call", "arguments"),
                };
                o.text("type", word);
                o.str("call_id", id);
                o.str("name", name);
                o.str(key, arguments);
            }
            Self::Message { role, pieces, phase } => {
                o.text("type", "message");
                o.text("role", role);
                let said = *role == "assistant";
                content(o, "content", pieces, said);
                if let Some(phase) = phase {
                    o.str("phase", phase);
                }
            }
            Self::Output { id, pieces, kind } => {
                o.text(
                    "type",
                    match kind {
                        ToolKind::Custom => "custom_tool_call_output",
                        ToolKind::Function => "function_call_output",
                    },
                );
                o.str("call_id", id);
                output(o, pieces);
            }
            // Without its id: nothing is stored under it.
            Self::Reasoning { text, state } => {
                o.text("type", "reasoning");
                o.arr("summary", |a| {
                    if !text.is_empty() {
                        a.obj(|o| {
                            o.text("type", "summary_text");
                            o.str("text", text);
                        });
                    }
                });
                o.str("encrypted_content", &state.data);
            }
        });
    }
}

/// The assistant's text has no breakpoints and needs no id in its short form, a bare string.
fn content(o: &mut Obj<'_>, key: &str, pieces: &[Piece<'_>], said: bool) {
    if let (true, [Piece::Text { text, .. }]) = (said, pieces) {
        return o.str(key, text);
    }
    o.arr(key, |a| pieces.iter().for_each(|p| a.obj(|o| p.write(o, said))));
}

fn output(o: &mut Obj<'_>, pieces: &[Piece<'_>]) {
    match pieces {
        [] => o.text("output", ""),
        [Piece::Text { text, cache: None }] => o.str("output", text),
        _ => content(o, "output", pieces, false),
    }
}

impl Piece<'_> {
    fn write(&self, o: &mut Obj<'_>, said: bool) {
        let cache = match self {
            Self::Text { text, cache } => {
                o.text("type", if said { "output_text" } else { "input_text" });
                o.str("text", text);
                if said {
                    o.arr("annotations", |_| {});
                }
                *cache
            }
            Self::Refusal(text) => {
                o.text("type", "refusal");
                o.str("refusal", text);
                None
            }
            Self::Image { source, detail, cache } => {
                o.text("type", "input_image");
                match source {
                    Source::Data(url) | Source::Url(url) => o.str("image_url", url),
                    Source::File(id) => o.str("file_id", id),
                }
                match detail {
                    Some(detail) => o.str("detail", detail),
                    None => o.text("detail", "auto"),
                }
                *cache
            }
            Self::File { name, source, cache } => {
                o.text("type", "input_file");
                match source {
                    Source::Data(url) => {
                        o.str("filename", name);
                        o.str("file_data", url);
                    }
                    Source::File(id) => o.str("file_id", id),
                    Source::Url(url) => o.str("file_url", url),
                }
                *cache
            }
        };
        if let Some(mark) = cache {
            o.raw("prompt_cache_breakpoint", mark.get());
        }
    }
}
