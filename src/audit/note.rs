//! Signed notes and their keys, as C2SP `signed-note` defines them.
//!
//! Pure but for the making of keys. A note is a text that ends in a newline, an
//! empty line, and signature lines `— NAME BASE64`, where the base64 holds four
//! bytes that name the key and the signature over the text. Ed25519 alone.

pub use crate::limits::{AUDIT_NAME_BYTES_MAX, AUDIT_NOTE_SIGNATURES_MAX};
use std::fmt;
use std::str::FromStr;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

pub use crate::vkey::is_name;
use crate::vkey::{self, KeyId, Kind, PublicKey, WitnessKey};

/// What is wrong with a key, or with a note.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// The name of a key or a log has a space, a plus, or nothing.
    #[error("a name has 1 to {AUDIT_NAME_BYTES_MAX} bytes, no space and no plus")]
    Name,
    /// Not `NAME+HASH+KEY`.
    #[error("a verifier key is written as NAME+HASH+KEY (C2SP signed-note), Ed25519")]
    Key,
    /// Not an Ed25519 key in PKCS#8.
    #[error("a signing key is an Ed25519 key in PKCS#8")]
    SigningKey,
    /// Not a note.
    #[error("not a signed note")]
    Form,
}

/// The public half of a log's key: `NAME+HASH+KEY`.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    id: KeyId,
    public: PublicKey,
}

impl VerifierKey {
    fn new(name: &str, public: PublicKey) -> Result<Self, NoteError> {
        if !is_name(name) {
            return Err(NoteError::Name);
        }
        Ok(Self { name: name.to_owned(), id: vkey::key_id(name, Kind::Note, &public), public })
    }

    /// The name of who signs: the log's origin.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What names the key in its signatures.
    #[must_use]
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// Whether `signature` is this key's over `text`.
    #[must_use]
    pub fn verifies(&self, text: &str, signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.public).verify(text.as_bytes(), signature).is_ok()
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&vkey::write(&self.name, Kind::Note, &self.public))
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifierKey({self})")
    }
}

impl FromStr for VerifierKey {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, NoteError> {
        let (name, public) = vkey::read(text, Kind::Note).ok_or(NoteError::Key)?;
        Self::new(name, public)
    }
}

/// The private half of a log's key. Its `Debug` shows the public one.
pub struct SigningKey {
    pair: Ed25519KeyPair,
    verifier: VerifierKey,
}

impl SigningKey {
    /// A key for the log `name` from PKCS#8 in DER, as this program and openssl write it.
    ///
    /// # Errors
    /// [`NoteError::SigningKey`] or [`NoteError::Name`].
    pub fn from_pkcs8(name: &str, der: &[u8]) -> Result<Self, NoteError> {
        // Unchecked: files of openssl hold the private half alone.
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der);
        let pair = pair.map_err(|_| NoteError::SigningKey)?;
        let public = pair.public_key().as_ref().try_into().map_err(|_| NoteError::SigningKey)?;
        Ok(Self { pair, verifier: VerifierKey::new(name, public)? })
    }

    /// The public half.
    #[must_use]
    pub fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    /// The signature line over `text`, with its newline.
    #[must_use]
    pub fn signature_line(&self, text: &str) -> String {
        let signature = self.pair.sign(text.as_bytes());
        let blob = [self.verifier.id.as_slice(), signature.as_ref()].concat();
        format!("{SIGNATURE_MARK}{} {}\n", self.verifier.name, STANDARD.encode(blob))
    }

    /// The note with `text`, which ends in a newline.
    #[must_use]
    pub fn sign(&self, text: &str) -> String {
        format!("{text}\n{}", self.signature_line(text))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.verifier)
    }
}

/// A note, taken apart. That it has a signature says nothing before one is checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note<'a> {
    /// What is signed, with its last newline.
    pub text: &'a str,
    signatures: Vec<(&'a str, KeyId, Vec<u8>)>,
}

