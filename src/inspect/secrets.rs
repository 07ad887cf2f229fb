//! Secrets that show what they are: issuers' fixed prefixes, JSON web tokens, private
//! keys in PEM form.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use memchr::memmem;

use super::bytes::{is_alphanumeric, is_base64url};
use super::scan::Scan;
use crate::class::{Class, Confidence};
use crate::json::{Document, KeyRule, Kind, Limits};

/// Judges a dash: the begin of a PEM block, or the end of a fixed prefix.
pub(super) fn at_dash(scan: &mut Scan<'_, '_>, at: usize) -> usize {
    let dashes = scan.count(at, usize::MAX, |byte| byte == b'-');
    if dashes < PEM_DASHES {
        return at_prefix(scan, at);
    }
    // A line of dashes is looked at once, whatever its length.
    let label = at + dashes;
    if !scan.is_on(Class::PrivateKey) {
        return label;
    }
    let end = pem_end(scan, label);
    end.map_or(label, |end| {
        scan.found(Class::PrivateKey, Confidence::Certain, label - PEM_DASHES, end)
    })
}

/// Placeholder until the rows stand here.
pub(super) fn labelled(_: Class, _: &[u8], _: bool) -> Option<(usize, Confidence)> {
    None
}

/// Judges a byte that ends a fixed prefix.
pub(super) fn at_prefix(scan: &mut Scan<'_, '_>, at: usize) -> usize {
    let (last, before) = (scan.byte(at), scan.byte_before(at, 1));
    if !can_end_prefix(before, last) {
        return at + 1;
    }
    let so_far = scan.text.get(..=at).unwrap_or_default();
    let rest = scan.text.get(at + 1..).unwrap_or_default();
    let secrets: &[Secret] = match last {
        b'_' => &UNDERSCORED,
        b'-' => &DASHED,
        _ => &LETTERED,
    };
    for secret in secrets.iter().filter(|secret| secret.ends_in(before, last)) {
        let shown = so_far.ends_with(secret.prefix) && rest.starts_with(secret.then);
        if !shown || !scan.is_on(secret.class) {
            continue;
        }
        let start = at + 1 - secret.prefix.len();
        let before = scan.byte_before(start, 1);
        let glued = before.is_ascii_alphanumeric() || matches!(before, b'_' | b'-');
        // An escaped line end that nobody decoded is no letter before.
        let escaped = matches!(before, b'n' | b'r' | b't') && scan.byte_before(start, 2) == b'\\';
        if (glued && !escaped) || start < scan.floor {
            continue;
        }
        if let Some(end) = secret.end(scan, at + 1) {
            return scan.found(secret.class, Confidence::Certain, start, end);
        }
    }
    at + 1
}

/// Whether any prefix ends in these two bytes: answered for every `_` and `-` of a text.
fn can_end_prefix(before: u8, last: u8) -> bool {
    match last {
        b'_' => matches!(before, b'c' | b'e' | b'f' | b'k' | b'm' | b'o' | b'p' | b'r'..=b'u'),
        b'-' => matches!(before, b'a' | b'b' | b'i'..=b'k' | b'p' | b'r'..=b't'),
        b'A' | b'z' => before == b'I',
        b'J' => before == b'y',
        b'G' => before == b'S',
        b'v' => before == b'h',
        _ => false,
    }
}

/// A secret that begins with a fixed prefix.
struct Secret {
    /// As far as its last byte that is a trigger of the candidate pass.
    prefix: &'static [u8],
    /// What must follow directly.
    then: &'static [u8],
    class: Class,
    /// What may follow the prefix.
    body: fn(u8) -> bool,
    /// Fewest and most bytes that may follow.
    length: (usize, usize),
    /// What else must hold for the bytes that follow.
    also: fn(&[u8]) -> bool,
}

impl Secret {
    const fn key(prefix: &'static [u8], body: fn(u8) -> bool, length: (usize, usize)) -> Secret {
        Secret { prefix, then: b"", class: Class::ApiKey, body, length, also: |_| true }
    }

    fn ends_in(&self, before: u8, last: u8) -> bool {
        matches!(self.prefix, [.., b, l] if *b == before && *l == last)
    }

