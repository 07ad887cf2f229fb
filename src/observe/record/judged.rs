//! What policies said of a call, in its record and in metrics, and what they would say again: enough
//! to ask them, or others, later.

use super::super::line::cut;
use super::{Line, Record};
use crate::authz::Grant;
use crate::class::ClassSet;
use crate::json;
use crate::limits;
use crate::policy::Judgement;
use crate::policy::verdict::Verdict;
use crate::principal::Principal;
use crate::screen::Deeds;

/// The judgement of a call, and what of the answer it let the caller see.
#[derive(Debug)]
pub(super) struct Judged {
    judgement: Box<Judgement>,
    /// Classes that the caller was shown.
    reveal: ClassSet,
}

impl Record {
    /// The server that is called, once it is known.
    #[must_use]
    pub fn server(&self) -> Option<&str> {
        self.server.as_deref()
    }

    /// Who calls, once that is known.
    #[must_use]
    pub fn principal(&self) -> Option<&Principal> {
        self.principal.as_deref()
    }

    /// The call may go on.
    pub fn permitted(&mut self, grant: &Grant) {
        self.rule.clone_from(&grant.rule);
        let Some(judgement) = &grant.judgement else { return };
        self.judge(judgement.clone(), grant.reveal);
    }

    pub(super) fn judge(&mut self, judgement: Box<Judgement>, reveal: ClassSet) {
        if let Some(route) = &self.route {
            route.judged(&judgement);
        }
        let server = self.server.as_deref().unwrap_or_default();
        for alert in &judgement.verdict.alerts {
            let (request_id, policies) = (&*self.request_id, judgement.verdict.policies.join(" "));
            tracing::warn!(server, request_id, policies, alert = &**alert, "a policy alerts");
        }
        self.judged = Some(Judged { judgement, reveal });
    }

    pub(super) fn write_judged(&self, line: &mut Line) {
        let Some(Judged { judgement, reveal: _ }) = &self.judged else { return };
        let Judgement { set, verdict, shadow, input } = &**judgement;
        let mut out = Vec::with_capacity(256);
        out.extend_from_slice(b"{\"set\":");
        json::write_string(&mut out, set);
        write_verdict(&mut out, verdict);
        if let Some(tried) = shadow {
            out.extend_from_slice(b",\"shadow\":{\"set\":");
            json::write_string(&mut out, &tried.set);
            write_verdict(&mut out, &tried.verdict);
            out.push(b'}');
        }
        out.push(b'}');
        line.raw("policy", &out);
        if !input.is_empty() {
            line.raw("policy_input", input);
        }
        if self.call.as_ref().is_some_and(|call| call.params_masked) {
            line.raw("params_masked", b"true");
        }
    }

    /// What the candidates would have shown or masked otherwise, as counts of values by class.
    pub(super) fn write_tried(&self, line: &mut Line, outcome: &Deeds) {
        let Some(Judged { judgement, reveal, .. }) = &self.judged else { return };
        let Some(tried) = &judgement.shadow else { return };
        let masked = || outcome.revealed.iter().filter(|(class, _)| !tried.reveal.contains(*class));
        let shown = || {
            let also = |class| tried.reveal.contains(class) && !reveal.contains(class);
            outcome.redacted.iter().filter(move |(class, _)| also(*class))
        };
        let named = |(class, count)| (outcome.name_of(class), u64::from(count));
        line.counts("shadow_redactions", masked().map(named));
        line.counts("shadow_revealed", shown().map(named));
        if let Some(route) = &self.route {
            let count = |(_, count)| u64::from(count);
            route.tried(masked().map(count).sum(), shown().map(count).sum());
        }
    }
}

fn write_verdict(out: &mut Vec<u8>, verdict: &Verdict) {
    out.extend_from_slice(b",\"decision\":");
    json::write_string(out, verdict.name());
    if let Some(why) = verdict.why() {
        out.extend_from_slice(b",\"why\":");
        json::write_string(out, why);
    }
    list(out, ",\"policies\":[", verdict.policies.iter().map(AsRef::as_ref));
    list(out, ",\"obligations\":[", verdict.obligations().iter().map(String::as_str));
    list(out, ",\"alerts\":[", verdict.alerts.iter().map(AsRef::as_ref));
    list(out, ",\"audit\":[", verdict.audit.iter().map(AsRef::as_ref));
}

fn list<'a>(out: &mut Vec<u8>, opening: &str, items: impl Iterator<Item = &'a str>) {
    let mut items = items.take(limits::POLICIES_NAMED_MAX).peekable();
    if items.peek().is_none() {
        return;
    }
    out.extend_from_slice(opening.as_bytes());
    for (i, item) in items.enumerate() {
        if i > 0 {
            out.push(b',');
        }
        json::write_string(out, cut(item, limits::AUDIT_TEXT_BYTES_MAX));
    }
    out.push(b']');
}
