//! `previous_response_id` where the gateway keeps replies itself.

use std::sync::Arc;

use apex_core::catalog::Catalog;
use apex_core::exchange::{Body, Input};
use apex_core::settings::Settings;
use apex_core::stored::{Ask, Kept};

use crate::harness::{CHAT_HELLO, Run, catalog, chat_chunk, post, settings};

fn keeping() -> Settings {
    let mut settings = settings();
    settings.responses.store = Some("memory".into());
    settings.providers.entry("openai".into()).or_default().dialects =
        Some(vec!["openai-responses".into(), "openai-chat".into()]);
    settings
}

fn ask(catalog: &Arc<Catalog>, model: &str, rest: &str) -> Run {
    let body = format!(r#"{{"model":"{model}",{rest}}}"#);
    Run::begin(catalog, post("/v1/responses", &[]), &body)
}

/// The request's body as it was sent.
fn sent(run: &Run) -> serde_json::Value {
    let Body::Bytes(body) = &run.sent.last().unwrap().body else { panic!("a streamed body") };
    serde_json::from_slice(body).unwrap()
}

const CHAT_CALL: &str = r#"{"id":"c1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"finish_reason":"tool_calls","message":{"role":"assistant","content":"Let me look.","tool_calls":[{"id":"call_1","type":"function","function":{"name":"weather","arguments":"{\"city\":\"Paris\"}"}}]}}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}"#;

fn first(catalog: &Arc<Catalog>) -> Kept {
    let mut run = ask(catalog, "m#mistral", r#""input":"weather in Paris?","instructions":"Be brief.""#);
    run.json().chunk(CHAT_CALL).close();
    let reply: serde_json::Value = serde_json::from_str(run.text()).unwrap();
    assert_eq!((&reply["store"], &reply["previous_response_id"]), (&true.into(), &serde_json::Value::Null));
    let [kept] = run.kept.as_slice() else { panic!("{:?}", run.kept) };
    assert_eq!(kept.key.id, reply["id"].as_str().unwrap());
    assert_eq!(kept.response, run.text());
    assert_eq!(kept.input, r#"[{"role":"user","content":"weather in Paris?"}]"#);
    assert!(!kept.held && kept.previous.is_none() && kept.provider == "mistral");
    assert_eq!(run.header("x-apex-adjustments"), "");
    kept.clone()
}

#[test]
fn a_conversation_goes_on_by_id() {
    let catalog = catalog(&keeping());
    let first = first(&catalog);
    let rest = format!(
        r#""previous_response_id":"{}","store":true,"input":[{{"type":"function_call_output","call_id":"call_1","output":"sunny"}}]"#,
        first.key.id
    );
    for stream in [false, true] {
        let mut run = ask(&catalog, "m#mistral", &format!(r#""stream":{stream},{rest}"#));
        assert_eq!(run.asks, [Ask::Chain { key: first.key.clone(), limit: catalog.limits.body }]);
        assert!(run.sent.is_empty());
        run.input(Input::Recalled(vec![first.clone()]));
        let messages = &sent(&run)["messages"];
        let roles: Vec<_> = messages.as_array().unwrap().iter().map(|m| m["role"].as_str().unwrap()).collect();
        // Instructions are those of each request alone.
        assert_eq!(roles, ["user", "assistant", "tool"], "{messages}");
        assert_eq!(messages[1]["tool_calls"][0]["function"]["arguments"], r#"{"city":"Paris"}"#);
        if stream {
            run.sse().chunk(chat_chunk(CHAT_HELLO, "null")).chunk(chat_chunk(r#"{"content":"Sunny."}"#, "null"));
            assert!(run.kept.is_empty());
            run.chunk(chat_chunk("{}", "\"stop\"")).chunk("data: [DONE]\n\n").close();
            assert!(run.text().contains(&format!(r#""previous_response_id":"{}","store":true"#, first.key.id)));
        } else {
            run.json().chunk(CHAT_CALL).close();
        }
        let [kept] = run.kept.as_slice() else { panic!("{:?}", run.kept) };
        assert_eq!(kept.previous.as_ref(), Some(&first.key.id));
        assert_eq!(kept.input, r#"[{"type":"function_call_output","call_id":"call_1","output":"sunny"}]"#);
        assert!(kept.response.contains(r#""status":"completed""#) && !kept.response.contains("event:"));
        assert_eq!(run.header("x-apex-adjustments"), "");
    }
}

#[test]
fn what_is_not_to_be_stored_is_not() {
    let catalog = catalog(&keeping());
    let mut run = ask(&catalog, "m#mistral", r#""input":"hi","store":false"#);
    run.json().chunk(CHAT_CALL).close();
    assert!(run.kept.is_empty() && run.text().contains(r#""store":false"#), "{}", run.text());
}

#[test]
fn an_unknown_reply_is_refused() {
    let catalog = catalog(&keeping());
    let mut run = ask(&catalog, "m#mistral", r#""input":"hi","previous_response_id":"resp_x""#);
    run.input(Input::Recalled(Vec::new()));
    assert_eq!(run.ended(), ("refused", Some(400), false));
    assert!(run.text().contains(r#""param":"previous_response_id","code":"previous_response_not_found""#));
    // Where nothing is kept, nothing is looked up.
    let run =
        ask(&crate::harness::catalog(&settings()), "m#mistral", r#""input":"hi","previous_response_id":"resp_x""#);
    assert_eq!((run.status(), run.asks.len()), (Some(400), 0));
    assert!(run.text().contains("send the whole conversation in `input`"), "{}", run.text());
}

#[test]
fn a_conversation_larger_than_a_body_is_refused() {
    let catalog = catalog(&keeping());
    let mut large = first(&catalog);
    large.input = format!("[\"{}\"]", "x".repeat(usize::try_from(catalog.limits.body).unwrap()));
    let mut run = ask(&catalog, "m#mistral", &format!(r#""input":"hi","previous_response_id":"{}""#, large.key.id));
    run.input(Input::Recalled(vec![large]));
    assert_eq!(run.ended(), ("refused", Some(413), false));
}

/// A reply of OpenAI's own, as JSON.
const OPENAI: &str = r#"{"id":"resp_theirs","object":"response","status":"completed","model":"gpt-5.5","output":[{"id":"rs_1","type":"reasoning","summary":[]},{"id":"msg_1","type":"message","status":"completed","role":"assistant","content":[{"type":"output_text","text":"hello","annotations":[]}]}],"usage":{"input_tokens":1,"output_tokens":1,"total_tokens":2}}"#;

fn theirs(catalog: &Arc<Catalog>, stream: bool) -> Kept {
    let mut run = ask(catalog, "gpt-5.5#openai", &format!(r#""stream":{stream},"input":"hi""#));
    assert_eq!(sent(&run), serde_json::json!({"model": "gpt-5.5", "stream": stream, "input": "hi"}));
    if stream {
        let event =
            format!("event: response.completed\ndata: {{\"type\":\"response.completed\",\"response\":{OPENAI}}}\n\n");
        run.sse().chunk(&event[..60]).chunk(&event[60..]);
        // The client has the last word now, and may use it: before the upstream closes.
        assert_eq!(run.kept.len(), 1);
        run.close();
    } else {
        run.json().chunk(OPENAI).close();
    }
    let [kept] = run.kept.as_slice() else { panic!("{:?}", run.kept) };
    assert_eq!((kept.key.id.as_str(), kept.held, kept.response.as_str()), ("resp_theirs", true, OPENAI));
    kept.clone()
}

#[test]
fn a_provider_that_keeps_replies_is_relayed_to() {
    let catalog = catalog(&keeping());
    for stream in [false, true] {
        let kept = theirs(&catalog, stream);
        for found in [vec![kept], Vec::new()] {
            let mut run = ask(&catalog, "gpt-5.5#openai", r#""input":"more","previous_response_id":"resp_theirs""#);
            run.input(Input::Recalled(found));
            assert_eq!(sent(&run)["previous_response_id"], "resp_theirs");
            assert_eq!(sent(&run)["input"], "more");
        }
    }
}

#[test]
fn a_change_of_provider_takes_what_was_said_along() {
    let catalog = catalog(&keeping());
    // From OpenAI to Mistral: its reasoning stays behind.
    let kept = theirs(&catalog, false);
    let mut run = ask(&catalog, "m#mistral", r#""input":"more","previous_response_id":"resp_theirs""#);
    run.input(Input::Recalled(vec![kept]));
    let messages = sent(&run)["messages"].clone();
    assert_eq!(messages.as_array().unwrap().len(), 3, "{messages}");
    assert!(messages[1].to_string().contains("hello"));
    // And back: ours means nothing there, nor do our items' ids.
    let first = first(&catalog);
    let rest = format!(
        r#""store":true,"previous_response_id":"{}","input":[{{"type":"function_call_output","call_id":"call_1","output":"sunny"}}]"#,
        first.key.id
    );
    let mut run = ask(&catalog, "gpt-5.5#openai", &rest);
    run.input(Input::Recalled(vec![first.clone()]));
    let body = sent(&run);
    assert_eq!((&body["previous_response_id"], &body["store"]), (&serde_json::Value::Null, &true.into()));
    let items = body["input"].as_array().unwrap();
    let kinds: Vec<_> = items.iter().map(|i| i["type"].as_str().unwrap_or("text")).collect();
    assert_eq!(kinds, ["text", "message", "function_call", "function_call_output"]);
    assert!(items.iter().all(|i| i["id"].is_null() && i["status"].is_null()), "{body}");
    run.json().chunk(OPENAI).close();
    assert_eq!(run.kept[0].previous, Some(first.key.id));
    // Reasoning without its state would be refused by another provider of the dialect.
    let mut settings = keeping();
    settings.providers.insert(
        "other".into(),
        apex_core::settings::Provider {
            dialects: Some(vec!["openai-responses".into()]),
            base_url: Some("https://other.example/v1".into()),
            ..Default::default()
        },
    );
    let catalog = crate::harness::catalog(&settings);
    let mut run = ask(&catalog, "m#other", r#""store":true,"input":"more","previous_response_id":"resp_theirs""#);
    run.input(Input::Recalled(vec![theirs(&catalog, false)]));
    assert_eq!(sent(&run)["input"].as_array().unwrap().len(), 3);
    assert!(sent(&run).get("store").is_none(), "one that keeps nothing may refuse it");
    run.json().chunk(OPENAI).close();
    assert_eq!(run.header("x-apex-adjustments"), "input.reasoning=drop");
    assert!(!run.kept[0].held);
}

#[test]
fn kept_replies_are_read_and_deleted() {
    let catalog = catalog(&keeping());
    let first = first(&catalog);
    let read = |method: &str, path: &str, found: Vec<Kept>| {
        let mut head = post(&format!("/v1/responses/{path}"), &[]);
        head.method = method.parse().unwrap();
        let mut run = Run::begin(&catalog, head, "");
        assert_eq!(run.asks.len(), 1, "{method} {path}");
        run.input(Input::Recalled(found));
        run
    };
    let run = read("GET", &first.key.id, vec![first.clone()]);
    assert_eq!((run.status(), run.text()), (Some(200), first.response.as_str()));
    let run = read("DELETE", &first.key.id, vec![first.clone()]);
    assert!(matches!(&run.asks[0], Ask::Forget(key) if *key == first.key));
    assert_eq!(run.text(), format!(r#"{{"id":"{}","object":"response","deleted":true}}"#, first.key.id));
    let run = read("GET", &format!("{}/input_items?limit=1", first.key.id), vec![first.clone()]);
    assert!(run.text().contains(r#""content":[{"type":"input_text","text":"weather in Paris?"}]"#), "{}", run.text());
    // One that a provider keeps is that provider's to tell; one that nobody knows, the named one's.
    let run = read("DELETE", "resp_theirs", vec![theirs(&catalog, false)]);
    assert_eq!(run.sent[0].head.uri, "https://api.openai.com/v1/responses/resp_theirs");
    let run = read("GET", "resp_theirs", Vec::new());
    assert_eq!(run.status(), Some(404));
}

#[test]
fn nobody_reads_anothers_conversation() {
    let catalog = catalog(&keeping());
    let owner = |headers: &[(&str, &str)]| {
        let body = r#"{"model":"m#mistral","input":"hi","previous_response_id":"resp_x"}"#;
        let run = Run::begin(&catalog, crate::harness::bare_post("/v1/responses", headers), body);
        let Ask::Chain { key, .. } = &run.asks[0] else { panic!() };
        key.owner
    };
    let cloudflare = ("cf-aig-authorization", "Bearer tok");
    let (none, one, two) = (
        owner(&[("authorization", "Bearer tok")]),
        owner(&[cloudflare, ("authorization", "Bearer sk-mine")]),
        owner(&[cloudflare, ("authorization", "Bearer sk-yours")]),
    );
    assert!(none != one && one != two && none != two);
    assert_eq!(none, owner(&[cloudflare]));
}
