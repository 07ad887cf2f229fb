//! Checks a log offline, in one pass and bounded memory.
//!
//! Needs the log, and whatever else the auditor has: the public key, checkpoints
//! from outside, the first MAC key, a remembered head. What could not be checked
//! without one of them is listed in the report.

mod calls;
mod folder;
mod heads;
mod purges;
mod witnesses;

pub use crate::limits::AUDIT_VERIFY_OPEN_INTENTS_MAX;
use std::fs::File;
use std::io::{self, BufReader, Read as _};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::chain::{self, Head};
use super::lines::{Step, step};
use super::merkle::{Frontier, Hash, leaf_hash};
use super::note::VerifierKey;
use super::purge::Purge;
use super::ratchet::Ratchet;
use super::report::{Finding, Report, TreeHead, Witness};
use super::segments;
use super::state::FirstKey;
use super::stub::{Stub, stub};
use crate::limits::AUDIT_MAC_SKIP_MAX;
use crate::vkey::WitnessKey;
use calls::Calls;
use heads::Heads;
use purges::Purges;

/// The log could not be read to its end.
#[derive(Debug, thiserror::Error)]
#[error("`{path}` cannot be read: {source}")]
pub struct VerifyError {
    path: PathBuf,
    source: io::Error,
}

/// What the auditor brings along.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    /// Public keys; where there are none, those beside the log are taken.
    pub keys: Vec<VerifierKey>,
    /// Files of checkpoints that the log's holder could not change, or folders of such files.
    pub anchors: Vec<PathBuf>,
    /// Keys of witnesses, beside those that lie with the log.
    pub witnesses: Vec<WitnessKey>,
    /// First keys of the MACs.
    pub first_keys: Vec<FirstKey>,
    /// A head that somebody remembered.
    pub head: Option<Head>,
}

/// Verifies the log at `path`, a file or the directory of a log. `progress` is
/// called now and then with the bytes read so far.
///
/// # Errors
/// Only when a file cannot be read; what is wrong with it is in the report.
pub fn verify(
    path: &Path,
    trust: &Trust,
    mut progress: impl FnMut(u64),
) -> Result<Report, VerifyError> {
    let failed = |path: &Path, source| VerifyError { path: path.to_path_buf(), source };
    let here = |source| failed(path, source);
    if segments::is_old(path) {
        let text = "a log of an older format; the program that wrote it verifies it";
        return Err(here(io::Error::other(text)));
    }
    let beside = if path.is_dir() { Some(path) } else { None };
    // Opened before the log, so that a log being written cannot be behind them.
    let heads = Heads::open(beside, trust);
    let heads = heads.map_err(|(at, source)| failed(&at, source))?;
    let mut pass = Pass::new(path.to_path_buf(), trust, heads);
    let files = segments::files(path).map_err(here)?;
    if files.is_empty() {
        return Err(here(io::ErrorKind::NotFound.into()));
    }
    let mut reported = 0;
    for file in &files {
        let last = files.last() == Some(file);
        let read = pass.segment(file, last, |bytes| {
            if bytes - reported >= PROGRESS_BYTES {
                reported = bytes;
                progress(bytes);
            }
        });
        read.map_err(|source| failed(file, source))?;
    }
    progress(pass.report.bytes);
    Ok(pass.finish())
}

/// The state of one pass over a log.
struct Pass<'a> {
    report: Report,
    trust: &'a Trust,
    /// Lines passed, over all segments.
    lines: u64,
    /// The line before, if it was readable.
    last: Option<Head>,
    /// Number of the next record.
    expected: u64,
    /// All records, while each of them could be read.
    tree: Option<Frontier>,
    heads: Heads,
    /// The key of the next MAC, where the first was given.
    ratchet: Option<Ratchet>,
    /// By how much the number of a MAC's key exceeds that of its record.
    skipped: u64,
    calls: Calls,
    purges: Purges,
    /// It is a log's directory, not one file of it.
    whole: bool,
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
    #[serde(borrow)]
    mac_key: Option<&'a RawValue>,
    #[serde(borrow)]
    mac_restarted: Option<&'a RawValue>,
    #[serde(borrow)]
    old: Option<&'a RawValue>,
    #[serde(borrow)]
    new: Option<&'a RawValue>,
    #[serde(borrow)]
    signature: Option<&'a RawValue>,
    #[serde(borrow, rename = "mac")]
    _mac: &'a RawValue,
}

impl Members<'_> {
    fn is(&self, kind: &str) -> bool {
        self.kind.map(RawValue::get).is_some_and(|raw| raw.trim_matches('"') == kind)
    }
}

