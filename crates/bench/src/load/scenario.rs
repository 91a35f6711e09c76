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
    pub(crate) wire: Wire,
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

/// What the connections are, on both sides of the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    Plain,
    Tls,
    /// Clients as in `Tls`, and HTTP/2 to the upstream.
    Http2,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Requests one after the other on each connection.
    Json,
    /// The same, a fixed number a second.
    Rate(u32),
    /// The same, and the upstream says that there were too many.
    Refused,
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
            Kind::Json | Kind::Rate(_) | Kind::Refused => 1,
        }
    }

    /// The status of a good answer.
    pub(crate) fn status(&self) -> u16 {
        if self.kind == Kind::Refused { 429 } else { 200 }
    }

    /// Can a proxy that only hands bytes on be measured beside it?
    pub(crate) fn is_relay(&self) -> bool {
        self.from == self.to && self.naming == Naming::Provider && self.wire != Wire::Http2 && !self.is_rare()
    }

    /// Measured only if it is named: it takes long, and thousands of open files.
    pub(crate) const fn is_rare(&self) -> bool {
        self.connections > 1000
    }

    /// Until all its clients have begun, one after the other.
    pub(crate) fn ramp(&self) -> Duration {
        if self.kind == Kind::Paced {
            STEP * u32::try_from(self.connections + 200).unwrap_or(0)
        } else {
            Duration::ZERO
        }
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
    wire: Wire::Plain,
    prompt: 32,
    connections: 32,
    kind: Kind::Json,
};
const STREAM: Scenario = Scenario { model: "bench-stream", connections: 16, kind: Kind::Stream, ..PLAIN };

pub(crate) const SCENARIOS: &[Scenario] = &[
    PLAIN,
    Scenario { name: "s1-alias", about: "s1, the model is an alias", naming: Naming::Alias, ..PLAIN },
    Scenario { name: "s1-mapping", about: "s1, the model is mapped by a header", naming: Naming::Mapping, ..PLAIN },
    Scenario {
        name: "s1-refused",
        about: "s1, the upstream answers 429",
        model: "bench-refuse",
        kind: Kind::Refused,
        ..PLAIN
    },
    Scenario { name: "s2b", about: "200 KB prompt, relayed", prompt: 200_000, connections: 8, ..PLAIN },
    Scenario { name: "s3", about: "200 deltas, relayed, 16 streams", ..STREAM },
    Scenario { name: "s3b", about: "s3 in one burst", model: "bench-burst", ..STREAM },
    Scenario { name: "s3t", about: "s3, a tool call", model: "bench-stream-tool", ..STREAM },
    Scenario { name: "s4", about: "Anthropic client, OpenAI upstream, JSON", from: Api::Messages, ..PLAIN },
    Scenario { name: "s5", about: "s4, streamed", from: Api::Messages, ..STREAM },
    Scenario { name: "s5b", about: "s5 in one burst", from: Api::Messages, model: "bench-burst", ..STREAM },
    Scenario { name: "s5t", about: "s5, a tool call", from: Api::Messages, model: "bench-stream-tool", ..STREAM },
    Scenario { name: "s6a", about: "OpenAI client, Anthropic upstream, JSON", to: Api::Messages, ..PLAIN },
    Scenario {
        name: "s6-refused",
        about: "s6a, the upstream answers 429",
        to: Api::Messages,
        model: "bench-refuse",
        kind: Kind::Refused,
        ..PLAIN
    },
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
        name: "s7m",
        about: "5,000 streams, a delta every 500 ms each",
        model: "bench-paced-slow",
        connections: 5000,
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
    Scenario { name: "s1-tls", about: "s1, TLS on both sides", wire: Wire::Tls, ..PLAIN },
    Scenario { name: "s3-tls", about: "s3, TLS on both sides", wire: Wire::Tls, ..STREAM },
    Scenario { name: "s1-h2", about: "s1-tls, an HTTP/2 upstream", wire: Wire::Http2, ..PLAIN },
    Scenario { name: "s3-h2", about: "s3-tls, an HTTP/2 upstream", wire: Wire::Http2, ..STREAM },
    Scenario { name: "s9", about: "s3, Anthropic to Anthropic", from: Api::Messages, to: Api::Messages, ..STREAM },
];

/// Between the beginnings of two paced streams: all at once they would beat in time for ever.
pub(crate) const STEP: Duration = Duration::from_millis(5);

/// Microseconds since the epoch: what both ends can compare.
pub(crate) fn now_micros() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}
