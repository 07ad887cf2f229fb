//! One row of the tables: what a class's number looks like, how it is checked, and how sure
//! one may be of it without a name.
//!
//! Owns the index by length, which the compiler builds from the tables: a candidate meets only
//! rows of its own length.

use crate::class::{Class, Confidence};

/// A number of a class, in one shape. A class with several shapes has a row for each.
#[derive(Clone, Copy)]
pub(super) struct Rule {
    pub(super) class: Class,
    pub(super) shape: Shape,
    /// Judges symbols that have the shape.
    pub(super) fits: fn(&[u8]) -> Option<Fit>,
    /// Of random strings that have the shape, about one in this many fits.
    pub(super) one_in: u32,
    /// Which general names cover the class.
    pub(super) covered: Covered,
    /// How sure one may be of it in one piece, without a name.
    pub(super) bare: Option<Confidence>,
    /// The same in the groups in which the authority prints it.
    pub(super) printed: &'static [Layout],
}

/// What the symbols say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fit {
    /// Grammar and check digits hold.
    Full,
    /// They hold, but for more numbers than the row's odds say: a step less sure without a name.
    Common,
    /// They hold, but something more common looks the same: a name has to say which it is.
    Named,
    /// Some numbers of the class have no check digits, and this could be one of those.
    Unchecked,
}

impl Fit {
    /// Whether the check holds. Without one a number is only what its name makes it.
    pub(super) fn holds(self) -> bool {
        self != Fit::Unchecked
    }
}

/// The general names under which a class's numbers are kept as well.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Covered {
    /// None: neither an identity nor a tax number.
    Neither,
    /// National number, identity number.
    Person,
    /// Tax number.
    Tax,
    /// Both, as in countries with one number for everything.
    Both,
}

/// Printed groups.
#[derive(Clone, Copy)]
pub(super) struct Layout {
    /// Their lengths, as [`layout_key`] packs them.
    groups: u32,
    /// What may stand between them, in the terms of a candidate's separator.
    separators: &'static [u8],
    pub(super) confidence: Confidence,
}

impl Layout {
    pub(super) const fn new(
        groups: &[u8],
        separators: &'static [u8],
        confidence: Confidence,
    ) -> Layout {
        Layout { groups: layout_key(groups), separators, confidence }
    }
}

/// The lengths of groups in four bits each. What comes before a ninth group or up to one of more
/// than fifteen symbols is lost; the rest has fewer symbols than any layout of that length.
pub(super) const fn layout_key(mut groups: &[u8]) -> u32 {
    let mut key = 0;
    while let Some((length, after)) = groups.split_first() {
        key = longer_key(key, *length);
        groups = after;
    }
    key
}

/// The key of groups that one more follows.
pub(in crate::inspect) const fn longer_key(key: u32, length: u8) -> u32 {
    if length > 15 || key >> 28 > 0 { 0 } else { key << 4 | length as u32 }
}

/// How many symbols the groups of a layout have.
#[cfg(test)]
pub(super) fn layout_symbols(layout: &Layout) -> u32 {
    (0..8).map(|place| layout.groups >> (4 * place) & 15).sum()
}

/// A bit for a layout: several layouts may share it.
pub(super) const fn layout_bit(key: u32) -> u64 {
    1 << (key.wrapping_mul(0x9e37_79b1) >> 26)
}

impl Rule {
    /// A row that needs a name, covered by no general one.
    pub(super) const fn new(
        class: Class,
        pattern: &str,
        fits: fn(&[u8]) -> Option<Fit>,
        one_in: u32,
    ) -> Rule {
        let shape = Shape::of(pattern);
        Rule { class, shape, fits, one_in, covered: Covered::Neither, bare: None, printed: &[] }
    }

    pub(super) const fn covered(mut self, covered: Covered) -> Rule {
        self.covered = covered;
        self
    }

    pub(super) const fn bare(mut self, confidence: Confidence) -> Rule {
        self.bare = Some(confidence);
        self
    }

    pub(super) const fn printed(mut self, layouts: &'static [Layout]) -> Rule {
        self.printed = layouts;
        self
    }

    /// The layout of the authority that groups with this key are in.
    pub(super) fn layout(&self, key: u32, separator: u8) -> Option<&'static Layout> {
        let mut layouts = self.printed.iter();
        layouts.find(|layout| layout.groups == key && layout.separators.contains(&separator))
    }

    /// Whether the general name of this class covers it.
    pub(super) fn is_covered_by(&self, general: Class) -> bool {
        match self.covered {
            Covered::Neither => false,
            Covered::Person => general == Class::NationalId,
            Covered::Tax => general == Class::TaxId,
            Covered::Both => matches!(general, Class::NationalId | Class::TaxId),
        }
    }
}

/// Which places hold letters and which digits.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    pub(super) length: usize,
    letters: u32,
    digits: u32,
}