impl<'a> Pass<'a> {
    fn new(path: PathBuf, trust: &'a Trust, heads: Heads) -> Self {
        let first = trust.first_keys.iter().find(|key| key.ratchet.index() == 1);
        let mut pass = Self {
            trust,
            lines: 0,
            last: None,
            expected: 1,
            tree: Some(Frontier::default()),
            heads,
            ratchet: first.map(|key| key.ratchet.clone()),
            skipped: 0,
            calls: Calls::default(),
            purges: Purges::default(),
            whole: path.is_dir(),
            live_bytes: 0,
            report: Report { path, ..Report::default() },
        };
        pass.heads.meet(&Frontier::default(), &mut pass.report);
        pass
    }

    /// Reads one segment.
    fn segment(
        &mut self,
        path: &Path,
        last: bool,
        mut progress: impl FnMut(u64),
    ) -> io::Result<()> {
        let file = File::open(path)?;
        // What is appended while we read is not chased.
        let end = file.metadata()?.len();
        let before = self.report.bytes;
        let mut reader = BufReader::with_capacity(READ_BYTES, (&file).take(end));
        let mut line = Vec::new();
        self.report.segments += 1;
        loop {
            match step(&mut reader, &mut line, &mut self.report.bytes)? {
                Step::Line => self.line(&line),
                Step::TooLong => self.unreadable_line(|line| Finding::LineTooLong { line }),
                Step::Torn { bytes } => {
                    // If the file has grown since, somebody writes it.
                    let grown = before + file.metadata()?.len() > self.report.bytes;
                    if last && grown {
                        self.live_bytes = bytes;
                    } else {
                        self.report.found(Finding::TornTail { bytes });
                    }
                }
                Step::End => return Ok(()),
            }
            progress(self.report.bytes);
        }
    }

    fn line(&mut self, line: &[u8]) {
        if let Some(stub) = stub(line) {
            return self.stub(&stub);
        }
        let members = std::str::from_utf8(line).ok().and_then(|t| serde_json::from_str(t).ok());
        let (Some(link), Some(mac), Some(members)) = (chain::link(line), chain::mac(line), members)
        else {
            return self.unreadable_line(|line| Finding::NotARecord { line });
        };
        let members: Members<'_> = members;
        self.lines += 1;
        self.link(link.seq, Some(link.prev));
        let head = Head { seq: link.seq, hash: leaf_hash(line) };
        self.mac(head.seq, mac, &members);
        if members.is("key_rotation") {
            self.rotation(head.seq, &members);
        }
        if members.is("purge") {
            self.purges.record(head.seq, Purge::of(line), &mut self.report);
        }
        self.calls.record(self.lines, head.seq, &members, &mut self.report);
        self.take(head);
    }

    /// A record whose body is gone: its number and its leaf are left.
    fn stub(&mut self, stub: &Stub) {
        self.lines += 1;
        self.link(stub.seq, None);
        let index = stub.seq.saturating_add(self.skipped);
        if let Some(ratchet) = self.ratchet.as_mut().filter(|ratchet| ratchet.index() == index) {
            ratchet.skip();
        }
        self.purges.stub(stub, &mut self.report);
        self.take(Head { seq: stub.seq, hash: stub.leaf });
    }

    /// The next record.
    fn take(&mut self, head: Head) {
        if let Some(remembered) = self.trust.head.filter(|r| r.seq == head.seq && *r != head) {
            let witness = Witness::Given;
            self.report.found(Finding::HeadMismatch { remembered, found: head, witness });
        }
        self.report.records += 1;
        self.report.first_seq.get_or_insert(head.seq);
        self.report.head = Some(head);
        self.last = Some(head);
        self.expected = head.seq.saturating_add(1);
        if let Some(tree) = &mut self.tree {
            tree.push(head.hash);
            self.heads.meet(tree, &mut self.report);
        }
    }

    /// A line that cannot take part in the chain. It may stand for a record, so
    /// the next one is expected to have the number after it.
    fn unreadable_line(&mut self, finding: impl FnOnce(u64) -> Finding) {
        self.lines += 1;
        self.report.found(finding(self.lines));
        self.last = None;
        self.tree = None;
        self.expected = self.expected.saturating_add(1);
    }

    /// Judges the place of a record: its number first. Only of two neighbours
    /// can the hash say something.
    fn link(&mut self, found: u64, prev: Option<Hash>) {
        let (line, expected) = (self.lines, self.expected);
        let previous = if line == 1 { Some(Head::EMPTY) } else { self.last };
        if found > expected {
            self.report.found(Finding::SequenceGap { line, expected, found });
            self.tree = None;
        } else if found < expected {
            self.report.found(Finding::OutOfOrder { line, expected, found });
            self.tree = None;
        } else if previous.zip(prev).is_some_and(|(previous, prev)| previous.hash != prev) {
            self.report.found(Finding::ChainBroken { line, seq: found });
        }
    }

