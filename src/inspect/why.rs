//! Why a value counts: for the reports of people who tune what is looked for.
//!
//! Owns no judgement: a find was made by its validator. What spoke for it is read once more from
//! what stands around it, and from what its class demands.

mod proof;

use std::fmt;

use super::Detector;
use super::context::{Keys, Labels, before, of_name};
use super::labels::LABELLED;
use super::redact::Found;
use crate::class::{Class, Family};

/// What spoke for a find, the most telling first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// The same value was found elsewhere.
    Copy,
    /// Personal data stands beside a bare `name`, or the same name was found elsewhere.
    Beside,
    /// The member name or column head over it says what it is.
    Name(String),
    /// The words before it say what it is.
    Label,
    /// Its shape fits, and its check digits.
    CheckDigits,
    /// It is written as nothing else is: a fixed prefix, a grammar, a numbering plan.
    Shape,
    /// The configuration says so: a pattern, a dictionary or a field.
    Configured,
}

impl Why {
    /// The name in reports for programs.
    pub fn name(&self) -> &'static str {
        match self {
            Why::Copy => "copy",
            Why::Beside => "beside",
            Why::Name(_) => "name",
            Why::Label => "label",
            Why::CheckDigits => "check_digits",
            Why::Shape => "shape",
            Why::Configured => "configured",
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Why::Copy => f.write_str("the same value was found elsewhere"),
            Why::Beside => f.write_str("it stands beside personal data, or was found elsewhere"),
            Why::Name(name) => write!(f, "the name `{name}` says so"),
            Why::Label => f.write_str("the words before it say so"),
            Why::CheckDigits => f.write_str("its check digits fit"),
            Why::Shape => f.write_str("nothing else is written like it"),
            Why::Configured => f.write_str("the configuration says so"),
        }
    }
}

impl Detector {
    /// What spoke for a find in the document in which it was made.
    pub fn why(&self, document: &[u8], found: &Found) -> Why {
        if found.copy {
            return if found.class == Class::PersonName { Why::Beside } else { Why::Copy };
        }
        if matches!(found.class, Class::Custom(_)) {
            return Why::Configured;
        }
        let mut names = found.path.rsplit('/').filter(|name| !matches!(*name, "" | "*" | "..."));
        let own = names.next().unwrap_or_default();
        let outer = names.next().unwrap_or_default();
        let keys = Keys::NONE.member(of_name(outer.as_bytes())).member(of_name(own.as_bytes()));
        if keys.hints().names(found.class) {
            return Why::Name(own.to_owned());
        }
        if before(document, found.range.start, &Labels::default()).names(found.class) {
            return Why::Label;
        }
        match demand(found.class) {
            Demand::Label => Why::Label,
            Demand::CheckDigits => Why::CheckDigits,
            Demand::Shape => Why::Shape,
        }
    }
}

/// What of a find its validator accepted: check digits, number ranges, a grammar. `None` where only
/// what stands around the value says what it is.
pub fn accepted(document: &[u8], found: &Found) -> Option<String> {
    proof::proof(found.class, document.get(found.range.clone())?)
}

/// What would make a find of a class that is passed over count.
pub fn needed(class: Class) -> &'static str {
    match demand(class) {
        Demand::Label => "a name or label beside it that says what it is",
        Demand::CheckDigits => "a name or label beside it, or nothing joined to it",
        Demand::Shape => "a name or label beside it, or separators that show its parts",
    }
}

/// What a value of a class shows without anything beside it.
enum Demand {
    /// Nothing: a name or label must say so.
    Label,
    CheckDigits,
    Shape,
}

fn demand(class: Class) -> Demand {
    if class.is_secret() && !LABELLED.contains(&class) {
        return Demand::Shape;
    }
    if LABELLED.contains(&class) {
        return Demand::Label;
    }
    match class.family() {
        Some(Family::Contact) | None => Demand::Shape,
        Some(_) if WITHOUT_CHECK.contains(&class) => Demand::Shape,
        Some(_) => Demand::CheckDigits,
    }
}

/// Numbers without a check digit: their grammar and ranges tell them.
const WITHOUT_CHECK: [Class; 13] = [
    Class::Ip,
    Class::Mac,
    Class::Geo,
    Class::Imsi,
    Class::UsSsn,
    Class::UsItin,
    Class::UsMbi,
    Class::UkNino,
    Class::InPan,
    Class::InVoter,
    Class::DkCpr,
    Class::MxRfc,
    Class::NgNin,
];

#[cfg(test)]
mod tests {
    use super::Why;
    use crate::class::{ClassSet, Form};
    use crate::inspect::tests::{detector, parse};

    #[test]
    fn what_spoke_for_a_find_is_told() {
        let detector = detector(Form::Label);
        let text = r#"[{"phone":{"number":"2125550147"}},{"x":2125550147},
            {"note":"my SSN is 219099999, card 4111 1111 1111 1111 or a@b.de"}]"#;
        let document = parse(text);
        let plan = detector.report(document.root(), ClassSet::empty());
        let whys: Vec<Why> =
            plan.found().iter().map(|found| detector.why(text.as_bytes(), found)).collect();
        assert_eq!(
            whys,
            [Why::Name("number".into()), Why::Label, Why::Label, Why::Shape, Why::Copy]
        );
    }

    #[test]
    fn what_a_validator_accepted_is_told_where_there_is_one() {
        let detector = detector(Form::Label);
        let text = "card 4111 1111 1111 1111, Steuer-ID 26 954 371 827, password: hunter2xK9";
        let plan = detector.report_text(text.as_bytes(), ClassSet::empty());
        let said: Vec<_> =
            plan.found().iter().map(|found| super::accepted(text.as_bytes(), found)).collect();
        let starts = |at: usize, text: &str| said[at].as_ref().is_some_and(|s| s.contains(text));
        assert_eq!(said.len(), 3, "{said:?}");
        assert!(starts(0, "Luhn") && starts(1, "one in 290 numbers"), "{said:?}");
        assert_eq!(said[2], None);
    }
}
