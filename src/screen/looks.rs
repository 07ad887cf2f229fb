//! Which detector looks at which answer.
//!
//! Owns [`Looks`]. Guarantees: what a policy asks for comes before what the configuration says of
//! the tool, and that before what holds for all answers; values that are left alone for one tool
//! are left alone in its answers only.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::glob::Glob;
use crate::inspect::{Allowed, Detector};
use crate::limits::TOOL_LOOKS_MAX;

/// The detectors of one route.
#[derive(Debug)]
pub struct Looks {
    base: Arc<Detector>,
    profiles: Vec<Profile>,
    /// The first rule that names a tool decides; the profile by its place.
    tools: Vec<(Vec<Glob>, usize)>,
    /// Values that are left alone in the answers of some tools.
    allow: Vec<(Vec<Glob>, Vec<Allowed>)>,
    /// Detectors that leave more alone, by profile and by the rules of `allow` that name the tool,
    /// a bit for each.
    made: Mutex<HashMap<Made, Arc<Detector>>>,
}

/// The place of a profile, and the rules of `allow` that name the tool.
type Made = (Option<usize>, u64);

/// Another choice of what is masked, for calls of which a policy or the configuration says so.
#[derive(Debug)]
pub struct Profile {
    /// Its name in policies.
    pub name: Arc<str>,
    /// What it looks for, and what it puts in the place.
    pub detector: Arc<Detector>,
    /// Whether classes are shown to those who may see them.
    pub reveals: bool,
}

/// What the configuration says of tools, with their globs.
#[derive(Debug, Default)]
pub struct ToolRules {
    /// Names of profiles.
    pub profiles: Vec<(Vec<Box<str>>, Arc<str>)>,
    /// Values that are left alone; at most 64 rules.
    pub allow: Vec<(Vec<Box<str>>, Vec<Allowed>)>,
}

impl Looks {
    /// Puts the detectors of a route together.
    #[must_use]
    pub fn new(base: Arc<Detector>, profiles: Vec<Profile>, rules: &ToolRules) -> Self {
        let globs = |names: &[Box<str>]| names.iter().map(|name| Glob::new(name)).collect();
        let place = |name: &str| profiles.iter().position(|profile| *profile.name == *name);
        let tools = rules.profiles.iter();
        let tools = tools.filter_map(|(names, name)| Some((globs(names), place(name)?)));
        let allow = rules.allow.iter().map(|(names, values)| (globs(names), values.clone()));
        Self {
            tools: tools.collect(),
            allow: allow.take(ALLOW_BITS).collect(),
            made: Mutex::default(),
            base,
            profiles,
        }
    }

    /// What looks at the answer of a call. A profile that this server does not have is another
    /// server's, and stands for no choice.
    pub(super) fn detector(&self, wanted: Option<&str>, tool: Option<&str>) -> Arc<Detector> {
        let chosen = self.chosen(wanted, tool);
        let own = chosen.and_then(|at| self.profiles.get(at)).map(|profile| &profile.detector);
        let own = own.unwrap_or(&self.base);
        let allowed = tool.map_or(0, |tool| self.allowed(tool));
        if allowed == 0 {
            return Arc::clone(own);
        }
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = made.get(&(chosen, allowed)) {
            return Arc::clone(found);
        }
        let bits = self.allow.iter().enumerate().filter(|(bit, _)| allowed >> bit & 1 == 1);
        let more: Vec<Allowed> = bits.flat_map(|(_, (_, values))| values).cloned().collect();
        let detector = Arc::new(own.allowing(&more));
        if made.len() < TOOL_LOOKS_MAX {
            made.insert((chosen, allowed), Arc::clone(&detector));
        }
        detector
    }

    /// Whether the answer of a call shows classes to those who may see them.
    pub(super) fn reveals(&self, wanted: Option<&str>, tool: Option<&str>) -> bool {
        let chosen = self.chosen(wanted, tool).and_then(|at| self.profiles.get(at));
        chosen.is_none_or(|profile| profile.reveals)
    }

