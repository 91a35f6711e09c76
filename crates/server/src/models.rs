//! What providers say of their models, asked for in the background. No request ever waits for it: what is known is part of
//! the snapshot, and a provider that does not answer keeps the list it had.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use apex_core::catalog::Catalog;
use apex_core::plan::list;
use apex_core::provider::Provider;
use apex_service::{OutgoingBody, Platform as _, Upstream as _};
use tokio::time::{sleep, timeout};

use crate::client::Client;
use crate::config::Network;
use crate::platform::{Native, Shared, Snapshot};

/// Asks every provider anew, again and again, as the configuration of that moment says.
pub(crate) async fn keep_fresh(native: Native) {
    let mut ill = BTreeSet::new();
    loop {
        let Snapshot { catalog, network, .. } = Snapshot::clone(&native.shared().snapshot.load());
        let Some(interval) = catalog.fetch_models else {
            sleep(GLANCE).await;
            continue;
        };
        let mut lists = Vec::new();
        for provider in catalog.providers.values() {
            match fetch(native.client(), provider, &catalog, &network, native.shared().own).await {
                None => {}
                Some(Ok(names)) => {
                    if ill.remove(&provider.id) {
                        tracing::info!(provider = provider.id, models = names.len(), "models are listed again");
                    }
                    lists.push((provider.id.clone(), names));
                }
                // Told once, until it answers again.
                Some(Err(reason)) if ill.insert(provider.id.clone()) => {
                    tracing::warn!(provider = provider.id, reason, "models cannot be listed; the last list stays");
                }
                Some(Err(_)) => {}
            }
        }
        apply(native.shared(), &lists);
        // Many gateways that began together must not ask together.
        let spread = u32::try_from(native.seed().0 % 1000).unwrap_or(0);
        let until = tokio::time::Instant::now() + interval + interval / 10_000 * spread;
        while tokio::time::Instant::now() < until && native.catalog().fetch_models == Some(interval) {
            sleep(GLANCE.min(until.saturating_duration_since(tokio::time::Instant::now()))).await;
        }
    }
}

/// Puts what was listed into the configuration that is in force now.
fn apply(shared: &Shared, lists: &[(String, Vec<String>)]) {
    shared.snapshot.rcu(|now| {
        let catalog = Arc::new(now.catalog.with_models(lists.iter().cloned()));
        Snapshot { catalog, ..Snapshot::clone(now) }
    });
}

/// The lists of a configuration that goes, for the one that comes.
pub(crate) fn inherit(old: &Catalog, new: &Catalog) -> Catalog {
    let lists = old.providers.values().filter(|p| !p.fetched.is_empty());
    new.with_models(lists.map(|p| (p.id.clone(), p.fetched.clone())))
}

/// The models of one provider, or why there are none to be had. None if it is not to be asked.
pub(crate) async fn fetch(
    client: &Client,
    provider: &Provider,
    catalog: &Catalog,
    network: &Network,
    own: SocketAddr,
) -> Option<Result<Vec<String>, String>> {
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
/// How soon a changed configuration is seen.
const GLANCE: Duration = Duration::from_secs(2);
