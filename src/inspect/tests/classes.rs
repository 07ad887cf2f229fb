//! What each class takes, and the look-alikes it leaves.

use super::{assert_labelled, assert_untouched, labelled};

#[test]
fn email_addresses_are_found() {
    assert_labelled(&[
        ("mail jane.roe@example.com now", "mail [EMAIL] now"),
        ("jane.roe+tag_1@mail.example.co.uk", "[EMAIL]"),
        ("<jane@example.org>, (joe@x-y.example.net).", "<[EMAIL]>, ([EMAIL])."),
        ("mailto:jane@example.com?subject=hi", "mailto:[EMAIL]?subject=hi"),
        ("user=jane@example.com;", "user=[EMAIL];"),
        ("'jane@example.com'", "'[EMAIL]'"),
        ("o'brien@example.ie", "[EMAIL]"),
        ("jörg@exämple.de", "[EMAIL]"),
        ("x@xn--bcher-kva.example.xn--p1ai", "[EMAIL]"),
        ("Contact jane@example.com.", "Contact [EMAIL]."),
        ("jane@example.com-backup", "[EMAIL]-backup"),
        ("/users/jane%40example.com/posts", "/users/[EMAIL]/posts"),
        ("mailto%3Ajane%40example.com", "mailto%3A[EMAIL]"),
        ("to=jane%2Btag%2Ex%40example.com&", "to=[EMAIL]&"),
        ("%2Bjane@example.com %@example.com", "%2B[EMAIL] %@example.com"),
        ("jane&#64;example.com", "[EMAIL]"),
        (r"first\njane@example.com", r"first\n[EMAIL]"),
        ("12345@163.com", "[EMAIL]"),
        ("a@b.de,c@d.fr", "[EMAIL],[EMAIL]"),
        ("2125550147@sms.example.com", "[EMAIL]"),
        ("https://user:pw@host.example.com/x", "https://user:[EMAIL]/x"),
        ("notes/jane@example.com.txt", "notes/[EMAIL].txt"),
        (r"bj\303\266rn@ex\303\244mple.de", "[EMAIL]"),
        ("jane.roe@firm.co.uk.pdf jane@firm.de.JSON", "[EMAIL].pdf [EMAIL].JSON"),
    ]);
}

#[test]
fn lookalikes_of_email_addresses_stay() {
    assert_untouched(&[
        "logo@2x.png",
        "img/icon@3x.jpg",
        "react@18.2.0",
        "actions/checkout@v4.1.0",
        "user@host",
        "@jane on https://example.com/@jane",
        "getty@tty1.service",
        "vpn@example.com.service",
        "logo@2x.de.png sprite@page.min.js strings@app.en.json x@1.2.3.com.json",
        "@Override",
        "a @ b.com",
        "git@github.com:org/repo.git",
        "image@sha256:0123abcd",
        "x@y.z",
        "a@.com",
        "a@b..com",
        "@@@@@@",
        "jane@",
        "fn(x@1..=5)",
        "foo@bar.c0m",
    ]);
}

#[test]
fn social_security_numbers_are_found() {
    assert_labelled(&[
        ("078-05-1120", "[US_SSN]"),
        ("SSN 078 05 1120", "SSN [US_SSN]"),
        ("078.05.1120.", "[US_SSN]."),
        ("SSN: 078051120", "SSN: [US_SSN]"),
        ("ssn=078051120&x", "ssn=[US_SSN]&x"),
        ("my social security number is 078051120", "my social security number is [US_SSN]"),
        ("078051120 (SSN)", "[US_SSN] (SSN)"),
        ("row 5 078-05-1120 ok", "row 5 [US_SSN] ok"),
        ("id:899-99-9999,", "id:[US_SSN],"),
        ("ssn_078-05-1120", "ssn_[US_SSN]"),
        (r"\n078-05-1120", r"\n[US_SSN]"),
    ]);
}

