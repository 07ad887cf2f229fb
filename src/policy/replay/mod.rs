//! Recorded calls asked again: what a set of policies says to the questions of an audit trail.
//!
//! Pure; records come one at a time, so that a trail of any length is read in bounded memory.
//! Guarantees: a call that cannot be asked exactly as it was is never guessed at and never left out
//! silently, but counted with the reason; a doubt about something at which no policy looks does not
//! count as one.

mod compare;
mod coverage;
mod doubt;
mod report;

#[cfg(test)]
pub(super) mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;

use serde_json::Value;

use super::Policies;
use super::facts::{Act, Target};
use super::given::{Doubt, Exactness, Given, GivenError, On};
use super::verdict::Verdict;
use crate::limits::{POLICIES_NAMED_MAX, POLICY_SUBJECTS_MAX};
use crate::principal::Principal;

pub use compare::{Change, Compared, Diff, Replay};
pub use coverage::Coverage;

/// One of the sets that a configuration has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Set {
    /// The one that decides.
    Live,
    /// The one that is tried.
    Shadow,
}

/// A set of policies and the servers that it governs.
#[derive(Debug, Clone)]
pub struct Side<'p> {
    /// The set.
    pub policies: &'p Policies,
    /// Names of servers.
    pub governs: BTreeSet<Arc<str>>,
}

/// A call of the trail that policies can be asked about.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// The question.
    pub given: Given,
    /// What of it is in doubt.
    pub exactness: Exactness,
    /// The id that joins record, log and answer.
    pub request_id: Box<str>,
    /// Whether the call was let through.
    pub allowed: bool,
    /// What the live policies said then, where any governed the server.
    pub said: Option<Said>,
    /// Which set that was.
    pub set: Option<Box<str>>,
    /// Whether the answer may be about another name than the one in the record.
    several: bool,
}

/// An answer of policies in the words of records.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Said {
    /// `permit`, `deny`, `step_up`, `stale`, or `open` where no policy governs.
    pub decision: Box<str>,
    /// Why it is a denial.
    pub why: Option<Box<str>>,
    /// What goes with it.
    pub obligations: Vec<Box<str>>,
    /// The policies that made it.
    pub policies: Vec<Box<str>>,
}

/// Why a call was not asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unasked {
    /// What the policies look at is not in the record as it was.
    Doubt(Doubt),
    /// The call named several things and was refused for one of them, the record does not say which.
    Several,
    /// No policies governed the server then, so that there is nothing to compare with.
    Unjudged,
    /// The policies do not govern the server.
    Ungoverned,
    /// The record is not as the gateway writes it.
    Malformed,
}

impl Unasked {
    /// Whether the record lacks what it takes, and not the question itself.
    #[must_use]
    pub fn is_inexact(self) -> bool {
        match self {
            Self::Doubt(_) | Self::Several | Self::Malformed => true,
            Self::Unjudged | Self::Ungoverned => false,
        }
    }

    /// The name in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Doubt(doubt) => doubt.name(),
            Self::Several => "several",
            Self::Unjudged => "unjudged",
            Self::Ungoverned => "ungoverned",
            Self::Malformed => "malformed",
        }
    }
}

impl fmt::Display for Unasked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Doubt(doubt) => return doubt.fmt(f),
            Self::Several => {
                "the call named several things, and the record does not say which was refused"
            }
            Self::Unjudged => "no policies governed the server when the call was made",
            Self::Ungoverned => "no policies govern the server",
            Self::Malformed => "the record is not as the gateway writes it",
        })
    }
}

/// Calls that were not asked about: how many for which reason, with an example each.
pub type Left = BTreeMap<Unasked, (u64, Box<str>)>;

fn leave(left: &mut Left, why: Unasked, request_id: &str) {
    left.entry(why).or_insert_with(|| (0, request_id.into())).0 += 1;
}

/// The request id of a record.
fn request_id(record: &Value) -> &str {
    record.get("request_id").and_then(Value::as_str).unwrap_or_default()
}

/// Reads records. Callers that come again are the same to the policies, which then remember them.
#[derive(Debug, Default)]
pub struct Reader {
    /// By a hash over what changes from token to token.
    callers: HashMap<u64, Arc<Principal>>,
    hasher: RandomState,
}

