//! What a thief of a token or of a proof tries, and what the route demands.

use http::{HeaderMap, Method};
use sallyport::authn::{Authenticator, RequestHead, metadata};
use sallyport::config::{Dpop, Proof, RequiredProof};
use sallyport::limits::{DPOP_AGE_S, DPOP_AHEAD_S, DPOP_NONCE_S};
use sallyport::principal::Confirmation;
use sallyport::reject::{Code, Scheme, Schemes};
use serde_json::{Value, json};
use std::time::Duration;

use super::{ProofBuilder, Scene, bound, headers, nonces, proven, said, thumbprint};
use crate::issuer::{AUDIENCE, NOW, SigningKey, b64};
use crate::route::{CLIENT, server, tokens, trust};

#[tokio::test]
async fn p32_s08_replayed_proof_is_refused_for_as_long_as_it_would_be_accepted() {
    let scene = Scene::new().await;
    // The maker's clock is ahead: such a proof lives longest.
    let proof = scene.proof().claim("iat", NOW + DPOP_AHEAD_S).sign();
    assert!(scene.call(&proof).await.is_ok());
    for _ in 0..DPOP_AGE_S + DPOP_AHEAD_S {
        let refused = scene.call(&proof).await.unwrap_err();
        assert_eq!(refused.code, Code::ProofInvalid);
        assert_eq!(said(&refused), (Some("invalid_dpop_proof"), Some("proof_replayed")));
        scene.process.advance(1);
        scene.process.authn.refresh_due().await;
    }
    scene.process.advance(1);
    assert_eq!(scene.call(&proof).await.unwrap_err().reason, Some("bad_proof"), "too old now");
}

#[tokio::test]
async fn p32_s08_jti_of_a_used_proof_is_refused_in_another_proof_too() {
    let scene = Scene::new().await;
    let proof = || scene.proof().claim("jti", "the-same");
    assert!(scene.call(&proof().sign()).await.is_ok());
    let later = proof().claim("iat", NOW + 1).sign();
    assert_eq!(scene.call(&later).await.unwrap_err().reason, Some("proof_replayed"));
    // Somebody else may have thought of the same name.
    let key = SigningKey::es256("other");
    let token = bound(scene.issuer.token(), &key).sign();
    let other = ProofBuilder::new(&key, &token).claim("jti", "the-same").sign();
    assert!(scene.send(&format!("DPoP {token}"), &[&other]).await.is_ok());
}

#[tokio::test]
async fn p32_refused_proof_is_not_used_up_and_a_used_one_survives_a_reload() {
    let scene = Scene::new().await;
    let proof = scene.proof().sign();
    let headers = headers(&format!("DPoP {}", scene.token), &[&proof]);
    let (path, certificate) = ("/mcp", None);
    let head = RequestHead {
        method: &Method::GET,
        path,
        headers: &headers,
        client: CLIENT,
        certificate,
        proven: None,
    };
    assert!(scene.route.identify(&head).await.is_err());
    assert!(scene.call(&proof).await.is_ok(), "a stranger cannot spoil it by sending it wrongly");
    let server = server(AUDIENCE, tokens([trust(&scene.issuer)]));
    let again = scene.process.route_of(&server);
    let head = RequestHead { method: &Method::POST, ..head };
    assert_eq!(again.identify(&head).await.unwrap_err().reason, Some("proof_replayed"));
}

#[tokio::test]
async fn p32_proofs_from_before_the_memory_began_are_refused() {
    let scene = Scene::new().await;
    let before = scene.proof().claim("iat", NOW - 1).sign();
    assert_eq!(scene.call(&before).await.unwrap_err().reason, Some("bad_proof"));
    assert!(scene.call(&scene.proof().sign()).await.is_ok());
    // A reload that accepts older proofs does not accept those that were forgotten.
    let used = scene.proof().claim("jti", "early").sign();
    assert!(scene.call(&used).await.is_ok());
    scene.process.advance(200);
    scene.process.authn.refresh_due().await;
    let mut longer = server(AUDIENCE, tokens([trust(&scene.issuer)]));
    longer.proof.dpop.max_age = Duration::from_secs(300);
    let route = scene.process.route_of(&longer);
    let headers = headers(&format!("DPoP {}", scene.token), &[&used]);
    let (method, path, certificate) = (&Method::POST, "/mcp", None);
    let head =
        RequestHead { method, path, headers: &headers, client: CLIENT, certificate, proven: None };
    assert_eq!(route.identify(&head).await.unwrap_err().reason, Some("bad_proof"));
}

