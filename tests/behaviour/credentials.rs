//! How the gateway proves itself, and its callers, to the server behind.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::header::AUTHORIZATION;
use http_body_util::{BodyExt, Full};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{DecodingKey, Validation};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sallyport::clock::Clock;
use sallyport::limits::{CREDENTIAL_RETRY_MS, CREDENTIAL_S, CREDENTIAL_S_MAX, CREDENTIAL_SKEW_S};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::issuer::NOW;
use crate::pki::{Pki, Use};
use crate::support::{RESOURCE, Setup, World, call, plain, post, with_header};
use crate::upstream::{Seen, Upstream, json_answer, rpc, status};

const PATH: &str = "/.well-known/jwks/mcp";

fn credential(upstream: &Upstream, lines: &str) -> Setup {
    let way = format!(
        "    upstream:\n      url: {}\n      era: legacy\n      credential: {lines}\n",
        upstream.url()
    );
    Setup {
        server_replaces_upstream: Some(way),
        clock: Some(Clock::manual(NOW)),
        ..Setup::default()
    }
}

fn bearer(seen: &Seen) -> String {
    let value = seen.headers[AUTHORIZATION].to_str().unwrap();
    value.strip_prefix("Bearer ").unwrap().to_owned()
}

fn token_of(world: &World, subject: &str) -> String {
    world.issuer.token().audience(RESOURCE).subject(subject).scope("mcp.tools.invoke").sign()
}

async fn asserting(lines: &str) -> World {
    let upstream = Upstream::tool(plain()).await;
    let setup = credential(&upstream, &format!("{{ assertion: {{ key: seal.key{lines} }} }}"));
    let key = rcgen::KeyPair::generate().unwrap().serialize_pem();
    World::with_key(upstream, setup, &key).await
}

#[tokio::test]
async fn s12_server_learns_who_calls_from_an_assertion_that_its_key_set_proves() {
    let world = asserting("").await;
    let keys = world.send(get(PATH)).await;
    assert_eq!(keys.status, 200, "{}", keys.text());
    let keys: JwkSet = serde_json::from_slice(&keys.body).unwrap();
    assert!(!serde_json::to_string(&keys).unwrap().contains("\"d\""));
    let mut tokens = Vec::new();
    for subject in ["ada", "bob", "ada"] {
        let own = token_of(&world, subject);
        assert_eq!(world.post(&own, &call("echo")).await.status, 200);
        let sent = bearer(world.upstream.seen().last().unwrap());
        assert_ne!(sent, own);
        let header = jsonwebtoken::decode_header(&sent).unwrap();
        let jwk = keys.find(header.kid.as_deref().unwrap()).unwrap();
        let mut rules = Validation::new(header.alg);
        rules.set_audience(&[world.upstream.url().trim_end_matches('/')]);
        rules.set_issuer(&[RESOURCE]);
        rules.validate_exp = false;
        let key = DecodingKey::from_jwk(jwk).unwrap();
        let claims = jsonwebtoken::decode::<Value>(&sent, &key, &rules).unwrap().claims;
        assert_eq!(
            (&claims["sub"], &claims["sub_iss"]),
            (&json!(subject), &json!(world.issuer.url()))
        );
        assert_eq!(claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(), 60);
        assert_eq!(claims["auth_method"], "bearer");
        tokens.push(sent);
    }
    assert_eq!(tokens[0], tokens[2], "kept while it is good");
    assert_ne!(tokens[0], tokens[1]);
}

#[tokio::test]
async fn assertion_is_replaced_before_it_ends() {
    let world = asserting(", lifetime: 100s").await;
    let clock = world_clock(&world);
    let own = token_of(&world, "ada");
    let mut sent = Vec::new();
    for _ in 0..3 {
        assert_eq!(world.post(&own, &call("echo")).await.status, 200);
        sent.push(bearer(world.upstream.seen().last().unwrap()));
        clock.advance(Duration::from_secs(45));
    }
    assert_eq!(sent[0], sent[1]);
    assert_ne!(sent[1], sent[2], "a fifth of its life is left for getting the next one");
}

