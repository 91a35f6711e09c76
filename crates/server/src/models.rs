//! What providers say of their models, asked for in the background. No request ever waits for it: what is known is part of
//! the snapshot, and a provider that does not answer keeps the list it had.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use apex_core::catalog::Catalog;
use apex_core::plan::list;
use apex_core::provider::Provider;
use apex_service::{OutgoingBody, Platform as _, Upstream as _};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::client::Client;
use crate::config::{Loaded, Network};
use crate::platform::{Native, Shared, Snapshot};

/// Asks every provider anew, again and again, as the configuration of that moment says: several at once, each as soon as it
/// is its turn. What one lists counts at once, whatever the others do.
pub(crate) async fn keep_fresh(native: Native) {
    let mut turns: BTreeMap<String, Turn> = BTreeMap::new();
    let mut asking = JoinSet::new();
    loop {
        let snapshot = Snapshot::clone(&native.shared().snapshot.load());
        let interval = snapshot.catalog.fetch_models;
        for id in snapshot.catalog.providers.keys().filter(|_| interval.is_some()) {
            let turn = turns.entry(id.clone()).or_default();
            if asking.len() < AT_ONCE && turn.has_come(interval.unwrap_or_default()) {
                turn.open = true;
                asking.spawn_local(asked(native.clone(), snapshot.clone(), id.clone()));
            }
        }
        tokio::select! {
            Some(done) = asking.join_next() => {
                let Ok((id, answer)) = done else { continue };
                // Many gateways that began together must not ask together.
                let spread = u32::try_from(native.seed().0 % 1000).unwrap_or(0);
                let turn = turns.entry(id.clone()).or_default();
                turn.note(&id, answer.as_ref(), spread);
                if let Some(Ok(names)) = answer {
                    apply(native.shared(), id, names);
                }
            }
            () = sleep(GLANCE) => {}
        }
    }
}

async fn asked(native: Native, snapshot: Snapshot, id: String) -> (String, Answer) {
    let Snapshot { catalog, network, .. } = &snapshot;
    let answer = match catalog.providers.get(&id) {
        Some(provider) => fetch(native.client(), provider, catalog, network, native.shared().own).await,
        None => None,
    };
    (id, answer)
}

/// The models of one provider, or why there are none to be had. None if it is not to be asked.
pub(crate) type Answer = Option<Result<Vec<String>, String>>;

/// What is known of asking one provider.
#[derive(Debug, Default)]
struct Turn {
    /// It is being asked now.
    open: bool,
    /// When it answered, or failed, last.
    last: Option<Instant>,
    /// Failures since it answered.
    failures: u32,
    /// Thousandths of a tenth that it waits longer.
    spread: u32,
}

impl Turn {
    fn has_come(&self, interval: Duration) -> bool {
        !self.open && self.last.is_none_or(|last| last.elapsed() >= self.wait(interval))
    }

    /// One that failed is asked again soon, and then ever later.
    fn wait(&self, interval: Duration) -> Duration {
        let wait = match self.failures {
            0 => interval,
            n => interval.min(RETRY * (1 << (n - 1).min(16))),
        };
        wait + wait / 10_000 * self.spread
    }

    fn note(&mut self, id: &str, answer: Option<&Result<Vec<String>, String>>, spread: u32) {
        (self.open, self.last, self.spread) = (false, Some(Instant::now()), spread);
        match answer {
            None => {}
            Some(Ok(names)) => {
                if self.failures > 0 {
                    tracing::info!(provider = id, models = names.len(), "models are listed again");
                }
                self.failures = 0;
            }
            Some(Err(reason)) => {
                // Told once, until it answers again.
                if self.failures == 0 {
                    tracing::warn!(provider = id, reason, "models cannot be listed; the last list stays");
                }
                self.failures = self.failures.saturating_add(1);
            }
        }
    }
}

