//! From a request to a response.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;

use apex_core::admit::{Admission, Arrival, Target, Ticket, admit};
use apex_core::catalog::Catalog;
use apex_core::exchange::{Exchange, Input, TransportError, TransportErrorKind};
use apex_core::refusal::Refusal;
use apex_core::reply::Whole;
use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use http_body::Body;

use crate::account::{Buffered, Permit};
use crate::drive::{Drive, HEAVY};
use crate::{Peer, Platform, ReplyBody, Sleep};

/// How fast a body must come, after the grace of `timeouts.client_head`.
const MIN_BYTES_PER_SECOND: u64 = 1 << 10;

/// Answers one request with the given snapshot of the configuration. Dropping the future or the body means that the
/// client left: the upstream is cancelled and the record is reported.
pub async fn serve<P: Platform>(
    platform: &P,
    catalog: Arc<Catalog>,
    peer: Peer,
    request: Request<P::ClientBody>,
) -> Response<ReplyBody<P>> {
    let (now, seed) = (platform.now(), platform.seed());
    let request_id = seed.id("req_", 0);
    let (head, mut body) = request.into_parts();
    let draining = platform.gauge().draining.load(Ordering::Relaxed);
    let arrival = Arrival { request_id: &request_id, now, client: peer.address, draining };
    let mut ticket = match admit(head, &catalog, &arrival) {
        Admission::Admitted(ticket) => ticket,
        Admission::Answered(whole) => return respond(whole),
        Admission::Metrics(mut whole) => {
            whole.body = platform.metrics().into();
            return respond(whole);
        }
        Admission::Refused { whole, mut record } => {
            record.duration = platform.now().since(now);
            platform.report(record);
            return respond(whole);
        }
    };
    let mut drive = Drive::new(platform, Exchange::new(&mut ticket, Arc::clone(&catalog), seed));
    if matches!(ticket.target, Target::Passthrough(_)) {
        let rules = &catalog.passthrough;
        match Permit::take(platform, peer.address, rules.max_concurrent_per_client, rules.max_concurrent) {
            Some(permit) => drive.hold(permit),
            None => return refuse(drive, &Refusal::TooManyRequests).await,
        }
        if ticket.mapping.is_none() && !body.is_end_stream() {
            drive.with(|exchange, platform| exchange.begin_streaming(&mut ticket, Bytes::new(), platform.now()));
            return drive.respond(Some(body)).await;
        }
    }
    let mut buffered = Buffered::new(platform);
    let whole = match read(platform, &catalog, &ticket, &mut body, &mut buffered).await {
        Ok(bytes) => bytes,
        Err(Unread::Gone) => {
            let detail = "the client left before the end of its body".to_owned();
            let error = TransportError { kind: TransportErrorKind::ClientBody, stale: false, detail };
            drive.with(|exchange, platform| exchange.handle(Input::UpstreamFailed(error), platform.now()));
            return drive.respond(None).await;
        }
        Err(Unread::Refused(refusal)) => return refuse(drive, &refusal).await,
    };
    drive.account(buffered);
    // Even a small count can be long: the first one reads the vocabulary.
    let counts = matches!(ticket.target, Target::Gateway(operation) if operation.counts());
    if counts || whole.len() >= HEAVY {
        let now = platform.now();
        drive.offload(move |exchange| exchange.begin(&mut ticket, &whole, now)).await;
    } else {
        drive.with(|exchange, platform| exchange.begin(&mut ticket, &whole, platform.now()));
    }
    drive.respond(None).await
}

async fn refuse<P: Platform>(mut drive: Box<Drive<P>>, refusal: &Refusal) -> Response<ReplyBody<P>> {
    drive.with(|exchange, platform| exchange.refuse(refusal, platform.now()));
    drive.respond(None).await
}

fn respond<P: Platform>(whole: Whole) -> Response<ReplyBody<P>> {
    Response::from_parts(whole.parts, ReplyBody::whole(whole.body))
}

/// Why there is no body.
enum Unread {
    /// The client left; one that only closed its sending half reads the reply.
    Gone,
    Refused(Refusal),
}

impl From<Refusal> for Unread {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// Reads the whole body, within the limits of size, memory and time.
async fn read<P: Platform>(
    platform: &P,
    catalog: &Catalog,
    ticket: &Ticket,
    body: &mut P::ClientBody,
    buffered: &mut Buffered<P>,
) -> Result<Bytes, Unread> {
    let limits = &catalog.limits;
    let announced: Option<u64> = ticket
        .head
        .headers
        .get(http::header::CONTENT_LENGTH)
        .and_then(|v| v.to_str().ok())
        .and_then(|v| v.parse().ok());
    let started = platform.now();
    let mut sleep = platform.sleep();
    let mut whole = BytesMut::new();
    if let Some(length) = announced {
        // One allocation for the whole body; growing would copy it several times.
        if !buffered.grow(length, limits.buffered_total) {
            return Err(Refusal::Overloaded.into());
        }
        whole.reserve(usize::try_from(length.min(limits.body)).unwrap_or(0));
    }
    loop {
        let due =
            started + catalog.timeouts.client_head + Duration::from_secs(whole.len() as u64 / MIN_BYTES_PER_SECOND);
        let frame = poll_fn(|cx| match Pin::new(&mut *body).poll_frame(cx) {
            Poll::Ready(frame) => Poll::Ready(Ok(frame)),
            Poll::Pending => sleep.poll_until(due, cx).map(|()| Err(Refusal::BodyTooSlow)),
        })
        .await?;
        let data = match frame {
            None => return Ok(whole.freeze()),
            Some(Err(error)) if P::is_client_gone(&error) => return Err(Unread::Gone),
            Some(Err(_)) => return Err(Refusal::BodyUnreadable.into()),
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) => data,
                // Trailers of a request mean nothing here.
                Err(_) => continue,
            },
        };
        let length = whole.len() as u64 + data.len() as u64;
        if length > limits.body {
            return Err(Refusal::BodyTooLarge { limit: limits.body }.into());
        }
        if announced.is_none() && !buffered.grow(data.len() as u64, limits.buffered_total) {
            return Err(Refusal::Overloaded.into());
        }
        if whole.is_empty() && announced == Some(data.len() as u64) {
            return Ok(data);
        }
        whole.extend_from_slice(&data);
    }
}
