//! The keys that say which tool definitions may be used.

use schemars::JsonSchema;
use serde::Deserialize;

use super::FilePath;

/// Which definitions of tools were approved.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ToolPins {
    /// The approved definitions, JSON, written by `sallyport pins approve`. What waits for approval
    /// is written beside it, with `.seen` at the end of its name.
    #[schemars(example = &"pins.json")]
    pub file: FilePath,
    /// What becomes of a tool whose name is not in the file: `quarantine`, or `allow` until its
    /// definition changes. Default: `quarantine`.
    pub new: Option<NewTools>,
}

/// What becomes of a tool that nobody approved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum NewTools {
    /// It is not listed and not called.
    Quarantine,
    /// It is used.
    Allow,
}
