//! Answers of issuers, one bent at a time.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::answer::{self, Audience, Said};
use super::refused::Refused;
use super::{Rules, TokenError, Verified};
use crate::authn::cache::{Realm, TokenCache};
use crate::config::{Claims, Issuer, KeySource, TokenType};
use crate::limits::{INTROSPECTION_REFUSED_MAX, TOKEN_CACHE_S};
use crate::principal::{AuthMethod, Principal, Scopes};

const NOW: u64 = 1_800_000_000;

fn rules() -> Rules {
    let issuer = Issuer {
        issuer: Arc::from("https://issuer.example"),
        keys: KeySource::None,
        algorithms: Vec::new(),
        audiences: Vec::new(),
        token_type: TokenType::AccessToken,
        clock_skew: Duration::from_secs(30),
        roles_claim: Some("roles".to_owned()),
        tenant_claim: None,
        claims: Claims::default(),
        introspection: None,
        development_key: None,
    };
    Rules::of(&issuer, &Arc::from("https://mcp.example/mcp"))
}

fn active(members: &str) -> String {
    format!(
        r#"{{"active":true,"aud":"https://mcp.example/mcp","sub":"alice","exp":1800000100{members}}}"#
    )
}

fn judge(text: &str, audience: Audience) -> Result<Principal, TokenError> {
    let Said::Active(document) = answer::read(Bytes::copy_from_slice(text.as_bytes())).unwrap()
    else {
        panic!("it is active")
    };
    answer::opaque(&rules(), document.root(), audience, NOW)
}

fn opaque(members: &str) -> Result<Principal, TokenError> {
    judge(&active(members), Audience::Required)
}

#[test]
fn facts_of_an_answer_become_those_of_the_caller() {
    let members = r#","client_id":"app","scope":"b a","roles":["r"],"jti":"secret","token_type":"Bearer","iss":"https://issuer.example","username":"x""#;
    let caller = opaque(members).unwrap();
    assert_eq!((&*caller.issuer, &*caller.subject), ("https://issuer.example", "alice"));
    assert_eq!(caller.scopes, Scopes::from_names(["a", "b"]));
    assert_eq!(caller.client_id.as_deref(), Some("app"));
    assert_eq!(caller.roles, [Arc::from("r")]);
    assert_eq!(caller.expires_at_s, Some(NOW + 100));
    assert!(caller.token_id_hash.is_some() && !caller.unconfirmed);
}

#[test]
fn client_without_a_person_is_its_own_subject() {
    let text = r#"{"active":true,"aud":"https://mcp.example/mcp","client_id":"robot"}"#;
    let caller = judge(text, Audience::Required).unwrap();
    assert_eq!((&*caller.subject, caller.client_id.as_deref()), ("robot", Some("robot")));
    // And what has no end lives until it is asked about again.
    assert_eq!(caller.expires_at_s, Some(NOW + TOKEN_CACHE_S));
    let nobody = r#"{"active":true,"aud":"https://mcp.example/mcp"}"#;
    let refused = judge(nobody, Audience::Required).unwrap_err();
    assert!(matches!(refused, TokenError::Claim { name: "sub", .. }));
}

#[test]
fn audience_may_be_missing_only_by_configuration_and_never_be_another() {
    let none = r#"{"active":true,"sub":"alice"}"#;
    assert_eq!(judge(none, Audience::Required).unwrap_err(), TokenError::Audience);
    assert!(judge(none, Audience::Optional).is_ok());
    let other = r#"{"active":true,"sub":"alice","aud":"https://other.example"}"#;
    assert_eq!(judge(other, Audience::Optional).unwrap_err(), TokenError::Audience);
}

