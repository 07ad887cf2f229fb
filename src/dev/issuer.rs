//! A development authorization server: one ES256 key, one grant, loopback only.
//!
//! Used by `sallyport demo`, and its key by `sallyport token`. Guarantees: it binds nothing but
//! loopback, its documents say that it is for development only, and its private key file is
//! readable by its owner alone. It has none of what an authorization server needs beyond that.

use std::convert::Infallible;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::authn::keys::p256_thumbprint;
use crate::clock::Clock;
use crate::limits;
use crate::secret::Secret;

/// The key of a development issuer.
#[derive(Debug)]
pub struct DevKey {
    pair: EcdsaKeyPair,
    kid: String,
}

/// Why a development key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DevKeyError {
    /// The file cannot be read or written.
    #[error("the development key `{path}`: {source}")]
    File {
        /// The file.
        path: String,
        /// What happened.
        source: io::Error,
    },
    /// Others may read the file.
    #[error("the development key `{path}` can be read by others: chmod 600 it")]
    Open {
        /// The file.
        path: String,
    },
    /// Not a key of the right kind.
    #[error("the development key is not a P-256 key in PKCS#8 PEM")]
    Form,
    /// Making a key or a signature failed.
    #[error("the cryptography library failed")]
    Crypto,
}

/// What a development token says.
#[derive(Debug, Clone)]
pub struct Claims {
    /// `iss`
    pub issuer: String,
    /// `sub`
    pub subject: String,
    /// `client_id`
    pub client_id: String,
    /// `aud`
    pub audience: String,
    /// `scope`, separated by spaces; left out when empty.
    pub scope: String,
    /// `roles`; left out when empty.
    pub roles: Vec<String>,
    /// `iat`, seconds since the Unix epoch.
    pub issued_at_s: u64,
    /// `exp`, seconds since the Unix epoch.
    pub expires_at_s: u64,
}

/// A client that may get tokens by its own credentials.
#[derive(Debug, Clone)]
pub struct Client {
    /// `client_id`, also the `sub` of its tokens.
    pub id: String,
    /// `client_secret`; fixed and printed, it protects nothing.
    pub secret: String,
    /// Scopes that it may have.
    pub scope: String,
    /// Roles that its tokens carry.
    pub roles: Vec<String>,
}

