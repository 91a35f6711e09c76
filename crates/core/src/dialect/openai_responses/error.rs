//! Errors in a stream: <https://platform.openai.com/docs/api-reference/responses-streaming/error>.

use crate::hub::Failure;
use crate::json::object;

/// A failure in the middle of a relayed stream. Responses clients look for the nested member (SDKs) or `response.failed`
/// (Codex); a relay knows no response object to put into the latter, so it sends both forms that can stand alone.
pub fn encode_stream_error(failure: &Failure) -> Vec<u8> {
    let code = failure.code.as_deref().unwrap_or("server_error");
    let mut out = b"event: error\ndata: ".to_vec();
    object(&mut out, |o| {
        o.text("type", "error");
        o.text("code", code);
        o.text("message", &failure.message);
        o.null("param");
        o.obj("error", |e| {
            e.text("type", "server_error");
            e.text("code", code);
            e.text("message", &failure.message);
        });
    });
    out.extend_from_slice(b"\n\n");
    out
}
