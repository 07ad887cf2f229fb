//! The closed table of MCP methods, of all revisions and in both directions.
//!
//! Owns what a method means: its action, where the name of its resource stands, and in which
//! revisions it exists. Guarantees default deny (S-33): a method that has no row, or no action,
//! is never forwarded.

use crate::call::Action;
use crate::config::ServerRequest;

use super::version::Revision;

/// One method from client to server.
#[derive(Debug, PartialEq, Eq)]
pub struct Method {
    /// Its name, compared byte for byte (S-26).
    pub name: &'static str,
    /// Whether it asks for an answer.
    pub form: Form,
    /// What it means; `None` for methods that the protocol knows and the gateway refuses.
    pub action: Option<Action>,
    /// Where its resource is named.
    pub place: Place,
    /// First revision that has it.
    pub since: Revision,
    /// Last revision that has it.
    pub until: Revision,
}

/// Whether a method asks for an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// With an id.
    Request,
    /// Without an id.
    Notification,
}

/// Where a method names the resource it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Nowhere: it is about the server.
    Server,
    /// A tool in `/params/name`.
    Tool,
    /// A prompt in `/params/name`.
    Prompt,
    /// A resource in `/params/uri`.
    Uri,
    /// A prompt or a resource template in `/params/ref`.
    Reference,
    /// Resources in `/params/notifications/resourceSubscriptions`.
    Filter,
    /// A task in `/params/taskId`.
    Task,
}

impl Place {
    /// The member of `params` that the `Mcp-Name` header mirrors (MCP 2026-07-28, Streamable
    /// HTTP, "Standard Request Headers"; `taskId` by the tasks extension).
    #[must_use]
    pub fn mirrored_member(self) -> Option<&'static str> {
        match self {
            Self::Tool | Self::Prompt => Some("name"),
            Self::Uri => Some("uri"),
            Self::Task => Some("taskId"),
            Self::Server | Self::Reference | Self::Filter => None,
        }
    }
}

impl Method {
    /// Whether this revision has the method.
    #[must_use]
    pub fn exists_in(&self, revision: Revision) -> bool {
        (self.since..=self.until).contains(&revision)
    }
}

/// The row of a method that a client sends.
#[must_use]
pub fn from_client(name: &str) -> Option<&'static Method> {
    CLIENT.iter().find(|row| row.name == name)
}

/// A message that a server sends on its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerMessage {
    /// It asks the client for something; the configuration says which it may ask.
    Request(ServerRequest),
    /// It tells the client something.
    Notification,
}

/// What a method that a server sends means in this revision; `None` is refused. From
/// 2026-07-28 on a server sends no requests at all (S-37).
#[must_use]
pub fn from_server(name: &str, revision: Revision) -> Option<ServerMessage> {
    let (_, message, since, until) = SERVER.iter().find(|row| row.0 == name)?;
    (*since..=*until).contains(&revision).then_some(*message)
}

const FIRST: Revision = Revision::V2024_11_05;
const LEGACY_END: Revision = Revision::V2025_11_25;
const MODERN: Revision = Revision::V2026_07_28;

const fn row(
    name: &'static str,
    form: Form,
    action: Option<Action>,
    place: Place,
    between: (Revision, Revision),
) -> Method {
    Method { name, form, action, place, since: between.0, until: between.1 }
}

const ALWAYS: (Revision, Revision) = (FIRST, MODERN);
const LEGACY: (Revision, Revision) = (FIRST, LEGACY_END);
const MODERN_ONLY: (Revision, Revision) = (MODERN, MODERN);

// The task methods of the extension use the tool that made the task: who may not call it any more
// may not have its result (S-19). The experimental tasks of 2025-11-25 are not offered; they have
// no rows.
#[rustfmt::skip]
static CLIENT: &[Method] = &[
    row("tools/call", Form::Request, Some(Action::ToolsInvoke), Place::Tool, ALWAYS),
    row("tools/list", Form::Request, Some(Action::ToolsList), Place::Server, ALWAYS),
    row("resources/read", Form::Request, Some(Action::ResourcesRead), Place::Uri, ALWAYS),
    row("resources/list", Form::Request, Some(Action::ResourcesList), Place::Server, ALWAYS),
    row("resources/templates/list", Form::Request, Some(Action::ResourcesList), Place::Server, ALWAYS),
    row("resources/subscribe", Form::Request, Some(Action::ResourcesSubscribe), Place::Uri, LEGACY),
    row("resources/unsubscribe", Form::Request, Some(Action::ResourcesSubscribe), Place::Uri, LEGACY),
    row("prompts/get", Form::Request, Some(Action::PromptsGet), Place::Prompt, ALWAYS),
    row("prompts/list", Form::Request, Some(Action::PromptsList), Place::Server, ALWAYS),
    row("completion/complete", Form::Request, Some(Action::Completion), Place::Reference, ALWAYS),
    row("initialize", Form::Request, Some(Action::SessionOpen), Place::Server, LEGACY),
    row("ping", Form::Request, Some(Action::SessionOpen), Place::Server, LEGACY),
    row("logging/setLevel", Form::Request, Some(Action::SessionOpen), Place::Server, LEGACY),
    row("server/discover", Form::Request, Some(Action::SessionOpen), Place::Server, MODERN_ONLY),
    row("subscriptions/listen", Form::Request, Some(Action::SessionListen), Place::Filter, MODERN_ONLY),
    row("tasks/get", Form::Request, Some(Action::ToolsInvoke), Place::Task, MODERN_ONLY),
    row("tasks/cancel", Form::Request, Some(Action::ToolsInvoke), Place::Task, MODERN_ONLY),
    row("tasks/update", Form::Request, Some(Action::ToolsInvoke), Place::Task, MODERN_ONLY),
    row("notifications/initialized", Form::Notification, Some(Action::SessionOpen), Place::Server, LEGACY),
    row("notifications/cancelled", Form::Notification, Some(Action::SessionOpen), Place::Server, LEGACY),
    row("notifications/progress", Form::Notification, Some(Action::SessionOpen), Place::Server, LEGACY),
    row("notifications/roots/list_changed", Form::Notification, Some(Action::SessionOpen), Place::Server, LEGACY),
];

