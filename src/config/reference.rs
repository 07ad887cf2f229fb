//! The manual's reference chapter of all configuration keys, made from the schema.
//!
//! Guarantees: the chapter in the manual is what the code accepts; a test compares them.

use crate::limits::PLACES_MAX;
use std::collections::HashMap;
use std::fmt::Write as _;

use serde_json::Value;

use super::schema::{alternatives, resolve, shared};

/// The chapter, Markdown.
#[must_use]
pub fn reference_markdown() -> String {
    let mut text = String::from(INTRODUCTION);
    let rows = rows();
    for section in rows.iter().filter(|row| row.depth == 0) {
        let inner: Vec<&Row> = rows.iter().filter(|row| row.is_below(&section.key)).collect();
        let _ = write!(text, "\n## `{}`\n\n{}\n", section.key, section.sentence());
        if inner.is_empty() {
            continue;
        }
        text += "\n| key | type | default | meaning |\n|---|---|---|---|\n";
        for row in inner {
            let default = match (&row.default, row.required) {
                (Some(default), _) => default.as_str(),
                (None, true) => "required",
                (None, false) => "",
            };
            let (key, kind, meaning) = (&row.key, &row.kind, &row.meaning);
            let _ = writeln!(text, "| `{key}` | {kind} | {default} | {meaning} |");
        }
    }
    text
}

/// Where else a key of this name stands, as `` `servers[]` ``.
pub(super) fn places_of(name: &str) -> Vec<String> {
    let mut places: Vec<String> = rows()
        .into_iter()
        .filter_map(|row| {
            let (parent, last) = row.key.rsplit_once('.').unwrap_or(("", &row.key));
            let parent = if parent.is_empty() { "the file".into() } else { format!("`{parent}`") };
            (last == name).then_some(parent)
        })
        .collect();
    places.truncate(PLACES_MAX);
    places
}

/// One key.
struct Row {
    key: String,
    depth: usize,
    kind: String,
    required: bool,
    default: Option<String>,
    meaning: String,
}

impl Row {
    fn is_below(&self, section: &str) -> bool {
        self.key.strip_prefix(section).is_some_and(|rest| rest.starts_with(['.', '[']))
    }

    /// The paragraph below the heading of a section.
    fn sentence(&self) -> String {
        let (kind, meaning) = (&self.kind, &self.meaning);
        match (&self.default, self.required) {
            (Some(default), _) => format!("{meaning} Type: {kind}. Default: {default}."),
            (None, true) => format!("{meaning} Type: {kind}. Required."),
            (None, false) => format!("{meaning} Type: {kind}."),
        }
    }
}

fn rows() -> Vec<Row> {
    let mut walk = Walk { rows: Vec::new(), homes: HashMap::new() };
    // The keys of a type are listed where it stands highest.
    let top = shared().get("properties").and_then(Value::as_object);
    for (name, field) in top.into_iter().flatten() {
        for reference in references(field) {
            walk.homes.insert(reference, name.clone());
        }
    }
    walk.keys(shared(), "", 0);
    walk.rows
}

struct Walk {
    rows: Vec<Row>,
    /// Where the keys of each type are listed.
    homes: HashMap<String, String>,
}

impl Walk {
    fn keys(&mut self, schema: &Value, path: &str, depth: usize) {
        let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return };
        let required = schema.get("required").and_then(Value::as_array);
        for (name, field) in properties {
            let key = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            let text = field.get("description").and_then(Value::as_str).unwrap_or_default();
            let (meaning, default) = match text.split_once(" Default: ") {
                Some((meaning, default)) => (meaning, Some(default.trim_end_matches('.').into())),
                None => (text, None),
            };
            let required = required.is_some_and(|list| list.iter().any(|word| word == name));
            let mut meaning = meaning.to_owned();
            if let Some(home) = self.home_elsewhere(field, &key) {
                meaning += &format!(" Its keys are those of `{home}`.");
            }
            let kind = kind_of(field);
            self.rows.push(Row { key: key.clone(), depth, kind, required, default, meaning });
            self.below(field, &key, depth + 1);
        }
    }

    /// Where the keys of a field are listed, if not at its own place.
    fn home_elsewhere(&self, field: &Value, path: &str) -> Option<&String> {
        references(field).iter().find_map(|name| self.homes.get(name)).filter(|home| *home != path)
    }

    fn below(&mut self, field: &Value, path: &str, depth: usize) {
        for name in references(field) {
            self.homes.entry(name).or_insert_with(|| path.to_owned());
        }
        let kind = resolve(shared(), field).get("x-kind").and_then(Value::as_str);
        let reference = matches!(kind, Some("secret" | "text or secret"));
        if reference || self.home_elsewhere(field, path).is_some() {
            return;
        }
        for choice in alternatives(shared(), field) {
            self.keys(choice, path, depth);
            if let Some(items) = choice.get("items") {
                self.below(items, &format!("{path}[]"), depth);
            }
            if let Some(values) = choice.get("additionalProperties").filter(|v| v.is_object()) {
                self.below(values, &format!("{path}.*"), depth);
            }
        }
    }
}

