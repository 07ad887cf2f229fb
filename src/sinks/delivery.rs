//! What a receiver is given, and what can become of it.

use std::time::Duration;

use bytes::Bytes;

use super::source::Record;

/// One record on its way.
#[derive(Debug, Clone)]
pub struct Item {
    /// The record as it stands in the log.
    pub record: Record,
    /// The same in the sink's format.
    pub text: Bytes,
}

/// What became of one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// The receiver has it.
    Taken,
    /// Not now, but later.
    Again(String),
    /// Never: for what the receiver says of this very record.
    Rejected(String),
}

/// What became of a batch.
#[derive(Debug, PartialEq, Eq)]
pub enum Delivery {
    /// Each record has its own fate, in their order.
    Settled {
        /// One for each record.
        fates: Vec<Fate>,
        /// How long the receiver wants to be left alone, if it said so.
        after: Option<Duration>,
    },
    /// Nothing is known to have arrived; for reasons that are not in the records.
    Again {
        /// Why; holds nothing of a record.
        reason: String,
        /// How long the receiver wants to be left alone, if it said so.
        after: Option<Duration>,
    },
    /// The receiver does not take these records together; one of them may be the cause.
    Refused {
        /// What it said.
        reason: String,
    },
}

impl Delivery {
    /// The receiver has all of them.
    pub(super) fn taken(items: &[Item]) -> Self {
        Self::Settled { fates: vec![Fate::Taken; items.len()], after: None }
    }

    /// Nothing arrived.
    pub(super) fn again(reason: impl Into<String>) -> Self {
        Self::Again { reason: reason.into(), after: None }
    }
}

/// Brings records to a receiver.
pub trait Deliver: Send {
    /// Brings them there, in their order. Dropping the future leaves open what arrived.
    fn deliver(&mut self, items: &[Item]) -> impl Future<Output = Delivery> + Send;
}
