//! The memory of tools and lists: its bounds, and what it makes of pages.

use std::sync::Arc;

use bytes::Bytes;

use super::file::write_waiting;
use super::waiting::{Told, Waiting};
use super::{Page, Pins, Reason, Refused, load_pins, load_waiting, write_pins};
use crate::clock::Clock;
use crate::config::pins::Pin;
use crate::config::testing::Folder;
use crate::config::{NewTools, ToolHash, ToolPins};
use crate::json::Document;
use crate::limits::{
    LISTED_TOOLS_MAX, LOGGED_NAME_CHARS_MAX, PIN_DEFINITION_BYTES_MAX, PIN_LISTS_MAX,
    PINNED_TOOLS_MAX, PINS_FILE_BYTES_MAX, PINS_WAITING_MAX, TOOL_VARIANTS_MAX,
};
use crate::principal::PrincipalKey;

fn pins(pinned: Option<NewTools>) -> Pins {
    let mut server = crate::hygiene::testing::server("s", "https://gateway.test/mcp");
    server.tool_pins =
        pinned.map(|new| ToolPins { file: "pins.json".into(), new, approved: Default::default() });
    Pins::new(&server, Arc::default(), Clock::manual(1_000))
}

fn document(json: &str) -> Document {
    Document::parse(Bytes::copy_from_slice(json.as_bytes()), &crate::mcp::ANSWER).unwrap()
}

fn caller(number: usize) -> PrincipalKey {
    PrincipalKey::of("issuer", &number.to_string(), None)
}

fn page(pins: &Pins, who: usize, cursor: Option<&str>, more: bool, tools: &str) -> super::Findings {
    let list = document(tools);
    pins.page(&Page { caller: caller(who), cursor, more, tools: list.root() })
}

