//! Finds records: by who, what, when and how it ended, with indexes beside the log.
//!
//! Owns the folder `index` in the directory of a log: one file for each segment that is finished,
//! made when somebody asks and made again when it does not fit its segment. Assumes nothing of
//! these files: one that is damaged is made anew.
//!
//! Guarantees: memory is bounded by one index, one block and what the caller keeps; without an
//! index the same records are found, only slower. Nothing here proves anything: whoever can
//! write an index can hide a record from a search, and [`super::verify`] never reads one.

mod calls;
mod find;
mod follow;
mod index;
mod opened;
mod query;
mod seen;
mod summary;

#[cfg(test)]
mod tests;

pub use crate::limits::{
    AUDIT_FOLLOW_MS, AUDIT_INDEX_BLOCK_BYTES, AUDIT_INDEX_BLOCKS_MAX, AUDIT_INDEX_PAIRS_MAX,
    AUDIT_QUERY_OPEN_CALLS_MAX, AUDIT_STATS_GROUPS_MAX, AUDIT_TAIL_RECORDS_MAX,
};
pub use calls::Calls;
pub(super) use find::FOLDER;
pub use find::{Event, Found, Plan, Records, Taker, search};
pub use follow::{Follow, seq};
pub use opened::Opened;
pub use query::{Field, Query, is_stamp};
pub use seen::NotARecord;
pub use summary::{By, Group, OTHER, Summary};
