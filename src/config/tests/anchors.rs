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
    let AnchorTarget::Witness { http, key } = &anchor.target else { panic!("{anchor:?}") };
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

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("id", concat!("AKIA", "IOSFODNN7EXAMPLE\n"));
    folder.write("secret", "a/secret+access=key\n");
    folder.write("hook", "0123456789abcdef01234567");
    folder
}

fn bucket(inside: &str) -> String {
    let keys = "        access_key_id: { file: id }\n        secret_access_key: { file: secret }\n";
    with(&format!("    - name: lock\n      s3:\n{keys}{inside}"))
}

const PLACE: &str = "        bucket: evidence\n        region: eu-central-1\n";
const LOCKED: &str = "        prefix: gw-1\n        retention: 365d\n";

#[test]
fn webhook_and_bucket_are_taken() {
    let hook =
        "    - { name: h, webhook: { url: https://e.example.com, secret: { file: hook } } }\n";
    let found = check_in(&folder(), &with(hook), Strictness::Strict).unwrap().config.audit.anchors;
    assert!(matches!(&found[..], [Anchor::Remote(anchor)]
        if matches!(&anchor.target, AnchorTarget::Webhook { .. })));
    let text = bucket(&format!("{PLACE}{LOCKED}"));
    let found = check_in(&folder(), &text, Strictness::Strict).unwrap().config.audit.anchors;
    let [Anchor::Remote(anchor)] = &found[..] else { panic!("{found:?}") };
    let AnchorTarget::S3(s3) = &anchor.target else { panic!("{anchor:?}") };
    assert_eq!(s3.http.url.as_str(), "https://s3.eu-central-1.amazonaws.com/");
    assert_eq!((s3.prefix.as_str(), s3.retention.unwrap().as_secs()), ("gw-1/", 365 * 86_400));
    assert_eq!(s3.credentials.access_key_id.len(), 20, "the line end is the file's");
}

#[test]
fn buckets_that_no_request_could_reach_or_that_lock_nothing_are_refused() {
    use super::refused_in;
    use crate::limits::{AUDIT_RETENTION_AGE_MS_MAX, S3_PREFIX_BYTES_MAX};
    let place = |bucket: &str, region: &str| {
        format!("        bucket: {bucket}\n        region: {region}\n{LOCKED}")
    };
    for bad in ["«Evidence»", "«ab»", "«a_b_c»"] {
        let text = bucket(&place(bad, "eu-central-1"));
        refused_in(&folder(), &text, "not the name of a bucket", "lower-case");
    }
    refused_in(&folder(), &bucket(&place("abc", "«EU 1»")), "not a region", "eu-central-1");
    let long = "a".repeat(S3_PREFIX_BYTES_MAX + 1);
    for bad in ["«''»", "«a//b»", "«../a»", "«'a b'»"] {
        let text = bucket(&format!("{PLACE}        prefix: {bad}\n        retention: 1d\n"));
        refused_in(&folder(), &text, "before the names of objects", "single slashes");
    }
    let text = bucket(&format!("{PLACE}        prefix: {long}\n        retention: 1d\n"));
    assert!(check_in(&folder(), &text, Strictness::Normal).is_err());
    let text = bucket(&format!("{PLACE}        prefix: a\n"));
    let problems = check_in(&folder(), &text, Strictness::Normal).unwrap_err().to_string();
    assert!(problems.contains("how long its objects are locked"), "{problems}");
    let over = AUDIT_RETENTION_AGE_MS_MAX / 1000 + 1;
    let text = bucket(&format!("{PLACE}        prefix: a\n        retention: «{over}s»\n"));
    refused_in(&folder(), &text, "not a possible duration", "at most");
    let text = bucket(&format!("{PLACE}{LOCKED}        endpoint: «http://s3.example.com»\n"));
    refused_in(&folder(), &text, "who sits between", "plain_http");
    let text = bucket(&format!("{PLACE}{LOCKED}")).replace("{ file: secret }", "a-secret");
    let problems = check_in(&folder(), &text, Strictness::Normal).unwrap_err().to_string();
    assert!(!problems.contains("a-secret"), "{problems}");
}
