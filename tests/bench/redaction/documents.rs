//! The documents that are read: what tools answer with, and what somebody would send who wants
//! the engine to be slow. All people in them are invented, all keys are patterns.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::samples::{self, SIZE, Text};

/// Messages that are read one after the other.
pub struct Sample {
    pub name: &'static str,
    pub messages: Vec<String>,
    /// Whether the redactor of streams can read it.
    pub streams: bool,
    /// Whether the peers read it too.
    pub peers: bool,
}

impl Sample {
    fn one(name: &'static str, message: String) -> Sample {
        Sample { name, messages: vec![message], streams: true, peers: false }
    }

    /// A message whose one text is this, with the escapes that JSON wants.
    fn text(name: &'static str, text: &str) -> Sample {
        let quoted = serde_json::Value::from(text).to_string();
        let inner = quoted.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
        Sample::one(name, samples::answer(inner.unwrap()))
    }

    fn for_peers(self) -> Sample {
        Sample { peers: true, ..self }
    }

    pub fn bytes(&self) -> usize {
        self.messages.iter().map(String::len).sum()
    }
}

/// Every document, in the order of the table.
pub fn all() -> Vec<Sample> {
    let mut all = usual();
    all.extend(hostile());
    all.extend(corpus());
    all
}

fn usual() -> Vec<Sample> {
    vec![
        Sample::text("8 KiB dense", &dense(SIZE)).for_peers(),
        Sample::text("8 KiB sparse", &sparse(SIZE)).for_peers(),
        Sample::text("1 MiB dense", &dense(LARGE)),
        Sample::text("1 MiB sparse", &sparse(LARGE)),
        Sample::one("8 KiB records", records(SIZE)).for_peers(),
        Sample::one("1 MiB records", records(LARGE)),
        Sample::text("1 MiB records as text", &records(LARGE * 9 / 10)),
        Sample::one("1 MiB rows without personal data", samples::rows(LARGE)),
        Sample::text("8 KiB log", &samples::text(Text::Log, SIZE)),
        Sample::text("1 MiB log", &log(LARGE)),
        Sample::text("1 MiB source code", &repeated(CODE, LARGE)),
        Sample::text("1 MiB CSV", &csv(LARGE)),
        Sample::text("1 MiB prose", &samples::text(Text::Clean, LARGE)),
        Sample::text("1 MiB prose, accents", &repeated(ACCENTS, LARGE)),
        Sample::text("1 MiB prose, Chinese", &repeated(CHINESE, LARGE)),
    ]
}

fn hostile() -> Vec<Sample> {
    let mut base64 = String::from("a secret of nobody ");
    while base64.len() < LARGE * 2 / 3 {
        base64 = STANDARD.encode(base64.repeat(1 + 48 / base64.len()));
    }
    let texts: [(&str, &str); 21] = [
        ("digits", "4"),
        ("groups of digits", "4111 1111 "),
        ("numbers", "212555014 "),
        ("dotted numbers", "1.22.3."),
        ("quotes", "\""),
        ("at signs", "@"),
        ("addresses cut short", "a.b@c."),
        ("dashes", "-"),
        ("underscores", "_"),
        ("colons", "a:"),
        ("equals signs", "a="),
        ("hexadecimal", "9f86d081884c7d65"),
        ("pairs", "9f:86-"),
        ("letters and digits", "a1b2c3d4e5 "),
        ("capitals and digits", "AB12-CD34 "),
        ("labels", "SSN: name: password= "),
        ("percent signs", "%41%2"),
        ("braces", "{\"a"),
        ("tags", "<a><b>1"),
        ("web tokens", "eyJhb.eyJ"),
        ("key blocks", "-----BEGIN A"),
    ];
    let mut all: Vec<Sample> = texts
        .into_iter()
        .map(|(name, unit)| Sample::text(leak(format!("hostile: {name}")), &repeated(unit, LARGE)))
        .collect();
    all.push(Sample::text("hostile: base64 in base64", &base64));
    all.push(Sample::text("hostile: 100,000 levels", &"[".repeat(100_000)));
    all.push(Sample::text("hostile: 100,000 levels of names", &"{\"a\":".repeat(100_000)));
    all
}

