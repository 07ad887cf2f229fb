//! The facade before an authorization server that lacks what MCP clients need.

mod hostile;
mod provider;
mod shims;

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use sallyport::clock::Clock;
use serde_json::{Value, json};
use url::form_urlencoded::Serializer;

use crate::issuer::NOW;
use crate::support::{HOST, RESOURCE, Reply, Setup, World, call, plain};
use crate::upstream::Upstream;
use provider::{Provider, challenge, pairs};

const AUDIENCE: &str = "api://notes";
const CLIENT: &str = "public-client";
const VERIFIER: &str = "verifier-verifier-verifier-verifier-verifier-1";
const REDIRECT: &str = "http://127.0.0.1:33418/callback";

/// What Entra needs.
const ENTRA: &str = "resource: strip, scope_prefix: \"api://notes/\", assume_pkce: true, \
                     registration: { client_id: public-client }, \
                     redirect_uris: [loopback, \"https://app.example/cb\"]";

/// A gateway with this facade before a provider of its own.
struct Front {
    world: World,
    provider: Provider,
    clock: Clock,
}

impl Front {
    async fn new(facade: &str) -> Self {
        Self::before(Provider::start(AUDIENCE).await, facade).await
    }

    async fn before(provider: Provider, facade: &str) -> Self {
        Self::with(provider, facade, Setup::default()).await
    }

    async fn with(provider: Provider, facade: &str, setup: Setup) -> Self {
        let clock = Clock::manual(NOW);
        // Keys from an address, so that whoever discovers is the facade.
        let issuers = format!(
            "  - issuer: {url}\n    keys: {url}/jwks\n    audience: [ {AUDIENCE} ]\n",
            url = provider.url
        );
        let server = format!("    authorization_server: {{ {facade} }}\n");
        let setup = Setup { server, issuers: Some(issuers), clock: Some(clock.clone()), ..setup };
        let world = World::with(Upstream::tool(plain()).await, setup).await;
        Self { world, provider, clock }
    }

    async fn get(&self, target: &str) -> Reply {
        self.world.send(ask("GET", target, "", "")).await
    }

    /// The facade's metadata.
    async fn metadata(&self) -> Value {
        let reply = self.get("/.well-known/oauth-authorization-server/mcp").await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.json()
    }

    async fn authorize(&self, changes: &[(&str, Option<&str>)]) -> Reply {
        self.get(&format!("/mcp/oauth/authorize?{}", asking(changes))).await
    }

    async fn token(&self, form: &[(&str, &str)]) -> Reply {
        self.world.send(ask("POST", "/mcp/oauth/token", FORM, &encoded(form))).await
    }

    async fn redeem(&self, code: &str) -> Reply {
        self.token(&redeeming(code)).await
    }

    async fn register(&self, body: &Value) -> Reply {
        let body = body.to_string();
        self.world.send(ask("POST", "/mcp/oauth/register", "application/json", &body)).await
    }
}

const FORM: &str = "application/x-www-form-urlencoded";

fn ask(method: &str, target: &str, media_type: &str, body: &str) -> Request<Full<Bytes>> {
    let mut request = Request::builder().method(method).uri(target).header("host", HOST);
    if !media_type.is_empty() {
        request = request.header("content-type", media_type);
    }
    request.body(Full::from(body.to_owned())).unwrap()
}

