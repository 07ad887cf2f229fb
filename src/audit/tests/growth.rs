//! How a log grew, proven from a tree that was kept.

use std::path::Path;

use super::super::growth::{GrowError, Growth, Latest, latest};
use super::super::merkle::consistent;
use super::super::storage::CHECKPOINTS_FILE;
use super::super::stub::{Stub, leaf_of};
use super::{fill, filled};
use crate::limits::AUDIT_NOTE_BYTES_MAX;

fn latest_of(dir: &Path) -> Latest {
    latest(dir).unwrap().unwrap()
}

#[test]
fn every_proof_from_a_kept_tree_is_the_one_that_the_whole_log_gives_and_verifies() {
    let dir = filled(23);
    let path = &dir.0;
    let newest = latest_of(path);
    assert_eq!(newest.size, 23);
    for old in 0..=23 {
        let there = Growth::new(path).at(old).unwrap();
        let kept = Growth::of(path, there.size(), there.peaks().to_vec()).unwrap();
        let (fresh, kept) = (there.to(&newest).unwrap(), kept.to(&newest).unwrap());
        assert_eq!(fresh.proof, kept.proof);
        assert_eq!(kept.then.size(), 23);
        if old > 0 {
            let old_root = there.root();
            assert!(consistent((old, &old_root), (23, &newest.root), &kept.proof), "{old}");
        } else {
            assert!(kept.proof.is_empty());
        }
    }
}

#[test]
fn log_that_goes_on_is_read_on_over_the_end_of_a_segment_and_over_a_purge_of_its_bytes() {
    let dir = filled(5);
    let path = &dir.0;
    let mut growth = Growth::new(path).to(&latest_of(path)).unwrap().then;
    std::fs::write(path.join("000000000006.jsonl"), "").unwrap();
    fill(path, 4);
    let (old_root, newest) = (growth.root(), latest_of(path));
    let grown = growth.to(&newest).unwrap();
    assert!(consistent((5, &old_root), (9, &newest.root), &grown.proof));
    growth = grown.then;
    // The same records at other places of a file: what a purge leaves.
    let first = path.join("000000000001.jsonl");
    let text = std::fs::read_to_string(&first).unwrap();
    let line = text.lines().next().unwrap();
    let stub = Stub { seq: 1, by: 9, leaf: leaf_of(line.as_bytes()) };
    let mut stubbed = Vec::new();
    stub.push(&mut stubbed);
    stubbed.extend_from_slice(&text.as_bytes()[line.len() + 1..]);
    std::fs::write(path.join("new"), stubbed).unwrap();
    std::fs::rename(path.join("new"), &first).unwrap();
    fill(path, 2);
    assert_eq!(growth.to(&latest_of(path)).unwrap().then.size(), 11);
    assert_eq!(Growth::new(path).to(&latest_of(path)).unwrap().then.size(), 11);
}

#[test]
fn kept_tree_that_is_wrong_is_made_anew_and_a_log_that_is_wrong_is_a_contradiction() {
    let dir = filled(6);
    let newest = latest_of(&dir.0);
    let wrong = Growth::of(&dir.0, 3, vec![[1; 32], [2; 32]]).unwrap();
    assert!(wrong.to(&newest).is_ok());
    assert!(Growth::of(&dir.0, 3, vec![[1; 32]]).is_none(), "three records, two peaks");
    let file = dir.0.join("000000000001.jsonl");
    let text = std::fs::read_to_string(&file).unwrap();
    for bad in [text.replace("\"n\":2", "\"n\":7"), text[..text.len() / 2].to_owned()] {
        std::fs::write(&file, bad).unwrap();
        let told = Growth::new(&dir.0).to(&newest).unwrap_err();
        assert!(matches!(told, GrowError::Contradiction), "{told}");
    }
}

#[test]
fn last_checkpoint_is_found_behind_many_and_before_half_of_one() {
    let dir = filled(2);
    let newest = latest_of(&dir.0);
    let file = dir.0.join(CHECKPOINTS_FILE);
    let many = format!("{}\n", newest.note).repeat(1 + 2 * AUDIT_NOTE_BYTES_MAX / 200);
    std::fs::write(&file, format!("{many}{}", &newest.note[..90])).unwrap();
    assert_eq!(latest_of(&dir.0), newest);
    std::fs::remove_file(&file).unwrap();
    assert_eq!(latest(&dir.0).unwrap(), None);
}
