//! The child process of a server: its program, its arguments and all that it may know.
//!
//! Guarantees: the program is a file that exists, by its whole path, so that nothing is looked
//! for when it is started; its environment holds what is named here and a few basics, nothing
//! else of the gateway's own.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::super::model::Command;
use super::super::raw::{self, EnvValue};
use super::super::secrets;
use super::{At, Context};
use crate::limits::{STDIO_ARGUMENTS_MAX, STDIO_PROCESSES_BOUND, STDIO_PROCESSES_MAX};
use crate::secret::Secret;

/// What was typed beside the command itself.
pub(super) struct RawCommand {
    pub(super) env: Option<raw::Pairs<EnvValue>>,
    pub(super) env_pass: Option<Vec<String>>,
    pub(super) dir: Option<raw::FilePath>,
    pub(super) processes_max: Option<u32>,
}

pub(super) fn command(
    cx: &mut Context<'_>,
    at: &At<'_>,
    words: Vec<String>,
    raw: RawCommand,
) -> Option<Command> {
    let RawCommand { env, env_pass, dir, processes_max } = raw;
    let command_at = at.key("command");
    let env = environment(cx, at, env, env_pass);
    let dir = self::dir(cx, &at.key("dir"), dir.as_ref());
    let processes_max = processes(cx, &at.key("processes_max"), processes_max);
    let bad = words.iter().any(|word| word.contains('\0'));
    if bad || words.len() > STDIO_ARGUMENTS_MAX {
        let message = "no process can be started with these arguments";
        let help = format!("at most {STDIO_ARGUMENTS_MAX}, without NUL characters");
        cx.error(&command_at, message, help);
        return None;
    }
    let mut words = words.into_iter();
    let Some(program) = words.next() else {
        cx.error(&command_at, "an empty command starts nothing", "write `[program, argument]`");
        return None;
    };
    let env = env?;
    let program = self::program(cx, &command_at.item(0), &program, &env)?;
    Some(Command { program, args: words.collect(), env, dir: dir?, processes_max: processes_max? })
}

/// The program's whole path. A name without a slash is looked for in the `PATH` that the process
/// will have.
fn program(
    cx: &mut Context<'_>,
    at: &At<'_>,
    typed: &str,
    env: &[(String, Secret)],
) -> Option<PathBuf> {
    if typed.contains('/') {
        let path = std::path::absolute(cx.resolve(typed)).ok().filter(|path| is_program(path));
        if path.is_none() {
            let message = format!("`{}` is not a program", at.shown());
            cx.error(
                at,
                message,
                "paths are relative to the folder of this file; is it executable?",
            );
        }
        return path;
    }
    let path = env.iter().rev().find(|(name, _)| name == "PATH");
    let path = path.map(|(_, value)| value.expose().to_vec()).unwrap_or_default();
    let path = String::from_utf8(path).unwrap_or_default();
    let found = std::env::split_paths(&path)
        .filter(|folder| folder.is_absolute() && !typed.is_empty())
        .map(|folder| folder.join(typed))
        .find(|path| is_program(path));
    if found.is_none() {
        let message = format!("the program `{}` is in no folder of `PATH`", at.shown());
        // The most frequent mistake: a whole command line in one text.
        let help = match typed.split_once(char::is_whitespace) {
            Some((program, _)) => format!("write `[{program}, argument]`: there is no shell"),
            None => "install it, or write its whole path".into(),
        };
        cx.error(at, message, help);
    }
    found
}

fn is_program(path: &Path) -> bool {
    std::fs::metadata(path)
        .is_ok_and(|facts| facts.is_file() && facts.permissions().mode() & 0o111 != 0)
}