    /// Judges a record's MAC, where the first key is known.
    fn mac(&mut self, seq: u64, (covered, tag): (&[u8], [u8; 16]), members: &Members<'_>) {
        if members.mac_restarted.is_some() && members.is("recovery") {
            self.report.found(Finding::MacRestarted { seq });
            let keys = &self.trust.first_keys;
            let again = keys.iter().find(|key| key.ratchet.index() == seq && seq > 1);
            self.ratchet = again.map(|key| key.ratchet.clone());
            self.skipped = 0;
        }
        if let Some(index) = members.mac_key.filter(|_| members.is("recovery")) {
            let index = index.get().parse().unwrap_or(u64::MAX);
            self.skipped = self.skipped.max(index.saturating_sub(seq));
        }
        let Some(ratchet) = &mut self.ratchet else { return };
        let index = seq.saturating_add(self.skipped);
        if index.saturating_sub(ratchet.index()) > AUDIT_MAC_SKIP_MAX {
            self.ratchet = None;
            return self.report.found(Finding::MacInvalid { line: self.lines, seq });
        }
        while ratchet.index() < index {
            ratchet.skip();
        }
        // A record in a place behind its own: no key leads back to it.
        if ratchet.index() > index {
            return;
        }
        if ratchet.verifies(covered, &tag) {
            self.report.macs += 1;
        } else {
            self.report.found(Finding::MacInvalid { line: self.lines, seq });
        }
    }

    /// A record that says that another key signs from here on.
    fn rotation(&mut self, seq: u64, members: &Members<'_>) {
        let of = |member: Option<&RawValue>| member.and_then(text).unwrap_or_default();
        let (old, new, signature) = (of(members.old), of(members.new), of(members.signature));
        if self.heads.rotate(seq, &old, &new, &signature) {
            self.report.rotations += 1;
        } else {
            self.report.found(Finding::RotationInvalid { seq });
        }
    }

    fn finish(mut self) -> Report {
        let last_seq = self.report.head.map_or(0, |head| head.seq);
        if let Some(remembered) = self.trust.head.filter(|head| head.seq > last_seq) {
            let (remembered, witness) = (remembered.seq, Witness::Given);
            self.report.found(Finding::Truncated { last_seq, remembered, witness });
        }
        self.heads.finish(last_seq, self.tree.is_some(), &mut self.report);
        let head = |tree: &Frontier| TreeHead { size: tree.size(), root: tree.root() };
        self.report.tree = self.tree.as_ref().filter(|tree| tree.size() > 0).map(head);
        self.calls.finish(&mut self.report);
        self.purges.finish(self.whole, &mut self.report);
        self.state_what_was_checked(last_seq);
        self.report
    }

    fn state_what_was_checked(&mut self, end: u64) {
        let mut checked = vec![
            "each line is one JSON record with a number and the hash of the line before it".into(),
            "numbers begin at 1 and have no holes".into(),
        ];
        if self.report.purged == 0 {
            checked.push(
                "every call that ended had begun, and which calls have no recorded end".into(),
            );
        }
        let mut not_checked = Vec::new();
        self.heads.state(&self.report, &mut checked, &mut not_checked);
        self.macs_checked(&mut checked, &mut not_checked);
        self.purges.state(&self.report, self.whole, &mut checked, &mut not_checked);
        match self.trust.head {
            Some(head) => {
                checked.push(format!("whether record {} is the one remembered", head.seq))
            }
            // What a witness leaves open is said with its name.
            None if self.heads.vouched() => {}
            None if self.trust.anchors.is_empty() => not_checked.push(
                "whether the end was cut off or all was made anew by who has the keys: that takes \
                 checkpoints from outside (--anchor FILE) or a remembered head (--expect-head)"
                    .into(),
            ),
            None => {}
        }
        let known = self.trust.head.map_or(0, |head| head.seq).max(self.report.anchored_seq);
        if known > 0 && known < end {
            let from = known + 1;
            not_checked.push(format!("whether records {from} to {end} are all that followed"));
        }
        self.calls.state(&mut not_checked);
        if self.live_bytes > 0 {
            let bytes = self.live_bytes;
            not_checked.push(format!("the last {bytes} bytes: they were just being written"));
        }
        self.report.checked = checked;
        self.report.not_checked = not_checked;
    }

    fn macs_checked(&self, checked: &mut Vec<String>, not_checked: &mut Vec<String>) {
        let macs = self.report.macs;
        let records = self.report.records.saturating_sub(self.report.purged);
        if macs > 0 {
            checked.push(format!("MACs of {macs} records: they were not made with a later key"));
        }
        if self.trust.first_keys.is_empty() {
            not_checked.push(
                "the MACs, by which records from before a theft of the keys are told from forged \
                 ones: that takes the log's first MAC key (--mac-key FILE)"
                    .into(),
            );
        } else if macs < records {
            not_checked.push(format!("MACs of {} records", records - macs));
        }
    }
}

/// The text of a JSON string.
fn text(raw: &RawValue) -> Option<String> {
    serde_json::from_str(raw.get()).ok()
}

const READ_BYTES: usize = 256 * 1024;
/// `progress` is called each time so many bytes were read.
const PROGRESS_BYTES: u64 = 4 * 1024 * 1024;
