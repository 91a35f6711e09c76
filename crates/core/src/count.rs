//! Token counting: an estimate where the provider has no endpoint for it, and the shapes of the answers.
//!
//! With the feature `tokenizer` text is counted by OpenAI's `o200k_base`, whoever the model is; without it (the Worker,
//! whose size is limited) by its bytes. Both are wrong by some percent for models with another tokenizer, and are marked.

use crate::dialect::{self, Dialect};
use crate::hub::{Arguments, MediaSource, Part, Reasoning, Request, Tool, Turn};
use crate::json::{Members, object};

/// Says on a reply that its count is an estimate.
pub const HEADER: &str = "x-apex-token-count";

/// What every message costs beside its text.
const PER_TURN: u64 = 4;
/// What every tool costs beside its texts.
const PER_TOOL: u64 = 8;
/// An image of unknown size, and a document (as a page or two of it).
const PER_IMAGE: u64 = 1_600;
const PER_DOCUMENT: u64 = 3_000;

/// Estimates the prompt tokens of `body`, a request of `dialect`.
pub fn estimate(dialect: Dialect, body: &str) -> u64 {
    match dialect::decode_request(dialect, body) {
        Ok(request) => request_tokens(&request),
        // What cannot be read in detail still has a length.
        Err(_) => by_bytes(body),
    }
}

fn request_tokens(request: &Request<'_>) -> u64 {
    let turns: u64 = request.system.iter().chain(&request.turns).map(turn_tokens).sum();
    turns + request.tools.iter().map(tool_tokens).sum::<u64>()
}

fn turn_tokens(turn: &Turn<'_>) -> u64 {
    let name = turn.name.as_ref().map_or(0, |name| text_tokens(&name.text()));
    PER_TURN + name + parts_tokens(&turn.parts)
}

fn parts_tokens(parts: &[Part<'_>]) -> u64 {
    parts.iter().map(part_tokens).sum()
}

fn part_tokens(part: &Part<'_>) -> u64 {
    match part {
        Part::Document(document) => {
            document.title.as_ref().map_or(0, |title| text_tokens(&title.text()))
                + media_tokens(&document.source, PER_DOCUMENT)
        }
        Part::Image(image) => media_tokens(&image.source, PER_IMAGE),
        Part::Reasoning(Reasoning::Thinking { text, .. }) => text_tokens(&text.text()),
        // Encrypted thoughts are not charged by their length, which nobody knows.
        Part::Reasoning(Reasoning::Redacted { .. }) => 0,
        Part::Reasoning(Reasoning::Field { raw, .. }) | Part::Other { raw, .. } => text_tokens(raw.get()),
        Part::Refusal(text) => text_tokens(&text.text()),
        Part::Text(text) => text_tokens(&text.text.text()),
        Part::ToolCall(call) => {
            PER_TURN + text_tokens(&call.name.text()) + text_tokens(&Arguments::text(&call.arguments))
        }
        Part::ToolResult(result) => PER_TURN + parts_tokens(&result.parts),
    }
}

/// Media are charged by their content, not by the length of their encoding.
fn media_tokens(source: &MediaSource<'_>, flat: u64) -> u64 {
    match source {
        MediaSource::Blocks(parts) => parts_tokens(parts),
        MediaSource::Text(text) => text_tokens(&text.text()),
        MediaSource::Base64 { .. } | MediaSource::File(_) | MediaSource::Url(_) | MediaSource::Other(_) => flat,
    }
}

fn tool_tokens(tool: &Tool<'_>) -> u64 {
    PER_TOOL
        + match tool {
            Tool::Function { name, description, schema, .. } => {
                text_tokens(&name.text())
                    + description.as_ref().map_or(0, |d| text_tokens(&d.text()))
                    + schema.as_ref().map_or(0, |s| text_tokens(s.get()))
            }
            Tool::Custom { raw, .. } | Tool::Hosted { raw, .. } => text_tokens(raw.get()),
        }
}

/// Tokens of one text.
fn text_tokens(text: &str) -> u64 {
    #[cfg(feature = "tokenizer")]
    return tokenizer::tokens(text);
    #[cfg(not(feature = "tokenizer"))]
    by_bytes(text)
}

/// Three and a half bytes a token, rounded up.
const fn by_bytes(text: &str) -> u64 {
    (text.len() as u64 * 2).div_ceil(7)
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
        // No dialect's request, but still something.
        assert_eq!(count("1234567"), 2);
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
