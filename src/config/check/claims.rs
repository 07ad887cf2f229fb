//! What the claims of an issuer's tokens mean, and which must be there.

use std::sync::Arc;

use super::super::model::{ClaimValue, Claims, RequiredClaim, ScopeHierarchy};
use super::super::raw::{self, Pairs};
use super::{At, Context};
use crate::limits::{
    ATTRIBUTES_MAX, CLAIM_VALUES_MAX, NAME_BYTES_MAX, REQUIRED_CLAIMS_MAX, SCOPE_HIERARCHY_MAX,
};
use crate::principal::is_scope;

/// The keys of an issuer that are about claims, `roles_claim` and `tenant_claim` apart.
pub(super) struct RawClaims {
    pub(super) required_claims: Option<Pairs<raw::RequiredClaim>>,
    pub(super) groups_claim: Option<String>,
    pub(super) client_claim: Option<String>,
    pub(super) scopes_claim: Option<String>,
    pub(super) session_claim: Option<String>,
    pub(super) risk_claim: Option<String>,
    pub(super) attributes: Option<Pairs<String>>,
    pub(super) scope_hierarchy: Option<Pairs<Vec<String>>>,
}

pub(super) fn claims(cx: &mut Context<'_>, at: &At<'_>, raw: RawClaims) -> Option<Claims> {
    let RawClaims {
        required_claims,
        groups_claim,
        client_claim,
        scopes_claim,
        session_claim,
        risk_claim,
        attributes,
        scope_hierarchy,
    } = raw;
    let required = required(cx, &at.key("required_claims"), required_claims);
    let groups = name(cx, &at.key("groups_claim"), groups_claim);
    let client = name(cx, &at.key("client_claim"), client_claim);
    let scopes = name(cx, &at.key("scopes_claim"), scopes_claim);
    let session = name(cx, &at.key("session_claim"), session_claim);
    let risk = name(cx, &at.key("risk_claim"), risk_claim);
    let attributes = self::attributes(cx, &at.key("attributes"), attributes);
    let hierarchy = hierarchy(cx, &at.key("scope_hierarchy"), scope_hierarchy);
    Some(Claims {
        required: required?,
        client: client?,
        scopes: scopes?,
        groups: groups?,
        session: session?,
        risk: risk?,
        attributes: attributes?,
        hierarchy: hierarchy?,
    })
}

/// Names for policies: what may stand behind a point there.
fn attributes(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: Option<Pairs<String>>,
) -> Option<Vec<(Arc<str>, String)>> {
    let pairs = raw.map(|pairs| pairs.0).unwrap_or_default();
    if pairs.len() > ATTRIBUTES_MAX {
        cx.error(at, format!("more than {ATTRIBUTES_MAX} attributes"), "keep those that decide");
        return None;
    }
    let mut all = Vec::new();
    for (name, claim) in pairs {
        let at = at.key(&name);
        let is_identifier = name.len() <= NAME_BYTES_MAX
            && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if !is_identifier {
            let help = "use letters, digits and `_`, beginning with a letter";
            cx.error(&at.named(), "this is no name for policies", help);
        }
        let sound = is_name(cx, &at, &claim) && is_identifier;
        all.push(sound.then(|| (Arc::from(name), claim)));
    }
    all.into_iter().collect()
}

/// The name of a claim or the path to it. The outer `None`: it is not one.
pub(super) fn name(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: Option<String>,
) -> Option<Option<String>> {
    match raw {
        None => Some(None),
        Some(text) => is_name(cx, at, &text).then_some(Some(text)),
    }
}

fn is_name(cx: &mut Context<'_>, at: &At<'_>, text: &str) -> bool {
    let message = if text.trim().is_empty() {
        "an empty name is no claim".to_owned()
    } else if text.len() > NAME_BYTES_MAX {
        format!("the name is longer than {NAME_BYTES_MAX} bytes")
    } else if text.trim() != text || text.chars().any(char::is_control) {
        "the name begins or ends with a space".to_owned()
    } else {
        return true;
    };
    cx.error(at, message, "write the claim's name, such as `roles`, or a path of names with dots");
    false
}

