//! Names and public keys as C2SP `signed-note` writes them, and what witnesses sign.
//!
//! Pure. A key is written `NAME+HASH+KEY`: the name of who signs, the first four bytes of a hash
//! over name and key, and in base64 a byte for the kind of signature before the key. Guarantees:
//! a key has one spelling, and a key of another kind is not taken for one.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest;
use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::limits::AUDIT_NAME_BYTES_MAX;

/// An Ed25519 public key.
pub type PublicKey = [u8; 32];
/// The first bytes of the hash of a name and a key.
pub type KeyId = [u8; 4];

/// What a key signs with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Ed25519 over the text of a note.
    Note,
    /// Ed25519 over a time and the text of a checkpoint (C2SP `tlog-cosignature`).
    Cosignature,
}

impl Kind {
    const fn byte(self) -> u8 {
        match self {
            Self::Note => 0x01,
            Self::Cosignature => 0x04,
        }
    }
}

/// Whether `name` can name who signs.
/// C2SP signed-note: not empty, no Unicode spaces, no plus.
#[must_use]
pub fn is_name(name: &str) -> bool {
    let fit = |c: char| c != '+' && !c.is_whitespace() && !c.is_control();
    (1..=AUDIT_NAME_BYTES_MAX).contains(&name.len()) && name.chars().all(fit)
}

/// C2SP signed-note: the first four bytes of SHA-256(name || 0x0A || kind || key).
#[must_use]
pub fn key_id(name: &str, kind: Kind, public: &PublicKey) -> KeyId {
    let text = [name.as_bytes(), b"\n", &[kind.byte()], public].concat();
    let mut id = KeyId::default();
    for (to, from) in id.iter_mut().zip(digest::digest(&digest::SHA256, &text).as_ref()) {
        *to = *from;
    }
    id
}

/// The one spelling of a key.
#[must_use]
pub fn write(name: &str, kind: Kind, public: &PublicKey) -> String {
    let [a, b, c, d] = key_id(name, kind, public);
    let typed = [&[kind.byte()], public.as_slice()].concat();
    format!("{name}+{a:02x}{b:02x}{c:02x}{d:02x}+{}", STANDARD.encode(typed))
}

/// Name and key, if `text` is the one spelling of a key of this kind.
#[must_use]
pub fn read(text: &str, kind: Kind) -> Option<(&str, PublicKey)> {
    // Base64 has pluses of its own, so the first two divide.
    let mut parts = text.splitn(3, '+');
    let (name, _hash, key) = (parts.next()?, parts.next()?, parts.next()?);
    let typed = STANDARD.decode(key).ok()?;
    let (found, public) = typed.split_first()?;
    let public = public.try_into().ok()?;
    (*found == kind.byte() && is_name(name) && write(name, kind, &public) == text)
        .then_some((name, public))
}

/// Not the key of a witness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a witness's key is written as NAME+HASH+KEY (C2SP tlog-cosignature), Ed25519")]
pub struct WitnessKeyError;

/// The public key of a witness, which says when it saw a checkpoint.
#[derive(Clone, PartialEq, Eq)]
pub struct WitnessKey {
    name: String,
    id: KeyId,
    public: PublicKey,
}

impl WitnessKey {
    /// The name of the witness.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What names the key in its signatures.
    #[must_use]
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// When the witness cosigned a checkpoint, in seconds since 1970, if `signature` is its
    /// cosignature over `text`. C2SP tlog-cosignature, "Format" and "Signed message".
    #[must_use]
    pub fn cosigned_at(&self, text: &str, signature: &[u8]) -> Option<u64> {
        let (time, signature) = signature.split_first_chunk::<8>()?;
        let time = u64::from_be_bytes(*time);
        let message = format!("{COSIGNATURE}\ntime {time}\n{text}");
        let key = UnparsedPublicKey::new(&ED25519, self.public);
        key.verify(message.as_bytes(), signature).is_ok().then_some(time)
    }
}

impl FromStr for WitnessKey {
    type Err = WitnessKeyError;

