//! `Mcp-Param-*`: arguments of a tool that are mirrored in headers.
//!
//! Owns what a tool's `x-mcp-header` annotations mean (MCP 2026-07-28, Streamable HTTP, "Custom
//! Headers") and the bounded memory of them. Guarantees (S-40): annotations that break a rule of
//! the text are none; a header that contradicts an argument refuses the request; what goes to a
//! server is written anew from the arguments, whatever the caller sent.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::json::{Kind, Value};
use crate::limits::{MIRRORED_ARGUMENTS_MAX, MIRRORED_DEPTH_MAX, MIRRORED_TOOLS_MAX};

use super::headers::{self, HeaderError};

/// An argument and the header that mirrors it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mirror {
    /// Names from `arguments` down.
    path: Vec<Box<str>>,
    /// In lower case.
    header: HeaderName,
}

/// What is known of one tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mirrors {
    /// Its annotated arguments; mostly none.
    Valid(Vec<Mirror>),
    /// Its annotations break a rule: clients drop such a tool from the list, and so does the
    /// gateway.
    Invalid,
}

/// What one server's lists said of its tools; bounded.
#[derive(Debug, Default)]
pub struct Known(Mutex<HashMap<Box<str>, Entry>>);

#[derive(Debug)]
struct Entry {
    mirrors: Arc<Mirrors>,
    /// A call contradicted it: the server may have changed its tool.
    doubted: bool,
}

impl Known {
    /// Takes in one tool of a list.
    pub fn learn(&self, name: &str, schema: Option<Value<'_>>) -> Arc<Mirrors> {
        let mirrors = Arc::new(Mirrors::of(schema));
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = Entry { mirrors: Arc::clone(&mirrors), doubted: false };
        match known.get_mut(name) {
            Some(old) => *old = entry,
            None => {
                if known.len() >= MIRRORED_TOOLS_MAX {
                    // Whatever is forgotten is asked for when it is called.
                    let any = known.keys().next().cloned();
                    any.and_then(|any| known.remove(&any));
                }
                known.insert(name.into(), entry);
            }
        }
        mirrors
    }

    /// What is known of a tool, and whether that is in doubt; `None` when no list told.
    #[must_use]
    pub fn of(&self, name: &str) -> Option<(Arc<Mirrors>, bool)> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(name).map(|entry| (Arc::clone(&entry.mirrors), entry.doubted))
    }

    /// Doubts what is known of a tool: the server is asked when it is called again.
    pub fn doubt(&self, name: &str) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = known.get_mut(name) {
            entry.doubted = true;
        }
    }

    /// How many tools are known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether nothing is known yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Mirrors {
    /// The annotations of an `inputSchema`.
    #[must_use]
    pub fn of(schema: Option<Value<'_>>) -> Self {
        let mut found = Vec::new();
        let Some(schema) = schema else { return Self::Valid(found) };
        match collect(schema, &mut Vec::new(), &mut found) {
            Some(()) => Self::Valid(found),
            None => Self::Invalid,
        }
    }

    /// The headers that mirror these arguments, and the check that the caller's say the same.
    ///
    /// MCP 2026-07-28, Streamable HTTP, "Server Behavior for Custom Headers": a header that is
    /// missing while the argument is there, is there while the argument is absent or null, cannot
    /// be decoded or differs answers 400 with −32020. Headers that mirror nothing are ignored.
    ///
    /// # Errors
    /// See [`HeaderError`].
    pub fn verify(
        &self,
        claims: &HeaderMap,
        arguments: Option<Value<'_>>,
    ) -> Result<Vec<(HeaderName, HeaderValue)>, HeaderError> {
        let Self::Valid(mirrors) = self else { return Ok(Vec::new()) };
        let name = NAME;
        let mut out = Vec::with_capacity(mirrors.len());
        for mirror in mirrors {
            let claim = headers::single(claims, &mirror.header, name)?;
            let (claim, argument) = match (claim, mirror.argument(arguments)) {
                (None, None) => continue,
                (Some(_), None) => return Err(HeaderError::Mismatch { name }),
                (None, Some(_)) => return Err(HeaderError::Missing { name }),
                (Some(claim), Some(argument)) => (claim, argument),
            };
            let claim = headers::decode(claim).ok_or(HeaderError::Undecodable { name })?;
            if !says(argument, &claim) {
                return Err(HeaderError::Mismatch { name });
            }
            out.push((mirror.header.clone(), header_of(argument)?));
        }
        Ok(out)
    }

    /// The headers that mirror these arguments, for a call that the gateway rewrote.
    ///
    /// # Errors
    /// [`HeaderError::Mismatch`] and [`HeaderError::Undecodable`] for what no header can say.
    pub fn write(
        &self,
        arguments: Option<Value<'_>>,
    ) -> Result<Vec<(HeaderName, HeaderValue)>, HeaderError> {
        let Self::Valid(mirrors) = self else { return Ok(Vec::new()) };
        let there = mirrors.iter().filter_map(|mirror| Some((mirror, mirror.argument(arguments)?)));
        there.map(|(mirror, argument)| Ok((mirror.header.clone(), header_of(argument)?))).collect()
    }
}

