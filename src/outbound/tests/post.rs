//! What is posted, how the gateway proves itself, and what of the answer is believed.

use std::sync::{Arc, Mutex};

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519, PKCS_RSA_SHA256, PublicKeyData};
use rustls::RootCertStore;
use rustls::server::WebPkiClientVerifier;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use url::Url;

use super::{client, read_head, serve, url};
use crate::limits::{CLIENT_ASSERTION_S, POST_ANSWER_BYTES_MAX};
use crate::outbound::oauth::{OauthClient, Proof, SigningKey};
use crate::outbound::{FetchError, Form, Identity, Outbound, OutboundError, Post};
use crate::secret::Secret;

/// Answers one request with an empty object, and gives what was sent.
async fn recorded() -> (Url, tokio::task::JoinHandle<(String, String)>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = url(&format!("http://{}/introspect?x=1", listener.local_addr().unwrap()));
    let task = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        take_request(&mut stream).await
    });
    (at, task)
}

async fn take_request(
    stream: &mut (impl AsyncReadExt + AsyncWriteExt + Unpin),
) -> (String, String) {
    let head = String::from_utf8(read_head(stream).await).unwrap();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    let mut body = vec![0; length.parse().unwrap()];
    stream.read_exact(&mut body).await.unwrap();
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").await.unwrap();
    (head, String::from_utf8(body).unwrap())
}

/// What arrives when `proof` is used.
async fn sent_with(proof: Proof) -> (String, String) {
    let (at, task) = recorded().await;
    let oauth = OauthClient::new("my:client", proof);
    let form = Form::default().with("token", "t+1");
    let answer = oauth.post(&client(), &at, form, 1_000).await.unwrap();
    assert_eq!(answer.body, "{}");
    task.await.unwrap()
}

#[tokio::test]
async fn form_and_json_are_posted_with_their_media_type_and_further_headers() {
    let (at, task) = recorded().await;
    let mut post = Post::json(Bytes::from_static(b"[1]"));
    post.headers.insert("x-more", "y".parse().unwrap());
    post.headers.insert("host", "evil.example".parse().unwrap());
    post.headers.insert("content-type", "text/plain".parse().unwrap());
    client().post(&at, post).await.unwrap();
    let (head, body) = task.await.unwrap();
    assert!(head.starts_with("POST /introspect?x=1 HTTP/1.1\r\n") && body == "[1]");
    assert!(head.contains("content-type: application/json\r\n") && head.contains("x-more: y"));
    assert!(!head.contains("evil.example") && !head.contains("text/plain"), "{head}");
    let (at, task) = recorded().await;
    client().post(&at, Post::form(Form::default().with("a", "b"))).await.unwrap();
    let (head, body) = task.await.unwrap();
    assert!(head.contains("content-type: application/x-www-form-urlencoded\r\n"));
    assert_eq!(body, "a=b");
}

#[tokio::test]
async fn answers_of_400_and_401_are_answers_and_others_are_not() {
    for status in [200_u16, 400, 401, 403, 429, 499] {
        let at = serve(head(status, "content-type: Application/JSON; charset=utf-8\r\n")).await;
        let answer = client().post(&at, Post::form(Form::default())).await.unwrap();
        assert_eq!((answer.status.as_u16(), &answer.body[..]), (status, &b"{}"[..]));
        assert!(answer.is("application/json") && !answer.is("application/jwt"));
    }
    for status in [201_u16, 204, 500, 502, 503] {
        let at = serve(head(status, "")).await;
        let refused = client().post(&at, Post::form(Form::default())).await;
        assert_eq!(refused.unwrap_err(), FetchError::Status(status));
    }
    for status in [301_u16, 302, 307, 308] {
        let at = serve(head(status, "location: http://127.0.0.1:1/\r\n")).await;
        let refused = client().post(&at, Post::form(Form::default())).await;
        assert_eq!(refused.unwrap_err(), FetchError::Redirect(status), "s54");
    }
}

fn head(status: u16, fields: &str) -> Vec<u8> {
    let body = if status == 204 { "" } else { "content-length: 2\r\n\r\n{}" };
    format!("HTTP/1.1 {status} x\r\n{fields}{body}\r\n\r\n").into_bytes()
}

#[tokio::test]
async fn s54_what_is_posted_goes_where_documents_may_be_fetched_from() {
    for text in ["http://issuer.example/", "http://10.0.0.1/", "ftp://127.0.0.1/"] {
        let refused = client().post(&url(text), Post::form(Form::default())).await;
        assert_eq!(refused.unwrap_err(), FetchError::Scheme, "{text}");
    }
    let metadata = url("https://169.254.169.254/");
    let refused = client().post(&metadata, Post::form(Form::default())).await;
    assert!(matches!(refused, Err(FetchError::Address(_))));
}

#[tokio::test]
async fn answer_to_a_post_has_its_own_bound() {
    for (extra, fits) in [(0, true), (1, false)] {
        let length = POST_ANSWER_BYTES_MAX + extra;
        let mut bytes = format!("HTTP/1.1 400 x\r\ncontent-length: {length}\r\n\r\n").into_bytes();
        bytes.resize(bytes.len() + length, b' ');
        let at = serve(bytes).await;
        let answer = client().post(&at, Post::form(Form::default())).await;
        assert_eq!(answer.is_ok(), fits);
    }
}

