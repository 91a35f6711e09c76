//! The secrets of the gateway, to be found in texts that are shown.

use memchr::memmem;

use crate::secret::Secret;

/// A secret of fewer bytes would be found in texts by chance.
pub(crate) const MIN_TELLING: usize = 8;

const MASK: &str = "***";

/// Every secret of a configuration.
#[derive(Clone, Default)]
pub struct Masks(Vec<Secret>);

impl std::fmt::Debug for Masks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

impl Masks {
    pub(crate) fn new<'s>(secrets: impl Iterator<Item = &'s Secret>) -> Self {
        let mut all: Vec<Secret> = secrets.filter(|secret| secret.expose().len() >= MIN_TELLING).cloned().collect();
        // One may be the beginning of another.
        all.sort_by_key(|secret| std::cmp::Reverse(secret.expose().len()));
        Self(all)
    }

    fn all<'a>(&'a self, own: &'a [String]) -> impl Iterator<Item = &'a str> {
        self.0.iter().map(Secret::expose).chain(own.iter().map(String::as_str))
    }

    /// `text` with every secret, and every one of the client's `own`, masked.
    pub fn mask(&self, text: &str, own: &[String]) -> String {
        let mut text = std::borrow::Cow::Borrowed(text);
        for secret in self.all(own) {
            if memmem::find(text.as_bytes(), secret.as_bytes()).is_some() {
                text = text.replace(secret, MASK).into();
            }
        }
        text.into_owned()
    }

    /// Masks the beginning of a secret at the end of a `text` that was cut there.
    pub(super) fn mask_cut(&self, text: &mut String, own: &[String]) {
        let cut = |secret: &str| {
            let longest = secret.len().min(text.len());
            (MIN_CUT..=longest).rev().find(|n| secret.get(..*n).is_some_and(|part| text.ends_with(part)))
        };
        if let Some(length) = self.all(own).filter_map(cut).max() {
            text.truncate(text.len() - length);
            text.push_str(MASK);
        }
    }
}

/// A shorter piece tells nothing (`sk-`).
const MIN_CUT: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_masked_whole_and_cut() {
        let secrets =
            [Secret::new("sk-stored-1").unwrap(), Secret::new("sk-stored-12").unwrap(), Secret::new("short").unwrap()];
        let masks = Masks::new(secrets.iter());
        let own = ["client-own-key".to_owned()];
        for (text, shown) in
            [("a sk-stored-12 b sk-stored-1, client-own-key", "a *** b ***, ***"), ("short is fine", "short is fine")]
        {
            assert_eq!(masks.mask(text, &own), shown);
        }
        for (text, shown) in [
            ("say sk-stor", "say ***"),
            ("say sk-", "say sk-"),
            ("say client-own-ke", "say ***"),
            ("say nothing", "say nothing"),
        ] {
            let mut text = text.to_owned();
            masks.mask_cut(&mut text, &own);
            assert_eq!(text, shown);
        }
    }
}
