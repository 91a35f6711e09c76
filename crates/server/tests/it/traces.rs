//! Traces, as a collector reads them: decoded with the types of OpenTelemetry's own crate.

use std::fmt::Write as _;

use apex_testkit::{Recorded, Script, Upstream};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;

use crate::gateway::PATIENCE;
use crate::scripted::{Client, Scripted};

fn collector(more: &str) -> (Upstream, String) {
    let sink = Upstream::start();
    sink.on_path("/v1/traces", Script::json(200, ""));
    let config = format!("[otel]\nendpoint = \"{}\"\n{more}", sink.url());
    (sink, config)
}

fn decode(requests: &[Recorded]) -> Vec<(ExportTraceServiceRequest, Vec<Span>)> {
    let all = requests.iter().filter(|r| r.path() == "/v1/traces");
    all.map(|request| {
        let message = ExportTraceServiceRequest::decode(request.body.as_ref()).unwrap();
        let scopes = message.resource_spans.iter().flat_map(|r| &r.scope_spans);
        let spans = scopes.flat_map(|s| s.spans.clone()).collect();
        (message, spans)
    })
    .collect()
}

/// All spans, as soon as there are so many.
fn spans_when(sink: &Upstream, n: usize) -> Vec<Span> {
    let spans = |requests: &[Recorded]| -> Vec<Span> { decode(requests).into_iter().flat_map(|(_, s)| s).collect() };
    spans(&sink.wait_until(PATIENCE, |requests| spans(requests).len() >= n))
}

fn text(value: Option<&AnyValue>) -> String {
    match value.and_then(|v| v.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::BoolValue(truth)) => truth.to_string(),
        Some(Value::IntValue(number)) => number.to_string(),
        Some(Value::DoubleValue(_)) => "a number".to_owned(),
        Some(Value::ArrayValue(all)) => all.values.iter().map(|v| text(Some(v))).collect::<Vec<_>>().join(","),
        other => format!("{other:?}"),
    }
}

fn attributes(all: &[KeyValue], hidden: &[&str]) -> String {
    let mut lines = String::new();
    for attribute in all {
        let shown =
            if hidden.contains(&attribute.key.as_str()) { "*".to_owned() } else { text(attribute.value.as_ref()) };
        writeln!(lines, "{}={shown}", attribute.key).unwrap();
    }
    lines
}

fn hex(id: &[u8]) -> String {
    id.iter().fold(String::new(), |mut out, byte| {
        write!(out, "{byte:02x}").unwrap();
        out
    })
}

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

#[test]
fn a_request_is_a_span_and_each_attempt_another() {
    let (sink, config) = collector(
        "headers = \"x-scope=tenant%201\"\nservice_name = \"gw\"\nresource_attributes = \"deployment.environment=test\"\n",
    );
    let gateway = Scripted::start(&config);
    let more = format!("traceparent: 00-{TRACE}-{PARENT}-01\r\ntracestate: a=1,b=2\r\nuser-agent: test/1\r\n");
    let (status, _) = gateway.ask(&Client::Messages.post("gpt-5.5#openai", false, &more));
    assert_eq!(status, 200);
    let spans = spans_when(&sink, 2);
    let [server, client] = spans.as_slice() else { panic!("{spans:?}") };

    let request = &sink.requests()[0];
    assert_eq!(request.header("content-type"), Some("application/x-protobuf"));
    assert_eq!(request.header("x-scope"), Some("tenant 1"));
    let (message, _) = &decode(std::slice::from_ref(request))[0];
    let resource = &message.resource_spans[0];
    assert_eq!(
        attributes(&resource.resource.as_ref().unwrap().attributes, &["service.version"]),
        "service.name=gw\ndeployment.environment=test\nservice.version=*\n"
    );
    assert_eq!(resource.scope_spans[0].scope.as_ref().unwrap().name, "apex-ai-proxy");
    let schemas = (resource.schema_url.as_str(), resource.scope_spans[0].schema_url.as_str());
    assert_eq!(schemas, ("https://opentelemetry.io/schemas/1.44.0", "https://opentelemetry.io/schemas/1.44.0"));

    assert_eq!((server.name.as_str(), server.kind, hex(&server.trace_id)), ("POST /v1/messages", 2, TRACE.to_owned()));
    assert_eq!((hex(&server.parent_span_id), server.trace_state.as_str()), (PARENT.to_owned(), "a=1,b=2"));
    assert_eq!(
        attributes(&server.attributes, &["gateway.request.id"]),
        "http.request.method=POST\nhttp.route=/v1/messages\nurl.path=/v1/messages\nhttp.response.status_code=200\n\
         user_agent.original=test/1\ngateway.request.id=*\ngateway.outcome=completed\ngateway.mode=gateway\n\
         gateway.client.model=gpt-5.5#openai\n"
    );
    assert_eq!((client.name.as_str(), client.kind, &client.parent_span_id), ("chat gpt-5.5", 3, &server.span_id));
    assert_eq!((&client.trace_id, client.status.is_none()), (&server.trace_id, true));
    let told = attributes(&client.attributes, &["server.port", "gateway.cost.usd"]);
    for line in [
        "gen_ai.operation.name=chat",
        "gen_ai.provider.name=openai",
        "gen_ai.request.model=gpt-5.5",
        "server.address=127.0.0.1",
        "server.port=*",
        "http.response.status_code=200",
        "gen_ai.response.model=gpt-5.5",
        "gen_ai.response.finish_reasons=end_turn",
    ] {
        assert!(told.lines().any(|l| l == line), "{line} is not in\n{told}");
    }
    let (begun, ended) = (client.start_time_unix_nano, client.end_time_unix_nano);
    assert!(server.start_time_unix_nano <= begun && begun <= ended && ended <= server.end_time_unix_nano);
    // The provider's own spans become children of the attempt's.
    let sent = &gateway.upstream.requests()[0];
    assert_eq!(sent.header("traceparent"), Some(format!("00-{TRACE}-{}-01", hex(&client.span_id)).as_str()));
    assert_eq!(sent.header("tracestate"), Some("a=1,b=2"));
}

