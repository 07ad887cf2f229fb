//! One plain HTTP/1.1 exchange on a loopback connection of its own: for providers, their control
//! and gateways without TLS.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: String,
}

impl Answer {
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error} in {self:#?}"))
    }
}

/// Sends `body` with the media type of its form: JSON when it begins with a brace.
#[track_caller]
pub fn exchange(method: &str, url: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let url = url::Url::parse(url).unwrap();
    let authority = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap());
    let media = if body.starts_with('{') {
        "application/json"
    } else {
        "application/x-www-form-urlencoded"
    };
    let mut request = format!(
        "{method} {}{} HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n",
        url.path(),
        url.query().map(|query| format!("?{query}")).unwrap_or_default(),
    );
    if method != "GET" {
        request += &format!("content-type: {media}\r\ncontent-length: {}\r\n", body.len());
    }
    for (name, value) in headers {
        request += &format!("{name}: {value}\r\n");
    }
    let mut stream = TcpStream::connect(&authority).unwrap();
    stream.set_read_timeout(Some(ANSWER_MAX)).unwrap();
    stream.write_all(format!("{request}\r\n{body}").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("cut: {answer}"));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    let chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
    Answer {
        status: status.unwrap_or_else(|| panic!("no status: {head}")),
        body: if chunked { joined(body) } else { body.to_owned() },
    }
}

/// The content of chunks (RFC 9112 section 7.1).
fn joined(mut chunks: &str) -> String {
    let mut whole = String::new();
    while let Some((size, rest)) = chunks.split_once("\r\n") {
        let size = usize::from_str_radix(size.trim(), 16).unwrap();
        let (chunk, rest) = rest.split_at(size);
        whole += chunk;
        chunks = rest.strip_prefix("\r\n").unwrap_or(rest);
        if size == 0 {
            break;
        }
    }
    whole
}

const ANSWER_MAX: Duration = Duration::from_secs(20);
