//! Puts stubs in the place of bodies: a new file beside the old one, renamed over it.
//!
//! Killed at any point, the segment is the old one or the new one. What a killed
//! attempt leaves beside it is removed before the next.

use std::fs::{self, OpenOptions};
use std::io::{self, BufWriter, ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use super::survey::{By, Lines, Task};
use super::{At, PurgeError, io_at};
use crate::audit::chain;
use crate::audit::merkle::{Frontier, leaf_hash};
use crate::audit::segments;
use crate::audit::storage::{FILE_MODE, sync_dir, torn_path};
use crate::audit::stub::{Stub, leaf_of};

/// Rewrites one segment; returns how many bodies went. `records` are the numbers of
/// the `purge` records that were written for the task's chunks. Nobody may write the
/// segment any more.
pub(super) fn rewrite(
    dir: &Path,
    task: &Task,
    records: &[Option<u64>],
    at: &mut dyn FnMut(At) -> io::Result<()>,
) -> Result<u64, PurgeError> {
    let path = dir.join(segments::name(task.segment));
    let fresh = dir.join(format!("{}{SUFFIX}", segments::name(task.segment)));
    let failed = io_at(&fresh);
    let mut options = OpenOptions::new();
    let file = options.write(true).create(true).truncate(true).mode(FILE_MODE).open(&fresh);
    let mut out = BufWriter::with_capacity(WRITE_BYTES, file.map_err(&failed)?);
    let mut leaves = Frontier::default();
    let (mut purged, mut due) = (0, task.due.iter().peekable());
    let (mut lines, mut text) = (Lines::open(&path)?, Vec::new());
    while lines.next()? {
        let line = lines.line.as_slice();
        text.clear();
        let seq = chain::link(line).map(|link| link.seq);
        let by = seq.and_then(|seq| {
            while due.next_if(|&&(_, to, _)| to < seq).is_some() {}
            due.peek().filter(|&&&(from, ..)| from <= seq).map(|&&(_, _, by)| (seq, by))
        });
        let by = by.and_then(|(seq, by)| match by {
            By::Record(by) => Some((seq, by)),
            By::Chunk(chunk) => Some((seq, records.get(chunk).copied().flatten()?)),
        });
        if let Some((seq, by)) = by {
            let leaf = leaf_hash(line);
            Stub { seq, by, leaf }.push(&mut text);
            purged += 1;
        } else {
            text.extend_from_slice(line);
            text.push(b'\n');
        }
        // Of what is written, not of what was read.
        leaves.push(leaf_of(text.strip_suffix(b"\n").unwrap_or(&text)));
        out.write_all(&text).map_err(&failed)?;
        if leaves.size() == task.leaves.size().div_ceil(2) {
            out.flush().map_err(&failed)?;
            at(At::Written).map_err(&failed)?;
        }
    }
    let file = out.into_inner().map_err(|error| failed(error.into_error()))?;
    if leaves != task.leaves {
        let _ = fs::remove_file(&fresh);
        return Err(PurgeError::Contradiction { seq: task.segment });
    }
    file.sync_all().map_err(&failed)?;
    at(At::Rename).map_err(&failed)?;
    remove_index(dir, &path)?;
    fs::rename(&fresh, &path).map_err(&failed)?;
    at(At::SyncDir).map_err(&failed)?;
    sync_dir(dir).map_err(io_at(dir))?;
    Ok(purged)
}

/// Removes what searches keep of a segment: it may tell hashes of what was purged. A search makes
/// it anew of what is left.
fn remove_index(dir: &Path, segment: &Path) -> Result<(), PurgeError> {
    let Some(name) = segment.file_stem() else { return Ok(()) };
    let index = dir.join(crate::audit::search::FOLDER).join(name).with_extension("index");
    match fs::remove_file(&index) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(io_at(&index)(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Removes the copies of cut bytes that a written `purge` record names.
pub(super) fn remove_torn(
    dir: &Path,
    torn: &[u64],
    at: &mut dyn FnMut(At) -> io::Result<()>,
) -> Result<(), PurgeError> {
    for seq in torn {
        let path = torn_path(dir, *seq);
        at(At::Torn).map_err(io_at(&path))?;
        match fs::remove_file(&path) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(io_at(&path)(error)),
        }
    }
    if !torn.is_empty() {
        sync_dir(dir).map_err(io_at(dir))?;
    }
    Ok(())
}

/// Removes what a killed attempt left: its bodies may be due by now.
pub(in crate::audit) fn remove_leftovers(dir: &Path) -> io::Result<()> {
    let mut found = false;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_name().to_str().is_some_and(|name| name.ends_with(SUFFIX)) {
            fs::remove_file(entry.path())?;
            found = true;
        }
    }
    if found { sync_dir(dir) } else { Ok(()) }
}

/// Behind the name of a segment that is being rewritten.
const SUFFIX: &str = ".purging";
const WRITE_BYTES: usize = 256 * 1024;
