//! What is asked: the one vocabulary into which every request, MCP or REST, is translated.
//!
//! Owns [`Action`], [`Resource`] and [`Call`]. Policy, limits, guards and audit speak only these
//! words; none of them knows JSON-RPC or URL paths.

use bytes::Bytes;

use crate::json::{Document, Value};

/// What a caller wants to do. Closed: an unknown method has no action and is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Action {
    /// List tools.
    ToolsList,
    /// Call a tool.
    ToolsInvoke,
    /// List resources or resource templates.
    ResourcesList,
    /// Read a resource.
    ResourcesRead,
    /// Subscribe to, or unsubscribe from, a resource.
    ResourcesSubscribe,
    /// List prompts.
    PromptsList,
    /// Render a prompt.
    PromptsGet,
    /// Complete an argument.
    Completion,
    /// Read context of the REST profile.
    ContextRead,
    /// Read memory.
    MemoryRead,
    /// Write memory.
    MemoryWrite,
    /// Delete memory.
    MemoryDelete,
    /// Open a session and keep it: handshake, ping, log level, progress, cancellation.
    SessionOpen,
    /// Open the stream on which a server speaks unasked (GET, `subscriptions/listen`).
    SessionListen,
    /// End a session.
    SessionClose,
    /// Answer a request of the server (sampling, elicitation, roots).
    SessionAnswer,
}

impl Action {
    /// Every action, in order.
    pub const ALL: [Self; 16] = [
        Self::ToolsList,
        Self::ToolsInvoke,
        Self::ResourcesList,
        Self::ResourcesRead,
        Self::ResourcesSubscribe,
        Self::PromptsList,
        Self::PromptsGet,
        Self::Completion,
        Self::ContextRead,
        Self::MemoryRead,
        Self::MemoryWrite,
        Self::MemoryDelete,
        Self::SessionOpen,
        Self::SessionListen,
        Self::SessionClose,
        Self::SessionAnswer,
    ];

    /// The name in configuration, records and metric labels.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ToolsList => "tools.list",
            Self::ToolsInvoke => "tools.invoke",
            Self::ResourcesList => "resources.list",
            Self::ResourcesRead => "resources.read",
            Self::ResourcesSubscribe => "resources.subscribe",
            Self::PromptsList => "prompts.list",
            Self::PromptsGet => "prompts.get",
            Self::Completion => "completion",
            Self::ContextRead => "context.read",
            Self::MemoryRead => "memory.read",
            Self::MemoryWrite => "memory.write",
            Self::MemoryDelete => "memory.delete",
            Self::SessionOpen => "session.open",
            Self::SessionListen => "session.listen",
            Self::SessionClose => "session.close",
            Self::SessionAnswer => "session.answer",
        }
    }

    /// The action of a configured name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|a| a.name() == name)
    }

    /// The scopes an action needs where the configuration names none.
    ///
    /// Lists need none of their own, because they show only what the caller may use anyway; the
    /// session's upkeep needs a valid token alone. All else needs `mcp.` and the action's name.
    #[must_use]
    pub fn default_scope(self) -> Option<&'static str> {
        match self {
            Self::ToolsInvoke => Some("mcp.tools.invoke"),
            Self::ResourcesRead => Some("mcp.resources.read"),
            Self::ResourcesSubscribe => Some("mcp.resources.subscribe"),
            Self::PromptsGet => Some("mcp.prompts.get"),
            Self::Completion => Some("mcp.completion"),
            Self::ContextRead => Some("mcp.context.read"),
            Self::MemoryRead => Some("mcp.memory.read"),
            Self::MemoryWrite => Some("mcp.memory.write"),
            Self::MemoryDelete => Some("mcp.memory.delete"),
            Self::ToolsList
            | Self::ResourcesList
            | Self::PromptsList
            | Self::SessionOpen
            | Self::SessionListen
            | Self::SessionClose
            | Self::SessionAnswer => None,
        }
    }
}

/// On what. Names are compared byte for byte (S-26).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Resource {
    /// The server as a whole.
    Server,
    /// A tool by name.
    Tool(Box<str>),
    /// A resource by canonical URI.
    Uri(Box<str>),
    /// A prompt by name.
    Prompt(Box<str>),
    /// A context or memory namespace.
    Namespace(Box<str>),
}

