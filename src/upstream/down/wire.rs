//! One conversation over a [`Link`]: requests with their answers, in both directions.
//!
//! Owns the ids and progress tokens of the link and who waits for what. Guarantees: an answer
//! reaches the call that asked and no other (S-37); what a server says while a call is under way
//! reaches that call where the transport says so, else the newest one; a call that is dropped is
//! cancelled at the server; a caller that does not listen holds up nobody else.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::splice::{Splice, one_line, read};
use crate::json::Document;
use crate::limits::{CALL_MESSAGES_MAX, CALL_MESSAGES_RESERVED, LINK_SAY_MS};
use crate::mcp::headers::PROTOCOL_VERSION;
use crate::mcp::message::{Kind, Message};
use crate::mcp::version::Revision;
use crate::upstream::link::{Heard, Link, LinkError, Said, Transport};

/// What a server says to a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Told {
    /// The answer, the whole message; nothing comes after it.
    Answer(Bytes),
    /// A notification that belongs to the call.
    Notification(Bytes),
    /// The server asks something, and waits for its answer.
    Request { id: ServerRequestId, message: Bytes },
}

/// The id of a server's request, as it was spelled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ServerRequestId(Bytes);

/// A conversation; ends when it is dropped.
#[derive(Debug)]
pub(super) struct Conversation {
    shared: Arc<Shared>,
    _reader: JoinSet<()>,
}

/// A request under way; dropping it before its answer cancels it.
#[derive(Debug)]
pub(super) struct Call {
    tag: u64,
    told: mpsc::Receiver<Told>,
    shared: Arc<Shared>,
    over: bool,
}

/// What a server says that belongs to no call.
#[derive(Debug)]
pub(super) struct Unasked {
    said: mpsc::Receiver<Bytes>,
}

#[derive(Debug)]
struct Shared {
    transport: Arc<dyn Transport>,
    table: Mutex<Table>,
    /// Messages that leave after the one who wanted them said is gone.
    errands: Mutex<JoinSet<()>>,
}

#[derive(Debug, Default)]
struct Table {
    last_tag: u64,
    /// By tag, so that the newest is the last.
    calls: BTreeMap<u64, Waiting>,
    unasked: Option<mpsc::Sender<Bytes>>,
    headers: Vec<(HeaderName, HeaderValue)>,
    closed: Option<LinkError>,
}

/// A call that waits.
#[derive(Debug)]
struct Waiting {
    told: mpsc::Sender<Told>,
    /// The last word: always fits, wherever the channel stands.
    end: Option<Result<Bytes, LinkError>>,
}

impl Conversation {
    /// Says the handshake and waits for its answer, which is handed out whole.
    pub(super) async fn open(
        link: Link,
        initialize: Bytes,
        deadline: Duration,
    ) -> Result<(Self, Bytes), LinkError> {
        let Link { transport, heard } = link;
        let shared =
            Arc::new(Shared { transport, table: Mutex::default(), errands: Mutex::default() });
        let mut reader = JoinSet::new();
        reader.spawn(listen(Arc::clone(&shared), heard));
        let conversation = Self { shared, _reader: reader };
        let opening = async {
            let mut call = conversation.call(initialize).await?;
            loop {
                match call.next().await {
                    Some(Ok(Told::Answer(answer))) => return Ok(answer),
                    Some(Ok(Told::Notification(_) | Told::Request { .. })) => {}
                    Some(Err(error)) => return Err(error),
                    None => return Err(LinkError::Closed("no answer to the handshake")),
                }
            }
        };
        let answer =
            tokio::time::timeout(deadline, opening).await.map_err(|_| LinkError::Timeout)??;
        Ok((conversation, answer))
    }

    /// Completes the handshake; from here on every message names the negotiated revision.
    pub(super) async fn initialized(&self, revision: Revision) -> Result<(), LinkError> {
        self.shared.table().headers =
            vec![(PROTOCOL_VERSION, HeaderValue::from_static(revision.date()))];
        let done = br#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
        self.shared.say(Bytes::from_static(done)).await
    }

    /// Sends a request. An error means that nothing was sent.
    pub(super) async fn call(&self, request: Bytes) -> Result<Call, LinkError> {
        let (sender, told) = mpsc::channel(CALL_MESSAGES_MAX);
        let (tag, headers) = {
            let mut table = self.shared.table();
            if let Some(error) = &table.closed {
                return Err(error.clone());
            }
            table.last_tag = table.last_tag.wrapping_add(1);
            let tag = table.last_tag;
            table.calls.insert(tag, Waiting { told: sender, end: None });
            (tag, table.headers.clone())
        };
        let mut call = Call { tag, told, shared: Arc::clone(&self.shared), over: true };
        let Some(message) = renumbered(request, tag) else {
            self.shared.table().calls.remove(&tag);
            return Err(LinkError::Malformed("a request that cannot be read"));
        };
        let said = Said { message, tag, wants_answer: true, headers };
        // Once the message may have left, whoever goes away cancels it.
        call.over = false;
        let outcome = self.shared.transport.say(said).await;
        self.shared.judge(&outcome);
        if let Err(error) = outcome {
            call.over = true;
            self.shared.table().calls.remove(&tag);
            return Err(error);
        }
        Ok(call)
    }

