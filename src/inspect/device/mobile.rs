//! Numbers of mobile networks: devices (IMEI, MEID), subscribers (IMSI), SIM cards (ICCID).

use super::{Named, is_all_digits, is_one_symbol};
use crate::class::Confidence;
use crate::inspect::candidate::Candidate;
use crate::inspect::national::checks::luhn;

/// An IMEI: 3GPP TS 23.003, 6.2. Eight digits of type allocation, six of the serial number
/// and a check digit after Luhn (annex B); with two digits of the software version instead
/// of the check digit (IMEISV), or as a MEID (3GPP2 S.R0048), only where a name says so.
pub(super) fn imei(candidate: &Candidate<'_>, named: Named) -> Option<Confidence> {
    let symbols = candidate.symbols;
    if is_one_symbol(symbols) {
        return None;
    }
    let checked = symbols.len() == 15 && is_all_digits(symbols) && luhn(symbols);
    match named {
        Named::Yes if checked => Some(Confidence::Certain),
        Named::Yes => named_imei(symbols),
        Named::No if !checked || !is_allocated(symbols) => None,
        Named::No if PRINTED.contains(&candidate.groups) => Some(Confidence::Likely),
        // One number of 15 digits in ten has the check digit.
        Named::No => (candidate.groups.len() == 1).then_some(Confidence::Possible),
    }
}

/// Without a check digit: what networks report has a zero in its place, or nothing.
fn named_imei(symbols: &[u8]) -> Option<Confidence> {
    let digits = is_all_digits(symbols);
    let meid = || {
        let hexadecimal = symbols.iter().all(u8::is_ascii_hexdigit);
        hexadecimal && matches!(symbols.first(), Some(b'A'..=b'F'))
    };
    match symbols.len() {
        15 if digits && symbols.ends_with(b"0") => Some(Confidence::Likely),
        15 if digits => Some(Confidence::Possible),
        14 | 16 if digits && is_allocated(symbols) => Some(Confidence::Likely),
        14 if digits || meid() => Some(Confidence::Likely),
        _ => None,
    }
}

fn is_allocated(symbols: &[u8]) -> bool {
    symbols.first_chunk::<2>().is_some_and(|body| REPORTING_BODIES.contains(body))
}

/// An IMSI: ITU-T E.212 and 3GPP TS 23.003, 2.2. It has no check digit, so that it counts
/// only where a name says so.
pub(super) fn imsi(candidate: &Candidate<'_>, named: Named) -> Option<Confidence> {
    let symbols = candidate.symbols;
    let shaped = matches!(symbols.len(), 14 | 15) && is_all_digits(symbols);
    if named == Named::No || !shaped || is_one_symbol(symbols) {
        return None;
    }
    let country = symbols.first_chunk::<3>()?;
    let country = country.iter().fold(0, |code, digit| code * 10 + u16::from(digit - b'0'));
    COUNTRY_CODES.binary_search(&country).is_ok().then_some(Confidence::Likely)
}

/// An ICCID: ITU-T E.118, 4: 89 for telecommunications, the country's code of E.164, the
/// issuer, the account and a check digit after Luhn. Where 20 symbols are stored for 19,
/// the last one is F (ETSI TS 102 221, 13.2).
pub(super) fn iccid(candidate: &Candidate<'_>, named: Named) -> Option<Confidence> {
    let symbols = match candidate.symbols {
        [rest @ .., b'F'] if rest.len() == 19 => rest,
        symbols => symbols,
    };
    let [b'8', b'9', country @ ..] = symbols else { return None };
    if !matches!(symbols.len(), 19 | 20) || !is_country(country) {
        return None;
    }
    // Some issuers put letters into the account's number: then there is no check digit.
    let checked = is_all_digits(symbols) && luhn(symbols);
    let letters = symbols.iter().filter(|symbol| !symbol.is_ascii_digit()).count();
    match (named, checked) {
        (Named::Yes, true) => Some(Confidence::Certain),
        (Named::Yes, false) => (letters <= 2).then_some(Confidence::Likely),
        (Named::No, true) => Some(Confidence::Likely),
        (Named::No, false) => None,
    }
}

/// Whether a country's calling code stands here: all are prefixes of these two digits or
/// begin with them, so that two digits decide (ITU-T E.164, list of assigned codes).
fn is_country(symbols: &[u8]) -> bool {
    let Some([first, second]) = symbols.first_chunk::<2>() else { return false };
    match first {
        b'1' | b'7' => second.is_ascii_digit(),
        b'2'..=b'6' | b'8' | b'9' => {
            second.is_ascii_digit()
                && !matches!((first, second), (b'2', b'8') | (b'8', b'3' | b'9'))
        }
        _ => false,
    }
}

/// The printed groups: type, final assembly, serial number, check digit (TS 23.003 up to
/// release 6), and as reporting body, model, serial number, check digit.
const PRINTED: [&[u8]; 3] = [&[6, 2, 6, 1], &[2, 6, 6, 1], &[8, 6, 1]];

/// The first two digits of type allocation codes, by the body that gave them: GSMA TS.06,
/// IMEI Allocation and Approval Process, annex A. Test numbers (00) are not among them.
const REPORTING_BODIES: [[u8; 2]; 17] = [
    *b"01", *b"10", *b"30", *b"33", *b"35", *b"44", *b"45", *b"49", *b"50", *b"51", *b"52", *b"53",
    *b"54", *b"86", *b"91", *b"98", *b"99",
];

/// Mobile country codes in use: ITU-T E.212, annex to the Operational Bulletin, "Mobile
/// Country or Geographical Area Codes"; with 001 for tests and 999 for private networks.
/// Sorted.
#[rustfmt::skip]
const COUNTRY_CODES: [u16; 241] = [
    1,
    202, 204, 206, 208, 212, 213, 214, 216, 218, 219, 220, 221, 222, 225, 226, 228, 230, 231, 232,
    234, 235, 238, 240, 242, 244, 246, 247, 248, 250, 255, 257, 259, 260, 262, 266, 268, 270, 272,
    274, 276, 278, 280, 282, 283, 284, 286, 288, 289, 290, 292, 293, 294, 295, 297,
    302, 308, 310, 311, 312, 313, 314, 315, 316, 330, 332, 334, 338, 340, 342, 344, 346, 348, 350,
    352, 354, 356, 358, 360, 362, 363, 364, 365, 366, 368, 370, 372, 374, 376,
    400, 401, 402, 404, 405, 406, 410, 412, 413, 414, 415, 416, 417, 418, 419, 420, 421, 422, 424,
    425, 426, 427, 428, 429, 430, 431, 432, 434, 436, 437, 438, 440, 441, 450, 452, 454, 455, 456,
    457, 460, 461, 466, 467, 470, 472,
    502, 505, 510, 514, 515, 520, 525, 528, 530, 536, 537, 539, 540, 541, 542, 543, 544, 545, 546,
    547, 548, 549, 550, 551, 552, 553, 554, 555,
    602, 603, 604, 605, 606, 607, 608, 609, 610, 611, 612, 613, 614, 615, 616, 617, 618, 619, 620,
    621, 622, 623, 624, 625, 626, 627, 628, 629, 630, 631, 632, 633, 634, 635, 636, 637, 638, 639,
    640, 641, 642, 643, 645, 646, 647, 648, 649, 650, 651, 652, 653, 654, 655, 657, 658, 659,
    702, 704, 706, 708, 710, 712, 714, 716, 722, 724, 730, 732, 734, 736, 738, 740, 742, 744, 746,
    748, 750,
    901, 999,
];
