//! Gemini clients at the gateway: paths, credentials, relays, arrays, errors.

use apex_core::settings::{Provider, Settings};
use serde_json::json;

use super::json as parse;
use crate::harness::{self, Run, bare_post, catalog, chat_chunk, post, ticket};

fn settings() -> Settings {
    let mut settings = harness::settings();
    let key = Provider { api_key: Some("google-stored-1".into()), ..Provider::default() };
    settings.providers.insert("google-ai-studio".into(), key);
    settings.aliases.insert("fast".into(), "gemini-3-pro#google-ai-studio".into());
    settings
}

const BODY: &str = r#"{ "contents" : [{"parts":[{"text":"hi"}]}], "unknownMember": 1e2 }"#;

fn ask(path: &str) -> Run {
    Run::begin(&catalog(&settings()), bare_post(path, &[("x-goog-api-key", "tok"), ("x-goog-api-client", "sdk")]), BODY)
}

#[test]
fn relays_change_only_the_path() {
    let mut run = ask("/v1/models/gemini-3-pro%23google-ai-studio:generateContent");
    let sent = &run.sent[0].head;
    assert_eq!(
        sent.uri.to_string(),
        "https://generativelanguage.googleapis.com/v1beta/models/gemini-3-pro:generateContent"
    );
    assert_eq!(sent.headers["x-goog-api-key"], "google-stored-1");
    assert_eq!(sent.headers["x-goog-api-client"], "sdk");
    assert!(!sent.headers.contains_key("authorization"));
    assert_eq!(run.sent_body(), BODY.as_bytes());
    let reply = r#"{"candidates": [{"content":{"parts":[{"text":"yo"}]},"finishReason":"STOP"}], "x":1.0,"usageMetadata":{"promptTokenCount":3,"candidatesTokenCount":2}}"#;
    run.json().chunk(reply).close();
    assert_eq!((run.text(), run.ended().0), (reply, "completed"));
    assert_eq!((run.record().usage.input_uncached, run.record().usage.output), (Some(3), Some(2)));
    // An alias, a stream, and the query without the key (which never leaves, and is never logged).
    let run = Run::begin(
        &catalog(&settings()),
        bare_post("/v1beta/models/fast:streamGenerateContent?key=tok&alt=sse", &[]),
        BODY,
    );
    assert_eq!(run.sent[0].head.uri.query(), Some("alt=sse"));
    assert!(run.sent[0].head.uri.path().ends_with("/models/gemini-3-pro:streamGenerateContent"));
    let run = ask("/v1beta/models/fast:countTokens");
    assert!(run.sent[0].head.uri.path().ends_with("/models/gemini-3-pro:countTokens"), "{}", run.sent[0].head.uri);
}

#[test]
fn a_relayed_stream_ends_honestly() {
    let part = "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"hi\"}]}}]}\r\n\r\n";
    let end = "data: {\"candidates\":[{\"finishReason\":\"STOP\"}],\"usageMetadata\":{\"promptTokenCount\":1}}\r\n\r\n";
    let mut run = ask("/v1beta/models/fast:streamGenerateContent?alt=sse");
    run.sse().chunk(part).chunk(end).close();
    assert_eq!((run.text().to_owned(), run.ended()), (format!("{part}{end}"), ("completed", Some(200), false)));
    // A blocked prompt is whole, too.
    let blocked = "data: {\"promptFeedback\":{\"blockReason\":\"SAFETY\"}}\r\n\r\n";
    let mut run = ask("/v1beta/models/fast:streamGenerateContent?alt=sse");
    run.sse().chunk(blocked).close();
    assert_eq!(run.ended(), ("completed", Some(200), false));
    // Cut: an error as the last event, and the connection breaks off (pitfall 49).
    let mut run = ask("/v1beta/models/fast:streamGenerateContent?alt=sse");
    run.sse().chunk(part).close();
    let (said, error) = run.text().split_at(part.len());
    assert_eq!((said, run.ended()), (part, ("truncated", Some(200), true)));
    assert!(error.starts_with("data: {\"error\":{\"code\":502") && error.ends_with("\n\n"), "{error}");
    // A sign of life is an empty line (pitfall 61).
    let mut run = ask("/v1beta/models/fast:streamGenerateContent?alt=sse");
    run.sse().chunk(part).wait(std::time::Duration::from_secs(40));
    assert!(run.text()[part.len()..].bytes().all(|b| b == b'\n') && run.text().len() > part.len(), "{:?}", run.text());
}

