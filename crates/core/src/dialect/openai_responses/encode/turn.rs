//! From turns to items: nearly everything stays where it was, for items may stand in any order.
//!
//! Two things are demanded: every call has one output, and encrypted reasoning stands before what it led to.

use std::borrow::Cow;

use crate::dialect::Dialect;
use crate::hub::history::{self, Rendered};
use crate::hub::{
    Aliases, Arguments, CacheMark, Document, Image, MediaSource, OpaqueKind, Part, Reasoning, Role, Text, ToolCall,
    ToolKind, ToolResult, Turn, Untranslatable, media,
};
use crate::json::{JsonStr, Members, RawValue};

use super::super::wire::NAME_LIMIT;
use super::Encoder;
use super::item::{Item, Piece, Source};

/// What is written of the turns.
#[derive(Debug, Default)]
pub(super) struct Conversation<'r> {
    pub(super) instructions: Option<JsonStr<'r>>,
    pub(super) items: Vec<Item<'r>>,
    calls: Vec<Called<'r>>,
    /// The phase of the next message, which rode with the reasoning before it.
    phase: Option<JsonStr<'r>>,
}

/// A call that was written.
#[derive(Debug)]
struct Called<'r> {
    original: &'r JsonStr<'r>,
    sent: JsonStr<'r>,
    kind: ToolKind,
    answered: bool,
}

