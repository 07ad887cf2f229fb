//! `sallyport policy test`: runs files of cases.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use serde_json::{Value, json};

use super::{governed, say_problems, shown, usage};
use crate::cli::{print, say};
use crate::limits::CASES_BYTES_MAX;
use crate::policy::Policies;
use crate::policy::cases::{CaseFile, Coverage, Failure, Opened, Outcome, run};
use crate::policy::explain::Detail;
use crate::policy::text::Source;

#[derive(Debug, Args)]
pub(super) struct Test {
    /// Files of cases
    #[arg(value_name = "CASES", required = true)]
    files: Vec<PathBuf>,
    /// Test the policies of this configuration, not those that the files name
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print the outcome as JSON
    #[arg(long)]
    json: bool,
}

/// What came of the cases of one set of policies.
#[derive(Default)]
struct Report {
    text: String,
    cases: Vec<Value>,
    coverage: Vec<Value>,
    failed: usize,
}

impl Test {
    pub(super) fn execute(self) -> anyhow::Result<ExitCode> {
        let mut report = Report::default();
        let done = match &self.config {
            Some(config) => {
                let Some((_, governance)) = governed(config)? else { return usage() };
                self.live(&governance.live, config, &mut report)
            }
            None => self.alone(&mut report),
        };
        if done.is_none() {
            return usage();
        }
        if self.json {
            let Report { text: _, cases, coverage, failed } = &report;
            let whole = json!({ "cases": cases, "coverage": coverage, "failed": failed });
            print(&format!("{whole:#}\n"))?;
        } else {
            print(&report.text)?;
        }
        Ok(if report.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    /// All files against one set.
    fn live(&self, policies: &Policies, config: &Path, report: &mut Report) -> Option<()> {
        let mut coverage = Coverage::default();
        for path in &self.files {
            let file = read(path)?;
            if file.stands_alone() {
                let text = "what this file names besides its cases is not used: the configuration \
                            is tested";
                say(&format!("{}: {text}", path.display()));
            }
            report.run(&file, policies, &mut coverage)?;
        }
        report.cover(&config.display().to_string(), policies, &coverage);
        Some(())
    }

    /// Each file against the policies that it names.
    fn alone(&self, report: &mut Report) -> Option<()> {
        for path in &self.files {
            let file = read(path)?;
            let open = |name: &str, bytes_max: usize| open(path, name, bytes_max);
            let parts = file.parts(&open).map_err(|problems| say_problems(&problems)).ok()?;
            let compiled = Policies::compile(parts);
            let (policies, warnings) = compiled.map_err(|problems| say_problems(&problems)).ok()?;
            say_problems(&warnings);
            let mut coverage = Coverage::default();
            report.run(&file, &policies, &mut coverage)?;
            report.cover(&path.display().to_string(), &policies, &coverage);
        }
        Some(())
    }
}

impl Report {
    fn run(&mut self, file: &CaseFile, policies: &Policies, coverage: &mut Coverage) -> Option<()> {
        let cases = file.cases(policies).map_err(|problems| say_problems(&problems)).ok()?;
        let outcomes = run(&cases, policies);
        coverage.add(&outcomes);
        for outcome in &outcomes {
            self.failed += usize::from(!outcome.passes());
            let _ = writeln!(self.text, "{}", shown(&line(outcome, policies)));
            self.cases.push(value(outcome));
        }
        Some(())
    }

    fn cover(&mut self, name: &str, policies: &Policies, coverage: &Coverage) {
        let all = Coverage::counted(policies).len();
        let never = coverage.never(policies);
        let decided = all - never.len();
        let _ = write!(self.text, "{name}: {all} policies, {decided} decided at least one case");
        if !never.is_empty() {
            let _ = write!(self.text, "; never: {}", shown(&never.join(", ")));
        }
        self.text.push('\n');
        self.coverage.push(json!({ "of": name, "policies": all, "never": never }));
    }
}

/// One line, and more where the case fails.
fn line(outcome: &Outcome<'_>, policies: &Policies) -> String {
    let case = outcome.case;
    if outcome.passes() {
        return format!("ok      {}", case.name);
    }
    let place = &case.place;
    let mut text = format!("FAILED  {} ({}:{})", case.name, place.file, place.line);
    for Failure { member, expected, found } in &outcome.failures {
        let _ = write!(text, "\n          {member}: expected {expected}, found {found}");
    }
    let explained = case.given.with(|question| policies.explain(question).text(Detail::Short));
    for line in explained.lines() {
        let _ = write!(text, "\n          {line}");
    }
    text
}

fn value(outcome: &Outcome<'_>) -> Value {
    let case = outcome.case;
    let failures = outcome.failures.iter().map(|Failure { member, expected, found }| {
        json!({ "member": member, "expected": expected, "found": found })
    });
    json!({
        "name": case.name,
        "file": &*case.place.file,
        "line": case.place.line,
        "passes": outcome.passes(),
        "decision": outcome.verdict.name(),
        "why": outcome.verdict.why(),
        "policies": outcome.verdict.policies.iter().map(AsRef::as_ref).collect::<Vec<&str>>(),
        "failures": failures.collect::<Vec<_>>(),
    })
}

fn read(path: &Path) -> Option<CaseFile> {
    let read = bounded(path, CASES_BYTES_MAX).and_then(|bytes| {
        String::from_utf8(bytes).map_err(|_| format!("`{}` is not UTF-8 text", path.display()))
    });
    let text = read.map_err(|why| say(&format!("sallyport: {}", shown(&why)))).ok()?;
    let source = Source { name: path.display().to_string().into(), text: text.into() };
    CaseFile::read(&source).map_err(|problems| say_problems(&problems)).ok()
}

/// A file that is named relative to a file of cases.
fn open(cases: &Path, name: &str, bytes_max: usize) -> Result<Opened, String> {
    let path = cases.parent().unwrap_or(Path::new("")).join(name);
    let name: Arc<str> = path.display().to_string().into();
    Ok(Opened { name, bytes: bounded(&path, bytes_max)? })
}

fn bounded(path: &Path, bytes_max: usize) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let file = File::open(path).and_then(|file| {
        file.take(u64::try_from(bytes_max).unwrap_or(u64::MAX).saturating_add(1))
            .read_to_end(&mut bytes)
    });
    match file {
        Ok(_) if bytes.len() > bytes_max => {
            Err(format!("`{}` is larger than {bytes_max} bytes", path.display()))
        }
        Ok(_) => Ok(bytes),
        Err(error) => Err(format!("`{}` cannot be read: {error}", path.display())),
    }
}
