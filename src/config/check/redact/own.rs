//! Classes of the file's own: patterns, dictionaries, and what only its place explains.

use std::sync::Arc;

use regex::RegexBuilder;

use super::super::super::model::{CustomClass, FoundBy};
use super::super::super::raw;
use super::super::{At, Context, is_name};
use super::{Known, form, unknown_class};
use crate::class::{CUSTOM_CLASSES_MAX, Class, Form};
use crate::dictionary::{Case, Dictionary};
use crate::limits::{
    CUSTOM_NAME_BYTES_MAX, DICTIONARY_BYTES_MAX, FIELD_NAMES_MAX, FIELD_RULES_MAX,
    KEEP_SYMBOLS_MAX, NAME_BYTES_MAX, PATTERN_BYTES_MAX, PATTERN_PROGRAM_BYTES_MAX,
};

/// The keys that make classes, as typed.
pub(super) struct RawOwn {
    pub(super) custom: Option<Vec<raw::CustomPattern>>,
    pub(super) dictionaries: Option<Vec<raw::Dictionary>>,
    pub(super) fields: Option<Vec<raw::Field>>,
}

/// Classes of the file's own.
#[derive(Default)]
pub(super) struct Own {
    pub(super) classes: Vec<CustomClass>,
    pub(super) forms: Vec<(Class, Form)>,
    pub(super) keep: Vec<(Class, usize)>,
    /// Paths with what they name, in order.
    pub(super) fields: Vec<(Box<str>, Of)>,
}

/// What a field rule names.
pub(super) enum Of {
    /// A class by its name, which is not looked up yet.
    Class(String),
    /// A class of its own.
    Own(Class),
}

impl Own {
    /// Adds a class; its number.
    fn add(&mut self, name: String, found: FoundBy, form: Form) -> Option<Class> {
        let number = u8::try_from(self.classes.len()).ok()?;
        self.classes.push(CustomClass { name, found });
        self.forms.push((Class::Custom(number), form));
        Some(Class::Custom(number))
    }

    fn has(&self, name: &str) -> bool {
        self.classes.iter().any(|own| own.name == name)
    }
}

/// Reads all of them. Numbers follow the kinds: patterns, dictionaries, fields.
pub(super) fn own(cx: &mut Context<'_>, at: &At<'_>, raw: RawOwn) -> Option<Own> {
    let RawOwn { custom, dictionaries, fields } = raw;
    let mut own = Own::default();
    let patterns = patterns(cx, &at.key("custom"), custom, &mut own);
    let dictionaries = self::dictionaries(cx, &at.key("dictionaries"), dictionaries, &mut own);
    let fields = self::fields(cx, &at.key("fields"), fields, &mut own);
    patterns.and(dictionaries).and(fields)?;
    if own.classes.len() > CUSTOM_CLASSES_MAX {
        let message = format!(
            "patterns, dictionaries and fields make more than {CUSTOM_CLASSES_MAX} classes"
        );
        cx.error(at, message, "let fields share a `name`, or join patterns with `|`");
        return None;
    }
    Some(own)
}

fn patterns(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: Option<Vec<raw::CustomPattern>>,
    own: &mut Own,
) -> Option<()> {
    let raw = raw.unwrap_or_default();
    if raw.len() > CUSTOM_CLASSES_MAX {
        let message = format!("more than {CUSTOM_CLASSES_MAX} patterns");
        cx.error(at, message, "join patterns of one meaning with `|`");
        return None;
    }
    let mut sound = Some(());
    for (i, raw) in raw.into_iter().enumerate() {
        let at = at.item(i);
        let raw::CustomPattern { name, pattern, form: typed, keep } = raw;
        let named = self::name(cx, &at.key("name"), &name, own);
        let compiled = compiles(cx, &at.key("pattern"), &pattern);
        let form = typed.map_or(Form::Label, form);
        let keep = kept(cx, &at.key("keep"), keep, form);
        sound = sound.and(named).and(compiled).and(keep.map(|_| ()));
        let class = own.add(name, FoundBy::Pattern(pattern), form);
        own.keep.extend(class.zip(keep.flatten()));
    }
    sound
}

/// How many symbols the mask of a pattern keeps.
fn kept(cx: &mut Context<'_>, at: &At<'_>, keep: Option<u32>, form: Form) -> Option<Option<usize>> {
    let Some(keep) = keep else { return Some(None) };
    let keep = usize::try_from(keep).ok()?;
    if form != Form::Mask {
        let message = format!("`keep` has no effect: the form is `{}`", form.name());
        cx.error(at, message, "write `form: mask`, or remove it");
        return None;
    }
    if keep > KEEP_SYMBOLS_MAX {
        let message = format!("a mask keeps at most {KEEP_SYMBOLS_MAX} symbols");
        cx.error(at, message, format!("write a number from 0 to {KEEP_SYMBOLS_MAX}"));
        return None;
    }
    Some(Some(keep))
}

