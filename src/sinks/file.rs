//! Records into a file, and onto the standard output.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::thread;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

use super::delivery::{Deliver, Delivery, Item};
use super::worker::joined;

/// Appends lines to a file, each batch synced. A file that was moved aside is made anew.
pub(super) struct FileTarget {
    path: PathBuf,
}

impl FileTarget {
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.to_path_buf() }
    }
}

impl Deliver for FileTarget {
    async fn deliver(&mut self, items: &[Item]) -> Delivery {
        let (path, lines) = (self.path.clone(), joined(items));
        match tokio::task::spawn_blocking(move || append(&path, &lines)).await {
            Ok(Ok(())) => Delivery::taken(items),
            Ok(Err(error)) => Delivery::again(error.to_string()),
            Err(error) => Delivery::again(error.to_string()),
        }
    }
}

/// All of the lines, or none: half a line would spoil the next one.
fn append(path: &Path, lines: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
    let before = file.metadata()?;
    match file.write_all(lines).and_then(|()| file.sync_data()) {
        Ok(()) => Ok(()),
        Err(error) => {
            take_back(&file, before.size());
            Err(error)
        }
    }
}

/// A device or a pipe cannot be cut, and needs not be.
fn take_back(file: &File, bytes: u64) {
    let _ = file.set_len(bytes);
}

/// Writes lines to the standard output, from a thread of its own: a reader that stops reading
/// stops this sink and nothing else.
pub(super) struct StdoutTarget {
    lines: mpsc::Sender<(Bytes, oneshot::Sender<io::Result<()>>)>,
}

impl StdoutTarget {
    /// # Errors
    /// What the system says of a new thread.
    pub(super) fn new(out: impl io::Write + Send + 'static) -> io::Result<Self> {
        let (lines, mut wanted) = mpsc::channel::<(Bytes, oneshot::Sender<io::Result<()>>)>(1);
        let mut out = out;
        // Not joined: a write to a pipe that nobody reads ends with the process.
        thread::Builder::new().name("sink-stdout".to_owned()).spawn(move || {
            while let Some((lines, done)) = wanted.blocking_recv() {
                // Whoever waited may be gone.
                let _ = done.send(out.write_all(&lines).and_then(|()| out.flush()));
            }
        })?;
        Ok(Self { lines })
    }
}

impl Deliver for StdoutTarget {
    async fn deliver(&mut self, items: &[Item]) -> Delivery {
        let (done, written) = oneshot::channel();
        if self.lines.send((joined(items), done)).await.is_err() {
            return Delivery::again("the thread that writes is gone");
        }
        match written.await {
            Ok(Ok(())) => Delivery::taken(items),
            Ok(Err(error)) => Delivery::again(error.to_string()),
            Err(_) => Delivery::again("the thread that writes is gone"),
        }
    }
}
