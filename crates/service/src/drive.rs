//! The one driver: turns the steps of an exchange into awaits.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use apex_core::exchange::{Body as Sent, Exchange, Input, Outgoing, Reach, Step, TransportError};
use apex_core::record::Record;
use apex_core::stored::{Ask, Kept};
use bytes::Bytes;
use http::{Response, response};

use crate::account::{Buffered, Permit};
use crate::playback::Player;
use crate::reply_body::{Gathered, ReplyBody};
use crate::{OutgoingBody, Platform, Sleep, Store, Upstream};

/// Work on this many bytes or more is done off the runtime thread.
pub(crate) const HEAVY: usize = 1 << 20;

/// An exchange under way. Dropping it before its end means that the client left: the upstream is cancelled and the
/// record is reported.
pub(crate) struct Drive<P: Platform> {
    platform: P,
    /// Absent while it works elsewhere; `fallback` then stands for it.
    exchange: Option<Exchange>,
    fallback: Option<Box<Record>>,
    upstream: Option<Source<P>>,
    sleep: P::Sleep,
    pub(crate) end: Option<End>,
    streaming: bool,
    permit: Option<Permit<P>>,
    buffered: Option<Buffered<P>>,
}

/// How it ended.
pub(crate) struct End {
    /// Until it is reported.
    pub(crate) record: Option<Box<Record>>,
    pub(crate) abort: bool,
}

/// The reply's bytes: an upstream's, or the mock's.
enum Source<P: Platform> {
    Real(P::Upstream),
    Mock(Player<P>),
}

impl<P: Platform> Drive<P> {
    /// On the heap from the start: it moves from future to future, and ends in the reply's body.
    pub(crate) fn new(platform: &P, exchange: Exchange) -> Box<Self> {
        platform.gauge().requests.fetch_add(1, Ordering::Relaxed);
        Box::new(Self {
            platform: platform.clone(),
            exchange: Some(exchange),
            fallback: None,
            upstream: None,
            sleep: platform.sleep(),
            end: None,
            streaming: false,
            permit: None,
            buffered: None,
        })
    }

    /// Keeps a place among the passthrough exchanges until the end.
    pub(crate) fn hold(&mut self, permit: Permit<P>) {
        self.permit = Some(permit);
    }

    /// Keeps the memory of the request's body accounted for until it has been sent.
    pub(crate) fn account(&mut self, buffered: Buffered<P>) {
        self.buffered = Some(buffered);
    }

    /// Changes the exchange on this thread.
    pub(crate) fn with(&mut self, change: impl FnOnce(&mut Exchange, &P)) {
        if let Some(exchange) = &mut self.exchange {
            change(exchange, &self.platform);
        }
    }

    /// Changes the exchange where it holds up nobody.
    pub(crate) async fn offload(&mut self, change: impl FnOnce(&mut Exchange) + Send + 'static) {
        let Some(mut exchange) = self.exchange.take() else { return };
        self.fallback = Some(exchange.abandoned(self.platform.now()));
        let platform = self.platform.clone();
        // In a box: few requests are large, and the future of each has room for all that it may wait for.
        let done = Box::pin(platform.offload(move || {
            change(&mut exchange);
            exchange
        }));
        self.exchange = Some(done.await);
        self.fallback = None;
    }

    pub(crate) fn handle(&mut self, input: Input) {
        let now = self.platform.now();
        if let Some(exchange) = &mut self.exchange {
            exchange.handle(input, now);
        }
    }

    /// Runs until the head for the client is there.
    pub(crate) async fn respond(mut self: Box<Self>, client: Option<P::ClientBody>) -> Response<ReplyBody<P>> {
        let mut client = client;
        loop {
            let Some(step) = self.exchange.as_mut().map(Exchange::poll) else { return self.lost() };
            match step {
                Step::Send(outgoing) => self.send(outgoing, &mut client).await,
                Step::Read { until } => {
                    let next = poll_fn(|cx| self.poll_upstream(until, cx)).await;
                    let heavy =
                        matches!(next, News::End) && self.exchange.as_ref().is_some_and(|e| e.backlog() >= HEAVY);
                    self.hear(next.input(), heavy).await;
                }
                Step::Reply(parts) => return self.reply(parts),
                Step::Recall(ask) => self.recall(*ask).await,
                Step::Keep(kept) => self.platform.store().keep(*kept),
                // Before the head there is nothing to emit; an exchange that ends without one has no client any more.
                Step::Emit(_) => {}
                Step::Finish { record, abort } => {
                    self.end = Some(End { record: Some(record), abort });
                    return self.lost();
                }
            }
        }
    }

