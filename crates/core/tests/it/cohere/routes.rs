//! Cohere clients at the gateway: paths, credentials, relays, errors, models, and the endpoints beside chat.

use apex_core::settings::Provider;
use http::Method;
use serde_json::{Value, json};

use super::{json as parse, settings};
use crate::harness::{Run, bare_post, catalog, chat_chunk, post, ticket};

const BODY: &str =
    r#"{ "model" : "command-a-03-2025#cohere", "messages":[{"role":"user","content":"hi"}], "unknown": 1e2 }"#;

fn ask(path: &str, body: &str) -> Run {
    Run::begin(&catalog(&settings()), post(path, &[("x-client-name", "app"), ("x-fern-sdk-name", "cohere")]), body)
}

#[test]
fn relays_change_only_the_model() {
    for path in ["/v2/chat", "/v1/v2/chat"] {
        let mut run = ask(path, BODY);
        let sent = &run.sent[0].head;
        assert_eq!(sent.uri, "https://api.cohere.com/v2/chat");
        assert_eq!(sent.headers["authorization"], "Bearer co-key");
        assert_eq!(sent.headers["x-client-name"], "app");
        assert_eq!(run.sent_body(), BODY.replace("#cohere", "").as_bytes());
        let reply = r#"{"id": "1","message":{"role":"assistant","content":[{"type":"text","text":"yo"}]},"finish_reason":"COMPLETE","usage":{"tokens":{"input_tokens":3.0,"output_tokens":2,"reasoning_tokens":1},"cached_tokens":1}}"#;
        run.json().chunk(reply).close();
        assert_eq!((run.text(), run.ended().0), (reply, "completed"));
        let usage = run.record().usage;
        assert_eq!(
            (usage.input_uncached, usage.cache_read, usage.output, usage.reasoning),
            (Some(2), Some(1), Some(2), Some(1))
        );
    }
}

