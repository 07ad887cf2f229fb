//! `sallyport client-config CLIENT`: what an MCP client has to be told to reach the gateway.
//!
//! Reads the configuration alone; nothing is asked over the network. Guarantees that no secret is
//! printed or written: entries name a variable of the environment, or let the editor ask.
//! `--write` adds to the client's file what is missing and keeps everything else in it.

use std::fs;
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use serde_json::{Map, Value, json};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::{ConfigFile, USAGE, print, say};
use crate::config::{Auth, Checked, Config, Profile, Server};
use crate::limits::CLIENT_CONFIG_BYTES_MAX;

#[derive(Debug, Args)]
pub(super) struct ClientConfig {
    /// Which client
    #[arg(value_name = "CLIENT")]
    client: Client,
    #[command(flatten)]
    file: ConfigFile,
    /// Only this server
    #[arg(long, value_name = "NAME")]
    server: Option<String>,
    /// Authority of the gateway's certificate, PEM, where the system does not trust it
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Variable that holds the token or API key [default: SALLYPORT_TOKEN or SALLYPORT_API_KEY]
    #[arg(long, value_name = "NAME", value_parser = variable)]
    env: Option<String>,
    /// Send a token from the variable, also where the client could sign in by itself
    #[arg(long)]
    token: bool,
    /// Add the entries to the client's file in this directory instead of printing them
    #[arg(long)]
    write: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Client {
    /// Claude Code: commands, or `.mcp.json`
    Claude,
    /// Cursor: `.cursor/mcp.json`
    Cursor,
    /// Visual Studio Code: `.vscode/mcp.json`
    Vscode,
    /// MCP Inspector: a command
    Inspector,
    /// Any other client that reads `mcpServers`
    Json,
}

/// One server as a client sees it.
struct Entry<'a> {
    name: &'a str,
    url: &'a str,
    login: Login<'a>,
    /// `sallyport token` makes tokens for it.
    development: bool,
}

/// How a client shows who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Login<'a> {
    /// Nobody is asked, or the client finds the authorization server by itself.
    Itself,
    /// A header whose value comes from a variable.
    Header { name: &'a str, prefix: &'static str, variable: &'a str },
}

impl ClientConfig {
    pub(super) fn execute(self) -> anyhow::Result<ExitCode> {
        let Some(Checked { config, .. }) = self.file.load() else {
            return Ok(ExitCode::from(USAGE));
        };
        let entries = self.entries(&config)?;
        let ca = self.authority(&config)?;
        for line in self.advice(&entries) {
            say(&line);
        }
        if self.write {
            return self.add(&entries, ca.as_deref());
        }
        match self.client {
            Client::Claude | Client::Inspector => {
                let mut lines = String::new();
                lines.extend(ca.as_deref().map(|path| format!("{}\n", export(path))));
                lines.extend(entries.iter().map(|entry| format!("{}\n", self.command(entry))));
                print(&lines)
            }
            Client::Cursor | Client::Vscode | Client::Json => {
                self.say_authority(ca.as_deref());
                let mut document = Value::Object(Map::new());
                merge(&mut document, self.client, &entries)?;
                print(&format!("{document:#}\n"))
            }
        }
    }

    /// The chosen servers that an MCP client can use.
    fn entries<'a>(&'a self, config: &'a Config) -> anyhow::Result<Vec<Entry<'a>>> {
        let mut entries = Vec::new();
        for server in &config.servers {
            let name = server.name.as_ref();
            match &self.server {
                Some(only) if only != name => continue,
                Some(_) => entries.push(self.entry(server)?),
                None => match self.entry(server) {
                    Ok(entry) => entries.push(entry),
                    Err(error) => say(&format!("left out: {error}")),
                },
            }
        }
        match &self.server {
            Some(name) if entries.is_empty() => bail!("the configuration has no server `{name}`"),
            None if entries.is_empty() => bail!("no server here is one for MCP clients"),
            _ => Ok(entries),
        }
    }

