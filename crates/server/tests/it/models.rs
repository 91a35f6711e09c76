//! Lists of models that are fetched from providers in the background.

use std::time::{Duration, Instant};

use apex_testkit::{Script, Upstream};

use crate::gateway::{Dir, Gateway, PATIENCE, output};

fn config(upstream: &Upstream, more: &str) -> String {
    let url = upstream.url();
    format!(
        "[models]\nfetch = true\n{more}\n\
         [providers.openai]\napi_key = \"sk-o\"\nbase_url = \"{url}/openai/v1\"\n\
         [providers.anthropic]\napi_key = \"sk-a\"\nbase_url = \"{url}/anthropic/v1\"\n\
         [providers.ill]\napi_key = \"sk-i\"\nbase_url = \"{url}/ill/v1\"\n"
    )
}

fn list(gateway: &Gateway, path: &str, headers: &str) -> String {
    let mut raw = gateway.connect();
    raw.say(&format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n{headers}\r\n"));
    raw.response()
}

/// The list, once it holds `name`.
fn list_with(gateway: &Gateway, name: &str) -> String {
    let end = Instant::now() + PATIENCE;
    loop {
        let reply = list(gateway, "/v1/models", "");
        if reply.contains(name) {
            return reply;
        }
        assert!(Instant::now() < end, "no {name} in {reply}; {}", gateway.log());
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn providers_lists_are_merged_with_the_configuration() {
    let upstream = Upstream::start();
    upstream.on_path("/ill/v1/models", Script::json(500, "{}"));
    let gateway = Gateway::start(&config(&upstream, ""));
    let reply = list_with(&gateway, "claude-haiku-4-5#anthropic");
    // What is configured, what the provider has besides, each once.
    assert!(reply.contains("gpt-5.5-mini#openai"), "{reply}");
    assert_eq!(reply.matches("\"gpt-5.5#openai\"").count(), 1, "{reply}");
    gateway.wait_for_log("models cannot be listed");
    let asked = upstream.requests();
    let keys: Vec<_> = asked.iter().filter_map(|r| r.header("authorization").or(r.header("x-api-key"))).collect();
    let mut keys = keys;
    keys.sort_unstable();
    assert_eq!(keys, ["Bearer sk-i", "Bearer sk-o", "sk-a"]);
    // In every shape.
    let anthropic = list(&gateway, "/v1/models", "anthropic-version: 2023-06-01\r\n");
    assert!(anthropic.contains(r#""type":"model","id":"claude-haiku-4-5#anthropic""#), "{anthropic}");
    let gemini = list(&gateway, "/v1beta/models", "");
    assert!(gemini.contains("models/gpt-5.5-mini%23openai"), "{gemini}");
    assert!(list(&gateway, "/v1/models/gpt-5.5-mini%23openai", "").contains("200 OK"));
    let shown = output(&gateway.dir, &["models"], &[]);
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(
        shown.contains("claude-haiku-4-5#anthropic\n") && shown.contains("ill: its models cannot be listed"),
        "{shown}"
    );
}

#[test]
fn a_slow_provider_holds_nobody_up() {
    let upstream = Upstream::start();
    // The first one by name.
    upstream.on_path("/anthropic/v1/models", Script::hang());
    let gateway = Gateway::start(&config(&upstream, ""));
    list_with(&gateway, "gpt-5.5-mini#openai");
    assert!(!gateway.log().contains("no answer in time"), "it was not waited for: {}", gateway.log());
}

#[test]
fn the_last_list_stays() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(&config(&upstream, "interval = \"1 s\""));
    list_with(&gateway, "claude-haiku-4-5#anthropic");
    // From now on nobody answers well: not with an error, not with a page.
    upstream.on_path("/anthropic/v1/models", Script::json(503, "{}"));
    upstream.on_path("/openai/v1/models", Script::json(200, "<html>"));
    gateway.wait_for_log(r#""provider":"openai","reason":"the answer is no list of models""#);
    gateway.wait_for_log(r#""provider":"anthropic","reason":"status 503""#);
    let reply = list_with(&gateway, "claude-haiku-4-5#anthropic");
    assert!(reply.contains("gpt-5.5-mini#openai"), "{reply}");
}

#[test]
fn nobody_is_asked_unless_it_is_configured() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(&config(&upstream, "").replace("fetch = true", "fetch = false"));
    assert!(!list(&gateway, "/v1/models", "").contains("gpt-5.5-mini"));
    assert!(!output(&Dir::new(), &["models"], &[]).stdout.is_empty());
    assert!(upstream.requests().is_empty());
}
