//! Who listens to a conversation, and for what.
//!
//! Guarantees: a listener hears only what it asked for and was granted, every message tagged with
//! its own request; a resource is subscribed to at the server as long as somebody listens for it,
//! once; a listener that does not read loses its stream and holds up nobody.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::filter::{Filter, Granted, subscribe, unsubscribe};
use super::notice::Notice;
use super::pool::Open;
use super::splice::read;
use crate::limits::{LISTENER_MESSAGES_MAX, TALK_SAY_MS};
use crate::upstream::talk::{Conversation, Told};

/// The listeners of one conversation.
#[derive(Debug)]
pub(super) struct Hub {
    listeners: Arc<Mutex<Listeners>>,
    /// How many listen for a resource. Held across the server's answer, so that subscribing and
    /// unsubscribing never overtake each other.
    resources: tokio::sync::Mutex<HashMap<Box<str>, usize>>,
    _reader: JoinSet<()>,
    /// Subscriptions on their way back; each ends within its bound.
    errands: Mutex<JoinSet<()>>,
}

#[derive(Debug, Default)]
struct Listeners {
    last: u64,
    all: HashMap<u64, Listener>,
}

#[derive(Debug)]
struct Listener {
    id: Bytes,
    granted: Granted,
    messages: mpsc::Sender<Bytes>,
}

/// A place among the listeners; leaving it gives back its subscriptions.
#[derive(Debug)]
pub(super) struct Ear {
    open: Arc<Open>,
    number: u64,
    granted: Granted,
    messages: mpsc::Receiver<Bytes>,
}

impl Hub {
    /// Begins to read what the server says unasked; before that it could be nobody's.
    pub(super) fn of(conversation: &Conversation) -> Self {
        let listeners = Arc::default();
        let mut reader = JoinSet::new();
        reader.spawn(relay(conversation.clone(), Arc::clone(&listeners)));
        Self {
            listeners,
            resources: tokio::sync::Mutex::default(),
            _reader: reader,
            errands: Mutex::default(),
        }
    }

    /// Passes on what the server said beside a call.
    pub(super) fn offer(&self, notice: &Notice) {
        offer(&self.listeners, notice);
    }

    fn listeners(&self) -> MutexGuard<'_, Listeners> {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ear {
    /// Begins to listen: subscribes to what nobody has subscribed to yet. What the server does not
    /// offer or refuses is not granted.
    pub(super) async fn open(
        open: &Arc<Open>,
        id: Bytes,
        filter: &Filter,
        within: Duration,
    ) -> Self {
        let (sender, messages) = mpsc::channel(LISTENER_MESSAGES_MAX);
        let mut ear = Self {
            open: Arc::clone(open),
            number: 0,
            granted: filter.granted(&open.greeting.can),
            messages,
        };
        for uri in filter.resources(&open.greeting.can) {
            // Each is counted as soon as it is subscribed, so that leaving early leaves nothing.
            if open.subscribe(uri, within).await {
                ear.granted.resources.push(uri.clone());
            }
        }
        let mut listeners = open.hub.listeners();
        listeners.last = listeners.last.wrapping_add(1);
        ear.number = listeners.last;
        let listener = Listener { id, granted: ear.granted.clone(), messages: sender };
        if !open.conversation.is_closed() {
            listeners.all.insert(ear.number, listener);
        }
        drop(listeners);
        ear
    }

    /// What was granted.
    pub(super) fn granted(&self) -> &Granted {
        &self.granted
    }

    /// The next message, tagged; `None` when the conversation is over or the listener was too
    /// slow. Cancel-safe.
    pub(super) async fn next(&mut self) -> Option<Bytes> {
        self.messages.recv().await
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        self.open.hub.listeners().all.remove(&self.number);
        let uris = std::mem::take(&mut self.granted.resources);
        if uris.is_empty() || tokio::runtime::Handle::try_current().is_err() {
            return;
        }
        let open = Arc::clone(&self.open);
        let mut errands = self.open.hub.errands.lock().unwrap_or_else(PoisonError::into_inner);
        while errands.try_join_next().is_some() {}
        errands.spawn(async move {
            for uri in uris {
                open.unsubscribe(&uri, Duration::from_millis(TALK_SAY_MS)).await;
            }
        });
    }
}

impl Open {
    async fn subscribe(&self, uri: &str, within: Duration) -> bool {
        let mut resources = self.hub.resources.lock().await;
        if let Some(count) = resources.get_mut(uri) {
            *count = count.saturating_add(1);
            return true;
        }
        let answer = self.ask(subscribe(uri), within).await;
        let granted = answer.ok().and_then(|answer| read(answer).ok());
        let granted = granted.is_some_and(|answer| answer.root().get("result").is_some());
        if granted {
            resources.insert(uri.into(), 1);
        }
        granted
    }

    /// Gives one subscription back.
    async fn unsubscribe(&self, uri: &str, within: Duration) {
        let mut resources = self.hub.resources.lock().await;
        let Some(count) = resources.get_mut(uri) else { return };
        *count = count.saturating_sub(1);
        if *count == 0 {
            resources.remove(uri);
            // A server that does not answer goes on telling what nobody is told.
            let _ = self.ask(unsubscribe(uri), within).await;
        }
    }
}

async fn relay(conversation: Conversation, listeners: Arc<Mutex<Listeners>>) {
    let mut unasked = conversation.listen_instead();
    while let Some(told) = unasked.next().await {
        match told {
            Told::Notification(message) => {
                if let Some(notice) = Notice::read(message) {
                    offer(&listeners, &notice);
                }
            }
            // A question that belongs to no call has nobody who could be asked.
            Told::Request { id, .. } => {
                conversation.refuse(&id, NOBODY, "nobody is there to answer this");
            }
            Told::Answer(_) => {}
        }
    }
    // The conversation is over: so are all who listen to it.
    listeners.lock().unwrap_or_else(PoisonError::into_inner).all.clear();
}

fn offer(listeners: &Mutex<Listeners>, notice: &Notice) {
    let mut listeners = listeners.lock().unwrap_or_else(PoisonError::into_inner);
    listeners.all.retain(|_, listener| {
        !listener.granted.wants(&notice.kind)
            || listener.messages.try_send(notice.tagged(&listener.id)).is_ok()
    });
}

/// JSON-RPC 2.0 section 5.1, "method not found".
const NOBODY: i32 = -32601;
