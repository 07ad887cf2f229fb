//! An explanation as text and as JSON.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{Condition, Explanation, Reading, State};

/// How much is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// What decided, and what would change it.
    Short,
    /// Every policy that speaks of the question, with the texts of those that decided.
    Full,
}

impl Explanation<'_> {
    /// For people.
    #[must_use]
    pub fn text(&self, detail: Detail) -> String {
        let mut out = String::new();
        let verdict = &self.verdict;
        let why = verdict.why().map(|why| format!(" ({why})")).unwrap_or_default();
        let _ = writeln!(out, "{}{why}: {} on {}", verdict.name(), self.action, self.resource);
        let _ = write!(out, "  caller: {}", self.caller.name);
        if !self.caller.stands_in.is_empty() {
            let _ = write!(out, " in {}", self.caller.stands_in.join(", "));
        }
        out.push('\n');
        for obligation in verdict.obligations() {
            let _ = writeln!(out, "  obligation: {obligation}");
        }
        for alert in &verdict.alerts {
            let _ = writeln!(out, "  alert: {alert}");
        }
        let (decided, others): (Vec<_>, Vec<_>) =
            self.readings.iter().partition(|reading| reading.decided);
        let heading = if decided.is_empty() { "decided by no policy" } else { "decided by" };
        let _ = writeln!(out, "{heading}");
        for reading in decided {
            reading.write(&mut out, detail);
        }
        if detail == Detail::Full && !others.is_empty() {
            out.push_str("also speak of it\n");
            for reading in others {
                reading.write(&mut out, Detail::Short);
            }
        }
        if !self.changes.is_empty() {
            out.push_str("what would change it\n");
            for change in &self.changes {
                let _ = writeln!(out, "  {change}");
            }
        }
        out
    }

    /// For programs.
    #[must_use]
    pub fn json(&self) -> Value {
        let verdict = &self.verdict;
        json!({
            "decision": verdict.name(),
            "why": verdict.why(),
            "policies": verdict.policies.iter().map(AsRef::as_ref).collect::<Vec<&str>>(),
            "obligations": verdict.obligations(),
            "alerts": verdict.alerts.iter().map(AsRef::as_ref).collect::<Vec<&str>>(),
            "caller": self.caller.name,
            "stands_in": self.caller.stands_in,
            "action": self.action,
            "resource": self.resource,
            "readings": self.readings.iter().map(Reading::json).collect::<Vec<_>>(),
            "changes": self.changes,
        })
    }
}

impl Reading<'_> {
    fn effect(&self) -> &'static str {
        if self.rule.permits() { "permit" } else { "forbid" }
    }

    fn write(&self, out: &mut String, detail: Detail) {
        let place = &self.rule.place;
        let (id, effect) = (&self.rule.id, self.effect());
        let _ = writeln!(out, "  {id}  {effect}  {}:{}", place.file, place.line);
        if detail == Detail::Full {
            for line in self.rule.text().lines() {
                let _ = writeln!(out, "    | {line}");
            }
        }
        if let Some(lacks) = &self.lacks {
            let _ = writeln!(out, "    scope   {lacks}");
            return;
        }
        for condition in &self.conditions {
            condition.write(out);
        }
        for need in &self.needs {
            let _ = writeln!(out, "    needs   {need}");
        }
    }

    fn json(&self) -> Value {
        json!({
            "policy": &*self.rule.id,
            "effect": self.effect(),
            "file": &*self.rule.place.file,
            "line": self.rule.place.line,
            "text": self.rule.text(),
            "decided": self.decided,
            "lacks": self.lacks,
            "conditions": self.conditions.iter().map(Condition::json).collect::<Vec<_>>(),
            "needs": self.needs,
        })
    }
}

impl Condition {
    fn write(&self, out: &mut String) {
        let word = self.state.name();
        let unless = if self.unless { "unless " } else { "" };
        let _ = writeln!(out, "    {word:<7} {unless}{}", self.text);
        if let State::Broken(why) = &self.state {
            let _ = writeln!(out, "              {why}");
        }
        for (path, value) in &self.values {
            let _ = writeln!(out, "              {path} = {value}");
        }
    }

    fn json(&self) -> Value {
        let broken = match &self.state {
            State::Broken(why) => Some(why),
            State::Met | State::Unmet | State::Unread => None,
        };
        let values =
            self.values.iter().map(|(path, value)| json!({ "path": path, "value": value }));
        json!({
            "text": self.text,
            "unless": self.unless,
            "state": self.state.name(),
            "error": broken,
            "values": values.collect::<Vec<_>>(),
            "open": self.open,
        })
    }
}
