//! What was said and what would be said: with the record, and between two sets.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::{Left, Reader, Recorded, Said, Set, Side, Unasked, leave, request_id, reveal};
use crate::limits::POLICY_CHANGES_MAX;

/// A change from one answer to another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Change {
    /// A class, where it is about seeing its values; else it is about the call.
    pub class: Option<Arc<str>>,
    /// What it was.
    pub before: Said,
    /// What it is.
    pub after: Said,
}

impl Change {
    /// Its kind in words.
    #[must_use]
    pub fn kind(&self) -> String {
        let (before, after) = (&self.before, &self.after);
        let word = |said: &Said| match (&self.class, said.permits()) {
            (None, _) => said.decision.to_string(),
            (Some(_), true) => "shown".to_owned(),
            (Some(_), false) => "masked".to_owned(),
        };
        let (from, to) = (word(before), word(after));
        match &self.class {
            Some(class) => format!("{class}: {from} → {to}"),
            None if from != to => format!("{from} → {to}"),
            None if before.obligations != after.obligations => "obligations".to_owned(),
            None => "policies".to_owned(),
        }
    }
}

/// The outcome of a comparison.
#[derive(Debug, Clone, Default)]
pub struct Compared {
    /// Calls to which the answer is the same.
    pub same: u64,
    /// Calls to which it is not.
    pub different: u64,
    /// Each change with how many calls it has and the request id of one.
    pub changes: BTreeMap<Change, (u64, Box<str>)>,
    /// Changes of calls beyond [`POLICY_CHANGES_MAX`] different ones.
    pub more: u64,
    /// Calls that were not asked about.
    pub left: Left,
}

impl Compared {
    fn change(&mut self, change: Change, request_id: &str) {
        let room = self.changes.len() < POLICY_CHANGES_MAX;
        match self.changes.get_mut(&change) {
            Some((count, _)) => *count += 1,
            None if room => {
                self.changes.insert(change, (1, request_id.into()));
            }
            None => self.more += 1,
        }
    }

    /// How many calls were asked about.
    #[must_use]
    pub fn asked(&self) -> u64 {
        self.same + self.different
    }
}

/// Compares what a set says now with what is recorded.
#[derive(Debug)]
pub struct Replay<'p> {
    side: Side<'p>,
    set: Set,
    reader: Reader,
    found: Compared,
}

impl<'p> Replay<'p> {
    /// Of the live set every word is compared; of one that is tried, what comes of it: its policies
    /// have other ids.
    #[must_use]
    pub fn new(side: Side<'p>, set: Set) -> Self {
        Self { side, set, reader: Reader::default(), found: Compared::default() }
    }

    /// The next record of the trail.
    pub fn take(&mut self, record: &Value) {
        let asked = match self.reader.read(record) {
            None => return,
            Some(Err(why)) => Err(why),
            Some(Ok(recorded)) => self.ask(&recorded),
        };
        match asked {
            Ok(None) => self.found.same += 1,
            Ok(Some(change)) => {
                self.found.different += 1;
                self.found.change(change, request_id(record));
            }
            Err(why) => leave(&mut self.found.left, why, request_id(record)),
        }
    }

    fn ask(&self, recorded: &Recorded) -> Result<Option<Change>, Unasked> {
        // A server that is not governed now has no answer to compare, whatever was recorded.
        let verdict = self.side.ask(recorded);
        let before = match (&recorded.said, &verdict) {
            (_, Err(Unasked::Ungoverned)) => return Err(Unasked::Ungoverned),
            (Some(before), _) => before,
            (None, _) => return Err(Unasked::Unjudged),
        };
        let after = Said::of(&*verdict?);
        let same = match self.set {
            Set::Live => *before == after,
            Set::Shadow => before.outcome() == after.outcome(),
        };
        Ok((!same).then(|| Change { class: None, before: before.clone(), after }))
    }

    /// What came of it.
    #[must_use]
    pub fn done(self) -> Compared {
        self.found
    }
}

/// Compares what two sets say to the recorded calls, and what their callers would be shown.
#[derive(Debug)]
pub struct Diff<'p> {
    before: Side<'p>,
    after: Side<'p>,
    classes: Vec<Arc<str>>,
    reader: Reader,
    found: Compared,
}

impl<'p> Diff<'p> {
    /// From one set to another.
    #[must_use]
    pub fn new(before: Side<'p>, after: Side<'p>) -> Self {
        let mut classes = before.classes();
        classes.extend(after.classes());
        classes.sort_unstable();
        classes.dedup();
        let (reader, found) = (Reader::default(), Compared::default());
        Self { before, after, classes, reader, found }
    }

    /// The next record of the trail.
    pub fn take(&mut self, record: &Value) {
        let asked = match self.reader.read(record) {
            None => return,
            Some(Err(why)) => Err(why),
            Some(Ok(recorded)) => self.ask(&recorded),
        };
        match asked {
            Ok(changes) if changes.is_empty() => self.found.same += 1,
            Ok(changes) => {
                self.found.different += 1;
                for change in changes {
                    self.found.change(change, request_id(record));
                }
            }
            Err(why) => leave(&mut self.found.left, why, request_id(record)),
        }
    }

    fn ask(&self, recorded: &Recorded) -> Result<Vec<Change>, Unasked> {
        let said = |side: &Side<'_>| match side.ask(recorded) {
            Ok(verdict) => Ok(Said::of(&verdict)),
            Err(Unasked::Ungoverned) => Ok(Said::open()),
            Err(why) => Err(why),
        };
        let (before, after) = (said(&self.before)?, said(&self.after)?);
        if &*before.decision == OPEN && &*after.decision == OPEN {
            return Err(Unasked::Ungoverned);
        }
        let mut changes = Vec::new();
        if before.permits() && after.permits() {
            self.shown(recorded, (&before, &after), &mut changes);
        }
        if before.outcome() != after.outcome() {
            changes.insert(0, Change { class: None, before, after });
        }
        Ok(changes)
    }

    /// Classes that the caller of a call would see in one of the two cases only. Where no policy
    /// governs, scopes decide on that, which are not asked here.
    fn shown(&self, recorded: &Recorded, sides: (&Said, &Said), changes: &mut Vec<Change>) {
        if &*sides.0.decision == OPEN || &*sides.1.decision == OPEN {
            return;
        }
        for class in &self.classes {
            let asked = Recorded { given: reveal(&recorded.given, class), ..recorded.clone() };
            let (Ok(before), Ok(after)) = (self.before.ask(&asked), self.after.ask(&asked)) else {
                continue;
            };
            if before.permits() != after.permits() {
                let (before, after) = (Said::of(&before), Said::of(&after));
                changes.push(Change { class: Some(Arc::clone(class)), before, after });
            }
        }
    }

    /// What came of it.
    #[must_use]
    pub fn done(self) -> Compared {
        self.found
    }
}

const OPEN: &str = "open";
