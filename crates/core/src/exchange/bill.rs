//! What an exchange costs, once its usage is known.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use crate::cost::{Cost, Source};
use crate::hub::Usage;
use crate::money::Money;
use crate::price::{self, Prices, Rates};

/// The prices that apply.
#[derive(Debug)]
pub(super) struct Bill {
    /// Nothing is charged for what was asked.
    pub(super) free: bool,
    pub(super) prices: Option<Arc<Prices>>,
    /// The client's own.
    pub(super) custom: Option<Rates>,
    /// The provider tells the cost itself.
    pub(super) reported: bool,
    /// Cloudflare answered from its cache: no provider was asked.
    pub(super) cached: bool,
}

impl Bill {
    /// Notes what the upstream's head says of the cost.
    pub(super) fn head(&mut self, headers: &HeaderMap) {
        self.cached = headers.get("cf-aig-cache-status").is_some_and(|v| v.as_bytes().eq_ignore_ascii_case(b"HIT"));
    }

    /// The cost of a reply with this status and usage; `complete` if it came to its end.
    pub(super) fn cost(&self, status: Option<u16>, usage: &Usage, complete: bool) -> Cost {
        if self.free || !status.is_some_and(|s| (200..300).contains(&s)) {
            return Cost::NotApplicable;
        }
        if self.cached {
            return Cost::Known { amount: Money::ZERO, source: Source::Cache };
        }
        price::cost(self.custom.as_ref(), self.prices.as_deref(), usage, complete)
    }

    /// Can a cost come out? If so, the head of a whole reply waits for it.
    pub(super) fn is_open(&self, status: StatusCode) -> bool {
        let priced = self.prices.is_some() || self.custom.is_some() || self.reported;
        !self.free && !self.cached && priced && status.is_success()
    }
}

/// Tells `cost` to the client, in US dollars.
pub(super) fn tell(cost: Cost, headers: &mut HeaderMap) {
    let value = match cost {
        Cost::NotApplicable => return,
        Cost::Unknown(_) => HeaderValue::from_static("unknown"),
        Cost::Known { amount, .. } => match HeaderValue::try_from(amount.to_string()) {
            Ok(value) => value,
            Err(_) => return,
        },
    };
    headers.insert(HeaderName::from_static("x-apex-cost"), value);
}
