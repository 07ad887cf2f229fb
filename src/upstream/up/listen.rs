//! The stream on which a legacy client hears what the server says unasked.
//!
//! Owns the task behind a client's GET: one `subscriptions/listen` at the server, opened anew when
//! the client subscribes to a resource or ends a subscription. Guarantees: the new one is
//! acknowledged before the old one goes, what was received on the old one is passed on, and the
//! tag by which a server marks the messages of a stream never reaches the client.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::unfold;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::Inner;
use super::call::event_stream;
use super::hello::Offers;
use super::reading::{self, Asked, Said};
use super::sessions::{Session, Subscription};
use super::splice;
use super::wire::{Answers, Heard, OWN_ID, Question, own_question};
use crate::limits;
use crate::mcp::sse::{self, KEEPALIVE};
use crate::principal::Principal;
use crate::reject::{Code, Rejection};
use crate::upstream::answer::{BodyBroken, Raw};

/// The subscriptions have changed; told when the server has taken note.
#[derive(Debug)]
pub(super) struct Change(pub(super) oneshot::Sender<Result<(), Rejection>>);

/// What a client listens to.
#[derive(Debug)]
pub(super) struct Listener {
    /// What all share.
    pub(super) inner: Arc<Inner>,
    /// Who listens.
    pub(super) who: Arc<Principal>,
    /// Whose subscriptions count.
    pub(super) session: Arc<Session>,
    /// Members of `_meta`.
    pub(super) meta: Vec<u8>,
    /// What the server can tell.
    pub(super) offers: Offers,
}

type Opening = Pin<Box<dyn Future<Output = Result<Answers, Rejection>> + Send>>;

impl Listener {
    /// Opens the stream: returns once the server has acknowledged.
    ///
    /// # Errors
    /// Whatever kept the server from listening; [`Code::MethodNotAllowed`] in the form of a 405
    /// where there is nothing to hear.
    pub(super) async fn open(self) -> Result<Raw, Rejection> {
        let (out, pieces) = mpsc::channel(limits::BRIDGED_PIECES_MAX);
        let (changes, changed) = mpsc::channel(limits::BRIDGED_PIECES_MAX);
        // Before the server is asked, so that no change falls in between.
        self.session.listen(changes);
        let first = self.opening().await?;
        let token = self.inner.stop.child_token();
        tokio::spawn(self.live(first, out, changed, token));
        let body = unfold(pieces, |mut pieces: mpsc::Receiver<Bytes>| async move {
            let bytes = pieces.recv().await?;
            Some((Ok::<_, BodyBroken>(bytes), pieces))
        });
        Ok(event_stream(Box::pin(body)))
    }

    /// The task: until the client goes, the server ends, or another stream takes its place.
    async fn live(
        self,
        mut current: Answers,
        out: mpsc::Sender<Bytes>,
        mut changed: mpsc::Receiver<Change>,
        token: CancellationToken,
    ) {
        let mut opening: Option<(Opening, Change)> = None;
        loop {
            tokio::select! {
                biased;
                () = token.cancelled() => return,
                () = out.closed() => return,
                next = changed.recv(), if opening.is_none() => {
                    // A new stream of the same session has taken the place of this one.
                    let Some(change) = next else { return };
                    opening = Some((self.opening(), change));
                }
                opened = opened(&mut opening) => {
                    let Some((_, change)) = opening.take() else { return };
                    let outcome = match opened {
                        Ok(new) => {
                            self.drain(&mut current, &out).await;
                            current = new;
                            Ok(())
                        }
                        Err(rejection) => Err(rejection),
                    };
                    // Whoever asked may have gone.
                    let _ = change.0.send(outcome);
                }
                heard = current.next() => {
                    let Some(Ok(heard)) = heard else { return };
                    if !pass(heard, &out).await {
                        return;
                    }
                }
            }
        }
    }

    fn opening(&self) -> Opening {
        let question = self.question();
        let (wire, who) = (self.inner.wire.clone(), Arc::clone(&self.who));
        Box::pin(async move { acknowledged(wire.ask(&who, question).await?).await })
    }

