//! Policy texts: where each policy begins, what its annotations say, what it looks at.
//!
//! Pure. Guarantees: a text yields policies only if all of it parses; every mistake is told with
//! file, line and column; an annotation that means nothing is a mistake, because its author
//! believes that it does something.

use std::collections::BTreeSet;
use std::ops::Range;
use std::str::FromStr as _;
use std::sync::Arc;

use cedar_policy::{Effect, Policy, PolicyId, Template};
use miette::Diagnostic;
use serde_json::Value;

use super::expr::{self, Uses};
use super::problem::{Place, Problem};
use crate::limits::{POLICIES_MAX, POLICY_BYTES_MAX, POLICY_DEPTH_MAX};
use crate::principal::is_scope;

/// A text with policies and what it is called in messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// File name, or a word for what was generated.
    pub name: Arc<str>,
    /// The text.
    pub text: Arc<str>,
}

/// How a denial looks to the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denial {
    /// It says that the call is not allowed, and the policy's own reason.
    Honest,
    /// It cannot be told from a name that does not exist.
    Hidden,
}

impl Denial {
    /// The name in annotations and configuration.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "honest" => Some(Self::Honest),
            "hidden" => Some(Self::Hidden),
            _other => None,
        }
    }
}

/// What the annotations of a policy ask for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Notes {
    /// `@description`: for people.
    pub description: Option<Arc<str>>,
    /// `@reason` of a forbid: what its honest denial says.
    pub reason: Option<Arc<str>>,
    /// `@denial` of a forbid.
    pub denial: Option<Denial>,
    /// `@step_up` of a permit: scopes that it needs besides.
    pub step_up: Vec<Box<str>>,
    /// `@fresh` of a permit: most seconds since the user signed in.
    pub fresh_s: Option<u64>,
    /// `@rate` of a permit: a class of `limits.classes`.
    pub rate: Option<Arc<str>>,
    /// `@redact` of a permit: a profile of `redact.profiles`.
    pub redact: Option<Arc<str>>,
    /// `@audit`: a word that records carry.
    pub audit: Option<Arc<str>>,
    /// `@alert`: told in log, metrics and record.
    pub alert: Option<Arc<str>>,
}

/// One policy.
#[derive(Debug, Clone)]
pub struct Rule {
    /// `@id`, or the file's name and the policy's number in it.
    pub id: Arc<str>,
    /// Where it stands.
    pub place: Place,
    /// Whether it permits or forbids.
    pub effect: Effect,
    /// For the evaluator.
    pub policy: Policy,
    /// What its annotations ask for.
    pub notes: Notes,
    /// What it looks at.
    pub uses: Uses,
    /// Its syntax tree, as Cedar writes it in JSON.
    pub tree: Arc<Value>,
    source: Source,
    span: Range<usize>,
}

impl Rule {
    /// Whether it permits.
    #[must_use]
    pub fn permits(&self) -> bool {
        self.effect == Effect::Permit
    }

    /// Its text.
    #[must_use]
    pub fn text(&self) -> &str {
        self.source.text.get(self.span.clone()).unwrap_or_default()
    }

    /// The first place where it says a name, or its own.
    #[must_use]
    pub fn name_place(&self, name: &str) -> Place {
        let quoted = super::quoted(name);
        let at = self.text().find(&quoted);
        at.map_or(self.place.clone(), |at| self.at(at..at + quoted.len()))
    }

    /// A place in its text.
    #[must_use]
    pub fn at(&self, within: Range<usize>) -> Place {
        let range = self.span.start + within.start..self.span.start + within.end;
        Place::of(&self.source.name, &self.source.text, range)
    }
}

/// Reads the policies of a text.
///
/// # Errors
/// Every mistake of the text.
pub fn read(source: &Source) -> Result<Vec<Rule>, Vec<Problem>> {
    let whole = |message: String, help: &str| {
        vec![Problem::error(Place::of(&source.name, &source.text, 0..1), message, help)]
    };
    if source.text.len() > POLICY_BYTES_MAX {
        return Err(whole(
            format!("a policy file larger than {POLICY_BYTES_MAX} bytes"),
            "split it into several files",
        ));
    }
    if depth(&source.text) > POLICY_DEPTH_MAX {
        let message = format!("brackets nested deeper than {POLICY_DEPTH_MAX} levels");
        return Err(whole(message, "split the condition into several policies"));
    }
    let pieces = split(&source.text);
    if pieces.len() > POLICIES_MAX {
        let message = format!("more than {POLICIES_MAX} policies in one file");
        return Err(whole(message, "use sets of tools and roles instead of single names"));
    }
    let mut rules = Vec::with_capacity(pieces.len());
    let mut problems = Vec::new();
    for (number, piece) in pieces.into_iter().enumerate() {
        match rule(source, piece, number + 1) {
            Ok(rule) => rules.push(rule),
            Err(more) => problems.extend(more),
        }
    }
    if problems.is_empty() { Ok(rules) } else { Err(problems) }
}

