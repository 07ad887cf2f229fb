//! A strict witness, written from C2SP `tlog-witness`, `tlog-cosignature` and RFC 6962 alone.
//!
//! Shares no code with the gateway: it reads requests, checks signatures and proofs, and signs by
//! itself. No input or output of its own: who includes it brings the sockets.
#![allow(dead_code, clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

use std::collections::HashMap;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

type Hash = [u8; 32];

/// What it answers: status, media type, body.
pub type Answer = (u16, &'static str, String);

pub struct Witness {
    name: String,
    pair: Ed25519KeyPair,
    /// Which key signs which log.
    logs: HashMap<String, Vec<u8>>,
    /// What it cosigned last of each.
    known: HashMap<String, (u64, Hash)>,
    /// The old sizes that it was asked with.
    pub asked: Vec<u64>,
    /// Checkpoints with its signatures, as it gave them out.
    pub cosigned: Vec<String>,
}

impl Witness {
    pub fn new(name: &str, seed: u8) -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap();
        Self {
            name: name.to_owned(),
            pair,
            logs: HashMap::new(),
            known: HashMap::new(),
            asked: Vec::new(),
            cosigned: Vec::new(),
        }
    }

    /// Its key as its operator publishes it.
    pub fn vkey(&self) -> String {
        let public = self.pair.public_key();
        let typed = [&[4], public.as_ref()].concat();
        let id = self.key_id().iter().map(|b| format!("{b:02x}")).collect::<String>();
        format!("{}+{id}+{}", self.name, STANDARD.encode(typed))
    }

    fn key_id(&self) -> [u8; 4] {
        let text = [self.name.as_bytes(), b"\n\x04", self.pair.public_key().as_ref()].concat();
        digest(&SHA256, &text).as_ref()[..4].try_into().unwrap()
    }

    /// Lets it know a log by its verifier key.
    pub fn serve(&mut self, vkey: &str) {
        let mut parts = vkey.trim().splitn(3, '+');
        let (origin, _, key) = (parts.next().unwrap(), parts.next(), parts.next().unwrap());
        let typed = STANDARD.decode(key).unwrap();
        assert_eq!(typed[0], 1, "Ed25519");
        self.logs.insert(origin.to_owned(), typed[1..].to_vec());
    }

    /// How many records it knows of any log.
    pub fn size(&self) -> u64 {
        self.known.values().map(|(size, _)| *size).max().unwrap_or(0)
    }

    /// Loses what it knew.
    pub fn forget(&mut self) {
        self.known.clear();
    }

    /// Answers the body of a POST to `add-checkpoint`.
    pub fn answer(&mut self, body: &str) -> Answer {
        match self.judge(body) {
            Ok(lines) => (200, "text/plain", lines),
            Err((409, text)) => (409, "text/x.tlog.size", text),
            Err((status, text)) => (status, "text/plain", text),
        }
    }

    fn judge(&mut self, body: &str) -> Result<String, (u16, String)> {
        let bad = |why: &str| (400, format!("{why}\n"));
        let (head, checkpoint) = body.split_once("\n\n").ok_or_else(|| bad("no empty line"))?;
        let mut lines = head.split('\n');
        let old = lines.next().and_then(|line| line.strip_prefix("old "));
        let old = old.and_then(number).ok_or_else(|| bad("no old size"))?;
        let proof: Option<Vec<Hash>> = lines.map(hash).collect();
        let proof = proof.filter(|p| p.len() <= 63).ok_or_else(|| bad("no proof"))?;
        let (text, signatures) =
            checkpoint.split_once("\n\n").ok_or_else(|| bad("no signatures"))?;
        let text = format!("{text}\n");
        let mut lines = text.lines();
        let origin = lines.next().unwrap_or_default().to_owned();
        let size = lines.next().and_then(number).ok_or_else(|| bad("no size"))?;
        let root = lines.next().and_then(hash).ok_or_else(|| bad("no root"))?;
        self.asked.push(old);

        let key = self.logs.get(&origin).ok_or((404, "unknown log\n".to_owned()))?;
        let id = digest(&SHA256, &[origin.as_bytes(), b"\n\x01", key].concat());
        let mut signed = false;
        for line in signatures.lines() {
            let rest = line.strip_prefix("\u{2014} ").ok_or_else(|| bad("no signature line"))?;
            let (name, blob) = rest.split_once(' ').ok_or_else(|| bad("no signature line"))?;
            let blob = STANDARD.decode(blob).map_err(|_| bad("no base64"))?;
            if name == origin && blob.len() == 68 && blob[..4] == id.as_ref()[..4] {
                let key = UnparsedPublicKey::new(&ED25519, key);
                signed |= key.verify(text.as_bytes(), &blob[4..]).is_ok();
            }
        }
        if !signed {
            return Err((403, "not signed\n".to_owned()));
        }
        if old > size {
            return Err(bad("the old size is larger"));
        }
        let known = self.known.get(&origin).copied();
        let (known_size, known_root) = known.unwrap_or((0, digest_of(&[])));
        if old != known_size {
            return Err((409, format!("{known_size}\n")));
        }
        if old == size {
            if known.is_some() && root != known_root {
                return Err((409, format!("{known_size}\n")));
            }
            if !proof.is_empty() {
                return Err((422, "a proof of nothing\n".to_owned()));
            }
        } else if old == 0 {
            if !proof.is_empty() {
                return Err((422, "a proof from nothing\n".to_owned()));
            }
        } else if !consistent(old, size, &known_root, &root, &proof) {
            return Err((422, "not consistent\n".to_owned()));
        }
        self.known.insert(origin, (size, root));
        let line = self.cosign(&text);
        self.cosigned.push(format!("{checkpoint}{line}"));
        Ok(line)
    }

    /// Its signature line over the text of a checkpoint.
    pub fn cosign(&self, text: &str) -> String {
        let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let message = format!("cosignature/v1\ntime {time}\n{text}");
        let signature = self.pair.sign(message.as_bytes());
        let blob = [self.key_id().as_slice(), &time.to_be_bytes(), signature.as_ref()].concat();
        format!("\u{2014} {} {}\n", self.name, STANDARD.encode(blob))
    }
}

