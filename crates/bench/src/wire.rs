//! Bodies as the official SDKs and the providers send them.

mod more;

use std::fmt::Write as _;

/// Whose words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Api {
    Chat,
    Cohere,
    Gemini,
    Messages,
    Responses,
}

impl Api {
    pub const ALL: [Self; 5] = [Self::Chat, Self::Cohere, Self::Gemini, Self::Messages, Self::Responses];

    /// Where a client posts a request for `model`.
    pub fn path(self, model: &str, stream: bool) -> String {
        match self {
            Self::Chat => "/v1/chat/completions".to_owned(),
            Self::Cohere => "/v2/chat".to_owned(),
            Self::Gemini => {
                let method = if stream { "streamGenerateContent?alt=sse" } else { "generateContent" };
                format!("/v1beta/models/{}:{method}", model.replace('#', "%23"))
            }
            Self::Messages => "/v1/messages".to_owned(),
            Self::Responses => "/v1/responses".to_owned(),
        }
    }
}

/// What a delta of a stream holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    Text,
    /// Arguments of one tool call, in Chat and Messages; the others say text all the same.
    Tool,
}

/// What the small reply says.
pub const SAID: &str = "The capital of France is Paris. Is there anything else you would like to know about it?";

/// What an error says.
pub const REFUSED: &str = "Too many requests: try again later";