    async fn recall(&mut self, ask: Ask) {
        let found = self.platform.store().recall(ask).await;
        let heavy = found.iter().map(Kept::size).sum::<u64>() >= HEAVY as u64;
        self.hear(Input::Recalled(found), heavy).await;
    }

    /// Takes news before the head went out; what is `heavy`, or may make the exchange count, where it holds up nobody.
    async fn hear(&mut self, input: Input, heavy: bool) {
        if heavy || self.exchange.as_ref().is_some_and(Exchange::may_count) {
            let now = self.platform.now();
            self.offload(move |exchange| exchange.handle(input, now)).await;
        } else {
            self.handle(input);
        }
    }

    async fn send(&mut self, outgoing: Box<Outgoing>, client: &mut Option<P::ClientBody>) {
        if outgoing.reach == Reach::Mock {
            let (player, head) = Player::new(&self.platform, &outgoing);
            self.upstream = Some(Source::Mock(player));
            self.handle(Input::UpstreamHead(head));
            return;
        }
        let body = match (&outgoing.body, client.take()) {
            (Sent::Bytes(bytes), _) => OutgoingBody::Bytes(Some(bytes.clone())),
            (Sent::Client { prefix }, Some(body)) => {
                let tee = self.exchange.as_mut().map(Exchange::tee).unwrap_or_default();
                OutgoingBody::Client { prefix: Some(prefix.clone()), body, tee }
            }
            // The client's body can be sent once only; the exchange does not ask twice.
            (Sent::Client { prefix }, None) => OutgoingBody::Bytes(Some(prefix.clone())),
        };
        let platform = self.platform.clone();
        let mut sending = pin!(platform.send(outgoing, body));
        loop {
            let Some(Step::Read { until }) = self.exchange.as_mut().map(Exchange::poll) else { return };
            let sleep = &mut self.sleep;
            let result = poll_fn(|cx| match sending.as_mut().poll(cx) {
                Poll::Ready(result) => Poll::Ready(Some(result)),
                Poll::Pending => sleep.poll_until(until, cx).map(|()| None),
            })
            .await;
            match result {
                Some(Ok((head, upstream))) => {
                    self.buffered = None;
                    self.upstream = Some(Source::Real(upstream));
                    self.hear(Input::UpstreamHead(head), false).await;
                    return;
                }
                Some(Err(error)) => {
                    self.hear(Input::UpstreamFailed(error), false).await;
                    return;
                }
                None => {
                    self.hear(Input::Deadline, false).await;
                    if self.exchange.as_ref().is_none_or(Exchange::is_done) {
                        return;
                    }
                }
            }
        }
    }

    /// The next news, or the deadline.
    pub(crate) fn poll_upstream(&mut self, until: apex_core::time::Timestamp, cx: &mut Context<'_>) -> Poll<News> {
        let news = match &mut self.upstream {
            Some(Source::Real(upstream)) => upstream.poll_chunk(cx),
            Some(Source::Mock(player)) => player.poll_chunk(cx),
            None => Poll::Ready(None),
        };
        match news {
            Poll::Ready(Some(Ok(chunk))) => Poll::Ready(News::Chunk(chunk)),
            Poll::Ready(Some(Err(error))) => Poll::Ready(News::Failed(error)),
            Poll::Ready(None) => Poll::Ready(News::End),
            Poll::Pending => self.sleep.poll_until(until, cx).map(|()| News::Deadline),
        }
    }

