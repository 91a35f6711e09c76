//! How long to wait, from everything providers say about it.

use std::time::Duration;

use http::HeaderMap;

use crate::time::Timestamp;

/// Milliseconds to wait: the exact header, the usual one, the body's hint, the rate limit that is exhausted, the text.
pub(super) fn after_ms(headers: &HeaderMap, hint: Option<u64>, text: &str, now: Timestamp) -> Option<u64> {
    let header = |name: &str| headers.get(name).and_then(|v| v.to_str().ok()).map(str::trim);
    header("retry-after-ms")
        .and_then(millis)
        .or_else(|| header("retry-after").and_then(|v| seconds(v).or_else(|| Some(until(http_date(v)?, now)))))
        .or(hint)
        .or_else(|| exhausted(headers, now))
        .or_else(|| in_text(text))
}

/// `x-should-retry`.
pub(super) fn verdict(headers: &HeaderMap) -> Option<bool> {
    match headers.get("x-should-retry")?.to_str().ok()? {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// `17.5s`, `6m0s`, `120ms`, `1h2m3.5s`.
pub(super) fn duration_ms(text: &str) -> Option<u64> {
    let mut total = 0.0;
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at(digits);
        let letters = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, next) = after.split_at(letters);
        let factor = match unit {
            "d" => 86_400_000.0,
            "h" => 3_600_000.0,
            "m" => 60_000.0,
            "ms" => 1.0,
            "s" => 1000.0,
            _ => return None,
        };
        total += number.parse::<f64>().ok()? * factor;
        rest = next;
    }
    whole(total)
}

/// The reset of a limit whose remainder is zero; the longest, if several are.
fn exhausted(headers: &HeaderMap, now: Timestamp) -> Option<u64> {
    let value = |name: &str| headers.get(name).and_then(|v| v.to_str().ok()).map(str::trim);
    let mut longest = None;
    for name in headers.keys().map(http::HeaderName::as_str) {
        let reset = if let Some(kind) = name.strip_prefix("x-ratelimit-remaining-") {
            format!("x-ratelimit-reset-{kind}")
        } else if let Some(kind) = name.strip_prefix("anthropic-ratelimit-").and_then(|n| n.strip_suffix("-remaining"))
        {
            format!("anthropic-ratelimit-{kind}-reset")
        } else if name == "x-ratelimit-remaining" {
            "x-ratelimit-reset".to_owned()
        } else {
            continue;
        };
        if value(name) == Some("0") {
            longest = longest.max(value(&reset).and_then(|v| reset_ms(v, now)));
        }
    }
    longest
}

/// A reset is a duration, a time, seconds, or a time in seconds or milliseconds since the epoch.
fn reset_ms(text: &str, now: Timestamp) -> Option<u64> {
    if let Ok(number) = text.parse::<f64>() {
        return match number {
            n if n > 1e12 => Some(until(whole(n)?, now)),
            n if n > 1e9 => Some(until(whole(n * 1000.0)?, now)),
            n => whole(n * 1000.0),
        };
    }
    duration_ms(text).or_else(|| Some(until(rfc3339(text)?, now)))
}

/// "try again in 1.5s", "Please retry in 12.3s".
fn in_text(text: &str) -> Option<u64> {
    let lower = text.to_ascii_lowercase();
    let at =
        ["try again in ", "retry in ", "retry after "].iter().find_map(|w| lower.find(w).map(|at| at + w.len()))?;
    let rest = lower.get(at..)?;
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '.').unwrap_or(rest.len());
    let word = rest.get(..end)?.trim_end_matches('.');
    duration_ms(word).or_else(|| {
        // "try again in 20 seconds"
        let unit = rest.get(end..)?.trim_start();
        let number: f64 = word.parse().ok()?;
        let factor = if unit.starts_with("min") {
            60_000.0
        } else if unit.starts_with("sec") {
            1000.0
        } else {
            return None;
        };
        whole(number * factor)
    })
}

