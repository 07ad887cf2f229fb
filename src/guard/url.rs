//! URLs that lead a server to where its caller may not go.

use std::borrow::Cow;

use ::url::{Host, Url as Parsed};

use crate::outbound::is_public;

use super::{Check, Parameter, Probe, Signs};

/// Server-side request forgery: in URL parameters other schemes than http(s), credentials, and
/// addresses inside; in all others but free text the same of values that begin like a URL.
pub(super) struct Url;

impl Check for Url {
    fn name(&self) -> &'static str {
        "url"
    }

    fn needs(&self) -> Signs {
        // Also `localhost`, which has none, but as a URL would at least have a port or a path.
        Signs::COLON.and(Signs::SLASH).and(Signs::DOT).and(Signs::WIDE)
    }

    fn hits(&self, probe: &Probe<'_>) -> bool {
        let text = probe.text.trim();
        match probe.parameter {
            Parameter::Free => false,
            Parameter::Url => leads_inside(text),
            // A scheme that nobody knows is the server's own and leads nowhere else.
            Parameter::Uri => match scheme(text).as_deref() {
                Some(scheme) if is_own(scheme) => false,
                Some(_) | None => leads_inside(text),
            },
            Parameter::Path | Parameter::Word | Parameter::Name | Parameter::Other => {
                // Behind a blank begins something else, such as a word about the URL.
                let text = text.split(char::is_whitespace).next().unwrap_or_default();
                match scheme(text).as_deref() {
                    Some("http" | "https") => is_refused(text),
                    // Paths may be written as URLs; what they may name is the path check's.
                    Some(_) if probe.parameter == Parameter::Path => false,
                    Some(scheme) => DANGEROUS_SCHEMES.contains(&scheme),
                    None => false,
                }
            }
        }
    }
}

/// The value of a URL parameter. Without a scheme it may still name a host inside.
fn leads_inside(text: &str) -> bool {
    if let Some(image) = text.strip_prefix("data:image/") {
        // Pictures travel in URLs; an SVG could hold a script.
        return image.starts_with("svg");
    }
    match scheme(text).as_deref() {
        Some("http" | "https") => is_refused(text),
        Some(_) => true,
        None if text.starts_with("//") || text.starts_with("\\\\") => {
            is_refused(&format!("http:{text}"))
        }
        None => is_host_inside(text),
    }
}

/// Whether a scheme is no known way into a network or a file system.
fn is_own(scheme: &str) -> bool {
    let known = [DANGEROUS_SCHEMES, NETWORK_SCHEMES];
    let parts = || scheme.split(['+', '-', '.']);
    !known.iter().any(|table| table.contains(&scheme) || parts().any(|p| table.contains(&p)))
}

/// Whether an http(s) URL has credentials, leads inside, or cannot be judged.
fn is_refused(text: &str) -> bool {
    let odd = |c: char| c.is_whitespace() || c.is_control() || c == '\\';
    if text.contains(odd) || text.contains("#@") || text.contains("?@") {
        return true;
    }
    // The parser of browsers: it reads decimal, octal, hexadecimal and full-width addresses.
    let Ok(url) = Parsed::parse(text) else {
        return true;
    };
    if !url.username().is_empty() || url.password().is_some() {
        return true;
    }
    match url.host() {
        Some(Host::Ipv4(address)) => !is_public(address.into()),
        Some(Host::Ipv6(address)) => !is_public(address.into()),
        Some(Host::Domain(name)) => is_name_inside(name),
        None => true,
    }
}

/// `10.0.0.1/admin`, `localhost:8080`: a path cannot look like that.
fn is_host_inside(text: &str) -> bool {
    let end = text.find(['/', '?', '#']).unwrap_or(text.len());
    let host = text.split_at_checked(end).map_or(text, |(host, _)| host);
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let named = name.eq_ignore_ascii_case("localhost");
    let numeric = host.starts_with('[') || name.starts_with(|c: char| c.is_ascii_digit());
    if !named && !numeric {
        return false;
    }
    match Parsed::parse(&format!("http://{host}/")).ok().as_ref().and_then(Parsed::host) {
        Some(Host::Ipv4(address)) => name.contains('.') && !is_public(address.into()),
        Some(Host::Ipv6(address)) => !is_public(address.into()),
        Some(Host::Domain(name)) => named && is_name_inside(name),
        None => false,
    }
}

/// Names that only resolve inside, and services that resolve to any address one asks for. A name
/// without a dot is nobody's but the local network's.
fn is_name_inside(name: &str) -> bool {
    let name = name.strip_suffix('.').map_or(Cow::Borrowed(name), |n| Cow::Owned(n.to_owned()));
    let below = |zone: &&str| {
        name.strip_suffix(*zone).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    !name.contains('.') || ZONES_INSIDE.iter().any(below)
}

/// What stands before `:`, in lower case, when it is a scheme and what makes a URL follows.
fn scheme(text: &str) -> Option<String> {
    let (scheme, rest) = text.split_once(':')?;
    let valid = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.len() <= SCHEME_BYTES_MAX
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'));
    let scheme = valid.then(|| scheme.to_ascii_lowercase())?;
    let opaque =
        || DANGEROUS_SCHEMES.contains(&&*scheme) || matches!(&*scheme, "http" | "https" | "data");
    (rest.starts_with("//") || (opaque() && !rest.is_empty())).then_some(scheme)
}

/// Longest scheme that is looked at; registered ones have up to 30 characters.
const SCHEME_BYTES_MAX: usize = 32;

/// Schemes that reach files, services or interpreters.
const DANGEROUS_SCHEMES: &[&str] = &[
    "dict",
    "expect",
    "file",
    "gopher",
    "imap",
    "jar",
    "javascript",
    "ldap",
    "ldaps",
    "netdoc",
    "ogg",
    "phar",
    "php",
    "rmi",
    "smb",
    "telnet",
    "tftp",
    "vbscript",
    "view-source",
    "zip",
];

/// Schemes with which common libraries open connections.
#[rustfmt::skip]
const NETWORK_SCHEMES: &[&str] = &[
    "about", "amqp", "amqps", "blob", "bolt", "cassandra", "chrome", "data", "docker", "feed",
    "ftp", "ftps", "git", "grpc", "h2", "hdfs", "http", "https", "imaps", "irc", "jdbc", "mailto",
    "memcached", "mongodb", "mqtt", "mqtts", "mysql", "nats", "neo4j", "nfs", "odbc", "oracle",
    "pop3", "pop3s", "postgres", "postgresql", "redis", "rediss", "rtmp", "rtsp", "s3", "scp",
    "sftp", "sip", "smtp", "smtps", "socks", "socks4", "socks5", "sqlite", "ssh", "svn", "tcp",
    "tel", "udp", "unix", "vnc", "webdav", "ws", "wss",
];

const ZONES_INSIDE: &[&str] = &[
    "1u.ms",
    "cluster.local",
    "home.arpa",
    "internal",
    "intranet",
    "lacolhost.com",
    "lan",
    "local",
    "localdomain",
    "localhost",
    "localtest.me",
    "lvh.me",
    "nip.io",
    "rbndr.us",
    "sslip.io",
    "svc",
    "vcap.me",
    "xip.io",
];
