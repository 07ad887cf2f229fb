//! `sallyport policy explain`: why a question is answered as it is.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Args;
use serde_json::{Value, json};

use super::{governed, shown, usage};
use crate::audit::{Filter, Records};
use crate::cli::{ConfigFile, print, say};
use crate::policy::Policies;
use crate::policy::explain::Detail;
use crate::policy::given::{Exactness, Given, Setting, Who};

#[derive(Debug, Args)]
pub(super) struct Explain {
    #[command(flatten)]
    config: ConfigFile,
    /// The trail in which the request is recorded
    #[arg(long, value_name = "PATH", requires = "request_id", conflicts_with = "Asked")]
    audit: Option<PathBuf>,
    /// A recorded request, by its id
    #[arg(value_name = "REQUEST_ID", requires = "audit")]
    request_id: Option<String>,
    #[command(flatten)]
    asked: Asked,
    /// Print the explanation as JSON
    #[arg(long)]
    json: bool,
}

/// A question that nobody has asked yet.
#[derive(Debug, Args)]
#[group(id = "Asked", multiple = true)]
struct Asked {
    /// On which server; may be left out where there is one alone
    #[arg(long, value_name = "NAME")]
    server: Option<String>,
    /// What for: `tools.invoke` and the like, or `reveal`
    #[arg(long, value_name = "NAME", required_unless_present = "request_id")]
    action: Option<String>,
    /// On what: a tool, URI, prompt, namespace or class; left out: the server
    #[arg(long, value_name = "NAME")]
    on: Option<String>,
    /// For `reveal`: the tool that answers
    #[arg(long, value_name = "NAME")]
    tool: Option<String>,
    /// An argument; a value that is no JSON is a text
    #[arg(long = "arg", value_name = "NAME=VALUE", value_parser = pair)]
    args: Vec<(String, String)>,
    /// Subject of the caller
    #[arg(long, value_name = "NAME")]
    subject: Option<String>,
    /// Issuer of the caller's token
    #[arg(long, value_name = "URL")]
    issuer: Option<String>,
    /// Client of the caller's token
    #[arg(long, value_name = "ID")]
    client: Option<String>,
    /// How the caller authenticates: bearer, api_key, certificate or anonymous
    #[arg(long, value_name = "NAME")]
    method: Option<String>,
    /// A role of the caller
    #[arg(long = "role", value_name = "NAME")]
    roles: Vec<String>,
    /// A group of the caller
    #[arg(long = "group", value_name = "NAME")]
    groups: Vec<String>,
    /// A scope of the token
    #[arg(long = "scope", value_name = "NAME")]
    scopes: Vec<String>,
    /// Tenant of the caller
    #[arg(long, value_name = "NAME")]
    tenant: Option<String>,
    /// A value of a mapped claim
    #[arg(long = "claim", value_name = "NAME=VALUE", value_parser = pair)]
    claims: Vec<(String, String)>,
    /// What the token is bound to: none, dpop, certificate or dpop+certificate
    #[arg(long, value_name = "NAME")]
    proof: Option<String>,
    /// How long ago the token was issued, such as `5m`
    #[arg(long, value_name = "TIME")]
    issued: Option<String>,
    /// How long ago the user signed in
    #[arg(long, value_name = "TIME")]
    authenticated: Option<String>,
    /// How long ago the session was opened
    #[arg(long, value_name = "TIME")]
    session: Option<String>,
    /// Address of the client
    #[arg(long, value_name = "ADDRESS")]
    from: Option<String>,
    /// Version of TLS: TLSv1.3 or TLSv1.2; left out: plain HTTP
    #[arg(long, value_name = "VERSION")]
    tls: Option<String>,
    /// Risk level that a header tells
    #[arg(long, value_name = "LEVEL")]
    risk: Option<String>,
    /// Whose data
    #[arg(long, value_name = "NAME")]
    of: Option<String>,
    /// When, such as `2026-11-23T09:30:00Z`, or without the `Z` by the clocks of the policies; left
    /// out: now
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
}

