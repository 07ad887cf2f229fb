//! What is masked in answers, and which guards look at arguments.

use crate::limits::PATTERN_BYTES_MAX;
use crate::limits::PATTERN_PROGRAM_BYTES_MAX;
use regex::RegexBuilder;

use super::super::model::{CustomPattern, Guard, GuardMode, Redact, RedactProfile};
use super::super::raw::{self, RedactName};
use super::super::structure::nearest;
use super::access::{self, Callers};
use super::{At, Context, is_name, name_key};
use crate::class::{CUSTOM_CLASSES_MAX, Class, Form};

pub(super) fn redact(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: Option<raw::Redact>,
    callers: &Callers<'_>,
) -> Option<Redact> {
    match raw {
        None | Some(raw::Redact::Named(RedactName::Default)) => {
            let forms = Class::BUILTIN.map(|class| (class, Form::Mask)).to_vec();
            Some(with_default_reveal(forms, Vec::new()))
        }
        Some(raw::Redact::Named(RedactName::Off)) => {
            let message = "answers are not looked at: personal data and secrets reach every caller";
            cx.weak(at, message, "remove the key to mask them, or `reveal` classes by scope");
            Some(Redact::default())
        }
        Some(raw::Redact::Classes(list)) => {
            if list.is_empty() {
                cx.absent(at, "an empty list masks nothing", "name classes, or write `off`");
                return None;
            }
            let forms = classes(
                cx,
                list.iter().enumerate().map(|(i, name)| (at.item(i), name.as_str(), Form::Mask)),
            );
            Some(with_default_reveal(forms?, Vec::new()))
        }
        Some(raw::Redact::Keys(raw)) => keys(cx, at, raw, callers),
    }
}

fn keys(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: raw::RedactKeys,
    callers: &Callers<'_>,
) -> Option<Redact> {
    let raw::RedactKeys { classes, custom, profiles, reveal } = raw;
    let classes_at = at.key("classes");
    let mut forms = match classes {
        None => Some(Class::BUILTIN.map(|class| (class, Form::Mask)).to_vec()),
        Some(pairs) => {
            let typed = pairs.0.iter();
            self::classes(
                cx,
                typed.map(|(name, raw)| (classes_at.key(name), name.as_str(), form(*raw))),
            )
        }
    };
    let custom = self::custom(cx, &at.key("custom"), custom);
    if let Some((forms, custom)) = forms.as_mut().zip(custom.as_ref()) {
        let numbered = (0_u8..).zip(custom).map(|(i, c)| (Class::Custom(i), c.form));
        forms.extend(numbered);
        if forms.is_empty() {
            cx.absent(&classes_at, "nothing is looked for", "name classes, or write `redact: off`");
        }
    }
    let (forms, custom) = forms.zip(custom)?;
    let reveal = self::reveal(
        cx,
        &at.key("reveal"),
        reveal,
        Found { forms: &forms, custom: &custom },
        callers,
    )?;
    let found = Found { forms: &forms, custom: &custom };
    let profiles = self::profiles(cx, &at.key("profiles"), profiles, found)?;
    let mut redact = Redact { profiles, ..with_default_reveal(forms, custom) };
    for (class, scopes) in reveal {
        redact.reveal.retain(|(other, _)| *other != class);
        redact.reveal.push((class, scopes));
    }
    Some(redact)
}

fn classes<'t, 'n>(
    cx: &mut Context<'_>,
    typed: impl Iterator<Item = (At<'t>, &'n str, Form)>,
) -> Option<Vec<(Class, Form)>> {
    let mut all: Vec<Option<(Class, Form)>> = Vec::new();
    for (at, name, form) in typed {
        let class = Class::from_name(name);
        if class.is_none() {
            unknown_class(cx, &at, name, &[]);
        }
        if all.iter().flatten().any(|(other, _)| Some(*other) == class) {
            cx.error(&at, format!("`{name}` stands twice"), "remove one of them");
        }
        if form == Form::Report {
            let message = format!("`report` shows every `{name}` to every caller");
            cx.weak(&at, message, "write `mask` once the counts are as expected");
        }
        all.push(class.map(|class| (class, form)));
    }
    all.into_iter().collect()
}

