//! Prices as they are written, in `data/prices.json` and by operators, and what is wrong with them.

use serde::Deserialize;

use super::book::{Hours, Prices};
use super::rates::Rates;
use crate::money::Money;
use crate::settings::Problem;

/// The `[prices]` table of the configuration.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Written {
    /// A file of rows, TOML or JSON; the native server reads it.
    pub file: Option<String>,
    /// Rows, which win over those of the file and of the book.
    pub rows: Vec<Row>,
}

/// A file of prices.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sheet {
    /// For people.
    pub about: String,
    /// When the prices were looked up.
    pub date: String,
    /// Where.
    pub sources: Vec<String>,
    pub rows: Vec<Row>,
}

/// Prices of some models: US dollars for a million tokens of each kind.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct Row {
    /// Provider ids; a `*` at the end stands for anything.
    pub providers: Vec<String>,
    /// Model names; a `*` at the end stands for anything.
    pub models: Vec<String>,
    /// First day of these prices, `2026-11-25`, in UTC.
    pub from: Option<String>,
    /// Only in these hours of the day, `01:00-04:00`, in UTC.
    pub hours: Vec<String>,
    /// Of these hours, only those from Monday to Friday.
    pub weekdays: bool,
    pub input: Option<f64>,
    pub cache_read: Option<f64>,
    pub cache_write: Option<f64>,
    pub cache_write_1h: Option<f64>,
    pub output: Option<f64>,
    pub reasoning: Option<f64>,
    /// US dollars for each request.
    pub request: Option<f64>,
    /// Other prices for long prompts.
    pub above: Vec<Tier>,
}

/// Prices of a whole request whose input has more than `input_tokens` tokens. What is absent stays as it is.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct Tier {
    pub input_tokens: u64,
    pub input: Option<f64>,
    pub cache_read: Option<f64>,
    pub cache_write: Option<f64>,
    pub cache_write_1h: Option<f64>,
    pub output: Option<f64>,
    pub reasoning: Option<f64>,
}

impl Row {
    /// What the row means; what is wrong goes into `problems`, under `path`.
    pub(super) fn read(&self, path: &str, problems: &mut Vec<Problem>) -> Prices {
        let mut reading = Reading { path, problems };
        for (key, names) in [("providers", &self.providers), ("models", &self.models)] {
            let fits = |name: &String| !name.is_empty() && !name.trim_end_matches('*').contains('*');
            if names.is_empty() || !names.iter().all(fits) {
                reading.problem(key, "must name at least one; a `*` may stand at the end of a name only");
            }
        }
        if self.weekdays && self.hours.is_empty() {
            reading.problem("weekdays", "needs hours beside it");
        }
        let request = self.request.map(|dollars| money(dollars, MOST_REQUEST, 1e12));
        if request == Some(None) {
            reading.problem("request", "must be US dollars for a request, from 0 to 1000");
        }
        let base = Rates {
            input: reading.rate("input", self.input),
            cache_read: reading.rate("cache_read", self.cache_read),
            cache_write: reading.rate("cache_write", self.cache_write),
            cache_write_1h: reading.rate("cache_write_1h", self.cache_write_1h),
            output: reading.rate("output", self.output),
            reasoning: reading.rate("reasoning", self.reasoning),
            request: request.flatten().unwrap_or_default(),
        };
        let mut above: Vec<(u64, Rates)> = Vec::new();
        for (number, tier) in self.above.iter().enumerate() {
            let mut rate = |key: &str, value| reading.rate(&format!("above[{number}].{key}"), value);
            let rates = Rates {
                input: rate("input", tier.input),
                cache_read: rate("cache_read", tier.cache_read),
                cache_write: rate("cache_write", tier.cache_write),
                cache_write_1h: rate("cache_write_1h", tier.cache_write_1h),
                output: rate("output", tier.output),
                reasoning: rate("reasoning", tier.reasoning),
                request: Money::ZERO,
            };
            if above.last().is_some_and(|(tokens, _)| *tokens >= tier.input_tokens) || tier.input_tokens == 0 {
                reading.problem(&format!("above[{number}].input_tokens"), "must be more than the one before");
            }
            above.push((tier.input_tokens, rates.over(&base)));
        }
        Prices { base, above, from: reading.from(self.from.as_deref()), hours: reading.hours(self) }
    }
}

struct Reading<'a> {
    path: &'a str,
    problems: &'a mut Vec<Problem>,
}

