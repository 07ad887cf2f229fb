//! A question in the words of the policy language: who, what, on what, under which circumstances.
//!
//! Guarantees: who asks is a principal that authentication proved, by issuer and subject together;
//! what nobody knows of a risk counts as the worst.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use cedar_policy::RestrictedExpression;

use super::arguments::Fields;
pub use super::world::{Known, Subject, Thing, Types, World};
use crate::call::{Action, Name};
use crate::json::{Value, write_string};
use crate::principal::{AuthMethod, Principal};

/// One question to the policies.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// Who asks.
    pub principal: &'a Arc<Principal>,
    /// What for.
    pub act: Act,
    /// On which server.
    pub server: &'a str,
    /// On what.
    pub target: Target<'a>,
    /// Under which circumstances.
    pub circumstances: &'a Circumstances,
    /// With what.
    pub arguments: Arguments<'a>,
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Act {
    /// A call.
    Call(Action),
    /// To see values of a class as they are.
    Reveal,
}

impl Act {
    /// The name of the action in policies.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Call(action) => action.name(),
            Self::Reveal => "reveal",
        }
    }

    /// The act of a name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        if name == "reveal" { Some(Self::Reveal) } else { Action::from_name(name).map(Self::Call) }
    }

    /// Its place in tables.
    #[must_use]
    pub fn index(self) -> usize {
        match self {
            Self::Reveal => Action::ALL.len(),
            Self::Call(action) => {
                Action::ALL.iter().position(|one| *one == action).unwrap_or_default()
            }
        }
    }

    /// Every act.
    pub fn all() -> impl Iterator<Item = Self> {
        Action::ALL.into_iter().map(Self::Call).chain([Self::Reveal])
    }
}

/// What is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Target<'a> {
    /// What a call is about.
    Name(Name<'a>),
    /// A class of data, and the tool that answers, where it is one.
    Class {
        /// Name of the class.
        class: &'a str,
        /// The tool.
        tool: Option<&'a str>,
    },
}

/// What the arguments are.
#[derive(Debug, Clone, Copy)]
pub enum Arguments<'a> {
    /// There are none.
    None,
    /// A JSON object.
    Json(Value<'a>),
    /// The query of a REST request.
    Query(&'a [(String, String)]),
    /// These, already translated.
    Given(&'a [(String, RestrictedExpression)]),
}

/// What surrounds a question.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Circumstances {
    /// Seconds since the Unix epoch.
    pub now_s: u64,
    /// The client's own address.
    pub client: Option<IpAddr>,
    /// Version of TLS; `None` on plain HTTP.
    pub tls: Option<Cow<'static, str>>,
    /// When the session of the call was opened, in seconds since the Unix epoch.
    pub session_opened_s: Option<u64>,
    /// The risk level that a header of a trusted peer tells.
    pub header_risk: Option<Arc<str>>,
    /// The risk level that the gateway itself found.
    pub own_risk: Option<u8>,
    /// Whose data is asked for.
    pub subject: Option<Arc<str>>,
}

/// What is known of a tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hints {
    /// `readOnlyHint`
    pub read_only: bool,
    /// `destructiveHint`
    pub destructive: bool,
    /// `idempotentHint`
    pub idempotent: bool,
    /// `openWorldHint`
    pub open_world: bool,
}

impl Default for Hints {
    /// What holds for a tool that says nothing of itself (MCP 2025-06-18 and later, schema,
    /// `ToolAnnotations`).
    fn default() -> Self {
        Self { read_only: false, destructive: true, idempotent: false, open_world: true }
    }
}

/// A tool whose definition is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ToolShape {
    /// Its annotations.
    pub hints: Hints,
    /// Its arguments.
    pub arguments: Fields,
    /// Its output schema as JSON, where it has one.
    pub output: Option<Arc<str>>,
}

/// Which kind of principal somebody is.
#[must_use]
pub fn kind(principal: &Principal) -> &'static str {
    match principal.method {
        AuthMethod::Anonymous => "Anonymous",
        AuthMethod::Certificate | AuthMethod::ApiKey => "Service",
        // A client that acts for itself is its own subject (RFC 9068 section 5).
        AuthMethod::Bearer if principal.client_id.as_ref() == Some(&principal.subject) => "Service",
        AuthMethod::Bearer => "User",
    }
}

/// Who asks and under which circumstances, as one JSON object: what has to be known to ask again.
/// Arguments are not among it. Written without a tree between: each call of a governed server has it
/// in its record.
#[must_use]
pub fn written(principal: &Principal, around: &Circumstances) -> Vec<u8> {
    let mut out = Writer(Vec::with_capacity(256));
    out.number("now", Some(around.now_s));
    out.list("scopes", principal.scopes.iter());
    out.list("roles", principal.roles.iter().map(AsRef::as_ref));
    out.list("groups", principal.groups.iter().map(AsRef::as_ref));
    out.text("proof", Some(principal.confirmation.map_or("none", |proof| proof.name())));
    out.raw("certificate", if principal.certificate.is_some() { b"true" } else { b"false" });
    if !principal.attributes.is_empty() {
        let mut claims = Writer(Vec::new());
        for (name, values) in &principal.attributes {
            claims.list(name, values.iter().map(AsRef::as_ref));
        }
        out.raw("claims", &claims.finish());
    }
    out.text("client", principal.client_id.as_deref());
    out.text("tenant", principal.tenant.as_deref());
    out.text("risk_claim", principal.risk.as_deref());
    out.number("issued_at", principal.issued_at_s);
    out.number("authenticated_at", principal.authenticated_at_s);
    out.text("address", around.client.map(|ip| ip.to_string()).as_deref());
    out.text("tls", around.tls.as_deref());
    out.number("session_opened", around.session_opened_s);
    out.text("risk_header", around.header_risk.as_deref());
    out.number("risk_own", around.own_risk.map(u64::from));
    out.finish()
}

/// The members of one JSON object.
struct Writer(Vec<u8>);

impl Writer {
    fn raw(&mut self, name: &str, value: &[u8]) {
        self.0.push(if self.0.is_empty() { b'{' } else { b',' });
        write_string(&mut self.0, name);
        self.0.push(b':');
        self.0.extend_from_slice(value);
    }

    fn number(&mut self, name: &str, value: Option<u64>) {
        if let Some(value) = value {
            self.raw(name, value.to_string().as_bytes());
        }
    }

    fn text(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.raw(name, b"");
            write_string(&mut self.0, value);
        }
    }

    fn list<'v>(&mut self, name: &str, values: impl Iterator<Item = &'v str>) {
        self.raw(name, b"[");
        for (i, value) in values.enumerate() {
            if i > 0 {
                self.0.push(b',');
            }
            write_string(&mut self.0, value);
        }
        self.0.push(b']');
    }

    fn finish(mut self) -> Vec<u8> {
        self.0.push(b'}');
        self.0
    }
}

/// The highest level that anybody tells, and who.
#[must_use]
pub fn risk(principal: &Principal, around: &Circumstances) -> Option<(u8, &'static str)> {
    let claim = principal.risk.as_deref().map(|word| (level(word), "claim"));
    let header = around.header_risk.as_deref().map(|word| (level(word), "header"));
    let own = around.own_risk.map(|level| (level, "gateway"));
    [claim, header, own].into_iter().flatten().max_by_key(|(level, _)| *level)
}

/// What is none of the known words counts as the worst of them.
fn level(word: &str) -> u8 {
    match word.trim().to_ascii_lowercase().as_str() {
        "none" | "low" | "1" => 1,
        "medium" | "moderate" | "2" => 2,
        "high" | "3" => 3,
        _other => 4,
    }
}