impl Reader {
    /// The call of a record; `None` for records that are of no call: of completions, documents and
    /// requests that were refused before anybody understood them.
    ///
    /// # Errors
    /// [`Unasked::Malformed`].
    pub fn read(&mut self, record: &Value) -> Option<Result<Recorded, Unasked>> {
        let text = |name: &str| record.get(name).and_then(Value::as_str);
        let phase = text("phase")?;
        if text("kind") != Some("call") || !matches!(phase, "intent" | "refused") {
            return None;
        }
        let (mut given, exactness) = match Given::of_record(record) {
            Ok(found) => found,
            Err(GivenError::NoCall | GivenError::NoCaller) => return None,
            Err(GivenError::Malformed(_)) => return Some(Err(Unasked::Malformed)),
        };
        given.principal = self.known(given.principal);
        let policy = record.get("policy");
        let said = match policy.map(Said::of_record) {
            Some(None) => return Some(Err(Unasked::Malformed)),
            Some(said) => said,
            None => None,
        };
        Some(Ok(Recorded {
            given,
            exactness,
            request_id: request_id(record).into(),
            allowed: phase == "intent",
            said,
            set: policy.and_then(|policy| policy.get("set")?.as_str()).map(Box::from),
            several: phase == "refused" && text("operation") == Some(LISTEN),
        }))
    }

    fn known(&mut self, principal: Arc<Principal>) -> Arc<Principal> {
        let Principal { key, roles, issued_at_s, authenticated_at_s, .. } = &*principal;
        let hash = self.hasher.hash_one((key, roles, issued_at_s, authenticated_at_s));
        if let Some(known) = self.callers.get(&hash)
            && *known == principal
        {
            return Arc::clone(known);
        }
        if self.callers.len() >= POLICY_SUBJECTS_MAX {
            self.callers.clear();
        }
        self.callers.insert(hash, Arc::clone(&principal));
        principal
    }
}

impl Side<'_> {
    /// What the policies say to a recorded call.
    ///
    /// # Errors
    /// Why they cannot be asked.
    pub fn ask(&self, recorded: &Recorded) -> Result<Arc<Verdict>, Unasked> {
        if !self.governs.contains(&*recorded.given.server) {
            return Err(Unasked::Ungoverned);
        }
        if recorded.several {
            return Err(Unasked::Several);
        }
        match self.policies.doubt(&recorded.given, &recorded.exactness) {
            Some(doubt) => Err(Unasked::Doubt(doubt)),
            None => Ok(recorded.given.ask(self.policies)),
        }
    }

    /// The classes about which some policy speaks.
    fn classes(&self) -> Vec<Arc<str>> {
        let Policies { known, world, types, index, .. } = self.policies;
        let spoken = |class: &&Arc<str>| {
            let thing = world.thing(types, "", Target::Class { class, tool: None });
            thing.is_some_and(|thing| !index.about(Act::Reveal, &thing.stands_in).is_empty())
        };
        known.classes.iter().filter(spoken).cloned().collect()
    }
}

/// Whether the caller of a call may see values of a class in its answer.
fn reveal(given: &Given, class: &str) -> Given {
    let tool = match &given.on {
        On::Tool(tool) => Some(tool.clone()),
        On::Server | On::Uri(_) | On::Prompt(_) | On::Namespace(_) | On::Class(..) => None,
    };
    let on = On::Class(class.into(), tool);
    Given { act: Act::Reveal, on, arguments: None, ..given.clone() }
}

impl Said {
    /// What a verdict is in a record.
    #[must_use]
    pub fn of(verdict: &Verdict) -> Self {
        let named = verdict.policies.iter().take(POLICIES_NAMED_MAX);
        Self {
            decision: verdict.name().into(),
            why: verdict.why().map(Box::from),
            obligations: sorted(verdict.obligations().iter().map(String::as_str)),
            policies: sorted(named.map(AsRef::as_ref)),
        }
    }

    /// What a record says; `None` where it is not as the gateway writes it.
    #[must_use]
    pub fn of_record(policy: &Value) -> Option<Self> {
        let list = |name: &str| match policy.get(name) {
            None => Some(Vec::new()),
            Some(list) => {
                let items = list.as_array()?.iter().map(Value::as_str);
                Some(sorted(items.collect::<Option<Vec<&str>>>()?.into_iter()))
            }
        };
        let why = match policy.get("why") {
            None => None,
            Some(why) => Some(why.as_str()?.into()),
        };
        let decision = policy.get("decision")?.as_str()?.into();
        Some(Self { decision, why, obligations: list("obligations")?, policies: list("policies")? })
    }

    /// Where no policy governs.
    fn open() -> Self {
        let decision = "open".into();
        Self { decision, why: None, obligations: Vec::new(), policies: Vec::new() }
    }

    fn permits(&self) -> bool {
        matches!(&*self.decision, "permit" | "open")
    }

    /// The same without the ids of policies, which differ between sets anyway.
    fn outcome(&self) -> (&str, &[Box<str>]) {
        (&self.decision, &self.obligations)
    }
}

/// In one order: that of a set may change without a change of what it says.
fn sorted<'t>(texts: impl Iterator<Item = &'t str>) -> Vec<Box<str>> {
    let mut all: Vec<Box<str>> = texts.map(Box::from).collect();
    all.sort_unstable();
    all
}

/// The one method that asks for several things; see `mcp::translate`.
const LISTEN: &str = "subscriptions/listen";
