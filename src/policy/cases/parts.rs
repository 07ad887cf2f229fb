//! The policies that a file of cases names itself.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::{CaseFile, TypedRole};
use crate::class::Class;
use crate::limits::{ENTITIES_BYTES_MAX, PINS_FILE_BYTES_MAX, POLICY_BYTES_MAX};
use crate::policy::facts::{ToolShape, World};
use crate::policy::hierarchy::Hierarchy;
use crate::policy::problem::{Place, Problem};
use crate::policy::roles::{self, Role};
use crate::policy::text::Source;
use crate::policy::time::Zone;
use crate::policy::tools::shapes;
use crate::policy::{Known, Parts};

type Networks = Vec<(Arc<str>, Vec<ipnet::IpNet>)>;

/// Opens a file that a file of cases names, of at most this many bytes.
pub type Files<'f> = &'f dyn Fn(&str, usize) -> Result<Opened, String>;

/// A file that was opened.
#[derive(Debug)]
pub struct Opened {
    /// What it is called in messages.
    pub name: Arc<str>,
    /// What it holds.
    pub bytes: Vec<u8>,
}

impl CaseFile {
    /// What is tested.
    ///
    /// # Errors
    /// Files that cannot be read or are not what they should be.
    pub fn parts(&self, files: Files<'_>) -> Result<Parts, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut sources = Vec::new();
        for name in self.setup.policies.iter().flatten() {
            match self.text(files, name, POLICY_BYTES_MAX) {
                Ok(source) => sources.push(source),
                Err(problem) => problems.push(*problem),
            }
        }
        if !self.stands_alone() {
            let help = "write `policies: [FILE]`, or name a configuration with `--config`";
            problems.push(self.problem("cases", "no policies are named".into(), help));
        }
        let hierarchy = self.hierarchy(files).map_err(|problem| problems.push(*problem));
        let tools = self.tools(files).map_err(|problem| problems.push(*problem));
        let zone = self.zone().map_err(|problem| problems.push(*problem));
        let networks = self.networks().map_err(|problem| problems.push(*problem));
        let known = self.known();
        for (server, by_name) in &self.setup.roles {
            let names = by_name.values().flat_map(TypedRole::names);
            if let Some(name) = names.into_iter().find(|name| name.contains('?')) {
                let message = "only `*` stands for other characters in a role";
                problems.push(self.problem(name, message.into(), "write `*`, or a policy"));
            }
            let all: Vec<Role> = by_name.iter().map(|(name, typed)| role(name, typed)).collect();
            sources.push(roles::compile(server, &all));
        }
        match (hierarchy, tools, zone, networks) {
            (Ok(hierarchy), Ok(tools), Ok(zone), Ok(networks)) if problems.is_empty() => {
                let world = World { hierarchy, networks, zone, tools };
                Ok(Parts { sources, world, known })
            }
            _other => Err(problems),
        }
    }

    /// Servers and claims are those that the file names, or else those that its cases need.
    fn known(&self) -> Known {
        let shared = |name: &String| -> Arc<str> { name.as_str().into() };
        let cases = || self.cases.iter().map(|(case, _)| case);
        let servers: Vec<Arc<str>> = match &self.setup.servers {
            Some(servers) => servers.iter().map(shared).collect(),
            None => {
                let cases = cases().filter_map(|case| case.server.as_ref());
                let named = cases.chain(&self.defaults.server);
                let named = named.chain(self.setup.tool_schemas.keys());
                let all: BTreeSet<&String> = named.chain(self.setup.roles.keys()).collect();
                all.into_iter().map(shared).collect()
            }
        };
        let claims = match &self.setup.claims {
            Some(claims) => claims.iter().map(shared).collect(),
            None => {
                let cases = cases().filter_map(|case| case.who.claims.as_ref());
                let named = cases.chain(&self.defaults.who.claims).flat_map(|claims| claims.keys());
                named.collect::<BTreeSet<_>>().into_iter().map(shared).collect()
            }
        };
        let built_in = Class::BUILTIN.iter().map(|class| Arc::from(class.name()));
        let classes = built_in.chain(self.setup.classes.iter().map(shared)).collect();
        let complete = self.setup.tool_schemas.keys().map(shared).collect();
        Known { claims, servers, classes, complete }
    }

