use std::sync::Arc;
use std::time::Duration;

use super::{CLAIM_VALUES_MAX, Facts, Mapping, TokenError};
use crate::config::{
    ClaimValue, Claims, Issuer, KeySource, RequiredClaim, ScopeHierarchy, TokenType,
};
use crate::json::{Document, KeyRule, Limits};

fn issuer(claims: Claims) -> Issuer {
    Issuer {
        issuer: Arc::from("i"),
        keys: KeySource::Discover,
        algorithms: Vec::new(),
        audiences: Vec::new(),
        token_type: TokenType::AccessToken,
        clock_skew: Duration::from_secs(30),
        roles_claim: Some("realm_access.roles".to_owned()),
        tenant_claim: Some("https://example.com/tenant".to_owned()),
        claims,
        introspection: None,
        development_key: None,
    }
}

fn read(claims: Claims, json: &str) -> Result<Facts, TokenError> {
    let limits =
        Limits { depth_max: 9, nodes_max: 9_999, number_bytes_max: 99, keys: KeyRule::Exact };
    let document = Document::parse(json.to_owned().into(), &limits).unwrap();
    Mapping::of(&issuer(claims)).read(document.root())
}

fn requiring(claim: &str, values: Vec<ClaimValue>) -> Claims {
    let required = vec![RequiredClaim { claim: claim.to_owned(), values }];
    Claims { required, ..Claims::default() }
}

fn text(text: &str) -> ClaimValue {
    ClaimValue::Text(text.to_owned())
}

