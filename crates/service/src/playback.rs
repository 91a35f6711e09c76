//! Plays the built-in mock's replies back, with their pauses.

use std::task::{Context, Poll};
use std::time::Duration;

use apex_core::exchange::{Body, Outgoing, TransportError};
use apex_core::mock::{self, Playback};
use apex_core::time::Timestamp;
use bytes::Bytes;
use http::response;

use crate::{Platform, Sleep};

/// A mock reply being played.
pub(crate) struct Player<P: Platform> {
    platform: P,
    sleep: P::Sleep,
    playback: Playback,
    /// When the next piece is due.
    due: Timestamp,
}

impl<P: Platform> Player<P> {
    pub(crate) fn new(platform: &P, outgoing: &Outgoing) -> (Self, response::Parts) {
        let body = match &outgoing.body {
            Body::Bytes(bytes) | Body::Client { prefix: bytes } => bytes,
        };
        let now = platform.now();
        let playback = mock::answer(outgoing, body, platform.seed(), now);
        let head = playback.head.clone();
        let due = now + playback.pieces.front().map_or(Duration::ZERO, |(wait, _)| *wait);
        (Self { platform: platform.clone(), sleep: platform.sleep(), playback, due }, head)
    }

    pub(crate) fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, TransportError>>> {
        let now = self.platform.now();
        if self.due > now && self.sleep.poll_until(self.due, cx).is_pending() {
            return Poll::Pending;
        }
        let Some((_, piece)) = self.playback.pieces.pop_front() else { return Poll::Ready(None) };
        self.due = self.platform.now() + self.playback.pieces.front().map_or(Duration::ZERO, |(wait, _)| *wait);
        Poll::Ready(Some(Ok(piece)))
    }
}
