//! The arguments of a call as policies see them, and their types out of a tool's `inputSchema`.
//!
//! Cedar has whole numbers of 64 bits and decimals of four digits, no `null` and no floats. So that
//! nothing is lost by translation, what cannot be written exactly makes the call undecidable, which
//! is a deny; `null` becomes a record without members, which no comparison with a value accepts.

use std::collections::{BTreeMap, BTreeSet};

use cedar_policy::RestrictedExpression;

use crate::json::{Kind, Value};
use crate::limits::ARGUMENT_NODES_MAX;

/// An argument has no equal in the policy language.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("argument `{name}` cannot be judged exactly")]
pub struct Unrepresentable {
    /// First name of the argument.
    pub name: Box<str>,
}

/// The type of an argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Type {
    /// `string`
    Text,
    /// `integer`
    Long,
    /// `number`
    Decimal,
    /// `boolean`
    Truth,
    /// `array`
    Set(Box<Type>),
    /// `object`
    Record(Fields),
}

/// Arguments by name; `true` where the schema requires it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fields(pub BTreeMap<String, (Type, bool)>);

impl Fields {
    /// The arguments of a tool, out of its `inputSchema`. Those whose type no policy can use are
    /// left out.
    #[must_use]
    pub fn of_schema(schema: &serde_json::Value) -> Self {
        fields(schema, DEPTH_MAX)
    }

    /// The type in the language of Cedar schemas.
    #[must_use]
    pub fn to_cedar(&self) -> String {
        let members = self.0.iter().map(|(name, (kind, required))| {
            let mark = if *required { "" } else { "?" };
            format!("{}{mark}: {}", super::quoted(name), kind.to_cedar())
        });
        format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
    }
}

impl Type {
    /// The type in the language of Cedar schemas.
    #[must_use]
    pub fn to_cedar(&self) -> String {
        match self {
            Self::Text => "String".into(),
            Self::Long => "Long".into(),
            Self::Decimal => "decimal".into(),
            Self::Truth => "Bool".into(),
            Self::Set(of) => format!("Set<{}>", of.to_cedar()),
            Self::Record(fields) => fields.to_cedar(),
        }
    }
}

fn fields(schema: &serde_json::Value, depth: usize) -> Fields {
    let required: BTreeSet<&str> = schema
        .get("required")
        .and_then(|names| names.as_array())
        .into_iter()
        .flatten()
        .filter_map(|name| name.as_str())
        .collect();
    let properties = schema.get("properties").and_then(|all| all.as_object());
    let typed = properties.into_iter().flatten().filter_map(|(name, property)| {
        let kind = kind(property, depth)?;
        Some((name.clone(), (kind, required.contains(name.as_str()))))
    });
    Fields(typed.collect())
}

fn kind(schema: &serde_json::Value, depth: usize) -> Option<Type> {
    let depth = depth.checked_sub(1)?;
    let named = match schema.get("type") {
        Some(serde_json::Value::String(name)) => name.as_str(),
        // `["string", "null"]`: what is `null` equals nothing, whatever the type.
        Some(serde_json::Value::Array(names)) => {
            let mut names = names.iter().filter_map(|n| n.as_str()).filter(|n| *n != "null");
            names.next().filter(|_| names.next().is_none())?
        }
        Some(_) => return None,
        None => return alternatives(schema, depth),
    };
    match named {
        "string" => Some(Type::Text),
        "integer" => Some(Type::Long),
        "number" => Some(Type::Decimal),
        "boolean" => Some(Type::Truth),
        "array" => Some(Type::Set(Box::new(kind(schema.get("items")?, depth)?))),
        "object" => Some(Type::Record(fields(schema, depth))),
        _other => None,
    }
}

/// `anyOf: [X, null]`, as generators of schemas write what may be left out; and `enum` and `const`
/// of texts.
fn alternatives(schema: &serde_json::Value, depth: usize) -> Option<Type> {
    if let Some(all) = schema.get("anyOf").or_else(|| schema.get("oneOf")) {
        let is_null =
            |one: &&serde_json::Value| one.get("type").and_then(|t| t.as_str()) == Some("null");
        let mut kinds =
            all.as_array()?.iter().filter(|one| !is_null(one)).map(|one| kind(one, depth));
        let first = kinds.next()??;
        return kinds.all(|other| other.as_ref() == Some(&first)).then_some(first);
    }
    let values = schema.get("enum").and_then(|values| values.as_array());
    let texts = values.is_some_and(|values| values.iter().all(serde_json::Value::is_string));
    (texts || schema.get("const").is_some_and(serde_json::Value::is_string)).then_some(Type::Text)
}

