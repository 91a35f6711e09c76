//! Token counts as disjoint counters; every dialect's view is computed from them.

use crate::json::{JsonStr, Members, RawValue};
use crate::money::Money;

/// Tokens of one reply. Unknown is not zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Input that was neither read from nor written to a cache.
    pub input_uncached: Option<u64>,
    pub cache_read: Option<u64>,
    pub cache_write: Option<u64>,
    /// The part of `cache_write` kept for five minutes.
    pub cache_write_5m: Option<u64>,
    /// The part of `cache_write` kept for an hour.
    pub cache_write_1h: Option<u64>,
    /// All output, reasoning included.
    pub output: Option<u64>,
    /// The part of `output` that was reasoning.
    pub reasoning: Option<u64>,
    /// The class of service that answered.
    pub tier: Option<Tier>,
    /// What the provider says the reply costs.
    pub reported_cost: Option<Money>,
    /// The bill has a part that these counts do not tell: audio, searches, another class of service.
    pub beyond_tokens: bool,
}

impl Usage {
    /// Nothing known.
    pub const fn is_unknown(&self) -> bool {
        self.input_uncached.is_none()
            && self.output.is_none()
            && self.cache_read.is_none()
            && self.cache_write.is_none()
    }

    /// Takes over every member that `newer` knows.
    pub fn merge(&mut self, newer: &Self) {
        fn take(old: &mut Option<u64>, new: Option<u64>) {
            if new.is_some() {
                *old = new;
            }
        }
        take(&mut self.input_uncached, newer.input_uncached);
        take(&mut self.cache_read, newer.cache_read);
        take(&mut self.cache_write, newer.cache_write);
        take(&mut self.cache_write_5m, newer.cache_write_5m);
        take(&mut self.cache_write_1h, newer.cache_write_1h);
        take(&mut self.output, newer.output);
        take(&mut self.reasoning, newer.reasoning);
        self.tier = newer.tier.or(self.tier);
        self.reported_cost = newer.reported_cost.or(self.reported_cost);
        self.beyond_tokens |= newer.beyond_tokens;
    }

    /// All input: uncached, read and written.
    pub fn input_total(&self) -> u64 {
        [self.input_uncached, self.cache_read, self.cache_write].into_iter().flatten().fold(0, u64::saturating_add)
    }
}

/// A class of service, with prices and waiting times of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tier {
    Batch,
    Flex,
    Priority,
    Standard,
}

impl Tier {
    /// From the word of any dialect, as a JSON value; words that nobody else knows stay unknown.
    pub fn read(raw: Option<&RawValue>) -> Option<Self> {
        let word = raw.and_then(JsonStr::from_raw)?;
        Some(match word.text().as_ref() {
            "batch" => Self::Batch,
            "default" | "on_demand" | "standard" => Self::Standard,
            "flex" => Self::Flex,
            "fast" | "performance" | "priority" => Self::Priority,
            _ => return None,
        })
    }

    /// OpenAI's word, in both of its dialects.
    pub const fn openai(self) -> &'static str {
        match self {
            Self::Batch => "batch",
            Self::Flex => "flex",
            Self::Priority => "priority",
            Self::Standard => "default",
        }
    }

    /// Anthropic's word; it has no flexible class.
    pub const fn anthropic(self) -> Option<&'static str> {
        match self {
            Self::Batch => Some("batch"),
            Self::Flex => None,
            Self::Priority => Some("priority"),
            Self::Standard => Some("standard"),
        }
    }
}

/// Does `service_tier` of an OpenAI dialect name a class of service with prices of its own?
pub fn is_other_service(tier: Option<&RawValue>) -> bool {
    let tier = tier.and_then(JsonStr::from_raw);
    tier.is_some_and(|tier| ["flex", "priority", "fast", "scale", "batch", "performance"].iter().any(|t| tier == *t))
}

/// What a usage object of an OpenAI dialect says the reply costs: `cost` is dollars (OpenRouter; with an own key there, that
/// provider's bill comes on top), or an object with their total (Perplexity).
pub fn reported_cost(raw: &RawValue) -> Option<Money> {
    const MOST: Money = Money::from_picos(1_000_000_000_000_000);
    let m = Members::of(raw).ok()?;
    let dollars = |raw: &RawValue| Money::parse(raw.get(), MOST);
    let cost = m.get("cost")?;
    let cost = Members::of(cost).map_or(dollars(cost), |parts| dollars(parts.get("total_cost")?))?;
    if m.get("is_byok").is_none_or(|raw| raw.get() != "true") {
        return Some(cost);
    }
    let theirs = m.get("cost_details").and_then(|raw| Members::of(raw).ok())?;
    dollars(theirs.get("upstream_inference_cost")?).map(|theirs| cost.plus(theirs))
}
