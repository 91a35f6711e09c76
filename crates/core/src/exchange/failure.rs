//! What the gateway says of an upstream that did not answer as it should.

use http::StatusCode;

use super::{TransportError, TransportErrorKind};
use crate::hub::{ErrorKind, Failure};
use crate::record::Outcome;

pub(super) fn timeout(message: &str) -> Failure {
    Failure::gateway(ErrorKind::Timeout, StatusCode::GATEWAY_TIMEOUT, "upstream_timeout", message)
}

pub(super) fn bad_answer(message: &str) -> Failure {
    Failure::gateway(ErrorKind::BadAnswer, StatusCode::BAD_GATEWAY, "upstream_protocol_error", message)
}

/// What a client is told of a transport error: kinds, never addresses.
pub(super) fn transport_failure(error: &TransportError) -> (Failure, Outcome) {
    let unreachable = |message: &str| {
        Failure::gateway(ErrorKind::Unavailable, StatusCode::BAD_GATEWAY, "upstream_unreachable", message)
    };
    match error.kind {
        TransportErrorKind::ClientBody => (
            Failure::gateway(
                ErrorKind::InvalidRequest,
                StatusCode::BAD_REQUEST,
                "invalid_request",
                "the request body did not arrive whole",
            ),
            Outcome::ClientGone,
        ),
        TransportErrorKind::Forbidden => (
            Failure::gateway(
                ErrorKind::Permission,
                StatusCode::FORBIDDEN,
                "host_not_allowed",
                "this host may not be reached through this gateway",
            ),
            Outcome::Refused,
        ),
        TransportErrorKind::Protocol => (bad_answer("the upstream did not answer in HTTP"), Outcome::BadAnswer),
        TransportErrorKind::Timeout => (timeout("the upstream could not be reached in time"), Outcome::UpstreamTimeout),
        TransportErrorKind::Reset => {
            (unreachable("the upstream closed the connection before it answered"), Outcome::UpstreamUnreachable)
        }
        TransportErrorKind::Connect | TransportErrorKind::Dns | TransportErrorKind::Tls => {
            (unreachable("the upstream could not be reached"), Outcome::UpstreamUnreachable)
        }
    }
}
