//! Reads a trail from end to end for a command, and shows how far it is.

use std::io::{IsTerminal as _, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::audit::{Filter, ReadError, Records};
use crate::cli::say;

/// Hands each record to `take`, until that says what is wrong. What is no record is counted and
/// told; `None` where the trail cannot be read or `take` gave up, which was said.
pub(super) fn each<E: std::fmt::Display>(
    path: &Path,
    mut take: impl FnMut(&Value) -> Result<(), E>,
) -> Option<()> {
    let told = |error: &dyn std::fmt::Display| {
        say(&format!("sallyport: {error}"));
        None
    };
    let mut records = match Records::open(path, Filter::default()) {
        Ok(records) => records,
        Err(error) => return told(&error),
    };
    let mut progress = Progress::new(records.bytes_total());
    let (mut bad, mut first_bad) = (0_u64, 0);
    while let Some(record) = records.next() {
        match record {
            Ok(record) => {
                if let Err(error) = take(&record) {
                    progress.clear();
                    return told(&error);
                }
            }
            Err(ReadError::NotARecord { line }) => {
                first_bad = if bad == 0 { line } else { first_bad };
                bad += 1;
            }
            Err(error @ ReadError::Io { .. }) => {
                progress.clear();
                return told(&error);
            }
        }
        progress.at(records.bytes());
    }
    progress.clear();
    if bad > 0 {
        let lines = if bad == 1 { "1 line is".to_owned() } else { format!("{bad} lines are") };
        say(&format!("{lines} no whole record, the first is line {first_bad}; see `audit verify`"));
    }
    Some(())
}

/// How far a trail was read, on a terminal alone, and only where it takes a while.
struct Progress {
    total: u64,
    next: Option<Instant>,
    shown: bool,
}

impl Progress {
    fn new(total: u64) -> Self {
        let terminal = std::io::stderr().is_terminal();
        Self { total, next: terminal.then(|| Instant::now() + STEP), shown: false }
    }

    fn at(&mut self, bytes: u64) {
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

    fn clear(&mut self) {
        if self.shown {
            let blank = " ".repeat(WIDTH + 8);
            let _ = write!(std::io::stderr(), "\r{blank}\r");
            self.shown = false;
        }
    }
}

const STEP: Duration = Duration::from_millis(250);
const WIDTH: usize = 40;
