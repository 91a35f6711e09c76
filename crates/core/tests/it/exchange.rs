//! The exchange under a virtual clock: honest streams, timeouts, attempts, errors, and exactly one record.

use std::time::Duration;

use apex_core::exchange::{Input, TransportErrorKind};

use crate::harness::{CHAT_HELLO, Run, catalog, chat_body, chat_chunk, post, settings, ticket};

const SECOND: Duration = Duration::from_secs(1);

fn say(text: &str) -> String {
    chat_chunk(&format!(r#"{{"content":"{text}"}}"#), "null")
}

fn stop() -> String {
    chat_chunk("{}", r#""stop""#)
}

const DONE: &str = "data: [DONE]\n\n";

#[test]
fn a_relayed_stream_is_held_until_it_says_something() {
    let mut run = Run::chat("gpt-5.5#openai", true);
    run.sse().chunk(chat_chunk(CHAT_HELLO, "null"));
    assert_eq!(run.status(), None, "a role alone is no answer");
    run.chunk(say("a"));
    assert_eq!(run.status(), Some(200));
    run.chunk(stop()).chunk(DONE).close();
    assert_eq!(run.text(), [&chat_chunk(CHAT_HELLO, "null"), &say("a"), &stop(), DONE].concat().as_str());
    assert_eq!(run.ended(), ("completed", Some(200), false));
    assert_eq!(run.header("x-apex-provider"), "openai");
    assert_eq!(run.header("x-apex-request-id"), "req_test");
}

#[test]
fn an_early_error_becomes_a_status() {
    // pitfalls 69, 132: HTTP 200 with an error in it, before anything was said
    for hello in [String::new(), chat_chunk(CHAT_HELLO, "null"), ": comment\n\n".to_owned()] {
        let mut run = Run::chat("gpt-5.5#openai", true);
        run.sse().chunk(&hello).chunk("data: {\"error\":{\"message\":\"slow down\",\"type\":\"rate_limit_error\",\"code\":\"rate_limit_exceeded\"}}\n\n");
        assert_eq!(run.ended(), ("upstream_error", Some(429), false), "{hello}");
        assert!(run.text().starts_with(r#"{"error":{"message":"slow down""#), "{}", run.text());
        assert!(!run.header("retry-after").is_empty());
        assert_eq!(run.header("content-type"), "application/json");
    }
}

#[test]
fn a_late_error_stays_in_band() {
    let error = "data: {\"error\":{\"message\":\"boom\",\"type\":\"server_error\"}}\n\n";
    let mut relay = Run::chat("gpt-5.5#openai", true);
    relay.sse().chunk(say("a")).chunk(error).close();
    assert_eq!(relay.text(), say("a") + error, "forwarded as it is, nothing added");
    assert_eq!(relay.ended(), ("upstream_error", Some(200), false));

    let mut translated = Run::messages("gpt-5.5#openai", true);
    translated.sse().chunk(say("a")).chunk(error);
    assert!(translated.text().contains("event: error\ndata: {\"type\":\"error\""), "{}", translated.text());
    assert!(!translated.text().contains("message_stop") && !translated.text().contains("content_block_stop"));
    assert_eq!(translated.ended(), ("upstream_error", Some(200), true));
}

#[test]
fn truncation_is_an_error_and_an_abort() {
    // pitfalls 49, 50
    for mut run in [Run::chat("gpt-5.5#openai", true), Run::messages("gpt-5.5#openai", true)] {
        run.sse().chunk(say("a")).chunk("data: {\"half").close();
        assert_eq!(run.ended(), ("truncated", Some(200), true));
        assert!(
            run.text().contains("broke off") && !run.text().contains("[DONE]") && !run.text().contains("message_stop"),
            "{}",
            run.text()
        );
        assert!(!run.text().contains("half"), "the unfinished event is left out");
    }
    let mut silent = Run::chat("gpt-5.5#openai", true);
    silent.sse().close();
    assert_eq!(silent.ended(), ("truncated", Some(502), false));
}

#[test]
fn a_stop_without_done_is_a_clean_end() {
    let mut run = Run::chat("gpt-5.5#openai", true);
    run.sse().chunk(say("a")).chunk(stop()).close();
    assert_eq!(run.ended(), ("completed", Some(200), false));
    // A relay waits longer: what follows the stop belongs to the reply.
    let mut run = Run::chat("gpt-5.5#openai", true);
    run.sse().chunk(say("a")).chunk(stop()).wait(14 * SECOND).chunk(DONE).wait(SECOND);
    assert!(run.end.is_none() && run.text().ends_with(DONE));
    run.wait(2 * SECOND);
    assert_eq!(run.ended(), ("completed", Some(200), false));
    // A provider that never closes after its stop is not waited for (pitfall 48).
    let mut run = Run::messages("gpt-5.5#openai", true);
    run.sse().chunk(say("a")).chunk(stop()).wait(SECOND);
    assert!(!run.text().contains("message_stop"), "usage may follow");
    run.wait(2 * SECOND);
    assert!(run.text().ends_with("data: {\"type\":\"message_stop\"}\n\n"), "{}", run.text());
    assert_eq!(run.ended(), ("completed", Some(200), false));
}

#[test]
fn silence() {
    let mut run = Run::messages("claude-sonnet-4-6#anthropic", true);
    run.sse().wait(4 * SECOND);
    assert_eq!(run.status(), None);
    run.wait(2 * SECOND);
    assert_eq!((run.status(), run.text()), (Some(200), ""), "after five seconds the head goes out");
    run.wait(10 * SECOND);
    let ping = "event: ping\ndata: {\"type\":\"ping\"}\n\n";
    assert_eq!(run.text(), ping, "after fifteen a sign of life");
    run.chunk("event: message_start\ndata: {\"type\":\"mess").wait(20 * SECOND);
    assert_eq!(run.text(), ping.repeat(2), "never inside an event: the half event is still here");
    run.wait(120 * SECOND);
    assert_eq!(run.ended(), ("upstream_timeout", Some(200), true));
    assert!(run.text().contains("timeout_error"), "{}", run.text());
}

#[test]
fn a_slow_head_is_a_504() {
    let mut run = Run::chat("gpt-5.5#openai", false);
    run.wait(599 * SECOND);
    assert!(run.end.is_none());
    run.wait(2 * SECOND);
    assert_eq!(run.ended(), ("upstream_timeout", Some(504), false));
    assert!(run.text().contains("upstream_timeout"));
}

#[test]
fn nothing_takes_longer_than_the_total() {
    let mut run = Run::chat("gpt-5.5#openai", true);
    run.sse();
    for _ in 0..3600 {
        run.chunk(say("a")).wait(SECOND);
    }
    assert_eq!(run.ended(), ("upstream_timeout", Some(200), true));
}

#[test]
fn a_dead_connection_is_tried_again_once() {
    let mut run = Run::chat("gpt-5.5#openai", false);
    run.broken(TransportErrorKind::Reset, true);
    assert_eq!(run.sent.len(), 2);
    assert_eq!(run.sent[0].head.headers, run.sent[1].head.headers);
    run.broken(TransportErrorKind::Reset, true);
    assert_eq!(run.sent.len(), 2, "once");
    assert_eq!(run.ended(), ("upstream_unreachable", Some(502), false));
    assert_eq!(run.header("x-apex-attempts"), "2");

    let mut fresh = Run::chat("gpt-5.5#openai", false);
    fresh.broken(TransportErrorKind::Reset, false);
    assert_eq!((fresh.sent.len(), fresh.ended()), (1, ("upstream_unreachable", Some(502), false)));
    assert!(!fresh.text().contains("10.0.0.1") && !fresh.text().contains("sk-openai"), "{}", fresh.text());
}

#[test]
fn transport_errors_have_their_statuses() {
    use TransportErrorKind as Kind;
    for (kind, status) in [
        (Kind::Connect, 502),
        (Kind::Dns, 502),
        (Kind::Tls, 502),
        (Kind::Protocol, 502),
        (Kind::Timeout, 504),
        (Kind::Forbidden, 403),
        (Kind::ClientBody, 400),
    ] {
        let mut run = Run::messages("claude-x#anthropic", false);
        run.broken(kind, false);
        assert_eq!(run.status(), Some(status), "{kind:?}");
        assert!(run.text().starts_with(r#"{"type":"error","error":{"type":""#), "{}", run.text());
    }
}

#[test]
fn a_client_that_leaves_ends_in_a_record() {
    let stages: [fn(&mut Run); 4] = [
        |_| {},
        |run| {
            run.sse();
        },
        |run| {
            run.sse().chunk(say("a"));
        },
        |run| {
            run.json().chunk("{\"id\"");
        },
    ];
    for (at, stage) in stages.into_iter().enumerate() {
        for mut run in [
            Run::chat("gpt-5.5#openai", true),
            Run::messages("gpt-5.5#openai", true),
            Run::messages("gpt-5.5#openai", false),
        ] {
            stage(&mut run);
            run.input(Input::ClientGone);
            assert_eq!(run.record().outcome.as_str(), "client_gone", "stage {at}");
            assert_eq!(run.record().status, run.status().unwrap_or(499));
            run.input(Input::UpstreamEnd).input(Input::Deadline).input(Input::ClientGone);
        }
    }
}

#[test]
fn errors_of_the_same_dialect_pass_untouched() {
    let body = r#"{ "error" : {"message":"no", "type":"invalid_request_error","param":null,"code":"x"}, "extra":1e2 }"#;
    let mut run = Run::chat("gpt-5.5#openai", true);
    run.upstream_head(
        400,
        &[("content-type", "application/json"), ("x-request-id", "up-1"), ("x-should-retry", "false")],
    )
    .chunk(body)
    .close();
    assert_eq!((run.text(), run.ended()), (body, ("upstream_error", Some(400), false)));
    assert_eq!((run.header("x-request-id"), run.header("x-apex-request-id")), ("up-1", "req_test"));
}

#[test]
fn errors_no_sdk_understands_are_rewritten() {
    for (status, kind, body) in [
        (502, "text/html", "<html><body>Bad gateway at 10.1.2.3</body></html>"),
        (400, "application/json", r#"[{"error":{"code":400,"message":"bad","status":"INVALID_ARGUMENT"}}]"#),
        (403, "application/json", r#"{"code":"x","error":"no access"}"#),
        (500, "text/plain", ""),
        (
            401,
            "application/json",
            r#"{"error":{"message":"Incorrect API key provided: sk-openai-stored","type":"invalid_request_error","param":null,"code":"invalid_api_key"}}"#,
        ),
    ] {
        let mut run = Run::chat("gpt-5.5#openai", true);
        run.upstream_head(status, &[("content-type", kind)]).chunk(body).close();
        assert_eq!(run.status(), Some(status), "{body}");
        let parsed: serde_json::Value = serde_json::from_str(run.text()).unwrap();
        assert!(parsed["error"]["message"].is_string() && parsed["error"]["type"].is_string(), "{}", run.text());
        assert!(
            !run.text().contains("sk-openai-stored")
                && !run.text().contains("<html>")
                && !run.text().contains("10.1.2.3"),
            "{}",
            run.text()
        );
        assert_eq!(run.header("content-type"), "application/json");
    }
}

#[test]
fn the_gateways_own_key_is_not_the_clients_fault() {
    let mut run = Run::messages("gpt-5.5#openai", false);
    run.upstream_head(401, &[])
        .chunk(
            r#"{"error":{"message":"bad key","type":"invalid_request_error","param":null,"code":"invalid_api_key"}}"#,
        )
        .close();
    assert_eq!(run.status(), Some(502));
    assert_eq!(run.header("x-should-retry"), "false");
    // With the client's own key it is the client's.
    let head = post("/v1/messages", &[("cf-aig-authorization", "Bearer tok"), ("x-api-key", "mine")]);
    let mut own = Run::begin(
        &catalog(&settings()),
        head,
        r#"{"model":"gpt-5.5#openai","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}"#,
    );
    assert_eq!(own.sent[0].head.headers["authorization"], "Bearer mine");
    own.upstream_head(401, &[])
        .chunk(r#"{"error":{"message":"bad key","type":"x","param":null,"code":"invalid_api_key"}}"#)
        .close();
    assert_eq!(own.status(), Some(401));
}

#[test]
fn redirects_are_not_followed() {
    let mut run = Run::chat("gpt-5.5#openai", false);
    run.upstream_head(302, &[("location", "http://169.254.169.254/")]);
    assert_eq!(run.ended(), ("bad_answer", Some(502), false));
    assert!(run.text().contains("upstream_redirect") && run.header("location").is_empty());
}

#[test]
fn translated_json_is_a_whole_reply_with_its_length() {
    let mut run = Run::messages("gpt-5.5#openai", false);
    run.json().chunk(r#"{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"hel"#);
    run.chunk(r#"lo"},"finish_reason":"stop"}],"usage":{"prompt_tokens":10,"completion_tokens":2,"total_tokens":12,"prompt_tokens_details":{"cached_tokens":4}}}"#).close();
    assert_eq!(run.ended(), ("completed", Some(200), false));
    assert_eq!(run.header("content-length"), run.text().len().to_string());
    let reply: serde_json::Value = serde_json::from_str(run.text()).unwrap();
    assert_eq!(
        (&reply["model"], &reply["content"][0]["text"], &reply["usage"]["input_tokens"]),
        (&"gpt-5.5#openai".into(), &"hello".into(), &6.into())
    );
    let usage = run.record().usage;
    assert_eq!((usage.input_uncached, usage.cache_read, usage.output), (Some(6), Some(4), Some(2)));
}

#[test]
fn replies_that_cannot_be_understood_are_502() {
    for body in ["", "<html>", "{\"object\":\"chat.completion\"", "{}", "[]", "null", r#"{"choices":[]}"#] {
        let mut run = Run::messages("gpt-5.5#openai", false);
        run.json().chunk(body).close();
        assert!(matches!(run.ended().0, "upstream_error" | "bad_answer" | "truncated"), "{body}: {:?}", run.ended());
        assert_eq!(run.status(), Some(502), "{body}: {}", run.text());
    }
}

#[test]
fn json_where_a_stream_was_asked_for() {
    let json = r#"{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"hello"},"finish_reason":"stop"}]}"#;
    let mut relay = Run::chat("gpt-5.5#openai", true);
    relay.json().chunk(json).close();
    assert_eq!((relay.text(), relay.ended()), (json, ("completed", Some(200), false)));
    let mut translated = Run::messages("gpt-5.5#openai", true);
    translated.json().chunk(json).close();
    assert!(
        translated.text().starts_with("event: message_start\n") && translated.text().ends_with("\"message_stop\"}\n\n"),
        "{}",
        translated.text()
    );
    // And a stream behind a JSON content type.
    let mut lying = Run::messages("gpt-5.5#openai", true);
    lying.json().chunk("\n").chunk(say("a")).chunk(stop()).chunk(DONE).close();
    assert_eq!(lying.ended(), ("completed", Some(200), false));
    assert_eq!(lying.header("content-type"), "text/event-stream; charset=utf-8");
}

#[test]
fn strict_refuses_what_would_be_adjusted() {
    let body = r#"{"model":"claude-sonnet-5#anthropic","seed":7,"messages":[{"role":"user","content":"hi"}]}"#;
    let lenient = Run::begin(&catalog(&settings()), post("/v1/chat/completions", &[]), body);
    assert_eq!(lenient.sent.len(), 1);
    let strict = Run::begin(&catalog(&settings()), post("/v1/chat/completions", &[("x-apex-strict", "true")]), body);
    assert_eq!((strict.sent.len(), strict.ended()), (0, ("refused", Some(400), false)));
    assert!(strict.text().contains("seed=drop") && strict.text().contains(r#""param":"seed""#), "{}", strict.text());
    assert_eq!(strict.header("x-should-retry"), "false");
}

#[test]
fn bad_bodies_are_refused_with_a_sentence() {
    for (body, code) in [
        ("", "invalid_json"),
        ("not json", "invalid_json"),
        ("[1]", "invalid_json"),
        (r#"{"model":"a#openai","model":"b#openai"}"#, "invalid_json"),
        (r#"{"model":"a#openai","stream":true,"stream":false}"#, "invalid_json"),
        (r#"{"messages":[]}"#, "invalid_model"),
        (r#"{"model":7}"#, "invalid_model"),
        (r#"{"model":"gpt"}"#, "invalid_model"),
        (r#"{"model":"gpt#nope"}"#, "invalid_model"),
    ] {
        for (path, envelope) in [
            ("/v1/chat/completions", r#"{"error":{"message":""#),
            ("/v1/messages", r#"{"type":"error","error":{"type":""#),
            ("/v1/responses", r#"{"error":{"message":""#),
        ] {
            let run = Run::begin(&catalog(&settings()), post(path, &[]), body);
            assert!(run.sent.is_empty());
            assert_eq!(run.record().error.as_deref(), Some(code), "{body}");
            assert!(run.text().starts_with(envelope), "{}", run.text());
            assert!(matches!(run.status(), Some(400 | 404)));
            assert_eq!(run.header("x-should-retry"), "false");
        }
    }
}

#[test]
fn endpoints_nobody_serves_are_named() {
    let body = chat_body("claude-x#anthropic", false);
    let run = Run::begin(&catalog(&settings()), post("/v1/embeddings", &[]), &body);
    assert_eq!((run.status(), run.record().error.as_deref()), (Some(400), Some("endpoint_not_served")));
}

#[test]
fn heads_are_judged_before_bodies() {
    let catalog = catalog(&settings());
    let refused = |head| ticket(head, &catalog).map(|_| ()).unwrap_err().0;
    let mut no_token = post("/v1/chat/completions", &[]);
    no_token.headers.remove("authorization");
    assert_eq!(refused(no_token), 401);
    let mut text = post("/v1/chat/completions", &[]);
    text.headers.insert("content-type", "text/plain".parse().unwrap());
    assert_eq!(refused(text), 415);
    assert_eq!(refused(post("/v1/chat/completions", &[("content-encoding", "gzip")])), 415);
    assert_eq!(refused(post("/v1/chat/completions", &[("content-length", "99999999999")])), 413);
    assert_eq!(refused(post("/v1/chat/completions", &[("x-apex-hops", "8")])), 508);
    assert_eq!(refused(post("/v1/chat/completions", &[("x-apex-ai-proxy-mapping", "nonsense")])), 400);
    assert_eq!(refused(post(&format!("/v1/{}", "a".repeat(9000)), &[])), 414);
    assert_eq!(refused(post("/nothing", &[])), 404);
    // A gateway token must not leave for a host named by a header (security rule S5).
    assert_eq!(refused(post("/v1/chat/completions", &[("x-apex-ai-proxy-provider", "evil.example")])), 400);
}

#[test]
fn passthrough_adds_nothing_and_waits_for_nothing() {
    let mut open = settings();
    open.passthrough.mode = Some("public".into());
    let catalog = catalog(&open);
    let mut head = post(
        "/v1/chat/completions",
        &[("x-apex-ai-proxy-provider", "zenmux.ai/api"), ("x-apex-ai-proxy-type", "chat-completions")],
    );
    head.headers.insert("authorization", "Bearer theirs".parse().unwrap());
    let mut run = Run::begin(&catalog, head.clone(), "anything at all");
    assert_eq!(run.sent[0].head.uri, "https://zenmux.ai/api/v1/chat/completions");
    assert_eq!(run.sent[0].head.headers["authorization"], "Bearer theirs");
    assert!(run.sent[0].head.headers.keys().all(|n| !n.as_str().starts_with("x-apex-ai-proxy")));
    run.upstream_head(302, &[("location", "https://elsewhere.example/"), ("content-type", "text/event-stream")]);
    assert_eq!((run.status(), run.header("location")), (Some(302), "https://elsewhere.example/"), "at once, untouched");
    run.chunk("data: half").wait(60 * SECOND).close();
    assert_eq!((run.text(), run.ended()), ("data: half", ("completed", Some(302), false)));
    assert_eq!(run.record().label.as_deref(), Some("chat-completions"));

    // With a mapping only the model changes.
    head.headers.insert("x-apex-ai-proxy-mapping", "claude-opus-4.7#mimo-v2.5-pro".parse().unwrap());
    let body = r#"{ "x":1e2, "model" : "claude-opus-4.7" }"#;
    let run = Run::begin(&catalog, head, body);
    let apex_core::exchange::Body::Bytes(sent) = &run.sent[0].body else { panic!("streamed") };
    assert_eq!(sent, body.replace("claude-opus-4.7", "mimo-v2.5-pro").as_bytes());
}

/// A host that can hands the upstream's body through unread; nobody learns how it ended, so only where nobody has to.
#[test]
fn passthrough_may_be_handed_through_unread() {
    let mut open = settings();
    open.passthrough.max_concurrent = Some(u32::MAX);
    open.passthrough.max_concurrent_per_client = Some(u32::MAX);
    let head = post_through();
    let mut run = Run::begin(&catalog(&open), head.clone(), "{}");
    assert!(!run.exchange.may_hand_through(), "there is no body yet");
    run.upstream_head(200, &[("content-type", "text/event-stream"), ("set-cookie", "a=b")]);
    assert!(run.exchange.may_hand_through());
    assert!(run.head.as_ref().unwrap().headers.contains_key("x-apex-request-id"));
    assert!(!run.head.as_ref().unwrap().headers.contains_key("set-cookie"));
    run.input(Input::HandedThrough);
    assert_eq!((run.text(), run.ended()), ("", ("relayed", Some(200), false)));

    for counted in [true, false] {
        let mut limited = open.clone();
        let limit = if counted {
            &mut limited.passthrough.max_concurrent
        } else {
            &mut limited.passthrough.max_concurrent_per_client
        };
        *limit = Some(9);
        let mut run = Run::begin(&catalog(&limited), head.clone(), "{}");
        run.upstream_head(200, &[]);
        assert!(!run.exchange.may_hand_through(), "it counts until its end");
    }
    let mut reported = open.clone();
    reported.aepipe.base_url = Some("https://pipe.example".into());
    reported.aepipe.token = Some("pipe-token".into());
    let mut run = Run::begin(&catalog(&reported), head, "{}");
    run.upstream_head(200, &[]);
    assert!(!run.exchange.may_hand_through(), "a report wants to know how it ended");
    let mut run = Run::chat("gpt-5.5#openai", false);
    run.json().chunk("{");
    assert!(!run.exchange.may_hand_through(), "the gateway reads along");
}

fn post_through() -> http::request::Parts {
    let mut head = post("/v1/chat/completions", &[("x-apex-ai-proxy-provider", "zenmux.ai/api")]);
    head.headers.insert("authorization", "Bearer theirs".parse().unwrap());
    head
}

#[test]
fn a_packed_error_goes_on_unpacked() {
    use std::io::Write;
    let body = r#"{"error":{"message":"no","type":"invalid_request_error","param":null,"code":null}}"#;
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(body.as_bytes()).unwrap();
    let packed = packer.finish().unwrap();
    let length = packed.len().to_string();
    let mut run = Run::chat("gpt-5.5#openai", false);
    run.upstream_head(
        400,
        &[("content-type", "application/json"), ("content-encoding", "gzip"), ("content-length", &length)],
    );
    run.input(Input::UpstreamChunk(packed.into())).close();
    assert_eq!((run.text(), run.header("content-encoding"), run.header("content-length")), (body, "", ""));
}

/// Claude Code's title request sends a temperature, its main one an effort: neither may fail at a model that refuses it.
#[test]
fn what_a_model_refuses_is_left_out_and_named() {
    let thinking = r#""thinking":{"type":"adaptive"},"output_config":{"effort":"high"}"#;
    for (model, members, sent, named) in [
        ("gpt-5.5#openai", r#""temperature":0.5"#, "max_completion_tokens", "temperature=drop"),
        ("gpt-5.5#openai", r#""temperature":0.5,"thinking":{"type":"disabled"}"#, "temperature", "thinking=approx"),
        ("gpt-4o#openai", thinking, "max_completion_tokens", "output_config.effort=drop"),
        ("gpt-5.5#openai", thinking, "reasoning_effort", ""),
        (
            "o3#openai",
            r#""stop_sequences":["x"],"top_p":0.5"#,
            "max_completion_tokens",
            "top_p=drop,stop_sequences=drop",
        ),
        ("grok-4#grok", r#""stop_sequences":["x"]"#, "max_completion_tokens", "stop_sequences=drop"),
        // OpenAI's reasoning models are no others behind somebody else's address.
        ("gpt-5.5#local", r#""temperature":0.5,"top_p":0.9"#, "max_tokens", "temperature=drop,top_p=drop"),
        ("gpt-5-chat-latest#local", r#""temperature":0.5"#, "temperature", ""),
        ("gpt-oss-20b#local", r#""temperature":0.5"#, "temperature", ""),
    ] {
        let mut settings = settings();
        settings.providers.insert(
            "local".into(),
            apex_core::settings::Provider {
                base_url: Some("https://llm.example/v1".into()),
                dialects: Some(vec!["openai-chat".into()]),
                ..Default::default()
            },
        );
        settings.providers.insert(
            "grok".into(),
            apex_core::settings::Provider {
                api_key: Some("k".into()),
                dialects: Some(vec!["openai-chat".into()]),
                ..Default::default()
            },
        );
        let body = format!(
            r#"{{"model":"{model}","max_tokens":100,{members},"messages":[{{"role":"user","content":"hi"}}]}}"#
        );
        let mut run = Run::begin(&catalog(&settings), post("/v1/messages", &[]), &body);
        let apex_core::exchange::Body::Bytes(bytes) = &run.sent[0].body else { panic!("streamed") };
        let upstream: serde_json::Value = serde_json::from_slice(bytes).unwrap();
        assert!(upstream.get(sent).is_some(), "{model} {members}: {upstream}");
        for dropped in named.split(',').filter_map(|n| n.strip_suffix("=drop")) {
            let ours = match dropped {
                "stop_sequences" => "stop",
                "output_config.effort" => "reasoning_effort",
                other => other,
            };
            assert!(upstream.get(ours).is_none(), "{upstream}");
        }
        run.json().input(Input::ClientGone);
        let adjustments = run.record().adjustments.clone().unwrap_or_default();
        assert_eq!(adjustments, named, "{model} {members}");
    }
}

#[test]
fn debug_shows_heads_without_secrets() {
    let mut verbose = settings();
    verbose.debug = Some(true);
    let mut run = Run::begin(
        &catalog(&verbose),
        post("/v1/chat/completions?key=CANARY", &[("x-api-key", "CANARY")]),
        &chat_body("gpt-5.5#openai", false),
    );
    run.upstream_head(200, &[("set-cookie", "CANARY"), ("x-request-id", "up")]).input(Input::ClientGone);
    let trace = run.record().trace.clone().unwrap();
    for want in [
        "client POST /v1/chat/completions?key=***",
        "upstream POST https://api.openai.com/v1/chat/completions",
        "upstream answered 200 OK",
        "x-request-id: up",
        "authorization: ***",
    ] {
        assert!(trace.contains(want), "{want} not in {trace}");
    }
    assert!(!trace.contains("CANARY") && !trace.contains("sk-openai") && !trace.contains("tok"), "{trace}");
    assert!(Run::chat("gpt-5.5#openai", false).input(Input::ClientGone).record().trace.is_none());
}

/// Codex gives up on a 429 without `retry-after`; Claude Code asks six times about a key that is not its own.
#[test]
fn relayed_errors_say_whether_to_try_again() {
    let body = r#"{"error":{"message":"no","type":"x","param":null,"code":null}}"#;
    let relayed = |status: u16, headers: &[(&str, &str)], own: bool| {
        let place = if own { "cf-aig-authorization" } else { "x-other" };
        let mut head = post("/v1/chat/completions", &[(place, "Bearer tok")]);
        if own {
            head.headers.insert("authorization", "Bearer mine".parse().unwrap());
        }
        let mut run = Run::begin(&catalog(&settings()), head, &chat_body("gpt-5.5#openai", false));
        run.upstream_head(status, headers).chunk(body).close();
        assert_eq!((run.text(), run.status()), (body, Some(status)));
        (run.header("retry-after").to_owned(), run.header("x-should-retry").to_owned())
    };
    let said = |wait: &str, retry: &str| (wait.to_owned(), retry.to_owned());
    assert_eq!(relayed(429, &[], false), said("1", ""));
    assert_eq!(relayed(429, &[("retry-after", "17")], false), said("17", ""));
    assert_eq!(relayed(401, &[], false), said("", "false"));
    assert_eq!(relayed(403, &[("x-should-retry", "true")], false), said("", "true"));
    assert_eq!(relayed(401, &[], true), said("", ""), "the client's own key is the client's to mend");
    assert_eq!(relayed(400, &[], false), said("", ""));
}

#[test]
fn a_record_has_the_upstreams_names_for_its_reply() {
    let named = |run: &Run| (run.record().response_id.clone(), run.record().response_model.clone());
    let expected = (Some("chatcmpl-1".to_owned()), Some("gpt-5.5-2026-04-23".to_owned()));
    let message = r#"{"index":0,"message":{"role":"assistant","content":"a"},"finish_reason":"stop"}"#;
    let names = r#""id":"chatcmpl-1","created":1,"model":"gpt-5.5-2026-04-23""#;
    let whole = format!(r#"{{{names},"object":"chat.completion","choices":[{message}]}}"#);
    let chunk = r#"{"index":0,"delta":{"content":"a"},"finish_reason":"stop"}"#;
    let event = format!("data: {{{names},\"object\":\"chat.completion.chunk\",\"choices\":[{chunk}]}}\n\n{DONE}");
    for client in [Run::chat, Run::messages] {
        let mut json = client("gpt-5.5#openai", false);
        json.json().chunk(&whole).close();
        assert_eq!(named(&json), expected);
        let mut stream = client("gpt-5.5#openai", true);
        stream.sse().chunk(&event).close();
        assert_eq!(named(&stream), expected);
    }
    let mut silent = Run::chat("gpt-5.5#openai", true);
    silent.sse().close();
    assert_eq!(named(&silent), (None, None));
}

#[test]
fn the_record_of_a_refusal_has_the_model_that_was_asked_for() {
    for (path, body, model, stream) in [
        ("/v1/chat/completions", chat_body("gpt-5.5#nowhere", true), Some("gpt-5.5#nowhere"), true),
        ("/v1/messages", r#"{"model":"no-provider","messages":[]}"#.to_owned(), Some("no-provider"), false),
        ("/v1beta/models/gemini-9#nowhere:streamGenerateContent", "{}".to_owned(), None, true),
        ("/v1/chat/completions", r#"{"messages":[]}"#.to_owned(), None, false),
        ("/v1/chat/completions", r#"{"model":7,"stream":"x"}"#.to_owned(), None, false),
        ("/v1/chat/completions", "{".to_owned(), None, false),
    ] {
        let run = Run::begin(&catalog(&settings()), post(&path.replace('#', "%23"), &[]), &body);
        assert_eq!(run.ended().0, "refused", "{path} {body}");
        let model = model.or_else(|| path.contains("gemini").then_some("gemini-9#nowhere"));
        assert_eq!((run.record().client_model.as_deref(), run.record().stream), (model, stream), "{path} {body}");
    }
}
