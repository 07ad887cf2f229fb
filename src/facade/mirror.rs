//! The facade's metadata (RFC 8414), made from the provider's own.
//!
//! Pure. Guarantees: the document names the facade as its issuer, because that is where clients
//! find it (RFC 8414 section 3.3); an endpoint is the gateway's where requests must come here, and
//! the provider's own everywhere else; nothing is promised that an endpoint here does not keep.

use bytes::Bytes;
use serde_json::{Map, Value, json};
use url::Url;

use super::address;
use crate::authn::source::Metadata;
use crate::config::{Facade, OauthEndpoint, Server};

/// What is known of the provider.
#[derive(Debug)]
pub struct Mirrored {
    /// The facade's metadata.
    pub document: Bytes,
    /// The provider's authorization endpoint.
    pub authorization: Url,
    /// The provider's token endpoint.
    pub token: Url,
    /// Whether the provider says that it puts `iss` into its answers (RFC 9207 section 3).
    pub names_itself: bool,
}

/// Why metadata cannot be mirrored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MirrorError {
    /// An endpoint is missing, or is no address to send anybody to.
    #[error("the issuer's metadata has no usable `{0}`")]
    Endpoint(&'static str),
    /// MCP clients must refuse it ("Authorization Code Protection").
    #[error(
        "the issuer's metadata does not say that it supports PKCE with S256; if it does, set `assume_pkce: true`"
    )]
    Pkce,
    /// The facade sends browsers on with plain parameters.
    #[error("the issuer wants authorization requests pushed or signed, which the facade cannot do")]
    Pushed,
    /// Clients of the token endpoint here have a secret, or none.
    #[error("the issuer supports no client authentication that can be passed on")]
    Proof,
}

/// Mirrors the provider's metadata for a server.
///
/// # Errors
/// [`MirrorError`]; nobody is sent to such a provider.
pub fn mirror(
    server: &Server,
    settings: &Facade,
    found: &Metadata,
) -> Result<Mirrored, MirrorError> {
    let source = Source(found);
    let authorization = source.endpoint("authorization_endpoint")?;
    let token = source.endpoint("token_endpoint")?;
    let pkce = source.list("code_challenge_methods_supported").unwrap_or_default();
    if !settings.assume_pkce && !pkce.iter().any(|method| method == "S256") {
        return Err(MirrorError::Pkce);
    }
    let mut members = Map::new();
    source.copy(&ALWAYS, &mut members);
    members.insert("issuer".to_owned(), json!(&*server.resource));
    members.insert("code_challenge_methods_supported".to_owned(), json!(["S256"]));
    if settings.forwards() {
        source.pushes_nothing()?;
        forwarding(server, settings, &source, &mut members)?;
    } else {
        source.copy(&DIRECT, &mut members);
        source.copy(&["authorization_endpoint", "token_endpoint"], &mut members);
    }
    if settings.client_id.is_some() {
        let own = address(server, OauthEndpoint::Register);
        members.insert("registration_endpoint".to_owned(), own.into());
        public_client(&source, &mut members);
    } else if !settings.proxies_responses {
        // With answers through the gateway, what a client registers or publishes of itself names
        // other addresses than the provider then sees.
        source.copy(&REGISTERED_ELSEWHERE, &mut members);
    }
    if settings.proxies_responses {
        members.insert(ISS.to_owned(), true.into());
    }
    let document = Value::Object(members).to_string().into();
    Ok(Mirrored { document, authorization, token, names_itself: source.is_true(ISS) })
}

/// What is true of requests that come to the gateway.
fn forwarding(
    server: &Server,
    settings: &Facade,
    source: &Source<'_>,
    members: &mut Map<String, Value>,
) -> Result<(), MirrorError> {
    let mut grants = vec!["authorization_code", "refresh_token"];
    if settings.client_credentials {
        grants.push("client_credentials");
    }
    if let Some(known) = source.list("grant_types_supported") {
        grants.retain(|grant| *grant == "authorization_code" || known.iter().any(|k| k == grant));
    }
    // RFC 8414 section 2: left out, it means `client_secret_basic`.
    let known = source.list("token_endpoint_auth_methods_supported");
    let known = known.unwrap_or_else(|| vec!["client_secret_basic".to_owned()]);
    let mut methods: Vec<String> =
        known.into_iter().filter(|method| PROOFS.contains(&method.as_str())).collect();
    if methods.is_empty() {
        if settings.client_id.is_none() {
            return Err(MirrorError::Proof);
        }
        methods.push("none".to_owned());
    }
    let own = |endpoint| Value::from(address(server, endpoint));
    for (name, value) in [
        ("authorization_endpoint", own(OauthEndpoint::Authorize)),
        ("token_endpoint", own(OauthEndpoint::Token)),
        ("response_types_supported", json!(["code"])),
        ("response_modes_supported", json!(["query"])),
        ("grant_types_supported", json!(grants)),
        ("token_endpoint_auth_methods_supported", json!(methods)),
        ("request_parameter_supported", false.into()),
        // OpenID Connect Discovery section 3: left out, it means true.
        ("request_uri_parameter_supported", false.into()),
    ] {
        members.insert(name.to_owned(), value);
    }
    Ok(())
}

