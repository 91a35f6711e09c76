//! The listener of the metrics' own.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use apex_core::admit::METRICS;
use apex_core::cors;
use http::{Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;

use crate::platform::Shared;

/// Answers `GET /metrics`, and nothing else, until it is dropped.
pub(crate) async fn serve(listener: std::net::TcpListener, shared: Arc<Shared>) {
    let listener = match TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "metrics cannot be served"),
    };
    let local = listener.local_addr().is_ok_and(|a| a.ip().to_canonical().is_loopback());
    loop {
        match listener.accept().await {
            Ok((tcp, _)) => {
                let shared = shared.clone();
                tokio::spawn(async move {
                    let service = service_fn(move |request| {
                        let response = answer(&request, &shared, local);
                        async move { Ok::<_, Infallible>(response) }
                    });
                    let mut builder = http1::Builder::new();
                    builder.timer(TokioTimer::new()).header_read_timeout(PATIENCE).keep_alive(false);
                    // Whoever asks for metrics and leaves is no event.
                    let _ = tokio::time::timeout(PATIENCE, builder.serve_connection(TokioIo::new(tcp), service)).await;
                });
            }
            // Out of file descriptors, mostly: the next try may go better.
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

fn answer(request: &Request<Incoming>, shared: &Shared, local: bool) -> Response<String> {
    let reads = *request.method() == Method::GET || *request.method() == Method::HEAD;
    let mut response = Response::new(String::new());
    // As on the main listener: a web page must not get here by a name of its own.
    if local && !cors::names_loopback(request.headers(), request.uri()) {
        *response.status_mut() = StatusCode::MISDIRECTED_REQUEST;
    } else if request.uri().path() != "/metrics" {
        *response.status_mut() = StatusCode::NOT_FOUND;
    } else if !reads {
        *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
        response.headers_mut().insert(header::ALLOW, header::HeaderValue::from_static("GET, HEAD"));
    } else {
        *response.body_mut() = shared.metrics.text(shared);
        response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(METRICS));
    }
    response
}

/// For one connection.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(100);
