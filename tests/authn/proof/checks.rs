//! The twelve checks of RFC 9449 section 4.3: each has its attack, and its honest twin.

use http::Method;
use sallyport::authn::RequestHead;
use sallyport::config::{Dpop, Proof};
use sallyport::limits::{DPOP_AGE_S, DPOP_AHEAD_S, DPOP_JTI_BYTES_MAX, DPOP_PROOF_BYTES_MAX};
use sallyport::principal::AuthMethod;
use sallyport::reject::Code;
use serde_json::{Value, json};

use super::{ProofBuilder, Scene, bound, headers, proven, said, sha256};
use crate::issuer::{AUDIENCE, NOW, SigningKey, b64};
use crate::route::CLIENT;

/// Offers proofs that must be refused, each under its name, with a good one before and after.
async fn refused(scene: &Scene, code: Code, cases: Vec<(&str, String)>) {
    scene.call(&scene.proof().sign()).await.expect("the good twin before");
    for (name, proof) in cases {
        let refused = scene.call(&proof).await.expect_err(name);
        assert_eq!(refused.code, code, "{name}: {}", refused.internal);
        assert_eq!(refused.code.row().status, 401, "{name}");
        assert_eq!(said(&refused), (Some("invalid_dpop_proof"), Some("bad_proof")), "{name}");
        let part = proof.rsplit('.').next().filter(|s| s.len() > 20);
        assert!(part.is_none_or(|s| !refused.internal.contains(s)), "{name}");
    }
    scene.call(&scene.proof().sign()).await.expect("the good twin after");
}

#[tokio::test]
async fn p32_s08_bound_token_with_its_proof_is_let_in_and_the_proof_recorded() {
    let scene = Scene::new().await;
    let caller = scene.call(&scene.proof().sign()).await.unwrap();
    assert_eq!((caller.method, proven(&caller)), (AuthMethod::Bearer, Some("dpop")));
    assert_eq!(&*caller.subject, "alice");
    for key in [
        SigningKey::es384("a"),
        SigningKey::rsa("RS256", "b"),
        SigningKey::rsa("PS256", "c"),
        SigningKey::ed25519("d"),
    ] {
        let token = bound(scene.issuer.token(), &key).sign();
        let proof = ProofBuilder::new(&key, &token).sign();
        let caller = scene.send(&format!("DPoP {token}"), &[&proof]).await;
        assert_eq!(proven(&caller.expect(key.alg)), Some("dpop"));
    }
    assert_eq!(proven(&scene.route.call(&scene.issuer.token().sign()).await.unwrap()), None);
}

#[tokio::test]
async fn p32_check_1_exactly_one_proof_is_taken() {
    let scene = Scene::new().await;
    let dpop = format!("DPoP {}", scene.token);
    let (one, two) = (scene.proof().sign(), scene.proof().sign());
    let refused = scene.send(&dpop, &[]).await.unwrap_err();
    assert_eq!(refused.code, Code::ProofInvalid);
    assert_eq!(said(&refused), (Some("invalid_dpop_proof"), Some("proof_missing")));
    for proofs in [&[&*one, &*two][..], &[&one, &one], &["", &one], &[&format!("{one},{two}")]] {
        let refused = scene.send(&dpop, proofs).await.unwrap_err();
        assert_eq!(refused.code, Code::ProofInvalid, "{}", refused.internal);
    }
    assert!(scene.send(&dpop, &[&one]).await.is_ok(), "nothing of that used it up");
    assert!(scene.send(&format!("dpop   {}", scene.token), &[&two]).await.is_ok());
}