    fn hierarchy(&self, files: Files<'_>) -> Result<Hierarchy, Box<Problem>> {
        let Some(name) = &self.setup.entities else { return Ok(Hierarchy::default()) };
        let file = self.text(files, name, ENTITIES_BYTES_MAX)?;
        Hierarchy::read(&file.text).map_err(|error| {
            let excerpt = file.text.lines().nth(error.line.saturating_sub(1));
            let place = Place {
                file: Arc::clone(&file.name),
                line: error.line,
                column: error.column,
                length: 1,
                excerpt: excerpt.unwrap_or_default().into(),
            };
            let help = "its keys are `roles`, `groups`, `tool_sets` and `class_sets`";
            Box::new(Problem::error(place, error.message, help))
        })
    }

    fn tools(&self, files: Files<'_>) -> Result<HashMap<Box<str>, ToolShape>, Box<Problem>> {
        let mut tools = HashMap::new();
        for (server, name) in &self.setup.tool_schemas {
            let opened = self.open(files, name, PINS_FILE_BYTES_MAX)?;
            let json = serde_json::from_slice(&opened.bytes).ok();
            let Some(found) = json.as_ref().and_then(shapes) else {
                let message = format!("`{}` holds no list of tools", opened.name);
                let help = "save the answer to `tools/list`: `{\"tools\": [...]}`";
                return Err(Box::new(self.problem(name, message, help)));
            };
            for (tool, shape) in found {
                tools.insert(format!("{server}/{tool}").into(), shape);
            }
        }
        Ok(tools)
    }

    fn zone(&self) -> Result<Zone, Box<Problem>> {
        let Some(name) = &self.setup.time_zone else { return Ok(Zone::utc()) };
        Zone::named(name).ok_or_else(|| {
            let message = format!("`{name}` is no time zone");
            let help = "write a name such as `Europe/Berlin`, or `UTC`";
            Box::new(self.problem("time_zone", message, help))
        })
    }

    fn networks(&self) -> Result<Networks, Box<Problem>> {
        let mut all = Vec::new();
        for (name, typed) in &self.setup.networks {
            let mut networks = Vec::new();
            for text in typed {
                networks.push(text.parse().map_err(|_| {
                    let message = format!("`{text}` is no network");
                    Box::new(self.problem("networks", message, "write such as `10.0.0.0/8`"))
                })?);
            }
            all.push((Arc::from(name.as_str()), networks));
        }
        Ok(all)
    }

    fn text(&self, files: Files<'_>, name: &str, bytes_max: usize) -> Result<Source, Box<Problem>> {
        let Opened { name: shown, bytes } = self.open(files, name, bytes_max)?;
        match String::from_utf8(bytes) {
            Ok(text) => Ok(Source { name: shown, text: text.into() }),
            Err(_) => {
                let message = format!("`{shown}` is not UTF-8 text");
                Err(Box::new(self.problem(name, message, "save it as UTF-8")))
            }
        }
    }

    fn open(&self, files: Files<'_>, name: &str, max: usize) -> Result<Opened, Box<Problem>> {
        files(name, max).map_err(|why| {
            let help = "names of files are relative to the file of cases";
            Box::new(self.problem(name, why, help))
        })
    }

    /// A problem where the file first says something.
    fn problem(&self, said: &str, message: String, help: &str) -> Problem {
        let at = self.source.text.find(said).unwrap_or_default();
        let place = Place::of(&self.source.name, &self.source.text, at..at + said.len());
        Problem::error(place, message, help)
    }
}

impl TypedRole {
    fn names(&self) -> impl Iterator<Item = &str> {
        let Self { tools, resources, prompts, namespaces, writes, reveal } = self;
        let all = [tools, resources, prompts, namespaces, writes, reveal];
        all.into_iter().flatten().map(String::as_str)
    }
}

fn role(name: &str, typed: &TypedRole) -> Role {
    let list = |of: &[String]| of.iter().map(|one| one.as_str().into()).collect();
    let TypedRole { tools, resources, prompts, namespaces, writes, reveal } = typed;
    Role {
        name: name.into(),
        tools: list(tools),
        resources: list(resources),
        prompts: list(prompts),
        namespaces: list(namespaces),
        writes: list(writes),
        reveal: list(reveal),
    }
}
