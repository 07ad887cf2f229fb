//! Where a value stands in its message: the names over it, for rules and for reports.

use std::ops::Range;

/// One step from a container to a value in it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step<'m> {
    /// The member's name as written between the quotes; `None` for an item of an array.
    pub(super) name: Option<&'m [u8]>,
    /// A hash of the name.
    pub(super) hash: u64,
}

impl Step<'_> {
    /// Into an array: reports do not count its items.
    pub(super) const ITEM: Step<'static> = Step { name: None, hash: 0x2A };
}

/// The way through texts that are read as something else, from the value of the message on.
#[derive(Debug, Clone, Copy)]
pub(super) enum Trail<'k> {
    /// The value itself.
    Wire,
    /// A part of a JSON text in a string: the text, and where the names over the part stand.
    Nested(&'k Trail<'k>, &'k [u8], &'k [Range<usize>]),
    /// A cell of a table, by its head.
    Cell(&'k Trail<'k>, &'k [u8]),
    /// Not known any more.
    Elsewhere,
}

impl<'k> Trail<'k> {
    /// The names on the way, outermost first; `None` for items of arrays.
    pub(super) fn segments(&self, steps: &[Step<'k>]) -> Vec<Option<&'k [u8]>> {
        let mut all: Vec<_> = match self.outer() {
            Some(outer) => outer.segments(steps),
            None => steps.iter().map(|step| step.name).collect(),
        };
        match self {
            Trail::Nested(_, text, names) => {
                all.extend(names.iter().map(|name| text.get(name.clone())));
            }
            Trail::Cell(_, head) => all.push(Some(head)),
            Trail::Wire | Trail::Elsewhere => {}
        }
        all
    }

    /// A number for the way: equal for equal ways.
    pub(super) fn hash(&self, steps: &[Step<'_>]) -> u64 {
        let mix = |hash: u64, more: u64| (hash ^ more).wrapping_mul(MIX).rotate_left(27);
        match self {
            Trail::Wire => steps.iter().fold(1, |hash, step| mix(hash, step.hash)),
            Trail::Nested(outer, text, names) => {
                names.iter().fold(outer.hash(steps), |hash, name| {
                    mix(hash, super::vocabulary::hash(text.get(name.clone()).unwrap_or_default()))
                })
            }
            Trail::Cell(outer, head) => mix(outer.hash(steps), super::vocabulary::hash(head)),
            Trail::Elsewhere => 0,
        }
    }

    /// The way as a pointer such as `/content/*/text/customer/ssn`. A name that does not read
    /// like one is a star: names can be somebody's data too.
    pub(super) fn path(&self, steps: &[Step<'k>]) -> String {
        if matches!(self, Trail::Elsewhere) {
            return String::from("*");
        }
        let mut out = String::new();
        for segment in self.segments(steps) {
            out.push('/');
            match segment.filter(|name| is_plain(name)) {
                Some(name) => out.push_str(&String::from_utf8_lossy(name)),
                None => out.push('*'),
            }
            if out.len() > PATH_BYTES_MAX {
                out.push_str("/...");
                break;
            }
        }
        if out.is_empty() { String::from("/") } else { out }
    }

    /// How many JSON texts stand between the value and its part.
    pub(super) fn levels(&self) -> usize {
        let own = usize::from(matches!(self, Trail::Nested(..)));
        own + self.outer().map_or(0, Trail::levels)
    }

    fn outer(&self) -> Option<&'k Trail<'k>> {
        match self {
            Trail::Nested(outer, ..) | Trail::Cell(outer, _) => Some(outer),
            Trail::Wire | Trail::Elsewhere => None,
        }
    }
}

/// Whether a member name reads like one: letters, digits, `_`, `-`, `.`, with few digits.
fn is_plain(name: &[u8]) -> bool {
    let word = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.$ ".contains(byte);
    let digits = name.iter().filter(|byte| byte.is_ascii_digit()).count();
    name.len() <= SEGMENT_BYTES_MAX && name.iter().all(word) && digits <= DIGITS_MAX
}

/// Unit: bytes. Longer paths are cut.
const PATH_BYTES_MAX: usize = 256;

/// Unit: bytes. Longer names are data.
const SEGMENT_BYTES_MAX: usize = 48;

/// Digits in a name that is still a name: `address_line_2`, `sha256`.
const DIGITS_MAX: usize = 3;

/// An odd number with bits all over.
const MIX: u64 = 0x9FB2_1C65_1E98_DF25;
