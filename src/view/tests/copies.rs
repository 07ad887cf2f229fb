//! Every copy in the result of a tool, by examples.

use super::super::{Verdict, View, ViewError};
use super::{among, places, projection, result, spaces};

fn cut(patterns: &[&str], text: &str) -> String {
    result(View::of_projection(&projection(patterns)), text).unwrap()
}

/// A result with this content.
fn content(blocks: &str) -> String {
    format!(r#"{{"content":[{blocks}]}}"#)
}

#[test]
fn every_copy_is_cut_alike() {
    let text = r#"{"content":[{"type":"text","text":"{\"id\": 7, \"ssn\": \"078\"}"},{"type":"resource","resource":{"uri":"crm://ada/078","mimeType":"application/json","text":"{\"ssn\":\"078\",\"id\":7}"}}],"structuredContent":{"ssn":"078","id":7},"isError":false}"#;
    let out = r#"{"content":[{"type":"text","text":"{\"id\": 7}"},{"type":"resource","resource":{"uri":"sallyport:withheld","mimeType":"application/json","text":"{\"id\":7}"}}],"structuredContent":{"id":7},"isError":false}"#;
    assert_eq!(cut(&["/id"], text), out);
}

#[test]
fn text_that_is_no_json_container_is_withheld() {
    for text in [
        r#""the SSN is 078""#,
        r#""""#,
        r#""078""#,
        r#""\"078\"""#,
        r#""null""#,
        r#""{\"id\":7} and more""#,
        r#""{\"id\":7}\n{\"id\":8}""#,
        r#""{\"id\":7,\"id\":8}""#,
        r#""{\"id\":NaN}""#,
        r#""\ufeff{\"id\":7}""#,
        r#""{'id':7}""#,
    ] {
        let block = format!(r#"{{"type":"text","text":{text}}}"#);
        let resource = format!(r#"{{"type":"resource","resource":{{"text":{text}}}}}"#);
        assert_eq!(
            cut(&["/id"], &content(&block)),
            content(r#"{"type":"text","text":"[withheld]"}"#)
        );
        assert_eq!(
            cut(&["/id"], &content(&resource)),
            content(r#"{"type":"resource","resource":{"text":"[withheld]"}}"#)
        );
    }
}

#[test]
fn what_stays_in_a_text_keeps_its_bytes() {
    let written = r#"{"type":"text","text":" \u007b\n\"\u0069d\" : \"\\u0041é\u00e9\ud83d\ude00\" ,\t\u0022ssn\" : [\"\ud83d\ude00\"] , \"n\":1e400\r\n}\u0020"}"#;
    let out = r#"{"type":"text","text":" \u007b\n\"\u0069d\" : \"\\u0041é\u00e9\ud83d\ude00\" , \"n\":1e400\r\n}\u0020"}"#;
    assert_eq!(cut(&["/{id,n}"], &content(written)), content(out));
    assert_eq!(cut(&["/{id,n,ssn}"], &content(written)), content(written));
}

#[test]
fn json_within_a_string_of_the_text_is_a_value_like_any_other() {
    let text = r#"{"type":"text","text":"{\"note\":\"{\\\"ssn\\\":1}\",\"ssn\":1}"}"#;
    let out = r#"{"type":"text","text":"{\"note\":\"{\\\"ssn\\\":1}\"}"}"#;
    assert_eq!(cut(&["/note"], &content(text)), content(out));
    assert_eq!(cut(&["/note/ssn"], &content(text)), content(r#"{"type":"text","text":"{}"}"#));
}

#[test]
fn block_that_cannot_be_told_apart_is_dropped() {
    for block in [
        r#"{"type":"image","data":"aGk=","mimeType":"image/png"}"#,
        r#"{"type":"audio","data":"aGk=","mimeType":"audio/wav"}"#,
        r#"{"type":"resource_link","uri":"file:///a","name":"a"}"#,
        r#"{"type":"resource","resource":{"uri":"a:b","blob":"aGk="}}"#,
        r#"{"type":"resource","resource":{"uri":"a:b","blob":"aGk=","text":"{\"id\":1}"}}"#,
        r#"{"type":"resource","resource":{"uri":"a:b"}}"#,
        r#"{"type":"resource","text":"{\"id\":1}"}"#,
        r#"{"type":"resource","resource":"{\"id\":1}"}"#,
        r#"{"type":"text"}"#,
        r#"{"type":"text","text":{"id":1}}"#,
        r#"{"type":"text","text":"{\"id\":1}","blob":"aGk="}"#,
        r#"{"type":"TEXT","text":"{\"id\":1}"}"#,
        r#"{"type":7,"text":"{\"id\":1}"}"#,
        r#"{"text":"{\"id\":1}"}"#,
        r#"{"type":"new","id":1}"#,
        r#""{\"id\":1}""#,
        r#"[{"type":"text","text":"{\"id\":1}"}]"#,
        "1",
        "null",
    ] {
        assert_eq!(cut(&["/**"], &content(block)), content(""), "{block}");
        let kept = r#"{"type":"text","text":"{}"}"#;
        assert_eq!(cut(&["/**"], &content(&format!("{block},{kept}, {block}"))), content(kept));
    }
}

#[test]
fn member_that_the_protocol_does_not_know_is_dropped() {
    let text = r#"{"ssn":1,"resultType":"complete","content":[{"ssn":1,"type":"text","text":"{}","data":"078","Text":"078"},{"type":"resource","ssn":1,"text":"078","resource":{"ssn":1,"text":"{}","title":"078"}}],"taskId":"t","cacheScope":"private","ttlMs":5,"isError":true,"requestState":"078","inputRequests":{},"structuredContent ":{"id":1}}"#;
    let out = r#"{"resultType":"complete","content":[{"type":"text","text":"{}"},{"type":"resource","resource":{"text":"{}"}}],"taskId":"t","cacheScope":"private","ttlMs":5,"isError":true}"#;
    assert_eq!(cut(&["/**"], text), out);
}

#[test]
fn member_of_another_kind_than_the_protocol_says_is_dropped() {
    let text = r#"{"content":{"id":1},"isError":"078","resultType":{"id":1},"cacheScope":[1],"ttlMs":"078","taskId":1,"_meta":"078"}"#;
    assert_eq!(cut(&["/**"], text), "{}");
    for other in ["[]", "null", "7", r#""078""#] {
        let view = projection(&["/**"]);
        assert_eq!(result(View::of_projection(&view), other), Err(ViewError::Unreadable));
    }
    assert_eq!(ViewError::Unreadable.to_string(), "a result that is no object");
}

#[test]
fn structured_content_without_parts_is_dropped() {
    for value in [r#""078""#, "7", "true", "null"] {
        assert_eq!(cut(&["/**"], &format!(r#"{{"structuredContent":{value}}}"#)), "{}");
    }
    let array = r#"{"structuredContent":[{"id":1,"x":2},3]}"#;
    assert_eq!(cut(&["/*/id"], array), r#"{"structuredContent":[{"id":1}]}"#);
}

#[test]
fn metadata_stays_only_where_it_is_the_protocols_own() {
    let meta = r#"{"trace":"078","io.modelcontextprotocol/serverInfo":{"name":"s"},"ui":{"x":1}}"#;
    let kept = r#"{"io.modelcontextprotocol/serverInfo":{"name":"s"}}"#;
    let build = |meta: &str| {
        format!(
            r#"{{"_meta":{meta},"content":[{{"type":"text","text":"{{}}","_meta":{meta}}},{{"type":"resource","_meta":{meta},"resource":{{"text":"{{}}","_meta":{meta}}}}}]}}"#
        )
    };
    assert_eq!(cut(&["/**"], &build(meta)), build(kept));
    let bare =
        r#"{"content":[{"type":"text","text":"{}"},{"type":"resource","resource":{"text":"{}"}}]}"#;
    for meta in [r#"{"trace":"078"}"#, "{}", "[]", r#""io.modelcontextprotocol/x""#] {
        assert_eq!(cut(&["/**"], &build(meta)), bare);
    }
}

#[test]
fn annotations_say_who_a_block_is_for_and_no_more() {
    let block = |annotations: &str| {
        content(&format!(r#"{{"type":"text","annotations":{annotations},"text":"{{}}"}}"#))
    };
    assert_eq!(
        cut(
            &["/**"],
            &block(
                r#"{"audience":["user","078","assistant",1],"priority":0.5,"lastModified":"078","x":1}"#
            )
        ),
        block(r#"{"audience":["user","assistant"],"priority":0.5}"#)
    );
    assert_eq!(cut(&["/**"], &block(r#"{"audience":"078","priority":"078"}"#)), block("{}"));
    assert_eq!(cut(&["/**"], &block("[1]")), content(r#"{"type":"text","text":"{}"}"#));
}

#[test]
fn media_type_stays_only_where_it_is_that_of_json() {
    for (written, left) in [
        (r#","mimeType":"application/json""#, r#","mimeType":"application/json""#),
        (r#","mimeType":"text/html;profile=078""#, ""),
        (r#","mimeType":{"id":1}"#, ""),
    ] {
        let block = |media: &str| {
            content(&format!(r#"{{"type":"resource","resource":{{"text":"{{}}"{media}}}}}"#))
        };
        assert_eq!(cut(&["/**"], &block(written)), block(left));
    }
}

#[test]
fn failed_call_is_cut_like_any_other() {
    let text = r#"{"isError":true,"content":[{"type":"text","text":"no customer 078-05-1120"}],"structuredContent":{"error":"078","id":1}}"#;
    let out = r#"{"isError":true,"content":[{"type":"text","text":"[withheld]"}],"structuredContent":{"id":1}}"#;
    assert_eq!(cut(&["/id"], text), out);
}

#[test]
fn copy_without_the_place_is_left_with_bare_containers() {
    let fields = projection(&["/id"]);
    let place = places(&["/result/customer"]);
    let view = View::of_projection(&fields).at(&place);
    let text = r#"{"structuredContent":{"result":{"customer":{"id":1,"x":2}}},"content":[{"type":"text","text":"{\"customer\":{\"id\":1}}"},{"type":"text","text":"{\"result\":{\"id\":1}}"},{"type":"text","text":"[{\"id\":1}]"},{"type":"text","text":"{\"result\":{\"customer\":1}}"}]}"#;
    let out = r#"{"structuredContent":{"result":{"customer":{"id":1}}},"content":[{"type":"text","text":"{}"},{"type":"text","text":"{\"result\":{}}"},{"type":"text","text":"[]"},{"type":"text","text":"{\"result\":{}}"}]}"#;
    assert_eq!(result(view, text).unwrap(), out);
}

#[test]
fn namespaces_are_cut_in_every_copy_and_layout() {
    let list = [("session", Verdict::Descend), ("session.prefs", Verdict::Whole)];
    let allowed = among(&list);
    let view = View::of_namespaces(spaces(&allowed));
    let text = r#"{"structuredContent":{"session":{"prefs":1,"chat":2},"user":3},"content":[{"type":"text","text":"[{\"namespace\":\"session.prefs\",\"v\":1},{\"namespace\":\"user\",\"v\":3}]"}]}"#;
    let out = r#"{"structuredContent":{"session":{"prefs":1}},"content":[{"type":"text","text":"[{\"namespace\":\"session.prefs\",\"v\":1}]"}]}"#;
    assert_eq!(result(view, text).unwrap(), out);
}
