//! One rate, counted by this replica or by all of them.

use std::sync::Arc;

use super::Caller;
use super::shared::{Refusal, SharedRate, Sharing};
use crate::bucket::Bucket;
use crate::clock::Clock;
use crate::config::Allowance;

/// Where a rate is counted. A further store is a variant here.
#[derive(Debug, Clone)]
pub(super) enum Meter {
    Local(Arc<Bucket<Option<Caller>>>),
    Shared(Arc<SharedRate>),
}

/// How the meters of one configuration are made.
pub(super) struct Made<'a> {
    pub(super) clock: &'a Clock,
    pub(super) sharing: Option<&'a Sharing>,
    /// The server's own address and name: replicas count together what both name.
    pub(super) server: [&'a str; 2],
}

impl Made<'_> {
    /// The old meter where it counts the same, else a new one. `kind` and `name` tell it from the
    /// other ones of its server.
    pub(super) fn meter(
        &self,
        (kind, name): (&str, &str),
        allowance: Allowance,
        old: Option<&Meter>,
    ) -> Meter {
        let [resource, server] = self.server;
        let place = [resource, server, kind, name];
        match (self.sharing, old) {
            (None, Some(Meter::Local(bucket))) if bucket.same_as(&allowance.rate) => {
                Meter::Local(Arc::clone(bucket))
            }
            (None, _) => Meter::Local(Arc::new(Bucket::new(allowance.rate, self.clock))),
            (Some(sharing), Some(Meter::Shared(rate)))
                if rate.same_as(sharing, &place, allowance) =>
            {
                Meter::Shared(Arc::clone(rate))
            }
            (Some(sharing), _) => {
                Meter::Shared(Arc::new(SharedRate::new(sharing, &place, allowance, self.clock)))
            }
        }
    }
}

impl Meter {
    /// Takes one call out of a caller's bucket; of the one of all callers without one.
    pub(super) async fn take(&self, caller: Option<Caller>) -> Result<(), Refusal> {
        match self {
            Self::Local(bucket) => bucket.take(&caller).map(|_| ()).map_err(Refusal::Over),
            Self::Shared(rate) => rate.take(caller).await,
        }
    }

    /// Forgets callers whose buckets are full again.
    pub(super) fn sweep(&self) {
        match self {
            Self::Local(bucket) => bucket.sweep(),
            Self::Shared(rate) => rate.sweep(),
        }
    }

    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        match self {
            Self::Local(bucket) => bucket.len(),
            Self::Shared(_) => 0,
        }
    }
}
