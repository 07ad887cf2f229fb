//! What a file of keys must be, and what its lines mean.

use proptest::prelude::*;

use super::{API_KEYS_BYTES_MAX, API_KEYS_MAX, Entry, FileError, RowError, Servers, Table};
use crate::api_key::{ApiKey, KeyHash};

const HASH: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

fn line(id: &str, more: &str) -> String {
    format!(
        r#"{{"id":"{id}","name":"ci","hash":"{HASH}","servers":"all","created_at":"2026-01-01T00:00:00Z","expires_at":null{more}}}"#
    )
}

fn good(more: &str) -> String {
    line("abcdefghijkm", more)
}

fn refused(text: &str) -> String {
    Table::parse(text.as_bytes()).unwrap_err().to_string()
}

#[test]
fn line_is_read_and_written_again() {
    let more = concat!(
        r#","scopes":["a","b:c"],"roles":["support"],"tenant":"acme","networks":["10.0.0.0/8","fd00::/8"],"#,
        r#""disabled":true,"comment":"nightly job","previous":{"hash":"#,
    );
    let text = good(&format!(r#"{more}"{HASH}","until":"2026-02-01T12:00:00Z"}}"#))
        .replace("\"all\"", r#"["notes","crm"]"#)
        .replace("null", "\"2026-03-01T00:00:00Z\"");
    let table = Table::parse(format!("{text}\n").as_bytes()).unwrap();
    let entry = &table.entries()[0];
    assert_eq!((entry.name.as_str(), entry.expires_at_s), ("ci", Some(1_772_323_200)));
    assert_eq!(entry.previous.unwrap().until_s, 1_769_947_200);
    assert!(entry.opens("crm") && !entry.opens("files") && entry.disabled);
    for (address, counts) in
        [("10.1.2.3", true), ("::ffff:10.1.2.3", true), ("11.0.0.1", false), ("fd00::1", true)]
    {
        assert_eq!(entry.counts_from(address.parse().unwrap()), counts, "{address}");
    }
    let written = entry.to_line().unwrap();
    let again = Table::parse(written.as_bytes()).unwrap();
    assert_eq!(again.entries()[0].to_line().unwrap(), written);
}

#[test]
fn file_without_keys_is_a_file() {
    assert!(Table::parse(b"").unwrap().entries().is_empty());
    assert_eq!(Table::parse(format!("{}\n", good("")).as_bytes()).unwrap().entries().len(), 1);
}

#[test]
fn unknown_missing_and_repeated_members_are_refused_by_name() {
    assert_eq!(refused(&good(r#","scope":["a"]"#)), "line 1: unknown member `scope`");
    assert_eq!(refused(&good(r#","name":"x""#)), "line 1: duplicate member `name`");
    assert_eq!(
        refused(&good("").replace(r#","expires_at":null"#, "")),
        "line 1: missing member `expires_at`"
    );
    assert_eq!(
        refused(&good("").replace(r#""servers":"all","#, "")),
        "line 1: missing member `servers`"
    );
}

#[test]
fn malformed_lines_are_refused_and_never_repeated() {
    let secret = ApiKey::draw().unwrap().reveal();
    let key = secret.as_str();
    for bad in [
        key.to_owned(),
        good("").replace(HASH, key),
        good("").replace("\"ci\"", &format!("[\"{key}\"]")),
        good("").replace("\"all\"", &format!("\"{key}\"")),
        good("").replace("null", &format!("\"{key}\"")),
        good(&format!(r#","disabled":"{key}""#)),
        good(&format!(r#","networks":["{key}"]"#)),
        good("").replace("abcdefghijkm", key),
    ] {
        let why = refused(&format!("{}\n{bad}", line("abcdefghijkn", "")));
        assert!(why.starts_with("line 2: "), "{why}");
        assert!(!why.contains(&key[20..]), "{why}");
    }
}

#[test]
fn grants_that_could_mean_two_things_are_refused() {
    for (more, member) in [
        (r#","networks":[]"#, "networks"),
        (r#","networks":["10.1.2.3/8"]"#, "networks"),
        (r#","networks":["10.1.2.3"]"#, "networks"),
        (r#","scopes":["a b"]"#, "scopes"),
        (r#","scopes":["a","a"]"#, "scopes"),
        (r#","roles":[" a"]"#, "roles"),
        (r#","tenant":"""#, "tenant"),
    ] {
        assert!(refused(&good(more)).contains(&format!("`{member}` must be")), "{more}");
    }
    let none = good("").replace("\"all\"", "[]");
    assert!(refused(&none).contains("`servers` must be"));
    let local = good("").replace("00:00:00Z", "00:00:00+01:00");
    assert!(refused(&local).contains("`created_at` must be"));
}

#[test]
fn second_line_of_one_id_and_empty_lines_are_refused() {
    let twice = format!("{}\n{}\n{}", good(""), line("abcdefghijkn", ""), good(""));
    assert_eq!(refused(&twice), "line 3: the id `abcdefghijkm` stands on line 1 already");
    let gap = format!("{}\n\n{}", good(""), line("abcdefghijkn", ""));
    assert_eq!(refused(&gap), "line 2: the line is empty");
    assert_eq!(refused("\n"), "line 1: the line is empty");
    assert_eq!(refused(&format!("{}\n\n", good(""))), "line 2: the line is empty");
}

#[test]
fn file_ends_at_its_bounds() {
    let id = |n: usize| {
        let digit = |n: usize| char::from(b"abcdefghijkmnpqrstuvwxyz23456789"[n % 32]);
        format!("abcdefghi{}{}{}", digit(n / 1024), digit(n / 32), digit(n))
    };
    let text = |keys: usize| (0..keys).map(|n| line(&id(n), "") + "\n").collect::<String>();
    assert_eq!(Table::parse(text(API_KEYS_MAX).as_bytes()).unwrap().entries().len(), API_KEYS_MAX);
    assert_eq!(Table::parse(text(API_KEYS_MAX + 1).as_bytes()).unwrap_err(), FileError::TooMany);
    let large = vec![b' '; API_KEYS_BYTES_MAX + 1];
    assert_eq!(Table::parse(&large).unwrap_err(), FileError::TooLarge);
    const { assert!(API_KEYS_BYTES_MAX <= crate::limits::FILE_BYTES_MAX, "or no change is seen") };
}

#[test]
fn entry_that_would_not_be_read_again_is_not_written() {
    let table = Table::parse(good("").as_bytes()).unwrap();
    let entry = Entry::clone(&table.entries()[0]);
    let bad = Entry { scopes: vec!["a b".to_owned()], ..entry.clone() };
    assert!(matches!(bad.to_line(), Err(RowError::Value { member: "scopes", .. })));
    let bad = Entry { servers: Servers::Named(Vec::new()), ..entry.clone() };
    assert!(bad.to_line().is_err());
    let far = Entry { expires_at_s: Some(u64::MAX), ..entry };
    assert!(far.to_line().unwrap().contains("9999-12-31T23:59:59Z"));
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = Table::parse(&bytes);
    }

    #[test]
    fn any_member_is_read_or_refused(name in "[a-z_]{1,10}", value in "\\PC{0,20}") {
        let _ = Table::parse(good(&format!(r#","{name}":{value}"#)).as_bytes());
        let _ = Table::parse(good(&format!(r#","{name}":"{value}""#)).as_bytes());
    }

    #[test]
    fn what_is_written_is_read(name in "[a-zA-Z0-9 \"\\\\äß]{1,20}", scope in "[!-~]{1,9}", at in 0..4_000_000_000_u64) {
        let table = Table::parse(good("").as_bytes()).unwrap();
        let entry = Entry {
            name,
            scopes: vec![scope],
            created_at_s: at,
            hash: KeyHash::NONE,
            ..Entry::clone(&table.entries()[0])
        };
        if let Ok(line) = entry.to_line() {
            let again = Table::parse(line.as_bytes()).unwrap();
            prop_assert_eq!(&again.entries()[0].name, &entry.name);
            prop_assert_eq!(&again.entries()[0].scopes, &entry.scopes);
            prop_assert_eq!(again.entries()[0].created_at_s, at);
        }
    }
}
