//! Fields that the configuration names by their path, and values that it leaves alone.

use super::{Detector, mask};
use crate::class::Class;
use crate::glob::Glob;
use crate::limits::FIELD_NAMES_MAX;

/// A path whose values are of a class, whatever they look like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldRule {
    /// `/customer/ssn`, `**.card*`, `orders.*.note`: names from the outermost one on, joined by
    /// `/` or `.`. `*` stands for one name or a part of it, `**` for any number of names. Items of
    /// arrays have no name. A pattern that begins with `/` begins at a record: the message itself,
    /// its `structuredContent`, the JSON text in a string; any other at any name.
    pub path: String,
    /// What the value is.
    pub class: Class,
}

/// Values that are left alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowed {
    /// Of which class; `None` for every one.
    pub class: Option<Class>,
    /// The value as a reader sees it, with `*` for any run of characters.
    pub value: String,
}

impl Detector {
    /// Whether a value is left alone: the configuration says so, or it is what was put in the
    /// place of another.
    pub(super) fn allows(&self, class: Class, value: &[u8]) -> bool {
        self.made(class, value) || self.allow.has(class, value)
    }

    /// Whether a value is what was put in the place of another.
    pub(super) fn made(&self, class: Class, value: &[u8]) -> bool {
        let knows = |name: &str| {
            Class::from_name(name).is_some() || self.custom.iter().any(|one| one.name == name)
        };
        mask::is_made(&self.look(class, self.form(class)), value, knows)
    }
}

/// Compiled rules.
#[derive(Debug, Default)]
pub(super) struct Fields {
    rules: Vec<Rule>,
}

#[derive(Debug)]
struct Rule {
    anchored: bool,
    names: Vec<Name>,
    class: Class,
}

#[derive(Debug)]
enum Name {
    One(Glob),
    Any,
}

impl Fields {
    pub(super) fn new(rules: &[FieldRule]) -> Fields {
        let rule = |rule: &FieldRule| {
            let anchored = rule.path.starts_with('/');
            let names = rule.path.split(['/', '.']).filter(|name| !name.is_empty());
            let name = |name: &str| match name {
                "**" => Name::Any,
                name => Name::One(Glob::new(name)),
            };
            Rule { anchored, names: names.map(name).collect(), class: rule.class }
        };
        Fields { rules: rules.iter().map(rule).collect() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The class of the first rule that names a value with these names over it, or what stands
    /// around it. `None` among the names is an item of an array.
    pub(super) fn class_at(&self, path: &[Option<&[u8]>]) -> Option<Class> {
        let names: Vec<&str> =
            path.iter().flatten().map(|name| std::str::from_utf8(name).unwrap_or("")).collect();
        self.rules.iter().find(|rule| rule.names_value(&names)).map(|rule| rule.class)
    }
}

impl Rule {
    fn names_value(&self, path: &[&str]) -> bool {
        let begins = (0..path.len()).filter(|at| !self.anchored || is_record(path, *at));
        begins.filter_map(|at| path.get(at..)).any(|rest| fits(&self.names, rest))
    }
}

/// Whether a record may begin at this place of a path.
fn is_record(path: &[&str], at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|before| path.get(before));
    before.is_none_or(|name| RECORDS.contains(name))
}

/// Whether a pattern fits the begin of a path: what stands below a named value is named with it.
/// Linear in path times pattern: `reach` holds the places of the pattern that can be next.
fn fits(pattern: &[Name], path: &[&str]) -> bool {
    let all = pattern.len();
    if all > NAMES_MAX {
        return false;
    }
    let spread = |mut reach: u64| {
        for (at, name) in pattern.iter().enumerate() {
            if matches!(name, Name::Any) && reach & (1 << at) != 0 {
                reach |= 1 << (at + 1);
            }
        }
        reach
    };
    let mut reach = spread(1);
    for name in path {
        let mut next = 0;
        for (at, wanted) in pattern.iter().enumerate().filter(|(at, _)| reach & (1 << at) != 0) {
            match wanted {
                Name::Any => next |= 1 << at,
                Name::One(glob) if glob.matches(name) => next |= 1 << (at + 1),
                Name::One(_) => {}
            }
        }
        reach = spread(next);
        if reach & (1 << all) != 0 {
            return true;
        }
    }
    false
}

/// Names of members whose values are records of their own.
const RECORDS: [&str; 5] = ["structuredContent", "text", "data", "result", "contents"];

/// Names in one pattern: one less than the bits of the set of places in it.
const NAMES_MAX: usize = FIELD_NAMES_MAX;

/// Compiled values that are left alone.
#[derive(Debug, Clone, Default)]
pub(super) struct Allow {
    values: Vec<(Option<Class>, Glob)>,
}

impl Allow {
    pub(super) fn new(values: &[Allowed]) -> Allow {
        let value = |value: &Allowed| (value.class, Glob::new(&value.value));
        Allow { values: values.iter().map(value).collect() }
    }

    /// These and more.
    pub(super) fn with(&self, more: &[Allowed]) -> Allow {
        let mut all = self.clone();
        all.values.extend(Allow::new(more).values);
        all
    }

    pub(super) fn has(&self, class: Class, value: &[u8]) -> bool {
        let fits = |(of, glob): &(Option<Class>, Glob)| {
            of.is_none_or(|of| of == class)
                && std::str::from_utf8(value).is_ok_and(|value| glob.matches(value))
        };
        self.values.iter().any(fits)
    }
}

#[cfg(test)]
mod tests {
    use super::{Allow, Allowed, FieldRule, Fields};
    use crate::class::Class;

    fn names(pattern: &str, path: &str) -> bool {
        let class = Class::Custom(0);
        let fields = Fields::new(&[FieldRule { path: pattern.to_owned(), class }]);
        let path: Vec<_> =
            path.split('/').map(|name| (name != "#").then_some(name.as_bytes())).collect();
        fields.class_at(&path) == Some(class)
    }

    #[test]
    fn field_is_named_by_its_whole_path_from_a_record_on() {
        assert!(names("/customer/ssn", "customer/ssn"));
        assert!(names("/customer/ssn", "result/structuredContent/customer/ssn"));
        assert!(names("/customers/ssn", "result/content/#/text/customers/#/ssn"));
        assert!(!names("/customer/ssn", "result/structuredContent/old/customer/ssn"));
        assert!(!names("/customer/ssn", "customer/ssn_last4"));
    }

    #[test]
    fn stars_stand_for_names() {
        assert!(names("**.card*", "a/b/cardNumber"));
        assert!(names("card*", "a/b/cardNumber"));
        assert!(names("/orders/*/note", "orders/7/note"));
        assert!(names("/orders/**/note", "orders/7/8/9/note"));
        assert!(names("/orders/**/note", "orders/note"));
        assert!(!names("/orders/*/note", "orders/note"));
        assert!(!names("**.card*", "a/b/discard"));
    }

    #[test]
    fn what_stands_below_a_named_field_is_named_with_it() {
        assert!(names("/customer/address", "customer/address/street"));
    }

    #[test]
    fn allowed_values_are_of_their_class_alone() {
        let value = String::from("*@example.com");
        let allow = Allow::new(&[Allowed { class: Some(Class::Email), value }]);
        assert!(allow.has(Class::Email, b"support@example.com"));
        assert!(!allow.has(Class::Email, b"support@example.org"));
        assert!(!allow.has(Class::Custom(1), b"support@example.com"));
    }
}
