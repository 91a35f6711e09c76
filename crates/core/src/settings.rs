//! What the operator wrote, before it means anything: every field optional, names as in the configuration file.
//!
//! The native server fills it from a TOML file, the environment and flags; the Worker fills it from bindings.
//! [`crate::catalog::Catalog::build`] turns it into what it means, or into the list of all its problems.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The whole configuration as written.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Address the native server listens on, `host:port`.
    pub listen: Option<String>,
    /// Clients must present it; none means open mode, loopback only.
    pub gateway_token: Option<String>,
    /// Provider for a model without `#provider`.
    pub default_provider: Option<String>,
    /// Verbose log.
    pub debug: Option<bool>,
    /// Web origins that may call an open gateway.
    pub allow_origins: Vec<String>,
    /// Provider by model name pattern (`claude-*`), before `default_provider`.
    pub defaults: BTreeMap<String, String>,
    /// Short names for `model#provider`.
    pub aliases: BTreeMap<String, String>,
    pub tls: Option<Tls>,
    pub cloudflare: Cloudflare,
    pub providers: BTreeMap<String, Provider>,
    pub passthrough: Passthrough,
    pub timeouts: Timeouts,
    pub limits: Limits,
    pub upstream: Upstream,
    pub aepipe: Aepipe,
    pub log: Log,
    /// Directory of what the native server keeps; default: the user's data directory.
    pub data_dir: Option<String>,
    pub metrics: Metrics,
    pub otel: Otel,
    /// Prices besides those the program comes with.
    pub prices: crate::price::Written,
    pub responses: Responses,
    pub models: Models,
}

/// Certificate and key files of the listener.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tls {
    pub cert: Option<String>,
    pub key: Option<String>,
}

/// Cloudflare AI Gateway.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Cloudflare {
    pub account_id: Option<String>,
    pub gateway_id: Option<String>,
    /// For `cf-aig-authorization`; default: the gateway token.
    pub token: Option<String>,
    /// `native` or `compat`.
    pub surface: Option<String>,
    pub base_url: Option<String>,
}

/// One provider: a row of the built-in table with some fields changed, or a custom one.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Provider {
    pub api_key: Option<String>,
    pub base_url: Option<String>,
    /// `direct` or `cloudflare`.
    pub via: Option<String>,
    pub dialects: Option<Vec<String>>,
    /// `bearer`, or the name of the header that carries the key.
    pub auth: Option<String>,
    /// Path after `/v1/{account}/{gateway}/` through Cloudflare.
    pub cloudflare_path: Option<String>,
    /// Path after the base URL, by endpoint (`chat/completions`, `messages`, ...).
    pub paths: BTreeMap<String, String>,
    /// Azure: the resource name.
    pub resource: Option<String>,
    /// Azure: the `api-version`.
    pub api_version: Option<String>,
    /// Azure: `deployment` or `v1`.
    pub form: Option<String>,
    /// Models listed by `/v1/models`.
    pub models: Vec<String>,
    /// Only for `mock`: offer it although the gateway is not a bare loopback one.
    pub enabled: Option<bool>,
    /// Seconds to wait for the head of a reply.
    pub first_byte: Option<f64>,
}

/// Mode 2.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Passthrough {
    /// `off`, `allowlist` or `public`.
    pub mode: Option<String>,
    pub allow_hosts: Vec<String>,
    /// Ports besides 443 that `public` may reach.
    pub allow_ports: Vec<u16>,
    pub max_concurrent: Option<u32>,
    pub max_concurrent_per_client: Option<u32>,
}

/// Seconds.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Timeouts {
    pub connect: Option<f64>,
    pub first_byte: Option<f64>,
    pub idle: Option<f64>,
    pub total: Option<f64>,
    pub client_head: Option<f64>,
    pub client_write: Option<f64>,
    /// How long streams may go on after SIGTERM.
    pub drain: Option<f64>,
    /// Silence after which a stream gets a keep-alive.
    pub keep_alive: Option<f64>,
}

/// Sizes, `"64 MiB"` or bytes.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    pub body: Option<String>,
    pub buffered_total: Option<String>,
    pub head: Option<String>,
    pub headers: Option<u16>,
    pub uri: Option<String>,
    /// Of each body, for reports.
    pub capture: Option<String>,
    /// All captured bodies together.
    pub capture_total: Option<String>,
}

/// How upstreams are reached. All absent by default: hooks for tests and closed networks.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Upstream {
    /// PEM file with further root certificates.
    pub root_ca: Option<String>,
    /// Fixed addresses by host name; still checked by the address filter.
    pub hosts: BTreeMap<String, Vec<String>>,
}

/// The aepipe sink; off without a token.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Aepipe {
    pub base_url: Option<String>,
    pub token: Option<String>,
    /// Send bodies, not only heads; on by default.
    pub bodies: Option<bool>,
}

/// The log of requests.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// A line on stderr for each exchange; on by default.
    pub lines: Option<bool>,
    /// Keep a row for each exchange in the data directory; on by default.
    pub requests: Option<bool>,
    /// Keep heads and bodies, too; off by default.
    pub bodies: Option<bool>,
    /// How long they are kept, `"30 days"`.
    pub max_age: Option<String>,
    /// How large their file may be.
    pub max_size: Option<String>,
}

/// Lists of models; natively only.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Models {
    /// Ask the providers for theirs; off by default.
    pub fetch: Option<bool>,
    /// How often, `"1 h"`.
    pub interval: Option<String>,
}

/// Replies kept for `previous_response_id`; natively only.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Responses {
    /// `off`, `memory` or `disk` (the data directory).
    pub store: Option<String>,
    /// How long they are kept after their last use, `"30 days"`.
    pub max_age: Option<String>,
    /// How many.
    pub max_entries: Option<u64>,
    /// How much of them, `"256 MiB"`.
    pub max_size: Option<String>,
}

/// Metrics for Prometheus; natively only.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Metrics {
    pub enabled: Option<bool>,
    /// Address of a listener of their own, without token; else they are at `/metrics` of the gateway.
    pub listen: Option<String>,
    /// `listen` may be an address that others can reach.
    pub public: Option<bool>,
}

/// Traces for an OpenTelemetry collector; natively only.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Otel {
    /// Base URL of an OTLP endpoint that takes HTTP with protobuf; `/v1/traces` is appended. None is off.
    pub endpoint: Option<String>,
    /// The whole URL for traces; wins over `endpoint`.
    pub traces_endpoint: Option<String>,
    /// `name=value` pairs with commas between them, for the requests to the endpoint.
    pub headers: Option<String>,
    pub service_name: Option<String>,
    /// `name=value` pairs with commas between them.
    pub resource_attributes: Option<String>,
    /// Part of the traces that begin here and are recorded, from 0 to 1.
    pub ratio: Option<f64>,
}

/// One thing that is wrong with the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Path of the key, `providers.openai.base_url`.
    pub path: String,
    /// What is wrong and what to write instead.
    pub what: String,
}
