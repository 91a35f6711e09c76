//! Turns of other dialects as messages that Anthropic accepts.
//!
//! What it asks for (<https://docs.anthropic.com/en/docs/build-with-claude/working-with-messages>): the first message is the
//! user's; the results of one assistant turn come in the very next user message, all of them, before anything else in
//! it. The work goes segment by segment: the assistant's turns, then everything up to its next one.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::hub::{Aliases, Calls, Part, Role, ToolCall, ToolResult, Turn, Untranslatable};
use crate::json::JsonStr;

use super::Context;
use super::block::{Block, Content, Kind, Message};
use super::parts;

/// What opens a conversation that the caller began with the assistant's words.
const OPENING: &str = "(conversation continues)";

/// System blocks and messages of a request.
#[derive(Debug, Default)]
pub(super) struct Conversation<'r> {
    pub(super) system: Vec<Block<'r>>,
    pub(super) messages: Vec<Message<'r>>,
    /// Tool ids sent so far.
    ids: BTreeSet<String>,
    /// How often each id of the caller came.
    repeats: BTreeMap<String, u64>,
    /// System notes waiting for a user turn to be folded into.
    notes: Vec<Block<'r>>,
}

/// A call as sent, and its result once it is there.
type Asked<'r> = (JsonStr<'r>, Option<Block<'r>>);

