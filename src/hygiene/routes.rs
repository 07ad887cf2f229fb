//! Which server stands behind which host name and path.
//!
//! Owns the table. Paths are compared byte for byte as they came (S-45): nothing is decoded,
//! collapsed or lower-cased, so there is no second spelling of an endpoint. Paths of REST routes
//! have variables; their segments must be plain, so that decoding them later has one outcome.

use std::collections::HashMap;
use std::sync::Arc;

use http::Uri;
use url::Url;

use super::{Document, Target};
use crate::config::{CredentialSource, OauthEndpoint, Profile, RestRoute, Server};

/// All host names.
#[derive(Debug)]
pub struct Sites(HashMap<Box<str>, Site>);

/// What is served under one host name.
#[derive(Debug, Default)]
pub struct Site {
    exact: HashMap<Box<str>, (usize, Place)>,
    rest: Vec<usize>,
    /// Where clients look for documents that nobody here has to serve.
    looked_for: HashMap<Box<str>, (usize, Place)>,
}

/// What stands at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// An MCP endpoint.
    Mcp,
    /// The address of HTTP+SSE clients.
    Sse,
    /// A path that a REST route has.
    Rest,
    /// A public document.
    Metadata(Document),
    /// An endpoint of the authorization-server facade.
    Oauth(OauthEndpoint),
}

impl Place {
    /// What a request for this place is aimed at, unless it is a preflight.
    pub fn target(self) -> Target {
        match self {
            Self::Mcp => Target::Mcp,
            Self::Sse => Target::Sse,
            Self::Rest => Target::Rest,
            Self::Metadata(document) => Target::Metadata(document),
            Self::Oauth(endpoint) => Target::Oauth(endpoint),
        }
    }
}

impl Sites {
    /// Lists every host name of every server. Where two servers claim one path, the first has it.
    pub fn new(servers: &[Arc<Server>]) -> Self {
        let mut sites: HashMap<Box<str>, Site> = HashMap::new();
        for (index, server) in servers.iter().enumerate() {
            for name in server.hosts.iter().flat_map(|host| spellings(host, &server.public_url)) {
                sites.entry(name.into()).or_default().add(index, server);
            }
        }
        Self(sites)
    }

    /// The site of a host name in lower case.
    pub fn of(&self, name: &str) -> Option<&Site> {
        self.0.get(name)
    }
}

impl Site {
    fn add(&mut self, index: usize, server: &Server) {
        let document = Place::Metadata(Document::ProtectedResource);
        match &server.profile {
            Profile::Mcp => {
                self.exact.entry(server.path.as_str().into()).or_insert((index, Place::Mcp));
                if let Some(path) = &server.http_sse {
                    self.exact.entry(path.as_str().into()).or_insert((index, Place::Sse));
                }
            }
            Profile::Rest(_) if !self.rest.contains(&index) => self.rest.push(index),
            Profile::Rest(_) => {}
        }
        // The path form belongs to one server; the root form to the first of this host (RFC 9728
        // section 3.1; MCP clients ask for both).
        let inserted = metadata_path(&server.public_url);
        self.exact.entry(inserted.into()).or_insert((index, document));
        self.exact.entry(WELL_KNOWN.into()).or_insert((index, document));
        let credential = server.upstream.credential.as_ref();
        if credential.is_some_and(|it| matches!(it.source, CredentialSource::Assertion(_))) {
            let path = format!("{KEYS}{}", server.public_url.path().trim_end_matches('/'));
            self.exact.entry(path.into()).or_insert((index, Place::Metadata(Document::Keys)));
        }
        for endpoint in OauthEndpoint::ALL {
            if let Some(path) = endpoint.path_on(server) {
                self.exact.entry(path.into()).or_insert((index, Place::Oauth(endpoint)));
            }
        }
        let document = Place::Metadata(Document::AuthorizationServer);
        if server.facade.is_some() {
            for path in facade_paths(&server.public_url) {
                self.exact.entry(path.into()).or_insert((index, document));
            }
        }
        for path in authorization_server_paths(&server.public_url) {
            self.looked_for.entry(path.into()).or_insert((index, document));
        }
    }

    /// The server and the place at the request's path. A query belongs only to REST routes, to
    /// the address of HTTP+SSE clients, and to what browsers are sent to.
    pub fn find(&self, uri: &Uri, servers: &[Arc<Server>]) -> Option<(usize, Place)> {
        if let Some(found) = self.exact.get(uri.path()) {
            let (_, place) = found;
            return Some(*found).filter(|_| uri.query().is_none() || has_query(*place));
        }
        let claimed = self.find_rest(uri, servers);
        claimed.or_else(|| self.looked_for.get(uri.path()).copied())
    }

