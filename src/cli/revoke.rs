//! `sallyport revoke`: says who may no longer call, lists who may not, and takes it back.
//!
//! Works on the file of revocations, which running gateways watch, or through the admin listener
//! of one of them. Guarantees: a `jti` leaves this process as its hash only; what is said to be
//! done is on the disk, or acknowledged by the gateway.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use bytes::Bytes;
use clap::{ArgGroup, Args, Subcommand};
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use url::Url;

use super::{USAGE, print, run, say};
use crate::clock::Clock;
use crate::config;
use crate::limits::{BODY_MS, REVOCATION_FILE_BYTES_MAX};
use crate::revocation::{Change, Entry, Kind, append, in_force, read_whole, time, token_value};

#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    group = ArgGroup::new("what").required(true).multiple(true).args(WHAT),
    after_help = "A caller is refused within a second, also on open streams. Audit records show what \
                  to name here: `token_id`, `user_id`, `client`, `session_id`, `issuer`."
)]
pub(super) struct Revoke {
    #[command(subcommand)]
    command: Option<Command>,
    /// One token, by its `jti`
    #[arg(long, value_name = "JTI")]
    jti: Option<String>,
    /// One token, by the `token_id` of an audit record
    #[arg(long, value_name = "HASH")]
    token_id: Option<String>,
    /// Everything of a subject (`sub`), or of a client certificate by its name
    #[arg(long, value_name = "SUBJECT")]
    subject: Option<String>,
    /// Everything of a client (`client_id`)
    #[arg(long, value_name = "CLIENT")]
    client: Option<String>,
    /// A session: the issuer's (`sid`), or the `session_id` of an audit record
    #[arg(long, value_name = "SESSION")]
    session: Option<String>,
    /// A key: a certificate's SHA-256 in hex, or the thumbprint in a token's `cnf`
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// Only where this issuer says so; alone: everything of this issuer
    #[arg(long, value_name = "URL")]
    issuer: Option<String>,
    /// Only tokens issued before this moment (RFC 3339), or `now`: who signs in again is let in
    #[arg(long, value_name = "TIME")]
    issued_before: Option<String>,
    /// How long it stands, such as `24h`; default: 90 days for tokens, sessions and with
    /// --issued-before, else until it is undone
    #[arg(long = "for", value_name = "TIME", value_parser = humantime::parse_duration)]
    lasts: Option<Duration>,
    /// Why, for people
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List what is revoked, one JSON object a line
    List {
        #[command(flatten)]
        place: Place,
    },
    /// Take a revocation back
    Undo {
        /// Its id, as listed
        id: String,
        #[command(flatten)]
        place: Place,
    },
}

/// Where revocations are kept.
#[derive(Debug, Args)]
struct Place {
    /// Configuration file that names the file of revocations
    #[arg(short, long, value_name = "FILE", env = "SALLYPORT_CONFIG")]
    config: Option<PathBuf>,
    /// Admin listener of a running gateway, in place of the file
    #[arg(long, value_name = "URL", requires = "token_file")]
    admin: Option<Url>,
    /// File that holds the admin token
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

impl Revoke {
    pub(super) fn execute(self) -> anyhow::Result<ExitCode> {
        let now_s = Clock::system().unix_s();
        match &self.command {
            None => {
                let order = self.order(now_s)?.to_string();
                let entry = Entry::ordered(order.as_bytes(), now_s);
                let entry = match entry {
                    Ok(entry) => entry,
                    Err(why) => {
                        say(&format!("sallyport: this cannot be revoked: {why}"));
                        return Ok(ExitCode::from(USAGE));
                    }
                };
                match self.place.open()? {
                    Opened::File(path) => {
                        let shown = entry.json();
                        append(&path, &Change::Add(Box::new(entry)))
                            .with_context(|| format!("writing `{}`", path.display()))?;
                        print(&format!("{shown}\n"))
                    }
                    Opened::Admin(admin) => {
                        let answer = admin.ask(Method::POST, "", Some(order))?;
                        print(&format!("{}\n", answer.trim_end()))
                    }
                }
            }
            Some(Command::List { place }) => list(place.open()?, now_s),
            Some(Command::Undo { id, place }) => undo(place.open()?, id, now_s),
        }
    }

