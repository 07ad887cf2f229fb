//! The log as its callers see it: open, append, wait, close.

use std::borrow::Cow;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};

use tokio::time::{Instant, timeout_at};

use super::anchor::{Destination, Publisher};
use super::beside::{Beside, Covered};
use super::eraser::{Eraser, Holds};
use super::identity;
use super::keeper::{Keeper, Retention};
use super::keys::KeyError;
use super::note::VerifierKey;
use super::queue::{AppendError, Bounds, Pending, Receipt, Shared, State};
use super::recover::{self, TailError};
use super::retention::HOLDS_FILE;
use super::segments;
use super::signer::Signer;
use super::stats::{AUDIT_STALL_MS, Health, Stats};
use super::storage::{Disk, Storage};
use super::subjects::{Sealer, SubjectError, Subjects};
use super::writer::{Parts, Rhythm, Writer};
use crate::config::Durability;
use crate::limits::{
    AUDIT_CHECKPOINT_MS, AUDIT_CHECKPOINT_RECORDS, AUDIT_LINGER_MS, AUDIT_QUEUE_BYTES_MAX,
    AUDIT_QUEUE_RECORDS_MAX, AUDIT_SEGMENT_BYTES, AUDIT_SEGMENT_MS,
};

/// Where and how a log is kept.
#[derive(Debug, Clone)]
pub struct Options {
    /// Directory of the log, created with mode 0700 if it is missing.
    pub dir: PathBuf,
    /// What an acknowledgement means.
    pub durability: Durability,
    /// Records that may wait for a commit.
    pub queue_records_max: usize,
    /// Bytes that may wait for a commit. The writer holds as much again.
    pub queue_bytes_max: usize,
    /// How long a record that nobody waits for may wait for another to share its commit.
    pub linger: Duration,
    /// The log's name; a new log that is given none makes one.
    pub origin: Option<String>,
    /// The log's signing key; a new log that is given none makes one in its directory.
    pub signing_key: Option<PathBuf>,
    /// When checkpoints are made and segments end.
    pub rhythm: Rhythm,
    /// Where checkpoints are published.
    pub anchors: Vec<Destination>,
    /// What need not be kept; nothing is purged without rules.
    pub retention: Option<Retention>,
    /// Where the keys are under which names are sealed; without, they stand in the clear.
    pub subjects: Option<Subjects>,
}

impl Options {
    /// The defaults for a log in `dir`: durable, bounded queue.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            durability: Durability::Durable,
            queue_records_max: AUDIT_QUEUE_RECORDS_MAX,
            queue_bytes_max: AUDIT_QUEUE_BYTES_MAX,
            linger: Duration::from_millis(AUDIT_LINGER_MS),
            origin: None,
            signing_key: None,
            rhythm: Rhythm::default(),
            anchors: Vec::new(),
            retention: None,
            subjects: None,
        }
    }
}

impl Default for Rhythm {
    fn default() -> Self {
        Self {
            checkpoint_records: AUDIT_CHECKPOINT_RECORDS,
            checkpoint_interval: Duration::from_millis(AUDIT_CHECKPOINT_MS),
            segment_bytes: AUDIT_SEGMENT_BYTES as u64,
            segment_age: Duration::from_millis(AUDIT_SEGMENT_MS),
        }
    }
}

/// Why a log cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The directory or a file in it cannot be used.
    #[error("the audit log in `{dir}` cannot be opened: {source}")]
    Io {
        /// The directory.
        dir: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another process, or this one, writes there already.
    #[error("the audit log in `{dir}` is being written by another gateway")]
    Locked {
        /// The directory.
        dir: PathBuf,
    },
    /// The last records are not what a writer leaves behind, not even a crashed one.
    #[error(
        "the audit log in `{dir}` does not end in a whole chain: {reason}; \
         keep the directory as evidence and name another one"
    )]
    Tail {
        /// The directory.
        dir: PathBuf,
        /// What is wrong, and where.
        reason: String,
    },
    /// The directory holds a log of the first format.
    #[error(
        "`{dir}` holds an audit log of an older format (`audit.jsonl`, one chain without a tree); \
         keep the directory as it is and name another one"
    )]
    Old {
        /// The directory.
        dir: PathBuf,
    },
    /// The directory holds the log of another gateway.
    #[error("the audit log in `{dir}` is `{found}`, not `{wanted}`: name another directory")]
    Foreign {
        /// The directory.
        dir: PathBuf,
        /// The log's origin.
        found: String,
        /// The configured one.
        wanted: String,
    },
    /// The log is signed by another key than the one that is there.
    #[error(
        "the audit log in `{dir}` is signed by {found}, the key here is {wanted}: give the old key \
         back, or hand over with `sallyport audit rotate`"
    )]
    OtherKey {
        /// The directory.
        dir: PathBuf,
        /// Who signs the log.
        found: Box<VerifierKey>,
        /// Whose key is there.
        wanted: Box<VerifierKey>,
    },
    /// The log's signing key is gone.
    #[error("the signing key `{path}` of the audit log in `{dir}` is gone: give it back")]
    NoKey {
        /// The directory.
        dir: PathBuf,
        /// Where it should be.
        path: PathBuf,
    },
    /// A key cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The keys under which names are sealed cannot be used.
    #[error(transparent)]
    Subjects(#[from] SubjectError),
}

