//! A whole world for one test: issuer, upstream, gateway over real TLS, and a client.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use sallyport::audit;
use sallyport::clock::Clock;
use sallyport::config::{self, Source, Strictness};
use sallyport::gateway::{Gateway, Options};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::issuer::Issuer;
use crate::pki::{Client, Identity, Pki};
use crate::upstream::Upstream;

/// The name under which every test's gateway is served.
pub const HOST: &str = "gateway.test";
/// The audience of every test's tokens.
pub const RESOURCE: &str = "https://gateway.test/mcp";

/// A directory that goes away with its test.
pub struct Dir(PathBuf);

impl Dir {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let nanos = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos();
        let name = format!(
            "sallyport-test-{}-{}-{nanos}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn write(&self, name: &str, text: &str) {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        if name.ends_with("key") {
            use std::os::unix::fs::PermissionsExt;
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        }
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// How a test's gateway differs from the usual one.
#[derive(Default)]
pub struct Setup {
    /// Lines of the one server, indented by four.
    pub server: String,
    /// Lines of the one issuer, indented by four.
    pub issuer: String,
    /// Lines at the top level.
    pub top: String,
    /// More keys of `tls`, each behind a comma; `ca.pem` and `clients.crl` are there.
    pub tls: String,
    /// Lines that stand in place of the usual `upstream:`, indented by four.
    pub server_replaces_upstream: Option<String>,
    /// A hand-moved clock.
    pub clock: Option<Clock>,
    /// Another audit directory than the test's own.
    pub audit_dir: Option<PathBuf>,
    /// More of the audit trail's settings, each with a comma before it.
    pub audit: String,
    /// More of the admin listener's settings, each with a comma before it.
    pub admin: String,
    /// Another public URL than [`RESOURCE`].
    pub public_url: Option<String>,
    /// Issuers in place of the world's own, indented by two.
    pub issuers: Option<String>,
}

/// A file system of 256 KiB that can be filled up: needs the right to mount.
pub struct FullDisk(Dir);

impl FullDisk {
    pub fn mount() -> Option<Self> {
        let dir = Dir::new();
        let mounted = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=256k", "tmpfs"])
            .arg(dir.path())
            .stderr(std::process::Stdio::null())
            .status();
        mounted.is_ok_and(|status| status.success()).then_some(Self(dir))
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn fill(&self) {
        use std::io::Write;
        let mut file = std::fs::File::create(self.path().join("filler")).unwrap();
        while file.write_all(&[b'x'; 1024]).is_ok() {}
        while file.write_all(b"x").is_ok() {}
    }

    pub fn empty(&self) {
        std::fs::remove_file(self.path().join("filler")).unwrap();
    }
}

impl Drop for FullDisk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

pub struct World {
    pub gateway: Option<Gateway>,
    pub issuer: Issuer,
    pub upstream: Upstream,
    pub dir: Dir,
    pub pki: Pki,
    setup: Setup,
}

impl World {
    pub async fn new(upstream: Upstream) -> Self {
        Self::with(upstream, Setup::default()).await
    }

    /// With more lines of the one server.
    pub async fn server(upstream: Upstream, lines: &str) -> Self {
        Self::with(upstream, Setup { server: lines.to_owned(), ..Setup::default() }).await
    }

    pub async fn with(upstream: Upstream, setup: Setup) -> Self {
        Self::in_dir(upstream, setup, Dir::new()).await
    }

    /// With a file `seal.key` beside the configuration.
    pub async fn with_key(upstream: Upstream, setup: Setup, key: &str) -> Self {
        Self::with_files(upstream, setup, &[("seal.key", key)]).await
    }

    /// With files beside the configuration; a name that ends with `key` is the owner's alone.
    pub async fn with_files(upstream: Upstream, setup: Setup, files: &[(&str, &str)]) -> Self {
        let dir = Dir::new();
        files.iter().for_each(|(name, text)| dir.write(name, text));
        Self::in_dir(upstream, setup, dir).await
    }

