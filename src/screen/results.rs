//! What of a result depends on protocol, policy and owner: capabilities that are hidden, input
//! that a server asks for, tickets around what comes back.
//!
//! Guarantees: what the gateway cannot inspect is not offered (checklist 16); a server asks only
//! for what the route allows (17, S-33); task ids, request states and cursors leave sealed for their
//! owner (S-19, 20); a kind of result that nobody asked for, or that no gate knows, does not leave.

use std::sync::Arc;

use super::{Screener, invalid};
use crate::config::{self, ServerRequest};
use crate::decode::{seal_cursor, seal_state, seal_task};
use crate::json::{Kind, Value, write_string};
use crate::mcp::catalogue::{Edit, Listing, keep_items, keep_members};
use crate::mcp::elicitation::UrlHosts;
use crate::mcp::method::{self, Place};
use crate::mcp::redeem::{TASKS, Task, declares_tasks};
use crate::mcp::version::Revision;
use crate::principal::PrincipalKey;
use crate::record::Recorded;
use crate::reject::{Code, Rejection};
use crate::ticket::{TicketError, Tickets};

/// What is known of the request that a result answers.
#[derive(Debug)]
pub(super) struct Results {
    /// The method; empty where the protocol has none such.
    operation: &'static str,
    revision: Revision,
    server: Arc<config::Server>,
    caller: PrincipalKey,
    tickets: Arc<Tickets>,
    /// What only modern results depend on.
    modern: Option<Modern>,
}

/// What a modern request says of its answer.
#[derive(Debug)]
struct Modern {
    /// The name or URI in the caller's spelling, to which a request state belongs.
    name: Box<str>,
    /// The tool that is called, or that made the task.
    tool: Box<str>,
    /// The server's own id of the task that is asked about.
    task: Option<Box<str>>,
    declares_tasks: bool,
    url_hosts: UrlHosts,
}

impl Results {
    pub(super) fn new(screener: &Screener, request: &Recorded) -> Self {
        let row = method::from_client(&request.call().operation);
        let place = row.map(|row| row.place);
        Self {
            operation: row.map_or("", |row| row.name),
            revision: request.revision().unwrap_or(Revision::ASSUMED),
            server: Arc::clone(&screener.server),
            caller: request.principal().key,
            tickets: Arc::clone(&screener.tickets),
            modern: request.is_modern().then(|| Modern::new(screener, request, place)),
        }
    }

    /// What is to be changed in a result.
    ///
    /// # Errors
    /// [`Code::UpstreamInvalid`] for results of the wrong kind, [`Code::InputRefused`] for input
    /// that the server may not ask for.
    pub(super) fn edits(&self, result: Value<'_>) -> Result<Vec<Edit>, Rejection> {
        let mut edits = Vec::new();
        match (self.operation, &self.modern) {
            ("initialize" | "server/discover", _) => self.hide(result, &mut edits),
            (_, Some(modern)) => self.modern(modern, result, &mut edits)?,
            (_, None) => {}
        }
        Ok(edits)
    }

