//! Token counting: an estimate where the provider has no endpoint for it, and the shapes of the answers.
//!
//! With the feature `tokenizer` text is counted by OpenAI's `o200k_base`, whoever the model is; without it (the Worker,
//! whose size is limited) by its bytes. Both are wrong by some percent for models with another tokenizer, and are marked.

use crate::dialect::{self, Dialect};
use crate::hub::{Arguments, MediaSource, Part, Reasoning, Request, Tool, Turn};
use crate::json::{JsonStr, Members, RawValue, object};

/// Says on a reply that its count is an estimate.
pub const HEADER: &str = "x-apex-token-count";

/// What every message costs beside its text.
const PER_TURN: u64 = 4;
/// What every tool costs beside its texts.
const PER_TOOL: u64 = 8;
/// An image of unknown size, and a document (as a page or two of it).
const PER_IMAGE: u64 = 1_600;
const PER_DOCUMENT: u64 = 3_000;

/// Most bytes of a prompt's texts that are cut into tokens; what is beyond counts at the rate of these. It bounds the time
/// of an estimate, whatever the prompt.
const READ: usize = 4 << 20;

/// Estimates the prompt tokens of `body`, a request of `dialect`. CPU work in the size of `body`, up to some hundred
/// milliseconds.
pub fn estimate(dialect: Dialect, body: &str) -> u64 {
    let body = prompt(dialect, body);
    let Ok(request) = dialect::decode_request(dialect, body) else {
        // What cannot be read in detail still has a length.
        return by_bytes(body.len());
    };
    let mut tally = Tally { left: READ, ..Tally::default() };
    tally.request(&request);
    tally.sum()
}

/// Where Gemini's clients may put the whole request that is to be counted. <https://ai.google.dev/api/tokens>
pub const COUNTED: &str = "generateContentRequest";

/// The request that is to be counted.
pub fn prompt(dialect: Dialect, body: &str) -> &str {
    let inside = || Members::parse(body).ok()?.get(COUNTED).map(RawValue::get);
    if dialect == Dialect::Gemini { inside().unwrap_or(body) } else { body }
}

/// What was counted so far.
#[derive(Debug, Default)]
struct Tally {
    /// What has a price of its own.
    flat: u64,
    /// Tokens of the texts that were cut up, and how many bytes these are.
    tokens: u64,
    read: usize,
    /// Bytes that may still be cut up, and those that were not any more.
    left: usize,
    beyond: usize,
}

impl Tally {
    fn sum(&self) -> u64 {
        let beyond = if self.read == 0 {
            by_bytes(self.beyond)
        } else {
            let tokens = u128::from(self.tokens) * self.beyond as u128 / self.read as u128;
            u64::try_from(tokens).unwrap_or(u64::MAX)
        };
        self.flat + self.tokens + beyond
    }

    fn request(&mut self, request: &Request<'_>) {
        request.system.iter().chain(&request.turns).for_each(|turn| self.turn(turn));
        request.tools.iter().for_each(|tool| self.tool(tool));
    }

    fn turn(&mut self, turn: &Turn<'_>) {
        self.flat += PER_TURN;
        self.maybe(turn.name.as_ref());
        self.parts(&turn.parts);
    }

