//! The stream grammar of Responses, read and written.

use std::fmt::Write;

use apex_core::dialect::Dialect;
use apex_core::hub::Aliases;
use serde_json::{Value, json};

use crate::corpus::responses;
use crate::harness::{Run, catalog, post, settings};
use crate::openai_responses::{context, data, restream};

/// A gateway whose OpenAI is asked over Responses by everybody.
fn ask(path: &str, body: &Value) -> Run {
    let mut settings = settings();
    settings.providers.entry("openai".into()).or_default().dialects = Some(vec!["openai-responses".into()]);
    Run::begin(&catalog(&settings), post(path, &[("anthropic-version", "2023-06-01")]), &body.to_string())
}

fn messages(stream: bool) -> Run {
    ask(
        "/v1/messages",
        &json!({"model":"gpt-5.5#openai","max_tokens":99,"stream":stream,"messages":[{"role":"user","content":"go"}]}),
    )
}

fn chat(stream: bool) -> Run {
    ask(
        "/v1/chat/completions",
        &json!({"model":"gpt-5.5#openai","stream":stream,"messages":[{"role":"user","content":"go"}]}),
    )
}

fn sse(events: &[Value]) -> String {
    let mut all = String::new();
    for event in events {
        writeln!(all, "event: {}\ndata: {event}\n", event["type"].as_str().unwrap()).unwrap();
    }
    all
}

/// A stream of this text, or of a call, that ends with the terminal event `kind` and these members of its response.
fn reply(item: &str, kind: &str, members: &Value) -> (String, String) {
    let item: Value = serde_json::from_str(item).unwrap();
    let mut response = json!({"id":"resp_1","object":"response","model":"gpt-5.5","status":kind,"output":[item],
        "usage":{"input_tokens":3,"output_tokens":2}});
    for (key, value) in members.as_object().unwrap() {
        response[key] = value.clone();
    }
    let stream = sse(&[
        json!({"type":"response.created","response":{"id":"resp_1","status":"in_progress"}}),
        json!({"type":"response.output_item.added","output_index":0,"item":{"type":item["type"],"id":item["id"],
            "call_id":item["call_id"],"name":item["name"]}}),
        json!({"type":"response.output_item.done","output_index":0,"item":item}),
        json!({"type":format!("response.{kind}"),"response":response}),
    ]);
    (stream, response.to_string())
}

const TEXT: &str =
    r#"{"type":"message","id":"msg_1","role":"assistant","content":[{"type":"output_text","text":"Hello"}]}"#;
const CALL: &str = r#"{"type":"function_call","id":"fc_1","call_id":"c1","name":"f","arguments":"{}"}"#;

/// How a reply ended, as JSON and as a stream, in the words of both kinds of clients: they must agree.
fn endings(item: &str, kind: &str, members: &Value) -> (String, String) {
    let (stream, whole) = reply(item, kind, members);
    let stop = |run: &mut Run, streamed: bool, key: &str| {
        if streamed {
            run.sse().chunk(&stream).close();
        } else {
            run.json().chunk(&whole).close();
        }
        assert_eq!(run.ended(), ("completed", Some(200), false), "{}", run.text());
        let events = if streamed { data(run.text()) } else { vec![serde_json::from_str(run.text()).unwrap()] };
        let told = |e: &Value| {
            [&e[key], &e["delta"][key], &e["choices"][0][key]].iter().find_map(|v| v.as_str().map(str::to_owned))
        };
        events.iter().find_map(told).unwrap_or_else(|| panic!("no {key}: {}", run.text()))
    };
    let both = |run: &dyn Fn(bool) -> Run, key: &str| {
        let (whole, streamed) = (stop(&mut run(false), false, key), stop(&mut run(true), true, key));
        assert_eq!(whole, streamed, "{kind}");
        whole
    };
    (both(&messages, "stop_reason"), both(&chat, "finish_reason"))
}

#[test]
fn every_end_has_its_word() {
    // pitfalls 53, 54
    let none = json!({});
    let details = |reason: &str| json!({"incomplete_details":{"reason":reason}});
    for (item, kind, members, want) in [
        (TEXT, "completed", &none, ("end_turn", "stop")),
        (CALL, "completed", &none, ("tool_use", "tool_calls")),
        (TEXT, "incomplete", &details("max_output_tokens"), ("max_tokens", "length")),
        (TEXT, "incomplete", &details("content_filter"), ("refusal", "content_filter")),
    ] {
        let (stop, finish) = endings(item, kind, members);
        assert_eq!((stop.as_str(), finish.as_str()), want, "{kind} {members}");
    }
}