fn unknown_class(cx: &mut Context<'_>, at: &At<'_>, name: &str, custom: &[CustomPattern]) {
    let names: Vec<&str> = Class::BUILTIN
        .iter()
        .map(|class| class.name())
        .chain(custom.iter().map(|pattern| pattern.name.as_str()))
        .collect();
    let help = match nearest(name, &names) {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!("the classes are {}", names.join(", ")),
    };
    let shown = super::super::structure::short(name);
    cx.error(&at.named(), format!("`{shown}` is not a class"), help);
}

fn custom(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: Option<Vec<raw::CustomPattern>>,
) -> Option<Vec<CustomPattern>> {
    let raw = raw.unwrap_or_default();
    if raw.len() > CUSTOM_CLASSES_MAX {
        let message = format!("more than {CUSTOM_CLASSES_MAX} patterns");
        cx.error(at, message, "join patterns of one meaning with `|`");
        return None;
    }
    let mut all: Vec<Option<CustomPattern>> = Vec::new();
    for (i, raw) in raw.into_iter().enumerate() {
        let at = at.item(i);
        let raw::CustomPattern { name, pattern, form } = raw;
        let taken = all.iter().flatten().any(|other| other.name == name)
            || Class::from_name(&name).is_some()
            || name == "custom";
        let name_ok = is_name(&name) && !name.contains('-') && !taken;
        if !name_ok {
            let at = at.key("name");
            let why = if taken { "is taken" } else { "is not a name" };
            let help = "use lower-case letters, digits and `_`, and no name of a built-in class";
            cx.error(&at, format!("`{}` {why}", at.shown()), help);
        }
        let pattern_ok = compiles(cx, &at.key("pattern"), &pattern).is_some();
        let form = form.map_or(Form::Label, self::form);
        all.push((name_ok && pattern_ok).then_some(CustomPattern { name, pattern, form }));
    }
    all.into_iter().collect()
}

fn compiles(cx: &mut Context<'_>, at: &At<'_>, pattern: &str) -> Option<()> {
    if pattern.len() > PATTERN_BYTES_MAX {
        cx.error(at, format!("the pattern is longer than {PATTERN_BYTES_MAX} bytes"), "split it");
        return None;
    }
    match RegexBuilder::new(pattern).size_limit(PATTERN_PROGRAM_BYTES_MAX).build() {
        Ok(regex) if regex.is_match("") => {
            let message = "the pattern matches the empty text, so it would match everywhere";
            cx.error(at, message, "use `+` instead of `*`, or name at least one character");
            None
        }
        Ok(_) => Some(()),
        Err(regex::Error::CompiledTooBig(_)) => {
            cx.error(at, "the pattern is too large when compiled", "use smaller repetitions");
            None
        }
        Err(why) => {
            // The last line names the mistake; the lines before draw it for a terminal.
            let why = why.to_string();
            let why = why.lines().last().unwrap_or_default().trim_start_matches("error: ");
            let message = format!("not a regular expression: {why}");
            cx.error(at, message, "the syntax is that of the Rust crate `regex`: no look-around");
            None
        }
    }
}

/// What is looked for.
#[derive(Clone, Copy)]
struct Found<'a> {
    forms: &'a [(Class, Form)],
    custom: &'a [CustomPattern],
}

/// Other choices of what is masked, by the names that policies give them.
fn profiles(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: Option<raw::Pairs<raw::RedactProfile>>,
    found: Found<'_>,
) -> Option<Vec<RedactProfile>> {
    let mut all = Vec::new();
    for (name, raw) in raw.map(|pairs| pairs.0).unwrap_or_default() {
        let at = at.key(&name);
        let raw::RedactProfile { classes, reveal } = raw;
        name_key(cx, &at, &name);
        let mut forms = found.forms.to_vec();
        let names_none = classes.as_ref().is_none_or(|pairs| pairs.0.is_empty());
        for (class, raw) in classes.map(|pairs| pairs.0).unwrap_or_default() {
            let at = at.key("classes").key(&class);
            match class_of(&class, found.custom) {
                None => unknown_class(cx, &at, &class, found.custom),
                Some(class) => {
                    forms.retain(|(other, _)| *other != class);
                    forms.push((class, form(raw)));
                }
            }
            if form(raw) == Form::Report {
                cx.weak(&at, "`report` shows it to every caller", "write `mask`");
            }
        }
        let reveals = reveal.unwrap_or(true);
        if reveals && names_none {
            cx.absent(
                &at,
                "this profile changes nothing",
                "name classes, or write `reveal: false`",
            );
        }
        all.push(RedactProfile { name: name.into(), forms, reveals });
    }
    Some(all)
}

