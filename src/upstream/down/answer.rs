//! Answers of a legacy server in the words of the modern era.
//!
//! Pure. Guarantees that what the modern schema requires is there, that a legacy server cannot
//! make its answer pass for something else than a complete one, and that every other byte stays.

use bytes::Bytes;

use super::discover::SERVER_INFO_MEMBER;
use super::splice::{Splice, read};
use crate::json::{Document, Kind, Value};

/// An answer, translated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Translated {
    /// The whole message for the caller, and whether it says that there is no such method.
    Message {
        bytes: Bytes,
        /// −32601: answered with 404 in the modern era.
        method_unknown: bool,
    },
    /// −32042 of 2025-11-25: the server wants addresses to be visited first, and the call again.
    /// Each is the `params` of an `elicitation/create`.
    UrlsRequired(Vec<Bytes>),
}

/// An answer that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the server's answer is unusable: {0}")]
pub(super) struct AnswerError(pub(super) &'static str);

/// Translates the whole answer to a request of this method for the request with this id.
pub(super) fn translate(
    answer: Bytes,
    id: &[u8],
    method: &str,
    server_info: Option<&[u8]>,
) -> Result<Translated, AnswerError> {
    let document = read(answer).map_err(|_| AnswerError("not acceptable JSON"))?;
    let root = document.root();
    let mut splice = Splice::new(document.bytes());
    match root.get("id") {
        Some(old) => splice.replace(old, id),
        None => splice.prepend(root, &[br#""id":"#, id].concat()),
    }
    match (root.get("result"), root.get("error")) {
        (Some(result), None) if result.kind() == Kind::Object => {
            complete(&mut splice, result, method, server_info);
            Ok(Translated::Message { bytes: splice.apply(), method_unknown: false })
        }
        (None, Some(error)) if error.kind() == Kind::Object => {
            failed(&document, splice, error, method)
        }
        (Some(_) | None, _) => Err(AnswerError("neither a result nor an error")),
    }
}

/// Whether a server may ask its client something while it works on this method (MCP 2026-07-28,
/// "Multi Round-Trip Requests": on no other).
pub(super) fn may_ask(method: &str) -> bool {
    matches!(method, "tools/call" | "prompts/get" | "resources/read")
}

fn complete(splice: &mut Splice<'_>, result: Value<'_>, method: &str, server_info: Option<&[u8]>) {
    let mut members = Vec::with_capacity(64);
    let mut add = |member: &[u8]| {
        if !members.is_empty() {
            members.push(b',');
        }
        members.extend_from_slice(member);
    };
    match result.get("resultType") {
        // The word has a meaning only in the modern era, where it would make the caller answer
        // questions that no policy has seen.
        Some(other) if !other.is_str("complete") => splice.replace(other, b"\"complete\""),
        Some(_) => {}
        None => add(br#""resultType":"complete""#),
    }
    if CACHEABLE.contains(&method) {
        match result.get("ttlMs") {
            Some(ttl) if !ttl.is_integer() || ttl.raw().starts_with(b"-") => {
                splice.replace(ttl, b"0");
            }
            Some(_) => {}
            None => add(br#""ttlMs":0"#),
        }
        match result.get("cacheScope") {
            Some(scope) => splice.replace(scope, b"\"private\""),
            None => add(br#""cacheScope":"private""#),
        }
    }
    if let Some(info) = server_info {
        let member = [SERVER_INFO_MEMBER, info].concat();
        match result.get("_meta") {
            Some(meta) if meta.kind() != Kind::Object => {}
            Some(meta) if meta.get(SERVER_INFO).is_some() => {}
            Some(meta) => splice.prepend(meta, &member),
            None => add(&[br#""_meta":{"#, member.as_slice(), b"}"].concat()),
        }
    }
    if !members.is_empty() {
        splice.prepend(result, &members);
    }
}

fn failed(
    document: &Document,
    mut splice: Splice<'_>,
    error: Value<'_>,
    method: &str,
) -> Result<Translated, AnswerError> {
    let code = error.get("code").ok_or(AnswerError("an error without a code"))?;
    match code.as_i64() {
        Some(URL_REQUIRED) if may_ask(method) => {
            let urls = urls(document, error);
            if !urls.is_empty() {
                return Ok(Translated::UrlsRequired(urls));
            }
            splice.replace(code, INTERNAL);
        }
        // Both are retired; where they make no sense they must not come back to life.
        Some(URL_REQUIRED) => splice.replace(code, INTERNAL),
        Some(RESOURCE_UNKNOWN) => splice.replace(code, b"-32602"),
        Some(_) | None => {}
    }
    let method_unknown = code.as_i64() == Some(METHOD_UNKNOWN);
    Ok(Translated::Message { bytes: splice.apply(), method_unknown })
}

/// `data.elicitations` of −32042 (MCP 2025-11-25, Elicitation, "URL Elicitation Required").
fn urls(document: &Document, error: Value<'_>) -> Vec<Bytes> {
    let list = error.get("data").and_then(|data| data.get("elicitations"));
    let slice = |value: Value<'_>| document.bytes().slice(value.span());
    let objects = list.into_iter().flat_map(|list| list.items());
    objects.filter(|item| item.kind() == Kind::Object).map(slice).collect()
}

const SERVER_INFO: &str = "io.modelcontextprotocol/serverInfo";

/// Results that say how long and by whom they may be kept (MCP 2026-07-28, `CacheableResult`).
const CACHEABLE: [&str; 5] =
    ["tools/list", "prompts/list", "resources/list", "resources/templates/list", "resources/read"];

const METHOD_UNKNOWN: i64 = -32601;
const RESOURCE_UNKNOWN: i64 = -32002;
const URL_REQUIRED: i64 = -32042;
const INTERNAL: &[u8] = b"-32603";

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::{Translated, may_ask, translate};

    fn text(answer: &str, method: &str, info: Option<&[u8]>) -> String {
        match translate(Bytes::copy_from_slice(answer.as_bytes()), b"\"new\"", method, info) {
            Ok(Translated::Message { bytes, .. }) => String::from_utf8(bytes.to_vec()).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn result_gets_what_the_modern_schema_requires_and_keeps_the_rest() {
        let answer = r#"{"jsonrpc":"2.0","id":7,"result":{ "content":[{"n":1.0e+5}], "x":90071992547409931234 }}"#;
        assert_eq!(
            text(answer, "tools/call", Some(br#"{"name":"s","version":"1"}"#)),
            r#"{"jsonrpc":"2.0","id":"new","result":{"resultType":"complete","_meta":{"io.modelcontextprotocol/serverInfo":{"name":"s","version":"1"}}, "content":[{"n":1.0e+5}], "x":90071992547409931234 }}"#
        );
        assert_eq!(
            text(r#"{"result":{"tools":[]},"id":7,"jsonrpc":"2.0"}"#, "tools/list", None),
            r#"{"result":{"resultType":"complete","ttlMs":0,"cacheScope":"private","tools":[]},"id":"new","jsonrpc":"2.0"}"#
        );
        assert_eq!(
            text(r#"{"jsonrpc":"2.0","id":7,"result":{}}"#, "completion/complete", None),
            r#"{"jsonrpc":"2.0","id":"new","result":{"resultType":"complete"}}"#
        );
    }

    #[test]
    fn server_info_joins_a_meta_that_is_there() {
        let answer = r#"{"jsonrpc":"2.0","id":7,"result":{"_meta":{"a":1}}}"#;
        assert_eq!(
            text(answer, "tools/call", Some(b"{}")),
            r#"{"jsonrpc":"2.0","id":"new","result":{"resultType":"complete","_meta":{"io.modelcontextprotocol/serverInfo":{},"a":1}}}"#
        );
    }

    #[test]
    fn legacy_server_cannot_pose_a_question_in_modern_words() {
        let answer = r#"{"jsonrpc":"2.0","id":7,"result":{"resultType":"input_required","inputRequests":{"a":{}},"requestState":"x"}}"#;
        let out = text(answer, "tools/call", None);
        assert!(out.contains(r#""resultType":"complete""#) && !out.contains("input_required\""));
    }

    #[test]
    fn caching_hints_of_a_legacy_server_never_become_public() {
        let answer =
            r#"{"jsonrpc":"2.0","id":7,"result":{"tools":[],"ttlMs":-1,"cacheScope":"public"}}"#;
        assert_eq!(
            text(answer, "tools/list", None),
            r#"{"jsonrpc":"2.0","id":"new","result":{"resultType":"complete","tools":[],"ttlMs":0,"cacheScope":"private"}}"#
        );
    }

    #[test]
    fn retired_error_codes_do_not_come_back() {
        let error = |code: i32| {
            format!(
                r#"{{"jsonrpc":"2.0","id":7,"error":{{"code":{code},"message":"m","data":{{"uri":"x:y"}}}}}}"#
            )
        };
        let expected = |code: &str| {
            format!(
                r#"{{"jsonrpc":"2.0","id":"new","error":{{"code":{code},"message":"m","data":{{"uri":"x:y"}}}}}}"#
            )
        };
        assert_eq!(text(&error(-32002), "resources/read", None), expected("-32602"));
        assert_eq!(text(&error(-32042), "tools/list", None), expected("-32603"));
        assert_eq!(text(&error(-32042), "tools/call", None), expected("-32603"));
        assert_eq!(text(&error(-32000), "tools/call", None), expected("-32000"));
        let unknown = Bytes::from(error(-32601));
        assert!(matches!(
            translate(unknown, b"1", "prompts/list", None),
            Ok(Translated::Message { method_unknown: true, .. })
        ));
    }

    #[test]
    fn addresses_to_visit_become_questions() {
        let answer = r#"{"jsonrpc":"2.0","id":7,"error":{"code":-32042,"message":"m","data":{"elicitations":[{"mode":"url","url":"https://a.example/"},7]}}}"#;
        let translated = translate(Bytes::from(answer), b"1", "tools/call", None);
        let url = Bytes::from(r#"{"mode":"url","url":"https://a.example/"}"#);
        assert_eq!(translated, Ok(Translated::UrlsRequired(vec![url])));
    }

    #[test]
    fn what_is_no_answer_is_an_error() {
        for answer in [
            "{",
            "[]",
            r#"{"jsonrpc":"2.0","id":7}"#,
            r#"{"jsonrpc":"2.0","id":7,"result":[]}"#,
            r#"{"jsonrpc":"2.0","id":7,"result":{},"error":{}}"#,
            r#"{"jsonrpc":"2.0","id":7,"error":{"message":"m"}}"#,
        ] {
            assert!(translate(Bytes::from(answer), b"1", "tools/call", None).is_err(), "{answer}");
        }
    }

    #[test]
    fn three_methods_may_ask() {
        let all = ["tools/call", "prompts/get", "resources/read", "tools/list", "server/discover"];
        assert_eq!(all.iter().filter(|method| may_ask(method)).count(), 3);
    }

    proptest! {
        #[test]
        fn translated_answer_is_json_with_the_members_of_the_old_one(
            members in prop::collection::btree_map("[a-z]{1,5}", "-?[1-9][0-9]{0,30}", 0..6),
            space in "[ \n]{0,2}", list: bool,
        ) {
            let inner: Vec<_> = members.iter().map(|(k, v)| format!("\"{k}\":{space}{v}")).collect();
            let answer = format!("{{\"jsonrpc\":\"2.0\",{space}\"id\":1,\"result\":{{{space}{}}}}}", inner.join(","));
            let method = if list { "tools/list" } else { "tools/call" };
            let out = text(&answer, method, Some(b"{\"name\":\"s\"}"));
            prop_assert!(super::read(Bytes::from(out.clone())).is_ok(), "{}", out);
            for member in inner {
                prop_assert!(out.contains(&member));
            }
        }
    }
}