/// The labelled corpus of `tests/redaction`, where the environment names its file.
fn corpus() -> Option<Sample> {
    let text = std::fs::read_to_string(std::env::var("SALLYPORT_CORPUS").ok()?).unwrap();
    let message = |line: &str| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        line["message"].as_str().unwrap().to_owned()
    };
    let messages = text.lines().map(message).collect();
    Some(Sample { name: "labelled corpus", messages, streams: true, peers: false })
}

/// Prose with a value of one of many classes every 200 bytes.
fn dense(size: usize) -> String {
    let mut out = String::with_capacity(size + 512);
    let mut n = 0;
    while out.len() < size {
        n += 1;
        out.push_str(FILLING[n % FILLING.len()]);
        value(&mut out, n);
    }
    out.truncate(size);
    out
}

/// The same with a value every 8 KiB and a harmless number every 400 bytes.
fn sparse(size: usize) -> String {
    let mut out = String::with_capacity(size + 512);
    let mut n = 0;
    while out.len() < size {
        n += 1;
        out.push_str(FILLING[n % FILLING.len()]);
        if n.is_multiple_of(3) {
            let _ = write!(out, "Order {} has {} parts. ", 10_000 + n * 7, n % 90);
        }
        if n % 48 == 24 {
            value(&mut out, n);
        }
    }
    out.truncate(size);
    out
}

fn value(out: &mut String, n: usize) {
    let _ = match n % 10 {
        0 => write!(out, "Write to jane.doe{n}@example.com first. "),
        1 => write!(out, "Her SSN is 219-09-{:04}. ", 1_000 + n % 9_000),
        2 => write!(out, "Card 4111 1111 1111 1111 was charged. "),
        3 => write!(out, "Call (212) 555-{:04} after noon. ", n % 10_000),
        4 => write!(out, "Paid from DE89 3704 0044 0532 0130 00 in full. "),
        5 => write!(out, "Seen from 203.0.113.{} at night. ", n % 255),
        6 => write!(out, "Call +44 20 7946 0{:03} instead. ", n % 1_000),
        7 => write!(out, "Password: hunter2-Ma{n}ple! and so on. "),
        8 => write!(out, "Born on 1987-02-{:02}, insured. ", 1 + n % 28),
        _ => write!(out, "Device 00:1B:63:84:45:{:02X} was used. ", n % 256),
    };
}

/// What a CRM answers with: small members, some personal, most not.
fn records(size: usize) -> String {
    let mut rows = String::with_capacity(size + 1024);
    let mut n = 0_usize;
    while rows.len() < size {
        n += 1;
        let comma = if n == 1 { "" } else { "," };
        let _ = write!(
            rows,
            r#"{comma}{{"id":"018f3c2e-{:04x}-7abc-8def-{:012x}","customer_id":{},"first_name":"Jane","last_name":"Doe","email":"jane.doe{n}@example.com","phone":"+1 212-555-{:04}","status":"active","plan":"team","created_at":"2026-0{}-1{}T08:{:02}:12Z","address":{{"street":"{n} Main Street","city":"Springfield","zip":"627{:02}","country":"US"}},"orders":[{{"order_no":"A-{}","total":{}.{:02},"currency":"EUR","paid":true}},{{"order_no":"A-{}","total":{}.50,"currency":"EUR","paid":false}}],"notes":"called back on monday, wants the new price list","tags":["retail","newsletter"],"score":{}}}"#,
            n % 65_536,
            n * 8_191,
            100_000 + n,
            n % 10_000,
            1 + n % 9,
            n % 10,
            n % 60,
            n % 100,
            20_000 + n,
            n * 37 % 900,
            n % 100,
            30_000 + n,
            n * 11 % 700,
            n % 100
        );
    }
    format!(
        r#"{{"jsonrpc":"2.0","id":1,"result":{{"structuredContent":{{"customers":[{rows}]}},"content":[]}}}}"#
    )
}

