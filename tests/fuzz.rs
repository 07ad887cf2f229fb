//! Replays the corpora of the fuzz targets, and mutations of them, with a stable compiler.
//!
//! Whatever a fuzzer found once is a test for ever: a file in `tests/fuzz/corpus/TARGET`. The
//! mutations come from a fixed seed, so that a failure here fails everywhere.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::cast_possible_truncation,
    reason = "a test may fail loudly"
)]

#[path = "fuzz/checks.rs"]
mod checks;
#[path = "fuzz/redaction/mod.rs"]
mod redaction;

use std::fs;
use std::path::Path;

/// Mutations of each file of a corpus.
const MUTATIONS: u64 = 1_000;

/// The same where one check reads its input a dozen times.
const MUTATIONS_OF_TEXTS: u64 = 40;

#[test]
fn p50_json_rpc_reader_keeps_its_promises_for_the_corpus_and_its_mutations() {
    replay("message", 60, MUTATIONS, checks::message);
}

#[test]
fn p50_event_stream_codec_keeps_its_promises_for_the_corpus_and_its_mutations() {
    replay("sse", 30, MUTATIONS, checks::sse);
}

#[test]
fn p50_header_codec_keeps_its_promises_for_the_corpus_and_its_mutations() {
    replay("header", 20, MUTATIONS, checks::header);
}

#[test]
fn p50_session_seal_keeps_its_promises_for_the_corpus_and_its_mutations() {
    replay("seal", 5, MUTATIONS, checks::seal);
}

#[test]
fn p50_policy_files_are_read_or_refused_whatever_is_in_them() {
    replay("policy", 20, MUTATIONS, checks::policy);
}

#[test]
fn p50_views_leave_json_and_nothing_that_was_not_there() {
    replay("view", 20, MUTATIONS, checks::view);
}

#[test]
fn p50_redacted_streams_leave_the_same_bytes_wherever_they_are_cut() {
    replay("stream", 50, MUTATIONS_OF_TEXTS, redaction::stream);
}

#[test]
fn p50_redacted_messages_are_messages_in_which_nothing_more_is_found() {
    replay("plan", 80, MUTATIONS_OF_TEXTS, redaction::plan);
}

#[test]
fn p50_redacted_texts_are_texts_in_which_nothing_more_is_found() {
    replay("text", 60, MUTATIONS_OF_TEXTS, redaction::text);
}

#[test]
fn p50_values_in_tables_and_encodings_inside_each_other_are_not_seen() {
    replay("made", 35, MUTATIONS_OF_TEXTS, redaction::made);
}

#[test]
fn p50_values_that_two_blocks_cut_are_not_seen() {
    replay("seams", 15, MUTATIONS_OF_TEXTS, redaction::seams);
}

#[test]
fn p50_events_that_wait_leave_in_time_in_order_and_whole() {
    replay("deltas", 10, MUTATIONS_OF_TEXTS, redaction::deltas);
}

#[test]
fn p50_dictionaries_find_their_phrases_and_nothing_else() {
    replay("dictionary", 8, MUTATIONS, redaction::dictionary);
}

#[test]
fn p50_results_leave_within_their_schema_or_not_at_all() {
    replay("fit", 45, MUTATIONS_OF_TEXTS, redaction::fit);
}

#[test]
fn every_fuzz_target_has_its_check_and_its_corpus() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz");
    let stem = |path: &Path| path.file_stem().unwrap().to_str().unwrap().to_owned();
    let mut targets: Vec<_> = fs::read_dir(folder.join("fuzz_targets"))
        .unwrap()
        .map(|entry| stem(&entry.unwrap().path()))
        .collect();
    let mut corpora: Vec<_> = fs::read_dir(folder.join("corpus"))
        .unwrap()
        .map(|entry| stem(&entry.unwrap().path()))
        .collect();
    targets.sort();
    corpora.sort();
    assert_eq!(targets, corpora);
    let codecs = ["header", "message", "policy", "seal", "sse", "view"];
    let redaction = ["deltas", "dictionary", "fit", "made", "plan", "seams", "stream", "text"];
    let mut expected = [&codecs[..], &redaction[..]].concat();
    expected.sort_unstable();
    assert_eq!(targets, expected);
}

/// At least `files_min` files, so that a corpus that was not checked out is no silent success.
fn replay(target: &str, files_min: usize, mutations: u64, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(target);
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= files_min, "{target}: only {} files", files.len());
    let contents: Vec<_> = files.iter().map(|file| fs::read(file).unwrap()).collect();
    for (file, content) in files.iter().zip(&contents) {
        run(file, content, check);
        let mut dice = Dice(content.len() as u64 ^ 0x9E37_79B9_7F4A_7C15);
        for _ in 0..mutations {
            let other = &contents[dice.below(contents.len())];
            run(file, &mutated(content, other, &mut dice), check);
        }
    }
}

fn run(file: &Path, input: &[u8], check: fn(&[u8])) {
    if std::panic::catch_unwind(|| check(input)).is_err() {
        panic!("{}: {}", file.display(), String::from_utf8_lossy(input).escape_debug());
    }
}

/// One to four small changes, as fuzzers make them.
fn mutated(input: &[u8], other: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut out = input.to_vec();
    for _ in 0..=dice.below(4) {
        let at = dice.below(out.len() + 1);
        match dice.below(6) {
            0 if at < out.len() => out[at] ^= 1 << dice.below(8),
            1 if at < out.len() => drop(out.remove(at)),
            2 => out.insert(at, TELLING[dice.below(TELLING.len())]),
            3 => out.truncate(at),
            4 => {
                let from = dice.below(other.len() + 1);
                let until = (from + dice.below(32)).min(other.len());
                out.splice(at..at, other[from..until].iter().copied());
            }
            _ => {
                let until = (at + dice.below(16)).min(out.len());
                let twice = out[at..until].to_vec();
                out.splice(at..at, twice);
            }
        }
    }
    out
}

/// Bytes that mean something to one of the readers.
const TELLING: &[u8] = b"\"\\{}[]:,0-.eE \t\r\n\0=?/\xEF\xBB\xBF\x7F\xC3\xEDux";

/// SplitMix64: small, and the same everywhere.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % bound.max(1) as u64) as usize
    }
}