#[tokio::test]
async fn s12_assertion_stands_for_its_caller_on_a_bridge_too() {
    let upstream = keeper().await;
    let setup = credential(&upstream, "{ assertion: { key: seal.key } }");
    let key = rcgen::KeyPair::generate().unwrap().serialize_pem();
    let world = World::with_key(upstream, setup, &key).await;
    for subject in ["ada", "bob"] {
        let before = world.upstream.seen().len();
        let request = crate::straight::invoke(&token_of(&world, subject), "echo", json!({}));
        assert_eq!(world.send(request).await.status, 200);
        let seen = world.upstream.seen();
        assert!(seen.len() > before + 1, "a handshake came first");
        for seen in &seen[before..] {
            assert_eq!(claims(&bearer(seen))["sub"], subject);
        }
    }
}

/// A server that keeps sessions, of the legacy era.
async fn keeper() -> Upstream {
    Upstream::answering(|seen| {
        let message = seen.json();
        match message["method"].as_str() {
            Some("initialize") => {
                let hello = json!({"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": {"name": "s", "version": "1"}});
                let mut answer = rpc(&message["id"], &hello);
                answer.headers_mut().insert("mcp-session-id", "s-1".parse().unwrap());
                answer
            }
            Some("tools/call") => rpc(&message["id"], &plain()),
            Some(_) => status(202),
            None => status(405),
        }
    })
    .await
}

/// An authorization server that numbers its tokens.
async fn authority(answer: impl Fn(&str, usize) -> Value + Send + Sync + 'static) -> Upstream {
    let count = AtomicUsize::new(0);
    Upstream::answering(move |seen| {
        let form = String::from_utf8(seen.body.to_vec()).unwrap();
        match answer(&form, count.fetch_add(1, Ordering::SeqCst)) {
            Value::Null => status(503),
            answer => json_answer(&answer),
        }
    })
    .await
}

fn grant(token: &str, lifetime_s: u64) -> Value {
    json!({"access_token": token, "token_type": "Bearer", "expires_in": lifetime_s,
           "issued_token_type": "urn:ietf:params:oauth:token-type:access_token"})
}

async fn own_token(authority: &Upstream) -> World {
    let upstream = Upstream::tool(plain()).await;
    let lines = format!(
        "{{ client_credentials: {{ token_endpoint: '{}', client_id: 'gate:way', client: \
         {{ client_secret_basic: {{ file: seal.key }} }}, scopes: [a, b], resource: https://crm.internal/ }} }}",
        authority.url()
    );
    let setup = credential(&upstream, &lines);
    World::with_key(upstream, setup, "s3cret/+").await
}

#[tokio::test]
async fn gateways_own_token_is_asked_for_once_and_again_before_it_ends() {
    let authority = authority(|_, n| grant(&format!("own-{n}"), 300)).await;
    let world = own_token(&authority).await;
    let clock = world_clock(&world);
    let own = token_of(&world, "ada");
    let call = call("echo");
    let calls = (0..10).map(|_| world.post(&own, &call));
    for reply in futures_util::future::join_all(calls).await {
        assert_eq!(reply.status, 200);
    }
    assert_eq!(authority.seen().len(), 1, "one question for all who wait");
    let asked = &authority.seen()[0];
    let form = String::from_utf8(asked.body.to_vec()).unwrap();
    assert_eq!(
        form,
        "grant_type=client_credentials&scope=a+b&resource=https%3A%2F%2Fcrm.internal%2F"
    );
    assert_eq!(asked.headers[AUTHORIZATION], "Basic Z2F0ZSUzQXdheTpzM2NyZXQlMkYlMkI=");
    assert!(world.upstream.seen().iter().all(|seen| bearer(seen) == "own-0"));
    clock.advance(Duration::from_secs(300 - CREDENTIAL_SKEW_S + 1));
    assert_eq!(world.post(&own, &call).await.status, 200);
    assert_eq!(bearer(world.upstream.seen().last().unwrap()), "own-1");
}