/// Lines of an access log and of an application, each with an address every fourth line.
fn log(size: usize) -> String {
    let mut out = String::with_capacity(size + 512);
    let mut n = 0_usize;
    while out.len() < size {
        n += 1;
        let _ = writeln!(
            out,
            "2026-11-22T11:{:02}:{:02}.{:03}Z INFO  gateway::pipeline request finished method=tools/call tool=crm.search status=200 bytes={} took_ms={} request_id=018f3c2e-{:04x}-7abc-8def-{:012x}",
            n / 60 % 60,
            n % 60,
            n * 13 % 1_000,
            n * 37 % 90_000,
            n * 3 % 977,
            n % 65_536,
            n * 8_191
        );
        if n.is_multiple_of(4) {
            let _ = writeln!(
                out,
                "203.0.113.{} - - [22/Nov/2026:11:02:{:02} +0000] \"GET /api/v2/orders/{n}?page=2 HTTP/1.1\" 200 {} \"-\" \"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36\"",
                n % 255,
                n % 60,
                n * 7 % 9_000
            );
        }
    }
    out.truncate(size);
    out
}

fn csv(size: usize) -> String {
    let mut out = String::from("id,first_name,last_name,email,phone,city,amount,signed_up\n");
    let mut n = 0_usize;
    while out.len() < size {
        n += 1;
        let _ = writeln!(
            out,
            "{n},Jane,Doe,jane.doe{n}@example.com,212-555-{:04},Springfield,{}.{:02},2026-0{}-1{}",
            n % 10_000,
            n * 37 % 900,
            n % 100,
            1 + n % 9,
            n % 10
        );
    }
    out
}

fn repeated(unit: &str, size: usize) -> String {
    unit.repeat(size / unit.len() + 1)
}

/// Names live as long as the process, which ends with the table.
fn leak(name: String) -> &'static str {
    Box::leak(name.into_boxed_str())
}

/// Size of the large documents. Unit: bytes.
const LARGE: usize = 1 << 20;

const FILLING: [&str; 5] = [
    "The team met on Monday to look at what had been reported by the branch office and agreed that \
     nothing needs to change before the review is closed by the support desk in Aurora. ",
    "After the second call the customer was told that the parcel had left the warehouse, and that \
     the carrier would leave it with a neighbour if nobody opened the door. ",
    "It is a small matter, but it shows how often a form is filled in twice when the first page \
     does not say who is going to read it, and how little that helps anybody. ",
    "Please keep the summary short, name the parts that were replaced, and leave the rest of the \
     history out of it; whoever takes over will find the older notes in the archive. ",
    "No further steps were planned for this week, since the supplier had confirmed the delivery \
     and the invoice was settled before the reminder was due to be sent. ",
];

const CODE: &str = r#"
/// Reads the next frame, or nothing at the end of the stream.
pub async fn next_frame(&mut self) -> Result<Option<Frame>, FrameError> {
    loop {
        if let Some(frame) = self.parse_frame()? {
            return Ok(Some(frame));
        }
        if 0 == self.stream.read_buf(&mut self.buffer).await? {
            return if self.buffer.is_empty() { Ok(None) } else { Err(FrameError::Reset) };
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
struct Options { retries: u32, timeout_ms: u64, name: String, verbose: bool }

impl Default for Options {
    fn default() -> Self {
        Self { retries: 3, timeout_ms: 5_000, name: "worker-1".to_string(), verbose: false }
    }
}

function render(items) {
  const total = items.reduce((sum, item) => sum + item.price * item.count, 0);
  return `<ul class="list">${items.map(i => `<li id="i-${i.id}">${i.name}</li>`).join("")}</ul>`;
}
"#;

const ACCENTS: &str = "Die Prüfung wurde am Montag für alle Abteilungen geöffnet; später erklärte \
    die Leitung, dass größere Änderungen erst nach dem Gespräch möglich wären. L’équipe a déjà \
    répondu à toutes les questions posées après l’été, et l’année prochaine sera différente. ";

const CHINESE: &str = "这份报告说明了上个季度的主要进展，包括新的合作伙伴、产品改进以及团队的变化。\
    我们认为下一步应当继续关注用户的反馈，并且在年底之前完成所有的准备工作。";
