//! The other kinds, each against what its receiver says.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::stub::{
    Do, Request, Stub, authority, good, log, numbers, quick, running, shipped, sink,
};
use crate::config::{Sink, SinkFormat, SinkTarget, SinkTls};
use crate::secret::Secret;
use crate::sinks::delivery::Deliver;
use crate::sinks::files::line_hash;
use crate::sinks::splunk::{SINK_ACK_MS, SINK_ACK_POLL_MS, Splunk};
use crate::sinks::syslog::SINK_CLOSE_MS;
use crate::sinks::testing::line;
use crate::sinks::{delivery, file};

fn secret(text: &str) -> Secret {
    Secret::new(text.as_bytes().to_vec())
}

fn answer(status: &'static str, body: &Value) -> Do {
    Do::Answer(status, "", body.to_string())
}

fn items(range: std::ops::RangeInclusive<u64>) -> Vec<delivery::Item> {
    let record = |seq| crate::sinks::Record { seq, line: line(seq).into() };
    range.map(|seq| delivery::Item { text: line(seq).into(), record: record(seq) }).collect()
}

// --- file and stdout -------------------------------------------------------------------------

#[tokio::test]
async fn file_gets_every_line_byte_for_byte_and_is_made_anew_when_moved() {
    let dir = log(20);
    let path = dir.path().join("copy.log");
    shipped(&dir, 20, sink(SinkTarget::File(path.clone()))).await;
    let log = std::fs::read(dir.path().join("audit.jsonl")).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), log);
    std::fs::rename(&path, dir.path().join("copy.log.1")).unwrap();
    crate::sinks::Files::new(dir.path(), "siem").order_again(19).unwrap();
    shipped(&dir, 20, sink(SinkTarget::File(path.clone()))).await;
    assert_eq!(numbers(&std::fs::read_to_string(&path).unwrap()), [19, 20]);
}

#[tokio::test]
async fn file_that_cannot_be_written_is_tried_again() {
    let dir = log(2);
    let path = dir.path().join("missing/copy.log");
    let sinks = running(&dir, 2, &[sink(SinkTarget::File(path.clone()))]);
    while sinks.status()[0].retries == 0 {
        tokio::task::yield_now().await;
    }
    std::fs::create_dir(dir.path().join("missing")).unwrap();
    sinks.close(Duration::from_secs(30)).await;
    assert_eq!(numbers(&std::fs::read_to_string(&path).unwrap()), [1, 2]);
}

/// A standard output whose reader may stall.
#[derive(Clone, Default)]
struct Out(Arc<Mutex<Vec<u8>>>);

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn standard_output_gets_lines_and_a_reader_that_stalls_stalls_nothing_else() {
    let out = Out::default();
    let mut target = file::StdoutTarget::new(out.clone()).unwrap();
    assert_eq!(target.deliver(&items(1..=3)).await, delivery::Delivery::taken(&items(1..=3)));
    let text = String::from_utf8(out.0.lock().unwrap().clone()).unwrap();
    assert_eq!(numbers(&text), [1, 2, 3]);
    // Nobody reads any more: the sink waits, this task does not.
    let (hold, held) = (Arc::clone(&out.0), std::sync::mpsc::channel());
    let (end, ended) = std::sync::mpsc::channel::<()>();
    let reader = std::thread::spawn(move || {
        let _stalled = hold.lock().unwrap();
        held.0.send(()).unwrap();
        // Until the test has seen the sink wait.
        let _ = ended.recv();
    });
    held.1.recv().unwrap();
    let four = items(4..=4);
    let waiting = tokio::time::timeout(Duration::from_millis(20), target.deliver(&four));
    assert!(waiting.await.is_err());
    drop(end);
    reader.join().unwrap();
}

// --- Splunk ----------------------------------------------------------------------------------

fn splunk(stub: &Stub) -> Sink {
    let labels = vec![("index", "audit".to_owned()), ("sourcetype", "sallyport".to_owned())];
    sink(SinkTarget::Splunk { http: stub.http(""), token: secret("a-token"), labels })
}

fn is_ack(request: &Request) -> bool {
    request.target.starts_with("/services/collector/ack?channel=")
}

