//! Cohere v2 chat: <https://docs.cohere.com/v2/reference/chat>.
//!
//! `request` reads requests, `encode` and `turns` write them, `own` writes them anew; `reply` reads replies and streams,
//! `write` writes them, `error` says what went wrong.

mod encode;
mod error;
mod own;
mod reply;
mod request;
mod turns;
mod wire;
mod write;

pub use encode::encode_request;
pub use error::{encode_error, encode_stream_error, has_error_envelope};
pub use own::rewrite_request;
pub use reply::{StreamDecoder, decode_reply};
pub use request::{decode_members, decode_request};
pub use write::{StreamEncoder, encode_reply};

/// What callers of this dialect call a member that encoders call `name`, if that is something else.
pub fn own_terms(name: &str) -> Option<&'static str> {
    Some(match name {
        "top_k" => "k",
        "top_p" => "p",
        "stop" => "stop_sequences",
        "max_completion_tokens" | "max_output_tokens" => "max_tokens",
        "reasoning" | "reasoning_effort" | "reasoning.effort" | "output_config.effort" => "thinking",
        "response_format.json_schema.schema" | "output_config.format" => "response_format",
        "tools.strict" | "tools.function.strict" => "strict_tools",
        "messages.tool_use" => "messages.tool_calls",
        _ => return None,
    })
}
