//! Who may call with which certificate: lists of identities, revocation under open connections, and
//! proxies of a mesh that name the caller's certificate.

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::json;

use crate::pki::{Identity, Use};
use crate::streaming::fed;
use crate::support::{Reply, Setup, World, call, plain, post, with_header};
use crate::upstream::Upstream;

const AGENTS: &str = "    client_identities: [\"spiffe://corp.example/ns/agents/*\"]\n";
const ALONE: &str = "    auth: certificate\n    scopes: { tools.invoke: [] }\n";
const MESH: &str =
    "trusted_mesh: { networks: [127.0.0.1/32], identities: [\"spiffe://corp.example/ingress\"] }\n";
const XFCC: &str = "x-forwarded-client-cert";

/// A gateway that asks for client certificates.
async fn world(server: &str, top: &str) -> World {
    let upstream = Upstream::tool(plain()).await;
    let setup = Setup {
        server: server.to_owned(),
        top: top.to_owned(),
        tls: ", client_ca: ca.pem, crl: [clients.crl]".to_owned(),
        ..Setup::default()
    };
    World::with(upstream, setup).await
}

fn agent(world: &World) -> Identity {
    world.pki.issue(&["spiffe://corp.example/ns/agents/a1"], Use::Client)
}

fn ingress(world: &World) -> Identity {
    world.pki.issue(&["spiffe://corp.example/ingress"], Use::Client)
}

/// Opens a connection with a certificate, or without one.
async fn connection(world: &World, identity: Option<&Identity>) -> SendRequest<Full<Bytes>> {
    let io = TokioIo::new(world.connect_as(identity).await);
    let (sender, connection) = handshake(io).await.unwrap();
    tokio::spawn(connection);
    sender
}

async fn send(sender: &mut SendRequest<Full<Bytes>>, request: Request<Full<Bytes>>) -> Reply {
    sender.ready().await.unwrap();
    let (head, body) = sender.send_request(request).await.unwrap().into_parts();
    let body = body.collect().await.map(|b| b.to_bytes()).unwrap_or_default();
    Reply { status: head.status, headers: head.headers, body }
}

async fn ask(world: &World, identity: Option<&Identity>, token: Option<&str>) -> Reply {
    let mut sender = connection(world, identity).await;
    send(&mut sender, post(token, call("echo").to_string())).await
}

fn forwarded(name: &str) -> String {
    format!("By=spiffe://corp.example/gw;Hash={};Subject=\"\";URI={name}", "ab".repeat(32))
}

/// A call over `identity` with this `X-Forwarded-Client-Cert`.
async fn through(world: &World, identity: Option<&Identity>, field: &str) -> Reply {
    let mut sender = connection(world, identity).await;
    let request = with_header(post(None, call("echo").to_string()), XFCC, field);
    send(&mut sender, request).await
}

fn assert_certificate_required(reply: &Reply) {
    assert_eq!((reply.status.as_u16(), reply.code().as_str()), (401, "certificate_required"));
    assert_eq!(reply.header("www-authenticate"), "ClientCertificate");
}

#[tokio::test]
async fn s20_route_accepts_the_listed_identities_alone() {
    let world = world(&format!("{ALONE}{AGENTS}"), "").await;
    assert_eq!(ask(&world, Some(&agent(&world)), None).await.status, 200);
    for names in [
        &["spiffe://corp.example/ns/people/ann"][..],
        &["spiffe://other.example/ns/agents/a1"],
        &["cn:spiffe://corp.example/ns/agents/a1"],
        &["https://corp.example/ns/agents/a1"],
        &["spiffe://corp.example/ns/agents/a1", "spiffe://corp.example/ns/agents/a2"],
    ] {
        let other = world.pki.issue(names, Use::Client);
        assert_certificate_required(&ask(&world, Some(&other), None).await);
    }
    assert_certificate_required(&ask(&world, None, None).await);
    let records = world.closed_records(7).await;
    assert_eq!(records[0]["phase"], "completion");
    assert!(records[1..].iter().all(|r| r["code"] == "certificate_required"));
    world.finish().await;
}

#[tokio::test]
async fn s20_identity_list_holds_beside_tokens_too() {
    let world = world(AGENTS, "").await;
    let token = world.token("mcp.tools.invoke");
    assert_eq!(ask(&world, Some(&agent(&world)), Some(&token)).await.status, 200);
    assert_certificate_required(&ask(&world, None, Some(&token)).await);
    let stranger = world.pki.issue(&["spiffe://corp.example/ns/people/ann"], Use::Client);
    assert_certificate_required(&ask(&world, Some(&stranger), Some(&token)).await);
    let no_token = ask(&world, Some(&agent(&world)), None).await;
    assert_eq!((no_token.status.as_u16(), no_token.code().as_str()), (401, "token_missing"));
    assert!(no_token.header("www-authenticate").starts_with("Bearer "));
    let intents: Vec<_> =
        world.records().into_iter().filter(|record| record["phase"] == "intent").collect();
    assert_eq!(intents.len(), 1);
    assert_eq!(intents[0]["certificate"], "spiffe://corp.example/ns/agents/a1");
    assert_eq!(intents[0]["certificate_source"], "tls");
    world.finish().await;
}

