//! The first decision, made on the head alone: answer at once, refuse, or take the request in. No body byte is read
//! before it.

use std::net::IpAddr;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode, request};

use crate::catalog::Catalog;
use crate::cors::Cors;
use crate::credentials::{self, Caller};
use crate::dialect::Dialect;
use crate::headers;
use crate::models;
use crate::multipart;
use crate::name::Mapping;
use crate::passthrough::Destination;
use crate::record::Record;
use crate::refusal::{Refusal, echo};
use crate::reply::{self, Whole};
use crate::route::{self, Operation, Route};
use crate::time::Timestamp;

/// Names the upstream of a passthrough request.
pub const PROVIDER: &str = "x-apex-ai-proxy-provider";
/// Rewrites model names.
pub const MAPPING: &str = "x-apex-ai-proxy-mapping";
/// A label for reports.
pub const TYPE: &str = "x-apex-ai-proxy-type";

const STRICT: HeaderName = HeaderName::from_static("x-apex-strict");
const VERSION: HeaderName = HeaderName::from_static("anthropic-version");

/// The content type of metrics, <https://prometheus.io/docs/specs/om/open_metrics_spec/>.
pub const METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Google's clients send one of them.
static GOOGLE: [HeaderName; 2] =
    [HeaderName::from_static("x-goog-api-key"), HeaderName::from_static("x-goog-api-client")];

/// Cohere's clients tell in it that they are.
const SDK_NAME: HeaderName = HeaderName::from_static("x-fern-sdk-name");

/// Most gateways a request may pass.
const MAX_HOPS: u32 = 8;

/// What a host knows of a request besides its head.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a> {
    pub request_id: &'a str,
    pub now: Timestamp,
    /// The client's address, where the host knows it.
    pub client: Option<IpAddr>,
    /// The host is shutting down: `/readyz` says so.
    pub draining: bool,
}

/// A request that was let in.
#[derive(Clone, Debug)]
pub struct Ticket {
    pub head: request::Parts,
    pub target: Target,
    pub caller: Caller,
    pub cors: Cors,
    pub mapping: Option<Mapping>,
    /// Refuse rather than adjust.
    pub strict: bool,
    /// Gateways passed so far.
    pub hops: u32,
    /// As far as it goes; the exchange takes it over.
    pub record: Option<Box<Record>>,
}

/// Which mode the request is in.
#[derive(Clone, Debug)]
pub enum Target {
    Gateway(Operation),
    Passthrough(Box<Destination>),
}

/// The decision.
#[derive(Debug)]
pub enum Admission {
    Admitted(Box<Ticket>),
    Answered(Whole),
    /// The host's metrics are wanted: they are the body of this reply.
    Metrics(Whole),
    Refused {
        whole: Whole,
        record: Box<Record>,
    },
}

/// Decides on `head`.
pub fn admit(head: request::Parts, catalog: &Catalog, arrival: &Arrival<'_>) -> Admission {
    let (dialect, request_id) = (error_dialect(&head), arrival.request_id);
    let mut record = Record::begin(&head, dialect, arrival, catalog);
    let mut cors = Cors::default();
    let finish = |mut whole: Whole, cors: &Cors| {
        reply::stamp(&mut whole.parts.headers, dialect, request_id);
        cors.apply(&mut whole.parts.headers);
        whole
    };
    match decide(head, catalog, arrival.draining, &mut cors) {
        Ok(Decision::Admit(Admitted { head, target, caller, mapping, hops })) => {
            let strict = head.headers.get(STRICT).is_some_and(|v| v.as_bytes().eq_ignore_ascii_case(b"true"));
            let ticket = Ticket { head, target, caller, cors, mapping, strict, hops, record: Some(record) };
            Admission::Admitted(Box::new(ticket))
        }
        Ok(Decision::Answer(whole)) => Admission::Answered(finish(whole, &cors)),
        Ok(Decision::Metrics) => Admission::Metrics(finish(Whole::new(StatusCode::OK, METRICS, ""), &cors)),
        Err(refusal) => {
            let whole = finish(reply::refuse(&refusal, dialect, request_id), &cors);
            record.refuse(refusal.code(), &whole, catalog);
            Admission::Refused { whole, record }
        }
    }
}

enum Decision {
    Admit(Admitted),
    Answer(Whole),
    Metrics,
}

struct Admitted {
    head: request::Parts,
    target: Target,
    caller: Caller,
    mapping: Option<Mapping>,
    hops: u32,
}