impl<'a> Note<'a> {
    /// Takes a note apart.
    ///
    /// # Errors
    /// [`NoteError::Form`].
    pub fn parse(note: &'a str) -> Result<Self, NoteError> {
        // The signatures stand behind the last empty line.
        let at = note.rfind("\n\n").ok_or(NoteError::Form)?;
        let (text, lines) = note.split_at_checked(at + 1).ok_or(NoteError::Form)?;
        let lines = lines.strip_prefix('\n').and_then(|lines| lines.strip_suffix('\n'));
        let printable = |c: char| c == '\n' || !c.is_control();
        if text.len() < 2 || !text.chars().all(printable) {
            return Err(NoteError::Form);
        }
        let mut signatures = Vec::new();
        for line in lines.ok_or(NoteError::Form)?.split('\n') {
            if signatures.len() == AUDIT_NOTE_SIGNATURES_MAX {
                return Err(NoteError::Form);
            }
            signatures.push(signature(line).ok_or(NoteError::Form)?);
        }
        Ok(Self { text, signatures })
    }

    /// Whether the holder of `key` signed it. Signatures of others do not count.
    #[must_use]
    pub fn is_signed_by(&self, key: &VerifierKey) -> bool {
        let mut own = self.signatures.iter().filter(|s| s.0 == key.name && s.1 == key.id);
        // C2SP signed-note: a known key's signature that does not verify spoils the note.
        let Some((_, _, signature)) = own.next() else { return false };
        own.next().is_none() && key.verifies(self.text, signature)
    }

    /// What a witness says of the checkpoint in it.
    #[must_use]
    pub fn cosigned_by(&self, key: &WitnessKey) -> Cosigned {
        let own = self.signatures.iter().filter(|s| s.0 == key.name() && s.1 == key.id());
        own.fold(Cosigned::Not, |known, (_, _, signature)| {
            match (known, key.cosigned_at(self.text, signature)) {
                (Cosigned::Wrongly, _) | (_, None) => Cosigned::Wrongly,
                (Cosigned::Not, Some(at)) => Cosigned::At(at),
                (Cosigned::At(before), Some(at)) => Cosigned::At(at.max(before)),
            }
        })
    }

    /// How many signatures it has.
    #[must_use]
    pub fn signatures(&self) -> usize {
        self.signatures.len()
    }

    /// How many of them say that they are of this key.
    #[must_use]
    pub fn signatures_of(&self, name: &str, id: KeyId) -> usize {
        self.signatures.iter().filter(|(of, by, _)| *of == name && *by == id).count()
    }
}

/// What a witness says of a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cosigned {
    /// Nothing.
    Not,
    /// That it saw it then, in seconds since 1970.
    At(u64),
    /// A signature in its name that it did not make.
    Wrongly,
}

fn signature(line: &str) -> Option<(&str, KeyId, Vec<u8>)> {
    let (name, blob) = line.strip_prefix(SIGNATURE_MARK)?.split_once(' ')?;
    let blob = STANDARD.decode(blob).ok()?;
    let (id, signature) = blob.split_first_chunk::<4>()?;
    (is_name(name) && !signature.is_empty()).then(|| (name, *id, signature.to_vec()))
}

