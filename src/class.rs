//! Names of what must not leave: the classes of personal data and secrets, sets of
//! them, and the forms a found value is given.
//!
//! Owns the vocabulary that configuration, policy, redaction, audit and metrics share.
//! The names are public API.

pub use crate::limits::CUSTOM_CLASSES_MAX;
use serde::{Serialize, Serializer};

/// A kind of personal data or secret.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub enum Class {
    /// An e-mail address.
    Email,
    /// A United States social security number.
    UsSsn,
    /// A payment card number.
    Card,
    /// A telephone number.
    Phone,
    /// An international bank account number (ISO 13616).
    Iban,
    /// An IPv4 or IPv6 address.
    Ip,
    /// A JSON web token.
    Jwt,
    /// A private key in PEM form, its body included.
    PrivateKey,
    /// A key or token of a known issuer.
    ApiKey,
    /// A pattern of the configuration, by its place in the list: below [`CUSTOM_CLASSES_MAX`].
    Custom(u8),
}

impl Class {
    /// Every class with a detector of its own.
    pub const BUILTIN: [Class; 9] = [
        Class::Email,
        Class::UsSsn,
        Class::Card,
        Class::Phone,
        Class::Iban,
        Class::Ip,
        Class::Jwt,
        Class::PrivateKey,
        Class::ApiKey,
    ];

    /// The name in configuration, scopes, audit and metrics; `custom` for every custom
    /// class, whose own names the detector knows.
    pub fn name(self) -> &'static str {
        match self {
            Class::Email => "email",
            Class::UsSsn => "us_ssn",
            Class::Card => "card",
            Class::Phone => "phone",
            Class::Iban => "iban",
            Class::Ip => "ip",
            Class::Jwt => "jwt",
            Class::PrivateKey => "private_key",
            Class::ApiKey => "api_key",
            Class::Custom(_) => "custom",
        }
    }

    /// The built-in class of this name.
    pub fn from_name(name: &str) -> Option<Class> {
        Class::BUILTIN.into_iter().find(|class| class.name() == name)
    }

    /// A small number for tables: built-in classes first, custom ones after them.
    pub fn index(self) -> usize {
        match self {
            Class::Email => 0,
            Class::UsSsn => 1,
            Class::Card => 2,
            Class::Phone => 3,
            Class::Iban => 4,
            Class::Ip => 5,
            Class::Jwt => 6,
            Class::PrivateKey => 7,
            Class::ApiKey => 8,
            Class::Custom(number) => 9 + usize::from(number),
        }
    }

    /// The class whose [`Class::index`] this is.
    pub fn from_index(index: usize) -> Option<Class> {
        if let Some(class) = Class::BUILTIN.get(index) {
            return Some(*class);
        }
        let number = u8::try_from(index.checked_sub(Class::BUILTIN.len())?).ok()?;
        (usize::from(number) < CUSTOM_CLASSES_MAX).then_some(Class::Custom(number))
    }

    /// Whether values of this class give access by themselves. No character of them is
    /// ever kept.
    pub fn is_secret(self) -> bool {
        match self {
            Class::Jwt | Class::PrivateKey | Class::ApiKey => true,
            Class::Email
            | Class::UsSsn
            | Class::Card
            | Class::Phone
            | Class::Iban
            | Class::Ip
            | Class::Custom(_) => false,
        }
    }
}

impl Serialize for Class {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// A set of classes. Custom classes beyond [`CUSTOM_CLASSES_MAX`] cannot be members.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct ClassSet(u64);

impl ClassSet {
    /// The set without members.
    pub const fn empty() -> ClassSet {
        ClassSet(0)
    }

    /// Every class, all custom ones included.
    pub const fn all() -> ClassSet {
        ClassSet((1 << CLASSES_MAX) - 1)
    }

    /// Adds a class.
    pub fn insert(&mut self, class: Class) {
        self.0 |= bit(class);
    }

    /// Whether the class is a member.
    pub fn contains(self, class: Class) -> bool {
        self.0 & bit(class) != 0
    }

