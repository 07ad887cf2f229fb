//! What a process writes that is no message, on its way into our log.
//!
//! Guarantees: a line is bounded, so are lines per second, and what is left out is counted;
//! personal data and secrets are masked as in the audit trail; no control character passes, so
//! that a line cannot pretend to be another one.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _};

use crate::class::{Class, ClassSet, Form};
use crate::clock::Clock;
use crate::inspect::{Counts, Detector, DetectorError, Settings};
use crate::limits::{STDERR_LINE_BYTES_MAX, STDERR_LINES_PER_S};

/// Masks every built-in class.
pub(super) fn scrubber() -> Result<Detector, DetectorError> {
    let forms = Class::BUILTIN.iter().map(|class| (*class, Form::Label)).collect();
    Detector::new(&Settings { forms, ..Settings::default() })
}

/// Where lines go, and how many already went.
#[derive(Debug)]
pub(super) struct Chatter {
    /// The program, for people.
    program: Arc<str>,
    pid: u32,
    stream: &'static str,
    scrub: Arc<Detector>,
    clock: Clock,
    allowance: Allowance,
}

impl Chatter {
    pub(super) fn new(
        program: Arc<str>,
        pid: u32,
        stream: &'static str,
        scrub: Arc<Detector>,
        clock: Clock,
    ) -> Self {
        Self { program, pid, stream, scrub, clock, allowance: Allowance::default() }
    }

    /// Logs one line, or counts it.
    pub(super) fn line(&mut self, line: &[u8]) {
        let left_out = match self.allowance.take(self.clock.monotonic()) {
            Verdict::LeaveOut => return,
            Verdict::Pass { left_out } => left_out,
        };
        let (program, pid, stream) = (&*self.program, self.pid, self.stream);
        if left_out > 0 {
            tracing::warn!(program, pid, stream, left_out, "a server writes too much");
        }
        let line = shown(line, &self.scrub);
        tracing::info!(program, pid, stream, line, "a server writes");
    }

    /// Reads until the end, whatever comes.
    pub(super) async fn drain(mut self, mut from: impl AsyncRead + Unpin) {
        let mut buffer = vec![0; STDERR_LINE_BYTES_MAX];
        let mut line = Vec::new();
        while let Ok(read) = from.read(&mut buffer).await {
            if read == 0 {
                break;
            }
            for byte in buffer.get(..read).unwrap_or_default() {
                if *byte == b'\n' {
                    self.line(&line);
                    line.clear();
                } else if line.len() < STDERR_LINE_BYTES_MAX {
                    line.push(*byte);
                }
            }
        }
        if !line.is_empty() {
            self.line(&line);
        }
    }
}

/// A line as it may stand in a log.
fn shown(line: &[u8], scrub: &Detector) -> String {
    let line = line.get(..STDERR_LINE_BYTES_MAX).unwrap_or(line);
    let text = String::from_utf8_lossy(line);
    let masked = scrub.redact_text(text.trim_end(), ClassSet::empty(), &mut Counts::default());
    masked.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Lines per second.
#[derive(Debug, Default)]
struct Allowance {
    second: u64,
    passed: u32,
    left_out: u64,
}

#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Pass {
        /// How many were left out since the last one that passed.
        left_out: u64,
    },
    LeaveOut,
}

impl Allowance {
    fn take(&mut self, now: Duration) -> Verdict {
        if now.as_secs() != self.second {
            self.second = now.as_secs();
            self.passed = 0;
        }
        if self.passed == STDERR_LINES_PER_S {
            self.left_out = self.left_out.saturating_add(1);
            return Verdict::LeaveOut;
        }
        self.passed += 1;
        Verdict::Pass { left_out: std::mem::take(&mut self.left_out) }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Allowance, Verdict, scrubber, shown};
    use crate::limits::{STDERR_LINE_BYTES_MAX, STDERR_LINES_PER_S};

    #[test]
    fn flood_of_more_than_stderr_lines_per_s_is_counted() {
        let mut allowance = Allowance::default();
        let now = Duration::from_millis(5_100);
        for _ in 0..STDERR_LINES_PER_S {
            assert_eq!(allowance.take(now), Verdict::Pass { left_out: 0 });
        }
        for _ in 0..7 {
            assert_eq!(allowance.take(Duration::from_millis(5_999)), Verdict::LeaveOut);
        }
        assert_eq!(allowance.take(Duration::from_secs(6)), Verdict::Pass { left_out: 7 });
        assert_eq!(allowance.take(Duration::from_secs(6)), Verdict::Pass { left_out: 0 });
    }

    #[test]
    fn line_is_masked_bounded_and_without_control_characters() {
        let scrub = scrubber().unwrap();
        let line = shown(b"\x1b[31mmail ada@example.com\r\ttoken\xFF\r", &scrub);
        assert!(!line.contains("ada@example.com") && !line.contains(char::is_control), "{line}");
        assert!(line.contains("mail"), "{line}");
        let long = vec![b'x'; 3 * STDERR_LINE_BYTES_MAX];
        assert_eq!(shown(&long, &scrub).len(), STDERR_LINE_BYTES_MAX);
    }
}
