//! Checks a log offline, in one pass and bounded memory.
//!
//! Needs nothing but the file. What a plain chain cannot show is listed in the
//! report: without a remembered head nobody can tell a log that was cut at its
//! end, or chained anew as a whole, from one that was not.

pub use crate::limits::AUDIT_VERIFY_OPEN_INTENTS_MAX;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader, Read as _};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::chain::{self, Head, Link};
use super::lines::{Step, step};
use super::report::{Finding, Report, Witness};
use super::storage::{HEAD_FILE, LOG_FILE, read_head};

/// The log could not be read to its end.
#[derive(Debug, thiserror::Error)]
#[error("`{path}` cannot be read: {source}")]
pub struct VerifyError {
    path: PathBuf,
    source: io::Error,
}

/// Verifies the log at `path`, a file or the directory of a log.
///
/// `expect_head` is a head that somebody remembered. `progress` is called now
/// and then with the bytes read so far.
///
/// # Errors
/// Only when the file cannot be read; what is wrong with it is in the report.
pub fn verify(
    path: &Path,
    expect_head: Option<Head>,
    mut progress: impl FnMut(u64),
) -> Result<Report, VerifyError> {
    let path = if path.is_dir() { path.join(LOG_FILE) } else { path.to_path_buf() };
    let failed = |source| VerifyError { path: path.clone(), source };
    let file = File::open(&path).map_err(failed)?;
    // Read before the log, so that a log being written cannot be behind it.
    let saved = path.parent().map_or(Ok(None), read_head);
    let mut pass = Pass::new(path.clone());
    if saved.is_err() {
        pass.report.found(Finding::HeadFileUnreadable);
    }
    pass.remember(Witness::Given, expect_head);
    pass.remember(Witness::HeadFile, saved.unwrap_or_default());
    // What is appended while we read is not chased.
    let end = file.metadata().map_err(failed)?.len();
    let mut reader = BufReader::with_capacity(READ_BYTES, (&file).take(end));
    let mut line = Vec::new();
    let mut reported = 0;
    loop {
        match step(&mut reader, &mut line, &mut pass.report.bytes).map_err(failed)? {
            Step::Line => pass.line(&line),
            Step::TooLong => pass.unreadable_line(|line| Finding::LineTooLong { line }),
            Step::Torn { bytes } => pass.torn(bytes, file.metadata().map_err(failed)?.len()),
            Step::End => break,
        }
        if pass.report.bytes - reported >= PROGRESS_BYTES {
            reported = pass.report.bytes;
            progress(reported);
        }
    }
    progress(pass.report.bytes);
    Ok(pass.finish())
}

/// The state of one pass over a log.
struct Pass {
    report: Report,
    /// Lines passed.
    lines: u64,
    /// The line before, if it was readable.
    last: Option<Head>,
    /// Number of the next record.
    expected: u64,
    remembered: Vec<(Witness, Head)>,
    /// Line of each intent without its completion, by the request id as written.
    open: HashMap<Box<str>, u64>,
    /// The bound of `open` was reached, so its contents prove nothing any more.
    open_overflowed: bool,
    /// A line was being written while we read.
    live_bytes: u64,
}

/// The members that verification looks at. Names occur once or the line is refused.
#[derive(Deserialize)]
struct Members<'a> {
    #[serde(borrow, rename = "v")]
    _v: &'a RawValue,
    #[serde(borrow, rename = "seq")]
    _seq: &'a RawValue,
    #[serde(borrow, rename = "prev")]
    _prev: &'a RawValue,
    #[serde(borrow)]
    phase: Option<&'a RawValue>,
    #[serde(borrow)]
    kind: Option<&'a RawValue>,
    #[serde(borrow)]
    request_id: Option<&'a RawValue>,
    #[serde(borrow)]
    refused: Option<&'a RawValue>,
    #[serde(borrow)]
    remembered_head: Option<&'a RawValue>,
}

impl Pass {
    fn new(path: PathBuf) -> Self {
        Self {
            report: Report { path, ..Report::default() },
            lines: 0,
            last: None,
            expected: 1,
            remembered: Vec::new(),
            open: HashMap::new(),
            open_overflowed: false,
            live_bytes: 0,
        }
    }

    fn remember(&mut self, witness: Witness, head: Option<Head>) {
        // A head of an empty log says nothing about any record.
        let head = head.filter(|head| head.seq > 0);
        self.remembered.extend(head.map(|head| (witness, head)));
    }

    fn line(&mut self, line: &[u8]) {
        let members = std::str::from_utf8(line).ok().and_then(|t| serde_json::from_str(t).ok());
        let (Some(link), Some(members)) = (chain::link(line), members) else {
            return self.unreadable_line(|line| Finding::NotARecord { line });
        };
        self.lines += 1;
        self.link(&link);
        let head = Head { seq: link.seq, hash: chain::hash(line) };
        for &(witness, remembered) in &self.remembered {
            if remembered.seq == head.seq && remembered != head {
                self.report.found(Finding::HeadMismatch { remembered, found: head, witness });
            }
        }
        self.report.records += 1;
        self.report.first_seq.get_or_insert(head.seq);
        self.report.head = Some(head);
        self.last = Some(head);
        self.expected = head.seq.saturating_add(1);
        self.call(head.seq, &members);
    }

    /// A line that cannot take part in the chain. It may stand for a record, so
    /// the next one is expected to have the number after it.
    fn unreadable_line(&mut self, finding: impl FnOnce(u64) -> Finding) {
        self.lines += 1;
        self.report.found(finding(self.lines));
        self.last = None;
        self.expected = self.expected.saturating_add(1);
    }

