//! The two spans of an exchange, by the conventions of OpenTelemetry for MCP.
//!
//! Names, counts and codes; never arguments, results, addresses of resources, or who called. What
//! a caller named stands in a span only where the call was permitted, masked as in the record.

use std::time::{Duration, SystemTime};

use bytes::Bytes;

use super::Traced;
use super::wire::Message;
use crate::call::Resource;
use crate::limits::TRACE_TEXT_BYTES_MAX;
use crate::mcp::method;
use crate::observe::line::cut;
use crate::observe::record::{CallFacts, Stage};
use crate::screen::Deeds;

/// What became of an exchange, for its spans.
pub(in super::super) struct Outcome<'a> {
    pub(in super::super) request_id: &'a str,
    pub(in super::super) began: SystemTime,
    pub(in super::super) lasted: Duration,
    pub(in super::super) server: Option<&'a str>,
    pub(in super::super) call: Option<&'a CallFacts>,
    /// Whether a policy allowed what was named.
    pub(in super::super) permitted: bool,
    pub(in super::super) stages: &'a [u32],
    pub(in super::super) status: u16,
    /// JSON-RPC code and our own, of a refusal.
    pub(in super::super) refused: Option<(i32, &'static str)>,
    pub(in super::super) end: &'static str,
    pub(in super::super) deeds: Option<&'a Deeds>,
}

impl Traced {
    pub(super) fn encode(&self, outcome: &Outcome<'_>) -> Bytes {
        let mut out = Message::with_capacity(SPANS_BYTES);
        let began = nanos(outcome.began);
        let end = began.saturating_add(u64::try_from(outcome.lasted.as_nanos()).unwrap_or(0));
        let name = outcome.name();
        let parent = self.parent.map(|parent| parent.span);
        let mut server = self.head(self.own.span, parent, &name, SERVER, (began, end));
        outcome.facts(&mut server);
        outcome.deeds(&mut server);
        self.tail(&mut server, outcome.is_error());
        out.message(2, &server);

        let upstream = Stage::Upstream as usize;
        let lasted = outcome.stages.get(upstream).copied().unwrap_or(0);
        if lasted > 0 {
            let before = outcome.stages.iter().take(upstream).map(|micros| u64::from(*micros));
            let from = began.saturating_add(before.sum::<u64>().saturating_mul(1_000));
            let to = from.saturating_add(u64::from(lasted).saturating_mul(1_000));
            let mut client =
                self.head(self.towards, Some(self.own.span), &name, CLIENT, (from, to.min(end)));
            outcome.facts(&mut client);
            self.tail(&mut client, outcome.is_error());
            out.message(2, &client);
        }
        out.finish()
    }

    fn head(
        &self,
        span: [u8; 8],
        parent: Option<[u8; 8]>,
        name: &str,
        kind: u64,
        (from, to): (u64, u64),
    ) -> Message {
        let mut out = Message::with_capacity(SPANS_BYTES / 2);
        out.bytes(1, &self.own.trace);
        out.bytes(2, &span);
        out.bytes(4, parent.as_ref().map_or(&[], |parent| parent.as_slice()));
        out.bytes(5, name.as_bytes());
        out.number(6, kind);
        out.fixed64(7, from);
        out.fixed64(8, to);
        out
    }

    fn tail(&self, out: &mut Message, is_error: bool) {
        if let Some(link) = &self.link {
            let mut message = Message::default();
            message.bytes(1, &link.trace);
            message.bytes(2, &link.span);
            out.message(13, &message);
        }
        if is_error {
            let mut status = Message::default();
            status.number(3, STATUS_ERROR);
            out.message(15, &status);
        }
        out.fixed32(16, 1);
    }
}

impl Outcome<'_> {
    /// `tools/call echo`; the second word only where a policy allowed it.
    fn name(&self) -> String {
        match (self.method(), self.target()) {
            (Some(method), Some((_, target))) => format!("{method} {target}"),
            (Some(method), None) => method.to_owned(),
            (None, _) => self.call.map_or("request", |call| call.action.name()).to_owned(),
        }
    }

    /// The method, where it is one of the protocol.
    pub(in super::super) fn method(&self) -> Option<&str> {
        let operation = &*self.call?.operation;
        method::from_client(operation).is_some().then_some(operation)
    }

    /// The tool or prompt, by the key of its attribute.
    pub(in super::super) fn target(&self) -> Option<(&'static str, &str)> {
        let call = self.call.filter(|_| self.permitted)?;
        let key = match call.resource {
            Resource::Tool(_) => "gen_ai.tool.name",
            Resource::Prompt(_) => "gen_ai.prompt.name",
            Resource::Server | Resource::Uri(_) | Resource::Namespace(_) => return None,
        };
        Some((key, cut(&call.resource_name, TRACE_TEXT_BYTES_MAX)))
    }

    /// What the request gate said.
    pub(in super::super) fn decision(&self) -> &'static str {
        if self.refused.is_some() && !self.permitted { "deny" } else { "allow" }
    }

    fn is_error(&self) -> bool {
        self.status >= 500 || self.end == "failed"
    }

    fn facts(&self, out: &mut Message) {
        let mut text = |key, value: &str| out.text(9, key, value);
        if let Some(method) = self.method() {
            text("mcp.method.name", method);
        }
        if let Some((key, name)) = self.target() {
            text(key, name);
            if key == "gen_ai.tool.name" {
                text("gen_ai.operation.name", "execute_tool");
            }
        }
        if let Some(server) = self.server {
            text("sallyport.server", server);
        }
        text("network.transport", "tcp");
        text("sallyport.request_id", self.request_id);
        if let Some(call) = self.call {
            // A text can hold anything; a number is one of a counter.
            let id = call.rpc_id.as_deref().and_then(|id| std::str::from_utf8(id).ok());
            if let Some(id) = id.filter(|id| id.len() <= 20 && id.parse::<i64>().is_ok()) {
                text("jsonrpc.request.id", id);
            }
            if let Some(session) = &call.session {
                text("mcp.session.id", session);
            }
        }
        match self.refused {
            None if self.end == "failed" => text("error.type", "failed"),
            None => {}
            Some((rpc, code)) => {
                text("error.type", code);
                text("rpc.response.status_code", &rpc.to_string());
            }
        }
    }

    fn deeds(&self, out: &mut Message) {
        out.int(9, "http.response.status_code", u64::from(self.status));
        out.text(9, "sallyport.decision", self.decision());
        if let Some((_, code)) = self.refused {
            out.text(9, "sallyport.code", code);
        }
        out.text(9, "sallyport.end", self.end);
        for (stage, micros) in Stage::ALL.iter().zip(self.stages).filter(|(_, time)| **time > 0) {
            out.int(9, &format!("sallyport.stage.{}_us", stage.name()), u64::from(*micros));
        }
        let Some(deeds) = self.deeds else { return };
        for (class, count) in deeds.redacted.iter() {
            let key = format!("sallyport.redactions.{}", deeds.name_of(class));
            out.int(9, &key, u64::from(count));
        }
    }
}

fn nanos(at: SystemTime) -> u64 {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

const SERVER: u64 = 2;
const CLIENT: u64 = 3;
const STATUS_ERROR: u64 = 2;
/// Two usual spans: no second allocation.
const SPANS_BYTES: usize = 1_536;
