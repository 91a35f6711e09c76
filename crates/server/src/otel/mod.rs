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
use crate::report::delivery::{Bounds, Delivery, Destination, Envelope};
use crate::report::{Ledger, Sink};
use proto::{AnyValue, ExportRequest, ExportResponse, KeyValue, Resource, ResourceSpans, Scope, ScopeSpans, Value};

/// Brings spans to a collector.
#[derive(Debug)]
pub(crate) struct Traces {
    ledger: Arc<Ledger>,
    delivery: Delivery,
    resource: Resource,
}

impl Traces {
    pub(crate) fn new() -> Self {
        let ledger = Ledger::new("otlp");
        // Messages of one kind, one behind the other, are one message with the fields of all.
        let envelope = Envelope { before: b"", between: b"", after: b"", accepted };
        let delivery = Delivery::new(ledger.clone(), envelope, Bounds::default());
        Self { ledger, delivery, resource: Resource::default() }
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
            self.resource = resource(otel);
            let (origin, network) = (otel.traces.origin.clone(), snapshot.network.clone());
            self.delivery.aim(Destination { origin, head, network });
        }
    }

    fn take(&mut self, record: &Arc<Record>) {
        let spans = spans::spans(record);
        if !spans.is_empty() {
            self.delivery.put(message(self.resource.clone(), spans).encode_to_vec());
        }
    }

    fn finish(&mut self, until: Instant) {
        self.delivery.finish(until);
    }
}

fn message(resource: Resource, spans: Vec<proto::Span>) -> ExportRequest {
    let scope = Scope { name: "apex-ai-proxy".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() };
    let scope_spans = vec![ScopeSpans { scope: Some(scope), spans }];
    let schema_url = SCHEMA_URL.to_owned();
    ExportRequest { resource_spans: vec![ResourceSpans { resource: Some(resource), scope_spans, schema_url }] }
}

fn resource(otel: &Otel) -> Resource {
    let text = |key: &str, value: &str| KeyValue {
        key: key.to_owned(),
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