/// An append-only, hash-chained log, and the thread that writes it.
///
/// Cheap to clone. Close it with [`Log::close`]; when the last clone is dropped
/// without, what was taken is still written, but nobody waits for it.
#[derive(Debug, Clone)]
pub struct Log {
    shared: Arc<Shared>,
    owner: Arc<Owner>,
}

#[derive(Debug)]
struct Owner {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
    opened: Opened,
    sealer: Option<Arc<Sealer>>,
}

/// What was found when the log was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// Number of the last record.
    pub last_seq: u64,
    /// Bytes of a torn write that were cut.
    pub cut_bytes: u64,
    /// There was no log before.
    pub created: bool,
    /// The public half of the key that signs.
    pub verifier: VerifierKey,
    /// What an operator should look at.
    pub warnings: Vec<String>,
}

impl Log {
    /// Opens or creates the log, repairs its tail after a crash and starts the
    /// writer. Blocks on the disk: for start-up, not for a request.
    ///
    /// # Errors
    /// [`OpenError`]; nothing was started and nothing but a torn end was changed.
    pub fn open(options: &Options) -> Result<Self, OpenError> {
        let io = |source: io::Error| match source.kind() {
            io::ErrorKind::WouldBlock => OpenError::Locked { dir: options.dir.clone() },
            _ => OpenError::Io { dir: options.dir.clone(), source },
        };
        if segments::is_old(&options.dir) {
            return Err(OpenError::Old { dir: options.dir.clone() });
        }
        let mut disk = Disk::open(&options.dir).map_err(io)?;
        let warnings = disk.exposure().map_err(io)?;
        let key = identity::key(&mut disk, options)?;
        let signer = Signer::new(key, options.durability);
        disk.show_verifier(signer.verifier()).map_err(io)?;
        let log = Self::start(disk, options, signer, warnings)?;
        if log.opened().created {
            identity::announce(&options.dir, &log.opened().verifier);
        } else {
            identity::remind(&options.dir);
        }
        Ok(log)
    }

    pub(super) fn start<S: Storage>(
        mut storage: S,
        options: &Options,
        signer: Signer,
        mut warnings: Vec<String>,
    ) -> Result<Self, OpenError> {
        let dir = || options.dir.clone();
        let io = |source| OpenError::Io { dir: dir(), source };
        let found = recover::recover(&mut storage, options.durability, &signer);
        let found = found.map_err(|error| match error {
            TailError::Io(source) => io(source),
            tail => OpenError::Tail { dir: dir(), reason: tail.to_string() },
        })?;
        found.warn(&mut warnings);
        for warning in &warnings {
            tracing::warn!(warning, "the audit log was opened with a warning");
        }
        let opened = Opened {
            last_seq: found.end.head.seq,
            cut_bytes: found.cut_bytes,
            created: found.created,
            verifier: signer.verifier().clone(),
            warnings,
        };
        let sealer = options.subjects.as_ref().map(Sealer::writer).transpose()?.map(Arc::new);
        let bounds = Bounds {
            records_max: options.queue_records_max,
            bytes_max: options.queue_bytes_max,
            linger: options.linger,
        };
        let shared = Arc::new(Shared::new(bounds, found.end.head));
        let covered = Arc::<Covered>::default();
        let beside = || Beside::new(shared.clone(), covered.clone());
        let erase = |sealer: &Arc<Sealer>| Eraser::start(sealer.clone(), holds(options), beside());
        let eraser = sealer.as_ref().map(erase).transpose()?;
        let parts = Parts {
            shared: shared.clone(),
            storage,
            durability: options.durability,
            signer,
            publisher: Publisher::start(&options.anchors).map_err(io)?,
            rhythm: options.rhythm.clone(),
            keeper: options
                .retention
                .clone()
                .filter(|retention| !retention.rules.is_empty())
                .map(|retention| Keeper::new(options.dir.clone(), retention, beside())),
            covered: covered.clone(),
            eraser,
        };
        let writer = Writer::new(parts, &found);
        let farewell = Farewell(shared.clone());
        let thread = thread::Builder::new().name("audit-writer".to_owned()).spawn(move || {
            let _farewell = farewell;
            writer.run();
        });
        let thread = Mutex::new(Some(thread.map_err(io)?));
        let owner = Arc::new(Owner { shared: shared.clone(), thread, opened, sealer });
        Ok(Self { shared, owner })
    }