    /// The end of the secret whose body begins at `from`.
    fn end(&self, scan: &Scan<'_, '_>, from: usize) -> Option<usize> {
        if self.class == Class::Jwt {
            return jwt_end(scan, from - self.prefix.len());
        }
        let (shortest, longest) = self.length;
        let length = scan.count(from, longest, self.body);
        let end = from + length;
        let body = scan.text.get(from..end)?;
        let trimmed = body.len() - trailing_punctuation(body);
        // A fixed length must not be the begin of something longer.
        let cut = longest < BODY_BYTES_MAX && scan.byte(end).is_ascii_alphanumeric();
        (trimmed >= shortest && !cut && (self.also)(body)).then_some(from + trimmed)
    }
}

/// Dots and dashes at the end belong to the sentence.
fn trailing_punctuation(body: &[u8]) -> usize {
    body.iter().rev().take_while(|byte| matches!(byte, b'.' | b'-')).count()
}

/// The end of the token that begins at `start`: three base64url parts whose first is a
/// JSON object (RFC 7519 section 3), or five when it is encrypted (RFC 7516).
fn jwt_end(scan: &Scan<'_, '_>, start: usize) -> Option<usize> {
    let header_length = scan.count(start, JWT_HEADER_BYTES_MAX, is_base64url);
    let header_end = start + header_length;
    let part = |from: usize| from + scan.count(from, usize::MAX, is_base64url);
    if scan.byte(header_end) != b'.' {
        return None;
    }
    let payload_end = part(header_end + 1);
    if payload_end == header_end + 1 || scan.byte(payload_end) != b'.' {
        return None;
    }
    let header = URL_SAFE_NO_PAD.decode(scan.text.get(start..header_end)?).ok()?;
    let document = Document::parse(Bytes::from(header), &JWT_HEADER_LIMITS).ok()?;
    if document.root().kind() != Kind::Object {
        return None;
    }
    let mut end = part(payload_end + 1);
    for _ in 0..2 {
        if scan.byte(end) == b'.' && is_base64url(scan.byte(end + 1)) {
            end = part(end + 1);
        }
    }
    Some(end)
}

/// The end of the private key whose label begins at `label`: after its END line, or the
/// end of the text where there is none. What is no private key has no end here.
fn pem_end(scan: &Scan<'_, '_>, label: usize) -> Option<usize> {
    let rest = scan.text.get(label..)?;
    let name = rest.strip_prefix(b"BEGIN ")?;
    let name = name.get(..PEM_LABEL_BYTES_MAX.min(name.len()))?;
    let label_end = memmem::find(name, b"-----")?;
    memmem::find(name.get(..label_end)?, b"PRIVATE KEY")?;
    let Some(end_line) = memmem::find(rest, b"-----END ") else {
        return Some(scan.text.len());
    };
    let after = end_line + b"-----END ".len();
    let tail = rest.get(after..).unwrap_or_default();
    let closing = memmem::find(tail.get(..PEM_LABEL_BYTES_MAX.min(tail.len()))?, b"-----");
    let end = closing.map_or(rest.len(), |closing| after + closing + PEM_DASHES);
    Some(label + end)
}

fn is_upper(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit()
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
}

fn is_dotted(byte: u8) -> bool {
    is_base64url(byte) || byte == b'.'
}

/// Words with dashes between them are no key: somewhere a stretch is random.
fn is_random(body: &[u8]) -> bool {
    let stretch = |part: &[u8]| {
        part.len() >= 16
            && part.iter().any(u8::is_ascii_digit)
            && part.iter().any(u8::is_ascii_alphabetic)
    };
    body.split(|byte| matches!(byte, b'-' | b'_')).any(stretch)
}

/// The two parts of a SendGrid key, after a dot.
fn has_two_parts(body: &[u8]) -> bool {
    let mut parts = body.split(|byte| *byte == b'.').skip(1);
    let (first, second) = (parts.next(), parts.next());
    first.is_some_and(|part| part.len() >= 16) && second.is_some_and(|part| part.len() >= 32)
}