    /// What is to be revoked, in the form of every store.
    fn order(&self, now_s: u64) -> anyhow::Result<Value> {
        let hashed = self.jti.as_deref().map(token_value);
        let named = [
            (Kind::Token, hashed.as_ref().or(self.token_id.as_ref())),
            (Kind::Subject, self.subject.as_ref()),
            (Kind::Client, self.client.as_ref()),
            (Kind::Session, self.session.as_ref()),
            (Kind::Key, self.key.as_ref()),
        ];
        let mut named = named.into_iter().filter_map(|(kind, value)| Some((kind, value?)));
        let (kind, value, issuer) = match (named.next(), named.next(), &self.issuer) {
            (Some((kind, value)), None, issuer) => (kind, value, issuer.as_ref()),
            (None, _, Some(issuer)) => (Kind::Issuer, issuer, None),
            (Some(_), Some(_), _) => bail!("name one of them at a time"),
            (None, _, None) => bail!("name what is to be revoked"),
        };
        let mut order = json!({ "kind": kind.name(), "value": value, "by": who() });
        let mut put = |name: &str, value: Option<String>| {
            if let (Some(order), Some(value)) = (order.as_object_mut(), value) {
                order.insert(name.to_owned(), value.into());
            }
        };
        put("issuer", issuer.cloned());
        put("reason", self.reason.clone());
        put(
            "issued_before",
            self.issued_before.as_ref().map(|before| match before.as_str() {
                // What is issued within this second is older than the answer to this command.
                "now" => time(now_s.saturating_add(1)),
                other => other.to_owned(),
            }),
        );
        put("expires_at", self.lasts.map(|lasts| time(now_s.saturating_add(lasts.as_secs()))));
        Ok(order)
    }
}

fn list(place: Opened, now_s: u64) -> anyhow::Result<ExitCode> {
    let text = match place {
        Opened::File(path) => {
            let entries = in_force(read_whole(&path).map_err(anyhow::Error::msg)?, now_s);
            let mut entries: Vec<_> = entries.iter().map(Entry::json).collect();
            let at = |entry: &Value| Some(entry.get("at")?.as_str()?.to_owned());
            entries.sort_unstable_by_key(at);
            entries
        }
        Opened::Admin(admin) => {
            let answer: Value = serde_json::from_str(&admin.ask(Method::GET, "", None)?)?;
            let part = |name: &str| answer.get(name).cloned().unwrap_or_default();
            say(&format!("{} revocations; stores: {}", part("count"), part("stores")));
            part("entries").as_array().cloned().unwrap_or_default()
        }
    };
    print(&text.iter().map(|entry| format!("{entry}\n")).collect::<String>())
}

fn undo(place: Opened, id: &str, now_s: u64) -> anyhow::Result<ExitCode> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    ensure!(!id.is_empty() && id.bytes().all(plain), "this is not the id of a revocation");
    match place {
        Opened::File(path) => {
            let entries = in_force(read_whole(&path).map_err(anyhow::Error::msg)?, now_s);
            ensure!(entries.iter().any(|entry| *entry.id == *id), "there is no such revocation");
            let change = Change::Undo { id: id.into(), by: Some(who().into()) };
            append(&path, &change).with_context(|| format!("writing `{}`", path.display()))?;
        }
        Opened::Admin(admin) => {
            let by: String = url::form_urlencoded::byte_serialize(who().as_bytes()).collect();
            admin.ask(Method::DELETE, &format!("/{id}?by={by}"), None)?;
        }
    }
    say(&format!("undone: {id}"));
    Ok(ExitCode::SUCCESS)
}

/// A place that was found.
enum Opened {
    File(PathBuf),
    Admin(Admin),
}

impl Place {
    fn open(&self) -> anyhow::Result<Opened> {
        if let (Some(url), Some(file)) = (&self.admin, &self.token_file) {
            let token = std::fs::read_to_string(file)
                .with_context(|| format!("reading `{}`", file.display()))?;
            return Ok(Opened::Admin(Admin { url: url.clone(), token: token.trim().to_owned() }));
        }
        let config = self.config.as_ref().context(
            "name the configuration with --config FILE, or a gateway with --admin URL \
             --token-file FILE",
        )?;
        let checked = config::load(config).map_err(|problems| anyhow::anyhow!("{problems}"))?;
        let file = checked.config.revocation.file.context(
            "this configuration names no file of revocations (revocation.file): use --admin URL \
             --token-file FILE",
        )?;
        Ok(Opened::File(file))
    }
}

/// A running gateway's admin listener.
struct Admin {
    url: Url,
    token: String,
}

impl Admin {
    fn ask(&self, method: Method, below: &str, body: Option<String>) -> anyhow::Result<String> {
        ensure!(self.url.scheme() == "http", "the admin listener speaks plain HTTP: http://…");
        let host = self.url.host_str().context("the URL of the admin listener has no host")?;
        let port = self.url.port_or_known_default().unwrap_or(80);
        let request = Request::builder()
            .method(method)
            .uri(format!("/revocations{below}"))
            .header(HOST, format!("{host}:{port}"))
            .header(AUTHORIZATION, format!("Bearer {}", self.token))
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body.unwrap_or_default())))?;
        let address = format!("{host}:{port}");
        let asked = async {
            let stream = TcpStream::connect(&address).await.context("connecting")?;
            let (mut sender, connection) =
                hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
            let connection = tokio::spawn(connection);
            let (head, body) = sender.send_request(request).await?.into_parts();
            let body = Limited::new(body, REVOCATION_FILE_BYTES_MAX).collect().await;
            connection.abort();
            let body = body.map_err(|error| anyhow::anyhow!("{error}"))?.to_bytes();
            anyhow::Ok((head.status, String::from_utf8_lossy(&body).into_owned()))
        };
        let wait = Duration::from_millis(BODY_MS);
        let asked = run::runtime()?.block_on(async { tokio::time::timeout(wait, asked).await });
        let (status, text) =
            asked.context("the gateway did not answer in time")?.context("asking the gateway")?;
        match status {
            StatusCode::OK | StatusCode::CREATED | StatusCode::NO_CONTENT => Ok(text),
            status => bail!("the gateway answered {}: {}", status.as_u16(), text.trim_end()),
        }
    }
}

/// Who sits at this machine.
fn who() -> String {
    let name = std::env::var("SUDO_USER").or_else(|_| std::env::var("USER")).unwrap_or_default();
    let plain = |c: &char| c.is_ascii_alphanumeric() || "-_.@".contains(*c);
    let name: String = name.chars().filter(plain).take(NAME_CHARS).collect();
    if name.is_empty() { "sallyport revoke".to_owned() } else { name }
}

/// Letters of a user's name that are kept.
const NAME_CHARS: usize = 64;

/// One of these says what is revoked.
const WHAT: [&str; 7] = ["jti", "token_id", "subject", "client", "session", "key", "issuer"];