fn rule(source: &Source, piece: Range<usize>, number: usize) -> Result<Rule, Vec<Problem>> {
    let text = source.text.get(piece.clone()).unwrap_or_default();
    let place = Place::of(&source.name, &source.text, piece.clone());
    let stem = source.name.rsplit('/').next().unwrap_or_default().trim_end_matches(".cedar");
    let unnamed = format!("{stem}#{number}");
    let policy = Policy::parse(Some(PolicyId::new(&unnamed)), text).map_err(|errors| {
        if Template::parse(None, text).is_ok() {
            let message = "a template: `?principal` and `?resource` stand for nothing here";
            return vec![Problem::error(place.clone(), message, "write the policy for each case")];
        }
        let found = errors.iter().map(|error| {
            let at = label(error)
                .map_or(piece.clone(), |label| piece.start + label.start..piece.start + label.end);
            let help = error.help().map(|help| help.to_string()).unwrap_or_default();
            let place = Place::of(&source.name, &source.text, at);
            Problem::error(place, error.to_string(), or(help, "see the syntax of Cedar policies"))
        });
        found.collect::<Vec<_>>()
    })?;
    let id: Arc<str> = policy.annotation("id").unwrap_or(&unnamed).into();
    let mut problems = Vec::new();
    if id.is_empty() || id.len() > ID_BYTES_MAX || id.chars().any(char::is_control) {
        let message = "an id of 1 to 512 bytes is needed";
        problems.push(Problem::error(place.clone(), message, "write `@id(\"refunds\")`"));
    }
    let notes = notes(&policy, &place, &mut problems);
    let policy = policy.new_id(PolicyId::new(&id));
    let tree = policy.to_json().map_err(|error| {
        vec![Problem::error(place.clone(), error.to_string(), "please report this policy")]
    })?;
    let uses = Uses::of(&tree);
    if problems.is_empty() {
        let effect = policy.effect();
        let (tree, source) = (Arc::new(tree), source.clone());
        Ok(Rule { id, place, effect, policy, notes, uses, tree, source, span: piece })
    } else {
        Err(problems)
    }
}

/// The first place that an error names, relative to the text that was parsed.
pub(super) fn label(error: &dyn Diagnostic) -> Option<Range<usize>> {
    let label = error.labels()?.next()?;
    Some(label.offset()..label.offset() + label.len().max(1))
}

fn or(text: String, other: &str) -> String {
    if text.is_empty() { other.to_owned() } else { text }
}

fn notes(policy: &Policy, place: &Place, problems: &mut Vec<Problem>) -> Notes {
    let mut notes = Notes::default();
    let permits = policy.effect() == Effect::Permit;
    let mut error = |message: String, help: &str| {
        problems.push(Problem::error(place.clone(), message, help.to_owned()));
    };
    let mut all: Vec<(&str, &str)> = policy.annotations().collect();
    all.sort_unstable();
    for (key, value) in all {
        let of_permit = matches!(key, "step_up" | "fresh" | "rate" | "redact");
        let of_forbid = matches!(key, "reason" | "denial");
        if (of_permit && !permits) || (of_forbid && permits) {
            let other = if permits { "forbid" } else { "permit" };
            error(format!("`@{key}` has no effect here"), &format!("it belongs to a {other}"));
            continue;
        }
        if value.len() > NOTE_BYTES_MAX || (value.trim().is_empty() && key != "id") {
            error(format!("`@{key}` is empty or too long"), "write at most 256 bytes");
            continue;
        }
        let word: Option<Arc<str>> = Some(value.into());
        match key {
            "id" => {}
            "description" => notes.description = word,
            "reason" => notes.reason = word,
            "rate" => notes.rate = word,
            "redact" => notes.redact = word,
            "audit" => notes.audit = word,
            "alert" => notes.alert = word,
            "denial" => match Denial::from_name(value) {
                None => error(format!("`{value}` is no way to deny"), "write `honest` or `hidden`"),
                found => notes.denial = found,
            },
            "step_up" => {
                notes.step_up = value.split_ascii_whitespace().map(Box::from).collect();
                if let Some(bad) = notes.step_up.iter().find(|scope| !is_scope(scope)) {
                    error(format!("`{bad}` is not a scope"), "write scopes with spaces between");
                }
            }
            "fresh" => match humantime::Duration::from_str(value) {
                Ok(time) if time.as_secs() > 0 => notes.fresh_s = Some(time.as_secs()),
                Ok(_) | Err(_) => error(format!("`{value}` is not a time"), "write such as `15m`"),
            },
            _other => {
                error(format!("`@{key}` means nothing"), &format!("annotations are {ANNOTATIONS}"));
            }
        }
    }
    notes
}

/// Where each policy stands: they end in semicolons, which stand nowhere else but in strings and
/// comments. What follows the last one is a piece too, unless it is blank.
fn split(text: &str) -> Vec<Range<usize>> {
    let mut pieces = Vec::new();
    let mut start = None;
    each_token(text, |at, token| match (token, start) {
        (Token::Byte(b';'), Some(from)) => {
            pieces.push(from..at + 1);
            start = None;
        }
        (Token::Byte(byte), None) if !byte.is_ascii_whitespace() => start = Some(at),
        (Token::Quote, None) => start = Some(at),
        (Token::Byte(_) | Token::Quote, _) => {}
    });
    if let Some(from) = start {
        pieces.push(from..text.trim_end().len().max(from + 1));
    }
    pieces
}

