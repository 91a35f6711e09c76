//! Drives an exchange by hand, under a virtual clock.

use std::sync::Arc;
use std::time::Duration;

use apex_core::admit::{Admission, Arrival, Target, Ticket, admit};
use apex_core::catalog::{Catalog, Host};
use apex_core::exchange::{Body, Exchange, Input, Outgoing, Step, TransportError, TransportErrorKind};
use apex_core::record::Record;
use apex_core::settings::{Provider, Settings};
use apex_core::stored::{Ask, Kept};
use apex_core::time::{Seed, Timestamp};
use bytes::Bytes;
use http::{HeaderMap, Request, Response, request, response};

/// When every exchange of these tests begins.
pub(crate) const START: Timestamp = Timestamp::from_micros(1_790_000_000_000_000);

/// A gateway with a token and direct providers of every kind.
pub(crate) fn settings() -> Settings {
    let mut settings = Settings { gateway_token: Some("tok".into()), ..Settings::default() };
    for (id, key) in [("openai", "sk-openai-stored"), ("anthropic", "sk-ant-stored"), ("mistral", "mistral-stored")] {
        settings.providers.insert(id.into(), Provider { api_key: Some(key.into()), ..Provider::default() });
    }
    // Most tests of translation are about Chat; the order of the table is tested with the table.
    let openai = settings.providers.entry("openai".into()).or_default();
    openai.dialects = Some(vec!["openai-chat".into(), "openai-responses".into()]);
    settings
}

pub(crate) fn catalog(settings: &Settings) -> Arc<Catalog> {
    Arc::new(Catalog::build(settings, Host { loopback: true, native: true }).unwrap())
}

pub(crate) fn post(path: &str, headers: &[(&str, &str)]) -> request::Parts {
    bare_post(path, &[&[("authorization", "Bearer tok")], headers].concat())
}

/// Without credentials.
pub(crate) fn bare_post(path: &str, headers: &[(&str, &str)]) -> request::Parts {
    let mut builder = Request::post(path).header("host", "127.0.0.1:8787").header("content-type", "application/json");
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    builder.body(()).unwrap().into_parts().0
}

/// A ticket, or the refusal's status and body.
pub(crate) fn ticket(head: request::Parts, catalog: &Catalog) -> Result<Box<Ticket>, (u16, String)> {
    let arrival = Arrival { request_id: "req_test", now: START, client: None, draining: false };
    match admit(head, catalog, &arrival) {
        Admission::Admitted(ticket) => Ok(ticket),
        Admission::Answered(whole) | Admission::Metrics(whole) | Admission::Refused { whole, .. } => {
            Err((whole.parts.status.as_u16(), String::from_utf8(whole.body.to_vec()).unwrap()))
        }
    }
}

/// One exchange and what it has said so far.
pub(crate) struct Run {
    pub(crate) exchange: Exchange,
    pub(crate) now: Timestamp,
    pub(crate) sent: Vec<Outgoing>,
    pub(crate) head: Option<response::Parts>,
    pub(crate) body: Vec<u8>,
    pub(crate) end: Option<(Box<Record>, bool)>,
    /// What the store is asked, and given to keep.
    pub(crate) asks: Vec<Ask>,
    pub(crate) kept: Vec<Kept>,
    until: Timestamp,
}

impl Run {
    /// Begins a request that is admitted.
    pub(crate) fn begin(catalog: &Arc<Catalog>, head: request::Parts, body: &(impl AsRef<[u8]> + ?Sized)) -> Self {
        let body = Bytes::copy_from_slice(body.as_ref());
        let mut ticket = ticket(head, catalog).unwrap();
        let mut exchange = Exchange::new(&mut ticket, Arc::clone(catalog), Seed(7));
        if matches!(ticket.target, Target::Passthrough(_)) && ticket.mapping.is_none() {
            exchange.begin_streaming(&mut ticket, body, START);
        } else {
            exchange.begin(&mut ticket, &body, START);
        }
        let mut run = Self {
            exchange,
            now: START,
            sent: Vec::new(),
            head: None,
            body: Vec::new(),
            end: None,
            asks: Vec::new(),
            kept: Vec::new(),
            until: START,
        };
        run.drain();
        run
    }

    /// A Chat request to an upstream of the provider's kind.
    pub(crate) fn chat(model: &str, stream: bool) -> Self {
        Self::begin(&catalog(&settings()), post("/v1/chat/completions", &[]), &chat_body(model, stream))
    }

    /// A Messages request.
    pub(crate) fn messages(model: &str, stream: bool) -> Self {
        let body = format!(
            r#"{{"model":"{model}","max_tokens":100,"stream":{stream},"messages":[{{"role":"user","content":"hi"}}]}}"#
        );
        Self::begin(&catalog(&settings()), post("/v1/messages", &[("anthropic-version", "2023-06-01")]), &body)
    }

    fn drain(&mut self) {
        loop {
            assert!(self.end.is_none() || self.exchange.is_done());
            if self.end.is_some() {
                return;
            }
            match self.exchange.poll() {
                Step::Send(outgoing) => self.sent.push(*outgoing),
                Step::Read { until } => {
                    self.until = until;
                    return;
                }
                Step::Reply(parts) => {
                    assert!(self.head.replace(parts).is_none(), "two heads");
                }
                Step::Emit(bytes) => {
                    assert!(self.head.is_some(), "bytes before the head");
                    self.body.extend_from_slice(&bytes);
                }
                Step::Recall(ask) => self.asks.push(*ask),
                Step::Keep(kept) => self.kept.push(*kept),
                Step::Finish { record, abort } => self.end = Some((record, abort)),
            }
        }
    }