fn millis(text: &str) -> Option<u64> {
    whole(text.parse().ok()?)
}

fn seconds(text: &str) -> Option<u64> {
    whole(text.parse::<f64>().ok()? * 1000.0)
}

/// Rounded up, within a century.
fn whole(ms: f64) -> Option<u64> {
    const CENTURY: Duration = Duration::from_secs(100 * 366 * 86_400);
    let wait = Duration::try_from_secs_f64(ms / 1000.0).ok().filter(|wait| *wait < CENTURY)?;
    u64::try_from(wait.as_nanos().div_ceil(1_000_000)).ok()
}

/// Milliseconds from `now` until `epoch_ms`.
fn until(epoch_ms: u64, now: Timestamp) -> u64 {
    epoch_ms.saturating_sub(now.as_micros() / 1000)
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`, as milliseconds since the epoch.
fn http_date(text: &str) -> Option<u64> {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut words = text.split_once(", ")?.1.split(' ');
    let day: u64 = words.next()?.parse().ok()?;
    let name = words.next()?;
    let month = (1..).zip(MONTHS).find(|(_, m)| *m == name)?.0;
    let year: u64 = words.next()?.parse().ok()?;
    let clock = clock(words.next()?)?;
    (words.next()? == "GMT").then_some(())?;
    Some((days(year, month, day)? * 86_400_000).saturating_add(clock))
}

/// `2026-11-21T10:00:00Z`, with a fraction or an offset or not, as milliseconds since the epoch.
fn rfc3339(text: &str) -> Option<u64> {
    let (date, time) = text.split_once(['T', 't', ' '])?;
    let mut parts = date.splitn(3, '-').map(str::parse::<u64>);
    let mut part = || parts.next()?.ok();
    let days = days(part()?, part()?, part()?)?;
    let end = time.find(['Z', 'z', '+', '-'])?;
    let (clock_text, zone) = time.split_at(end);
    let local = (days * 86_400_000).saturating_add(clock(clock_text)?);
    let offset = match zone.get(1..) {
        Some("") | None => 0,
        Some(offset) => clock(&format!("{offset}:00"))?,
    };
    Some(if zone.starts_with('+') { local.saturating_sub(offset) } else { local.saturating_add(offset) })
}

/// `08:49:37.5`, as milliseconds.
fn clock(text: &str) -> Option<u64> {
    let mut parts = text.splitn(3, ':');
    let hours: u64 = parts.next()?.parse().ok().filter(|h| *h < 24)?;
    let minutes: u64 = parts.next()?.parse().ok().filter(|m| *m < 60)?;
    let seconds: f64 = parts.next()?.parse().ok().filter(|s| (0.0..61.0).contains(s))?;
    Some((hours * 60 + minutes) * 60_000 + whole(seconds * 1000.0)?)
}

/// Days since 1970-01-01, by the civil calendar (Hinnant's algorithm, for years after 1970).
fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    if !(1970..3000).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let year = if month <= 2 { year - 1 } else { year };
    let era = year / 400;
    let year_of_era = year % 400;
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    (era * 146_097 + day_of_era).checked_sub(719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_dates_and_durations() {
        assert_eq!(http_date("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777_000));
        assert_eq!(http_date("yesterday"), None);
        assert_eq!(rfc3339("2026-11-21T10:00:00Z"), Some(1_795_255_200_000));
        assert_eq!(rfc3339("2026-11-21T12:00:00.5+02:00"), Some(1_795_255_200_500));
        assert_eq!(rfc3339("2000-02-29T00:00:00Z"), Some(951_782_400_000));
        for (text, ms) in [("6m0s", 360_000), ("120ms", 120), ("1h2m3.5s", 3_723_500), ("17.5s", 17_500)] {
            assert_eq!(duration_ms(text), Some(ms), "{text}");
        }
        for text in ["", "s", "5", "5x", "1..2s", "-3s"] {
            assert_eq!(duration_ms(text), None, "{text}");
        }
    }
}
