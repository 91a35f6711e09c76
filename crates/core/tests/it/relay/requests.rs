//! Requests: only the model's value and the patches named in `x-apex-adjustments` change.

use apex_core::settings::{Provider, Settings};
use proptest::prelude::*;

use crate::harness::{self, Run, catalog, lines, post};

/// Routes whose client and provider speak the same dialect, without patches.
const ROUTES: &[(&str, &str)] = &[
    ("/v1/chat/completions", "openai"),
    ("/v1/responses", "openai"),
    ("/v1/embeddings", "openai"),
    ("/v1/messages", "anthropic"),
    ("/v1/messages/count_tokens", "anthropic"),
];

/// Bodies no serializer would write; `@` is the model's value.
const BODIES: &[&str] = &[
    r#"{"model":@}"#,
    r#"{"model":@,"messages":[]}"#,
    r#"{"messages":[{"role":"user","content":"hi"}],"model":@}"#,
    "\r\n\t { \"messages\" :\t[ ]\n,\r\n \"model\"  :\t@  \n}\r\n ",
    r#"{"n":123456789012345678901234567890,"f":1e2,"g":1.0,"h":-0,"i":1E+2,"model":@,"z":0.10000000000000000000001}"#,
    r#"{"tools":[{"a":1,"a":2,"mod\u0065l":"inner#openai","model":"inner#openai"}],"model":@,"metadata":{"model":"x"}}"#,
    r#"{"seed":1,"seed":2,"s\u0065ed":3,"model":@,"\u0000":"\u0000"}"#,
    r#"{"messages":[{"content":"\ud83d\ude00 \ud83d \udc00 \u00e9 é 😀 \/ \" \\ \b\f\n\r\t"}],"model":@}"#,
    "{\"messages\":[{\"content\":\"\u{2028}\u{feff}\u{85}\u{7f}\"}],\"model\":@}",
    r#"{"mod\u0065l":@,"messages":[]}"#,
    r#"{"a":{"b":{"c":[[[[[{}]]]]]}},"model":@,"e":{},"f":[],"g":"","h":null,"i":true,"j":false}"#,
];

/// Spellings of the same name in JSON.
const SPELLINGS: &[&str] = &["MODEL", "M\\u004fDEL", "\\u004D\\u004F\\u0044\\u0045\\u004c"];

fn settings(default: Option<&str>) -> Settings {
    let mut settings = harness::settings();
    settings.default_provider = default.map(str::to_owned);
    settings.providers.insert("groq".into(), Provider { api_key: Some("groq-stored".into()), ..Provider::default() });
    settings
}

#[test]
fn only_the_models_value_changes() {
    for (path, provider) in ROUTES {
        for body in BODIES {
            for spelling in SPELLINGS {
                let sent = |settings: &Settings, suffix: &str| {
                    let body = body.replace('@', &format!("\"{spelling}{suffix}\""));
                    Run::begin(&catalog(settings), post(path, &[]), &body).sent_body().to_vec()
                };
                let text = |bytes| String::from_utf8(bytes).unwrap();
                assert_eq!(text(sent(&settings(None), &format!("#{provider}"))), body.replace('@', "\"MODEL\""));
                // A bare name needs no edit at all: not even its spelling changes.
                let bare = text(sent(&settings(Some(provider)), ""));
                assert_eq!(bare, body.replace('@', &format!("\"{spelling}\"")), "{path}");
            }
        }
    }
}

