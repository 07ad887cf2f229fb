//! The text of a key: `spk_` id `_` secret `_` checksum.
//!
//! Pure but for [`ApiKey::draw`]. Guarantees: each key has one spelling; a mistyped one is told
//! from a wrong one without a look-up; what begins like a key is never taken for anything else.

use std::fmt;

use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

use super::{KeyHash, Pepper};

/// What every key begins with. Reserved: nothing that begins so is ever taken for a token.
pub const PREFIX: &str = "spk_";

/// The keys as a regular expression, for secret scanners.
pub const PATTERN: &str = r"\bspk_[a-km-np-z2-9]{12}_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}\b";

/// Whether a credential claims to be an API key. Tokens that their issuers make are never so
/// called: a JWT begins with `ey`.
#[must_use]
pub fn is_key_like(credential: &[u8]) -> bool {
    credential.starts_with(PREFIX.as_bytes())
}

/// The public name of a key: 60 random bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyId([u8; ID_CHARS]);

impl KeyId {
    /// An id as it stands in a key, a file or a command.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let id: [u8; ID_CHARS] = text.try_into().ok()?;
        id.iter().all(|byte| ID_ALPHABET.contains(byte)).then_some(Self(id))
    }

    /// The characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // All of them are ASCII.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

/// A key as its holder has it. Wiped when dropped.
pub struct ApiKey {
    id: KeyId,
    secret: Zeroizing<[u8; SECRET_CHARS]>,
}

/// Why a text is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// Not the form of a key.
    #[error("the API key is malformed")]
    Form,
    /// The form of a key, but changed on the way: copied in part, or typed.
    #[error("the checksum of the API key does not hold: it was not copied as it is")]
    Checksum,
}

impl ApiKey {
    /// A new key.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn draw() -> Result<Self, Unspecified> {
        let mut id = [0; ID_CHARS];
        draw(&mut id, ID_ALPHABET)?;
        Self::draw_for(KeyId(id))
    }

    /// A new secret under the id of an old one.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn draw_for(id: KeyId) -> Result<Self, Unspecified> {
        let mut secret = Zeroizing::new([0; SECRET_CHARS]);
        draw(&mut *secret, ALPHABET)?;
        Ok(Self { id, secret })
    }

    /// Reads a key.
    ///
    /// # Errors
    /// What is wrong with its form. A key without errors may still be nobody's.
    pub fn parse(text: &[u8]) -> Result<Self, TextError> {
        let (before, checksum) =
            text.split_last_chunk::<CHECKSUM_CHARS>().ok_or(TextError::Form)?;
        let rest = before.strip_prefix(PREFIX.as_bytes()).ok_or(TextError::Form)?;
        let (id, rest) = rest.split_at_checked(ID_CHARS).ok_or(TextError::Form)?;
        let id = KeyId::parse(id).ok_or(TextError::Form)?;
        let rest = rest.strip_prefix(b"_").ok_or(TextError::Form)?;
        let (secret, end) = rest.split_at_checked(SECRET_CHARS).ok_or(TextError::Form)?;
        let plain = |part: &[u8]| part.iter().all(u8::is_ascii_alphanumeric);
        if end != b"_" || !plain(secret) || !plain(checksum) {
            return Err(TextError::Form);
        }
        let secret = Zeroizing::new(secret.try_into().map_err(|_| TextError::Form)?);
        let key = Self { id, secret };
        // No secret is guessed by this: whoever sends a key can compute its checksum.
        if key.checksum() == *checksum { Ok(key) } else { Err(TextError::Checksum) }
    }

    /// Its public name.
    #[must_use]
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// What is kept of it.
    #[must_use]
    pub fn hash(&self, pepper: &Pepper) -> KeyHash {
        KeyHash::of(pepper, &self.id.0, &*self.secret)
    }

    /// The whole key, to be shown to its holder once. Each call site is a place to review.
    #[must_use]
    pub fn reveal(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(KEY_CHARS));
        text.push_str(PREFIX);
        let parts: [&[u8]; 5] = [&self.id.0, b"_", &*self.secret, b"_", &self.checksum()];
        parts.into_iter().flatten().for_each(|byte| text.push(char::from(*byte)));
        text
    }

    /// 32 bits of BLAKE3 over what stands before the last `_`, as six base-62 digits.
    fn checksum(&self) -> [u8; CHECKSUM_CHARS] {
        let mut hash = blake3::Hasher::new();
        for part in [PREFIX.as_bytes(), &self.id.0, b"_", &*self.secret] {
            hash.update(part);
        }
        let [a, b, c, d, ..] = *hash.finalize().as_bytes();
        let mut number = u32::from_be_bytes([a, b, c, d]);
        let mut out = [b'0'; CHECKSUM_CHARS];
        for place in out.iter_mut().rev() {
            let digit = usize::try_from(number % 62).unwrap_or_default();
            *place = ALPHABET.get(digit).copied().unwrap_or(b'0');
            number /= 62;
        }
        out
    }

    #[cfg(test)]
    pub(super) fn with_id(&self, id: KeyId) -> Self {
        Self { id, secret: self.secret.clone() }
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiKey({}, ..)", self.id)
    }
}

