//! HTTP/2 connections to an upstream, each shared by many requests.

use std::rc::Rc;
use std::time::{Duration, Instant};

use apex_core::exchange::TransportError;
use apex_service::OutgoingBody;
use http::header::HOST;
use http::{Version, response};
use hyper::body::Incoming;
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::{TokioIo, TokioTimer};

use super::body::UpstreamBody;
use super::error::classify;
use super::http1::{Failure, Outbound};
use super::stream::Stream;
use crate::local::LocalExecutor;

/// A connection; its requests share it.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    sender: SendRequest<OutgoingBody<Incoming>>,
    /// Everyone who uses it has one.
    users: Rc<()>,
    used: bool,
    /// When it was last taken for a request.
    taken: Instant,
}

impl Shared {
    /// Starts HTTP/2 on `stream`, in a task of its own: its requests come from many tasks.
    pub(super) async fn new(stream: Stream) -> Result<Self, TransportError> {
        let (sender, connection) = Builder::new(LocalExecutor)
            .timer(TokioTimer::new())
            .keep_alive_interval(PING)
            .keep_alive_timeout(PING)
            .max_header_list_size(MAX_HEAD)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| classify(&error))?;
        tokio::task::spawn_local(connection);
        Ok(Self { sender, users: Rc::new(()), used: false, taken: Instant::now() })
    }

    pub(super) fn is_open(&self) -> bool {
        self.sender.is_ready()
    }

    /// Has nobody used it for `limit`?
    pub(super) fn is_idle_for(&self, limit: Duration) -> bool {
        Rc::strong_count(&self.users) == 1 && self.taken.elapsed() > limit
    }

    /// Would the upstream take one more request at once?
    pub(super) fn has_room(&self) -> bool {
        Rc::strong_count(&self.users) <= MAX_STREAMS
    }

    /// The connection for the next request, which finds it used.
    pub(super) fn share(&mut self) -> Self {
        let shared = self.clone();
        self.used = true;
        self.taken = Instant::now();
        shared
    }
}

/// Sends `request` and waits for the head of the response.
pub(super) async fn exchange(
    mut shared: Shared,
    mut request: Outbound,
) -> Result<(response::Parts, UpstreamBody), Failure> {
    *request.version_mut() = Version::HTTP_2;
    // `:authority` says it, and some servers take offence at both.
    request.headers_mut().remove(HOST);
    match shared.sender.try_send_request(request).await {
        Ok(response) => {
            let (head, body) = response.into_parts();
            Ok((head, UpstreamBody::http2(body, shared.users)))
        }
        Err(mut refused) => {
            let message = refused.take_message();
            let error = refused.into_error();
            let mut told = classify(&error);
            told.stale = shared.used && is_goaway(&error);
            Err(match message {
                Some(request) if shared.used => Failure::Unsent(Box::new(request), told),
                _ => Failure::Broken(told),
            })
        }
    }
}

/// The upstream closed the connection before it looked at the request.
fn is_goaway(error: &hyper::Error) -> bool {
    error.is_canceled() || error.is_closed()
}

const PING: Duration = Duration::from_secs(20);
/// What servers usually take; hyper would make more of them wait.
const MAX_STREAMS: usize = 100;
const MAX_HEAD: u32 = 64 << 10;
