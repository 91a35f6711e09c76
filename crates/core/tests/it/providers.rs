//! Every provider, both ways: what exactly goes out. The golden files are read beside the provider table of the design;
//! each begins with its URLs.

mod documented;

use std::fmt::Write;

use apex_core::provider::table::ROWS;
use apex_core::settings::{Cloudflare, Provider, Settings};

use http::request;

use crate::harness::{Run, bare_post, catalog, golden, lines};

/// A request of each kind; `MODEL` is replaced.
const CHAT: &str = r#"{"model":"MODEL","messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Weather in Oslo?"}],"tools":[{"type":"function","function":{"name":"weather","parameters":{"type":"object","properties":{"city":{"type":"string"},"at":{"type":"integer","maximum":123456789012345678901234567890}}}}}],"max_completion_tokens":256,"temperature":0.5,"seed":7,"user":"u-1","store":false,"stream":true,"stream_options":{"include_usage":true}}"#;
const MESSAGES: &str = r#"{"model":"MODEL","max_tokens":256,"system":"Be brief.","messages":[{"role":"user","content":[{"type":"text","text":"Weather in Oslo?"}]}],"tools":[{"name":"weather","input_schema":{"type":"object","properties":{"city":{"type":"string"},"at":{"type":"integer","maximum":123456789012345678901234567890}}}}],"temperature":0.5,"metadata":{"user_id":"u-1"},"stream":true}"#;
const RESPONSES: &str = r#"{"model":"MODEL","input":"Weather in Oslo?","store":false}"#;
const EMBEDDINGS: &str = r#"{"model":"MODEL","input":["Oslo"]}"#;
const COUNT_TOKENS: &str = r#"{"model":"MODEL","messages":[{"role":"user","content":"Weather in Oslo?"}]}"#;

/// Endpoint, path as the client spells it, body.
const CALLS: &[(&str, &str, &str)] = &[
    ("chat", "/v1/chat/completions", CHAT),
    ("messages", "/v1/messages?beta=true", MESSAGES),
    ("responses", "/v1/responses", RESPONSES),
    ("embeddings", "/v1/embeddings", EMBEDDINGS),
    ("count_tokens", "/v1/messages/count_tokens", COUNT_TOKENS),
];

/// What clients and the proxies before them add. The first group goes on, the second must not.
const HEADERS: &[(&str, &str)] = &[
    ("accept", "application/json"),
    ("anthropic-beta", "context-1m-2025-08-07,interleaved-thinking-2025-05-14"),
    ("anthropic-version", "2023-06-01"),
    ("idempotency-key", "idem-1"),
    ("openai-beta", "assistants=v2"),
    ("openai-organization", "org-1"),
    ("openai-project", "proj-1"),
    ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
    ("user-agent", "sdk/1.0"),
    ("x-stainless-lang", "python"),
    // Cloudflare only.
    ("cf-aig-cache-ttl", "60"),
    ("cf-aig-metadata", r#"{"team":"a"}"#),
    // Never.
    ("accept-encoding", "gzip, br"),
    ("connection", "keep-alive, x-hop"),
    ("content-length", "1"),
    ("cookie", "session=1"),
    ("forwarded", "for=10.0.0.1"),
    ("keep-alive", "timeout=5"),
    ("origin", "https://app.example"),
    ("referer", "https://app.example/"),
    ("sec-fetch-mode", "cors"),
    ("te", "trailers"),
    ("x-apex-ai-proxy-type", "label"),
    ("x-apex-hops", "2"),
    ("x-forwarded-for", "10.0.0.1"),
    ("x-hop", "1"),
    ("x-real-ip", "10.0.0.1"),
];

const TOKEN: &str = "gw-token-0123456789";
const ACCOUNT: &str = "acc0123";

/// A gateway with a token and these providers.
fn settings(providers: &[(&str, Provider)]) -> Settings {
    Settings {
        gateway_token: Some(TOKEN.to_owned()),
        providers: providers.iter().map(|(id, p)| ((*id).to_owned(), p.clone())).collect(),
        ..Settings::default()
    }
}

/// A provider with a stored key.
fn keyed(key: &str) -> Provider {
    Provider { api_key: Some(key.to_owned()), ..Provider::default() }
}

/// A request that opens the gateway.
fn authorized(path: &str) -> request::Parts {
    bare_post(path, &[("authorization", &format!("Bearer {TOKEN}"))])
}

fn cloudflare(surface: Option<&str>) -> Cloudflare {
    Cloudflare {
        account_id: Some(ACCOUNT.into()),
        gateway_id: Some("gate".into()),
        surface: surface.map(str::to_owned),
        ..Cloudflare::default()
    }
}

/// A gateway that knows only the account, so that every provider is reached directly.
fn directly(mut settings: Settings) -> Settings {
    settings.cloudflare = Cloudflare { account_id: Some(ACCOUNT.into()), ..Cloudflare::default() };
    settings
}

fn through(mut settings: Settings, surface: Option<&str>) -> Settings {
    settings.cloudflare = cloudflare(surface);
    settings
}

/// One provider's configuration, with a stored key.
fn stored(id: &str) -> Provider {
    let mut provider = keyed(&format!("key-of-{id}"));
    if id == "azure-openai" {
        provider.resource = Some("my-resource".into());
        provider.api_version = Some("2024-10-21".into());
    }
    provider
}

fn model(id: &str) -> &'static str {
    match id {
        "anthropic" => "claude-opus-4-8",
        "azure-openai" => "my-deployment",
        "workers-ai" => "@cf/meta/llama-4-scout",
        "openrouter" => "vendor/model:free",
        _ => "model-1",
    }
}

