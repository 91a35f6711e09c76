//! Amounts of money, exact.

use std::fmt;

/// US dollars in units of 10⁻¹² (picodollars). A price of one dollar for a million tokens is 1,000,000 of them for a
/// token, so no published price is rounded, and no sum of a reply's parts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Money(u128);

/// Picodollars in a dollar, and in a millionth of one.
const DOLLAR: u128 = 1_000_000_000_000;
const MICRO: u128 = 1_000_000;
/// Digits after the point of a dollar.
const DIGITS: usize = 12;

impl Money {
    pub const ZERO: Self = Self(0);

    pub const fn from_picos(picos: u128) -> Self {
        Self(picos)
    }

    pub const fn picos(self) -> u128 {
        self.0
    }

    /// Millionths of a dollar, to the nearest one.
    pub fn micros(self) -> u64 {
        u64::try_from(self.0.saturating_add(MICRO / 2) / MICRO).unwrap_or(u64::MAX)
    }

    /// Reads dollars as JSON writes numbers (`0.0000015`, `1.5e-06`), to the nearest unit. None if they are negative,
    /// not a number, or more than `most`.
    pub fn parse(text: &str, most: Self) -> Option<Self> {
        let (number, exponent) = match text.split_once(['e', 'E']) {
            Some((number, exponent)) => (number, exponent.parse::<i32>().ok()?),
            None => (text, 0),
        };
        let (whole, part) = number.split_once('.').unwrap_or((number, ""));
        let digits = || whole.bytes().chain(part.bytes());
        if whole.is_empty() || !digits().all(|b| b.is_ascii_digit()) {
            return None;
        }
        // The value is the digits times ten to the power of `shift`, in our unit.
        let shift = exponent.checked_add(12)?.checked_sub(i32::try_from(part.len()).ok()?)?;
        let keep = i64::try_from(whole.len() + part.len()).ok()? + i64::from(shift.min(0));
        let mut picos = 0_u128;
        let mut rounds_up = false;
        for (place, digit) in (0_i64..).zip(digits()) {
            if place < keep {
                picos = picos.checked_mul(10)?.checked_add(u128::from(digit - b'0'))?;
            } else {
                rounds_up = place == keep && digit >= b'5';
                break;
            }
        }
        picos += u128::from(rounds_up);
        if picos == 0 {
            return Some(Self::ZERO);
        }
        for _ in 0..shift {
            picos = picos.checked_mul(10)?;
        }
        Some(Self(picos)).filter(|money| *money <= most)
    }

    /// The sum, at the most what can be held.
    #[must_use]
    pub const fn plus(self, more: Self) -> Self {
        Self(self.0.saturating_add(more.0))
    }

    /// This for each of `count`.
    #[must_use]
    pub const fn times(self, count: u64) -> Self {
        Self(self.0.saturating_mul(count as u128))
    }

    /// Dollars, for consumers that only take floating point.
    #[expect(clippy::cast_precision_loss, reason = "16 digits are enough for a graph; sums are kept exactly")]
    pub fn dollars(self) -> f64 {
        (self.0 / DOLLAR) as f64 + (self.0 % DOLLAR) as f64 / DOLLAR as f64
    }
}

/// Dollars, exactly, without trailing zeros: `0.0000015`.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (dollars, rest) = (self.0 / DOLLAR, self.0 % DOLLAR);
        if rest == 0 {
            return write!(f, "{dollars}");
        }
        let zeros = (1..).zip(std::iter::successors(Some(rest), |r| r.is_multiple_of(10).then_some(r / 10))).last();
        let (count, significant) = zeros.unwrap_or((1, rest));
        write!(f, "{dollars}.{significant:0width$}", width = DIGITS + 1 - count)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MOST: Money = Money(1_000 * DOLLAR);

    #[test]
    fn numbers_are_read_exactly() {
        for (text, picos) in [
            ("0", Some(0)),
            ("0.0", Some(0)),
            ("1", Some(DOLLAR)),
            ("0.0000015", Some(1_500_000)),
            ("1.5e-06", Some(1_500_000)),
            ("1.5E-6", Some(1_500_000)),
            ("15e-7", Some(1_500_000)),
            ("3.0000000000000004e-06", Some(3_000_000)),
            ("0.0000000000004", Some(0)),
            ("0.0000000000005", Some(1)),
            ("9.9999999999999e-12", Some(10)),
            ("1e-400", Some(0)),
            ("0e400", Some(0)),
            ("1000", Some(1_000 * DOLLAR)),
            ("1000.000000000001", None),
            ("1e308", None),
            ("1e99999999999", None),
            ("-1", None),
            ("-0.5", None),
            ("", None),
            (".5", None),
            ("nan", None),
            ("0x1", None),
            ("1_0", None),
            ("99999999999999999999999999999999999999999999", None),
        ] {
            assert_eq!(Money::parse(text, MOST).map(Money::picos), picos, "{text}");
        }
    }

    #[test]
    fn dollars_are_written_exactly() {
        for (picos, text, micros) in [
            (0, "0", 0),
            (1, "0.000000000001", 0),
            (499_999, "0.000000499999", 0),
            (500_000, "0.0000005", 1),
            (1_500_000, "0.0000015", 2),
            (DOLLAR, "1", 1_000_000),
            (12 * DOLLAR + DOLLAR / 2, "12.5", 12_500_000),
            (u128::MAX, "340282366920938463463374607.431768211455", u64::MAX),
        ] {
            assert_eq!((Money(picos).to_string().as_str(), Money(picos).micros()), (text, micros));
        }
        assert!((Money(1_500_000).dollars() - 0.000_001_5).abs() < 1e-15);
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(picos in 0..=MOST.picos()) {
            prop_assert_eq!(Money::parse(&Money(picos).to_string(), MOST), Some(Money(picos)));
        }
    }
}
