//! Where checkpoints go beyond the reach of whoever can write the log.
//!
//! One thread hands each checkpoint to every [`Anchor`], behind a bounded queue that
//! never makes the writer wait: a checkpoint that finds no room is left out, and the
//! next one covers what it covered. A new kind of anchor is one more implementation.

pub use crate::limits::{AUDIT_ANCHOR_CLOSE_MS, AUDIT_ANCHOR_QUEUE_MAX, AUDIT_ANCHORS_MAX};
use std::fmt;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::Duration;

use super::checkpoint::push_note;
use super::storage::append_note;

/// A place that takes checkpoints. It may block; it is asked by a thread of its own.
pub trait Anchor: Send {
    /// What it is, for messages.
    fn name(&self) -> String;
    /// Takes the checkpoint of `size` records.
    ///
    /// # Errors
    /// What went wrong; the next checkpoint is tried all the same.
    fn publish(&mut self, note: &str, size: u64) -> io::Result<()>;
}

/// A place for checkpoints, as it is configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// The gateway's own log, which is shipped elsewhere: an event with the note.
    Log,
    /// Standard output, which is a pipe to somewhere else: the notes, one after the other.
    Stdout,
    /// A file: on another machine's disk, or one that can only be appended to.
    File(PathBuf),
}

impl Destination {
    fn anchor(&self) -> Box<dyn Anchor> {
        match self {
            Self::Log => Box::new(LogLine),
            Self::Stdout => Box::new(Lines(io::stdout())),
            Self::File(path) => Box::new(AppendFile(path.clone())),
        }
    }
}

struct LogLine;

impl Anchor for LogLine {
    fn name(&self) -> String {
        "log".to_owned()
    }

    fn publish(&mut self, note: &str, size: u64) -> io::Result<()> {
        tracing::info!(size, note, "audit checkpoint");
        Ok(())
    }
}

/// Notes with an empty line behind each.
struct Lines<W>(W);

impl<W: Write + Send> Anchor for Lines<W> {
    fn name(&self) -> String {
        "stdout".to_owned()
    }

    fn publish(&mut self, note: &str, _size: u64) -> io::Result<()> {
        let mut text = String::with_capacity(note.len() + 1);
        push_note(&mut text, note);
        self.0.write_all(text.as_bytes())?;
        self.0.flush()
    }
}

struct AppendFile(PathBuf);

impl Anchor for AppendFile {
    fn name(&self) -> String {
        format!("file `{}`", self.0.display())
    }

    fn publish(&mut self, note: &str, _size: u64) -> io::Result<()> {
        append_note(&self.0, note)
    }
}

/// The queue in front of the anchors, and their thread.
pub(super) struct Publisher {
    queue: Option<SyncSender<(String, u64)>>,
    /// Closed by the thread as its last act.
    ended: Option<Receiver<()>>,
}

impl Publisher {
    /// Starts the thread, if there is anybody to publish to.
    ///
    /// # Errors
    /// When the system has no thread.
    pub(super) fn start(places: &[Destination]) -> io::Result<Self> {
        let places = places.iter().take(AUDIT_ANCHORS_MAX);
        Self::with(places.map(Destination::anchor).collect())
    }

    pub(super) fn with(anchors: Vec<Box<dyn Anchor>>) -> io::Result<Self> {
        if anchors.is_empty() {
            return Ok(Self { queue: None, ended: None });
        }
        let (queue, taken) = sync_channel(AUDIT_ANCHOR_QUEUE_MAX);
        let (alive, ended) = sync_channel(0);
        let builder = thread::Builder::new().name("audit-anchors".to_owned());
        builder.spawn(move || {
            let _alive: SyncSender<()> = alive;
            run(anchors, &taken);
        })?;
        Ok(Self { queue: Some(queue), ended: Some(ended) })
    }

