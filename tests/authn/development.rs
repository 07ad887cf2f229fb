//! Promises about the development issuer: its tokens are good, its bounds hold, and it never
//! leaves loopback.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use sallyport::clock::Clock;
use sallyport::config::{Issuer as Trust, KeySource};
use sallyport::dev::issuer::{self as dev, Claims, Client, DevKey, DevKeyError};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::issuer::{AUDIENCE, Issuer, NOW};
use crate::route::{Process, tokens, trust};

struct Running {
    address: SocketAddr,
    _stop: DropGuard,
}

async fn running() -> Running {
    let client = Client {
        id: "support".to_owned(),
        secret: "support-secret".to_owned(),
        scope: "mcp.tools.invoke crm:read".to_owned(),
        roles: vec!["support".to_owned()],
    };
    let stop = CancellationToken::new();
    let bind = SocketAddr::from(([127, 0, 0, 1], 0));
    let key = DevKey::generate().unwrap();
    let clock = Clock::manual(NOW);
    let address = dev::start_at(bind, key, vec![client], clock, stop.clone()).await.unwrap();
    Running { address, _stop: stop.drop_guard() }
}

async fn send(to: SocketAddr, request: Request<Full<Bytes>>) -> (StatusCode, Value) {
    let stream = TcpStream::connect(to).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    let connection = tokio::spawn(connection);
    let answer = sender.send_request(request).await.unwrap();
    let status = answer.status();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    connection.abort();
    (status, serde_json::from_slice(&body).unwrap())
}

const GOOD: &str = "grant_type=client_credentials&client_id=support&client_secret=support-secret\
                    &resource=https%3A%2F%2Fmcp.example%2Fmcp";

async fn ask(to: SocketAddr, form: &str) -> (StatusCode, Value) {
    let request = Request::post("/token")
        .header("host", "issuer")
        .header("content-type", "application/x-www-form-urlencoded");
    send(to, request.body(Full::from(form.to_owned())).unwrap()).await
}

fn trusting(issuer: String, keys: KeySource, placeholder: &Issuer) -> Trust {
    Trust { issuer: issuer.into(), keys, roles_claim: Some("roles".into()), ..trust(placeholder) }
}

#[tokio::test]
async fn token_of_the_development_issuer_is_accepted_through_discovery() {
    let issuer = running().await;
    let (status, answer) = ask(issuer.address, GOOD).await;
    assert_eq!((status, &answer["token_type"]), (StatusCode::OK, &json!("Bearer")));
    let placeholder = Issuer::start_at(NOW).await;
    let url = format!("http://{}", issuer.address);
    let route = Process::start().route(tokens([trusting(url, KeySource::Discover, &placeholder)]));
    let caller = route.call(answer["access_token"].as_str().unwrap()).await.unwrap();
    assert_eq!((&*caller.subject, &*caller.roles[0]), ("support", "support"));
    assert!(caller.scopes.contains("crm:read"));
}

#[tokio::test]
async fn requests_that_ask_for_too_much_or_prove_too_little_get_no_token() {
    let issuer = running().await;
    for (form, error) in [
        (GOOD.replace("support-secret", "wrong"), "invalid_client"),
        (GOOD.replace("client_id=support", "client_id=root"), "invalid_client"),
        (GOOD.replace("&client_secret=support-secret", ""), "invalid_client"),
        (GOOD.replace("client_credentials", "password"), "unsupported_grant_type"),
        (format!("{GOOD}&scope=mcp.tools.invoke+admin"), "invalid_scope"),
        (GOOD.split("&resource").next().unwrap().to_owned(), "invalid_target"),
        (format!("{GOOD}&client_id=support"), "invalid_request"),
        (format!("{GOOD}&x={}", "x".repeat(9_000)), "invalid_request"),
    ] {
        let (status, answer) = ask(issuer.address, &form).await;
        assert!(status.is_client_error(), "{form}");
        assert_eq!(answer["error"], error, "{form}");
    }
    let (_, answer) = ask(issuer.address, &format!("{GOOD}&scope=crm%3Aread")).await;
    assert_eq!(answer["scope"], "crm:read");
}

#[tokio::test]
async fn every_document_names_what_it_is_for() {
    let issuer = running().await;
    for path in ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"] {
        let request = Request::get(path).header("host", "x").body(Full::default()).unwrap();
        let (status, document) = send(issuer.address, request).await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(document["issuer"], format!("http://{}", issuer.address));
        assert_eq!(document["service_documentation"], "development only, never for production");
    }
    let request = Request::get("/else").header("host", "x").body(Full::default()).unwrap();
    assert_eq!(send(issuer.address, request).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn development_issuer_refuses_every_address_but_loopback() {
    for address in ["0.0.0.0:0", "192.0.2.1:0", "[::]:0"] {
        let started = dev::start_at(
            address.parse().unwrap(),
            DevKey::generate().unwrap(),
            Vec::new(),
            Clock::system(),
            CancellationToken::new(),
        );
        assert!(started.await.is_err(), "{address}");
    }
}

/// A file of a name of its own that goes away with its test.
struct File(PathBuf);

impl File {
    fn new(name: &str) -> Self {
        let name = format!("sallyport-{name}-{}.pem", std::process::id());
        Self(std::env::temp_dir().join(name))
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn claims(issuer: &str) -> Claims {
    Claims {
        issuer: issuer.to_owned(),
        subject: "developer".to_owned(),
        client_id: "developer".to_owned(),
        audience: AUDIENCE.to_owned(),
        scope: String::new(),
        roles: Vec::new(),
        issued_at_s: NOW,
        expires_at_s: NOW + 60,
    }
}

#[tokio::test]
async fn key_file_alone_is_enough_to_trust_what_it_mints() {
    let file = File::new("trust");
    let key = DevKey::load_or_create(&file.0).unwrap();
    let again = DevKey::load_or_create(&file.0).unwrap();
    assert_eq!(key.kid(), again.kid());
    assert_eq!(key.jwks(), again.jwks());
    let placeholder = Issuer::start_at(NOW).await;
    let url = "http://127.0.0.1:1".to_owned();
    let trusted = Trust {
        development_key: Some(file.0.clone()),
        ..trusting(url.clone(), KeySource::Discover, &placeholder)
    };
    let route = Process::start().route(tokens([trusted]));
    let token = again.mint(&claims(&url)).unwrap();
    assert_eq!(&*route.call(&token).await.unwrap().subject, "developer");
    let stranger = DevKey::generate().unwrap().mint(&claims(&url)).unwrap();
    assert_eq!(route.reason(&stranger).await, Some("unknown_kid"));
}

#[test]
fn key_file_is_private_and_must_stay_so() {
    let file = File::new("private");
    DevKey::load_or_create(&file.0).unwrap();
    let mode = |path: &PathBuf| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&file.0), 0o600);
    std::fs::set_permissions(&file.0, std::fs::Permissions::from_mode(0o640)).unwrap();
    assert!(matches!(DevKey::load_or_create(&file.0), Err(DevKeyError::Open { .. })));
}

#[test]
fn file_that_is_no_key_is_refused_and_left_alone() {
    let file = File::new("nonsense");
    std::fs::write(&file.0, "nonsense").unwrap();
    std::fs::set_permissions(&file.0, std::fs::Permissions::from_mode(0o600)).unwrap();
    assert!(matches!(DevKey::load_or_create(&file.0), Err(DevKeyError::Form)));
    assert_eq!(std::fs::read_to_string(&file.0).unwrap(), "nonsense");
    assert!(matches!(DevKey::load(&File::new("absent").0), Err(DevKeyError::File { .. })));
}
