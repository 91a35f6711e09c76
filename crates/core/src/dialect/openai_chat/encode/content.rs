//! Pieces of content, and the messages made of them.

use std::borrow::Cow;

use crate::dialect::openai_chat::wire::NAME_LIMIT;
use crate::hub::{
    Arguments, CacheMark, Document, Image, MediaSource, Opaque, OpaqueKind, Part, Reasoning, Text, ToolCall, ToolKind,
    Turn, Untranslatable, free_text,
    history::{self, Rendered},
    media,
};
use crate::json::{JsonStr, RawValue};
use crate::provider::ReasoningField;

use super::Encoder;
use super::answer::Answer;

/// A content part to be written.
#[derive(Debug)]
pub(super) enum Piece<'r> {
    File { media_type: Cow<'r, str>, data: JsonStr<'r>, name: JsonStr<'r>, cache: Option<&'r RawValue> },
    Image { link: Link<'r>, detail: Option<JsonStr<'r>>, cache: Option<&'r RawValue> },
    Text { text: JsonStr<'r>, cache: Option<&'r RawValue> },
}

/// Where an image is.
#[derive(Debug)]
pub(super) enum Link<'r> {
    Data { media_type: Cow<'r, str>, data: JsonStr<'r> },
    Url(JsonStr<'r>),
}

/// A call to be written, with the slot of its answer.
#[derive(Debug)]
pub(super) struct Call<'r> {
    pub(super) id: JsonStr<'r>,
    pub(super) name: JsonStr<'r>,
    pub(super) arguments: JsonStr<'r>,
    pub(super) answer: Option<Answer<'r>>,
}

/// Earlier reasoning that goes back to the provider.
#[derive(Debug)]
pub(super) enum Thought<'r> {
    Encrypted(JsonStr<'r>),
    /// A whole entry of `reasoning_details`, as JSON text.
    Entry(Cow<'r, str>),
    Text {
        text: JsonStr<'r>,
        signature: Option<JsonStr<'r>>,
    },
}

impl<'r> Piece<'r> {
    pub(super) fn plain(text: JsonStr<'r>) -> Self {
        Self::Text { text, cache: None }
    }

    pub(super) fn note(text: &str) -> Self {
        Self::plain(JsonStr::owned(text))
    }

    /// Marks text as the system's, inside a user turn.
    pub(super) fn system_note(self) -> Self {
        match self {
            Self::Text { text, cache } => {
                let mut marked = JsonStr::written("<system-note>\\n");
                marked.push(&text);
                marked.push(&JsonStr::written("\\n</system-note>"));
                Self::Text { text: marked, cache }
            }
            Self::File { .. } | Self::Image { .. } => self,
        }
    }

    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::File { .. } => "document",
            Self::Image { .. } => "image",
            Self::Text { .. } => "text",
        }
    }

    pub(super) const fn cache(&self) -> Option<&'r RawValue> {
        match self {
            Self::File { cache, .. } | Self::Image { cache, .. } | Self::Text { cache, .. } => *cache,
        }
    }
}

impl Thought<'_> {
    /// Stands for reasoning that got lost on the way: the provider wants the member, if only empty (pitfall 80).
    pub(super) fn lost() -> Self {
        Self::Text { text: JsonStr::default(), signature: None }
    }
}

impl<'r> Encoder<'r> {
    /// The pieces of a system turn.
    pub(super) fn pieces(
        &mut self,
        turn: &'r Turn<'r>,
        path: &str,
        out: &mut Vec<Piece<'r>>,
    ) -> Result<(), Untranslatable> {
        for (n, part) in turn.parts.iter().enumerate() {
            if let Part::Text(text) = part
                && text.is_billing()
            {
                self.losses.drop(format!("{path}[{n}]"));
                continue;
            }
            self.piece(part, &format!("{path}[{n}]"), out)?;
        }
        self.left_over("messages", &turn.ext);
        Ok(())
    }

    /// What one part becomes: mostly one piece, nothing for empty text, several for a document of blocks.
    pub(super) fn piece(
        &mut self,
        part: &'r Part<'r>,
        path: &str,
        out: &mut Vec<Piece<'r>>,
    ) -> Result<(), Untranslatable> {
        match part {
            Part::Document(document) => self.document(document, path, out)?,
            Part::Image(image) => {
                let piece = self.image(image, path)?;
                out.push(piece);
            }
            Part::Refusal(text) => {
                self.losses.approx("messages.refusal");
                out.push(Piece::plain(text.borrowed()));
            }
            Part::Text(Text { text, cache, ext, opaque }) => {
                if opaque.is_some() {
                    // Another model's state.
                    self.losses.drop("messages.thoughtSignature");
                }
                self.left_over("messages.text", ext);
                let cache = self.mark(*cache);
                if !text.is_empty() {
                    out.push(Piece::Text { text: text.borrowed(), cache });
                }
            }
            Part::Other { kind, raw } => match history::render(kind, raw) {
                Rendered::Nothing => self.losses.drop(format!("messages.{kind}")),
                Rendered::Refused(why) => return Err(Untranslatable::new(path, why)),
                Rendered::Text(text) => {
                    self.losses.approx(format!("messages.{kind}"));
                    out.push(Piece::plain(JsonStr::owned(&text)));
                }
            },
            Part::Reasoning(_) => self.losses.drop("messages.thinking"),
            Part::ToolCall(_) => self.losses.drop("messages.tool_use"),
            Part::ToolResult(_) => self.losses.drop("messages.tool_result"),
        }
        Ok(())
    }