/// Puts what was listed into the configuration that is in force now.
fn apply(shared: &Shared, id: String, names: Vec<String>) {
    let list = [(id, names)];
    shared.snapshot.rcu(|now| {
        let catalog = Arc::new(now.catalog.with_models(list.iter().cloned()));
        Snapshot { catalog, ..Snapshot::clone(now) }
    });
}

/// The lists of a configuration that goes, for the one that comes.
pub(crate) fn inherit(old: &Catalog, new: &Catalog) -> Catalog {
    let lists = old.providers.values().filter(|p| !p.fetched.is_empty());
    new.with_models(lists.map(|p| (p.id.clone(), p.fetched.clone())))
}

/// Asks all providers at once, and gives their answers in order.
pub(crate) async fn fetch_all(loaded: &Loaded) -> BTreeMap<String, Answer> {
    let client = Rc::new(Client::new(Arc::default()));
    let mut asking = JoinSet::new();
    for id in loaded.catalog.providers.keys().cloned() {
        let (client, catalog, network) = (Rc::clone(&client), Arc::clone(&loaded.catalog), loaded.network.clone());
        let own = loaded.bind.address;
        asking.spawn_local(async move {
            let answer = match catalog.providers.get(&id) {
                Some(provider) => fetch(&client, provider, &catalog, &network, own).await,
                None => None,
            };
            (id, answer)
        });
    }
    let mut answers = BTreeMap::new();
    while let Some(done) = asking.join_next().await {
        answers.extend(done);
    }
    answers
}

/// Asks one provider, now.
pub(crate) async fn fetch(
    client: &Client,
    provider: &Provider,
    catalog: &Catalog,
    network: &Network,
    own: SocketAddr,
) -> Answer {
    let outgoing = list::ask(provider, catalog)?;
    let ask = async {
        let (head, mut body) = client
            .send(Box::new(outgoing), OutgoingBody::Bytes(None), network, own)
            .await
            .map_err(|error| error.kind.as_str().to_owned())?;
        if !head.status.is_success() {
            return Err(format!("status {}", head.status.as_u16()));
        }
        let mut all = Vec::new();
        while let Some(chunk) = poll_fn(|cx| body.poll_chunk(cx)).await {
            all.extend_from_slice(&chunk.map_err(|error| error.kind.as_str().to_owned())?);
            if all.len() > MAX_LIST {
                return Err("the list is too large".to_owned());
            }
        }
        let names = std::str::from_utf8(&all).ok().and_then(list::read);
        names.ok_or_else(|| "the answer is no list of models".to_owned())
    };
    Some(timeout(PATIENCE, ask).await.unwrap_or_else(|_| Err("no answer in time".to_owned())))
}

const PATIENCE: Duration = Duration::from_secs(20);
/// Bytes.
const MAX_LIST: usize = 8 << 20;
/// How many are asked at the same time.
const AT_ONCE: usize = 8;
/// How soon one that failed is asked again, at first.
const RETRY: Duration = Duration::from_secs(10);
/// How soon a changed configuration is seen.
const GLANCE: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_fails_is_asked_ever_later() {
        let hour = Duration::from_secs(3600);
        let mut turn = Turn::default();
        assert!(turn.has_come(hour));
        let mut waits = Vec::new();
        for _ in 0..40 {
            turn.note("p", Some(&Err("status 500".into())), 0);
            waits.push(turn.wait(hour).as_secs());
        }
        assert_eq!(waits[..5], [10, 20, 40, 80, 160]);
        assert_eq!(waits.iter().max(), Some(&3600));
        assert!(!turn.has_come(hour));
        turn.note("p", Some(&Ok(Vec::new())), 1000);
        assert_eq!(turn.wait(hour).as_secs(), 3960);
        // A short interval is not made longer.
        turn.note("p", Some(&Err("status 500".into())), 0);
        assert_eq!(turn.wait(Duration::from_secs(1)).as_secs(), 1);
    }
}
