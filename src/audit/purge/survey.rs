//! Finds what a purge has to do, and that the log is the one that was signed.
//!
//! Two passes. The first reads every line: chain and tree must lead to the end that
//! the log's own state knows, or nothing is purged: a purge must not turn the traces
//! of an attack into stubs. It also finds the `purge` records whose bodies are not all
//! gone. The second judges the records of the finished segments.

use std::collections::HashMap;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use super::record::{Chunk, Purge};
use super::{PurgeError, io_at};
use crate::audit::chain::{self, Head};
use crate::audit::lines::{Step, step};
use crate::audit::merkle::{Frontier, Hash};
use crate::audit::retention::{Facts, Judge};
use crate::audit::segments;
use crate::audit::storage::torn_path;
use crate::audit::stub::{leaf_of, stub};
use crate::limits::AUDIT_PURGE_RUN_RANGES_MAX;

/// Who says which records go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// A `purge` record of an earlier attempt.
    Record(u64),
    /// A record still to be written, by its place in [`Task::chunks`].
    Chunk(usize),
}

/// What is to be done in one segment.
#[derive(Debug)]
pub(super) struct Task {
    pub(super) segment: u64,
    /// All leaves of the segment: rewriting may not change them.
    pub(super) leaves: Frontier,
    /// Which records go, in order.
    pub(super) due: Vec<(u64, u64, By)>,
    pub(super) chunks: Vec<Chunk>,
}

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Survey {
    pub(super) tasks: Vec<Task>,
    /// There is more than one purge takes on.
    pub(super) more: bool,
    /// Records that a rule reaches and a hold keeps.
    pub(super) held: u64,
    ranges: usize,
}

/// What the first pass knows of a log.
struct Known {
    /// The leaves of each segment.
    leaves: Vec<(u64, PathBuf, Frontier)>,
    /// Records that were named and still have bodies, or may have: by the segment.
    named: HashMap<u64, Vec<(u64, u64, u64)>>,
}

/// Surveys the log in `dir` up to the tree `end`; without one, what is there is taken
/// for the log. Segments from `present` on are not finished.
pub(super) fn survey(
    dir: &Path,
    end: Option<&Frontier>,
    present: u64,
    judge: &mut Judge<'_>,
    progress: &mut dyn FnMut(u64) -> Result<(), PurgeError>,
) -> Result<Survey, PurgeError> {
    let known = read(dir, end, progress)?;
    let mut survey = Survey::default();
    for (segment, path, leaves) in known.leaves {
        if segment >= present {
            break;
        }
        progress(0)?;
        let named = known.named.get(&segment).map_or(&[][..], Vec::as_slice);
        let task = Task { segment, leaves, due: Vec::new(), chunks: Vec::new() };
        let task = survey.judge(dir, &path, task, named, judge)?;
        if !task.due.is_empty() || task.chunks.iter().any(|chunk| !chunk.is_empty()) {
            survey.tasks.push(task);
        }
    }
    Ok(survey)
}

/// The first pass.
fn read(
    dir: &Path,
    end: Option<&Frontier>,
    progress: &mut dyn FnMut(u64) -> Result<(), PurgeError>,
) -> Result<Known, PurgeError> {
    let mut known = Known { leaves: Vec::new(), named: HashMap::new() };
    let mut stubs: HashMap<u64, u64> = HashMap::new();
    let (mut tree, mut last, mut bytes) = (Frontier::default(), Head::EMPTY, 0);
    let mut named = 0;
    for found in segments::list(dir).map_err(io_at(dir))? {
        let path = dir.join(segments::name(found.first));
        let mut leaves = Frontier::default();
        let wanted = |tree: &Frontier| end.is_none_or(|end| tree.size() < end.size());
        if !wanted(&tree) {
            break;
        }
        let mut lines = Lines::open(&path)?;
        while wanted(&tree) && lines.next()? {
            let line = lines.line.as_slice();
            let leaf = leaf_of(line);
            let seq = last.seq.saturating_add(1);
            let follows = match stub(line) {
                Some(stub) => {
                    *stubs.entry(stub.by).or_default() += 1;
                    stub.seq == seq
                }
                None => chain::link(line).is_some_and(|l| l.seq == seq && l.prev == last.hash),
            };
            if !follows {
                return Err(PurgeError::Contradiction { seq });
            }
            if let Some(purge) = Purge::of(line).filter(|purge| purge.is_sound(seq)) {
                // All stubs of a purge stand before its record.
                if stubs.remove(&seq).unwrap_or(0) < purge.count {
                    named += purge.ranges.len();
                    let ranges = purge.ranges.iter().map(|&(from, to)| (from, to, seq));
                    known.named.entry(purge.segment).or_default().extend(ranges);
                }
                if named > AUDIT_PURGE_RUN_RANGES_MAX {
                    return Err(PurgeError::Unfinished);
                }
            }
            last = Head { seq, hash: leaf };
            tree.push(leaf);
            leaves.push(leaf);
        }
        bytes += lines.bytes;
        progress(bytes)?;
        known.leaves.push((found.first, path, leaves));
    }
    match end {
        Some(end) if *end != tree => Err(PurgeError::Contradiction { seq: last.seq }),
        Some(_) | None => {
            known.named.values_mut().for_each(|named| named.sort_unstable());
            Ok(known)
        }
    }
}

