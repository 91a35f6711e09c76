//! Whole conversations: every request leaves one record and no secret, bad input is answered in the caller's words,
//! and nothing that was taken is kept.

use std::thread;
use std::time::Duration;

use apex_testkit::{Script, Step};
use serde_json::Value;

use crate::gateway::{PATIENCE, status};
use crate::scripted::{ANTHROPIC_KEY, Client, OPENAI_KEY, Scripted, begun, events, post, text};

/// Everything a client could send that must stay between it and the gateway.
const CANARIES: &[&str] = &[
    TOKEN,
    "canary-bearer",
    "canary-x-api-key",
    "canary-aig",
    "canary-cookie",
    "canary-query",
    OPENAI_KEY,
    ANTHROPIC_KEY,
];
const TOKEN: &str = "canary-gateway-token";

fn credentials(token: &str) -> String {
    format!(
        "authorization: Bearer {token}\r\nx-api-key: canary-x-api-key\r\ncf-aig-authorization: Bearer canary-aig\r\n\
         cookie: session=canary-cookie\r\n"
    )
}

#[test]
fn every_request_leaves_one_record_and_no_secret() {
    let both = Scripted::start_with(&format!("gateway_token = \"{TOKEN}\""), "", &[]);
    let good = credentials(TOKEN);
    let chat =
        |model: &str, stream: bool| post("/v1/chat/completions?key=canary-query", &Client::body(model, stream), &good);
    let messages =
        |model: &str, stream: bool| post("/v1/messages?key=canary-query", &Client::body(model, stream), &good);
    let through = format!("{}authorization: Bearer canary-bearer\r\ncookie: a=canary-cookie\r\n", both.passthrough());
    // What is asked, the status the client sees, and the outcome in the record.
    let cases: Vec<(&str, String, u16, &str)> = vec![
        ("relay", chat("gpt#openai", false), 200, "completed"),
        ("relay, streamed", messages("claude#anthropic", true), 200, "completed"),
        ("translated", messages("gpt#openai", false), 200, "completed"),
        ("translated, streamed", chat("claude#anthropic", true), 200, "completed"),
        ("relay, 429", chat("gpt-429#openai", false), 429, "upstream_error"),
        ("relay, 500 streamed", messages("claude-500#anthropic", true), 500, "upstream_error"),
        ("translated, 400", messages("gpt-400#openai", false), 400, "upstream_error"),
        ("the upstream repeats our key", chat("gpt-echo-auth#openai", false), 401, "upstream_error"),
        ("and in another dialect", messages("gpt-echo-auth#openai", false), 502, "upstream_error"),
        ("and the other way", chat("claude-echo-auth#anthropic", false), 502, "upstream_error"),
        ("an error in band", chat("claude-err-mid#anthropic", true), 200, "upstream_error"),
        ("cut", messages("gpt-stream-9-1-cut-900#openai", true), 200, "truncated"),
        ("cut before the first word", messages("gpt-cut-300#openai", true), 502, "truncated"),
        ("cut while relayed", chat("gpt-stream-9-1-cut-900#openai", true), 200, "truncated"),
        ("cut document", messages("gpt-cut-30#openai", false), 502, "truncated"),
        ("garbage", messages("gpt-garbage#openai", false), 502, "bad_answer"),
        ("no HTTP", chat("gpt-badhttp#openai", false), 502, "bad_answer"),
        ("wrong token", post("/v1/messages?key=canary-query", "{}", &credentials("canary-bearer")), 401, "refused"),
        ("no token", post("/v1/chat/completions", "{}", ""), 401, "refused"),
        ("malformed", post("/v1/chat/completions", "{canary-query", &good), 400, "refused"),
        ("no such provider", chat("gpt#nowhere", false), 400, "refused"),
        ("no such path", post("/v1/nothing?key=canary-query", "{}", &good), 404, "refused"),
        (
            "passthrough",
            post("/v1/chat/completions?key=canary-query", &Client::body("m", false), &through),
            200,
            "completed",
        ),
        (
            "passthrough with our token",
            post("/v1/messages", &Client::body("m", false), &format!("{}{good}", both.passthrough())),
            400,
            "refused",
        ),
    ];
    let (mut replies, mut wrong) = (Vec::new(), Vec::new());
    for (number, (what, request, wanted, outcome)) in cases.iter().enumerate() {
        let (status, reply) = both.ask(request);
        let records = both.records_when(number + 1, |_| true);
        let record = records.last().unwrap();
        if status != *wanted || record["outcome"] != *outcome || record["status"] != *wanted {
            wrong.push(format!("{what}: {status}, and {record}"));
        }
        let id = record["request_id"].as_str().unwrap();
        assert!(reply.contains(&format!("x-apex-request-id: {id}\r\n")), "{what}: {record}: {reply}");
        replies.push((what, reply));
    }
    assert_eq!(wrong, Vec::<String>::new());
    both.wait_for_records(cases.len());
    let log = both.log();
    for canary in CANARIES {
        assert!(!log.contains(canary), "{canary} in {log}");
        for (what, reply) in &replies {
            // A passthrough's echo is its upstream's own doing; ours says nothing of the request.
            assert!(!reply.contains(canary), "{canary} in {what}: {reply}");
        }
    }
    assert!(log.lines().filter(|line| line.starts_with('{')).all(|line| serde_json::from_str::<Value>(line).is_ok()));
}

