//! What a protected server says about itself: the RFC 9728 document and its challenges.
//!
//! Pure. Guarantees that every address in them comes from the configured public URL and never
//! from a request: behind proxies, guessing is the most common defect of gateways, and a caller
//! who chooses the Host header must not choose where clients send their users.

use bytes::Bytes;
use serde_json::json;

use crate::call::Action;
use crate::config::{Profile, RequiredProof, Server};
use crate::hygiene::metadata_url;
use crate::reject::{Challenge, Schemes};

/// The document (RFC 9728 section 2), or `None` for a server that takes no tokens: clients that
/// find one begin to look for an authorization server.
#[must_use]
pub fn document(server: &Server) -> Option<Bytes> {
    let issuers = server.auth.issuers()?;
    let mut document = json!({
        "resource": &*server.resource,
        "authorization_servers": issuers.iter().map(|i| named(server, &i.issuer)).collect::<Vec<_>>(),
        "bearer_methods_supported": ["header"],
        "resource_name": &*server.name,
    });
    let scopes = basic_scopes(server);
    if let Some(members) = document.as_object_mut() {
        if !scopes.is_empty() {
            members.insert("scopes_supported".to_owned(), scopes.into());
        }
        for (name, value) in proofs(server) {
            members.insert(name.to_owned(), value);
        }
    }
    Some(document.to_string().into())
}

/// What the document says of proofs of possession (RFC 9728 section 2).
fn proofs(server: &Server) -> Vec<(&'static str, serde_json::Value)> {
    let mut members = Vec::new();
    if server.proof.certificates {
        members.push(("tls_client_certificate_bound_access_tokens", true.into()));
    }
    match server.proof.required {
        RequiredProof::Certificate => {}
        RequiredProof::None | RequiredProof::Any | RequiredProof::Dpop => {
            let algorithms = server.proof.dpop.algorithms.as_slice();
            members.push(("dpop_signing_alg_values_supported", algorithms.into()));
        }
    }
    if server.proof.required == RequiredProof::Dpop {
        members.push(("dpop_bound_access_tokens_required", true.into()));
    }
    members
}

/// How a token may be sent to `server` (RFC 9449 section 7.2): with a proof, without, or as the
/// token has it.
#[must_use]
pub fn schemes(server: &Server) -> Schemes {
    let algorithms = || server.proof.dpop.algorithms.join(" ").into();
    match server.proof.required {
        RequiredProof::None | RequiredProof::Any => Schemes::Both(algorithms()),
        RequiredProof::Dpop => Schemes::Dpop(algorithms()),
        RequiredProof::Certificate => Schemes::Bearer,
    }
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
        schemes: schemes(server),
        error,
        scope: (!scopes.is_empty()).then(|| scopes.join(" ")),
        resource_metadata: server.auth.issuers().map(|_| metadata_url(server)),
        ..Challenge::default()
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
