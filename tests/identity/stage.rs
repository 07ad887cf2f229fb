//! A gateway with a real identity provider in front of a real MCP server.

use std::ffi::{OsStr, OsString};
use std::net::TcpStream;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
};
use serde_json::{Value, json};

use crate::http::exchange;
use crate::support::{Peer, Scratch, Visit, free_port, installed, node};

/// The place of one gateway: its files, address and authority.
pub struct Stage {
    pub dir: Scratch,
    pub ca: PathBuf,
    port: u16,
}

/// A running gateway.
pub struct Gateway {
    _peer: Peer,
}

/// A running `oidc-provider` (see `oidc/oidc-provider.mjs` for what it can be told).
pub struct Provider {
    told: Value,
    _peer: Peer,
}

/// The official SDKs with their own OAuth clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Client {
    /// TypeScript 1.x.
    Ts1,
    /// TypeScript 2.x as it comes: 2025-era.
    Ts2,
    /// TypeScript 2.x that speaks 2026-07-28 and nothing else.
    Ts2Modern,
    /// Python 1.x.
    Py1,
    /// Python 2.x of the 2025 era.
    Py2Legacy,
    /// Python 2.x that speaks 2026-07-28 and nothing else.
    Py2Modern,
}

impl Stage {
    pub fn new() -> Self {
        let dir = Scratch::new();
        let ca = make_certificates(&dir);
        Self { dir, ca, port: free_port() }
    }

    /// The public URL of `path` for a gateway with TLS.
    pub fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.port)
    }

    /// The public URL of `path` for a gateway without.
    pub fn plain_url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// A gateway with TLS that trusts the issuers of these lines.
    pub fn gateway(&self, issuers: &str, servers: &str) -> Gateway {
        self.run(
            &format!("tls: {{ cert: tls.crt, key: tls.key }}\n{issuers}\nservers:\n{servers}"),
            &[],
        )
    }

    /// The same, and it knows client certificates of this authority.
    pub fn gateway_for_clients_of(&self, ca: &Path, issuers: &str, servers: &str) -> Gateway {
        let tls = format!("{{ cert: tls.crt, key: tls.key, client_ca: '{}' }}", ca.display());
        self.run(&format!("tls: {tls}\n{issuers}\nservers:\n{servers}"), &[])
    }

    /// As [`Self::gateway`], without TLS.
    pub fn plain_gateway(&self, issuers: &str, servers: &str) -> Gateway {
        self.run(&format!("{issuers}\nservers:\n{servers}"), &[])
    }

    /// The same, and it trusts the authority of this stage, as that of a company in the system's
    /// store.
    pub fn trusting_gateway(&self, issuers: &str, servers: &str) -> Gateway {
        let trust = [("SSL_CERT_FILE", self.ca.to_str().unwrap())];
        self.run(&format!("{issuers}\nservers:\n{servers}"), &trust)
    }

    fn run(&self, rest: &str, env: &[(&str, &str)]) -> Gateway {
        let admin = free_port();
        // All clients share one address here, and some hammer.
        let config = format!(
            "listen: 127.0.0.1:{}\nadmin: {{ listen: 127.0.0.1:{admin} }}\n\
             limits: {{ per_address: 100000/s }}\naudit: {{ dir: audit }}\n{rest}\n",
            self.port
        );
        let file = self.dir.path("sallyport.yaml");
        std::fs::write(&file, config).unwrap();
        let command = [
            OsStr::new(env!("CARGO_BIN_EXE_sallyport")),
            "run".as_ref(),
            "--config".as_ref(),
            file.as_os_str(),
        ];
        let mut peer = Peer::start("gateway", &command, &self.dir, env);
        let ready = format!("http://127.0.0.1:{admin}/readyz");
        peer.wait_until("ready", || {
            TcpStream::connect(("127.0.0.1", admin)).is_ok()
                && exchange("GET", &ready, &[], "").status == 200
        });
        Gateway { _peer: peer }
    }
}