impl DevKey {
    /// Draws a key.
    ///
    /// # Errors
    /// [`DevKeyError::Crypto`].
    pub fn generate() -> Result<Self, DevKeyError> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING);
        Self::of(pair.map_err(|_| DevKeyError::Crypto)?)
    }

    /// Reads a key from a PKCS#8 PEM file that only its owner can read.
    ///
    /// # Errors
    /// [`DevKeyError`].
    pub fn load(path: &Path) -> Result<Self, DevKeyError> {
        let failed = |source| DevKeyError::File { path: path.display().to_string(), source };
        let metadata = fs::metadata(path).map_err(failed)?;
        if metadata.permissions().mode() & OTHERS != 0 {
            return Err(DevKeyError::Open { path: path.display().to_string() });
        }
        if metadata.len() > limits::FILE_BYTES_MAX as u64 {
            return Err(DevKeyError::Form);
        }
        let pem = Secret::new(fs::read(path).map_err(failed)?);
        let der =
            PrivatePkcs8KeyDer::from_pem_slice(pem.expose()).map_err(|_| DevKeyError::Form)?;
        let pair =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der.secret_pkcs8_der());
        Self::of(pair.map_err(|_| DevKeyError::Form)?)
    }

    /// As [`DevKey::load`], or draws a key and writes it to `path` when there is no such file.
    ///
    /// # Errors
    /// [`DevKeyError`].
    pub fn load_or_create(path: &Path) -> Result<Self, DevKeyError> {
        match Self::load(path) {
            Err(DevKeyError::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                let key = Self::generate()?;
                key.save(path)?;
                Ok(key)
            }
            loaded => loaded,
        }
    }

    /// Its id: the JWK thumbprint.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// Its public half as a key set.
    #[must_use]
    pub fn jwks(&self) -> Value {
        let point = self.pair.public_key().as_ref();
        let (x, y) = point.get(1..).and_then(|xy| xy.split_at_checked(32)).unwrap_or_default();
        json!({"keys": [{
            "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": self.kid,
            "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y),
        }]})
    }

    /// Mints an access token (RFC 9068).
    ///
    /// # Errors
    /// [`DevKeyError::Crypto`].
    pub fn mint(&self, claims: &Claims) -> Result<String, DevKeyError> {
        let header = json!({"typ": "at+jwt", "alg": "ES256", "kid": self.kid});
        let mut body = json!({
            "iss": claims.issuer,
            "sub": claims.subject,
            "client_id": claims.client_id,
            "aud": claims.audience,
            "iat": claims.issued_at_s,
            "exp": claims.expires_at_s,
            "jti": uuid::Uuid::now_v7().to_string(),
        });
        if let Some(members) = body.as_object_mut() {
            if !claims.scope.is_empty() {
                members.insert("scope".to_owned(), claims.scope.as_str().into());
            }
            if !claims.roles.is_empty() {
                members.insert("roles".to_owned(), claims.roles.as_slice().into());
            }
        }
        let encode = |json: Value| URL_SAFE_NO_PAD.encode(json.to_string());
        let message = format!("{}.{}", encode(header), encode(body));
        let signature = self.pair.sign(&SystemRandom::new(), message.as_bytes());
        let signature = signature.map_err(|_| DevKeyError::Crypto)?;
        Ok(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    fn of(pair: EcdsaKeyPair) -> Result<Self, DevKeyError> {
        let kid = p256_thumbprint(pair.public_key().as_ref()).ok_or(DevKeyError::Form)?;
        Ok(Self { pair, kid })
    }

    fn save(&self, path: &Path) -> Result<(), DevKeyError> {
        let failed = |source| DevKeyError::File { path: path.display().to_string(), source };
        let der = self.pair.to_pkcs8v1().map_err(|_| DevKeyError::Crypto)?;
        let text = zeroize::Zeroizing::new(STANDARD.encode(der.as_ref()));
        // `create_new`: a file that appeared meanwhile is not overwritten.
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .map_err(failed)?;
        writeln!(file, "-----BEGIN PRIVATE KEY-----").map_err(failed)?;
        for line in text.as_bytes().chunks(PEM_LINE_BYTES) {
            file.write_all(line).and_then(|()| file.write_all(b"\n")).map_err(failed)?;
        }
        writeln!(file, "-----END PRIVATE KEY-----").map_err(failed)
    }
}

/// Serves key set, metadata and tokens on a loopback port that the system chooses, until `stop`.
///
/// # Errors
/// When no loopback port can be bound.
pub async fn start(
    key: DevKey,
    clients: Vec<Client>,
    stop: CancellationToken,
) -> io::Result<SocketAddr> {
    let bind = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    start_at(bind, key, clients, Clock::system(), stop).await
}

/// As [`start`], at an address and by a clock of the caller's choice.
///
/// # Errors
/// [`io::ErrorKind::AddrNotAvailable`] for an address that is not loopback; else when it cannot
/// be bound.
pub async fn start_at(
    bind: SocketAddr,
    key: DevKey,
    clients: Vec<Client>,
    clock: Clock,
    stop: CancellationToken,
) -> io::Result<SocketAddr> {
    if !bind.ip().is_loopback() {
        let message = "a development issuer is never served beyond loopback";
        return Err(io::Error::new(io::ErrorKind::AddrNotAvailable, message));
    }
    let listener = TcpListener::bind(bind).await?;
    let address = listener.local_addr()?;
    tracing::warn!(%address, "development issuer: development only, never for production");
    let issuer = Arc::new(Issuer { url: format!("http://{address}"), key, clients, clock });
    tokio::spawn(accept(listener, issuer, stop));
    Ok(address)
}

#[derive(Debug)]
struct Issuer {
    url: String,
    key: DevKey,
    clients: Vec<Client>,
    clock: Clock,
}

async fn accept(listener: TcpListener, issuer: Arc<Issuer>, stop: CancellationToken) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = connections.join_next() => {}
            Ok((stream, _)) = listener.accept(), if connections.len() < CONNECTIONS_MAX => {
                let issuer = Arc::clone(&issuer);
                connections.spawn(async move {
                    let service = service_fn(|request| issuer.answer(request));
                    // A client that goes away in the middle is its own affair.
                    let _ = http1::Builder::new()
                        .timer(TokioTimer::new())
                        .header_read_timeout(Duration::from_millis(limits::HEAD_MS))
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        }
    }
    connections.shutdown().await;
}

impl Issuer {
    async fn answer(
        &self,
        request: Request<Incoming>,
    ) -> Result<Response<Full<Bytes>>, Infallible> {
        let get = request.method() == Method::GET;
        let (status, body) = match request.uri().path() {
            "/jwks" if get => (StatusCode::OK, self.key.jwks()),
            "/.well-known/oauth-authorization-server" | "/.well-known/openid-configuration"
                if get =>
            {
                (StatusCode::OK, self.metadata())
            }
            "/token" if request.method() == Method::POST => match self.token(request).await {
                Ok(token) => (StatusCode::OK, token),
                Err(refused) => refused.answer(),
            },
            _ => (StatusCode::NOT_FOUND, json!({"error": "not_found"})),
        };
        let mut response = Response::new(Full::from(body.to_string()));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        Ok(response)
    }

    /// RFC 8414 and OpenID Connect Discovery in one, as far as there is anything to say.
    fn metadata(&self) -> Value {
        let url = &self.url;
        json!({
            "issuer": url,
            "jwks_uri": format!("{url}/jwks"),
            "token_endpoint": format!("{url}/token"),
            "grant_types_supported": ["client_credentials"],
            "response_types_supported": [],
            "token_endpoint_auth_methods_supported":
                ["client_secret_post", "client_secret_basic"],
            "service_documentation": "development only, never for production",
        })
    }

    /// RFC 6749 section 4.4 with RFC 8707.
    async fn token(&self, request: Request<Incoming>) -> Result<Value, Refused> {
        let (head, body) = request.into_parts();
        let body = Limited::new(body, TOKEN_REQUEST_BYTES_MAX).collect();
        let body = tokio::time::timeout(Duration::from_millis(limits::BODY_MS), body).await;
        let body = body.map_err(|_| Refused::Request)?.map_err(|_| Refused::Request)?.to_bytes();
        let form = Form::read(&body)?;
        if form.one("grant_type")? != Some("client_credentials") {
            return Err(Refused::Grant);
        }
        let client = self.client(&head.headers, &form)?;
        let resource = form.one("resource")?.ok_or(Refused::Target)?;
        let scope = match form.one("scope")? {
            None => client.scope.clone(),
            Some(asked) => within(asked, &client.scope).ok_or(Refused::Scope)?,
        };
        let now = self.clock.unix_s();
        let token = self.key.mint(&Claims {
            issuer: self.url.clone(),
            subject: client.id.clone(),
            client_id: client.id.clone(),
            audience: resource.to_owned(),
            scope: scope.clone(),
            roles: client.roles.clone(),
            issued_at_s: now,
            expires_at_s: now.saturating_add(TOKEN_LIFETIME_S),
        });
        Ok(json!({
            "access_token": token.map_err(|_| Refused::Request)?,
            "token_type": "Bearer",
            "expires_in": TOKEN_LIFETIME_S,
            "scope": scope,
        }))
    }

    /// RFC 6749 section 2.3.1: by HTTP Basic or in the form, not both.
    fn client(&self, headers: &HeaderMap, form: &Form) -> Result<&Client, Refused> {
        let in_form = form.one("client_id")?.zip(form.one("client_secret")?);
        let (id, secret) = match (basic(headers), in_form) {
            (Some(credentials), None) => credentials,
            (None, Some((id, secret))) => (id.to_owned(), secret.to_owned()),
            (Some(_), Some(_)) | (None, None) => return Err(Refused::Client),
        };
        let found = self.clients.iter().find(|client| client.id == id);
        found
            .filter(|c| Secret::new(c.secret.clone().into_bytes()).matches(secret.as_bytes()))
            .ok_or(Refused::Client)
    }
}

/// Why no token is given, in the words of RFC 6749 section 5.2 and RFC 8707 section 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refused {
    Request,
    Client,
    Grant,
    Scope,
    Target,
}

