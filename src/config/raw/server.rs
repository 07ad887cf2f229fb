//! The keys of one protected server.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    Dpop, Facade, FilePath, Network, Pairs, ProofName, Rate, Redact, Role, Size, ToolPins,
    Upstream, Url, View,
};

/// One protected server.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// Name in records and metrics; unique; lower-case letters, digits, `-` and `_`.
    #[schemars(example = &"notes")]
    pub name: String,
    /// What clients type, and the audience of their tokens; `https` unless on loopback; no query,
    /// no fragment, no trailing slash.
    pub public_url: Url,
    /// The vocabulary of clients and server: `mcp`, `rest` for the built-in routes of the REST
    /// context API, or `{ rest: [routes] }`. Default: `mcp`.
    pub profile: Option<Profile>,
    /// Where calls go: a URL, or a mapping with a `url` or a `command`.
    pub upstream: Upstream,
    /// Accepted `Host` values besides that of `public_url`. Loopback names are added where the
    /// listener is on loopback. Default: none.
    #[schemars(example = ["notes.internal:8443"])]
    pub hosts: Option<Vec<String>>,
    /// Web pages that may call, by `Origin`. Default: none, so that requests with an `Origin` are
    /// refused.
    #[schemars(example = ["https://app.example.com"])]
    pub origins: Option<Vec<String>>,
    /// Who may call: `tokens` of all issuers, `api_keys`, `certificate` for a client certificate
    /// alone, `none` for everybody; `{ issuers: [URL] }` for tokens of some issuers, and
    /// `{ any: [api_keys, tokens, certificate] }` where one of several is enough. Default: `tokens`.
    pub auth: Option<Auth>,
    /// Client certificates that may call, besides what `auth` asks: `spiffe://…`, or `dns:`, `uri:`,
    /// `email:`, `cn:`, `sha256:` and a name; `*` is any run of characters. Default: every verified
    /// certificate, and with tokens none is needed.
    #[schemars(example = ["spiffe://corp.example/ns/agents/*"])]
    pub client_identities: Option<Vec<String>>,
    /// Which proof of possession every token must carry: `dpop` (RFC 9449), `certificate` for one
    /// that is bound to the client certificate of the connection (RFC 8705), `any` for one of
    /// them, `none` for either or none. A token that is bound to a key is checked in any case.
    /// Default: `none`.
    pub proof: Option<ProofName>,
    /// What is accepted as a DPoP proof.
    pub dpop: Option<Dpop>,
    /// A facade before an authorization server that lacks what MCP clients need. Default: none;
    /// clients are sent to the issuers themselves.
    pub authorization_server: Option<Facade>,
    /// Scopes per action, in place of the built-in ones (`mcp.` and the action's name). An empty
    /// list needs none; without tokens nobody has any. Default: the built-in ones.
    pub scopes: Option<Pairs<Vec<String>>>,
    /// Rules for tools by name; the first that matches decides, and what none matches is denied.
    /// Default: every tool, by the scopes of `tools.invoke`.
    pub tools: Option<Vec<Rule>>,
    /// Which definitions of tools may be used. Default: every one that hides nothing; a change is
    /// told in the log and in the metrics, and passes.
    pub tool_pins: Option<ToolPins>,
    /// Rules for resources by URI. Default: every resource, by the scopes of `resources.read`.
    pub resources: Option<Vec<Rule>>,
    /// Rules for prompts by name. Default: every prompt, by the scopes of `prompts.get`.
    pub prompts: Option<Vec<Rule>>,
    /// Rules for context and memory namespaces of the REST profile. Default: every namespace, by
    /// the scopes of the action.
    pub namespaces: Option<Vec<Rule>>,
    /// What each role may do. With this key, what no role and no policy permits is denied, besides
    /// what scopes and rules ask for. Default: none.
    pub roles: Option<Pairs<Role>>,
    /// Definitions of the server's tools, JSON: its answer to `tools/list`, or its file of pins.
    /// Policies are checked against the arguments in them, and masked results against the output
    /// schemas in them until a list says more. Default: none.
    #[schemars(example = &"crm-tools.json")]
    pub tool_schemas: Option<FilePath>,
    /// Requests that the server may send to the client on its streams. Default: none.
    pub server_requests: Option<Vec<ServerRequest>>,
    /// Where the server may send people, when it may ask them at all (`server_requests`).
    pub elicitation: Option<Elicitation>,
    /// Arrays of messages, which MCP 2025-03-26 allowed and 2025-06-18 took away: `refuse`, or
    /// `each` to judge, forward and record each message alone. Default: `refuse`.
    pub batches: Option<Batches>,
    /// An address for clients of the old transport HTTP+SSE. Default: none.
    pub http_sse: Option<HttpSse>,
    /// How often this server may be called.
    pub limits: Option<RouteLimits>,
    /// Injection guards for tool arguments: one mode for all, or one for each. Default: `block`
    /// for path, url and hidden_text, `monitor` for sql and shell.
    pub guard: Option<Guard>,
    /// What is masked in answers: `default` (every class), `off`, a list of classes, presets and
    /// countries, or a mapping. Default: `default`.
    pub redact: Option<Redact>,
    /// What callers see of the answers to some calls. Default: all of them, masked.
    pub views: Option<Vec<View>>,
    /// Networks from which clients may call. Default: all.
    pub allow_networks: Option<Vec<Network>>,
    /// Largest request body. Default: `4MiB`.
    pub body_max: Option<Size>,
}

/// The vocabulary of clients and server.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub enum Profile {
    /// By name.
    Named(ProfileName),
    /// REST with routes of its own.
    Rest(RestProfile),
}

