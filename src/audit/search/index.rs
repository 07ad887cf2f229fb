//! The index of one finished segment: its blocks with their times, and which values stand in which.
//!
//! A file is the length and the last leaf hash of its segment, the blocks, the sorted pairs of
//! hashed value and block, and a SHA-256 over all that, which finds damage, not malice.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, BufReader, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _};
use std::path::Path;

use aws_lc_rs::digest::{SHA256, digest};

use super::super::lines::{Step, step};
use super::super::merkle::{Hash, leaf_hash};
use super::super::queue::AUDIT_LINE_BYTES_MAX;
use super::query::{Field, is_stamp};
use super::seen::Seen;
use super::{AUDIT_INDEX_BLOCK_BYTES, AUDIT_INDEX_BLOCKS_MAX, AUDIT_INDEX_PAIRS_MAX};

/// Which segment an index belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Of {
    pub(super) bytes: u64,
    last: Hash,
}

impl Of {
    /// Of a segment as it is; nothing where it does not end in a whole line.
    pub(super) fn file(file: &File) -> io::Result<Option<Self>> {
        let bytes = file.metadata()?.len();
        for room in [TAIL_BYTES, AUDIT_LINE_BYTES_MAX as u64 + 1] {
            let from = bytes.saturating_sub(room);
            let mut tail = vec![0; usize::try_from(bytes - from).unwrap_or(0)];
            file.read_exact_at(&mut tail, from)?;
            let Some(text) = tail.strip_suffix(b"\n") else { return Ok(None) };
            let line = match memchr::memrchr(b'\n', text) {
                Some(end) => text.get(end + 1..),
                None if from == 0 => Some(text),
                None => continue,
            };
            return Ok(line.map(|line| Self { bytes, last: leaf_hash(line) }));
        }
        Ok(None)
    }
}

/// Lines of a segment that are read together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) start: u64,
    pub(super) end: u64,
    /// The first and the last time in it, where that is known.
    pub(super) times: Option<(String, String)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Index {
    pub(super) blocks: Vec<Block>,
    /// Pairs of [`PAIR_BYTES`], sorted; none where there would be too many.
    pairs: Option<Vec<u8>>,
}

/// How many bytes a block of a segment has at least.
pub(super) fn block_bytes(segment: u64) -> u64 {
    AUDIT_INDEX_BLOCK_BYTES.max(segment.div_ceil(AUDIT_INDEX_BLOCKS_MAX))
}

impl Index {
    /// Reads a segment to its end.
    pub(super) fn build(file: &File, of: &Of, mut read: impl FnMut(u64)) -> io::Result<Self> {
        let mut reader = BufReader::with_capacity(READ_BYTES, file);
        let mut draft = Draft::new(block_bytes(of.bytes));
        let (mut line, mut at) = (Vec::new(), 0);
        loop {
            let start = at;
            match step(&mut reader, &mut line, &mut at)? {
                Step::Line => draft.add(start, at, &line),
                // They are reported by whoever reads the block.
                Step::TooLong | Step::Torn { .. } => draft.add(start, at, b""),
                Step::End => return Ok(draft.finish()),
            }
            read(at - start);
        }
    }

    /// Blocks that may hold all of the values, in order.
    pub(super) fn candidates(&self, hashes: &[u64]) -> Vec<&Block> {
        let Some(pairs) = &self.pairs else { return self.blocks.iter().collect() };
        let (pairs, _) = pairs.as_chunks::<PAIR_BYTES>();
        let mut wanted: Option<HashSet<u32>> = None;
        for hash in hashes {
            let from = pairs.partition_point(|pair| unpair(pair).0 < *hash);
            let with = pairs.iter().skip(from).map(unpair).take_while(|(found, _)| found == hash);
            let with = with.map(|(_, block)| block);
            wanted = Some(match &wanted {
                None => with.collect(),
                Some(before) => with.filter(|block| before.contains(block)).collect(),
            });
        }
        let Some(wanted) = wanted else { return self.blocks.iter().collect() };
        let numbered = (0_u32..).zip(&self.blocks);
        numbered.filter(|(n, _)| wanted.contains(n)).map(|(_, block)| block).collect()
    }