impl Mirror {
    /// The argument, unless it is absent or null.
    fn argument<'a>(&self, arguments: Option<Value<'a>>) -> Option<Value<'a>> {
        let argument = self.path.iter().try_fold(arguments?, |at, step| at.get(step));
        argument.filter(|value| !value.is_null())
    }
}

/// A primitive as a header.
fn header_of(argument: Value<'_>) -> Result<HeaderValue, HeaderError> {
    let name = NAME;
    let value = written(argument).ok_or(HeaderError::Mismatch { name })?;
    HeaderValue::from_str(&value).map_err(|_| HeaderError::Undecodable { name })
}

/// Whether a header field mirrors an argument.
#[must_use]
pub fn mirrors(name: &HeaderName) -> bool {
    name.as_str().starts_with(PREFIX)
}

/// The `Mcp-Param-*` fields of a request, which nobody has looked at yet.
#[must_use]
pub fn claims(headers: &HeaderMap) -> HeaderMap {
    headers.iter().filter(|(name, _)| mirrors(name)).map(|(n, v)| (n.clone(), v.clone())).collect()
}

/// Whether a header's text means this argument. Numbers are compared as numbers (`42.0` is `42`).
fn says(argument: Value<'_>, claim: &str) -> bool {
    match argument.kind() {
        Kind::String => argument.is_str(claim),
        Kind::True => claim == "true",
        Kind::False => claim == "false",
        Kind::Number => match (integer(text(argument)), integer(Some(claim))) {
            (Some(argument), Some(claim)) => argument == claim,
            (Some(_) | None, _) => false,
        },
        Kind::Object | Kind::Array | Kind::Null => false,
    }
}

/// A primitive as a header says it; `None` for what no header can say.
fn written(argument: Value<'_>) -> Option<String> {
    match argument.kind() {
        Kind::String => Some(headers::encode(&argument.as_str()?).into_owned()),
        Kind::True => Some("true".to_owned()),
        Kind::False => Some("false".to_owned()),
        Kind::Number => integer(text(argument)).map(|number| number.to_string()),
        Kind::Object | Kind::Array | Kind::Null => None,
    }
}

fn text(number: Value<'_>) -> Option<&str> {
    std::str::from_utf8(number.raw()).ok()
}

/// The value of a decimal number without a fraction, below 2^53 on both sides.
fn integer(text: Option<&str>) -> Option<i64> {
    let text = text?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let zeros = !fraction.is_empty() && fraction.bytes().all(|b| b == b'0');
    let digits = whole.strip_prefix('-').unwrap_or(whole);
    if !zeros || digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    whole.parse().ok().filter(|number: &i64| number.unsigned_abs() < INTEGER_BOUND)
}

/// Along `properties` alone; `None` at the first annotation that breaks a rule.
fn collect(schema: Value<'_>, path: &mut Vec<Box<str>>, found: &mut Vec<Mirror>) -> Option<()> {
    for (key, value) in schema.members() {
        if !key.is_str("properties") {
            // An annotation below `items`, `allOf` and the like reaches no one argument.
            if annotated(value, 0) && !path_own(&key, path) {
                return None;
            }
            continue;
        }
        for (name, property) in value.members() {
            if path.len() >= MIRRORED_DEPTH_MAX {
                return (!annotated(property, 0)).then_some(());
            }
            path.push(name.as_str()?.into());
            if let Some(annotation) = property.get(ANNOTATION) {
                take(annotation, property, path, found)?;
            }
            collect(property, path, found)?;
            path.pop();
        }
    }
    Some(())
}

/// The annotation itself stands beside `properties`, and was taken by the level above.
fn path_own(key: &Value<'_>, path: &[Box<str>]) -> bool {
    key.is_str(ANNOTATION) && !path.is_empty()
}

fn take(
    annotation: Value<'_>,
    property: Value<'_>,
    path: &[Box<str>],
    found: &mut Vec<Mirror>,
) -> Option<()> {
    let primitive =
        property.get("type").is_some_and(|kind| PRIMITIVES.iter().any(|name| kind.is_str(name)));
    let name = annotation.as_str().filter(|name| !name.is_empty())?;
    // A header name is a token of RFC 9110, which is what the annotation must be.
    let header = HeaderName::from_bytes(format!("{PREFIX}{name}").as_bytes()).ok()?;
    let repeated = found.iter().any(|other| other.header == header);
    if !primitive || repeated || found.len() >= MIRRORED_ARGUMENTS_MAX {
        return None;
    }
    found.push(Mirror { path: path.to_vec(), header });
    Some(())
}

