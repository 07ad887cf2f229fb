//! What an engine may answer.

use std::sync::Arc;

/// The answer to one question. Closed; an engine that fails answers [`Decision::Deny`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// The call may go on.
    Allow {
        /// The rule that allowed it, in the configuration's words; `None` where the action's
        /// scopes alone decide.
        rule: Option<Arc<str>>,
    },
    /// With more scopes it would be allowed.
    NeedScopes {
        /// Every scope that the caller lacks.
        missing: Vec<Box<str>>,
        /// Every scope that the call needs, the granted ones among them.
        all: Vec<Box<str>>,
    },
    /// Nothing that the caller could ask for makes it allowed.
    Deny {
        /// Why, out of a closed set; a metric label.
        reason: Reason,
    },
}

/// Why a call is denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The rule that matches says so.
    RuleDenies,
    /// There are rules for this kind of name and none matches.
    NoRule,
    /// The rule asks for a role that the caller does not have.
    RoleMissing,
    /// There are rules for names, and the call has none.
    Unnamed,
    /// The action does not go with this kind of name.
    Mismatch,
    /// The engine could not decide.
    EngineFailed,
}

impl Reason {
    /// The name in records and metric labels.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::RuleDenies => "rule_denies",
            Self::NoRule => "no_rule",
            Self::RoleMissing => "role_missing",
            Self::Unnamed => "unnamed",
            Self::Mismatch => "mismatch",
            Self::EngineFailed => "engine_failed",
        }
    }
}

impl Decision {
    /// Whether the call may go on.
    #[must_use]
    pub fn is_allow(&self) -> bool {
        match self {
            Self::Allow { .. } => true,
            Self::NeedScopes { .. } | Self::Deny { .. } => false,
        }
    }
}
