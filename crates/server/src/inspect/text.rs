//! Values of the request log as text. Much of it came from clients: nothing of that may act on a terminal.

use std::fmt::Write as _;
use std::time::Duration;

use apex_core::json::{Obj, object};
use apex_core::record::line::rfc3339;
use apex_core::time::Timestamp;
use apex_store::{Bodies, Body, Cell, Entry};

/// `text` with everything escaped that is not seen as itself.
pub(super) fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '"' | '\'' | '\\') {
            out.push(c);
        } else {
            out.extend(c.escape_debug());
        }
    }
    out
}

/// An entry as one line of JSON, named as the fields of the log line.
pub(super) fn json(entry: &Entry, bodies: Option<&Bodies>) -> String {
    let mut out = Vec::new();
    object(&mut out, |o| {
        o.text("started", &rfc3339(entry.started));
        for (name, cell) in &entry.fields {
            match cell {
                Cell::Millis(time) => o.raw(name, &format!("{:.3}", time.as_secs_f64() * 1000.0)),
                Cell::Number(number) => o.uint(name, *number),
                Cell::Text(text) => o.text(name, text),
                Cell::Truth(truth) => o.bool(name, *truth),
            }
        }
        if let Some(tries) = &entry.tries {
            o.raw("tries", tries);
        }
        if let Some(bodies) = bodies {
            o.text("target", &bodies.target);
            captured(o, ["request_head", "request_body", "request_truncated"], &bodies.request_head, &bodies.request);
            let names = ["response_head", "response_body", "response_truncated"];
            captured(o, names, &bodies.response_head, &bodies.response);
            o.bool("response_reassembled", bodies.response.reassembled);
        }
    });
    out.push(b'\n');
    ascii_controls(&String::from_utf8_lossy(&out))
}

fn captured(o: &mut Obj<'_>, [in_head, in_body, truncated]: [&str; 3], head: &str, body: &Body) {
    o.text(in_head, head);
    o.text(in_body, &body.text);
    o.bool(truncated, body.truncated);
}

/// JSON allows some control characters in its strings that terminals obey: they are escaped, too.
fn ascii_controls(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        let acts = c.is_control() && c != '\n' || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if acts {
            // Writing into memory cannot fail.
            let _ = write!(out, "\\u{:04x}", u32::from(c));
        } else {
            out.push(c);
        }
    }
    out
}

/// `0.8 ms`, `812 ms`, `3.21 s`, `2 min 5 s`
pub(super) fn time(time: Duration) -> String {
    let ms = time.as_secs_f64() * 1000.0;
    match time.as_secs() {
        0 if ms < 10.0 => format!("{ms:.1} ms"),
        0 => format!("{ms:.0} ms"),
        s @ 1..60 => {
            format!("{:.2} s", f64::from(u32::try_from(s).unwrap_or(0)) + f64::from(time.subsec_millis()) / 1e3)
        }
        s => format!("{} min {} s", s / 60, s % 60),
    }
}

/// To the second.
pub(super) fn moment(at: Timestamp) -> String {
    let text = rfc3339(at);
    format!("{}Z", text.split('.').next().unwrap_or_default())
}

/// `2026-11-25`, `2026-11-25T18:00`, `2026-11-25T18:00:30Z`, in UTC.
pub(super) fn date(text: &str) -> Option<Timestamp> {
    let (date, time) = text.split_once(['T', ' ']).unwrap_or((text, "00:00"));
    let mut date = date.split('-').map(|part| part.parse::<u64>().ok());
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let mut time = time.trim_end_matches('Z').split(':').map(|part| part.parse::<u64>().ok());
    let (hour, minute, second) = (time.next()??, time.next()??, time.next().unwrap_or(Some(0))?);
    let ranges = (1970..=9999).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
    if !ranges || hour > 23 || minute > 59 || second > 60 || date.next().is_some() || time.next().is_some() {
        return None;
    }
    // Years that begin in March, as in the way back (`rfc3339`).
    let year = year - u64::from(month <= 2);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let of_era = year % 400 * 365 + year % 400 / 4 - year % 400 / 100 + of_year;
    let days = (year / 400 * 146_097 + of_era).checked_sub(719_468)?;
    Some(Timestamp::from_micros((days * 86_400 + hour * 3600 + minute * 60 + second) * 1_000_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_lead_back() {
        for text in ["1970-01-01T00:00:00", "2000-02-29T23:59:59", "2026-11-25T18:03:10", "2100-03-01T00:00:00"] {
            let at = date(text).unwrap();
            assert_eq!(moment(at), format!("{text}Z"));
        }
        assert_eq!(date("2026-11-25"), date("2026-11-25T00:00Z"));
        for bad in ["", "2026", "2026-13-01", "2026-11-25T24:00", "x-y-z", "2026-11-25T10", "99999-01-01", "1-1-1"] {
            assert_eq!(date(bad), None, "{bad}");
        }
    }

    #[test]
    fn times_for_people() {
        for (micros, wanted) in
            [(850, "0.8 ms"), (812_345, "812 ms"), (3_214_000, "3.21 s"), (125_000_000, "2 min 5 s")]
        {
            assert_eq!(time(Duration::from_micros(micros)), wanted);
        }
    }

    #[test]
    fn nothing_acts_on_a_terminal() {
        let bad = "a\u{1b}[31m\r\n\u{9b}2J\u{7f}\u{202e}\"ü";
        let entry = Entry {
            row: 1,
            started: Timestamp::default(),
            fields: vec![("model", Cell::Text(bad.to_owned()))],
            tries: None,
        };
        let json = json(&entry, None);
        for text in [plain(bad), json.trim_end().to_owned()] {
            assert!(!text.contains(|c: char| c.is_control() || c == '\u{202e}'), "{text:?}");
            assert!(text.contains('ü'), "{text}");
        }
        let parsed: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(parsed["model"], bad);
    }
}
