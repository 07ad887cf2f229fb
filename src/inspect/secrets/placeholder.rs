//! What stands where a secret would stand and is none: placeholders, references, words of
//! schemas and programs.
//!
//! Weak secrets are secrets: `changeme` under `password` is what opens the door, and is
//! not left alone.

use super::random::Mix;
use super::sets::Set;

/// Whether a value is written to be replaced, or stands for what was already hidden.
pub(super) fn is_placeholder(value: &[u8]) -> bool {
    let value = value.trim_ascii();
    let Some((first, rest)) = value.split_first() else {
        return true;
    };
    let last = rest.last().copied().unwrap_or(*first);
    is_bracketed(*first, last)
        || is_variable(value)
        || is_repeated(value)
        || is_masked(value)
        || is_reference(value)
        || is_request(value)
}

/// `<password>`, `[REDACTED]`, `{{ secret }}`, `${SECRET}`, `%(password)s`.
fn is_bracketed(first: u8, last: u8) -> bool {
    matches!((first, last), (b'<', b'>') | (b'[', b']') | (b'{', b'}') | (b'(', b')'))
}

/// `$PASSWORD`, `${PASSWORD:-x}`, `$(command)`, `%PASSWORD%`, `#{password}`, `@password@`,
/// `:password`, `%s`, `\(password)`.
fn is_variable(value: &[u8]) -> bool {
    let name = |text: &[u8]| {
        !text.is_empty() && text.iter().all(|b| b.is_ascii_alphabetic() || matches!(b, b'_' | b'.'))
    };
    match value {
        [b'$' | b'#' | b'%' | b'\\', b'{' | b'(', ..] | [b'{', b'{' | b'%', ..] => true,
        // The same in a query string, where brackets and dollars are percent-encoded.
        [b'%', b'3', b'C' | b'c', ..] | [b'%', b'2', b'4', b'%', b'7', b'B' | b'b', ..] => true,
        [b'%', b'e', b'n', b'v', b'(', ..] | [b'%', b'2', b'5', b'e', b'n', b'v', ..] => true,
        [b'%', inner @ .., b'%'] | [b'@', inner @ .., b'@'] | [b'$', inner @ .., b'$'] => {
            name(inner)
        }
        [b'$' | b':', inner @ ..] => name(inner),
        [b'%', format] => format.is_ascii_alphabetic(),
        [b'?'] | [b'<', ..] => true,
        _ => false,
    }
}

/// `xxxxxxxx`, `********`, `--------`, `00000000`, `XXXX-XXXX`, `...`.
fn is_repeated(value: &[u8]) -> bool {
    let mut letters = value.iter().filter(|byte| !matches!(byte, b'-' | b'_' | b' ' | b'.'));
    let Some(first) = letters.next() else {
        return true;
    };
    // `aaa` and `111` are passwords of somebody; crosses, stars and the like are nobody's.
    let crossed = matches!(first, b'x' | b'X' | b'*' | b'#' | b'?' | b'=') || !first.is_ascii();
    let least = if crossed { 2 } else { REPEATED_MIN };
    value.len() >= least && letters.all(|byte| byte.eq_ignore_ascii_case(first) || !byte.is_ascii())
}

/// A value of which stars cover most: `sk-****abcd`, `hu*****2`, `abc...xyz`.
fn is_masked(value: &[u8]) -> bool {
    let stars = value.iter().filter(|byte| **byte == b'*').count();
    if stars >= STARS_MIN {
        return true;
    }
    let marked = value.iter().any(|byte| matches!(byte, b'*' | b'.' | 0x80..));
    let masks = [&b"***"[..], b"...", "•".as_bytes(), "…".as_bytes()];
    marked && value.windows(3).any(|window| masks.contains(&window))
}

/// A path, address or name under which a secret is kept.
fn is_reference(value: &[u8]) -> bool {
    REFERENCES
        .iter()
        .any(|begin| value.get(..begin.len()).is_some_and(|head| head.eq_ignore_ascii_case(begin)))
}

