//! Fixed forms: each row of the tables, and what stands beside them.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use super::super::rows::{Piece, Row};
use super::super::sets::Set;
use super::super::{checksum, marked, words};
use super::{BASE62, Dice, assert_no_secret, found, hits, secrets};
use crate::class::{Class, Confidence};
use crate::inspect::context::Hints;
use crate::inspect::scan::{Findings, Scan, Subject, Wanted};

/// A value of a row's form; as long as the form allows, or as short.
fn sample(row: &Row, dice: &mut Dice, short_by: usize) -> String {
    let mut value = String::from_utf8(row.prefix.to_vec()).unwrap();
    let is_run = |piece: &Piece| matches!(piece, Piece::Run(..));
    let last = row.shape.iter().rposition(is_run).unwrap();
    for (place, piece) in row.shape.iter().enumerate() {
        match piece {
            Piece::Text(text) => value.push_str(std::str::from_utf8(text).unwrap()),
            Piece::Run(set, 36, 36) if *set == Set::UUID => value.push_str(&uuid(dice)),
            Piece::Run(set, least, _) => {
                let length = if place == last { least - short_by } else { *least };
                value.push_str(&dice.draw(&alphabet(*set), length));
            }
        }
    }
    if short_by > 0 && matches!(row.shape[last], Piece::Run(Set::UUID, 36, 36)) {
        value.pop();
    }
    value
}

fn alphabet(set: Set) -> Vec<u8> {
    // Padding and percent signs stand in places of their own.
    (0..=127).filter(|byte| set.has(*byte) && !b"=%".contains(byte)).collect()
}

fn uuid(dice: &mut Dice) -> String {
    let parts = [8, 4, 4, 4, 12].map(|length| dice.draw(b"0123456789abcdef", length));
    parts.join("-")
}

fn rows() -> impl Iterator<Item = &'static Row> {
    marked::ROWS.iter().chain(&words::ROWS)
}

/// What one row says about the begin of a text.
fn judge(row: &Row, text: &str) -> Option<usize> {
    let mut findings = Findings::default();
    let subject =
        Subject { text: text.as_bytes(), named: Hints::NONE, numeric: false, is_name: false };
    let wanted = Wanted::everything();
    let mut scan = Scan::new(subject, &wanted, &mut findings);
    row.judge(&mut scan, 0)
}

#[test]
fn tables_know_more_than_a_hundred_issuers_forms() {
    assert!(rows().count() >= 240);
}

#[test]
fn every_row_takes_its_form_and_nothing_shorter() {
    let mut dice = Dice(7);
    for row in rows() {
        let mut taken = 0;
        for _ in 0..50 {
            let value = sample(row, &mut dice, 0);
            taken += usize::from(judge(row, &value) == Some(value.len()));
            let short = sample(row, &mut dice, 1);
            assert_eq!(judge(row, &short), None, "{short}");
            assert_eq!(judge(row, &format!("{short} {short}")), None, "{short}");
        }
        // Where a body must look random, the shortest one drawn by lot may fail to.
        let least = if row.must_look_random() { 40 } else { 50 };
        assert!(taken >= least, "{taken} of 50: {:?}", String::from_utf8_lossy(row.prefix));
    }
}

#[test]
fn every_form_is_found_in_running_text() {
    let mut dice = Dice(11);
    let (mut all, mut missed) = (0, Vec::new());
    for row in rows() {
        for _ in 0..40 {
            let value = sample(row, &mut dice, 0);
            if judge(row, &value).is_none() {
                continue;
            }
            for text in [
                value.clone(),
                format!("the key is {value}, keep it"),
                format!("\"k\": \"{value}\""),
                format!("a={value}\n"),
                format!("x\\n{value}\\n"),
            ] {
                all += 1;
                // Another row may take it, or a look-alike beside it; none of it may stay.
                let most = value.trim_end_matches(['-', '.']);
                let hidden = hits(&text).iter().any(|hit| hit.2.contains(most));
                if !hidden {
                    missed.push(text);
                }
            }
        }
    }
    let share = missed.len() as f64 / all as f64;
    assert!(share < 0.002, "{share}: {:?}", &missed[..missed.len().min(60)]);
}

