//! Pieces of content, and the messages made of them.

use std::borrow::Cow;

use crate::dialect::openai_chat::wire::{ANTHROPIC_FORMAT, NAME_LIMIT, maybe, maybe_raw};
use crate::hub::{
    Arguments, CacheMark, Document, Image, MediaSource, Part, Reasoning, Text, ToolCall, ToolKind, Turn, Untranslatable,
};
use crate::json::{Arr, JsonStr, Obj, RawValue};
use crate::provider::{ContentForm, ReasoningField};

use super::Encoder;
use super::answer::{Answer, joined};
use super::history::{self, Rendered};
use super::plan::{Message, Spoken};

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
    pub(super) kind: ToolKind,
    pub(super) answer: Option<Answer<'r>>,
}

/// Earlier reasoning that goes back to the provider.
#[derive(Debug)]
pub(super) enum Thought<'r> {
    Encrypted(JsonStr<'r>),
    Text { text: JsonStr<'r>, signature: Option<JsonStr<'r>> },
}

/// A line that Claude Code puts before the system prompt; it changes with every version and means nothing elsewhere.
const BILLING: &str = "x-anthropic-billing-header";

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

    const fn cache(&self) -> Option<&'r RawValue> {
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
                && text.text.as_escaped().starts_with(BILLING)
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
            Part::Text(Text { text, cache, ext }) => {
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
                let media_type = sniff(data).map_or(Cow::Borrowed(media_type.as_ref()), Cow::Borrowed);
                Link::Data { media_type, data: data.borrowed() }
            }
            MediaSource::Url(url) => Link::Url(url.borrowed()),
            MediaSource::Blocks(_) | MediaSource::File(_) | MediaSource::Other(_) | MediaSource::Text(_) => {
                return Err(foreign(path, "image"));
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
                out.extend(title.map(|t| Piece::plain(headed(t, None))));
                for (n, part) in parts.iter().enumerate() {
                    self.piece(part, &format!("{path}.source.content[{n}]"), out)?;
                }
            }
            MediaSource::Text(text) => {
                let cache = self.mark(document.cache);
                let text = title.map_or_else(|| text.borrowed(), |title| headed(title, Some(text)));
                out.push(Piece::Text { text, cache });
            }
            MediaSource::File(_) | MediaSource::Other(_) | MediaSource::Url(_) => {
                return Err(foreign(path, "document"));
            }
        }
        Ok(())
    }

    /// Reasoning goes back only where the provider has a place for it; it never becomes content (pitfall 87).
    pub(super) fn thought(&mut self, reasoning: &'r Reasoning<'r>) -> Option<Thought<'r>> {
        let field = self.quirks.reasoning_field;
        match reasoning {
            Reasoning::Thinking { text, signature, .. } if field != ReasoningField::None => {
                let keeps = field == ReasoningField::Details;
                if !keeps {
                    self.losses.approx("messages.thinking");
                }
                let signature = signature.as_ref().filter(|_| keeps).map(JsonStr::borrowed);
                (signature.is_some() || !text.is_empty()).then(|| Thought::Text { text: text.borrowed(), signature })
            }
            Reasoning::Redacted { data, .. } if field == ReasoningField::Details => {
                Some(Thought::Encrypted(data.borrowed()))
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
        self.left_over("messages.tool_use", &call.ext);
        let arguments = match &call.arguments {
            Arguments::Escaped(text) if text.is_empty() && call.kind == ToolKind::Function => JsonStr::written("{}"),
            Arguments::Escaped(text) => text.borrowed(),
            Arguments::Json(raw) => JsonStr::escape(raw.get()),
        };
        let name = self.aliases.name(&call.name, NAME_LIMIT);
        Call { id: self.id(&call.id), name, arguments, kind: call.kind, answer: None }
    }

    /// Writes one message, and behind an assistant's the answers to its calls.
    pub(super) fn message(&self, message: &Message<'r>, a: &mut Arr<'_>) {
        match message {
            Message::Assistant(spoken) => {
                a.obj(|o| self.spoken(spoken, o));
                for call in &spoken.calls {
                    let Some(answer) = &call.answer else { continue };
                    a.obj(|o| {
                        o.text("role", "tool");
                        o.str("tool_call_id", &call.id);
                        match answer.texts.as_slice() {
                            [] => o.text("content", ""),
                            [text] => o.str("content", text),
                            texts => o.arr("content", |a| texts.iter().for_each(|t| text_part(t, None, a))),
                        }
                    });
                }
            }
            Message::System(pieces) => {
                let role = if self.quirks.developer_role { "developer" } else { "system" };
                a.obj(|o| self.said(role, pieces, o));
            }
            Message::User(pieces) => a.obj(|o| self.said("user", pieces, o)),
        }
    }

    /// A string where a string says everything, else parts.
    fn said(&self, role: &str, pieces: &[Piece<'r>], o: &mut Obj<'_>) {
        o.text("role", role);
        let texts: Vec<_> = pieces
            .iter()
            .filter_map(|p| if let Piece::Text { text, cache: None } = p { Some(text.borrowed()) } else { None })
            .collect();
        let only_text = texts.len() == pieces.len();
        if only_text && (texts.len() == 1 || self.quirks.content == ContentForm::Strings) {
            o.str("content", &joined(&texts, "\n\n"));
            return;
        }
        o.arr("content", |a| pieces.iter().for_each(|p| piece_part(p, a)));
    }

    fn spoken(&self, spoken: &Spoken<'r>, o: &mut Obj<'_>) {
        o.text("role", "assistant");
        let thinking = self.quirks.reasoning_field == ReasoningField::ThinkingPart && !spoken.thoughts.is_empty();
        if thinking {
            o.arr("content", |a| {
                spoken.thoughts.iter().for_each(|t| thinking_part(t, a));
                if !spoken.text.is_empty() {
                    text_part(&spoken.text, None, a);
                }
            });
        } else if !spoken.text.is_empty() {
            o.str("content", &spoken.text);
        } else if self.quirks.content == ContentForm::Strings || spoken.calls.is_empty() {
            o.text("content", "");
        } else {
            o.null("content");
        }
        match self.quirks.reasoning_field {
            ReasoningField::Details => details(&spoken.thoughts, o),
            ReasoningField::None | ReasoningField::ThinkingPart => {}
            ReasoningField::Reasoning => reasoning("reasoning", &spoken.thoughts, o),
            ReasoningField::ReasoningContent => reasoning("reasoning_content", &spoken.thoughts, o),
        }
        if !spoken.calls.is_empty() {
            o.arr("tool_calls", |a| spoken.calls.iter().for_each(|c| a.obj(|o| write_call(c, o))));
        }
        if spoken.prefix {
            o.bool("prefix", true);
        }
    }
}

fn write_call(call: &Call<'_>, o: &mut Obj<'_>) {
    let (kind, body) = match call.kind {
        ToolKind::Custom => ("custom", "input"),
        ToolKind::Function => ("function", "arguments"),
    };
    o.str("id", &call.id);
    o.text("type", kind);
    o.obj(kind, |o| {
        o.str("name", &call.name);
        o.str(body, &call.arguments);
    });
}

fn reasoning(field: &str, thoughts: &[Thought<'_>], o: &mut Obj<'_>) {
    if thoughts.is_empty() {
        return;
    }
    let mut all = JsonStr::default();
    for thought in thoughts {
        if let Thought::Text { text, .. } = thought {
            all.push(text);
        }
    }
    o.str(field, &all);
}

fn details(thoughts: &[Thought<'_>], o: &mut Obj<'_>) {
    if thoughts.is_empty() {
        return;
    }
    o.arr("reasoning_details", |a| {
        for (index, thought) in (0u64..).zip(thoughts) {
            a.obj(|o| {
                match thought {
                    Thought::Encrypted(data) => {
                        o.text("type", "reasoning.encrypted");
                        o.str("data", data);
                    }
                    Thought::Text { text, signature } => {
                        o.text("type", "reasoning.text");
                        o.str("text", text);
                        maybe(o, "signature", signature.as_ref());
                    }
                }
                o.text("format", ANTHROPIC_FORMAT);
                o.uint("index", index);
            });
        }
    });
}

/// Mistral's form: <https://docs.mistral.ai/capabilities/reasoning/>.
fn thinking_part(thought: &Thought<'_>, a: &mut Arr<'_>) {
    let Thought::Text { text, .. } = thought else { return };
    a.obj(|o| {
        o.text("type", "thinking");
        o.arr("thinking", |a| text_part(text, None, a));
    });
}

fn text_part(text: &JsonStr<'_>, cache: Option<&RawValue>, a: &mut Arr<'_>) {
    a.obj(|o| {
        o.text("type", "text");
        o.str("text", text);
        maybe_raw(o, "cache_control", cache);
    });
}

fn piece_part(piece: &Piece<'_>, a: &mut Arr<'_>) {
    if let Piece::Text { text, cache } = piece {
        return text_part(text, *cache, a);
    }
    a.obj(|o| {
        match piece {
            Piece::File { media_type, data, name, .. } => {
                o.text("type", "file");
                o.obj("file", |o| {
                    o.str("filename", name);
                    o.str("file_data", &data_url(media_type, data));
                });
            }
            Piece::Image { link, detail, .. } => {
                o.text("type", "image_url");
                o.obj("image_url", |o| {
                    match link {
                        Link::Data { media_type, data } => o.str("url", &data_url(media_type, data)),
                        Link::Url(url) => o.str("url", url),
                    }
                    maybe(o, "detail", detail.as_ref());
                });
            }
            Piece::Text { .. } => {}
        }
        maybe_raw(o, "cache_control", piece.cache());
    });
}

/// `data:{media_type};base64,{data}`, as escaped.
pub(super) fn data_url(media_type: &str, data: &JsonStr<'_>) -> JsonStr<'static> {
    let mut url = JsonStr::owned(&format!("data:{media_type};base64,"));
    url.push(data);
    url
}

/// A title line over a text.
fn headed(title: &JsonStr<'_>, text: Option<&JsonStr<'_>>) -> JsonStr<'static> {
    let mut out = title.clone().into_owned();
    if let Some(text) = text {
        out.push(&JsonStr::escape("\n\n"));
        out.push(text);
    }
    out
}

fn foreign(path: &str, what: &str) -> Untranslatable {
    Untranslatable::new(format!("{path}.source"), format!("the target cannot reach this {what}; send its data"))
}

/// The image type the first bytes tell, read off their base64 form.
fn sniff(data: &JsonStr<'_>) -> Option<&'static str> {
    let head: String = data.as_escaped().chars().filter(|c| *c != '\\').take(12).collect();
    [("iVBORw0KGgo", "image/png"), ("/9j/", "image/jpeg"), ("R0lGOD", "image/gif"), ("UklGR", "image/webp")]
        .into_iter()
        .find(|(start, _)| head.starts_with(start))
        .map(|(_, media_type)| media_type)
}
