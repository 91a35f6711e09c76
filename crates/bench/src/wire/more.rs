//! Replies and streams of Cohere, Gemini and the Responses API.
//!
//! <https://docs.cohere.com/v2/docs/streaming>, <https://ai.google.dev/api/generate-content>,
//! <https://platform.openai.com/docs/api-reference/responses-streaming>

use super::{SAID, token};

pub(super) fn cohere_reply() -> String {
    format!(
        r#"{{"id":"bench","finish_reason":"COMPLETE","message":{{"role":"assistant","content":[{{"type":"text","text":"{SAID}"}}]}},"usage":{{"billed_units":{{"input_tokens":21,"output_tokens":20}},"tokens":{{"input_tokens":21,"output_tokens":20}}}}}}"#
    )
}

pub(super) fn gemini_reply() -> String {
    format!(
        r#"{{"candidates":[{{"content":{{"parts":[{{"text":"{SAID}"}}],"role":"model"}},"finishReason":"STOP","index":0}}],"usageMetadata":{{"promptTokenCount":21,"candidatesTokenCount":20,"totalTokenCount":41}},"modelVersion":"bench","responseId":"bench"}}"#
    )
}

/// The whole response that says `text`, as it also ends a stream.
pub(super) fn responses_reply(text: &str) -> String {
    let message = responses_message(text);
    format!(
        r#"{{"id":"resp_bench","object":"response","created_at":1790000000,"status":"completed","error":null,"incomplete_details":null,"instructions":null,"model":"bench","output":[{message}],"parallel_tool_calls":true,"temperature":1.0,"tool_choice":"auto","tools":[],"usage":{{"input_tokens":21,"input_tokens_details":{{"cached_tokens":0}},"output_tokens":20,"output_tokens_details":{{"reasoning_tokens":0}},"total_tokens":41}}}}"#
    )
}

fn responses_message(text: &str) -> String {
    format!(
        r#"{{"id":"msg_bench","type":"message","status":"completed","role":"assistant","content":[{{"type":"output_text","annotations":[],"text":"{text}"}}]}}"#
    )
}

pub(super) fn cohere_events(deltas: usize, all: &mut Vec<String>) {
    let mut event =
        |name: &str, rest: &str| all.push(format!("event: {name}\ndata: {{\"type\":\"{name}\"{rest}}}\n\n"));
    event("message-start", r#","id":"bench","delta":{"message":{"role":"assistant","content":[]}}"#);
    event("content-start", r#","index":0,"delta":{"message":{"content":{"type":"text","text":""}}}"#);
    for number in 0..deltas {
        let word = token(number);
        event("content-delta", &format!(r#","index":0,"delta":{{"message":{{"content":{{"text":"{word}"}}}}}}"#));
    }
    event("content-end", r#","index":0"#);
    let usage = format!(r#"{{"input_tokens":21,"output_tokens":{deltas}}}"#);
    event(
        "message-end",
        &format!(r#","delta":{{"finish_reason":"COMPLETE","usage":{{"billed_units":{usage},"tokens":{usage}}}}}"#),
    );
}

pub(super) fn gemini_events(deltas: usize, all: &mut Vec<String>) {
    let mut event = |parts: &str, finish: &str, spent: usize| {
        all.push(format!(
            "data: {{\"candidates\":[{{\"content\":{{\"parts\":[{parts}],\"role\":\"model\"}}{finish},\"index\":0}}],\"usageMetadata\":{{\"promptTokenCount\":21,\"candidatesTokenCount\":{spent},\"totalTokenCount\":{}}},\"modelVersion\":\"bench\",\"responseId\":\"bench\"}}\r\n\r\n",
            21 + spent
        ));
    };
    for number in 0..deltas {
        event(&format!(r#"{{"text":"{}"}}"#, token(number)), "", number + 1);
    }
    event(r#"{"text":""}"#, r#","finishReason":"STOP""#, deltas);
}

pub(super) fn responses_events(deltas: usize, all: &mut Vec<String>) {
    let mut number = 0;
    let mut event = |name: &str, rest: &str| {
        all.push(format!("event: {name}\ndata: {{\"type\":\"{name}\",\"sequence_number\":{number},{rest}}}\n\n"));
        number += 1;
    };
    let place = r#""item_id":"msg_bench","output_index":0,"content_index":0"#;
    let text: String = (0..deltas).map(token).collect();
    let whole = responses_reply(&text);
    let begun = r#""response":{"id":"resp_bench","object":"response","created_at":1790000000,"status":"in_progress","model":"bench","output":[],"usage":null}"#;
    event("response.created", begun);
    event("response.in_progress", begun);
    event(
        "response.output_item.added",
        r#""output_index":0,"item":{"id":"msg_bench","type":"message","status":"in_progress","role":"assistant","content":[]}"#,
    );
    event(
        "response.content_part.added",
        &format!(r#"{place},"part":{{"type":"output_text","annotations":[],"text":""}}"#),
    );
    for number in 0..deltas {
        let word = token(number);
        event("response.output_text.delta", &format!(r#"{place},"delta":"{word}","logprobs":[]"#));
    }
    event("response.output_text.done", &format!(r#"{place},"text":"{text}","logprobs":[]"#));
    event(
        "response.content_part.done",
        &format!(r#"{place},"part":{{"type":"output_text","annotations":[],"text":"{text}"}}"#),
    );
    event("response.output_item.done", &format!(r#""output_index":0,"item":{}"#, responses_message(&text)));
    event("response.completed", &format!(r#""response":{whole}"#));
}
