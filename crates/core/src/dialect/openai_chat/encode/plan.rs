//! From foreign turns to Chat messages: the order Chat demands, whatever the history looks like.
//!
//! Chat wants every call answered by a `tool` message directly behind the assistant message that made it. So results
//! are put into slots of that message's group, and whatever stood between moves behind the group. The plan is made anew
//! from the history on every request and depends on nothing else: a shape repaired once is repaired every time
//! (pitfall 3), and a longer history begins with the same messages.

use crate::hub::{Part, Role, Turn, Untranslatable};
use crate::json::JsonStr;
use crate::provider::ReasoningField;

use super::Encoder;
use super::answer::Answer;
use super::content::{Call, Piece, Thought};

/// A message to be written.
#[derive(Debug)]
pub(super) enum Message<'r> {
    Assistant(Box<Spoken<'r>>),
    System(Vec<Piece<'r>>),
    User(Vec<Piece<'r>>),
}

/// An assistant message, and the answers to its calls.
#[derive(Debug, Default)]
pub(super) struct Spoken<'r> {
    pub(super) text: JsonStr<'r>,
    pub(super) thoughts: Vec<Thought<'r>>,
    pub(super) calls: Vec<Call<'r>>,
    /// Media of the answers: Chat's `tool` messages are text only, so they follow in a user message.
    pub(super) carried: Vec<Piece<'r>>,
    /// To be continued, not answered.
    pub(super) prefix: bool,
}

/// What Claude Code says in place of an empty answer.
const NO_CONTENT: &str = "(no content)";

impl<'r> Encoder<'r> {
    /// All messages, system text first.
    pub(super) fn plan(&mut self) -> Result<Vec<Message<'r>>, Untranslatable> {
        let request = self.request;
        let mut messages = Vec::with_capacity(request.turns.len() + 2);
        let mut system = Vec::new();
        if let Some(turn) = &request.system {
            self.pieces(turn, "system", &mut system)?;
        }
        system.extend(std::mem::take(&mut self.notes).iter().map(|note| Piece::note(note)));
        if !system.is_empty() {
            messages.push(Message::System(system));
        }
        for (at, turn) in request.turns.iter().enumerate() {
            match turn.role {
                Role::Assistant => self.assistant(at, turn, &mut messages)?,
                Role::Developer | Role::System => self.system(at, turn, &mut messages)?,
                Role::Tool | Role::User => self.user(at, turn, &mut messages)?,
            }
        }
        self.prefill(&mut messages);
        for message in &mut messages {
            if let Message::Assistant(spoken) = message {
                self.unanswered(spoken);
            }
        }
        let mut messages = with_carried(messages);
        if self.quirks.strict_alternation {
            messages = alternating(messages);
        }
        Ok(messages)
    }

    /// A system turn stays where it is: hoisting it would change the cached prefix on every turn (pitfall 119).
    /// Providers that want a user's turn last get it inside one, always, so that the next request begins the same way
    /// (pitfall 149).
    fn system(&mut self, at: usize, turn: &'r Turn<'r>, messages: &mut Vec<Message<'r>>) -> Result<(), Untranslatable> {
        let mut pieces = Vec::new();
        self.pieces(turn, &format!("messages[{at}]"), &mut pieces)?;
        let leading = messages.iter().all(|m| matches!(m, Message::System(_)));
        if pieces.is_empty() {
            return Ok(());
        }
        if leading || !self.quirks.strict_last_turn {
            messages.push(Message::System(pieces));
            return Ok(());
        }
        self.losses.approx("messages.system");
        let notes = pieces.into_iter().map(Piece::system_note).collect();
        self.push_user(notes, messages);
        Ok(())
    }

    fn user(&mut self, at: usize, turn: &'r Turn<'r>, messages: &mut Vec<Message<'r>>) -> Result<(), Untranslatable> {
        let mut pieces = Vec::new();
        let mut more_than_text = false;
        for (n, part) in turn.parts.iter().enumerate() {
            let path = format!("messages[{at}].content[{n}]");
            if let Part::ToolResult(result) = part {
                more_than_text = true;
                if let Some(orphan) = self.place(&path, result, messages)? {
                    pieces.push(orphan);
                }
            } else {
                more_than_text |= !matches!(part, Part::Text(_));
                self.piece(part, &path, &mut pieces)?;
            }
        }
        self.left_over("messages", &turn.ext);
        if turn.name.is_some() {
            self.losses.drop("messages.name");
        }
        if !pieces.is_empty() {
            self.push_user(pieces, messages);
        } else if !more_than_text {
            return Err(Untranslatable::new(format!("messages[{at}].content"), "a user message must not be empty"));
        }
        Ok(())
    }

    fn push_user(&self, pieces: Vec<Piece<'r>>, messages: &mut Vec<Message<'r>>) {
        match messages.last_mut() {
            Some(Message::User(open)) if self.quirks.strict_last_turn => open.extend(pieces),
            _ => messages.push(Message::User(pieces)),
        }
    }

    /// One message per turn, never split: splitting would tear calls from their results (pitfall 37).
    fn assistant(
        &mut self,
        at: usize,
        turn: &'r Turn<'r>,
        messages: &mut Vec<Message<'r>>,
    ) -> Result<(), Untranslatable> {
        let mut spoken = Spoken::default();
        for (n, part) in turn.parts.iter().enumerate() {
            let path = format!("messages[{at}].content[{n}]");
            match part {
                Part::Reasoning(reasoning) => spoken.thoughts.extend(self.thought(reasoning)),
                Part::ToolCall(call) => {
                    let call = self.call(call);
                    spoken.calls.push(call);
                }
                Part::ToolResult(result) => {
                    if let Some(Piece::Text { text, .. }) = self.place(&path, result, messages)? {
                        spoken.text.push(&text);
                    }
                }
                Part::Document(_) | Part::Image(_) => {
                    self.losses.drop(if matches!(part, Part::Image(_)) {
                        "messages.image"
                    } else {
                        "messages.document"
                    });
                }
                Part::Other { .. } | Part::Refusal(_) | Part::Text(_) => {
                    let mut said = Vec::new();
                    self.piece(part, &path, &mut said)?;
                    for piece in said {
                        let Piece::Text { text, cache } = piece else { continue };
                        if !spoken.calls.is_empty() {
                            // Chat has one text and one list of calls: what was said after a call moves before it.
                            self.losses.approx("messages.content");
                        }
                        if cache.is_some() && self.quirks.cache_control {
                            self.losses.drop("cache_control");
                        }
                        spoken.text.push(&text);
                    }
                }
            }
        }
        self.left_over("messages", &turn.ext);
        if spoken.text.is_empty() && spoken.calls.is_empty() && spoken.thoughts.is_empty() {
            // `content: null` without calls is refused (pitfall 118).
            return Ok(());
        }
        messages.push(Message::Assistant(Box::new(spoken)));
        Ok(())
    }

    /// A trailing assistant turn asks to be continued; an empty one is an artefact of the client.
    fn prefill(&mut self, messages: &mut Vec<Message<'r>>) {
        let Some(Message::Assistant(last)) = messages.last_mut() else { return };
        if !last.calls.is_empty() {
            return;
        }
        if last.text.is_blank() || last.text == NO_CONTENT {
            messages.pop();
        } else if self.quirks.prefix_member {
            last.prefix = true;
        } else {
            self.losses.approx("messages.prefill");
        }
    }

    /// Chat refuses a call without its result, so a missing one is made up.
    fn unanswered(&mut self, spoken: &mut Spoken<'r>) {
        for call in &mut spoken.calls {
            if call.answer.is_none() {
                self.losses.approx("messages.tool_result");
                call.answer = Some(Answer::missing());
            }
        }
        let wanted = self.quirks.reasoning_backfill && self.quirks.reasoning_field != ReasoningField::None;
        if wanted && !spoken.calls.is_empty() && spoken.thoughts.is_empty() {
            spoken.thoughts.push(Thought::lost());
        }
    }
}

