//! What is looked for: by the flags, or as a configuration says it for a server.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use crate::class::{CLASSES_MAX, Class, ClassSet, Confidence, Form, Group};
use crate::config;
use crate::inspect::{Detector, Settings};
use crate::snapshot;

#[derive(Debug, Args)]
pub(super) struct Choose {
    /// Classes, presets and countries that are looked for, or `all`
    #[arg(
        long,
        value_name = "CLASS,...",
        value_delimiter = ',',
        default_value = "all",
        visible_alias = "preset",
        conflicts_with = "config"
    )]
    classes: Vec<String>,
    /// What takes the place of a value
    #[arg(long, value_parser = form, default_value = "label", conflicts_with = "config")]
    form: Form,
    /// How sure one must be of a value: possible, likely or certain [default: what the presets
    /// say of their classes, else likely]
    #[arg(long, value_parser = confidence, conflicts_with = "config")]
    confidence: Option<Confidence>,
    /// Redact as this configuration does
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The server whose redaction it is; may be left out where there is one
    #[arg(long, value_name = "NAME", requires = "config")]
    server: Option<String>,
    /// Classes that the reader may see
    #[arg(long, value_name = "CLASS,...", value_delimiter = ',')]
    reveal: Vec<String>,
}

/// What looks at the input.
pub(super) struct Choice {
    pub(super) detector: Arc<Detector>,
    /// Finds also what `detector` passes over.
    pub(super) wide: Option<Detector>,
    pub(super) reveal: ClassSet,
}

impl Choose {
    /// The choice, or what is wrong with it.
    pub(super) fn choice(&self, explain: bool) -> Result<Choice, String> {
        let detector = match &self.config {
            Some(path) => self.configured(path)?,
            None => {
                let groups = self.classes.iter().map(|name| named(name));
                let groups: Vec<Named> = groups.collect::<Result<_, String>>()?;
                Arc::new(made(&sure(&groups, self.confidence), self.form)?)
            }
        };
        let wide = if explain {
            Some(made(&sure(&[Named::All], Some(Confidence::Possible)), Form::Label)?)
        } else {
            None
        };
        let class = |name: &String| {
            let mut all = (0..CLASSES_MAX).filter_map(Class::from_index);
            let found = all.find(|class| detector.custom_name(*class) == name);
            found.ok_or_else(|| unknown(name))
        };
        let reveal = self.reveal.iter().map(class).collect::<Result<ClassSet, String>>()?;
        Ok(Choice { detector, wide, reveal })
    }

    fn configured(&self, path: &std::path::Path) -> Result<Arc<Detector>, String> {
        let config = config::load(path).map_err(|problems| problems.to_string())?.config;
        let servers = &config.servers;
        let server = match &self.server {
            Some(name) => servers.iter().find(|server| *server.name == **name),
            None => servers.first().filter(|_| servers.len() == 1),
        };
        let Some(server) = server else {
            let names: Vec<&str> = servers.iter().map(|server| server.name.as_ref()).collect();
            return Err(format!("sallyport: name one with --server: {}", names.join(", ")));
        };
        snapshot::redactor(server).map_err(|error| format!("sallyport: {error}"))
    }
}

fn made(classes: &[(Class, Confidence)], form: Form) -> Result<Detector, String> {
    let settings = Settings {
        forms: classes.iter().map(|(class, _)| (*class, form)).collect(),
        least: classes.to_vec(),
        ..Settings::default()
    };
    Detector::new(&settings).map_err(|error| format!("sallyport: {error}"))
}

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Named {
    All,
    Of(Group),
}

fn named(name: &str) -> Result<Named, String> {
    if name == ALL {
        return Ok(Named::All);
    }
    Group::from_name(name).map(Named::Of).ok_or_else(|| {
        let names = Group::names().join(", ");
        let name = super::shown(name);
        format!("sallyport: `{name}` is not a class, preset or country; these are {ALL}, {names}")
    })
}

/// The classes that are named, each with how sure one must be of it: as the flag says, else as
/// the configuration would read the same names.
fn sure(named: &[Named], flag: Option<Confidence>) -> Vec<(Class, Confidence)> {
    let group = |named: &Named| match named {
        Named::Of(group) => Some(*group),
        Named::All => None,
    };
    let groups: Vec<Group> = named.iter().filter_map(group).collect();
    let is_named =
        |class: Class| named.contains(&Named::All) || groups.iter().any(|group| group.has(class));
    let least = |class: Class| flag.or_else(|| Group::least_of(&groups, class));
    let classes = Class::BUILTIN.into_iter().filter(|class| is_named(*class));
    classes.map(|class| (class, least(class).unwrap_or(Confidence::Likely))).collect()
}

fn unknown(name: &str) -> String {
    let names = Class::BUILTIN.map(Class::name).join(", ");
    format!("sallyport: `{}` is not a class; the classes are {names}", super::shown(name))
}

fn form(name: &str) -> Result<Form, String> {
    let names = || Form::ALL.map(Form::name).join(", ");
    let found = Form::ALL.into_iter().find(|form| form.name() == name);
    found.ok_or_else(|| format!("the forms are {}", names()))
}

fn confidence(name: &str) -> Result<Confidence, String> {
    let names = || Confidence::ALL.map(Confidence::name).join(", ");
    Confidence::from_name(name).ok_or_else(|| format!("the steps are {}", names()))
}

/// The name of every class.
const ALL: &str = "all";
