//! `sallyport keys`: makes, lists and ends API keys.
//!
//! A key goes to stdout, once, and nowhere else; everything that is said about it goes to stderr.

mod store;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, Subcommand};
use ipnet::IpNet;
use zeroize::Zeroizing;

use super::{ConfigFile, USAGE, print, say};
use crate::api_key::{self, ApiKey, Entry, KeyId, Previous, Servers};
use crate::clock::Clock;
use crate::config::{self, KeyFiles, Source};
use crate::limits::{API_KEY_OVERLAP_S_MAX, API_KEYS_MAX};

#[derive(Debug, Args)]
pub(super) struct Keys {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a key and print it, this once
    Create(Create),
    /// List the keys: id, state, name, expiry, servers, scopes
    List {
        #[command(flatten)]
        file: ConfigFile,
    },
    /// Switch a key off
    Disable(One),
    /// Switch a key on again
    Enable(One),
    /// Give a key a new secret and print it, this once; the old one counts for a while
    Rotate(Rotate),
    /// Remove a key for good
    Remove(One),
    /// Make a pepper, which the hashes of all keys are keyed with
    Pepper {
        /// Where to write it; an existing file is never replaced
        #[arg(value_name = "FILE", default_value = "api-keys.pepper")]
        file: PathBuf,
    },
}

#[derive(Debug, Args)]
struct Create {
    #[command(flatten)]
    file: ConfigFile,
    /// Whose key it is: the subject in rules and records
    #[arg(long)]
    name: String,
    /// Scope that it grants; repeat it, or separate several with spaces
    #[arg(long, value_delimiter = ' ')]
    scope: Vec<String>,
    /// Role of its holder; may be repeated
    #[arg(long)]
    role: Vec<String>,
    /// Tenant of its holder
    #[arg(long)]
    tenant: Option<String>,
    /// Server that it opens; may be repeated; default: every server that accepts API keys
    #[arg(long)]
    server: Vec<String>,
    /// Network from which it counts, such as `10.0.0.0/8`; may be repeated; default: everywhere
    #[arg(long, value_parser = network)]
    network: Vec<IpNet>,
    /// A word about it, for people
    #[arg(long)]
    comment: Option<String>,
    #[command(flatten)]
    life: Life,
}

/// How long a new secret counts.
#[derive(Debug, Args)]
struct Life {
    /// How long it counts
    #[arg(long, default_value = "90d", value_parser = lifetime, conflicts_with = "no_expiry")]
    expires: Duration,
    /// It counts until it is disabled or removed
    #[arg(long)]
    no_expiry: bool,
}

#[derive(Debug, Args)]
struct One {
    /// Id of the key: the part between its first and second `_`
    id: String,
    #[command(flatten)]
    file: ConfigFile,
}

#[derive(Debug, Args)]
struct Rotate {
    #[command(flatten)]
    one: One,
    /// How long the old secret still counts, at most 30 days; `0s` ends it at once
    #[arg(long, default_value = "24h", value_parser = overlap)]
    overlap: Duration,
    #[command(flatten)]
    life: Life,
}

impl Keys {
    pub(super) fn execute(self) -> anyhow::Result<ExitCode> {
        let file = match &self.command {
            Command::Pepper { file } => return pepper(file),
            Command::Create(create) => &create.file,
            Command::List { file } => file,
            Command::Rotate(rotate) => &rotate.one.file,
            Command::Disable(one) | Command::Enable(one) | Command::Remove(one) => &one.file,
        };
        let found = Source::read(&file.config)
            .and_then(|source| config::key_files(&source, &config::process_environment));
        let files = match found {
            Ok(files) => files,
            Err(problems) => {
                say(&problems.to_string());
                return Ok(ExitCode::from(USAGE));
            }
        };
        let now_s = Clock::system().unix_s();
        match self.command {
            Command::Create(create) => create.execute(&files, now_s),
            Command::List { .. } => list(&files, now_s),
            Command::Disable(one) => switch(&files, &one, Switch::Off),
            Command::Enable(one) => switch(&files, &one, Switch::On),
            Command::Rotate(rotate) => rotate.execute(&files, now_s),
            Command::Remove(one) => remove(&files, &one),
            // Answered above: it needs no configuration.
            Command::Pepper { .. } => Ok(ExitCode::SUCCESS),
        }
    }
}

