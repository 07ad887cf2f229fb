//! Judges one message of an answer: is it the one that was asked for, what of it may this caller
//! see, what must be masked.
//!
//! The same judge serves JSON answers and event streams, so that both give the same result for
//! the same message. Pure: bytes in, verdict out.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use http::HeaderName;

use super::asking::{Asking, kind_name};
use super::fit;
use super::listening::{Heard, Listening};
use super::results::Results;
use super::unfinished::{Call, Unfinished, Whose};
use super::{Screener, Tally, invalid};
use crate::authz::{Asker, Authorizer, Chosen};
use crate::call::{Action, Resource};
use crate::class::ClassSet;
use crate::clock::Clock;
use crate::config::ServerRequest;
use crate::decode::Expect;
use crate::inspect::{Detector, Plan};
use crate::json::{self, Document};
use crate::mcp::catalogue::{Edit, Listing};
use crate::mcp::message::{Id, Kind, Message};
use crate::mcp::method::{self, ServerMessage};
use crate::mcp::outputs::Outputs;
use crate::mcp::params::Known;
use crate::mcp::sse::{Event, KEEPALIVE};
use crate::mcp::version::Revision;
use crate::pins::Pins;
use crate::policy::facts::Circumstances;
use crate::principal::Principal;
use crate::record::Recorded;
use crate::reject::{Code, Rejection};

/// What becomes of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// These bytes may leave; the very same allocation when nothing was changed.
    Pass(Bytes),
    /// It is not passed on.
    Drop(&'static str),
}

/// What a legacy stream needs to be taken up again.
#[derive(Debug)]
pub(super) struct Resumable {
    whose: Whose,
    asked: (Action, Resource),
    /// Whether this stream is such a resumption.
    resumes: bool,
    /// Whether an event with an id has left, without which nothing can be taken up.
    marked: bool,
    table: Arc<Unfinished>,
    clock: Clock,
}

/// Judges the messages of one answer.
#[derive(Debug)]
pub struct Judge {
    pub(super) expected: Option<Id>,
    pub(super) answered: bool,
    pub(super) list: Option<Listing>,
    pub(super) revision: Revision,
    pub(super) detector: Arc<Detector>,
    pub(super) authz: Arc<Authorizer>,
    pub(super) principal: Arc<Principal>,
    pub(super) around: Circumstances,
    pub(super) action: Action,
    pub(super) operation: Box<str>,
    pub(super) view: Option<Chosen>,
    pub(super) reveal: ClassSet,
    pub(super) server_requests: Vec<ServerRequest>,
    pub(super) results: Results,
    pub(super) listening: Option<Listening>,
    pub(super) resumable: Option<Resumable>,
    pub(super) mirrors: Arc<Known>,
    pub(super) outputs: Arc<Outputs>,
    /// Whose result is asked for.
    pub(super) tool: Option<Box<str>>,
    pub(super) pins: Arc<Pins>,
    /// Which page of a list was asked for; `None` for the first.
    pub(super) cursor: Option<Box<str>>,
    pub(super) asking: Asking,
}

impl Judge {
    pub(super) fn new(screener: &Screener, request: &Recorded) -> Self {
        let expected = match request.expect() {
            Expect::Response { id } => Some(id.clone()),
            Expect::Accepted | Expect::Stream | Expect::Ended | Expect::Rest => None,
        };
        Self {
            expected,
            answered: false,
            list: Listing::of_method(&request.call().operation),
            revision: request.revision().unwrap_or(Revision::ASSUMED),
            detector: screener.detector(request),
            authz: Arc::clone(&screener.authz),
            principal: Arc::clone(request.principal()),
            around: request.grant().around.clone(),
            action: request.call().action,
            operation: request.call().operation.clone(),
            view: request.grant().view.clone(),
            reveal: screener.reveal(request),
            server_requests: screener.server.access.server_requests.clone(),
            results: Results::new(screener, request),
            listening: Listening::new(request),
            resumable: Resumable::new(screener, request),
            mirrors: Arc::clone(&screener.mirrors),
            outputs: Arc::clone(&screener.outputs),
            tool: fit::tool_of(&request.call().resource),
            pins: Arc::clone(&screener.pins),
            cursor: cursor(request),
            asking: Asking::new(screener, request),
        }
    }

