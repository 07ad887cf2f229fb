//! `sallyport redact`: the redaction of answers, on files and streams, to try and to tune it.
//!
//! Redacted text goes to stdout (or into a folder), the report to stderr. Files up to
//! [`REDACT_WHOLE_BYTES_MAX`] are judged as a whole answer is; larger ones, and what comes through a
//! pipe with `--stream`, pass in windows of a few KiB.

mod choice;
mod diff;
mod engine;
mod input;
mod report;

use std::fs::{self, File};
use std::io::{self, IsTerminal as _, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use bytes::Bytes;
use clap::{Args, ValueEnum};

use super::progress::Progress;
use super::{FAILED, USAGE, say};
use crate::inspect::hidden::spelled_out;
use crate::limits::REDACT_WHOLE_BYTES_MAX;
use choice::{Choice, Choose};
use engine::{Format, Redacted};
use input::{Input, Tree};
use report::{Left, Reporter};

#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 done, 1 something was found (with --check), 2 wrong usage or \
                  configuration, 3 some of the input could not be read or is not what --format says; \
                  the rest was redacted.\n\n\
                  Examples:\n  \
                  sallyport redact answer.json                       redacted to stdout, report to stderr\n  \
                  tail -f app.log | sallyport redact --stream        as it comes, in bounded memory\n  \
                  sallyport redact --check samples/                  what is found; exit 1 if anything\n  \
                  sallyport redact --diff --config sallyport.yaml --server crm answer.json\n  \
                  sallyport redact --explain --classes email,card answer.json"
)]
pub(super) struct Redact {
    /// Files and folders; stdin where there are none, and for `-`
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Write what is redacted into this folder, under the same names; nothing is overwritten
    #[arg(long, value_name = "DIR", conflicts_with_all = ["diff", "check"])]
    out: Option<PathBuf>,
    #[command(flatten)]
    choose: Choose,
    /// How to read the input
    #[arg(long, value_enum, default_value_t = Format::Auto)]
    format: Format,
    /// The report on stderr; `json` is one object a line for each input
    #[arg(long, value_enum, default_value_t = Report::Text)]
    report: Report,
    /// Print what would change instead of the result (shows the values)
    #[arg(long)]
    diff: bool,
    /// Print no redacted text, and end with 1 when something was found
    #[arg(long, conflicts_with = "diff")]
    check: bool,
    /// Say of each find what spoke for it, and of what was passed over what it lacks
    #[arg(long, conflicts_with = "stream")]
    explain: bool,
    /// Show the values that were found in the report
    #[arg(long, conflicts_with = "stream")]
    show_values: bool,
    /// Give out stdin as it comes, in bounded memory: the report counts by class and path alone
    #[arg(long, conflicts_with_all = ["diff", "out"])]
    stream: bool,
}

/// What is said of what was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Report {
    Text,
    Json,
    None,
}

/// What became of all inputs.
#[derive(Debug, Default)]
struct Verdict {
    found: bool,
    left_out: bool,
}

impl Redact {
    pub(super) fn execute(&self) -> anyhow::Result<ExitCode> {
        let choice = match self.choose.choice(self.explain) {
            Ok(choice) => choice,
            Err(problem) => {
                say(&problem);
                return Ok(ExitCode::from(USAGE));
            }
        };
        if let Some(problem) = self.misused() {
            say(&problem);
            return Ok(ExitCode::from(USAGE));
        }
        let total =
            if io::stderr().is_terminal() { self.inputs().map(|i| i.bytes()).sum() } else { 0 };
        let mut run = Run {
            args: self,
            reporter: Reporter::new(&choice, self.report, self.explain, self.show_values),
            choice: &choice,
            progress: Progress::new(total),
            read: 0,
            verdict: Verdict::default(),
        };
        for input in self.inputs() {
            if !run.input(&input)? {
                break;
            }
        }
        run.progress.clear();
        run.reporter.end();
        Ok(match run.verdict {
            Verdict { left_out: true, .. } => ExitCode::from(LEFT_OUT),
            Verdict { found: true, .. } if self.check => ExitCode::from(FAILED),
            Verdict { .. } => ExitCode::SUCCESS,
        })
    }

    fn inputs(&self) -> impl Iterator<Item = Input> {
        let stdin = self.files.is_empty().then_some(Input::Stdin).into_iter();
        stdin.chain(self.files.iter().flat_map(|file| Tree::new(file)))
    }

    /// Why the arguments make no sense together.
    fn misused(&self) -> Option<String> {
        let shows = self.diff || self.check || self.out.is_some();
        let folder = self.files.iter().find(|file| file.is_dir());
        if let Some(folder) = folder.filter(|_| !shows) {
            let folder = folder.display();
            return Some(format!(
                "sallyport: `{folder}` is a folder: say where its files go with --out, or look at \
                 them with --diff or --check"
            ));
        }
        let out =
            self.out.as_ref().map(|out| fs::canonicalize(out).unwrap_or_else(|_| out.clone()))?;
        let mut inside = self.files.iter().filter_map(|file| fs::canonicalize(file).ok());
        let inside = inside.find(|file| out.starts_with(file))?;
        Some(format!("sallyport: --out lies inside `{}`", inside.display()))
    }
}

