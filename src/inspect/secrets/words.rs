//! Fixed forms that are known by the begin of a word: no `_` or `-` ends their prefix.
//!
//! Nearly all of them hold a digit, in the prefix or in the random part, so that the
//! first digit of a word is where the scan notices them; the few that need not hold one
//! have a pair of letters of their own among the triggers (`IA`, `Iz`, `SG`, `hv`).
//! The sources are those of [`super::marked`].

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use memchr::memmem;

use super::rows::Piece::{Run, Text};
use super::rows::{BODY_BYTES_MAX as MAX, Index, Key, Row, is_glued, row};
use super::sets::Set;
use crate::class::{Class, Confidence};
use crate::inspect::scan::Scan;

/// The end of the secret that begins at `start`, once it is recorded.
pub(super) fn find(scan: &mut Scan<'_, '_>, start: usize) -> Option<usize> {
    let end = INDEX.starting(&ROWS, scan, start)?;
    // An AWS access key id seldom stands without its secret.
    if scan.byte(start) == b'A' && end - start == AWS_ID_BYTES {
        super::aws::secret_beside(scan, end);
    }
    Some(end)
}

/// The end of the secret that is the whole word from `start` on, known by marks inside it.
pub(super) fn find_whole(scan: &mut Scan<'_, '_>, start: usize) -> Option<usize> {
    if start < scan.floor || is_glued(scan, start) {
        return None;
    }
    if let Some(end) = encoded_pem_end(scan, start) {
        return Some(scan.found(Class::PrivateKey, Confidence::Certain, start, end));
    }
    if !scan.is_on(Class::ApiKey) {
        return None;
    }
    if let Some(end) = discord_end(scan, start) {
        return Some(scan.found(Class::ApiKey, Confidence::Certain, start, end));
    }
    // Short words end here.
    if !scan.byte(start + 13).is_ascii_alphanumeric() {
        return None;
    }
    let length = scan.count(start, WORD_BYTES_MAX, |byte| Set::ALNUM.has(byte));
    let word = scan.text.get(start..start + length)?;
    let hash = !word.iter().any(u8::is_ascii_uppercase);
    let end = match length {
        14 => terraform_end(scan, start + length)?,
        40 if word.ends_with(b"NRAL") => start + length,
        52.. if is_azure(word) => start + length,
        // The digests of files and commits are written in small letters.
        _ if hash => return None,
        _ => return super::aws::bare_secret(scan, start),
    };
    Some(scan.found(Class::ApiKey, Confidence::Certain, start, end))
}

/// The end of a Discord bot token: the bot's id, which are digits in base64, a time and a
/// code. Discord, "Reference", on authentication.
fn discord_end(scan: &Scan<'_, '_>, start: usize) -> Option<usize> {
    // What digits begin with in base64.
    let [first, second] = [scan.byte(start), scan.byte(start + 1)];
    if !matches!(first, b'M' | b'N' | b'O') || !matches!(second, b'D' | b'T' | b'j' | b'z') {
        return None;
    }
    let id = scan.count(start, 32, |byte| Set::BASE64URL.has(byte));
    let decoded = URL_SAFE_NO_PAD.decode(scan.text.get(start..start + id)?).ok()?;
    let is_id = (17..=20).contains(&decoded.len()) && decoded.iter().all(u8::is_ascii_digit);
    let time = start + id + 1;
    let code = time + scan.count(time, 8, |byte| Set::BASE64URL.has(byte)) + 1;
    let dots = scan.byte(time - 1) == b'.' && scan.byte(code - 1) == b'.' && code - time >= 6;
    let length = scan.count(code, 64, |byte| Set::BASE64URL.has(byte));
    (is_id && dots && length >= 27).then_some(code + length)
}

/// The end of a private key in PEM form that was encoded in base64 as a whole, as the
/// secrets of Kubernetes are.
fn encoded_pem_end(scan: &Scan<'_, '_>, start: usize) -> Option<usize> {
    let begins = scan.text.get(start..)?.starts_with(b"LS0tLS1CRUdJTi");
    if !begins || !scan.is_on(Class::PrivateKey) {
        return None;
    }
    let head = scan.text.get(start..start + 64)?;
    let decoded = STANDARD_NO_PAD.decode(head).ok()?;
    memmem::find(&decoded, b"PRIVATE KEY")?;
    Some(start + scan.count(start, usize::MAX, |byte| Set::BASE64.has(byte)))
}

/// The end of a token of HCP Terraform: 14 characters, `.atlasv1.`, 60 or more.
fn terraform_end(scan: &Scan<'_, '_>, dot: usize) -> Option<usize> {
    if !scan.text.get(dot..)?.starts_with(b".atlasv1.") {
        return None;
    }
    let body = dot + b".atlasv1.".len();
    let length = scan.count(body, MAX, |byte| Set::BASE64URL.has(byte));
    (length >= 60).then_some(body + length)
}

