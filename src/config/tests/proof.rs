//! Proofs of possession: what may be demanded, and what counts as one.

use std::time::Duration;

use super::{SERVER, accepted, refused_server, server, with_certificate};
use super::{Strictness, check_in, refused_in};
use crate::config::{NonceRule, Proof, RequiredProof};
use crate::limits::{DPOP_AGE_S, DPOP_AGE_S_MAX};

/// The usual file behind TLS that asks clients for certificates.
fn with_client_ca(lines: &str) -> String {
    format!("tls: {{ cert: tls.crt, key: tls.key, client_ca: tls.crt }}\n{SERVER}{lines}")
}

#[test]
fn nothing_is_demanded_by_default_and_what_is_bound_is_checked() {
    let proof = accepted(SERVER).config.servers[0].proof.clone();
    assert_eq!(proof, Proof::default());
    assert_eq!(proof.required, RequiredProof::None);
    assert_eq!(proof.dpop.max_age, Duration::from_secs(DPOP_AGE_S));
    assert_eq!(proof.dpop.nonce, NonceRule::Off);
    assert_eq!(proof.dpop.algorithms.len(), 5);
    assert!(!proof.certificates);
}

#[test]
fn every_key_arrives_as_it_is_meant() {
    let lines =
        "    proof: dpop\n    dpop: { algorithms: [ES256], max_age: 5m, nonce: required }\n";
    let proof = server(lines).config.servers[0].proof.clone();
    assert_eq!(proof.required, RequiredProof::Dpop);
    assert_eq!(proof.dpop.algorithms, ["ES256"]);
    assert_eq!(proof.dpop.max_age, Duration::from_secs(DPOP_AGE_S_MAX));
    assert_eq!(proof.dpop.nonce, NonceRule::Required);
    let folder = with_certificate();
    for (word, expected) in [
        ("none", RequiredProof::None),
        ("certificate", RequiredProof::Certificate),
        ("any", RequiredProof::Any),
    ] {
        let text = with_client_ca(&format!("    proof: {word}\n"));
        let checked = check_in(&folder, &text, Strictness::Normal);
        let proof = checked.unwrap_or_else(|why| panic!("{why}")).config.servers[0].proof.clone();
        assert_eq!((proof.required, proof.certificates), (expected, true));
    }
}

#[test]
fn certificate_that_no_listener_asks_for_cannot_be_demanded() {
    refused_server("    proof: «certificate»\n", "every token would be refused", "client_ca");
    refused_server("    proof: «any»\n", "`any` means `dpop` here", "write `dpop`");
    let off = with_client_ca("    proof: «certificate»\n")
        .replace("client_ca: tls.crt", "client_ca: tls.crt, client_auth: optional")
        .replace("listen: 127.0.0.1:0", "listen: [{ bind: 127.0.0.1:0, tls: off }]")
        .replace(
            "tls: { cert: tls.crt, key: tls.key, client_ca: tls.crt, client_auth: optional }\n",
            "",
        );
    refused_in(&with_certificate(), &off, "every token would be refused", "client_ca");
}

#[test]
fn proofs_of_callers_without_tokens_have_no_effect() {
    let open = "    auth: none\n    scopes: { tools.invoke: [] }\n";
    for (key, value) in [("proof", "dpop"), ("dpop", "{ nonce: required }")] {
        let text = format!("{SERVER}{open}    {key}: {value}\n");
        let problems = check_in(&super::Folder::new(), &text, Strictness::Normal).unwrap_err();
        let shown = problems.to_string();
        assert!(shown.contains(&format!("`{key}` has no effect")), "{shown}");
    }
}

#[test]
fn what_counts_as_a_proof_is_bounded() {
    refused_server("    dpop: { algorithms: [«HS256»] }\n", "shared secret", "ES256");
    refused_server("    dpop: { algorithms: [«none»] }\n", "without a signature", "ES256");
    refused_server("    dpop: { «algorithms»: [] }\n", "no algorithm", "ES256");
    refused_server("    dpop: { max_age: «6m» }\n", "not a possible duration", "300s");
    refused_server("    dpop: { max_age: «0s» }\n", "not a possible duration", "300s");
    refused_server("    dpop: { max_age: «1500ms» }\n", "whole seconds", "`1s`");
    refused_server("    dpop: { nonce: «maybe» }\n", "is not accepted here", "`required`");
    refused_server("    proof: «bearer»\n", "is not accepted here", "`dpop`");
}