/// Carried media go right behind the whole group of results, into the user message that follows if there is one
/// (pitfall 1).
fn with_carried(messages: Vec<Message<'_>>) -> Vec<Message<'_>> {
    let mut out = Vec::with_capacity(messages.len());
    let mut carried = Vec::new();
    for mut message in messages {
        if let Message::User(pieces) = &mut message {
            pieces.splice(0..0, carried.drain(..));
        } else if !carried.is_empty() {
            out.push(Message::User(std::mem::take(&mut carried)));
        }
        if let Message::Assistant(spoken) = &mut message {
            carried = std::mem::take(&mut spoken.carried);
        }
        out.push(message);
    }
    if !carried.is_empty() {
        out.push(Message::User(carried));
    }
    out
}

/// Neighbours of one role in one message, for providers that refuse them apart.
fn alternating(messages: Vec<Message<'_>>) -> Vec<Message<'_>> {
    let mut out: Vec<Message<'_>> = Vec::with_capacity(messages.len());
    for message in messages {
        match (out.last_mut(), message) {
            (Some(Message::User(open)), Message::User(more)) | (Some(Message::System(open)), Message::System(more)) => {
                open.extend(more);
            }
            (Some(Message::Assistant(open)), Message::Assistant(more)) if open.calls.is_empty() => {
                open.text.push(&JsonStr::escape("\n\n"));
                open.text.push(&more.text);
                open.calls.extend(more.calls);
                open.carried.extend(more.carried);
                open.prefix = more.prefix;
            }
            (_, message) => out.push(message),
        }
    }
    out
}
