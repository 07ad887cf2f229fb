//! What of a message its caller may not see, besides what is masked: items of lists, parts of
//! results, words that would tell what is hidden.

use std::collections::{HashMap, HashSet};

use super::Tally;
use super::judge::{Judge, uses_one};
use crate::authz::Chosen;
use crate::call::Action;
use crate::json::{self, Document, Value};
use crate::mcp::catalogue::{self, Edit, Listing};
use crate::mcp::params::Mirrors;
use crate::pins::{Page, Reason};
use crate::reject::{Code, Rejection};

impl Judge {
    /// What a result hides from this caller; whatever depends on the caller is theirs alone.
    pub(super) fn filter(
        &self,
        document: &Document,
        tally: &Tally,
    ) -> Result<Vec<Edit>, Rejection> {
        let Some(result) = document.root().get("result") else { return Ok(Vec::new()) };
        let mut edits = self.results.edits(result)?;
        if let Some(chosen) = &self.view {
            edits.extend(self.cut(chosen, result)?);
        }
        match self.list {
            Some(list) => {
                self.remember(list, result);
                let invalid = self.learn(list, result);
                let quarantined = self.quarantine(list, result, tally);
                let visible = |name: &str| {
                    !invalid.contains(name)
                        && !quarantined.contains_key(name)
                        && match list {
                            Listing::Templates => self.authz.shows_template(self.asker(), name),
                            Listing::Tools | Listing::Resources | Listing::Prompts => {
                                self.authz.visible(self.asker(), used_by(list), name)
                            }
                        }
                };
                edits.extend(catalogue::filter(list, result, visible)?.edits);
                edits.extend(self.results.cursor(list, result)?);
            }
            None if self.revision.is_modern() => {
                edits.extend(catalogue::private_scope(result)?);
            }
            None => {}
        }
        Ok(edits)
    }

    /// What of a tool's result its caller may see. A result that asks back, or stands for a task,
    /// holds no data of the tool; that of a finished task stands inside.
    fn cut(&self, chosen: &Chosen, result: Value<'_>) -> Result<Vec<Edit>, Rejection> {
        let kind = result.get("resultType").and_then(|kind| kind.as_str());
        match kind.as_deref() {
            None | Some("complete") => {}
            Some(_) => return Ok(Vec::new()),
        }
        if *self.operation == *"tools/call" {
            return self.authz.cut_result(self.asker(), chosen, result);
        }
        let inner = result.get("result").filter(|inner| inner.kind() == json::Kind::Object);
        inner.map_or(Ok(Vec::new()), |inner| self.authz.cut_result(self.asker(), chosen, inner))
    }

    /// Remembers which arguments a server wants mirrored, and finds the tools whose annotations
    /// are not valid: modern clients would drop them (S-40).
    fn learn(&self, list: Listing, result: Value<'_>) -> HashSet<Box<str>> {
        let mut invalid = HashSet::new();
        if list != Listing::Tools || !self.revision.is_modern() {
            return invalid;
        }
        for tool in result.get("tools").into_iter().flat_map(|tools| tools.items()) {
            if let Some(name) = tool.get("name").and_then(|name| name.as_str())
                && *self.mirrors.learn(&name, tool.get("inputSchema")) == Mirrors::Invalid
            {
                invalid.insert(name.into());
            }
        }
        invalid
    }

    /// Remembers what the results of tools look like.
    fn remember(&self, list: Listing, result: Value<'_>) {
        let tools = result.get("tools").filter(|_| list == Listing::Tools);
        for tool in tools.into_iter().flat_map(|tools| tools.items()) {
            if let Some(name) = tool.get("name").and_then(|name| name.as_str()) {
                self.outputs.learn(&name, tool.get("outputSchema"));
            }
        }
    }

    /// The tools of a list that are left out for what the server says of them (S-36).
    fn quarantine(
        &self,
        list: Listing,
        result: Value<'_>,
        tally: &Tally,
    ) -> HashMap<Box<str>, Reason> {
        let Some(tools) = result.get("tools").filter(|_| list == Listing::Tools) else {
            return HashMap::new();
        };
        let found = self.pins.page(&Page {
            caller: self.principal.key,
            cursor: self.cursor.as_deref(),
            more: result.get("nextCursor").is_some_and(|next| next.kind() == json::Kind::String),
            tools,
        });
        tally.note(|deeds| deeds.quarantine(&found));
        found.quarantined
    }

    /// The data of an error has no shape that a view could know.
    pub(super) fn without_data(&self, document: &Document) -> Vec<Edit> {
        let mut edits = Vec::new();
        if let (Some(_), Some(error)) = (&self.view, document.root().get("error")) {
            catalogue::keep_members(error, |name| name != "data", &mut edits);
        }
        edits
    }

    /// Where denials are hidden, a server's own words for a name that it does not have would tell
    /// it from one that is hidden.
    pub(super) fn unknown(&self, document: &Document) -> Result<(), Rejection> {
        let code = document.root().get("error").and_then(|error| error.get("code")?.as_i64());
        let says_so = code.is_some_and(|code| NOT_FOUND.contains(&code));
        if says_so && uses_one(self.action) && self.authz.hides() {
            return Err(Rejection::new(Code::NameUnknown, "the server does not know the name"));
        }
        Ok(())
    }
}

/// The action that uses what a list names: hidden is refused, shown is allowed (S-30).
fn used_by(list: Listing) -> Action {
    match list {
        Listing::Tools => Action::ToolsInvoke,
        Listing::Resources | Listing::Templates => Action::ResourcesRead,
        Listing::Prompts => Action::PromptsGet,
    }
}

/// Unknown tools, prompts and, since 2026-07-28, resources; unknown resources before that.
const NOT_FOUND: [i64; 2] = [-32602, -32002];
