//! What the validators accept and refuse. Numbers are those that standards and their
//! explanations print.

use proptest::prelude::*;

use super::{geo, judge, mac, may_be_unnamed, measure, wallet};
use crate::class::{Class, ClassSet, Confidence};
use crate::inspect::candidate::{Around, Candidate};

use Confidence::{Certain, Likely, Possible};

fn around(named: Option<Class>) -> Around {
    Around { named: named.into_iter().collect(), on: ClassSet::all() }
}

/// The candidate of a printed number.
fn judged(printed: &str, named: Option<Class>) -> Option<(Class, Confidence)> {
    let symbols: Vec<u8> = printed.bytes().filter(u8::is_ascii_alphanumeric).collect();
    let pieces = printed.split(|c: char| !c.is_ascii_alphanumeric());
    let groups: Vec<u8> = pieces.map(|piece| u8::try_from(piece.len()).unwrap()).collect();
    let separator = printed.bytes().find(|byte| !byte.is_ascii_alphanumeric()).unwrap_or(0);
    let candidate =
        Candidate { symbols: &symbols.to_ascii_uppercase(), groups: &groups, separator };
    let judged = judge(&candidate, around(named));
    // What the gate before the validators lets through holds all that they find.
    let letters = symbols.iter().filter(|symbol| !symbol.is_ascii_digit()).count();
    let gate = may_be_unnamed(symbols.len(), groups.len() > 1, letters);
    assert!(gate || named.is_some() || judged.is_none(), "{printed}");
    judged
}

fn assert_judged(class: Class, cases: &[(&str, Option<Confidence>, Option<Confidence>)]) {
    for (printed, alone, named) in cases {
        let of_class = |found: Option<(Class, Confidence)>| {
            found.filter(|(found, _)| *found == class).map(|(_, confidence)| confidence)
        };
        assert_eq!(of_class(judged(printed, None)), *alone, "{printed} alone");
        assert_eq!(of_class(judged(printed, Some(class))), *named, "{printed} named");
    }
}

#[test]
fn vehicle_with_its_check_digit_is_found_and_without_it_only_by_name() {
    assert_judged(
        Class::Vin,
        &[
            // 49 CFR 565 and its explanations.
            ("1M8GDM9AXKP042788", Some(Likely), Some(Certain)),
            ("1m8gdm9axkp042788", Some(Likely), Some(Certain)),
            ("5GZCZ43D13S812715", Some(Likely), Some(Certain)),
            ("1HGCM82633A004352", Some(Likely), Some(Certain)),
            ("1HGCM82643A004352", None, Some(Possible)),
            ("1HG CM82633A 004352", None, Some(Certain)),
            // Europe: the filler stands where the check digit would.
            ("WVWZZZ1JZ3W386752", Some(Likely), Some(Likely)),
            ("VF1BB05CF12345678", Some(Likely), Some(Likely)),
            ("XXXZZZ1JZ3W386752", None, Some(Likely)),
            ("20240131123045123", None, Some(Possible)),
            ("11111111111111111", None, None),
            ("IMPORTANTMESSAGE1", None, None),
            ("1M8GDM9AXKP04278", None, None),
        ],
    );
}

#[test]
fn device_number_is_judged_by_its_check_digit_groups_and_name() {
    assert_judged(
        Class::Imei,
        &[
            ("490154203237518", Some(Possible), Some(Certain)),
            ("356938035643809", Some(Possible), Some(Certain)),
            ("49-015420-323751-8", Some(Likely), Some(Certain)),
            ("490154-20-323751-8", Some(Likely), Some(Certain)),
            ("490154203237517", None, Some(Possible)),
            ("490154203237510", None, Some(Likely)),
            ("3569380356438091", None, Some(Likely)),
            ("35693803564380", None, Some(Likely)),
            ("A0000049D3B7F2", None, Some(Likely)),
            // A payment card of 15 digits.
            ("378282246310005", None, Some(Certain)),
            ("000000000000000", None, None),
            ("12345", None, None),
        ],
    );
}