#[test]
fn a_body_that_needs_no_edit_is_not_copied() {
    let settings = settings(Some("openai"));
    let catalog = catalog(&settings);
    let mut ticket = harness::ticket(post("/v1/chat/completions", &[]), &catalog).unwrap();
    let body = bytes::Bytes::from_static(br#"{"model":"gpt-5.5","messages":[]}"#);
    let mut exchange =
        apex_core::exchange::Exchange::new(&mut ticket, std::sync::Arc::clone(&catalog), apex_core::time::Seed(1));
    exchange.begin(&mut ticket, &body, harness::START);
    let apex_core::exchange::Step::Send(outgoing) = exchange.poll() else { panic!("nothing is sent") };
    let apex_core::exchange::Body::Bytes(sent) = &outgoing.body else { panic!("a streamed body") };
    assert_eq!(sent.as_ptr(), body.as_ptr());
}

#[test]
fn mapped_models_are_spliced_too() {
    let body = r#"{ "model" : "claude\u002dopus#anthropic" , "n":1e2 }"#;
    let head = post("/v1/messages", &[("x-apex-ai-proxy-mapping", "claude-opus#gl\"m")]);
    let run = Run::begin(&catalog(&settings(None)), head, body);
    assert_eq!(run.sent_body(), br#"{ "model" : "gl\"m" , "n":1e2 }"#);
}

/// Passthrough: without a mapping not a byte is looked at, with one only the model changes.
#[test]
fn passthrough_changes_what_the_mapping_says() {
    let to = [("x-apex-ai-proxy-provider", "zenmux.ai/api"), ("authorization", "Bearer theirs")];
    let head = |more: &[(&'static str, &'static str)]| {
        let mut head = harness::bare_post("/v1/messages?x=%2F..", &[&to[..], more].concat());
        head.headers.insert("content-type", "application/json".parse().unwrap());
        head
    };
    for body in ["", "not json", "\u{0}", r#"{"model":"a#b"}"#] {
        let run = Run::begin(&catalog(&settings(None)), head(&[]), body);
        let apex_core::exchange::Body::Client { prefix } = &run.sent[0].body else { panic!("read as a whole") };
        assert_eq!(prefix, body.as_bytes());
        assert_eq!(run.sent[0].head.uri, "https://zenmux.ai/api/v1/messages?x=%2F..");
    }
    let mapping = [("x-apex-ai-proxy-mapping", "a#b, c#d")];
    for (body, want) in [
        (r#"{ "n":1e2, "model" : "a" }"#, r#"{ "n":1e2, "model" : "b" }"#),
        (r#"{ "n":1e2, "model" : "\u0063" }"#, r#"{ "n":1e2, "model" : "d" }"#),
        (r#"{ "model" : "b" }"#, r#"{ "model" : "b" }"#),
        (r#"{ "model" : "a#p" }"#, r#"{ "model" : "b#p" }"#),
        (r#"{ "model" : 7 }"#, r#"{ "model" : 7 }"#),
        (r#"{ "messages":[] }"#, r#"{ "messages":[] }"#),
    ] {
        let run = Run::begin(&catalog(&settings(None)), head(&mapping), body);
        assert_eq!(std::str::from_utf8(run.sent_body()).unwrap(), want);
    }
}

/// Every header a client may send and where it goes, one letter per way: `d`irect, `c`loudflare, `p`assthrough.
const HEADERS: &[(&str, &str, &str)] = &[
    ("accept", "text/event-stream", "dcp"),
    ("anthropic-beta", "a,b", "dcp"),
    ("anthropic-dangerous-direct-browser-access", "true", "dcp"),
    ("anthropic-version", "2023-06-01", "dcp"),
    ("baggage", "a=b", "dcp"),
    ("idempotency-key", "i", "dcp"),
    ("openai-beta", "x", "dcp"),
    ("openai-organization", "org", "dcp"),
    ("openai-project", "proj", "dcp"),
    ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "dcp"),
    ("tracestate", "a=b", "dcp"),
    ("user-agent", "ua", "dcp"),
    ("x-request-id", "r", "dcp"),
    ("x-session-id", "s", "dcp"),
    ("x-something-new", "n", "dcp"),
    ("x-stainless-retry-count", "1", "dcp"),
    ("cf-aig-cache-key", "k", "c"),
    ("cf-aig-cache-ttl", "60", "c"),
    ("cf-aig-metadata", "{}", "c"),
    ("accept-encoding", "gzip", "p"),
    ("api-key", "theirs", "p"),
    ("x-goog-api-key", "theirs", "p"),
    ("cf-connecting-ip", "10.0.0.1", ""),
    ("cf-ray", "r", ""),
    ("connection", "close, x-dropped", ""),
    ("cookie", "c", ""),
    ("expect", "100-continue", ""),
    ("forwarded", "for=10.0.0.1", ""),
    ("keep-alive", "timeout=5", ""),
    ("origin", "https://app.example", ""),
    ("proxy-authorization", "Basic x", ""),
    ("proxy-connection", "close", ""),
    ("referer", "https://app.example/", ""),
    ("sec-fetch-mode", "cors", ""),
    ("sec-websocket-protocol", "x", ""),
    ("te", "trailers", ""),
    ("trailer", "x", ""),
    ("transfer-encoding", "chunked", ""),
    ("x-apex-ai-proxy-type", "label", ""),
    ("x-apex-anything", "1", ""),
    ("x-dropped", "1", ""),
    ("x-forwarded-for", "10.0.0.1", ""),
    ("x-forwarded-proto", "https", ""),
    ("x-real-ip", "10.0.0.1", ""),
];

#[test]
fn each_header_goes_where_the_table_says() {
    let mut through = settings(None);
    through.cloudflare.account_id = Some("acc".into());
    through.cloudflare.gateway_id = Some("gate".into());
    let theirs: Vec<_> = HEADERS.iter().map(|(n, v, _)| (*n, *v)).collect();
    let provider = [("x-apex-ai-proxy-provider", "zenmux.ai")];
    for (way, settings, head) in [
        ('d', settings(None), post("/v1/chat/completions", &theirs)),
        ('c', through, post("/v1/chat/completions", &theirs)),
        ('p', settings(None), harness::bare_post("/v1/chat/completions", &[&provider, &theirs[..]].concat())),
    ] {
        let run = Run::begin(&catalog(&settings), head, r#"{"model":"m#openai"}"#);
        let mut want: Vec<_> =
            HEADERS.iter().filter(|h| h.2.contains(way)).map(|(n, v, _)| format!("{n}: {v}")).collect();
        want.push("content-type: application/json".into());
        want.push("x-apex-hops: 1".into());
        let (host, credentials): (_, &[&str]) = match way {
            'd' => ("api.openai.com", &["authorization: Bearer sk-openai-stored", "accept-encoding: identity"]),
            'c' => (
                "gateway.ai.cloudflare.com",
                &[
                    "authorization: Bearer sk-openai-stored",
                    "accept-encoding: identity",
                    "cf-aig-authorization: Bearer tok",
                ],
            ),
            _ => ("zenmux.ai", &[]),
        };
        want.push(format!("host: {host}"));
        want.extend(credentials.iter().map(|c| (*c).to_owned()));
        want.sort();
        assert_eq!(lines(&run.sent[0].head.headers), want, "{way}");
    }
}

/// Members of a Chat request, each as it stands in the text; those that Mistral's row patches among them.
fn member() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        r#""messages":[{"role":"user","content":"h\u0069"}]"#,
        r#""seed" : 123456789012345678901234567890"#,
        r#""user":"u""#,
        "\"store\"\t:\nfalse",
        r#""stream_options":{"include_usage":true}"#,
        r#""max_completion_tokens":1e2"#,
        r#""max_tokens": 7"#,
        r#""logit_bias":{}"#,
        r#""temperature":1.0"#,
        r#""tools":[{"model":"inner","model":"twice"}]"#,
        r#""new_member":{"a":[1,2,{"b":null}]}"#,
        r#""x":"}{][,:\"""#,
    ])
    .prop_map(str::to_owned)
}

fn space() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["", "", " ", "\n  ", "\t", "\r\n"]).prop_map(str::to_owned)
}

proptest! {
    /// Wherever the model stands and whatever is around it.
    #[test]
    fn any_body_keeps_its_bytes(
        members in prop::collection::vec((space(), member(), space()), 0..8),
        at in 0usize..8,
        spaces in (space(), space(), space(), space()),
    ) {
        let body = |model: &str| {
            let mut all: Vec<String> = members.iter().map(|(a, m, b)| format!("{a}{m}{b}")).collect();
            let (a, b, c, _) = &spaces;
            all.insert(at.min(all.len()), format!("{a}\"model\"{b}:{c}\"{model}\""));
            format!("{}{{{}}}{}", spaces.3, all.join(","), spaces.0)
        };
        for provider in ["openai", "groq"] {
            let run = Run::begin(
                &catalog(&settings(None)),
                post("/v1/responses", &[]),
                &body(&format!("gpt#{provider}")),
            );
            prop_assert_eq!(String::from_utf8_lossy(run.sent_body()), body("gpt"));
        }
    }

    /// A provider that refuses members gets the rest as it was, and the client is told which.
    #[test]
    fn patches_touch_only_what_they_name(
        members in prop::collection::btree_set(member(), 0..9),
        at in 0usize..9,
    ) {
        let mut all: Vec<String> = members.into_iter().collect();
        all.insert(at.min(all.len()), r#""model":"m#mistral""#.into());
        let mut run = Run::begin(
            &catalog(&settings(None)),
            post("/v1/chat/completions", &[]),
            &format!("{{{}}}", all.join(",")),
        );
        let name = |member: &String| member.split('"').nth(1).unwrap().to_owned();
        let both = all.iter().any(|m| name(m) == "max_tokens");
        let mut patched = Vec::new();
        let want: Vec<String> = all
            .iter()
            .filter_map(|m| match name(m).as_str() {
                "model" => Some(r#""model":"m""#.to_owned()),
                "seed" => {
                    patched.push("seed");
                    Some(m.replace("seed", "random_seed"))
                }
                "max_completion_tokens" => {
                    patched.push("max_completion_tokens");
                    (!both).then(|| m.replace("max_completion_tokens", "max_tokens"))
                }
                "user" | "store" | "stream_options" | "logit_bias" => {
                    patched.push(match name(m).as_str() {
                        "user" => "user",
                        "store" => "store",
                        "stream_options" => "stream_options",
                        _ => "logit_bias",
                    });
                    None
                }
                _ => Some(m.clone()),
            })
            .collect();
        prop_assert_eq!(String::from_utf8_lossy(run.sent_body()), format!("{{{}}}", want.join(",")));
        run.json().chunk("{}").close();
        let named: Vec<String> = patched.iter().map(|p| format!("{p}=patch")).collect();
        prop_assert_eq!(run.header("x-apex-adjustments"), named.join(","));
    }
}
