//! Perplexity's Agent API: a smaller Responses, asked by every client (section 11 of the list of provider quirks).

use apex_core::settings::{Provider, Settings};
use serde_json::{Value, json};

use crate::harness::{Run, catalog, post};

fn ask(path: &str, body: &Value) -> Run {
    let mut settings = Settings { gateway_token: Some("tok".into()), ..Settings::default() };
    settings.providers.insert("perplexity-ai".into(), Provider { api_key: Some("k".into()), ..Provider::default() });
    Run::begin(&catalog(&settings), post(path, &[]), &body.to_string())
}

fn sent(run: &Run) -> Value {
    assert_eq!(run.sent[0].head.uri, "https://api.perplexity.ai/v1/responses");
    serde_json::from_slice(run.sent_body()).unwrap()
}

const MODEL: &str = "perplexity/sonar#perplexity-ai";

/// Its former Chat API is gone: a Chat client is translated, and hears what the new one lacks.
#[test]
fn only_what_it_has() {
    let mut run = ask(
        "/v1/chat/completions",
        &json!({"model":MODEL,"messages":[{"role":"system","content":"S"},{"role":"user","content":"go"}],"max_tokens":9,
            "temperature":0.5,"top_p":0.5,"service_tier":"auto","user":"u","reasoning_effort":"max","parallel_tool_calls":false,
            "tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{}}}}],
            "tool_choice":"required","web_search_options":{"search_context_size":"low"},
            "response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object"}}}}),
    );
    assert_eq!(
        sent(&run),
        json!({"model":"perplexity/sonar","max_output_tokens":9,"reasoning":{"effort":"xhigh"},
            "response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object"}}},
            "tools":[{"type":"function","name":"f","parameters":{"type":"object","properties":{}},"strict":false},
                {"type":"web_search","search_context_size":"low"}],
            "instructions":"S","input":[{"type":"message","role":"user","content":[{"type":"input_text","text":"go"}]}]})
    );
    run.json().input(apex_core::exchange::Input::ClientGone);
    let told = run.record().adjustments.clone().unwrap();
    for name in ["temperature", "top_p", "service_tier", "user", "tool_choice", "parallel_tool_calls"] {
        assert!(told.contains(&format!("{name}=drop")), "{name}: {told}");
    }
    // No tool is called where none is offered.
    let run = ask(
        "/v1/chat/completions",
        &json!({"model":MODEL,"messages":[{"role":"user","content":"go"}],"tool_choice":"none",
            "tools":[{"type":"function","function":{"name":"f"}}]}),
    );
    assert!(sent(&run).get("tools").is_none());
    // Any object, where no schema is given.
    let run = ask(
        "/v1/chat/completions",
        &json!({"model":MODEL,"messages":[{"role":"user","content":"go"}],"response_format":{"type":"json_object"}}),
    );
    assert_eq!(sent(&run)["response_format"]["json_schema"]["schema"], json!({"type":"object"}));
    let run = ask(
        "/v1/messages",
        &json!({"model":MODEL,"max_tokens":9,"messages":[{"role":"user","content":[{"type":"document",
            "source":{"type":"base64","media_type":"application/pdf","data":"JVBERi0="}}]}]}),
    );
    assert_eq!(run.status(), Some(400), "{}", run.text());
}

/// What it found is told as sources of the answer, and its own bill is believed.
#[test]
fn sources_and_cost() {
    let found = json!({"type":"search_results","queries":["q"],"results":[
        {"id":1,"url":"https://a.x","title":"A","snippet":"s"},{"id":2,"url":"https://b.x"},{"id":3}]});
    let message = |annotations: Value| {
        json!({"type":"message","id":"m","role":"assistant","status":"completed",
            "content":[{"type":"output_text","text":"Hi","annotations":annotations}]})
    };
    let usage = json!({"input_tokens":10,"output_tokens":2,"total_tokens":12,"cost":{"currency":"USD","total_cost":0.25},
        "input_tokens_details":{"cache_read_input_tokens":4,"cache_creation_input_tokens":1}});
    let chat = |stream: bool| {
        ask("/v1/chat/completions", &json!({"model":MODEL,"stream":stream,"messages":[{"role":"user","content":"go"}]}))
    };
    let own = json!([{"type":"url_citation","url":"https://own.x","title":"O","start_index":0,"end_index":2}]);
    for (annotations, want) in [(json!([]), vec!["https://a.x", "https://b.x"]), (own, vec!["https://own.x"])] {
        let response = json!({"id":"r","object":"response","status":"completed","model":"m",
            "output":[found, message(annotations)],"usage":usage});
        let mut run = chat(false);
        run.json().chunk(response.to_string()).close();
        let reply: Value = serde_json::from_str(run.text()).unwrap();
        let urls = |m: &Value| -> Vec<String> {
            let list = m["annotations"].as_array().cloned().unwrap_or_default();
            list.iter().map(|a| a["url_citation"]["url"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(urls(&reply["choices"][0]["message"]), want);
        assert_eq!((run.header("x-apex-cost"), run.record().usage.input_uncached), ("0.25", Some(5)));
        // The same over a stream.
        let mut run = chat(true);
        run.sse();
        for (at, item) in response["output"].as_array().unwrap().iter().enumerate() {
            run.chunk(format!(
                "data: {}\n\n",
                json!({"type":"response.output_item.done","output_index":at,"item":item})
            ));
        }
        run.chunk(format!(
            "data: {}\n\n",
            json!({"type":"response.completed","response":{"status":"completed","usage":usage}})
        ));
        run.close();
        let told: Vec<_> = super::data(run.text()).iter().flat_map(|c| urls(&c["choices"][0]["delta"])).collect();
        assert_eq!(told, want);
    }
}
