//! apex-ai-proxy as a Cloudflare Worker: [`apex_service::Platform`] over the runtime's fetch.
//!
//! It holds no logic that the native server does not share. `bindings` turns the bindings of a Worker into settings;
//! the rest exists in wasm only: `entry` is the event handler, `call` what one request's parts share, `platform` the
//! host, `report` what is told afterwards, `text` how heads cross to JavaScript, `glue` and `glue.js` the crossing itself.

pub mod bindings;

#[cfg(target_arch = "wasm32")]
mod call;
#[cfg(target_arch = "wasm32")]
mod entry;
#[cfg(target_arch = "wasm32")]
mod glue;
#[cfg(target_arch = "wasm32")]
mod platform;
#[cfg(target_arch = "wasm32")]
mod report;
#[cfg(target_arch = "wasm32")]
mod text;