impl Shape {
    /// `9` is a digit, `A` a letter, anything else either.
    pub(super) const fn of(pattern: &str) -> Shape {
        let mut shape = Shape { length: 0, letters: 0, digits: 0 };
        let mut rest = pattern.as_bytes();
        while let Some((place, after)) = rest.split_first() {
            match *place {
                b'9' => shape.digits |= 1 << shape.length,
                b'A' => shape.letters |= 1 << shape.length,
                _ => {}
            }
            shape.length += 1;
            rest = after;
        }
        shape
    }

    /// Whether symbols of this length with letters at these places have the shape.
    pub(super) const fn admits(self, letters: u32) -> bool {
        letters & self.digits == 0 && letters & self.letters == self.letters
    }

    /// What a place holds, as in the pattern.
    #[cfg(test)]
    pub(super) fn place(self, place: usize) -> u8 {
        match (self.digits >> place & 1, self.letters >> place & 1) {
            (1, _) => b'9',
            (_, 1) => b'A',
            _ => b'X',
        }
    }

    pub(super) const fn is_digits(self) -> bool {
        self.digits.count_ones() as usize == self.length
    }
}

/// The places at which letters stand.
pub(super) fn letters(symbols: &[u8]) -> u32 {
    let bits = symbols.iter().enumerate();
    bits.fold(0, |bits, (place, symbol)| bits | u32::from(*symbol >> 6 & 1) << (place & 31))
}

/// The rows of one length, as bits by their place in the table.
#[derive(Clone, Copy)]
pub(super) struct Slot {
    /// Those that digits alone can fit, and need no name in one piece.
    pub(super) bare_digits: u128,
    /// Those that letters can be in, and need no name in one piece.
    pub(super) bare_letters: u128,
    /// Those that need no name in printed groups.
    pub(super) printed: u128,
    /// The bits of their layouts.
    pub(super) layouts: u64,
    /// The bits of the layouts in which letters can be.
    pub(super) layouts_letters: u64,
    /// All of them.
    pub(super) all: u128,
}

/// How many rows the regions have.
pub(super) const fn count(mut regions: &[&[Rule]]) -> usize {
    let mut count = 0;
    while let Some((region, others)) = regions.split_first() {
        count += region.len();
        regions = others;
    }
    count
}

/// The rows of all regions, one behind the other.
pub(super) const fn join<const COUNT: usize>(mut regions: &[&[Rule]]) -> [Rule; COUNT] {
    let mut table = [Rule::new(Class::NationalId, "", |_| None, 1); COUNT];
    let mut room: &mut [Rule] = &mut table;
    let mut rows: &[Rule] = &[];
    while let [place, more @ ..] = room {
        while let (true, Some((region, others))) = (rows.is_empty(), regions.split_first()) {
            (rows, regions) = (region, others);
        }
        if let Some((row, after)) = rows.split_first() {
            *place = *row;
            rows = after;
        }
        room = more;
    }
    table
}

/// The rows of each length from 0 on.
pub(super) const fn slots<const COUNT: usize>(rules: &[Rule]) -> [Slot; COUNT] {
    let mut slots = [slot(rules, 0); COUNT];
    let mut room: &mut [Slot] = &mut slots;
    let mut length = 0;
    while let [place, more @ ..] = room {
        *place = slot(rules, length);
        length += 1;
        room = more;
    }
    slots
}

/// The rows of this length.
const fn slot(rules: &[Rule], length: usize) -> Slot {
    let mut slot = Slot {
        bare_digits: 0,
        bare_letters: 0,
        printed: 0,
        layouts: 0,
        layouts_letters: 0,
        all: 0,
    };
    let mut bit = 1;
    let mut rest = rules;
    while let Some((rule, after)) = rest.split_first() {
        if rule.shape.length == length {
            slot.all |= bit;
            // A row with places for either is in both.
            if rule.bare.is_some() && rule.shape.admits(0) {
                slot.bare_digits |= bit;
            }
            if rule.bare.is_some() && !rule.shape.is_digits() {
                slot.bare_letters |= bit;
            }
            let mut layouts = rule.printed;
            while let Some((layout, others)) = layouts.split_first() {
                slot.printed |= bit;
                slot.layouts |= layout_bit(layout.groups);
                if !rule.shape.is_digits() {
                    slot.layouts_letters |= layout_bit(layout.groups);
                }
                layouts = others;
            }
        }
        bit <<= 1;
        rest = after;
    }
    slot
}

#[cfg(test)]
mod tests {
    use super::{Shape, letters};

    #[test]
    fn shape_admits_letters_and_digits_at_their_places_only() {
        let shape = Shape::of("A9X");
        for (symbols, admitted) in [("A12", true), ("A1B", true), ("112", false), ("AB2", false)] {
            assert_eq!(shape.admits(letters(symbols.as_bytes())), admitted, "{symbols}");
        }
        assert!(Shape::of("999").is_digits() && !shape.is_digits());
    }
}
