//! What strangers try at endpoints that need no token.

use sallyport::limits::{
    FACADE_AT_ONCE_MAX, FACADE_BURST, FACADE_REQUESTS_PER_MINUTE, OAUTH_BODY_BYTES_MAX,
    REDIRECT_URIS_MAX,
};
use serde_json::json;

use super::provider::{Provider, pairs};
use super::{
    AUDIENCE, CLIENT, ENTRA, FORM, Front, REDIRECT, VERIFIER, ask, asking, encoded, redeeming,
    refused_with,
};
use crate::support::{FullDisk, RESOURCE, Setup, with_header};

#[tokio::test]
async fn authorization_endpoint_is_no_open_redirector() {
    let front = Front::new(ENTRA).await;
    for address in [
        "https://evil.example/cb",
        "http://127.0.0.1:1@evil.example/",
        "http://127.0.0.1.evil.example/",
        "https://app.example/cb/../x",
        "//evil.example",
        "javascript:alert(1)",
        "",
    ] {
        let reply = front.authorize(&[("redirect_uri", Some(address))]).await;
        refused_with(&reply, 400, "invalid_request");
    }
    for (name, value, error) in [
        ("redirect_uri", None, "invalid_request"),
        ("client_id", None, "invalid_request"),
        ("client_id", Some("a b"), "invalid_request"),
        ("response_type", Some("token"), "unsupported_response_type"),
        ("response_type", Some("code id_token"), "unsupported_response_type"),
        ("response_type", None, "unsupported_response_type"),
        ("response_mode", Some("fragment"), "invalid_request"),
        ("request", Some("e30.e30."), "request_not_supported"),
        ("request_uri", Some("https://evil.example/r"), "request_uri_not_supported"),
        ("code_challenge", None, "invalid_request"),
        ("code_challenge", Some("short"), "invalid_request"),
        ("code_challenge_method", Some("plain"), "invalid_request"),
        ("code_challenge_method", None, "invalid_request"),
        ("resource", Some("https://other.example/mcp"), "invalid_target"),
        ("resource", Some("https://gateway.test/mcp/"), "invalid_target"),
        ("resource", Some("https://GATEWAY.test/mcp"), "invalid_target"),
        ("state", Some("a\r\nlocation: https://evil.example"), "invalid_request"),
    ] {
        refused_with(&front.authorize(&[(name, value)]).await, 400, error);
    }
    for twice in
        ["&redirect_uri=https://evil.example/", "&resource=x", "&%73tate=2", "&x=1&x=2", "&=1"]
    {
        let reply = front.get(&format!("/mcp/oauth/authorize?{}{twice}", asking(&[]))).await;
        refused_with(&reply, 400, "invalid_request");
    }
    let reply = front.world.send(ask("POST", "/mcp/oauth/authorize", FORM, &asking(&[]))).await;
    refused_with(&reply, 405, "invalid_request");
    assert_eq!(front.provider.discoveries(), 0, "what is refused costs the provider nothing");
}

#[tokio::test]
async fn token_endpoint_passes_on_nothing_that_it_did_not_judge() {
    let front = Front::new(ENTRA).await;
    let good = redeeming("c");
    let but = |name: &str, value: Option<&'static str>| {
        let mut form: Vec<_> = good.iter().copied().filter(|(known, _)| *known != name).collect();
        let name = name.to_owned().leak();
        form.extend(value.map(|value| (&*name, value)));
        form
    };
    for (form, error) in [
        (but("grant_type", None), "invalid_request"),
        (but("grant_type", Some("password")), "unsupported_grant_type"),
        (but("grant_type", Some("client_credentials")), "unsupported_grant_type"),
        (but("code", None), "invalid_request"),
        (but("code_verifier", None), "invalid_request"),
        (but("resource", Some("https://other.example/mcp")), "invalid_target"),
        (but("redirect_uri", Some("https://evil.example/")), "invalid_grant"),
        (but("client_assertion", Some("e30.e30.x")), "invalid_client"),
        (vec![("grant_type", "refresh_token")], "invalid_request"),
        ([good.clone(), vec![("code", "d")]].concat(), "invalid_request"),
        ([good.clone(), vec![("resource", RESOURCE)]].concat(), "invalid_request"),
    ] {
        refused_with(&front.token(&form).await, 400, error);
    }
    let text = encoded(&good);
    let post = |media_type: &str, body: &str| ask("POST", "/mcp/oauth/token", media_type, body);
    for media_type in ["application/json", "", "multipart/form-data; boundary=x"] {
        refused_with(&front.world.send(post(media_type, &text)).await, 415, "invalid_request");
    }
    let huge = format!("{text}&x={}", "a".repeat(OAUTH_BODY_BYTES_MAX));
    refused_with(&front.world.send(post(FORM, &huge)).await, 413, "invalid_request");
    refused_with(&front.get("/mcp/oauth/token").await, 405, "invalid_request");
    for (name, value) in
        [("authorization", "Bearer x"), ("dpop", "x"), ("content-encoding", "gzip")]
    {
        let reply = front.world.send(with_header(post(FORM, &text), name, value)).await;
        let status = if name == "content-encoding" { 415 } else { 400 };
        refused_with(&reply, status, "invalid_request");
    }
    let both = encoded(&[good.clone(), vec![("client_secret", "s")]].concat());
    let request = with_header(post(FORM, &both), "authorization", "Basic eDp5");
    refused_with(&front.world.send(request).await, 400, "invalid_request");
    let asked = format!("/mcp/oauth/token?{text}");
    assert_eq!(front.world.send(ask("POST", &asked, FORM, "")).await.status, 404);
    assert!(front.provider.seen().is_empty(), "{:?}", front.provider.seen());
}