    /// Answers a request of the server with this result.
    pub(super) async fn answer(
        &self,
        id: &ServerRequestId,
        result: &[u8],
    ) -> Result<(), LinkError> {
        self.shared.say(answer_message(id, b"result", result)).await
    }

    /// Answers a request of the server with an error, some time soon.
    pub(super) fn refuse(&self, id: &ServerRequestId, code: i32, why: &str) {
        self.shared.refuse(id, code, why);
    }

    /// Ends the conversation for everybody in it, because the server has lost it.
    pub(super) fn end(&self) {
        self.shared.over(&LinkError::Closed("the server has lost the conversation"));
        self.shared.transport.close();
    }

    /// Opens what the server says unasked; whoever listened before hears no more.
    pub(super) fn listen(&self) -> Unasked {
        let (sender, said) = mpsc::channel(CALL_MESSAGES_MAX);
        let mut table = self.shared.table();
        if table.closed.is_none() {
            table.unasked = Some(sender);
        }
        drop(table);
        self.shared.transport.listen();
        Unasked { said }
    }

    /// Whether it is over.
    pub(super) fn is_closed(&self) -> bool {
        self.shared.table().closed.is_some()
    }
}

impl Drop for Conversation {
    fn drop(&mut self) {
        self.shared.transport.close();
    }
}

impl Call {
    /// What the server says next; `None` after the end. Cancel-safe.
    pub(super) async fn next(&mut self) -> Option<Result<Told, LinkError>> {
        if self.over {
            return None;
        }
        if let Some(told) = self.told.recv().await {
            return Some(Ok(told));
        }
        self.over = true;
        let ended = self.shared.table().calls.remove(&self.tag);
        let end = ended.and_then(|waiting| waiting.end);
        Some(end.unwrap_or(Err(LinkError::Closed("the call was lost"))).map(Told::Answer))
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let open = self.shared.table().calls.remove(&self.tag);
        let answered = open.is_none_or(|waiting| waiting.end.is_some());
        if self.over || answered {
            return;
        }
        self.shared.transport.forget(self.tag);
        let tag = self.tag;
        let cancelled = format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{tag},"reason":"the caller went away"}}}}"#
        );
        self.shared.errand(cancelled.into());
    }
}

impl Unasked {
    /// What is said next; `None` when the conversation is over. Cancel-safe.
    pub(super) async fn next(&mut self) -> Option<Bytes> {
        self.said.recv().await
    }
}

impl Shared {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn say(&self, message: Bytes) -> Result<(), LinkError> {
        let headers = self.table().headers.clone();
        let said = Said { message, tag: 0, wants_answer: false, headers };
        let outcome = self.transport.say(said).await;
        self.judge(&outcome);
        outcome
    }

    /// A transport that says it is closed has ended the conversation, heard or not.
    fn judge(&self, outcome: &Result<(), LinkError>) {
        if let Err(error @ LinkError::Closed(_)) = outcome {
            self.over(error);
        }
    }

