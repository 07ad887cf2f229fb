//! Definitions that wait for somebody's approval.

use std::collections::HashMap;
use std::time::{Duration, UNIX_EPOCH};

use super::Reason;
use crate::config::{ToolHash, pins};
use crate::json::{Value, canonical};
use crate::limits::{PIN_DEFINITION_BYTES_MAX, PINS_WAITING_MAX};

/// What was said of a definition when it was seen.
pub(super) struct Told<'a> {
    pub(super) name: &'a str,
    pub(super) hash: ToolHash,
    pub(super) reason: Reason,
    /// In seconds since the Unix epoch.
    pub(super) since: u64,
}

/// The definitions of one server that wait; bounded.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    list: HashMap<(Box<str>, ToolHash), Kept>,
    changed: bool,
}

#[derive(Debug)]
struct Kept {
    reason: Reason,
    since: u64,
    /// Canonical; `None` where it is too long.
    definition: Option<Box<str>>,
}

impl Waiting {
    pub(super) fn add(&mut self, told: &Told<'_>, definition: Value<'_>) {
        let key = (Box::from(told.name), told.hash);
        if let Some(kept) = self.list.get_mut(&key) {
            self.changed |= kept.reason != told.reason;
            kept.reason = told.reason;
            return;
        }
        if self.list.len() >= PINS_WAITING_MAX {
            let oldest = self.list.iter().min_by_key(|(_, kept)| kept.since);
            let oldest = oldest.map(|(key, _)| key.clone());
            oldest.and_then(|key| self.list.remove(&key));
        }
        let text = String::from_utf8(canonical(definition)).ok();
        let definition = text.filter(|text| text.len() <= PIN_DEFINITION_BYTES_MAX);
        let definition = definition.map(String::into_boxed_str);
        let kept = Kept { reason: told.reason, since: told.since, definition };
        self.list.insert(key, kept);
        self.changed = true;
    }

    /// All that waits, the oldest first, when it changed since the last call.
    pub(super) fn if_changed(&mut self) -> Option<Vec<pins::Waiting>> {
        if !std::mem::take(&mut self.changed) {
            return None;
        }
        let one = |((name, hash), kept): (&(Box<str>, ToolHash), &Kept)| pins::Waiting {
            name: name.clone(),
            reason: kept.reason.name().into(),
            first_seen: rfc3339(kept.since),
            hash: *hash,
            definition: kept.definition.clone(),
        };
        let mut all: Vec<_> = self.list.iter().map(one).collect();
        all.sort_by(|a, b| (&a.first_seen, &a.name, a.hash).cmp(&(&b.first_seen, &b.name, b.hash)));
        Some(all)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.list.len()
    }
}

fn rfc3339(unix_s: u64) -> Box<str> {
    let time = UNIX_EPOCH.checked_add(Duration::from_secs(unix_s)).unwrap_or(UNIX_EPOCH);
    humantime::format_rfc3339_seconds(time).to_string().into()
}
