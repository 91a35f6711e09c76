//! From a request to a response.

use std::sync::Arc;

use apex_core::catalog::Catalog;
use bytes::Bytes;
use http::{Request, Response, StatusCode};

use crate::{Peer, Platform, ReplyBody};

/// Answers one request with the given snapshot of the configuration. Dropping the future or the body means that the
/// client left: the upstream is cancelled and the record is reported.
pub async fn serve<P: Platform>(
    _platform: &P,
    _catalog: Arc<Catalog>,
    _peer: Peer,
    _request: Request<P::ClientBody>,
) -> Response<ReplyBody<P>> {
    let mut response = Response::new(ReplyBody::whole(Bytes::from_static(b"under construction\n")));
    *response.status_mut() = StatusCode::NOT_IMPLEMENTED;
    response
}