/// As [`terraform_end`], for tokens without a digit before the version.
pub(super) fn terraform(scan: &mut Scan<'_, '_>, digit: usize) -> Option<usize> {
    let dot = digit.checked_sub(b".atlasv".len())?;
    let start = dot.checked_sub(14)?;
    let id = scan.text.get(start..dot)?;
    if !Set::ALNUM.holds(id) || is_glued(scan, start) || start < scan.floor {
        return None;
    }
    let end = terraform_end(scan, dot)?;
    scan.is_on(Class::ApiKey).then(|| scan.found(Class::ApiKey, Confidence::Certain, start, end))
}

/// Keys of Azure services carry a signature of their issuer at a fixed place (Microsoft,
/// "Common annotated security keys"; the search service's admin keys; Azure DevOps).
fn is_azure(word: &[u8]) -> bool {
    let at = |place: usize, mark: &[u8]| word.get(place..).is_some_and(|w| w.starts_with(mark));
    match word.len() {
        52 => at(42, b"AzSe") || at(42, b"AzCa"),
        // 84, and 88 with padding that is no part of the word.
        84..=88 => at(52, b"JQQJ9") || at(76, b"AZDO"),
        _ => false,
    }
}

static INDEX: Index<COUNT> = Index::new(&ROWS, Key::Start);

const ALNUM: Set = Set::ALNUM;
const URL: Set = Set::BASE64URL;

