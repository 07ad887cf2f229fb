//! Passwords in addresses and connection strings: the userinfo of a URI, `key=value;`
//! lists, data source names, files of passwords, commands.
//!
//! Only the password is hidden, so that a reader still sees what was connected to.

use memchr::memmem;

use super::placeholder::{is_expression, is_placeholder};
use super::rows::contains;
use super::sets::Set;
use crate::class::{Class, Confidence};
use crate::inspect::scan::Scan;

/// An address that is a secret behind its path's begin.
struct Webhook {
    host: &'static [u8],
    path: &'static [u8],
    /// Fewest bytes of the secret.
    least: usize,
}

/// Judges the authority behind the `://` whose colon is at `at`; returns where to go on.
pub(super) fn at_scheme(scan: &mut Scan<'_, '_>, at: usize) -> Option<usize> {
    let start = at + b"://".len();
    if let Some(end) = webhook(scan, start) {
        return Some(end);
    }
    if !scan.is_on(Class::ConnectionString) {
        return None;
    }
    let rest = scan.text.get(start..)?;
    let rest = rest.get(..AUTHORITY_BYTES_MAX.min(rest.len()))?;
    let (colon, sign) = userinfo(rest)?;
    let (user, password) = (rest.get(..colon)?, rest.get(colon + 1..sign)?);
    if is_placeholder(password) || is_documentation(user, password) {
        return None;
    }
    // An address as the name of a user is hidden with the password.
    let named = user.contains(&b'@') || contains(user, b"%40");
    let from = if named { start } else { start + colon + 1 };
    // The name may be a secret of its own and is looked at; the sign begins no address.
    let floor = scan.floor;
    scan.found(Class::ConnectionString, Confidence::Certain, from, start + sign);
    scan.floor = floor;
    scan.email_floor = scan.email_floor.max(start + sign + 1);
    Some(start)
}

/// Where in an authority the colon before the password stands, and the at sign behind it
/// (RFC 3986 section 3.2.1). The last sign counts: people forget to encode the others.
fn userinfo(rest: &[u8]) -> Option<(usize, usize)> {
    let end = rest.iter().position(|byte| ends_authority(*byte)).unwrap_or(rest.len());
    let authority = rest.get(..end)?;
    let colon = authority.iter().position(|byte| *byte == b':')?;
    let sign = match authority.iter().rposition(|byte| *byte == b'@') {
        Some(sign) => sign,
        None => raw_password(rest, colon, end)?,
    };
    let host = rest.get(sign + 1).copied().unwrap_or(0);
    let hosted = host.is_ascii_alphanumeric() || b"[%_-/${<".contains(&host) || host >= 0x80;
    (sign > colon + 1 && hosted).then_some((colon, sign))
}

/// The at sign behind a password that holds what should have been encoded in it.
fn raw_password(rest: &[u8], colon: usize, end: usize) -> Option<usize> {
    let begin = rest.get(colon + 1..end)?;
    let port = begin.iter().all(u8::is_ascii_digit);
    let variable = matches!(begin.first(), Some(b'$' | b'{' | b'<' | b'%'));
    if port || variable || !matches!(rest.get(end), Some(b'/' | b'?' | b'#')) {
        return None;
    }
    let tail = rest.get(end..)?;
    let tail = tail.get(..RAW_BYTES_MAX.min(tail.len()))?;
    let sign = tail.iter().position(|byte| *byte == b'@')?;
    let password = tail.get(..sign)?;
    let text = |byte: &u8| byte.is_ascii_graphic() && !matches!(byte, b':' | b'"' | b'\'' | b'<');
    let host = tail.get(sign + 1..)?;
    let length = host.iter().take_while(|b| b.is_ascii_alphanumeric() || b"-.".contains(b)).count();
    let named = length > 0
        && matches!(host.get(length), None | Some(b':' | b'/' | b'"' | b'\'' | b' ' | b'\n'));
    (password.iter().all(text) && password.last() != Some(&b'/') && named).then_some(end + sign)
}

fn ends_authority(byte: u8) -> bool {
    byte <= b' ' || matches!(byte, b'/' | b'?' | b'#' | b'"' | b'\'' | b'`' | b'<' | b'>' | b'\\')
}

/// `user:password@host` shows where they go.
fn is_documentation(user: &[u8], password: &[u8]) -> bool {
    let of = |word: &[u8], words: &[&[u8]]| words.iter().any(|w| word.eq_ignore_ascii_case(w));
    of(user, &[b"user", b"username", b"usr", b"name", b"login", b"u"])
        && of(password, &[b"password", b"pass", b"pwd", b"passwd", b"pw", b"p", b"secret"])
}

