//! Promises of the detectors of secrets.
//!
//! Keys are made up from the tables and a seed while the tests run, so that no scanner of
//! repositories takes them for real.

mod context;
mod forms;
mod hostile;

use crate::class::{Class, Confidence};
use crate::inspect::context::Hints;
use crate::inspect::scan::{Findings, Scan, Subject, Wanted};

/// A finding as tests compare it.
type Hit = (Class, Confidence, String);

/// Everything found in a text when every class is on, in order.
fn hits(text: &str) -> Vec<Hit> {
    let mut findings = Findings::default();
    let subject =
        Subject { text: text.as_bytes(), named: Hints::NONE, numeric: false, is_name: false };
    Scan::new(subject, &Wanted::everything(), &mut findings).run(0);
    findings.found.sort_by_key(|found| found.start);
    let hit = |f: &crate::inspect::scan::Found| {
        let value = String::from_utf8_lossy(&text.as_bytes()[f.start..f.end]).into_owned();
        (f.class, f.confidence, value)
    };
    findings.found.iter().map(hit).collect()
}

/// What was found of one class.
fn found(class: Class, text: &str) -> Vec<String> {
    hits(text).into_iter().filter(|hit| hit.0 == class).map(|hit| hit.2).collect()
}

/// Secrets that are at least likely.
fn secrets(text: &str) -> Vec<Hit> {
    let secret = |hit: &Hit| hit.0.is_secret() && hit.1 >= Confidence::Likely;
    hits(text).into_iter().filter(secret).collect()
}

#[track_caller]
fn assert_no_secret(texts: &[&str]) {
    for text in texts {
        assert_eq!(secrets(text), [], "in {text:?}");
    }
}

/// Numbers without pattern that are the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % sides as u64).unwrap()
    }

    fn draw(&mut self, alphabet: &[u8], length: usize) -> String {
        (0..length).map(|_| char::from(alphabet[self.roll(alphabet.len())])).collect()
    }
}

const BASE62: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
