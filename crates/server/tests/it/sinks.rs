//! Sinks that are well, down, slow, failing or talking nonsense: the answers stay the same, and the ledger balances.

use std::time::{Duration, Instant};

use apex_testkit::{Recorded, Script, Step, Upstream};
use serde_json::Value;

use crate::gateway::PATIENCE;
use crate::scripted::{Client, Scripted};

/// An aepipe that takes everything, and its keys in the configuration.
pub(crate) fn aepipe() -> (Upstream, String) {
    let sink = Upstream::start();
    for store in ["/ingest", "/log"] {
        sink.on_path(store, Script::json(200, r#"{"ok":true,"written":1}"#));
    }
    let config = config(&sink.url());
    (sink, config)
}

fn config(url: &str) -> String {
    format!("[aepipe]\nbase_url = \"{url}\"\ntoken = \"{SINK_TOKEN}\"\n")
}

pub(crate) const SINK_TOKEN: &str = "canary-aepipe-token";

/// All entries under `key` in the bodies that came to a path with this ending.
pub(crate) fn entries(requests: &[Recorded], ending: &str, key: &str) -> Vec<Value> {
    let requests = requests.iter().filter(|request| request.path().ends_with(ending));
    requests.flat_map(|request| request.json()[key].as_array().cloned().unwrap_or_default()).collect()
}

/// The same, as soon as there are so many.
pub(crate) fn entries_when(sink: &Upstream, n: usize, ending: &str, key: &str) -> Vec<Value> {
    let requests = sink.wait_until(PATIENCE, |requests| entries(requests, ending, key).len() >= n);
    entries(&requests, ending, key)
}

/// Ends the gateway.
fn end(gateway: &mut Scripted) {
    gateway.signal("TERM");
    assert!(gateway.wait(PATIENCE).expect("it ends").success());
}

/// `(produced, delivered, dropped)` of a sink, as the gateway said when it ended.
fn balance(gateway: &Scripted, sink: &str) -> (u64, u64, u64) {
    gateway.wait_for_log(&format!("\"sink\":\"{sink}\",\"produced\""));
    let log = gateway.log();
    let line = log.lines().rfind(|line| line.contains("\"reported\"") && line.contains(&format!("\"{sink}\"")));
    let line: Value = serde_json::from_str(line.unwrap()).unwrap();
    let count = |name: &str| line[name].as_u64().unwrap();
    (count("produced"), count("delivered"), count("dropped"))
}

#[test]
fn an_exchange_is_told_as_a_point_and_as_a_line() {
    let (sink, config) = aepipe();
    let gateway = Scripted::start(&config);
    let (status, _) = gateway.ask(&Client::Messages.post(
        "gpt-5.5#openai",
        false,
        "anthropic-version: 2023-06-01\r\nx-apex-ai-proxy-type: anthropic\r\n",
    ));
    assert_eq!(status, 200);
    let point = &entries_when(&sink, 1, "/v1/apex-ai-proxy/requests/ingest", "points")[0];
    let line = &entries_when(&sink, 1, "/v1/apex-ai-proxy/raw/log", "logs")[0];
    assert_eq!((&point["event"], &point["level"]), (&"request".into(), &"info".into()));
    let id = point["blobs"][0].as_str().unwrap();
    assert!(id.starts_with("req_"));
    for (slot, text) in [
        (1, "openai"),
        (2, "gpt-5.5#openai"),
        (3, "gpt-5.5"),
        (4, "gateway"),
        (5, "completed"),
        (6, "POST /v1/messages"),
        (10, "anthropic"),
    ] {
        assert_eq!(point["blobs"][slot], text, "{point}");
    }
    assert_eq!(point["doubles"][0], 200);
    assert_eq!(line["request_id"], id);
    assert_eq!(line["request_headers"]["anthropic-version"], "2023-06-01");
    assert_eq!(line["request_body"], Client::body("gpt-5.5#openai", false));
    let reply: Value = serde_json::from_str(line["response_body"].as_str().unwrap()).unwrap();
    assert_eq!((&reply["type"], &line["response_headers"]["x-apex-request-id"]), (&"message".into(), &id.into()));
    for request in sink.requests() {
        assert_eq!(request.header("authorization").unwrap(), format!("Bearer {SINK_TOKEN}"));
    }
}

#[test]
fn a_stream_is_put_together_and_a_large_body_is_cut() {
    let (sink, config) = aepipe();
    let gateway = Scripted::start_with("", &format!("[limits]\ncapture = \"2 KiB\"\n{config}"), &[]);
    let (_, text) = gateway.ask(&Client::Chat.post("gpt-5.5#openai", true, ""));
    assert!(text.contains("data: "), "{text}");
    let line = &entries_when(&sink, 1, "/raw/log", "logs")[0];
    assert_eq!(line["response_body_reassembled"], true, "{line}");
    let reply: Value = serde_json::from_str(line["response_body"].as_str().unwrap()).unwrap();
    assert!(!reply["choices"][0]["message"]["content"].as_str().unwrap().is_empty(), "{reply}");

    let long =
        format!(r#"{{"model":"gpt-5.5#openai","messages":[{{"role":"user","content":"{}"}}]}}"#, "é".repeat(4000));
    gateway.ask(&crate::scripted::post("/v1/chat/completions", &long, ""));
    let line = &entries_when(&sink, 2, "/raw/log", "logs")[1];
    assert_eq!(line["request_body_truncated"], true, "{line}");
    assert!(long.starts_with(line["request_body"].as_str().unwrap()));
    assert_eq!(line["request_bytes"], long.len());
}

#[test]
fn a_passthrough_and_a_refusal_are_told_too() {
    let (sink, config) = aepipe();
    let gateway = Scripted::start(&config);
    let body = r#"{"model":"m","messages":[]}"#;
    let through = gateway.passthrough();
    gateway.ask(&crate::scripted::post("/openai/v1/chat/completions", body, &through));
    gateway.ask(&crate::scripted::post("/nothing", body, ""));
    let lines = entries_when(&sink, 2, "/raw/log", "logs");
    assert_eq!((&lines[0]["mode"], &lines[0]["request_body"]), (&"passthrough".into(), &body.into()));
    assert_eq!(lines[0]["request_bytes"], body.len());
    assert_eq!(
        (&lines[1]["outcome"], &lines[1]["status"], &lines[1]["level"]),
        (&"refused".into(), &404.into(), &"warn".into())
    );
    assert!(lines[1]["response_body"].as_str().unwrap().contains("error"));
}

#[test]
fn without_a_token_nothing_is_sent_or_kept() {
    let (sink, _) = aepipe();
    let mut gateway =
        Scripted::start(&format!("[aepipe]\nbase_url = \"{}\"\ntoken = \"${{AepipeToken}}\"\n", sink.url()));
    assert_eq!(gateway.ask(&Client::Chat.post("gpt-5.5#openai", false, "")).0, 200);
    end(&mut gateway);
    assert_eq!(balance(&gateway, "log"), (1, 1, 0));
    assert_eq!(sink.connections(), 0);
    assert!(!gateway.log().contains("aepipe"));
}

/// What waits is delivered before the process ends, whatever time the batch had left to gather.
#[test]
fn the_end_delivers_what_waits() {
    let (sink, config) = aepipe();
    let mut gateway = Scripted::start(&config);
    for _ in 0..7 {
        assert_eq!(gateway.ask(&Client::Chat.post("gpt-5.5#openai", false, "")).0, 200);
    }
    end(&mut gateway);
    assert_eq!(balance(&gateway, "aepipe-requests"), (7, 7, 0));
    assert_eq!(entries(&sink.requests(), "/ingest", "points").len(), 7);
    assert_eq!(entries(&sink.requests(), "/log", "logs").len(), 7);
}

/// An answer without what differs from one to the next.
fn bytes(text: &str) -> String {
    let own = |line: &&str| {
        let line = line.to_ascii_lowercase();
        !["x-apex-request-id:", "x-request-id:", "date:", "server-timing:"].iter().any(|name| line.starts_with(name))
    };
    text.lines().filter(own).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_bad_sink_costs_records_and_nothing_else() {
    let reply = r#"{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"hello"},"finish_reason":"stop"}]}"#;
    let ask = |gateway: &Scripted| {
        gateway.upstream.next(Script::json(200, reply));
        let begun = Instant::now();
        let answer = gateway.ask(&Client::Chat.post("gpt-5.5#openai", false, ""));
        (answer.0, bytes(&answer.1), begun.elapsed())
    };
    let (_, want, _) = ask(&Scripted::start(""));
    let gone = Upstream::start().url();
    let cases = [
        ("down", None),
        ("slow", Some(Script::json(200, r#"{"ok":true}"#).after(Duration::from_secs(30)))),
        ("silent", Some(Script::hang())),
        ("failing", Some(Script::json(500, "{}"))),
        ("refusing", Some(Script::json(401, "{}"))),
        ("resetting", Some(Script::new([Step::Reset]))),
        ("talking nonsense", Some(Script::raw("\x16\x03\x01 nonsense\r\n\r\n"))),
    ];
    // Side by side: each uses up the time there is at the end.
    std::thread::scope(|scope| {
        for (how, script) in cases {
            let (want, gone) = (&want, &gone);
            scope.spawn(move || {
                let sink = Upstream::start();
                let url = script.map_or(gone.clone(), |script| {
                    sink.on(|_| true, script);
                    sink.url()
                });
                let traces = format!("[otel]\nendpoint = \"{url}\"\n");
                let mut gateway = Scripted::start(&format!("{}{traces}", config(&url)));
                for _ in 0..20 {
                    let (status, answer, took) = ask(&gateway);
                    assert_eq!((status, &answer), (200, want), "{how}");
                    // Not a measurement: a sink that is waited for would take 30 s, or never answer.
                    assert!(took < PATIENCE, "{how}: {took:?}");
                }
                end(&mut gateway);
                for name in ["aepipe-requests", "aepipe-raw", "otlp"] {
                    assert_eq!(balance(&gateway, name), (20, 0, 20), "{how}");
                }
            });
        }
    });
}

/// A sink that comes back gets what waited for it.
#[test]
fn a_sink_that_is_back_gets_what_waits() {
    let sink = Upstream::start();
    for script in
        [Script::json(500, "{}"), Script::json(503, "{}").header("retry-after", "1"), Script::new([Step::Reset])]
    {
        sink.next(script);
    }
    let mut gateway = Scripted::start(&format!("{}bodies = false\n", config(&sink.url())));
    assert_eq!(gateway.ask(&Client::Chat.post("gpt-5.5#openai", false, "")).0, 200);
    sink.wait_for(3, PATIENCE);
    for store in ["/ingest", "/log"] {
        sink.on_path(store, Script::json(200, r#"{"ok":true}"#));
    }
    let lines = entries_when(&sink, 1, "/log", "logs");
    assert!(lines[0].get("request_body").is_none(), "{}", lines[0]);
    end(&mut gateway);
    assert_eq!(balance(&gateway, "aepipe-raw"), (1, 1, 0));
}