/// The end of the secret part of a webhook's address whose host begins at `start`.
pub(super) fn webhook(scan: &mut Scan<'_, '_>, start: usize) -> Option<usize> {
    if !scan.is_on(Class::ApiKey) || start < scan.floor {
        return None;
    }
    let rest = scan.text.get(start..)?;
    let rest = rest.get(..WEBHOOK_BYTES_MAX.min(rest.len()))?;
    let host = Set::DOTTED.count(rest.get(..HOST_BYTES_MAX.min(rest.len()))?);
    let (name, path) = rest.split_at(host);
    let is = |hook: &&Webhook| name.ends_with(hook.host) && path.starts_with(hook.path);
    let Webhook { path: public, least, .. } = WEBHOOKS.iter().find(is)?;
    let skip = public.len();
    let secret = path.get(skip..)?;
    let length = secret.iter().take_while(|byte| is_path(**byte)).count();
    if length < *least || is_placeholder(secret.get(..length)?) {
        return None;
    }
    // All of the address gives access, and nothing of it is worth keeping.
    let scheme = start.checked_sub(b"://".len()).and_then(|end| scan.text.get(..end));
    let letters = scheme
        .map_or(0, |s| s.iter().rev().take(8).take_while(|b| b.is_ascii_alphabetic()).count());
    let has_scheme = letters > 0 && scan.text.get(..start).is_some_and(|s| s.ends_with(b"://"));
    let from = if has_scheme { start - b"://".len() - letters } else { start };
    Some(scan.found(Class::ApiKey, Confidence::Certain, from, start + host + skip + length))
}

fn is_path(byte: u8) -> bool {
    Set::BASE64URL.has(byte) || matches!(byte, b'/' | b'@' | b'.')
}

/// As [`webhook`] for an address without a scheme, known by the digit at `digit`.
pub(super) fn slack_webhook(scan: &mut Scan<'_, '_>, digit: usize) -> Option<usize> {
    let host = digit.checked_sub(b"hooks.slack.com/services/T".len())?;
    let slack = scan.text.get(host..)?.starts_with(b"hooks.slack.com/");
    slack.then(|| webhook(scan, host)).flatten()
}

/// Judges the value of a connection string behind the `=` at `at`; returns where to go on.
pub(super) fn at_equals(scan: &mut Scan<'_, '_>, at: usize) -> Option<usize> {
    // The last letters of the names below: most others end in others.
    let last = [scan.byte_before(at, 2), scan.byte_before(at, 1)].map(|b| b.to_ascii_lowercase());
    if !matches!(&last, b"rd" | b"wd" | b"ey" | b"ig" | b"re") {
        return None;
    }
    let from = at.saturating_sub(NAME_BYTES_MAX).max(scan.floor);
    let before = scan.text.get(from..at)?;
    let length = before.iter().rev().take_while(|b| Set::BASE64URL.has(**b)).count();
    let name = before.get(before.len() - length..)?;
    let is = |names: &[&[u8]]| names.iter().any(|n| name.eq_ignore_ascii_case(n));
    if is(&[b"password", b"pwd", b"passwd", b"sslpassword", b"truststorepassword"]) {
        return password(scan, at, at - length);
    }
    let least = if is(&[b"accountkey", b"sharedaccesskey", b"accesskey", b"primarykey"]) {
        AZURE_KEY_BYTES_MIN
    } else if is(&[b"sig", b"x-amz-signature", b"x-goog-signature", b"signature"]) {
        let query = matches!(scan.byte_before(at, length + 1), b'?' | b'&' | b';');
        query.then_some(SIGNATURE_BYTES_MIN)?
    } else {
        return None;
    };
    let length = scan.count(at + 1, KEY_BYTES_MAX, |byte| Set::BASE64_PERCENT.has(byte));
    let value = scan.text.get(at + 1..at + 1 + length)?;
    if length < least || !scan.is_on(Class::ApiKey) || is_placeholder(value) {
        return None;
    }
    Some(scan.found(Class::ApiKey, Confidence::Certain, at + 1, at + 1 + length))
}

