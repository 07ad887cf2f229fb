//! Where the cuts begin.

use super::super::{Fault, Places, Verdict, View, ViewError};
use super::{among, owned, places, projection, rest, spaces};
use crate::limits::{JSON_DEPTH_MAX, PROJECTION_PATTERN_BYTES_MAX, PROJECTION_PATTERNS_MAX};

fn at(pointers: &[&str], patterns: &[&str], text: &str) -> String {
    rest(View::of_projection(&projection(patterns)).at(&places(pointers)), text)
}

#[test]
fn patterns_count_from_the_place_and_nothing_beside_it_leaves() {
    let text =
        r#"{"status":"ok","data":{"total":1,"customer":{"id":7,"ssn":"x"}},"debug":{"id":1}}"#;
    assert_eq!(at(&["/data/customer"], &["/id"], text), r#"{"data":{"customer":{"id":7}}}"#);
    assert_eq!(at(&[""], &["/status"], text), r#"{"status":"ok"}"#);
    assert_eq!(
        at(&["/data/customer", "/debug"], &["/id"], text),
        r#"{"data":{"customer":{"id":7}},"debug":{"id":1}}"#
    );
}

#[test]
fn missing_place_leaves_bare_containers() {
    for (text, out) in [
        (r#"{"x":1,"data":{"y":2}}"#, r#"{"data":{}}"#),
        (r#"{"x":1}"#, "{}"),
        (r#"{"data":"secret"}"#, "{}"),
        (r#"{"data":{"context":"secret"}}"#, r#"{"data":{}}"#),
        (r#"{"data":{"context":null}}"#, r#"{"data":{}}"#),
        (r#"{"data":[{"context":{"id":1}}]}"#, r#"{"data":[]}"#),
        (r#"[{"data":{"context":{"id":1}}}]"#, "[]"),
        (r#""secret""#, "null"),
    ] {
        assert_eq!(at(&["/data/context"], &["/**"], text), out);
    }
}

#[test]
fn an_item_of_an_array_is_a_place() {
    let text = r#"{"results":[{"id":1},{"id":2,"x":3},{"id":4}]}"#;
    assert_eq!(at(&["/results/1"], &["/id"], text), r#"{"results":[{"id":2}]}"#);
    assert_eq!(at(&["/results/01"], &["/id"], text), r#"{"results":[]}"#);
}

#[test]
fn what_may_pass_beside_has_no_say_at_the_place() {
    let text = r#"{"v":1,"list":[1,2,3],"data":{"n":2,"ctx":{"id":3,"ssn":4},"m":5}}"#;
    let fields = projection(&["/id"]);
    let beside = projection(&["/v", "/list", "/data/{n,ctx}"]).with_items_max(1);
    let place = places(&["/data/ctx"]);
    let view = View::of_projection(&fields).at(&place).beside(&beside);
    assert_eq!(rest(view, text), r#"{"v":1,"list":[1],"data":{"n":2,"ctx":{"id":3}}}"#);
    let all = projection(&["/**"]);
    let view = view.beside(&all);
    assert_eq!(rest(view, text), text.replace(r#","ssn":4"#, ""));
    assert_eq!(rest(view, r#"{"data":"scalar","v":1}"#), r#"{"data":"scalar","v":1}"#);
    assert_eq!(rest(view, r#"{"data":{"ctx":"secret"}}"#), r#"{"data":{}}"#);
}

#[test]
fn namespaces_count_from_the_place() {
    let list = [("session", Verdict::Whole)];
    let allowed = among(&list);
    let place = places(&["/context"]);
    let view = View::of_namespaces(spaces(&allowed)).at(&place);
    let text = r#"{"session":0,"context":{"session":{"a":1},"user":{"b":2}}}"#;
    assert_eq!(rest(view, text), r#"{"context":{"session":{"a":1}}}"#);
    let records = r#"{"context":[{"namespace":"session","v":1},{"namespace":"user","v":2}]}"#;
    assert_eq!(rest(view, records), r#"{"context":[{"namespace":"session","v":1}]}"#);
}

#[test]
fn bad_place_is_refused() {
    let read = |pointers: &[&str]| Places::parse(&owned(pointers));
    let fault =
        |place: &str, at, fault| Err(ViewError::Place { place: place.to_owned(), at, fault });
    assert_eq!(read(&[]), Err(ViewError::Empty));
    assert_eq!(read(&["a"]), fault("a", 0, Fault::NoSlash));
    assert_eq!(read(&["/a/b~2"]), fault("/a/b~2", 4, Fault::Escape));
    assert!(read(&["/a~0b/~1", "/", "/x//y"]).is_ok(), "RFC 6901 allows empty names");
    for pair in [["/a", "/a/b"], ["/a/b", "/a"], ["/a", "/a"], ["", "/a"]] {
        assert_eq!(read(&pair), Err(ViewError::Within { place: pair[1].to_owned() }));
    }
    assert!(read(&["/a", "/ab"]).is_ok());
}

#[test]
fn places_are_bounded() {
    let read = |place: String| Places::parse(&[place]);
    let many: Vec<_> = (0..=PROJECTION_PATTERNS_MAX).map(|at| format!("/{at}")).collect();
    assert_eq!(Places::parse(&many), Err(ViewError::TooMany));
    assert!(read("/a".repeat(JSON_DEPTH_MAX)).is_ok());
    let deep = read("/a".repeat(JSON_DEPTH_MAX + 1)).unwrap_err();
    assert!(matches!(deep, ViewError::Place { fault: Fault::Deep, .. }));
    let long = read(format!("/{}", "a".repeat(PROJECTION_PATTERN_BYTES_MAX))).unwrap_err();
    assert!(matches!(long, ViewError::Place { fault: Fault::Long, .. }));
}