#[test]
fn lookalikes_of_social_security_numbers_stay() {
    assert_untouched(&[
        "000-12-3456",
        "666-12-3456",
        "900-12-3456",
        "123-00-4567",
        "123-45-0000",
        "078051120",
        "order 078051120",
        "123-45-67890",
        "1123-45-6789",
        "123-45-6789-0",
        "0-123-45-6789",
        "a123-45-6789",
        "123-45-6789b",
        "123-45.6789",
        "2024-11-22",
        "part 123-45-678",
        "ISBN 978-05-1120-4",
        "12-345-6789",
    ]);
}

/// Numbers that the card schemes and payment providers publish for tests.
const TEST_CARDS: [&str; 23] = [
    "4111111111111111",
    "4012888888881881",
    "4242424242424242",
    "4000056655665556",
    "5555555555554444",
    "5105105105105100",
    "5200828282828210",
    "2223003122003222",
    "2221000000000009",
    "2720999999999996",
    "378282246310005",
    "371449635398431",
    "6011111111111117",
    "6011000990139424",
    "6011601160116611",
    "3566002020360505",
    "3530111333300000",
    "36227206271667",
    "30569309025904",
    "6200000000000005",
    "6221260000000000",
    "6304000000000000",
    "4222222222222220003",
];

#[test]
fn published_test_cards_are_found() {
    for card in TEST_CARDS.iter().filter(|card| luhn(card)) {
        assert_eq!(labelled(&format!("x {card}.")), "x [CARD].", "{card}");
    }
    assert!(TEST_CARDS.iter().filter(|card| luhn(card)).count() >= 18);
}

/// The check of ISO/IEC 7812-1 annex B, written once more to judge the table above.
fn luhn(card: &str) -> bool {
    let digits = card.bytes().rev().map(|b| u32::from(b - b'0')).enumerate();
    let sum: u32 =
        digits.map(|(at, d)| if at % 2 == 0 { d } else { d * 2 / 10 + d * 2 % 10 }).sum();
    sum.is_multiple_of(10)
}

#[test]
fn cards_are_found_in_groups_and_beside_words() {
    assert_labelled(&[
        ("4111 1111 1111 1111", "[CARD]"),
        ("4111-1111-1111-1111", "[CARD]"),
        ("4111.1111.1111.1111", "[CARD]"),
        ("3782 822463 10005", "[CARD]"),
        ("3056 930902 5904", "[CARD]"),
        ("card 4111 1111 1111 1111 exp 12/27", "card [CARD] exp 12/27"),
        ("4111111111111111 5555555555554444", "[CARD] [CARD]"),
        ("visa: 4222222222222", "visa: [CARD]"),
        ("card_4111111111111111", "card_[CARD]"),
        ("(4111111111111111)", "([CARD])"),
    ]);
}

#[test]
fn lookalikes_of_cards_stay() {
    assert_untouched(&[
        "4111111111111112",
        "1731234567890",
        "1731234567890123",
        "9111111111111111",
        "41111111111111110000000",
        "0.4111111111111111",
        "4111111111111111.5",
        "a4111111111111111",
        "4111111111111111a",
        "4006381333931",
        "order 500000000009",
        "tracking 4111111111111111",
        "550e8400-e29b-41d4-a716-446655440000",
        "d41d8cd98f00b204e9800998ecf8427e",
        "sha1 356a192b7913b04c54574d18c28d46e6395428ab",
        "4111 11 11 1111 11 11 2",
    ]);
}

