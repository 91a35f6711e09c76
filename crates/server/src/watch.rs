//! The client connections of one thread, so that something can be said to all of them: finish, or stop. It also knows
//! which of them take too long; no connection needs a timer of its own.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// All connections of one thread.
#[derive(Debug)]
pub(crate) struct Connections {
    all: RefCell<BTreeMap<u64, Rc<Watch>>>,
    next: Cell<u64>,
    draining: Cell<bool>,
    /// The time as of the last round: good enough for limits of seconds, and free to read.
    now: Rc<Cell<Instant>>,
}

/// What is known of one connection.
#[derive(Debug)]
pub(crate) struct Watch {
    order: Cell<Order>,
    waker: RefCell<Option<Waker>>,
    /// Requests being answered.
    busy: Cell<u32>,
    /// It has sent a whole head before.
    greeted: Cell<bool>,
    /// Since when it waits for a head.
    waiting: Cell<Instant>,
    /// Since when its client takes nothing, though there is something for it.
    stalled: Cell<Option<Instant>>,
    /// The same for each HTTP/2 stream: flow control holds one back while others move.
    streams: RefCell<Vec<Stall>>,
    now: Rc<Cell<Instant>>,
}

/// What a connection is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// Answer what has come, then close.
    Finish,
    Go,
    Stop,
}

/// How long a client may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// For its first head, TLS included.
    pub(crate) head: Duration,
    /// For the next one.
    pub(crate) idle: Duration,
    /// To take anything of what there is for it.
    pub(crate) write: Duration,
}

impl Connections {
    pub(crate) fn new() -> Self {
        Self {
            all: RefCell::default(),
            next: Cell::new(0),
            draining: Cell::new(false),
            now: Rc::new(Cell::new(Instant::now())),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.all.borrow().len()
    }

    /// Notes a new connection, until the result is dropped.
    pub(crate) fn enter(self: &Rc<Self>) -> Member {
        let id = self.next.replace(self.next.get() + 1);
        let watch = Rc::new(Watch {
            order: Cell::new(if self.draining.get() { Order::Finish } else { Order::Go }),
            waker: RefCell::default(),
            busy: Cell::new(0),
            greeted: Cell::new(false),
            waiting: Cell::new(Instant::now()),
            stalled: Cell::new(None),
            streams: RefCell::default(),
            now: self.now.clone(),
        });
        self.all.borrow_mut().insert(id, watch.clone());
        Member { id, watch, home: self.clone() }
    }

    /// Stops every connection that used up `patience`.
    pub(crate) fn round(&self, patience: Patience) {
        let now = Instant::now();
        self.now.set(now);
        for watch in self.all.borrow().values() {
            if watch.is_late(now, patience) {
                watch.order(Order::Stop);
            }
        }
    }

    /// Lets every connection finish what it has begun.
    pub(crate) fn drain(&self) {
        self.draining.set(true);
        self.all.borrow().values().for_each(|watch| watch.order(Order::Finish));
    }

    /// Breaks every connection off.
    pub(crate) fn stop(&self) {
        self.all.borrow().values().for_each(|watch| watch.order(Order::Stop));
    }
}

/// A connection's place among the others.
#[derive(Debug)]
pub(crate) struct Member {
    id: u64,
    watch: Rc<Watch>,
    home: Rc<Connections>,
}

impl Member {
    pub(crate) fn watch(&self) -> &Rc<Watch> {
        &self.watch
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.home.all.borrow_mut().remove(&self.id);
    }
}

impl Watch {
    /// What to do now; `cx` is woken when that changes.
    pub(crate) fn poll_order(&self, cx: &Context<'_>) -> Order {
        let mut waker = self.waker.borrow_mut();
        if waker.as_ref().is_none_or(|known| !known.will_wake(cx.waker())) {
            *waker = Some(cx.waker().clone());
        }
        self.order.get()
    }