    fn entry<'a>(&'a self, server: &'a Arc<Server>) -> anyhow::Result<Entry<'a>> {
        let name = server.name.as_ref();
        if matches!(server.profile, Profile::Rest(_)) {
            bail!("`{name}` speaks the REST profile, which no MCP client does");
        }
        let methods = server.auth.methods();
        let key = methods.iter().find_map(|method| match method {
            Auth::ApiKeys(keys) => Some(keys),
            _ => None,
        });
        let issuers = methods.iter().find_map(|method| match method {
            Auth::Tokens(issuers) => Some(issuers),
            _ => None,
        });
        let token = self.env.as_deref().unwrap_or("SALLYPORT_TOKEN");
        let development =
            issuers.is_some_and(|issuers| issuers.iter().any(|i| i.development_key.is_some()));
        let login = match (issuers, key) {
            // A development issuer has no authorization endpoint at which one could sign in.
            (Some(_), _) if self.token || development => {
                Login::Header { name: "Authorization", prefix: "Bearer ", variable: token }
            }
            (None, Some(keys)) => {
                let variable = self.env.as_deref().unwrap_or("SALLYPORT_API_KEY");
                match &keys.header {
                    Some(header) => Login::Header { name: header.as_str(), prefix: "", variable },
                    None => Login::Header { name: "Authorization", prefix: "Bearer ", variable },
                }
            }
            (Some(_), _) => Login::Itself,
            (None, None) if methods.iter().any(|m| matches!(m, Auth::Certificate)) => bail!(
                "`{name}` asks for a client certificate, which MCP clients cannot be told to show: \
                 let a proxy or mesh on the client's side do so, or accept tokens too (`auth`)"
            ),
            (None, None) => Login::Itself,
        };
        Ok(Entry { name, url: &server.resource, login, development })
    }

    /// The file with the authority that a client must be told of, if it needs one.
    fn authority(&self, config: &Config) -> anyhow::Result<Option<PathBuf>> {
        if let Some(path) = &self.ca {
            if chain(path)?.is_empty() {
                bail!("`{}` holds no certificate", path.display());
            }
            return Ok(Some(std::path::absolute(path)?));
        }
        let tls = config.listeners.iter().find_map(|listener| listener.tls.as_ref());
        let Some(files) = tls.and_then(|tls| tls.certificates.first()) else { return Ok(None) };
        let chain = chain(&files.cert)?;
        if is_trusted(config, &chain) {
            return Ok(None);
        }
        // A chain that ends in its own root can be trusted as it is.
        if chain.last().is_some_and(is_root) {
            return Ok(Some(std::path::absolute(&files.cert)?));
        }
        say(
            "note: this system does not trust the gateway's certificate. Clients that do not either \
             need its authority: call this again with --ca FILE",
        );
        Ok(None)
    }