#[tokio::test]
async fn clients_own_proof_reaches_the_provider_and_nothing_else_of_the_request() {
    let front = Front::new(ENTRA).await;
    let form = encoded(&[("grant_type", "refresh_token"), ("refresh_token", "r"), ("evil", "1")]);
    let request =
        ask("POST", "/mcp/oauth/token", "application/x-www-form-urlencoded;charset=UTF-8", &form);
    let request = with_header(request, "authorization", "Basic eDp5");
    let request = with_header(with_header(request, "cookie", "a=b"), "x-forwarded-for", "1.2.3.4");
    assert_eq!(front.world.send(request).await.status, 200);
    let seen = front.provider.seen().remove(0);
    assert_eq!(seen.authorization.as_deref(), Some("Basic eDp5"));
    assert_eq!(seen.form.len(), 2, "{seen:?}");
    let strange = |name: &&String| ["cookie", "x-forwarded-for", "origin"].contains(&name.as_str());
    assert_eq!(seen.other_headers.iter().find(strange), None);
}

#[tokio::test]
async fn errors_of_the_provider_are_those_of_oauth_and_no_more() {
    let front = Front::new(ENTRA).await;
    let reply = front.redeem("unknown").await;
    refused_with(&reply, 400, "invalid_grant");
    assert_eq!(reply.json()["error_description"], "AADSTS1: no.");

    front.provider.answer_tokens_with(
        401,
        "application/json",
        r#"{"error":"invalid_client","x":1}"#,
    );
    let reply = front.redeem("c").await;
    refused_with(&reply, 401, "invalid_client");
    assert_eq!(reply.header("www-authenticate"), "Basic realm=\"oauth\"");

    front.provider.answer_tokens_with(429, "text/html", "<h1>slow</h1>");
    let reply = front.redeem("c").await;
    refused_with(&reply, 503, "temporarily_unavailable");
    assert_ne!(reply.header("retry-after"), "");

    for (status, media_type, body) in [
        (200, "text/html", r#"{"access_token":"secret-token","token_type":"Bearer"}"#),
        (200, "application/json", r#"{"access_token":"secret-token"}"#),
        (
            200,
            "application/json",
            r#"{"access_token":"a","access_token":"secret-token","token_type":"b"}"#,
        ),
        (200, "application/json", r#"["secret-token"]"#),
        (400, "application/json", r#"{"error":"<script>secret-token"}"#),
        (400, "application/json", "secret-token"),
        (302, "application/json", "{}"),
        (500, "application/json", r#"{"error":"secret-token"}"#),
    ] {
        front.provider.answer_tokens_with(status, media_type, body);
        let reply = front.redeem("c").await;
        refused_with(&reply, 502, "temporarily_unavailable");
        assert!(!reply.text().contains("secret-token"));
    }
}

#[tokio::test]
async fn registration_gives_nobody_an_address_that_is_not_listed() {
    let front = Front::new(ENTRA).await;
    let wants = |uris: serde_json::Value| json!({ "redirect_uris": uris });
    for body in [
        json!({}),
        wants(json!([])),
        wants(json!(["https://evil.example/cb"])),
        wants(json!([REDIRECT, "https://evil.example/cb"])),
        wants(json!([7])),
        wants(json!(REDIRECT)),
        wants(json!(vec![REDIRECT; REDIRECT_URIS_MAX + 1])),
    ] {
        refused_with(&front.register(&body).await, 400, "invalid_redirect_uri");
    }
    for body in [
        json!({ "redirect_uris": [REDIRECT], "grant_types": ["client_credentials"] }),
        json!({ "redirect_uris": [REDIRECT], "response_types": ["token"] }),
        json!([]),
    ] {
        refused_with(&front.register(&body).await, 400, "invalid_client_metadata");
    }
    for text in [
        "{",
        r#"{"redirect_uris":["http://127.0.0.1/"],"redirect_uris":["https://evil.example/"]}"#,
        r#"{"redirect_uris":["http://127.0.0.1/"],"Redirect_URIs":["https://evil.example/"]}"#,
    ] {
        let request = ask("POST", "/mcp/oauth/register", "application/json", text);
        refused_with(&front.world.send(request).await, 400, "invalid_client_metadata");
    }
    let huge = json!({ "redirect_uris": [REDIRECT], "x": "a".repeat(OAUTH_BODY_BYTES_MAX) });
    refused_with(&front.register(&huge).await, 413, "invalid_request");
    let form = ask("POST", "/mcp/oauth/register", FORM, "redirect_uris=x");
    refused_with(&front.world.send(form).await, 415, "invalid_request");
}

#[tokio::test]
async fn s56_each_address_has_its_share_of_the_facade_beside_its_share_of_the_gateway() {
    let front = Front::new(ENTRA).await;
    let share = FACADE_BURST.max(FACADE_REQUESTS_PER_MINUTE);
    for _ in 0..share {
        assert_eq!(front.authorize(&[]).await.status, 302);
    }
    let reply = front.register(&json!({ "redirect_uris": [REDIRECT] })).await;
    refused_with(&reply, 429, "temporarily_unavailable");
    assert_eq!(reply.header("retry-after"), "1");
    let metadata = front.get("/.well-known/oauth-authorization-server/mcp").await;
    assert_eq!(metadata.status, 200, "documents cost nobody anything");
    assert_eq!(front.get("/mcp").await.status, 401, "calls have limits of their own");
    let metrics = front.world.admin("/metrics").await.1;
    let counted = "sallyport_rate_limited_total{limit=\"oauth\",server=\"crm\"} 1";
    assert!(metrics.contains(counted), "{metrics}");
    let allowed = format!(
        "sallyport_requests_total{{action=\"_none\",decision=\"allow\",server=\"crm\"}} {share}"
    );
    assert!(metrics.contains(&allowed), "{metrics}");
}

#[tokio::test]
async fn provider_that_hangs_holds_a_bounded_number_of_requests() {
    let front = Front::new(ENTRA).await;
    assert_eq!(front.authorize(&[]).await.status, 302, "its metadata is known");
    front.provider.hold();
    let form = redeeming("c");
    let full = async {
        while front.provider.seen().len() < FACADE_AT_ONCE_MAX {
            tokio::task::yield_now().await;
        }
        let reply = front.token(&form).await;
        front.provider.release();
        reply
    };
    let waiting =
        futures_util::future::join_all((0..FACADE_AT_ONCE_MAX).map(|_| front.token(&form)));
    let (reply, answered) = tokio::join!(full, waiting);
    refused_with(&reply, 503, "temporarily_unavailable");
    assert!(answered.iter().all(|reply| reply.status == 400));
    assert_eq!(front.provider.seen().len(), FACADE_AT_ONCE_MAX);
}

#[tokio::test]
async fn s59_every_request_leaves_a_record_and_no_record_a_secret() {
    let front = Front::new(ENTRA).await;
    front.register(&json!({ "redirect_uris": [REDIRECT] })).await;
    let sent = front.authorize(&[("state", Some("secret-state"))]).await;
    let (_, back) = front.provider.visit(sent.header("location")).await;
    let answer = front.redeem(&pairs(&back)["code"]).await;
    let token = answer.json()["access_token"].as_str().unwrap().to_owned();
    front.redeem("secret-code-of-another").await;
    front.token(&[("grant_type", "secret-grant")]).await;
    front.authorize(&[("redirect_uri", Some("https://secret.example/"))]).await;

    let records = front.world.closed_records(6).await;
    let facts: Vec<_> = records
        .iter()
        .map(|r| {
            let text = |name: &str| r[name].as_str().unwrap_or_default().to_owned();
            (text("phase"), text("operation"), r["status_code"].as_u64().unwrap(), text("client"))
        })
        .collect();
    let fact = |phase: &str, operation: &str, status, client: &str| {
        (phase.to_owned(), format!("oauth/{operation}"), status, client.to_owned())
    };
    assert_eq!(
        facts,
        [
            fact("document", "register", 201, CLIENT),
            fact("document", "authorize", 302, CLIENT),
            fact("document", "token", 200, CLIENT),
            fact("document", "token", 400, CLIENT),
            fact("refused", "token", 400, ""),
            fact("refused", "authorize", 400, ""),
        ]
    );
    for record in &records {
        assert_eq!(record["server"], "crm");
        assert_eq!(record["client_ip"], "127.0.0.1");
        let text = record.to_string();
        for secret in ["secret", token.as_str(), VERIFIER] {
            assert!(!text.contains(secret), "{text}");
        }
    }
    front.world.finish().await;
}

#[tokio::test]
async fn s54_nobody_is_sent_and_nothing_is_asked_but_the_configured_provider() {
    let provider = Provider::start(AUDIENCE).await;
    provider.answer_tokens_with(307, "application/json", "{}");
    let front = Front::before(provider, ENTRA).await;
    refused_with(&front.redeem("c").await, 502, "temporarily_unavailable");
    assert_eq!(front.provider.seen().len(), 1, "a redirect is not followed");
    for (name, value) in [("x-forwarded-host", "evil.example"), ("forwarded", "host=evil.example")]
    {
        let request = ask("GET", &format!("/mcp/oauth/authorize?{}", asking(&[])), "", "");
        let reply = front.world.send(with_header(request, name, value)).await;
        assert!(reply.header("location").starts_with(&front.provider.url), "{name}");
    }
}

#[tokio::test]
async fn s60_no_token_leaves_the_facade_without_its_record() {
    let Some(full) = FullDisk::mount() else {
        eprintln!("no right to mount a small file system: this promise was not tried");
        return;
    };
    let audit_dir = Some(full.path().to_owned());
    let provider = Provider::start(AUDIENCE).await;
    let front = Front::with(provider, ENTRA, Setup { audit_dir, ..Setup::default() }).await;
    let form = [("grant_type", "refresh_token"), ("refresh_token", "r"), ("client_id", CLIENT)];
    assert_eq!(front.token(&form).await.status, 200);
    full.fill();
    let mut served = 0;
    while front.token(&form).await.status == 200 {
        served += 1;
        assert!(served < 20, "a full disk takes no more records");
    }
    refused_with(&front.token(&form).await, 503, "temporarily_unavailable");
    refused_with(&front.authorize(&[]).await, 503, "temporarily_unavailable");
}

#[tokio::test]
async fn pages_may_use_the_token_and_registration_endpoints_and_not_the_authorization_endpoint() {
    let front = Front::new(ENTRA).await;
    let from_page = |method: &str, path: &str, media_type: &str, body: &str| {
        with_header(ask(method, path, media_type, body), "origin", "https://page.example")
    };
    for path in ["/mcp/oauth/token", "/mcp/oauth/register"] {
        let request = with_header(
            from_page("OPTIONS", path, "", ""),
            "access-control-request-method",
            "POST",
        );
        let reply = front.world.send(request).await;
        assert_eq!(reply.status, 204, "{path}");
        assert_eq!(reply.header("access-control-allow-origin"), "*");
        assert!(reply.header("access-control-allow-methods").contains("POST"));
        assert!(reply.header("access-control-allow-headers").contains("authorization"));
        assert_eq!(reply.header("access-control-allow-credentials"), "");
    }
    let reply = front.world.send(from_page("POST", "/mcp/oauth/token", FORM, "x=1")).await;
    assert_eq!((reply.status.as_u16(), reply.header("access-control-allow-origin")), (400, "*"));
    let target = format!("/mcp/oauth/authorize?{}", asking(&[]));
    let reply = front.world.send(from_page("GET", &target, "", "")).await;
    assert_eq!((reply.status.as_u16(), reply.header("access-control-allow-origin")), (302, ""));
}
