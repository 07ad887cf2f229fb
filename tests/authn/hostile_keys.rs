//! Key sets that somebody hostile or careless publishes: no key of them lets anybody in who does
//! not hold a private key, and a good key beside them goes on working.

use std::fmt::Write;

use sallyport::limits::{JWKS_BYTES_MAX, JWKS_FRESH_S, JWKS_KEYS_MAX};
use sallyport::reject::Code;
use serde_json::{Value, json};

use crate::issuer::{Issuer, SigningKey, b64};
use crate::keys::{by, setup};
use crate::route::{Process, Route};

/// A route whose issuer publishes these keys and a good one called `good`.
async fn beside(keys: Vec<Value>) -> (Issuer, Process, Route, SigningKey) {
    let good = SigningKey::es256("good");
    let (issuer, process, route) = setup(vec![good.clone()]).await;
    let all: Vec<Value> = keys.into_iter().chain([good.jwk()]).collect();
    issuer.set_jwks(&json!({ "keys": all }).to_string());
    assert!(route.call(&by(&issuer, &good).sign()).await.is_ok(), "the good key");
    (issuer, process, route, good)
}

fn changed(key: &SigningKey, name: &str, value: Value) -> Value {
    let mut jwk = key.jwk();
    jwk[name] = value;
    jwk
}

/// The neutral point of Ed25519: under it (neutral, 0) signs every message.
fn neutral() -> [u8; 32] {
    let mut point = [0; 32];
    point[0] = 1;
    point
}

#[tokio::test]
async fn s03_key_of_small_order_under_which_anybody_signs_is_left_out() {
    let honest = SigningKey::ed25519("ed");
    let mut with_sign = neutral();
    with_sign[31] |= 0x80;
    let order_two = {
        let mut point = [0xff; 32];
        (point[0], point[31]) = (0xec, 0x7f);
        point
    };
    for point in [neutral(), with_sign, [0; 32], order_two] {
        let weak = changed(&honest, "x", json!(b64(point)));
        let (issuer, process, route, _) = beside(vec![weak]).await;
        assert_eq!(process.authn.key_status()[0].keys, 1);
        for r in [neutral(), [0; 32], order_two] {
            let forged = by(&issuer, &honest).with_signature([r, [0; 32]].concat());
            assert_eq!(route.reason(&forged).await, Some("unknown_kid"));
        }
    }
}

#[tokio::test]
async fn weak_rsa_keys_are_left_out() {
    let rsa = SigningKey::rsa("RS256", "rsa");
    let n = |bytes: Vec<u8>| changed(&rsa, "n", json!(b64(bytes)));
    let e = |bytes: &[u8]| changed(&rsa, "e", json!(b64(bytes)));
    let modulus = |bytes: usize| vec![0xff; bytes];
    let mut even = modulus(256);
    even[255] = 0xfe;
    let weak = vec![
        n(modulus(64)),
        n(modulus(128)),
        n(modulus(255)),
        n([&[0], modulus(255).as_slice()].concat()),
        n(even),
        n(modulus(1_025)),
        n(Vec::new()),
        n(vec![0; 256]),
        e(&[]),
        e(&[0]),
        e(&[1]),
        e(&[2]),
        e(&[3]),
        e(&[17]),
        e(&[1, 0, 0]),
        e(&[0, 1, 0, 1]),
        e(&[1, 0, 0, 0, 1]),
        changed(&rsa, "e", json!(65_537)),
        changed(&rsa, "n", json!(null)),
        changed(&rsa, "n", json!(format!("{}=", rsa.jwk()["n"].as_str().unwrap()))),
    ];
    let (issuer, process, route, _) = beside(weak).await;
    assert_eq!(process.authn.key_status()[0].keys, 1);
    let token = by(&issuer, &rsa);
    assert_eq!(route.reason(&token.sign()).await, Some("unknown_kid"));
    // Under the exponent 1 the padded hash itself would be the signature.
    assert!(route.call(&token.with_signature([1; 256])).await.is_err());
}

