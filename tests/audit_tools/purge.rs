//! `sallyport audit purge` and `hold`, and what the other commands say of what is left.

use super::*;

/// A command about holds, whose folder comes behind the word.
fn hold(trail: &Trail, word: &str, more: &[&str]) -> Output {
    let output = sallyport(&[&["audit", "hold", word, &trail.dir()], more].concat());
    assert!(output.status.success(), "{}", talk(&output));
    output
}

#[test]
fn purged_records_are_found_no_more_their_indexes_go_and_a_hold_keeps_its_own() {
    let trail = Trail::of_calls(400);
    let of = |user: &str| trail.records("query", &["--principal", user]).len();
    let (seven, eight) = (of("user-7"), of("user-8"));
    assert!(seven > 0 && eight > 0 && !trail.names("index").is_empty());
    let held = ["--id", "case-1", "--who", "legal", "--why", "suit", "--principal", "user-8"];
    hold(&trail, "add", &held);
    assert!(data(&hold(&trail, "list", &[])).contains("case-1"));

    let order = ["--older-than", "1s", "--kind", "call", "--rule", "short"];
    let dry = trail.run("purge", &[&order[..], &["--dry-run"]].concat());
    assert!(dry.status.success(), "{}", talk(&dry));
    assert_eq!(of("user-7"), seven, "a dry run removes nothing");
    let purged = trail.run("purge", &order);
    assert!(purged.status.success(), "{}", talk(&purged));
    assert_eq!(trail.names("index"), Vec::<String>::new());
    assert_eq!((of("user-7"), of("user-8")), (0, eight));
    for name in trail.segments() {
        let text = fs::read_to_string(trail.file(&name)).unwrap();
        assert!(!text.contains("user-7\""), "{name}");
    }
    let verified = trail.run("verify", &[]);
    assert!(verified.status.success(), "{}", data(&verified));

    hold(&trail, "release", &["--id", "case-1"]);
    let purged = trail.run("purge", &order);
    assert!(purged.status.success(), "{}", talk(&purged));
    assert_eq!(of("user-8"), 0);
    assert!(trail.run("verify", &[]).status.success());
}
