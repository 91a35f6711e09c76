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
    assert_eq!(run.header("x-apex-adjustments"), "input.reasoning=drop,store=patch,previous_response_id=patch");
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
    // It is no reply of the background, which could go on or be heard once more.
    let cancel = format!("{}/cancel", first.key.id);
    let stream = format!("{}?stream=true", first.key.id);
    for (method, path) in [("POST", cancel.as_str()), ("GET", stream.as_str())] {
        let run = read(method, path, vec![first.clone()]);
        assert_eq!(run.status(), Some(400), "{method} {path}");
        assert!(run.text().contains("not made in the background"), "{}", run.text());
    }
    // One that a provider keeps is that provider's to tell.
    for (method, path) in
        [("DELETE", "resp_theirs"), ("GET", "resp_theirs?stream=true"), ("POST", "resp_theirs/cancel")]
    {
        let run = read(method, path, vec![theirs(&catalog, false)]);
        let uri = format!("https://api.openai.com/v1/responses/{path}");
        assert_eq!((run.sent[0].head.uri.to_string(), run.sent[0].head.method.as_str()), (uri, method));
    }
}

#[test]
fn a_reply_that_nobody_knows_is_not_found() {
    let paths = [("GET", ""), ("GET", "/input_items"), ("DELETE", ""), ("POST", "/cancel")];
    for default in [None, Some("mistral")] {
        let catalog = catalog(&Settings { default_provider: default.map(str::to_owned), ..keeping() });
        for (method, path) in paths {
            let mut head = post(&format!("/v1/responses/resp_none{path}"), &[]);
            head.method = method.parse().unwrap();
            let mut run = Run::begin(&catalog, head, "");
            run.input(Input::Recalled(Vec::new()));
            assert_eq!(
                (run.status(), run.text()),
                (
                    Some(404),
                    r#"{"error":{"message":"response `resp_none` is not known: it was not stored, is forgotten, or belongs to other credentials","type":"invalid_request_error","param":null,"code":"response_not_found"}}"#
                ),
                "{method} {path}"
            );
        }
    }
    // A provider that keeps replies is asked, if it is named or the default one.
    let with_default = catalog(&Settings { default_provider: Some("openai".into()), ..keeping() });
    for (catalog, headers) in [(with_default, vec![]), (catalog(&keeping()), vec![("x-apex-provider", "openai")])] {
        let mut head = post("/v1/responses/resp_none", &headers);
        head.method = http::Method::GET;
        let mut run = Run::begin(&catalog, head, "");
        run.input(Input::Recalled(Vec::new()));
        assert_eq!(run.sent.len(), 1);
    }
}

/// A provider of the dialect that keeps nothing, and says so.
fn forgetful() -> Arc<Catalog> {
    let mut settings = keeping();
    let other = apex_core::settings::Provider {
        dialects: Some(vec!["openai-responses".into()]),
        base_url: Some("https://other.example/v1".into()),
        ..Default::default()
    };
    settings.providers.insert("other".into(), other);
    catalog(&settings)
}

