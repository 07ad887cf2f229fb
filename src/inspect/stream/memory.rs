//! What one piece of a stream leaves to the next: values that were found.

use crate::class::Class;
use crate::inspect::scan::Same;
use crate::inspect::seek::Known;
use crate::inspect::walk::Walk;
use crate::limits::{STREAM_KNOWN_MAX, STREAM_TEXTS_BYTES_MAX, STREAM_TEXTS_MAX};

/// Values that are hidden wherever they stand again; the latest alone.
#[derive(Debug, Default)]
pub(super) struct Memory {
    known: Vec<(Same, Class)>,
    texts: Known,
    /// The greatest number in names that look like our labels.
    pub(super) greatest_label: u32,
    late: u32,
}

impl Memory {
    /// Tells a walk what to look for.
    pub(super) fn lend(&mut self, walk: &mut Walk<'_>) {
        walk.known.clone_from(&self.known);
        walk.texts = std::mem::take(&mut self.texts);
        walk.first_label = Some(self.greatest_label);
        walk.late = self.late;
    }

    /// Remembers what a walk found.
    pub(super) fn keep(&mut self, walk: &mut Walk<'_>) {
        let before = self.known.len();
        for found in &walk.known {
            if !self.known.contains(found) {
                self.known.push(*found);
            }
            // Far more than will be kept: the rest is not looked at.
            if self.known.len() >= before + 2 * STREAM_KNOWN_MAX {
                break;
            }
        }
        self.known.drain(..self.known.len().saturating_sub(STREAM_KNOWN_MAX));
        self.known.shrink_to(STREAM_KNOWN_MAX);
        self.texts = std::mem::take(&mut walk.texts);
        self.texts.keep_latest(STREAM_TEXTS_MAX, STREAM_TEXTS_BYTES_MAX);
        self.late = walk.late;
    }

    /// Bytes that are remembered.
    pub(super) fn size(&self) -> usize {
        self.known.capacity() * size_of::<(Same, Class)>() + self.texts.size()
    }
}
