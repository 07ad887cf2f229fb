//! What names and labels mean, remembered while a message is read: its records and lines repeat them.

use std::cell::{Cell, OnceCell};

use super::{Hints, by_last_word, label_start, meaning, of_name};
use crate::inspect::vocabulary;

/// What names mean, remembered for the next record with the same names.
#[derive(Debug)]
pub(in crate::inspect) struct Names {
    seen: [(u64, Hints); 2 * NAMES_KEPT],
}

impl Default for Names {
    fn default() -> Self {
        Names { seen: [(0, Hints::NONE); 2 * NAMES_KEPT] }
    }
}

impl Names {
    /// A hash of a member name, and what it suggests. `name` is as written between the quotes.
    pub(in crate::inspect) fn hints(&mut self, name: &[u8]) -> (u64, Hints) {
        let hash = vocabulary::hash(name);
        let place = usize::try_from(hash >> 48).unwrap_or(0) % NAMES_KEPT;
        // Two places for each name, of which the first has the one that was asked for last.
        let (places, _) = self.seen.as_chunks_mut::<2>();
        let Some([first, second]) = places.get_mut(place) else { return (hash, of_name(name)) };
        if first.0 != hash {
            std::mem::swap(first, second);
        }
        if first.0 != hash {
            *first = (hash, of_name(name));
        }
        *first
    }
}

/// What labels suggest, remembered for the next line or record with the same ones.
#[derive(Debug, Default)]
pub(in crate::inspect) struct Labels {
    seen: OnceCell<Box<[Cell<Known>; LABELS_KEPT]>>,
}

/// A label and what it suggests.
#[derive(Debug, Clone, Copy)]
struct Known {
    length: usize,
    text: [u8; LABEL_KEPT_BYTES],
    hints: Hints,
}

impl Labels {
    /// What the label with which a text ends suggests: its last words, of which the very last
    /// counts.
    pub(in crate::inspect) fn of(&self, text: &[u8]) -> Hints {
        if let Some(hints) = by_last_word(text) {
            return hints;
        }
        let label = text.get(label_start(text)..).unwrap_or_default();
        let seen =
            self.seen.get_or_init(|| Box::new([const { Cell::new(NONE_KNOWN) }; LABELS_KEPT]));
        let place = usize::try_from(vocabulary::hash(label) >> 48).unwrap_or(0) % LABELS_KEPT;
        let Some(slot) = seen.get(place).filter(|_| label.len() <= LABEL_KEPT_BYTES) else {
            return meaning(label);
        };
        let known = slot.get();
        if known.text.get(..known.length) == Some(label) {
            return known.hints;
        }
        let mut known = Known { length: label.len(), hints: meaning(label), ..NONE_KNOWN };
        known.text.iter_mut().zip(label).for_each(|(to, from)| *to = *from);
        slot.set(known);
        known.hints
    }
}

const NONE_KNOWN: Known = Known { length: 0, text: [0; LABEL_KEPT_BYTES], hints: Hints::NONE };

/// Pairs of names whose meaning is kept while a message is read.
const NAMES_KEPT: usize = 32;

/// Labels whose meaning is kept while a message is read.
const LABELS_KEPT: usize = 32;

/// Unit: bytes. Labels that are longer are seldom met twice.
const LABEL_KEPT_BYTES: usize = 32;
