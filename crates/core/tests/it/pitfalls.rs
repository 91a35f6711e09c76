//! Bugs other gateways had, where the rule belongs to no single dialect: each test names its number in the list of
//! pitfalls.

mod history;
mod reach;
mod responses;

use std::time::Duration;

use apex_core::exchange::Body;
use apex_core::settings::Provider;

use crate::harness::{CHAT_HELLO, Run, catalog, chat_body, chat_chunk, post, settings};

fn say(text: &str) -> String {
    chat_chunk(&format!(r#"{{"content":"{text}"}}"#), "null")
}

fn sent(run: &Run) -> &[u8] {
    let Body::Bytes(bytes) = &run.sent[0].body else { panic!("streamed") };
    bytes
}

#[test]
fn nothing_is_tried_again_after_the_first_byte() {
    // pitfall 38: a second attempt would run tools twice
    let mut run = Run::chat("gpt-5.5#openai", true);
    run.sse().chunk(say("a")).broken(apex_core::exchange::TransportErrorKind::Reset, true);
    assert_eq!((run.sent.len(), run.ended()), (1, ("truncated", Some(200), true)));
}

#[test]
fn streams_do_not_know_of_each_other() {
    // pitfall 59
    let (mut a, mut b) = (Run::messages("gpt-5.5#openai", true), Run::messages("gpt-5.5#openai", true));
    a.sse();
    b.sse();
    for i in 0..50 {
        a.chunk(say(&format!("a{i}")));
        b.chunk(say(&format!("b{i}")));
    }
    assert!(!a.text().contains("\"b") && !b.text().contains("\"a0\""));
    assert_eq!(a.text().matches("text_delta").count(), 50);
    assert!(a.text().replace("\"text\":\"a", "\"text\":\"b") == b.text());
}

#[test]
fn characters_may_be_cut_anywhere() {
    // pitfall 64
    let stream = [
        chat_chunk(CHAT_HELLO, "null"),
        say("héllo 😀 \\ud83d\\ude00"),
        chat_chunk("{}", r#""stop""#),
        "data: [DONE]\n\n".to_owned(),
    ]
    .concat();
    let whole = {
        let mut run = Run::messages("gpt-5.5#openai", true);
        run.sse().chunk(&stream).close();
        run.text().to_owned()
    };
    assert!(whole.contains("héllo 😀 \\ud83d\\ude00"), "{whole}");
    for size in 1..12 {
        let mut run = Run::messages("gpt-5.5#openai", true);
        run.sse();
        for piece in stream.as_bytes().chunks(size) {
            run.input(apex_core::exchange::Input::UpstreamChunk(bytes::Bytes::copy_from_slice(piece)));
        }
        run.close();
        assert_eq!(run.text(), whole, "pieces of {size}");
    }
}

#[test]
fn one_huge_event_passes_in_linear_time() {
    // pitfall 67: 20 MB in 16 KiB pieces would take minutes if every piece rescanned what came before
    let text = "x".repeat(20 << 20);
    for mut run in [Run::chat("gpt-5.5#openai", true), Run::messages("gpt-5.5#openai", true)] {
        run.sse();
        for piece in say(&text).as_bytes().chunks(16 << 10) {
            run.input(apex_core::exchange::Input::UpstreamChunk(bytes::Bytes::copy_from_slice(piece)));
        }
        run.chunk(chat_chunk("{}", r#""stop""#)).close();
        assert!(run.text().len() > 20 << 20);
        assert_eq!(run.ended(), ("completed", Some(200), false));
    }
}

#[test]
fn streams_ask_proxies_not_to_collect_them() {
    // pitfall 68
    for mut run in [Run::chat("gpt-5.5#openai", true), Run::messages("gpt-5.5#openai", true)] {
        run.sse().chunk(say("a"));
        assert_eq!(
            (run.header("x-accel-buffering"), run.header("cache-control"), run.header("content-encoding")),
            ("no", "no-cache", "")
        );
        assert_eq!(run.sent[0].head.headers["accept-encoding"], "identity");
    }
}

#[test]
fn betas_stay_where_they_are_understood() {
    // pitfalls 121, 123
    let beta =
        [("anthropic-beta", "context-management-2025-06-27,new-thing-2027"), ("anthropic-version", "2023-06-01")];
    let body = r#"{"model":"M","max_tokens":9,"safeguards":[{"x":1e2}],"messages":[{"role":"user","content":"hi"}]}"#;
    let same = Run::begin(
        &catalog(&settings()),
        post("/v1/messages?beta=true", &beta),
        &body.replace('M', "claude-x#anthropic"),
    );
    assert_eq!(same.sent[0].head.headers["anthropic-beta"], "context-management-2025-06-27,new-thing-2027");
    assert_eq!(same.sent[0].head.uri.query(), Some("beta=true"));
    assert_eq!(sent(&same), body.replace('M', "claude-x").as_bytes());
    let mut other =
        Run::begin(&catalog(&settings()), post("/v1/messages", &beta), &body.replace('M', "gpt-5.5#openai"));
    assert!(other.sent[0].head.headers.keys().all(|n| !n.as_str().starts_with("anthropic-")));
    other.json().input(apex_core::exchange::Input::ClientGone);
    let adjustments = other.record().adjustments.clone().unwrap();
    assert!(adjustments.contains("anthropic-beta=drop") && adjustments.contains("safeguards=drop"), "{adjustments}");
}

#[test]
fn the_resolved_provider_decides_what_is_relayed() {
    // pitfalls 122, 139: aliases, mappings and odd names resolve first
    let mut with_alias = settings();
    with_alias.aliases.insert("claude-fast".into(), "openai/gpt:x@y#openai".into());
    let run = Run::begin(
        &catalog(&with_alias),
        post("/v1/messages", &[]),
        r#"{"model":"claude-fast","max_tokens":99,"messages":[{"role":"user","content":"hi"}]}"#,
    );
    assert!(run.sent[0].head.uri.path().ends_with("/chat/completions"));
    let upstream: serde_json::Value = serde_json::from_slice(sent(&run)).unwrap();
    assert_eq!((&upstream["model"], &upstream["max_completion_tokens"]), (&"openai/gpt:x@y".into(), &99.into()));
}

#[test]
fn no_sdk_is_put_to_sleep_for_minutes() {
    // pitfall 134: Anthropic's SDKs obey any retry-after
    for (wait, verdict) in [("17", ""), ("400", "false")] {
        let mut run = Run::messages("gpt-5.5#openai", false);
        run.upstream_head(429, &[("retry-after", wait)]).chunk(r#"{"error":{"message":"slow down","type":"rate_limit_error","param":null,"code":"rate_limit_exceeded"}}"#).close();
        assert_eq!((run.status(), run.header("retry-after"), run.header("x-should-retry")), (Some(429), wait, verdict));
        assert!(run.text().contains("rate_limit_error"));
    }
}

#[test]
fn overload_has_the_status_each_client_knows() {
    // pitfall 135
    let mut chat = Run::chat("claude-x#anthropic", false);
    chat.upstream_head(529, &[])
        .chunk(r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#)
        .close();
    assert_eq!(chat.status(), Some(503));
    let mut messages = Run::messages("claude-x#anthropic", false);
    messages
        .upstream_head(529, &[])
        .chunk(r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#)
        .close();
    assert_eq!(messages.status(), Some(529));
}

#[test]
fn a_second_attempt_sends_the_same_bytes() {
    // pitfall 137
    let mut run = Run::messages("gpt-5.5#openai", false);
    run.broken(apex_core::exchange::TransportErrorKind::Reset, true).wait(Duration::from_millis(1));
    let (Body::Bytes(first), Body::Bytes(second)) = (&run.sent[0].body, &run.sent[1].body) else { panic!("streamed") };
    assert_eq!(first, second);
}

#[test]
fn optional_members_decide_nothing() {
    // pitfall 144: a request without metadata, user agent or betas is the same client
    let plain = Run::begin(
        &catalog(&settings()),
        post("/v1/messages/count_tokens", &[]),
        &chat_body("claude-x#anthropic", false),
    );
    assert_eq!(plain.sent.len(), 1);
    assert!(plain.sent[0].head.uri.path().ends_with("/v1/messages/count_tokens"));
}

#[test]
fn a_provider_that_dies_of_patterns_gets_none() {
    // pitfalls 107, 113: for that provider only, and named
    let mut with = settings();
    with.providers.insert("deepseek".into(), Provider { api_key: Some("k".into()), ..Provider::default() });
    let body = |model: &str| {
        format!(
            r#"{{"model":"{model}","max_tokens":9,"tools":[{{"name":"f","input_schema":{{"type":"object","properties":{{"a":{{"type":"string","pattern":"^(?!x)a"}}}}}}}}],"messages":[{{"role":"user","content":"hi"}}]}}"#
        )
    };
    let deepseek = Run::begin(&catalog(&with), post("/v1/messages", &[]), &body("m#deepseek"));
    assert!(!String::from_utf8_lossy(sent(&deepseek)).contains("(?!"));
    let openai = Run::begin(&catalog(&with), post("/v1/messages", &[]), &body("m#openai"));
    assert!(String::from_utf8_lossy(sent(&openai)).contains("(?!x)"));
}

#[test]
fn the_request_may_come_again_without_a_stream() {
    // pitfall 151: what Claude Code does after a cut stream; a long generation is waited for, relayed or translated.
    //
    // The gateway does not ask for a stream to fold it. In the client's own dialect a request and its reply pass as they
    // are, past the hub: a reply put together here would lose what the hub has no words for, in exchange for nothing the provider
    // asks: it is SDKs that refuse to wait more than ten minutes, not providers, and none of the table's takes streams only.
    // A stream that comes unasked is folded (`properties`), and how long is waited is the operator's (`first_byte`).
    for (messages, reply) in [
        (
            "claude-x#anthropic",
            r#"{"id":"m","type":"message","role":"assistant","content":[{"type":"text","text":"late"}],"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":1}}"#,
        ),
        (
            "gpt-5.5#openai",
            r#"{"id":"c","choices":[{"index":0,"message":{"role":"assistant","content":"late"},"finish_reason":"stop"}]}"#,
        ),
    ] {
        let mut cut = Run::messages(messages, true);
        cut.sse().close();
        assert_eq!(cut.status(), Some(502));
        let mut again = Run::messages(messages, false);
        again.wait(Duration::from_secs(595)).json().wait(Duration::from_secs(1)).chunk(reply).close();
        assert_eq!(again.ended(), ("completed", Some(200), false));
        assert!(
            again.text().contains("late") && again.header("content-type") == "application/json",
            "{}",
            again.text()
        );
    }
}

#[test]
fn an_error_is_an_event_of_its_own() {
    // pitfall 52: what is left of a half event never sticks to it, however much of that event went on its way
    for half in ["data: {\"half".to_owned(), format!("data: {{\"half\":\"{}", "x".repeat(3 << 20))] {
        let mut run = Run::chat("gpt-5.5#openai", true);
        run.sse().chunk(say("a"));
        for piece in half.as_bytes().chunks(64 << 10) {
            run.input(apex_core::exchange::Input::UpstreamChunk(bytes::Bytes::copy_from_slice(piece)));
        }
        run.close();
        assert_eq!(run.ended(), ("truncated", Some(200), true));
        let last = run.text().trim_end().rsplit("\n\n").next().unwrap();
        let error: serde_json::Value = serde_json::from_str(last.strip_prefix("data: ").unwrap()).unwrap();
        assert!(error["error"]["message"].as_str().unwrap().contains("broke off"), "{last}");
    }
}

#[test]
fn counters_of_the_end_are_told_at_the_end() {
    // pitfalls 46, 97, 143: usage that comes last reaches both kinds of clients, cached tokens apart
    let usage = r#"data: {"id":"c1","choices":[],"usage":{"prompt_tokens":100,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":90}}}"#;
    let mut run = Run::messages("gpt-5.5#openai", true);
    run.sse()
        .chunk(say("a"))
        .chunk(chat_chunk("{}", r#""stop""#))
        .chunk(format!("{usage}\n\ndata: [DONE]\n\n"))
        .close();
    let delta = run.text().split("event: message_delta\ndata: ").nth(1).unwrap().lines().next().unwrap();
    let delta: serde_json::Value = serde_json::from_str(delta).unwrap();
    let counts = ["input_tokens", "cache_read_input_tokens", "output_tokens"].map(|key| delta["usage"][key].as_u64());
    assert_eq!(counts, [Some(10), Some(90), Some(5)]);
}

#[test]
fn the_class_of_service_is_echoed() {
    // pitfall 128: mapped on the way there (tables of each dialect), and told on the way back, in the client's words
    let anthropic = |tier: &str| {
        format!(
            r#"{{"id":"m","type":"message","role":"assistant","content":[{{"type":"text","text":"a"}}],"stop_reason":"end_turn","usage":{{"input_tokens":1,"output_tokens":1,"service_tier":"{tier}"}}}}"#
        )
    };
    let chat = |tier: &str| {
        format!(
            r#"{{"id":"c","service_tier":"{tier}","choices":[{{"index":0,"message":{{"role":"assistant","content":"a"}},"finish_reason":"stop"}}],"usage":{{"prompt_tokens":1,"completion_tokens":1}}}}"#
        )
    };
    for (theirs, ours) in [("standard", "default"), ("priority", "priority"), ("batch", "batch")] {
        let mut run = Run::chat("claude-x#anthropic", false);
        run.json().chunk(anthropic(theirs)).close();
        let reply: serde_json::Value = serde_json::from_str(run.text()).unwrap();
        assert_eq!(reply["service_tier"], ours);
        let body = r#"{"model":"claude-x#anthropic","input":"go"}"#;
        let mut run = Run::begin(&catalog(&settings()), post("/v1/responses", &[]), body);
        run.json().chunk(anthropic(theirs)).close();
        let reply: serde_json::Value = serde_json::from_str(run.text()).unwrap();
        assert_eq!(reply["service_tier"], ours);
        let mut run = Run::messages("gpt-5.5#openai", false);
        run.json().chunk(chat(ours)).close();
        let reply: serde_json::Value = serde_json::from_str(run.text()).unwrap();
        assert_eq!(reply["usage"]["service_tier"], theirs);
    }
    // What has no equal is not made up.
    let mut run = Run::messages("gpt-5.5#openai", false);
    run.json().chunk(chat("flex")).close();
    assert!(!run.text().contains("service_tier"), "{}", run.text());
}
