//! A conversation with a legacy server, whatever its transport, and the face for legacy clients.
//!
//! Owns the ids and progress tokens of a [`Link`], who waits for what, and what the server asks.
//! Assumes a transport that delivers whole messages in order. Guarantees: an answer reaches the
//! call that asked and no other, under the id bytes of its caller (S-37); a caller that does not
//! read loses its call and holds up nobody; a call that is dropped is cancelled at the server; an
//! answer of a client is passed on once and only while the server waits for it; everything that
//! waits is bounded; when the link dies, every call ends with an error.
//!
//! Where a server says something beside an answer, its transport may tell for which call (a
//! response stream of its own). On stdio and HTTP+SSE nothing tells: progress is told by its token,
//! requests of the server and log messages go to the newest call under way, which is a guess, and
//! all else is said unasked.
//!
//! [`table`] and [`wire`] are pure; [`registry`] keeps conversations per caller; [`face`] is what a
//! legacy client talks to.

mod call;
mod face;
mod queue;
mod registry;
mod table;
mod wire;

#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderValue;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use self::table::{Begin, Effects, Phase, Table};
use self::wire::{Incoming, Outgoing, refusal, replaced, response};
use super::link::{Heard, Link, LinkError, Said, Transport};
use crate::json::Document;
use crate::limits::{TALK_ERRANDS_MAX, TALK_SAY_MS};
use crate::mcp::headers::PROTOCOL_VERSION;
use crate::mcp::message::{Id, Kind, Message};
use crate::upstream::link::one_line;

pub use call::{Call, Told, Unasked};
pub use face::{Face, Setup};
pub use registry::{Lifetimes, Place, Registry, SessionId};
pub use table::Dropped;

/// A conversation with a legacy server. Cheap to clone; ends when the last handle is dropped, or
/// when it is closed.
#[derive(Debug, Clone)]
pub struct Conversation(Arc<Inner>);

/// The id of a request that the server made, as it was spelled.
#[derive(Debug, Clone)]
pub struct ServerRequestId(Id);

