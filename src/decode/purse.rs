//! The tickets that one caller holds of one server.
//!
//! Owns what a ticket's text says. Guarantees that what the response gate seals is what the
//! request gate opens: both sides of it stand here.

use crate::mcp::redeem::{self, Task};
use crate::principal::PrincipalKey;
use crate::ticket::{Bound, Purpose, TicketError, Tickets};

/// Opens the tickets of one caller of one server.
#[derive(Debug, Clone, Copy)]
pub(super) struct Purse<'a> {
    pub(super) tickets: &'a Tickets,
    pub(super) caller: PrincipalKey,
    pub(super) server: &'a str,
}

impl redeem::Purse for Purse<'_> {
    fn task(&self, ticket: &str) -> Option<Task> {
        let bound = Bound { caller: self.caller, server: self.server, with: NOTHING };
        let text = self.tickets.open(Purpose::Task, &bound, ticket)?;
        let (length, rest) = text.split_once(' ')?;
        let (tool, id) = rest.split_at_checked(length.parse().ok()?)?;
        Some(Task { tool: tool.into(), id: id.into() })
    }

    fn state(&self, method: &str, name: &str, ticket: &str) -> Option<String> {
        let bound = Bound { caller: self.caller, server: self.server, with: (method, name) };
        self.tickets.open(Purpose::State, &bound, ticket)
    }

    fn cursor(&self, method: &str, ticket: &str) -> Option<String> {
        let bound = Bound { caller: self.caller, server: self.server, with: (method, "") };
        self.tickets.open(Purpose::Cursor, &bound, ticket)
    }
}

/// Seals the cursor with which a server's list goes on.
///
/// # Errors
/// See [`Tickets::seal`].
pub fn seal_cursor(
    tickets: &Tickets,
    caller: PrincipalKey,
    server: &str,
    method: &str,
    cursor: &str,
) -> Result<String, TicketError> {
    tickets.seal(Purpose::Cursor, &Bound { caller, server, with: (method, "") }, cursor)
}

/// Seals a server's task id together with the tool that made the task.
///
/// # Errors
/// See [`Tickets::seal`].
pub fn seal_task(
    tickets: &Tickets,
    caller: PrincipalKey,
    server: &str,
    task: &Task,
) -> Result<String, TicketError> {
    let text = format!("{} {}{}", task.tool.len(), task.tool, task.id);
    tickets.seal(Purpose::Task, &Bound { caller, server, with: NOTHING }, &text)
}

/// Seals a server's request state for the method and name that it was given for.
///
/// # Errors
/// See [`Tickets::seal`].
pub fn seal_state(
    tickets: &Tickets,
    caller: PrincipalKey,
    server: &str,
    with: (&str, &str),
    state: &str,
) -> Result<String, TicketError> {
    tickets.seal(Purpose::State, &Bound { caller, server, with }, state)
}

/// A task is used with any task method.
const NOTHING: (&str, &str) = ("", "");

#[cfg(test)]
mod tests {
    use super::{Purse, seal_cursor, seal_state, seal_task};
    use crate::mcp::redeem::{Purse as _, Task};
    use crate::principal::PrincipalKey;
    use crate::ticket::Tickets;

    const ALICE: PrincipalKey = PrincipalKey([1; 16]);

    #[test]
    fn what_is_sealed_is_what_opens() {
        let tickets = Tickets::new(&[]).unwrap();
        let purse = Purse { tickets: &tickets, caller: ALICE, server: "crm" };
        for (tool, id) in [("slow", "7"), ("a b", "5 5"), ("", ""), ("é", "ü")] {
            let task = Task { tool: tool.into(), id: id.into() };
            let ticket = seal_task(&tickets, ALICE, "crm", &task).unwrap();
            assert_eq!(purse.task(&ticket), Some(task));
        }
        let with = ("tools/call", "slow");
        let ticket = seal_state(&tickets, ALICE, "crm", with, "state").unwrap();
        assert_eq!(purse.state(with.0, with.1, &ticket).as_deref(), Some("state"));
        assert_eq!(purse.state(with.0, "other", &ticket), None);
        assert_eq!(purse.task(&ticket), None);
        let ticket = seal_cursor(&tickets, ALICE, "crm", "tools/list", "2").unwrap();
        assert_eq!(purse.cursor("tools/list", &ticket).as_deref(), Some("2"));
        assert_eq!(purse.cursor("prompts/list", &ticket), None);
        assert_eq!(purse.state("tools/list", "", &ticket), None);
    }
}
