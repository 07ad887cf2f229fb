//! Each shim by itself, and answers through the gateway.

use std::time::Duration;

use sallyport::limits::{OAUTH_STATE_BYTES_MAX, OAUTH_STATE_S};
use serde_json::{Value, json};

use super::provider::{Provider, pairs};
use super::{AUDIENCE, CLIENT, Front, REDIRECT, encoded, redeeming, refused_with};
use crate::support::{RESOURCE, call};

const PROXY: &str =
    "resource: strip, assume_pkce: true, responses: proxy, redirect_uris: [loopback]";
const CALLBACK: &str = "https://gateway.test/mcp/oauth/callback";

/// The target of an address of the gateway.
fn target(address: &str) -> &str {
    address.strip_prefix("https://gateway.test").unwrap_or_else(|| panic!("{address}"))
}

#[tokio::test]
async fn answers_through_the_gateway_name_the_facade_where_the_provider_names_itself() {
    let provider = Provider::start(AUDIENCE).await;
    provider.set_metadata("authorization_response_iss_parameter_supported", json!(true));
    provider.set_metadata("registration_endpoint", json!("https://idp.example/reg"));
    provider.name_itself(&provider.url);
    let front = Front::before(provider, PROXY).await;
    let metadata = front.metadata().await;
    assert_eq!(metadata["authorization_response_iss_parameter_supported"], true);
    assert_eq!(metadata["registration_endpoint"], Value::Null);

    let sent = front.authorize(&[]).await;
    let asked = pairs(sent.header("location"));
    assert_eq!(asked["redirect_uri"], CALLBACK);
    assert!(!asked["state"].contains("127.0.0.1") && !asked["state"].contains("st at"));
    let (_, back) = front.provider.visit(sent.header("location")).await;
    let last = front.get(target(&back)).await;
    assert_eq!((last.status.as_u16(), last.header("referrer-policy")), (302, "no-referrer"));
    let location = last.header("location");
    assert!(location.starts_with(&format!("{REDIRECT}?code=secret-code-0&")), "{location}");
    let said = pairs(location);
    assert_eq!((said["iss"].as_str(), said["state"].as_str()), (RESOURCE, "st at/e=&+\u{e9}"));
    assert_eq!(said.len(), 3, "nothing else of the provider's answer: {said:?}");

    let answer = front.redeem(&said["code"]).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(front.provider.seen()[0].form["redirect_uri"], CALLBACK);
    let token = answer.json()["access_token"].as_str().unwrap().to_owned();
    assert_eq!(front.world.post(&token, &call("read")).await.status, 200);
    let records = front.world.closed_records(5).await;
    let callback = records.iter().find(|r| r["operation"] == "oauth/callback").unwrap();
    assert_eq!((&callback["phase"], &callback["status_code"]), (&json!("document"), &json!(302)));
    assert!(!callback.to_string().contains("secret-code"));
}

#[tokio::test]
async fn mixed_up_forged_and_old_answers_are_sent_nowhere() {
    let provider = Provider::start(AUDIENCE).await;
    provider.set_metadata("authorization_response_iss_parameter_supported", json!(true));
    let front = Front::before(provider, PROXY).await;
    let state = pairs(front.authorize(&[]).await.header("location"))["state"].clone();
    let own = front.provider.url.clone();
    let back = async |answer: &[(&str, &str)]| {
        front.get(&format!("/mcp/oauth/callback?{}", encoded(answer))).await
    };
    let good = [("code", "c"), ("state", state.as_str()), ("iss", own.as_str())];
    assert_eq!(back(&good).await.status, 302);
    let mut forged = state.clone();
    let middle = forged.len() / 2;
    let other = if forged.as_bytes()[middle] == b'A' { "B" } else { "A" };
    forged.replace_range(middle..=middle, other);
    for (code, state, iss) in [
        (Some("c"), Some(state.as_str()), Some("https://attacker.example")),
        (Some("c"), Some(state.as_str()), Some(RESOURCE)),
        (Some("c"), Some(state.as_str()), None),
        (Some("c"), Some(forged.as_str()), Some(own.as_str())),
        (Some("c"), Some("https://evil.example/"), Some(own.as_str())),
        (Some("c"), None, Some(own.as_str())),
        (None, Some(state.as_str()), Some(own.as_str())),
    ] {
        let mut answer = Vec::new();
        answer.extend(code.map(|code| ("code", code)));
        answer.extend(state.map(|state| ("state", state)));
        answer.extend(iss.map(|iss| ("iss", iss)));
        refused_with(&back(&answer).await, 400, "invalid_request");
    }
    let both = [good.as_slice(), &[("error", "access_denied")]].concat();
    refused_with(&back(&both).await, 400, "invalid_request");
    let twice = [good.as_slice(), &[("iss", "https://attacker.example")]].concat();
    refused_with(&back(&twice).await, 400, "invalid_request");

    front.clock.advance(Duration::from_secs(OAUTH_STATE_S));
    refused_with(&back(&good).await, 400, "invalid_request");
}

