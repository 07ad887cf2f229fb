//! Numbers of authorities in Asia, Africa and the Pacific.

use super::{Born, Made, Style, grouped, until};
use crate::check;
use crate::rng::{Rng, UPPER};

pub fn make(class: &'static str, rng: &mut Rng) -> Option<Made> {
    australasia(class, rng).or_else(|| india(class, rng)).or_else(|| east(class, rng))
}

fn australasia(class: &'static str, rng: &mut Rng) -> Option<Made> {
    let digits = |value: String| Made::new(class, Style::Digits, value).with_bare();
    Some(match class {
        "au_tfn" => {
            let tfn = until(rng, |rng| check::tfn(&rng.number(8)));
            digits(if rng.chance(70) { grouped(&tfn, "### ### ###") } else { tfn })
        }
        "au_abn" => digits(grouped(&check::abn(&rng.digits(9)).unwrap(), "## ### ### ###")),
        "au_acn" => digits(grouped(&check::acn(&rng.digits(8)).unwrap(), "### ### ###")),
        "au_medicare" => {
            let first = rng.text("23456", 1);
            let nine = check::au_medicare(&format!("{first}{}", rng.digits(7))).unwrap();
            let issue = rng.range(1, 9);
            digits(grouped(&format!("{nine}{issue}"), rng.word(&["#### ##### #", "##########"])))
        }
        "nz_ird" => {
            let ird = until(rng, |rng| check::ird(&rng.range(1_000_000, 14_999_999).to_string()));
            let pattern = if ird.len() == 9 { "###-###-###" } else { "##-###-###" };
            digits(grouped(&ird, pattern))
        }
        "za_id" => {
            let born = Born::draw(rng).yymmdd();
            let citizen = *rng.pick(&["0", "0", "1"]);
            let id = check::luhn(&format!("{born}{}{citizen}8", rng.digits(4))).unwrap();
            digits(if rng.chance(30) { grouped(&id, "###### #### ## #") } else { id })
        }
        "ng_nin" => digits(rng.number(11)),
        "il_id" => {
            let first = rng.text("0123", 1);
            digits(check::luhn(&format!("{first}{}", rng.digits(7))).unwrap())
        }
        _ => return None,
    })
}

fn india(class: &'static str, rng: &mut Rng) -> Option<Made> {
    let word = |value: String| Made::new(class, Style::Word, value);
    // A permanent account number: three letters, the kind of holder, the name's initial.
    let pan = |rng: &mut Rng| {
        let start = rng.text(UPPER, 3);
        format!(
            "{start}{}{}{}{}",
            rng.text("PPPCHF", 1),
            rng.text(UPPER, 1),
            rng.digits(4),
            rng.text(UPPER, 1)
        )
    };
    Some(match class {
        "in_aadhaar" => {
            let first = rng.text("23456789", 1);
            let number = check::verhoeff(&format!("{first}{}", rng.digits(10))).unwrap();
            let pattern = *rng.pick(&["#### #### ####", "#### #### ####", "####-####-####"]);
            Made::new(class, Style::Digits, grouped(&number, pattern)).with_bare()
        }
        "in_pan" => word(pan(rng)).free(),
        "in_voter" => word(rng.fill("@@@#######")),
        "in_gstin" => {
            let state = *rng.pick(&["07", "09", "19", "24", "27", "29", "33", "36"]);
            word(check::gstin(&format!("{state}{}1Z", pan(rng))).unwrap()).free()
        }
        _ => return None,
    })
}

fn east(class: &'static str, rng: &mut Rng) -> Option<Made> {
    let digits = |value: String| Made::new(class, Style::Digits, value).with_bare();
    let word = |value: String| Made::new(class, Style::Word, value);
    let born = Born::draw(rng);
    Some(match class {
        "kr_rrn" => {
            let sex = rng.range(1, 2) + if born.year < 2000 { 0 } else { 2 };
            let place = rng.range(0, 95);
            let body = format!("{}{sex}{place:02}{}", born.yymmdd(), rng.digits(3));
            digits(grouped(&check::rrn(&body).unwrap(), "######-#######")).free()
        }
        "sg_nric" => {
            let series = rng.text("SSTFGM", 1);
            word(check::nric(&format!("{series}{}", rng.digits(7))).unwrap()).free()
        }
        "th_id" => {
            let first = rng.text("12345678", 1);
            let id = check::thai(&format!("{first}{}", rng.digits(11))).unwrap();
            digits(if rng.chance(60) { grouped(&id, "#-####-#####-##-#") } else { id })
        }
        "cn_resident_id" => {
            const REGIONS: [&str; 8] =
                ["110101", "310104", "440103", "440305", "510104", "330106", "320102", "420106"];
            let region = *rng.pick(&REGIONS);
            let body = format!("{region}{}{:03}", born.yyyymmdd(), rng.range(1, 999));
            word(check::china(&body).unwrap()).free()
        }
        "jp_my_number" => {
            let number = check::my_number(&rng.digits(11)).unwrap();
            digits(if rng.chance(50) { grouped(&number, "#### #### ####") } else { number })
        }
        "tw_id" => {
            let start = format!("{}{}", rng.text("ABCDEFGHJKMNPQTUVX", 1), rng.range(1, 2));
            word(check::taiwan(&format!("{start}{}", rng.digits(7))).unwrap())
        }
        "hk_id" => {
            let letters =
                *rng.pick(&["A", "C", "E", "G", "K", "P", "R", "V", "Y", "Z", "WX", "XA"]);
            let id = check::hong_kong(&format!("{letters}{}", rng.digits(6))).unwrap();
            let (body, last) = id.split_at(id.len() - 1);
            let brackets = rng.chance(70);
            let value = if brackets { format!("{body}({last})") } else { id };
            word(value).with_bare().free_if(brackets)
        }
        _ => return None,
    })
}