    fn find_rest(&self, uri: &Uri, servers: &[Arc<Server>]) -> Option<(usize, Place)> {
        if self.rest.is_empty() || !is_plain(uri.path()) {
            return None;
        }
        let claims = |index: &usize| {
            servers.get(*index).is_some_and(|server| match &server.profile {
                Profile::Rest(routes) => routes.iter().any(|route| fits(route, uri.path())),
                Profile::Mcp => false,
            })
        };
        self.rest.iter().copied().find(claims).map(|index| (index, Place::Rest))
    }
}

/// Absolute URL of a server's protected resource metadata: what a challenge names (RFC 9728
/// section 5.1). Built from the configured public URL alone, never from the request.
#[must_use]
pub fn metadata_url(server: &Server) -> String {
    let origin = server.public_url.origin().ascii_serialization();
    format!("{origin}{}", metadata_path(&server.public_url))
}

/// The well-known name is inserted before the resource's path (RFC 9728 section 3.1).
fn metadata_path(public_url: &Url) -> String {
    match public_url.path() {
        "" | "/" => WELL_KNOWN.to_owned(),
        path => format!("{WELL_KNOWN}{path}"),
    }
}

fn has_query(place: Place) -> bool {
    match place {
        Place::Sse | Place::Oauth(OauthEndpoint::Authorize | OauthEndpoint::Callback) => true,
        Place::Mcp
        | Place::Rest
        | Place::Metadata(_)
        | Place::Oauth(OauthEndpoint::Token | OauthEndpoint::Register) => false,
    }
}

/// Where the document of an authorization server stands whose issuer identifier is `public_url`:
/// the name before the path (RFC 8414 section 3.1), `OpenID`'s also behind it. A document at the
/// root would be that of another issuer.
#[must_use]
pub fn facade_paths(public_url: &Url) -> Vec<String> {
    let path = public_url.path().trim_end_matches('/');
    let mut all = AUTHORIZATION_SERVER.map(|name| format!("{name}{path}")).to_vec();
    let [_, openid] = AUTHORIZATION_SERVER;
    all.push(format!("{path}{openid}"));
    all
}

/// Where MCP clients look for the metadata of an authorization server that is at the resource's
/// own address (MCP 2025-11-25, authorization, "Authorization Server Metadata Discovery"; clients
/// of 2025-03-26 ask the root of the host): each name inserted before the path, `OpenID` also
/// behind it.
fn authorization_server_paths(public_url: &Url) -> Vec<String> {
    let mut paths: Vec<String> = AUTHORIZATION_SERVER.map(String::from).to_vec();
    paths.extend(facade_paths(public_url));
    paths
}

/// The scheme's own port may be written or left out (RFC 9110 section 4.2.3); nothing else varies.
fn spellings(host: &str, public_url: &Url) -> Vec<String> {
    let own_port = match public_url.scheme() {
        "https" => ":443",
        "http" => ":80",
        _ => return vec![host.to_owned()],
    };
    if let Some(bare) = host.strip_suffix(own_port) {
        return vec![host.to_owned(), bare.to_owned()];
    }
    // A colon after the closing bracket of an IPv6 address, or in a name, begins a port.
    let after_address = host.rsplit_once(']').map_or(host, |(_, rest)| rest);
    if after_address.contains(':') {
        return vec![host.to_owned()];
    }
    vec![host.to_owned(), format!("{host}{own_port}")]
}

/// Whether the path has the template's segments, variables standing for any one of them.
fn fits(route: &RestRoute, path: &str) -> bool {
    let mut segments = path.split('/');
    let all = route.template.split('/').all(|wanted| {
        segments.next().is_some_and(|found| {
            let variable = wanted.starts_with('{') && wanted.ends_with('}');
            (variable && !found.is_empty()) || wanted == found
        })
    });
    all && segments.next().is_none()
}

/// Whether every segment of a path means the same to every reader (S-45): not empty, no dot
/// segment, no path parameter, and no escape for a separator, a dot, a percent sign or a control
/// character, in any case of the hex digits.
fn is_plain(path: &str) -> bool {
    let Some(relative) = path.strip_prefix('/') else { return false };
    relative.split('/').all(|segment| {
        !matches!(segment, "" | "." | "..")
            && !segment.contains([';', '\\'])
            && segment.is_ascii()
            && escapes_are_plain(segment)
    })
}

fn escapes_are_plain(segment: &str) -> bool {
    let mut decoded = Vec::with_capacity(segment.len());
    let mut bytes = segment.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let digit = |b: Option<u8>| char::from(b?).to_digit(16).and_then(|d| u8::try_from(d).ok());
        let (Some(high), Some(low)) = (digit(bytes.next()), digit(bytes.next())) else {
            return false;
        };
        let value = high * 16 + low;
        if value.is_ascii_control() || matches!(value, b'/' | b'\\' | b'.' | b'%' | b';') {
            return false;
        }
        decoded.push(value);
    }
    std::str::from_utf8(&decoded).is_ok_and(|text| !text.chars().any(char::is_control))
}

const AUTHORIZATION_SERVER: [&str; 2] =
    ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"];
const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// Where the gateway's own keys stand, before the path of the server that they are for.
const KEYS: &str = "/.well-known/jwks";