/// What became of one call.
struct Sent {
    /// `POST https://..`, or the refusal's status and code.
    line: String,
    details: String,
}

fn send(id: &str, path: &str, body: &str, headers: &[(&str, &str)], settings: &Settings) -> Sent {
    let mut all = vec![("authorization", "")];
    let token = format!("Bearer {TOKEN}");
    all[0].1 = &token;
    all.extend_from_slice(headers);
    let body = body.replace("MODEL", &format!("{}#{id}", model(id)));
    let mut run = Run::begin(&catalog(settings), bare_post(path, &all), &body);
    if run.sent.is_empty() && run.status() == Some(200) {
        return Sent { line: format!("answered here, {}", run.header("x-apex-token-count")), details: String::new() };
    }
    if run.sent.is_empty() {
        let line = format!("refused with {}: {}", run.status().unwrap(), message(run.text()));
        return Sent { line, details: run.text().to_owned() };
    }
    let outgoing = &run.sent[0];
    let head = &outgoing.head;
    // The connection goes where the URL says, and nothing in the head speaks of another place.
    assert_eq!(head.uri.authority().unwrap().as_str(), outgoing.origin.authority());
    assert_eq!(head.headers["host"].to_str().unwrap(), outgoing.origin.authority());
    assert_eq!(head.uri.scheme_str(), Some(if outgoing.origin.secure { "https" } else { "http" }));
    let line = format!("{} {}", head.method, head.uri);
    let mut details = String::new();
    lines(&head.headers).iter().for_each(|l| writeln!(details, "{l}").unwrap());
    writeln!(details, "\n{}", std::str::from_utf8(run.sent_body()).unwrap()).unwrap();
    run.json().chunk("{}").close();
    if let Some(adjustments) = &run.record().adjustments {
        writeln!(details, "\nadjustments: {adjustments}").unwrap();
    }
    Sent { line, details }
}

fn message(body: &str) -> String {
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    let error = &body["error"];
    let code = error["code"].as_str().or(error["type"].as_str()).unwrap();
    format!("{code}: {}", error["message"].as_str().unwrap())
}

