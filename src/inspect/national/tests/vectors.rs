//! Numbers that authorities, standards and descriptions of them give as examples, and, where a
//! layout or kind has none, numbers made by the rule.

use super::{judged, named, only, unnamed};
use crate::class::{Class, Confidence};
use crate::inspect::candidate::Around;

const NO: Option<Confidence> = None;
const POSSIBLE: Option<Confidence> = Some(Confidence::Possible);
const LIKELY: Option<Confidence> = Some(Confidence::Likely);
const CERTAIN: Option<Confidence> = Some(Confidence::Certain);

/// Class, number, and how sure one may be of it unnamed: as it stands here, and in one piece.
type Example = (Class, &'static str, Option<Confidence>, Option<Confidence>);

/// Numbers with check digits.
const CHECKED: &[Example] = &[
    (Class::UsNpi, "1234567893", NO, NO),
    (Class::UsNpi, "1245319599", NO, NO),
    (Class::UsDea, "AP5836727", POSSIBLE, POSSIBLE),
    (Class::UsDea, "F91234563", NO, NO),
    (Class::UkNhs, "943 476 5919", NO, NO),
    (Class::UkNhs, "450 077 3452", LIKELY, NO),
    (Class::UkUtr, "1955839661", NO, NO),
    (Class::CaSin, "046 454 286", NO, NO),
    (Class::CaSin, "123 456 782", POSSIBLE, NO),
    (Class::AuTfn, "123 456 782", POSSIBLE, NO),
    (Class::AuTfn, "81854402", NO, NO),
    (Class::AuAbn, "83 914 571 673", LIKELY, NO),
    (Class::AuAbn, "51 824 753 556", LIKELY, NO),
    (Class::AuAcn, "004 085 616", POSSIBLE, NO),
    (Class::AuMedicare, "2123 45670 1", LIKELY, NO),
    (Class::NzIrd, "49-091-850", POSSIBLE, NO),
    (Class::NzIrd, "49-098-576", POSSIBLE, NO),
    (Class::InAadhaar, "2341 2341 2346", LIKELY, NO),
    (Class::InGstin, "27AAPFU0939F1ZV", CERTAIN, CERTAIN),
    (Class::DeTaxId, "36 574 261 809", LIKELY, POSSIBLE),
    (Class::DeTaxId, "86 095 742 719", LIKELY, POSSIBLE),
    (Class::DeIdCard, "L01X00T471", POSSIBLE, POSSIBLE),
    (Class::DeIdCard, "1220001297", NO, NO),
    (Class::DeIdCard, "1220001297D", NO, NO),
    (Class::DeInsurance, "65 170839 J 003", CERTAIN, LIKELY),
    (Class::DeInsurance, "15 070649 C 10 3", CERTAIN, LIKELY),
    (Class::DeInsurance, "10 010490 A 443", CERTAIN, LIKELY),
    (Class::DeInsurance, "A123456780", POSSIBLE, POSSIBLE),
    (Class::FrNir, "2 95 10 99 126 111 93", CERTAIN, POSSIBLE),
    (Class::FrNir, "2 53 07 2A 073 004 43", CERTAIN, LIKELY),
    (Class::FrNir, "2 53 07 2B 073 004 70", CERTAIN, LIKELY),
    (Class::ItFiscalCode, "RCC MNL 83S18 D969H", CERTAIN, CERTAIN),
    (Class::ItFiscalCode, "RSSMRA85T10A562S", CERTAIN, CERTAIN),
    (Class::EsNif, "54362315-K", LIKELY, LIKELY),
    (Class::EsNif, "12.345.678-Z", CERTAIN, LIKELY),
    (Class::EsNif, "X-2482300-W", LIKELY, LIKELY),
    (Class::EsNif, "M-1234567-L", LIKELY, LIKELY),
    (Class::EsNif, "J99216582", NO, NO),
    (Class::EsNif, "A13585625", NO, NO),
    (Class::PtNif, "501 964 843", POSSIBLE, NO),
    (Class::NlBsn, "1112.22.333", LIKELY, NO),
    (Class::BeNrn, "85.07.30-033.28", CERTAIN, POSSIBLE),
    (Class::BeNrn, "17.07.30-033.84", CERTAIN, POSSIBLE),
    (Class::BeNrn, "98.47.28-997.65", CERTAIN, POSSIBLE),
    (Class::ChAhv, "756.9217.0769.85", CERTAIN, POSSIBLE),
    (Class::AtSvnr, "1237 010180", LIKELY, NO),
    (Class::IePps, "6433435F", POSSIBLE, POSSIBLE),
    (Class::IePps, "6433435OA", LIKELY, LIKELY),
    (Class::IePps, "6433435FW", LIKELY, LIKELY),
    (Class::PlPesel, "44051401359", POSSIBLE, POSSIBLE),
    (Class::SePersonnummer, "880320-0016", LIKELY, POSSIBLE),
    (Class::SePersonnummer, "811228+9841", LIKELY, POSSIBLE),
    (Class::SePersonnummer, "19811228-9841", LIKELY, LIKELY),
    (Class::SePersonnummer, "701063-2391", LIKELY, POSSIBLE),
    (Class::NoFnr, "151086 95088", LIKELY, POSSIBLE),
    (Class::FiHetu, "131052-308T", LIKELY, NO),
    (Class::FiHetu, "131052A308T", CERTAIN, CERTAIN),
    (Class::FiHetu, "010594Y9032", NO, NO),
    (Class::FiHetu, "030516D9037", NO, NO),
    (Class::CzBirthNumber, "710319/2745", LIKELY, NO),
    (Class::RoCnp, "1630615123457", NO, NO),
    (Class::BgEgn, "7523169263", NO, NO),
    (Class::BgEgn, "7552010005", POSSIBLE, POSSIBLE),
    (Class::HrOib, "33392005961", NO, NO),
    (Class::TrTckn, "17291716060", POSSIBLE, POSSIBLE),
    (Class::BrCpf, "111.444.777-35", LIKELY, POSSIBLE),
    (Class::BrCpf, "529.982.247-25", LIKELY, POSSIBLE),
    (Class::BrCnpj, "11.222.333/0001-81", CERTAIN, LIKELY),
    (Class::BrCnpj, "12.ABC.345/01DE-35", LIKELY, POSSIBLE),
    (Class::ArCuit, "20-05536168-2", LIKELY, POSSIBLE),
    (Class::ArCuit, "20-26756539-3", LIKELY, POSSIBLE),
    (Class::ClRut, "12.531.909-2", LIKELY, NO),
    (Class::ClRut, "76086428-5", POSSIBLE, NO),
    (Class::ClRut, "12.531.913-0", LIKELY, NO),
    (Class::MxCurp, "BOXW310820HNERXN09", CERTAIN, CERTAIN),
    (Class::MxRfc, "GODE-561231-GR8", CERTAIN, LIKELY),
    (Class::MxRfc, "MAB-930714-8T4", CERTAIN, LIKELY),
    (Class::KrRrn, "971013-1019901", LIKELY, POSSIBLE),
    (Class::SgNric, "S1234567D", LIKELY, LIKELY),
    (Class::SgNric, "T1234567J", LIKELY, LIKELY),
    (Class::SgNric, "F1234567N", LIKELY, LIKELY),
    (Class::SgNric, "G1234567X", LIKELY, LIKELY),
    (Class::SgNric, "M1234567K", LIKELY, LIKELY),
    (Class::ThId, "3-1006-00445-63-5", LIKELY, NO),
    (Class::CnResidentId, "11010519491231002X", CERTAIN, CERTAIN),
    (Class::CnResidentId, "360426 19910101 0071", CERTAIN, CERTAIN),
    (Class::JpMyNumber, "1234 5678 9018", POSSIBLE, NO),
    (Class::TwId, "A123456789", POSSIBLE, POSSIBLE),
    (Class::TwId, "A800000014", POSSIBLE, POSSIBLE),
    (Class::HkId, "A123456(3)", LIKELY, NO),
    (Class::HkId, "AB987654(3)", LIKELY, NO),
    (Class::HkId, "E364912-5", POSSIBLE, NO),
    (Class::IlId, "123456782", NO, NO),
    (Class::ZaId, "750330 5044 089", LIKELY, POSSIBLE),
    (Class::ZaId, "800101 5009 08 7", CERTAIN, POSSIBLE),
];

/// Numbers of which a grammar is all that can be checked.
const GRAMMAR: &[Example] = &[
    (Class::UsItin, "912-90-3456", LIKELY, NO),
    (Class::UsMbi, "1EG4-TE5-MK73", CERTAIN, LIKELY),
    (Class::UkNino, "AB 12 34 56 C", CERTAIN, LIKELY),
    (Class::InPan, "ACUPA7085R", LIKELY, LIKELY),
];

/// Numbers without the check digit that others of their class have, or of a class without one.
const UNCHECKED: &[Example] = &[
    (Class::InVoter, "WKH1186263", NO, NO),
    (Class::DeIdCard, "L01X00T47", NO, NO),
    (Class::FrNir, "2951099126111", NO, NO),
    (Class::DkCpr, "010120-4000", POSSIBLE, NO),
    (Class::CzBirthNumber, "451231/123", POSSIBLE, NO),
    (Class::MxRfc, "VACE460910SX6", POSSIBLE, POSSIBLE),
    (Class::KrRrn, "210315-3123456", POSSIBLE, NO),
    (Class::CnResidentId, "110105491231002", NO, NO),
    (Class::NgNin, "12345678901", NO, NO),
];

/// Numbers that are almost right.
const REFUSED: &[(Class, &str)] = &[
    (Class::UsItin, "912-93-4567"),
    (Class::UsMbi, "1SG4-TE5-MK73"),
    (Class::UkNino, "QQ 12 34 56 C"),
    (Class::UkNino, "GB 12 34 56 A"),
    (Class::UkNino, "AB 12 34 56 E"),
    (Class::InPan, "ABMXA3211G"),
    (Class::InPan, "ACUPA0000R"),
    (Class::DkCpr, "310207-1234"),
    (Class::DeTaxId, "36554266806"),
    (Class::InGstin, "27AAPFU0939F1AA"),
    (Class::MxRfc, "GODE561331GR8"),
    (Class::KrRrn, "851332-1234567"),
    (Class::KrRrn, "850315-1234567"),
    (Class::CnResidentId, "110105194913310020"),
    (Class::FrNir, "253072C07300443"),
    (Class::BrCpf, "111.111.111-11"),
    (Class::JpMyNumber, "0000 0000 0000"),
];

#[test]
fn example_of_an_authority_is_certain_beside_its_name_in_any_grouping() {
    for (class, text, ..) in CHECKED.iter().chain(GRAMMAR) {
        for text in [(*text).to_owned(), one_piece(text), in_pairs(text)] {
            assert_eq!(named(*class, &text), Some((*class, Confidence::Certain)), "{text}");
        }
    }
}

#[test]
fn example_of_an_authority_is_as_sure_unnamed_as_its_look_alikes_are_rare() {
    for (class, text, printed, bare) in CHECKED.iter().chain(GRAMMAR).chain(UNCHECKED) {
        let sure = |text: &str| unnamed(*class, text).map(|(_, confidence)| confidence);
        assert_eq!((sure(text), sure(&one_piece(text))), (*printed, *bare), "{text}");
    }
}

#[test]
fn number_without_a_check_digit_is_likely_beside_its_name() {
    for (class, text, ..) in UNCHECKED {
        assert_eq!(named(*class, text), Some((*class, Confidence::Likely)), "{text}");
    }
}

#[test]
fn wrong_digit_is_noticed_beside_the_name() {
    for (class, text, ..) in CHECKED {
        let mut survived = 0;
        for (place, symbol) in text.bytes().enumerate().filter(|(_, byte)| byte.is_ascii_digit()) {
            let other = b'0' + (symbol - b'0' + 1) % 10;
            let mut changed = text.as_bytes().to_vec();
            changed[place] = other;
            let judged = named(*class, core::str::from_utf8(&changed).unwrap());
            survived += usize::from(judged == Some((*class, Confidence::Certain)));
        }
        // Some places stand outside the check: issue of a card, place on it.
        assert!(survived * 5 <= text.len(), "{text}: {survived}");
    }
}

#[test]
fn number_that_breaks_a_rule_of_its_class_is_none() {
    for (class, text) in REFUSED {
        let around = Around { named: only(*class), on: only(*class) };
        assert_eq!((judged(text, around), unnamed(*class, text)), (None, None), "{text}");
    }
}

#[test]
fn every_class_of_an_authority_has_an_example() {
    let examples = CHECKED.iter().chain(GRAMMAR).chain(UNCHECKED);
    let classes: Vec<Class> = examples.map(|(class, ..)| *class).collect();
    for rule in &crate::inspect::national::RULES {
        assert!(classes.contains(&rule.class), "{}", rule.class.name());
    }
}

fn one_piece(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).collect()
}

fn in_pairs(text: &str) -> String {
    let symbols: Vec<char> = one_piece(text).chars().collect();
    let pairs: Vec<String> = symbols.chunks(2).map(|pair| pair.iter().collect()).collect();
    pairs.join(".")
}
