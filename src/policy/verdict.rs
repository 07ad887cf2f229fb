//! What policies say to a question.

use std::sync::Arc;

use super::text::Denial;
use crate::class::ClassSet;

/// What policies said of a call, for its record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// The set that decided.
    pub set: Arc<str>,
    /// What it said.
    pub verdict: Arc<Verdict>,
    /// What the candidates said.
    pub shadow: Option<Tried>,
    /// Who asked and under which circumstances, as JSON: see [`super::facts::written`].
    pub input: Vec<u8>,
}

/// What candidates said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    /// The set.
    pub set: Arc<str>,
    /// What it said.
    pub verdict: Arc<Verdict>,
    /// The classes that it would have shown.
    pub reveal: ClassSet,
}

/// The answer of a set of policies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// What it is.
    pub ruling: Ruling,
    /// The policies that made it, by id and in order; empty where none fits.
    pub policies: Vec<Arc<str>>,
    /// What a policy wants told, whatever the ruling.
    pub alerts: Vec<Arc<str>>,
    /// Words that records carry.
    pub audit: Vec<Arc<str>>,
}

/// Yes, no, or not yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ruling {
    /// The call may go on, with these obligations.
    Permit {
        /// A class of `limits.classes`.
        rate: Option<Arc<str>>,
        /// A profile of `redact.profiles`.
        redact: Option<Arc<str>>,
    },
    /// With these scopes it may.
    StepUp {
        /// Every scope that the policy needs.
        scopes: Vec<Box<str>>,
    },
    /// After a new sign-in it may.
    Stale {
        /// Most seconds since the user signed in.
        max_age_s: u64,
    },
    /// It may not.
    Forbid {
        /// Why, out of a closed set.
        why: Why,
        /// How that looks to the caller; `None` where no policy says.
        denial: Option<Denial>,
        /// What an honest denial says.
        reason: Option<Arc<str>>,
    },
}

/// Why a call is denied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// No policy permits it.
    NoPermit,
    /// A policy forbids it.
    Forbidden,
    /// A policy could not be evaluated; with what the evaluator says of it.
    Failed(Arc<str>),
    /// The question cannot be written in the language of policies; with what cannot.
    Undecidable(Arc<str>),
}

impl Why {
    /// The name in records and labels.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::NoPermit => "no_policy",
            Self::Forbidden => "policy_forbids",
            Self::Failed(_) => "policy_failed",
            Self::Undecidable(_) => "policy_undecidable",
        }
    }
}

impl Verdict {
    /// A denial for which no policy stands.
    #[must_use]
    pub fn denied(why: Why) -> Self {
        let ruling = Ruling::Forbid { why, denial: None, reason: None };
        Self { ruling, policies: Vec::new(), alerts: Vec::new(), audit: Vec::new() }
    }

    /// Why it is a denial, in one word.
    #[must_use]
    pub fn why(&self) -> Option<&'static str> {
        match &self.ruling {
            Ruling::Forbid { why, .. } => Some(why.name()),
            Ruling::Permit { .. } | Ruling::StepUp { .. } | Ruling::Stale { .. } => None,
        }
    }

    /// What goes with the ruling, as `name=value`.
    #[must_use]
    pub fn obligations(&self) -> Vec<String> {
        match &self.ruling {
            Ruling::Permit { rate, redact } => {
                let rate = rate.iter().map(|name| format!("rate={name}"));
                rate.chain(redact.iter().map(|name| format!("redact={name}"))).collect()
            }
            Ruling::StepUp { scopes } => vec![format!("step_up={}", scopes.join(" "))],
            Ruling::Stale { max_age_s } => vec![format!("fresh={max_age_s}s")],
            Ruling::Forbid { .. } => Vec::new(),
        }
    }

    /// Whether the call may go on now.
    #[must_use]
    pub fn permits(&self) -> bool {
        match self.ruling {
            Ruling::Permit { .. } => true,
            Ruling::StepUp { .. } | Ruling::Stale { .. } | Ruling::Forbid { .. } => false,
        }
    }

    /// The name in records and labels.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match &self.ruling {
            Ruling::Permit { .. } => "permit",
            Ruling::StepUp { .. } => "step_up",
            Ruling::Stale { .. } => "stale",
            Ruling::Forbid { .. } => "deny",
        }
    }
}
