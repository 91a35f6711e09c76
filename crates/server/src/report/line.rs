//! A record as one line, named like the lines of `tracing`, so that both are read alike.

use std::io::Write as _;

use apex_core::record::Record;
use apex_core::record::line::{Value, fields, rfc3339, write_json};

use crate::cli::LogFormat;

/// Appends `record` to `out`, with its line end.
pub(super) fn write(out: &mut Vec<u8>, record: &Record, format: LogFormat) {
    if format == LogFormat::Json {
        write_json(record, out);
        out.push(b'\n');
        return;
    }
    // Writing into memory cannot fail.
    let _ = write!(out, "{}  INFO exchange", rfc3339(record.started + record.duration));
    for (name, value) in fields(record) {
        let _ = match value {
            Value::Text(text) if is_plain(text) => write!(out, " {name}={text}"),
            // Quoted and escaped: a client's text must not draw on a terminal, nor end the line.
            Value::Text(text) => write!(out, " {name}={text:?}"),
            Value::Number(number) => write!(out, " {name}={number}"),
            Value::Millis(time) => write!(out, " {name}={:.3}", time.as_secs_f64() * 1000.0),
            Value::Truth(truth) => write!(out, " {name}={truth}"),
        };
    }
    out.push(b'\n');
}

fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'"' | b'=' | b'\\'))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use apex_core::time::Timestamp;

    use super::*;

    fn line(record: &Record, format: LogFormat) -> String {
        let mut out = Vec::new();
        write(&mut out, record, format);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_clients_text_stays_in_its_field() {
        let record = Record {
            request_id: "req_1".to_owned(),
            client_model: Some("a\r\n\u{1b}[31m\"x\" = \u{202e}\u{7f}".to_owned()),
            started: Timestamp::from_micros(1_795_308_060_123_456),
            duration: Duration::from_micros(1500),
            ..Record::default()
        };
        let json = line(&record, LogFormat::Json);
        let parsed: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(parsed["model"].as_str(), record.client_model.as_deref());
        assert_eq!(parsed["message"], "exchange");
        assert_eq!(parsed["duration_ms"], 1.5);
        for text in [json, line(&record, LogFormat::Text)] {
            assert!(text.ends_with('\n'));
            assert!(!text.trim_end_matches('\n').contains(['\n', '\r', '\u{1b}']), "{text}");
        }
        assert!(!line(&record, LogFormat::Text).contains(['\u{7f}', '\u{202e}']));
    }
}
