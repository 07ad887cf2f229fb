//! Retention: bodies of records go, their places and leaf hashes stay.
//!
//! Order is everything. First a `purge` record says what will go under which rule,
//! and is durable and under a signed checkpoint; then each segment is written anew
//! with stubs ([`super::stub`]) and renamed over the old one. Killed in between,
//! the next purge finds the record and finishes it. [`super::verify`] takes a stub
//! that no `purge` record names for what it is: a deletion.
//!
//! Assumes that nobody writes the segments concerned: those before the present one,
//! which is also the one that the saved state stands in.

mod record;
mod rewrite;
mod survey;

use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::identity;
use super::log::{OpenError, Options};
use super::merkle::Frontier;
use super::recover::{Note, Recovered, TailError, recover};
use super::retention::{Hold, Judge, Rule};
use super::signer::Signer;
use super::state::Place;
use super::storage::{Disk, Storage as _};
pub(super) use record::Purge;
pub(super) use rewrite::remove_leftovers;
use survey::{Survey, Task};

/// Why nothing, or not all, was purged. What was begun is finished by the next purge.
#[derive(Debug, thiserror::Error)]
pub enum PurgeError {
    /// The log cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A file cannot be read or written.
    #[error("`{path}`: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The log is not the one that its state knows. Its bodies are evidence.
    #[error(
        "the log does not lead to the end that is known of it (record {seq}): nothing is purged; \
         see `sallyport audit verify`"
    )]
    Contradiction {
        /// The record at which that shows.
        seq: u64,
    },
    /// A finished segment holds half a line.
    #[error("`{path}` holds something else than records: nothing is purged")]
    NotARecord {
        /// The segment.
        path: PathBuf,
    },
    /// The gateway stops.
    #[error("it was stopped")]
    Stopped,
    /// Too many purges were begun and not finished.
    #[error("more purges were begun than can be finished at once: nothing is purged")]
    Unfinished,
}

/// What is to go.
#[derive(Debug, Clone)]
pub struct Order {
    /// Under which rules.
    pub rules: Vec<Rule>,
    /// What stays all the same.
    pub holds: Vec<Hold>,
    /// Ages are counted from here.
    pub now: SystemTime,
    /// Who asks, as the `purge` record tells it.
    pub asked_by: &'static str,
    /// Only say what would go.
    pub dry_run: bool,
}

/// What went, or would go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Purged {
    /// Records whose bodies went.
    pub records: u64,
    /// By the name of the rule, those that no earlier purge had named.
    pub by_rule: Vec<(String, u64)>,
    /// Records that a rule reaches and a hold keeps.
    pub held: u64,
    /// Copies of cut bytes that went.
    pub torn: u64,
    /// The `purge` records that were written.
    pub written: Vec<u64>,
    /// There is more than one purge takes on: ask again.
    pub more: bool,
    /// When the next record of the segments that were looked at is due.
    pub next: Option<SystemTime>,
}

/// A step that can fail, or be the last before a crash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum At {
    Begin,
    Record,
    Checkpoint,
    State,
    Written,
    Rename,
    SyncDir,
    Torn,
}

/// Purges a log that no gateway writes. With [`Order::dry_run`] nothing is changed and
/// one may write it.
///
/// # Errors
/// [`PurgeError`].
pub fn purge(
    options: &Options,
    order: &Order,
    mut progress: impl FnMut(u64),
) -> Result<Purged, PurgeError> {
    let dir = &options.dir;
    if !dir.is_dir() {
        return Err(io_at(dir)(io::ErrorKind::NotFound.into()));
    }
    if order.dry_run {
        let mut judge = Judge::new(&order.rules, &order.holds, order.now);
        let mut told = |bytes| {
            progress(bytes);
            Ok(())
        };
        let survey = survey::survey(dir, None, u64::MAX, &mut judge, &mut told)?;
        return Ok(planned(&survey, &judge, order));
    }
    let (mut disk, signer, mut found) = open(options)?;
    run(dir, &mut disk, &signer, &mut found, order, &mut progress, &mut |_| Ok(()))
}

/// Opens a log as its writer would.
pub(super) fn open(options: &Options) -> Result<(Disk, Signer, Recovered), OpenError> {
    let dir = || options.dir.clone();
    let io = |source: io::Error| match source.kind() {
        io::ErrorKind::WouldBlock => OpenError::Locked { dir: dir() },
        _ => OpenError::Io { dir: dir(), source },
    };
    let mut disk = Disk::open(&options.dir).map_err(io)?;
    let signer = Signer::new(identity::key(&mut disk, options)?, options.durability);
    let found = recover(&mut disk, options.durability, &signer).map_err(|error| match error {
        TailError::Io(source) => io(source),
        tail => OpenError::Tail { dir: dir(), reason: tail.to_string() },
    })?;
    Ok((disk, signer, found))
}

