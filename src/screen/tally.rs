//! Counts what the response gate did, while a stream is still running.

use std::sync::{Arc, Mutex, PoisonError};

use crate::class::Class;
use crate::inspect::{Counts, Detector, Plan, Seen};
use crate::limits::FOUND_PLACES_MAX;
use crate::mcp::version::Revision;
use crate::pins::Findings;

/// What the response gate did to one answer.
#[derive(Debug, Default)]
pub struct Deeds {
    /// Values masked, by class.
    pub redacted: Counts,
    /// Values shown because a scope allowed it, by class.
    pub revealed: Counts,
    /// Where they stood, by class and path; bounded.
    pub places: Vec<Seen>,
    /// Messages that were not passed on, by reason.
    pub dropped: Vec<(&'static str, u64)>,
    /// Requests of the server that were delivered, by kind.
    pub asked: Vec<(&'static str, u64)>,
    /// Tools that were left out of a list, by reason.
    pub quarantined: Vec<(&'static str, u64)>,
    /// Of these and of tools of earlier pages, what was not known before.
    pub alarms: Vec<(&'static str, u64)>,
    /// Tools whose definition changed, and which are not pinned.
    pub changed_tools: u64,
    /// What became of structured results in which something is hidden, by what fits their schema.
    pub fits: Vec<(&'static str, u64)>,
    /// The revision that the server's answer to the handshake names.
    pub agreed: Option<Revision>,
    /// Why a stream was cut.
    pub cut: Option<&'static str>,
    /// Knows what the configuration's own classes are called.
    names: Option<Arc<Detector>>,
}

/// Shared between the body that counts and the record that reads at the end.
#[derive(Debug, Clone, Default)]
pub struct Tally(Arc<Mutex<Deeds>>);

impl Tally {
    /// An empty tally over the classes of this detector.
    pub(super) fn of(detector: Arc<Detector>) -> Self {
        Self(Arc::new(Mutex::new(Deeds { names: Some(detector), ..Deeds::default() })))
    }

    /// Changes the counts; never held across a wait.
    pub(super) fn note(&self, change: impl FnOnce(&mut Deeds)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// The revision that the server's answer to the handshake named, so far.
    pub(super) fn agreed(&self) -> Option<Revision> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).agreed
    }

    /// Takes the counts at the end.
    #[must_use]
    pub fn take(&self) -> Deeds {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Deeds {
    /// What a class is called in records and labels.
    #[must_use]
    pub fn name_of(&self, class: Class) -> &str {
        self.names.as_ref().map_or(class.name(), |detector| detector.custom_name(class))
    }

    /// Books what was found in one message of the answer.
    pub(super) fn found(&mut self, plan: &Plan) {
        self.redacted.merge(&plan.counts);
        self.revealed.merge(&plan.revealed);
        for seen in plan.places() {
            if let Some(known) = self.places.iter_mut().find(|known| known.is_same_place(seen)) {
                known.count = known.count.saturating_add(seen.count);
            } else if self.places.len() < FOUND_PLACES_MAX {
                self.places.push(seen.clone());
            }
        }
    }

    /// Books a message that was not passed on.
    pub(super) fn drop_one(&mut self, reason: &'static str) {
        count(&mut self.dropped, reason);
    }

    /// Books a structured result in which something is hidden.
    pub(super) fn fit_one(&mut self, fit: &'static str) {
        count(&mut self.fits, fit);
    }

    /// Books what was found in a list of tools.
    pub(super) fn quarantine(&mut self, found: &Findings) {
        for reason in found.quarantined.values() {
            count(&mut self.quarantined, reason.name());
        }
        for reason in &found.alarms {
            count(&mut self.alarms, reason.name());
        }
        self.changed_tools += found.changes;
    }

    /// Books a request of the server that was passed on.
    pub(super) fn ask_one(&mut self, kind: &'static str) {
        count(&mut self.asked, kind);
    }
}

fn count(counts: &mut Vec<(&'static str, u64)>, name: &'static str) {
    match counts.iter_mut().find(|(other, _)| *other == name) {
        Some((_, count)) => *count += 1,
        None => counts.push((name, 1)),
    }
}
