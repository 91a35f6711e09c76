//! Reports to an aepipe: one point of Analytics Engine and one line of Workers Logs for each exchange.
//!
//! The slots of a point are a promise: queries depend on them. `docs/reporting.md` lists them.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, Method, header, request};

use super::level;
use crate::capture::Shown;
use crate::catalog::Aepipe;
use crate::credentials::auth_header;
use crate::dialect::Dialect;
use crate::hub::StopReason;
use crate::json::{Arr, Members, Obj, number, object};
use crate::provider::Auth;
use crate::record::Record;
use crate::record::line::{self, Value, rfc3339};

/// Most points or lines in one request.
pub const MAX_ENTRIES: usize = 250;

/// Longest blob, in bytes: fifteen of them, the names of project and store, event and level stay below the 16 KiB that a
/// point may have.
const MAX_BLOB: usize = 1000;

/// One of the two stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Store {
    /// Lines with heads and bodies.
    Raw,
    /// Points.
    Requests,
}

impl Store {
    const fn path(self) -> &'static str {
        match self {
            Self::Raw => "/v1/apex-ai-proxy/raw/log",
            Self::Requests => "/v1/apex-ai-proxy/requests/ingest",
        }
    }

    /// What stands before the entries of a request's body, and after them; between them stands a comma.
    pub const fn envelope(self) -> (&'static [u8], &'static [u8]) {
        match self {
            Self::Raw => (b"{\"logs\":[", b"]}"),
            Self::Requests => (b"{\"points\":[", b"]}"),
        }
    }

    /// Appends `record` as an entry.
    pub fn write(self, record: &Record, sink: &Aepipe, out: &mut Vec<u8>) {
        match self {
            Self::Raw => log(record, sink.bodies, out),
            Self::Requests => point(record, out),
        }
    }

    /// The head of a request to `sink`.
    pub fn head(self, sink: &Aepipe) -> Option<request::Parts> {
        let (mut head, ()) = http::Request::new(()).into_parts();
        head.method = Method::POST;
        head.uri = sink.base.join(self.path(), None).ok()?;
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::try_from(sink.base.origin.authority()).ok()?);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let (name, value) = auth_header(&Auth::Bearer, &sink.token)?;
        headers.insert(name, value);
        head.headers = headers;
        Some(head)
    }
}

/// The bodies of the requests that report `records` to `store`, each within its limits.
pub fn bodies(store: Store, records: &[Arc<Record>], sink: &Aepipe) -> Vec<Vec<u8>> {
    let (before, after) = store.envelope();
    let body = |records: &[Arc<Record>]| {
        let mut body = before.to_vec();
        for (at, record) in records.iter().enumerate() {
            if at > 0 {
                body.push(b',');
            }
            store.write(record, sink, &mut body);
        }
        body.extend_from_slice(after);
        body
    };
    records.chunks(MAX_ENTRIES).map(body).collect()
}

/// Does the body of an answer say that the entries were taken?
pub fn is_accepted(body: &[u8]) -> bool {
    let text = std::str::from_utf8(body).unwrap_or_default();
    Members::parse(text).is_ok_and(|members| members.get("ok").is_some_and(|ok| ok.get() == "true"))
}

/// `{"event", "level", "blobs", "doubles"}`
fn point(record: &Record, out: &mut Vec<u8>) {
    object(out, |o| {
        o.text("event", "request");
        o.text("level", level(record));
        o.arr("blobs", |a| blobs(record, a));
        o.arr("doubles", |a| doubles(record, a));
    });
}

