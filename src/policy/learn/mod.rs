//! The least that would have allowed what a trail says happened, as policies to review.
//!
//! Pure; records come one at a time and what is kept of them is bounded. Assumes that the trail is
//! of calls that should have been allowed: what an intruder did is learned as well, which is why
//! each policy says how often, by how many and when. Guarantees: compiled, the policies permit each
//! call that was learned, and permit a name to nobody whose roles none of those who used it had;
//! a call whose record does not hold the name as it was is counted and not guessed at.

mod names;
mod write;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;

use serde_json::Value;

use super::facts::kind;
use super::given::{Doubt, Exactness, Given, GivenError, On};
use crate::call::Action;
use crate::limits::{
    AUDIT_ROLES_MAX, AUDIT_TEXT_BYTES_MAX, LEARN_CALLERS_MAX, LEARN_GROUPS_MAX, LEARN_NAMES_MAX,
    LEARN_OPEN_MAX,
};
use crate::policy::facts::Act;
use crate::principal::{AuthMethod, Principal};

/// By what callers are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// By all roles that they have; who has none, by name.
    Role,
    /// By name.
    Subject,
}

/// Why nothing is learned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LearnError {
    /// More than [`LEARN_GROUPS_MAX`].
    #[error("more than {LEARN_GROUPS_MAX} policies: take one server, or callers by role")]
    Groups,
    /// More than [`LEARN_NAMES_MAX`].
    #[error("more than {LEARN_NAMES_MAX} names: take one server")]
    Names,
    /// The text could not be read again.
    #[error("more than {0} bytes of policies: take one server")]
    Bytes(usize),
}

/// Who did something.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Who {
    /// Callers with all of these roles; at least one.
    Roles(Vec<Arc<str>>),
    /// One caller, of this type.
    Named(&'static str, Arc<str>),
    /// One caller, whose type the record does not tell: issuer, subject, method.
    Unsure(Arc<str>, Arc<str>, &'static str),
    /// Whoever comes.
    Anonymous,
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Done {
    /// This, on things of one kind.
    Call(Action, Kind),
    /// Values of this class were shown.
    Reveal(Box<str>),
}

/// The kind of a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Server,
    Tool,
    Resource,
    Prompt,
    Namespace,
}

/// What becomes one policy.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Group {
    server: Box<str>,
    done: Done,
    who: Who,
}

/// What is known of it.
#[derive(Debug, Default)]
struct Seen {
    /// On what, and how often. For classes the tools that answered; empty for what is no tool.
    names: BTreeMap<Box<str>, u64>,
    calls: u64,
    first: Box<str>,
    last: Box<str>,
    /// Keyed hashes of callers.
    callers: BTreeSet<u64>,
}

/// A call whose completion may say that it showed something.
#[derive(Debug)]
struct Open {
    who: Who,
    tool: Box<str>,
    caller: u64,
}

/// Learns from records.
#[derive(Debug)]
pub struct Learner {
    by: By,
    server: Option<Box<str>>,
    groups: BTreeMap<Group, Seen>,
    names: usize,
    open: HashMap<Box<str>, Open>,
    /// In the order in which they began.
    order: VecDeque<Box<str>>,
    hasher: RandomState,
    /// Calls of which the record does not hold the name, or the caller, as it was.
    left_out: BTreeMap<&'static str, u64>,
}

impl Learner {
    /// For all servers, or one.
    #[must_use]
    pub fn new(by: By, server: Option<&str>) -> Self {
        Self {
            by,
            server: server.map(Box::from),
            groups: BTreeMap::new(),
            names: 0,
            open: HashMap::new(),
            order: VecDeque::new(),
            hasher: RandomState::new(),
            left_out: BTreeMap::new(),
        }
    }

    /// The next record of the trail.
    ///
    /// # Errors
    /// [`LearnError`]: more than anybody would review.
    pub fn take(&mut self, record: &Value) -> Result<(), LearnError> {
        let text = |name: &str| record.get(name).and_then(Value::as_str).unwrap_or_default();
        let other = self.server.as_deref().is_some_and(|server| server != text("server"));
        if text("kind") != "call" || other {
            return Ok(());
        }
        match text("phase") {
            "intent" if text("decision") == "allow" => self.call(record, text("timestamp")),
            "completion" => self.completion(record, text("timestamp")),
            _other => Ok(()),
        }
    }

    fn call(&mut self, record: &Value, at: &str) -> Result<(), LearnError> {
        let (given, exactness) = match Given::of_record(record) {
            Ok(found) => found,
            Err(GivenError::NoCall | GivenError::NoCaller) => return Ok(()),
            Err(GivenError::Malformed(_)) => {
                self.leave(MALFORMED);
                return Ok(());
            }
        };
        let Act::Call(action) = given.act else { return Ok(()) };
        let who = match self.who(&given.principal, record, &exactness) {
            Ok(who) => who,
            Err(why) => {
                self.leave(why);
                return Ok(());
            }
        };
        let caller = self.hasher.hash_one((&given.principal.issuer, &given.principal.subject));
        let (kind, name) = thing(&given.on);
        let tool = if kind == Kind::Tool { name } else { "" };
        let masked = exactness.doubts().any(|doubt| doubt == Doubt::Name);
        let cut = exactness.doubts().any(|doubt| doubt == Doubt::Cut);
        // What it showed is learned by its tool, so the tool's name must be right.
        if !(masked || cut) {
            let id = record.get("request_id").and_then(Value::as_str).unwrap_or_default();
            self.opened(id, Open { who: who.clone(), tool: tool.into(), caller });
        }
        // What the base permits to everybody needs no policy.
        if action.default_scope().is_none() {
            return Ok(());
        }
        if masked || cut {
            self.leave(if masked { MASKED } else { CUT });
            return Ok(());
        }
        let group = Group { server: given.server.clone(), done: Done::Call(action, kind), who };
        self.see(group, name, at, caller)
    }

