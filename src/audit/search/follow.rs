//! Follows a log that grows, from one segment to the next.

use std::fs::File;
use std::io;
use std::ops::ControlFlow;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use super::super::queue::AUDIT_LINE_BYTES_MAX;
use super::super::segments;

/// A place in a log, behind the last line that was read.
#[derive(Debug)]
pub struct Follow {
    dir: PathBuf,
    segment: PathBuf,
    file: File,
    at: u64,
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
        let at = last_line_end(&file, bytes)?;
        Ok(Self { dir: dir.to_path_buf(), segment, file, at })
    }

    /// Where this place is: the segment and how much of it was read.
    #[must_use]
    pub fn place(&self) -> (&Path, u64) {
        (&self.segment, self.at)
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

/// Where the last whole line ends.
fn last_line_end(file: &File, bytes: u64) -> io::Result<u64> {
    let from = bytes.saturating_sub(AUDIT_LINE_BYTES_MAX as u64);
    let mut tail = vec![0; usize::try_from(bytes - from).unwrap_or(0)];
    file.read_exact_at(&mut tail, from)?;
    Ok(memchr::memrchr(b'\n', &tail).map_or(from, |end| from + end as u64 + 1))
}
