//! The spans of a record: one for the request, one for each attempt upstream. Nothing of a prompt, an answer, a key or a
//! query is in them.

use std::time::Duration;

use apex_core::cost::Cost;
use apex_core::hub::StopReason;
use apex_core::record::{Attempt, Mode, Outcome, Record};
use apex_core::semconv::{self, attribute};
use apex_core::trace_context;

use bytes::Bytes;

use super::proto::{AnyValue, KeyValue, Span, Status, Value, Values};
use crate::metrics::route;

/// None if the trace is not recorded.
pub(super) fn spans(record: &Record) -> impl Iterator<Item = Span> {
    let span = record.span.filter(|span| span.sampled);
    let last = record.attempts.len().saturating_sub(1);
    span.into_iter().flat_map(move |span| {
        let attempts = record.attempts.iter().enumerate();
        let attempts = attempts.map(move |(number, attempt)| client(record, &span, attempt, number, number == last));
        std::iter::once(server(record, &span)).chain(attempts)
    })
}

fn server(record: &Record, span: &trace_context::Span) -> Span {
    let route = route(record);
    let mut attributes = Attributes::default();
    attributes.text(attribute::HTTP_REQUEST_METHOD, &record.method);
    if route.starts_with('/') {
        attributes.text(attribute::HTTP_ROUTE, route);
    }
    if record.mode == Mode::Gateway {
        // In passthrough the path is another host's, and may hold what is nobody's business.
        attributes.text(attribute::URL_PATH, &record.path);
    }
    attributes.number(attribute::HTTP_RESPONSE_STATUS_CODE, record.status.into());
    if let Some(agent) = &record.user_agent {
        attributes.text(attribute::USER_AGENT, agent);
    }
    attributes.text(attribute::GATEWAY_REQUEST_ID, &record.request_id);
    attributes.text(attribute::GATEWAY_OUTCOME, record.outcome.as_str());
    attributes.text(attribute::GATEWAY_MODE, record.mode.as_str());
    if let Some(model) = &record.client_model {
        attributes.text(attribute::GATEWAY_CLIENT_MODEL, model);
    }
    if let Some(adjustments) = &record.adjustments {
        attributes.text(attribute::GATEWAY_ADJUSTMENTS, adjustments);
    }
    // A client's mistake is no error of the server's.
    let failed = record.status >= 500 || matches!(record.outcome, Outcome::Truncated | Outcome::BadAnswer);
    if failed || record.status >= 400 {
        attributes.text(attribute::ERROR_TYPE, &error_type(record));
    }
    let parent = record.parent.as_ref();
    Span {
        trace_id: span.trace_id.to_be_bytes().to_vec(),
        span_id: span.span_id.to_be_bytes().to_vec(),
        trace_state: parent.and_then(|p| p.state.clone()).unwrap_or_default(),
        parent_span_id: parent
            .map_or(Vec::new(), |p| if p.span_id == 0 { Vec::new() } else { p.span_id.to_be_bytes().to_vec() }),
        name: if route.starts_with('/') { format!("{} {route}", record.method) } else { record.method.clone() },
        kind: SERVER,
        start_time_unix_nano: nanos(record, Duration::ZERO),
        end_time_unix_nano: nanos(record, record.duration),
        attributes: attributes.0,
        status: failed.then(failure),
        flags: SAMPLED | HAS_IS_REMOTE | if parent.is_some() { IS_REMOTE } else { 0 },
    }
}

fn client(record: &Record, span: &trace_context::Span, attempt: &Attempt, number: usize, last: bool) -> Span {
    let operation = if record.mode == Mode::Gateway { semconv::operation(&record.path) } else { "other" };
    let model = record.upstream_model.as_deref().filter(|_| record.mode == Mode::Gateway);
    let mut attributes = Attributes::default();
    if record.mode == Mode::Gateway {
        attributes.text(attribute::OPERATION_NAME, operation);
        if let Some(provider) = &record.provider {
            attributes.text(attribute::PROVIDER_NAME, semconv::provider_name(provider));
        }
        if record.stream {
            attributes.truth(attribute::REQUEST_STREAM, true);
        }
    }
    if let Some(model) = model {
        attributes.text(attribute::REQUEST_MODEL, model);
    }
    address(&mut attributes, &attempt.target);
    attributes.text(attribute::HTTP_REQUEST_METHOD, &record.method);
    if let Some(status) = attempt.status {
        attributes.number(attribute::HTTP_RESPONSE_STATUS_CODE, status.into());
    }
    if number > 0 {
        attributes.number(attribute::HTTP_RESEND_COUNT, number as u64);
    }
    let refused = attempt.status.filter(|s| *s >= 400);
    let broken = attempt.error.map(str::to_owned).or_else(|| refused.map(|s| s.to_string()));
    let broken = broken.or_else(|| {
        (last && record.outcome != Outcome::Completed && has_failed(record.outcome)).then(|| error_type(record))
    });
    if let Some(error) = &broken {
        attributes.text(attribute::ERROR_TYPE, error);
    }
    if last {
        reply(&mut attributes, record, attempt);
    }
    Span {
        trace_id: span.trace_id.to_be_bytes().to_vec(),
        span_id: span.attempt(number).to_be_bytes().to_vec(),
        trace_state: record.parent.as_ref().and_then(|p| p.state.clone()).unwrap_or_default(),
        parent_span_id: span.span_id.to_be_bytes().to_vec(),
        name: match (record.mode, model) {
            (Mode::Passthrough, _) => record.method.clone(),
            (Mode::Gateway, Some(model)) => format!("{operation} {model}"),
            (Mode::Gateway, None) => operation.to_owned(),
        },
        kind: CLIENT,
        start_time_unix_nano: nanos(record, attempt.started),
        end_time_unix_nano: nanos(record, attempt.ended.unwrap_or(record.duration)),
        attributes: attributes.0,
        status: broken.is_some().then(failure),
        flags: SAMPLED | HAS_IS_REMOTE,
    }
}