/// A question, and what a record says of it.
struct Case {
    given: Given,
    recorded: Option<(Value, Exactness)>,
}

impl Explain {
    pub(super) fn execute(self) -> anyhow::Result<ExitCode> {
        let Some((config, governance)) = governed(&self.config.config)? else { return usage() };
        let policies = &governance.live;
        let case = match (&self.audit, &self.request_id) {
            (Some(audit), Some(id)) => recorded(audit, id)?,
            (_, _) => {
                let servers: Vec<&str> = config.servers.iter().map(|s| s.name.as_ref()).collect();
                let setting = self.asked.setting(&servers)?;
                let given = match setting.given(&policies.world().zone) {
                    Ok(given) => given,
                    Err(mistake) => {
                        say(&format!("sallyport: {}; {}", shown(&mistake.message), mistake.help));
                        return usage();
                    }
                };
                if let Some((_, message)) = given.unknown(policies) {
                    say(&format!("sallyport: {}", shown(&message)));
                    return usage();
                }
                Case { given, recorded: None }
            }
        };
        let server = config.servers.iter().find(|server| *server.name == *case.given.server);
        match server {
            None => bail!("this configuration has no server `{}`", shown(&case.given.server)),
            Some(server) if server.policy.is_none() => {
                bail!("no policies govern server `{}`", server.name)
            }
            Some(_) => {}
        }
        if self.json {
            print(&format!("{:#}\n", case.json(policies)))
        } else {
            print(&format!("{}\n", shown(&case.text(policies))))
        }
    }
}

impl Asked {
    fn setting(&self, servers: &[&str]) -> anyhow::Result<Setting> {
        let server = match (&self.server, servers) {
            (Some(server), _) => server.clone(),
            (None, [one]) => (*one).to_owned(),
            (None, _several) => bail!("name a server with --server: {}", servers.join(", ")),
        };
        let some = |list: &Vec<String>| Some(list.clone());
        let mut claims: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, value) in &self.claims {
            claims.entry(name.clone()).or_default().push(value.clone());
        }
        let who = Who {
            subject: self.subject.clone(),
            issuer: self.issuer.clone(),
            client: self.client.clone(),
            method: self.method.clone(),
            roles: some(&self.roles),
            groups: some(&self.groups),
            scopes: some(&self.scopes),
            tenant: self.tenant.clone(),
            claims: Some(claims),
            risk: None,
            proof: self.proof.clone(),
            certificate: None,
            issued: self.issued.clone(),
            authenticated: self.authenticated.clone(),
        };
        let now = || humantime::format_rfc3339_seconds(crate::clock::Clock::system().wall());
        Ok(Setting {
            server: Some(server),
            who,
            action: self.action.clone(),
            on: self.on.clone(),
            tool: self.tool.clone(),
            args: (!self.args.is_empty()).then(|| Value::String(self.arguments())),
            from: self.from.clone(),
            tls: self.tls.clone(),
            session: self.session.clone(),
            risk: self.risk.clone(),
            subject: self.of.clone(),
            at: Some(self.at.clone().unwrap_or_else(|| now().to_string())),
        })
    }

    /// As JSON text: a number stays as it was typed.
    fn arguments(&self) -> String {
        let members = self.args.iter().map(|(name, value)| {
            let value = match serde_json::from_str::<&serde_json::value::RawValue>(value) {
                Ok(json) => json.get().to_owned(),
                Err(_) => Value::from(value.as_str()).to_string(),
            };
            format!("{}:{value}", Value::from(name.as_str()))
        });
        format!("{{{}}}", members.collect::<Vec<_>>().join(","))
    }
}