/// The body of an error that says [`REFUSED`].
pub fn refusal(api: Api) -> Vec<u8> {
    match api {
        Api::Messages => format!(
            r#"{{"type":"error","error":{{"type":"rate_limit_error","message":"{REFUSED}"}},"request_id":"req_bench"}}"#
        ),
        Api::Gemini => format!(r#"{{"error":{{"code":429,"message":"{REFUSED}","status":"RESOURCE_EXHAUSTED"}}}}"#),
        Api::Cohere => format!(r#"{{"id":"bench","message":"{REFUSED}"}}"#),
        Api::Chat | Api::Responses => format!(
            r#"{{"error":{{"message":"{REFUSED}","type":"requests","param":null,"code":"rate_limit_exceeded"}}}}"#
        ),
    }
    .into_bytes()
}

/// Prose of about `bytes` bytes, as it stands in a JSON string: a few escapes in every line.
pub fn prose(bytes: usize) -> String {
    const LINES: [&str; 4] = [
        "The quick brown fox said \\\"hello\\\" to the lazy dog, and then it went on its way over the hill.\\n",
        "fn main() { println!(\\\"{}\\\", 6 * 7); } // what a model is asked about more often than about foxes\\n",
        "Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich; and \\u00e9 is written as an escape.\\n",
        "In a table:\\t1\\t2\\t3\\t4, and after it a long stretch of plain words without anything odd in them at all. ",
    ];
    let mut text = String::with_capacity(bytes + 128);
    for line in LINES.iter().cycle() {
        if text.len() >= bytes {
            return text;
        }
        text.push_str(line);
    }
    text
}

/// A request with a prompt of about `prompt` bytes: turns of 4 KB, `messages` before `model` as the Python SDKs write.
pub fn request(api: Api, model: &str, prompt: usize, stream: bool) -> Vec<u8> {
    const TURN: usize = 4000;
    let turns = (prompt / TURN).max(1) | 1;
    let mut said = String::with_capacity(prompt + prompt / 8 + 256);
    if matches!(api, Api::Chat | Api::Cohere) {
        said.push_str(r#"{"role":"system","content":"You are a helpful assistant."},"#);
    }
    for turn in 0..turns {
        let user = turn % 2 == 0;
        let role = if user { "user" } else { "assistant" };
        let text = prose((prompt / turns).max(24));
        // Writing into memory cannot fail.
        let _ = match api {
            Api::Chat | Api::Cohere => write!(said, r#"{{"role":"{role}","content":"{text}"}},"#),
            Api::Gemini => {
                let role = if user { "user" } else { "model" };
                write!(said, r#"{{"role":"{role}","parts":[{{"text":"{text}"}}]}},"#)
            }
            Api::Messages => {
                write!(said, r#"{{"role":"{role}","content":[{{"type":"text","text":"{text}"}}]}},"#)
            }
            Api::Responses => {
                let kind = if user { "input_text" } else { "output_text" };
                write!(said, r#"{{"role":"{role}","content":[{{"type":"{kind}","text":"{text}"}}]}},"#)
            }
        };
    }
    said.pop();
    let streamed = match (stream, api) {
        // Gemini's path says it.
        (false, _) | (true, Api::Gemini) => "",
        (true, Api::Chat) => r#","stream":true,"stream_options":{"include_usage":true}"#,
        (true, Api::Cohere | Api::Messages | Api::Responses) => r#","stream":true"#,
    };
    let body = match api {
        Api::Chat | Api::Cohere => {
            format!(r#"{{"messages":[{said}],"model":"{model}","max_tokens":1024,"temperature":0.7{streamed}}}"#)
        }
        Api::Gemini => format!(
            r#"{{"contents":[{said}],"systemInstruction":{{"parts":[{{"text":"You are a helpful assistant."}}]}},"generationConfig":{{"maxOutputTokens":1024,"temperature":0.7}}}}"#
        ),
        Api::Messages => format!(
            r#"{{"max_tokens":1024,"messages":[{said}],"model":"{model}","system":"You are a helpful assistant.","temperature":0.7{streamed}}}"#
        ),
        Api::Responses => format!(
            r#"{{"input":[{said}],"instructions":"You are a helpful assistant.","max_output_tokens":1024,"model":"{model}","temperature":0.7{streamed}}}"#
        ),
    };
    body.into_bytes()
}

/// A whole reply that says [`SAID`].
pub fn reply(api: Api) -> Vec<u8> {
    match api {
        Api::Cohere => more::cohere_reply(),
        Api::Gemini => more::gemini_reply(),
        Api::Responses => more::responses_reply(SAID),
        Api::Chat => format!(
            r#"{{"id":"chatcmpl-bench","object":"chat.completion","created":1790000000,"model":"bench","choices":[{{"index":0,"message":{{"role":"assistant","content":"{SAID}","refusal":null}},"logprobs":null,"finish_reason":"stop"}}],"usage":{{"prompt_tokens":21,"completion_tokens":20,"total_tokens":41,"prompt_tokens_details":{{"cached_tokens":0}},"completion_tokens_details":{{"reasoning_tokens":0}}}},"system_fingerprint":"fp_bench"}}"#
        ),
        Api::Messages => format!(
            r#"{{"id":"msg_bench","type":"message","role":"assistant","model":"bench","content":[{{"type":"text","text":"{SAID}"}}],"stop_reason":"end_turn","stop_sequence":null,"usage":{{"input_tokens":21,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":20}}}}"#
        ),
    }
    .into_bytes()
}

/// The text of delta `number`: no two are alike, so that a missing or a moved one is seen.
pub fn token(number: usize) -> String {
    format!(" word{number:04}")
}

/// A stream of `deltas` deltas, one event an element; greeting and end are events of their own.
pub fn events(api: Api, deltas: usize, content: Content) -> Vec<Vec<u8>> {
    let mut all: Vec<String> = Vec::with_capacity(deltas + 6);
    match api {
        Api::Chat => chat_events(deltas, content, &mut all),
        Api::Cohere => more::cohere_events(deltas, &mut all),
        Api::Gemini => more::gemini_events(deltas, &mut all),
        Api::Responses => more::responses_events(deltas, &mut all),
        Api::Messages => messages_events(deltas, content, &mut all),
    }
    all.into_iter().map(String::into_bytes).collect()
}

fn chat_events(deltas: usize, content: Content, all: &mut Vec<String>) {
    let mut chunk = |choices: &str, usage: &str| {
        all.push(format!(
            "data: {{\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\",\"created\":1790000000,\"model\":\"bench\",\"service_tier\":\"default\",\"system_fingerprint\":\"fp_bench\",\"choices\":{choices},\"usage\":{usage}}}\n\n"
        ));
    };
    let choice = |delta: &str, finish: &str| {
        format!(r#"[{{"index":0,"delta":{delta},"logprobs":null,"finish_reason":{finish}}}]"#)
    };
    chunk(&choice(r#"{"role":"assistant","content":"","refusal":null}"#, "null"), "null");
    let finish = match content {
        Content::Text => r#""stop""#,
        Content::Tool => {
            let call = r#"{"tool_calls":[{"index":0,"id":"call_bench","type":"function","function":{"name":"look","arguments":""}}]}"#;
            chunk(&choice(call, "null"), "null");
            r#""tool_calls""#
        }
    };
    for number in 0..deltas {
        let word = token(number);
        let delta = match content {
            Content::Text => format!(r#"{{"content":"{word}"}}"#),
            Content::Tool => {
                let arguments = fragment(number, deltas, &word);
                format!(r#"{{"tool_calls":[{{"index":0,"function":{{"arguments":"{arguments}"}}}}]}}"#)
            }
        };
        chunk(&choice(&delta, "null"), "null");
    }
    chunk(&choice("{}", finish), "null");
    let usage = format!(
        r#"{{"prompt_tokens":21,"completion_tokens":{deltas},"total_tokens":{},"prompt_tokens_details":{{"cached_tokens":0}}}}"#,
        deltas + 21
    );
    chunk("[]", &usage);
    all.push("data: [DONE]\n\n".to_owned());
}

fn messages_events(deltas: usize, content: Content, all: &mut Vec<String>) {
    let mut event = |name: &str, rest: &str| {
        all.push(format!("event: {name}\ndata: {{\"type\":\"{name}\"{rest}}}\n\n"));
    };
    event(
        "message_start",
        r#","message":{"id":"msg_bench","type":"message","role":"assistant","model":"bench","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":21,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":1}}"#,
    );
    let (block, stop) = match content {
        Content::Text => (r#"{"type":"text","text":""}"#, "end_turn"),
        Content::Tool => (r#"{"type":"tool_use","id":"toolu_bench","name":"look","input":{}}"#, "tool_use"),
    };
    event("content_block_start", &format!(r#","index":0,"content_block":{block}"#));
    event("ping", "");
    for number in 0..deltas {
        let word = token(number);
        let delta = match content {
            Content::Text => format!(r#"{{"type":"text_delta","text":"{word}"}}"#),
            Content::Tool => {
                let json = fragment(number, deltas, &word);
                format!(r#"{{"type":"input_json_delta","partial_json":"{json}"}}"#)
            }
        };
        event("content_block_delta", &format!(r#","index":0,"delta":{delta}"#));
    }
    event("content_block_stop", r#","index":0"#);
    event(
        "message_delta",
        &format!(
            r#","delta":{{"stop_reason":"{stop}","stop_sequence":null}},"usage":{{"input_tokens":21,"output_tokens":{deltas}}}"#
        ),
    );
    event("message_stop", "");
}

/// A piece of `{"q":"..."}`, escaped for the string it travels in.
fn fragment(number: usize, deltas: usize, word: &str) -> String {
    let open = if number == 0 { r#"{\"q\":\""# } else { "" };
    let close = if number + 1 == deltas { r#"\"}"# } else { "" };
    format!("{open}{word}{close}")
}

/// Is `body` a whole stream: every token once, in order, and the end that `api` wants? Responses repeat their text when it
/// is done: theirs are not told.
pub fn is_whole_stream(api: Api, body: &[u8], deltas: usize) -> bool {
    let near_end = |word: &[u8]| find(body.get(body.len().saturating_sub(600)..).unwrap_or(body), word).is_some();
    let ends = match api {
        Api::Chat => body.ends_with(b"data: [DONE]\n\n"),
        Api::Cohere => near_end(b"event: message-end\n"),
        Api::Gemini => near_end(b"\"finishReason\""),
        Api::Messages => near_end(b"event: message_stop\n"),
        Api::Responses => false,
    };
    ends && tokens_in_order(body, deltas)
}

fn tokens_in_order(body: &[u8], deltas: usize) -> bool {
    let mut found = 0;
    let mut rest = body;
    while let Some(at) = find(rest, b" word") {
        let Some(digits) = rest.get(at + 5..at + 9) else { return false };
        let number = digits.iter().try_fold(0, |n, b| b.is_ascii_digit().then(|| n * 10 + usize::from(b - b'0')));
        if number != Some(found % 10_000) {
            return false;
        }
        found += 1;
        rest = rest.get(at + 9..).unwrap_or_default();
    }
    found == deltas
}

fn find(text: &[u8], word: &[u8]) -> Option<usize> {
    memchr::memmem::find(text, word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_json() {
        for api in Api::ALL {
            for prompt in [24, 10_000, 200_000] {
                let body = request(api, "m", prompt, true);
                serde_json::from_slice::<serde::de::IgnoredAny>(&body).unwrap();
                assert!(body.len() > prompt && body.len() < prompt + prompt / 5 + 600, "{}", body.len());
            }
            serde_json::from_slice::<serde::de::IgnoredAny>(&reply(api)).unwrap();
            serde_json::from_slice::<serde::de::IgnoredAny>(&refusal(api)).unwrap();
        }
    }

    #[test]
    fn what_is_missing_or_moved_is_seen() {
        for api in [Api::Chat, Api::Cohere, Api::Gemini, Api::Messages] {
            for content in [Content::Text, Content::Tool] {
                let mut all = events(api, 20, content);
                assert!(is_whole_stream(api, &all.concat(), 20));
                assert!(!is_whole_stream(api, &all.concat(), 21));
                all.swap(10, 11);
                assert!(!is_whole_stream(api, &all.concat(), 20));
                all.swap(10, 11);
                all.pop();
                assert!(!is_whole_stream(api, &all.concat(), 20));
            }
        }
    }
}
