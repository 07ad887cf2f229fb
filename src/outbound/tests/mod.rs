//! Promises of the outbound client, against servers on loopback.

mod post;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use url::Url;

use super::wire::max_age;
use super::{ADDRESSES_MAX, FetchError, Outbound, Settings, admit};
use crate::limits::{FETCH_MS, JWKS_BYTES_MAX};

fn client() -> Outbound {
    Outbound::new(None, Vec::new()).unwrap()
}

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

/// Answers one connection with these bytes and closes it.
async fn serve(answer: Vec<u8>) -> Url {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_head(&mut stream).await;
        // The client may hang up early; that is what some of the tests are about.
        let _ = stream.write_all(&answer).await;
        let _ = stream.shutdown().await;
    });
    url(&format!("http://{at}/keys"))
}

async fn read_head(stream: &mut (impl AsyncReadExt + Unpin)) -> Vec<u8> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    head
}

#[tokio::test]
async fn document_on_loopback_is_fetched_with_its_lifetime() {
    let at = serve(
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncache-control: public, max-age=60\r\n\r\n{}"
            .to_vec(),
    )
    .await;
    let fetched = client().get_json(&at).await.unwrap();
    assert_eq!(fetched.body, "{}");
    assert_eq!(fetched.max_age, Some(Duration::from_secs(60)));
}

#[tokio::test]
async fn s54_redirect_is_refused() {
    let target = serve(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}".to_vec()).await;
    for status in [301_u16, 302, 303, 307, 308] {
        let head =
            format!("HTTP/1.1 {status} x\r\nlocation: {target}\r\ncontent-length: 0\r\n\r\n");
        let at = serve(head.into_bytes()).await;
        assert_eq!(client().get_json(&at).await, Err(FetchError::Redirect(status)));
    }
}

#[tokio::test]
async fn oversized_answer_is_refused_whether_announced_or_not() {
    let mut announced =
        format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", JWKS_BYTES_MAX + 1).into_bytes();
    announced.resize(announced.len() + JWKS_BYTES_MAX + 1, b' ');
    let mut endless = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
    endless.resize(endless.len() + JWKS_BYTES_MAX + 1, b' ');
    for answer in [announced, endless] {
        let at = serve(answer).await;
        assert_eq!(client().get_json(&at).await, Err(FetchError::TooLarge(JWKS_BYTES_MAX)));
    }
}

#[tokio::test]
async fn answer_of_exactly_the_limit_is_accepted() {
    let mut answer =
        format!("HTTP/1.1 200 OK\r\ncontent-length: {JWKS_BYTES_MAX}\r\n\r\n").into_bytes();
    answer.resize(answer.len() + JWKS_BYTES_MAX, b' ');
    let at = serve(answer).await;
    assert_eq!(client().get_json(&at).await.unwrap().body.len(), JWKS_BYTES_MAX);
}

#[tokio::test]
async fn other_statuses_codings_and_cut_answers_are_refused() {
    for (answer, error) in [
        (&b"HTTP/1.1 404 x\r\ncontent-length: 2\r\n\r\n{}"[..], FetchError::Status(404)),
        (b"HTTP/1.1 204 x\r\n\r\n", FetchError::Status(204)),
        (
            b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 2\r\n\r\n{}",
            FetchError::Encoded,
        ),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{}", FetchError::Http),
        (b"nonsense\r\n\r\n", FetchError::Http),
    ] {
        let at = serve(answer.to_vec()).await;
        assert_eq!(client().get_json(&at).await, Err(error));
    }
}

#[tokio::test]
async fn s54_private_and_metadata_addresses_are_refused() {
    for host in ["10.0.0.1", "169.254.169.254", "[fd00:ec2::254]", "[64:ff9b::a00:1]", "0x0a000001"]
    {
        let refused = client().get_json(&url(&format!("https://{host}/keys"))).await;
        assert!(matches!(refused, Err(FetchError::Address(_))), "{host}: {refused:?}");
    }
}

