//! Whoever moves much must let the others move too, and whoever writes lets the others finish first.

use std::pin::pin;
use std::task::{Context, Poll};

use tokio::task::yield_now;

/// What one connection did since the others last had their turn.
///
/// A peer on the same machine is as fast as we are: its socket is never empty, so its task never waits. Waking itself,
/// as hyper's does now and then, is not enough: the runtime looks at the other sockets only when no task is ready.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    moved: usize,
    /// What is being written has let the others go first.
    waited: bool,
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

    /// Ready to write `bytes` once every task that is ready now has had its turn. Their writes then follow one another, and
    /// the peers' processors are woken once for all of them: a wake-up costs more than what is written (ADR 15). Much goes
    /// at once: it would be out of the processor's cache by then.
    pub(crate) fn poll_write(&mut self, cx: &mut Context<'_>, bytes: usize) -> Poll<()> {
        if !self.waited && bytes < LARGE {
            self.waited = true;
            // Behind those that are ready, and before the sockets are looked at again.
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.poll(cx)
    }

    pub(crate) fn moved(&mut self, bytes: usize) {
        self.moved += bytes;
    }

    /// All that was to be written is: the next bytes wait again.
    pub(crate) fn flushed(&mut self) {
        self.waited = false;
    }
}

/// About a quarter of a millisecond of copying.
const MOST: usize = 256 << 10;
/// Copying this much takes about as long as a wake-up.
const LARGE: usize = 32 << 10;

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::future::poll_fn;
    use std::rc::Rc;

    use tokio::runtime::Builder;
    use tokio::task::{LocalSet, spawn_local};

    use super::*;

    #[test]
    fn what_is_ready_goes_before_a_write_and_a_write_waits_once() {
        let order = Rc::new(RefCell::new(Vec::new()));
        let task = |name: &'static str, writes: u32| {
            let order = order.clone();
            async move {
                let mut turn = Turn::default();
                order.borrow_mut().push((name, "worked"));
                for _ in 0..writes {
                    poll_fn(|cx| turn.poll_write(cx, 1)).await;
                    turn.moved(1);
                    order.borrow_mut().push((name, "wrote"));
                }
                turn.flushed();
                let cx = &mut Context::from_waker(std::task::Waker::noop());
                assert!(turn.poll_write(cx, LARGE).is_ready() && turn.poll_write(cx, 1).is_pending());
            }
        };
        let set = LocalSet::new();
        set.block_on(&Builder::new_current_thread().build().unwrap(), async {
            let tasks = [spawn_local(task("a", 2)), spawn_local(task("b", 1)), spawn_local(task("c", 0))];
            for task in tasks {
                task.await.unwrap();
            }
        });
        let expected =
            [("a", "worked"), ("b", "worked"), ("c", "worked"), ("a", "wrote"), ("a", "wrote"), ("b", "wrote")];
        assert_eq!(*order.borrow(), expected);
    }

    #[test]
    fn who_moved_much_waits_even_in_the_middle_of_a_write() {
        let mut turn = Turn::default();
        let cx = &mut Context::from_waker(std::task::Waker::noop());
        assert!(turn.poll_write(cx, 1).is_pending());
        turn.moved(MOST);
        assert!(turn.poll_write(cx, 1).is_pending());
        assert!(turn.poll_write(cx, 1).is_ready());
    }
}
