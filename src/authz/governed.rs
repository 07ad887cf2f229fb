//! The policies of a route: what they are asked, and what their answers mean here.
//!
//! Owns the translation between exchanges and questions to [`crate::policy`]. Guarantees that the
//! candidate set is asked the same question as the live one and that its answer reaches records and
//! metrics only.

use std::borrow::Cow;
use std::sync::Arc;

use crate::call::{Action, Arguments, Call, Name};
use crate::class::{Class, ClassSet};
use crate::config::{CustomClass, Governance, Server};
use crate::decode::Decoded;
use crate::exchange::Exchange;
use crate::policy::facts::{self, Act, Circumstances, Question, Target};
use crate::policy::reveal::Shown;
use crate::policy::text::Denial;
use crate::policy::verdict::{Ruling, Verdict};
use crate::policy::{Judgement, Policies, Tried};
use crate::principal::Principal;

/// The policies of one route.
#[derive(Debug)]
pub(super) struct Governor {
    governance: Arc<Governance>,
    server: Arc<str>,
    /// The classes that the route looks for.
    classes: Vec<Class>,
    /// The same, as policies know them.
    shown: Vec<Shown>,
    /// Whether some denial must look like an unknown name.
    hides: bool,
}

/// Who asks, and under which circumstances.
#[derive(Debug, Clone, Copy)]
pub struct Asker<'a> {
    /// Who.
    pub principal: &'a Arc<Principal>,
    /// Under which circumstances.
    pub around: &'a Circumstances,
}

impl Governor {
    pub(super) fn new(server: &Server, classes: &[Class]) -> Option<Self> {
        let governance = Arc::clone(server.policy.as_ref()?);
        let shown = |class: &Class| {
            let own = server.redact.reveal.iter().filter(|(of, _)| of == class);
            Shown {
                name: CustomClass::class_name(&server.redact.custom, *class).into(),
                scopes: own.flat_map(|(_, scopes)| scopes).cloned().collect(),
            }
        };
        let (shown, classes) = (classes.iter().map(shown).collect(), classes.to_vec());
        let hidden = |rule: &crate::policy::text::Rule| rule.notes.denial == Some(Denial::Hidden);
        let hides =
            governance.denial == Denial::Hidden || governance.live.rules().iter().any(hidden);
        Some(Self { governance, server: Arc::clone(&server.name), classes, shown, hides })
    }

    /// The circumstances of an exchange.
    pub(super) fn around(&self, ex: &Exchange<Decoded>, now_s: u64) -> Circumstances {
        let header = self.governance.risk_header.as_ref().filter(|_| ex.comes_by_a_trusted_peer());
        let header_risk = header.and_then(|name| {
            let mut fields = ex.headers().get_all(name).iter();
            let first = fields.next()?;
            // What cannot be read, or stands twice, is no word that anybody knows: the worst.
            let told = first.to_str().ok().filter(|_| fields.next().is_none());
            Some(Arc::from(told.unwrap_or("unreadable")))
        });
        Circumstances {
            now_s,
            client: Some(ex.client_ip()),
            tls: ex.peer().tls.as_ref().map(|tls| Cow::Borrowed(tls.version)),
            session_opened_s: ex.session().map(|session| session.opened_at_s()),
            header_risk,
            own_risk: None,
            subject: ex.call().subject.as_deref().map(Arc::from),
        }
    }

