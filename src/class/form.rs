//! What takes the place of a found value, and how much of it a mask keeps.

use super::Class;

/// What takes the place of a found value.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Form {
    /// Keeps what is harmless: at most the last four symbols of a number and never more than
    /// half of it, the first letter and the top-level domain of an e-mail address, initials of
    /// a name, whole degrees of a place. For secrets the same as [`Form::Label`].
    Mask,
    /// A label such as `[EMAIL]`.
    Label,
    /// A value of the same shape that is nobody's, the same for every value of a class:
    /// `redacted@redacted.invalid`, `000-00-0000`.
    Surrogate,
    /// A label with a keyed hash of the value: the same value has the same one, and nobody
    /// without the key can tell which value it is.
    Pseudonym,
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
    pub const ALL: [Form; 7] = [
        Form::Mask,
        Form::Label,
        Form::Surrogate,
        Form::Pseudonym,
        Form::Drop,
        Form::Block,
        Form::Report,
    ];

    /// The name in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Form::Mask => "mask",
            Form::Label => "label",
            Form::Surrogate => "surrogate",
            Form::Pseudonym => "pseudonym",
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

impl Class {
    /// How many symbols at its end the mask of a number keeps unless the configuration says
    /// otherwise; `None` for classes whose masks keep something else, or nothing at all.
    ///
    /// Four at most, as for cards (PCI DSS v4.0 requirement 3.4.1 allows more). Nothing of numbers
    /// that are a date of birth and a few digits more: who knows the birthday would know them.
    pub fn keeps(self) -> Option<usize> {
        let unknown = matches!(self, Class::Custom(_));
        if self.is_secret() || NO_NUMBERS.contains(&self) {
            None
        } else if unknown || KEEP_NOTHING.contains(&self) {
            Some(0)
        } else if self == Class::Phone {
            Some(2)
        } else {
            Some(4)
        }
    }
}

/// Classes that are no number, with masks of their own.
const NO_NUMBERS: [Class; 7] = [
    Class::Email,
    Class::PostalAddress,
    Class::PersonName,
    Class::DateOfBirth,
    Class::Ip,
    Class::Mac,
    Class::Geo,
];

/// Numbers of which the last symbols say too much.
const KEEP_NOTHING: [Class; 24] = [
    // The day of birth is part of them, by the rules of each register.
    Class::DeInsurance,
    Class::FrNir,
    Class::ItFiscalCode,
    Class::BeNrn,
    Class::AtSvnr,
    Class::PlPesel,
    Class::SePersonnummer,
    Class::NoFnr,
    Class::DkCpr,
    Class::FiHetu,
    Class::CzBirthNumber,
    Class::RoCnp,
    Class::BgEgn,
    Class::MxCurp,
    Class::MxRfc,
    Class::KrRrn,
    Class::CnResidentId,
    Class::ZaId,
    // No use of it is allowed that the law does not name (My Number Act, article 19).
    Class::JpMyNumber,
    // Nobody knows what stands at their end.
    Class::LicencePlate,
    Class::NationalId,
    Class::TaxId,
    Class::MedicalRecord,
    Class::HealthPlan,
];

#[cfg(test)]
mod tests {
    use super::Class;

    #[test]
    fn masks_keep_four_symbols_at_most_and_nothing_of_birthdays_and_secrets() {
        for class in Class::BUILTIN {
            assert!(class.keeps().is_none_or(|kept| kept <= 4), "{class:?}");
            assert!(!class.is_secret() || class.keeps().is_none(), "{class:?}");
        }
        assert_eq!(Class::SePersonnummer.keeps(), Some(0));
        assert_eq!(Class::UsSsn.keeps(), Some(4));
        assert_eq!(Class::InAadhaar.keeps(), Some(4));
        assert_eq!(Class::Email.keeps(), None);
    }
}