impl Create {
    fn execute(self, files: &KeyFiles, now_s: u64) -> anyhow::Result<ExitCode> {
        for server in &self.server {
            if !files.servers.contains(server) {
                let known = files.servers.join(", ");
                bail!("no server `{server}` accepts API keys; those that do: {known}");
            }
        }
        let key = ApiKey::draw().map_err(|_| anyhow!("the system has no randomness"))?;
        let named = !self.server.is_empty();
        let expires_at_s = self.life.expires_at_s(now_s);
        let entry = Entry {
            id: key.id(),
            name: self.name,
            hash: key.hash(&files.pepper),
            previous: None,
            scopes: self.scope.into_iter().filter(|scope| !scope.is_empty()).collect(),
            roles: self.role,
            tenant: self.tenant,
            servers: if named { Servers::Named(self.server) } else { Servers::All },
            networks: self.network,
            created_at_s: now_s,
            expires_at_s,
            disabled: false,
            comment: self.comment,
        };
        entry.to_line().context("this key cannot be made")?;
        let line = described(&entry);
        if entry.scopes.is_empty() {
            say("warning: a key without scopes can do only what needs none");
        }
        store::edit(&files.file, |entries| {
            if entries.len() >= API_KEYS_MAX {
                bail!("the file holds {API_KEYS_MAX} keys already; remove some");
            }
            entries.push(entry);
            Ok(())
        })?;
        say(&format!("made {line}"));
        shown(&key)
    }
}

impl Rotate {
    fn execute(self, files: &KeyFiles, now_s: u64) -> anyhow::Result<ExitCode> {
        let id = self.one.id()?;
        let key = ApiKey::draw_for(id).map_err(|_| anyhow!("the system has no randomness"))?;
        let hash = key.hash(&files.pepper);
        let expires_at_s = self.life.expires_at_s(now_s);
        let line = store::edit(&files.file, |entries| {
            let entry = find(entries, id)?;
            if entry.disabled {
                bail!("key `{id}` is disabled; enable it first, or make another");
            }
            if entry.previous.is_some_and(|previous| previous.until_s > now_s) {
                say("warning: the secret before the last rotation ends now");
            }
            let until_s = now_s.saturating_add(self.overlap.as_secs());
            let until_s = entry.expires_at_s.map_or(until_s, |at_s| at_s.min(until_s));
            entry.previous = (until_s > now_s).then_some(Previous { hash: entry.hash, until_s });
            entry.hash = hash;
            entry.expires_at_s = expires_at_s;
            Ok(described(entry))
        })?;
        say(&format!("new secret for {line}"));
        say(&format!(
            "the old secret counts for {} more, and no longer than it did before",
            humantime::format_duration(self.overlap)
        ));
        shown(&key)
    }
}

impl Life {
    fn expires_at_s(&self, now_s: u64) -> Option<u64> {
        if self.no_expiry {
            say(
                "warning: this key never expires: whoever finds it can use it until somebody notices",
            );
            return None;
        }
        Some(now_s.saturating_add(self.expires.as_secs()))
    }
}

impl One {
    /// What was typed is never repeated: it may be a whole key.
    fn id(&self) -> anyhow::Result<KeyId> {
        if api_key::is_key_like(self.id.as_bytes()) {
            bail!(
                "that is a key, not its id (the part between the first and the second `_`); \
                 it now stands in the history of your shell: rotate it"
            );
        }
        KeyId::parse(self.id.as_bytes())
            .context("that is not the id of a key: ids have 12 characters")
    }
}

enum Switch {
    On,
    Off,
}

fn switch(files: &KeyFiles, one: &One, to: Switch) -> anyhow::Result<ExitCode> {
    let id = one.id()?;
    let line = store::edit(&files.file, |entries| {
        let entry = find(entries, id)?;
        entry.disabled = matches!(to, Switch::Off);
        Ok(described(entry))
    })?;
    let word = if matches!(to, Switch::Off) { "disabled" } else { "enabled" };
    say(&format!("{word} {line}"));
    Ok(ExitCode::SUCCESS)
}

fn remove(files: &KeyFiles, one: &One) -> anyhow::Result<ExitCode> {
    let id = one.id()?;
    let line = store::edit(&files.file, |entries| {
        let line = described(find(entries, id)?);
        entries.retain(|entry| entry.id != id);
        Ok(line)
    })?;
    say(&format!("removed {line}"));
    Ok(ExitCode::SUCCESS)
}