/// A name that can be a label, and that no other class has.
fn name(cx: &mut Context<'_>, at: &At<'_>, name: &str, own: &Own) -> Option<()> {
    let taken = own.has(name) || Class::from_name(name).is_some() || name == "custom";
    let begins = name.starts_with(|c: char| c.is_ascii_lowercase());
    let short = name.len() <= CUSTOM_NAME_BYTES_MAX;
    if is_name(name) && begins && short && !name.contains('-') && !taken {
        return Some(());
    }
    let why = if taken { "is taken" } else { "is not a name" };
    let help = "use lower-case letters, digits and `_`, and no name of a built-in class";
    cx.error(at, format!("`{}` {why}", at.shown()), help);
    None
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

fn dictionaries(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: Option<Vec<raw::Dictionary>>,
    own: &mut Own,
) -> Option<()> {
    let raw = raw.unwrap_or_default();
    let mut sound = Some(());
    for (i, raw) in raw.into_iter().enumerate() {
        let at = at.item(i);
        let raw::Dictionary { name, file, form: typed, ignore_case } = raw;
        let named = self::name(cx, &at.key("name"), &name, own);
        let case = if ignore_case.unwrap_or(false) { Case::Ignored } else { Case::Exact };
        let words = words(cx, &at.key("file"), &file.0, case);
        let form = typed.map_or(Form::Label, form);
        sound = sound.and(named).and(words.as_ref().map(|_| ()));
        if let Some(words) = words {
            own.add(name, FoundBy::Words(Arc::new(words)), form);
        }
    }
    sound
}

/// The phrases of a file.
fn words(cx: &mut Context<'_>, at: &At<'_>, typed: &str, case: Case) -> Option<Dictionary> {
    let path = cx.resolve(typed);
    let bytes = cx.read(at, &path, DICTIONARY_BYTES_MAX)?;
    let shown = path.display();
    let Ok(text) = String::from_utf8(bytes) else {
        cx.error(at, format!("`{shown}` is not UTF-8 text"), "save it as UTF-8");
        return None;
    };
    match Dictionary::new(text.trim_start_matches('\u{feff}'), case) {
        Ok(words) => Some(words),
        Err(why) => {
            let help = "write a phrase of at most 8 words on each line";
            cx.error(at, format!("`{shown}` cannot be used: {why}"), help);
            None
        }
    }
}

fn fields(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: Option<Vec<raw::Field>>,
    own: &mut Own,
) -> Option<()> {
    let Some(raw) = raw else { return Some(()) };
    if raw.is_empty() || raw.len() > FIELD_RULES_MAX {
        let help = "write `- { path: /customer/ssn, class: us_ssn }`, or remove the key";
        cx.absent(at, format!("a list of 1 to {FIELD_RULES_MAX} rules is expected"), help);
        return None;
    }
    let mut sound = Some(());
    let mut named: Vec<(String, Class, Form)> = Vec::new();
    for (i, raw) in raw.into_iter().enumerate() {
        let at = at.item(i);
        let raw::Field { path, class, name, form: typed } = raw;
        let path_ok = self::path(cx, &at.key("path"), &path);
        if typed.is_some() && class.is_some() {
            let message = "`form` has no effect beside `class`: values have the form of the class";
            cx.error(&at.key("form"), message, "write `name` instead of `class`, or remove it");
        }
        let of = match (class, name) {
            (Some(class), None) => Some(Of::Class(class)),
            (None, Some(name)) => {
                let form = typed.map_or(Form::Label, form);
                field_class(cx, &at, name, form, (&mut named, own)).map(Of::Own)
            }
            (Some(_), Some(_)) | (None, None) => {
                let help =
                    "`class: us_ssn` for a class that there is, `name: remark` for a new one";
                cx.error(&at, "a field has either `class` or `name`", help);
                None
            }
        };
        sound = sound.and(path_ok).and(of.as_ref().map(|_| ()));
        own.fields.extend(of.map(|of| (path.into(), of)));
    }
    sound
}

/// The class of a name that only fields have; rules may share one.
fn field_class(
    cx: &mut Context<'_>,
    at: &At<'_>,
    name: String,
    form: Form,
    (named, own): (&mut Vec<(String, Class, Form)>, &mut Own),
) -> Option<Class> {
    if let Some((_, class, before)) = named.iter().find(|(other, ..)| *other == name) {
        if *before != form {
            let message = format!("`{name}` has the form `{}` in another rule", before.name());
            cx.error(at, message, "write the same `form`, or another `name`");
        }
        return Some(*class);
    }
    self::name(cx, &at.key("name"), &name, own)?;
    let class = own.add(name.clone(), FoundBy::Fields, form)?;
    named.push((name, class, form));
    Some(class)
}

/// A path that some value can have.
fn path(cx: &mut Context<'_>, at: &At<'_>, path: &str) -> Option<()> {
    let names = path.strip_prefix('/').unwrap_or(path);
    let count = names.split(['/', '.']).count();
    let message = if names.split(['/', '.']).any(str::is_empty) {
        "a name of the path is empty".to_owned()
    } else if path.chars().any(char::is_control) || path.len() > NAME_BYTES_MAX {
        format!("the path is longer than {NAME_BYTES_MAX} bytes, or no text")
    } else if count > FIELD_NAMES_MAX {
        format!("the path has more than {FIELD_NAMES_MAX} names")
    } else {
        return Some(());
    };
    cx.error(at, message, "write it like `/customer/ssn`, or `**.card*`");
    None
}

/// Field rules with the classes that they name.
pub(super) fn resolved(
    cx: &mut Context<'_>,
    at: &At<'_>,
    fields: Vec<(Box<str>, Of)>,
    known: Known<'_>,
) -> Option<Vec<(Box<str>, Class)>> {
    let mut all = Vec::new();
    for (i, (path, of)) in fields.into_iter().enumerate() {
        let at = at.item(i).key("class");
        let class = match of {
            Of::Own(class) => Some(class),
            Of::Class(name) => {
                let class = known.class(&name);
                match class {
                    None => unknown_class(cx, &at, &name, known.custom),
                    Some(class) if !known.finds(class) => {
                        let message = format!("`{name}` is not looked for");
                        cx.absent(&at, message, format!("add `{name}` to `classes`"));
                    }
                    Some(_) => {}
                }
                class
            }
        };
        all.push(class.map(|class| (path, class)));
    }
    all.into_iter().collect()
}
