//! The thread of a delivery: takes batches out of the queue and sees each through.

use std::time::{Duration, Instant};

use tokio::runtime::{Builder, LocalOptions};
use tokio::time::{sleep_until, timeout_at};

use super::post::{Answer, post};
use super::trouble::Trouble;
use super::{Destination, Shared};
use crate::client::Client;

/// Runs until the queue is empty and nothing more comes.
pub(super) fn run(shared: &Shared) {
    let runtime =
        Builder::new_current_thread().enable_all().max_blocking_threads(2).build_local(LocalOptions::default());
    match runtime {
        Ok(runtime) => {
            runtime.block_on(courier(shared));
            // A name that is being looked up is not waited for.
            runtime.shutdown_background();
        }
        Err(error) => tracing::error!(%error, sink = shared.ledger.name(), "reports cannot be delivered"),
    }
    // The queue takes nothing more: what is left stays.
    let mut queue = shared.queue();
    queue.until.get_or_insert_with(Instant::now);
    let mut left = 0;
    while let Some(batch) = queue.take() {
        left += batch.entries as u64;
    }
    shared.ledger.give_up(left);
}

async fn courier(shared: &Shared) {
    let client = Client::default();
    let mut trouble = Trouble::new(shared.ledger.name());
    while gathered(shared).await {
        let (batch, destination) = {
            let mut queue = shared.queue();
            let Some(destination) = queue.destination.clone() else { return };
            let Some(batch) = queue.take() else { continue };
            (batch, destination)
        };
        let (count, body) = (batch.entries as u64, (destination.wrap)(&batch.bytes).into());
        drop(batch);
        if bring(shared, &client, &destination, &body, &mut trouble).await {
            shared.ledger.deliver(count);
            trouble.over();
        } else {
            shared.ledger.give_up(count);
        }
        client.reap();
    }
}

/// Waits for a batch: full, or as full as it gets in time. False at the end.
async fn gathered(shared: &Shared) -> bool {
    let mut gather = None;
    loop {
        {
            let queue = shared.queue();
            if queue.until.is_some() {
                return queue.entries > 0 && queue.until.is_some_and(|until| Instant::now() < until);
            }
            if shared.is_full(&queue) {
                return true;
            }
            if queue.entries > 0 {
                gather.get_or_insert_with(|| Instant::now() + shared.bounds.gather);
            }
        }
        match gather {
            None => shared.news.notified().await,
            Some(due) if Instant::now() >= due => return true,
            Some(due) => {
                let _ = timeout_at(due.into(), shared.news.notified()).await;
            }
        }
    }
}

/// Sends `body` until it is taken. False once it was refused for good, or for too long.
async fn bring(
    shared: &Shared,
    client: &Client,
    destination: &Destination,
    body: &bytes::Bytes,
    trouble: &mut Trouble,
) -> bool {
    let (bounds, begun) = (&shared.bounds, Instant::now());
    let mut pause = bounds.pause;
    loop {
        let answer = tokio::select! {
            answer = post(client, destination, body.clone(), shared.manners.accepted, bounds.answer) => answer,
            () = end(shared) => return false,
        };
        let wait = match answer {
            Answer::Taken => return true,
            Answer::Refused(why) => {
                trouble.tell(&why);
                return false;
            }
            Answer::Failed { why, wait } => {
                trouble.tell(&why);
                let wait = wait.unwrap_or_else(|| jittered(pause)).min(bounds.longest_pause);
                pause = (pause * 2).min(bounds.longest_pause);
                wait
            }
        };
        let next = Instant::now() + wait;
        if next > begun + bounds.retry {
            return false;
        }
        if !pause_until(shared, next).await {
            return false;
        }
    }
}

/// Waits for the next try; at the end it is made at once. False if there is no time for one.
async fn pause_until(shared: &Shared, next: Instant) -> bool {
    loop {
        let until = shared.queue().until;
        if let Some(until) = until {
            // Not more often than this while there is time.
            sleep_until((Instant::now() + LAST_PAUSE).min(until).into()).await;
            return Instant::now() < until;
        }
        tokio::select! {
            () = sleep_until(next.into()) => return true,
            () = shared.news.notified() => {}
        }
    }
}

/// Ready when the time after the end is over.
async fn end(shared: &Shared) {
    loop {
        let until = shared.queue().until;
        if let Some(until) = until {
            sleep_until(until.into()).await;
            return;
        }
        shared.news.notified().await;
    }
}

/// Half of `pause` and a random part of the other half: couriers that failed together do not return together.
fn jittered(pause: Duration) -> Duration {
    let mut bits = [0; 2];
    // Without randomness the pause is the shorter one.
    let _ = getrandom::fill(&mut bits);
    pause / 2 + (pause / 2) * u32::from(u16::from_le_bytes(bits)) / u32::from(u16::MAX)
}

const LAST_PAUSE: Duration = Duration::from_millis(100);
