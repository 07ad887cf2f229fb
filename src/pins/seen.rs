//! What one server said of its tools; bounded, and nobody's opinion.
//!
//! Two memories. *Tools*: of each name the definition that was shown last. *Lists*: of each
//! caller's list that is being read page by page, which names stood on which page, so that a name
//! that stands twice is found across pages. A list begins anew with its first page.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_lc_rs::digest;

use super::look::look_alike;
use super::waiting::{Told, Waiting};
use super::{Page, Reason};
use crate::config::ToolHash;
use crate::inspect::hidden;
use crate::json::{Kind, Value};
use crate::limits::{LISTED_TOOLS_MAX, PIN_LISTS_MAX, PINNED_TOOLS_MAX, TOOL_VARIANTS_MAX};
use crate::principal::PrincipalKey;

/// What one server showed of its tools.
#[derive(Debug, Default)]
pub struct Seen {
    state: Mutex<State>,
    pages: RandomState,
}

/// The last definition of one tool.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) hash: ToolHash,
    /// Whether it holds text that people do not see.
    pub(super) hidden: bool,
    pub(super) copies: Copies,
    /// Whether another name of the list looks the same.
    pub(super) twin: bool,
    /// What was told of it last.
    pub(super) reported: Option<(Reason, ToolHash)>,
    /// SHA-256 of the text that was read last: a text that comes again is not read again.
    raw: [u8; 32],
    /// Definitions of this name that were seen before.
    variants: Vec<ToolHash>,
    age: u64,
}

/// How often a name stands in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Copies {
    One,
    /// Twice on one page, with one definition.
    Same,
    /// With different definitions.
    Differ,
}

/// One tool of a page, or one of an earlier page that this page brought into question.
pub(super) struct Shown<'a> {
    pub(super) name: &'a str,
    pub(super) entry: &'a mut Entry,
    pub(super) on_page: bool,
    /// Whether this definition was never seen, though another one was.
    pub(super) changed: bool,
}

#[derive(Debug, Default)]
struct State {
    tools: HashMap<Arc<str>, Entry>,
    lists: HashMap<PrincipalKey, List>,
    waiting: Waiting,
    age: u64,
}

/// The pages of one caller's list so far.
#[derive(Debug, Default)]
struct List {
    names: HashMap<Arc<str>, Listed>,
    forms: HashMap<String, Arc<str>>,
    age: u64,
}

#[derive(Debug)]
struct Listed {
    page: u64,
    hash: ToolHash,
    copies: Copies,
    twin: bool,
}

/// One tool of a page, read.
struct Read<'a> {
    name: Arc<str>,
    tool: Value<'a>,
    raw: [u8; 32],
    hash: ToolHash,
    hidden: bool,
}

