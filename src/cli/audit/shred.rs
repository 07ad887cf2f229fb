//! `sallyport audit shred`, and the keys with which other commands open sealed names.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::super::{print, say};
use super::usage;
use crate::audit::{
    self, HOLDS_FILE, Options, Person, Request, Sealer, ShredError, SubjectError, Subjects,
};

#[derive(Debug, Args)]
pub(super) struct Shred {
    /// Audit directory
    path: PathBuf,
    /// The person, as `user_id` or `subject` had the name
    #[arg(
        long,
        visible_alias = "subject",
        value_name = "NAME",
        required_unless_present = "finish"
    )]
    person: Option<String>,
    /// Whose word that name is, where several issuers know it; `none` for API keys, certificates
    /// and records from before issuers counted
    #[arg(long, value_name = "URL", requires = "person")]
    issuer: Option<String>,
    /// Why, as the log will tell it for good: without the name
    #[arg(long, value_name = "TEXT", required_unless_present = "finish")]
    reason: Option<String>,
    /// Who asks
    #[arg(long, value_name = "NAME", required_unless_present = "finish")]
    by: Option<String>,
    /// Only finish what was cut short
    #[arg(long, conflicts_with_all = ["person", "reason", "by"])]
    finish: bool,
    /// Folder of the keys
    #[arg(long, value_name = "DIR")]
    subject_keys: PathBuf,
    /// The key that wraps them
    #[arg(long, value_name = "FILE")]
    master_key: PathBuf,
    /// The file of legal holds; by default `holds` in the directory, where there is one
    #[arg(long, value_name = "FILE")]
    holds: Option<PathBuf>,
    /// The log's signing key, where it is not in the directory
    #[arg(long, value_name = "FILE")]
    signing_key: Option<PathBuf>,
}

impl Shred {
    pub(super) fn execute(self) -> anyhow::Result<ExitCode> {
        let holds = match &self.holds {
            Some(named) => audit::load_holds(named, false)?,
            None => audit::load_holds(&self.path.join(HOLDS_FILE), true)?,
        };
        let subjects = Subjects { keys: self.subject_keys, master_key: self.master_key };
        let options = Options { signing_key: self.signing_key, ..Options::new(self.path) };
        let done = match (&self.person, &self.reason, &self.by) {
            (Some(name), Some(reason), Some(by)) => {
                let person = Person { name, issuer: self.issuer.as_deref() };
                audit::shred(&options, &subjects, Request { person, reason, by }, &holds)
            }
            _ => audit::finish_shredding(&options, &subjects),
        };
        let done = match done {
            Err(error @ ShredError::Held(_)) => {
                say(&format!("sallyport: {error}"));
                return Ok(ExitCode::from(HELD));
            }
            Err(ShredError::Subjects(error @ SubjectError::Ambiguous(_))) => {
                return usage(&error.to_string());
            }
            done => done?,
        };
        for one in done {
            print(&format!("the key {} is destroyed; record {} says so\n", one.key, one.seq))?;
        }
        say("not reached: copies of the key folder, and whatever was opened and kept elsewhere");
        Ok(ExitCode::SUCCESS)
    }
}

/// Keys with which a command opens sealed names.
#[derive(Debug, Args)]
pub(super) struct Open {
    /// Folder of the keys that open sealed names
    #[arg(long, value_name = "DIR", requires = "master_key")]
    subject_keys: Option<PathBuf>,
    /// The key that wraps them
    #[arg(long, value_name = "FILE", requires = "subject_keys")]
    master_key: Option<PathBuf>,
    /// Records that are sealed under the key of this person
    #[arg(long, value_name = "NAME", requires = "subject_keys")]
    person: Option<String>,
    /// Whose word that name is, where several issuers know it; `none` for no issuer's
    #[arg(long, value_name = "URL", requires = "person")]
    issuer: Option<String>,
}

/// What opens, and the key that records must name.
type Opening = (Option<Sealer>, Option<String>);

impl Open {
    /// Whether anything is to be opened.
    pub(super) fn is_asked(&self) -> bool {
        self.subject_keys.is_some()
    }

    /// What the arguments open; an exit code where they name nobody.
    pub(super) fn keys(self) -> anyhow::Result<Result<Opening, ExitCode>> {
        let (Some(keys), Some(master_key)) = (self.subject_keys, self.master_key) else {
            return Ok(Ok((None, None)));
        };
        let sealer = Sealer::reader(&Subjects { keys, master_key })?;
        let Some(person) = self.person else { return Ok(Ok((Some(sealer), None))) };
        match sealer.id_of(Person { name: &person, issuer: self.issuer.as_deref() }) {
            Ok(Some(id)) => Ok(Ok((Some(sealer), Some(id)))),
            Ok(None) => usage("this person has no key, or has it no more").map(Err),
            Err(error @ SubjectError::Ambiguous(_)) => usage(&error.to_string()).map(Err),
            Err(error) => Err(error.into()),
        }
    }
}

/// A legal hold forbids it.
const HELD: u8 = 4;
