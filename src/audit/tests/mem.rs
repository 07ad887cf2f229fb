//! A storage that fails on demand, forgets what was not synced, and can be held.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::io;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::SystemTime;

use zeroize::Zeroizing;

use super::super::segments::{self, Segment};
use super::super::storage::Storage;

/// An operation that can be told to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Op {
    /// Write only part of the bytes, then fail.
    Write,
    Sync,
    Truncate,
    Reopen,
    KeepTorn,
    Begin,
    Checkpoint,
    State,
}

/// One segment.
#[derive(Debug, Default)]
struct Bytes {
    /// What a reader sees.
    file: Vec<u8>,
    /// Which of it a sync would still write.
    dirty: Vec<bool>,
    /// What would be left after a power loss.
    durable: Vec<u8>,
}

#[derive(Debug, Default)]
struct State {
    segments: BTreeMap<u64, Bytes>,
    removed: bool,
    torn: BTreeMap<u64, Vec<u8>>,
    state: Option<Vec<u8>>,
    checkpoints: String,
    first_keys: BTreeMap<u64, String>,
    failing: HashSet<Op>,
    /// One entry per operation: whether it fails.
    script: Vec<bool>,
    held: bool,
    holding: bool,
}

/// Shared by the test and the writer under test.
#[derive(Debug, Clone, Default)]
pub(super) struct Mem(Arc<(Mutex<State>, Condvar)>);

impl Mem {
    fn inner(&self) -> MutexGuard<'_, State> {
        self.0.0.lock().unwrap()
    }

    /// All segments, one behind the other.
    pub(super) fn file(&self) -> Vec<u8> {
        self.inner().segments.values().flat_map(|bytes| bytes.file.clone()).collect()
    }

    pub(super) fn segment_count(&self) -> usize {
        self.inner().segments.len()
    }

    pub(super) fn checkpoints(&self) -> String {
        self.inner().checkpoints.clone()
    }

    pub(super) fn first_key(&self) -> String {
        self.inner().first_keys[&1].clone()
    }

    /// Writes a log's directory as a reader would find it.
    pub(super) fn dump(&self, dir: &Path) {
        let state = self.inner();
        fs::create_dir_all(dir).unwrap();
        for (first, bytes) in &state.segments {
            fs::write(dir.join(segments::name(*first)), &bytes.file).unwrap();
        }
        fs::write(dir.join("checkpoints"), &state.checkpoints).unwrap();
        fs::write(dir.join("verifier.pub"), format!("{}\n", super::signer().verifier())).unwrap();
    }

    pub(super) fn fail(&self, ops: &[Op]) {
        self.inner().failing = ops.iter().copied().collect();
    }

    /// Each of the next operations fails where the script says so.
    pub(super) fn script(&self, fails: Vec<bool>) {
        self.inner().script = fails;
    }

    /// Somebody removes the present segment.
    pub(super) fn remove(&self) {
        self.inner().removed = true;
    }

    /// Somebody else changes the present segment.
    pub(super) fn tamper(&self, change: impl FnOnce(&mut Vec<u8>)) {
        let mut state = self.inner();
        let bytes = state.present();
        change(&mut bytes.file);
        bytes.dirty.resize(bytes.file.len(), true);
    }

    /// Power is lost; of the bytes that were not synced the first `kept` survive.
    pub(super) fn crash(&self, kept: usize) {
        let mut state = self.inner();
        for bytes in state.segments.values_mut() {
            let durable = bytes.durable.len();
            let mut left = bytes.durable.clone();
            if bytes.file.starts_with(&left) {
                left.extend(bytes.file.iter().skip(durable).take(kept));
            }
            bytes.dirty = vec![false; left.len()];
            bytes.durable.clone_from(&left);
            bytes.file = left;
        }
        state.failing.clear();
        state.script.clear();
    }

    /// Makes syncs wait until [`Mem::release`].
    pub(super) fn hold(&self) {
        self.inner().held = true;
    }

    /// Waits until the writer is inside a held sync.
    pub(super) fn await_holding(&self) {
        let mut state = self.inner();
        while !state.holding {
            state = self.0.1.wait(state).unwrap();
        }
    }

    pub(super) fn release(&self) {
        self.inner().held = false;
        self.0.1.notify_all();
    }
}

