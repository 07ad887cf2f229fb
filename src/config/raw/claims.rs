//! The values that claims are compared with.

use schemars::JsonSchema;
use serde::Deserialize;

/// What a required claim must hold.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub enum RequiredClaim {
    /// This value, or, as the word `present`, any value but `null`.
    One(ClaimValue),
    /// One of these values.
    OneOf(Vec<ClaimValue>),
}

/// A value of a claim.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub enum ClaimValue {
    /// A truth value.
    Truth(bool),
    /// A whole number.
    Number(i64),
    /// A string.
    Text(String),
}
