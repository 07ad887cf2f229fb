//! Bound tokens through the front door: real TLS, real sockets, a whole gateway.

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use sallyport::limits::DPOP_NONCE_S;
use serde_json::json;
use std::time::Duration;

use super::door::{Door, HOST, RESOURCE};
use super::{ProofBuilder, bound, sha256};
use crate::issuer::{NOW, SigningKey, b64};
use crate::pki::Use;

#[tokio::test]
async fn p32_s08_bound_token_reaches_the_server_with_its_proof_and_the_proof_stays_here() {
    let door = Door::open("", "").await;
    let token = door.token();
    let dpop = format!("DPoP {token}");
    let proof = door.proof(&token).sign();
    let reply = door.call(&dpop, &[&proof]).await;
    assert_eq!(reply.status, 200, "{:?}", reply.body);
    assert!(reply.headers.get("dpop-nonce").is_none());
    let seen = door.upstream.calls("tools/call");
    assert_eq!(seen.len(), 1);
    for name in ["dpop", "authorization"] {
        assert!(seen[0].headers.get(name).is_none(), "{name}");
    }

    let replayed = door.call(&dpop, &[&proof]).await;
    assert_eq!((replayed.status.as_u16(), replayed.code().as_str()), (401, "proof_invalid"));
    let challenge = replayed.all("www-authenticate");
    assert!(challenge.starts_with("Bearer resource_metadata="), "{challenge}");
    assert!(challenge.contains("DPoP algs=\"ES256 "), "{challenge}");
    assert!(challenge.contains("error=\"invalid_dpop_proof\""), "{challenge}");
    assert_eq!(challenge.matches("error=").count(), 1, "{challenge}");
    assert!(!String::from_utf8_lossy(&replayed.body).contains("before"), "no reason for the thief");

    assert_eq!(door.upstream.calls("tools/call").len(), 1);
    let records = door.records().await;
    assert_eq!(records[0]["auth_method"], "bearer");
    assert_eq!(records[0]["proof"], "dpop");
    assert_eq!(records[1]["code"], "proof_invalid");
    assert_eq!(records[1]["reason"], "the proof was used before");
    let text = json!(records).to_string();
    assert!(!text.contains(&token) && !text.contains(&proof));
}

#[tokio::test]
async fn p32_s08_stolen_tokens_and_proofs_do_not_pass_the_front_door() {
    let door = Door::open("", "").await;
    let token = door.token();
    let dpop = format!("DPoP {token}");
    assert_eq!(door.call(&dpop, &[&door.proof(&token).sign()]).await.status, 200);
    let good = || door.proof(&token);
    let thief = SigningKey::es256("thief");
    let other = bound(door.issuer.token().audience(RESOURCE), &door.key).subject("bob").sign();
    let (one, two) = (good().sign(), good().sign());
    for (name, authorization, proofs, status, code) in [
        ("no proof", dpop.clone(), vec![], 401, "proof_invalid"),
        ("bearer downgrade", format!("Bearer {token}"), vec![good().sign()], 401, "token_invalid"),
        (
            "another method",
            dpop.clone(),
            vec![good().claim("htm", "GET").sign()],
            401,
            "proof_invalid",
        ),
        (
            "another address",
            dpop.clone(),
            vec![good().claim("htu", "https://gateway.test/x").sign()],
            401,
            "proof_invalid",
        ),
        (
            "another host",
            dpop.clone(),
            vec![good().claim("htu", "https://other.test/mcp").sign()],
            401,
            "proof_invalid",
        ),
        ("another token", dpop.clone(), vec![door.proof(&other).sign()], 401, "proof_invalid"),
        (
            "a thief's key",
            dpop.clone(),
            vec![ProofBuilder::new(&thief, &token).claim("htu", RESOURCE).sign()],
            401,
            "token_invalid",
        ),
        (
            "a thief's signature",
            dpop.clone(),
            vec![good().signed_by(&thief).sign()],
            401,
            "proof_invalid",
        ),
        ("old", dpop.clone(), vec![good().claim("iat", NOW - 61).sign()], 401, "proof_invalid"),
        ("two proofs", dpop.clone(), vec![one, two], 400, "header_invalid"),
    ] {
        let proofs: Vec<&str> = proofs.iter().map(String::as_str).collect();
        let reply = door.call(&authorization, &proofs).await;
        assert_eq!((reply.status.as_u16(), reply.code().as_str()), (status, code), "{name}");
    }
    assert_eq!(door.upstream.calls("tools/call").len(), 1);
    assert_eq!(door.call(&dpop, &[&good().sign()]).await.status, 200);
}

