//! What a process writes that is no message, on its way into our log.
//!
//! Guarantees: a line is bounded, so are lines per second, and what is left out is counted;
//! personal data and secrets are masked as in the audit trail; no control character passes, so
//! that a line cannot pretend to be another one.

use std::sync::Arc;
use std::time::Duration;

use memchr::memmem;
use tokio::io::{AsyncRead, AsyncReadExt as _};

use crate::class::{Class, ClassSet, Form};
use crate::clock::Clock;
use crate::inspect::{Counts, Detector, DetectorError, Settings};
use crate::limits::{KEY_LINES_MAX, STDERR_LINE_BYTES_MAX, STDERR_LINES_PER_S};

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
    key: Key,
}

impl Chatter {
    pub(super) fn new(
        program: Arc<str>,
        pid: u32,
        stream: &'static str,
        scrub: Arc<Detector>,
        clock: Clock,
    ) -> Self {
        Self {
            program,
            pid,
            stream,
            scrub,
            clock,
            allowance: Allowance::default(),
            key: Key::default(),
        }
    }

    /// Logs one line, or counts it.
    pub(super) fn line(&mut self, line: &[u8]) {
        // A key has lines that say nothing of what they are.
        if self.key.holds(line) {
            return;
        }
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

/// A private key that is written line by line (RFC 7468).
#[derive(Debug, Default)]
struct Key {
    /// Lines that may still be of the one at hand.
    lines_left: u32,
}

impl Key {
    /// Whether a line is of a key, and not its first one.
    fn holds(&mut self, line: &[u8]) -> bool {
        let holds = self.lines_left > 0;
        let has = |line: &[u8], mark: &[u8]| memmem::find(line, mark).is_some();
        if has(line, b"-----END ") {
            self.lines_left = 0;
        } else if [&b"-----BEGIN "[..], b"PRIVATE KEY"].iter().all(|mark| has(line, mark)) {
            self.lines_left = KEY_LINES_MAX;
        } else {
            self.lines_left = self.lines_left.saturating_sub(1);
        }
        holds
    }
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

    use super::{Allowance, Key, Verdict, scrubber, shown};
    use crate::limits::{KEY_LINES_MAX, STDERR_LINE_BYTES_MAX, STDERR_LINES_PER_S};

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
    fn lines_of_a_private_key_are_left_out_up_to_key_lines_max() {
        let begin = format!("key: -----BEGIN {}-----", "EC PRIVATE KEY");
        let end = format!("-----END {}-----", "EC PRIVATE KEY");
        let mut key = Key::default();
        let lines = ["ready", &begin, "MHcCAQEEIB", "oUQDQgAE", &end, "done"];
        let held = lines.map(|line| key.holds(line.as_bytes()));
        assert_eq!(held, [false, false, true, true, true, false]);
        // One that never ends does not take the log for ever.
        assert!(!key.holds(begin.as_bytes()));
        let held = (0..2 * KEY_LINES_MAX).filter(|_| key.holds(b"line")).count();
        assert_eq!(held, usize::try_from(KEY_LINES_MAX).unwrap());
        // One that stands in one line has an end.
        assert!(!key.holds(format!("{begin}MHcC{end}").as_bytes()) && !key.holds(b"next"));
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
