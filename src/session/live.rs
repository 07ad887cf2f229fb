//! Which sessions live in this process, who uses them, and when they were last used.
//!
//! Owns [`Live`], a table without I/O: time comes as an argument. An id needs no table to be
//! opened; what the table adds is what no id can hold: the last use, the count per caller, and
//! that a session was ended. Guarantees: an ended session is not used again, a session that was
//! idle too long ends, a caller keeps at most as many sessions as it may, and the table holds at
//! most [`SESSIONS_MAX`] entries. What was forgotten for want of room is met like a session of
//! another replica: its id opens, and its idle time begins anew.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Hash, Owner};
use crate::limits::SESSIONS_MAX;

/// The table. `W` is what is needed to tell the upstream that a session has ended.
#[derive(Debug)]
pub struct Live<W> {
    entries: HashMap<Hash, Entry<W>>,
    owned: HashMap<(Owner, Arc<str>), Vec<Hash>>,
    entries_max: usize,
}

#[derive(Debug)]
struct Entry<W> {
    owner: Owner,
    server: Arc<str>,
    used_s: u64,
    expires_at_s: u64,
    /// Exchanges that use it now, long streams among them.
    open: u32,
    /// `None` once it has ended: the entry stays as the memory of that.
    way: Option<W>,
}

/// One session as its id names it.
#[derive(Debug, Clone)]
pub struct Named {
    /// Its hash.
    pub hash: Hash,
    /// Whose it is.
    pub owner: Owner,
    /// On which server.
    pub server: Arc<str>,
    /// When its id expires, seconds since the Unix epoch.
    pub expires_at_s: u64,
}

/// How long and how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Seconds without use after which a session ends.
    pub idle_s: u64,
    /// Sessions of one caller on one server.
    pub per_principal: usize,
}

/// The session has ended; nobody may use it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an ended session")]
pub struct Gone;

impl<W> Default for Live<W> {
    fn default() -> Self {
        Self { entries: HashMap::new(), owned: HashMap::new(), entries_max: SESSIONS_MAX }
    }
}

impl<W> Live<W> {
    /// Uses a session until [`Live::leave`]. One that is not known here is one of another replica
    /// and is taken in. Returns the ways of sessions that ended for it.
    ///
    /// # Errors
    /// [`Gone`], and the way of the session when it was idle too long and ends now.
    pub fn enter(
        &mut self,
        named: &Named,
        now_s: u64,
        policy: Policy,
        way: impl FnOnce() -> W,
    ) -> Result<Vec<W>, (Gone, Option<W>)> {
        let Some(entry) = self.entries.get_mut(&named.hash) else {
            let ended = self.add(named, now_s, policy, way());
            if let Some(entry) = self.entries.get_mut(&named.hash) {
                entry.open = 1;
            }
            return Ok(ended);
        };
        if entry.way.is_none() {
            return Err((Gone, None));
        }
        if entry.is_idle(now_s, policy) {
            return Err((Gone, self.end(named.hash)));
        }
        entry.open = entry.open.saturating_add(1);
        entry.used_s = now_s;
        Ok(Vec::new())
    }

    /// A session begins. Returns the ways of sessions that ended for it.
    pub fn add(&mut self, named: &Named, now_s: u64, policy: Policy, way: W) -> Vec<W> {
        if self.entries.len() >= self.entries_max {
            self.forget_oldest(now_s);
        }
        let key = (named.owner, Arc::clone(&named.server));
        let mut ended = Vec::new();
        while self.owned.get(&key).is_some_and(|own| own.len() >= policy.per_principal.max(1)) {
            let Some(oldest) = self.oldest_of(&key) else { break };
            ended.extend(self.end(oldest));
        }
        self.owned.entry(key).or_default().push(named.hash);
        let entry = Entry {
            owner: named.owner,
            server: Arc::clone(&named.server),
            used_s: now_s,
            expires_at_s: named.expires_at_s,
            open: 0,
            way: Some(way),
        };
        self.entries.insert(named.hash, entry);
        ended
    }

