//! A real provider that has no registration and refuses resource indicators, behind the facade: the
//! SDKs' own OAuth clients get in, although they send `resource`, register, and check the issuer of
//! answers.

use serde_json::json;

use crate::stage::{Client, Gateway, Provider, Stage};
use crate::support::Upstream;

#[test]
#[ignore = "needs npm and PyPI packages: tests/run installs them"]
fn ts1_client_gets_in_through_the_facade() {
    gets_in_through_the_facade(Client::Ts1);
}

#[test]
#[ignore = "needs npm and PyPI packages: tests/run installs them"]
fn ts2_client_of_2026_07_28_gets_in_through_the_facade() {
    gets_in_through_the_facade(Client::Ts2Modern);
}

#[test]
#[ignore = "needs npm and PyPI packages: tests/run installs them"]
fn py1_client_gets_in_through_the_facade() {
    gets_in_through_the_facade(Client::Py1);
}

#[test]
#[ignore = "needs npm and PyPI packages: tests/run installs them"]
fn py2_client_of_2026_07_28_gets_in_through_the_facade() {
    gets_in_through_the_facade(Client::Py2Modern);
}

#[test]
#[ignore = "needs npm and PyPI packages: tests/run installs them"]
fn client_that_checks_the_issuer_refuses_an_answer_that_comes_from_the_provider_itself() {
    // Who does not check gets in.
    for (client, gets_in) in [(Client::Ts1, true), (Client::Py2Modern, false)] {
        let stage = Stage::new();
        let url = stage.url("/mcp");
        let provider = provider(&stage, "http://127.0.0.1:1/callback");
        let everything = Upstream::everything(&stage.dir);
        let facade = "resource: strip\n      registration: { client_id: sallyport }\n      \
                      redirect_uris: [loopback]";
        let _gateway = gateway(&stage, &provider, &everything, facade);
        let visit = client.visit(&url, &stage.ca, &json!([{ "op": "list_tools" }]));
        assert_eq!(visit.outcome(0).is_ok(), gets_in, "{client:?}: {visit:#?}");
        if let Err(why) = visit.outcome(0) {
            assert!(why.contains("iss"), "{client:?}: {why}");
        }
        let redeemed = provider.seen("token").len();
        assert_eq!(redeemed, usize::from(gets_in), "{client:?}");
    }
}

fn gets_in_through_the_facade(client: Client) {
    let stage = Stage::new();
    let url = stage.url("/mcp");
    let callback = format!("{url}/oauth/callback");
    let provider = provider(&stage, &callback);
    let everything = Upstream::everything(&stage.dir);
    let facade = "resource: strip\n      responses: proxy\n      \
                  registration: { client_id: sallyport }\n      redirect_uris: [loopback]";
    let _gateway = gateway(&stage, &provider, &everything, facade);
    let steps = json!([
        { "op": "list_tools" },
        { "op": "call", "name": "echo", "arguments": { "message": "signed in" } },
        { "op": "call", "name": "get-sum", "arguments": { "a": 2, "b": 3 } },
    ]);

    let visit = client.visit(&url, &stage.ca, &steps);

    assert_eq!(visit.text(1), "Echo: signed in", "{client:?}: {visit:#?}");
    assert_eq!(visit.text(2), "The sum of 2 and 3 is 5.", "{client:?}");
    let asked = provider.seen("authorization");
    assert_eq!(asked.len(), 3, "{client:?}: {asked:#?}");
    for each in &asked {
        assert_eq!(each["params"]["client_id"], "sallyport", "{client:?}");
        assert_eq!(each["params"]["redirect_uri"], callback, "{client:?}");
        assert_eq!(each["params"]["code_challenge_method"], "S256", "{client:?}");
        assert!(each["params"].get("resource").is_none_or(|r| *r == AUDIENCE), "{client:?}");
    }
    let redeemed = provider.seen("token");
    assert_eq!(redeemed.len(), 3, "{client:?}: {redeemed:#?}");
    assert!(redeemed.iter().all(|each| each["pkce"] == true && each["status"] == 200));
    assert!(provider.seen("registration").is_empty(), "{client:?}");
}

/// With one public client, whose answers go to `callback`.
fn provider(stage: &Stage, callback: &str) -> Provider {
    let client = json!({
        "scopes": SCOPES,
        "grant_types": ["authorization_code"],
        "response_types": ["code"],
        "redirect_uris": [callback],
        "application_type": if callback.starts_with("https") { "web" } else { "native" },
        "token_endpoint_auth_method": "none",
    });
    let options = json!({
        "scopes": SCOPES,
        "audience": AUDIENCE,
        "registration": false,
        "clients": { "sallyport": client },
    });
    Provider::start(&stage.dir, &options)
}

fn gateway(stage: &Stage, provider: &Provider, server: &Upstream, facade: &str) -> Gateway {
    let issuer = provider.issuer();
    stage.gateway(
        &format!("issuers: [ {{ issuer: {issuer}, audience: [ \"{AUDIENCE}\" ] }} ]"),
        &format!(
            "  - name: everything\n    public_url: {}\n    upstream: {}\n    tools: [ \
             {{ match: get-sum, scopes: [tools:sum] }}, {{ match: echo, scopes: [tools:echo] }} ]\n    \
             authorization_server:\n      {facade}\n",
            stage.url("/mcp"),
            server.url
        ),
    )
}

const AUDIENCE: &str = "api://notes";
const SCOPES: [&str; 3] = ["mcp.tools.invoke", "tools:echo", "tools:sum"];
