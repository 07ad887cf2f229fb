//! API keys: what one looks like, how it is kept, and what it is good for.
//!
//! Owns the text form of a key ([`ApiKey`]), the keyed hash under which it is known ([`KeyHash`],
//! [`Pepper`]) and the file of all keys ([`Table`], [`Entry`]). Assumes nothing. Guarantees: a key
//! has 256 bits of the system's randomness; neither a key nor a pepper can be printed by accident;
//! hashes are compared in constant time; a file is read strictly and whole, or not at all.
//!
//! The hash is fast on purpose: nobody guesses 256 random bits, so a slow one would only make the
//! gateway easier to keep busy. The pepper is for the file that leaks together with a way to write
//! into it: without the pepper nobody makes a row that lets them in.

mod file;
mod text;

pub use crate::limits::{API_KEYS_BYTES_MAX, API_KEYS_MAX};
use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::hex::{hex, read_hex};

pub use file::{Entry, FileError, Previous, RowError, Servers, Table};
pub use text::{ApiKey, KeyId, PATTERN, PREFIX, TextError, is_key_like};

/// What the hashes of all keys are keyed with: 32 random bytes.
#[derive(Clone)]
pub struct Pepper(Zeroizing<[u8; PEPPER_BYTES]>);

/// Why a pepper is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WeakPepper {
    /// Another length.
    #[error("it is not {PEPPER_BYTES} bytes long")]
    Length,
    /// A passphrase, or digits of a shorter key. Random bytes look so once in 10^13 times.
    #[error("it is text, not random bytes")]
    Text,
    /// Zeros, a count, a short piece over and over: an example. Random bytes never look so.
    #[error("it follows a pattern, such as all zeros")]
    Pattern,
}

impl Pepper {
    /// Takes a pepper that can be a random one (S-15).
    ///
    /// # Errors
    /// What shows that it is not.
    pub fn new(bytes: &[u8]) -> Result<Self, WeakPepper> {
        let key: [u8; PEPPER_BYTES] = bytes.try_into().map_err(|_| WeakPepper::Length)?;
        let key = Zeroizing::new(key);
        if key.iter().all(|byte| matches!(byte, b' '..=b'~')) {
            return Err(WeakPepper::Text);
        }
        let mut sorted = key.clone();
        sorted.sort_unstable();
        let different = 1 + sorted.windows(2).filter(|pair| pair.first() != pair.last()).count();
        let step = |pair: &[u8]| match pair {
            [a, b] => b.wrapping_sub(*a),
            _ => 0,
        };
        let counts = key.windows(3).all(|three| match three {
            [a, b, c] => step(&[*a, *b]) == step(&[*b, *c]),
            _ => false,
        });
        if counts || different < DIFFERENT_BYTES_MIN {
            return Err(WeakPepper::Pattern);
        }
        Ok(Self(key))
    }
}

impl fmt::Debug for Pepper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pepper(..)")
    }
}

/// What is kept of a key: BLAKE3, keyed with the pepper, over its id and its secret.
#[derive(Clone, Copy)]
pub struct KeyHash([u8; HASH_BYTES]);

impl KeyHash {
    /// A hash that no key has.
    pub const NONE: Self = Self([0; HASH_BYTES]);

    /// The id is hashed too, so that a hash means nothing in the row of another key.
    fn of(pepper: &Pepper, id: &[u8], secret: &[u8]) -> Self {
        let mut hash = blake3::Hasher::new_keyed(&pepper.0);
        for part in [DOMAIN, id, secret] {
            hash.update(part);
        }
        Self(*hash.finalize().as_bytes())
    }

    /// Compares without telling by its duration where the hashes differ.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }

    /// From 64 lower-case hex digits.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        read_hex(text.as_bytes()).map(Self)
    }

    /// 64 lower-case hex digits, for the file.
    #[must_use]
    pub fn to_hex(&self) -> String {
        hex(&self.0)
    }

    /// 16 hex digits that tell two secrets of one key apart, for the audit trail. Nothing of the
    /// hash can be learned from them.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        hex(blake3::hash(&self.0).as_bytes().get(..8).unwrap_or_default())
    }
}

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyHash(..)")
    }
}

