//! A whole gateway behind real TLS that asks its clients for certificates.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use sallyport::clock::Clock;
use sallyport::config::{self, Source, Strictness};
use sallyport::gateway::{Gateway, Options};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::{ProofBuilder, bound};
use crate::issuer::{Issuer, NOW, SigningKey};
use crate::pki::{Identity, Pki};
use crate::upstream::Upstream;

pub const HOST: &str = "gateway.test";
pub const RESOURCE: &str = "https://gateway.test/mcp";

pub struct Door {
    gateway: Gateway,
    pub clock: Clock,
    pub issuer: Issuer,
    pub upstream: Upstream,
    pub pki: Pki,
    pub key: SigningKey,
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

    pub fn code(&self) -> String {
        self.json()["error"]["data"]["code"].as_str().unwrap_or_default().to_owned()
    }

    /// Every field of this name, joined.
    pub fn all(&self, name: &str) -> String {
        let all = self.headers.get_all(name).iter();
        all.map(|value| value.to_str().unwrap()).collect::<Vec<_>>().join(", ")
    }
}

impl Door {
    /// With more lines at the top and of the one server.
    pub async fn open(top: &str, server: &str) -> Self {
        let result = json!({"content": [{"type": "text", "text": "all is well"}]});
        let (pki, upstream) = (Pki::new(), Upstream::tool(result).await);
        let issuer = Issuer::start_at(NOW).await;
        let clock = Clock::manual(NOW);
        let config = Self::config(&pki, &issuer, &upstream, top, server);
        let options = Options { clock: clock.clone(), ..Options::default() };
        let gateway = Gateway::start(config, options).await.unwrap();
        Self { gateway, clock, issuer, upstream, pki, key: SigningKey::es256("client") }
    }

    fn config(
        pki: &Pki,
        issuer: &Issuer,
        upstream: &Upstream,
        top: &str,
        server: &str,
    ) -> config::Config {
        let leaf = pki.server(&[HOST]);
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(&leaf.key, std::fs::Permissions::from_mode(0o600)).unwrap();
        let text = format!(
            "listen: 127.0.0.1:0\nadmin: off\ntls: {{ cert: {}, key: {}, client_ca: {} }}\n\
             audit: {{ dir: {} }}\nissuers: [{{ issuer: '{}' }}]\n{top}\
             servers:\n  - name: crm\n    public_url: {RESOURCE}\n    upstream: {}\n{server}",
            leaf.cert.display(),
            leaf.key.display(),
            pki.ca_file().display(),
            Self::audit_dir(pki).display(),
            issuer.url(),
            upstream.url(),
        );
        let source = Source { path: Some(pki.path("sallyport.yaml")), text };
        let checked = config::check(&source, &|_| None, Strictness::Normal);
        checked.unwrap_or_else(|problems| panic!("{problems}")).config
    }

    fn audit_dir(pki: &Pki) -> PathBuf {
        pki.path("audit")
    }

    /// A token for this gateway that is bound to the client's key.
    pub fn token(&self) -> String {
        let token = self.issuer.token().audience(RESOURCE).scope("mcp.tools.invoke");
        bound(token, &self.key).sign()
    }

    pub fn proof(&self, token: &str) -> ProofBuilder {
        ProofBuilder::new(&self.key, token).claim("htu", RESOURCE)
    }

    /// Calls a tool on a connection of its own.
    pub async fn call(&self, authorization: &str, proofs: &[&str]) -> Reply {
        self.call_as(None, authorization, proofs).await
    }

    pub async fn call_as(
        &self,
        identity: Option<&Identity>,
        authorization: &str,
        proofs: &[&str],
    ) -> Reply {
        let mut request = Request::post("/mcp")
            .header("host", HOST)
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream")
            .header("authorization", authorization);
        for proof in proofs {
            request = request.header("dpop", *proof);
        }
        let message = json!({"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {"name": "echo", "arguments": {}}});
        self.send(identity, request.body(Full::new(message.to_string().into())).unwrap()).await
    }

    pub async fn send(&self, identity: Option<&Identity>, request: Request<Full<Bytes>>) -> Reply {
        let (head, body) = self.open_with(identity, request).await.into_parts();
        let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        Reply { status: head.status, headers: head.headers, body }
    }

    /// Sends one request on a connection of its own; the body is unread.
    pub async fn open_with(
        &self,
        identity: Option<&Identity>,
        request: Request<Full<Bytes>>,
    ) -> Response<Incoming> {
        let stream = TcpStream::connect(self.gateway.addresses()[0].address).await.unwrap();
        let mut client = self.pki.client().alpn(&["http/1.1"]);
        if let Some(identity) = identity {
            client = client.identity(identity);
        }
        let connector = TlsConnector::from(Arc::new(client.build()));
        let stream = connector.connect(ServerName::try_from(HOST).unwrap(), stream).await.unwrap();
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        sender.send_request(request).await.unwrap()
    }

    /// Ends the gateway; what its records say of calls, intents and refusals.
    pub async fn records(self) -> Vec<Value> {
        self.gateway.stop();
        self.gateway.stopped().await;
        let text =
            std::fs::read_to_string(Self::audit_dir(&self.pki).join("000000000001.jsonl")).unwrap();
        let records = text.lines().map(|line| serde_json::from_str(line).unwrap());
        records.filter(|r: &Value| r["kind"] == "call" && r["phase"] != "completion").collect()
    }
}
