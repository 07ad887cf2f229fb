//! The keys of the records' MACs: one for each record, of which none leads back.
//!
//! Pure. Record `n` is authenticated with key `n`; key `n + 1` is HMAC-SHA-256 of a
//! fixed text under key `n`, and key `n` is wiped when the record is durable. Who
//! steals today's key cannot make yesterday's MACs; who was given the first key can
//! check them all. (Forward-secure MAC, as Schneier and Kelsey described for logs.)

use std::fmt;

use aws_lc_rs::{constant_time, hmac, rand};
use zeroize::Zeroizing;

/// The tag in a record: the first half of an HMAC-SHA-256.
pub const MAC_BYTES: usize = 16;

/// The key of the next record.
#[derive(Clone)]
pub struct Ratchet {
    index: u64,
    key: Zeroizing<[u8; KEY_BYTES]>,
}

impl Ratchet {
    /// A new first key, for record `index`.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub fn generate(index: u64) -> Result<Self, RatchetError> {
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        rand::fill(key.as_mut_slice()).map_err(|_| RatchetError::Random)?;
        Ok(Self { index, key })
    }

    /// Key `index`.
    #[must_use]
    pub fn of(index: u64, key: [u8; KEY_BYTES]) -> Self {
        Self { index, key: Zeroizing::new(key) }
    }

    /// Which record's key it is.
    #[must_use]
    pub fn index(&self) -> u64 {
        self.index
    }

    /// The key. Each call site is a place to review.
    #[must_use]
    pub fn expose(&self) -> &[u8; KEY_BYTES] {
        &self.key
    }

    /// The tag over `data`; the key becomes the next record's.
    pub fn tag(&mut self, data: &[u8]) -> [u8; MAC_BYTES] {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.key.as_slice());
        let tag = hmac::sign(&key, data);
        self.step_with(&key);
        let mut half = [0; MAC_BYTES];
        half.iter_mut().zip(tag.as_ref()).for_each(|(to, from)| *to = *from);
        half
    }

    /// Whether `tag` is the one over `data`; the key becomes the next record's.
    #[must_use]
    pub fn verifies(&mut self, data: &[u8], tag: &[u8; MAC_BYTES]) -> bool {
        constant_time::verify_slices_are_equal(&self.tag(data), tag).is_ok()
    }

    /// Passes over a record: the key becomes the next one's.
    pub fn skip(&mut self) {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.key.as_slice());
        self.step_with(&key);
    }

    fn step_with(&mut self, key: &hmac::Key) {
        // The same key serves two ends: a line begins with a brace, this text does not.
        let next = hmac::sign(key, NEXT);
        self.key.iter_mut().zip(next.as_ref()).for_each(|(to, from)| *to = *from);
        self.index = self.index.saturating_add(1);
    }
}

impl PartialEq for Ratchet {
    fn eq(&self, other: &Self) -> bool {
        let same = constant_time::verify_slices_are_equal(&*self.key, &*other.key).is_ok();
        same && self.index == other.index
    }
}

impl Eq for Ratchet {}

impl fmt::Debug for Ratchet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ratchet({}, ..)", self.index)
    }
}

/// No key could be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RatchetError {
    /// The system's generator failed.
    #[error("the system has no random numbers")]
    Random,
}

/// Length of a key.
pub const KEY_BYTES: usize = 32;
const NEXT: &[u8] = b"sallyport audit: next key";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_key_and_the_tag_are_hmac_sha_256_under_the_present_key() {
        let mut ratchet = Ratchet::of(5, [7; 32]);
        let key = hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]);
        let tag = ratchet.tag(b"{\"v\":2}");
        assert_eq!(tag, hmac::sign(&key, b"{\"v\":2}").as_ref()[..16]);
        assert_eq!(ratchet.expose(), hmac::sign(&key, NEXT).as_ref());
        assert_eq!(ratchet.index(), 6);
    }

    #[test]
    fn a_first_key_verifies_every_tag_in_its_place_and_nothing_else() {
        let mut writer = Ratchet::generate(1).unwrap();
        let first = writer.clone();
        let lines: Vec<Vec<u8>> = (0..20).map(|n| format!("{{{n}}}").into_bytes()).collect();
        let tags: Vec<_> = lines.iter().map(|line| writer.tag(line)).collect();
        let mut reader = first.clone();
        assert!(lines.iter().zip(&tags).all(|(line, tag)| reader.verifies(line, tag)));
        assert_eq!(reader, writer);
        let mut late = first.clone();
        late.skip();
        assert!(!late.verifies(&lines[0], &tags[0]), "the second key makes no first tag");
        assert!(late.verifies(&lines[2], &tags[2]), "a wrong tag does not lose the place");
        let mut changed = first.clone();
        assert!(!changed.verifies(b"{x}", &tags[0]));
    }

    #[test]
    fn new_keys_differ_and_are_not_printed() {
        let (one, other) = (Ratchet::generate(1).unwrap(), Ratchet::generate(1).unwrap());
        assert_ne!(one, other);
        assert_eq!(format!("{:?}", Ratchet::of(3, [255; 32])), "Ratchet(3, ..)");
    }
}