/// The whole environment: the basics, what is passed on, what is set; later ones win.
fn environment(
    cx: &mut Context<'_>,
    at: &At<'_>,
    set: Option<raw::Pairs<EnvValue>>,
    passed: Option<Vec<String>>,
) -> Option<Vec<(String, Secret)>> {
    let mut all: Vec<(String, Secret)> = Vec::new();
    let mut put = |name: String, value: Secret| {
        all.retain(|(other, _)| *other != name);
        all.push((name, value));
    };
    for name in BASICS {
        if let Some(value) = (cx.env)(name) {
            put(name.to_owned(), Secret::new(value.into_bytes()));
        }
    }
    let mut sound = true;
    let pass_at = at.key("env_pass");
    for (i, name) in passed.into_iter().flatten().enumerate() {
        let at = pass_at.item(i);
        sound &= is_variable(cx, &at, &name);
        match (cx.env)(&name) {
            Some(value) => {
                cx.files.note_secret(&name, value.as_bytes());
                put(name, Secret::new(value.into_bytes()));
            }
            None => {
                let message = format!("the environment variable `{}` is not set", at.shown());
                cx.error(&at, message, "set it, or remove it from the list");
                sound = false;
            }
        }
    }
    let set_at = at.key("env");
    for (name, value) in set.into_iter().flat_map(|pairs| pairs.0) {
        let at = set_at.key(&name);
        sound &= is_variable(cx, &at.named(), &name);
        match value {
            EnvValue::Plain(text) => {
                if SECRETIVE.iter().any(|word| name.to_ascii_uppercase().contains(word)) {
                    cx.hide(&at);
                    let message =
                        format!("`{name}` looks like a secret, and its value stands here");
                    let help = "write `{ file: path }` or `{ env: NAME }`";
                    cx.weak(&at.named(), message, help);
                }
                if text.contains('\0') {
                    cx.error(&at.named(), "a variable cannot hold a NUL character", "remove it");
                    sound = false;
                }
                put(name, Secret::new(text.into_bytes()));
            }
            EnvValue::Secret(reference) => match secrets::secret(cx, &at, &reference) {
                Some(value) if !value.expose().contains(&0) => put(name, value),
                Some(_) => {
                    cx.error(&at, "a variable cannot hold a NUL character", "is it a text?");
                    sound = false;
                }
                None => sound = false,
            },
        }
    }
    sound.then_some(all)
}

fn is_variable(cx: &mut Context<'_>, at: &At<'_>, name: &str) -> bool {
    let sound = secrets::is_variable(name);
    if !sound {
        let message = format!("`{}` is not the name of a variable", super::short(name));
        cx.error(at, message, "write letters, digits and `_`");
    }
    sound
}

fn dir(cx: &mut Context<'_>, at: &At<'_>, raw: Option<&raw::FilePath>) -> Option<PathBuf> {
    let typed = raw.map_or(".", |path| path.0.as_str());
    let path = std::path::absolute(cx.resolve(typed)).ok();
    let path = path.filter(|path| std::fs::metadata(path).is_ok_and(|facts| facts.is_dir()));
    if path.is_none() {
        let message = format!("`{}` is not a folder", at.shown());
        cx.error(at, message, "paths are relative to the folder of this file");
    }
    path
}

fn processes(cx: &mut Context<'_>, at: &At<'_>, raw: Option<u32>) -> Option<usize> {
    let Some(count) = raw else { return Some(STDIO_PROCESSES_MAX) };
    let count = usize::try_from(count).ok().filter(|n| (1..=STDIO_PROCESSES_BOUND).contains(n));
    if count.is_none() {
        let message = format!("`{}` is not a possible number of processes", at.shown());
        cx.error(at, message, format!("write a number from 1 to {STDIO_PROCESSES_BOUND}"));
    }
    count
}

/// What nearly every program needs to run at all, and nothing that opens a door.
const BASICS: [&str; 6] = ["PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR"];

/// Parts of names of variables that hold secrets.
const SECRETIVE: [&str; 6] = ["TOKEN", "SECRET", "PASSWORD", "PASSWD", "API_KEY", "PRIVATE_KEY"];
