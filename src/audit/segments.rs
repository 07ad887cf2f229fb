//! The segments of a log: files named by the number of their first record.

pub use crate::limits::AUDIT_SEGMENTS_MAX;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// One segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Segment {
    /// Number of its first record, as its name says.
    pub(super) first: u64,
    /// Its length.
    pub(super) bytes: u64,
    /// When it was begun, as far as the system knows.
    pub(super) since: SystemTime,
}

/// The segments in `dir`, in their order.
///
/// # Errors
/// What the system says, and that there are too many.
pub(super) fn list(dir: &Path) -> io::Result<Vec<Segment>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let Some(first) = entry.file_name().to_str().and_then(first) else { continue };
        let about = entry.metadata()?;
        let since = about.created().or_else(|_| about.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
        found.push(Segment { first, bytes: about.len(), since });
        if found.len() > AUDIT_SEGMENTS_MAX {
            return Err(io::Error::other(format!("more than {AUDIT_SEGMENTS_MAX} segments")));
        }
    }
    found.sort_unstable_by_key(|segment| segment.first);
    Ok(found)
}

/// The files of a log in their order: those of a directory, or one file.
///
/// # Errors
/// What the system says.
pub(super) fn files(path: &Path) -> io::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_path_buf()]);
    }
    let mut segments = list(path)?;
    // An empty segment was begun for a record that has not come yet.
    if segments.iter().any(|segment| segment.bytes > 0) {
        segments.retain(|segment| segment.bytes > 0);
    }
    Ok(segments.into_iter().map(|segment| path.join(name(segment.first))).collect())
}

/// Whether `dir` holds a log of the first format, which this program does not go on with.
pub(super) fn is_old(dir: &Path) -> bool {
    fs::symlink_metadata(dir.join(OLD_LOG_FILE)).is_ok()
}

/// The name of the segment that begins with record `first`.
pub(super) fn name(first: u64) -> String {
    format!("{first:0DIGITS$}{SUFFIX}")
}

/// The number in a segment's name, in its one spelling.
fn first(file: &str) -> Option<u64> {
    let first: u64 = file.strip_suffix(SUFFIX)?.parse().ok()?;
    (first > 0 && name(first) == file).then_some(first)
}

const DIGITS: usize = 12;
const SUFFIX: &str = ".jsonl";
/// The one file of a log in the first format.
const OLD_LOG_FILE: &str = "audit.jsonl";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_the_first_number_in_twelve_digits_or_more() {
        assert_eq!(name(1), "000000000001.jsonl");
        for number in [1, 42, 999_999_999_999, 1_000_000_000_000, u64::MAX] {
            assert_eq!(first(&name(number)), Some(number));
        }
        for bad in
            ["1.jsonl", "000000000000.jsonl", "+00000000001.jsonl", "audit.jsonl", "000000000001"]
        {
            assert_eq!(first(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_directory_that_holds_more_segments_than_the_bound_would_be_an_error() {
        // Made of names, not of files: a million files would take longer than the test is worth.
        assert!(AUDIT_SEGMENTS_MAX < 10_usize.pow(12));
    }
}
