//! Handshakes: versions, ALPN, server names, client certificates, reload.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::version::{TLS12, TLS13};
use rustls::{HandshakeKind, SupportedProtocolVersion};
use sallyport::config::{ClientAuth, Tls};
use sallyport::server::{Bounds, Event};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::edge::{Edge, get, http2, listener, read_all, read_answer, tls};
use crate::pki::{Pki, Use};

static ONLY_12: &[&SupportedProtocolVersion] = &[&TLS12];
static ONLY_13: &[&SupportedProtocolVersion] = &[&TLS13];
const GET: &[u8] = b"GET /x HTTP/1.1\r\nHost: gateway.test\r\n\r\n";

async fn ask(io: &mut TlsStream<TcpStream>) -> String {
    io.write_all(GET).await.unwrap();
    read_answer(io).await
}

fn certificate(io: &TlsStream<TcpStream>) -> CertificateDer<'static> {
    io.get_ref().1.peer_certificates().unwrap().first().unwrap().clone()
}

#[tokio::test]
async fn s55_p01_tls_13_and_12_are_served_and_the_hybrid_group_is_negotiated() {
    let pki = Pki::new();
    let edge =
        Edge::start(listener(Some(tls(vec![pki.server(&["gateway.test"])]))), Bounds::default())
            .await;
    let mut modern = edge.tls(pki.client().versions(ONLY_13).build(), "gateway.test").await;
    assert!(ask(&mut modern).await.contains("TLSv1.3 X25519MLKEM768 gateway.test -"));
    let mut older = edge.tls(pki.client().versions(ONLY_12).build(), "gateway.test").await;
    assert!(ask(&mut older).await.contains("TLSv1.2"));
}

#[tokio::test]
async fn tls_12_is_refused_where_only_13_is_allowed() {
    let pki = Pki::new();
    let only = Tls { tls13_only: true, ..tls(vec![pki.server(&["gateway.test"])]) };
    let mut edge = Edge::start(listener(Some(only)), Bounds::default()).await;
    let older = pki.client().versions(ONLY_12).build();
    assert!(edge.try_tls(older, "gateway.test").await.is_err());
    edge.event(Event::HandshakeFailed).await;
    edge.tls(pki.client().versions(ONLY_13).build(), "gateway.test").await;
}

#[tokio::test]
async fn p01_alpn_decides_the_protocol_and_http_1_1_is_the_one_without_alpn() {
    let pki = Pki::new();
    let edge =
        Edge::start(listener(Some(tls(vec![pki.server(&["gateway.test"])]))), Bounds::default())
            .await;
    let both = edge.tls(pki.client().alpn(&["h2", "http/1.1"]).build(), "gateway.test").await;
    let answer = http2(both).await.send_request(get("/x")).await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.version()), (200, http::Version::HTTP_2));
    for alpn in [&["http/1.1"][..], &[]] {
        let mut one = edge.tls(pki.client().alpn(alpn).build(), "gateway.test").await;
        assert!(ask(&mut one).await.contains("GET /x HTTP/1.1"));
    }
    let unknown = pki.client().alpn(&["http/1.0"]).build();
    assert!(edge.try_tls(unknown, "gateway.test").await.is_err());
}

#[tokio::test]
async fn s55_sessions_resume_without_0_rtt() {
    let pki = Pki::new();
    let edge =
        Edge::start(listener(Some(tls(vec![pki.server(&["gateway.test"])]))), Bounds::default())
            .await;
    let mut config = pki.client().build();
    config.enable_early_data = true;
    ask(&mut edge.tls(config.clone(), "gateway.test").await).await;
    let mut second = edge.tls(config, "gateway.test").await;
    assert!(ask(&mut second).await.contains("200 OK"));
    let connection = second.get_mut().1;
    assert_eq!(connection.handshake_kind(), Some(HandshakeKind::Resumed));
    assert!(!connection.is_early_data_accepted());
}

#[tokio::test]
async fn server_name_chooses_the_certificate_and_an_unknown_one_gets_the_first() {
    let pki = Pki::new();
    let first = pki.issue(&["a.test", "unknown.test"], Use::Server);
    let second = pki.issue(&["*.b.test"], Use::Server);
    let files = vec![pki.write("a", &first), pki.write("b", &second)];
    let edge = Edge::start(listener(Some(tls(files))), Bounds::default()).await;
    for (name, wanted) in [("a.test", &first), ("x.b.test", &second), ("unknown.test", &first)] {
        let io = edge.tls(pki.client().build(), name).await;
        assert_eq!(certificate(&io), wanted.chain[0], "{name}");
    }
}

async fn mutual(pki: &Pki, client_auth: ClientAuth) -> Edge {
    let settings = Tls {
        client_ca: Some(pki.ca_file()),
        client_auth,
        ..tls(vec![pki.server(&["gateway.test"])])
    };
    Edge::start(listener(Some(settings)), Bounds::default()).await
}

