//! What the tree promises: places, one reading, bounds.

use proptest::prelude::*;

use super::{CONFIG_DEPTH_MAX, CONFIG_NODES_MAX, Node, Span, Value, parse};

fn tree(text: &str) -> Node {
    let mut problems = Vec::new();
    let node = parse(text, &mut problems).unwrap();
    assert!(problems.is_empty(), "{problems:?}");
    node
}

fn refused(text: &str) -> (Span, String, String) {
    let mut problems = Vec::new();
    let root = parse(text, &mut problems);
    assert!(root.is_none() || !problems.is_empty(), "accepted: {text:?}");
    let problem = problems.remove(0);
    let span = Span { line: problem.line, column: problem.column, length: problem.length };
    (span, problem.message, problem.help)
}

#[test]
fn keys_and_values_know_their_places() {
    let root = tree("a: 1\nb:\n  - x: yes\n    y: 'q'\n");
    let a = root.entry("a").unwrap();
    assert_eq!(a.key_span, Span { line: 1, column: 1, length: 1 });
    assert_eq!(a.node.span, Span { line: 1, column: 4, length: 1 });
    let item = root.entry("b").unwrap().node.item(0).unwrap();
    let y = item.node.entry("y").unwrap();
    assert_eq!(y.key_span, Span { line: 4, column: 5, length: 1 });
    assert_eq!(y.node.span, Span { line: 4, column: 8, length: 3 });
}

#[test]
fn columns_count_characters_not_bytes() {
    let root = tree("ä: {ö: 5}\n");
    let inner = root.entry("ä").unwrap().node.entry("ö").unwrap();
    assert_eq!(inner.node.span, Span { line: 1, column: 8, length: 1 });
}

#[test]
fn only_true_and_false_are_booleans() {
    let json = tree("[true, false, yes, no, on, off, True, y]").to_json();
    assert_eq!(json, serde_json::json!([true, false, "yes", "no", "on", "off", "True", "y"]));
}

#[test]
fn numbers_are_decimal_and_quoted_ones_are_text() {
    let json = tree("[1, -2, 1.5, '3', 0123, 0x10, 1.2.3, .inf, 99999999999999999999]").to_json();
    assert_eq!(json, serde_json::json!([1, -2, 1.5, "3", "0123", "0x10", "1.2.3", ".inf", 1e20]));
}

#[test]
fn key_that_stands_twice_is_found_at_its_second_place() {
    let (span, message, help) = refused("a: 1\nb: 2\na: 3\n");
    assert_eq!(span, Span { line: 3, column: 1, length: 1 });
    assert!(message.contains("`a`") && help.contains("line 1"), "{message} {help}");
}

#[test]
fn tab_is_refused_with_the_way_out() {
    let (span, _, help) = refused("a:\n\tb: 1\n");
    assert_eq!(span.line, 2);
    assert!(help.contains("spaces"), "{help}");
}

#[test]
fn unquoted_reference_in_braces_is_explained() {
    let (_, _, help) = refused("tls: { cert: ${DIR}/a, key: b }\n");
    assert!(help.contains("quotes"), "{help}");
}

#[test]
fn tags_directives_and_second_documents_are_refused() {
    assert!(refused("a: !!str 5\n").1.contains("tags"));
    assert!(refused("%YAML 1.2\n---\na: 1\n").1.contains("directives"));
    let (span, message, _) = refused("a: 1\n---\nb: 2\n");
    assert_eq!((span.line, message.contains("second document")), (2, true));
    assert!(refused("? [a]\n: 1\n").1.contains("key must be"));
}

#[test]
fn alias_is_a_copy_and_an_unknown_one_is_refused() {
    let root = tree("a: &x [1, 2]\nb: *x\n");
    assert_eq!(root.to_json(), serde_json::json!({"a": [1, 2], "b": [1, 2]}));
    assert_eq!(root.entry("b").unwrap().node.span.line, 2);
    refused("a: *nobody\n");
    refused("a: &x [*x]\n");
}

#[test]
fn alias_bomb_ends_at_config_nodes_max() {
    let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for level in 1..9 {
        let below = format!("*a{}", level - 1);
        text += &format!("a{level}: &a{level} [{}]\n", vec![below; 9].join(", "));
    }
    let (_, message, _) = refused(&text);
    assert!(message.contains(&CONFIG_NODES_MAX.to_string()), "{message}");
}

#[test]
fn nesting_ends_at_config_depth_max() {
    let depth = CONFIG_DEPTH_MAX + 1;
    let (_, message, _) = refused(&format!("a: {}{}", "[".repeat(depth), "]".repeat(depth)));
    assert!(message.contains(&CONFIG_DEPTH_MAX.to_string()), "{message}");
}

#[test]
fn empty_text_is_a_null_at_the_start() {
    let root = tree("# nothing\n");
    assert!(matches!(root.value, Value::Null));
    assert_eq!(root.span, Span::START);
}

proptest! {
    #[test]
    fn any_text_ends_in_a_tree_or_in_problems(text in "\\PC{0,200}") {
        let mut problems = Vec::new();
        let root = parse(&text, &mut problems);
        prop_assert!(root.is_some() || !problems.is_empty());
    }

    #[test]
    fn yaml_look_alikes_do_not_panic(text in "[-a:{}\\[\\], \n'\"&*!|>#%\t?.0-9]{0,120}") {
        let mut problems = Vec::new();
        let root = parse(&text, &mut problems);
        prop_assert!(root.is_some() || !problems.is_empty());
    }
}