impl Seen {
    /// Takes in a page. `judge` is asked about each tool of it, and about earlier ones that it
    /// brought into question; what it returns says since when the definition waits for approval.
    /// The names that are returned were too many.
    pub(super) fn take_in(
        &self,
        page: &Page<'_>,
        mut judge: impl FnMut(Shown<'_>) -> Option<(Reason, u64)>,
    ) -> HashSet<Arc<str>> {
        let read = self.read(page.tools);
        let number = page.cursor.map_or(0, |cursor| self.pages.hash_one(cursor));
        let mut state = self.state();
        let State { tools, lists, waiting, age } = &mut *state;
        *age += 1;
        let list = list_of(lists, page, *age);
        let (crowded, questioned) = list.enter(&read, number);
        let mut changed: HashSet<&str> = HashSet::new();
        for tool in &read {
            match list.names.get(&tool.name) {
                Some(listed) if remember(tools, tool, listed, *age) => {
                    changed.insert(&tool.name);
                }
                Some(_) => {}
                None => {
                    tools.remove(&tool.name);
                }
            }
        }
        list.mark(tools, &questioned, page.more);
        let mut asked: HashSet<&str> = HashSet::new();
        for tool in &read {
            asked.insert(&tool.name);
            let Some(entry) = tools.get_mut(&tool.name) else { continue };
            let changed = changed.contains(&*tool.name);
            let shown = Shown { name: &tool.name, entry, on_page: true, changed };
            if let Some((reason, since)) = judge(shown) {
                let told = Told { name: &tool.name, hash: tool.hash, reason, since };
                waiting.add(&told, tool.tool);
            }
        }
        for name in questioned.iter().filter(|name| !asked.contains(&***name)) {
            let Some(entry) = tools.get_mut(name) else { continue };
            judge(Shown { name, entry, on_page: false, changed: false });
        }
        crowded
    }

    /// What `judge` says of the last definition of a tool; `None` when no list showed one.
    pub(super) fn last<T>(&self, tool: &str, judge: impl FnOnce(&Entry) -> T) -> Option<T> {
        self.state().tools.get(tool).map(judge)
    }

    /// What waits for approval, when that changed since the last call.
    pub(super) fn waiting_if_changed(&self) -> Option<Vec<crate::config::pins::Waiting>> {
        self.state().waiting.if_changed()
    }

    /// Of how many tools something is known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.state().tools.len()
    }

    /// Whether no list was seen.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Reads the tools of a page; what was read before is known by its text.
    fn read<'a>(&self, tools: Value<'a>) -> Vec<Read<'a>> {
        let named = |tool: Value<'a>| Some((Arc::<str>::from(tool.get("name")?.as_str()?), tool));
        let mut read = Vec::new();
        for (name, tool) in tools.items().filter_map(named) {
            let raw = sha256(tool.raw());
            let known =
                self.last(&name, |entry| (entry.raw == raw).then_some((entry.hash, entry.hidden)));
            let (hash, hidden) =
                known.flatten().unwrap_or_else(|| (ToolHash::of(tool), hides_in_tool(&name, tool)));
            read.push(Read { name, tool, raw, hash, hidden });
        }
        read
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(super) fn lists(&self) -> usize {
        self.state().lists.len()
    }
}

impl List {
    /// Enters the tools of a page. Says which were too many, and which names stand in question now.
    fn enter(&mut self, read: &[Read<'_>], page: u64) -> (HashSet<Arc<str>>, HashSet<Arc<str>>) {
        let (mut crowded, mut questioned) = (HashSet::new(), HashSet::new());
        let mut here: HashSet<&str> = HashSet::new();
        for tool in read {
            let again = !here.insert(&tool.name);
            let full = self.names.len() >= LISTED_TOOLS_MAX;
            match self.names.get_mut(&tool.name) {
                Some(listed) => {
                    if listed.hash != tool.hash && (again || listed.page != page) {
                        listed.copies = Copies::Differ;
                    } else if again {
                        listed.copies = listed.copies.max(Copies::Same);
                    }
                    // The same definition on another page: the list moved while it was read.
                    (listed.hash, listed.page) = (tool.hash, page);
                    if listed.copies > Copies::One {
                        questioned.insert(Arc::clone(&tool.name));
                    }
                }
                None if full => {
                    crowded.insert(Arc::clone(&tool.name));
                    continue;
                }
                None => {
                    let (hash, copies, twin) = (tool.hash, Copies::One, false);
                    self.names.insert(Arc::clone(&tool.name), Listed { page, hash, copies, twin });
                }
            }
            let form = look_alike(&tool.name);
            let first = self.forms.entry(form).or_insert_with(|| Arc::clone(&tool.name));
            if *first != tool.name {
                for name in [Arc::clone(first), Arc::clone(&tool.name)] {
                    if let Some(listed) = self.names.get_mut(&name) {
                        listed.twin = true;
                    }
                    questioned.insert(name);
                }
            }
        }
        (crowded, questioned)
    }

    /// Carries what stands in question over to the tools. Only a whole list takes it back: between
    /// two pages of the next reading nothing is forgotten.
    fn mark(
        &self,
        tools: &mut HashMap<Arc<str>, Entry>,
        questioned: &HashSet<Arc<str>>,
        more: bool,
    ) {
        for name in questioned {
            if let (Some(entry), Some(listed)) = (tools.get_mut(name), self.names.get(name)) {
                entry.copies = entry.copies.max(listed.copies);
                entry.twin |= listed.twin;
            }
        }
        if more {
            return;
        }
        for (name, listed) in &self.names {
            if let Some(entry) = tools.get_mut(name) {
                (entry.copies, entry.twin) = (listed.copies, listed.twin);
            }
        }
    }
}

/// The list to which a page belongs.
fn list_of<'l>(
    lists: &'l mut HashMap<PrincipalKey, List>,
    page: &Page<'_>,
    age: u64,
) -> &'l mut List {
    if page.cursor.is_none() {
        lists.remove(&page.caller);
    }
    if lists.len() >= PIN_LISTS_MAX && !lists.contains_key(&page.caller) {
        let oldest = lists.iter().min_by_key(|(_, list)| list.age).map(|(caller, _)| *caller);
        oldest.and_then(|caller| lists.remove(&caller));
    }
    let list = lists.entry(page.caller).or_default();
    list.age = age;
    list
}

