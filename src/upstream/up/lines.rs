//! Requests to a modern server that says everything on one stream: a child process.
//!
//! Owns one conversation per caller and the numbers of its requests. A modern server keeps nothing
//! between requests, so there is no handshake; what it says is told apart by the request's number,
//! which stands in the id, the progress token and the tag of a subscription. Guarantees: what comes
//! back bears the caller's own id and token again, byte for byte; an answer reaches the request
//! that has its number and no other (S-37); a request that is dropped is cancelled by a
//! notification, as MCP 2026-07-28, "Cancellation", wants it on this transport; a reader that does
//! not read loses its request and holds up nobody.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::splice::{SUBSCRIPTION_ID, Splices};
use crate::clock::Clock;
use crate::json::{Document, Value};
use crate::limits::{
    CONVERSATION_IDLE_S, LINE_CALLERS_MAX, LINE_CALLS_MAX, LINE_MESSAGES_MAX, TALK_SAY_MS,
};
use crate::mcp::ANSWER;
use crate::mcp::message::{Kind, Message};
use crate::principal::{Principal, PrincipalKey};
use crate::upstream::link::Dial;
use crate::upstream::link::{Heard, Link, LinkError, Said, Transport};

/// The conversations with one server, by caller.
#[derive(Debug)]
pub(in crate::upstream) struct Lines {
    dial: Arc<dyn Dial>,
    clock: Clock,
    open: Mutex<HashMap<PrincipalKey, Arc<Line>>>,
    /// One conversation is opened at a time, so that nobody gets two.
    opening: tokio::sync::Mutex<()>,
}

/// One conversation; ends when it is dropped.
#[derive(Debug)]
struct Line {
    used_s: AtomicU64,
    shared: Arc<Shared>,
    _end: DropGuard,
}

#[derive(Debug)]
struct Shared {
    transport: Arc<dyn Transport>,
    table: Mutex<Table>,
    /// What is told without waiting: cancellations.
    errands: mpsc::Sender<Bytes>,
    over: CancellationToken,
}

/// Who waits for what. Pure: messages in, messages for their readers out.
#[derive(Debug, Default)]
pub(super) struct Table {
    next: u64,
    waiting: HashMap<u64, Waiting>,
}

#[derive(Debug)]
struct Waiting {
    id: Bytes,
    token: Option<Bytes>,
    /// Log messages bear no number: they go to the newest request that wants some.
    wants_log: bool,
    reader: mpsc::Sender<Bytes>,
}

/// What comes back for one request; dropping it before the answer cancels the request.
#[derive(Debug)]
pub(in crate::upstream) struct Reader {
    line: Arc<Line>,
    number: u64,
    messages: mpsc::Receiver<Bytes>,
}

impl Lines {
    /// None open yet.
    pub(in crate::upstream) fn new(dial: Arc<dyn Dial>, clock: Clock) -> Self {
        Self { dial, clock, open: Mutex::default(), opening: tokio::sync::Mutex::default() }
    }

    /// Sends one request for a caller.
    ///
    /// # Errors
    /// When the server cannot be reached or takes nothing, or too much is under way.
    pub(in crate::upstream) async fn ask(
        &self,
        who: &Principal,
        message: Bytes,
    ) -> Result<Reader, LinkError> {
        let line = self.line(who).await?;
        line.used_s.store(self.clock.unix_s(), Ordering::Relaxed);
        let (reader, messages) = mpsc::channel(LINE_MESSAGES_MAX);
        let (number, message) = line.shared.table().begin(message, reader)?;
        // From here on dropping cancels.
        let answers = Reader { line, number, messages };
        let said = Said { message, tag: number, wants_answer: true, headers: Vec::new() };
        let saying = answers.line.shared.transport.say(said);
        timeout(SAY, saying).await.map_err(|_| LinkError::Timeout)??;
        Ok(answers)
    }

    /// Closes the conversations that nobody has used for long.
    pub(in crate::upstream) fn sweep(&self) {
        self.close_idle(CONVERSATION_IDLE_S);
    }

    /// Closes a caller's conversation: its server turned out not to be a modern one.
    pub(in crate::upstream) fn close(&self, who: PrincipalKey) {
        self.open().remove(&who);
    }

