//! A link of two channels with the test at its other end.

mod canaries;
mod conversation;
mod face;
mod hostile;
mod registry;
mod routing;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;

use super::{Call, Conversation, Told};
use crate::json::{Document, KeyRule, Limits};
use crate::upstream::link::{Heard, Link, LinkError, Said, Sending, Transport};

/// What the transport was asked to do, and whether it does anything.
#[derive(Debug)]
pub(super) struct Double {
    said: mpsc::UnboundedSender<Said>,
    stuck: AtomicBool,
    listening: AtomicBool,
    closed: AtomicBool,
    forgotten: Mutex<Vec<u64>>,
}

/// The server's end.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) said: mpsc::UnboundedReceiver<Said>,
    heard: Option<mpsc::Sender<Heard>>,
    pub(super) transport: Arc<Double>,
}

impl Transport for Double {
    fn say(&self, message: Said) -> Sending<'_> {
        Box::pin(async move {
            if self.stuck.load(Ordering::SeqCst) {
                std::future::pending::<()>().await;
            }
            if self.closed.load(Ordering::SeqCst) {
                return Err(self.why_closed());
            }
            self.said.send(message).map_err(|_| self.why_closed())
        })
    }

    fn listen(&self) {
        self.listening.store(true, Ordering::SeqCst);
    }

    fn forget(&self, tag: u64) {
        self.forgotten.lock().unwrap().push(tag);
    }

    fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
    }

    fn why_closed(&self) -> LinkError {
        LinkError::Closed("it died")
    }
}

impl Double {
    pub(super) fn get_stuck(&self) {
        self.stuck.store(true, Ordering::SeqCst);
    }

    pub(super) fn is_listening(&self) -> bool {
        self.listening.load(Ordering::SeqCst)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    pub(super) fn forgotten(&self) -> Vec<u64> {
        self.forgotten.lock().unwrap().clone()
    }
}

impl Server {
    /// What the gateway says next.
    pub(super) async fn next(&mut self) -> Said {
        self.said.recv().await.unwrap()
    }

    /// The same as text.
    pub(super) async fn text(&mut self) -> String {
        text(&self.next().await.message)
    }

    /// Says something on the one stream that all share.
    pub(super) async fn say(&self, message: impl Into<String>) {
        self.tell(None, message).await;
    }

    /// Says something, on the stream of a request or not.
    pub(super) async fn tell(&self, tag: Option<u64>, message: impl Into<String>) {
        let message = Bytes::from(message.into());
        self.hear(Heard::Message { tag, message }).await;
    }

    pub(super) async fn hear(&self, heard: Heard) {
        self.heard.as_ref().unwrap().send(heard).await.unwrap();
    }

    /// Answers a request with this result.
    pub(super) async fn answer(&self, id: u64, result: &str) {
        self.say(format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#)).await;
    }

    /// Answers the handshake.
    pub(super) async fn greet(&mut self) {
        let tag = self.next().await.tag;
        self.answer(tag, r#"{"protocolVersion":"2025-06-18","capabilities":{}}"#).await;
    }

    pub(super) fn die(&mut self) {
        self.heard = None;
    }

    /// Nothing more was said once everything that was heard has had its effect.
    pub(super) async fn is_silent(&mut self) -> bool {
        settle().await;
        self.said.try_recv().is_err()
    }
}

/// A link and the server at its other end.
pub(super) fn link() -> (Link, Server) {
    let (said, hears) = mpsc::unbounded_channel();
    let (says, heard) = mpsc::channel(16);
    let transport = Arc::new(Double {
        said,
        stuck: AtomicBool::new(false),
        listening: AtomicBool::new(false),
        closed: AtomicBool::new(false),
        forgotten: Mutex::default(),
    });
    let server = Server { said: hears, heard: Some(says), transport: Arc::clone(&transport) };
    (Link { transport, heard }, server)
}

/// A conversation whose handshake is done.
pub(super) async fn ready() -> (Conversation, Server) {
    let (link, mut server) = link();
    let (opened, ()) =
        tokio::join!(Conversation::open(link, INITIALIZE.into(), SOON), server.greet());
    let (conversation, _) = opened.unwrap();
    conversation.initialized(None).await.unwrap();
    server.next().await;
    (conversation, server)
}

/// Begins a call under this id, as it is spelled; and the number that it has at the server.
pub(super) async fn call(on: &Conversation, server: &mut Server, id: &str) -> (Call, u64) {
    let call = on.call(&document(&request(id, "{}"))).await.unwrap();
    (call, server.next().await.tag)
}

/// The next that is told, as text.
pub(super) async fn told(call: &mut Call) -> String {
    match call.next().await.unwrap().unwrap() {
        Told::Answer(message) => format!("answer {}", text(&message)),
        Told::Notification(message) => format!("notification {}", text(&message)),
        Told::Request { message, .. } => format!("request {}", text(&message)),
    }
}

/// Lets everything that is heard have its effect; with the runtime's clock stopped, it comes back
/// when all tasks wait.
pub(super) async fn settle() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

pub(super) fn request(id: &str, params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{params}}}"#)
}

pub(super) fn answer(id: &str, result: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#)
}

pub(super) fn notification(method: &str, params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","method":"{method}","params":{params}}}"#)
}

/// A request of the server.
pub(super) fn roots(id: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"roots/list"}}"#)
}

pub(super) fn document(text: &str) -> Document {
    let limits =
        Limits { depth_max: 64, nodes_max: 10_000, number_bytes_max: 1024, keys: KeyRule::Folded };
    Document::parse(Bytes::from(text.to_owned()), &limits).unwrap()
}

pub(super) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

pub(super) const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":"hello","method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"c","version":"1"}}}"#;

pub(super) const SOON: Duration = Duration::from_secs(5);
