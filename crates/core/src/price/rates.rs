//! What a model's tokens cost, and what a reply's usage comes to.

use crate::cost::Unpriced;
use crate::hub::Usage;
use crate::money::Money;

/// Prices of one model: of a token of each kind, and of a request. What has no price of its own is billed like the kind
/// it is a part of: cached input like input, an hour's cache like five minutes', reasoning like output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    pub input: Option<Money>,
    pub cache_read: Option<Money>,
    pub cache_write: Option<Money>,
    pub cache_write_1h: Option<Money>,
    pub output: Option<Money>,
    pub reasoning: Option<Money>,
    pub request: Money,
}

/// Most tokens of a kind that are believed. More than any model reads in a request: an upstream that says so is wrong.
const MAX_TOKENS: u64 = 1_000_000_000;

impl Rates {
    /// What `usage` costs. A count that is not there costs nothing only if its tokens would not.
    pub fn cost(&self, usage: &Usage) -> Result<Money, Unpriced> {
        if !is_plausible(usage) {
            return Err(Unpriced::Implausible);
        }
        let write_1h = usage.cache_write_1h.unwrap_or(0);
        // A total without its parts is a default cache's: five minutes.
        let write = usage.cache_write.map_or(usage.cache_write_5m.unwrap_or(0), |all| all.saturating_sub(write_1h));
        let reasoning = usage.reasoning.unwrap_or(0).min(usage.output.unwrap_or(0));
        let (cache_write, reasoned) = (self.cache_write.or(self.input), self.reasoning.or(self.output));
        if self.reasoning.is_some() && self.reasoning != self.output && usage.reasoning.is_none() {
            known(usage.output.filter(|n| *n == 0), self.output)?;
        }
        Ok([
            part(usage.input_uncached, self.input)?,
            part(Some(usage.cache_read.unwrap_or(0)), self.cache_read.or(self.input))?,
            part(Some(write), cache_write)?,
            part(Some(write_1h), self.cache_write_1h.or(cache_write))?,
            part(usage.output.map(|all| all - reasoning), self.output)?,
            part(Some(reasoning), reasoned)?,
        ]
        .into_iter()
        .fold(self.request, Money::plus))
    }

    /// These, where they are set; else `base`'s.
    pub(super) fn over(&self, base: &Self) -> Self {
        Self {
            input: self.input.or(base.input),
            cache_read: self.cache_read.or(base.cache_read),
            cache_write: self.cache_write.or(base.cache_write),
            cache_write_1h: self.cache_write_1h.or(base.cache_write_1h),
            output: self.output.or(base.output),
            reasoning: self.reasoning.or(base.reasoning),
            request: base.request,
        }
    }
}

/// Could a model have used so many tokens?
pub fn is_plausible(usage: &Usage) -> bool {
    [
        usage.input_uncached,
        usage.cache_read,
        usage.cache_write,
        usage.cache_write_5m,
        usage.cache_write_1h,
        usage.output,
        usage.reasoning,
    ]
    .into_iter()
    .flatten()
    .all(|count| count <= MAX_TOKENS)
}

/// What `count` tokens cost at `rate`.
fn part(count: Option<u64>, rate: Option<Money>) -> Result<Money, Unpriced> {
    match (known(count, rate)?, rate) {
        (0, _) => Ok(Money::ZERO),
        (count, Some(rate)) => Ok(rate.times(count)),
        // Tokens of a kind that the list has no price for.
        (_, None) => Err(Unpriced::NoPrice),
    }
}

