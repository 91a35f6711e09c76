//! The conversation as Cohere takes it: one role a message, results in messages of their own, media in user turns.

use std::fmt::Write as _;

use crate::hub::history::{self, Rendered};
use crate::hub::media::to_data_url;
use crate::hub::{Document, MediaSource, Part, Reasoning, Role, ToolCall, ToolKind, ToolResult, Turn, Untranslatable};
use crate::json::{Arr, JsonStr, Obj};

use super::encode::Context;

/// One message.
#[derive(Debug)]
pub(super) enum Message<'r> {
    Said { role: &'static str, pieces: Vec<Piece<'r>> },
    Assistant { thoughts: Vec<JsonStr<'r>>, pieces: Vec<Piece<'r>>, calls: Vec<Call<'r>> },
    Tool { id: JsonStr<'r>, text: JsonStr<'r> },
}

/// Text, or the URL of an image.
#[derive(Debug)]
pub(super) enum Piece<'r> {
    Image { url: JsonStr<'r>, detail: Option<JsonStr<'r>> },
    Text(JsonStr<'r>),
}

#[derive(Debug)]
pub(super) struct Call<'r> {
    id: JsonStr<'r>,
    name: JsonStr<'r>,
    arguments: JsonStr<'r>,
}

impl<'r> Context<'r> {
    /// All messages, system texts first.
    pub(super) fn messages(&mut self) -> Result<Vec<Message<'r>>, Untranslatable> {
        let request = self.request;
        let mut out = Vec::new();
        for turn in request.system.iter().chain(&request.turns) {
            self.turn(turn, &mut out)?;
        }
        let notes = std::mem::take(&mut self.notes);
        if !notes.is_empty() {
            let pieces = notes.iter().map(|note| Piece::Text(JsonStr::owned(note))).collect();
            out.insert(0, Message::Said { role: "system", pieces });
        }
        Ok(out)
    }

    fn turn(&mut self, turn: &'r Turn<'r>, out: &mut Vec<Message<'r>>) -> Result<(), Untranslatable> {
        if turn.name.is_some() {
            self.losses.drop("messages.name");
        }
        self.left_over("messages", &turn.ext);
        if turn.role == Role::Assistant {
            return self.assistant(turn, out);
        }
        let mut pieces = Vec::new();
        // Media of results cannot stay in them.
        let mut beside = Vec::new();
        for part in &turn.parts {
            if let Part::ToolResult(result) = part {
                out.push(self.result(result, &mut beside)?);
            } else {
                self.piece(part, &mut pieces)?;
            }
        }
        beside.append(&mut pieces);
        let role = if matches!(turn.role, Role::System | Role::Developer) { "system" } else { "user" };
        if role == "system" && beside.iter().any(|p| matches!(p, Piece::Image { .. })) {
            return Err(Untranslatable::new("messages", "Cohere takes images in user turns only"));
        }
        if !beside.is_empty() {
            out.push(Message::Said { role, pieces: beside });
        }
        Ok(())
    }

    fn assistant(&mut self, turn: &'r Turn<'r>, out: &mut Vec<Message<'r>>) -> Result<(), Untranslatable> {
        let (mut thoughts, mut pieces, mut calls) = (Vec::new(), Vec::new(), Vec::new());
        for part in &turn.parts {
            if let Part::ToolCall(call) = part {
                calls.push(self.call(call));
            } else if let Part::Reasoning(thought) = part {
                match thought {
                    // Its own thoughts carry no signature; others' mean nothing there.
                    Reasoning::Thinking { text, signature: None, .. } if self.reasons() => {
                        thoughts.push(text.borrowed());
                    }
                    Reasoning::Field { name, .. } => self.losses.drop(format!("messages.{name}")),
                    Reasoning::Redacted { .. } => self.losses.drop("messages.redacted_thinking"),
                    Reasoning::Thinking { .. } => self.losses.drop("messages.thinking"),
                }
            } else {
                self.piece(part, &mut pieces)?;
            }
        }
        pieces.retain(|piece| matches!(piece, Piece::Text(text) if !text.is_empty()));
        if !(thoughts.is_empty() && pieces.is_empty() && calls.is_empty()) {
            out.push(Message::Assistant { thoughts, pieces, calls });
        }
        Ok(())
    }

    fn call(&mut self, call: &'r ToolCall<'r>) -> Call<'r> {
        self.unmarked(call.cache.as_ref());
        self.unsigned(call.opaque.as_ref());
        self.left_over("messages.tool_use", &call.ext);
        let arguments = match call.kind {
            ToolKind::Function => JsonStr::owned(&call.arguments.text()),
            ToolKind::Custom => {
                let mut out = Vec::new();
                crate::json::object(&mut out, |o| o.text("input", &call.arguments.text()));
                JsonStr::owned(&String::from_utf8(out).unwrap_or_default())
            }
        };
        let arguments = if arguments.is_blank() { JsonStr::written("{}") } else { arguments };
        Call { id: call.id.borrowed(), name: self.function_name(&call.name.borrowed()), arguments }
    }

    fn result(
        &mut self,
        result: &'r ToolResult<'r>,
        beside: &mut Vec<Piece<'r>>,
    ) -> Result<Message<'r>, Untranslatable> {
        self.unmarked(result.cache.as_ref());
        self.left_over("messages.tool_result", &result.ext);
        let mut pieces = Vec::new();
        for part in &result.parts {
            self.piece(part, &mut pieces)?;
        }
        let mut text = String::new();
        for piece in pieces {
            match piece {
                Piece::Text(one) => {
                    if !text.is_empty() {
                        text.push_str("\n\n");
                    }
                    text.push_str(&one.text());
                }
                Piece::Image { .. } => {
                    self.losses.approx("messages.tool_result.image");
                    // Writing to a string does not fail.
                    let _ = write!(text, "[image {} attached below]", beside.len() + 1);
                    beside.push(piece);
                }
            }
        }
        if result.is_error == Some(true) && !text.starts_with("Error") {
            self.losses.approx("messages.is_error");
            text.insert_str(0, "Error: ");
        }
        Ok(Message::Tool { id: result.call_id.borrowed(), text: JsonStr::owned(&text) })
    }

    fn piece(&mut self, part: &'r Part<'r>, out: &mut Vec<Piece<'r>>) -> Result<(), Untranslatable> {
        match part {
            Part::Text(text) if text.is_billing() => {}
            Part::Text(text) => {
                self.unmarked(text.cache.as_ref());
                self.unsigned(text.opaque.as_ref());
                self.left_over("messages", &text.ext);
                out.push(Piece::Text(text.text.borrowed()));
            }
            Part::Refusal(text) => out.push(Piece::Text(text.borrowed())),
            Part::Image(image) => {
                self.unmarked(image.cache.as_ref());
                self.left_over("messages", &image.ext);
                let url = match &image.source {
                    MediaSource::Url(url) => url.borrowed(),
                    MediaSource::Base64 { media_type, data } => to_data_url(media_type, data),
                    MediaSource::Blocks(_) | MediaSource::File(_) | MediaSource::Text(_) | MediaSource::Other(_) => {
                        return Err(Untranslatable::new("messages", "Cohere takes images as URL or base64 only"));
                    }
                };
                let detail = image.detail.as_ref().map(|d| match d.as_escaped() {
                    "original" => JsonStr::written("high"),
                    _ => d.borrowed(),
                });
                out.push(Piece::Image { url, detail });
            }
            Part::Document(document) => self.document(document, out)?,
            Part::Other { kind, raw } => match history::render(kind, raw) {
                Rendered::Text(text) => {
                    self.losses.approx(format!("messages.{kind}"));
                    out.push(Piece::Text(JsonStr::owned(&text)));
                }
                Rendered::Nothing => self.losses.drop(format!("messages.{kind}")),
                Rendered::Refused(why) => return Err(Untranslatable::new("messages", why)),
            },
            // These have been dealt with, or stand where nobody may say them.
            Part::Reasoning(_) | Part::ToolCall(_) | Part::ToolResult(_) => self.losses.drop("messages.content"),
        }
        Ok(())
    }

    fn document(&mut self, document: &'r Document<'r>, out: &mut Vec<Piece<'r>>) -> Result<(), Untranslatable> {
        self.unmarked(document.cache.as_ref());
        self.left_over("messages", &document.ext);
        match &document.source {
            MediaSource::Text(text) => {
                if let Some(title) = &document.title {
                    out.push(Piece::Text(title.borrowed()));
                }
                self.losses.approx("messages.document");
                out.push(Piece::Text(text.borrowed()));
            }
            MediaSource::Blocks(parts) => {
                self.losses.approx("messages.document");
                for part in parts {
                    self.piece(part, out)?;
                }
            }
            MediaSource::Base64 { .. } | MediaSource::File(_) | MediaSource::Url(_) | MediaSource::Other(_) => {
                return Err(Untranslatable::new("messages", "Cohere takes documents as text only"));
            }
        }
        Ok(())
    }
}