fn decide(head: request::Parts, catalog: &Catalog, draining: bool, cors: &mut Cors) -> Result<Decision, Refusal> {
    let limits = &catalog.limits;
    let length = head.uri.path_and_query().map_or(0, |p| p.as_str().len());
    if length > limits.uri {
        return Err(Refusal::UriTooLong { limit: limits.uri });
    }
    let size: usize = head.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    if size as u64 > limits.head || head.headers.len() > limits.headers {
        return Err(Refusal::HeadTooLarge { limit: limits.head, headers: limits.headers });
    }
    *cors = Cors::check(&head, catalog)?;
    if let Some(headers) = cors.preflight(&head) {
        let mut whole = Whole::json(StatusCode::NO_CONTENT, "");
        whole.parts.headers = headers;
        return Ok(Decision::Answer(whole));
    }
    let path = head.uri.path();
    // Other upgrades (curl offers h2c) may be ignored, and are.
    let websocket = |v: &HeaderValue| v.as_bytes().to_ascii_lowercase().windows(9).any(|w| w == b"websocket");
    if head.headers.get_all(header::UPGRADE).iter().any(websocket) {
        return Err(Refusal::UpgradeRequired);
    }
    let operational = matches!(path, "/healthz" | "/metrics" | "/readyz");
    if !operational && let Some(provider) = head.headers.get(HeaderName::from_static(PROVIDER)).cloned() {
        return passthrough(provider.as_bytes(), head, catalog);
    }
    match route::route(&head.method, path)? {
        Route::Health | Route::Hello => Ok(Decision::Answer(Whole::json(StatusCode::OK, r#"{"status":"ok"}"#))),
        Route::Ready if draining => {
            Ok(Decision::Answer(Whole::json(StatusCode::SERVICE_UNAVAILABLE, r#"{"status":"draining"}"#)))
        }
        Route::Ready => Ok(Decision::Answer(Whole::json(StatusCode::OK, r#"{"status":"ready"}"#))),
        Route::Metrics if !catalog.metrics.here => Err(Refusal::NotFound { path: echo(path) }),
        Route::Metrics => {
            credentials::authenticate(&head.headers, &head.uri, catalog)?;
            Ok(Decision::Metrics)
        }
        Route::Models => {
            credentials::authenticate(&head.headers, &head.uri, catalog)?;
            Ok(Decision::Answer(Whole::json(StatusCode::OK, models::list(catalog, error_dialect(&head)))))
        }
        Route::Model(id) => {
            credentials::authenticate(&head.headers, &head.uri, catalog)?;
            let dialect = error_dialect(&head);
            let found = models::find(&id, catalog, dialect).ok_or_else(|| Refusal::InvalidModel {
                what: format!("no such model: `{}`; GET /v1/models lists those the gateway knows", echo(&id)),
                status: StatusCode::NOT_FOUND,
            })?;
            Ok(Decision::Answer(Whole::json(StatusCode::OK, found)))
        }
        Route::Api(operation) => {
            let operation = with_headers(operation, &head.headers);
            let caller = credentials::authenticate(&head.headers, &head.uri, catalog)?;
            readable(operation, &head, catalog)?;
            body_fits(&head.headers, catalog)?;
            let admitted = admitted(head, Target::Gateway(operation), caller)?;
            Ok(Decision::Admit(admitted))
        }
    }
}

fn passthrough(provider: &[u8], head: request::Parts, catalog: &Catalog) -> Result<Decision, Refusal> {
    if head.method == Method::CONNECT || head.method == Method::TRACE {
        return Err(Refusal::MethodNotAllowed {
            method: echo(head.method.as_str()),
            allow: "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS",
        });
    }
    if credentials::leaks_secret(&head.headers, &head.uri, catalog) {
        return Err(Refusal::GatewayCredentialInPassthrough);
    }
    let destination = Destination::resolve(provider, &head.uri, catalog)?;
    let admitted = admitted(head, Target::Passthrough(Box::new(destination)), Caller { own_key: None })?;
    if admitted.mapping.is_some() {
        let headers = &admitted.head.headers;
        if !is_json(headers).unwrap_or(false) || headers.contains_key(header::CONTENT_ENCODING) {
            return Err(Refusal::UnsupportedMediaType);
        }
        body_fits(headers, catalog)?;
    }
    Ok(Decision::Admit(admitted))
}

fn admitted(head: request::Parts, target: Target, caller: Caller) -> Result<Admitted, Refusal> {
    let hops = head.headers.get(headers::HOPS).and_then(|v| v.to_str().ok()).and_then(|v| v.parse().ok()).unwrap_or(0);
    if hops >= MAX_HOPS {
        return Err(Refusal::LoopDetected { max: MAX_HOPS });
    }
    let mapping =
        head.headers.get(HeaderName::from_static(MAPPING)).map(|v| Mapping::parse(v.as_bytes())).transpose()?;
    Ok(Admitted { head, target, caller, mapping, hops })
}

/// Anthropic's and Cohere's clients say who they are on paths that others have, too (`/v1/files`, `/v1/datasets`).
fn with_headers(operation: Operation, headers: &HeaderMap) -> Operation {
    if operation != Operation::Unlisted(Dialect::OpenAiChat) {
        return operation;
    }
    if headers.contains_key(VERSION) {
        Operation::Unlisted(Dialect::Anthropic)
    } else if is_cohere(headers) {
        Operation::Unlisted(Dialect::Cohere)
    } else {
        operation
    }
}

fn is_cohere(headers: &HeaderMap) -> bool {
    headers.get(SDK_NAME).is_some_and(|name| name.as_bytes().starts_with(b"cohere"))
}

/// Can the body be read as far as the route needs it?
fn readable(operation: Operation, head: &request::Parts, catalog: &Catalog) -> Result<(), Refusal> {
    match head.headers.get(header::CONTENT_TYPE) {
        Some(form) if operation.takes_forms() && multipart::is_form(form) => {
            plain(&head.headers)?;
            multipart::boundary(form).map(|_| ()).map_err(Refusal::Form)
        }
        // Nothing is looked for in bytes of another kind.
        _ if matches!(operation, Operation::Unlisted(_)) => plain(&head.headers),
        _ => json_only(&head.headers, catalog),
    }
}

fn plain(headers: &HeaderMap) -> Result<(), Refusal> {
    let encoded =
        headers.get(header::CONTENT_ENCODING).is_some_and(|v| !v.as_bytes().eq_ignore_ascii_case(b"identity"));
    if encoded { Err(Refusal::UnsupportedMediaType) } else { Ok(()) }
}

/// JSON routes take `application/json` or `+json`; with a gateway token a missing type is fine, without one it is what
/// lets a web page send a request past a preflight.
fn json_only(headers: &HeaderMap, catalog: &Catalog) -> Result<(), Refusal> {
    plain(headers)?;
    let json = is_json(headers).unwrap_or(catalog.gateway_token.is_some());
    if json { Ok(()) } else { Err(Refusal::UnsupportedMediaType) }
}

/// Is the body JSON by its type? None if it has no type.
pub(crate) fn is_json(headers: &HeaderMap) -> Option<bool> {
    let value: &HeaderValue = headers.get(header::CONTENT_TYPE)?;
    let text = value.as_bytes().split(|b| *b == b';').next().unwrap_or_default().trim_ascii();
    let (kind, format) = text.split_at_checked(b"application/".len()).unwrap_or_default();
    let suffix = format.last_chunk::<5>().is_some_and(|end| end.eq_ignore_ascii_case(b"+json"));
    Some(kind.eq_ignore_ascii_case(b"application/") && (suffix || format.eq_ignore_ascii_case(b"json")))
}

fn body_fits(headers: &HeaderMap, catalog: &Catalog) -> Result<(), Refusal> {
    let length: Option<u64> =
        headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()).and_then(|v| v.parse().ok());
    if length.is_some_and(|l| l > catalog.limits.body) {
        Err(Refusal::BodyTooLarge { limit: catalog.limits.body })
    } else {
        Ok(())
    }
}

/// The dialect of lists of models, and of errors before the route is known: the path decides, then the headers that only
/// one vendor's clients send.
pub fn error_dialect(head: &request::Parts) -> Dialect {
    let (path, headers) = (head.uri.path(), &head.headers);
    let google = || GOOGLE.iter().any(|name| headers.contains_key(name));
    let route = match route::route(&Method::POST, path) {
        // Another method may mean something else there.
        Ok(Route::Api(Operation::Unlisted(_))) => route::route(&head.method, path),
        known => known,
    };
    match route {
        Ok(Route::Api(operation)) => with_headers(operation, headers).dialect(),
        _ if path.starts_with("/v1beta/") => Dialect::Gemini,
        _ if headers.contains_key(VERSION) => Dialect::Anthropic,
        _ if google() => Dialect::Gemini,
        _ if path.starts_with("/v2/") || is_cohere(headers) => Dialect::Cohere,
        _ => Dialect::OpenAiChat,
    }
}