pub(super) static ROWS: [Row; COUNT] = [
    // AWS access key ids: long-lived, temporary, bearer, context-specific, former. Base 32.
    row(b"AKIA", &[Run(Set::UPPER_ALNUM, 16, 16)]),
    row(b"ASIA", &[Run(Set::UPPER_ALNUM, 16, 16)]),
    row(b"ABIA", &[Run(Set::UPPER_ALNUM, 16, 16)]),
    row(b"ACCA", &[Run(Set::UPPER_ALNUM, 16, 16)]),
    row(b"A3T", &[Run(Set::UPPER_ALNUM, 17, 17)]).weak(),
    // Amazon Bedrock, Amazon MWS, Login with Amazon.
    row(b"ABSK", &[Run(Set::BASE64, 100, MAX)]),
    row(b"amzn.mws.", &[Run(Set::UUID, 36, 36)]),
    row(b"amzn1.oa2-cs.v1.", &[Run(Set::HEX, 64, MAX)]),
    // Google: API key, OAuth access token, refresh token, keys of the express mode.
    row(b"AIza", &[Run(URL, 35, 35)]),
    row(b"ya29.", &[Run(Set::DOTTED, 20, MAX)]),
    row(b"1//0", &[Run(URL, 36, MAX)]),
    row(b"AQ.Ab", &[Run(URL, 40, MAX)]),
    // SendGrid: 22 and 43 characters. MailerSend.
    row(b"SG.", &[Run(URL, 16, 32), Text(b"."), Run(URL, 32, 64)]),
    row(b"mlsn.", &[Run(Set::HEX, 64, MAX)]),
    // HashiCorp Vault: service, batch, recovery; before version 1.10.
    row(b"hvs.", &[Run(Set::DOTTED, 22, MAX)]),
    row(b"hvb.", &[Run(Set::DOTTED, 22, MAX)]),
    row(b"hvr.", &[Run(Set::DOTTED, 22, MAX)]),
    row(b"s.", &[Run(ALNUM, 24, 24)]).random(),
    // Databricks: personal, OAuth secret.
    row(b"dapi", &[Run(Set::HEX_LOWER, 32, MAX)]),
    row(b"dose", &[Run(Set::HEX_LOWER, 32, MAX)]),
    // Atlassian: API, Bitbucket access, former app passwords.
    row(b"ATATT3", &[Run(Set::BASE64_ANY, 40, MAX)]),
    row(b"ATCTT3", &[Run(Set::BASE64_ANY, 40, MAX)]),
    row(b"ATBB", &[Run(ALNUM, 24, MAX)]).weak(),
    // Airtable: id, dot, 64 hexadecimal digits.
    row(b"pat", &[Run(ALNUM, 14, 14), Text(b"."), Run(Set::HEX, 64, MAX)]),
    // Harness: account, token, secret.
    row(
        b"pat.",
        &[Run(URL, 22, 22), Text(b"."), Run(ALNUM, 24, 24), Text(b"."), Run(ALNUM, 20, 20)],
    ),
    row(
        b"sat.",
        &[Run(URL, 22, 22), Text(b"."), Run(ALNUM, 24, 24), Text(b"."), Run(ALNUM, 20, 20)],
    ),
    // HubSpot: private apps by data centre. 1Password: secret key, as printed and as former
    // ones were.
    row(b"pat-na", &[Run(Set::DIGIT, 1, 1), Text(b"-"), Run(Set::UUID, 36, 36)]),
    row(b"pat-eu", &[Run(Set::DIGIT, 1, 1), Text(b"-"), Run(Set::UUID, 36, 36)]),
    row(b"pat-ap", &[Run(Set::DIGIT, 1, 1), Text(b"-"), Run(Set::UUID, 36, 36)]),
    row(
        b"A3-",
        &[
            Run(Set::UPPER_ALNUM, 6, 6),
            Text(b"-"),
            Run(Set::UPPER_ALNUM, 6, 6),
            Text(b"-"),
            Run(Set::UPPER_ALNUM, 5, 5),
            Text(b"-"),
            Run(Set::UPPER_ALNUM, 5, 5),
            Text(b"-"),
            Run(Set::UPPER_ALNUM, 5, 5),
            Text(b"-"),
            Run(Set::UPPER_ALNUM, 5, 5),
        ],
    ),
    row(
        b"A3-",
        &[
            Run(Set::UPPER_ALNUM, 6, 6),
            Text(b"-"),
            Run(Set::UPPER_ALNUM, 11, 11),
            Text(b"-"),
            Run(Set::UPPER_ALNUM, 5, 5),
            Text(b"-"),
            Run(Set::UPPER_ALNUM, 5, 5),
            Text(b"-"),
            Run(Set::UPPER_ALNUM, 5, 5),
        ],
    ),
    // Dynatrace: kind, public part of 24, secret part of 64.
    row(
        b"dt0",
        &[
            Run(Set::LOWER, 1, 1),
            Run(Set::DIGIT, 2, 2),
            Text(b"."),
            Run(Set::UPPER_ALNUM, 8, 24),
            Text(b"."),
            Run(Set::UPPER_ALNUM, 64, 64),
        ],
    ),
    // Doppler: personal, CLI, service (with or without its environment), account, audit.
    row(b"dp.", &[Run(Set::LOWER, 2, 5), Text(b"."), Run(Set::DOTTED, 40, MAX)]).random(),
    // Dropbox, short-lived.
    row(b"sl.", &[Run(Set::DOTTED, 130, MAX)]).random(),
    // Twilio: keys. Accounts (`AC`) are ids.
    row(b"SK", &[Run(Set::HEX_LOWER, 32, 32)]).weak(),
    // Square, former; Meta; Instagram.
    row(b"EAA", &[Run(ALNUM, 97, MAX)]),
    row(b"EAAA", &[Run(URL, 56, 64)]).random(),
    row(b"IGQV", &[Run(URL, 100, MAX)]),
    // EasyPost, live and test.
    row(b"EZAK", &[Run(ALNUM, 54, 54)]),
    row(b"EZTK", &[Run(ALNUM, 54, 54)]),
    // Alibaba Cloud, Tencent Cloud, Volcengine: ids of access keys.
    row(b"LTAI", &[Run(ALNUM, 12, 26)]).weak(),
    row(b"AKID", &[Run(ALNUM, 32, 32)]).weak(),
    row(b"AKLT", &[Run(ALNUM, 32, MAX)]).weak(),
    // Yandex Cloud: API key, IAM token, static key; Yandex OAuth.
    row(b"AQVN", &[Run(URL, 35, 38)]),
    row(b"t1.", &[Run(Set::BASE64_ANY, 20, MAX), Text(b"."), Run(Set::BASE64_ANY, 86, 88)]),
    row(b"YC", &[Run(URL, 38, 38)]).random(),
    row(b"y0_", &[Run(URL, 40, MAX)]),
    row(b"y1_", &[Run(URL, 40, MAX)]),
    row(b"y2_", &[Run(URL, 40, MAX)]),
    row(b"y3_", &[Run(URL, 40, MAX)]),
    // JFrog: API key, reference token (base64 of `reftkn`).
    row(b"AKCp", &[Run(ALNUM, 69, 69)]),
    row(b"cmVmd", &[Run(ALNUM, 59, 59)]),
    // Cloudflare, former origin keys. GitLab, former runner registration.
    row(b"v1.0-", &[Run(Set::HEX_LOWER, 24, 24), Text(b"-"), Run(Set::HEX_LOWER, 146, 146)]),
    row(b"GR1348941", &[Run(URL, 20, MAX)]),
    // NuGet, crates.io, StackHawk, OpenShift, Salesforce (after the id of the
    // organisation), X (bearer).
    row(b"oy2", &[Run(Set::LOWER_ALNUM, 43, 43)]),
    row(b"cio", &[Run(ALNUM, 32, 32)]).weak(),
    row(b"hawk.", &[Run(URL, 20, 20), Text(b"."), Run(URL, 20, 20)]),
    row(b"sha256~", &[Run(URL, 43, 43)]),
    row(b"00D", &[Run(ALNUM, 12, 15), Text(b"!"), Run(Set::DOTTED, 80, MAX)]),
    row(b"AAAAAAAAAAAAAAAAAAAA", &[Run(ALNUM.or(Set::PERCENT), 60, MAX)]).random(),
];

/// How many rows there are.
const COUNT: usize = 60;

/// `AKIA` and 16 characters.
const AWS_ID_BYTES: usize = 20;

/// Unit: bytes. One more than the longest word that is judged as a whole.
const WORD_BYTES_MAX: usize = 96;