impl State {
    fn fails(&mut self, op: Op) -> io::Result<()> {
        let scripted = if self.script.is_empty() { false } else { self.script.remove(0) };
        if scripted || self.failing.contains(&op) {
            return Err(io::Error::other(format!("injected {op:?}")));
        }
        Ok(())
    }

    fn present(&mut self) -> &mut Bytes {
        self.segments.values_mut().next_back().expect("a segment was begun")
    }

    fn append(&mut self, bytes: &[u8]) {
        let present = self.present();
        present.file.extend_from_slice(bytes);
        present.dirty.resize(present.file.len(), true);
    }
}

impl Storage for Mem {
    fn segments(&mut self) -> io::Result<Vec<Segment>> {
        let since = SystemTime::now();
        let segment = |(first, bytes): (&u64, &Bytes)| {
            let bytes = bytes.file.len() as u64;
            Segment { first: *first, bytes, since }
        };
        Ok(self.inner().segments.iter().map(segment).collect())
    }

    fn read(&mut self, segment: u64, from: u64, to: u64) -> io::Result<Vec<u8>> {
        Ok(self.inner().segments[&segment].file[from as usize..to as usize].to_vec())
    }

    fn begin(&mut self, first: u64) -> io::Result<()> {
        let mut state = self.inner();
        state.fails(Op::Begin)?;
        assert!(state.segments.get(&first).is_none_or(|bytes| bytes.file.is_empty()));
        state.segments.entry(first).or_default();
        Ok(())
    }

    fn bytes(&mut self) -> io::Result<u64> {
        Ok(self.inner().present().file.len() as u64)
    }

    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        let mut state = self.inner();
        if let Err(error) = state.fails(Op::Write) {
            state.append(&lines[..lines.len() / 2]);
            return Err(error);
        }
        state.append(lines);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.inner();
        while state.held {
            state.holding = true;
            self.0.1.notify_all();
            state = self.0.1.wait(state).unwrap();
        }
        state.holding = false;
        let failed = state.fails(Op::Sync);
        let Bytes { file, dirty, durable } = state.present();
        if failed.is_err() {
            // The pages are lost and count as clean: a second sync will not write them.
            dirty.fill(false);
            return failed;
        }
        durable.resize(file.len(), 0);
        for ((from, to), dirty) in file.iter().zip(durable).zip(dirty) {
            if std::mem::take(dirty) {
                *to = *from;
            }
        }
        Ok(())
    }

    fn truncate(&mut self, bytes: u64) -> io::Result<()> {
        let mut state = self.inner();
        state.fails(Op::Truncate)?;
        let present = state.present();
        present.file.truncate(bytes as usize);
        present.dirty.truncate(bytes as usize);
        Ok(())
    }

    fn check(&mut self, bytes: u64) -> io::Result<()> {
        let mut state = self.inner();
        if state.removed || state.present().file.len() as u64 != bytes {
            return Err(io::Error::other("not what was written"));
        }
        Ok(())
    }

    fn reopen(&mut self) -> io::Result<bool> {
        let mut state = self.inner();
        state.fails(Op::Reopen)?;
        if std::mem::take(&mut state.removed) {
            state.segments.pop_last();
            return Ok(false);
        }
        Ok(true)
    }

    fn keep_torn(&mut self, seq: u64, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.inner();
        state.fails(Op::KeepTorn)?;
        state.torn.insert(seq, bytes.to_vec());
        Ok(())
    }

    fn torn_bytes(&mut self, seq: u64) -> io::Result<Option<u64>> {
        Ok(self.inner().torn.get(&seq).map(|torn| torn.len() as u64))
    }

    fn state(&mut self) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
        Ok(self.inner().state.clone().map(Zeroizing::new))
    }

    fn save_state(&mut self, saved: &[u8]) -> io::Result<()> {
        let mut state = self.inner();
        state.fails(Op::State)?;
        state.state = Some(saved.to_vec());
        Ok(())
    }

    fn add_checkpoint(&mut self, note: &str) -> io::Result<()> {
        let mut state = self.inner();
        state.fails(Op::Checkpoint)?;
        state.checkpoints.push_str(note);
        state.checkpoints.push('\n');
        Ok(())
    }

    fn keep_first_key(&mut self, index: u64, text: &str) -> io::Result<()> {
        self.inner().first_keys.insert(index, text.to_owned());
        Ok(())
    }
}