#[test]
fn a_failed_reply_is_an_error() {
    // pitfall 53: neither a cut stream nor a good end
    let (stream, whole) =
        reply(TEXT, "failed", &json!({"error":{"code":"rate_limit_exceeded","message":"Slow down."}}));
    let mut early = messages(false);
    early.json().chunk(&whole).close();
    assert_eq!((early.status(), early.text().contains("rate_limit_error")), (Some(429), true), "{}", early.text());
    // The status is out when the failure comes.
    let (begun, failed) = stream.split_at(stream.find("event: response.failed").unwrap());
    let mut late = messages(true);
    late.sse().chunk(begun).chunk(failed).close();
    assert!(late.text().ends_with("\n\n") && late.text().contains("event: error\n"), "{}", late.text());
    assert!(late.text().contains("Slow down.") && !late.text().contains("message_stop"), "{}", late.text());
    let mut late = chat(true);
    late.sse().chunk(begun).chunk(failed).close();
    assert!(late.text().contains("Slow down.") && !late.text().contains("[DONE]"), "{}", late.text());
}

#[test]
fn greetings_do_not_decide() {
    // pitfall 69: an error behind the events that every stream begins with is still a real status
    let hello = sse(&[
        json!({"type":"response.created","response":{"id":"resp_1","status":"in_progress"}}),
        json!({"type":"response.in_progress","response":{"id":"resp_1","status":"in_progress"}}),
    ]);
    let failed = sse(&[json!({"type":"response.failed","response":{"status":"failed",
        "error":{"code":"rate_limit_exceeded","message":"Slow down."}}})]);
    let relayed = ask("/v1/responses", &json!({"model":"gpt-5.5#openai","input":"go","stream":true}));
    for mut run in [messages(true), chat(true), relayed] {
        run.sse().chunk(&hello).chunk(&failed).close();
        assert_eq!(run.ended(), ("upstream_error", Some(429), false), "{}", run.text());
        assert!(run.text().contains("Slow down."), "{}", run.text());
    }
}

#[test]
fn what_the_deltas_left_out_is_told() {
    // pitfall 55: only `output_text.done` has the tail, and a tail that differs from the pieces is not told twice
    let at = |kind: &str, key: &str, text: &str| json!({"type":kind,"output_index":0,"content_index":0,"item_id":"msg_1",key:text});
    let end = json!({"type":"response.completed","response":{"status":"completed","usage":{"input_tokens":1,"output_tokens":1}}});
    for (deltas, done, want) in [
        (vec!["Hel"], "Hello", "Hello"),
        (vec![], "Hello", "Hello"),
        (vec!["Hel", "lo"], "Hello", "Hello"),
        (vec!["Hel"], "Other", "Hel"),
    ] {
        let mut events: Vec<Value> = deltas.iter().map(|d| at("response.output_text.delta", "delta", d)).collect();
        events.insert(
            0,
            json!({"type":"response.output_item.added","output_index":0,"item":{"type":"message","id":"msg_1"}}),
        );
        events.push(at("response.output_text.done", "text", done));
        events.push(end.clone());
        for mut run in [messages(true), chat(true)] {
            run.sse().chunk(sse(&events)).close();
            let told: String = data(run.text())
                .iter()
                .filter_map(|e| {
                    e["delta"]["text"].as_str().or(e["choices"][0]["delta"]["content"].as_str()).map(str::to_owned)
                })
                .collect();
            assert_eq!(told, want, "{deltas:?}");
            assert_eq!(run.ended(), ("completed", Some(200), false));
        }
    }
}

/// A reply with everything in it, of an upstream of each kind.
fn upstreams() -> Vec<(Dialect, &'static str)> {
    vec![
        (Dialect::Anthropic, include_str!("../../golden/anthropic/reply.sse")),
        (
            Dialect::OpenAiChat,
            "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"reasoning_content\":\"Hm.\"}}]}\n\n\
             data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hello\"}}]}\n\n\
             data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"c1\",\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"a\\\"\"}}]}}]}\n\n\
             data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\":1}\"}}]},\"finish_reason\":\"tool_calls\"}],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}\n\n\
             data: [DONE]\n\n",
        ),
        (
            Dialect::Gemini,
            "data: {\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"Hm.\",\"thought\":true},{\"text\":\"Hello\"},{\"functionCall\":{\"name\":\"f\",\"args\":{\"a\":1}}}]},\"finishReason\":\"STOP\"}],\"usageMetadata\":{\"promptTokenCount\":1,\"candidatesTokenCount\":2}}\n\n",
        ),
    ]
}