/// Whether an annotation stands anywhere in a schema. The reader bounds the depth.
fn annotated(schema: Value<'_>, depth: usize) -> bool {
    if depth > crate::limits::JSON_DEPTH_MAX {
        return true;
    }
    schema.items().any(|item| annotated(item, depth + 1))
        || schema.members().any(|(key, value)| {
            (key.is_str(ANNOTATION) && value.kind() == Kind::String) || annotated(value, depth + 1)
        })
}

const ANNOTATION: &str = "x-mcp-header";
const PREFIX: &str = "mcp-param-";
/// What errors call all of them.
const NAME: &str = "mcp-param";
const PRIMITIVES: &[&str] = &["string", "integer", "boolean"];
/// Integers that every reader of JSON agrees on.
const INTEGER_BOUND: u64 = 1 << 53;

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderName, HeaderValue};

    use super::super::headers::HeaderError;
    use super::{Known, Mirrors, claims};
    use crate::limits::{MIRRORED_ARGUMENTS_MAX, MIRRORED_DEPTH_MAX, MIRRORED_TOOLS_MAX};
    use crate::mcp::tests::document;

    const SCHEMA: &str = r#"{"type":"object","properties":{
        "region":{"type":"string","x-mcp-header":"Region"},
        "count":{"type":"integer","x-mcp-header":"Count"},
        "dry":{"type":"boolean","x-mcp-header":"Dry"},
        "in":{"type":"object","properties":{"deep":{"type":"string","x-mcp-header":"Deep"}}},
        "note":{"type":"string"}}}"#;

    fn verify(
        arguments: &str,
        sent: &[(&'static str, &str)],
    ) -> Result<Vec<(String, String)>, HeaderError> {
        let mut headers = HeaderMap::new();
        for (name, value) in sent {
            let value = HeaderValue::from_str(value).unwrap();
            headers.append(HeaderName::from_static(name), value);
        }
        let (schema, arguments) = (document(SCHEMA), document(arguments));
        let made =
            Mirrors::of(Some(schema.root())).verify(&claims(&headers), Some(arguments.root()))?;
        Ok(made.iter().map(|(n, v)| (n.to_string(), v.to_str().unwrap().to_owned())).collect())
    }

    const NAME: &str = "mcp-param";

    #[test]
    fn s40_p12_headers_that_say_what_the_arguments_say_are_written_anew() {
        for (arguments, name, sent, made) in [
            (r#"{"region":"eu"}"#, "mcp-param-region", "eu", "eu"),
            (r#"{"region":"eu"}"#, "mcp-param-region", "=?base64?ZXU=?=", "eu"),
            (
                r#"{"region":"Z\u00fcrich"}"#,
                "mcp-param-region",
                "=?base64?WsO8cmljaA==?=",
                "=?base64?WsO8cmljaA==?=",
            ),
            (r#"{"region":"=?base64?ZXU="}"#, "mcp-param-region", "=?base64?ZXU=", "=?base64?ZXU="),
            (r#"{"count":42}"#, "mcp-param-count", "42", "42"),
            (r#"{"count":42}"#, "mcp-param-count", "42.0", "42"),
            (r#"{"count":42.0}"#, "mcp-param-count", "42", "42"),
            (r#"{"count":-7}"#, "mcp-param-count", "-7", "-7"),
            (r#"{"dry":false}"#, "mcp-param-dry", "false", "false"),
            (r#"{"in":{"deep":"x"}}"#, "mcp-param-deep", "x", "x"),
        ] {
            let expected = vec![(name.to_owned(), made.to_owned())];
            assert_eq!(verify(arguments, &[(name, sent)]), Ok(expected), "{arguments} {sent}");
        }
    }

    #[test]
    fn s40_p12_headers_that_contradict_the_arguments_are_refused() {
        for (arguments, name, sent) in [
            (r#"{"region":"eu"}"#, "mcp-param-region", "us"),
            (r#"{"region":"eu"}"#, "mcp-param-region", "EU"),
            (r#"{"region":"eu"}"#, "mcp-param-region", "=?BASE64?ZXU=?="),
            (r#"{"region":null}"#, "mcp-param-region", "null"),
            ("{}", "mcp-param-region", "eu"),
            (r#"{"count":42}"#, "mcp-param-count", "43"),
            (r#"{"count":42}"#, "mcp-param-count", "42.5"),
            (r#"{"count":42}"#, "mcp-param-count", "0x2a"),
            (r#"{"count":9007199254740992}"#, "mcp-param-count", "9007199254740992"),
            (r#"{"count":"42"}"#, "mcp-param-count", "43"),
            (r#"{"dry":true}"#, "mcp-param-dry", "True"),
            (r#"{"region":["eu"]}"#, "mcp-param-region", "eu"),
        ] {
            let error = verify(arguments, &[(name, sent)]).unwrap_err();
            assert_eq!(error, HeaderError::Mismatch { name: NAME }, "{arguments} {sent}");
        }
        let bad =
            |sent| verify(r#"{"region":"Hello"}"#, &[("mcp-param-region", sent)]).unwrap_err();
        for sent in ["=?base64?SGVsbG8?=", "=?base64?SGVs!!!bG8=?="] {
            assert_eq!(bad(sent), HeaderError::Undecodable { name: NAME }, "{sent}");
        }
        assert_eq!(verify(r#"{"region":"eu"}"#, &[]), Err(HeaderError::Missing { name: NAME }));
        let twice = [("mcp-param-region", "eu"), ("mcp-param-region", "eu")];
        assert_eq!(verify(r#"{"region":"eu"}"#, &twice), Err(HeaderError::Repeated { name: NAME }));
    }

    #[test]
    fn unknown_headers_are_ignored_and_not_sent_on() {
        assert_eq!(verify(r#"{"note":"x"}"#, &[("mcp-param-note", "y")]), Ok(Vec::new()));
        assert_eq!(verify("{}", &[("mcp-param-other", "=?base64?!?=")]), Ok(Vec::new()));
    }

    #[test]
    fn s40_annotations_that_break_a_rule_make_the_tool_invalid() {
        for properties in [
            r#""properties":{"a":{"type":"number","x-mcp-header":"A"}}"#,
            r#""properties":{"a":{"x-mcp-header":"A"}}"#,
            r#""properties":{"a":{"type":"object","x-mcp-header":"A"}}"#,
            r#""properties":{"a":{"type":"string","x-mcp-header":""}}"#,
            r#""properties":{"a":{"type":"string","x-mcp-header":"two words"}}"#,
            r#""properties":{"a":{"type":"string","x-mcp-header":7}}"#,
            r#""properties":{"a":{"type":"string","x-mcp-header":"Same"},"b":{"type":"string","x-mcp-header":"same"}}"#,
            r#""properties":{"a":{"type":"array","items":{"type":"string","x-mcp-header":"A"}}}"#,
            r#""allOf":[{"properties":{"a":{"type":"string","x-mcp-header":"A"}}}]"#,
            r#""$defs":{"d":{"type":"string","x-mcp-header":"A"}},"properties":{"a":{"$ref":"\u0023/$defs/d"}}"#,
        ] {
            let schema = document(&format!("{{\"type\":\"object\",{properties}}}"));
            assert_eq!(Mirrors::of(Some(schema.root())), Mirrors::Invalid, "{properties}");
        }
        let plain = document(r#"{"properties":{"a":{"type":"string","default":"x-mcp-header"}}}"#);
        assert_eq!(Mirrors::of(Some(plain.root())), Mirrors::Valid(Vec::new()));
        assert_eq!(Mirrors::of(None), Mirrors::Valid(Vec::new()));
    }

    #[test]
    fn what_is_known_is_bounded() {
        let schema = document(SCHEMA);
        let known = Known::default();
        for number in 0..MIRRORED_TOOLS_MAX + 10 {
            known.learn(&number.to_string(), Some(schema.root()));
        }
        assert_eq!(known.len(), MIRRORED_TOOLS_MAX);
        let many: Vec<_> = (0..=MIRRORED_ARGUMENTS_MAX)
            .map(|n| format!("\"a{n}\":{{\"type\":\"string\",\"x-mcp-header\":\"A{n}\"}}"))
            .collect();
        let many = document(&format!("{{\"properties\":{{{}}}}}", many.join(",")));
        assert_eq!(Mirrors::of(Some(many.root())), Mirrors::Invalid);
        let mut deep = r#"{"type":"string","x-mcp-header":"A"}"#.to_owned();
        for _ in 0..=MIRRORED_DEPTH_MAX {
            deep = format!("{{\"properties\":{{\"a\":{deep}}}}}");
        }
        assert_eq!(Mirrors::of(Some(document(&deep).root())), Mirrors::Invalid);
    }

    #[test]
    fn a_doubted_tool_stays_known_until_a_list_says_more() {
        let known = Known::default();
        let schema = document(SCHEMA);
        known.learn("t", Some(schema.root()));
        assert!(!known.is_empty() && !known.of("t").unwrap().1);
        known.doubt("t");
        let (mirrors, doubted) = known.of("t").unwrap();
        assert!(doubted && *mirrors == Mirrors::of(Some(schema.root())));
        known.learn("t", None);
        assert_eq!(
            known.of("t").unwrap(),
            (std::sync::Arc::new(Mirrors::Valid(Vec::new())), false)
        );
        assert!(known.of("u").is_none());
    }
}
