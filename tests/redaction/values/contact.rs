//! Addresses, telephone numbers, names and birthdays.

use super::people::{DOMAINS, EASTERN_NAMES, Person};
use super::{Born, Made, Style};
use crate::rng::{BASE36, DIGITS, Rng};

pub fn make(class: &'static str, rng: &mut Rng) -> Option<Made> {
    let made = |style, value: String| Made::new(class, style, value);
    Some(match class {
        "email" => email(rng),
        "phone" => phone(rng),
        "person_name" => made(Style::Prose, name(rng)),
        "postal_address" => {
            let person = Person::draw(rng);
            let text = if rng.chance(30) { person.street(rng) } else { person.address(rng) };
            made(Style::Prose, text)
        }
        "date_of_birth" => made(Style::Digits, birthday(rng)),
        _ => return None,
    })
}

fn name(rng: &mut Rng) -> String {
    if rng.chance(6) {
        return (*rng.pick(&EASTERN_NAMES)).to_owned();
    }
    let Person { first, last, .. } = Person::draw(rng);
    match rng.below(12) {
        0 => format!("{last}, {first}"),
        1 => format!("{first} {}. {last}", rng.text("ABCDEFGHJKLMNPRST", 1)),
        2 => format!("{} {}", first.to_uppercase(), last.to_uppercase()),
        3 => format!("{first} {last}-{}", Person::draw(rng).last),
        _ => format!("{first} {last}"),
    }
}

/// What a name's own member holds: `first_name` a first name.
pub fn name_for(key: &str, rng: &mut Rng) -> Option<String> {
    let Person { first, last, .. } = Person::draw(rng);
    let has = |words: &[&str]| words.iter().any(|word| key.to_lowercase().contains(word));
    if has(&["first"]) {
        return Some(first.to_owned());
    }
    has(&["last_name", "surname", "nachname", "apellidos"]).then(|| last.to_owned())
}

fn birthday(rng: &mut Rng) -> String {
    const MONTHS: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    let born = Born::draw(rng);
    let Born { year, month, day } = born;
    let name = MONTHS[usize::try_from(month - 1).unwrap()];
    match rng.below(10) {
        0 | 1 => format!("{day:02}.{month:02}.{year}"),
        2 => format!("{day:02}/{month:02}/{year}"),
        3 => format!("{month:02}/{day:02}/{year}"),
        4 => format!("{day} {name} {year}"),
        5 => format!("{name} {day}, {year}"),
        6 => format!("{day:02}-{}-{year}", name.split_at(3).0),
        _ => format!("{year}-{month:02}-{day:02}"),
    }
}

fn email(rng: &mut Rng) -> Made {
    let person = Person::draw(rng);
    let (first, last) = person.ascii();
    let domain = *rng.pick(&DOMAINS);
    let initial = first.split_at(1).0;
    let local = match rng.below(14) {
        0 => format!("{first}_{last}"),
        1 => format!("{initial}{last}{}", rng.range(1, 99)),
        2 => format!("{first}.{last}+{}", rng.pick(&["news", "aws", "orders", "2024"])),
        3 => format!("{last}-{first}"),
        4 => rng.text(BASE36, 9).replacen(char::is_numeric, "x", 1),
        5 => format!("{}.{}", first.to_uppercase(), last.to_uppercase()),
        6 => rng.number(9),
        7 => format!("{initial}.o'{last}"),
        8 => format!("{}%{last}", rng.pick(&["bounce", "fwd"])),
        _ => format!("{first}.{last}"),
    };
    let value = match rng.below(25) {
        0 => format!("{}.{}@müller-söhne.de", person.first.to_lowercase(), last),
        1 => format!("{local}@xn--mller-shne-77a9e.de"),
        2 => format!("{}@例え.jp", rng.pick(&["info", "tanaka", "sato"])),
        _ => format!("{local}@{domain}"),
    };
    Made::new("email", Style::Mail, value).free()
}

