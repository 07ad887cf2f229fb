//! Revocations that several replicas share in Redis.
//!
//! Owns the keys below [`PREFIX`]: each entry is a key of its own that expires with it; an index
//! holds the ids of entries by the number of the change that made or undid them; the number of the
//! last change is published. A replica reads everything at its start, then what has a higher
//! number than it knows, when it is told to and at each interval, and everything again now and
//! then. Guarantees: one change is made whole or not at all (a script each); a Redis that forgot
//! (it came back empty, or from an older copy) is told again what this replica knows, except what
//! was undone; without an
//! answer for [`REVOCATION_STALE_MS`] it counts as unreadable, and it recovers by itself.

use std::collections::HashSet;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use futures_util::stream::{self, StreamExt};
use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::Revocations;
use super::entry::{Change, Entry};
use super::record;
use super::table::{Mark, Store};
use crate::audit::Log;
use crate::limits::{
    REVOCATION_PAGE, REVOCATION_RESYNC_MS, REVOCATION_STALE_MS, REVOCATION_START_MS,
    REVOCATION_SYNC_MS, REVOCATION_UNDONE_S, REVOCATIONS_MAX, SHARED_STATE_RETRY_MS,
};
use crate::shared_state::{Script, SharedState, SharedStateError};

/// Keeps the revocations of a Redis in force.
#[derive(Debug)]
pub struct RedisStore {
    redis: SharedState,
    revocations: Arc<Revocations>,
    log: Log,
    known: Option<Known>,
    last_ok: Instant,
    last_whole: Instant,
}

/// Up to where Redis was read.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Known {
    /// Drawn by whoever met an empty Redis first: another one means that it forgot everything.
    epoch: String,
    generation: u64,
}

