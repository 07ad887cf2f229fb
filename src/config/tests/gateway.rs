//! How a gateway names itself.

use super::{Folder, SERVER, Strictness, accepted, check_in, refused};
use crate::limits::GATEWAY_NAME_BYTES_MAX;

fn with(section: &str) -> String {
    format!("gateway: {section}\n{SERVER}")
}

#[test]
fn names_of_the_downward_api_become_one_object_of_the_record() {
    assert_eq!(accepted(SERVER).config.gateway, None);
    let text = with("{ id: notes-0, pod: notes-0, namespace: team-a, node: node-1.internal }");
    let expected =
        r#"{"id":"notes-0","pod":"notes-0","namespace":"team-a","node":"node-1.internal"}"#;
    assert_eq!(accepted(&text).config.gateway.as_deref(), Some(expected));
}

#[test]
fn name_that_is_empty_long_or_of_other_characters_is_an_error() {
    for name in ["\"\"", "\"a b\"", "\"a/b\"", "\"a\\nb\""] {
        let text = with(&format!("{{ id: gw, pod: «{name}» }}"));
        refused(&text, "cannot name a gateway", "such as `${POD_NAME}`");
    }
    let named = |bytes: usize| with(&format!("{{ id: {} }}", "a".repeat(bytes)));
    assert!(accepted(&named(GATEWAY_NAME_BYTES_MAX)).config.gateway.is_some());
    let long = check_in(&Folder::new(), &named(GATEWAY_NAME_BYTES_MAX + 1), Strictness::Normal);
    assert!(long.unwrap_err().to_string().contains("cannot name a gateway"));
}
