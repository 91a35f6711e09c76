//! A connection to an upstream, plain or in TLS.

use std::cell::Cell;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::Counts;
use crate::turn::Turn;

/// Bytes to and from an upstream.
#[derive(Debug)]
pub(crate) struct Stream {
    inner: Inner,
    heard: Heard,
    turn: Turn,
    counted: Option<Counted>,
}

/// One open connection.
#[derive(Debug)]
struct Counted(Arc<Counts>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Has the upstream said anything since this was last cleared? What it never answered may be sent again.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heard(Rc<Cell<bool>>);

impl Heard {
    pub(crate) fn clear(&self) {
        self.0.set(false);
    }

    pub(crate) fn anything(&self) -> bool {
        self.0.get()
    }
}

#[derive(Debug)]
enum Inner {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Stream {
    pub(crate) fn plain(tcp: TcpStream) -> Self {
        Self { inner: Inner::Plain(tcp), heard: Heard::default(), turn: Turn::default(), counted: None }
    }

    pub(crate) fn tls(tls: TlsStream<TcpStream>) -> Self {
        Self { inner: Inner::Tls(Box::new(tls)), heard: Heard::default(), turn: Turn::default(), counted: None }
    }

    /// Counts it among the open ones, for as long as it lives.
    pub(super) fn count(&mut self, counts: &Arc<Counts>) {
        counts.open.fetch_add(1, Ordering::Relaxed);
        self.counted = Some(Counted(counts.clone()));
    }

    pub(crate) fn heard(&self) -> Heard {
        self.heard.clone()
    }

    /// Did both sides agree on HTTP/2?
    pub(crate) fn is_http2(&self) -> bool {
        match &self.inner {
            Inner::Plain(_) => false,
            Inner::Tls(tls) => tls.get_ref().1.alpn_protocol() == Some(b"h2"),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        ready!(self.turn.poll(cx));
        let before = buf.filled().len();
        let read = match &mut self.inner {
            Inner::Plain(io) => Pin::new(io).poll_read(cx, buf),
            Inner::Tls(io) => Pin::new(io).poll_read(cx, buf),
        };
        let bytes = buf.filled().len() - before;
        if bytes > 0 {
            self.heard.0.set(true);
            self.turn.moved(bytes);
        }
        read
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.turn.poll_write(cx, buf.len()));
        let written = match &mut self.inner {
            Inner::Plain(io) => Pin::new(io).poll_write(cx, buf),
            Inner::Tls(io) => Pin::new(io).poll_write(cx, buf),
        };
        if let Poll::Ready(Ok(bytes)) = &written {
            self.turn.moved(*bytes);
        }
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.turn.poll_write(cx, bufs.iter().map(|buf| buf.len()).sum()));
        let written = match &mut self.inner {
            Inner::Plain(io) => Pin::new(io).poll_write_vectored(cx, bufs),
            Inner::Tls(io) => Pin::new(io).poll_write_vectored(cx, bufs),
        };
        if let Poll::Ready(Ok(bytes)) = &written {
            self.turn.moved(*bytes);
        }
        written
    }

    fn is_write_vectored(&self) -> bool {
        match &self.inner {
            Inner::Plain(io) => io.is_write_vectored(),
            Inner::Tls(io) => io.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.turn.flushed();
        match &mut self.inner {
            Inner::Plain(io) => Pin::new(io).poll_flush(cx),
            Inner::Tls(io) => Pin::new(io).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.inner {
            Inner::Plain(io) => Pin::new(io).poll_shutdown(cx),
            Inner::Tls(io) => Pin::new(io).poll_shutdown(cx),
        }
    }
}