#[tokio::test]
async fn p32_nonce_is_learnt_from_the_refusal_and_renewed_in_answers() {
    let door = Door::open("", "    dpop: { nonce: required }\n").await;
    let token = door.token();
    let dpop = format!("DPoP {token}");
    let first = door.call(&dpop, &[&door.proof(&token).sign()]).await;
    assert_eq!((first.status.as_u16(), first.code().as_str()), (401, "proof_nonce"));
    assert!(first.all("www-authenticate").contains("error=\"use_dpop_nonce\""));
    let nonce = first.all("dpop-nonce");
    let proof =
        |nonce: &str, now: u64| door.proof(&token).claim("nonce", nonce).claim("iat", now).sign();
    let second = door.call(&dpop, &[&proof(&nonce, NOW)]).await;
    assert_eq!(second.status, 200);
    assert_eq!(second.all("dpop-nonce"), nonce);
    door.clock.advance(Duration::from_secs(DPOP_NONCE_S));
    let third = door.call(&dpop, &[&proof(&nonce, NOW + DPOP_NONCE_S)]).await;
    assert_eq!(third.status, 200, "the window before");
    let next = third.all("dpop-nonce");
    assert_ne!(next, nonce);
    door.clock.advance(Duration::from_secs(DPOP_NONCE_S));
    let now = NOW + 2 * DPOP_NONCE_S;
    assert_eq!(door.call(&dpop, &[&proof(&nonce, now)]).await.code(), "proof_nonce");
    assert_eq!(door.call(&dpop, &[&proof(&next, now)]).await.status, 200);
}

#[tokio::test]
async fn p32_replicas_that_share_the_key_of_sessions_share_nonces() {
    let shared = std::env::temp_dir().join(format!("sallyport-nonce-{}.key", std::process::id()));
    std::fs::write(&shared, "ab".repeat(32)).unwrap();
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(&shared, std::fs::Permissions::from_mode(0o600)).unwrap();
    let key = format!("sessions: {{ key: {{ file: {} }} }}\n", shared.display());
    let lines = "    dpop: { nonce: required }\n";
    let (one, two) = (Door::open(&key, lines).await, Door::open(&key, lines).await);
    let alone = Door::open("", lines).await;
    std::fs::remove_file(&shared).unwrap();
    let token = one.token();
    let nonce = one.call(&format!("DPoP {token}"), &[&one.proof(&token).sign()]).await;
    let nonce = nonce.all("dpop-nonce");
    for (door, status) in [(&one, 200), (&two, 200), (&alone, 401)] {
        let token = door.token();
        let proof = door.proof(&token).claim("nonce", &*nonce).sign();
        assert_eq!(door.call(&format!("DPoP {token}"), &[&proof]).await.status, status);
    }
}

#[tokio::test]
async fn p32_s08_certificate_bound_token_passes_over_its_own_certificate_alone() {
    let door = Door::open("", "    proof: any\n").await;
    let mine = door.pki.issue(&["agent.test"], Use::Client);
    let thief = door.pki.issue(&["agent.test"], Use::Client);
    let hash = b64(sha256(&mine.chain[0]));
    let claims = door.issuer.token().audience(RESOURCE).scope("mcp.tools.invoke");
    let token = claims.clone().claim("cnf", json!({"x5t#S256": hash})).sign();
    let bearer = format!("Bearer {token}");
    assert_eq!(door.call_as(Some(&mine), &bearer, &[]).await.status, 200);
    for (name, identity) in [("over another certificate", Some(&thief)), ("without one", None)] {
        let reply = door.call_as(identity, &bearer, &[]).await;
        assert_eq!(
            (reply.status.as_u16(), reply.code().as_str()),
            (401, "token_invalid"),
            "{name}"
        );
        assert!(reply.all("www-authenticate").contains("error=\"invalid_token\""), "{name}");
    }
    assert_eq!(door.call_as(Some(&mine), &bearer, &[]).await.status, 200);
    let plain = format!("Bearer {}", claims.sign());
    assert_eq!(door.call_as(Some(&mine), &plain, &[]).await.status, 401, "bound to nothing");
    let records = door.records().await;
    assert_eq!(records[0]["proof"], "certificate");
    assert_eq!(
        records[1]["reason"],
        "the token is bound to another client certificate: this connection has one"
    );
    assert_eq!(
        records[2]["reason"],
        "the token is bound to another client certificate: this connection has none"
    );
}

