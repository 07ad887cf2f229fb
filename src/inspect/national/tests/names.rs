//! Numbers beside names, their own and general ones.

use super::{judged, named, only};
use crate::class::{Class, ClassSet, Confidence};
use crate::inspect::candidate::Around;

#[test]
fn general_name_leads_to_the_class_whose_check_fits() {
    let examples = [
        (Class::TaxId, "529.982.247-25", Class::BrCpf),
        (Class::TaxId, "36 574 261 809", Class::DeTaxId),
        (Class::TaxId, "RCCMNL83S18D969H", Class::ItFiscalCode),
        (Class::TaxId, "ACUPA7085R", Class::InPan),
        (Class::NationalId, "11010519491231002X", Class::CnResidentId),
        (Class::NationalId, "85.07.30-033.28", Class::BeNrn),
        (Class::NationalId, "S1234567D", Class::SgNric),
        (Class::NationalId, "1112.22.333", Class::NlBsn),
    ];
    for (general, text, class) in examples {
        assert_eq!(named(general, text), Some((class, Confidence::Certain)), "{text}");
    }
}

#[test]
fn general_name_stays_general_where_several_weak_checks_fit() {
    let judged = named(Class::TaxId, "123456782");
    assert_eq!(judged, Some((Class::TaxId, Confidence::Certain)));
}

#[test]
fn general_name_does_not_make_numbers_of_patients_and_doctors() {
    assert_eq!(named(Class::TaxId, "1EG4TE5MK73").map(|(class, _)| class), Some(Class::UsMbi));
    assert_eq!(named(Class::NationalId, "9434765919").map(|(class, _)| class), {
        Some(Class::NationalId)
    });
}

#[test]
fn tax_numbers_without_a_class_are_certain_where_their_structure_holds() {
    let examples =
        ["12-3456789", "DE136695976", "ATU12345678", "NL123456789B01", "5261040828", "00743110157"];
    for text in examples {
        assert_eq!(named(Class::TaxId, text), Some((Class::TaxId, Confidence::Certain)), "{text}");
        let around = Around { named: ClassSet::empty(), on: only(Class::TaxId) };
        assert_eq!(judged(text, around), None, "{text}");
    }
}

#[test]
fn general_name_alone_makes_a_number_likely_and_odd_ones_possible() {
    let examples = [
        ("93/815/08152", Some(Confidence::Likely)),
        ("1234567", Some(Confidence::Likely)),
        ("12345", Some(Confidence::Possible)),
        ("ABCDEF123", Some(Confidence::Possible)),
        ("1234", None),
        ("UNKNOWN", None),
    ];
    for (text, confidence) in examples {
        let expected = confidence.map(|confidence| (Class::NationalId, confidence));
        assert_eq!(named(Class::NationalId, text), expected, "{text}");
    }
    assert_eq!(named(Class::NationalId, "123456789012345678901"), None);
}

#[test]
fn class_that_is_not_looked_for_is_not_found() {
    let cpf = "529.982.247-25";
    let without = |named: Class, on: &[Class]| {
        judged(cpf, Around { named: only(named), on: on.iter().copied().collect() })
    };
    assert_eq!(without(Class::BrCpf, &[Class::HrOib]), None);
    let general = without(Class::TaxId, &[Class::TaxId]);
    assert_eq!(general, Some((Class::TaxId, Confidence::Certain)));
    assert_eq!(without(Class::TaxId, &[Class::HrOib]), None);
    let printed = without(Class::NationalId, &[Class::BrCpf]);
    assert_eq!(printed, Some((Class::BrCpf, Confidence::Certain)));
}

#[test]
fn name_of_another_class_lends_nothing() {
    assert_eq!(named(Class::HrOib, "52998224725").map(|(class, _)| class), Some(Class::BrCpf));
    assert_eq!(named(Class::UkNhs, "111222333"), None);
}

#[test]
fn own_name_comes_before_an_equally_sure_guess() {
    // Also in the layout of Sweden, whose check digit it holds.
    let text = "010120-4048";
    let unnamed = judged(text, Around { named: ClassSet::empty(), on: ClassSet::all() });
    assert_eq!(unnamed, Some((Class::SePersonnummer, Confidence::Likely)));
    assert_eq!(named(Class::DkCpr, text), Some((Class::DkCpr, Confidence::Likely)));
}

#[test]
fn code_of_the_country_may_stand_before_the_number() {
    let examples = [
        (Class::PtNif, "PT501964843"),
        (Class::HrOib, "HR33392005961"),
        (Class::EsNif, "ESX2482300W"),
        (Class::NlBsn, "NL111222333"),
    ];
    for (class, text) in examples {
        assert_eq!(named(class, text), Some((class, Confidence::Certain)), "{text}");
    }
    assert_eq!(named(Class::PtNif, "FR501964843"), None);
    assert_eq!(named(Class::PtNif, "PT501964842"), None);
}

#[test]
fn leading_zeros_that_a_number_lost_are_put_back() {
    // 01010101006 and 004085616, as JSON numbers have them.
    assert_eq!(named(Class::AuAcn, "4085616"), Some((Class::AuAcn, Confidence::Certain)));
    assert_eq!(named(Class::PlPesel, "2070803628"), Some((Class::PlPesel, Confidence::Certain)));
    assert_eq!(named(Class::AuAcn, "4085617"), None);
    assert_eq!(named(Class::NgNin, "1234567890"), None);
}
