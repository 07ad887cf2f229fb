//! What a server says of its tools, as policies know it: annotations, arguments and results.
//!
//! Pure. Reads the forms in which lists of tools are kept: an answer to `tools/list`, its result,
//! the bare list, or a file of approved definitions.

use serde_json::Value;

use super::arguments::Fields;
use super::facts::{Hints, ToolShape};

/// The tools of a list; `None` where it is none.
#[must_use]
pub fn shapes(json: &Value) -> Option<Vec<(Box<str>, ToolShape)>> {
    let result = json.get("result").unwrap_or(json);
    let list = result.get("tools").unwrap_or(result).as_array()?;
    list.iter()
        .map(|tool| {
            let name = tool.get("name")?.as_str()?;
            let definition = tool.get("definition").unwrap_or(tool);
            Some((Box::from(name), shape(definition)))
        })
        .collect()
}

fn shape(definition: &Value) -> ToolShape {
    let hint = |name: &str, default: bool| {
        let hints = definition.get("annotations");
        hints.and_then(|all| all.get(name)?.as_bool()).unwrap_or(default)
    };
    let none = Hints::default();
    let hints = Hints {
        read_only: hint("readOnlyHint", none.read_only),
        destructive: hint("destructiveHint", none.destructive),
        idempotent: hint("idempotentHint", none.idempotent),
        open_world: hint("openWorldHint", none.open_world),
    };
    let arguments = definition.get("inputSchema").map(Fields::of_schema).unwrap_or_default();
    let output = definition.get("outputSchema").filter(|schema| schema.is_object());
    let output = output.map(|schema| schema.to_string().into());
    ToolShape { hints, arguments, output }
}
