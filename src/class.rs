//! Names of what must not leave: the classes of personal data and secrets, sets of
//! them, and the forms a found value is given.
//!
//! Owns the vocabulary that configuration, policy, redaction, audit and metrics share.
//! The names are public API.

mod form;
mod preset;

pub use crate::limits::CUSTOM_CLASSES_MAX;
pub use form::Form;
pub use preset::{Group, Preset};
use serde::{Serialize, Serializer};

/// What a class is about. Presets are made of these.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Family {
    /// How to reach somebody.
    Contact,
    /// Who somebody is.
    Person,
    /// Machines and vehicles of somebody, and where they are.
    Device,
    /// Cards and accounts.
    Finance,
    /// Numbers that authorities give.
    Government,
    /// Numbers of patients, insured people and those who treat them.
    Health,
    /// What gives access by itself.
    Secret,
}

/// One row a class: variant, name, family, country where it is of one.
macro_rules! classes {
    ($($(#[$doc:meta])* $variant:ident $name:literal $family:ident $country:literal;)*) => {
        /// A kind of personal data or secret.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
        pub enum Class {
            $($(#[$doc])* $variant,)*
            /// A pattern, dictionary or field of the configuration, by its place in the list:
            /// below [`CUSTOM_CLASSES_MAX`].
            Custom(u8),
        }

        /// The place of each class in tables.
        #[derive(Clone, Copy)]
        enum Place { $($variant,)* End }

        impl Class {
            /// Every class with a detector of its own.
            pub const BUILTIN: [Class; Place::End as usize] = [$(Class::$variant,)*];

            /// The name in configuration, scopes, audit and metrics; `custom` for every custom
            /// class, whose own names the detector knows.
            pub fn name(self) -> &'static str {
                match self {
                    $(Class::$variant => $name,)*
                    Class::Custom(_) => "custom",
                }
            }

            /// What the class is about; `None` for custom ones.
            pub fn family(self) -> Option<Family> {
                match self {
                    $(Class::$variant => Some(Family::$family),)*
                    Class::Custom(_) => None,
                }
            }

            /// The country whose numbers these are (ISO 3166-1, lower case); empty where they are
            /// of no single one.
            pub fn country(self) -> &'static str {
                match self {
                    $(Class::$variant => $country,)*
                    Class::Custom(_) => "",
                }
            }

            /// A small number for tables: built-in classes first, custom ones after them.
            #[inline(always)]
            pub const fn index(self) -> usize {
                match self {
                    $(Class::$variant => Place::$variant as usize,)*
                    Class::Custom(number) => Place::End as usize + number as usize,
                }
            }
        }
    };
}

classes! {
    /// An e-mail address.
    Email "email" Contact "";
    /// A telephone number.
    Phone "phone" Contact "";
    /// A postal address, where a name or label says that it is one.
    PostalAddress "postal_address" Contact "";
    /// A person's name, where a name or label says that it is one.
    PersonName "person_name" Person "";
    /// A date of birth, where a name or label says that it is one.
    DateOfBirth "date_of_birth" Person "";
    /// An IPv4 or IPv6 address.
    Ip "ip" Device "";
    /// A hardware address (IEEE 802).
    Mac "mac" Device "";
    /// A pair of coordinates.
    Geo "geo" Device "";
    /// A device's number in mobile networks (3GPP TS 23.003).
    Imei "imei" Device "";
    /// A subscriber's number in mobile networks (ITU-T E.212).
    Imsi "imsi" Device "";
    /// The number of a SIM card (ITU-T E.118).
    Iccid "iccid" Device "";
    /// A vehicle identification number (ISO 3779).
    Vin "vin" Device "";
    /// A licence plate, where a name or label says that it is one.
    LicencePlate "licence_plate" Device "";
    /// A payment card number (ISO/IEC 7812).
    Card "card" Finance "";
    /// A card's verification code, where a name or label says that it is one.
    CardCode "card_code" Finance "";
    /// An international bank account number (ISO 13616).
    Iban "iban" Finance "";
    /// A bank account's number, where a name or label says that it is one.
    BankAccount "bank_account" Finance "";
    /// A bank's routing number of the American Bankers Association.
    UsRouting "us_routing" Finance "us";
    /// An address of a crypto currency.
    CryptoWallet "crypto_wallet" Finance "";
    /// A passport's number, where a name or label says that it is one.
    Passport "passport" Government "";
    /// A driving licence's number, where a name or label says that it is one.
    DriverLicence "driver_licence" Government "";
    /// A national number of a country that has no class of its own, where a name says so.
    NationalId "national_id" Government "";
    /// A tax number of a country that has no class of its own, where a name says so.
    TaxId "tax_id" Government "";
    /// A social security number.
    UsSsn "us_ssn" Government "us";
    /// An individual taxpayer identification number.
    UsItin "us_itin" Government "us";
    /// A national provider identifier.
    UsNpi "us_npi" Health "us";
    /// A registration number of the Drug Enforcement Administration.
    UsDea "us_dea" Health "us";
    /// A Medicare beneficiary identifier.
    UsMbi "us_mbi" Health "us";
    /// A number of the National Health Service.
    UkNhs "uk_nhs" Health "gb";
    /// A national insurance number.
    UkNino "uk_nino" Government "gb";
    /// A unique taxpayer reference.
    UkUtr "uk_utr" Government "gb";
    /// A social insurance number.
    CaSin "ca_sin" Government "ca";
    /// A tax file number.
    AuTfn "au_tfn" Government "au";
    /// A business number.
    AuAbn "au_abn" Government "au";
    /// A company number.
    AuAcn "au_acn" Government "au";
    /// A Medicare number.
    AuMedicare "au_medicare" Health "au";
    /// A number of Inland Revenue.
    NzIrd "nz_ird" Government "nz";
    /// An Aadhaar number.
    InAadhaar "in_aadhaar" Government "in";
    /// A permanent account number.
    InPan "in_pan" Government "in";
    /// A voter's number (EPIC).
    InVoter "in_voter" Government "in";
    /// A goods and services tax number.
    InGstin "in_gstin" Government "in";
    /// A tax identification number.
    DeTaxId "de_tax_id" Government "de";
    /// The number of an identity card.
    DeIdCard "de_id_card" Government "de";
    /// A pension or health insurance number.
    DeInsurance "de_insurance" Health "de";
    /// A number of the national register (NIR).
    FrNir "fr_nir" Government "fr";
    /// A fiscal code.
    ItFiscalCode "it_fiscal_code" Government "it";
    /// A tax number of citizens and foreigners (NIF, NIE).
    EsNif "es_nif" Government "es";
    /// A tax number.
    PtNif "pt_nif" Government "pt";
    /// A citizen service number.
    NlBsn "nl_bsn" Government "nl";
    /// A number of the national register.
    BeNrn "be_nrn" Government "be";
    /// An old-age insurance number.
    ChAhv "ch_ahv" Government "ch";
    /// A social insurance number.
    AtSvnr "at_svnr" Government "at";
    /// A personal public service number.
    IePps "ie_pps" Government "ie";
    /// A number of the register of persons.
    PlPesel "pl_pesel" Government "pl";
    /// A personal identity number.
    SePersonnummer "se_personnummer" Government "se";
    /// A national identity number.
    NoFnr "no_fnr" Government "no";
    /// A central person register number.
    DkCpr "dk_cpr" Government "dk";
    /// A personal identity code.
    FiHetu "fi_hetu" Government "fi";
    /// A birth number of Czechia and Slovakia.
    CzBirthNumber "cz_birth_number" Government "cz";
    /// A personal numeric code.
    RoCnp "ro_cnp" Government "ro";
    /// A uniform civil number.
    BgEgn "bg_egn" Government "bg";
    /// A personal identification number.
    HrOib "hr_oib" Government "hr";
    /// An identification number.
    TrTckn "tr_tckn" Government "tr";
    /// A taxpayer number of a person.
    BrCpf "br_cpf" Government "br";
    /// A taxpayer number of a company.
    BrCnpj "br_cnpj" Government "br";
    /// A tax number (CUIT, CUIL).
    ArCuit "ar_cuit" Government "ar";
    /// A tax and identity number.
    ClRut "cl_rut" Government "cl";
    /// A population register code.
    MxCurp "mx_curp" Government "mx";
    /// A taxpayer code.
    MxRfc "mx_rfc" Government "mx";
    /// A resident registration number.
    KrRrn "kr_rrn" Government "kr";
    /// A number of the national register (NRIC, FIN).
    SgNric "sg_nric" Government "sg";
    /// A national identity number.
    ThId "th_id" Government "th";
    /// A resident identity number.
    CnResidentId "cn_resident_id" Government "cn";
    /// An individual number (My Number).
    JpMyNumber "jp_my_number" Government "jp";
    /// A national identity number.
    TwId "tw_id" Government "tw";
    /// The number of an identity card.
    HkId "hk_id" Government "hk";
    /// An identity number.
    IlId "il_id" Government "il";
    /// An identity number.
    ZaId "za_id" Government "za";
    /// A national identification number.
    NgNin "ng_nin" Government "ng";
    /// A patient's number, where a name or label says that it is one.
    MedicalRecord "medical_record" Health "";
    /// A number of an insured person, where a name or label says that it is one.
    HealthPlan "health_plan" Health "";
    /// A JSON web token.
    Jwt "jwt" Secret "";
    /// A private key in PEM form, its body included.
    PrivateKey "private_key" Secret "";
    /// A key or token of a known issuer.
    ApiKey "api_key" Secret "";
    /// A password, where a name or label says that it is one.
    Password "password" Secret "";
    /// A password inside a URL or connection string.
    ConnectionString "connection_string" Secret "";
    /// Credentials of an HTTP `Authorization` field.
    AuthHeader "auth_header" Secret "";
    /// A session cookie's value.
    Cookie "cookie" Secret "";
    /// A random value, where a name or label says that it is secret.
    Secret "secret" Secret "";
}

impl Class {
    /// The built-in class of this name.
    pub fn from_name(name: &str) -> Option<Class> {
        Class::BUILTIN.into_iter().find(|class| class.name() == name)
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
        self == Class::CardCode || self.family() == Some(Family::Secret)
    }
}

/// How sure a detector is of what it found.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub enum Confidence {
    /// The shape fits, and little else looks like it: a weak check digit, or none.
    Possible,
    /// Shape and check digits fit and little else has them, or a name beside it says so.
    Likely,
    /// Nothing else looks like it, or check digits fit *and* a name says so.
    Certain,
}

impl Confidence {
    /// Every step, the least sure first.
    pub const ALL: [Confidence; 3] =
        [Confidence::Possible, Confidence::Likely, Confidence::Certain];

    /// The name in configuration and reports.
    pub fn name(self) -> &'static str {
        match self {
            Confidence::Possible => "possible",
            Confidence::Likely => "likely",
            Confidence::Certain => "certain",
        }
    }

    /// The step of this name.
    pub fn from_name(name: &str) -> Option<Confidence> {
        Confidence::ALL.into_iter().find(|step| step.name() == name)
    }
}

