//! Numbers that only a name explains: of documents, accounts, patients, plates.

use super::shape::{is_one_of, longest};
use super::{Extent, Labelled, date};
use crate::class::{Class, Confidence};

/// What numbers of a class look like.
struct Rule {
    class: Class,
    /// How many letters and digits, without separators.
    symbols: (usize, usize),
    digits_min: usize,
    /// Shapes that speak for the class by themselves.
    shapes: &'static [&'static str],
}

/// The number of this class with which the text begins.
pub(super) fn judge(class: Class, text: &str, extent: Extent) -> Option<Labelled> {
    if class == Class::LicencePlate {
        return plate(text, extent);
    }
    let rule = RULES.iter().find(|rule| rule.class == class)?;
    let bare = text.strip_prefix('#').unwrap_or(text);
    let run = Run::read(bare, rule.symbols.1)?;
    if !(rule.symbols.0..=rule.symbols.1).contains(&run.symbols)
        || run.digits < rule.digits_min
        || !run.telling
    {
        return None;
    }
    let number = bare.get(..run.end)?;
    if is_amount_or_date(number) {
        return None;
    }
    // Digits alone speak for nothing.
    let digits = number.bytes().all(|byte| byte.is_ascii_digit());
    let shaped = !digits && is_one_of(rule.shapes, &number.to_uppercase());
    let confidence = if shaped { Confidence::Certain } else { Confidence::Likely };
    Some(Labelled { length: text.len() - bare.len() + run.end, confidence })
}

/// A card's verification code: three digits, or four (American Express).
pub(super) fn card_code(text: &str) -> Option<Labelled> {
    let length = text.bytes().take(5).take_while(u8::is_ascii_digit).count();
    let ends = ends_naturally(text.get(length..)?) && !text.get(length..)?.starts_with('/');
    let sound = matches!(length, 3 | 4) && ends;
    sound.then_some(Labelled { length, confidence: Confidence::Likely })
}

/// A plate: in a text in the shape of one of the countries, or in one piece; alone in
/// anything that fits a plate.
fn plate(text: &str, extent: Extent) -> Option<Labelled> {
    let found = |length, confidence| Some(Labelled { length, confidence });
    let telling =
        |plate: &str| plate.bytes().any(|byte| byte.is_ascii_digit()) && !is_amount_or_date(plate);
    if extent == Extent::Whole {
        let written = |symbol| symbol == '\u{b7}' || symbol == ' ' || symbol == '-';
        let symbols = text.chars().filter(|symbol| symbol.is_alphanumeric()).count();
        let sound = text.chars().all(|symbol| symbol.is_alphanumeric() || written(symbol));
        let plate = sound && (2..=PLATE_MAX).contains(&symbols) && telling(text);
        return if plate { found(text.len(), Confidence::Likely) } else { None };
    }
    let ends = |end: &usize| text.get(*end..).is_some_and(ends_naturally);
    let shaped = PLATES.iter().filter_map(|shape| longest(shape, text)).filter(ends).max();
    if let Some(end) = shaped.filter(|end| text.get(..*end).is_some_and(telling)) {
        return found(end, Confidence::Likely);
    }
    let run = Run::read(text, PLATE_MAX)?;
    let fits = (4..=PLATE_MAX).contains(&run.symbols) && run.telling;
    let fits = fits && text.get(..run.end).is_some_and(telling);
    if fits { found(run.end, Confidence::Possible) } else { None }
}

/// `1234.56` and `2030-01-31` beside the name of a document are its fee and its expiry.
fn is_amount_or_date(number: &str) -> bool {
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let amount = number
        .split_once('.')
        .is_some_and(|(whole, rest)| digits(whole) && digits(rest) && rest.len() <= 2);
    amount || (!digits(number) && date::is_date(number))
}

/// Letters and digits in groups.
#[derive(Clone, Copy, Default)]
struct Run {
    end: usize,
    symbols: usize,
    digits: usize,
    /// Something else than zeros, and than marks of something hidden.
    telling: bool,
}

impl Run {
    /// Reads groups as long as what separates them can be inside a number.
    fn read(text: &str, symbols_max: usize) -> Option<Run> {
        let mut run = Run::default();
        let mut group = Group::read(text);
        loop {
            if group.symbols == 0 || group.masked {
                return None;
            }
            run.end += group.bytes;
            run.symbols += group.symbols;
            run.digits += group.digits;
            run.telling |= group.telling;
            let rest = text.get(run.end..)?;
            match group.joined(rest).filter(|_| run.symbols <= symbols_max) {
                Some((separator, next)) => {
                    run.end += separator;
                    group = next;
                }
                None => return ends_naturally(rest).then_some(run),
            }
        }
    }
}

