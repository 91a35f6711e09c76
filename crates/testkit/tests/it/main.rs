//! The upstream seen from a raw socket.

mod answers;
mod cohere;
mod dialects;
mod gemini;
#[cfg(test)] // so that clippy takes its helpers for what they are
mod peer;
mod recording;
mod responses;