    fn parts(&mut self, parts: &[Part<'_>]) {
        parts.iter().for_each(|part| self.part(part));
    }

    fn part(&mut self, part: &Part<'_>) {
        match part {
            Part::Document(document) => {
                self.maybe(document.title.as_ref());
                self.media(&document.source, PER_DOCUMENT);
            }
            Part::Image(image) => self.media(&image.source, PER_IMAGE),
            Part::Reasoning(Reasoning::Thinking { text, .. }) => self.text(&text.text()),
            // Encrypted thoughts are not charged by their length, which nobody knows.
            Part::Reasoning(Reasoning::Redacted { .. }) => {}
            Part::Reasoning(Reasoning::Field { raw, .. }) | Part::Other { raw, .. } => self.text(raw.get()),
            Part::Refusal(text) => self.text(&text.text()),
            Part::Text(text) => self.text(&text.text.text()),
            Part::ToolCall(call) => {
                self.flat += PER_TURN;
                self.text(&call.name.text());
                self.text(&Arguments::text(&call.arguments));
            }
            Part::ToolResult(result) => {
                self.flat += PER_TURN;
                self.parts(&result.parts);
            }
        }
    }

    /// Media are charged by their content, not by the length of their encoding.
    fn media(&mut self, source: &MediaSource<'_>, flat: u64) {
        match source {
            MediaSource::Blocks(parts) => self.parts(parts),
            MediaSource::Text(text) => self.text(&text.text()),
            MediaSource::Base64 { .. } | MediaSource::File(_) | MediaSource::Url(_) | MediaSource::Other(_) => {
                self.flat += flat;
            }
        }
    }

    fn tool(&mut self, tool: &Tool<'_>) {
        self.flat += PER_TOOL;
        match tool {
            Tool::Function { name, description, schema, .. } => {
                self.text(&name.text());
                self.maybe(description.as_ref());
                if let Some(schema) = schema {
                    self.text(schema.get());
                }
            }
            Tool::Custom { raw, .. } | Tool::Hosted { raw, .. } => self.text(raw.get()),
        }
    }

    fn maybe(&mut self, text: Option<&JsonStr<'_>>) {
        if let Some(text) = text {
            self.text(&text.text());
        }
    }

    fn text(&mut self, text: &str) {
        let (read, beyond) = text.split_at(text.floor_char_boundary(self.left));
        self.left -= read.len();
        self.read += read.len();
        self.tokens += text_tokens(read);
        self.beyond += beyond.len();
    }
}

/// Tokens of one text.
fn text_tokens(text: &str) -> u64 {
    #[cfg(feature = "tokenizer")]
    return tokenizer::tokens(text);
    #[cfg(not(feature = "tokenizer"))]
    by_bytes(text.len())
}

/// Three and a half bytes a token, rounded up.
const fn by_bytes(bytes: usize) -> u64 {
    (bytes as u64 * 2).div_ceil(7)
}

#[cfg(feature = "tokenizer")]
mod tokenizer {
    /// Texts are cut at least this often, in bytes: merging the pairs of one long word takes the square of its length.
    const MAX_WORD: usize = 256;

    /// Tokens of `text` in `o200k_base`. The first call builds the tables.
    pub(super) fn tokens(text: &str) -> u64 {
        let bpe = tiktoken_rs::o200k_base_singleton();
        words(text).map(|word| bpe.encode_ordinary(word).len() as u64).sum()
    }