    fn to_bytes(&self, of: &Of) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend(of.bytes.to_le_bytes());
        out.extend(of.last);
        out.extend((self.blocks.len() as u64).to_le_bytes());
        out.push(u8::from(self.pairs.is_some()));
        for block in &self.blocks {
            out.extend(block.start.to_le_bytes());
            match &block.times {
                Some((first, last)) => out.extend([first.as_bytes(), last.as_bytes()].concat()),
                None => out.extend([0; 2 * STAMP_BYTES]),
            }
        }
        out.extend(self.pairs.iter().flatten());
        let sum = digest(&SHA256, &out);
        out.extend(sum.as_ref());
        out
    }

    /// Nothing for what is damaged or belongs to another segment.
    fn from_bytes(bytes: &[u8], of: &Of) -> Option<Self> {
        let (body, sum) = bytes.split_at_checked(bytes.len().checked_sub(SUM_BYTES)?)?;
        let rest = body.strip_prefix(MAGIC)?;
        let (found, rest) = number(rest)?;
        let rest = rest.strip_prefix(of.last.as_slice()).filter(|_| found == of.bytes)?;
        let (count, rest) = number(rest)?;
        let (table, mut rest) = rest.split_first()?;
        if count > AUDIT_INDEX_BLOCKS_MAX + 1 || digest(&SHA256, body).as_ref() != sum {
            return None;
        }
        let mut blocks: Vec<Block> = Vec::new();
        for _ in 0..count {
            let (start, after) = number(rest)?;
            let (times, after) = after.split_at_checked(2 * STAMP_BYTES)?;
            rest = after;
            let times = std::str::from_utf8(times).ok()?.split_at_checked(STAMP_BYTES)?;
            let known = is_stamp(times.0) && is_stamp(times.1);
            let times = known.then(|| (times.0.to_owned(), times.1.to_owned()));
            if let Some(before) = blocks.last_mut() {
                before.end = start;
            }
            blocks.push(Block { start, end: of.bytes, times });
        }
        let whole = blocks.iter().all(|block| block.start < block.end);
        let pairs = (*table == 1).then(|| rest.to_vec());
        (whole && rest.len() % PAIR_BYTES == 0).then_some(Self { blocks, pairs })
    }

    /// The index in a file, if it fits its segment.
    pub(super) fn load(path: &Path, of: &Of) -> Option<Self> {
        // A file that is larger than any index of ours is none.
        let fits = fs::metadata(path).is_ok_and(|about| about.len() <= FILE_BYTES_MAX);
        fits.then(|| fs::read(path).ok()).flatten().and_then(|bytes| Self::from_bytes(&bytes, of))
    }

    /// Keeps the index, readable by the owner alone as the log is: it is whole or it is not there.
    pub(super) fn store(&self, path: &Path, of: &Of) -> io::Result<()> {
        let draft = path.with_extension(format!("tmp-{}", std::process::id()));
        let written = File::options()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&draft)
            .and_then(|mut file| file.write_all(&self.to_bytes(of)))
            .and_then(|()| fs::rename(&draft, path));
        if written.is_err() {
            // It may not be there; nothing reads it.
            let _ = fs::remove_file(&draft);
        }
        written
    }
}

/// Makes the folder of the indexes.
pub(super) fn folder(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    fs::DirBuilder::new().mode(0o700).create(path)
}

/// An index that grows.
struct Draft {
    block_bytes: u64,
    blocks: Vec<Block>,
    /// Values of the last block.
    values: HashSet<u64>,
    pairs: Option<Vec<(u64, u32)>>,
}

impl Draft {
    fn new(block_bytes: u64) -> Self {
        Self { block_bytes, blocks: Vec::new(), values: HashSet::new(), pairs: Some(Vec::new()) }
    }

    fn add(&mut self, start: u64, end: u64, line: &[u8]) {
        if self.blocks.last().is_none_or(|block| start - block.start >= self.block_bytes) {
            self.end_block();
            let times = Some((LATEST.to_owned(), EARLIEST.to_owned()));
            self.blocks.push(Block { start, end, times });
        }
        let Some(block) = self.blocks.last_mut() else { return };
        block.end = end;
        let Ok(seen) = Seen::read(line) else {
            // Its time is not known: no time leaves the block out.
            block.times = None;
            return;
        };
        let stamp = seen.timestamp();
        if !is_stamp(stamp) {
            block.times = None;
        } else if let Some((first, last)) = &mut block.times {
            if stamp < first.as_str() {
                stamp.clone_into(first);
            }
            if stamp > last.as_str() {
                stamp.clone_into(last);
            }
        }
        for field in Field::ALL {
            self.values.extend(seen.values(field).map(|value| field.hash(value)));
        }
    }

