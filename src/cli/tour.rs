//! The demo's tour: real requests over real TLS, each with what it should show.
//!
//! Guarantees that nothing is staged: every step sends its request, prints what came back, and
//! compares it with its promise; a step that does not hold makes the tour fail.

use std::fmt::Write as _;
use std::net::SocketAddr;

use anyhow::{Context, bail, ensure};
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

use super::say;

/// The tour's browser: trusts the demo's own certificate authority and nothing else.
pub(super) struct Visitor {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    endpoint: String,
}

/// An answer, read in full.
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) json: Value,
}

/// The tokens of the demo's three callers.
pub(super) struct Tokens {
    /// May read customers, sees them masked.
    pub(super) support: String,
    /// May read customers and see e-mail and phone.
    pub(super) manager: String,
    /// May search notes only.
    pub(super) intern: String,
}

impl Visitor {
    pub(super) fn new(ca_pem: &str, endpoint: String) -> anyhow::Result<Self> {
        use rustls::pki_types::{CertificateDer, pem::PemObject};
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(ca_pem.as_bytes())?)?;
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let tls = rustls::ClientConfig::builder_with_provider(provider.into())
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .build();
        Ok(Self { client: Client::builder(TokioExecutor::new()).build(connector), endpoint })
    }

    /// Sends one JSON-RPC message.
    async fn post(
        &self,
        token: Option<&str>,
        session: Option<&str>,
        message: &Value,
    ) -> anyhow::Result<Reply> {
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(&self.endpoint)
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "application/json, text/event-stream");
        if let Some(token) = token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        if let Some(session) = session {
            request = request.header("mcp-session-id", session);
        }
        self.send(request.body(Full::new(message.to_string().into()))?).await
    }

    /// Asks the development issuer for a token, as any OAuth client would.
    pub(super) async fn token(
        &self,
        issuer: SocketAddr,
        client: &str,
        secret: &str,
        resource: &str,
    ) -> anyhow::Result<String> {
        let form = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "client_credentials")
            .append_pair("client_id", client)
            .append_pair("client_secret", secret)
            .append_pair("resource", resource)
            .finish();
        let request = Request::post(format!("http://{issuer}/token"))
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Full::new(form.into()))?;
        let reply = self.send(request).await?;
        let token = text(&reply.json, "/access_token");
        Ok(token.with_context(|| format!("no token: {}", reply.json))?.to_owned())
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> anyhow::Result<Reply> {
        let response = self.client.request(request).await?;
        let (head, body) = response.into_parts();
        let bytes = body.collect().await?.to_bytes();
        let json = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Ok(Reply { status: head.status, headers: head.headers, json })
    }

    /// Opens a session, as MCP clients do first.
    async fn session(&self, token: &str) -> anyhow::Result<String> {
        let hello = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
            "protocolVersion": "2025-06-18", "capabilities": {},
            "clientInfo": {"name": "sallyport-demo", "version": env!("CARGO_PKG_VERSION")}}});
        let reply = self.post(Some(token), None, &hello).await?;
        ensure!(reply.status == StatusCode::OK, "initialize: {} {}", reply.status, reply.json);
        let session = reply.headers.get("mcp-session-id").context("no session id")?;
        Ok(session.to_str()?.to_owned())
    }
}

/// A step's promise was not kept.
fn broken(step: &str, reply: &Reply) -> anyhow::Error {
    anyhow::anyhow!("{step}: unexpected answer {} {}", reply.status, reply.json)
}

/// Walks through every gate.
pub(super) async fn walk(visitor: &Visitor, tokens: &Tokens) -> anyhow::Result<()> {
    no_token(visitor).await?;
    missing_scope(visitor, tokens).await?;
    masked(visitor, tokens).await?;
    revealed(visitor, tokens).await?;
    lists(visitor, tokens).await?;
    rate_limit(visitor, tokens).await
}

async fn no_token(visitor: &Visitor) -> anyhow::Result<()> {
    title(1, "No token: refused, and told where to get one");
    let reply = visitor.post(None, None, &list()).await?;
    let challenge = header(&reply, WWW_AUTHENTICATE.as_str());
    show(&reply, &[("www-authenticate", &challenge)]);
    if reply.status != StatusCode::UNAUTHORIZED || !challenge.contains("resource_metadata=") {
        return Err(broken("no token", &reply));
    }
    Ok(())
}

async fn missing_scope(visitor: &Visitor, tokens: &Tokens) -> anyhow::Result<()> {
    title(2, "A token without the scope: refused, and the scope is named");
    let session = visitor.session(&tokens.intern).await?;
    let reply = visitor.post(Some(&tokens.intern), Some(&session), &lookup()).await?;
    let challenge = header(&reply, WWW_AUTHENTICATE.as_str());
    show(&reply, &[("www-authenticate", &challenge)]);
    if reply.status != StatusCode::FORBIDDEN || !challenge.contains("crm:read") {
        return Err(broken("missing scope", &reply));
    }
    Ok(())
}

