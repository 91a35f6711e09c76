//! Anthropic Messages.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::{Event, Phase, named};
use crate::json::{Json, obj};
use crate::reply::{Call, Reply, Stop, fragments};

pub(crate) struct Messages<'a> {
    pub(crate) model: &'a str,
    pub(crate) reply: &'a Reply,
}

impl Messages<'_> {
    pub(crate) fn document(&self) -> Json {
        let reply = self.reply;
        let mut content = Vec::new();
        if let Some(thinking) = &reply.reasoning {
            content.push(obj! { "type": "thinking", "thinking": thinking, "signature": self.signature() });
        }
        if !reply.pieces.is_empty() {
            content.push(obj! { "type": "text", "text": reply.text() });
        }
        for (k, call) in reply.calls.iter().enumerate() {
            content.push(obj! {
                "type": "tool_use",
                "id": self.call_id(k),
                "name": &call.name,
                "input": Json::raw(&call.arguments),
            });
        }
        let (reason, sequence, details) = self.stop();
        obj! {
            "id": self.id(),
            "type": "message",
            "role": "assistant",
            "model": self.model,
            "content": Json::array(content),
            "stop_reason": reason,
            "stop_sequence": sequence,
            "stop_details": details,
            "usage": self.usage(reply.usage.output),
        }
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        let reply = self.reply;
        let mut out = vec![self.message_start()];
        let mut index = 0_usize;
        if let Some(thinking) = &reply.reasoning {
            let start = obj! { "type": "thinking", "thinking": "", "signature": "" };
            let mut deltas: Vec<Json> = fragments(thinking)
                .into_iter()
                .map(|piece| obj! { "type": "thinking_delta", "thinking": piece })
                .collect();
            deltas.push(obj! { "type": "signature_delta", "signature": self.signature() });
            push_block(&mut out, &mut index, start, deltas);
        }
        if !reply.pieces.is_empty() {
            let deltas = reply.pieces.iter().map(|piece| obj! { "type": "text_delta", "text": piece });
            push_block(&mut out, &mut index, obj! { "type": "text", "text": "" }, deltas.collect());
        }
        for (k, call) in reply.calls.iter().enumerate() {
            let start = obj! { "type": "tool_use", "id": self.call_id(k), "name": &call.name, "input": obj! {} };
            push_block(&mut out, &mut index, start, argument_deltas(call));
        }
        let (reason, sequence, details) = self.stop();
        let delta = obj! { "stop_reason": reason, "stop_sequence": sequence, "stop_details": details };
        let usage = self.usage(reply.usage.output);
        let end = obj! { "type": "message_delta", "delta": delta, "usage": usage };
        out.push(named(Phase::End, "message_delta", &end));
        out.push(named(Phase::End, "message_stop", &obj! { "type": "message_stop" }));
        out
    }

    fn message_start(&self) -> Event {
        let message = obj! {
            "id": self.id(),
            "type": "message",
            "role": "assistant",
            "model": self.model,
            "content": Json::array([]),
            "stop_reason": Json::null(),
            "stop_sequence": Json::null(),
            "stop_details": Json::null(),
            "usage": self.usage(1),
        };
        named(Phase::Open, "message_start", &obj! { "type": "message_start", "message": message })
    }

    fn usage(&self, output: u64) -> Json {
        let usage = self.reply.usage;
        obj! {
            "input_tokens": usage.prompt - usage.cached,
            "cache_creation_input_tokens": 0_u64,
            "cache_read_input_tokens": usage.cached,
            "cache_creation": obj! { "ephemeral_5m_input_tokens": 0_u64, "ephemeral_1h_input_tokens": 0_u64 },
            "output_tokens": output,
            "service_tier": "standard",
        }
    }

    fn stop(&self) -> (&'static str, Option<&String>, Option<Json>) {
        match &self.reply.stop {
            Stop::End => ("end_turn", None, None),
            Stop::Length => ("max_tokens", None, None),
            Stop::Refusal => {
                let explanation = self.reply.refusal.as_ref();
                let details = obj! { "type": "refusal", "category": Json::null(), "explanation": explanation };
                ("refusal", None, Some(details))
            }
            Stop::Sequence(sequence) => ("stop_sequence", Some(sequence), None),
            Stop::Tool => ("tool_use", None, None),
        }
    }

    fn id(&self) -> String {
        format!("msg_01{}", self.reply.id)
    }

    fn call_id(&self, k: usize) -> String {
        format!("toolu_01{}{k:04}", self.reply.id)
    }

    fn signature(&self) -> String {
        BASE64_STANDARD.encode(format!("signed by {} for {}", self.model, self.reply.id))
    }
}

fn push_block(out: &mut Vec<Event>, index: &mut usize, start: Json, deltas: Vec<Json>) {
    let start = obj! { "type": "content_block_start", "index": *index, "content_block": start };
    out.push(named(Phase::Open, "content_block_start", &start));
    if *index == 0 {
        out.push(named(Phase::Open, "ping", &obj! { "type": "ping" }));
    }
    for delta in deltas {
        let delta = obj! { "type": "content_block_delta", "index": *index, "delta": delta };
        out.push(named(Phase::Content, "content_block_delta", &delta));
    }
    let stop = obj! { "type": "content_block_stop", "index": *index };
    out.push(named(Phase::End, "content_block_stop", &stop));
    *index += 1;
}

/// The real ones start with an empty fragment.
fn argument_deltas(call: &Call) -> Vec<Json> {
    let mut pieces = vec![String::new()];
    if call.arguments != "{}" {
        pieces.extend(fragments(&call.arguments));
    }
    pieces.into_iter().map(|piece| obj! { "type": "input_json_delta", "partial_json": piece }).collect()
}
