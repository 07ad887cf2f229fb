//! What a sink keeps on disk: its cursor, orders to send again, and what was rejected.
//!
//! Owns `sinks/NAME.cursor`, `sinks/NAME.resend` and `sinks/NAME.rejected.jsonl` in the directory
//! of the log. Guarantees: a cursor is replaced whole and synced, so that after a crash it names a
//! record that was delivered; a rejection is on the disk before the cursor passes it.

pub use crate::limits::SINK_CURSOR_BYTES_MAX;
pub use crate::limits::SINK_REASON_BYTES_MAX;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::source::Record;
use crate::audit;
use crate::hex::hex;

/// The last record that needs not be sent again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// Its number; 0 where none was delivered.
    pub seq: u64,
    /// SHA-256 of its line, by which another log under the same numbers is told apart.
    pub sha256: String,
}

impl Cursor {
    /// Before the first record.
    pub(super) const fn beginning() -> Self {
        Self { seq: 0, sha256: String::new() }
    }

    pub(super) fn at(record: &Record) -> Self {
        Self { seq: record.seq, sha256: line_hash(&record.line) }
    }
}

/// SHA-256 of a line, in hex.
pub(super) fn line_hash(line: &[u8]) -> String {
    hex(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, line).as_ref())
}

/// The files of one sink.
#[derive(Debug, Clone)]
pub struct Files {
    dir: PathBuf,
    name: String,
}

impl Files {
    /// Of the sink `name` of the log in `dir`.
    #[must_use]
    pub fn new(dir: &Path, name: &str) -> Self {
        Self { dir: dir.join(DIR), name: name.to_owned() }
    }

    /// The cursor; none where none was saved.
    ///
    /// # Errors
    /// What the system says, and that the file holds something else.
    pub fn cursor(&self) -> io::Result<Option<Cursor>> {
        let Some(text) = self.read("cursor")? else { return Ok(None) };
        serde_json::from_str(&text).map(Some).map_err(io::Error::other)
    }

    pub(super) fn save(&self, cursor: &Cursor) -> io::Result<()> {
        let text = serde_json::to_string(cursor).map_err(io::Error::other)?;
        self.replace("cursor", &text)
    }

    /// Orders the sink to begin again with record `from`, now or when it starts next.
    ///
    /// # Errors
    /// What the system says.
    pub fn order_again(&self, from: u64) -> io::Result<()> {
        self.replace("resend", &from.to_string())
    }

    /// Takes an order to begin again: the first record that is wanted.
    pub(super) fn ordered(&self) -> io::Result<Option<u64>> {
        let Some(text) = self.read("resend")? else { return Ok(None) };
        text.trim().parse().map(Some).map_err(io::Error::other)
    }

    /// The order was carried out.
    pub(super) fn order_done(&self) -> io::Result<()> {
        fs::remove_file(self.path("resend"))
    }

    /// Keeps records that the receiver will never take, with the reason.
    pub(super) fn reject(&self, rejected: &[(&Record, &str)]) -> io::Result<()> {
        self.make_dir()?;
        let mut out = Vec::new();
        let at = humantime::format_rfc3339_millis(std::time::SystemTime::now()).to_string();
        for (record, reason) in rejected {
            let reason = bounded(reason);
            let about = serde_json::json!({ "seq": record.seq, "at": at, "reason": reason });
            let about = about.to_string();
            out.extend_from_slice(about.strip_suffix('}').unwrap_or(&about).as_bytes());
            out.extend_from_slice(b",\"record\":");
            out.extend_from_slice(&record.line);
            out.extend_from_slice(b"}\n");
        }
        let path = self.path("rejected.jsonl");
        let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
        file.write_all(&out)?;
        file.sync_data()
    }

    fn path(&self, suffix: &str) -> PathBuf {
        self.dir.join(format!("{}.{suffix}", self.name))
    }

    fn make_dir(&self) -> io::Result<()> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.dir)
    }

    fn read(&self, suffix: &str) -> io::Result<Option<String>> {
        let file = match File::open(self.path(suffix)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut text = String::new();
        file.take(SINK_CURSOR_BYTES_MAX as u64).read_to_string(&mut text)?;
        Ok(Some(text))
    }

    fn replace(&self, suffix: &str, text: &str) -> io::Result<()> {
        self.make_dir()?;
        audit::replace(&self.path(suffix), text.as_bytes())
    }
}

/// The beginning of a reason, without what a terminal would obey.
fn bounded(reason: &str) -> String {
    let mut out = String::new();
    for c in reason.chars().map(|c| if c.is_control() { ' ' } else { c }) {
        if out.len() + c.len_utf8() > SINK_REASON_BYTES_MAX {
            break;
        }
        out.push(c);
    }
    out
}

const DIR: &str = "sinks";

#[cfg(test)]
mod tests {
    use super::{Cursor, Files, SINK_CURSOR_BYTES_MAX, SINK_REASON_BYTES_MAX};
    use crate::sinks::source::Record;
    use crate::sinks::testing::{Dir, line};

    #[test]
    fn cursor_reads_back_what_was_saved_last() {
        let dir = Dir::new();
        let files = Files::new(dir.path(), "siem");
        assert_eq!(files.cursor().unwrap(), None);
        for seq in [4, 17] {
            let cursor = Cursor::at(&Record { seq, line: line(seq).into() });
            files.save(&cursor).unwrap();
            assert_eq!(files.cursor().unwrap(), Some(cursor));
        }
        let bytes = std::fs::read(dir.path().join("sinks/siem.cursor")).unwrap();
        assert!(bytes.len() < SINK_CURSOR_BYTES_MAX);
        assert!(!dir.path().join("sinks/siem.cursor.new").exists());
    }

    #[test]
    fn broken_cursor_is_an_error_and_not_the_beginning_in_silence() {
        let dir = Dir::new();
        let files = Files::new(dir.path(), "siem");
        files.save(&Cursor::beginning()).unwrap();
        dir.write("sinks/siem.cursor", "{\"seq\":");
        assert!(files.cursor().is_err());
    }

    #[test]
    fn order_is_there_until_it_was_carried_out() {
        let dir = Dir::new();
        let files = Files::new(dir.path(), "siem");
        assert_eq!(files.ordered().unwrap(), None);
        files.order_again(3).unwrap();
        assert_eq!(files.ordered().unwrap(), Some(3));
        files.order_done().unwrap();
        assert_eq!(files.ordered().unwrap(), None);
    }

    #[test]
    fn rejected_record_is_kept_whole_with_a_bounded_reason() {
        let dir = Dir::new();
        let files = Files::new(dir.path(), "siem");
        let record = Record { seq: 5, line: line(5).into() };
        let reason = format!("status 400\n\u{1b}[31m{}", "é".repeat(SINK_REASON_BYTES_MAX));
        files.reject(&[(&record, &reason), (&record, "x")]).unwrap();
        let text = std::fs::read_to_string(dir.path().join("sinks/siem.rejected.jsonl")).unwrap();
        let kept: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(
            (kept.len(), &kept[0]["seq"], &kept[0]["record"]["seq"]),
            (2, &5.into(), &5.into())
        );
        let reason = kept[0]["reason"].as_str().unwrap();
        assert!(reason.len() <= SINK_REASON_BYTES_MAX && !reason.contains(char::is_control));
    }
}
