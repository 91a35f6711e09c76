//! Replies from the wire, whole and streamed: <https://ai.google.dev/api/generate-content#v1beta.GenerateContentResponse>.
//!
//! A stream is a row of partial replies, so a whole reply is read as a stream of one. There is no terminal marker: a
//! finish reason makes the reply complete. Sources may come before it, with it or after it.

mod content;
mod facts;
mod grounding;
mod state;

use crate::hub::{Aliases, Event};
use crate::json::{Members, WireError, elements};
use crate::provider::Quirks;
use crate::upstream_error;

use super::wire::has;
use state::Decoder;

/// Decodes a whole reply: one object, or a list of partial ones (a stream that was asked for without `alt=sse`).
pub fn decode_reply<'a>(body: &'a str, _quirks: &Quirks, aliases: &Aliases) -> Result<Vec<Event<'a>>, WireError> {
    let mut out = Vec::with_capacity(16);
    let mut decoder = Decoder::new(aliases.clone());
    let text = body.trim();
    if text.starts_with('[') {
        let list: Vec<&serde_json::value::RawValue> =
            serde_json::from_str(text).map_err(|e| WireError::new("", e.to_string()))?;
        if list.is_empty() {
            return Err(WireError::new("", "expected at least one reply"));
        }
        for raw in list {
            decoder.chunk(raw.get(), Members::of(raw)?, &mut out);
        }
    } else {
        let members = Members::parse(text)?;
        if !has(&members, "candidates")
            && !has(&members, "promptFeedback")
            && !members.iter().any(|(k, _)| k == "error")
        {
            return Err(WireError::new("candidates", "missing required member"));
        }
        decoder.chunk(text, members, &mut out);
    }
    decoder.whole(&mut out);
    Ok(out)
}

/// Decodes a stream, event by event.
#[derive(Debug)]
pub struct StreamDecoder {
    decoder: Decoder,
    skipped: u32,
}

impl StreamDecoder {
    pub fn new(_quirks: &Quirks, aliases: Aliases) -> Self {
        Self { decoder: Decoder::new(aliases), skipped: 0 }
    }

    /// Takes the data of one server-sent event and appends what it means.
    pub fn push<'f>(&mut self, _name: Option<&str>, data: &'f str, out: &mut Vec<Event<'f>>) {
        let data = data.trim();
        if data.is_empty() {
            return;
        }
        match Members::parse(data) {
            Ok(members) => self.decoder.chunk(data, members, out),
            // Errors come as a list of one, too.
            Err(_) if data.starts_with('[') => self.list(data, out),
            Err(_) if data.starts_with('<') => self.decoder.fail(upstream_error::in_band(data), out),
            Err(_) => self.skipped = self.skipped.saturating_add(1),
        }
    }

    fn list<'f>(&mut self, data: &'f str, out: &mut Vec<Event<'f>>) {
        let Ok(raw) = serde_json::from_str::<&serde_json::value::RawValue>(data) else { return };
        for one in elements(raw).unwrap_or_default() {
            if let Ok(members) = Members::of(one) {
                self.decoder.chunk(one.get(), members, out);
            }
        }
    }

    /// The upstream closed. A finish reason, or a prompt that was blocked, makes the reply complete.
    pub fn finish(&mut self, out: &mut Vec<Event<'static>>) {
        self.decoder.closed(out);
    }

    /// How many events could not be read.
    pub const fn skipped(&self) -> u32 {
        self.skipped
    }
}
