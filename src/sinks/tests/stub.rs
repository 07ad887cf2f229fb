//! A strict HTTP/1.1 receiver that answers as it is told, over TCP or TLS.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rcgen::{CertificateParams, DnType, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use url::Url;

use crate::config::{Sink, SinkFormat, SinkHttp, SinkSubjects, SinkTarget, SinkTls};
use crate::sinks::testing::{Dir, line};
use crate::sinks::{Files, Pace, Sinks};

/// One request as it came.
#[derive(Debug, Clone)]
pub struct Request {
    pub method: String,
    pub target: String,
    pub head: String,
    pub body: String,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines();
        lines.find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }
}

/// What the stub does with a request.
#[derive(Debug, Clone)]
pub enum Do {
    /// Status line without the version, further header lines, body.
    Answer(&'static str, &'static str, String),
    /// Half an answer, then the connection is gone.
    CutAnswer,
    /// The connection goes before the body was read.
    CutRequest,
    /// Not HTTP.
    Garbage,
    /// Never answers.
    Silence,
}

pub fn good() -> Do {
    Do::Answer("200 OK", "", "{}".to_owned())
}

type Answers = dyn FnMut(&Request) -> Do + Send;

/// The receiver.
pub struct Stub {
    pub address: SocketAddr,
    pub requests: Arc<Mutex<Vec<Request>>>,
    pub ca_pem: Option<String>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Stub {
    /// Plays `script`, then `otherwise`.
    pub async fn playing(script: impl IntoIterator<Item = Do>, otherwise: Do) -> Self {
        let mut script: VecDeque<Do> = script.into_iter().collect();
        Self::with(move |_| script.pop_front().unwrap_or_else(|| otherwise.clone())).await
    }

    pub async fn with(answers: impl FnMut(&Request) -> Do + Send + 'static) -> Self {
        Self::start(Box::new(answers), None).await
    }

    pub async fn with_tls(answers: impl FnMut(&Request) -> Do + Send + 'static) -> Self {
        let (ca_pem, acceptor) = authority();
        let mut stub = Self::start(Box::new(answers), Some(acceptor)).await;
        stub.ca_pem = Some(ca_pem);
        stub
    }

    async fn start(answers: Box<Answers>, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (seen, answers) = (Arc::clone(&requests), Arc::new(Mutex::new(answers)));
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (seen, answers, tls) = (Arc::clone(&seen), Arc::clone(&answers), tls.clone());
                connections.spawn(async move {
                    match tls {
                        None => serve(stream, &seen, &answers).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                serve(stream, &seen, &answers).await;
                            }
                        }
                    }
                });
            }
        });
        Self { address, requests, ca_pem: None, task }
    }

    pub fn http(&self, path: &str) -> SinkHttp {
        let scheme = if self.ca_pem.is_some() { "https" } else { "http" };
        let url = Url::parse(&format!("{scheme}://{}{path}", self.address)).unwrap();
        let ca_pem = self.ca_pem.as_ref().map(|pem| Arc::from(pem.as_bytes()));
        SinkHttp { url, tls: SinkTls { ca_pem, identity: None } }
    }

    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    seen: &Mutex<Vec<Request>>,
    answers: &Mutex<Box<Answers>>,
) {
    loop {
        let mut bytes = Vec::new();
        let head_end = loop {
            if let Some(at) = memchr::memmem::find(&bytes, b"\r\n\r\n") {
                break at;
            }
            let mut chunk = [0; 4096];
            match stream.read(&mut chunk).await {
                Ok(0) | Err(_) => return,
                Ok(count) => bytes.extend_from_slice(&chunk[..count]),
            }
        };
        let head = String::from_utf8(bytes[..head_end].to_vec()).unwrap();
        let first = head.lines().next().unwrap().strip_suffix(" HTTP/1.1").unwrap().to_owned();
        let (method, target) = first.split_once(' ').unwrap();
        let (method, target) = (method.to_owned(), target.to_owned());
        let mut request = Request { method, target, head, body: String::new() };
        assert!(request.header("host").is_some() && request.header("transfer-encoding").is_none());
        // Only buckets are asked otherwise than by a POST.
        let signed = request.header("authorization").is_some_and(|a| a.starts_with("AWS4-"));
        assert!(request.method == "POST" || signed, "{}", request.head);
        let length = request.header("content-length").map_or(0, |length| length.parse().unwrap());
        assert!(length > 0 || request.method == "GET");
        let mut body = bytes[head_end + 4..].to_vec();
        while body.len() < length {
            let mut chunk = [0; 65536];
            match stream.read(&mut chunk).await {
                Ok(0) | Err(_) => return,
                Ok(count) => body.extend_from_slice(&chunk[..count]),
            }
        }
        assert_eq!(body.len(), length, "one request at a time");
        request.body = String::from_utf8(body).unwrap();
        let act = (answers.lock().unwrap())(&request);
        seen.lock().unwrap().push(request);
        match act {
            Do::Answer(status, headers, body) => {
                let length = body.len();
                let text =
                    format!("HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\n\r\n{body}");
                if stream.write_all(text.as_bytes()).await.is_err() {
                    return;
                }
                let _ = stream.flush().await;
            }
            Do::CutAnswer => {
                let _ =
                    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf").await;
                let _ = stream.shutdown().await;
                return;
            }
            Do::CutRequest => return,
            Do::Garbage => {
                let _ = stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n").await;
                let _ = stream.shutdown().await;
                return;
            }
            Do::Silence => std::future::pending::<()>().await,
        }
    }
}

