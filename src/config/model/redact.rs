//! What is masked in answers.

use std::sync::Arc;

use crate::class::{Class, Form};

/// What is masked in answers, and for whom not.
#[derive(Debug, Clone, Default)]
pub struct Redact {
    /// Classes that are looked for, and what is put in their place.
    pub forms: Vec<(Class, Form)>,
    /// Users' own patterns; `Class::Custom(i)` is the i-th.
    pub custom: Vec<CustomPattern>,
    /// Scopes, any one of which shows the class as it is.
    pub reveal: Vec<(Class, Vec<Box<str>>)>,
    /// Other choices, for calls that a policy says so of.
    pub profiles: Vec<RedactProfile>,
}

impl CustomPattern {
    /// What a class is called in policies, scopes and records, where these are the file's own
    /// patterns.
    #[must_use]
    pub fn class_name(own: &[Self], class: Class) -> &str {
        let Class::Custom(number) = class else {
            return class.name();
        };
        own.get(usize::from(number)).map_or(class.name(), |pattern| pattern.name.as_str())
    }
}

/// Another choice of what is masked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedactProfile {
    /// Its name in policies.
    pub name: Arc<str>,
    /// What is put in the place of each class, patterns included.
    pub forms: Vec<(Class, Form)>,
    /// Whether classes are shown to those who may see them.
    pub reveals: bool,
}

/// A user's own pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomPattern {
    /// Name in labels and records.
    pub name: String,
    /// Pattern in the syntax of crate `regex`; checked at load.
    pub pattern: String,
    /// What is put in its place.
    pub form: Form,
}
