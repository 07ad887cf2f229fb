//! The other copies of what a name explained once: a person's name in the prose beside the
//! record, a password in the log line behind it.

use std::cell::OnceCell;
use std::ops::Range;

use aho_corasick::{AhoCorasick, MatchKind};

use crate::class::Class;
use crate::limits::SOUGHT_TEXTS_MAX;

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
        if !fits || self.texts.len() >= SOUGHT_TEXTS_MAX {
            return;
        }
        if !self.texts.iter().any(|(other, _)| other == text) {
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

/// Finds copies of known texts, in any case.
///
/// Of copies that overlap the first counts, of those that begin together the longest. A place is
/// looked at closely where its first bytes fit those of a text; texts that are made so that they
/// fit nearly everywhere are looked for by an automaton, which costs more to build than most
/// messages cost to read.
pub(super) struct Seeker {
    /// The longest first; of equal ones the first that was known.
    texts: Vec<(Vec<u8>, Class)>,
    /// For each of the first bytes: which texts have which byte there.
    heads: Box<[[u64; 256]; HEAD_BYTES]>,
    /// The same for a place and the one before it together.
    pairs: Box<[[u64; 256]; HEAD_BYTES - 1]>,
    automaton: OnceCell<Option<AhoCorasick>>,
}

/// What stopped a search: comparing costs more than an automaton.
struct Costly;

impl Seeker {
    /// `None` where there is nothing to look for.
    pub(super) fn new(known: &Known) -> Option<Seeker> {
        if known.texts.is_empty() {
            return None;
        }
        let mut texts = known.texts.clone();
        texts.sort_by_key(|(text, _)| usize::MAX - text.len());
        let mut heads = Box::new([[0; 256]; HEAD_BYTES]);
        for (number, (text, _)) in texts.iter().take(COMPARED_MAX).enumerate() {
            for (head, byte) in heads.iter_mut().zip(text) {
                for byte in [byte.to_ascii_lowercase(), byte.to_ascii_uppercase()] {
                    head.get_mut(usize::from(byte)).into_iter().for_each(|s| *s |= 1 << number);
                }
            }
        }
        let mut pairs = Box::new([[0; 256]; HEAD_BYTES - 1]);
        for (pair, both) in pairs.iter_mut().zip(heads.windows(2)) {
            let [here, next] = both else { continue };
            for (slot, (here, next)) in pair.iter_mut().zip(here.iter().zip(next)) {
                *slot = here | next;
            }
        }
        Some(Seeker { texts, heads, pairs, automaton: OnceCell::new() })
    }

    /// Where copies stand in a text that are no part of a longer word.
    pub(super) fn find(&self, text: &[u8]) -> Vec<(usize, usize, Class)> {
        let mut hits = Vec::new();
        if self.compared(text, |start, end, class| hits.push((start, end, class))).is_err() {
            hits.clear();
            let automaton = self.automaton().into_iter();
            hits.extend(automaton.flat_map(|automaton| automaton.find_iter(text)).filter_map(
                |hit| {
                    let (_, class) = self.texts.get(hit.pattern().as_usize())?;
                    Some((hit.start(), hit.end(), *class))
                },
            ));
        }
        let word = |byte: Option<&u8>| byte.is_some_and(|b| b.is_ascii_alphanumeric());
        let before = |start: usize| start.checked_sub(1).and_then(|at| text.get(at));
        hits.retain(|(start, end, _)| !word(before(*start)) && !word(text.get(*end)));
        hits
    }

    /// Whether a copy stands in a text that is not known already; yes as well where that would
    /// take long to say.
    pub(super) fn is_in(&self, text: &[u8], is_known: impl Fn(Range<usize>) -> bool) -> bool {
        if self.texts.len() > COMPARED_MAX {
            return true;
        }
        let mut at = 0;
        let mut work = Work::new(text);
        while let Some((start, mut fits)) = self.next(text, at) {
            while let Some((seeked, _)) = self.pop(&mut fits) {
                if work.add(seeked.len()).is_err() {
                    return true;
                }
                let is_copy = is_at(text, start, seeked);
                if is_copy && !is_known(start..start + seeked.len()) {
                    return true;
                }
            }
            at = start + 1;
        }
        false
    }

    /// Tells of each copy by comparing.
    fn compared(
        &self,
        text: &[u8],
        mut hit: impl FnMut(usize, usize, Class),
    ) -> Result<(), Costly> {
        if self.texts.len() > COMPARED_MAX {
            return Err(Costly);
        }
        let mut at = 0;
        let mut work = Work::new(text);
        while let Some((start, mut fits)) = self.next(text, at) {
            at = start + 1;
            while let Some((seeked, class)) = self.pop(&mut fits) {
                work.add(seeked.len())?;
                if is_at(text, start, seeked) {
                    at = start + seeked.len();
                    hit(start, at, *class);
                    break;
                }
            }
        }
        Ok(())
    }

    /// The first of the texts that these bits stand for.
    fn pop(&self, bits: &mut u64) -> Option<&(Vec<u8>, Class)> {
        let number = usize::try_from(bits.trailing_zeros()).ok()?;
        *bits &= bits.wrapping_sub(1);
        self.texts.get(number)
    }

    /// The next place from one on at which texts may begin, and which.
    fn next(&self, text: &[u8], from: usize) -> Option<(usize, u64)> {
        let mut at = from;
        while let Some(window) = text.get(at..).and_then(<[u8]>::first_chunk::<WINDOW>) {
            // Every second place speaks for the one before it too.
            let (pairs, _) = window.as_chunks::<2>();
            let thirds = window.iter().skip(2).step_by(2);
            let fits = pairs.iter().zip(thirds).map(|([first, second], third)| {
                row(&self.pairs, 0, *first)
                    & row(&self.pairs, 1, *second)
                    & row(&self.pairs, 2, *third)
            });
            if fits.fold(0, |any, fits| any | fits) != 0 {
                let begin = at.saturating_sub(1).max(from);
                let places = text.get(begin..at + WINDOW + 1).or_else(|| text.get(begin..));
                let places = places.unwrap_or_default().windows(HEAD_BYTES);
                let mut places = places.map(|head| self.fitting(head)).enumerate();
                if let Some((skip, fits)) = places.find(|(_, fits)| *fits != 0) {
                    return Some((begin + skip, fits));
                }
            }
            at += WINDOW - 2;
        }
        let begin = at.saturating_sub(1).max(from);
        let rest = text.get(begin..)?.windows(HEAD_BYTES).map(|head| self.fitting(head));
        let (skip, fits) = rest.enumerate().find(|(_, fits)| *fits != 0)?;
        Some((begin + skip, fits))
    }

    /// The texts that begin with these bytes.
    #[inline]
    fn fitting(&self, head: &[u8]) -> u64 {
        let fits = self.heads.iter().zip(head);
        fits.fold(u64::MAX, |all, (head, byte)| {
            all & head.get(usize::from(*byte)).copied().unwrap_or(0)
        })
    }

    fn automaton(&self) -> Option<&AhoCorasick> {
        let build = || {
            AhoCorasick::builder()
                .match_kind(MatchKind::LeftmostLongest)
                .ascii_case_insensitive(true)
                .build(self.texts.iter().map(|(text, _)| text))
                .ok()
        };
        self.automaton.get_or_init(build).as_ref()
    }
}

/// What a table says about a byte at a place.
#[inline]
fn row(tables: &[[u64; 256]; HEAD_BYTES - 1], place: usize, byte: u8) -> u64 {
    tables.get(place).and_then(|table| table.get(usize::from(byte))).copied().unwrap_or(0)
}

/// Bytes that may still be compared in one text.
struct Work(usize);

impl Work {
    fn new(text: &[u8]) -> Work {
        Work(COMPARED_BYTES_MIN.saturating_add(text.len().saturating_mul(COMPARED_PER_BYTE)))
    }

    fn add(&mut self, bytes: usize) -> Result<(), Costly> {
        self.0 = self.0.checked_sub(bytes).ok_or(Costly)?;
        Ok(())
    }
}

fn is_at(text: &[u8], start: usize, seeked: &[u8]) -> bool {
    text.get(start..start + seeked.len()).is_some_and(|here| here.eq_ignore_ascii_case(seeked))
}

/// Bytes at the begin of a text that are looked at first: as many as the shortest name has.
const HEAD_BYTES: usize = NAME_BYTES_MIN;

/// Unit: bytes. Sixteen places, and what is looked at behind the last one.
const WINDOW: usize = 16 + 2;

/// Bytes compared for each byte of a text, and for a small one, before an automaton is cheaper.
const COMPARED_PER_BYTE: usize = 4;
const COMPARED_BYTES_MIN: usize = 16 * 1024;

/// Unit: bytes. Shorter names are words too.
const NAME_BYTES_MIN: usize = 4;

/// Unit: bytes.
const TEXT_BYTES_MIN: usize = 6;

/// Unit: bytes.
const TEXT_BYTES_MAX: usize = 256;

/// Texts that are looked for by comparing: one bit each. More are left to the automaton.
const COMPARED_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{COMPARED_MAX, Known, SOUGHT_TEXTS_MAX, Seeker};
    use crate::class::Class;

    fn known(texts: &[String]) -> Known {
        let mut known = Known::default();
        texts.iter().for_each(|text| known.add(text.as_bytes(), Class::PersonName));
        known
    }

    /// What the automaton says, which is the standard that comparing is held to.
    fn by_automaton(seeker: &Seeker, text: &[u8]) -> Vec<(usize, usize)> {
        let hits = seeker.automaton().unwrap().find_iter(text);
        hits.map(|hit| (hit.start(), hit.end())).collect()
    }

    proptest! {
        #[test]
        fn comparing_finds_what_an_automaton_finds(
            texts in prop::collection::vec("[abA]{4,7}( [ab]{1,3})?", 1..20),
            text in "[abAB ]{0,200}",
        ) {
            let seeker = Seeker::new(&known(&texts)).unwrap();
            let mut hits = Vec::new();
            let done = seeker.compared(text.as_bytes(), |start, end, _| hits.push((start, end)));
            prop_assert!(done.is_ok());
            prop_assert_eq!(&hits, &by_automaton(&seeker, text.as_bytes()));
            prop_assert_eq!(seeker.is_in(text.as_bytes(), |_| false), !hits.is_empty());
        }
    }

    #[test]
    fn sought_texts_max_bounds_what_is_looked_for_and_many_are_found_as_one_is() {
        let text = |number: usize| format!("kestrel{number:05}");
        let all: Vec<String> = (0..SOUGHT_TEXTS_MAX + 1).map(text).collect();
        let seeker = Seeker::new(&known(&all)).unwrap();
        let last = SOUGHT_TEXTS_MAX - 1;
        let hay = format!("seen {} and {}", text(last), text(SOUGHT_TEXTS_MAX));
        let hits = seeker.find(hay.as_bytes());
        assert_eq!(hits, [(5, 17, Class::PersonName)]);
        assert!(seeker.is_in(hay.as_bytes(), |_| false));
    }

    #[test]
    fn texts_that_fit_everywhere_are_left_to_the_automaton() {
        let text = |number: usize| format!("{}{number:03}", "a".repeat(200));
        let seeker = Seeker::new(&known(&(0..COMPARED_MAX).map(text).collect::<Vec<_>>())).unwrap();
        let mut hay = vec![b'a'; 20_000];
        hay.extend_from_slice(b"063 and ");
        assert!(seeker.compared(&hay, |_, _, _| {}).is_err());
        assert!(seeker.is_in(&hay, |_| true));
        assert!(seeker.find(&hay).is_empty());
        hay.extend_from_slice(text(7).to_uppercase().as_bytes());
        let start = hay.len() - text(7).len();
        assert_eq!(seeker.find(&hay), [(start, hay.len(), Class::PersonName)]);
    }
}