#[rustfmt::skip]
static SERVER: &[(&str, ServerMessage, Revision, Revision)] = &[
    ("sampling/createMessage", ServerMessage::Request(ServerRequest::Sampling), FIRST, LEGACY_END),
    ("elicitation/create", ServerMessage::Request(ServerRequest::Elicitation), Revision::V2025_06_18, LEGACY_END),
    ("roots/list", ServerMessage::Request(ServerRequest::Roots), FIRST, LEGACY_END),
    ("ping", ServerMessage::Request(ServerRequest::Ping), FIRST, LEGACY_END),
    ("notifications/message", ServerMessage::Notification, FIRST, MODERN),
    ("notifications/progress", ServerMessage::Notification, FIRST, MODERN),
    ("notifications/cancelled", ServerMessage::Notification, FIRST, MODERN),
    ("notifications/tools/list_changed", ServerMessage::Notification, FIRST, MODERN),
    ("notifications/prompts/list_changed", ServerMessage::Notification, FIRST, MODERN),
    ("notifications/resources/list_changed", ServerMessage::Notification, FIRST, MODERN),
    ("notifications/resources/updated", ServerMessage::Notification, FIRST, MODERN),
    ("notifications/elicitation/complete", ServerMessage::Notification, LEGACY_END, LEGACY_END),
    ("notifications/subscriptions/acknowledged", ServerMessage::Notification, MODERN, MODERN),
    ("notifications/tasks", ServerMessage::Notification, MODERN, MODERN),
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{
        CLIENT, Form, LEGACY_END, MODERN, Place, SERVER, ServerMessage, from_client, from_server,
    };
    use crate::call::Action;
    use crate::config::ServerRequest;

    #[test]
    fn names_are_unique_and_spans_are_in_order() {
        let mut names = HashSet::new();
        for row in CLIENT {
            assert!(names.insert(row.name), "{} twice", row.name);
            assert!(row.since <= row.until, "{}", row.name);
            let notification = row.name.starts_with("notifications/");
            assert_eq!(row.form == Form::Notification, notification, "{}", row.name);
        }
        let mut names = HashSet::new();
        assert!(SERVER.iter().all(|row| names.insert(row.0) && row.2 <= row.3));
    }

    #[test]
    fn s26_names_are_compared_byte_for_byte() {
        assert!(from_client("tools/call").is_some());
        for other in ["Tools/Call", "tools/call ", "tools/call\0", "tools%2fcall", "tools/ca11", ""]
        {
            assert!(from_client(other).is_none(), "{other:?}");
        }
    }

    #[test]
    fn methods_that_2026_removed_exist_only_before_it() {
        for name in ["initialize", "ping", "logging/setLevel", "resources/subscribe"] {
            let row = from_client(name).unwrap();
            assert!(row.exists_in(LEGACY_END) && !row.exists_in(MODERN), "{name}");
        }
        for name in ["server/discover", "subscriptions/listen"] {
            let row = from_client(name).unwrap();
            assert!(!row.exists_in(LEGACY_END) && row.exists_in(MODERN), "{name}");
        }
    }

    #[test]
    fn s19_task_methods_need_what_the_tool_of_the_task_needs() {
        for name in ["tasks/get", "tasks/update", "tasks/cancel"] {
            let row = from_client(name).unwrap();
            assert_eq!((row.action, row.place), (Some(Action::ToolsInvoke), Place::Task), "{name}");
            assert!(!row.exists_in(LEGACY_END) && row.exists_in(MODERN), "{name}");
        }
        for name in ["tasks/result", "tasks/list", "notifications/tasks/status"] {
            assert!(from_client(name).is_none(), "{name}");
        }
        assert!(CLIENT.iter().all(|row| row.action.is_some()));
    }

    #[test]
    fn s33_server_requests_outside_the_table_are_refused() {
        assert_eq!(
            from_server("roots/list", LEGACY_END),
            Some(ServerMessage::Request(ServerRequest::Roots))
        );
        assert_eq!(from_server("tools/call", LEGACY_END), None);
        assert_eq!(from_server("notifications/new", LEGACY_END), None);
    }

    #[test]
    fn s37_modern_servers_send_no_requests() {
        let requests = SERVER.iter().filter(|row| matches!(row.1, ServerMessage::Request(_)));
        assert_eq!(requests.filter(|row| from_server(row.0, MODERN).is_some()).count(), 0);
        assert!(from_server("notifications/progress", MODERN).is_some());
    }

    #[test]
    fn header_mirrors_name_uri_and_task() {
        assert_eq!(Place::Tool.mirrored_member(), Some("name"));
        assert_eq!(Place::Uri.mirrored_member(), Some("uri"));
        assert_eq!(Place::Task.mirrored_member(), Some("taskId"));
        assert_eq!(Place::Reference.mirrored_member(), None);
    }
}
