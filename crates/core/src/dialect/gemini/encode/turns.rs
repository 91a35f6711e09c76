//! Turns as contents that Gemini accepts (<https://ai.google.dev/gemini-api/docs/function-calling>).
//!
//! It wants the first content to be the user's, and behind a content with calls one with all their responses: as many, in
//! call order, before anything else. Neighbours of one role are one content. The work goes segment by segment: the
//! assistant's turns, then everything up to its next one.

use std::collections::BTreeMap;

use super::super::wire::SKIP_SIGNATURE;
use super::Context;
use super::parts;
use super::piece::{Content, Kind, Piece, Response, Speaker};
use crate::hub::opaque::is_sealed;
use crate::hub::{
    Aliases, Calls, Opaque, OpaqueKind, Part, Reasoning, Role, ToolCall, ToolResult, Turn, Untranslatable,
};
use crate::json::{JsonStr, Members, Obj, elements};

/// What opens a conversation that the caller began with the assistant's words.
const OPENING: &str = "(conversation continues)";

/// What Claude Code says in place of an empty answer.
const NO_CONTENT: &str = "(no content)";

/// The system text and the contents of a request.
#[derive(Debug, Default)]
pub(super) struct Conversation<'r> {
    pub(super) system: Vec<Piece<'r>>,
    contents: Vec<Content<'r>>,
    /// How often each id of the caller came.
    repeats: BTreeMap<String, u64>,
}

/// A call as sent, and its response once it is there.
#[derive(Debug)]
struct Asked<'r> {
    name: JsonStr<'r>,
    id: Option<JsonStr<'r>>,
    answer: Option<Response<'r>>,
}