#[tokio::test]
async fn s20_every_kind_of_name_can_be_listed() {
    let list = "    client_identities: [\"dns:*.agents.example\", \"email:*@corp.example\", \"cn:batch ?\", \"uri:urn:agent:*\"]\n";
    let world = world(&format!("{ALONE}{list}"), "").await;
    for (names, good) in [
        (&["a1.agents.example"][..], true),
        (&["A1.Agents.Example"], true),
        (&["ann@corp.example"], true),
        (&["cn:batch 7"], true),
        (&["cn:a1.agents.example"], false),
        (&["agents.example"], false),
        (&["*.agents.example"], false),
        (&["ann@corp.example.evil"], false),
        (&["cn:batch 77"], false),
    ] {
        let identity = world.pki.issue(names, Use::Client);
        let status = ask(&world, Some(&identity), None).await.status;
        assert_eq!(status == 200, good, "{names:?}: {status}");
    }
    world.finish().await;
}

#[tokio::test]
async fn s20_network_list_and_identity_list_must_both_hold() {
    for (network, listed, good) in [
        ("127.0.0.0/8", true, true),
        ("127.0.0.0/8", false, false),
        ("192.0.2.0/24", true, false),
        ("192.0.2.0/24", false, false),
    ] {
        let lines = format!("{ALONE}{AGENTS}    allow_networks: [{network}]\n");
        let world = world(&lines, "").await;
        let name =
            if listed { "spiffe://corp.example/ns/agents/a1" } else { "spiffe://corp.example/x" };
        let identity = world.pki.issue(&[name], Use::Client);
        let reply = ask(&world, Some(&identity), None).await;
        let expected = if good {
            ""
        } else if network.starts_with("127") {
            "certificate_required"
        } else {
            "address_refused"
        };
        assert_eq!((reply.status == 200, reply.code().as_str()), (good, expected));
        world.finish().await;
    }
}

#[tokio::test]
async fn s20_certificate_revoked_under_an_open_connection_is_refused_at_the_next_request() {
    let world = world(ALONE, "").await;
    let (bad, good) = (agent(&world), agent(&world));
    let mut open = connection(&world, Some(&bad)).await;
    let mut other = connection(&world, Some(&good)).await;
    let ask = || post(None, call("echo").to_string());
    // Without a body: a refusal that leaves one unread would close the connection.
    let empty = || post(None, String::new());
    assert_eq!(send(&mut open, ask()).await.status, 200);
    assert_eq!(send(&mut other, ask()).await.status, 200);
    world.dir.write("clients.crl", &world.pki.crl(&[bad.serial], (-1, 24)));
    let yaml = world.yaml(ALONE);
    world.gateway().reload(world.check(&yaml).unwrap()).unwrap();
    assert_certificate_required(&send(&mut open, empty()).await);
    assert_eq!(send(&mut other, ask()).await.status, 200);
    // A list that takes it back does not bring the connection back.
    world.dir.write("clients.crl", &world.pki.crl(&[], (-1, 24)));
    world.gateway().reload(world.check(&yaml).unwrap()).unwrap();
    assert_certificate_required(&send(&mut open, empty()).await);
    world.finish().await;
}

#[tokio::test]
async fn s20_s62_stream_of_a_revoked_certificate_is_cut() {
    let (upstream, _senders) = fed().await;
    let setup = Setup {
        server: ALONE.to_owned(),
        tls: ", client_ca: ca.pem, crl: [clients.crl]".to_owned(),
        ..Setup::default()
    };
    let world = World::with(upstream, setup).await;
    let bad = agent(&world);
    let mut open = connection(&world, Some(&bad)).await;
    let response = open.send_request(post(None, call("echo").to_string())).await.unwrap();
    assert_eq!(response.status(), 200);
    world.dir.write("clients.crl", &world.pki.crl(&[bad.serial], (-1, 24)));
    world.gateway().reload(world.check(&world.yaml(ALONE)).unwrap()).unwrap();
    let body = response.into_body().collect().await.map(|b| b.to_bytes()).unwrap_or_default();
    let text = String::from_utf8_lossy(&body).into_owned();
    assert!(text.contains("stream_revoked"), "{text}");
    world.finish().await;
}

#[tokio::test]
async fn s20_stream_ends_when_the_identity_is_taken_off_the_list() {
    let (upstream, _senders) = fed().await;
    let setup = Setup {
        server: format!("{ALONE}{AGENTS}"),
        tls: ", client_ca: ca.pem".to_owned(),
        ..Setup::default()
    };
    let world = World::with(upstream, setup).await;
    let mut open = connection(&world, Some(&agent(&world))).await;
    let response = open.send_request(post(None, call("echo").to_string())).await.unwrap();
    assert_eq!(response.status(), 200);
    let other = AGENTS.replace("/agents/", "/people/");
    world.gateway().reload(world.check(&world.yaml(&format!("{ALONE}{other}"))).unwrap()).unwrap();
    let body = response.into_body().collect().await.map(|b| b.to_bytes()).unwrap_or_default();
    assert!(String::from_utf8_lossy(&body).contains("stream_revoked"));
    world.finish().await;
}

