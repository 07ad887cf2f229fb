//! When to read the configuration again.
//!
//! Owns the decision, not the reading: [`Watch::changed`] says that something changed, the caller
//! loads, swaps or refuses, and tells with [`Watch::follow`] which files count from now on.
//! Guarantees: a change is never missed for longer than [`RELOAD_POLL_MS`], events that change no
//! content cause no reload, and a stream of events delays one by at most [`RELOAD_DELAY_MS_MAX`].
//!
//! Folders are watched, not files: a Kubernetes ConfigMap is replaced by renaming the link
//! `..data`, which a watch of a file sees as its deletion and nothing after it.

use crate::limits::RELOAD_DELAY_MS_MAX;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::event::{AccessKind, AccessMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::Fingerprint;
use crate::limits::{RELOAD_DEBOUNCE_MS, RELOAD_POLL_MS};

/// Why the configuration should be read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// The operator asked with SIGHUP: whatever the files hold.
    Signal,
    /// A file holds something else, came or went.
    Files,
}

impl Trigger {
    /// The name in records and log lines.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Signal => "signal",
            Self::Files => "files",
        }
    }
}

/// Why files cannot be watched.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// The system's file notification cannot be had.
    #[error("file notification cannot be had: {0}")]
    Notify(#[from] notify::Error),
    /// The signal cannot be listened to.
    #[error("SIGHUP cannot be listened to: {0}")]
    Signal(#[from] std::io::Error),
}

/// Watches files and SIGHUP. Needs a tokio runtime with time and I/O.
pub struct Watch {
    decision: Decision,
    start: Instant,
    watcher: RecommendedWatcher,
    folders: BTreeSet<PathBuf>,
    events: mpsc::Receiver<()>,
    hangup: tokio::signal::unix::Signal,
}

impl Watch {
    /// Begins to watch. `files` is what a check saw, so that what changed since is seen too.
    ///
    /// # Errors
    /// Where the system offers neither events nor signals.
    pub fn start(files: Fingerprint) -> Result<Self, WatchError> {
        // One place is enough: an event only says "look again".
        let (sender, events) = mpsc::channel(1);
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // An error, such as an overflow of the queue, may hide a change.
            if event.as_ref().map_or(true, is_relevant) {
                // A full channel already says it.
                let _ = sender.try_send(());
            }
        })?;
        let mut watch = Self {
            decision: Decision::new(files.clone(), Duration::ZERO),
            start: Instant::now(),
            watcher,
            folders: BTreeSet::new(),
            events,
            hangup: tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup())?,
        };
        watch.follow(files);
        Ok(watch)
    }

    /// Waits until the configuration should be read again. Cancel-safe.
    pub async fn changed(&mut self) -> Trigger {
        loop {
            let due = self.start + self.decision.due();
            tokio::select! {
                () = hangup(&mut self.hangup) => return Trigger::Signal,
                Some(()) = self.events.recv() => {
                    let now = self.start.elapsed();
                    self.decision.touched(now);
                }
                () = tokio::time::sleep_until(due) => {
                    // A few small files; a slow disk would only delay this task.
                    let seen = self.decision.known.now();
                    let now = self.start.elapsed();
                    if self.decision.compared(seen, now) {
                        return Trigger::Files;
                    }
                }
            }
        }
    }

    /// The files that count from now on, as a check saw them: of a good configuration those it
    /// read, of a refused one those it read or missed.
    pub fn follow(&mut self, files: Fingerprint) {
        let wanted: BTreeSet<PathBuf> = files.paths().filter_map(folder).collect();
        for gone in self.folders.difference(&wanted) {
            // The folder may be gone itself.
            let _ = self.watcher.unwatch(gone);
        }
        // Watched again even where they were: a folder that was replaced has the same name.
        let watched =
            |folder: &PathBuf| self.watcher.watch(folder, RecursiveMode::NonRecursive).is_ok();
        // What cannot be watched is polled.
        self.folders = wanted.into_iter().filter(watched).collect();
        let now = self.start.elapsed();
        self.decision = Decision::new(files, now);
        // What was written between the check and the watch had no event.
        self.decision.touched(now);
    }
}

async fn hangup(signal: &mut tokio::signal::unix::Signal) {
    if signal.recv().await.is_none() {
        std::future::pending::<()>().await;
    }
}

/// When to compare, and whether a comparison is a change. Pure: times are since the start.
#[derive(Debug)]
struct Decision {
    known: Fingerprint,
    /// First and last event that no comparison has followed yet.
    events: Option<(Duration, Duration)>,
    compared_at: Duration,
}

impl Decision {
    fn new(known: Fingerprint, now: Duration) -> Self {
        Self { known, events: None, compared_at: now }
    }

    /// Something happened in a watched folder.
    fn touched(&mut self, now: Duration) {
        let first = self.events.map_or(now, |(first, _)| first);
        self.events = Some((first, now));
    }

    /// When the files are to be compared next.
    fn due(&self) -> Duration {
        let poll = self.compared_at + Duration::from_millis(RELOAD_POLL_MS);
        match self.events {
            Some((first, last)) => {
                let quiet = last + Duration::from_millis(RELOAD_DEBOUNCE_MS);
                quiet.min(first + Duration::from_millis(RELOAD_DELAY_MS_MAX)).min(poll)
            }
            None => poll,
        }
    }

