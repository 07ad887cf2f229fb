//! Promises of the guard: what must hit, what must not, and what is told of it.

mod benign;
mod hostile;

use bytes::Bytes;
use proptest::prelude::*;

use super::{Guards, HITS_MAX, Hits, refusal};
use crate::call::{Action, Arguments, Call, Resource};
use crate::config::{Guard, GuardMode};
use crate::json::{Document, KeyRule, Limits};
use crate::limits::AUDIT_TEXT_BYTES_MAX;
use crate::reject::Code;

const LIMITS: Limits =
    Limits { depth_max: 64, nodes_max: 100_000, number_bytes_max: 100, keys: KeyRule::Folded };

const ALL: Guard = all(GuardMode::Block);

const fn all(mode: GuardMode) -> Guard {
    Guard { path: mode, url: mode, sql: mode, shell: mode, hidden_text: mode }
}

fn call(arguments: Arguments, message: Option<&str>) -> Call {
    let parse =
        |text: &str| Document::parse(Bytes::copy_from_slice(text.as_bytes()), &LIMITS).unwrap();
    Call {
        action: Action::ToolsInvoke,
        resource: Resource::Tool("t".into()),
        also: Vec::new(),
        operation: "tools/call".into(),
        subject: None,
        message: message.map(parse),
        arguments,
    }
}

/// What the checks find in the arguments of a tool call.
fn inspect(arguments: &str) -> Hits {
    let text =
        format!(r#"{{"method":"tools/call","params":{{"name":"t","arguments":{arguments}}}}}"#);
    Guards::new(ALL).inspect(&call(Arguments::Rpc, Some(&text)))
}

/// The names of the checks that a value hits in a parameter of this name.
fn checks(parameter: &str, value: &str) -> Vec<&'static str> {
    let arguments = serde_json::json!({ parameter: value }).to_string();
    inspect(&arguments).iter().map(|hit| hit.check).collect()
}

fn places(hits: &Hits) -> Vec<(&str, &str)> {
    hits.iter().map(|hit| (hit.check, &*hit.path)).collect()
}

