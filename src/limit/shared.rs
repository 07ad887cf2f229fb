//! One rate that replicas share: leases over Redis, and what happens without it.
//!
//! Guarantees, for one caller, a rate of `burst` and `count` per `window`, `n` replicas and any time
//! `T`, with `S` = [`super::slice_max`]:
//!
//! - while Redis answers and forgets nothing, at most `burst + T × count/window + n × S` calls are
//!   admitted, and since the caller's first call no more than `burst + T × count/window`: a call is
//!   taken out before it is lent;
//! - each time that Redis comes back empty, or its clock jumps ahead, at most `burst` more;
//! - while it is away, `local_share` admits at most as much as the rate itself over that time, burst
//!   included, as long as no more replicas run than were counted or stated, plus one call for each
//!   replica beyond the burst. That is the worst case, of callers who move between replicas: calls
//!   count against a replica's part while Redis answers too, and what was admitted without Redis is
//!   charged when it is back, so that who is at the limit all the time gets little more than the rate;
//! - nobody waits longer than [`crate::limits::SHARED_LIMIT_WAIT_MS`] for a rate, and not at all
//!   from a failure on until a heartbeat was answered.
//!
//! A replica that alone is cut off admits its part beside what the others admit. One that ends
//! forfeits what it holds, `S` at most of each caller.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_lc_rs::hmac;

use super::Caller;
use super::lease::{Answer, Id, Known, Leases};
use super::store::Store;
use crate::bucket::{Bucket, Remaining, Wait};
use crate::clock::Clock;
use crate::config::{Allowance, OnStoreLoss, Rate};
use crate::limits::RETRY_AFTER_S_MAX;
use crate::net::AddressKey;
use crate::secret::Secret;

/// What the shared rates of one configuration have in common.
#[derive(Debug, Clone)]
pub struct Sharing {
    store: Arc<Store>,
    /// Names callers.
    key: hmac::Key,
}

impl Sharing {
    /// Callers are named by a key that is derived from the one that replicas share, so that who
    /// reads Redis cannot try names. Without one it is a plain hash.
    #[must_use]
    pub fn new(store: &Arc<Store>, session_keys: &[Secret]) -> Self {
        let shared = session_keys.first().map_or(&[][..], Secret::expose);
        let shared = hmac::Key::new(hmac::HMAC_SHA256, shared);
        let key = hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&shared, DERIVATION).as_ref());
        Self { store: Arc::clone(store), key }
    }
}

/// One rate of one server.
#[derive(Debug)]
pub(super) struct SharedRate {
    store: Arc<Store>,
    allowance: Allowance,
    /// Tells this rate from every other one.
    name: [u8; 32],
    key: hmac::Key,
    leases: Mutex<Leases>,
    alone: Mutex<Alone>,
    clock: Clock,
}

/// The buckets of a replica on its own.
#[derive(Debug)]
struct Alone {
    parts: u32,
    bucket: Arc<Bucket<Id>>,
}

/// Why a call is not admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The bucket is empty.
    Over(Wait),
    /// Nobody knows.
    Unknown,
}

impl SharedRate {
    /// A rate that is named by its server and its place there. A changed rate is another one: what
    /// was left of the old one says nothing about it.
    pub(super) fn new(
        sharing: &Sharing,
        place: &[&str],
        allowance: Allowance,
        clock: &Clock,
    ) -> Self {
        let name = name(sharing, place, allowance.rate);
        let bucket = Arc::new(Bucket::new(allowance.rate, clock));
        Self {
            store: Arc::clone(&sharing.store),
            allowance,
            name,
            key: hmac::Key::new(hmac::HMAC_SHA256, &name),
            leases: Mutex::new(Leases::new(allowance.rate)),
            alone: Mutex::new(Alone { parts: 1, bucket }),
            clock: clock.clone(),
        }
    }

    /// Whether it would be the same: then its state survives a reload.
    pub(super) fn same_as(&self, sharing: &Sharing, place: &[&str], allowance: Allowance) -> bool {
        self.allowance == allowance && self.name == name(sharing, place, allowance.rate)
    }

    /// Takes one call out of a caller's bucket; of the one of all callers without one. Cancel-safe:
    /// at worst a call is taken out that is not made.
    pub(super) async fn take(&self, caller: Option<Caller>) -> Result<(), Refusal> {
        let id = self.id(caller);
        if !self.store.is_up() {
            return self.alone(id, 0);
        }
        let known = lock(&self.leases).take(id, self.clock.monotonic());
        let judged = match known {
            Known::Admitted => {
                self.store.count_leased();
                Ok(())
            }
            Known::Over(wait) => {
                self.store.count_leased();
                Err(self.over(wait))
            }
            Known::Ask(question) => match self.store.ask(id, self.allowance.rate, question).await {
                None => return self.alone(id, question.owed),
                Some(answer) => {
                    lock(&self.leases).keep(id, answer, self.clock.monotonic());
                    match answer {
                        Answer::Granted(_) => Ok(()),
                        Answer::Over(wait) => Err(self.over(wait)),
                    }
                }
            },
        };
        if judged.is_ok() {
            self.note(id);
        }
        judged
    }