#[test]
fn errors_streams_and_cloudflares_headers() {
    let (sink, config) = collector("");
    let gateway = Scripted::start(&config);
    gateway.upstream.next(Script::json(503, r#"{"error":{"message":"secret words","type":"t"}}"#));
    let more = format!("cf-aig-otel-trace-id: {TRACE}\r\ncf-aig-otel-parent-span-id: {PARENT}\r\n");
    gateway.ask(&Client::Chat.post("gpt-5.5#openai", false, &more));
    let spans = spans_when(&sink, 2);
    assert_eq!((hex(&spans[0].trace_id), hex(&spans[0].parent_span_id)), (TRACE.to_owned(), PARENT.to_owned()));
    for span in &spans {
        assert_eq!(span.status.as_ref().unwrap().code, 2, "{span:?}");
    }
    assert!(attributes(&spans[1].attributes, &[]).contains("error.type=503"));
    assert!(!format!("{spans:?}").contains("secret words"));
    gateway.ask(&Client::Chat.post("gpt-5.5#openai", true, ""));
    let spans = spans_when(&sink, 4);
    let told = attributes(&spans[3].attributes, &[]);
    assert!(told.contains("gen_ai.response.time_to_first_chunk=a number"), "{told}");
    assert!(spans[2].parent_span_id.is_empty() && spans[2].trace_id != spans[0].trace_id);
    // A refusal has no attempt, and is the client's mistake.
    gateway.ask(&crate::scripted::post("/nowhere", "{}", ""));
    let spans = spans_when(&sink, 5);
    assert_eq!((spans[4].name.as_str(), &spans[4].status), ("POST", &None));
    assert!(attributes(&spans[4].attributes, &[]).contains("error.type=not_found"));
}

#[test]
fn who_began_the_trace_decides_if_it_is_recorded() {
    let (sink, config) = collector("ratio = 0\n");
    let mut gateway = Scripted::start(&config);
    let context = |flags: &str| format!("traceparent: 00-{TRACE}-{PARENT}-{flags}\r\n");
    for (more, flags) in [(context("00"), "00"), (context("01"), "01"), (String::new(), "00")] {
        gateway.upstream.clear();
        gateway.ask(&Client::Chat.post("gpt-5.5#openai", false, &more));
        let sent = gateway.upstream.requests();
        let parent = sent[0].header("traceparent").unwrap();
        assert!(parent.ends_with(&format!("-{flags}")) && !parent.contains(PARENT), "{parent}");
        assert_eq!(parent.contains(TRACE), !more.is_empty());
    }
    assert_eq!(spans_when(&sink, 2).len(), 2);
    gateway.signal("TERM");
    assert!(gateway.wait(PATIENCE).expect("it ends").success());
    gateway.wait_for_log("\"sink\":\"otlp\",\"produced\":1,\"delivered\":1,\"dropped\":0");
}

#[test]
fn passthrough_and_a_gateway_without_traces_leave_the_context_alone() {
    let (sink, config) = collector("");
    let context = format!("traceparent: 00-{TRACE}-{PARENT}-01\r\ntracestate: a=1\r\n");
    let traced = Scripted::start(&config);
    traced.ask(&crate::scripted::post(
        "/openai/v1/chat/completions",
        "{}",
        &format!("{context}{}", traced.passthrough()),
    ));
    let plain = Scripted::start("");
    plain.ask(&Client::Chat.post("gpt-5.5#openai", false, &context));
    for gateway in [&traced, &plain] {
        let sent = &gateway.upstream.requests()[0];
        assert_eq!(sent.header("traceparent"), Some(format!("00-{TRACE}-{PARENT}-01").as_str()));
        assert_eq!(sent.header("tracestate"), Some("a=1"));
    }
    let spans = spans_when(&sink, 2);
    assert_eq!((hex(&spans[0].trace_id), spans[1].name.as_str()), (TRACE.to_owned(), "POST"));
    assert!(!attributes(&spans[0].attributes, &[]).contains("url.path"));
}
