//! What stands in what: roles in roles, groups in roles, tools in sets.
//!
//! Owns the form of the entities file. Pure. Guarantees: no circle, bounded numbers, every mistake
//! told with its name.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use serde::Deserialize;

use crate::glob::Glob;
use crate::limits::{ENTITIES_BYTES_MAX, ENTITIES_MAX};

/// What stands in what.
#[derive(Debug, Clone, Default)]
pub struct Hierarchy {
    /// The roles in which a role stands, directly.
    roles: HashMap<Arc<str>, Vec<Arc<str>>>,
    /// The roles that a group gives.
    groups: HashMap<Arc<str>, Vec<Arc<str>>>,
    /// Sets of tools, with patterns over `<server>/<name>`.
    tool_sets: Vec<(Arc<str>, Vec<Glob>)>,
    /// The classes of each set.
    class_sets: Vec<(Arc<str>, Vec<Box<str>>)>,
}

/// Why an entities file cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct HierarchyError {
    /// What is wrong.
    pub message: String,
    /// Line, from 1; 1 where none can be told.
    pub line: usize,
    /// Column, from 1.
    pub column: usize,
}

/// The file as it is typed.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Typed {
    #[serde(default)]
    roles: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    groups: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    tool_sets: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    class_sets: BTreeMap<String, Vec<String>>,
}

impl Hierarchy {
    /// Reads an entities file.
    ///
    /// # Errors
    /// The first mistake.
    pub fn read(text: &str) -> Result<Self, HierarchyError> {
        let wrong = |message: String| HierarchyError { message, line: 1, column: 1 };
        if text.len() > ENTITIES_BYTES_MAX {
            return Err(wrong(format!("an entities file larger than {ENTITIES_BYTES_MAX} bytes")));
        }
        // Counted before it is parsed: a reader of YAML has bounds of its own, and says less.
        if let Some((line, _)) = text.lines().enumerate().nth(ENTITIES_MAX) {
            let message =
                format!("more than {ENTITIES_MAX} names; groups of the issuer's own are cheaper");
            return Err(HierarchyError { message, line: line + 1, column: 1 });
        }
        let typed: Typed = match serde_saphyr::from_str(text) {
            Ok(typed) => typed,
            Err(error) => {
                let at = error.location();
                let line = at.map_or(1, |at| usize::try_from(at.line()).unwrap_or(1));
                let column = at.map_or(1, |at| usize::try_from(at.column()).unwrap_or(1));
                let message = error.to_string();
                let message = message.lines().next().unwrap_or_default().to_owned();
                return Err(HierarchyError { message, line, column });
            }
        };
        typed.meant().map_err(|(name, message)| {
            let line = text.lines().position(|line| line.contains(&name)).map_or(1, |at| at + 1);
            HierarchyError { message, line, column: 1 }
        })
    }

    /// All roles of a caller: those held, those that groups give, and those in which they stand.
    #[must_use]
    pub fn roles<'a>(&'a self, held: &'a [Arc<str>], groups: &'a [Arc<str>]) -> Vec<&'a str> {
        let given = groups.iter().filter_map(|group| self.groups.get(group)).flatten();
        let mut open: Vec<&str> = held.iter().chain(given).map(AsRef::as_ref).collect();
        let mut all = HashSet::new();
        let mut order = Vec::new();
        // Each role is entered once, so that the walk is bounded by their number.
        while let Some(role) = open.pop() {
            if all.insert(role) {
                order.push(role);
                open.extend(self.roles.get(role).into_iter().flatten().map(AsRef::as_ref));
            }
        }
        order
    }

    /// The sets that hold a tool, by `<server>/<name>`.
    pub fn tool_sets<'a>(&'a self, tool: &'a str) -> impl Iterator<Item = &'a str> {
        let holds = |globs: &[Glob]| globs.iter().any(|glob| glob.matches(tool));
        self.tool_sets.iter().filter(move |(_, globs)| holds(globs)).map(|(name, _)| name.as_ref())
    }

    /// The sets that hold a class.
    pub fn class_sets<'a>(&'a self, class: &'a str) -> impl Iterator<Item = &'a str> {
        let holds = |classes: &[Box<str>]| classes.iter().any(|one| **one == *class);
        self.class_sets.iter().filter(move |(_, of)| holds(of)).map(|(name, _)| name.as_ref())
    }

    /// Names of the groups that give roles.
    pub fn group_names(&self) -> impl Iterator<Item = &str> {
        self.groups.keys().map(AsRef::as_ref)
    }

    /// Names of the sets of tools.
    pub fn tool_set_names(&self) -> impl Iterator<Item = &str> {
        self.tool_sets.iter().map(|(name, _)| name.as_ref())
    }

    /// Names of the sets of classes.
    pub fn class_set_names(&self) -> impl Iterator<Item = &str> {
        self.class_sets.iter().map(|(name, _)| name.as_ref())
    }
}

