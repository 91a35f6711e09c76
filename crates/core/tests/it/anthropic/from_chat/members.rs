//! Top-level members.

use super::{HI, NEW, OLD, check, encode, members};
use crate::anthropic::json;

#[test]
fn limits() {
    let limit =
        |members: &str, model| json(encode(&format!("{{{HI}{members}}}"), model).unwrap().body)["max_tokens"].clone();
    // pitfall 115: the model's maximum, never a small constant.
    assert_eq!(limit("", NEW), 128_000);
    assert_eq!(limit("", OLD), 64_000);
    assert_eq!(limit("", "claude-3-haiku-20240307"), 4096);
    assert_eq!(limit(r#","max_tokens":7"#, NEW), 7);
    assert_eq!(limit(r#","max_tokens":7,"max_completion_tokens":8"#, NEW), 8);
    assert_eq!(limit(r#","max_tokens":999999"#, NEW), 128_000);
}

#[test]
fn sampling_follows_model_and_version() {
    // pitfalls 91, 92
    let version = |members: &str, model| {
        let encoded = encode(&format!("{{{HI}{members}}}"), model).unwrap();
        encoded.headers.iter().find(|(k, _)| *k == "anthropic-version").unwrap().1.clone()
    };
    assert_eq!(version("", NEW), "2026-10-21");
    assert_eq!(version(r#","temperature":0.5"#, NEW), "2026-10-21");
    assert_eq!(version(r#","temperature":0.5"#, OLD), "2023-06-01");
    check(r#""temperature":0.5"#, NEW, "{}", "temperature=drop");
    check(r#""temperature":1,"top_p":1.0"#, NEW, "{}", "");
    check(r#""temperature":0.50"#, OLD, r#"{"temperature":0.50}"#, "");
    check(r#""temperature":0,"top_p":0.9"#, OLD, r#"{"temperature":0}"#, "top_p=drop");
    check(r#""temperature":0.2,"top_p":1"#, OLD, r#"{"temperature":0.2}"#, "");
    check(r#""top_p":0.9"#, OLD, r#"{"top_p":0.9}"#, "");
    check(r#""temperature":1.7"#, OLD, r#"{"temperature":1}"#, "temperature=approx");
    check(r#""temperature":0.5,"top_p":0.5"#, "claude-3-5-sonnet-20241022", r#"{"temperature":0.5,"top_p":0.5}"#, "");
    check(r#""top_k":40"#, OLD, r#"{"top_k":40}"#, "");
    check(r#""top_k":40"#, NEW, "{}", "top_k=drop");
    // Thinking takes default sampling only.
    check(
        r#""temperature":0.5,"reasoning_effort":"low""#,
        OLD,
        r#"{"thinking":{"type":"enabled","budget_tokens":2048}}"#,
        "temperature=drop",
    );
}

#[test]
fn reasoning_follows_the_model() {
    // pitfalls 89, 90
    let effort = |e: &str| format!(r#""reasoning_effort":"{e}""#);
    for (wish, model, want, losses) in [
        ("high", NEW, r#"{"output_config":{"effort":"high"}}"#, ""),
        ("xhigh", NEW, r#"{"output_config":{"effort":"xhigh"}}"#, ""),
        ("max", NEW, r#"{"output_config":{"effort":"max"}}"#, ""),
        ("minimal", NEW, r#"{"output_config":{"effort":"low"}}"#, "reasoning_effort=approx"),
        ("none", NEW, r#"{"output_config":{"effort":"low"}}"#, "reasoning_effort=approx"),
        ("medium", "claude-opus-4-7", r#"{"thinking":{"type":"adaptive"},"output_config":{"effort":"medium"}}"#, ""),
        (
            "xhigh",
            "claude-opus-4.6",
            r#"{"thinking":{"type":"adaptive"},"output_config":{"effort":"high"}}"#,
            "reasoning_effort=approx",
        ),
        ("none", "claude-opus-4-7", "{}", ""),
        ("none", "claude-sonnet-5", r#"{"thinking":{"type":"disabled"}}"#, ""),
        ("none", "claude-opus-5", r#"{"thinking":{"type":"disabled"}}"#, ""),
        ("none", "claude-sonnet-5-5", r#"{"thinking":{"type":"between_tools"}}"#, "reasoning_effort=approx"),
        ("high", OLD, r#"{"thinking":{"type":"enabled","budget_tokens":16384}}"#, ""),
        ("none", OLD, "{}", ""),
        ("high", "claude-3-5-haiku-20241022", "{}", "reasoning_effort=drop"),
    ] {
        check(&effort(wish), model, want, losses);
    }
    check(
        r#""reasoning_effort":"max","max_tokens":2000"#,
        OLD,
        r#"{"thinking":{"type":"enabled","budget_tokens":1999}}"#,
        "reasoning_effort=approx",
    );
    check(r#""reasoning_effort":"low","max_tokens":1000"#, OLD, "{}", "reasoning_effort=drop");
    // Anthropic's own member, as OpenRouter and LiteLLM clients send it.
    check(
        r#""thinking":{"type":"enabled","budget_tokens":5000}"#,
        OLD,
        r#"{"thinking":{"type":"enabled","budget_tokens":5000}}"#,
        "",
    );
    check(
        r#""thinking":{"type":"enabled","budget_tokens":5000}"#,
        NEW,
        r#"{"thinking":{"type":"adaptive"},"output_config":{"effort":"medium"}}"#,
        "thinking=approx",
    );
    check(
        r#""thinking":{"type":"adaptive","display":"summarized"}"#,
        NEW,
        r#"{"thinking":{"type":"adaptive","display":"summarized"}}"#,
        "",
    );
    check(r#""thinking":true"#, NEW, "{}", "thinking=drop");
}

#[test]
fn members_without_a_place() {
    for name in [
        "logit_bias",
        "prediction",
        "verbosity",
        "store",
        "moderation",
        "prompt_cache_key",
        "prompt_cache_options",
        "brand_new",
    ] {
        check(&format!(r#""{name}":{{"a":1}}"#), NEW, "{}", &format!("{name}=drop"));
    }
    check(
        r#""seed":1,"frequency_penalty":0.1,"presence_penalty":0.1"#,
        NEW,
        "{}",
        "frequency_penalty=drop,presence_penalty=drop,seed=drop",
    );
    check(r#""n":1,"modalities":["text"],"logprobs":false,"stop":null,"brand_new":null"#, NEW, "{}", "");
    check(r#""metadata":{"a":"b"}"#, NEW, "{}", "metadata=drop");
    // pitfall 140
    for (given, param) in [
        (r#""n":2"#, "n"),
        (r#""logprobs":true"#, "logprobs"),
        (r#""top_logprobs":3"#, "top_logprobs"),
        (r#""modalities":["text","audio"]"#, "modalities"),
        (r#""audio":{"voice":"x"}"#, "audio"),
        (r#""response_format":{"type":"grammar"}"#, "response_format"),
    ] {
        assert_eq!(encode(&format!("{{{HI},{given}}}"), NEW).unwrap_err(), param);
    }
}

#[test]
fn members_with_another_name() {
    check(r#""stop":"END""#, NEW, r#"{"stop_sequences":["END"]}"#, "");
    check(r#""stop":["a\u0062"," \n"]"#, NEW, r#"{"stop_sequences":["ab"]}"#, "stop=drop");
    check(r#""user":"u-1""#, NEW, r#"{"metadata":{"user_id":"u-1"}}"#, "");
    check(r#""metadata":{"user_id":"u-2"}"#, NEW, r#"{"metadata":{"user_id":"u-2"}}"#, "");
    for user in ["a@b.c", "+49 170 1234567", &"x".repeat(300)] {
        let (out, losses) = members(&format!(r#""safety_identifier":"{user}""#), NEW);
        assert!(out["metadata"]["user_id"].as_str().unwrap().starts_with("user_"), "{out}");
        assert_eq!(losses, "user=approx");
    }
    // pitfall 128
    check(r#""service_tier":"auto""#, NEW, r#"{"service_tier":"auto"}"#, "");
    check(r#""service_tier":"default""#, NEW, r#"{"service_tier":"standard_only"}"#, "");
    check(r#""service_tier":"priority""#, NEW, r#"{"service_tier":"auto"}"#, "service_tier=approx");
    check(r#""service_tier":"flex""#, NEW, "{}", "service_tier=drop");
    check(r#""stream":true,"stream_options":{"include_usage":true}"#, NEW, r#"{"stream":true}"#, "");
    check(r#""cache_control":{"type":"ephemeral"}"#, NEW, r#"{"cache_control":{"type":"ephemeral"}}"#, "");
    let encoded = encode(&format!(r#"{{{HI},"anthropic_beta":["a-1","b-2"]}}"#), NEW).unwrap();
    assert!(encoded.headers.contains(&("anthropic-beta", "a-1,b-2".to_owned())));
    let bad = encode(&format!(r#"{{{HI},"anthropic_beta":["a\r\nx: y"]}}"#), NEW).unwrap();
    assert_eq!(bad.headers.len(), 1);
}
