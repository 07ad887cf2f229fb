//! List answers, cut down to what their caller may use.
//!
//! Owns the four lists of MCP. Assumes an answer that [`crate::json`] parsed. Guarantees
//! (S-30, S-31): an item that the predicate refuses is gone, every other byte stays, and an answer
//! that cannot be read whole is an error, never a pass.

pub use crate::json::{Edit, apply, keep_items, keep_members};
use crate::json::{Kind, Value, matches_known_member, push_removal};
use crate::reject::{Code, Rejection};

use super::uri::{self, Braces};

/// One of the lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listing {
    /// `tools/list`
    Tools,
    /// `resources/list`
    Resources,
    /// `resources/templates/list`
    Templates,
    /// `prompts/list`
    Prompts,
}

/// What is to be done to a list answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filtered {
    /// The edits, in order and apart.
    pub edits: Vec<Edit>,
    /// How many items stay.
    pub shown: usize,
    /// How many items go.
    pub hidden: usize,
}

/// Why a list cannot be filtered; the answer must not leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CatalogueError {
    /// The result, the list or an item has not the form that the revision prescribes.
    #[error("`{member}` of a list answer is missing or malformed")]
    Unreadable {
        /// What cannot be read.
        member: &'static str,
    },
    /// A member that lenient clients take for the list or for an item's name.
    #[error("a member of a list answer looks like one that is known")]
    Lookalike,
}

impl From<CatalogueError> for Rejection {
    fn from(error: CatalogueError) -> Self {
        Self::new(Code::UpstreamInvalid, error.to_string())
    }
}

impl Listing {
    /// The list that this method asks for.
    #[must_use]
    pub fn of_method(method: &str) -> Option<Self> {
        match method {
            "tools/list" => Some(Self::Tools),
            "resources/list" => Some(Self::Resources),
            "resources/templates/list" => Some(Self::Templates),
            "prompts/list" => Some(Self::Prompts),
            _other => None,
        }
    }

    /// The method that asks for the list.
    #[must_use]
    pub fn method(self) -> &'static str {
        match self {
            Self::Tools => "tools/list",
            Self::Resources => "resources/list",
            Self::Templates => "resources/templates/list",
            Self::Prompts => "prompts/list",
        }
    }

    /// The member of the result that is the list, and the member of an item that names it.
    fn members(self) -> (&'static str, &'static str) {
        match self {
            Self::Tools => ("tools", "name"),
            Self::Resources => ("resources", "uri"),
            Self::Templates => ("resourceTemplates", "uriTemplate"),
            Self::Prompts => ("prompts", "name"),
        }
    }
}

/// What to remove from `result` (the member of the answer) so that only visible items stay.
///
/// The predicate is asked for a tool's or prompt's name, and for the canonical form of a URI or
/// template; a resource whose URI policy could not decide on is hidden, because reading it would
/// be refused. `cacheScope` becomes `private`, since the list is now this caller's own (MCP
/// 2026-07-28, "Caching").
///
/// # Errors
/// See [`CatalogueError`].
pub fn filter(
    listing: Listing,
    result: Value<'_>,
    mut visible: impl FnMut(&str) -> bool,
) -> Result<Filtered, CatalogueError> {
    let (list_member, name_member) = listing.members();
    let unreadable = |member| CatalogueError::Unreadable { member };
    if result.kind() != Kind::Object {
        return Err(unreadable("result"));
    }
    refuse_lookalikes(result, RESULT_MEMBERS)?;
    let list = result.get(list_member).filter(|list| list.kind() == Kind::Array);
    let list = list.ok_or(unreadable(list_member))?;
    let mut filtered = Filtered::default();
    let mut items = list.items().peekable();
    let mut kept_end = None;
    let mut before = None;
    while let Some(item) = items.next() {
        if item.kind() != Kind::Object {
            return Err(unreadable(list_member));
        }
        refuse_lookalikes(item, &[name_member])?;
        let name = item.get(name_member).and_then(|name| name.as_str());
        let name = name.ok_or(unreadable(name_member))?;
        let shown = match listing {
            Listing::Tools | Listing::Prompts => visible(&name),
            Listing::Resources => decided(&name, Braces::Refused, &mut visible),
            Listing::Templates => decided(&name, Braces::Allowed, &mut visible),
        };
        let span = item.span();
        let end = span.end;
        if shown {
            filtered.shown += 1;
            kept_end = Some(end);
        } else {
            filtered.hidden += 1;
            // Behind a kept item the comma before goes with the item, else the comma after.
            let next = items.peek().map(|next| next.span().start);
            let span = match (kept_end, before) {
                (Some(_), Some(before)) => before..end,
                (Some(_) | None, _) => span.start..next.unwrap_or(end),
            };
            push_removal(&mut filtered.edits, span);
        }
        before = Some(end);
    }
    if let Some(edit) = private_scope(result)? {
        let at = filtered.edits.partition_point(|other| other.span.start < edit.span.start);
        filtered.edits.insert(at, edit);
    }
    Ok(filtered)
}

