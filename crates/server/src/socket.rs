//! A client's connection, plain or in TLS.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use crate::turn::Turn;
use crate::watch::Watch;

/// Bytes to and from a client. Tells its [`Watch`] whether the client takes what it is sent.
#[derive(Debug)]
pub(crate) struct Socket {
    inner: Inner,
    /// Read already, to find out what the client speaks.
    prefix: Bytes,
    watch: Rc<Watch>,
    turn: Turn,
}

#[derive(Debug)]
pub(crate) enum Inner {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Socket {
    pub(crate) fn new(inner: Inner, prefix: Bytes, watch: Rc<Watch>) -> Self {
        Self { inner, prefix, watch, turn: Turn::default() }
    }

    fn note<T>(&self, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        match &written {
            Poll::Ready(_) => self.watch.moves(),
            Poll::Pending => self.watch.stalls(),
        }
        written
    }
}

impl AsyncRead for Socket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.prefix.is_empty() {
            ready!(self.turn.poll(cx));
            let before = buf.filled().len();
            let read = match &mut self.inner {
                Inner::Plain(io) => Pin::new(io).poll_read(cx, buf),
                Inner::Tls(io) => Pin::new(io).poll_read(cx, buf),
            };
            self.turn.moved(buf.filled().len() - before);
            return read;
        }
        let length = self.prefix.len().min(buf.remaining());
        let part = self.prefix.split_to(length);
        buf.put_slice(part.chunk());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.turn.poll_write(cx, buf.len()));
        let written = match &mut self.inner {
            Inner::Plain(io) => Pin::new(io).poll_write(cx, buf),
            Inner::Tls(io) => Pin::new(io).poll_write(cx, buf),
        };
        if let Poll::Ready(Ok(bytes)) = &written {
            self.turn.moved(*bytes);
        }
        self.note(written)
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
        self.note(written)
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
            // A socket has nothing to flush, and hyper asks often: it must not look like progress.
            Inner::Plain(io) => Pin::new(io).poll_flush(cx),
            Inner::Tls(io) => {
                let flushed = Pin::new(io).poll_flush(cx);
                self.note(flushed)
            }
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = match &mut self.inner {
            Inner::Plain(io) => Pin::new(io).poll_shutdown(cx),
            Inner::Tls(io) => Pin::new(io).poll_shutdown(cx),
        };
        self.note(shut)
    }
}