    /// Judges the place of a record: its number first. Only of two neighbours
    /// can the hash say something.
    fn link(&mut self, link: &Link) {
        let (line, expected, found) = (self.lines, self.expected, link.seq);
        let previous = if line == 1 { Some(Head::EMPTY) } else { self.last };
        if found > expected {
            self.report.found(Finding::SequenceGap { line, expected, found });
        } else if found < expected {
            self.report.found(Finding::OutOfOrder { line, expected, found });
        } else if previous.is_some_and(|previous| previous.hash != link.prev) {
            self.report.found(Finding::ChainBroken { line, seq: found });
        }
    }

    fn call(&mut self, seq: u64, members: &Members<'_>) {
        match members.phase.map(RawValue::get) {
            Some("\"intent\"") => {
                self.report.intents += 1;
                self.intent(members.request_id);
            }
            Some("\"completion\"") => {
                self.report.completions += 1;
                self.completion(members.request_id);
            }
            Some("\"refused\"") => self.report.refusals += 1,
            Some(_) | None => {}
        }
        match members.kind.map(RawValue::get) {
            Some("\"gap\"") => {
                let refused = members.refused.and_then(|refused| refused.get().parse().ok());
                self.report.gaps += 1;
                self.report.refused_in_gaps += refused.unwrap_or(0);
            }
            Some("\"recovery\"") => {
                self.report.recoveries += 1;
                if let Some(remembered) = members.remembered_head {
                    let remembered = unquoted(remembered.get());
                    self.report.found(Finding::LossRecorded { seq, remembered });
                }
            }
            Some(_) | None => {}
        }
    }

    fn intent(&mut self, request_id: Option<&RawValue>) {
        let Some(id) = request_id.map(RawValue::get) else { return };
        if self.open.len() >= AUDIT_VERIFY_OPEN_INTENTS_MAX || id.len() > TEXT_BYTES_MAX {
            self.open_overflowed = true;
        } else {
            self.open.insert(id.into(), self.lines);
        }
    }

    fn completion(&mut self, request_id: Option<&RawValue>) {
        let known = request_id.is_some_and(|id| self.open.remove(id.get()).is_some());
        if !known && !self.open_overflowed {
            self.report.completions_without_intent += 1;
        }
    }

    /// The file ended within a line. If it has grown since, somebody writes it.
    fn torn(&mut self, bytes: u64, file_bytes: u64) {
        if file_bytes > self.report.bytes {
            self.live_bytes = bytes;
        } else {
            self.report.found(Finding::TornTail { bytes });
        }
    }

    fn finish(mut self) -> Report {
        let last_seq = self.report.head.map_or(0, |head| head.seq);
        for &(witness, remembered) in &self.remembered {
            if remembered.seq > last_seq {
                self.report.found(Finding::Truncated { last_seq, remembered, witness });
            }
        }
        let mut open: Vec<_> = std::mem::take(&mut self.open).into_iter().collect();
        open.sort_unstable_by_key(|&(_, line)| line);
        self.report.open_intents = open.iter().map(|(id, _)| unquoted(id)).collect();
        self.state_what_was_checked();
        self.report
    }

    fn state_what_was_checked(&mut self) {
        let knows = |witness| self.remembered.iter().find(|&&(who, _)| who == witness);
        let mut checked = vec![
            "each line is one JSON record with a number and the hash of the line before it".into(),
            "numbers begin at 1 and have no holes".into(),
            "every call that ended had begun, and which calls have no recorded end".into(),
        ];
        let mut not_checked = Vec::new();
        match knows(Witness::Given) {
            Some((_, head)) => {
                checked.push(format!("whether record {} is the one remembered", head.seq))
            }
            None => not_checked.push(
                "whether the end was cut off or the whole log chained anew: that takes a head \
                 remembered elsewhere (--expect-head SEQ:HASH)"
                    .into(),
            ),
        }
        match knows(Witness::HeadFile) {
            Some((_, head)) => {
                checked.push(format!("whether record {} is the one in {HEAD_FILE}", head.seq))
            }
            None => not_checked.push(format!("no {HEAD_FILE} stands beside the log")),
        }
        let end = self.report.head.map_or(0, |head| head.seq);
        if let Some((_, head)) = knows(Witness::Given)
            && head.seq < end
        {
            let from = head.seq + 1;
            not_checked.push(format!("whether records {from} to {end} are all that followed"));
        }
        not_checked.push("who wrote the records: they carry no signature".into());
        if self.open_overflowed {
            let bound = AUDIT_VERIFY_OPEN_INTENTS_MAX;
            not_checked.push(format!(
                "which calls have no recorded end: over {bound} at one time, or with ids too long"
            ));
        }
        if self.live_bytes > 0 {
            let bytes = self.live_bytes;
            not_checked.push(format!("the last {bytes} bytes: they were just being written"));
        }
        self.report.checked = checked;
        self.report.not_checked = not_checked;
    }
}

/// The text of a JSON string as it stands in the file, in bounds.
fn unquoted(raw: &str) -> String {
    raw.trim_matches('"').chars().take(TEXT_BYTES_MAX).collect()
}

/// Length of a request id, or of a head, that is kept in memory.
const TEXT_BYTES_MAX: usize = 256;
const READ_BYTES: usize = 256 * 1024;
/// `progress` is called each time so many bytes were read.
const PROGRESS_BYTES: u64 = 4 * 1024 * 1024;
