//! The output schemas of a server's tools, as its lists said them (MCP 2025-11-25 and 2026-07-28,
//! Tools, "Output Schema").
//!
//! Owns the bounded memory of them. Guarantees: what is kept of a tool is what its server said
//! last; of tools without a schema, and of schemas that are too large, nothing is; a schema is
//! read when it is first needed, and only so many are held ready.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use crate::json::{Kind, Value};
use crate::limits::{
    OUTPUT_SCHEMA_BYTES_MAX, OUTPUT_SCHEMAS_BYTES_MAX, OUTPUT_SCHEMAS_MAX, OUTPUT_SCHEMAS_READY_MAX,
};
use crate::schema::{Schema, Unusable};

/// What one server's lists said of its tools' results.
#[derive(Debug, Default)]
pub struct Outputs(Mutex<Held>);

#[derive(Debug, Default)]
struct Held {
    tools: HashMap<Box<str>, Entry>,
    bytes: usize,
    ready: usize,
}

#[derive(Debug)]
struct Entry {
    text: Bytes,
    said: Said,
    /// Read, or found to be unusable.
    ready: Option<Ready>,
}

/// Who said what a schema is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    ByList,
    ByFile,
}

/// A schema that was read.
pub type Ready = Result<Arc<Schema>, Unusable>;

impl Outputs {
    /// Takes in one tool of a list.
    pub fn learn(&self, tool: &str, schema: Option<Value<'_>>) {
        let schema = schema.filter(|schema| matches!(schema.kind(), Kind::Object));
        self.keep(tool, schema.map(|schema| schema.raw()), Said::ByList);
    }

    /// Takes in one tool of a file, unless a list said something of it before.
    pub fn suggest(&self, tool: &str, schema: &[u8]) {
        if self.held().tools.get(tool).is_none_or(|entry| entry.said == Said::ByFile) {
            self.keep(tool, Some(schema), Said::ByFile);
        }
    }

    fn keep(&self, tool: &str, schema: Option<&[u8]>, said: Said) {
        let mut held = self.held();
        if let Some(entry) = held.tools.get_mut(tool)
            && Some(entry.text.as_ref()) == schema
        {
            entry.said = said;
            return;
        }
        held.forget(tool);
        let fits = |text: &&[u8]| {
            text.len() <= OUTPUT_SCHEMA_BYTES_MAX
                && held.tools.len() < OUTPUT_SCHEMAS_MAX
                && held.bytes.saturating_add(text.len()) <= OUTPUT_SCHEMAS_BYTES_MAX
        };
        if let Some(text) = schema.filter(fits) {
            held.bytes += text.len();
            let entry = Entry { text: Bytes::copy_from_slice(text), said, ready: None };
            held.tools.insert(tool.into(), entry);
        }
    }

    /// The text of a tool's schema; `None` where none is known.
    #[must_use]
    pub fn text(&self, tool: &str) -> Option<Bytes> {
        self.held().tools.get(tool).map(|entry| entry.text.clone())
    }

