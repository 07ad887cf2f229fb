//! Nonces for proofs (RFC 9449 sections 8 and 9): they show that a proof was not made in advance.
//!
//! A nonce is a keyed hash of the server's address and of a window of time, so nothing is kept,
//! and every replica with the key knows the nonces of all. Guarantees that who lacks the key cannot
//! foretell one.

use std::fmt;

use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hmac;
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq;

use crate::limits::DPOP_NONCE_S;
use crate::secret::Secret;

/// Makes and knows nonces.
pub struct Nonces {
    /// The first makes them, all know theirs.
    keys: Vec<hmac::Key>,
}

impl Nonces {
    /// With a key that no other process knows and that ends with this one.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn drawn() -> Result<Self, Unspecified> {
        let mut key = [0; 32];
        SystemRandom::new().fill(&mut key)?;
        Ok(Self { keys: vec![hmac::Key::new(hmac::HMAC_SHA256, &key)] })
    }

    /// With keys that are derived from those of sessions; `None` where there is none.
    #[must_use]
    pub fn of(secrets: &[Secret]) -> Option<Self> {
        let derive = |secret: &Secret| {
            let secret = hmac::Key::new(hmac::HMAC_SHA256, secret.expose());
            hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&secret, DERIVATION).as_ref())
        };
        let keys: Vec<_> = secrets.iter().map(derive).collect();
        (!keys.is_empty()).then_some(Self { keys })
    }

    /// The nonce of this moment for a server.
    #[must_use]
    pub fn current(&self, origin: &str, now_s: u64) -> Box<str> {
        let first = self.keys.first().map(|key| nonce(key, origin, now_s / DPOP_NONCE_S));
        first.unwrap_or_default().into()
    }

    /// Whether a nonce is of this window or of the one before. That of the next one counts too:
    /// the clocks of two replicas differ a little.
    #[must_use]
    pub fn accepts(&self, origin: &str, sent: &str, now_s: u64) -> bool {
        let now = now_s / DPOP_NONCE_S;
        let windows = [Some(now), now.checked_sub(1), now.checked_add(1)];
        self.keys.iter().any(|key| {
            windows
                .into_iter()
                .flatten()
                .any(|window| nonce(key, origin, window).as_bytes().ct_eq(sent.as_bytes()).into())
        })
    }
}

/// 128 bits are beyond guessing; what is made of them is 22 characters of base64url.
fn nonce(key: &hmac::Key, origin: &str, window: u64) -> String {
    let mut text = hmac::Context::with_key(key);
    text.update(&window.to_be_bytes());
    text.update(origin.as_bytes());
    URL_SAFE_NO_PAD.encode(text.sign().as_ref().first_chunk::<16>().unwrap_or(&[0; 16]))
}

impl fmt::Debug for Nonces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Nonces").field("keys", &self.keys.len()).finish()
    }
}

/// What tells these keys from others that are derived from the same secret.
const DERIVATION: &[u8] = b"sallyport dpop nonce 1";

#[cfg(test)]
mod tests {
    use super::{DPOP_NONCE_S, Nonces};
    use crate::secret::Secret;

    const NOW: u64 = 1_800_000_000;
    const HERE: &str = "https://mcp.example";

    fn keyed(bytes: &[u8]) -> Nonces {
        let secrets: Vec<_> = bytes.iter().map(|b| Secret::new(vec![*b; 32])).collect();
        Nonces::of(&secrets).unwrap()
    }

    #[test]
    fn nonce_counts_in_its_window_and_the_one_behind_and_not_for_ever() {
        let nonces = Nonces::drawn().unwrap();
        let start = NOW / DPOP_NONCE_S * DPOP_NONCE_S;
        let nonce = nonces.current(HERE, start);
        for now in [start, start + DPOP_NONCE_S - 1, start + 2 * DPOP_NONCE_S - 1, start - 1] {
            assert!(nonces.accepts(HERE, &nonce, now), "{now}");
        }
        for now in [start + 2 * DPOP_NONCE_S, start - DPOP_NONCE_S - 1, 0, u64::MAX] {
            assert!(!nonces.accepts(HERE, &nonce, now), "{now}");
        }
        assert_ne!(nonces.current(HERE, start + DPOP_NONCE_S), nonce);
        assert_eq!(nonces.current(HERE, start + DPOP_NONCE_S - 1), nonce);
    }

    #[test]
    fn nonce_is_of_one_key_and_one_server() {
        let nonce = keyed(&[1]).current(HERE, NOW);
        assert!(keyed(&[1]).accepts(HERE, &nonce, NOW), "any replica with the key");
        assert!(keyed(&[2, 1]).accepts(HERE, &nonce, NOW), "after a change of keys");
        assert!(!keyed(&[2]).accepts(HERE, &nonce, NOW));
        assert!(!Nonces::drawn().unwrap().accepts(HERE, &nonce, NOW));
        assert!(!keyed(&[1]).accepts("https://other.example", &nonce, NOW));
        for sent in ["", "A", &nonce[1..], &format!("{nonce}A"), &nonce.to_uppercase()] {
            assert!(!keyed(&[1]).accepts(HERE, sent, NOW), "{sent}");
        }
        assert_eq!(nonce.len(), 22);
        assert!(Nonces::of(&[]).is_none());
        assert!(!format!("{:?}", keyed(&[1])).contains("[1"));
    }
}
