//! Forms, scopes, custom patterns and free text.

use std::borrow::Cow;

use super::{custom, detector, plan, redacted};
use crate::class::{Class, ClassSet, Form};
use crate::inspect::{
    CUSTOM_CACHE_BYTES_MAX, CUSTOM_MATCHES_MAX, CUSTOM_NAME_BYTES_MAX, CUSTOM_PATTERN_BYTES_MAX,
    Counts, Detector, DetectorError, Settings,
};

const RECORD: &str = r#"{"m":"jane@example.com","s":"078-05-1120","n":[1,"x 4111111111111111 y"]}"#;

fn set(classes: &[Class]) -> ClassSet {
    classes.iter().copied().collect()
}

#[test]
fn mask_keeps_the_shape() {
    let expected = r#"{"m":"j***@***.com","s":"***-**-1120","n":[1,"x ************1111 y"]}"#;
    assert_eq!(redacted(Form::Mask, RECORD), expected);
}

#[test]
fn drop_makes_null_of_the_whole_value() {
    assert_eq!(redacted(Form::Drop, RECORD), r#"{"m":null,"s":null,"n":[1,null]}"#);
    let twice = r#"["a@b.de and c@d.de and 078-05-1120"]"#;
    assert_eq!(redacted(Form::Drop, twice), "[null]");
    let inner = r#"["{\"a\":\"x a@b.de\",\"b\":1}"]"#;
    assert_eq!(redacted(Form::Drop, inner), r#"["{\"a\":null,\"b\":1}"]"#);
    assert_eq!(redacted(Form::Drop, r#""a@b.de""#), "null");
}

#[test]
fn block_names_the_first_class_met_and_delivers_nothing() {
    let forms = vec![(Class::Email, Form::Label), (Class::UsSsn, Form::Block)];
    let detector = Detector::new(&Settings { forms, ..Settings::default() }).unwrap();
    let (found, out) = plan(&detector, RECORD, ClassSet::empty());
    assert_eq!(found.blocked, Some(Class::UsSsn));
    assert!(!found.is_clean());
    assert!(!out.contains("078-05-1120"), "even if somebody delivers it");
    let (revealed, _) = plan(&detector, RECORD, set(&[Class::UsSsn]));
    assert_eq!(revealed.blocked, None);
}

#[test]
fn report_counts_and_changes_nothing() {
    let (plan, out) = plan(&detector(Form::Report), RECORD, ClassSet::empty());
    assert_eq!(out, RECORD);
    assert!(plan.is_clean());
    let counts: Vec<_> = plan.counts.iter().collect();
    assert_eq!(counts, [(Class::Email, 1), (Class::Card, 1), (Class::UsSsn, 1)]);
}

#[test]
fn revealed_classes_stay_and_are_counted_apart() {
    let (plan, out) = plan(&detector(Form::Label), RECORD, set(&[Class::Email, Class::Card]));
    let expected = r#"{"m":"jane@example.com","s":"[US_SSN]","n":[1,"x 4111111111111111 y"]}"#;
    assert_eq!(out, expected);
    assert_eq!(plan.counts.iter().collect::<Vec<_>>(), [(Class::UsSsn, 1)]);
    assert_eq!(plan.revealed.iter().collect::<Vec<_>>(), [(Class::Email, 1), (Class::Card, 1)]);
}

#[test]
fn classes_that_are_off_are_not_looked_for() {
    for class in Class::BUILTIN {
        let forms = vec![(class, Form::Label)];
        let detector = Detector::new(&Settings { forms, ..Settings::default() }).unwrap();
        let (plan, _) = plan(&detector, RECORD, ClassSet::empty());
        assert!(plan.counts.iter().all(|(found, _)| found == class), "{class:?}");
    }
    let idle = Detector::new(&Settings::default()).unwrap();
    assert!(idle.is_idle() && !detector(Form::Label).is_idle());
    assert_eq!(plan(&idle, RECORD, ClassSet::empty()).1, RECORD);
}

#[test]
fn what_must_be_hidden_wins_over_what_may_be_shown() {
    let custom = vec![custom("url", r"https://\S+", Form::Label)];
    let forms = vec![(Class::ApiKey, Form::Label), (Class::Ip, Form::Report)];
    let detector = Detector::new(&Settings { forms, custom, ..Settings::default() }).unwrap();
    let key = format!("npm_{}", "a1B2c3".repeat(6));
    let text = format!(r#"["https://203.0.113.7/?k={key}"]"#);
    let shown = plan(&detector, &text, set(&[Class::Custom(0)])).1;
    assert_eq!(shown, r#"["https://203.0.113.7/?k=[API_KEY]"]"#);
    assert_eq!(plan(&detector, &text, ClassSet::empty()).1, r#"["[URL]"]"#);
}

#[test]
fn custom_patterns_find_decoded_text_in_every_place() {
    let custom = vec![
        custom("employee", r"\bEMP-\d{6}\b", Form::Label),
        custom("project", "(?i)blue heron", Form::Mask),
    ];
    let detector = Detector::new(&Settings { custom, ..Settings::default() }).unwrap();
    let text = r#"{"EMP-123456":"x EMP\u002d654321","n":[1],"t":"{\"p\":\"Blue Heron\"}"}"#;
    let expected = r#"{"[EMPLOYEE]":"x [EMPLOYEE]","n":[1],"t":"{\"p\":\"[PROJECT]\"}"}"#;
    let (plan, out) = plan(&detector, text, ClassSet::empty());
    assert_eq!(out, expected);
    assert_eq!(plan.counts.of(Class::Custom(0)), 2);
    assert_eq!(detector.custom_name(Class::Custom(1)), "project");
    assert_eq!(detector.custom_name(Class::Email), "email");
    assert_eq!(detector.custom_name(Class::Custom(7)), "custom");
}

#[test]
fn custom_pattern_with_too_many_matches_hides_the_rest() {
    let custom = vec![custom("letter", "x", Form::Label)];
    let detector = Detector::new(&Settings { custom, ..Settings::default() }).unwrap();
    let text = "x ".repeat(CUSTOM_MATCHES_MAX + 5);
    let out = detector.redact_text(&text, ClassSet::empty(), &mut Counts::default());
    assert_eq!(out.matches("[LETTER]").count(), CUSTOM_MATCHES_MAX);
    assert!(out.ends_with("[LETTER] [LETTER]"));
}

#[test]
fn settings_without_sense_are_refused() {
    let build = |forms, custom| Detector::new(&Settings { forms, custom, ..Settings::default() });
    let one = |name: &str, pattern: &str| build(vec![], vec![custom(name, pattern, Form::Label)]);
    let long = "a".repeat(CUSTOM_NAME_BYTES_MAX + 1);
    for name in ["", "Upper", "1st", "with space", "a-b", "é", long.as_str()] {
        assert!(matches!(one(name, "x"), Err(DetectorError::Name { .. })), "{name}");
    }
    assert!(one(&long[1..], "x").is_ok());
    assert!(matches!(one("email", "x"), Err(DetectorError::Twice { .. })));
    assert!(matches!(one("a", "("), Err(DetectorError::Pattern { .. })));
    assert!(matches!(one("a", "x*"), Err(DetectorError::MatchesNothing { .. })));
    let large = format!(r"\w{{{}}}", CUSTOM_PATTERN_BYTES_MAX / 100);
    assert!(matches!(one("a", &large), Err(DetectorError::Pattern { .. })));
    const { assert!(CUSTOM_CACHE_BYTES_MAX > CUSTOM_PATTERN_BYTES_MAX) };
    let many = |count: usize| {
        let patterns = (0..count).map(|n| custom(&format!("p{n}"), "x", Form::Label)).collect();
        build(vec![], patterns)
    };
    assert!(many(48).is_ok());
    assert!(matches!(many(49), Err(DetectorError::TooMany)));
    let twice = vec![(Class::Ip, Form::Label), (Class::Ip, Form::Mask)];
    assert!(matches!(build(twice, vec![]), Err(DetectorError::Twice { .. })));
    let patternless = vec![(Class::Custom(0), Form::Label)];
    assert!(matches!(build(patternless, vec![]), Err(DetectorError::NotBuiltIn { .. })));
}

#[test]
fn clean_free_text_is_borrowed_and_other_is_redacted() {
    let detector = detector(Form::Drop);
    let mut counts = Counts::default();
    let clean = detector.redact_text("nothing here: 42 é", ClassSet::empty(), &mut counts);
    assert!(matches!(clean, Cow::Borrowed(_)) && counts.is_empty());
    let text = r#"é {"ssn":123456789} C:\new a@b.de"#;
    let out = detector.redact_text(text, ClassSet::empty(), &mut counts);
    assert_eq!(out, r#"é {"ssn":null} C:\new [EMAIL]"#);
    let out = detector.redact_text(text, set(&[Class::Email]), &mut counts);
    assert_eq!(out, r#"é {"ssn":null} C:\new a@b.de"#);
    assert_eq!((counts.of(Class::UsSsn), counts.of(Class::Email)), (2, 1));
    let json = r#"{"ssn":123456789,"m":"a\u0040b.de"}"#;
    let out = detector.redact_text(json, ClassSet::empty(), &mut counts);
    assert_eq!(out, r#"{"ssn":null,"m":null}"#);
}
