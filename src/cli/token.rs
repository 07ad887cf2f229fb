//! `sallyport token`: mints from a local development key, and only from one.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;

use super::{ConfigFile, USAGE, print, say};
use crate::clock::Clock;
use crate::config::{Checked, Config, Issuer};
use crate::dev::issuer::{Claims, DevKey};

#[derive(Debug, Args)]
pub(super) struct Token {
    #[command(flatten)]
    file: ConfigFile,
    /// Who the token is for
    #[arg(long, default_value = "developer")]
    subject: String,
    /// Scopes, separated by spaces
    #[arg(long, default_value = "")]
    scope: String,
    /// Roles, repeated or separated by commas
    #[arg(long, value_delimiter = ',')]
    role: Vec<String>,
    /// Server whose audience the token gets; default: the only one
    #[arg(long)]
    server: Option<String>,
    /// How long the token lives
    #[arg(long, default_value = "1h", value_parser = lifetime)]
    lifetime: Duration,
}

impl Token {
    pub(super) fn execute(self) -> anyhow::Result<ExitCode> {
        let Some(Checked { config, .. }) = self.file.load() else {
            return Ok(ExitCode::from(USAGE));
        };
        let (issuer, key) = development(&config)?;
        let audience = self.audience(&config)?;
        let now = Clock::system().unix_s();
        let token = key.mint(&Claims {
            issuer: issuer.issuer.to_string(),
            subject: self.subject.clone(),
            client_id: self.subject.clone(),
            audience: audience.clone(),
            scope: self.scope.clone(),
            roles: self.role.clone(),
            issued_at_s: now,
            expires_at_s: now + self.lifetime.as_secs(),
        })?;
        say(&format!(
            "development token for `{}` at {audience}, valid {}",
            self.subject,
            humantime::format_duration(self.lifetime)
        ));
        print(&format!("{token}\n"))
    }

    fn audience(&self, config: &Config) -> anyhow::Result<String> {
        let server = match &self.server {
            Some(name) => config.servers.iter().find(|s| s.name.as_ref() == name),
            None if config.servers.len() == 1 => config.servers.first(),
            None => bail!("the configuration has several servers: name one with --server"),
        };
        Ok(server.context("no such server in the configuration")?.resource.to_string())
    }
}

/// The development issuer, if there is one: a real issuer's tokens come from that issuer alone.
fn development(config: &Config) -> anyhow::Result<(&Issuer, DevKey)> {
    let issuer = config.issuers.iter().find(|i| i.development_key.is_some()).context(
        "this configuration names no development issuer (issuers[].development_key): \
         get tokens from its real issuer",
    )?;
    let path = issuer.development_key.as_ref().context("no development key")?;
    Ok((issuer, DevKey::load(path)?))
}

fn lifetime(text: &str) -> Result<Duration, String> {
    let lifetime = humantime::parse_duration(text).map_err(|e| e.to_string())?;
    if lifetime > LIFETIME_MAX {
        return Err("development tokens live at most 12 h".to_owned());
    }
    Ok(lifetime)
}

const LIFETIME_MAX: Duration = Duration::from_secs(12 * 3600);
