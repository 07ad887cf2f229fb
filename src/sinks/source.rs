//! Follows a log: whole lines of durable records, from a number on.
//!
//! Owns the reading side of the log's directory; the writer knows nothing of it. Assumes that a
//! record at or below the durable number never changes, and that lines stand in the order of
//! their numbers. Guarantees bounded memory, and that nothing above the durable number is read
//! into a batch: what is above it may still be taken back.
//!
//! A file is any `*.jsonl` of the directory whose first line is a record; the number in that line
//! gives the file its place. So one growing file, segments, and a file that was moved aside under
//! another name read alike.

pub use crate::limits::SINK_LOG_FILES_MAX;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use crate::audit::stub;
use crate::limits::AUDIT_LINE_BYTES_MAX;

/// A record as it stands in the log, without its line end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its number.
    pub seq: u64,
    /// Its line.
    pub line: Bytes,
}

/// Which records are wanted.
#[derive(Debug, Clone, Copy)]
pub struct Want {
    /// The first.
    pub from: u64,
    /// The last that is durable.
    pub durable: u64,
    /// How many at most.
    pub records_max: usize,
    /// How many bytes at most; one record always fits.
    pub bytes_max: usize,
}

/// Records one after the other.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// By number, without duplicates.
    pub records: Vec<Record>,
    /// Numbers between the wanted one and the last of these that are in no file any more.
    pub missing: u64,
}

/// Yields durable records by number. Blocks on the disk.
pub trait Source: Send + 'static {
    /// The records from `want.from` on, as many as fit; none only where none is durable.
    ///
    /// # Errors
    /// What the system says, and that no file holds what should be there.
    fn take(&mut self, want: Want) -> io::Result<Batch>;
}

/// Follows the log of a directory.
#[derive(Debug)]
pub struct Follower {
    dir: PathBuf,
    place: Option<Place>,
}

/// Where the next record is.
#[derive(Debug)]
struct Place {
    file: File,
    offset: u64,
    /// The number that is expected there.
    next: u64,
}

impl Follower {
    /// Of the log in `dir`.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into(), place: None }
    }

    /// Finds the file that holds record `from`, or the next one after it.
    fn locate(&self, from: u64) -> io::Result<Option<Place>> {
        let files = files(&self.dir)?;
        let mut later: Option<(u64, Place)> = None;
        for (first, path) in files.iter().rev() {
            let file = File::open(path)?;
            let offset = if *first < from { lower_bound(&file, from)? } else { 0 };
            let found = match *first {
                first if first >= from => Some(first),
                _ => first_from(&file, offset, from)?,
            };
            let Some(found) = found else { continue };
            let place = Place { file, offset, next: from };
            if found == from {
                return Ok(Some(place));
            }
            if later.as_ref().is_none_or(|(best, _)| found < *best) {
                later = Some((found, place));
            }
        }
        Ok(later.map(|(_, place)| place))
    }
}

impl Source for Follower {
    fn take(&mut self, want: Want) -> io::Result<Batch> {
        let mut batch = Batch::default();
        if want.from > want.durable {
            return Ok(batch);
        }
        let mut from = want.from;
        let mut followed = self.place.take().filter(|place| place.next == from);
        loop {
            let was_followed = followed.is_some();
            let Some(mut place) =
                followed.take().map_or_else(|| self.locate(from), |p| Ok(Some(p)))?
            else {
                break;
            };
            place.read(&want, &mut batch)?;
            if !batch.records.is_empty() {
                self.place = Some(place);
                return Ok(batch);
            }
            // A file that was followed may have ended; one of which all was purged leads on.
            if place.next == from && !was_followed {
                break;
            }
            from = place.next;
        }
        let text = format!("no file of the log holds record {} or a later one", want.from);
        Err(io::Error::new(io::ErrorKind::NotFound, text))
    }
}