/// A built-in vocabulary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum ProfileName {
    /// The Model Context Protocol.
    Mcp,
    /// The built-in routes of the REST context API.
    Rest,
}

/// REST with routes of its own.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RestProfile {
    /// The routes; requests that none matches are refused.
    pub rest: Vec<RestRoute>,
}

/// One route of the REST profile.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RestRoute {
    /// HTTP method.
    pub method: RestMethod,
    /// Path template below the path of `public_url`; a `{variable}` matches one segment.
    #[schemars(example = "/mcp/tools/{name}")]
    pub path: String,
    /// What the route means, such as `memory.read`.
    #[schemars(example = "memory.read")]
    pub action: String,
    /// Where the tool or namespace stands: `path:name`, `query:name`, or `body:/json/pointer`.
    /// Default: the server as a whole.
    #[schemars(example = "query:namespace")]
    pub resource: Option<String>,
    /// Where the person stands whose data is touched. Default: nobody.
    #[schemars(example = "query:user_id")]
    pub subject: Option<String>,
}

/// Methods of REST routes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[schemars(inline)]
pub enum RestMethod {
    /// GET
    Get,
    /// POST
    Post,
    /// PUT
    Put,
    /// DELETE
    Delete,
}

/// Who may call.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub enum Auth {
    /// By name.
    Named(AuthName),
    /// One of several, or tokens of some issuers.
    Some(AuthSome),
}

/// A way to authenticate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum AuthName {
    /// Bearer tokens of every issuer.
    Tokens,
    /// A client certificate alone.
    Certificate,
    /// An API key.
    #[serde(rename = "api_keys")]
    ApiKeys,
    /// Nobody is asked.
    None,
}

/// One of several ways to authenticate, or tokens of some issuers.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AuthSome {
    /// Ways to authenticate of which one is enough. Whatever the order here: an API key that was
    /// sent decides, else a token that was sent, else the certificate; a credential that is refused
    /// is never made good by another one. Default: `[tokens]`.
    #[schemars(example = ["api_keys", "tokens"])]
    pub any: Option<Vec<AuthName>>,
    /// Which of the `issuers` of the whole file. Default: all of them.
    #[schemars(example = ["https://idp.example.com"])]
    pub issuers: Option<Vec<String>>,
}

/// One rule. The first rule that matches decides.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// A glob: `*` is any run of characters, `?` any one.
    #[schemars(example = "crm.*")]
    pub r#match: String,
    /// Scopes that are needed besides the action's own, all of them. Default: none.
    #[schemars(example = ["crm:read"])]
    pub scopes: Option<Vec<String>>,
    /// Roles of which any one is needed. Default: none is asked for.
    #[schemars(example = ["support"])]
    pub roles: Option<Vec<String>>,
    /// Refuse, whatever the caller's scopes and roles. Default: `false`.
    pub deny: Option<bool>,
}

/// A request from server to client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum ServerRequest {
    /// `sampling/createMessage`
    Sampling,
    /// `elicitation/create`
    Elicitation,
    /// `roots/list`
    Roots,
    /// `ping`
    Ping,
}

/// What becomes of an array of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Batches {
    /// It is refused.
    Refuse,
    /// Each message is a call of its own.
    Each,
}

/// Where a server may send people.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Elicitation {
    /// Hosts of addresses that a server may ask a person to visit, as globs: `*` is any run of
    /// characters. Only `https`, and `http` on loopback names that are listed. Default: none, so
    /// that such requests are refused.
    #[schemars(example = ["login.example.com", "*.pay.example.com"])]
    pub url_hosts: Option<Vec<String>>,
}

/// An address for clients of the old transport HTTP+SSE (MCP 2024-11-05).
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpSse {
    /// Path at which such clients open their stream and post their messages.
    #[schemars(example = &"/sse")]
    pub path: String,
}

/// How often a server may be called.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RouteLimits {
    /// Calls of one caller, or `off`. Default: `off`.
    pub per_principal: Option<Rate>,
    /// Calls of one caller on tools that match the glob. Default: none.
    pub per_tool: Option<Pairs<Rate>>,
    /// Calls of one caller that a policy puts into a class with `@rate`. Default: none.
    pub classes: Option<Pairs<Rate>>,
    /// Calls of all callers together, or `off`. Default: `off`.
    pub per_route: Option<Rate>,
    /// Calls in flight of all callers together. Default: `256`.
    pub concurrency: Option<u32>,
    /// Calls in flight of one caller. Default: `16`.
    pub concurrency_per_principal: Option<u32>,
}

/// Guards for tool arguments.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub enum Guard {
    /// One mode for all.
    All(GuardMode),
    /// One for each.
    Each(GuardModes),
}

/// What a guard does on a hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum GuardMode {
    /// Nothing is looked at.
    Off,
    /// A hit is counted and recorded.
    Monitor,
    /// A hit refuses the call.
    Block,
}

/// The mode of each guard.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GuardModes {
    /// Path parameters: traversal, NUL, absolute system paths. Default: `block`.
    pub path: Option<GuardMode>,
    /// URL parameters: other schemes than http and https, private and metadata addresses,
    /// credentials; in `uri` and `resource_uri` a server's own scheme may stand. Default: `block`.
    pub url: Option<GuardMode>,
    /// SQL fragments in parameters that are not SQL. Default: `monitor`.
    pub sql: Option<GuardMode>,
    /// Shell metacharacters in parameters that name files, hosts or ids. Default: `monitor`.
    pub shell: Option<GuardMode>,
    /// Invisible and direction-changing characters. Default: `block`.
    pub hidden_text: Option<GuardMode>,
}
