//! Namespaces by examples: both layouts, and what a caller asks for.

use super::super::{Namespaces, Verdict, View, ViewError, Wanted, is_namespace};
use super::{among, projection, rest, spaces};
use crate::limits::{
    NAMESPACE_BYTES_MAX, NAMESPACES_WANTED_BYTES_MAX, NAMESPACES_WANTED_MAX, TARGET_BYTES_MAX,
};

const CONTEXT: &str = r#"{"session":{"chathistory":["hi"],"prefs":{"lang":"en"}},"user":{"paymentinfo":{"card":"4111"}}}"#;

/// What is left under these verdicts.
fn under(list: &[(&str, Verdict)], text: &str) -> String {
    rest(View::of_namespaces(spaces(&among(list))), text)
}

#[test]
fn namespace_that_is_not_allowed_never_leaves() {
    use Verdict::{Descend, Whole};
    assert_eq!(under(&[], CONTEXT), "{}");
    assert_eq!(
        under(&[("session", Whole)], CONTEXT),
        r#"{"session":{"chathistory":["hi"],"prefs":{"lang":"en"}}}"#
    );
    assert_eq!(
        under(&[("session", Descend), ("session.prefs", Whole)], CONTEXT),
        r#"{"session":{"prefs":{"lang":"en"}}}"#
    );
    assert_eq!(under(&[("user", Descend)], CONTEXT), r#"{"user":{}}"#);
}

#[test]
fn what_cannot_be_gone_through_is_dropped() {
    let list = [("session", Verdict::Descend), ("session.chathistory", Verdict::Descend)];
    assert_eq!(under(&list, CONTEXT), r#"{"session":{}}"#);
    for value in ["1", r#""x""#, "null", r#"[{"namespace":"session.prefs"}]"#] {
        assert_eq!(under(&list, &format!(r#"{{"session":{value}}}"#)), "{}");
    }
}

#[test]
fn a_dotted_name_is_the_same_namespace() {
    use Verdict::{Descend, Whole};
    let list = [("session", Descend), ("session.prefs", Whole), ("a", Whole), ("b.c", Whole)];
    assert_eq!(
        under(&list, r#"{"session.prefs":1,"session.chathistory":2,"session":{"prefs":3,"x":4}}"#),
        r#"{"session.prefs":1,"session":{"prefs":3}}"#
    );
    assert_eq!(under(&list, r#"{"a.b.c":1,"a":{"b":2}}"#), r#"{"a.b.c":1,"a":{"b":2}}"#);
    assert_eq!(under(&list, r#"{"session":{"prefs.lang":5}}"#), r#"{"session":{"prefs.lang":5}}"#);
    // `b` is nothing, so nothing below it is asked about, however it is written.
    assert_eq!(under(&list, r#"{"b.c":1,"b":{"c":1}}"#), "{}");
}

#[test]
fn a_member_that_is_no_namespace_is_dropped_unless_it_stands_in_one() {
    let everything = |_: &str| Verdict::Whole;
    let view = View::of_namespaces(spaces(&everything));
    for name in ["", ".", "a.", ".a", "a..b", "a b", "é", "a/b", "a\u{0}"] {
        assert!(!is_namespace(name));
        let name = serde_json::to_string(name).unwrap();
        assert_eq!(
            rest(view, &format!(r#"{{{name}:1,"a":{{{name}:2}}}}"#)),
            format!(r#"{{"a":{{{name}:2}}}}"#)
        );
    }
    assert!(is_namespace("a-Z_0:x.y"));
    assert!(is_namespace(&"a".repeat(NAMESPACE_BYTES_MAX)));
    assert!(!is_namespace(&"a".repeat(NAMESPACE_BYTES_MAX + 1)));
}

#[test]
fn records_stay_or_go_whole() {
    let list = [("session", Verdict::Descend), ("session.chat", Verdict::Whole)];
    let text = r#"[{"namespace":"session.chat","value":1}, {"namespace":"session","value":2}, {"namespace":"user.card","value":3}, {"value":{"namespace":"session.chat"},"namespace":"session.chat.old"}]"#;
    assert_eq!(
        under(&list, text),
        r#"[{"namespace":"session.chat","value":1}, {"value":{"namespace":"session.chat"},"namespace":"session.chat.old"}]"#
    );
}

#[test]
fn record_without_a_clear_namespace_is_dropped() {
    let everything = |_: &str| Verdict::Whole;
    let view = View::of_namespaces(spaces(&everything));
    for record in [
        r#"{"value":1}"#,
        r#"{"namespace":7}"#,
        r#"{"namespace":null}"#,
        r#"{"namespace":""}"#,
        r#"{"namespace":"a b"}"#,
        r#"{"namespace":"a","Namespace":"user.card"}"#,
        r#"{"namespace":"a","namespace\u0000":"b"}"#,
        r#"[{"namespace":"a"}]"#,
        r#""a""#,
        "1",
        "null",
    ] {
        assert_eq!(rest(view, &format!("[{record}]")), "[]", "{record}");
    }
}

#[test]
fn the_member_of_records_is_configured() {
    let list = [("a", Verdict::Whole)];
    let allowed = among(&list);
    let view = View::of_namespaces(Namespaces { member: "ns", allowed: &allowed });
    let text = r#"[{"ns":"a","namespace":"b"},{"namespace":"a"},{"ns":"b"}]"#;
    assert_eq!(rest(view, text), r#"[{"ns":"a","namespace":"b"}]"#);
}

#[test]
fn both_cuts_let_pass_what_each_lets_pass() {
    let list = [("session", Verdict::Descend), ("session.prefs", Verdict::Whole)];
    let allowed = among(&list);
    let fields = projection(&["/*/*/{lang,card}", "/session/chathistory", "/*/value"]);
    let view = View::of_both(&fields, spaces(&allowed));
    assert_eq!(rest(view, CONTEXT), r#"{"session":{"prefs":{"lang":"en"}}}"#);
    let records =
        r#"[{"namespace":"session.prefs","value":1,"by":"x"},{"namespace":"user","value":2}]"#;
    assert_eq!(rest(view, records), r#"[{"value":1}]"#);
    let first = fields.with_items_max(1);
    let view = View::of_both(&first, spaces(&allowed));
    let records = r#"[{"namespace":"user","value":0},{"namespace":"session.prefs","value":1},{"namespace":"session.prefs","value":2}]"#;
    assert_eq!(rest(view, records), r#"[{"value":1}]"#, "hidden records take no room");
}

#[test]
fn verdicts_meet_in_what_both_let_pass() {
    use Verdict::{Descend, Nothing, Whole};
    for it in [Whole, Descend, Nothing] {
        assert_eq!((Whole.and(it), it.and(Whole)), (it, it));
        assert_eq!((Nothing.and(it), it.and(Nothing)), (Nothing, Nothing));
    }
    assert_eq!(Descend.and(Descend), Descend);
}

#[test]
fn what_is_wanted_covers_what_is_below_and_leads_to_it() {
    let wanted = Wanted::parse(["session.chathistory,user", "a.b.c \t, x"]).unwrap();
    for (namespace, verdict) in [
        ("session", Verdict::Descend),
        ("session.chathistory", Verdict::Whole),
        ("session.chathistory.old", Verdict::Whole),
        ("session.chathistory2", Verdict::Nothing),
        ("session.chat", Verdict::Nothing),
        ("sess", Verdict::Nothing),
        ("user", Verdict::Whole),
        ("user.paymentinfo", Verdict::Whole),
        ("users", Verdict::Nothing),
        ("a", Verdict::Descend),
        ("a.b", Verdict::Descend),
        ("x", Verdict::Whole),
        ("b", Verdict::Nothing),
    ] {
        assert_eq!(wanted.meets(namespace), verdict, "{namespace}");
    }
    assert_eq!(wanted.iter().collect::<Vec<_>>(), ["a.b.c", "session.chathistory", "user", "x"]);
}

#[test]
fn nothing_asked_for_is_everything() {
    let wanted = Wanted::parse([]).unwrap();
    assert!(wanted.is_empty());
    assert_eq!(wanted.meets("anything"), Verdict::Whole);
    assert_eq!(wanted, Wanted::default());
}

#[test]
fn what_is_wanted_narrows_what_is_allowed_and_never_widens_it() {
    let policy = |name: &str| match name.split('.').next() {
        Some("session") => Verdict::Whole,
        Some(_) | None => Verdict::Nothing,
    };
    let wanted = Wanted::parse(["session.prefs,user.paymentinfo"]).unwrap();
    let allowed = |name: &str| policy(name).and(wanted.meets(name));
    assert_eq!(
        rest(View::of_namespaces(spaces(&allowed)), CONTEXT),
        r#"{"session":{"prefs":{"lang":"en"}}}"#
    );
}

#[test]
fn bad_list_of_namespaces_is_refused() {
    for value in ["", " ", "a,,b", "a,", "a b", "session.*", "a..b", "é"] {
        assert!(matches!(Wanted::parse([value]), Err(ViewError::Namespace { .. })), "{value}");
    }
    let error = Wanted::parse(["a,b\u{202E}"]).unwrap_err().to_string();
    assert!(error.starts_with(r"`b\u{202e}` is no namespace: 1 to 256 bytes"), "{error}");
}

#[test]
fn lists_of_namespaces_are_bounded() {
    let names = |count: usize| vec!["a"; count];
    assert!(Wanted::parse(names(NAMESPACES_WANTED_MAX)).is_ok());
    assert_eq!(Wanted::parse(names(NAMESPACES_WANTED_MAX + 1)), Err(ViewError::Wanted));
    let listed = names(NAMESPACES_WANTED_MAX + 1).join(",");
    assert_eq!(Wanted::parse([&*listed]), Err(ViewError::Wanted));
    let long = "a".repeat(NAMESPACES_WANTED_BYTES_MAX + 1);
    assert_eq!(Wanted::parse([&*long]), Err(ViewError::Wanted));
    assert_eq!(NAMESPACES_WANTED_BYTES_MAX, TARGET_BYTES_MAX);
}