#[tokio::test]
async fn refusal_of_the_user_reaches_the_client_and_no_foreign_text_does() {
    let front = Front::new(PROXY).await;
    let state =
        pairs(front.authorize(&[("state", None)]).await.header("location"))["state"].clone();
    for (error, passed) in [("access_denied", "access_denied"), ("<b>\"", "server_error")] {
        let answer = [
            ("error", error),
            ("error_description", "no\"\r\n"),
            ("state", state.as_str()),
            ("error_uri", "https://evil.example/"),
        ];
        let answer = &answer[..if passed == error { 4 } else { 1 }];
        let mut answer = answer.to_vec();
        if answer.len() == 1 {
            answer.push(("state", &state));
        } else {
            answer[1] = ("error_description", "no\"");
        }
        let reply = front.get(&format!("/mcp/oauth/callback?{}", encoded(&answer))).await;
        assert_eq!(reply.status, 302, "{}", reply.text());
        let said = pairs(reply.header("location"));
        assert_eq!((said["error"].as_str(), said["iss"].as_str()), (passed, RESOURCE));
        assert!(!said.contains_key("state") && !said.contains_key("error_uri"), "{said:?}");
        assert!(said.get("error_description").is_none_or(|text| text == "no"));
    }
    let long = "s".repeat(OAUTH_STATE_BYTES_MAX + 1);
    refused_with(&front.authorize(&[("state", Some(&long))]).await, 400, "invalid_request");
}

#[tokio::test]
async fn shortened_list_of_addresses_holds_for_answers_under_way() {
    let front = Front::new(PROXY).await;
    let state = pairs(front.authorize(&[]).await.header("location"))["state"].clone();
    let lines = format!(
        "    authorization_server: {{ {} }}\n",
        PROXY.replace("loopback", "\"https://app.example/cb\"")
    );
    let config = front.world.check(&front.world.yaml(&lines)).unwrap();
    front.world.gateway().reload(config).unwrap();
    let answer = encoded(&[("code", "c"), ("state", &state)]);
    let reply = front.get(&format!("/mcp/oauth/callback?{answer}")).await;
    refused_with(&reply, 400, "invalid_request");
}

#[tokio::test]
async fn audience_or_scope_stands_in_the_place_of_the_resource() {
    let machine = [
        ("grant_type", "client_credentials"),
        ("client_id", "m"),
        ("client_secret", "s"),
        ("resource", RESOURCE),
    ];
    let more = "assume_pkce: true, client_credentials: true";
    let front = Front::new(&format!("resource: {{ audience: \"{AUDIENCE}\" }}, {more}")).await;
    let asked = pairs(front.authorize(&[]).await.header("location"));
    assert_eq!((asked["audience"].as_str(), asked.get("resource")), (AUDIENCE, None));
    assert_eq!(asked["redirect_uri"], REDIRECT, "where the provider knows the addresses");
    assert_eq!(front.token(&machine).await.status, 200);
    let seen = front.provider.seen().remove(0).form;
    assert_eq!((seen["audience"].as_str(), seen.get("resource")), (AUDIENCE, None));
    assert_eq!(seen["client_secret"], "s");
    let grants = &front.metadata().await["grant_types_supported"];
    assert_eq!(grants, &json!(["authorization_code", "refresh_token", "client_credentials"]));

    let front = Front::new(&format!("resource: {{ scope: notes-audience }}, {more}")).await;
    let asked = pairs(front.authorize(&[]).await.header("location"));
    assert_eq!(asked["scope"], "mcp.tools.invoke offline_access notes-audience");
    assert_eq!(front.token(&machine).await.status, 200);
    assert_eq!(front.provider.seen()[0].form["scope"], "notes-audience");
}

#[tokio::test]
async fn resource_is_passed_on_where_the_provider_takes_it() {
    let lines = "responses: proxy, redirect_uris: [loopback], assume_pkce: true";
    let front = Front::new(lines).await;
    let asked = pairs(front.authorize(&[]).await.header("location"));
    assert_eq!(asked["resource"], RESOURCE);
    refused_with(&front.redeem("c").await, 400, "invalid_target");
    assert_eq!(front.provider.seen()[0].form["resource"], RESOURCE);
}

#[tokio::test]
async fn registration_alone_leaves_the_other_endpoints_with_the_provider() {
    let lines =
        "assume_pkce: true, registration: { client_id: public-client }, redirect_uris: [loopback]";
    let front = Front::new(lines).await;
    let metadata = front.metadata().await;
    assert_eq!(metadata["registration_endpoint"], "https://gateway.test/mcp/oauth/register");
    assert_eq!(metadata["token_endpoint"], format!("{}/tenant/token", front.provider.url));
    let methods = metadata["token_endpoint_auth_methods_supported"].as_array().unwrap();
    assert!(methods.contains(&json!("none")) && methods.contains(&json!("private_key_jwt")));
    let registered = front.register(&json!({ "redirect_uris": [REDIRECT] })).await;
    assert_eq!(registered.json()["client_id"], CLIENT);
    assert_eq!(front.token(&redeeming("c")).await.status, 404);
}