    /// Judges one JSON-RPC message.
    ///
    /// # Errors
    /// When it cannot be read, or holds data that may not leave at all.
    pub fn message(&mut self, bytes: Bytes, tally: &Tally) -> Result<Verdict, Rejection> {
        let document = parse(bytes)?;
        let message = Message::read_answer(&document).map_err(|e| invalid(e.to_string()))?;
        match message.kind() {
            Kind::Result | Kind::Error => self.response(&document, &message, tally),
            Kind::Request | Kind::Notification => {
                match method::from_server(message.method(), self.revision) {
                    Some(ServerMessage::Notification) => {
                        self.notification(&document, &message, tally)
                    }
                    Some(ServerMessage::Request(kind)) => {
                        let allowed = self.server_requests.contains(&kind);
                        match self.asking.let_through(&document, &message, kind, allowed) {
                            Ok(()) => {
                                tally.note(|deeds| deeds.ask_one(kind_name(kind)));
                                self.redact(&document, Vec::new(), tally)
                            }
                            Err(reason) => Ok(Verdict::Drop(reason)),
                        }
                    }
                    None => Ok(Verdict::Drop("unknown_method")),
                }
            }
        }
    }

    /// Judges an answer of the REST profile.
    ///
    /// # Errors
    /// As [`Judge::message`].
    pub fn document(&mut self, bytes: Bytes, tally: &Tally) -> Result<Verdict, Rejection> {
        let document = parse(bytes)?;
        let edits = match &self.view {
            Some(chosen) => {
                self.authz.cut_rest(self.asker(), (chosen, self.action), document.root())
            }
            None => Vec::new(),
        };
        self.redact(&document, edits, tally)
    }

    /// Whether only a part of the answer may leave, so that text of which no part can be told from
    /// another must stay.
    #[must_use]
    pub fn is_partial(&self) -> bool {
        self.view.is_some()
    }

    /// Masks free text.
    #[must_use]
    pub fn text(&self, text: &str, tally: &Tally) -> Bytes {
        let mut out = Bytes::new();
        tally.note(|deeds| {
            let masked = self.detector.redact_text(text, self.reveal, &mut deeds.redacted);
            out = Bytes::copy_from_slice(masked.as_bytes());
        });
        out
    }

    /// An event without a message: a comment or a priming event. Its text is text all the same.
    #[must_use]
    pub fn plain_event(&self, event: &Event, tally: &Tally) -> Bytes {
        // Text that clients ignore is not worth its risk; that something came is worth telling.
        if event.comment_only {
            return KEEPALIVE;
        }
        let kept = if event.ignored_text { event.known_only() } else { event.raw.clone() };
        match std::str::from_utf8(&kept) {
            Ok(text) => self.text(text, tally),
            Err(_) => Bytes::new(),
        }
    }

    /// The id that still waits for its answer, for an error event.
    #[must_use]
    pub fn open_id(&self) -> Option<Bytes> {
        self.expected.as_ref().filter(|_| !self.answered).map(|id| id.raw().clone())
    }

    /// S-37: only the one response to the one request is delivered, once.
    fn response(
        &mut self,
        document: &Document,
        message: &Message,
        tally: &Tally,
    ) -> Result<Verdict, Rejection> {
        match &self.expected {
            Some(expected) => {
                let fits = match message.id() {
                    Some(id) => id.matches(expected),
                    // An error that names no request can only mean this one.
                    None => message.kind() == Kind::Error,
                };
                if !fits {
                    return Ok(Verdict::Drop("foreign_response"));
                }
                if self.answered {
                    return Ok(Verdict::Drop("second_response"));
                }
                self.answered = true;
            }
            None => match self.resumed(message) {
                Some(call) => {
                    self.list = call.list;
                    self.tool = fit::tool_of(&call.asked.1);
                }
                None => return Ok(Verdict::Drop("foreign_response")),
            },
        }
        let edits = match message.kind() {
            Kind::Result => {
                self.asking.agree(document, tally);
                self.filter(document, tally)?
            }
            Kind::Error => {
                self.asking.check_error(document)?;
                self.unknown(document)?;
                self.without_data(document)
            }
            Kind::Request | Kind::Notification => Vec::new(),
        };
        self.redact(document, edits, tally)
    }

