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

/// The grammar of RFC 6749 section 3.3.
fn is_scope(text: &str) -> bool {
    let allowed = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    !text.is_empty() && text.len() <= NAME_BYTES_MAX && text.bytes().all(allowed)
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
mod tests {
    use proptest::prelude::*;

    use super::{API_KEYS_BYTES_MAX, API_KEYS_MAX, Entry, FileError, RowError, Servers, Table};
    use crate::api_key::{ApiKey, KeyHash};

    const HASH: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

    fn line(id: &str, more: &str) -> String {
        format!(
            r#"{{"id":"{id}","name":"ci","hash":"{HASH}","servers":"all","created_at":"2026-01-01T00:00:00Z","expires_at":null{more}}}"#
        )
    }

    fn good(more: &str) -> String {
        line("abcdefghijkm", more)
    }

    fn refused(text: &str) -> String {
        Table::parse(text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn line_is_read_and_written_again() {
        let more = concat!(
            r#","scopes":["a","b:c"],"roles":["support"],"tenant":"acme","networks":["10.0.0.0/8","fd00::/8"],"#,
            r#""disabled":true,"comment":"nightly job","previous":{"hash":"#,
        );
        let text = good(&format!(r#"{more}"{HASH}","until":"2026-02-01T12:00:00Z"}}"#))
            .replace("\"all\"", r#"["notes","crm"]"#)
            .replace("null", "\"2026-03-01T00:00:00Z\"");
        let table = Table::parse(format!("{text}\n").as_bytes()).unwrap();
        let entry = &table.entries()[0];
        assert_eq!((entry.name.as_str(), entry.expires_at_s), ("ci", Some(1_772_323_200)));
        assert_eq!(entry.previous.unwrap().until_s, 1_769_947_200);
        assert!(entry.opens("crm") && !entry.opens("files") && entry.disabled);
        for (address, counts) in
            [("10.1.2.3", true), ("::ffff:10.1.2.3", true), ("11.0.0.1", false), ("fd00::1", true)]
        {
            assert_eq!(entry.counts_from(address.parse().unwrap()), counts, "{address}");
        }
        let written = entry.to_line().unwrap();
        let again = Table::parse(written.as_bytes()).unwrap();
        assert_eq!(again.entries()[0].to_line().unwrap(), written);
    }

    #[test]
    fn file_without_keys_is_a_file() {
        assert!(Table::parse(b"").unwrap().entries().is_empty());
        assert_eq!(Table::parse(format!("{}\n", good("")).as_bytes()).unwrap().entries().len(), 1);
    }

    #[test]
    fn unknown_missing_and_repeated_members_are_refused_by_name() {
        assert_eq!(refused(&good(r#","scope":["a"]"#)), "line 1: unknown member `scope`");
        assert_eq!(refused(&good(r#","name":"x""#)), "line 1: duplicate member `name`");
        assert_eq!(
            refused(&good("").replace(r#","expires_at":null"#, "")),
            "line 1: missing member `expires_at`"
        );
        assert_eq!(
            refused(&good("").replace(r#""servers":"all","#, "")),
            "line 1: missing member `servers`"
        );
    }

    #[test]
    fn malformed_lines_are_refused_and_never_repeated() {
        let secret = ApiKey::draw().unwrap().reveal();
        let key = secret.as_str();
        for bad in [
            key.to_owned(),
            good("").replace(HASH, key),
            good("").replace("\"ci\"", &format!("[\"{key}\"]")),
            good("").replace("\"all\"", &format!("\"{key}\"")),
            good("").replace("null", &format!("\"{key}\"")),
            good(&format!(r#","disabled":"{key}""#)),
            good(&format!(r#","networks":["{key}"]"#)),
            good("").replace("abcdefghijkm", key),
        ] {
            let why = refused(&format!("{}\n{bad}", line("abcdefghijkn", "")));
            assert!(why.starts_with("line 2: "), "{why}");
            assert!(!why.contains(&key[20..]), "{why}");
        }
    }

    #[test]
    fn grants_that_could_mean_two_things_are_refused() {
        for (more, member) in [
            (r#","networks":[]"#, "networks"),
            (r#","networks":["10.1.2.3/8"]"#, "networks"),
            (r#","networks":["10.1.2.3"]"#, "networks"),
            (r#","scopes":["a b"]"#, "scopes"),
            (r#","scopes":["a","a"]"#, "scopes"),
            (r#","roles":[" a"]"#, "roles"),
            (r#","tenant":"""#, "tenant"),
        ] {
            assert!(refused(&good(more)).contains(&format!("`{member}` must be")), "{more}");
        }
        let none = good("").replace("\"all\"", "[]");
        assert!(refused(&none).contains("`servers` must be"));
        let local = good("").replace("00:00:00Z", "00:00:00+01:00");
        assert!(refused(&local).contains("`created_at` must be"));
    }

    #[test]
    fn second_line_of_one_id_and_empty_lines_are_refused() {
        let twice = format!("{}\n{}\n{}", good(""), line("abcdefghijkn", ""), good(""));
        assert_eq!(refused(&twice), "line 3: the id `abcdefghijkm` stands on line 1 already");
        let gap = format!("{}\n\n{}", good(""), line("abcdefghijkn", ""));
        assert_eq!(refused(&gap), "line 2: the line is empty");
        assert_eq!(refused("\n"), "line 1: the line is empty");
        assert_eq!(refused(&format!("{}\n\n", good(""))), "line 2: the line is empty");
    }

    #[test]
    fn file_ends_at_its_bounds() {
        let id = |n: usize| {
            let digit = |n: usize| char::from(b"abcdefghijkmnpqrstuvwxyz23456789"[n % 32]);
            format!("abcdefghi{}{}{}", digit(n / 1024), digit(n / 32), digit(n))
        };
        let text = |keys: usize| (0..keys).map(|n| line(&id(n), "") + "\n").collect::<String>();
        assert_eq!(
            Table::parse(text(API_KEYS_MAX).as_bytes()).unwrap().entries().len(),
            API_KEYS_MAX
        );
        assert_eq!(
            Table::parse(text(API_KEYS_MAX + 1).as_bytes()).unwrap_err(),
            FileError::TooMany
        );
        let large = vec![b' '; API_KEYS_BYTES_MAX + 1];
        assert_eq!(Table::parse(&large).unwrap_err(), FileError::TooLarge);
        assert!(API_KEYS_BYTES_MAX <= crate::limits::FILE_BYTES_MAX, "or no change would be seen");
    }

    #[test]
    fn entry_that_would_not_be_read_again_is_not_written() {
        let table = Table::parse(good("").as_bytes()).unwrap();
        let entry = Entry::clone(&table.entries()[0]);
        let bad = Entry { scopes: vec!["a b".to_owned()], ..entry.clone() };
        assert!(matches!(bad.to_line(), Err(RowError::Value { member: "scopes", .. })));
        let bad = Entry { servers: Servers::Named(Vec::new()), ..entry.clone() };
        assert!(bad.to_line().is_err());
        let far = Entry { expires_at_s: Some(u64::MAX), ..entry };
        assert!(far.to_line().unwrap().contains("9999-12-31T23:59:59Z"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = Table::parse(&bytes);
        }

        #[test]
        fn any_member_is_read_or_refused(name in "[a-z_]{1,10}", value in "\\PC{0,20}") {
            let _ = Table::parse(good(&format!(r#","{name}":{value}"#)).as_bytes());
            let _ = Table::parse(good(&format!(r#","{name}":"{value}""#)).as_bytes());
        }

        #[test]
        fn what_is_written_is_read(name in "[a-zA-Z0-9 \"\\\\äß]{1,20}", scope in "[!-~]{1,9}", at in 0..4_000_000_000_u64) {
            let table = Table::parse(good("").as_bytes()).unwrap();
            let entry = Entry {
                name,
                scopes: vec![scope],
                created_at_s: at,
                hash: KeyHash::NONE,
                ..Entry::clone(&table.entries()[0])
            };
            if let Ok(line) = entry.to_line() {
                let again = Table::parse(line.as_bytes()).unwrap();
                prop_assert_eq!(&again.entries()[0].name, &entry.name);
                prop_assert_eq!(&again.entries()[0].scopes, &entry.scopes);
                prop_assert_eq!(again.entries()[0].created_at_s, at);
            }
        }
    }
}
