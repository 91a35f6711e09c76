//! Placeholder until the codec lands.
use crate::dialect::{Encoded, ReplyContext, Target};
use crate::hub::{Aliases, Event, Failure, Reply, Request, Untranslatable};
use crate::json::WireError;
use crate::provider::Quirks;
use http::StatusCode;

pub fn decode_request(_: &str) -> Result<Request<'_>, WireError> {
    Err(WireError::new("", "not yet"))
}
pub fn encode_request(_: &Request<'_>, _: &Target<'_>) -> Result<Encoded, Untranslatable> {
    Err(Untranslatable::new("", "not yet"))
}
pub fn decode_reply<'a>(_: &'a str, _: &Quirks, _: &Aliases) -> Result<Vec<Event<'a>>, WireError> {
    Err(WireError::new("", "not yet"))
}
pub fn encode_reply(_: &Reply, _: &ReplyContext) -> Vec<u8> {
    Vec::new()
}
pub fn encode_error(f: &Failure, _: &str) -> (StatusCode, Vec<u8>) {
    (f.status, format!("{f:?}").into_bytes())
}
pub fn encode_stream_error(_: &Failure, _: &str) -> Vec<u8> {
    Vec::new()
}
pub fn has_error_envelope(_: &[u8]) -> bool {
    true
}
#[derive(Debug)]
pub struct StreamDecoder;
impl StreamDecoder {
    pub fn new(_: &Quirks, _: Aliases) -> Self {
        Self
    }
    pub fn push<'f>(&mut self, _: Option<&str>, _: &'f str, _: &mut Vec<Event<'f>>) {}
    pub fn finish(&mut self, _: &mut Vec<Event<'static>>) {}
}
#[derive(Debug)]
pub struct StreamEncoder;
impl StreamEncoder {
    pub fn new(_: ReplyContext) -> Self {
        Self
    }
    pub fn push(&mut self, _: &Event<'_>, _: &mut Vec<u8>) {}
    pub fn fail(&mut self, _: &Failure, _: &mut Vec<u8>) {}
    pub fn keep_alive(&mut self, _: &mut Vec<u8>) {}
}
