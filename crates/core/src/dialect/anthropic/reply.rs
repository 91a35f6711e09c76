//! Replies from the wire: <https://docs.anthropic.com/en/api/messages#response-content>.

use std::borrow::Cow;

use crate::hub::{Aliases, Citation, Event, Stop, StopReason, Tier, Usage};
use crate::json::{JsonStr, Members, RawValue, WireError};
use crate::provider::Quirks;

use super::stream::StreamDecoder;

/// Decodes a JSON reply into the events that its stream would have given.
pub fn decode_reply<'a>(body: &'a str, quirks: &Quirks, aliases: &Aliases) -> Result<Vec<Event<'a>>, WireError> {
    let mut m = Members::parse(body)?;
    let mut events = Vec::new();
    let mut decoder = StreamDecoder::new(quirks, aliases.clone());
    if m.get("content").is_none() && m.get("error").is_some() {
        // Some hosts answer 200 with an error.
        decoder.push(Some("error"), body, &mut events);
        return Ok(events);
    }
    let content = m.take_array("content")?.ok_or_else(|| WireError::new("content", "missing required member"))?;
    let usage = m.take("usage").map(usage).unwrap_or_default();
    decoder.start(&mut m, usage, &mut events);
    for (index, block) in (0..).zip(content) {
        let block = Members::of(block).map_err(|e| e.under(format!("content[{index}]")))?;
        decoder.open(index, block, &mut events);
        decoder.close(index, &mut events);
    }
    decoder.stop(&mut m, &mut events);
    events.push(Event::Usage(usage));
    decoder.end(&mut events);
    Ok(events)
}

/// Token counts; members that are absent, `null` or no integers stay unknown.
pub(super) fn usage(raw: &RawValue) -> Usage {
    let Ok(mut m) = Members::of(raw) else { return Usage::default() };
    let mut count = |key: &str| m.take_u64(key).ok().flatten();
    let mut usage = Usage {
        input_uncached: count("input_tokens"),
        cache_read: count("cache_read_input_tokens"),
        cache_write: count("cache_creation_input_tokens"),
        output: count("output_tokens"),
        ..Usage::default()
    };
    if let Ok(Some(mut written)) = m.take_object("cache_creation") {
        usage.cache_write_5m = written.take_u64("ephemeral_5m_input_tokens").ok().flatten();
        usage.cache_write_1h = written.take_u64("ephemeral_1h_input_tokens").ok().flatten();
    }
    if let Ok(Some(mut tools)) = m.take_object("server_tool_use") {
        // Searches are billed by the thousand, besides the tokens.
        usage.beyond_tokens = tools.take_u64("web_search_requests").ok().flatten().is_some_and(|n| n > 0);
    }
    // <https://platform.claude.com/docs/en/api/service-tiers>; fast mode has prices of its own, too.
    let other = |text: Option<Cow<'_, str>>, plain: &str| text.is_some_and(|t| t != plain);
    usage.tier = Tier::read(m.get("service_tier"));
    usage.beyond_tokens |= other(m.take_text("service_tier").ok().flatten(), "standard")
        || other(m.take_text("speed").ok().flatten(), "standard");
    if let Ok(Some(mut details)) = m.take_object("output_tokens_details") {
        usage.reasoning = details.take_u64("thinking_tokens").ok().flatten();
    }
    usage
}

/// Why the reply ended, from `stop_reason` and its companions. What the calls in the reply say wins over the word:
/// clients act on calls only when the reason says so, and wait for ever when it does without any.
pub(super) fn stop<'a>(m: &mut Members<'a>, calls: bool) -> Option<Stop<'a>> {
    let native = m.take_str("stop_reason").ok()??;
    let said = match native.text().as_ref() {
        "compaction" => StopReason::Compaction,
        "max_tokens" => StopReason::MaxTokens,
        "model_context_window_exceeded" => StopReason::ContextWindow,
        "pause_turn" => StopReason::Pause,
        "refusal" => StopReason::Refusal,
        "stop_sequence" => StopReason::StopSequence,
        "tool_use" => StopReason::ToolCalls,
        _ => StopReason::EndTurn,
    };
    let reason = match said {
        StopReason::EndTurn | StopReason::StopSequence if calls => StopReason::ToolCalls,
        StopReason::ToolCalls if !calls => StopReason::EndTurn,
        StopReason::Compaction
        | StopReason::ContentFilter
        | StopReason::ContextWindow
        | StopReason::EndTurn
        | StopReason::MaxTokens
        | StopReason::Pause
        | StopReason::Refusal
        | StopReason::StopSequence
        | StopReason::ToolCalls => said,
    };
    let details = m.take("stop_details");
    let explanation = details.and_then(|raw| Members::of(raw).ok()?.take_str("explanation").ok()?);
    Some(Stop {
        reason,
        sequence: m.take_str("stop_sequence").ok().flatten(),
        explanation,
        details: details.map(|raw| raw.get().to_owned()),
        native,
    })
}

/// A citation that another dialect can show: one with an address. Places inside the caller's own documents have none.
pub(super) fn citation(raw: &RawValue) -> Option<Citation<'_>> {
    let mut m = Members::of(raw).ok()?;
    let mut text = |key: &str| m.take_str(key).ok().flatten().filter(|s| !s.is_empty());
    let url = match text("type")?.text().as_ref() {
        "search_result_location" => text("source").filter(|s| s.as_escaped().starts_with("http"))?,
        "web_search_result_location" => text("url")?,
        _ => return None,
    };
    Some(Citation { url, title: text("title"), cited_text: text("cited_text"), range: None })
}

/// A member that holds text, if it does.
pub(super) fn lenient<'a>(m: &mut Members<'a>, key: &str) -> JsonStr<'a> {
    m.take_str(key).ok().flatten().unwrap_or_default()
}
