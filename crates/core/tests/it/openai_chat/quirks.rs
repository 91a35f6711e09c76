//! What each provider's row does to one translated request, and which edits it makes to a relayed one.

use std::fmt::Write;

use apex_core::dialect::{Dialect, Target, decode_request, encode_request};
use apex_core::exchange::Input;
use apex_core::hub::Untranslatable;
use apex_core::provider::Quirks;
use apex_core::settings::{Provider, Settings};
use serde_json::{Value, json};

use super::{foreign, json, losses};
use crate::harness::{Run, catalog, golden, post};

/// A request with everything that some provider takes differently.
const BODY: &str = r#"{"max_tokens":500,"temperature":1.9,"top_p":0.5,"top_k":7,"stop_sequences":["X"],"stream":true,
    "thinking":{"type":"enabled","budget_tokens":30000},"metadata":{"user_id":"u"},"service_tier":"auto",
    "system":[{"type":"text","text":"s1"},{"type":"text","text":"s2","cache_control":{"type":"ephemeral"}}],
    "messages":[{"role":"user","content":"go"},
        {"role":"assistant","content":[{"type":"thinking","thinking":"why","signature":"S"},{"type":"tool_use","id":"toolu_1","name":"f","input":{"a":1}}]},
        {"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_1","content":""}]},
        {"role":"assistant","content":[{"type":"tool_use","id":"toolu_2","name":"f","input":{}}]},
        {"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_2","content":"r"}]},
        {"role":"system","content":"late"}],
    "tools":[{"name":"f","strict":true,"input_schema":{"$schema":"s","type":"object","properties":{},"additionalProperties":false}}],
    "tool_choice":{"type":"any","disable_parallel_tool_use":true},
    "output_config":{"format":{"type":"json_schema","schema":{"type":"object","properties":{},"additionalProperties":false}}}}"#;