#[test]
fn hit_names_check_place_and_mode_and_never_the_value() {
    let hits = inspect(r#"{"a":[{"b~/c":{"path":"../../secret-value"}}],"z":1}"#);
    assert_eq!(places(&hits), [("path", "/arguments/a/0/b~0~1c/path")]);
    assert!(!format!("{hits:?}").contains("secret"));
    let rejection = refusal(hits.blocked().unwrap());
    assert_eq!((rejection.code, rejection.reason), (Code::GuardBlocked, Some("path")));
    assert!(!rejection.internal.contains("secret"));
}

#[test]
fn check_that_is_off_finds_nothing_and_one_that_monitors_does_not_block() {
    let text = r#"{"params":{"arguments":{"path":"../x","host":"a;b"}}}"#;
    let guard = Guard { path: GuardMode::Monitor, ..all(GuardMode::Off) };
    let hits = Guards::new(guard).inspect(&call(Arguments::Rpc, Some(text)));
    assert_eq!(places(&hits), [("path", "/arguments/path")]);
    assert!(hits.blocked().is_none() && hits.iter().all(|hit| hit.mode == "monitor"));
    assert!(Guards::new(all(GuardMode::Off)).inspect(&call(Arguments::Rpc, Some(text))).is_empty());
}

#[test]
fn s34_escaped_arguments_are_seen_decoded() {
    let hits = inspect(r#"{"path":"\u002e\u002e\u002f\u0065tc\/passwd"}"#);
    assert_eq!(places(&hits), [("path", "/arguments/path")]);
    let hits = inspect(r#"{"p\u0061th":"..\/x"}"#);
    assert_eq!(places(&hits), [("path", "/arguments/path")]);
}

#[test]
fn roots_of_a_client_are_paths_written_as_uris() {
    let answer = |uri: &str| {
        format!(
            r#"{{"params":{{"inputResponses":{{"k":{{"roots":[{{"uri":"{uri}","name":"w"}}]}}}}}}}}"#
        )
    };
    for (uri, hit) in [
        ("file:///home/ada/work", false),
        ("file:///workspace", false),
        ("file:///home/ada/../../etc/passwd", true),
        ("http://169.254.169.254/latest", true),
    ] {
        let hits = Guards::new(ALL).inspect(&call(Arguments::None, Some(&answer(uri))));
        assert_eq!(!hits.is_empty(), hit, "{uri}");
    }
    let elsewhere = r#"{"uri":"file:///workspace"}"#;
    assert_eq!(places(&inspect(elsewhere)), [("url", "/arguments/uri")]);
}

#[test]
fn s34_every_place_of_arguments_is_looked_at() {
    let value = "../../etc/passwd";
    let body = format!(r#"{{"meta":{{"file":"{value}"}}}}"#);
    let hits = Guards::new(ALL).inspect(&call(Arguments::Body, Some(&body)));
    assert_eq!(places(&hits), [("path", "/meta/file")]);
    let pairs = vec![("file".to_owned(), value.to_owned())];
    let hits = Guards::new(ALL).inspect(&call(Arguments::Query(pairs), None));
    assert_eq!(places(&hits), [("path", "/file")]);
    let input =
        format!(r#"{{"params":{{"inputResponses":{{"k":{{"content":{{"file":"{value}"}}}}}}}}}}"#);
    let hits = Guards::new(ALL).inspect(&call(Arguments::None, Some(&input)));
    assert_eq!(places(&hits), [("path", "/inputResponses/k/content/file")]);
    let completion = format!(
        r#"{{"params":{{"argument":{{"name":"file","value":"{value}"}},"context":{{"arguments":{{"dir":"/etc"}}}}}}}}"#
    );
    let mut asked = call(Arguments::None, Some(&completion));
    asked.action = Action::Completion;
    assert_eq!(
        places(&Guards::new(ALL).inspect(&asked)),
        [("path", "/argument/value"), ("path", "/context/arguments/dir")]
    );
}

#[test]
fn names_of_the_rest_profile_are_looked_at() {
    let mut asked = call(Arguments::None, None);
    asked.subject = Some("1' or '1'='1".into());
    asked.resource = Resource::Namespace("a;whoami".into());
    let hits = Guards::new(ALL).inspect(&asked);
    assert_eq!(places(&hits), [("sql", "/subject"), ("shell", "/namespace")]);
}

#[test]
fn member_names_are_looked_at_for_hidden_text() {
    let hits = inspect("{\"a\u{202e}b\":1}");
    assert_eq!(places(&hits)[0].0, "hidden_text");
}

#[test]
fn hits_are_bounded_by_hits_max_and_the_blocking_one_is_among_them() {
    let many: Vec<String> = (0..HITS_MAX + 4).map(|i| format!("\"path{i}\":\"../x\"")).collect();
    let many = many.iter().map(|m| m.replace("path", "p_path_")).collect::<Vec<_>>().join(",");
    let text = format!(
        r#"{{"params":{{"arguments":{{"path":["../x","../x","../x"],{many},"text":"{}"}}}}}}"#,
        "\u{202e}"
    );
    let text = text.replace("p_path_", "file_path_");
    let guard = Guard { path: GuardMode::Monitor, ..ALL };
    let hits = Guards::new(guard).inspect(&call(Arguments::Rpc, Some(&text)));
    assert_eq!(hits.iter().count(), HITS_MAX);
    assert_eq!(hits.blocked().unwrap().check, "hidden_text");
}

#[test]
fn place_is_shortened_to_audit_text_bytes_max() {
    let long = "é".repeat(300);
    let hits = inspect(&format!(r#"{{"{long}":{{"path":"../x"}}}}"#));
    assert!(hits.iter().next().unwrap().path.len() <= AUDIT_TEXT_BYTES_MAX);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_value_makes_a_check_panic(name in "[a-zA-Z_]{0,12}|path|url|host|id", value in "\\PC{0,60}|[ -~]{0,60}") {
        let _ = checks(&name, &value);
    }

    #[test]
    fn plain_words_never_hit(name in "[a-zA-Z_]{1,12}|path|url|host|id", value in "[A-Za-z][A-Za-z0-9_]{0,30}") {
        prop_assert_eq!(checks(&name, &value), Vec::<&str>::new());
    }

    #[test]
    fn s57_long_values_are_judged_in_linear_time(
        value in prop::sample::select(vec![
            "../", "%2e", "' or ", "$(", "/*", "select ", "((((", "http://", "|| ", "`", "a'||", ";cat ",
        ]),
        name in "path|url|host|id|city",
    ) {
        // A quadratic check would need minutes for this.
        let _ = checks(&name, &value.repeat(50_000 / value.len()));
    }
}
