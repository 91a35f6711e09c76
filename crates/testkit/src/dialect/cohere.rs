//! Cohere v2: chat, and the endpoints beside it.

use serde_json::Value;

use super::{Event, Phase, named, others};
use crate::ask::{array, text};
use crate::json::{Json, obj};
use crate::reply::{Call, Reply, Stop, fragments};

pub(crate) struct Cohere<'a> {
    pub(crate) reply: &'a Reply,
    pub(crate) body: &'a Value,
}

impl Cohere<'_> {
    pub(crate) fn document(&self) -> Json {
        let mut message = vec![("role", Json::from("assistant"))];
        let mut content = Vec::new();
        content.extend(self.thinking().map(|text| obj! { "type": "thinking", "thinking": text }));
        content.extend(self.text().map(|text| obj! { "type": "text", "text": text }));
        if !content.is_empty() {
            message.push(("content", Json::array(content)));
        }
        message.extend(self.plan().map(|plan| ("tool_plan", plan.into())));
        if !self.reply.calls.is_empty() {
            let calls = self.reply.calls.iter().enumerate().map(|(k, call)| self.call(k, call, &call.arguments));
            message.push(("tool_calls", Json::array(calls)));
        }
        message.extend(self.citation().map(|citation| ("citations", Json::array([citation]))));
        obj! {
            "id": self.id(),
            "message": Json::object(&message),
            "finish_reason": self.finish_reason(),
            "usage": self.usage(),
        }
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        let start = obj! {
            "role": "assistant", "content": Json::array([]), "tool_plan": "", "tool_calls": Json::array([]),
            "citations": Json::array([]),
        };
        let start = obj! { "type": "message-start", "id": self.id(), "delta": obj! { "message": start } };
        let mut out = vec![named(Phase::Open, "message-start", &start)];
        let mut index = 0_usize;
        if let Some(text) = self.thinking() {
            part(&mut out, &mut index, "thinking", fragments(&text), None);
        }
        if let Some(text) = self.text() {
            let pieces = if self.reply.pieces.is_empty() { fragments(&text) } else { self.reply.pieces.clone() };
            part(&mut out, &mut index, "text", pieces, self.citation());
        }
        for piece in self.plan().into_iter().flat_map(|plan| fragments(&plan)) {
            out.push(delta("tool-plan-delta", None, &obj! { "tool_plan": piece }));
        }
        for (k, call) in self.reply.calls.iter().enumerate() {
            let begun = self.call(k, call, "");
            out.push(delta("tool-call-start", Some(k), &obj! { "tool_calls": begun }));
            for piece in fragments(&call.arguments) {
                let more = obj! { "function": obj! { "arguments": piece } };
                out.push(delta("tool-call-delta", Some(k), &obj! { "tool_calls": more }));
            }
            out.push(named(Phase::Content, "tool-call-end", &obj! { "type": "tool-call-end", "index": k }));
        }
        let end = obj! { "finish_reason": self.finish_reason(), "usage": self.usage() };
        out.push(named(Phase::End, "message-end", &obj! { "type": "message-end", "delta": end }));
        out
    }

    fn thinking(&self) -> Option<String> {
        self.reply.reasoning.clone().filter(|text| !text.is_empty())
    }

    fn text(&self) -> Option<String> {
        match &self.reply.refusal {
            Some(refusal) => Some(refusal.clone()),
            None if self.reply.pieces.is_empty() => None,
            None => Some(self.reply.text()),
        }
    }

    /// Models that do not think say in a plan what they will do.
    fn plan(&self) -> Option<String> {
        let first = self.reply.calls.first().filter(|_| self.thinking().is_none())?;
        Some(format!("I will use {}.", first.name))
    }

    fn call(&self, k: usize, call: &Call, arguments: &str) -> Json {
        let function = obj! { "name": &call.name, "arguments": arguments };
        obj! { "id": format!("{}_{}{k:04}", call.name, self.reply.id), "type": "function", "function": function }
    }

    /// The first document is what the first word is from.
    fn citation(&self) -> Option<Json> {
        let document = array(&self.body["documents"]).first()?;
        let answer = self.text()?;
        let word = answer.split(' ').next().unwrap_or_default().to_owned();
        let id = document["id"].as_str().unwrap_or("doc:0").to_owned();
        let source = obj! { "type": "document", "id": id, "document": &document["data"] };
        Some(obj! {
            "start": 0_usize, "end": word.chars().count(), "text": word, "sources": Json::array([source]),
            "type": "TEXT_CONTENT", "content_index": usize::from(self.thinking().is_some()),
        })
    }

    fn usage(&self) -> Json {
        let usage = self.reply.usage;
        let tokens = obj! {
            "input_tokens": usage.prompt, "output_tokens": usage.output, "reasoning_tokens": usage.reasoning,
        };
        obj! {
            "billed_units": obj! { "input_tokens": usage.prompt, "output_tokens": usage.output },
            "tokens": tokens,
            "cached_tokens": usage.cached,
        }
    }

    fn finish_reason(&self) -> &'static str {
        match self.reply.stop {
            Stop::End => "COMPLETE",
            Stop::Length => "MAX_TOKENS",
            Stop::Refusal => "ERROR_TOXIC",
            Stop::Sequence(_) => "STOP_SEQUENCE",
            Stop::Tool => "TOOL_CALL",
        }
    }

    fn id(&self) -> String {
        format!("cohere-{}", self.reply.id)
    }
}