impl<'r> Encoder<'r> {
    /// `instructions` and `input`.
    pub(super) fn conversation(&mut self) -> Result<Conversation<'r>, Untranslatable> {
        let request = self.request;
        let mut this = Conversation::default();
        let mut system = Vec::new();
        if let Some(turn) = &request.system {
            system.push(self.system(turn, "system")?);
        }
        let lead = request.turns.iter().take_while(|t| is_system(t)).count();
        for (at, turn) in request.turns.iter().enumerate().take(lead) {
            system.push(self.system(turn, &format!("messages[{at}]"))?);
        }
        system.retain(|pieces| !pieces.is_empty());
        match system.as_mut_slice() {
            [one] if matches!(one.as_slice(), [Piece::Text { cache: None, .. }]) => {
                if let Some(Piece::Text { text, .. }) = one.pop() {
                    this.instructions = Some(text);
                }
            }
            _ => system.into_iter().for_each(|pieces| this.items.push(self.directive(pieces))),
        }
        for (at, turn) in request.turns.iter().enumerate().skip(lead) {
            let place = format!("messages[{at}]");
            match turn.role {
                Role::Assistant => self.assistant(turn, &place, &mut this)?,
                Role::Developer | Role::System => {
                    let pieces = self.system(turn, &place)?;
                    if !pieces.is_empty() {
                        this.items.push(self.directive(pieces));
                    }
                }
                Role::Tool | Role::User => self.user(turn, &place, &mut this)?,
            }
        }
        self.finish(&mut this);
        Ok(this)
    }

    fn directive(&self, pieces: Vec<Piece<'r>>) -> Item<'r> {
        let role = if self.target.quirks.developer_role { "developer" } else { "system" };
        Item::Message { role, pieces, phase: None }
    }

    fn system(&mut self, turn: &'r Turn<'r>, place: &str) -> Result<Vec<Piece<'r>>, Untranslatable> {
        let mut pieces = Vec::new();
        for (n, part) in turn.parts.iter().enumerate() {
            if matches!(part, Part::Text(text) if text.is_billing()) {
                self.losses.drop(format!("{place}[{n}]"));
                continue;
            }
            self.piece(part, &format!("{place}.content[{n}]"), &mut pieces)?;
        }
        self.left_over("messages", &turn.ext);
        Ok(pieces)
    }

    fn user(&mut self, turn: &'r Turn<'r>, place: &str, this: &mut Conversation<'r>) -> Result<(), Untranslatable> {
        let mut pieces = Vec::new();
        let mut results = 0;
        for (n, part) in turn.parts.iter().enumerate() {
            let place = format!("{place}.content[{n}]");
            let Part::ToolResult(result) = part else {
                self.piece(part, &place, &mut pieces)?;
                continue;
            };
            results += 1;
            this.say("user", &mut pieces);
            let output = self.output(result, &place)?;
            if let Some((sent, kind)) = this.answer(&result.call_id) {
                this.items.push(Item::Output { id: sent, pieces: output, kind });
            } else {
                // A result nobody asked for is a 400: it becomes the user's words.
                self.losses.approx("messages.tool_result");
                pieces.push(Piece::text(JsonStr::owned(&format!("[result of tool call {}]", result.call_id.text()))));
                pieces.extend(output);
            }
        }
        self.left_over("messages", &turn.ext);
        if turn.name.is_some() {
            self.losses.drop("messages.name");
        }
        if pieces.is_empty() && results == 0 && turn.parts.iter().all(|p| matches!(p, Part::Text(_))) {
            return Err(Untranslatable::new(format!("{place}.content"), "a user message must not be empty"));
        }
        this.say("user", &mut pieces);
        Ok(())
    }

    fn assistant(
        &mut self,
        turn: &'r Turn<'r>,
        place: &str,
        this: &mut Conversation<'r>,
    ) -> Result<(), Untranslatable> {
        let mut pieces = Vec::new();
        let mut kept = false;
        for (n, part) in turn.parts.iter().enumerate() {
            match part {
                Part::Reasoning(reasoning) => {
                    if let Some(item) = self.thought(reasoning, this) {
                        kept = true;
                        this.say("assistant", &mut pieces);
                        this.items.push(item);
                    }
                }
                Part::ToolCall(call) => {
                    this.say("assistant", &mut pieces);
                    let item = self.call(call, this);
                    this.items.push(item);
                }
                // An assistant's message holds text only.
                Part::Document(_) => self.losses.drop("messages.document"),
                Part::Image(_) => self.losses.drop("messages.image"),
                Part::ToolResult(_) => self.losses.drop("messages.tool_result"),
                Part::Refusal(text) => pieces.push(Piece::Refusal(text.borrowed())),
                Part::Other { .. } | Part::Text(_) => {
                    self.piece(part, &format!("{place}.content[{n}]"), &mut pieces)?;
                }
            }
        }
        // Readable members say again what the state holds.
        for part in turn.parts.iter().filter(|_| !kept) {
            if let Part::Reasoning(Reasoning::Field { name, .. }) = part {
                self.losses.drop(format!("messages.{name}"));
            }
        }
        self.left_over("messages", &turn.ext);
        this.say("assistant", &mut pieces);
        Ok(())
    }

    /// Encrypted reasoning of this very model; everything else the model thought is left out.
    fn thought(&mut self, reasoning: &'r Reasoning<'r>, this: &mut Conversation<'r>) -> Option<Item<'r>> {
        let lost = match reasoning {
            Reasoning::Thinking { text, signature: Some(state), .. }
                if state.fits(OpaqueKind::OpenAiEncrypted, self.target.provider, self.target.model) =>
            {
                this.phase = state.phase.as_ref().map(JsonStr::borrowed);
                return Some(Item::Reasoning { text: text.borrowed(), state: state.clone() });
            }
            Reasoning::Field { .. } => return None,
            Reasoning::Redacted { .. } => "messages.redacted_thinking",
            Reasoning::Thinking { .. } => "messages.thinking",
        };
        self.losses.drop(lost);
        None
    }

    fn call(&mut self, call: &'r ToolCall<'r>, this: &mut Conversation<'r>) -> Item<'r> {
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
        let sent = this.id(&call.id);
        this.calls.push(Called { original: &call.id, sent: sent.clone(), kind: call.kind, answered: false });
        Item::Call { id: sent, name: self.aliases.name(&call.name, NAME_LIMIT), arguments, kind: call.kind }
    }

    fn output(&mut self, result: &'r ToolResult<'r>, place: &str) -> Result<Vec<Piece<'r>>, Untranslatable> {
        if result.cache.is_some() {
            self.losses.drop("cache_control");
        }
        self.left_over("messages.tool_result", &result.ext);
        let mut pieces = Vec::new();
        for (n, part) in result.parts.iter().enumerate() {
            self.piece(part, &format!("{place}.content[{n}]"), &mut pieces)?;
        }
        if result.is_error == Some(true) {
            self.losses.approx("messages.tool_result.is_error");
            mark_error(&mut pieces);
        }
        Ok(pieces)
    }

    /// What one part becomes: mostly one piece, nothing for empty text, several for a document of blocks.
    fn piece(&mut self, part: &'r Part<'r>, place: &str, out: &mut Vec<Piece<'r>>) -> Result<(), Untranslatable> {
        match part {
            Part::Document(document) => self.document(document, place, out)?,
            Part::Image(image) => {
                let piece = self.image(image, place)?;
                out.push(piece);
            }
            Part::Refusal(text) => {
                self.losses.approx("messages.refusal");
                out.push(Piece::text(text.borrowed()));
            }
            Part::Text(Text { text, cache, ext, opaque }) => {
                if opaque.is_some() {
                    self.losses.drop("messages.thoughtSignature");
                }
                self.left_over("messages.text", ext);
                let cache = self.mark(*cache);
                if !text.is_empty() {
                    out.push(Piece::Text { text: text.borrowed(), cache });
                }
            }
            Part::Other { kind, raw } => match history::render(kind, raw) {
                Rendered::Nothing if matches!(kind.as_ref(), "input_audio" | "video_url") => {
                    return Err(Untranslatable::new(place, format!("the target does not take `{kind}`")));
                }
                Rendered::Nothing => self.losses.drop(format!("messages.{kind}")),
                Rendered::Refused(why) => return Err(Untranslatable::new(place, why)),
                Rendered::Text(text) => {
                    self.losses.approx(format!("messages.{kind}"));
                    out.push(Piece::text(JsonStr::owned(&text)));
                }
            },
            Part::Reasoning(_) => self.losses.drop("messages.thinking"),
            Part::ToolCall(_) => self.losses.drop("messages.tool_use"),
            Part::ToolResult(_) => self.losses.drop("messages.tool_result"),
        }
        Ok(())
    }

    /// OpenAI's own breakpoints go on; Anthropic's mean nothing here.
    fn mark(&mut self, mark: Option<CacheMark<'r>>) -> Option<&'r RawValue> {
        let CacheMark(raw) = mark?;
        if Members::of(raw).is_ok_and(|m| m.get("type").is_none()) {
            return Some(raw);
        }
        self.losses.drop("cache_control");
        None
    }

    fn image(&mut self, image: &'r Image<'r>, place: &str) -> Result<Piece<'r>, Untranslatable> {
        self.left_over("messages.image", &image.ext);
        let source = match &image.source {
            MediaSource::Base64 { media_type, data } => {
                let media_type = media::shown_type(data).map_or(Cow::Borrowed(media_type.as_ref()), Cow::Borrowed);
                Source::data(&media_type, data)
            }
            MediaSource::Url(url) => Source::Url(url.borrowed()),
            MediaSource::File(id) if self.same_family() => Source::File(id.borrowed()),
            MediaSource::Blocks(_) | MediaSource::File(_) | MediaSource::Other(_) | MediaSource::Text(_) => {
                return Err(Untranslatable::unreachable(place, "image"));
            }
        };
        let detail = image.detail.as_ref().map(JsonStr::borrowed);
        Ok(Piece::Image { source, detail, cache: self.mark(image.cache) })
    }

    fn document(
        &mut self,
        document: &'r Document<'r>,
        place: &str,
        out: &mut Vec<Piece<'r>>,
    ) -> Result<(), Untranslatable> {
        self.left_over("messages.document", &document.ext);
        let title = document.title.as_ref().filter(|t| !t.is_empty());
        let cache = self.mark(document.cache);
        let name = title.map_or_else(|| JsonStr::written("document.pdf"), JsonStr::borrowed);
        if self.lacks("input_file") && !matches!(document.source, MediaSource::Blocks(_) | MediaSource::Text(_)) {
            return Err(Untranslatable::new(format!("{place}.source"), "the target takes no documents; send text"));
        }
        let source = match &document.source {
            MediaSource::Base64 { media_type, data } => {
                let media_type = if media_type.is_empty() { "application/pdf" } else { media_type.as_ref() };
                Source::data(media_type, data)
            }
            MediaSource::Blocks(parts) => {
                out.extend(title.map(|t| Piece::text(media::headed(t, None))));
                for (n, part) in parts.iter().enumerate() {
                    self.piece(part, &format!("{place}.source.content[{n}]"), out)?;
                }
                return Ok(());
            }
            MediaSource::Text(text) => {
                let text = title.map_or_else(|| text.borrowed(), |title| media::headed(title, Some(text)));
                out.push(Piece::Text { text, cache });
                return Ok(());
            }
            MediaSource::Url(url) => Source::Url(url.borrowed()),
            MediaSource::File(id) if self.same_family() => Source::File(id.borrowed()),
            MediaSource::File(_) | MediaSource::Other(_) => return Err(Untranslatable::unreachable(place, "document")),
        };
        out.push(Piece::File { name, source, cache });
        Ok(())
    }

    /// File ids mean something to the provider of both of OpenAI's dialects.
    const fn same_family(&self) -> bool {
        matches!(self.request.origin, Dialect::OpenAiChat | Dialect::OpenAiResponses)
    }

    fn finish(&mut self, this: &mut Conversation<'r>) {
        self.prefill(this);
        let items = std::mem::take(&mut this.items);
        let mut kept: Vec<Item<'r>> = Vec::with_capacity(items.len());
        let mut open: Vec<(JsonStr<'r>, ToolKind)> = Vec::new();
        for item in items {
            if !item.is_said() {
                self.end_step(&mut open, &mut kept);
            }
            if let Item::Call { id, kind, .. } = &item
                && this.calls.iter().any(|c| !c.answered && c.sent == *id)
            {
                open.push((id.clone(), *kind));
            }
            kept.push(item);
        }
        self.end_step(&mut open, &mut kept);
        this.items = kept;
    }

    /// The assistant's step ends: calls nobody answers get an output, as a call without one is refused, and reasoning
    /// that led to nothing goes.
    fn end_step(&mut self, open: &mut Vec<(JsonStr<'r>, ToolKind)>, items: &mut Vec<Item<'r>>) {
        while items.last().is_some_and(|i| matches!(i, Item::Reasoning { .. })) {
            self.losses.drop("messages.thinking");
            items.pop();
        }
        for (id, kind) in open.drain(..) {
            self.losses.approx("messages.tool_result");
            let pieces = vec![Piece::text(JsonStr::written("(no result was provided)"))];
            items.push(Item::Output { id, pieces, kind });
        }
    }

    /// A trailing assistant message asks to be continued, which is no more than a hint here; an empty one is an artefact
    /// of the client.
    fn prefill(&mut self, this: &mut Conversation<'r>) {
        let Some(Item::Message { role: "assistant", pieces, .. }) = this.items.last() else { return };
        let blank = |p: &Piece<'_>| matches!(p, Piece::Text { text, .. } if text.is_blank() || *text == "(no content)");
        if pieces.iter().all(blank) {
            this.items.pop();
        } else {
            self.losses.approx("messages.prefill");
        }
    }
}

impl<'r> Conversation<'r> {
    fn say(&mut self, role: &'static str, pieces: &mut Vec<Piece<'r>>) {
        if !pieces.is_empty() {
            let phase = if role == "assistant" { self.phase.take() } else { None };
            self.items.push(Item::Message { role, pieces: std::mem::take(pieces), phase });
        }
    }

    /// The nearest preceding call of that id without an output.
    fn answer(&mut self, id: &JsonStr<'_>) -> Option<(JsonStr<'r>, ToolKind)> {
        let id = id.text();
        let call = self.calls.iter_mut().rev().find(|c| !c.answered && c.original.text() == id)?;
        call.answered = true;
        Some((call.sent.clone(), call.kind))
    }

    /// An id that fits and that no earlier call of this request has: the same one on every later turn.
    fn id(&self, original: &'r JsonStr<'r>) -> JsonStr<'r> {
        let taken = |id: &JsonStr<'_>| self.calls.iter().any(|c| c.sent.text() == id.text());
        let fits = !original.is_empty() && original.as_escaped().len() <= NAME_LIMIT;
        let mut sent = if fits { original.borrowed() } else { Aliases::id(original, NAME_LIMIT) };
        let mut times = 1;
        while taken(&sent) {
            times += 1;
            // `#` is not legal in an alias, so this is always hashed.
            sent = Aliases::id(&JsonStr::owned(&format!("{}#{times}", original.text())), NAME_LIMIT).into_owned();
        }
        sent
    }
}

fn is_system(turn: &Turn<'_>) -> bool {
    matches!(turn.role, Role::System | Role::Developer)
}

/// The model must know that the tool failed.
fn mark_error(pieces: &mut Vec<Piece<'_>>) {
    match pieces.first_mut() {
        Some(Piece::Text { text, .. }) if text.as_escaped().starts_with("Error: ") => {}
        Some(Piece::Text { text, .. }) => {
            let mut marked = JsonStr::written("Error: ");
            marked.push(text);
            *text = marked;
        }
        _ => pieces.insert(0, Piece::text(JsonStr::written("Error: the tool failed"))),
    }
}
