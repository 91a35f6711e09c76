//! Traces for an OpenTelemetry collector: OTLP over HTTP with protobuf, made of records on the reporting thread.

mod proto;
mod spans;

use std::sync::Arc;
use std::time::Instant;

use apex_core::catalog::Otel;
use apex_core::record::Record;
use apex_core::semconv::{SCHEMA_URL, attribute};
use http::{HeaderValue, Method, Request, header, request};
use prost::Message as _;

use crate::platform::Snapshot;
use crate::report::delivery::{Bounds, Delivery, Destination, Manners};
use crate::report::{Ledger, Sink};
use proto::{AnyValue, ExportResponse, KeyValue, Resource, Scope, Value};

/// Brings spans to a collector.
#[derive(Debug)]
pub(crate) struct Traces {
    ledger: Arc<Ledger>,
    delivery: Delivery,
}

impl Traces {
    pub(crate) fn new() -> Self {
        let ledger = Ledger::new("otlp");
        // Fields of a message, one behind the other, are all of that message.
        let manners = Manners { between: b"", accepted };
        Self { delivery: Delivery::new(ledger.clone(), manners, Bounds::default()), ledger }
    }
}

impl Sink for Traces {
    fn ledger(&self) -> &Arc<Ledger> {
        &self.ledger
    }

    fn configure(&mut self, snapshot: &Snapshot) {
        let otel = snapshot.catalog.otel.as_ref();
        let head = otel.and_then(|otel| Some((otel, head(otel)?)));
        self.ledger.switch(head.is_some());
        if let Some((otel, head)) = head {
            let (origin, network) = (otel.traces.origin.clone(), snapshot.network.clone());
            self.delivery.aim(Destination { origin, head, network, wrap: Arc::new(wrap(&resource(otel))) });
        }
    }

    fn take(&mut self, record: &Arc<Record>) {
        if record.span.is_some_and(|span| span.sampled) {
            self.delivery.put(|out| spans::spans(record).for_each(|span| field(2, &span, out)));
        }
    }

    fn finish(&mut self, until: Instant) {
        self.delivery.finish(until);
    }
}

/// Appends `message` as the field of this number, below 16. Writing into memory cannot fail.
fn field(number: u8, message: &impl prost::Message, out: &mut Vec<u8>) {
    out.push(number << 3 | LENGTH_DELIMITED);
    let _ = message.encode_length_delimited(out);
}

/// Makes of spans, each as field 2 of a `ScopeSpans`, an `ExportTraceServiceRequest`: one `ResourceSpans` (field 1) with
/// its resource (1), its one `ScopeSpans` (2) and a schema (3); a `ScopeSpans` has its scope (1) and the schema (3), too.
fn wrap(resource: &Resource) -> impl Fn(&[u8]) -> Vec<u8> + use<> {
    let scope = Scope { name: "apex-ai-proxy".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() };
    let (mut before, mut scope_before, mut schema) = (Vec::new(), Vec::new(), Vec::new());
    field(1, resource, &mut before);
    field(1, &scope, &mut scope_before);
    bytes_field(3, SCHEMA_URL.as_bytes(), &mut schema);
    move |spans| {
        let inner = [&scope_before, spans, &schema].concat();
        let mut outer = before.clone();
        bytes_field(2, &inner, &mut outer);
        outer.extend_from_slice(&schema);
        let mut out = Vec::with_capacity(outer.len() + 8);
        bytes_field(1, &outer, &mut out);
        out
    }
}

fn bytes_field(number: u8, bytes: &[u8], out: &mut Vec<u8>) {
    out.push(number << 3 | LENGTH_DELIMITED);
    let _ = prost::encode_length_delimiter(bytes.len(), out);
    out.extend_from_slice(bytes);
}

/// The wire type of messages and texts.
const LENGTH_DELIMITED: u8 = 2;

fn resource(otel: &Otel) -> Resource {
    let text = |key: &str, value: &str| KeyValue {
        key: key.to_owned().into(),
        value: Some(AnyValue { value: Some(Value::Text(value.to_owned())) }),
    };
    let mut attributes: Vec<KeyValue> = otel.resource.iter().map(|(key, value)| text(key, value)).collect();
    attributes.push(text(attribute::SERVICE_VERSION, env!("CARGO_PKG_VERSION")));
    Resource { attributes }
}

/// Where spans are sent, and as whom.
fn head(otel: &Otel) -> Option<request::Parts> {
    let (mut head, ()) = Request::new(()).into_parts();
    head.method = Method::POST;
    head.uri = otel.traces.join("", None).ok()?;
    head.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
    for (name, value) in &otel.headers {
        let mut value = HeaderValue::try_from(value.expose()).ok()?;
        value.set_sensitive(true);
        head.headers.insert(name, value);
    }
    Some(head)
}

/// Did the collector take everything? An empty answer says so.
fn accepted(answer: &[u8]) -> bool {
    let answer = ExportResponse::decode(answer);
    answer.is_ok_and(|answer| answer.partial_success.is_none_or(|partial| partial.rejected_spans == 0))
}
