//! Paths that leave the place they are meant for.

use std::sync::LazyLock;

use regex::bytes::Regex;

use super::decode::unfold;
use super::{Check, Parameter, Probe, Signs};

/// Traversal in any encoding, NUL, system files, other users' homes, drives, shares and stream
/// wrappers in path parameters; in all others but free text only what cannot be anything else.
pub(super) struct Path;

impl Check for Path {
    fn name(&self) -> &'static str {
        "path"
    }

    fn needs(&self) -> Signs {
        let separators = Signs::SLASH.and(Signs::DOT).and(Signs::COLON).and(Signs::TILDE);
        separators.and(Signs::PERCENT).and(Signs::CONTROL).and(Signs::WIDE)
    }

    fn hits(&self, probe: &Probe<'_>) -> bool {
        let typed = match probe.parameter {
            Parameter::Free => return false,
            Parameter::Path => true,
            Parameter::Url
            | Parameter::Uri
            | Parameter::Word
            | Parameter::Name
            | Parameter::Other => false,
        };
        let mut text = unfold(probe.text);
        if text.contains("..0x") || text.contains("0x2e") {
            text = text.replace("0x2e", ".").replace("0x2f", "/").replace("0x5c", "\\").into();
        }
        if typed { leaves(text.trim()) } else { surely_leaves(probe.text, &text) }
    }
}

fn leaves(text: &str) -> bool {
    let text = text.strip_prefix("file://").unwrap_or(text);
    text.contains('\0')
        || is_foreign_root(text)
        || WRAPPERS.iter().any(|wrapper| text.starts_with(wrapper))
        || climbs(text) > 0
        || (text.contains("\\.") && climbs(&text.replace('\\', "")) > 0)
        || is_system_file(text)
        || holds_secret_file(text)
        || SECRET_NAMES.iter().any(|name| text.split(['/', '\\']).any(|part| part == *name))
}

fn surely_leaves(raw: &str, text: &str) -> bool {
    let climbs = climbs(text);
    let encoded = climbs > 0 && raw.contains('%');
    climbs > 1 || encoded || holds_secret_file(text)
}

/// How many segments lead upwards. Path parameters (`..;x`), and blanks and dots that Windows
/// cuts off, do not hide them; four dots are what is left of two when a filter took two away.
fn climbs(text: &str) -> usize {
    let mut up = 0;
    let mut three = 0;
    for segment in text.split(['/', '\\']) {
        let name = segment.split([';', '\0', '?', '#']).next().unwrap_or_default();
        let name = name.trim_matches([' ', '"', '\'', '%']);
        match name.len() {
            _ if !name.bytes().all(|b| b == b'.') => {}
            0 | 1 => {}
            // An ellipsis, unless there are several.
            3 => three += 1,
            _ => up += 1,
        }
    }
    if three > 1 { up + three } else { up }
}

/// A home of somebody else, a drive, a share.
fn is_foreign_root(text: &str) -> bool {
    let mut bytes = text.bytes();
    match (bytes.next(), bytes.next(), bytes.next()) {
        (Some(b'~'), Some(b'a'..=b'z'), _) => true,
        (Some(b'a'..=b'z'), Some(b':'), Some(b'/' | b'\\')) => true,
        (Some(b'\\'), Some(b'\\'), _) => true,
        (Some(b'/'), Some(b'/'), Some(third)) => third != b'/',
        _ => false,
    }
}

