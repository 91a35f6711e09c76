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
use crate::json::{Members, WireError, elements};
use crate::provider::Quirks;
use crate::upstream_error;

use super::wire::DONE;
use state::{Decoder, Shape};

/// Decodes a whole reply.
pub fn decode_reply<'a>(body: &'a str, quirks: &Quirks, aliases: &Aliases) -> Result<Vec<Event<'a>>, WireError> {
    let mut out = Vec::with_capacity(16);
    let members = match Members::parse(body) {
        Ok(members) if !failure::is(&members) => members,
        Ok(_) => {
            out.push(Event::Error(upstream_error::in_band(body)));
            return Ok(out);
        }
        // Google sends its errors as a list of one.
        Err(_) if body.trim_start().starts_with('[') => {
            out.push(Event::Error(upstream_error::in_band(body)));
            return Ok(out);
        }
        Err(error) => return Err(error),
    };
    let mut decoder = Decoder::new(quirks, aliases.clone());
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
        if self.object(name, data, out) {
            return;
        }
        // Some put several objects into one event, a line each.
        let lines = || data.lines().map(str::trim).filter(|line| !line.is_empty());
        if lines().count() > 1 && lines().all(|line| Members::parse(line).is_ok()) {
            for line in lines() {
                self.object(name, line, out);
            }
        } else if data.starts_with("{\"error\"") || data.starts_with('<') {
            self.decoder.fail(failure::unnamed("an unreadable error"), out);
        } else {
            self.skipped = self.skipped.saturating_add(1);
        }
    }

    /// One object; false if the data is none.
    fn object<'f>(&mut self, name: Option<&str>, data: &'f str, out: &mut Vec<Event<'f>>) -> bool {
        let Ok(members) = Members::parse(data) else { return false };
        // The SDKs would take `event: error` for an empty chunk; its data need not have an `error` member.
        if failure::is(&members) || name == Some("error") {
            self.decoder.fail(upstream_error::in_band(data), out);
        } else {
            self.decoder.chunk(&members, Shape::Delta, out);
        }
        true
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