#[test]
fn required_claim_is_compared_exactly_and_with_its_type() {
    for (value, good, bad) in [
        (
            text("gold"),
            &[r#""gold""#, r#"["x","gold"]"#][..],
            &[
                r#""Gold""#,
                r#""gold ""#,
                r#""goldx""#,
                r#"["x"]"#,
                "[]",
                "{}",
                "null",
                "7",
                r#"[["gold"]]"#,
            ][..],
        ),
        (
            ClaimValue::Number(7),
            &["7", "[1,7]"],
            &[r#""7""#, "7.0", "7e0", "70", "-7", "true", "[70]"],
        ),
        (
            ClaimValue::Truth(true),
            &["true", "[true]"],
            &["false", r#""true""#, "1", "null", r#"["true"]"#],
        ),
    ] {
        let judge = |json: &str| {
            read(requiring("acr", vec![value.clone()]), &format!(r#"{{"acr":{json}}}"#))
        };
        for json in good {
            assert!(judge(json).is_ok(), "{value:?} {json}");
        }
        for json in bad {
            assert_eq!(judge(json), Err(TokenError::RequiredClaim("acr".into())), "{json}");
        }
    }
}

#[test]
fn required_claim_has_one_of_several_values_or_any() {
    let several = || requiring("a.b", vec![text("x"), ClaimValue::Number(1)]);
    assert!(read(several(), r#"{"a":{"b":"x"}}"#).is_ok());
    assert!(read(several(), r#"{"a":{"b":1}}"#).is_ok());
    assert!(read(several(), r#"{"a":{"b":"1"}}"#).is_err());
    assert!(read(several(), r#"{"a":{"c":"x"},"b":"x"}"#).is_err());
    let present = || requiring("a", Vec::new());
    for json in [r#"{"a":0}"#, r#"{"a":""}"#, r#"{"a":false}"#, r#"{"a":[]}"#] {
        assert!(read(present(), json).is_ok(), "{json}");
    }
    for json in ["{}", r#"{"a":null}"#, r#"{"A":1}"#] {
        assert!(read(present(), json).is_err(), "{json}");
    }
}

#[test]
fn all_required_claims_must_hold_and_the_first_that_does_not_is_named() {
    let two = [("a", "1"), ("b", "2")]
        .map(|(claim, value)| RequiredClaim { claim: claim.to_owned(), values: vec![text(value)] });
    let claims = || Claims { required: two.to_vec(), ..Claims::default() };
    assert!(read(claims(), r#"{"a":"1","b":"2"}"#).is_ok());
    let missing = read(claims(), r#"{"a":"1","b":"secret"}"#).unwrap_err();
    assert_eq!(missing, TokenError::RequiredClaim("b".into()));
    assert!(!missing.to_string().contains("secret"));
}

#[test]
fn claims_are_mapped_by_whole_name_by_path_and_by_escaped_dots() {
    let claims = Claims {
        client: Some("ctx.client".into()),
        scopes: Some("permissions".into()),
        groups: Some(r"resource_access.https://mcp\.example/x.groups".into()),
        session: Some("session.id".into()),
        risk: Some("https://idp.example/risk".into()),
        ..Claims::default()
    };
    let json = r#"{"ctx":{"client":"c"},"client_id":"other","permissions":["b","a"],"scope":"z",
        "resource_access":{"https://mcp.example/x":{"groups":["g","h"]}},"session":{"id":"s"},
        "sid":"other","https://idp.example/risk":72.5,
        "realm_access":{"roles":["r",7]},"https://example.com/tenant":["t"]}"#;
    let facts = read(claims, json).unwrap();
    assert_eq!(facts.client_id.as_deref(), Some("c"));
    assert_eq!(facts.scopes.iter().collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(facts.groups, [Arc::from("g"), Arc::from("h")]);
    assert_eq!(facts.session.as_deref(), Some("s"));
    assert_eq!(facts.risk.as_deref(), Some("72.5"));
    assert_eq!(facts.roles, [Arc::from("r")]);
    assert_eq!(facts.tenant.as_deref(), Some("t"));
}

#[test]
fn a_mapped_claim_replaces_the_usual_one_even_where_it_is_missing() {
    let claims = Claims { client: Some("c".into()), scopes: Some("p".into()), ..Claims::default() };
    let facts =
        read(claims, r#"{"client_id":"x","azp":"y","scope":"mcp.admin","scp":"a"}"#).unwrap();
    assert_eq!(facts.client_id, None);
    assert_eq!(facts.scopes.iter().count(), 0);
}

#[test]
fn mapped_claim_of_the_wrong_type_refuses_the_token() {
    let claims = || Claims {
        client: Some("c".into()),
        scopes: Some("p".into()),
        risk: Some("r".into()),
        ..Claims::default()
    };
    for json in [
        r#"{"c":7}"#,
        r#"{"c":null}"#,
        r#"{"p":7}"#,
        r#"{"p":["a",7]}"#,
        r#"{"r":{}}"#,
        r#"{"r":["high"]}"#,
        r#"{"r":true}"#,
        r#"{"sid":["s"]}"#,
        r#"{"https://example.com/tenant":["a","b"]}"#,
    ] {
        let refused = read(claims(), json).unwrap_err();
        assert!(matches!(refused, TokenError::MappedClaim { .. }), "{json}: {refused}");
    }
    let facts = read(claims(), r#"{"sid":"","r":null}"#).unwrap();
    assert_eq!((facts.session, facts.risk), (None, None));
}

#[test]
fn list_of_claim_values_max_is_read_and_a_longer_one_refuses_the_token() {
    let claims = || Claims { groups: Some("groups".into()), ..Claims::default() };
    let json = |name: &str, count: usize| {
        let items: Vec<String> = (0..count).map(|n| format!("\"{n}\"")).collect();
        format!(r#"{{"{name}":[{}]}}"#, items.join(","))
    };
    let most = read(claims(), &json("groups", CLAIM_VALUES_MAX)).unwrap();
    assert_eq!(most.groups.len(), CLAIM_VALUES_MAX);
    assert!(read(claims(), &json("scope", CLAIM_VALUES_MAX)).is_ok());
    for name in ["groups", "scope"] {
        assert!(read(claims(), &json(name, CLAIM_VALUES_MAX + 1)).is_err(), "{name}");
    }
}

#[test]
fn groups_that_the_token_says_are_elsewhere_refuse_it() {
    let claims = || Claims { groups: Some("groups".into()), ..Claims::default() };
    let json =
        r#"{"_claim_names":{"groups":"src1"},"_claim_sources":{"src1":{"endpoint":"https://x"}}}"#;
    assert!(read(claims(), json).is_err());
    assert!(read(claims(), r#"{"_claim_names":{"photos":"src1"}}"#).is_ok());
    assert!(read(Claims::default(), json).is_ok(), "nobody asked for groups");
}

#[test]
fn granted_scopes_bring_all_for_which_they_stand() {
    let direct = [("mcp.admin", vec!["crm"]), ("crm", vec!["crm:read", "crm:write"])];
    let direct: Vec<(Box<str>, Vec<Box<str>>)> = direct
        .map(|(name, below)| (name.into(), below.into_iter().map(Box::from).collect()))
        .into();
    let hierarchy = ScopeHierarchy::new(&direct).unwrap();
    let claims = || Claims { hierarchy: hierarchy.clone(), ..Claims::default() };
    let scopes = |json: &str| {
        let facts = read(claims(), json).unwrap();
        facts.scopes.iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(scopes(r#"{"scope":"mcp.admin"}"#), ["crm", "crm:read", "crm:write", "mcp.admin"]);
    assert_eq!(scopes(r#"{"scope":"crm x"}"#), ["crm", "crm:read", "crm:write", "x"]);
    assert_eq!(scopes(r#"{"scope":"crm:read"}"#), ["crm:read"]);
    assert_eq!(scopes(r#"{"scope":"MCP.admin mcp.admin2"}"#), ["MCP.admin", "mcp.admin2"]);
}