/// Fifteen texts; what is not known is empty.
fn blobs(record: &Record, out: &mut Arr<'_>) {
    let endpoint = [record.method.as_str(), " ", &record.path].concat();
    let dialect = |d: Option<Dialect>| d.map_or("", Dialect::as_str);
    let all = [
        record.request_id.as_str(),
        record.provider.as_deref().unwrap_or_default(),
        record.client_model.as_deref().unwrap_or_default(),
        record.upstream_model.as_deref().unwrap_or_default(),
        record.mode.as_str(),
        record.outcome.as_str(),
        &endpoint,
        dialect(record.client_dialect),
        dialect(record.upstream_dialect),
        record.via.unwrap_or_default(),
        record.label.as_deref().unwrap_or_default(),
        record.error.as_deref().unwrap_or_default(),
        record.stop.map_or("", StopReason::as_str),
        record.adjustments.as_deref().unwrap_or_default(),
        record.user_agent.as_deref().unwrap_or_default(),
    ];
    for text in all {
        out.text(text.get(..text.floor_char_boundary(MAX_BLOB)).unwrap_or_default());
    }
}

/// Nineteen numbers; what is not known is -1, as 0 would be a claim.
fn doubles(record: &Record, out: &mut Arr<'_>) {
    let usage = &record.usage;
    let all = [
        Some(Double::Count(record.status.into())),
        Some(Double::Millis(record.duration)),
        Some(Double::Count(record.request_bytes)),
        Some(Double::Count(record.response_bytes)),
        Some(Double::Count(record.upstream_bytes)),
        record.upstream_status.map(|status| Double::Count(status.into())),
        record.upstream_head.map(Double::Millis),
        record.first_byte.map(Double::Millis),
        record.first_content.map(Double::Millis),
        (!usage.is_unknown()).then(|| Double::Count(usage.input_total())),
        usage.cache_read.map(Double::Count),
        usage.cache_write.map(Double::Count),
        usage.output.map(Double::Count),
        usage.reasoning.map(Double::Count),
        record.cost.micros().map(Double::Count),
        Some(Double::Count(record.attempts.len() as u64)),
        Some(Double::Count(record.stream.into())),
        Some(Double::Count(record.started.as_micros() / 1000)),
        record.attempts.first().map(|attempt| Double::Millis(attempt.started)),
    ];
    let mut text = Vec::with_capacity(24);
    for double in all {
        text.clear();
        match double {
            None => text.extend_from_slice(b"-1"),
            Some(Double::Count(count)) => number(&mut text, count),
            Some(Double::Millis(time)) => line::millis(time, &mut text),
        }
        out.raw(std::str::from_utf8(&text).unwrap_or("-1"));
    }
}

#[derive(Clone, Copy)]
enum Double {
    Count(u64),
    Millis(Duration),
}

/// `time` as a member, in milliseconds.
fn millis(out: &mut Obj<'_>, name: &str, time: Duration) {
    let mut text = Vec::with_capacity(16);
    line::millis(time, &mut text);
    out.raw(name, std::str::from_utf8(&text).unwrap_or("0"));
}

/// `{"message", "level", ...}`: every field of the log line, then heads and bodies.
fn log(record: &Record, bodies: bool, out: &mut Vec<u8>) {
    let captured = |text: fn(&Shown) -> usize| record.capture.shown().map_or(0, text);
    // Escapes make it longer, seldom by much.
    let size = captured(|shown| shown.request.text.len() + shown.response.text.len());
    out.reserve(2048 + if bodies { size + size / 8 } else { 0 });
    object(out, |o| {
        o.text("message", &format!("{} {} {} {}", record.method, record.path, record.status, record.outcome.as_str()));
        o.text("level", level(record));
        o.text("time", &rfc3339(record.started));
        for (name, value) in line::fields(record) {
            match value {
                Value::Text(text) => o.text(name, text),
                Value::Number(number) => o.uint(name, number),
                Value::Millis(time) => millis(o, name, time),
                Value::Truth(truth) => o.bool(name, truth),
            }
        }
        o.arr("tries", |a| attempts(record, a));
        if let Some(shown) = record.capture.shown() {
            o.text("target", &shown.target);
            for (name, head) in [("request_headers", &shown.request_head), ("response_headers", &shown.response_head)] {
                o.obj(name, |o| headers(head, o));
            }
            let told = [
                ("request_body", "request_body_truncated", "request_body_reassembled", &shown.request),
                ("response_body", "response_body_truncated", "response_body_reassembled", &shown.response),
            ];
            for (name, truncated, reassembled, body) in told.into_iter().filter(|_| bodies) {
                o.text(name, &body.text);
                if body.truncated {
                    o.bool(truncated, true);
                }
                if body.reassembled {
                    o.bool(reassembled, true);
                }
            }
        }
    });
}