/// Why Redis does not say who is revoked.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error(transparent)]
    Redis(#[from] SharedStateError),
    #[error("entry `{0}` cannot be read: {1}")]
    Entry(String, super::LineError),
    #[error(transparent)]
    Full(#[from] super::Full),
}

impl RedisStore {
    /// Nothing was read yet, so that nobody may call.
    #[must_use]
    pub fn new(redis: SharedState, revocations: Arc<Revocations>, log: Log) -> Self {
        let now = Instant::now();
        Self { redis, revocations, log, known: None, last_ok: now, last_whole: now }
    }

    /// Reads everything for the first time, within [`REVOCATION_START_MS`].
    pub async fn start(&mut self) {
        let first = timeout(Duration::from_millis(REVOCATION_START_MS), self.read()).await;
        if let Ok(Err(why)) = first {
            self.revocations.unreadable(Store::Redis, why.to_string());
        }
    }

    /// Follows Redis until `stop`.
    pub async fn run(mut self, stop: CancellationToken) {
        let _followed = self.revocations.followed(Store::Redis, &stop);
        let told = Arc::new(Notify::new());
        let listener = tokio::spawn(listen(self.redis.clone(), Arc::clone(&told), stop.clone()));
        let stale = Duration::from_millis(REVOCATION_STALE_MS);
        loop {
            let interval = tokio::time::sleep(Duration::from_millis(REVOCATION_SYNC_MS));
            tokio::select! {
                () = stop.cancelled() => break,
                () = told.notified() => {}
                () = interval => {}
            }
            match self.read().await {
                Ok(()) => self.last_ok = Instant::now(),
                Err(Fault::Redis(_)) if self.last_ok.elapsed() < stale => {}
                Err(why @ Fault::Redis(_)) => {
                    self.revocations.unreadable(Store::Redis, why.to_string());
                }
                // What it holds cannot be read: waiting does not help.
                Err(why @ (Fault::Entry(..) | Fault::Full(_))) => {
                    self.known = None;
                    self.revocations.unreadable(Store::Redis, why.to_string());
                }
            }
        }
        // It ends with the same token.
        let _ = listener.await;
    }

    /// Reads what is new, or everything.
    async fn read(&mut self) -> Result<(), Fault> {
        let (mark, begun) = (self.revocations.table.mark(), self.revocations.begin_look());
        let now = self.page(u64::MAX).await?.known;
        let forgot = self
            .known
            .as_ref()
            .is_some_and(|known| known.epoch != now.epoch || known.generation > now.generation);
        let due = self.last_whole.elapsed() >= Duration::from_millis(REVOCATION_RESYNC_MS);
        let since = self.known.as_ref().filter(|_| !due && !forgot).map(|known| known.generation);
        if since == Some(now.generation) {
            self.revocations.readable(Store::Redis, false);
            return Ok(());
        }
        let (mut changes, last) = self.changes(since.unwrap_or(0)).await?;
        let whole = since.is_none().then_some(mark);
        if let Some(mark) = whole {
            self.write_back(&mut changes, mark).await?;
        }
        let changed = self.revocations.took(Store::Redis, changes, whole)?;
        if whole.is_some() {
            self.last_whole = Instant::now();
        }
        // What stood there at the start was recorded when it was made.
        if self.known.is_some() {
            record::changes(&self.log, &self.revocations, (Store::Redis, begun), &changed);
        }
        self.known = Some(Known { generation: last.max(now.generation), epoch: now.epoch });
        Ok(())
    }

    /// Every change after `since`, page by page, and the number of the last one.
    async fn changes(&self, mut since: u64) -> Result<(Vec<Change>, u64), Fault> {
        let mut changes = Vec::new();
        for _ in 0..=REVOCATIONS_MAX.div_ceil(REVOCATION_PAGE) {
            let page = self.page(since).await?;
            let keys: Vec<String> = page.ids.iter().map(|(id, _)| key(id)).collect();
            let lines: Vec<Option<Vec<u8>>> = self.redis.get_all(&keys).await?;
            let mut gone = Vec::new();
            for ((id, _), line) in page.ids.iter().zip(lines) {
                match line {
                    Some(line) => match Change::read(&line) {
                        Ok(Change::Add(entry)) if *entry.id == **id => {
                            changes.push(Change::Add(entry));
                        }
                        Ok(_) => return Err(Fault::Entry(id.clone(), super::LineError::Form)),
                        Err(why) => return Err(Fault::Entry(id.clone(), why)),
                    },
                    None => {
                        gone.push(id.clone());
                        changes.push(Change::Undo { id: id.as_str().into(), by: None });
                    }
                }
            }
            // Only in a reading of everything: others may not have seen them go.
            if since == 0 {
                self.clean(&gone).await?;
            }
            let Some((_, last)) = page.ids.last() else { break };
            since = since.max(*last);
            if page.ids.len() < REVOCATION_PAGE {
                break;
            }
        }
        Ok((changes, since))
    }

    /// The ids of changes after `since`, and where Redis stands.
    async fn page(&self, since: u64) -> Result<Page, SharedStateError> {
        let mut script = READ.key(EPOCH);
        script.key(GENERATION).key(INDEX);
        script.arg(uuid::Uuid::now_v7().to_string());
        // Scores are doubles: the largest number stands for "none".
        script.arg(if since == u64::MAX { "+inf".to_owned() } else { since.to_string() });
        script.arg(REVOCATION_PAGE);
        let (epoch, generation, pairs): (String, u64, Vec<String>) =
            self.redis.run(&script).await?;
        let mut ids = Vec::with_capacity(pairs.len() / 2);
        let mut pairs = pairs.into_iter();
        while let (Some(id), Some(number)) = (pairs.next(), pairs.next()) {
            // A number of ours; what other hands wrote is read with everything.
            ids.push((id, number.parse().unwrap_or(0)));
        }
        Ok(Page { known: Known { epoch, generation }, ids })
    }

    /// Takes ids out of the index whose entries expired or were undone.
    async fn clean(&self, gone: &[String]) -> Result<(), SharedStateError> {
        if gone.is_empty() {
            return Ok(());
        }
        let mut script = CLEAN.key(INDEX);
        for id in gone {
            script.key(key(id)).arg(id.as_str());
        }
        self.redis.run(&script).await
    }

    /// Tells Redis what this replica knows and Redis does not hold, although nobody undid it: it
    /// came back empty, or from an older copy.
    async fn write_back(&self, changes: &mut Vec<Change>, mark: Mark) -> Result<(), Fault> {
        let held: HashSet<Box<str>> = changes
            .iter()
            .filter_map(|change| match change {
                Change::Add(entry) => Some(entry.id.clone()),
                Change::Undo { .. } => None,
            })
            .collect();
        let now_s = self.revocations.clock.unix_s();
        let mut missing = self.revocations.table.of(Store::Redis, mark);
        missing.retain(|entry| !held.contains(&entry.id) && !entry.has_expired(now_s));
        if missing.is_empty() {
            return Ok(());
        }
        let count = missing.len();
        let mut written = stream::iter(missing)
            .map(|entry| async { (put(&self.redis, &entry, now_s).await, entry) })
            .buffer_unordered(WRITTEN_AT_ONCE);
        let mut back = 0_usize;
        while let Some((written, entry)) = written.next().await {
            match written? {
                Written::Yes => {
                    back = back.saturating_add(1);
                    changes.push(Change::Add(Box::new(Entry::clone(&entry))));
                }
                Written::Undone => {}
                Written::Full => return Err(Fault::Full(super::Full)),
            }
        }
        if back > 0 {
            tracing::warn!(count, back, "Redis had forgotten revocations: they were written back");
        }
        Ok(())
    }
}

struct Page {
    known: Known,
    /// Ids with the numbers of their changes, in their order.
    ids: Vec<(String, u64)>,
}

/// Writes one entry for all replicas; the same again changes nothing.
pub(super) async fn put(
    redis: &SharedState,
    entry: &Entry,
    now_s: u64,
) -> Result<Written, SharedStateError> {
    let lives_ms = entry.expires_at_s.map(|at| at.saturating_sub(now_s).saturating_mul(1_000));
    if lives_ms == Some(0) {
        return Ok(Written::Yes);
    }
    let mut script = ADD.key(GENERATION);
    script.key(INDEX).key(key(&entry.id));
    script.arg(&*entry.id).arg(Change::Add(Box::new(entry.clone())).line());
    script.arg(lives_ms.unwrap_or(0)).arg(CHANNEL).arg(REVOCATIONS_MAX);
    script.key(undone_key(&entry.id));
    let number: i64 = redis.run(&script).await?;
    Ok(match number {
        FULL => Written::Full,
        UNDONE => Written::Undone,
        _ => Written::Yes,
    })
}

/// Removes one entry for all replicas. Whether it was there.
pub(super) async fn remove(redis: &SharedState, id: &str) -> Result<bool, SharedStateError> {
    let mut script = UNDO.key(GENERATION);
    script.key(INDEX).key(key(id));
    script.key(undone_key(id));
    script.arg(id).arg(CHANNEL).arg(REVOCATION_UNDONE_S);
    redis.run::<i64>(&script).await.map(|removed| removed == 1)
}

/// Whether an entry was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    Yes,
    /// Not: it was undone.
    Undone,
    /// Not: there are too many.
    Full,
}

