//! What came of a trail, for people and for programs.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::super::text::Rule;
use super::{Compared, Coverage, Left, Said};

impl Compared {
    /// For people.
    #[must_use]
    pub fn text(&self) -> String {
        let Self { same, different, changes, more, left } = self;
        let mut out = format!(
            "{}: {same} with the same answer, {different} with another\n",
            counted(self.asked(), "call was asked", "calls were asked")
        );
        // The most frequent change first.
        let mut ordered: Vec<_> = changes.iter().collect();
        ordered.sort_by_key(|(_, (count, _))| std::cmp::Reverse(*count));
        for (change, (count, example)) in ordered {
            let calls = counted(*count, "call", "calls");
            let _ = writeln!(out, "\n{}: {calls}, such as {example}", change.kind());
            let _ = writeln!(out, "  before: {}", one(&change.before));
            let _ = writeln!(out, "  after:  {}", one(&change.after));
        }
        if *more > 0 {
            let _ = writeln!(out, "\n{more} more calls with still other changes");
        }
        out.push_str(&left_text(left));
        out
    }

    /// For programs.
    #[must_use]
    pub fn json(&self) -> Value {
        let Self { same, different, changes, more, left } = self;
        let changes = changes.iter().map(|(change, (count, example))| {
            json!({
                "kind": change.kind(),
                "class": change.class.as_deref(),
                "count": count,
                "example": example,
                "before": value(&change.before),
                "after": value(&change.after),
            })
        });
        json!({
            "asked": self.asked(),
            "same": same,
            "different": different,
            "changes": changes.collect::<Vec<_>>(),
            "more": more,
            "not_asked": left_json(left),
        })
    }
}

impl Coverage<'_> {
    /// For people: every policy, the busiest first.
    #[must_use]
    pub fn text(&self) -> String {
        let mut all: Vec<(&Rule, u64)> = self.policies().collect();
        all.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let digits = all.iter().map(|(_, count)| count.to_string().len()).max().unwrap_or(1);
        let mut out = String::new();
        for (rule, count) in all {
            let (file, line) = (&rule.place.file, rule.place.line);
            let _ = writeln!(out, "{count:>digits$}  {}  {file}:{line}", rule.id);
        }
        let _ = writeln!(out, "\n{}", self.asked_text());
        out.push_str(&left_text(&self.left));
        out
    }

    /// For people: the policies that decided nothing.
    #[must_use]
    pub fn unused_text(&self) -> String {
        let mut out = String::new();
        for rule in self.unused() {
            let (file, line) = (&rule.place.file, rule.place.line);
            let _ = writeln!(out, "{file}:{line}: `{}` decided no call", rule.id);
        }
        let none = if out.is_empty() { ", and each policy decided one" } else { "" };
        let _ = writeln!(out, "{}{none}", self.asked_text());
        out.push_str(&left_text(&self.left));
        out
    }

    fn asked_text(&self) -> String {
        let calls = counted(self.asked + self.by_record, "call was asked", "calls were asked");
        match self.by_record {
            0 => calls,
            some => format!("{calls}, {some} of them by what their record says"),
        }
    }

    /// For programs: all policies.
    #[must_use]
    pub fn json(&self) -> Value {
        self.json_of(self.policies())
    }

    /// For programs: the policies that decided nothing.
    #[must_use]
    pub fn unused_json(&self) -> Value {
        self.json_of(self.unused().into_iter().map(|rule| (rule, 0)))
    }

    fn json_of<'r>(&self, rules: impl Iterator<Item = (&'r Rule, u64)>) -> Value {
        let policies = rules.map(|(rule, count)| {
            let (file, line) = (&*rule.place.file, rule.place.line);
            json!({ "id": &*rule.id, "file": file, "line": line, "calls": count })
        });
        json!({
            "policies": policies.collect::<Vec<_>>(),
            "asked": self.asked,
            "by_record": self.by_record,
            "not_asked": left_json(&self.left),
        })
    }
}

fn one(said: &Said) -> String {
    let Said { decision, why, obligations, policies } = said;
    let mut out = decision.to_string();
    if let Some(why) = why {
        let _ = write!(out, " ({why})");
    }
    if !policies.is_empty() {
        let _ = write!(out, " by {}", policies.join(", "));
    }
    if !obligations.is_empty() {
        let _ = write!(out, " with {}", obligations.join(", "));
    }
    out
}

fn value(said: &Said) -> Value {
    let Said { decision, why, obligations, policies } = said;
    json!({ "decision": decision, "why": why, "obligations": obligations, "policies": policies })
}

fn left_text(left: &Left) -> String {
    let mut out = String::new();
    for (why, (count, example)) in left {
        let calls = counted(*count, "call", "calls");
        let word = if why.is_inexact() { "cannot be asked exactly" } else { "not asked" };
        let _ = writeln!(out, "\n{word}: {calls}, such as {example}\n  {why}");
    }
    out
}

fn left_json(left: &Left) -> Value {
    let all = left.iter().map(|(why, (count, example))| {
        json!({
            "reason": why.name(),
            "text": why.to_string(),
            "inexact": why.is_inexact(),
            "count": count,
            "example": example,
        })
    });
    all.collect()
}

fn counted(count: u64, one: &str, many: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {many}") }
}
