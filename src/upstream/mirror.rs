//! Asks a server for its tools, when a call of one must be mirrored in headers and no list that
//! passed told how.
//!
//! Owns one question, `tools/list` in the gateway's own name, which holds nothing of any caller.
//! Assumes a recorded call to a modern server. Guarantees (checklist 12, 13): the caller's
//! `Mcp-Param-*` are checked before the call is sent, and never relayed; the server is asked by
//! one call at a time and not more often than [`limits::MIRROR_ASK_MS`]; where it does not tell,
//! the call goes without such headers and the server, which must check them too, decides.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use super::answer::{Raw, RawBody};
use super::http::Http;
use crate::config;
use crate::decode::Plan;
use crate::json::{Document, write_string};
use crate::limits;
use crate::mcp::headers;
use crate::mcp::outputs::Outputs;
use crate::mcp::params::{Known, Mirrors};
use crate::mcp::sse::Decoder;
use crate::mcp::version::Revision;
use crate::record::Recorded;
use crate::reject::{Code, Rejection};

/// What is known of a server's mirrored arguments, and how more is learnt.
#[derive(Debug)]
pub(super) struct Mirror {
    known: Arc<Known>,
    outputs: Arc<Outputs>,
    /// When the server was asked last; locked while it is being asked.
    asked: Mutex<Option<Instant>>,
    wait: Duration,
    answer_bytes_max: usize,
}

impl Mirror {
    pub(super) fn new(
        upstream: &config::Upstream,
        known: Arc<Known>,
        outputs: Arc<Outputs>,
    ) -> Self {
        Self {
            known,
            outputs,
            asked: Mutex::new(None),
            wait: upstream.head_timeout.min(Duration::from_millis(limits::MIRROR_WAIT_MS)),
            answer_bytes_max: upstream.answer_bytes_max,
        }
    }

    /// The `Mcp-Param-*` of a call whose tool was not known when the call was read.
    ///
    /// # Errors
    /// [`Code::HeaderMismatch`], [`Code::Denied`] for a tool whose annotations are not valid.
    pub(super) async fn headers(
        &self,
        http: &Http,
        call: &Recorded,
    ) -> Result<Vec<(HeaderName, HeaderValue)>, Rejection> {
        let Some(claims) = call.unmirrored() else { return self.anew(call) };
        let tool = call.call().resource.name();
        if self.unsure(tool) {
            self.ask(http, tool).await;
        }
        let verified = verify(&self.known, claims, call)?;
        if call.is_rewritten() { self.anew(call) } else { Ok(verified) }
    }

    /// The `Mcp-Param-*` of a call whose arguments the gateway rewrote.
    fn anew(&self, call: &Recorded) -> Result<Vec<(HeaderName, HeaderValue)>, Rejection> {
        let known = self.known.of(call.call().resource.name());
        match known.filter(|_| call.is_rewritten()) {
            Some((mirrors, _)) => Ok(mirrors.write(call.call().json_arguments())?),
            None => Ok(Vec::new()),
        }
    }

    fn unsure(&self, tool: &str) -> bool {
        self.known.of(tool).is_none_or(|(_, doubted)| doubted)
    }

    /// Asks, unless somebody else just did.
    async fn ask(&self, http: &Http, tool: &str) {
        let mut asked = self.asked.lock().await;
        let pause = Duration::from_millis(limits::MIRROR_ASK_MS);
        if !self.unsure(tool) || asked.is_some_and(|at| at.elapsed() < pause) {
            return;
        }
        if timeout(self.wait, self.pages(http)).await.is_err() {
            tracing::warn!("a server did not list its tools in time");
        }
        *asked = Some(Instant::now());
    }

    async fn pages(&self, http: &Http) {
        let mut cursor = None;
        for _ in 0..limits::MIRROR_PAGES_MAX {
            let Ok(raw) = http.send(&question(cursor.as_deref())).await else { return };
            let Some(page) = self.answer(raw).await else { return };
            let Some(result) = page.root().get("result") else { return };
            for tool in result.get("tools").into_iter().flat_map(|tools| tools.items()) {
                if let Some(name) = tool.get("name").and_then(|name| name.as_str()) {
                    self.known.learn(&name, tool.get("inputSchema"));
                    self.outputs.learn(&name, tool.get("outputSchema"));
                }
            }
            cursor = result.get("nextCursor").and_then(|next| next.as_str()).map(String::from);
            if cursor.is_none() {
                return;
            }
        }
    }

    /// The one message that answers, out of either form.
    async fn answer(&self, raw: Raw) -> Option<Document> {
        if !raw.status.is_success() {
            return None;
        }
        let mut body = raw.body;
        if is_events(&raw.headers) {
            let mut events = Decoder::new(self.answer_bytes_max.min(limits::EVENT_BYTES_MAX));
            while let Some(Ok(data)) = body.data().await {
                events.push(data);
                while let Some(event) = events.next_event() {
                    let page = event.ok()?.data.and_then(read);
                    if page.as_ref().is_some_and(|page| page.root().get("result").is_some()) {
                        return page;
                    }
                }
            }
            return None;
        }
        read(whole(&mut body, self.answer_bytes_max).await?)
    }
}

/// Checks the caller's headers against what is known now, be it in doubt.
///
/// # Errors
/// As [`Mirror::headers`].
pub(super) fn verify(
    known: &Known,
    claims: &HeaderMap,
    call: &Recorded,
) -> Result<Vec<(HeaderName, HeaderValue)>, Rejection> {
    let tool = call.call().resource.name();
    let Some((mirrors, _)) = known.of(tool) else { return Ok(Vec::new()) };
    if *mirrors == Mirrors::Invalid {
        return Err(Rejection::new(Code::Denied, "the tool's annotations are not valid"));
    }
    Ok(mirrors.verify(claims, call.asked().json_arguments())?)
}

async fn whole(body: &mut RawBody, bytes_max: usize) -> Option<Bytes> {
    let mut whole = BytesMut::new();
    while let Some(data) = body.data().await {
        let data = data.ok()?;
        if whole.len() + data.len() > bytes_max {
            return None;
        }
        whole.extend_from_slice(&data);
    }
    Some(whole.freeze())
}

fn read(bytes: Bytes) -> Option<Document> {
    Document::parse(bytes, &crate::mcp::ANSWER).ok()
}

fn is_events(headers: &HeaderMap) -> bool {
    let value = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    let essence = value.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    essence.eq_ignore_ascii_case(b"text/event-stream")
}

fn question(cursor: Option<&str>) -> Plan {
    let mut body = Vec::with_capacity(256);
    body.extend_from_slice(OPENING);
    if let Some(cursor) = cursor {
        body.extend_from_slice(b",\"cursor\":");
        write_string(&mut body, cursor);
    }
    body.extend_from_slice(b"}}");
    let revision = Revision::V2026_07_28.date();
    Plan {
        method: Method::POST,
        path_and_query: None,
        headers: vec![
            (headers::PROTOCOL_VERSION, HeaderValue::from_static(revision)),
            (headers::METHOD, HeaderValue::from_static("tools/list")),
        ],
        body: body.into(),
    }
}

const OPENING: &[u8] = br#"{"jsonrpc":"2.0","id":"sallyport-tools","method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"sallyport","version":"1"},"io.modelcontextprotocol/clientCapabilities":{}}"#;
