//! The stage between the request gate and the upstream: no record, no call.
//!
//! Owns [`Recorded`], the witness that a call's audit record is durable. Guarantees by type that
//! `upstream::forward` cannot be called for a call that left no trace: the only constructor asks
//! for an [`audit::Receipt`](crate::audit::Receipt), which only the audit log makes, after its
//! sync (promise P1 of the threat chapter).

use std::ops::Deref;
use std::time::Duration;

use bytes::Bytes;

use crate::audit::{Log, Receipt};
use crate::exchange::Exchange;
use crate::guard::Cleared;
use crate::limits;
use crate::reject::{Code, Rejection};

/// A cleared call whose audit record is durable. Cannot be made outside this module:
///
/// ```compile_fail,E0451
/// # use sallyport::{audit::Receipt, guard::Cleared, record::Recorded};
/// fn forge(base: Cleared, receipt: Receipt) -> Recorded {
///     Recorded { base, receipt }
/// }
/// ```
#[derive(Debug)]
pub struct Recorded {
    base: Cleared,
    receipt: Receipt,
}

impl Recorded {
    /// The proof that the record was written.
    #[must_use]
    pub fn receipt(&self) -> &Receipt {
        &self.receipt
    }
}

impl Deref for Recorded {
    type Target = Cleared;

    fn deref(&self) -> &Cleared {
        &self.base
    }
}

/// Writes the intent record and waits until it is durable.
///
/// # Errors
/// [`Code::AuditUnavailable`] with `Retry-After` when the log is full, failing or too slow.
pub async fn commit(
    ex: Exchange<Cleared>,
    log: &Log,
    intent: Bytes,
) -> Result<Exchange<Recorded>, Rejection> {
    let deadline = Duration::from_millis(limits::AUDIT_WAIT_MS);
    let durable = log.append_durable(&intent, deadline);
    let receipt = match tokio::time::timeout(deadline, durable).await {
        Ok(Ok(receipt)) => receipt,
        Ok(Err(error)) => return Err(unavailable(&error.to_string())),
        Err(_) => return Err(unavailable("the audit log did not sync in time")),
    };
    Ok(ex.advance(|base| Recorded { base, receipt }))
}

fn unavailable(why: &str) -> Rejection {
    Rejection::new(Code::AuditUnavailable, why.to_owned()).retry_after(RETRY_AFTER_S)
}

const RETRY_AFTER_S: u64 = 2;
