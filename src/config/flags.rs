//! A configuration from a command line alone: `sallyport run --issuer URL --upstream URL`, or
//! `sallyport run --issuer URL -- COMMAND`.
//!
//! Written as a small YAML text and checked like any other, so that there is one path and one set
//! of defaults.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use url::Url;

use super::{Checked, Problems, Source, Strictness, check, process_environment};

/// What a command line says.
#[derive(Debug, Clone)]
pub struct Flags {
    /// Where calls go.
    pub upstream: Behind,
    /// Whose tokens are trusted.
    pub issuer: String,
    /// Where clients connect; `127.0.0.1:8443` by default.
    pub listen: Option<SocketAddr>,
    /// What clients type; by default the listener's address and the upstream's path.
    pub public_url: Option<Url>,
    /// Certificate chain and private key, PEM.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// Folder of the audit log; `audit` by default.
    pub audit_dir: Option<PathBuf>,
    /// Where health, readiness and metrics are; `127.0.0.1:9464` by default.
    pub admin: Option<SocketAddr>,
}

/// What stands behind the gateway.
#[derive(Debug, Clone)]
pub enum Behind {
    /// A server at this address.
    Url(Url),
    /// A server that this command starts, and that speaks over its standard input and output.
    Command {
        /// Program and arguments.
        words: Vec<String>,
        /// Variables of our own environment that it is given.
        env_pass: Vec<String>,
    },
}

/// Checks what a command line says.
///
/// # Errors
/// Every problem; places are those of the text that the flags were written as.
pub fn from_flags(flags: &Flags) -> Result<Checked, Problems> {
    let source = Source { path: None, text: render(flags) };
    check(&source, &process_environment, Strictness::Normal)
}

fn render(flags: &Flags) -> String {
    let Flags { upstream, issuer, listen, public_url, tls, audit_dir, admin } = flags;
    let listen = listen.unwrap_or(LISTEN);
    let public_url = public_url.as_ref().map_or_else(
        || default_url(listen, upstream, tls.is_some()),
        |url| url.as_str().trim_end_matches('/').to_owned(),
    );
    let mut text = format!("listen: {}\n", quoted(&listen.to_string()));
    if let Some((cert, key)) = tls {
        let (cert, key) = (cert.to_string_lossy(), key.to_string_lossy());
        let _ = writeln!(text, "tls: {{ cert: {}, key: {} }}", quoted(&cert), quoted(&key));
    }
    if let Some(dir) = audit_dir {
        let _ = writeln!(text, "audit: {{ dir: {} }}", quoted(&dir.to_string_lossy()));
    }
    if let Some(admin) = admin {
        let _ = writeln!(text, "admin: {{ listen: {} }}", quoted(&admin.to_string()));
    }
    let _ = writeln!(text, "issuers: [ {{ issuer: {} }} ]", quoted(issuer));
    let _ = writeln!(text, "servers:\n  - name: default");
    let _ = writeln!(text, "    public_url: {}", quoted(&public_url));
    let _ = match upstream {
        Behind::Url(url) => writeln!(text, "    upstream: {}", quoted(url.as_str())),
        Behind::Command { words, env_pass } => {
            let _ = writeln!(text, "    upstream:\n      command: {}", list(words));
            writeln!(text, "      env_pass: {}", list(env_pass))
        }
    };
    text
}

/// A YAML list of texts.
fn list(texts: &[String]) -> String {
    let quoted: Vec<String> = texts.iter().map(|text| self::quoted(text)).collect();
    format!("[{}]", quoted.join(", "))
}

fn default_url(listen: SocketAddr, upstream: &Behind, secure: bool) -> String {
    let scheme = if secure { "https" } else { "http" };
    let path = match upstream {
        Behind::Url(url) => url.path().trim_end_matches('/'),
        Behind::Command { .. } => "",
    };
    let path = if path.is_empty() { "/mcp" } else { path };
    let url = format!("{scheme}://{listen}{path}");
    // In its normal form: the scheme's own port is left out.
    Url::parse(&url).map_or(url, |url| url.as_str().to_owned())
}

/// A YAML text in double quotes; JSON strings are such texts. A `$` is no variable here.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text.replace('$', "$$")).to_string()
}

/// Where clients connect by default.
const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8443);

#[cfg(test)]
mod tests {
    use super::{Behind, Flags, from_flags};
    use crate::config::{Auth, Transport};

    fn flags(upstream: &str, issuer: &str) -> Flags {
        Flags {
            upstream: Behind::Url(upstream.parse().unwrap()),
            issuer: issuer.into(),
            listen: None,
            public_url: None,
            tls: None,
            audit_dir: None,
            admin: None,
        }
    }

    #[test]
    fn upstream_and_issuer_make_a_gateway_on_loopback_that_asks_for_tokens() {
        let checked =
            from_flags(&flags("http://10.1.2.3:8080/notes/mcp", "https://idp.example.com"));
        let config = checked.unwrap().config;
        let server = &config.servers[0];
        assert_eq!(&*server.resource, "http://127.0.0.1:8443/notes/mcp");
        let endpoint = server.upstream.endpoint().unwrap();
        assert_eq!(endpoint.url.as_str(), "http://10.1.2.3:8080/notes/mcp");
        assert!(matches!(&server.auth, Auth::Tokens(list) if list.len() == 1));
        assert!(config.listeners[0].bind.ip().is_loopback());
    }

    #[test]
    fn command_behind_two_dashes_is_started_word_by_word() {
        let mut flags = flags("http://127.0.0.1:1/", "https://idp.example.com");
        let words = ["/bin/sh", "-c", "echo \"$HOME\" ${PATH}", "\n- x: y"];
        let words: Vec<String> = words.map(str::to_owned).to_vec();
        flags.upstream = Behind::Command { words: words.clone(), env_pass: Vec::new() };
        let config = from_flags(&flags).unwrap().config;
        let server = &config.servers[0];
        assert_eq!(&*server.resource, "http://127.0.0.1:8443/mcp");
        let Transport::Stdio(command) = &server.upstream.transport else { panic!() };
        assert_eq!(command.program.to_str(), Some("/bin/sh"));
        assert_eq!(command.args, words[1..]);
        assert!(command.dir.is_absolute());
    }

    #[test]
    fn value_of_a_flag_adds_no_keys_and_reads_no_variable() {
        let problems =
            from_flags(&flags("http://127.0.0.1:1/mcp", "x\"\nadmin: off\n#${PATH}")).unwrap_err();
        assert!(problems.to_string().contains("is not a URL"), "{problems}");
        assert_eq!(problems.errors(), 1, "{problems}");
    }

    #[test]
    fn plain_http_for_other_machines_is_refused() {
        let mut flags = flags("http://127.0.0.1:8080/mcp", "https://idp.example.com");
        flags.listen = Some("0.0.0.0:8443".parse().unwrap());
        flags.public_url = Some("https://notes.example.com/mcp".parse().unwrap());
        let problems = from_flags(&flags).unwrap_err();
        assert!(problems.to_string().contains("plain HTTP on `0.0.0.0:8443`"), "{problems}");
    }
}