impl Survey {
    /// The second pass over one segment.
    fn judge(
        &mut self,
        dir: &Path,
        path: &Path,
        mut task: Task,
        named: &[(u64, u64, u64)],
        judge: &mut Judge<'_>,
    ) -> Result<Task, PurgeError> {
        let mut lines = Lines::open(path)?;
        while lines.next()? {
            let line = lines.line.as_slice();
            let Some(link) = chain::link(line) else { continue };
            // What cannot be judged stays.
            let Ok(facts) = serde_json::from_slice::<Facts<'_>>(line) else { continue };
            let keeps = judge.keeps(&facts);
            if keeps {
                let cut = facts.cut_bytes.is_some_and(|bytes| bytes > 0);
                let rule = judge.torn_rule(&facts).filter(|_| cut);
                if let Some(rule) = rule.filter(|_| torn_path(dir, link.seq).exists()) {
                    let chunk = task.chunk(rule);
                    if let Some(chunk) = task.chunks.get_mut(chunk) {
                        chunk.torn.push(link.seq);
                    }
                }
            }
            let at = named.partition_point(|&(_, to, _)| to < link.seq);
            let named = named.get(at).filter(|&&(from, ..)| from <= link.seq);
            let by = match named {
                Some(&(_, _, by)) => Some(By::Record(by)),
                None => judge.rule(&facts).map(|rule| By::Chunk(task.chunk(rule))),
            };
            match by {
                None => {}
                Some(_) if keeps => self.held += u64::from(!facts.is_own()),
                Some(_) if self.ranges >= AUDIT_PURGE_RUN_RANGES_MAX => self.more = true,
                Some(by) => self.ranges += task.take(link.seq, leaf_of(line), by),
            }
        }
        Ok(task)
    }
}

impl Task {
    /// The place of the present chunk of a rule.
    fn chunk(&mut self, rule: usize) -> usize {
        let found = self.chunks.iter().rposition(|chunk| chunk.rule == rule);
        found.unwrap_or_else(|| {
            self.chunks.push(Chunk::new(rule));
            self.chunks.len() - 1
        })
    }

    /// Takes a record; says how many ranges that added.
    fn take(&mut self, seq: u64, leaf: Hash, mut by: By) -> usize {
        if let By::Chunk(at) = by
            && let Some(chunk) = self.chunks.get_mut(at)
            && !chunk.take(seq, leaf)
        {
            let mut next = Chunk::new(chunk.rule);
            next.take(seq, leaf);
            self.chunks.push(next);
            by = By::Chunk(self.chunks.len() - 1);
        }
        match self.due.last_mut() {
            Some((_, to, known)) if *known == by && to.checked_add(1) == Some(seq) => {
                *to = seq;
                0
            }
            Some(_) | None => {
                self.due.push((seq, seq, by));
                1
            }
        }
    }
}

/// The lines of one segment.
pub(super) struct Lines {
    reader: BufReader<File>,
    path: PathBuf,
    pub(super) line: Vec<u8>,
    pub(super) bytes: u64,
}

impl Lines {
    pub(super) fn open(path: &Path) -> Result<Self, PurgeError> {
        let file = File::open(path).map_err(io_at(path))?;
        let reader = BufReader::with_capacity(READ_BYTES, file);
        Ok(Self { reader, path: path.to_path_buf(), line: Vec::new(), bytes: 0 })
    }

    /// Reads the next line; false at the end.
    pub(super) fn next(&mut self) -> Result<bool, PurgeError> {
        let stepped = step(&mut self.reader, &mut self.line, &mut self.bytes);
        match stepped.map_err(io_at(&self.path))? {
            Step::Line => Ok(true),
            Step::End => Ok(false),
            Step::TooLong | Step::Torn { .. } => {
                Err(PurgeError::NotARecord { path: self.path.clone() })
            }
        }
    }
}

const READ_BYTES: usize = 256 * 1024;