fn list(files: &KeyFiles, now_s: u64) -> anyhow::Result<ExitCode> {
    let mut text = String::new();
    for entry in store::read(&files.file)? {
        let state = match entry.expires_at_s {
            _ if entry.disabled => "disabled",
            Some(at_s) if at_s <= now_s => "expired",
            _ if entry.previous.is_some_and(|previous| previous.until_s > now_s) => "rotating",
            Some(_) | None => "active",
        };
        text.push_str(&format!("{:<8} {}\n", state, described(&entry)));
    }
    if text.is_empty() {
        say("there are no keys");
    }
    print(&text)
}

fn pepper(file: &std::path::Path) -> anyhow::Result<ExitCode> {
    let bytes = store::random_pepper()?;
    let text = Zeroizing::new(format!("{}\n", STANDARD.encode(*bytes)));
    store::create_new(file, text.as_bytes())
        .with_context(|| format!("`{}` cannot be made", file.display()))?;
    say(&format!("wrote `{}`, for `api_keys.pepper: {{ file: … }}`", file.display()));
    say("keep a copy in a safe place: without it every key is lost");
    Ok(ExitCode::SUCCESS)
}

/// The only place where a key is printed.
fn shown(key: &ApiKey) -> anyhow::Result<ExitCode> {
    say("this is the only time the key is shown; a running gateway takes it up within seconds");
    print(&Zeroizing::new(format!("{}\n", *key.reveal())))
}

fn find(entries: &mut [Entry], id: KeyId) -> anyhow::Result<&mut Entry> {
    entries
        .iter_mut()
        .find(|entry| entry.id == id)
        .with_context(|| format!("there is no key `{id}`"))
}

/// One line about a key, without anything that is secret.
fn described(entry: &Entry) -> String {
    let list = |all: &[String], none: &str| match all {
        [] => none.to_owned(),
        all => all.join(" "),
    };
    let servers = match &entry.servers {
        Servers::All => "all".to_owned(),
        Servers::Named(names) => names.join(" "),
    };
    let expires = match entry.expires_at_s {
        Some(at_s) => store::date(at_s),
        None => "never".to_owned(),
    };
    let scopes = list(&entry.scopes, "none");
    let (id, name) = (entry.id, &entry.name);
    format!("{id}  {name}  expires: {expires}  servers: {servers}  scopes: {scopes}")
}

fn network(text: &str) -> Result<IpNet, String> {
    if let Ok(address) = text.parse::<std::net::IpAddr>() {
        return Ok(IpNet::from(address));
    }
    let network: IpNet = text.parse().map_err(|_| "write it like `10.0.0.0/8`".to_owned())?;
    let trunc = network.trunc();
    if trunc == network { Ok(network) } else { Err(format!("did you mean `{trunc}`?")) }
}

fn lifetime(text: &str) -> Result<Duration, String> {
    let lifetime = humantime::parse_duration(text).map_err(|e| e.to_string())?;
    if lifetime.as_secs() == 0 {
        return Err("a key lives for a second at least".to_owned());
    }
    Ok(lifetime)
}

fn overlap(text: &str) -> Result<Duration, String> {
    let overlap = humantime::parse_duration(text).map_err(|e| e.to_string())?;
    if overlap > OVERLAP_MAX {
        return Err("an old secret counts for 30 days more at most".to_owned());
    }
    Ok(overlap)
}

const OVERLAP_MAX: Duration = Duration::from_secs(API_KEY_OVERLAP_S_MAX);

#[cfg(test)]
mod tests {
    use super::{API_KEY_OVERLAP_S_MAX, lifetime, network, overlap};

    #[test]
    fn overlap_ends_at_api_key_overlap_s_max() {
        assert!(overlap("0s").is_ok());
        assert!(overlap(&format!("{API_KEY_OVERLAP_S_MAX}s")).is_ok());
        assert!(overlap(&format!("{}s", API_KEY_OVERLAP_S_MAX + 1)).is_err());
    }

    #[test]
    fn life_and_network_have_a_meaning_or_are_refused() {
        assert!(lifetime("90d").is_ok() && lifetime("0s").is_err() && lifetime("soon").is_err());
        assert_eq!(network("10.1.2.3").unwrap().to_string(), "10.1.2.3/32");
        assert!(network("10.1.2.3/8").unwrap_err().contains("10.0.0.0/8"));
    }
}
