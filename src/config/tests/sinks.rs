//! Sinks: where copies of the audit records may go, and what is refused.

use std::fmt::Write as _;
use std::time::Duration;

use super::{Checked, Folder, Problems, SERVER, Strictness, check_in, refused_in, warned_in};
use crate::config::{SinkFormat, SinkTarget};
use crate::limits::{
    SINK_BATCH_BYTES, SINK_BATCH_BYTES_MAX, SINK_BATCH_RECORDS, SINK_BATCH_RECORDS_MAX,
    SINK_LINGER_MS_MAX, SINK_LINGER_S3_MS, SINK_TIMEOUT_MS, SINK_TIMEOUT_MS_MAX, SINKS_MAX,
};

fn with(sinks: &str) -> String {
    format!("{SERVER}audit:\n  sinks:\n{sinks}")
}

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("key", "0123456789abcdef0123456789abcdef\n");
    folder.write("short", "0123456789\n");
    folder.write("login", "elastic:secret\n");
    folder
}

fn check(sinks: &str) -> Result<Checked, Problems> {
    check_in(&folder(), &with(sinks), Strictness::Strict)
}

fn accepted(sinks: &str) -> Vec<crate::config::Sink> {
    check(sinks).unwrap_or_else(|why| panic!("{why}")).config.audit.sinks
}

#[track_caller]
fn refused(marked: &str, message: &str, help: &str) {
    refused_in(&folder(), &with(marked), message, help);
}

#[test]
fn every_kind_is_read_and_defaults_are_those_of_the_bounds() {
    let sinks = accepted(
        "    - { name: copy, file: copy.log }\n\
         \x20   - { name: out, stdout: on, format: cef }\n\
         \x20   - { name: hook, webhook: { url: https://siem.example.com/hook, secret: { file: key } } }\n\
         \x20   - { name: splunk, splunk_hec: { url: https://splunk.example.com:8088, token: { file: key }, index: audit } }\n\
         \x20   - { name: search, elasticsearch: { url: https://search.example.com, index: logs-sallyport, basic: { file: login } } }\n\
         \x20   - { name: log, syslog: { address: syslog.example.com } }\n\
         \x20   - { name: otel, format: ocsf, otlp: { url: http://127.0.0.1:4318/v1/logs, headers: { x-key: { file: key } } } }\n\
         \x20   - { name: dog, datadog: { api_key: { file: key }, tags: 'env:prod' } }\n",
    );
    let names: Vec<&str> = sinks.iter().map(|sink| &*sink.name).collect();
    assert_eq!(names, ["copy", "out", "hook", "splunk", "search", "log", "otel", "dog"]);
    let first = &sinks[0];
    assert_eq!(
        (first.batch_records, first.batch_bytes, first.timeout, first.format),
        (
            SINK_BATCH_RECORDS,
            SINK_BATCH_BYTES,
            Duration::from_millis(SINK_TIMEOUT_MS),
            SinkFormat::Json
        )
    );
    assert_eq!(sinks[1].target, SinkTarget::Stdout);
    assert_eq!((sinks[4].format, sinks[6].format), (SinkFormat::Ecs, SinkFormat::Ocsf));
    let SinkTarget::Elasticsearch { authorization: Some(login), .. } = &sinks[4].target else {
        panic!("{:?}", sinks[4].target)
    };
    assert!(login.matches(b"Basic ZWxhc3RpYzpzZWNyZXQ="));
    let SinkTarget::Syslog { host, port, facility, .. } = &sinks[5].target else {
        panic!("{:?}", sinks[5].target)
    };
    assert_eq!((host.as_str(), *port, *facility), ("syslog.example.com", 6514, 13));
    let shown = format!("{sinks:?}");
    assert!(!shown.contains("0123456789abcdef") && !shown.contains("elastic:secret"));
}

#[test]
fn sink_has_one_kind() {
    let place = "    - { name: copy, file: copy.log, «stdout»: on }\n";
    refused(place, "one kind", "a sink of its own");
    let problems = check("    - { name: copy }\n").unwrap_err().to_string();
    assert!(problems.contains("where its records go"), "{problems}");
}

#[test]
fn names_stay_sealed_in_a_sink_unless_it_says_open_and_could() {
    use crate::config::SinkSubjects::{Open, Sealed};
    use std::os::unix::fs::PermissionsExt as _;
    let folder = folder();
    folder.write("master.key", "5c".repeat(32));
    let owner = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(folder.path().join("master.key"), owner).unwrap();
    let sealing = |sink: &str| {
        with(&format!("    - {{ name: a, file: copies/a, {sink} }}\n"))
            + "  subjects: { keys: people, master_key: { file: master.key } }\n"
    };
    for (sink, wanted) in
        [("batch_records: 5", Sealed), ("subjects: sealed", Sealed), ("subjects: open", Open)]
    {
        let checked = check_in(&folder, &sealing(sink), Strictness::Normal).unwrap();
        assert_eq!(checked.config.audit.sinks[0].subjects, wanted, "{sink}");
        let told = format!("{:?}", checked.warnings).contains("no erasure reaches them");
        assert_eq!(told, wanted == Open, "{sink}");
    }
    let hashed = sealing("format: ocsf, subjects: «open»");
    refused_in(&folder, &hashed, "line of the log with its hash", "leave the names sealed");
    let alone = "    - { name: a, file: copies/a, subjects: «open» }\n";
    refused(alone, "nothing is sealed", "audit.subjects");
}

