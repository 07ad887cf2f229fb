//! Walks over a log, block by block, in either direction.

use std::fs::File;
use std::io;
use std::ops::ControlFlow;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use super::super::queue::AUDIT_LINE_BYTES_MAX;
use super::super::read::ReadError;
use super::super::segments;
use super::super::stub::stub;
use super::index::{self, Block, Index, Of};
use super::query::Query;
use super::seen::NotARecord;

/// How a search goes.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// The newest records first.
    pub newest_first: bool,
    /// Use and make indexes.
    pub indexed: bool,
}

/// What a search tells while it works.
#[derive(Debug)]
pub enum Event<'e> {
    /// So many of so many bytes are done.
    At(u64, u64),
    /// An index could not be kept; the search goes on without.
    NoIndex(&'e Path, &'e io::Error),
    /// A line is no record; it was passed over.
    NotARecord(&'e Path, u64),
}

/// What a search came across.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Found {
    /// Lines that are no records.
    pub bad_lines: u64,
    /// Bytes of segments that were read to answer, without those for making indexes.
    pub bytes_read: u64,
}

/// Takes lines of a log.
pub trait Taker {
    /// What a line must meet; blocks in which no line can are left out.
    fn terms(&self) -> Vec<u64>;

    /// Those of them that no key seals.
    fn clear_terms(&self) -> Vec<u64>;

    /// Whether a block with times from `first` to `last` is needed.
    fn needs(&self, first: &str, last: &str) -> bool;

    /// Takes a line; `Break` ends the search.
    ///
    /// # Errors
    /// [`NotARecord`]: it cannot be read.
    fn take(&mut self, line: &[u8]) -> Result<ControlFlow<()>, NotARecord>;
}

/// Gives every record that a query wants to `each`.
#[derive(Debug)]
pub struct Records<'q, F> {
    query: &'q Query,
    each: F,
}

impl<'q, F: FnMut(&[u8]) -> ControlFlow<()>> Records<'q, F> {
    /// Of a query.
    pub fn new(query: &'q Query, each: F) -> Self {
        Self { query, each }
    }
}

impl<F: FnMut(&[u8]) -> ControlFlow<()>> Taker for Records<'_, F> {
    fn terms(&self) -> Vec<u64> {
        self.query.hashes()
    }

    fn clear_terms(&self) -> Vec<u64> {
        self.query.clear_hashes()
    }

    fn needs(&self, first: &str, last: &str) -> bool {
        self.query.may_begin(last) && self.query.goes_to(first)
    }

    fn take(&mut self, line: &[u8]) -> Result<ControlFlow<()>, NotARecord> {
        Ok(match self.query.read(line)? {
            Some(_) => (self.each)(line),
            None => ControlFlow::Continue(()),
        })
    }
}

/// Gives the lines of the log at `path`, a directory or one file, to `taker`.
///
/// # Errors
/// [`ReadError::Io`] when a segment cannot be read.
pub fn search(
    path: &Path,
    plan: Plan,
    taker: &mut impl Taker,
    tell: &mut dyn FnMut(Event<'_>),
) -> Result<Found, ReadError> {
    let failed = |path: &Path, source| ReadError::Io { path: path.to_path_buf(), source };
    let mut files = segments::files(path).map_err(|source| failed(path, source))?;
    if files.is_empty() {
        let none = io::Error::new(io::ErrorKind::NotFound, "it holds no segment of an audit log");
        return Err(failed(path, none));
    }
    let growing = files.last().cloned();
    let sizes = files.iter().map(|file| file.metadata().map_or(0, |about| about.len()));
    let mut walk = Walk {
        folder: (plan.indexed && path.is_dir()).then(|| path.join(FOLDER)),
        newest_first: plan.newest_first,
        done: 0,
        total: sizes.sum(),
        found: Found::default(),
        tell,
    };
    if plan.newest_first {
        files.reverse();
    }
    for file in files {
        // The last one is still written to.
        let finished = growing.as_ref() != Some(&file);
        let flow = walk.segment(&file, finished, taker).map_err(|e| failed(&file, e))?;
        if flow.is_break() {
            break;
        }
    }
    Ok(walk.found)
}

struct Walk<'t> {
    /// Where indexes are kept, while that works.
    folder: Option<PathBuf>,
    newest_first: bool,
    done: u64,
    total: u64,
    found: Found,
    tell: &'t mut dyn FnMut(Event<'_>),
}

