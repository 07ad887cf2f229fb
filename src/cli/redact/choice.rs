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
    /// How sure one must be of a value: possible, likely or certain
    #[arg(long, value_parser = confidence, default_value = "likely", conflicts_with = "config")]
    confidence: Confidence,
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
                let classes = classes(&self.classes)?;
                Arc::new(made(&classes, self.form, self.confidence)?)
            }
        };
        let wide = if explain {
            Some(made(&Class::BUILTIN, Form::Label, Confidence::Possible)?)
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

fn made(classes: &[Class], form: Form, confidence: Confidence) -> Result<Detector, String> {
    let settings = Settings {
        forms: classes.iter().map(|class| (*class, form)).collect(),
        least: classes.iter().map(|class| (*class, confidence)).collect(),
        ..Settings::default()
    };
    Detector::new(&settings).map_err(|error| format!("sallyport: {error}"))
}

fn classes(names: &[String]) -> Result<Vec<Class>, String> {
    let mut all = Vec::new();
    for name in names {
        for class in group(name).ok_or_else(|| unknown(name))? {
            if !all.contains(&class) {
                all.push(class);
            }
        }
    }
    Ok(all)
}

/// The classes that a name stands for.
fn group(name: &str) -> Option<Vec<Class>> {
    match name {
        "all" => Some(Class::BUILTIN.to_vec()),
        name => Class::from_name(name).map(|class| vec![class]).or_else(|| {
            let group = Group::from_name(name)?;
            Some(Class::BUILTIN.into_iter().filter(|class| group.has(*class)).collect())
        }),
    }
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