#[test]
fn phone_numbers_are_found() {
    assert_labelled(&[
        ("+12125550147", "[PHONE]"),
        ("+1 212 555 0147", "[PHONE]"),
        ("+1 (212) 555-0147", "[PHONE]"),
        ("+1-212-555-0147.", "[PHONE]."),
        ("(212) 555-0147", "[PHONE]"),
        ("(212)555-0147", "[PHONE]"),
        ("212-555-0147", "[PHONE]"),
        ("212.555.0147", "[PHONE]"),
        ("1-212-555-0147", "[PHONE]"),
        ("call 212 555 0147 now", "call [PHONE] now"),
        (" 212 555 0147 ", " [PHONE] "),
        ("+44 20 7946 0958", "[PHONE]"),
        ("+44 (0)20 7946 0958", "[PHONE]"),
        ("+4915112345678", "[PHONE]"),
        ("+49 30 1234567, Berlin", "[PHONE], Berlin"),
        ("+33 1 23 45 67 89", "[PHONE]"),
        ("+81 3-1234-5678", "[PHONE]"),
        ("+91 98765 43210", "[PHONE]"),
        ("tel:+12125550147", "tel:[PHONE]"),
        ("phone: 020 7946 0958", "phone: [PHONE]"),
        ("Tel 2125550147", "Tel [PHONE]"),
        ("mobile=07700900123", "mobile=[PHONE]"),
        ("Tel.: 020 7946 0958, Mob 07700 900123", "Tel.: [PHONE], Mob [PHONE]"),
        ("call me at 2125550147", "call me at [PHONE]"),
        ("?to=%2B12125550147&x", "?to=[PHONE]&x"),
        ("212-555-0147x12", "[PHONE]x12"),
    ]);
}

#[test]
fn lookalikes_of_phone_numbers_stay() {
    assert_untouched(&[
        "2125550147",
        "order 2125550147",
        "epoch 1731234567",
        "1731234567",
        "112-555-0147",
        "212-155-0147",
        "911-555-0147",
        "4000-212-555-0147",
        "212-555-0147-99",
        "+0 123 456 789",
        "+999 1234567",
        "+1 112 555 0147",
        "C++11",
        "+5",
        "2024-11-22",
        "call on 2024-11-22",
        "phone model 1234567",
        "phone_verified_at: 1731234567",
        "build 20241122",
        "10.15.7.1234",
        "v1.212.555",
        "212-555-014",
        "x212-555-0147",
        "sizes 256 512 1024 px",
        "3.14159265358",
        "12:30:45",
        "192-168-100",
    ]);
}

/// Examples of the SWIFT IBAN registry.
const IBANS: [&str; 30] = [
    "AD1200012030200359100100",
    "AE070331234567890123456",
    "AL47212110090000000235698741",
    "AT611904300234573201",
    "BE68539007547034",
    "BG80BNBG96611020345678",
    "BR1800360305000010009795493C1",
    "CH9300762011623852957",
    "CY17002001280000001200527600",
    "CZ6508000000192000145399",
    "DE89370400440532013000",
    "DK5000400440116243",
    "EE382200221020145685",
    "ES9121000418450200051332",
    "FI2112345600000785",
    "FR1420041010050500013M02606",
    "GB29NWBK60161331926819",
    "GR1601101250000000012300695",
    "HU42117730161111101800000000",
    "IE29AIBK93115212345678",
    "IT60X0542811101000000123456",
    "LU280019400644750000",
    "MT84MALT011000012345MTLCAST001S",
    "NL91ABNA0417164300",
    "NO9386011117947",
    "PL61109010140000071219812874",
    "PT50000201231234567890154",
    "SA0380000000608010167519",
    "SE4550000000058398257466",
    "TR330006100519786457841326",
];

#[test]
fn registry_examples_of_ibans_are_found() {
    for iban in IBANS {
        assert_eq!(labelled(&format!("to {iban}.")), "to [IBAN].", "{iban}");
        let grouped: Vec<&str> =
            iban.as_bytes().chunks(4).map(|c| std::str::from_utf8(c).unwrap()).collect();
        assert_eq!(labelled(&grouped.join(" ")), "[IBAN]", "{iban}");
        assert_eq!(labelled(&format!("{} 12", grouped.join(" "))), "[IBAN] 12", "{iban}");
        assert_eq!(labelled(&iban.to_lowercase()), "[IBAN]", "{iban}");
    }
}

