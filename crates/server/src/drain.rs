//! The end: what has begun is finished, within limits.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use crate::log::Log;
use crate::platform::Shared;
use crate::reload::Reload;
use crate::server::Phase;
use crate::signals::{Signals, Told};

/// Runs until a signal ends it, and reloads on the way. False if the threads ended by themselves.
pub(crate) async fn until_told(
    signals: &mut Signals,
    reload: &mut Reload,
    log: &Log,
    threads: &[JoinHandle<()>],
) -> bool {
    loop {
        tokio::select! {
            told = signals.next() => match told {
                Told::End => return true,
                Told::Reload => reload.reload(log),
            },
            () = sleep(LOOK) => {
                if threads.iter().any(JoinHandle::is_finished) {
                    return false;
                }
                if reload.changed() {
                    reload.reload(log);
                }
            }
        }
    }
}

/// Lets the threads finish. A second signal, or the end of `timeouts.drain`, breaks off what is left.
pub(crate) async fn drain(
    signals: &mut Signals,
    shared: &Arc<Shared>,
    phase: &watch::Sender<Phase>,
    threads: Vec<JoinHandle<()>>,
) {
    let limit = shared.snapshot.load().catalog.timeouts.drain;
    tracing::info!(seconds = limit.as_secs_f64(), "finishing what has begun");
    shared.gauge.draining.store(true, Ordering::Relaxed);
    phase.send_replace(Phase::Draining);
    let end = Instant::now() + limit;
    let done = |threads: &[JoinHandle<()>]| threads.iter().all(JoinHandle::is_finished);
    while !done(&threads) {
        tokio::select! {
            () = end_told(signals) => break,
            () = tokio::time::sleep_until(end) => break,
            () = sleep(GLANCE) => {}
        }
    }
    phase.send_replace(Phase::Over);
    let end = Instant::now() + LAST;
    while !done(&threads) && Instant::now() < end {
        sleep(GLANCE).await;
    }
}

async fn end_told(signals: &mut Signals) {
    while signals.next().await != Told::End {}
}

/// How often files are looked at.
const LOOK: Duration = Duration::from_secs(1);
const GLANCE: Duration = Duration::from_millis(10);
/// For the threads to drop what they have.
const LAST: Duration = Duration::from_millis(500);