/// Tells of each publication until `stop`.
async fn listen(redis: SharedState, told: Arc<Notify>, stop: CancellationToken) {
    let publications = async {
        loop {
            // A failure is noticed by the questions at each interval.
            if let Ok(mut subscription) = redis.subscribe(CHANNEL).await {
                told.notify_one();
                while subscription.next().await.is_some() {
                    told.notify_one();
                }
            }
            tokio::time::sleep(Duration::from_millis(SHARED_STATE_RETRY_MS)).await;
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = publications => {}
    }
}

fn key(id: &str) -> String {
    format!("{PREFIX}entry:{id}")
}

fn undone_key(id: &str) -> String {
    format!("{PREFIX}undone:{id}")
}

/// What [`ADD`] gives in place of a number.
const FULL: i64 = -1;
const UNDONE: i64 = -2;
/// Entries that are written back at once.
const WRITTEN_AT_ONCE: usize = 32;

/// The braces keep all keys in one slot of a cluster, as scripts need it.
const PREFIX: &str = "sallyport:{revocation}:";
const EPOCH: &str = "sallyport:{revocation}:epoch";
const GENERATION: &str = "sallyport:{revocation}:generation";
const INDEX: &str = "sallyport:{revocation}:index";
const CHANNEL: &str = "sallyport:{revocation}:changes";

/// Keys: epoch, generation, index. Arguments: an epoch for an empty Redis, the last known number,
/// the size of a page.
static READ: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "redis.call('SET', KEYS[1], ARGV[1], 'NX')
         local after = redis.call('ZRANGEBYSCORE', KEYS[3], '(' .. ARGV[2], '+inf', 'WITHSCORES', 'LIMIT', 0, ARGV[3])
         return {redis.call('GET', KEYS[1]), tonumber(redis.call('GET', KEYS[2]) or 0), after}",
    )
});

/// Keys: generation, index, entry, the memory that it was undone. Arguments: id, line,
/// milliseconds to live or 0, channel, the number of entries that fit.
static ADD: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if redis.call('EXISTS', KEYS[3]) == 1 then return 0 end
         if redis.call('EXISTS', KEYS[4]) == 1 then return -2 end
         if redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[5]) then return -1 end
         if ARGV[3] == '0' then redis.call('SET', KEYS[3], ARGV[2])
         else redis.call('SET', KEYS[3], ARGV[2], 'PX', ARGV[3]) end
         local n = redis.call('INCR', KEYS[1])
         redis.call('ZADD', KEYS[2], n, ARGV[1])
         redis.call('PUBLISH', ARGV[4], n)
         return n",
    )
});

/// Keys: generation, index, entry, the memory that it was undone. Arguments: id, channel, seconds
/// of that memory.
static UNDO: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "redis.call('SET', KEYS[4], '1', 'EX', ARGV[3])
         if redis.call('DEL', KEYS[3]) == 0 then return 0 end
         local n = redis.call('INCR', KEYS[1])
         redis.call('ZADD', KEYS[2], n, ARGV[1])
         redis.call('PUBLISH', ARGV[2], n)
         return 1",
    )
});

/// Keys: index, entries. Arguments: their ids.
static CLEAN: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "for i, id in ipairs(ARGV) do
           if redis.call('EXISTS', KEYS[i + 1]) == 0 then redis.call('ZREM', KEYS[1], id) end
         end",
    )
});
