//! Replies to Cohere clients, streamed and whole.

mod reply;
mod stream;

pub use reply::encode_reply;
pub use stream::StreamEncoder;

use crate::dialect::ReplyContext;
use crate::hub::{Citation, Opaque, OpaqueKind, Place, Stop, StopReason, Usage};
use crate::json::{JsonStr, Obj};

use super::wire::STATE;

/// The word for a stop: <https://docs.cohere.com/v2/reference/chat#response.body.finish_reason>. `ERROR` would say that
/// the reply is none; the word for what was held back is from the first version of the API.
const fn finish_reason(reason: StopReason) -> &'static str {
    match reason {
        StopReason::Compaction | StopReason::EndTurn | StopReason::Pause => "COMPLETE",
        StopReason::ContentFilter | StopReason::Refusal => "ERROR_TOXIC",
        StopReason::ContextWindow | StopReason::MaxTokens => "MAX_TOKENS",
        StopReason::StopSequence => "STOP_SEQUENCE",
        StopReason::ToolCalls => "TOOL_CALL",
    }
}

/// Why a reply ended: some upstreams tell a refusal by the words alone, and some tell nothing.
fn reason(stop: Option<&Stop<'_>>, refused: bool, called: bool) -> StopReason {
    match (stop.map(|stop| stop.reason), refused, called) {
        (None | Some(StopReason::EndTurn), true, _) => StopReason::Refusal,
        (None, false, true) => StopReason::ToolCalls,
        (None, false, false) => StopReason::EndTurn,
        (Some(reason), _, _) => reason,
    }
}

/// <https://docs.cohere.com/v2/reference/chat#response.body.usage>. What others bill is what they count.
fn usage(usage: &Usage, o: &mut Obj<'_>) {
    let (input, output) = (usage.input_total(), usage.output.unwrap_or(0));
    o.obj("usage", |o| {
        o.obj("billed_units", |o| {
            o.uint("input_tokens", input);
            o.uint("output_tokens", output);
        });
        o.obj("tokens", |o| {
            o.uint("input_tokens", input);
            o.uint("output_tokens", output);
            if let Some(reasoning) = usage.reasoning {
                o.uint("reasoning_tokens", reasoning);
            }
        });
        if let Some(read) = usage.cache_read {
            o.uint("cached_tokens", read);
        }
    });
}

/// State for the next text or call; some dialects sign thoughts that their client may not send back word for word.
fn sealed(state: &Opaque<'_>, thought: Option<&JsonStr<'_>>, context: &ReplyContext) -> JsonStr<'static> {
    let mut state = state.clone().into_owned();
    if state.kind == OpaqueKind::AnthropicSignature && state.text.is_none() {
        state.text = thought.map(|text| text.clone().into_owned());
    }
    JsonStr::owned(&state.seal(&context.provider, &context.upstream_model, Place::Reasoning))
}

/// State on a part or a call.
fn state(sealed: Option<&JsonStr<'_>>, o: &mut Obj<'_>) {
    if let Some(sealed) = sealed {
        o.str(STATE, sealed);
    }
}

/// A part that was thought.
fn thinking(text: &JsonStr<'_>, sealed: Option<&JsonStr<'_>>, o: &mut Obj<'_>) {
    o.text("type", "thinking");
    o.str("thinking", text);
    state(sealed, o);
}

/// A part that was said.
fn text(text: &JsonStr<'_>, sealed: Option<&JsonStr<'_>>, o: &mut Obj<'_>) {
    o.text("type", "text");
    o.str("text", text);
    state(sealed, o);
}

/// A text block that is cited from.
#[derive(Clone, Copy, Debug)]
struct Cited<'t> {
    text: &'t str,
    /// Characters of the answer before it: ranges count from the answer's beginning, here they count from the block's.
    from: u64,
    /// Its place among the parts.
    index: u64,
}

impl Cited<'_> {
    /// <https://docs.cohere.com/v2/reference/chat#response.body.message.citations>. Who cites a block as a whole gives no
    /// range.
    fn write(&self, citation: &Citation<'_>, source: u64, o: &mut Obj<'_>) {
        let length = u64::try_from(self.text.chars().count()).unwrap_or(u64::MAX);
        let inside = |n: u64| n.saturating_sub(self.from).min(length);
        let (start, end) = citation.range.map_or((0, length), |(start, end)| (inside(start), inside(end)));
        let count = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        let words: String = self.text.chars().skip(count(start)).take(count(end.saturating_sub(start))).collect();
        o.uint("start", start);
        o.uint("end", end);
        o.text("text", &words);
        o.arr("sources", |a| {
            a.obj(|o| {
                let id = format!("web:{source}");
                o.text("type", "document");
                o.text("id", &id);
                o.obj("document", |o| {
                    o.text("id", &id);
                    if let Some(title) = &citation.title {
                        o.str("title", title);
                    }
                    o.str("url", &citation.url);
                });
            });
        });
        o.uint("content_index", self.index);
        o.text("type", "TEXT_CONTENT");
    }
}

/// Sources by number, in order of appearance.
#[derive(Debug, Default)]
struct Sources(Vec<JsonStr<'static>>);

impl Sources {
    fn number(&mut self, url: &JsonStr<'_>) -> u64 {
        let at = self.0.iter().position(|known| known == url).unwrap_or_else(|| {
            self.0.push(url.clone().into_owned());
            self.0.len() - 1
        });
        u64::try_from(at).unwrap_or(u64::MAX)
    }
}
