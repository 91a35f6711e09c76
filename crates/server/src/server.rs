//! The server: its threads, from the first accepted connection to the last answered request.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use apex_core::catalog::Timeouts;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::{mpsc, watch};
use tokio::task::spawn_local;
use tokio::time::sleep;

use crate::connection;
use crate::listener::{Intake, Listeners, SHARES_ADDRESSES, deal};
use crate::models;
use crate::platform::{Native, Shared};
use crate::watch::{Connections, Patience};

/// What the server is doing, as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Serving,
    /// No new connections; what has begun is finished.
    Draining,
    /// What is not finished is broken off.
    Over,
}

/// Starts the threads. They end after [`Phase::Draining`], or at once in [`Phase::Over`].
pub(crate) fn start(
    listeners: Listeners,
    threads: usize,
    shared: &Arc<Shared>,
    phase: &watch::Receiver<Phase>,
) -> io::Result<Vec<JoinHandle<()>>> {
    let mut sources = Vec::new();
    if SHARES_ADDRESSES {
        sources.extend(listeners.sockets.into_iter().map(Source::Own));
    } else {
        let (senders, receivers): (Vec<_>, Vec<_>) = (0..threads).map(|_| mpsc::unbounded_channel()).unzip();
        sources.extend(receivers.into_iter().map(Source::Dealt));
        if let Some(listener) = listeners.sockets.into_iter().next() {
            shared.offload.spawn(deal(listener, senders));
        }
    }
    let spawn = |(number, source)| {
        let (shared, phase) = (shared.clone(), phase.clone());
        let name = format!("serve-{number}");
        thread::Builder::new().name(name).spawn(move || {
            if let Err(error) = run(source, shared, phase, number == 0) {
                tracing::error!(%error, "a thread could not start");
            }
        })
    };
    sources.into_iter().enumerate().map(spawn).collect()
}

enum Source {
    Dealt(mpsc::UnboundedReceiver<std::net::TcpStream>),
    Own(std::net::TcpListener),
}

/// One thread: a runtime, a listener, a pool of upstream connections. Requests never leave it. The `first` one also asks
/// providers for their models.
fn run(source: Source, shared: Arc<Shared>, mut phase: watch::Receiver<Phase>, first: bool) -> io::Result<()> {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(RESOLVERS)
        .build_local(LocalOptions::default())?;
    runtime.block_on(async {
        let mut intake = match source {
            Source::Dealt(dealt) => Intake::Dealt(dealt),
            Source::Own(listener) => Intake::Own(TcpListener::from_std(listener)?),
        };
        let native = Native::new(shared);
        spawn_local(keep_house(native.clone()));
        if first {
            spawn_local(models::keep_fresh(native.clone()));
        }
        loop {
            tokio::select! {
                biased;
                _ = phase.changed() => break,
                accepted = intake.next() => match accepted {
                    Some(accepted) => admit(&native, accepted),
                    None => break,
                },
            }
        }
        while let Some(accepted) = intake.waiting() {
            admit(&native, accepted);
        }
        drop(intake);
        drain(native.connections(), phase).await;
        Ok(())
    })
}

fn admit(native: &Native, (tcp, address): (TcpStream, SocketAddr)) {
    spawn_local(connection::run(native.clone(), tcp, address, native.tls()));
}

/// Waits until every connection is done, or until the time is over.
async fn drain(connections: &Rc<Connections>, mut phase: watch::Receiver<Phase>) {
    // Those just let in have not been seen yet.
    tokio::task::yield_now().await;
    connections.drain();
    while connections.len() > 0 {
        tokio::select! {
            () = sleep(GLANCE) => {}
            over = phase.wait_for(|phase| *phase == Phase::Over) => {
                drop(over);
                connections.stop();
                // Each says in its record that it was cut short.
                sleep(GLANCE).await;
                return;
            }
        }
    }
}

/// Sees to late clients and old connections, all of them in one round.
async fn keep_house(native: Native) {
    let mut since_reaped = Duration::ZERO;
    loop {
        let patience = patience(&native.catalog().timeouts);
        let pause = (patience.head.min(patience.write) / 4).clamp(GLANCE, ROUND);
        sleep(pause).await;
        native.connections().round(patience);
        since_reaped += pause;
        if since_reaped >= REAP {
            since_reaped = Duration::ZERO;
            native.client().reap();
        }
    }
}

fn patience(timeouts: &Timeouts) -> Patience {
    Patience { head: timeouts.client_head, idle: KEEP_ALIVE, write: timeouts.client_write }
}

/// Between requests of one client connection.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
const ROUND: Duration = Duration::from_secs(1);
const REAP: Duration = Duration::from_secs(3);
const GLANCE: Duration = Duration::from_millis(20);
/// Threads that wait for the system's resolver.
const RESOLVERS: usize = 16;