/// An authority and a certificate of it for this machine, PEM.
pub struct Pems {
    pub ca: String,
    pub cert: String,
    pub key: String,
}

pub fn pems() -> Pems {
    let ca_key = KeyPair::generate().unwrap();
    let mut ca = CertificateParams::default();
    ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    ca.distinguished_name.push(DnType::CommonName, "sink test authority");
    let ca_cert = ca.self_signed(&ca_key).unwrap();
    let issuer = Issuer::new(ca, ca_key);
    let key = KeyPair::generate().unwrap();
    let names = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
    let leaf = CertificateParams::new(names).unwrap().signed_by(&key, &issuer).unwrap();
    Pems { ca: ca_cert.pem(), cert: leaf.pem(), key: key.serialize_pem() }
}

/// The authority, and an acceptor with a certificate of it.
pub fn authority() -> (String, TlsAcceptor) {
    let Pems { ca, cert, key } = pems();
    let chain = vec![CertificateDer::from_pem_slice(cert.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    (ca, TlsAcceptor::from(Arc::new(config)))
}

/// A log with `count` durable records.
pub fn log(count: u64) -> Dir {
    let dir = Dir::new();
    let text: String = (1..=count).map(|seq| format!("{}\n", line(seq))).collect();
    dir.write("audit.jsonl", &text);
    dir
}

pub fn sink(target: SinkTarget) -> Sink {
    Sink {
        name: "siem".into(),
        format: SinkFormat::Json,
        subjects: SinkSubjects::Sealed,
        batch_records: 8,
        batch_bytes: 1 << 20,
        batch_wait: None,
        timeout: Duration::from_millis(400),
        target,
    }
}

pub fn quick() -> Pace {
    let ms = Duration::from_millis;
    Pace { linger: ms(1), poll: ms(20), backoff_min: ms(1), backoff_max: ms(8) }
}

pub fn running(dir: &Dir, durable: u64, list: &[Sink]) -> Sinks {
    let sinks = Sinks::new(dir.path(), durable, quick());
    sinks.install(sinks.prepare(list).unwrap());
    sinks
}

/// Runs a sink over a log until everything is settled; its status then.
pub async fn shipped(dir: &Dir, durable: u64, sink: Sink) -> crate::sinks::Status {
    let sinks = running(dir, durable, &[sink]);
    sinks.close(Duration::from_secs(30)).await;
    let status = sinks.status().remove(0);
    assert_eq!(status.lag_records, 0, "{status:?}");
    assert_eq!(Files::new(dir.path(), "siem").cursor().unwrap().unwrap().seq, durable);
    status
}

/// The numbers of the records in bodies of JSON lines.
pub fn numbers(bodies: &str) -> Vec<u64> {
    bodies.lines().filter_map(|line| crate::sinks::number(line.as_bytes())).collect()
}
