//! Planned messages, written.

use crate::dialect::openai_chat::wire::{ANTHROPIC_FORMAT, maybe, maybe_raw};
use crate::hub::media::to_data_url;
use crate::json::{Arr, JsonStr, Obj, RawValue};
use crate::provider::{ContentForm, ReasoningField};

use super::Encoder;
use super::answer::joined;
use super::content::{Call, Link, Piece, Thought};
use super::plan::{Message, Spoken};

impl<'r> Encoder<'r> {
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
            o.arr("tool_calls", |a| {
                for (at, call) in spoken.calls.iter().enumerate() {
                    a.obj(|o| {
                        write_call(call, o);
                        if at == 0 && self.quirks.call_signature {
                            lost_signature(o);
                        }
                    });
                }
            });
        }
        if spoken.prefix {
            o.bool("prefix", true);
        }
    }
}

fn write_call(call: &Call<'_>, o: &mut Obj<'_>) {
    o.str("id", &call.id);
    o.text("type", "function");
    o.obj("function", |o| {
        o.str("name", &call.name);
        o.str("arguments", &call.arguments);
    });
}

/// <https://ai.google.dev/gemini-api/docs/thought-signatures>: what stands for a signature that another model or the
/// way here lost.
fn lost_signature(o: &mut Obj<'_>) {
    o.obj("extra_content", |o| {
        o.obj("google", |o| o.text("thought_signature", "skip_thought_signature_validator"));
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
            if let Thought::Entry(raw) = thought {
                a.raw(raw);
                continue;
            }
            a.obj(|o| {
                match thought {
                    Thought::Encrypted(data) => {
                        o.text("type", "reasoning.encrypted");
                        o.str("data", data);
                    }
                    Thought::Entry(_) => {}
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
                    o.str("file_data", &to_data_url(media_type, data));
                });
            }
            Piece::Image { link, detail, .. } => {
                o.text("type", "image_url");
                o.obj("image_url", |o| {
                    match link {
                        Link::Data { media_type, data } => o.str("url", &to_data_url(media_type, data)),
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