    fn reply(mut self: Box<Self>, parts: response::Parts) -> Response<ReplyBody<P>> {
        let kind = parts.headers.get(http::header::CONTENT_TYPE);
        self.streaming = kind.is_some_and(|v| v.as_bytes().starts_with(b"text/event-stream"));
        if self.streaming {
            self.platform.gauge().streams.fetch_add(1, Ordering::Relaxed);
        }
        if self.exchange.as_ref().is_some_and(Exchange::may_hand_through)
            && let Some(Source::Real(upstream)) = &mut self.upstream
            && upstream.hand_through()
        {
            self.handle(Input::HandedThrough);
        }
        // What is ready goes along, so that a whole reply leaves with its length.
        let mut ready = Gathered::default();
        self.gather(&mut ready);
        if ready.len() == 0 {
            // A complete reply without a body: nobody will ask for its bytes.
            self.report();
        }
        Response::from_parts(parts, ReplyBody { ready: ready.take(), drive: Some(self), rests: 0 })
    }

    /// Takes the steps that need no waiting.
    pub(crate) fn gather(&mut self, out: &mut Gathered) -> Option<apex_core::time::Timestamp> {
        while self.end.is_none() {
            match self.exchange.as_mut().map(Exchange::poll)? {
                Step::Emit(bytes) => out.push(bytes),
                Step::Finish { record, abort } => self.finish(record, abort),
                Step::Read { until } => return Some(until),
                Step::Keep(kept) => self.platform.store().keep(*kept),
                // The head went out already, and nothing is asked for after it.
                Step::Recall(_) | Step::Reply(_) | Step::Send(_) => return None,
            }
        }
        None
    }

    fn finish(&mut self, record: Box<Record>, abort: bool) {
        // The upstream has nothing more to say to us: let its connection go, or break it.
        self.upstream = None;
        self.permit = None;
        self.end = Some(End { record: Some(record), abort });
    }

    pub(crate) fn report(&mut self) {
        if let Some(record) = self.end.as_mut().and_then(|e| e.record.take()) {
            self.platform.report(record);
        }
    }

    /// The exchange ended without a reply: its client is gone, so nobody reads this.
    fn lost(&mut self) -> Response<ReplyBody<P>> {
        self.report();
        let mut response = Response::new(ReplyBody::empty());
        *response.status_mut() = http::StatusCode::BAD_GATEWAY;
        response
    }
}

impl<P: Platform> Drop for Drive<P> {
    fn drop(&mut self) {
        let gauge = self.platform.gauge();
        gauge.requests.fetch_sub(1, Ordering::Relaxed);
        if self.streaming {
            gauge.streams.fetch_sub(1, Ordering::Relaxed);
        }
        if let Some(end) = &mut self.end {
            // Ended, but the client did not take all of it.
            if let Some(mut record) = end.record.take() {
                record.outcome = apex_core::record::Outcome::ClientGone;
                self.platform.report(record);
            }
            return;
        }
        self.handle(Input::ClientGone);
        while let Some(exchange) = &mut self.exchange {
            match exchange.poll() {
                Step::Finish { record, .. } => {
                    self.platform.report(record);
                    return;
                }
                Step::Read { .. } => return,
                Step::Keep(kept) => self.platform.store().keep(*kept),
                Step::Emit(_) | Step::Recall(_) | Step::Reply(_) | Step::Send(_) => {}
            }
        }
        if let Some(record) = self.fallback.take() {
            self.platform.report(record);
        }
    }
}

impl<P: Platform> fmt::Debug for Drive<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Drive").field("exchange", &self.exchange).finish_non_exhaustive()
    }
}

/// News from the upstream, owned.
pub(crate) enum News {
    Chunk(Bytes),
    Deadline,
    End,
    Failed(TransportError),
}

impl News {
    pub(crate) fn input(self) -> Input {
        match self {
            Self::Chunk(chunk) => Input::UpstreamChunk(chunk),
            Self::Deadline => Input::Deadline,
            Self::End => Input::UpstreamEnd,
            Self::Failed(error) => Input::UpstreamFailed(error),
        }
    }
}