async fn masked(visitor: &Visitor, tokens: &Tokens) -> anyhow::Result<()> {
    title(3, "A permitted call: personal data masked, in content and structuredContent alike");
    let session = visitor.session(&tokens.support).await?;
    let reply = visitor.post(Some(&tokens.support), Some(&session), &lookup()).await?;
    show_record(&reply);
    let text = reply.json.to_string();
    let leaks = SECRETS.iter().any(|value| text.contains(value));
    if reply.status != StatusCode::OK || leaks || !text.contains("20261122-000417") {
        return Err(broken("masked call", &reply));
    }
    Ok(())
}

async fn revealed(visitor: &Visitor, tokens: &Tokens) -> anyhow::Result<()> {
    title(4, "The same call with revealing scopes: e-mail and phone in clear, the rest masked");
    let session = visitor.session(&tokens.manager).await?;
    let reply = visitor.post(Some(&tokens.manager), Some(&session), &lookup()).await?;
    show_record(&reply);
    let text = reply.json.to_string();
    let shown = text.contains("ada.byron@example.com");
    if reply.status != StatusCode::OK || !shown || text.contains("219-09-9999") {
        return Err(broken("revealed call", &reply));
    }
    Ok(())
}

async fn lists(visitor: &Visitor, tokens: &Tokens) -> anyhow::Result<()> {
    title(5, "The tool list differs by caller, and what is hidden cannot be called");
    let mut seen = Vec::new();
    for (who, token) in [("intern", &tokens.intern), ("support", &tokens.support)] {
        let session = visitor.session(token).await?;
        let reply = visitor.post(Some(token), Some(&session), &list()).await?;
        let tools = reply.json.pointer("/result/tools").and_then(Value::as_array);
        let names: Vec<&str> =
            tools.into_iter().flatten().filter_map(|tool| text(tool, "/name")).collect();
        say(&format!("     {who:<8} sees {}", names.join(", ")));
        seen.push(names.len());
    }
    let session = visitor.session(&tokens.support).await?;
    let delete = call("admin.delete_customer", json!({"name": "Ada"}));
    let reply = visitor.post(Some(&tokens.support), Some(&session), &delete).await?;
    say("     support calls admin.delete_customer all the same:");
    show(&reply, &[]);
    let differ = matches!(seen.as_slice(), [intern, support] if intern < support && *intern > 0);
    if !differ || reply.status != StatusCode::FORBIDDEN {
        return Err(broken("lists", &reply));
    }
    Ok(())
}

async fn rate_limit(visitor: &Visitor, tokens: &Tokens) -> anyhow::Result<()> {
    title(6, "A rate limit reached: 429, and when to come back");
    let session = visitor.session(&tokens.manager).await?;
    let export = call("crm.export_all", json!({}));
    for attempt in 1..=EXPORTS_TRIED {
        let reply = visitor.post(Some(&tokens.manager), Some(&session), &export).await?;
        if reply.status == StatusCode::TOO_MANY_REQUESTS {
            say(&format!("     call {attempt} of crm.export_all (limit: 2 a minute):"));
            let retry = header(&reply, RETRY_AFTER.as_str());
            show(&reply, &[("retry-after", &retry), ("ratelimit", &header(&reply, "ratelimit"))]);
            ensure!(!retry.is_empty(), "429 without Retry-After");
            return Ok(());
        }
        if reply.status != StatusCode::OK {
            return Err(broken("rate limit", &reply));
        }
    }
    bail!("the rate limit was never reached")
}

fn list() -> Value {
    json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
}

fn lookup() -> Value {
    call("crm.lookup_customer", json!({"name": "Ada"}))
}

fn call(tool: &str, arguments: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call",
           "params": {"name": tool, "arguments": arguments}})
}

fn title(number: u32, text: &str) {
    say(&format!("\n  {number}. {text}"));
}

fn header(reply: &Reply, name: &str) -> String {
    reply.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned()
}

fn show(reply: &Reply, headers: &[(&str, &str)]) {
    let mut out = format!("     HTTP {}", reply.status);
    for (name, value) in headers.iter().filter(|(_, value)| !value.is_empty()) {
        let _ = write!(out, "\n     {name}: {value}");
    }
    if let Some(message) = text(&reply.json, "/error/message") {
        let code = reply.json.pointer("/error/code").unwrap_or(&Value::Null);
        let _ = write!(out, "\n     error {code}: {message}");
    }
    say(&out);
}

fn show_record(reply: &Reply) {
    say(&format!("     HTTP {}", reply.status));
    let content = text(&reply.json, "/result/content/0/text").unwrap_or("-");
    say(&format!("     content            {content}"));
    let structured = reply.json.pointer("/result/structuredContent").unwrap_or(&Value::Null);
    say(&format!("     structuredContent  {structured}"));
}

/// The text at a JSON pointer.
fn text<'v>(value: &'v Value, pointer: &str) -> Option<&'v str> {
    value.pointer(pointer)?.as_str()
}

/// What the masked answer must not hold: every personal value of the sample's first customer.
const SECRETS: [&str; 6] = [
    "ada.byron@example.com",
    "212-555-0147",
    "219-09-9999",
    "4111 1111 1111 1111",
    "WEST 1234 5698",
    "198.51.100.23",
];
const EXPORTS_TRIED: u32 = 5;
