//! The compiled gateway, in front of whatever a test puts behind it.

use std::ffi::OsStr;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
};
use serde_json::{Value, json};

use super::client::{Sdk, Visit, fetch};
use super::process::{Peer, Scratch, free_port, loopback};
use super::servers::Idp;

/// A place for one gateway: its address, its certificate, its authorization server.
pub struct Site {
    /// The directory of all that runs here.
    pub dir: Scratch,
    /// Who issues the tokens.
    pub idp: Idp,
    ca: PathBuf,
    /// Where the gateway listens.
    pub port: u16,
    /// Chosen when the gateway starts: a port that is free now need not be so later.
    admin: OnceLock<u16>,
}

impl Site {
    /// A site whose authorization server knows `clients`: names, each with its scopes.
    pub fn new(clients: &[(&'static str, &'static str)]) -> Self {
        Self::with_claims(clients, &json!({}))
    }

    /// As [`Self::new`], with these claims in every token besides.
    pub fn with_claims(clients: &[(&'static str, &'static str)], claims: &Value) -> Self {
        let dir = Scratch::new();
        let ca = make_certificates(&dir);
        let idp = Idp::start(&dir, clients, claims);
        Self { dir, idp, ca, port: free_port(), admin: OnceLock::new() }
    }

    /// The public URL of `path`.
    pub fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.port)
    }

    /// A token of `client`, with all its scopes, for the endpoint at `/mcp`.
    pub fn token(&self, client: &str) -> String {
        self.idp.token(client, &self.url("/mcp"))
    }

    /// Starts a gateway on this site with these entries under `servers:`.
    pub fn gateway(&self, servers: &str) -> Gateway {
        Gateway::start(self, &self.config(servers), self.admin())
    }

    /// Writes another configuration, which the running gateway finds by itself.
    pub fn reconfigure(&self, servers: &str) {
        write(&self.dir.path("sallyport.yaml"), &self.config(servers));
    }

    /// What the gateway shows to whoever collects metrics.
    pub fn metrics(&self) -> String {
        let url = format!("http://127.0.0.1:{}/metrics", self.admin());
        let answer = fetch(None, &json!({ "url": url }));
        assert_eq!(answer["status"], 200, "{url}: {answer:#}");
        answer["body"].as_str().unwrap().to_owned()
    }

    fn admin(&self) -> u16 {
        *self.admin.get_or_init(free_port)
    }

    fn config(&self, servers: &str) -> String {
        // All clients share one address here, and some hammer.
        format!(
            "listen: 127.0.0.1:{port}\n\
             tls: {{ cert: tls.crt, key: tls.key }}\n\
             admin: {{ listen: 127.0.0.1:{admin} }}\n\
             limits: {{ per_address: 100000/s }}\n\
             issuers: [ {{ issuer: {issuer}, roles_claim: roles }} ]\n\
             audit: {{ dir: audit }}\n\
             servers:\n{servers}\n",
            port = self.port,
            admin = self.admin(),
            issuer = self.idp.issuer(),
        )
    }
}

/// A running gateway that said it is ready.
pub struct Gateway {
    /// The certificate of the authority that vouches for it.
    pub ca: PathBuf,
    url: String,
    _peer: Peer,
}

impl Gateway {
    /// Runs the binary with this configuration and waits for `/readyz` on the admin port.
    pub fn start(site: &Site, config: &str, admin: u16) -> Self {
        let file = site.dir.path("sallyport.yaml");
        std::fs::write(&file, config).unwrap();
        Self::spawn(site, &["run".as_ref(), "--config".as_ref(), file.as_os_str()], admin)
    }

    /// Runs the binary without a configuration file: `line` is its command line, but for the
    /// addresses and files of this site.
    pub fn start_with(site: &Site, line: &[&OsStr], admin: u16) -> Self {
        let place = [
            format!("--listen=127.0.0.1:{}", site.port),
            format!("--admin=127.0.0.1:{admin}"),
            format!("--tls-cert={}", site.dir.path("tls.crt").display()),
            format!("--tls-key={}", site.dir.path("tls.key").display()),
            format!("--audit-dir={}", site.dir.path("audit").display()),
        ];
        let (run, rest) = line.split_first().unwrap();
        let mut command = vec![*run];
        command.extend(place.iter().map(OsStr::new));
        command.extend(rest);
        Self::spawn(site, &command, admin)
    }

    fn spawn(site: &Site, line: &[&OsStr], admin: u16) -> Self {
        let mut command = vec![OsStr::new(env!("CARGO_BIN_EXE_sallyport"))];
        command.extend(line);
        let mut peer = Peer::start("gateway", &command, &site.dir, &[]);
        peer.wait_until("ready", || is_ready(admin));
        Self { ca: site.ca.clone(), url: site.url("/mcp"), _peer: peer }
    }

    /// Lets an SDK client do `steps` at the endpoint `/mcp`, over TLS.
    pub fn visit(&self, sdk: Sdk, token: &str, steps: &Value) -> Visit {
        sdk.visit(&self.url, Some(&self.ca), Some(token), steps)
    }

    /// As [`Self::visit`], at any URL and perhaps without a token.
    pub fn visit_at(&self, sdk: Sdk, url: &str, token: Option<&str>, steps: &Value) -> Visit {
        sdk.visit(url, Some(&self.ca), token, steps)
    }

    /// The JSON document at an absolute URL.
    pub fn document(&self, url: &str) -> Value {
        let answer = fetch(Some(&self.ca), &json!({ "url": url }));
        assert_eq!(answer["status"], 200, "{url}: {answer:#}");
        serde_json::from_str(answer["body"].as_str().unwrap()).unwrap()
    }
}

/// A throw-away authority and a server certificate of it, all ES256, as PEM files in `dir`.
/// Returns the authority's file.
fn make_certificates(dir: &Scratch) -> PathBuf {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    // Without names of their own, issuer and subject are the same: OpenSSL takes the server's
    // certificate for a self-signed one.
    params.distinguished_name.push(DnType::CommonName, "Sallyport test authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();

    let mut params = CertificateParams::new(["localhost", "127.0.0.1"].map(String::from)).unwrap();
    params.distinguished_name.push(DnType::CommonName, "localhost");
    // Python's strict verification asks for it (RFC 5280 section 4.2.1.1).
    params.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate().unwrap();
    let leaf = params.signed_by(&key, &ca).unwrap();

    write(&dir.path("tls.crt"), &leaf.pem());
    write(&dir.path("tls.key"), &key.serialize_pem());
    let file = dir.path("ca.pem");
    write(&file, &ca.pem());
    file
}

fn write(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
}

/// Whether the admin listener answers `/readyz` with 200.
fn is_ready(admin: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect(loopback(admin)) else { return false };
    let request =
        format!("GET /readyz HTTP/1.1\r\nhost: 127.0.0.1:{admin}\r\nconnection: close\r\n\r\n");
    let mut answer = String::new();
    let exchanged =
        stream.write_all(request.as_bytes()).and_then(|()| stream.read_to_string(&mut answer));
    exchanged.is_ok() && answer.starts_with("HTTP/1.1 200")
}
