//! Who signs a log: its key, its origin, and what a checkpoint says beside the root.

use std::time::SystemTime;

use super::chain::End;
use super::checkpoint::Checkpoint;
use super::merkle::Frontier;
use super::note::{SigningKey, VerifierKey};
use super::recover::timestamp;
use super::state::{Place, State};
use crate::config::Durability;

/// The key of a log, and how its records are stored.
#[derive(Debug)]
pub(super) struct Signer {
    key: SigningKey,
    durability: Durability,
}

impl Signer {
    pub(super) fn new(key: SigningKey, durability: Durability) -> Self {
        Self { key, durability }
    }

    /// The log's name: the key's.
    pub(super) fn origin(&self) -> &str {
        self.key.verifier().name()
    }

    pub(super) fn verifier(&self) -> &VerifierKey {
        self.key.verifier()
    }

    /// The key's signature line over `text`.
    pub(super) fn signature_line(&self, text: &str) -> String {
        self.key.signature_line(text)
    }

    /// A checkpoint of the tree, signed now.
    pub(super) fn checkpoint(&self, tree: &Frontier) -> String {
        let mut extensions = vec![format!("{TIME} {}", timestamp(SystemTime::now()))];
        if self.durability == Durability::Written {
            // Said in every checkpoint: what it covers was acknowledged before a sync.
            extensions.push(format!("{DURABILITY} written"));
        }
        let origin = self.origin().to_owned();
        let (size, root) = (tree.size(), tree.root());
        self.key.sign(&Checkpoint { origin, size, root, extensions }.to_string())
    }

    /// The state of the log at `end`.
    pub(super) fn state(&self, end: &End, place: Place) -> State {
        State { verifier: self.verifier().clone(), end: end.clone(), place }
    }
}

/// What the old key signs when another takes over with record `seq`.
pub(super) fn rotation_text(seq: u64, old: &VerifierKey, new: &VerifierKey) -> String {
    format!("{}\nkey rotation\n{seq}\n{old}\n{new}\n", old.name())
}

/// The extension line with the time of a checkpoint, RFC 3339.
pub(super) const TIME: &str = "time";
/// The extension line that says that acknowledged records were not synced.
pub(super) const DURABILITY: &str = "durability";
