//! A call of a pinned tool that no list has shown: the server is asked for its tools first, in the
//! caller's name, so that a client that calls without listing is served all the same.
//!
//! The question is an exchange like any other: it passes every gate, it is recorded, and what comes
//! back is screened, whereby the judge of the tools learns of them. Guarantees: a caller causes one
//! such question at a time and not more often than [`limits::MIRROR_ASK_MS`]; a call waits for the
//! answer for a bounded time; what is not known then is refused by the guard.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue};
use http::request::Parts;
use http::{Method, Request, Response};
use http_body_util::BodyExt as _;
use tokio::time::{Instant, timeout};

use super::Pipeline;
use crate::body::ReplyBody;
use crate::exchange::Exchange;
use crate::guard::called_tool;
use crate::json::{Document, write_string};
use crate::limit::Admitted;
use crate::limits::{self, EVENT_BYTES_MAX, PIN_ASKERS_MAX};
use crate::mcp::headers;
use crate::mcp::sse::Decoder;
use crate::mcp::version::Revision;
use crate::principal::PrincipalKey;
use crate::reject::{Code, Rejection};
use crate::snapshot::Gates;

/// When each caller's last question was asked; locked while it is being asked.
type Asked = Arc<tokio::sync::Mutex<Option<Instant>>>;

/// For whom servers were asked for their tools lately.
#[derive(Debug, Default)]
pub(super) struct Askers(Mutex<HashMap<(Arc<str>, PrincipalKey), Asked>>);

impl Askers {
    fn of(&self, server: &Arc<str>, caller: PrincipalKey) -> Asked {
        let mut askers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if askers.len() >= PIN_ASKERS_MAX {
            // Whoever is being asked for is held by its call too.
            askers.retain(|_, asked| Arc::strong_count(asked) > 1);
        }
        Arc::clone(askers.entry((Arc::clone(server), caller)).or_default())
    }
}

/// Whether a tool may be called as far as its server's list goes: where denials are hidden, a name
/// that does not exist has to be refused by the gateway, or the server's own words would tell it
/// from one that is hidden.
///
/// # Errors
/// [`Code::NameUnknown`].
pub(super) fn is_listed(gates: &Gates, ex: &Exchange<Admitted>) -> Result<(), Rejection> {
    match called_tool(ex.call()) {
        Some(tool) if gates.authz.hides() && !gates.pins.knows(tool) => {
            Err(Rejection::new(Code::NameUnknown, "no list of the server names this tool"))
        }
        Some(_) | None => Ok(()),
    }
}

impl Pipeline {
    /// Asks the server for its tools if this call needs that.
    pub(super) async fn show_tools(self: &Arc<Self>, gates: &Gates, ex: &Exchange<Admitted>) {
        let Some(tool) = called_tool(ex.call()) else { return };
        let unseen = || gates.pins.unseen(tool) || gates.authz.hides() && !gates.pins.knows(tool);
        if !unseen() {
            return;
        }
        let asked = self.askers.of(&ex.server().name, ex.principal().key);
        let mut asked = asked.lock().await;
        let pause = Duration::from_millis(limits::MIRROR_ASK_MS);
        if !unseen() || asked.is_some_and(|at| at.elapsed() < pause) {
            return;
        }
        let wait = Duration::from_millis(limits::MIRROR_WAIT_MS);
        match timeout(wait, self.pages(ex)).await {
            // Refused at once, as in a session whose handshake is not done: the next call asks again.
            Ok(false) => return,
            Ok(true) => {}
            Err(_) => {
                let server = ex.server().name.as_ref();
                tracing::warn!(server, "a server did not list its tools in time");
            }
        }
        *asked = Some(Instant::now());
    }

    /// All pages, because a name may stand on two; whether there was any. Boxed, because the pipeline
    /// that asks is the one that serves the question.
    fn pages<'a>(
        self: &'a Arc<Self>,
        ex: &'a Exchange<Admitted>,
    ) -> Pin<Box<dyn Future<Output = bool> + Send + 'a>> {
        Box::pin(async move {
            let mut cursor: Option<Box<str>> = None;
            let mut listed = false;
            for _ in 0..limits::MIRROR_PAGES_MAX {
                let Some(head) = head(ex) else { break };
                let body = question(ex.is_modern(), cursor.as_deref());
                let (peer, caller) = (Arc::clone(ex.peer()), Arc::clone(ex.principal()));
                let asks = Exchange::of_gateway(head, body, peer, Some(caller));
                let Some(answer) = answer(self.serve(asks).await).await else { break };
                listed |= answer.root().get("result").is_some();
                let next = answer.root().pointer("/result/nextCursor").and_then(|it| it.as_str());
                cursor = next.map(Into::into);
                if cursor.is_none() {
                    break;
                }
            }
            listed
        })
    }
}