#[test]
fn rows() {
    let rows: [(&str, &Quirks); 13] = [
        ("openai", &Quirks::OPENAI),
        ("compatible", &Quirks::COMPATIBLE),
        ("google", &Quirks::GOOGLE_COMPAT),
        ("groq", &Quirks::GROQ),
        ("mistral", &Quirks::MISTRAL),
        ("grok", &Quirks::GROK),
        ("deepseek", &Quirks::DEEPSEEK),
        ("cerebras", &Quirks::CEREBRAS),
        ("cohere", &Quirks::COHERE_COMPAT),
        ("azure", &Quirks::AZURE),
        ("openrouter", &Quirks::OPENROUTER),
        ("workers-ai", &Quirks::WORKERS_AI),
        ("perplexity", &Quirks::PERPLEXITY),
    ];
    for (name, quirks) in rows {
        // Perplexity knows no tools, and here one is demanded.
        let auto = BODY.replace(r#""type":"any""#, r#""type":"auto""#);
        let body = if quirks.tools { BODY } else { &auto };
        let encoded = foreign(body, quirks).unwrap();
        let text = format!("{}\n\n{}\n", losses(&encoded), serde_json::to_string_pretty(&json(&encoded.body)).unwrap());
        insta::with_settings!({ snapshot_path => "../../golden/openai_chat/quirks", prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!(name, text);
        });
    }
    assert_eq!(foreign(BODY, &Quirks::PERPLEXITY).unwrap_err().param, "tool_choice");
}

/// One fact per row that a snapshot might hide.
#[test]
fn facts() {
    let out = |quirks: &Quirks| json(&foreign(BODY, quirks).unwrap().body);
    // Mistral: temperature 1.5 at most, ids of nine characters (pitfall 5), thinking as a part, no unknown member.
    let mistral = out(&Quirks::MISTRAL);
    assert_eq!(mistral["temperature"], json!(1.5));
    assert_eq!(mistral["messages"][2]["tool_calls"][0]["id"].as_str().unwrap().len(), 9);
    assert_eq!(mistral["messages"][2]["content"][0]["type"], "thinking");
    assert!(mistral.get("stream_options").is_none() && mistral.get("safety_identifier").is_none());
    assert_eq!(mistral["tool_choice"], "any");
    // DeepSeek: reasoning goes back, and where it is lost an empty one does (pitfalls 80 and 82).
    let deepseek = out(&Quirks::DEEPSEEK);
    let assistants: Vec<&Value> =
        deepseek["messages"].as_array().unwrap().iter().filter(|m| m["role"] == "assistant").collect();
    assert_eq!(assistants[0]["reasoning_content"], "why");
    assert_eq!(assistants[1]["reasoning_content"], "");
    assert_eq!(deepseek["thinking"], json!({"type":"enabled"}));
    assert_eq!(deepseek["reasoning_effort"], "max");
    assert_eq!(out(&Quirks::GROQ)["messages"][2]["reasoning"], "why");
    // Pitfall 81: mirrors that refuse it get none.
    assert!(!out(&Quirks::OPENAI).to_string().contains("why"));
    // Gemini wants a signature on the first call of each step; ours is the documented word for a lost one.
    let google = out(&Quirks::GOOGLE_COMPAT);
    let signature = &google["messages"][2]["tool_calls"][0]["extra_content"]["google"]["thought_signature"];
    assert_eq!(*signature, "skip_thought_signature_validator");
    // OpenRouter gets it back with its signature.
    let details = out(&Quirks::OPENROUTER)["messages"][2]["reasoning_details"].clone();
    assert_eq!(details[0]["signature"], "S");
}

/// Pitfall 141: thinking off wins; an effort beside it would be a 400.
#[test]
fn deepseek_without_thinking() {
    let body = r#"{"max_tokens":99,"thinking":{"type":"disabled"},"output_config":{"effort":"high"},"messages":[{"role":"user","content":"x"}],
        "tools":[{"name":"f","input_schema":{"type":"object"}}],"tool_choice":{"type":"tool","name":"f"}}"#;
    let encoded = foreign(body, &Quirks::DEEPSEEK).unwrap();
    let out = json(&encoded.body);
    assert_eq!(losses(&encoded), "");
    assert_eq!(out["thinking"], json!({"type":"disabled"}));
    assert!(out.get("reasoning_effort").is_none());
    // Without thinking it obeys a forced choice.
    assert_eq!(out["tool_choice"]["function"]["name"], "f");
}