impl Serialize for Class {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// A set of classes. Custom classes beyond [`CUSTOM_CLASSES_MAX`] cannot be members.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct ClassSet([u64; WORDS]);

impl ClassSet {
    /// The set without members.
    pub const fn empty() -> ClassSet {
        ClassSet([0; WORDS])
    }

    /// Every class, all custom ones included.
    pub fn all() -> ClassSet {
        (0..CLASSES_MAX).filter_map(Class::from_index).collect()
    }

    /// Adds a class.
    pub fn insert(&mut self, class: Class) {
        let (word, bit) = bit(class);
        if let Some(word) = self.0.get_mut(word) {
            *word |= bit;
        }
    }

    /// Takes a class out.
    pub fn remove(&mut self, class: Class) {
        let (word, bit) = bit(class);
        if let Some(word) = self.0.get_mut(word) {
            *word &= !bit;
        }
    }

    /// Whether the class is a member.
    #[inline]
    pub fn contains(self, class: Class) -> bool {
        let (word, bit) = bit(class);
        self.0.get(word).is_some_and(|word| word & bit != 0)
    }

    /// The members of either set.
    #[inline]
    #[must_use]
    pub fn union(self, other: ClassSet) -> ClassSet {
        let mut both = self;
        both.0.iter_mut().zip(other.0).for_each(|(word, other)| *word |= other);
        both
    }