    fn end_block(&mut self) {
        let Some(block) = self.blocks.len().checked_sub(1) else { return };
        let values = self.values.drain();
        if let (Some(pairs), Ok(block)) = (&mut self.pairs, u32::try_from(block)) {
            pairs.extend(values.map(|hash| (hash, block)));
        }
        if self.pairs.as_ref().is_some_and(|pairs| pairs.len() > AUDIT_INDEX_PAIRS_MAX) {
            self.pairs = None;
        }
    }

    fn finish(mut self) -> Index {
        self.end_block();
        let pairs = self.pairs.map(|mut pairs| {
            pairs.sort_unstable();
            let mut bytes = Vec::with_capacity(pairs.len() * PAIR_BYTES);
            for (hash, block) in pairs {
                bytes.extend(hash.to_le_bytes());
                bytes.extend(block.to_le_bytes());
            }
            bytes
        });
        Index { blocks: self.blocks, pairs }
    }
}

fn unpair(pair: &[u8; PAIR_BYTES]) -> (u64, u32) {
    let [a, b, c, d, e, f, g, h, i, j, k, l] = *pair;
    (u64::from_le_bytes([a, b, c, d, e, f, g, h]), u32::from_le_bytes([i, j, k, l]))
}

fn number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((u64::from_le_bytes(*number), rest))
}

const MAGIC: &[u8] = b"sallyport-index 1\n";
const SUM_BYTES: usize = 32;
const STAMP_BYTES: usize = EARLIEST.len();
const PAIR_BYTES: usize = 12;
const EARLIEST: &str = "0000-00-00T00:00:00.000000Z";
const LATEST: &str = "9999-99-99T99:99:99.999999Z";
const READ_BYTES: usize = 256 * 1024;
/// Holds the last line of nearly every segment.
const TAIL_BYTES: u64 = 16 * 1024;
/// Blocks and pairs at their bounds, and room for the rest.
const FILE_BYTES_MAX: u64 =
    AUDIT_INDEX_PAIRS_MAX as u64 * PAIR_BYTES as u64 + AUDIT_INDEX_BLOCKS_MAX * 64 + 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_of_a_segment_never_exceed_audit_index_blocks_max() {
        for segment in [0, 1, AUDIT_INDEX_BLOCK_BYTES, 1 << 26, 1 << 40, u64::MAX] {
            let blocks = segment.div_ceil(block_bytes(segment));
            assert!(blocks <= AUDIT_INDEX_BLOCKS_MAX, "{segment}");
            assert!(block_bytes(segment) >= AUDIT_INDEX_BLOCK_BYTES);
        }
    }

    #[test]
    fn table_that_would_pass_audit_index_pairs_max_is_left_out_and_every_block_read() {
        let mut draft = Draft::new(AUDIT_INDEX_BLOCK_BYTES);
        draft.add(0, 10, b"");
        draft.pairs = Some(vec![(1, 0); AUDIT_INDEX_PAIRS_MAX]);
        draft.values.insert(2);
        let index = draft.finish();
        assert_eq!(index.pairs, None);
        assert_eq!(index.candidates(&[3]).len(), 1);
    }

    #[test]
    fn index_that_lacks_a_bit_or_belongs_to_another_segment_is_not_read() {
        let of = Of { bytes: 10, last: [7; 32] };
        let mut draft = Draft::new(AUDIT_INDEX_BLOCK_BYTES);
        draft.add(0, 10, br#"{"timestamp":"2026-11-23T06:25:57.123456Z","server":"a"}"#);
        let index = draft.finish();
        let bytes = index.to_bytes(&of);
        assert_eq!(Index::from_bytes(&bytes, &of), Some(index));
        for at in 0..bytes.len() {
            let mut bad = bytes.clone();
            bad[at] ^= 1;
            assert_eq!(Index::from_bytes(&bad, &of), None, "byte {at}");
            assert_eq!(Index::from_bytes(&bytes[..at], &of), None, "{at} bytes");
        }
        assert_eq!(Index::from_bytes(&bytes, &Of { bytes: 11, ..of }), None);
        assert_eq!(Index::from_bytes(&bytes, &Of { last: [8; 32], ..of }), None);
    }
}