fn check(id: &str, provider: &Provider, compat: bool) {
    let settings = settings(&[(id, provider.clone())]);
    let mut ways = vec![("direct", directly(settings.clone())), ("cloudflare", through(settings.clone(), None))];
    if compat {
        ways.push(("compat", through(settings.clone(), Some("compat"))));
    }
    let (mut urls, mut all) = (String::new(), String::new());
    for (way, settings) in &ways {
        for (call, path, body) in CALLS {
            let sent = send(id, path, body, HEADERS, settings);
            writeln!(urls, "{way:<10} {call:<12} {}", sent.line).unwrap();
            if sent.line.starts_with("POST") {
                writeln!(all, "\n=== {way}, {call}\n{}\n{}", sent.line, sent.details.trim_end()).unwrap();
            }
            assert!(!sent.details.contains(TOKEN) || *way != "direct", "the gateway token left for {id}");
        }
    }
    golden(&format!("providers/{id}.txt"), &format!("{urls}{all}"));
    if !compat {
        // What the compat surface does not have goes the native way.
        let settings = through(settings, Some("compat"));
        for (call, path, body) in CALLS {
            let native = send(id, path, body, HEADERS, &ways[1].1);
            let other = send(id, path, body, HEADERS, &settings);
            assert_eq!((native.line, native.details), (other.line, other.details), "{id} {call}");
        }
    }
}

#[test]
fn each_row_of_the_table() {
    for row in ROWS {
        check(row.id, &stored(row.id), row.compat.is_some());
    }
}

#[test]
fn a_provider_of_ones_own() {
    let custom = Provider {
        base_url: Some("http://127.0.0.1:9000/llm/v1/".into()),
        cloudflare_path: Some("custom-mine/v1".into()),
        ..keyed("key-of-mine")
    };
    check("mine", &custom, false);
    let messages = Provider {
        dialects: Some(vec!["anthropic".into(), "openai-chat".into()]),
        base_url: Some("https://llm.example:8443".into()),
        cloudflare_path: Some("custom-both".into()),
        ..keyed("key-of-both")
    };
    check("both", &messages, false);
}

/// A short account of a call: URL, model in the body, the credentials that went out.
fn brief(head: request::Parts, body: &str, settings: &Settings) -> String {
    let run = Run::begin(&catalog(settings), head, body);
    if run.sent.is_empty() {
        return format!("{} {}", run.status().unwrap(), message(run.text()));
    }
    let outgoing = &run.sent[0];
    let credentials = ["api-key", "authorization", "cf-aig-authorization", "x-api-key", "x-goog-api-key", "x-my-key"];
    let mut line = outgoing.head.uri.to_string();
    let sent: serde_json::Value = serde_json::from_slice(run.sent_body()).unwrap();
    write!(line, " {}", sent["model"].as_str().unwrap()).unwrap();
    for text in lines(&outgoing.head.headers) {
        if credentials.iter().any(|c| text.starts_with(&format!("{c}:"))) {
            write!(line, " | {text}").unwrap();
        }
    }
    line
}