impl<'r> Conversation<'r> {
    pub(super) fn build(cx: &mut Context<'r>) -> Result<Self, Untranslatable> {
        let turns: &'r [Turn<'r>] = &cx.request.turns;
        let mut this = Self::default();
        if let Some(system) = &cx.request.system {
            this.system = parts::texts(cx, system, "system");
        }
        let lead = turns.iter().take_while(|t| is_system(t)).count();
        for turn in turns.iter().take(lead) {
            this.system.append(&mut parts::texts(cx, turn, cx.turns));
        }
        let mut at = lead;
        while at < turns.len() {
            let length = |from: usize, assistant: bool| {
                turns.iter().skip(from).take_while(|t| (t.role == Role::Assistant) == assistant).count()
            };
            let replies = length(at, true);
            let rest = length(at + replies, false);
            let mut calls = this.assistant(cx, turns.get(at..at + replies).unwrap_or_default());
            this.answers(cx, at + replies..at + replies + rest, &mut calls)?;
            at += replies + rest;
        }
        this.finish(cx)?;
        Ok(this)
    }

    pub(super) fn write(&self, o: &mut Obj<'_>) {
        if !self.system.is_empty() {
            o.obj("systemInstruction", |o| o.arr("parts", |a| self.system.iter().for_each(|p| p.write(a))));
        }
        o.arr("contents", |a| self.contents.iter().for_each(|c| c.write(a)));
    }

    /// Consecutive assistant turns: one model content.
    fn assistant(&mut self, cx: &mut Context<'r>, turns: &'r [Turn<'r>]) -> Calls<Asked<'r>> {
        let mut calls = Calls::default();
        let mut pieces = Vec::new();
        for turn in turns {
            cx.leftovers(cx.turns, &turn.ext);
            let from = pieces.len();
            // State of a thought goes to the next part of its turn, or to an empty one at the end.
            let mut waiting = None;
            for part in &turn.parts {
                let mut more = match part {
                    Part::Reasoning(reasoning) => {
                        waiting = thought(cx, reasoning).or(waiting);
                        continue;
                    }
                    Part::ToolCall(call) => vec![self.call(cx, call, &mut calls)],
                    Part::Document(_)
                    | Part::Image(_)
                    | Part::Refusal(_)
                    | Part::Text(_)
                    | Part::ToolResult(_)
                    | Part::Other { .. } => parts::assistant(cx, part),
                };
                if let Some(first) = more.first_mut().filter(|p| p.signature.is_none()) {
                    first.signature = waiting.take();
                }
                pieces.append(&mut more);
            }
            if waiting.is_some() {
                pieces.push(Piece { kind: Kind::Text(JsonStr::default()), signature: waiting });
            }
            sign(cx, pieces.get_mut(from..).unwrap_or_default());
        }
        if !pieces.is_empty() {
            self.contents.push(Content { role: Speaker::Model, pieces });
        }
        calls
    }

    fn call(&mut self, cx: &mut Context<'r>, call: &'r ToolCall<'r>, calls: &mut Calls<Asked<'r>>) -> Piece<'r> {
        let known = ["extra_content", "function.thought_signature", "provider_specific_fields"];
        for (key, _) in call.ext.iter().filter(|(key, _)| call.opaque.is_none() || !known.contains(&key.as_ref())) {
            cx.losses.drop(format!("tool_calls.{key}"));
        }
        let name = cx.function_name(&call.name);
        let id = self.id(cx, &call.id);
        let signature = own(cx, call.opaque.as_ref());
        let args = parts::args(cx, call);
        calls.push(&call.id, Asked { name: name.clone(), id: id.clone(), answer: None });
        Piece { kind: Kind::Call { name, id, args }, signature }
    }

    /// The id to send: older models refuse the member, and order and name pair as well. A repeated id gets another one.
    fn id(&mut self, cx: &Context<'r>, original: &JsonStr<'r>) -> Option<JsonStr<'r>> {
        if !cx.model.call_ids || original.is_empty() {
            return None;
        }
        let times = self.repeats.entry(original.text().into_owned()).or_default();
        *times += 1;
        if *times == 1 {
            return Some(original.clone());
        }
        // `#` is not legal in an id, so this is always hashed: the same for the same repetition in every request.
        Some(Aliases::id(&JsonStr::owned(&format!("{}#{times}", original.text())), 64).into_owned())
    }

    /// Everything between two assistant turns: responses first, in call order, then the rest as it came.
    fn answers(
        &mut self,
        cx: &mut Context<'r>,
        range: std::ops::Range<usize>,
        calls: &mut Calls<Asked<'r>>,
    ) -> Result<(), Untranslatable> {
        let turns: &'r [Turn<'r>] = cx.request.turns.get(range.clone()).unwrap_or_default();
        let mut pieces = Vec::new();
        let mut empty = None;
        for (at, turn) in range.clone().zip(turns) {
            let before = pieces.len();
            if is_system(turn) {
                note(cx, turn, &mut pieces);
                continue;
            }
            cx.leftovers(cx.turns, &turn.ext);
            if turn.name.is_some() {
                cx.losses.drop(format!("{}.name", cx.turns));
            }
            let mut results = false;
            for (nth, part) in turn.parts.iter().enumerate() {
                let place = format!("{}[{at}].content[{nth}]", cx.turns);
                if let Part::ToolResult(result) = part {
                    results = true;
                    pieces.append(&mut place_result(cx, result, &place, calls)?);
                } else {
                    pieces.append(&mut parts::user(cx, part, &place)?);
                }
            }
            if pieces.len() == before && !results {
                empty = Some(at);
            }
        }
        let mut content = responses(cx, calls);
        if let Some(at) = empty.filter(|_| content.is_empty() && pieces.is_empty()) {
            return Err(Untranslatable::new(format!("{}[{at}].content", cx.turns), "the message is empty"));
        }
        content.append(&mut pieces);
        if !content.is_empty() {
            self.contents.push(Content { role: Speaker::User, pieces: content });
        }
        Ok(())
    }

    /// The first content must be the user's, and so must the last: models answer, they do not continue.
    fn finish(&mut self, cx: &mut Context<'r>) -> Result<(), Untranslatable> {
        if let Some(last) = self.contents.last().filter(|c| c.role == Speaker::Model) {
            let words = |p: &Piece<'_>| match &p.kind {
                Kind::Text(text) => !text.is_blank() && *text != NO_CONTENT,
                Kind::Call { .. } | Kind::File { .. } | Kind::Inline(_) | Kind::Raw(_) | Kind::Response(_) => true,
            };
            if last.pieces.iter().any(words) {
                let at = cx.request.turns.len().saturating_sub(1);
                return Err(Untranslatable::new(
                    format!("{}[{at}]", cx.turns),
                    "Gemini models do not continue an assistant message; end with a user message",
                ));
            }
            // Left behind by clients that store an empty reply.
            cx.losses.drop(cx.turns);
            self.contents.pop();
        }
        if self.contents.first().is_none_or(|c| c.role == Speaker::Model) {
            cx.losses.approx(cx.turns);
            let pieces = vec![Piece::text(JsonStr::escape(OPENING))];
            self.contents.insert(0, Content { role: Speaker::User, pieces });
        }
        Ok(())
    }
}

