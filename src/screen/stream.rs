//! Event streams: bytes in, events judged one by one, bytes out.
//!
//! Guarantees: one event in memory, bounded; an untouched event passes byte for byte; a stream
//! that may not go on ends with an error event; a silent upstream is bridged by comments and a
//! dead one is given up; dropping the body closes the upstream connection.

use crate::limits::PIECE_BYTES_MAX;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::stream::unfold;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use super::deltas::Deltas;
use super::judge::{Judge, Verdict};
use super::{Recheck, Tally};
use crate::body::{ReplyBody, StreamCut};
use crate::config::Upstream;
use crate::json::Document;
use crate::limits;
use crate::mcp::sse::{Decoder, Event, KEEPALIVE};
use crate::reject::{Code, Rejection};
use crate::reply;
use crate::upstream::{BodyBroken, RawBody};

/// The bounds of one stream.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    event_bytes_max: usize,
    idle: Duration,
    begin: Begin,
}

/// When the answer's head leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Begin {
    /// With what the upstream sent along with its own.
    AtOnce,
    /// When the answer is there: a handshake's head says what the answer agreed on.
    WhenAnswered,
}

impl Bounds {
    pub(super) fn of(upstream: &Upstream) -> Self {
        Self {
            event_bytes_max: upstream.answer_bytes_max.min(limits::EVENT_BYTES_MAX),
            idle: upstream.stream_idle_timeout,
            begin: Begin::AtOnce,
        }
    }

    /// The same for a stream whose head must wait for the answer.
    pub(super) fn until_answered(self) -> Self {
        Self { begin: Begin::WhenAnswered, ..self }
    }
}

/// Builds the body that relays and screens. What the upstream sent along with its head is judged
/// before this returns, so that it leaves with ours.
pub(super) async fn relay(
    body: RawBody,
    judge: Judge,
    recheck: Recheck,
    tally: Tally,
    bounds: Bounds,
    request_id: &str,
) -> ReplyBody {
    let period = Duration::from_millis(limits::RECHECK_MS);
    let mut tick = interval_at(Instant::now() + period, period);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut relay = Relay {
        body,
        decoder: Decoder::new(bounds.event_bytes_max),
        deltas: Deltas::new(Arc::clone(&judge.detector), judge.reveal),
        judge,
        recheck,
        tally,
        idle: bounds.idle,
        request_id: request_id.into(),
        tick,
        out: VecDeque::new(),
        heard: Instant::now(),
        spoken: Instant::now(),
        state: State::Open,
    };
    match bounds.begin {
        Begin::AtOnce => relay.gather().await,
        Begin::WhenAnswered => relay.until_answered().await,
    }
    ReplyBody::stream(Box::pin(unfold(relay, |mut relay| async move {
        relay.next().await.map(|item| (item, relay))
    })))
}

struct Relay {
    body: RawBody,
    decoder: Decoder,
    judge: Judge,
    /// Events whose text may go on in the next one.
    deltas: Deltas,
    recheck: Recheck,
    tally: Tally,
    idle: Duration,
    request_id: Box<str>,
    tick: Interval,
    out: VecDeque<Bytes>,
    /// When the upstream last spoke.
    heard: Instant,
    /// When the client last got something.
    spoken: Instant,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// What is queued still leaves, then the stream ends in order.
    Ending,
    /// What is queued still leaves, then the transfer is aborted.
    Failing,
    Done,
}

impl Relay {
    async fn next(&mut self) -> Option<Result<Bytes, StreamCut>> {
        loop {
            if !self.out.is_empty() {
                self.gather().await;
            }
            if let Some(bytes) = self.piece() {
                self.spoken = Instant::now();
                return Some(Ok(bytes));
            }
            match self.state {
                State::Open => {}
                State::Done => return None,
                State::Ending => {
                    self.state = State::Done;
                    return None;
                }
                State::Failing => {
                    self.state = State::Done;
                    return Some(Err(StreamCut));
                }
            }
            let deadline = self.deltas.deadline();
            tokio::select! {
                biased;
                () = self.recheck.woken() => self.ticked(),
                data = self.body.data() => self.heard(data),
                _ = self.tick.tick() => self.ticked(),
                now = until(deadline) => self.let_go(now),
            }
        }
    }

    /// Takes in what the upstream has sent already, and waits for nothing else.
    ///
    /// The upstream's chunks come one by one from the task of its connection; the turn that is
    /// given up here is where it hands over the next one. Without it each event would leave in a
    /// TLS record and by a system call of its own, which cost more than judging it.
    async fn gather(&mut self) {
        while self.state == State::Open && self.queued_bytes() < PIECE_BYTES_MAX {
            tokio::select! {
                biased;
                data = self.body.data() => self.heard(data),
                () = tokio::task::yield_now() => return,
            }
        }
    }

    /// Takes in what comes until the answer is among it, within the time and the size that a
    /// client would wait for.
    async fn until_answered(&mut self) {
        let deadline = Instant::now() + Duration::from_millis(limits::UPSTREAM_HEAD_MS);
        while self.state == State::Open
            && self.judge.open_id().is_some()
            && self.queued_bytes() < PIECE_BYTES_MAX
        {
            tokio::select! {
                biased;
                data = self.body.data() => self.heard(data),
                () = tokio::time::sleep_until(deadline) => return,
            }
        }
        self.gather().await;
    }

    fn queued_bytes(&self) -> usize {
        self.out.iter().map(Bytes::len).sum()
    }

