//! Providers that know no resource indicators: one of another family (PyPI `canaille`), whose tokens
//! are opaque or could be anything, and one whose audiences have names of its own.

use std::ffi::OsStr;

use base64::Engine as _;
use serde_json::{Value, json};

use crate::behind::{Behind, status_and_code};
use crate::http::exchange;
use crate::stage::{Provider, Stage, source};
use crate::support::{Peer, Scratch, eventually, installed};

struct Canaille {
    told: Value,
    _peer: Peer,
}

/// A client and its secret.
struct Registered {
    id: String,
    secret: String,
}

impl Canaille {
    fn start(dir: &Scratch) -> Self {
        let python = installed("canaille/bin/python");
        let script = source("second-provider.py");
        // Python would write its compiled files beside the sources.
        let command = [python.as_os_str(), OsStr::new("-B"), script.as_os_str()];
        let (peer, line) = Peer::start_and_hear("canaille", &command, dir);
        Self { told: serde_json::from_str(&line).unwrap(), _peer: peer }
    }

    fn told(&self, name: &str) -> &str {
        self.told[name].as_str().unwrap()
    }

    /// A client that an administrator made.
    fn client(&self, name: &str) -> Registered {
        let its = &self.told["clients"][name];
        let text = |name: &str| its[name].as_str().unwrap().to_owned();
        Registered { id: text("id"), secret: text("secret") }
    }

    fn register(&self, name: &str, grant: &str) -> Registered {
        let metadata = json!({
            "client_name": name,
            "redirect_uris": ["http://127.0.0.1:1/callback"],
            "grant_types": [grant],
            "response_types": [],
            "token_endpoint_auth_method": "client_secret_basic",
            "scope": "openid profile",
        });
        let url = self.told("registration_endpoint");
        let answer = exchange("POST", url, &[], &metadata.to_string()).json();
        let text = |name: &str| answer[name].as_str().unwrap_or_else(|| panic!("{answer:#}"));
        Registered { id: text("client_id").to_owned(), secret: text("client_secret").to_owned() }
    }

    /// A token as the grant gives it; `resource` is asked for, and nobody listens.
    fn token(&self, client: &Registered, grant: &str, resource: &str) -> String {
        let form = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", grant)
            .append_pair("username", self.told("user"))
            .append_pair("password", self.told("password"))
            .append_pair("scope", "openid profile")
            .append_pair("resource", resource)
            .finish();
        let pair = format!("{}:{}", client.id, client.secret);
        let basic = base64::engine::general_purpose::STANDARD.encode(pair);
        let headers = [("authorization", format!("Basic {basic}"))];
        let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
        let answer = exchange("POST", self.told("token_endpoint"), &headers, &form).json();
        answer["access_token"].as_str().unwrap_or_else(|| panic!("no token: {answer}")).to_owned()
    }
}

/// Its JWTs say neither `scope` nor `client_id`: nothing tells them from its ID tokens, which have the
/// same type, issuer and audience. The gateway takes them for nothing else, whatever is configured.
#[test]
#[ignore = "needs npm and PyPI packages: tests/run installs them"]
fn s06_jwt_that_could_be_an_id_token_is_refused_even_with_the_right_audience() {
    let stage = Stage::new();
    let canaille = Canaille::start(&stage.dir);
    let client = canaille.register("here", "password");
    let url = stage.plain_url("/mcp");
    let issuer = format!(
        "issuers: [ {{ issuer: {}, audience: [ {} ], token_type: any }} ]",
        canaille.told("issuer"),
        client.id
    );
    let _gateway = stage.plain_gateway(&issuer, &server(&url));
    let token = canaille.token(&client, "password", &url);
    assert_eq!(call(&url, &token), (401, "token_invalid".to_owned()));
    // Discovery, key and signature were in order: the reason is what stands in the token.
    let trail =
        || std::fs::read_to_string(stage.dir.path("audit/000000000001.jsonl")).unwrap_or_default();
    // A refusal is not held up by its record.
    assert!(eventually(|| trail().contains("neither scope nor client_id")), "{}", trail());
    assert!(!trail().contains(&token), "no token in the trail");
}

#[test]
#[ignore = "needs npm and PyPI packages: tests/run installs them"]
fn opaque_token_of_a_provider_that_nobody_asks_about_it_is_refused() {
    let stage = Stage::new();
    let canaille = Canaille::start(&stage.dir);
    let client = canaille.register("machine", "client_credentials");
    let url = stage.plain_url("/mcp");
    let issuer = format!("issuers: [ {{ issuer: {} }} ]", canaille.told("issuer"));
    let _gateway = stage.plain_gateway(&issuer, &server(&url));
    let opaque = canaille.token(&client, "client_credentials", &url);
    assert!(!opaque.contains('.'), "it has become a JWT: {opaque}");
    assert_eq!(call(&url, &opaque), (401, "token_invalid".to_owned()));
}

