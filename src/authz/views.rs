//! What of an answer its caller may see: fields, and namespaces.
//!
//! Owns the choice of a view for a call, and the answer whether a namespace may pass. Guarantees
//! that a call for which views exist is refused to callers whom none of them fits; that what passes
//! is the intersection of what was asked for and what rules and policies allow, whatever the server
//! sends.

use super::governed::Governor;
use super::{Asker, Authorizer};
use crate::call::{Action, Call, Resource};
use crate::config::{self, ViewOf};
use crate::glob::Glob;
use crate::json::{Edit, Kind, Value};
use crate::policy::facts;
use crate::principal::Principal;
use crate::reject::{Code, Rejection};
use crate::view::{Namespaces, Verdict, View, Wanted};

/// The views of one route.
#[derive(Debug, Default)]
pub(super) struct Views(Vec<(Calls, config::View)>);

#[derive(Debug)]
enum Calls {
    Tool(Glob),
    Action(Action),
}

/// The view of one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    at: usize,
    wanted: Wanted,
}

/// What one of two authorities says of a namespace, by itself and by what it stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Says {
    /// It may pass.
    Yes,
    /// It may not, nor anything in it.
    No,
    /// Nothing: what stands outside decides.
    Nothing,
}

impl Views {
    pub(super) fn new(views: &[config::View]) -> Self {
        let calls = |view: &config::View| match &view.of {
            ViewOf::Tool(glob) => Calls::Tool(Glob::new(glob)),
            ViewOf::Action(action) => Calls::Action(*action),
        };
        Self(views.iter().map(|view| (calls(view), view.clone())).collect())
    }

    /// The first view that fits a call and its caller; `None` where no view is about the call.
    ///
    /// # Errors
    /// [`Code::Denied`] when views are about the call and none is about the caller,
    /// [`Code::ParamsInvalid`] when the namespaces that are asked for cannot be read.
    pub(super) fn choose(
        &self,
        call: &Call,
        principal: &Principal,
    ) -> Result<Option<Chosen>, Rejection> {
        let about = |calls: &Calls| match (calls, &call.resource) {
            (Calls::Tool(glob), Resource::Tool(name)) => {
                call.action == Action::ToolsInvoke && glob.matches(name)
            }
            (Calls::Action(action), _) => *action == call.action,
            (Calls::Tool(_), _) => false,
        };
        let mut fitting =
            self.0.iter().enumerate().filter(|(_, (calls, _))| about(calls)).peekable();
        if fitting.peek().is_none() {
            return Ok(None);
        }
        let held = |role: &str| principal.roles.iter().any(|held| **held == *role);
        let found = fitting.find(|(_, (_, view))| {
            view.roles.is_empty() || view.roles.iter().any(|role| held(role))
        });
        let Some((at, (_, view))) = found else {
            let mut refusal =
                Rejection::new(Code::Denied, "no view lets this caller see the answer");
            refusal.reason = Some("no_view");
            return Err(refusal);
        };
        let wanted = match &view.namespaces {
            Some(namespaces) => wanted(call, namespaces.wanted.as_deref())?,
            None => Wanted::default(),
        };
        Ok(Some(Chosen { at, wanted }))
    }

    /// Whether this view cuts the answers to an action by namespace, so that a call may ask for
    /// several. What another view of the action does is no matter: nothing would cut this answer.
    pub(super) fn selects(&self, chosen: &Chosen) -> bool {
        self.0.get(chosen.at).is_some_and(|(calls, view)| {
            matches!(calls, Calls::Action(_)) && view.namespaces.is_some()
        })
    }
}

/// The namespaces that a call asks for.
fn wanted(call: &Call, pointer: Option<&str>) -> Result<Wanted, Rejection> {
    let malformed = || Rejection::new(Code::ParamsInvalid, "the namespaces cannot be read");
    let read = |values: &[String]| {
        Wanted::parse(values.iter().map(String::as_str)).map_err(|_| malformed())
    };
    match (&call.resource, pointer) {
        (Resource::Namespace(name), _) => read(&[name.to_string()]),
        (_, None) => Ok(Wanted::default()),
        (_, Some(pointer)) => match call.json_arguments().and_then(|all| all.pointer(pointer)) {
            None => Ok(Wanted::default()),
            Some(value) => read(&texts(value).ok_or_else(malformed)?),
        },
    }
}

