//! Which of a server's tools may be listed and called, by what the server says of them (S-36).
//!
//! Owns the judgement of tool definitions: hidden text, names that stand twice or look alike, and
//! definitions that nobody approved. A definition is judged where it passes, in an answer to
//! `tools/list`; a call is judged by the definition that the server last showed, to whomever.
//! Approvals are by hash, so that no caller's list approves what another's shows.
//!
//! Assumes values that [`crate::json`] read. Guarantees: what is quarantined is neither listed nor
//! called, on every way to the server, because both gates ask here; with `tool_pins`, a tool of
//! which no definition was seen is not called either; memory is bounded; no I/O but [`Pins::save`].

mod file;
mod look;
mod seen;
mod waiting;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

pub use file::{load_pins, load_waiting, write_pins};
pub use seen::Seen;

use crate::clock::Clock;
use crate::config::{self, NewTools, ToolHash, ToolPins};
use crate::inspect::hidden::spelled_out;
use crate::json::Value;
use crate::limits::LOGGED_NAME_CHARS_MAX;
use crate::principal::PrincipalKey;
use seen::{Copies, Entry};

/// Why a tool is quarantined; a closed set, for labels and records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// Text that people do not see.
    HiddenText,
    /// Its name stands in the server's list more than once.
    Duplicate,
    /// Another tool's name looks the same.
    Confusable,
    /// Another definition of this name was approved, and not this one.
    Changed,
    /// No definition of this name was approved.
    New,
    /// The list is too long.
    TooMany,
}

impl Reason {
    /// The name in labels, records and files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::HiddenText => "hidden_text",
            Self::Duplicate => "duplicate",
            Self::Confusable => "confusable",
            Self::Changed => "changed",
            Self::New => "new",
            Self::TooMany => "too_many",
        }
    }
}

/// One answer to `tools/list`.
#[derive(Debug, Clone, Copy)]
pub struct Page<'a> {
    /// Who asked: lists of different callers are not compared.
    pub caller: PrincipalKey,
    /// Which page was asked for; `None` for the first.
    pub cursor: Option<&'a str>,
    /// Whether the server says that another page follows.
    pub more: bool,
    /// The list, as the server wrote it.
    pub tools: Value<'a>,
}

/// What was found in a page.
#[derive(Debug, Default)]
pub struct Findings {
    /// What must not leave, by name.
    pub quarantined: HashMap<Box<str>, Reason>,
    /// What was not known before, of this page and of pages before it.
    pub alarms: Vec<Reason>,
    /// How many definitions changed that are not pinned.
    pub changes: u64,
}

/// Why a call is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The tool is quarantined.
    #[error("the tool is quarantined: {}", .0.name())]
    Quarantined(Reason),
    /// Definitions are pinned, and no list named this tool.
    #[error("tools are pinned, and no list has shown this one")]
    Unseen,
}

/// The judge of one server's tools under one configuration.
#[derive(Debug)]
pub struct Pins {
    server: Arc<str>,
    pinned: Option<ToolPins>,
    seen: Arc<Seen>,
    clock: Clock,
}

impl Pins {
    /// For one server; what was seen of it is kept over reloads.
    #[must_use]
    pub fn new(server: &config::Server, seen: Arc<Seen>, clock: Clock) -> Self {
        let pinned = server.tool_pins.clone();
        Self { server: Arc::clone(&server.name), pinned, seen, clock }
    }

    /// What was seen of the server.
    #[must_use]
    pub fn seen(&self) -> &Arc<Seen> {
        &self.seen
    }

