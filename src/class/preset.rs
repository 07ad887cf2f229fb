//! Names for many classes at once: presets and countries.
//!
//! Owns which classes a preset has, each with the text that says so.

use super::{Class, Confidence, Family, Form};

/// A built-in choice of classes. From the widest to the narrowest: where two of them say
/// different things of a class, the later one is meant.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub enum Preset {
    /// Everything about people; no secrets.
    PiiDefault,
    /// The same, at the least confidence.
    PiiStrict,
    /// Personal data of Regulation (EU) 2016/679 article 4(1) with the national numbers of the
    /// European Economic Area (article 87) and of the United Kingdom.
    Gdpr,
    /// The identifiers of 45 CFR 164.514(b)(2)(i) that have a class.
    Hipaa,
    /// What gives access by itself.
    Secrets,
    /// Account data of PCI DSS v4.0 that must not be shown or kept: number and code.
    Pci,
}

impl Preset {
    /// Every preset, the widest first.
    pub const ALL: [Preset; 6] = [
        Preset::PiiDefault,
        Preset::PiiStrict,
        Preset::Gdpr,
        Preset::Hipaa,
        Preset::Secrets,
        Preset::Pci,
    ];

    /// The name in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Preset::PiiDefault => "pii-default",
            Preset::PiiStrict => "pii-strict",
            Preset::Gdpr => "gdpr",
            Preset::Hipaa => "hipaa",
            Preset::Secrets => "secrets",
            Preset::Pci => "pci",
        }
    }

    /// Whether a class belongs to it.
    pub fn has(self, class: Class) -> bool {
        let Some(family) = class.family() else { return false };
        let personal = family != Family::Secret;
        match self {
            Preset::PiiDefault | Preset::PiiStrict => personal,
            Preset::Gdpr => personal && (class.country().is_empty() || in_europe(class)),
            Preset::Hipaa => {
                let of_us = matches!(class.country(), "" | "us");
                (personal && of_us) || family == Family::Health
            }
            Preset::Secrets => family == Family::Secret,
            Preset::Pci => matches!(class, Class::Card | Class::CardCode),
        }
    }

    /// How sure one must be of values, where the preset says.
    pub fn least(self) -> Option<Confidence> {
        match self {
            Preset::PiiStrict => Some(Confidence::Possible),
            Preset::PiiDefault | Preset::Gdpr | Preset::Hipaa | Preset::Secrets | Preset::Pci => {
                None
            }
        }
    }

    /// What takes the place of values where nothing is said: of identifiers under HIPAA no part
    /// may stay, initials and last digits included (HHS, Guidance Regarding Methods for
    /// De-identification, 2012, "parts or derivatives").
    pub fn form(self) -> Form {
        match self {
            Preset::Hipaa => Form::Label,
            Preset::PiiDefault
            | Preset::PiiStrict
            | Preset::Gdpr
            | Preset::Secrets
            | Preset::Pci => Form::Mask,
        }
    }
}

fn in_europe(class: Class) -> bool {
    EUROPE.contains(&class.country())
}

/// The European Economic Area and the United Kingdom (ISO 3166-1).
const EUROPE: [&str; 31] = [
    "at", "be", "bg", "cy", "cz", "de", "dk", "ee", "es", "fi", "fr", "gb", "gr", "hr", "hu", "ie",
    "is", "it", "li", "lt", "lu", "lv", "mt", "nl", "no", "pl", "pt", "ro", "se", "si", "sk",
];

/// What the configuration can name where it speaks of classes: the later, the more it says.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub enum Group {
    /// A preset.
    Preset(Preset),
    /// The numbers of a country (ISO 3166-1, lower case).
    Country(&'static str),
    /// One class.
    Class(Class),
}

impl Group {
    /// The preset, country or built-in class of this name.
    pub fn from_name(name: &str) -> Option<Group> {
        if let Some(country) = name.strip_prefix(COUNTRY) {
            return Group::countries().find(|known| *known == country).map(Group::Country);
        }
        let preset = Preset::ALL.into_iter().find(|preset| preset.name() == name);
        preset.map(Group::Preset).or_else(|| Class::from_name(name).map(Group::Class))
    }

    /// Whether a class belongs to it.
    pub fn has(self, class: Class) -> bool {
        match self {
            Group::Preset(preset) => preset.has(class),
            Group::Country(country) => class.country() == country,
            Group::Class(own) => class == own,
        }
    }