#[tokio::test]
async fn without_a_credential_nothing_is_forwarded_and_the_refusal_says_no_secret() {
    let authority = authority(|_, n| match n {
        0 => Value::Null,
        1 => json!({"access_token": "x", "token_type": "DPoP"}),
        2 => json!({"access_token": "", "token_type": "Bearer"}),
        3 => json!({"access_token": "a\nb", "token_type": "Bearer"}),
        4 => json!({"access_token": "x", "token_type": "Bearer", "expires_in": "300"}),
        5 => json!({"access_token": "x", "token_type": "Bearer", "expires_in": 0}),
        n => grant(&format!("own-{n}"), 300),
    })
    .await;
    let world = own_token(&authority).await;
    let clock = world_clock(&world);
    let own = token_of(&world, "ada");
    for n in 0..6 {
        let reply = world.post(&own, &call("echo")).await;
        assert_eq!(
            (reply.status.as_u16(), reply.code().as_str()),
            (503, "credential_unavailable"),
            "{n}"
        );
        assert!(!reply.text().contains("s3cret"));
        let reply = world.post(&own, &call("echo")).await;
        assert_eq!(reply.status, 503, "not asked again at once");
        assert_eq!(authority.seen().len(), n + 1);
        clock.advance(Duration::from_millis(CREDENTIAL_RETRY_MS));
    }
    assert!(world.upstream.seen().is_empty());
    assert_eq!(world.post(&own, &call("echo")).await.status, 200);
    assert_eq!(bearer(&world.upstream.seen()[0]), "own-6");
}

#[tokio::test]
async fn token_that_the_server_refuses_is_replaced() {
    let authority = authority(|_, n| grant(&format!("own-{n}"), 3_600)).await;
    let upstream = Upstream::answering(|seen| {
        let message = seen.json();
        match seen.headers[AUTHORIZATION].to_str() {
            Ok("Bearer own-0") => status(401),
            _ => rpc(&message["id"], &plain()),
        }
    })
    .await;
    let lines = format!(
        "{{ client_credentials: {{ token_endpoint: '{}', client_id: g, client: {{ client_secret_post: {{ file: seal.key }} }} }} }}",
        authority.url()
    );
    let setup = credential(&upstream, &lines);
    let world = World::with_key(upstream, setup, "secret").await;
    let own = token_of(&world, "ada");
    let refused = world.post(&own, &call("echo")).await;
    assert_eq!(refused.status, 502, "the server's own challenge is not relayed");
    assert!(refused.headers.get("www-authenticate").is_none());
    assert_eq!(world.post(&own, &call("echo")).await.status, 200);
    assert_eq!(authority.seen().len(), 2);
}

#[tokio::test]
async fn lifetime_of_a_token_is_bounded_and_assumed_where_nobody_says() {
    let authority = authority(|_, n| match n {
        0 => json!({"access_token": "own-0", "token_type": "bearer"}),
        n => grant(&format!("own-{n}"), 1_000_000),
    })
    .await;
    let world = own_token(&authority).await;
    let clock = world_clock(&world);
    for (after_s, token) in [(0, "own-0"), (CREDENTIAL_S, "own-1"), (CREDENTIAL_S_MAX, "own-2")] {
        clock.advance(Duration::from_secs(after_s));
        let own = token_of_at(&world, clock.unix_s());
        assert_eq!(world.post(&own, &call("echo")).await.status, 200);
        assert_eq!(bearer(world.upstream.seen().last().unwrap()), token);
    }
}

async fn exchanging(authority: &Upstream) -> World {
    let upstream = Upstream::tool(plain()).await;
    let lines = format!(
        "{{ token_exchange: {{ token_endpoint: '{}', client_id: g, client: {{ client_secret_post: {{ file: seal.key }} }}, audience: crm }} }}",
        authority.url()
    );
    let setup = credential(&upstream, &lines);
    World::with_key(upstream, setup, "secret").await
}