impl Provider {
    pub fn start(dir: &Scratch, options: &Value) -> Self {
        let mut command = node("oidc-provider.mjs");
        command.push(options.to_string().into());
        let command: Vec<&OsStr> = command.iter().map(OsString::as_os_str).collect();
        let (peer, line) = Peer::start_and_hear("provider", &command, dir);
        Self { told: serde_json::from_str(&line).unwrap(), _peer: peer }
    }

    pub fn issuer(&self) -> &str {
        self.told("issuer")
    }

    /// A member of what it said when it began to serve.
    pub fn told(&self, name: &str) -> &str {
        self.told[name].as_str().unwrap()
    }

    /// The secret of a client that was known from the start.
    pub fn secret(&self, client: &str) -> &str {
        self.told["secrets"][client].as_str().unwrap()
    }

    /// A token of a client that was known from the start, for one resource.
    pub fn token(&self, client: &str, scope: &str, resource: &str) -> String {
        let secret = self.secret(client);
        let form = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "client_credentials")
            .append_pair("client_id", client)
            .append_pair("client_secret", secret)
            .append_pair("scope", scope)
            .append_pair("resource", resource)
            .finish();
        let answer = exchange("POST", self.told("token_endpoint"), &[], &form).json();
        answer["access_token"].as_str().unwrap_or_else(|| panic!("no token: {answer}")).to_owned()
    }

    /// Tells the provider to do something.
    pub fn control(&self, action: &str, body: &Value) -> Value {
        let url = format!("{}/{action}", self.told("control"));
        let answer = exchange("POST", &url, &[], &body.to_string());
        assert_eq!(answer.status, 200, "{answer:#?}");
        answer.json()
    }

    /// What was asked of `route`, oldest first.
    pub fn seen(&self, route: &str) -> Vec<Value> {
        let url = format!("{}/seen?route={route}", self.told("control"));
        let Value::Array(requests) = exchange("GET", &url, &[], "").json()["requests"].take()
        else {
            panic!("no list of requests")
        };
        requests
    }
}

impl Client {
    pub fn visit(self, url: &str, ca: &Path, steps: &Value) -> Visit {
        let python = |line: &str| {
            vec![installed(&format!("{line}/bin/python")).into(), source("py-oauth.py").into()]
        };
        let (command, era) = match self {
            Self::Ts1 => (node("ts1-oauth.mjs"), None),
            Self::Ts2 => (node("ts2-oauth.mjs"), None),
            Self::Ts2Modern => (node("ts2-oauth.mjs"), Some("2026-07-28")),
            Self::Py1 => (python("py1"), None),
            Self::Py2Legacy => (python("py2"), Some("legacy")),
            Self::Py2Modern => (python("py2"), Some("2026-07-28")),
        };
        let mut job = json!({ "url": url, "ca": ca, "steps": steps });
        if let Some(era) = era {
            job["era"] = era.into();
        }
        Visit::of(&command, Some(ca), &job)
    }

    /// Whether it speaks 2026-07-28, and so unites what a challenge names with what it has.
    pub fn is_modern(self) -> bool {
        matches!(self, Self::Ts2Modern | Self::Py2Modern)
    }
}

/// A file of this folder.
pub fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/identity").join(name)
}

/// An authority, and a server certificate of it for loopback; returns the authority's file.
fn make_certificates(dir: &Scratch) -> PathBuf {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, "Sallyport identity test authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();

    let mut params = CertificateParams::new(["localhost", "127.0.0.1"].map(String::from)).unwrap();
    params.distinguished_name.push(DnType::CommonName, "localhost");
    // Python's strict verification asks for it (RFC 5280 section 4.2.1.1).
    params.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate().unwrap();
    let leaf = params.signed_by(&key, &ca).unwrap();

    let file = dir.path("ca.pem");
    std::fs::write(dir.path("tls.crt"), leaf.pem()).unwrap();
    std::fs::write(dir.path("tls.key"), key.serialize_pem()).unwrap();
    std::fs::write(&file, ca.pem()).unwrap();
    file
}
