//! The dashboard asks for metrics and labels that exist, and in a real Prometheus its queries give
//! data. No Grafana draws it here.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::PoisonError;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use regex::Regex;
use serde_json::Value;

use super::demo::{Demo, ONE};
use super::promql::Known;
use super::{Dir, read, root};

fn dashboard() -> Value {
    serde_json::from_str(&read("deploy/grafana/sallyport.json")).unwrap()
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_else(|| panic!("no {key} in {value}"))
}

fn panels() -> Vec<Value> {
    let all = dashboard()["panels"].as_array().unwrap().clone();
    all.into_iter().filter(|panel| panel["type"] != "row").collect()
}

/// Every query by its panel and letter.
fn queries() -> Vec<(String, String)> {
    let mut queries = Vec::new();
    for panel in panels() {
        for target in panel["targets"].as_array().unwrap() {
            let name = format!("{} {}", text(&panel, "title"), text(target, "refId"));
            queries.push((name, text(target, "expr").to_owned()));
        }
    }
    queries
}

/// What the lists of the variables are made from, as queries.
fn variables() -> Vec<(String, String)> {
    let values = Regex::new(r"^label_values\((.+), ([a-z]+)\)$").unwrap();
    let dashboard = dashboard();
    let all = dashboard["templating"]["list"].as_array().unwrap().iter();
    all.filter(|variable| variable["type"] == "query")
        .map(|variable| {
            let found = values.captures(text(&variable["query"], "query")).unwrap();
            (text(variable, "name").to_owned(), format!("count by ({}) ({})", &found[2], &found[1]))
        })
        .collect()
}

fn annotations() -> Vec<(String, String)> {
    let dashboard = dashboard();
    let all = dashboard["annotations"]["list"].as_array().unwrap().iter();
    all.map(|one| (text(one, "name").to_owned(), text(one, "expr").to_owned())).collect()
}

#[test]
fn every_panel_has_a_title_a_description_a_unit_and_a_legend() {
    let label = Regex::new(r"\{\{([a-z_]+)\}\}").unwrap();
    let (mut ids, mut titles) = (BTreeSet::new(), BTreeSet::new());
    for panel in panels() {
        let title = text(&panel, "title").to_owned();
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{title}: its id stands twice");
        assert!(text(&panel, "description").ends_with('.'), "{title}");
        assert!(!text(&panel["fieldConfig"]["defaults"], "unit").is_empty(), "{title}");
        let targets = panel["targets"].as_array().unwrap();
        assert!(!targets.is_empty(), "{title}");
        for target in targets {
            assert_eq!(text(&target["datasource"], "uid"), "${datasource}", "{title}");
            let (legend, expr) = (text(target, "legendFormat"), text(target, "expr"));
            assert!(!legend.is_empty() && legend != "__auto", "{title}");
            // Where a label is summed away the legend would be blank.
            for label in label.captures_iter(legend) {
                let by = Regex::new(&format!(r"by \([^)]*\b{}\b", &label[1])).unwrap();
                assert!(by.is_match(expr), "{title}: {legend} of {expr}");
            }
        }
        assert!(titles.insert(title.clone()), "{title} stands twice");
    }
    let dashboard = dashboard();
    let rows = dashboard["panels"].as_array().unwrap().iter().filter(|p| p["type"] == "row");
    let rows: Vec<&str> = rows.map(|row| text(row, "title")).collect();
    assert_eq!(rows, ["Traffic", "Security", "Audit trail", "Sinks", "Health"]);
    let names = dashboard["templating"]["list"].as_array().unwrap().iter();
    let names: Vec<&str> = names.map(|variable| text(variable, "name")).collect();
    assert_eq!(names, ["datasource", "instance", "server"]);
}

#[test]
fn panels_stand_side_by_side_and_never_on_each_other() {
    let mut taken = BTreeMap::new();
    for panel in dashboard()["panels"].as_array().unwrap() {
        let place = |key: &str| panel["gridPos"][key].as_u64().unwrap();
        let (x, y, w, h) = (place("x"), place("y"), place("w"), place("h"));
        assert!(w > 0 && h > 0 && x + w <= 24, "{}", panel["title"]);
        for spot in (y..y + h).flat_map(|y| (x..x + w).map(move |x| (x, y))) {
            let other = taken.insert(spot, panel["title"].clone());
            assert!(other.is_none(), "{} on {}", panel["title"], other.unwrap());
        }
    }
}

