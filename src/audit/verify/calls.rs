//! Follows the calls of a log: what began must end.

use std::collections::HashMap;

use serde_json::value::RawValue;

use super::Members;
use crate::audit::report::{Finding, Report};
use crate::limits::AUDIT_VERIFY_OPEN_INTENTS_MAX;

/// The calls that have begun and not ended.
#[derive(Default)]
pub(super) struct Calls {
    /// Line of each intent without its completion, by the request id as written.
    open: HashMap<Box<str>, u64>,
    /// The bound of `open` was reached, so its contents prove nothing any more.
    overflowed: bool,
}

impl Calls {
    pub(super) fn record(
        &mut self,
        line: u64,
        seq: u64,
        members: &Members<'_>,
        report: &mut Report,
    ) {
        match members.phase.map(RawValue::get) {
            Some("\"intent\"") => {
                report.intents += 1;
                self.intent(line, members.request_id);
            }
            Some("\"completion\"") => {
                report.completions += 1;
                self.completion(members.request_id, report);
            }
            Some("\"refused\"") => report.refusals += 1,
            Some(_) | None => {}
        }
        match members.kind.map(RawValue::get) {
            Some("\"gap\"") => {
                let refused = members.refused.and_then(|refused| refused.get().parse().ok());
                report.gaps += 1;
                report.refused_in_gaps += refused.unwrap_or(0);
            }
            Some("\"recovery\"") => {
                report.recoveries += 1;
                if let Some(remembered) = members.remembered_head {
                    let remembered = unquoted(remembered.get());
                    report.found(Finding::LossRecorded { seq, remembered });
                }
            }
            Some(_) | None => {}
        }
    }

    fn intent(&mut self, line: u64, request_id: Option<&RawValue>) {
        let Some(id) = request_id.map(RawValue::get) else { return };
        if self.open.len() >= AUDIT_VERIFY_OPEN_INTENTS_MAX || id.len() > TEXT_BYTES_MAX {
            self.overflowed = true;
        } else {
            self.open.insert(id.into(), line);
        }
    }

    fn completion(&mut self, request_id: Option<&RawValue>, report: &mut Report) {
        let known = request_id.is_some_and(|id| self.open.remove(id.get()).is_some());
        // What was purged may have begun it.
        if !known && !self.overflowed && report.purged == 0 {
            report.completions_without_intent += 1;
        }
    }

    pub(super) fn finish(&mut self, report: &mut Report) {
        let mut open: Vec<_> = std::mem::take(&mut self.open).into_iter().collect();
        open.sort_unstable_by_key(|&(_, line)| line);
        report.open_intents = open.iter().map(|(id, _)| unquoted(id)).collect();
    }

    pub(super) fn state(&self, not_checked: &mut Vec<String>) {
        if self.overflowed {
            let bound = AUDIT_VERIFY_OPEN_INTENTS_MAX;
            not_checked.push(format!(
                "which calls have no recorded end: over {bound} at one time, or with ids too long"
            ));
        }
    }
}

/// The text of a JSON string as it stands in the file, in bounds.
fn unquoted(raw: &str) -> String {
    raw.trim_matches('"').chars().take(TEXT_BYTES_MAX).collect()
}

/// Length of a request id, or of a head, that is kept in memory.
const TEXT_BYTES_MAX: usize = 256;