    /// `subscriptions/listen` with all that this client may hear of now.
    fn question(&self) -> Question {
        let mut params = b",\"notifications\":".to_vec();
        filter(&mut params, self.offers, &self.session.subscriptions());
        own_question("subscriptions/listen", &self.meta, &params)
    }

    /// Passes on what was received on a stream that is about to go, and waits for nothing.
    async fn drain(&self, old: &mut Answers, out: &mpsc::Sender<Bytes>) {
        for _ in 0..limits::BRIDGED_PIECES_MAX {
            tokio::select! {
                biased;
                heard = old.next() => match heard {
                    Some(Ok(heard)) => {
                        if !pass(heard, out).await {
                            return;
                        }
                    }
                    Some(Err(_)) | None => return,
                },
                () = tokio::task::yield_now() => return,
            }
        }
    }
}

/// `SubscriptionFilter` of MCP 2026-07-28.
pub(super) fn filter(out: &mut Vec<u8>, offers: Offers, subscriptions: &[Subscription]) {
    let mut parts: Vec<Vec<u8>> = Vec::with_capacity(4);
    for (offered, name) in [
        (offers.tools, "toolsListChanged"),
        (offers.prompts, "promptsListChanged"),
        (offers.resources, "resourcesListChanged"),
    ] {
        if offered {
            parts.push(format!("\"{name}\":true").into_bytes());
        }
    }
    if !subscriptions.is_empty() {
        let uris: Vec<&[u8]> = subscriptions.iter().map(|it| &*it.raw).collect();
        let mut part = b"\"resourceSubscriptions\":[".to_vec();
        part.extend_from_slice(&uris.join(&b","[..]));
        part.push(b']');
        parts.push(part);
    }
    out.push(b'{');
    out.extend_from_slice(&parts.join(&b","[..]));
    out.push(b'}');
}

/// Waits for the acknowledgement, which must come first (MCP 2026-07-28, "Subscriptions").
async fn acknowledged(mut answers: Answers) -> Result<Answers, Rejection> {
    let invalid = |why: &'static str| Rejection::new(Code::UpstreamInvalid, why);
    let first = async {
        loop {
            match answers.next().await {
                Some(Ok(Heard::Alive)) => {}
                Some(Ok(Heard::Message(message))) => return Ok(message),
                Some(Err(error)) => return Err(error.into()),
                None => return Err(invalid("the server ended the subscription at once")),
            }
        }
    };
    let message = match timeout(Duration::from_millis(limits::ACKNOWLEDGE_MS), first).await {
        Ok(message) => message?,
        Err(_) => return Err(Rejection::new(Code::UpstreamTimeout, "no acknowledgement in time")),
    };
    match reading::read(message, Asked::Anew(OWN_ID)) {
        Ok(Said::Notification(notice)) if &*notice.method == ACKNOWLEDGED => Ok(answers),
        Ok(Said::Final(answer)) if answer.error.is_some() => {
            let mut refusal =
                Rejection::new(Code::MethodNotAllowed, "the server has no subscriptions");
            refusal.allow = Some("POST");
            Err(refusal)
        }
        Ok(_) => Err(invalid("a subscription that does not begin with its acknowledgement")),
        Err(error) => Err(Rejection::new(Code::UpstreamInvalid, error.to_string())),
    }
}

/// Hands one thing on; `false` when the stream is over.
async fn pass(heard: Heard, out: &mpsc::Sender<Bytes>) -> bool {
    let bytes = match heard {
        Heard::Alive => KEEPALIVE,
        Heard::Message(message) => match reading::read(message, Asked::Anew(OWN_ID)) {
            Ok(Said::Notification(notice)) => sse::message(&splice::untagged(&notice.document)),
            Ok(Said::Foreign) => return true,
            // The result of a subscription says that it is over.
            Ok(Said::Final(_) | Said::Needs(_)) | Err(_) => return false,
        },
    };
    out.send(bytes).await.is_ok()
}

async fn opened(opening: &mut Option<(Opening, Change)>) -> Result<Answers, Rejection> {
    match opening {
        Some((opening, _)) => opening.await,
        None => std::future::pending().await,
    }
}

const ACKNOWLEDGED: &str = "notifications/subscriptions/acknowledged";
