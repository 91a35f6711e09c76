//! Which exchanges are asked for. The pieces of SQL are constants; whatever was typed is bound.

use apex_core::time::Timestamp;
use rusqlite::types::Value;

/// All that are given must hold.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub since: Option<Timestamp>,
    pub until: Option<Timestamp>,
    pub provider: Option<String>,
    /// The name as it was asked for, or as it was sent; `*` stands for any text.
    pub model: Option<String>,
    pub status: Option<StatusFilter>,
    pub outcome: Option<String>,
    pub mode: Option<String>,
    /// Only what failed: a status of 400 or more, or a reply that was not whole.
    pub errors: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusFilter {
    /// `5` for 500 to 599.
    Class(u16),
    Exactly(u16),
}

impl Filter {
    /// A condition, and what is bound to its parameters in order.
    pub(crate) fn condition(&self) -> (String, Vec<Value>) {
        let mut all: Vec<&str> = vec!["1"];
        let mut bound: Vec<Value> = Vec::new();
        let micros = |at: Timestamp| Value::from(i64::try_from(at.as_micros()).unwrap_or(i64::MAX));
        if let Some(since) = self.since {
            all.push("started >= ?");
            bound.push(micros(since));
        }
        if let Some(until) = self.until {
            all.push("started < ?");
            bound.push(micros(until));
        }
        for (text, condition) in
            [(&self.provider, "provider = ?"), (&self.outcome, "outcome = ?"), (&self.mode, "mode = ?")]
        {
            if let Some(text) = text {
                all.push(condition);
                bound.push(Value::from(text.clone()));
            }
        }
        if let Some(model) = &self.model {
            if model.contains('*') {
                all.push("(model GLOB ? OR upstream_model GLOB ?)");
                // The other two signs of GLOB stand for themselves here.
                let pattern = model.replace('[', "[[]").replace('?', "[?]");
                bound.extend([Value::from(pattern.clone()), Value::from(pattern)]);
            } else {
                all.push("(model = ? OR upstream_model = ?)");
                bound.extend([Value::from(model.clone()), Value::from(model.clone())]);
            }
        }
        match self.status {
            None => {}
            Some(StatusFilter::Class(class)) => {
                all.push("status BETWEEN ? AND ?");
                bound.extend([Value::from(i64::from(class) * 100), Value::from(i64::from(class) * 100 + 99)]);
            }
            Some(StatusFilter::Exactly(status)) => {
                all.push("status = ?");
                bound.push(Value::from(i64::from(status)));
            }
        }
        // It has an index, and is true of every failing status.
        let fails = |status: StatusFilter| match status {
            StatusFilter::Class(class) => class >= 4,
            StatusFilter::Exactly(status) => status >= 400,
        };
        if self.errors || self.status.is_some_and(fails) {
            all.push("(status >= 400 OR outcome NOT IN ('completed', 'relayed'))");
        }
        (all.join(" AND "), bound)
    }
}
