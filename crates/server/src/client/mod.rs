//! The upstream side: one pool for each thread, HTTP/1.1 and HTTP/2, no redirects, no decoding, no header added.

mod body;
mod connect;
mod error;
mod http1;
mod http2;
mod pool;
mod roots;
mod stream;
#[cfg(test)]
mod tests;

pub(crate) use body::UpstreamBody;
pub(crate) use error::is_broken_framing;
pub(crate) use roots::tls_config;

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use apex_core::exchange::{Outgoing, Reach, TransportError};
use apex_service::OutgoingBody;
use http::{Request, response};
use hyper::body::Incoming;

use crate::config::Network;
use http1::{Failure, Wire};
use http2::Shared;
use pool::{Key, Pool};

/// Sends the requests of one thread.
#[derive(Clone, Debug, Default)]
pub(crate) struct Client {
    pool: Rc<Pool>,
}

/// Connections of all threads.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) open: AtomicU64,
    /// Those of HTTP/1.1 that wait for a request.
    pub(crate) idle: AtomicU64,
}

impl Client {
    pub(crate) fn new(counts: Arc<Counts>) -> Self {
        Self { pool: Rc::new(Pool::new(counts)) }
    }

    /// Sends a request and waits for the head of the response. Dropping the future cancels the request.
    pub(crate) async fn send(
        &self,
        outgoing: Box<Outgoing>,
        body: OutgoingBody<Incoming>,
        network: &Network,
        own: SocketAddr,
    ) -> Result<(response::Parts, UpstreamBody), TransportError> {
        let Outgoing { origin, head, body: _, reach } = *outgoing;
        let key = Key { origin, public: reach == Reach::Public };
        let place = self.pool.place(&key);
        let mut request = Request::from_parts(head, body);

        // An idle connection may turn out to be closed before anything was sent.
        for _ in 0..MAX_IDLE_TRIES {
            let answer = if let Some(shared) = place.share_http2() {
                http2::exchange(shared, request).await
            } else if let Some(wire) = place.take_http1() {
                http1::exchange(wire, request, &place).await
            } else {
                break;
            };
            match answer {
                Ok(answer) => return Ok(answer),
                Err(Failure::Unsent(unsent, _)) => request = *unsent,
                Err(Failure::Broken(error)) => return Err(error),
            }
        }

        // In boxes: they would be most of this future, and most requests find a connection.
        let mut stream = Box::pin(connect::connect(&key.origin, reach, network, own)).await?;
        stream.count(self.pool.counts());
        let answer = if stream.is_http2() {
            let shared = place.add_http2(Box::pin(Shared::new(stream)).await?);
            http2::exchange(shared, request).await
        } else {
            http1::exchange(Wire::new(stream).await?, request, &place).await
        };
        answer.map_err(|failure| match failure {
            Failure::Broken(error) | Failure::Unsent(_, error) => error,
        })
    }

    /// Closes idle connections that are old or dead.
    pub(crate) fn reap(&self) {
        self.pool.reap();
    }
}

const MAX_IDLE_TRIES: u8 = 8;
