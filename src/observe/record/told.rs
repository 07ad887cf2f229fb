//! What a record tells besides itself when it closes: the spans of a trace, and an access line.

use std::sync::Arc;

use http::HeaderMap;

use super::words::end_name;
use super::{Record, State};
use crate::body::Closed;
use crate::hex::hex;
use crate::mcp::trace::{self, Parent};
use crate::observe::traces::{Outcome, Telemetry, Traced};
use crate::reject::Rejection;
use crate::screen::Deeds;

/// Whom to tell.
#[derive(Debug, Default)]
pub(super) struct Told {
    traced: Option<Box<Traced>>,
    telemetry: Option<Arc<Telemetry>>,
}

/// How an exchange ended.
pub(super) enum End<'a> {
    /// With an answer.
    Answered { status: u16, closed: Closed, deeds: &'a Deeds },
    /// With a refusal.
    Refused(&'a Rejection),
}

impl Record {
    /// The exchange is one of the caller's trace, or of a new one where the gateway traces. Gives
    /// the span that the server is told.
    pub fn trace(&mut self, telemetry: &Arc<Telemetry>, headers: &HeaderMap) -> Option<Parent> {
        let value = trace::parent(headers);
        let parent = value.and_then(|value| Parent::read(value.as_bytes()));
        let traced = telemetry.begin(parent, self.peer.address.ip()).map(Box::new);
        let id = traced.as_ref().map(|traced| traced.id()).or(parent.map(|parent| parent.trace));
        self.trace_id = id.map(|id| hex(&id).into_boxed_str());
        let towards = traced.as_ref().map(|traced| traced.towards());
        self.told = Told { traced, telemetry: Some(Arc::clone(telemetry)) };
        towards
    }

    /// The message names a trace of its own, which counts before that of the connection.
    pub fn continued(&mut self, parent: Option<Parent>) {
        if let (Some(traced), Some(parent)) = (&mut self.told.traced, parent) {
            traced.continued(parent);
            self.trace_id = Some(hex(&parent.trace).into_boxed_str());
        }
    }

    /// Tells it once, before the record is closed.
    pub(super) fn tell(&mut self, end: &End<'_>) {
        let Told { traced, telemetry } = std::mem::take(&mut self.told);
        let has_line = telemetry.is_some_and(|telemetry| telemetry.has_access_log());
        if traced.is_none() && !has_line {
            return;
        }
        let (status, bytes, refused, ended, deeds) = match end {
            End::Answered { status, closed, deeds } => {
                (*status, closed.bytes, None, end_name(closed.end, deeds), Some(*deeds))
            }
            End::Refused(rejection) => {
                let row = rejection.code.row();
                (row.status, 0, Some((row.rpc, row.code)), "refused", None)
            }
        };
        let outcome = Outcome {
            request_id: &self.request_id,
            began: self.at,
            lasted: self.started.elapsed(),
            server: self.server.as_deref(),
            call: self.call.as_ref(),
            permitted: self.state == State::Intended,
            stages: &self.stages,
            status,
            refused,
            end: ended,
            deeds,
        };
        if has_line {
            self.access_line(&outcome, bytes);
        }
        if let Some(traced) = traced {
            traced.close(&outcome);
        }
    }

    fn access_line(&self, outcome: &Outcome<'_>, bytes_out: u64) {
        let duration_us = u64::try_from(outcome.lasted.as_micros()).unwrap_or(u64::MAX);
        tracing::info!(
            target: "sallyport::access",
            request_id = outcome.request_id,
            trace_id = self.trace_id.as_deref(),
            listener = &*self.peer.listener,
            server = outcome.server,
            action = outcome.call.map(|call| call.action.name()),
            method = outcome.method(),
            resource = outcome.target().map(|(_, name)| name),
            decision = outcome.decision(),
            code = outcome.refused.map(|(_, code)| code),
            status = outcome.status,
            end = outcome.end,
            duration_us,
            bytes_in = outcome.call.map(|call| call.bytes_in),
            bytes_out,
            "access"
        );
    }
}
