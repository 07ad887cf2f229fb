//! What the command line promises: exit codes, carets, refusals, completions.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use super::{Dir, data, sallyport, talk};

const GOOD: &str = "issuers:\n  - issuer: https://idp.example.com\nservers:\n  - name: notes\n    \
                    public_url: http://localhost:8443/mcp\n    upstream: http://127.0.0.1:8080/mcp\n";

#[test]
fn check_ends_with_0_or_2_and_draws_a_caret_under_the_mistake() {
    let dir = Dir::new();
    let good = sallyport(&["check", &dir.write("good.yaml", GOOD)]);
    assert_eq!(good.status.code(), Some(0), "{}", talk(&good));
    let bad = sallyport(&["check", &dir.write("bad.yaml", &GOOD.replace("upstream", "upstreem"))]);
    assert_eq!(bad.status.code(), Some(2));
    let text = talk(&bad);
    for part in
        ["unknown key `upstreem`", "bad.yaml:6:5", "    ^^^^^^^^", "did you mean `upstream`?"]
    {
        assert!(text.contains(part), "no `{part}` in\n{text}");
    }
    let open = dir.write("open.yaml", &format!("{GOOD}    redact: off\n"));
    assert_eq!(sallyport(&["check", &open]).status.code(), Some(0));
    assert_eq!(sallyport(&["check", "--strict", &open]).status.code(), Some(2));
    let json = sallyport(&["check", "--json", &open]);
    assert!(serde_json::from_str::<serde_json::Value>(&data(&json)).is_ok());
}

#[test]
fn check_says_how_many_metric_series_there_can_be_and_warns_above_metric_series_warn() {
    let dir = Dir::new();
    let said = |text: &str| {
        let file = dir.write("series.yaml", text);
        let json = sallyport(&["check", "--json", &file]);
        let json: serde_json::Value = serde_json::from_str(&data(&json)).unwrap();
        (talk(&sallyport(&["check", &file])), json["metric_series_max"].as_u64().unwrap())
    };
    let (text, few) = said(GOOD);
    assert!(text.contains(&format!("at most {few} metric series")), "{text}");
    assert!(!text.contains("warning: up to"), "{text}");
    let own = GOOD.find("  - name").unwrap();
    let (head, server) = GOOD.split_at(own);
    let named = |n: usize| {
        server
            .replace("notes", &format!("notes{n}"))
            .replace("/mcp\n    up", &format!("/mcp{n}\n    up"))
    };
    let (text, many) = said(&format!("{head}{}", (0..60).map(named).collect::<String>()));
    let warn = u64::try_from(sallyport::limits::METRIC_SERIES_WARN).unwrap();
    assert!(few < warn && many > warn, "{few} {many}");
    assert!(text.contains(&format!("up to {many} metric series, more than {warn}")), "{text}");
    assert!(text.contains("metric_relabel_configs"), "{text}");
}

#[test]
fn token_is_refused_without_a_development_issuer() {
    let dir = Dir::new();
    let output = sallyport(&["token", "--config", &dir.write("real.yaml", GOOD)]);
    assert_ne!(output.status.code(), Some(0));
    assert!(output.stdout.is_empty());
    assert!(talk(&output).contains("no development issuer"), "{}", talk(&output));
}

#[test]
fn version_help_schema_reference_and_completions_are_printed() {
    assert_eq!(
        data(&sallyport(&["--version"])),
        concat!("sallyport ", env!("CARGO_PKG_VERSION"), "\n")
    );
    assert!(data(&sallyport(&["--help"])).contains("Start here:"));
    let schema = data(&sallyport(&["config", "schema"]));
    let schema: serde_json::Value = serde_json::from_str(&schema).unwrap();
    assert!(schema["properties"]["servers"].is_object());
    assert_eq!(data(&sallyport(&["config", "reference"])), super::read("src/manual/config.md"));
    for shell in ["bash", "zsh", "fish"] {
        let output = sallyport(&["completions", shell]);
        assert!(output.status.success());
        assert!(data(&output).contains("audit"), "{shell}");
    }
}

#[test]
fn schema_of_records_is_printed_and_the_manual_names_each_of_its_fields() {
    let schema = data(&sallyport(&["audit", "schema"]));
    let schema: serde_json::Value = serde_json::from_str(&schema).unwrap();
    let chapter = super::read("src/manual/audit.md");
    let fields = schema["properties"].as_object().unwrap();
    assert!(fields.len() > 60, "{}", fields.len());
    for field in fields.keys() {
        assert!(chapter.contains(&format!("`{field}`")), "the manual says nothing of `{field}`");
    }
    let table = chapter.split("## ").find(|section| section.starts_with("Fields")).unwrap();
    let table = table.lines().filter_map(|line| line.strip_prefix("| `")?.split(" | ").next());
    let named = table.flat_map(|cell| cell.split(", `").map(|name| name.trim_end_matches('`')));
    let unknown: Vec<&str> = named.filter(|name| !fields.contains_key(*name)).collect();
    assert!(unknown.is_empty(), "fields without a schema: {unknown:?}");
}

#[test]
fn completions_whose_reader_goes_away_end_quietly() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_sallyport"))
        .args(["completions", "bash"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), talk(&output).as_str()), (Some(0), ""));
}

#[test]
fn flags_that_a_file_would_outvote_are_refused_beside_it() {
    for flag in [["--listen", "127.0.0.1:0"], ["--admin", "127.0.0.1:0"], ["--audit-dir", "x"]] {
        let output = sallyport(&["run", "--config", "x.yaml", flag[0], flag[1]]);
        assert_eq!(output.status.code(), Some(2));
        assert!(talk(&output).contains("cannot be used with"), "{}", talk(&output));
    }
}

#[test]
fn audit_commands_name_a_missing_trail_once_and_refuse_unknown_phases() {
    let missing = sallyport(&["audit", "verify", "no-such-trail"]);
    assert_eq!(missing.status.code(), Some(1));
    assert_eq!(talk(&missing).matches("No such file").count(), 1, "{}", talk(&missing));
    let phase = sallyport(&["audit", "cat", "no-such-trail", "--phase", "denied"]);
    assert_eq!(phase.status.code(), Some(2));
}

/// A child that is killed with its test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn run_without_a_file_serves_on_loopback_and_asks_for_a_token() {
    let dir = Dir::new();
    let mut child = Command::new(env!("CARGO_BIN_EXE_sallyport"))
        .args(["run", "--upstream", "http://127.0.0.1:9/mcp", "--issuer", "http://127.0.0.1:9"])
        .args(["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"])
        .args(["--public-url", "http://localhost/mcp", "--audit-dir"])
        .arg(dir.0.join("audit"))
        .env_remove("SALLYPORT_CONFIG")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
    let _running = Running(child);
    let line =
        log.find_map(|l| l.ok().filter(|l| l.contains("\"listening\""))).expect("a listener");
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    let address = line["address"].as_str().unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .write_all(
            b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n\
              Accept: application/json, text/event-stream\r\nContent-Length: 2\r\n\r\n{}",
        )
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    assert!(answer.contains("resource_metadata=\"http://localhost/.well-known/"), "{answer}");
}
