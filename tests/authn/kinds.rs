//! S-06: what the same issuer signs for other purposes is no access token, whatever `token_type`
//! says. Each kind is given this route's audience and a caller's names, so that only its kind is
//! wrong with it.

use sallyport::config::{Issuer as Trust, TokenType};
use sallyport::reject::Code;
use serde_json::{Value, json};

use crate::issuer::{CLIENT, Issuer, NOW, SigningKey, TokenBuilder, b64};
use crate::route::{Process, tokens, trust};

type Make = fn(&Issuer) -> TokenBuilder;

/// A plain JWT that `token_type: any` accepts: with `typ: JWT`, and with nothing.
fn plain(issuer: &Issuer) -> TokenBuilder {
    issuer.token().header("typ", "JWT").scope("mcp.tools.invoke")
}

fn typed(issuer: &Issuer, typ: &str) -> TokenBuilder {
    issuer.token().header("typ", typ).scope("mcp.tools.invoke")
}

fn with(token: TokenBuilder, claims: &Value) -> TokenBuilder {
    claims.as_object().unwrap().iter().fold(token, |t, (name, value)| t.claim(name, value.clone()))
}

fn id_token(issuer: &Issuer) -> TokenBuilder {
    with(plain(issuer), &json!({"nonce": "n", "auth_time": NOW, "azp": CLIENT}))
}

fn id_token_of_the_code_flow(issuer: &Issuer) -> TokenBuilder {
    with(plain(issuer), &json!({"auth_time": NOW, "azp": CLIENT, "sid": "s", "acr": "1"}))
        .without("scope")
        .without("client_id")
}

fn id_token_with_hashes(issuer: &Issuer) -> TokenBuilder {
    with(plain(issuer), &json!({"at_hash": b64([1; 16]), "azp": CLIENT}))
}

fn id_token_of_keycloak(issuer: &Issuer) -> TokenBuilder {
    with(plain(issuer), &json!({"typ": "ID", "azp": CLIENT}))
}

fn id_token_of_cognito(issuer: &Issuer) -> TokenBuilder {
    with(plain(issuer), &json!({"token_use": "id"})).without_header("typ")
}

fn refresh_token_of_keycloak(issuer: &Issuer) -> TokenBuilder {
    with(plain(issuer), &json!({"typ": "Refresh"}))
}

fn id_jag(issuer: &Issuer) -> TokenBuilder {
    with(typed(issuer, "oauth-id-jag+jwt"), &json!({"resource": "https://mcp.example/mcp"}))
}

fn id_jag_by_its_media_type(issuer: &Issuer) -> TokenBuilder {
    typed(issuer, "application/oauth-id-jag+jwt")
}

fn logout_token(issuer: &Issuer) -> TokenBuilder {
    let events = json!({"http://schemas.openid.net/event/backchannel-logout": {}});
    with(typed(issuer, "logout+jwt"), &json!({"events": events, "sid": "s"}))
}

fn logout_token_without_typ(issuer: &Issuer) -> TokenBuilder {
    logout_token(issuer).without_header("typ")
}

fn security_event(issuer: &Issuer) -> TokenBuilder {
    let events = json!({"https://schemas.openid.net/secevent/caep/event-type/session-revoked": {}});
    with(typed(issuer, "secevent+jwt"), &json!({ "events": events }))
}

fn security_event_without_typ(issuer: &Issuer) -> TokenBuilder {
    security_event(issuer).header("typ", "JWT")
}

fn dpop_proof(issuer: &Issuer) -> TokenBuilder {
    let claims = json!({"htm": "POST", "htu": "https://mcp.example/mcp", "ath": b64([1; 32])});
    with(typed(issuer, "dpop+jwt"), &claims).header("jwk", SigningKey::es256("x").jwk())
}

fn dpop_proof_without_typ_and_key(issuer: &Issuer) -> TokenBuilder {
    with(plain(issuer), &json!({"htm": "POST", "htu": "https://mcp.example/mcp"}))
}

fn introspection_answer(issuer: &Issuer) -> TokenBuilder {
    let answer = json!({"active": true, "sub": "alice", "scope": "mcp.tools.invoke"});
    with(typed(issuer, "token-introspection+jwt"), &json!({ "token_introspection": answer }))
}

fn introspection_answer_without_typ(issuer: &Issuer) -> TokenBuilder {
    introspection_answer(issuer).without_header("typ")
}

fn authorization_response(issuer: &Issuer) -> TokenBuilder {
    with(plain(issuer), &json!({"code": "c", "state": "s"})).without("sub")
}

fn authorization_response_of_the_hybrid_flow(issuer: &Issuer) -> TokenBuilder {
    with(plain(issuer), &json!({"code": "c", "c_hash": b64([1; 16]), "s_hash": b64([1; 16])}))
}

fn client_assertion(issuer: &Issuer) -> TokenBuilder {
    typed(issuer, "client-authentication+jwt").subject(CLIENT)
}

fn client_assertion_without_typ(issuer: &Issuer) -> TokenBuilder {
    plain(issuer).claim("iss", CLIENT).subject(CLIENT)
}

fn request_object(issuer: &Issuer) -> TokenBuilder {
    let claims = json!({"response_type": "code", "redirect_uri": "https://client.example/cb"});
    with(typed(issuer, "oauth-authz-req+jwt"), &claims)
}

