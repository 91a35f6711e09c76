//! The Worker as a host: the runtime's clock, timers, randomness and fetch.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::LazyLock;
use std::task::{Context, Poll, Waker};

use apex_core::address::is_public;
use apex_core::exchange::{Outgoing, Reach, TransportError, TransportErrorKind};
use apex_core::record::Record;
use apex_core::time::{Seed, Timestamp};
use apex_service::{Gauge, OutgoingBody, Platform};
use bytes::Bytes;
use http::response;
use http_body::Frame;
use js_sys::Uint8Array;
use wasm_bindgen::prelude::*;

use crate::call::{Call, Copy, Feed, Slot};
use crate::{glue, text};

/// Bodies of up to this announced size are taken in one piece.
const ONE_PIECE: u64 = 256 << 10;

static GAUGE: LazyLock<Gauge> = LazyLock::new(Gauge::default);

thread_local! {
    static LATEST: Cell<u64> = const { Cell::new(0) };
    static SEEDS: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// The time of the host. It stands still while the module works, and never goes back.
pub(crate) fn now() -> Timestamp {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "milliseconds since 1970 fit")]
    let micros = (js_sys::Date::now() * 1_000.0) as u64;
    LATEST.with(|latest| {
        latest.set(latest.get().max(micros));
        Timestamp::from_micros(latest.get())
    })
}

pub(crate) fn seed() -> Seed {
    SEEDS.with_borrow_mut(|seeds| {
        if seeds.len() < 16 {
            *seeds = glue::random();
        }
        let rest = seeds.len().saturating_sub(16);
        let bits = seeds.split_off(rest);
        Seed(u128::from_le_bytes(bits.try_into().unwrap_or_default()))
    })
}

/// One request's host.
#[derive(Clone, Debug)]
pub(crate) struct Host(pub(crate) Rc<Call>);

impl Platform for Host {
    type ClientBody = ClientBody;
    type Upstream = Upstream;
    type Sleep = Sleep;
    /// Isolates share no memory, and the Worker has no database: the catalog says that nothing is kept.
    type Store = ();

    fn now(&self) -> Timestamp {
        now()
    }

    fn seed(&self) -> Seed {
        seed()
    }

    fn sleep(&self) -> Sleep {
        Sleep::default()
    }

    async fn send(
        &self,
        outgoing: Box<Outgoing>,
        body: OutgoingBody<ClientBody>,
    ) -> Result<(response::Parts, Upstream), TransportError> {
        let failed = |kind, detail: String| TransportError { kind, stale: false, detail };
        if outgoing.reach == Reach::Public && !may_be_public(&outgoing.origin.host) {
            return Err(failed(TransportErrorKind::Forbidden, "not a public address".to_owned()));
        }
        let (bytes, streamed, copy) = match body {
            OutgoingBody::Bytes(bytes) => (bytes, false, None),
            // The runtime carries it, unless a report wants to know it.
            OutgoingBody::Client { prefix, body, tee } => {
                (prefix, body.call.js.has_body(), self.0.is_captured().then(|| Copy::new(tee)))
            }
        };
        let bytes = bytes.filter(|b| !b.is_empty()).map(|b| Uint8Array::from(&b[..]));
        let guard = Unanswered(Some(Rc::clone(&self.0)));
        let method = outgoing.head.method.as_str();
        let headers = text::headers(&outgoing.head.headers);
        let opened = self.0.js.open(&outgoing.head.uri.to_string(), method, &headers, bytes, streamed, copy).await;
        drop(outgoing);
        guard.answered();
        match opened {
            Ok(head) => {
                let parts = text::response(&head.as_string().unwrap_or_default())
                    .ok_or_else(|| failed(TransportErrorKind::Protocol, "no valid head".to_owned()))?;
                Ok((parts, Upstream { call: Rc::clone(&self.0), body: Carried::Waiting }))
            }
            // The runtime says of every failure that the connection was lost.
            Err(error) => Err(failed(TransportErrorKind::Connect, glue::message(&error))),
        }
    }

    fn is_client_gone(_: &String) -> bool {
        // Framing is the runtime's: what it hands over breaks off only with the client.
        true
    }

    async fn offload<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> T {
        job()
    }

    fn report(&self, record: Box<Record>) {
        self.0.report(record);
    }

    fn gauge(&self) -> &Gauge {
        &GAUGE
    }

    fn store(&self) -> &() {
        &()
    }
}

/// Names cannot be looked up here; the network of the host reaches public addresses only. What can be seen is checked.
fn may_be_public(host: &str) -> bool {
    match host.parse::<IpAddr>() {
        Ok(address) => is_public(address),
        Err(_) => host != "localhost" && !host.ends_with(".localhost"),
    }
}

/// Cancels a request whose reply nobody waits for any more.
struct Unanswered(Option<Rc<Call>>);

