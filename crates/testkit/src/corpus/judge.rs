//! For tests in other languages: what there is to replay, and whether what their clients were told is what was recorded.
#![expect(clippy::indexing_slicing, reason = "a missing member of a `Value` is null")]

use serde_json::{Value, json};

use super::replay::MODEL;
use super::{
    APIS, Dialect, Excuse, RELAYED, Replayed, Told, all, answer, dialect, differences, error_differences, fails,
};

/// `{"apis": [name..], "recordings": [..], "relayed": [..]}`, where `relayed` are exceptions of answers that the gateway
/// does not touch. Without a corpus there are no recordings, and no interfaces.
pub(crate) fn listed() -> Value {
    let recordings: Vec<Value> = all().iter().map(describe).collect();
    let apis: Vec<&str> = if recordings.is_empty() { Vec::new() } else { APIS.iter().map(|(api, _)| *api).collect() };
    let relayed: Vec<Value> = RELAYED
        .iter()
        .map(|excuse| {
            let clients: Vec<_> = excuse.clients.iter().map(|client| client.as_str()).collect();
            json!({"clients": clients, "why": excuse.why})
        })
        .collect();
    json!({"apis": apis, "recordings": recordings, "relayed": relayed})
}

fn describe(replayed: &Replayed) -> Value {
    let (text, streamed) = replayed.recording.reply();
    let dialect = dialect(replayed.api);
    json!({
        "id": replayed.recording.id,
        "api": replayed.api,
        "dialect": dialect.as_str(),
        "model": format!("{MODEL}{}#{}", replayed.recording.id, provider(dialect, replayed.provider)),
        "streamed": streamed,
        "fails": replayed.recording.response.status >= 400 || fails(text),
    })
}

/// Its name in `e2e/gateway.toml`: one for each dialect, and the real row where that changes how a reply is read.
fn provider(dialect: Dialect, row: &str) -> String {
    match (dialect, row) {
        (Dialect::OpenAiChat, "grok" | "perplexity-ai") => row.to_owned(),
        _ => format!("recorded-{dialect}"),
    }
}

/// For each of `[{"id", "client", ..}, ..]` what differs: `[[{"check", "what", "why"}, ..], ..]`, with `why` it may, or
/// null. The rest of what is asked is an answer, in the words of the client's dialect: `text`, `refusal`, `calls`
/// (`[[name, arguments], ..]`), `stop`, `usage` (input, output, cached, written); or `error` (`status`, `message`),
/// or what `broken` its SDK.
pub(crate) fn judge(asked: &Value) -> Value {
    asked.as_array().map_or(&[][..], Vec::as_slice).iter().map(judged).collect()
}

fn judged(told: &Value) -> Value {
    let id = told["id"].as_str().unwrap_or_default();
    let client = told["client"].as_str().and_then(|name| name.parse::<Dialect>().ok());
    let replayed = all().iter().find(|replayed| replayed.recording.id == id);
    let (Some(client), Some(replayed)) = (client, replayed) else {
        return json!([{"check": "judge", "what": format!("no such recording or client: {told:.200}"), "why": null}]);
    };
    let all = findings(replayed, client, told).into_iter().map(|(check, what)| {
        let why = Excuse::find(id, client, check).map(|excuse| excuse.why);
        json!({"check": check, "what": what, "why": why})
    });
    all.collect()
}

fn findings(replayed: &Replayed, client: Dialect, told: &Value) -> Vec<(&'static str, String)> {
    let (text, streamed) = replayed.recording.reply();
    let status = replayed.recording.response.status;
    if let Some(broken) = told["broken"].as_str() {
        return vec![("sdk", broken.to_owned())];
    }
    let error = &told["error"];
    if status < 400 && !fails(text) {
        if error.is_object() {
            return vec![("answer", error.to_string())];
        }
        return differences(&answer(dialect(replayed.api), text, streamed), &heard(told).answer(client));
    }
    if !error.is_object() {
        return vec![("error", format!("became an answer: {told:.200}"))];
    }
    if status < 400 {
        return Vec::new();
    }
    let told = error["status"].as_u64().and_then(|told| u16::try_from(told).ok());
    error_differences(status, text, told, error["message"].as_str().unwrap_or_default())
}

fn heard(told: &Value) -> Told {
    let text = |name: &str| told[name].as_str().unwrap_or_default().to_owned();
    let calls = told["calls"].as_array().map_or(&[][..], Vec::as_slice);
    Told {
        text: text("text"),
        refusal: text("refusal"),
        calls: calls.iter().map(|call| (call[0].as_str().unwrap_or_default().to_owned(), call[1].clone())).collect(),
        stop: text("stop"),
        usage: [0, 1, 2, 3].map(|at| told["usage"][at].as_u64()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on must stop where it is")]
mod tests {
    use super::*;

    fn replayed(api: &'static str, response: &Value) -> Replayed {
        let recording = json!({"id": "00000000000000ab", "features": [], "request": {}, "response": response});
        Replayed { api, provider: "custom", recording: serde_json::from_value(recording).unwrap() }
    }

    fn checks(replayed: &Replayed, told: &Value) -> Vec<&'static str> {
        findings(replayed, Dialect::OpenAiChat, told).into_iter().map(|(check, _)| check).collect()
    }

    #[test]
    fn an_answer_is_judged_part_by_part() {
        let body = json!({"content": [{"type": "text", "text": "Hi"}, {"type": "tool_use", "name": "f", "input": {"a": 1}}],
            "stop_reason": "tool_use", "usage": {"input_tokens": 5, "cache_read_input_tokens": 2, "output_tokens": 3}});
        let one = replayed("anthropic.messages", &json!({"status": 200, "body": body}));
        let same = json!({"text": "Hi", "calls": [["f", "{ \"a\": 1 }"]], "stop": "tool_calls", "usage": [7, 3, 2]});
        assert_eq!(checks(&one, &same), [""; 0]);
        let other = json!({"text": "Ho", "calls": [["f", "{}"]], "stop": "stop", "usage": [5, 3, 2]});
        assert_eq!(checks(&one, &other), ["text", "calls", "stop", "usage"]);
        assert_eq!(checks(&one, &json!({"error": {"status": 500}})), ["answer"]);
        assert_eq!(checks(&one, &json!({"broken": "KeyError"})), ["sdk"]);
    }

    #[test]
    fn an_error_keeps_its_status_and_words() {
        let one = replayed("openai.chat", &json!({"status": 404, "body": {"error": {"message": "no such model"}}}));
        let told = |status: u16, message: &str| json!({"error": {"status": status, "message": message}});
        assert_eq!(checks(&one, &told(404, "it says: no such model")), [""; 0]);
        assert_eq!(checks(&one, &told(500, "no")), ["status", "error"]);
        assert_eq!(checks(&one, &json!({"text": ""})), ["error"]);
        let hidden =
            replayed("openai.chat", &json!({"status": 200, "sse": "data: {\"error\":{\"message\":\"x\"}}\n\n"}));
        assert_eq!(checks(&hidden, &told(500, "")), [""; 0]);
        assert_eq!(checks(&hidden, &json!({"text": ""})), ["error"]);
    }

    #[test]
    fn a_wrong_question_is_a_finding() {
        let all = judge(&json!([{"id": "?", "client": "openai-chat"}]));
        assert_eq!(all[0][0]["check"], "judge");
        assert_eq!(judge(&json!({})), json!([]));
    }
}
