//! What a translation could not keep, and how the caller learns of it.

use std::borrow::Cow;
use std::fmt::Write;

/// What was done with something the target cannot say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// The nearest meaning was sent.
    Approx,
    /// Left out; the answer's meaning does not depend on it.
    Drop,
    /// A provider's field patch: renamed, removed or set on the wire.
    Patch,
}

impl Action {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Approx => "approx",
            Self::Drop => "drop",
            Self::Patch => "patch",
        }
    }
}

/// One adjustment, named by the caller's own field path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Loss {
    pub name: Cow<'static, str>,
    pub action: Action,
}

/// The adjustments of one request, in the order they were made, each name once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Losses(Vec<Loss>, usize);

/// Most adjustments that are kept by name.
const MAX_NAMED: usize = 128;

impl Losses {
    /// Longest value of `x-apex-adjustments`, in bytes.
    pub const HEADER_CAP: usize = 1024;

    pub fn approx(&mut self, name: impl Into<Cow<'static, str>>) {
        self.push(name.into(), Action::Approx);
    }

    pub fn drop(&mut self, name: impl Into<Cow<'static, str>>) {
        self.push(name.into(), Action::Drop);
    }

    pub fn patch(&mut self, name: impl Into<Cow<'static, str>>) {
        self.push(name.into(), Action::Patch);
    }

    /// Adds one that was made elsewhere.
    pub fn add(&mut self, loss: Loss) {
        self.push(loss.name, loss.action);
    }

    /// Takes over how many of `other` were only counted.
    pub const fn count(&mut self, other: &Self) {
        self.1 += other.1;
    }

    fn push(&mut self, name: Cow<'static, str>, action: Action) {
        // A caller can invent any number of members: past what a header can hold they are only counted.
        if self.0.len() >= MAX_NAMED {
            self.1 += 1;
        } else if !self.0.iter().any(|l| l.name == name) {
            self.0.push(Loss { name, action });
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = &Loss> {
        self.0.iter()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value of `x-apex-adjustments`: `name=action` pairs, joined by commas. Names that would not fit are counted
    /// (`+3`), and bytes that do not belong into a header become `_`: names can hold a caller's own member names.
    pub fn header(&self) -> Option<String> {
        if self.0.is_empty() {
            return None;
        }
        let mut out = String::new();
        let mut unnamed = self.1;
        for (at, loss) in self.0.iter().enumerate() {
            let name: String = loss
                .name
                .chars()
                .take(64)
                .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '[' | ']') { c } else { '_' })
                .collect();
            if out.len() + name.len() + 24 > Self::HEADER_CAP {
                unnamed += self.0.len() - at;
                break;
            }
            if !out.is_empty() {
                out.push(',');
            }
            // Writing to a string does not fail.
            let _ = write!(out, "{name}={}", loss.action.as_str());
        }
        if unnamed > 0 {
            let _ = write!(out, ",+{unnamed}");
        }
        Some(out)
    }
}

/// The target cannot say this and leaving it out would change the answer: a 400 that names the caller's field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{param}: {what}")]
pub struct Untranslatable {
    /// Path in the caller's notation.
    pub param: String,
    /// What cannot be done, and what to do instead.
    pub what: String,
}

impl Untranslatable {
    pub fn new(param: impl Into<String>, what: impl Into<String>) -> Self {
        Self { param: param.into(), what: what.into() }
    }

    /// The medium at `place`, an image or a document, is somewhere that the target does not reach.
    pub fn unreachable(place: &str, what: &str) -> Self {
        Self::new(format!("{place}.source"), format!("the target cannot reach this {what}; send its data"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_is_capped_and_clean() {
        let mut losses = Losses::default();
        assert_eq!(losses.header(), None);
        losses.drop("seed");
        losses.approx("temperature");
        losses.approx("seed");
        losses.drop("od\r\nd,=é".to_owned());
        assert_eq!(losses.header().unwrap(), "seed=drop,temperature=approx,od__d___=drop");
        for i in 0..200 {
            losses.drop(format!("member_{i}"));
        }
        let header = losses.header().unwrap();
        assert!(header.len() <= Losses::HEADER_CAP, "{}", header.len());
        assert!(header.contains(",+"));
    }
}