    /// The members of either set.
    #[must_use]
    pub fn union(self, other: ClassSet) -> ClassSet {
        ClassSet(self.0 | other.0)
    }

    /// Whether there are no members.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The members in the order of [`Class::index`].
    pub fn iter(self) -> impl Iterator<Item = Class> {
        (0..CLASSES_MAX).filter_map(Class::from_index).filter(move |class| self.contains(*class))
    }
}

impl FromIterator<Class> for ClassSet {
    fn from_iter<I: IntoIterator<Item = Class>>(classes: I) -> ClassSet {
        let mut set = ClassSet::empty();
        classes.into_iter().for_each(|class| set.insert(class));
        set
    }
}

/// What takes the place of a found value.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Form {
    /// Keeps what is harmless: the last four digits of a card or a social security
    /// number, the first letter and the top-level domain of an address, the last two
    /// digits of a phone number, country and last four of an IBAN, the first group of an
    /// IP address. For secrets the same as [`Form::Label`].
    Mask,
    /// A label such as `[EMAIL]`.
    Label,
    /// The whole JSON value that holds the finding becomes `null`, which keeps the
    /// document well-formed and its members in order. In a member name and in free text
    /// the same as [`Form::Label`].
    Drop,
    /// The answer is not delivered.
    Block,
    /// The value stays and is counted.
    Report,
}

impl Form {
    /// Every form.
    pub const ALL: [Form; 5] = [Form::Mask, Form::Label, Form::Drop, Form::Block, Form::Report];

    /// The name in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Form::Mask => "mask",
            Form::Label => "label",
            Form::Drop => "drop",
            Form::Block => "block",
            Form::Report => "report",
        }
    }

    /// The form of this name.
    pub fn from_name(name: &str) -> Option<Form> {
        Form::ALL.into_iter().find(|form| form.name() == name)
    }
}

fn bit(class: Class) -> u64 {
    let index = class.index();
    if index < CLASSES_MAX { 1 << index } else { 0 }
}

/// All classes there can be.
const CLASSES_MAX: usize = Class::BUILTIN.len() + CUSTOM_CLASSES_MAX;

#[cfg(test)]
mod tests {
    use super::{CLASSES_MAX, CUSTOM_CLASSES_MAX, Class, ClassSet, Form};

    #[test]
    fn names_lead_back_to_their_class_and_form() {
        for class in Class::BUILTIN {
            assert_eq!(Class::from_name(class.name()), Some(class));
        }
        for form in Form::ALL {
            assert_eq!(Form::from_name(form.name()), Some(form));
        }
        assert_eq!(Class::from_name("custom"), None);
        assert_eq!(Class::from_name("EMAIL"), None);
        assert_eq!(Form::from_name("hide"), None);
    }

    #[test]
    fn indexes_are_dense_and_lead_back() {
        for index in 0..CLASSES_MAX {
            assert_eq!(Class::from_index(index).map(Class::index), Some(index));
        }
        assert_eq!(Class::from_index(CLASSES_MAX), None);
    }

    #[test]
    fn set_holds_exactly_what_was_inserted() {
        let mut set = ClassSet::empty();
        set.insert(Class::Iban);
        set.insert(Class::Custom(47));
        assert_eq!(set.iter().collect::<Vec<_>>(), [Class::Iban, Class::Custom(47)]);
        assert!(!set.contains(Class::Email));
        assert_eq!(ClassSet::all().iter().count(), 9 + CUSTOM_CLASSES_MAX);
        assert_eq!(set.union(ClassSet::all()), ClassSet::all());
    }

    #[test]
    fn custom_class_beyond_the_limit_is_never_a_member() {
        let mut set = ClassSet::empty();
        set.insert(Class::Custom(48));
        set.insert(Class::Custom(255));
        assert!(set.is_empty());
        assert!(!ClassSet::all().contains(Class::Custom(48)));
    }

    #[test]
    fn class_is_serialised_by_its_name() {
        assert_eq!(serde_json::to_string(&Class::UsSsn).unwrap(), "\"us_ssn\"");
    }
}
