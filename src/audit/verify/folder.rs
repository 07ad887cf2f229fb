//! A folder of checkpoints, a file each, read as one file of them.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::audit::segments::AUDIT_SEGMENTS_MAX;

/// The files of a folder one behind the other, by name, each with an empty line at its end.
pub(super) struct Folder {
    left: std::vec::IntoIter<PathBuf>,
    now: Option<File>,
}

impl Folder {
    /// # Errors
    /// What the system says, and that there are too many.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let mut files = Vec::new();
        for entry in fs::read_dir(path)? {
            let path = entry?.path();
            if path.is_file() {
                files.push(path);
            }
            if files.len() > AUDIT_SEGMENTS_MAX {
                return Err(io::Error::other(format!("more than {AUDIT_SEGMENTS_MAX} files")));
            }
        }
        files.sort();
        Ok(Self { left: files.into_iter(), now: None })
    }
}

impl Read for Folder {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(file) = &mut self.now {
                match file.read(into)? {
                    0 => {
                        self.now = None;
                        // One note may not run into the next.
                        return (&b"\n"[..]).read(into);
                    }
                    read => return Ok(read),
                }
            }
            match self.left.next() {
                Some(path) => self.now = Some(File::open(path)?),
                None => return Ok(0),
            }
        }
    }
}