    /// Forgets what has ended.
    pub(super) fn sweep(&self) {
        lock(&self.leases).sweep(self.clock.monotonic());
        lock(&self.alone).bucket.sweep();
    }

    /// Judges without Redis, to which calls may be owed already.
    fn alone(&self, id: Id, owed: u32) -> Result<(), Refusal> {
        self.store.count_degraded();
        let (bucket, part) = self.bucket().ok_or(Refusal::Unknown)?;
        let taken = bucket.take(&id);
        let left = taken.as_ref().map_or(0, |Remaining(left)| *left);
        let owed = owed.saturating_add(u32::from(taken.is_ok()));
        if owed > 0 {
            let period = part.window / part.count.max(1);
            let whole = period.saturating_mul(part.burst.saturating_sub(left));
            lock(&self.leases).owe(id, owed, (whole, period), self.clock.monotonic());
        }
        taken.map(|_| ()).map_err(Refusal::Over)
    }

    /// Counts an admitted call against this replica's part, so that who used that up has no burst
    /// when Redis is lost.
    fn note(&self, id: Id) {
        if let Some((bucket, _)) = self.bucket() {
            // That it is over its part means nothing while Redis answers.
            let _ = bucket.take(&id);
        }
    }

    /// The buckets that count without Redis, and how; none where nobody is admitted then.
    fn bucket(&self) -> Option<(Arc<Bucket<Id>>, Rate)> {
        let parts = match self.allowance.on_store_loss {
            OnStoreLoss::Deny => return None,
            OnStoreLoss::Local => 1,
            OnStoreLoss::LocalShare => self.store.parts()?,
        };
        let part = part(self.allowance.rate, parts);
        let mut alone = lock(&self.alone);
        if alone.parts != parts {
            *alone = Alone { parts, bucket: Arc::new(Bucket::new(part, &self.clock)) };
        }
        Some((Arc::clone(&alone.bucket), part))
    }

    fn over(&self, wait: Duration) -> Refusal {
        let Rate { count, window, burst: _ } = self.allowance.rate;
        Refusal::Over(Wait {
            seconds: ceil_s(wait).clamp(1, RETRY_AFTER_S_MAX),
            quota: count,
            window_s: ceil_s(window).max(1),
        })
    }

    fn id(&self, caller: Option<Caller>) -> Id {
        let mut bytes = Vec::with_capacity(17);
        match caller {
            None => bytes.push(0),
            Some(Caller::Principal(key)) => {
                bytes.push(1);
                bytes.extend_from_slice(&key.0);
            }
            Some(Caller::Address(AddressKey::V4(octets))) => {
                bytes.push(2);
                bytes.extend_from_slice(&octets);
            }
            Some(Caller::Address(AddressKey::V6Net64(segments))) => {
                bytes.push(3);
                bytes.extend(segments.iter().flat_map(|segment| segment.to_be_bytes()));
            }
        }
        cut(hmac::sign(&self.key, &bytes).as_ref())
    }
}

/// Lengths are hashed too, so that no two names run together.
fn name(sharing: &Sharing, place: &[&str], rate: Rate) -> [u8; 32] {
    let mut context = hmac::Context::with_key(&sharing.key);
    for part in place {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part.as_bytes());
    }
    let Rate { count, window, burst } = rate;
    context.update(&count.to_be_bytes());
    context.update(&window.as_nanos().to_be_bytes());
    context.update(&burst.to_be_bytes());
    cut(context.sign().as_ref())
}

fn cut<const N: usize>(tag: &[u8]) -> [u8; N] {
    let mut out = [0; N];
    for (to, from) in out.iter_mut().zip(tag) {
        *to = *from;
    }
    out
}

/// What one of so many replicas admits on its own.
fn part(rate: Rate, parts: u32) -> Rate {
    let Rate { count, window, burst } = rate;
    Rate { count, window: window.saturating_mul(parts), burst: (burst / parts.max(1)).max(1) }
}

fn ceil_s(d: Duration) -> u64 {
    d.as_secs().saturating_add(u64::from(d.subsec_nanos() > 0))
}

/// A panic elsewhere leaves whole entries behind.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Keeps these names apart from whatever else is made of the sessions' key.
const DERIVATION: &[u8] = b"sallyport names of shared rates 1";

#[cfg(test)]
mod tests;
