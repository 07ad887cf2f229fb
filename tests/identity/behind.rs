//! A server behind the gateway that remembers how each call proved itself, and calls of it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::http::{Answer, exchange};
use crate::support::loopback;

/// A legacy MCP server without sessions. Its one tool is `echo`.
pub struct Behind {
    pub url: String,
    calls: Arc<Mutex<Vec<Option<String>>>>,
}

impl Behind {
    pub fn start() -> Self {
        let listener = TcpListener::bind(loopback(0)).unwrap();
        let url = format!("http://{}/mcp", listener.local_addr().unwrap());
        let calls = Arc::new(Mutex::new(Vec::new()));
        let own = Arc::clone(&calls);
        // It ends with the process of the tests: until then nobody connects any more.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let own = Arc::clone(&own);
                // A connection that breaks off is the gateway's own business.
                std::thread::spawn(move || drop(stream.and_then(|stream| serve(stream, &own))));
            }
        });
        Self { url, calls }
    }

    /// The bearer token of every tool call, oldest first.
    pub fn bearers(&self) -> Vec<Option<String>> {
        self.calls.lock().unwrap().clone()
    }

    /// The entry of this server in the gateway's configuration, with more lines about it.
    pub fn entry(&self, public_url: &str, credential: &str, lines: &str) -> String {
        let credential = match credential {
            "" => String::new(),
            credential => format!("      credential: {credential}\n"),
        };
        format!(
            "  - name: crm\n    public_url: {public_url}\n    upstream:\n      url: {}\n      \
             era: legacy\n{credential}{lines}",
            self.url
        )
    }
}

/// A call of `echo`.
pub const CALL: &str =
    r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{}}}"#;

/// What a client sends with a call besides its proof of who it is.
pub const ACCEPT: (&str, &str) = ("accept", "application/json, text/event-stream");

/// Calls `echo` with this `Authorization` and these headers.
#[track_caller]
pub fn call(url: &str, authorization: &str, more: &[(&str, &str)]) -> Answer {
    let mut headers = vec![("authorization", authorization), ACCEPT];
    headers.extend(more);
    exchange("POST", url, &headers, CALL)
}

/// Status and code of a call with a bearer token.
#[track_caller]
pub fn status_and_code(url: &str, token: &str) -> (u16, String) {
    let answer = call(url, &format!("Bearer {token}"), &[]);
    let code = answer.json()["error"]["data"]["code"].as_str().unwrap_or_default().to_owned();
    (answer.status, code)
}

/// Answers one request.
fn serve(mut stream: TcpStream, calls: &Mutex<Vec<Option<String>>>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let posted = line.starts_with("POST");
    let (mut length, mut bearer) = (0, None);
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().unwrap(),
            "authorization" => bearer = value.strip_prefix("Bearer ").map(str::to_owned),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let message: Value = serde_json::from_slice(&body).unwrap_or_default();
    let result = match message["method"].as_str() {
        Some("initialize") => json!({
            "protocolVersion": message["params"]["protocolVersion"],
            "capabilities": { "tools": {} }, "serverInfo": { "name": "behind", "version": "1" },
        }),
        Some("tools/list") => {
            json!({ "tools": [{ "name": "echo", "inputSchema": { "type": "object" } }] })
        }
        Some("tools/call") => {
            calls.lock().unwrap().push(bearer);
            json!({ "content": [{ "type": "text", "text": "called" }] })
        }
        _ => Value::Null,
    };
    let (status, body) = match (posted, result) {
        (false, _) => ("405 Method Not Allowed", String::new()),
        (true, Value::Null) => ("202 Accepted", String::new()),
        (true, result) => {
            let answer = json!({ "jsonrpc": "2.0", "id": message["id"], "result": result });
            ("200 OK", answer.to_string())
        }
    };
    write!(
        stream,
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n{body}",
        body.len()
    )
}
