//! How a run is shown: to people with a mark for each check, to programs as JSON.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::finding::{Finding, Outcome, Report};
use super::table::Section;

/// For people: sections, a line for each finding, and below what did not pass, what to do.
#[must_use]
pub fn text(report: &Report) -> String {
    let mut out = String::new();
    for section in Section::ALL {
        let mut own = report.findings.iter().filter(|f| f.check.section() == *section).peekable();
        if own.peek().is_none() {
            continue;
        }
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{}", section.name());
        own.for_each(|finding| line(&mut out, finding));
        out.push('\n');
    }
    let count = |outcome| report.count(outcome);
    let _ = writeln!(
        out,
        "{} passed, {} failed, {}, {} skipped",
        count(Outcome::Passed),
        count(Outcome::Failed),
        counted(count(Outcome::Warning), "warning"),
        count(Outcome::Skipped),
    );
    out
}

fn line(out: &mut String, finding: &Finding) {
    let Finding { check, about, outcome, message, advice } = finding;
    let mark = match outcome {
        Outcome::Passed => '✓',
        Outcome::Warning => '!',
        Outcome::Failed => '✗',
        Outcome::Skipped => '-',
    };
    let skipped = if *outcome == Outcome::Skipped { "skipped: " } else { "" };
    let _ = write!(out, "  {mark} {:20} ", check.name());
    if !about.is_empty() {
        let _ = write!(out, "{about}: ");
    }
    let _ = writeln!(out, "{skipped}{message}");
    if !advice.is_empty() {
        let _ = writeln!(out, "      → {advice}");
    }
}

/// For programs. Names are stable; texts are not.
#[must_use]
pub fn json(report: &Report) -> Value {
    let checks: Vec<Value> = report.findings.iter().map(one).collect();
    json!({
        "schema": "sallyport.doctor/v1",
        "passed": report.count(Outcome::Passed),
        "warnings": report.count(Outcome::Warning),
        "failed": report.count(Outcome::Failed),
        "skipped": report.count(Outcome::Skipped),
        "checks": checks,
    })
}

fn one(finding: &Finding) -> Value {
    let Finding { check, about, outcome, message, advice } = finding;
    json!({
        "section": check.section().name(),
        "check": check.name(),
        "about": about,
        "outcome": outcome.name(),
        "message": message,
        "advice": advice,
    })
}

fn counted(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}