    /// Takes in one page of the server's list and judges it.
    #[must_use]
    pub fn page(&self, page: &Page<'_>) -> Findings {
        let mut found = Findings::default();
        let crowded = self.seen.take_in(page, |shown| {
            let reason = self.reason(shown.name, shown.entry);
            let hash = shown.entry.hash;
            if let Some(reason) = reason {
                if shown.on_page {
                    found.quarantined.insert(shown.name.into(), reason);
                }
                if shown.entry.reported != Some((reason, hash)) {
                    self.tell(shown.name, hash, reason.name(), "a tool is quarantined");
                    found.alarms.push(reason);
                }
            } else if shown.changed {
                self.tell(shown.name, hash, "changed", "a tool's definition changed");
                found.changes += 1;
            }
            shown.entry.reported = reason.map(|reason| (reason, hash));
            let waits = self.pinned.is_some();
            reason.filter(|_| waits).map(|reason| (reason, self.clock.unix_s()))
        });
        if !crowded.is_empty() {
            let (server, tools) = (&*self.server, crowded.len());
            tracing::warn!(server, tools, "a list of tools is too long, its end is left out");
            found.alarms.push(Reason::TooMany);
        }
        let too_many = crowded.iter().map(|name| (Box::from(&**name), Reason::TooMany));
        found.quarantined.extend(too_many);
        found
    }

    /// Whether a tool may be called.
    ///
    /// # Errors
    /// [`Refused`]; callers learn no more than that the call is not allowed.
    pub fn call(&self, tool: &str) -> Result<(), Refused> {
        let judged = self.seen.last(tool, |entry| self.reason(tool, entry));
        match judged {
            Some(Some(reason)) => Err(Refused::Quarantined(reason)),
            Some(None) => Ok(()),
            None if self.pinned.is_some() => Err(Refused::Unseen),
            None => Ok(()),
        }
    }

    /// Whether a list named this tool.
    #[must_use]
    pub fn knows(&self, tool: &str) -> bool {
        self.seen.last(tool, |_| ()).is_some()
    }

    /// Whether a call of this tool needs a list first.
    #[must_use]
    pub fn unseen(&self, tool: &str) -> bool {
        self.call(tool) == Err(Refused::Unseen)
    }

    /// Writes what waits for approval beside the approvals, if that changed. Blocks on the disk.
    ///
    /// # Errors
    /// When the file cannot be written; the next call tries again only after another change.
    pub fn save(&self) -> io::Result<()> {
        let Some(pinned) = &self.pinned else { return Ok(()) };
        let Some(waiting) = self.seen.waiting_if_changed() else { return Ok(()) };
        let waits = |name: &str, hash, hidden: bool| match pinned.approved.of(name, hash) {
            Some(approval) => hidden && !approval.hidden_text,
            None => true,
        };
        file::write_waiting(&pinned.seen_file(), waiting, waits)
    }

    /// Why the last definition of a tool must not be used.
    ///
    /// An approval is of one hash, given by somebody who saw the whole definition and the other
    /// tools: it also says that a name which looks like another is meant. Two definitions under one
    /// name stay out whatever was approved, since nobody knows which of them a call would reach.
    fn reason(&self, name: &str, entry: &Entry) -> Option<Reason> {
        let approval = self.pinned.as_ref().and_then(|it| it.approved.of(name, entry.hash));
        if entry.hidden && !approval.is_some_and(|approval| approval.hidden_text) {
            return Some(Reason::HiddenText);
        }
        match (entry.copies, approval) {
            (Copies::Differ, _) | (Copies::Same, None) => return Some(Reason::Duplicate),
            (Copies::One, _) | (Copies::Same, Some(_)) => {}
        }
        if approval.is_some() {
            return None;
        }
        if entry.twin {
            return Some(Reason::Confusable);
        }
        let pinned = self.pinned.as_ref()?;
        if pinned.approved.knows(name) {
            return Some(Reason::Changed);
        }
        match pinned.new {
            NewTools::Quarantine => Some(Reason::New),
            NewTools::Allow => None,
        }
    }

    fn tell(&self, name: &str, hash: ToolHash, reason: &'static str, what: &'static str) {
        let tool = spelled_out(name, LOGGED_NAME_CHARS_MAX);
        tracing::warn!(server = &*self.server, tool, %hash, reason, "{what}");
    }
}