    /// A stream of `subscriptions/listen` carries what was asked for, a request's own stream what
    /// belongs to the request (MCP 2026-07-28, Streamable HTTP, "Sending Messages").
    fn notification(
        &mut self,
        document: &Document,
        message: &Message,
        tally: &Tally,
    ) -> Result<Verdict, Rejection> {
        let edits = match &mut self.listening {
            Some(listening) => match listening.hears(document, message, &self.results)? {
                Heard::Leaves(edits) => edits,
                Heard::Dropped(reason) => return Ok(Verdict::Drop(reason)),
            },
            // What a tool says meanwhile has no shape that a view could know.
            None if self.view.is_some() && message.method() == "notifications/message" => {
                return Ok(Verdict::Drop("view"));
            }
            None if self.revision.is_modern() && !OF_A_REQUEST.contains(&message.method()) => {
                return Ok(Verdict::Drop("not_subscribed"));
            }
            None => Vec::new(),
        };
        self.redact(document, edits, tally)
    }

    pub(super) fn asker(&self) -> Asker<'_> {
        Asker { principal: &self.principal, around: &self.around }
    }

    /// A call whose stream ended before, where this is its answer and the caller may still have it.
    fn resumed(&self, message: &Message) -> Option<Call> {
        let resumable = self.resumable.as_ref().filter(|it| it.resumes)?;
        let call =
            resumable.table.finish(&resumable.whose, message.id()?, resumable.clock.unix_s())?;
        let (action, resource) = &call.asked;
        self.authz.allows(self.asker(), *action, resource).then_some(call)
    }

    /// An event with an id leaves: the stream can be taken up behind it.
    pub(super) fn marked(&mut self) {
        if let Some(resumable) = &mut self.resumable {
            resumable.marked = true;
        }
    }

    /// The stream is over by the gateway's own decision: nothing of it may be taken up.
    pub(super) fn close(&mut self) {
        self.resumable = None;
    }

    /// Whether the stream may end before its answer: the client takes it up again.
    #[must_use]
    pub(super) fn can_be_resumed(&self) -> bool {
        self.resumable.as_ref().is_some_and(|it| it.marked)
    }

    /// Masks what the caller may not see and applies the edits of the list filter.
    fn redact(
        &self,
        document: &Document,
        mut filtered: Vec<Edit>,
        tally: &Tally,
    ) -> Result<Verdict, Rejection> {
        filtered.sort_by_key(|edit| edit.span.start);
        let plan = self.detector.plan(document.root(), self.reveal);
        if let Some(class) = plan.blocked {
            tally.note(|deeds| deeds.found(&plan));
            let name = self.detector.custom_name(class);
            return Err(Rejection::new(
                Code::AnswerBlocked,
                format!("the answer holds data of class `{name}`"),
            ));
        }
        if plan.is_clean() && filtered.is_empty() {
            if !plan.revealed.is_empty() || !plan.counts.is_empty() {
                tally.note(|deeds| deeds.found(&plan));
            }
            return Ok(Verdict::Pass(document.bytes().clone()));
        }
        tally.note(|deeds| deeds.found(&plan));
        let bytes = document.bytes();
        if plan.is_clean() {
            return Ok(Verdict::Pass(json::apply(bytes, &filtered)));
        }
        let fitted = self.fitted(document, &filtered, &plan, tally)?;
        if let Some(fitted) = fitted {
            // What fits a schema was scanned again where it was chosen, and is not written anew.
            let edits = fit::merge(&filtered, fitted.into_iter());
            return Ok(Verdict::Pass(json::apply(bytes, &edits)));
        }
        let edits = fit::merge(&filtered, planned(&plan));
        let sealed = sealed(&edits, &filtered);
        self.scanned_again(json::apply(bytes, &edits), &sealed)
    }
}