#[tokio::test]
async fn p32_s08_bound_token_is_refused_as_a_bearer_token_and_a_plain_one_as_bound() {
    let scene = Scene::new().await;
    let proof = scene.proof().sign();
    for proofs in [&[][..], &[&*proof]] {
        let refused = scene.send(&format!("Bearer {}", scene.token), proofs).await.unwrap_err();
        assert_eq!(refused.code, Code::TokenInvalid);
        assert_eq!(said(&refused), (Some("invalid_token"), Some("bound_token")));
        assert_eq!(refused.challenge.unwrap().used, Scheme::Bearer);
    }
    assert!(scene.call(&proof).await.is_ok());
    let plain = scene.issuer.token().sign();
    let proof = ProofBuilder::new(&scene.key, &plain).sign();
    let refused = scene.send(&format!("DPoP {plain}"), &[&proof]).await.unwrap_err();
    assert_eq!(said(&refused), (Some("invalid_token"), Some("unbound_token")));
    assert_eq!(refused.challenge.unwrap().used, Scheme::Dpop);
    assert!(scene.send(&format!("Bearer {plain}"), &[]).await.is_ok());
}

#[tokio::test]
async fn p32_s08_token_cache_does_not_skip_the_proof() {
    let scene = Scene::new().await;
    assert!(scene.call(&scene.proof().sign()).await.is_ok());
    assert_eq!(scene.process.authn.cached_tokens(), 1);
    let dpop = format!("DPoP {}", scene.token);
    assert!(scene.send(&dpop, &[]).await.is_err());
    assert!(scene.send(&format!("Bearer {}", scene.token), &[]).await.is_err());
    let thief = SigningKey::es256("thief");
    assert!(scene.call(&ProofBuilder::new(&thief, &scene.token).sign()).await.is_err());
    assert!(scene.call(&scene.proof().sign()).await.is_ok());
    assert_eq!(scene.issuer.fetches(), 1);
}

#[tokio::test]
async fn p32_s08_cnf_that_says_more_than_is_known_refuses_the_token() {
    let scene = Scene::new().await;
    for cnf in [
        json!({"jkt": thumbprint(&scene.key), "osc": "x"}),
        json!({"jwk": super::public(&scene.key)}),
        json!({"kid": "a"}),
        json!({}),
    ] {
        let token = scene.issuer.token().claim("cnf", cnf.clone()).sign();
        let proof = ProofBuilder::new(&scene.key, &token).sign();
        for (scheme, proofs) in [("DPoP", &[&*proof][..]), ("Bearer", &[])] {
            let refused = scene.send(&format!("{scheme} {token}"), proofs).await.unwrap_err();
            assert_eq!(refused.reason, Some("bound_token"), "{cnf}");
        }
    }
}

#[tokio::test]
async fn p32_nonce_is_given_out_and_asked_for_where_it_is_required() {
    let scene = Scene::with_proof(nonces()).await;
    let refused = scene.call(&scene.proof().sign()).await.unwrap_err();
    assert_eq!(refused.code, Code::ProofNonce);
    assert_eq!(said(&refused), (Some("use_dpop_nonce"), Some("proof_nonce")));
    let nonce = refused.challenge.unwrap().nonce.unwrap();
    let with = |nonce: &str| scene.proof().claim("nonce", nonce).sign();
    assert!(scene.call(&with(&nonce)).await.is_ok());
    for other in [json!(""), json!("guess"), json!(7), json!([&*nonce]), Value::Null] {
        let proof = scene.proof().claim("nonce", other.clone()).sign();
        assert_eq!(scene.call(&proof).await.unwrap_err().code, Code::ProofNonce, "{other}");
    }
    let fresh = |iat: u64| scene.proof().claim("nonce", &*nonce).claim("iat", iat).sign();
    scene.process.advance(DPOP_NONCE_S);
    assert!(scene.call(&fresh(NOW + DPOP_NONCE_S)).await.is_ok(), "of the window before");
    scene.process.advance(DPOP_NONCE_S);
    let refused = scene.call(&fresh(NOW + 2 * DPOP_NONCE_S)).await.unwrap_err();
    assert_eq!(refused.code, Code::ProofNonce, "a proof that was made in advance");
    assert_ne!(refused.challenge.unwrap().nonce.unwrap(), nonce);
    // A nonce where none is asked for does no harm.
    let off = Scene::new().await;
    assert!(off.call(&off.proof().claim("nonce", "x").sign()).await.is_ok());
    let none = off.send(&format!("DPoP {}", off.token), &[]).await.unwrap_err();
    assert_eq!(none.challenge.unwrap().nonce, None);
}

#[tokio::test]
async fn p32_stolen_proof_without_the_right_nonce_is_not_even_remembered() {
    let scene = Scene::with_proof(nonces()).await;
    let refused = scene.call(&scene.proof().claim("jti", "one").sign()).await.unwrap_err();
    let nonce = refused.challenge.unwrap().nonce.unwrap();
    let again = scene.proof().claim("jti", "one").claim("nonce", &*nonce).sign();
    assert!(scene.call(&again).await.is_ok());
}