#[tokio::test]
async fn points_that_are_not_on_their_curve_are_left_out() {
    let mut keys = Vec::new();
    for (key, bytes) in
        [(SigningKey::es256("a"), 32), (SigningKey::es384("b"), 48), (SigningKey::es512("c"), 66)]
    {
        let swapped = {
            let (mut jwk, x) = (key.jwk(), key.jwk()["x"].clone());
            jwk["x"] = jwk["y"].clone();
            jwk["y"] = x;
            jwk
        };
        keys.extend([
            swapped,
            changed(&key, "x", json!(b64(vec![0; bytes]))),
            changed(&key, "y", json!(b64(vec![1; bytes]))),
            changed(&key, "x", json!(b64(vec![0xff; bytes]))),
            changed(&key, "y", json!(b64(vec![1; bytes - 1]))),
            changed(&key, "y", json!(b64(vec![1; bytes + 1]))),
            changed(&key, "y", json!("")),
            changed(&key, "y", json!(7)),
        ]);
        let mut infinity = key.jwk();
        infinity["x"] = json!(b64(vec![0; bytes]));
        infinity["y"] = json!(b64(vec![0; bytes]));
        keys.push(infinity);
    }
    let ed = SigningKey::ed25519("d");
    keys.push(changed(&ed, "x", json!(b64([0xff; 32]))));
    keys.push(changed(&ed, "x", json!(b64([9; 31]))));
    keys.push(changed(&ed, "crv", json!("Ed448")));
    keys.push(changed(&ed, "crv", json!("X25519")));
    let (_issuer, process, _route, _) = beside(keys).await;
    assert_eq!(process.authn.key_status()[0].keys, 1);
}

#[tokio::test]
async fn private_and_symmetric_keys_prove_nothing() {
    let (leaked, rsa) = (SigningKey::es256("leaked"), SigningKey::rsa("RS256", "rsa"));
    let (issuer, process, route, _) = beside(vec![
        changed(&leaked, "d", json!(b64([1; 32]))),
        changed(&leaked, "d", json!(null)),
        changed(&leaked, "k", json!(b64("secret"))),
        changed(&rsa, "d", json!(b64([1; 256]))),
        json!({"kty": "oct", "kid": "oct", "k": b64("secret"), "alg": "HS256"}),
        json!({"kty": "oct", "kid": "oct", "k": b64("secret"), "alg": "ES256"}),
    ])
    .await;
    assert_eq!(process.authn.key_status()[0].keys, 1);
    for key in [&leaked, &rsa] {
        assert_eq!(route.reason(&by(&issuer, key).sign()).await, Some("unknown_kid"));
    }
}

#[tokio::test]
async fn s01_use_operations_and_algorithm_of_a_key_are_honoured() {
    let key = SigningKey::es256("odd");
    for (name, value, good) in [
        ("use", json!("sig"), true),
        ("use", json!("enc"), false),
        ("use", json!("SIG"), false),
        ("use", json!(["sig"]), false),
        ("key_ops", json!(["verify"]), true),
        ("key_ops", json!(["sign", "verify"]), true),
        ("key_ops", json!(["sign"]), false),
        ("key_ops", json!([]), false),
        ("key_ops", json!("verify"), false),
        ("alg", json!("ES256"), true),
        ("alg", json!("ES384"), false),
        ("alg", json!("es256"), false),
        ("alg", json!("none"), false),
        ("alg", json!("HS256"), false),
        ("alg", json!(null), false),
    ] {
        let (issuer, _process, route, _) = beside(vec![changed(&key, name, value.clone())]).await;
        let accepted = route.call(&by(&issuer, &key).sign()).await.is_ok();
        assert_eq!(accepted, good, "{name}: {value}");
    }
}

