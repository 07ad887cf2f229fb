//! What stands beside a value in its object: a bare `name` is somebody's where personal data
//! stands beside it.

use std::ops::Range;

use super::walk::{Context, PendingPlace};

/// The objects around the value at hand.
#[derive(Debug, Default)]
pub(super) struct Siblings {
    open: Vec<Level>,
}

#[derive(Debug, Default)]
struct Level {
    is_object: bool,
    /// Whether personal data was found in it.
    personal: bool,
    /// What may be names.
    names: Vec<Name>,
}

/// What may be a name, and how to hide it.
#[derive(Debug)]
pub(super) struct Name {
    pub(super) text: Vec<u8>,
    pub(super) range: Range<usize>,
    pub(super) place: PendingPlace,
}

impl Name {
    pub(super) fn new(
        text: &[u8],
        range: Range<usize>,
        within: Range<usize>,
        context: Context<'_>,
    ) -> Name {
        let text = text.get(within).unwrap_or_default().to_vec();
        Name { text, range, place: PendingPlace::of(context.place) }
    }
}

impl Siblings {
    pub(super) fn depth(&self) -> usize {
        self.open.len()
    }

    pub(super) fn open(&mut self, is_object: bool) {
        self.open.push(Level { is_object, ..Level::default() });
    }

    /// Of each object and array that is open, whether personal data was found in it.
    pub(super) fn personal(&self) -> impl Iterator<Item = bool> {
        self.open.iter().map(|level| level.personal)
    }

    /// Notes whether a value in the object at hand is personal.
    pub(super) fn note(&mut self, personal: bool) {
        if let Some(level) = self.open.last_mut() {
            level.personal |= personal;
        }
    }

    /// Keeps what may be a name, until its object is closed.
    pub(super) fn name(&mut self, name: Name) {
        // Free text has no object around it.
        if self.open.is_empty() {
            self.open(true);
        }
        if let Some(level) = self.open.last_mut().filter(|level| level.names.len() < NAMES_MAX) {
            level.names.push(name);
        }
    }

    /// Closes the object at hand; returns what turned out to be names.
    pub(super) fn close(&mut self) -> Vec<Name> {
        let Some(Level { is_object, personal, names }) = self.open.pop() else {
            return Vec::new();
        };
        // An object in an object is about the same somebody, the items of a list are others.
        self.note(personal && is_object);
        if personal { names } else { Vec::new() }
    }
}

/// Names of one object that are kept.
const NAMES_MAX: usize = 16;
