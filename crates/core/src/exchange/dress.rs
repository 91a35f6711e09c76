//! Heads of replies: our headers on them, and what they say of the body.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};

use super::Exchange;
use super::replying::Dressing;
use crate::headers;
use crate::record::line::millis;
use crate::reply;
use crate::time::Timestamp;

impl Exchange {
    pub(super) fn dressing(&self, now: Timestamp) -> Dressing<'_> {
        Dressing { seed: self.seed, record: &self.record, created: now.as_secs() }
    }

    /// Puts our headers on a reply.
    pub(super) fn dress(&self, headers: &mut HeaderMap) {
        let record = &*self.record;
        for (name, text) in
            [(PROVIDER, &record.provider), (MODEL, &record.upstream_model), (ADJUSTMENTS, &record.adjustments)]
        {
            if let Some(value) = text.as_ref().and_then(|text| HeaderValue::from_str(text).ok()) {
                headers.insert(name, value);
            }
        }
        if !record.attempts.is_empty() {
            headers.insert(ATTEMPTS, headers::small(record.attempts.len()));
        }
        if let Some(upstream) = self.record.upstream_head {
            let before = self.sent_at.since(self.record.started);
            let mut timing = Vec::with_capacity(64);
            timing.extend_from_slice(b"gateway;dur=");
            millis(before, &mut timing);
            timing.extend_from_slice(b", upstream;dur=");
            millis(upstream.saturating_sub(before), &mut timing);
            if let Ok(value) = HeaderValue::try_from(timing) {
                headers.append(SERVER_TIMING, value);
            }
        }
        reply::stamp(headers, self.dialect, &record.request_id);
        self.cors.apply(headers);
    }
}

const PROVIDER: HeaderName = HeaderName::from_static("x-apex-provider");
const MODEL: HeaderName = HeaderName::from_static("x-apex-model");
const ADJUSTMENTS: HeaderName = HeaderName::from_static("x-apex-adjustments");
const ATTEMPTS: HeaderName = HeaderName::from_static("x-apex-attempts");
const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// The media type of a reply, without parameters.
fn media_type(headers: &HeaderMap) -> &str {
    let text = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or("");
    text.split(';').next().unwrap_or("").trim()
}

/// Is a reply a stream of events by its type?
pub(super) fn is_stream(headers: &HeaderMap) -> bool {
    media_type(headers).eq_ignore_ascii_case("text/event-stream")
}

/// Is it JSON of any kind?
pub(super) fn is_json(headers: &HeaderMap) -> bool {
    let media_type = media_type(headers).as_bytes();
    media_type.last_chunk::<4>().is_some_and(|end| end.eq_ignore_ascii_case(b"json"))
}