/// What the reply to the last attempt told.
fn reply(attributes: &mut Attributes, record: &Record, attempt: &Attempt) {
    if let Some(content) = record.first_content {
        let waited = content.saturating_sub(attempt.started);
        attributes.float(attribute::TIME_TO_FIRST_CHUNK, waited.as_secs_f64());
    }
    for (name, value) in
        [(attribute::RESPONSE_ID, &record.response_id), (attribute::RESPONSE_MODEL, &record.response_model)]
    {
        if let Some(value) = value {
            attributes.text(name, value);
        }
    }
    // A reply that began, and ended before it gave a reason.
    let began = record.mode == Mode::Gateway && attempt.status.is_some_and(|status| status < 400);
    let broke = began && (has_failed(record.outcome) || record.outcome == Outcome::ClientGone);
    if let Some(reason) = record.stop.map(StopReason::as_str).or(broke.then_some("error")) {
        let value = AnyValue { value: Some(Value::Text(reason.to_owned())) };
        attributes.push(attribute::FINISH_REASONS, Value::List(Values { values: vec![value] }));
    }
    let usage = &record.usage;
    for (name, count) in [
        (attribute::INPUT_TOKENS, (!usage.is_unknown()).then(|| usage.input_total())),
        (attribute::OUTPUT_TOKENS, usage.output),
        (attribute::CACHE_READ_TOKENS, usage.cache_read),
        (attribute::CACHE_WRITE_TOKENS, usage.cache_write),
        (attribute::REASONING_TOKENS, usage.reasoning),
    ] {
        if let Some(count) = count {
            attributes.number(name, count);
        }
    }
    if let Cost::Known { amount, .. } = record.cost {
        attributes.float(attribute::GATEWAY_COST, amount.dollars());
    }
}

fn has_failed(outcome: Outcome) -> bool {
    match outcome {
        Outcome::UpstreamError
        | Outcome::UpstreamUnreachable
        | Outcome::UpstreamTimeout
        | Outcome::Truncated
        | Outcome::BadAnswer => true,
        Outcome::Completed | Outcome::ClientGone | Outcome::Refused | Outcome::Relayed => false,
    }
}

/// A word of a small set: codes of providers are not.
fn error_type(record: &Record) -> String {
    match record.outcome {
        Outcome::Refused => record.error.clone().unwrap_or_else(|| "refused".to_owned()),
        Outcome::Completed | Outcome::Relayed => record.status.to_string(),
        Outcome::UpstreamError
        | Outcome::UpstreamUnreachable
        | Outcome::UpstreamTimeout
        | Outcome::Truncated
        | Outcome::BadAnswer
        | Outcome::ClientGone => record.outcome.as_str().to_owned(),
    }
}

/// `https://host:port/path` as host and port.
fn address(attributes: &mut Attributes, target: &str) {
    let Some((scheme, rest)) = target.split_once("://") else { return };
    let authority = rest.split('/').next().unwrap_or(rest);
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => (host, port.parse().ok()),
        _ => (authority, None),
    };
    attributes.text(attribute::SERVER_ADDRESS, host.trim_start_matches('[').trim_end_matches(']'));
    attributes.number(attribute::SERVER_PORT, port.unwrap_or(if scheme == "https" { 443 } else { 80 }));
}

fn failure() -> Status {
    Status { message: String::new(), code: 2 }
}

fn nanos(record: &Record, after: Duration) -> u64 {
    (record.started + after).as_micros().saturating_mul(1000)
}

struct Attributes(Vec<KeyValue>);

impl Default for Attributes {
    fn default() -> Self {
        Self(Vec::with_capacity(USUAL))
    }
}

impl Attributes {
    fn push(&mut self, key: &'static str, value: Value) {
        self.0.push(KeyValue { key: Bytes::from_static(key.as_bytes()), value: Some(AnyValue { value: Some(value) }) });
    }

    fn text(&mut self, key: &'static str, text: &str) {
        // Characters are at most bytes: most texts are short, and need no counting.
        let text = if text.len() <= MOST { text.to_owned() } else { text.chars().take(MOST).collect() };
        self.push(key, Value::Text(text));
    }

    fn number(&mut self, key: &'static str, number: u64) {
        self.push(key, Value::Number(i64::try_from(number).unwrap_or(i64::MAX)));
    }

    fn float(&mut self, key: &'static str, number: f64) {
        self.push(key, Value::Float(number));
    }

    fn truth(&mut self, key: &'static str, truth: bool) {
        self.push(key, Value::Truth(truth));
    }
}

const SERVER: i32 = 2;
const CLIENT: i32 = 3;
const SAMPLED: u32 = 1;
const HAS_IS_REMOTE: u32 = 0x100;
const IS_REMOTE: u32 = 0x200;
/// Attributes of a span, if all is well.
const USUAL: usize = 24;
/// Characters of an attribute.
const MOST: usize = 256;