#[test]
fn other_upstreams_answer_gemini_clients() {
    let mut run = ask("/v1beta/models/gpt-5.5%23openai:streamGenerateContent?alt=sse");
    assert_eq!(run.sent[0].head.uri.to_string(), "https://api.openai.com/v1/chat/completions");
    assert!(!run.sent[0].head.headers.contains_key("x-goog-api-client"));
    let sent = parse(run.sent_body());
    assert_eq!((&sent["model"], &sent["stream"]), (&json!("gpt-5.5"), &json!(true)));
    run.sse()
        .chunk(chat_chunk(r#"{"content":"yo"}"#, "null"))
        .chunk(chat_chunk("{}", r#""stop""#))
        .chunk("data: [DONE]\n\n")
        .close();
    assert_eq!(run.header("content-type"), "text/event-stream; charset=utf-8");
    assert!(run.text().lines().all(|l| l.is_empty() || l.starts_with("data: {")), "{}", run.text());
    assert!(run.text().contains(r#""finishReason":"STOP""#) && !run.text().contains("DONE"), "{}", run.text());
    // Without `alt=sse`: one array, written as it comes.
    let mut run = ask("/v1beta/models/gpt-5.5%23openai:streamGenerateContent");
    run.sse().chunk(chat_chunk(r#"{"content":"yo"}"#, "null"));
    assert!(run.text().starts_with("[{"), "{}", run.text());
    run.chunk(chat_chunk("{}", r#""stop""#)).chunk("data: [DONE]\n\n").close();
    assert_eq!(run.header("content-type"), "application/json");
    assert_eq!(parse(run.text()).as_array().unwrap().len(), 2);
}

#[test]
fn errors_are_googles() {
    let status = |run: &Run| (run.status().unwrap(), parse(run.text())["error"]["status"].as_str().unwrap().to_owned());
    let refused = |path: &str, key: &str, body: &str| {
        let catalog = catalog(&settings());
        match ticket(bare_post(path, &[("x-goog-api-key", key)]), &catalog) {
            Err((status, body)) => (status, parse(&body)["error"]["status"].as_str().unwrap().to_owned()),
            Ok(_) => status(&Run::begin(&catalog, bare_post(path, &[("x-goog-api-key", key)]), body)),
        }
    };
    let path = "/v1beta/models/fast:generateContent";
    for (path, key, body, want) in [
        (path, "wrong", BODY, (401, "UNAUTHENTICATED")),
        ("/v1beta/models/nope:generateContent", "tok", BODY, (404, "NOT_FOUND")),
        ("/v1beta/models/gpt%23openai:generateContent", "tok", "{}", (400, "INVALID_ARGUMENT")),
        ("/v1beta/other", "tok", BODY, (404, "NOT_FOUND")),
    ] {
        assert_eq!(refused(path, key, body), (want.0, want.1.to_owned()), "{path}");
    }
    // A list of one error is Google's too, but not every SDK reads it: only the envelope is mended.
    let mut run = ask(path);
    run.upstream_head(429, &[("content-type", "application/json")])
        .chunk(r#"[{"error":{"code":429,"message":"slow","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"17s"}]}}]"#)
        .close();
    assert_eq!(status(&run), (429, "RESOURCE_EXHAUSTED".to_owned()));
    assert_eq!(parse(run.text())["error"]["details"][0]["retryDelay"], "17s");
    // In the right one it goes through as it came.
    let error = r#"{"error": {"code":400,"message":"bad","status":"INVALID_ARGUMENT"}}"#;
    let mut run = ask(path);
    run.upstream_head(400, &[("content-type", "application/json")]).chunk(error).close();
    assert_eq!(run.text(), error);
    // A key of ours that Google refuses (with 400) is not the client's fault.
    let mut run = Run::begin(
        &catalog(&settings()),
        post("/v1/chat/completions", &[]),
        r#"{"model":"fast","messages":[{"role":"user","content":"hi"}]}"#,
    );
    run.upstream_head(400, &[("content-type", "application/json")])
        .chunk(r#"{"error":{"code":400,"message":"API key not valid","status":"INVALID_ARGUMENT","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"API_KEY_INVALID"}]}}"#)
        .close();
    assert_eq!(
        (run.status(), parse(run.text())["error"]["code"].as_str().unwrap()),
        (Some(502), "upstream_auth_error")
    );
}

/// Chat clients get Google's own dialect behind them, unless an operator wants its compatible endpoint.
#[test]
fn the_compatible_endpoint_is_asked_for() {
    let body = r#"{"model":"fast","messages":[{"role":"user","content":"hi"}],"stream":true}"#;
    let run = Run::begin(&catalog(&settings()), post("/v1/chat/completions?key=tok", &[]), body);
    assert!(run.sent[0].head.uri.to_string().ends_with("/v1beta/models/gemini-3-pro:streamGenerateContent?alt=sse"));
    let mut pinned = settings();
    for base in [None, Some("https://generativelanguage.googleapis.com/v1beta/openai")] {
        let provider = pinned.providers.get_mut("google-ai-studio").unwrap();
        provider.dialects = Some(vec!["openai-chat".into()]);
        provider.base_url = base.map(str::to_owned);
        let run = Run::begin(&catalog(&pinned), post("/v1/chat/completions", &[]), body);
        let sent = &run.sent[0].head;
        assert_eq!(sent.uri.to_string(), "https://generativelanguage.googleapis.com/v1beta/openai/chat/completions");
        assert_eq!(sent.headers["authorization"], "Bearer google-stored-1");
    }
}

/// Each client gets models, and errors about them, in its own shape.
#[test]
fn models_are_listed_in_the_shape_of_who_asks() {
    type Headers<'a> = &'a [(&'a str, &'a str)];
    const OPENAI: &str = r#"{"id":"fast","object":"model","#;
    const ANTHROPIC: &str = r#"{"type":"model","id":"fast","#;
    const GEMINI: &str = r#"{"name":"models/fast","displayName":"fast","#;
    let catalog = catalog(&settings());
    let get = |path: &str, headers: &[(&str, &str)]| {
        let mut head = post(path, headers);
        head.method = http::Method::GET;
        ticket(head, &catalog).unwrap_err()
    };
    let (key, client, version) = (("x-goog-api-key", "tok"), ("x-goog-api-client", "sdk"), ("anthropic-version", "x"));
    let cases: &[(&str, Headers<'_>, &str)] = &[
        ("/v1", &[], OPENAI),
        ("", &[], OPENAI),
        ("/v1", &[version], ANTHROPIC),
        ("/v1", &[version, key], ANTHROPIC),
        ("/v1", &[key], GEMINI),
        ("/v1", &[client], GEMINI),
        ("/v1beta", &[], GEMINI),
        ("/v1beta", &[version], GEMINI),
    ];
    for (version, headers, shape) in cases {
        let (status, list) = get(&format!("{version}/models?pageSize=1&limit=1"), headers);
        assert!(status == 200 && list.contains(shape), "{version} {headers:?}: {list}");
        assert_eq!(get(&format!("{version}/models/fast"), headers).1.get(..shape.len()), Some(*shape));
        let (status, error) = get(&format!("{version}/models/m%23nowhere"), headers);
        let native = match *shape {
            OPENAI => r#""code":"invalid_model""#,
            ANTHROPIC => r#""type":"not_found_error""#,
            _ => r#""status":"NOT_FOUND""#,
        };
        assert!(status == 404 && error.contains(native), "{version} {headers:?}: {error}");
    }
}
