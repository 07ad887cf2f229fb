//! What comes from outside the text: `${NAME}` in any text, and secrets by reference.
//!
//! Guarantees: a replaced text is a text and never YAML, so that no value of the environment adds
//! keys; an unset variable is a problem, not an empty text; a secret is read from a file or the
//! environment only, and its value is in no message.

use base64::Engine as _;
use zeroize::Zeroizing;

use crate::limits::FILE_BYTES_MAX;
use crate::secret::Secret;

use super::Environment;
use super::check::{At, Context};
use super::problem::Problem;
use super::raw::SecretRef;
use super::tree::{Node, Value, join};

/// Replaces `${NAME}` and `${NAME:-default}` in every text below `root`; `$$` becomes `$`.
/// Returns the variables that were used.
pub(super) fn interpolate(
    root: &mut Node,
    env: Environment<'_>,
    problems: &mut Vec<Problem>,
) -> Vec<(String, String)> {
    let mut used = Vec::new();
    visit(root, "", &mut |node, path| {
        let Value::Text(text) = &mut node.value else { return };
        match expand(&text.text, env, &mut used) {
            Ok(None) => {}
            Ok(Some(expanded)) => {
                text.typed = Some(std::mem::replace(&mut text.text, expanded));
            }
            Err(why) => {
                problems.push(Problem::error(path.into(), node.span, why.to_string(), why.help()));
                node.value = Value::Unset;
            }
        }
    });
    used
}

/// Why a text cannot be expanded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum ExpandError {
    #[error("the environment variable `{0}` is not set")]
    Unset(String),
    #[error("`${{` has no `}}`")]
    Open,
    #[error("`${{{0}}}` is not the name of a variable")]
    Name(String),
    #[error("the text is too long after its variables are replaced")]
    TooLong,
}

impl ExpandError {
    fn help(&self) -> String {
        match self {
            Self::Unset(name) => format!("set it, or give a default: `${{{name}:-default}}`"),
            Self::Open => "close it with `}`, or write `$$` for a `$`".into(),
            Self::Name(_) => {
                "write `${NAME}` with letters, digits and `_`, or `$$` for a `$`".into()
            }
            Self::TooLong => format!("at most {FILE_BYTES_MAX} bytes are used"),
        }
    }
}

/// `None` where there is nothing to replace.
fn expand(
    text: &str,
    env: Environment<'_>,
    used: &mut Vec<(String, String)>,
) -> Result<Option<String>, ExpandError> {
    if !text.contains("${") && !text.contains("$$") {
        return Ok(None);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        rest = if let Some(after) = after.strip_prefix('$') {
            out.push('$');
            after
        } else if let Some(after) = after.strip_prefix('{') {
            let (inside, after) = after.split_once('}').ok_or(ExpandError::Open)?;
            out.push_str(&variable(inside, env, used)?);
            after
        } else {
            out.push('$');
            after
        };
        if out.len() > FILE_BYTES_MAX {
            return Err(ExpandError::TooLong);
        }
    }
    out.push_str(rest);
    Ok(Some(out))
}

fn variable(
    inside: &str,
    env: Environment<'_>,
    used: &mut Vec<(String, String)>,
) -> Result<String, ExpandError> {
    let (name, default) = match inside.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (inside, None),
    };
    if !is_variable(name) {
        return Err(ExpandError::Name(super::structure::short(inside)));
    }
    // As in a shell, `:-` also replaces an empty value.
    let value = env(name).filter(|value| default.is_none() || !value.is_empty());
    let value = match (value, default) {
        (Some(value), _) => value,
        (None, Some(default)) => default.to_owned(),
        (None, None) => return Err(ExpandError::Unset(name.into())),
    };
    used.push((name.to_owned(), value.clone()));
    Ok(value)
}

/// POSIX: letters, digits and `_`, not beginning with a digit.
pub(super) fn is_variable(name: &str) -> bool {
    name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
}

fn visit(node: &mut Node, path: &str, see: &mut impl FnMut(&mut Node, &str)) {
    match &mut node.value {
        Value::List(items) => items
            .iter_mut()
            .for_each(|item| visit(&mut item.node, &format!("{path}[{}]", item.number), see)),
        Value::Map(entries) => entries
            .iter_mut()
            .for_each(|entry| visit(&mut entry.node, &join(path, &entry.key), see)),
        Value::Text(_) => see(node, path),
        Value::Null | Value::Bool(_) | Value::Integer(_) | Value::Float(_) | Value::Unset => {}
    }
}

/// The value that a reference points at, without one line end at its end.
pub(super) fn secret(cx: &mut Context<'_>, at: &At<'_>, reference: &SecretRef) -> Option<Secret> {
    let value = raw_value(cx, at, reference)?;
    let text = value.strip_suffix(b"\n").unwrap_or(&value);
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    if text.is_empty() {
        cx.error(at, "the secret is empty", "put the value into the file or the variable");
        return None;
    }
    cx.files.note_secret("secret", text);
    Some(Secret::new(text.to_vec()))
}