#[test]
fn forms_glued_to_a_word_stay() {
    let mut dice = Dice(13);
    for row in rows() {
        let value = sample(row, &mut dice, 0);
        assert_eq!(judge(row, &format!("x{value}")), None);
        let text = format!("Qq{value}");
        let begins = |hit: &super::Hit| hit.1 > Confidence::Possible && hit.2 == value;
        assert!(!secrets(&text).iter().any(begins), "{text}");
    }
}

#[test]
fn check_characters_make_a_token_certain() {
    let mut dice = Dice(17);
    for prefix in ["ghp", "gho", "ghu", "ghs", "ghr", "npm"] {
        let random = dice.draw(BASE62, 30);
        let check = checksum::encode(checksum::crc32(random.as_bytes()));
        let check = std::str::from_utf8(&check).unwrap();
        let token = format!("{prefix}_{random}{check}");
        assert_eq!(hits(&token), [(Class::ApiKey, Confidence::Certain, token.clone())]);
        let wrong = format!("{prefix}_{random}{}", if check == "000000" { "1" } else { "000000" });
        let expected = [(Class::ApiKey, Confidence::Likely, wrong.clone())];
        assert_eq!(hits(&wrong).as_slice(), expected.get(..usize::from(wrong.len() > 39)).unwrap());
    }
}

#[test]
fn tokens_behind_an_instances_own_prefix_are_found() {
    let mut dice = Dice(19);
    let token = format!("glp{}-{}", "at", dice.draw(BASE62, 20));
    assert_eq!(found(Class::ApiKey, &format!("acme-{token}")), std::slice::from_ref(&token));
    assert_eq!(found(Class::ApiKey, &format!("TOKEN_{token}")), std::slice::from_ref(&token));
    assert_eq!(
        found(Class::ApiKey, &format!("\u{1b}[32m{token}\u{1b}[0m")),
        std::slice::from_ref(&token)
    );
    assert_eq!(found(Class::ApiKey, &format!("?t%3D{token}")), [token]);
}

#[test]
fn stateless_installation_token_is_one_value() {
    let mut dice = Dice(23);
    let token = format!("gh{}_123456_{}", "s", jwt(&mut dice));
    assert_eq!(found(Class::ApiKey, &format!("token: {token} ok")), [token]);
}

