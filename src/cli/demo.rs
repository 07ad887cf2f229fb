//! `sallyport demo`: every gate at work, on loopback, with real requests over real TLS.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer as Ca,
    KeyPair, KeyUsagePurpose,
};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::run::runtime;
use super::tour::{self, Tokens, Visitor};
use super::{print, say};
use crate::audit;
use crate::config;
use crate::dev::issuer::{self, Client, DevKey};
use crate::dev::sample;
use crate::gateway::{Gateway, Options};

#[derive(Debug, Args)]
pub(super) struct Demo {
    /// End after the tour instead of serving on
    #[arg(long)]
    once: bool,
    /// Where the demo keeps its certificates, key, configuration and audit trail
    #[arg(long, value_name = "DIR", default_value = ".sallyport/demo")]
    dir: PathBuf,
}

/// The demo's parts, all on loopback.
struct Stage {
    gateway: Gateway,
    issuer: SocketAddr,
    ca_pem: String,
    url: String,
    audit: PathBuf,
    stop: CancellationToken,
}

impl Demo {
    pub(super) fn execute(self) -> anyhow::Result<ExitCode> {
        runtime()?.block_on(self.show())
    }

    async fn show(&self) -> anyhow::Result<ExitCode> {
        say(BANNER);
        let stage = set_up(&self.dir).await?;
        let visitor = Visitor::new(&stage.ca_pem, stage.url.clone())?;
        let tokens = tokens(&visitor, &stage).await?;
        let toured = tour::walk(&visitor, &tokens).await;
        let verified = match toured {
            Ok(()) => self.verify(&stage).await,
            Err(error) => Err(error),
        };
        match verified {
            Ok(()) if self.once => {
                stage.end().await;
                say("\n  The tour is over; every step held.");
                Ok(ExitCode::SUCCESS)
            }
            Ok(()) => {
                print(&self.what_next(&stage, &tokens))?;
                interrupted().await?;
                stage.end().await;
                Ok(ExitCode::SUCCESS)
            }
            Err(error) => {
                stage.end().await;
                Err(error.context("the tour failed"))
            }
        }
    }

    /// The trail of just these calls, checked as an auditor would.
    async fn verify(&self, stage: &Stage) -> anyhow::Result<()> {
        say("\n  7. The audit trail of just these calls, verified");
        let mut report = audit::verify(&stage.audit, &audit::Trust::default(), |_| {})?;
        // The last call's end is recorded behind its answer: it may still be on its way.
        for _ in 0..TRAIL_TRIES {
            if report.refusals >= REFUSED_IN_TOUR && report.open_intents.is_empty() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
            report = audit::verify(&stage.audit, &audit::Trust::default(), |_| {})?;
        }
        for line in report.to_string().lines() {
            say(&format!("     {line}"));
        }
        if report.intents == 0
            || report.refusals < REFUSED_IN_TOUR
            || !report.open_intents.is_empty()
        {
            bail!("the trail lacks records of the tour");
        }
        if report.exit_code() != 0 {
            bail!("the trail does not verify");
        }
        Ok(())
    }