/// The password of a list of settings, if that is one: `Server=…;Password=…;`,
/// `host=… password=…`, `jdbc:…?user=…&password=…`.
fn password(scan: &mut Scan<'_, '_>, at: usize, name: usize) -> Option<usize> {
    if !scan.is_on(Class::ConnectionString) {
        return None;
    }
    let rest = scan.text.get(at + 1..)?;
    let rest = rest.get(..PASSWORD_BYTES_MAX.min(rest.len()))?;
    let quote = rest.first().copied().filter(|byte| matches!(byte, b'"' | b'\'' | b'{'));
    let begin = usize::from(quote.is_some());
    let close = if quote == Some(b'{') { Some(b'}') } else { quote };
    let ends = |byte: &u8| match close {
        Some(close) => *byte == close || matches!(byte, b'\n' | b'\r'),
        None => matches!(byte, b';' | b'&' | b'"' | b'\'' | b'`' | b'<' | b'\\' | 0..=b' '),
    };
    let rest = rest.get(begin..)?;
    let length = match rest.iter().position(ends) {
        Some(length) => length,
        // What nothing ends in time is no password.
        None if rest.len() + begin >= PASSWORD_BYTES_MAX => return None,
        None => rest.len(),
    };
    let value = rest.get(..length)?;
    // What stands around it costs most to read, and comes last.
    let settings = || has_settings(scan.text, name, at + 1 + begin + length);
    if is_placeholder(value) || is_expression(value) || !settings() {
        return None;
    }
    let start = at + 1 + begin;
    Some(scan.found(Class::ConnectionString, Confidence::Certain, start, start + length))
}

/// Whether a setting of a connection stands before `start` or behind `end`.
fn has_settings(text: &[u8], start: usize, end: usize) -> bool {
    let before = text.get(start.saturating_sub(BESIDE_BYTES_MAX)..start).unwrap_or_default();
    let after = text.get(end..text.len().min(end + BESIDE_BYTES_MAX)).unwrap_or_default();
    // Lists stand on one line.
    let line = memchr::memrchr(b'\n', before).map_or(0, |line| line + 1);
    let before = before.get(line..).unwrap_or_default();
    let line = memchr::memchr(b'\n', after).unwrap_or(after.len());
    let after = after.get(..line).unwrap_or_default();
    [before, after].into_iter().any(|side| {
        memchr::memchr_iter(b'=', side).any(|at| {
            let name = side.get(..at).unwrap_or_default();
            let last = name.last().map(u8::to_ascii_lowercase);
            let same = |setting: &&&[u8]| setting.last().copied() == last;
            SETTINGS.iter().filter(same).any(|setting| ends_with_word(name, setting))
        })
    }) || memmem::find(before, b"jdbc:").is_some()
}

fn ends_with_word(text: &[u8], lower: &[u8]) -> bool {
    let Some(at) = text.len().checked_sub(lower.len()) else {
        return false;
    };
    let glued = at.checked_sub(1).and_then(|b| text.get(b)).is_some_and(u8::is_ascii_alphanumeric);
    !glued && text.get(at..).is_some_and(|end| end.eq_ignore_ascii_case(lower))
}

/// Judges a colon between two words: data source names of Go, `curl -u`, lines of
/// `.pgpass`, thin addresses of Oracle. Returns where to go on.
pub(super) fn at_pair(scan: &mut Scan<'_, '_>, at: usize) -> Option<usize> {
    let (before, after) = (scan.byte_before(at, 1), scan.byte(at + 1));
    let plain = before.is_ascii_alphanumeric() || matches!(before, b'*' | b'_' | b'-' | b'.');
    if !plain || after <= b' ' || matches!(after, b'/' | b':' | b'"' | b'\'' | b',') {
        return None;
    }
    if !scan.is_on(Class::ConnectionString) {
        return None;
    }
    let range = go_password(scan, at)
        .or_else(|| curl_password(scan, at))
        .or_else(|| pgpass_password(scan, at))
        .or_else(|| oracle_password(scan, at))?;
    let (start, end) = range;
    let value = scan.text.get(start..end)?;
    if is_placeholder(value) || start < scan.floor {
        return None;
    }
    scan.email_floor = scan.email_floor.max(end + 1);
    Some(scan.found(Class::ConnectionString, Confidence::Certain, start, end))
}

/// `user:password@tcp(host:3306)/database`.
fn go_password(scan: &Scan<'_, '_>, at: usize) -> Option<(usize, usize)> {
    let rest = scan.text.get(at + 1..)?;
    let rest = rest.get(..DSN_BYTES_MAX.min(rest.len()))?;
    let ends = |byte: &u8| ends_authority(*byte) || matches!(byte, b':' | b'(');
    let end = rest.iter().position(ends).unwrap_or(rest.len());
    let sign = rest.get(..end)?.iter().rposition(|byte| *byte == b'@')?;
    let protocol = rest.get(sign + 1..)?;
    let known =
        [&b"tcp("[..], b"unix(", b"udp(", b"cloudsql("].iter().any(|p| protocol.starts_with(p));
    (known && sign > 0).then_some((at + 1, at + 1 + sign))
}