fn is_system_file(text: &str) -> bool {
    if !text.starts_with(['/', '\\']) || text == "/dev/null" {
        return false;
    }
    let text = text.replace('\\', "/");
    let below = |directory: &&str| {
        text.strip_prefix(*directory).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let name = text.rsplit('/').next().unwrap_or_default();
    let service = SERVICE_DIRECTORIES.iter().any(|directory| text.starts_with(directory));
    SYSTEM_DIRECTORIES.iter().any(below)
        || SYSTEM_FILES.contains(&name)
        || (service && SERVICE_ENDINGS.iter().any(|ending| name.ends_with(ending)))
}

fn holds_secret_file(text: &str) -> bool {
    SECRET_FILE.is_match(text.as_bytes())
}

/// One of [`SECRET_FILES`] that is not the end of a longer word, with slashes of either kind.
#[expect(clippy::expect_used, reason = "made of constants; every test of paths compiles it")]
static SECRET_FILE: LazyLock<Regex> = LazyLock::new(|| {
    let files: Vec<_> =
        SECRET_FILES.iter().map(|file| regex::escape(file).replace('/', r"[/\\]")).collect();
    Regex::new(&format!("(?-u)(?:^|[^a-z0-9])(?:{})", files.join("|"))).expect("constant pattern")
});

/// Directories of the operating system that no tool's data lives in, lower case.
const SYSTEM_DIRECTORIES: &[&str] = &[
    "/boot",
    "/dev",
    "/etc",
    "/library/webserver",
    "/opt/lampp",
    "/private/etc",
    "/private/var",
    "/proc",
    "/root",
    "/run",
    "/sys",
    "/usr/local/apache",
    "/usr/local/apache2",
    "/usr/local/etc",
    "/usr/pkg/etc",
    "/var/adm",
    "/var/apache2",
    "/var/lib",
    "/var/local",
    "/var/log",
    "/var/mail",
    "/var/run",
    "/var/spool",
    "/windows",
    "/winnt",
    "/xampp",
];

/// Names that, at the end of an absolute path, are a server's own files, lower case.
const SYSTEM_FILES: &[&str] = &[
    "access.log",
    "access_log",
    "apache2.conf",
    "authorized_keys",
    "boot.ini",
    "error.log",
    "error_log",
    "httpd.conf",
    "id_ed25519",
    "id_rsa",
    "my.cnf",
    "my.ini",
    "nginx.conf",
    "php.ini",
    "win.ini",
];

/// Beginnings of where services are installed, lower case; programs there are no secret, their
/// settings and logs are.
const SERVICE_DIRECTORIES: &[&str] = &[
    "/apache",
    "/bin/",
    "/lampp",
    "/logs/",
    "/mysql",
    "/nginx",
    "/opt/",
    "/php",
    "/program files",
    "/sbin/",
    "/usr/",
    "/var/",
    "/wamp",
];

const SERVICE_ENDINGS: &[&str] =
    &[".cnf", ".conf", ".err", ".index", ".ini", ".log", ".passwd", ".pdb", ".pid", "_log"];

/// Files that are named in attacks and hardly elsewhere, lower case, wherever they stand.
const SECRET_FILES: &[&str] = &[
    "etc/passwd",
    "etc/shadow",
    "etc/master.passwd",
    "etc/security/passwd",
    "proc/self/",
    ".ssh/id_",
    ".ssh/authorized_keys",
    ".aws/credentials",
    ".bash_history",
    ".htpasswd",
    "windows/win.ini",
    "winnt/win.ini",
    "windows/system32",
    "winnt/system32",
    "windows/system.ini",
    "system32/config",
    "boot.ini",
    "web-inf/web.xml",
];

/// Files and directories of a home that hold credentials or what was typed, in path parameters.
const SECRET_NAMES: &[&str] = &[
    ".aws",
    ".azure",
    ".boto",
    ".docker",
    ".dockercfg",
    ".git-credentials",
    ".gnupg",
    ".kube",
    ".my.cnf",
    ".mysql_history",
    ".netrc",
    ".pgpass",
    ".psql_history",
    ".python_history",
    ".ssh",
    ".zsh_history",
];

/// Beginnings that make a file name something else in PHP and Java.
const WRAPPERS: &[&str] = &[
    "compress.bzip2:",
    "compress.zlib:",
    "data:",
    "expect:",
    "glob:",
    "gopher:",
    "jar:",
    "netdoc:",
    "ogg:",
    "phar:",
    "php:",
    "rar:",
    "ssh2.",
    "zip:",
    "zlib:",
];
