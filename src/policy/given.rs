//! A question that stands alone: out of a test case, of flags, or of a record.

mod record;
mod typed;

use std::sync::Arc;

use bytes::Bytes;

use super::Policies;
use super::facts::{Act, Arguments, Circumstances, Question, Target};
use super::verdict::Verdict;
use crate::call::{Action, Name};
use crate::json::Document;
use crate::principal::{CertificateIdentity, CertificateSource, Confirmation, Names, Principal};

pub use record::{Doubt, Exactness, GivenError};
pub use typed::{Mistake, Setting, Who};

/// A question with all that it needs.
#[derive(Debug, Clone)]
pub struct Given {
    /// Who asks.
    pub principal: Arc<Principal>,
    /// What for.
    pub act: Act,
    /// On which server.
    pub server: Box<str>,
    /// On what.
    pub on: On,
    /// Under which circumstances.
    pub around: Circumstances,
    /// With what, JSON.
    pub arguments: Option<Bytes>,
}

/// What a question is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum On {
    /// The server as a whole.
    Server,
    /// A tool.
    Tool(Box<str>),
    /// A resource by URI.
    Uri(Box<str>),
    /// A prompt.
    Prompt(Box<str>),
    /// A namespace.
    Namespace(Box<str>),
    /// A class of data, in the answer of a tool where it is one.
    Class(Box<str>, Option<Box<str>>),
}

impl On {
    /// What a name means beside an act; an empty name is the server.
    #[must_use]
    pub fn of(act: Act, name: &str) -> Self {
        if name.is_empty() {
            return Self::Server;
        }
        let Act::Call(action) = act else { return Self::Class(name.into(), None) };
        match Name::of(action, name) {
            Some(Name::Tool(name)) => Self::Tool(name.into()),
            Some(Name::Uri(name)) => Self::Uri(name.into()),
            Some(Name::Prompt(name)) => Self::Prompt(name.into()),
            Some(Name::Namespace(name)) => Self::Namespace(name.into()),
            Some(Name::Server) => Self::Server,
            // A completion is of a prompt or of a resource, which has a scheme.
            None if action == Action::Completion && name.contains(':') => Self::Uri(name.into()),
            None if action == Action::Completion => Self::Prompt(name.into()),
            None => Self::Server,
        }
    }

    /// The same, borrowed.
    #[must_use]
    pub fn target(&self) -> Target<'_> {
        match self {
            Self::Server => Target::Name(Name::Server),
            Self::Tool(name) => Target::Name(Name::Tool(name)),
            Self::Uri(name) => Target::Name(Name::Uri(name)),
            Self::Prompt(name) => Target::Name(Name::Prompt(name)),
            Self::Namespace(name) => Target::Name(Name::Namespace(name)),
            Self::Class(class, tool) => Target::Class { class, tool: tool.as_deref() },
        }
    }
}

impl Given {
    /// Asks.
    #[must_use]
    pub fn ask(&self, policies: &Policies) -> Arc<Verdict> {
        self.with(|question| policies.decide(question))
    }

    /// A name of the question that stands for nothing, so that it could only be answered by
    /// accident: its member and what is wrong.
    #[must_use]
    pub fn unknown(&self, policies: &Policies) -> Option<(&'static str, String)> {
        let known = policies.known();
        let has = |all: &[Arc<str>], name: &str| all.iter().any(|one| **one == *name);
        if !has(&known.servers, &self.server) {
            return Some(("server", format!("there is no server `{}`", self.server)));
        }
        if let (Act::Reveal, On::Class(class, _)) = (self.act, &self.on)
            && !has(&known.classes, class)
        {
            return Some(("on", format!("there is no class `{class}`")));
        }
        let mut claims = self.principal.attributes.iter().map(|(name, _)| name);
        let unmapped = claims.find(|name| !has(&known.claims, name));
        unmapped.map(|name| ("claims", format!("no issuer maps a claim as `{name}`")))
    }

    /// Makes the question for whoever asks it. Arguments that are not strict JSON are none.
    pub fn with<R>(&self, ask: impl FnOnce(&Question<'_>) -> R) -> R {
        let document = self.arguments.clone();
        let document = document.and_then(|bytes| Document::parse(bytes, &LIMITS).ok());
        let arguments = match &document {
            Some(document) => Arguments::Json(document.root()),
            None => Arguments::None,
        };
        ask(&Question {
            principal: &self.principal,
            act: self.act,
            server: &self.server,
            target: self.on.target(),
            circumstances: &self.around,
            arguments,
        })
    }
}

/// The proof of a name; the inner `None` for `none`. Policies do not see which key it was.
fn confirmation(name: &str) -> Option<Option<Confirmation>> {
    let key = Some([0; 32]);
    match name {
        "none" => Some(None),
        "dpop" => Some(Some(Confirmation { dpop_key: key, certificate: None })),
        "certificate" => Some(Some(Confirmation { dpop_key: None, certificate: key })),
        "dpop+certificate" => Some(Some(Confirmation { dpop_key: key, certificate: key })),
        _other => None,
    }
}

/// Policies ask only whether there was a certificate.
fn unnamed_certificate() -> Arc<CertificateIdentity> {
    let source = CertificateSource::Tls;
    Arc::new(CertificateIdentity::new(Names::default(), String::new(), source))
}

/// As for requests.
const LIMITS: crate::json::Limits = crate::json::Limits {
    depth_max: crate::limits::JSON_DEPTH_MAX,
    nodes_max: crate::limits::JSON_NODES_MAX,
    number_bytes_max: crate::limits::JSON_NUMBER_BYTES_MAX,
    keys: crate::json::KeyRule::Exact,
};
