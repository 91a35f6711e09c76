//! The provider over HTTP/2.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use apex_bench::wire::{self, Api, Content};
use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use http_body::{Body, Frame};
use hyper::body::Incoming;
use hyper::rt::Executor;
use hyper::server::conn::http2::Builder;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use memchr::memmem;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::spawn_local;
use tokio_rustls::TlsAcceptor;

use crate::scenario::DELTAS;

/// Accepts for as long as the program runs. It answers Chat's JSON and streams of text.
pub(crate) async fn serve(listener: TcpListener, acceptor: TlsAcceptor) {
    let stream: Rc<[Bytes]> = wire::events(Api::Chat, DELTAS, Content::Text).into_iter().map(Bytes::from).collect();
    while let Ok((socket, _)) = listener.accept().await {
        let (acceptor, stream) = (acceptor.clone(), stream.clone());
        // One that ends its connection is done.
        spawn_local(async move { connection(socket, &acceptor, stream).await });
    }
}

async fn connection(socket: TcpStream, acceptor: &TlsAcceptor, stream: Rc<[Bytes]>) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let socket = acceptor.accept(socket).await?;
    let service = service_fn(|request| answer(request, stream.clone()));
    Builder::new(Local).serve_connection(TokioIo::new(socket), service).await.map_err(io::Error::other)
}

async fn answer(request: Request<Incoming>, stream: Rc<[Bytes]>) -> Result<Response<Pieces>, Infallible> {
    let mut body = request.into_body();
    let mut asked = BytesMut::new();
    while let Some(Ok(frame)) = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        asked.extend_from_slice(frame.data_ref().map_or(&[], |data| &data[..]));
    }
    let is_stream = memmem::find(&asked, b"bench-stream").is_some();
    let (kind, pieces) = if is_stream {
        ("text/event-stream", stream)
    } else {
        ("application/json", Rc::from([Bytes::from(wire::reply(Api::Chat))]))
    };
    let mut response = Response::new(Pieces { all: pieces, next: 0, turn: false });
    for (name, value) in [("content-type", kind), ("x-request-id", "req_bench")] {
        response.headers_mut().insert(name, http::HeaderValue::from_static(value));
    }
    Ok(response)
}

/// Each piece is a frame of its own, and the others have their turn between two.
struct Pieces {
    all: Rc<[Bytes]>,
    next: usize,
    turn: bool,
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if std::mem::replace(&mut self.turn, false) {
            ready!(std::pin::pin!(tokio::task::yield_now()).poll(cx));
        }
        self.turn = true;
        let piece = self.all.get(self.next).cloned();
        self.next += 1;
        Poll::Ready(piece.map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.next >= self.all.len()
    }
}

/// Runs what hyper wants run, on this thread.
#[derive(Clone, Copy)]
struct Local;

impl<F: Future<Output: 'static> + 'static> Executor<F> for Local {
    fn execute(&self, future: F) {
        spawn_local(future);
    }
}
