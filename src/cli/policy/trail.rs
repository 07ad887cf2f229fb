//! Reads a trail from end to end for a command, and shows how far it is.

use std::path::Path;

use serde_json::Value;

use crate::audit::{Filter, ReadError, Records};
use crate::cli::progress::Progress;
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
