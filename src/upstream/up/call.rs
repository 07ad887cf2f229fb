//! One request of a legacy client, carried to a modern server and back.
//!
//! Owns the task of a call. It lives on when the client's connection breaks, because in the
//! legacy era that is no cancellation, and ends when the client cancels, when its session ends
//! and when nobody can have the answer any more. Guarantees: the server is asked a bounded number
//! of times, a client is asked only what it can do and may be asked on this route, and every wait
//! is bounded.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::unfold;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;

use super::Inner;
use super::reading::{self, Ask, Asked, Final, HEADER_MISMATCH, Needs, Said, VERSION_UNSUPPORTED};
use super::sessions::{Reply, Running, Session};
use super::splice;
use super::ticket::Abilities;
use super::wire::{Answers, Heard, Question};
use crate::config::ServerRequest;
use crate::json::{Document, write_string};
use crate::limits;
use crate::mcp::error_body::{self, Answers as Names};
use crate::mcp::message::Id;
use crate::mcp::sse::{self, KEEPALIVE};
use crate::principal::Principal;
use crate::reject::{Code, Rejection};
use crate::upstream::answer::{BodyBroken, Raw, RawBody};

/// A call on its way.
#[derive(Debug)]
pub(super) struct Call {
    /// What all calls share.
    pub(super) inner: Arc<Inner>,
    /// Whose call it is.
    pub(super) who: Arc<Principal>,
    /// Its session.
    pub(super) session: Arc<Session>,
    /// What the client can be asked for here.
    pub(super) able: Abilities,
    /// Its method.
    pub(super) operation: Box<str>,
    /// The client's id.
    pub(super) id: Id,
    /// The request as it goes first.
    pub(super) first: Question,
    /// The client's message, of which repetitions are made.
    pub(super) message: Bytes,
    /// Members of `_meta`.
    pub(super) meta: Vec<u8>,
    /// `MCP-Protocol-Version`, `Mcp-Method`, `Mcp-Name`.
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    /// Whether this asks for the first page of a list.
    pub(super) first_page: bool,
}

/// What a task hands to the client's stream.
enum Piece {
    /// More than the answer may come: the stream opens.
    Opened,
    /// Bytes of an event stream.
    Event(Bytes),
    /// The answer; the last piece.
    Final(Bytes),
    /// No answer; the last piece.
    Failed(Box<Rejection>),
}

/// What a round with the server ended with.
enum Outcome {
    Final(Final),
    Needs(Needs),
}

impl Call {
    /// Starts the call and waits until it is clear what the answer looks like.
    ///
    /// Cancel-safe: dropping the future leaves the call alone, as a legacy client that goes away
    /// does.
    ///
    /// # Errors
    /// Whatever ends the call before a stream was opened.
    pub(super) async fn answer(self) -> Result<Raw, Rejection> {
        let token = self.inner.stop.child_token();
        let running = self.session.begin(&self.id, &token)?;
        let (out, mut pieces) = mpsc::channel(limits::BRIDGED_PIECES_MAX);
        let id = self.id.clone();
        tokio::spawn(self.live(out, token, running));
        match pieces.recv().await {
            Some(Piece::Final(bytes)) => Ok(json(bytes)),
            Some(Piece::Failed(rejection)) => Err(*rejection),
            Some(Piece::Opened) => Ok(events(None, pieces, id)),
            Some(Piece::Event(first)) => Ok(events(Some(first), pieces, id)),
            // Cancelled: nobody waits for an answer, and none comes.
            None => Ok(events(None, pieces, id)),
        }
    }

    /// The task: until done, cancelled, or left alone for too long.
    async fn live(self, out: mpsc::Sender<Piece>, token: CancellationToken, running: Running) {
        let alone = async {
            out.closed().await;
            sleep(Duration::from_millis(limits::DETACHED_CALL_MS)).await;
        };
        let last = tokio::select! {
            biased;
            () = token.cancelled() => None,
            done = self.rounds(&out) => Some(match done {
                Ok(answer) => Piece::Final(answer),
                Err(rejection) => Piece::Failed(Box::new(rejection)),
            }),
            () = alone => None,
        };
        drop(running);
        if let Some(last) = last {
            // The client may have gone; then nobody wants it.
            let _ = out.send(last).await;
        }
    }