    /// Who it was, for a policy.
    fn who(
        &self,
        principal: &Principal,
        record: &Value,
        exactness: &Exactness,
    ) -> Result<Who, &'static str> {
        let long = |text: &Arc<str>| text.len() + 4 > AUDIT_TEXT_BYTES_MAX;
        let bare = exactness.doubts().any(|doubt| doubt == Doubt::Circumstances);
        if principal.method == AuthMethod::Anonymous {
            return Ok(Who::Anonymous);
        }
        if self.by == By::Role && !principal.roles.is_empty() {
            // With fewer roles than the caller had, a policy would permit more callers.
            if bare
                && (principal.roles.len() >= AUDIT_ROLES_MAX || principal.roles.iter().any(long))
            {
                return Err(ROLES_CUT);
            }
            let mut roles = principal.roles.clone();
            roles.sort_unstable();
            roles.dedup();
            return Ok(Who::Roles(roles));
        }
        if long(&principal.subject) || long(&principal.issuer) {
            return Err(CUT);
        }
        let (issuer, subject) = (&principal.issuer, &principal.subject);
        // Without the circumstances, a token without a client looks like that of a client that acts
        // for itself.
        let client = record.get("client").and_then(Value::as_str);
        if bare && principal.method == AuthMethod::Bearer && client == Some(&**subject) {
            let (issuer, subject) = (Arc::clone(issuer), Arc::clone(subject));
            return Ok(Who::Unsure(issuer, subject, principal.method.name()));
        }
        let name = match &**issuer {
            "" => format!("{}#{subject}", principal.method.name()),
            issuer => format!("{issuer}#{subject}"),
        };
        Ok(Who::Named(kind(principal), name.into()))
    }

    /// Remembers a call until its completion; the oldest is forgotten where there are too many.
    fn opened(&mut self, request_id: &str, open: Open) {
        if self.open.insert(request_id.into(), open).is_none() {
            self.order.push_back(request_id.into());
        }
        while self.order.len() > LEARN_OPEN_MAX {
            if let Some(oldest) = self.order.pop_front()
                && self.open.remove(&oldest).is_some()
            {
                self.leave(FORGOTTEN);
            }
        }
    }

    fn completion(&mut self, record: &Value, at: &str) -> Result<(), LearnError> {
        let id = record.get("request_id").and_then(Value::as_str).unwrap_or_default();
        let open = self.open.remove(id);
        // The queue keeps the ids of closed calls; it is cleaned when half of it is such ids.
        if self.order.len() > 2 * self.open.len() + 64 {
            self.order.retain(|id| self.open.contains_key(id));
        }
        let Some(revealed) = record.get("revealed").and_then(Value::as_object) else {
            return Ok(());
        };
        let Some(Open { who, tool, caller }) = open else {
            self.leave(UNKNOWN);
            return Ok(());
        };
        let server = record.get("server").and_then(Value::as_str).unwrap_or_default();
        for class in revealed.keys() {
            let done = Done::Reveal(class.as_str().into());
            let group = Group { server: server.into(), done, who: who.clone() };
            self.see(group, &tool, at, caller)?;
        }
        Ok(())
    }

    fn see(&mut self, group: Group, name: &str, at: &str, caller: u64) -> Result<(), LearnError> {
        let full = self.groups.len() >= LEARN_GROUPS_MAX && !self.groups.contains_key(&group);
        if full {
            return Err(LearnError::Groups);
        }
        let seen = self.groups.entry(group).or_default();
        match seen.names.get_mut(name) {
            Some(count) => *count += 1,
            None if self.names >= LEARN_NAMES_MAX => return Err(LearnError::Names),
            None => {
                self.names += 1;
                seen.names.insert(name.into(), 1);
            }
        }
        seen.calls += 1;
        // Records of one trail nearly stand in order, but a completion is written when it ends.
        if seen.first.is_empty() || at < &*seen.first {
            seen.first = at.into();
        }
        if at > &*seen.last {
            seen.last = at.into();
        }
        if seen.callers.len() < LEARN_CALLERS_MAX {
            seen.callers.insert(caller);
        }
        Ok(())
    }

    fn leave(&mut self, why: &'static str) {
        *self.left_out.entry(why).or_default() += 1;
    }

    /// How many calls could not be learned from.
    #[must_use]
    pub fn left_out(&self) -> u64 {
        self.left_out.values().sum()
    }

    /// How many policies there will be.
    #[must_use]
    pub fn policies(&self) -> usize {
        self.groups.len()
    }
}

/// The kind and the name of what a call was about.
fn thing(on: &On) -> (Kind, &str) {
    match on {
        On::Server => (Kind::Server, ""),
        On::Tool(name) => (Kind::Tool, name),
        On::Uri(name) => (Kind::Resource, name),
        On::Prompt(name) => (Kind::Prompt, name),
        On::Namespace(name) => (Kind::Namespace, name),
        On::Class(name, _) => (Kind::Server, name),
    }
}

const MALFORMED: &str = "the record is not as the gateway writes it";
const MASKED: &str = "the name of the resource may be masked in the record";
const CUT: &str = "a name may be cut in the record";
const ROLES_CUT: &str = "the caller had more roles than the record may hold";
const FORGOTTEN: &str = "the call was open for so long that what it showed is not learned";
const UNKNOWN: &str =
    "what was shown cannot be told from the call: its beginning was not learned from";
