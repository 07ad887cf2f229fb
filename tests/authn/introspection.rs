//! Promises about tokens that only their issuer can judge (RFC 7662).

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join_all;
use sallyport::config::{
    Claims, ClientProof, IntrospectWhen, Introspection, Issuer as Trust, KeySource, OauthClient,
};
use sallyport::limits::{INTROSPECTIONS_MAX, JWKS_RETRY_S, POST_ANSWER_BYTES_MAX, TOKEN_BYTES_MAX};
use sallyport::principal::Principal;
use sallyport::reject::{Code, Rejection};
use sallyport::secret::Secret;
use serde_json::{Value, json};
use url::Url;

use crate::authority::{Answer, Authority};
use crate::issuer::{AUDIENCE, NOW};
use crate::route::{Process, Route, tokens};

pub const TOKEN: &str = "opaque-token-s3cr3t";
pub const CACHE_S: u64 = 60;
const NEGATIVE_S: u64 = 10;

pub fn how(endpoint: Option<&str>) -> Introspection {
    Introspection {
        endpoint: endpoint.map(|url| Url::parse(url).unwrap()),
        when: IntrospectWhen::Opaque,
        client: OauthClient {
            id: Arc::from("sallyport"),
            proof: ClientProof::SecretBasic(Secret::new(b"pw".to_vec())),
        },
        cache: Duration::from_secs(CACHE_S),
        negative_cache: Duration::from_secs(NEGATIVE_S),
        grace: Duration::ZERO,
        audience_optional: false,
    }
}

/// An issuer without keys.
pub fn asking(authority: &Authority) -> Trust {
    asking_with(authority, how(Some(&authority.endpoint())))
}

pub fn asking_with(authority: &Authority, how: Introspection) -> Trust {
    Trust {
        issuer: Arc::from(authority.url()),
        keys: KeySource::None,
        algorithms: vec!["ES256".to_owned()],
        audiences: Vec::new(),
        token_type: sallyport::config::TokenType::AccessToken,
        clock_skew: Duration::from_secs(30),
        roles_claim: None,
        tenant_claim: None,
        claims: Claims::default(),
        introspection: Some(how),
        development_key: None,
    }
}

pub fn facts() -> Value {
    json!({"active": true, "sub": "alice", "client_id": "app", "aud": AUDIENCE,
           "scope": "mcp.tools.invoke", "exp": NOW + 600, "token_type": "Bearer"})
}

pub fn good() -> Answer {
    Answer::json(facts().to_string())
}

async fn setup() -> (Authority, Process, Route) {
    let authority = Authority::start().await;
    authority.says(good());
    let process = Process::start();
    let route = process.route(tokens([asking(&authority)]));
    (authority, process, route)
}

pub fn code(answer: Result<Arc<Principal>, Rejection>) -> Code {
    answer.unwrap_err().code
}

#[tokio::test]
async fn p30_opaque_token_that_its_issuer_calls_active_is_accepted_and_cached() {
    let (authority, process, route) = setup().await;
    let caller = route.call(TOKEN).await.unwrap();
    assert_eq!((&*caller.issuer, &*caller.subject), (authority.url(), "alice"));
    assert!(caller.scopes.contains("mcp.tools.invoke") && !caller.unconfirmed);
    process.advance(CACHE_S - 1);
    assert!(Arc::ptr_eq(&caller, &route.call(TOKEN).await.unwrap()));
    assert_eq!(authority.count(), 1);
    process.advance(1);
    assert!(route.call(TOKEN).await.is_ok());
    assert_eq!(authority.count(), 2);
    let asked = &authority.asked()[0];
    assert_eq!(asked.field("token"), Some(TOKEN));
    assert_eq!(asked.field("token_type_hint"), Some("access_token"));
    assert_eq!(asked.headers["authorization"], "Basic c2FsbHlwb3J0OnB3");
}