fn attempts(record: &Record, out: &mut Arr<'_>) {
    for attempt in &record.attempts {
        out.obj(|o| {
            let times = [("started_ms", Some(attempt.started)), ("head_ms", attempt.head), ("ended_ms", attempt.ended)];
            for (name, time) in times {
                if let Some(time) = time {
                    millis(o, name, time);
                }
            }
            o.text("target", &attempt.target);
            if let Some(status) = attempt.status {
                o.uint("status", status.into());
            }
            if let Some(error) = attempt.error {
                o.text("error", error);
            }
        });
    }
}

/// Lines of a head as members; values of a repeated name, which stand one behind the other, are joined.
fn headers(head: &str, out: &mut Obj<'_>) {
    let mut lines = head.lines().filter_map(|line| line.split_once(": ")).peekable();
    while let Some((name, value)) = lines.next() {
        let mut value = Cow::Borrowed(value);
        while let Some((_, more)) = lines.next_if(|(next, _)| *next == name) {
            value = format!("{value}, {more}").into();
        }
        // A name is a token (RFC 9110 section 5.6.2): nothing in it needs an escape.
        out.text(name, &value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Attempt, Outcome};
    use crate::secret::Secret;
    use crate::time::Timestamp;
    use crate::url::Base;

    fn sink() -> Aepipe {
        let base = Base::parse("https://pipe.example/base").unwrap();
        Aepipe { base, token: Secret::new("pipe-token").unwrap(), bodies: true }
    }

    fn json(bytes: &[u8]) -> serde_json::Value {
        serde_json::from_slice(bytes).unwrap()
    }

    fn written(write: fn(&Record, &mut Vec<u8>), record: &Record) -> Vec<u8> {
        let mut out = Vec::new();
        write(record, &mut out);
        out
    }

    #[test]
    fn every_slot_of_a_point() {
        let mut record = Record {
            request_id: "req_1".to_owned(),
            started: Timestamp::from_micros(1_795_308_060_123_456),
            duration: Duration::from_micros(1500),
            method: "POST".to_owned(),
            path: "/v1/messages".to_owned(),
            label: Some("anthropic".to_owned()),
            client_dialect: Some(Dialect::Anthropic),
            upstream_dialect: Some(Dialect::OpenAiChat),
            provider: Some("openai".to_owned()),
            via: Some("direct"),
            client_model: Some("a#openai".to_owned()),
            upstream_model: Some("a".to_owned()),
            stream: true,
            status: 200,
            upstream_status: Some(200),
            attempts: vec![Attempt { started: Duration::from_micros(250), ..Attempt::default() }],
            outcome: Outcome::Completed,
            request_bytes: 10,
            response_bytes: 20,
            upstream_bytes: 30,
            upstream_head: Some(Duration::from_millis(1)),
            stop: Some(StopReason::EndTurn),
            ..Record::default()
        };
        record.usage.output = Some(7);
        assert_eq!(
            json(&written(point, &record)),
            serde_json::json!({
                "event": "request", "level": "info",
                "blobs": ["req_1", "openai", "a#openai", "a", "gateway", "completed", "POST /v1/messages", "anthropic",
                          "openai-chat", "direct", "anthropic", "", "end_turn", "", ""],
                "doubles": [200, 1.5, 10, 20, 30, 200, 1.0, -1, -1, 0, -1, -1, 7, -1, -1, 1, 1, 1_795_308_060_123_u64, 0.25],
            })
        );
    }

    /// What the documentation says of the slots that the test above fills, in its order.
    #[test]
    fn the_documentation_lists_every_slot() {
        const BLOBS: [&str; 15] = [
            "request id (`x-apex-request-id`)",
            "provider, or the host of a passthrough",
            "model, as the client wrote it",
            "model, as it was sent",
            "`gateway`, `passthrough`",
            "outcome",
            "method and path",
            "dialect of the client",
            "dialect of the upstream",
            "`direct`, `cloudflare`, `mock`",
            "`X-APEX-AI-PROXY-TYPE`",
            "error code",
            "why the model stopped",
            "adjustments",
            "user agent",
        ];
        const DOUBLES: [&str; 19] = [
            "status",
            "duration, ms",
            "bytes of the request",
            "bytes of the reply",
            "bytes from the upstream",
            "status of the upstream",
            "upstream's head, ms after the start",
            "first byte for the client, ms",
            "streams: first content, ms",
            "input tokens, all of them",
            "those read from a cache",
            "those written to a cache",
            "output tokens, all of them",
            "those of reasoning",
            "cost, millionths of a US dollar",
            "attempts",
            "1 if a stream was asked for",
            "start, milliseconds since 1970",
            "ms in the gateway before the first attempt",
        ];
        let document = include_str!("../../../../docs/reporting.md");
        for (name, first, slots) in [("blob", 6, &BLOBS[..]), ("double", 1, &DOUBLES[..])] {
            for (at, what) in (first..).zip(slots) {
                let row = format!("| `{name}{at}` | {what} |");
                assert!(document.contains(&row), "{row}");
            }
        }
    }

    #[test]
    fn values_of_a_repeated_header_are_joined() {
        let head = "via: a\nset-cookie: ***\nset-cookie: ***\nset-cookie: ***\ndate: \"now\": then\nvia-x: b";
        let mut out = Vec::new();
        object(&mut out, |o| headers(head, o));
        assert_eq!(
            json(&out),
            serde_json::json!({"via": "a", "set-cookie": "***, ***, ***", "date": "\"now\": then", "via-x": "b"})
        );
    }

    #[test]
    fn a_point_stays_below_its_limits() {
        let long = "é\u{1f600}\"".repeat(4000);
        let record = Record {
            provider: Some(long.clone()),
            client_model: Some(long.clone()),
            upstream_model: Some(long.clone()),
            path: long.clone(),
            error: Some(long.clone()),
            adjustments: Some(long.clone()),
            label: Some(long.clone()),
            user_agent: Some(long),
            ..Record::default()
        };
        let point = json(&written(point, &record));
        let blobs: Vec<_> = point["blobs"].as_array().unwrap().iter().map(|b| b.as_str().unwrap()).collect();
        assert!(blobs.len() <= 15 && point["doubles"].as_array().unwrap().len() <= 20);
        let names = "apex-ai-proxy".len() + "requests".len() + "request".len() + "error".len();
        assert!(blobs.iter().map(|b| b.len()).sum::<usize>() + names < 16 << 10);
        assert!(blobs[1].len() > 990 && !blobs[1].contains('\u{fffd}'));
    }

    #[test]
    fn bodies_hold_at_most_250_entries() {
        let records = std::iter::repeat_n(Arc::new(Record::default()), 501).collect::<Vec<_>>();
        for (store, key) in [(Store::Requests, "points"), (Store::Raw, "logs")] {
            let all = bodies(store, &records, &sink());
            let lengths: Vec<_> = all.iter().map(|body| json(body)[key].as_array().unwrap().len()).collect();
            assert_eq!(lengths, [250, 250, 1]);
        }
    }

    #[test]
    fn where_and_how_it_is_asked() {
        let head = Store::Raw.head(&sink()).unwrap();
        assert_eq!(head.uri, "https://pipe.example/base/v1/apex-ai-proxy/raw/log");
        assert_eq!(head.headers["authorization"], "Bearer pipe-token");
        assert!(!format!("{head:?}").contains("pipe-token"));
        for (body, accepted) in
            [(&b"{\"ok\":true,\"written\":3}"[..], true), (b"{\"ok\":false}", false), (b"<html>", false), (b"", false)]
        {
            assert_eq!(is_accepted(body), accepted);
        }
    }
}
