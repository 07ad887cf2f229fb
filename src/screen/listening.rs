//! The stream of `subscriptions/listen`: what was asked for, and nothing else.
//!
//! Assumes that the request gate judged every resource and task of the filter. Guarantees
//! (checklist 18, S-37): the acknowledgement comes first and grants no more than was asked; each
//! message after it bears the subscription's id, is of a type that was asked for, and names a
//! resource or task of the filter; task ids leave as the caller's own tickets.

use std::collections::{HashMap, HashSet};

use super::invalid;
use super::results::{Results, put};
use crate::call::{Action, Resource};
use crate::json::{Document, Value};
use crate::mcp::catalogue::Edit;
use crate::mcp::message::Message;
use crate::mcp::uri::{self, Braces};
use crate::record::Recorded;
use crate::reject::Rejection;

/// A filter that was granted, and whether the server said so.
#[derive(Debug)]
pub(super) struct Listening {
    acknowledged: bool,
    /// The members of the filter that are `true`.
    types: Vec<Box<str>>,
    /// Canonical URIs.
    resources: HashSet<Box<str>>,
    /// The server's own ids, and the tools that made them.
    tasks: HashMap<Box<str>, Box<str>>,
    /// The id of the request, which is that of the subscription.
    id: Box<[u8]>,
}

/// What becomes of a message on this stream.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// It leaves, with these edits.
    Leaves(Vec<Edit>),
    /// It does not.
    Dropped(&'static str),
}

impl Listening {
    /// `None` when the request opens no such stream.
    pub(super) fn new(request: &Recorded) -> Option<Self> {
        let call = request.call();
        if &*call.operation != "subscriptions/listen" {
            return None;
        }
        let filter =
            call.message.as_ref()?.root().get("params").and_then(|p| p.get("notifications"));
        let types = filter.into_iter().flat_map(|filter| filter.members());
        let types = types.filter(|(_, wanted)| wanted.as_bool() == Some(true));
        let first = std::iter::once((&call.action, &call.resource));
        let all = first.chain(call.also.iter().map(|(action, resource)| (action, resource)));
        let (mut resources, mut tools) = (HashSet::new(), Vec::new());
        for pair in all {
            match pair {
                (Action::ResourcesSubscribe, Resource::Uri(uri)) => {
                    resources.insert(uri.clone());
                }
                (Action::ToolsInvoke, Resource::Tool(tool)) => tools.push(tool.clone()),
                (_, _) => {}
            }
        }
        let ids = filter.and_then(|filter| filter.get("taskIds"));
        let ids = ids.into_iter().flat_map(|ids| ids.items());
        let ids = ids.filter_map(|id| Some(Box::from(id.as_str()?)));
        Some(Self {
            acknowledged: false,
            types: types.filter_map(|(name, _)| Some(Box::from(name.as_str()?))).collect(),
            resources,
            tasks: ids.zip(tools).collect(),
            id: request.rpc_id().map(|id| id.as_ref().into()).unwrap_or_default(),
        })
    }

    /// Judges one notification of the server.
    ///
    /// # Errors
    /// When the acknowledgement grants what was not asked for.
    pub(super) fn hears(
        &mut self,
        document: &Document,
        message: &Message,
        results: &Results,
    ) -> Result<Heard, Rejection> {
        let params = document.root().get("params");
        let tag = params.and_then(|params| params.get("_meta")?.get(SUBSCRIPTION));
        if !tag.is_some_and(|tag| self.is_ours(tag)) {
            return Ok(Heard::Dropped("foreign_subscription"));
        }
        if message.method() == ACKNOWLEDGED {
            if self.acknowledged {
                return Ok(Heard::Dropped("second_acknowledgement"));
            }
            self.acknowledged = true;
            return self.acknowledgement(params, results).map(Heard::Leaves);
        }
        if !self.acknowledged {
            return Ok(Heard::Dropped("before_acknowledgement"));
        }
        let unasked = Ok(Heard::Dropped("not_subscribed"));
        let asked = |member: &str| self.types.iter().any(|wanted| **wanted == *member);
        match message.method() {
            "notifications/tools/list_changed" if asked("toolsListChanged") => {}
            "notifications/prompts/list_changed" if asked("promptsListChanged") => {}
            "notifications/resources/list_changed" if asked("resourcesListChanged") => {}
            "notifications/resources/updated" => {
                let uri = params.and_then(|params| params.get("uri")?.as_str());
                if !uri.is_some_and(|uri| self.covers(&uri)) {
                    return unasked;
                }
            }
            "notifications/tasks" => return self.task(params, results),
            "notifications/cancelled" => {
                let ended = params.and_then(|params| params.get("requestId"));
                if !ended.is_some_and(|id| self.is_ours(id)) {
                    return unasked;
                }
            }
            _other => return unasked,
        }
        Ok(Heard::Leaves(Vec::new()))
    }

    /// The server may grant less than was asked for, and no more.
    fn acknowledgement(
        &self,
        params: Option<Value<'_>>,
        results: &Results,
    ) -> Result<Vec<Edit>, Rejection> {
        let mut edits = Vec::new();
        let granted = params.and_then(|params| params.get("notifications"));
        for (name, value) in granted.into_iter().flat_map(|granted| granted.members()) {
            let name = name.as_str().unwrap_or_default();
            let within = match &*name {
                "resourceSubscriptions" => {
                    value.items().all(|uri| uri.as_str().is_some_and(|uri| self.covers(&uri)))
                }
                "taskIds" => {
                    for id in value.items() {
                        edits.push(self.ticket(id, results)?);
                    }
                    true
                }
                wanted => {
                    value.as_bool() != Some(true) || self.types.iter().any(|own| **own == *wanted)
                }
            };
            if !within {
                return Err(invalid("an acknowledgement of more than was asked for"));
            }
        }
        Ok(edits)
    }

    fn task(&self, params: Option<Value<'_>>, results: &Results) -> Result<Heard, Rejection> {
        let id = params.and_then(|params| params.get("taskId"));
        let (Some(params), Some(id)) = (params, id) else { return Ok(Heard::Dropped("no_task")) };
        if !id.as_str().is_some_and(|id| self.tasks.contains_key(&*id)) {
            return Ok(Heard::Dropped("not_subscribed"));
        }
        results.asked(params)?;
        Ok(Heard::Leaves(vec![self.ticket(id, results)?]))
    }

    fn ticket(&self, id: Value<'_>, results: &Results) -> Result<Edit, Rejection> {
        let text = id.as_str().unwrap_or_default();
        let tool = self.tasks.get(&*text);
        let tool = tool.ok_or_else(|| invalid("a task that was not asked for"))?;
        Ok(put(id, &results.ticket(tool, &text)?))
    }

    fn covers(&self, uri: &str) -> bool {
        uri::canonical(uri, Braces::Refused).is_ok_and(|uri| self.resources.contains(&*uri))
    }

    /// Whether this value is the id of the request, as it was written or as a string of it.
    fn is_ours(&self, value: Value<'_>) -> bool {
        value.raw() == &*self.id || value.as_str().is_some_and(|text| text.as_bytes() == &*self.id)
    }
}

const ACKNOWLEDGED: &str = "notifications/subscriptions/acknowledged";
const SUBSCRIPTION: &str = "io.modelcontextprotocol/subscriptionId";