/// Gives a token that names the subject of the token that came.
fn exchange(form: &str, n: usize) -> Value {
    let field = |name: &str| {
        url::form_urlencoded::parse(form.as_bytes())
            .find(|(key, _)| key == name)
            .unwrap()
            .1
            .into_owned()
    };
    assert_eq!(field("grant_type"), "urn:ietf:params:oauth:grant-type:token-exchange");
    assert_eq!(field("subject_token_type"), "urn:ietf:params:oauth:token-type:access_token");
    assert_eq!(field("audience"), "crm");
    let subject = claims(&field("subject_token"))["sub"].as_str().unwrap().to_owned();
    grant(&format!("{subject}-{n}"), 300)
}

#[tokio::test]
async fn s12_exchanged_token_carries_its_own_user_and_never_another() {
    let authority = authority(exchange).await;
    let world = exchanging(&authority).await;
    let (ada, bob) = (token_of(&world, "ada"), token_of(&world, "bob"));
    for (own, expected) in [(&ada, "ada-0"), (&bob, "bob-1"), (&ada, "ada-0")] {
        assert_eq!(world.post(own, &call("echo")).await.status, 200);
        assert_eq!(bearer(world.upstream.seen().last().unwrap()), expected);
    }
    let tokens: Vec<String> = (0..8).map(|n| token_of(&world, &format!("user{n}"))).collect();
    let call = call("echo");
    let calls = tokens.iter().flat_map(|own| (0..5).map(|_| world.post(own, &call)));
    for reply in futures_util::future::join_all(calls).await {
        assert_eq!(reply.status, 200);
    }
    for seen in &world.upstream.seen()[3..] {
        assert!(bearer(seen).starts_with("user"), "{}", bearer(seen));
    }
    assert_eq!(authority.seen().len(), 10);
}

#[tokio::test]
async fn s12_exchanged_token_ends_with_the_token_that_it_was_got_for() {
    let authority = authority(exchange).await;
    let world = exchanging(&authority).await;
    let clock = world_clock(&world);
    let short = world.issuer.token().audience(RESOURCE).subject("ada").expires_in(100);
    let short = short.scope("mcp.tools.invoke").sign();
    assert_eq!(world.post(&short, &call("echo")).await.status, 200);
    clock.advance(Duration::from_secs(101));
    // A fresh token of the same caller is exchanged anew.
    let fresh = token_of_at(&world, clock.unix_s());
    assert_eq!(world.post(&fresh, &call("echo")).await.status, 200);
    assert_eq!(bearer(world.upstream.seen().last().unwrap()), "ada-1");
}

#[tokio::test]
async fn s12_headers_of_a_caller_never_take_the_credentials_place() {
    let authority = authority(exchange).await;
    let world = exchanging(&authority).await;
    let own = token_of(&world, "ada");
    let request = post(Some(&own), call("echo").to_string());
    let request = with_header(request, "x-upstream-authorization", "Bearer evil");
    let request = with_header(request, "x-api-key", "evil");
    assert_eq!(world.send(request).await.status, 200);
    let seen = world.upstream.seen();
    assert_eq!(bearer(&seen[0]), "ada-0");
    assert!(!format!("{:?}", seen[0].headers).contains("evil"));
}

#[tokio::test]
async fn s12_question_of_the_gateway_about_tools_stands_for_the_caller_too() {
    let authority = authority(exchange).await;
    let upstream = Upstream::answering(|seen| {
        let message = seen.json();
        match message["method"].as_str() {
            Some("tools/list") => {
                let tool = json!({"name": "echo", "inputSchema": {"type": "object"}});
                rpc(&message["id"], &json!({"tools": [tool]}))
            }
            _ => rpc(&message["id"], &plain()),
        }
    })
    .await;
    let lines = format!(
        "{{ token_exchange: {{ token_endpoint: '{}', client_id: g, client: {{ client_secret_post: {{ file: seal.key }} }}, audience: crm }} }}",
        authority.url()
    );
    let mut setup = credential(&upstream, &lines);
    setup.server = "    tool_pins: { file: pins.json, new: allow }\n".to_owned();
    let files = [("seal.key", "secret"), ("pins.json", "{\"version\":1,\"tools\":[]}")];
    let world = World::with_files(upstream, setup, &files).await;
    assert_eq!(world.post(&token_of(&world, "ada"), &call("echo")).await.status, 200);
    let seen = world.upstream.seen();
    assert_eq!(seen.len(), 2, "a list, then the call");
    assert!(seen.iter().all(|seen| bearer(seen) == "ada-0"));
}

