//! The keys that say where policies stand and what they know.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{FilePath, Network, Pairs};

/// Policies in Cedar. With this section every server is governed: what no policy permits is
/// denied, besides what scopes and rules ask for.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Files of policies. Each is named, so that one that disappears is noticed. Default: none,
    /// only `roles` permit.
    #[schemars(example = ["policies/support-bot.cedar"])]
    pub files: Option<Vec<FilePath>>,
    /// What stands in what: roles in roles, roles of groups, sets of tools and classes; YAML.
    /// Default: none.
    pub entities: Option<FilePath>,
    /// Whose clocks `context.time` shows, by the name in the IANA database. Default: `UTC`.
    #[schemars(example = &"Europe/Berlin")]
    pub time_zone: Option<String>,
    /// Names for networks, for `context.client.networks`. Default: none.
    pub networks: Option<Pairs<Vec<Network>>>,
    /// How denials look where the policy does not say: `honest`, or `hidden` for an answer that
    /// cannot be told from that to a name that does not exist. Default: `honest`.
    pub denial: Option<DenialName>,
    /// Header field in which a trusted proxy tells the risk of a request: `low`, `medium`, `high`
    /// or `critical`. Default: none.
    #[schemars(example = &"x-risk-level")]
    pub risk_header: Option<String>,
    /// Candidates that are asked beside the live policies and never decide. Default: none.
    pub shadow: Option<Shadow>,
}

/// How denials look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum DenialName {
    /// They say so.
    Honest,
    /// As if there were no such name.
    Hidden,
}

/// Policies that are tried.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Shadow {
    /// Files of policies, in place of those of the live set.
    pub files: Vec<FilePath>,
    /// What stands in what. Default: that of the live set.
    pub entities: Option<FilePath>,
    /// Whether the `roles` of servers count besides. Default: `true`.
    pub roles: Option<bool>,
}

/// What a role may do on a server: names and globs with `*`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Role {
    /// Tools that it may call. Default: none.
    #[schemars(example = ["crm.*"])]
    pub tools: Option<Vec<String>>,
    /// Resources that it may read and subscribe to, by URI. Default: none.
    pub resources: Option<Vec<String>>,
    /// Prompts that it may render. Default: none.
    pub prompts: Option<Vec<String>>,
    /// Context and memory namespaces that it may read. Default: none.
    #[schemars(example = ["session.*"])]
    pub namespaces: Option<Vec<String>>,
    /// Namespaces that it may write and delete. Default: none.
    pub writes: Option<Vec<String>>,
    /// Classes of data that it sees as they are. Default: none.
    #[schemars(example = ["email"])]
    pub reveal: Option<Vec<String>>,
}