/// One text or a list of them. An empty list asks for nothing in particular, which is not nothing.
fn texts(value: Value<'_>) -> Option<Vec<String>> {
    match value.kind() {
        Kind::String => Some(vec![value.as_str()?.into_owned()]),
        Kind::Array => {
            let all: Option<Vec<String>> =
                value.items().map(|item| item.as_str().map(|text| text.into_owned())).collect();
            all.filter(|all| !all.is_empty())
        }
        Kind::Object | Kind::Number | Kind::True | Kind::False | Kind::Null => None,
    }
}

impl Authorizer {
    /// What to remove from the result of a tool.
    ///
    /// # Errors
    /// [`Code::UpstreamInvalid`] when it cannot be read.
    pub fn cut_result(
        &self,
        asker: Asker<'_>,
        chosen: &Chosen,
        result: Value<'_>,
    ) -> Result<Vec<Edit>, Rejection> {
        self.with_view(asker, chosen, Action::ContextRead, |view| view.cut_result(result))
            .map_err(|error| Rejection::new(Code::UpstreamInvalid, error.to_string()))
    }

    /// What to remove from a REST answer.
    #[must_use]
    pub fn cut_rest(
        &self,
        asker: Asker<'_>,
        (chosen, action): (&Chosen, Action),
        root: Value<'_>,
    ) -> Vec<Edit> {
        self.with_view(asker, chosen, action, |view| view.cut_rest(root))
    }