impl Refused {
    fn answer(self) -> (StatusCode, Value) {
        let (status, error) = match self {
            Self::Request => (StatusCode::BAD_REQUEST, "invalid_request"),
            Self::Client => (StatusCode::UNAUTHORIZED, "invalid_client"),
            Self::Grant => (StatusCode::BAD_REQUEST, "unsupported_grant_type"),
            Self::Scope => (StatusCode::BAD_REQUEST, "invalid_scope"),
            Self::Target => (StatusCode::BAD_REQUEST, "invalid_target"),
        };
        (status, json!({"error": error, "error_description": "development issuer"}))
    }
}

/// A form (RFC 6749 appendix B).
struct Form(Vec<(String, String)>);

impl Form {
    fn read(body: &[u8]) -> Result<Self, Refused> {
        std::str::from_utf8(body).map_err(|_| Refused::Request)?;
        Ok(Self(url::form_urlencoded::parse(body).into_owned().collect()))
    }

    /// A parameter that must not stand twice (RFC 6749 section 3.2).
    fn one(&self, name: &str) -> Result<Option<&str>, Refused> {
        let mut values = self.0.iter().filter(|(n, _)| n == name).map(|(_, v)| v.as_str());
        let first = values.next();
        if values.next().is_some() { Err(Refused::Request) } else { Ok(first) }
    }
}

fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, credentials) = value.split_once(' ')?;
    let text = String::from_utf8(STANDARD.decode(credentials.trim()).ok()?).ok()?;
    let (id, secret) = text.split_once(':').filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
    Some((id.to_owned(), secret.to_owned()))
}

/// `asked`, if every scope in it is among `allowed`.
fn within(asked: &str, allowed: &str) -> Option<String> {
    let all = asked.split(' ').all(|scope| allowed.split(' ').any(|a| a == scope));
    all.then(|| asked.to_owned())
}

/// Connections of the development issuer at once: one walker, some `curl`s.
const CONNECTIONS_MAX: usize = 32;

/// Bytes of a token request: five short parameters.
const TOKEN_REQUEST_BYTES_MAX: usize = 8 * 1024;

/// Lifetime of a token that the development issuer gives: one afternoon of trying things.
const TOKEN_LIFETIME_S: u64 = 4 * 3600;

const PEM_LINE_BYTES: usize = 64;

/// Permission bits of everybody but the owner.
const OTHERS: u32 = 0o077;
