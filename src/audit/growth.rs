//! How a log grew from one size of its tree to another, proven as it is read.
//!
//! A witness keeps one size of a log and wants a proof for each further one. [`Growth`] keeps the
//! tree of that size, as peaks, so that a proof costs the reading of what was added since and not
//! of the whole log. Nothing here trusts a place in a file: where the tree does not lead to the
//! root that was signed, the log is read once more from its beginning before anything is said.

use std::fs::File;
use std::io::{self, BufReader, Read as _, Seek as _, SeekFrom};
use std::ops::Range;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::checkpoint::{Checkpoint, Notes, Step as NoteStep};
use super::lines::{Step, step};
use super::merkle::{Frontier, Gather, Hash, consistency_ranges};
use super::note::Note;
use super::segments;
use super::storage::CHECKPOINTS_FILE;
use super::stub::leaf_of;
use crate::limits::AUDIT_NOTE_BYTES_MAX;

/// The last checkpoint that a log made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Latest {
    /// The signed note.
    pub note: String,
    /// Records that it covers.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
    /// Which log.
    pub origin: String,
}

/// Reads the last whole checkpoint of the log in `dir`; none where none was made yet.
///
/// # Errors
/// What the system says, but for a missing file.
pub fn latest(dir: &Path) -> io::Result<Option<Latest>> {
    let mut file = match File::open(dir.join(CHECKPOINTS_FILE)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let bytes = file.metadata()?.len();
    let room = u64::try_from(2 * AUDIT_NOTE_BYTES_MAX).unwrap_or(u64::MAX);
    let from = bytes.saturating_sub(room);
    file.seek(SeekFrom::Start(from))?;
    let mut end = Vec::new();
    file.take(room).read_to_end(&mut end)?;
    // What was cut at the front is half a note.
    let begin = if from == 0 { 0 } else { memchr::memmem::find(&end, b"\n\n").unwrap_or(0) };
    let mut notes = Notes::new(end.get(begin..).unwrap_or_default());
    let mut found = None;
    loop {
        match notes.step()? {
            NoteStep::Note(note) => {
                found = read_checkpoint(&note).or(found);
            }
            NoteStep::NoNote => {}
            NoteStep::Torn | NoteStep::End => return Ok(found),
        }
    }
}

/// Reads a checkpoint; whether its signatures are right is not asked.
#[must_use]
pub fn read_checkpoint(note: &str) -> Option<Latest> {
    let head = Note::parse(note).ok()?.text.parse::<Checkpoint>().ok()?;
    let Checkpoint { origin, size, root, .. } = head;
    Some(Latest { note: note.to_owned(), size, root, origin })
}

/// Why nothing can be proven.
#[derive(Debug, thiserror::Error)]
pub enum GrowError {
    /// A file cannot be read.
    #[error("the log cannot be read: {0}")]
    Io(#[from] io::Error),
    /// The log is not what was signed.
    #[error("the log does not lead to the root of its checkpoint: see `sallyport audit verify`")]
    Contradiction,
}

/// The tree of a log at one size, and where reading goes on.
#[derive(Debug, Clone)]
pub struct Growth {
    dir: PathBuf,
    tree: Frontier,
    place: Option<Place>,
}

/// Where the record behind the tree's last one begins, in a file that was not replaced since.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    segment: u64,
    id: (u64, u64),
    bytes: u64,
}

/// What was found on the way to a checkpoint.
#[derive(Debug, Clone)]
pub struct Grown {
    /// The proof, from the size before to that of the checkpoint; RFC 9162 section 2.1.4.
    pub proof: Vec<Hash>,
    /// The tree of the checkpoint.
    pub then: Growth,
}

impl Growth {
    /// Of the log in `dir`, of no record.
    #[must_use]
    pub fn new(dir: &Path) -> Self {
        Self { dir: dir.to_path_buf(), tree: Frontier::default(), place: None }
    }

    /// As it was kept: `size` records with these peaks, if that many peaks make such a tree.
    #[must_use]
    pub fn of(dir: &Path, size: u64, peaks: Vec<Hash>) -> Option<Self> {
        Some(Self { tree: Frontier::of(size, peaks)?, ..Self::new(dir) })
    }

    /// Records of the tree.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.tree.size()
    }

    /// What [`Growth::of`] takes.
    #[must_use]
    pub fn peaks(&self) -> &[Hash] {
        self.tree.peaks()
    }

    /// The root over them.
    #[must_use]
    pub fn root(&self) -> Hash {
        self.tree.root()
    }

    /// The tree of the first `size` records, read from here or from the beginning.
    ///
    /// # Errors
    /// [`GrowError`]; also where the log has fewer records.
    pub fn at(&self, size: u64) -> Result<Self, GrowError> {
        let mut growth = if size < self.size() { Self::new(&self.dir) } else { self.clone() };
        growth.read(size, |_| {})?;
        Ok(growth)
    }

    /// Proves that the tree of a checkpoint continues this one.
    ///
    /// # Errors
    /// [`GrowError::Contradiction`] where the log, read from its beginning, does not lead to it.
    pub fn to(&self, latest: &Latest) -> Result<Grown, GrowError> {
        if self.size() > latest.size {
            return Err(GrowError::Contradiction);
        }
        match self.grown(latest) {
            // A kept tree or a place may be wrong without anybody's fault: a purge rewrites files.
            Err(GrowError::Contradiction) => Self::new(&self.dir).at(self.size())?.grown(latest),
            known => known,
        }
    }

    fn grown(&self, latest: &Latest) -> Result<Grown, GrowError> {
        let (old, new) = (self.size(), latest.size);
        let mut proof = Vec::new();
        let ranges = consistency_ranges(old, new).unwrap_or_default();
        let added = ranges.iter().filter(|range| range.start >= old).cloned().collect();
        let mut gather = Gather::starting(old, added);
        let mut then = self.clone();
        then.read(new, |leaf| gather.push(leaf))?;
        if then.tree.root() != latest.root {
            return Err(GrowError::Contradiction);
        }
        let mut added = gather.finish().ok_or(GrowError::Contradiction)?.into_iter();
        for range in &ranges {
            // Each range within the old tree is one of its full trees.
            let hash = if range.start < old { peak(&self.tree, range) } else { added.next() };
            proof.push(hash.ok_or(GrowError::Contradiction)?);
        }
        Ok(Grown { proof, then })
    }

    /// Reads records until the tree has `size` of them.
    fn read(&mut self, size: u64, mut each: impl FnMut(Hash)) -> Result<(), GrowError> {
        let mut line = Vec::new();
        while self.size() < size {
            let before = self.size();
            let (mut reader, mut place) = self.open()?;
            while self.size() < size {
                match step(&mut reader, &mut line, &mut place.bytes)? {
                    Step::Line => {}
                    Step::End => break,
                    Step::TooLong | Step::Torn { .. } => return Err(GrowError::Contradiction),
                }
                let leaf = leaf_of(&line);
                self.tree.push(leaf);
                each(leaf);
            }
            self.place = Some(place);
            if self.size() == before {
                // The segment has ended and no other follows.
                return Err(GrowError::Contradiction);
            }
        }
        Ok(())
    }

    /// The file that holds the next record, at that record.
    fn open(&self) -> Result<(BufReader<File>, Place), GrowError> {
        let next = self.size() + 1;
        let segments = segments::list(&self.dir)?;
        let holds = segments.iter().rev().find(|segment| segment.first <= next);
        let segment = holds.ok_or(GrowError::Contradiction)?.first;
        let file = File::open(self.dir.join(segments::name(segment)))?;
        let facts = file.metadata()?;
        let id = (facts.dev(), facts.ino());
        let mut reader = BufReader::with_capacity(READ_BYTES, file);
        let same = |place: &Place| {
            place.segment == segment && place.id == id && place.bytes <= facts.len()
        };
        if let Some(place) = self.place.filter(same) {
            reader.seek(SeekFrom::Start(place.bytes))?;
            return Ok((reader, place));
        }
        let mut place = Place { segment, id, bytes: 0 };
        // Records of the segment that the tree has already.
        let mut line = Vec::new();
        for _ in segment..next {
            if step(&mut reader, &mut line, &mut place.bytes)? != Step::Line {
                return Err(GrowError::Contradiction);
            }
        }
        Ok((reader, place))
    }
}

/// The root of the full tree over `range`, if it is one of those of `tree`.
fn peak(tree: &Frontier, range: &Range<u64>) -> Option<Hash> {
    let (mut start, mut rest) = (0, tree.size());
    for peak in tree.peaks() {
        let length = 1 << rest.checked_ilog2()?;
        if (start..start + length) == *range {
            return Some(*peak);
        }
        (start, rest) = (start + length, rest - length);
    }
    None
}

const READ_BYTES: usize = 256 * 1024;
