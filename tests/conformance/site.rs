//! The gateway under test: the fixture behind it, and before it a shim, because the suite speaks
//! plain HTTP on `localhost` only.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use rustls::pki_types::ServerName;
use sallyport::audit;
use sallyport::config::{self, Source, Strictness};
use sallyport::gateway::{Gateway, Options};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;

use crate::issuer::Issuer;
use crate::pki::Pki;

/// Where the suite goes.
pub struct Site {
    pub url: String,
    authority: String,
    gateway: Gateway,
    issuer: Issuer,
    dir: PathBuf,
    _pki: Pki,
}

/// Serves the fixture until the test ends.
pub async fn fixture() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    tokio::spawn(crate::fixture::serve(listener));
    url
}

impl Site {
    pub async fn start() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("site-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let pki = Pki::new();
        let leaf = pki.server(&["localhost"]);
        let shim = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let authority = format!("localhost:{}", shim.local_addr().unwrap().port());
        let issuer = Issuer::start().await;
        let text = CONFIG
            .replace("CERT", &leaf.cert.to_string_lossy())
            .replace("KEY", &leaf.key.to_string_lossy())
            .replace("ISSUER", issuer.url())
            .replace("AUDIT", &dir.join("audit").to_string_lossy())
            .replace("AUTHORITY", &authority)
            .replace("UPSTREAM", &fixture().await);
        let source = Source { path: Some(dir.join("sallyport.yaml")), text };
        let checked = config::check(&source, &|_: &str| None, Strictness::Normal)
            .unwrap_or_else(|problems| panic!("{problems}"));
        let gateway = Gateway::start(checked.config, Options::default()).await.unwrap();
        let to = gateway.addresses()[0].address;
        tokio::spawn(relay(shim, to, TlsConnector::from(Arc::new(pki.client().build()))));
        Self { url: format!("http://{authority}/mcp"), authority, gateway, issuer, dir, _pki: pki }
    }

    /// A token with every scope that the fixture's tools, resources and prompts need.
    pub fn token(&self) -> String {
        let audience = format!("https://{}/mcp", self.authority);
        self.issuer.token().audience(&audience).scope(SCOPES).sign()
    }

    pub async fn status_without_token(&self) -> u16 {
        let mut stream = TcpStream::connect(&self.authority).await.unwrap();
        let request = format!(
            "DELETE /mcp HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n",
            self.authority
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default()
    }

    /// Stops the gateway and verifies its trail.
    pub async fn finish(self) -> audit::Report {
        self.gateway.stop();
        self.gateway.stopped().await;
        let report =
            audit::verify(&self.dir.join("audit"), &audit::Trust::default(), |_| {}).unwrap();
        let _ = std::fs::remove_dir_all(&self.dir);
        report
    }
}

/// Plain text in, TLS out, byte for byte.
async fn relay(shim: TcpListener, to: std::net::SocketAddr, connector: TlsConnector) {
    while let Ok((mut plain, _)) = shim.accept().await {
        let connector = connector.clone();
        tokio::spawn(async move {
            let stream = TcpStream::connect(to).await.unwrap();
            let name = ServerName::try_from("localhost").unwrap();
            let mut tls = connector.connect(name, stream).await.unwrap();
            let _ = tokio::io::copy_bidirectional(&mut plain, &mut tls).await;
        });
    }
}

/// The defaults, with every guard in its place.
const CONFIG: &str = "\
listen: 127.0.0.1:0
tls: { cert: CERT, key: KEY }
issuers: [ { issuer: ISSUER } ]
audit: { dir: AUDIT }
servers:
  - name: fixture
    public_url: https://AUTHORITY/mcp
    upstream: UPSTREAM
    origins: [ 'http://AUTHORITY' ]
    server_requests: [ sampling, elicitation, roots, ping ]
    tools: [ { match: 'test_*' }, { match: '*', scopes: [ tools:all ] } ]
";

const SCOPES: &str = "mcp.tools.invoke mcp.resources.read mcp.resources.subscribe \
                      mcp.prompts.get mcp.completion tools:all";
