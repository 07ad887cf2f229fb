//! Tests of the tables as a whole.

mod names;
mod odds;
mod vectors;

use super::rule::{layout_key, letters};
use super::{judge, may_be_unnamed};
use crate::class::{Class, ClassSet};
use crate::inspect::candidate::{Around, Candidate, Judged};

/// What is judged of a number as it is written. Parentheses separate, as the engine reads them.
fn judged(text: &str, around: Around) -> Option<Judged> {
    let text = text.trim_end_matches(')');
    let pieces = text.split(|c: char| !c.is_ascii_alphanumeric());
    let groups: Vec<u8> = pieces.map(|piece| u8::try_from(piece.len()).unwrap()).collect();
    let mut between = text.bytes().filter(|byte| !byte.is_ascii_alphanumeric());
    let separator = match between.next() {
        None => 0,
        Some(first) => match between.all(|byte| byte == first) {
            true => first,
            false => b'?',
        },
    };
    let symbols: Vec<u8> = text.bytes().filter(u8::is_ascii_alphanumeric).collect();
    let judged = judge(&Candidate { symbols: &symbols, groups: &groups, separator }, around);
    // What the gate before the tables lets through holds all that they find.
    let key = (groups.len() > 1).then(|| layout_key(&groups));
    let gate = may_be_unnamed(symbols.len(), key, letters(&symbols) != 0);
    assert!(gate || !around.named.is_empty() || judged.is_none(), "{text}");
    judged
}

/// The same where nothing but this class is looked for, and nothing names it.
fn unnamed(class: Class, text: &str) -> Option<Judged> {
    judged(text, Around { named: ClassSet::empty(), on: only(class) })
}

/// The same where every class is looked for and this one is named.
fn named(class: Class, text: &str) -> Option<Judged> {
    judged(text, Around { named: only(class), on: ClassSet::all() })
}

fn only(class: Class) -> ClassSet {
    [class].into_iter().collect()
}

/// The same numbers in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) % bound
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        let place = self.below(u64::try_from(from.len()).unwrap());
        from[usize::try_from(place).unwrap()]
    }

    /// A string of this pattern: `9` a digit, `A` a letter, `X` either, others themselves.
    fn like(&mut self, pattern: &str) -> String {
        let place = |symbol| match symbol {
            b'9' => b'0' + u8::try_from(self.below(10)).unwrap(),
            b'A' => b'A' + u8::try_from(self.below(26)).unwrap(),
            b'X' => self.pick(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
            other => other,
        };
        pattern.bytes().map(place).map(char::from).collect()
    }
}