/// What begins a signature line: an em dash and a space.
pub(super) const SIGNATURE_MARK: &str = "\u{2014} ";

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The key and the note of the tests of golang.org/x/mod/sumdb/note.
    const VERIFIER: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const SEED: &str = concat!("AYEKFALVFGyNhPJEMzD1", "QIDr+Y7hfZx09iUvxdXHKDFz");
    const TEXT: &str = "If you think cryptography is the answer to your problem,\n\
                        then you don't know what your problem is.\n";
    const LINE: &str = "\u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

    fn go_note() -> String {
        format!("{TEXT}\n{LINE}")
    }

    /// The key of a seed, in the form of openssl: PKCS#8 without the public half.
    fn signing_key(name: &str, seed: &[u8]) -> SigningKey {
        let prefix = [48, 46, 2, 1, 0, 48, 5, 6, 3, 43, 101, 112, 4, 34, 4, 32];
        SigningKey::from_pkcs8(name, &[&prefix, seed].concat()).unwrap()
    }

    #[test]
    fn notes_and_keys_are_those_of_the_reference_implementation_byte_for_byte() {
        let typed = STANDARD.decode(SEED).unwrap();
        let key = signing_key("PeterNeumann", &typed[1..]);
        assert_eq!(key.verifier().to_string(), VERIFIER);
        assert_eq!(key.sign(TEXT), go_note());
        let verifier: VerifierKey = VERIFIER.parse().unwrap();
        let note = go_note();
        let note = Note::parse(&note).unwrap();
        assert_eq!(note.text, TEXT);
        assert!(note.is_signed_by(&verifier));
        assert!(!format!("{key:?}").contains("gQoU"), "a private key was printed");
    }

    #[test]
    fn the_key_of_the_specification_reads_back_and_any_other_spelling_is_refused() {
        let example = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
        assert_eq!(example.parse::<VerifierKey>().unwrap().to_string(), example);
        for at in 0..VERIFIER.len() {
            let mut bytes = VERIFIER.as_bytes().to_vec();
            bytes[at] ^= 1;
            let changed = String::from_utf8(bytes).unwrap();
            assert!(changed.parse::<VerifierKey>().is_err(), "{changed}");
            assert!(VERIFIER[at + 1..].parse::<VerifierKey>().is_err());
            assert!(VERIFIER[..at].parse::<VerifierKey>().is_err());
        }
        // A cosignature key: another type.
        let other = "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2";
        assert_eq!(other.parse::<VerifierKey>(), Err(NoteError::Key));
    }

    #[test]
    fn a_changed_text_or_signature_is_not_signed() {
        let verifier: VerifierKey = VERIFIER.parse().unwrap();
        for note in [
            go_note().replacen("cryptography", "cryptographY", 1),
            go_note().replacen("x08go/ZJ", "x08go/ZK", 1),
            // The same key twice.
            format!("{}{LINE}", go_note()),
        ] {
            let note = Note::parse(&note).unwrap();
            assert!(!note.is_signed_by(&verifier));
        }
        let foreign = format!("{}\u{2014} witness.example AAAAAQAAAAA=\n", go_note());
        assert!(Note::parse(&foreign).unwrap().is_signed_by(&verifier), "others may sign too");
    }

    #[test]
    fn what_is_no_note_is_refused() {
        let many = LINE.repeat(AUDIT_NOTE_SIGNATURES_MAX + 1);
        for bad in [
            "",
            "\n\n",
            "text\n",
            "text\n\n",
            "text\n\n\n",
            "text\n\nname AAAA\n",
            "text\n\n\u{2014} name\n",
            "text\n\n\u{2014} name !\n",
            "text\n\n\u{2014} na me AAAAAQAAAAA=\n",
            "te\u{0}xt\n\n\u{2014} name AAAAAQAAAAA=\n",
            go_note().trim_end(),
            &format!("text\n\n{many}"),
        ] {
            assert_eq!(Note::parse(bad), Err(NoteError::Form), "{bad:?}");
        }
    }

    #[test]
    fn names_have_no_space_no_plus_and_a_bound() {
        assert!(is_name("gw-1.example.com/audit") && is_name(&"a".repeat(AUDIT_NAME_BYTES_MAX)));
        let long = "a".repeat(AUDIT_NAME_BYTES_MAX + 1);
        for bad in ["", "a b", "a+b", "a\u{2003}b", "a\n", long.as_str()] {
            assert!(!is_name(bad), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_signed_is_read_back_and_verifies(seed: [u8; 32], lines in "[ -~]{1,40}") {
            let key = signing_key("log.example/1", &seed);
            let text = format!("{lines}\n");
            let note = key.sign(&text);
            let read = Note::parse(&note).unwrap();
            prop_assert_eq!(read.text, text.as_str());
            prop_assert!(read.is_signed_by(key.verifier()));
            let verifier: VerifierKey = key.verifier().to_string().parse().unwrap();
            prop_assert_eq!(&verifier, key.verifier());
        }

        #[test]
        fn no_text_makes_the_readers_panic(text: String) {
            let _ = (Note::parse(&text), text.parse::<VerifierKey>());
        }
    }
}