/// Prefixes that end in `_`, with what the issuers document or use.
const UNDERSCORED: [Secret; 15] = [
    // GitHub: personal, OAuth, user-to-server, server-to-server, refresh, fine-grained.
    Secret::key(b"ghp_", is_alphanumeric, (36, BODY_BYTES_MAX)),
    Secret::key(b"gho_", is_alphanumeric, (36, BODY_BYTES_MAX)),
    Secret::key(b"ghu_", is_alphanumeric, (36, BODY_BYTES_MAX)),
    Secret::key(b"ghs_", is_alphanumeric, (36, BODY_BYTES_MAX)),
    Secret::key(b"ghr_", is_alphanumeric, (36, BODY_BYTES_MAX)),
    Secret::key(b"github_pat_", is_base64url, (50, BODY_BYTES_MAX)),
    Secret::key(b"sk_live_", is_alphanumeric, (16, BODY_BYTES_MAX)),
    Secret::key(b"rk_live_", is_alphanumeric, (16, BODY_BYTES_MAX)),
    Secret::key(b"sk_test_", is_alphanumeric, (16, BODY_BYTES_MAX)),
    Secret::key(b"rk_test_", is_alphanumeric, (16, BODY_BYTES_MAX)),
    Secret::key(b"npm_", is_alphanumeric, (36, BODY_BYTES_MAX)),
    Secret::key(b"hf_", is_alphanumeric, (30, BODY_BYTES_MAX)),
    Secret::key(b"whsec_", is_base64, (32, BODY_BYTES_MAX)),
    Secret::key(b"dckr_pat_", is_base64url, (20, BODY_BYTES_MAX)),
    // The gateway's own API keys (`crate::api_key`): id, secret and checksum.
    Secret::key(b"spk_", is_base64url, (63, BODY_BYTES_MAX)),
];

/// Prefixes that end in `-`; the longer of two that end alike first.
const DASHED: [Secret; 11] = [
    Secret::key(b"glpat-", is_dotted, (20, BODY_BYTES_MAX)),
    // Slack: bot, user, app, refresh, legacy tokens; app-level tokens.
    Secret::key(b"xoxb-", is_base64url, (20, BODY_BYTES_MAX)),
    Secret::key(b"xoxa-", is_base64url, (20, BODY_BYTES_MAX)),
    Secret::key(b"xoxp-", is_base64url, (20, BODY_BYTES_MAX)),
    Secret::key(b"xoxr-", is_base64url, (20, BODY_BYTES_MAX)),
    Secret::key(b"xoxs-", is_base64url, (20, BODY_BYTES_MAX)),
    Secret::key(b"xapp-", is_base64url, (20, BODY_BYTES_MAX)),
    // The issuers of language models; the bare prefix is shared by many of them.
    Secret::key(b"sk-ant-", is_base64url, (32, BODY_BYTES_MAX)),
    Secret::key(b"sk-proj-", is_base64url, (32, BODY_BYTES_MAX)),
    Secret { also: is_random, ..Secret::key(b"sk-", is_base64url, (20, BODY_BYTES_MAX)) },
    Secret::key(b"pypi-", is_base64url, (50, BODY_BYTES_MAX)),
];

/// Prefixes that end in a letter.
const LETTERED: [Secret; 7] = [
    Secret { class: Class::Jwt, ..Secret::key(b"eyJ", is_base64url, (0, 0)) },
    // AWS access key ids, long-lived and temporary.
    Secret::key(b"AKIA", is_upper, (16, 16)),
    Secret::key(b"ASIA", is_upper, (16, 16)),
    // Google Cloud and Firebase.
    Secret { then: b"a", ..Secret::key(b"AIz", is_base64url, (36, 36)) },
    Secret { then: b".", also: has_two_parts, ..Secret::key(b"SG", is_dotted, (67, 67)) },
    // HashiCorp Vault service and batch tokens.
    Secret { then: b"s.", ..Secret::key(b"hv", is_dotted, (22, BODY_BYTES_MAX)) },
    Secret { then: b"b.", ..Secret::key(b"hv", is_dotted, (22, BODY_BYTES_MAX)) },
];

/// Unit: bytes. A secret longer than this is cut off here, and what follows it is looked
/// at anew.
const BODY_BYTES_MAX: usize = 4096;

/// Unit: bytes. Headers carry a few short members; certificates make them long.
const JWT_HEADER_BYTES_MAX: usize = 8192;

/// Headers are flat apart from keys.
const JWT_HEADER_LIMITS: Limits =
    Limits { depth_max: 8, nodes_max: 256, number_bytes_max: 64, keys: KeyRule::Exact };

/// Dashes around the label of a PEM block (RFC 7468 section 2).
const PEM_DASHES: usize = 5;

/// Unit: bytes. The longest label in use is `ENCRYPTED PRIVATE KEY`.
const PEM_LABEL_BYTES_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::{DASHED, LETTERED, UNDERSCORED, can_end_prefix};

    #[test]
    fn every_prefix_passes_the_quick_check() {
        for secret in UNDERSCORED.iter().chain(&DASHED).chain(&LETTERED) {
            let [.., before, last] = secret.prefix else { panic!("too short") };
            assert!(can_end_prefix(*before, *last), "{:?}", secret.prefix);
        }
    }
}
