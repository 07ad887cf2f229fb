//! The whole way of an SDK's own OAuth client: refused, told where to look, registered, agreed to,
//! let in; and again when a call needs more than was agreed to.

use serde_json::{Value, json};

use crate::stage::{Client, Provider, Stage};
use crate::support::Upstream;

#[test]
#[ignore = "needs npm and PyPI packages: tests/run installs them"]
fn ts1_client_signs_in_and_steps_up() {
    signs_in_and_steps_up(Client::Ts1);
}

#[test]
#[ignore = "needs npm and PyPI packages: tests/run installs them"]
fn ts2_client_signs_in_and_steps_up() {
    signs_in_and_steps_up(Client::Ts2);
}

#[test]
#[ignore = "needs npm and PyPI packages: tests/run installs them"]
fn ts2_client_of_2026_07_28_signs_in_and_steps_up() {
    signs_in_and_steps_up(Client::Ts2Modern);
}

#[test]
#[ignore = "needs npm and PyPI packages: tests/run installs them"]
fn py1_client_signs_in_and_steps_up() {
    signs_in_and_steps_up(Client::Py1);
}

#[test]
#[ignore = "needs npm and PyPI packages: tests/run installs them"]
fn py2_client_signs_in_and_steps_up() {
    signs_in_and_steps_up(Client::Py2Legacy);
}

#[test]
#[ignore = "needs npm and PyPI packages: tests/run installs them"]
fn py2_client_of_2026_07_28_signs_in_and_steps_up() {
    signs_in_and_steps_up(Client::Py2Modern);
}

fn signs_in_and_steps_up(client: Client) {
    let stage = Stage::new();
    let provider = Provider::start(&stage.dir, &json!({ "scopes": SCOPES }));
    let everything = Upstream::everything(&stage.dir);
    let url = stage.url("/mcp");
    let _gateway = stage.gateway(
        &format!("issuers: [ {{ issuer: {} }} ]", provider.issuer()),
        &format!(
            "  - name: everything\n    public_url: {url}\n    upstream: {}\n    tools: [ \
             {{ match: get-sum, scopes: [tools:sum] }}, {{ match: echo, scopes: [tools:echo] }} ]\n",
            everything.url
        ),
    );
    let echo = json!({ "op": "call", "name": "echo", "arguments": { "message": "signed in" } });
    let steps = json!([
        { "op": "list_tools" },
        echo,
        { "op": "call", "name": "get-sum", "arguments": { "a": 2, "b": 3 } },
        echo,
    ]);

    let visit = client.visit(&url, &stage.ca, &steps);

    // Who pins the revision of 2026 shakes no hands: the list is the first request.
    let unknown = statuses(visit.handshake(), 401) + statuses(visit.exchanges(0), 401);
    assert_eq!(unknown, 1, "{client:?}: {visit:#?}");
    // Each of the first two calls needed more than there was; the third had all of it.
    assert_eq!(visit.tools(0), [""; 0], "{client:?}: nothing that needs more");
    assert_eq!(visit.text(1), "Echo: signed in", "{client:?}");
    assert_eq!(visit.text(2), "The sum of 2 and 3 is 5.", "{client:?}");
    assert_eq!(visit.text(3), "Echo: signed in", "{client:?}");
    assert_eq!(statuses(visit.exchanges(3), 403), 0, "{client:?}: what was granted is kept");
    for (step, needed) in [(1, "mcp.tools.invoke tools:echo"), (2, "mcp.tools.invoke tools:sum")] {
        let (status, challenge) = last_refusal(visit.exchanges(step));
        assert_eq!(status, 403, "{client:?}");
        let held = if client.is_modern() { "" } else { HELD[step - 1] };
        let scope = format!("error=\"insufficient_scope\", scope=\"{needed}{held}\"");
        assert!(challenge.contains(&scope), "{client:?}, step {step}: {challenge}");
    }

    assert_eq!(provider.seen("registration").len(), 1, "{client:?}");
    let asked = provider.seen("authorization");
    assert_eq!(asked.len(), 3, "{client:?}: {asked:#?}");
    for each in &asked {
        assert_eq!(each["params"]["resource"], url, "{client:?}");
        assert_eq!(each["params"]["code_challenge_method"], "S256", "{client:?}");
    }
    let redeemed = provider.seen("token");
    assert_eq!(redeemed.len(), 3, "{client:?}: {redeemed:#?}");
    for each in &redeemed {
        assert_eq!((&each["params"]["resource"], &each["pkce"]), (&json!(url), &json!(true)));
    }
    let first = asked[0]["params"]["scope"].as_str().unwrap();
    assert_eq!(first, "mcp.tools.invoke", "{client:?}: no more than basic use");
}

fn statuses(exchanges: &[Value], wanted: u64) -> usize {
    exchanges.iter().filter(|each| each["status"] == wanted && each["method"] == "POST").count()
}

#[track_caller]
fn last_refusal(exchanges: &[Value]) -> (u64, &str) {
    let refused = |each: &&Value| each["status"].as_u64().is_some_and(|status| status >= 400);
    let last = exchanges.iter().rfind(refused).unwrap_or_else(|| panic!("none: {exchanges:#?}"));
    (last["status"].as_u64().unwrap(), last["challenge"].as_str().unwrap_or_default())
}

const SCOPES: [&str; 3] = ["mcp.tools.invoke", "tools:echo", "tools:sum"];
/// What a challenge of the older era repeats in each step.
const HELD: [&str; 2] = ["", " tools:echo"];
