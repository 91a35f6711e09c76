//! One request of a delivery.

use std::future::poll_fn;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use apex_core::exchange::{Body, Outgoing, Reach, TransportError};
use apex_core::report::wait_ms;
use apex_core::time::Timestamp;
use apex_service::{OutgoingBody, Upstream as _};
use bytes::Bytes;
use http::StatusCode;
use tokio::time::timeout;

use super::Destination;
use crate::client::Client;

/// What became of it.
pub(super) enum Answer {
    Taken,
    /// It will not be taken, however often it is sent.
    Refused(String),
    /// It may be taken later.
    Failed {
        why: String,
        wait: Option<Duration>,
    },
}

pub(super) async fn post(
    client: &Client,
    destination: &Destination,
    body: Bytes,
    accepted: fn(&[u8]) -> bool,
    limit: Duration,
) -> Answer {
    let failed = |why: String| Answer::Failed { why, wait: None };
    match timeout(limit, ask(client, destination, body)).await {
        Err(_) => failed("no answer in time".to_owned()),
        Ok(Err(error)) => {
            let answer = failed(error.to_string());
            // The connection was an old one: the next try opens another, at once.
            if error.stale { with_wait(answer, Duration::ZERO) } else { answer }
        }
        Ok(Ok((status, _, body))) if status.is_success() => {
            if accepted(&body) {
                Answer::Taken
            } else {
                failed(format!("answered {status}, but not that it took the reports"))
            }
        }
        Ok(Ok((status, wait, _))) => {
            let why = format!("answered {status}");
            let later = status.is_server_error()
                || matches!(
                    status,
                    StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY
                );
            if later { Answer::Failed { why, wait } } else { Answer::Refused(why) }
        }
    }
}

fn with_wait(answer: Answer, wait: Duration) -> Answer {
    match answer {
        Answer::Failed { why, .. } => Answer::Failed { why, wait: Some(wait) },
        Answer::Taken | Answer::Refused(_) => answer,
    }
}

async fn ask(
    client: &Client,
    destination: &Destination,
    body: Bytes,
) -> Result<(StatusCode, Option<Duration>, Vec<u8>), TransportError> {
    let outgoing = Outgoing {
        origin: destination.origin.clone(),
        head: destination.head.clone(),
        body: Body::Bytes(Bytes::new()),
        reach: Reach::Configured,
    };
    let nowhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    let (head, mut incoming) =
        client.send(Box::new(outgoing), OutgoingBody::Bytes(Some(body)), &destination.network, nowhere).await?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now = Timestamp::from_micros(u64::try_from(now.as_micros()).unwrap_or(u64::MAX));
    let wait = wait_ms(&head.headers, now).map(Duration::from_millis);
    let mut answer = Vec::new();
    while answer.len() < MAX_ANSWER
        && let Some(chunk) = poll_fn(|cx| incoming.poll_chunk(cx)).await
    {
        answer.extend_from_slice(&chunk?);
    }
    Ok((head.status, wait, answer))
}

/// Bytes of an answer that are read.
const MAX_ANSWER: usize = 64 << 10;