/// It answers about a token only to a client in the token's audience, which is a list of clients.
#[test]
#[ignore = "needs npm and PyPI packages: tests/run installs them"]
fn s05_opaque_token_of_a_second_provider_is_accepted_by_introspection_and_for_others_refused() {
    let stage = Stage::new();
    let canaille = Canaille::start(&stage.dir);
    let behind = Behind::start();
    let url = stage.plain_url("/mcp");
    let gateway = canaille.client("gateway");
    let issuer = asking(&stage, &canaille, &gateway, &gateway.id);
    let _gateway = stage.plain_gateway(&issuer, &behind.entry(&url, "", ""));
    let token = |name| canaille.token(&canaille.client(name), "client_credentials", &url);
    let refused = (401, "token_invalid".to_owned());
    let (machine, elsewhere) = (token("machine"), token("elsewhere"));
    assert!(!machine.contains('.'), "it has become a JWT: {machine}");
    for _ in 0..2 {
        assert_eq!(status_and_code(&url, &machine), (200, String::new()));
        assert_eq!(status_and_code(&url, &elsewhere), refused, "not the gateway's to ask about");
    }
    assert_eq!(behind.bearers(), [None, None]);
    // The caller is the client that has the token, not the gateway that asked.
    let trail =
        || std::fs::read_to_string(stage.dir.path("audit/000000000001.jsonl")).unwrap_or_default();
    let id = canaille.client("machine").id;
    assert!(eventually(|| trail().contains(&format!("\"{id}\""))), "{}", trail());
}

#[test]
#[ignore = "needs npm and PyPI packages: tests/run installs them"]
fn s05_opaque_token_that_a_second_provider_calls_active_needs_an_audience_that_is_listed() {
    let stage = Stage::new();
    let canaille = Canaille::start(&stage.dir);
    let behind = Behind::start();
    let url = stage.plain_url("/mcp");
    let gateway = canaille.client("gateway");
    let issuer = asking(&stage, &canaille, &gateway, "api://notes");
    let _gateway = stage.plain_gateway(&issuer, &behind.entry(&url, "", ""));
    let token = canaille.token(&canaille.client("machine"), "client_credentials", &url);
    assert_eq!(status_and_code(&url, &token), (401, "token_invalid".to_owned()));
    let trail =
        || std::fs::read_to_string(stage.dir.path("audit/000000000001.jsonl")).unwrap_or_default();
    assert!(eventually(|| trail().contains("audience")), "{}", trail());
    assert!(behind.bearers().is_empty());
}

/// The lines about a provider that is asked about every token. It knows no scopes but its own.
fn asking(stage: &Stage, canaille: &Canaille, client: &Registered, audience: &str) -> String {
    std::fs::write(stage.dir.path("gateway.secret"), &client.secret).unwrap();
    format!(
        "issuers:\n  - issuer: {}\n    keys: off\n    audience: [ '{audience}' ]\n    \
         scope_hierarchy: {{ profile: [ mcp.tools.invoke ] }}\n    \
         introspection:\n      url: {}\n      client_id: {}\n      \
         auth: {{ client_secret_basic: {{ file: gateway.secret }} }}\n",
        canaille.told("issuer"),
        canaille.told("introspection_endpoint"),
        client.id
    )
}

/// What providers without RFC 8707 do: the audience is the API's name there, not the resource's URL.
#[test]
#[ignore = "needs npm and PyPI packages: tests/run installs them"]
fn s05_audience_of_the_providers_own_naming_is_accepted_where_it_is_listed_and_no_other() {
    let stage = Stage::new();
    let options = json!({
        "scopes": ["mcp.tools.invoke"],
        "clients": { "machine": { "scopes": ["mcp.tools.invoke"] } },
    });
    let provider = Provider::start(&stage.dir, &options);
    let url = stage.plain_url("/mcp");
    let own_name = "api://notes";
    let issuer =
        format!("issuers: [ {{ issuer: {}, audience: [ {own_name} ] }} ]", provider.issuer());
    let _gateway = stage.plain_gateway(&issuer, &server(&url));
    let answer = |audience| call(&url, &provider.token("machine", "mcp.tools.invoke", audience));
    assert_eq!(answer(own_name), (403, "denied".to_owned()), "known, and denied like everybody");
    for other in ["api://notes/", "api://mail", &url] {
        assert_eq!(answer(other), (401, "token_invalid".to_owned()), "{other}");
    }
}

/// Where nothing may be called: what is left is whether the caller is known.
fn server(url: &str) -> String {
    format!(
        "  - name: crm\n    public_url: {url}\n    upstream: http://127.0.0.1:9/mcp\n    \
         tools: [ {{ match: nothing }} ]\n"
    )
}

/// Status and code of a call that is denied to everybody who is known.
fn call(url: &str, token: &str) -> (u16, String) {
    let call = json!({
        "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": "x", "arguments": {} }
    });
    let authorization = format!("Bearer {token}");
    let headers = [
        ("authorization", authorization.as_str()),
        ("accept", "application/json, text/event-stream"),
    ];
    let answer = exchange("POST", url, &headers, &call.to_string());
    let code = answer.json()["error"]["data"]["code"].as_str().unwrap_or_default().to_owned();
    (answer.status, code)
}