    fn from_str(text: &str) -> Result<Self, WitnessKeyError> {
        let (name, public) = read(text, Kind::Cosignature).ok_or(WitnessKeyError)?;
        let id = key_id(name, Kind::Cosignature, &public);
        Ok(Self { name: name.to_owned(), id, public })
    }
}

impl fmt::Display for WitnessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&write(&self.name, Kind::Cosignature, &self.public))
    }
}

impl fmt::Debug for WitnessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WitnessKey({self})")
    }
}

/// The first line of what is signed: no signature of a note passes for one of a witness.
const COSIGNATURE: &str = "cosignature/v1";

#[cfg(test)]
mod tests {
    use super::*;

    /// A checkpoint of a public log and the lines of three public witnesses under it.
    const TEXT: &str = "arche2025h1.staging.ct.transparency.dev\n1432088532\n\
                        U7WM79jrzyhGZ5/GUBTpM7NzwdyfFx61t3RovgcC4Ro=\n";
    const COSIGNED: [(&str, &str); 3] = [
        (
            "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2",
            "2net5wAAAABqEiEgPlfF3V06o0Y+fHM+J5J9s27wgxxcOVSpZ/2g/KSiXCg9DEZI+aVCIobWX9sXTynk5XeU/zZ0WBxtqB0DrAWfBw==",
        ),
        (
            "witness.stagemole.eu+67f7aea0+BEqSG3yu9YrmcM3BHvQYTxwFj3uSWakQepafafpUqklv",
            "Z/euoAAAAABqEiEgw0i+7g2ENfDAWHmtRzCfKTHSDwYDJA2NmKeGi9Y8FtEyOUvVr+AJmIY/2TUFucgKi7lI7cUiOvKFYe/TmN9DAg==",
        ),
        (
            "witness1.smartit.nu/witness1+a48c820f+BPSFWg9G6KPiO7QPryYO5Xq4oYJJ+kAvLKLSimDhoxMO",
            "pIyCDwAAAABqEiEghIp82KWebrw7/oHQwlTAm3g2RKS4+eebl8eO0WH+/iEcxZ75W3u5hNI7TOQtmJbqmNWVuE0tgh0XwzdZsDsUAQ==",
        ),
    ];

    #[test]
    fn cosignatures_of_public_witnesses_verify_with_their_time_and_with_no_other_key_or_text() {
        for (at, (key, line)) in COSIGNED.iter().enumerate() {
            let key: WitnessKey = key.parse().unwrap();
            let blob = STANDARD.decode(line).unwrap();
            let (id, signature) = blob.split_first_chunk::<4>().unwrap();
            assert_eq!(*id, key.id());
            assert_eq!(key.cosigned_at(TEXT, signature), Some(1_779_573_024));
            assert_eq!(key.cosigned_at(&TEXT.replace("532", "533"), signature), None);
            let other: WitnessKey = COSIGNED[(at + 1) % 3].0.parse().unwrap();
            assert_eq!(other.cosigned_at(TEXT, signature), None);
            for at in 0..signature.len() {
                let mut changed = signature.to_vec();
                changed[at] ^= 1;
                assert_eq!(key.cosigned_at(TEXT, &changed), None, "byte {at}");
                assert_eq!(key.cosigned_at(TEXT, &signature[..at]), None);
            }
        }
    }

    #[test]
    fn key_reads_back_what_it_prints_and_any_other_spelling_or_kind_is_refused() {
        let text = COSIGNED[0].0;
        assert_eq!(text.parse::<WitnessKey>().unwrap().to_string(), text);
        for at in 0..text.len() {
            let mut bytes = text.as_bytes().to_vec();
            bytes[at] ^= 1;
            let changed = String::from_utf8(bytes).unwrap();
            assert_eq!(changed.parse::<WitnessKey>(), Err(WitnessKeyError), "{changed}");
            assert_eq!(text[..at].parse::<WitnessKey>(), Err(WitnessKeyError));
        }
        // A log's key: another kind of signature.
        let log = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
        assert_eq!(log.parse::<WitnessKey>(), Err(WitnessKeyError));
        assert!(read(log, Kind::Note).is_some());
    }
}
