//! `OpenAI` Chat Completions.
#![expect(clippy::indexing_slicing, reason = "a missing member of a `Value` is null")]

use serde_json::Value;

use super::{CREATED, Event, Phase, unnamed};
use crate::json::{Json, obj};
use crate::reply::{Call, Reply, Stop, fragments};

pub(crate) struct Chat<'a> {
    pub(crate) model: &'a str,
    pub(crate) reply: &'a Reply,
    /// `reasoning_content` is said aloud.
    pub(crate) reasoner: bool,
    pub(crate) body: &'a Value,
}

impl Chat<'_> {
    pub(crate) fn document(&self) -> Json {
        let choices = (0..self.choices()).map(|index| {
            obj! {
                "index": index,
                "message": self.message(),
                "logprobs": Json::null(),
                "finish_reason": self.finish_reason(),
            }
        });
        obj! {
            "id": self.id(),
            "object": "chat.completion",
            "created": CREATED,
            "model": self.model,
            "choices": Json::array(choices),
            "usage": self.usage(),
            "service_tier": "default",
            "system_fingerprint": "fp_scripted",
        }
    }

    fn message(&self) -> Json {
        let reply = self.reply;
        let text = reply.text();
        let silent = reply.refusal.is_some() || !reply.calls.is_empty();
        let mut members = vec![
            ("role", Json::from("assistant")),
            ("content", if silent { Json::null() } else { text.into() }),
            ("refusal", reply.refusal.as_ref().into()),
            ("annotations", Json::array([])),
        ];
        if let Some(reasoning) = self.reasoning() {
            members.insert(2, ("reasoning_content", reasoning.into()));
        }
        if !reply.calls.is_empty() {
            let calls = reply.calls.iter().enumerate().map(|(k, call)| {
                let inner = if call.custom {
                    obj! { "name": &call.name, "input": &call.arguments }
                } else {
                    obj! { "name": &call.name, "arguments": &call.arguments }
                };
                Json::object(&[("id", self.call_id(k).into()), ("type", kind(call).into()), (kind(call), inner)])
            });
            members.push(("tool_calls", Json::array(calls)));
        }
        Json::object(&members)
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        let reply = self.reply;
        let mut out = Vec::new();
        let first = if reply.calls.is_empty() {
            obj! { "role": "assistant", "content": "", "refusal": Json::null() }
        } else {
            obj! { "role": "assistant", "content": Json::null(), "refusal": Json::null() }
        };
        self.push(&mut out, Phase::Open, &first, None);
        if let Some(reasoning) = self.reasoning() {
            for piece in fragments(reasoning) {
                self.push(&mut out, Phase::Content, &obj! { "reasoning_content": piece }, None);
            }
        }
        for piece in &reply.pieces {
            self.push(&mut out, Phase::Content, &obj! { "content": piece }, None);
        }
        for piece in reply.refusal.iter().flat_map(|text| fragments(text)) {
            self.push(&mut out, Phase::Content, &obj! { "refusal": piece }, None);
        }
        for (k, call) in reply.calls.iter().enumerate() {
            self.push_call(&mut out, k, call);
        }
        self.push(&mut out, Phase::End, &obj! {}, Some(self.finish_reason()));
        if self.include_usage() {
            out.push(unnamed(Phase::End, self.chunk(&Json::array([]), self.usage()).as_str()));
        }
        out.push(unnamed(Phase::End, "[DONE]"));
        out
    }

    fn push_call(&self, out: &mut Vec<Event>, k: usize, call: &Call) {
        let argument = if call.custom { "input" } else { "arguments" };
        let start = Json::object(&[("name", (&call.name).into()), (argument, "".into())]);
        let start = Json::object(&[
            ("index", k.into()),
            ("id", self.call_id(k).into()),
            ("type", kind(call).into()),
            (kind(call), start),
        ]);
        self.push(out, Phase::Content, &obj! { "tool_calls": Json::array([start]) }, None);
        for piece in fragments(&call.arguments) {
            let more = Json::object(&[(argument, piece.into())]);
            let more = Json::object(&[("index", k.into()), (kind(call), more)]);
            self.push(out, Phase::Content, &obj! { "tool_calls": Json::array([more]) }, None);
        }
    }

    fn push(&self, out: &mut Vec<Event>, phase: Phase, delta: &Json, finish: Option<&str>) {
        for index in 0..self.choices() {
            let choice = obj! {
                "index": index,
                "delta": delta.clone(),
                "logprobs": Json::null(),
                "finish_reason": finish,
            };
            out.push(unnamed(phase, self.chunk(&Json::array([choice]), Json::null()).as_str()));
        }
    }

    fn chunk(&self, choices: &Json, usage: Json) -> Json {
        let mut members = vec![
            ("id", Json::from(self.id())),
            ("object", "chat.completion.chunk".into()),
            ("created", CREATED.into()),
            ("model", self.model.into()),
            ("service_tier", "default".into()),
            ("system_fingerprint", "fp_scripted".into()),
            ("choices", choices.clone()),
        ];
        if self.include_usage() {
            members.push(("usage", usage));
        }
        if self.body["stream_options"]["include_obfuscation"] != false {
            members.push(("obfuscation", "k3Zq".into()));
        }
        Json::object(&members)
    }

    fn usage(&self) -> Json {
        let usage = self.reply.usage;
        obj! {
            "prompt_tokens": usage.prompt,
            "completion_tokens": usage.output,
            "total_tokens": usage.prompt + usage.output,
            "prompt_tokens_details": obj! { "cached_tokens": usage.cached, "audio_tokens": 0_u64 },
            "completion_tokens_details": obj! {
                "reasoning_tokens": usage.reasoning,
                "audio_tokens": 0_u64,
                "accepted_prediction_tokens": 0_u64,
                "rejected_prediction_tokens": 0_u64,
            },
        }
    }

    fn finish_reason(&self) -> &'static str {
        match self.reply.stop {
            Stop::End | Stop::Refusal | Stop::Sequence(_) => "stop",
            Stop::Length => "length",
            Stop::Tool => "tool_calls",
        }
    }

    fn reasoning(&self) -> Option<&str> {
        match &self.reply.reasoning {
            Some(said) if self.reasoner && !said.is_empty() => Some(said),
            _ if self.reasoner => Some("Let me think about it."),
            _ => None,
        }
    }

    fn include_usage(&self) -> bool {
        self.body["stream_options"]["include_usage"] == true
    }

    fn choices(&self) -> usize {
        self.body["n"].as_u64().and_then(|n| usize::try_from(n).ok()).unwrap_or(1).clamp(1, 8)
    }

    fn id(&self) -> String {
        format!("chatcmpl-{}", self.reply.id)
    }

    fn call_id(&self, k: usize) -> String {
        format!("call_{}{k:04}", self.reply.id)
    }
}

fn kind(call: &Call) -> &'static str {
    if call.custom { "custom" } else { "function" }
}