fn encoded(pairs: &[(&str, &str)]) -> String {
    Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// A good authorization request with these changes; `None` leaves a parameter out.
fn asking(changes: &[(&str, Option<&str>)]) -> String {
    let challenge = challenge(VERIFIER);
    let mut all = vec![
        ("response_type", "code"),
        ("client_id", CLIENT),
        ("redirect_uri", REDIRECT),
        ("scope", "mcp.tools.invoke offline_access"),
        ("state", "st at/e=&+\u{e9}"),
        ("code_challenge", challenge.as_str()),
        ("code_challenge_method", "S256"),
        ("resource", RESOURCE),
    ];
    for (name, value) in changes {
        all.retain(|(known, _)| known != name);
        all.extend(value.map(|value| (*name, value)));
    }
    encoded(&all)
}

fn redeeming(code: &str) -> Vec<(&str, &str)> {
    vec![
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", REDIRECT),
        ("code_verifier", VERIFIER),
        ("client_id", CLIENT),
        ("resource", RESOURCE),
    ]
}

/// A refusal in OAuth's own form, of which a page can read no more than it should.
#[track_caller]
fn refused_with(reply: &Reply, status: u16, error: &str) {
    assert_eq!(reply.status, status, "{}", reply.text());
    assert_eq!(reply.header("content-type"), "application/json");
    assert_eq!(reply.header("cache-control"), "no-store");
    assert_eq!(reply.header("location"), "", "nobody is sent anywhere");
    let json = reply.json();
    assert_eq!(json["error"], error, "{json}");
    let known = ["error", "error_description"];
    assert!(json.as_object().unwrap().keys().all(|k| known.contains(&k.as_str())), "{json}");
}

#[tokio::test]
async fn p27_client_that_sends_a_resource_gets_in_before_a_provider_that_refuses_it() {
    let front = Front::new(ENTRA).await;

    // Where to go.
    let prm = front.get("/.well-known/oauth-protected-resource/mcp").await.json();
    assert_eq!(prm["authorization_servers"], json!([RESOURCE]));
    let metadata = front.metadata().await;
    assert_eq!(metadata["issuer"], RESOURCE);

    // Who the client is.
    let wanted = json!({ "redirect_uris": [REDIRECT], "token_endpoint_auth_method": "none",
        "client_name": "test", "grant_types": ["authorization_code"], "application_type": "native" });
    let registered = front.register(&wanted).await;
    assert_eq!(registered.status, 201);
    assert_eq!(
        registered.json(),
        json!({ "client_id": CLIENT, "redirect_uris": [REDIRECT], "response_types": ["code"],
            "token_endpoint_auth_method": "none",
            "grant_types": ["authorization_code", "refresh_token"] })
    );

    // The user agrees.
    let sent = front.authorize(&[("nonce", Some("n%2B")), ("unknown", Some("x"))]).await;
    assert_eq!((sent.status.as_u16(), sent.text().as_str()), (302, ""));
    assert_eq!(sent.header("referrer-policy"), "no-referrer");
    let location = sent.header("location");
    assert!(location.starts_with(&format!("{}/tenant/authorize?p=policy&", front.provider.url)));
    let asked = pairs(location);
    for (name, value) in [
        ("scope", "api://notes/mcp.tools.invoke offline_access"),
        ("state", "st at/e=&+\u{e9}"),
        ("nonce", "n%2B"),
        ("redirect_uri", REDIRECT),
        ("code_challenge", &challenge(VERIFIER)),
    ] {
        assert_eq!(asked[name], value, "{name}");
    }
    assert!(!asked.contains_key("resource") && !asked.contains_key("unknown"));
    let (status, back) = front.provider.visit(location).await;
    assert_eq!(status, 302);
    assert!(back.starts_with(REDIRECT), "{back}");

    // The token, and its use.
    let answer = front.redeem(&pairs(&back)["code"]).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!((answer.header("cache-control"), answer.header("pragma")), ("no-store", "no-cache"));
    let token = answer.json()["access_token"].as_str().unwrap().to_owned();
    assert_eq!(front.world.post(&token, &call("read")).await.status, 200);

    // And again with the refresh token.
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", "secret-refresh"),
        ("client_id", CLIENT),
        ("scope", "mcp.tools.invoke"),
        ("resource", RESOURCE),
    ];
    assert_eq!(front.token(&form).await.status, 200);
    let seen = front.provider.seen();
    assert_eq!(seen[1].form["scope"], "api://notes/mcp.tools.invoke");
    assert!(seen.iter().all(|each| !each.form.contains_key("resource")));
}

#[tokio::test]
async fn metadata_promises_what_the_facade_keeps_and_names_no_one_else() {
    let front = Front::new(ENTRA).await;
    let document = front.metadata().await;
    for (name, value) in [
        ("issuer", json!(RESOURCE)),
        ("authorization_endpoint", json!(format!("{RESOURCE}/oauth/authorize"))),
        ("token_endpoint", json!(format!("{RESOURCE}/oauth/token"))),
        ("registration_endpoint", json!(format!("{RESOURCE}/oauth/register"))),
        ("code_challenge_methods_supported", json!(["S256"])),
        ("response_types_supported", json!(["code"])),
        ("response_modes_supported", json!(["query"])),
        ("grant_types_supported", json!(["authorization_code", "refresh_token"])),
        (
            "token_endpoint_auth_methods_supported",
            json!(["none", "client_secret_post", "client_secret_basic"]),
        ),
        ("request_uri_parameter_supported", json!(false)),
        ("scopes_supported", json!(["openid", "offline_access"])),
        ("jwks_uri", json!(format!("{}/jwks", front.provider.url))),
    ] {
        assert_eq!(document[name], value, "{name}");
    }
    // A proof or a signature names another address, the answer another issuer.
    for name in [
        "signed_metadata",
        "dpop_signing_alg_values_supported",
        "authorization_response_iss_parameter_supported",
    ] {
        assert_eq!(document[name], Value::Null, "{name}");
    }
    // Every place where clients look for exactly this issuer has the same; the root is another's.
    for path in ["/.well-known/openid-configuration/mcp", "/mcp/.well-known/openid-configuration"] {
        assert_eq!(front.get(path).await.json(), document, "{path}");
    }
    for path in ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"] {
        assert_eq!(front.get(path).await.code(), "route_unknown", "{path}");
    }
    assert_eq!(front.provider.discoveries(), 1, "asked once");
}