#[tokio::test]
async fn p32_metadata_names_what_is_required_and_pages_may_send_proofs() {
    let lines =
        "    proof: dpop\n    dpop: { algorithms: [ES256] }\n    origins: ['https://app.test']\n";
    let door = Door::open("", lines).await;
    let get = Request::get("/.well-known/oauth-protected-resource/mcp").header("host", HOST);
    let document = door.send(None, get.body(Full::default()).unwrap()).await.json();
    assert_eq!(document["dpop_signing_alg_values_supported"], json!(["ES256"]));
    assert_eq!(document["dpop_bound_access_tokens_required"], true);
    assert_eq!(document["tls_client_certificate_bound_access_tokens"], true);
    let preflight = Request::options("/mcp")
        .header("host", HOST)
        .header("origin", "https://app.test")
        .header("access-control-request-method", "POST")
        .body(Full::<Bytes>::default())
        .unwrap();
    let preflight = door.send(None, preflight).await;
    let allowed = preflight.all("access-control-allow-headers");
    assert!(allowed.split(", ").any(|name| name == "dpop"), "{allowed}");
    let exposed = preflight.all("access-control-expose-headers");
    for name in ["dpop-nonce", "www-authenticate"] {
        assert!(exposed.split(", ").any(|field| field == name), "{exposed}");
    }
    let plain = door.issuer.token().audience(RESOURCE).scope("mcp.tools.invoke").sign();
    let refused = door.call(&format!("Bearer {plain}"), &[]).await;
    let challenge = refused.all("www-authenticate");
    assert!(challenge.starts_with("DPoP algs=\"ES256\", resource_metadata="), "{challenge}");
    assert!(challenge.contains("error=\"invalid_token\"") && !challenge.contains("Bearer"));
    // A shortfall of scopes is told in the scheme that was used.
    let poor = bound(door.issuer.token().audience(RESOURCE), &door.key).sign();
    let refused = door.call(&format!("DPoP {poor}"), &[&door.proof(&poor).sign()]).await;
    assert_eq!(refused.status, 403);
    let challenge = refused.all("www-authenticate");
    assert!(challenge.starts_with("DPoP ") && challenge.contains("insufficient_scope"));
}

/// The next event of a stream that is no comment.
async fn event(body: &mut hyper::body::Incoming, text: &mut String) -> String {
    loop {
        if let Some((event, rest)) = text.clone().split_once("\n\n") {
            *text = rest.to_owned();
            if !event.starts_with(':') {
                return event.to_owned();
            }
            continue;
        }
        let frame = tokio::time::timeout(Duration::from_secs(20), body.frame()).await;
        let frame = frame.expect("nothing came").unwrap().unwrap();
        text.push_str(std::str::from_utf8(frame.data_ref().unwrap()).unwrap());
    }
}

#[tokio::test]
async fn p32_old_client_proves_its_key_for_the_stream_and_for_each_message() {
    let lines =
        "    http_sse: { path: /sse }\n    scopes: { tools.invoke: [], session.open: [] }\n";
    let door = Door::open("", lines).await;
    let token = door.token();
    let proof = |method: &str| {
        let proof = door.proof(&token).claim("htm", method);
        proof.claim("htu", "https://gateway.test/sse").sign()
    };
    let request = |method: Method, address: &str, proof: &str| {
        Request::builder()
            .method(method)
            .uri(address)
            .header("host", HOST)
            .header("accept", "text/event-stream")
            .header("content-type", "application/json")
            .header("authorization", format!("DPoP {token}"))
            .header("dpop", proof)
    };
    let get = |proof: &str| {
        let request = request(Method::GET, "/sse", proof);
        request.body(Full::<Bytes>::default()).unwrap()
    };
    let refused = door.send(None, get(&door.proof(&token).claim("htm", "GET").sign())).await;
    assert_eq!(refused.code(), "proof_invalid", "a proof for the endpoint of others");
    let stream = door.open_with(None, get(&proof("GET"))).await;
    assert_eq!(stream.status(), 200);
    let (mut body, mut text) = (stream.into_body(), String::new());
    let first = event(&mut body, &mut text).await;
    let address = first.strip_prefix("event: endpoint\ndata: ").unwrap().trim().to_owned();
    let post = |message: serde_json::Value, proof: &str| {
        let request = request(Method::POST, &address, proof);
        request.body(Full::from(message.to_string())).unwrap()
    };
    let hello = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
        "protocolVersion": "2024-11-05", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}});
    let used = proof("POST");
    assert_eq!(door.send(None, post(hello.clone(), &used)).await.status, 202);
    assert!(event(&mut body, &mut text).await.contains("serverInfo"));
    let again = door.send(None, post(hello, &used)).await;
    assert_eq!(again.status, 401, "the message of a thief who saw the proof");
    // Then the gateway asks the server for its own stream, in the caller's name. It cannot prove
    // the key; that the caller did is enough.
    let ready = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    assert_eq!(door.send(None, post(ready, &proof("POST"))).await.status, 202);
    for _ in 0..500 {
        let seen = door.upstream.seen();
        if let Some(listening) = seen.iter().find(|seen| seen.method == Method::GET) {
            assert!(listening.headers.get("dpop").is_none());
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the server's stream was not opened");
}
