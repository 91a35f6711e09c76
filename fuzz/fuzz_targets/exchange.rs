//! The exchange: whatever news comes in whatever order, it speaks in order, ends once, and never asks for a deadline that
//! would make its driver spin.
#![no_main]

use std::sync::Arc;
use std::time::Duration;

use apex_core::admit::{Admission, Arrival, admit};
use apex_core::catalog::{Catalog, Host};
use apex_core::exchange::{Exchange, Input, Step, TransportError, TransportErrorKind};
use apex_core::json::RawValue;
use apex_core::settings::{Provider, Settings};
use apex_core::stored::{Kept, Key, Owner};
use apex_core::time::{Seed, Timestamp};
use libfuzzer_sys::fuzz_target;

const PATHS: [&str; 8] = [
    "/v1/chat/completions",
    "/v1/messages",
    "/v1/responses",
    "/v1/embeddings",
    "/v2/chat",
    "/v1beta/models/m%23openai:streamGenerateContent?alt=sse",
    "/v1beta/models/m%23anthropic:generateContent",
    "/v1/messages/count_tokens",
];
const TYPES: [&str; 4] = ["text/event-stream", "application/json", "text/plain", ""];
const STATUSES: [u16; 8] = [200, 200, 200, 429, 400, 500, 302, 204];

// The first line picks the request, the second is its body, each further one is a piece of news: its first byte says
// which (`>` or nothing special: what the upstream sends, with `|` for the end of a line).
fuzz_target!(|input: &[u8]| {
    let mut lines = input.splitn(3, |b| *b == b'\n');
    let (Some(how), Some(body)) = (lines.next(), lines.next()) else { return };
    let news = lines.next().unwrap_or_default();
    let how = how.first().copied().unwrap_or_default();
    let catalog = catalog();
    let path = PATHS[usize::from(how & 7)];
    let head = http::Request::post(path)
        .header("host", "localhost")
        .header("content-type", "application/json")
        .body(())
        .expect("a request")
        .into_parts()
        .0;
    let mut now = Timestamp::from_micros(1_000_000);
    let arrival = Arrival { request_id: "req", now, client: None, draining: false };
    let Admission::Admitted(mut ticket) = admit(head, &catalog, &arrival) else { panic!("not admitted") };
    let mut exchange = Exchange::new(&mut ticket, Arc::clone(&catalog), Seed(1));
    exchange.begin(&mut ticket, &body.to_vec().into(), now);

    let mut watch = Watch::default();
    watch.drain(&mut exchange, now);
    for line in news.split(|b| *b == b'\n').take(64) {
        let Some((what, rest)) = line.split_first() else { continue };
        let done = watch.finished;
        match what {
            b'h' => {
                let pick = rest.first().copied().unwrap_or_default();
                let mut parts = http::Response::new(()).into_parts().0;
                parts.status = http::StatusCode::from_u16(STATUSES[usize::from(pick & 7)]).expect("a status");
                let kind = TYPES[usize::from(pick >> 3 & 3)];
                if !kind.is_empty() {
                    parts.headers.insert("content-type", http::HeaderValue::from_static(kind));
                }
                if pick & 32 != 0 {
                    parts.headers.insert("content-encoding", http::HeaderValue::from_static("gzip"));
                }
                exchange.handle(Input::UpstreamHead(parts), now);
            }
            b'e' => exchange.handle(Input::UpstreamEnd, now),
            b'g' => exchange.handle(Input::ClientGone, now),
            b'f' => {
                let kind = [TransportErrorKind::Reset, TransportErrorKind::Timeout, TransportErrorKind::ClientBody]
                    [rest.len() % 3];
                let error = TransportError { kind, stale: rest.len() % 2 == 0, detail: String::new() };
                exchange.handle(Input::UpstreamFailed(error), now);
            }
            b'd' => {
                now = now.max(watch.until);
                exchange.handle(Input::Deadline, now);
                watch.drain(&mut exchange, now);
                assert!(watch.finished || watch.until > now, "a deadline that stays due");
            }
            b't' => {
                now = now + Duration::from_millis(rest.len() as u64 * 700);
                exchange.handle(Input::Deadline, now);
            }
            _ => {
                let text = if *what == b'>' { rest } else { line };
                let chunk: Vec<u8> = text.iter().map(|b| if *b == b'|' { b'\n' } else { *b }).collect();
                exchange.handle(Input::UpstreamChunk(chunk.into()), now);
            }
        }
        watch.drain(&mut exchange, now);
        assert!(!done || watch.finished);
    }
    // The client can leave at any point, and that is always the end.
    if !watch.finished {
        let record = exchange.abandoned(now);
        assert_eq!(record.outcome.as_str(), "client_gone");
        exchange.handle(Input::ClientGone, now);
        watch.drain(&mut exchange, now);
    }
    assert!(watch.finished && exchange.is_done(), "it never ends");
    assert!(watch.replied || watch.status == 499, "a record of status {} without a reply", watch.status);
});