#[test]
fn subscriber_counts_only_by_name_and_with_a_country() {
    assert_judged(
        Class::Imsi,
        &[
            ("310150123456789", None, Some(Likely)),
            ("262011234567890", None, Some(Likely)),
            ("460001234567890", None, Some(Likely)),
            ("26201123456789", None, Some(Likely)),
            ("203011234567890", None, None),
            ("1234567890", None, None),
        ],
    );
}

#[test]
fn sim_card_is_found_by_its_industry_country_and_check_digit() {
    assert_judged(
        Class::Iccid,
        &[
            ("8991101200003204514", Some(Likely), Some(Certain)),
            ("8991 1012 0000 3204 514", Some(Likely), Some(Certain)),
            ("8991101200003204511", None, Some(Likely)),
            ("8991101200003204514F", Some(Likely), Some(Certain)),
            ("8965880812100011146", Some(Likely), Some(Certain)),
            ("89445001021983048261", Some(Likely), Some(Certain)),
            ("89860012345A78901234", None, Some(Likely)),
            ("8891101200003204510", None, None),
            ("8983101200003204510", None, None),
            ("899110120000320451", None, None),
        ],
    );
}

#[test]
fn routing_number_needs_district_check_digit_and_name() {
    assert_judged(
        Class::UsRouting,
        &[
            // The Federal Reserve banks of Boston and New York, and two large banks.
            ("011000015", Some(Possible), Some(Certain)),
            ("021001208", Some(Possible), Some(Certain)),
            ("021000021", Some(Possible), Some(Certain)),
            ("122105155", Some(Possible), Some(Certain)),
            ("0210-0002-1", None, Some(Certain)),
            ("021000022", None, None),
            ("501000011", None, None),
            ("000000000", None, None),
        ],
    );
}

#[test]
fn hardware_address_without_separators_counts_only_by_name() {
    assert_judged(
        Class::Mac,
        &[
            ("00005E0053AF", None, Some(Likely)),
            ("0000-5e00-53af", None, Some(Likely)),
            ("000000000000", None, None),
            ("00005E0053AG", None, None),
        ],
    );
}

#[test]
fn class_that_is_off_is_not_looked_for() {
    let symbols = b"490154203237518";
    let candidate = Candidate { symbols, groups: &[15], separator: 0 };
    assert!(judge(&candidate, Around::default()).is_none());
    let raw = b"1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa";
    assert!(wallet(raw, Around::default()).is_none());
    assert!(mac(b"00:00:5e:00:53:af", 0, Around::default()).is_none());
    assert!(geo(b"geo:52.52,13.40", 0, Around::default()).is_none());
}

/// What a wallet is alone and named.
fn assert_wallets(cases: &[(&str, Option<Confidence>, Option<Confidence>)]) {
    for (raw, alone, named) in cases {
        let found = |named| wallet(raw.as_bytes(), around(named)).map(|(_, sure)| sure);
        assert_eq!(found(None), *alone, "{raw} alone");
        assert_eq!(found(Some(Class::CryptoWallet)), *named, "{raw} named");
    }
}

#[test]
fn address_in_base_58_needs_its_check_sum() {
    let sure = Some(Certain);
    assert_wallets(&[
        // Bitcoin: the first block; the wiki's examples of a key, a script, a test network.
        ("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", sure, sure),
        ("1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2", sure, sure),
        ("3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy", sure, sure),
        ("mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn", sure, sure),
        // Dogecoin, Dash, Tron (contract of USDT), the first account of the XRP Ledger.
        ("DH5yaieqoZN36fDVciNyRueRGvGLR3mr7L", sure, sure),
        ("XpESxaUmonkq8RaLLp46Brx2K39ggQe226", sure, sure),
        ("TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t", sure, sure),
        ("rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh", sure, sure),
        ("1111111111111111111114oLvT2", sure, sure),
        ("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb", None, Some(Possible)),
        ("1a1zp1ep5qgefi2dmptftl5slmv7divfna", None, None),
        ("A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", None, Some(Possible)),
        ("thisisjustaverylongwordinsmall", None, None),
    ]);
}