/// A request, and what its refusal must be.
struct Bad {
    what: &'static str,
    status: u16,
    /// Our code, in the record and where the dialect has a place for it.
    code: &'static str,
    request: String,
}

fn bad(what: &'static str, status: u16, code: &'static str, request: String) -> Bad {
    Bad { what, status, code, request }
}

#[test]
fn bad_input_is_answered_in_the_callers_words() {
    let both = Scripted::start_with(
        &format!("gateway_token = \"{TOKEN}\""),
        "[limits]\nbody = \"10 KiB\"\n[timeouts]\nclient_head = 0.4",
        &[],
    );
    let token = format!("authorization: Bearer {TOKEN}\r\n");
    for client in [Client::Chat, Client::Messages] {
        for case in bodies(client, &token).into_iter().chain(headers(client, &token, &both.passthrough())) {
            refused(&both, client, &case);
        }
        for (what, wanted, request) in heads(client, &token) {
            let (status, reply) = both.ask(&request);
            assert_eq!(status, wanted, "{what}: {reply}");
            assert_eq!(reply.matches("HTTP/1.").count(), 1, "{what}: {reply}");
        }
    }
    assert_eq!(both.upstream.connections(), 0, "the upstream hears of none of this");
    let (status, reply) = both.ask(&Client::Chat.post("m#openai", false, &token));
    assert_eq!(status, 200, "{reply}");
}