    async fn in_dir(upstream: Upstream, setup: Setup, dir: Dir) -> Self {
        let pki = Pki::new();
        let leaf = pki.server(&[HOST]);
        for (from, to) in [(leaf.cert, "tls.pem"), (leaf.key, "tls.key")] {
            dir.write(to, &std::fs::read_to_string(from).unwrap());
        }
        dir.write("ca.pem", &std::fs::read_to_string(pki.ca_file()).unwrap());
        dir.write("clients.crl", &pki.crl(&[], (-1, 24)));
        let issuer = Issuer::start_at(crate::issuer::NOW).await;
        let mut world = Self { gateway: None, issuer, upstream, dir, pki, setup };
        world.start().await;
        world
    }

    async fn start(&mut self) {
        let options = Options {
            clock: self.setup.clock.clone().unwrap_or_else(|| Clock::manual(crate::issuer::NOW)),
            ..Options::default()
        };
        let config = self.check(&self.yaml(&self.setup.server)).unwrap();
        self.gateway = Some(Gateway::start(config, options).await.unwrap());
    }

    /// Ends the gateway and starts another one with the same configuration and files.
    pub async fn restart(&mut self) {
        let gateway = self.gateway.take().unwrap();
        gateway.stop();
        gateway.stopped().await;
        self.start().await;
    }

    /// Starts another gateway with the same configuration and files, after the test ended the one
    /// before.
    pub async fn restart_stopped(&mut self) {
        assert!(self.gateway.is_none());
        self.start().await;
    }

    pub fn yaml(&self, server_lines: &str) -> String {
        let upstream = self
            .setup
            .server_replaces_upstream
            .clone()
            .unwrap_or_else(|| format!("    upstream: {}\n", self.upstream.url()));
        let own = || {
            let lines = &self.setup.issuer;
            format!("  - issuer: {}\n    roles_claim: roles\n{lines}", self.issuer.url())
        };
        let issuers = self.setup.issuers.clone().unwrap_or_else(own);
        let mut text = format!(
            "listen: 127.0.0.1:0\ntls: {{ cert: tls.pem, key: tls.key{} }}\nadmin: {{ listen: 127.0.0.1:0{} }}\n\
             issuers:\n{issuers}audit: {{ dir: {}{} }}\n",
            self.setup.tls,
            self.setup.admin,
            self.audit_dir().display(),
            self.setup.audit
        );
        let public_url = self.setup.public_url.as_deref().unwrap_or(RESOURCE);
        text.push_str(&self.setup.top);
        text.push_str(&format!(
            "servers:\n  - name: crm\n    public_url: {public_url}\n{upstream}"
        ));
        text.push_str(server_lines);
        text
    }

    pub fn check(&self, yaml: &str) -> Result<config::Config, String> {
        let source =
            Source { path: Some(self.dir.path().join("sallyport.yaml")), text: yaml.to_owned() };
        // Programs are found as in a shell; nothing else of the environment reaches a test.
        let env = |name: &str| std::env::var(name).ok().filter(|_| name == "PATH");
        config::check(&source, &env, Strictness::Normal)
            .map(|checked| checked.config)
            .map_err(|problems| problems.to_string())
    }

    pub fn audit_dir(&self) -> PathBuf {
        self.setup.audit_dir.clone().unwrap_or_else(|| self.dir.path().join("audit"))
    }

    /// The test's own clock.
    pub fn clock(&self) -> Clock {
        self.setup.clock.clone().unwrap()
    }

    /// Asks the admin listener.
    pub async fn admin(&self, path: &str) -> (u16, String) {
        let request = Request::get(path).body(Full::<Bytes>::default()).unwrap();
        self.ask_admin(request).await
    }

    /// Asks the admin listener anything.
    pub async fn ask_admin(&self, mut request: Request<Full<Bytes>>) -> (u16, String) {
        let address = self.gateway().admin().unwrap();
        let stream = TcpStream::connect(address).await.unwrap();
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        request.headers_mut().insert("host", address.to_string().parse().unwrap());
        let response = sender.send_request(request).await.unwrap();
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8_lossy(&body).into_owned())
    }

    pub fn gateway(&self) -> &Gateway {
        self.gateway.as_ref().unwrap()
    }

    /// A token with these scopes, valid for this gateway.
    pub fn token(&self, scope: &str) -> String {
        self.issuer.token().audience(RESOURCE).scope(scope).sign()
    }

    pub async fn connect(&self) -> TlsStream<TcpStream> {
        self.connect_as(None).await
    }

