//! Tokens that are bound to a client certificate (RFC 8705 section 3), and to both.

use sallyport::config::{Proof, RequiredProof};
use sallyport::principal::{CertificateIdentity, CertificateSource, Names};
use sallyport::reject::{Code, Schemes};
use serde_json::json;
use std::sync::Arc;

use super::{ProofBuilder, Scene, proven, said, thumbprint};
use crate::issuer::b64;

/// The certificate whose hash consists of this byte.
fn with(byte: Option<u8>) -> Option<Arc<CertificateIdentity>> {
    byte.map(|byte| {
        let names = Names { dns: vec!["agent.example".to_owned()], ..Names::default() };
        let fingerprint = format!("{byte:02x}").repeat(32);
        Arc::new(CertificateIdentity::new(names, fingerprint, CertificateSource::Tls))
    })
}

fn hash(byte: u8) -> String {
    b64([byte; 32])
}

#[tokio::test]
async fn p32_s08_certificate_bound_token_counts_on_its_own_connection_only() {
    let scene = Scene::new().await;
    let token = scene.issuer.token().claim("cnf", json!({"x5t#S256": hash(0xAB)})).sign();
    let bearer = format!("Bearer {token}");
    let mine = scene.send_from(&bearer, &[], with(Some(0xAB)).as_ref()).await.unwrap();
    assert_eq!(proven(&mine), Some("certificate"));
    for (name, shown) in [
        ("stolen, over another certificate", with(Some(0xAC))),
        ("stolen, without a certificate", with(None)),
    ] {
        let refused = scene.send_from(&bearer, &[], shown.as_ref()).await.expect_err(name);
        assert_eq!(refused.code, Code::TokenInvalid, "{name}");
        assert_eq!(said(&refused), (Some("invalid_token"), Some("bound_token")), "{name}");
    }
    assert_eq!(scene.process.authn.cached_tokens(), 1, "remembered, and asked for all the same");
    assert!(scene.send_from(&bearer, &[], with(Some(0xAB)).as_ref()).await.is_ok());
    let dpop = scene.send_from(&format!("DPoP {token}"), &[], with(Some(0xAB)).as_ref()).await;
    assert_eq!(dpop.unwrap_err().reason, Some("unbound_token"));
}

#[tokio::test]
async fn p32_s08_certificate_claimed_in_a_header_proves_nothing() {
    let scene = Scene::new().await;
    let token = scene.issuer.token().claim("cnf", json!({"x5t#S256": hash(1)})).sign();
    let mut headers = super::headers(&format!("Bearer {token}"), &[]);
    for name in ["x-client-cert", "x-forwarded-client-cert", "client-cert", "x-ssl-client-sha256"] {
        headers.insert(name, "01".repeat(32).parse().unwrap());
    }
    assert!(scene.route.call_from(&headers, with(None).as_ref()).await.is_err());
    assert!(scene.route.call_from(&headers, with(Some(1)).as_ref()).await.is_ok());
}

#[tokio::test]
async fn p32_s08_token_bound_to_both_needs_both() {
    let scene = Scene::new().await;
    let cnf = json!({"x5t#S256": hash(1), "jkt": thumbprint(&scene.key)});
    let token = scene.issuer.token().claim("cnf", cnf).sign();
    let proof = || ProofBuilder::new(&scene.key, &token).sign();
    let dpop = format!("DPoP {token}");
    let caller = scene.send_from(&dpop, &[&proof()], with(Some(1)).as_ref()).await.unwrap();
    assert_eq!(proven(&caller), Some("dpop+certificate"));
    for (name, authorization, proofs, shown) in [
        ("without the proof", dpop.clone(), vec![], with(Some(1))),
        ("without the certificate", dpop.clone(), vec![proof()], with(None)),
        ("with another certificate", dpop.clone(), vec![proof()], with(Some(2))),
        ("as a bearer token", format!("Bearer {token}"), vec![proof()], with(Some(1))),
    ] {
        let proofs: Vec<&str> = proofs.iter().map(String::as_str).collect();
        let refused =
            scene.send_from(&authorization, &proofs, shown.as_ref()).await.expect_err(name);
        assert_eq!(refused.code.row().status, 401, "{name}");
    }
}

#[tokio::test]
async fn p32_route_that_demands_a_certificate_refuses_every_other_token() {
    let required = RequiredProof::Certificate;
    let proof = Proof { required, certificates: true, ..Proof::default() };
    let scene = Scene::with_proof(proof).await;
    let token = scene.issuer.token().claim("cnf", json!({"x5t#S256": hash(1)})).sign();
    assert!(scene.send_from(&format!("Bearer {token}"), &[], with(Some(1)).as_ref()).await.is_ok());
    // A certificate that the token does not name is not what is asked for.
    let plain = format!("Bearer {}", scene.issuer.token().sign());
    let refused = scene.send_from(&plain, &[], with(Some(1)).as_ref()).await.unwrap_err();
    assert_eq!(said(&refused), (Some("invalid_token"), Some("unbound_token")));
    assert_eq!(refused.challenge.unwrap().schemes, Schemes::Bearer);
    let dpop = format!("DPoP {}", scene.token);
    let refused = scene.send_from(&dpop, &[&scene.proof().sign()], with(Some(1)).as_ref()).await;
    assert_eq!(refused.unwrap_err().reason, Some("unbound_token"));
}
