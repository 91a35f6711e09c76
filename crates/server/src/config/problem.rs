//! What is wrong with the configuration, in words an operator can act on.

use std::fmt;

/// One thing that is wrong: where, what, who said so, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) path: String,
    pub(crate) what: String,
    /// File, variable or flag.
    pub(crate) origin: Option<String>,
    pub(crate) hint: Option<String>,
}

impl Problem {
    pub(crate) fn new(path: impl Into<String>, what: impl Into<String>) -> Self {
        Self { path: path.into(), what: what.into(), origin: None, hint: None }
    }

    pub(crate) fn from(mut self, origin: impl Into<String>) -> Self {
        self.origin = Some(origin.into());
        self
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.what)?;
        if let Some(origin) = &self.origin {
            write!(f, " ({origin})")?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "; {hint}")?;
        }
        Ok(())
    }
}

/// Everything that is wrong, one line each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problems(pub(crate) Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.len();
        write!(f, "the configuration has {count} problem{}:", if count == 1 { "" } else { "s" })?;
        self.0.iter().try_for_each(|p| write!(f, "\n  {p}"))
    }
}

impl std::error::Error for Problems {}

/// A path as TOML writes it: keys that are not bare are quoted.
pub(crate) fn dotted(path: &[String]) -> String {
    let bare =
        |key: &str| !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    let keys: Vec<String> = path.iter().map(|k| if bare(k) { k.clone() } else { format!("{k:?}") }).collect();
    keys.join(".")
}

/// The one of `known` that `given` was probably meant to be.
pub(crate) fn suggestion<'a>(given: &str, known: &[&'a str]) -> Option<&'a str> {
    let plain = |text: &str| text.to_lowercase().replace(['_', '-', ' '], "");
    let given = plain(given);
    let scored = known.iter().map(|name| (distance(&given, &plain(name)), *name));
    let (off, name) = scored.min()?;
    (off <= (given.chars().count() / 3).max(1)).then_some(name)
}

/// Edits (insert, delete, replace, swap of neighbours) between two short words.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let at = |row: &[usize], k: usize| row.get(k).copied().unwrap_or(usize::MAX - 1);
            let mut best = (at(&last, j) + usize::from(x != y)).min(at(&last, j + 1) + 1).min(at(&row, j) + 1);
            if i > 0 && j > 0 && a.get(i - 1) == Some(y) && b.get(j - 1) == Some(x) {
                best = best.min(at(&before, j - 1) + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typos_find_their_word() {
        let known = ["api_key", "base_url", "via", "listen", "gateway_token", "timeouts"];
        for (given, meant) in [
            ("apikey", Some("api_key")),
            ("api-key", Some("api_key")),
            ("lsiten", Some("listen")),
            ("gatewayToken", Some("gateway_token")),
            ("timeout", Some("timeouts")),
            ("bas_url", Some("base_url")),
            ("colour", None),
            ("x", None),
        ] {
            assert_eq!(suggestion(given, &known), meant, "{given}");
        }
    }

    #[test]
    fn a_problem_reads_as_one_sentence() {
        let p = Problem::new("listen", "`8080` is not host:port").from("APEX_LISTEN").hint("try 127.0.0.1:8080");
        assert_eq!(p.to_string(), "listen: `8080` is not host:port (APEX_LISTEN); try 127.0.0.1:8080");
        assert_eq!(dotted(&["aliases".into(), "gpt-5.5".into()]), "aliases.\"gpt-5.5\"");
    }
}
