//! Why a reply ended, and what it cost.

use http::StatusCode;

use crate::hub::{ErrorKind, Failure, Stop, StopReason, Usage};
use crate::json::{JsonStr, Members, RawValue};

use super::super::wire::{lenient, number, take};

/// `finishReason` and `finishMessage`: <https://ai.google.dev/api/generate-content#FinishReason>.
#[derive(Debug)]
pub(super) struct Reason {
    word: String,
    message: String,
}

impl Reason {
    pub(super) fn read(m: &mut Members<'_>) -> Option<Self> {
        let raw = take(m, "finishReason")?;
        let word = match JsonStr::from_raw(raw) {
            Some(word) => word.text().into_owned(),
            None => numbered(raw)?.to_owned(),
        };
        let message = lenient(m, "finishMessage").text().into_owned();
        (!word.is_empty() && word != "FINISH_REASON_UNSPECIFIED").then_some(Self { word, message })
    }

    /// A whole reply that does not say why it ended.
    pub(super) const fn unsaid() -> Self {
        Self { word: String::new(), message: String::new() }
    }

    /// What it means, given that the reply `called` a function and held `content`. Calls end with `STOP`: their presence
    /// decides (pitfall 8).
    pub(super) fn stop(&self, called: bool, content: bool) -> Result<Stop<'static>, Failure> {
        let native = JsonStr::owned(&self.word);
        let ended = if called { StopReason::ToolCalls } else { StopReason::EndTurn };
        let reason = match self.word.as_str() {
            "MAX_TOKENS" | "CONTINUATION" => StopReason::MaxTokens,
            "MALFORMED_FUNCTION_CALL"
            | "MALFORMED_RESPONSE"
            | "MISSING_THOUGHT_SIGNATURE"
            | "OTHER"
            | "TOO_MANY_TOOL_CALLS"
            | "UNEXPECTED_TOOL_CALL"
                if !content =>
            {
                let detail = if self.message.is_empty() { &self.word } else { &self.message };
                let message = format!("the model's answer could not be used: {detail}");
                let mut failure = Failure::upstream(ErrorKind::BadAnswer, StatusCode::BAD_GATEWAY, message);
                failure.code = Some(self.word.to_ascii_lowercase());
                return Err(failure);
            }
            word if is_filter(word) => {
                let why = if self.message.is_empty() { format!("blocked: {word}") } else { self.message.clone() };
                // With words before it the answer was cut; without any it was refused (pitfall 136).
                let reason = if content { StopReason::ContentFilter } else { StopReason::Refusal };
                return Ok(Stop { explanation: Some(JsonStr::owned(&why)), ..Stop::plain(reason, native) });
            }
            _ => ended,
        };
        Ok(Stop::plain(reason, native))
    }
}

fn is_filter(word: &str) -> bool {
    matches!(
        word,
        "BLOCKLIST"
            | "ESCALATION"
            | "IMAGE_OTHER"
            | "IMAGE_PROHIBITED_CONTENT"
            | "IMAGE_RECITATION"
            | "IMAGE_SAFETY"
            | "LANGUAGE"
            | "MODEL_ARMOR"
            | "PROHIBITED_CONTENT"
            | "RECITATION"
            | "SAFETY"
            | "SPII"
    )
}

/// Enumerations come as numbers where a client asked for that.
fn numbered(raw: &RawValue) -> Option<&'static str> {
    Some(match number(raw)? {
        1 => "STOP",
        2 => "MAX_TOKENS",
        3 => "SAFETY",
        4 => "RECITATION",
        6 => "BLOCKLIST",
        7 => "PROHIBITED_CONTENT",
        8 => "SPII",
        9 => "MALFORMED_FUNCTION_CALL",
        0 => return None,
        _ => "OTHER",
    })
}

/// The prompt was blocked: there is no candidate at all (pitfall 72).
pub(super) fn blocked(why: &str) -> Stop<'static> {
    let explanation = Some(JsonStr::owned(&format!("blocked: {why}")));
    Stop { explanation, ..Stop::plain(StopReason::Refusal, JsonStr::owned(why)) }
}

/// A reply with neither a candidate nor a reason why there is none.
pub(super) fn nothing() -> Failure {
    let message = "the provider answered without a candidate and without a reason";
    Failure::upstream(ErrorKind::BadAnswer, StatusCode::BAD_GATEWAY, message)
}

/// `usageMetadata`: <https://ai.google.dev/api/generate-content#UsageMetadata>. The prompt's count includes what was read
/// from a cache, the candidates' excludes thoughts.
pub(super) fn usage(raw: &RawValue) -> Usage {
    let Ok(m) = Members::of(raw) else { return Usage::default() };
    let (mut prompt, mut cached, mut tools, mut candidates, mut thoughts) = (None, None, None, None, None);
    let mut beyond_tokens = false;
    // One look at each member, and not one search for each count: every piece of a stream has them.
    for (name, value) in m.iter() {
        let says = |kind: &str| value.get().contains(kind);
        match name {
            "promptTokenCount" | "prompt_token_count" => prompt = number(value),
            "cachedContentTokenCount" | "cached_content_token_count" => cached = number(value),
            "toolUsePromptTokenCount" | "tool_use_prompt_token_count" => tools = number(value),
            "candidatesTokenCount" | "candidates_token_count" => candidates = number(value),
            "thoughtsTokenCount" | "thoughts_token_count" => thoughts = number(value),
            // Tokens of sound, and of what is painted or spoken, have prices of their own.
            "promptTokensDetails" | "prompt_tokens_details" => beyond_tokens |= says("\"AUDIO\""),
            "candidatesTokensDetails" | "candidates_tokens_details" => {
                beyond_tokens |= says("\"AUDIO\"") || says("\"IMAGE\"");
            }
            _ => {}
        }
    }
    let sum = |a: Option<u64>, b: Option<u64>| match (a, b) {
        (None, None) => None,
        (a, b) => Some(a.unwrap_or(0).saturating_add(b.unwrap_or(0))),
    };
    Usage {
        input_uncached: sum(prompt.map(|p| p.saturating_sub(cached.unwrap_or(0))), tools),
        cache_read: cached,
        output: sum(candidates, thoughts),
        reasoning: thoughts,
        beyond_tokens,
        ..Usage::default()
    }
}
