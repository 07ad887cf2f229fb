//! Hostile messages through the front door, over TLS: each file in `tests/hostile` is one
//! connection's bytes and the code of the answer that must come.
//!
//! A file begins with `# expect: CODE` (`ok` for the controls) and `# why: REASON`. What follows
//! is the message: line ends of the file mean nothing, `\r \n \t \\ \xHH` are what they seem, and
//! `\{N*TEXT}` is TEXT N times over.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "support/edge.rs"]
mod edge;
#[path = "support/pki.rs"]
mod pki;

use std::path::PathBuf;

use sallyport::reject::Code;
use sallyport::server::Bounds;
use tokio::io::AsyncWriteExt;

use edge::{Edge, listener, read_all, read_answer, tls};
use pki::Pki;

struct Case {
    name: String,
    /// `None`: the request is answered with 200.
    code: Option<Code>,
    bytes: Vec<u8>,
}

impl Case {
    fn read(path: &PathBuf) -> Self {
        let text = std::fs::read_to_string(path).unwrap();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let line = |key: &str| {
            let value = text.lines().find_map(|l| l.strip_prefix(&format!("# {key}: ")));
            value.unwrap_or_else(|| panic!("{name}: no `{key}`")).to_owned()
        };
        assert!(line("why").len() > 5, "{name}: say why");
        let expected = line("expect");
        let code = Code::ALL.iter().find(|code| code.row().code == expected).copied();
        assert!(code.is_some() || expected == "ok", "{name}: unknown code `{expected}`");
        let message: String = text.lines().filter(|l| !l.starts_with("# ")).collect();
        Self { code, bytes: unescape(&message), name }
    }

    /// Whether this code is the pipeline's answer to a body, not the guard's to a head.
    fn spoils_the_body(&self) -> bool {
        self.name.starts_with("chunk-")
    }
}

fn unescape(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some((plain, escape)) = rest.split_once('\\') {
        out.extend_from_slice(plain.as_bytes());
        let (kind, behind) = escape.split_at(1);
        rest = behind;
        match kind {
            "r" => out.push(b'\r'),
            "n" => out.push(b'\n'),
            "t" => out.push(b'\t'),
            "\\" => out.push(b'\\'),
            "x" => {
                let (digits, behind) = rest.split_at(2);
                out.push(u8::from_str_radix(digits, 16).unwrap());
                rest = behind;
            }
            "{" => {
                let (inside, behind) = rest.split_once('}').unwrap();
                let (times, what) = inside.split_once('*').unwrap();
                out.extend(unescape(what).repeat(times.parse().unwrap()));
                rest = behind;
            }
            other => panic!("unknown escape `\\{other}`"),
        }
    }
    out.extend_from_slice(rest.as_bytes());
    out
}

fn cases() -> Vec<Case> {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/hostile");
    let mut paths: Vec<_> = std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(Case::read).collect()
}

async fn front_door() -> (Pki, Edge) {
    let pki = Pki::new();
    let settings = tls(vec![pki.server(&["gateway.test"])]);
    let edge = Edge::start(listener(Some(settings)), Bounds::default()).await;
    (pki, edge)
}

/// Sends a case in pieces of `size` bytes and checks everything that must come of it.
async fn replay(case: &Case, pki: &Pki, edge: &mut Edge, size: usize) {
    let name = &case.name;
    let before = edge.handled();
    let config = pki.client().alpn(&["http/1.1"]).build();
    let mut io = edge.tls(config, "gateway.test").await;
    for piece in case.bytes.chunks(size) {
        // The server may have refused and closed already.
        if io.write_all(piece).await.is_err() || io.flush().await.is_err() {
            break;
        }
    }
    let Some(code) = case.code else {
        let answer = read_answer(&mut io).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{name}: {answer}");
        return;
    };
    let answer = read_all(&mut io).await;
    let row = code.row();
    assert!(answer.starts_with(&format!("HTTP/1.1 {} ", row.status)), "{name}: {answer:?}");
    assert!(answer.ends_with(row.code), "{name}: {answer:?}");
    assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{name}: one answer: {answer:?}");
    if case.spoils_the_body() {
        assert_eq!(edge.handled(), before + 1, "{name}");
    } else {
        assert_eq!(edge.handled(), before, "{name}: reached the handler");
        assert_eq!(edge.refused(), Some(code), "{name}");
    }
}

#[tokio::test]
async fn s41_p04_every_hostile_message_gets_its_code_and_none_reaches_the_handler() {
    let (pki, mut edge) = front_door().await;
    let cases = cases();
    assert!(cases.len() > 60, "corpus is missing");
    for case in &cases {
        replay(case, &pki, &mut edge, usize::MAX).await;
    }
}

#[tokio::test]
async fn s41_verdicts_are_the_same_when_the_message_comes_in_small_pieces() {
    let (pki, mut edge) = front_door().await;
    for case in cases().iter().filter(|case| case.bytes.len() < 2000) {
        replay(case, &pki, &mut edge, 7).await;
    }
}
