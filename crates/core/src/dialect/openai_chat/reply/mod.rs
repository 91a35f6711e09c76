//! Replies from the wire, whole and streamed: <https://platform.openai.com/docs/api-reference/chat/object>.
//!
//! A whole reply is read as one big chunk, so that both forms mean the same thing (what comes out is the same list of
//! events). Every look-alike deviates somewhere: nothing unexpected is an error here, except an error.

mod call;
mod content;
mod failure;
mod reasoning;
mod state;
mod usage;

use crate::hub::{Aliases, Event};
use crate::json::{Members, RawValue, WireError, elements};
use crate::provider::Quirks;

use super::wire::DONE;
use state::{Decoder, Shape};

/// Decodes a whole reply.
pub fn decode_reply<'a>(body: &'a str, quirks: &Quirks, aliases: &Aliases) -> Result<Vec<Event<'a>>, WireError> {
    let mut out = Vec::with_capacity(16);
    let members = match Members::parse(body) {
        Ok(members) => members,
        Err(error) => {
            // Google sends its errors as a list of one.
            let failure = serde_json::from_str::<&RawValue>(body)
                .ok()
                .and_then(|raw| failure::of(&Members::of(elements(raw).ok()?.first()?).ok()?));
            out.push(Event::Error(failure.ok_or(error)?));
            return Ok(out);
        }
    };
    let mut decoder = Decoder::new(quirks, aliases.clone());
    if let Some(failure) = failure::of(&members) {
        out.push(Event::Error(failure));
        return Ok(out);
    }
    let choices = members.get("choices").ok_or_else(|| WireError::new("choices", "missing required member"))?;
    if elements(choices).map_err(|e| e.under("choices"))?.is_empty() {
        return Err(WireError::new("choices", "expected at least one choice"));
    }
    decoder.chunk(&members, Shape::Whole, &mut out);
    decoder.done(&mut out);
    Ok(out)
}

/// Decodes a stream, event by event.
#[derive(Debug)]
pub struct StreamDecoder {
    decoder: Decoder,
    skipped: u32,
}

impl StreamDecoder {
    pub fn new(quirks: &Quirks, aliases: Aliases) -> Self {
        Self { decoder: Decoder::new(quirks, aliases), skipped: 0 }
    }

    /// Takes one server-sent event: its name, if it has one, and its data. Appends what it means.
    pub fn push<'f>(&mut self, name: Option<&str>, data: &'f str, out: &mut Vec<Event<'f>>) {
        let data = data.trim();
        if data.is_empty() {
            return;
        }
        // Some put junk behind the marker.
        if data.starts_with(DONE) {
            self.decoder.done(out);
            return;
        }
        if let Ok(members) = Members::parse(data) {
            self.members(name, &members, out);
            return;
        }
        // Some put several objects into one event, a line each.
        let lines: Vec<_> = data.lines().map(Members::parse).collect();
        if lines.len() > 1 && lines.iter().all(Result::is_ok) {
            lines.iter().flatten().for_each(|members| self.members(name, members, out));
        } else if data.starts_with("{\"error\"") || data.starts_with('<') {
            self.decoder.fail(failure::unnamed("an unreadable error"), out);
        } else {
            self.skipped = self.skipped.saturating_add(1);
        }
    }

    fn members<'f>(&mut self, name: Option<&str>, members: &Members<'f>, out: &mut Vec<Event<'f>>) {
        // The SDKs would take `event: error` for an empty chunk; its data need not have an `error` member.
        match failure::of(members) {
            Some(failure) => self.decoder.fail(failure, out),
            None if name == Some("error") => self.decoder.fail(failure::inside(members), out),
            None => self.decoder.chunk(members, Shape::Delta, out),
        }
    }

    /// The upstream closed the stream. A finish reason makes the reply complete, with or without the marker.
    pub fn finish(&mut self, out: &mut Vec<Event<'static>>) {
        self.decoder.closed(out);
    }

    /// How many events could not be read.
    pub const fn skipped(&self) -> u32 {
        self.skipped
    }
}
