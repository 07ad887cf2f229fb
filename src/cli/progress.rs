//! How far a command is that reads much.

use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

/// How much was read, on a terminal alone, and only where it takes a while.
pub(super) struct Progress {
    total: u64,
    next: Option<Instant>,
    shown: bool,
}

impl Progress {
    pub(super) fn new(total: u64) -> Self {
        let terminal = std::io::stderr().is_terminal();
        Self { total, next: terminal.then(|| Instant::now() + STEP), shown: false }
    }

    /// So much of a total that changes while it is read.
    pub(super) fn of(&mut self, done: u64, total: u64) {
        self.total = total;
        self.at(done);
    }

    pub(super) fn at(&mut self, bytes: u64) {
        let now = Instant::now();
        if self.next.is_none_or(|next| now < next) {
            return;
        }
        self.next = Some(now + STEP);
        self.shown = true;
        let percent = bytes.saturating_mul(100).checked_div(self.total).unwrap_or(100).min(100);
        let full = usize::try_from(percent).unwrap_or(100) * WIDTH / 100;
        let (done, left) = ("=".repeat(full), " ".repeat(WIDTH - full));
        // A terminal that is gone shows nothing, which changes nothing.
        let _ = write!(std::io::stderr(), "\r[{done}{left}] {percent:>3} %");
    }

    pub(super) fn clear(&mut self) {
        if self.shown {
            let blank = " ".repeat(WIDTH + 8);
            let _ = write!(std::io::stderr(), "\r{blank}\r");
            self.shown = false;
        }
    }
}

const STEP: Duration = Duration::from_millis(250);
const WIDTH: usize = 40;
