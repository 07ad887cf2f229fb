//! Rates that replicas share.

use schemars::JsonSchema;
use serde::Deserialize;

/// Whether replicas share the rates of `servers`, through `redis`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub enum SharedLimits {
    /// `true` or `false`.
    Switch(bool),
    /// Shared, with settings.
    Keys(SharedLimitsKeys),
}

/// How replicas share rates.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SharedLimitsKeys {
    /// The most replicas that run at once. While Redis is away each admits at most its part of a
    /// rate, and so does one that never reached it. Default: as many as were counted last; one that
    /// never reached Redis then admits nobody.
    #[schemars(example = 3)]
    pub replicas: Option<u32>,
    /// What a rate does while Redis is away, where it does not say so itself.
    /// Default: `local_share`.
    pub on_store_loss: Option<OnStoreLoss>,
}

/// What a shared rate does while Redis is away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum OnStoreLoss {
    /// Each replica admits its part.
    LocalShare,
    /// Nobody is admitted.
    Deny,
    /// Each replica admits the whole.
    Local,
}