    pub(crate) fn input(&mut self, input: Input) -> &mut Self {
        self.exchange.handle(input, self.now);
        self.drain();
        self
    }

    pub(crate) fn upstream_head(&mut self, status: u16, headers: &[(&str, &str)]) -> &mut Self {
        let mut builder = Response::builder().status(status);
        for (name, value) in headers {
            builder = builder.header(*name, *value);
        }
        let parts = builder.body(()).unwrap().into_parts().0;
        self.input(Input::UpstreamHead(parts))
    }

    pub(crate) fn sse(&mut self) -> &mut Self {
        self.upstream_head(200, &[("content-type", "text/event-stream")])
    }

    pub(crate) fn json(&mut self) -> &mut Self {
        self.upstream_head(200, &[("content-type", "application/json")])
    }

    pub(crate) fn chunk(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.input(Input::UpstreamChunk(Bytes::copy_from_slice(bytes.as_ref())))
    }

    pub(crate) fn close(&mut self) -> &mut Self {
        self.input(Input::UpstreamEnd)
    }

    pub(crate) fn broken(&mut self, kind: TransportErrorKind, stale: bool) -> &mut Self {
        self.input(Input::UpstreamFailed(TransportError {
            kind,
            stale,
            detail: "10.0.0.1 refused sk-openai-stored".into(),
        }))
    }

    /// Lets time pass; the deadline fires whenever it is reached.
    pub(crate) fn wait(&mut self, time: Duration) -> &mut Self {
        let target = self.now + time;
        while self.end.is_none() && self.until <= target {
            self.now = self.now.max(self.until);
            let due = self.until;
            self.input(Input::Deadline);
            assert!(self.end.is_some() || self.until > due, "a deadline that stays due would spin the driver");
        }
        self.now = target;
        self
    }

    /// The body of the one request that went out.
    pub(crate) fn sent_body(&self) -> &[u8] {
        assert_eq!(self.sent.len(), 1, "{}", self.text());
        let Body::Bytes(body) = &self.sent[0].body else { panic!("a streamed body") };
        body
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn status(&self) -> Option<u16> {
        self.head.as_ref().map(|h| h.status.as_u16())
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.head.as_ref().and_then(|h| h.headers.get(name)).map_or("", |v| v.to_str().unwrap())
    }

    pub(crate) fn record(&self) -> &Record {
        &self.end.as_ref().expect("not finished").0
    }

    pub(crate) fn aborted(&self) -> bool {
        self.end.as_ref().expect("not finished").1
    }

    /// Outcome, status, and whether the connection is broken off.
    pub(crate) fn ended(&self) -> (&'static str, Option<u16>, bool) {
        (self.record().outcome.as_str(), self.status(), self.aborted())
    }
}

pub(crate) fn chat_body(model: &str, stream: bool) -> String {
    format!(r#"{{"model":"{model}","stream":{stream},"messages":[{{"role":"user","content":"hi"}}]}}"#)
}

/// Chat chunks as an upstream sends them.
pub(crate) fn chat_chunk(delta: &str, finish: &str) -> String {
    format!(
        r#"data: {{"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{{"index":0,"delta":{delta},"finish_reason":{finish}}}]}}"#
    ) + "\n\n"
}

pub(crate) const CHAT_HELLO: &str = r#"{"role":"assistant","content":""}"#;

/// Headers as sorted lines.
pub(crate) fn lines(headers: &HeaderMap) -> Vec<String> {
    let mut lines: Vec<_> =
        headers.iter().map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value.as_bytes()))).collect();
    lines.sort();
    lines
}

/// Compares `text` with a file of `tests/golden`; `APEX_GOLDEN=write` writes the file instead.
#[allow(clippy::disallowed_methods, reason = "golden files are read and written by tests only")]
pub(crate) fn golden(path: &str, text: &str) {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(path);
    if std::env::var("APEX_GOLDEN").is_ok_and(|v| v == "write") {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, text).unwrap();
        return;
    }
    let want = std::fs::read_to_string(&file).unwrap_or_default().replace("\r\n", "\n");
    if want == text {
        return;
    }
    let at = want.lines().zip(text.lines()).take_while(|(a, b)| a == b).count();
    let line = |text: &str| text.lines().nth(at).unwrap_or("(end)").to_owned();
    panic!(
        "{path} differs from line {}:\n  has: {}\n  now: {}\nrun with APEX_GOLDEN=write and review the difference",
        at + 1,
        line(&want),
        line(text)
    );
}

/// The folder of recorded traffic: `APEX_CORPUS`, or `shared/corpus` beside a folder above this one. Says so if there is
/// none.
#[allow(clippy::print_stdout, reason = "a test without its recordings says so")]
pub(crate) fn corpus() -> Option<std::path::PathBuf> {
    let found = apex_testkit::corpus::folder();
    if found.is_none() {
        println!("skipped: corpus not found");
    }
    found
}
