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

const COUNTED: &str = r#"{"model":"MODEL","messages":[{"role":"user","content":"hello there"}],"system":"Be brief.","tools":[{"name":"t","input_schema":{"type":"object"}}]}"#;

fn count(model: &str) -> Run {
    let head = post("/v1/messages/count_tokens?beta=true", &[("anthropic-version", "2023-06-01")]);
    Run::begin(&catalog(&settings()), head, &COUNTED.replace("MODEL", model))
}

/// The number a reply holds, and whether it is marked.
fn counted(run: &Run) -> (u64, bool) {
    assert_eq!(run.status(), Some(200), "{}", run.text());
    let reply: serde_json::Value = serde_json::from_str(run.text()).unwrap();
    let marked = run.head.as_ref().unwrap().headers.get("x-apex-token-count").is_some_and(|v| v == "estimate");
    (reply["input_tokens"].as_u64().unwrap(), marked)
}

/// Never an error for want of an endpoint, never a paid completion in its place (pitfall 105).
#[test]
fn counts_are_relayed_or_estimated() {
    let mut run = count("claude-sonnet-4-6#anthropic");
    assert_eq!(goes(&run), "POST https://api.anthropic.com/v1/messages/count_tokens?beta=true");
    run.json().chunk(r#"{"input_tokens":14}"#).close();
    assert_eq!(counted(&run), (14, false));
    // Providers without such an endpoint, with and without a key.
    for model in ["m#groq", "m#cerebras"] {
        let run = count(model);
        assert!(run.sent.is_empty(), "{model}");
        let (tokens, marked) = counted(&run);
        assert!((15..60).contains(&tokens) && marked, "{model}: {tokens}");
        assert_eq!(run.header("x-apex-provider"), model.split_once('#').unwrap().1);
        assert_eq!(run.ended(), ("completed", Some(200), false));
    }
    // The system prompt and the tools count, too.
    let bare = r#"{"model":"m#groq","messages":[{"role":"user","content":"hello there"}]}"#;
    let bare = Run::begin(&catalog(&settings()), post("/v1/messages/count_tokens", &[]), bare);
    assert!(counted(&bare).0 + 8 < counted(&count("m#groq")).0, "{}", bare.text());
    let body = r#"{"model":"m#groq","input":"hello there","instructions":"Be brief."}"#;
    let run = Run::begin(&catalog(&settings()), post("/v1/responses/input_tokens", &[]), body);
    assert!(counted(&run).1 && run.text().contains(r#""object":"response.input_tokens""#), "{}", run.text());
}

#[test]
fn a_count_is_translated_to_the_providers_own() {
    let mut run = count("gpt-5.5#openai");
    assert_eq!(goes(&run), "POST https://api.openai.com/v1/responses/input_tokens");
    let sent: serde_json::Value = serde_json::from_slice(run.sent_body()).unwrap();
    let members: Vec<_> = sent.as_object().unwrap().keys().map(String::as_str).collect();
    assert!(members.contains(&"input") && members.contains(&"tools"), "{members:?}");
    assert!(!members.contains(&"stream") && !members.contains(&"max_output_tokens"), "{members:?}");
    run.json().chunk(r#"{"object":"response.input_tokens","input_tokens":21}"#).close();
    assert_eq!((counted(&run), run.text()), ((21, false), r#"{"input_tokens":21}"#));
    // Mistral's, too, where it is asked by Chat otherwise.
    assert_eq!(goes(&count("m#mistral")), "POST https://api.mistral.ai/v1/responses/input_tokens");
    // An answer that is none, or an error of a dialect the client does not speak.
    for (status, body) in [(200, "<html>"), (400, r#"{"error":{"message":"Unknown parameter"}}"#)] {
        let mut run = count("gpt-5.5#openai");
        run.upstream_head(status, &[("content-type", "application/json")]).chunk(body).close();
        assert!(counted(&run).1, "{status}");
    }
}

#[test]
fn embeddings_of_gemini_clients() {
    let mut settings = settings();
    let google = Provider { api_key: Some("g-key".into()), ..Default::default() };
    settings.providers.insert("google-ai-studio".into(), google);
    let catalog = catalog(&settings);
    let ask = |path: &str, body: &str| Run::begin(&catalog, post(path, &[]), body);
    let model = "gemini-embedding-001%23google-ai-studio";
    // What is not in the way stays; the name that clients repeat is the one of the path.
    let content = r#"{ "content":{"parts":[{"text":"a"}]} , "n":1e2}"#;
    let run = ask(&format!("/v1beta/models/{model}:embedContent?key=tok&x=1"), content);
    assert_eq!(
        goes(&run),
        "POST https://generativelanguage.googleapis.com/v1beta/models/gemini-embedding-001:embedContent?x=1"
    );
    assert_eq!(run.sent[0].head.headers["x-goog-api-key"], "g-key");
    assert_eq!(run.sent_body(), content.as_bytes());
    let named = |name: &str| format!(r#"{{"requests":[{{"model":"{name}","content":{{"parts":[{{"text":"a"}}]}}}}]}}"#);
    let mut run =
        ask(&format!("/v1/models/{model}:batchEmbedContents"), &named("models/gemini-embedding-001#google-ai-studio"));
    assert_eq!(run.sent_body(), named("models/gemini-embedding-001").as_bytes());
    run.json().chunk(r#"{"embeddings":[{"values":[0.1]}]}"#).close();
    assert_eq!(run.text(), r#"{"embeddings":[{"values":[0.1]}]}"#);
    assert_eq!((run.ended(), run.header("x-apex-provider")), (("completed", Some(200), false), "google-ai-studio"));
    // Others have no such endpoint.
    let run = ask("/v1beta/models/text-embedding-3-small%23openai:embedContent", content);
    assert_eq!(run.status(), Some(400));
    assert!(run.text().contains("does not serve /v1beta/models/{model}:embedContent"), "{}", run.text());
}

#[test]
fn a_count_is_translated_to_googles_own() {
    let mut settings = settings();
    let google = Provider { api_key: Some("g".into()), ..Default::default() };
    settings.providers.insert("google-ai-studio".into(), google);
    let catalog = catalog(&settings);
    let asked = |path: &str, body: &str| {
        let mut run = Run::begin(&catalog, post(path, &[]), body);
        assert_eq!(
            goes(&run),
            "POST https://generativelanguage.googleapis.com/v1beta/models/gemini-3-pro:countTokens",
            "{path}"
        );
        let sent: serde_json::Value = serde_json::from_slice(run.sent_body()).unwrap();
        let inside = sent["generateContentRequest"].as_object().unwrap();
        assert_eq!((sent.as_object().unwrap().len(), &inside["model"]), (1, &"models/gemini-3-pro".into()), "{sent}");
        assert!(inside["systemInstruction"].to_string().contains("Be brief."), "{sent}");
        assert_eq!(inside["contents"][0]["parts"][0]["text"], "hello there");
        assert!(!inside.contains_key("generationConfig"), "{sent}");
        run.json().chunk(r#"{"totalTokens":31}"#).close();
        assert_eq!(counted(&run), (31, false));
    };
    asked("/v1/messages/count_tokens", &COUNTED.replace("MODEL", "gemini-3-pro#google-ai-studio"));
    let body = r#"{"model":"gemini-3-pro#google-ai-studio","input":"hello there","instructions":"Be brief."}"#;
    asked("/v1/responses/input_tokens", body);
}

#[test]
fn a_count_of_a_gemini_client_names_the_model_as_google_knows_it() {
    let mut settings = settings();
    let google = Provider { api_key: Some("g".into()), ..Default::default() };
    settings.providers.insert("google-ai-studio".into(), google);
    let catalog = catalog(&settings);
    let inside = |name: &str| {
        format!(
            r#"{{"generateContentRequest":{{"model":"{name}","contents":[{{"parts":[{{"text":"a"}}]}}],"n":1e2}}}}"#
        )
    };
    let plain = r#"{ "contents":[{"parts":[{"text":"a"}]}] }"#.to_owned();
    let ours = "models/gemini-3-pro#google-ai-studio";
    for (body, sent) in [(inside(ours), inside("models/gemini-3-pro")), (plain.clone(), plain)] {
        let path = "/v1beta/models/gemini-3-pro%23google-ai-studio:countTokens";
        let run = Run::begin(&catalog, post(path, &[]), &body);
        assert_eq!(String::from_utf8_lossy(run.sent_body()), sent);
    }
}

#[test]
fn a_count_that_the_provider_cannot_make_is_estimated() {
    for status in [404, 429, 500, 529] {
        let mut run = count("claude-sonnet-4-6#anthropic");
        run.upstream_head(status, &[("content-type", "application/json")]);
        assert!(counted(&run).1, "{status}");
    }
    let mut run = count("claude-sonnet-4-6#anthropic");
    run.broken(apex_core::exchange::TransportErrorKind::Connect, false);
    assert!(counted(&run).1);
    assert_eq!(run.record().error.as_deref(), Some("connect"));
    // What is wrong with the request is said by who judged it.
    let mut run = count("claude-sonnet-4-6#anthropic");
    let error = r#"{"type":"error","error":{"type":"invalid_request_error","message":"no"}}"#;
    run.upstream_head(400, &[("content-type", "application/json")]).chunk(error).close();
    assert_eq!((run.status(), run.text()), (Some(400), error));
}

#[test]
fn a_count_needs_a_model_that_leads_somewhere() {
    for (model, status) in [("m", 404), ("m#nobody", 404), ("", 400)] {
        assert_eq!(count(model).status(), Some(status), "{model}");
    }
}