/// Which arguments are needed.
#[derive(Debug, Clone, Copy)]
pub enum Wanted<'w> {
    /// All of them.
    All,
    /// Those with these names.
    Named(&'w BTreeSet<Box<str>>),
}

/// Translates JSON arguments, typed where the schema is known.
///
/// # Errors
/// [`Unrepresentable`].
pub fn of_json(
    arguments: Value<'_>,
    types: Option<&Fields>,
    wanted: Wanted<'_>,
) -> Result<Vec<(String, RestrictedExpression)>, Unrepresentable> {
    let mut budget = ARGUMENT_NODES_MAX;
    let mut all = Vec::new();
    for (name, value) in arguments.members() {
        let name = name.as_str().unwrap_or_default();
        if let Wanted::Named(names) = wanted
            && !names.contains(&*name)
        {
            continue;
        }
        let kind = types.and_then(|types| types.0.get(&*name)).map(|(kind, _)| kind);
        let value = expression(value, kind, &mut budget)
            .ok_or_else(|| Unrepresentable { name: name.as_ref().into() })?;
        all.push((name.into_owned(), value));
    }
    Ok(all)
}

/// Translates the query of a REST request: every value is a text.
#[must_use]
pub fn of_query(pairs: &[(String, String)]) -> Vec<(String, RestrictedExpression)> {
    let text = |value: &String| RestrictedExpression::new_string(value.clone());
    pairs.iter().map(|(name, value)| (name.clone(), text(value))).collect()
}

fn expression(
    value: Value<'_>,
    kind: Option<&Type>,
    budget: &mut usize,
) -> Option<RestrictedExpression> {
    *budget = budget.checked_sub(1)?;
    match value.kind() {
        Kind::Null => RestrictedExpression::new_record([]).ok(),
        Kind::True | Kind::False => Some(RestrictedExpression::new_bool(value.as_bool()?)),
        Kind::String => Some(RestrictedExpression::new_string(value.as_str()?.into_owned())),
        Kind::Number => number(std::str::from_utf8(value.raw()).ok()?, kind),
        Kind::Array => {
            let of = match kind {
                Some(Type::Set(of)) => Some(&**of),
                Some(_) | None => None,
            };
            let items: Option<Vec<_>> =
                value.items().map(|item| expression(item, of, budget)).collect();
            Some(RestrictedExpression::new_set(items?))
        }
        Kind::Object => {
            let mut members = Vec::new();
            for (name, member) in value.members() {
                let name = name.as_str()?;
                let of = match kind {
                    Some(Type::Record(fields)) => fields.0.get(&*name).map(|(kind, _)| kind),
                    Some(_) | None => None,
                };
                members.push((name.into_owned(), expression(member, of, budget)?));
            }
            RestrictedExpression::new_record(members).ok()
        }
    }
}

/// A number exactly, or not at all.
fn number(text: &str, kind: Option<&Type>) -> Option<RestrictedExpression> {
    // In units of 1/10,000, which is what a decimal holds.
    let units = ten_thousandths(text)?;
    let whole = units % 10_000 == 0;
    if whole && kind != Some(&Type::Decimal) {
        return i64::try_from(units / 10_000).ok().map(RestrictedExpression::new_long);
    }
    let units = i64::try_from(units).ok()?;
    let sign = if units < 0 { "-" } else { "" };
    let units = units.unsigned_abs();
    let text = format!("{sign}{}.{:04}", units / 10_000, units % 10_000);
    Some(RestrictedExpression::new_decimal(text))
}

/// A JSON number times 10,000, where that is whole and fits.
fn ten_thousandths(text: &str) -> Option<i128> {
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (before, after) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mut value: i128 = 0;
    for digit in before.bytes().chain(after.bytes()) {
        value = value.checked_mul(10)?.checked_add(i128::from(digit.wrapping_sub(b'0')))?;
    }
    let mut shift = exponent.checked_add(4)?.checked_sub(i32::try_from(after.len()).ok()?)?;
    if value == 0 {
        return Some(0);
    }
    // At most 38 digits fit, so neither loop is long.
    while shift > 0 {
        value = value.checked_mul(10)?;
        shift -= 1;
    }
    while shift < 0 {
        if value % 10 != 0 {
            return None;
        }
        value /= 10;
        shift += 1;
    }
    Some(if negative { -value } else { value })
}