/// An https server that lets in only clients of its authority; it answers with the number of
/// certificates that it saw.
async fn mutual(pki: &Pki) -> (u16, Arc<AtomicUsize>) {
    let server = pki.server(&["localhost"]);
    let chain: Vec<_> =
        CertificateDer::pem_file_iter(server.cert).unwrap().map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_file(server.key).unwrap();
    let mut roots = rustls::RootCertStore::empty();
    for ca in CertificateDer::pem_file_iter(pki.ca_file()).unwrap() {
        roots.add(ca.unwrap()).unwrap();
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = rustls::server::WebPkiClientVerifier::builder_with_provider(
        Arc::new(roots),
        Arc::clone(&provider),
    );
    let tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(chain, key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(tls));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let served = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&served);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, count) = (acceptor.clone(), Arc::clone(&count));
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else { return };
                let service = service_fn(move |request: http::Request<hyper::body::Incoming>| {
                    count.fetch_add(1, Ordering::SeqCst);
                    async move {
                        let body = request.into_body().collect().await.unwrap().to_bytes();
                        let message: Value = serde_json::from_slice(&body).unwrap();
                        let answer =
                            json!({"jsonrpc": "2.0", "id": message["id"], "result": plain()});
                        let body = Full::<bytes::Bytes>::from(answer.to_string());
                        let response =
                            http::Response::builder().header("content-type", "application/json");
                        Ok::<_, std::convert::Infallible>(response.body(body).unwrap())
                    }
                });
                let _ = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    });
    (port, served)
}

#[tokio::test]
async fn server_that_asks_for_a_certificate_gets_the_gateways() {
    let pki = Pki::new();
    let (port, served) = mutual(&pki).await;
    let own = pki.issue(&["gateway.internal"], Use::Client);
    let own = pki.write("own", &own);
    let ca = pki.ca_file();
    for (lines, expected) in [
        (
            format!(
                "      client_certificate: {{ cert: '{}', key: '{}' }}\n",
                own.cert.display(),
                own.key.display()
            ),
            200,
        ),
        (String::new(), 502),
    ] {
        let way = format!(
            "    upstream:\n      url: https://localhost:{port}/mcp\n      era: legacy\n      ca: '{}'\n{lines}",
            ca.display()
        );
        let setup = Setup { server_replaces_upstream: Some(way), ..Setup::default() };
        let world = World::with(Upstream::dead().await, setup).await;
        let token = token_of(&world, "ada");
        assert_eq!(world.post(&token, &call("echo")).await.status, expected);
    }
    assert_eq!(served.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn key_set_is_served_only_where_assertions_are_made() {
    let world = World::new(Upstream::tool(plain()).await).await;
    assert_eq!(world.send(get(PATH)).await.status, 404);
}

fn get(path: &str) -> http::Request<Full<bytes::Bytes>> {
    let request = http::Request::get(path).header("host", crate::support::HOST);
    request.body(Full::default()).unwrap()
}

fn claims(token: &str) -> Value {
    use base64::Engine as _;
    let part = token.split('.').nth(1).unwrap();
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(part).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

fn world_clock(world: &World) -> Clock {
    world.clock()
}

/// A token of Ada's that is good at this time.
fn token_of_at(world: &World, now_s: u64) -> String {
    let later = i64::try_from(now_s - NOW).unwrap() + 300;
    let token = world.issuer.token().audience(RESOURCE).subject("ada").expires_in(later);
    token.scope("mcp.tools.invoke").sign()
}
