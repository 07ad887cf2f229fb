//! The keys of what is masked in answers.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{FilePath, Off, Pairs, SecretRef};

/// What is masked in answers.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub enum Redact {
    /// `default` or `off`.
    Named(RedactName),
    /// These classes, presets and countries.
    Classes(Vec<String>),
    /// Classes with their forms, and all else.
    Keys(Box<RedactKeys>),
}

/// A built-in choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum RedactName {
    /// Every built-in class, masked.
    Default,
    /// Nothing is masked.
    Off,
}

/// Classes with their forms, values of your own, and who sees what.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RedactKeys {
    /// What is looked for, and what is put in its place: classes, presets (`pii-default`,
    /// `pii-strict`, `gdpr`, `hipaa`, `secrets`, `pci`) and countries (`country:us`), each with
    /// `mask`, `label`, `surrogate`, `pseudonym`, `drop`, `block`, `report` or `off`, or with a
    /// mapping. A class counts more than its country, a country more than a preset, a narrow preset
    /// more than a wide one. Default: every built-in class with `mask`.
    pub classes: Option<Pairs<Treatment>>,
    /// How sure one must be of a value where `classes` does not say: `possible`, `likely` or
    /// `certain`. Default: `likely`.
    pub confidence: Option<Confidence>,
    /// Patterns of your own. Default: none.
    pub custom: Option<Vec<CustomPattern>>,
    /// Words and phrases of your own. Default: none.
    pub dictionaries: Option<Vec<Dictionary>>,
    /// Values that their place explains. Default: none.
    pub fields: Option<Vec<Field>>,
    /// Values that are left alone. Default: none.
    pub allow: Option<Vec<Allow>>,
    /// Other choices, by name, for calls that a policy says so of with `@redact`, and for `tools`.
    /// Default: none.
    pub profiles: Option<Pairs<RedactProfile>>,
    /// Tools with another choice; the first rule that names the tool decides, where no policy does.
    /// Default: none.
    pub tools: Option<Vec<RedactTool>>,
    /// What becomes of values in the arguments of tools, on their way to the server. Default: `off`.
    pub arguments: Option<Arguments>,
    /// What makes pseudonyms. Default: none, and then no class has the form `pseudonym`.
    pub pseudonyms: Option<PseudonymKey>,
    /// Scopes per class, any one of which shows its values as they are. Default: `pii:` and the
    /// class and `.read`, such as `pii:email.read`.
    pub reveal: Option<Pairs<Vec<String>>>,
}

/// What becomes of the values of a class.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub enum Treatment {
    /// The class is not looked for.
    Off(Off),
    /// What is put in their place.
    Form(Form),
    /// The same with more keys.
    Keys(TreatmentKeys),
}

/// What becomes of the values of a class, and which count.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TreatmentKeys {
    /// What is put in their place. Default: `mask`; `label` for `hipaa`.
    pub form: Option<Form>,
    /// How sure one must be of a value: `possible` (the shape fits), `likely` (its check digits fit,
    /// or a name beside it says so), `certain` (nothing else looks like it). Default: the
    /// `confidence` for all; `possible` for `pii-strict`.
    pub confidence: Option<Confidence>,
    /// How many symbols a mask keeps at the end of a number; half of it at most, and four of a card.
    /// Default: as the class has it, see the chapter on redaction.
    pub keep: Option<u32>,
}

/// How sure one must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Confidence {
    /// The shape fits.
    Possible,
    /// Little else looks like it.
    Likely,
    /// Nothing else looks like it.
    Certain,
}

/// Another choice of what is masked, for some calls.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RedactProfile {
    /// What becomes of the values of some classes; the rest stays as for all calls.
    /// Default: as for all calls.
    pub classes: Option<Pairs<Treatment>>,
    /// Whether classes are shown to those who may see them. Default: `true`.
    pub reveal: Option<bool>,
}

