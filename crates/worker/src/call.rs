//! One request: what its parts share, and how news from JavaScript reach the driver.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use apex_core::capture::Tee;
use apex_core::catalog::Catalog;
use apex_core::exchange::{TransportError, TransportErrorKind};
use apex_core::record::Record;
use apex_service::ReplyBody;
use bytes::Bytes;
use http_body::Body as _;
use wasm_bindgen::prelude::*;

use crate::platform::Host;
use crate::{glue, report};

/// One request, from its arrival to the end of its reply.
pub(crate) struct Call {
    pub(crate) js: glue::Call,
    /// The reply that is being written, once its head went out.
    reply: RefCell<Option<ReplyBody<Host>>>,
    /// Of the task that makes the head of the reply.
    head: RefCell<Option<Waker>>,
    /// Of [`Background`].
    background: RefCell<Option<Waker>>,
    left: Cell<bool>,
    /// The reply's body is the upstream's own.
    through: Cell<bool>,
    over: Cell<bool>,
    /// The configuration it runs with, once that is known.
    catalog: RefCell<Option<Arc<Catalog>>>,
    record: RefCell<Option<Box<Record>>>,
}

impl Call {
    pub(crate) fn new(request: web_sys::Request) -> Rc<Self> {
        Rc::new_cyclic(|call| Self {
            js: glue::Call::new(request, Leave(Weak::clone(call))),
            reply: RefCell::default(),
            head: RefCell::default(),
            background: RefCell::default(),
            left: Cell::default(),
            through: Cell::default(),
            over: Cell::default(),
            catalog: RefCell::default(),
            record: RefCell::default(),
        })
    }

    /// Runs `future`, which makes the head of the reply; `None` if the client leaves before.
    pub(crate) async fn unless_left<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        let mut future = std::pin::pin!(future);
        std::future::poll_fn(|cx| {
            if self.left.get() {
                return Poll::Ready(None);
            }
            self.head.replace(Some(cx.waker().clone()));
            future.as_mut().poll(cx).map(Some)
        })
        .await
    }

    pub(crate) fn configure(&self, catalog: &Arc<Catalog>) {
        self.catalog.replace(Some(Arc::clone(catalog)));
    }

    /// Does a report want the bodies?
    pub(crate) fn is_captured(&self) -> bool {
        self.catalog.borrow().as_ref().is_some_and(|catalog| catalog.capture.is_some())
    }

    /// Reports `record` when the reply is over.
    pub(crate) fn report(&self, record: Box<Record>) {
        self.record.replace(Some(record));
    }

    /// The reply is over, or its rest is known.
    pub(crate) fn finish(&self) {
        self.over.set(true);
        wake(&self.background);
    }

    /// The client gets the upstream's body from the runtime.
    pub(crate) fn hand_through(&self) {
        self.through.set(true);
    }

    pub(crate) fn is_handed_through(&self) -> bool {
        self.through.get()
    }

    /// Writes `first`; from now on `reply` is polled with each chunk, and its pieces are written.
    pub(crate) fn begin(&self, first: &Bytes, reply: ReplyBody<Host>) {
        if !first.is_empty() {
            self.js.write(first);
        }
        self.reply.replace(Some(reply));
        self.advance();
    }

    fn is_writing(&self) -> bool {
        self.reply.try_borrow().is_ok_and(|reply| reply.is_some())
    }

    /// Writes what is ready.
    fn advance(&self) {
        let waker = self.background.borrow().clone();
        let mut cx = Context::from_waker(waker.as_ref().unwrap_or(Waker::noop()));
        let Ok(mut reply) = self.reply.try_borrow_mut() else { return };
        while let Some(body) = reply.as_mut() {
            let abort = match Pin::new(body).poll_frame(&mut cx) {
                Poll::Pending => return,
                Poll::Ready(Some(Ok(frame))) => {
                    if let Some(bytes) = frame.data_ref() {
                        self.js.write(bytes);
                    }
                    continue;
                }
                Poll::Ready(Some(Err(_))) => true,
                Poll::Ready(None) => false,
            };
            *reply = None;
            self.js.end(abort);
            self.finish();
        }
    }

    /// The client left: the driver cancels the upstream and reports.
    fn leave(&self) {
        self.left.set(true);
        let reply = self.reply.try_borrow_mut().ok().and_then(|mut reply| reply.take());
        if reply.is_some() {
            drop(reply);
            self.js.end(true);
            self.finish();
        }
        wake(&self.head);
    }
}

