//! The pure core of apex-ai-proxy: routing, dialects, translation and the exchange.
//!
//! No async, no clock, no randomness, no environment, no file: everything is a value or an argument, so the same core
//! runs natively and in a Cloudflare Worker, and its tests need no runtime.

pub mod address;
pub mod admit;
pub mod capture;
pub mod catalog;
pub mod cors;
pub mod cost;
pub mod count;
pub mod credentials;
pub mod dialect;
pub mod exchange;
pub mod headers;
pub mod hub;
mod inflate;
pub mod json;
pub mod mock;
pub mod models;
pub mod money;
pub mod multipart;
pub mod name;
pub mod passthrough;
pub mod plan;
pub mod price;
pub mod provider;
pub mod record;
pub mod redact;
pub mod refusal;
pub mod reply;
pub mod report;
pub mod route;
pub mod secret;
pub mod semconv;
pub mod settings;
pub mod splice;
pub mod sse;
pub mod stored;
pub mod tap;
pub mod time;
pub mod trace_context;
pub mod upstream_error;
pub mod url;
