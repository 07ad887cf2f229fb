//! Values that only a name explains: passwords, secrets, keys, cookies, authorisation.
//!
//! The caller knows from a member name, a column head or a label what a value is; here it
//! is decided whether a value stands there at all, and where it ends. Where a label is
//! followed by a quote, the caller passes what stands between the quotes as a whole.

use super::headers;
use super::placeholder::{is_expression, is_placeholder, is_plain_word};
use super::random::{Mix, entropy};
use super::sets::Set;
use crate::class::{Class, Confidence};

/// How long the value of a class at the begin of a text is, and how sure that is.
///
/// `whole`: the text is a JSON string or a cell of a table, and the value all of it.
/// Otherwise the value ends where such values end: at white space, a quote, `<`, or a
/// mark that another member follows. `None`: what stands there is no value of the class,
/// which may be [`Class::Password`], [`Class::Secret`], [`Class::ApiKey`],
/// [`Class::Cookie`] or [`Class::AuthHeader`].
pub(in super::super) fn labelled(
    class: Class,
    text: &[u8],
    whole: bool,
) -> Option<(usize, Confidence)> {
    if class == Class::AuthHeader {
        return authorization(text);
    }
    let text = if whole { text } else { begin(text) };
    let value = if whole { text.trim_ascii_end() } else { natural(text, class) };
    if value.len() > VALUE_BYTES_MAX || is_placeholder(value) || is_plain_word(value) {
        return None;
    }
    if !whole {
        let quoted = |byte: &u8| *byte <= b' ' || matches!(byte, b'"' | b'\'' | b'`' | b'\\');
        let end = text.iter().position(quoted).unwrap_or(text.len());
        let mut word = text.get(..end).unwrap_or_default();
        while let [inner @ .., b',' | b';'] = word {
            word = inner;
        }
        if is_expression(word) {
            return None;
        }
    }
    let confidence = match class {
        Class::Password if whole => whole_password(value),
        Class::Password => password_in_text(value, text),
        Class::Secret | Class::ApiKey => secret(value),
        Class::Cookie => cookie(value),
        _ => None,
    }?;
    Some((value.len(), confidence))
}

/// Only the begin of a text can be a value that nothing delimits.
fn begin(text: &[u8]) -> &[u8] {
    text.get(..VALUE_BYTES_MAX.min(text.len())).unwrap_or_default()
}

fn authorization(text: &[u8]) -> Option<(usize, Confidence)> {
    let (range, confidence) = headers::credential(text)?;
    Some((range.end, confidence))
}

/// The value at the begin of a text that nothing delimits.
fn natural(text: &[u8], class: Class) -> &[u8] {
    let value = text.get(..natural_end(text, class == Class::Cookie)).unwrap_or_default();
    let mut length = value.len();
    // What closes a bracket or sentence that was opened before the value is none of it.
    while let Some(last) = value.get(..length).and_then(<[u8]>::last) {
        let before = value.get(..length - 1).unwrap_or_default();
        let closes = match last {
            b')' => !before.contains(&b'('),
            b']' => !before.contains(&b'['),
            b'}' => !before.contains(&b'{'),
            b'.' | b',' | b';' | b':' | b'&' => true,
            _ => false,
        };
        if !closes {
            break;
        }
        length -= 1;
    }
    value.get(..length).unwrap_or_default()
}

/// Where a value ends: at white space, quotes, a backslash, `<`; at `,`, `;` and `&` where
/// something else follows that has a name, or nothing does.
fn natural_end(text: &[u8], cookie: bool) -> usize {
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        let ends = match byte {
            b'"' | b'\'' | b'`' | b'<' | b'\\' | 0..=b' ' | 0x7F => true,
            b';' if cookie => true,
            b',' | b';' | b'&' | b'|' => is_followed(text.get(at + 1..).unwrap_or_default()),
            b'}' | b')' | b']' => is_closed(text, at),
            _ => false,
        };
        if ends {
            return at;
        }
        at += 1;
    }
    at
}

/// Whether a mark is the end of a value: a name, white space or nothing follows.
fn is_followed(rest: &[u8]) -> bool {
    let name = rest.iter().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
    let name = name.count();
    match rest.get(name) {
        None => name == 0,
        Some(b'=' | b':') => name > 0 && name <= NAME_BYTES_MAX,
        Some(byte) => name == 0 && (byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'')),
    }
}

