//! What authenticates the gateway, or its caller, to a server.

use super::{Folder, Strictness, check_in, refused_in};
use crate::config::{Credential, CredentialSource};
use crate::limits::ASSERTION_S_MAX;

fn file(upstream: &str, credential: &str) -> String {
    format!(
        "issuers: [ {{ issuer: https://idp.example.com }} ]\nservers:\n  - name: crm\n    \
         public_url: https://crm.example.com/mcp\n    upstream:\n      url: {upstream}\n      {credential}\n\
         listen: 127.0.0.1:0\n"
    )
}

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("secret", "hunter2");
    folder.write("key.pem", rcgen::KeyPair::generate().unwrap().serialize_pem());
    folder
}

fn accepted(credential: &str) -> Credential {
    let text = file("https://crm.internal/mcp", credential);
    let checked = check_in(&folder(), &text, Strictness::Normal);
    let config = checked.unwrap_or_else(|problems| panic!("{problems}")).config;
    config.servers[0].upstream.credential.clone().unwrap()
}

const CLIENT: &str = "client_id: sallyport, client: { client_secret_basic: { file: secret } }";

#[test]
fn each_way_to_a_credential_is_read() {
    let own = accepted(&format!(
        "credential: {{ client_credentials: {{ token_endpoint: https://idp.example.com/token, {CLIENT}, scopes: [a, b] }} }}"
    ));
    let CredentialSource::ClientCredentials(request) = own.source else { panic!("{own:?}") };
    assert_eq!((request.scopes.join(" ").as_str(), &*request.client.id), ("a b", "sallyport"));
    let users = accepted(&format!(
        "credential: {{ header: x-token, token_exchange: {{ token_endpoint: https://idp.example.com/token, {CLIENT}, audience: crm }} }}"
    ));
    assert_eq!(users.header, "x-token");
    assert!(matches!(users.source, CredentialSource::TokenExchange(_)));
    let said = accepted("credential: { assertion: { key: key.pem } }");
    let CredentialSource::Assertion(said) = said.source else { panic!("{said:?}") };
    assert_eq!(&*said.issuer, "https://crm.example.com/mcp");
    assert_eq!(&*said.audience, "https://crm.internal/mcp");
    assert_eq!(said.lifetime.as_secs(), 60);
}

#[test]
fn credential_without_a_value_or_with_several_is_refused() {
    let folder = folder();
    let refused = |credential: &str, message: &str, help: &str| {
        refused_in(&folder, &file("https://crm.internal/mcp", credential), message, help);
    };
    refused("«credential»: { header: x-token }", "without a value", "value:");
    refused(
        "«credential»: { value: { file: secret }, assertion: { key: key.pem } }",
        "several values",
        "keep one",
    );
    let long = ASSERTION_S_MAX + 1;
    let text = format!("credential: {{ assertion: {{ key: key.pem, lifetime: «{long}s» }} }}");
    refused(&text, "not a possible duration", "at most");
    refused("credential: { assertion: { key: «secret» } }", "PKCS#8", "openssl");
    let lines = "credential:\n        client_credentials:\n          ";
    let client = CLIENT.replace(", client:", "\n          client:");
    let text = format!("{lines}token_endpoint: «http://idp.example.com/token»\n          {client}");
    refused(&text, "must be `https`", "127.0.0.1");
    let scopes = "scopes: [«\"a b\"»]";
    let endpoint = "token_endpoint: https://idp.example.com/token";
    let text = format!("{lines}{endpoint}\n          {client}\n          {scopes}");
    refused(&text, "not a scope", "one word");
}

#[test]
fn certificate_towards_plain_http_has_no_effect() {
    let text =
        file("http://127.0.0.1:1/mcp", "«client_certificate»: { cert: client.pem, key: key.pem }");
    refused_in(&folder(), &text, "not `https`", "https");
}