    /// Asks both sets about one thing of a call.
    pub(super) fn judge(
        &self,
        asker: Asker<'_>,
        (action, name): (Action, Name<'_>),
        arguments: facts::Arguments<'_>,
    ) -> Judgement {
        let question = self.question(asker, Act::Call(action), Target::Name(name), arguments);
        let Governance { live, shadow, denial, risk_header: _ } = &*self.governance;
        let mut verdict = live.decide(&question);
        if let Ruling::Forbid { denial: None, .. } = verdict.ruling {
            let mut shown = Verdict::clone(&verdict);
            if let Ruling::Forbid { denial: looks, .. } = &mut shown.ruling {
                *looks = Some(*denial);
            }
            verdict = Arc::new(shown);
        }
        let tried = shadow.as_ref().map(|shadow| Tried {
            set: Arc::clone(shadow.hash()),
            verdict: shadow.decide(&question),
            reveal: self.reveals(shadow, asker, name),
        });
        let input = facts::written(asker.principal, asker.around);
        Judgement { set: Arc::clone(live.hash()), verdict, shadow: tried, input }
    }

    /// Which classes the caller may see in the answer.
    pub(super) fn reveal(&self, asker: Asker<'_>, name: Name<'_>) -> ClassSet {
        self.reveals(&self.governance.live, asker, name)
    }

    fn reveals(&self, policies: &Policies, asker: Asker<'_>, name: Name<'_>) -> ClassSet {
        let tool = match name {
            Name::Tool(tool) => Some(tool),
            Name::Server | Name::Uri(_) | Name::Prompt(_) | Name::Namespace(_) => None,
        };
        let none = facts::Arguments::None;
        let about = self.question(asker, Act::Reveal, Target::Name(Name::Server), none);
        let could = policies.could_show(&about, &self.shown);
        let may = |shown: &Shown| {
            let target = Target::Class { class: &shown.name, tool };
            policies.decide(&Question { target, ..about }).permits()
        };
        let asked = could.iter().filter(|at| self.shown.get(**at).is_some_and(may));
        asked.filter_map(|at| self.classes.get(*at)).copied().collect()
    }

    /// Whether some call of this kind could be allowed now.
    pub(super) fn could(&self, asker: Asker<'_>, action: Action, name: Name<'_>) -> bool {
        let target = Target::Name(name);
        let none = facts::Arguments::None;
        self.governance.live.could(&self.question(asker, Act::Call(action), target, none))
    }

    /// Names of namespaces of which one stands for each way in which policies tell them apart.
    pub(super) fn namespaces(&self) -> Vec<String> {
        self.governance.live.namespace_samples(&self.server)
    }

    /// Whether some policy tells namespaces apart by the ends of their names.
    pub(super) fn tells_by_end(&self) -> bool {
        self.governance.live.tells_by_end()
    }

    /// What the policies say of one thing.
    pub(super) fn verdict(
        &self,
        asker: Asker<'_>,
        (action, name): (Action, Name<'_>),
        arguments: facts::Arguments<'_>,
    ) -> Arc<Verdict> {
        let question = self.question(asker, Act::Call(action), Target::Name(name), arguments);
        self.governance.live.decide(&question)
    }

    /// Whether a call with these arguments is allowed now.
    pub(super) fn permits(
        &self,
        asker: Asker<'_>,
        (action, name): (Action, Name<'_>),
        arguments: facts::Arguments<'_>,
    ) -> bool {
        self.verdict(asker, (action, name), arguments).permits()
    }

    /// Texts of which one stands for each way in which policies tell resources apart.
    pub(super) fn uris(&self) -> impl Iterator<Item = String> {
        self.governance.live.uri_samples(&self.server).into_iter()
    }

    /// Whether some denial must look like an unknown name.
    pub(super) fn hides(&self) -> bool {
        self.hides
    }

    /// Whether every denial must.
    pub(super) fn hides_all(&self) -> bool {
        self.governance.denial == Denial::Hidden
    }

    /// Scopes that policies ask for, so that challenges may repeat them.
    pub(super) fn scopes(&self) -> impl Iterator<Item = &str> {
        let rules = self.governance.live.rules().iter();
        rules.flat_map(|rule| &rule.notes.step_up).map(AsRef::as_ref)
    }

    fn question<'q>(
        &'q self,
        asker: Asker<'q>,
        act: Act,
        target: Target<'q>,
        arguments: facts::Arguments<'q>,
    ) -> Question<'q> {
        let (principal, circumstances) = (asker.principal, asker.around);
        Question { principal, act, server: &self.server, target, circumstances, arguments }
    }
}

/// The arguments of a call in the form that policies take.
pub(super) fn arguments(call: &Call) -> facts::Arguments<'_> {
    match &call.arguments {
        Arguments::None => facts::Arguments::None,
        Arguments::Query(pairs) => facts::Arguments::Query(pairs),
        Arguments::Rpc | Arguments::Answer | Arguments::Body => {
            call.json_arguments().map_or(facts::Arguments::None, facts::Arguments::Json)
        }
    }
}