#[test]
fn s08_answer_binds_the_token_to_the_key_that_it_names_or_is_refused() {
    assert_eq!(opaque(r#","token_type":"DPoP""#).unwrap_err(), TokenError::Bound);
    for members in [r#","cnf":{"jkt":"x"}"#, r#","cnf":null"#, r#","cnf":{}"#] {
        let refused = opaque(members).unwrap_err();
        assert!(matches!(refused, TokenError::Confirmation(_)), "{members}: {refused}");
    }
    let key = "A".repeat(43);
    let members = format!(r#","token_type":"DPoP","cnf":{{"jkt":"{key}"}}"#);
    let caller = opaque(&members).unwrap();
    assert_eq!(caller.confirmation.unwrap().dpop_key, Some([0; 32]));
    let members = format!(r#","cnf":{{"x5t#S256":"{key}"}}"#);
    assert_eq!(opaque(&members).unwrap().confirmation.unwrap().certificate, Some([0; 32]));
    assert_eq!(confirmed(&members).unwrap().confirmation.unwrap().certificate, Some([0; 32]));
}

#[test]
fn tokens_of_another_kind_are_not_access_tokens() {
    for members in [
        r#","token_use":"refresh_token""#,
        r#","token_use":"id""#,
        r#","typ":"Refresh""#,
        r#","typ":"ID""#,
        r#","token_type":"N_A""#,
        r#","nonce":"x""#,
        r#","at_hash":"x""#,
        r#","events":{}"#,
    ] {
        assert!(matches!(opaque(members), Err(TokenError::Type(_))), "{members}");
    }
    for members in [r#","typ":"Bearer""#, r#","token_use":"access_token""#, r#","typ":"at+jwt""#] {
        assert!(opaque(members).is_ok(), "{members}");
    }
}

#[test]
fn issuer_times_and_types_are_judged_as_in_a_token() {
    let refused = |members: &str| opaque(members).unwrap_err();
    assert_eq!(refused(r#","iss":"https://issuer.example/""#), TokenError::Issuer);
    assert_eq!(refused(r#","iss":["https://issuer.example"]"#), TokenError::Issuer);
    assert!(matches!(refused(r#","nbf":1800000031"#), TokenError::NotYetValid { .. }));
    assert!(matches!(refused(r#","iat":"x""#), TokenError::Claim { name: "iat", .. }));
    assert!(matches!(refused(r#","scope":7"#), TokenError::Claim { name: "scope", .. }));
    assert!(matches!(refused(r#","client_id":7"#), TokenError::Claim { .. }));
    assert!(matches!(refused(r#","token_type":7"#), TokenError::Claim { .. }));
    let expired = active("").replace("1800000100", "1799999970");
    assert!(matches!(judge(&expired, Audience::Required), Err(TokenError::Expired { .. })));
}

#[test]
fn only_a_clear_answer_is_one() {
    for text in [
        "",
        "null",
        "[]",
        "{}",
        r#"{"active":"true"}"#,
        r#"{"active":1}"#,
        r#"{"active":null}"#,
        r#"{"Active":true}"#,
        r#"{"active":true,"active":false}"#,
        r#"{"active":true,"sub":"a","sub":"b"}"#,
        r#"{"active":true}x"#,
    ] {
        assert!(answer::read(Bytes::from_static(text.as_bytes())).is_err(), "{text}");
    }
    let inactive = answer::read(Bytes::from_static(br#"{"active":false,"sub":"a"}"#));
    assert!(matches!(inactive, Ok(Said::Inactive)));
}

fn confirmed(members: &str) -> Result<Principal, TokenError> {
    let own = Principal {
        client_id: Some(Arc::from("app")),
        scopes: Scopes::from_names(["a", "b"]),
        expires_at_s: Some(NOW + 200),
        ..Principal::new(AuthMethod::Bearer, rules().issuer().into(), Arc::from("alice"))
    };
    let verified = Verified { principal: Arc::new(own), until_s: NOW + 200, generation: 1 };
    let text = format!(r#"{{"active":true{members}}}"#);
    let Ok(Said::Active(document)) = answer::read(text.into()) else { panic!("it is active") };
    answer::confirmed(&rules(), document.root(), &verified, NOW)
}

#[test]
fn jwt_keeps_no_more_than_its_issuer_still_gives_it() {
    let same = confirmed("").unwrap();
    assert_eq!(same.scopes, Scopes::from_names(["a", "b"]));
    let less = confirmed(r#","scope":"b c","exp":1800000100"#).unwrap();
    assert_eq!(less.scopes, Scopes::from_names(["b"]));
    assert_eq!(less.expires_at_s, Some(NOW + 100));
    assert_eq!(confirmed(r#","exp":1900000000"#).unwrap().expires_at_s, Some(NOW + 200));
}

#[test]
fn jwt_of_which_its_issuer_says_something_else_is_refused() {
    let refused = |members: &str| confirmed(members).unwrap_err();
    assert_eq!(refused(r#","sub":"bob""#), TokenError::Contradicted("sub"));
    assert_eq!(refused(r#","client_id":"x""#), TokenError::Contradicted("client_id"));
    assert_eq!(refused(r#","aud":"https://other.example""#), TokenError::Audience);
    assert!(matches!(refused(r#","cnf":{}"#), TokenError::Confirmation(_)));
}

#[test]
fn refused_tokens_are_remembered_for_their_time_and_up_to_their_number() {
    let (cache, refused) = (TokenCache::new().unwrap(), Refused::new(INTROSPECTION_REFUSED_MAX));
    let key = |n: usize| cache.key(Realm([0; 16]), &n.to_be_bytes()).unwrap();
    refused.insert(key(0), 10, TokenError::Inactive);
    assert_eq!(refused.get(&key(0), 9), Some(TokenError::Inactive));
    assert_eq!(refused.get(&key(0), 10), None);
    assert_eq!(refused.get(&key(1), 9), None);
    for n in 0..INTROSPECTION_REFUSED_MAX * 2 {
        refused.insert(key(n), 10, TokenError::Inactive);
        assert!(refused.len() <= INTROSPECTION_REFUSED_MAX);
    }
    refused.sweep(10);
    assert_eq!(refused.len(), 0);
}