/// `your-api-key-here`, `insert_token`, `replace-me`, `enter password`.
fn is_request(value: &[u8]) -> bool {
    let value = value.get(..REQUEST_BYTES_MAX.min(value.len())).unwrap_or_default();
    let mut words = value
        .split(|byte| !byte.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(<[u8]>::to_ascii_lowercase);
    let first = words.next().unwrap_or_default();
    let begins = REQUESTS.contains(&first.as_slice());
    let last = words.next_back().unwrap_or_default();
    let ends = last == b"here" || last == b"placeholder" || first == b"placeholder";
    // `yourpassword`, `YourSecretKey`.
    let joined = first.starts_with(b"your") && first.len() > 7 && Mix::of(&first).digits == 0;
    ends || joined || (begins && !last.is_empty())
}

/// Words of schemas, programs and prose that stand behind the name of a secret.
pub(super) fn is_plain_word(value: &[u8]) -> bool {
    let trimmed = value.trim_ascii();
    let stops = trimmed.iter().rev().take_while(|b| matches!(b, b'.' | b'!' | b'?' | b':')).count();
    let word = trimmed.get(..trimmed.len() - stops).unwrap_or_default();
    if word.len() > PLAIN_WORD_BYTES_MAX {
        return false;
    }
    let mut lower = [0; PLAIN_WORD_BYTES_MAX];
    let Some(lower) = lower.get_mut(..word.len()) else {
        return false;
    };
    lower.copy_from_slice(word);
    lower.make_ascii_lowercase();
    PLAIN_WORDS.binary_search(&&*lower).is_ok()
}

/// `getpass()`, `os.environ["X"]`, `config.db_password`, `&str`, `Option<String>`: programs
/// name secrets more often than they hold them.
pub(super) fn is_expression(value: &[u8]) -> bool {
    let name = value
        .iter()
        .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b':'))
        .count();
    let (name, rest) = value.split_at(name);
    let letters = name.iter().any(u8::is_ascii_alphabetic);
    if letters && matches!(rest.first(), Some(b'(' | b'[')) {
        let close = rest.iter().rposition(|byte| matches!(byte, b')' | b']'));
        let after = close.and_then(|close| rest.get(close + 1));
        return !after.is_some_and(u8::is_ascii_alphanumeric);
    }
    if letters
        && matches!(rest, [b'<', b'A'..=b'Z' | b'&', ..] | [b'?'])
        && Mix::of(name).digits == 0
    {
        return true;
    }
    if matches!(value, [b'&' | b'*', inner, ..] if inner.is_ascii_lowercase()) {
        return is_plain_word(value.get(1..).unwrap_or_default());
    }
    rest.is_empty() && is_member_path(name)
}

/// `self.password`, `process.env.DB_PASS`, `settings::SECRET_KEY`.
fn is_member_path(name: &[u8]) -> bool {
    let mut parts = name.split(|byte| matches!(byte, b'.' | b':')).filter(|part| !part.is_empty());
    let Some(first) = parts.next() else {
        return false;
    };
    let Some(last) = parts.next_back() else {
        return false;
    };
    let owner = OWNERS.iter().any(|owner| first.eq_ignore_ascii_case(owner));
    let secret = SECRET_WORDS.iter().any(|word| super::rows::contains(last, word));
    Set::ALNUM.or(Set::UNDERSCORE).holds(first) && (owner || secret)
}

const REFERENCES: [&[u8]; 34] = [
    b"http://",
    b"https://",
    b"file:",
    b"arn:",
    b"vault:",
    b"env:",
    b"env.",
    b"secret:",
    b"op://",
    b"ref+",
    b"ssm:",
    b"awssm:",
    b"gcpsm:",
    b"azurekv:",
    b"projects/",
    b"@Microsoft.KeyVault",
    b"secretref:",
    b"valuefrom",
    b"sops:",
    b"keyring:",
    b"keychain:",
    b"cmd:",
    b"!vault",
    b"!ref",
    b"/run/",
    b"/etc/",
    b"/var/",
    b"/home/",
    b"/opt/",
    b"/usr/",
    b"/tmp/",
    b"/mnt/",
    b"/secrets/",
    b"#/",
];

const REQUESTS: [&[u8]; 13] = [
    b"your", b"insert", b"enter", b"replace", b"put", b"paste", b"add", b"type", b"choose",
    b"some", b"example", b"sample", b"fill",
];

