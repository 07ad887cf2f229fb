//! What stands around the place at which a stream is read: the names over it, and what was found
//! beside it.

use super::lexer::Shape;
use crate::inspect::context::{Hints, Keys};
use crate::inspect::paths::Step;
use crate::inspect::siblings::Siblings;
use crate::inspect::vocabulary;
use crate::limits::STREAM_NAMES_BYTES_MAX;

/// The objects and arrays that are open, those in texts included.
#[derive(Debug, Default)]
pub(super) struct Levels {
    levels: Vec<Level>,
    /// What the name of the member at hand says.
    name: Hints,
    /// The names on the way to the place at hand, one after the other.
    names: Vec<u8>,
}

/// One object or array.
#[derive(Debug, Clone, Copy)]
struct Level {
    /// What the nearest name over it says.
    own: Hints,
    /// Redacted names in it.
    labelled: u32,
    /// Where the name of its member at hand ends in the names of the way.
    name_end: u16,
    /// The level, counted from 1, whose nearest name is the next one over `own`.
    outer: u8,
    /// Of [`OBJECT`] and [`PERSONAL`].
    flags: u8,
}

impl Level {
    fn is(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

/// It is no array.
const OBJECT: u8 = 1;

/// Personal data was found in it.
const PERSONAL: u8 = 2;

/// The names over a value, while it is read as a text of its own.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Over {
    own: Hints,
    outer: u8,
}

/// The names on the way are too long to be remembered.
#[derive(Debug)]
pub(super) struct TooLong;

impl Levels {
    pub(super) fn depth(&self) -> usize {
        self.levels.len()
    }

    /// Forgets the levels above so many.
    pub(super) fn truncate(&mut self, depth: usize) {
        self.levels.truncate(depth);
        let end = self.levels.last().map_or(0, |level| usize::from(level.name_end));
        self.names.truncate(end);
    }

    /// What the names say over a value at this place. In a text at whose begin `base` levels
    /// are open, `over` stands over its outermost values.
    pub(super) fn over(&self, over: Over, base: usize) -> Over {
        match self.levels.last().filter(|_| self.levels.len() > base) {
            Some(level) if level.is(OBJECT) => {
                Over { own: self.name, outer: u8::try_from(self.levels.len()).unwrap_or(0) }
            }
            Some(level) => Over { own: level.own, outer: level.outer },
            None => over,
        }
    }

    /// As the walk wants it.
    pub(super) fn keys(&self, over: Over) -> Keys {
        let outer = usize::from(over.outer).checked_sub(1).and_then(|at| self.levels.get(at));
        Keys::NONE.member(outer.map_or(Hints::NONE, |level| level.own)).member(over.own)
    }

    /// What the names say over the names of the object at hand.
    pub(super) fn over_names(&self) -> Over {
        let level = self.levels.last();
        level.map_or(Over::default(), |level| Over { own: level.own, outer: level.outer })
    }

    pub(super) fn open(&mut self, is_object: bool, over: Over) {
        let Over { own, outer } = over;
        let flags = if is_object { OBJECT } else { 0 };
        self.levels.push(Level { own, labelled: 0, name_end: 0, outer, flags });
    }

    pub(super) fn close(&mut self) {
        self.levels.pop();
    }

    pub(super) fn name(&mut self, name: Hints) {
        self.name = name;
    }

    /// How many names of the object at hand were redacted.
    pub(super) fn labelled(&mut self) -> Option<&mut u32> {
        self.levels.last_mut().map(|level| &mut level.labelled)
    }

    /// Takes the names on the way out, for as long as a piece is read.
    pub(super) fn take_names(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.names)
    }

    /// The way to this place, with the names that were taken out.
    pub(super) fn steps<'n>(&self, names: &'n [u8], shape: Shape) -> Vec<Step<'n>> {
        let mut start = 0;
        let step = |level: &Level| {
            let end = usize::from(level.name_end);
            let name = names.get(start..end).unwrap_or_default();
            start = end;
            if level.is(OBJECT) {
                Step { name: Some(name), hash: vocabulary::hash(name) }
            } else {
                Step::ITEM
            }
        };
        let mut steps: Vec<Step<'n>> = self.levels.iter().map(step).collect();
        if shape.wants_name() {
            steps.pop();
        }
        steps
    }

    /// Keeps the way to this place until the next piece is read.
    pub(super) fn keep(&mut self, steps: &[Step<'_>]) -> Result<(), TooLong> {
        let named = || steps.iter().map(|step| step.name.unwrap_or_default());
        let bytes = named().take(self.levels.len()).map(<[u8]>::len).sum::<usize>();
        if bytes > STREAM_NAMES_BYTES_MAX {
            return Err(TooLong);
        }
        let mut names = Vec::with_capacity(bytes);
        for (level, name) in self.levels.iter_mut().zip(named().chain(std::iter::repeat(&b""[..])))
        {
            if level.is(OBJECT) {
                names.extend_from_slice(name);
            }
            level.name_end = u16::try_from(names.len()).map_err(|_| TooLong)?;
        }
        self.names = names;
        Ok(())
    }

    /// The same levels as the walk knows them.
    pub(super) fn siblings(&self) -> Siblings {
        let mut siblings = Siblings::default();
        for level in &self.levels {
            siblings.open(level.is(OBJECT));
            siblings.note(level.is(PERSONAL));
        }
        siblings
    }

    /// Takes over what was found at each level. An object in an object is about the same
    /// somebody.
    pub(super) fn learn(&mut self, siblings: &Siblings) {
        let mut below = false;
        let personal: Vec<bool> = siblings.personal().take(self.levels.len()).collect();
        for (level, personal) in self.levels.iter_mut().zip(personal).rev() {
            if personal || below {
                level.flags |= PERSONAL;
            }
            below = level.is(PERSONAL) && level.is(OBJECT);
        }
    }

    /// Bytes that are remembered.
    pub(super) fn size(&self) -> usize {
        self.levels.capacity() * size_of::<Level>() + self.names.capacity()
    }
}
