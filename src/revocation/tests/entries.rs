//! The line: one reading, nothing of what was refused, no `jti`.

use proptest::prelude::*;

use super::super::{Change, Entry, Kind, LineError, token_value};
use super::{NOW, ordered, subject};
use crate::limits::{
    REVOCATION_ID_BYTES_MAX, REVOCATION_LINE_BYTES_MAX, REVOCATION_S, REVOCATION_S_MAX,
    REVOCATION_TEXT_BYTES_MAX,
};

fn read(line: &str) -> Result<Entry, LineError> {
    match Change::read(line.as_bytes())? {
        Change::Add(entry) => Ok(*entry),
        Change::Undo { .. } => panic!("an undo"),
    }
}

#[test]
fn jti_is_kept_as_the_hash_that_records_show() {
    let entry = read(r#"{"kind":"token","jti":"abc"}"#).unwrap();
    assert_eq!(&*entry.value, "ba7816bf8f01cfea");
    assert_eq!(token_value("abc"), "ba7816bf8f01cfea");
    assert!(!Change::Add(Box::new(entry)).line().contains("abc"));
}

#[test]
fn what_cannot_be_meant_is_refused_and_not_repeated() {
    let long = "x".repeat(REVOCATION_TEXT_BYTES_MAX + 1);
    let id = "x".repeat(REVOCATION_ID_BYTES_MAX + 1);
    for line in [
        "",
        "{}",
        "[]",
        "secret-value",
        r#"{"kind":"subject"}"#,
        r#"{"kind":"subject","value":""}"#,
        r#"{"kind":"subject","value":"secret-value","value":"b"}"#,
        r#"{"kind":"subject","value":"secret-value","until":"x"}"#,
        r#"{"kind":"subject","value":7}"#,
        r#"{"kind":"Subject","value":"secret-value"}"#,
        r#"{"kind":"subject","jti":"secret-value"}"#,
        r#"{"kind":"token","jti":"a","value":"secret-value"}"#,
        r#"{"kind":"token","value":"secret-value"}"#,
        r#"{"kind":"token","value":"BA7816BF8F01CFEA"}"#,
        r#"{"kind":"issuer","value":"https://a.example","issuer":"https://a.example"}"#,
        r#"{"kind":"subject","value":"a","expires_at":"secret-value"}"#,
        r#"{"kind":"subject","value":"a","expires_at":"1969-01-01T00:00:00Z"}"#,
        r#"{"kind":"subject","value":"a","expires_at":1800000000}"#,
        r#"{"kind":"subject","value":"a\u0000"}"#,
        r#"{"kind":"subject","value":"a","id":"../b"}"#,
        r#"{"undo":"a","kind":"subject"}"#,
        r#"{"undo":""}"#,
        &format!(r#"{{"kind":"subject","value":"{long}"}}"#),
        &format!(r#"{{"kind":"subject","value":"a","id":"{id}"}}"#),
        &format!(r#"{{"kind":"subject","value":"a"}}{}"#, " ".repeat(REVOCATION_LINE_BYTES_MAX)),
    ] {
        let why = Change::read(line.as_bytes()).unwrap_err();
        assert!(!why.to_string().contains("secret-value"), "{why}");
    }
    assert!(matches!(
        Change::read(br#"{"undo":"a-1","by":"ann","at":"2027-01-15T08:00:00Z"}"#),
        Ok(Change::Undo { .. })
    ));
}

#[test]
fn entries_expire_with_what_they_revoke_and_others_stand_until_they_are_undone() {
    let end = |order: &str| ordered(order).expires_at_s;
    assert_eq!(end(r#"{"kind":"subject","value":"a"}"#), None);
    assert_eq!(end(r#"{"kind":"issuer","value":"a"}"#), None);
    let passes = Some(NOW + REVOCATION_S);
    assert_eq!(end(r#"{"kind":"token","jti":"a"}"#), passes);
    assert_eq!(end(r#"{"kind":"session","value":"a"}"#), passes);
    let before = r#"{"kind":"subject","value":"a","issued_before":"2027-01-15T08:00:00Z"}"#;
    assert_eq!(end(before), passes);
    let own = r#"{"kind":"token","jti":"a","expires_at":"2027-01-15T09:00:00Z"}"#;
    assert_eq!(end(own), Some(NOW + 3_600));
    let refused = |order: String| Entry::ordered(order.as_bytes(), NOW).unwrap_err();
    for at in [NOW, NOW + REVOCATION_S_MAX + 1] {
        let at = super::super::time(at);
        let order = format!(r#"{{"kind":"subject","value":"a","expires_at":"{at}"}}"#);
        assert_eq!(refused(order), LineError::Member("expires_at"));
    }
    for order in [r#"{"undo":"a"}"#, r#"{"kind":"subject","value":"a","id":"b"}"#] {
        assert!(matches!(refused(order.to_owned()), LineError::Member(_)));
    }
}

#[test]
fn line_without_an_id_has_always_the_same() {
    let line = r#"{"kind":"subject","value":"a"}"#;
    assert_eq!(read(line).unwrap(), read(line).unwrap());
    assert_ne!(subject("a").id, subject("a").id, "what is ordered twice is two");
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Change::read(&bytes);
    }

    #[test]
    fn what_is_written_is_read_again(
        kind in prop::sample::select(&Kind::ALL[..]),
        value in "[^\\p{C}]{1,60}",
        issuer in prop::option::of("[^\\p{C}]{1,60}"),
        reason in prop::option::of("[^\\p{C}]{1,60}"),
        times in prop::array::uniform3(prop::option::of(0_u64..200_000_000_000)),
    ) {
        let entry = Entry {
            id: "0198-id".into(),
            kind,
            value: if kind == Kind::Token { token_value(&value) } else { value }.into(),
            issuer: issuer.filter(|_| kind != Kind::Issuer).map(Into::into),
            issued_before_s: times[0],
            expires_at_s: times[1],
            reason: reason.map(Into::into),
            by: None,
            at_s: times[2],
        };
        let change = Change::Add(Box::new(entry));
        prop_assert_eq!(Change::read(change.line().as_bytes()), Ok(change));
    }
}
