//! The audit trail: append-only segments of chained JSON lines, each a leaf of a
//! Merkle tree whose heads are signed.
//!
//! Owns the directory of the log: `NNNNNNNNNNNN.jsonl` (the records, by the number
//! of the first), `checkpoints` (the signed tree heads), `state` (where the log
//! goes on, with the key of the next MAC), `verifier.pub`, `signing.key`,
//! `first-mac-key-N`, `audit.lock` (held while a gateway writes), `audit.torn-N`
//! (bytes cut before record N was written) and `anchors` (what places outside said).
//!
//! Assumes record bodies are JSON objects on one line, redacted by their maker.
//!
//! Guarantees:
//! - An acknowledged record is in the log, behind its predecessor, and, under
//!   [`Durable`](crate::config::Durability::Durable), on the disk.
//! - Numbers have no holes and no record changes once it is acknowledged.
//! - A failure refuses records, never loses an acknowledged one, is recorded
//!   once it is over, and ends by itself when its cause does.
//! - Any change of what a checkpoint covers is found with the public key and that
//!   checkpoint; any change of what was written before a theft of the keys is found
//!   with the first MAC key.
//! - Memory is bounded by the queue's bounds, twice, and a logarithm of the log.
//!
//! What it cannot do alone: whoever holds the keys and the directory can make
//! another log. [`verify`] says so unless it is given a checkpoint from outside
//! ([`Anchor`]) or the first MAC key.

mod anchor;
mod anchored;
mod beside;
mod bundle;
mod chain;
mod checkpoint;
mod eraser;
mod glance;
mod growth;
mod identity;
mod keeper;
mod keys;
mod latch;
mod lines;
mod log;
mod merkle;
mod note;
mod proof;
mod purge;
mod queue;
mod ratchet;
mod read;
mod recover;
mod report;
mod retention;
mod rotate;
pub mod search;
mod segments;
mod shred;
mod signer;
mod state;
mod stats;
mod storage;
mod stub;
mod subjects;
mod verify;
mod writer;

#[cfg(test)]
mod tests;

pub use anchor::{Anchor, Destination};
pub use anchored::{AnchorFiles, Anchored, Refusal};
pub use bundle::{BundleError, CheckError, Checked, Cosigner, Manifest, bundle, check_bundle};
pub use chain::{Head, HeadError};
pub use glance::{Glance, SigningKeyState, glance, signing_key_state};
pub use growth::{GrowError, Grown, Growth, Latest, latest, read_checkpoint};
pub use keeper::{Now, Retention};
pub use keys::{KeyError, first_key_paths, read_verifiers};
pub use log::{Log, OpenError, Opened, Options};
pub use note::{Cosigned, Note, NoteError, VerifierKey, is_name};
pub use proof::{Proof, ProofError, ProveError, Proven, check_proof, prove, prove_growth};
pub use purge::{Order, PurgeError, Purged, purge};
pub use queue::{AUDIT_LINE_BYTES_MAX, AppendError, Pending, Receipt};
pub use read::{Filter, ReadError, Records};
pub use recover::AUDIT_TAIL_BYTES;
pub use report::{AUDIT_VERIFY_FINDINGS_MAX, Finding, Report, Witness};
pub use retention::{
    HOLDS_FILE, Hold, HoldError, HoldsError, Rule, load_holds, read_holds, save_holds,
};
pub use rotate::{Rotated, rotate};
pub use shred::{Request, ShredError, Shredded, finish_shredding, shred};
pub use state::{FirstKey, read_first_key};
pub use stats::{AUDIT_STALL_MS, Health, Stats};
pub(crate) use storage::{LOCK_FILE, replace};
pub(crate) use stub::stub;
pub use subjects::{Person, Sealer, SubjectError, Subjects};
pub use verify::{AUDIT_VERIFY_OPEN_INTENTS_MAX, Trust, VerifyError, verify};
pub use writer::{AUDIT_BACKOFF_MAX_MS, AUDIT_BACKOFF_MIN_MS, Rhythm};
