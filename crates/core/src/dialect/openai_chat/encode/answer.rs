//! Tool results: each goes to the call it answers, as text.

use crate::dialect::openai_chat::wire::NAME_LIMIT;
use crate::hub::{Aliases, ToolResult, Untranslatable};
use crate::json::JsonStr;
use crate::provider::{ContentForm, ToolId};

use super::Encoder;
use super::content::Piece;
use super::plan::{Message, Spoken};

/// The text of a result; several texts stay several where the provider takes parts.
#[derive(Debug)]
pub(super) struct Answer<'r> {
    pub(super) texts: Vec<JsonStr<'r>>,
}

impl Answer<'_> {
    pub(super) fn missing() -> Self {
        Self { texts: vec![JsonStr::written("(no result was provided)")] }
    }
}

impl<'r> Encoder<'r> {
    /// Puts a result into the slot of its call. Ids may restart in every reply, so it belongs to the nearest preceding
    /// call of that id that has none yet (pitfall 4). What answers no call comes back as text for a user message.
    pub(super) fn place(
        &mut self,
        path: &str,
        result: &'r ToolResult<'r>,
        messages: &mut [Message<'r>],
    ) -> Result<Option<Piece<'r>>, Untranslatable> {
        if result.cache.is_some() {
            self.losses.drop("cache_control");
        }
        self.left_over("messages.tool_result", &result.ext);
        let id = self.id(&result.call_id);
        let Some((at, n)) = slot(&id, messages) else {
            self.losses.approx("messages.tool_result");
            let mut ignored = Spoken::default();
            let answer = self.answer(path, &id, result, &mut ignored)?;
            return Ok(Some(Piece::plain(joined(&answer.texts, "\n"))));
        };
        if let Some(Message::Assistant(spoken)) = messages.get_mut(at) {
            let answer = self.answer(path, &id, result, spoken)?;
            if let Some(call) = spoken.calls.get_mut(n)
                && call.answer.replace(answer).is_some()
            {
                self.losses.approx("messages.tool_result");
            }
        }
        Ok(None)
    }

    /// The id to send, the same for a call and its result, on this turn and on every later one.
    pub(super) fn id(&self, original: &'r JsonStr<'r>) -> JsonStr<'r> {
        match self.quirks.tool_id {
            ToolId::Alnum9 => Aliases::id_alnum(original, 9),
            ToolId::Any if !original.is_empty() && original.as_escaped().len() <= NAME_LIMIT => original.borrowed(),
            ToolId::Any => Aliases::id(original, NAME_LIMIT),
        }
    }

    /// The result as text; media go to `spoken.carried`, with a word in their place.
    fn answer(
        &mut self,
        path: &str,
        id: &JsonStr<'r>,
        result: &'r ToolResult<'r>,
        spoken: &mut Spoken<'r>,
    ) -> Result<Answer<'r>, Untranslatable> {
        let mut texts = Vec::new();
        let mut media = false;
        for (n, part) in result.parts.iter().enumerate() {
            let mut pieces = Vec::new();
            self.piece(part, &format!("{path}.content[{n}]"), &mut pieces)?;
            for piece in pieces {
                let what = match piece {
                    Piece::Text { text, .. } => {
                        texts.push(text);
                        continue;
                    }
                    Piece::File { .. } => "document",
                    Piece::Image { .. } => "image",
                };
                media = true;
                let number = 1 + spoken.carried.iter().filter(|p| p.kind() == what).count();
                self.losses.approx(format!("messages.tool_result.{what}"));
                texts.push(JsonStr::owned(&format!("[{what} {number} attached below]")));
                let label = format!("[{what} {number}, from tool call {}]", id.text());
                spoken.carried.push(Piece::plain(JsonStr::owned(&label)));
                spoken.carried.push(piece);
            }
        }
        if media || self.quirks.content == ContentForm::Strings {
            texts = vec![joined(&texts, "\n")];
        }
        if result.is_error == Some(true) {
            self.losses.approx("messages.tool_result.is_error");
            prefix_error(&mut texts);
        }
        if texts.iter().all(JsonStr::is_empty) {
            texts = vec![JsonStr::written(self.quirks.empty_tool_result)];
        }
        Ok(Answer { texts })
    }
}

/// The model must know that the tool failed (pitfall 23).
fn prefix_error(texts: &mut Vec<JsonStr<'_>>) {
    match texts.first_mut() {
        Some(first) if first.as_escaped().starts_with("Error: ") => {}
        Some(first) => {
            let mut marked = JsonStr::written("Error: ");
            marked.push(first);
            *first = marked;
        }
        None => texts.push(JsonStr::written("Error: the tool failed")),
    }
}

/// The nearest call of this id without an answer; failing that, the nearest of this id (its last answer counts).
fn slot(id: &JsonStr<'_>, messages: &[Message<'_>]) -> Option<(usize, usize)> {
    let id = id.text();
    let calls = || {
        messages.iter().enumerate().rev().flat_map(|(at, message)| {
            let calls = if let Message::Assistant(spoken) = message { spoken.calls.as_slice() } else { &[] };
            calls.iter().enumerate().map(move |(n, call)| (at, n, call))
        })
    };
    calls()
        .find(|(_, _, call)| call.answer.is_none() && call.id.text() == id)
        .or_else(|| calls().find(|(_, _, call)| call.id.text() == id))
        .map(|(at, n, _)| (at, n))
}

/// All texts in one, with `separator` between them.
pub(super) fn joined<'r>(texts: &[JsonStr<'r>], separator: &str) -> JsonStr<'r> {
    let mut texts = texts.iter();
    let mut out = texts.next().cloned().unwrap_or_default();
    for text in texts {
        out.push(&JsonStr::escape(separator));
        out.push(text);
    }
    out
}