    /// What leaves next: several small events as one piece, a large one as it is.
    fn piece(&mut self) -> Option<Bytes> {
        let first = self.out.pop_front()?;
        let fits = |have: usize, next: &Bytes| have.saturating_add(next.len()) <= PIECE_BYTES_MAX;
        if !self.out.front().is_some_and(|next| fits(first.len(), next)) {
            return Some(first);
        }
        let mut piece = BytesMut::with_capacity(self.queued_bytes().min(PIECE_BYTES_MAX));
        piece.extend_from_slice(&first);
        while let Some(next) = self.out.front().filter(|next| fits(piece.len(), next)) {
            piece.extend_from_slice(next);
            self.out.pop_front();
        }
        Some(piece.freeze())
    }

    fn heard(&mut self, data: Option<Result<Bytes, BodyBroken>>) {
        self.heard = Instant::now();
        match data {
            None => self.upstream_ended(),
            Some(Err(BodyBroken)) => self.fail("upstream_cut"),
            Some(Ok(data)) => {
                self.decoder.push(data);
                self.drain();
            }
        }
    }

    fn drain(&mut self) {
        while self.state == State::Open {
            match self.decoder.next_event() {
                None => return,
                Some(Err(_)) => self.fail("unreadable_event"),
                Some(Ok(event)) => {
                    if let Err(rejection) = self.recheck.ask() {
                        self.cut(&rejection, "revoked");
                        return;
                    }
                    self.event(&event);
                }
            }
        }
    }

    fn event(&mut self, event: &Event) {
        if event.id.as_ref().is_some_and(|id| !id.is_empty()) {
            self.judge.marked();
        }
        let Some(data) = event.data.clone().filter(|d| !d.is_empty()) else {
            // Comments and priming events carry no message; their text is text all the same.
            self.out.push_back(self.judge.plain_event(event, &self.tally));
            return;
        };
        match self.judge.message(data.clone(), &self.tally) {
            Ok(Verdict::Pass(out)) if Deltas::concerns(&out) => {
                self.piece_of_text(event, &data, out);
            }
            Ok(Verdict::Pass(out)) if out == data && !event.ignored_text => {
                self.let_all_go();
                self.out.push_back(event.raw.clone());
            }
            Ok(Verdict::Pass(out)) => {
                self.let_all_go();
                self.out.push_back(event.encode(&out));
            }
            Ok(Verdict::Drop(reason)) => self.tally.note(|deeds| deeds.drop_one(reason)),
            Err(rejection) => {
                let why = match rejection.code {
                    Code::AnswerBlocked => "blocked",
                    Code::AnswerUnfit => "unfit",
                    _other => "unreadable_event",
                };
                self.cut(&rejection, why);
            }
        }
    }

    /// An event whose text may go on in the next one, or that comes behind such a one.
    fn piece_of_text(&mut self, event: &Event, data: &Bytes, out: Bytes) {
        let changed = out != *data;
        match Document::parse(out, &crate::mcp::ANSWER) {
            Ok(document) => {
                let now = Instant::now();
                let found = self.deltas.push(event.clone(), document, changed, now);
                self.tally.note(|deeds| found.iter().for_each(|class| deeds.redacted.add(*class)));
                self.let_go(now);
            }
            Err(_) => self.fail("unreadable_event"),
        }
    }

    /// Lets events go that need not wait for others any more.
    fn let_go(&mut self, now: Instant) {
        while let Some(bytes) = self.deltas.ready(now) {
            self.out.push_back(bytes);
        }
    }

    fn ticked(&mut self) {
        if let Err(rejection) = self.recheck.ask() {
            self.cut(&rejection, "revoked");
            return;
        }
        if self.heard.elapsed() >= self.idle {
            let rejection =
                Rejection::new(Code::UpstreamTimeout, "the upstream's stream is silent");
            self.cut(&rejection, "upstream_silent");
        } else if self.spoken.elapsed() >= Duration::from_millis(limits::KEEPALIVE_MS) {
            self.out.push_back(KEEPALIVE);
        }
    }

    /// A half event at the end is dispatched by nobody (HTML, server-sent events) and dropped here.
    /// A server's stream that ends without its answer says so, unless the client will take it up
    /// again; a client that cancelled its request does not listen any more.
    fn upstream_ended(&mut self) {
        self.let_all_go();
        self.state = State::Ending;
        let unanswered = self.judge.open_id().is_some() && !self.body.is_composed();
        if unanswered && !self.judge.can_be_resumed() {
            let why = "the upstream's stream ended without its answer";
            self.cut(&Rejection::new(Code::UpstreamInvalid, why), "no_answer");
        }
        let decoder = std::mem::replace(&mut self.decoder, Decoder::new(0));
        if !decoder.finish().is_empty() {
            self.tally.note(|deeds| deeds.drop_one("half_event"));
        }
    }

    fn let_all_go(&mut self) {
        while let Some(bytes) = self.deltas.release() {
            self.out.push_back(bytes);
        }
    }

    fn cut(&mut self, rejection: &Rejection, why: &'static str) {
        if why != "revoked" {
            self.let_all_go();
        }
        self.tally.note(|deeds| deeds.cut = Some(why));
        let id = self.judge.open_id();
        self.judge.close();
        self.out.push_back(reply::error_event(rejection, &self.request_id, id.as_ref()));
        self.state = State::Ending;
    }

    fn fail(&mut self, why: &'static str) {
        self.tally.note(|deeds| deeds.cut = Some(why));
        self.state = State::Failing;
    }
}

/// Waits for a time, or for ever. Cancel-safe.
async fn until(deadline: Option<Instant>) -> Instant {
    match deadline {
        Some(deadline) => {
            tokio::time::sleep_until(deadline).await;
            Instant::now()
        }
        None => std::future::pending().await,
    }
}