/// Fills `out` with characters of which each is equally likely.
fn draw(out: &mut [u8], alphabet: &[u8]) -> Result<(), Unspecified> {
    let random = SystemRandom::new();
    // Bytes above the last whole round of the alphabet would favour its first characters.
    let fair = 256 / alphabet.len() * alphabet.len();
    let mut pool = Zeroizing::new([0_u8; POOL_BYTES]);
    let mut places = out.iter_mut();
    let mut next = places.next();
    for _ in 0..POOLS_MAX {
        random.fill(&mut *pool)?;
        for byte in pool.iter().map(|byte| usize::from(*byte)).filter(|byte| *byte < fair) {
            let Some(place) = next else { return Ok(()) };
            *place = alphabet.get(byte % alphabet.len()).copied().ok_or(Unspecified)?;
            next = places.next();
        }
    }
    if next.is_none() { Ok(()) } else { Err(Unspecified) }
}

/// Digits before letters, as the checksum counts.
const ALPHABET: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Lower-case, without `l`, `o`, `0` and `1`: ids are read aloud and typed.
const ID_ALPHABET: &[u8] = b"abcdefghijkmnpqrstuvwxyz23456789";

const ID_CHARS: usize = 12;

/// 62^43 is just above 2^256.
const SECRET_CHARS: usize = 43;

/// 62^6 is above 2^32.
const CHECKSUM_CHARS: usize = 6;

const KEY_CHARS: usize = PREFIX.len() + ID_CHARS + 1 + SECRET_CHARS + 1 + CHECKSUM_CHARS;

/// Enough for a secret nearly always: of 64 bytes all but two are used on average.
const POOL_BYTES: usize = 64;

/// That so many are not enough does not happen with any randomness worth the name.
const POOLS_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::{ALPHABET, ApiKey, ID_ALPHABET, KEY_CHARS, KeyId, PATTERN, TextError, is_key_like};

    #[test]
    fn drawn_key_is_read_again_and_found_by_scanners() {
        let pattern = regex::Regex::new(PATTERN).unwrap();
        let mut seen = HashSet::new();
        for _ in 0..200 {
            let key = ApiKey::draw().unwrap();
            let text = key.reveal();
            let again = ApiKey::parse(text.as_bytes()).unwrap();
            assert_eq!((again.id(), &again.reveal()), (key.id(), &text));
            assert!(is_key_like(text.as_bytes()) && text.len() == KEY_CHARS);
            assert_eq!(pattern.find(&format!("key={}, x", *text)).unwrap().as_str(), text.as_str());
            assert!(seen.insert(text.to_string()) && seen.insert(key.id().to_string()));
        }
    }

    #[test]
    fn characters_of_keys_are_equally_likely() {
        let mut secrets = [0_u32; 256];
        let mut ids = [0_u32; 256];
        for _ in 0..3000 {
            let key = ApiKey::draw().unwrap();
            key.secret.iter().for_each(|byte| secrets[usize::from(*byte)] += 1);
            key.id.0.iter().for_each(|byte| ids[usize::from(*byte)] += 1);
        }
        // 129,000 draws of 62 and 36,000 of 32: ten standard deviations at least.
        for byte in ALPHABET {
            assert!((1600..2560).contains(&secrets[usize::from(*byte)]), "{byte}");
        }
        for byte in ID_ALPHABET {
            assert!((800..1450).contains(&ids[usize::from(*byte)]), "{byte}");
        }
    }

    #[test]
    fn every_changed_character_is_noticed_without_a_look_up() {
        let key = ApiKey::draw().unwrap().reveal();
        for at in 0..key.len() {
            let mut bytes = key.as_bytes().to_vec();
            bytes[at] = if bytes[at] == b'a' { b'b' } else { b'a' };
            assert!(ApiKey::parse(&bytes).is_err(), "at {at}");
        }
        let mut typo = key.as_bytes().to_vec();
        typo.swap(20, 30);
        if typo != key.as_bytes() {
            assert_eq!(ApiKey::parse(&typo).unwrap_err(), TextError::Checksum);
        }
    }

    #[test]
    fn what_is_cut_or_longer_is_malformed() {
        let key = ApiKey::draw().unwrap().reveal();
        for end in 0..key.len() {
            assert_eq!(ApiKey::parse(&key.as_bytes()[..end]).unwrap_err(), TextError::Form);
        }
        for bad in [format!("{}x", *key), format!(" {}", *key), key.to_uppercase()] {
            assert_eq!(ApiKey::parse(bad.as_bytes()).unwrap_err(), TextError::Form, "{bad}");
        }
    }

    #[test]
    fn checksum_is_what_the_manual_says() {
        let secret = "A".repeat(43);
        let before = format!("spk_abcdefghijkm_{secret}");
        let hash = blake3::hash(before.as_bytes());
        let mut number = u32::from_be_bytes(hash.as_bytes()[..4].try_into().unwrap());
        let mut digits = String::new();
        for _ in 0..6 {
            digits.insert(0, char::from(ALPHABET[(number % 62) as usize]));
            number /= 62;
        }
        assert!(ApiKey::parse(format!("{before}_{digits}").as_bytes()).is_ok());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = (ApiKey::parse(&bytes), KeyId::parse(&bytes), is_key_like(&bytes));
        }

        #[test]
        fn what_is_read_is_written_back_as_it_came(text in "spk_[a-z2-9]{12}_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}") {
            if let Ok(key) = ApiKey::parse(text.as_bytes()) {
                let again = key.reveal();
                prop_assert_eq!(again.as_str(), text.as_str());
            }
        }
    }
}
