//! What stands in the place of a value.

use crate::class::{Class, Form};

/// Appends what replaces `value` in text.
pub(super) fn write(out: &mut Vec<u8>, class: Class, form: Form, label: &str, value: &[u8]) {
    let before = out.len();
    match (form, class) {
        (Form::Mask, Class::Email) => email(out, value),
        (Form::Mask, Class::UsSsn | Class::Card) => keep_last(out, value, 4),
        (Form::Mask, Class::Phone) => keep_last(out, value, 2),
        (Form::Mask, Class::Iban) => iban(out, value),
        (Form::Mask, Class::Ip) => ip(out, value),
        (
            Form::Mask
            | Form::Label
            | Form::Surrogate
            | Form::Pseudonym
            | Form::Drop
            | Form::Block
            | Form::Report,
            _,
        ) => {}
    }
    if out.len() == before {
        out.push(b'[');
        out.extend(label.bytes().map(|byte| byte.to_ascii_uppercase()));
        out.push(b']');
    }
}

/// `j***@***.com`
fn email(out: &mut Vec<u8>, value: &[u8]) {
    let text = String::from_utf8_lossy(value);
    if let Some(first) = text.chars().next().filter(|first| first.is_alphanumeric()) {
        out.extend_from_slice(first.encode_utf8(&mut [0; 4]).as_bytes());
    }
    out.extend_from_slice(b"***@***");
    if let Some((_, top)) = text.rsplit_once('.') {
        out.push(b'.');
        out.extend_from_slice(top.as_bytes());
    }
}

/// `**** **** **** 1111`: separators stay, so that people see what it was.
fn keep_last(out: &mut Vec<u8>, value: &[u8], keep: usize) {
    let digits = value.iter().filter(|byte| byte.is_ascii_digit()).count();
    let hide = digits.saturating_sub(keep);
    let mut seen = 0;
    for byte in value {
        let is_digit = byte.is_ascii_digit();
        seen += usize::from(is_digit);
        out.push(if is_digit && seen <= hide { b'*' } else { plain(*byte) });
    }
}

/// `DE** **** **** **** **30 00`
fn iban(out: &mut Vec<u8>, value: &[u8]) {
    let symbols = value.iter().filter(|byte| byte.is_ascii_alphanumeric()).count();
    let mut seen = 0;
    for byte in value {
        let is_symbol = byte.is_ascii_alphanumeric();
        seen += usize::from(is_symbol);
        let hidden = is_symbol && seen > 2 && seen + 4 <= symbols;
        out.push(if hidden { b'*' } else { plain(*byte) });
    }
}

/// `203.*.*.*` and `2001:*`
fn ip(out: &mut Vec<u8>, value: &[u8]) {
    let first = value.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    out.extend_from_slice(value.get(..first).unwrap_or_default());
    out.extend_from_slice(if value.contains(&b':') { b":*" } else { b".*.*.*" });
}

/// Masks keep only what needs no escape in JSON.
fn plain(byte: u8) -> u8 {
    if byte.is_ascii_graphic() && byte != b'"' && byte != b'\\' { byte } else { b' ' }
}

#[cfg(test)]
mod tests {
    use super::write;
    use crate::class::{Class, Form};

    fn masked(class: Class, form: Form, value: &str) -> String {
        let mut out = Vec::new();
        write(&mut out, class, form, class.name(), value.as_bytes());
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn masks_keep_what_is_harmless_and_nothing_else() {
        let cases = [
            (Class::Email, "jane.roe@mail.example.com", "j***@***.com"),
            (Class::Email, "élan@exämple.de", "é***@***.de"),
            (Class::Card, "4111 1111 1111 1234", "**** **** **** 1234"),
            (Class::Card, "378282246310005", "***********0005"),
            (Class::UsSsn, "078-05-1120", "***-**-1120"),
            (Class::Phone, "+1 (212) 555-0147", "+* (***) ***-**47"),
            (Class::Iban, "DE89 3704 0044 0532 0130 00", "DE** **** **** **** **30 00"),
            (Class::Ip, "203.0.113.7", "203.*.*.*"),
            (Class::Ip, "2001:db8::1", "2001:*"),
            (Class::Jwt, "eyJx.eyJy.z", "[JWT]"),
            (Class::ApiKey, "sk_live_1234", "[API_KEY]"),
            (Class::PrivateKey, "-----BEGIN", "[PRIVATE_KEY]"),
        ];
        for (class, value, expected) in cases {
            assert_eq!(masked(class, Form::Mask, value), expected);
        }
    }

    #[test]
    fn labels_name_the_class_and_keep_nothing() {
        for class in Class::BUILTIN {
            let name = class.name().to_uppercase();
            assert_eq!(masked(class, Form::Label, "a1b2"), format!("[{name}]"));
            assert_eq!(masked(class, Form::Block, "a1b2"), format!("[{name}]"));
        }
    }
}
