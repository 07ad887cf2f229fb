//! The handshake in the session id.

use proptest::prelude::*;
use serde_json::json;

use super::super::ticket::{Abilities, NUMBER_BYTES, Ticket, is_ours};
use super::{parsed, value};
use crate::config::ServerRequest::{self, Elicitation, Ping, Roots, Sampling};
use crate::limits::{CLIENT_NAME_BYTES_MAX, CLIENT_VERSION_BYTES_MAX, SESSION_ID_BYTES_MAX};
use crate::mcp::version::Revision;

const ALL: [ServerRequest; 4] = [Sampling, Elicitation, Roots, Ping];

fn opened(version: &str, capabilities: serde_json::Value, name: &str) -> Ticket {
    let message = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": version, "capabilities": capabilities,
        "clientInfo": {"name": name, "version": "1.2"}}});
    Ticket::of(&parsed(message.to_string()), [7; NUMBER_BYTES])
}

fn declared(ticket: &Ticket, allowed: &[ServerRequest]) -> serde_json::Value {
    let able = ticket.able.limited_to(allowed, ticket.revision);
    let mut text = b"{".to_vec();
    text.extend_from_slice(&ticket.meta(able, Some("info")));
    text.push(b'}');
    value(&text)
}

#[test]
fn id_carries_the_handshake() {
    let all = json!({"roots": {"listChanged": true}, "sampling": {"tools": {}, "context": {}}, "elicitation": {"url": {}, "form": {}}});
    let ticket = opened("2025-11-25", all, "agent \"x\"");
    let id = ticket.encode();
    assert!(id.bytes().all(|byte| byte.is_ascii_graphic()) && is_ours(&id));
    assert_eq!(Ticket::decode(&id), Some(ticket.clone()));
    let meta = declared(&ticket, &ALL);
    assert_eq!(meta["io.modelcontextprotocol/protocolVersion"], "2026-07-28");
    assert_eq!(
        meta["io.modelcontextprotocol/clientInfo"],
        json!({"name": "agent \"x\"", "version": "1.2"})
    );
    assert_eq!(meta["io.modelcontextprotocol/logLevel"], "info");
    assert_eq!(
        meta["io.modelcontextprotocol/clientCapabilities"],
        json!({"roots": {}, "sampling": {"context": {}, "tools": {}}, "elicitation": {"form": {}, "url": {}}})
    );
}

#[test]
fn longest_client_names_are_clipped_between_characters_and_stay_within_the_bound() {
    let ticket = opened("2025-11-25", json!({}), &"é".repeat(400));
    assert_eq!(ticket.name.len(), CLIENT_NAME_BYTES_MAX);
    let longest = Ticket { version: "9".repeat(CLIENT_VERSION_BYTES_MAX).into(), ..ticket };
    let id = longest.encode();
    assert!(id.len() <= SESSION_ID_BYTES_MAX);
    assert_eq!(Ticket::decode(&id), Some(longest));
}

#[test]
fn version_is_the_client_s_where_it_is_a_legacy_one_and_else_our_newest() {
    for (asked, settled) in [
        ("2024-11-05", Revision::V2024_11_05),
        ("2025-03-26", Revision::V2025_03_26),
        ("2025-11-25", Revision::V2025_11_25),
        ("2026-07-28", Revision::V2025_11_25),
        ("1.0", Revision::V2025_11_25),
    ] {
        assert_eq!(opened(asked, json!({}), "c").revision, settled, "{asked}");
    }
}

#[test]
fn client_is_declared_able_only_of_what_its_revision_has_and_its_route_allows() {
    let all = || json!({"roots": {}, "sampling": {"tools": {}}, "elicitation": {}});
    let new = opened("2025-11-25", all(), "c");
    let capabilities = "io.modelcontextprotocol/clientCapabilities";
    assert_eq!(declared(&new, &[])[capabilities], json!({}));
    assert_eq!(declared(&new, &[Roots])[capabilities], json!({"roots": {}}));
    assert_eq!(declared(&new, &[Elicitation])[capabilities], json!({"elicitation": {"form": {}}}));
    let old = opened("2025-03-26", all(), "c");
    assert_eq!(declared(&old, &ALL)[capabilities], json!({"roots": {}, "sampling": {}}));
    // A request that speaks an older revision than its session cannot be asked for more.
    let able = new.able.limited_to(&ALL, Revision::V2025_03_26);
    assert!(!able.has(Abilities::FORM) && able.has(Abilities::ROOTS));
}

#[test]
fn url_alone_does_not_mean_forms() {
    let ticket = opened("2025-11-25", json!({"elicitation": {"url": {}}}), "c");
    assert!(ticket.able.has(Abilities::URL) && !ticket.able.has(Abilities::FORM));
}

#[test]
fn other_ids_are_none_of_ours() {
    let id = opened("2025-11-25", json!({}), "c").encode();
    for other in
        ["", "upstream-session-1", "sallyport-up-1.", "sallyport-up-1.AAAA", &id[..id.len() - 1]]
    {
        assert_eq!(Ticket::decode(other), None, "{other}");
    }
    assert!(!is_ours("upstream-session-1"));
}

proptest! {
    #[test]
    fn decoding_never_panics(id in "(sallyport-up-1\\.)?[A-Za-z0-9_-]{0,60}|.{0,20}") {
        let _ = Ticket::decode(&id);
    }

    #[test]
    fn every_handshake_survives(name in ".{0,200}", number: [u8; NUMBER_BYTES]) {
        let ticket = Ticket { number, ..opened("2025-06-18", json!({"roots": {}}), &name) };
        prop_assert_eq!(Ticket::decode(&ticket.encode()), Some(ticket));
    }
}
