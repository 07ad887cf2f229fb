//! API keys: where they are kept and where they may stand.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{FilePath, SecretRef};

/// The API keys of callers that cannot get tokens.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApiKeys {
    /// The keys, hashed, one JSON object a line; `sallyport keys` writes it, and it is read again
    /// when it changes.
    #[schemars(example = &"api-keys.jsonl")]
    pub file: FilePath,
    /// What the hashes are keyed with: 32 random bytes, in base64 or hex; `sallyport keys pepper`
    /// makes them. Whoever loses them loses every key.
    pub pepper: SecretRef,
    /// Header that may carry a key besides `Authorization: Bearer`; a request with both is
    /// refused. Default: none.
    #[schemars(example = &"x-api-key")]
    pub header: Option<String>,
}
