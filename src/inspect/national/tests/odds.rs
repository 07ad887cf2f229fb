//! How often numbers that are nothing of the kind are taken for one.

use super::{Random, judged};
use crate::class::{ClassSet, Confidence};
use crate::inspect::candidate::Around;
use crate::inspect::national::RULES;
use crate::inspect::national::rule::{Fit, Rule, layout_symbols};

fn sure(text: &str) -> Option<Confidence> {
    let around = Around { named: ClassSet::empty(), on: ClassSet::all() };
    judged(text, around).map(|(_, confidence)| confidence)
}

#[test]
fn digits_in_one_piece_are_likely_for_fewer_than_one_in_ten_thousand() {
    let mut random = Random(0x5eed);
    for length in 5..=20 {
        let pattern = "9".repeat(length);
        let (mut likely, mut possible) = (0, 0);
        for _ in 0..SAMPLES {
            let confidence = sure(&random.like(&pattern));
            likely += u32::from(confidence >= Some(Confidence::Likely));
            possible += u32::from(confidence.is_some());
        }
        assert!(likely * 10_000 < SAMPLES, "{length} digits: {likely} of {SAMPLES}");
        assert!(possible * 20 < SAMPLES, "{length} digits: {possible} of {SAMPLES}");
    }
}

#[test]
fn symbols_in_one_piece_are_likely_for_fewer_than_one_in_a_thousand() {
    let mut random = Random(0x5eed);
    for length in 5..=20 {
        let pattern = "X".repeat(length);
        let texts = (0..FEW).map(|_| random.like(&pattern));
        let likely = texts.filter(|text| sure(text) >= Some(Confidence::Likely)).count();
        assert!(likely * 1_000 < FEW, "{length} symbols: {likely} of {FEW}");
    }
}

#[test]
fn seconds_and_milliseconds_since_1970_are_nothing() {
    let mut random = Random(0x5eed);
    for _ in 0..FEW {
        assert_eq!(sure(&random.like("1999999999")), None);
        assert_eq!(sure(&random.like("1999999999999")), None);
    }
}

#[test]
fn north_american_phones_are_nothing() {
    let mut random = Random(0x5eed);
    for separator in [' ', '-', '.'] {
        for _ in 0..FEW {
            let (area, exchange) = (200 + random.below(800), 200 + random.below(800));
            let line = random.below(10_000);
            let text = format!("{area}{separator}{exchange}{separator}{line:04}");
            assert_eq!(sure(&text), None, "{text}");
        }
    }
}

#[test]
fn compact_times_and_rows_of_years_are_nothing() {
    let mut random = Random(0x5eed);
    for _ in 0..FEW {
        let (month, day) = (1 + random.below(12), 1 + random.below(28));
        let (hour, minute) = (random.below(24), random.below(60));
        let time = format!("2024{month:02}{day:02}{hour:02}{minute:02}");
        assert!(sure(&time) < Some(Confidence::Likely), "{time}");
    }
    for year in 1950..2040 {
        let text = format!("{year} {} {}", year + 1, year + 2);
        assert!(sure(&text) < Some(Confidence::Likely), "{text}");
    }
}

#[test]
fn odds_in_the_tables_are_those_of_random_strings() {
    let mut random = Random(0x5eed);
    for rule in RULES.iter().filter(|rule| rule.one_in < 600) {
        let pattern = pattern(rule);
        let samples = rule.one_in.max(20) * 400;
        let (mut full, mut any) = (0, 0);
        for _ in 0..samples {
            let fit = (rule.fits)(random.like(&pattern).as_bytes());
            full += u32::from(fit == Some(Fit::Full));
            any += u32::from(fit.is_some());
        }
        let fits = f64::from(if full > 0 { full } else { any });
        let measured = f64::from(samples) / fits / f64::from(rule.one_in);
        let name = rule.class.name();
        assert!((0.8..1.25).contains(&measured), "{name} {pattern}: {measured:.2} times as many");
    }
}

/// The rules of the module's head, for every row.
#[test]
fn no_row_is_surer_than_its_odds_allow() {
    for rule in &RULES {
        let (name, digits) = (rule.class.name(), rule.shape.is_digits());
        let least = match rule.bare {
            None => 0,
            Some(Confidence::Possible) if digits => 80,
            Some(Confidence::Possible) => 10,
            Some(Confidence::Likely) if digits => 10_000,
            // Grammar alone: see the rows.
            Some(Confidence::Likely) if GRAMMAR.contains(&name) => 0,
            Some(Confidence::Likely) => 20,
            Some(Confidence::Certain) => 300,
        };
        assert!(rule.one_in >= least, "{name} in one piece");
        for layout in rule.printed {
            let least = match layout.confidence {
                Confidence::Possible | Confidence::Likely => 8,
                Confidence::Certain if digits => 300,
                Confidence::Certain => 0,
            };
            assert!(rule.one_in >= least, "{name} in groups");
            assert_eq!(layout_symbols(layout) as usize, rule.shape.length, "{name} in groups");
        }
    }
}

#[test]
fn candidates_of_every_length_and_grouping_are_judged_without_a_fault() {
    let mut random = Random(0x5eed);
    for length in 0..=96 {
        for _ in 0..200 {
            let place = |_| random.pick(&["9", "9", "A", "X", "-", " "]);
            let pattern: String = (0..length).map(place).collect();
            let text = random.like(&pattern);
            let around = Around { named: ClassSet::all(), on: ClassSet::all() };
            let judged = judged(&text, around);
            assert!(judged.is_none() || text.len() >= 5);
        }
    }
}

fn pattern(rule: &Rule) -> String {
    (0..rule.shape.length).map(|place| char::from(rule.shape.place(place))).collect()
}

const SAMPLES: u32 = 200_000;

const FEW: usize = 20_000;

/// Classes with a narrow grammar and without check digits.
const GRAMMAR: [&str; 3] = ["us_mbi", "uk_nino", "in_pan"];
