//! From layers of values to [`Settings`], with every problem found on the way.

use apex_core::settings::Settings;
use figment::Figment;
use figment::error::{Actual, Kind};
use figment::value::{Dict, Num, Value};

use super::env::truth;
use super::problem::{Problem, dotted, suggestion};

/// Merged values that still know where they came from.
#[derive(Debug)]
pub(super) struct Merged {
    figment: Figment,
    root: Value,
}

impl Merged {
    pub(super) fn new(figment: Figment) -> Self {
        let root = figment.find_value("").unwrap_or_else(|_| Value::from(Dict::new()));
        Self { figment, root }
    }

    /// Which source set the value at `path`, or the nearest thing above it.
    pub(super) fn origin(&self, path: &str) -> Option<String> {
        let leaves = self.leaves();
        let own = leaves.iter().find(|leaf| leaf.path == path);
        let below = || leaves.iter().find(|leaf| leaf.path.starts_with(&format!("{path}.")));
        own.or_else(below).map(|leaf| leaf.origin.clone())
    }

    /// Every single value, in order.
    pub(super) fn leaves(&self) -> Vec<Leaf> {
        let mut out = Vec::new();
        self.collect(&self.root, &mut Vec::new(), &mut out);
        out
    }

    fn collect(&self, value: &Value, path: &mut Vec<String>, out: &mut Vec<Leaf>) {
        match value {
            Value::Dict(_, dict) if !dict.is_empty() => {
                for (key, value) in dict {
                    path.push(key.clone());
                    self.collect(value, path, out);
                    path.pop();
                }
            }
            Value::Dict(..) => {}
            Value::Array(..)
            | Value::Bool(..)
            | Value::Char(..)
            | Value::Empty(..)
            | Value::Num(..)
            | Value::String(..) => {
                let origin = self.origin_of(value);
                out.push(Leaf { path: dotted(path), value: value.clone(), origin });
            }
        }
    }

    fn origin_of(&self, value: &Value) -> String {
        self.figment.get_metadata(value.tag()).map_or_else(|| "default".to_owned(), |m| m.name.to_string())
    }

    /// The settings, without what is wrong, and what is wrong. Serde stops at the first error: it is noted, its value
    /// taken away, and the rest read again.
    pub(super) fn settings(&mut self) -> (Settings, Vec<Problem>) {
        let mut problems = Vec::new();
        let mut coerced: Vec<Vec<String>> = Vec::new();
        loop {
            let error = match self.root.deserialize::<Settings>() {
                Ok(settings) => return (settings, problems),
                Err(error) => error,
            };
            let (path, kind) = (error.path.clone(), error.kind.clone());
            if !coerced.contains(&path)
                && let Some(slot) = at(&mut self.root, &path)
                && let Some(meant) = coerce(slot, &kind)
            {
                *slot = meant;
                coerced.push(path);
                continue;
            }
            let origin = at(&mut self.root, &path).cloned().map(|value| self.origin_of(&value));
            let mut problem = explain(&path, &kind);
            problem.origin = origin;
            problems.push(problem);
            if !remove(&mut self.root, &path) {
                // Never seen; without something to take away the next round would find the same.
                return (Settings::default(), problems);
            }
        }
    }
}

/// A value of the merged configuration.
#[derive(Clone, Debug)]
pub(super) struct Leaf {
    pub(super) path: String,
    pub(super) value: Value,
    pub(super) origin: String,
}

/// Does a value at `path` belong into no log?
pub(super) fn is_secret(path: &str) -> bool {
    path == "otel.headers" || matches!(path.rsplit('.').next(), Some("api_key" | "token" | "gateway_token"))
}

fn at<'v>(root: &'v mut Value, path: &[String]) -> Option<&'v mut Value> {
    path.iter().try_fold(root, |value, key| match value {
        Value::Dict(_, dict) => dict.get_mut(key),
        Value::Array(_, items) => items.get_mut(key.parse::<usize>().ok()?),
        Value::Bool(..) | Value::Char(..) | Value::Empty(..) | Value::Num(..) | Value::String(..) => None,
    })
}

