//! The body of a request for an upstream.

use std::pin::Pin;
use std::task::{Context, Poll};

use apex_core::capture::Tee;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// Bytes that are all here, or the client's own body on its way through.
#[derive(Debug)]
pub enum OutgoingBody<C> {
    /// Sent with its length.
    Bytes(Option<Bytes>),
    /// What was read of the client's body, then the rest of it, as it comes, for the record to see.
    Client { prefix: Option<Bytes>, body: C, tee: Tee },
}

impl<C: Body<Data = Bytes> + Unpin> Body for OutgoingBody<C> {
    type Data = Bytes;
    type Error = C::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, C::Error>>> {
        match self.get_mut() {
            Self::Bytes(bytes) => Poll::Ready(bytes.take().filter(|b| !b.is_empty()).map(|b| Ok(Frame::data(b)))),
            Self::Client { prefix, body, tee } => {
                if let Some(prefix) = prefix.take().filter(|p| !p.is_empty()) {
                    return Poll::Ready(Some(Ok(Frame::data(prefix))));
                }
                let frame = Pin::new(body).poll_frame(cx);
                if let Poll::Ready(Some(Ok(frame))) = &frame
                    && let Some(data) = frame.data_ref()
                {
                    tee.push(data);
                }
                frame
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Bytes(bytes) => bytes.as_ref().is_none_or(Bytes::is_empty),
            Self::Client { prefix, body, .. } => prefix.as_ref().is_none_or(Bytes::is_empty) && body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        let length = |b: &Option<Bytes>| b.as_ref().map_or(0, |b| b.len() as u64);
        match self {
            Self::Bytes(bytes) => SizeHint::with_exact(length(bytes)),
            Self::Client { prefix, body, .. } => {
                let (mut hint, before) = (body.size_hint(), length(prefix));
                if let Some(upper) = hint.upper() {
                    hint.set_upper(upper.saturating_add(before));
                }
                hint.set_lower(hint.lower().saturating_add(before));
                hint
            }
        }
    }
}
