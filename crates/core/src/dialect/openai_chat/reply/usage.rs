//! Token counts: <https://platform.openai.com/docs/api-reference/chat/object#chat-object-usage>.
//!
//! `prompt_tokens` includes what was read from and written to the cache, `completion_tokens` includes reasoning; the
//! hub's counters are disjoint, so they are subtracted and never added (pitfall 95).

use crate::hub::Usage;
use crate::json::{Members, RawValue, as_u64};

/// The counters of a usage object; none if it says nothing (absent or all zero).
pub(super) fn read(raw: &RawValue, reasoning_outside: bool) -> Option<Usage> {
    let m = Members::of(raw).ok()?;
    let prompt = count(&m, "prompt_tokens");
    let completion = count(&m, "completion_tokens");
    let total = count(&m, "total_tokens");
    if [prompt, completion, total].into_iter().flatten().all(|n| n == 0) {
        return None;
    }
    let input = inner(&m, "prompt_tokens_details").or_else(|| inner(&m, "prompt_token_details")).unwrap_or_default();
    let output = inner(&m, "completion_tokens_details").unwrap_or_default();
    // DeepSeek, Mistral and Moonshot have names of their own.
    let cache_read = count(&input, "cached_tokens")
        .or_else(|| first(&m, &["prompt_cache_hit_tokens", "num_cached_tokens", "cached_tokens"]));
    let cache_write = first(&input, &["cache_write_tokens", "cache_creation_tokens", "cache_creation_input_tokens"])
        .or_else(|| count(&m, "cache_creation_input_tokens"));
    let reasoning = count(&output, "reasoning_tokens").or_else(|| count(&m, "reasoning_tokens"));
    Some(Usage {
        input_uncached: prompt.map(|p| uncached(p, cache_read, cache_write)),
        cache_read,
        cache_write,
        cache_write_5m: None,
        cache_write_1h: None,
        output: completion.map(|c| output_total(c, prompt, total, reasoning.filter(|_| reasoning_outside))),
        reasoning,
        beyond_tokens: [&input, &output].iter().any(|d| count(d, "audio_tokens").is_some_and(|n| n > 0)),
        ..Usage::default()
    })
}

/// More cached than prompted means that the prompt count leaves the cached ones out (xAI's models, wherever they run).
fn uncached(prompt: u64, read: Option<u64>, write: Option<u64>) -> u64 {
    let read = read.unwrap_or(0);
    if read > prompt {
        return prompt;
    }
    prompt.saturating_sub(read).saturating_sub(write.unwrap_or(0))
}

/// Reasoning is added for providers that leave it out, unless their own total says that it is in.
fn output_total(completion: u64, prompt: Option<u64>, total: Option<u64>, outside: Option<u64>) -> u64 {
    let Some(reasoning) = outside else { return completion };
    let included = total.is_some() && total == prompt.map(|p| p.saturating_add(completion));
    if included { completion } else { completion.saturating_add(reasoning) }
}

fn first(m: &Members<'_>, keys: &[&str]) -> Option<u64> {
    keys.iter().find_map(|key| count(m, key))
}

/// A count; anything else counts as unknown: a reply is not refused for its statistics.
fn count(m: &Members<'_>, key: &str) -> Option<u64> {
    as_u64(m.get(key)?)
}

fn inner<'a>(m: &Members<'a>, key: &str) -> Option<Members<'a>> {
    Members::of(m.get(key)?).ok()
}
