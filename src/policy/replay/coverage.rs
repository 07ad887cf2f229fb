//! Which policies decided recorded calls, and which never did.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;

use super::super::roles::Made;
use super::super::text::Rule;
use super::{Left, Reader, Recorded, Said, Side, Unasked, leave, request_id, reveal};

/// How many calls each policy decided.
#[derive(Debug)]
pub struct Coverage<'p> {
    side: Side<'p>,
    classes: Vec<Arc<str>>,
    reader: Reader,
    counts: HashMap<Box<str>, u64>,
    /// Calls that were asked about.
    pub asked: u64,
    /// Calls whose record says which policies of this very set decided.
    pub by_record: u64,
    /// Calls that were not asked about.
    pub left: Left,
}

impl<'p> Coverage<'p> {
    /// Of a set.
    #[must_use]
    pub fn new(side: Side<'p>) -> Self {
        let classes = side.classes();
        let (reader, counts) = (Reader::default(), HashMap::new());
        Self { side, classes, reader, counts, asked: 0, by_record: 0, left: Left::new() }
    }

    /// The next record of the trail.
    pub fn take(&mut self, record: &Value) {
        let recorded = match self.reader.read(record) {
            None => return,
            Some(Err(why)) => return leave(&mut self.left, why, request_id(record)),
            Some(Ok(recorded)) => recorded,
        };
        let said = match (self.side.ask(&recorded), &recorded) {
            (Ok(verdict), _) => {
                self.asked += 1;
                Said::of(&verdict)
            }
            (Err(Unasked::Ungoverned), _) => {
                return leave(&mut self.left, Unasked::Ungoverned, request_id(record));
            }
            (Err(_), Recorded { said: Some(said), set: Some(set), .. })
                if **set == **self.side.policies.hash() =>
            {
                self.by_record += 1;
                said.clone()
            }
            (Err(why), _) => return leave(&mut self.left, why, request_id(record)),
        };
        self.count(&said);
        if said.permits() {
            self.shown(&recorded);
        }
    }

    /// Policies that say what the caller of a permitted call may see. A doubt about the call's
    /// arguments is none here, because nothing about a class has arguments.
    fn shown(&mut self, recorded: &Recorded) {
        for class in &self.classes.clone() {
            let asked = Recorded { given: reveal(&recorded.given, class), ..recorded.clone() };
            if let Ok(verdict) = self.side.ask(&asked) {
                self.count(&Said::of(&verdict));
            }
        }
    }

    fn count(&mut self, said: &Said) {
        for id in &said.policies {
            *self.counts.entry(id.clone()).or_default() += 1;
        }
    }

    /// Each policy with how often it decided.
    pub fn policies(&self) -> impl Iterator<Item = (&Rule, u64)> {
        let count = |rule: &Rule| self.counts.get(&*rule.id).copied().unwrap_or(0);
        self.side.policies.rules().iter().map(move |rule| (rule, count(rule)))
    }

    /// The policies that never decided anything. Those that are part of every set, and those that
    /// `redact.reveal` makes of its defaults, do not count.
    #[must_use]
    pub fn unused(&self) -> Vec<&Rule> {
        let policies = self.side.policies;
        let meant = |rule: &&Rule| {
            Made::of(&rule.place.file, &policies.known().servers) != Some(Made::Reveal)
        };
        let idle = |rule: &&Rule| !self.counts.contains_key(&*rule.id);
        policies.own_rules().iter().filter(meant).filter(idle).collect()
    }
}