#[test]
fn no_delta_before_its_item() {
    // pitfalls 56, 94, 147: every piece names an item and a part that were added, by all ids and indices, and there is no
    // event that a helper would throw at. The checker is as strict as the SDKs' accumulators together.
    for (from, stream) in upstreams() {
        let out = restream(from, Dialect::OpenAiResponses, stream, context("{}"), Aliases::default());
        let seen = responses::stream(&out).unwrap_or_else(|e| panic!("{from}: {e}\n{out}"));
        let kinds: Vec<_> = seen.blocks.iter().map(|(kind, _)| kind.as_str()).collect();
        assert!(kinds.starts_with(&["reasoning", "text"]) && kinds.contains(&"call"), "{from}: {kinds:?}");
        for event in data(&out) {
            let kind = event["type"].as_str().unwrap();
            let (needs, index) = match kind.split('.').nth(1).unwrap() {
                "reasoning_summary_part" | "reasoning_summary_text" => (true, Some("summary_index")),
                "content_part" | "output_text" | "refusal" => (true, Some("content_index")),
                "function_call_arguments" => (true, None),
                _ => (false, None),
            };
            if needs {
                assert!(event["item_id"].is_string() && event["output_index"].is_u64(), "{event}");
            }
            assert!(index.is_none_or(|i| event[i].is_u64()), "{event}");
            assert!(event["sequence_number"].is_u64(), "{event}");
        }
    }
}

#[test]
fn signs_of_life_are_comments() {
    // pitfall 147: `ping` and events of other providers are not passed on as events
    let body = json!({"model":"claude-x#anthropic","input":"go","stream":true});
    let mut run = ask("/v1/responses", &body);
    run.sse()
        .chunk("event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":3,\"output_tokens\":0}}}\n\n")
        .chunk("event: ping\ndata: {\"type\":\"ping\"}\n\nevent: novelty\ndata: {\"type\":\"novelty\",\"x\":1}\n\n")
        .chunk("event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"Hi\"}}\n\n")
        .wait(std::time::Duration::from_secs(40))
        .chunk("event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n")
        .chunk("event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":1}}\n\n")
        .chunk("event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n")
        .close();
    assert!(run.text().contains("\n: "), "no sign of life: {}", run.text());
    let events: String = run.text().split_inclusive("\n\n").filter(|e| !e.starts_with(':')).collect();
    responses::stream(&events).unwrap_or_else(|e| panic!("{e}\n{events}"));
}

#[test]
fn numbers_identify_nothing() {
    // pitfall 57: sequence numbers that repeat or are missing lose neither usage nor text, translated or relayed
    let (stream, _) = reply(TEXT, "completed", &json!({}));
    let numbered = stream.replace("data: {", "data: {\"sequence_number\":0,");
    assert_ne!(stream, numbered);
    for stream in [&stream, &numbered] {
        let mut run = messages(true);
        run.sse().chunk(stream).close();
        assert!(run.text().contains("Hello"), "{}", run.text());
        let usage = format!("{:?}", run.record().usage);
        assert!(!run.record().usage.is_unknown());
        let mut relayed = ask("/v1/responses", &json!({"model":"gpt-5.5#openai","input":"go","stream":true}));
        relayed.sse().chunk(stream).close();
        assert_eq!(relayed.text(), *stream);
        assert_eq!(format!("{:?}", relayed.record().usage), usage);
        assert_eq!(run.ended(), relayed.ended());
    }
}

#[test]
fn each_stream_begins_anew() {
    // pitfall 58: what one stream saw hides nothing of the next, with the same ids and numbers in it
    let search =
        json!({"type":"web_search_call","id":"ws_1","status":"completed","action":{"type":"search","query":"q"}});
    let cited = json!({"type":"message","id":"msg_1","role":"assistant","content":[{"type":"output_text","text":"Hello",
        "annotations":[{"type":"url_citation","url":"https://e.x","title":"E","start_index":0,"end_index":5}]}]});
    let stream = sse(&[
        json!({"type":"response.created","sequence_number":0,"response":{"id":"resp_1","status":"in_progress"}}),
        json!({"type":"response.output_item.added","sequence_number":1,"output_index":0,"item":search}),
        json!({"type":"response.web_search_call.completed","sequence_number":2,"output_index":0,"item_id":"ws_1"}),
        json!({"type":"response.output_item.done","sequence_number":3,"output_index":0,"item":search}),
        json!({"type":"response.output_item.done","sequence_number":4,"output_index":1,"item":cited}),
        json!({"type":"response.completed","sequence_number":5,"response":{"status":"completed","output":[search, cited],
            "usage":{"input_tokens":1,"output_tokens":1}}}),
    ]);
    let relayed = || {
        let mut run = ask("/v1/responses", &json!({"model":"gpt-5.5#openai","input":"go","stream":true}));
        run.sse().chunk(&stream).close();
        run.text().to_owned()
    };
    assert_eq!((relayed(), relayed()), (stream.clone(), stream.clone()));
    let translated = |run: fn(bool) -> Run| {
        let mut run = run(true);
        run.sse().chunk(&stream).close();
        assert!(run.text().contains("https://e.x") && run.text().contains("Hello"), "{}", run.text());
        run.text().to_owned()
    };
    assert_eq!(translated(messages), translated(messages));
    assert_eq!(translated(chat), translated(chat));
}