    /// What to do besides, for people.
    fn advice(&self, entries: &[Entry<'_>]) -> Vec<String> {
        let mut lines = Vec::new();
        for entry in entries {
            match entry.login {
                Login::Itself => {}
                Login::Header { variable, .. } if entry.development => {
                    let file = quoted(&self.file.config.display().to_string());
                    let name = quoted(entry.name);
                    lines.push(format!(
                        "token for `{}`: export {variable}=\"$(sallyport token --config {file} \
                         --server {name} --scope 'mcp.tools.list mcp.tools.invoke')\"",
                        entry.name
                    ));
                }
                Login::Header { variable, .. } if self.client == Client::Vscode => {
                    lines.push(format!("`{}`: the editor asks for {variable}", entry.name));
                }
                Login::Header { variable, .. } => {
                    lines.push(format!("`{}`: set {variable} where the client starts", entry.name));
                }
            }
        }
        if matches!(self.client, Client::Cursor | Client::Vscode | Client::Claude) && !self.write {
            let file = self.path().unwrap_or_default();
            lines.push(format!("--write adds these entries to {file}"));
        }
        lines
    }

    fn say_authority(&self, ca: Option<&Path>) {
        let Some(path) = ca else { return };
        say(&format!("start the client where this is set: {}", export(path)));
    }

    /// A command that makes the client use the server.
    fn command(&self, entry: &Entry<'_>) -> String {
        let (name, url) = (quoted(entry.name), quoted(entry.url));
        match (self.client, entry.login) {
            (Client::Inspector, login) => {
                let header = match login {
                    Login::Itself => String::new(),
                    // The shell fills the variable in.
                    Login::Header { name, prefix, variable } => {
                        format!(" --header \"{name}: {prefix}${variable}\"")
                    }
                };
                format!(
                    "npx -y @modelcontextprotocol/inspector --cli {url} --transport http{header} \
                     --method tools/list"
                )
            }
            (_, Login::Itself) => format!("claude mcp add --transport http {name} {url}"),
            // The client keeps the name and fills it in at each start: no credential is stored.
            (_, Login::Header { name: header, prefix, variable }) => format!(
                "claude mcp add --transport http {name} {url} \
                 --header '{header}: {prefix}${{{variable}}}'"
            ),
        }
    }

    /// The client's file, in the directory of a project.
    fn path(&self) -> Option<&'static str> {
        match self.client {
            Client::Claude => Some(".mcp.json"),
            Client::Cursor => Some(".cursor/mcp.json"),
            Client::Vscode => Some(".vscode/mcp.json"),
            Client::Inspector | Client::Json => None,
        }
    }

    fn add(&self, entries: &[Entry<'_>], ca: Option<&Path>) -> anyhow::Result<ExitCode> {
        let Some(path) = self.path().map(Path::new) else {
            say("--write: this client has no file of its own; redirect what is printed");
            return Ok(ExitCode::from(USAGE));
        };
        let mut document = present(path)?;
        let before = document.clone();
        merge(&mut document, self.client, entries)
            .with_context(|| format!("`{}` is left as it is", path.display()))?;
        self.say_authority(ca);
        if document == before {
            say(&format!("{} has it all already", path.display()));
            return Ok(ExitCode::SUCCESS);
        }
        replace(path, format!("{document:#}\n").as_bytes())
            .with_context(|| format!("`{}` cannot be written", path.display()))?;
        say(&format!("wrote {}", path.display()));
        Ok(ExitCode::SUCCESS)
    }
}

/// Adds what is missing. An entry of the same name that says something else is somebody's own.
fn merge(document: &mut Value, client: Client, entries: &[Entry<'_>]) -> anyhow::Result<()> {
    let top = document.as_object_mut().context("it holds something else than one JSON object")?;
    let key = if client == Client::Vscode { "servers" } else { "mcpServers" };
    let servers = top.entry(key).or_insert_with(|| json!({}));
    let servers = servers.as_object_mut().with_context(|| format!("`{key}` is no object"))?;
    for entry in entries {
        let wanted = described(client, entry);
        match servers.get(entry.name) {
            Some(there) if *there == wanted => {}
            Some(_) => bail!("it has another entry `{}`: remove it first", entry.name),
            None => drop(servers.insert(entry.name.to_owned(), wanted)),
        }
    }
    if client == Client::Vscode {
        ask(top, entries)?;
    }
    Ok(())
}

/// What the editor asks for, once for each variable.
fn ask(top: &mut Map<String, Value>, entries: &[Entry<'_>]) -> anyhow::Result<()> {
    for entry in entries {
        let Login::Header { variable, .. } = entry.login else { continue };
        let inputs = top.entry("inputs").or_insert_with(|| json!([]));
        let inputs = inputs.as_array_mut().context("`inputs` is no list")?;
        if !inputs.iter().any(|input| input.get("id").and_then(Value::as_str) == Some(variable)) {
            inputs.push(json!({
                "type": "promptString",
                "id": variable,
                "description": format!("Credential for {}", entry.name),
                "password": true,
            }));
        }
    }
    Ok(())
}

/// One server in the words of a client.
fn described(client: Client, entry: &Entry<'_>) -> Value {
    let mut value = json!({ "type": "http", "url": entry.url });
    if let (Login::Header { name, prefix, variable }, Some(object)) =
        (entry.login, value.as_object_mut())
    {
        let filled_in = match client {
            Client::Vscode => format!("{prefix}${{input:{variable}}}"),
            Client::Cursor => format!("{prefix}${{env:{variable}}}"),
            Client::Claude | Client::Inspector | Client::Json => format!("{prefix}${{{variable}}}"),
        };
        object.insert("headers".to_owned(), json!({ name: filled_in }));
    }
    value
}

/// The client's file as it is; an empty object where there is none.
fn present(path: &Path) -> anyhow::Result<Value> {
    let mut text = String::new();
    let most = u64::try_from(CLIENT_CONFIG_BYTES_MAX)?.saturating_add(1);
    match fs::File::open(path).and_then(|file| file.take(most).read_to_string(&mut text)) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(json!({})),
        Err(error) => {
            return Err(error).with_context(|| format!("`{}` cannot be read", path.display()));
        }
    }
    if text.len() > CLIENT_CONFIG_BYTES_MAX {
        bail!("`{}` is larger than {CLIENT_CONFIG_BYTES_MAX} bytes", path.display());
    }
    serde_json::from_str(&text).with_context(|| {
        format!("`{}` is no plain JSON (comments?): add the entries by hand", path.display())
    })
}

/// Whole or not at all, so that a client never reads half of it. Its mode stays what it was.
fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder {
        fs::create_dir_all(folder)?;
    }
    let beside = path.with_extension("json.new");
    let mut file = fs::File::create(&beside)?;
    if let Ok(there) = fs::metadata(path) {
        file.set_permissions(there.permissions())?;
    }
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&beside, path)
}