/// Mistral: greedy sampling refuses `top_p`.
#[test]
fn greedy_mistral() {
    let body = |top_p: &str| {
        format!(r#"{{"max_tokens":99,"temperature":0,"top_p":{top_p},"messages":[{{"role":"user","content":"x"}}]}}"#)
    };
    let encoded = foreign(&body("0.5"), &Quirks::MISTRAL).unwrap();
    assert!(json(&encoded.body).get("top_p").is_none());
    assert_eq!(losses(&encoded), "top_p=drop");
    assert_eq!(json(&foreign(&body("1.0"), &Quirks::MISTRAL).unwrap().body)["top_p"], json!(1.0));
}

/// What a Chat client's body becomes on its way to a Chat provider: everything else passes byte for byte
/// (pitfalls 104, 116).
#[test]
fn relay_patches() {
    let mut settings = Settings { gateway_token: Some("tok".into()), ..Settings::default() };
    settings.cloudflare.account_id = Some("acc0123".into());
    let rows = [
        "openai",
        "azure-openai",
        "openrouter",
        "groq",
        "mistral",
        "grok",
        "deepseek",
        "cerebras",
        "cohere",
        "workers-ai",
        "google-ai-studio",
        "perplexity-ai",
    ];
    for id in rows {
        let dialects = Some(vec!["openai-chat".to_owned()]);
        let resource = (id == "azure-openai").then(|| "r".to_owned());
        let provider = Provider { api_key: Some("k".into()), dialects, resource, ..Provider::default() };
        settings.providers.insert(id.into(), provider);
    }
    // Every member that some provider refuses.
    let body = concat!(
        r#"{"model":"MODEL","messages":[{"role":"user","name":"ann","content":[{"type":"text","text":"x","cache_control":{"type":"ephemeral"}}]},"#,
        r#"{"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"},"extra_content":{"google":{}}}]},"#,
        r#"{"role":"tool","tool_call_id":"c","name":"f","content":"r"}],"#,
        r#""tools":[{"type":"function","function":{"name":"f","strict":true,"parameters":{"$schema":"s","type":"object"}},"cache_control":{"type":"ephemeral"}}],"#,
        r#""max_completion_tokens":9,"n":1,"seed":7,"user":"u","store":false,"metadata":{},"logit_bias":{},"logprobs":false,"top_logprobs":0,"#,
        r#""frequency_penalty":0,"presence_penalty":0,"parallel_tool_calls":true,"tool_choice":"auto","verbosity":"low","prompt_cache_key":"k","#,
        r#""prompt_cache_options":{},"safety_identifier":"i","modalities":["text"],"web_search_options":{},"prediction":{},"audio":null,"service_tier":"auto","#,
        r#""thinking":{"type":"disabled"},"reasoning_effort":"high","stream":true,"stream_options":{"include_usage":true}}"#
    );
    let mut out = String::new();
    for id in rows {
        let sent_as = if id == "workers-ai" { "@cf/a/b" } else { "m" };
        let body = body.replace("MODEL", &format!("{sent_as}#{id}"));
        let mut run = Run::begin(&catalog(&settings), post("/v1/chat/completions", &[]), &body);
        let sent = String::from_utf8(run.sent_body().to_vec()).unwrap();
        run.json().input(Input::ClientGone);
        let told = run.record().adjustments.clone().unwrap_or_default();
        let untouched = sent == body.replace(&format!("#{id}"), "");
        assert_eq!(untouched, told.is_empty(), "{id}: {told}");
        writeln!(
            out,
            "{id}: {}\n{}\n",
            if untouched { "untouched" } else { &told },
            if untouched { "" } else { &sent }
        )
        .unwrap();
    }
    golden("openai_chat/relay_patches.txt", &out);
}

/// DeepSeek's Messages dialect, where an operator asks for it: pitfalls 28 and 141, named, and nothing else touched.
#[test]
fn messages_patches() {
    let mut settings = Settings { gateway_token: Some("tok".into()), ..Settings::default() };
    let dialects = Some(vec!["anthropic".to_owned()]);
    settings
        .providers
        .insert("deepseek".into(), Provider { api_key: Some("k".into()), dialects, ..Provider::default() });
    let ask = |members: &str| {
        let body = format!(r#"{{"model":"m#deepseek","max_tokens":9,"messages":[]{members}}}"#);
        let mut run = Run::begin(&catalog(&settings), post("/v1/messages", &[]), &body);
        assert_eq!(run.sent[0].head.uri, "https://api.deepseek.com/anthropic/v1/messages");
        assert_eq!(run.sent[0].head.headers["x-api-key"], "k");
        let sent = String::from_utf8(run.sent_body().to_vec()).unwrap();
        let rest = sent.strip_prefix(r#"{"model":"m","max_tokens":9,"messages":[]"#).unwrap();
        let rest = rest.strip_suffix('}').unwrap().to_owned();
        run.json().input(Input::ClientGone);
        (rest, run.record().adjustments.clone().unwrap_or_default())
    };
    let forced = r#","tool_choice":{"type":"tool","name":"f"}"#;
    let (off, effort) = (r#","thinking":{"type":"disabled"}"#, r#","output_config":{"effort":"high"}"#);
    for (members, want, told) in [
        (format!("{off}{effort}"), off.to_owned(), "output_config=patch"),
        (effort.to_owned(), effort.to_owned(), ""),
        (forced.to_owned(), r#","tool_choice":{"type":"auto"}"#.to_owned(), "tool_choice=patch"),
        (format!("{off}{forced}"), format!("{off}{forced}"), ""),
        (r#","tool_choice":{"type":"none"}"#.to_owned(), r#","tool_choice":{"type":"none"}"#.to_owned(), ""),
    ] {
        assert_eq!(ask(&members), (want, told.to_owned()), "{members}");
    }
}

/// A Messages body with these members, for one model of a provider.
fn to_model(quirks: &Quirks, model: &str, members: &str) -> Result<(Value, String), Untranslatable> {
    let body = format!(r#"{{"max_tokens":99,"messages":[{{"role":"user","content":"x"}}],{members}}}"#);
    let request = decode_request(Dialect::Anthropic, &body).unwrap();
    let encoded = encode_request(Dialect::OpenAiChat, &request, &Target { provider: "p", model, quirks })?;
    Ok((json(&encoded.body), losses(&encoded)))
}

/// The words of single models.
#[test]
fn model_rules() {
    let effort = |quirks: &Quirks, model: &str, word: &str| {
        let members = if word == "none" {
            r#""thinking":{"type":"disabled"}"#.to_owned()
        } else {
            format!(r#""output_config":{{"effort":"{word}"}}"#)
        };
        let (body, _) = to_model(quirks, model, &members).unwrap();
        (
            body["reasoning_effort"].as_str().unwrap_or("-").to_owned(),
            body["reasoning_format"].as_str().unwrap_or("-").to_owned(),
        )
    };
    for (quirks, model, asked, sent, format) in [
        (&Quirks::GROQ, "openai/gpt-oss-120b", "none", "-", "-"),
        (&Quirks::GROQ, "openai/gpt-oss-120b", "max", "high", "-"),
        (&Quirks::GROQ, "qwen/qwen3-32b", "low", "default", "parsed"),
        (&Quirks::GROQ, "qwen/qwen3-32b", "none", "none", "parsed"),
        (&Quirks::GROQ, "qwen/qwen3.8-27b", "low", "low", "parsed"),
        (&Quirks::GROQ, "llama-3.3-70b-versatile", "low", "-", "-"),
        (&Quirks::GROQ, "some-new-model", "low", "low", "-"),
        (&Quirks::AZURE, "DeepSeek-V3.2", "low", "-", "-"),
        (&Quirks::AZURE, "grok-4", "low", "-", "-"),
        (&Quirks::AZURE, "my-deployment", "low", "low", "-"),
    ] {
        assert_eq!(effort(quirks, model, asked), (sent.to_owned(), format.to_owned()), "{model} {asked}");
    }
}

/// Limits that are refused aloud, not cut.
#[test]
fn limits() {
    let tools = |n: usize| {
        let tool = |i: usize| format!(r#"{{"name":"f{i}","input_schema":{{"type":"object","properties":{{}}}}}}"#);
        format!(r#""tools":[{}]"#, (0..n).map(tool).collect::<Vec<_>>().join(","))
    };
    for quirks in [&Quirks::OPENAI, &Quirks::AZURE, &Quirks::GROQ, &Quirks::DEEPSEEK] {
        assert!(to_model(quirks, "m", &tools(128)).is_ok());
        assert_eq!(to_model(quirks, "m", &tools(129)).unwrap_err().param, "tools");
    }
    assert!(to_model(&Quirks::MISTRAL, "m", &tools(300)).is_ok());
    // Mistral: top_p more than 0.
    let (body, told) = to_model(&Quirks::MISTRAL, "m", r#""top_p":0"#).unwrap();
    assert_eq!((body.get("top_p"), told.as_str()), (None, "top_p=drop"));
    // Several choices where there is one (pitfall 140).
    let body = r#"{"contents":[{"role":"user","parts":[{"text":"x"}]}],"generationConfig":{"candidateCount":2}}"#;
    let request = decode_request(Dialect::Gemini, body).unwrap();
    for quirks in [&Quirks::DEEPSEEK, &Quirks::COHERE_COMPAT] {
        let target = Target { provider: "p", model: "m", quirks };
        assert_eq!(encode_request(Dialect::OpenAiChat, &request, &target).unwrap_err().param, "n");
    }
    // Workers AI stops after 256 tokens where no limit is sent.
    let request = decode_request(Dialect::Gemini, r#"{"contents":[{"role":"user","parts":[{"text":"x"}]}]}"#).unwrap();
    let target = Target { provider: "p", model: "m", quirks: &Quirks::WORKERS_AI };
    let encoded = encode_request(Dialect::OpenAiChat, &request, &target).unwrap();
    assert_eq!((json(&encoded.body)["max_tokens"].clone(), losses(&encoded)), (json!(2048), String::new()));
}

/// Structured output within what a provider takes.
#[test]
fn shapes() {
    let format = |schema: &str| format!(r#""output_config":{{"format":{{"type":"json_schema","schema":{schema}}}}}"#);
    let closed = |inner: &str| {
        format!(r#"{{"type":"object","properties":{{"a":{inner}}},"required":["a"],"additionalProperties":false}}"#)
    };
    let strict = |quirks: &Quirks, schema: &str| {
        let (body, _) = to_model(quirks, "m", &format(schema)).unwrap();
        body["response_format"]["json_schema"]["strict"].as_bool()
    };
    let long = closed(&format!(r#"{{"type":"string","description":"{}"}}"#, "x".repeat(5000)));
    let nested = r##"{"type":"object","properties":{"a":{"$ref":"#/$defs/n"}},"required":["a"],"additionalProperties":false,"$defs":{"n":INNER}}"##;
    for (schema, cerebras) in [
        (closed(r#"{"type":"string"}"#), true),
        (closed(r#"{"type":"string","pattern":"^a"}"#), false),
        (closed(r#"{"type":"string","format":"date"}"#), false),
        // A property may be called so.
        (closed(r#"{"type":"string"}"#).replace("\"a\"", "\"pattern\""), true),
        (nested.replace("INNER", r#"{"type":"string"}"#), true),
        (nested.replace("INNER", r##"{"anyOf":[{"$ref":"#/$defs/n"},{"type":"string"}]}"##), false),
        (long, false),
    ] {
        assert_eq!(strict(&Quirks::CEREBRAS, &schema), Some(cerebras), "{schema:.200}");
        assert_eq!(strict(&Quirks::OPENAI, &schema), Some(true), "{schema:.200}");
    }
    // Not beside tools: in words.
    let both = format!(
        r#"{},"tools":[{{"name":"f","input_schema":{{"type":"object","properties":{{}}}}}}]"#,
        format(&closed("{}"))
    );
    for (quirks, words) in [(&Quirks::CEREBRAS, true), (&Quirks::GROQ, true), (&Quirks::OPENAI, false)] {
        let (body, told) = to_model(quirks, "m", &both).unwrap();
        assert_eq!(body.get("response_format").is_none(), words);
        assert_eq!(body["messages"][0].to_string().contains("JSON schema"), words);
        assert_eq!(told.contains("output_config.format=approx"), words);
    }
    // The mode without a schema wants its name in the prompt.
    let ask = |text: &str| {
        let body = format!(
            r#"{{"contents":[{{"role":"user","parts":[{{"text":"{text}"}}]}}],"generationConfig":{{"responseMimeType":"application/json"}}}}"#
        );
        let request = decode_request(Dialect::Gemini, &body).unwrap();
        let target = Target { provider: "p", model: "m", quirks: &Quirks::MISTRAL };
        json(&encode_request(Dialect::OpenAiChat, &request, &target).unwrap().body)
    };
    assert_eq!(ask("Some Json, please.")["messages"].as_array().unwrap().len(), 1);
    assert!(ask("x")["messages"][0]["content"].as_str().unwrap().contains("JSON"));
}