impl Typed {
    fn meant(self) -> Result<Hierarchy, (String, String)> {
        let Self { roles, groups, tool_sets, class_sets } = self;
        let all = [&roles, &groups, &tool_sets, &class_sets];
        let names: usize = all.iter().flat_map(|map| map.values()).map(|of| of.len() + 1).sum();
        if names > ENTITIES_MAX {
            let message =
                format!("more than {ENTITIES_MAX} names; groups of the issuer's own are cheaper");
            return Err((String::new(), message));
        }
        for name in
            all.iter().flat_map(|map| map.iter()).flat_map(|(name, of)| of.iter().chain([name]))
        {
            let blank = name.trim() != name || name.chars().any(char::is_control);
            if name.is_empty() || blank || name.len() > crate::limits::URI_BYTES_MAX {
                return Err((name.clone(), format!("`{}` is not a name", name.escape_debug())));
            }
        }
        for (set, patterns) in &tool_sets {
            if let Some(pattern) = patterns.iter().find(|pattern| !pattern.contains('/')) {
                let message =
                    format!("`{pattern}` in `{set}` names no server: write `server/tool`");
                return Err((pattern.clone(), message));
            }
        }
        let shared = |map: BTreeMap<String, Vec<String>>| -> HashMap<Arc<str>, Vec<Arc<str>>> {
            let list = |of: Vec<String>| of.into_iter().map(Arc::from).collect();
            map.into_iter().map(|(name, of)| (Arc::from(name), list(of))).collect()
        };
        let hierarchy = Hierarchy {
            roles: shared(roles),
            groups: shared(groups),
            tool_sets: tool_sets
                .into_iter()
                .map(|(name, of)| (name.into(), of.iter().map(|one| Glob::new(one)).collect()))
                .collect(),
            class_sets: class_sets
                .into_iter()
                .map(|(name, of)| (name.into(), of.into_iter().map(Box::from).collect()))
                .collect(),
        };
        match hierarchy.circle() {
            Some(role) => Err((role.to_string(), format!("role `{role}` stands in itself"))),
            None => Ok(hierarchy),
        }
    }
}

impl Hierarchy {
    /// A role that stands in itself. Roles that stand in nothing open are taken away until none is
    /// left, or only circles and what leads to them.
    fn circle(&self) -> Option<Arc<str>> {
        let mut above: HashMap<&str, usize> = HashMap::new();
        let mut below: HashMap<&str, Vec<&str>> = HashMap::new();
        for (role, parents) in &self.roles {
            *above.entry(role).or_default() += parents.len();
            for parent in parents {
                above.entry(parent).or_default();
                below.entry(parent).or_default().push(role);
            }
        }
        let mut free: Vec<&str> =
            above.iter().filter(|(_, open)| **open == 0).map(|(role, _)| *role).collect();
        while let Some(role) = free.pop() {
            above.remove(role);
            for child in below.get(role).into_iter().flatten() {
                if let Some(open) = above.get_mut(child) {
                    *open = open.saturating_sub(1);
                    if *open == 0 {
                        free.push(child);
                    }
                }
            }
        }
        above.keys().min().map(|role| Arc::from(*role))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::Hierarchy;
    use crate::limits::{ENTITIES_BYTES_MAX, ENTITIES_MAX};

    fn names(of: &[&str]) -> Vec<Arc<str>> {
        of.iter().copied().map(Arc::from).collect()
    }

    #[test]
    fn roles_stand_in_roles_and_groups_give_them() {
        let file = "roles:\n  manager: [support]\n  support: [reader]\ngroups:\n  ops: [manager]\n";
        let hierarchy = Hierarchy::read(file).unwrap();
        let (held, groups) = (names(&["x"]), names(&["ops", "y"]));
        let mut roles = hierarchy.roles(&held, &groups);
        roles.sort_unstable();
        assert_eq!(roles, ["manager", "reader", "support", "x"]);
        assert_eq!(hierarchy.roles(&names(&["reader"]), &[]), ["reader"]);
    }

    #[test]
    fn sets_hold_tools_by_pattern() {
        let file = "tool_sets:\n  reads: [crm/get_*, crm/list]\n  all: ['*/*']\n";
        let hierarchy = Hierarchy::read(file).unwrap();
        let of = |tool: &str| hierarchy.tool_sets(tool).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(of("crm/get_x"), ["all", "reads"]);
        assert_eq!(of("notes/get_x"), ["all"]);
    }

    #[test]
    fn mistakes_are_told_with_their_line() {
        for (file, line, says) in [
            ("roles:\n  a: [b]\n  b: [a]\n", 2, "stands in itself"),
            ("tool_sets:\n  a: [get]\n", 2, "names no server"),
            ("rolls: {}\n", 1, "rolls"),
            ("roles:\n  a: 5\n", 2, ""),
            ("roles: {a: [\"\"]}", 1, "not a name"),
        ] {
            let error = Hierarchy::read(file).unwrap_err();
            assert!(error.message.contains(says), "{file}: {error}");
            assert_eq!(error.line, line, "{file}: {error}");
        }
    }

    #[test]
    fn file_of_more_than_entities_max_is_refused_and_one_below_is_fast() {
        let file = |count: usize| {
            let roles = (0..count).map(|n| format!("  role-{n}: [all]\n")).collect::<String>();
            format!("roles:\n{roles}")
        };
        let error = Hierarchy::read(&file(100_000)).unwrap_err();
        assert!(error.message.contains(&ENTITIES_MAX.to_string()), "{error}");
        let hierarchy = Hierarchy::read(&file(ENTITIES_MAX / 2 - 1)).unwrap();
        assert_eq!(hierarchy.roles(&names(&["role-7"]), &[]), ["role-7", "all"]);
        assert!(Hierarchy::read(&" ".repeat(ENTITIES_BYTES_MAX + 1)).is_err());
    }
}
