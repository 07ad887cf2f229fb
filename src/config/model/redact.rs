//! What is masked in answers.

use std::sync::Arc;

use crate::class::{Class, Confidence, Form};
use crate::dictionary::Dictionary;
use crate::secret::Secret;

/// What is masked in answers, and for whom not.
#[derive(Debug, Clone, Default)]
pub struct Redact {
    /// What is looked for, classes of the file's own included.
    pub choice: Choice,
    /// Classes of the file's own; `Class::Custom(i)` is the i-th. Patterns come first, then
    /// dictionaries, then what only fields have.
    pub custom: Vec<CustomClass>,
    /// Values that their place explains: path and class, the first that fits decides.
    pub fields: Vec<(Box<str>, Class)>,
    /// Values that are left alone.
    pub allow: Vec<AllowRule>,
    /// Scopes, any one of which shows the class as it is.
    pub reveal: Vec<(Class, Vec<Box<str>>)>,
    /// Other choices.
    pub profiles: Vec<RedactProfile>,
    /// Tools with another choice; the first that fits decides.
    pub tools: Vec<RedactTool>,
    /// What becomes of values in arguments of tools.
    pub arguments: Option<Choice>,
    /// What makes pseudonyms.
    pub pseudonyms: Option<PseudonymKey>,
}

/// Which classes are looked for, and what becomes of their values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choice {
    /// What is put in their place.
    pub forms: Vec<(Class, Form)>,
    /// How sure one must be, where not [`Confidence::Likely`].
    pub least: Vec<(Class, Confidence)>,
    /// How many symbols masks keep, where not as the class has it.
    pub keep: Vec<(Class, usize)>,
}

/// Another choice of what is masked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedactProfile {
    /// Its name in policies.
    pub name: Arc<str>,
    /// What is looked for, with all that stays as it is.
    pub choice: Choice,
    /// Whether classes are shown to those who may see them.
    pub reveals: bool,
}

/// Tools with another choice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedactTool {
    /// Globs of their names.
    pub names: Vec<Box<str>>,
    /// The name of a profile.
    pub profile: Arc<str>,
}

/// A class of the file's own.
#[derive(Debug, Clone)]
pub struct CustomClass {
    /// Name in labels and records.
    pub name: String,
    /// How its values are found.
    pub found: FoundBy,
}

/// How values of a class of the file's own are found.
#[derive(Debug, Clone)]
pub enum FoundBy {
    /// By a pattern in the syntax of crate `regex`; checked at load.
    Pattern(String),
    /// By words and phrases.
    Words(Arc<Dictionary>),
    /// By their place alone.
    Fields,
}

/// Values that are left alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowRule {
    /// Of which class; `None` for every one.
    pub class: Option<Class>,
    /// The values, `*` for any run of characters.
    pub values: Vec<Box<str>>,
    /// Globs of tools in whose answers; `None` for every answer.
    pub tools: Option<Vec<Box<str>>>,
}

/// What makes pseudonyms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PseudonymKey {
    /// 32 bytes.
    pub key: Secret,
    /// Whose values they are.
    pub tenant: Box<str>,
}

impl CustomClass {
    /// What a class is called in policies, scopes and records, where these are the file's own
    /// classes.
    #[must_use]
    pub fn class_name(own: &[Self], class: Class) -> &str {
        let Class::Custom(number) = class else {
            return class.name();
        };
        own.get(usize::from(number)).map_or(class.name(), |own| own.name.as_str())
    }
}

impl Redact {
    /// Every class that some answer is looked at for.
    pub fn classes(&self) -> impl Iterator<Item = Class> {
        let choices = self.profiles.iter().map(|profile| &profile.choice).chain([&self.choice]);
        choices.flat_map(|choice| &choice.forms).map(|(class, _)| *class)
    }

    /// The choice of a profile.
    #[must_use]
    pub fn profile(&self, name: &str) -> Option<&RedactProfile> {
        self.profiles.iter().find(|profile| *profile.name == *name)
    }
}

impl Choice {
    /// What is put in the place of a class's values; `None` where it is not looked for.
    #[must_use]
    pub fn form(&self, class: Class) -> Option<Form> {
        self.forms.iter().find(|(own, _)| *own == class).map(|(_, form)| *form)
    }

    /// Says of a class what is put in its place.
    pub fn set(&mut self, class: Class, form: Form) {
        self.forget(class);
        self.forms.push((class, form));
    }

    /// No longer looks for a class.
    pub fn forget(&mut self, class: Class) {
        self.forms.retain(|(own, _)| *own != class);
        self.least.retain(|(own, _)| *own != class);
        self.keep.retain(|(own, _)| *own != class);
    }

    /// Whether some class has this form.
    #[must_use]
    pub fn has(&self, form: Form) -> bool {
        self.forms.iter().any(|(_, own)| *own == form)
    }
}
