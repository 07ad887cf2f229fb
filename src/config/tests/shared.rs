//! Rates that replicas share.

use super::{Folder, SERVER, Strictness, accepted, check_in, refused, server, warned_in};
use crate::config::{Allowance, OnStoreLoss};
use crate::limits::SHARED_REPLICAS_MAX;

const REDIS: &str = "redis: { url: \"redis://127.0.0.1\" }\n";
const RATE: &str = "    limits: { per_principal: 60/m }\n";

fn with(limits: &str, server: &str) -> String {
    format!("{REDIS}limits: {{ {limits} }}\n{SERVER}{server}")
}

fn principal(text: &str) -> Allowance {
    accepted(text).config.servers[0].limits.per_principal.unwrap()
}

#[test]
fn nothing_is_shared_unless_it_is_said() {
    assert!(server(RATE).config.shared_limits.is_none());
    assert!(accepted(&format!("{REDIS}{SERVER}{RATE}")).config.shared_limits.is_none());
    assert!(accepted(&with("shared: false", RATE)).config.shared_limits.is_none());
    let shared = accepted(&with("shared: true", RATE)).config.shared_limits.unwrap();
    assert_eq!(shared.replicas, None, "they are counted");
    let stated = accepted(&with("shared: { replicas: 3 }", RATE)).config.shared_limits.unwrap();
    assert_eq!(stated.replicas, Some(3));
}

#[test]
fn each_rate_says_what_it_does_without_redis_and_shares_by_default() {
    assert_eq!(principal(&with("shared: true", RATE)).on_store_loss, OnStoreLoss::LocalShare);
    let usual = "shared: { on_store_loss: deny }";
    assert_eq!(principal(&with(usual, RATE)).on_store_loss, OnStoreLoss::Deny);
    let own = "    limits: { per_principal: { rate: 60/m, on_store_loss: local_share } }\n";
    assert_eq!(principal(&with(usual, own)).on_store_loss, OnStoreLoss::LocalShare);
    let tool = "    limits: { per_tool: { x: { rate: 1/s, on_store_loss: deny } }, classes: {} }\n";
    let config = accepted(&with("shared: true", tool)).config;
    assert_eq!(config.servers[0].limits.per_tool[0].1.on_store_loss, OnStoreLoss::Deny);
}

#[test]
fn sharing_needs_a_redis_a_rate_and_a_possible_number_of_replicas() {
    let folder = Folder::new();
    let without = format!("limits: {{ shared: «true» }}\n{SERVER}{RATE}");
    refused(&without, "no `redis`", "add `redis");
    warned_in(&folder, &with("shared: «true»", ""), "no server has a rate", "per_principal");
    let most = format!("to {SHARED_REPLICAS_MAX}");
    refused(&with("shared: { replicas: «0» }", RATE), "not possible", &most);
    let more = format!("shared: {{ replicas: «{}» }}", SHARED_REPLICAS_MAX + 1);
    refused(&with(&more, RATE), "not possible", &most);
    // A Redis for rates alone is used.
    let alone = with("shared: true", RATE).replace(SERVER, "") + "revocation: { redis: false }\n";
    let alone = format!("{}{SERVER}{RATE}", alone.replace(RATE, ""));
    assert!(check_in(&folder, &alone, Strictness::Strict).is_ok());
}

#[test]
fn what_happens_without_redis_is_said_only_where_it_matters() {
    let own = "    limits: { per_principal: { rate: 60/m, on_store_loss: «deny» } }\n";
    refused(&format!("{SERVER}{own}"), "no effect", "shared: true");
    let off = "    limits: { «per_principal»: { rate: off, on_store_loss: deny } }\n";
    refused(
        &with("shared: true", &(off.to_owned() + "    body_max: 1MiB\n")),
        "no effect",
        "`off`",
    );
    let address = "shared: true, per_address: { rate: 1/s, on_store_loss: «deny» }";
    refused(&with(address, RATE), "each replica counts this for itself", "remove");
}

#[test]
fn replicas_that_each_admit_the_whole_rate_are_warned_about() {
    let folder = Folder::new();
    let usual = with("shared: { on_store_loss: «local» }", RATE);
    warned_in(&folder, &usual, "every replica admits the whole", "local_share");
    let own = "    limits: { per_principal: { rate: 60/m, on_store_loss: «local» } }\n";
    warned_in(&folder, &with("shared: true", own), "every replica", "local_share");
}
