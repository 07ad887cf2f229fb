//! Whatever a text holds, it is read in time and without a panic.

use proptest::prelude::*;

use super::super::labelled;
use super::hits;
use crate::class::Class;

/// What hostile texts are made of: begins of everything, and nothing that ends it.
const PIECES: [&str; 62] = [
    "sk-",
    "ghp_",
    "github_pat_",
    "glpat-",
    "glpat-xxxxx-",
    "xoxb-xxxxx",
    "eyJ",
    "eyJ.",
    "eyJhbGciOiJub25lIn0.",
    "-----BEGIN PRIVATE KEY-----",
    "-----BEGIN",
    "-----END ",
    "-----",
    "---- ",
    "PuTTY-User-Key-File-2:",
    "AGE-SECRET-KEY-1",
    "://",
    "://u:p",
    "://u:p/",
    "://:",
    "a:b@",
    "@",
    "x1",
    "a1.",
    "a.b.c.d1",
    "/T1",
    "a/b+c1",
    "AKIA",
    "AKIAA1B2C3D4E5F6G7H8",
    "SG.",
    "hvs.",
    "1//0",
    "00D",
    "8Q~",
    "aaa8Q~",
    ":A",
    "123456789:A",
    ":APA91b",
    "Authorization: ",
    "Authorization: Bearer ",
    "Cookie: ",
    "Cookie: a=bbbbbbbbb;",
    "x-key:",
    "password=",
    "Password=a;",
    "Server=a;Password=b;",
    "sig=",
    "&sig=",
    "AccountKey=",
    "Bearer a1",
    "basic a1",
    "0123456789abcdef0123456789abcdef-",
    "_mmk",
    "a:1:b:c:",
    "-u a:b",
    " password a1",
    "login machine password a1",
    "a1B2c3D4e5F6g7H8i9J0",
    "LS0tLS1CRUdJTi",
    "MTk4NjIyNDgzNDcxOTI1MjQ4.",
    "thin:a/",
    "\\n\\r\"'`<",
];

#[test]
fn repeated_begins_are_read_in_time() {
    for piece in PIECES {
        let text = piece.repeat((64 << 10) / piece.len());
        hits(&text);
        hits(&format!("x{text}"));
        for class in [Class::Password, Class::Secret, Class::Cookie, Class::AuthHeader] {
            labelled(class, text.as_bytes(), true);
            labelled(class, text.as_bytes(), false);
        }
    }
}

fn texts() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => prop::sample::select(PIECES.as_slice()).prop_map(str::to_owned),
        2 => "[a-zA-Z0-9]{1,48}",
        1 => "[-_.:=/+~@;&'\" ]{1,4}",
        1 => any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn findings_lie_inside_the_text(text in texts()) {
        for hit in hits(&text) {
            prop_assert!(!hit.2.is_empty());
        }
    }

    #[test]
    fn labelled_values_begin_their_text(text in texts(), whole in any::<bool>()) {
        for class in Class::BUILTIN {
            if let Some((length, _)) = labelled(class, text.as_bytes(), whole) {
                prop_assert!(length > 0 && length <= text.len());
            }
        }
    }
}