    /// Takes what the files hold now. Says whether that is something new.
    fn compared(&mut self, seen: Fingerprint, now: Duration) -> bool {
        self.events = None;
        self.compared_at = now;
        let changed = seen != self.known;
        self.known = seen;
        changed
    }
}

/// The folder in which a file stands.
fn folder(file: &Path) -> Option<PathBuf> {
    let parent = file.parent()?;
    let here = parent.as_os_str().is_empty();
    Some(if here { PathBuf::from(".") } else { parent.to_owned() })
}

/// Reading causes events too, also our own; only what can change content counts.
fn is_relevant(event: &notify::Event) -> bool {
    match event.kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => true,
        EventKind::Access(_) => false,
        EventKind::Any
        | EventKind::Create(_)
        | EventKind::Modify(_)
        | EventKind::Remove(_)
        | EventKind::Other => true,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{
        Decision, Fingerprint, RELOAD_DEBOUNCE_MS, RELOAD_DELAY_MS_MAX, RELOAD_POLL_MS, Trigger,
        Watch,
    };
    use crate::config::files::Files;
    use crate::config::testing::Folder;

    const fn ms(number: u64) -> Duration {
        Duration::from_millis(number)
    }

    fn seen(paths: &[&std::path::Path]) -> Fingerprint {
        let mut files = Files::new();
        for path in paths {
            let _ = files.read(path, 1_000);
        }
        files.finish().1
    }

    #[test]
    fn events_are_compared_after_a_quiet_time() {
        let mut decision = Decision::new(Fingerprint::default(), ms(0));
        assert_eq!(decision.due(), ms(RELOAD_POLL_MS));
        decision.touched(ms(1_000));
        decision.touched(ms(1_200));
        assert_eq!(decision.due(), ms(1_200 + RELOAD_DEBOUNCE_MS));
    }

    #[test]
    fn steady_events_delay_a_comparison_only_to_its_bound() {
        let mut decision = Decision::new(Fingerprint::default(), ms(0));
        for at in (1_000..20_000).step_by(100) {
            decision.touched(ms(at));
        }
        assert_eq!(decision.due(), ms(1_000 + RELOAD_DELAY_MS_MAX));
    }

    #[test]
    fn without_events_files_are_compared_every_poll() {
        let mut decision = Decision::new(Fingerprint::default(), ms(0));
        assert!(!decision.compared(Fingerprint::default(), ms(RELOAD_POLL_MS)));
        assert_eq!(decision.due(), ms(2 * RELOAD_POLL_MS));
    }

    #[test]
    fn same_content_is_no_change_and_a_change_is_one_only_once() {
        let folder = Folder::new();
        let path = folder.write("f", "one");
        let known = seen(&[&path]);
        let mut decision = Decision::new(known, ms(0));
        folder.write("f", "one");
        assert!(!decision.compared(decision.known.now(), ms(1)));
        folder.write("f", "two");
        assert!(decision.compared(decision.known.now(), ms(2)));
        assert!(!decision.compared(decision.known.now(), ms(3)));
    }

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
    }

    /// Waits for a trigger; the signal of another test of this process is not it. The time is far
    /// above the quiet time: only a defect waits this long.
    async fn sees(watch: &mut Watch, wanted: Trigger) -> bool {
        let wait = async { while watch.changed().await != wanted {} };
        tokio::time::timeout(Duration::from_secs(20), wait).await.is_ok()
    }

    #[test]
    fn config_map_swap_is_seen() {
        use std::os::unix::fs::symlink;
        let folder = Folder::new();
        let root = folder.path();
        for (version, text) in [("..1", "one"), ("..2", "two")] {
            std::fs::create_dir(root.join(version)).unwrap();
            std::fs::write(root.join(version).join("s.yaml"), text).unwrap();
        }
        symlink("..1", root.join("..data")).unwrap();
        symlink("..data/s.yaml", root.join("s.yaml")).unwrap();
        let known = seen(&[&root.join("s.yaml")]);
        runtime().block_on(async {
            let mut watch = Watch::start(known).unwrap();
            symlink("..2", root.join("..data_tmp")).unwrap();
            std::fs::rename(root.join("..data_tmp"), root.join("..data")).unwrap();
            assert!(sees(&mut watch, Trigger::Files).await);
        });
    }

    #[test]
    fn file_that_was_missing_is_seen_when_it_comes() {
        let folder = Folder::new();
        let config = folder.write("s.yaml", "x");
        let late = folder.path().join("tls.key");
        let known = seen(&[&config, &late]);
        runtime().block_on(async {
            let mut watch = Watch::start(known).unwrap();
            folder.write("tls.key", "key");
            assert!(sees(&mut watch, Trigger::Files).await);
        });
    }

    #[test]
    fn change_between_check_and_watch_is_seen() {
        let folder = Folder::new();
        let path = folder.write("s.yaml", "one");
        let known = seen(&[&path]);
        folder.write("s.yaml", "two");
        runtime().block_on(async {
            let mut watch = Watch::start(known).unwrap();
            assert!(sees(&mut watch, Trigger::Files).await);
        });
    }

    #[test]
    fn signal_asks_for_a_reload_whatever_the_files_hold() {
        runtime().block_on(async {
            let mut watch = Watch::start(Fingerprint::default()).unwrap();
            let pid = std::process::id().to_string();
            let sent = std::process::Command::new("kill").args(["-HUP", &pid]).status().unwrap();
            assert!(sent.success());
            assert!(sees(&mut watch, Trigger::Signal).await);
        });
    }
}
