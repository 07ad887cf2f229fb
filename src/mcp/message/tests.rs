use super::{Kind, Message, MessageError};
use crate::limits::{NAME_BYTES_MAX, RPC_ID_BYTES_MAX};
use crate::mcp::tests::document;

fn read(text: &str) -> Result<Message, MessageError> {
    Message::read(&document(text))
}

fn with_id(id: &str) -> Result<Message, MessageError> {
    read(&format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/list"}}"#))
}

#[test]
fn request_notification_and_responses_are_told_apart() {
    for (text, kind) in [
        (r#"{"jsonrpc":"2.0","id":1,"method":"m"}"#, Kind::Request),
        (r#"{"method":"m","jsonrpc":"2.0","params":{}}"#, Kind::Notification),
        (r#"{"result":{},"id":"a","jsonrpc":"2.0"}"#, Kind::Result),
        (r#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"x"}}"#, Kind::Error),
    ] {
        assert_eq!(read(text).unwrap().kind(), kind, "{text}");
    }
}

#[test]
fn unknown_members_do_not_hurt() {
    let message = read(r#"{"jsonrpc":"2.0","id":1,"method":"m","trace":{"a":[1]}}"#).unwrap();
    assert_eq!((message.method(), message.row().is_some()), ("m", false));
}

#[test]
fn s23_batches_are_refused() {
    for text in ["[]", r#"[{"jsonrpc":"2.0","method":"m"}]"#] {
        assert_eq!(read(text).unwrap_err(), MessageError::BatchRefused);
    }
    for text in ["1", "\"x\"", "null", "true"] {
        assert_eq!(read(text).unwrap_err(), MessageError::NotObject);
    }
}

#[test]
fn s27_p09_null_id_is_refused() {
    assert_eq!(with_id("null").unwrap_err(), MessageError::Id);
}

#[test]
fn s27_p09_ids_other_than_string_and_integer_are_refused() {
    for id in ["1.5", "1.0", "1e3", "true", "false", "{}", "[]", "[1]"] {
        assert_eq!(with_id(id).unwrap_err(), MessageError::Id, "{id}");
    }
    for id in ["0", "-1", "123456789012345678901234567890", "\"\"", "\"é\""] {
        assert_eq!(with_id(id).unwrap().id().unwrap().raw(), id.as_bytes());
    }
}

#[test]
fn s27_ids_beyond_the_limit_are_refused() {
    let quoted = |bytes: usize| format!("\"{}\"", "a".repeat(bytes - 2));
    assert!(with_id(&quoted(RPC_ID_BYTES_MAX)).is_ok());
    assert_eq!(with_id(&quoted(RPC_ID_BYTES_MAX + 1)).unwrap_err(), MessageError::Id);
    assert_eq!(with_id(&"9".repeat(RPC_ID_BYTES_MAX + 1)).unwrap_err(), MessageError::Id);
}

#[test]
fn version_must_be_exactly_two_point_zero() {
    for version in ["", r#""jsonrpc":"1.0","#, r#""jsonrpc":2.0,"#, r#""jsonrpc":"2.0 ","#] {
        let text = format!(r#"{{{version}"id":1,"method":"m"}}"#);
        assert_eq!(read(&text).unwrap_err(), MessageError::Version, "{version}");
    }
}

#[test]
fn method_must_be_a_name() {
    for method in ["1", "null", "[\"m\"]", "{}", "\"\""] {
        let text = format!(r#"{{"jsonrpc":"2.0","id":1,"method":{method}}}"#);
        assert_eq!(read(&text).unwrap_err(), MessageError::Method, "{method}");
    }
    let long = format!(r#"{{"jsonrpc":"2.0","method":"{}"}}"#, "m".repeat(NAME_BYTES_MAX + 1));
    assert_eq!(read(&long).unwrap_err(), MessageError::Method);
}

#[test]
fn params_must_be_an_object_when_present() {
    for params in ["[]", "null", "1", "\"x\""] {
        let text = format!(r#"{{"jsonrpc":"2.0","method":"m","params":{params}}}"#);
        assert_eq!(read(&text).unwrap_err(), MessageError::Params, "{params}");
    }
}

#[test]
fn mixed_shapes_are_refused() {
    for text in [
        r#"{"jsonrpc":"2.0","id":1}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"m","result":{}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"m","error":{}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{},"error":{}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{},"params":{}}"#,
    ] {
        assert_eq!(read(text).unwrap_err(), MessageError::Shape, "{text}");
    }
    assert_eq!(read(r#"{"jsonrpc":"2.0","result":{}}"#).unwrap_err(), MessageError::Id);
}

#[test]
fn s22_members_that_look_like_known_ones_are_refused() {
    for (text, place) in [
        (r#"{"jsonrpc":"2.0","METHOD":"m"}"#, "message"),
        (r#"{"jsonrpc":"2.0","method":"m","id ":1}"#, "message"),
        (r#"{"jsonrpc":"2.0","method":"m","param\u017f":{}}"#, "message"),
        (r#"{"jsonrpc":"2.0","method":"m","result\u0000x":{}}"#, "message"),
        (r#"{"jsonrpc":"2.0","method":"m","params":{"Name":"x"}}"#, "params"),
        (r#"{"jsonrpc":"2.0","method":"m","params":{"u\u0052i":"x"}}"#, "params"),
        (r#"{"jsonrpc":"2.0","method":"m","params":{"\uff4eame":"x"}}"#, "params"),
        (r#"{"jsonrpc":"2.0","method":"m","params":{"tas\u212aId":"x"}}"#, "params"),
        (r#"{"jsonrpc":"2.0","method":"m","params":{"_META":{}}}"#, "params"),
        (r#"{"jsonrpc":"2.0","method":"m","params":{"ref":{"Type":1}}}"#, "ref"),
        (
            r#"{"jsonrpc":"2.0","method":"m","params":{"notifications":{"taskids":1}}}"#,
            "notifications",
        ),
        (
            r#"{"jsonrpc":"2.0","method":"m","params":{"_meta":{"io.modelcontextprotocol/ProtocolVersion":"x"}}}"#,
            "_meta",
        ),
        (r#"{"jsonrpc":"2.0","id":1,"error":{"Code":1}}"#, "error"),
    ] {
        assert_eq!(read(text).unwrap_err(), MessageError::Lookalike { place }, "{text}");
    }
}

#[test]
fn s22_arguments_of_tools_may_be_called_anything() {
    let text = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x","arguments":{"Name":1,"URI":2,"_Meta":3}}}"#;
    assert!(read(text).is_ok());
}

#[test]
fn mirrored_name_is_found_where_the_method_has_it() {
    for (method, params, name) in [
        ("tools/call", r#"{"name":"\u0061b"}"#, Some("ab")),
        ("resources/read", r#"{"uri":"x:y","name":"z"}"#, Some("x:y")),
        ("tasks/get", r#"{"taskId":"t"}"#, Some("t")),
        ("tools/list", r#"{"name":"z"}"#, None),
        ("tools/call", r#"{"name":7}"#, None),
        ("tools/call", "{}", None),
    ] {
        let text = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#);
        assert_eq!(read(&text).unwrap().name(), name, "{text}");
    }
}

#[test]
fn server_may_send_an_error_that_answers_nothing_and_a_client_may_not() {
    for id in ["", r#""id":null,"#] {
        let text = format!(r#"{{"jsonrpc":"2.0",{id}"error":{{"code":-32700,"message":"x"}}}}"#);
        let answer = Message::read_answer(&document(&text)).unwrap();
        assert_eq!((answer.kind(), answer.id().is_none()), (Kind::Error, true));
        assert_eq!(read(&text).unwrap_err(), MessageError::Id);
    }
    let result = document(r#"{"jsonrpc":"2.0","id":null,"result":{}}"#);
    assert_eq!(Message::read_answer(&result).unwrap_err(), MessageError::Id);
}

#[test]
fn s37_ids_match_by_meaning_and_never_across_types() {
    let id = |id: &str| with_id(id).unwrap().id().unwrap().clone();
    assert!(id(r#""é/""#).matches(&id(r#""\u00e9\/""#)));
    assert!(id("12").matches(&id("12")));
    assert!(!id("12").matches(&id("\"12\"")));
    assert!(!id("12").matches(&id("13")));
    assert!(!id(r#""a""#).matches(&id(r#""A""#)));
}