/// In the order of bytes: looked up by halves.
const PLAIN_WORDS: [&[u8]; 129] = [
    b"a",
    b"absent",
    b"alphanumeric",
    b"an",
    b"and",
    b"any",
    b"are",
    b"array",
    b"as",
    b"authentication",
    b"base64",
    b"basic",
    b"bearer",
    b"blank",
    b"bool",
    b"boolean",
    b"bytes",
    b"can",
    b"cannot",
    b"changed",
    b"char",
    b"characters",
    b"chars",
    b"cleartext",
    b"confidential",
    b"confirm",
    b"deprecated",
    b"disabled",
    b"does",
    b"empty",
    b"enabled",
    b"encrypted",
    b"env",
    b"environment",
    b"error",
    b"expired",
    b"failed",
    b"failure",
    b"false",
    b"field",
    b"for",
    b"forgot",
    b"forgotten",
    b"generated",
    b"has",
    b"hash",
    b"hashed",
    b"hidden",
    b"if",
    b"in",
    b"incorrect",
    b"input",
    b"int",
    b"integer",
    b"invalid",
    b"is",
    b"it",
    b"key",
    b"label",
    b"leave",
    b"length",
    b"manager",
    b"mandatory",
    b"masked",
    b"maximum",
    b"minimum",
    b"mismatch",
    b"missing",
    b"must",
    b"n/a",
    b"na",
    b"needed",
    b"nil",
    b"no",
    b"none",
    b"not",
    b"nothing",
    b"null",
    b"number",
    b"object",
    b"of",
    b"ok",
    b"omitted",
    b"on",
    b"optional",
    b"or",
    b"plain",
    b"plaintext",
    b"please",
    b"policy",
    b"prompt",
    b"protected",
    b"provided",
    b"redacted",
    b"removed",
    b"required",
    b"reset",
    b"rotated",
    b"saved",
    b"sensitive",
    b"set",
    b"should",
    b"str",
    b"string",
    b"tbd",
    b"text",
    b"that",
    b"the",
    b"this",
    b"to",
    b"token",
    b"true",
    b"type",
    b"undefined",
    b"unknown",
    b"unset",
    b"updated",
    b"use",
    b"user",
    b"username",
    b"valid",
    b"value",
    b"varchar",
    b"was",
    b"when",
    b"will",
    b"with",
    b"wrong",
    b"yes",
];

const OWNERS: [&[u8]; 30] = [
    b"self",
    b"this",
    b"os",
    b"process",
    b"config",
    b"cfg",
    b"conf",
    b"settings",
    b"env",
    b"args",
    b"argv",
    b"request",
    b"req",
    b"user",
    b"options",
    b"opts",
    b"props",
    b"ctx",
    b"context",
    b"params",
    b"data",
    b"secrets",
    b"vault",
    b"var",
    b"vars",
    b"local",
    b"module",
    b"form",
    b"credentials",
    b"import",
];

const SECRET_WORDS: [&[u8]; 8] =
    [b"pass", b"pwd", b"secret", b"token", b"key", b"cred", b"env", b"auth"];

/// Three of them are a password with stars in it sooner than a mask; four are a mask.
const STARS_MIN: usize = 4;

/// Unit: bytes. As many equal characters are no secret of anybody.
const REPEATED_MIN: usize = 5;

/// Unit: bytes. Longer than any word of the table.
const PLAIN_WORD_BYTES_MAX: usize = 16;

/// Unit: bytes. Requests are short.
const REQUEST_BYTES_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::{PLAIN_WORD_BYTES_MAX, PLAIN_WORDS, is_expression, is_placeholder, is_plain_word};

    #[test]
    fn words_are_in_order_and_fit() {
        assert!(PLAIN_WORDS.is_sorted());
        assert!(PLAIN_WORDS.iter().all(|word| word.len() <= PLAIN_WORD_BYTES_MAX));
    }

    #[test]
    fn placeholders_are_known() {
        for value in [
            "",
            "<password>",
            "${PASSWORD}",
            "${DB_PASS:-x}",
            "$PASSWORD",
            "{{ secret }}",
            "********",
            "[REDACTED]",
            "your-api-key-here",
            "YOUR_API_KEY",
            "xxxx",
            "XXXX-XXXX",
            "%PASSWORD%",
            "%s",
            "$(cat x)",
            "<your token>",
            "...",
            "sk-****abcd",
            "•••••••",
            "00000000",
            "/run/secrets/db",
            "arn:aws:secretsmanager:x",
            "https://example.com/reset",
            "#{password}",
            ":password",
            "vault:secret/data/db",
            "yourpassword",
            "API_KEY_HERE",
            "enter password",
        ] {
            assert!(is_placeholder(value.as_bytes()), "{value}");
        }
        for value in [
            "changeme",
            "hunter2",
            "password",
            "$2b$12$abcdefghijkl",
            "P@ss*word",
            "123456",
            "/AbC+dEf",
            "letmein",
            "secret",
            "aaa",
            "$ecret9",
            "you",
            "x1",
        ] {
            assert!(!is_placeholder(value.as_bytes()), "{value}");
        }
    }

    #[test]
    fn words_of_schemas_and_programs_are_known() {
        for value in ["required", "None", "string", "null.", "True"] {
            assert!(is_plain_word(value.as_bytes()), "{value}");
        }
        assert!(!is_plain_word(b"hunter2"));
        for value in [
            "getpass.getpass()",
            "os.environ['X']",
            "self.password",
            "process.env.DB_PASS",
            "Option<String>",
            "&str",
            "config.get(x",
            "settings.SECRET_KEY",
            "input()",
        ] {
            assert!(is_expression(value.as_bytes()), "{value}");
        }
        for value in ["hunter2", "john.smith1", "a.b", "&x9!", "P(ss", "v1.2"] {
            assert!(value == "P(ss" || !is_expression(value.as_bytes()), "{value}");
        }
    }
}
