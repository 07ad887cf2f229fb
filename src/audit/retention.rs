//! What may go and what must stay: rules of retention and legal holds.
//!
//! A rule names records by age and class; the first that fits counts. A hold
//! outweighs every rule. The log's own records are never purged: they are what
//! explains the rest.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::fs::File;
use std::io::{self, ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::recover::timestamp;
use super::storage::replace;
use crate::limits::{AUDIT_HOLD_CALLS_MAX, AUDIT_HOLDS_MAX, FILE_BYTES_MAX};

/// Which records need not be kept for how long. A condition that is missing fits all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Its name, as `purge` records tell it.
    pub name: String,
    /// Records older than this go.
    pub older_than: Duration,
    /// Only records of this kind.
    pub kind: Option<String>,
    /// Only records of this server.
    pub server: Option<String>,
    /// Only records of this phase.
    pub phase: Option<String>,
}

/// Records that must stay, whatever the rules say. Every condition that is there
/// must fit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hold {
    /// Its name, by which it is released.
    pub id: String,
    /// Who asked for it.
    pub who: String,
    /// Why.
    pub why: String,
    /// Records with this `user_id` or `client`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<String>,
    /// Records about this person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Records of this server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// Records from this time on, RFC 3339 in UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Records before this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
}

/// The file of holds holds something else.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HoldError {
    /// A line is no hold.
    #[error("line {line} is not a hold: {why}")]
    Form {
        /// Line, counted from 1.
        line: usize,
        /// What is wrong.
        why: String,
    },
    /// There are more than can be kept in mind.
    #[error("more than {AUDIT_HOLDS_MAX} holds")]
    Many,
}

/// Reads a file of holds: one JSON object a line.
///
/// # Errors
/// [`HoldError`]; whoever gets one purges nothing.
pub fn read_holds(text: &str) -> Result<Vec<Hold>, HoldError> {
    let mut holds = Vec::new();
    for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let form = |why: String| HoldError::Form { line: at + 1, why };
        let mut hold: Hold = serde_json::from_str(line).map_err(|error| form(error.to_string()))?;
        for time in [&mut hold.from, &mut hold.until].into_iter().flatten() {
            let read = humantime::parse_rfc3339(time);
            // As records write theirs: texts of one precision sort as their times do.
            *time = timestamp(read.map_err(|error| form(format!("`{time}`: {error}")))?);
        }
        if holds.len() >= AUDIT_HOLDS_MAX {
            return Err(HoldError::Many);
        }
        holds.push(hold);
    }
    Ok(holds)
}

/// The holds in a file. One that may be missing, and is, holds nothing back.
///
/// # Errors
/// When it cannot be read to its end; whoever gets one purges nothing.
pub fn load_holds(path: &Path, may_be_missing: bool) -> Result<Vec<Hold>, HoldsError> {
    let failed =
        |why: &dyn fmt::Display| HoldsError { path: path.to_path_buf(), why: why.to_string() };
    let mut text = String::new();
    let bound = u64::try_from(FILE_BYTES_MAX).unwrap_or(u64::MAX);
    match File::open(path) {
        Ok(file) => {
            file.take(bound + 1).read_to_string(&mut text).map_err(|error| failed(&error))?
        }
        Err(error) if may_be_missing && error.kind() == ErrorKind::NotFound => 0,
        Err(error) => return Err(failed(&error)),
    };
    // What is cut could be a hold.
    if text.len() > FILE_BYTES_MAX {
        return Err(failed(&"it is too long"));
    }
    read_holds(&text).map_err(|error| failed(&error))
}

/// Puts `holds` in the place of those in a file, durably.
///
/// # Errors
/// What the system says; the old ones are still there then.
pub fn save_holds(path: &Path, holds: &[Hold]) -> io::Result<()> {
    let mut text = String::new();
    for hold in holds {
        text.push_str(&serde_json::to_string(hold).map_err(io::Error::other)?);
        text.push('\n');
    }
    replace(path, text.as_bytes())
}

/// The file of holds cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the legal holds `{path}`: {why}")]
pub struct HoldsError {
    path: PathBuf,
    why: String,
}

/// The file of holds in a log's directory, where no other is named.
pub const HOLDS_FILE: &str = "holds";

/// The members by which rules and holds choose.
#[derive(Debug, Deserialize)]
pub(super) struct Facts<'a> {
    #[serde(borrow)]
    timestamp: Option<Cow<'a, str>>,
    #[serde(borrow)]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow)]
    phase: Option<Cow<'a, str>>,
    #[serde(borrow)]
    server: Option<Cow<'a, str>>,
    #[serde(borrow)]
    client: Option<Cow<'a, str>>,
    #[serde(borrow)]
    user_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    subject: Option<Cow<'a, str>>,
    #[serde(borrow)]
    request_id: Option<Cow<'a, str>>,
    /// Names that only keys open.
    sealed: Option<serde::de::IgnoredAny>,
    /// Bytes of a copy beside the log, of which this record tells.
    pub(super) cut_bytes: Option<u64>,
}

