//! A storage that fails on demand, forgets what was not synced, and can be held.

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use super::super::chain::Head;
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
}

#[derive(Debug, Default)]
struct State {
    /// What a reader sees.
    file: Vec<u8>,
    /// Which of it a sync would still write.
    dirty: Vec<bool>,
    /// What would be left after a power loss.
    durable: Vec<u8>,
    removed: bool,
    torn: BTreeMap<u64, Vec<u8>>,
    head: Option<Head>,
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
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.0.lock().unwrap()
    }

    pub(super) fn file(&self) -> Vec<u8> {
        self.state().file.clone()
    }

    pub(super) fn fail(&self, ops: &[Op]) {
        self.state().failing = ops.iter().copied().collect();
    }

    /// Each of the next operations fails where the script says so.
    pub(super) fn script(&self, fails: Vec<bool>) {
        self.state().script = fails;
    }

    /// Somebody removes the file.
    pub(super) fn remove(&self) {
        self.state().removed = true;
    }

    /// Somebody else changes the file.
    pub(super) fn tamper(&self, change: impl FnOnce(&mut Vec<u8>)) {
        let mut state = self.state();
        let mut file = std::mem::take(&mut state.file);
        change(&mut file);
        state.dirty.resize(file.len(), true);
        state.file = file;
    }

    /// Power is lost; of the bytes that were not synced the first `kept` survive.
    pub(super) fn crash(&self, kept: usize) {
        let mut state = self.state();
        let durable = state.durable.len();
        let mut left = state.durable.clone();
        if state.file.starts_with(&left) {
            left.extend(state.file.iter().skip(durable).take(kept));
        }
        state.dirty = vec![false; left.len()];
        state.durable.clone_from(&left);
        state.file = left;
        state.failing.clear();
        state.script.clear();
    }

    /// Makes syncs wait until [`Mem::release`].
    pub(super) fn hold(&self) {
        self.state().held = true;
    }

    /// Waits until the writer is inside a held sync.
    pub(super) fn await_holding(&self) {
        let mut state = self.state();
        while !state.holding {
            state = self.0.1.wait(state).unwrap();
        }
    }

    pub(super) fn release(&self) {
        self.state().held = false;
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

    fn append(&mut self, bytes: &[u8]) {
        self.file.extend_from_slice(bytes);
        self.dirty.resize(self.file.len(), true);
    }
}

impl Storage for Mem {
    fn bytes(&mut self) -> io::Result<u64> {
        Ok(self.state().file.len() as u64)
    }

    fn read(&mut self, from: u64, to: u64) -> io::Result<Vec<u8>> {
        Ok(self.state().file[from as usize..to as usize].to_vec())
    }

    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        let mut state = self.state();
        if let Err(error) = state.fails(Op::Write) {
            state.append(&lines[..lines.len() / 2]);
            return Err(error);
        }
        state.append(lines);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.state();
        while state.held {
            state.holding = true;
            self.0.1.notify_all();
            state = self.0.1.wait(state).unwrap();
        }
        state.holding = false;
        if let Err(error) = state.fails(Op::Sync) {
            // The pages are lost and count as clean: a second sync will not write them.
            state.dirty.fill(false);
            return Err(error);
        }
        let State { file, dirty, durable, .. } = &mut *state;
        durable.resize(file.len(), 0);
        for ((from, to), dirty) in file.iter().zip(durable).zip(dirty) {
            if std::mem::take(dirty) {
                *to = *from;
            }
        }
        Ok(())
    }

    fn truncate(&mut self, bytes: u64) -> io::Result<()> {
        let mut state = self.state();
        state.fails(Op::Truncate)?;
        state.file.truncate(bytes as usize);
        state.dirty.truncate(bytes as usize);
        Ok(())
    }

    fn check(&mut self, bytes: u64) -> io::Result<()> {
        let state = self.state();
        if state.removed || state.file.len() as u64 != bytes {
            return Err(io::Error::other("not what was written"));
        }
        Ok(())
    }

    fn reopen(&mut self) -> io::Result<()> {
        let mut state = self.state();
        state.fails(Op::Reopen)?;
        if std::mem::take(&mut state.removed) {
            state.file.clear();
            state.dirty.clear();
            state.durable.clear();
        }
        Ok(())
    }

    fn keep_torn(&mut self, seq: u64, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.state();
        state.fails(Op::KeepTorn)?;
        state.torn.insert(seq, bytes.to_vec());
        Ok(())
    }

    fn torn_bytes(&mut self, seq: u64) -> io::Result<Option<u64>> {
        Ok(self.state().torn.get(&seq).map(|torn| torn.len() as u64))
    }

    fn head(&mut self) -> io::Result<Option<Head>> {
        Ok(self.state().head)
    }

    fn save_head(&mut self, head: Head) -> io::Result<()> {
        self.state().head = Some(head);
        Ok(())
    }
}