/// `curl -u user:password`, `--user user:password`, `--proxy-user …`.
fn curl_password(scan: &Scan<'_, '_>, at: usize) -> Option<(usize, usize)> {
    let user = (1..=USER_BYTES_MAX)
        .take_while(|back| {
            let byte = scan.byte_before(at, *back);
            byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'@' | b'+')
        })
        .count();
    let mut end = at.checked_sub(user)?;
    let quote = scan.byte_before(end, 1);
    let quote = matches!(quote, b'"' | b'\'').then_some(quote);
    end -= usize::from(quote.is_some());
    let option = scan.text.get(end.saturating_sub(OPTION_BYTES_MAX)..end)?;
    let known = [&b" -u "[..], b" -u", b"-user ", b"-user="];
    if !known.iter().any(|known| option.ends_with(known)) {
        return None;
    }
    let rest = scan.text.get(at + 1..)?;
    let rest = rest.get(..PASSWORD_BYTES_MAX.min(rest.len()))?;
    let length = rest.iter().position(|byte| match quote {
        Some(quote) => *byte == quote || *byte == b'\n',
        None => *byte <= b' ' || matches!(byte, b'"' | b'\'' | b'\\' | b'`'),
    });
    let length = length.unwrap_or(rest.len());
    (length > 0).then_some((at + 1, at + 1 + length))
}

/// `host:port:database:user:password`, alone on its line (PostgreSQL, "The Password
/// File"). The colon is the first one.
fn pgpass_password(scan: &Scan<'_, '_>, at: usize) -> Option<(usize, usize)> {
    let port = scan.count(at + 1, 5, |byte| byte.is_ascii_digit());
    let port = if port == 0 { usize::from(scan.byte(at + 1) == b'*') } else { port };
    if port == 0 || scan.byte(at + 1 + port) != b':' {
        return None;
    }
    let host = (1..=USER_BYTES_MAX)
        .take_while(|back| {
            let byte = scan.byte_before(at, *back);
            byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'*')
        })
        .count();
    // Groups of hexadecimal digits are an address or a fingerprint.
    let name = scan.text.get(at - host..at)?;
    if host <= 4 && name != b"*" && name.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let alone = |byte: u8| matches!(byte, 0 | b'\n' | b'\r' | b'"' | b'\'');
    if !alone(scan.byte_before(at - host, 1)) {
        return None;
    }
    let rest = scan.text.get(at + 1 + port + 1..)?;
    let (database, rest) = pgpass_field(rest)?;
    let (user, rest) = pgpass_field(rest)?;
    let start = scan.text.len() - rest.len();
    let length = rest.iter().take(PASSWORD_BYTES_MAX).take_while(|b| b.is_ascii_graphic());
    let length = length.take_while(|b| !matches!(b, b'"' | b'\'' | b'\\')).count();
    let lettered = |text: &[u8]| text == b"*" || text.iter().any(u8::is_ascii_alphabetic);
    let ends = alone(scan.byte(start + length)) || scan.byte(start + length) == b'\\';
    (length > 0 && ends && lettered(user) && lettered(database)).then_some((start, start + length))
}

/// A field of a line and what follows the colon behind it.
fn pgpass_field(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let graphic = |byte: &&u8| byte.is_ascii_graphic() && !matches!(byte, b'/' | b'"' | b'\'');
    let length = text.iter().take(USER_BYTES_MAX).take_while(graphic);
    let length = length.take_while(|byte| **byte != b':').count();
    let (field, rest) = text.split_at_checked(length)?;
    Some((field, rest.strip_prefix(b":")?)).filter(|_| length > 0)
}

/// `jdbc:oracle:thin:user/password@//host`.
fn oracle_password(scan: &Scan<'_, '_>, at: usize) -> Option<(usize, usize)> {
    let before = scan.text.get(at.checked_sub(b"oracle:thin".len())?..at)?;
    if !before.ends_with(b"oracle:thin") && !before.ends_with(b"oracle:oci") {
        return None;
    }
    let rest = scan.text.get(at + 1..)?;
    let user = Set::DOTTED.count(rest.get(..DSN_BYTES_MAX.min(rest.len()))?);
    let rest = rest.get(user..)?.strip_prefix(b"/")?;
    let rest = rest.get(..DSN_BYTES_MAX.min(rest.len()))?;
    let length = rest.iter().position(|byte| *byte == b'@')?;
    let start = at + 1 + user + 1;
    (length > 0).then_some((start, start + length))
}