/// All inputs, one after the other.
struct Run<'r> {
    args: &'r Redact,
    choice: &'r Choice,
    reporter: Reporter<'r>,
    progress: Progress,
    read: u64,
    verdict: Verdict,
}

impl Run<'_> {
    /// Redacts one input; `false` when nobody reads the results any more.
    fn input(&mut self, input: &Input) -> anyhow::Result<bool> {
        match self.redact(input) {
            Ok(()) => Ok(true),
            Err(Trouble::Closed) => Ok(false),
            Err(Trouble::Left(left)) => {
                self.progress.clear();
                self.verdict.left_out |= left.is_trouble();
                self.reporter.left(&input.name(), &left);
                Ok(true)
            }
            Err(Trouble::Output(error)) => Err(error),
        }
    }

    fn redact(&mut self, input: &Input) -> Result<(), Trouble> {
        let mut source = input.open()?;
        let head = if self.args.stream {
            Vec::new()
        } else {
            let mut head = Vec::new();
            let limit = u64::try_from(REDACT_WHOLE_BYTES_MAX).unwrap_or(u64::MAX).saturating_add(1);
            (&mut source).take(limit).read_to_end(&mut head).map_err(Left::Read)?;
            head
        };
        if self.args.format == Format::Auto && input::is_binary(&head) {
            return Err(Left::Binary.into());
        }
        let format = self.args.format.of(input.path(), &head);
        if !self.args.stream && head.len() <= REDACT_WHOLE_BYTES_MAX {
            let bytes = Bytes::from(head);
            if let Some(redacted) =
                engine::whole(&self.choice.detector, self.choice.reveal, format, &bytes)
            {
                return self.whole(input, &bytes, &redacted);
            }
            return self.stream(input, format, &mut io::Cursor::new(bytes));
        }
        if self.args.diff || self.args.explain {
            return Err(Left::TooLarge.into());
        }
        self.stream(input, format, &mut io::Cursor::new(head).chain(source))
    }

    fn whole(&mut self, input: &Input, bytes: &Bytes, redacted: &Redacted) -> Result<(), Trouble> {
        if self.args.diff {
            let colour = io::stdout().is_terminal();
            let text = diff::unified(&input.name(), bytes, &redacted.edits, colour);
            write(&mut io::stdout().lock(), &text)?;
        } else if !self.args.check {
            let mut sink = self.sink(input)?;
            write(&mut sink, &redacted.spliced(bytes))?;
        }
        self.read(bytes.len());
        self.verdict.found |= !redacted.finds.is_empty();
        self.progress.clear();
        self.reporter.whole(&input.name(), bytes, redacted);
        Ok(())
    }

    fn stream(
        &mut self,
        input: &Input,
        format: Format,
        source: &mut dyn Read,
    ) -> Result<(), Trouble> {
        let Choice { detector, reveal, .. } = self.choice;
        let mut sink: Box<dyn Write> =
            if self.args.check { Box::new(io::sink()) } else { self.sink(input)? };
        let paused = self.args.stream;
        let summary = engine::stream(detector, *reveal, format, paused, source, |out, taken| {
            self.read(taken);
            write(&mut sink, out)
        })?;
        self.verdict.found |= !summary.counts.is_empty() || !summary.revealed.is_empty();
        self.progress.clear();
        self.reporter.stream(&input.name(), &summary);
        Ok(())
    }

    fn read(&mut self, bytes: usize) {
        self.read = self.read.saturating_add(u64::try_from(bytes).unwrap_or(0));
        self.progress.at(self.read);
    }

    /// Where the result of an input goes.
    fn sink(&self, input: &Input) -> Result<Box<dyn Write>, Trouble> {
        let Some(out) = &self.args.out else { return Ok(Box::new(io::stdout().lock())) };
        let path = out.join(input.below());
        let made = create(&path).with_context(|| format!("`{}` cannot be written", path.display()));
        Ok(Box::new(made.map_err(Trouble::Output)?))
    }
}

fn create(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    File::create_new(path)
}

/// Why an input was not redacted to its end.
#[derive(Debug)]
enum Trouble {
    /// The reader of stdout has what it wanted.
    Closed,
    /// The input itself.
    Left(Left),
    /// The result cannot be written.
    Output(anyhow::Error),
}

impl From<Left> for Trouble {
    fn from(left: Left) -> Self {
        Trouble::Left(left)
    }
}

fn write(sink: &mut dyn Write, bytes: &[u8]) -> Result<(), Trouble> {
    match sink.write_all(bytes).and_then(|()| sink.flush()) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(Trouble::Closed),
        Err(error) => Err(Trouble::Output(error.into())),
    }
}

/// A name that somebody else chose, for a terminal.
fn shown(name: &str) -> String {
    spelled_out(name, NAME_CHARS)
}

/// Some of the input was left out.
const LEFT_OUT: u8 = 3;

const NAME_CHARS: usize = 1024;
