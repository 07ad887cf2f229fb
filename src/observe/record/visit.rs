//! The record of a request to the authorization-server facade: a document that concerns a server.

use super::told::End;
use super::{Line, Record, State};
use crate::body::Closed;
use crate::limits;
use crate::reject::{Code, Rejection};
use crate::screen::Deeds;

/// What was asked of the facade.
#[derive(Debug)]
pub(super) struct Visit {
    operation: &'static str,
    /// The client that a request names; nothing proves it.
    client: Option<Box<str>>,
}

impl Visit {
    pub(super) fn names(&self, line: &mut Line) {
        line.word("operation", self.operation);
        if let Some(client) = &self.client {
            line.text("client", client, limits::AUDIT_TEXT_BYTES_MAX);
        }
    }
}

impl Record {
    /// The request is one to the facade.
    pub fn visit(&mut self, operation: &'static str) {
        self.visit = Some(Visit { operation, client: None });
    }

    /// Writes the record of a request that the facade grants, and waits until it is durable: no
    /// code and no token leaves without it. The exchange closes later, by [`Record::close_visit`].
    ///
    /// # Errors
    /// [`Code::AuditUnavailable`].
    pub async fn granted(
        &mut self,
        status: u16,
        bytes: u64,
        client: Option<Box<str>>,
    ) -> Result<(), Rejection> {
        if let Some(visit) = &mut self.visit {
            visit.client = client;
        }
        let mut line = self.head("document", self.at + self.started.elapsed());
        self.request_facts(&mut line);
        line.number("status_code", u64::from(status));
        self.times(&mut line);
        line.number("bytes_out", bytes);
        self.configured(&mut line);
        let wait = std::time::Duration::from_millis(limits::AUDIT_WAIT_MS);
        self.log.append_durable(line.finish(), wait).await.map_err(|error| {
            Rejection::new(Code::AuditUnavailable, error.to_string()).retry_after(2)
        })?;
        self.state = State::Closed;
        Ok(())
    }

    /// Books the end of a request to the facade. One whose client went away before there was an
    /// answer gets its record now.
    pub fn close_visit(&mut self, status: u16, closed: Closed) {
        if self.state != State::Closed {
            let line = self.ended("document", status, closed, &Deeds::default());
            // A lost record is counted by the log itself; nothing was handed out.
            let _ = self.log.append(&line);
            self.state = State::Closed;
        }
        self.tell(&End::Answered { status, closed, deeds: &Deeds::default() });
        if let Some(route) = &self.route {
            route.visited();
            self.finish_metrics(route, closed.bytes);
        }
    }
}
