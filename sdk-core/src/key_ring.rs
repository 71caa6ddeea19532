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

impl KeyRing {
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