    /// Asks, answers what the server needs, asks again.
    async fn rounds(&self, out: &mpsc::Sender<Piece>) -> Result<Bytes, Rejection> {
        let mut answers = Vec::new();
        for round in 0..limits::INPUT_ROUNDS_MAX {
            let anew = (round > 0).then(|| format!("\"sallyport-retry-{round}\""));
            let asked = anew.as_deref().map_or(Asked::As(&self.id), Asked::Anew);
            let needs = match self.ask(asked, &answers, out).await? {
                Outcome::Final(answer) => return Ok(self.finish(&answer)),
                Outcome::Needs(needs) => needs,
            };
            if needs.asks.is_empty() {
                // Only state: the server sheds load and wants to be asked again, a little later.
                sleep(Duration::from_millis(limits::RETRY_PAUSE_MS)).await;
            }
            let given = self.obtain(&needs.asks, out).await?;
            answers = reading::retry_members(&given, needs.state.as_ref());
        }
        Err(Rejection::new(Code::UpstreamInvalid, "the server asks for input without an end"))
    }

    /// The answer in the client's words; what a list says of mirrored arguments is kept.
    fn finish(&self, answer: &Final) -> Bytes {
        if &*self.operation == "tools/list" && answer.error.is_none() {
            self.inner.shown.learn(self.who.key, &answer.document, self.first_page);
        }
        answer.to_legacy(self.id.raw(), &self.operation)
    }

    /// One round. A call that the server refused for its headers was not carried out, and is sent
    /// once more with the headers that a fresh list asks for.
    async fn ask(
        &self,
        asked: Asked<'_>,
        answers: &[u8],
        out: &mpsc::Sender<Piece>,
    ) -> Result<Outcome, Rejection> {
        let question = match asked {
            Asked::As(_) => self.first.clone(),
            Asked::Anew(_) => self.again(asked, answers)?,
        };
        let outcome =
            self.follow(self.inner.wire.ask(&self.who, question).await?, asked, out).await?;
        if !refused_for(&outcome, &[HEADER_MISMATCH]) || &*self.operation != "tools/call" {
            return self.settled(outcome);
        }
        self.inner.refresh(&self.who, &self.meta).await?;
        let question = self.again(asked, answers)?;
        self.settled(
            self.follow(self.inner.wire.ask(&self.who, question).await?, asked, out).await?,
        )
    }

    /// The request once more: with what the client has answered, or with other headers.
    fn again(&self, asked: Asked<'_>, answers: &[u8]) -> Result<Question, Rejection> {
        let defect = |_| Rejection::new(Code::Internal, "a judged message cannot be repeated");
        let document =
            Document::parse(self.message.clone(), &crate::mcp::ANSWER).map_err(defect)?;
        let message = splice::request(&document, Some(asked.raw()), &self.meta, answers)
            .map_err(|error| Rejection::new(Code::ParamsInvalid, error.to_string()))?;
        let mut headers = self.headers.clone();
        if &*self.operation == "tools/call" {
            headers.extend(self.inner.shown.headers(self.who.key, &document));
        }
        Ok(Question { message, headers })
    }

    /// What the server says about that which the gateway added is nothing that a client can mend.
    fn settled(&self, outcome: Outcome) -> Result<Outcome, Rejection> {
        if refused_for(&outcome, &[HEADER_MISMATCH, VERSION_UNSUPPORTED]) {
            let why = "the server refused the gateway's headers or version";
            return Err(Rejection::new(Code::UpstreamInvalid, why));
        }
        Ok(outcome)
    }

    /// Reads one answer to its end; what the server tells meanwhile goes to the client.
    async fn follow(
        &self,
        mut answers: Answers,
        asked: Asked<'_>,
        out: &mpsc::Sender<Piece>,
    ) -> Result<Outcome, Rejection> {
        if answers.is_stream() {
            let _ = out.send(Piece::Opened).await;
        }
        while let Some(heard) = answers.next().await {
            let message = match heard? {
                Heard::Alive => {
                    let _ = out.send(Piece::Event(KEEPALIVE)).await;
                    continue;
                }
                Heard::Message(message) => message,
            };
            let said = reading::read(message, asked)
                .map_err(|error| Rejection::new(Code::UpstreamInvalid, error.to_string()))?;
            match said {
                Said::Notification(notice) => {
                    // A client that has gone hears nothing; the call goes on without it.
                    let _ = out.send(Piece::Event(sse::message(notice.document.bytes()))).await;
                }
                Said::Final(answer) => return Ok(Outcome::Final(answer)),
                Said::Needs(needs) => return Ok(Outcome::Needs(needs)),
                Said::Foreign => {}
            }
        }
        Err(Rejection::new(Code::UpstreamInvalid, "the server ended its answer without one"))
    }