#[test]
fn lookalikes_of_ibans_stay() {
    assert_untouched(&[
        "DE88370400440532013000",
        "DE8937040044053201300",
        "XX89370400440532013000",
        "ADE89370400440532013000",
        "DE89370400440532013000A",
        "GB29",
        "DE 89",
        "NO93-8601",
    ]);
}

#[test]
fn ip_addresses_are_found() {
    assert_labelled(&[
        ("203.0.113.7", "[IP]"),
        ("from 192.168.1.20:8080", "from [IP]:8080"),
        ("http://203.0.113.7/x", "http://[IP]/x"),
        ("10.0.0.0/8", "[IP]/8"),
        ("[203.0.113.7]", "[[IP]]"),
        ("203.0.113.7.", "[IP]."),
        (
            "db/10.1.2.3:5432 and http://h.example/10.1.2.3",
            "db/[IP]:5432 and http://h.example/[IP]",
        ),
        ("203.0.113.7-203.0.113.9", "[IP]-[IP]"),
        ("2001:db8::1", "[IP]"),
        ("[2001:db8::1]:443", "[[IP]]:443"),
        ("2001:0db8:85a3:0000:0000:8a2e:0370:7334", "[IP]"),
        ("fe80::1ff:fe23:4567:890a%eth0", "[IP]%eth0"),
        ("::ffff:192.0.2.128", "[IP]"),
        ("peer 2001:db8::1: gone", "peer [IP]: gone"),
        ("peer is 2001:db8::8a2e.", "peer is [IP]."),
    ]);
}

#[test]
fn lookalikes_of_ip_addresses_stay() {
    assert_untouched(&[
        "v1.2.3.4",
        "version 10.0.19.44",
        "Version: 1.2.3.4",
        "1.3.6.1.4.1.311",
        "1.2.3",
        "256.1.1.1",
        "1.2.3.4.5",
        "1.2.3.4-beta",
        "1.2.3.4rc1",
        "pkg-1.2.3.4",
        "section 1.2.3.4",
        "01.02.03.04",
        "release 4.4.4.4",
        "127.0.0.1",
        "0.0.0.0",
        "255.255.255.0",
        "::1",
        "::",
        "12:30:45",
        "std::vec::Vec",
        "a::b",
        "dead::beef",
        "00:1b:44:11:3a:b7:aa:bb",
        "ab:cd:ef:01:23:45:67:89:ab:cd:ef:01:23:45:67:89",
        "1:2:3:4:5:6:7",
        "Chrome/120.0.6099.109",
        "Chrome/120.0.0.0",
        "see §1.2.3.4",
        "12:34:56:78",
        "{a:b,c:d}",
        "::::::::",
        "urn:isbn:0451450523",
    ]);
}

/// A token of the right shape made of nothing secret.
fn jwt() -> String {
    // {"alg":"HS256","typ":"JWT"} and {"sub":"1"}
    ["eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9", "eyJzdWIiOiIxIn0", "c2lnbmF0dXJl"].join(".")
}

#[test]
fn web_tokens_are_found_and_lookalikes_stay() {
    let token = jwt();
    assert_eq!(labelled(&format!("Bearer {token},")), "Bearer [JWT],");
    assert_eq!(labelled(&format!("\\n{token}")), "\\n[JWT]");
    assert_eq!(labelled(&format!("{token}.eyJ4.eyJ5")), "[JWT]", "five parts");
    let unsigned = token.rsplit_once('.').unwrap().0;
    assert_eq!(labelled(&format!("{unsigned}. ")), "[JWT] ", "no signature");
    assert_untouched(&[
        "eyJ",
        "eyJhbGciOiJIUzI1NiJ9",
        "eyJhbGciOiJIUzI1NiJ9.",
        "eyJhbGciOiJIUzI1NiJ9.eyJ4",
        "eyJub3QganNvbg.eyJ4.eyJ5",
        "xeyJhbGciOiJIUzI1NiJ9.eyJ4.eyJ5",
        "eyJ.eyJ.eyJ.eyJ",
    ]);
}

