//! Endpoints that are relayed only: who gets them, and that nothing but the model's name changes.

use apex_core::settings::{Provider, Settings};
use http::{Method, request};

use crate::harness::{self, Run, bare_post, catalog, post};

const BOUNDARY: &str = "7MA4YWxkTrZu0gW";

fn settings() -> Settings {
    let mut settings = harness::settings();
    for id in ["groq", "deepseek", "cohere"] {
        settings.providers.insert(id.into(), Provider { api_key: Some(format!("{id}-key")), ..Provider::default() });
    }
    settings
}

/// A request with this method, and this header beside the token.
fn head(method: &str, path: &str, headers: &[(&str, &str)]) -> request::Parts {
    let mut head = post(path, headers);
    head.method = Method::from_bytes(method.as_bytes()).unwrap();
    head
}

fn form_head(path: &str) -> request::Parts {
    let mut head = post(path, &[]);
    head.headers.insert("content-type", format!("multipart/form-data; boundary={BOUNDARY}").parse().unwrap());
    head
}

/// A form with a file of hostile bytes and this model.
fn form(model: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, value) in [
        ("\"file\"; filename=\"a\\\"; name=model; b.wav\"", b"RIFF\0\xff\r\n--7MA4YWxkTrZu0g\r\nmodel".as_slice()),
        ("\"model\"", model.as_bytes()),
        ("\"response_format\"", b"verbose_json"),
        ("\"timestamp_granularities[]\"", b"word"),
    ] {
        out.extend_from_slice(
            format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name={name}\r\n\r\n").as_bytes(),
        );
        out.extend_from_slice(value);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
    out
}

/// Where the request goes, or the status and code of its refusal.
fn goes(run: &Run) -> String {
    match run.sent.first() {
        Some(sent) => format!("{} {}", sent.head.method, sent.head.uri),
        None => format!("{} {}", run.status().unwrap(), run.record().error.clone().unwrap()),
    }
}

#[test]
fn json_endpoints_go_to_who_serves_them() {
    let catalog = catalog(&settings());
    for (path, model, want) in [
        ("/v1/embeddings", "text-embedding-3-small#openai", "POST https://api.openai.com/v1/embeddings"),
        ("/v1/embeddings", "mistral-embed#mistral", "POST https://api.mistral.ai/v1/embeddings"),
        ("/v1/embeddings", "m#groq", "400 endpoint_not_served"),
        ("/v1/completions", "gpt-3.5-turbo-instruct#openai", "POST https://api.openai.com/v1/completions"),
        ("/v1/completions", "deepseek-v4-pro#deepseek", "POST https://api.deepseek.com/beta/completions"),
        ("/v1/moderations", "omni-moderation-latest#openai", "POST https://api.openai.com/v1/moderations"),
        ("/v1/moderations", "x#anthropic", "400 endpoint_not_served"),
        ("/v1/images/generations", "gpt-image-2#openai", "POST https://api.openai.com/v1/images/generations"),
        ("/images/edits?x=1", "gpt-image-2#openai", "POST https://api.openai.com/v1/images/edits?x=1"),
        ("/v1/audio/speech", "playai-tts#groq", "POST https://api.groq.com/openai/v1/audio/speech"),
        ("/v1/rerank", "m#openai", "400 endpoint_not_served"),
        ("/v1/fim/completions", "codestral#mistral", "POST https://api.mistral.ai/v1/fim/completions"),
        ("/v1/fim/completions", "codestral", "400 invalid_model"),
        ("/v1/messages/batches", "claude#anthropic", "POST https://api.anthropic.com/v1/messages/batches"),
        ("/v1/messages/batches", "gpt#openai", "400 endpoint_not_served"),
        ("/v1/embeddings", "echo#mock", "400 invalid_model"),
    ] {
        let body = format!(" {{\"input\" : [1e2], \"model\":\"{model}\"}}\n");
        let run = Run::begin(&catalog, post(path, &[]), &body);
        assert_eq!(goes(&run), want, "{path} {model}");
        if !run.sent.is_empty() {
            let bare = model.rsplit_once('#').unwrap().0;
            assert_eq!(run.sent_body(), body.replace(model, bare).as_bytes(), "{path}");
        }
    }
}

