//! What is masked in answers: which classes, with which forms, where not, and for whom not.

mod arguments;
mod classes;
mod exceptions;
mod own;
mod profiles;

use super::super::model::{Choice, CustomClass, PseudonymKey, Redact};
use super::super::raw::{self, RedactName};
use super::super::secrets;
use super::super::structure::{nearest, short};
use super::access::{self, Callers};
use super::{At, Context};
use crate::class::{Class, Form, Group};
use crate::limits::NAME_CHARS_MAX;
use own::{Own, RawOwn};

/// The server whose answers these are.
pub(super) struct Home<'a> {
    pub(super) name: &'a str,
    pub(super) callers: &'a Callers<'a>,
}

pub(super) fn redact(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: Option<raw::Redact>,
    home: &Home<'_>,
) -> Option<Redact> {
    let choice = match raw {
        None | Some(raw::Redact::Named(RedactName::Default)) => classes::every(None),
        Some(raw::Redact::Named(RedactName::Off)) => {
            let message = "answers are not looked at: personal data and secrets reach every caller";
            cx.weak(at, message, "remove the key to mask them, or `reveal` classes by scope");
            return Some(Redact::default());
        }
        Some(raw::Redact::Classes(list)) => classes::listed(cx, at, &list)?,
        Some(raw::Redact::Keys(raw)) => return keys(cx, at, *raw, home),
    };
    Some(with_default_reveal(Redact { choice, ..Redact::default() }))
}

fn keys(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: raw::RedactKeys,
    home: &Home<'_>,
) -> Option<Redact> {
    let raw::RedactKeys {
        classes,
        confidence,
        custom,
        dictionaries,
        fields,
        allow,
        profiles,
        tools,
        arguments,
        pseudonyms,
        reveal,
    } = raw;
    let classes_at = at.key("classes");
    let least = confidence.map(classes::confidence);
    let choice = match &classes {
        None => Some(classes::every(least)),
        Some(pairs) => classes::choice(cx, &classes_at, pairs, least),
    };
    let raw_own = RawOwn { custom, dictionaries, fields };
    let own = own::own(cx, at, raw_own);
    let (mut choice, Own { classes: custom, forms, keep, fields }) = choice.zip(own)?;
    choice.forms.extend(forms);
    choice.keep.extend(keep);
    if choice.forms.is_empty() {
        cx.absent(&classes_at, "nothing is looked for", "name classes, or write `redact: off`");
    }
    let known = Known { choice: &choice, custom: &custom };
    let fields = own::resolved(cx, &at.key("fields"), fields, known)?;
    let allow = exceptions::allow(cx, &at.key("allow"), allow, known, home.callers);
    let profiles = profiles::profiles(cx, &at.key("profiles"), profiles, known);
    let of_tools = profiles::tools(cx, &at.key("tools"), tools, profiles.as_deref(), home.callers);
    let arguments = arguments::arguments(cx, &at.key("arguments"), arguments, known, home.callers);
    let reveal = self::reveal(cx, &at.key("reveal"), reveal, known, home.callers);
    let made = profiles.iter().flatten().map(|p| &p.choice).chain([&choice]);
    let used = made.into_iter().any(|choice| choice.has(Form::Pseudonym));
    let pseudonyms = self::pseudonyms(cx, &at.key("pseudonyms"), pseudonyms, used, home.name);
    let mut redact = with_default_reveal(Redact {
        fields,
        allow: allow?,
        profiles: profiles?,
        tools: of_tools?,
        arguments: arguments?,
        pseudonyms: pseudonyms?,
        reveal: Vec::new(),
        choice,
        custom,
    });
    for (class, scopes) in reveal? {
        redact.reveal.retain(|(other, _)| *other != class);
        redact.reveal.push((class, scopes));
    }
    Some(redact)
}

/// What is looked for.
#[derive(Clone, Copy)]
struct Known<'a> {
    choice: &'a Choice,
    custom: &'a [CustomClass],
}

impl Known<'_> {
    /// The class of a name, the file's own first.
    fn class(self, name: &str) -> Option<Class> {
        let own = (0_u8..).zip(self.custom).find(|(_, own)| own.name == name);
        own.map(|(i, _)| Class::Custom(i)).or_else(|| Class::from_name(name))
    }

    fn finds(self, class: Class) -> bool {
        self.choice.form(class).is_some()
    }
}

/// Reports a name that no class has, nor a group where those are possible.
fn unknown_class(cx: &mut Context<'_>, at: &At<'_>, typed: &str, custom: &[CustomClass]) {
    let built_in = Class::BUILTIN.iter().map(|class| class.name().to_owned());
    let names: Vec<String> = built_in.chain(custom.iter().map(|own| own.name.clone())).collect();
    not_among(cx, at, typed, &names, "class");
}

/// Reports a name that no class, preset or country has.
fn unknown_group(cx: &mut Context<'_>, at: &At<'_>, typed: &str, custom: &[CustomClass]) {
    let mut names = Group::names();
    names.extend(custom.iter().map(|own| own.name.clone()));
    not_among(cx, at, typed, &names, "class or preset");
}

fn not_among(cx: &mut Context<'_>, at: &At<'_>, typed: &str, names: &[String], kind: &str) {
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let help = match nearest(typed, &names) {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!("the classes are {}", names.join(", ")),
    };
    cx.error(at, format!("`{}` is not a {kind}", short(typed)), help);
}

fn reveal(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: Option<raw::Pairs<Vec<String>>>,
    known: Known<'_>,
    callers: &Callers<'_>,
) -> Option<Vec<(Class, Vec<Box<str>>)>> {
    let mut all = Vec::new();
    for (name, scopes) in raw.map(|pairs| pairs.0).unwrap_or_default() {
        let at = at.key(&name);
        let class = known.class(&name);
        match class {
            None => unknown_class(cx, &at.named(), &name, known.custom),
            Some(class) if !known.finds(class) => {
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
fn with_default_reveal(redact: Redact) -> Redact {
    let mut classes: Vec<Class> = redact.classes().collect();
    classes.sort_unstable();
    classes.dedup();
    let scope = |class: Class| {
        let name = CustomClass::class_name(&redact.custom, class);
        (class, vec![format!("pii:{name}.read").into()])
    };
    Redact { reveal: classes.into_iter().map(scope).collect(), ..redact }
}

/// The key is there where some class needs it, and nowhere else.
fn pseudonyms(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: Option<raw::PseudonymKey>,
    used: bool,
    server: &str,
) -> Option<Option<PseudonymKey>> {
    let Some(raw::PseudonymKey { key, tenant }) = raw else {
        if used {
            let message = "a class has the form `pseudonym`, and there is no key to make them with";
            let help = "add `pseudonyms: { key: { file: pseudonym.key } }`, made with `openssl rand -base64 32`";
            cx.absent(at, message, help);
            return None;
        }
        return Some(None);
    };
    if !used {
        let message = "this has no effect: no class has the form `pseudonym`";
        cx.absent(at, message, "write `pseudonym` in `classes`, or remove it");
    }
    let key = secrets::key32(cx, &at.key("key"), &key);
    let tenant = tenant.unwrap_or_else(|| server.to_owned());
    let plain = !tenant.is_empty() && !tenant.chars().any(char::is_control);
    if !plain || tenant.chars().count() > NAME_CHARS_MAX {
        let message = "this is not a name";
        let help = format!("write 1 to {NAME_CHARS_MAX} characters");
        cx.error(&at.key("tenant"), message, help);
        return None;
    }
    Some(Some(PseudonymKey { key: key?, tenant: tenant.into() }))
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
