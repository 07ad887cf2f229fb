//! One HTTP/1.1 exchange on a loopback connection of its own: for providers, their control and
//! gateways.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::Value;

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: String,
    head: String,
}

/// A TLS connection: whom to trust, and the certificate and key to show.
#[derive(Debug, Clone, Copy)]
pub struct Tls<'a> {
    pub ca: &'a Path,
    pub shown: Option<(&'a Path, &'a Path)>,
}

impl Answer {
    /// The values of all headers of this name, each on a line.
    pub fn header(&self, name: &str) -> String {
        let fields = self.head.lines().filter_map(|line| line.split_once(": "));
        let named = fields.filter(|(field, _)| field.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value).collect::<Vec<_>>().join("\n")
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error} in {self:#?}"))
    }
}

/// Sends `body` with the media type of its form: JSON when it begins with a brace.
#[track_caller]
pub fn exchange(method: &str, url: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let (stream, request) = prepared(method, url, headers, body);
    answered(stream, &request)
}

/// As [`exchange`], over TLS.
#[track_caller]
pub fn exchange_over(
    tls: Tls<'_>,
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Answer {
    let (stream, request) = prepared(method, url, headers, body);
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(tls.ca).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let config = match tls.shown {
        None => config.with_no_client_auth(),
        Some((chain, key)) => {
            let chain = vec![CertificateDer::from_pem_file(chain).unwrap()];
            config.with_client_auth_cert(chain, PrivateKeyDer::from_pem_file(key).unwrap()).unwrap()
        }
    };
    let host = url::Url::parse(url).unwrap().host_str().unwrap().to_owned();
    let connection = ClientConnection::new(Arc::new(config), host.try_into().unwrap()).unwrap();
    answered(StreamOwned::new(connection, stream), &request)
}

/// A connection, and what is to be sent on it.
#[track_caller]
fn prepared(method: &str, url: &str, headers: &[(&str, &str)], body: &str) -> (TcpStream, String) {
    let url = url::Url::parse(url).unwrap();
    let authority = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap());
    let media = if body.starts_with('{') {
        "application/json"
    } else {
        "application/x-www-form-urlencoded"
    };
    let mut request = format!(
        "{method} {}{} HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n",
        url.path(),
        url.query().map(|query| format!("?{query}")).unwrap_or_default(),
    );
    if method != "GET" {
        request += &format!("content-type: {media}\r\ncontent-length: {}\r\n", body.len());
    }
    for (name, value) in headers {
        request += &format!("{name}: {value}\r\n");
    }
    let stream = TcpStream::connect(&authority).unwrap();
    stream.set_read_timeout(Some(ANSWER_MAX)).unwrap();
    (stream, format!("{request}\r\n{body}"))
}

#[track_caller]
fn answered(mut stream: impl Read + Write, request: &str) -> Answer {
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("cut: {answer}"));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    let chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
    Answer {
        status: status.unwrap_or_else(|| panic!("no status: {head}")),
        body: if chunked { joined(body) } else { body.to_owned() },
        head: head.to_owned(),
    }
}

/// The content of chunks (RFC 9112 section 7.1).
fn joined(mut chunks: &str) -> String {
    let mut whole = String::new();
    while let Some((size, rest)) = chunks.split_once("\r\n") {
        let size = usize::from_str_radix(size.trim(), 16).unwrap();
        let (chunk, rest) = rest.split_at(size);
        whole += chunk;
        chunks = rest.strip_prefix("\r\n").unwrap_or(rest);
        if size == 0 {
            break;
        }
    }
    whole
}

const ANSWER_MAX: Duration = Duration::from_secs(20);
