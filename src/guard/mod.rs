//! Whether the arguments of a call look like an attack on what stands behind the tool, and whether
//! they hold what the server may not have.
//!
//! Owns the checks and the witness [`Cleared`]. Assumes decoded, complete arguments (S-34).
//! Guarantees that every string among them was looked at by every check that is on, in linear
//! time (S-57), and that what is reported of a hit is where it was, never what it was.
//!
//! A check judges a value by what its parameter is for: `;` in a host name is an attack, in a
//! sentence it is punctuation. Free text and code are looked at for hidden characters only,
//! because a gateway that refuses ordinary prose is switched off.

mod decode;
mod hidden;
mod parameter;
mod path;
mod shell;
mod signs;
mod sql;
mod url;
mod values;
mod walk;

#[cfg(test)]
mod tests;

pub use crate::limits::HITS_MAX;
use crate::limits::WORD_BYTES_MAX;
use std::ops::Deref;
use std::sync::Arc;

use crate::call::Call;
use crate::config::{Guard, GuardMode};
use crate::decode::Plan;
use crate::exchange::Exchange;
use crate::inspect::Detector;
use crate::limit::Admitted;
use crate::pins::Pins;
use crate::reject::{Code, Rejection};

pub use parameter::Parameter;
pub use signs::Signs;
pub use values::Found;
use values::{Rewritten, Values};

/// An admitted call whose arguments were looked at and not refused.
#[derive(Debug)]
pub struct Cleared {
    base: Admitted,
    hits: Hits,
    found: Found,
    rewritten: Option<Box<Rewritten>>,
}

impl Deref for Cleared {
    type Target = Admitted;

    fn deref(&self) -> &Admitted {
        &self.base
    }
}

impl Cleared {
    /// What checks found that only monitor.
    #[must_use]
    pub fn hits(&self) -> &Hits {
        &self.hits
    }

    /// Personal data and secrets that stood in the arguments.
    #[must_use]
    pub fn found(&self) -> &Found {
        &self.found
    }

    /// The call as the server receives it: from here on the only one that counts.
    #[must_use]
    pub fn call(&self) -> &Call {
        self.rewritten.as_ref().map_or(self.base.call(), |rewritten| &rewritten.call)
    }

    /// The upstream request for [`Cleared::call`].
    #[must_use]
    pub fn plan(&self) -> &Plan {
        self.rewritten.as_ref().map_or(self.base.plan(), |rewritten| &rewritten.plan)
    }

    /// The call as it was asked and judged.
    #[must_use]
    pub fn asked(&self) -> &Call {
        self.base.call()
    }

    /// Whether the server receives other arguments than the caller sent.
    #[must_use]
    pub fn is_rewritten(&self) -> bool {
        self.rewritten.is_some()
    }
}

/// One value and what it is for.
#[derive(Debug, Clone, Copy)]
pub struct Probe<'a> {
    /// The decoded text.
    pub text: &'a str,
    /// What its parameter is for, by the parameter's name.
    pub parameter: Parameter,
    /// Which kinds of characters it has; of free text only whether it goes beyond ASCII.
    pub signs: Signs,
}

impl<'a> Probe<'a> {
    fn new(text: &'a str, parameter: Parameter) -> Self {
        let signs = match parameter {
            Parameter::Free => Signs::of_free(text),
            Parameter::Path
            | Parameter::Url
            | Parameter::Uri
            | Parameter::Word
            | Parameter::Name
            | Parameter::Other => Signs::of(text),
        };
        Self { text, parameter, signs }
    }

    /// Whether the value of a parameter whose name says nothing is a text rather than a word:
    /// long, or of several lines. Texts hold punctuation and talk of commands.
    fn is_text(&self) -> bool {
        match self.parameter {
            Parameter::Free => true,
            Parameter::Other => {
                self.text.len() > WORD_BYTES_MAX
                    || self.text.bytes().filter(|b| *b == b'\n').count() >= TEXT_LINES
            }
            Parameter::Path
            | Parameter::Url
            | Parameter::Uri
            | Parameter::Word
            | Parameter::Name => false,
        }
    }
}

/// One kind of attack.
pub trait Check: Sync {
    /// The name in configuration, records and metrics.
    fn name(&self) -> &'static str;

    /// Without any of these signs a value cannot hit, and is not looked at.
    fn needs(&self) -> Signs;

    /// Whether the value looks like this attack. Linear in the value's length.
    fn hits(&self, probe: &Probe<'_>) -> bool;
}

/// One check that found something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// Which check.
    pub check: &'static str,
    /// Where: a JSON pointer into the call's parameters (RFC 6901), shortened where the caller
    /// chose long names.
    pub path: Box<str>,
    /// `monitor` or `block`.
    pub mode: &'static str,
}

/// What the checks found; never the values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hits {
    list: Vec<Hit>,
}

