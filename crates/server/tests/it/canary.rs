//! No credential in any report: a distinct marker is planted in every place where one travels, and none of them is found
//! in what sinks got, in the log, in the debug trace, in answers that are not owed it, or in files.
//!
//! A new sink is added to [`everything`]: whatever it keeps or sends is searched with the rest.

use apex_testkit::{Recorded, Script, Upstream};

use crate::gateway::{Dir, Gateway, PATIENCE};
use crate::scripted::post;
use crate::sinks;

const GATEWAY: &str = "canary-gateway-token-0001";
const CLOUDFLARE: &str = "canary-cloudflare-token-0002";
const STORED: &str = "canary-stored-openai-0003";
const STORED_OTHER: &str = "canary-stored-anthropic-0004";

const TELEMETRY: &str = "canary-telemetry-0005";

/// Headers of clients that carry credentials, or look like it.
const HEADERS: &[&str] = &[
    "api-key",
    "authorization",
    "cf-aig-authorization",
    "cookie",
    "ocp-apim-subscription-key",
    "proxy-authorization",
    "x-amz-security-token",
    "x-api-key",
    "x-auth",
    "x-goog-api-key",
    "x-session-secret",
    "x-vendor-signature",
];

fn marker(name: &str) -> String {
    format!("canary-client-{name}")
}

/// Every header with its own marker, but the one that opens the gateway.
fn planted(with_token: bool) -> String {
    let line = |name: &&str| {
        let scheme = if name.ends_with("authorization") { "Bearer " } else { "" };
        let opens = *name == "cf-aig-authorization" && with_token;
        let value = if opens { GATEWAY.to_owned() } else { marker(name) };
        format!("{name}: {scheme}{value}\r\n")
    };
    HEADERS.iter().map(line).collect()
}

/// Everything that left the gateway for somebody who is not owed a credential, by name.
fn everything(gateway: &Gateway, sink: &[Recorded]) -> Vec<(String, String)> {
    let mut all = vec![("the log".to_owned(), gateway.log())];
    for request in sink {
        // The sink's own token is how it is asked.
        let told = |(name, _): &&(String, Vec<u8>)| !name.eq_ignore_ascii_case("authorization");
        let head: Vec<String> =
            request.headers.iter().filter(told).map(|(n, v)| format!("{n}: {}", String::from_utf8_lossy(v))).collect();
        all.push((format!("aepipe {}", request.target), format!("{}\n{}", head.join("\n"), request.body_text())));
    }
    let mut folders = vec![gateway.dir.path().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.file_name().is_none_or(|name| name != "apex.toml") {
                let bytes = std::fs::read(&path).unwrap();
                all.push((path.display().to_string(), String::from_utf8_lossy(&bytes).into_owned()));
            }
        }
    }
    all
}