impl Walk<'_> {
    fn segment(
        &mut self,
        path: &Path,
        finished: bool,
        taker: &mut impl Taker,
    ) -> io::Result<ControlFlow<()>> {
        let file = File::open(path)?;
        let bytes = file.metadata()?.len();
        let before = self.done;
        let index = if finished { self.index(path, &file)? } else { None };
        let blocks = match &index {
            Some(index) => index.candidates(&taker.terms()).into_iter().cloned().collect(),
            None => layout(&file, bytes)?,
        };
        let mut flow = ControlFlow::Continue(());
        for n in 0..blocks.len() {
            let n = if self.newest_first { blocks.len() - 1 - n } else { n };
            let Some(block) = blocks.get(n) else { break };
            let times = block.times.as_ref();
            if times.is_some_and(|(first, last)| !taker.needs(first, last)) {
                continue;
            }
            flow = self.block(path, &file, block, taker)?;
            if flow.is_break() {
                break;
            }
        }
        self.done = before + bytes;
        (self.tell)(Event::At(self.done, self.total));
        Ok(flow)
    }

    fn block(
        &mut self,
        path: &Path,
        file: &File,
        block: &Block,
        taker: &mut impl Taker,
    ) -> io::Result<ControlFlow<()>> {
        let bytes = block.end.saturating_sub(block.start);
        let most = index::block_bytes(self.total).saturating_add(AUDIT_LINE_BYTES_MAX as u64);
        if bytes > most {
            self.bad(path, block.start);
            return Ok(ControlFlow::Continue(()));
        }
        let mut text = vec![0; usize::try_from(bytes).unwrap_or(0)];
        file.read_exact_at(&mut text, block.start)?;
        self.found.bytes_read += bytes;
        // What follows the last line end is still being written.
        let whole = memchr::memrchr(b'\n', &text).and_then(|end| text.get(..end));
        let Some(whole) = whole else { return Ok(ControlFlow::Continue(())) };
        let lines = whole.split(|byte| *byte == b'\n');
        let newest_first = self.newest_first;
        let mut take = |line: &[u8]| match taker.take(line) {
            Ok(flow) => flow,
            // Purged under a rule: there is nothing left to find.
            Err(NotARecord) if stub(line).is_some() => ControlFlow::Continue(()),
            Err(NotARecord) => {
                let at = line.as_ptr().addr().saturating_sub(whole.as_ptr().addr()) as u64;
                self.bad(path, block.start + at);
                ControlFlow::Continue(())
            }
        };
        let flow = if newest_first {
            lines.rev().try_for_each(&mut take)
        } else {
            { lines }.try_for_each(&mut take)
        };
        (self.tell)(Event::At(self.done.saturating_add(block.end), self.total));
        Ok(flow)
    }

    fn bad(&mut self, path: &Path, at: u64) {
        self.found.bad_lines += 1;
        (self.tell)(Event::NotARecord(path, at));
    }

    /// The index of a finished segment: the kept one if it fits, else a new one.
    fn index(&mut self, path: &Path, file: &File) -> io::Result<Option<Index>> {
        let (Some(folder), Some(name)) = (&self.folder, path.file_stem()) else { return Ok(None) };
        let Some(of) = Of::file(file)? else { return Ok(None) };
        let kept = folder.join(name).with_extension("index");
        if let Some(index) = Index::load(&kept, &of) {
            return Ok(Some(index));
        }
        // Where nothing can be kept, making an index costs more than reading without.
        if let Err(error) = index::folder(folder) {
            (self.tell)(Event::NoIndex(folder, &error));
            self.folder = None;
            return Ok(None);
        }
        let mut done = self.done;
        let index = Index::build(file, &of, |bytes| {
            done += bytes;
            (self.tell)(Event::At(done, self.total));
        })?;
        if let Err(error) = index.store(&kept, &of) {
            (self.tell)(Event::NoIndex(&kept, &error));
            self.folder = None;
        }
        Ok(Some(index))
    }
}

/// The blocks of a segment without an index, found by the line ends near their borders.
fn layout(file: &File, bytes: u64) -> io::Result<Vec<Block>> {
    let step = index::block_bytes(bytes);
    let mut blocks = Vec::new();
    let mut start = 0;
    while start < bytes {
        let end = line_end(file, start.saturating_add(step), bytes)?;
        blocks.push(Block { start, end, times: None });
        start = end;
    }
    Ok(blocks)
}

/// Where the line ends that goes on at `from`.
fn line_end(file: &File, from: u64, bytes: u64) -> io::Result<u64> {
    let mut at = from;
    let mut chunk = [0; 4096];
    while at < bytes {
        let got = file.read_at(&mut chunk, at)?;
        let read = chunk.get(..got).unwrap_or_default();
        match memchr::memchr(b'\n', read) {
            Some(end) => return Ok(at + end as u64 + 1),
            None if got == 0 => break,
            None => at += got as u64,
        }
    }
    Ok(bytes)
}

/// The folder of the indexes, in the log's directory.
pub(in crate::audit) const FOLDER: &str = "index";
