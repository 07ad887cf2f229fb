//! Promises about fetching keys: when, how often, and what happens when it fails.

use futures_util::future::join_all;
use sallyport::authn::jwks::JWKS_RETRY_S;
use sallyport::authn::source::KEY_FILE_FRESH_S;
use sallyport::config::{Issuer as Trust, KeySource};
use sallyport::limits::{JWKS_FRESH_S, JWKS_REFRESH_MIN_S, JWKS_STALE_S, TOKEN_CACHE_S};
use sallyport::reject::Code;
use serde_json::json;

use crate::issuer::{Issuer, NOW, SigningKey};
use crate::keys::{by, setup};
use crate::route::{Process, tokens, trust};

#[tokio::test]
async fn new_key_is_found_at_its_first_token() {
    let (issuer, _process, route) = setup(vec![SigningKey::es256("old")]).await;
    let old = issuer.key();
    assert!(route.call(&issuer.token().sign()).await.is_ok());
    let new = SigningKey::es256("new");
    issuer.set_keys(vec![new.clone(), old.clone()]);
    assert!(route.call(&by(&issuer, &new).sign()).await.is_ok());
    assert!(route.call(&by(&issuer, &old).subject("bob").sign()).await.is_ok());
    assert_eq!(issuer.jwks_fetches(), 2);
}

#[tokio::test]
async fn s09_p29_flood_of_unknown_kids_causes_one_fetch_per_interval() {
    let (issuer, process, route) = setup(vec![SigningKey::es256("good")]).await;
    assert!(route.call(&issuer.token().sign()).await.is_ok());
    let route = &route;
    let flood = |round: usize| {
        let tokens: Vec<_> =
            (0..40).map(|n| issuer.token().header("kid", format!("{round}-{n}")).sign()).collect();
        async move { join_all(tokens.iter().map(|t| route.call(t))).await }
    };
    assert!(flood(1).await.iter().all(Result::is_err));
    assert_eq!(issuer.jwks_fetches(), 2);
    assert!(route.call(&issuer.token().subject("bob").sign()).await.is_ok());
    process.advance(JWKS_REFRESH_MIN_S - 1);
    flood(2).await;
    assert_eq!(issuer.jwks_fetches(), 2);
    process.advance(1);
    flood(3).await;
    assert_eq!(issuer.jwks_fetches(), 3);
}

#[tokio::test]
async fn callers_who_wait_for_the_first_keys_share_one_fetch() {
    let (issuer, _process, route) = setup(vec![SigningKey::es256("a")]).await;
    issuer.hold();
    let callers: Vec<_> =
        (0..20).map(|n| issuer.token().subject(&format!("user-{n}")).sign()).collect();
    let calls = join_all(callers.iter().map(|token| route.call(token)));
    let release = async {
        issuer.arrived(1).await;
        issuer.release();
    };
    let (answers, ()) = tokio::join!(calls, release);
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(issuer.fetches(), 1);
}

#[tokio::test]
async fn caller_who_goes_away_does_not_end_the_fetch_for_others() {
    let (issuer, _process, route) = setup(vec![SigningKey::es256("a")]).await;
    issuer.hold();
    let token = issuer.token().sign();
    tokio::select! {
        _ = route.call(&token) => panic!("the answer is held back"),
        () = issuer.arrived(1) => {}
    }
    let release = async { issuer.release() };
    let (answer, ()) = tokio::join!(route.call(&token), release);
    assert!(answer.is_ok());
    assert_eq!(issuer.fetches(), 1);
}

#[tokio::test]
async fn s10_p29_removed_key_ends_the_tokens_that_it_signed_cached_or_not() {
    let (issuer, process, route) = setup(vec![SigningKey::es256("old")]).await;
    let (old, new) = (issuer.key(), SigningKey::es256("new"));
    let token = by(&issuer, &old).sign();
    assert!(route.call(&token).await.is_ok());
    assert_eq!(process.authn.cached_tokens(), 1);
    issuer.set_keys(vec![new.clone()]);
    process.advance(JWKS_FRESH_S - 1);
    let kept = by(&issuer, &old).expires_in(9_999).sign();
    assert!(route.call(&kept).await.is_ok(), "the keys are not due yet");
    process.advance(1);
    process.authn.refresh_due().await;
    for token in [token, kept] {
        let refused = route.call(&token).await.unwrap_err();
        assert_eq!(refused.code, Code::TokenInvalid);
    }
    assert!(route.call(&by(&issuer, &new).sign()).await.is_ok());
}

