//! Which definitions of a server's tools were approved.

use super::super::files::FileError;
use super::super::model::{Approved, NewTools, Profile, ToolPins};
use super::super::pins::{approved, read_pins};
use super::super::raw;
use super::{At, Context};
use crate::limits::PINS_FILE_BYTES_MAX;

pub(super) fn tool_pins(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: Option<raw::ToolPins>,
    profile: Option<&Profile>,
) -> Option<Option<ToolPins>> {
    let Some(raw::ToolPins { file, new }) = raw else { return Some(None) };
    if matches!(profile, Some(Profile::Rest(_))) {
        let message = "`tool_pins` has no effect on a REST server: it lists no tools";
        cx.error(at, message, "remove it, or write `profile: mcp`");
        return None;
    }
    let new = match new {
        None | Some(raw::NewTools::Quarantine) => NewTools::Quarantine,
        Some(raw::NewTools::Allow) => NewTools::Allow,
    };
    let at = at.key("file");
    let file = cx.resolve(&file.0);
    let approved = match (cx.files.read(&file, PINS_FILE_BYTES_MAX), new) {
        (Err(FileError::Missing), NewTools::Quarantine) => {
            let message = format!("`{}` does not exist: no tool is approved", file.display());
            cx.warn(
                &at,
                message,
                "approve tools with `sallyport pins approve` once they were seen",
            );
            Approved::default()
        }
        // Nothing would be pinned, and nobody would notice.
        (Err(why @ FileError::Missing), NewTools::Allow) => {
            let message = format!("`{}`: {why}", file.display());
            cx.error(&at, message, "write `{ \"version\": 1, \"tools\": [] }` into it to begin");
            return None;
        }
        (Err(why), _) => {
            cx.error(&at, format!("`{}`: {why}", file.display()), "is it the right file?");
            return None;
        }
        (Ok(bytes), _) => match read_pins(bytes) {
            Ok(pins) => approved(&pins),
            Err(why) => {
                let message = format!("`{}`: {why}", file.display());
                cx.error(&at, message, "write it with `sallyport pins approve`");
                return None;
            }
        },
    };
    Some(Some(ToolPins { file, new, approved }))
}