    fn close_idle(&self, after_s: u64) {
        let now_s = self.clock.unix_s();
        self.open().retain(|_, line| {
            let quiet = line.shared.table().waiting.is_empty() && Arc::strong_count(line) == 1;
            let idle_s = now_s.saturating_sub(line.used_s.load(Ordering::Relaxed));
            let idle = quiet && idle_s >= after_s;
            !line.shared.over.is_cancelled() && !idle
        });
    }

    async fn line(&self, who: &Principal) -> Result<Arc<Line>, LinkError> {
        if let Some(line) = self.living(who.key) {
            return Ok(line);
        }
        let _turn = self.opening.lock().await;
        if let Some(line) = self.living(who.key) {
            return Ok(line);
        }
        self.make_room()?;
        let line = Arc::new(Line::start(self.dial.dial(who).await?));
        self.open().insert(who.key, Arc::clone(&line));
        Ok(line)
    }

    fn living(&self, who: PrincipalKey) -> Option<Arc<Line>> {
        self.open().get(&who).filter(|line| !line.shared.over.is_cancelled()).cloned()
    }

    fn make_room(&self) -> Result<(), LinkError> {
        if self.open().len() >= LINE_CALLERS_MAX {
            self.close_idle(1);
        }
        if self.open().len() >= LINE_CALLERS_MAX {
            return Err(LinkError::Full("callers of a modern server"));
        }
        Ok(())
    }

    fn open(&self) -> MutexGuard<'_, HashMap<PrincipalKey, Arc<Line>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Line {
    fn start(link: Link) -> Self {
        let Link { transport, heard } = link;
        let (errands, waiting) = mpsc::channel(LINE_CALLS_MAX);
        let over = CancellationToken::new();
        let shared =
            Arc::new(Shared { transport, table: Mutex::default(), errands, over: over.clone() });
        tokio::spawn(Arc::clone(&shared).hear(heard));
        tokio::spawn(Arc::clone(&shared).run_errands(waiting));
        Self { used_s: AtomicU64::default(), shared, _end: over.drop_guard() }
    }
}

impl Shared {
    async fn hear(self: Arc<Self>, mut heard: mpsc::Receiver<Heard>) {
        loop {
            let next = tokio::select! {
                biased;
                () = self.over.cancelled() => None,
                next = heard.recv() => next,
            };
            match next {
                Some(Heard::Message { message, .. }) => self.table().hear(message),
                // Nothing more comes for it: its reader learns that by the end of its messages.
                Some(Heard::Ended { tag, .. }) => {
                    self.table().forget(tag);
                }
                None => break,
            }
        }
        self.over.cancel();
        // Whoever waits learns that no more comes.
        self.table().waiting.clear();
        self.transport.close();
    }