/// Letters and digits without anything between them.
#[derive(Default)]
struct Group {
    bytes: usize,
    symbols: usize,
    digits: usize,
    upper: bool,
    telling: bool,
    masked: bool,
}

impl Group {
    fn read(text: &str) -> Group {
        let mut group = Group { upper: true, ..Group::default() };
        let mut crosses = 0;
        for symbol in text.chars().take_while(|symbol| is_symbol(*symbol)).take(SYMBOLS_MAX) {
            group.bytes += symbol.len_utf8();
            group.symbols += 1;
            group.digits += usize::from(symbol.is_ascii_digit());
            group.upper &= !symbol.is_lowercase();
            group.telling |= !matches!(symbol, '0' | 'x' | 'X');
            crosses = if matches!(symbol, 'x' | 'X') { crosses + 1 } else { 0 };
            group.masked |= crosses >= 3;
        }
        group
    }

    /// The group that belongs to this one, and how many bytes lead on to it.
    fn joined(&self, rest: &str) -> Option<(usize, Group)> {
        let mut symbols = rest.chars();
        let separator = symbols.next()?;
        let next = Group::read(symbols.as_str());
        let joined = match separator {
            '-' | '.' | '/' | '\u{2010}'..='\u{2013}' => next.symbols > 0,
            ' ' | '\u{a0}' => self.is_printed_with(&next, symbols.as_str()),
            _ => false,
        };
        joined.then_some((separator.len_utf8(), next))
    }

    /// Whether a space can separate two groups of one number: printed groups are short, and a
    /// word or a longer number after a space is its own.
    fn is_printed_with(&self, next: &Group, rest: &str) -> bool {
        let after = rest.get(next.bytes..).unwrap_or_default();
        let number = next.digits > 0 && next.digits * 2 >= next.symbols;
        let prefix = self.digits == 0 && self.upper && self.symbols <= PREFIX_MAX;
        let printed = self.symbols <= PRINTED_MAX && next.symbols <= PRINTED_MAX;
        let tail = self.digits > 0 && next.upper && next.symbols == 1 && !after.starts_with(' ');
        let label = after.starts_with([':', '=', '#']);
        !label && ((prefix && number) || (printed && (number || tail)))
    }
}

/// Letters of alphabets in which numbers of documents are written; in Chinese or Japanese
/// text a word can follow without a space.
fn is_symbol(symbol: char) -> bool {
    symbol.is_ascii_alphanumeric() || ('\u{c0}'..='\u{52f}').contains(&symbol)
}

/// Whether a number can end before this: it is not the beginning of a word, a time, an
/// address or something hidden.
fn ends_naturally(rest: &str) -> bool {
    let mut symbols = rest.chars();
    match symbols.next() {
        None => true,
        Some('_' | '@' | '*' | '%' | '=' | '\u{2022}') => false,
        Some(':' | '-' | '/' | '.') => !symbols.next().is_some_and(is_symbol),
        Some(symbol) => !is_symbol(symbol),
    }
}

/// Unit: symbols. No number here is longer.
const SYMBOLS_MAX: usize = 40;

/// Unit: symbols. Groups that are printed with spaces between them.
const PRINTED_MAX: usize = 6;

/// Unit: letters. Prefixes before a number: `MRN 12345`.
const PREFIX_MAX: usize = 5;

/// Unit: symbols. Places for the letters and digits of a plate.
const PLATE_MAX: usize = 10;

const RULES: [Rule; 7] = [
    Rule { class: Class::BankAccount, symbols: (5, 20), digits_min: 5, shapes: &[] },
    Rule { class: Class::Passport, symbols: (5, 12), digits_min: 4, shapes: &PASSPORTS },
    Rule { class: Class::DriverLicence, symbols: (4, 20), digits_min: 3, shapes: &LICENCES },
    Rule { class: Class::MedicalRecord, symbols: (4, 20), digits_min: 3, shapes: &[] },
    Rule { class: Class::HealthPlan, symbols: (6, 20), digits_min: 3, shapes: &[] },
    Rule { class: Class::NationalId, symbols: (5, 20), digits_min: 4, shapes: &[] },
    Rule { class: Class::TaxId, symbols: (5, 20), digits_min: 4, shapes: &TAX_IDS },
];