    /// A tool's schema, whose text is `text`, ready to check with.
    ///
    /// # Errors
    /// See [`Unusable`].
    pub fn ready(&self, tool: &str, text: &Bytes) -> Ready {
        let same = |entry: &&mut Entry| entry.text == *text;
        if let Some(entry) = self.held().tools.get_mut(tool).filter(same)
            && let Some(ready) = &entry.ready
        {
            return ready.clone();
        }
        // Not under the lock: others need not wait for it.
        let ready = Schema::read(text).map(Arc::new);
        let mut held = self.held();
        if held.ready >= OUTPUT_SCHEMAS_READY_MAX {
            held.tools.values_mut().for_each(|entry| entry.ready = None);
            held.ready = 0;
        }
        if let Some(entry) = held.tools.get_mut(tool).filter(same)
            && entry.ready.replace(ready.clone()).is_none()
        {
            held.ready += 1;
        }
        ready
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn forget(&mut self, tool: &str) {
        if let Some(old) = self.tools.remove(tool) {
            self.bytes = self.bytes.saturating_sub(old.text.len());
            self.ready = self.ready.saturating_sub(usize::from(old.ready.is_some()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Outputs;
    use crate::limits::{
        OUTPUT_SCHEMA_BYTES_MAX, OUTPUT_SCHEMAS_BYTES_MAX, OUTPUT_SCHEMAS_MAX,
        OUTPUT_SCHEMAS_READY_MAX,
    };
    use crate::mcp::tests::document;
    use crate::schema::Unusable;

    const SCHEMA: &str = r#"{"type":"object","properties":{"a":{"type":"string"}}}"#;

    fn learn(outputs: &Outputs, tool: &str, schema: &str) {
        let schema = document(schema);
        outputs.learn(tool, Some(schema.root()));
    }

    #[test]
    fn the_last_list_is_what_counts() {
        let outputs = Outputs::default();
        learn(&outputs, "a", SCHEMA);
        learn(&outputs, "a", "{}");
        assert_eq!(outputs.text("a").unwrap(), "{}");
        outputs.learn("a", None);
        assert_eq!(outputs.text("a"), None);
        assert_eq!(outputs.text("b"), None);
    }

    #[test]
    fn a_file_says_nothing_against_a_list() {
        let outputs = Outputs::default();
        outputs.suggest("a", b"{}");
        outputs.suggest("a", b"{\"type\":\"object\"}");
        assert_eq!(outputs.text("a").unwrap(), "{\"type\":\"object\"}");
        learn(&outputs, "a", SCHEMA);
        outputs.suggest("a", b"{}");
        assert_eq!(outputs.text("a").unwrap(), SCHEMA);
    }

    #[test]
    fn a_schema_is_read_once_until_it_changes() {
        let outputs = Outputs::default();
        learn(&outputs, "a", SCHEMA);
        let ready = || outputs.ready("a", &outputs.text("a").unwrap()).unwrap();
        let first = ready();
        assert!(std::sync::Arc::ptr_eq(&first, &ready()));
        learn(&outputs, "a", SCHEMA);
        assert!(std::sync::Arc::ptr_eq(&first, &ready()), "the same list again changes nothing");
        learn(&outputs, "a", "{}");
        assert!(!std::sync::Arc::ptr_eq(&first, &ready()));
    }

    #[test]
    fn an_unusable_schema_says_why() {
        let outputs = Outputs::default();
        learn(&outputs, "a", r#"{"$ref":"https://example.com/schema"}"#);
        let text = outputs.text("a").unwrap();
        assert_eq!(outputs.ready("a", &text).unwrap_err(), Unusable::Reference);
    }

    #[test]
    fn memory_is_bounded_in_every_direction() {
        let outputs = Outputs::default();
        let long = format!(r#"{{"title":"{}"}}"#, "x".repeat(OUTPUT_SCHEMA_BYTES_MAX));
        learn(&outputs, "long", &long);
        assert_eq!(outputs.text("long"), None);

        let large = format!(r#"{{"title":"{}"}}"#, "x".repeat(OUTPUT_SCHEMA_BYTES_MAX - 16));
        for tool in 0..100 {
            learn(&outputs, &tool.to_string(), &large);
        }
        assert!(outputs.held().bytes <= OUTPUT_SCHEMAS_BYTES_MAX);
        assert!(outputs.text("0").is_some());
        assert_eq!(outputs.text("99"), None);

        let outputs = Outputs::default();
        for tool in 0..OUTPUT_SCHEMAS_MAX + 9 {
            learn(&outputs, &tool.to_string(), "{}");
        }
        assert_eq!(outputs.held().tools.len(), OUTPUT_SCHEMAS_MAX);
        for tool in 0..OUTPUT_SCHEMAS_READY_MAX * 2 + 1 {
            let tool = tool.to_string();
            let text = outputs.text(&tool).unwrap();
            outputs.ready(&tool, &text).unwrap();
            let held = outputs.held();
            let ready = held.tools.values().filter(|entry| entry.ready.is_some()).count();
            assert_eq!(ready, held.ready);
            assert!(ready <= OUTPUT_SCHEMAS_READY_MAX);
        }
    }
}
