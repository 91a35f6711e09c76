//! A gateway in front of the test kit's upstream, and what a test asks of both.

use std::io::Read as _;
use std::ops::{Deref, DerefMut};
use std::time::{Duration, Instant};

use apex_testkit::{Script, Step, Upstream};
use serde_json::Value;

use crate::gateway::{Dir, Gateway, PATIENCE, Raw, status};

/// Both, and the keys the gateway was given for its providers.
pub(crate) struct Scripted {
    pub(crate) upstream: Upstream,
    gateway: Gateway,
}

pub(crate) const OPENAI_KEY: &str = "sk-canary-openai";
pub(crate) const ANTHROPIC_KEY: &str = "sk-ant-canary-anthropic";

impl Scripted {
    /// `config` ends the file: tables and the keys of `[passthrough]`, which is open last.
    pub(crate) fn start(config: &str) -> Self {
        Self::start_with("", config, &[])
    }

    /// `top` begins the file: keys outside of tables.
    pub(crate) fn start_with(top: &str, config: &str, args: &[&str]) -> Self {
        let upstream = Upstream::start();
        let dir = Dir::new();
        dir.write("apex.toml", &file(&upstream, top, config));
        let gateway = Gateway::start_in(dir, &[&["--listen", "127.0.0.1:0"], args].concat());
        Self { upstream, gateway }
    }

    /// The configuration anew, with other ends.
    pub(crate) fn rewrite(&self, config: &str) {
        self.gateway.dir.write("apex.toml", &file(&self.upstream, "", config));
    }

    /// One request on a connection of its own, to the end of what is said.
    pub(crate) fn ask(&self, request: &str) -> (u16, String) {
        let mut raw = self.connect();
        raw.say(request);
        let text = raw.rest();
        (status(&text), text)
    }

    /// The record lines so far.
    pub(crate) fn records(&self) -> Vec<Value> {
        let log = self.log();
        let lines = log.lines().filter(|line| line.contains("\"message\":\"exchange\""));
        lines.map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
    }

    /// Those that `count`, as soon as there are so many.
    pub(crate) fn records_when(&self, n: usize, count: impl Fn(&Value) -> bool) -> Vec<Value> {
        let end = Instant::now() + PATIENCE;
        loop {
            let mut records = self.records();
            records.retain(&count);
            if records.len() >= n {
                return records;
            }
            assert!(Instant::now() < end, "{n} records wanted: {}", self.log());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits for so many record lines, and then for one too many.
    pub(crate) fn wait_for_records(&self, n: usize) -> Vec<Value> {
        self.records_when(n, |_| true);
        std::thread::sleep(Duration::from_millis(100));
        let records = self.records();
        assert_eq!(records.len(), n, "{}", self.log());
        records
    }

    /// The value of the header that asks for passthrough to the upstream.
    pub(crate) fn passthrough(&self) -> String {
        format!("x-apex-ai-proxy-provider: {}\r\n", self.upstream.addr())
    }
}

impl DerefMut for Scripted {
    fn deref_mut(&mut self) -> &mut Gateway {
        &mut self.gateway
    }
}

impl Deref for Scripted {
    type Target = Gateway;

    fn deref(&self) -> &Gateway {
        &self.gateway
    }
}

fn file(upstream: &Upstream, top: &str, config: &str) -> String {
    let url = upstream.url();
    format!(
        "{top}\n[providers.openai]\ndialects = [\"openai-chat\", \"openai-responses\"]\napi_key = \"{OPENAI_KEY}\"\nbase_url = \"{url}/openai/v1\"\n\
         [providers.anthropic]\napi_key = \"{ANTHROPIC_KEY}\"\nbase_url = \"{url}/anthropic/v1\"\n\
         [passthrough]\nallow_hosts = [\"{url}\"]\n{config}\n"
    )
}

/// What clients speak here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Client {
    Chat,
    Messages,
}

impl Client {
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Chat => "/v1/chat/completions",
            Self::Messages => "/v1/messages",
        }
    }

    /// A body that both dialects understand.
    pub(crate) fn body(model: &str, stream: bool) -> String {
        format!(
            r#"{{"model":"{model}","max_tokens":100,"stream":{stream},"messages":[{{"role":"user","content":"hi"}}]}}"#
        )
    }

    pub(crate) fn post(self, model: &str, stream: bool, headers: &str) -> String {
        post(self.path(), &Self::body(model, stream), headers)
    }
}

