//! The dialects on the wire, one folder each, and the one place that picks between them.
//!
//! A dialect folder has `wire.rs` (names and spec links), `request.rs`, `response.rs`, `stream.rs` and `error.rs`. No
//! dialect imports another: what two need is in the hub.

use std::fmt;
use std::str::FromStr;

pub mod anthropic;
pub mod openai_chat;

/// A wire dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dialect {
    /// Anthropic Messages.
    Anthropic,
    /// OpenAI Chat Completions.
    OpenAiChat,
    /// OpenAI Responses.
    OpenAiResponses,
}

impl Dialect {
    /// Its name in configuration, headers and records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Anthropic => "anthropic",
            Self::OpenAiChat => "openai-chat",
            Self::OpenAiResponses => "openai-responses",
        }
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Dialect {
    type Err = ();
    fn from_str(s: &str) -> Result<Self, ()> {
        [Self::Anthropic, Self::OpenAiChat, Self::OpenAiResponses].into_iter().find(|d| d.as_str() == s).ok_or(())
    }
}

/// What an encoder of requests needs to know of the target.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The upstream's model name, as it will be sent (without `#provider`).
    pub model: &'a str,
    /// What this provider takes and refuses.
    pub quirks: &'a crate::provider::Quirks,
    /// Always ask the upstream for a stream, whatever the client asked for? (Not done today: the client's wish counts.)
    pub stream: bool,
}

/// An encoded request.
#[derive(Debug)]
pub struct Encoded {
    pub body: Vec<u8>,
    pub losses: crate::hub::Losses,
    pub aliases: crate::hub::Aliases,
    /// Headers the target needs (for example `anthropic-version`).
    pub headers: Vec<(&'static str, String)>,
}

/// What an encoder of replies needs to know of the request it answers.
#[derive(Clone, Debug)]
pub struct ReplyContext {
    /// The model name the client asked for, echoed in the reply.
    pub client_model: String,
    /// Token for minted ids (24 characters); the dialect adds its prefix (`msg_`, `chatcmpl-`).
    pub id: String,
    /// Seconds since the Unix epoch.
    pub created: u64,
    /// A streaming Chat client asked for the usage chunk.
    pub include_usage: bool,
    /// Our request id, for Anthropic error bodies.
    pub request_id: String,
}