#[tokio::test]
async fn p30_inactive_token_is_refused_and_not_asked_about_again_for_a_while() {
    let (authority, process, route) = setup().await;
    authority.says(Answer::json(r#"{"active":false}"#));
    for _ in 0..5 {
        let refused = route.call(TOKEN).await.unwrap_err();
        assert_eq!((refused.code, refused.reason), (Code::TokenInvalid, Some("inactive")));
        assert_eq!(refused.challenge.unwrap().error, Some("invalid_token"));
    }
    assert_eq!(authority.count(), 1);
    authority.says(good());
    process.advance(NEGATIVE_S);
    assert!(route.call(TOKEN).await.is_ok());
}

#[tokio::test]
async fn a_hundred_callers_with_one_token_are_one_question() {
    let (authority, _process, route) = setup().await;
    authority.hold();
    let calls = join_all((0..100).map(|_| route.call(TOKEN)));
    let release = async {
        authority.arrived(1).await;
        authority.release();
    };
    let (answers, ()) = tokio::join!(calls, release);
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(authority.count(), 1);
}

#[tokio::test]
async fn caller_who_goes_away_does_not_end_the_question_for_others() {
    let (authority, _process, route) = setup().await;
    authority.hold();
    tokio::select! {
        _ = route.call(TOKEN) => panic!("the answer is held back"),
        () = authority.arrived(1) => {}
    }
    let release = async { authority.release() };
    let (answer, ()) = tokio::join!(route.call(TOKEN), release);
    assert!(answer.is_ok());
    assert_eq!(authority.count(), 1);
}

#[tokio::test]
async fn flood_of_made_up_tokens_is_bounded_and_leaves_cached_callers_alone() {
    let (authority, _process, route) = setup().await;
    assert!(route.call(TOKEN).await.is_ok());
    authority.says(Answer::json(r#"{"active":false}"#));
    authority.hold();
    let made_up: Vec<String> =
        (0..INTROSPECTIONS_MAX * 3).map(|n| format!("made-up-{n}")).collect();
    let flood = join_all(made_up.iter().map(|token| route.call(token)));
    let meanwhile = async {
        authority.arrived(1 + INTROSPECTIONS_MAX).await;
        assert!(route.call(TOKEN).await.is_ok());
        let refused = route.call("one-more").await.unwrap_err();
        assert_eq!(refused.code, Code::Busy);
        assert!(refused.retry_after_s.is_some() && refused.challenge.is_none());
        authority.release();
    };
    let (answers, ()) = tokio::join!(flood, meanwhile);
    let busy = answers.into_iter().filter(|a| a.as_ref().unwrap_err().code == Code::Busy).count();
    assert_eq!(busy, INTROSPECTIONS_MAX * 2);
    assert_eq!(authority.count(), 1 + INTROSPECTIONS_MAX);
}

#[tokio::test]
async fn token_beyond_the_bound_is_asked_about_by_nobody() {
    let (authority, _process, route) = setup().await;
    assert!(route.call(&"a".repeat(TOKEN_BYTES_MAX)).await.is_ok());
    assert_eq!(code(route.call(&"a".repeat(TOKEN_BYTES_MAX + 1)).await), Code::TokenInvalid);
    assert_eq!(code(route.call("no b64token!").await), Code::TokenInvalid);
    assert_eq!(authority.count(), 1);
}

#[tokio::test]
async fn unreachable_issuer_lets_nobody_in_and_is_left_alone() {
    let (authority, process, route) = setup().await;
    assert!(route.call(TOKEN).await.is_ok());
    authority.stop().await;
    assert!(route.call(TOKEN).await.is_ok(), "the answer still counts");
    process.advance(CACHE_S);
    for token in [TOKEN, "another"] {
        let refused = route.call(token).await.unwrap_err();
        assert_eq!(refused.code, Code::IntrospectionUnavailable);
        assert_eq!(refused.retry_after_s, Some(JWKS_RETRY_S));
        assert!(refused.challenge.is_none());
    }
}

#[tokio::test]
async fn issuer_that_refuses_the_gateway_is_asked_once_and_then_left_alone() {
    let (authority, process, route) = setup().await;
    authority.says(Answer { status: 401, ..Answer::json(r#"{"error":"invalid_client"}"#) });
    for token in ["a", "b", "c"] {
        assert_eq!(code(route.call(token).await), Code::IntrospectionUnavailable);
    }
    assert_eq!(authority.count(), 1);
    authority.says(good());
    process.advance(JWKS_RETRY_S);
    assert!(route.call("a").await.is_ok(), "no failure of the issuer counts against a token");
}

#[tokio::test]
async fn answers_that_are_none_let_nobody_in() {
    let (authority, _process, route) = setup().await;
    let with = |members: &str| facts().to_string().replacen('{', &format!("{{{members},"), 1);
    let big = with(&format!(r#""x":"{}""#, "x".repeat(POST_ANSWER_BYTES_MAX)));
    let jwt = Answer { media_type: "application/token-introspection+jwt", ..good() };
    let html = Answer { media_type: "text/html", ..good() };
    let coded = Answer { headers: vec![("content-encoding", "gzip".to_owned())], ..good() };
    let answers = [
        Answer::json(facts().to_string().replace("true", r#""true""#)),
        Answer::json(facts().to_string().replace("true", "1")),
        Answer::json(r#"{"sub":"alice"}"#),
        Answer::json("[]"),
        Answer::json("no JSON"),
        Answer::json(with(r#""active":true"#)),
        Answer::json(with(r#""sub":"mallory""#)),
        Answer::json(big),
        jwt,
        html,
        coded,
        Answer { status: 400, ..good() },
        Answer { status: 500, ..good() },
        Answer { status: 204, body: String::new(), ..good() },
    ];
    for (n, answer) in answers.into_iter().enumerate() {
        let shown = answer.body.get(..60).unwrap_or(&answer.body).to_owned();
        authority.says(answer);
        let refused = route.call(&format!("token-{n}")).await;
        assert_eq!(code(refused), Code::IntrospectionUnavailable, "{n} {shown}");
        assert_eq!(authority.count(), n + 1);
    }
}

#[tokio::test]
async fn s54_redirect_of_the_issuer_is_not_followed() {
    let (authority, _process, route) = setup().await;
    for status in [301, 302, 303, 307, 308] {
        let headers = vec![("location", authority.endpoint())];
        authority.says(Answer { status, headers, ..good() });
        assert_eq!(code(route.call(&status.to_string()).await), Code::IntrospectionUnavailable);
    }
    assert_eq!(authority.count(), 5);
}

#[tokio::test]
async fn s05_token_of_another_resource_issuer_or_time_is_refused() {
    let (authority, _process, route) = setup().await;
    for (member, value, reason) in [
        ("aud", json!("https://other.example/mcp"), "wrong_audience"),
        ("aud", json!(["https://other.example", "https://mcp.example/mcp/"]), "wrong_audience"),
        ("aud", Value::Null, "malformed"),
        ("iss", json!("https://evil.example"), "wrong_issuer"),
        ("exp", json!(NOW - 60), "expired"),
        ("exp", json!("2030-01-01"), "malformed"),
        ("nbf", json!(NOW + 60), "not_yet_valid"),
        ("sub", json!(7), "malformed"),
        ("cnf", json!({"jkt": "x"}), "bound_token"),
        ("token_type", json!("DPoP"), "bound_token"),
        ("token_use", json!("refresh_token"), "bad_type"),
    ] {
        let mut said = facts();
        said[member] = value;
        authority.says(Answer::json(said.to_string()));
        let token = format!("{member}-{reason}-{}", authority.count());
        let refused = route.call(&token).await.unwrap_err();
        assert_eq!((refused.code, refused.reason), (Code::TokenInvalid, Some(reason)), "{said}");
        assert_eq!(route.reason(&token).await, Some(reason), "the reason is remembered");
    }
    assert_eq!(authority.count(), 11);
}

#[tokio::test]
async fn answer_without_an_audience_counts_only_by_configuration() {
    let authority = Authority::start().await;
    let mut said = facts();
    said.as_object_mut().unwrap().remove("aud");
    authority.says(Answer::json(said.to_string()));
    let process = Process::start();
    let strict = process.route(tokens([asking(&authority)]));
    assert_eq!(strict.reason(TOKEN).await, Some("wrong_audience"));
    let endpoint = authority.endpoint();
    let lenient = Introspection { audience_optional: true, ..how(Some(&endpoint)) };
    let lenient = process.route(tokens([asking_with(&authority, lenient)]));
    assert!(lenient.call(TOKEN).await.is_ok());
}

#[tokio::test]
async fn s10_cached_answer_ends_with_the_token() {
    let (authority, process, route) = setup().await;
    let mut said = facts();
    said["exp"] = json!(NOW + 20);
    authority.says(Answer::json(said.to_string()));
    assert!(route.call(TOKEN).await.is_ok());
    process.advance(19);
    assert!(route.call(TOKEN).await.is_ok());
    assert_eq!(authority.count(), 1);
    process.advance(1);
    authority.says(Answer::json(r#"{"active":false}"#));
    assert_eq!(code(route.call(TOKEN).await), Code::TokenInvalid);
    assert_eq!(authority.count(), 2);
}

const GRACE_S: u64 = 100;

#[tokio::test]
async fn grace_lets_known_tokens_pass_marked_for_its_time_and_never_beyond_their_end() {
    let authority = Authority::start().await;
    authority.answers(|token| {
        let mut said = facts();
        said["exp"] = json!(NOW + if token == "short" { 90 } else { 600 });
        Answer::json(said.to_string())
    });
    let endpoint = authority.endpoint();
    let grace = Introspection { grace: Duration::from_secs(GRACE_S), ..how(Some(&endpoint)) };
    let process = Process::start();
    let route = process.route(tokens([asking_with(&authority, grace)]));
    for token in ["short", "long"] {
        assert!(!route.call(token).await.unwrap().unconfirmed);
    }
    authority.stop().await;
    process.advance(CACHE_S);
    process.authn.refresh_due().await;
    for token in ["short", "long"] {
        assert!(route.call(token).await.unwrap().unconfirmed);
    }
    assert_eq!(code(route.call("unknown").await), Code::IntrospectionUnavailable);
    process.advance(30);
    assert_eq!(code(route.call("short").await), Code::IntrospectionUnavailable);
    assert!(route.call("long").await.unwrap().unconfirmed);
    process.advance(GRACE_S - 31);
    assert!(route.call("long").await.unwrap().unconfirmed);
    process.advance(1);
    assert_eq!(code(route.call("long").await), Code::IntrospectionUnavailable);
}

#[tokio::test]
async fn grace_ends_when_the_issuer_says_that_the_token_is_not_active() {
    let authority = Authority::start().await;
    authority.says(good());
    let endpoint = authority.endpoint();
    let grace = Introspection { grace: Duration::from_secs(GRACE_S), ..how(Some(&endpoint)) };
    let process = Process::start();
    let route = process.route(tokens([asking_with(&authority, grace)]));
    assert!(route.call(TOKEN).await.is_ok());
    process.advance(CACHE_S);
    authority.says(Answer { status: 500, ..good() });
    assert!(route.call(TOKEN).await.unwrap().unconfirmed);
    process.advance(JWKS_RETRY_S);
    authority.says(Answer::json(r#"{"active":false}"#));
    assert_eq!(code(route.call(TOKEN).await), Code::TokenInvalid);
    process.advance(NEGATIVE_S);
    authority.says(Answer { status: 500, ..good() });
    assert_eq!(code(route.call(TOKEN).await), Code::IntrospectionUnavailable);
}

/// What is logged. The subscriber is that of the whole process: one of a single thread misses lines
/// whose place in the code another thread reached first (`tracing` remembers who is interested).
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_refusal_and_no_log_line_tells_the_token() {
    let lines = Lines::default();
    let own = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || own.clone())
        .finish();
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let (authority, _process, route) = setup().await;
    for (n, answer) in [
        Answer::json(format!(r#"{{"active":"{TOKEN}"}}"#)),
        Answer::json(format!(r#"{{"active":true,"aud":"{TOKEN}","sub":"{TOKEN}"}}"#)),
        Answer { status: 400, ..Answer::json(TOKEN) },
        Answer { status: 401, ..Answer::json(TOKEN) },
    ]
    .into_iter()
    .enumerate()
    {
        authority.says(answer);
        let refused = format!("{:?}", route.call(&format!("{TOKEN}{n}")).await.unwrap_err());
        assert!(!refused.contains(TOKEN) && !refused.contains("127.0.0.1"), "{refused}");
    }
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    let told = |line: &&str| line.contains("cannot be asked") && line.contains(authority.url());
    assert_eq!(text.lines().filter(told).count(), 3, "{text}");
    assert!(!text.contains(TOKEN) && !text.contains("c2FsbHlwb3J0OnB3"), "{text}");
}
