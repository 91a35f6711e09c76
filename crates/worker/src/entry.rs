//! The event handler: configuration, driver, reply.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use apex_core::admit::error_dialect;
use apex_core::catalog::{self, Catalog};
use apex_core::hub::{ErrorKind, Failure};
use apex_core::reply;
use apex_core::time::Timestamp;
use apex_service::{Peer, ReplyBody, serve};
use bytes::Bytes;
use http::{Request, Response, StatusCode, header, request};
use http_body::Body as _;
use js_sys::Uint8Array;
use wasm_bindgen::JsValue;
use worker::{Context, Env, event};

use crate::bindings::{self, Bindings, CONFIG};
use crate::call::{Call, background};
use crate::platform::{ClientBody, Host, now, seed};
use crate::{glue, text};

/// How long what was read of the bindings counts: a secret that is rotated takes effect within it.
const FRESH: Duration = Duration::from_secs(60);

/// The configuration of this isolate, or what is wrong with it.
#[derive(Clone, Debug)]
struct Loaded {
    env: JsValue,
    read: Timestamp,
    bindings: Bindings,
    result: Result<Arc<Catalog>, String>,
}

thread_local! {
    static LOADED: RefCell<Option<Loaded>> = const { RefCell::new(None) };
}

#[event(fetch)]
async fn fetch(request: web_sys::Request, env: Env, context: Context) -> worker::Result<web_sys::Response> {
    let call = Call::new(request);
    context.wait_until(background(Rc::clone(&call)));
    let answered = answer(&call, &env).await;
    if answered.is_err() {
        call.finish();
    }
    answered.map_err(worker::Error::from)
}

async fn answer(call: &Rc<Call>, env: &JsValue) -> Result<web_sys::Response, JsValue> {
    let Some(head) = text::request(&call.js.head()) else {
        let (status, headers) = (StatusCode::BAD_REQUEST, header::HeaderMap::new());
        return whole(call, status, &headers, &Bytes::new());
    };
    let catalog = match load(env).await {
        Ok(catalog) => catalog,
        Err(problem) => return misconfigured(call, &head, &problem),
    };
    call.configure(&catalog);
    let peer = Peer { address: text_of(&head, "cf-connecting-ip").and_then(|ip| ip.parse().ok()) };
    let announced = text_of(&head, header::CONTENT_LENGTH.as_str()).and_then(|length| length.parse().ok());
    let host = Host(Rc::clone(call));
    let request = Request::from_parts(head, ClientBody::new(call, announced));
    let Some(response) = call.unless_left(serve(&host, catalog, peer, request)).await else {
        call.finish();
        // Nobody reads it.
        return call.js.reply(499, "", None);
    };
    send(call, response)
}

fn text_of<'a>(head: &'a request::Parts, name: &str) -> Option<&'a str> {
    head.headers.get(name).and_then(|value| value.to_str().ok())
}

/// Hands the reply to the runtime: with the upstream's own body, whole, or as a stream that is written as its pieces come.
fn send(call: &Rc<Call>, response: Response<ReplyBody<Host>>) -> Result<web_sys::Response, JsValue> {
    let (head, mut body) = response.into_parts();
    if call.is_handed_through() {
        call.finish();
        return call.js.through(head.status.as_u16(), &text::headers(&head.headers));
    }
    // What is ready is often all of it.
    let mut ready = Bytes::new();
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    if let std::task::Poll::Ready(Some(Ok(frame))) = Pin::new(&mut body).poll_frame(&mut cx) {
        ready = frame.into_data().unwrap_or_default();
    }
    if body.is_end_stream() {
        return whole(call, head.status, &head.headers, &ready);
    }
    let stream = call.js.stream(head.status.as_u16(), &text::headers(&head.headers))?;
    call.begin(&ready, body);
    Ok(stream)
}

fn whole(
    call: &Call,
    status: StatusCode,
    headers: &header::HeaderMap,
    bytes: &Bytes,
) -> Result<web_sys::Response, JsValue> {
    call.finish();
    let bytes = (!bytes.is_empty()).then(|| Uint8Array::from(&bytes[..]));
    call.js.reply(status.as_u16(), &text::headers(headers), bytes)
}

/// Nothing is served with a configuration that is not whole.
fn misconfigured(call: &Call, head: &request::Parts, problem: &str) -> Result<web_sys::Response, JsValue> {
    let status = StatusCode::INTERNAL_SERVER_ERROR;
    let mut failure = Failure::gateway(ErrorKind::ServerError, status, "not_configured", problem);
    failure.should_retry = Some(false);
    let dialect = error_dialect(head);
    let request_id = format!("req_{}", seed().token(0));
    let mut refusal = reply::fail(&failure, dialect, &request_id);
    reply::stamp(&mut refusal.parts.headers, dialect, &request_id);
    whole(call, refusal.parts.status, &refusal.parts.headers, &refusal.body)
}

/// The catalog of these bindings. They are read again after [`FRESH`], and when the runtime brings other ones.
async fn load(env: &JsValue) -> Result<Arc<Catalog>, String> {
    let now = now();
    let loaded = LOADED.with_borrow(Clone::clone);
    if let Some(loaded) = &loaded
        && loaded.env == *env
        && now.since(loaded.read) < FRESH
    {
        return loaded.result.clone();
    }
    let mut bindings = read(env, &bindings::names()).await?;
    let further = bindings.further_names();
    if !further.is_empty() {
        bindings.extend(read(env, &further).await?);
    }
    let result = match loaded {
        Some(before) if before.bindings == bindings => before.result,
        _ => build(&bindings),
    };
    // A configuration that is not whole is read again with the next request: its operator is at work on it.
    let read = if result.is_ok() { now } else { Timestamp::default() };
    LOADED.set(Some(Loaded { env: env.clone(), read, bindings, result: result.clone() }));
    result
}

async fn read(env: &JsValue, names: &[String]) -> Result<Bindings, String> {
    let read = glue::read(env, &names.join("\n")).await.map_err(|error| glue::message(&error))?;
    Bindings::new(names, &read.as_string().unwrap_or_default())
}

fn build(bindings: &Bindings) -> Result<Arc<Catalog>, String> {
    let settings = bindings.settings()?;
    let host = catalog::Host { loopback: false, native: false };
    Catalog::build(&settings, host).map(Arc::new).map_err(|problems| {
        let told = |path: &str| match bindings::binding_of(path) {
            Some(binding) => format!("{binding} ({path})"),
            None => path.to_owned(),
        };
        let problems: Vec<String> = problems.iter().map(|p| format!("{} {}", told(&p.path), p.what)).collect();
        format!("the vars of the Worker or its {CONFIG} are wrong: {}", problems.join("; "))
    })
}
