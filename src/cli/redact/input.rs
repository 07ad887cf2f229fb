//! What is read: stdin, files, and the files of folders.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::report::Left;
use crate::limits::REDACT_FOLDERS_MAX;

/// One text to redact.
#[derive(Debug, Clone)]
pub(super) enum Input {
    Stdin,
    /// A file, and how much of its path names the folder that was asked for.
    File {
        path: PathBuf,
        root: usize,
    },
    /// What is no file, or cannot be looked at.
    Other(PathBuf),
}

impl Input {
    /// How it is called in reports.
    pub(super) fn name(&self) -> String {
        match self {
            Input::Stdin => String::from("-"),
            Input::File { path, .. } | Input::Other(path) => super::shown(&path.to_string_lossy()),
        }
    }

    pub(super) fn path(&self) -> Option<&Path> {
        match self {
            Input::File { path, .. } => Some(path),
            Input::Stdin | Input::Other(_) => None,
        }
    }

    /// Its size, as far as that is known before.
    pub(super) fn bytes(&self) -> u64 {
        self.path().and_then(|path| fs::metadata(path).ok()).map_or(0, |found| found.len())
    }

    /// Where its result stands in the folder of results.
    pub(super) fn below(&self) -> PathBuf {
        match self {
            Input::Stdin => PathBuf::from("stdin"),
            Input::File { path, root } => path.components().skip(*root).collect(),
            Input::Other(path) => path.clone(),
        }
    }

    pub(super) fn open(&self) -> Result<Box<dyn Read>, Left> {
        match self {
            Input::Stdin => Ok(Box::new(io::stdin().lock())),
            Input::File { path, .. } => Ok(Box::new(File::open(path).map_err(Left::Read)?)),
            Input::Other(path) => match fs::symlink_metadata(path) {
                Ok(_) => Err(Left::NoFile),
                Err(error) => Err(Left::Read(error)),
            },
        }
    }
}

/// The files below a path, in the order of their names. Links are not followed.
#[derive(Debug)]
pub(super) struct Tree {
    /// What is still to be visited at each level, last first.
    open: Vec<Vec<PathBuf>>,
    root: usize,
}

impl Tree {
    pub(super) fn new(path: &Path) -> Tree {
        // A link that is named is meant.
        let is_folder = fs::metadata(path).is_ok_and(|found| found.is_dir());
        let parts = path.components().count();
        let root = if is_folder { parts } else { parts.saturating_sub(1) };
        Tree { open: vec![vec![path.to_path_buf()]], root }
    }

    /// The entries of a folder, last first.
    fn entries(path: &Path) -> io::Result<Vec<PathBuf>> {
        let mut all: Vec<PathBuf> =
            fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
        all.sort_unstable_by(|a, b| b.cmp(a));
        Ok(all)
    }
}

impl Iterator for Tree {
    type Item = Input;

    fn next(&mut self) -> Option<Input> {
        loop {
            let Some(path) = self.open.last_mut()?.pop() else {
                self.open.pop();
                continue;
            };
            if path.as_os_str() == "-" && self.open.len() == 1 {
                return Some(Input::Stdin);
            }
            let named = self.open.len() == 1;
            let found = if named { fs::metadata(&path) } else { fs::symlink_metadata(&path) };
            match found {
                Ok(found) if found.is_dir() && self.open.len() <= REDACT_FOLDERS_MAX => {
                    match Tree::entries(&path) {
                        Ok(entries) => self.open.push(entries),
                        Err(_) => return Some(Input::Other(path)),
                    }
                }
                Ok(found) if found.is_file() => return Some(Input::File { path, root: self.root }),
                // A pipe that is named, as `<(command)` makes it.
                Ok(found) if named && !found.is_dir() => {
                    return Some(Input::File { path, root: self.root });
                }
                Ok(_) | Err(_) => return Some(Input::Other(path)),
            }
        }
    }
}

/// Whether a file begins as no text does.
pub(super) fn is_binary(head: &[u8]) -> bool {
    memchr::memchr(0, head.get(..head.len().min(SNIFFED_BYTES)).unwrap_or_default()).is_some()
}

/// Unit: bytes. What is looked at to tell text from other data; as `git diff` does it.
const SNIFFED_BYTES: usize = 8000;
