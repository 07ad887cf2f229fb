//! Revocations, and the Redis that replicas share, as they are meant.

use std::path::PathBuf;

use url::Url;

use crate::secret::Secret;

/// The Redis that replicas share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redis {
    /// `redis://` on loopback or `rediss://`, without a name and a password.
    pub url: Url,
    /// Name of an ACL user.
    pub username: Option<String>,
    /// Its password.
    pub password: Option<Secret>,
    /// Certificate authorities, PEM; those of the system without.
    pub ca: Option<Vec<u8>>,
}

/// Where revocations are kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Revocation {
    /// A file of JSON Lines.
    pub file: Option<PathBuf>,
    /// Whether Redis holds them too; then there is one.
    pub redis: bool,
    /// What happens while one of both cannot be read.
    pub on_unreadable: OnUnreadable,
}

/// What happens while revocations cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnUnreadable {
    /// Everybody is refused.
    #[default]
    Deny,
    /// What was read before counts.
    LastKnown,
}
