//! Whoever moves much must let the others move too.

use std::pin::pin;
use std::task::{Context, Poll};

use tokio::task::yield_now;

/// What one connection moved since the others last had their turn.
///
/// A peer on the same machine is as fast as we are: its socket is never empty, so its task never waits. Waking itself,
/// as hyper's does now and then, is not enough: the runtime looks at the other sockets only when no task is ready.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    moved: usize,
}

impl Turn {
    /// Ready unless it is the others' turn; the task is woken once all sockets were looked at.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.moved < MOST {
            return Poll::Ready(());
        }
        self.moved = 0;
        pin!(yield_now()).poll(cx)
    }

    pub(crate) fn moved(&mut self, bytes: usize) {
        self.moved += bytes;
    }
}

/// About a quarter of a millisecond of copying.
const MOST: usize = 256 << 10;