/// Whether a bracket at a place closes one before the value: none is open, and no more of
/// the value follows.
fn is_closed(text: &[u8], at: usize) -> bool {
    let open = match text.get(at) {
        Some(b'}') => b'{',
        Some(b')') => b'(',
        _ => b'[',
    };
    let before = text.get(..at).unwrap_or_default();
    let next = text.get(at + 1).copied().unwrap_or(b' ');
    !before.contains(&open) && matches!(next, b' ' | b',' | b';' | b'}' | b')' | b']' | b'\n')
}

/// A password that is all of a string: one word, or a phrase.
fn whole_password(value: &[u8]) -> Option<Confidence> {
    let words = value.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).count();
    if words > 1 {
        return is_phrase(value, words).then_some(Confidence::Likely);
    }
    let length = value.len();
    if !(PASSWORD_BYTES_MIN..=PASSWORD_BYTES_MAX).contains(&length) {
        return None;
    }
    let strong = length >= 8 && Mix::of(value).kinds() >= 3;
    Some(if strong { Confidence::Certain } else { Confidence::Likely })
}

/// Whether several words are a passphrase and no sentence about one.
fn is_phrase(value: &[u8], words: usize) -> bool {
    let mix = Mix::of(value);
    let mut parts = value.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    if value.len() > PHRASE_BYTES_MAX || words > PHRASE_WORDS_MAX || parts.clone().any(is_prose) {
        return false;
    }
    // White space counts among the other characters.
    let marked = mix.digits > 0 && mix.others >= words;
    let plain = parts.all(|word| word.len() >= 3 && Set::LETTER.holds(word));
    marked || (plain && words >= PHRASE_WORDS_MIN)
}

/// Words that sentences about passwords hold.
fn is_prose(word: &[u8]) -> bool {
    is_plain_word(word) || PROSE.iter().any(|prose| word.eq_ignore_ascii_case(prose))
}

/// A password behind a label in running text: one word.
fn password_in_text(value: &[u8], text: &[u8]) -> Option<Confidence> {
    if !(PASSWORD_BYTES_MIN..=PASSWORD_BYTES_MAX).contains(&value.len()) {
        return None;
    }
    let mix = Mix::of(value);
    let rest = text.get(value.len()..).unwrap_or_default();
    if mix.digits + mix.others == 0 {
        // `password=password` hands a variable on.
        let named = PASSWORD_NAMES.iter().any(|name| value.eq_ignore_ascii_case(name));
        if named || is_sentence(rest) {
            return None;
        }
    } else if mix.letters == 0 && is_counted(rest) {
        return None;
    }
    let strong = value.len() >= 8 && mix.kinds() >= 3;
    Some(if strong { Confidence::Certain } else { Confidence::Likely })
}

/// Whether another word goes on behind a word, and is no name with a value.
fn is_sentence(rest: &[u8]) -> bool {
    let Some(rest) = rest.strip_prefix(b" ") else {
        return false;
    };
    let length = Set::ALNUM.or(Set::UNDERSCORE).count(rest);
    rest.first().is_some_and(u8::is_ascii_alphabetic)
        && !matches!(rest.get(length), Some(b'=' | b':'))
}

/// `8-64 characters` is a rule, no password.
fn is_counted(rest: &[u8]) -> bool {
    let rest = rest.trim_ascii_start();
    let word = rest.get(..Set::LETTER.count(rest)).unwrap_or_default();
    COUNTED.iter().any(|counted| word.eq_ignore_ascii_case(counted))
}

/// A value that is random, or at least no word.
fn secret(value: &[u8]) -> Option<Confidence> {
    let printable = value.iter().all(u8::is_ascii_graphic);
    if !printable || value.len() < SECRET_BYTES_MIN {
        return None;
    }
    let mix = Mix::of(value);
    let bits = entropy(value);
    let hex = Set::UUID.holds(value);
    let long = value.len() >= LONG_SECRET_BYTES_MIN;
    // gitleaks' rule for values that a name explains: 3.5 bits a byte, and no letters alone;
    // detect-secrets': 3.0 bits for hexadecimal ones. Short ones cannot have as many.
    let (least, enough) = match value.len() {
        0..=11 => (2.5, 2.75),
        12..=15 => (2.75, 3.25),
        _ if hex => (2.7, 3.0),
        _ => (3.0, 3.5),
    };
    let mixed = mix.digits > 0 && mix.letters > 0;
    let capitals = mix.rises >= 3 && mix.upper >= 4 && long;
    let marked = mix.letters > 0 && mix.others >= 2 && !is_words(value);
    if !(mixed || capitals || marked) || bits < least || is_words_with_number(value, mix) {
        return None;
    }
    Some(if bits >= enough && long { Confidence::Certain } else { Confidence::Likely })
}