#[test]
fn monero_address_needs_its_check_sum() {
    // Donations to the Monero project.
    let address = "44AFFq5kSiGBoZ4NMDwYtN18obc8AemS33DBLWs3H7otXft3XjrpDtQGv7SqSsaBYBb98uNbr2VBB\
                   Et7f2wfn3RVGQBEP3A";
    assert_wallets(&[
        (address, Some(Certain), Some(Certain)),
        (&address.replace("AFF", "AFG"), None, Some(Possible)),
    ]);
}

#[test]
fn address_in_bech32_needs_check_sum_prefix_and_program() {
    let sure = Some(Certain);
    assert_wallets(&[
        // BIP 173 and BIP 350, test vectors.
        ("BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4", sure, sure),
        ("tb1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3q0sl5k7", sure, sure),
        ("bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0", sure, sure),
        ("ltc1qw508d6qejxtdg4y5r3zarvary0c5xw7kgmn4n9", sure, sure),
        // CIP 19: an address of one key. CashAddr specification: an address without prefix.
        ("addr1vx2fxv2umyhttkxyxp8x0dlpdt3k6cwng5pxj3jhsydzers66hrl8", sure, sure),
        ("qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a", sure, sure),
        // Wrong: check sum of the other version, prefix, version, mixed case, length.
        ("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kemeawh", None, None),
        ("tc1qw508d6qejxtdg4y5r3zarvary0c5xw7kg3g4ty", None, None),
        ("BC13W508D6QEJXTDG4Y5R3ZARVARY0C5XW7KN40WF2", None, None),
        ("tb1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3q0sL5k7", None, None),
        ("bc1zw508d6qejxtdg4y5r3zarvaryvqyzf3du", None, None),
        ("qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6q", None, None),
    ]);
}

#[test]
fn ethereum_address_is_surest_with_the_case_of_its_check_sum() {
    assert_wallets(&[
        // EIP-55, test cases.
        ("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", Some(Certain), Some(Certain)),
        ("0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359", Some(Certain), Some(Certain)),
        ("0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB", Some(Certain), Some(Certain)),
        ("0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb", Some(Certain), Some(Certain)),
        ("0x52908400098527886E0F7030069857D2E4169EE7", Some(Likely), Some(Likely)),
        ("0xde709f2102306220921060314715629080e2fb77", Some(Likely), Some(Likely)),
        ("0x5aAeb6053f3E94C9b9A09f33669435E7Ef1BeAed", Some(Possible), Some(Likely)),
        ("5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", None, Some(Likely)),
        ("da39a3ee5e6b4b0d3255bfef95601890afd80709", None, Some(Likely)),
        ("0x0000000000000000000000000000000000000000", None, None),
        ("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAe", None, None),
    ]);
}

#[test]
fn key_without_a_check_sum_counts_only_by_name() {
    assert_wallets(&[
        // Solana: the program of tokens. Stellar: SEP-0023.
        ("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA", None, Some(Likely)),
        ("GA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJVSGZ", None, Some(Likely)),
    ]);
}

/// The text with the address in brackets, as it is found at the bar.
fn mac_in(text: &str, named: Option<Class>) -> Option<String> {
    let at = text.find('|').unwrap();
    let text = text.replace('|', "");
    mac(text.as_bytes(), at, around(named)).map(|end| text.get(at..end).unwrap().to_owned())
}