/// How deep brackets are nested: parsers of expressions call themselves.
fn depth(text: &str) -> usize {
    let (mut open, mut run, mut deepest) = (0_usize, 0_usize, 0);
    each_token(text, |_, token| {
        match token {
            Token::Byte(b'(' | b'[' | b'{') => open += 1,
            Token::Byte(b')' | b']' | b'}') => open = open.saturating_sub(1),
            // A run of signs nests as well, and ends with what it stands before.
            Token::Byte(b'!' | b'-') => run += 1,
            Token::Byte(byte) if byte.is_ascii_whitespace() => {}
            Token::Byte(_) | Token::Quote => run = 0,
        }
        deepest = deepest.max(open + run);
    });
    deepest
}

enum Token {
    Byte(u8),
    /// A whole string.
    Quote,
}

/// Visits what is neither comment nor inside a string.
fn each_token(text: &str, mut visit: impl FnMut(usize, Token)) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'/' if bytes.get(at + 1) == Some(&b'/') => {
                let rest = bytes.get(at..).unwrap_or_default();
                at += rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len());
            }
            b'"' => {
                visit(at, Token::Quote);
                at += 1;
                while let Some(inside) = bytes.get(at) {
                    at += match inside {
                        b'\\' => 2,
                        _other => 1,
                    };
                    if *inside == b'"' {
                        break;
                    }
                }
            }
            other => {
                visit(at, Token::Byte(*other));
                at += 1;
            }
        }
    }
}

/// The arguments that the policies look at, by their first name.
#[must_use]
pub fn arguments<'r>(rules: impl IntoIterator<Item = &'r Rule>) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for rule in rules {
        expr::each(&rule.tree, &mut |node| {
            if let Some(path) = expr::argument(node)
                && let Some(first) = path.first()
            {
                names.insert((*first).to_owned());
            }
        });
    }
    names
}

const ANNOTATIONS: &str =
    "id, description, reason, denial, step_up, fresh, rate, redact, audit and alert";
/// Room for the ids of generated policies, which hold names of servers, roles and classes.
const ID_BYTES_MAX: usize = 512;
const NOTE_BYTES_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Denial, Source, read, split};

    fn source(text: &str) -> Source {
        Source { name: "a.cedar".into(), text: Arc::from(text) }
    }

    fn refused(text: &str) -> String {
        let problems = read(&source(text)).unwrap_err();
        let shown =
            |p: &super::Problem| format!("{}:{} {}", p.place.line, p.place.column, p.message);
        problems.iter().map(shown).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn policies_are_split_at_semicolons_outside_of_strings_and_comments() {
        let text = "// a;b\npermit (principal, action, resource) when { \"a;\\\";\" == \"b\" };\nforbid(principal,action,resource);";
        assert_eq!(split(text).len(), 2);
        let rules = read(&source(text)).unwrap();
        assert_eq!(rules[0].place.line, 2);
        assert_eq!((&*rules[1].id, rules[1].place.line), ("a#2", 3));
    }

    #[test]
    fn mistake_is_told_with_line_and_column() {
        let text = "permit (principal, action, resource);\npermit (principal, action, resource) when { 1 + };\n";
        assert!(refused(text).starts_with("2:49"), "{}", refused(text));
        assert!(refused("permit (principal, action, resource)").contains("1:"));
        assert!(
            refused("permit (principal == ?principal, action, resource);").contains("template")
        );
    }

    #[test]
    fn annotations_are_read_and_unknown_ones_refused() {
        let rules = read(&source(
            "@id(\"x\") @step_up(\"a b\") @fresh(\"15m\") @alert(\"glass\")\npermit (principal, action, resource);\n@denial(\"hidden\")forbid(principal,action,resource);",
        ))
        .unwrap();
        assert_eq!((&*rules[0].id, rules[0].notes.fresh_s), ("x", Some(900)));
        assert_eq!(rules[0].notes.step_up.len(), 2);
        assert_eq!(rules[1].notes.denial, Some(Denial::Hidden));
        for (text, says) in [
            ("@stepup(\"a\")permit(principal,action,resource);", "means nothing"),
            ("@denial(\"hidden\")permit(principal,action,resource);", "no effect"),
            ("@denial(\"silent\")forbid(principal,action,resource);", "no way to deny"),
            ("@fresh(\"soon\")permit(principal,action,resource);", "not a time"),
            ("@step_up(\"a\\\"b\")permit(principal,action,resource);", "not a scope"),
        ] {
            assert!(refused(text).contains(says), "{}", refused(text));
        }
    }

    #[test]
    fn deeply_nested_text_is_refused_before_it_is_parsed() {
        let text = format!(
            "permit(principal,action,resource) when {{ {}true{} }};",
            "(".repeat(5000),
            ")".repeat(5000)
        );
        assert!(refused(&text).contains("nested deeper"));
        let text =
            format!("permit(principal,action,resource) when {{ {}true }};", "!".repeat(5000));
        assert!(refused(&text).contains("nested deeper"));
    }
}