#[tokio::test]
async fn p32_check_2_and_3_proof_is_one_strict_jws_with_all_that_it_needs() {
    let scene = Scene::new().await;
    let good = || scene.proof();
    let signature = |proof: &str| proof.rsplit_once('.').unwrap().1.to_owned();
    let mut cases = vec![
        ("no text", String::new()),
        ("not a JWS", "abc".to_owned()),
        ("two segments", good().message()),
        ("four segments", format!("{}.", good().sign())),
        ("padding", format!("{}=", good().sign())),
        ("a character that is not ASCII", format!("{}\u{e9}", good().sign())),
        (
            "a duplicate header name",
            good().header_text(|t| t.replacen('{', r#"{"alg":"ES256","#, 1)).sign(),
        ),
        (
            "a duplicate claim",
            good().claims_text(|t| t.replacen('{', r#"{"htm":"GET","#, 1)).sign(),
        ),
        ("claims that are a list", good().claims_text(|t| format!("[{t}]")).sign()),
        ("a critical parameter", good().header("crit", json!(["exp"])).sign()),
        ("a key elsewhere", good().header("jku", "https://evil.example/keys").sign()),
        ("a certificate chain", good().header("x5c", json!(["AA"])).sign()),
        ("no key", good().without_header("jwk").sign()),
        ("a key of null", good().header("jwk", Value::Null).sign()),
        ("longer than the limit", good().claim("x", "x".repeat(DPOP_PROOF_BYTES_MAX)).sign()),
    ];
    for name in ["jti", "htm", "htu", "iat", "ath"] {
        cases.push((name, good().without(name).sign()));
        for wrong in [Value::Null, json!([]), json!({}), json!(true)] {
            cases.push((name, good().claim(name, wrong).sign()));
        }
    }
    for (name, jti) in
        [("an empty jti", String::new()), ("a long jti", "j".repeat(DPOP_JTI_BYTES_MAX + 1))]
    {
        cases.push((name, good().claim("jti", jti).sign()));
    }
    assert!(signature(&good().sign()).len() > 80);
    refused(&scene, Code::ProofInvalid, cases).await;
    let longest = good().claim("jti", "j".repeat(DPOP_JTI_BYTES_MAX)).sign();
    assert!(scene.call(&longest).await.is_ok());
}

#[tokio::test]
async fn p32_check_4_another_kind_of_jwt_is_no_proof() {
    let scene = Scene::new().await;
    let typ = |typ: &str| scene.proof().header("typ", typ).sign();
    let cases = vec![
        ("no typ", scene.proof().without_header("typ").sign()),
        ("an access token's", typ("at+jwt")),
        ("any JWT's", typ("JWT")),
        ("a longer one", typ("dpop+jwt2")),
        ("empty", typ("")),
        ("a list", scene.proof().header("typ", json!(["dpop+jwt"])).sign()),
        ("the access token itself", scene.token.clone()),
    ];
    refused(&scene, Code::ProofInvalid, cases).await;
}

#[tokio::test]
async fn p32_check_5_algorithm_is_asymmetric_and_pinned() {
    let scene = Scene::new().await;
    let alg = |alg: &str| scene.proof().header("alg", alg).sign();
    let hmac = |secret: Vec<u8>| {
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &secret);
        let message = scene.proof().header("alg", "HS256").message();
        let tag = aws_lc_rs::hmac::sign(&key, message.as_bytes());
        format!("{message}.{}", b64(tag))
    };
    let cases = vec![
        ("none", alg("none")),
        ("none without a signature", format!("{}.", scene.proof().header("alg", "none").message())),
        ("other case", alg("es256")),
        ("HMAC under the public key", hmac(scene.key.public_bytes())),
        ("HMAC under the JWK", hmac(super::public(&scene.key).to_string().into_bytes())),
        ("another curve's", alg("ES384")),
        ("an RSA key's", alg("RS256")),
        ("unknown", alg("ES256K")),
    ];
    refused(&scene, Code::ProofInvalid, cases).await;
    // Sound in itself, but not one of the configured ones.
    let proof = Dpop { algorithms: vec!["EdDSA".to_owned()], ..Dpop::default() };
    let pinned = Scene::with_proof(Proof { dpop: proof, ..Proof::default() }).await;
    let refused = pinned.call(&pinned.proof().sign()).await.unwrap_err();
    assert_eq!(refused.internal, "the proof's signature algorithm is not accepted");
    let key = SigningKey::ed25519("e");
    let token = bound(pinned.issuer.token(), &key).sign();
    let proof = ProofBuilder::new(&key, &token).sign();
    assert!(pinned.send(&format!("DPoP {token}"), &[&proof]).await.is_ok());
}

#[tokio::test]
async fn p32_check_6_signature_is_that_of_the_key_inside() {
    let scene = Scene::new().await;
    let thief = SigningKey::es256("thief");
    let good = scene.proof().sign();
    let (message, signature) = good.rsplit_once('.').unwrap();
    let other = scene.proof().claim("htm", "GET").message();
    let cases = vec![
        ("signed by a thief who shows the owner's key", scene.proof().signed_by(&thief).sign()),
        ("the signature of another proof", format!("{other}.{signature}")),
        ("a signature of zeros", format!("{message}.{}", b64([0; 64]))),
        ("no signature", format!("{message}.")),
        ("a short signature", format!("{message}.{}", b64([7; 63]))),
    ];
    refused(&scene, Code::ProofInvalid, cases).await;
}

#[tokio::test]
async fn p32_check_7_key_is_public_and_alone() {
    let scene = Scene::new().await;
    let mut cases = Vec::new();
    for name in ["d", "k", "p", "q", "dp", "dq", "qi", "oth", "priv"] {
        cases.push((name, scene.proof().jwk(name, "AQAB").sign()));
        cases.push((name, scene.proof().jwk(name, Value::Null).sign()));
    }
    let symmetric = json!({"kty": "oct", "k": b64([1; 32])});
    cases.push(("symmetric", scene.proof().header("jwk", symmetric).sign()));
    let set = json!({"keys": [super::public(&scene.key)]});
    cases.push(("a key set", scene.proof().header("jwk", set).sign()));
    cases.push(("for encryption", scene.proof().jwk("use", "enc").sign()));
    refused(&scene, Code::ProofInvalid, cases).await;
    // What says nothing of the key's use does no harm.
    assert!(scene.call(&scene.proof().jwk("kid", "mine").sign()).await.is_ok());
}

#[tokio::test]
async fn p32_check_8_proof_for_another_method_is_refused() {
    let scene = Scene::new().await;
    let htm = |htm: &str| scene.proof().claim("htm", htm).sign();
    let cases = ["GET", "DELETE", "post", "POST ", "", "POST,GET"].map(|name| (name, htm(name)));
    refused(&scene, Code::ProofInvalid, cases.to_vec()).await;
    let headers = headers(&format!("DPoP {}", scene.token), &[&htm("DELETE")]);
    let (method, path, certificate) = (&Method::DELETE, "/mcp", None);
    let head =
        RequestHead { method, path, headers: &headers, client: CLIENT, certificate, proven: None };
    assert!(scene.route.identify(&head).await.is_ok(), "the same proof for its own method");
}

#[tokio::test]
async fn p32_check_9_proof_for_another_address_is_refused() {
    let scene = Scene::new().await;
    let htu = |htu: &str| scene.proof().claim("htu", htu).sign();
    let cases: Vec<(&str, String)> = [
        "https://mcp.example/other",
        "https://mcp.example/",
        "https://mcp.example/mcp/",
        "https://other.example/mcp",
        "http://mcp.example/mcp",
        "https://mcp.example:8443/mcp",
        "https://mcp.example.evil.example/mcp",
        "https://mcp.example@evil.example/mcp",
        "https://alice@mcp.example/mcp",
        "mcp.example/mcp",
        "/mcp",
        "",
    ]
    .map(|name| (name, htu(name)))
    .to_vec();
    refused(&scene, Code::ProofInvalid, cases).await;
    for same in ["HTTPS://MCP.EXAMPLE:443/mcp", "https://mcp.example/%6Dcp?query#fragment"] {
        assert!(scene.call(&htu(same)).await.is_ok(), "{same}");
    }
}

#[tokio::test]
async fn p32_check_9_host_header_names_no_address() {
    let scene = Scene::new().await;
    let proof = scene.proof().claim("htu", "https://evil.example/mcp").sign();
    let mut headers = headers(&format!("DPoP {}", scene.token), &[&proof]);
    for name in ["host", "x-forwarded-host", "forwarded"] {
        headers.insert(name, "evil.example".parse().unwrap());
    }
    let (method, path, certificate) = (&Method::POST, "/mcp", None);
    let head =
        RequestHead { method, path, headers: &headers, client: CLIENT, certificate, proven: None };
    let refused = scene.route.identify(&head).await.unwrap_err();
    assert_eq!(refused.internal, "the proof is for another address");
}

#[tokio::test]
async fn p32_check_11_old_and_future_proofs_are_refused_to_the_second() {
    let scene = Scene::new().await;
    scene.process.advance(DPOP_AGE_S);
    let now = NOW + DPOP_AGE_S;
    let at = |iat: Value| scene.proof().claim("iat", iat).sign();
    for iat in [json!(NOW), json!(now), json!(now + DPOP_AHEAD_S), json!(now as f64 + 0.5)] {
        assert!(scene.call(&at(iat.clone())).await.is_ok(), "{iat}");
    }
    let fresh = || scene.proof().claim("iat", now);
    assert!(scene.call(&fresh().claim("exp", now).claim("nbf", now).sign()).await.is_ok());
    for (name, proof) in [
        ("a second too old", at(json!(NOW - 1))),
        ("of the year 1970", at(json!(0))),
        ("a second too far ahead", at(json!(now + DPOP_AHEAD_S + 1))),
        ("far ahead", at(json!(u64::MAX))),
        ("before 1970", at(json!(-1))),
        ("a text", at(json!(now.to_string()))),
        ("over by its own word", fresh().claim("exp", now - DPOP_AHEAD_S).sign()),
        ("not yet by its own word", fresh().claim("nbf", now + DPOP_AHEAD_S + 1).sign()),
        ("an end that is no time", fresh().claim("exp", "soon").sign()),
    ] {
        let refused = scene.call(&proof).await.expect_err(name);
        assert_eq!(refused.code, Code::ProofInvalid, "{name}: {}", refused.internal);
    }
}

#[tokio::test]
async fn p32_check_12_proof_for_another_token_is_refused() {
    let scene = Scene::new().await;
    let other = bound(scene.issuer.token().subject("bob"), &scene.key).sign();
    let cases = vec![
        ("another token of the same key", ProofBuilder::new(&scene.key, &other).sign()),
        ("the hash in hex", {
            let hex: String = sha256(&scene.token).iter().map(|b| format!("{b:02x}")).collect();
            scene.proof().claim("ath", hex).sign()
        }),
        ("half of the hash", scene.proof().claim("ath", b64(&sha256(&scene.token)[..16])).sign()),
        ("the token itself", scene.proof().claim("ath", scene.token.clone()).sign()),
        ("the hash with padding", {
            scene.proof().claim("ath", format!("{}=", b64(sha256(&scene.token)))).sign()
        }),
        (
            "the address of another server",
            scene.proof().claim("htu", format!("{AUDIENCE}2")).sign(),
        ),
    ];
    refused(&scene, Code::ProofInvalid, cases).await;
    let proof = ProofBuilder::new(&scene.key, &other).sign();
    assert!(scene.send(&format!("DPoP {other}"), &[&proof]).await.is_ok());
}

#[tokio::test]
async fn p32_check_12_proof_of_a_thief_s_own_key_does_not_carry_a_stolen_token() {
    let scene = Scene::new().await;
    let thief = SigningKey::es256("thief");
    let proof = ProofBuilder::new(&thief, &scene.token).sign();
    let refused = scene.call(&proof).await.unwrap_err();
    assert_eq!(refused.code, Code::TokenInvalid);
    assert_eq!(said(&refused), (Some("invalid_token"), Some("bad_proof")));
    assert!(scene.call(&scene.proof().sign()).await.is_ok());
}
