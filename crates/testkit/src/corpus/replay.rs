//! A recording as an answer on the wire.

use serde_json::Value;

use super::{Recording, all};
use crate::script::Script;

/// What a model's name begins with that asks for a recording; its id follows.
pub(super) const MODEL: &str = "recorded-";

/// The recorded answer that a model's name asks for.
pub(crate) fn script(model: &str) -> Option<Script> {
    let id = model.strip_prefix(MODEL)?;
    let recording = &all().iter().find(|replayed| replayed.recording.id == id)?.recording;
    Some(played(recording))
}

fn played(recording: &Recording) -> Script {
    let (text, streamed) = recording.reply();
    if streamed {
        return Script::sse(pieces(text, &recording.id)).status(recording.response.status);
    }
    // What was no JSON is kept as a member of some.
    let plain =
        serde_json::from_str::<Value>(text).ok().and_then(|body| body.get("__text")?.as_str().map(str::to_owned));
    match plain {
        Some(plain) => Script::body(recording.response.status, "text/plain", plain),
        None => Script::json(recording.response.status, text),
    }
}

/// The text cut at places that `seed` picks (hex digits): in the middle of lines, of characters, of everything.
pub fn pieces<'t>(text: &'t str, seed: &str) -> Vec<&'t [u8]> {
    let mut state = u64::from_str_radix(seed, 16).unwrap_or_default() | 1;
    let (mut rest, mut pieces) = (text.as_bytes(), Vec::new());
    // Long texts in longer pieces: what matters are the places, and there are enough of them.
    while !rest.is_empty() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let most = 1 + rest.len() / 20;
        let length = 1 + usize::try_from(state).unwrap_or(usize::MAX) % most;
        let (piece, after) = rest.split_at(length.min(rest.len()));
        pieces.push(piece);
        rest = after;
    }
    pieces
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on must stop where it is")]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::script::Step;

    fn script(response: &str) -> Script {
        let recording = format!(r#"{{"id":"00000000000000ab","features":[],"request":{{}},"response":{response}}}"#);
        played(&serde_json::from_str(&recording).unwrap())
    }

    #[test]
    fn the_recorded_bytes_are_played() {
        let sse = "data: {\"n\": 1.0}\r\n\r\n: comment\n\ndata: é\n\n".repeat(20);
        let stream = script(&json!({"status": 200, "sse": sse}).to_string());
        assert_eq!(stream.whole_body(), sse.as_bytes());
        assert!(stream.steps.iter().filter(|step| matches!(step, Step::Chunk(_))).count() > 5, "in pieces");
        let error = script(r#"{"status":429,"body":{"b": 1.50,"a":2}}"#);
        assert_eq!(error, Script::json(429, r#"{"b": 1.50,"a":2}"#));
        let page = script(r#"{"status":502,"body":{"__text":"<html>"}}"#);
        assert_eq!(page, Script::body(502, "text/plain", "<html>"));
    }

    #[test]
    fn only_known_recordings_are_asked_for() {
        assert_eq!(super::script("gpt-5.5"), None);
        assert_eq!(super::script("recorded-nothing"), None);
    }
}
