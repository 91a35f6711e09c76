//! Recorded traffic of real providers, where it is at hand: nothing in it may surprise the readers.
#![allow(clippy::disallowed_methods, reason = "the recordings are files outside the repository")]

use std::path::{Path, PathBuf};

use apex_core::dialect::{Dialect, Target, anthropic, openai_chat};
use apex_core::hub::{Aliases, Block, Event, Reply};
use apex_core::provider::Quirks;
use serde_json::Value;

use super::{check, context, folded, foreign, json, losses, own, sequenced};

fn entries() -> Vec<(String, Value)> {
    entries_of(|dir| dir.extension().is_some_and(|e| e == "chat") && !dir.ends_with("cohere.v2.chat"))
}

fn entries_of(wanted: impl Fn(&Path) -> bool) -> Vec<(String, Value)> {
    let Some(corpus) = crate::harness::corpus() else {
        return Vec::new();
    };
    let mut files: Vec<PathBuf> = std::fs::read_dir(corpus)
        .unwrap()
        .map(|dir| dir.unwrap().path())
        .filter(|dir| wanted(dir))
        .flat_map(|dir| std::fs::read_dir(dir).unwrap().map(|file| file.unwrap().path()))
        .collect();
    files.sort();
    let entry = |path: &PathBuf| json(&std::fs::read(path).unwrap());
    files.iter().map(|path| (path.display().to_string(), entry(path))).collect()
}

#[test]
fn requests() {
    let quirks = Quirks { user_field: Some("user"), ..Quirks::OPENAI };
    for (name, entry) in entries() {
        let body = &entry["request"]["body"];
        // What the provider refused may well be malformed.
        if !body.is_object() || body.get("messages").is_none() || entry["response"]["status"] != 200 {
            continue;
        }
        let text = body.to_string();
        let encoded = own(&text, &quirks);
        assert_eq!(losses(&encoded), "", "{name}");
        let again = json(&encoded.body);
        for (key, value) in body.as_object().unwrap() {
            let same = match key.as_str() {
                // Spelled by the provider's row, a default, or written in another of two equal forms.
                "model" | "max_tokens" | "max_completion_tokens" | "stop" | "stream" | "stream_options" => continue,
                "user" | "safety_identifier" | "functions" | "function_call" => continue,
                "messages" if text.contains("function_call") => continue,
                "response_format" if value["type"] == "text" => continue,
                "tool_choice" if *value == "any" => continue,
                "tools" if value.as_array().is_some_and(|list| list.iter().all(|t| t.get("type").is_none())) => {
                    continue;
                }
                _ => without_null(value),
            };
            assert_eq!(again.get(key).map_or(Value::Null, without_null), same, "{name}: {key}");
        }
        // The same for another dialect: refused or encoded, and then it is JSON.
        let request = openai_chat::decode_request(&text).unwrap();
        let target = Target { provider: "p", model: "claude-sonnet-4-5", quirks: &quirks };
        if let Ok(encoded) = anthropic::encode_request(&request, &target) {
            json(&encoded.body);
        }
    }
}

fn without_null(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let kept = map.iter().filter(|(k, v)| !(v.is_null() || *k == "annotations" && **v == Value::Array(vec![])));
            let one = |k: &String, v: &Value| match v {
                // Mistral takes a bare string; an object says the same.
                Value::String(_) if k == "image_url" => serde_json::json!({ "url": v }),
                _ => without_null(v),
            };
            Value::Object(kept.map(|(k, v)| (k.clone(), one(k, v))).collect())
        }
        Value::Array(list) => list.iter().map(without_null).collect(),
        other => other.clone(),
    }
}

/// What Anthropic's clients sent, for every provider of this dialect.
#[test]
fn requests_from_anthropic() {
    let rows = [&Quirks::OPENAI, &Quirks::MISTRAL, &Quirks::DEEPSEEK, &Quirks::OPENROUTER, &Quirks::GOOGLE_COMPAT];
    for (name, entry) in entries_of(|dir| dir.ends_with("anthropic.messages")) {
        let body = &entry["request"]["body"];
        if !body.is_object() || entry["response"]["status"] != 200 {
            continue;
        }
        for quirks in rows {
            match foreign(&body.to_string(), quirks) {
                Ok(encoded) => check(&json(&encoded.body)).unwrap_or_else(|e| panic!("{name}: {e}")),
                Err(refused) => println!("{name}: {refused}"),
            }
        }
    }
}

#[test]
fn replies() {
    for (name, entry) in entries() {
        let body = &entry["response"]["body"];
        if entry["response"]["status"] != 200 || !body.is_object() || body.get("choices").is_none() {
            continue;
        }
        let text = body.to_string();
        let events = openai_chat::decode_reply(&text, &Quirks::COMPATIBLE, &Aliases::default())
            .unwrap_or_else(|e| panic!("{name}: {e}"));
        if let Some(Event::Error(failure)) = events.first() {
            println!("{name}: {failure:?}");
            continue;
        }
        assert!(matches!(events.last(), Some(Event::End)), "{name}");
        let reply = folded(events);
        compare(&name, &reply, &body["choices"][0]["message"]);
        written(&name, &reply);
    }
}

