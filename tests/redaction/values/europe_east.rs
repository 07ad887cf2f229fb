//! Numbers of authorities in northern, central and eastern Europe.

use super::{Born, Made, Style, grouped, until};
use crate::check;
use crate::rng::Rng;

pub fn make(class: &'static str, rng: &mut Rng) -> Option<Made> {
    let digits = |value: String| Made::new(class, Style::Digits, value).with_bare();
    let word = |value: String| Made::new(class, Style::Word, value);
    let born = Born::draw(rng);
    let later = born.year >= 2000;
    Some(match class {
        "pl_pesel" => {
            let month = born.month + if later { 20 } else { 0 };
            let body = format!("{:02}{month:02}{:02}{}", born.yy(), born.day, rng.digits(4));
            digits(check::pesel(&body).unwrap())
        }
        "se_personnummer" => {
            let ten = check::luhn(&format!("{}{}", born.yymmdd(), rng.digits(3))).unwrap();
            let sign = "-";
            let century = if later { "20" } else { "19" };
            let (date, serial) = ten.split_at(6);
            let value = match rng.below(3) {
                0 => format!("{century}{date}{sign}{serial}"),
                1 => format!("{century}{date}{serial}"),
                _ => format!("{date}{sign}{serial}"),
            };
            digits(value)
        }
        "no_fnr" => {
            // Individual numbers: 000-499 until 1999, 500-999 from 2000 on.
            let fnr = until(rng, |rng| {
                let serial = if later { rng.range(500, 999) } else { rng.range(0, 499) };
                check::fnr(&format!("{}{serial:03}", born.ddmmyy()))
            });
            digits(if rng.chance(50) { grouped(&fnr, "###### #####") } else { fnr })
        }
        "dk_cpr" => {
            // The seventh digit tells the century: 0-3 the twentieth, 4-9 with 00-36 the next.
            let seventh = if later { rng.text("456789", 1) } else { rng.text("0123", 1) };
            digits(format!("{}-{seventh}{}", born.ddmmyy(), rng.digits(3)))
        }
        "fi_hetu" => {
            // Signs added by the decree of 2022 are in use since 2023.
            let signs = if later { ["A", "A", "B", "C"] } else { ["-", "-", "Y", "X"] };
            let (sign, serial) = (*rng.pick(&signs), format!("{:03}", rng.range(2, 899)));
            word(check::hetu(&born.ddmmyy(), sign, &serial).unwrap()).free_if(sign != "C")
        }
        "cz_birth_number" => {
            let month = born.month + if rng.chance(50) { 50 } else { 0 };
            let year = if born.year < 1954 { 54 } else { born.yy() };
            let date = format!("{year:02}{month:02}{:02}", born.day);
            let number = until(rng, |rng| check::birth_number(&format!("{date}{}", rng.digits(3))));
            digits(grouped(&number, "######/####"))
        }
        "ro_cnp" => {
            let sex = rng.range(1, 2) + if later { 4 } else { 0 };
            let county = *rng.pick(&["01", "12", "22", "35", "40", "41", "46"]);
            let body = format!("{sex}{}{county}{:03}", born.yymmdd(), rng.range(1, 999));
            digits(check::cnp(&body).unwrap())
        }
        "bg_egn" => {
            let month = born.month + if later { 40 } else { 0 };
            let body = format!("{:02}{month:02}{:02}{}", born.yy(), born.day, rng.digits(3));
            digits(check::egn(&body).unwrap())
        }
        "hr_oib" => digits(check::mod11_10(&rng.digits(10)).unwrap()),
        "tr_tckn" => digits(check::tckn(&rng.number(9)).unwrap()),
        _ => return None,
    })
}
