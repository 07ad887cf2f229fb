//! Revocations, and the Redis that replicas share.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{FilePath, SecretRef, Url};

/// The Redis that replicas share.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Redis {
    /// Its address, `rediss://host:6379` or, on loopback, `redis://host:6379`; a path is the number
    /// of the database. No name and no password: they have keys of their own.
    #[schemars(example = &"rediss://redis.internal:6379")]
    pub url: Url,
    /// Name of an ACL user. Default: the default user.
    pub username: Option<String>,
    /// Its password. Default: none.
    pub password: Option<SecretRef>,
    /// Certificate authorities of its certificate, PEM. Default: those of the system.
    pub ca: Option<FilePath>,
}

/// Who may no longer call, although their credentials still verify.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Revocation {
    /// File of revocations, one JSON object a line; it is watched, and appended to by
    /// `sallyport revoke` and by the admin listener. Made at the start where it does not exist.
    /// Default: none.
    #[schemars(example = &"revoked.jsonl")]
    pub file: Option<FilePath>,
    /// Whether revocations are shared through `redis`. Default: `true` with `redis`.
    pub redis: Option<bool>,
    /// What happens while the file or Redis cannot be read: everybody is refused (`deny`), or what
    /// was read before counts on (`last_known`). What was never read refuses in both cases.
    /// Default: `deny`.
    pub on_unreadable: Option<OnUnreadable>,
}

/// What happens while revocations cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum OnUnreadable {
    /// Everybody is refused.
    Deny,
    /// What was read before counts.
    LastKnown,
}
