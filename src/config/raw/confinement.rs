//! The key by which a gateway confines itself.

use schemars::JsonSchema;
use serde::Deserialize;

/// Whether the process confines itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Confinement {
    /// As far as the kernel can enforce it.
    On,
    /// Not at all.
    Off,
}