pub(crate) fn post(path: &str, body: &str, headers: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         connection: close\r\n{headers}\r\n{body}",
        body.len()
    )
}

/// A chunked reply, as it came.
#[derive(Debug)]
pub(crate) struct Chunked {
    pub(crate) head: String,
    /// Each HTTP chunk without its frame.
    pub(crate) chunks: Vec<Vec<u8>>,
    /// Reads from the socket that brought something.
    pub(crate) reads: usize,
}

impl Chunked {
    /// Reads until the other side closes.
    pub(crate) fn read(raw: &mut Raw) -> Self {
        let (mut all, mut reads, mut buffer) = (Vec::new(), 0, vec![0; 1 << 20]);
        loop {
            match raw.0.read(&mut buffer) {
                Ok(0) => break,
                Ok(n) => all.extend_from_slice(&buffer[..n]),
                Err(error) => panic!("{error} after {:?}", String::from_utf8_lossy(&all)),
            }
            reads += 1;
        }
        let end = all.windows(4).position(|four| four == b"\r\n\r\n").expect("a head") + 4;
        let head = String::from_utf8(all[..end].to_vec()).unwrap();
        let mut rest = &all[end..];
        let mut chunks = Vec::new();
        loop {
            let line = rest.windows(2).position(|two| two == b"\r\n").expect("the size of a chunk");
            let size = usize::from_str_radix(std::str::from_utf8(&rest[..line]).unwrap(), 16).unwrap();
            rest = &rest[line + 2..];
            assert_eq!(&rest[size..size + 2], b"\r\n");
            if size == 0 {
                assert_eq!(rest.len(), 2, "nothing after the last chunk");
                return Self { head, chunks, reads };
            }
            chunks.push(rest[..size].to_vec());
            rest = &rest[size + 2..];
        }
    }

    pub(crate) fn body(&self) -> String {
        String::from_utf8(self.chunks.concat()).unwrap()
    }
}

/// The data of each event of a stream.
pub(crate) fn data(body: &str) -> impl Iterator<Item = &str> {
    body.lines().filter_map(|line| line.strip_prefix("data: "))
}

/// The text of all deltas, in either dialect.
pub(crate) fn text(body: &str) -> String {
    let delta = |json: &str| {
        let event: Value = serde_json::from_str(json).ok()?;
        let chat = event.pointer("/choices/0/delta/content");
        chat.or_else(|| event.pointer("/delta/text"))?.as_str().map(str::to_owned)
    };
    data(body).filter_map(delta).collect()
}

/// Events of a stream that says `words`, in the upstream's dialect.
pub(crate) fn events(upstream: Client, words: impl Iterator<Item = String>) -> Vec<String> {
    match upstream {
        Client::Chat => {
            let event = |delta: &str, reason: &str| {
                format!(
                    "data: {{\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":\
                     [{{\"index\":0,\"delta\":{delta},\"finish_reason\":{reason}}}]}}\n\n"
                )
            };
            let mut all = vec![event(r#"{"role":"assistant","content":""}"#, "null")];
            all.extend(words.map(|word| event(&format!(r#"{{"content":"{word}"}}"#), "null")));
            all.extend([event("{}", "\"stop\""), "data: [DONE]\n\n".to_owned()]);
            all
        }
        Client::Messages => {
            let event = |kind: &str, rest: &str| format!("event: {kind}\ndata: {{\"type\":\"{kind}\"{rest}}}\n\n");
            let mut all = vec![
                event(
                    "message_start",
                    r#","message":{"id":"m","type":"message","role":"assistant","model":"m","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":1,"output_tokens":1}}"#,
                ),
                event("content_block_start", r#","index":0,"content_block":{"type":"text","text":""}"#),
            ];
            all.extend(words.map(|word| {
                let delta = format!(r#","index":0,"delta":{{"type":"text_delta","text":"{word}"}}"#);
                event("content_block_delta", &delta)
            }));
            all.extend([
                event("content_block_stop", r#","index":0"#),
                event(
                    "message_delta",
                    r#","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":2}"#,
                ),
                event("message_stop", ""),
            ]);
            all
        }
    }
}

/// Head and one delta, then nothing.
pub(crate) fn begun(upstream: Client) -> Script {
    let mut script = Script::sse(events(upstream, std::iter::once("hello".to_owned())).into_iter().take(3));
    script.steps.pop();
    script.then(Step::Hang)
}