#[test]
fn hardware_addresses_are_found_in_each_of_their_forms() {
    for (text, expected) in [
        ("|00:00:5e:00:53:af", "00:00:5e:00:53:af"),
        ("at |00-00-5E-00-53-AF.", "00-00-5E-00-53-AF"),
        ("|0000.5e00.53af, next", "0000.5e00.53af"),
        ("mac:|00:00:5e:00:53:af", "00:00:5e:00:53:af"),
        ("host-|00-00-5e-00-53-af", "00-00-5e-00-53-af"),
        ("|02:00:5e:ff:fe:00:53:af/64", "02:00:5e:ff:fe:00:53:af"),
        ("|0200.5eff.fe00.53af", "0200.5eff.fe00.53af"),
        ("|00:11:22:33:44:55: up", "00:11:22:33:44:55"),
    ] {
        assert_eq!(mac_in(text, None).as_deref(), Some(expected), "{text}");
    }
    let long = "|02:00:5e:10:00:00:53:af";
    assert_eq!(mac_in(long, None), None);
    assert_eq!(mac_in(long, Some(Class::Mac)).as_deref(), Some("02:00:5e:10:00:00:53:af"));
}

#[test]
fn what_only_looks_like_a_hardware_address_is_left_alone() {
    for text in [
        "|ff:ff:ff:ff:ff:ff",
        "|00:00:00:00:00:00",
        "|12:30:45",
        "|24-01-31-12-30-45",
        "|00:00:5e:00:53",
        "|00:00:5e:00:53:a",
        "|00:00:5e:00:53:aff",
        "|00:00:5e:00:53:af_1",
        "|00:00:5e-00:53:af",
        "x|00:00:5e:00:53:af",
        "|1234.5678.9012",
        // A fingerprint, from its first and from a later pair.
        "|43:51:43:a1:b5:fc:8b:b7:0a:3a:a9:b1:0f:66:73:a8",
        "43:51:|43:a1:b5:fc:8b:b7:0a:3a:a9:b1:0f:66:73:a8",
        "43:51:43:a1:b5:fc:8b:b7:0a:3a:|a9:b1:0f:66:73:a8",
        "fe80::|00:00:5e:00:53:af",
    ] {
        assert_eq!(mac_in(text, None), None, "{text}");
    }
}

/// The text with the coordinates in brackets, as they are found at the bar.
fn geo_in(text: &str, named: Option<Class>) -> Option<String> {
    let at = text.find('|').unwrap();
    let text = text.replace('|', "");
    geo(text.as_bytes(), at, around(named)).map(|end| text.get(at..end).unwrap().to_owned())
}

#[test]
fn coordinates_are_found_in_each_of_their_forms() {
    for (text, expected) in [
        ("|52.520008, 13.404954", "52.520008, 13.404954"),
        ("(|52.520008,13.404954)", "52.520008,13.404954"),
        ("at |-33.8688, 151.2093.", "-33.8688, 151.2093"),
        ("@|40.712776,-74.005974,17z", "40.712776,-74.005974"),
        ("7,|52.520008,13.404954,34", "52.520008,13.404954"),
        ("|52.5200° N, 13.4050° E", "52.5200° N, 13.4050° E"),
        ("|52.52N 13.40E", "52.52N 13.40E"),
        ("|N52.5200 E13.4050 is", "N52.5200 E13.4050"),
        ("|52°31'12\"N 13°24'18\"E", "52°31'12\"N 13°24'18\"E"),
        ("|52° 31′ 12.3″ N, 13° 24′ 18.5″ E;", "52° 31′ 12.3″ N, 13° 24′ 18.5″ E"),
        ("|52°31.2'N, 13°24.3'O", "52°31.2'N, 13°24.3'O"),
        ("|48°12'30\" 16°22'23\"", "48°12'30\" 16°22'23\""),
        ("|+40.6894-074.0447/", "+40.6894-074.0447"),
        ("POINT(|13.404954 52.520008)", "13.404954 52.520008"),
        // RFC 5870, 6: examples.
        ("|geo:13.4125,103.8667", "geo:13.4125,103.8667"),
        ("|geo:48.2010,16.3695,183", "geo:48.2010,16.3695,183"),
        ("<|geo:66,30;u=6.500>", "geo:66,30"),
    ] {
        assert_eq!(geo_in(text, None).as_deref(), Some(expected), "{text}");
    }
    assert_eq!(geo_in("|52.52, 13.40", Some(Class::Geo)).as_deref(), Some("52.52, 13.40"));
}