/// A count that is missing is harmless where nothing is charged for it.
fn known(count: Option<u64>, rate: Option<Money>) -> Result<u64, Unpriced> {
    match count {
        Some(count) => Ok(count),
        None if rate.is_none_or(|rate| rate == Money::ZERO) => Ok(0),
        None => Err(Unpriced::NoUsage),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Dollars for a million tokens, in hundredths.
    #[expect(clippy::unnecessary_wraps, reason = "every rate is optional")]
    fn cents(cents: u128) -> Option<Money> {
        Some(Money::from_picos(cents * 10_000))
    }

    fn claude() -> Rates {
        Rates {
            input: cents(300),
            cache_read: cents(30),
            cache_write: cents(375),
            cache_write_1h: cents(600),
            output: cents(1500),
            ..Rates::default()
        }
    }

    #[test]
    fn every_kind_has_its_price() {
        let usage = Usage {
            input_uncached: Some(1),
            cache_read: Some(10),
            cache_write: Some(300),
            cache_write_5m: Some(100),
            cache_write_1h: Some(200),
            output: Some(1000),
            reasoning: Some(400),
            ..Usage::default()
        };
        let picos = |rates: Rates| rates.cost(&usage).map(Money::picos);
        let sum = 3_000_000 + 10 * 300_000 + 100 * 3_750_000 + 200 * 6_000_000 + 1000 * 15_000_000;
        assert_eq!(picos(claude()), Ok(sum));
        assert_eq!(picos(Rates { cache_write_1h: None, ..claude() }), Ok(sum - 200 * (6_000_000 - 3_750_000)));
        let plain = Rates { cache_read: None, cache_write: None, cache_write_1h: None, ..claude() };
        assert_eq!(picos(plain), Ok(311 * 3_000_000 + 1000 * 15_000_000));
        let apart = Rates { reasoning: cents(300), request: Money::from_picos(7), ..claude() };
        assert_eq!(picos(apart), Ok(sum - 400 * 12_000_000 + 7));
    }

    #[test]
    fn what_is_missing_is_unknown_unless_it_is_free() {
        let chat = Rates { input: cents(100), output: cents(200), ..Rates::default() };
        let embedding = Rates { input: cents(100), ..Rates::default() };
        let free = Rates { input: cents(0), output: cents(0), ..Rates::default() };
        let usage = |input, output| Usage { input_uncached: input, output, ..Usage::default() };
        for (rates, usage, want) in [
            (chat, usage(Some(1), Some(1)), Ok(3_000_000)),
            (chat, usage(Some(1), None), Err(Unpriced::NoUsage)),
            (chat, usage(None, Some(1)), Err(Unpriced::NoUsage)),
            (chat, usage(None, None), Err(Unpriced::NoUsage)),
            (embedding, usage(Some(5), None), Ok(5_000_000)),
            (embedding, usage(Some(5), Some(0)), Ok(5_000_000)),
            (embedding, usage(Some(5), Some(1)), Err(Unpriced::NoPrice)),
            (embedding, usage(None, None), Err(Unpriced::NoUsage)),
            (free, usage(None, None), Ok(0)),
            (Rates::default(), usage(Some(1), None), Err(Unpriced::NoPrice)),
            (chat, usage(Some(MAX_TOKENS + 1), Some(1)), Err(Unpriced::Implausible)),
            (chat, usage(Some(u64::MAX), Some(u64::MAX)), Err(Unpriced::Implausible)),
        ] {
            assert_eq!(rates.cost(&usage).map(Money::picos), want, "{usage:?}");
        }
        // How much of the output was reasoning decides over its price.
        let apart = Rates { reasoning: cents(1), ..chat };
        assert_eq!(apart.cost(&usage(Some(1), Some(1))), Err(Unpriced::NoUsage));
        assert_eq!(apart.cost(&usage(Some(1), Some(0))), Ok(Money::from_picos(1_000_000)));
    }

    fn counts() -> impl Strategy<Value = Usage> {
        let count = || 0..MAX_TOKENS / 4;
        (count(), count(), count(), count(), count(), count()).prop_map(
            |(input, read, short, long, output, reasoning)| Usage {
                input_uncached: Some(input),
                cache_read: Some(read),
                cache_write: Some(short + long),
                cache_write_5m: Some(short),
                cache_write_1h: Some(long),
                output: Some(output + reasoning),
                reasoning: Some(reasoning),
                ..Usage::default()
            },
        )
    }

    fn rates() -> impl Strategy<Value = Rates> {
        let rate = || prop::option::of((0..=1_000_000_u128).prop_map(|n| Money::from_picos(n * 1_000_000)));
        let input = (0..=1_000_000_u128).prop_map(|n| Some(Money::from_picos(n * 1_000_000)));
        (input.clone(), rate(), rate(), rate(), input, rate()).prop_map(
            |(input, cache_read, cache_write, cache_write_1h, output, reasoning)| Rates {
                input,
                cache_read,
                cache_write,
                cache_write_1h,
                output,
                reasoning,
                request: Money::ZERO,
            },
        )
    }

    proptest! {
        #[test]
        fn the_price_of_a_sum_is_the_sum_of_prices(rates in rates(), a in counts(), b in counts()) {
            let add = |x: Option<u64>, y: Option<u64>| x.zip(y).map(|(x, y)| x + y);
            let both = Usage {
                input_uncached: add(a.input_uncached, b.input_uncached),
                cache_read: add(a.cache_read, b.cache_read),
                cache_write: add(a.cache_write, b.cache_write),
                cache_write_5m: add(a.cache_write_5m, b.cache_write_5m),
                cache_write_1h: add(a.cache_write_1h, b.cache_write_1h),
                output: add(a.output, b.output),
                reasoning: add(a.reasoning, b.reasoning),
                ..Usage::default()
            };
            let cost = |usage: &Usage| rates.cost(usage).unwrap();
            prop_assert_eq!(cost(&both), cost(&a).plus(cost(&b)));
        }

        #[test]
        fn no_usage_overflows_or_mints(counts in prop::array::uniform7(prop::option::of(any::<u64>())), rates in rates()) {
            let [input_uncached, cache_read, cache_write, cache_write_5m, cache_write_1h, output, reasoning] = counts;
            let usage = Usage {
                input_uncached, cache_read, cache_write, cache_write_5m, cache_write_1h, output, reasoning,
                ..Usage::default()
            };
            if let Ok(cost) = rates.cost(&usage) {
                let most = Money::from_picos(1_000_000_000_000).times(6 * MAX_TOKENS);
                prop_assert!(cost <= most);
            }
        }
    }
}