    /// Hands a checkpoint over, without waiting.
    pub(super) fn publish(&self, note: String, size: u64) {
        let Some(queue) = &self.queue else { return };
        match queue.try_send((note, size)) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => {
                tracing::warn!(size, "an audit checkpoint was not published: the anchors are slow");
            }
            Err(TrySendError::Disconnected(_)) => {
                tracing::error!(
                    size,
                    "an audit checkpoint was not published: the anchors are gone"
                );
            }
        }
    }

    /// Waits until everything handed over was tried, but not for ever.
    pub(super) fn close(&mut self) {
        self.queue = None;
        let Some(ended) = self.ended.take() else { return };
        let wait = Duration::from_millis(AUDIT_ANCHOR_CLOSE_MS);
        if ended.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
            tracing::error!("the last audit checkpoints may not have reached the anchors");
        }
    }
}

impl fmt::Debug for Publisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Publisher({})", if self.queue.is_some() { "running" } else { "off" })
    }
}

fn run(mut anchors: Vec<Box<dyn Anchor>>, taken: &Receiver<(String, u64)>) {
    while let Ok((note, size)) = taken.recv() {
        for anchor in &mut anchors {
            if let Err(error) = anchor.publish(&note, size) {
                let anchor = anchor.name();
                tracing::warn!(%error, anchor, size, "an audit checkpoint was not published");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Barrier, Mutex};

    /// Takes what it is given, once the test lets it.
    struct Slow(Arc<Barrier>, Arc<Mutex<Vec<u64>>>);

    impl Anchor for Slow {
        fn name(&self) -> String {
            "slow".to_owned()
        }

        fn publish(&mut self, _note: &str, size: u64) -> io::Result<()> {
            if size == 1 {
                self.0.wait();
            }
            self.1.lock().unwrap().push(size);
            Err(io::Error::other("and it fails"))
        }
    }

    #[test]
    fn an_anchor_that_does_not_answer_blocks_nobody_and_gets_what_fits_its_queue() {
        let (gate, got) = (Arc::new(Barrier::new(2)), Arc::new(Mutex::new(Vec::new())));
        let slow = Slow(gate.clone(), got.clone());
        let mut publisher = Publisher::with(vec![Box::new(slow)]).unwrap();
        let many = 3 * u64::try_from(AUDIT_ANCHOR_QUEUE_MAX).unwrap();
        for size in 1..=many {
            publisher.publish("note".to_owned(), size);
        }
        gate.wait();
        publisher.close();
        let got = got.lock().unwrap();
        assert!(got.len() == AUDIT_ANCHOR_QUEUE_MAX || got.len() == AUDIT_ANCHOR_QUEUE_MAX + 1);
        assert!(got.is_sorted() && got[0] == 1);
    }

    #[test]
    fn stopping_waits_for_the_anchors_until_the_bound() {
        let (gate, got) = (Arc::new(Barrier::new(2)), Arc::new(Mutex::new(Vec::new())));
        let mut publisher =
            Publisher::with(vec![Box::new(Slow(gate.clone(), got.clone()))]).unwrap();
        publisher.publish("note".to_owned(), 2);
        publisher.close();
        assert_eq!(*got.lock().unwrap(), [2], "what was handed over is published first");
        assert!(!Duration::from_millis(AUDIT_ANCHOR_CLOSE_MS).is_zero());
    }

    #[test]
    fn a_stream_takes_notes_as_files_of_them_have_them() {
        let mut lines = Lines(Vec::new());
        let note = "a\n1\nb\n\n\u{2014} a AAAAAQAAAAA=\n";
        lines.publish(note, 1).unwrap();
        lines.publish(note, 1).unwrap();
        assert_eq!(lines.0, format!("{note}\n{note}\n").into_bytes());
    }

    #[test]
    fn no_more_anchors_are_asked_than_the_bound() {
        let path = std::env::temp_dir().join(format!("sallyport-anchor-{}", std::process::id()));
        let mut publisher =
            Publisher::start(&vec![Destination::File(path.clone()); AUDIT_ANCHORS_MAX + 1]);
        let publisher = publisher.as_mut().unwrap();
        publisher.publish("a\n1\nb\n\n\u{2014} a AAAAAQAAAAA=\n".to_owned(), 1);
        publisher.close();
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(text.matches("\n1\n").count(), AUDIT_ANCHORS_MAX);
    }
}
