//! The kinds of text that values are typed as, each with an example for error texts and editors.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};

macro_rules! texts {
    ($($(#[doc = $doc:literal])+ $name:ident = $kind:literal, $example:literal;)+) => {
        $(
            $(#[doc = $doc])+
            #[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
            #[serde(transparent)]
            #[schemars(inline, example = &$example, extend("x-kind" = $kind))]
            pub struct $name(pub String);
        )+
    };
}

texts! {
    /// An IP address with a port.
    Address = "address", "0.0.0.0:8443";
    /// A network in CIDR notation, or one IP address.
    Network = "network", "10.0.0.0/8";
    /// A URL.
    Url = "URL", "https://notes.example.com/mcp";
    /// A path, relative to the folder of the configuration file.
    FilePath = "path", "folder/file.pem";
    /// A length of time with its unit: `ms`, `s`, `m`, `h` or `d`.
    Duration = "duration", "30s";
    /// A number of bytes with its unit: `B`, `KiB`, `MiB` or `GiB`.
    Size = "size", "4MiB";
    /// A number of calls per `s`, `m`, `h` or `d`, and how many may come at once.
    RateText = "rate", "60/m burst 20";
}

/// A rate, in one text or in two keys.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub enum Rate {
    /// `60/m`, `5/s burst 20`, or `off`.
    Text(RateText),
    /// The same with two keys.
    Keys(RateKeys),
}

/// A rate with its burst.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RateKeys {
    /// Calls per time.
    #[schemars(example = "60/m")]
    pub rate: RateText,
    /// Calls at once. Default: the calls of one period.
    pub burst: Option<u32>,
    /// What a shared rate does while Redis is away: each replica admits its part (`local_share`),
    /// nobody is admitted (`deny`), or each replica admits the whole (`local`).
    /// Default: that of `limits.shared`.
    pub on_store_loss: Option<super::OnStoreLoss>,
}

/// A secret: never in the configuration itself.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline, extend("x-kind" = "secret"))]
pub enum SecretRef {
    /// A file that holds the value; one line end at its end is cut off.
    File(FilePath),
    /// An environment variable that holds the value.
    Env(String),
}

/// The number 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "u64")]
pub struct Version;

impl TryFrom<u64> for Version {
    type Error = &'static str;

    fn try_from(number: u64) -> Result<Self, Self::Error> {
        if number == 1 { Ok(Self) } else { Err("the version of this format is 1") }
    }
}

impl JsonSchema for Version {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Version".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({ "type": "integer", "enum": [1] })
    }
}

/// A mapping in the order in which it was typed.
#[derive(Debug)]
pub struct Pairs<T>(pub Vec<(String, T)>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Pairs<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for InOrder<T> {
            type Value = Pairs<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a mapping")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }

        deserializer.deserialize_map(InOrder(PhantomData))
    }
}

impl<T: JsonSchema> JsonSchema for Pairs<T> {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("Pairs_{}", T::schema_name()).into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        BTreeMap::<String, T>::json_schema(generator)
    }
}
