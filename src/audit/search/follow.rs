//! Follows a log that grows, from one segment to the next.

use std::fs::File;
use std::io;
use std::ops::ControlFlow;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use super::super::chain;
use super::super::queue::AUDIT_LINE_BYTES_MAX;
use super::super::segments;

/// A place in a log, behind the last line that was read.
#[derive(Debug)]
pub struct Follow {
    dir: PathBuf,
    segment: PathBuf,
    file: File,
    at: u64,
    seq: u64,
}

/// The number of the record in a line; a line that is none has the number 0.
#[must_use]
pub fn seq(line: &[u8]) -> u64 {
    chain::link(line).map_or(0, |link| link.seq)
}

impl Follow {
    /// The end of the log in `dir` as it is now.
    ///
    /// # Errors
    /// What the system says, and that there is no log.
    pub fn end_of(dir: &Path) -> io::Result<Self> {
        let segment = segments::files(dir)?.pop().ok_or(io::ErrorKind::NotFound)?;
        let file = File::open(&segment)?;
        let bytes = file.metadata()?.len();
        let from = bytes.saturating_sub(2 * AUDIT_LINE_BYTES_MAX as u64);
        let mut tail = vec![0; usize::try_from(bytes - from).unwrap_or(0)];
        file.read_exact_at(&mut tail, from)?;
        let whole = memchr::memrchr(b'\n', &tail).and_then(|end| tail.get(..end));
        let at = whole.map_or(from, |whole| from + whole.len() as u64 + 1);
        let last = whole.and_then(|whole| whole.rsplit(|byte| *byte == b'\n').next());
        Ok(Self { dir: dir.to_path_buf(), segment, file, at, seq: last.map_or(0, seq) })
    }

    /// The last record when this was opened.
    #[must_use]
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// Gives what was added to `each`, line by line, and goes on to later segments.
    ///
    /// # Errors
    /// What the system says; a line that is longer than any record.
    pub fn step(
        &mut self,
        each: &mut impl FnMut(&[u8]) -> ControlFlow<()>,
    ) -> io::Result<ControlFlow<()>> {
        loop {
            // Asked before the last look at this segment: what is added afterwards is elsewhere.
            let files = segments::files(&self.dir)?;
            if self.drain(each)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
            let Some(next) = files.into_iter().find(|file| *file > self.segment) else {
                return Ok(ControlFlow::Continue(()));
            };
            self.file = File::open(&next)?;
            self.segment = next;
            self.at = 0;
        }
    }

    fn drain(
        &mut self,
        each: &mut impl FnMut(&[u8]) -> ControlFlow<()>,
    ) -> io::Result<ControlFlow<()>> {
        let mut text = vec![0; AUDIT_LINE_BYTES_MAX];
        loop {
            let got = self.file.read_at(&mut text, self.at)?;
            let read = text.get(..got).unwrap_or_default();
            let Some(end) = memchr::memrchr(b'\n', read) else {
                if got == AUDIT_LINE_BYTES_MAX {
                    let path = self.segment.display();
                    return Err(io::Error::other(format!("`{path}` holds what is no record")));
                }
                return Ok(ControlFlow::Continue(()));
            };
            let whole = read.get(..end).unwrap_or_default();
            if whole.split(|byte| *byte == b'\n').try_for_each(&mut *each).is_break() {
                return Ok(ControlFlow::Break(()));
            }
            self.at += end as u64 + 1;
        }
    }
}
