//! Mistakes in what claims mean.

use super::{SERVER, accepted, refused};
use crate::config::{ClaimValue, Claims};
use crate::limits::{CLAIM_VALUES_MAX, REQUIRED_CLAIMS_MAX, SCOPE_HIERARCHY_MAX};

/// The usual file with more lines for its issuer.
fn issuer(lines: &str) -> String {
    SERVER.replace("servers:", &format!("{lines}servers:"))
}

/// Asserts that some problem says `message`, wherever it is underlined.
#[track_caller]
fn refused_somewhere(lines: &str, message: &str) {
    let checked = super::check_in(&super::Folder::new(), &issuer(lines), super::Strictness::Normal);
    let problems = checked.unwrap_err().to_string();
    assert!(problems.contains(message), "{problems}");
}

fn claims(lines: &str) -> Claims {
    accepted(&issuer(lines)).config.issuers[0].claims.clone()
}

#[test]
fn required_claims_keep_the_types_of_their_values() {
    let claims = claims(
        "    required_claims: { acr: gold, 'https://x.example/level': [1, \"1\", true], amr: present, a.b: [present] }\n",
    );
    let text = |text: &str| ClaimValue::Text(text.into());
    let found: Vec<_> =
        claims.required.iter().map(|r| (r.claim.as_str(), r.values.clone())).collect();
    assert_eq!(
        found,
        [
            ("acr", vec![text("gold")]),
            (
                "https://x.example/level",
                vec![ClaimValue::Number(1), text("1"), ClaimValue::Truth(true)]
            ),
            ("amr", vec![]),
            ("a.b", vec![text("present")]),
        ]
    );
    assert_eq!(accepted(SERVER).config.issuers[0].claims, Claims::default());
}

#[test]
fn required_claims_that_ask_for_nothing_or_too_much_are_refused() {
    for (lines, message, help) in [
        ("    «required_claims»: {}\n", "nothing is required", "remove the key"),
        ("    required_claims: { «acr»: [] }\n", "every token is refused", "`present` for any"),
        ("    required_claims: { «iss»: x }\n", "checked of every token", "key `issuer`"),
        ("    required_claims: { «aud»: present }\n", "checked of every token", "key `audience`"),
        ("    required_claims: { «exp»: 7 }\n", "checked of every token", "remove it"),
        ("    required_claims: { «sub»: present }\n", "checked of every token", "name values"),
        ("    required_claims: { «' a'»: x }\n", "begins or ends with a space", "path of names"),
    ] {
        refused(&issuer(lines), message, help);
    }
    refused_somewhere("    required_claims: { a: 1.5 }\n", "expected");
    refused_somewhere("    required_claims: { a: { b: c } }\n", "expected");
    assert_eq!(claims("    required_claims: { sub: [alice] }\n").required.len(), 1);
    let many: Vec<String> = (0..=REQUIRED_CLAIMS_MAX).map(|n| format!("c{n}: x")).collect();
    let lines = format!("    required_claims: {{ {} }}\n", many.join(", "));
    refused_somewhere(&lines, "more than 32 required claims");
    let many = vec!["x"; CLAIM_VALUES_MAX + 1].join(", ");
    let lines = format!("    required_claims: {{ a: [{many}] }}\n");
    refused_somewhere(&lines, "more than 512 values");
}

#[test]
fn mapped_claims_are_names() {
    let claims = claims(
        "    groups_claim: groups\n    client_claim: cid\n    scopes_claim: permissions\n    session_claim: a.b\n    risk_claim: 'https://x.example/r'\n",
    );
    assert_eq!(claims.groups.as_deref(), Some("groups"));
    assert_eq!(claims.client.as_deref(), Some("cid"));
    assert_eq!(claims.scopes.as_deref(), Some("permissions"));
    assert_eq!(claims.session.as_deref(), Some("a.b"));
    assert_eq!(claims.risk.as_deref(), Some("https://x.example/r"));
    for key in ["groups_claim", "client_claim", "scopes_claim", "session_claim", "risk_claim"] {
        refused(&issuer(&format!("    {key}: «\"\"»\n")), "no claim", "path of names");
    }
}

#[test]
fn scope_hierarchy_is_followed_to_the_end() {
    let claims =
        claims("    scope_hierarchy: { mcp.admin: [crm], crm: [\"crm:read\", \"crm:write\"] }\n");
    assert_eq!(claims.hierarchy.implied("mcp.admin").len(), 3);
    assert_eq!(claims.hierarchy.implied("crm").len(), 2);
    assert!(claims.hierarchy.implied("crm:read").is_empty());
}

#[test]
fn scope_hierarchy_without_meaning_is_refused() {
    for (lines, message) in [
        ("{}", "no scope stands for another"),
        ("{ a: [] }", "stands for no other"),
        ("{ x: [a], a: [b], b: [a] }", "scopes in a circle: `a` stands for `b` stands for `a`"),
    ] {
        refused_somewhere(&format!("    scope_hierarchy: {lines}\n"), message);
    }
    for (lines, message, help) in [
        ("{ «a»: [a] }", "`a` stands for `a`", "take one"),
        ("{ a: [«\"a b\"»] }", "not a scope", "visible ASCII"),
        ("{ «\"a b\"»: [c] }", "not a scope", "visible ASCII"),
        ("{ a: [«\"*\"»] }", "no pattern here", "name each scope"),
        ("{ «\"crm.*\"»: [c] }", "no pattern here", "name each scope"),
    ] {
        refused(&issuer(&format!("    scope_hierarchy: {lines}\n")), message, help);
    }
    let below: Vec<String> = (0..SCOPE_HIERARCHY_MAX).map(|n| format!("s{n}")).collect();
    let most = format!("    scope_hierarchy: {{ a: [{}] }}\n", below[1..].join(", "));
    assert_eq!(claims(&most).hierarchy.implied("a").len(), SCOPE_HIERARCHY_MAX - 1);
    let lines = format!("    scope_hierarchy: {{ a: [{}] }}\n", below.join(", "));
    refused_somewhere(&lines, "more than 256 scopes");
}
