//! What is measured. The names are those of the project's yardstick.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use apex_bench::wire::Api;

/// Deltas of a stream, and of one that is paced.
pub(crate) const DELTAS: usize = 200;
pub(crate) const PACED: usize = 50;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) from: Api,
    pub(crate) to: Api,
    /// The model without its provider; it tells the upstream what to do.
    pub(crate) model: &'static str,
    /// How the model is named.
    pub(crate) naming: Naming,
    pub(crate) prompt: usize,
    pub(crate) connections: usize,
    pub(crate) kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Naming {
    Alias,
    Mapping,
    Provider,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Requests one after the other on each connection.
    Json,
    /// The same, a fixed number a second.
    Rate(u32),
    Stream,
    Paced,
    /// As `Stream`, by clients that read 4 KB every 10 ms.
    Slow,
}

impl Scenario {
    pub(crate) const fn is_stream(&self) -> bool {
        matches!(self.kind, Kind::Stream | Kind::Paced | Kind::Slow)
    }

    pub(crate) const fn deltas(&self) -> usize {
        match self.kind {
            Kind::Paced => PACED,
            Kind::Stream | Kind::Slow => DELTAS,
            Kind::Json | Kind::Rate(_) => 1,
        }
    }

    /// Can a proxy that only hands bytes on be measured beside it?
    pub(crate) fn is_relay(&self) -> bool {
        self.from == self.to && self.naming == Naming::Provider
    }

    /// A window that fits it.
    pub(crate) fn window(&self, asked: Duration) -> Duration {
        if self.kind == Kind::Paced { asked.max(Duration::from_secs(6)) } else { asked }
    }
}

const PLAIN: Scenario = Scenario {
    name: "s1",
    about: "small JSON, relayed, 32 connections",
    from: Api::Chat,
    to: Api::Chat,
    model: "bench-json",
    naming: Naming::Provider,
    prompt: 32,
    connections: 32,
    kind: Kind::Json,
};
const STREAM: Scenario = Scenario { model: "bench-stream", connections: 16, kind: Kind::Stream, ..PLAIN };

pub(crate) const SCENARIOS: &[Scenario] = &[
    PLAIN,
    Scenario { name: "s1-alias", about: "s1, the model is an alias", naming: Naming::Alias, ..PLAIN },
    Scenario { name: "s1-mapping", about: "s1, the model is mapped by a header", naming: Naming::Mapping, ..PLAIN },
    Scenario { name: "s2b", about: "200 KB prompt, relayed", prompt: 200_000, connections: 8, ..PLAIN },
    Scenario { name: "s3", about: "200 deltas, relayed, 16 streams", ..STREAM },
    Scenario { name: "s3b", about: "s3 in one burst", model: "bench-burst", ..STREAM },
    Scenario { name: "s3t", about: "s3, a tool call", model: "bench-stream-tool", ..STREAM },
    Scenario { name: "s4", about: "Anthropic client, OpenAI upstream, JSON", from: Api::Messages, ..PLAIN },
    Scenario { name: "s5", about: "s4, streamed", from: Api::Messages, ..STREAM },
    Scenario { name: "s5b", about: "s5 in one burst", from: Api::Messages, model: "bench-burst", ..STREAM },
    Scenario { name: "s5t", about: "s5, a tool call", from: Api::Messages, model: "bench-stream-tool", ..STREAM },
    Scenario { name: "s6a", about: "OpenAI client, Anthropic upstream, JSON", to: Api::Messages, ..PLAIN },
    Scenario { name: "s6b", about: "s6a, streamed", to: Api::Messages, ..STREAM },
    Scenario { name: "s6bb", about: "s6b in one burst", to: Api::Messages, model: "bench-burst", ..STREAM },
    Scenario {
        name: "s7b",
        about: "1,000 streams, a delta every 100 ms each",
        model: "bench-paced",
        connections: 1000,
        kind: Kind::Paced,
        ..PLAIN
    },
    Scenario {
        name: "s7s",
        about: "s3 to clients that read 4 KB every 10 ms",
        kind: Kind::Slow,
        connections: 64,
        ..STREAM
    },
    Scenario { name: "s8b", about: "1,000 requests a second", connections: 64, kind: Kind::Rate(1000), ..PLAIN },
    Scenario { name: "s9", about: "s3, Anthropic to Anthropic", from: Api::Messages, to: Api::Messages, ..STREAM },
];

/// Microseconds since the epoch: what both ends can compare.
pub(crate) fn now_micros() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}