/// What a request of the server is answered with.
#[derive(Debug, Clone, Copy)]
pub enum Reply<'a> {
    /// The value of `result`.
    Result(&'a [u8]),
    /// The value of `error`.
    Error(&'a [u8]),
    /// A whole response; only its id is replaced.
    Message(&'a Document),
}

/// Why an answer to the server was not passed on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// The server does not wait for it: never asked, answered already, or withdrawn.
    #[error("no request of the server is outstanding under this id")]
    NotOutstanding,
    /// What was given is no response.
    #[error("the answer is not one JSON-RPC response")]
    Malformed,
    /// The server could not be told.
    #[error(transparent)]
    Link(#[from] LinkError),
}

/// Somebody listens already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("somebody listens to this conversation already")]
pub struct Listened;

/// What all handles share; ends the conversation when it goes.
#[derive(Debug)]
struct Inner {
    shared: Arc<Shared>,
    // Reader and errands; aborted when the conversation is dropped.
    _tasks: JoinSet<()>,
}

/// What handles, calls and tasks share.
#[derive(Debug)]
struct Shared {
    transport: Arc<dyn Transport>,
    table: Mutex<Table>,
    /// Messages that leave although nobody can wait until they have left.
    errands: mpsc::Sender<Bytes>,
    over: CancellationToken,
}

impl ServerRequestId {
    /// The id of a client's answer, which names the request that it answers.
    #[must_use]
    pub fn named_by(id: &Id) -> Self {
        Self(id.clone())
    }

    /// As the server spelled it.
    #[must_use]
    pub fn raw(&self) -> &Bytes {
        self.0.raw()
    }
}

impl PartialEq for ServerRequestId {
    /// Equal as JSON values, however strings are escaped.
    fn eq(&self, other: &Self) -> bool {
        self.0.matches(&other.0)
    }
}

impl Eq for ServerRequestId {}

impl Conversation {
    /// Handshake: sends the given `initialize` request, one whole JSON-RPC message, and waits for
    /// its answer, which is returned whole, a refusal of the server too, under the request's own
    /// id. Nothing else is sent before [`Conversation::initialized`].
    ///
    /// Cancel-safe: dropping the future ends the link.
    ///
    /// # Errors
    /// When the link fails, or there is no answer within `deadline`.
    pub async fn open(
        link: Link,
        initialize: Bytes,
        deadline: Duration,
    ) -> Result<(Self, Bytes), LinkError> {
        let document = wire::read(initialize).ok_or(UNREADABLE)?;
        Self::open_with(link, &document, deadline).await
    }

    /// [`Conversation::open`] with a request that was read already.
    ///
    /// # Errors
    /// As there.
    pub async fn open_with(
        link: Link,
        initialize: &Document,
        deadline: Duration,
    ) -> Result<(Self, Bytes), LinkError> {
        let conversation = Self::start(link);
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
        let answer = timeout(deadline, opening).await.map_err(|_| LinkError::Timeout)??;
        let mut table = conversation.0.shared.table();
        table.phase = Phase::Greeted;
        table.headers =
            version_header(&answer).map(|v| vec![(PROTOCOL_VERSION, v)]).unwrap_or_default();
        drop(table);
        Ok((conversation, answer))
    }

    /// Tells the server that the handshake is done, in the words of `notification` where the client
    /// has its own, and opens the stream on which the server speaks unasked. From here on requests
    /// may be sent. Done once; again changes nothing.
    ///
    /// # Errors
    /// When the server cannot be told.
    pub async fn initialized(&self, notification: Option<Bytes>) -> Result<(), LinkError> {
        let shared = &self.0.shared;
        {
            let mut table = shared.table();
            match table.phase {
                Phase::Opening => return Err(LinkError::Closed("before its handshake")),
                Phase::Ready => return Ok(()),
                // Set before it is said: a second one at the same time must not say it again.
                Phase::Greeted => table.phase = Phase::Ready,
            }
        }
        let done = Bytes::from_static(INITIALIZED);
        let message = notification.map_or(done, one_line);
        shared.say(message).await?;
        shared.transport.listen();
        Ok(())
    }

    /// Whether [`Conversation::initialized`] was called.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.0.shared.table().phase == Phase::Ready
    }

    /// Sends one request. Its id and its `_meta.progressToken` leave as numbers that are unique in
    /// this conversation; what comes back bears its own again, byte for byte.
    ///
    /// Cancel-safe: a request that may have left is cancelled.
    ///
    /// # Errors
    /// When it was not sent: the conversation is over, too many calls are under way
    /// ([`LinkError::Full`]), the server takes nothing, or it is no request.
    pub async fn call(&self, request: &Document) -> Result<Call, LinkError> {
        let outgoing = Outgoing::read(request).ok_or(UNREADABLE)?;
        let shared = &self.0.shared;
        let Begin { tag, wake, headers } = shared.table().begin(outgoing)?;
        // From here on dropping cancels.
        let call = Call::new(Arc::clone(shared), tag, wake);
        let message = Outgoing::numbered(request, tag);
        let said = Said { message, tag, wants_answer: true, headers };
        match timeout(SAY, shared.transport.say(said)).await {
            Ok(Ok(())) => Ok(call),
            Ok(Err(error)) => {
                call.unsent();
                Err(error)
            }
            Err(_) => Err(LinkError::Timeout),
        }
    }

    /// [`Conversation::call`] with a request that was not read yet.
    ///
    /// # Errors
    /// As there.
    pub async fn call_bytes(&self, request: Bytes) -> Result<Call, LinkError> {
        self.call(&wire::read(request).ok_or(UNREADABLE)?).await
    }

    /// Passes one notification on. `notifications/cancelled` of a call under way names it by our
    /// number and ends it without an answer; of any other call it says nothing and is not sent.
    /// `notifications/progress` passes while the server waits for the answer that it announces.
    ///
    /// # Errors
    /// When the server cannot be told, or it is no notification.
    pub async fn notify(&self, notification: &Document) -> Result<(), LinkError> {
        let message = Message::read(notification).map_err(|_| UNREADABLE)?;
        if message.kind() != Kind::Notification {
            return Err(UNREADABLE);
        }
        let shared = &self.0.shared;
        let params = notification.root().get("params");
        let bytes = match message.method() {
            "notifications/cancelled" => {
                let Some(named) = params.and_then(|params| params.get("requestId")) else {
                    return Ok(());
                };
                let id = Id::read(named, notification).map_err(|_| UNREADABLE)?;
                let cancelled = shared.table().cancel(&id);
                let Some((tag, effects)) = cancelled else { return Ok(()) };
                shared.perform(effects);
                replaced(notification.bytes(), named.span(), tag.to_string().as_bytes())
            }
            "notifications/progress" => {
                let token = params.and_then(|params| params.get("progressToken"));
                if !token.is_some_and(|token| shared.table().awaits(token, notification)) {
                    return Ok(());
                }
                notification.bytes().clone()
            }
            _other => notification.bytes().clone(),
        };
        shared.say(one_line(bytes)).await
    }

    /// Answers a request of the server: once, and only while the server waits for it.
    ///
    /// # Errors
    /// See [`AnswerError`]; with [`AnswerError::NotOutstanding`] nothing was sent.
    pub async fn answer(&self, id: &ServerRequestId, reply: Reply<'_>) -> Result<(), AnswerError> {
        let shared = &self.0.shared;
        let spelled = match reply {
            Reply::Message(document) => {
                document.root().get("id").ok_or(AnswerError::Malformed)?.span()
            }
            Reply::Result(_) | Reply::Error(_) => 0..0,
        };
        let asked = shared.table().answered(id).ok_or(AnswerError::NotOutstanding)?;
        let message = match reply {
            Reply::Result(value) => response(&asked.0, "result", value),
            Reply::Error(value) => response(&asked.0, "error", value),
            Reply::Message(document) => one_line(replaced(document.bytes(), spelled, asked.raw())),
        };
        Ok(shared.say(message).await?)
    }

    /// Refuses a request of the server, some time soon; one that is not outstanding is left alone.
    pub fn refuse(&self, id: &ServerRequestId, code: i32, why: &str) {
        let shared = &self.0.shared;
        let asked = shared.table().answered(id);
        if let Some(asked) = asked {
            shared.errand(refusal(&asked.0, code, why));
        }
    }

    /// What the server says unasked. What it said since nobody listened comes first.
    ///
    /// # Errors
    /// When somebody listens already.
    pub fn listen(&self) -> Result<Unasked, Listened> {
        let shared = &self.0.shared;
        let mut table = shared.table();
        if table.listener.is_some() {
            return Err(Listened);
        }
        let (number, wake) = table.take_over();
        drop(table);
        Ok(Unasked::new(Arc::clone(shared), number, wake))
    }

    /// [`Conversation::listen`] that ends whoever listens now.
    #[must_use]
    pub fn listen_instead(&self) -> Unasked {
        let shared = &self.0.shared;
        let (number, wake) = shared.table().take_over();
        Unasked::new(Arc::clone(shared), number, wake)
    }

    /// Ends the conversation and with it every call.
    pub fn close(&self) {
        self.0.shared.end(&CLOSED);
    }

    /// Whether it is over.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.0.shared.over.is_cancelled()
    }

    /// Returns once it is over. Cancel-safe.
    pub async fn closed(&self) {
        self.0.shared.over.cancelled().await;
    }

    /// Whether a call is under way or somebody listens.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.0.shared.table().is_busy()
    }

    /// Cancels calls whose caller left and whose time is over.
    pub fn sweep(&self) {
        let effects = self.0.shared.table().expire(Instant::now());
        self.0.shared.perform(effects);
    }

    /// What was not passed on so far.
    #[must_use]
    pub fn dropped(&self) -> Dropped {
        self.0.shared.table().dropped
    }

    fn start(link: Link) -> Self {
        let Link { transport, heard } = link;
        let (errands, waiting) = mpsc::channel(TALK_ERRANDS_MAX);
        let shared = Arc::new(Shared {
            transport,
            table: Mutex::default(),
            errands,
            over: CancellationToken::new(),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(hear(Arc::clone(&shared), heard));
        tasks.spawn(run_errands(Arc::clone(&shared), waiting));
        Self(Arc::new(Inner { shared, _tasks: tasks }))
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.shared.end(&CLOSED);
    }
}

impl Shared {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says what wants no answer.
    async fn say(&self, message: Bytes) -> Result<(), LinkError> {
        let (tag, headers) = self.table().number()?;
        let said = Said { message, tag, wants_answer: false, headers };
        timeout(SAY, self.transport.say(said)).await.map_err(|_| LinkError::Timeout)?
    }

    /// Says it soon. A server that takes nothing loses it, and knows why.
    fn errand(&self, message: Bytes) {
        if self.errands.try_send(message).is_err() {
            let mut table = self.table();
            table.dropped.errands = table.dropped.errands.saturating_add(1);
        }
    }

    fn perform(&self, effects: Effects) {
        for message in effects.say {
            self.errand(message);
        }
        for tag in effects.forget {
            self.transport.forget(tag);
        }
    }

    fn heard(&self, heard: Heard) {
        let now = Instant::now();
        let effects = match heard {
            Heard::Message { tag, message } => {
                // Read outside of the lock: a large answer must not hold up the others.
                match Incoming::read(message.clone()) {
                    Some(incoming) => self.table().hear(tag, &incoming, now),
                    None => return self.table().unreadable(tag, &message),
                }
            }
            Heard::Ended { tag, error } => return self.table().ended(tag, error),
        };
        self.perform(effects);
    }

    fn end(&self, why: &LinkError) {
        if self.over.is_cancelled() {
            return;
        }
        let dropped = {
            let mut table = self.table();
            // Before any call learns why it failed: who asks then must find the conversation over.
            self.over.cancel();
            table.over(why);
            table.dropped
        };
        self.transport.close();
        tracing::debug!(%why, ?dropped, "a conversation with a server is over");
    }
}

async fn hear(shared: Arc<Shared>, mut heard: mpsc::Receiver<Heard>) {
    while let Some(next) = heard.recv().await {
        shared.heard(next);
    }
    let why = shared.transport.why_closed();
    shared.end(&why);
}

async fn run_errands(shared: Arc<Shared>, mut waiting: mpsc::Receiver<Bytes>) {
    while let Some(message) = waiting.recv().await {
        // Who cannot be told is gone or stuck, which the calls themselves find out.
        let _ = shared.say(message).await;
    }
}

/// What every later message says of the version, where the transport has headers.
fn version_header(answer: &Bytes) -> Option<HeaderValue> {
    let document = wire::read(answer.clone())?;
    let version = document.root().get("result")?.get("protocolVersion")?.as_str()?;
    let fits = version.len() <= VERSION_BYTES_MAX && version.bytes().all(|b| b.is_ascii_graphic());
    fits.then(|| HeaderValue::from_str(&version).ok())?
}

const INITIALIZED: &[u8] = br#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;

/// As long as a date.
const VERSION_BYTES_MAX: usize = 10;

const SAY: Duration = Duration::from_millis(TALK_SAY_MS);

const CLOSED: LinkError = LinkError::Closed("it was closed on our side");

const UNREADABLE: LinkError = LinkError::Malformed("what was to be sent cannot be read");
