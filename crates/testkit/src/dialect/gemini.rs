//! Google Gemini `generateContent`.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::{Event, Phase, unnamed};
use crate::json::{Json, obj};
use crate::reply::{Reply, Stop};

pub(crate) struct Gemini<'a> {
    pub(crate) model: &'a str,
    pub(crate) reply: &'a Reply,
}

impl Gemini<'_> {
    pub(crate) fn document(&self) -> Json {
        if let Some(blocked) = self.blocked() {
            return blocked;
        }
        let mut parts = Vec::new();
        parts.extend(self.reply.reasoning.as_ref().filter(|t| !t.is_empty()).map(|t| thought(t)));
        if !self.reply.pieces.is_empty() {
            parts.push(obj! { "text": self.reply.text() });
        }
        parts.extend((0..self.reply.calls.len()).filter_map(|k| self.call(k)));
        self.partial(parts, true)
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        if let Some(blocked) = self.blocked() {
            return vec![unnamed(Phase::End, blocked.as_str())];
        }
        let mut out = Vec::new();
        let mut say = |part: Json, phase: Phase| out.push(unnamed(phase, self.partial(vec![part], false).as_str()));
        if let Some(text) = self.reply.reasoning.as_ref().filter(|t| !t.is_empty()) {
            say(thought(text), Phase::Content);
        }
        self.reply.pieces.iter().for_each(|piece| say(obj! { "text": piece }, Phase::Content));
        (0..self.reply.calls.len()).filter_map(|k| self.call(k)).for_each(|call| say(call, Phase::Content));
        out.push(unnamed(Phase::End, self.partial(vec![obj! { "text": "" }], true).as_str()));
        out
    }

    /// A refusal is a prompt that was blocked: there is no candidate.
    fn blocked(&self) -> Option<Json> {
        (self.reply.stop == Stop::Refusal).then(|| {
            obj! {
                "promptFeedback": obj! { "blockReason": "PROHIBITED_CONTENT" },
                "usageMetadata": self.usage(),
                "modelVersion": self.model,
                "responseId": &self.reply.id,
            }
        })
    }

    fn partial(&self, parts: Vec<Json>, last: bool) -> Json {
        let content = obj! { "parts": Json::array(parts), "role": "model" };
        if !last {
            let candidate = obj! { "content": content, "index": 0_u64 };
            return obj! { "candidates": Json::array([candidate]), "modelVersion": self.model, "responseId": &self.reply.id };
        }
        let reason = if self.reply.stop == Stop::Length { "MAX_TOKENS" } else { "STOP" };
        let candidate = obj! { "content": content, "finishReason": reason, "index": 0_u64 };
        obj! {
            "candidates": Json::array([candidate]),
            "usageMetadata": self.usage(),
            "modelVersion": self.model,
            "responseId": &self.reply.id,
        }
    }

    /// Only the first call of a step is signed.
    fn call(&self, k: usize) -> Option<Json> {
        let call = self.reply.calls.get(k)?;
        let id = format!("fc{}{k:04}", self.reply.id);
        let inner = obj! { "id": id, "name": &call.name, "args": Json::raw(&call.arguments) };
        if k > 0 {
            return Some(obj! { "functionCall": inner });
        }
        let signature = BASE64_STANDARD.encode(format!("thought of {} for {}", self.model, self.reply.id));
        Some(obj! { "functionCall": inner, "thoughtSignature": signature })
    }

    fn usage(&self) -> Json {
        let usage = self.reply.usage;
        obj! {
            "promptTokenCount": usage.prompt,
            "cachedContentTokenCount": usage.cached,
            "candidatesTokenCount": usage.output - usage.reasoning,
            "thoughtsTokenCount": usage.reasoning,
            "totalTokenCount": usage.prompt + usage.output,
        }
    }
}

fn thought(text: &str) -> Json {
    obj! { "text": text, "thought": true }
}