#[test]
fn private_keys_are_found_with_their_body() {
    let body = "MIIEvQIBADANBgkqhkiG9w0B\nAQEFAASCBKcwggSj";
    for kind in ["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "OPENSSH PRIVATE KEY"] {
        let pem = format!("-----BEGIN {kind}-----\n{body}\n-----END {kind}-----");
        assert_eq!(labelled(&format!("key:\n{pem}\nend")), "key:\n[PRIVATE_KEY]\nend");
        assert_eq!(labelled(&pem.replace('\n', "\\n")), "[PRIVATE_KEY]");
        let open = format!("-----BEGIN {kind}-----\n{body}");
        assert_eq!(labelled(&format!("key: {open}")), "key: [PRIVATE_KEY]", "no end");
    }
    let block = format!(
        "-----BEGIN PGP PRIVATE KEY BLOCK-----\n{body}\n-----END PGP PRIVATE KEY BLOCK-----"
    );
    assert_eq!(labelled(&block), "[PRIVATE_KEY]");
    assert_untouched(&[
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
        "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----",
        "-----BEGIN",
        "----------------",
        "-----BEGIN PRIVATE",
        "PRIVATE KEY",
    ]);
}

/// Made up from parts, so that no scanner of repositories takes them for real.
fn keys() -> Vec<String> {
    let chars = "a1B2c3D4e5F6g7H8i9J0";
    let upper = "A1B2C3D4E5F6G7H8";
    let long = |length: usize| chars.repeat(6)[..length].to_owned();
    let mut keys: Vec<String> = ["AK", "AS"].iter().map(|p| format!("{p}IA{upper}")).collect();
    keys.extend(["p", "o", "u", "s", "r"].iter().map(|p| format!("gh{p}_{}", long(36))));
    keys.push(format!("github_{}_{}_{}", "pat", long(22), long(59)));
    keys.push(format!("glpat{}", format_args!("-{}", long(20))));
    keys.extend(["b", "a", "p", "r", "s"].iter().map(|p| format!("xox{p}-{}-{}", 12345, long(24))));
    keys.extend(["sk_live", "rk_live", "sk_test"].iter().map(|p| format!("{p}_{}", long(24))));
    keys.push(format!("AI{}{}", "za", long(35)));
    keys.push(format!("sk-{}", long(48)));
    keys.push(format!("sk-proj{}", format_args!("-{}_{}", long(40), long(30))));
    keys.push(format!("sk-ant{}", format_args!("-api03-{}-{}AA", long(60), long(30))));
    keys.push(format!("npm_{}", long(36)));
    keys.push(format!("pypi{}", format_args!("-{}", long(100))));
    keys.push(format!("SG.{}.{}", long(22), long(43)));
    keys.push(format!("hf_{}", long(34)));
    keys.push(format!("hvs.{}", long(90)));
    keys
}

#[test]
fn keys_of_known_issuers_are_found() {
    for key in keys() {
        assert_eq!(labelled(&key), "[API_KEY]", "{key}");
        assert_eq!(labelled(&format!("token={key}; x")), "token=[API_KEY]; x", "{key}");
        assert_eq!(labelled(&format!("Use {key}.")), "Use [API_KEY].", "{key}");
        assert_eq!(labelled(&format!("\\n{key}\\n")), "\\n[API_KEY]\\n", "{key}");
        assert_eq!(labelled(&format!("x{key}")), format!("x{key}"), "glued to a word: {key}");
    }
}

#[test]
fn lookalikes_of_keys_stay() {
    assert_untouched(&[
        "AKIA",
        "ghp_short",
        "sk-SK",
        "task-force-of-the-seventeenth-century-2020",
        "npm_config",
        "sk-learn-2020-12-31-with-many-words-in-it",
        "xoxo-hugs",
        "MSG.sent",
        "hvs.",
        "hf_transfer",
        "pypi-mirror",
        "risk-averse",
        "AIzawa",
        "sk_live_",
        "SG.1.2",
        "sk-",
        "glpat-",
        "eyJ",
    ]);
}