/// Country code, national part without the trunk prefix, usual groups. From the national
/// numbering plans (ITU-T E.164, national supplements); mobile and geographic ranges.
const PLANS: [(&str, &str, &[&str]); 28] = [
    ("44", "7", &["#### ######", "### ### ####"]),
    ("44", "20", &["## #### ####"]),
    ("44", "161", &["### ### ####"]),
    ("49", "30", &["## ########", "## ## ## ## ##"]),
    ("49", "171", &["### #######", "### ### ## ##"]),
    ("49", "89", &["## ######"]),
    ("33", "6", &["# ## ## ## ##"]),
    ("33", "1", &["# ## ## ## ##"]),
    ("34", "6", &["### ### ###", "### ## ## ##"]),
    ("34", "91", &["## ### ## ##"]),
    ("39", "347", &["### ### ####", "### #######"]),
    ("39", "06", &["## #### ####"]),
    ("351", "91", &["### ### ###"]),
    ("31", "6", &["# ########", "# ## ## ## ##"]),
    ("48", "60", &["### ### ###"]),
    ("48", "22", &["## ### ## ##"]),
    ("41", "79", &["## ### ## ##"]),
    ("43", "664", &["### #######"]),
    ("32", "47", &["### ## ## ##"]),
    ("46", "70", &["## ### ## ##"]),
    ("47", "9", &["### ## ###"]),
    ("61", "4", &["### ### ###"]),
    ("91", "98", &["##### #####"]),
    ("81", "90", &["## #### ####"]),
    ("82", "10", &["## #### ####"]),
    ("86", "138", &["### #### ####"]),
    ("55", "11", &["## 9#### ####"]),
    ("65", "9", &["#### ####"]),
];

fn phone(rng: &mut Rng) -> Made {
    if rng.chance(35) {
        return north_american(rng);
    }
    let (country, start, patterns) = rng.pick(&PLANS);
    let pattern = *rng.pick(patterns);
    let mut fixed = start.chars();
    let filled = pattern.chars().map(|c| match (c, fixed.clone().next()) {
        ('#', Some(_)) => fixed.next().unwrap(),
        ('#', None) => rng.text("23456789", 1).chars().next().unwrap(),
        (other, _) => other,
    });
    let national: String = filled.collect();
    // Italy keeps its zero; Spain, Portugal, Poland, Norway and Singapore have no trunk prefix.
    let trunk = if ["39", "34", "351", "48", "47", "65"].contains(country) { "" } else { "0" };
    let trunked = format!("{trunk}{national}");
    let (international, free) = match rng.below(10) {
        0 => (format!("00{country} {national}"), false),
        1 if trunk == "0" => (format!("+{country} (0){national}"), true),
        2 => (format!("+{country}{}", national.replace(' ', "")), true),
        3 => (format!("+{country}-{}", national.replace(' ', "-")), true),
        4 => (format!("+{country}.{}", national.replace(' ', ".")), true),
        5 | 6 => (trunked.clone(), false),
        7 => (trunked.replace(' ', "-"), false),
        8 => (trunked.replacen(' ', "/", 1), false),
        _ => (format!("+{country} {national}"), true),
    };
    let foreign = international.starts_with('+') || international.starts_with("00");
    let bare = if foreign { format!("{country}{national}") } else { trunked };
    let bare = bare.replace(' ', "");
    let made = Made::new("phone", Style::Digits, international).free_if(free);
    Made { bare: Some(bare), ..made }
}

/// North American Numbering Plan: neither area nor exchange begins with 0 or 1, nor ends in 11.
fn north_american(rng: &mut Rng) -> Made {
    const AREAS: [&str; 14] = [
        "212", "415", "312", "206", "617", "303", "512", "404", "702", "416", "604", "514", "787",
        "305",
    ];
    let area = *rng.pick(&AREAS);
    let exchange =
        format!("{}{}{}", rng.text("23456789", 1), rng.text("023456789", 1), rng.digits(1));
    let line = rng.text(DIGITS, 4);
    let digits = format!("{area}{exchange}{line}");
    let value = match rng.below(9) {
        0 => format!("{area}-{exchange}-{line}"),
        1 => format!("{area}.{exchange}.{line}"),
        2 => format!("+1 {area} {exchange} {line}"),
        3 => format!("+1-{area}-{exchange}-{line}"),
        4 => format!("1-{area}-{exchange}-{line}"),
        5 => format!("+1{digits}"),
        6 => format!("+1 ({area}) {exchange}-{line}"),
        _ => format!("({area}) {exchange}-{line}"),
    };
    let made = Made::new("phone", Style::Digits, value).free();
    let made = if rng.chance(8) { made.within("", format!(" x{}", rng.digits(3))) } else { made };
    Made { bare: Some(digits), ..made }
}
