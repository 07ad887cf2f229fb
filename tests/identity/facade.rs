//! A real provider that has no registration and refuses resource indicators, behind the facade: the
//! SDKs' own OAuth clients get in, although they send `resource`, register, and check the issuer of
//! answers.

use serde_json::json;

use crate::stage::{Client, Provider, Stage};
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

fn gets_in_through_the_facade(client: Client) {
    let stage = Stage::new();
    let url = stage.url("/mcp");
    let callback = format!("{url}/oauth/callback");
    let provider = Provider::start(
        &stage.dir,
        &json!({
            "scopes": SCOPES,
            "audience": AUDIENCE,
            "registration": false,
            "clients": { "sallyport": {
                "scopes": SCOPES,
                "grant_types": ["authorization_code"],
                "response_types": ["code"],
                "redirect_uris": [callback],
                "token_endpoint_auth_method": "none",
            } },
        }),
    );
    let everything = Upstream::everything(&stage.dir);
    let _gateway = stage.gateway(
        &format!("issuers: [ {{ issuer: {}, audience: [ \"{AUDIENCE}\" ] }} ]", provider.issuer()),
        &format!(
            "  - name: everything\n    public_url: {url}\n    upstream: {}\n    tools: [ \
             {{ match: get-sum, scopes: [tools:sum] }}, {{ match: echo, scopes: [tools:echo] }} ]\n    \
             authorization_server:\n      resource: strip\n      responses: proxy\n      \
             registration: {{ client_id: sallyport }}\n      redirect_uris: [loopback]\n",
            everything.url
        ),
    );
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

const AUDIENCE: &str = "api://notes";
const SCOPES: [&str; 3] = ["mcp.tools.invoke", "tools:echo", "tools:sum"];
