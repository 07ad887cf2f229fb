//! The audit trail: an append-only file of hash-chained JSON lines.
//!
//! Owns the directory of the log: `audit.jsonl` (the records), `audit.head`
//! (a recent head, a hint for verification), `audit.lock` (held while a gateway
//! writes) and `audit.torn-N` (bytes cut before record N was written).
//!
//! Assumes record bodies are JSON objects on one line, redacted by their maker.
//!
//! Guarantees:
//! - An acknowledged record is in the file, behind its predecessor, and, under
//!   [`Durable`](crate::config::Durability::Durable), on the disk.
//! - Numbers have no holes and no record changes once it is acknowledged.
//! - A failure refuses records, never loses an acknowledged one, is recorded
//!   once it is over, and ends by itself when its cause does.
//! - Memory is bounded by the queue's bounds, twice.
//!
//! What it does not do: a plain chain shows any change to someone who knows the
//! head, but whoever can write the directory can also cut its end or chain it
//! anew. [`verify`] says so unless it is given a remembered [`Head`].

mod chain;
mod latch;
mod lines;
mod log;
mod queue;
mod read;
mod recover;
mod report;
mod stats;
mod storage;
mod verify;
mod writer;

#[cfg(test)]
mod tests;

pub use chain::{Head, HeadError};
pub use log::{Log, OpenError, Opened, Options};
pub use queue::{AUDIT_LINE_BYTES_MAX, AppendError, Pending, Receipt};
pub use read::{Filter, ReadError, Records};
pub use recover::AUDIT_TAIL_BYTES;
pub use report::{AUDIT_VERIFY_FINDINGS_MAX, Finding, Report, Witness};
pub use stats::{AUDIT_STALL_MS, Health, Stats};
pub use verify::{AUDIT_VERIFY_OPEN_INTENTS_MAX, VerifyError, verify};
pub use writer::{AUDIT_BACKOFF_MAX_MS, AUDIT_BACKOFF_MIN_MS, AUDIT_HEAD_INTERVAL_MS};