/// Tools with another choice.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RedactTool {
    /// Names of tools, as globs.
    #[schemars(example = ["export_*"])]
    pub names: Vec<String>,
    /// One of `profiles`.
    #[schemars(example = &"strict")]
    pub profile: String,
}

/// What becomes of values in arguments.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub enum Arguments {
    /// Arguments are passed on as they are.
    Off(Off),
    /// By class, preset, country, or class of your own.
    Classes(Pairs<ArgumentForm>),
}

/// What becomes of a value in an argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum ArgumentForm {
    /// It is counted and passed on.
    Report,
    /// A mask is passed on.
    Mask,
    /// A label is passed on.
    Label,
    /// The call is refused.
    Block,
}

/// What makes pseudonyms.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PseudonymKey {
    /// Key of 32 bytes, as they are or in hex or base64; replicas share it. With another key all
    /// pseudonyms are others.
    pub key: SecretRef,
    /// Whose values these are: two tenants never have the same pseudonym. Default: the name of the
    /// server.
    #[schemars(example = &"acme")]
    pub tenant: Option<String>,
}

/// What is put in the place of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Form {
    /// What is harmless stays, such as the last four digits of a card.
    Mask,
    /// A label, such as `[EMAIL]`.
    Label,
    /// A value of the same shape that is nobody's, such as `redacted@redacted.invalid`.
    Surrogate,
    /// A label with a keyed hash, the same for the same value.
    Pseudonym,
    /// The JSON value that holds it becomes `null`.
    Drop,
    /// The answer is not delivered.
    Block,
    /// The value stays and is counted.
    Report,
}

/// A pattern of your own.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CustomPattern {
    /// Name in labels, scopes and records: lower-case letters, digits and `_`.
    #[schemars(example = &"employee")]
    pub name: String,
    /// Regular expression in the syntax of the Rust crate `regex`: linear time, no look-around.
    #[schemars(example = r"EMP-\d{6}")]
    pub pattern: String,
    /// What is put in its place. Default: `label`.
    pub form: Option<Form>,
    /// How many symbols a mask keeps at the end, half at most. Default: `0`.
    pub keep: Option<u32>,
}

/// Words and phrases of your own.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Dictionary {
    /// Name in labels, scopes and records: lower-case letters, digits and `_`.
    #[schemars(example = &"customer")]
    pub name: String,
    /// A text file with a phrase on each line, UTF-8, read again when it changes; lines that begin
    /// with `#` are passed over.
    #[schemars(example = &"customers.txt")]
    pub file: FilePath,
    /// What is put in the place of a phrase. Default: `label`.
    pub form: Option<Form>,
    /// Whether upper and lower case are the same. Default: `false`.
    pub ignore_case: Option<bool>,
}

/// A value that its place explains.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// Names from the outermost one on, joined by `/` or `.`: `/customer/ssn` begins at a record,
    /// `**.card*` anywhere; `*` is a name or a part of it, `**` any number of names. Items of lists
    /// have no name.
    #[schemars(example = &"/customer/ssn")]
    pub path: String,
    /// The class that the values are of: a built-in one, or one of your own. Default: none, then
    /// `name` is there.
    #[schemars(example = &"us_ssn")]
    pub class: Option<String>,
    /// A class of your own for these values; rules may share one. Default: none, then `class` is
    /// there.
    #[schemars(example = &"card_field")]
    pub name: Option<String>,
    /// What is put in the place of values of `name`. Default: `label`.
    pub form: Option<Form>,
}

/// Values that are left alone.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Allow {
    /// Of which class. Default: of every class.
    #[schemars(example = &"email")]
    pub class: Option<String>,
    /// The values, with `*` for any run of characters.
    #[schemars(example = ["support@example.com"])]
    pub values: Vec<String>,
    /// Tools in whose answers they are, as globs. Default: every answer.
    #[schemars(example = ["crm_*"])]
    pub tools: Option<Vec<String>>,
}
