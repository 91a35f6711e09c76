//! The body of a response, which owns the connection it comes over.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use apex_core::exchange::TransportError;
use apex_service::Upstream;
use bytes::Bytes;
use http_body::Body;
use hyper::body::Incoming;

use super::error::classify;
use super::http1::Wire;
use super::pool::Place;

/// Bytes of a response as they come. Dropping it before its end closes the connection (HTTP/1.1) or resets the stream.
#[derive(Debug)]
pub(crate) struct UpstreamBody {
    incoming: Incoming,
    connection: Connection,
}

#[derive(Debug)]
enum Connection {
    Http1 { wire: Box<Wire>, home: Rc<Place> },
    Http2 { _user: Rc<()> },
    Done,
}

impl UpstreamBody {
    pub(super) fn http1(incoming: Incoming, wire: Box<Wire>, home: Rc<Place>) -> Self {
        Self { incoming, connection: Connection::Http1 { wire, home } }
    }

    pub(super) fn http2(incoming: Incoming, user: Rc<()>) -> Self {
        Self { incoming, connection: Connection::Http2 { _user: user } }
    }

    /// The body is over: its connection waits for the next request.
    fn finish(&mut self) {
        if let Connection::Http1 { mut wire, home } = std::mem::replace(&mut self.connection, Connection::Done)
            && wire.is_idle()
        {
            home.give_back(wire);
        }
    }
}

impl Upstream for UpstreamBody {
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, TransportError>>> {
        loop {
            let mut frame = Pin::new(&mut self.incoming).poll_frame(cx);
            if frame.is_pending()
                && let Connection::Http1 { wire, .. } = &mut self.connection
            {
                // The connection puts one frame at a time into the body, so it is moved by hand until it has no more.
                wire.advance(cx);
                frame = Pin::new(&mut self.incoming).poll_frame(cx);
            }
            match ready!(frame) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) if !data.is_empty() => return Poll::Ready(Some(Ok(data))),
                    // Trailers are dropped: nothing in a model's answer is told in them.
                    Ok(_) | Err(_) => {}
                },
                Some(Err(error)) => {
                    self.connection = Connection::Done;
                    return Poll::Ready(Some(Err(classify(&error))));
                }
                None => {
                    self.finish();
                    return Poll::Ready(None);
                }
            }
        }
    }
}

impl Drop for UpstreamBody {
    fn drop(&mut self) {
        // A reader that knows its data is whole may stop before it has seen the end: the connection is good if the end
        // is there already.
        if matches!(self.connection, Connection::Http1 { .. }) {
            let _ = self.poll_chunk(&mut Context::from_waker(Waker::noop()));
        }
    }
}