#[tokio::test]
async fn plain_http_and_other_schemes_are_refused_outside_loopback() {
    for text in
        ["http://issuer.example/keys", "http://10.0.0.1/", "ftp://127.0.0.1/", "file:///etc/x"]
    {
        assert_eq!(client().get_json(&url(text)).await, Err(FetchError::Scheme), "{text}");
    }
}

#[tokio::test]
async fn url_with_credentials_is_refused() {
    let refused = client().get_json(&url("https://user:secret@issuer.example/")).await;
    assert_eq!(refused, Err(FetchError::Url));
}

#[tokio::test]
async fn silent_server_ends_in_a_timeout() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = url(&format!("http://{}/", listener.local_addr().unwrap()));
    let client = client();
    assert_eq!(client.settings.load().timeout, Duration::from_millis(FETCH_MS));
    // The settings of a client that runs are replaced.
    client.replace(Settings::new(None, Vec::new(), Duration::from_millis(20)).unwrap());
    assert_eq!(client.get_json(&at).await, Err(FetchError::Timeout(20)));
}

#[tokio::test]
async fn certificate_is_checked_against_the_extra_authorities() {
    let signed = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let pem = signed.cert.pem();
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(signed.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![signed.cert.der().clone()], key.into())
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(tls));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = url(&format!("https://localhost:{}/keys", listener.local_addr().unwrap().port()));
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let head = read_head(&mut stream).await;
            assert!(head.starts_with(b"GET /keys HTTP/1.1\r\n"));
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").await;
        }
    });
    let trusting = Outbound::new(Some(pem.as_bytes()), Vec::new()).unwrap();
    assert_eq!(trusting.get_json(&at).await.unwrap().body, "{}");
    assert!(matches!(client().get_json(&at).await, Err(FetchError::Tls(_))));
}

#[test]
fn authorities_that_are_not_certificates_are_refused() {
    assert!(Outbound::new(Some(b"-----BEGIN NONSENSE-----"), Vec::new()).is_err());
    assert!(Outbound::new(Some(b""), Vec::new()).is_err());
}

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

#[test]
fn s54_name_that_points_outside_and_inside_is_refused_whole() {
    let found = vec![at("1.1.1.1:443"), at("10.0.0.1:443")];
    let refused = admit(false, found, &[]);
    assert_eq!(refused, Err(FetchError::Address("10.0.0.1".parse().unwrap())));
}

#[test]
fn network_that_the_configuration_names_is_admitted() {
    let allow = ["10.0.0.0/24".parse().unwrap()];
    assert!(admit(false, vec![at("10.0.0.1:443"), at("[::ffff:10.0.0.2]:443")], &allow).is_ok());
    assert!(admit(false, vec![at("10.0.1.1:443")], &allow).is_err());
}

#[test]
fn loopback_name_must_resolve_to_loopback() {
    assert!(admit(true, vec![at("127.0.0.1:80"), at("[::1]:80")], &[]).is_ok());
    assert!(admit(true, vec![at("1.1.1.1:80")], &[]).is_err());
    assert!(admit(false, vec![at("127.0.0.1:443")], &[]).is_err());
}

#[test]
fn only_the_first_addresses_of_a_name_are_tried_and_none_is_an_error() {
    let many = vec![at("1.1.1.1:443"); ADDRESSES_MAX + 3];
    assert_eq!(admit(false, many, &[]).unwrap().len(), ADDRESSES_MAX);
    assert_eq!(admit(false, Vec::new(), &[]), Err(FetchError::Resolve));
}

#[test]
fn shortest_lifetime_counts() {
    let of = |values: &[&'static str]| {
        let mut headers = HeaderMap::new();
        for v in values {
            headers.append("cache-control", HeaderValue::from_static(v));
        }
        max_age(&headers).map(|d| d.as_secs())
    };
    assert_eq!(of(&[]), None);
    assert_eq!(of(&["public"]), None);
    assert_eq!(of(&["Max-Age=60, public", "max-age=30"]), Some(30));
    assert_eq!(of(&["max-age=60, no-store"]), Some(0));
    assert_eq!(of(&["max-age=nonsense"]), None);
}
