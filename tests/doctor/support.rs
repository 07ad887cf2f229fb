//! One configuration and what it names, and a run of the program over it.

use std::path::{Path, PathBuf};
use std::process::Command;

use http::HeaderValue;
use serde_json::{Value, json};

use crate::pki::{Pki, Use};
use crate::upstream::{Answer, Upstream, json_answer, rpc, status};

/// A configuration, in parts that a test may replace.
pub struct World {
    pub pki: Pki,
    pub listen: String,
    pub tls: String,
    pub issuer: String,
    pub server: String,
    pub more: String,
    pub upstream: Upstream,
}

/// How a run went.
pub struct Seen {
    pub code: i32,
    pub text: String,
    pub talk: String,
}

impl World {
    /// Everything as it should be.
    pub async fn healthy() -> Self {
        Self::with(Upstream::answering(mcp).await, issuing(None, 0).await).await
    }

    pub async fn with(upstream: Upstream, authority: Upstream) -> Self {
        let pki = Pki::new();
        let identity = pki.issue(&["localhost"], Use::Server);
        pki.write("server", &identity);
        close(&pki.path("server.key"));
        let issuer = format!(
            "issuers: [ {{ issuer: 'http://{}', algorithms: [ES256] }} ]\n",
            authority.address
        );
        let server = format!(
            "servers:\n  - name: notes\n    public_url: https://localhost/mcp\n    \
             upstream: http://{}/mcp\n",
            upstream.address
        );
        Self {
            pki,
            listen: "listen: 127.0.0.1:0\n".to_owned(),
            tls: "tls: { cert: server.pem, key: server.key }\n".to_owned(),
            issuer,
            server,
            more: "admin: { listen: 127.0.0.1:0 }\n".to_owned(),
            upstream,
        }
    }

    pub fn yaml(&self) -> String {
        let Self { listen, tls, issuer, server, more, .. } = self;
        format!("{listen}{tls}{issuer}{server}{more}audit: {{ dir: audit }}\n")
    }

    /// Writes the configuration beside its files.
    pub fn write(&self) -> PathBuf {
        self.pki.write_file("sallyport.yaml", self.yaml())
    }

    /// Runs the doctor, with the authority named that signed the certificates.
    pub async fn doctor(&self, more: &[&str]) -> Seen {
        let ca = self.pki.ca_file().display().to_string();
        doctor(&self.write(), &[&["--ca", ca.as_str()], more].concat()).await
    }
}

impl Seen {
    /// The one line of a check, and that it says `mark`.
    pub fn line(&self, mark: char, check: &str) -> &str {
        let begin = format!("  {mark} {check} ");
        let line = self.text.lines().find(|line| line.starts_with(&begin));
        line.unwrap_or_else(|| panic!("no line `{begin}` in\n{}\n{}", self.text, self.talk))
    }

    /// A check that did not pass: its line says `what`, and the next one, what to do.
    #[track_caller]
    pub fn says(&self, mark: char, check: &str, what: &str, advice: &str) {
        let begin = format!("  {mark} {check} ");
        let mut own = self.text.lines().filter(|line| line.starts_with(&begin));
        let line = own.find(|line| line.contains(what));
        let line = line.unwrap_or_else(|| panic!("no line `{begin}… {what}` in\n{}", self.text));
        let mut rest = self.text.lines().skip_while(|other| *other != line).skip(1);
        let next = rest.next().unwrap_or_default();
        assert!(next.trim_start().starts_with("→ "), "no advice under `{line}`: `{next}`");
        assert!(next.contains(advice), "no `{advice}` in `{next}`");
    }
}

/// Runs the program on a thread of its own: what it asks is answered by this one.
pub async fn doctor(config: &Path, more: &[&str]) -> Seen {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sallyport"));
    command.args(["doctor", "--config"]).arg(config).args(more).env_remove("SALLYPORT_CONFIG");
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    Seen {
        code: output.status.code().unwrap(),
        text: String::from_utf8(output.stdout).unwrap(),
        talk: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A file that is its owner's alone.
pub fn close(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// A well-behaved MCP server of the legacy era.
pub fn mcp(seen: &crate::upstream::Seen) -> Answer {
    let message = seen.json();
    let Some(id) = message.get("id").cloned() else { return status(202) };
    match message["method"].as_str().unwrap_or_default() {
        "initialize" => {
            let mut reply = rpc(
                &id,
                &json!({"protocolVersion": "2025-06-18", "capabilities": {"tools": {}},
                    "serverInfo": {"name": "mock", "version": "1"}}),
            );
            reply.headers_mut().insert("mcp-session-id", HeaderValue::from_static("session-1"));
            reply
        }
        "tools/list" if message["params"]["cursor"] == "2" => {
            rpc(&id, &json!({"tools": [{"name": "c", "inputSchema": {"type": "object"}}]}))
        }
        "tools/list" => rpc(
            &id,
            &json!({"tools": [{"name": "a", "inputSchema": {"type": "object"}},
                {"name": "b", "inputSchema": {"type": "object"}}], "nextCursor": "2"}),
        ),
        _ => json_answer(&json!({"jsonrpc": "2.0", "id": id,
            "error": {"code": -32601, "message": "unknown method"}})),
    }
}

/// An authorization server whose metadata names `issuer` (its own address without), and whose
/// clock is off by some seconds.
pub async fn issuing(issuer: Option<&'static str>, clock_off_s: i64) -> Upstream {
    Upstream::answering(move |seen| {
        let own = format!("http://{}", seen.headers["host"].to_str().unwrap());
        let mut answer = match seen.target.as_str() {
            "/.well-known/oauth-authorization-server" => json_answer(&json!({
                "issuer": issuer.unwrap_or(&own),
                "jwks_uri": format!("{own}/jwks"),
                "introspection_endpoint": format!("{own}/introspect"),
            })),
            "/jwks" => json_answer(&json!({ "keys": [KEY.parse::<Value>().unwrap()] })),
            "/introspect" => introspected(&seen.headers),
            _ => status(404),
        };
        let now = std::time::SystemTime::now();
        let off = std::time::Duration::from_secs(clock_off_s.unsigned_abs());
        let date = if clock_off_s < 0 { now - off } else { now + off };
        let date = http_date(date).parse().unwrap();
        answer.headers_mut().insert("date", date);
        answer
    })
    .await
}

fn introspected(headers: &http::HeaderMap) -> Answer {
    let right = headers.get("authorization").is_some_and(|it| it == BASIC);
    if right { json_answer(&json!({ "active": false })) } else { status(401) }
}

/// `gateway` and `right` (RFC 7617).
const BASIC: &str = "Basic Z2F0ZXdheTpyaWdodA==";

fn http_date(time: std::time::SystemTime) -> String {
    let time = jiff::Timestamp::try_from(time).unwrap();
    time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// The public key of RFC 7515 appendix A.3.
const KEY: &str = r#"{"kty":"EC","crv":"P-256","alg":"ES256","use":"sig","kid":"k1",
    "x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;
