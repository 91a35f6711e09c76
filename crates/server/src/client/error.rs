//! What went wrong between us and an upstream, in the words of the core.

use std::error::Error;
use std::fmt::{self, Write as _};
use std::io;

use apex_core::exchange::{TransportError, TransportErrorKind};

/// An error of this `kind`, on a connection that was not stale.
pub(super) fn transport(kind: TransportErrorKind, detail: impl fmt::Display) -> TransportError {
    TransportError { kind, stale: false, detail: detail.to_string() }
}

/// hyper's error, sorted.
pub(super) fn classify(error: &hyper::Error) -> TransportError {
    let kind = if error.is_user() || error.is_body_write_aborted() {
        TransportErrorKind::ClientBody
    } else if error.is_parse() || is_broken_framing(error) {
        TransportErrorKind::Protocol
    } else if error.is_timeout() {
        TransportErrorKind::Timeout
    } else {
        TransportErrorKind::Reset
    };
    transport(kind, chain(error))
}

/// A chunk size that is none, and the like: hyper hands it out as an I/O error.
pub(crate) fn is_broken_framing(error: &hyper::Error) -> bool {
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(io) = cause.downcast_ref::<io::Error>() {
            return matches!(io.kind(), io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput);
        }
        source = cause.source();
    }
    false
}

fn chain(error: &hyper::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let _ = write!(text, ": {cause}");
        source = cause.source();
    }
    text
}