/// Purges a log whose writer we are.
pub(super) fn run(
    dir: &Path,
    disk: &mut Disk,
    signer: &Signer,
    found: &mut Recovered,
    order: &Order,
    progress: &mut dyn FnMut(u64),
    at: &mut dyn FnMut(At) -> io::Result<()>,
) -> Result<Purged, PurgeError> {
    let failed = io_at(dir);
    remove_leftovers(dir).map_err(&failed)?;
    let mut judge = Judge::new(&order.rules, &order.holds, order.now);
    let mut told = |bytes| {
        progress(bytes);
        Ok(())
    };
    let survey = survey::survey(dir, Some(&found.end.tree), u64::MAX, &mut judge, &mut told)?;
    let mut purged = planned(&survey, &judge, order);
    purged.records = 0;
    if survey.tasks.is_empty() {
        return Ok(purged);
    }
    if survey.tasks.iter().any(|task| task.segment == found.place.segment) {
        at(At::Begin).map_err(&failed)?;
        let segment = found.end.head.seq + 1;
        disk.begin(segment).map_err(&failed)?;
        found.place = Place { segment, bytes: 0 };
    }
    let mut records = Vec::new();
    for task in &survey.tasks {
        records.push(tell(disk, found, &judge, task, order, at).map_err(&failed)?);
    }
    at(At::Checkpoint).map_err(&failed)?;
    disk.add_checkpoint(&signer.checkpoint(&found.end.tree)).map_err(&failed)?;
    // Its place is behind all that is rewritten, so no offset in it moves.
    at(At::State).map_err(&failed)?;
    disk.save_state(&signer.state(&found.end, found.place).encode()).map_err(&failed)?;
    for (task, records) in survey.tasks.iter().zip(&records) {
        purged.records += carry_out(dir, task, records, at)?;
        purged.written.extend(records.iter().flatten());
    }
    Ok(purged)
}

/// Writes records and returns their numbers once a checkpoint covers them.
pub(super) type Tell<'a> = dyn FnMut(&[Vec<u8>]) -> Result<Vec<u64>, String> + 'a;

/// Purges the segments before `present` of a log that somebody else writes, to the tree
/// `end`. The saved state stands in `present` or behind it.
pub(super) fn run_beside(
    dir: &Path,
    end: &Frontier,
    present: u64,
    order: &Order,
    tell: &mut Tell<'_>,
    stop: &dyn Fn() -> bool,
) -> Result<Purged, PurgeError> {
    remove_leftovers(dir).map_err(io_at(dir))?;
    let mut judge = Judge::new(&order.rules, &order.holds, order.now);
    let mut go_on = |_| if stop() { Err(PurgeError::Stopped) } else { Ok(()) };
    let survey = survey::survey(dir, Some(end), present, &mut judge, &mut go_on)?;
    let mut purged = planned(&survey, &judge, order);
    (purged.records, purged.torn) = (0, 0);
    for task in &survey.tasks {
        if stop() {
            break;
        }
        let records = records_of(task, &judge, order.asked_by);
        let bodies: Vec<_> = records.iter().flatten().map(|p| Note::Purge(p).body()).collect();
        let told = if bodies.is_empty() { Ok(Vec::new()) } else { tell(&bodies) };
        let told = told.map_err(|why| io_at(dir)(io::Error::other(why)))?;
        purged.written.extend(&told);
        let mut told = told.into_iter();
        let numbers: Vec<_> =
            records.iter().map(|record| record.as_ref().and_then(|_| told.next())).collect();
        purged.records += carry_out(dir, task, &numbers, &mut |_| Ok(()))?;
        purged.torn += task.chunks.iter().map(|chunk| chunk.torn.len() as u64).sum::<u64>();
    }
    Ok(purged)
}

/// Writes the `purge` records of a task, durably; their numbers, by the chunk.
fn tell(
    disk: &mut Disk,
    found: &mut Recovered,
    judge: &Judge<'_>,
    task: &Task,
    order: &Order,
    at: &mut dyn FnMut(At) -> io::Result<()>,
) -> io::Result<Vec<Option<u64>>> {
    let mut records = Vec::new();
    for record in records_of(task, judge, order.asked_by) {
        let Some(purge) = record else {
            records.push(None);
            continue;
        };
        at(At::Record)?;
        found.add(disk, &Note::Purge(&purge))?;
        records.push(Some(found.end.head.seq));
    }
    Ok(records)
}

/// What the log will say of a task, by the chunk.
fn records_of(task: &Task, judge: &Judge<'_>, asked_by: &str) -> Vec<Option<Purge>> {
    let record = |chunk: &record::Chunk| Purge {
        rule: judge.rules.get(chunk.rule).map(|rule| rule.name.clone()).unwrap_or_default(),
        asked_by: asked_by.to_owned(),
        before: judge.before(chunk.rule).to_owned(),
        segment: task.segment,
        count: chunk.count,
        ranges: chunk.ranges.clone(),
        leaves: chunk.root_hex(),
        torn: chunk.torn.clone(),
    };
    task.chunks.iter().map(|chunk| (!chunk.is_empty()).then(|| record(chunk))).collect()
}

/// Makes a task's bodies go, of which the log tells by now.
fn carry_out(
    dir: &Path,
    task: &Task,
    records: &[Option<u64>],
    at: &mut dyn FnMut(At) -> io::Result<()>,
) -> Result<u64, PurgeError> {
    for chunk in &task.chunks {
        rewrite::remove_torn(dir, &chunk.torn, at)?;
    }
    if task.due.is_empty() { Ok(0) } else { rewrite::rewrite(dir, task, records, at) }
}

/// What a survey says will go.
fn planned(survey: &Survey, judge: &Judge<'_>, order: &Order) -> Purged {
    let (held, more, next) = (survey.held, survey.more, judge.next());
    let mut purged = Purged { held, more, next, ..Purged::default() };
    for task in &survey.tasks {
        purged.records += task.due.iter().map(|(from, to, _)| to - from + 1).sum::<u64>();
        purged.torn += task.chunks.iter().map(|chunk| chunk.torn.len() as u64).sum::<u64>();
    }
    for (at, rule) in order.rules.iter().enumerate() {
        let chunks = survey.tasks.iter().flat_map(|task| &task.chunks);
        let count = chunks.filter(|chunk| chunk.rule == at).map(|chunk| chunk.count).sum();
        purged.by_rule.push((rule.name.clone(), count));
    }
    purged
}

fn io_at(path: &Path) -> impl Fn(io::Error) -> PurgeError {
    let path = path.to_path_buf();
    move |source| PurgeError::Io { path: path.clone(), source }
}