impl<'r> Conversation<'r> {
    pub(super) fn build(cx: &mut Context<'r>) -> Result<Self, Untranslatable> {
        let turns: &'r [Turn<'r>] = &cx.request.turns;
        let mut this = Self::default();
        if let Some(system) = &cx.request.system {
            this.system = parts::texts(cx, &system.parts, "system");
        }
        let lead = turns.iter().take_while(|t| is_system(t)).count();
        for turn in turns.iter().take(lead) {
            this.system.append(&mut parts::texts(cx, &turn.parts, "messages.content"));
            cx.turn_losses(turn);
        }
        let mut at = lead;
        while at < turns.len() {
            let length = |from: usize, assistant: bool| {
                turns.iter().skip(from).take_while(|t| (t.role == Role::Assistant) == assistant).count()
            };
            let replies = length(at, true);
            let rest = length(at + replies, false);
            let mut calls = this.assistant(cx, turns.get(at..at + replies).unwrap_or_default());
            this.answers(cx, turns, at + replies..at + replies + rest, &mut calls)?;
            at += replies + rest;
        }
        this.finish(cx, turns.len())?;
        Ok(this)
    }

    /// Consecutive assistant turns; Anthropic merges them itself.
    fn assistant(&mut self, cx: &mut Context<'r>, turns: &'r [Turn<'r>]) -> Calls<Asked<'r>> {
        let mut calls = Calls::default();
        for turn in turns {
            cx.turn_losses(turn);
            let mut blocks = parts::thinking(cx, &turn.parts);
            for part in &turn.parts {
                match part {
                    Part::ToolCall(call) => {
                        let sent = self.id(&call.id);
                        blocks.push(cx.tool_use(call, sent.clone()));
                        calls.push(&call.id, (sent, None));
                    }
                    Part::Document(_)
                    | Part::Image(_)
                    | Part::Reasoning(_)
                    | Part::Refusal(_)
                    | Part::Text(_)
                    | Part::ToolResult(_)
                    | Part::Other { .. } => blocks.extend(parts::assistant(cx, part)),
                }
            }
            // An assistant turn without anything in it is refused: leaving it out changes nothing.
            if !blocks.is_empty() {
                self.messages.push(Message { role: "assistant", blocks });
            }
        }
        calls
    }

    /// Everything between two assistant turns: results first, in call order, then the rest as it came.
    fn answers(
        &mut self,
        cx: &mut Context<'r>,
        turns: &'r [Turn<'r>],
        range: std::ops::Range<usize>,
        calls: &mut Calls<Asked<'r>>,
    ) -> Result<(), Untranslatable> {
        let mut orphans = VecDeque::new();
        for at in range.clone() {
            for result in turns.get(at).into_iter().filter(|t| !is_system(t)).flat_map(|t| results(t)) {
                let (content, cache) = parts::result(cx, result, at)?;
                let Some((sent, answer)) = calls.answer(&result.call_id) else {
                    orphans.push_back((at, orphan(cx, result, content)));
                    continue;
                };
                if answer.is_some() {
                    cx.losses.approx("messages.tool_call_id");
                }
                let is_error = result.is_error.unwrap_or(false);
                *answer = Some(Block { kind: Kind::ToolResult { id: sent.clone(), content, is_error }, cache });
            }
        }
        self.close_calls(cx, calls);
        let after_results = !calls.is_empty();
        let mut first_user = true;
        for at in range {
            let Some(turn) = turns.get(at) else { break };
            match turn.role {
                Role::System | Role::Developer => self.note(cx, turn),
                Role::User => {
                    let blocks = parts::user(cx, turn, at)?;
                    if blocks.is_empty() && results(turn).next().is_none() {
                        return Err(Untranslatable::new(format!("messages[{at}].content"), "the message is empty"));
                    }
                    cx.turn_losses(turn);
                    let merge = first_user && after_results;
                    first_user = false;
                    self.user(blocks, merge);
                }
                Role::Tool => {
                    cx.turn_losses(turn);
                    while let Some((_, blocks)) = orphans.pop_front_if(|(place, _)| *place == at) {
                        self.user(blocks, after_results);
                    }
                }
                Role::Assistant => {}
            }
        }
        if !self.notes.is_empty() {
            self.user(Vec::new(), false);
        }
        Ok(())
    }

    /// Puts the results of `calls` into one user message; a call nobody answered would be a 400.
    fn close_calls(&mut self, cx: &mut Context<'r>, calls: &mut Calls<Asked<'r>>) {
        let results = calls.iter_mut().map(|(sent, answer)| {
            answer.take().unwrap_or_else(|| {
                cx.losses.approx("messages.tool_calls");
                let content = Content::Text(JsonStr::escape("(no result was provided)"));
                Kind::ToolResult { id: sent.clone(), content, is_error: true }.into()
            })
        });
        let results: Vec<_> = results.collect();
        if !results.is_empty() {
            self.user(results, false);
        }
    }

    /// A user turn; merged into the last message where that is the user's and `merge` says so.
    fn user(&mut self, mut blocks: Vec<Block<'r>>, merge: bool) {
        blocks.append(&mut self.notes);
        match self.messages.last_mut() {
            Some(last) if last.role == "user" && merge => last.blocks.append(&mut blocks),
            _ if blocks.is_empty() => {}
            _ => self.messages.push(Message { role: "user", blocks }),
        }
    }

    /// Instructions in the middle stay where they are: hoisting them would reorder them and spoil the cached prefix.
    fn note(&mut self, cx: &mut Context<'r>, turn: &'r Turn<'r>) {
        let blocks = parts::texts(cx, &turn.parts, "messages.content");
        cx.turn_losses(turn);
        if blocks.is_empty() {
            return;
        }
        if cx.model.mid_system {
            return self.messages.push(Message { role: "system", blocks });
        }
        cx.losses.approx("messages.role");
        let mut notes: Vec<_> = blocks.into_iter().map(fold_note).collect();
        match self.messages.last_mut() {
            Some(last) if last.role == "user" => last.blocks.append(&mut notes),
            _ => self.notes.append(&mut notes),
        }
    }

    /// The first message must be the user's, and only some models continue an assistant turn.
    fn finish(&mut self, cx: &mut Context<'r>, turns: usize) -> Result<(), Untranslatable> {
        if self.messages.first().is_none_or(|m| m.role != "user") {
            cx.losses.approx("messages");
            let blocks = vec![Block::text(JsonStr::escape(OPENING))];
            self.messages.insert(0, Message { role: "user", blocks });
        }
        let Some(last) = self.messages.last_mut().filter(|m| m.role == "assistant") else { return Ok(()) };
        trim_end(last);
        if last.blocks.iter().all(Block::is_thinking) || is_placeholder(last) {
            // Left behind by clients that store an empty reply: never meant as words to continue.
            cx.losses.drop("messages");
            self.messages.pop();
            return Ok(());
        }
        if cx.model.prefill {
            return Ok(());
        }
        let param = format!("messages[{}]", turns.saturating_sub(1));
        Err(Untranslatable::new(param, "this model does not continue an assistant message; end with a user message"))
    }

    /// A legal id that no earlier call of this request used.
    fn id(&mut self, original: &JsonStr<'r>) -> JsonStr<'r> {
        // Anthropic sets no limit; 256 is beyond what any client makes.
        let mut sent = Aliases::id(original, 256);
        let times = self.repeats.entry(sent.as_escaped().to_owned()).or_default();
        *times += 1;
        while *times > 1 || !self.ids.insert(sent.as_escaped().to_owned()) {
            // `#` is not legal in an id, so this is always hashed: the same for the same repetition in every request.
            sent = Aliases::id(&JsonStr::owned(&format!("{}#{times}", original.text())), 256).into_owned();
            if self.ids.insert(sent.as_escaped().to_owned()) {
                break;
            }
            *times += 1;
        }
        sent
    }
}

fn is_system(turn: &Turn<'_>) -> bool {
    matches!(turn.role, Role::System | Role::Developer)
}

fn results<'r>(turn: &'r Turn<'r>) -> impl Iterator<Item = &'r ToolResult<'r>> {
    turn.parts.iter().filter_map(|p| match p {
        Part::ToolResult(result) => Some(result),
        Part::Document(_)
        | Part::Image(_)
        | Part::Reasoning(_)
        | Part::Refusal(_)
        | Part::Text(_)
        | Part::ToolCall(_)
        | Part::Other { .. } => None,
    })
}

