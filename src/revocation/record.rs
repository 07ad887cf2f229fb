//! Who revoked whom, in the audit trail: each change is a record of its own.
//!
//! Guarantees: no record holds more than the entry itself does, texts are bounded, and a bulk
//! change of a store does not fill the audit queue.

use std::sync::Arc;

use serde_json::{Value, json};

use super::Revocations;
use super::desk::Since;
use super::entry::Entry;
use super::table::{Changed, Store};
use crate::audit::Log;
use crate::clock::Clock;
use crate::limits::{AUDIT_TEXT_BYTES_MAX, REVOCATION_RECORDS_MAX};

/// What became of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Revoked,
    Undone,
}

/// The record of one change. `via` is the way by which it came: `admin`, or a store that somebody
/// else changed.
pub(super) fn line(
    clock: &Clock,
    phase: Phase,
    via: &str,
    entry: &Entry,
    by: Option<&str>,
) -> String {
    let phase = match phase {
        Phase::Revoked => "revoked",
        Phase::Undone => "undone",
    };
    let mut record = head(clock, phase, via);
    let members = [
        ("revocation", Some(&*entry.id)),
        ("by", by),
        ("kind_revoked", Some(entry.kind.name())),
        ("value", Some(&*entry.value)),
        ("issuer", entry.issuer.as_deref()),
        ("reason", entry.reason.as_deref()),
    ];
    for (name, text) in members {
        if let (Some(text), Some(record)) = (text, record.as_object_mut()) {
            record.insert(name.into(), cut(text).into());
        }
    }
    if let (Some(at), Some(record)) = (entry.expires_at_s, record.as_object_mut()) {
        record.insert("expires_at".into(), super::time(at).into());
    }
    record.to_string()
}

/// Records what a store was found to have changed in a look that began at `since`, except what
/// was in the desk's hand meanwhile.
pub(super) fn changes(
    log: &Log,
    revocations: &Revocations,
    (store, since): (Store, Since),
    changed: &Changed,
) {
    let clock = &revocations.clock;
    let now_s = clock.unix_s();
    let others = |entry: &&Arc<Entry>| !revocations.was_in_hand(&entry.id, since);
    let undone: Vec<_> =
        changed.removed.iter().filter(others).filter(|e| !e.has_expired(now_s)).collect();
    let added: Vec<_> = changed.added.iter().filter(others).collect();
    let count = added.len().saturating_add(undone.len());
    if count > REVOCATION_RECORDS_MAX {
        let mut record = head(clock, "changed", store.name());
        if let Some(record) = record.as_object_mut() {
            record.insert("revoked".into(), added.len().into());
            record.insert("undone".into(), undone.len().into());
        }
        append(log, &record.to_string());
        return;
    }
    for entry in added {
        append(log, &line(clock, Phase::Revoked, store.name(), entry, entry.by.as_deref()));
    }
    for entry in undone {
        append(log, &line(clock, Phase::Undone, store.name(), entry, None));
    }
}

fn append(log: &Log, line: &str) {
    if log.append(line).is_err() {
        tracing::error!("the audit record of a revocation was lost");
    }
}

fn head(clock: &Clock, phase: &str, via: &str) -> Value {
    let at = humantime::format_rfc3339_micros(clock.wall()).to_string();
    json!({ "timestamp": at, "kind": "revocation", "phase": phase, "via": via })
}

fn cut(text: &str) -> &str {
    let mut end = text.len().min(AUDIT_TEXT_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    text.get(..end).unwrap_or_default()
}
