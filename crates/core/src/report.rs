//! What sinks are told of a record, in their own formats: pure, for both hosts.

pub mod aepipe;

use http::HeaderMap;

use crate::record::{Outcome, Record};
use crate::time::Timestamp;
use crate::upstream_error;

/// How bad an exchange ended, in the words of logs: `info`, `warn` or `error`.
pub const fn level(record: &Record) -> &'static str {
    match record.outcome {
        Outcome::Completed | Outcome::Relayed if record.status < 400 => "info",
        Outcome::BadAnswer | Outcome::Truncated | Outcome::UpstreamTimeout | Outcome::UpstreamUnreachable => "error",
        Outcome::Completed | Outcome::Relayed | Outcome::Refused | Outcome::UpstreamError if record.status >= 500 => {
            "error"
        }
        Outcome::ClientGone | Outcome::Completed | Outcome::Refused | Outcome::Relayed | Outcome::UpstreamError => {
            "warn"
        }
    }
}

/// How long a sink that answered with `headers` asks to wait, in milliseconds.
pub fn wait_ms(headers: &HeaderMap, now: Timestamp) -> Option<u64> {
    upstream_error::wait_ms(headers, now)
}
