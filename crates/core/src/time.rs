//! Time and randomness as arguments: core never reads a clock and never draws a number.

use std::ops::{Add, Sub};
use std::time::Duration;

/// A point in time: microseconds since the Unix epoch, monotone within one process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(u64);

impl Timestamp {
    /// `micros` microseconds after the Unix epoch.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Microseconds since the Unix epoch.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, as OpenAI's `created` wants them.
    pub const fn as_secs(self) -> u64 {
        self.0 / 1_000_000
    }

    /// Time since `earlier`, zero if `earlier` is later.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;
    fn add(self, rhs: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(rhs.as_micros()).unwrap_or(u64::MAX)))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;
    fn sub(self, rhs: Duration) -> Self {
        Self(self.0.saturating_sub(u64::try_from(rhs.as_micros()).unwrap_or(u64::MAX)))
    }
}

/// `"30 days"`, `"12h"`, `"90 min"`, `"45 s"`, `"45"`: a time of at least a second, without fractions.
pub fn duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let factor = match unit.trim() {
        "" | "s" | "second" | "seconds" => 1,
        "m" | "min" | "minute" | "minutes" => 60,
        "h" | "hour" | "hours" => 3600,
        "d" | "day" | "days" => 86_400,
        "w" | "week" | "weeks" => 7 * 86_400,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor).filter(|n| *n > 0).map(Duration::from_secs)
}

/// 128 random bits given to an exchange; every id it mints is derived from them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seed(pub u128);

impl Seed {
    /// A 24-character base-62 token, different for each `purpose`.
    pub fn token(self, purpose: u64) -> String {
        self.id("", purpose)
    }

    /// The same token behind a `prefix`.
    pub fn id(self, prefix: &str, purpose: u64) -> String {
        const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        let mut state =
            self.0 ^ (u128::from(purpose).wrapping_add(1)).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835);
        let mut out = String::with_capacity(prefix.len() + 24);
        out.push_str(prefix);
        for _ in 0..24 {
            // One step of a 128-bit multiplicative generator: ids must differ, not be secret.
            state = state.wrapping_mul(0xDA94_2042_E4DD_58B5_0000_0000_0000_0001).wrapping_add(0x2545_F491_4F6C_DD1D);
            let index = u32::try_from(state >> 96).unwrap_or(0) % 62;
            out.push(char::from(*ALPHABET.get(index as usize).unwrap_or(&b'0')));
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let seconds = |text| duration(text).map(|d| d.as_secs());
        for (text, wanted) in
            [("30 days", 2_592_000), ("12h", 43_200), (" 90 min ", 5400), ("45", 45), ("1 s", 1), ("2w", 1_209_600)]
        {
            assert_eq!(seconds(text), Some(wanted), "{text}");
        }
        for bad in ["", "0", "h", "1.5h", "-1", "1 month", "99999999999999999999", "99999999999999999d"] {
            assert_eq!(seconds(bad), None, "{bad}");
        }
    }

    #[test]
    fn tokens_differ_by_purpose_and_seed() {
        let seed = Seed(7);
        assert_eq!(seed.token(1), seed.token(1));
        assert_ne!(seed.token(1), seed.token(2));
        assert_ne!(seed.token(1), Seed(8).token(1));
        assert_eq!(seed.token(3).len(), 24);
    }

    #[test]
    fn time_never_wraps() {
        let t = Timestamp::from_micros(5);
        assert_eq!(t - Duration::from_secs(1), Timestamp::default());
        assert_eq!(t.since(t + Duration::from_secs(1)), Duration::ZERO);
    }
}
