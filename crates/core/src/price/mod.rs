//! The price book: what a model's tokens cost, by provider, model, date and length of the prompt, and what a reply's
//! usage comes to. Exact: every price is a whole number of picodollars ([`Money`]).
//!
//! Prices come from `data/prices.json`, which is part of the program, and from the operator's rows, which win.

mod book;
mod custom;
mod rates;
mod sheet;

pub use book::{Book, Prices, built_in, prepare};
pub use custom::custom;
pub use rates::{Rates, is_plausible};
pub use sheet::{Row, Sheet, Tier, Written};

use crate::cost::{Cost, Source, Unpriced};
use crate::hub::Usage;
#[cfg(doc)]
use crate::money::Money;

/// What a reply with this usage cost. The client's own price wins over what the provider says, and that over the book.
/// `complete`: the reply came to its end, so `usage` is final.
pub fn cost(custom: Option<&Rates>, prices: Option<&Prices>, usage: &Usage, complete: bool) -> Cost {
    let known = |source, amount| Cost::Known { amount, source };
    if let Some(amount) = usage.reported_cost.filter(|_| custom.is_none()) {
        return known(Source::Provider, amount);
    }
    if !complete {
        return Cost::Unknown(Unpriced::CutShort);
    }
    let priced = match (custom, prices) {
        (Some(rates), _) => rates.cost(usage).map(|amount| known(Source::Client, amount)),
        (None, _) if usage.beyond_tokens => Err(Unpriced::BeyondTokens),
        (None, Some(prices)) => prices.cost(usage).map(|amount| known(Source::Book, amount)),
        (None, None) => Err(Unpriced::NoPrice),
    };
    priced.unwrap_or_else(Cost::Unknown)
}
