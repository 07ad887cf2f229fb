//! HTTP towards a receiver.
//!
//! Owns the connection, its TLS and its bounds, and the one reading of what a status means for a
//! batch. Guarantees: redirects are not followed, certificates are verified against the sink's own
//! authorities or the system's, every request ends within its time, and an answer is read up to
//! its bound. Nothing here says what a body held, except to the file of rejected records.

pub use crate::limits::{SINK_ANSWER_BYTES_MAX, SINK_CONNECT_MS};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{self, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use url::Url;

use super::SinkError;
use super::backoff::retry_after;
use super::delivery::Delivery;
use crate::config::{SinkHttp, SinkTls};
use crate::limits::{UPSTREAM_HEAD_BYTES_MAX, UPSTREAM_IDLE_CONNECTION_MS};
use crate::outbound::Identity;

/// A client of one receiver.
pub(crate) struct Http {
    client: legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    url: Url,
    timeout: Duration,
    answer_bytes_max: usize,
}

/// An answer as it came.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    /// How long the receiver wants to be left alone, if it said so.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        let after = self.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        after.and_then(|value| retry_after(value, SystemTime::now()))
    }
}

/// What the receiver said, read for a whole batch.
#[derive(Debug)]
pub(crate) enum Reply {
    /// Status 200 to 299, and the body.
    Good(Bytes),
    /// 400, 413 or 422, and the body: it is about what was sent.
    Refused(StatusCode, Bytes),
    /// Anything else: try again.
    Again(Delivery),
}

impl Http {
    pub(crate) fn new(config: &SinkHttp, timeout: Duration) -> Result<Self, SinkError> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(Duration::from_millis(SINK_CONNECT_MS)));
        // Whether plain http is allowed was decided when the configuration was checked.
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls(&config.tls)?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let client = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_millis(UPSTREAM_IDLE_CONNECTION_MS))
            .pool_max_idle_per_host(1)
            .http1_max_buf_size(UPSTREAM_HEAD_BYTES_MAX)
            .build(connector);
        let answer_bytes_max = SINK_ANSWER_BYTES_MAX;
        Ok(Self { client, url: config.url.clone(), timeout, answer_bytes_max })
    }

    /// With another bound for answers.
    pub(crate) fn answers_up_to(self, answer_bytes_max: usize) -> Self {
        Self { answer_bytes_max, ..self }
    }

    /// The receiver's address with a path behind its own.
    pub(crate) fn url(&self, path: &str) -> Url {
        let mut url = self.url.clone();
        if !path.is_empty() {
            url.set_path(&format!("{}{path}", url.path().trim_end_matches('/')));
        }
        url
    }

    /// Posts a body and reads what comes back.
    pub(crate) async fn post(
        &self,
        url: &Url,
        media_type: &'static str,
        headers: HeaderMap,
        body: Bytes,
    ) -> Reply {
        let mut headers = headers;
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        match self.send(Method::POST, url, headers, body).await {
            Ok(answer) => read(answer),
            Err(reason) => Reply::Again(Delivery::again(reason)),
        }
    }

    /// Sends a request and reads the answer, whatever its status; why there is none, in words that
    /// hold nothing of the body.
    pub(crate) async fn send(
        &self,
        method: Method,
        url: &Url,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Answer, String> {
        let work = self.talk(method, url, headers, body);
        tokio::time::timeout(self.timeout, work).await.unwrap_or_else(|_| {
            Err(format!("no complete answer within {} ms", self.timeout.as_millis()))
        })
    }

    async fn talk(
        &self,
        method: Method,
        url: &Url,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Answer, String> {
        let request = Request::builder().method(method).uri(url.as_str());
        let mut request = request.body(Full::new(body)).map_err(|error| error.to_string())?;
        let own = request.headers_mut();
        *own = headers;
        own.remove(HOST);
        own.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        let answer = self.client.request(request).await.map_err(|error| whole(&error))?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, self.answer_bytes_max).collect().await;
        let body = body.map_err(|error| {
            if error.is::<LengthLimitError>() {
                format!("the answer is larger than {} bytes", self.answer_bytes_max)
            } else {
                "the answer was cut".to_owned()
            }
        })?;
        Ok(Answer { status: head.status, headers: head.headers, body: body.to_bytes() })
    }
}

fn read(answer: Answer) -> Reply {
    if answer.status.is_success() {
        return Reply::Good(answer.body);
    }
    match answer.status {
        StatusCode::BAD_REQUEST
        | StatusCode::PAYLOAD_TOO_LARGE
        | StatusCode::UNPROCESSABLE_ENTITY => Reply::Refused(answer.status, answer.body),
        // Wrong credentials, a wrong path, an overload: nothing that a record could help.
        _ => {
            let after = answer.retry_after();
            let reason = format!("status {}", answer.status.as_u16());
            Reply::Again(Delivery::Again { reason, after })
        }
    }
}

/// What a receiver said of a record that it refused; for the file of rejected records.
pub(super) fn refusal(status: StatusCode, body: &[u8]) -> String {
    let said = String::from_utf8_lossy(body.get(..body.len().min(SAID_BYTES)).unwrap_or_default());
    format!("status {}: {said}", status.as_u16())
}

/// Client settings for TLS towards a receiver.
pub(crate) fn tls(config: &SinkTls) -> Result<ClientConfig, SinkError> {
    let SinkTls { ca_pem, identity } = config;
    let mut roots = RootCertStore::empty();
    match ca_pem {
        // Its own authorities replace the system's: a sink is one place.
        Some(pem) => {
            for certificate in CertificateDer::pem_slice_iter(pem) {
                let certificate = certificate.map_err(|_| SinkError::Authorities)?;
                roots.add(certificate).map_err(|_| SinkError::Authorities)?;
            }
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| SinkError::Tls)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    match identity {
        None => Ok(config),
        Some((chain, key)) => {
            let identity = Identity::from_pem(chain, key.expose());
            Ok(identity.map_err(|_| SinkError::Identity)?.over(config))
        }
    }
}

/// An error and its causes: the outermost alone says "client error (Connect)".
fn whole(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        next = cause.source();
    }
    text
}

const AGENT: &str = concat!("sallyport/", env!("CARGO_PKG_VERSION"));
/// What is kept of an answer that refuses.
const SAID_BYTES: usize = 400;