/// Registrations are answered with a public client, so such a client must be welcome.
fn public_client(source: &Source<'_>, members: &mut Map<String, Value>) {
    let name = "token_endpoint_auth_methods_supported";
    let methods = match members.get(name) {
        Some(Value::Array(own)) => {
            own.iter().filter_map(|m| Some(m.as_str()?.to_owned())).collect()
        }
        _ => source.list(name).unwrap_or_default(),
    };
    let others = methods.into_iter().filter(|method| method != "none");
    let all: Vec<String> = std::iter::once("none".to_owned()).chain(others).collect();
    members.insert(name.to_owned(), json!(all));
}

/// The provider's metadata.
struct Source<'a>(&'a Metadata);

impl Source<'_> {
    fn endpoint(&self, name: &'static str) -> Result<Url, MirrorError> {
        let plain = |url: &Url| {
            let secure = url.scheme() == "https" || crate::outbound::names_loopback(url);
            secure
                && url.fragment().is_none()
                && url.username().is_empty()
                && url.password().is_none()
        };
        self.0.address(name).filter(plain).ok_or(MirrorError::Endpoint(name))
    }

    fn list(&self, name: &str) -> Option<Vec<String>> {
        let list = self.0.document.root().get(name)?;
        list.items().map(|item| item.as_str().map(String::from)).collect()
    }

    fn is_true(&self, name: &str) -> bool {
        self.0.document.root().get(name).and_then(|value| value.as_bool()) == Some(true)
    }

    fn pushes_nothing(&self) -> Result<(), MirrorError> {
        let wanted = ["require_pushed_authorization_requests", "require_signed_request_object"];
        match wanted.iter().any(|name| self.is_true(name)) {
            true => Err(MirrorError::Pushed),
            false => Ok(()),
        }
    }

    fn copy(&self, names: &[&str], members: &mut Map<String, Value>) {
        for name in names {
            let value = self.0.document.root().get(name);
            // What the strict reader accepted, any reader reads the same way.
            let value = value.and_then(|value| serde_json::from_slice(value.raw()).ok());
            members.extend(value.map(|value: Value| ((*name).to_owned(), value)));
        }
    }
}

/// RFC 9207 section 3. Not copied: what the provider writes into its answers is its own name, and
/// a client that checks it expects the facade's.
const ISS: &str = "authorization_response_iss_parameter_supported";

/// True whoever takes the requests (RFC 8414 section 2, `OpenID` Connect Discovery section 3).
/// What does not stand here is left out, signed metadata above all, which names another issuer.
const ALWAYS: [&str; 18] = [
    "acr_values_supported",
    "claims_parameter_supported",
    "claims_supported",
    "display_values_supported",
    "end_session_endpoint",
    "id_token_signing_alg_values_supported",
    "introspection_endpoint",
    "introspection_endpoint_auth_methods_supported",
    "jwks_uri",
    "op_policy_uri",
    "op_tos_uri",
    "prompt_values_supported",
    "revocation_endpoint",
    "revocation_endpoint_auth_methods_supported",
    "scopes_supported",
    "service_documentation",
    "subject_types_supported",
    "userinfo_endpoint",
];

/// True only of requests that go to the provider itself.
const DIRECT: [&str; 17] = [
    "authorization_details_types_supported",
    "device_authorization_endpoint",
    "dpop_signing_alg_values_supported",
    "grant_types_supported",
    "mtls_endpoint_aliases",
    "pushed_authorization_request_endpoint",
    "request_object_signing_alg_values_supported",
    "request_parameter_supported",
    "request_uri_parameter_supported",
    "require_pushed_authorization_requests",
    "require_request_uri_registration",
    "require_signed_request_object",
    "response_modes_supported",
    "response_types_supported",
    "tls_client_certificate_bound_access_tokens",
    "token_endpoint_auth_methods_supported",
    "token_endpoint_auth_signing_alg_values_supported",
];

const REGISTERED_ELSEWHERE: [&str; 2] =
    ["registration_endpoint", "client_id_metadata_document_supported"];

/// Ways in which a client can prove itself through the gateway: none of them names an address.
const PROOFS: [&str; 3] = ["none", "client_secret_basic", "client_secret_post"];