#[tokio::test]
async fn mirror_alone_sends_clients_to_the_provider_itself() {
    let provider = Provider::start(AUDIENCE).await;
    provider.set_metadata("code_challenge_methods_supported", json!(["plain", "S256"]));
    provider.set_metadata("registration_endpoint", json!("https://idp.example/reg"));
    provider.set_metadata("authorization_response_iss_parameter_supported", json!(true));
    let front = Front::before(provider, "").await;
    let document = front.metadata().await;
    let url = &front.provider.url;
    assert_eq!(document["issuer"], RESOURCE);
    assert_eq!(document["authorization_endpoint"], format!("{url}/tenant/authorize?p=policy"));
    assert_eq!(document["token_endpoint"], format!("{url}/tenant/token"));
    assert_eq!(document["registration_endpoint"], "https://idp.example/reg");
    assert_eq!(document["response_types_supported"][1], "id_token");
    assert_eq!(document["authorization_response_iss_parameter_supported"], Value::Null);
    for (method, path) in
        [("GET", "authorize"), ("POST", "token"), ("POST", "register"), ("GET", "callback")]
    {
        let reply = front.world.send(ask(method, &format!("/mcp/oauth/{path}"), FORM, "")).await;
        assert_eq!(reply.code(), "route_unknown", "{path}");
    }
}

#[tokio::test]
async fn provider_that_cannot_be_mirrored_is_not_published() {
    for (member, value) in [
        ("token_endpoint", Value::Null),
        ("authorization_endpoint", json!("http://idp.example/authorize")),
        ("authorization_endpoint", json!("https://idp.example/authorize#x")),
        ("token_endpoint", json!("https://user@idp.example/token")),
        ("issuer", json!("https://other.example")),
        ("require_pushed_authorization_requests", json!(true)),
        ("require_signed_request_object", json!(true)),
        ("token_endpoint_auth_methods_supported", json!(["private_key_jwt"])),
    ] {
        let provider = Provider::start(AUDIENCE).await;
        provider.set_metadata(member, value.clone());
        let front = Front::before(provider, "resource: strip, assume_pkce: true").await;
        let reply = front.get("/.well-known/oauth-authorization-server/mcp").await;
        assert_eq!(
            (reply.status.as_u16(), reply.code().as_str()),
            (502, "upstream_invalid"),
            "{member} {value}"
        );
        refused_with(&front.authorize(&[]).await, 502, "temporarily_unavailable");
    }
    let front = Front::new("resource: strip").await;
    let reply = front.get("/.well-known/oauth-authorization-server/mcp").await;
    assert_eq!(reply.code(), "upstream_invalid", "nothing says that it keeps PKCE");
}

#[tokio::test]
async fn provider_that_is_away_for_a_while_is_remembered_and_not_hammered() {
    let front = Front::new(ENTRA).await;
    front.provider.fail_metadata(Some(503));
    for _ in 0..5 {
        refused_with(&front.authorize(&[]).await, 502, "temporarily_unavailable");
    }
    assert_eq!(front.provider.discoveries(), 1, "one load, both documents");
    front.provider.fail_metadata(None);
    front.clock.advance(Duration::from_secs(60));
    let many = (0..8).map(|_| front.authorize(&[]));
    let all = futures_util::future::join_all(many).await;
    assert!(all.iter().all(|reply| reply.status == 302));
    assert_eq!(front.provider.discoveries(), 2, "those who wait share one load");

    front.provider.fail_metadata(Some(503));
    front.clock.advance(Duration::from_secs(3600));
    assert_eq!(front.authorize(&[]).await.status, 302, "what is known is used");
    front.clock.advance(Duration::from_secs(sallyport::limits::JWKS_STALE_S));
    refused_with(&front.authorize(&[]).await, 502, "temporarily_unavailable");
}
