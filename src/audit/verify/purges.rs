//! Follows what was purged: every stub needs a record that named it before it was made.

use std::collections::BTreeMap;

use crate::audit::merkle::Frontier;
use crate::audit::purge::Purge;
use crate::audit::report::{Finding, Purged, Report};
use crate::audit::stub::Stub;
use crate::limits::{AUDIT_PURGE_RUN_RANGES_MAX, AUDIT_VERIFY_FINDINGS_MAX};

/// The stubs whose `purge` record has not come yet.
#[derive(Default)]
pub(super) struct Purges {
    open: BTreeMap<u64, Open>,
    ranges: usize,
    /// Stubs beyond the bound.
    unfollowed: u64,
    /// Records that were named and still have their bodies.
    unfinished: u64,
}

/// The stubs that name one record.
#[derive(Default)]
struct Open {
    ranges: Vec<(u64, u64)>,
    count: u64,
    leaves: Frontier,
}

impl Purges {
    pub(super) fn stub(&mut self, stub: &Stub, report: &mut Report) {
        report.purged += 1;
        let open = self.open.entry(stub.by).or_default();
        match open.ranges.last_mut() {
            Some((_, to)) if to.checked_add(1) == Some(stub.seq) => *to = stub.seq,
            Some(_) | None if self.ranges >= AUDIT_PURGE_RUN_RANGES_MAX => {
                self.unfollowed += 1;
                return;
            }
            Some(_) | None => {
                open.ranges.push((stub.seq, stub.seq));
                self.ranges += 1;
            }
        }
        open.count += 1;
        open.leaves.push(stub.leaf);
    }

    /// Record `seq` says that it is a `purge` record.
    pub(super) fn record(&mut self, seq: u64, purge: Option<Purge>, report: &mut Report) {
        let Some(purge) = purge.filter(|purge| purge.is_sound(seq)) else {
            return report.found(Finding::PurgeInvalid { seq });
        };
        let open = self.open.remove(&seq).unwrap_or_default();
        self.ranges = self.ranges.saturating_sub(open.ranges.len());
        for &(from, to) in &open.ranges {
            unnamed(&purge.ranges, from, to, |from, to| {
                report.found(Finding::Unexplained { from, to, by: seq });
            });
        }
        if open.count == purge.count {
            if Some(open.leaves.root()) != purge.root() {
                report.found(Finding::PurgeInvalid { seq });
            }
        } else {
            self.unfinished += purge.count.saturating_sub(open.count);
        }
        if report.purges.len() < AUDIT_VERIFY_FINDINGS_MAX {
            let (Purge { rule, before, asked_by, count, .. }, gone) = (purge, open.count);
            report.purges.push(Purged { seq, rule, before, asked_by, count, gone });
        } else {
            report.purges_unlisted += 1;
        }
    }

    /// The log has ended; `whole` where all of it was there.
    pub(super) fn finish(&mut self, whole: bool, report: &mut Report) {
        if !whole {
            return;
        }
        for (by, open) in &self.open {
            for &(from, to) in &open.ranges {
                report.found(Finding::Unexplained { from, to, by: *by });
            }
        }
    }

    /// What was checked, and what could not be.
    pub(super) fn state(
        &self,
        report: &Report,
        whole: bool,
        checked: &mut Vec<String>,
        not_checked: &mut Vec<String>,
    ) {
        let purged = report.purged;
        if purged == 0 {
            return;
        }
        if whole {
            checked.push(format!(
                "whether each of {purged} purged records is named by a `purge` record"
            ));
        } else {
            not_checked.push(format!(
                "under which rule {purged} records were purged: this is one file, not a log's \
                 directory"
            ));
        }
        not_checked.push(format!(
            "what {purged} purged records said, and their MACs: their leaf hashes alone are left"
        ));
        not_checked.push("which calls begin or end in a purged record".into());
        if self.unfollowed > 0 {
            let (over, bound) = (self.unfollowed, AUDIT_PURGE_RUN_RANGES_MAX);
            not_checked.push(format!(
                "whether {over} purged records are named by their `purge` record: over {bound} \
                 ranges wait for theirs at one time"
            ));
        }
        if self.unfinished > 0 {
            let left = self.unfinished;
            not_checked.push(format!(
                "why {left} records still have their bodies that a `purge` record names: the purge \
                 was interrupted, or they are held since"
            ));
        }
    }
}

/// The parts of `from` to `to` that are in none of the ranges, which are in order.
fn unnamed(ranges: &[(u64, u64)], mut from: u64, to: u64, mut found: impl FnMut(u64, u64)) {
    let at = ranges.partition_point(|&(_, end)| end < from);
    for &(begin, end) in ranges.get(at..).unwrap_or_default() {
        if begin > to {
            break;
        }
        if begin > from {
            found(from, begin - 1);
        }
        from = from.max(end.saturating_add(1));
    }
    if from <= to {
        found(from, to);
    }
}