    fn refuse(&self, id: &ServerRequestId, code: i32, why: &str) {
        let mut error = Vec::with_capacity(64);
        error.extend_from_slice(format!(r#"{{"code":{code},"message":"#).as_bytes());
        crate::json::write_string(&mut error, why);
        error.push(b'}');
        self.errand(answer_message(id, b"error", &error));
    }

    /// Says something on a task of the conversation's own, for who cannot wait.
    fn errand(&self, message: Bytes) {
        if tokio::runtime::Handle::try_current().is_err() {
            return;
        }
        let headers = self.table().headers.clone();
        let transport = Arc::clone(&self.transport);
        let mut errands = self.errands.lock().unwrap_or_else(PoisonError::into_inner);
        while errands.try_join_next().is_some() {}
        errands.spawn(async move {
            let said = Said { message, tag: 0, wants_answer: false, headers };
            let bound = Duration::from_millis(LINK_SAY_MS);
            // Who cannot be told is gone, which is what the message was about.
            let _ = tokio::time::timeout(bound, transport.say(said)).await;
        });
    }

    fn message(&self, tag: Option<u64>, bytes: Bytes) {
        // Noise is not an answer: who waits goes on waiting, within its own bound.
        let Ok(document) = read(bytes) else { return };
        let Ok(message) = Message::read_answer(&document) else { return };
        match message.kind() {
            Kind::Result | Kind::Error => self.answered(tag, &document),
            Kind::Request => self.asked(tag, &message, document.bytes()),
            Kind::Notification => self.noticed(tag, &message, &document),
        }
    }

    fn answered(&self, tag: Option<u64>, document: &Document) {
        let id = document.root().get("id").and_then(|id| u64::try_from(id.as_i64()?).ok());
        // An error without an id can only mean the one request of its own stream.
        let Some(found) = id.or(tag) else { return };
        self.table().end(found, Ok(document.bytes().clone()));
    }

    fn asked(&self, tag: Option<u64>, message: &Message, bytes: &Bytes) {
        let Some(id) = message.id().map(|id| ServerRequestId(id.raw().clone())) else { return };
        if message.method() == "ping" {
            self.errand(answer_message(&id, b"result", b"{}"));
            return;
        }
        let told = Told::Request { id: id.clone(), message: bytes.clone() };
        if !self.table().tell(tag, told, 0) {
            self.refuse(&id, -32601, "nobody is there to answer this");
        }
    }

    fn noticed(&self, tag: Option<u64>, message: &Message, document: &Document) {
        let bytes = document.bytes();
        let token = || document.root().get("params")?.get("progressToken")?.as_i64();
        let mut table = self.table();
        let to = match message.method() {
            "notifications/progress" => token().and_then(|token| u64::try_from(token).ok()),
            "notifications/message" => tag.or_else(|| table.newest()),
            _change => tag,
        };
        match to.filter(|tag| table.calls.contains_key(tag)) {
            Some(tag) => {
                table.tell(Some(tag), Told::Notification(bytes.clone()), CALL_MESSAGES_RESERVED);
            }
            None => {
                if let Some(unasked) = &table.unasked {
                    let _ = unasked.try_send(bytes.clone());
                }
            }
        }
    }

    fn over(&self, why: &LinkError) {
        let mut table = self.table();
        if table.closed.is_none() {
            table.closed = Some(why.clone());
        }
        table.unasked = None;
        let open: Vec<u64> = table.calls.keys().copied().collect();
        for tag in open {
            table.end(tag, Err(why.clone()));
        }
    }
}

impl Table {
    fn newest(&self) -> Option<u64> {
        self.calls.iter().rev().find(|(_, call)| call.end.is_none()).map(|(tag, _)| *tag)
    }

    /// Tells a call, or the newest one; whether there was one with room, `reserved` kept free.
    fn tell(&mut self, tag: Option<u64>, told: Told, reserved: usize) -> bool {
        let known = tag.filter(|tag| self.calls.contains_key(tag));
        let Some(call) = known.or_else(|| self.newest()).and_then(|tag| self.calls.get(&tag))
        else {
            return false;
        };
        call.told.capacity() > reserved && call.told.try_send(told).is_ok()
    }

    /// The last word to a call; what comes later is nobody's.
    fn end(&mut self, tag: u64, end: Result<Bytes, LinkError>) {
        if let Some(call) = self.calls.get_mut(&tag)
            && call.end.is_none()
        {
            call.end = Some(end);
            // Closes the channel, so that its reader comes to the end.
            call.told = mpsc::channel(1).0;
        }
    }
}

async fn listen(shared: Arc<Shared>, mut heard: mpsc::Receiver<Heard>) {
    while let Some(heard) = heard.recv().await {
        match heard {
            Heard::Message { tag, message } => shared.message(tag, message),
            Heard::Ended { tag, error } => {
                let why = error.unwrap_or(LinkError::Closed("its stream ended unanswered"));
                shared.table().end(tag, Err(why));
            }
        }
    }
    let why = shared.transport.why_closed();
    shared.over(&why);
}

/// The request under the link's own id, and with the same number as its progress token.
fn renumbered(request: Bytes, tag: u64) -> Option<Bytes> {
    let document = read(request).ok()?;
    let root = document.root();
    let number = tag.to_string();
    let mut splice = Splice::new(document.bytes());
    splice.replace(root.get("id")?, number.as_bytes());
    let token = || root.get("params")?.get("_meta")?.get("progressToken");
    if let Some(token) = token() {
        splice.replace(token, number.as_bytes());
    }
    Some(splice.apply())
}

fn answer_message(id: &ServerRequestId, member: &[u8], value: &[u8]) -> Bytes {
    let mut out = Vec::with_capacity(value.len().saturating_add(64));
    out.extend_from_slice(br#"{"jsonrpc":"2.0","id":"#);
    out.extend_from_slice(&id.0);
    out.extend_from_slice(b",\"");
    out.extend_from_slice(member);
    out.extend_from_slice(b"\":");
    out.extend_from_slice(value);
    out.push(b'}');
    one_line(out)
}