#[tokio::test]
async fn added_key_leaves_cached_tokens_alone() {
    let (issuer, process, route) = setup(vec![SigningKey::es256("old")]).await;
    let old = issuer.key();
    process.authn.refresh_due().await;
    process.advance(JWKS_FRESH_S - 1);
    let token = by(&issuer, &old).sign();
    let first = route.call(&token).await.unwrap();
    issuer.set_keys(vec![SigningKey::es256("new"), old]);
    process.advance(1);
    process.authn.refresh_due().await;
    let second = route.call(&token).await.unwrap();
    assert!(std::sync::Arc::ptr_eq(&first, &second));
    assert_eq!(issuer.jwks_fetches(), 2);
}

#[tokio::test]
async fn s10_cached_token_ends_with_its_expiry() {
    let (issuer, process, route) = setup(vec![SigningKey::es256("a")]).await;
    let token = issuer.token().expires_in(100).sign();
    assert!(route.call(&token).await.is_ok());
    process.advance(129);
    assert!(route.call(&token).await.is_ok(), "thirty seconds of skew are tolerated");
    process.advance(1);
    assert_eq!(route.reason(&token).await, Some("expired"));
}

#[tokio::test]
async fn cached_token_is_verified_again_after_the_longest_time_of_trust() {
    let (issuer, process, route) = setup(vec![SigningKey::es256("a")]).await;
    let token = issuer.token().expires_in(86_400).sign();
    let first = route.call(&token).await.unwrap();
    process.advance(TOKEN_CACHE_S - 1);
    let cached = route.call(&token).await.unwrap();
    process.advance(1);
    let again = route.call(&token).await.unwrap();
    assert!(std::sync::Arc::ptr_eq(&first, &cached));
    assert!(!std::sync::Arc::ptr_eq(&first, &again));
}

#[tokio::test]
async fn p29_keys_are_used_while_the_issuer_is_down_up_to_the_limit() {
    let (issuer, process, route) = setup(vec![SigningKey::es256("a")]).await;
    let token = |subject: &str| issuer.token().expires_in(999_999).subject(subject).sign();
    assert!(route.call(&token("a")).await.is_ok());
    issuer.fail_with(Some(500));
    process.advance(JWKS_STALE_S - 1);
    process.authn.refresh_due().await;
    let status = &process.authn.key_status()[0];
    assert_eq!((status.keys, status.age_s), (1, Some(JWKS_STALE_S - 1)));
    assert!(status.error.as_ref().unwrap().contains("500"));
    let cached = token("b");
    assert!(route.call(&cached).await.is_ok());
    process.advance(1);
    for token in [cached, token("a"), token("c")] {
        let refused = route.call(&token).await.unwrap_err();
        assert_eq!(refused.code, Code::KeysUnavailable);
        assert!(refused.retry_after_s.is_some() && refused.challenge.is_none());
    }
    issuer.fail_with(None);
    process.advance(JWKS_RETRY_S);
    assert!(route.call(&token("a")).await.is_ok());
}

#[tokio::test]
async fn without_keys_nobody_is_let_in_and_the_issuer_is_not_hammered() {
    let (issuer, process, route) = setup(vec![SigningKey::es256("a")]).await;
    issuer.fail_with(Some(503));
    for _ in 0..5 {
        let refused = route.call(&issuer.token().sign()).await.unwrap_err();
        assert_eq!(refused.code, Code::KeysUnavailable);
    }
    assert_eq!(issuer.fetches(), 1);
    process.advance(JWKS_RETRY_S);
    issuer.fail_with(None);
    assert!(route.call(&issuer.token().sign()).await.is_ok());
    assert_eq!(issuer.fetches(), 2);
}

