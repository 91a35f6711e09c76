//! What matters of a reply, in no dialect, and what may not differ.

use serde_json::{Map, Value};

use super::Dialect;

/// What a reply says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    pub text: String,
    pub refusal: String,
    /// Names and arguments; the arguments as JSON.
    pub calls: Vec<(String, Value)>,
    pub stop: Stop,
    /// `None`: nothing was counted.
    pub usage: Option<Usage>,
}

/// All input, the part of it that was cached, all output.
pub type Usage = (u64, u64, u64);

/// The reasons that every dialect can tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stop {
    #[default]
    End,
    Length,
    Refused,
    Tools,
}

/// What a client was told, in the words of its dialect.
#[derive(Debug, Default)]
pub struct Told {
    pub text: String,
    pub refusal: String,
    /// Names and arguments; the arguments as JSON, or as its text.
    pub calls: Vec<(String, Value)>,
    /// The reason to stop.
    pub stop: String,
    /// Input, output, the cached part of the input, what was written to the cache.
    pub usage: [Option<u64>; 4],
}

impl Told {
    /// The same in no dialect.
    pub fn answer(self, client: Dialect) -> Answer {
        let json = |value: Value| match value.as_str().map(serde_json::from_str) {
            Some(Ok(parsed)) => parsed,
            Some(Err(_)) | None => value,
        };
        let calls: Vec<_> = self.calls.into_iter().map(|(name, arguments)| (name, json(arguments))).collect();
        let stop = match self.stop.as_str() {
            "length" | "max_tokens" | "model_context_window_exceeded" | "max_output_tokens" | "MAX_TOKENS" => {
                Stop::Length
            }
            "content_filter" | "refusal" => Stop::Refused,
            _ if !self.refusal.is_empty() => Stop::Refused,
            "tool_calls" | "function_call" | "tool_use" | "TOOL_CALL" => Stop::Tools,
            "completed" | "STOP" if !calls.is_empty() => Stop::Tools,
            "completed" | "COMPLETE" | "STOP_SEQUENCE" | "STOP" | "stop" | "end_turn" | "stop_sequence"
            | "pause_turn" | "compaction" => Stop::End,
            _ => Stop::Refused,
        };
        let [input, output, cached, written] = self.usage;
        let usage = input.zip(output).map(|(input, output)| {
            let cached = cached.unwrap_or(0);
            // Messages counts the cached part beside the rest.
            let beside = if client == Dialect::Anthropic { cached + written.unwrap_or(0) } else { 0 };
            (input + beside, cached, output)
        });
        Answer { text: self.text, refusal: self.refusal, calls, stop, usage }
    }
}

/// What differs and may not: which check, and how.
pub fn differences(want: &Answer, got: &Answer) -> Vec<(&'static str, String)> {
    let mut all = Vec::new();
    // Dialects without a word for it tell a refusal as text; one without words is told in ours, or not at all.
    let (said, told) = (format!("{}{}", want.text, want.refusal), format!("{}{}", got.text, got.refusal));
    let spoken = |text: &str| got.text == text || (got.refusal.is_empty() && got.text.starts_with(text));
    let silent = got.refusal.is_empty() && got.text == want.text;
    let wordless = want.stop == Stop::Refused && ((want.refusal.is_empty() && spoken(&want.text)) || silent);
    if said != told && !wordless && !same_json(&said, &told) {
        all.push(("text", where_they_part(&said, &told)));
    }
    if !same_calls(&want.calls, &got.calls) {
        all.push(("calls", format!("{:?} became {:?}", want.calls, got.calls)));
    }
    if want.stop != got.stop {
        all.push(("stop", format!("{:?} became {:?}", want.stop, got.stop)));
    }
    if want.usage.is_some_and(|usage| usage != (0, 0, 0)) && want.usage != got.usage {
        all.push(("usage", format!("{:?} became {:?}", want.usage, got.usage)));
    }
    all
}

fn where_they_part(said: &str, told: &str) -> String {
    let at = said.bytes().zip(told.bytes()).take_while(|(a, b)| a == b).count();
    let near = |text: &str| {
        let near = text.as_bytes().get(at.saturating_sub(20)..).unwrap_or_default();
        String::from_utf8_lossy(near).chars().take(120).collect::<String>()
    };
    format!("{} and {} bytes, at {at}: {:?} and {:?}", said.len(), told.len(), near(said), near(told))
}

/// An answer that is an object in the recording (Workers AI) is told as its JSON.
fn same_json(a: &str, b: &str) -> bool {
    let object = |text: &str| serde_json::from_str::<Map<String, Value>>(text).ok();
    object(a).is_some_and(|a| object(b) == Some(a))
}

/// Free text is the one argument of a function where a dialect has no tools that take it.
fn same_calls(want: &[(String, Value)], got: &[(String, Value)]) -> bool {
    let same = |want: &Value, got: &Value| {
        let free = |text: &str| {
            got.get("input").is_some_and(|input| input == text)
                || serde_json::from_str(text).is_ok_and(|parsed: Value| parsed == *got)
        };
        want == got || want.as_str().is_some_and(free)
    };
    want.len() == got.len() && want.iter().zip(got).all(|(w, g)| w.0 == g.0 && same(&w.1, &g.1))
}
