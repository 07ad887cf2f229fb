//! The file: read as it grows, whole when it changed otherwise, and not at all with a bad line.

use std::io::Write;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::super::{Change, Follower, Reading, append, in_force, read_whole};
use super::{NOW, Scratch, add, subject};
use crate::limits::{REVOCATION_FILE_BYTES_MAX, REVOCATION_LINE_BYTES_MAX, REVOCATION_TORN_MS};

fn line(name: &str) -> String {
    add(name).line() + "\n"
}

fn names(changes: &[Change]) -> Vec<String> {
    let mut names: Vec<_> =
        in_force(changes.to_vec(), NOW).iter().map(|entry| entry.value.to_string()).collect();
    names.sort();
    names
}

fn more(reading: Result<Reading, String>) -> Vec<String> {
    match reading {
        Ok(Reading::More(changes)) => names(&changes),
        other => panic!("{other:?}"),
    }
}

fn whole(reading: Result<Reading, String>) -> Vec<String> {
    match reading {
        Ok(Reading::Whole(changes)) => names(&changes),
        other => panic!("{other:?}"),
    }
}

#[test]
fn file_is_read_whole_once_and_then_as_it_grows() {
    let (file, now) = (Scratch::new(), Instant::now());
    file.write("# revoked\n\n");
    append(file.path(), &add("a")).unwrap();
    let mut follower = Follower::new(file.path());
    assert_eq!(whole(follower.look(now)), ["a"]);
    assert_eq!(follower.look(now), Ok(Reading::Same));
    append(file.path(), &add("b")).unwrap();
    append(file.path(), &add("c")).unwrap();
    assert_eq!(more(follower.look(now)), ["b", "c"]);
}

#[test]
fn line_that_was_taken_out_by_hand_counts_no_longer() {
    let (file, now) = (Scratch::new(), Instant::now());
    let (a, b) = (line("a"), line("b"));
    file.write(format!("{a}{b}"));
    let mut follower = Follower::new(file.path());
    assert_eq!(whole(follower.look(now)), ["a", "b"]);
    // Longer than before, so that only its beginning tells that it is another one.
    file.write(format!("{b}{}{}", line("c"), line("d")));
    assert_eq!(whole(follower.look(now)), ["b", "c", "d"]);
    std::fs::rename(file.path(), file.path().with_extension("old")).unwrap();
    assert!(follower.look(now).unwrap_err().contains("cannot be read"));
    file.write(line("e"));
    assert_eq!(whole(follower.look(now)), ["e"]);
}

#[test]
fn one_bad_line_makes_the_file_unreadable_until_it_is_mended() {
    let (file, now) = (Scratch::new(), Instant::now());
    file.write(format!("{}{{\"kind\":\"subject\"}}\n{}", line("a"), line("b")));
    let mut follower = Follower::new(file.path());
    for _ in 0..2 {
        let why = follower.look(now).unwrap_err();
        assert!(why.starts_with("line 2: `value`"), "{why}");
    }
    file.write(line("b"));
    assert_eq!(whole(follower.look(now)), ["b"]);
}

#[test]
fn unfinished_line_waits_for_its_end_and_not_for_ever() {
    let (file, now) = (Scratch::new(), Instant::now());
    let b = line("b");
    let (half, rest) = b.split_at(20);
    file.write(line("a") + half);
    let mut follower = Follower::new(file.path());
    assert_eq!(whole(follower.look(now)), ["a"]);
    let soon = now + Duration::from_millis(REVOCATION_TORN_MS - 1);
    assert_eq!(follower.look(soon), Ok(Reading::Same));
    let late = now + Duration::from_millis(REVOCATION_TORN_MS);
    assert!(follower.look(late).unwrap_err().contains("not finished"));
    std::fs::OpenOptions::new()
        .append(true)
        .open(file.path())
        .unwrap()
        .write_all(rest.as_bytes())
        .unwrap();
    assert_eq!(whole(follower.look(late)), ["a", "b"]);
    // An editor that leaves the last line's end out means it all the same.
    file.write(line("c").trim_end());
    assert_eq!(whole(follower.look(late)), ["c"]);
    append(file.path(), &add("d")).unwrap();
    assert_eq!(more(follower.look(late)), ["d"]);
    file.write("x".repeat(REVOCATION_LINE_BYTES_MAX + 1));
    assert!(follower.look(late).unwrap_err().contains("not finished"));
}

#[test]
fn file_larger_than_its_bound_and_folder_are_unreadable() {
    let file = Scratch::new();
    file.write(vec![b'\n'; REVOCATION_FILE_BYTES_MAX + 1]);
    assert!(read_whole(file.path()).unwrap_err().contains("bytes"));
    assert!(read_whole(file.path().parent().unwrap()).unwrap_err().contains("regular"));
}

#[test]
fn several_processes_that_append_at_once_lose_nothing() {
    let file = Scratch::new();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let path = file.path();
            scope.spawn(move || {
                for n in 0..10 {
                    append(path, &add(&format!("{thread}-{n}"))).unwrap();
                }
            });
        }
    });
    assert_eq!(names(&read_whole(file.path()).unwrap()).len(), 40);
    use std::os::unix::fs::PermissionsExt as _;
    let mode = std::fs::metadata(file.path()).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0, "nobody else reads or writes it");
}

/// What happens to a file.
#[derive(Debug, Clone)]
enum Step {
    Add(u8),
    Undo(u8),
    /// Written anew without its first line.
    Cut,
    Look,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0_u8..8).prop_map(Step::Add),
        2 => (0_u8..8).prop_map(Step::Undo),
        1 => Just(Step::Cut),
        4 => Just(Step::Look),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// However a file grew or was rewritten between looks, what is in force after a look is what
    /// a reading of the whole file gives.
    #[test]
    fn followed_file_is_the_file(steps in prop::collection::vec(step(), 0..40)) {
        let (file, now) = (Scratch::new(), Instant::now());
        file.write("");
        let mut follower = Follower::new(file.path());
        let mut followed: Vec<Change> = Vec::new();
        for step in steps.into_iter().chain([Step::Look]) {
            let id = |n: u8| format!("id-{n}");
            match step {
                Step::Add(n) => {
                    let entry = super::Entry { id: id(n).into(), ..subject(&id(n)) };
                    append(file.path(), &Change::Add(Box::new(entry))).unwrap();
                }
                Step::Undo(n) => {
                    append(file.path(), &Change::Undo { id: id(n).into(), by: None }).unwrap();
                }
                Step::Cut => {
                    let text = std::fs::read_to_string(file.path()).unwrap();
                    file.write(text.split_once('\n').map_or("", |(_, rest)| rest));
                }
                Step::Look => {
                    match follower.look(now).unwrap() {
                        Reading::Same => {}
                        Reading::Whole(changes) => followed = changes,
                        Reading::More(mut changes) => followed.append(&mut changes),
                    }
                    prop_assert_eq!(names(&followed), names(&read_whole(file.path()).unwrap()));
                }
            }
        }
    }

    #[test]
    fn any_file_is_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let file = Scratch::new();
        file.write(bytes);
        let _ = read_whole(file.path());
    }
}
