//! Replies that the gateway keeps, so that a later request can go on from them (`previous_response_id`) where the provider
//! does not keep them itself. Core says what is kept and what is looked up; a host keeps it.

use std::fmt;

use sha2::{Digest as _, Sha256};

use crate::catalog::Catalog;
use crate::credentials::Caller;
use crate::secret::Secret;
use crate::time::Timestamp;

/// Whose a reply is: a digest of the credentials of the request that asked for it. Nobody else can name it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Owner([u8; 32]);

impl Owner {
    /// The owner of what `caller` asks for: who opens the gateway with the same token, and brings the same key of a
    /// provider, or none.
    pub fn of(caller: &Caller, catalog: &Catalog) -> Self {
        let mut digest = Sha256::new_with_prefix(b"apex-ai-proxy responses\0");
        for secret in [catalog.gateway_token.as_ref(), caller.own_key.as_ref()] {
            // The length keeps two credentials apart from one that reads like both.
            let text = secret.map_or("", Secret::expose);
            digest.update((text.len() as u64).to_le_bytes());
            digest.update(text.as_bytes());
        }
        Self(digest.finalize().into())
    }

    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Owner")
    }
}

/// Names one kept reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    pub owner: Owner,
    /// `resp_...`
    pub id: String,
}

/// A reply, and what was asked for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    pub key: Key,
    /// The reply that the request went on from.
    pub previous: Option<String>,
    pub provider: String,
    /// The provider keeps it, too, under the same id.
    pub held: bool,
    pub created: Timestamp,
    /// What the request itself brought: a JSON array of input items.
    pub input: String,
    /// The response object, as the client got it.
    pub response: String,
}

impl Kept {
    /// Bytes of what was said.
    pub const fn size(&self) -> u64 {
        (self.input.len() + self.response.len()) as u64
    }
}

/// What is asked of a host's store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// A reply and all that it went on from, oldest first. One that is missing in between makes all of it unknown. A store
    /// may stop once it has more than `limit` bytes.
    Chain { key: Key, limit: u64 },
    /// Forgets one reply, and gives it back.
    Forget(Key),
    /// The replies that hold items of these ids, each once. A store may stop once it has more than `limit` bytes.
    Holding { owner: Owner, ids: Vec<String>, limit: u64 },
    /// One reply.
    One(Key),
}

/// What was found of what a request goes on from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Past {
    /// Of [`Ask::Chain`], or the one that was asked for.
    pub chain: Vec<Kept>,
    /// Of [`Ask::Holding`].
    pub holding: Vec<Kept>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Host;
    use crate::settings::Settings;

    #[test]
    fn owners_differ_by_token_and_key() {
        let catalog = |token: &str| {
            let settings = Settings { gateway_token: Some(token.into()), ..Settings::default() };
            Catalog::build(&settings, Host { loopback: true, native: true }).unwrap()
        };
        let owner = |token: &str, own: &str| Owner::of(&Caller { own_key: Secret::new(own) }, &catalog(token));
        assert_eq!(owner("t", "k"), owner("t", "k"));
        let all = [owner("t", ""), owner("t", "k"), owner("u", ""), owner("u", "k"), owner("tk", ""), owner("uk", "")];
        for (at, one) in all.iter().enumerate() {
            assert!(all.iter().skip(at + 1).all(|other| other != one), "{at}");
        }
        assert_eq!(format!("{:?}", owner("secret", "k")), "Owner");
    }
}