/// Puts a result to its call; what comes back belongs behind the responses.
fn place_result<'r>(
    cx: &mut Context<'r>,
    result: &'r ToolResult<'r>,
    place: &str,
    calls: &mut Calls<Asked<'r>>,
) -> Result<Vec<Piece<'r>>, Untranslatable> {
    cx.leftovers("tool_result", &result.ext);
    let (text, media) = parts::result(cx, result, place)?;
    let inside = cx.model.media_in_results;
    let Some(asked) = calls.answer(&result.call_id) else {
        // A result nobody asked for is a 400: it becomes the user's words.
        cx.losses.approx(format!("{}.tool_result", cx.turns));
        let label = JsonStr::owned(&format!("[result of tool call {}]", result.call_id.text()));
        let mut pieces = vec![Piece::text(label), Piece::text(text)];
        pieces.extend(media.into_iter().map(|m| Piece::plain(Kind::Inline(m))));
        return Ok(pieces);
    };
    if asked.answer.is_some() {
        cx.losses.approx(format!("{}.tool_result", cx.turns));
    }
    let mut behind = Vec::new();
    let mut response = Response {
        name: asked.name.clone(),
        id: asked.id.clone(),
        text,
        is_error: result.is_error.unwrap_or(false),
        media: Vec::new(),
    };
    if inside {
        response.media = media;
    } else if !media.is_empty() {
        cx.losses.approx(format!("{}.tool_result.media", cx.turns));
        let label = format!("[media from tool call {}]", response.name.text());
        behind.push(Piece::text(JsonStr::owned(&label)));
        behind.extend(media.into_iter().map(|m| Piece::plain(Kind::Inline(m))));
    }
    asked.answer = Some(response);
    Ok(behind)
}

/// The responses of `calls`, as many as calls; one that nobody gave would be a 400.
fn responses<'r>(cx: &mut Context<'r>, calls: &mut Calls<Asked<'r>>) -> Vec<Piece<'r>> {
    let responses = calls.drain().map(|asked| {
        let response = asked.answer.unwrap_or_else(|| {
            cx.losses.approx(format!("{}.tool_result", cx.turns));
            Response {
                name: asked.name,
                id: asked.id,
                text: JsonStr::escape("(no result was provided)"),
                is_error: true,
                media: Vec::new(),
            }
        });
        Piece::plain(Kind::Response(response))
    });
    responses.collect()
}

/// Instructions in the middle stay where they are, as a marked note in the user's words: hoisting them would reorder
/// them and spoil the cached prefix.
fn note<'r>(cx: &mut Context<'r>, turn: &'r Turn<'r>, pieces: &mut Vec<Piece<'r>>) {
    for piece in parts::texts(cx, turn, cx.turns) {
        let Kind::Text(text) = piece.kind else { continue };
        cx.losses.approx(format!("{}.role", cx.turns));
        let mut note = JsonStr::owned("<system-note>");
        note.push(&text);
        note.push(&JsonStr::escape("</system-note>"));
        pieces.push(Piece::text(note));
    }
}

/// Models since the third generation demand a signature on the first call of a step. One that is lost (the client dropped
/// it, or another model made the call) has a documented word; later calls of the step need none (pitfalls 74 and 76).
fn sign(cx: &Context<'_>, pieces: &mut [Piece<'_>]) {
    if cx.model.signatures
        && let Some(first) = pieces.iter_mut().find(|p| p.is_call())
        && first.signature.is_none()
    {
        first.signature = Some(JsonStr::escape(SKIP_SIGNATURE));
    }
}

/// State that this model made, as it goes back; state of others is left out and named.
pub(super) fn own<'r>(cx: &mut Context<'r>, state: Option<&Opaque<'r>>) -> Option<JsonStr<'r>> {
    let state = state?;
    if state.fits(OpaqueKind::GeminiSignature, cx.target.provider, cx.target.model) {
        return Some(state.data.clone());
    }
    cx.losses.drop(format!("{}.thinking", cx.turns));
    None
}

/// The state of a thought, if it is this model's. The words are never sent: Gemini ignores them and counts them.
fn thought<'r>(cx: &mut Context<'r>, reasoning: &'r Reasoning<'r>) -> Option<JsonStr<'r>> {
    match reasoning {
        Reasoning::Thinking { signature: Some(state), .. } | Reasoning::Redacted { data: state, .. } => {
            own(cx, Some(state))
        }
        Reasoning::Field { name: "reasoning_details", raw } => {
            // Ours stand in envelopes; an entry of another provider's is its own.
            let states = elements(raw).unwrap_or_default().into_iter().filter_map(|entry| {
                let data = Members::of(entry).ok()?.take_str("data").ok()??;
                is_sealed(&data).then(|| Opaque::read(OpaqueKind::GeminiSignature, data))?
            });
            let mine = |s: &Opaque<'_>| s.fits(OpaqueKind::GeminiSignature, cx.target.provider, cx.target.model);
            let found = states.into_iter().find(mine).map(|s| s.data);
            if found.is_none() {
                cx.losses.drop(format!("{}.reasoning_details", cx.turns));
            }
            found
        }
        // Words without state serve no model: nothing is lost that a provider would have read.
        Reasoning::Thinking { .. } => {
            cx.losses.drop(format!("{}.thinking", cx.turns));
            None
        }
        Reasoning::Field { name, .. } => {
            cx.losses.drop(format!("{}.{name}", cx.turns));
            None
        }
    }
}

fn is_system(turn: &Turn<'_>) -> bool {
    matches!(turn.role, Role::System | Role::Developer)
}
