//! A look at a server, for people who want to know whether the gateway could serve it.
//!
//! Speaks as the gateway does: through the same client, with the gateway's own credential, first in
//! the words of the modern era, then with the handshake of the legacy one. Calls no tool. Guarantees
//! that every wait is bounded by the configured times, and that the conversation is ended: a session
//! is deleted, a process that was started has gone.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{HeaderName, HeaderValue};
use http::{Method, StatusCode};
use rustls::ClientConfig;
use tokio::time::{Instant, timeout_at};

use super::client::{self, ClientError};
use super::credential::Services;
use super::era::{self, Shows};
use super::http::Http;
use super::link::{Connector, Heard, Link, LinkError, Said};
use super::up;
use crate::config::{self, CredentialSource, EraPin, Transport};
use crate::json::{Document, Kind};
use crate::limits::LIST_PAGES_MAX;
use crate::mcp::headers::PROTOCOL_VERSION;
use crate::mcp::version::Revision;
use crate::principal::{AuthMethod, Principal};

/// What a server showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probed {
    /// The revision that was agreed on.
    pub revision: Revision,
    /// How many tools it lists; `None` where it says that it has none to list.
    pub tools: Result<Option<usize>, ProbeError>,
}

/// Why a server could not be spoken with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProbeError {
    /// The client cannot be built.
    #[error("{0}")]
    Client(String),
    /// The conversation failed.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// It refused, with this code of JSON-RPC.
    #[error("the server answers `{0}` with error {1}")]
    Refused(&'static str, i64),
    /// What it answers is not what the protocol says.
    #[error("the server's answer to `{0}` is not one that the protocol knows")]
    Foreign(&'static str),
    /// It speaks no revision that the gateway does.
    #[error("the server speaks another revision of the protocol")]
    Revision,
}

impl From<ClientError> for ProbeError {
    fn from(error: ClientError) -> Self {
        Self::Client(error.to_string())
    }
}

/// Whether calls to this server stand for their callers, so that the gateway alone has no
/// credential to speak with.
#[must_use]
pub fn needs_caller(upstream: &config::Upstream) -> bool {
    upstream.credential.as_ref().is_some_and(|credential| match credential.source {
        CredentialSource::TokenExchange(_) | CredentialSource::Assertion(_) => true,
        CredentialSource::Static(_) | CredentialSource::ClientCredentials(_) => false,
    })
}

/// How the gateway speaks TLS with this server.
///
/// # Errors
/// When the authorities or the client certificate cannot be used.
pub fn tls(
    upstream: &config::Upstream,
    endpoint: &config::Endpoint,
) -> Result<ClientConfig, ClientError> {
    client::tls_config(upstream, endpoint)
}

/// What time it is at a server that speaks HTTP, by the head of its answer to an `OPTIONS`.
pub async fn date_s(
    upstream: &config::Upstream,
    services: &Services,
    within: Duration,
) -> Option<u64> {
    let http = Http::new(upstream, upstream.endpoint()?, services).ok()?;
    let mut request = http::Request::new(http_body_util::Full::new(Bytes::new()));
    *request.method_mut() = Method::OPTIONS;
    *request.uri_mut() = http.endpoint().clone();
    let answer = http.dispatch(request, upstream.head_timeout.min(within)).await.ok()?;
    crate::outbound::date_s(&answer.headers)
}

/// Shakes hands with a server and counts its tools; each answer has `within` to come.
///
/// # Errors
/// See [`ProbeError`].
pub async fn probe(
    upstream: &config::Upstream,
    services: &Services,
    within: Duration,
) -> Result<Probed, ProbeError> {
    let connector = Connector::new(upstream, services)?;
    let probed = meet(upstream, &connector, within).await;
    connector.stop().await;
    probed
}

async fn meet(
    upstream: &config::Upstream,
    connector: &Connector,
    within: Duration,
) -> Result<Probed, ProbeError> {
    let who = Principal::new(AuthMethod::Anonymous, Arc::from(""), Arc::from("sallyport doctor"));
    let pinned_legacy =
        upstream.era == EraPin::Legacy || matches!(upstream.transport, Transport::HttpSse(_));
    // A process that is asked for something before the handshake may end: it is greeted first.
    let greets_first = matches!(upstream.transport, Transport::Stdio(_));
    if pinned_legacy || (greets_first && upstream.era == EraPin::Auto) {
        let mut talk = Talk::begin(connector, &who, within).await?;
        match legacy(&mut talk).await {
            Err(ProbeError::Refused(..) | ProbeError::Foreign(_)) if !pinned_legacy => {}
            other => return other,
        }
    }
    let mut talk = Talk::begin(connector, &who, within).await?;
    if let Some(probed) = modern(&mut talk).await? {
        return Ok(probed);
    }
    if upstream.era == EraPin::Modern || greets_first {
        return Err(ProbeError::Revision);
    }
    // A conversation of its own: some servers end one that did not begin with the handshake.
    let mut talk = Talk::begin(connector, &who, within).await?;
    legacy(&mut talk).await
}

/// `None` where the answer is not a modern server's.
async fn modern(talk: &mut Talk) -> Result<Option<Probed>, ProbeError> {
    let question = up::own_question("server/discover", &era::own_meta(), b"");
    let answer = match talk.ask(question.message, question.headers).await {
        Ok(answer) => answer,
        // Whoever does not know the method says so in one of many ways, or ends the conversation.
        Err(LinkError::Closed(_) | LinkError::Malformed(_)) => return Ok(None),
        Err(LinkError::Status(status)) if !is_refusal(status) => return Ok(None),
        Err(other) => return Err(other.into()),
    };
    match era::shown_by(&answer) {
        Shows::Modern => {}
        Shows::Legacy | Shows::Either | Shows::Foreign => return Ok(None),
    }
    let document = parse("server/discover", answer)?;
    let result = document.root().get("result");
    let Some(result) = result else { return Err(ProbeError::Revision) };
    let lists = result.pointer("/capabilities/tools").is_some();
    let tools = if lists { count(talk, Revision::V2026_07_28).await.map(Some) } else { Ok(None) };
    Ok(Some(Probed { revision: Revision::V2026_07_28, tools }))
}

async fn legacy(talk: &mut Talk) -> Result<Probed, ProbeError> {
    let hello = serde_json::json!({
        "jsonrpc": "2.0", "id": OWN_ID, "method": "initialize",
        "params": {
            "protocolVersion": Revision::HANDSHAKE.date(),
            "capabilities": {},
            "clientInfo": { "name": "sallyport", "version": env!("CARGO_PKG_VERSION") },
        },
    });
    let answer = talk.ask(hello.to_string().into(), Vec::new()).await?;
    let document = parse("initialize", answer)?;
    let result = document.root().get("result").ok_or(ProbeError::Foreign("initialize"))?;
    let version = result.get("protocolVersion").and_then(|version| version.as_str());
    let version = version.ok_or(ProbeError::Foreign("initialize"))?;
    let revision = Revision::from_date(&version).ok_or(ProbeError::Revision)?;
    let lists = result.pointer("/capabilities/tools").is_some();
    talk.tell(
        br#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
        version_header(revision),
    )
    .await?;
    let tools = if lists { count(talk, revision).await.map(Some) } else { Ok(None) };
    Ok(Probed { revision, tools })
}

/// Counts the tools of every page.
async fn count(talk: &mut Talk, revision: Revision) -> Result<usize, ProbeError> {
    let mut tools = 0_usize;
    let mut cursor: Option<Vec<u8>> = None;
    for _ in 0..LIST_PAGES_MAX {
        let (message, headers) = list(revision, cursor.as_deref());
        let answer = talk.ask(message, headers).await?;
        let document = parse("tools/list", answer)?;
        let listed = document.root().pointer("/result/tools");
        let listed = listed.filter(|tools| tools.kind() == Kind::Array);
        let listed = listed.ok_or(ProbeError::Foreign("tools/list"))?;
        tools = tools.saturating_add(listed.items().count());
        cursor = document.root().pointer("/result/nextCursor").map(|it| it.raw().to_vec());
        if cursor.is_none() {
            break;
        }
    }
    Ok(tools)
}

/// The request for one page.
fn list(revision: Revision, cursor: Option<&[u8]>) -> (Bytes, Vec<(HeaderName, HeaderValue)>) {
    if revision.is_modern() {
        let mut params = Vec::new();
        if let Some(cursor) = cursor {
            params.extend_from_slice(b",\"cursor\":");
            params.extend_from_slice(cursor);
        }
        let question = up::own_question("tools/list", &era::own_meta(), &params);
        return (question.message, question.headers);
    }
    let mut message =
        format!(r#"{{"jsonrpc":"2.0","id":"{OWN_ID}","method":"tools/list""#).into_bytes();
    if let Some(cursor) = cursor {
        message.extend_from_slice(b",\"params\":{\"cursor\":");
        message.extend_from_slice(cursor);
        message.push(b'}');
    }
    message.push(b'}');
    (message.into(), version_header(revision))
}

fn version_header(revision: Revision) -> Vec<(HeaderName, HeaderValue)> {
    vec![(PROTOCOL_VERSION, HeaderValue::from_static(revision.date()))]
}

/// An answer that is no error.
fn parse(method: &'static str, answer: Bytes) -> Result<Document, ProbeError> {
    let document =
        Document::parse(answer, &crate::mcp::ANSWER).map_err(|_| ProbeError::Foreign(method))?;
    match document.root().pointer("/error/code").map(|code| code.as_i64().unwrap_or(0)) {
        Some(code) => Err(ProbeError::Refused(method, code)),
        None => Ok(document),
    }
}

/// One conversation, one question at a time.
struct Talk {
    link: Link,
    within: Duration,
    next: u64,
}

impl Talk {
    async fn begin(
        connector: &Connector,
        who: &Principal,
        within: Duration,
    ) -> Result<Self, LinkError> {
        let opened = tokio::time::timeout(within, connector.open(who)).await;
        Ok(Self { link: opened.map_err(|_| LinkError::Timeout)??, within, next: 0 })
    }

    async fn tell(
        &mut self,
        message: &'static [u8],
        headers: Vec<(HeaderName, HeaderValue)>,
    ) -> Result<(), LinkError> {
        let tag = self.tag();
        let said = Said { message: Bytes::from_static(message), tag, wants_answer: false, headers };
        let saying = self.link.transport.say(said);
        tokio::time::timeout(self.within, saying).await.map_err(|_| LinkError::Timeout)?
    }

    /// Asks and waits for the answer; what the server says besides is passed over.
    async fn ask(
        &mut self,
        message: Bytes,
        headers: Vec<(HeaderName, HeaderValue)>,
    ) -> Result<Bytes, LinkError> {
        let end = Instant::now() + self.within;
        let tag = self.tag();
        let said = Said { message, tag, wants_answer: true, headers };
        timeout_at(end, self.link.transport.say(said)).await.map_err(|_| LinkError::Timeout)??;
        loop {
            let heard = timeout_at(end, self.link.heard.recv()).await;
            match heard.map_err(|_| LinkError::Timeout)? {
                None => return Err(self.link.transport.why_closed()),
                Some(Heard::Message { tag: of, message }) => match what(&message) {
                    What::Other => {}
                    What::Error if of.is_some() => return self.behind(tag, end, message).await,
                    What::Error | What::Answer => return Ok(message),
                },
                Some(Heard::Ended { tag: ended, error }) if ended == tag => {
                    let silent = LinkError::Closed("it gave no answer");
                    return Err(error.unwrap_or(silent));
                }
                Some(Heard::Ended { .. }) => {}
            }
        }
    }

    /// An error that came with a status: one that refuses the gateway itself says more.
    async fn behind(&mut self, tag: u64, end: Instant, error: Bytes) -> Result<Bytes, LinkError> {
        while let Ok(Some(heard)) = timeout_at(end, self.link.heard.recv()).await {
            match heard {
                Heard::Ended { tag: ended, error: Some(LinkError::Status(status)) }
                    if ended == tag && is_refusal(status) =>
                {
                    return Err(LinkError::Status(status));
                }
                Heard::Ended { tag: ended, .. } if ended == tag => break,
                Heard::Ended { .. } | Heard::Message { .. } => {}
            }
        }
        Ok(error)
    }

    fn tag(&mut self) -> u64 {
        self.next = self.next.saturating_add(1);
        self.next
    }
}

/// What a message is to the question that is open.
enum What {
    Answer,
    Error,
    Other,
}

/// An error may name no question: whoever could not read it does not know its id.
fn what(message: &Bytes) -> What {
    let Ok(document) = Document::parse(message.clone(), &crate::mcp::ANSWER) else {
        return What::Answer;
    };
    let root = document.root();
    let ours = root.get("id").is_none_or(|id| id.is_str(OWN_ID) || id.is_null());
    match (root.get("method"), root.get("error")) {
        (None, Some(_)) if ours => What::Error,
        (None, None) if ours => What::Answer,
        (_, _) => What::Other,
    }
}

/// Whether a status refuses the gateway, not what it asked.
fn is_refusal(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::UNAUTHORIZED
            | StatusCode::FORBIDDEN
            | StatusCode::PROXY_AUTHENTICATION_REQUIRED
    ) || status.is_server_error()
}

/// The id of every question: there is one at a time.
const OWN_ID: &str = "sallyport";
