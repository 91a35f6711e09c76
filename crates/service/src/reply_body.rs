//! The reply on its way to the client: everything the upstream has ready leaves in one piece.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};

use crate::Platform;
use crate::drive::Drive;

/// Most bytes handed out at once.
const MAX_OUT: usize = 256 << 10;

/// A server writes what it was given when the body has nothing more at the moment; ours lets others go first, once.
const RESTS: u8 = 2;

/// The reply on its way to the client. Its error breaks the client's connection off.
#[derive(Debug)]
pub struct ReplyBody<P: Platform> {
    pub(crate) ready: Option<Bytes>,
    pub(crate) drive: Option<Box<Drive<P>>>,
    /// How often the server has had time to write the last words, before the connection is broken off.
    pub(crate) rests: u8,
}

/// The reply is not whole, and the client must see it: the connection is broken off.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the reply was cut short")]
pub struct Aborted;

impl<P: Platform> ReplyBody<P> {
    /// A body that is all there.
    pub fn whole(bytes: Bytes) -> Self {
        Self { ready: Some(bytes).filter(|b| !b.is_empty()), drive: None, rests: 0 }
    }

    pub(crate) fn empty() -> Self {
        Self::whole(Bytes::new())
    }
}

impl<P: Platform> Body for ReplyBody<P> {
    type Data = Bytes;
    type Error = Aborted;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Aborted>>> {
        let this = self.get_mut();
        let mut out = Gathered::default();
        if let Some(ready) = this.ready.take() {
            out.push(ready);
        }
        let Some(drive) = &mut this.drive else { return Poll::Ready(out.take().map(|b| Ok(Frame::data(b)))) };
        // Everything the upstream has ready becomes one frame; nothing is waited for once there is something to write.
        while drive.end.is_none() && out.len() < MAX_OUT {
            let Some(until) = drive.gather(&mut out) else { break };
            match drive.poll_upstream(until, cx) {
                Poll::Ready(news) => drive.handle(news.input()),
                Poll::Pending => break,
            }
        }
        drive.gather(&mut out);
        if let Some(bytes) = out.take() {
            if drive.end.as_ref().is_some_and(|e| !e.abort) {
                drive.report();
            }
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        match &drive.end {
            None => Poll::Pending,
            Some(end) if end.abort && this.rests < RESTS => {
                this.rests += 1;
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Some(end) => {
                let abort = end.abort;
                drive.report();
                this.drive = None;
                Poll::Ready(abort.then_some(Err(Aborted)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.ready.is_none()
            && self.drive.as_ref().is_none_or(|d| d.end.as_ref().is_some_and(|e| !e.abort && e.record.is_none()))
    }

    fn size_hint(&self) -> SizeHint {
        let known = self.drive.as_ref().is_none_or(|d| d.end.as_ref().is_some_and(|e| !e.abort));
        if known {
            SizeHint::with_exact(self.ready.as_ref().map_or(0, |b| b.len() as u64))
        } else {
            SizeHint::default()
        }
    }
}

/// Pieces on their way out, joined so that they are written once.
#[derive(Default)]
pub(crate) struct Gathered {
    first: Option<Bytes>,
    joined: BytesMut,
}

impl Gathered {
    pub(crate) fn push(&mut self, bytes: Bytes) {
        match self.first.take() {
            None if self.joined.is_empty() => self.first = Some(bytes),
            first => {
                self.joined.extend_from_slice(&first.unwrap_or_default());
                self.joined.extend_from_slice(&bytes);
            }
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.first.as_ref().map_or(self.joined.len(), Bytes::len)
    }

    pub(crate) fn take(self) -> Option<Bytes> {
        let bytes = self.first.unwrap_or_else(|| self.joined.freeze());
        (!bytes.is_empty()).then_some(bytes)
    }
}
