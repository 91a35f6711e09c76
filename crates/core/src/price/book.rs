//! Finding the price of a model.

use std::cmp::Ordering;
use std::sync::{Arc, LazyLock};

use super::rates::Rates;
use super::sheet::{Row, Sheet};
use crate::cost::Unpriced;
use crate::hub::Usage;
use crate::money::Money;
use crate::settings::Problem;
use crate::time::Timestamp;

/// Every price that is known: the operator's, and below them the program's own.
#[derive(Clone, Debug, Default)]
pub struct Book {
    own: Table,
}

/// The prices of a model at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prices {
    pub(super) base: Rates,
    /// Prices of a whole request with more input than this, ascending.
    pub(super) above: Vec<(u64, Rates)>,
    /// Seconds since the epoch.
    pub(super) from: u64,
    pub(super) hours: Option<Hours>,
}

/// Hours of the day, in UTC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hours {
    /// Seconds of the day, from and to.
    pub(super) windows: Vec<(u64, u64)>,
    /// Monday to Friday only.
    pub(super) weekdays: bool,
}

impl Book {
    /// The book with the operator's `rows` on top; the first ones win.
    pub fn new(rows: &[Row], problems: &mut Vec<Problem>) -> Self {
        Self { own: Table::new(rows, problems) }
    }

    /// The price of `model` at `provider`. A name without price is looked up without its date or `-latest`, too; a `.`
    /// in it is as good as a `-`.
    pub fn find(&self, provider: &str, model: &str, at: Timestamp) -> Option<Arc<Prices>> {
        let found = self.own.find(provider, model, at).or_else(|| BUILT_IN.find(provider, model, at));
        found.map(Arc::clone)
    }
}

impl Prices {
    /// What `usage` costs.
    pub fn cost(&self, usage: &Usage) -> Result<Money, Unpriced> {
        let input = usage.input_total();
        let tier = self.above.iter().rev().find(|(tokens, _)| input > *tokens);
        tier.map_or(&self.base, |(_, rates)| rates).cost(usage)
    }

    fn applies(&self, at: Timestamp) -> bool {
        let seconds = at.as_secs();
        seconds >= self.from && self.hours.as_ref().is_none_or(|hours| hours.hold(seconds))
    }

    /// Of two that apply, the one of these hours wins, then the newer one.
    fn rank(&self) -> (bool, u64) {
        (self.hours.is_some(), self.from)
    }
}

impl Hours {
    fn hold(&self, seconds: u64) -> bool {
        // The epoch began on a Thursday.
        let weekday = (seconds / 86_400 + 4) % 7;
        let of_day = seconds % 86_400;
        (!self.weekdays || (1..=5).contains(&weekday))
            && self.windows.iter().any(|(from, to)| (*from..*to).contains(&of_day))
    }
}

/// Rows, sorted for searching.
#[derive(Clone, Debug, Default)]
struct Table {
    prices: Vec<Arc<Prices>>,
    /// Whole names, in the order of [`loosely`]; of equal ones the first row wins.
    names: Vec<Name>,
    patterns: Vec<Name>,
}

/// Whose price it is; in a pattern the beginnings of the names.
#[derive(Clone, Debug)]
struct Name {
    provider: Begin,
    model: Begin,
    /// Its place among the prices.
    prices: usize,
}

/// A name, or its beginning.
#[derive(Clone, Debug)]
struct Begin {
    text: Box<str>,
    open: bool,
}

impl Table {
    fn new(rows: &[Row], problems: &mut Vec<Problem>) -> Self {
        let mut table = Self::default();
        for (number, row) in rows.iter().enumerate() {
            let prices = row.read(&format!("prices.rows[{number}]"), problems);
            for provider in &row.providers {
                for model in &row.models {
                    let (provider, model) = (Begin::new(provider), Begin::new(model));
                    let list = if provider.open || model.open { &mut table.patterns } else { &mut table.names };
                    list.push(Name { provider, model, prices: number });
                }
            }
            table.prices.push(Arc::new(prices));
        }
        table.names.sort_by(|a, b| a.order(&b.provider.text, &b.model.text));
        table
    }