    fn what_next(&self, stage: &Stage, tokens: &Tokens) -> String {
        let ca = absolute(&self.dir.join("ca.pem"));
        let config = absolute(&self.dir.join("sallyport.yaml"));
        let (url, token) = (&stage.url, &tokens.support);
        let admin = stage.gateway.admin().map(|a| a.to_string()).unwrap_or_default();
        format!(
            r#"
  Still serving. Paste away (Ctrl-C ends it):

  curl --cacert {ca} {url} -i

  TOKEN={token}
  mcp() {{ curl -s --cacert {ca} {url} -H "Authorization: Bearer $TOKEN" \
    -H 'Content-Type: application/json' -H 'Accept: application/json, text/event-stream' "$@"; }}
  SESSION=$(mcp -D - -o /dev/null -d '{{"jsonrpc":"2.0","id":1,"method":"initialize","params":{{"protocolVersion":"2025-06-18","capabilities":{{}},"clientInfo":{{"name":"curl","version":"0"}}}}}}' | tr -d '\r' | sed -n 's/^mcp-session-id: //p')
  mcp -H "Mcp-Session-Id: $SESSION" -d '{{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{{"name":"crm.lookup_customer","arguments":{{"name":"Ada"}}}}}}'

  curl http://{admin}/metrics
  sallyport audit verify {audit}
  sallyport token --config {config} --subject me --scope "mcp.tools.invoke crm:read"

  MCP clients (they need the demo's authority: export NODE_EXTRA_CA_CERTS={ca})
  claude mcp add --transport http crm {url} --header "Authorization: Bearer $TOKEN"
  .mcp.json, Cursor: {{"mcpServers":{{"crm":{{"type":"http","url":"{url}","headers":{{"Authorization":"Bearer ${{TOKEN}}"}}}}}}}}
  VS Code:           {{"servers":{{"crm":{{"type":"http","url":"{url}","headers":{{"Authorization":"Bearer ${{input:token}}"}}}}}},"inputs":[{{"type":"promptString","id":"token","description":"token","password":true}}]}}
"#,
            audit = absolute(&stage.audit),
        )
    }
}

impl Stage {
    async fn end(self) {
        self.gateway.stop();
        self.gateway.stopped().await;
        self.stop.cancel();
    }
}

/// Starts issuer, sample server and gateway from files that the user can read afterwards.
async fn set_up(dir: &Path) -> anyhow::Result<Stage> {
    private_dir(dir)?;
    let stop = CancellationToken::new();
    let key = DevKey::load_or_create(&dir.join("dev.key"))?;
    let issuer = issuer::start(key, clients(), stop.clone()).await?;
    let sample = sample::start(stop.clone()).await?;
    let ca_pem = certificates(dir)?;
    let (port, admin) = (free_port(8443)?, free_port(9464)?);
    let audit = dir.join("audit");
    if audit.exists() {
        fs::remove_dir_all(&audit).context("removing the trail of the last demo")?;
    }
    let file = dir.join("sallyport.yaml");
    fs::write(&file, yaml(port, admin, issuer, sample))?;
    let checked = match config::load(&file) {
        Ok(checked) => checked,
        Err(problems) => bail!("the demo's own configuration is refused:\n{problems}"),
    };
    let gateway = Gateway::start(checked.config, Options::default()).await?;
    let url = format!("https://localhost:{port}/mcp");
    say(&format!("  gateway        {url}"));
    say(&format!("  configuration  {}", file.display()));
    say(&format!("  legacy server  http://{sample}/mcp   (no security at all)"));
    say(&format!("  issuer         http://{issuer}   (development only)"));
    Ok(Stage { gateway, issuer, ca_pem, url, audit, stop })
}

fn clients() -> Vec<Client> {
    let client = |id: &str, scope: &str| Client {
        id: id.to_owned(),
        secret: format!("{id}-secret"),
        scope: scope.to_owned(),
        roles: vec![id.to_owned()],
    };
    vec![
        client("support", "mcp.tools.invoke crm:read"),
        client("manager", "mcp.tools.invoke crm:read crm:export pii:email.read pii:phone.read"),
        client("intern", "mcp.tools.invoke"),
    ]
}

async fn tokens(visitor: &Visitor, stage: &Stage) -> anyhow::Result<Tokens> {
    let ask = async |who: &str| {
        visitor.token(stage.issuer, who, &format!("{who}-secret"), &stage.url).await
    };
    Ok(Tokens {
        support: ask("support").await?,
        manager: ask("manager").await?,
        intern: ask("intern").await?,
    })
}

fn yaml(port: u16, admin: u16, issuer: SocketAddr, sample: SocketAddr) -> String {
    format!(
        r#"# Written by `sallyport demo`. A real configuration differs in its certificate and its issuer.
listen: 127.0.0.1:{port}
tls: {{ cert: server.pem, key: server.key }}
admin: {{ listen: 127.0.0.1:{admin} }}
issuers:
  - issuer: http://{issuer}
    algorithms: [ES256]
    roles_claim: roles
    development_key: dev.key # never in production: lets `sallyport token` mint
servers:
  - name: crm
    public_url: https://localhost:{port}/mcp
    upstream: http://{sample}/mcp
    tools: # the first rule that matches decides; what no rule matches is denied
      - {{ match: "crm.export*", scopes: [crm:export], roles: [manager] }}
      - {{ match: "crm.*", scopes: [crm:read] }}
      - {{ match: "notes.*" }}
    limits:
      per_principal: 120/m
      per_tool: {{ "crm.export*": 2/m }}
    redact:
      reveal: {{ email: [pii:email.read], phone: [pii:phone.read] }}
audit: {{ dir: audit }}
"#
    )
}

/// A throw-away authority and a certificate for `localhost`, new at each start.
fn certificates(dir: &Path) -> anyhow::Result<String> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name.push(DnType::CommonName, "Sallyport demo authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let ca_key = KeyPair::generate()?;
    let ca_pem = params.self_signed(&ca_key)?.pem();
    let ca = Ca::new(params, ca_key);
    let mut leaf = CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()])?;
    leaf.distinguished_name.push(DnType::CommonName, "Sallyport demo");
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    leaf.use_authority_key_identifier_extension = true;
    let leaf_key = KeyPair::generate()?;
    let leaf_pem = leaf.signed_by(&leaf_key, &ca)?.pem();
    fs::write(dir.join("ca.pem"), &ca_pem)?;
    fs::write(dir.join("server.pem"), leaf_pem)?;
    private_file(&dir.join("server.key"), &leaf_key.serialize_pem())?;
    Ok(ca_pem)
}

/// The usual port where it is free, so that pasted lines stay true; else one the system chooses.
fn free_port(usual: u16) -> anyhow::Result<u16> {
    let taken = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    let listener = taken(usual).or_else(|_| taken(0))?;
    Ok(listener.local_addr()?.port())
}

fn private_dir(dir: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .with_context(|| format!("creating {}", dir.display()))
}

fn private_file(path: &Path, text: &str) -> anyhow::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let mut file =
        fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    Ok(file.write_all(text.as_bytes())?)
}

/// Ctrl-C, or the end that supervisors and containers send.
async fn interrupted() -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

fn absolute(path: &Path) -> String {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).display().to_string()
}

/// No token, no scope, hidden tool, rate limit.
const REFUSED_IN_TOUR: u64 = 4;
/// Two seconds in steps of 50 ms.
const TRAIL_TRIES: u32 = 40;

const BANNER: &str = "
  Sallyport demo: a legacy MCP server without any security, and the gateway in front of it.
  Everything is on loopback, keys are drawn now. Development only, never for production.
";
