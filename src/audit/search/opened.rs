//! Opens what is sealed before anything looks at it.

use std::ops::ControlFlow;

use memchr::memmem;

use super::super::subjects::Sealer;
use super::find::Taker;
use super::query::{Field, Query};
use super::seen::NotARecord;

/// Gives lines to `inner` with what the keys open in the clear, so that conditions and counts
/// reach it; what they do not open says why.
#[derive(Debug)]
pub struct Opened<'s, T> {
    sealer: Option<&'s Sealer>,
    person: Query,
    inner: T,
}

impl<'s, T: Taker> Opened<'s, T> {
    /// With the keys, where there are some; only lines that are sealed under the key of this id.
    pub fn new(sealer: Option<&'s Sealer>, person: Option<&str>, inner: T) -> Self {
        let mut query = Query::default();
        if let Some(id) = person {
            query.add(Field::Key, id);
        }
        Self { sealer, person: query, inner }
    }

    /// What the lines were given to.
    pub fn into_inner(self) -> T {
        self.inner
    }
}

impl<T: Taker> Taker for Opened<'_, T> {
    fn terms(&self) -> Vec<u64> {
        let mut terms = self.person.hashes();
        // An index knows what stands in the log: nothing of what is sealed.
        terms.extend(if self.sealer.is_some() { self.clear_terms() } else { self.inner.terms() });
        terms
    }

    fn clear_terms(&self) -> Vec<u64> {
        self.inner.clear_terms()
    }

    fn needs(&self, first: &str, last: &str) -> bool {
        self.inner.needs(first, last)
    }

    fn take(&mut self, line: &[u8]) -> Result<ControlFlow<()>, NotARecord> {
        if self.person.read(line)?.is_none() {
            return Ok(ControlFlow::Continue(()));
        }
        match self.sealer {
            Some(sealer) if memmem::find(line, b"\"sealed\"").is_some() => {
                self.inner.take(&sealer.open(line))
            }
            _ => self.inner.take(line),
        }
    }
}
