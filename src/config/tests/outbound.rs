//! The gateway's own requests.

use std::time::Duration;

use super::SERVER;
use super::{Folder, Strictness, accepted, check_in, refused, refused_in, warned_in};
use crate::limits::{FETCH_MS, FETCH_MS_MAX};

fn with(lines: &str) -> String {
    format!("{lines}{SERVER}")
}

#[test]
fn own_requests_reach_the_public_internet_only_unless_networks_are_named() {
    let outbound = accepted(SERVER).config.outbound;
    assert!(outbound.ca_pem.is_none() && outbound.networks.is_empty());
    assert_eq!(outbound.timeout, Duration::from_millis(FETCH_MS));
    let folder = Folder::new();
    let pem = rcgen::generate_simple_self_signed(vec!["a".to_owned()]).unwrap().cert.pem();
    folder.write("ca.pem", &pem);
    let text =
        with("outbound: { ca: ca.pem, networks: [10.0.0.0/8, \"fd00::/8\"], timeout: 2s }\n");
    let outbound = check_in(&folder, &text, Strictness::Strict).unwrap().config.outbound;
    assert_eq!(outbound.ca_pem.as_deref(), Some(pem.as_bytes()));
    assert_eq!(outbound.networks.len(), 2);
    assert_eq!(outbound.timeout, Duration::from_secs(2));
}

#[test]
fn own_requests_with_unusable_settings_are_refused() {
    let folder = Folder::new();
    folder.write("no.pem", "nothing");
    refused_in(&folder, &with("outbound: { ca: «no.pem» }\n"), "no PEM certificate", "BEGIN");
    refused(&with("outbound: { networks: [«10.0.0.1/8»] }\n"), "10.0.0.1/8", "10.0.0.0/8");
    let over = FETCH_MS_MAX / 1000 + 1;
    refused(&with(&format!("outbound: {{ timeout: «{over}s» }}\n")), "not a possible", "`30s`");
    warned_in(
        &folder,
        &with("outbound: { networks: [«0.0.0.0/0»] }\n"),
        "choose any address",
        "only",
    );
}
