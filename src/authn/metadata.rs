//! What a protected server says about itself: the RFC 9728 document and its challenges.
//!
//! Pure. Guarantees that every address in them comes from the configured public URL and never
//! from a request: behind proxies, guessing is the most common defect of gateways, and a caller
//! who chooses the Host header must not choose where clients send their users.

use bytes::Bytes;
use serde_json::json;

use crate::call::Action;
use crate::config::{Auth, Profile, Server};
use crate::hygiene::metadata_url;
use crate::reject::Challenge;

/// The document (RFC 9728 section 2), or `None` for a server that takes no tokens: clients that
/// find one begin to look for an authorization server.
#[must_use]
pub fn document(server: &Server) -> Option<Bytes> {
    let issuers = match &server.auth {
        Auth::Tokens(issuers) => issuers,
        Auth::None | Auth::Certificate => return None,
    };
    let mut document = json!({
        "resource": &*server.resource,
        "authorization_servers": issuers.iter().map(|i| named(server, &i.issuer)).collect::<Vec<_>>(),
        "bearer_methods_supported": ["header"],
        "resource_name": &*server.name,
    });
    let scopes = basic_scopes(server);
    if let (Some(members), false) = (document.as_object_mut(), scopes.is_empty()) {
        members.insert("scopes_supported".to_owned(), scopes.into());
    }
    Some(document.to_string().into())
}

/// The issuer, or the facade that stands before it, whose identifier is the server's own URL.
fn named<'a>(server: &'a Server, issuer: &'a str) -> &'a str {
    match &server.facade {
        Some(facade) if *facade.issuer == *issuer => &server.resource,
        Some(_) | None => issuer,
    }
}

/// The challenge of a 401 or 403 on `server`: `error` is absent when no token was sent
/// (RFC 6750 section 3.1), `scopes` are all that the operation needs.
#[must_use]
pub fn challenge_for(server: &Server, error: Option<&'static str>, scopes: &[&str]) -> Challenge {
    Challenge {
        error,
        scope: (!scopes.is_empty()).then(|| scopes.join(" ")),
        resource_metadata: metadata_url(server),
    }
}

/// Scopes for basic use, sorted: what a client asks for before it knows more. Further ones are
/// asked for by the challenge of the call that needs them (MCP, "Scope Minimization").
///
/// MCP: those of connecting and of calling tools, and those of each other action of which the
/// configuration speaks; a scope that the authorization server does not know would make it refuse
/// the client altogether. REST: those of the actions of its routes.
#[must_use]
pub fn basic_scopes(server: &Server) -> Vec<&str> {
    let mut scopes: Vec<&str> = Action::ALL
        .into_iter()
        .filter(|action| is_basic(server, *action))
        .flat_map(|action| scopes_of(server, action))
        .collect();
    scopes.sort_unstable();
    scopes.dedup();
    scopes
}

fn scopes_of(server: &Server, action: Action) -> Vec<&str> {
    let mut own = server.access.scopes.iter().filter(|(a, _)| *a == action).peekable();
    if own.peek().is_some() {
        return own.flat_map(|(_, scopes)| scopes.iter().map(AsRef::as_ref)).collect();
    }
    action.default_scope().into_iter().collect()
}

fn is_basic(server: &Server, action: Action) -> bool {
    let access = &server.access;
    let named = access.scopes.iter().any(|(a, _)| *a == action);
    match &server.profile {
        Profile::Rest(routes) => routes.iter().any(|route| route.action == action),
        Profile::Mcp => match action {
            Action::ToolsList | Action::ToolsInvoke | Action::SessionOpen => true,
            Action::ResourcesList | Action::ResourcesRead => named || !access.resources.is_empty(),
            Action::PromptsList | Action::PromptsGet => named || !access.prompts.is_empty(),
            Action::ResourcesSubscribe
            | Action::Completion
            | Action::SessionListen
            | Action::SessionClose
            | Action::SessionAnswer => named,
            // An MCP endpoint has no such calls.
            Action::ContextRead
            | Action::MemoryRead
            | Action::MemoryWrite
            | Action::MemoryDelete => false,
        },
    }
}
