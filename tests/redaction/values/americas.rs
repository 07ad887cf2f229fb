//! Numbers of authorities in the Americas.

use super::{Born, Made, Style, grouped, until};
use crate::check;
use crate::rng::{Rng, UPPER};

pub fn make(class: &'static str, rng: &mut Rng) -> Option<Made> {
    let digits = |value: String| Made::new(class, Style::Digits, value).with_bare();
    let word = |value: String| Made::new(class, Style::Word, value);
    Some(match class {
        "us_ssn" => {
            let area = until(rng, |rng| {
                Some(rng.range(1, 899)).filter(|a| *a != 666).map(|a| format!("{a:03}"))
            });
            let (group, serial) = (rng.range(1, 99), rng.range(1, 9999));
            let separator = *rng.pick(&["-", "-", "-", " "]);
            let value = format!("{area}{separator}{group:02}{separator}{serial:04}");
            digits(value).free_if(separator == "-")
        }
        "us_itin" => {
            let group = *rng.pick(&[50, 58, 65, 70, 74, 81, 88, 90, 92, 94, 99]);
            digits(format!("9{}-{group}-{}", rng.digits(2), rng.digits(4))).free()
        }
        "us_npi" => {
            let kind = *rng.pick(&["1", "2"]);
            digits(until(rng, |rng| check::npi(&format!("{kind}{}", rng.digits(8)))))
        }
        "us_dea" => {
            let letters = format!("{}{}", rng.text("ABFGM", 1), rng.text(UPPER, 1));
            word(until(rng, |rng| check::dea(&format!("{letters}{}", rng.digits(6)))))
        }
        "us_mbi" => {
            let mbi = medicare_beneficiary(rng);
            let dashed = rng.chance(60);
            let value = if dashed { grouped(&mbi, "####-###-####") } else { mbi };
            word(value).with_bare().free_if(dashed)
        }
        "ca_sin" => {
            let first = rng.text("1234567", 1);
            let sin = until(rng, |rng| check::luhn(&format!("{first}{}", rng.digits(7))));
            digits(grouped(&sin, rng.word(&["### ### ###", "###-###-###"])))
        }
        "br_cpf" => {
            let cpf = until(rng, |rng| check::cpf(&rng.digits(9)));
            digits(grouped(&cpf, "###.###.###-##")).free()
        }
        "br_cnpj" => {
            let letters = rng.chance(15);
            let root = if letters {
                rng.text("0123456789ABCDEFGHJKLMNPRSTVWXYZ", 8)
            } else {
                rng.digits(8)
            };
            let cnpj = check::cnpj(&format!("{root}0001")).unwrap();
            digits(grouped(&cnpj, "##.###.###/####-##")).free()
        }
        "ar_cuit" => {
            let kind = *rng.pick(&["20", "23", "24", "27", "30", "33"]);
            let cuit = until(rng, |rng| check::cuit(&format!("{kind}{}", rng.digits(8))));
            digits(grouped(&cuit, "##-########-#"))
        }
        "cl_rut" => {
            let body = rng.range(5_000_000, 26_000_000).to_string();
            let rut = check::rut(&body).unwrap();
            let pattern = if body.len() == 8 { "##.###.###-#" } else { "#.###.###-#" };
            digits(grouped(&rut, pattern))
        }
        "mx_curp" => word(check::curp(&curp_body(rng)).unwrap()).free(),
        "mx_rfc" => {
            let start = format!("{}{}", name_letters(rng), Born::draw(rng).yymmdd());
            let homoclave = rng.text("123456789ABCDEFGHIJKLMNPQRSTUVWXYZ", 2);
            word(check::rfc(&format!("{start}{homoclave}")).unwrap())
        }
        _ => return None,
    })
}

/// Centers for Medicare & Medicaid Services: position by position, without S, L, O, I, B, Z.
fn medicare_beneficiary(rng: &mut Rng) -> String {
    let one = |c| match c {
        'C' => rng.text("123456789", 1),
        'A' => rng.text("ACDEFGHJKMNPQRTUVWXY", 1),
        'X' => rng.text("0123456789ACDEFGHJKMNPQRTUVWXY", 1),
        _ => rng.digits(1),
    };
    "CAXNAXNAANN".chars().map(one).collect()
}

fn name_letters(rng: &mut Rng) -> String {
    let letters = "BCDFGHLMNPRSTV";
    let vowel = rng.text("AEIOU", 1);
    format!("{}{vowel}{}", rng.text(letters, 1), rng.text(letters, 2))
}

fn curp_body(rng: &mut Rng) -> String {
    const STATES: [&str; 8] = ["DF", "JC", "NL", "MC", "VZ", "PL", "OC", "NE"];
    let born = Born::draw(rng);
    let sex = rng.text("HM", 1);
    let state = *rng.pick(&STATES);
    let inner = rng.text("BCDFGHJKLMNPQRSTVWXZ", 3);
    let century = if born.year < 2000 { "0" } else { "A" };
    format!("{}{}{sex}{state}{inner}{century}", name_letters(rng), born.yymmdd())
}