/// The text and the calls of a reply are those of the recording.
fn compare(name: &str, reply: &Reply, message: &Value) {
    let said = said(reply);
    match &message["content"] {
        Value::String(text) => assert_eq!(said, *text, "{name}"),
        Value::Null => assert!(said.is_empty() || message.get("audio").is_some(), "{name}: {said}"),
        _ => assert!(!said.is_empty(), "{name}"),
    }
    let calls = reply.blocks.iter().filter(|b| matches!(b, Block::ToolCall { .. })).count();
    let told = message["tool_calls"].as_array().map_or(0, Vec::len)
        + usize::from(message["function_call"]["name"].as_str().is_some_and(|n| !n.is_empty()));
    assert_eq!(calls, told, "{name}");
    for (block, call) in reply
        .blocks
        .iter()
        .filter(|b| matches!(b, Block::ToolCall { .. }))
        .zip(message["tool_calls"].as_array().unwrap_or(&Vec::new()))
    {
        let Block::ToolCall { name: called, arguments, .. } = block else { continue };
        assert_eq!(called.text(), call["function"]["name"].as_str().unwrap_or_default(), "{name}");
        if let Some(text) = call["function"]["arguments"].as_str() {
            assert_eq!(arguments.text(), text, "{name}");
        }
    }
}

fn said(reply: &Reply) -> String {
    let text = |b: &Block| if let Block::Text { text, .. } = b { Some(text.text().into_owned()) } else { None };
    reply.blocks.iter().filter_map(text).collect()
}

/// The text of a stream, joined by other means.
fn told(sse: &str) -> String {
    let chunks = sse.lines().filter_map(|l| serde_json::from_str::<Value>(l.strip_prefix("data:")?).ok());
    chunks
        .filter(|c| c["choices"][0]["index"] == 0)
        .flat_map(|c| match &c["choices"][0]["delta"]["content"] {
            Value::String(text) => vec![text.clone()],
            Value::Array(list) => list.iter().filter_map(|p| Some(p["text"].as_str()?.to_owned())).collect(),
            _ => Vec::new(),
        })
        .collect()
}

/// Whatever was read can be told to clients of both dialects.
fn written(name: &str, reply: &Reply) {
    for dialect in [Dialect::OpenAiChat, Dialect::Anthropic] {
        let body = apex_core::dialect::encode_reply(dialect, reply, &context());
        assert!(serde_json::from_slice::<Value>(&body).is_ok(), "{name}");
    }
}

#[test]
fn streams() {
    let mut seen = 0;
    for (name, entry) in entries() {
        let Some(sse) = entry["response"]["sse"].as_str() else { continue };
        seen += 1;
        let sse = sse.replace("\r\n", "\n").replace('\r', "\n");
        let told = told(&sse);
        for quirks in [&Quirks::COMPATIBLE, &Quirks::OPENAI] {
            let mut decoder = openai_chat::StreamDecoder::new(quirks, Aliases::default());
            let mut events = Vec::new();
            let mut finished = false;
            for event in sse.split("\n\n") {
                let field = |name: &str| {
                    let values = event.lines().filter_map(|l| l.strip_prefix(name)?.strip_prefix(':'));
                    values.map(|v| v.strip_prefix(' ').unwrap_or(v)).collect::<Vec<_>>().join("\n")
                };
                let (kind, data) = (field("event"), field("data"));
                finished |= data.contains(r#""finish_reason":""#) || data.contains(r#""finish_reason": ""#);
                finished |= data.starts_with("[DONE]");
                let mut now = Vec::new();
                decoder.push((!kind.is_empty()).then_some(kind.as_str()), &data, &mut now);
                events.extend(now.into_iter().map(Event::into_owned));
            }
            decoder.finish(&mut events);
            assert_eq!(decoder.skipped(), 0, "{name}");
            let events = sequenced(events);
            match events.last() {
                Some(Event::End) => {}
                Some(Event::Error(failure)) => println!("{name}: {failure:?}"),
                other => assert!(!finished, "{name}: {other:?}"),
            }
            let reply = folded(events);
            written(&name, &reply);
            assert_eq!(said(&reply), told, "{name}");
            for block in &reply.blocks {
                let Block::ToolCall { arguments, id, name: called, .. } = block else { continue };
                assert!(!id.is_empty() && !called.is_empty(), "{name}");
                let whole = reply.stop.as_ref().is_some_and(|s| s.reason == apex_core::hub::StopReason::ToolCalls);
                if whole && !arguments.is_empty() {
                    assert!(serde_json::from_str::<Value>(&arguments.text()).is_ok(), "{name}: {}", arguments.text());
                }
            }
        }
    }
    println!("{seen} streams");
}