/// The head of the question: the caller's session and revision; `None` when a part of it is no
/// header, which cannot happen.
fn head(ex: &Exchange<Admitted>) -> Option<Parts> {
    let server = ex.server();
    let (mut head, ()) = Request::new(()).into_parts();
    head.method = Method::POST;
    head.uri = server.path.parse().ok()?;
    let fields = &mut head.headers;
    fields.insert(HOST, HeaderValue::from_str(server.hosts.first()?).ok()?);
    fields.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    fields.insert(ACCEPT, HeaderValue::from_static("application/json, text/event-stream"));
    // The caller is vouched for; but a server that takes tokens of its callers gets one for this.
    if let Some(own) = ex.headers().get(AUTHORIZATION) {
        fields.insert(AUTHORIZATION, own.clone());
    }
    if ex.is_modern() {
        let date = Revision::V2026_07_28.date();
        fields.insert(headers::PROTOCOL_VERSION, HeaderValue::from_static(date));
        fields.insert(headers::METHOD, HeaderValue::from_static("tools/list"));
        return Some(head);
    }
    let agreed = ex.session().and_then(|session| session.revision());
    let agreed = agreed.filter(Revision::has_version_header);
    if let Some(session) = ex.session() {
        fields.insert(headers::SESSION_ID, HeaderValue::from_str(session.sealed()).ok()?);
    }
    if let Some(revision) = agreed {
        fields.insert(headers::PROTOCOL_VERSION, HeaderValue::from_static(revision.date()));
    } else if let Some(claimed) = ex.headers().get(&headers::PROTOCOL_VERSION) {
        fields.insert(headers::PROTOCOL_VERSION, claimed.clone());
    }
    Some(head)
}

fn question(modern: bool, cursor: Option<&str>) -> Bytes {
    let mut body = OPENING.to_vec();
    if modern {
        body.extend_from_slice(META);
    }
    if let Some(cursor) = cursor {
        body.extend_from_slice(if modern { b",\"cursor\":" } else { b"\"cursor\":" });
        write_string(&mut body, cursor);
    }
    body.extend_from_slice(b"}}");
    body.into()
}

/// The message that answers, out of either form.
async fn answer(response: Response<ReplyBody>) -> Option<Document> {
    let media = response.headers().get(CONTENT_TYPE);
    let events = media.is_some_and(|media| media.as_bytes().starts_with(b"text/event-stream"));
    let mut body = response.into_body();
    let mut decoder = Decoder::new(EVENT_BYTES_MAX);
    let mut whole = BytesMut::new();
    while let Some(Ok(frame)) = body.frame().await {
        let Ok(data) = frame.into_data() else { continue };
        if !events {
            // The response gate bounds it.
            whole.extend_from_slice(&data);
            continue;
        }
        decoder.push(data);
        while let Some(event) = decoder.next_event() {
            let message = event.ok()?.data.and_then(read);
            let answers = |message: &Document| {
                ["result", "error"].iter().any(|member| message.root().get(member).is_some())
            };
            if message.as_ref().is_some_and(answers) {
                return message;
            }
        }
    }
    read(whole.freeze()).filter(|_| !events)
}

fn read(bytes: Bytes) -> Option<Document> {
    Document::parse(bytes, &crate::mcp::ANSWER).ok()
}

const OPENING: &[u8] =
    br#"{"jsonrpc":"2.0","id":"sallyport-tools","method":"tools/list","params":{"#;

const META: &[u8] = br#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"sallyport","version":"1"},"io.modelcontextprotocol/clientCapabilities":{}}"#;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Askers, PIN_ASKERS_MAX};
    use crate::principal::PrincipalKey;

    #[test]
    fn at_most_pin_askers_max_are_remembered_and_none_that_is_being_asked_for_is_forgotten() {
        let askers = Askers::default();
        let server: Arc<str> = "s".into();
        let key = |n: usize| PrincipalKey::of("i", &n.to_string(), None);
        let held = askers.of(&server, key(0));
        for n in 1..PIN_ASKERS_MAX * 2 {
            drop(askers.of(&server, key(n)));
        }
        assert!(askers.0.lock().unwrap().len() <= PIN_ASKERS_MAX);
        assert!(Arc::ptr_eq(&held, &askers.of(&server, key(0))));
    }
}
