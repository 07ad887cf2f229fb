//! Destroys keys of persons while the gateway runs: a thread beside the writer.
//!
//! Takes the orders that `sallyport audit shred` leaves in the folder of the keys. The order of
//! steps is that of [`super::shred`]; the first is a rename of the order, so that an order is
//! either begun or can still be taken back. What a crash cut short is finished at the next start:
//! the key before the log takes a record, the rest by this thread.
//!
//! Assumes that nobody else holds the keys' lock. Guarantees that nothing is begun which a legal
//! hold forbids or cannot be asked about, and that it ends before the log's lock is given up.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::beside::{Beside, Pace};
use super::recover::Note;
use super::retention::{Hold, load_holds};
use super::shred::At;
use super::subjects::{Pending, Refused, Sealer, SubjectError};
use crate::limits::{AUDIT_SHRED_AGAIN_MS, AUDIT_SHRED_POLL_MS, AUDIT_SHRED_WAIT_MS};

/// The running thread.
#[derive(Debug)]
pub(super) struct Eraser {
    beside: Beside,
    running: Option<JoinHandle<()>>,
}

/// Where legal holds are, and whether that file may be missing.
#[derive(Debug, Clone)]
pub(super) struct Holds(pub(super) PathBuf, pub(super) bool);

impl Eraser {
    /// Destroys what was begun, and starts to take orders.
    pub(super) fn start(
        sealer: Arc<Sealer>,
        holds: Holds,
        beside: Beside,
    ) -> Result<Self, SubjectError> {
        let left = sealer.pending()?;
        left.iter().try_for_each(|pending| sealer.destroy(pending))?;
        sealer.open_orders()?;
        let mut job = Job { sealer, holds, beside: beside.clone(), left };
        let thread = thread::Builder::new().name("audit-eraser".to_owned());
        let running = thread.spawn(move || job.run());
        let running = running.map_err(SubjectError::Thread)?;
        Ok(Self { beside, running: Some(running) })
    }

    /// Ends it, after the step that it is at.
    pub(super) fn close(&mut self) {
        self.beside.stop();
        if let Some(running) = self.running.take() {
            let _ = running.join();
        }
    }
}

impl Drop for Eraser {
    fn drop(&mut self) {
        self.close();
    }
}

struct Job {
    sealer: Arc<Sealer>,
    holds: Holds,
    beside: Beside,
    /// Begun, and not done.
    left: Vec<Pending>,
}

impl Job {
    fn run(&mut self) {
        while !self.beside.is_stopped() {
            let wait = match self.turn() {
                Ok(()) => AUDIT_SHRED_POLL_MS,
                Err(why) => {
                    tracing::warn!(why, "the end of a subject key is not finished yet");
                    AUDIT_SHRED_AGAIN_MS
                }
            };
            self.beside.pause(Duration::from_millis(wait));
        }
    }

    fn turn(&mut self) -> Result<(), String> {
        // First what was begun: an order more changes nothing about that.
        while let Some(pending) = self.left.last() {
            self.carry_out(pending)?;
            self.left.pop();
        }
        for order in self.sealer.orders().map_err(text)? {
            if let Some(why) = self.against(&order) {
                self.sealer.refuse(&order, &why).map_err(text)?;
            } else if self.sealer.take(&order).map_err(text)? {
                self.left.push(order);
                at(At::Begun).map_err(text)?;
                let Some(begun) = self.left.last() else { continue };
                self.carry_out(begun)?;
                self.left.pop();
            }
        }
        Ok(())
    }

    /// What forbids it.
    fn against(&self, order: &Pending) -> Option<Refused> {
        let Holds(path, may_be_missing) = &self.holds;
        let holds = match load_holds(path, *may_be_missing) {
            Ok(holds) => holds,
            Err(error) => return Some(Refused::Failed(error.to_string())),
        };
        let is = |name: &str| self.sealer.is_of(order, name);
        if let Some(hold) = holds.iter().find(|hold| hold.forbids_erasure(is)) {
            return Some(Refused::Held(hold.id.clone()));
        }
        let gone = || Refused::Failed("this person has no key any more".to_owned());
        (!self.sealer.is_there(order)).then(gone)
    }

    fn carry_out(&self, pending: &Pending) -> Result<(), String> {
        self.sealer.destroy(pending).map_err(text)?;
        at(At::Destroyed).map_err(text)?;
        let Pending { id, reason, by, .. } = pending;
        let body = Note::Shred { key: id, reason, by }.body();
        let wait = Duration::from_millis(AUDIT_SHRED_WAIT_MS);
        let told = self.beside.tell(&[body], Pace::Hurried, wait)?;
        at(At::Signed).map_err(text)?;
        self.sealer.finish(pending, told.last().copied().unwrap_or_default()).map_err(text)?;
        at(At::Finished).map_err(text)?;
        tracing::info!(key = id, "a subject key was destroyed");
        Ok(())
    }
}

impl Hold {
    /// Whether nobody of the names that `is` knows may be forgotten while this stands. A hold
    /// without a name may need anybody's records.
    pub(super) fn forbids_erasure(&self, is: impl Fn(&str) -> bool) -> bool {
        match (&self.principal, &self.subject) {
            (None, None) => true,
            (principal, person) => [principal, person].into_iter().flatten().any(|name| is(name)),
        }
    }
}

fn text(error: impl ToString) -> String {
    error.to_string()
}

/// A step is done. A test's process ends here.
#[cfg_attr(not(test), expect(clippy::unnecessary_wraps, reason = "a test's may fail"))]
fn at(step: At) -> io::Result<()> {
    #[cfg(test)]
    super::tests::erasing::die_at(step);
    let _ = step;
    Ok(())
}
