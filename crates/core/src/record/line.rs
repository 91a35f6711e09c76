//! A record as one line of JSON, for the logs of both hosts, and the fields it is made of.

use std::time::Duration;

use super::Record;
use crate::dialect::Dialect;
use crate::hub::StopReason;
use crate::json::{escape_into, number};
use crate::time::Timestamp;

/// `record` as a JSON object, without line end.
pub fn json(record: &Record) -> String {
    let mut out = Vec::with_capacity(1 << 10);
    write_json(record, &mut out);
    // It is made of text.
    String::from_utf8(out).unwrap_or_default()
}

/// The same, appended to `out`.
pub fn write_json(record: &Record, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"timestamp\":\"");
    out.extend_from_slice(rfc3339(record.started + record.duration).as_bytes());
    out.extend_from_slice(b"\",\"level\":\"INFO\",\"message\":\"exchange\"");
    for (name, value) in fields(record) {
        out.extend_from_slice(b",\"");
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\":");
        match value {
            Value::Text(text) => {
                out.push(b'"');
                escape_into(text, out);
                out.push(b'"');
            }
            Value::Number(value) => number(out, value),
            Value::Millis(time) => millis(time, out),
            Value::Truth(truth) => out.extend_from_slice(if truth { b"true" } else { b"false" }),
        }
    }
    out.push(b'}');
}

/// Appends `time` in milliseconds, with three digits after the point.
pub fn millis(time: Duration, out: &mut Vec<u8>) {
    let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    number(out, micros / 1000);
    out.push(b'.');
    digits(micros % 1000, 3, out);
}

/// Appends the last `width` digits of `value`.
fn digits(value: u64, width: u32, out: &mut Vec<u8>) {
    for place in (0..width).rev() {
        out.push(b'0' + u8::try_from(value / 10_u64.pow(place) % 10).unwrap_or(0));
    }
}

/// What a field holds.
#[derive(Clone, Copy, Debug)]
pub enum Value<'a> {
    Millis(Duration),
    Number(u64),
    Text(&'a str),
    Truth(bool),
}

/// The fields that are known, in their order.
pub fn fields(record: &Record) -> impl Iterator<Item = (&'static str, Value<'_>)> {
    all(record).filter_map(|(name, value)| Some((name, value?)))
}

/// Every field, known or not.
pub fn all(record: &Record) -> impl Iterator<Item = (&'static str, Option<Value<'_>>)> {
    fn text(text: Option<&str>) -> Option<Value<'_>> {
        text.map(Value::Text)
    }
    let usage = &record.usage;
    let all = [
        ("request_id", Some(Value::Text(&record.request_id))),
        ("mode", Some(Value::Text(record.mode.as_str()))),
        ("method", Some(Value::Text(&record.method))),
        ("path", Some(Value::Text(&record.path))),
        ("label", text(record.label.as_deref())),
        ("client_dialect", text(record.client_dialect.map(Dialect::as_str))),
        ("upstream_dialect", text(record.upstream_dialect.map(Dialect::as_str))),
        ("provider", text(record.provider.as_deref())),
        ("via", text(record.via)),
        ("model", text(record.client_model.as_deref())),
        ("upstream_model", text(record.upstream_model.as_deref())),
        ("resolved", text(record.resolved)),
        ("stream", Some(Value::Truth(record.stream))),
        ("status", Some(Value::Number(record.status.into()))),
        ("upstream_status", record.upstream_status.map(|s| Value::Number(s.into()))),
        ("upstream_request_id", text(record.upstream_request_id.as_deref())),
        ("response_id", text(record.response_id.as_deref())),
        ("response_model", text(record.response_model.as_deref())),
        ("attempts", Some(Value::Number(record.attempts.len() as u64))),
        ("outcome", Some(Value::Text(record.outcome.as_str()))),
        ("error", text(record.error.as_deref())),
        ("detail", text(record.detail.as_deref())),
        ("duration_ms", Some(Value::Millis(record.duration))),
        ("upstream_head_ms", record.upstream_head.map(Value::Millis)),
        ("first_byte_ms", record.first_byte.map(Value::Millis)),
        ("first_content_ms", record.first_content.map(Value::Millis)),
        ("request_bytes", Some(Value::Number(record.request_bytes))),
        ("upstream_bytes", Some(Value::Number(record.upstream_bytes))),
        ("response_bytes", Some(Value::Number(record.response_bytes))),
        ("input_tokens", (!usage.is_unknown()).then(|| Value::Number(usage.input_total()))),
        ("cache_read_tokens", usage.cache_read.map(Value::Number)),
        ("cache_write_tokens", usage.cache_write.map(Value::Number)),
        ("cache_write_5m_tokens", usage.cache_write_5m.map(Value::Number)),
        ("cache_write_1h_tokens", usage.cache_write_1h.map(Value::Number)),
        ("output_tokens", usage.output.map(Value::Number)),
        ("reasoning_tokens", usage.reasoning.map(Value::Number)),
        ("stop", text(record.stop.map(StopReason::as_str))),
        ("cost_micros", record.cost.micros().map(Value::Number)),
        ("cost_basis", text(record.cost.basis())),
        ("user_agent", text(record.user_agent.as_deref())),
        ("adjustments", text(record.adjustments.as_deref())),
        ("trace", text(record.trace.as_deref())),
    ];
    all.into_iter()
}

/// `2026-11-22T00:41:00.123456Z`
pub fn rfc3339(at: Timestamp) -> String {
    let (seconds, micros) = (at.as_secs(), at.as_micros() % 1_000_000);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    // Days to a date, with years that begin in March: Hinnant, "chrono-compatible low-level date algorithms".
    let days = seconds / 86_400 + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let mut out = Vec::with_capacity(27);
    for (value, width, after) in [
        (year, 4, b'-'),
        (month, 2, b'-'),
        (day, 2, b'T'),
        (hour, 2, b':'),
        (minute, 2, b':'),
        (second, 2, b'.'),
        (micros, 6, b'Z'),
    ] {
        digits(value, width, &mut out);
        out.push(after);
    }
    String::from_utf8(out).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clients_text_stays_in_its_field() {
        let record = Record {
            request_id: "req_1".to_owned(),
            client_model: Some("a\r\n\u{1b}[31m\"x\" = \u{202e}\u{7f}".to_owned()),
            started: Timestamp::from_micros(1_795_308_060_123_456),
            duration: Duration::from_micros(1500),
            ..Record::default()
        };
        let line = json(&record);
        let parsed: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(parsed["model"].as_str(), record.client_model.as_deref());
        assert_eq!(parsed["message"], "exchange");
        assert_eq!(parsed["duration_ms"], 1.5);
        assert!(!line.contains(['\n', '\r', '\u{1b}']), "{line}");
    }

    #[test]
    fn dates() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00.000000Z"),
            (951_782_399, "2000-02-28T23:59:59.000000Z"),
            (951_782_400, "2000-02-29T00:00:00.000000Z"),
            (1_735_689_599, "2024-12-31T23:59:59.000000Z"),
            (1_795_308_060, "2026-11-22T00:41:00.000000Z"),
        ] {
            assert_eq!(rfc3339(Timestamp::from_micros(seconds * 1_000_000)), text);
        }
    }
}
