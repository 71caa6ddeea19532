use std::sync::Arc;

use crate::key::is_separator;
use crate::{Key, KeyError};

/// The keys of an app: the first signs, all of them verify, so that a secret can be replaced without a gap.
///
/// ```
/// use forge_relay_core::KeyRing;
/// let ring = KeyRing::parse("the-new-secret-of-32-bytes-or-more, the-old-secret-of-32-bytes-or-more")?;
/// assert_eq!(ring.keys().len(), 2);
/// assert!(ring.matches_bearer("the-old-secret-of-32-bytes-or-more"));
/// # Ok::<(), forge_relay_core::KeyError>(())
/// ```
#[derive(Debug, Clone)]
pub struct KeyRing {
    /// Never empty.
    keys: Arc<[Key]>,
}

/// Why a setting is no secret to sign with. None of them repeats it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// One of its texts is no key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// `docker run --env-file` and Kubernetes manifests keep quotes: every signature would be wrong.
    #[error("the secret is in quotes, which are taken as a part of it: remove them")]
    Quoted,
    /// A key has fewer than [`Key::MIN_BYTES`]. It is named by its place, not by its id: 8 digits of a hash help to
    /// guess a weak secret.
    #[error(
        "{} is too weak: it has {bytes} bytes and needs {}; `forge-relay keys new` makes one",
        which(*place, *of),
        Key::MIN_BYTES
    )]
    Weak {
        /// Which, from 1.
        place: usize,
        /// Of how many.
        of: usize,
        /// How many bytes it has.
        bytes: usize,
    },
}

fn which(place: usize, of: usize) -> String {
    match of {
        1 => "the secret".to_owned(),
        of => format!("secret {place} of {of}"),
    }
}

impl KeyRing {
    /// Reads a setting as the relay and the SDKs do: one or more secrets, all of them strong.
    ///
    /// # Errors
    /// [`SecretError`].
    pub fn parse_strong(text: &str) -> Result<Self, SecretError> {
        let quoted = |q: char| {
            text.trim()
                .strip_prefix(q)
                .is_some_and(|rest| rest.ends_with(q))
        };
        if quoted('"') || quoted('\'') {
            return Err(SecretError::Quoted);
        }
        let ring = Self::parse(text)?;
        match ring.keys.iter().position(Key::is_weak) {
            None => Ok(ring),
            Some(weak) => Err(SecretError::Weak {
                place: weak + 1,
                of: ring.keys.len(),
                bytes: ring.keys[weak].length(),
            }),
        }
    }

    /// Reads one or more secrets, separated by commas or white space.
    ///
    /// # Errors
    /// [`KeyError::Empty`] where there is none; else the first secret's that is none.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let secrets = text.split(is_separator).filter(|secret| !secret.is_empty());
        let keys = secrets.map(Key::parse).collect::<Result<Vec<_>, _>>()?;
        if keys.is_empty() {
            return Err(KeyError::Empty);
        }
        Ok(Self { keys: keys.into() })
    }

    /// All keys; the first is the one that signs.
    pub fn keys(&self) -> &[Key] {
        &self.keys
    }

    /// The key that signs.
    pub fn signing(&self) -> &Key {
        // `parse` is the only way to make a ring, and it refuses an empty one.
        &self.keys[0]
    }

    /// The keys that are too short for anything but test vectors. The relay and the SDKs refuse a ring that has any.
    pub fn weak(&self) -> Vec<&Key> {
        self.keys.iter().filter(|key| key.is_weak()).collect()
    }

    /// Whether a text is one of the secrets, as it stands in the setting. Takes the same time whichever it is, and
    /// whether it is.
    pub fn matches_bearer(&self, text: &str) -> bool {
        self.keys
            .iter()
            .fold(false, |found, key| found | key.matches_bearer(text))
    }
}

impl From<Key> for KeyRing {
    fn from(key: Key) -> Self {
        Self {
            keys: Arc::new([key]),
        }
    }
}