    /// The result of `future`, or none if the connection is to go before.
    pub(crate) async fn unless_stopped<F: Future>(&self, future: F) -> Option<F::Output> {
        let mut future = pin!(future);
        poll_fn(|cx| match self.poll_order(cx) {
            Order::Go => future.as_mut().poll(cx).map(Some),
            Order::Finish | Order::Stop => Poll::Ready(None),
        })
        .await
    }

    /// A request came; it is over when the result is dropped.
    pub(crate) fn begin(self: &Rc<Self>) -> InFlight {
        self.greeted.set(true);
        self.busy.set(self.busy.get() + 1);
        InFlight { watch: self.clone(), stall: None }
    }

    /// The client takes nothing at the moment.
    pub(crate) fn stalls(&self) {
        if self.stalled.get().is_none() {
            self.stalled.set(Some(self.now.get()));
        }
    }

    /// The client took something.
    pub(crate) fn moves(&self) {
        self.stalled.set(None);
    }

    fn order(&self, order: Order) {
        if self.order.get() != Order::Stop {
            self.order.set(order);
        }
        if let Some(waker) = self.waker.borrow().as_ref() {
            waker.wake_by_ref();
        }
    }

    fn is_late(&self, now: Instant, patience: Patience) -> bool {
        let head = if self.greeted.get() { patience.idle } else { patience.head };
        let over = |since: Instant, limit: Duration| now.saturating_duration_since(since) > limit;
        let deaf = |since: Option<Instant>| since.is_some_and(|since| over(since, patience.write));
        deaf(self.stalled.get())
            || self.streams.borrow().iter().any(|stall| deaf(stall.get()))
            || (self.busy.get() == 0 && self.stalled.get().is_none() && over(self.waiting.get(), head))
    }
}

/// A request that is being answered.
#[derive(Debug)]
pub(crate) struct InFlight {
    watch: Rc<Watch>,
    stall: Option<Stall>,
}

/// Since when a stream was not asked for more.
type Stall = Rc<Cell<Option<Instant>>>;

impl InFlight {
    /// It is one of many on its connection, and may stall alone.
    pub(crate) fn alone(mut self) -> Self {
        let stall = Stall::default();
        self.watch.streams.borrow_mut().push(stall.clone());
        self.stall = Some(stall);
        self
    }

    /// The client asked for more.
    pub(crate) fn asked(&self) {
        if let Some(stall) = &self.stall {
            stall.set(None);
        }
    }

    /// The client was given something.
    pub(crate) fn given(&self) {
        if let Some(stall) = &self.stall {
            stall.set(Some(self.watch.now.get()));
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.watch.busy.set(self.watch.busy.get().saturating_sub(1));
        self.watch.waiting.set(self.watch.now.get());
        if let Some(stall) = &self.stall {
            self.watch.streams.borrow_mut().retain(|other| !Rc::ptr_eq(other, stall));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Patience =
        Patience { head: Duration::from_secs(10), idle: Duration::from_secs(75), write: Duration::from_secs(60) };

    #[test]
    fn who_is_late() {
        let all = Rc::new(Connections::new());
        let member = all.enter();
        let watch = member.watch();
        let start = watch.waiting.get();
        let late = |secs| watch.is_late(start + Duration::from_secs(secs), PATIENCE);
        assert!(!late(9) && late(11), "no head in time");
        let request = watch.begin();
        assert!(!late(1000), "it waits for us");
        watch.stalls();
        assert!(!late(59) && late(62), "it takes nothing");
        watch.moves();
        assert!(!late(1000));
        let stream = watch.begin().alone();
        stream.given();
        assert!(!late(59) && late(62), "one stream is not read");
        stream.asked();
        assert!(!late(1000), "it waits for us again");
        drop((request, stream));
        assert!(!late(74) && late(77), "idle");
        assert_eq!(all.len(), 1);
        drop(member);
        assert_eq!(all.len(), 0);
    }
}
