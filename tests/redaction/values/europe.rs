//! Numbers of authorities in western and southern Europe and on the British Isles.

use super::{Born, Made, Style, grouped, until};
use crate::check;
use crate::rng::Rng;

pub fn make(class: &'static str, rng: &mut Rng) -> Option<Made> {
    let digits = |value: String| Made::new(class, Style::Digits, value).with_bare();
    let word = |value: String| Made::new(class, Style::Word, value);
    Some(match class {
        "uk_nhs" => {
            let first = rng.text("4679", 1);
            let number = until(rng, |rng| check::nhs(&format!("{first}{}", rng.digits(8))));
            digits(grouped(&number, rng.word(&["### ### ####", "### ### ####", "###-###-####"])))
        }
        "uk_nino" => {
            let prefix = *rng
                .pick(&["AB", "CE", "HN", "JK", "LM", "NP", "PW", "RS", "SX", "TY", "WK", "YZ"]);
            let nino = format!("{prefix}{}{}", rng.digits(6), rng.text("ABCD", 1));
            let value = if rng.chance(60) { grouped(&nino, "## ## ## ## #") } else { nino };
            word(value).with_bare().free()
        }
        "uk_utr" => {
            let utr = until(rng, |rng| check::utr(&rng.digits(9)));
            digits(if rng.chance(50) { grouped(&utr, "##### #####") } else { utr })
        }
        "de_tax_id" => {
            let id = until(rng, |rng| check::mod11_10(&german_tax_body(rng)));
            digits(if rng.chance(60) { grouped(&id, "## ### ### ###") } else { id })
        }
        "de_id_card" => {
            let alphabet = "0123456789CFGHJKLMNPRTVWXYZ";
            let number = format!("{}{}", rng.text("LMNPRTVWXY", 1), rng.text(alphabet, 8));
            word(if rng.chance(40) { check::icao(&number).unwrap() } else { number })
        }
        "de_insurance" => {
            if rng.chance(50) {
                let letter = rng.text("ABCDEFGHKLMNPRSTVWZ", 1);
                word(check::kvnr(&format!("{letter}{}", rng.digits(8))).unwrap())
            } else {
                let area = *rng.pick(&["02", "08", "12", "15", "24", "53", "65"]);
                let (born, letter) = (Born::draw(rng).ddmmyy(), rng.text("ABCDEFGHKLMNPRSTVW", 1));
                let number =
                    check::rvnr(&format!("{area}{born}{letter}{}", rng.digits(2))).unwrap();
                word(if rng.chance(50) { grouped(&number, "## ###### # ###") } else { number })
            }
        }
        _ => return continental(class, rng),
    })
}

fn continental(class: &'static str, rng: &mut Rng) -> Option<Made> {
    let digits = |value: String| Made::new(class, Style::Digits, value).with_bare();
    let word = |value: String| Made::new(class, Style::Word, value);
    Some(match class {
        "fr_nir" => {
            let born = Born::draw(rng);
            let department = *rng.pick(&["13", "31", "33", "59", "69", "75", "92", "2A", "2B"]);
            let sex = rng.range(1, 2);
            let start = format!("{sex}{:02}{:02}{department}", born.yy(), born.month);
            let serial = format!("{:03}{:03}", rng.range(1, 450), rng.range(1, 999));
            let nir = check::nir(&format!("{start}{serial}")).unwrap();
            digits(if rng.chance(60) { grouped(&nir, "# ## ## ## ### ### ##") } else { nir })
        }
        "it_fiscal_code" => word(italian(rng)).free(),
        "es_nif" => {
            let foreigner = rng.chance(30);
            let start = if foreigner { rng.text("XYZ", 1) } else { rng.digits(1) };
            let nif = check::nif_es(&format!("{start}{}", rng.digits(7))).unwrap();
            let value = match rng.below(4) {
                0 => nif.split_at(8).0.to_owned() + "-" + nif.split_at(8).1,
                1 if !foreigner => grouped(&nif, "##.###.###-#"),
                _ => nif,
            };
            word(value).with_bare().free()
        }
        "pt_nif" => {
            let first = rng.text("123", 1);
            let nif = check::nif_pt(&format!("{first}{}", rng.digits(7))).unwrap();
            digits(if rng.chance(50) { grouped(&nif, "### ### ###") } else { nif })
        }
        "nl_bsn" => {
            let bsn = until(rng, |rng| check::bsn(&rng.number(8)));
            digits(if rng.chance(30) { grouped(&bsn, "####.##.###") } else { bsn })
        }
        "be_nrn" => {
            let born = Born::draw(rng);
            let century = if born.year < 2000 { "" } else { "2" };
            let body = format!("{}{:03}", born.yymmdd(), rng.range(1, 997));
            digits(grouped(&check::nrn(&body, century).unwrap(), "##.##.##-###.##"))
        }
        "ch_ahv" => {
            let ahv = check::ean(&format!("756{}", rng.digits(9))).unwrap();
            let dotted = rng.chance(75);
            let value = if dotted { grouped(&ahv, "###.####.####.##") } else { ahv };
            digits(value).free_if(dotted)
        }
        "at_svnr" => {
            let born = Born::draw(rng).ddmmyy();
            let svnr = until(rng, |rng| check::svnr(&format!("{}{born}", rng.number(3))));
            digits(grouped(&svnr, rng.word(&["#### ######", "##########"])))
        }
        "ie_pps" => {
            let second = *rng.pick(&["", "A", "W", "B"]);
            word(check::pps(&rng.digits(7), second).unwrap())
        }
        _ => return None,
    })
}

/// Ten digits of which exactly one comes twice (IT-Sicherheit of the BZSt, form until 2015), the
/// first not zero.
fn german_tax_body(rng: &mut Rng) -> String {
    let mut digits: Vec<u64> = (0..10).collect();
    rng.shuffle(&mut digits);
    digits[9] = digits[rng.below(9)];
    rng.shuffle(&mut digits);
    if digits[0] == 0 {
        digits.rotate_left(1);
    }
    if digits[0] == 0 {
        digits.rotate_left(1);
    }
    digits.iter().map(u64::to_string).collect()
}

fn italian(rng: &mut Rng) -> String {
    const NAMES: [&str; 8] = ["RSS", "BNC", "FRR", "RMN", "CLM", "RCC", "SPS", "MRN"];
    const FIRST: [&str; 8] = ["MRA", "GLI", "MRC", "LCU", "CHR", "LSN", "FNC", "MTT"];
    // Roma, Milano, Torino, Napoli, Firenze, Palermo, born abroad (Germany).
    const PLACES: [&str; 7] = ["H501", "F205", "L219", "F839", "D612", "G273", "Z112"];
    let born = Born::draw(rng);
    let month = "ABCDEHLMPRST".chars().nth(usize::try_from(born.month - 1).unwrap()).unwrap();
    let day = born.day + if rng.chance(50) { 40 } else { 0 };
    let (last, first, place) = (rng.pick(&NAMES), rng.pick(&FIRST), rng.pick(&PLACES));
    check::fiscal_code(&format!("{last}{first}{:02}{month}{day:02}{place}", born.yy())).unwrap()
}
