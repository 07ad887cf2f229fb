//! The JSON Schema of the configuration, for editors and for the structural check.
//!
//! Made from [`super::raw`]. Guarantees: optional keys never admit `null`, because a key without
//! a value would have no effect in silence; alternatives are flat lists.

use crate::limits::REFERENCES_MAX;
use std::sync::LazyLock;

use serde_json::{Map, Value};

use super::raw::Raw;

/// The schema, JSON Schema draft 2020-12.
#[must_use]
pub fn schema() -> Value {
    SCHEMA.clone()
}

/// The schema without a copy.
pub(super) fn shared() -> &'static Value {
    &SCHEMA
}

/// Follows `$ref` until a schema that has none.
pub(super) fn resolve<'s>(root: &'s Value, mut schema: &'s Value) -> &'s Value {
    for _ in 0..REFERENCES_MAX {
        let Some(target) = schema.get("$ref").and_then(Value::as_str) else { return schema };
        let Some(found) = target.strip_prefix('#').and_then(|pointer| root.pointer(pointer)) else {
            return schema;
        };
        schema = found;
    }
    schema
}

/// The alternatives of a schema; itself where it has none.
pub(super) fn alternatives<'s>(root: &'s Value, schema: &'s Value) -> Vec<&'s Value> {
    let schema = resolve(root, schema);
    let choices = schema.get("anyOf").or_else(|| schema.get("oneOf")).and_then(Value::as_array);
    match choices {
        Some(choices) => choices.iter().flat_map(|choice| alternatives(root, choice)).collect(),
        None => vec![schema],
    }
}

static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    let mut schema = schemars::schema_for!(Raw).to_value();
    tidy(&mut schema);
    if let Some(root) = schema.as_object_mut() {
        root.insert("title".into(), "Sallyport configuration".into());
    }
    schema
});

/// Brings one schema and all below it into the shape that the module promises.
fn tidy(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(tidy),
        Value::Object(map) => {
            map.values_mut().for_each(tidy);
            without_null(map);
            without_nesting(map);
            one_line(map);
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn without_null(map: &mut Map<String, Value>) {
    if let Some(Value::Array(types)) = map.get_mut("type") {
        types.retain(|kind| kind != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            map.insert("type".into(), only);
        }
    }
    if let Some(Value::Array(values)) = map.get_mut("enum") {
        values.retain(|value| !value.is_null());
    }
    if let Some(Value::Array(choices)) = map.get_mut("anyOf") {
        choices.retain(|choice| choice.get("type").is_none_or(|kind| kind != "null"));
    }
}

/// Lifts the alternatives of an alternative, and an only alternative, one level up.
fn without_nesting(map: &mut Map<String, Value>) {
    for word in ["anyOf", "oneOf"] {
        let Some(Value::Array(choices)) = map.remove(word) else { continue };
        let mut flat = Vec::new();
        for mut choice in choices {
            match choice.as_object_mut().and_then(|inner| inner.remove(word)) {
                Some(Value::Array(inner)) => flat.extend(inner),
                Some(other) => flat.push(other),
                None => flat.push(choice),
            }
        }
        if flat.len() > 1 {
            map.insert(word.into(), Value::Array(flat));
            continue;
        }
        for (key, value) in flat.into_iter().filter_map(into_object).flatten() {
            map.entry(key).or_insert(value);
        }
    }
}

fn into_object(value: Value) -> Option<Map<String, Value>> {
    match value {
        Value::Object(map) => Some(map),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            None
        }
    }
}

/// Descriptions are sentences; the line breaks of the source code mean nothing.
fn one_line(map: &mut Map<String, Value>) {
    if let Some(Value::String(text)) = map.get_mut("description") {
        *text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::schema;

    fn visit(value: &Value, see: &mut impl FnMut(&serde_json::Map<String, Value>)) {
        match value {
            Value::Object(map) => {
                see(map);
                map.values().for_each(|v| visit(v, see));
            }
            Value::Array(items) => items.iter().for_each(|v| visit(v, see)),
            _ => {}
        }
    }

    #[test]
    fn schema_admits_no_null_and_no_unknown_key() {
        visit(&schema(), &mut |map| {
            assert!(map.get("type").is_none_or(|t| !t.to_string().contains("null")), "{map:?}");
            if map.contains_key("properties") && map.get("type").is_some_and(Value::is_string) {
                assert_eq!(map.get("additionalProperties"), Some(&Value::Bool(false)), "{map:?}");
            }
        });
    }

    #[test]
    fn schema_says_which_keys_are_required() {
        assert_eq!(schema()["required"], serde_json::json!(["servers"]));
        assert_eq!(
            schema()["$defs"]["Server"]["required"],
            serde_json::json!(["name", "public_url", "upstream"])
        );
    }
}
