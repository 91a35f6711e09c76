//! One client connection from its first byte to its last: TLS, HTTP/1.1 or HTTP/2, and each request to the driver.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use apex_service::{Aborted, Peer, ReplyBody, serve};
use bytes::{Bytes, BytesMut};
use http::header::{CONNECTION, CONTENT_LENGTH};
use http::{HeaderValue, Request, Response, StatusCode, Version};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use crate::head::Checks;
use crate::local::LocalExecutor;
use crate::platform::Native;
use crate::socket::{Inner, Socket};
use crate::watch::{InFlight, Order, Watch};

/// Serves `tcp` until either side is done with it.
pub(crate) async fn run(native: Native, tcp: TcpStream, address: SocketAddr, tls: Option<TlsAcceptor>) {
    // Without it small frames wait for acknowledgements.
    let _ = tcp.set_nodelay(true);
    let member = native.connections().enter();
    let watch = member.watch();
    // In boxes: with TLS and HTTP/2 they would be most of this task, which lasts as long as the connection.
    let greeted = watch.unless_stopped(Box::pin(greet(tcp, tls, watch))).await;
    let Some(Ok((socket, version))) = greeted else { return };

    let peer = Peer { address: Some(address.ip().to_canonical()) };
    let checks = Checks::default();
    let io = TokioIo::new(socket);
    let limits = native.catalog().limits;
    if version == Version::HTTP_2 {
        let mut builder = http2::Builder::new(LocalExecutor);
        builder
            .timer(TokioTimer::new())
            .keep_alive_interval(PING)
            .keep_alive_timeout(PING)
            .max_concurrent_streams(MAX_STREAMS)
            .max_header_list_size(u32::try_from(limits.head).unwrap_or(u32::MAX))
            .max_pending_accept_reset_streams(MAX_RESETS)
            .max_local_error_reset_streams(MAX_ERROR_RESETS);
        let native = native.clone();
        let watch = watch.clone();
        let service = service_fn(move |request| answer(native.clone(), peer, &watch, &checks, request));
        let connection = builder.serve_connection(io, service);
        Box::pin(obey(connection, member.watch(), http2::Connection::graceful_shutdown)).await;
    } else {
        let mut builder = http1::Builder::new();
        builder.max_buf_size(READ_BUFFER).max_header_size(MAX_HEAD_HTTP1);
        if limits.headers > DEFAULT_HEADERS {
            builder.max_headers(limits.headers);
        }
        let service = service_fn(|request| answer(native.clone(), peer, watch, &checks, request));
        obey(builder.serve_connection(io, service), watch, http1::Connection::graceful_shutdown).await;
    }
}

/// Finds out what the client speaks.
async fn greet(tcp: TcpStream, tls: Option<TlsAcceptor>, watch: &Rc<Watch>) -> io::Result<(Socket, Version)> {
    if let Some(acceptor) = tls {
        let stream = acceptor.accept(tcp).await?;
        let h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        let socket = Socket::new(Inner::Tls(Box::new(stream)), Bytes::new(), watch.clone());
        return Ok((socket, if h2 { Version::HTTP_2 } else { Version::HTTP_11 }));
    }
    let mut tcp = tcp;
    let mut read = BytesMut::with_capacity(FIRST_READ);
    let version = loop {
        if tcp.read_buf(&mut read).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if read.starts_with(PREFACE) {
            break Version::HTTP_2;
        }
        if !PREFACE.starts_with(&read) {
            break Version::HTTP_11;
        }
    };
    Ok((Socket::new(Inner::Plain(tcp), read.freeze(), watch.clone()), version))
}

/// Drives a connection, and does with it what its watch is told.
async fn obey<C: Future<Output = hyper::Result<()>>>(connection: C, watch: &Watch, finish: fn(Pin<&mut C>)) {
    let mut connection = pin!(connection);
    let mut finishing = false;
    let ended = poll_fn(|cx| {
        match watch.poll_order(cx) {
            Order::Go => {}
            Order::Finish if finishing => {}
            Order::Finish => {
                finishing = true;
                finish(connection.as_mut());
            }
            Order::Stop => return Poll::Ready(Ok(())),
        }
        connection.as_mut().poll(cx)
    });
    if let Err(error) = ended.await {
        tracing::debug!(%error, "client connection ended");
    }
}

/// Answers one request.
fn answer(
    native: Native,
    peer: Peer,
    watch: &Rc<Watch>,
    checks: &Checks,
    request: Request<Incoming>,
) -> impl Future<Output = Result<Response<Reply>, Infallible>> + use<> {
    let in_flight = watch.begin();
    let in_flight = if request.version() == Version::HTTP_2 { in_flight.alone() } else { in_flight };
    let (head, body) = request.into_parts();
    let checked = checks.check(&head);
    // hyper keeps room for this future, kilobytes, as long as the connection lives: in a box it is gone when the head is there.
    Box::pin(async move {
        let response = match checked {
            Ok(()) => serve(&native, native.catalog(), peer, Request::from_parts(head, body)).await,
            Err(status) => refusal(status, head.version),
        };
        Ok(response.map(|body| Reply { body, in_flight }))
    })
}

/// An answer about HTTP itself: no body, no dialect, and nothing more on this connection.
fn refusal(status: StatusCode, version: Version) -> Response<ReplyBody<Native>> {
    let mut response = Response::new(ReplyBody::whole(Bytes::new()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    if version != Version::HTTP_2 {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// The driver's reply; the request counts as being answered for as long as it lives.
struct Reply {
    body: ReplyBody<Native>,
    in_flight: InFlight,
}

impl Body for Reply {
    type Data = Bytes;
    type Error = Aborted;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Aborted>>> {
        self.in_flight.asked();
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        if let Poll::Ready(Some(_)) = &frame {
            self.in_flight.given();
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// How an HTTP/2 connection starts (RFC 9113, 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const FIRST_READ: usize = 4 << 10;
/// hyper starts small and grows towards this while much comes at once.
const READ_BUFFER: usize = 512 << 10;
/// What the parser takes at most; `limits.head` is checked after it, and answered.
const MAX_HEAD_HTTP1: usize = 256 << 10;
/// What hyper takes without being told; being told costs an allocation for each request.
const DEFAULT_HEADERS: usize = 100;
const MAX_STREAMS: u32 = 256;
const MAX_RESETS: usize = 20;
const MAX_ERROR_RESETS: usize = 256;
const PING: Duration = Duration::from_secs(20);
