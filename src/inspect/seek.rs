//! The other copies of what a name explained once: a person's name in the prose beside the
//! record, a password in the log line behind it.

use aho_corasick::{AhoCorasick, MatchKind};

use crate::class::Class;

/// Texts that were hidden, with their class.
#[derive(Debug, Default)]
pub(super) struct Known {
    texts: Vec<(Vec<u8>, Class)>,
}

impl Known {
    /// Adds a text, unless it is too short to be told from others.
    pub(super) fn add(&mut self, text: &[u8], class: Class) {
        let text = text.trim_ascii();
        let shortest = match class {
            Class::PersonName => NAME_BYTES_MIN,
            _ => TEXT_BYTES_MIN,
        };
        let fits = (shortest..=TEXT_BYTES_MAX).contains(&text.len());
        let known = self.texts.iter().any(|(other, _)| other == text);
        if fits && !known && self.texts.len() < TEXTS_MAX {
            self.texts.push((text.to_vec(), class));
        }
    }
}

impl Known {
    /// Keeps the latest texts alone, at most so many and so many bytes of them.
    pub(super) fn keep_latest(&mut self, texts_max: usize, bytes_max: usize) {
        let mut bytes = 0_usize;
        let fits = self.texts.iter().rev().take(texts_max).take_while(|(text, _)| {
            bytes = bytes.saturating_add(text.len());
            bytes <= bytes_max
        });
        let kept = fits.count();
        self.texts.drain(..self.texts.len() - kept);
        self.texts.shrink_to_fit();
    }

    /// Bytes that the texts take.
    pub(super) fn size(&self) -> usize {
        let texts = self.texts.iter().map(|(text, _)| text.capacity()).sum::<usize>();
        texts + self.texts.capacity() * size_of::<(Vec<u8>, Class)>()
    }
}

/// Finds copies of known texts.
pub(super) struct Seeker {
    engine: AhoCorasick,
    classes: Vec<Class>,
}

impl Seeker {
    /// `None` where there is nothing to look for.
    pub(super) fn new(known: &Known) -> Option<Seeker> {
        if known.texts.is_empty() {
            return None;
        }
        let engine = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .ascii_case_insensitive(true)
            .build(known.texts.iter().map(|(text, _)| text))
            .ok()?;
        let classes = known.texts.iter().map(|(_, class)| *class).collect();
        Some(Seeker { engine, classes })
    }

    /// Where copies stand in a text that are no part of a longer word.
    pub(super) fn find(&self, text: &[u8]) -> Vec<(usize, usize, Class)> {
        let mut hits = Vec::new();
        for hit in self.engine.find_iter(text) {
            let before = hit.start().checked_sub(1).and_then(|at| text.get(at));
            let after = text.get(hit.end());
            let word = |byte: Option<&u8>| byte.is_some_and(|b| b.is_ascii_alphanumeric());
            let class = self.classes.get(hit.pattern().as_usize());
            if let Some(class) = class.filter(|_| !word(before) && !word(after)) {
                hits.push((hit.start(), hit.end(), *class));
            }
        }
        hits
    }
}

/// Unit: bytes. Shorter names are words too.
const NAME_BYTES_MIN: usize = 4;

/// Unit: bytes.
const TEXT_BYTES_MIN: usize = 6;

/// Unit: bytes.
const TEXT_BYTES_MAX: usize = 256;

/// Texts of one message that are looked for.
const TEXTS_MAX: usize = 64;
