//! The language of patterns by examples, and its bounds.

use super::super::{Fault, Projection, View, ViewError};
use super::{named, owned, projection, rest};
use crate::limits::{
    JSON_DEPTH_MAX, PROJECTION_PATTERN_BYTES_MAX, PROJECTION_PATTERNS_MAX, PROJECTION_STEPS_MAX,
};

#[test]
fn unlisted_field_never_leaves() {
    let text = r#"{"customer":{"id":7,"name":"Ada","ssn":"078-05-1120"},"internal":{"cost":3}}"#;
    assert_eq!(named(&["/customer/{id,name}"], text), r#"{"customer":{"id":7,"name":"Ada"}}"#);
    assert_eq!(named(&["/customer/email"], text), r#"{"customer":{}}"#);
    assert_eq!(named(&["/unknown"], text), "{}");
}

#[test]
fn a_named_value_stays_with_all_below_it() {
    let text = r#"{"a":{"b":{"c":[1,{"d":2}]}},"e":[3],"f":4}"#;
    assert_eq!(named(&["/a"], text), r#"{"a":{"b":{"c":[1,{"d":2}]}}}"#);
    assert_eq!(named(&["/a/b", "/f"], text), r#"{"a":{"b":{"c":[1,{"d":2}]}},"f":4}"#);
    assert_eq!(named(&["/a", "/a/b/c"], text), r#"{"a":{"b":{"c":[1,{"d":2}]}}}"#);
}

#[test]
fn a_star_is_any_item_or_member() {
    let text = r#"{"orders":[{"id":1,"total":2},{"id":3,"total":4}],"by":{"x":{"id":5},"y":[6]}}"#;
    assert_eq!(named(&["/orders/*/total"], text), r#"{"orders":[{"total":2},{"total":4}]}"#);
    assert_eq!(named(&["/by/*/id"], text), r#"{"by":{"x":{"id":5},"y":[]}}"#);
    assert_eq!(
        named(&["/*/*/id"], text),
        r#"{"orders":[{"id":1},{"id":3}],"by":{"x":{"id":5},"y":[]}}"#
    );
}

#[test]
fn a_number_is_one_item() {
    let text = r#"[{"a":1},{"a":2},{"a":3}]"#;
    assert_eq!(named(&["/1"], text), r#"[{"a":2}]"#);
    assert_eq!(named(&["/0/a", "/2/b"], text), r#"[{"a":1},{}]"#);
    assert_eq!(named(&["/01", "/-1", "/3"], text), "[]");
    assert_eq!(named(&["/0"], r#"{"0":"a member","1":2}"#), r#"{"0":"a member"}"#);
}

#[test]
fn two_stars_are_everything_below() {
    let text = r#"{"summary":{"a":1,"b":{"c":[2]}},"x":3}"#;
    assert_eq!(named(&["/summary/**"], text), r#"{"summary":{"a":1,"b":{"c":[2]}}}"#);
    assert_eq!(named(&["/**"], text), text);
    assert_eq!(named(&["/summary/**"], r#"{"summary":"no object","x":1}"#), "{}");
}

#[test]
fn braces_hold_paths_and_braces_and_go_on() {
    let text = r#"{"o":[{"id":1,"n":2,"items":[{"sku":"s","cost":3}]}],"b":{"c":{"z":1,"y":2},"d":{"z":3}}}"#;
    assert_eq!(
        named(&["/o/*/{id,items/*/sku}"], text),
        r#"{"o":[{"id":1,"items":[{"sku":"s"}]}]}"#
    );
    assert_eq!(named(&["/b/{c,d}/z"], text), r#"{"b":{"c":{"z":1},"d":{"z":3}}}"#);
    assert_eq!(named(&["/{o/*/{n,x},b/{c/{y},q}}"], text), r#"{"o":[{"n":2}],"b":{"c":{"y":2}}}"#);
    assert_eq!(named(&["/{{b},{o/0/id}}/c"], text), r#"{"o":[{}],"b":{"c":{"z":1,"y":2}}}"#);
}

#[test]
fn patterns_that_cross_are_joined() {
    let text = r#"{"a":{"id":1,"name":2,"x":3},"b":{"id":4,"name":5}}"#;
    assert_eq!(named(&["/*/id", "/a/name"], text), r#"{"a":{"id":1,"name":2},"b":{"id":4}}"#);
    let deep = r#"{"a":{"b":{"c":1,"d":2,"e":3}},"x":{"b":{"c":4,"d":5}}}"#;
    assert_eq!(
        named(&["/a/*/c", "/*/b/d"], deep),
        r#"{"a":{"b":{"c":1,"d":2}},"x":{"b":{"d":5}}}"#
    );
}

#[test]
fn escapes_stand_for_slash_and_tilde() {
    let text = r#"{"a/b":1,"m~n":2,"~1":3,"":4}"#;
    assert_eq!(named(&["/a~1b"], text), r#"{"a/b":1}"#);
    assert_eq!(named(&["/{m~0n,~01}"], text), r#"{"m~n":2,"~1":3}"#);
}

#[test]
fn names_are_compared_decoded_and_exactly() {
    let text = r#"{"\u0069d":1,"ID":2,"id ":3,"ı\u0064":4}"#;
    assert_eq!(named(&["/id"], text), r#"{"\u0069d":1}"#);
}

#[test]
fn scalar_where_an_object_was_expected_is_dropped() {
    for value in [r#""078-05-1120""#, "1", "true", "false", "null"] {
        assert_eq!(named(&["/a/b"], &format!(r#"{{"a":{value},"c":1}}"#)), "{}");
        assert_eq!(named(&["/*/b"], &format!(r#"[{value},{{"b":1}},{value}]"#)), r#"[{"b":1}]"#);
    }
    assert_eq!(named(&["/a/b"], r#"{"a":[1,{"b":2}]}"#), r#"{"a":[]}"#);
}

#[test]
fn root_without_parts_becomes_null() {
    for text in [r#""secret""#, "7", "true", " null "] {
        assert_eq!(named(&["/**"], text).trim(), "null");
    }
}

#[test]
fn what_stays_does_not_change_by_one_byte() {
    let text = "\n{ \"a\" : 1e400 ,\t\"x\":0, \"b\":[ 1.0, -0 , {\"k\":\"\\u0041\\/\" , \"x\" : 1} ] ,\"x2\":[] }\n";
    assert_eq!(
        named(&["/a", "/b/{0,1,*/k}"], text),
        "\n{ \"a\" : 1e400, \"b\":[ 1.0, -0 , {\"k\":\"\\u0041\\/\"} ] }\n"
    );
    assert_eq!(named(&["/{a,b,x,x2}"], text), text);
}

#[test]
fn commas_stay_right_wherever_something_goes() {
    let text = r#"{"a":1 , "b":2, "c":3}"#;
    for (kept, out) in [
        ("/a", r#"{"a":1}"#),
        ("/b", r#"{"b":2}"#),
        ("/c", r#"{"c":3}"#),
        ("/{a,b}", r#"{"a":1 , "b":2}"#),
        ("/{a,c}", r#"{"a":1, "c":3}"#),
        ("/{b,c}", r#"{"b":2, "c":3}"#),
        ("/d", "{}"),
    ] {
        assert_eq!(named(&[kept], text), out);
    }
}

#[test]
fn long_arrays_are_cut_to_their_first_items() {
    let two = projection(&["/rows", "/ids/*/id"]).with_items_max(2);
    let text =
        r#"{"rows":[[1,2,3],{"deep":[4,5,6]},7],"ids":[1,{"id":2},{"x":3},{"id":4}],"n":[1]}"#;
    assert_eq!(
        rest(View::of_projection(&two), text),
        r#"{"rows":[[1,2],{"deep":[4,5]}],"ids":[{"id":2},{}]}"#
    );
    let none = projection(&["/rows"]).with_items_max(0);
    assert_eq!(rest(View::of_projection(&none), text), r#"{"rows":[]}"#);
    let many = projection(&["/rows"]).with_items_max(3);
    assert_eq!(rest(View::of_projection(&many), r#"{"rows":[1,2,3]}"#), r#"{"rows":[1,2,3]}"#);
}

#[test]
fn bad_pattern_is_refused_with_its_place() {
    for (pattern, at, fault) in [
        ("", 0, Fault::Empty),
        ("a/b", 0, Fault::NoSlash),
        ("{a}", 0, Fault::NoSlash),
        ("/", 1, Fault::Segment),
        ("/a//b", 3, Fault::Segment),
        ("/a/", 3, Fault::Segment),
        ("/{a,}", 4, Fault::Segment),
        ("/{,a}", 2, Fault::Segment),
        ("/{/a}", 2, Fault::Segment),
        ("/{a/}", 4, Fault::Segment),
        ("/{}", 2, Fault::Braces),
        ("/{a,{}}", 5, Fault::Braces),
        ("/{a", 3, Fault::Unclosed),
        ("/a/{b,{c}", 9, Fault::Unclosed),
        ("/a}", 2, Fault::Unopened),
        ("/}", 1, Fault::Unopened),
        ("/{a}}", 4, Fault::Unopened),
        ("/a{b}", 2, Fault::Beside),
        ("/{a}b", 4, Fault::Beside),
        ("/{a{b}}", 3, Fault::Beside),
        ("/a,b", 2, Fault::Comma),
        ("/{a},b", 4, Fault::Comma),
        ("/a*", 1, Fault::Star),
        ("/***", 1, Fault::Star),
        ("/a/**/b", 5, Fault::Behind),
        ("/{a/**,b}/c", 9, Fault::Behind),
        ("/a~", 1, Fault::Escape),
        ("/é/a~2", 4, Fault::Escape),
    ] {
        let found = Projection::parse(&owned(&["/fine", pattern])).unwrap_err();
        let pattern = pattern.to_owned();
        assert_eq!(found, ViewError::Pattern { pattern, at, fault });
    }
}

#[test]
fn error_names_the_pattern_the_fault_and_the_place() {
    let error = Projection::parse(&owned(&["/a//b"])).unwrap_err().to_string();
    assert_eq!(error, "pattern `/a//b`: an empty segment at byte 3");
    let hidden = Projection::parse(&owned(&["/a\u{202E}\n{"])).unwrap_err().to_string();
    assert_eq!(hidden, r"pattern `/a\u{202e}\n{`: braces are a segment of their own at byte 6");
}

#[test]
fn patterns_are_bounded_in_number_and_length() {
    let many = vec!["/a".to_owned(); PROJECTION_PATTERNS_MAX + 1];
    assert_eq!(Projection::parse(&many), Err(ViewError::TooMany));
    assert!(Projection::parse(many.get(1..).unwrap()).is_ok());
    assert_eq!(Projection::parse(&[]), Err(ViewError::Empty));
    let long = format!("/{}", "a".repeat(PROJECTION_PATTERN_BYTES_MAX));
    let error = Projection::parse(std::slice::from_ref(&long)).unwrap_err();
    assert!(matches!(&error, ViewError::Pattern { fault: Fault::Long, .. }));
    assert!(error.to_string().len() < 200, "a message stays readable");
    assert!(Projection::parse(&owned(&[&long[..PROJECTION_PATTERN_BYTES_MAX]])).is_ok());
}

#[test]
fn patterns_are_bounded_in_depth_and_steps() {
    let fault = |pattern: &str| match Projection::parse(&owned(&[pattern])) {
        Err(ViewError::Pattern { fault, .. }) => Some(fault),
        Err(_) | Ok(_) => None,
    };
    assert!(Projection::parse(&owned(&[&"/a".repeat(JSON_DEPTH_MAX)])).is_ok());
    assert_eq!(fault(&"/a".repeat(JSON_DEPTH_MAX + 1)), Some(Fault::Deep));
    let braced = |depth| format!("/{}a{}", "{".repeat(depth), "}".repeat(depth));
    assert!(Projection::parse(&owned(&[&braced(JSON_DEPTH_MAX)])).is_ok());
    assert_eq!(fault(&braced(JSON_DEPTH_MAX + 1)), Some(Fault::Deep));
    // Each group doubles the alternatives: the last one alone would add a million steps.
    const { assert!(PROJECTION_STEPS_MAX < 1 << 20) };
    assert_eq!(fault(&"/{a,b}".repeat(20)), Some(Fault::Steps));
    assert_eq!(fault(&"/{a,a}".repeat(20)), None, "the same alternative twice is one");
}

#[test]
fn patterns_that_cross_too_often_are_refused_together() {
    // Which of the names so far were `a` makes a difference at each level: 2^level combinations.
    let crossing = |levels: usize| -> Vec<String> {
        let star = |count| "/*".repeat(count);
        (0..levels).map(|at| format!("{}/a{}", star(at), star(levels))).collect()
    };
    assert!(Projection::parse(&crossing(4)).is_ok());
    assert_eq!(Projection::parse(&crossing(20)), Err(ViewError::Together));
}
