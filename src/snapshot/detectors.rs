//! What a route redacts, in the detector's words: one detector for answers, one for each other
//! choice, one for arguments, and one for records.

use std::sync::Arc;

use super::BuildError;
use crate::class::{CUSTOM_CLASSES_MAX, Class, Confidence, Form};
use crate::config::{AllowRule, Choice, FoundBy, Redact, RedactTool, Server};
use crate::inspect::{
    Allowed, CustomDictionary, CustomName, CustomPattern, Detector, FieldRule, Pseudonyms, Settings,
};
use crate::screen::{Looks, Profile, ToolRules};

/// Everything that looks at the answers of a route.
pub(super) fn looks(server: &Server) -> Result<Looks, BuildError> {
    let redact = &server.redact;
    let base = detector(server, settings(redact, &redact.choice))?;
    let profiles: Result<Vec<Profile>, BuildError> = redact
        .profiles
        .iter()
        .map(|profile| {
            let detector = detector(server, settings(redact, &profile.choice))?;
            Ok(Profile { name: Arc::clone(&profile.name), detector, reveals: profile.reveals })
        })
        .collect();
    let profiles_of = |rule: &RedactTool| (rule.names.clone(), Arc::clone(&rule.profile));
    let of_tools = redact.allow.iter().filter_map(|rule| {
        let tools = rule.tools.as_ref()?;
        Some((tools.clone(), allowed(rule).collect()))
    });
    let rules = ToolRules {
        profiles: redact.tools.iter().map(profiles_of).collect(),
        allow: of_tools.collect(),
    };
    Ok(Looks::new(base, profiles?, &rules))
}

/// What looks at the arguments of tools; `None` where they are passed on as they are. Fields are
/// those of answers and play no part here.
pub(super) fn arguments(server: &Server) -> Result<Option<Arc<Detector>>, BuildError> {
    let Some(choice) = &server.redact.arguments else { return Ok(None) };
    let settings = Settings { fields: Vec::new(), ..settings(&server.redact, choice) };
    detector(server, settings).map(Some)
}

/// Labels every class, whatever a route redacts: records never hold personal data.
pub(super) fn scrubber(server: &Server) -> Result<Arc<Detector>, BuildError> {
    let own = (0_u8..).zip(&server.redact.custom).map(|(number, _)| Class::Custom(number));
    let choice = Choice {
        forms: Class::BUILTIN.into_iter().chain(own).map(|class| (class, Form::Label)).collect(),
        least: server.redact.choice.least.iter().filter(|(_, l)| *l < LIKELY).copied().collect(),
        keep: Vec::new(),
    };
    let settings = Settings { allow: Vec::new(), ..settings(&server.redact, &choice) };
    detector(server, settings)
}

/// What looks at the answers of a route, for who looks at something else with it.
pub(crate) fn redactor(server: &Server) -> Result<Arc<Detector>, BuildError> {
    detector(server, settings(&server.redact, &server.redact.choice))
}

fn detector(server: &Server, settings: Settings) -> Result<Arc<Detector>, BuildError> {
    Detector::new(&settings)
        .map(Arc::new)
        .map_err(|source| BuildError::Detector { server: Arc::clone(&server.name), source })
}

/// A choice in the detector's words.
fn settings(redact: &Redact, choice: &Choice) -> Settings {
    let built_in = |class: Class| !matches!(class, Class::Custom(_));
    let mut settings = Settings {
        forms: choice.forms.iter().filter(|(class, _)| built_in(*class)).copied().collect(),
        least: choice.least.clone(),
        keep: choice.keep.clone(),
        allow: redact.allow.iter().filter(|rule| rule.tools.is_none()).flat_map(allowed).collect(),
        pseudonyms: redact
            .pseudonyms
            .as_ref()
            .map(|own| Pseudonyms::new(own.key.expose(), &own.tenant)),
        ..Settings::default()
    };
    // A class keeps its number also where a choice does not look for it.
    for (number, own) in (0_u8..).zip(&redact.custom).take(CUSTOM_CLASSES_MAX) {
        let form = choice.form(Class::Custom(number));
        let on = form.is_some();
        let (name, form) = (own.name.clone(), form.unwrap_or(Form::Label));
        match &own.found {
            FoundBy::Pattern(pattern) => {
                settings.custom.push(CustomPattern { name, pattern: pattern.clone(), form, on });
            }
            FoundBy::Words(words) => {
                let words = Arc::clone(words);
                settings.dictionaries.push(CustomDictionary { name, words, form, on });
            }
            FoundBy::Fields => settings.named.push(CustomName { name, form }),
        }
    }
    let on = |class: Class| choice.form(class).is_some();
    let fields = redact.fields.iter().filter(|(_, class)| on(*class));
    settings.fields =
        fields.map(|(path, class)| FieldRule { path: path.to_string(), class: *class }).collect();
    settings
}

fn allowed(rule: &AllowRule) -> impl Iterator<Item = Allowed> {
    let class = rule.class;
    rule.values.iter().map(move |value| Allowed { class, value: value.to_string() })
}

const LIKELY: Confidence = Confidence::Likely;
