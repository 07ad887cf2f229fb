//! Values that only a name or a label beside them tells: documents, patients, insured people, and
//! the numbers of countries that have no class of their own.

use super::{Born, Made, Style, until};
use crate::check;
use crate::rng::Rng;

/// Class and shapes: `#` a digit, `^` one that is not zero, `@` a letter.
#[rustfmt::skip]
const SHAPES: [(&str, &[&str]); 5] = [
    // United States, United Kingdom, Germany, France, India, Canada, Italy, Australia, Japan.
    ("passport", &["@########", "#########", "C0^X##T##", "##@@#####", "@#######", "@@######", "YA#######", "PA#######", "TK#######"]),
    // California, New York, Florida, Texas, United Kingdom, Germany, France, Ontario.
    ("driver_licence", &["@#######", "### ### ###", "@###-###-##-###-#", "########", "@@@@@60^0#^@@9@@", "B072@@@2#^#", "##@@#####", "@####-#####-#####"]),
    // United States (employers), Indonesia, Hungary, Greece, Ukraine, Vietnam, Colombia.
    ("tax_id", &["^#-#######", "##.###.###.#-###.###", "8#########", "1########", "##########", "03########", "^##.###.###-#"]),
    ("medical_record", &["########", "MRN-#######", "#######", "H####-#####", "P@######", "MR######", "###-##-####-#"]),
    ("health_plan", &["@@@#########", "H########-##", "W#########", "###########", "@@@##@######", "XEA9########"]),
];

pub fn make(class: &'static str, rng: &mut Rng) -> Option<Made> {
    if class == "national_id" {
        return Some(national(rng));
    }
    let (_, shapes) = SHAPES.iter().find(|row| row.0 == class)?;
    let shape = *rng.pick(shapes);
    Some(Made::new(class, Style::Word, rng.fill(shape)))
}

fn national(rng: &mut Rng) -> Made {
    let born = Born::draw(rng);
    let value = match rng.below(6) {
        // United Arab Emirates: 784, the year, a serial number, Luhn.
        0 => {
            let id = until(rng, |rng| check::luhn(&format!("784{}{}", born.year, rng.digits(7))));
            super::grouped(&id, "###-####-#######-#")
        }
        // Pakistan, Malaysia, Indonesia, Iceland, Saudi Arabia.
        1 => rng.fill("^####-#######-^"),
        2 => format!("{}-{}-{}", born.yymmdd(), rng.pick(&["01", "08", "10", "14"]), rng.digits(4)),
        3 => format!("3{}{}{}", rng.digits(5), born.ddmmyy(), rng.digits(4)),
        4 => format!("{}-{}9", born.ddmmyy(), rng.digits(3)),
        _ => rng.fill("1#########"),
    };
    Made::new("national_id", Style::Digits, value).with_bare()
}