/// Makes the `cacheScope` of a result `private`, where it has one that is not: for every answer
/// that depends on its caller.
///
/// # Errors
/// [`CatalogueError::Unreadable`] when `cacheScope` is no string.
pub fn private_scope(result: Value<'_>) -> Result<Option<Edit>, CatalogueError> {
    let Some(scope) = result.get("cacheScope") else {
        return Ok(None);
    };
    if scope.kind() != Kind::String {
        return Err(CatalogueError::Unreadable { member: "cacheScope" });
    }
    let public = !scope.is_str("private");
    Ok(public.then(|| Edit { span: scope.span(), with: b"\"private\"".into() }))
}

fn decided(uri: &str, braces: Braces, visible: &mut impl FnMut(&str) -> bool) -> bool {
    uri::canonical(uri, braces).is_ok_and(|uri| visible(&uri))
}

fn refuse_lookalikes(object: Value<'_>, known: &[&str]) -> Result<(), CatalogueError> {
    for (key, _) in object.members() {
        if key.as_str().is_none_or(|key| matches_known_member(&key, known)) {
            return Err(CatalogueError::Lookalike);
        }
    }
    Ok(())
}

const RESULT_MEMBERS: &[&str] =
    &["tools", "resources", "resourceTemplates", "prompts", "nextCursor", "cacheScope", "ttlMs"];

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::{CatalogueError, Listing, apply, filter, private_scope};
    use crate::json::Document;
    use crate::mcp::tests::ANSWER_LIMITS;

    fn cut(
        listing: Listing,
        text: &str,
        hidden: &[&str],
    ) -> Result<(String, usize), CatalogueError> {
        let document =
            Document::parse(Bytes::copy_from_slice(text.as_bytes()), &ANSWER_LIMITS).unwrap();
        let filtered = filter(listing, document.root(), |name| !hidden.contains(&name))?;
        let out = apply(document.bytes(), &filtered.edits);
        Ok((String::from_utf8(out.to_vec()).unwrap(), filtered.hidden))
    }

    #[test]
    fn s31_hidden_items_go_and_every_other_byte_stays() {
        let text = r#"{ "x":1e400, "tools": [ {"name":"a"} , {"name":"b","d":[1, 2]},{"name":"c"} ], "nextCursor":"\u0041" }"#;
        for (hidden, list) in [
            (&[][..], r#"[ {"name":"a"} , {"name":"b","d":[1, 2]},{"name":"c"} ]"#),
            (&["a"], r#"[ {"name":"b","d":[1, 2]},{"name":"c"} ]"#),
            (&["b"], r#"[ {"name":"a"},{"name":"c"} ]"#),
            (&["c"], r#"[ {"name":"a"} , {"name":"b","d":[1, 2]} ]"#),
            (&["a", "c"], r#"[ {"name":"b","d":[1, 2]} ]"#),
            (&["b", "c"], r#"[ {"name":"a"} ]"#),
            (&["a", "b"], r#"[ {"name":"c"} ]"#),
            (&["a", "b", "c"], "[  ]"),
        ] {
            let expected = format!(r#"{{ "x":1e400, "tools": {list}, "nextCursor":"\u0041" }}"#);
            assert_eq!(cut(Listing::Tools, text, hidden).unwrap(), (expected, hidden.len()));
        }
    }

    #[test]
    fn s31_escaped_names_are_read_as_what_they_mean() {
        let text = r#"{"prompts":[{"name":"\u0061dmin"},{"name":"b"}]}"#;
        assert_eq!(
            cut(Listing::Prompts, text, &["admin"]).unwrap().0,
            r#"{"prompts":[{"name":"b"}]}"#
        );
    }

    #[test]
    fn s31_unreadable_list_is_an_error() {
        for text in [
            "[]",
            "{}",
            r#"{"tools":{}}"#,
            r#"{"tools":null}"#,
            r#"{"tools":[1]}"#,
            r#"{"tools":[{}]}"#,
            r#"{"tools":[{"name":7}]}"#,
            r#"{"tools":[{"name":"a"},{"title":"b"}]}"#,
            r#"{"tools":[],"cacheScope":1}"#,
        ] {
            let error = cut(Listing::Tools, text, &[]).unwrap_err();
            assert!(matches!(error, CatalogueError::Unreadable { .. }), "{text}");
        }
    }

    #[test]
    fn s31_lookalike_members_are_an_error() {
        for text in [
            r#"{"tools":[],"Tools":[{"name":"admin"}]}"#,
            r#"{"tools":[],"too\u006cs\u0000":[]}"#,
            r#"{"tools":[{"name":"a","NAME":"admin"}]}"#,
            r#"{"tools":[],"cachescope":"public"}"#,
        ] {
            assert_eq!(cut(Listing::Tools, text, &[]), Err(CatalogueError::Lookalike), "{text}");
        }
    }

    #[test]
    fn s32_resources_are_decided_by_canonical_uri() {
        let text = r#"{"resources":[{"uri":"FILE:///a"},{"uri":"file:///p/../a"},{"uri":"x:b"}]}"#;
        let (out, hidden) = cut(Listing::Resources, text, &["file:///a"]).unwrap();
        assert_eq!((out.as_str(), hidden), (r#"{"resources":[{"uri":"x:b"}]}"#, 2));
        let text =
            r#"{"resourceTemplates":[{"uriTemplate":"file:///{+path}"},{"uriTemplate":"x:{y}"}]}"#;
        let (out, _) = cut(Listing::Templates, text, &["file:///{+path}"]).unwrap();
        assert_eq!(out, r#"{"resourceTemplates":[{"uriTemplate":"x:{y}"}]}"#);
    }

    #[test]
    fn s63_filtered_list_is_never_shared() {
        let text = r#"{"cacheScope":"public","tools":[{"name":"a"}]}"#;
        assert_eq!(
            cut(Listing::Tools, text, &["a"]).unwrap().0,
            r#"{"cacheScope":"private","tools":[]}"#
        );
        let text = r#"{"tools":[{"name":"a"}],"cacheScope":"p\u0075blic"}"#;
        assert_eq!(
            cut(Listing::Tools, text, &[]).unwrap().0,
            r#"{"tools":[{"name":"a"}],"cacheScope":"private"}"#
        );
        let text = Bytes::from_static(br#"{"cacheScope":"private"}"#);
        let document = Document::parse(text, &ANSWER_LIMITS).unwrap();
        assert_eq!(private_scope(document.root()), Ok(None));
    }

    #[test]
    fn only_list_methods_have_a_list() {
        assert_eq!(Listing::of_method("tools/list"), Some(Listing::Tools));
        assert_eq!(Listing::of_method("resources/templates/list"), Some(Listing::Templates));
        assert_eq!(Listing::of_method("tools/call"), None);
    }

    proptest! {
        #[test]
        fn what_is_left_is_the_list_without_the_hidden(
            names in prop::collection::vec("[a-d]", 0..8), space in "[ \n]{0,2}",
        ) {
            let items: Vec<_> = names.iter().map(|n| format!("{{{space}\"name\":\"{n}\"}}{space}")).collect();
            let text = format!("{{\"tools\":[{space}{}]}}", items.join(&format!(",{space}")));
            let (out, hidden) = cut(Listing::Tools, &text, &["a", "c"]).unwrap();
            let parsed: serde_json::Value = serde_json::from_str(&out).unwrap();
            let left: Vec<_> = parsed["tools"].as_array().unwrap().iter().map(|t| t["name"].as_str().unwrap()).collect();
            let expected: Vec<_> = names.iter().map(String::as_str).filter(|n| !["a", "c"].contains(n)).collect();
            prop_assert_eq!(hidden, names.len() - expected.len());
            prop_assert_eq!(left, expected);
        }
    }
}