/// A result nobody asked for is a 400 at Anthropic: it becomes the user's words.
fn orphan<'r>(cx: &mut Context<'r>, result: &ToolResult<'r>, content: Content<'r>) -> Vec<Block<'r>> {
    cx.losses.approx("messages.tool_call_id");
    let mut blocks = vec![Block::text(JsonStr::owned(&format!("[result of tool call {}]", result.call_id.text())))];
    match content {
        Content::Absent => {}
        Content::Blocks(mut inner) => blocks.append(&mut inner),
        Content::Text(text) => blocks.push(Block::text(text)),
    }
    blocks
}

fn fold_note(block: Block<'_>) -> Block<'_> {
    let Kind::Text(text) = &block.kind else { return block };
    let mut note = JsonStr::owned("<system-note>");
    note.push(text);
    note.push(&JsonStr::escape("</system-note>"));
    Block { kind: Kind::Text(note), cache: block.cache }
}

/// The words to continue must not end in white space.
fn trim_end(message: &mut Message<'_>) {
    let Some(Block { kind: Kind::Text(text), .. }) = message.blocks.last_mut() else { return };
    let plain = text.text();
    let trimmed = plain.trim_end();
    if trimmed.len() < plain.len() {
        let shorter = JsonStr::owned(trimmed);
        *text = shorter;
    }
}

fn is_placeholder(message: &Message<'_>) -> bool {
    match message.blocks.as_slice() {
        [Block { kind: Kind::Text(text), .. }] => *text == "(no content)",
        _ => false,
    }
}

impl<'r> Context<'r> {
    fn tool_use(&mut self, call: &ToolCall<'r>, id: JsonStr<'r>) -> Block<'r> {
        let name = self.tool_name(&call.name);
        let input: Cow<'r, str> = parts::input(self, call);
        for (key, _) in call.ext.iter().filter(|(key, _)| key != "cache_control") {
            self.losses.drop(format!("messages.tool_calls.{key}"));
        }
        if call.opaque.is_some() {
            // Another model's state.
            self.losses.drop("messages.thoughtSignature");
        }
        let cache = self.mark(call.cache, &call.ext);
        Block { kind: Kind::ToolUse { id, name, input }, cache }
    }
}
