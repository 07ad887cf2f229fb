//! Which guards look at arguments.

use super::super::model::{Guard, GuardMode};
use super::super::raw;
use super::{At, Context};

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
