//! Checkpoints: what the log's key signs of its tree, as C2SP `tlog-checkpoint`
//! defines it, and files of many of them.
//!
//! Pure: text in, text out. A checkpoint's text is the log's origin, the size of
//! its tree, the root in base64, and lines of our own: `time` and, where records
//! are acknowledged before they are on the disk, `durability written`.

pub use crate::limits::AUDIT_NOTE_BYTES_MAX;
use std::fmt::{self, Write as _};
use std::io::{self, BufRead, Read as _};
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::merkle::Hash;
use super::note::{SIGNATURE_MARK, is_name};

/// The text is not a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a checkpoint: origin, size, root in base64, each on its line")]
pub struct CheckpointError;

/// A tree head of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log.
    pub origin: String,
    /// Records that it covers: those with the numbers 1 to `size`.
    pub size: u64,
    /// Root of the tree over them.
    pub root: Hash,
    /// Lines behind the root.
    pub extensions: Vec<String>,
}

impl Checkpoint {
    /// The value of the extension line `NAME VALUE`.
    #[must_use]
    pub fn extension(&self, name: &str) -> Option<&str> {
        self.extensions.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n{}\n{}", self.origin, self.size, STANDARD.encode(self.root))?;
        self.extensions.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

impl FromStr for Checkpoint {
    type Err = CheckpointError;

    fn from_str(text: &str) -> Result<Self, CheckpointError> {
        let mut lines = text.strip_suffix('\n').ok_or(CheckpointError)?.split('\n');
        let origin = lines.next().filter(|origin| is_name(origin)).ok_or(CheckpointError)?;
        let size = lines.next().and_then(decimal).ok_or(CheckpointError)?;
        let root = lines.next().and_then(|root| STANDARD.decode(root).ok());
        let root = root.and_then(|root| root.try_into().ok()).ok_or(CheckpointError)?;
        let extensions: Vec<String> = lines.map(str::to_owned).collect();
        if extensions.iter().any(String::is_empty) {
            return Err(CheckpointError);
        }
        Ok(Self { origin: origin.to_owned(), size, root, extensions })
    }
}

/// A number in its one spelling: digits, no zero before others.
pub(super) fn decimal(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

/// The notes of a file, one after the other, in bounded memory.
///
/// Takes what this program writes to its checkpoints file and to anchors: notes
/// behind each other, with empty lines between; and lines of a JSON log that carry
/// a note in their member `note`. Other lines of a log are passed over.
#[derive(Debug)]
pub(super) struct Notes<R> {
    reader: R,
    line: String,
    /// `line` was read and belongs to the next note.
    pushed_back: bool,
}

/// What the next step through a file of notes brought.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A note, as it stands.
    Note(String),
    /// Lines that are no note, or not to their end.
    NoNote,
    /// The file ends within a note.
    Torn,
    End,
}

impl<R: BufRead> Notes<R> {
    pub(super) fn new(reader: R) -> Self {
        Self { reader, line: String::new(), pushed_back: false }
    }

    /// The next note.
    ///
    /// # Errors
    /// What the reader says; also that a line is not UTF-8.
    pub(super) fn step(&mut self) -> io::Result<Step> {
        let mut note = String::new();
        let mut signed = false;
        loop {
            if !self.read_line()? {
                return Ok(match (note.is_empty(), signed) {
                    (true, _) => Step::End,
                    (false, true) if note.ends_with('\n') => Step::Note(note),
                    // What was written to its end and is no note is not half of one.
                    (false, false) if note.ends_with("\n\n") => Step::NoNote,
                    (false, _) => Step::Torn,
                });
            }
            if note.is_empty() {
                if self.line.starts_with('{') {
                    if let Some(note) = logged(&self.line) {
                        return Ok(Step::Note(note));
                    }
                    continue;
                }
                if self.line == "\n" {
                    continue;
                }
            }
            let signature = self.line.starts_with(SIGNATURE_MARK);
            if signed && !signature {
                self.pushed_back = self.line != "\n";
                return Ok(Step::Note(note));
            }
            // A checkpoint has no empty line but the one before its signatures: what was
            // begun is half a note, and another begins.
            if note.ends_with("\n\n") && !signature {
                self.pushed_back = self.line != "\n";
                return Ok(Step::NoNote);
            }
            signed |= signature;
            note.push_str(&self.line);
            if note.len() > AUDIT_NOTE_BYTES_MAX {
                return Ok(Step::NoNote);
            }
        }
    }

    /// Reads a line, or as much of it as a note may have.
    fn read_line(&mut self) -> io::Result<bool> {
        if std::mem::take(&mut self.pushed_back) {
            return Ok(true);
        }
        self.line.clear();
        let bound = u64::try_from(AUDIT_NOTE_BYTES_MAX).unwrap_or(u64::MAX);
        Ok(self.reader.by_ref().take(bound).read_line(&mut self.line)? > 0)
    }
}

/// The note in a line of a JSON log.
fn logged(line: &str) -> Option<String> {
    let value: Value = serde_json::from_str(line).ok()?;
    let note = value.get("note").or_else(|| value.get("fields")?.get("note"))?;
    note.as_str().map(str::to_owned)
}

/// Appends a note to a file of notes: an empty line ends it.
pub(super) fn push_note(file: &mut String, note: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(file, "{note}");
}

/// How many of the bytes `end`, with which a file of notes ends, are whole notes.
pub(super) fn whole_bytes(end: &[u8]) -> usize {
    let ends = memchr::memmem::rfind_iter(end, b"\n\n");
    let signed = |at: &usize| {
        let before = end.get(..*at).unwrap_or_default();
        let line = memchr::memrchr(b'\n', before)
            .map_or(before, |from| before.get(from + 1..).unwrap_or_default());
        line.starts_with(SIGNATURE_MARK.as_bytes())
    };
    ends.into_iter().find(signed).map_or(0, |at| at + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "gw.example/audit\n7\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\ntime 2026-11-23T00:00:00Z\n";
    const NOTE: &str = "gw.example/audit\n7\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\u{2014} gw.example/audit AAAAAQAAAAA=\n";

    fn steps(file: &str) -> Vec<Step> {
        let mut notes = Notes::new(file.as_bytes());
        let mut steps = Vec::new();
        loop {
            steps.push(notes.step().unwrap());
            if steps.last() == Some(&Step::End) {
                return steps;
            }
        }
    }

    #[test]
    fn a_checkpoint_reads_back_what_it_prints() {
        let checkpoint: Checkpoint = TEXT.parse().unwrap();
        assert_eq!(checkpoint.to_string(), TEXT);
        assert_eq!(
            (checkpoint.size, checkpoint.extension("time")),
            (7, Some("2026-11-23T00:00:00Z"))
        );
        assert_eq!(checkpoint.extension("tim"), None);
    }

    #[test]
    fn any_other_spelling_of_a_checkpoint_is_refused() {
        for (from, to) in [
            ("gw.example/audit", ""),
            ("gw.example/audit", "gw example"),
            ("\n7\n", "\n07\n"),
            ("\n7\n", "\n+7\n"),
            ("\n7\n", "\n-7\n"),
            ("\n7\n", "\n\n"),
            ("=\n", "\n"),
            ("CsUY", "CsU"),
            ("time", "\ntime"),
            ("00Z\n", "00Z"),
        ] {
            assert_eq!(
                TEXT.replacen(from, to, 1).parse::<Checkpoint>(),
                Err(CheckpointError),
                "{to:?}"
            );
        }
    }

    #[test]
    fn a_file_of_notes_gives_each_of_them() {
        let note = || Step::Note(NOTE.to_owned());
        let mut file = String::new();
        push_note(&mut file, NOTE);
        push_note(&mut file, NOTE);
        assert_eq!(steps(&file), [note(), note(), Step::End]);
        assert_eq!(steps(&format!("{NOTE}{NOTE}")), [note(), note(), Step::End], "none between");
        let cosigned = format!("{NOTE}\u{2014} witness.example AAAAAQAAAAA=\n");
        assert_eq!(steps(&format!("\n{cosigned}\n")), [Step::Note(cosigned), Step::End]);
        assert_eq!(whole_bytes(file.as_bytes()), file.len());
        for cut in 1..file.len() / 2 {
            let torn = &file.as_bytes()[..file.len() - cut];
            assert_eq!(whole_bytes(torn), file.len() / 2, "cut by {cut}");
        }
        assert_eq!(steps(&file[..file.len() - 8])[1], Step::Torn);
    }

    #[test]
    fn half_a_note_in_the_middle_does_not_hide_the_next() {
        for cut in [3, 20, 40] {
            let file = format!("{}\n\n{NOTE}\n", &NOTE[..cut]);
            let steps = steps(&file);
            assert_eq!(steps, [Step::NoNote, Step::Note(NOTE.to_owned()), Step::End], "{file}");
        }
    }

    #[test]
    fn notes_are_found_in_the_lines_of_a_json_log() {
        let line = |value: Value| value.to_string() + "\n";
        let file = line(serde_json::json!({"message": "listening"}))
            + &line(serde_json::json!({"message": "audit checkpoint", "note": NOTE}))
            + "{not JSON\n"
            + &line(serde_json::json!({"fields": {"note": NOTE}}));
        let note = || Step::Note(NOTE.to_owned());
        assert_eq!(steps(&file), [note(), note(), Step::End]);
    }

    #[test]
    fn what_is_longer_than_a_note_is_none_and_takes_no_memory() {
        let file = "x".repeat(3 * AUDIT_NOTE_BYTES_MAX);
        assert_eq!(steps(&file)[0], Step::NoNote);
    }
}
