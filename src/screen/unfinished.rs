//! Calls of the legacy era whose answer did not come on their own stream.
//!
//! A legacy client whose stream ends may take it up again by GET with `Last-Event-ID` (MCP
//! 2025-11-25, Transports, "Resumability and Redelivery"), and the answer comes there. Owns the
//! memory of such calls. Guarantees (checklist 24, S-37): an answer comes on another stream only
//! for a call of the same caller in the same session that has no answer yet, once, filtered like
//! the first time; the memory is bounded per session, in all, and in time.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::call::{Action, Resource};
use crate::limits::{UNFINISHED_MAX, UNFINISHED_PER_SESSION_MAX, UNFINISHED_S};
use crate::mcp::catalogue::Listing;
use crate::mcp::message::Id;
use crate::principal::PrincipalKey;

/// Whose calls: the caller, and the hash of the session.
pub(super) type Whose = (PrincipalKey, Box<str>);

/// A call that waits for its answer.
#[derive(Debug, Clone)]
pub(super) struct Call {
    /// The id that the answer will bear.
    pub(super) id: Id,
    /// The list that it asks for.
    pub(super) list: Option<Listing>,
    /// What it asks for; judged again before the answer leaves.
    pub(super) asked: (Action, Resource),
}

/// The calls of one server that wait.
#[derive(Debug, Default)]
pub struct Unfinished(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    calls: HashMap<Whose, Vec<(u64, Call)>>,
    count: usize,
}

impl Unfinished {
    /// A stream ended without its answer. What is beyond a bound is not remembered; its answer
    /// will be dropped like any that nobody asked for.
    pub(super) fn remember(&self, whose: &Whose, call: Call, now_s: u64) {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if table.count >= UNFINISHED_MAX {
            table.forget(now_s);
        }
        let Table { calls, count } = &mut *table;
        if *count >= UNFINISHED_MAX {
            return;
        }
        let own = calls.entry(whose.clone()).or_default();
        let before = own.len();
        own.retain(|(at_s, other)| waits(*at_s, now_s) && !other.id.matches(&call.id));
        *count = count.saturating_sub(before - own.len());
        if own.len() < UNFINISHED_PER_SESSION_MAX {
            own.push((now_s, call));
            *count += 1;
        }
    }

    /// The call that an answer with this id finishes.
    pub(super) fn finish(&self, whose: &Whose, id: &Id, now_s: u64) -> Option<Call> {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own = table.calls.get_mut(whose)?;
        let at = own.iter().position(|(at_s, call)| waits(*at_s, now_s) && call.id.matches(id))?;
        let (_, call) = own.remove(at);
        if own.is_empty() {
            table.calls.remove(whose);
        }
        table.count = table.count.saturating_sub(1);
        Some(call)
    }
}

impl Table {
    fn forget(&mut self, now_s: u64) {
        self.calls.retain(|_, own| {
            own.retain(|(at_s, _)| waits(*at_s, now_s));
            !own.is_empty()
        });
        self.count = self.calls.values().map(Vec::len).sum();
    }
}

fn waits(since_s: u64, now_s: u64) -> bool {
    now_s.saturating_sub(since_s) < UNFINISHED_S
}

#[cfg(test)]
mod tests {
    use super::{Call, Unfinished, Whose};
    use crate::call::{Action, Resource};
    use crate::limits::{UNFINISHED_MAX, UNFINISHED_PER_SESSION_MAX, UNFINISHED_S};
    use crate::mcp::message::Message;
    use crate::principal::PrincipalKey;

    fn call(id: usize) -> Call {
        let text = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#);
        let limits = crate::mcp::REQUEST;
        let document = crate::json::Document::parse(text.into(), &limits).unwrap();
        let id = Message::read(&document).unwrap().id().unwrap().clone();
        Call { id, list: None, asked: (Action::SessionOpen, Resource::Server) }
    }

    fn whose(caller: u8, session: &str) -> Whose {
        (PrincipalKey([caller; 16]), session.into())
    }

    #[test]
    fn p24_an_answer_finishes_a_call_of_its_own_caller_and_session_once_and_in_time() {
        let table = Unfinished::default();
        let own = whose(1, "a");
        table.remember(&own, call(7), 100);
        for other in [whose(2, "a"), whose(1, "b")] {
            assert!(table.finish(&other, &call(7).id, 100).is_none());
        }
        assert!(table.finish(&own, &call(8).id, 100).is_none());
        assert!(table.finish(&own, &call(7).id, 100 + UNFINISHED_S).is_none());
        assert!(table.finish(&own, &call(7).id, 100).is_some());
        assert!(table.finish(&own, &call(7).id, 100).is_none());
    }

    #[test]
    fn what_waits_is_bounded_per_session_and_in_all() {
        let table = Unfinished::default();
        for id in 0..=UNFINISHED_PER_SESSION_MAX {
            table.remember(&whose(1, "a"), call(id), 0);
        }
        assert!(table.finish(&whose(1, "a"), &call(UNFINISHED_PER_SESSION_MAX).id, 0).is_none());
        for session in 0..UNFINISHED_MAX {
            table.remember(&whose(1, &session.to_string()), call(1), 0);
        }
        assert_eq!(table.0.lock().unwrap().count, UNFINISHED_MAX);
        // Time makes room.
        table.remember(&whose(3, "late"), call(1), UNFINISHED_S);
        assert!(table.finish(&whose(3, "late"), &call(1).id, UNFINISHED_S).is_some());
    }
}
