//! The record that says what a purge takes, written before anything goes.

use serde::{Deserialize, Serialize};

use crate::audit::merkle::{Frontier, Hash};
use crate::hex::{hex, read_hex};
use crate::limits::AUDIT_PURGE_RANGES_MAX;

/// What goes under one rule from one segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Purge {
    /// The rule.
    pub rule: String,
    /// Who asked: `command` or `retention`.
    pub asked_by: String,
    /// The rule reaches records from before this time.
    pub before: String,
    /// The segment.
    pub segment: u64,
    /// How many records go.
    pub count: u64,
    /// Their numbers, first and last of each run, in order.
    pub ranges: Vec<(u64, u64)>,
    /// Root of the tree over the leaf hashes of these records, in hex.
    pub leaves: String,
    /// Copies of cut bytes that go too, by their numbers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub torn: Vec<u64>,
}

impl Purge {
    /// Whether record `seq` may say this: its ranges stand in order, before it, and
    /// hold as many records as it says.
    pub(in crate::audit) fn is_sound(&self, seq: u64) -> bool {
        let mut next = 1;
        let mut count: u64 = 0;
        for &(from, to) in &self.ranges {
            if from < next || to < from || to >= seq {
                return false;
            }
            next = to.saturating_add(1);
            count = count.saturating_add(to - from + 1);
        }
        count == self.count && self.root().is_some()
    }

    /// The root that it states.
    pub(in crate::audit) fn root(&self) -> Option<Hash> {
        read_hex(self.leaves.as_bytes())
    }

    /// The `purge` record in a line, if it is one.
    pub(in crate::audit) fn of(line: &[u8]) -> Option<Self> {
        memchr::memmem::find(line, b"\"kind\":\"purge\"")?;
        #[derive(Deserialize)]
        struct Kind {
            kind: String,
        }
        let kind: Kind = serde_json::from_slice(line).ok()?;
        (kind.kind == "purge").then(|| serde_json::from_slice(line).ok())?
    }
}

/// A `purge` record in the making.
#[derive(Debug)]
pub(super) struct Chunk {
    /// Which rule.
    pub(super) rule: usize,
    pub(super) count: u64,
    pub(super) ranges: Vec<(u64, u64)>,
    leaves: Frontier,
    pub(super) torn: Vec<u64>,
}

impl Chunk {
    pub(super) fn new(rule: usize) -> Self {
        let leaves = Frontier::default();
        Self { rule, count: 0, ranges: Vec::new(), leaves, torn: Vec::new() }
    }

    /// Takes one more record; false when there is no room for it.
    pub(super) fn take(&mut self, seq: u64, leaf: Hash) -> bool {
        let full = self.ranges.len() >= AUDIT_PURGE_RANGES_MAX;
        match self.ranges.last_mut() {
            Some((_, to)) if to.checked_add(1) == Some(seq) => *to = seq,
            Some(_) | None if full => return false,
            Some(_) | None => self.ranges.push((seq, seq)),
        }
        self.count += 1;
        self.leaves.push(leaf);
        true
    }

    /// Nothing goes by it: no record is written for it.
    pub(super) fn is_empty(&self) -> bool {
        self.count == 0 && self.torn.is_empty()
    }

    pub(super) fn root_hex(&self) -> String {
        hex(&self.leaves.root())
    }
}
