//! Placeholder until the decoder lands.
pub fn decode(
    status: http::StatusCode,
    _: &http::HeaderMap,
    _: &[u8],
    _: crate::time::Timestamp,
) -> crate::hub::Failure {
    crate::hub::Failure::upstream(crate::hub::ErrorKind::ServerError, status, "upstream error")
}