impl Reading<'_> {
    fn problem(&mut self, key: &str, what: impl Into<String>) {
        self.problems.push(Problem { path: format!("{}.{key}", self.path), what: what.into() });
    }

    fn rate(&mut self, key: &str, dollars: Option<f64>) -> Option<Money> {
        let rate = money(dollars?, MOST_MILLION, 1e6);
        if rate.is_none() {
            self.problem(
                key,
                "must be US dollars for a million tokens, from 0 to 1000000, with at most 6 digits after the point",
            );
        }
        rate
    }

    /// Seconds since the epoch of a day's begin; 0 for always.
    fn from(&mut self, day: Option<&str>) -> u64 {
        let Some(day) = day else { return 0 };
        date(day).unwrap_or_else(|| {
            self.problem("from", "must be a day like 2026-11-25");
            0
        })
    }

    fn hours(&mut self, row: &Row) -> Option<Hours> {
        let mut windows = Vec::new();
        for text in &row.hours {
            let window = text.split_once('-').and_then(|(from, to)| Some((time(from)?, time(to)?)));
            match window.filter(|(from, to)| from < to) {
                Some(window) => windows.push(window),
                None => self.problem("hours", "must be like 01:00-04:00, in UTC, within one day"),
            }
        }
        (!windows.is_empty()).then_some(Hours { windows, weekdays: row.weekdays })
    }
}

/// `dollars`, of which the unit is one in `units`, if it is a whole number of picodollars.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked, and is far smaller")]
fn money(dollars: f64, most: f64, units: f64) -> Option<Money> {
    let exact = dollars * units;
    let whole = exact.round();
    // What a fraction in binary is off its decimal is far smaller.
    let fits = (0.0..=most).contains(&dollars) && (exact - whole).abs() < 0.01;
    fits.then(|| Money::from_picos(whole as u128))
}

/// Seconds since the epoch at the begin of `2026-11-25`.
fn date(text: &str) -> Option<u64> {
    let mut parts = text.split('-').map(|part| part.parse::<u64>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    if text.len() != 10 || parts.next().is_some() || !(1970..=9999).contains(&year) {
        return None;
    }
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // Years that begin in March: Hinnant, "chrono-compatible low-level date algorithms".
    let year = year - u64::from(month <= 2);
    let (era, of_era) = (year / 400, year % 400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    Some((days - 719_468) * 86_400)
}

/// Seconds of the day at `04:00`.
fn time(text: &str) -> Option<u64> {
    let (hour, minute) = text.split_once(':')?;
    let (hour, minute): (u64, u64) = (hour.parse().ok()?, minute.parse().ok()?);
    let fits = (hour < 24 && minute < 60) || (hour == 24 && minute == 0);
    fits.then_some(hour * 3600 + minute * 60)
}

/// Dollars for a million tokens, and for a request, that are believed.
const MOST_MILLION: f64 = 1e6;
const MOST_REQUEST: f64 = 1e3;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::line::rfc3339;
    use crate::time::Timestamp;

    #[test]
    fn days() {
        for day in ["1970-01-01", "2000-02-29", "2000-03-01", "2026-11-25", "2027-01-01", "2400-12-31"] {
            let start = Timestamp::from_micros(date(day).unwrap() * 1_000_000);
            assert_eq!(rfc3339(start), format!("{day}T00:00:00.000000Z"));
        }
        for bad in ["", "2026-13-01", "2026-1-1", "2026-01-32", "26-01-01", "2026/01/01", "2026-01-01-01", "1969-12-31"]
        {
            assert_eq!(date(bad), None, "{bad}");
        }
    }

    #[test]
    fn every_problem_is_told_with_its_place() {
        let row = Row {
            models: vec!["a*b".to_owned()],
            from: Some("yesterday".to_owned()),
            hours: vec!["04:00-01:00".to_owned()],
            input: Some(-1.0),
            output: Some(0.000_000_1),
            cache_read: Some(f64::NAN),
            cache_write: Some(1e7),
            request: Some(-0.1),
            above: vec![
                Tier { input_tokens: 10, output: Some(f64::INFINITY), ..Tier::default() },
                Tier { input_tokens: 10, ..Tier::default() },
            ],
            ..Row::default()
        };
        let mut problems = Vec::new();
        row.read("prices.rows[0]", &mut problems);
        let found: Vec<&str> =
            problems.iter().map(|p| p.path.strip_prefix("prices.rows[0].").unwrap_or(&p.path)).collect();
        assert_eq!(
            found,
            [
                "providers",
                "models",
                "request",
                "input",
                "cache_read",
                "cache_write",
                "output",
                "above[0].output",
                "above[1].input_tokens",
                "from",
                "hours"
            ]
        );
    }

    #[test]
    fn published_prices_are_whole_numbers() {
        for (dollars, picos) in
            [(0.0, 0), (0.003_625, 3625), (0.0375, 37_500), (75.0, 75_000_000), (1e6, 1_000_000_000_000)]
        {
            assert_eq!(money(dollars, MOST_MILLION, 1e6), Some(Money::from_picos(picos)));
        }
        assert_eq!(money(0.012, MOST_REQUEST, 1e12), Some(Money::from_picos(12_000_000_000)));
    }
}