impl Facts<'_> {
    /// A record of the log about itself.
    pub(super) fn is_own(&self) -> bool {
        matches!(
            self.kind.as_deref(),
            Some("recovery" | "gap" | "key_rotation" | "purge" | "shred")
        )
    }
}

/// Rules and holds at one time.
#[derive(Debug)]
pub(super) struct Judge<'a> {
    pub(super) rules: &'a [Rule],
    /// Of each rule, the time before which its records go.
    before: Vec<String>,
    holds: &'a [Hold],
    /// Calls of which one record is held: the others stay with it.
    held_calls: HashSet<Box<str>>,
    /// By the rule, the oldest record that it will reach and does not yet.
    oldest: Vec<Option<String>>,
    /// More calls are held than were kept in mind: all calls stay.
    overflowed: bool,
}

impl<'a> Judge<'a> {
    pub(super) fn new(rules: &'a [Rule], holds: &'a [Hold], now: SystemTime) -> Self {
        let cut = |rule: &Rule| now.checked_sub(rule.older_than).unwrap_or(SystemTime::UNIX_EPOCH);
        let before = rules.iter().map(|rule| timestamp(cut(rule))).collect();
        let oldest = vec![None; rules.len()];
        Self { rules, before, holds, held_calls: HashSet::new(), oldest, overflowed: false }
    }

    /// The time before which the records of a rule go.
    pub(super) fn before(&self, rule: usize) -> &str {
        self.before.get(rule).map_or("", String::as_str)
    }

    /// Whether a hold, or the log itself, needs the record. Records are shown in the
    /// order of the log, so that the end of a held call is held with its beginning.
    pub(super) fn keeps(&mut self, facts: &Facts<'_>) -> bool {
        if facts.is_own() {
            return true;
        }
        let call = facts.request_id.as_deref();
        if self.holds.iter().any(|hold| hold.fits(facts)) {
            if let Some(call) = call {
                if self.held_calls.len() >= AUDIT_HOLD_CALLS_MAX {
                    self.overflowed = true;
                } else {
                    self.held_calls.insert(call.into());
                }
            }
            return true;
        }
        call.is_some_and(|call| self.overflowed || self.held_calls.contains(call))
    }

    /// The first rule under which the record may go.
    pub(super) fn rule(&mut self, facts: &Facts<'_>) -> Option<usize> {
        let time = facts.timestamp.as_deref()?;
        let parts = self.rules.iter().zip(&self.before).zip(&mut self.oldest);
        for (at, ((rule, before), oldest)) in parts.enumerate() {
            let fits = fits(rule.kind.as_deref(), facts.kind.as_deref())
                && fits(rule.server.as_deref(), facts.server.as_deref())
                && fits(rule.phase.as_deref(), facts.phase.as_deref());
            // RFC 3339 texts of one zone and precision sort as their times do.
            if fits && time < before.as_str() {
                return Some(at);
            }
            if fits && oldest.as_deref().is_none_or(|oldest| time < oldest) {
                *oldest = Some(time.to_owned());
            }
        }
        None
    }

    /// When the next of the records that were judged is due.
    pub(super) fn next(&self) -> Option<SystemTime> {
        let due = self.rules.iter().zip(&self.oldest).filter_map(|(rule, oldest)| {
            let oldest = humantime::parse_rfc3339(oldest.as_deref()?).ok()?;
            oldest.checked_add(rule.older_than)
        });
        due.min()
    }

    /// The first rule that is as old as a record of the log about itself. Nobody knows
    /// whose bytes a torn copy holds: any rule reaches it, and any hold of its time keeps it.
    pub(super) fn torn_rule(&self, facts: &Facts<'_>) -> Option<usize> {
        let time = facts.timestamp.as_deref()?;
        if self.holds.iter().any(|hold| hold.covers(time)) {
            return None;
        }
        self.before.iter().position(|before| time < before.as_str())
    }
}

impl Hold {
    fn fits(&self, facts: &Facts<'_>) -> bool {
        let principal = self.principal.as_deref();
        // A sealed name may be the one that is held.
        (facts.sealed.is_some()
            || (fits(principal, facts.user_id.as_deref())
                || fits(principal, facts.client.as_deref()))
                && fits(self.subject.as_deref(), facts.subject.as_deref()))
            && fits(self.server.as_deref(), facts.server.as_deref())
            // What has no time may be of any.
            && facts.timestamp.as_deref().is_none_or(|time| self.covers(time))
    }

    fn covers(&self, time: &str) -> bool {
        self.from.as_deref().is_none_or(|from| time >= from)
            && self.until.as_deref().is_none_or(|until| time < until)
    }
}

fn fits(wanted: Option<&str>, found: Option<&str>) -> bool {
    wanted.is_none_or(|wanted| found == Some(wanted))
}