impl Place {
    /// Takes what this file has.
    fn read(&mut self, want: &Want, batch: &mut Batch) -> io::Result<()> {
        let window = want.bytes_max.saturating_add(AUDIT_LINE_BYTES_MAX);
        let mut taken = 0_usize;
        loop {
            let base = self.offset;
            let chunk = Bytes::from(read_at(&self.file, base, window)?);
            let mut at = 0;
            while let Some(end) = memchr::memchr(b'\n', chunk.get(at..).unwrap_or_default()) {
                let line = chunk.slice(at..at + end);
                let next = at + end + 1;
                let Some(seq) = number(&line) else {
                    // Somebody edited the log: `verify` says so, and what follows still goes out.
                    tracing::error!(expected = self.next, "a line of the audit log is no record");
                    at = next;
                    self.offset = base + at as u64;
                    continue;
                };
                let full = batch.records.len() >= want.records_max
                    || (taken > 0 && taken + line.len() > want.bytes_max);
                if seq > want.durable || (seq >= self.next && full) {
                    return Ok(());
                }
                if seq >= self.next {
                    batch.missing = batch.missing.saturating_add(seq - self.next);
                    if stub(&line).is_some() {
                        batch.missing = batch.missing.saturating_add(1);
                    } else {
                        taken += line.len();
                        batch.records.push(Record { seq, line });
                    }
                    self.next = seq.saturating_add(1);
                }
                at = next;
                self.offset = base + at as u64;
            }
            // A window without a line end is longer than any record: pass over it.
            if at == 0 && chunk.len() == window {
                self.offset = base + window as u64;
                continue;
            }
            if !batch.records.is_empty() || chunk.len() < window {
                return Ok(());
            }
        }
    }
}

/// The number of a record, read from the beginning of its line: `{"v":N,"seq":N,`.
#[must_use]
pub fn number(line: &[u8]) -> Option<u64> {
    let (_, rest) = digits(line.strip_prefix(b"{\"v\":")?)?;
    let (seq, rest) = digits(rest.strip_prefix(b",\"seq\":")?)?;
    (rest.first() == Some(&b',') && seq > 0).then_some(seq)
}

fn digits(text: &[u8]) -> Option<(u64, &[u8])> {
    let count = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = text.split_at_checked(count)?;
    Some((std::str::from_utf8(digits).ok()?.parse().ok()?, rest))
}

/// The files of a log by the number of their first record; those without one are left out.
fn files(dir: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)?.take(SINK_LOG_FILES_MAX) {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "jsonl") {
            continue;
        }
        // One that was removed meanwhile is none.
        let Ok(file) = File::open(&path) else { continue };
        if let Some(first) = number(&read_at(&file, 0, NUMBER_BYTES)?) {
            found.push((first, path));
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// The start of a line before which all numbers are below `from`, close to the first that is not.
fn lower_bound(file: &File, from: u64) -> io::Result<u64> {
    let (mut low, mut high) = (0, file.metadata()?.len());
    while high - low > NEAR_BYTES {
        let middle = low + (high - low) / 2;
        let chunk = read_at(file, middle, AUDIT_LINE_BYTES_MAX + NUMBER_BYTES)?;
        let start = memchr::memchr(b'\n', &chunk).map(|end| end + 1);
        let seq = start.and_then(|start| number(chunk.get(start..)?));
        match (start, seq) {
            (Some(start), Some(seq)) if seq < from => low = middle + start as u64,
            _ => high = middle,
        }
    }
    Ok(low)
}

/// The first number from `offset` on that is at least `from`.
fn first_from(file: &File, mut offset: u64, from: u64) -> io::Result<Option<u64>> {
    loop {
        let chunk = read_at(file, offset, 2 * AUDIT_LINE_BYTES_MAX)?;
        let mut at = 0;
        while let Some(end) = memchr::memchr(b'\n', chunk.get(at..).unwrap_or_default()) {
            let line = chunk.get(at..at + end).unwrap_or_default();
            if let Some(seq) = number(line).filter(|seq| *seq >= from) {
                return Ok(Some(seq));
            }
            at += end + 1;
        }
        if chunk.len() < 2 * AUDIT_LINE_BYTES_MAX {
            return Ok(None);
        }
        offset += if at == 0 { chunk.len() as u64 } else { at as u64 };
    }
}

/// What stands at `offset`, at most `bytes_max`.
fn read_at(file: &File, offset: u64, bytes_max: usize) -> io::Result<Vec<u8>> {
    let left = file.metadata()?.len().saturating_sub(offset);
    let mut out = vec![0; usize::try_from(left).unwrap_or(usize::MAX).min(bytes_max)];
    let mut filled = 0;
    while let Some(rest) = out.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, offset + filled as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    out.truncate(filled);
    Ok(out)
}

/// Room for the beginning of a line up to its number.
const NUMBER_BYTES: usize = 64;
/// Below this a file is read from the front.
const NEAR_BYTES: u64 = 64 * 1024;

#[cfg(test)]
mod tests;