#[test]
fn a_relayed_reply_says_that_it_is_kept() {
    let catalog = forgetful();
    let upstream = r#"{ "id":"resp_1","object":"response", "store" : false,"previous_response_id":null,"status":"completed","model":"m","output":[{"id":"msg_1","type":"message","status":"completed","role":"assistant","content":[{"type":"output_text","text":"\"store\":false","annotations":[]}]}],"usage":{"input_tokens":1,"output_tokens":1,"total_tokens":2}}"#;
    let kept = upstream.replace("\"store\" : false", "\"store\" : true");
    let continued = kept.replace("\"previous_response_id\":null", "\"previous_response_id\":\"resp_0\"");
    let event = |name: &str, response: &str| {
        format!("event: {name}\ndata: {{\"type\":\"{name}\",\"sequence_number\":0,\"response\":{response}}}\n\n")
    };
    let all = |response: &str| {
        let delta = "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"delta\":\"\\\"store\\\":false\"}\n\n";
        [&event("response.created", response), delta, &event("response.completed", response)].concat()
    };
    let before = Kept { response: OPENAI.into(), ..theirs(&catalog, false) };
    let goes_on = (r#","previous_response_id":"resp_0""#, &continued, "store=patch,previous_response_id=patch");
    for (more, want, adjustments) in [("", &kept, "store=patch"), (r#","store":true"#, &kept, "store=patch"), goes_on] {
        for stream in [false, true] {
            // Nothing is refused: what was asked for is done.
            let body = format!(r#"{{"model":"m#other","stream":{stream},"input":"hi"{more}}}"#);
            let mut run = Run::begin(&catalog, post("/v1/responses", &[("x-apex-strict", "true")]), &body);
            if !run.asks.is_empty() {
                run.input(Input::Recalled(vec![Kept { response: "{}".into(), ..before.clone() }]));
            }
            assert!(sent(&run).get("store").is_none() && sent(&run).get("previous_response_id").is_none());
            if stream {
                run.sse();
                let bytes = all(upstream);
                let (one, two) = bytes.split_at(bytes.len() - 70);
                run.chunk(one).chunk(two).close();
                assert_eq!(run.text(), all(want));
            } else {
                let length = upstream.len().to_string();
                run.upstream_head(200, &[("content-type", "application/json"), ("content-length", &length)]);
                let (one, two) = upstream.split_at(40);
                // Its head may go out before; what it says does not.
                run.chunk(one).wait(std::time::Duration::from_secs(7)).chunk(two).close();
                assert_eq!((run.text(), run.header("content-length")), (want.as_str(), ""));
            }
            assert_eq!(run.header("x-apex-adjustments"), adjustments);
            let [entry] = run.kept.as_slice() else { panic!("{:?}", run.kept) };
            assert_eq!(entry.response, *want);
        }
    }
    // What is not kept says so as it came.
    let mut run = ask(&catalog, "m#other", r#""input":"hi","store":false"#);
    run.json().chunk(upstream).close();
    assert_eq!((run.text(), run.header("x-apex-adjustments"), run.kept.len()), (upstream, "", 0));
}

#[test]
fn a_provider_that_may_not_keep_is_not_named_for_it() {
    let catalog = catalog(&keeping());
    let mut run = ask(&catalog, "gpt-5.5#openai", r#""input":"hi""#);
    run.json().chunk(OPENAI.replace(r#""object""#, r#""store":false,"object""#)).close();
    assert!(!run.kept[0].held);
}

#[test]
fn a_large_stream_is_kept() {
    let catalog = forgetful();
    let large = "A".repeat(3 << 20);
    let response = OPENAI.replace("hello", &large).replace(r#""object""#, r#""store":false,"object""#);
    let event =
        format!("event: response.completed\ndata: {{\"type\":\"response.completed\",\"response\":{response}}}\n\n");
    let mut run = ask(&catalog, "m#other", r#""input":"hi","stream":true"#);
    run.sse();
    event.as_bytes().chunks(100_000).for_each(|chunk| {
        run.chunk(chunk);
    });
    run.close();
    assert_eq!(run.kept.len(), 1);
    assert!(run.text().contains(r#""store":true"#));
}

#[test]
fn items_are_named_instead_of_sent() {
    let catalog = forgetful();
    let ours = first(&catalog);
    let reply: serde_json::Value = serde_json::from_str(&ours.response).unwrap();
    let ids: Vec<&str> = reply["output"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap()).collect();
    let named = |id: &str| format!(r#"{{"type":"item_reference","id":"{id}"}}"#);
    let rest = format!(
        r#""input":[{{"role":"user","content":"weather in Paris?"}},{},{},{{"type":"function_call_output","call_id":"call_1","output":"sunny"}}]"#,
        named(ids[0]),
        named(ids[1])
    );
    for model in ["m#mistral", "m#other", "gpt-5.5#openai"] {
        let mut run = ask(&catalog, model, &rest);
        let mut sorted: Vec<String> = ids.iter().map(|&id| id.to_owned()).collect();
        sorted.sort();
        assert_eq!(run.asks, [Ask::Holding { owner: ours.key.owner, ids: sorted, limit: catalog.limits.body }]);
        run.input(Input::Recalled(vec![ours.clone()]));
        let body = sent(&run);
        if model == "m#mistral" {
            let messages = &body["messages"];
            assert_eq!(messages[1]["tool_calls"][0]["id"], messages[2]["tool_call_id"], "{messages}");
            run.json().chunk(CHAT_CALL).close();
        } else {
            let kinds: Vec<_> = body["input"].as_array().unwrap().iter().map(|i| i["type"].as_str()).collect();
            assert_eq!(kinds, [None, Some("message"), Some("function_call"), Some("function_call_output")], "{body}");
            assert_eq!(body["input"][1]["id"], serde_json::Value::Null);
            run.json().chunk(OPENAI).close();
        }
        assert!(!run.kept[0].input.contains("item_reference") && run.kept[0].input.contains("call_1"));
    }
    // A provider that holds them itself is told their names.
    let theirs = theirs(&catalog, false);
    let rest = format!(r#""input":[{},{},{{"role":"user","content":"more"}}]"#, named("rs_1"), named("msg_1"));
    let mut run = ask(&catalog, "gpt-5.5#openai", &rest);
    run.input(Input::Recalled(vec![theirs.clone()]));
    assert_eq!(sent(&run)["input"][1], serde_json::json!({"type": "item_reference", "id": "msg_1"}));
    run.json().chunk(OPENAI).close();
    assert!(!run.kept[0].input.contains("item_reference"), "{}", run.kept[0].input);
    // Elsewhere its items are told, but for reasoning without a state.
    let mut run = ask(&catalog, "m#other", &rest);
    run.input(Input::Recalled(vec![theirs.clone()]));
    assert_eq!(sent(&run)["input"].as_array().unwrap().len(), 2);
    run.json().chunk(OPENAI).close();
    assert_eq!(run.header("x-apex-adjustments"), "input.reasoning=drop,store=patch");
    // Unknown ones, and a second name for the same, are what they always were.
    let twice = format!(r#""input":[{},{0}]"#, named("msg_1"));
    for (found, rest) in [(Vec::new(), &rest), (vec![theirs], &twice)] {
        let mut run = ask(&catalog, "m#mistral", rest);
        run.input(Input::Recalled(found));
        assert_eq!(run.ended(), ("refused", Some(400), false));
        assert!(run.text().contains(r#""param":"input[1].id""#), "{}", run.text());
    }
    // Both ways at once.
    let both = format!(r#""previous_response_id":"{}","input":[{}]"#, ours.key.id, named("msg_1"));
    let mut run = ask(&catalog, "m#mistral", &both);
    run.input(Input::Recalled(vec![ours.clone()]));
    assert!(run.sent.is_empty() && run.asks.len() == 2);
    run.input(Input::Recalled(vec![super::stored::theirs(&catalog, false)]));
    assert_eq!(sent(&run)["messages"][1]["content"], "Let me look.hello");
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
