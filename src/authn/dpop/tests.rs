//! The reader of proofs against anything that a stranger may send.

use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use http::{HeaderValue, Method};
use proptest::prelude::*;

use super::replay::Replay;
use super::*;
use crate::hygiene::testing::server;
use crate::limits::{DPOP_AGE_S, DPOP_AGE_S_MAX};

const NOW: u64 = 1_800_000_000;
const URL: &str = "https://mcp.example/mcp";
const TOKEN: &[u8] = b"a.b.c";

struct Client {
    pair: EcdsaKeyPair,
    jwk: String,
    key: [u8; 32],
}

impl Client {
    fn new() -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
        let [x, y] = [x, y].map(|part| URL_SAFE_NO_PAD.encode(part));
        let jwk = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
        let key = digest(&SHA256, jwk.as_bytes()).as_ref().try_into().unwrap();
        Self { pair, jwk, key }
    }

    fn sign(&self, header: &str, claims: &str) -> String {
        let [header, claims] = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part));
        let message = format!("{header}.{claims}");
        let signature = self.pair.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn proof(&self) -> String {
        let header = format!(r#"{{"typ":"dpop+jwt","alg":"ES256","jwk":{}}}"#, self.jwk);
        let ath = URL_SAFE_NO_PAD.encode(digest(&SHA256, TOKEN));
        let claims =
            format!(r#"{{"jti":"1","htm":"POST","htu":"{URL}","iat":{NOW},"ath":"{ath}"}}"#);
        self.sign(&header, &claims)
    }

    fn subject<'r>(&self) -> Subject<'r> {
        Subject { method: &Method::POST, path: "/mcp", token: TOKEN, key: self.key }
    }
}

fn dpop() -> Dpop {
    let nonces = Arc::new(Nonces::drawn().unwrap());
    let replay = Arc::new(Replay::local(NOW));
    Dpop::new(&server("crm", URL), &nonces, &replay, NOW).unwrap()
}

#[tokio::test]
async fn good_proof_is_accepted_once() {
    let (dpop, client) = (dpop(), Client::new());
    let mut headers = HeaderMap::new();
    headers.insert("dpop", HeaderValue::from_str(&client.proof()).unwrap());
    assert_eq!(dpop.check(&headers, client.subject(), NOW).await, Ok(()));
    assert_eq!(dpop.check(&headers, client.subject(), NOW).await, Err(ProofError::Replayed));
    let old = NOW + DPOP_AGE_S + 1;
    let refused = dpop.check(&headers, client.subject(), old).await;
    assert_eq!(refused, Err(ProofError::Old { seconds: DPOP_AGE_S + 1 }));
    const { assert!(DPOP_AGE_S <= DPOP_AGE_S_MAX && DPOP_AHEAD_S < DPOP_AGE_S) };
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    let mut headers = HeaderMap::new();
    headers.insert("dpop", HeaderValue::from_bytes(b"\xff\xfe").unwrap());
    assert_eq!(proof(&headers), Err(ProofError::NotText));
}

proptest! {
    #[test]
    fn any_text_is_refused_and_never_panics(text in "\\PC{0,300}") {
        prop_assert!(dpop().judge(&text, Client::new().subject(), NOW).is_err());
    }

    #[test]
    fn any_header_and_claims_are_refused_and_never_panic(
        h in proptest::collection::vec(any::<u8>(), 0..80),
        c in proptest::collection::vec(any::<u8>(), 0..80),
        s in proptest::collection::vec(any::<u8>(), 0..80),
    ) {
        let [h, c, s] = [h, c, s].map(|part| URL_SAFE_NO_PAD.encode(part));
        let proof = format!("{h}.{c}.{s}");
        prop_assert!(dpop().judge(&proof, Client::new().subject(), NOW).is_err());
    }

    /// Signed by the right key, so that everything behind the signature is reached.
    #[test]
    fn any_claims_of_the_owner_are_judged_and_never_panic(
        jti in "\\PC{0,20}", htm in "POST|GET|\\PC{0,6}", htu in "https://mcp.example/mcp|\\PC{0,40}",
        iat in prop_oneof![any::<u64>(), Just(NOW)], now in any::<u64>(), more in "\\PC{0,40}",
    ) {
        let (dpop, client) = (dpop(), Client::new());
        let header = format!(r#"{{"typ":"dpop+jwt","alg":"ES256","jwk":{}}}"#, client.jwk);
        let ath = URL_SAFE_NO_PAD.encode(digest(&SHA256, TOKEN));
        let claims = serde_json::json!({
            "jti": jti, "htm": htm, "htu": htu, "iat": iat, "ath": ath, "nonce": more, "x": more,
        });
        let proof = client.sign(&header, &claims.to_string());
        if dpop.judge(&proof, client.subject(), now).is_ok() {
            prop_assert_eq!(htm, "POST");
            prop_assert!(!jti.is_empty());
            prop_assert!(now <= iat + DPOP_AGE_S && iat <= now + DPOP_AHEAD_S);
        }
    }

    #[test]
    fn changing_one_character_never_leaves_a_good_proof(at in 0_usize..600, to in "[A-Za-z0-9_.-]") {
        let (dpop, client) = (dpop(), Client::new());
        let good = client.proof();
        prop_assert!(dpop.judge(&good, client.subject(), NOW).is_ok());
        let at = at % good.len();
        let mut bad = good.clone();
        bad.replace_range(at..=at, &to);
        prop_assume!(bad != good);
        prop_assert!(dpop.judge(&bad, client.subject(), NOW).is_err());
    }
}
