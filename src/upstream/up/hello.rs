//! The handshake that a modern server does not have: `server/discover` read, `initialize` written.
//!
//! Pure. Guarantees that a legacy client is promised only what crosses the bridge: tools,
//! resources, prompts, completions, logging. Extensions and tasks do not.

use std::time::Duration;

use bytes::Bytes;

use super::ticket::Ticket;
use crate::json::{Document, Kind, Value, write_string};
use crate::limits::DISCOVERY_MS_MAX;

/// What a modern server says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Discovery {
    /// `ServerCapabilities` in the legacy form.
    capabilities: Bytes,
    /// `Implementation`, as the server wrote it.
    server_info: Option<Bytes>,
    /// For the model, as the server wrote it.
    instructions: Option<Bytes>,
    /// What a `subscriptions/listen` can ask for.
    pub(super) offers: Offers,
    /// How long, and whether for everybody, this may be kept.
    pub(super) keep: Keep,
}

/// What a server can tell unasked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Offers {
    /// `notifications/tools/list_changed`
    pub(super) tools: bool,
    /// `notifications/prompts/list_changed`
    pub(super) prompts: bool,
    /// `notifications/resources/list_changed`
    pub(super) resources: bool,
    /// `notifications/resources/updated`
    pub(super) updates: bool,
}

/// How long an answer may be used for whom (MCP 2026-07-28, "Caching").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    /// For this caller, once.
    No,
    /// For everybody, this long.
    Shared(Duration),
}

impl Discovery {
    /// Reads the result of `server/discover`; `None` when it is none.
    pub(super) fn read(document: &Document) -> Option<Self> {
        let result = document.root().get("result").filter(|it| is_discovery(*it))?;
        let raw = |value: Value<'_>| document.bytes().slice(value.span());
        let capabilities = result.get("capabilities")?;
        let flag =
            |pointer| capabilities.pointer(pointer).and_then(|it| it.as_bool()) == Some(true);
        let info = result.pointer("/_meta/io.modelcontextprotocol~1serverInfo");
        let info = info.or_else(|| result.get("serverInfo")).filter(|it| {
            it.get("name").is_some_and(|name| name.kind() == Kind::String)
                && it.get("version").is_some_and(|version| version.kind() == Kind::String)
        });
        let instructions = result.get("instructions").filter(|it| it.kind() == Kind::String);
        let public = result.get("cacheScope").is_some_and(|scope| scope.is_str("public"));
        let ttl_ms = result.get("ttlMs").and_then(|ttl| ttl.as_i64()).unwrap_or_default();
        let ttl_ms = u64::try_from(ttl_ms).unwrap_or_default().min(DISCOVERY_MS_MAX);
        Some(Self {
            capabilities: legacy_capabilities(capabilities),
            server_info: info.map(raw),
            instructions: instructions.map(raw),
            offers: Offers {
                tools: flag("/tools/listChanged"),
                prompts: flag("/prompts/listChanged"),
                resources: flag("/resources/listChanged"),
                updates: flag("/resources/subscribe"),
            },
            keep: if public && ttl_ms > 0 {
                Keep::Shared(Duration::from_millis(ttl_ms))
            } else {
                Keep::No
            },
        })
    }

    /// The answer to `initialize`. A server that does not name itself goes by its route's name.
    pub(super) fn initialized(&self, id: &[u8], ticket: &Ticket, route: &str) -> Bytes {
        let mut out = Vec::with_capacity(256 + self.capabilities.len());
        out.extend_from_slice(b"{\"jsonrpc\":\"2.0\",\"id\":");
        out.extend_from_slice(id);
        out.extend_from_slice(b",\"result\":{\"protocolVersion\":");
        write_string(&mut out, ticket.revision.date());
        out.extend_from_slice(b",\"capabilities\":");
        out.extend_from_slice(&self.capabilities);
        out.extend_from_slice(b",\"serverInfo\":");
        match &self.server_info {
            Some(info) => out.extend_from_slice(info),
            None => {
                out.extend_from_slice(b"{\"name\":");
                write_string(&mut out, route);
                out.extend_from_slice(b",\"version\":\"\"}");
            }
        }
        if let Some(instructions) = &self.instructions {
            out.extend_from_slice(b",\"instructions\":");
            out.extend_from_slice(instructions);
        }
        out.extend_from_slice(b"}}");
        out.into()
    }
}

/// Whether a result is one of `server/discover` (MCP 2026-07-28, "Discovery").
pub(in crate::upstream) fn is_discovery(result: Value<'_>) -> bool {
    let versions = result.get("supportedVersions").is_some_and(|it| it.kind() == Kind::Array);
    versions && result.get("capabilities").is_some_and(|it| it.kind() == Kind::Object)
}

/// The capabilities that mean the same in both eras, as they were written.
fn legacy_capabilities(capabilities: Value<'_>) -> Bytes {
    let mut out = b"{".to_vec();
    for (key, value) in capabilities.members() {
        let known = BRIDGED.iter().any(|name| key.is_str(name));
        if known && value.kind() == Kind::Object {
            if out.len() > 1 {
                out.push(b',');
            }
            out.extend_from_slice(key.raw());
            out.push(b':');
            out.extend_from_slice(value.raw());
        }
    }
    out.push(b'}');
    out.into()
}

const BRIDGED: [&str; 5] = ["tools", "resources", "prompts", "completions", "logging"];
