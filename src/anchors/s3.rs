//! Each checkpoint as an object of its own in a bucket, under a lock that nobody may shorten.
//!
//! The name of an object is the number of records in twenty digits, so that a listing is in the
//! order of the log, and a log that was rolled back meets its own later checkpoints.

use std::time::{Duration, SystemTime};

use bytes::Bytes;

use super::webhook::taken;
use super::worker::{Outcome, Place};
use crate::audit::{Anchored, Latest, read_checkpoint};
use crate::config::S3;
use crate::sinks::SinkError;
use crate::sinks::bucket::{Bucket, Put};

pub(super) struct Objects {
    bucket: Bucket,
    /// Nothing of this log was there behind its last checkpoint when it was asked.
    asked: bool,
}

impl Objects {
    pub(super) fn new(config: &S3, timeout: Duration) -> Result<Self, SinkError> {
        // A folder of their own, so that a listing brings nothing else.
        let config = S3 { prefix: format!("{}{FOLDER}", config.prefix), ..config.clone() };
        Ok(Self { bucket: Bucket::new(&config, timeout)?, asked: false })
    }

    /// Whether the bucket knows more of the log than the log does.
    async fn knows_more(&mut self, latest: &Latest) -> Option<Outcome> {
        if self.asked {
            return None;
        }
        match self.bucket.after(&name(latest.size)).await {
            Ok(None) => self.asked = true,
            Ok(Some(later)) => {
                let known: Option<u64> =
                    later.strip_suffix(SUFFIX).and_then(|digits| digits.parse().ok());
                let Some(known) = known else {
                    tracing::warn!("a bucket holds something else between audit checkpoints");
                    self.asked = true;
                    return None;
                };
                let reason = "it knows more records".to_owned();
                return Some(Outcome::Contradicted { known: Some(known), reason });
            }
            // Who may write there may not be allowed to list: then the names alone protect.
            Err(reason) if reason.starts_with("status 403") => {
                tracing::warn!(reason, "a bucket cannot be asked what it has");
                self.asked = true;
            }
            Err(reason) => return Some(Outcome::again(reason)),
        }
        None
    }

    /// There is an object of this name: of this very checkpoint, or of another log.
    async fn compared(&self, latest: &Latest, now: SystemTime) -> Outcome {
        match self.bucket.get(&name(latest.size)).await {
            Err(reason) => Outcome::again(reason),
            Ok(found) => {
                let found = std::str::from_utf8(&found).ok().and_then(read_checkpoint);
                // It may have been signed once more, at another time.
                match found {
                    Some(there) if (there.size, there.root) == (latest.size, latest.root) => {
                        Outcome::Taken(taken(latest, now))
                    }
                    Some(_) | None => Outcome::Contradicted {
                        known: Some(latest.size),
                        reason: "it knows other records under the same numbers".to_owned(),
                    },
                }
            }
        }
    }
}

impl Place for Objects {
    const CONFIRMS: bool = true;

    async fn take(&mut self, latest: &Latest, _had: Option<&Anchored>) -> Outcome {
        if let Some(outcome) = self.knows_more(latest).await {
            return outcome;
        }
        let now = SystemTime::now();
        let body = Bytes::from(latest.note.clone());
        match self.bucket.put(&name(latest.size), "text/plain; charset=utf-8", body).await {
            Put::Made => Outcome::Taken(taken(latest, now)),
            Put::Exists => self.compared(latest, now).await,
            Put::Again(reason, after) => Outcome::Again { reason, after },
        }
    }
}

fn name(size: u64) -> String {
    format!("{size:020}{SUFFIX}")
}

const FOLDER: &str = "checkpoints/";
const SUFFIX: &str = ".checkpoint";