impl Resource {
    /// The kind in records.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Tool(_) => "tool",
            Self::Uri(_) => "resource",
            Self::Prompt(_) => "prompt",
            Self::Namespace(_) => "namespace",
        }
    }

    /// The name, empty for the server itself.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Server => "",
            Self::Tool(n) | Self::Uri(n) | Self::Prompt(n) | Self::Namespace(n) => n,
        }
    }
}

/// A [`Resource`] that is borrowed, so that filtering a list copies no names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Name<'a> {
    /// The server as a whole.
    Server,
    /// A tool.
    Tool(&'a str),
    /// A resource by canonical URI.
    Uri(&'a str),
    /// A prompt.
    Prompt(&'a str),
    /// A context or memory namespace.
    Namespace(&'a str),
}

impl<'a> From<&'a Resource> for Name<'a> {
    fn from(resource: &'a Resource) -> Self {
        match resource {
            Resource::Server => Self::Server,
            Resource::Tool(name) => Self::Tool(name),
            Resource::Uri(name) => Self::Uri(name),
            Resource::Prompt(name) => Self::Prompt(name),
            Resource::Namespace(name) => Self::Namespace(name),
        }
    }
}

impl<'a> Name<'a> {
    /// What an action that uses single things takes `name` for; `None` for actions that do not.
    #[must_use]
    pub fn of(action: Action, name: &'a str) -> Option<Self> {
        match action {
            Action::ToolsInvoke => Some(Self::Tool(name)),
            Action::ResourcesRead | Action::ResourcesSubscribe => Some(Self::Uri(name)),
            Action::PromptsGet => Some(Self::Prompt(name)),
            Action::ContextRead
            | Action::MemoryRead
            | Action::MemoryWrite
            | Action::MemoryDelete => Some(Self::Namespace(name)),
            // Completion takes a prompt or a resource; the name alone does not tell which.
            Action::Completion
            | Action::ToolsList
            | Action::ResourcesList
            | Action::PromptsList
            | Action::SessionOpen
            | Action::SessionListen
            | Action::SessionClose
            | Action::SessionAnswer => None,
        }
    }
}

/// One judged request.
#[derive(Debug)]
pub struct Call {
    /// What.
    pub action: Action,
    /// On what.
    pub resource: Resource,
    /// What else the one message asks for: further resources of a subscription, the tools behind
    /// the tasks that it names. Each is judged, and one refusal refuses the whole.
    pub also: Vec<(Action, Resource)>,
    /// The protocol's own word for it: a JSON-RPC method, or `GET /mcp/context`.
    pub operation: Box<str>,
    /// Whose data, where the request names somebody (`user_id` of the REST profile).
    pub subject: Option<Box<str>>,
    /// The message, where the request had a body.
    pub message: Option<Document>,
    /// Where the arguments stand.
    pub arguments: Arguments,
}

/// Where the arguments of a call stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arguments {
    /// It has none.
    None,
    /// `/params/arguments` of the message.
    Rpc,
    /// `/result/content` of the message: what a person filled in for the server.
    Answer,
    /// The whole message.
    Body,
    /// Decoded query parameters.
    Query(Vec<(String, String)>),
}

impl Call {
    /// The bytes of the arguments, where they are JSON; shared, not copied.
    #[must_use]
    pub fn argument_bytes(&self) -> Option<Bytes> {
        let span = self.json_arguments()?.span();
        let bytes = self.message.as_ref()?.bytes();
        (span.end <= bytes.len()).then(|| bytes.slice(span))
    }

    /// The arguments as JSON, where they are JSON.
    #[must_use]
    pub fn json_arguments(&self) -> Option<Value<'_>> {
        let root = self.message.as_ref()?.root();
        match self.arguments {
            Arguments::Rpc => root.get("params")?.get("arguments"),
            Arguments::Answer => root.get("result")?.get("content"),
            Arguments::Body => Some(root),
            Arguments::None | Arguments::Query(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Action;

    #[test]
    fn every_action_is_found_by_its_name() {
        for action in Action::ALL {
            assert_eq!(Action::from_name(action.name()), Some(action));
        }
        assert_eq!(Action::from_name("tools.Invoke"), None);
    }
}
