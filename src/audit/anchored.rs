//! What is known beside the log of places outside that have its checkpoints.
//!
//! Owns the folder `anchors` in the directory of the log: for each place `NAME.state` (what it has,
//! so that the next start goes on there), of a witness `NAME.cosigned` (the checkpoints with its
//! signatures) and `NAME.pub` (its key), and `NAME.refused` (that it knows another log: evidence,
//! which nothing here removes). Guarantees: each is replaced or added to whole and durably.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::growth::Growth;
use super::merkle::Hash;
use super::recover::timestamp;
use super::storage::{append_note, replace, sync_dir};
use crate::limits::{ANCHOR_FILES_MAX, ANCHOR_STATE_BYTES_MAX, AUDIT_NAME_BYTES_MAX};
use crate::vkey::WitnessKey;

/// What a place outside has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anchored {
    /// Records that its last checkpoint covers.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
    /// The tree over them, where it is known.
    pub peaks: Vec<Hash>,
    /// When it took it, in seconds since 1970.
    pub at: u64,
}

impl Anchored {
    /// The tree that was kept of the log in `dir`, if it is one.
    #[must_use]
    pub fn growth(&self, dir: &Path) -> Option<Growth> {
        Growth::of(dir, self.size, self.peaks.clone())
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    size: u64,
    root: String,
    peaks: Vec<String>,
    at: u64,
}

/// A place outside said that it knows another log than this one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refusal {
    /// When, RFC 3339.
    pub time: String,
    /// Records of the checkpoint that it was shown.
    pub size: u64,
    /// Records that it knows, where it said so.
    pub known: Option<u64>,
    /// What it said, in words.
    pub reason: String,
}

impl Refusal {
    /// Of now.
    #[must_use]
    pub fn now(size: u64, known: Option<u64>, reason: &str) -> Self {
        let time = timestamp(SystemTime::now());
        Self { time, size, known, reason: reason.to_owned() }
    }
}

/// The files of one place.
#[derive(Debug, Clone)]
pub struct AnchorFiles {
    log: PathBuf,
    name: String,
}

impl AnchorFiles {
    /// Of the place `name` of the log in `log`.
    #[must_use]
    pub fn new(log: &Path, name: &str) -> Self {
        Self { log: log.to_path_buf(), name: name.to_owned() }
    }

    /// The places that are known beside the log in `log`.
    ///
    /// # Errors
    /// What the system says; also that there are too many.
    pub fn all(log: &Path) -> io::Result<Vec<Self>> {
        let mut names = Vec::new();
        let entries = match fs::read_dir(log.join(DIR)) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        for entry in entries {
            let file = entry?.file_name();
            let Some((name, kind)) = file.to_str().and_then(|file| file.rsplit_once('.')) else {
                continue;
            };
            let known = [STATE, COSIGNED, KEY, REFUSED].contains(&kind);
            if known && !names.iter().any(|have| have == name) {
                names.push(name.to_owned());
            }
            if names.len() > ANCHOR_FILES_MAX {
                let text = format!("more than {ANCHOR_FILES_MAX} anchors in `{DIR}`");
                return Err(io::Error::other(text));
            }
        }
        names.sort();
        Ok(names.iter().map(|name| Self::new(log, name)).collect())
    }

    /// The place's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the place has; none where nothing was kept.
    ///
    /// # Errors
    /// What the system says, and that the file holds something else.
    pub fn state(&self) -> io::Result<Option<Anchored>> {
        let Some(text) = self.read(STATE, ANCHOR_STATE_BYTES_MAX)? else { return Ok(None) };
        let Written { size, root, peaks, at } = serde_json::from_str(&text)?;
        let peaks = peaks.iter().map(|hash| hash_of(hash)).collect::<Option<Vec<_>>>();
        let known = hash_of(&root).zip(peaks);
        let (root, peaks) = known.ok_or_else(|| io::Error::other("not a state of an anchor"))?;
        Ok(Some(Anchored { size, root, peaks, at }))
    }