/// Unit: bytes. The key of BLAKE3.
pub const PEPPER_BYTES: usize = 32;

/// Unit: bytes. Output of BLAKE3.
const HASH_BYTES: usize = 32;

/// Of 32 random bytes about 30 differ; fewer than 16 is less likely than 2^-50.
const DIFFERENT_BYTES_MIN: usize = 16;

/// Keeps these hashes apart from any other use of the same pepper.
const DOMAIN: &[u8] = b"sallyport api key 1\0";

#[cfg(test)]
mod tests {
    use aws_lc_rs::rand::{SecureRandom, SystemRandom};
    use proptest::prelude::*;

    use super::{ApiKey, KeyHash, Pepper, WeakPepper};

    fn pepper(seed: u8) -> Pepper {
        let bytes: Vec<u8> = (0..32_u8).map(|n| n.wrapping_mul(n).wrapping_add(seed)).collect();
        Pepper::new(&bytes).unwrap()
    }

    #[test]
    fn s15_zeros_counts_repetitions_and_texts_are_no_peppers() {
        let count: Vec<u8> = (0..32).collect();
        let down: Vec<u8> = (0..32).map(|n| 255 - 7 * n).collect();
        for weak in [vec![0; 32], vec![0xff; 32], count, down, b"\x00\x01secret".repeat(4)] {
            assert_eq!(Pepper::new(&weak).unwrap_err(), WeakPepper::Pattern, "{weak:?}");
        }
        for text in ["changeme-changeme-changeme-chang", "0f1e2d3c4b5a69788796a5b4c3d2e1f0"] {
            assert_eq!(Pepper::new(text.as_bytes()).unwrap_err(), WeakPepper::Text);
        }
        for bytes in [0, 16, 31, 33, 64] {
            assert_eq!(Pepper::new(&vec![7; bytes]).unwrap_err(), WeakPepper::Length);
        }
    }

    #[test]
    fn random_peppers_are_accepted() {
        let mut bytes = [0; 32];
        for _ in 0..1000 {
            SystemRandom::new().fill(&mut bytes).unwrap();
            assert!(Pepper::new(&bytes).is_ok(), "{bytes:?}");
        }
    }

    #[test]
    fn hash_depends_on_pepper_id_and_secret() {
        let (one, two) = (ApiKey::draw().unwrap(), ApiKey::draw().unwrap());
        let hash = one.hash(&pepper(1));
        assert!(hash.matches(&one.hash(&pepper(1))));
        assert!(!hash.matches(&one.hash(&pepper(2))));
        assert!(!hash.matches(&two.hash(&pepper(1))));
        assert!(!hash.matches(&two.with_id(one.id()).hash(&pepper(1))));
        assert!(!hash.matches(&one.with_id(two.id()).hash(&pepper(1))));
        assert_ne!(hash.fingerprint(), two.hash(&pepper(1)).fingerprint());
        assert!(!hash.to_hex().contains(&hash.fingerprint()));
    }

    #[test]
    fn debug_output_tells_nothing() {
        let key = ApiKey::draw().unwrap();
        let text = format!("{:?} {:?} {:?}", key, key.hash(&pepper(1)), pepper(1));
        assert!(!text.contains(&key.reveal()[20..40]), "{text}");
        assert!(!text.contains(&key.hash(&pepper(1)).to_hex()[..8]), "{text}");
    }

    proptest! {
        #[test]
        fn hex_comes_back_and_nothing_else_is_read(bytes in any::<[u8; 32]>(), text in "\\PC{0,70}") {
            let hash = KeyHash(bytes);
            prop_assert!(KeyHash::from_hex(&hash.to_hex()).unwrap().matches(&hash));
            prop_assert!(KeyHash::from_hex(&text).is_none_or(|hash| hash.to_hex() == text));
        }
    }
}