/// Numbers of passports with letters in them: PRADO, the Council of the European Union's
/// register of documents, and ICAO Doc 9303 part 4, whose field has nine places.
#[rustfmt::skip]
const PASSPORTS: [&str; 9] = [
    // US, IN (seven digits), KR, CN, MX, AU, CH, AT, ID, TR, MY and others.
    "A999999900",
    // IT, JP, PL, CA, BR, AU, BE, RO, FI, SE, HU, GR, UA, PK and others.
    "AA99999909", "AA-9999999",
    // ES, AR.
    "AAA999999",
    // FR.
    "99AA99999",
    // NL.
    "AANNNNNN9",
    // DE: C to K, without vowels and without what looks like a digit.
    "ANNNNNNN9",
    // PH.
    "A9999999A",
    // RU, inside the country: series and number.
    "99-99-999999",
];

/// Driving licences with letters in them. United States and Canada: the States' own rules as
/// AAMVA's members publish them. United Kingdom: DVLA, driver number. Others: Annex I of
/// Directive 2006/126/EC leaves the form to the States, PRADO shows it.
#[rustfmt::skip]
const LICENCES: [&str; 16] = [
    // AZ, CA, HI, KS, KY, MA, MO, NE, NY, OH, OK, VA, WV and others: a letter, 4 to 9 digits.
    "A999900000", "A99-99-9999",
    // CO, OH, WY: two letters.
    "AA9990000",
    // FL, IL, MD, MI, MN, WI, NJ, GU: Soundex of the name, a date and a number.
    "A999-999-99-990-0", "A999-9999-9990", "A999-999-999-999", "A9999-99999-99999",
    "A999-9999-9999-90",
    // IA, ID, NH, VT.
    "999AA9999", "AA999999A", "99AAA99999", "9999999A",
    // WA: until 2018 the name, then WDL.
    "AAANNNNNNNNN",
    // GB.
    "AAAAA999999AANAA", "AAAA9999999AANAA",
    // DE: authority, number, check digit, count of copies.
    "ANNNAAAAAAN",
];

/// Identification numbers of employers (United States) and for value added tax.
const TAX_IDS: [&str; 3] = ["99-9999999", "AA999999990000", "AAN99999999"];

/// Plates, as the authorities' rules for marks have them. Sources: Regulation of marks of
/// each country; distinguishing signs after the Vienna Convention on Road Traffic, annex 2.
#[rustfmt::skip]
const PLATES: [&str; 29] = [
    // GB since 2001 and before, IE, NI.
    "AA99-AAA", "A990-AAA", "AAA-990A", "990-Aa-999000", "AAA-9000",
    // DE, AT, CH, LI.
    "Aaa-Aa-9000a", "Aa-9990000", "Aa-9900-Aaa",
    // FR, IT (and AL, GE, with separators), ES, PT.
    "AA-999-AA", "9999-AAA", "AA-99-AA", "99-AA-99", "99-99-AA",
    // NL: side codes.
    "99-AAA-9", "9-AAA-99", "AA-999-A", "A-999-AA", "AAA-99-A", "A-99-AAA",
    // BE, PL, CZ, SE and FI, NO and DK.
    "9-AAA-999", "Aaa-NNNNn", "9A9-9999", "AAA-99N", "AA-99999",
    // US and CA: six or seven places; AU; BR and Mercosur.
    "9AAA999", "AAA-9N99",
    // IN, RU, JP.
    "AA-99-Aaa-9999", "A999AA990", "AAa-990-A-99-99",
];

#[cfg(test)]
mod tests {
    use super::{card_code, judge};
    use crate::class::{Class, Confidence};
    use crate::inspect::labelled::Extent;

    /// What is found of a value that is all of a text.
    fn whole(class: Class, text: &str) -> Option<Confidence> {
        let found = judge(class, text, Extent::Whole)?;
        (found.length == text.len()).then_some(found.confidence)
    }

    fn begin(class: Class, text: &str) -> Option<&str> {
        judge(class, text, Extent::Begin).and_then(|found| text.get(..found.length))
    }

