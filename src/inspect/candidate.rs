//! A run of letters and digits that could be somebody's number, as validators see it.

use crate::class::{Class, ClassSet, Confidence};

/// What was written, without what separates it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate<'c> {
    /// Letters in upper case and digits, and no more than the longest number of any class has.
    pub(super) symbols: &'c [u8],
    /// How many symbols stand in each printed group; one group where nothing separates them.
    pub(super) groups: &'c [u8],
    /// What stands between the groups: one byte, the same everywhere. `0` where there is one
    /// group, `?` where the separators differ or are longer than a byte.
    pub(super) separator: u8,
}

/// What is known about the place where it stands.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Around {
    /// Classes that a member name, column head or word directly beside it names.
    pub(super) named: ClassSet,
    /// Classes that are looked for.
    pub(super) on: ClassSet,
}

/// A class and how sure it is.
pub(super) type Judged = (Class, Confidence);
