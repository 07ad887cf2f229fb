//! What was learned as Cedar.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::names::{Uri, uris};
use super::{Done, Group, Kind, LearnError, Learner, Seen, Who};
use crate::limits::{LEARN_CALLERS_MAX, POLICY_BYTES_MAX};

impl Learner {
    /// The policies, with comments for whoever reviews them.
    ///
    /// # Errors
    /// [`LearnError::Bytes`].
    pub fn write(&self) -> Result<String, LearnError> {
        let mut out = String::new();
        let calls: u64 =
            self.groups.iter().filter(|(g, _)| g.is_call()).map(|(_, s)| s.calls).sum();
        let _ = writeln!(
            out,
            "// The least that would have allowed {} of the audit trail.",
            counted(calls, "call")
        );
        out.push_str("// Review it: what should not have happened is learned as well.\n");
        for (why, count) in &self.left_out {
            let _ = writeln!(out, "// Not learned from {}: {why}.", counted(*count, "record"));
        }
        let mut ids = BTreeSet::new();
        for (group, seen) in &self.groups {
            out.push('\n');
            group.write(&mut out, seen, &mut ids);
        }
        if out.len() > POLICY_BYTES_MAX {
            return Err(LearnError::Bytes(POLICY_BYTES_MAX));
        }
        Ok(out)
    }
}

impl Group {
    fn is_call(&self) -> bool {
        match self.done {
            Done::Call(..) => true,
            Done::Reveal(_) => false,
        }
    }

    fn write(&self, out: &mut String, seen: &Seen, ids: &mut BTreeSet<String>) {
        seen.comment(out);
        let mut conditions = self.who.conditions();
        let (action, scope) = match &self.done {
            Done::Call(action, kind) => {
                let scope = on(&self.server, *kind, seen, out, &mut conditions);
                (action.name(), scope)
            }
            Done::Reveal(class) => {
                conditions.push(format!("context.server == {}", entity("Server", &self.server)));
                conditions.push(answering(&self.server, seen));
                ("reveal", format!("resource == {}", entity("Class", class)))
            }
        };
        let _ = writeln!(out, "@id({})", quoted(&self.id(action, ids)));
        let _ = write!(
            out,
            "permit (\n  {},\n  action == {},\n  {scope}\n)",
            self.who.scope(),
            entity("Action", action)
        );
        if !conditions.is_empty() {
            let _ = write!(out, "\nwhen {{\n  {}\n}}", conditions.join("\n  && "));
        }
        out.push_str(";\n");
    }

    /// An id that says what the policy is about.
    fn id(&self, action: &str, ids: &mut BTreeSet<String>) -> String {
        let who = match &self.who {
            Who::Roles(roles) => roles.join("+"),
            Who::Named(_, name) => name.to_string(),
            Who::Unsure(_, subject, _) => subject.to_string(),
            Who::Anonymous => "anonymous".to_owned(),
        };
        let kind = match &self.done {
            Done::Call(_, kind) => kind.word(),
            Done::Reveal(class) => class,
        };
        let text = format!("learned.{}.{action}.{kind}.{who}", self.server);
        let plain = text.chars().map(|c| if c.is_control() { '_' } else { c });
        let mut id = String::new();
        for c in plain {
            if id.len() + c.len_utf8() > ID_BYTES {
                break;
            }
            id.push(c);
        }
        let mut number = 2;
        let mut unique = id.clone();
        while !ids.insert(unique.clone()) {
            unique = format!("{id}#{number}");
            number += 1;
        }
        unique
    }
}

impl Seen {
    fn comment(&self, out: &mut String) {
        let callers = match self.callers.len() {
            LEARN_CALLERS_MAX => format!("{LEARN_CALLERS_MAX} callers or more"),
            count => counted(count as u64, "caller"),
        };
        let _ = write!(out, "// {} by {callers}", counted(self.calls, "call"));
        // A trail is a file: only what is a time goes into a comment as it is.
        let is_time = |text: &str| {
            !text.is_empty()
                && text
                    .bytes()
                    .all(|b| b.is_ascii_digit() || matches!(b, b'-' | b':' | b'.' | b'T' | b'Z'))
        };
        if is_time(&self.first) && is_time(&self.last) {
            let _ = write!(out, ", from {} to {}", self.first, self.last);
        }
        out.push('\n');
    }
}