/// Words joined by marks: `my-service_account.name`.
fn is_words(value: &[u8]) -> bool {
    let mut parts = value.split(|byte| !byte.is_ascii_alphanumeric());
    parts.all(|part| Set::LOWER.holds(part) || Set::UPPER.holds(part) || is_capitalised(part))
}

fn is_capitalised(part: &[u8]) -> bool {
    matches!(part, [first, rest @ ..] if first.is_ascii_uppercase() && Set::LOWER.holds(rest))
}

/// `production-cluster-2`, `v1.2.3-beta`, `2024-01-31T00:00:00`: words and numbers that marks
/// keep apart, each of one kind.
fn is_words_with_number(value: &[u8], mix: Mix) -> bool {
    let parts = value.split(|byte| !byte.is_ascii_alphanumeric());
    let plain = |part: &[u8]| {
        Set::DIGIT.holds(part) && part.len() <= 8
            || Set::LOWER.holds(part)
            || Set::UPPER.holds(part)
            || is_capitalised(part)
    };
    mix.others > 0 && parts.clone().all(|part| plain(part) || is_version(part))
}

/// `v2`, `t00`, `x86`.
fn is_version(part: &[u8]) -> bool {
    let letters = Set::LETTER.count(part);
    part.len() <= 4 && Set::DIGIT.holds(part.get(letters..).unwrap_or_default())
}

/// A cookie's value, or a whole field of cookies.
fn cookie(value: &[u8]) -> Option<Confidence> {
    let graphic = value.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ');
    if !graphic || value.len() < headers::COOKIE_BYTES_MIN {
        return None;
    }
    let field = value.contains(&b'=');
    let spaced = value.contains(&b' ');
    ((field || !spaced) && !(field && is_emptied(value))).then_some(Confidence::Likely)
}

/// Whether every value of a field of cookies was taken out of it: `session=[COOKIE]; Path=/`.
fn is_emptied(field: &[u8]) -> bool {
    field.split(|byte| *byte == b';').map(<[u8]>::trim_ascii).all(|pair| {
        let mark = pair.iter().position(|byte| *byte == b'=');
        let Some((name, value)) = mark.and_then(|mark| pair.split_at_checked(mark)) else {
            return pair.is_empty() || headers::is_flag(pair);
        };
        headers::is_attribute(name) || is_placeholder(value.get(1..).unwrap_or_default())
    })
}

/// Unit: bytes. Two characters are no password.
const PASSWORD_BYTES_MIN: usize = 3;

/// Unit: bytes. Longer words are something else; hashes of passwords are shorter.
const PASSWORD_BYTES_MAX: usize = 256;

/// Unit: bytes. As for passwords of one word.
const SECRET_BYTES_MIN: usize = 8;

/// Unit: bytes. Random values of this length are no accident.
const LONG_SECRET_BYTES_MIN: usize = 16;

/// Unit: bytes. What is longer is a document.
const VALUE_BYTES_MAX: usize = 4096;

/// Unit: bytes. Names that can follow a value.
const NAME_BYTES_MAX: usize = 32;

/// Unit: bytes. Longer phrases are sentences.
const PHRASE_BYTES_MAX: usize = 80;

/// Phrases are drawn from lists of words, three at the least.
const PHRASE_WORDS_MIN: usize = 3;
const PHRASE_WORDS_MAX: usize = 10;

const PASSWORD_NAMES: [&[u8]; 7] =
    [b"password", b"passwd", b"pwd", b"pass", b"passphrase", b"pw", b"userpassword"];

const COUNTED: [&[u8]; 9] = [
    b"characters",
    b"character",
    b"chars",
    b"char",
    b"digits",
    b"letters",
    b"bytes",
    b"bits",
    b"symbols",
];

const PROSE: [&[u8]; 32] = [
    b"your",
    b"my",
    b"their",
    b"his",
    b"her",
    b"our",
    b"its",
    b"from",
    b"by",
    b"at",
    b"least",
    b"more",
    b"than",
    b"contain",
    b"contains",
    b"include",
    b"password",
    b"passwords",
    b"secret",
    b"enter",
    b"account",
    b"login",
    b"sign",
    b"change",
    b"used",
    b"using",
    b"only",
    b"between",
    b"least",
    b"which",
    b"you",
    b"be",
];