impl Message<'_> {
    pub(super) fn write(&self, a: &mut Arr<'_>) {
        a.obj(|o| match self {
            Self::Said { role, pieces } => {
                o.text("role", role);
                content(pieces, o);
            }
            Self::Assistant { thoughts, pieces, calls } => {
                o.text("role", "assistant");
                if thoughts.is_empty() && !pieces.is_empty() {
                    content(pieces, o);
                } else if !thoughts.is_empty() {
                    o.arr("content", |a| {
                        for thought in thoughts {
                            a.obj(|o| {
                                o.text("type", "thinking");
                                o.str("thinking", thought);
                            });
                        }
                        pieces.iter().for_each(|p| p.write(a));
                    });
                }
                if !calls.is_empty() {
                    o.arr("tool_calls", |a| calls.iter().for_each(|c| a.obj(|o| c.write(o))));
                }
            }
            Self::Tool { id, text } => {
                o.text("role", "tool");
                o.str("tool_call_id", id);
                o.str("content", text);
            }
        });
    }
}

/// A string where it says everything, else parts.
fn content(pieces: &[Piece<'_>], o: &mut Obj<'_>) {
    if let [Piece::Text(text)] = pieces {
        o.str("content", text);
    } else {
        o.arr("content", |a| pieces.iter().for_each(|p| p.write(a)));
    }
}

impl Piece<'_> {
    fn write(&self, a: &mut Arr<'_>) {
        a.obj(|o| match self {
            Self::Text(text) => {
                o.text("type", "text");
                o.str("text", text);
            }
            Self::Image { url, detail } => {
                o.text("type", "image_url");
                o.obj("image_url", |o| {
                    o.str("url", url);
                    if let Some(detail) = detail {
                        o.str("detail", detail);
                    }
                });
            }
        });
    }
}

impl Call<'_> {
    fn write(&self, o: &mut Obj<'_>) {
        o.str("id", &self.id);
        o.text("type", "function");
        o.obj("function", |o| {
            o.str("name", &self.name);
            o.str("arguments", &self.arguments);
        });
    }
}
