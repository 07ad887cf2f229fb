//! Which classes could be shown to a caller: all others need not be asked about.
//!
//! Most callers hold no scope of any class, and what the configuration makes of `redact.reveal` is
//! one policy for each class of each server. Guarantees: a class that is left out here is one that
//! no policy shows this caller on this server, whatever the circumstances.

use std::sync::Arc;

use super::Policies;
use super::decide::Known;
use super::facts::{Act, Question, Target};
use super::roles::REVEAL_OF;
use super::slices::Index;
use super::text::Rule;

/// A class of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// Its name in policies.
    pub name: Box<str>,
    /// Scopes of which any one shows it, as `redact.reveal` has them.
    pub scopes: Vec<Box<str>>,
}

impl Policies {
    /// The places of the classes that some policy could show to the caller of this question. The
    /// classes of a server are the same ones at every call.
    #[must_use]
    pub fn could_show(&self, question: &Question<'_>, classes: &[Shown]) -> Arc<[usize]> {
        let key = (Known(Arc::clone(question.principal)), question.server.into());
        self.showable.of(key, || {
            let could = |(_, class): &(usize, &Shown)| self.could_show_one(question, class);
            classes.iter().enumerate().filter(could).map(|(at, _)| at).collect()
        })
    }

    fn could_show_one(&self, question: &Question<'_>, class: &Shown) -> bool {
        let scopes = &question.principal.scopes;
        if class.scopes.iter().any(|scope| scopes.contains(scope)) {
            return true;
        }
        if self.reveals.is_empty() {
            return false;
        }
        let target = Target::Class { class: &class.name, tool: None };
        let question = Question { act: Act::Reveal, target, ..*question };
        let Some(subject) = self.subject(&question) else { return false };
        let Some(thing) = self.thing(&question) else { return false };
        let scopes = self.reveals.iter().filter_map(|number| self.index.scope(*number));
        scopes.into_iter().any(|scope| scope.fits(&subject.stands_in, &thing.stands_in))
    }
}

/// The places of the permits that could show a class and were not made of `redact.reveal`: of those
/// it is known when they hold.
pub(super) fn of_others(rules: &[Rule], index: &Index) -> Vec<usize> {
    let own = |rule: &Rule| rule.place.file.starts_with(REVEAL_OF);
    let speaks = |at: usize| index.scope(at).is_some_and(|scope| scope.speaks_of(Act::Reveal));
    let permits = rules.iter().enumerate().filter(|(_, rule)| rule.permits() && !own(rule));
    permits.map(|(at, _)| at).filter(|at| speaks(*at)).collect()
}
