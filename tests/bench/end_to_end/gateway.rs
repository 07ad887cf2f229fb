//! The gateway as a process of its own, with every gate on, and what it needs to start.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
use rustls::{ClientConfig, RootCertStore};

use super::client::Client;
use crate::keys::Signer;

/// The name under which the gateway is served.
pub const HOST: &str = "gateway.test";
const ISSUER: &str = "https://issuer.test";
const AUDIENCE: &str = "https://gateway.test/mcp";

/// Certificate of the gateway and key of the issuer; both end with the run.
pub struct Pki {
    cert: rcgen::Certificate,
    key: rcgen::KeyPair,
    issuer: Signer,
}

impl Pki {
    pub fn new() -> Self {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(vec![HOST.to_owned()]).unwrap();
        let cert = params.self_signed(&key).unwrap();
        Self { cert, key, issuer: Signer::es256() }
    }

    /// A token of this person.
    pub fn token(&self, subject: &str) -> String {
        let claims = format!(
            r#"{{"iss":"{ISSUER}","aud":"{AUDIENCE}","sub":"{subject}","client_id":"bench","jti":"1","iat":1790000000,"exp":4000000000,"scope":"tools:call"}}"#
        );
        self.issuer.sign(&B64.encode(r#"{"alg":"ES256","typ":"at+jwt","kid":"1"}"#), &claims)
    }

    /// How a client trusts the gateway.
    pub fn tls(&self) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.cert.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Arc::new(config)
    }
}

/// A running gateway; ends with its value.
pub struct Gateway {
    child: Child,
    address: SocketAddr,
    dir: PathBuf,
}

impl Gateway {
    /// Starts it in front of `upstream` with its audit trail on the disk of the build directory.
    /// `concurrency` is of `limits`: exchanges and streams at once.
    pub fn start(pki: &Pki, upstream: SocketAddr, durability: &str, concurrency: &str) -> Self {
        let root = Path::new(env!("CARGO_TARGET_TMPDIR"));
        Self::start_in(root, pki, upstream, durability, concurrency)
    }

    /// Starts it with its audit trail in a directory under `root`.
    pub fn start_in(
        root: &Path,
        pki: &Pki,
        upstream: SocketAddr,
        durability: &str,
        concurrency: &str,
    ) -> Self {
        let dir = root.join(format!("bench-gateway-{durability}-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        write(&dir, "tls.pem", &pki.cert.pem());
        write(&dir, "tls.key", &pki.key.serialize_pem());
        write(&dir, "jwks.json", &pki.issuer.jwks());
        write(&dir, "sallyport.yaml", &config(upstream, durability, concurrency));
        let mut child = Command::new(program())
            .args(["run", "--no-watch", "--config"])
            .arg(dir.join("sallyport.yaml"))
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let address = listening(&mut child);
        Self { child, address, dir }
    }

    #[allow(dead_code, reason = "one of the two benches has clients of its own")]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    #[allow(dead_code, reason = "one of the two benches has clients of its own")]
    pub fn client(&self, pki: &Pki) -> Client {
        Client::tls(self.address, pki.tls(), pki.token("user-1"))
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// Reads the log until it says where the gateway listens, then keeps reading, so that the
/// gateway never waits for its log.
fn listening(child: &mut Child) -> SocketAddr {
    let mut log = BufReader::new(child.stderr.take().unwrap());
    let mut seen = String::new();
    let address = loop {
        let mut line = String::new();
        assert_ne!(log.read_line(&mut line).unwrap(), 0, "the gateway did not start:\n{seen}");
        let event: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
        if event["message"] == "listening" {
            break event["address"].as_str().unwrap().parse().unwrap();
        }
        seen.push_str(&line);
    };
    std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
    address
}

/// The gateway to measure: this build's, unless `SALLYPORT_BINARY` names another.
fn program() -> PathBuf {
    std::env::var_os("SALLYPORT_BINARY")
        .map_or_else(|| env!("CARGO_BIN_EXE_sallyport").into(), PathBuf::from)
}

fn config(upstream: SocketAddr, durability: &str, concurrency: &str) -> String {
    format!(
        r#"listen: 127.0.0.1:0
tls: {{ cert: tls.pem, key: tls.key }}
admin: off
log: {{ filter: info, format: json }}
limits: {{ per_address: 1000000/s }}
issuers:
  - issuer: {ISSUER}
    keys: {{ file: jwks.json }}
    algorithms: [ES256]
audit: {{ dir: audit, durability: {durability} }}
servers:
  - name: bench
    public_url: {AUDIENCE}
    upstream: {{ url: "http://{upstream}/mcp", era: legacy }}
    scopes: {{ tools.invoke: [tools:call] }}
    tools:
      - {{ match: "admin.*", deny: true }}
      - {{ match: "*" }}
    limits:
      per_principal: 1000000/s
      per_tool: {{ "p*": 1000000/s }}
      per_route: 1000000/s
      {concurrency}
    guard: block
    redact: default
"#
    )
}

fn write(dir: &Path, name: &str, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    let path = dir.join(name);
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
}
