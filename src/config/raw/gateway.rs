//! The keys by which a gateway names itself.

use schemars::JsonSchema;
use serde::Deserialize;

/// Which gateway writes a record, where several keep a trail each. Letters, digits, `.`, `-`, `_`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GatewayName {
    /// Its name, unique among those whose records are read together.
    #[schemars(example = &"${POD_NAME}")]
    pub id: String,
    /// The pod that it runs in. Default: none.
    pub pod: Option<String>,
    /// The namespace of the pod. Default: none.
    pub namespace: Option<String>,
    /// The node that the pod runs on. Default: none.
    pub node: Option<String>,
}