#[tokio::test]
async fn s20_p01_required_client_certificate_becomes_an_identity_and_its_absence_ends_the_handshake()
 {
    let pki = Pki::new();
    let mut edge = mutual(&pki, ClientAuth::Required).await;
    let agent = pki.issue(&["cn:agent", "spiffe://test/agent"], Use::Client);
    let mut known = edge.tls(pki.client().identity(&agent).build(), "gateway.test").await;
    assert!(ask(&mut known).await.contains("gateway.test spiffe://test/agent"));
    // TLS 1.3: the client is done before the server says no; the alert comes on the first read.
    let mut nobody = edge.tls(pki.client().build(), "gateway.test").await;
    assert!(nobody.read_u8().await.is_err());
    edge.event(Event::HandshakeFailed).await;
    assert_eq!(edge.handled(), 1);
}

#[tokio::test]
async fn s20_certificates_of_other_authorities_and_for_other_uses_are_refused() {
    let pki = Pki::new();
    let stranger = Pki::new().issue(&["cn:agent"], Use::Client);
    let server = pki.issue(&["cn:agent"], Use::Server);
    for client_auth in [ClientAuth::Required, ClientAuth::Optional] {
        let edge = mutual(&pki, client_auth).await;
        for identity in [&stranger, &server] {
            let config = pki.client().identity(identity).build();
            let mut io = edge.tls(config, "gateway.test").await;
            assert!(io.read_u8().await.is_err());
        }
        assert_eq!(edge.handled(), 0);
    }
}

#[tokio::test]
async fn p01_optional_client_certificate_is_used_where_present_and_not_asked_for_again() {
    let pki = Pki::new();
    let edge = mutual(&pki, ClientAuth::Optional).await;
    let agent = pki.issue(&["agent.test"], Use::Client);
    let config = pki.client().identity(&agent).build();
    assert!(ask(&mut edge.tls(config.clone(), "gateway.test").await).await.contains("agent.test"));
    assert!(
        ask(&mut edge.tls(pki.client().build(), "gateway.test").await)
            .await
            .contains("gateway.test -")
    );
    // Each connection proves its certificate anew: a resumed session could outlive it.
    let again = edge.tls(config, "gateway.test").await;
    assert_eq!(again.get_ref().1.handshake_kind(), Some(HandshakeKind::Full));
}

#[tokio::test]
async fn new_certificate_serves_the_next_handshake_and_open_connections_go_on() {
    let pki = Pki::new();
    let old = pki.issue(&["gateway.test"], Use::Server);
    let new = pki.issue(&["gateway.test"], Use::Server);
    let listener = listener(Some(tls(vec![pki.write("server", &old)])));
    let edge = Edge::start(listener.clone(), Bounds::default()).await;
    let mut open = edge.tls(pki.client().build(), "gateway.test").await;
    ask(&mut open).await;

    pki.write("server", &new);
    edge.reloader.prepare(&[listener], &[]).unwrap().install();
    assert!(ask(&mut open).await.contains("200 OK"));
    assert_eq!(certificate(&open), old.chain[0]);
    let next = edge.tls(pki.client().build(), "gateway.test").await;
    assert_eq!(certificate(&next), new.chain[0]);
}

#[tokio::test]
async fn broken_new_files_keep_the_old_certificate() {
    let pki = Pki::new();
    let old = pki.issue(&["gateway.test"], Use::Server);
    let files = pki.write("server", &old);
    let listener = listener(Some(tls(vec![files.clone()])));
    let edge = Edge::start(listener.clone(), Bounds::default()).await;
    let other_key = pki.path("other.key");
    pki.write("other", &pki.issue(&["gateway.test"], Use::Server));
    let key = std::fs::read(&files.key).unwrap();
    let foreign = std::fs::read(other_key).unwrap();
    for broken in
        [&b""[..], b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", &foreign]
    {
        std::fs::write(&files.key, broken).unwrap();
        assert!(edge.reloader.prepare(std::slice::from_ref(&listener), &[]).is_err());
    }
    std::fs::write(&files.key, key).unwrap();
    std::fs::remove_file(&files.cert).unwrap();
    assert!(edge.reloader.prepare(&[listener], &[]).is_err());
    let next = edge.tls(pki.client().build(), "gateway.test").await;
    assert_eq!(certificate(&next), old.chain[0]);
}

#[tokio::test]
async fn moved_listeners_are_not_reloaded_and_certificate_expiry_is_told() {
    let pki = Pki::new();
    let listener = listener(Some(tls(vec![pki.server(&["gateway.test"])])));
    let edge = Edge::start(listener.clone(), Bounds::default()).await;
    let mut moved = listener.clone();
    moved.bind = "127.0.0.2:0".parse().unwrap();
    assert!(edge.reloader.prepare(&[moved], &[]).is_err());
    assert!(edge.reloader.prepare(&[], &[]).is_err());
    let mut second = listener.clone();
    second.name = Arc::from("second");
    assert!(edge.reloader.prepare(&[listener, second], &[]).is_err());
    let ends = edge.reloader.certificate_ends_s();
    assert_eq!(ends.len(), 1);
    assert!(&*ends[0].0 == "test" && ends[0].1 > 1_800_000_000);
}

#[tokio::test]
async fn plain_http_on_a_tls_port_is_not_answered() {
    let pki = Pki::new();
    let edge =
        Edge::start(listener(Some(tls(vec![pki.server(&["gateway.test"])]))), Bounds::default())
            .await;
    let mut io = edge.plain().await;
    io.write_all(GET).await.unwrap();
    assert!(!read_all(&mut io).await.contains("HTTP"));
    assert_eq!(edge.handled(), 0);
}
