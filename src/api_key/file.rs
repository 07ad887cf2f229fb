//! The file of keys: one JSON object a line, so that a change is a line of a review.
//!
//! Pure: bytes in, table out. Guarantees: unknown and repeated members, repeated ids, empty lines,
//! more keys or bytes than the limits, and grants that could mean two things refuse the whole file;
//! an error names the line and the member, and never repeats a value.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ipnet::IpNet;
use serde::{Deserialize, Deserializer, Serialize};

use super::{API_KEYS_BYTES_MAX, API_KEYS_MAX, KeyHash, KeyId};
use crate::limits::NAME_BYTES_MAX;
use crate::principal::is_scope;

/// One key and what it is good for.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its public name.
    pub id: KeyId,
    /// Whose it is: the subject in rules and records. Several keys may have one name.
    pub name: String,
    /// What is kept of its secret.
    pub hash: KeyHash,
    /// The secret before the last rotation, as long as it counts.
    pub previous: Option<Previous>,
    /// Granted scopes.
    pub scopes: Vec<String>,
    /// Roles.
    pub roles: Vec<String>,
    /// Tenant.
    pub tenant: Option<String>,
    /// Servers that it opens.
    pub servers: Servers,
    /// Networks from which it counts; empty is everywhere.
    pub networks: Vec<IpNet>,
    /// When it was made, seconds since the Unix epoch.
    pub created_at_s: u64,
    /// From when on it no longer counts, seconds since the Unix epoch.
    pub expires_at_s: Option<u64>,
    /// Switched off.
    pub disabled: bool,
    /// For people.
    pub comment: Option<String>,
}

/// A secret that was replaced.
#[derive(Debug, Clone, Copy)]
pub struct Previous {
    /// What is kept of it.
    pub hash: KeyHash,
    /// From when on it no longer counts, seconds since the Unix epoch.
    pub until_s: u64,
}

/// Servers that a key opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Servers {
    /// Every server that accepts API keys.
    All,
    /// These, by their names.
    Named(Vec<String>),
}

impl Entry {
    /// Whether the key opens the server of this name.
    #[must_use]
    pub fn opens(&self, server: &str) -> bool {
        match &self.servers {
            Servers::All => true,
            Servers::Named(names) => names.iter().any(|name| name == server),
        }
    }

    /// Whether the key counts when it comes from this address.
    #[must_use]
    pub fn counts_from(&self, client: IpAddr) -> bool {
        let client = client.to_canonical();
        self.networks.is_empty() || self.networks.iter().any(|network| network.contains(&client))
    }
}

/// All keys of a file, in its order.
#[derive(Debug, Clone, Default)]
pub struct Table {
    entries: Vec<Arc<Entry>>,
}

/// Why a file of keys is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// More bytes than the limit.
    #[error("the file is larger than {API_KEYS_BYTES_MAX} bytes")]
    TooLarge,
    /// More lines than the limit.
    #[error("the file has more than {API_KEYS_MAX} keys")]
    TooMany,
    /// A line that is no key.
    #[error("line {line}: {why}")]
    Row {
        /// From 1.
        line: usize,
        /// What is wrong with it.
        why: RowError,
    },
}

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RowError {
    /// Nothing on it.
    #[error("the line is empty")]
    Empty,
    /// Not UTF-8, not JSON, or a member that is missing, unknown, repeated or of another type.
    #[error("{0}")]
    Shape(String),
    /// A member has an impossible value.
    #[error("`{member}` must be {expected}")]
    Value {
        /// Which.
        member: &'static str,
        /// What would have been accepted.
        expected: &'static str,
    },
    /// The id stands on an earlier line.
    #[error("the id `{id}` stands on line {first} already")]
    Repeated {
        /// Which.
        id: KeyId,
        /// Where it stands first.
        first: usize,
    },
}

