//! Records of batches: the request that brought several messages, and which messages it brought.

use std::sync::Arc;

use super::words::{end_name, queued_name};
use super::{Closed, Deeds, Record, State};

impl Record {
    /// The exchange is one message of a batch.
    pub fn part_of(&mut self, batch: Option<&Arc<str>>) {
        self.batch = batch.cloned();
    }

    /// Closes a request that brought several messages; each has records of its own.
    pub fn close_batch(&mut self, status: u16, closed: Closed, messages: usize) {
        let mut line = self.head("batch", self.at + self.started.elapsed());
        self.request_facts(&mut line);
        line.number("messages", u64::try_from(messages).unwrap_or(u64::MAX));
        line.number("status_code", u64::from(status));
        self.times(&mut line);
        line.number("bytes_out", closed.bytes);
        line.word("end", end_name(closed.end, &Deeds::default()));
        let queued = self.log.append(line.finish()).is_ok();
        self.state = State::Closed;
        let Some(route) = &self.route else { return };
        route.audit_record("batch", queued_name(queued));
        self.finish_metrics(route, closed.bytes);
    }
}