fn required(required: RequiredProof) -> Proof {
    Proof { required, certificates: true, dpop: Dpop::default() }
}

#[tokio::test]
async fn p32_route_that_demands_dpop_refuses_every_other_token() {
    let scene = Scene::with_proof(required(RequiredProof::Dpop)).await;
    assert!(scene.call(&scene.proof().sign()).await.is_ok());
    for cnf in [None, Some(json!({"x5t#S256": b64([1; 32])}))] {
        let token = match cnf {
            None => scene.issuer.token(),
            Some(cnf) => scene.issuer.token().claim("cnf", cnf),
        };
        let refused = scene.send(&format!("Bearer {}", token.sign()), &[]).await.unwrap_err();
        assert_eq!(said(&refused), (Some("invalid_token"), Some("unbound_token")));
        assert!(matches!(refused.challenge.unwrap().schemes, Schemes::Dpop(_)));
    }
    let any = Scene::with_proof(required(RequiredProof::Any)).await;
    assert!(any.call(&any.proof().sign()).await.is_ok());
    let plain = format!("Bearer {}", any.issuer.token().sign());
    assert_eq!(any.send(&plain, &[]).await.unwrap_err().reason, Some("unbound_token"));
}

#[tokio::test]
async fn p32_metadata_and_challenge_say_what_the_route_takes() {
    let scene = Scene::new().await;
    let of = |proof: Proof| {
        let mut server = server(AUDIENCE, tokens([trust(&scene.issuer)]));
        server.proof = proof;
        let document = metadata::document(&server).unwrap();
        let document: Value = serde_json::from_slice(&document).unwrap();
        let algorithms = document["dpop_signing_alg_values_supported"][0].clone();
        let dpop_only = document["dpop_bound_access_tokens_required"].clone();
        let certificate = document["tls_client_certificate_bound_access_tokens"].clone();
        (algorithms, dpop_only, certificate, metadata::schemes(&server))
    };
    let algs = || "ES256 ES384 EdDSA PS256 RS256".into();
    let (none, yes, es256) = (Value::Null, json!(true), json!("ES256"));
    for (proof, expected) in [
        (Proof::default(), (&es256, &none, &none, Schemes::Both(algs()))),
        (required(RequiredProof::None), (&es256, &none, &yes, Schemes::Both(algs()))),
        (required(RequiredProof::Any), (&es256, &none, &yes, Schemes::Both(algs()))),
        (required(RequiredProof::Dpop), (&es256, &yes, &yes, Schemes::Dpop(algs()))),
        (required(RequiredProof::Certificate), (&none, &none, &yes, Schemes::Bearer)),
    ] {
        let (a, b, c, d) = of(proof.clone());
        assert_eq!((&a, &b, &c, d), expected, "{proof:?}");
    }
}

#[tokio::test]
async fn p32_keys_proven_for_the_gateway_s_own_request_are_those_and_no_others() {
    let scene = Scene::new().await;
    let headers = headers(&format!("DPoP {}", scene.token), &[]);
    let caller = scene.call(&scene.proof().sign()).await.unwrap();
    let (method, path, certificate) = (&Method::GET, "/mcp", None);
    let head = |proven| RequestHead {
        method,
        path,
        headers: &headers,
        client: CLIENT,
        certificate,
        proven,
    };
    assert!(scene.route.identify(&head(caller.confirmation)).await.is_ok());
    assert!(scene.route.identify(&head(None)).await.is_err());
    let other = Confirmation { dpop_key: Some([9; 32]), certificate: None };
    assert!(scene.route.identify(&head(Some(other))).await.is_err());
    let bearer = super::headers(&format!("Bearer {}", scene.token), &[]);
    let downgraded = RequestHead { headers: &bearer, ..head(caller.confirmation) };
    assert!(scene.route.identify(&downgraded).await.is_err());
}

#[tokio::test]
async fn p32_algorithms_that_are_none_are_refused_at_set_up() {
    let scene = Scene::new().await;
    for name in ["none", "HS256", "es256", ""] {
        let mut server = server(AUDIENCE, tokens([trust(&scene.issuer)]));
        server.proof.dpop.algorithms.push(name.to_owned());
        assert!(Authenticator::new(&scene.process.authn, &server).is_err(), "{name}");
    }
    assert_eq!(proven(&scene.call(&scene.proof().sign()).await.unwrap()), Some("dpop"));
    assert!(scene.route.call_with(&HeaderMap::new()).await.is_err());
}
