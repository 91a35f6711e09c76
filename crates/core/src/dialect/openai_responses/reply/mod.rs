//! Replies from the wire: <https://platform.openai.com/docs/api-reference/responses/object>.

mod item;
mod stream;

use memchr::memmem;

use crate::hub::{Aliases, Citation, Event, Stop, StopReason, Tier, Usage, is_other_service, reported_cost};
use crate::json::{JsonStr, Members, RawValue, WireError};
use crate::provider::Quirks;

pub use stream::StreamDecoder;

/// Decodes a JSON reply into the events that its stream would have given.
pub fn decode_reply<'a>(body: &'a str, quirks: &Quirks, aliases: &Aliases) -> Result<Vec<Event<'a>>, WireError> {
    let mut m = Members::parse(body)?;
    let mut events = Vec::new();
    let mut decoder = StreamDecoder::new(quirks, aliases.clone());
    if m.get("output").is_none() {
        if m.get("error").is_some() || m.get("message").is_some() {
            decoder.push(Some("error"), body, &mut events);
            return Ok(events);
        }
        return Err(WireError::new("output", "missing required member"));
    }
    decoder.whole(&mut m, &mut events);
    Ok(events)
}

/// Token counts: the totals here include their parts. With `cost` the provider's own bill is read, too.
fn usage(response: &mut Members<'_>, cost: bool) -> Usage {
    let beyond_tokens = is_other_service(response.get("service_tier"));
    let tier = Tier::read(response.get("service_tier"));
    let reported_cost = response.get("usage").filter(|_| cost).and_then(reported_cost);
    let Ok(Some(mut m)) = response.take_object("usage") else { return Usage::default() };
    let detail = |group: &str, key: &str| {
        let m: Option<Members<'_>> = m.get(group).and_then(|raw| Members::of(raw).ok());
        m.and_then(|mut m| m.take_u64(key).ok().flatten())
    };
    // Perplexity has Anthropic's names for them.
    let read = detail("input_tokens_details", "cached_tokens")
        .or_else(|| detail("input_tokens_details", "cache_read_input_tokens"));
    let write = detail("input_tokens_details", "cache_write_tokens")
        .or_else(|| detail("input_tokens_details", "cache_creation_input_tokens"));
    let reasoning = detail("output_tokens_details", "reasoning_tokens");
    let input = m.take_u64("input_tokens").ok().flatten();
    let cached = read.unwrap_or(0).saturating_add(write.unwrap_or(0));
    Usage {
        input_uncached: input.map(|i| i.saturating_sub(cached)),
        cache_read: read,
        cache_write: write,
        output: m.take_u64("output_tokens").ok().flatten(),
        reasoning,
        tier,
        reported_cost,
        beyond_tokens,
        ..Usage::default()
    }
}

/// Did tools of the provider work on the reply? They are billed besides the tokens.
fn used_tools(response: &Members<'_>) -> bool {
    const TOOLS: &[&str] =
        &["\"web_search_call\"", "\"file_search_call\"", "\"code_interpreter_call\"", "\"image_generation_call\""];
    // The quotes of a text are escaped: only a type is written so.
    let output = response.get("output").map_or("", RawValue::get).as_bytes();
    TOOLS.iter().any(|tool| memmem::find(output, tool.as_bytes()).is_some())
}

/// Why a reply ended. There is no stop reason here: calls tell, and what is incomplete says why.
fn stop<'a>(status: JsonStr<'a>, response: &mut Members<'a>, calls: bool) -> Stop<'a> {
    if status != "incomplete" {
        let reason = if calls { StopReason::ToolCalls } else { StopReason::EndTurn };
        return Stop::plain(reason, status);
    }
    let details = response.take_object("incomplete_details").ok().flatten();
    let why = details.and_then(|mut d| d.take_str("reason").ok()?).unwrap_or_default();
    let reason = match why.text().as_ref() {
        "content_filter" => StopReason::ContentFilter,
        "max_output_tokens" | "max_tokens" | "" => StopReason::MaxTokens,
        _ if calls => StopReason::ToolCalls,
        _ => StopReason::EndTurn,
    };
    Stop::plain(reason, why)
}

/// A citation with an address; places in files of the provider have none. `from` is where its part begins in the answer.
fn citation(raw: &RawValue, from: u64) -> Option<Citation<'_>> {
    let mut m = Members::of(raw).ok()?;
    if m.take_str("type").ok()?? != "url_citation" {
        return None;
    }
    // Some nest it, as Chat does.
    let mut m = m.take_object("url_citation").ok().flatten().unwrap_or(m);
    let mut at = |key: &str| m.take_u64(key).ok().flatten().map(|n| n.saturating_add(from));
    let range = at("start_index").zip(at("end_index"));
    let mut text = |key: &str| m.take_str(key).ok().flatten().filter(|s| !s.is_empty());
    Some(Citation { url: text("url")?, title: text("title"), cited_text: None, range })
}

/// What an item of search results found (Perplexity): `{"results": [{"url", "title", ..}]}`.
fn found(item: &mut Members<'_>) -> Vec<Citation<'static>> {
    let results = item.take_array("results").ok().flatten().unwrap_or_default();
    let source = |raw: &RawValue| {
        let mut m = Members::of(raw).ok()?;
        let mut text = |key: &str| m.take_str(key).ok().flatten().filter(|s| !s.is_empty()).map(JsonStr::into_owned);
        Some(Citation { url: text("url")?, title: text("title"), cited_text: None, range: None })
    };
    results.into_iter().filter_map(source).collect()
}

/// A member that holds text, if it does.
fn lenient<'a>(m: &mut Members<'a>, key: &str) -> JsonStr<'a> {
    m.take_str(key).ok().flatten().unwrap_or_default()
}