#[tokio::test]
async fn repeated_ids_of_several_families_are_told_apart_by_the_algorithm() {
    let (ec, ed) = (SigningKey::es256("same"), SigningKey::ed25519("same"));
    let other = SigningKey::es256("same");
    let (issuer, _process, route, _) = beside(vec![ec.jwk(), ed.jwk(), other.jwk()]).await;
    for key in [&ec, &ed, &other] {
        assert!(route.call(&by(&issuer, key).sign()).await.is_ok(), "{}", key.alg);
    }
    let stranger = SigningKey::es256("same");
    assert_eq!(route.reason(&by(&issuer, &stranger).sign()).await, Some("bad_signature"));
    let nameless = by(&issuer, &ec).without_header("kid").sign();
    assert_eq!(route.reason(&nameless).await, Some("unknown_kid"), "several keys fit");
}

#[tokio::test]
async fn ten_thousand_keys_are_too_much_and_the_old_keys_stay() {
    let good = SigningKey::es256("good");
    let (issuer, process, route) = setup(vec![good.clone()]).await;
    assert!(route.call(&by(&issuer, &good).sign()).await.is_ok());
    let key = SigningKey::es256("many").jwk().to_string();
    let all = vec![key; 10_000].join(",");
    issuer.set_jwks(&format!(r#"{{"keys":[{all}]}}"#));
    process.advance(JWKS_FRESH_S);
    process.authn.refresh_due().await;
    let status = &process.authn.key_status()[0];
    assert!(status.error.is_some(), "{} bytes are too much", all.len());
    let token = by(&issuer, &good).expires_in(9_999).subject("bob").sign();
    assert!(route.call(&token).await.is_ok());
    // As many as fit into the bytes: the first are taken, the rest is not even read.
    let mut small = String::new();
    while small.len() < JWKS_BYTES_MAX - 300 {
        write!(small, "{},", SigningKey::ed25519("x").jwk()).unwrap();
    }
    small.pop();
    issuer.set_jwks(&format!(r#"{{"keys":[{small}]}}"#));
    process.advance(JWKS_FRESH_S);
    process.authn.refresh_due().await;
    assert_eq!(process.authn.key_status()[0].keys, JWKS_KEYS_MAX);
}

#[tokio::test]
async fn hundred_thousand_things_that_are_no_keys_are_only_counted() {
    let (issuer, process, route) = setup(vec![SigningKey::es256("good")]).await;
    assert!(route.call(&issuer.token().sign()).await.is_ok());
    for filler in ["0,", "{},", "[],", "\"\","] {
        let keys = filler.repeat((JWKS_BYTES_MAX - 1_000) / filler.len());
        issuer.set_jwks(&format!(r#"{{"keys":[{keys}{}]}}"#, issuer.key().jwk()));
        process.advance(JWKS_FRESH_S);
        process.authn.refresh_due().await;
        let status = &process.authn.key_status()[0];
        assert_eq!((status.keys, status.error.as_ref()), (1, None), "{filler}");
    }
}

#[tokio::test]
async fn document_that_is_not_strict_json_is_no_key_set() {
    let good = SigningKey::es256("good");
    let jwk = good.jwk().to_string();
    for text in [
        format!(r#"{{"keys":[{jwk}],"keys":[{jwk}]}}"#),
        format!(r#"{{"keys":[{jwk}],"\u006beys":[]}}"#),
        format!(r#"{{"keys":[{{"kid":"good",{}]}}"#, &jwk[1..]),
        format!(r#"{{"keys":[{jwk}]}}x"#),
        format!("\u{feff}{{\"keys\":[{jwk}]}}"),
        format!(r#"{{"keys":[{jwk},]}}"#),
        format!(r#"{{"keys":{jwk}}}"#),
        format!(r#"[{jwk}]"#),
        jwk.clone(),
        format!(r#"{{"keys":{}{}}}"#, "[".repeat(64), "]".repeat(64)),
        format!(r#"{{"Keys":[{jwk}]}}"#),
    ] {
        let (issuer, _process, route) = setup(vec![good.clone()]).await;
        issuer.set_jwks(&text);
        let refused = route.call(&by(&issuer, &good).sign()).await.unwrap_err();
        assert_eq!(refused.code, Code::KeysUnavailable, "{text}");
    }
}