/// The question of a recorded request. Its intent is recorded, or its refusal.
fn recorded(audit: &Path, id: &str) -> anyhow::Result<Case> {
    let filter =
        Filter { equals: vec![("request_id".to_owned(), id.to_owned())], ..Filter::default() };
    let mut seen = None;
    for record in Records::open(audit, filter)? {
        let record = record?;
        let phase = record.get("phase").and_then(Value::as_str);
        if !matches!(phase, Some("intent" | "refused")) {
            seen = seen.or_else(|| phase.map(str::to_owned));
            continue;
        }
        let (given, exactness) = Given::of_record(&record)
            .with_context(|| format!("the record of `{}` cannot be asked again", shown(id)))?;
        return Ok(Case { given, recorded: Some((record, exactness)) });
    }
    match seen {
        Some(phase) => bail!("of request `{}` there is only a record `{phase}`", shown(id)),
        None => bail!("`{}` holds no record of request `{}`", audit.display(), shown(id)),
    }
}

impl Case {
    fn json(&self, policies: &Policies) -> Value {
        let now = self.given.with(|question| policies.explain(question).json());
        let recorded = self.recorded.as_ref().map(|(record, exactness)| {
            json!({
                "decision": record.get("decision"),
                "policy": record.get("policy"),
                "same_policies": same_set(record, policies),
                "doubts": exactness.doubts().map(|doubt| doubt.name()).collect::<Vec<_>>(),
            })
        });
        json!({ "set": &**policies.hash(), "recorded": recorded, "now": now })
    }

    fn text(&self, policies: &Policies) -> String {
        let mut text = String::new();
        if let Some((record, exactness)) = &self.recorded {
            write_recorded(&mut text, record, policies);
            for doubt in exactness.doubts() {
                let _ = writeln!(text, "  in doubt: {doubt}");
            }
            let _ = writeln!(text, "\nthe present policies say");
        }
        text.push_str(&self.given.with(|question| policies.explain(question).text(Detail::Full)));
        text
    }
}

fn same_set(record: &Value, policies: &Policies) -> Option<bool> {
    let set = record.get("policy")?.get("set")?.as_str()?;
    Some(*set == **policies.hash())
}

fn write_recorded(text: &mut String, record: &Value, policies: &Policies) {
    let of = |value: &Value, name: &str| -> String {
        match value.get(name) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Array(items)) => {
                let items = items.iter().map(|item| item.as_str().unwrap_or_default());
                items.collect::<Vec<_>>().join(", ")
            }
            Some(other) => other.to_string(),
            None => String::new(),
        }
    };
    let at = of(record, "timestamp");
    let decision = of(record, "decision");
    let _ = writeln!(text, "the record of {at} says\n{decision} by the gateway");
    for name in ["code", "reason", "rule"] {
        let value = of(record, name);
        if !value.is_empty() {
            let _ = writeln!(text, "  {name}: {value}");
        }
    }
    let Some(policy) = record.get("policy") else {
        let _ = writeln!(text, "  no policies were asked");
        return;
    };
    let why = of(policy, "why");
    let why = if why.is_empty() { why } else { format!(" ({why})") };
    let _ = writeln!(text, "{}{why} by the policies", of(policy, "decision"));
    let ids = policy.get("policies").and_then(Value::as_array).into_iter().flatten();
    for id in ids.filter_map(Value::as_str) {
        match policies.rule(id) {
            Some(rule) => {
                let _ = writeln!(text, "  {id}  {}:{}", rule.place.file, rule.place.line);
                for line in rule.text().lines() {
                    let _ = writeln!(text, "    | {line}");
                }
            }
            None => {
                let _ = writeln!(text, "  {id}  (there is no such policy any more)");
            }
        }
    }
    if same_set(record, policies) == Some(false) {
        let set = of(policy, "set");
        let _ = writeln!(text, "  the set was {set}, and is {} now", policies.hash());
    }
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        Some(_) | None => Err("write it as NAME=VALUE".to_owned()),
    }
}