fn required(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: Option<Pairs<raw::RequiredClaim>>,
) -> Option<Vec<RequiredClaim>> {
    let Some(Pairs(pairs)) = raw else { return Some(Vec::new()) };
    if pairs.is_empty() {
        cx.absent(at, "no claim is named: nothing is required", "name a claim, or remove the key");
        return None;
    }
    if pairs.len() > REQUIRED_CLAIMS_MAX {
        let message = format!("more than {REQUIRED_CLAIMS_MAX} required claims");
        cx.error(at, message, "keep those that decide");
        return None;
    }
    let mut all = Vec::new();
    for (claim, raw) in pairs {
        let at = at.key(&claim);
        let values = match raw {
            raw::RequiredClaim::One(raw::ClaimValue::Text(word)) if word == "present" => Vec::new(),
            raw::RequiredClaim::One(value) => vec![meant(value)],
            raw::RequiredClaim::OneOf(values) if values.is_empty() => {
                let help = "name the values, or write `present` for any";
                cx.absent(&at, "an empty list accepts no value: every token is refused", help);
                continue;
            }
            raw::RequiredClaim::OneOf(values) if values.len() > CLAIM_VALUES_MAX => {
                let message = format!("more than {CLAIM_VALUES_MAX} values");
                cx.error(&at, message, "ask for a claim with fewer");
                continue;
            }
            raw::RequiredClaim::OneOf(values) => values.into_iter().map(meant).collect(),
        };
        let idle = IDLE.iter().find(|(name, always, _)| {
            *name == claim && (*always == Always::WhateverValue || values.is_empty())
        });
        if let Some((_, _, help)) = idle {
            let message = format!("`{claim}` is checked of every token already");
            cx.error(&at.named(), message, *help);
        }
        if is_name(cx, &at.named(), &claim) {
            all.push(Some(RequiredClaim { claim, values }));
        } else {
            all.push(None);
        }
    }
    all.into_iter().collect()
}

fn meant(value: raw::ClaimValue) -> ClaimValue {
    match value {
        raw::ClaimValue::Truth(truth) => ClaimValue::Truth(truth),
        raw::ClaimValue::Number(number) => ClaimValue::Number(number),
        raw::ClaimValue::Text(text) => ClaimValue::Text(text),
    }
}

fn hierarchy(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: Option<Pairs<Vec<String>>>,
) -> Option<ScopeHierarchy> {
    let Some(Pairs(pairs)) = raw else { return Some(ScopeHierarchy::default()) };
    if pairs.is_empty() {
        let help = "write `{ wide: [narrow, narrower] }`, or remove the key";
        cx.absent(at, "no scope stands for another", help);
        return None;
    }
    let named = pairs.iter().map(|(_, below)| below.len().saturating_add(1));
    if named.fold(0, usize::saturating_add) > SCOPE_HIERARCHY_MAX {
        let message = format!("more than {SCOPE_HIERARCHY_MAX} scopes are named");
        cx.error(at, message, "let the issuer write the narrow scopes into its tokens");
        return None;
    }
    let mut sound = true;
    let mut direct: Vec<(Box<str>, Vec<Box<str>>)> = Vec::new();
    for (scope, below) in pairs {
        let at = at.key(&scope);
        sound &= is_plain_scope(cx, &at.named(), &scope);
        if below.is_empty() {
            cx.absent(&at, "this scope stands for no other", "name some, or remove it");
            sound = false;
        }
        for (i, name) in below.iter().enumerate() {
            sound &= is_plain_scope(cx, &at.item(i), name);
        }
        let below = below.into_iter().map(Into::into).collect();
        direct.push((scope.into(), below));
    }
    if !sound {
        return None;
    }
    match ScopeHierarchy::new(&direct) {
        Ok(hierarchy) => Some(hierarchy),
        Err(circle) => {
            let way = circle.scopes.join("` stands for `");
            let first = circle.scopes.first().map(AsRef::as_ref).unwrap_or_default();
            let message = format!("scopes in a circle: `{way}` stands for `{first}`");
            cx.error(&at.key(first).named(), message, "take one of them out");
            None
        }
    }
}

/// A scope whose name is all that it is: nothing here is a pattern, and what looks like one would
/// have no effect.
fn is_plain_scope(cx: &mut Context<'_>, at: &At<'_>, text: &str) -> bool {
    let (message, help) = if !is_scope(text) {
        ("this is not a scope", "one scope an item, of visible ASCII without `\"` and `\\`")
    } else if text.contains('*') {
        ("`*` is no pattern here, a scope stands only for scopes that are named", "name each scope")
    } else {
        return true;
    };
    cx.error(at, message, help);
    false
}

#[derive(PartialEq, Eq)]
enum Always {
    /// Its value is compared with what another key says.
    WhateverValue,
    /// Only its presence is checked.
    Present,
}

/// Claims that are judged of every token, and where their values are configured.
const IDLE: [(&str, Always, &str); 4] = [
    ("iss", Always::WhateverValue, "its value is the key `issuer`; remove it here"),
    ("aud", Always::WhateverValue, "write accepted values in the key `audience`"),
    ("exp", Always::WhateverValue, "tokens without it, or after it, are refused; remove it here"),
    ("sub", Always::Present, "name values, or remove it here"),
];
