//! The pure core of apex-ai-proxy: routing, dialects, translation and the exchange.
//!
//! No async, no clock, no randomness, no environment, no file: everything is a value or an argument, so the same core
//! runs natively and in a Cloudflare Worker, and its tests need no runtime.

pub mod dialect;
pub mod hub;
pub mod json;
pub mod provider;
pub mod time;
pub mod upstream_error;