impl Who {
    fn scope(&self) -> String {
        match self {
            Self::Roles(roles) => match roles.first() {
                Some(role) => format!("principal in {}", entity("Role", role)),
                None => "principal".to_owned(),
            },
            Self::Named(kind, name) => format!("principal == {}", entity(kind, name)),
            Self::Unsure(..) => "principal".to_owned(),
            Self::Anonymous => "principal is Anonymous".to_owned(),
        }
    }

    fn conditions(&self) -> Vec<String> {
        match self {
            Self::Roles(roles) => {
                let more = roles.iter().skip(1);
                more.map(|role| format!("principal in {}", entity("Role", role))).collect()
            }
            Self::Unsure(issuer, subject, method) => vec![
                format!("principal.issuer == {}", quoted(issuer)),
                format!("principal.subject == {}", quoted(subject)),
                format!("principal.method == {}", quoted(method)),
            ],
            Self::Named(..) | Self::Anonymous => Vec::new(),
        }
    }
}

impl Kind {
    /// Its type in policies.
    fn word(self) -> &'static str {
        match self {
            Self::Server => "Server",
            Self::Tool => "Tool",
            Self::Resource => "Resource",
            Self::Prompt => "Prompt",
            Self::Namespace => "Namespace",
        }
    }
}

/// The scope for what calls were about; what does not fit into one becomes a condition.
fn on(
    server: &str,
    kind: Kind,
    seen: &Seen,
    out: &mut String,
    conditions: &mut Vec<String>,
) -> String {
    let word = kind.word();
    if kind == Kind::Server {
        return format!("resource == {}", entity("Server", server));
    }
    let full = |name: &str| entity(word, &format!("{server}/{name}"));
    let mut names = seen.names.keys();
    if let (Some(only), None) = (names.next(), names.next()) {
        return format!("resource == {}", full(only));
    }
    let all = seen.names.keys().map(AsRef::as_ref);
    let (mut exact, mut patterns) = (Vec::new(), Vec::new());
    if kind == Kind::Resource {
        for (uri, count) in uris(all) {
            match uri {
                Uri::Exact(uri) => exact.push(full(&uri)),
                Uri::Below(beginning) => {
                    let pattern = pattern(&beginning);
                    let _ = writeln!(out, "// {pattern} stands for {}.", counted(count, "URI"));
                    patterns.push(format!("resource.uri like {pattern}"));
                }
            }
        }
    } else {
        exact.extend(all.map(full));
    }
    let mut tests = patterns;
    if !exact.is_empty() {
        tests.insert(0, format!("[\n    {}\n  ].contains(resource)", exact.join(",\n    ")));
    }
    let either = tests.join("\n    || ");
    conditions.push(if tests.len() > 1 { format!("({either})") } else { either });
    format!("resource is {word} in {}", entity("Server", server))
}

/// In whose answers a class was shown.
fn answering(server: &str, seen: &Seen) -> String {
    let tools = seen.names.keys().filter(|name| !name.is_empty());
    let tools: Vec<String> =
        tools.map(|name| entity("Tool", &format!("{server}/{name}"))).collect();
    let others = seen.names.contains_key("").then(|| "!(context has tool)".to_owned());
    let listed = (!tools.is_empty()).then(|| {
        format!("context has tool && [\n    {}\n  ].contains(context.tool)", tools.join(",\n    "))
    });
    match (others, listed) {
        (Some(others), Some(listed)) => format!("({others} || ({listed}))"),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => "false".to_owned(),
    }
}

fn entity(kind: &str, name: &str) -> String {
    format!("{kind}::{}", quoted(name))
}

/// A string literal in which nothing is unseen: whoever reviews it must not be fooled.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_ascii_graphic() || c == ' ' || c.is_alphanumeric() => out.push(c),
            c => {
                let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
            }
        }
    }
    out.push('"');
    out
}

/// A pattern for what begins so: a star of the text is itself.
fn pattern(beginning: &str) -> String {
    let text = quoted(beginning).replace('*', "\\*");
    format!("{}*\"", text.strip_suffix('"').unwrap_or(&text))
}

fn counted(count: u64, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// With room for a number behind it.
const ID_BYTES: usize = 120;