/// Remembers the last definition of a tool. Says whether it is a change that was never seen.
fn remember(
    tools: &mut HashMap<Arc<str>, Entry>,
    tool: &Read<'_>,
    listed: &Listed,
    age: u64,
) -> bool {
    if let Some(entry) = tools.get_mut(&tool.name) {
        let new = !entry.variants.contains(&tool.hash);
        if new {
            if entry.variants.len() >= TOOL_VARIANTS_MAX {
                entry.variants.remove(0);
            }
            entry.variants.push(tool.hash);
        }
        (entry.hash, entry.raw, entry.hidden) = (tool.hash, tool.raw, tool.hidden);
        entry.age = age;
        return new;
    }
    if tools.len() >= PINNED_TOOLS_MAX {
        forget(tools);
    }
    let entry = Entry {
        hash: tool.hash,
        hidden: tool.hidden,
        copies: listed.copies,
        twin: listed.twin,
        reported: None,
        raw: tool.raw,
        variants: vec![tool.hash],
        age,
    };
    tools.insert(Arc::clone(&tool.name), entry);
    false
}

/// Forgets an eighth of the tools, so that a server with ever new names does not cost a search for
/// each of them. Whatever is forgotten is asked for when it is called; what is quarantined goes
/// last, and then what is old goes first.
fn forget(tools: &mut HashMap<Arc<str>, Entry>) {
    let order = |entry: &Entry| (entry.reported.is_some(), entry.age);
    let mut orders: Vec<(bool, u64)> = tools.values().map(order).collect();
    let (_, last, _) = orders.select_nth_unstable(tools.len() / 8);
    let (last, mut room) = (*last, tools.len() / 8);
    tools.retain(|_, entry| {
        let goes = room > 0 && order(entry) <= last;
        room -= usize::from(goes);
        !goes
    });
}

/// Whether any text of a definition hides something, names of members among them.
fn hides_in_tool(name: &str, tool: Value<'_>) -> bool {
    hidden::hides_in_name(name) || hides(tool)
}

/// The reader bounds the depth.
fn hides(value: Value<'_>) -> bool {
    match value.kind() {
        Kind::String => value.as_str().is_none_or(|text| hidden::hides_in_definition(&text)),
        Kind::Array => value.items().any(hides),
        Kind::Object => value.members().any(|(name, member)| hides(name) || hides(member)),
        Kind::Number | Kind::True | Kind::False | Kind::Null => false,
    }
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    let made = digest::digest(&digest::SHA256, bytes);
    hash.iter_mut().zip(made.as_ref()).for_each(|(to, from)| *to = *from);
    hash
}