    /// How sure one must be of values, where it says so itself.
    pub fn least(self) -> Option<Confidence> {
        match self {
            Group::Preset(preset) => preset.least(),
            Group::Country(_) | Group::Class(_) => None,
        }
    }

    /// How sure one must be of values of a class that is named by these: as the one says that says
    /// the most of it, of those that speak of it.
    pub fn least_of(groups: &[Group], class: Class) -> Option<Confidence> {
        let speaks = |group: &&Group| group.has(class) && group.least().is_some();
        groups.iter().filter(speaks).max().and_then(|group| group.least())
    }

    /// The countries that have a class, each once.
    pub fn countries() -> impl Iterator<Item = &'static str> {
        let all = Class::BUILTIN.iter().enumerate();
        all.filter_map(|(at, class)| {
            let country = class.country();
            let mut before = Class::BUILTIN.iter().take(at);
            let known = country.is_empty() || before.any(|other| other.country() == country);
            (!known).then_some(country)
        })
    }

    /// Every name that [`Group::from_name`] knows.
    pub fn names() -> Vec<String> {
        let presets = Preset::ALL.iter().map(|preset| preset.name().to_owned());
        let countries = Group::countries().map(|country| format!("{COUNTRY}{country}"));
        let classes = Class::BUILTIN.iter().map(|class| class.name().to_owned());
        presets.chain(countries).chain(classes).collect()
    }
}

/// What stands before the country in its name.
const COUNTRY: &str = "country:";

#[cfg(test)]
mod tests {
    use super::{Group, Preset};
    use crate::class::{Class, Confidence, Form};

    #[test]
    fn every_name_leads_to_a_group_with_classes() {
        for name in Group::names() {
            let group = Group::from_name(&name).unwrap();
            assert!(Class::BUILTIN.into_iter().any(|class| group.has(class)), "{name}");
            assert!(!group.has(Class::Custom(0)), "{name}");
        }
        assert_eq!(Group::from_name("country:us"), Some(Group::Country("us")));
        for unknown in ["country:", "country:US", "country:xx", "us", "pii", "custom"] {
            assert_eq!(Group::from_name(unknown), None, "{unknown}");
        }
        assert!(Group::countries().count() > 30);
    }

    #[test]
    fn presets_have_what_their_texts_name() {
        assert!(Class::BUILTIN.into_iter().all(|class| {
            Preset::PiiDefault.has(class) != Preset::Secrets.has(class)
                && Preset::PiiDefault.has(class) == Preset::PiiStrict.has(class)
        }));
        let has = |preset: Preset, class: Class| preset.has(class);
        assert!(has(Preset::Hipaa, Class::UsSsn) && has(Preset::Hipaa, Class::LicencePlate));
        assert!(has(Preset::Hipaa, Class::AuMedicare) && !has(Preset::Hipaa, Class::DeTaxId));
        assert!(has(Preset::Gdpr, Class::DeTaxId) && has(Preset::Gdpr, Class::UkNino));
        assert!(!has(Preset::Gdpr, Class::UsSsn) && !has(Preset::Gdpr, Class::Password));
        let pci: Vec<_> = Class::BUILTIN.into_iter().filter(|c| Preset::Pci.has(*c)).collect();
        assert_eq!(pci, [Class::Card, Class::CardCode]);
    }

    #[test]
    fn narrower_names_come_later() {
        assert!(Group::Preset(Preset::Pci) > Group::Preset(Preset::PiiStrict));
        assert!(Group::Country("us") > Group::Preset(Preset::Pci));
        assert!(Group::Class(Class::Email) > Group::Country("us"));
        assert_eq!(Preset::PiiStrict.least(), Some(Confidence::Possible));
        assert_eq!(Preset::Hipaa.form(), Form::Label);
    }

    #[test]
    fn preset_says_how_sure_one_must_be_of_its_own_classes_alone() {
        let named = [Group::Preset(Preset::PiiStrict), Group::Preset(Preset::Secrets)];
        assert_eq!(Group::least_of(&named, Class::Email), Some(Confidence::Possible));
        assert_eq!(Group::least_of(&named, Class::Jwt), None);
        let named = [Group::Class(Class::Email), Group::Preset(Preset::PiiStrict)];
        assert_eq!(Group::least_of(&named, Class::Email), Some(Confidence::Possible));
        assert_eq!(Group::least_of(&named[..1], Class::Email), None);
    }
}
