//! Whether the process confines itself.

use super::super::model::Confinement;
use super::super::raw;
use super::{At, Context};

/// On, unless the file says otherwise.
pub(super) fn confinement(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: Option<raw::Confinement>,
) -> Confinement {
    match raw {
        None | Some(raw::Confinement::On) => Confinement::On,
        Some(raw::Confinement::Off) => {
            let message =
                "a gateway that is broken into may read, write and start what its user may";
            cx.weak(
                at,
                message,
                "remove the key, and give the files that it needs folders of their own",
            );
            Confinement::Off
        }
    }
}