impl Table {
    /// Reads a file.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn parse(bytes: &[u8]) -> Result<Self, FileError> {
        if bytes.len() > API_KEYS_BYTES_MAX {
            return Err(FileError::TooLarge);
        }
        let text = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        let mut entries = Vec::new();
        let mut lines: HashMap<KeyId, usize> = HashMap::new();
        let rows = text.split(|byte| *byte == b'\n').filter(|_| !bytes.is_empty());
        for (row, line) in rows.zip(1..) {
            if line > API_KEYS_MAX {
                return Err(FileError::TooMany);
            }
            let refused = |why| FileError::Row { line, why };
            let entry = entry(row).map_err(refused)?;
            if let Some(first) = lines.insert(entry.id, line) {
                return Err(refused(RowError::Repeated { id: entry.id, first }));
            }
            entries.push(Arc::new(entry));
        }
        Ok(Self { entries })
    }

    /// The keys, in the order of the file.
    #[must_use]
    pub fn entries(&self) -> &[Arc<Entry>] {
        &self.entries
    }
}

impl Entry {
    /// The line of this key, without its line end.
    ///
    /// # Errors
    /// When a member has a value that would not be read again.
    pub fn to_line(&self) -> Result<String, RowError> {
        let line = serde_json::to_string(&Line::from(self)).map_err(|_| RowError::Empty)?;
        entry(line.as_bytes()).map(|_| line)
    }
}