/// One part of the content, and what it cites.
fn part(out: &mut Vec<Event>, index: &mut usize, kind: &str, pieces: Vec<String>, citation: Option<Json>) {
    let content = Json::object(&[("type", kind.into()), (kind, "".into())]);
    out.push(delta("content-start", Some(*index), &obj! { "content": content }));
    for piece in pieces {
        let more = Json::object(&[(kind, piece.into())]);
        out.push(delta("content-delta", Some(*index), &obj! { "content": more }));
    }
    if let Some(citation) = citation {
        out.push(delta("citation-start", Some(0), &obj! { "citations": citation }));
        out.push(named(Phase::Content, "citation-end", &obj! { "type": "citation-end", "index": 0_usize }));
    }
    out.push(named(Phase::Content, "content-end", &obj! { "type": "content-end", "index": *index }));
    *index += 1;
}

fn delta(name: &str, index: Option<usize>, message: &Json) -> Event {
    let delta = obj! { "message": message.clone() };
    let event = match index {
        Some(index) => obj! { "type": name, "index": index, "delta": delta },
        None => obj! { "type": name, "delta": delta },
    };
    named(Phase::Content, name, &event)
}

/// <https://docs.cohere.com/v2/reference/embed>
pub(crate) fn embed(body: &Value) -> Json {
    let texts = array(&body["texts"]);
    let vectors = texts
        .iter()
        .map(|input| Json::array(others::vector(text(input), 8).into_iter().map(|x| Json::raw(x.to_string()))));
    obj! {
        "id": "embed-scripted",
        "embeddings": obj! { "float": Json::array(vectors) },
        "texts": &body["texts"],
        "meta": meta(&obj! { "input_tokens": texts.iter().map(|input| 1 + text(input).len() / 4).sum::<usize>() }),
        "response_type": "embeddings_by_type",
    }
}

/// <https://docs.cohere.com/v2/reference/rerank>: the longest document is the best.
pub(crate) fn rerank(body: &Value) -> Json {
    let mut places: Vec<(usize, usize)> =
        array(&body["documents"]).iter().map(|document| text(document).len()).enumerate().collect();
    places.sort_by_key(|(_, length)| std::cmp::Reverse(*length));
    let results = places
        .iter()
        .zip([0.9, 0.5, 0.25].into_iter().chain(std::iter::repeat(0.125)))
        .map(|((at, _), score)| obj! { "index": *at, "relevance_score": Json::raw(score.to_string()) });
    obj! { "id": "rerank-scripted", "results": Json::array(results), "meta": meta(&obj! { "search_units": 1_usize }) }
}

fn meta(billed: &Json) -> Json {
    obj! { "api_version": obj! { "version": "2" }, "billed_units": billed.clone() }
}