#[test]
fn every_metric_and_label_of_the_dashboard_exists() {
    let known = Known::read();
    for (name, expr) in queries().into_iter().chain(variables()).chain(annotations()) {
        let found = known.metrics(&expr);
        assert!(!found.is_empty() || expr.contains("up{"), "{name}: {expr}");
        // Every gateway of a Prometheus is not every gateway that was chosen.
        assert!(expr.contains("$instance") || name == "instance", "{name}: {expr}");
    }
}

/// What has no data in the test, each with what it would take. Their second half, which tells that
/// there is none, must give data all the same.
const RARE: [(&str, &str); 4] = [
    ("Failures behind the gateway A", "a server that fails"),
    ("Policies A", "a configuration with policies"),
    ("Tool definitions A", "a server that shows a doubled or hidden definition"),
    ("Revocation lists of certificates end in A", "client certificates with a revocation list"),
];

/// Queries of rare things end so, to show a line `none` in place of nothing.
const OTHERWISE: &str = " or on () label_replace(";

#[test]
#[ignore = "needs prometheus and curl"]
fn every_query_of_the_dashboard_gives_data_in_a_real_prometheus() {
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let dir = Dir::new();
    let mut stage = Stage::start(&dir);
    let mut waiting: Vec<(String, String)> = Vec::new();
    for (name, expr) in queries() {
        // Without its second half, which always gives data.
        if let Some((first, _)) = expr.split_once(OTHERWISE)
            && !RARE.iter().any(|(rare, _)| *rare == name)
        {
            waiting.push((format!("{name}, first half"), first.to_owned()));
        }
        waiting.push((name, expr));
    }
    assert!(waiting.len() > 60, "{}", waiting.len());
    waiting.extend(variables());
    for (name, what_it_takes) in RARE {
        let known = waiting.iter().any(|(query, expr)| query == name && expr.contains(OTHERWISE));
        assert!(known, "no query {name}: {what_it_takes}");
    }
    let end = Instant::now() + Duration::from_secs(90);
    while !waiting.is_empty() {
        assert!(Instant::now() < end, "no data for {waiting:#?}");
        stage.call();
        waiting.retain(|(name, expr)| !stage.has_data(name, expr));
    }
    for (name, expr) in annotations() {
        stage.has_data(&name, &expr);
    }
}

/// A program that runs until it is dropped, and what it says.
struct Program {
    child: Child,
    lines: Receiver<String>,
}

