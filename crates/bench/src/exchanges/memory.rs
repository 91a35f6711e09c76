//! A host without a world: time stands still, the upstream's reply is known, and nothing is ever late.

use std::cell::Cell;
use std::convert::Infallible;
use std::future::{Future, ready};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use apex_core::catalog::Catalog;
use apex_core::exchange::{Outgoing, TransportError};
use apex_core::record::{Record, line};
use apex_core::time::{Seed, Timestamp};
use apex_service::{Gauge, OutgoingBody, Peer, Platform, Sleep, Upstream, serve};
use bytes::Bytes;
use http::{HeaderMap, Request, Response, response};
use http_body::{Body, Frame, SizeHint};

/// What the upstream says.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) headers: HeaderMap,
    /// As they come off the wire: between two of them the upstream has nothing, unless they come in a burst.
    pub(crate) chunks: Vec<Bytes>,
    pub(crate) burst: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Host(Rc<World>);

#[derive(Debug)]
struct World {
    gauge: Gauge,
    reply: Rc<Reply>,
    seed: Cell<u128>,
    logged: Cell<usize>,
}

/// What the client got.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Host {
    pub(crate) fn new(reply: Reply) -> Self {
        let (gauge, reply) = (Gauge::default(), Rc::new(reply));
        Self(Rc::new(World { gauge, reply, seed: Cell::new(1), logged: Cell::new(0) }))
    }

    /// One exchange, from the request to the last byte of the answer.
    pub(crate) fn answer(&self, catalog: &Arc<Catalog>, request: Request<ClientBody>) -> Answer {
        let mut cx = Context::from_waker(Waker::noop());
        let mut serving = pin!(serve(self, Arc::clone(catalog), Peer { address: None }, request));
        let response = loop {
            if let Poll::Ready(response) = serving.as_mut().poll(&mut cx) {
                break response;
            }
        };
        let status = response.status().as_u16();
        let mut reply = response.into_body();
        let mut body = Vec::with_capacity(256 << 10);
        while !reply.is_end_stream() {
            match Pin::new(&mut reply).poll_frame(&mut cx) {
                Poll::Ready(Some(Ok(frame))) => body.extend_from_slice(&frame.into_data().unwrap_or_default()),
                Poll::Ready(None | Some(Err(_))) => break,
                Poll::Pending => {}
            }
        }
        Answer { status, body }
    }
}

impl Platform for Host {
    type ClientBody = ClientBody;
    type Upstream = Script;
    type Store = ();
    type Sleep = Never;

    fn now(&self) -> Timestamp {
        Timestamp::from_micros(1_790_000_000_000_000)
    }

    fn seed(&self) -> Seed {
        let next = self.0.seed.get() + 1;
        self.0.seed.set(next);
        Seed(next << 64 | next)
    }

    fn sleep(&self) -> Never {
        Never
    }

    fn send(
        &self,
        outgoing: Box<Outgoing>,
        body: OutgoingBody<ClientBody>,
    ) -> impl Future<Output = Result<(response::Parts, Script), TransportError>> {
        drop((outgoing, body));
        let (mut head, ()) = Response::new(()).into_parts();
        head.headers = self.0.reply.headers.clone();
        ready(Ok((head, Script { reply: self.0.reply.clone(), at: 0, paused: false })))
    }

    fn is_client_gone(error: &Infallible) -> bool {
        match *error {}
    }

    fn offload<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> impl Future<Output = T> {
        ready(job())
    }

    /// The line of the log is made here, as the server's log thread makes it.
    fn report(&self, record: Box<Record>) {
        self.0.logged.set(self.0.logged.get() + line::json(&record).len());
    }

    fn gauge(&self) -> &Gauge {
        &self.0.gauge
    }

    fn store(&self) -> &() {
        &()
    }
}

/// The client's body: all there.
#[derive(Debug)]
pub(crate) struct ClientBody(pub(crate) Option<Bytes>);

impl Body for ClientBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.as_ref().map_or(0, |bytes| bytes.len() as u64))
    }
}

/// The upstream's body.
#[derive(Debug)]
pub(crate) struct Script {
    reply: Rc<Reply>,
    at: usize,
    paused: bool,
}

impl Upstream for Script {
    fn poll_chunk(&mut self, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, TransportError>>> {
        if !self.reply.burst && !std::mem::replace(&mut self.paused, true) {
            return Poll::Pending;
        }
        self.paused = false;
        let chunk = self.reply.chunks.get(self.at).cloned();
        self.at += 1;
        Poll::Ready(chunk.map(Ok))
    }
}

/// Nothing is ever late.
#[derive(Debug)]
pub(crate) struct Never;

impl Sleep for Never {
    fn poll_until(&mut self, _: Timestamp, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }
}