/// Names of the types that a field refers to, itself or in an alternative.
fn references(field: &Value) -> Vec<String> {
    let choices = field.get("anyOf").or_else(|| field.get("oneOf")).and_then(Value::as_array);
    let all = std::iter::once(field).chain(choices.into_iter().flatten());
    all.filter_map(|schema| schema.get("$ref")?.as_str().map(str::to_owned)).collect()
}

/// The type in words.
fn kind_of(field: &Value) -> String {
    let mut kinds: Vec<String> = Vec::new();
    if resolve(shared(), field).get("x-kind").is_some_and(|kind| kind == "secret") {
        return "secret".into();
    }
    for choice in alternatives(shared(), field) {
        let words = choice.get("enum").and_then(Value::as_array).cloned();
        let words = words.or_else(|| choice.get("const").map(|word| vec![word.clone()]));
        if let Some(words) = words {
            kinds.extend(words.iter().map(|word| match word.as_str() {
                Some(text) => format!("`{text}`"),
                None => format!("`{word}`"),
            }));
            continue;
        }
        let kind = choice.get("x-kind").or_else(|| choice.get("type")).and_then(Value::as_str);
        let kind = match kind.unwrap_or("object") {
            "string" => "text".to_owned(),
            "integer" => "number".to_owned(),
            "boolean" => "`true`, `false`".to_owned(),
            "array" => format!("list of {}", choice.get("items").map(kind_of).unwrap_or_default()),
            "object" => "mapping".to_owned(),
            other => other.to_owned(),
        };
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    kinds.join(", ")
}

const INTRODUCTION: &str = "\
# Configuration reference

This chapter is made from the code; a test keeps it so. The file is YAML 1.2. Paths are relative
to the folder of the file. `sallyport check FILE` names every problem at once, with its line and
the way out; `sallyport config schema` prints the JSON Schema that editors complete from.

| type | how it is written |
|---|---|
| duration | a whole number with `ms`, `s`, `m`, `h` or `d`: `30s` |
| size | a whole number with `B`, `KiB`, `MiB` or `GiB`: `4MiB` |
| rate | calls per `s`, `m`, `h` or `d`: `60/m`, `5/s burst 20`, `{ rate: 60/m, burst: 20 }`, or `off` |
| secret | a reference, never the value: `{ file: path }` or `{ env: NAME }` |
| text | `${NAME}` and `${NAME:-default}` are replaced from the environment; `$$` is a `$` |

What gives protection away is warned about at every start and refused by `check --strict`: no
authentication, a development issuer, plain HTTP for other machines, `redact: off`, `guard: off`,
`durability: written`, a secret that every user of the machine may read or that is sent in plain
text.
";

#[cfg(test)]
mod tests {
    use super::{places_of, reference_markdown, rows};

    #[test]
    fn manual_chapter_is_what_the_code_accepts() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/manual/config.md");
        let made = reference_markdown();
        if std::env::var_os("UPDATE_MANUAL").is_some() {
            std::fs::create_dir_all(concat!(env!("CARGO_MANIFEST_DIR"), "/src/manual")).unwrap();
            std::fs::write(path, &made).unwrap();
        }
        let kept = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            kept == made,
            "src/manual/config.md is not what the code accepts; make it again with\n  \
             UPDATE_MANUAL=1 cargo test --lib manual_chapter"
        );
    }

    #[test]
    fn every_optional_value_has_a_default_and_every_key_a_meaning() {
        for row in rows() {
            assert!(row.meaning.len() > 10, "`{}` has no meaning", row.key);
            let group = row.kind == "mapping";
            assert!(
                row.required || row.default.is_some() || group,
                "`{}` does not say what happens without it",
                row.key
            );
        }
    }

    #[test]
    fn keys_are_found_where_they_stand() {
        assert_eq!(places_of("client_ca"), ["`tls`"]);
        assert_eq!(places_of("listen"), ["the file", "`admin`"]);
        assert!(places_of("nowhere").is_empty());
    }
}