fn ask(model: &str) -> String {
    format!(r#"{{"model":"{model}","messages":[]}}"#)
}

const AIG: &str = "https://gateway.ai.cloudflare.com/v1/acc0123/gate";

/// The three ways of the seeds to pay: a stored key (here or at Cloudflare), one's own key, unified billing.
#[test]
fn whose_key_goes_out() {
    let token = format!("Bearer {TOKEN}");
    let chat = |headers: &[(&str, &str)]| bare_post("/v1/chat/completions", headers);
    let none = Provider::default();
    let with_key = settings(&[("openai", keyed("key-here")), ("anthropic", keyed("key-a"))]);
    let without = settings(&[("openai", none.clone()), ("anthropic", none)]);
    let cf = format!("cf-aig-authorization: {token}");
    let openai = format!("{AIG}/openai/chat/completions");
    let direct = "https://api.openai.com/v1/chat/completions";
    let missing = "400 provider_not_configured: provider `openai` has no key; set OPENAI_API_KEY or \
                   providers.openai.api_key, or bring your own key beside cf-aig-authorization";
    let cases = vec![
        // 1. Stored at Cloudflare, or unified billing: only Cloudflare's own header.
        (
            "stored there, by bearer",
            through(without.clone(), None),
            chat(&[("authorization", &token)]),
            format!("{openai} m | {cf}"),
        ),
        (
            "stored there, by x-api-key",
            through(without.clone(), None),
            chat(&[("x-api-key", TOKEN)]),
            format!("{openai} m | {cf}"),
        ),
        (
            "unified billing",
            through(without.clone(), None),
            chat(&[("cf-aig-authorization", &token)]),
            format!("{openai} m | {cf}"),
        ),
        (
            "unified billing, compat",
            through(without.clone(), Some("compat")),
            chat(&[("cf-aig-authorization", &token)]),
            format!("{AIG}/compat/chat/completions openai/m | {cf}"),
        ),
        // 2. One's own key beside the gateway's.
        (
            "own key",
            through(without.clone(), None),
            chat(&[("cf-aig-authorization", &token), ("authorization", "Bearer mine")]),
            format!("{openai} m | authorization: Bearer mine | {cf}"),
        ),
        (
            "own key in the other header",
            through(without.clone(), None),
            chat(&[("cf-aig-authorization", &token), ("x-api-key", "mine")]),
            format!("{openai} m | authorization: Bearer mine | {cf}"),
        ),
        (
            "own key before a stored one",
            through(with_key.clone(), None),
            chat(&[("cf-aig-authorization", &token), ("authorization", "Bearer mine")]),
            format!("{openai} m | authorization: Bearer mine | {cf}"),
        ),
        (
            "own key, directly",
            without.clone(),
            chat(&[("cf-aig-authorization", &token), ("authorization", "Bearer mine")]),
            format!("{direct} m | authorization: Bearer mine"),
        ),
        // 3. Stored here.
        (
            "stored here",
            through(with_key.clone(), None),
            chat(&[("authorization", &token)]),
            format!("{openai} m | authorization: Bearer key-here | {cf}"),
        ),
        (
            "stored here, directly",
            with_key.clone(),
            chat(&[("x-api-key", TOKEN)]),
            format!("{direct} m | authorization: Bearer key-here"),
        ),
        // A key beside a token that came in a plain header is a second token, not a key; Claude Code sends two.
        (
            "two plain ones",
            with_key.clone(),
            chat(&[("authorization", &token), ("x-api-key", "sk-placeholder")]),
            format!("{direct} m | authorization: Bearer key-here"),
        ),
        // A secret of ours is never a provider's credential.
        (
            "the token as key",
            without.clone(),
            chat(&[("cf-aig-authorization", &token), ("authorization", &token)]),
            missing.to_owned(),
        ),
        (
            "another provider's stored key as key",
            settings(&[("groq", keyed("key-of-groq"))]),
            chat(&[("cf-aig-authorization", &token), ("authorization", "Bearer key-of-groq")]),
            missing.to_owned(),
        ),
        ("nothing", without.clone(), chat(&[("authorization", &token)]), missing.to_owned()),
    ];
    for (name, settings, head, want) in cases {
        assert_eq!(brief(head, &ask("m#openai"), &settings), want, "{name}");
    }
    // Anthropic's key travels in its own header, whatever it came in.
    let head = bare_post("/v1/messages", &[("cf-aig-authorization", &token), ("authorization", "Bearer mine")]);
    assert_eq!(brief(head, &ask("m#anthropic"), &without), "https://api.anthropic.com/v1/messages m | x-api-key: mine");
    // In Anthropic's form: 400, the provider named.
    assert_eq!(
        brief(authorized("/v1/messages"), &ask("m#anthropic"), &without),
        "400 invalid_request_error: provider `anthropic` has no key; set ANTHROPIC_API_KEY or \
         providers.anthropic.api_key, or bring your own key beside cf-aig-authorization"
    );
    // A token for Cloudflare of its own.
    let mut own_token = through(without, None);
    own_token.cloudflare.token = Some("cf-run-token".into());
    assert_eq!(
        brief(authorized("/v1/chat/completions"), &ask("m#openai"), &own_token),
        format!("{openai} m | cf-aig-authorization: Bearer cf-run-token")
    );
}

/// Without a gateway token the client's credential is the provider's key, unless one is stored.
#[test]
fn open_mode() {
    let open = |provider: Provider| Settings { gateway_token: None, ..settings(&[("openai", provider)]) };
    let head = |headers: &[(&str, &str)]| bare_post("/v1/chat/completions", headers);
    let url = "https://api.openai.com/v1/chat/completions";
    for (settings, headers, want) in [
        (
            open(Provider::default()),
            &[("authorization", "Bearer mine")][..],
            format!("{url} m | authorization: Bearer mine"),
        ),
        (open(Provider::default()), &[("x-api-key", "mine")], format!("{url} m | authorization: Bearer mine")),
        (open(keyed("stored")), &[("authorization", "Bearer mine")], format!("{url} m | authorization: Bearer stored")),
        (open(keyed("stored")), &[], format!("{url} m | authorization: Bearer stored")),
    ] {
        assert_eq!(brief(head(headers), &ask("m#openai"), &settings), want);
    }
    assert!(
        brief(head(&[]), &ask("m#openai"), &open(Provider::default())).starts_with("400 provider_not_configured: ")
    );
}

#[test]
fn azure_in_all_its_forms() {
    let azure = |form: Option<&str>, version: Option<&str>| Provider {
        resource: Some("my-resource".into()),
        form: form.map(str::to_owned),
        api_version: version.map(str::to_owned),
        ..keyed("key-az")
    };
    let host = "https://my-resource.openai.azure.com/openai";
    let direct = |p: &Provider| settings(&[("azure-openai", p.clone())]);
    let key = "| api-key: key-az";
    let cf = format!("{key} | cf-aig-authorization: Bearer {TOKEN}");
    let classic = azure(None, Some("2024-10-21"));
    let v1 = azure(Some("v1"), None);
    for (path, model, settings, want) in [
        (
            "chat/completions",
            "gpt",
            direct(&classic),
            format!("{host}/deployments/gpt/chat/completions?api-version=2024-10-21 gpt {key}"),
        ),
        // No version written: the seeds' one.
        (
            "chat/completions",
            "gpt",
            direct(&azure(None, None)),
            format!("{host}/deployments/gpt/chat/completions?api-version=2025-04-01-preview gpt {key}"),
        ),
        // The client's version gives way, what else it asks for stays.
        (
            "chat/completions?api-version=1&x=2",
            "gpt",
            direct(&classic),
            format!("{host}/deployments/gpt/chat/completions?api-version=2024-10-21&x=2 gpt {key}"),
        ),
        ("chat/completions", "gpt", direct(&v1), format!("{host}/v1/chat/completions gpt {key}")),
        ("responses", "gpt", direct(&v1), format!("{host}/v1/responses gpt {key}")),
        (
            "embeddings",
            "emb",
            direct(&classic),
            format!("{host}/deployments/emb/embeddings?api-version=2024-10-21 emb {key}"),
        ),
        (
            "chat/completions",
            "gpt",
            through(direct(&classic), None),
            format!("{AIG}/azure-openai/my-resource/gpt/chat/completions?api-version=2024-10-21 gpt {cf}"),
        ),
        // Hostile deployment names stay one segment.
        (
            "chat/completions",
            "../x",
            direct(&classic),
            format!("{host}/deployments/..%2Fx/chat/completions?api-version=2024-10-21 ../x {key}"),
        ),
        (
            "chat/completions",
            "a/b",
            direct(&classic),
            format!("{host}/deployments/a%2Fb/chat/completions?api-version=2024-10-21 a/b {key}"),
        ),
        (
            "chat/completions",
            "a#b",
            direct(&classic),
            format!("{host}/deployments/a%23b/chat/completions?api-version=2024-10-21 a#b {key}"),
        ),
        (
            "chat/completions",
            "a?b",
            direct(&classic),
            format!("{host}/deployments/a%3Fb/chat/completions?api-version=2024-10-21 a?b {key}"),
        ),
        (
            "chat/completions",
            "a%2e b",
            direct(&classic),
            format!("{host}/deployments/a%252e%20b/chat/completions?api-version=2024-10-21 a%2e b {key}"),
        ),
        (
            "chat/completions",
            "a/../../b?c#d",
            through(direct(&classic), None),
            format!(
                "{AIG}/azure-openai/my-resource/a%2F..%2F..%2Fb%3Fc%23d/chat/completions?api-version=2024-10-21 \
                 a/../../b?c#d {cf}"
            ),
        ),
        (
            "chat/completions",
            "..",
            direct(&classic),
            "400 invalid_request: the URL for the upstream could not be built from this model name or path".into(),
        ),
        (
            "chat/completions",
            ".",
            through(direct(&classic), None),
            "400 invalid_request: the URL for the upstream could not be built from this model name or path".into(),
        ),
        // In the v1 form the name is in the body only.
        ("chat/completions", "../x", direct(&v1), format!("{host}/v1/chat/completions ../x {key}")),
        // Through Cloudflare there are deployments only.
        (
            "chat/completions",
            "gpt",
            through(direct(&v1), None),
            format!("{AIG}/azure-openai/my-resource/gpt/chat/completions?api-version=2025-04-01-preview gpt {cf}"),
        ),
        (
            "chat/completions",
            "gpt",
            direct(&keyed("key-az")),
            "400 provider_not_configured: provider `azure-openai` has no resource; set AZURE_RESOURCE or \
             providers.azure-openai.resource"
                .into(),
        ),
    ] {
        let body = ask(&format!("{model}#azure-openai"));
        assert_eq!(brief(authorized(&format!("/v1/{path}")), &body, &settings), want, "{model}");
    }
}

#[test]
fn the_table_gives_way_to_the_operator() {
    let with = |change: fn(&mut Provider)| {
        let mut provider = keyed("k");
        change(&mut provider);
        settings(&[("openai", provider.clone()), ("anthropic", provider)])
    };
    let base = |url: &'static str| {
        let provider = Provider { base_url: Some(url.into()), ..Provider::default() };
        settings(&[("openai", provider.clone()), ("anthropic", provider)])
    };
    let (chat, messages) = ("/v1/chat/completions", "/v1/messages");
    for (name, path, model, settings, want) in [
        (
            "a base of one's own needs no key",
            chat,
            "m#openai",
            base("http://127.0.0.1:9000/v1/"),
            "http://127.0.0.1:9000/v1/chat/completions m",
        ),
        ("a bare host", chat, "m#openai", base("https://llm.example"), "https://llm.example/chat/completions m"),
        ("an IPv6 address", chat, "m#openai", base("http://[::1]:9000/v1"), "http://[::1]:9000/v1/chat/completions m"),
        (
            "Anthropic's base without the version",
            messages,
            "m#anthropic",
            base("https://llm.example/anthropic"),
            "https://llm.example/anthropic/v1/messages m",
        ),
        (
            "and with it",
            messages,
            "m#anthropic",
            base("https://llm.example/anthropic/v1"),
            "https://llm.example/anthropic/v1/messages m",
        ),
        (
            "another path",
            chat,
            "m#openai",
            with(|p| {
                p.paths.insert("chat/completions".into(), "v2/chat".into());
            }),
            "https://api.openai.com/v1/v2/chat m | authorization: Bearer k",
        ),
        (
            "another header",
            chat,
            "m#openai",
            with(|p| p.auth = Some("x-my-key".into())),
            "https://api.openai.com/v1/chat/completions m | x-my-key: k",
        ),
        (
            "bearer for Anthropic",
            messages,
            "m#anthropic",
            with(|p| p.auth = Some("bearer".into())),
            "https://api.anthropic.com/v1/messages m | authorization: Bearer k",
        ),
    ] {
        assert_eq!(brief(authorized(path), &ask(model), &settings), want, "{name}");
    }
}

