//! Promises about keys: which are used, and for what.

use sallyport::authn::keys::{Alg, KEYS_TRIED_MAX};
use sallyport::config::Issuer as Trust;
use sallyport::limits::{JWKS_FRESH_S, JWKS_KEYS_MAX};
use serde_json::{Value, json};

use crate::issuer::{Issuer, NOW, SigningKey, TokenBuilder, b64};
use crate::route::{Process, Route, tokens, trust};

fn every_algorithm(issuer: &Issuer) -> Trust {
    let algorithms = Alg::ALL.iter().map(|a| a.name().to_owned()).collect();
    Trust { algorithms, ..trust(issuer) }
}

pub fn by(issuer: &Issuer, key: &SigningKey) -> TokenBuilder {
    TokenBuilder::new(issuer.url(), key, NOW)
}

pub async fn setup(keys: Vec<SigningKey>) -> (Issuer, Process, Route) {
    let issuer = Issuer::with(keys, Some(NOW)).await;
    let process = Process::start();
    let route = process.route(tokens([every_algorithm(&issuer)]));
    (issuer, process, route)
}

#[tokio::test]
async fn token_of_each_algorithm_is_accepted_under_its_key() {
    let rsa = SigningKey::rsa("RS256", "RS256");
    let mut keys: Vec<SigningKey> = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"]
        .map(|alg| rsa.using(alg).named(Some(alg)))
        .into();
    keys.push(SigningKey::es256("a"));
    keys.push(SigningKey::es384("b"));
    keys.push(SigningKey::es512("c"));
    keys.push(SigningKey::ed25519("d"));
    let (issuer, _process, route) = setup(keys.clone()).await;
    for key in &keys {
        let caller = route.call(&by(&issuer, key).sign()).await;
        assert_eq!(&*caller.expect(key.alg).subject, "alice", "{}", key.alg);
    }
    let ed25519 = by(&issuer, &keys[9]).header("alg", "Ed25519").sign();
    assert!(route.call(&ed25519).await.is_ok(), "the name of RFC 9864");
    assert_eq!(keys.len(), Alg::ALL.len());
}

#[tokio::test]
async fn s01_key_is_used_only_with_the_algorithm_that_it_is_published_for() {
    let rsa = SigningKey::rsa("RS256", "rsa");
    let (issuer, _process, route) = setup(vec![rsa.clone(), SigningKey::es256("ec")]).await;
    assert!(route.call(&by(&issuer, &rsa).sign()).await.is_ok());
    for alg in ["PS256", "RS512"] {
        let token = by(&issuer, &rsa.using(alg)).sign();
        assert_eq!(route.reason(&token).await, Some("unknown_kid"), "{alg}");
    }
    let crossed = by(&issuer, &rsa).header("kid", "ec").sign();
    assert_eq!(route.reason(&crossed).await, Some("unknown_kid"));
}

#[tokio::test]
async fn key_without_algorithm_serves_every_pinned_one_of_its_type() {
    let rsa = SigningKey::rsa("RS256", "rsa");
    let (issuer, _process, route) = setup(vec![rsa.clone()]).await;
    let mut jwk = rsa.jwk();
    jwk.as_object_mut().unwrap().remove("alg");
    issuer.set_jwks(&json!({"keys": [jwk]}).to_string());
    for alg in ["RS256", "PS256", "RS512"] {
        assert!(route.call(&by(&issuer, &rsa.using(alg)).sign()).await.is_ok(), "{alg}");
    }
}

#[tokio::test]
async fn token_without_kid_is_accepted_only_when_one_key_fits() {
    let key = SigningKey::es256("a");
    let (issuer, process, route) = setup(vec![key.clone(), SigningKey::ed25519("b")]).await;
    let token = by(&issuer, &key.named(None));
    assert!(route.call(&token.sign()).await.is_ok());
    issuer.set_keys(vec![key.clone(), SigningKey::es256("c")]);
    process.advance(JWKS_FRESH_S);
    process.authn.refresh_due().await;
    assert_eq!(route.reason(&token.subject("bob").sign()).await, Some("unknown_kid"));
}

#[tokio::test]
async fn repeated_kid_tries_a_bounded_number_of_keys() {
    let keys: Vec<_> = (0..=KEYS_TRIED_MAX).map(|_| SigningKey::es256("same")).collect();
    let (issuer, _process, route) = setup(keys.clone()).await;
    for key in keys.iter().take(KEYS_TRIED_MAX) {
        assert!(route.call(&by(&issuer, key).sign()).await.is_ok());
    }
    let beyond = by(&issuer, &keys[KEYS_TRIED_MAX]).sign();
    assert_eq!(route.reason(&beyond).await, Some("bad_signature"));
}

fn changed(key: &SigningKey, name: &str, value: Value) -> Value {
    let mut jwk = key.jwk();
    jwk[name] = value;
    jwk
}

#[tokio::test]
async fn odd_keys_are_left_out_and_do_no_harm_to_their_neighbours() {
    let good = SigningKey::es256("good");
    let (issuer, process, route) = setup(vec![good.clone()]).await;
    let odd = SigningKey::es256("odd");
    let rsa = SigningKey::rsa("RS256", "odd");
    let odd_keys = [
        json!({"kty": "AKP", "kid": "odd", "alg": "ML-DSA-65", "pub": "AAAA"}),
        json!({"kty": "oct", "kid": "odd", "k": b64("secret"), "alg": "HS256"}),
        json!({"kid": "odd"}),
        json!("a string"),
        json!(null),
        changed(&odd, "use", json!("enc")),
        changed(&odd, "use", json!(7)),
        changed(&odd, "key_ops", json!(["sign"])),
        changed(&odd, "d", json!(b64([1; 32]))),
        changed(&odd, "alg", json!("ES384")),
        changed(&odd, "alg", json!("HS256")),
        changed(&odd, "crv", json!("P-384")),
        changed(&odd, "crv", json!("secp256k1")),
        changed(&odd, "x", json!(b64([1; 32]))),
        changed(&odd, "x", json!(b64([1; 31]))),
        changed(&odd, "kty", json!("ec")),
        changed(&rsa, "n", json!(b64([0xff; 128]))),
        changed(&rsa, "e", json!(b64([1]))),
        changed(&rsa, "e", json!(b64([2]))),
    ];
    let count = odd_keys.len();
    let keys: Vec<_> = odd_keys.into_iter().chain([good.jwk()]).collect();
    issuer.set_jwks(&json!({ "keys": keys }).to_string());
    assert!(route.call(&by(&issuer, &good).sign()).await.is_ok());
    assert!(route.call(&by(&issuer, &odd).sign()).await.is_err());
    assert!(route.call(&by(&issuer, &rsa).sign()).await.is_err());
    assert_eq!(process.authn.key_status()[0].keys, 1, "{count} of {}", count + 1);
}

#[tokio::test]
async fn only_the_first_keys_of_a_huge_set_are_taken() {
    let keys: Vec<_> = (0..=JWKS_KEYS_MAX).map(|n| SigningKey::es256(&n.to_string())).collect();
    let (issuer, process, route) = setup(keys.clone()).await;
    assert!(route.call(&by(&issuer, &keys[JWKS_KEYS_MAX - 1]).sign()).await.is_ok());
    assert!(route.call(&by(&issuer, &keys[JWKS_KEYS_MAX]).sign()).await.is_err());
    assert_eq!(process.authn.key_status()[0].keys, JWKS_KEYS_MAX);
}