/// Levels of a schema that are typed.
const DEPTH_MAX: usize = 8;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use bytes::Bytes;
    use proptest::prelude::*;
    use serde_json::json;

    use super::{Fields, Type, Wanted, number, of_json, ten_thousandths};
    use crate::json::Document;
    use crate::limits::ARGUMENT_NODES_MAX;

    fn shown(text: &str, kind: Option<&Type>) -> Option<String> {
        // Restricted expressions have no text form of their own; their debug form has the value.
        number(text, kind).map(|found| format!("{found:?}"))
    }

    #[test]
    fn numbers_are_exact_or_nothing() {
        for (text, units) in [
            ("0", Some(0)),
            ("-0", Some(0)),
            ("100", Some(1_000_000)),
            ("1e2", Some(1_000_000)),
            ("100.0000", Some(1_000_000)),
            ("99.99", Some(999_900)),
            ("-1.5E-1", Some(-1_500)),
            ("0e999999", Some(0)),
            ("0.00001", None),
            ("1e400", None),
            ("1e99999999999", None),
            ("123456789012345678901234567890123456789012", None),
        ] {
            assert_eq!(ten_thousandths(text), units, "{text}");
        }
        assert!(shown("9223372036854775807", None).is_some());
        assert!(shown("9223372036854775808", None).is_none());
        assert!(shown("1.5", Some(&Type::Long)).is_some(), "the comparison then fails: a deny");
    }

    #[test]
    fn schema_gives_types_and_what_no_policy_can_use_is_left_out() {
        let schema = json!({"type": "object", "required": ["amount"], "properties": {
            "amount": {"type": "number"}, "count": {"type": ["integer", "null"]},
            "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
            "mode": {"enum": ["a", "b"]}, "tags": {"type": "array", "items": {"type": "string"}},
            "mixed": {"type": ["string", "integer"]}, "any": {},
            "who": {"type": "object", "properties": {"id": {"type": "integer"}}},
        }});
        let found = Fields::of_schema(&schema).to_cedar();
        assert_eq!(
            found,
            r#"{"amount": decimal, "count"?: Long, "mode"?: String, "note"?: String, "tags"?: Set<String>, "who"?: {"id"?: Long}}"#
        );
    }

    #[test]
    fn schema_that_nests_without_end_is_cut() {
        let mut schema = json!({"type": "string"});
        for _ in 0..100 {
            schema = json!({"type": "object", "properties": {"a": schema}});
        }
        assert!(Fields::of_schema(&schema).to_cedar().len() < 200);
    }

    fn translated(text: &str, wanted: Wanted<'_>) -> Result<usize, String> {
        let document =
            Document::parse(Bytes::copy_from_slice(text.as_bytes()), &crate::mcp::REQUEST);
        let document = document.map_err(|e| e.to_string())?;
        of_json(document.root(), None, wanted).map(|all| all.len()).map_err(|e| e.to_string())
    }

    #[test]
    fn only_what_is_wanted_is_translated_and_what_cannot_be_is_an_error() {
        let names: BTreeSet<Box<str>> = ["a".into()].into();
        let text = r#"{"a": 1, "b": 1e400, "c": null}"#;
        assert_eq!(translated(text, Wanted::Named(&names)), Ok(1));
        assert_eq!(
            translated(text, Wanted::All),
            Err("argument `b` cannot be judged exactly".into())
        );
    }

    #[test]
    fn more_than_argument_nodes_max_values_are_not_judged() {
        let items = vec!["1"; ARGUMENT_NODES_MAX + 1].join(",");
        assert!(translated(&format!("{{\"a\": [{items}]}}"), Wanted::All).is_err());
    }

    proptest! {
        #[test]
        fn whole_numbers_are_what_they_are(value in any::<i64>()) {
            prop_assert_eq!(ten_thousandths(&value.to_string()), Some(i128::from(value) * 10_000));
        }

        #[test]
        fn decimals_of_four_digits_are_what_they_are(units in -1_000_000_000_i64..1_000_000_000) {
            let sign = if units < 0 { "-" } else { "" };
            let text = format!("{sign}{}.{:04}", units.abs() / 10_000, units.abs() % 10_000);
            prop_assert_eq!(ten_thousandths(&text), Some(i128::from(units)));
        }
    }
}