    /// Uses a session that is known to be open, without a check.
    pub fn hold(&mut self, hash: Hash) {
        if let Some(entry) = self.entries.get_mut(&hash) {
            entry.open = entry.open.saturating_add(1);
        }
    }

    /// An exchange no longer uses it.
    pub fn leave(&mut self, hash: Hash, now_s: u64) {
        if let Some(entry) = self.entries.get_mut(&hash) {
            entry.open = entry.open.saturating_sub(1);
            entry.used_s = entry.used_s.max(now_s);
        }
    }

    /// The session is over: nobody uses it again. Its way, the first time.
    pub fn end(&mut self, hash: Hash) -> Option<W> {
        let entry = self.entries.get_mut(&hash)?;
        let way = entry.way.take();
        let key = (entry.owner, Arc::clone(&entry.server));
        if let Some(own) = self.owned.get_mut(&key) {
            own.retain(|other| *other != hash);
            if own.is_empty() {
                self.owned.remove(&key);
            }
        }
        way
    }

    /// Whether a session ended while it was in use.
    #[must_use]
    pub fn has_ended(&self, hash: Hash) -> bool {
        self.entries.get(&hash).is_some_and(|entry| entry.way.is_none())
    }

    /// Ends what was idle too long and forgets what has expired. Returns the ways of what ended.
    pub fn sweep(&mut self, now_s: u64, policy: Policy) -> Vec<W> {
        let over = |(hash, entry): (&Hash, &Entry<W>)| {
            let over = entry.is_idle(now_s, policy) || entry.has_expired(now_s);
            (over && entry.way.is_some()).then_some(*hash)
        };
        let over: Vec<Hash> = self.entries.iter().filter_map(over).collect();
        let ended = over.into_iter().filter_map(|hash| self.end(hash)).collect();
        self.entries.retain(|_, entry| !entry.has_expired(now_s) || entry.open > 0);
        ended
    }

    /// Sessions that live.
    #[must_use]
    pub fn len(&self) -> usize {
        self.owned.values().map(Vec::len).sum()
    }

    /// Whether none lives.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.owned.is_empty()
    }

    /// The session that gives way: one that nobody uses now before one that somebody uses, and of
    /// those the one whose last request is the longest ago.
    fn oldest_of(&self, key: &(Owner, Arc<str>)) -> Option<Hash> {
        let rank = |hash: &Hash| self.entries.get(hash).map(|e| (e.open > 0, e.used_s));
        self.owned.get(key)?.iter().min_by_key(|hash| rank(hash)).copied()
    }

    /// Makes room, a share at a time, so that a full table is not searched for each session. The
    /// memory of ended sessions goes first.
    fn forget_oldest(&mut self, now_s: u64) {
        self.entries.retain(|_, entry| !entry.has_expired(now_s) || entry.open > 0);
        let idle = self.entries.iter().filter(|(_, entry)| entry.open == 0);
        let mut all: Vec<(bool, u64, Hash)> =
            idle.map(|(hash, entry)| (entry.way.is_some(), entry.used_s, *hash)).collect();
        all.sort_unstable_by_key(|(lives, used_s, _)| (*lives, *used_s));
        for (_, _, hash) in all.into_iter().take((self.entries_max / FORGOTTEN_SHARE).max(1)) {
            self.end(hash);
            self.entries.remove(&hash);
        }
    }
}

impl<W> Entry<W> {
    fn is_idle(&self, now_s: u64, policy: Policy) -> bool {
        self.open == 0 && now_s.saturating_sub(self.used_s) >= policy.idle_s
    }

    fn has_expired(&self, now_s: u64) -> bool {
        now_s >= self.expires_at_s
    }
}