impl Hits {
    /// The hits in the order of the arguments, at most [`HITS_MAX`].
    pub fn iter(&self) -> impl Iterator<Item = &Hit> {
        self.list.iter()
    }

    /// Whether nothing was found.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The first hit that refuses the call.
    #[must_use]
    pub fn blocked(&self) -> Option<&Hit> {
        self.iter().find(|hit| hit.mode == BLOCK)
    }
}

/// The checks of one route that are on.
pub struct Guards {
    active: Vec<(&'static dyn Check, GuardMode)>,
    pins: Option<Arc<Pins>>,
    values: Option<Values>,
}

impl std::fmt::Debug for Guards {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = self.active.iter().map(|(check, mode)| (check.name(), mode));
        f.debug_map().entries(names).finish()
    }
}

impl Guards {
    /// The checks that the configuration switches on.
    #[must_use]
    pub fn new(config: Guard) -> Self {
        let Guard { path, url, sql, shell, hidden_text } = config;
        let table: [(&'static dyn Check, GuardMode); 5] = [
            (&path::Path, path),
            (&url::Url, url),
            (&sql::Sql, sql),
            (&shell::Shell, shell),
            (&hidden::HiddenText, hidden_text),
        ];
        let active = table.into_iter().filter(|(_, mode)| *mode != GuardMode::Off).collect();
        Self { active, pins: None, values: None }
    }

    /// And the judge of the server's tools.
    #[must_use]
    pub fn with_pins(self, pins: Arc<Pins>) -> Self {
        Self { pins: Some(pins), ..self }
    }

    /// And what looks for personal data and secrets.
    #[must_use]
    pub fn with_values(self, detector: Option<Arc<Detector>>) -> Self {
        Self { values: detector.map(Values::new), ..self }
    }

    /// Refuses a call of a tool that is quarantined, and one whose arguments look like an attack
    /// or hold what the server may not have; hides in them what it may not see.
    ///
    /// # Errors
    /// [`Code::Denied`] as for a tool that does not exist, [`Code::GuardBlocked`] for the first hit
    /// of a check that blocks and for the first value that is blocked.
    pub fn clear(&self, ex: Exchange<Admitted>) -> Result<Exchange<Cleared>, Rejection> {
        if let (Some(pins), Some(tool)) = (&self.pins, called_tool(ex.call())) {
            pins.call(tool).map_err(|why| Rejection::new(Code::Denied, why.to_string()))?;
        }
        let hits = self.inspect(ex.call());
        if let Some(hit) = hits.blocked() {
            return Err(refusal(hit));
        }
        let judged = self.values.as_ref().map(|values| values.judge(&ex)).transpose()?;
        let (found, rewritten) = judged.unwrap_or_default();
        let rewritten = rewritten.map(Box::new);
        Ok(ex.advance(|base| Cleared { base, hits, found, rewritten }))
    }

    /// Looks at every string of a call's arguments.
    #[must_use]
    pub fn inspect(&self, call: &Call) -> Hits {
        let mut hits = Hits::default();
        if self.active.is_empty() {
            return hits;
        }
        let may_block = self.active.iter().any(|(_, mode)| *mode == GuardMode::Block);
        walk::strings(call, &mut |probe, place| {
            for (check, mode) in &self.active {
                if probe.signs.meets(check.needs()) && check.hits(probe) {
                    let hit = Hit { check: check.name(), path: place.path(), mode: word(*mode) };
                    hits.add(hit);
                }
            }
            // When enough is known, only a first hit that blocks is still of interest.
            hits.list.len() < HITS_MAX || (may_block && hits.blocked().is_none())
        });
        hits
    }
}

impl Hits {
    /// Keeps the first hits; the first that blocks takes the last place when all are taken.
    fn add(&mut self, hit: Hit) {
        if self.list.len() < HITS_MAX {
            self.list.push(hit);
        } else if hit.mode == BLOCK && self.blocked().is_none() {
            self.list.truncate(HITS_MAX - 1);
            self.list.push(hit);
        }
    }
}

/// The tool that a call runs, where tools are listed: in MCP.
#[must_use]
pub fn called_tool(call: &Call) -> Option<&str> {
    (&*call.operation == "tools/call").then(|| call.resource.name())
}

/// The refusal of a call with a blocking hit; says where, not what.
#[must_use]
pub fn refusal(hit: &Hit) -> Rejection {
    let mut rejection =
        Rejection::new(Code::GuardBlocked, format!("guard `{}` at `{}`", hit.check, hit.path));
    rejection.reason = Some(hit.check);
    rejection
}

fn word(mode: GuardMode) -> &'static str {
    match mode {
        GuardMode::Off => "off",
        GuardMode::Monitor => "monitor",
        GuardMode::Block => BLOCK,
    }
}

const BLOCK: &str = "block";

/// Line breaks that make a text.
const TEXT_LINES: usize = 3;