    /// Keeps what the place has.
    ///
    /// # Errors
    /// What the system says.
    pub fn save(&self, state: &Anchored) -> io::Result<()> {
        let Anchored { size, root, peaks, at } = state;
        let peaks = peaks.iter().map(|hash| STANDARD.encode(hash)).collect();
        let written = Written { size: *size, root: STANDARD.encode(root), peaks, at: *at };
        self.put(STATE, serde_json::to_string(&written)?.as_bytes())
    }

    /// Adds a checkpoint with the signatures of a witness.
    ///
    /// # Errors
    /// What the system says.
    pub fn add_cosigned(&self, note: &str) -> io::Result<()> {
        self.make_dir()?;
        append_note(&self.path(COSIGNED), note)
    }

    /// Where the checkpoints are that a witness signed.
    #[must_use]
    pub fn cosigned(&self) -> PathBuf {
        self.path(COSIGNED)
    }

    /// Keeps the key of a witness, beside those that it had before.
    ///
    /// # Errors
    /// What the system says.
    pub fn add_key(&self, key: &WitnessKey) -> io::Result<()> {
        let mut keys = self.keys()?;
        if keys.contains(key) {
            return Ok(());
        }
        keys.push(key.clone());
        let text = keys.iter().map(|key| format!("{key}\n")).collect::<String>();
        self.put(KEY, text.as_bytes())
    }

    /// The keys of a witness, as far as lines of the file are any.
    ///
    /// # Errors
    /// What the system says.
    pub fn keys(&self) -> io::Result<Vec<WitnessKey>> {
        let text = self.read(KEY, KEYS_BYTES_MAX)?.unwrap_or_default();
        Ok(text.lines().filter_map(|line| line.parse().ok()).collect())
    }

    /// Keeps that the place knows another log, the first time that it says so.
    ///
    /// # Errors
    /// What the system says.
    pub fn add_refusal(&self, refusal: &Refusal) -> io::Result<()> {
        self.make_dir()?;
        let mut options = OpenOptions::new();
        let mut file =
            match options.write(true).create_new(true).mode(0o600).open(self.path(REFUSED)) {
                Ok(file) => file,
                Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(()),
                Err(error) => return Err(error),
            };
        writeln!(file, "{}", serde_json::to_string(refusal)?)?;
        file.sync_all()?;
        sync_dir(&self.log.join(DIR))
    }

    /// That the place knew another log, if it ever said so. A file that is there and cannot be
    /// read says so too.
    ///
    /// # Errors
    /// What the system says.
    pub fn refusal(&self) -> io::Result<Option<Refusal>> {
        let Some(text) = self.read(REFUSED, ANCHOR_STATE_BYTES_MAX)? else { return Ok(None) };
        let torn = || Refusal {
            time: "unknown".into(),
            size: 0,
            known: None,
            reason: "what it said cannot be read any more".into(),
        };
        Ok(Some(serde_json::from_str(&text).unwrap_or_else(|_| torn())))
    }

    fn path(&self, kind: &str) -> PathBuf {
        self.log.join(DIR).join(format!("{}.{kind}", self.name))
    }

