//! Rates that replicas share, as they are meant.

use super::Rate;

/// That replicas share rates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SharedLimits {
    /// The most replicas that run at once; `None` where they are only counted.
    pub replicas: Option<u32>,
}

/// A rate of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// How often.
    pub rate: Rate,
    /// What it does while the Redis of shared rates is away; means nothing where none are shared.
    pub on_store_loss: OnStoreLoss,
}

impl From<Rate> for Allowance {
    fn from(rate: Rate) -> Self {
        Self { rate, on_store_loss: OnStoreLoss::default() }
    }
}

/// What a shared rate does while Redis is away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnStoreLoss {
    /// Each replica admits its part.
    #[default]
    LocalShare,
    /// Nobody is admitted.
    Deny,
    /// Each replica admits the whole.
    Local,
}
