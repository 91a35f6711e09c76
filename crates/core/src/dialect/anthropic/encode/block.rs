//! The blocks a translated request is made of, and how they are written.

use std::borrow::Cow;

use crate::json::{Arr, JsonStr, Obj};

/// A block on its way out. Text of the caller stays borrowed and escaped as it came.
#[derive(Clone, Debug)]
pub(super) struct Block<'r> {
    pub(super) kind: Kind<'r>,
    /// The JSON text of `cache_control`.
    pub(super) cache: Option<Cow<'r, str>>,
}

#[derive(Clone, Debug)]
pub(super) enum Kind<'r> {
    Document {
        source: Source<'r>,
        title: Option<JsonStr<'r>>,
    },
    Image(Source<'r>),
    Redacted(JsonStr<'r>),
    Text(JsonStr<'r>),
    Thinking {
        text: JsonStr<'r>,
        signature: JsonStr<'r>,
    },
    ToolResult {
        id: JsonStr<'r>,
        content: Content<'r>,
        is_error: bool,
    },
    /// `input` is JSON text: one object.
    ToolUse {
        id: JsonStr<'r>,
        name: JsonStr<'r>,
        input: Cow<'r, str>,
    },
}

/// Content of a tool result, in the form the caller wrote it.
#[derive(Clone, Debug)]
pub(super) enum Content<'r> {
    Absent,
    Blocks(Vec<Block<'r>>),
    Text(JsonStr<'r>),
}

#[derive(Clone, Debug)]
pub(super) enum Source<'r> {
    Base64 { media_type: Cow<'r, str>, data: JsonStr<'r> },
    File(JsonStr<'r>),
    Text(JsonStr<'r>),
    Url(JsonStr<'r>),
}

/// A message on its way out.
#[derive(Clone, Debug)]
pub(super) struct Message<'r> {
    pub(super) role: &'static str,
    pub(super) blocks: Vec<Block<'r>>,
}

impl<'r> Block<'r> {
    pub(super) fn text(text: JsonStr<'r>) -> Self {
        Kind::Text(text).into()
    }

    pub(super) fn is_thinking(&self) -> bool {
        matches!(self.kind, Kind::Thinking { .. } | Kind::Redacted(_))
    }

    pub(super) fn is_tool_result(&self) -> bool {
        matches!(self.kind, Kind::ToolResult { .. })
    }

    pub(super) fn write(&self, a: &mut Arr<'_>) {
        a.obj(|o| {
            self.kind.write(o);
            if let Some(cache) = &self.cache {
                o.raw("cache_control", cache);
            }
        });
    }
}

impl<'r> From<Kind<'r>> for Block<'r> {
    fn from(kind: Kind<'r>) -> Self {
        Self { kind, cache: None }
    }
}

impl Kind<'_> {
    fn write(&self, o: &mut Obj<'_>) {
        match self {
            Self::Document { source, title } => {
                o.text("type", "document");
                source.write(o);
                if let Some(title) = title {
                    o.str("title", title);
                }
            }
            Self::Image(source) => {
                o.text("type", "image");
                source.write(o);
            }
            Self::Redacted(data) => {
                o.text("type", "redacted_thinking");
                o.str("data", data);
            }
            Self::Text(text) => {
                o.text("type", "text");
                o.str("text", text);
            }
            Self::Thinking { text, signature } => {
                o.text("type", "thinking");
                o.str("thinking", text);
                o.str("signature", signature);
            }
            Self::ToolResult { id, content, is_error } => {
                o.text("type", "tool_result");
                o.str("tool_use_id", id);
                content.write(o);
                if *is_error {
                    o.bool("is_error", true);
                }
            }
            Self::ToolUse { id, name, input } => {
                o.text("type", "tool_use");
                o.str("id", id);
                o.str("name", name);
                o.raw("input", input);
            }
        }
    }
}

impl Content<'_> {
    fn write(&self, o: &mut Obj<'_>) {
        match self {
            Self::Absent => {}
            Self::Blocks(blocks) => o.arr("content", |a| blocks.iter().for_each(|b| b.write(a))),
            Self::Text(text) => o.str("content", text),
        }
    }
}

impl Source<'_> {
    fn write(&self, o: &mut Obj<'_>) {
        o.obj("source", |o| match self {
            Self::Base64 { media_type, data } => {
                o.text("type", "base64");
                o.text("media_type", media_type);
                o.str("data", data);
            }
            Self::File(id) => {
                o.text("type", "file");
                o.str("file_id", id);
            }
            Self::Text(text) => {
                o.text("type", "text");
                o.text("media_type", "text/plain");
                o.str("data", text);
            }
            Self::Url(url) => {
                o.text("type", "url");
                o.str("url", url);
            }
        });
    }
}
