//! What each provider's row does to one translated request, and which edits it makes to a relayed one.

use apex_core::provider::{Patch, Quirks};
use serde_json::{Value, json};

use super::{foreign, json, losses};

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

#[test]
fn relay_patches() {
    // Providers that take every member have none: their bodies pass byte for byte but for the model.
    for quirks in [&Quirks::OPENAI, &Quirks::AZURE, &Quirks::OPENROUTER, &Quirks::COMPATIBLE] {
        assert!(quirks.relay_patches.is_empty());
    }
    let patches = |quirks: &Quirks| quirks.relay_patches.to_vec();
    let mistral = patches(&Quirks::MISTRAL);
    for patch in [
        Patch::Drop("stream_options"),
        Patch::Drop("user"),
        Patch::Drop("store"),
        Patch::Rename("max_completion_tokens", "max_tokens"),
        Patch::Rename("seed", "random_seed"),
    ] {
        assert!(mistral.contains(&patch), "{patch:?}");
    }
    assert!(patches(&Quirks::GROQ).contains(&Patch::Drop("logit_bias")));
    assert!(patches(&Quirks::DEEPSEEK).contains(&Patch::Rename("user", "user_id")));
    assert!(patches(&Quirks::WORKERS_AI).contains(&Patch::Rename("max_completion_tokens", "max_tokens")));
}
