//! What a log needs to go on where it ended, without reading it all again.
//!
//! Pure: bytes in, bytes out. The state is written after the records and after the
//! checkpoint that it stands for, so it is behind the log or level with it, never
//! ahead: a state that knows more than the log is evidence that records are gone.
//! It holds the key of the next MAC and is for the owner's eyes alone.

use serde::{Deserialize, Serialize};
use zeroize::{Zeroize as _, Zeroizing};

use super::chain::{End, Head};
use super::merkle::{Frontier, Hash};
use super::note::VerifierKey;
use super::ratchet::Ratchet;
use crate::hex::{hex, read_hex};

/// The end of a log at one time, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct State {
    /// The key that signs the log.
    pub(super) verifier: VerifierKey,
    pub(super) end: End,
    pub(super) place: Place,
}

/// A byte in a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// The segment, by the number of its first record.
    pub(super) segment: u64,
    /// The byte in it.
    pub(super) bytes: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    v: u8,
    verifier: String,
    head: String,
    segment: u64,
    bytes: u64,
    tree: Vec<String>,
    mac_key: Secret,
}

/// A key and its number; wiped.
#[derive(Serialize, Deserialize)]
struct Secret(u64, String);

impl Drop for Secret {
    fn drop(&mut self) {
        self.1.zeroize();
    }
}

impl State {
    /// The bytes to store.
    pub(super) fn encode(&self) -> Zeroizing<Vec<u8>> {
        let Self { verifier, end, place } = self;
        let written = Written {
            v: VERSION,
            verifier: verifier.to_string(),
            head: end.head.to_string(),
            segment: place.segment,
            bytes: place.bytes,
            tree: end.tree.peaks().iter().map(|peak| hex(peak)).collect(),
            mac_key: Secret(end.ratchet.index(), hex(end.ratchet.expose())),
        };
        // Plain fields and a vector: there is nothing to fail.
        let mut bytes = Zeroizing::new(Vec::with_capacity(ENCODED_BYTES_MAX));
        let _ = serde_json::to_writer(&mut *bytes, &written);
        bytes.push(b'\n');
        bytes
    }

    /// Reads what [`State::encode`] wrote.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let written: Written = serde_json::from_slice(bytes).ok()?;
        let head: Head = written.head.parse().ok()?;
        let peaks = written.tree.iter().map(|peak| read_hex(peak.as_bytes()));
        let tree = Frontier::of(head.seq, peaks.collect::<Option<Vec<Hash>>>()?)?;
        let Secret(index, key) = &written.mac_key;
        let index = *index;
        let ratchet = Ratchet::of(index, read_hex(key.as_bytes())?);
        let known = written.v == VERSION && index > head.seq;
        known.then_some(Self {
            verifier: written.verifier.parse().ok()?,
            end: End { head, tree, ratchet },
            place: Place { segment: written.segment, bytes: written.bytes },
        })
    }
}

/// The first key of a log's MACs, as it is handed to an auditor.
pub(super) fn first_key_text(origin: &str, ratchet: &Ratchet) -> Zeroizing<String> {
    let key = Zeroizing::new(hex(ratchet.expose()));
    Zeroizing::new(format!("{origin}+{}+{}\n", ratchet.index(), *key))
}

/// The key from which all later MACs of a log are checked, and whose log it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirstKey {
    /// The log.
    pub origin: String,
    pub(super) ratchet: Ratchet,
}

/// Reads a first key from the text of its file.
#[must_use]
pub fn read_first_key(text: &str) -> Option<FirstKey> {
    let mut parts = text.trim_end().split('+');
    let (origin, index, key) = (parts.next()?, parts.next()?, parts.next()?);
    let key = Ratchet::of(super::checkpoint::decimal(index)?, read_hex(key.as_bytes())?);
    parts.next().is_none().then(|| FirstKey { origin: origin.to_owned(), ratchet: key })
}

const VERSION: u8 = 1;
/// Room for the longest state, so that no copy of the key is left by growing: 64
/// peaks of 67 bytes, a key of the longest name, and the rest.
pub(super) const ENCODED_BYTES_MAX: usize = 8 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::merkle::leaf_hash;
    use proptest::prelude::*;

    const VERIFIER: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";

    fn state(records: u64) -> State {
        let mut end = End::empty(Ratchet::of(1, [7; 32]));
        for n in 0..records {
            end.take(leaf_hash(&n.to_be_bytes()));
            end.ratchet.skip();
        }
        let place = Place { segment: 1, bytes: records * 500 };
        State { verifier: VERIFIER.parse().unwrap(), end, place }
    }

    proptest! {
        #[test]
        fn a_state_reads_back_what_was_stored(records in 0..300_u64) {
            let state = state(records);
            prop_assert_eq!(State::decode(&state.encode()), Some(state));
        }
    }

    #[test]
    fn the_longest_state_fits_its_room() {
        let mut long = state(1);
        long.end.head.seq = u64::MAX - 1;
        long.end.tree = Frontier::of(u64::MAX - 1, vec![[0xff; 32]; 63]).unwrap();
        assert!(long.encode().len() + 2 * crate::limits::AUDIT_NAME_BYTES_MAX < ENCODED_BYTES_MAX);
    }

    #[test]
    fn what_is_no_state_is_refused() {
        let good = String::from_utf8(state(3).encode().to_vec()).unwrap();
        assert!(State::decode(good.as_bytes()).is_some());
        for (from, to) in [
            ("\"v\":1", "\"v\":2"),
            ("\"head\":\"3:", "\"head\":\"4:"),
            ("\"mac_key\":[4,", "\"mac_key\":[3,"),
            ("530d903a", "530d903b"),
            ("\"v\"", "\"w\":1,\"v\""),
        ] {
            let bad = good.replacen(from, to, 1);
            assert_ne!(bad, good, "{from}");
            assert_eq!(State::decode(bad.as_bytes()), None, "{to}");
        }
        assert_eq!(State::decode(&good.as_bytes()[..good.len() / 2]), None);
    }

    #[test]
    fn a_first_key_reads_back_and_nothing_else_does() {
        let key = Ratchet::of(1, [3; 32]);
        let text = first_key_text("gw.example/audit", &key);
        let origin = "gw.example/audit".to_owned();
        assert_eq!(read_first_key(&text), Some(FirstKey { origin, ratchet: key }));
        for bad in
            ["", "a+1", "a+1+00", &text.replace("+1+", "+01+"), &format!("{}+x", text.trim())]
        {
            assert_eq!(read_first_key(bad), None, "{bad}");
        }
    }
}