fn bodies(client: Client, token: &str) -> Vec<Bad> {
    let path = client.path();
    let body = |text: &str| post(path, text, token);
    let head = |rest: &str| {
        format!("POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n{token}content-type: application/json\r\n{rest}")
    };
    let chunks = |text: &str| head(&format!("transfer-encoding: chunked\r\n\r\n{text}"));
    let large = " ".repeat(11 << 10);
    let unknown = if client == Client::Chat { 400 } else { 404 };
    vec![
        bad("malformed JSON", 400, "invalid_json", body("{\"model\":")),
        bad("a member twice", 400, "invalid_json", body(r#"{"model":"m#openai","model":"n#openai"}"#)),
        bad("no object", 400, "invalid_json", body("[]")),
        bad("empty", 400, "invalid_json", body("")),
        bad("no model", 400, "invalid_", body(r#"{"messages":[]}"#)),
        bad("no such provider", unknown, "invalid_model", body(&Client::body("m#nowhere", false))),
        bad("too large, announced", 413, "body_too_large", body(&large)),
        bad("too large, never sent", 413, "body_too_large", head("content-length: 99999999\r\n\r\n")),
        bad("too large, in chunks", 413, "body_too_large", chunks(&format!("2c00\r\n{large}\r\n0\r\n\r\n"))),
        bad("slow", 408, "request_timeout", head("content-length: 100\r\n\r\n{")),
        bad("slow, in chunks", 408, "request_timeout", chunks("1\r\n{\r\n")),
        bad("a broken chunk", 400, "invalid_request", chunks("zz\r\n")),
    ]
}

fn headers(client: Client, token: &str, provider: &str) -> Vec<Bad> {
    let (path, ok) = (client.path(), Client::body("m#openai", false));
    let with = |header: &str| post(path, &ok, &format!("{token}{header}"));
    let to = |host: &str| post(path, &ok, &format!("x-apex-ai-proxy-provider: {host}\r\n"));
    let get = |header: &str| format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n{token}{header}\r\n");
    let elsewhere = format!("{token}anthropic-version: 2023-06-01\r\n");
    vec![
        bad("no token", 401, "invalid_api_key", post(path, &ok, "")),
        bad("another token", 401, "invalid_api_key", post(path, &ok, "x-api-key: canary-x-api-key\r\n")),
        bad("another type", 415, "unsupported_media_type", with("").replace("application/json", "text/plain")),
        bad("compressed", 415, "unsupported_media_type", with("content-encoding: gzip\r\n")),
        bad("a mapping that is none", 400, "invalid_mapping", with("x-apex-ai-proxy-mapping: nothing\r\n")),
        bad("no host", 400, "invalid_provider_host", to("a b")),
        bad("a host with a password", 400, "invalid_provider_host", to("u:p@example.com")),
        bad("a host outside", 403, "host_not_allowed", to("127.0.0.1:1")),
        bad("our token to a stranger", 400, "gateway_credential_in_passthrough", with(provider)),
        bad("GET", 405, "method_not_allowed", get("connection: close\r\n")),
        bad("an upgrade", 426, "upgrade_required", get("upgrade: websocket\r\nconnection: upgrade\r\n")),
        bad("unknown path", 404, "not_found", post(&format!("/x{path}"), &ok, &elsewhere)),
        bad("a circle", 508, "loop_detected", with("x-apex-hops: 8\r\n")),
    ]
}

/// One refusal on a connection of its own.
fn refused(both: &Scripted, client: Client, case: &Bad) {
    let mut raw = both.connect();
    raw.say(&case.request);
    let reply = raw.response();
    let what = format!("{client:?}, {}", case.what);
    assert_eq!(status(&reply), case.status, "{what}: {reply}");
    let (head, body) = reply.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("content-type: application/json"), "{what}: {head}");
    assert!(head.contains("x-apex-request-id: req_"), "{what}: {head}");
    let hopeless = case.status < 500 && case.status != 408;
    assert_eq!(head.contains("x-should-retry: false"), hopeless, "{what}: {head}");
    assert!(!head.contains("x-should-retry: true"), "{what}: {head}");
    let error: Value = serde_json::from_str(body).unwrap_or_else(|e| panic!("{what}: {e}: {body}"));
    match client {
        Client::Chat if case.what != "unknown path" => {
            assert!(error["error"]["code"].as_str().unwrap().starts_with(case.code), "{what}: {body}");
            assert!(error["error"]["message"].is_string() && error["error"]["type"].is_string(), "{what}: {body}");
        }
        Client::Chat | Client::Messages => {
            assert_eq!(error["type"], "error", "{what}: {body}");
            assert!(error["request_id"].is_string(), "{what}: {body}");
            assert!(error["error"]["message"].is_string() && error["error"]["type"].is_string(), "{what}: {body}");
        }
    }
    let is_its = |record: &Value| head.contains(record["request_id"].as_str().unwrap());
    let record = both.records_when(1, is_its).pop().unwrap();
    assert_eq!(record["outcome"], "refused", "{what}: {record}");
    assert!(record["error"].as_str().unwrap().starts_with(case.code), "{what}: {record}");
}

/// What HTTP itself forbids, sent with everything else right.
fn heads(client: Client, token: &str) -> Vec<(&'static str, u16, String)> {
    let (path, ok) = (client.path(), &Client::body("m#openai", false));
    let good = post(path, ok, token);
    let length = format!("content-length: {}\r\n", ok.len());
    let chunked = |coding: &str| good.replace(&length, &format!("transfer-encoding: {coding}\r\n"));
    vec![
        ("no host", 400, good.replace("host: 127.0.0.1\r\n", "")),
        ("two hosts", 400, good.replace("host: 127.0.0.1\r\n", "host: 127.0.0.1\r\nhost: 127.0.0.1\r\n")),
        ("CONNECT", 400, format!("CONNECT 127.0.0.1:80 HTTP/1.1\r\nhost: 127.0.0.1:80\r\n{token}\r\n")),
        ("gzip, chunked", 400, chunked("gzip, chunked")),
        ("chunked, chunked", 400, chunked("chunked, chunked")),
        ("chunked in HTTP/1.0", 400, chunked("chunked").replace("HTTP/1.1", "HTTP/1.0")),
    ]
}

#[test]
fn memory_that_was_lent_comes_back() {
    let both = Scripted::start_with("", "[limits]\nbuffered_total = \"100 KiB\"", &[]);
    let large = |kib: usize| {
        let pad = " ".repeat(kib << 10);
        post("/v1/messages", &format!("{}{pad}", Client::body("m#openai", false)), "")
    };
    // In the end a counter that is not given back would refuse everything.
    for round in 0..5 {
        let held = large(60);
        let mut first = both.connect();
        first.say(&held[..30 << 10]);
        thread::sleep(Duration::from_millis(50));
        let (code, reply) = both.ask(&large(60));
        assert_eq!(code, 503, "{round}: {reply}");
        assert!(reply.contains("retry-after: 2\r\n") && reply.contains("overloaded"), "{reply}");
        assert!(!reply.contains("x-should-retry: false"), "waiting helps: {reply}");
        let (code, reply) = both.ask(&large(30));
        assert_eq!(code, 200, "what fits is served, {round}: {reply}");
        match round % 3 {
            0 => {
                first.say(&held[30 << 10..]);
                let reply = first.rest();
                assert_eq!(status(&reply), 200, "{reply}");
            }
            1 => {
                drop(first);
                both.wait_for_log("client_gone");
            }
            // In chunks nothing is announced: it is counted as it comes.
            _ => {
                drop(first);
                let head = "POST /v1/messages HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
                let chunk = format!("2800\r\n{}\r\n", " ".repeat(10 << 10));
                let mut raw = both.connect();
                raw.say(&format!("{head}{}", chunk.repeat(11)));
                let reply = raw.until("\r\n\r\n");
                assert_eq!(status(&reply), 503, "{reply}");
            }
        }
        thread::sleep(Duration::from_millis(50));
        let (code, reply) = both.ask(&large(90));
        assert_eq!(code, 200, "all is given back, {round}: {reply}");
    }
    // A reply that takes long keeps nothing of its request.
    both.upstream.next(begun(Client::Chat));
    let mut stream = both.connect();
    let pad = " ".repeat(90 << 10);
    stream.say(&post("/v1/chat/completions", &format!("{}{pad}", Client::body("m#openai", true)), ""));
    stream.until("hello");
    assert_eq!(both.ask(&large(90)).0, 200);
}

/// Head and first delta, a pause that is longer than what happens meanwhile, and the rest.
fn long(words: &[&str], pause: Duration) -> Script {
    let all = events(Client::Messages, words.iter().map(|word| (*word).to_owned()));
    let mut script = Script::sse(all);
    script.steps.insert(4, Step::Sleep(pause));
    script
}

#[test]
fn a_stream_that_runs_is_finished_before_the_end() {
    let mut both = Scripted::start("");
    both.upstream.next(long(&["one ", "two ", "three"], Duration::from_millis(600)));
    let mut raw = both.connect();
    raw.say(&Client::Chat.post("m#anthropic", true, ""));
    let begun = raw.until("one ");
    both.signal("TERM");
    both.wait_for_log("finishing what has begun");
    let rest = raw.rest();
    assert!(rest.contains("three") && rest.contains("[DONE]") && rest.ends_with("0\r\n\r\n"), "{begun}{rest}");
    assert_eq!(both.wait_for_records(1)[0]["outcome"], "completed");
    assert_eq!(both.wait(PATIENCE).unwrap().code(), Some(0));
}

#[test]
fn a_stream_goes_on_while_its_alias_changes() {
    let both = Scripted::start("[aliases]\nfast = \"old#anthropic\"");
    both.upstream.next(long(&["one ", "two ", "three"], Duration::from_millis(1500)));
    let mut raw = both.connect();
    raw.say(&Client::Chat.post("fast", true, ""));
    let mut reply = raw.until("one ");
    both.rewrite("[aliases]\nfast = \"new#openai\"");
    both.wait_for_log("configuration reloaded");
    let (code, other) = both.ask(&Client::Chat.post("fast", false, ""));
    assert_eq!(code, 200, "{other}");
    assert!(!reply.contains("three"), "the change comes first");
    reply.push_str(&raw.rest());
    assert!(reply.ends_with("0\r\n\r\n"), "{reply}");
    assert_eq!(text(&reply), "one two three");
    let models: Vec<(String, Value)> =
        both.upstream.requests().iter().map(|r| (r.path().to_owned(), r.json()["model"].clone())).collect();
    assert_eq!(
        models,
        [("/anthropic/v1/messages".to_owned(), "old".into()), ("/openai/v1/chat/completions".to_owned(), "new".into())]
    );
    both.wait_for_records(2);
}