impl std::fmt::Debug for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Call").finish_non_exhaustive()
    }
}

fn wake(waker: &RefCell<Option<Waker>>) {
    let waker = waker.borrow().clone();
    if let Some(waker) = waker {
        waker.wake();
    }
}

/// What a request does besides answering: timers of a reply under way, and its reports. The runtime waits for it, so that
/// a client that leaves does not end it.
pub(crate) async fn background(call: Rc<Call>) {
    std::future::poll_fn(|cx| {
        call.background.replace(Some(cx.waker().clone()));
        call.advance();
        if call.over.get() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    let (record, catalog) = (call.record.take(), call.catalog.take());
    if let Some(record) = record {
        report::tell(record, catalog.as_ref().and_then(|catalog| catalog.aepipe.as_ref())).await;
    }
}

/// How JavaScript says that the client left.
#[wasm_bindgen]
#[derive(Debug)]
pub(crate) struct Leave(Weak<Call>);

#[wasm_bindgen]
#[allow(unreachable_pub, reason = "wasm-bindgen exports public functions only")]
impl Leave {
    pub fn gone(&self) {
        if let Some(call) = self.0.upgrade() {
            call.leave();
        }
    }
}

/// How JavaScript shows the client's body as it goes by.
#[wasm_bindgen]
#[derive(Debug)]
pub(crate) struct Copy(Tee);

#[wasm_bindgen]
#[allow(unreachable_pub, reason = "wasm-bindgen exports public functions only")]
impl Copy {
    pub fn push(&self, chunk: &[u8]) {
        self.0.push(chunk);
    }
}

impl Copy {
    pub(crate) const fn new(tee: Tee) -> Self {
        Self(tee)
    }
}

/// How JavaScript brings the upstream's body.
#[wasm_bindgen]
#[derive(Debug)]
pub(crate) struct Feed {
    call: Weak<Call>,
    slot: Rc<Slot>,
}

#[wasm_bindgen]
#[allow(unreachable_pub, reason = "wasm-bindgen exports public functions only")]
impl Feed {
    pub fn push(&self, chunk: Vec<u8>) {
        self.slot.chunks.borrow_mut().push_back(chunk.into());
        self.news();
    }

    pub fn end(&self) {
        self.slot.end.replace(Some(Ok(())));
        self.news();
    }

    /// The only chunk.
    pub fn whole(&self, chunk: Vec<u8>) {
        self.slot.chunks.borrow_mut().push_back(chunk.into());
        self.end();
    }

    pub fn fail(&self, detail: String) {
        self.slot.end.replace(Some(Err(TransportError { kind: TransportErrorKind::Reset, stale: false, detail })));
        self.news();
    }
}

impl Feed {
    pub(crate) fn new(call: &Rc<Call>, slot: &Rc<Slot>) -> Self {
        Self { call: Rc::downgrade(call), slot: Rc::clone(slot) }
    }

    fn news(&self) {
        let Some(call) = self.call.upgrade() else { return };
        if call.is_writing() {
            // At once: a wake-up would be a second call.
            call.advance();
        } else {
            wake(&self.slot.waker);
        }
    }
}

/// What came of an upstream's body and was not yet taken.
#[derive(Debug, Default)]
pub(crate) struct Slot {
    chunks: RefCell<VecDeque<Bytes>>,
    end: RefCell<Option<Result<(), TransportError>>>,
    /// The end was taken too.
    over: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Slot {
    pub(crate) fn is_over(&self) -> bool {
        self.over.get()
    }

    pub(crate) fn poll_chunk(&self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, TransportError>>> {
        if let Some(chunk) = self.chunks.borrow_mut().pop_front() {
            return Poll::Ready(Some(Ok(chunk)));
        }
        if let Some(end) = self.end.take() {
            self.over.set(true);
            return Poll::Ready(end.err().map(Err));
        }
        self.waker.replace(Some(cx.waker().clone()));
        Poll::Pending
    }
}