#[tokio::test]
async fn secret_in_the_header_is_form_encoded_on_both_sides() {
    let (head, body) = sent_with(Proof::SecretBasic(Secret::new(b"p %&\xc3\xa9:".to_vec()))).await;
    // base64 of `my%3Aclient:p+%25%26%C3%A9%3A`
    assert!(head.contains("authorization: Basic bXklM0FjbGllbnQ6cCslMjUlMjYlQzMlQTklM0E=\r\n"));
    assert_eq!(body, "token=t%2B1");
}

#[tokio::test]
async fn secret_in_the_form_stands_beside_the_client_id() {
    let (head, body) = sent_with(Proof::SecretPost(Secret::new(b"p&=".to_vec()))).await;
    assert!(!head.contains("authorization:"));
    assert_eq!(body, "token=t%2B1&client_id=my%3Aclient&client_secret=p%26%3D");
}

fn json_part(token: &str, part: usize) -> serde_json::Value {
    let bytes = URL_SAFE_NO_PAD.decode(token.split('.').nth(part).unwrap()).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

#[tokio::test]
async fn assertion_is_signed_short_lived_and_different_each_time() {
    let mut seen = Vec::new();
    for (pair, alg) in [
        (KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap(), "ES256"),
        (KeyPair::generate_for(&PKCS_ED25519).unwrap(), "EdDSA"),
        (KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap(), "RS256"),
        (KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap(), "ES256"),
    ] {
        let key = SigningKey::from_pem(pair.serialize_pem().as_bytes()).unwrap();
        let audience = "https://as.example".to_owned();
        let proof = Proof::PrivateKeyJwt { key, kid: Some("k1".to_owned()), audience };
        let (_, body) = sent_with(proof).await;
        let fields: Vec<(String, String)> =
            url::form_urlencoded::parse(body.as_bytes()).into_owned().collect();
        let field = |name: &str| fields.iter().find(|(n, _)| n == name).unwrap().1.clone();
        assert_eq!(field("client_id"), "my:client");
        let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
        assert_eq!(field("client_assertion_type"), kind);
        let token = field("client_assertion");
        let (header, claims) = (json_part(&token, 0), json_part(&token, 1));
        assert_eq!((header["alg"].as_str(), header["kid"].as_str()), (Some(alg), Some("k1")));
        assert_eq!((&claims["iss"], &claims["sub"]), (&claims["sub"], &"my:client".into()));
        assert_eq!(claims["aud"], "https://as.example");
        assert_eq!(claims["iat"], 1_000);
        assert_eq!(claims["exp"], 1_000 + CLIENT_ASSERTION_S);
        assert!(!seen.contains(&claims["jti"]));
        seen.push(claims["jti"].clone());
        let (message, signature) = token.rsplit_once('.').unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let algorithm: &'static dyn aws_lc_rs::signature::VerificationAlgorithm = match alg {
            "ES256" => &ECDSA_P256_SHA256_FIXED,
            "EdDSA" => &ED25519,
            _ => &RSA_PKCS1_2048_8192_SHA256,
        };
        let public = UnparsedPublicKey::new(algorithm, pair.der_bytes());
        public.verify(message.as_bytes(), &signature).unwrap();
    }
}

#[test]
fn key_that_cannot_sign_is_refused() {
    for pem in ["", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"] {
        let refused = SigningKey::from_pem(pem.as_bytes());
        assert!(matches!(refused, Err(OutboundError::SigningKey)), "{pem}");
    }
}

#[tokio::test]
async fn certificate_is_shown_to_the_server_that_asks_for_it() {
    let signed = |name: &str| rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
    let (server, own, other) = (signed("localhost"), signed("gateway"), signed("gateway"));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut trusted = RootCertStore::empty();
    trusted.add(own.cert.der().clone()).unwrap();
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(trusted), Arc::clone(&provider));
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(server.signing_key.serialize_der());
    let tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(vec![server.cert.der().clone()], key.into())
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(tls));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = url(&format!("https://localhost:{}/x", listener.local_addr().unwrap().port()));
    let bodies = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&bodies);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let (_, body) = take_request(&mut stream).await;
            seen.lock().unwrap().push(body);
        }
    });
    let outbound = Outbound::new(Some(server.cert.pem().as_bytes()), Vec::new()).unwrap();
    let as_client = |pair: &rcgen::CertifiedKey<KeyPair>| {
        let key = pair.signing_key.serialize_pem();
        let identity = Identity::from_pem(pair.cert.pem().as_bytes(), key.as_bytes()).unwrap();
        OauthClient::new("me", Proof::Tls(identity))
    };
    let form = || Form::default().with("token", "t");
    as_client(&own).post(&outbound, &at, form(), 0).await.unwrap();
    assert_eq!(*bodies.lock().unwrap(), ["token=t&client_id=me"]);
    // A session of the one identity is not resumed for another, nor for none.
    assert!(as_client(&other).post(&outbound, &at, form(), 0).await.is_err());
    assert!(outbound.post(&at, Post::form(form())).await.is_err());
    let (one, two) = (own.cert.pem(), other.signing_key.serialize_pem());
    assert!(Identity::from_pem(one.as_bytes(), two.as_bytes()).is_err());
}