/// RFC 6962 section 2.1.2, read backwards: builds both roots from the proof.
fn consistent(old: u64, new: u64, old_root: &Hash, new_root: &Hash, proof: &[Hash]) -> bool {
    let mut rest = proof.iter();
    let built = subproof(old, new, Some(old_root), &mut rest);
    built == Some((*old_root, *new_root)) && rest.next().is_none()
}

/// The roots over the first `old` and all `new` leaves of a part of the tree. `known` is the old
/// root where the part is still the whole old tree.
fn subproof(
    old: u64,
    new: u64,
    known: Option<&Hash>,
    rest: &mut std::slice::Iter<'_, Hash>,
) -> Option<(Hash, Hash)> {
    if old == new {
        let root = *known.or_else(|| rest.next())?;
        return Some((root, root));
    }
    let k = 1 << (63 - (new - 1).leading_zeros());
    if old <= k {
        let (old_root, left) = subproof(old, k, known, rest)?;
        return Some((old_root, node(&left, rest.next()?)));
    }
    let (old_right, new_right) = subproof(old - k, new - k, None, rest)?;
    let left = rest.next()?;
    Some((node(left, &old_right), node(left, &new_right)))
}

fn node(left: &Hash, right: &Hash) -> Hash {
    digest_of(&[&[1], left.as_slice(), right].concat())
}

fn digest_of(bytes: &[u8]) -> Hash {
    digest(&SHA256, bytes).as_ref().try_into().unwrap()
}

fn number(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

fn hash(text: &str) -> Option<Hash> {
    STANDARD.decode(text).ok()?.try_into().ok()
}