#[test]
fn a_relayed_stream_ends_honestly() {
    let body = BODY.replace("{ ", r#"{ "stream":true, "#);
    let start = "event: message-start\ndata: {\"type\":\"message-start\",\"id\":\"1\"}\n\n";
    let part = "event: content-delta\ndata: {\"type\":\"content-delta\",\"index\":0,\"delta\":{\"message\":{\"content\":{\"text\":\"hi\"}}}}\n\n";
    let end = "event: message-end\ndata: {\"type\":\"message-end\",\"delta\":{\"finish_reason\":\"COMPLETE\",\"usage\":{\"tokens\":{\"input_tokens\":1,\"output_tokens\":1}}}}\n\n";
    let mut run = ask("/v2/chat", &body);
    run.sse().chunk(start).chunk(part).chunk(end).close();
    assert_eq!((run.text().to_owned(), run.ended()), (format!("{start}{part}{end}"), ("completed", Some(200), false)));
    // Cut: SDKs take a stream that just ends for a whole one (pitfall 49).
    let mut run = ask("/v2/chat", &body);
    run.sse().chunk(start).chunk(part).close();
    assert_eq!(run.ended(), ("truncated", Some(200), true));
    let error = &run.text()[start.len() + part.len()..];
    assert!(error.starts_with("event: message-end\ndata: {\"type\":\"message-end\",\"delta\":{\"finish_reason\":\"ERROR\",\"error\":\"the upstream"), "{error}");
    // An error before any content has a status.
    let mut run = ask("/v2/chat", &body);
    run.sse().chunk(start).chunk("data: {\"message\":\"too hot\"}\n\n").close();
    assert_eq!(run.status(), Some(502), "{}", run.text());
    assert!(parse(run.text())["message"].as_str().unwrap().contains("too hot"));
}

#[test]
fn other_upstreams_answer_cohere_clients() {
    let body = BODY.replace("command-a-03-2025#cohere", "gpt-5.5#openai").replace("{ ", r#"{ "stream":true, "#);
    let mut run = ask("/v2/chat", &body);
    assert_eq!(run.sent[0].head.uri, "https://api.openai.com/v1/chat/completions");
    assert_eq!(run.header("x-apex-adjustments"), "");
    run.sse()
        .chunk(chat_chunk(r#"{"content":"yo"}"#, "null"))
        .chunk(chat_chunk("{}", r#""stop""#))
        .chunk("data: [DONE]\n\n")
        .close();
    assert_eq!(run.header("content-type"), "text/event-stream; charset=utf-8");
    assert_eq!(run.header("x-apex-adjustments"), "unknown=drop");
    let names: Vec<_> = run.text().lines().filter_map(|line| line.strip_prefix("event: ")).collect();
    assert_eq!(names, ["message-start", "content-start", "content-delta", "content-end", "message-end"]);
}

#[test]
fn errors_are_coheres() {
    let refused = |path: &str, token: &str, body: &str| {
        let catalog = catalog(&settings());
        let token = format!("Bearer {token}");
        let head = || bare_post(path, &[("authorization", &token)]);
        if let Err((status, body)) = ticket(head(), &catalog) {
            return (status, parse(&body));
        }
        let run = Run::begin(&catalog, head(), body);
        (run.status().unwrap(), parse(run.text()))
    };
    for (path, token, body, want) in [
        ("/v2/chat", "wrong", BODY, 401),
        ("/v2/chat", "tok", r#"{"model":"m#nowhere","messages":[]}"#, 404),
        ("/v2/chat", "tok", r#"{"messages":[]}"#, 400),
        ("/v2/chat", "tok", "{", 400),
        ("/v2/embed", "tok", r#"{"model":"gpt-5.5#openai"}"#, 400),
        ("/v2/nothing", "tok", "{}", 404),
        // Of its first version, what nobody else has.
        ("/v1/chat", "wrong", "{}", 401),
        ("/v1/chat", "tok", r#"{"model":"m#nowhere","message":"hi"}"#, 404),
        ("/v1/embed", "tok", "{", 400),
        ("/v1/tokenize", "tok", "{}", 404),
        ("/v1/embed-jobs/1/cancel", "wrong", "{}", 401),
    ] {
        let (status, said) = refused(path, token, body);
        assert_eq!(status, want, "{path} {said}");
        assert!(said["message"].is_string() && said["id"].is_string() && said["error"].is_null(), "{path} {said}");
    }
    // What others have, too, is in Cohere's words for its SDKs, and an upstream's error is told as it comes.
    let of_sdk = |headers: &[(&str, &str)]| {
        let (_, said) = ticket(bare_post("/v1/datasets", headers), &catalog(&settings())).unwrap_err();
        parse(&said)["message"].is_string()
    };
    assert!(of_sdk(&[("x-fern-sdk-name", "cohere")]) && !of_sdk(&[]));
    let mut run = ask("/v1/tokenize", r#"{"model":"command-a#cohere","text":"a"}"#);
    run.upstream_head(400, &[("content-type", "application/json")]).chunk(r#"{"message":"no"}"#).close();
    assert_eq!(run.text(), r#"{"message":"no"}"#);
    // What SDKs can show goes through; what they cannot is put into their words.
    for (body, want) in [
        (r#"{"id":"x", "message":"too many tokens"}"#, "too many tokens"),
        ("<html>bad gateway</html>", "without a readable error"),
        (r#"{"error":{"message":"slow down"}}"#, "slow down"),
    ] {
        let mut run = ask("/v2/chat", BODY);
        run.upstream_head(429, &[("content-type", "application/json")]).chunk(body).close();
        assert_eq!((run.status(), run.header("retry-after")), (Some(429), "1"), "{body}");
        assert!(parse(run.text())["message"].as_str().unwrap().contains(want), "{}", run.text());
    }
}

/// Each endpoint has its place at Cohere, with the version it is part of.
#[test]
fn the_endpoints_beside_chat() {
    let model = r#"{"model":"embed-v4.0#cohere","texts":["a"]}"#;
    for (path, body, want) in [
        ("/v2/embed", model, "/v2/embed"),
        ("/v2/rerank", model, "/v2/rerank"),
        ("/v1/rerank", model, "/v2/rerank"),
        ("/v1/embeddings", model, "/compatibility/v1/embeddings"),
        ("/v2/batches", model, "/v2/batches"),
        ("/v1/tokenize", model, "/v1/tokenize"),
        ("/v1/embed", model, "/v1/embed"),
        ("/v1/chat", model, "/v1/chat"),
    ] {
        let run = ask(path, body);
        assert_eq!(run.sent[0].head.uri.path(), want, "{path}");
        assert_eq!(parse(run.sent_body())["model"], "embed-v4.0", "{path}");
    }
    let run = ask("/v2/parse", r#"{"model":"gpt-5.5#openai"}"#);
    assert!(run.status() == Some(400) && run.text().contains("/v2/parse"), "{}", run.text());
    // Servers of open models have some of it.
    assert!(ask("/v1/tokenize", r#"{"model":"gpt-5.5#openai"}"#).status().is_none());
    // Their counts stand elsewhere.
    let mut run = ask("/v2/embed", model);
    run.json().chunk(r#"{"id":"1","embeddings":{"float":[[1.0]]},"meta":{"billed_units":{"input_tokens":9}}}"#).close();
    assert_eq!(run.record().usage.input_uncached, Some(9));
    // A provider of one's own, its base written with the version or without.
    let mut own = settings();
    for (base, want) in [("http://127.0.0.1:9000", "/v2/chat"), ("http://127.0.0.1:9000/co/v2", "/co/v2/chat")] {
        let provider =
            Provider { base_url: Some(base.into()), dialects: Some(vec!["cohere".into()]), ..Provider::default() };
        own.providers.insert("mine".into(), provider);
        let body = BODY.replace("#cohere", "#mine");
        assert_eq!(Run::begin(&catalog(&own), post("/v2/chat", &[]), &body).sent[0].head.uri.path(), want);
        let run = Run::begin(&catalog(&own), post("/v2/parse", &[]), &body);
        assert_eq!(run.sent[0].head.uri.path(), want.replace("chat", "parse"));
        let run = Run::begin(&catalog(&own), post("/v1/chat", &[]), &body);
        assert_eq!(run.sent[0].head.uri.path(), if base.ends_with("v2") { want } else { "/v1/chat" });
    }
}

#[test]
fn models_are_listed_in_coheres_shape() {
    let catalog = catalog(&settings());
    let get = |path: &str, headers: &[(&str, &str)]| {
        let mut head = post(path, headers);
        head.method = Method::GET;
        let (status, body) = ticket(head, &catalog).unwrap_err();
        (status, parse(&body))
    };
    let sdk = [("x-fern-sdk-name", "cohere-ai")];
    let (status, listed) = get("/v1/models", &sdk);
    assert!(status == 200 && listed["models"].is_array(), "{listed}");
    let (_, one) = get("/v1/models/command-a%23cohere", &sdk);
    assert_eq!(one, json!({"name": "command-a#cohere", "endpoints": ["chat"]}));
    let (status, none) = get("/v1/models/nope%23nowhere", &sdk);
    assert!(status == 404 && none["message"].is_string(), "{none}");
    assert_eq!(get("/v1/models", &[("x-fern-sdk-name", "other")]).1["object"], Value::from("list"));
}

/// Through Cloudflare: its own API by default, its Chat form where the operator wants the compat surface.
#[test]
fn through_cloudflare() {
    let mut settings = settings();
    settings.providers.remove("cohere");
    settings.cloudflare.account_id = Some("acct".into());
    settings.cloudflare.gateway_id = Some("gw".into());
    for (surface, want) in
        [(None, "/v1/acct/gw/cohere/v2/chat"), (Some("compat"), "/v1/acct/gw/compat/chat/completions")]
    {
        settings.cloudflare.surface = surface.map(str::to_owned);
        let run = Run::begin(&catalog(&settings), post("/v2/chat", &[]), BODY);
        assert_eq!(run.sent[0].head.uri.path(), want);
    }
}
