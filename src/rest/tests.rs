use bytes::Bytes;
use http::{Method, Uri};
use proptest::prelude::*;

use super::{Read, RestError, read};
use crate::call::{Action, Arguments, Resource};
use crate::config::{Lookup, RestRoute};
use crate::json::{Document, KeyRule, Limits};
use crate::limits::NAME_BYTES_MAX;

const LIMITS: Limits =
    Limits { depth_max: 64, nodes_max: 1000, number_bytes_max: 100, keys: KeyRule::Folded };

fn ask(method: Method, target: &str, body: &str) -> Result<Read, RestError> {
    with(&crate::config::rest_routes("/mcp"), method, target, body)
}

fn with(routes: &[RestRoute], method: Method, target: &str, body: &str) -> Result<Read, RestError> {
    let document = (!body.is_empty())
        .then(|| Document::parse(Bytes::copy_from_slice(body.as_bytes()), &LIMITS).unwrap());
    read(routes, &method, &target.parse::<Uri>().unwrap(), document)
}

fn refused(method: Method, target: &str, body: &str) -> RestError {
    ask(method, target, body).map(|read| read.call).unwrap_err()
}

#[test]
fn default_routes_become_calls() {
    let read = ask(Method::GET, "/mcp/context?namespace=team%2Fa", "").unwrap();
    assert_eq!(read.call.action, Action::ContextRead);
    assert_eq!(read.call.resource, Resource::Namespace("team/a".into()));
    assert_eq!(&*read.call.operation, "GET /mcp/context");
    let read = ask(Method::GET, "/mcp/memory?user_id=u1&limit=5", "").unwrap();
    assert_eq!(read.call.subject.as_deref(), Some("u1"));
    let pairs = vec![("user_id".into(), "u1".into()), ("limit".into(), "5".into())];
    assert_eq!(read.call.arguments, Arguments::Query(pairs));
    for method in [Method::POST, Method::PUT] {
        let read = ask(method, "/mcp/memory", r#"{"user_id":"u\u0031","text":"x"}"#).unwrap();
        assert_eq!(read.call.action, Action::MemoryWrite);
        assert_eq!(read.call.subject.as_deref(), Some("u1"));
        assert_eq!(read.call.arguments, Arguments::Body);
    }
    let read = ask(Method::DELETE, "/mcp/memory?user_id=7", "").unwrap();
    assert_eq!((read.call.action, read.call.subject.as_deref()), (Action::MemoryDelete, Some("7")));
    let read = ask(Method::POST, "/mcp/tools/get%20weather", r#"{"city":"Bern"}"#).unwrap();
    assert_eq!(read.call.resource, Resource::Tool("get weather".into()));
    assert_eq!(read.upstream_target, "/mcp/tools/get%20weather");
}

#[test]
fn number_as_user_id_keeps_its_spelling() {
    let body = r#"{"user_id":90071992547409931}"#;
    let read = ask(Method::POST, "/mcp/memory", body).unwrap();
    assert_eq!(read.call.subject.as_deref(), Some("90071992547409931"));
}

#[test]
fn request_that_does_not_say_whose_data_it_touches_is_refused() {
    let missing = RestError::Value { what: "subject" };
    for (method, target, body) in [
        (Method::GET, "/mcp/memory", ""),
        (Method::GET, "/mcp/memory?user_id=", ""),
        (Method::GET, "/mcp/memory?User_Id=a", ""),
        (Method::DELETE, "/mcp/memory", ""),
        (Method::POST, "/mcp/memory", ""),
        (Method::POST, "/mcp/memory", r#"{"USER_ID":"a"}"#),
        (Method::POST, "/mcp/memory", r#"{"user_id":null}"#),
        (Method::POST, "/mcp/memory", r#"{"user_id":["a"]}"#),
        (Method::POST, "/mcp/memory", r#"{"user_id":1.5}"#),
        (Method::POST, "/mcp/memory", r#"{"user_id":"a\nb"}"#),
        (Method::POST, "/mcp/memory", r#"[{"user_id":"a"}]"#),
    ] {
        assert_eq!(refused(method, target, body), missing, "{target} {body}");
    }
    assert_eq!(refused(Method::GET, "/mcp/context", ""), RestError::Value { what: "resource" });
    let long = format!("/mcp/memory?user_id={}", "a".repeat(NAME_BYTES_MAX + 1));
    assert_eq!(refused(Method::GET, &long, ""), missing);
}

#[test]
fn person_is_named_in_one_place_only() {
    let twice = refused(Method::POST, "/mcp/memory?user_id=victim", r#"{"user_id":"me"}"#);
    assert!(matches!(twice, RestError::Query(_)));
    let twice = refused(Method::POST, "/mcp/memory?USER_ID=victim", r#"{"user_id":"me"}"#);
    assert!(matches!(twice, RestError::Query(_)));
    let body = refused(Method::DELETE, "/mcp/memory?user_id=me", r#"{"user_id":"victim"}"#);
    assert_eq!(body, RestError::Body);
    assert_eq!(refused(Method::GET, "/mcp/memory?user_id=me", "{}"), RestError::Body);
    let repeated = refused(Method::GET, "/mcp/memory?user_id=me&user_id=victim", "");
    assert!(matches!(repeated, RestError::Query(_)));
    let array = refused(Method::GET, "/mcp/memory?user_id=me&user_id[]=victim", "");
    assert!(matches!(array, RestError::Query(_)));
}

#[test]
fn s34_value_beside_a_body_that_no_gate_sees_is_refused() {
    let error = refused(Method::POST, "/mcp/memory?trace=1", r#"{"user_id":"me"}"#);
    assert_eq!(error, RestError::Unseen);
    let routes = [RestRoute {
        method: Method::POST,
        template: "/v1/{tenant}/memory".into(),
        action: Action::MemoryWrite,
        resource: Some(Lookup::Query("ns".into())),
        subject: None,
    }];
    assert!(with(&routes, Method::POST, "/v1/acme/memory?ns=a", "{}").is_ok());
    let error =
        with(&routes, Method::POST, "/v1/a%27or%271/memory?ns=a", "{}").map(|_| ()).unwrap_err();
    assert_eq!(error, RestError::Unseen);
    let seen = with(&routes, Method::POST, "/v1/a%27b/memory?ns=a", "").unwrap();
    let pairs = vec![("tenant".into(), "a'b".into()), ("ns".into(), "a".into())];
    assert_eq!(seen.call.arguments, Arguments::Query(pairs));
}

#[test]
fn s35_upstream_target_encodes_every_value() {
    let read = ask(Method::GET, "/mcp/context?namespace=a%26admin%3D1%23/../x+y%25", "").unwrap();
    assert_eq!(read.call.resource, Resource::Namespace("a&admin=1#/../x y%".into()));
    assert_eq!(read.upstream_target, "/mcp/context?namespace=a%26admin%3D1%23%2F..%2Fx%20y%25");
    let read = ask(Method::POST, "/mcp/tools/a%3Fb%26c", "").unwrap();
    assert_eq!(read.upstream_target, "/mcp/tools/a%3Fb%26c");
}

#[test]
fn s35_path_variable_stays_one_segment() {
    for name in ["..", "%2e%2e", "a%2fb", "a%5cb", "a;b", "%00", "a%252fb", "%ff", "a%0d%0ab"] {
        let error = refused(Method::POST, &format!("/mcp/tools/{name}"), "{}");
        assert_eq!(error, RestError::Path, "{name}");
    }
    assert_eq!(refused(Method::POST, "/mcp/tools/a/b", "{}"), RestError::RouteUnknown);
    assert_eq!(refused(Method::POST, "/mcp/tools/", "{}"), RestError::RouteUnknown);
}

#[test]
fn resource_of_a_uri_route_is_canonical() {
    let routes = [RestRoute {
        method: Method::GET,
        template: "/read".into(),
        action: Action::ResourcesRead,
        resource: Some(Lookup::Query("uri".into())),
        subject: None,
    }];
    let read = with(&routes, Method::GET, "/read?uri=FILE%3A///a", "").unwrap();
    assert_eq!(read.call.resource, Resource::Uri("file:///a".into()));
    let error =
        with(&routes, Method::GET, "/read?uri=file%3A///a/../b", "").map(|_| ()).unwrap_err();
    assert_eq!(error, RestError::Value { what: "resource" });
}

proptest! {
    #[test]
    fn upstream_target_reads_back_as_the_same_call(value in "\\PC{1,30}", extra in "\\PC{0,10}") {
        let mut target = String::from("/mcp/memory?user_id=");
        super::encoding::push_encoded(&mut target, &value);
        target.push_str("&q=");
        super::encoding::push_encoded(&mut target, &extra);
        let first = ask(Method::GET, &target, "").unwrap();
        prop_assert_eq!(first.call.subject.as_deref(), Some(value.as_str()));
        let second = ask(Method::GET, &first.upstream_target, "").unwrap();
        prop_assert_eq!(first.call.arguments, second.call.arguments);
        prop_assert_eq!(first.upstream_target, second.upstream_target);
    }

    #[test]
    fn no_target_makes_the_reader_panic(target in "/mcp/(memory|context|tools/)[a-z%0-9./;?=&+]{0,30}") {
        if let Ok(uri) = target.parse::<Uri>() {
            let _ = read(&crate::config::rest_routes("/mcp"), &Method::GET, &uri, None);
            let _ = read(&crate::config::rest_routes("/mcp"), &Method::POST, &uri, None);
        }
    }
}