    /// Asks the client for all that the server needs, at once, and waits for all of it.
    async fn obtain(
        &self,
        asks: &[Ask],
        out: &mpsc::Sender<Piece>,
    ) -> Result<Vec<(Bytes, Bytes)>, Rejection> {
        if asks.iter().any(|ask| !self.able.has(ask.needs)) {
            return Err(Rejection::new(
                Code::CapabilityMissing,
                "the server needs of the client what it cannot do or this route does not allow",
            ));
        }
        let mut waiting = Vec::with_capacity(asks.len());
        for ask in asks {
            let id = self.inner.sessions.question_id();
            let request = ask.to_request(&id);
            waiting.push((ask, self.session.wait_for(id)?));
            let sent = out.send(Piece::Event(sse::message(&request))).await;
            sent.map_err(|_| unanswered("the client went away before it was asked"))?;
        }
        let patience = sleep(Duration::from_millis(limits::INPUT_WAIT_MS));
        tokio::pin!(patience);
        let mut given = Vec::with_capacity(waiting.len());
        for (ask, receiver) in waiting {
            let reply = tokio::select! {
                biased;
                reply = alive(receiver, out) => reply,
                () = &mut patience => return Err(unanswered("the client did not answer in time")),
            };
            match reply {
                Some(Reply::Result(result)) => given.push((ask.key.clone(), result)),
                // A question that cannot be put to the user was not answered by the user.
                Some(Reply::Refused) if ask.kind == ServerRequest::Elicitation => {
                    given.push((ask.key.clone(), Bytes::from_static(b"{\"action\":\"cancel\"}")));
                }
                Some(Reply::Refused) => {
                    let why = "the client refused what the server needs";
                    return Err(Rejection::new(Code::AnswerDeclined, why));
                }
                None => return Err(unanswered("the session ended")),
            }
        }
        Ok(given)
    }
}

/// Waits for one answer; the client's stream shows signs of life meanwhile, so that nobody takes
/// a thinking user for a silent server.
async fn alive(mut receiver: oneshot::Receiver<Reply>, out: &mpsc::Sender<Piece>) -> Option<Reply> {
    let mut tick = interval(Duration::from_millis(limits::KEEPALIVE_MS));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tick.tick().await;
    loop {
        tokio::select! {
            biased;
            reply = &mut receiver => return reply.ok(),
            _ = tick.tick() => {
                let _ = out.try_send(Piece::Event(KEEPALIVE));
            }
        }
    }
}

fn refused_for(outcome: &Outcome, codes: &[i64]) -> bool {
    match outcome {
        Outcome::Final(answer) => answer.error.is_some_and(|code| codes.contains(&code)),
        Outcome::Needs(_) => false,
    }
}

fn unanswered(why: &'static str) -> Rejection {
    Rejection::new(Code::InputMissing, why)
}

/// A JSON answer of one message.
pub(super) fn json(bytes: Bytes) -> Raw {
    let mut headers = HeaderMap::with_capacity(2);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Raw { status: StatusCode::OK, headers, body: RawBody::Whole(Some(bytes)) }
}

/// An answer to `id` that says why there is none, for a session that goes on: a status of its own
/// would tell a legacy client that its session is lost.
pub(super) fn refused(id: &Id, code: Code) -> Bytes {
    let row = code.row();
    let mut data = b"{\"origin\":\"gateway\",\"code\":".to_vec();
    write_string(&mut data, row.code);
    data.push(b'}');
    let data = serde_json::from_slice(&data).ok();
    error_body::render(Names::Request(id), row.rpc, row.public, data.as_ref())
}

fn events(first: Option<Bytes>, pieces: mpsc::Receiver<Piece>, id: Id) -> Raw {
    let body = unfold((first, Some(pieces), id), |(first, pieces, id)| async move {
        let mut pieces = pieces?;
        if let Some(first) = first {
            return Some((Ok::<_, BodyBroken>(first), (None, Some(pieces), id)));
        }
        match pieces.recv().await? {
            // Empty pieces are not told apart from none.
            Piece::Opened => Some((Ok(Bytes::new()), (None, Some(pieces), id))),
            Piece::Event(bytes) => Some((Ok(bytes), (None, Some(pieces), id))),
            Piece::Final(bytes) => Some((Ok(sse::message(&bytes)), (None, None, id))),
            Piece::Failed(rejection) => {
                let last = sse::message(&refused(&id, rejection.code));
                Some((Ok(last), (None, None, id)))
            }
        }
    });
    event_stream(Box::pin(body))
}

/// An event stream.
pub(super) fn event_stream(pieces: crate::upstream::answer::PieceStream) -> Raw {
    let mut headers = HeaderMap::with_capacity(2);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    Raw { status: StatusCode::OK, headers, body: RawBody::Composed(pieces) }
}