#[test]
fn copy_of_the_log_does_not_stand_among_its_files() {
    refused(
        "    - { name: copy, file: «audit/copy.jsonl» }\n",
        "folder of the log",
        "another folder",
    );
    assert_eq!(accepted("    - { name: copy, file: audit-copies/copy.jsonl }\n").len(), 1);
}

#[test]
fn names_of_sinks_are_names_and_unique() {
    let place = "    - { name: copy, file: a }\n    - { name: «copy», file: b }\n";
    refused(place, "is taken in line 11", "cursor");
    let problems = check("    - { name: ../x, file: a }\n").unwrap_err().to_string();
    assert!(problems.contains("this is not a name"), "{problems}");
}

#[test]
fn records_leave_in_plain_text_only_where_that_is_said() {
    let http = "otlp: { url: http://otel.example.com/v1/logs }";
    let place = http.replace("http:", "«http:").replace("/logs", "/logs»");
    refused(&format!("    - {{ name: otel, {place} }}\n"), "plain text", "plain_http: allowed");
    let allowed = format!("    - {{ name: otel, plain_http: allowed, {place} }}\n");
    warned_in(&folder(), &with(&allowed), "plain text", "https");
}

#[test]
fn keys_without_effect_are_refused() {
    for key in ["timeout: 5s", "plain_http: allowed"] {
        let (name, value) = key.split_once(": ").unwrap();
        let place = format!("    - {{ name: copy, file: a, {name}: «{value}» }}\n");
        refused(&place, "has no effect", "remove it");
    }
}

#[test]
fn secrets_come_from_files_and_variables_and_fit_their_use() {
    let hook = "    - { name: hook, webhook: { url: https://a.example.com, secret: ";
    let problems = check(&format!("{hook}my-secret }} }}\n")).unwrap_err().to_string();
    assert!(!problems.contains("my-secret"), "{problems}");
    let problems = check(&format!("{hook}{{ file: short }} }} }}\n")).unwrap_err().to_string();
    assert!(problems.contains("fewer than 24 bytes"), "{problems}");
    let search = "    - { name: s, elasticsearch: { url: https://a.example.com, index: i, ";
    let problems = check(&format!("{search}basic: {{ file: key }} }} }}\n")).unwrap_err();
    assert!(problems.to_string().contains("no colon"), "{problems}");
    let both = format!("{search}api_key: {{ file: key }}, basic: {{ file: login }} }} }}\n");
    assert!(check(&both).unwrap_err().to_string().contains("two ways"), "both ways to log in");
}

#[test]
fn bounds_hold_for_batches_times_and_the_number_of_sinks() {
    let file = |more: &str| format!("    - {{ name: copy, file: a, {more} }}\n");
    for over in [0, SINK_BATCH_RECORDS_MAX + 1] {
        refused(&file(&format!("batch_records: «{over}»")), "not a possible number", "10000");
    }
    let over = (SINK_BATCH_BYTES_MAX >> 20) + 1;
    refused(&file(&format!("batch_bytes: «{over}MiB»")), "not a possible size", "16MiB");
    let over = SINK_TIMEOUT_MS_MAX / 1000 + 1;
    let otlp = format!(
        "    - {{ name: o, timeout: «{over}s», otlp: {{ url: https://a.example.com }} }}\n"
    );
    refused(&otlp, "not a possible duration", "300s");
    let dog = "    - { name: d, batch_records: «1001», datadog: { api_key: { file: key } } }\n";
    refused(dog, "not a possible number", "1000");
    let many = (0..=SINKS_MAX).fold(String::new(), |mut text, i| {
        let _ = writeln!(text, "    - {{ name: s{i}, file: f{i} }}");
        text
    });
    assert!(check(&many).unwrap_err().to_string().contains("too many sinks"));
}

#[test]
fn addresses_indexes_and_facilities_are_judged() {
    let syslog = |inside: &str| format!("    - {{ name: l, syslog: {{ {inside} }} }}\n");
    refused(&syslog("address: «'a b'»"), "not a host", "syslog.example.com:6514");
    refused(&syslog("address: a.example.com, facility: «24»"), "no such facility", "0 to 23");
    let index = "    - { name: s, elasticsearch: { url: https://a.example.com, index: «A/B» } }\n";
    refused(index, "not the name of an index", "lower-case");
    let cef = "    - { name: s, format: «cef», elasticsearch: { url: https://a.example.com, index: i } }\n";
    refused(cef, "takes JSON", "ecs");
}

#[test]
fn bucket_is_taken_with_its_keys_and_its_wait() {
    let sinks = accepted(
        "    - { name: t, batch_wait: 1s, file: copy.log }\n\
         \x20   - { name: b, s3: { bucket: evidence, region: eu-central-1, prefix: gw, access_key_id: { file: short }, secret_access_key: { file: key } } }\n",
    );
    let waits: Vec<_> = sinks.iter().map(|sink| sink.batch_wait).collect();
    let ms = Duration::from_millis;
    assert_eq!(waits, [Some(ms(1000)), Some(ms(SINK_LINGER_S3_MS))]);
    let SinkTarget::S3(s3) = &sinks[1].target else { panic!() };
    assert_eq!((s3.prefix.as_str(), s3.retention), ("gw/", None), "a lock is asked for by name");
    let over = SINK_LINGER_MS_MAX / 1000 + 1;
    let wait = format!("    - {{ name: c, file: c, batch_wait: «{over}s» }}\n");
    refused(&wait, "not a possible duration", "3600s");
}