/// A key of 32 bytes: as they are, or in hex or base64.
pub(super) fn key32(cx: &mut Context<'_>, at: &At<'_>, reference: &SecretRef) -> Option<Secret> {
    let value = raw_value(cx, at, reference)?;
    let Some(key) = decode32(&value) else {
        cx.error(
            at,
            "the key is not 32 bytes, as they are or in hex or base64",
            "make one with `openssl rand -base64 32`",
        );
        return None;
    };
    cx.files.note_secret("key", &key);
    Some(Secret::new(key.to_vec()))
}

fn raw_value(
    cx: &mut Context<'_>,
    at: &At<'_>,
    reference: &SecretRef,
) -> Option<Zeroizing<Vec<u8>>> {
    match reference {
        SecretRef::File(file) => {
            let path = cx.resolve(&file.0);
            cx.read_secret(&at.key("file"), &path).map(Zeroizing::new)
        }
        SecretRef::Env(name) => {
            let Some(value) = (cx.env)(name) else {
                let why = ExpandError::Unset(super::structure::short(name));
                cx.error(&at.key("env"), why.to_string(), "set it where the gateway is started");
                return None;
            };
            Some(Zeroizing::new(value.into_bytes()))
        }
    }
}

fn decode32(value: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
    if value.len() == KEY_BYTES {
        return Some(Zeroizing::new(value.to_vec()));
    }
    let text = std::str::from_utf8(value).ok()?.trim();
    let hex = || {
        let digits: Vec<u32> = text.chars().map(|c| c.to_digit(16)).collect::<Option<_>>()?;
        let (pairs, []) = digits.as_chunks::<2>() else { return None };
        pairs.iter().map(|[high, low]| u8::try_from(high * 16 + low).ok()).collect()
    };
    let engines = [STANDARD, URL_SAFE, URL_SAFE_NO_PAD];
    let base64 = || engines.iter().find_map(|engine| engine.decode(text).ok());
    let is_key = |bytes: &Vec<u8>| bytes.len() == KEY_BYTES;
    hex().filter(is_key).or_else(|| base64().filter(is_key)).map(Zeroizing::new)
}

/// A 256-bit key. Unit: bytes. Source: AES-256 and ChaCha20.
const KEY_BYTES: usize = 32;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{ExpandError, decode32, expand};

    fn env(name: &str) -> Option<String> {
        match name {
            "HOST" => Some("db.internal".into()),
            "EMPTY" => Some(String::new()),
            "YAML" => Some("a: {b: c}\nd: ${HOST}".into()),
            _ => None,
        }
    }

    fn expanded(text: &str) -> Result<Option<String>, ExpandError> {
        expand(text, &env, &mut Vec::new())
    }

    #[test]
    fn variables_and_defaults_are_replaced() {
        assert_eq!(expanded("http://${HOST}/x"), Ok(Some("http://db.internal/x".into())));
        assert_eq!(expanded("${NONE:-fallback}"), Ok(Some("fallback".into())));
        assert_eq!(expanded("${EMPTY:-fallback}"), Ok(Some("fallback".into())));
        assert_eq!(expanded("[${EMPTY}]"), Ok(Some("[]".into())));
        assert_eq!(expanded("plain $HOME $1"), Ok(None));
    }

    #[test]
    fn doubled_dollar_is_a_dollar() {
        assert_eq!(expanded("$${HOST}"), Ok(Some("${HOST}".into())));
        assert_eq!(expanded("a$$$$b"), Ok(Some("a$$b".into())));
    }

    #[test]
    fn replaced_text_is_not_read_again() {
        assert_eq!(expanded("${YAML}"), Ok(Some("a: {b: c}\nd: ${HOST}".into())));
    }

    #[test]
    fn unset_open_and_odd_names_are_refused() {
        assert_eq!(expanded("${NONE}"), Err(ExpandError::Unset("NONE".into())));
        assert_eq!(expanded("${HOST"), Err(ExpandError::Open));
        for name in ["", "1A", "A-B", "A B", "A:B"] {
            assert!(
                matches!(expanded(&format!("${{{name}}}")), Err(ExpandError::Name(_))),
                "{name}"
            );
        }
    }

    #[test]
    fn expanded_text_ends_at_file_bytes_max() {
        let long = |_: &str| Some("x".repeat(crate::limits::FILE_BYTES_MAX));
        assert!(expand("${A}", &long, &mut Vec::new()).is_ok());
        assert_eq!(expand("${A}${A}", &long, &mut Vec::new()), Err(ExpandError::TooLong));
    }

    #[test]
    fn key_is_32_bytes_in_any_of_three_forms() {
        let bytes: Vec<u8> = (200..232).collect();
        let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
        let base64 = {
            use base64::Engine as _;
            base64::engine::general_purpose::STANDARD.encode(&bytes) + "\n"
        };
        for form in [bytes.as_slice(), hex.as_bytes(), base64.as_bytes()] {
            assert_eq!(decode32(form).as_deref(), Some(&bytes));
        }
        assert!(decode32(&bytes[1..]).is_none() && decode32(b"short").is_none());
    }

    proptest! {
        #[test]
        fn text_without_dollar_stays(text in "[^$]{0,60}") {
            prop_assert_eq!(expanded(&text), Ok(None));
        }

        #[test]
        fn escaped_text_comes_back(text in "\\PC{0,60}") {
            let escaped = text.replace('$', "$$");
            let back = expanded(&escaped).unwrap().unwrap_or(escaped);
            prop_assert_eq!(back, text);
        }
    }
}
