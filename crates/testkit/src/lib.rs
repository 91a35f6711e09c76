//! An upstream for tests: it plays `OpenAI`, Anthropic and Cloudflare AI Gateway on loopback, does what its script or
//! the model's name says, and records every byte it received. See `README.md` for the table of model names.
//!
//! It is no server library: HTTP/1.1 is written by hand, because a test must choose where a write ends and see a
//! request as it came. It does not check credentials, and it knows nothing of `apex-core`.
//!
//! ```
//! use std::time::Duration;
//! use apex_testkit::{Script, Upstream};
//!
//! let upstream = Upstream::start();
//! upstream.next(Script::json(429, r#"{"error":{"message":"slow down"}}"#).header("retry-after", "2"));
//! # use std::io::{Read, Write};
//! # let mut peer = std::net::TcpStream::connect(upstream.addr()).unwrap();
//! # peer.write_all(b"POST /v1/chat/completions HTTP/1.1\r\nconnection: close\r\n\r\n").unwrap();
//! # let mut answer = String::new();
//! # peer.read_to_string(&mut answer).unwrap();
//! # assert!(answer.starts_with("HTTP/1.1 429 Too Many Requests\r\n"));
//! // ... send a request to `upstream.url()`, then:
//! let request = &upstream.wait_for(1, Duration::from_secs(5))[0];
//! assert_eq!(request.target, "/v1/chat/completions");
//! ```
//!
//! # Layout
//!
//! - `upstream`: the listener, the record, rules and queue; `control`: the `/__` endpoints of the binary
//! - `wire`: HTTP/1.1 bytes in and out, and the watch for a peer that leaves; `script`: the steps of an answer
//! - `behaviour`: from path and model name to a script, by way of `tokens` (the name), `ask` (the request),
//!   `reply` (what the model says) and `dialect` (how it is written); `json`: ordered JSON text
//! - `corpus`: recorded exchanges of real providers, replayed, and what clients made of them judged

mod ask;
mod behaviour;
mod control;
pub mod corpus;
mod dialect;
mod json;
mod reply;
mod script;
mod strict;
mod tokens;
mod upstream;
mod wire;

pub use script::{Script, Step};
pub use upstream::{Outcome, Recorded, Upstream};
pub use wire::Framing;