impl Judge {
    /// What was rewritten is read once more as the caller will read it: a value that only the
    /// rewriting brought to light must not leave either. What the gates put in, at the places
    /// `sealed`, is theirs.
    fn scanned_again(&self, out: Bytes, sealed: &[Range<usize>]) -> Result<Verdict, Rejection> {
        let mut out = out;
        for _ in 0..SCANS_MAX {
            let document = parse(out)?;
            let plan = self.detector.plan(document.root(), self.reveal);
            let edits: Vec<Edit> = planned(&plan)
                .filter(|edit| !sealed.iter().any(|s| overlap(s, &edit.span)))
                .collect();
            if edits.is_empty() {
                return Ok(Verdict::Pass(document.bytes().clone()));
            }
            out = json::apply(document.bytes(), &edits);
        }
        let why = "the answer could not be redacted so that nothing was left in it";
        Err(Rejection::new(Code::AnswerBlocked, why))
    }
}

impl Resumable {
    fn new(screener: &Screener, request: &Recorded) -> Option<Self> {
        let session = request.session().filter(|_| !request.is_modern())?;
        let call = request.call();
        Some(Self {
            whose: (request.principal().key, session.hash().into()),
            asked: (call.action, call.resource.clone()),
            resumes: request.plan().headers.iter().any(|(name, _)| *name == LAST_EVENT_ID),
            marked: false,
            table: Arc::clone(&screener.unfinished),
            clock: screener.clock.clone(),
        })
    }
}

impl Drop for Judge {
    /// However the stream ended: what it did not answer may be taken up, where it can be.
    fn drop(&mut self) {
        let id = self.expected.as_ref().filter(|_| !self.answered);
        let resumable = self.resumable.take().filter(|it| it.marked);
        if let (Some(id), Some(resumable)) = (id, resumable) {
            let Resumable { whose, asked, resumes: _, marked: _, table, clock } = resumable;
            let call = Call { id: id.clone(), list: self.list, asked };
            table.remember(&whose, call, clock.unix_s());
        }
    }
}

/// The edits of the redaction.
fn planned(plan: &Plan) -> impl Iterator<Item = Edit> {
    plan.edits().map(|(span, with)| Edit { span, with: with.to_vec().into() })
}

/// Where in the outcome of edits stands what the gates put in.
fn sealed(edits: &[Edit], gates: &[Edit]) -> Vec<Range<usize>> {
    let (mut sealed, mut grown, mut cut) = (Vec::new(), 0_usize, 0_usize);
    for edit in edits {
        let start = (edit.span.start + grown).saturating_sub(cut);
        if !edit.with.is_empty() && gates.contains(edit) {
            sealed.push(start..start + edit.with.len());
        }
        grown += edit.with.len();
        cut += edit.span.len();
    }
    sealed
}

fn overlap(a: &Range<usize>, b: &Range<usize>) -> bool {
    a.start < b.end && b.start < a.end
}

/// How often what was rewritten is read again.
const SCANS_MAX: usize = 3;

fn parse(bytes: Bytes) -> Result<Document, Rejection> {
    Document::parse(bytes, &crate::mcp::ANSWER).map_err(|e| invalid(e.to_string()))
}

/// The cursor of a request for a page.
fn cursor(request: &Recorded) -> Option<Box<str>> {
    let params = request.call().message.as_ref()?.root().get("params")?;
    Some(params.get("cursor")?.as_str()?.into())
}

/// Whether an action uses a single thing by name.
pub(super) fn uses_one(action: Action) -> bool {
    matches!(action, Action::ToolsInvoke | Action::ResourcesRead | Action::PromptsGet)
}

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Notifications that may come on the stream of a modern request.
const OF_A_REQUEST: &[&str] = &["notifications/progress", "notifications/message"];
