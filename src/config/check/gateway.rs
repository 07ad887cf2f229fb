//! How a gateway names itself in its records.

use std::sync::Arc;

use super::super::raw;
use super::{At, Context};
use crate::json;
use crate::limits::GATEWAY_NAME_BYTES_MAX;

/// The value of the record's field `gateway`, as JSON.
pub(super) fn named(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: Option<raw::GatewayName>,
) -> Option<Option<Arc<str>>> {
    let Some(raw::GatewayName { id, pod, namespace, node }) = raw else { return Some(None) };
    let typed = [("id", Some(id)), ("pod", pod), ("namespace", namespace), ("node", node)];
    let mut out = Vec::new();
    let mut sound = true;
    for (key, value) in typed {
        let Some(value) = value else { continue };
        if !is_host_like(&value) {
            let at = at.key(key);
            let message = format!("`{}` cannot name a gateway", at.shown());
            let help = format!(
                "write 1 to {GATEWAY_NAME_BYTES_MAX} letters, digits, `.`, `-` and `_`, such as `${{POD_NAME}}`"
            );
            cx.error(&at, message, help);
            sound = false;
            continue;
        }
        out.extend_from_slice(if out.is_empty() { b"{" } else { b"," });
        json::write_string(&mut out, key);
        out.push(b':');
        json::write_string(&mut out, &value);
    }
    out.push(b'}');
    let text = String::from_utf8(out).ok()?;
    sound.then(|| Some(Arc::from(text)))
}

/// The alphabet of the names that Kubernetes gives to pods, namespaces and nodes, and `_`.
fn is_host_like(text: &str) -> bool {
    (1..=GATEWAY_NAME_BYTES_MAX).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
}