#[test]
fn the_way_is_chosen_per_provider() {
    let via = |way: &str| Provider { via: Some(way.into()), ..keyed("k") };
    let settings = through(
        settings(&[
            ("openai", via("direct")),
            ("groq", via("cloudflare")),
            ("mistral", Provider { cloudflare_path: Some("/mistral/v9/".into()), ..keyed("k") }),
            ("mine", Provider { base_url: Some("https://llm.example/v1".into()), ..keyed("k") }),
        ]),
        None,
    );
    let cf = format!("cf-aig-authorization: Bearer {TOKEN}");
    for (model, want) in [
        ("m#openai", "https://api.openai.com/v1/chat/completions m | authorization: Bearer k".to_owned()),
        ("m#groq", format!("{AIG}/groq/chat/completions m | authorization: Bearer k | {cf}")),
        ("m#mistral", format!("{AIG}/mistral/v9/chat/completions m | authorization: Bearer k | {cf}")),
        // A custom provider without a path at Cloudflare is not there.
        ("m#mine", "https://llm.example/v1/chat/completions m | authorization: Bearer k".to_owned()),
    ] {
        assert_eq!(brief(authorized("/v1/chat/completions"), &ask(model), &settings), want);
    }
}

#[test]
fn names_find_their_provider() {
    let mut settings = settings(&[("openai", keyed("k")), ("anthropic", keyed("k")), ("groq", keyed("k"))]);
    settings.default_provider = Some("groq".into());
    settings.defaults =
        [("claude-*", "anthropic"), ("claude-x-*", "openai")].map(|(p, id)| (p.to_owned(), id.to_owned())).into();
    settings.aliases =
        [("fast", "gpt-5.5#openai"), ("claude-fast", "llama#groq")].map(|(a, to)| (a.to_owned(), to.to_owned())).into();
    let chat = |model: &str, mapping: Option<&str>| {
        let mut headers = vec![("x-api-key", TOKEN)];
        headers.extend(mapping.map(|m| ("x-apex-ai-proxy-mapping", m)));
        let line = brief(bare_post("/v1/messages", &headers), &ask(model), &settings);
        let (url, rest) = line.split_once(' ').unwrap();
        let host = url.split('/').nth(2).unwrap_or(url);
        let model = if host == url { rest } else { rest.split(" | ").next().unwrap() };
        format!("{host} {model}")
    };
    for (model, mapping, want) in [
        ("gpt-5.5#openai", None, "api.openai.com gpt-5.5"),
        ("a#b#openai", None, "api.openai.com a#b"),
        ("anything", None, "api.groq.com anything"),
        ("claude-haiku-5-5", None, "api.anthropic.com claude-haiku-5-5"),
        ("claude-x-1", None, "api.openai.com claude-x-1"),
        ("fast", None, "api.openai.com gpt-5.5"),
        ("claude-fast", None, "api.groq.com llama"),
        // Mapping first, on the bare name, keeping the suffix; then alias; then the defaults.
        ("claude-opus", Some("claude-opus#fast"), "api.openai.com gpt-5.5"),
        ("a#openai", Some("b#c, a#claude-y"), "api.openai.com claude-y"),
        ("a", Some("a#claude-y"), "api.anthropic.com claude-y"),
        ("a", Some("a#b,b#c"), "api.groq.com b"),
        ("a#nowhere", None, "404 not_found_error: model: unknown provider"),
        ("#openai", None, "400 invalid_request_error: `#openai` is not"),
        ("a#", None, "400 invalid_request_error: `a#` is not"),
        ("a#OpenAI", None, "404 not_found_error: model: unknown provider"),
    ] {
        let got = chat(model, mapping);
        assert!(got.starts_with(want), "{model} {mapping:?}: {got}");
    }
}
