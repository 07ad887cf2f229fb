//! Batches as objects in a bucket of S3, or of what speaks its language.
//!
//! An object is named by its first and its last record and by the hash of its bytes, so that a
//! batch that is sent twice is one object, and no object is ever written over.

use std::time::Duration;

use super::SinkError;
use super::bucket::{Bucket, Put};
use super::delivery::{Deliver, Delivery, Item};
use super::files::line_hash;
use super::worker::joined;
use crate::config::S3;

pub(super) struct Objects {
    bucket: Bucket,
}

impl Objects {
    pub(super) fn new(config: &S3, timeout: Duration) -> Result<Self, SinkError> {
        let config = S3 { prefix: format!("{}{FOLDER}", config.prefix), ..config.clone() };
        Ok(Self { bucket: Bucket::new(&config, timeout)? })
    }
}

impl Deliver for Objects {
    async fn deliver(&mut self, items: &[Item]) -> Delivery {
        let (Some(first), Some(last)) = (items.first(), items.last()) else {
            return Delivery::taken(items);
        };
        let body = joined(items);
        let hash = line_hash(&body);
        let hash = hash.get(..HASH_DIGITS).unwrap_or(&hash);
        let (first, last) = (first.record.seq, last.record.seq);
        let name = format!("{first:020}-{last:020}-{hash}.jsonl");
        match self.bucket.put(&name, "application/x-ndjson", body).await {
            // The same bytes are there by an earlier try.
            Put::Made | Put::Exists => Delivery::taken(items),
            Put::Again(reason, after) => Delivery::Again { reason, after },
        }
    }
}

/// Apart from the checkpoints of an anchor in the same bucket.
const FOLDER: &str = "records/";
/// Hex digits of the hash in a name: 64 bits.
const HASH_DIGITS: usize = 16;