impl Program {
    fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, lines) = channel();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        Self { child, lines }
    }

    /// The address in the first line with `text`, within 20 seconds.
    fn address(&self, text: &str) -> String {
        let end = Instant::now() + Duration::from_secs(20);
        let address = Regex::new(r#"address(?:=|":")(127\.0\.0\.1:[0-9]+)"#).unwrap();
        let mut seen = Vec::new();
        while let Ok(line) = self.lines.recv_timeout(end.saturating_duration_since(Instant::now()))
        {
            if line.contains(text) {
                return address.captures(&line).unwrap()[1].to_owned();
            }
            seen.push(line);
        }
        panic!("no `{text}` in {seen:#?}");
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The demo with its tour behind it; a second gateway before the same server, with a sink and a
/// file of revocations, that is called again and again; and a Prometheus that reads both.
struct Stage {
    _demo: Demo,
    _second: Program,
    _prometheus: Program,
    url: String,
    token: String,
    listener: String,
    asked: String,
}

impl Stage {
    fn start(dir: &Dir) -> Self {
        let folder = dir.0.join("demo");
        let mut demo = Demo::start(&folder);
        let url = demo.url();
        let token = demo.line("TOKEN=").trim().trim_start_matches("TOKEN=").to_owned();
        let admin = demo.line("/metrics");
        let admin = admin.trim().trim_start_matches("curl http://").trim_end_matches("/metrics");
        let own = Regex::new(r"(?m)^(listen: |admin: \{ listen: )127\.0\.0\.1:[0-9]+").unwrap();
        let config = fs::read_to_string(folder.join("sallyport.yaml")).unwrap();
        let config = own.replace_all(&config, "${1}127.0.0.1:0").replace(
            "audit: { dir: audit }",
            "audit: { dir: second, sinks: [{ name: copy, file: copy.jsonl }] }\n\
             revocation: { file: revoked.jsonl }",
        );
        assert!(config.contains("dir: second"), "{config}");
        let config = dir.write("demo/second.yaml", &config);
        let second = Program::start(
            Command::new(env!("CARGO_BIN_EXE_sallyport")).args(["run", "--config", &config]),
        );
        let listener = second.address("\"listening\"");
        let second_admin = second.address("admin listening");
        let rules = root().join("deploy/prometheus/rules.yaml");
        let config = dir.write(
            "prometheus.yml",
            &format!(
                "global: {{ scrape_interval: 1s, evaluation_interval: 1s }}\n\
                 rule_files: [ {rules:?} ]\n\
                 scrape_configs:\n  - job_name: sallyport\n    static_configs:\n      \
                 - targets: [ \"{admin}\", \"{second_admin}\" ]\n"
            ),
        );
        let prometheus = Program::start(
            Command::new("prometheus")
                .arg(format!("--config.file={config}"))
                .arg(format!("--storage.tsdb.path={}", dir.0.join("prometheus").display()))
                .arg("--web.listen-address=127.0.0.1:0"),
        );
        let asked = prometheus.address("\"Listening on\"");
        Self { _demo: demo, _second: second, _prometheus: prometheus, url, token, listener, asked }
    }

    /// Opens a session and calls a tool in it, then with a path that a guard blocks, with a bad
    /// token, and where nothing is served.
    fn call(&mut self) {
        let script = r#"
m() { curl -sk --http1.1 --max-time 10 --connect-to "::$LISTENER" "$@" -H 'Content-Type: application/json' \
    -H 'Accept: application/json, text/event-stream' -o answer; }
m "$URL" -H "Authorization: Bearer $TOKEN" -D head -d '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"curl","version":"0"}}}'
session=$(tr -d '\r' <head | sed -n 's/^mcp-session-id: //p')
for arguments in '{"name":"Ada"}' '{"name":"Ada","path":"../../etc/passwd"}'; do
    m "$URL" -H "Authorization: Bearer $TOKEN" -H "Mcp-Session-Id: $session" -d \
        '{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"crm.lookup_customer","arguments":'"$arguments"'}}'
done
m "$URL" -H 'Authorization: Bearer wrong' -d '{}'
m "${URL%/mcp}/nowhere"
"#;
        let folder = Dir::new();
        let called = Command::new("sh")
            .args(["-ec", script])
            .current_dir(&folder.0)
            .env("URL", &self.url)
            .env("TOKEN", &self.token)
            .env("LISTENER", &self.listener)
            .output()
            .unwrap();
        assert!(called.status.success(), "{called:?}");
    }

    /// Whether a query gives anything that is a number; fails where it is refused.
    fn has_data(&self, name: &str, expr: &str) -> bool {
        let expr = expr.replace("$__rate_interval", "10s");
        let expr = expr.replace("$instance", ".*").replace("$server", ".*");
        assert!(!expr.contains('$'), "{name}: {expr}");
        let form: String = expr.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let body = format!("query={form}");
        let mut stream = TcpStream::connect(&self.asked).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        write!(
            stream,
            "POST /api/v1/query HTTP/1.0\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, json) = answer.split_once("\r\n\r\n").unwrap();
        if head.starts_with("HTTP/1.0 503") {
            return false; // It has just begun to listen.
        }
        let json: Value = serde_json::from_str(json).unwrap();
        assert_eq!(json["status"], "success", "{name}: {expr}: {json}");
        let samples = json["data"]["result"].as_array().unwrap();
        samples.iter().any(|sample| sample["value"][1] != "NaN")
    }
}
