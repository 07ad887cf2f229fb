//! The negative corpus: each token is one known attack, made from fresh keys; all are refused
//! with 401, and beside each group stands a good token that is accepted.

use sallyport::authn::Reason;
use sallyport::authn::keys::Alg;
use sallyport::config::Issuer as Trust;
use sallyport::reject::Code;

use crate::confused::{
    addresses, controls, hidden_duplicates, look_alikes, moments, serialisations,
};
use crate::families::{self, Families};
use crate::forged::{
    algorithms, duplicates, header_keys, hmac_confusion, key_ids, shapes, signatures, texts,
};
use crate::issuer::{Issuer, NOW};
use crate::misused::{audiences, bound, critical, issuers, names, times, types};
use crate::route::{Process, Route, tokens, trust};

/// One forged token: what is wrong with it, and under which reason it must be refused.
pub type Case = (String, Reason, String);

pub fn case(name: impl Into<String>, reason: Reason, token: impl Into<String>) -> Case {
    (name.into(), reason, token.into())
}

/// Offers every token of a group to a route, and a good one before and after.
async fn all_refused(group: fn(&Issuer) -> Vec<Case>) {
    let issuer = Issuer::start_at(NOW).await;
    let process = Process::start();
    let route = process.route(tokens([trust(&issuer)]));
    route.call(&issuer.token().sign()).await.expect("the good twin before");
    refused_with_their_reasons(&route, group(&issuer)).await;
    route.call(&issuer.token().subject("bob").sign()).await.expect("the good twin after");
}

async fn refused_with_their_reasons(route: &Route, cases: Vec<Case>) {
    for (name, reason, token) in cases {
        let refused = route.call(&token).await.expect_err(&name);
        assert_eq!(refused.code, Code::TokenInvalid, "{name}: {}", refused.internal);
        assert_eq!(refused.code.row().status, 401);
        let challenge = refused.challenge.expect(&name);
        assert_eq!(challenge.error, Some("invalid_token"), "{name}");
        assert_eq!(refused.reason, Some(reason.name()), "{name}: {}", refused.internal);
        let signature = token.rsplit('.').next().filter(|s| s.len() > 20);
        assert!(signature.is_none_or(|s| !refused.internal.contains(s)), "{name}");
    }
}

/// As [`all_refused`], but the gateway has no keys yet: nothing may make it ask for them.
async fn refused_without_a_fetch(group: fn(&Issuer) -> Vec<Case>) {
    let issuer = Issuer::start_at(NOW).await;
    let process = Process::start();
    let route = process.route(tokens([trust(&issuer)]));
    for (name, _, token) in group(&issuer) {
        assert!(route.call(&token).await.is_err(), "{name}");
        assert_eq!(issuer.fetches(), 0, "{name}");
    }
}

macro_rules! groups {
    ($($test:ident = $group:ident;)+) => {
        $(#[tokio::test] async fn $test() { all_refused($group).await; })+

        const GROUPS: &[fn(&Issuer) -> Vec<Case>] = &[$($group),+];
    };
}

groups! {
    s01_other_algorithms_and_confused_keys_are_refused = algorithms;
    s01_hmac_under_the_public_key_is_refused = hmac_confusion;
    s02_keys_and_addresses_in_the_header_are_refused = header_keys;
    s02_key_ids_are_names_and_nothing_else = key_ids;
    s03_signatures_that_only_look_like_one_are_refused = signatures;
    s03_other_shapes_than_three_canonical_segments_are_refused = shapes;
    s04_duplicate_names_are_refused_even_when_signed = duplicates;
    s04_texts_that_are_not_strict_json_objects_are_refused = texts;
    s05_issuer_is_compared_byte_for_byte = issuers;
    s05_audience_is_compared_byte_for_byte = audiences;
    s04_duplicates_behind_escapes_are_refused = hidden_duplicates;
    s03_other_serialisations_than_the_compact_one_are_refused = serialisations;
    s05_look_alikes_of_issuer_audience_and_claims_are_refused = look_alikes;
    s05_names_with_control_characters_are_refused = controls;
    s05_moments_that_are_no_sound_numbers_are_refused = moments;
    s05_times_are_required_numeric_and_now = times;
    s05_subject_and_names_have_their_type = names;
    s06_other_kinds_of_token_are_refused = types;
    s07_critical_nested_and_encrypted_tokens_are_refused = critical;
    s08_sender_constrained_token_is_refused_as_a_bearer_token = bound;
}

#[tokio::test]
async fn s01_and_s02_no_forged_header_causes_a_fetch() {
    refused_without_a_fetch(algorithms).await;
    refused_without_a_fetch(hmac_confusion).await;
    refused_without_a_fetch(header_keys).await;
    refused_without_a_fetch(critical).await;
    refused_without_a_fetch(shapes).await;
    refused_without_a_fetch(issuers).await;
}

#[tokio::test]
async fn s03_forgeries_of_every_key_family_are_refused_and_their_twins_accepted() {
    let families = Families::start().await;
    let process = Process::start();
    let algorithms = Alg::ALL.iter().map(|a| a.name().to_owned()).collect();
    let route = process.route(tokens([Trust { algorithms, ..trust(&families.issuer) }]));
    for (name, token) in families.twins() {
        route.call(&token).await.expect(&name);
    }
    refused_with_their_reasons(&route, families::all(&families)).await;
    assert_eq!(families.issuer.jwks_fetches(), 2, "one for the keys, one for an unknown id");
}

#[tokio::test]
async fn s02_no_address_in_a_token_is_ever_connected_to() {
    let issuer = Issuer::start_at(NOW).await;
    let trap = Trap::set();
    let process = Process::start();
    let route = process.route(tokens([trust(&issuer)]));
    route.call(&issuer.token().sign()).await.expect("the good twin");
    refused_with_their_reasons(&route, addresses(&issuer, &trap.address())).await;
    trap.untouched();
}

/// A server that nobody must connect to.
pub struct Trap(std::net::TcpListener);

impl Trap {
    pub fn set() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        Self(listener)
    }

    pub fn address(&self) -> String {
        self.0.local_addr().unwrap().to_string()
    }

    pub fn untouched(&self) {
        let found = self.0.accept().map(|(_, from)| from);
        assert_eq!(found.unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    }
}

/// The whole corpus but for the kinds of [`crate::kinds`].
pub fn everything(families: &Families, trap: &Trap) -> Vec<Case> {
    let mut cases: Vec<Case> = GROUPS.iter().flat_map(|group| group(&families.issuer)).collect();
    cases.extend(families::all(families));
    cases.extend(addresses(&families.issuer, &trap.address()));
    cases
}

#[tokio::test]
async fn corpus_is_large_and_each_attack_has_its_own_name() {
    let cases = everything(&Families::start().await, &Trap::set());
    let unique: std::collections::HashSet<_> = cases.iter().map(|(name, ..)| name).collect();
    let twice: Vec<_> = cases
        .iter()
        .enumerate()
        .filter(|(at, (name, ..))| cases[..*at].iter().any(|(other, ..)| other == name))
        .map(|(_, (name, ..))| name)
        .collect();
    assert_eq!(unique.len(), cases.len(), "{twice:?}");
    assert!(cases.len() >= 400, "{}", cases.len());
    println!("{} forged tokens", cases.len());
}
