//! What holds for every stream.

use proptest::prelude::*;
use serde_json::Value as Tree;

use super::{drive, planned, small, streamed};
use crate::class::{ClassSet, Form};
use crate::inspect::stream::{Kind, Stream};
use crate::inspect::tests::detector;
use crate::limits::STREAM_HELD_BYTES_MAX;

/// JSON with long and short strings, in which strings are JSON again.
fn trees() -> impl Strategy<Value = Tree> {
    let word = prop::sample::select(vec![
        "jane.roe@example.com",
        "078-05-1120",
        "4111111111111111",
        "ssn: ",
        "\n",
        " ",
        "\"",
        "\\",
        "é",
        "\u{200b}",
        "７８",
        "[",
        "{\"a\":",
        "eyJhbGciOiJIUzI1NiJ9.e30.x",
        "]",
        "}",
        ",",
        "x",
        "12",
        "-----BEGIN PRIVATE KEY-----",
        "-----END PRIVATE KEY-----",
        "ghp_",
        "@",
        "😀",
    ]);
    let text = prop::collection::vec(word, 0..40).prop_map(|words| words.concat());
    let leaf = prop_oneof![
        text.clone().prop_map(Tree::from),
        any::<i64>().prop_map(Tree::from),
        Just(Tree::from(219_099_999)),
        Just(Tree::Null),
        any::<bool>().prop_map(Tree::from),
    ];
    let name =
        prop_oneof![Just(String::from("ssn")), Just(String::from("text")), "[a-c]{1,3}", text];
    leaf.prop_recursive(5, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Tree::from),
            prop::collection::vec((name.clone(), inner.clone()), 0..6)
                .prop_map(|members| Tree::Object(members.into_iter().collect())),
            inner.prop_map(|tree| Tree::from(tree.to_string())),
        ]
    })
}

fn kinds() -> impl Strategy<Value = Kind> {
    prop::sample::select(vec![Kind::Json, Kind::Text])
}

proptest! {
    #[test]
    fn splits_of_any_message_give_the_same_result(
        tree in trees(),
        kind in kinds(),
        window in 64_usize..1024,
        sizes in prop::collection::vec(1_usize..300, 1..40),
    ) {
        let detector = detector(Form::Label);
        let text = tree.to_string();
        let whole = drive(small(&detector, kind, window), [text.as_bytes()]);
        let (mut rest, mut chunks) = (text.as_bytes(), Vec::new());
        for size in sizes.iter().cycle() {
            let (chunk, later) = rest.split_at((*size).min(rest.len()));
            chunks.push(chunk);
            rest = later;
            if rest.is_empty() {
                break;
            }
        }
        let parts = drive(small(&detector, kind, window), chunks);
        match (whole, parts) {
            (Ok((whole, counts)), Ok((parts, same))) => {
                prop_assert_eq!(String::from_utf8_lossy(&whole), String::from_utf8_lossy(&parts));
                prop_assert_eq!(counts.counts, same.counts);
            }
            (whole, parts) => {
                // Only a name that is longer than the window.
                prop_assert!(whole.is_err() && parts.is_err(), "{:?} {:?}", whole, parts);
            }
        }
    }

    #[test]
    fn any_message_stays_json_and_what_may_be_seen_stays(tree in trees(), window in 256_usize..1024) {
        let detector = detector(Form::Label);
        let text = tree.to_string();
        if let Ok((out, _)) = drive(small(&detector, Kind::Json, window), [text.as_bytes()]) {
            prop_assert!(serde_json::from_slice::<Tree>(&out).is_ok(), "{}", String::from_utf8_lossy(&out));
        }
        for kind in [Kind::Json, Kind::Text] {
            let stream = Stream { reveal: ClassSet::all(), ..small(&detector, kind, window) };
            if let Ok((out, _)) = drive(stream, [text.as_bytes()]) {
                prop_assert_eq!(String::from_utf8_lossy(&out), &text[..]);
            }
        }
    }

    #[test]
    fn message_that_fits_gives_what_a_whole_one_gives(tree in trees()) {
        let detector = detector(Form::Label);
        let text = tree.to_string();
        if text.len() < STREAM_HELD_BYTES_MAX {
            prop_assert_eq!(streamed(&detector, Kind::Json, &text), planned(&detector, &text));
        }
    }

    #[test]
    fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..3000), window in 64_usize..600) {
        let detector = detector(Form::Label);
        let stream = Stream { reveal: ClassSet::all(), ..small(&detector, Kind::Text, window) };
        let (out, _) = drive(stream, [&bytes[..]]).unwrap();
        prop_assert_eq!(out, bytes.clone());
        let _ = drive(small(&detector, Kind::Json, window), [&bytes[..]]);
    }
}
