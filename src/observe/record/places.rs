//! Where values stood, in arguments and in answers: class, path and number, never the values.

use super::Record;
use crate::guard::Found;
use crate::observe::line::{Line, Place};
use crate::reject::{Code, Rejection};
use crate::screen::Deeds;

/// What stood in the arguments of a call: class, path, number.
pub(super) type InArguments = Vec<(Box<str>, Box<str>, u32)>;

impl Record {
    /// A guard refused the call.
    pub fn guarded(&mut self, refusal: &Rejection) {
        if let (Code::GuardBlocked, Some(guard)) = (refusal.code, refusal.reason) {
            self.guard_hit(guard, "block");
        }
    }

    /// Personal data and secrets stood in the arguments.
    pub fn in_arguments(&mut self, found: &Found) {
        for (class, path, count) in found.iter() {
            self.in_arguments.push((class.into(), path.into(), count));
            if let Some(route) = &self.route {
                route.in_arguments(class, u64::from(count));
            }
        }
    }

    pub(super) fn write_in_arguments(&self, line: &mut Line) {
        let places = self.in_arguments.iter().map(|(class, path, count)| Place {
            class,
            path,
            count: *count,
            revealed: false,
        });
        line.places("argument_places", places);
    }
}

/// Where values stood in the answer.
pub(super) fn write_places(line: &mut Line, outcome: &Deeds) {
    let places = outcome.places.iter().map(|seen| Place {
        class: outcome.name_of(seen.class),
        path: &seen.path,
        count: seen.count,
        revealed: seen.revealed,
    });
    line.places("redaction_places", places);
}
