//! What the formats promise.

use bytes::Bytes;
use serde_json::{Value, json};

use super::{FormatError, convert, unix_ms};
use crate::config::SinkFormat::{self, Cef, Ecs, Json, Ocsf};
use crate::sinks::files::line_hash;

const REFUSED: &str = r#"{"v":1,"seq":7,"prev":"00","timestamp":"2026-11-23T07:00:00.123456Z","kind":"call","phase":"refused","request_id":"r1","server":"notes","client":"agent","user_id":"alice","operation":"tools/call","action":"tools.invoke","resource":"erase|all=\\now","client_ip":"192.0.2.7","roles":["reader"],"decision":"deny","code":"scope_missing","reason":"a\nb","status_code":403,"latency_ms":1.234}"#;
const DONE: &str = r#"{"v":1,"seq":9,"prev":"00","timestamp":"2026-11-23T07:00:00.123456Z","kind":"call","phase":"completion","request_id":"r2","server":"notes","action":"resources.read","operation":"resources/read","status_code":200,"latency_ms":12.5,"bytes_out":10,"redactions":{"email":1}}"#;

fn made(format: SinkFormat, line: &'static str) -> String {
    String::from_utf8(convert(format, &Bytes::from(line)).unwrap().to_vec()).unwrap()
}

fn json_of(format: SinkFormat, line: &'static str) -> Value {
    serde_json::from_str(&made(format, line)).unwrap()
}

#[test]
fn json_is_the_line_byte_for_byte_whatever_it_holds() {
    assert_eq!(made(Json, REFUSED), REFUSED);
    assert_eq!(made(Json, "no json"), "no json");
}

#[test]
fn other_formats_refuse_what_is_no_record() {
    for format in [Ocsf, Ecs, Cef] {
        for line in ["", "[]", "1", "{"] {
            assert_eq!(convert(format, &Bytes::from(line)), Err(FormatError), "{format:?} {line}");
        }
    }
}

#[test]
fn no_value_of_a_record_ends_the_line() {
    for format in [Ocsf, Ecs, Cef] {
        assert!(!made(format, REFUSED).contains('\n'), "{format:?}");
    }
}

#[test]
fn ocsf_event_is_api_activity_and_carries_the_line_and_its_hash() {
    let event = json_of(Ocsf, REFUSED);
    assert_eq!(event["class_uid"], 6003);
    assert_eq!(event["type_uid"], 600_399);
    assert_eq!(event["time"], 1_795_417_200_123_u64);
    assert_eq!((&event["action_id"], &event["status_id"]), (&json!(2), &json!(2)));
    assert_eq!(event["actor"]["user"]["uid"], "alice");
    assert_eq!(event["src_endpoint"]["ip"], "192.0.2.7");
    assert_eq!(event["raw_data"], REFUSED);
    let integrity = &event["attestation_list"][0];
    assert_eq!(integrity["fingerprint"]["value"], line_hash(REFUSED.as_bytes()));
    assert_eq!((&integrity["uid"], &integrity["prev_event"]["uid"]), (&json!("7"), &json!("6")));
}

#[test]
fn ocsf_tells_a_masked_answer_from_an_untouched_one_and_an_intent_from_an_outcome() {
    let event = json_of(Ocsf, DONE);
    assert_eq!(
        (&event["activity_id"], &event["action_id"], &event["status_id"]),
        (&json!(2), &json!(4), &json!(1))
    );
    assert_eq!(event["duration"], 12);
    let intent = r#"{"v":1,"seq":1,"prev":"","timestamp":"2026-11-23T07:00:00Z","kind":"call","phase":"intent","decision":"allow"}"#;
    let event = json_of(Ocsf, intent);
    assert_eq!((&event["action_id"], event.get("status_id")), (&json!(1), None));
}

#[test]
fn ecs_document_has_the_fields_that_dashboards_ask_for_and_the_whole_record() {
    let document = json_of(Ecs, REFUSED);
    assert_eq!(document["@timestamp"], "2026-11-23T07:00:00.123456Z");
    assert_eq!(document["event"]["outcome"], "failure");
    assert_eq!(document["event"]["type"], json!(["denied"]));
    assert_eq!(document["user"]["id"], "alice");
    assert_eq!(document["http"]["response"]["status_code"], 403);
    assert_eq!(document["sallyport"], serde_json::from_str::<Value>(REFUSED).unwrap());
    assert_eq!(json_of(Ecs, DONE)["event"]["outcome"], "success");
}

#[test]
fn cef_line_escapes_what_would_end_a_field() {
    let line = made(Cef, REFUSED);
    assert!(line.starts_with("CEF:0|Sallyport|Sallyport|"), "{line}");
    assert!(line.contains("|refused:scope_missing|tools/call|6|"), "{line}");
    assert!(line.contains(r"request=erase|all\=\\now"), "{line}");
    assert!(line.contains(r"reason=a\nb"), "{line}");
    assert!(line.contains("rt=1795417200123 externalId=7 src=192.0.2.7 suid=alice"), "{line}");
}

#[test]
fn own_records_of_the_log_can_be_turned_too() {
    let gap =
        r#"{"v":1,"seq":3,"prev":"","timestamp":"2026-11-23T07:00:00Z","kind":"gap","refused":4}"#;
    assert_eq!(json_of(Ocsf, gap)["api"]["operation"], "gap");
    assert_eq!(json_of(Ecs, gap)["event"]["type"], json!(["info"]));
    assert!(made(Cef, gap).contains("|gap|gap|3|"));
}

#[test]
fn time_of_a_line_is_read_from_its_timestamp_and_missing_where_there_is_none() {
    assert_eq!(unix_ms(DONE.as_bytes()), Some(1_795_417_200_123));
    for line in ["{}", "{\"timestamp\":\"never\"}", "{\"timestamp\":\"2026"] {
        assert_eq!(unix_ms(line.as_bytes()), None);
    }
}