    /// Hides capabilities, extensions and revisions that no gate understands (checklist 16).
    fn hide(&self, result: Value<'_>, edits: &mut Vec<Edit>) {
        if let Some(capabilities) = result.get("capabilities") {
            keep_members(capabilities, |name| CAPABILITIES.contains(&name), edits);
            if let Some(extensions) = capabilities.get("extensions") {
                let known =
                    |name: &str| name == APPS || (name == TASKS && self.revision.is_modern());
                keep_members(extensions, known, edits);
            }
        }
        if let Some(versions) = result.get("supportedVersions") {
            let known = |version: Value<'_>| {
                version.as_str().is_some_and(|date| Revision::from_date(&date).is_some())
            };
            keep_items(versions, known, edits);
        }
    }

    fn modern(
        &self,
        modern: &Modern,
        result: Value<'_>,
        edits: &mut Vec<Edit>,
    ) -> Result<(), Rejection> {
        let kind = result.get("resultType").map(|kind| kind.as_str());
        match kind.as_ref().map(|kind| kind.as_deref()) {
            // Required since 2026-07-28; servers that leave it out mean this.
            None | Some(Some("complete")) => match &modern.task {
                Some(asked) if self.operation == "tasks/get" => {
                    self.task(modern, asked, result, edits)?;
                    self.asked(result)
                }
                Some(_) | None => Ok(()),
            },
            Some(Some("input_required")) if ASKS_BACK.contains(&self.operation) => {
                self.asked(result)?;
                let Some(state) = result.get("requestState") else { return Ok(()) };
                let text =
                    state.as_str().ok_or_else(|| invalid("a request state of another kind"))?;
                let sealed = seal_state(
                    &self.tickets,
                    self.caller,
                    &self.server.name,
                    (self.operation, &modern.name),
                    &text,
                );
                edits.push(put(state, &sealed.map_err(ticket)?));
                Ok(())
            }
            Some(Some("task")) if self.operation == "tools/call" && modern.declares_tasks => {
                let id = result.get("taskId").and_then(|id| id.as_str());
                let id = id.ok_or_else(|| invalid("a task without an id"))?;
                self.task(modern, &id, result, edits)
            }
            Some(Some(_) | None) => Err(invalid("a kind of result that was not asked for")),
        }
    }

    /// Puts the caller's ticket in place of the task's id.
    fn task(
        &self,
        modern: &Modern,
        id: &str,
        task: Value<'_>,
        edits: &mut Vec<Edit>,
    ) -> Result<(), Rejection> {
        let found = task.get("taskId").filter(|found| found.is_str(id));
        let found = found.ok_or_else(|| invalid("another task than the one asked for"))?;
        edits.push(put(found, &self.ticket(&modern.tool, id)?));
        Ok(())
    }

    /// The caller's ticket for a task.
    pub(super) fn ticket(&self, tool: &str, id: &str) -> Result<String, Rejection> {
        let none = || invalid("a task in a revision that has none");
        self.modern.as_ref().ok_or_else(none)?;
        let task = Task { tool: tool.into(), id: id.into() };
        seal_task(&self.tickets, self.caller, &self.server.name, &task).map_err(ticket)
    }

    /// The caller's ticket in place of the cursor with which a list goes on (S-19).
    pub(super) fn cursor(
        &self,
        list: Listing,
        result: Value<'_>,
    ) -> Result<Option<Edit>, Rejection> {
        let Some(cursor) = result.get("nextCursor").filter(|cursor| !cursor.is_null()) else {
            return Ok(None);
        };
        let text = cursor.as_str().ok_or_else(|| invalid("a cursor of another kind"))?;
        let (tickets, server) = (&self.tickets, &self.server.name);
        let sealed = seal_cursor(tickets, self.caller, server, list.method(), &text);
        Ok(Some(put(cursor, &sealed.map_err(ticket)?)))
    }

    /// Whether the server may ask for the input that it asks for; all of it or nothing.
    pub(super) fn asked(&self, result: Value<'_>) -> Result<(), Rejection> {
        let Some(requests) = result.get("inputRequests") else { return Ok(()) };
        if requests.kind() != Kind::Object {
            return Err(invalid("input requests of another kind"));
        }
        for (_, request) in requests.members() {
            let kind = request.get("method").and_then(|method| asks_for(&method.as_str()?));
            if !kind.is_some_and(|kind| self.may_ask_for(kind, request.get("params"))) {
                let why = "the server asks for input that this route does not allow";
                return Err(Rejection::new(Code::InputRefused, why));
            }
        }
        Ok(())
    }

    /// Policy for one request for input: the same as for the requests of legacy servers.
    fn may_ask_for(&self, kind: ServerRequest, params: Option<Value<'_>>) -> bool {
        let allowed = self.server.access.server_requests.contains(&kind);
        let checked = |modern: &Modern| modern.url_hosts.check(params).is_ok();
        allowed && (kind != ServerRequest::Elicitation || self.modern.as_ref().is_some_and(checked))
    }
}

impl Modern {
    fn new(screener: &Screener, request: &Recorded, place: Option<Place>) -> Self {
        let call = request.call();
        let document = call.message.as_ref();
        let text = |member: &str| {
            let value = document?.root().get("params")?.get(member)?;
            Some(Box::from(value.as_str()?))
        };
        let member = place.and_then(Place::mirrored_member);
        Self {
            name: member.and_then(text).unwrap_or_default(),
            tool: call.resource.name().into(),
            task: (place == Some(Place::Task)).then(|| text("taskId")).flatten(),
            declares_tasks: document.is_some_and(declares_tasks),
            url_hosts: screener.url_hosts.clone(),
        }
    }
}

/// What a method of `inputRequests` asks for (MCP 2026-07-28, "Multi Round-Trip Requests").
fn asks_for(method: &str) -> Option<ServerRequest> {
    match method {
        "sampling/createMessage" => Some(ServerRequest::Sampling),
        "elicitation/create" => Some(ServerRequest::Elicitation),
        "roots/list" => Some(ServerRequest::Roots),
        _other => None,
    }
}

/// A string in place of a value.
pub(super) fn put(value: Value<'_>, text: &str) -> Edit {
    let mut with = Vec::with_capacity(text.len() + 2);
    write_string(&mut with, text);
    Edit { span: value.span(), with: with.into() }
}

fn ticket(error: TicketError) -> Rejection {
    let code = match error {
        TicketError::Length => Code::UpstreamInvalid,
        TicketError::Crypto | TicketError::Key => Code::Internal,
    };
    Rejection::new(code, error.to_string())
}

/// Methods that may answer with a question (MCP 2026-07-28, "Multi Round-Trip Requests").
const ASKS_BACK: &[&str] = &["tools/call", "prompts/get", "resources/read"];

/// What the gates understand. `tasks` and `experimental` of 2025-11-25 are not among them.
const CAPABILITIES: &[&str] =
    &["tools", "prompts", "resources", "completions", "logging", "extensions"];

/// MCP Apps: what an app does comes as ordinary calls, and its page is an ordinary resource.
const APPS: &str = "io.modelcontextprotocol/ui";