fn names(from: usize, to: usize) -> String {
    let tools: Vec<String> = (from..to).map(|n| format!(r#"{{"name":"t{n}"}}"#)).collect();
    format!("[{}]", tools.join(","))
}

#[test]
fn lists_of_at_most_pin_lists_max_callers_are_compared() {
    let pins = pins(None);
    for who in 0..PIN_LISTS_MAX + 10 {
        let _ = page(&pins, who, None, true, r#"[{"name":"a"}]"#);
    }
    assert_eq!(pins.seen().lists(), PIN_LISTS_MAX);
}

#[test]
fn at_most_pinned_tools_max_are_remembered_and_what_is_quarantined_goes_last() {
    let pins = pins(None);
    let _ = page(&pins, 0, None, false, "[{\"name\":\"bad\",\"title\":\"\u{202E}\"}]");
    for at in 0..PINNED_TOOLS_MAX / LISTED_TOOLS_MAX + 2 {
        let _ =
            page(&pins, 0, None, false, &names(at * LISTED_TOOLS_MAX, (at + 1) * LISTED_TOOLS_MAX));
    }
    assert!(pins.seen().len() <= PINNED_TOOLS_MAX);
    assert!(pins.seen().len() > PINNED_TOOLS_MAX / 8 * 7);
    assert_eq!(pins.call("bad"), Err(Refused::Quarantined(Reason::HiddenText)));
}

#[test]
fn what_follows_listed_tools_max_is_too_many_across_pages() {
    let pins = pins(None);
    let found = page(&pins, 0, None, true, &names(0, LISTED_TOOLS_MAX));
    assert!(found.quarantined.is_empty());
    let found = page(&pins, 0, Some("2"), false, r#"[{"name":"t0"},{"name":"x"}]"#);
    assert_eq!(found.quarantined.len(), 1);
    assert_eq!(found.quarantined.get("x"), Some(&Reason::TooMany));
}

#[test]
fn a_definition_that_was_seen_before_is_no_change_within_tool_variants_max() {
    let pins = pins(None);
    let shows = |version: usize| {
        page(&pins, 0, None, false, &format!(r#"[{{"name":"a","title":"{version}"}}]"#)).changes
    };
    let first: Vec<u64> = (0..TOOL_VARIANTS_MAX).map(shows).collect();
    assert_eq!(first.iter().sum::<u64>(), TOOL_VARIANTS_MAX as u64 - 1);
    assert!((0..TOOL_VARIANTS_MAX).all(|version| shows(version) == 0));
    assert_eq!(shows(TOOL_VARIANTS_MAX), 1);
    assert_eq!(shows(0), 1, "the oldest was forgotten");
}

#[test]
fn a_page_that_is_asked_for_again_is_no_collision() {
    let pins = pins(None);
    let first = r#"[{"name":"a","title":"1"}]"#;
    assert!(page(&pins, 0, None, true, first).quarantined.is_empty());
    assert!(page(&pins, 0, Some("2"), false, r#"[{"name":"b"}]"#).quarantined.is_empty());
    assert!(
        page(&pins, 0, Some("2"), false, r#"[{"name":"b","title":"2"}]"#).quarantined.is_empty()
    );
    // Another caller's list is another list.
    let found = page(&pins, 1, Some("2"), false, r#"[{"name":"a","title":"2"},{"name":"B"}]"#);
    assert!(found.quarantined.is_empty());
    assert_eq!(found.changes, 1);
}

#[test]
fn without_a_list_a_pinned_server_has_no_tools_and_another_has_any() {
    assert_eq!(pins(None).call("a"), Ok(()));
    for new in [NewTools::Quarantine, NewTools::Allow] {
        let pins = pins(Some(new));
        assert!(pins.unseen("a"));
        let _ = page(&pins, 0, None, false, r#"[{"name":"a"}]"#);
        assert_eq!(pins.call("a").is_ok(), new == NewTools::Allow);
        assert!(pins.unseen("b"));
    }
}

#[test]
fn at_most_pins_waiting_max_wait_and_definitions_beyond_pin_definition_bytes_max_by_hash() {
    let mut waiting = Waiting::default();
    let long =
        document(&format!(r#"{{"name":"a","x":"{}"}}"#, "x".repeat(PIN_DEFINITION_BYTES_MAX)));
    for number in 0..PINS_WAITING_MAX + 5 {
        let name = format!("t{number}");
        let hash = ToolHash::of(long.root());
        let told = Told { name: &name, hash, reason: Reason::New, since: number as u64 };
        waiting.add(&told, long.root());
    }
    assert_eq!(waiting.len(), PINS_WAITING_MAX);
    let all = waiting.if_changed().unwrap();
    assert!(all.iter().all(|one| one.definition.is_none()));
    assert_eq!(&*all[0].name, "t5", "the oldest went");
    assert!(waiting.if_changed().is_none());
}

#[test]
fn file_of_what_waits_stays_below_pins_file_bytes_max_and_joins_what_others_wrote() {
    let folder = Folder::new();
    let path = folder.path().join("pins.json.seen");
    let one = |name: &str, text: &str| {
        let definition = document(&format!(r#"{{"name":"{name}","description":"{text}"}}"#));
        let mut waiting = Waiting::default();
        let hash = ToolHash::of(definition.root());
        let told = Told { name, hash, reason: Reason::Changed, since: 1 };
        waiting.add(&told, definition.root());
        waiting.if_changed().unwrap().remove(0)
    };
    let large = "\u{200B}".repeat(PIN_DEFINITION_BYTES_MAX / 4);
    let many: Vec<_> = (0..PINS_WAITING_MAX - 1).map(|n| one(&format!("t{n}"), &large)).collect();
    write_waiting(&path, vec![one("other", "x")], |_, _, _| true).unwrap();
    write_waiting(&path, many, |_, _, _| true).unwrap();
    assert!(std::fs::metadata(&path).unwrap().len() <= PINS_FILE_BYTES_MAX as u64);
    let all = load_waiting(&path).unwrap();
    assert_eq!(all.len(), PINS_WAITING_MAX);
    assert!(all.iter().any(|one| &*one.name == "other"));
    assert!(all.iter().any(|one| one.definition.is_some()));
    write_waiting(&path, Vec::new(), |name, _, _| name == "other").unwrap();
    assert_eq!(load_waiting(&path).unwrap().len(), 1);
}

#[test]
fn file_of_approvals_is_read_as_it_was_written() {
    let folder = Folder::new();
    let path = folder.path().join("pins.json");
    assert!(load_pins(&path).unwrap().is_empty());
    let definition = document(r#"{"name":"a\u202e","n":1.0,"z":{"b":[],"a":null}}"#);
    let text = String::from_utf8(crate::json::canonical(definition.root())).unwrap();
    let pin = Pin {
        name: "a\u{202E}".into(),
        summary: "A.".into(),
        hash: ToolHash::of(definition.root()),
        approved_at: "2026-11-22T00:00:00Z".into(),
        approved_by: "ada".into(),
        comment: "".into(),
        hidden_text: true,
        definition: Some(text.into()),
    };
    write_pins(&path, std::slice::from_ref(&pin)).unwrap();
    assert_eq!(load_pins(&path).unwrap(), std::slice::from_ref(&pin));
    let large = Pin { comment: "x".repeat(PINS_FILE_BYTES_MAX).into(), ..pin.clone() };
    assert!(write_pins(&path, &[large]).is_err());
    assert_eq!(load_pins(&path).unwrap(), [pin]);
}

#[test]
fn a_name_in_a_log_line_has_an_end() {
    let shown =
        crate::inspect::hidden::spelled_out(&"\u{202E}".repeat(1000), LOGGED_NAME_CHARS_MAX);
    assert_eq!(shown.matches("\\u{202e}").count(), LOGGED_NAME_CHARS_MAX);
}