fn request_object_without_typ(issuer: &Issuer) -> TokenBuilder {
    request_object(issuer).header("typ", "JWT")
}

fn selective_disclosure(issuer: &Issuer) -> TokenBuilder {
    with(typed(issuer, "dc+sd-jwt"), &json!({"_sd_alg": "sha-256", "vct": "x"}))
}

fn selective_disclosure_without_typ(issuer: &Issuer) -> TokenBuilder {
    with(plain(issuer), &json!({"_sd_alg": "sha-256"}))
}

fn transaction_token(issuer: &Issuer) -> TokenBuilder {
    typed(issuer, "txntoken+jwt")
}

fn entity_statement(issuer: &Issuer) -> TokenBuilder {
    typed(issuer, "entity-statement+jwt")
}

fn user_info_answer(issuer: &Issuer) -> TokenBuilder {
    plain(issuer).without("exp").without("scope").without("client_id")
}

fn token_for_another_resource(issuer: &Issuer) -> TokenBuilder {
    plain(issuer).audience("https://other.example/mcp")
}

fn access_token_for_another_resource(issuer: &Issuer) -> TokenBuilder {
    issuer.token().audience("https://other.example/mcp")
}

fn token_for_the_issuer_itself(issuer: &Issuer) -> TokenBuilder {
    issuer.token().audience(issuer.url())
}

macro_rules! kinds {
    ($($test:ident = $make:ident;)+) => {
        $(#[tokio::test] async fn $test() { is_never_accepted($make).await; })+

        /// Every kind by name, for the front door.
        pub const KINDS: &[(&str, Make)] = &[$((stringify!($make), $make)),+];
    };
}

kinds! {
    s06_id_token_is_never_accepted = id_token;
    s06_id_token_of_the_code_flow_is_never_accepted = id_token_of_the_code_flow;
    s06_id_token_with_hashes_is_never_accepted = id_token_with_hashes;
    s06_id_token_of_keycloak_is_never_accepted = id_token_of_keycloak;
    s06_id_token_of_cognito_is_never_accepted = id_token_of_cognito;
    s06_refresh_token_of_keycloak_is_never_accepted = refresh_token_of_keycloak;
    s06_id_jag_is_never_accepted = id_jag;
    s06_id_jag_by_its_media_type_is_never_accepted = id_jag_by_its_media_type;
    s06_logout_token_is_never_accepted = logout_token;
    s06_logout_token_without_typ_is_never_accepted = logout_token_without_typ;
    s06_security_event_is_never_accepted = security_event;
    s06_security_event_without_typ_is_never_accepted = security_event_without_typ;
    s06_dpop_proof_is_never_accepted = dpop_proof;
    s06_dpop_proof_without_typ_and_key_is_never_accepted = dpop_proof_without_typ_and_key;
    s06_introspection_answer_is_never_accepted = introspection_answer;
    s06_introspection_answer_without_typ_is_never_accepted = introspection_answer_without_typ;
    s06_authorization_response_is_never_accepted = authorization_response;
    s06_authorization_response_with_hashes_is_never_accepted =
        authorization_response_of_the_hybrid_flow;
    s06_client_assertion_is_never_accepted = client_assertion;
    s06_client_assertion_without_typ_is_never_accepted = client_assertion_without_typ;
    s06_request_object_is_never_accepted = request_object;
    s06_request_object_without_typ_is_never_accepted = request_object_without_typ;
    s06_selective_disclosure_is_never_accepted = selective_disclosure;
    s06_selective_disclosure_without_typ_is_never_accepted = selective_disclosure_without_typ;
    s06_transaction_token_is_never_accepted = transaction_token;
    s06_entity_statement_is_never_accepted = entity_statement;
    s06_user_info_answer_is_never_accepted = user_info_answer;
    s05_token_for_another_resource_is_never_accepted = token_for_another_resource;
    s05_access_token_for_another_resource_is_never_accepted = access_token_for_another_resource;
    s05_token_for_the_issuer_itself_is_never_accepted = token_for_the_issuer_itself;
}

async fn is_never_accepted(make: Make) {
    let issuer = Issuer::start_at(NOW).await;
    let process = Process::start();
    for token_type in [TokenType::AccessToken, TokenType::PlainJwt] {
        let route = process.route(tokens([Trust { token_type, ..trust(&issuer) }]));
        let refused = route.call(&make(&issuer).sign()).await.unwrap_err();
        assert_eq!(refused.code, Code::TokenInvalid, "{token_type:?}: {}", refused.internal);
        route.call(&issuer.token().sign()).await.expect("an access token");
        let twin = route.call(&plain(&issuer).sign()).await;
        assert_eq!(twin.is_ok(), token_type == TokenType::PlainJwt);
    }
}

#[tokio::test]
async fn s06_access_tokens_that_name_their_kind_are_accepted_where_plain_ones_are() {
    let issuer = Issuer::start_at(NOW).await;
    let any = Trust { token_type: TokenType::PlainJwt, ..trust(&issuer) };
    let route = Process::start().route(tokens([any]));
    for (claim, value) in [("typ", "Bearer"), ("token_use", "access")] {
        let token = plain(&issuer).claim(claim, value).sign();
        assert!(route.call(&token).await.is_ok(), "{claim}");
        let token = plain(&issuer).claim(claim, value.to_uppercase()).sign();
        assert_eq!(route.reason(&token).await, Some("bad_type"), "{claim}");
    }
}