    fn find(&self, provider: &str, model: &str, at: Timestamp) -> Option<&Arc<Prices>> {
        let undated = undated(model);
        let shorter = (undated != model).then_some(undated);
        self.named(provider, model, at)
            .or_else(|| shorter.and_then(|model| self.named(provider, model, at)))
            .or_else(|| self.like(provider, model, at))
    }

    fn named(&self, provider: &str, model: &str, at: Timestamp) -> Option<&Arc<Prices>> {
        let start = self.names.partition_point(|name| name.order(provider, model) == Ordering::Less);
        let equal = self.names.iter().skip(start).take_while(|name| name.order(provider, model) == Ordering::Equal);
        // The last of equals wins in `max_by_key`, and the first row is to.
        let all = equal.filter_map(|name| self.prices.get(name.prices)).filter(|prices| prices.applies(at));
        all.reduce(|best, next| if next.rank() > best.rank() { next } else { best })
    }

    fn like(&self, provider: &str, model: &str, at: Timestamp) -> Option<&Arc<Prices>> {
        let covering = self.patterns.iter().filter(|name| name.provider.covers(provider) && name.model.covers(model));
        let priced = covering.filter_map(|name| Some((name, self.prices.get(name.prices)?)));
        let rank = |(name, prices): &(&Name, &Arc<Prices>)| {
            (!name.model.open, name.model.text.len(), !name.provider.open, name.provider.text.len(), prices.rank())
        };
        let all = priced.filter(|(_, prices)| prices.applies(at));
        all.reduce(|best, next| if rank(&next) > rank(&best) { next } else { best }).map(|(_, prices)| prices)
    }
}

impl Name {
    fn order(&self, provider: &str, model: &str) -> Ordering {
        (*self.provider.text).cmp(provider).then_with(|| loosely(&self.model.text, model))
    }
}

impl Begin {
    fn new(written: &str) -> Self {
        let text = written.strip_suffix('*');
        Self { text: text.unwrap_or(written).into(), open: text.is_some() }
    }

    fn covers(&self, name: &str) -> bool {
        if self.open {
            name.get(..self.text.len()).is_some_and(|begin| loosely(&self.text, begin) == Ordering::Equal)
        } else {
            loosely(&self.text, name) == Ordering::Equal
        }
    }
}

/// Compares model names: `claude-opus-4.7` is `claude-opus-4-7`.
fn loosely(a: &str, b: &str) -> Ordering {
    let plain = |byte: u8| if byte == b'.' { b'-' } else { byte };
    a.bytes().map(plain).cmp(b.bytes().map(plain))
}

/// `model` without `models/` before it, and without `-latest` or a date behind it.
fn undated(model: &str) -> &str {
    let model = model.strip_prefix("models/").unwrap_or(model);
    if let Some(name) = model.strip_suffix("-latest") {
        return name;
    }
    let dated = |length: usize| {
        let (name, date) = model.split_at_checked(model.len().checked_sub(length)?)?;
        let (sign, date) = date.split_at_checked(1)?;
        let fits = matches!(sign, "-" | "@")
            && date.starts_with("20")
            && date.bytes().all(|b| b.is_ascii_digit() || b == b'-')
            && date.bytes().filter(u8::is_ascii_digit).count() == 8;
        fits.then_some(name)
    };
    dated("-20261125".len()).or_else(|| dated("-2026-11-25".len())).unwrap_or(model)
}

/// The prices the program comes with; read when the first one is looked up.
static BUILT_IN: LazyLock<Table> = LazyLock::new(|| Table::new(&built_in().unwrap_or_default().rows, &mut Vec::new()));

/// Reads the prices the program comes with, if nobody has yet: about a millisecond, which a server spends before its
/// first request.
pub fn prepare() {
    LazyLock::force(&BUILT_IN);
}

/// The sheet the program comes with. It cannot fail, and a test sees to that.
pub fn built_in() -> Result<Sheet, serde_json::Error> {
    serde_json::from_str(TEXT)
}

const TEXT: &str = include_str!("../../data/prices.json");