    fn mark(&mut self, mark: Option<CacheMark<'r>>) -> Option<&'r RawValue> {
        let CacheMark(raw) = mark?;
        if self.quirks.cache_control {
            return Some(raw);
        }
        self.losses.drop("cache_control");
        None
    }

    fn image(&mut self, image: &'r Image<'r>, path: &str) -> Result<Piece<'r>, Untranslatable> {
        self.left_over("messages.image", &image.ext);
        let link = match &image.source {
            MediaSource::Base64 { media_type, data } => {
                // What the bytes are counts, not what they were called (pitfall 127).
                let media_type = media::shown_type(data).map_or(Cow::Borrowed(media_type.as_ref()), Cow::Borrowed);
                Link::Data { media_type, data: data.borrowed() }
            }
            MediaSource::Url(url) => Link::Url(url.borrowed()),
            MediaSource::Blocks(_) | MediaSource::File(_) | MediaSource::Other(_) | MediaSource::Text(_) => {
                return Err(Untranslatable::unreachable(path, "image"));
            }
        };
        let detail = image.detail.as_ref().map(JsonStr::borrowed);
        Ok(Piece::Image { link, detail, cache: self.mark(image.cache) })
    }

    fn document(
        &mut self,
        document: &'r Document<'r>,
        path: &str,
        out: &mut Vec<Piece<'r>>,
    ) -> Result<(), Untranslatable> {
        self.left_over("messages.document", &document.ext);
        let title = document.title.as_ref().filter(|t| !t.is_empty());
        match &document.source {
            MediaSource::Base64 { media_type, data } => {
                if !self.quirks.file_parts {
                    return Err(Untranslatable::new(
                        format!("{path}.source"),
                        "the target takes no documents; send text",
                    ));
                }
                let media_type = if media_type.is_empty() { "application/pdf" } else { media_type.as_ref() };
                let name = title.map_or_else(|| JsonStr::written("document.pdf"), JsonStr::borrowed);
                let cache = self.mark(document.cache);
                out.push(Piece::File { media_type: Cow::Borrowed(media_type), data: data.borrowed(), name, cache });
            }
            MediaSource::Blocks(parts) => {
                self.mark(document.cache);
                out.extend(title.map(|t| Piece::plain(media::headed(t, None))));
                for (n, part) in parts.iter().enumerate() {
                    self.piece(part, &format!("{path}.source.content[{n}]"), out)?;
                }
            }
            MediaSource::Text(text) => {
                let cache = self.mark(document.cache);
                let text = title.map_or_else(|| text.borrowed(), |title| media::headed(title, Some(text)));
                out.push(Piece::Text { text, cache });
            }
            MediaSource::File(_) | MediaSource::Other(_) | MediaSource::Url(_) => {
                return Err(Untranslatable::unreachable(path, "document"));
            }
        }
        Ok(())
    }

    /// Reasoning goes back only where the provider has a place for it; it never becomes content (pitfall 87).
    pub(super) fn thought(&mut self, reasoning: &'r Reasoning<'r>) -> Option<Thought<'r>> {
        let field = self.quirks.reasoning_field;
        let keeps = field == ReasoningField::Details;
        let mine = |state: &Opaque<'_>, kind| keeps && state.fits(kind, self.target.provider, self.target.model);
        match reasoning {
            Reasoning::Thinking { signature: Some(state), .. } | Reasoning::Redacted { data: state, .. }
                if mine(state, OpaqueKind::OpenRouterDetail) =>
            {
                Some(Thought::Entry(state.data.text()))
            }
            Reasoning::Thinking { text, signature, .. } if field != ReasoningField::None => {
                if !keeps {
                    self.losses.approx("messages.thinking");
                }
                let signature = signature.as_ref().filter(|s| mine(s, OpaqueKind::AnthropicSignature));
                let signature = signature.map(|s| s.data.borrowed());
                (signature.is_some() || !text.is_empty()).then(|| Thought::Text { text: text.borrowed(), signature })
            }
            Reasoning::Redacted { data, .. } if mine(data, OpaqueKind::AnthropicRedacted) => {
                Some(Thought::Encrypted(data.data.borrowed()))
            }
            Reasoning::Redacted { .. } => {
                self.losses.drop("messages.redacted_thinking");
                None
            }
            Reasoning::Field { .. } | Reasoning::Thinking { .. } => {
                self.losses.drop("messages.thinking");
                None
            }
        }
    }

    pub(super) fn call(&mut self, call: &'r ToolCall<'r>) -> Call<'r> {
        if call.cache.is_some() {
            self.losses.drop("cache_control");
        }
        if call.opaque.is_some() {
            // Another model's state.
            self.losses.drop("messages.thoughtSignature");
        }
        self.left_over("messages.tool_use", &call.ext);
        let arguments = match &call.arguments {
            Arguments::Escaped(text) if text.is_empty() && call.kind == ToolKind::Function => JsonStr::written("{}"),
            Arguments::Escaped(text) => text.borrowed(),
            Arguments::Json(raw) => JsonStr::escape(raw.get()),
        };
        // Chat's own custom tools are known to OpenAI only.
        let arguments = match call.kind {
            ToolKind::Custom => JsonStr::owned(&free_text::arguments(&arguments)),
            ToolKind::Function => arguments,
        };
        let name = self.aliases.name(&call.name, NAME_LIMIT);
        Call { id: self.id(&call.id), name, arguments, answer: None }
    }
}