#[test]
fn a_refusal_names_who_serves_the_endpoint() {
    let run = Run::begin(&catalog(&settings()), post("/v1/moderations", &[]), r#"{"model":"m#groq","input":"x"}"#);
    assert!(run.text().contains("of this gateway's providers these do: mistral, openai"), "{}", run.text());
}

#[test]
fn only_the_model_changes_in_a_form() {
    let catalog = catalog(&settings());
    for path in ["/v1/audio/transcriptions", "/v1/audio/translations", "/v1/images/edits", "/v1/whatever"] {
        let mut run = Run::begin(&catalog, form_head(path), &form("whisper-1#openai"));
        assert_eq!(goes(&run), format!("POST https://api.openai.com{path}"));
        assert_eq!(run.sent_body(), form("whisper-1"), "{path}");
        assert_eq!(run.sent[0].head.headers["content-type"], format!("multipart/form-data; boundary={BOUNDARY}"));
        assert_eq!(run.exchange.abandoned(harness::START).client_model.as_deref(), Some("whisper-1#openai"));
    }
    let run = Run::begin(&catalog, form_head("/v1/audio/transcriptions"), "no form at all");
    assert_eq!(goes(&run), "400 invalid_form");
    // Elsewhere a form is no body.
    assert_eq!(harness::ticket(form_head("/v1/embeddings"), &catalog).unwrap_err().0, 415);
    let mut long = form_head("/v1/audio/transcriptions");
    long.headers.insert("content-type", format!("multipart/form-data; boundary={}", "x".repeat(71)).parse().unwrap());
    assert_eq!(harness::ticket(long, &catalog).unwrap_err().0, 400);
}

#[test]
fn requests_without_a_model_go_where_the_header_says() {
    let mut settings = settings();
    let plain = catalog(&settings);
    settings.default_provider = Some("openai".into());
    let default = catalog(&settings);
    let openai = ("x-apex-provider", "openai");
    for (catalog, method, path, header, want) in [
        (&plain, "GET", "/v1/files", None, "404 provider_not_named"),
        (&plain, "GET", "/v1/files?limit=2", Some(openai), "GET https://api.openai.com/v1/files?limit=2"),
        (&default, "GET", "/v1/files", None, "GET https://api.openai.com/v1/files"),
        (&plain, "DELETE", "/v1/responses/resp_1", Some(openai), "DELETE https://api.openai.com/v1/responses/resp_1"),
        (&plain, "GET", "/v1/batches/b", Some(("x-apex-provider", "nobody")), "400 unknown_provider"),
        (&plain, "GET", "/v1/messages/batches", Some(openai), "400 endpoint_not_served"),
        (
            &plain,
            "GET",
            "/v1/messages/batches/b/results",
            Some(("x-apex-provider", "anthropic")),
            "GET https://api.anthropic.com/v1/messages/batches/b/results",
        ),
    ] {
        let mut head = head(method, path, header.as_slice());
        head.headers.remove("content-type");
        let run = Run::begin(catalog, head, "");
        assert_eq!(goes(&run), want, "{method} {path}");
        if let Some(sent) = run.sent.first() {
            assert!(!sent.head.headers.contains_key("content-type"));
            assert!(!sent.head.headers.contains_key("x-apex-provider"));
        }
    }
    // A file to upload names no model, and is not looked into.
    let mut upload = form_head("/v1/files");
    upload.headers.insert("x-apex-provider", "openai".parse().unwrap());
    let body =
        format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n--{BOUNDARY}--");
    let run = Run::begin(&plain, upload, &body);
    assert_eq!((goes(&run).as_str(), run.sent_body()), ("POST https://api.openai.com/v1/files", body.as_bytes()));
}

#[test]
fn the_header_decides_for_bare_models_only() {
    let catalog = catalog(&settings());
    for (model, want) in [
        ("whisper-large", "https://api.groq.com/openai/v1/audio/translations"),
        ("whisper-1#openai", "https://api.openai.com/v1/audio/translations"),
    ] {
        let mut head = form_head("/v1/audio/translations");
        head.headers.insert("x-apex-provider", "groq".parse().unwrap());
        assert_eq!(goes(&Run::begin(&catalog, head, &form(model))), format!("POST {want}"));
    }
}

#[test]
fn replies_pass_byte_for_byte() {
    let catalog = catalog(&settings());
    // Speech is bytes; nothing of them is copied or looked at.
    let mut run = Run::begin(&catalog, post("/v1/audio/speech", &[]), r#"{"model":"tts-1#openai","input":"x"}"#);
    run.upstream_head(200, &[("content-type", "audio/mpeg")]).chunk(b"\xff\xfb\0\0").close();
    assert_eq!((run.body.as_slice(), run.header("content-type")), (b"\xff\xfb\0\0".as_slice(), "audio/mpeg"));
    assert_eq!(run.header("x-apex-provider"), "openai");
    // Embeddings are JSON, and their usage is known.
    let reply = r#"{"object":"list","data":[],"usage":{"prompt_tokens":7,"total_tokens":7}}"#;
    let mut run = Run::begin(&catalog, post("/v1/embeddings", &[]), r#"{"model":"e#openai","input":"x"}"#);
    run.upstream_head(200, &[("content-type", "application/json")]).chunk(reply).close();
    assert_eq!(run.text(), reply);
    assert_eq!(run.record().usage.input_uncached, Some(7));
    // A streamed transcription ends however it ends.
    let mut run = Run::begin(&catalog, form_head("/v1/audio/transcriptions"), &form("m#openai"));
    run.sse().chunk("data: {\"type\":\"transcript.text.delta\"}\n\n").close();
    assert_eq!(run.ended(), ("completed", Some(200), false));
    // An error of the provider is its own.
    let mut run = Run::begin(&catalog, post("/v1/images/generations", &[]), r#"{"model":"m#openai"}"#);
    let error = r#"{"error":{"message":"no such size","type":"invalid_request_error","param":"size","code":null}}"#;
    run.upstream_head(400, &[("content-type", "application/json")]).chunk(error).close();
    assert_eq!((run.status(), run.text()), (Some(400), error));
}

#[test]
fn nobody_gets_in_without_the_token() {
    let catalog = catalog(&settings());
    for path in ["/v1/files", "/v1/responses/resp_1", "/v1/embeddings"] {
        assert_eq!(harness::ticket(bare_post(path, &[]), &catalog).unwrap_err().0, 401, "{path}");
    }
}