#[test]
fn numbers_that_are_no_coordinates_are_left_alone() {
    for text in [
        "|52.52, 13.40",
        "|152.520008, 113.404954",
        "|52.520008, 213.404954",
        "|90.000001, 180.0000",
        "|0.250113, 0.493021",
        // A vector, at its beginning and at its end.
        "[|12.250113, 0.493021, -0.119847]",
        "[12.250113, |0.493021, -3.119847]",
        "|52.520008 13.404954",
        "|52.520008, 13.404954%",
        "v|52.520008, 13.404954",
        "|10.0001.1, 13.404954",
        "|52°61'12\"N 13°24'18\"E",
        "|52.52N 13.40N",
        "|geo:91.0,10.0",
        "|geo:fence",
        "|20°C, 30°C",
    ] {
        assert_eq!(geo_in(text, None), None, "{text}");
    }
}

#[test]
fn single_coordinate_needs_places_or_minutes() {
    for (text, length) in [
        ("52.520008", Some(9)),
        ("-13.40", Some(6)),
        ("52.52° N", Some(9)),
        ("52°31'12\"N", Some(11)),
        ("13.40, next", Some(5)),
        ("180.00", Some(6)),
        ("180.01", None),
        ("95.10 N", None),
        ("52", None),
        ("52.5", None),
        ("13.405abc", None),
        ("", None),
    ] {
        assert_eq!(measure(text.as_bytes()), length, "{text}");
    }
}

/// Bytes in which parts of addresses and coordinates meet.
fn texts() -> impl Strategy<Value = Vec<u8>> {
    let parts = vec![
        "00:",
        "5e-",
        "0000.",
        "ff",
        "fe",
        ":",
        "-",
        ".",
        ",",
        " ",
        "52.520008",
        "13.4049",
        "°",
        "'",
        "\"",
        "N",
        "E",
        "geo:",
        "+",
        "1",
        "٣",
        "0x",
    ];
    let piece = prop_oneof![
        prop::sample::select(parts).prop_map(|part| part.as_bytes().to_vec()),
        prop::collection::vec(any::<u8>(), 0..4),
    ];
    prop::collection::vec(piece, 0..14).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn ends_lie_behind_their_start_and_inside_the_text(text in texts(), at in 0_usize..40) {
        for named in [None, Some(Class::Mac), Some(Class::Geo)] {
            for end in [mac(&text, at, around(named)), geo(&text, at, around(named))] {
                prop_assert!(end.is_none_or(|end| at < end && end <= text.len()));
            }
        }
        prop_assert!(measure(&text).is_none_or(|end| end <= text.len()));
    }

    #[test]
    fn any_run_of_symbols_is_judged(
        raw in "[0-9A-Za-z]{0,140}",
        groups in prop::collection::vec(any::<u8>(), 0..6),
    ) {
        let upper = raw.to_ascii_uppercase();
        let candidate = Candidate { symbols: upper.as_bytes(), groups: &groups, separator: b'?' };
        for named in [None, Some(Class::CryptoWallet), Some(Class::Imei), Some(Class::Vin)] {
            let _ = wallet(raw.as_bytes(), around(named));
            let _ = judge(&candidate, around(named));
        }
    }

    #[test]
    fn one_changed_symbol_breaks_a_check_sum(at in 0_usize..34, to in "[1-9A-HJ-NP-Za-km-z]") {
        let mut raw = b"1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2".to_vec();
        let to = to.as_bytes()[0];
        prop_assume!(raw[at] != to);
        raw[at] = to;
        prop_assert!(wallet(&raw, around(None)).is_none());
    }
}