#[tokio::test]
async fn unusable_key_set_leaves_the_old_keys_in_place() {
    let (issuer, process, route) = setup(vec![SigningKey::es256("a")]).await;
    assert!(route.call(&issuer.token().sign()).await.is_ok());
    for text in ["", "<html>", "[]", "{}", r#"{"keys":{}}"#, r#"{"keys":[],"keys":[]}"#] {
        issuer.set_jwks(text);
        process.advance(JWKS_FRESH_S);
        process.authn.refresh_due().await;
        assert!(process.authn.key_status()[0].error.is_some(), "{text}");
        let token = issuer.token().expires_in(99_999).subject(text).claim("sub", "x").sign();
        assert!(route.call(&token).await.is_ok(), "{text}");
    }
}

#[tokio::test]
async fn emptied_key_set_ends_every_token() {
    let (issuer, process, route) = setup(vec![SigningKey::es256("a")]).await;
    let token = issuer.token().expires_in(9_999).sign();
    assert!(route.call(&token).await.is_ok());
    issuer.set_jwks(r#"{"keys":[]}"#);
    process.advance(JWKS_FRESH_S);
    process.authn.refresh_due().await;
    assert_eq!(route.call(&token).await.unwrap_err().code, Code::TokenInvalid);
}

#[tokio::test]
async fn key_file_is_read_again_when_it_changes() {
    let issuer = Issuer::start_at(NOW).await;
    let path = std::env::temp_dir().join(format!("sallyport-keys-{}.json", std::process::id()));
    std::fs::write(&path, issuer.jwks().to_string()).unwrap();
    let process = Process::start();
    let file = Trust { keys: KeySource::File(path.clone()), ..trust(&issuer) };
    let route = process.route(tokens([file]));
    let old = issuer.token().expires_in(9_999).sign();
    assert!(route.call(&old).await.is_ok());
    let new = SigningKey::es256("new");
    std::fs::write(&path, json!({"keys": [new.jwk()]}).to_string()).unwrap();
    process.advance(KEY_FILE_FRESH_S);
    process.authn.refresh_due().await;
    assert!(route.call(&by(&issuer, &new).sign()).await.is_ok());
    assert_eq!(route.call(&old).await.unwrap_err().code, Code::TokenInvalid);
    std::fs::remove_file(&path).unwrap();
    assert_eq!(issuer.fetches(), 0);
}

fn discovering(issuer: &Issuer) -> Trust {
    Trust { keys: KeySource::Discover, ..trust(issuer) }
}

#[tokio::test]
async fn keys_are_discovered_from_either_metadata_document() {
    for hide_oauth in [false, true] {
        let issuer = Issuer::start_at(NOW).await;
        if hide_oauth {
            issuer.hide_oauth_metadata();
        }
        let process = Process::start();
        let route = process.route(tokens([discovering(&issuer)]));
        assert!(route.call(&issuer.token().sign()).await.is_ok());
        assert_eq!(issuer.fetches(), if hide_oauth { 3 } else { 2 });
    }
}

#[tokio::test]
async fn metadata_that_is_not_exactly_the_issuers_is_not_believed() {
    let issuer = Issuer::start_at(NOW).await;
    let (url, jwks) = (issuer.url(), issuer.jwks_url());
    for metadata in [
        json!({"issuer": format!("{url}/"), "jwks_uri": jwks}).to_string(),
        json!({"issuer": "https://evil.example", "jwks_uri": jwks}).to_string(),
        json!({"issuer": [url], "jwks_uri": jwks}).to_string(),
        json!({"jwks_uri": jwks}).to_string(),
        json!({"issuer": url}).to_string(),
        json!({"issuer": url, "jwks_uri": 7}).to_string(),
        json!({"issuer": url, "jwks_uri": "http://issuer.example/keys"}).to_string(),
        json!({"issuer": url, "jwks_uri": "https://169.254.169.254/keys"}).to_string(),
        json!({"issuer": url, "jwks_uri": "file:///etc/keys"}).to_string(),
        format!(r#"{{"issuer":"{url}","jwks_uri":"{jwks}","jwks_uri":"{jwks}"}}"#),
        "not JSON".to_owned(),
    ] {
        issuer.set_metadata(&metadata);
        let process = Process::start();
        let route = process.route(tokens([discovering(&issuer)]));
        let refused = route.call(&issuer.token().sign()).await.unwrap_err();
        assert_eq!(refused.code, Code::KeysUnavailable, "{metadata}");
        assert!(process.authn.key_status()[0].error.is_some());
    }
    assert_eq!(issuer.jwks_fetches(), 0);
}