    async fn run_errands(self: Arc<Self>, mut errands: mpsc::Receiver<Bytes>) {
        loop {
            let message = tokio::select! {
                biased;
                () = self.over.cancelled() => return,
                message = errands.recv() => message,
            };
            let Some(message) = message else { return };
            let tag = self.table().number();
            let said = Said { message, tag, wants_answer: false, headers: Vec::new() };
            // A server that takes nothing cannot be told; the link ends it.
            let _ = timeout(SAY, self.transport.say(said)).await;
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reader {
    /// The next message; `None` after the answer, and when no answer comes. Cancel-safe.
    pub(in crate::upstream) async fn next(&mut self) -> Option<Bytes> {
        self.messages.recv().await
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if self.line.shared.table().forget(self.number) {
            // Where even this does not fit, the server does work that nobody wants.
            let _ = self.line.shared.errands.try_send(cancelled(self.number));
        }
    }
}

impl Table {
    /// Numbers a request; what leaves is one line.
    pub(super) fn begin(
        &mut self,
        message: Bytes,
        reader: mpsc::Sender<Bytes>,
    ) -> Result<(u64, Bytes), LinkError> {
        if self.waiting.len() >= LINE_CALLS_MAX {
            return Err(LinkError::Full("calls of one caller"));
        }
        let unreadable = LinkError::Malformed("a request that cannot be numbered");
        let document = Document::parse(message, &ANSWER).map_err(|_| unreadable.clone())?;
        let root = document.root();
        let id = root.get("id").ok_or(unreadable)?;
        let meta = root.pointer("/params/_meta");
        let token = meta.and_then(|meta| meta.get("progressToken"));
        let wants_log = meta.is_some_and(|meta| meta.get(LOG_LEVEL).is_some());
        let raw = |value: Value<'_>| document.bytes().slice(value.span());
        let (id_raw, token_raw) = (raw(id), token.map(raw));
        let number = self.number();
        let mut splices = Splices::new();
        for value in [Some(id), token].into_iter().flatten() {
            splices.replace(value.span(), number.to_string().into_bytes());
        }
        let message = crate::upstream::link::one_line(splices.apply(&document));
        let waiting = Waiting { id: id_raw, token: token_raw, wants_log, reader };
        self.waiting.insert(number, waiting);
        Ok((number, message))
    }

    /// Hands one message of the server to the request that it belongs to.
    pub(super) fn hear(&mut self, message: Bytes) {
        let Ok(document) = Document::parse(message, &ANSWER) else { return };
        let Ok(message) = Message::read_answer(&document) else { return };
        let root = document.root();
        let mut splices = Splices::new();
        let (number, last) = match message.kind() {
            // A modern server asks by `input_required` alone.
            Kind::Request => return,
            Kind::Result | Kind::Error => {
                let Some(id) = root.get("id") else { return };
                let Some((number, waiting)) = self.named(id) else { return };
                splices.replace(id.span(), waiting.id.to_vec());
                if let Some(tag) = root.pointer(RESULT_TAG).filter(|it| is(*it, number)) {
                    splices.replace(tag.span(), waiting.id.to_vec());
                }
                (number, true)
            }
            Kind::Notification => {
                let params = root.get("params");
                let at = |name: &str| params.and_then(|params| params.get(name));
                let tag = params.and_then(|it| it.get("_meta")?.get(SUBSCRIPTION_ID));
                if let Some((number, waiting)) = tag.and_then(|tag| self.named(tag)) {
                    let span = tag.map(|tag| tag.span()).unwrap_or_default();
                    splices.replace(span, waiting.id.to_vec());
                    (number, false)
                } else if let Some(token) = at("progressToken") {
                    let Some((number, waiting)) = self.named(token) else { return };
                    let Some(own) = &waiting.token else { return };
                    splices.replace(token.span(), own.to_vec());
                    (number, false)
                } else if message.method() == "notifications/cancelled" {
                    // The server ends a subscription: its stream ends without an answer.
                    if let Some((number, _)) = at("requestId").and_then(|id| self.named(id)) {
                        self.waiting.remove(&number);
                    }
                    return;
                } else if message.method() == "notifications/message" {
                    let wanting = self.waiting.iter().filter(|(_, waiting)| waiting.wants_log);
                    let Some(number) = wanting.map(|(number, _)| *number).max() else { return };
                    (number, false)
                } else {
                    return;
                }
            }
        };
        let message = splices.apply(&document);
        let delivered =
            self.waiting.get(&number).is_some_and(|it| it.reader.try_send(message).is_ok());
        if last || !delivered {
            self.waiting.remove(&number);
        }
    }

    /// Whether the request was still waiting.
    pub(super) fn forget(&mut self, number: u64) -> bool {
        self.waiting.remove(&number).is_some()
    }

    fn named(&self, value: Value<'_>) -> Option<(u64, &Waiting)> {
        let number = std::str::from_utf8(value.raw()).ok()?.parse().ok()?;
        self.waiting.get(&number).map(|waiting| (number, waiting))
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }
}

fn is(value: Value<'_>, number: u64) -> bool {
    value.raw() == number.to_string().as_bytes()
}

fn cancelled(number: u64) -> Bytes {
    let text = format!(
        "{{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\
         \"params\":{{\"requestId\":{number}}}}}"
    );
    text.into()
}

const SAY: Duration = Duration::from_millis(TALK_SAY_MS);
const LOG_LEVEL: &str = "io.modelcontextprotocol/logLevel";
const RESULT_TAG: &str = "/result/_meta/io.modelcontextprotocol~1subscriptionId";