    #[test]
    fn numbers_of_documents_are_judged_by_their_shape() {
        use Confidence::{Certain, Likely};
        for (class, text, expected) in [
            (Class::Passport, "C01X00T47", Some(Certain)),
            (Class::Passport, "A12345678", Some(Certain)),
            (Class::Passport, "12AB34567", Some(Certain)),
            (Class::Passport, "533380006", Some(Likely)),
            (Class::Passport, "AB 1234567", Some(Certain)),
            (Class::Passport, "ABCDEFG", None),
            (Class::Passport, "123", None),
            (Class::DriverLicence, "F123-456-78-910-0", Some(Certain)),
            (Class::DriverLicence, "MORGA657054SM9IJ", Some(Certain)),
            (Class::DriverLicence, "D1234567", Some(Certain)),
            (Class::DriverLicence, "WDLABCD456DG", Some(Certain)),
            (Class::DriverLicence, "12345678", Some(Likely)),
            (Class::DriverLicence, "provisional", None),
            (Class::DriverLicence, "2030-01-31", None),
            (Class::BankAccount, "12345678", Some(Likely)),
            (Class::BankAccount, "0532 0130 00", Some(Likely)),
            (Class::BankAccount, "12-3456-7890123-00", Some(Likely)),
            (Class::BankAccount, "1234", None),
            (Class::BankAccount, "12345.67", None),
            (Class::BankAccount, "00000000", None),
            (Class::BankAccount, "****1234", None),
            (Class::BankAccount, "xxxx12345", None),
            (Class::BankAccount, "550e8400-e29b-41d4-a716-446655440000", None),
            (Class::MedicalRecord, "MRN-0012345", Some(Likely)),
            (Class::MedicalRecord, "MRN 12345", Some(Likely)),
            (Class::MedicalRecord, "00123456", Some(Likely)),
            (Class::MedicalRecord, "PT-2024-00123", Some(Likely)),
            (Class::MedicalRecord, "pending", None),
            (Class::HealthPlan, "XYZ123456789", Some(Likely)),
            (Class::HealthPlan, "gold", None),
            (Class::TaxId, "12-3456789", Some(Certain)),
            (Class::TaxId, "DE123456789", Some(Certain)),
            (Class::TaxId, "1.5", None),
            (Class::NationalId, "АБ123456", Some(Likely)),
            (Class::NationalId, "user@1234567", None),
        ] {
            assert_eq!(whole(class, text), expected, "{} {text}", class.name());
        }
    }

    #[test]
    fn number_ends_before_the_next_label_word_or_number() {
        for (class, text, expected) in [
            (Class::Passport, "C01X00T47, issued 2020", Some("C01X00T47")),
            (Class::Passport, "533380006 DOB: 1987-02-13", Some("533380006")),
            (Class::Passport, "123456789 01/02/2030", Some("123456789")),
            (Class::Passport, "E12345678有效", Some("E12345678")),
            (Class::BankAccount, "12345678 sort code 20-00-00", Some("12345678")),
            (Class::BankAccount, "1234 5678 90 (EUR)", Some("1234 5678 90")),
            (Class::BankAccount, "12345678\nnext", Some("12345678")),
            (Class::MedicalRecord, "MRN 12345 was seen", Some("MRN 12345")),
            (Class::MedicalRecord, "12345.", Some("12345")),
            (Class::MedicalRecord, "was seen", None),
            (Class::DriverLicence, "D1234567 exp 2030", Some("D1234567")),
            (Class::HealthPlan, "XYZ123456789|next", Some("XYZ123456789")),
            (Class::NationalId, "12345:67", None),
            (Class::NationalId, "12345_67", None),
        ] {
            assert_eq!(begin(class, text), expected, "{} {text}", class.name());
        }
    }

    #[test]
    fn plates_are_known_by_shape_and_otherwise_possible() {
        for (text, expected) in [
            ("AB12 CDE", "AB12 CDE"),
            ("M-AB 1234, red", "M-AB 1234"),
            ("B-XY 123E.", "B-XY 123E"),
            ("MÜ-X 1", "MÜ-X 1"),
            ("AB-123-CD was", "AB-123-CD"),
            ("1234 BCD", "1234 BCD"),
            ("7ABC123 parked", "7ABC123"),
            ("12-AB-34", "12-AB-34"),
            ("KA-01-AB-1234", "KA-01-AB-1234"),
            ("1-ABC-234", "1-ABC-234"),
            ("ZH 123456", "ZH 123456"),
            ("ABC1D23", "ABC1D23"),
        ] {
            let found = judge(Class::LicencePlate, text, Extent::Begin);
            let found = found.map(|found| (text.get(..found.length).unwrap(), found.confidence));
            assert_eq!(found, Some((expected, Confidence::Likely)), "{text}");
        }
        for text in ["AB12 CDE", "GR8 DAD", "7abc123", "12345"] {
            assert_eq!(whole(Class::LicencePlate, text), Some(Confidence::Likely), "{text}");
        }
        for text in ["number", "unknown", "A", "2024-01-31", "AB12CDE34567"] {
            assert_eq!(whole(Class::LicencePlate, text), None, "{text}");
            assert_eq!(begin(Class::LicencePlate, text), None, "{text}");
        }
    }

    #[test]
    fn card_code_has_three_or_four_digits_and_nothing_else() {
        for (text, length) in [
            ("123", Some(3)),
            ("0123", Some(4)),
            ("123, exp 12/30", Some(3)),
            ("12", None),
            ("12345", None),
            ("123-456", None),
            ("12/30", None),
            ("123abc", None),
            ("***", None),
        ] {
            assert_eq!(card_code(text).map(|found| found.length), length, "{text}");
        }
    }
}