    /// The members of both sets.
    #[inline]
    #[must_use]
    pub fn intersection(self, other: ClassSet) -> ClassSet {
        let mut both = self;
        both.0.iter_mut().zip(other.0).for_each(|(word, other)| *word &= other);
        both
    }

    /// Whether there are no members.
    #[inline]
    pub fn is_empty(self) -> bool {
        self.0 == [0; WORDS]
    }

    /// The members in the order of [`Class::index`].
    pub fn iter(self) -> impl Iterator<Item = Class> {
        let words = self.0.into_iter().enumerate();
        let indexes = words.flat_map(|(place, mut word)| {
            std::iter::from_fn(move || {
                let bit = usize::try_from(word.trailing_zeros()).ok().filter(|bit| *bit < 64)?;
                word &= word - 1;
                Some(place * 64 + bit)
            })
        });
        indexes.filter_map(Class::from_index)
    }
}

impl FromIterator<Class> for ClassSet {
    fn from_iter<I: IntoIterator<Item = Class>>(classes: I) -> ClassSet {
        let mut set = ClassSet::empty();
        classes.into_iter().for_each(|class| set.insert(class));
        set
    }
}

/// In which word of a set a class stands, and as which bit; none for those beyond the bound.
#[inline]
fn bit(class: Class) -> (usize, u64) {
    let index = class.index();
    let bit = if index < CLASSES_MAX { 1 << (index % 64) } else { 0 };
    (index / 64, bit)
}

/// All classes there can be.
pub const CLASSES_MAX: usize = Class::BUILTIN.len() + CUSTOM_CLASSES_MAX;

const WORDS: usize = CLASSES_MAX.div_ceil(64);

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
        assert_eq!(ClassSet::all().iter().count(), Class::BUILTIN.len() + CUSTOM_CLASSES_MAX);
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