/// A line as it is written.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    id: String,
    name: String,
    hash: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    previous: Option<PreviousLine>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    scopes: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    roles: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tenant: Option<String>,
    servers: ServersLine,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    networks: Option<Vec<String>>,
    created_at: String,
    // Needed even where it says `null`: a key that lives for ever is never a forgotten member.
    #[serde(deserialize_with = "needed")]
    expires_at: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    disabled: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    comment: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PreviousLine {
    hash: String,
    until: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum ServersLine {
    All(All),
    Named(Vec<String>),
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum All {
    All,
}

fn needed<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Option::deserialize(deserializer)
}

fn entry(row: &[u8]) -> Result<Entry, RowError> {
    if row.trim_ascii().is_empty() {
        return Err(RowError::Empty);
    }
    let line: Line = serde_json::from_slice(row).map_err(|why| RowError::Shape(shape(&why)))?;
    let Line {
        id,
        name,
        hash,
        previous,
        scopes,
        roles,
        tenant,
        servers,
        networks,
        created_at,
        expires_at,
        disabled,
        comment,
    } = line;
    let previous = previous.map(|previous| {
        let PreviousLine { hash, until } = previous;
        Ok(Previous {
            hash: self::hash("previous.hash", &hash)?,
            until_s: time("previous.until", &until)?,
        })
    });
    let listed = |all: &[String], good: fn(&str) -> bool| {
        all.iter().enumerate().all(|(at, one)| good(one) && !all.iter().take(at).any(|o| o == one))
    };
    check(is_plain(&name), "name", "a name without spaces around it")?;
    check(listed(&scopes, is_scope), "scopes", "scopes (RFC 6749 section 3.3), each once")?;
    check(listed(&roles, is_plain), "roles", "names of roles, each once")?;
    check(tenant.as_deref().is_none_or(is_plain), "tenant", "a name without spaces around it")?;
    check(comment.as_deref().is_none_or(is_plain), "comment", "one short line of text")?;
    let servers = match servers {
        ServersLine::All(All::All) => Servers::All,
        ServersLine::Named(names) => {
            let good = !names.is_empty() && listed(&names, is_plain);
            check(good, "servers", "`all`, or names of servers, each once")?;
            Servers::Named(names)
        }
    };
    Ok(Entry {
        id: KeyId::parse(id.as_bytes()).ok_or(value("id", "the 12 characters of a key's id"))?,
        name,
        hash: self::hash("hash", &hash)?,
        previous: previous.transpose()?,
        scopes,
        roles,
        tenant,
        servers,
        networks: self::networks(networks)?,
        created_at_s: time("created_at", &created_at)?,
        expires_at_s: expires_at.map(|text| time("expires_at", &text)).transpose()?,
        disabled,
        comment,
    })
}

/// An empty list would read as "from nowhere" and as "from everywhere".
fn networks(texts: Option<Vec<String>>) -> Result<Vec<IpNet>, RowError> {
    let Some(texts) = texts else { return Ok(Vec::new()) };
    let network = |text: &String| text.parse::<IpNet>().ok().filter(|net| net.trunc() == *net);
    let all: Option<Vec<IpNet>> = texts.iter().map(network).collect();
    all.filter(|all| !all.is_empty())
        .ok_or(value("networks", "networks such as `10.0.0.0/8`; leave it out for all"))
}

fn hash(member: &'static str, text: &str) -> Result<KeyHash, RowError> {
    KeyHash::from_hex(text).ok_or(value(member, "64 lower-case hex digits"))
}

/// Seconds since the Unix epoch.
fn time(member: &'static str, text: &str) -> Result<u64, RowError> {
    humantime::parse_rfc3339(text)
        .ok()
        .and_then(|time| time.duration_since(UNIX_EPOCH).ok())
        .map(|since| since.as_secs())
        .ok_or(value(member, "a time in UTC such as `2027-01-31T00:00:00Z`"))
}

fn check(holds: bool, member: &'static str, expected: &'static str) -> Result<(), RowError> {
    if holds { Ok(()) } else { Err(value(member, expected)) }
}

fn value(member: &'static str, expected: &'static str) -> RowError {
    RowError::Value { member, expected }
}

fn is_plain(text: &str) -> bool {
    let blank = text.trim() != text || text.chars().any(char::is_control);
    !text.is_empty() && text.len() <= NAME_BYTES_MAX && !blank
}

/// What the reader found, without the values that some of its messages repeat.
fn shape(why: &serde_json::Error) -> String {
    let text = why.to_string();
    let named = ["unknown field", "missing field", "duplicate field"];
    if named.iter().any(|kind| text.starts_with(kind)) {
        // `unknown field `x`, expected one of …`: the member, and no more.
        let name: String = text.chars().take_while(|c| *c != ',').take(SHOWN_CHARS).collect();
        let name = name.split(" at line").next().unwrap_or_default();
        return name.replace("field", "member");
    }
    format!("the JSON of a key is expected, and column {} is not of it", why.column())
}

/// A time as the file has it.
fn written(seconds: u64) -> String {
    let time = UNIX_EPOCH.checked_add(Duration::from_secs(seconds));
    let time = time.filter(|time| *time <= latest()).unwrap_or_else(latest);
    humantime::format_rfc3339_seconds(time).to_string()
}

/// The end of the year 9999: what RFC 3339 can write.
fn latest() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(253_402_300_799)
}

impl From<&Entry> for Line {
    fn from(entry: &Entry) -> Self {
        let networks: Vec<String> = entry.networks.iter().map(ToString::to_string).collect();
        Self {
            id: entry.id.to_string(),
            name: entry.name.clone(),
            hash: entry.hash.to_hex(),
            previous: entry.previous.map(|previous| PreviousLine {
                hash: previous.hash.to_hex(),
                until: written(previous.until_s),
            }),
            scopes: entry.scopes.clone(),
            roles: entry.roles.clone(),
            tenant: entry.tenant.clone(),
            servers: match &entry.servers {
                Servers::All => ServersLine::All(All::All),
                Servers::Named(names) => ServersLine::Named(names.clone()),
            },
            networks: (!networks.is_empty()).then_some(networks),
            created_at: written(entry.created_at_s),
            expires_at: entry.expires_at_s.map(written),
            disabled: entry.disabled,
            comment: entry.comment.clone(),
        }
    }
}

/// Of a member's name that is nobody's.
const SHOWN_CHARS: usize = 60;

#[cfg(test)]
mod tests;