fn jwt(dice: &mut Dice) -> String {
    let header = URL_SAFE_NO_PAD.encode(br#"{"alg":"RS256","typ":"JWT"}"#);
    format!("{header}.{}.{}", URL_SAFE_NO_PAD.encode(br#"{"sub":"1"}"#), dice.draw(BASE62, 86))
}

#[test]
fn forms_known_by_marks_inside_are_found() {
    let mut dice = Dice(29);
    let hex = |dice: &mut Dice, length| dice.draw(b"0123456789abcdef", length);
    let id = URL_SAFE_NO_PAD.encode("198622483471925248");
    let cases = [
        // Discord, HCP Terraform, Mailchimp, Mailgun, MaxMind, New Relic.
        format!("{id}.{}.{}", "Cl2FMQ", dice.draw(BASE62, 27)),
        format!("{}.atlasv1.{}", dice.draw(BASE62, 14), dice.draw(BASE62, 67)),
        format!("{}.atlasv1.{}", "abcdefghijklmn", dice.draw(BASE62, 67)),
        format!("{}-us12", hex(&mut dice, 32)),
        format!("{}-{}-{}", hex(&mut dice, 32), hex(&mut dice, 8), hex(&mut dice, 8)),
        format!("{}_{}_mmk", dice.draw(BASE62, 6), dice.draw(BASE62, 29)),
        format!("{}NRAL", hex(&mut dice, 36)),
        // Azure: DevOps, search, the common form; Microsoft Entra.
        format!("{}AZDO{}", dice.draw(BASE62, 76), dice.draw(BASE62, 4)),
        format!("{}AzSeA{}", dice.draw(BASE62, 42), dice.draw(BASE62, 5)),
        format!("{}JQQJ99{}", dice.draw(BASE62, 52), dice.draw(BASE62, 26)),
        format!("{}8Q~{}", "aB~", dice.draw(BASE62, 34)),
        // Telegram, Firebase Cloud Messaging, Mapbox, Grafana.
        format!("{}:AA{}", "123456789", dice.draw(BASE62, 33)),
        format!("{}:APA91b{}", dice.draw(BASE62, 11), dice.draw(BASE62, 134)),
        format!("sk.eyJ{}.{}", dice.draw(BASE62, 60), dice.draw(BASE62, 22)),
        format!("eyJrIjoi{}", dice.draw(BASE62, 80)),
    ];
    for value in cases {
        for text in [value.clone(), format!("key {value}."), format!("k: \"{value}\",")] {
            let hit = (Class::ApiKey, Confidence::Certain, value.clone());
            assert!(hits(&text).contains(&hit), "{text}: {:?}", hits(&text));
        }
    }
}

#[test]
fn secret_access_key_of_aws_is_found_beside_its_id() {
    let mut dice = Dice(31);
    let id = format!("AK{}{}", "IA", dice.draw(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16));
    let secret = format!("wJ4{}k/7mDq", dice.draw(BASE62, 31));
    let text = format!("{id},{secret}\n");
    let likely = (Class::ApiKey, Confidence::Likely, secret.clone());
    assert!(hits(&text).contains(&likely), "{:?}", hits(&text));
    assert!(hits(&text).iter().any(|hit| hit.2 == id));
    // Alone it is only possible.
    let alone = [(Class::ApiKey, Confidence::Possible, secret.clone())];
    assert_eq!(hits(&format!("value {secret} end")), alone);
    assert_eq!(hits("da39a3ee5e6b4b0d3255bfef95601890afd80709"), []);
    assert_eq!(hits("PropertyNameShortIndicSyllabicCategoryV1"), []);
}

#[test]
fn web_tokens_are_found_whole() {
    let mut dice = Dice(37);
    let token = jwt(&mut dice);
    let expected = [(Class::Jwt, Confidence::Certain, token.clone())];
    assert_eq!(hits(&format!("t={token}")), expected);
    // Direct encryption leaves the second part empty (RFC 7516 section 5.1).
    let header = URL_SAFE_NO_PAD.encode(br#"{"alg":"dir","enc":"A128GCM"}"#);
    let part = |dice: &mut Dice, length| dice.draw(BASE62, length);
    let parts = [part(&mut dice, 16), part(&mut dice, 40), part(&mut dice, 22)];
    let token = format!("{header}..{}", parts.join("."));
    assert_eq!(found(Class::Jwt, &token), [token]);
    assert_eq!(found(Class::Jwt, &format!("{header}..ab")), Vec::<String>::new());
}

#[test]
fn private_keys_are_found_with_their_body() {
    let body = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\nMzEfYyjiWA4R";
    let names = ["RSA ", "EC ", "DSA ", "OPENSSH ", "ENCRYPTED ", ""];
    for name in names.map(|name| format!("{name}PRIV{}", "ATE KEY")) {
        let pem = format!("-----BEGIN {name}-----\n{body}\n-----END {name}-----");
        for text in [pem.clone(), pem.replace('\n', "\\n"), pem.replace('\n', " ")] {
            assert_eq!(found(Class::PrivateKey, &format!("a {text} b")), [text]);
        }
        let cut = format!("-----BEGIN {name}-----\n{body}");
        for text in [cut.clone(), cut.replace('\n', "\\n"), cut.replace('\n', "\r\n    ")] {
            assert_eq!(found(Class::PrivateKey, &text), std::slice::from_ref(&text));
            let after = format!("{text}\nThe rest of the page stays, all of it.");
            assert_eq!(found(Class::PrivateKey, &after), [text]);
        }
    }
    let pgp = format!("PGP PRIV{} BLOCK", "ATE KEY");
    let block = format!("-----BEGIN {pgp}-----\nVersion: 1\n\n{body}\n=aB3d\n-----END {pgp}-----");
    assert_eq!(found(Class::PrivateKey, &block), [block]);
    let ssh = format!("SSH2 ENCRYPTED PRIV{}", "ATE KEY");
    let block = format!("---- BEGIN {ssh} ----\n{body}\n---- END {ssh} ----");
    assert!(found(Class::PrivateKey, &block)[0].contains(body));
    let putty = format!(
        "PuTTY-User-{}-2: ssh-rsa\nEncryption: none\nComment: x\nPublic-Lines: 1\nAAAAB3\n\
         Private-Lines: 1\n{body}\nPrivate-MAC: 0a1b2c3d4e5f",
        "Key-File"
    );
    assert_eq!(found(Class::PrivateKey, &format!("{putty}\nend")), std::slice::from_ref(&putty));
    let cut = putty.split("Private-MAC").next().unwrap();
    assert_eq!(found(Class::PrivateKey, cut), [cut]);
}

#[test]
fn private_key_encoded_as_a_whole_is_found() {
    let name = format!("RSA PRIV{}", "ATE KEY");
    let pem = format!("-----BEGIN {name}-----\n{}\n", "MIIEvQIBADANBgkqhkiG9w0B".repeat(4));
    let encoded = STANDARD.encode(&pem);
    assert_eq!(found(Class::PrivateKey, &format!("tls.key: {encoded}\n")), [encoded]);
    let public = STANDARD.encode(pem.replace("RSA PRIV", "CERTIFICX"));
    assert_eq!(found(Class::PrivateKey, &public), Vec::<String>::new());
}

#[test]
fn public_keys_and_lines_of_dashes_stay() {
    assert_no_secret(&[
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
        "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----",
        "-----BEGIN RSA PUBLIC KEY-----\nMIIB\n-----END RSA PUBLIC KEY-----",
        "-----BEGIN PGP PUBLIC KEY BLOCK-----\nmQE\n-----END PGP PUBLIC KEY BLOCK-----",
        "---- BEGIN SSH2 PUBLIC KEY ----\nAAAA\n---- END SSH2 PUBLIC KEY ----",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ1k me@host",
        "----------------------------------------",
        "-----BEGIN",
        "PuTTY-User-Guide",
        "age1qyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqsjz0rxx",
    ]);
}

#[test]
fn lookalikes_of_fixed_forms_stay() {
    assert_no_secret(&[
        "ghp_short",
        "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "AKIAXXXXXXXXXXXXXXXX",
        "sk-your-api-key-goes-right-here-please",
        "sk-learn-2020-12-31-with-many-words-in-it",
        "task-force-of-the-seventeenth-century-2020",
        "npm_config_registry_and_all_of_its_settings_1",
        "hf_transfer_is_faster_than_everything_1",
        "pypi-mirror-of-the-1st-kind",
        "live_in_the_moment_2024",
        "test_that_secrets_stay_where_they_are_0123456789",
        "re_match_groups1_in_this_function",
        "API-DOCUMENTATION-FOR-VERSION-20",
        "550e8400-e29b-41d4-a716-446655440000",
        "d41d8cd98f00b204e9800998ecf8427e",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "AC0123456789abcdef0123456789abcdef",
        "SKU0123456789",
        "pathname1.extension",
        "s.length1",
        "dapi.example.com",
        "oy2",
        "v1.0-rc1",
        "v1.0.0-alpha.1",
        "https://example.com/a/b1/c2?x=1&y=2",
        "12:30:45: done",
        "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk",
        "const fn new_with_2_args() -> Self {",
        "SG.1.2",
        "hvs.",
        "1//0",
        "00D",
        "8Q~short",
        "~/projects/x1",
        "key-value-store-1",
        "pat-na1-",
        "cio0123456789",
        "123456789:AAshort",
    ]);
}