    /// `text` in pieces with no run of letters or white space longer than [`MAX_WORD`].
    fn words(text: &str) -> impl Iterator<Item = &str> {
        let mut rest = text;
        std::iter::from_fn(move || {
            let (mut run, mut blank) = (0, false);
            let end = rest.char_indices().find_map(|(at, c)| {
                run = if c.is_whitespace() == blank { run + c.len_utf8() } else { c.len_utf8() };
                blank = c.is_whitespace();
                (run > MAX_WORD && at > 0).then_some(at)
            });
            let (piece, after) = rest.split_at_checked(end.unwrap_or(rest.len())).unwrap_or((rest, ""));
            rest = after;
            (!piece.is_empty()).then_some(piece)
        })
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn nothing_is_lost_between_pieces() {
            for text in ["", "a b", &"a".repeat(1000), &" ".repeat(700), &"é€ ".repeat(500), &"x".repeat(256)] {
                assert_eq!(words(text).collect::<String>(), text);
                assert!(words(text).all(|w| w.split_whitespace().all(|run| run.len() <= MAX_WORD + 4)));
            }
            assert_eq!(tokens("hello world"), 2);
        }

        /// Each byte costs the same, however long a run is: without the cut these would take minutes.
        #[test]
        fn long_runs_take_no_longer() {
            for unit in ["a", "\u{4e00}", "QUJDx+/9"] {
                let text = unit.repeat((1 << 20) / unit.len());
                let (least, most) = (text.len() as u64 / 300, text.len() as u64);
                let tokens = tokens(&text);
                assert!((least..=most).contains(&tokens), "{unit:?}: {tokens}");
            }
        }
    }
}

/// The count that a provider's endpoint answered with, whichever dialect it speaks.
pub fn read(body: &str) -> Option<u64> {
    let mut reply = Members::parse(body).ok()?;
    ["input_tokens", "totalTokens"].into_iter().find_map(|key| reply.take_u64(key).ok().flatten())
}

/// A count as clients of `dialect` expect it.
pub fn write(dialect: Dialect, tokens: u64) -> Vec<u8> {
    let mut out = Vec::new();
    object(&mut out, |o| match dialect {
        Dialect::OpenAiChat | Dialect::OpenAiResponses => {
            o.text("object", "response.input_tokens");
            o.uint("input_tokens", tokens);
        }
        Dialect::Gemini => o.uint("totalTokens", tokens),
        Dialect::Anthropic | Dialect::Cohere => o.uint("input_tokens", tokens),
    });
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_a_prompt_holds_is_counted() {
        let count = |body: &str| estimate(Dialect::Anthropic, body);
        let plain = count(r#"{"model":"m","messages":[{"role":"user","content":"hello world"}]}"#);
        assert!((4..12).contains(&plain), "{plain}");
        for more in [
            r#"{"model":"m","system":"Be very brief, please.","messages":[{"role":"user","content":"hello world"}]}"#,
            r#"{"model":"m","messages":[{"role":"user","content":"hello world"}],"tools":[{"name":"t","description":"d","input_schema":{"type":"object"}}]}"#,
            r#"{"model":"m","messages":[{"role":"user","content":"hello world"},{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"t","input":{"x":1}}]}]}"#,
        ] {
            assert!(count(more) > plain, "{more}");
        }
        let data = "A".repeat(100_000);
        let image = count(&format!(
            r#"{{"model":"m","messages":[{{"role":"user","content":[{{"type":"image","source":{{"type":"base64","media_type":"image/png","data":"{data}"}}}}]}}]}}"#
        ));
        assert_eq!(image, PER_IMAGE + PER_TURN);
        // Gemini's two ways to say the same.
        let plain = r#"{"contents":[{"parts":[{"text":"hello world"}]}]}"#;
        let inside = format!(r#"{{"generateContentRequest":{plain}}}"#);
        assert_eq!(estimate(Dialect::Gemini, plain), estimate(Dialect::Gemini, &inside));
        // No dialect's request, but still something.
        assert_eq!(count("1234567"), 2);
    }

    #[test]
    fn what_is_beyond_counts_at_the_same_rate() {
        let words = "some words of a prompt, again. ";
        let body = |times: usize| {
            let text = words.repeat(times);
            estimate(
                Dialect::Anthropic,
                &format!(
                    r#"{{"model":"m","messages":[{{"role":"user","content":"{text}"}},{{"role":"user","content":"{text}"}}]}}"#
                ),
            )
        };
        let (within, over) = (body(READ / words.len() / 8), body(READ / words.len()));
        let (low, high) = (within * 79 / 10, within * 81 / 10);
        assert!((low..high).contains(&over), "{within} tokens eight times are not {over}");
    }

    #[test]
    fn counts_have_the_clients_shape() {
        for dialect in [Dialect::Anthropic, Dialect::OpenAiResponses, Dialect::Gemini] {
            assert_eq!(read(std::str::from_utf8(&write(dialect, 7)).unwrap()), Some(7));
        }
        assert_eq!(read(r#"{"input_tokens":"x"}"#), None);
        assert_eq!(read("<html>"), None);
    }
}