    /// Takes a record without waiting. `body` is one JSON object on one line,
    /// without the members `v`, `seq`, `prev` and `mac`, which the log adds.
    ///
    /// # Errors
    /// At once, when the queue is full, the log failing or closed, or the body unfit.
    pub fn append(&self, body: impl AsRef<[u8]>) -> Result<Pending, AppendError> {
        self.shared.append(&self.sealed(body.as_ref())?)
    }

    /// As [`Log::append`], for a record that nobody waits for: it may become durable up to
    /// [`Options::linger`] later, in company.
    ///
    /// # Errors
    /// As [`Log::append`].
    pub fn append_soon(&self, body: impl AsRef<[u8]>) -> Result<Pending, AppendError> {
        self.shared.append_soon(&self.sealed(body.as_ref())?)
    }

    /// What opens sealed names, for copies that are to have them.
    #[must_use]
    pub fn sealer(&self) -> Option<Arc<Sealer>> {
        self.owner.sealer.clone()
    }

    /// Whether names are sealed, and must not be told elsewhere either.
    #[must_use]
    pub fn seals(&self) -> bool {
        self.owner.sealer.is_some()
    }

    /// The body as it may be stored.
    fn sealed<'b>(&self, body: &'b [u8]) -> Result<Cow<'b, [u8]>, AppendError> {
        let Some(sealer) = &self.owner.sealer else { return Ok(Cow::Borrowed(body)) };
        let failed = |error: SubjectError| AppendError::Failed { reason: error.to_string().into() };
        sealer.seal(body).map(Cow::Owned).map_err(failed)
    }

    /// As [`Log::append`], but waits up to `wait` for room in the queue.
    /// Cancel-safe: a cancelled call has taken nothing.
    ///
    /// # Errors
    /// As [`Log::append`]; [`AppendError::Full`] after the wait.
    pub async fn append_wait(
        &self,
        body: impl AsRef<[u8]>,
        wait: Duration,
    ) -> Result<Pending, AppendError> {
        let body = self.sealed(body.as_ref())?;
        self.shared.append_until(&body, Instant::now() + wait).await
    }

    /// Takes a record and waits until it is durable, `wait` in all. A
    /// cancelled call may or may not have written the record.
    ///
    /// # Errors
    /// As [`Log::append_wait`]; [`AppendError::Failed`] when the commit failed
    /// and [`AppendError::Late`] when it took too long.
    pub async fn append_durable(
        &self,
        body: impl AsRef<[u8]>,
        wait: Duration,
    ) -> Result<Receipt, AppendError> {
        let deadline = Instant::now() + wait;
        let body = self.sealed(body.as_ref())?;
        let pending = self.shared.append_until(&body, deadline).await?;
        timeout_at(deadline, pending.durable()).await.unwrap_or(Err(AppendError::Late))
    }

    /// Whether records can be written at the moment.
    #[must_use]
    pub fn health(&self) -> Health {
        match self.shared.state() {
            State::Failing { reason, since } => Health::Failing { reason, since },
            State::Closed => {
                Health::Failing { reason: "it is closed".into(), since: SystemTime::now() }
            }
            State::Open => {
                let stalled = self.shared.meter.stalled_for(Duration::from_millis(AUDIT_STALL_MS));
                stalled.map_or(Health::Ok, |running| {
                    let since = SystemTime::now() - running;
                    Health::Failing { reason: "the disk does not answer".into(), since }
                })
            }
        }
    }

    /// Figures since the log was opened.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.shared.meter.stats(self.shared.depth(), self.shared.capacity())
    }

    /// What was found when the log was opened.
    #[must_use]
    pub fn opened(&self) -> &Opened {
        &self.owner.opened
    }

    /// Refuses new records, writes those that were taken, signs the last checkpoint and
    /// waits for the writer to end. May be called again. Cancel-safe.
    pub async fn close(&self) {
        self.shared.close();
        self.shared.finished.wait().await;
        let mut thread = self.owner.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(thread) = thread.take() {
            // Its last act was to say that it is finished: this does not block.
            let _ = thread.join();
        }
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.shared.close();
    }
}

/// Where legal holds are.
fn holds(options: &Options) -> Holds {
    let named = options.retention.as_ref();
    let named = named.map(|named| Holds(named.holds.clone(), named.holds_may_be_missing));
    named.unwrap_or_else(|| Holds(options.dir.join(HOLDS_FILE), true))
}

/// Held by the writer's thread: however that ends, nobody waits for it any more.
struct Farewell(Arc<Shared>);

impl Drop for Farewell {
    fn drop(&mut self) {
        self.0.abandon();
        self.0.finished.set(());
    }
}
