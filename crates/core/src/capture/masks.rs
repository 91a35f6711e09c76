//! The secrets of the gateway, to be found in texts that are shown.

use memchr::memmem::{self, Finder};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC};

use crate::secret::Secret;

/// A shorter secret is a word like others (`ollama`), and would be found in texts by chance.
pub(crate) const MIN_TELLING: usize = 8;

const MASK: &str = "***";

/// Every secret of a configuration.
#[derive(Clone, Default)]
pub struct Masks(Vec<Mask>);

/// A secret, ready to be looked for: every report is searched for each of them.
#[derive(Clone)]
struct Mask {
    text: String,
    finder: Finder<'static>,
}

impl std::fmt::Debug for Masks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

impl Masks {
    pub(crate) fn new<'s>(secrets: impl Iterator<Item = &'s Secret>) -> Self {
        let telling = secrets.map(Secret::expose).filter(|text| text.len() >= MIN_TELLING);
        let mut texts: Vec<String> = telling.flat_map(spellings).collect();
        // One may be the beginning of another.
        texts.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        texts.dedup();
        let mask = |text: String| Mask { finder: Finder::new(text.as_bytes()).into_owned(), text };
        Self(texts.into_iter().map(mask).collect())
    }

    /// Masks every secret, and every one of the client's `own`, in `text`.
    pub fn mask(&self, text: &mut String, own: &[String]) {
        for mask in &self.0 {
            if mask.finder.find(text.as_bytes()).is_some() {
                *text = text.replace(&mask.text, MASK);
            }
        }
        for secret in own {
            if memmem::find(text.as_bytes(), secret.as_bytes()).is_some() {
                *text = text.replace(secret, MASK);
            }
        }
    }

    /// Masks the beginning of a secret at the end of a `text` that was cut there.
    pub(super) fn mask_cut(&self, text: &mut String, own: &[String]) {
        let cut = |secret: &str| {
            let longest = secret.len().min(text.len());
            (MIN_CUT..=longest).rev().find(|n| secret.get(..*n).is_some_and(|part| text.ends_with(part)))
        };
        let all = self.0.iter().map(|mask| mask.text.as_str()).chain(own.iter().map(String::as_str));
        if let Some(length) = all.filter_map(cut).max() {
            text.truncate(text.len() - length);
            text.push_str(MASK);
        }
    }
}

/// A secret as it is, as JSON may escape it, and as it stands in a URL.
fn spellings(secret: &str) -> Vec<String> {
    let in_url = percent_encoding::utf8_percent_encode(secret, ESCAPED_IN_URLS).to_string();
    let mut all = vec![secret.to_owned(), in_url];
    if secret.contains(['/', '"', '\\']) {
        let mut escaped = Vec::new();
        crate::json::escape_into(secret, &mut escaped);
        let escaped = String::from_utf8_lossy(&escaped).into_owned();
        all.extend([escaped.replace('/', "\\/"), escaped]);
    }
    all
}

/// All but the unreserved characters (RFC 3986 section 2.3).
const ESCAPED_IN_URLS: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A shorter piece tells nothing (`sk-`).
const MIN_CUT: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    fn masks(secrets: &[&str]) -> Masks {
        let secrets: Vec<_> = secrets.iter().map(|text| Secret::new(*text).unwrap()).collect();
        Masks::new(secrets.iter())
    }

    #[test]
    fn secrets_are_masked_whole_and_cut() {
        let masks = masks(&["sk-stored-1", "sk-stored-12", "short"]);
        let own = ["client-own-key".to_owned()];
        for (text, shown) in
            [("a sk-stored-12 b sk-stored-1, client-own-key", "a *** b ***, ***"), ("short is fine", "short is fine")]
        {
            let mut text = text.to_owned();
            masks.mask(&mut text, &own);
            assert_eq!(text, shown);
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

    #[test]
    fn secrets_are_found_however_they_are_spelled() {
        let masks = masks(&["ab/c+d\"e=="]);
        for spelled in ["ab/c+d\"e==", r#"ab\/c+d\"e=="#, r#"ab/c+d\"e=="#, "ab%2Fc%2Bd%22e%3D%3D"] {
            let mut text = format!("<{spelled}>");
            masks.mask(&mut text, &[]);
            assert_eq!(text, "<***>", "{spelled}");
        }
    }
}
