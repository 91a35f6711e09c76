//! Recorded traffic of real providers: everything is understood, translated, and comes out in a form the official SDKs
//! accept. The recordings are no part of the product; without them the test says so and passes.
//!
//! `cargo test -p apex-core --test it corpus -- --nocapture` prints the table.

mod answers;
mod cohere;
mod gemini;
pub(crate) mod grammar;
mod known;
mod replies;
mod requests;
pub(crate) mod responses;

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use apex_core::catalog::Catalog;
use apex_core::dialect::Dialect;
use apex_core::provider::Quirks;
use apex_core::provider::table::row;
use apex_testkit::corpus::{self, APIS, Recording};

/// Dialects of clients.
const CLIENTS: [Dialect; 5] =
    [Dialect::OpenAiChat, Dialect::Anthropic, Dialect::OpenAiResponses, Dialect::Gemini, Dialect::Cohere];

/// One interface under test.
struct Api {
    provider: &'static str,
    dialect: Dialect,
    quirks: &'static Quirks,
    /// The dialect of the client it is translated to.
    other: Dialect,
    /// A gateway with this provider only, built once.
    catalog: OnceCell<Arc<Catalog>>,
}

impl Api {
    /// The interface `name` of `provider`, with a client of `other`.
    fn new(name: &str, provider: &'static str, other: Dialect) -> Self {
        let quirks = row(provider).map_or(&Quirks::COMPATIBLE, |r| r.quirks);
        Self { provider, dialect: ours(corpus::dialect(name)), quirks, other, catalog: OnceCell::new() }
    }

    const fn other(&self) -> Dialect {
        self.other
    }
}

/// The recordings know their dialects by themselves.
fn ours(dialect: corpus::Dialect) -> Dialect {
    dialect.as_str().parse().unwrap()
}

fn theirs(dialect: Dialect) -> corpus::Dialect {
    dialect.as_str().parse().unwrap()
}

/// What was counted for one interface, and what went wrong.
#[derive(Default)]
struct Tally {
    requests: usize,
    same: usize,
    translated: usize,
    rejected: BTreeMap<String, usize>,
    lost: BTreeMap<String, usize>,
    replies: usize,
    streams: usize,
    errors: usize,
    failures: usize,
    /// `(recording, check, what)`.
    findings: Vec<(String, &'static str, String)>,
}

impl Tally {
    fn fail(&mut self, id: &str, check: &'static str, what: impl Into<String>) {
        self.findings.push((id.to_owned(), check, what.into()));
    }
}

/// What clients of every dialect sent, written anew for a provider of the same.
#[test]
fn recorded_requests_in_their_own_dialect() {
    check_all(&[], &["own dialect"], |api, recording, tally| {
        requests::own_dialect(api, recording, tally);
    });
}

/// What clients of every dialect sent, and how upstreams of every other are asked the same.
#[test]
fn recorded_requests_to_other_dialects() {
    check_all(&TARGETS, &["decode", "rejection", "silent loss"], |api, recording, tally| {
        requests::translated(api, recording, tally);
    });
}

/// What upstreams of every dialect answered, as clients of every other see it.
#[test]
fn recorded_replies() {
    check_all(&CLIENTS, replies::CHECKS, replies::check);
}

/// Dialects that requests are translated to.
const TARGETS: [Dialect; 5] = CLIENTS;

#[allow(clippy::print_stdout, reason = "the table is what it is for")]
fn check_all(others: &[Dialect], checks: &[&str], check: impl Fn(&Api, &Recording, &mut Tally)) {
    let Some(folder) = crate::harness::corpus() else {
        return;
    };
    println!(
        "{:<29}{:<18}{:>9}{:>6}{:>11}{:>9}{:>9}{:>8}{:>8}{:>9}",
        "api", "other", "requests", "same", "translated", "rejected", "replies", "streams", "errors", "failures"
    );
    let (mut unexpected, mut used) = (Vec::new(), Vec::new());
    let (mut rejected, mut lost) = (BTreeMap::new(), BTreeMap::new());
    for (name, provider) in APIS {
        let all = corpus::recordings(&folder.join(name));
        let own = Api::new(name, provider, Dialect::Anthropic).dialect;
        let others = if others.is_empty() { vec![own] } else { others.iter().copied().filter(|o| *o != own).collect() };
        for other in others {
            let api = Api::new(name, provider, other);
            let mut tally = Tally::default();
            all.iter().for_each(|recording| check(&api, recording, &mut tally));
            for (id, check, what) in std::mem::take(&mut tally.findings) {
                if let Some(at) = known::reason(&id, check) {
                    used.push(at);
                } else {
                    tally.failures += 1;
                    unexpected.push(format!("{name} {id} {other} {check}: {what}"));
                }
            }
            println!(
                "{:<29}{:<18}{:>9}{:>6}{:>11}{:>9}{:>9}{:>8}{:>8}{:>9}",
                name,
                other.as_str(),
                tally.requests,
                tally.same,
                tally.translated,
                tally.rejected.values().sum::<usize>(),
                tally.replies,
                tally.streams,
                tally.errors,
                tally.failures
            );
            add(&mut rejected, tally.rejected);
            add(&mut lost, tally.lost);
        }
    }
    println!("\nrejected, by the parameter named: {}", counts(&rejected));
    println!("\nadjusted, by the name told: {}", counts(&lost));
    println!("\nexpected failures:");
    for (at, (id, check, why)) in known::KNOWN.iter().enumerate().filter(|(_, (_, check, _))| checks.contains(check)) {
        let times = used.iter().filter(|u| **u == at).count();
        println!("  {id} {check}: {why}");
        assert!(times > 0, "{id} {check} does not fail any more: take it off the list");
    }
    assert!(unexpected.is_empty(), "{} failures:\n{}", unexpected.len(), unexpected.join("\n"));
}

fn add(total: &mut BTreeMap<String, usize>, more: BTreeMap<String, usize>) {
    more.into_iter().for_each(|(name, n)| *total.entry(name).or_default() += n);
}

fn counts(all: &BTreeMap<String, usize>) -> String {
    let all: Vec<_> = all.iter().map(|(name, n)| format!("{name} {n}")).collect();
    all.join(", ")
}
