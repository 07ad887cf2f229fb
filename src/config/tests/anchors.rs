//! Anchors over the network.

use std::time::Duration;

use super::super::model::{Anchor, AnchorTarget};
use super::{Folder, SERVER, Strictness, check_in, refused};
use crate::limits::{ANCHOR_TIMEOUT_MS, ANCHOR_TIMEOUT_MS_MAX};

const KEY: &str = "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2";
const URL: &str = "https://w.example.com/sub";

fn with(anchors: &str) -> String {
    format!("audit:\n  anchors:\n{anchors}{SERVER}")
}

/// A witness, its keys each on a line.
fn witness(name: &str, more: &str, url: &str, key: &str) -> String {
    format!(
        "    - name: {name}\n{more}      witness:\n        url: {url}\n        key: \"{key}\"\n"
    )
}

fn anchors(text: &str) -> Vec<Anchor> {
    check_in(&Folder::new(), text, Strictness::Strict).unwrap().config.audit.anchors
}

#[test]
fn witness_is_taken_with_its_key_and_its_time() {
    let found = anchors(&with(&witness("w1", "", URL, KEY)));
    let [Anchor::Remote(anchor)] = &found[..] else { panic!("{found:?}") };
    assert_eq!((&*anchor.name, anchor.timeout.as_millis()), ("w1", u128::from(ANCHOR_TIMEOUT_MS)));
    let AnchorTarget::Witness { http, key } = &anchor.target;
    assert_eq!((http.url.as_str(), key.to_string()), (URL, KEY.into()));
    let found = anchors(&with(&witness("w1", "      timeout: 3s\n", URL, KEY)));
    let [Anchor::Remote(anchor)] = &found[..] else { panic!("{found:?}") };
    assert_eq!(anchor.timeout, Duration::from_secs(3));
}

#[test]
fn anchors_that_could_not_work_are_refused_with_their_line() {
    let over = format!("      timeout: «{}s»\n", ANCHOR_TIMEOUT_MS_MAX / 1000 + 1);
    refused(&with(&witness("w1", &over, URL, KEY)), "not a possible duration", "60s");
    let plain = with(&witness("w1", "", "«http://w.example.com»", KEY));
    refused(&plain, "who sits between", "plain_http: allowed");
    let log = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    let other = with(&witness("w1", "", URL, log)).replace(log, &format!("«{log}»"));
    let other = other.replace("\"«", "«\"").replace("»\"", "\"»");
    refused(&other, "not the key of a witness", "begins with `B`");
    refused(&with("    - { file: kept, name: «w» }\n"), "no effect on a file", "remove");
    refused(&with("    - { name: w, «witnes»: { url: a } }\n"), "unknown key", "witness");
    let two = witness("w1", "", URL, KEY) + &witness("«w1»", "", URL, KEY);
    refused(&with(&two), "is taken in line", "files of its own");
    for none in ["    - { name: w }\n", "    - {}\n"] {
        let problems = check_in(&Folder::new(), &with(none), Strictness::Normal).unwrap_err();
        assert!(problems.to_string().contains("does not say where"), "{problems}");
    }
    let nameless = format!("    - witness: {{ url: \"{URL}\", key: \"{KEY}\" }}\n");
    let problems = check_in(&Folder::new(), &with(&nameless), Strictness::Normal).unwrap_err();
    assert!(problems.to_string().contains("has a name"), "{problems}");
}
