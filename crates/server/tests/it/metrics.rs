//! What `/metrics` tells, and to whom.

use std::collections::BTreeSet;

use crate::gateway::{Dir, Gateway, PATIENCE, Raw, status};

fn get(gateway: &Gateway, path: &str, more: &str) -> (u16, String) {
    let mut raw = gateway.connect();
    raw.say(&format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n{more}\r\n"));
    let text = raw.rest();
    (status(&text), text)
}

fn post(gateway: &Gateway, path: &str, body: &str) -> u16 {
    let mut raw = gateway.connect();
    let length = body.len();
    raw.say(&format!(
        "POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    ));
    status(&raw.rest())
}

/// The metrics once they have counted `records` of them.
fn metrics_when(gateway: &Gateway, records: usize) -> String {
    let counted = format!("gateway_records_delivered_total{{gateway_sink=\"metrics\"}} {records}.0");
    let end = std::time::Instant::now() + PATIENCE;
    loop {
        let (code, text) = get(gateway, "/metrics", "");
        assert_eq!(code, 200, "{text}");
        if text.lines().any(|line| line == counted) {
            return text;
        }
        assert!(std::time::Instant::now() < end, "no `{counted}` in:\n{text}");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

fn chat(model: &str, stream: bool) -> String {
    format!(r#"{{"model":"{model}","stream":{stream},"messages":[{{"role":"user","content":"hi"}}]}}"#)
}

/// Samples, without those that depend on time.
fn steady(text: &str) -> Vec<&str> {
    let timed = ["_seconds", "process_", "gateway_report_queue", "gateway_upstream_connections", "gateway_records_"];
    let mut lines: Vec<&str> = text
        .lines()
        .filter(|l| l.starts_with('g') || l.starts_with("http_server") || l.starts_with("process_"))
        .filter(|l| !timed.iter().any(|t| l.contains(t)) || l.contains("_seconds_count"))
        .filter(|l| !l.contains("_bucket"))
        .collect();
    lines.sort_unstable();
    lines
}

#[test]
fn every_exchange_is_counted() {
    let gateway = Gateway::start("");
    assert_eq!(post(&gateway, "/v1/chat/completions", &chat("echo#mock", false)), 200);
    assert_eq!(post(&gateway, "/v1/chat/completions", &chat("echo#mock", true)), 200);
    assert_eq!(post(&gateway, "/v1/messages", &chat("gpt-9#nobody", false)), 404);
    assert_eq!(post(&gateway, "/nowhere", "{}"), 404);
    let text = metrics_when(&gateway, 4);
    assert!(
        text.contains("\r\ncontent-type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n"),
        "{text}"
    );
    assert!(text.trim_end().ends_with("# EOF"), "{text}");
    let golden = include_str!("metrics.txt");
    let steady = steady(&text).join("\n");
    assert_eq!(steady.trim(), golden.trim(), "now:\n{steady}");
}

#[test]
fn names_that_clients_make_up_share_a_label() {
    let scripted = crate::scripted::Scripted::start("");
    let mut asked = 0;
    for chunk in (0..1000).collect::<Vec<_>>().chunks(100) {
        let mut raw = scripted.connect();
        for n in chunk {
            let body = chat(&format!("made-up-{n}#openai"), false);
            let length = body.len();
            raw.say(&format!("POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"));
            asked += 1;
            raw.response();
        }
    }
    let text = metrics_when(&scripted, asked);
    let models: BTreeSet<&str> =
        text.split("gen_ai_request_model=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert!(models.len() <= 201 && models.contains("other"), "{}", models.len());
    assert!(text.len() < 2_000_000, "{}", text.len());
}

#[test]
fn a_token_is_asked_for_where_clients_need_one() {
    let gateway = Gateway::start("gateway_token = \"tok\"");
    assert_eq!(get(&gateway, "/metrics", "").0, 401);
    assert_eq!(get(&gateway, "/metrics", "authorization: Bearer tok\r\n").0, 200);
    // It wins over a passthrough header, like the other operational routes.
    let more = "authorization: Bearer tok\r\nx-apex-ai-proxy-provider: example.com\r\n";
    assert_eq!(get(&gateway, "/metrics", more).0, 200);
    let off = Gateway::start("[metrics]\nenabled = false");
    assert_eq!(get(&off, "/metrics", "").0, 404);
}

#[test]
fn a_listener_of_their_own() {
    let free = || std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let address = free();
    let gateway = Gateway::start(&format!("gateway_token = \"tok\"\n[metrics]\nlisten = \"{address}\""));
    let ask = |request: &str| {
        let mut raw = Raw::new(std::net::TcpStream::connect(address).unwrap());
        raw.say(request);
        let text = raw.rest();
        (status(&text), text)
    };
    let (code, text) = ask("GET /metrics HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n");
    assert_eq!(code, 200);
    assert!(text.contains("gateway_config_version 1.0"), "{text}");
    assert_eq!(ask("GET / HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n").0, 404);
    assert_eq!(ask("POST /metrics HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 0\r\n\r\n").0, 405);
    assert_eq!(ask("GET /metrics HTTP/1.1\r\nhost: evil.example\r\n\r\n").0, 421);
    assert_eq!(get(&gateway, "/metrics", "authorization: Bearer tok\r\n").0, 404);
    let dir = Dir::new();
    dir.write("apex.toml", "[metrics]\nlisten = \"0.0.0.0:9464\"");
    let out = crate::gateway::output(&dir, &["check"], &[]);
    let text = String::from_utf8(out.stderr).unwrap();
    assert!(text.contains("metrics.listen: is an address that others can reach"), "{text}");
}

/// Every metric the dashboard asks for is one the gateway has.
#[test]
fn the_dashboard_asks_for_what_there_is() {
    let scripted = crate::scripted::Scripted::start("");
    for (path, body) in [
        ("/v1/chat/completions", chat("gpt-5.5#openai", false)),
        ("/v1/chat/completions", chat("gpt-5.5#openai", true)),
        ("/v1/chat/completions", chat("gpt-9#openai", false)),
        (
            "/v1/messages",
            chat("gpt-5.5#openai", false).replace("\"stream\"", "\"top_k\":1,\"max_tokens\":9,\"stream\""),
        ),
    ] {
        assert_eq!(post(&scripted, path, &body), 200);
    }
    assert_eq!(post(&scripted, "/nowhere", "{}"), 404);
    let text = metrics_when(&scripted, 5);
    let mut known = BTreeSet::new();
    for line in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let (name, kind) = line.split_once(' ').unwrap();
        let ends: &[&str] = match kind {
            "counter" => &["_total"],
            "histogram" => &["_bucket", "_sum", "_count"],
            _ => &[""],
        };
        known.extend(ends.iter().map(|end| format!("{name}{end}")));
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/grafana/apex-ai-proxy.json");
    let dashboard: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let labels = [
        "gateway_outcome",
        "gateway_reason",
        "gateway_sink",
        "gateway_state",
        "gen_ai_provider_name",
        "gen_ai_request_model",
        "gen_ai_token_type",
    ];
    let mut asked = 0;
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().into_iter().flatten() {
            let expression = target["expr"].as_str().unwrap();
            let words = expression.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            let ours = |word: &&str| {
                ["gateway_", "gen_ai_", "http_server_", "process_"].iter().any(|p| word.starts_with(p))
                    && !labels.contains(word)
            };
            for word in words.filter(ours) {
                assert!(known.contains(word), "{word} in `{expression}`; known: {known:?}");
                asked += 1;
            }
        }
    }
    assert!(asked > 20);
}
