//! `${NAME}` in the strings of the configuration file.

use figment::value::{Dict, Value};

use super::env::Environment;
use super::problem::{Problem, dotted};

/// Puts the environment into every string of `dict`. A string that is only `${NAME}`, with `NAME` unset or empty, makes
/// its key absent.
pub(super) fn expand(dict: Dict, environment: &Environment, origin: &str) -> (Dict, Vec<Problem>) {
    let mut walk = Walk { environment, origin, path: Vec::new(), problems: Vec::new() };
    let dict = walk.dict(dict);
    (dict, walk.problems)
}

struct Walk<'a> {
    environment: &'a Environment,
    origin: &'a str,
    path: Vec<String>,
    problems: Vec<Problem>,
}

impl Walk<'_> {
    fn dict(&mut self, dict: Dict) -> Dict {
        let expanded = dict.into_iter().filter_map(|(key, value)| {
            self.path.push(key.clone());
            let value = self.value(value);
            self.path.pop();
            Some((key, value?))
        });
        expanded.collect()
    }

    fn value(&mut self, value: Value) -> Option<Value> {
        match value {
            Value::String(tag, text) => self.text(&text).map(|text| Value::String(tag, text)),
            Value::Dict(tag, dict) => Some(Value::Dict(tag, self.dict(dict))),
            Value::Array(tag, items) => {
                Some(Value::Array(tag, items.into_iter().filter_map(|v| self.value(v)).collect()))
            }
            other @ (Value::Bool(..) | Value::Char(..) | Value::Empty(..) | Value::Num(..)) => Some(other),
        }
    }

    fn text(&mut self, text: &str) -> Option<String> {
        if let Some(name) = text.strip_prefix("${").and_then(|t| t.strip_suffix('}'))
            && is_name(name)
        {
            return self.environment.get(name).map(str::to_owned);
        }
        let (mut out, mut rest) = (String::with_capacity(text.len()), text);
        while let Some((before, after)) = rest.split_once("${") {
            out.push_str(before);
            let Some((name, after)) = after.split_once('}').filter(|(name, _)| is_name(name)) else {
                self.problem("has a `${` that does not go on as `${NAME}`".to_owned());
                return None;
            };
            let Some(value) = self.environment.get(name) else {
                self.problem(format!("needs the environment variable {name}, which is not set"));
                return None;
            };
            out.push_str(value);
            rest = after;
        }
        out.push_str(rest);
        Some(out)
    }

    fn problem(&mut self, what: String) {
        self.problems.push(Problem::new(dotted(&self.path), what).from(self.origin));
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with(|c: char| c.is_ascii_digit())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}