fn remove(root: &mut Value, path: &[String]) -> bool {
    let Some((last, parents)) = path.split_last() else { return false };
    match at(root, parents) {
        Some(Value::Dict(_, dict)) => dict.remove(last).is_some(),
        Some(Value::Array(_, items)) => match last.parse::<usize>() {
            Ok(index) if index < items.len() => {
                items.remove(index);
                true
            }
            _ => false,
        },
        _ => false,
    }
}

/// The environment has only text, and TOML's numbers are sizes too: reads a value as the type its key has.
fn coerce(value: &Value, kind: &Kind) -> Option<Value> {
    let Kind::InvalidType(_, expected) = kind else { return None };
    let tag = value.tag();
    match value {
        Value::String(_, text) => match expected.as_str() {
            "a boolean" => truth(text).map(|b| Value::Bool(tag, b)),
            "a sequence" => {
                let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
                Some(Value::Array(tag, items.map(|item| Value::String(tag, item.to_owned())).collect()))
            }
            "f64" => text.trim().parse().ok().map(|n| Value::Num(tag, Num::F64(n))),
            "u16" | "u32" => text.trim().parse().ok().map(|n| Value::Num(tag, Num::U64(n))),
            _ => None,
        },
        Value::Num(_, number) if expected == "a string" => {
            let text = number.to_u128().map(|n| n.to_string()).or_else(|| number.to_i128().map(|n| n.to_string()));
            text.map(|text| Value::String(tag, text))
        }
        Value::Array(..) | Value::Bool(..) | Value::Char(..) | Value::Dict(..) | Value::Empty(..) | Value::Num(..) => {
            None
        }
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "figment's own words do for what serde never says here")]
fn explain(path: &[String], kind: &Kind) -> Problem {
    let name = dotted(path);
    match kind {
        Kind::UnknownField(field, known) => {
            let problem = Problem::new(name, "is not a known key");
            match suggestion(field, known) {
                Some(meant) => problem.hint(format!("did you mean `{meant}`?")),
                None => problem.hint(format!("known here: {}", known.join(", "))),
            }
        }
        Kind::InvalidType(found, expected) | Kind::InvalidValue(found, expected) => {
            let what = format!("is {}, and must be {}", describe(&name, found, expected), wanted(expected));
            Problem::new(name, what)
        }
        other => Problem::new(name, other.to_string()),
    }
}

/// What was found. Text is only repeated where a number was wanted: where a table was, it may be a key.
#[expect(clippy::wildcard_enum_match_arm, reason = "figment's own words do for what TOML cannot say")]
fn describe(path: &str, found: &Actual, expected: &str) -> String {
    match found {
        Actual::Str(_) | Actual::Bytes(_) | Actual::Char(_) if is_secret(path) => "text".to_owned(),
        Actual::Str(text) if matches!(expected, "f64" | "u16" | "u32" | "a boolean") => {
            format!("`{}`", text.escape_debug())
        }
        Actual::Str(_) => "text".to_owned(),
        Actual::Bool(b) => b.to_string(),
        Actual::Unsigned(n) => n.to_string(),
        Actual::Signed(n) => n.to_string(),
        Actual::Float(n) => n.to_string(),
        Actual::Map => "a table".to_owned(),
        Actual::Seq => "a list".to_owned(),
        other => other.to_string(),
    }
}

fn wanted(expected: &str) -> &str {
    match expected {
        "a boolean" => "true or false",
        "a sequence" => "a list",
        "a string" => "text",
        "a map" => "a table",
        "f64" => "a number",
        "u16" => "a whole number up to 65535",
        "u32" => "a whole number",
        text if text.starts_with("struct ") => "a table",
        other => other,
    }
}