impl Unanswered {
    fn answered(mut self) {
        self.0 = None;
    }
}

impl Drop for Unanswered {
    fn drop(&mut self) {
        if let Some(call) = self.0.take() {
            call.js.cancel();
        }
    }
}

/// The body of an upstream's reply. Dropping it cancels the rest, unless the client has it.
#[derive(Debug)]
pub(crate) struct Upstream {
    call: Rc<Call>,
    body: Carried,
}

/// Who carries an upstream's body.
#[derive(Debug)]
enum Carried {
    /// Nobody yet.
    Waiting,
    /// The pump brings it here, chunk by chunk.
    Here(Rc<Slot>),
    /// The runtime takes it to the client.
    Through,
}

impl apex_service::Upstream for Upstream {
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, TransportError>>> {
        if matches!(self.body, Carried::Waiting) {
            let slot = Rc::new(Slot::default());
            self.call.js.pump(Feed::new(&self.call, &slot));
            self.body = Carried::Here(slot);
        }
        let Carried::Here(slot) = &self.body else { return Poll::Ready(None) };
        slot.poll_chunk(cx)
    }

    fn hand_through(&mut self) -> bool {
        self.body = Carried::Through;
        self.call.hand_through();
        true
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        match &self.body {
            Carried::Through => {}
            Carried::Here(slot) if slot.is_over() => {}
            Carried::Here(_) | Carried::Waiting => self.call.js.cancel(),
        }
    }
}

/// The client's body. Where it only passes through, the runtime carries it, and nothing of it comes here.
pub(crate) struct ClientBody {
    call: Rc<Call>,
    /// `content-length`, where the client gave one.
    announced: Option<u64>,
    reading: Option<Reading>,
    done: bool,
}

type Reading = Pin<Box<dyn Future<Output = Result<Option<Bytes>, String>>>>;

impl ClientBody {
    pub(crate) fn new(call: &Rc<Call>, announced: Option<u64>) -> Self {
        Self { call: Rc::clone(call), announced, reading: None, done: !call.js.has_body() }
    }

    fn read(&self) -> (Reading, bool) {
        let call = Rc::clone(&self.call);
        let whole = self.announced.is_some_and(|length| length <= ONE_PIECE);
        let reading = Box::pin(async move {
            let piece = if whole { call.js.whole().await } else { call.js.piece().await };
            let piece = piece.map_err(|error| glue::message(&error))?;
            Ok(piece.dyn_ref::<Uint8Array>().map(|bytes| Bytes::from(bytes.to_vec())))
        });
        (reading, whole)
    }
}

impl http_body::Body for ClientBody {
    type Data = Bytes;
    type Error = String;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, String>>> {
        if self.reading.is_none() {
            if self.done {
                return Poll::Ready(None);
            }
            let (reading, last) = self.read();
            self.reading = Some(reading);
            self.done = last;
        }
        let Some(reading) = &mut self.reading else { return Poll::Ready(None) };
        let Poll::Ready(piece) = reading.as_mut().poll(cx) else { return Poll::Pending };
        self.reading = None;
        self.done |= !matches!(piece, Ok(Some(_)));
        Poll::Ready(piece.transpose().map(|piece| piece.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.done && self.reading.is_none()
    }
}

impl std::fmt::Debug for ClientBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientBody").field("announced", &self.announced).finish_non_exhaustive()
    }
}

/// A timer that is set anew only when it fires, or when it would fire too late.
#[derive(Debug, Default)]
pub(crate) struct Sleep {
    armed: Option<Armed>,
    waker: Rc<RefCell<Option<Waker>>>,
}

#[derive(Debug)]
struct Armed {
    until: Timestamp,
    timer: JsValue,
    /// What the timer calls; it must live as long.
    _closure: Closure<dyn FnMut()>,
}

impl Drop for Armed {
    fn drop(&mut self) {
        glue::disarm(&self.timer);
    }
}

impl apex_service::Sleep for Sleep {
    fn poll_until(&mut self, deadline: Timestamp, cx: &mut Context<'_>) -> Poll<()> {
        let now = now();
        if now >= deadline {
            self.armed = None;
            return Poll::Ready(());
        }
        self.waker.replace(Some(cx.waker().clone()));
        if self.armed.as_ref().is_none_or(|armed| armed.until > deadline || armed.until <= now) {
            let waker = Rc::clone(&self.waker);
            let closure = Closure::<dyn FnMut()>::new(move || {
                if let Some(waker) = waker.take() {
                    waker.wake();
                }
            });
            // Not before the deadline by the clock that counts whole milliseconds.
            let timer = glue::arm(deadline.since(now).as_secs_f64().mul_add(1_000.0, 1.0).ceil(), &closure);
            self.armed = Some(Armed { until: deadline, timer, _closure: closure });
        }
        Poll::Pending
    }
}
