//! The keys that say what of an answer its caller sees.

use schemars::JsonSchema;
use serde::Deserialize;

/// What callers see of the answers to some calls. The first view that fits a call and its caller
/// counts; a caller whom none of a call's views fits may not make it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct View {
    /// Tools whose answers are meant, by name or glob; one of `tool` and `action` is needed.
    /// Default: none.
    #[schemars(example = &"crm.get_*")]
    pub tool: Option<String>,
    /// The action of a REST server whose answers are meant. Default: none.
    #[schemars(example = &"context.read")]
    pub action: Option<String>,
    /// Roles of callers that are meant. Default: every caller.
    pub roles: Option<Vec<String>>,
    /// Fields that pass, as JSON pointers in which `*` is any item or member, `**` all below, and
    /// braces hold alternatives; what none names is dropped. Default: every field.
    #[schemars(example = ["/customer/{id,name}"])]
    pub allow: Option<Vec<String>>,
    /// Items that stay of each array. Default: all of them.
    pub items_max: Option<u32>,
    /// That the answer holds namespaces, and which are asked for. Default: it holds none.
    pub namespaces: Option<ViewNamespaces>,
    /// Where in the answer the data stands, as JSON pointers; for tools within
    /// `structuredContent` and JSON texts. Default: the whole answer.
    #[schemars(example = ["/context"])]
    pub at: Option<Vec<String>>,
    /// Fields that pass beside these places. Default: none.
    #[schemars(example = ["/version"])]
    pub beside: Option<Vec<String>>,
}

/// How an answer holds namespaces.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ViewNamespaces {
    /// Where the caller of a tool names those it wants: a JSON pointer into the arguments, to a
    /// text with commas or a list of texts. On REST servers it is the namespace of the call.
    /// Default: nowhere, all that are allowed are wanted.
    #[schemars(example = &"/namespaces")]
    pub wanted: Option<String>,
    /// Where the answer is a list of records, the member that names the namespace of each. Default:
    /// `namespace`.
    pub member: Option<String>,
}
