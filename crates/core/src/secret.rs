//! Text that must not be printed.

use std::fmt;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// A credential. It has no `Display`, its `Debug` prints `***`, and it is compared in constant time.
#[derive(Clone)]
pub struct Secret {
    text: String,
    digest: [u8; 32],
}

impl Secret {
    /// Wraps `text`; empty text is no secret.
    pub fn new(text: impl Into<String>) -> Option<Self> {
        let text = text.into();
        let digest = Sha256::digest(text.as_bytes()).into();
        (!text.is_empty()).then_some(Self { text, digest })
    }

    /// The text itself, for the one header it belongs into.
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// Is `given` this secret? Takes the same time for every `given` of the same length: both are hashed first.
    pub fn matches(&self, given: &[u8]) -> bool {
        let digest: [u8; 32] = Sha256::digest(given).into();
        self.digest.ct_eq(&digest).into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_do_not_print_and_compare_whole() {
        let s = Secret::new("sk-123").unwrap();
        assert_eq!(format!("{s:?}"), "***");
        assert!(s.matches(b"sk-123"));
        assert!(!s.matches(b"sk-12"));
        assert!(!s.matches(b""));
        assert!(Secret::new("").is_none());
    }
}