    fn with_view<R>(
        &self,
        asker: Asker<'_>,
        chosen: &Chosen,
        action: Action,
        cut: impl FnOnce(&View<'_>) -> R,
    ) -> R {
        let allowed =
            |name: &str| chosen.wanted.meets(name).and(self.namespace(asker, action, name));
        let config = self.views.0.get(chosen.at).map(|(_, view)| view);
        let projection = config.and_then(|view| view.projection.as_ref());
        let of_config = config.and_then(|view| view.namespaces.as_ref());
        let nothing = |_: &str| Verdict::Nothing;
        let mut view = match (projection, of_config) {
            (Some(projection), Some(own)) => {
                let namespaces = Namespaces { member: &own.member, allowed: &allowed };
                View::of_both(projection, namespaces)
            }
            (Some(projection), None) => View::of_projection(projection),
            (None, Some(own)) => {
                View::of_namespaces(Namespaces { member: &own.member, allowed: &allowed })
            }
            // A view without either shows nothing; the configuration admits none.
            (None, None) => {
                let none = Namespaces { member: "namespace", allowed: &nothing };
                return cut(&View::of_namespaces(none));
            }
        };
        if let Some(places) = config.and_then(|view| view.at.as_ref()) {
            view = view.at(places);
        }
        if let Some(beside) = config.and_then(|view| view.beside.as_ref()) {
            view = view.beside(beside);
        }
        cut(&view)
    }

    /// What rules and policies say of a namespace together.
    fn namespace(&self, asker: Asker<'_>, action: Action, name: &str) -> Verdict {
        match self.say(asker, action, name) {
            Says::No => Verdict::Nothing,
            Says::Yes if self.differs_inside(asker, action, name) => Verdict::Each,
            Says::Yes => Verdict::Whole,
            // Gone through only where something could come of it: an empty object tells a name.
            Says::Nothing if self.opens_inside(asker, action, name) => Verdict::Descend,
            Says::Nothing => Verdict::Nothing,
        }
    }

    fn say(&self, asker: Asker<'_>, action: Action, name: &str) -> Says {
        let by_rules = |name: &str| self.rules.says(asker.principal, name);
        let by_policies = |name: &str| match &self.governor {
            Some(governor) => governor.says(asker, action, name),
            None => Says::Yes,
        };
        match (inherited(name, by_rules), inherited(name, by_policies)) {
            (Says::No, _) | (_, Says::No) => Says::No,
            (Says::Yes, Says::Yes) => Says::Yes,
            (_, _) => Says::Nothing,
        }
    }

    /// Whether something inside a namespace that may not pass as a whole could.
    fn opens_inside(&self, asker: Asker<'_>, action: Action, name: &str) -> bool {
        let prefix = format!("{name}.");
        let mut below = self.namespaces.iter().filter(|one| one.starts_with(&prefix));
        self.tells_by_end || below.any(|one| self.say(asker, action, one) == Says::Yes)
    }

    /// Whether something inside a namespace that may pass could be refused.
    fn differs_inside(&self, asker: Asker<'_>, action: Action, name: &str) -> bool {
        let prefix = format!("{name}.");
        let refused = |inner: &String| {
            let policies =
                self.governor.as_ref().map(|governor| governor.says(asker, action, inner));
            self.rules.says(asker.principal, inner) == Says::No || policies == Some(Says::No)
        };
        self.tells_by_end
            || self.namespaces.iter().filter(|one| one.starts_with(&prefix)).any(refused)
    }

    /// Whether a request that selects namespaces may be sent at all: whether something of what it
    /// asks for could pass.
    pub(super) fn selects_something(
        &self,
        asker: Asker<'_>,
        action: Action,
        chosen: &Chosen,
    ) -> bool {
        let inside = |name: &str| {
            let prefix = format!("{name}.");
            let below = self.namespaces.iter().filter(|one| one.starts_with(&prefix));
            below.chain([&name.to_owned()]).any(|one| {
                matches!(self.namespace(asker, action, one), Verdict::Whole | Verdict::Each)
            })
        };
        chosen.wanted.is_empty() || chosen.wanted.iter().any(inside)
    }
}

/// What the innermost says that says anything; a refusal outside is a refusal inside.
fn inherited(name: &str, says: impl Fn(&str) -> Says) -> Says {
    let ends = name.match_indices('.').map(|(at, _)| at).chain([name.len()]);
    let mut so_far = Says::Nothing;
    for end in ends {
        match name.get(..end).map(&says) {
            Some(Says::Yes) => so_far = Says::Yes,
            Some(Says::Nothing) => {}
            Some(Says::No) | None => return Says::No,
        }
    }
    so_far
}

impl Governor {
    /// What the policies say of a namespace by its own name.
    fn says(&self, asker: Asker<'_>, action: Action, name: &str) -> Says {
        use crate::call::Name;
        use crate::policy::verdict::{Ruling, Why};
        let none = facts::Arguments::None;
        match &self.verdict(asker, (action, Name::Namespace(name)), none).ruling {
            Ruling::Permit { .. } => Says::Yes,
            Ruling::Forbid { why: Why::NoPermit, .. } => Says::Nothing,
            Ruling::Forbid { .. } | Ruling::StepUp { .. } | Ruling::Stale { .. } => Says::No,
        }
    }
}

/// Names of namespaces that stand for the ways in which rules and policies tell them apart.
pub(super) fn samples(rules: &[config::Rule], governor: Option<&Governor>) -> Vec<String> {
    let of_rules = rules.iter().flat_map(|rule| {
        ["x", "x.x"].map(|fill| rule.pattern.replace('*', fill).replace('?', "x"))
    });
    of_rules.chain(governor.into_iter().flat_map(Governor::namespaces)).collect()
}

/// Whether a rule or a policy tells names apart by their ends, so that inside of every namespace
/// something could be judged otherwise.
pub(super) fn tell_by_end(rules: &[config::Rule], governor: Option<&Governor>) -> bool {
    // What stands behind a wildcard may stand at any depth.
    let by_end = |rule: &config::Rule| rule.pattern.trim_end_matches('*').contains(['*', '?']);
    rules.iter().any(by_end) || governor.is_some_and(Governor::tells_by_end)
}