/// One in so many entries is forgotten when the table is full.
const FORGOTTEN_SHARE: usize = 16;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Gone, Live, Named, Policy};
    use crate::limits::SESSIONS_MAX;
    use crate::principal::PrincipalKey;
    use crate::session::{Hash, Owner};

    const POLICY: Policy = Policy { idle_s: 100, per_principal: 2 };

    fn named(n: u32, owner: u8) -> Named {
        let mut hash = [0; 16];
        hash[..4].copy_from_slice(&n.to_be_bytes());
        Named {
            hash: Hash::of_bytes(hash),
            owner: Owner(PrincipalKey([owner; 16])),
            server: Arc::from("crm"),
            expires_at_s: 10_000,
        }
    }

    fn enter(live: &mut Live<u32>, n: u32, owner: u8, now_s: u64) -> Result<Vec<u32>, Gone> {
        let named = named(n, owner);
        let entered = live.enter(&named, now_s, POLICY, || n).map_err(|(gone, _)| gone);
        live.leave(named.hash, now_s);
        entered
    }

    #[test]
    fn p22_idle_session_ends_and_its_use_puts_that_off() {
        let mut live = Live::default();
        live.add(&named(1, 1), 0, POLICY, 1);
        assert_eq!(enter(&mut live, 1, 1, 99), Ok(vec![]));
        assert_eq!(enter(&mut live, 1, 1, 198), Ok(vec![]));
        assert_eq!(live.enter(&named(1, 1), 298, POLICY, || 1), Err((Gone, Some(1))));
        assert_eq!(live.enter(&named(1, 1), 299, POLICY, || 1), Err((Gone, None)));
    }

    #[test]
    fn p22_open_stream_is_use() {
        let mut live = Live::default();
        assert!(live.enter(&named(1, 1), 0, POLICY, || 1).is_ok());
        assert!(live.sweep(5_000, POLICY).is_empty());
        live.leave(named(1, 1).hash, 5_000);
        assert!(live.sweep(5_099, POLICY).is_empty());
        assert_eq!(live.sweep(5_100, POLICY), [1]);
    }

    #[test]
    fn p22_over_the_cap_the_oldest_idle_session_ends_and_nobody_else_s() {
        let mut live = Live::default();
        live.add(&named(9, 2), 0, POLICY, 9);
        assert!(live.enter(&named(1, 1), 0, POLICY, || 1).is_ok());
        assert!(live.add(&named(2, 1), 5, POLICY, 2).is_empty());
        assert_eq!(live.add(&named(3, 1), 6, POLICY, 3), [2], "the first is in use");
        assert_eq!(live.add(&named(4, 1), 7, POLICY, 4), [3]);
        assert_eq!(enter(&mut live, 2, 1, 8), Err(Gone));
        assert_eq!(enter(&mut live, 9, 2, 8), Ok(vec![]));
        assert!(!live.has_ended(named(1, 1).hash) && live.has_ended(named(3, 1).hash));
    }

    #[test]
    fn id_of_another_replica_is_taken_in_and_counts() {
        let mut live = Live::default();
        assert_eq!(enter(&mut live, 1, 1, 1), Ok(vec![]));
        assert_eq!(enter(&mut live, 2, 1, 2), Ok(vec![]));
        assert_eq!(enter(&mut live, 3, 1, 3), Ok(vec![1]));
        assert_eq!(live.len(), 2);
    }

    #[test]
    fn ended_session_is_not_taken_in_again_and_is_forgotten_when_it_expires() {
        let mut live = Live::default();
        live.add(&named(1, 1), 0, POLICY, 1);
        assert_eq!(live.end(named(1, 1).hash), Some(1));
        assert_eq!(live.end(named(1, 1).hash), None);
        assert_eq!(enter(&mut live, 1, 1, 2), Err(Gone));
        assert!(live.sweep(10_000, POLICY).is_empty());
        assert!(live.entries.is_empty() && live.is_empty());
    }

    #[test]
    fn table_stays_within_sessions_max_and_forgets_ended_ones_first() {
        assert_eq!(Live::<u32>::default().entries_max, SESSIONS_MAX);
        let mut live = Live { entries_max: 32, ..Live::default() };
        let policy = Policy { per_principal: 1_000, ..POLICY };
        for n in 0..32 {
            live.add(&named(n, 1), u64::from(n), policy, n);
        }
        live.end(named(20, 1).hash);
        for n in 100..200 {
            live.add(&named(n, 1), 50, policy, n);
            assert!(live.entries.len() <= 32);
            assert!(!live.entries.contains_key(&named(20, 1).hash));
        }
    }
}
