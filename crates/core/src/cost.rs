//! What a request cost, as far as it is known.

use crate::money::Money;

/// Cost of one exchange. Unknown is not zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cost {
    /// Nothing was asked of a provider that it would charge for.
    #[default]
    NotApplicable,
    Known {
        amount: Money,
        source: Source,
    },
    Unknown(Unpriced),
}

/// Who says what it cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The price book, and the tokens that were counted.
    Book,
    /// Cloudflare answered from its cache.
    Cache,
    /// The client, in `cf-aig-custom-cost`.
    Client,
    /// The provider, in its reply.
    Provider,
}

/// Why a cost is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unpriced {
    /// The bill has a part that token counts do not tell: audio, searches, another class of service.
    BeyondTokens,
    /// The reply broke off before it told its usage.
    CutShort,
    /// More tokens than a model can use.
    Implausible,
    /// The price book does not know the model, or has no price for what it used.
    NoPrice,
    /// The reply does not tell its usage.
    NoUsage,
}

impl Cost {
    /// The exact amount, if known.
    pub const fn amount(self) -> Option<Money> {
        match self {
            Self::Known { amount, .. } => Some(amount),
            Self::NotApplicable | Self::Unknown(_) => None,
        }
    }

    /// Who says what it cost, or why it is unknown; none where nothing is charged for.
    pub const fn basis(self) -> Option<&'static str> {
        match self {
            Self::NotApplicable => None,
            Self::Known { source, .. } => Some(source.as_str()),
            Self::Unknown(why) => Some(why.as_str()),
        }
    }

    /// Millionths of a US dollar, if known.
    pub fn micros(self) -> Option<u64> {
        self.amount().map(Money::micros)
    }
}

impl Source {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Book => "book",
            Self::Cache => "cache",
            Self::Client => "client",
            Self::Provider => "provider",
        }
    }
}

impl Unpriced {
    pub const ALL: [Self; 5] = [Self::BeyondTokens, Self::CutShort, Self::Implausible, Self::NoPrice, Self::NoUsage];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BeyondTokens => "beyond_tokens",
            Self::CutShort => "cut_short",
            Self::Implausible => "implausible",
            Self::NoPrice => "no_price",
            Self::NoUsage => "no_usage",
        }
    }
}