/// The password of a `.netrc` line whose value begins at `start`.
pub(super) fn netrc_password(scan: &mut Scan<'_, '_>, start: usize) -> Option<usize> {
    let before = scan.text.get(start.saturating_sub(BESIDE_BYTES_MAX)..start)?;
    let before = before.strip_suffix(b"password ")?;
    let machine = memmem::find(before, b"machine ").is_some();
    let login = memmem::find(before, b"login ").is_some();
    if !machine || !login || !scan.is_on(Class::ConnectionString) || start < scan.floor {
        return None;
    }
    let length =
        scan.count(start, PASSWORD_BYTES_MAX, |byte| byte > b' ' && !matches!(byte, b'"' | b'\\'));
    let value = scan.text.get(start..start + length)?;
    if is_placeholder(value) {
        return None;
    }
    Some(scan.found(Class::ConnectionString, Confidence::Certain, start, start + length))
}

/// Webhooks whose address is all one needs to write to a channel or start a flow.
const WEBHOOKS: [Webhook; 11] = [
    Webhook { host: b"hooks.slack.com", path: b"/services/", least: 20 },
    Webhook { host: b"hooks.slack.com", path: b"/workflows/", least: 20 },
    Webhook { host: b"hooks.slack.com", path: b"/triggers/", least: 20 },
    Webhook { host: b"hooks.slack-gov.com", path: b"/services/", least: 20 },
    Webhook { host: b"discord.com", path: b"/api/webhooks/", least: 60 },
    Webhook { host: b"discordapp.com", path: b"/api/webhooks/", least: 60 },
    Webhook { host: b"webhook.office.com", path: b"/webhookb2/", least: 60 },
    Webhook { host: b"outlook.office.com", path: b"/webhook/", least: 60 },
    Webhook { host: b"hooks.zapier.com", path: b"/hooks/catch/", least: 10 },
    Webhook { host: b"maker.ifttt.com", path: b"/use/", least: 20 },
    Webhook { host: b"hooks.airtable.com", path: b"/workflows/v1/", least: 20 },
];

/// Settings of connections, as drivers of ODBC, ADO.NET and libpq name them.
const SETTINGS: [&[u8]; 14] = [
    b"server",
    b"data source",
    b"host",
    b"hostname",
    b"hostaddr",
    b"dbname",
    b"database",
    b"initial catalog",
    b"driver",
    b"user id",
    b"uid",
    b"addr",
    b"address",
    b"endpoint",
];

/// Unit: bytes. Userinfo, host and port; tokens as names of users are the longest part.
const AUTHORITY_BYTES_MAX: usize = 1024;

/// Unit: bytes. How far behind a slash the end of a password is looked for.
const RAW_BYTES_MAX: usize = 128;

/// Unit: bytes. Longer names of hosts are nobody's.
const HOST_BYTES_MAX: usize = 64;

/// Unit: bytes. Addresses of webhooks have up to 300.
const WEBHOOK_BYTES_MAX: usize = 400;

/// Unit: bytes. Names of settings.
const NAME_BYTES_MAX: usize = 24;

/// Unit: bytes. Names of users and hosts.
const USER_BYTES_MAX: usize = 64;

/// Unit: bytes. `--proxy-user `.
const OPTION_BYTES_MAX: usize = 13;

/// Unit: bytes.
const DSN_BYTES_MAX: usize = 64;

/// Unit: bytes. Tokens of issuers stand where passwords do, and of a longer one the rest stays.
const PASSWORD_BYTES_MAX: usize = 1024;

/// Unit: bytes. How far from a password another setting may stand.
const BESIDE_BYTES_MAX: usize = 128;

/// Unit: bytes. Keys of 256 bits in base64 have 43 and padding, those of 512 bits 86.
const AZURE_KEY_BYTES_MIN: usize = 40;

/// Unit: bytes. HMAC-SHA-256 in base64 or hexadecimal.
const SIGNATURE_BYTES_MIN: usize = 43;

/// Unit: bytes. Signatures of RSA in hexadecimal have 512.
const KEY_BYTES_MAX: usize = 1024;
