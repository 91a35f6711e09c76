//! One HTTP/1.1 connection to an upstream. Nobody polls it but the one who uses it: a connection in a task of its own
//! would hand over one frame for each turn of the scheduler, and no two could be written at once.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Waker};
use std::time::Instant;

use apex_core::exchange::TransportError;
use apex_service::OutgoingBody;
use http::header::HOST;
use http::{Request, Uri, Version, response};
use hyper::body::Incoming;
use hyper::client::conn::http1::{Builder, Connection, SendRequest};
use hyper_util::rt::TokioIo;

use super::body::UpstreamBody;
use super::error::classify;
use super::pool::Place;
use super::stream::{Heard, Stream};

/// A request on its way to an upstream.
pub(super) type Outbound = Request<OutgoingBody<Incoming>>;

/// An open connection.
#[derive(Debug)]
pub(crate) struct Wire {
    sender: SendRequest<OutgoingBody<Incoming>>,
    connection: Connection<TokioIo<Stream>, OutgoingBody<Incoming>>,
    open: bool,
    heard: Heard,
    used: bool,
    /// When it was last given back.
    pub(super) since: Instant,
}

/// Why a request got no response.
pub(super) enum Failure {
    Broken(TransportError),
    /// Nothing of it was sent: it may go over another connection.
    Unsent(Box<Outbound>, TransportError),
}

impl Wire {
    /// Prepares HTTP/1.1 on `stream`.
    pub(super) async fn new(stream: Stream) -> Result<Box<Self>, TransportError> {
        let heard = stream.heard();
        let (sender, connection) = Builder::new()
            .max_buf_size(READ_BUFFER)
            .max_header_size(MAX_HEAD)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| classify(&error))?;
        Ok(Box::new(Self { sender, connection, open: true, heard, used: false, since: Instant::now() }))
    }

    /// Moves bytes both ways, as far as they will go.
    pub(super) fn advance(&mut self, cx: &mut Context<'_>) {
        // Its result is told to the response or the body as well.
        if self.open && Pin::new(&mut self.connection).poll(cx).is_ready() {
            self.open = false;
        }
    }

    /// Is it open, and waiting for a request? Nobody is woken for it from here on.
    pub(super) fn is_idle(&mut self) -> bool {
        self.advance(&mut Context::from_waker(Waker::noop()));
        self.open && self.sender.is_ready()
    }
}

/// Sends `request` over `wire` and waits for the head of the response.
pub(super) async fn exchange(
    mut wire: Box<Wire>,
    mut request: Outbound,
    home: &Rc<Place>,
) -> Result<(response::Parts, UpstreamBody), Failure> {
    let absolute = prepare(&mut request, home);
    let reused = wire.used;
    wire.used = true;
    wire.heard.clear();
    let mut sent = pin!(wire.sender.try_send_request(request));
    let answer = poll_fn(|cx| {
        wire.advance(cx);
        sent.as_mut().poll(cx)
    });
    match answer.await {
        Ok(response) => {
            let (head, body) = response.into_parts();
            Ok((head, UpstreamBody::http1(body, wire, home.clone())))
        }
        Err(mut refused) => {
            let message = refused.take_message();
            let mut error = classify(&refused.into_error());
            error.stale = reused && !wire.heard.anything();
            Err(match message {
                Some(mut request) if reused => {
                    *request.uri_mut() = absolute;
                    Failure::Unsent(Box::new(request), error)
                }
                _ => Failure::Broken(error),
            })
        }
    }
}

/// HTTP/1.1 wants the path in the request line and the authority in `host`. Returns the URI as it was.
fn prepare(request: &mut Outbound, to: &Place) -> Uri {
    *request.version_mut() = Version::HTTP_11;
    if !request.headers().contains_key(HOST)
        && let Some(host) = &to.host
    {
        request.headers_mut().insert(HOST, host.clone());
    }
    let path = request.uri().path_and_query().cloned().map_or_else(Uri::default, Uri::from);
    std::mem::replace(request.uri_mut(), path)
}

/// hyper starts small and grows towards this while much comes at once.
const READ_BUFFER: usize = 512 << 10;

const MAX_HEAD: usize = 64 << 10;