#[tokio::test]
async fn s20_trusted_proxy_names_the_callers_certificate() {
    let world = world(&format!("{ALONE}{AGENTS}"), MESH).await;
    let proxy = ingress(&world);
    let reply =
        through(&world, Some(&proxy), &forwarded("spiffe://corp.example/ns/agents/a9")).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let intent = world.records().into_iter().find(|record| record["phase"] == "intent").unwrap();
    assert_eq!(intent["user_id"], "spiffe://corp.example/ns/agents/a9");
    assert_eq!(intent["certificate"], "spiffe://corp.example/ns/agents/a9");
    assert_eq!(
        (&intent["certificate_source"], &intent["auth_method"]),
        (&json!("xfcc"), &json!("certificate"))
    );
    // Another caller on the same connection is another one.
    let other =
        through(&world, Some(&proxy), &forwarded("spiffe://corp.example/ns/people/ann")).await;
    assert_certificate_required(&other);
    // Nobody behind the proxy is not the proxy.
    assert_certificate_required(&ask(&world, Some(&proxy), None).await);
    // Whoever is no proxy speaks for himself.
    assert_eq!(ask(&world, Some(&agent(&world)), None).await.status, 200);
    world.finish().await;
}

#[tokio::test]
async fn s20_forwarded_certificate_of_anybody_else_is_refused() {
    let world = world(&format!("{ALONE}{AGENTS}"), MESH).await;
    let field = forwarded("spiffe://corp.example/ns/agents/a9");
    for identity in [None, Some(agent(&world))] {
        let reply = through(&world, identity.as_ref(), &field).await;
        assert_eq!((reply.status.as_u16(), reply.code().as_str()), (400, "header_invalid"));
    }
    let twice = format!("{field},{field}x\"");
    for bad in ["", "x", "URI=spiffe://corp.example/ns/agents/a9", &twice] {
        let reply = through(&world, Some(&ingress(&world)), bad).await;
        assert_eq!(
            (reply.status.as_u16(), reply.code().as_str()),
            (400, "header_invalid"),
            "{bad}"
        );
    }
    let mut sender = connection(&world, Some(&ingress(&world))).await;
    let mut request = with_header(post(None, call("echo").to_string()), XFCC, &field);
    request.headers_mut().append(XFCC, field.parse().unwrap());
    assert_eq!(send(&mut sender, request).await.code(), "header_invalid");
    assert!(world.upstream.seen().is_empty());
    world.finish().await;
}

#[tokio::test]
async fn s20_last_element_counts_and_the_field_goes_no_further() {
    let world = world(&format!("{ALONE}{AGENTS}"), MESH).await;
    let proxy = ingress(&world);
    let (listed, other) = (
        forwarded("spiffe://corp.example/ns/agents/a9"),
        forwarded("spiffe://corp.example/ns/people/ann"),
    );
    assert_certificate_required(&through(&world, Some(&proxy), &format!("{listed},{other}")).await);
    assert_eq!(through(&world, Some(&proxy), &format!("{other},{listed}")).await.status, 200);
    let requests = world.upstream.seen();
    assert_eq!(requests.len(), 1);
    assert!(!format!("{requests:?}").to_lowercase().contains("forwarded-client-cert"));
    assert!(!format!("{requests:?}").contains("spiffe"));
    world.finish().await;
}

#[tokio::test]
async fn s20_no_other_header_is_an_identity() {
    for top in ["", MESH] {
        let world = world(ALONE, top).await;
        for name in [
            "x-client-cert",
            "x-ssl-client-cert",
            "x-ssl-client-s-dn",
            "ssl-client-verify",
            "client-cert",
        ] {
            let mut sender = connection(&world, None).await;
            let request = with_header(
                post(None, call("echo").to_string()),
                name,
                "spiffe://corp.example/ns/agents/a1",
            );
            assert_certificate_required(&send(&mut sender, request).await);
        }
        if top.is_empty() {
            // Without a mesh this one means nothing either.
            let field = forwarded("spiffe://corp.example/ns/agents/a1");
            assert_certificate_required(&through(&world, None, &field).await);
        }
        world.finish().await;
    }
}

#[tokio::test]
async fn s20_revoked_proxy_speaks_for_nobody() {
    let world = world(ALONE, MESH).await;
    let proxy = ingress(&world);
    let mut open = connection(&world, Some(&proxy)).await;
    let field = forwarded("spiffe://corp.example/ns/agents/a9");
    let request = || with_header(post(None, call("echo").to_string()), XFCC, &field);
    assert_eq!(send(&mut open, request()).await.status, 200);
    world.dir.write("clients.crl", &world.pki.crl(&[proxy.serial], (-1, 24)));
    world.gateway().reload(world.check(&world.yaml(ALONE)).unwrap()).unwrap();
    assert_certificate_required(&send(&mut open, request()).await);
    world.finish().await;
}