#[derive(Default)]
struct Watch {
    replied: bool,
    finished: bool,
    status: u16,
    sent: u32,
    kept: u32,
    emitted: u64,
    until: Timestamp,
}

impl Watch {
    fn drain(&mut self, exchange: &mut Exchange, now: Timestamp) {
        loop {
            let step = exchange.poll();
            if let Step::Read { until } = step {
                assert!(self.finished || !exchange.is_done(), "done without a finish");
                self.until = until;
                return;
            }
            assert!(!self.finished, "a step after the last one: {step:?}");
            match step {
                Step::Read { .. } => {}
                Step::Send(_) => {
                    self.sent += 1;
                    assert!(self.sent <= 2 && !self.replied, "sent again");
                }
                Step::Reply(_) => {
                    assert!(!self.replied, "two heads");
                    self.replied = true;
                }
                Step::Emit(bytes) => {
                    assert!(self.replied && !bytes.is_empty(), "bytes before the head, or none");
                    self.emitted += bytes.len() as u64;
                }
                Step::Recall(_) => {
                    assert!(self.sent == 0 && !self.replied, "looked up too late");
                    exchange.handle(Input::Recalled(vec![kept()]), now);
                }
                Step::Keep(kept) => {
                    self.kept += 1;
                    assert!(self.kept == 1 && serde_json::from_str::<&RawValue>(&kept.response).is_ok(), "{kept:?}");
                }
                Step::Finish { record, .. } => {
                    self.finished = true;
                    self.status = record.status;
                    assert_eq!(record.response_bytes, self.emitted);
                    assert!(record.started + record.duration <= now);
                }
            }
        }
    }
}

/// What a request with `previous_response_id` goes on from.
fn kept() -> Kept {
    Kept {
        key: Key { owner: Owner::from_bytes([0; 32]), id: "resp_1".into() },
        previous: None,
        provider: "openai".into(),
        held: false,
        created: Timestamp::default(),
        input: r#"[{"role":"user","content":"hi"}]"#.into(),
        response: r#"{"id":"resp_1","output":[{"type":"reasoning","id":"rs_1","summary":[]},{"type":"function_call","id":"fc_1","call_id":"c","name":"f","arguments":"{}"}]}"#.into(),
    }
}

fn catalog() -> Arc<Catalog> {
    thread_local! {
        static CATALOG: Arc<Catalog> = {
            let mut settings = Settings { default_provider: Some("openai".into()), ..Settings::default() };
            for id in ["openai", "anthropic", "mistral", "google-ai-studio", "cohere"] {
                let provider = Provider { api_key: Some("stored-key".into()), ..Provider::default() };
                settings.providers.insert(id.into(), provider);
            }
            settings.responses.store = Some("memory".into());
            Arc::new(Catalog::build(&settings, Host { loopback: true, native: true }).expect("a catalog"))
        };
    }
    CATALOG.with(Arc::clone)
}