    fn chosen(&self, wanted: Option<&str>, tool: Option<&str>) -> Option<usize> {
        if let Some(wanted) = wanted {
            let asked = self.profiles.iter().position(|profile| *profile.name == *wanted);
            if asked.is_some() {
                return asked;
            }
        }
        let tool = tool?;
        let named = |globs: &[Glob]| globs.iter().any(|glob| glob.matches(tool));
        self.tools.iter().find(|(globs, _)| named(globs)).map(|(_, place)| *place)
    }

    /// The rules of `allow` that name a tool.
    fn allowed(&self, tool: &str) -> u64 {
        let named = |globs: &[Glob]| globs.iter().any(|glob| glob.matches(tool));
        let bits = self.allow.iter().enumerate().filter(|(_, (globs, _))| named(globs));
        bits.fold(0, |all, (bit, _)| all | 1 << bit)
    }
}

/// Bits of a set of rules.
const ALLOW_BITS: usize = 64;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Looks, Profile, ToolRules};
    use crate::class::{Class, ClassSet, Form};
    use crate::inspect::{Allowed, Counts, Detector, Settings};
    use crate::limits::TOOL_LOOKS_MAX;

    fn detector(form: Form) -> Arc<Detector> {
        let forms = vec![(Class::Email, form)];
        Arc::new(Detector::new(&Settings { forms, ..Settings::default() }).unwrap())
    }

    fn looks() -> Looks {
        let profile = |name: &str, form, reveals| Profile {
            name: name.into(),
            detector: detector(form),
            reveals,
        };
        let allow = |tool: &str, value: &str| {
            let value = Allowed { class: None, value: value.to_owned() };
            (vec![Box::from(tool)], vec![value])
        };
        let profiles = vec![(vec!["export_*".into(), "dump".into()], Arc::from("strict"))];
        let allow = vec![allow("crm_*", "a@*"), allow("*_all", "b@*")];
        let rules = ToolRules { profiles, allow };
        let all =
            vec![profile("strict", Form::Surrogate, false), profile("soft", Form::Mask, true)];
        Looks::new(detector(Form::Label), all, &rules)
    }

    fn seen(looks: &Looks, wanted: Option<&str>, tool: Option<&str>) -> String {
        let mut counts = Counts::default();
        let detector = looks.detector(wanted, tool);
        detector.redact_text("a@x.de b@x.de", ClassSet::empty(), &mut counts).into_owned()
    }

    #[test]
    fn policy_comes_before_the_tool_and_the_tool_before_the_rest() {
        let looks = looks();
        let strict = "redacted@redacted.invalid redacted@redacted.invalid";
        assert_eq!(seen(&looks, None, Some("read")), "[EMAIL] [EMAIL]");
        assert_eq!(seen(&looks, None, None), "[EMAIL] [EMAIL]");
        assert_eq!(seen(&looks, None, Some("export_csv")), strict);
        assert_eq!(seen(&looks, Some("soft"), Some("dump")), "a***@***.de b***@***.de");
        assert_eq!(seen(&looks, Some("of another server"), Some("dump")), strict);
        assert!(!looks.reveals(None, Some("dump")) && looks.reveals(Some("soft"), Some("dump")));
        assert!(looks.reveals(None, None) && !looks.reveals(Some("strict"), None));
    }

    #[test]
    fn values_are_left_alone_for_their_tools_only() {
        let looks = looks();
        for _ in 0..2 {
            assert_eq!(seen(&looks, None, Some("crm_read")), "a@x.de [EMAIL]");
            assert_eq!(seen(&looks, None, Some("crm_all")), "a@x.de b@x.de");
            assert_eq!(seen(&looks, Some("soft"), Some("crm_x")), "a@x.de b***@***.de");
            assert_eq!(seen(&looks, None, None), "[EMAIL] [EMAIL]");
        }
        assert_eq!(looks.made.lock().unwrap().len(), 3);
        const { assert!(TOOL_LOOKS_MAX > 3) };
    }
}
