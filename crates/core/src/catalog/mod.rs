//! What the configuration means: parsed, complete, immutable. One snapshot serves a request from start to end.

mod build;
mod otel;
mod providers;

pub use build::FETCH_INTERVAL;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::capture::{CaptureLimits, Masks};
use crate::price::Book;
use crate::provider::Provider;
use crate::secret::Secret;

/// Everything a request can ask of the configuration.
#[derive(Clone, Debug)]
pub struct Catalog {
    /// Clients must present it; `None` is open mode.
    pub gateway_token: Option<Secret>,
    pub providers: BTreeMap<String, Provider>,
    pub default_provider: Option<String>,
    /// `(pattern, provider)`, longest pattern first.
    pub defaults: Vec<(String, String)>,
    pub aliases: BTreeMap<String, String>,
    pub cloudflare: Option<Cloudflare>,
    pub passthrough: Passthrough,
    pub allow_origins: Vec<String>,
    pub timeouts: Timeouts,
    pub limits: Limits,
    /// `GET /v1/models` and routing know the built-in mock.
    pub mock: bool,
    pub debug: bool,
    pub request_log: RequestLog,
    /// A line of the log for each exchange.
    pub log_lines: bool,
    pub aepipe: Option<Aepipe>,
    /// What is copied of each exchange; none if no sink wants it.
    pub capture: Option<CaptureLimits>,
    /// Every secret above.
    pub masks: Arc<Masks>,
    /// Secrets that serve nothing (a token without an address, the key of a provider that is off): secret all the same.
    pub idle_secrets: Vec<Secret>,
    pub prices: Book,
    pub metrics: Metrics,
    pub otel: Option<Otel>,
    /// Replies are kept for later requests to go on from.
    pub responses: Option<Responses>,
    /// How often providers are asked for their models; none if they are not.
    pub fetch_models: Option<Duration>,
}

impl Catalog {
    /// The same, with what providers said of their models: `(id, names)`.
    #[must_use]
    pub fn with_models(&self, lists: impl IntoIterator<Item = (String, Vec<String>)>) -> Self {
        let mut catalog = self.clone();
        for (id, names) in lists {
            if let Some(provider) = catalog.providers.get_mut(&id) {
                provider.fetched = names;
            }
        }
        catalog
    }
}

/// Where replies are kept, and how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Responses {
    pub place: Place,
    /// Since their last use.
    pub max_age: Duration,
    pub max_entries: u64,
    /// Bytes.
    pub max_size: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the data directory.
    Disk,
    Memory,
}

impl Default for Responses {
    fn default() -> Self {
        let max_age = Duration::from_secs(30 * 86_400);
        Self { place: Place::Memory, max_age, max_entries: 100_000, max_size: 256 << 20 }
    }
}

/// Metrics for Prometheus.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Metrics {
    pub enabled: bool,
    /// They are at `/metrics` of the gateway itself.
    pub here: bool,
}

/// Where traces go.
#[derive(Clone, Debug)]
pub struct Otel {
    /// The endpoint with its whole path.
    pub traces: crate::url::Base,
    pub headers: Vec<(http::HeaderName, Secret)>,
    /// Their values without the scheme before a credential.
    pub secrets: Vec<Secret>,
    /// `service.name` and the rest, in order.
    pub resource: Vec<(String, String)>,
    /// Part of the traces that begin here and are recorded.
    pub ratio: f64,
}

/// What the native server keeps of each exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestLog {
    pub enabled: bool,
    /// Heads and bodies, too.
    pub bodies: bool,
    pub max_age: Duration,
    /// Bytes.
    pub max_size: u64,
}

impl Default for RequestLog {
    fn default() -> Self {
        Self { enabled: true, bodies: false, max_age: Duration::from_secs(30 * 86_400), max_size: 1 << 30 }
    }
}

/// The aepipe sink.
#[derive(Clone, Debug)]
pub struct Aepipe {
    pub base: crate::url::Base,
    pub token: Secret,
    /// Bodies are sent, not only heads.
    pub bodies: bool,
}

/// The Cloudflare AI Gateway account.
#[derive(Clone, Debug)]
pub struct Cloudflare {
    pub account_id: String,
    pub gateway_id: String,
    /// Goes into `cf-aig-authorization`.
    pub token: Option<Secret>,
    pub surface: Surface,
    pub base: crate::url::Base,
}

/// Which of Cloudflare's surfaces is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Surface {
    Compat,
    Native,
}

/// Who may be reached by header.
#[derive(Clone, Debug)]
pub struct Passthrough {
    pub mode: PassthroughMode,
    pub allow_hosts: Vec<AllowedHost>,
    pub allow_ports: Vec<u16>,
    pub max_concurrent: u32,
    pub max_concurrent_per_client: u32,
}

impl Passthrough {
    /// Is there a limit to how many exchanges run at a time?
    pub const fn is_counted(&self) -> bool {
        self.max_concurrent < u32::MAX || self.max_concurrent_per_client < u32::MAX
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PassthroughMode {
    Allowlist,
    Off,
    Public,
}

/// A host the operator named: reachable whatever its address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedHost {
    pub host: String,
    /// `None` allows the default port only.
    pub port: Option<u16>,
    /// An entry `http://h:p` makes header `h:p` go by http.
    pub secure: bool,
}

#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    pub connect: Duration,
    pub first_byte: Duration,
    pub idle: Duration,
    pub total: Duration,
    pub client_head: Duration,
    pub client_write: Duration,
    pub drain: Duration,
    pub keep_alive: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            first_byte: Duration::from_secs(600),
            idle: Duration::from_secs(120),
            total: Duration::from_secs(3600),
            client_head: Duration::from_secs(10),
            client_write: Duration::from_secs(60),
            drain: Duration::from_secs(30),
            keep_alive: Duration::from_secs(15),
        }
    }
}

/// Bytes and counts.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub body: u64,
    pub buffered_total: u64,
    pub head: u64,
    pub headers: usize,
    pub uri: usize,
    /// Of each body, for reports.
    pub capture: u64,
    pub capture_total: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: 64 << 20,
            buffered_total: 512 << 20,
            head: 64 << 10,
            headers: 100,
            uri: 8 << 10,
            capture: 64 << 10,
            capture_total: 64 << 20,
        }
    }
}

/// Facts about the host that decide defaults.
#[derive(Clone, Copy, Debug)]
pub struct Host {
    /// The listener is bound to a loopback address only.
    pub loopback: bool,
    /// The native server (not the Worker).
    pub native: bool,
}
