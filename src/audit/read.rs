//! Reads records back for people: parsed, filtered, one at a time.
//!
//! Checks nothing but that a line is JSON; [`super::verify`] checks the rest.

use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::lines::{Step, step};
use super::segments;

/// Why a record cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file cannot be read.
    #[error("`{path}` cannot be read: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The line is not JSON, too long, or without an end.
    #[error("line {line} is not a whole record")]
    NotARecord {
        /// Line, counted from 1.
        line: u64,
    },
}

/// Which records are wanted: those that meet every condition.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Members that must have a value: the path (`decision.allow`) and the text
    /// of the value; numbers and booleans are compared by how JSON writes them.
    pub equals: Vec<(String, String)>,
    /// Earliest `timestamp`, RFC 3339 in UTC, inclusive.
    pub since: Option<String>,
    /// Latest `timestamp`, RFC 3339 in UTC, exclusive.
    pub until: Option<String>,
}

impl Filter {
    /// Whether a record is wanted. A record without a named member is not.
    #[must_use]
    pub fn accepts(&self, record: &Value) -> bool {
        let ts = record.get("timestamp").and_then(Value::as_str);
        // RFC 3339 texts of one zone and precision sort as their times do.
        self.since.as_deref().is_none_or(|since| ts.is_some_and(|ts| ts >= since))
            && self.until.as_deref().is_none_or(|until| ts.is_some_and(|ts| ts < until))
            && self.equals.iter().all(|(path, want)| has(record, path, want))
    }
}

fn has(record: &Value, path: &str, want: &str) -> bool {
    match path.split('.').try_fold(record, |at, name| at.get(name)) {
        Some(Value::String(text)) => text == want,
        Some(other) => serde_json::to_string(other).is_ok_and(|text| text == want),
        None => false,
    }
}

/// The records of a log, in the order of the file.
#[derive(Debug)]
pub struct Records {
    reader: BufReader<File>,
    path: PathBuf,
    /// The segments behind the present one, the next at the end.
    behind: Vec<PathBuf>,
    filter: Filter,
    line: Vec<u8>,
    lines: u64,
    bytes: u64,
    bytes_total: u64,
    ended: bool,
}

impl Records {
    /// Opens the log at `path`, a file or the directory of a log.
    ///
    /// # Errors
    /// [`ReadError::Io`] when it cannot be opened.
    pub fn open(path: &Path, filter: Filter) -> Result<Self, ReadError> {
        let failed = |path: &Path, source| ReadError::Io { path: path.to_path_buf(), source };
        let mut behind = segments::files(path).map_err(|source| failed(path, source))?;
        // What is not known is shown as nothing.
        let sizes = behind.iter().map(|file| file.metadata().map_or(0, |about| about.len()));
        let bytes_total = sizes.sum();
        behind.reverse();
        let Some(first) = behind.pop() else {
            return Err(failed(path, io::ErrorKind::NotFound.into()));
        };
        match File::open(&first) {
            Ok(file) => Ok(Self {
                bytes_total,
                bytes: 0,
                reader: BufReader::new(file),
                path: first,
                behind,
                filter,
                line: Vec::new(),
                lines: 0,
                ended: false,
            }),
            Err(source) => Err(failed(&first, source)),
        }
    }

    /// Bytes that were read.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Bytes that the log had when it was opened.
    #[must_use]
    pub fn bytes_total(&self) -> u64 {
        self.bytes_total
    }

    fn step(&mut self) -> Option<Result<Value, ReadError>> {
        let stepped = step(&mut self.reader, &mut self.line, &mut self.bytes);
        self.lines += 1;
        let bad = Some(Err(ReadError::NotARecord { line: self.lines }));
        match stepped {
            Ok(Step::Line) => {
                serde_json::from_slice(&self.line).map_or(bad, |value| Some(Ok(value)))
            }
            Ok(Step::TooLong) => bad,
            Ok(Step::Torn { .. }) => {
                self.ended = true;
                bad
            }
            Ok(Step::End) => {
                self.lines -= 1;
                self.next_segment()
            }
            Err(source) => Some(Err(self.fail(source))),
        }
    }

    fn next_segment(&mut self) -> Option<Result<Value, ReadError>> {
        let Some(path) = self.behind.pop() else {
            self.ended = true;
            return None;
        };
        self.path = path;
        match File::open(&self.path) {
            Ok(file) => {
                self.reader = BufReader::new(file);
                self.step()
            }
            Err(source) => Some(Err(self.fail(source))),
        }
    }

    fn fail(&mut self, source: io::Error) -> ReadError {
        self.ended = true;
        ReadError::Io { path: self.path.clone(), source }
    }
}

impl Iterator for Records {
    type Item = Result<Value, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.ended {
            match self.step()? {
                Ok(record) if !self.filter.accepts(&record) => {}
                shown => return Some(shown),
            }
        }
        None
    }
}