/// Numbers of the records in a body of events.
fn events(request: &Request) -> Vec<u64> {
    let events = serde_json::Deserializer::from_str(&request.body).into_iter::<Value>();
    events.map(|event| event.unwrap()["event"]["seq"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn splunk_batch_is_taken_when_it_is_acknowledged_and_not_before() {
    let mut asked = 0;
    let stub = Stub::with(move |request| {
        if !is_ack(request) {
            return answer("200 OK", &json!({ "text": "Success", "code": 0, "ackId": 7 }));
        }
        asked += 1;
        answer("200 OK", &json!({ "acks": { "7": asked > 1 } }))
    })
    .await;
    let dir = log(3);
    let began = std::time::Instant::now();
    let status = shipped(&dir, 3, splunk(&stub)).await;
    assert_eq!((status.delivered, status.retries), (3, 0));
    assert!(began.elapsed() >= Duration::from_millis(SINK_ACK_POLL_MS));
    let requests = stub.requests();
    let first = &requests[0];
    assert_eq!(first.header("authorization"), Some("Splunk a-token"));
    let channel = first.header("x-splunk-request-channel").unwrap();
    assert_eq!(first.target, format!("/services/collector/event?channel={channel}"));
    assert_eq!(requests[1].target, format!("/services/collector/ack?channel={channel}"));
    assert_eq!(requests[1].body, json!({ "acks": [7] }).to_string());
    assert_eq!(events(first), [1, 2, 3]);
    let event: Value = serde_json::from_str(first.body.lines().next().unwrap()).unwrap();
    assert_eq!((&event["index"], &event["sourcetype"]), (&json!("audit"), &json!("sallyport")));
    assert_eq!(event["time"], "1795417200.000");
    assert_eq!(event["event"], serde_json::from_str::<Value>(&line(1)).unwrap());
}

#[tokio::test]
async fn splunk_that_accepts_and_forgets_is_sent_the_batch_again() {
    const { assert!(SINK_ACK_MS < 600_000, "Splunk forgets acknowledgements after ten minutes") };
    let stub = Stub::with(|request| {
        if is_ack(request) {
            answer("200 OK", &json!({ "acks": { "1": false } }))
        } else {
            answer("200 OK", &json!({ "text": "Success", "code": 0, "ackId": 1 }))
        }
    })
    .await;
    let mut target =
        Splunk::new(&stub.http(""), &secret("t"), &[], SinkFormat::Json, Duration::from_secs(5))
            .unwrap();
    target.ack_within = Duration::from_millis(30);
    target.ack_every = Duration::from_millis(5);
    let delivery = target.deliver(&items(1..=2)).await;
    assert_eq!(delivery, delivery::Delivery::again("not acknowledged within 30 ms"));
}

#[tokio::test]
async fn splunk_token_without_acknowledgement_takes_nothing() {
    let stub = Stub::with(|_| answer("200 OK", &json!({ "text": "Success", "code": 0 }))).await;
    let dir = log(2);
    let sinks = running(&dir, 2, &[splunk(&stub)]);
    while sinks.status()[0].retries < 2 {
        tokio::task::yield_now().await;
    }
    sinks.close(Duration::from_millis(1)).await;
    assert_eq!(sinks.status()[0].delivered, 0);
}

#[tokio::test]
async fn splunk_event_that_is_invalid_is_put_aside_and_a_wrong_index_rejects_nothing() {
    let mut wrong_index = 2;
    let stub = Stub::with(move |request| {
        if is_ack(request) {
            return answer("200 OK", &json!({ "acks": { "0": true } }));
        }
        if wrong_index > 0 {
            wrong_index -= 1;
            let body = json!({ "text": "Incorrect index", "code": 7, "invalid-event-number": 1 });
            return answer("400 Bad Request", &body);
        }
        match events(request).iter().position(|seq| *seq == 3) {
            Some(at) => {
                let text = "Invalid data format";
                let body = json!({ "text": text, "code": 6, "invalid-event-number": at });
                answer("400 Bad Request", &body)
            }
            None => answer("200 OK", &json!({ "text": "Success", "code": 0, "ackId": 0 })),
        }
    })
    .await;
    let dir = log(4);
    let status = shipped(&dir, 4, splunk(&stub)).await;
    assert_eq!((status.delivered, status.rejected), (3, 1));
}

// --- Elasticsearch ---------------------------------------------------------------------------

fn elastic(stub: &Stub) -> Sink {
    let index = "logs-sallyport-default".to_owned();
    let authorization = Some(secret("ApiKey abc"));
    sink(SinkTarget::Elasticsearch { http: stub.http("/es/"), index, authorization })
}

/// The ids and numbers of a bulk body, checked line by line.
fn bulk(request: &Request) -> Vec<(String, u64)> {
    assert!(request.body.ends_with('\n'));
    let lines: Vec<Value> =
        request.body.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let pair = |pair: &[Value]| {
        let action = pair[0].as_object().unwrap();
        assert_eq!(action.keys().collect::<Vec<_>>(), ["create"]);
        (pair[0]["create"]["_id"].as_str().unwrap().to_owned(), pair[1]["seq"].as_u64().unwrap())
    };
    lines.chunks(2).map(pair).collect()
}

#[tokio::test]
async fn bulk_creates_only_and_what_is_there_already_is_taken() {
    let mut there = std::collections::BTreeSet::new();
    let mut first = true;
    let stub = Stub::with(move |request| {
        let statuses: Vec<Value> = bulk(request)
            .into_iter()
            .map(|(id, seq)| {
                let status = match (seq, first) {
                    (2, true) => 429,
                    (3, true) => 503,
                    (4, _) => 400,
                    _ if there.insert(id) => 201,
                    _ => 409,
                };
                let error = json!({ "type": "mapper_parsing_exception", "reason": "no" });
                json!({ "create": { "status": status, "error": error } })
            })
            .collect();
        first = false;
        answer("200 OK", &json!({ "items": statuses }))
    })
    .await;
    let dir = log(5);
    let status = shipped(&dir, 5, elastic(&stub)).await;
    assert_eq!((status.delivered, status.rejected, status.retries), (4, 1, 1));
    let requests = stub.requests();
    assert!(requests[0].target.starts_with("/es/logs-sallyport-default/_bulk?filter_path="));
    assert_eq!(requests[0].header("authorization"), Some("ApiKey abc"));
    let sent: Vec<Vec<u64>> =
        requests.iter().map(|r| bulk(r).into_iter().map(|(_, seq)| seq).collect()).collect();
    assert_eq!(sent, [vec![1, 2, 3, 4, 5], vec![2, 3]]);
    let (id, _) = &bulk(&requests[0])[0];
    assert_eq!(*id, format!("1-{}", &line_hash(line(1).as_bytes())[..32]));
    // Everything again: all of it is there already.
    crate::sinks::Files::new(dir.path(), "siem").order_again(1).unwrap();
    let status = shipped(&dir, 5, elastic(&stub)).await;
    assert_eq!((status.delivered, status.rejected), (4, 1));
}

#[tokio::test]
async fn bulk_answer_that_is_none_moves_nothing() {
    let items = |count| {
        let item = json!({ "create": { "status": 201 } });
        answer("200 OK", &json!({ "items": vec![item; count] }))
    };
    let missing =
        json!({ "create": { "status": 404, "error": { "type": "index_not_found_exception" } } });
    let script = [good(), items(1), answer("200 OK", &json!({ "items": [missing, missing] }))];
    let stub = Stub::playing(script, items(2)).await;
    let dir = log(2);
    let status = shipped(&dir, 2, elastic(&stub)).await;
    assert_eq!((status.delivered, status.rejected, status.retries), (2, 0, 3));
}

// --- OTLP and Datadog ------------------------------------------------------------------------

#[tokio::test]
async fn otlp_records_carry_the_line_and_a_partial_success_finds_the_cause() {
    let stub = Stub::with(|request| {
        let rejected = request.body.contains("\\\"seq\\\":3,");
        let partial = json!({ "rejectedLogRecords": "1", "errorMessage": "too odd" });
        if rejected { answer("200 OK", &json!({ "partialSuccess": partial })) } else { good() }
    })
    .await;
    let headers = vec![("x-tenant".to_owned(), secret("blue"))];
    let dir = log(4);
    let target = SinkTarget::Otlp { http: stub.http("/v1/logs"), headers };
    let status = shipped(&dir, 4, sink(target)).await;
    assert_eq!(status.rejected, 1);
    let request = stub.requests().remove(0);
    assert_eq!((request.target.as_str(), request.header("x-tenant")), ("/v1/logs", Some("blue")));
    let body: Value = serde_json::from_str(&request.body).unwrap();
    let record = &body["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0];
    assert_eq!(record["body"]["stringValue"], line(1));
    assert_eq!(record["timeUnixNano"], "1795417200000000000");
    assert_eq!(record["attributes"][0]["value"]["intValue"], "1");
}

#[tokio::test]
async fn datadog_gets_an_array_with_its_key_and_labels() {
    let stub = Stub::playing([], Do::Answer("202 Accepted", "", "{}".to_owned())).await;
    let labels = vec![("service", "mcp".to_owned()), ("ddtags", "env:prod".to_owned())];
    let target =
        SinkTarget::Datadog { http: stub.http("/api/v2/logs"), api_key: secret("k"), labels };
    let dir = log(2);
    assert_eq!(shipped(&dir, 2, sink(target)).await.delivered, 2);
    let request = stub.requests().remove(0);
    assert_eq!(request.header("dd-api-key"), Some("k"));
    let body: Value = serde_json::from_str(&request.body).unwrap();
    assert_eq!(body[1]["message"], line(2));
    assert_eq!((&body[0]["service"], &body[0]["ddsource"]), (&json!("mcp"), &json!("sallyport")));
}

// --- syslog ----------------------------------------------------------------------------------

/// What the receiver does with one connection: reads all and closes, or dies.
#[derive(Clone, Copy, PartialEq)]
enum Life {
    Whole,
    Broken,
}

async fn syslog(lives: Vec<Life>) -> (Sink, Arc<Mutex<Vec<Vec<u8>>>>) {
    let (ca_pem, acceptor) = authority();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let read = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&read);
    tokio::spawn(async move {
        let mut lives = lives.into_iter();
        while let Ok((stream, _)) = listener.accept().await {
            let life = lives.next().unwrap_or(Life::Whole);
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut bytes = Vec::new();
            if life == Life::Broken {
                // As a crash: no farewell of TLS.
                let _ = stream.read(&mut [0; 8]).await;
                continue;
            }
            stream.read_to_end(&mut bytes).await.unwrap();
            let _ = stream.shutdown().await;
            seen.lock().unwrap().push(bytes);
        }
    });
    let tls = SinkTls { ca_pem: Some(ca_pem.as_bytes().into()), identity: None };
    let mut sink = sink(SinkTarget::Syslog { host: "127.0.0.1".into(), port, tls, facility: 13 });
    sink.timeout = Duration::from_millis(SINK_CLOSE_MS);
    (sink, read)
}

/// Messages of an octet-counted stream.
fn frames(mut bytes: &[u8]) -> Vec<String> {
    let mut out = Vec::new();
    while let Some(space) = bytes.iter().position(|byte| *byte == b' ') {
        let count: usize = std::str::from_utf8(&bytes[..space]).unwrap().parse().unwrap();
        out.push(String::from_utf8(bytes[space + 1..space + 1 + count].to_vec()).unwrap());
        bytes = &bytes[space + 1 + count..];
    }
    assert!(bytes.is_empty());
    out
}

#[tokio::test]
async fn syslog_messages_are_counted_and_confirmed_by_the_close_of_the_receiver() {
    let (sink, read) = syslog(vec![Life::Broken]).await;
    let dir = log(10);
    let status = shipped(&dir, 10, sink).await;
    assert_eq!(status.delivered, 10);
    assert!(status.retries >= 1, "{status:?}");
    let messages: Vec<String> = read.lock().unwrap().iter().flat_map(|b| frames(b)).collect();
    assert_eq!(messages.len(), 10);
    let host = messages[0].split(' ').nth(2).unwrap().to_owned();
    let (pid, version) = (std::process::id(), env!("CARGO_PKG_VERSION"));
    for (seq, message) in (1..).zip(&messages) {
        let expected = format!(
            "<110>1 2026-11-23T07:00:00.000001Z {host} sallyport {pid} completion \
             [meta sequenceId=\"{seq}\"][origin software=\"sallyport\" swVersion=\"{version}\"] {}",
            line(seq)
        );
        assert_eq!(*message, expected);
    }
}

#[tokio::test]
async fn syslog_receiver_with_a_foreign_certificate_gets_nothing() {
    let (mut sink, read) = syslog(vec![]).await;
    let (other, _) = authority();
    if let SinkTarget::Syslog { tls, .. } = &mut sink.target {
        tls.ca_pem = Some(other.as_bytes().into());
    }
    let dir = log(2);
    let sinks = crate::sinks::Sinks::new(dir.path(), 2, quick());
    sinks.install(sinks.prepare(&[sink]).unwrap());
    while sinks.status()[0].retries < 2 {
        tokio::task::yield_now().await;
    }
    drop(sinks);
    assert!(read.lock().unwrap().is_empty());
}