    fn make_dir(&self) -> io::Result<()> {
        match DirBuilder::new().mode(0o700).create(self.log.join(DIR)) {
            Ok(()) => sync_dir(&self.log),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn put(&self, kind: &str, bytes: &[u8]) -> io::Result<()> {
        self.make_dir()?;
        replace(&self.path(kind), bytes)
    }

    fn read(&self, kind: &str, bytes_max: usize) -> io::Result<Option<String>> {
        let file = match File::open(self.path(kind)) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut text = String::new();
        file.take(bytes_max as u64).read_to_string(&mut text)?;
        Ok(Some(text))
    }
}

/// RFC 3339 of seconds since 1970, as others sign them.
pub(super) fn time_of(unix_s: u64) -> String {
    let at = UNIX_EPOCH.checked_add(Duration::from_secs(unix_s.min(TIME_MAX)));
    humantime::format_rfc3339_seconds(at.unwrap_or(UNIX_EPOCH)).to_string()
}

fn hash_of(text: &str) -> Option<Hash> {
    STANDARD.decode(text).ok()?.try_into().ok()
}

/// The end of the year 9999, which is the last that is written.
const TIME_MAX: u64 = 253_402_300_799;
/// The folder in the directory of the log.
pub(super) const DIR: &str = "anchors";
const STATE: &str = "state";
const COSIGNED: &str = "cosigned";
const KEY: &str = "pub";
const REFUSED: &str = "refused";
/// A key for each year of a century.
const KEYS_BYTES_MAX: usize = 100 * 2 * AUDIT_NAME_BYTES_MAX;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::testing::Folder;

    const KEY_LINE: &str = "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2";

    #[test]
    fn what_is_kept_of_a_place_reads_back_and_what_is_no_state_is_an_error() {
        let folder = Folder::new();
        let files = AnchorFiles::new(folder.path(), "w");
        assert_eq!((files.state().unwrap(), files.refusal().unwrap()), (None, None));
        let state = Anchored { size: 3, root: [9; 32], peaks: vec![[1; 32], [2; 32]], at: 7 };
        files.save(&state).unwrap();
        assert_eq!(files.state().unwrap(), Some(state.clone()));
        assert_eq!(state.growth(folder.path()).unwrap().size(), 3);
        // The largest one that can be: a peak for each bit.
        let large =
            Anchored { size: u64::MAX, root: [9; 32], peaks: vec![[1; 32]; 64], at: u64::MAX };
        files.save(&large).unwrap();
        assert_eq!(files.state().unwrap(), Some(large));
        let bytes = std::fs::read(folder.path().join("anchors/w.state")).unwrap();
        assert!(bytes.len() < ANCHOR_STATE_BYTES_MAX);
        folder.write("anchors/w.state", "{\"size\":3}");
        assert!(files.state().is_err());
    }

    #[test]
    fn no_time_that_a_witness_signs_is_too_much() {
        assert_eq!(time_of(1_679_315_147), "2023-03-20T12:25:47Z");
        assert_eq!(time_of(u64::MAX), "9999-12-31T23:59:59Z");
    }

    #[test]
    fn keys_are_kept_once_and_the_first_refusal_stays() {
        let folder = Folder::new();
        let files = AnchorFiles::new(folder.path(), "w");
        let key: WitnessKey = KEY_LINE.parse().unwrap();
        files.add_key(&key).unwrap();
        files.add_key(&key).unwrap();
        assert_eq!(files.keys().unwrap(), [key]);
        files.add_refusal(&Refusal::now(3, Some(9), "first")).unwrap();
        files.add_refusal(&Refusal::now(4, None, "second")).unwrap();
        let kept = files.refusal().unwrap().unwrap();
        assert_eq!((kept.size, kept.known, kept.reason.as_str()), (3, Some(9), "first"));
        folder.write("anchors/w.refused", "{");
        assert!(files.refusal().unwrap().is_some(), "half a refusal is one");
    }

    #[test]
    fn places_are_found_by_their_files_up_to_the_bound() {
        let folder = Folder::new();
        assert!(AnchorFiles::all(folder.path()).unwrap().is_empty());
        for n in 0..ANCHOR_FILES_MAX {
            let files = AnchorFiles::new(folder.path(), &format!("w{n:03}"));
            files.add_refusal(&Refusal::now(1, None, "x")).unwrap();
        }
        folder.write("anchors/w000.state", "{}");
        folder.write("anchors/readme", "{}");
        let all = AnchorFiles::all(folder.path()).unwrap();
        assert_eq!((all.len(), all[0].name()), (ANCHOR_FILES_MAX, "w000"));
        folder.write("anchors/one-more.pub", "");
        assert!(AnchorFiles::all(folder.path()).is_err());
    }
}