    /// With a client certificate, or without one.
    pub async fn connect_as(&self, identity: Option<&Identity>) -> TlsStream<TcpStream> {
        let client = self.pki.client().alpn(&["http/1.1"]);
        self.connect_with(match identity {
            Some(identity) => client.identity(identity),
            None => client,
        })
        .await
    }

    pub async fn connect_with(&self, client: Client) -> TlsStream<TcpStream> {
        let address = self.gateway().addresses()[0].address;
        let stream = TcpStream::connect(address).await.unwrap();
        let connector = TlsConnector::from(Arc::new(client.build()));
        connector.connect(ServerName::try_from(HOST).unwrap(), stream).await.unwrap()
    }

    /// Sends one request on a connection of its own; the body is unread.
    pub async fn open(&self, request: Request<Full<Bytes>>) -> http::Response<Incoming> {
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(self.connect().await))
                .await
                .unwrap();
        tokio::spawn(connection);
        sender.send_request(request).await.unwrap()
    }

    pub async fn send(&self, request: Request<Full<Bytes>>) -> Reply {
        let (head, body) = self.open(request).await.into_parts();
        let body = body.collect().await.map(|b| b.to_bytes()).unwrap_or_default();
        Reply { status: head.status, headers: head.headers, body }
    }

    /// Posts a JSON-RPC message with a token.
    pub async fn post(&self, token: &str, message: &Value) -> Reply {
        self.send(post(Some(token), message.to_string())).await
    }

    /// Everything the audit trail says, in order; the gateway goes on.
    pub fn records(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.audit_dir().join("000000000001.jsonl")).unwrap();
        let records: Vec<Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        records.iter().for_each(fits_the_schema);
        records
    }

    /// Records of calls once `count` of them are closed (refused or completed).
    pub async fn closed_records(&self, count: usize) -> Vec<Value> {
        let mut records = Vec::new();
        for _ in 0..500 {
            records = self.records();
            records.retain(|r| r["kind"] == "call" && r["phase"] != "intent");
            if records.len() >= count {
                return records;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{} of {count} records after 5 s: {records:#?}", records.len());
    }

    /// Stops the gateway and verifies its trail.
    pub async fn finish(mut self) -> audit::Report {
        let gateway = self.gateway.take().unwrap();
        gateway.stop();
        gateway.stopped().await;
        audit::verify(&self.audit_dir(), &audit::Trust::default(), |_| {}).unwrap()
    }
}

pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// The stable name of a refusal.
    pub fn code(&self) -> String {
        let json = self.json();
        let code =
            if json["error"].is_object() { &json["error"]["data"]["code"] } else { &json["code"] };
        code.as_str().unwrap_or_default().to_owned()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().unwrap())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

pub fn post(token: Option<&str>, body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    let mut request = Request::post("/mcp")
        .header("host", HOST)
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream");
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    request.body(Full::new(body.into())).unwrap()
}

pub fn with_header(
    mut request: Request<Full<Bytes>>,
    name: &'static str,
    value: &str,
) -> Request<Full<Bytes>> {
    request.headers_mut().insert(name, value.parse().unwrap());
    request
}

/// Whatever a test makes the gateway record, it is what the published schema says.
fn fits_the_schema(record: &Value) {
    static SCHEMA: std::sync::LazyLock<jsonschema::Validator> = std::sync::LazyLock::new(|| {
        let schema = serde_json::from_str(sallyport::observe::SCHEMA).unwrap();
        jsonschema::validator_for(&schema).unwrap()
    });
    let problems: Vec<String> =
        SCHEMA.iter_errors(record).map(|e| format!("{e} at {}", e.instance_path())).collect();
    assert!(problems.is_empty(), "{problems:?} in {record}");
}

pub fn call(tool: &str) -> Value {
    call_with(tool, &json!({}))
}

pub fn call_with(tool: &str, arguments: &Value) -> Value {
    json!({"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {"name": tool, "arguments": arguments}})
}

pub fn list_tools() -> Value {
    json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
}

pub fn initialize() -> Value {
    json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
        "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}})
}

/// A result that says nothing personal.
pub fn plain() -> Value {
    json!({"content": [{"type": "text", "text": "all is well"}], "isError": false})
}