fn chain(path: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    read.with_context(|| format!("`{}` cannot be read as certificates", path.display()))
}

/// Whether the roots of this system vouch for the chain, for the name of every server.
fn is_trusted(config: &Config, chain: &[CertificateDer<'static>]) -> bool {
    let Some((leaf, between)) = chain.split_first() else { return false };
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build();
    let Ok(verifier) = verifier else { return false };
    config.servers.iter().all(|server| {
        let host = server.public_url.host_str().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        ServerName::try_from(host).is_ok_and(|name| {
            verifier.verify_server_cert(leaf, between, &name, &[], UnixTime::now()).is_ok()
        })
    })
}

fn is_root(certificate: &CertificateDer<'_>) -> bool {
    X509Certificate::from_der(certificate)
        .is_ok_and(|(_, parsed)| parsed.issuer() == parsed.subject())
}

fn export(path: &Path) -> String {
    format!("export NODE_EXTRA_CA_CERTS={}", quoted(&path.display().to_string()))
}

/// As one word of a shell.
fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// A name of a variable (POSIX.1-2017, 8.1), so that it can stand in commands as it is.
fn variable(text: &str) -> Result<String, String> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if text.is_empty()
        || text.starts_with(|c: char| c.is_ascii_digit())
        || !text.chars().all(is_name)
    {
        return Err("letters, digits and `_`, and no digit first".to_owned());
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::{quoted, variable};

    #[test]
    fn word_is_quoted_where_a_shell_would_read_more_into_it() {
        assert_eq!(quoted("https://mcp.example.com/mcp"), "https://mcp.example.com/mcp");
        assert_eq!(quoted("my config's.yaml"), r"'my config'\''s.yaml'");
        assert_eq!(quoted("$(x)"), "'$(x)'");
        assert_eq!(quoted(""), "''");
    }

    #[test]
    fn variable_is_a_name_and_nothing_that_a_shell_would_run() {
        assert!(variable("MY_TOKEN2").is_ok());
        for bad in ["", "2X", "A B", "A;ls", "$X", "Ä"] {
            assert!(variable(bad).is_err(), "{bad}");
        }
    }
}
