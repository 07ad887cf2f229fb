//! Every string of a call's arguments, with what it is for and where it stands.

use std::borrow::Cow;

use crate::call::{Action, Arguments, Call, Resource};
use crate::json::{Kind, Value};
use crate::limits::AUDIT_TEXT_BYTES_MAX;

use super::{Parameter, Probe, Signs};

/// Where a string stands; becomes a text only when something was found there.
#[derive(Debug)]
pub(super) struct Place<'a> {
    steps: &'a [Step<'a>],
}

#[derive(Debug)]
enum Step<'a> {
    Name(Cow<'a, str>),
    Index(usize),
}

impl Place<'_> {
    /// A JSON pointer, at most [`AUDIT_TEXT_BYTES_MAX`] bytes.
    pub(super) fn path(&self) -> Box<str> {
        let mut out = String::new();
        for step in self.steps {
            out.push('/');
            match step {
                Step::Name(name) => {
                    let name = name.replace('~', "~0").replace('/', "~1");
                    out.extend(name.chars().filter(|c| !c.is_control()));
                }
                Step::Index(index) => out.push_str(&index.to_string()),
            }
        }
        out.truncate(out.floor_char_boundary(AUDIT_TEXT_BYTES_MAX));
        out.into_boxed_str()
    }
}

/// Told of a string; says whether it wants more.
type Seen<'f> = &'f mut dyn FnMut(&Probe<'_>, &Place<'_>) -> bool;

/// Hands every string among the arguments to `seen`, until it has enough.
pub(super) fn strings(call: &Call, seen: Seen<'_>) {
    let mut walk = Walk { steps: Vec::new(), seen, wants_more: true };
    walk.named(call);
    match &call.arguments {
        Arguments::None => {}
        Arguments::Rpc => walk.member("arguments", call.json_arguments(), Parameter::Other),
        Arguments::Answer => walk.member("content", call.json_arguments(), Parameter::Other),
        Arguments::Body => walk.value(call.json_arguments(), Parameter::Other),
        Arguments::Query(pairs) => {
            for (name, value) in pairs {
                walk.text(name.into(), value, Parameter::of(name));
            }
        }
    }
    walk.beside_arguments(call);
}

struct Walk<'a, 'f> {
    steps: Vec<Step<'a>>,
    seen: Seen<'f>,
    wants_more: bool,
}

impl<'a> Walk<'a, '_> {
    /// Names that the REST profile took out of path, query or body and that go upstream as they
    /// are. Those of MCP are the server's own, and policy lets no other through.
    fn named(&mut self, call: &'a Call) {
        if let Some(subject) = &call.subject {
            self.text("subject".into(), subject, Parameter::Name);
        }
        if let Resource::Namespace(namespace) = &call.resource {
            self.text("namespace".into(), namespace, Parameter::Name);
        }
    }

    /// What MCP carries to a server besides `arguments`: the argument that is to be completed,
    /// with those that are known already, and answers to the server's questions.
    fn beside_arguments(&mut self, call: &'a Call) {
        let message = call.message.as_ref().filter(|_| call.arguments != Arguments::Body);
        let Some(params) = message.and_then(|message| message.root().get("params")) else {
            return;
        };
        if call.action == Action::Completion {
            if let Some(argument) = params.get("argument") {
                let name = argument.get("name").and_then(|name| name.as_str()).unwrap_or_default();
                self.steps.push(Step::Name("argument".into()));
                self.member("value", argument.get("value"), Parameter::of(&name));
                self.steps.pop();
            }
            self.member("context", params.get("context"), Parameter::Other);
        }
        self.member("inputResponses", params.get("inputResponses"), Parameter::Other);
    }

    fn member(&mut self, name: &'static str, value: Option<Value<'a>>, parameter: Parameter) {
        self.steps.push(Step::Name(name.into()));
        self.value(value, parameter);
        self.steps.pop();
    }

    /// The depth of recursion is bounded by the reader, [`crate::limits::JSON_DEPTH_MAX`].
    fn value(&mut self, value: Option<Value<'a>>, parameter: Parameter) {
        let Some(value) = value.filter(|_| self.wants_more) else {
            return;
        };
        match value.kind() {
            Kind::String => {
                if let Some(text) = value.as_str() {
                    self.probe(&text, parameter);
                }
            }
            Kind::Array => {
                for (index, item) in value.items().enumerate() {
                    self.steps.push(Step::Index(index));
                    self.value(Some(item), parameter);
                    self.steps.pop();
                }
            }
            Kind::Object => {
                for (name, member) in value.members() {
                    let name = name.as_str().unwrap_or_default();
                    if name.is_ascii() && is_plain(member) {
                        continue;
                    }
                    let inner = match self.in_root() && &*name == "uri" {
                        // MCP, Roots: the URI of a root is always a `file://`, so it is a path.
                        true => Parameter::Path,
                        false => Parameter::of(&name).within(parameter),
                    };
                    self.steps.push(Step::Name(name.clone()));
                    // Names are text that people read, too.
                    self.probe(&name, Parameter::Free);
                    self.value(Some(member), inner);
                    self.steps.pop();
                }
            }
            Kind::Number | Kind::True | Kind::False | Kind::Null => {}
        }
    }

    /// Whether the object at hand is a root in the answer to `roots/list`.
    fn in_root(&self) -> bool {
        let [Step::Name(all), Step::Name(_), Step::Name(kind), Step::Index(_)] = &*self.steps
        else {
            return false;
        };
        all == "inputResponses" && kind == "roots"
    }

    fn text(&mut self, name: Cow<'a, str>, text: &str, parameter: Parameter) {
        self.steps.push(Step::Name(name.clone()));
        self.probe(&name, Parameter::Free);
        self.probe(text, parameter);
        self.steps.pop();
    }

    fn probe(&mut self, text: &str, parameter: Parameter) {
        if self.wants_more {
            let place = Place { steps: &self.steps };
            self.wants_more = (self.seen)(&Probe::new(text, parameter), &place);
        }
    }
}

/// Whether no check can hit, whatever the value is for: most values are short words and numbers.
fn is_plain(value: Value<'_>) -> bool {
    match value.kind() {
        Kind::Number | Kind::True | Kind::False | Kind::Null => true,
        // A backslash, which begins every escape, is a sign too.
        Kind::String => {
            let raw = value.string_inner().filter(|raw| raw.len() <= SHORT_BYTES);
            raw.and_then(|raw| std::str::from_utf8(raw).ok())
                .is_some_and(|text| Signs::of(text).is_empty())
        }
        Kind::Object | Kind::Array => false,
    }
}

/// Up to here it is cheaper to look at a value than to find out what it is for.
const SHORT_BYTES: usize = 64;
