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
/// Of copies that overlap the first counts, of those that begin together the longest. Of every few
/// places one is looked at: a copy is long enough to stand at one of them, and three letters there
/// say of which texts it can be. Texts that are made so that they fit nearly everywhere are looked
/// for by an automaton, which costs more to build than most messages cost to read.
pub(super) struct Seeker {
    /// The longest first; of equal ones the first that was known.
    texts: Vec<(Vec<u8>, Class)>,
    /// From one place that is looked at to the next: no copy fits between two.
    stride: usize,
    /// Three letters that texts have so early that a copy is met there: which, how far from its
    /// begin, in which text. In order.
    met: Vec<Met>,
    /// A bit for the hash of each of them.
    filter: [u64; FILTER_WORDS],
    automaton: OnceCell<Option<AhoCorasick>>,
}

/// Three letters of a text: they in lower case, where they stand in it, its number.
type Met = (u32, usize, usize);

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
        let shortest = texts.last().map_or(0, |(text, _)| text.len());
        let stride = (shortest + 1).saturating_sub(LETTERS).clamp(1, STRIDE_MAX);
        let (mut met, mut filter) = (Vec::new(), [0; FILTER_WORDS]);
        for (number, (text, _)) in texts.iter().take(COMPARED_MAX).enumerate() {
            for before in 0..stride {
                let Some(letters) = letters_at(text, before) else { break };
                met.push((letters, before, number));
                let (word, bit) = filtered(letters);
                filter.get_mut(word).into_iter().for_each(|word: &mut u64| *word |= bit);
            }
        }
        met.sort_unstable();
        Some(Seeker { texts, stride, met, filter, automaton: OnceCell::new() })
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
        let mut work = Work::new(text);
        let mut place = 0;
        while let Some((at, letters)) = self.next(text, place) {
            let mut unknown = false;
            let told = self.around(text, at, letters, &mut work, |start, number| {
                let length = self.texts.get(number).map_or(0, |(text, _)| text.len());
                unknown |= !is_known(start..start + length);
            });
            if unknown || told.is_err() {
                return true;
            }
            place = at + self.stride;
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
        let mut work = Work::new(text);
        let (mut floor, mut place) = (0, 0);
        while let Some((at, letters)) = self.next(text, place) {
            let mut first: Option<(usize, usize)> = None;
            self.around(text, at, letters, &mut work, |start, number| {
                // Copies that begin before are met at the place before this one.
                if start >= floor && first.is_none_or(|first| (start, number) < first) {
                    first = Some((start, number));
                }
            })?;
            place = at + self.stride;
            if let Some((start, number)) = first
                && let Some((text, class)) = self.texts.get(number)
            {
                floor = start + text.len();
                place = floor;
                hit(start, floor, *class);
            }
        }
        Ok(())
    }

    /// Tells of the copies that are met at a place where these letters stand.
    fn around(
        &self,
        text: &[u8],
        at: usize,
        letters: u32,
        work: &mut Work,
        mut told: impl FnMut(usize, usize),
    ) -> Result<(), Costly> {
        let first = self.met.partition_point(|met| met.0 < letters);
        let met = self.met.get(first..).unwrap_or_default().iter();
        for (_, before, number) in met.take_while(|met| met.0 == letters) {
            let Some((sought, _)) = self.texts.get(*number) else { continue };
            work.add(sought.len())?;
            if let Some(start) = at.checked_sub(*before).filter(|at| is_at(text, *at, sought)) {
                told(start, *number);
            }
        }
        Ok(())
    }

    /// The next place from one on at which copies may be met, and the letters there.
    fn next(&self, text: &[u8], from: usize) -> Option<(usize, u32)> {
        let mut at = from;
        loop {
            let letters = letters_at(text, at)?;
            let (word, bit) = filtered(letters);
            if self.filter.get(word).is_none_or(|bits| bits & bit != 0) {
                return Some((at, letters));
            }
            at += self.stride;
        }
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

/// The three letters at a place, whatever their case, as one number.
#[inline]
fn letters_at(text: &[u8], at: usize) -> Option<u32> {
    let rest = text.get(at..)?;
    // Four bytes are one load, of which the last one does not count.
    let word = match (rest.first_chunk::<4>(), rest) {
        (Some(word), _) => u32::from_le_bytes(*word),
        (None, [first, second, third]) => u32::from_le_bytes([*first, *second, *third, 0]),
        (None, _) => return None,
    };
    Some((word | 0x0020_2020) & 0x00FF_FFFF)
}

/// Where letters stand in the filter.
#[inline]
fn filtered(letters: u32) -> (usize, u64) {
    let hash = letters.wrapping_mul(0x9E37_79B1) >> FILTER_SHIFT;
    ((hash >> 6) as usize, 1 << (hash & 63))
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

/// Letters of a text that are looked at first.
const LETTERS: usize = 3;

/// Places from one that is looked at to the next, at most: each takes a bit for each text.
const STRIDE_MAX: usize = 8;

/// Words of the filter: several bits for each that can be set.
const FILTER_WORDS: usize = 64;
const FILTER_SHIFT: u32 = u32::BITS - (FILTER_WORDS * 64).trailing_zeros();

/// Bytes compared for each byte of a text, and for a small one, before an automaton is cheaper.
const COMPARED_PER_BYTE: usize = 4;
const COMPARED_BYTES_MIN: usize = 16 * 1024;

/// Unit: bytes. Shorter names are words too.
const NAME_BYTES_MIN: usize = 4;

/// Unit: bytes.
const TEXT_BYTES_MIN: usize = 6;

/// Unit: bytes.
const TEXT_BYTES_MAX: usize = 256;

/// Texts that are looked for by comparing. More are left to the automaton.
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
            texts in prop::collection::vec("[abA]{4,7}( [ab]{1,9})?", 1..20),
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