fn class_of(name: &str, custom: &[CustomPattern]) -> Option<Class> {
    let own = (0_u8..).zip(custom).find(|(_, pattern)| pattern.name == name);
    own.map(|(i, _)| Class::Custom(i)).or_else(|| Class::from_name(name))
}

fn reveal(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: Option<raw::Pairs<Vec<String>>>,
    found: Found<'_>,
    callers: &Callers<'_>,
) -> Option<Vec<(Class, Vec<Box<str>>)>> {
    let mut all = Vec::new();
    for (name, scopes) in raw.map(|pairs| pairs.0).unwrap_or_default() {
        let at = at.key(&name);
        let class = class_of(&name, found.custom);
        match class {
            None => unknown_class(cx, &at, &name, found.custom),
            Some(class) if !found.forms.iter().any(|(on, _)| *on == class) => {
                let message = format!("`{name}` is not looked for, so there is nothing to reveal");
                cx.absent(&at, message, format!("add `{name}` to `classes`, or remove it here"));
            }
            Some(_) => {}
        }
        let scopes = access::scopes(cx, &at, Some(scopes), callers);
        all.push(class.zip(scopes));
    }
    all.into_iter().collect()
}

/// Every class is shown to who holds `pii:<class>.read`, unless `reveal` says otherwise.
fn with_default_reveal(forms: Vec<(Class, Form)>, custom: Vec<CustomPattern>) -> Redact {
    let reveal = forms
        .iter()
        .map(|(class, _)| {
            let name = CustomPattern::class_name(&custom, *class);
            (*class, vec![format!("pii:{name}.read").into()])
        })
        .collect();
    Redact { forms, custom, reveal, profiles: Vec::new() }
}

fn form(raw: raw::Form) -> Form {
    match raw {
        raw::Form::Mask => Form::Mask,
        raw::Form::Label => Form::Label,
        raw::Form::Surrogate => Form::Surrogate,
        raw::Form::Pseudonym => Form::Pseudonym,
        raw::Form::Drop => Form::Drop,
        raw::Form::Block => Form::Block,
        raw::Form::Report => Form::Report,
    }
}

pub(super) fn guard(cx: &mut Context<'_>, at: &At<'_>, raw: Option<raw::Guard>) -> Guard {
    let each = match raw {
        None => return GUARD,
        Some(raw::Guard::All(raw)) => {
            let mode = mode(raw);
            if mode != GuardMode::Block {
                let message =
                    format!("no argument is refused: `guard` is `{}` for all", at.shown());
                cx.weak(at, message, "remove the key for the defaults, or write `block`");
            }
            return Guard { path: mode, url: mode, sql: mode, shell: mode, hidden_text: mode };
        }
        Some(raw::Guard::Each(each)) => each,
    };
    let raw::GuardModes { path, url, sql, shell, hidden_text } = each;
    let mut one = |key: &str, raw: Option<raw::GuardMode>, default: GuardMode| {
        let mode = raw.map_or(default, mode);
        let weaker =
            mode == GuardMode::Off || mode == GuardMode::Monitor && default == GuardMode::Block;
        if weaker {
            let message = format!("the guard `{key}` refuses nothing");
            cx.warn(&at.key(key), message, "write `block`, or accept it");
        }
        mode
    };
    Guard {
        path: one("path", path, GUARD.path),
        url: one("url", url, GUARD.url),
        sql: one("sql", sql, GUARD.sql),
        shell: one("shell", shell, GUARD.shell),
        hidden_text: one("hidden_text", hidden_text, GUARD.hidden_text),
    }
}

fn mode(raw: raw::GuardMode) -> GuardMode {
    match raw {
        raw::GuardMode::Off => GuardMode::Off,
        raw::GuardMode::Monitor => GuardMode::Monitor,
        raw::GuardMode::Block => GuardMode::Block,
    }
}

/// SQL and shell fragments also stand in honest prose, so they are only counted by default.
const GUARD: Guard = Guard {
    path: GuardMode::Block,
    url: GuardMode::Block,
    sql: GuardMode::Monitor,
    shell: GuardMode::Monitor,
    hidden_text: GuardMode::Block,
};
