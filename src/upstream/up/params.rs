//! `Mcp-Param-*`: arguments that a modern server wants mirrored in headers.
//!
//! Owns what is known of tools' `x-mcp-header` annotations, learnt from the lists that pass and,
//! when a server refuses a call for its headers, from a list that is fetched for it. Guarantees:
//! what a caller was shown counts for that caller alone, and everything is bounded. A tool whose
//! annotations are not valid gets none (MCP 2026-07-28, Streamable HTTP, "Custom Headers").

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use http::{HeaderName, HeaderValue};

use crate::json::{Document, Kind, Value};
use crate::limits::{MIRRORED_CALLERS_MAX, MIRRORED_DEPTH_MAX, MIRRORED_MAX};
use crate::mcp::headers;
use crate::principal::PrincipalKey;

/// An argument and the header that mirrors it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Mirror {
    /// Names from `arguments` down.
    path: Vec<Box<str>>,
    header: HeaderName,
}

/// By tool name; tools without annotations are not in it.
type Mirrors = HashMap<Box<str>, Vec<Mirror>>;

/// What each caller was shown.
#[derive(Debug, Default)]
pub(super) struct Shown(Mutex<HashMap<PrincipalKey, Arc<Mirrors>>>);

impl Shown {
    /// Takes in one page of `tools/list`; the first page forgets what was known.
    pub(super) fn learn(&self, caller: PrincipalKey, page: &Document, first: bool) {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut known = match table.get(&caller) {
            Some(known) if !first => Mirrors::clone(known),
            Some(_) | None => Mirrors::new(),
        };
        for tool in page.root().pointer("/result/tools").into_iter().flat_map(|it| it.items()) {
            let name = tool.get("name").and_then(|name| name.as_str());
            if let (Some(name), Some(mirrors)) = (name, mirrors(tool.get("inputSchema")))
                && known.len() < MIRRORED_MAX
            {
                known.insert(name.into(), mirrors);
            }
        }
        if known.is_empty() {
            table.remove(&caller);
            return;
        }
        if !table.contains_key(&caller) && table.len() >= MIRRORED_CALLERS_MAX {
            // Whoever is forgotten is refused once and learns anew.
            let any = table.keys().next().copied();
            any.and_then(|any| table.remove(&any));
        }
        table.insert(caller, Arc::new(known));
    }

    /// Of how many callers something is known.
    #[cfg(test)]
    pub(super) fn callers(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// The headers of one call.
    pub(super) fn headers(
        &self,
        caller: PrincipalKey,
        call: &Document,
    ) -> Vec<(HeaderName, HeaderValue)> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&caller).cloned();
        let params = call.root().get("params");
        let name = params.and_then(|params| params.get("name")?.as_str());
        let (Some(known), Some(params), Some(name)) = (known, params, name) else {
            return Vec::new();
        };
        let arguments = params.get("arguments");
        let mirrors = known.get(&*name).into_iter().flatten();
        let header = |mirror: &Mirror| {
            let value = mirror.path.iter().try_fold(arguments?, |at, name| at.get(name))?;
            Some((mirror.header.clone(), HeaderValue::from_str(&written(value)?).ok()?))
        };
        mirrors.filter_map(header).collect()
    }
}

/// A primitive as a header says it; `None` for null and for what no header can say.
fn written(value: Value<'_>) -> Option<String> {
    match value.kind() {
        Kind::String => Some(headers::encode(&value.as_str()?).into_owned()),
        Kind::True => Some("true".to_owned()),
        Kind::False => Some("false".to_owned()),
        Kind::Number if value.is_integer() => std::str::from_utf8(value.raw()).ok().map(Into::into),
        Kind::Number | Kind::Object | Kind::Array | Kind::Null => None,
    }
}

/// The annotations of one tool; `None` where it has none, or one that is not valid.
fn mirrors(schema: Option<Value<'_>>) -> Option<Vec<Mirror>> {
    let mut found = Vec::new();
    let mut path = Vec::new();
    collect(schema?, &mut path, &mut found)?;
    let unique = |at: usize, mirror: &Mirror| {
        !found.iter().take(at).any(|earlier: &Mirror| earlier.header == mirror.header)
    };
    let sound = !found.is_empty() && found.iter().enumerate().all(|(at, it)| unique(at, it));
    sound.then_some(found)
}

/// Along `properties` alone; `None` at the first annotation that is not valid.
fn collect(schema: Value<'_>, path: &mut Vec<Box<str>>, found: &mut Vec<Mirror>) -> Option<()> {
    if path.len() >= MIRRORED_DEPTH_MAX {
        return Some(());
    }
    for (name, property) in schema.get("properties").into_iter().flat_map(|it| it.members()) {
        path.push(name.as_str()?.into());
        if let Some(header) = property.get("x-mcp-header") {
            let primitive = property.get("type").is_some_and(|kind| {
                ["string", "integer", "boolean"].iter().any(|name| kind.is_str(name))
            });
            if !primitive || found.len() >= MIRRORED_MAX {
                return None;
            }
            let header = format!("mcp-param-{}", header.as_str().filter(|it| !it.is_empty())?);
            // A header name is a token of RFC 9110, which is what the annotation must be.
            let header = HeaderName::from_bytes(header.as_bytes()).ok()?;
            found.push(Mirror { path: path.clone(), header });
        }
        collect(property, path, found)?;
        path.pop();
    }
    Some(())
}
