//! Counts records by what they have in common, in one pass and bounded memory.

use std::collections::HashMap;
use std::ops::ControlFlow;

use super::AUDIT_STATS_GROUPS_MAX;
use super::find::Taker;
use super::query::{Field, Query};
use super::seen::{NotARecord, Seen};

/// By what calls are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// Everything together.
    All,
    /// A field; a record with several values counts for each.
    Field(Field),
    /// The hour of the record's time, UTC.
    Hour,
}

/// What is known of the calls of one group.
#[derive(Debug, Clone, Default)]
pub struct Group {
    /// Calls: intents and refusals.
    pub calls: u64,
    /// Those that were refused.
    pub refused: u64,
    /// Completions.
    pub completed: u64,
    /// All records.
    pub records: u64,
    latency: Histogram,
}

impl Group {
    /// The share of the calls that were refused; none where there was no call.
    #[must_use]
    pub fn refused_share(&self) -> Option<f64> {
        (self.calls > 0).then(|| self.refused as f64 / self.calls as f64)
    }

    /// The latency, in milliseconds, that a share of the completed calls stayed within, at most
    /// 3 % too high or too low.
    #[must_use]
    pub fn latency_ms(&self, share: f64) -> Option<f64> {
        self.latency.quantile(share)
    }
}

/// Counts the records that a query wants.
#[derive(Debug)]
pub struct Summary<'q> {
    query: &'q Query,
    by: By,
    total: Group,
    groups: HashMap<String, Group>,
}

impl<'q> Summary<'q> {
    /// Of a query.
    #[must_use]
    pub fn new(query: &'q Query, by: By) -> Self {
        Self { query, by, total: Group::default(), groups: HashMap::new() }
    }

    /// Everything together.
    #[must_use]
    pub fn total(&self) -> &Group {
        &self.total
    }

    /// The groups, those with most records first; the rest under [`OTHER`].
    #[must_use]
    pub fn groups(&self) -> Vec<(&str, &Group)> {
        let mut groups: Vec<_> = self.groups.iter().map(|(name, g)| (name.as_str(), g)).collect();
        if self.by == By::Hour {
            groups.sort_unstable_by_key(|(name, _)| *name);
        } else {
            groups.sort_unstable_by(|(a, one), (b, two)| {
                two.records.cmp(&one.records).then_with(|| a.cmp(b))
            });
        }
        groups
    }

    fn count(&mut self, name: &str, seen: &Seen<'_>) {
        let full = self.groups.len() >= AUDIT_STATS_GROUPS_MAX;
        let name = if full && !self.groups.contains_key(name) { OTHER } else { name };
        match self.groups.get_mut(name) {
            Some(group) => group.add(seen),
            None => self.groups.entry(name.to_owned()).or_default().add(seen),
        }
    }
}

impl Group {
    fn add(&mut self, seen: &Seen<'_>) {
        self.records += 1;
        match &*seen.phase.0 {
            "intent" => self.calls += 1,
            "refused" => {
                self.calls += 1;
                self.refused += 1;
            }
            "completion" => {
                self.completed += 1;
                if let Some(ms) = seen.latency_ms {
                    self.latency.add(ms);
                }
            }
            _ => {}
        }
    }
}

impl Taker for Summary<'_> {
    fn terms(&self) -> Vec<u64> {
        self.query.hashes()
    }

    fn clear_terms(&self) -> Vec<u64> {
        self.query.clear_hashes()
    }

    fn needs(&self, first: &str, last: &str) -> bool {
        self.query.may_begin(last) && self.query.goes_to(first)
    }

    fn take(&mut self, line: &[u8]) -> Result<ControlFlow<()>, NotARecord> {
        let Some(seen) = self.query.read(line)? else { return Ok(ControlFlow::Continue(())) };
        self.total.add(&seen);
        match self.by {
            By::All => {}
            By::Hour => self.count(seen.timestamp().get(..HOUR_BYTES).unwrap_or(NONE), &seen),
            By::Field(field) => {
                // One of the two names of a principal or an action; all classes.
                let most = if field == Field::Class { usize::MAX } else { 1 };
                let mut none = true;
                for value in seen.values(field).take(most) {
                    none = false;
                    self.count(value, &seen);
                }
                if none {
                    self.count(seen.shut(field).unwrap_or(NONE), &seen);
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}

/// Latencies in steps that grow by a sixteenth of an octave, from a microsecond to twelve days.
#[derive(Debug, Clone, Default)]
struct Histogram {
    counts: Vec<u64>,
    all: u64,
}

impl Histogram {
    fn add(&mut self, ms: f64) {
        let micros = (ms * 1000.0).max(1.0);
        let (mut at, mut above) = (0, STEPS - 1);
        while at < above {
            let middle = usize::midpoint(at, above);
            if bound(middle) < micros { at = middle + 1 } else { above = middle }
        }
        self.counts.resize(STEPS, 0);
        if let Some(count) = self.counts.get_mut(at) {
            *count += 1;
            self.all += 1;
        }
    }

    fn quantile(&self, share: f64) -> Option<f64> {
        let mut seen = 0_u64;
        for (step, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen > 0 && (seen as f64) >= share * (self.all as f64) {
                // The middle of the step.
                return Some(bound(step) / STEP_GROWTH.sqrt() / 1000.0);
            }
        }
        None
    }
}

/// The upper end of a step, in microseconds.
fn bound(step: usize) -> f64 {
    (step as f64 / STEPS_IN_AN_OCTAVE).exp2()
}

/// The group of those for which there is no room.
pub const OTHER: &str = "_other";
/// The group of those without a value.
const NONE: &str = "-";
const HOUR_BYTES: usize = "2026-11-23T06".len();
const STEPS: usize = 640;
const STEPS_IN_AN_OCTAVE: f64 = 16.0;
/// The sixteenth root of two.
const STEP_GROWTH: f64 = 1.044_273_782_427_413_8;