#[test]
fn no_credential_is_in_any_report() {
    let (upstream, (sink, aepipe)) = (Upstream::start(), sinks::aepipe());
    sink.on_path("/v1/traces", Script::json(200, ""));
    let traces = format!("[otel]\nendpoint = \"{}\"\nheaders = \"authorization=Bearer {TELEMETRY}\"\n", sink.url());
    let dir = Dir::new();
    let url = upstream.url();
    dir.write(
        "apex.toml",
        &format!(
            "debug = true\ngateway_token = \"{GATEWAY}\"\ndata_dir = \"data\"\n\
             [cloudflare]\naccount_id = \"acc\"\ngateway_id = \"gw\"\ntoken = \"{CLOUDFLARE}\"\nbase_url = \"{url}/cf\"\n\
             [providers.openai]\napi_key = \"{STORED}\"\nbase_url = \"{url}/openai/v1\"\nvia = \"direct\"\n\
             [providers.anthropic]\napi_key = \"{STORED_OTHER}\"\nvia = \"cloudflare\"\n\
             [passthrough]\nallow_hosts = [\"{url}\"]\n[log]\nbodies = true\n{aepipe}{traces}"
        ),
    );
    let gateway = Gateway::start_in(dir, &["--listen", "127.0.0.1:0"]);
    let ask = |request: &str| {
        let mut raw = gateway.connect();
        raw.say(request);
        raw.rest()
    };
    let body = |model: &str, text: &str, stream: bool| {
        format!(
            r#"{{"model":"{model}","max_tokens":9,"stream":{stream},"messages":[{{"role":"user","content":"{text}"}}]}}"#
        )
    };
    let said = |text: &str| {
        Script::json(200, format!(r#"{{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{{"index":0,"message":{{"role":"assistant","content":"{text}"}},"finish_reason":"stop"}}]}}"#))
            .header("set-cookie", "canary-upstream-cookie")
            .header("x-upstream-token", "canary-upstream-token")
    };
    let own = marker("authorization");
    let everything_at_once =
        format!("{GATEWAY} {CLOUDFLARE} {STORED} {STORED_OTHER} {own} {TELEMETRY} {}", sinks::SINK_TOKEN);
    let query = "?key=canary-query-key-1&access_token=canary-query-token&alt=sse";

    // The gateway's key, quoted by the client and by the provider, whole and in an error.
    upstream.next(said(&everything_at_once));
    ask(&post(
        &format!("/v1/chat/completions{query}"),
        &body("gpt-5.5#openai", &everything_at_once, false),
        &planted(true),
    ));
    upstream.next(Script::json(
        401,
        format!(r#"{{"error":{{"message":"bad key {STORED}","type":"x","code":"{STORED}"}}}}"#),
    ));
    let refused = ask(&post(
        "/v1/chat/completions",
        &body("gpt-5.5#openai", "hi", false),
        &format!("authorization: Bearer {GATEWAY}\r\n"),
    ));
    // The client's own key, echoed.
    upstream.next(Script::json(401, format!(r#"{{"error":{{"message":"bad key {own}","type":"x","code":"{own}"}}}}"#)));
    ask(&post("/v1/chat/completions", &body("gpt-5.5#openai", "hi", false), &planted(true)));
    // A stream that says a key in two pieces.
    let (first, second) = STORED.split_at(9);
    let events =
        crate::scripted::events(crate::scripted::Client::Chat, [first, second].iter().map(|s| (*s).to_owned()));
    upstream.next(Script::sse(events));
    ask(&post("/v1/chat/completions", &body("gpt-5.5#openai", "hi", true), &planted(true)));
    // Through Cloudflare, translated, and unreachable.
    upstream.next(Script::json(500, format!("{everything_at_once} is no JSON")));
    ask(&post("/v1/chat/completions", &body("claude-opus-5#anthropic", &everything_at_once, false), &planted(true)));
    // Passthrough, with the client's own credentials everywhere.
    upstream.next(said(&own));
    let through = format!("x-apex-ai-proxy-provider: {}\r\n{}", upstream.addr(), planted(false));
    ask(&post(&format!("/openai/v1/chat/completions{query}"), &body("m", &own, false), &through));
    // Refused: a gateway secret in passthrough, and a wrong token.
    ask(&post("/openai/v1/chat/completions", "{}", &format!("{through}x-mine: {STORED}\r\n")));
    let wrong = ask(&post("/v1/chat/completions", &body("gpt-5.5#openai", "hi", false), &planted(false)));

    sinks::entries_when(&sink, 8, "/raw/log", "logs");
    let requests = sink.wait_until(PATIENCE, |all| sinks::entries(all, "/ingest", "points").len() >= 8);
    sink.wait_until(PATIENCE, |all| all.iter().filter(|r| r.path() == "/v1/traces").any(|r| !r.body.is_empty()));
    let mut metrics = gateway.connect();
    metrics.say(&format!("GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-api-key: {GATEWAY}\r\n\r\n"));
    let metrics = metrics.rest();
    assert!(metrics.contains("gateway_requests_total"), "{metrics}");
    gateway.signal("TERM");
    gateway.wait_for_log("\"sink\":\"aepipe-raw\",\"produced\":8,\"delivered\":8,\"dropped\":0");
    gateway.wait_for_log("\"sink\":\"otlp\",\"produced\":8,\"delivered\":8,\"dropped\":0");
    drop(requests);
    let mut all = everything(&gateway, &sink.requests());
    all.extend([
        ("the metrics".to_owned(), metrics),
        ("an error".to_owned(), refused),
        ("a refusal".to_owned(), wrong),
    ]);
    assert!(all.iter().any(|(_, text)| text.contains("request_body")), "bodies are looked at");
    for (name, text) in &all {
        let found =
            text.match_indices("canary").map(|(at, _)| text.get(at.saturating_sub(60)..(at + 60).min(text.len())));
        assert_eq!(found.collect::<Vec<_>>(), Vec::<Option<&str>>::new(), "in {name}");
    }
}
