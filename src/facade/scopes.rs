//! Scopes on their way to the provider.
//!
//! Pure. MCP names scopes after actions; some providers know them under a longer name only, or
//! tell from a scope for whom a token is.

use crate::config::{Facade, ResourceShim};

/// The scopes to ask for in place of `asked`: with the prefix, and with the one that stands for
/// the resource. `None` asks for none.
#[must_use]
pub fn mapped(settings: &Facade, asked: Option<&str>) -> Option<String> {
    let mut all: Vec<String> = Vec::new();
    let mut add = |scope: String| {
        if !all.contains(&scope) {
            all.push(scope);
        }
    };
    for scope in asked.unwrap_or_default().split(' ').filter(|scope| !scope.is_empty()) {
        let prefix = settings.scope_prefix.as_deref().unwrap_or_default();
        if OPENID.contains(&scope) || scope.starts_with(prefix) {
            add(scope.to_owned());
        } else {
            add(format!("{prefix}{scope}"));
        }
    }
    if let ResourceShim::Scope(scope) = &settings.resource {
        add(scope.clone());
    }
    (!all.is_empty()).then(|| all.join(" "))
}

/// Scopes of `OpenID` Connect Core sections 5.4 and 11, which belong to no resource.
const OPENID: [&str; 6] = ["openid", "profile", "email", "address", "phone", "offline_access"];

#[cfg(test)]
mod tests {
    use super::mapped;
    use crate::config::ResourceShim;
    use crate::facade::tests::settings;

    #[test]
    fn scopes_get_the_providers_prefix_once_and_those_of_openid_none() {
        let mut settings = settings();
        settings.scope_prefix = Some("api://n/".to_owned());
        let asked = Some("openid mcp.tools.invoke api://n/mcp.tools.invoke  offline_access");
        let expected = "openid api://n/mcp.tools.invoke offline_access";
        assert_eq!(mapped(&settings, asked).as_deref(), Some(expected));
        assert_eq!(mapped(&settings, None), None);
    }

    #[test]
    fn scope_that_stands_for_the_resource_is_asked_for_too() {
        let mut settings = settings();
        assert_eq!(mapped(&settings, Some("a b")).as_deref(), Some("a b"));
        settings.resource = ResourceShim::Scope("aud".to_owned());
        assert_eq!(mapped(&settings, Some("a aud")).as_deref(), Some("a aud"));
        assert_eq!(mapped(&settings, Some("a")).as_deref(), Some("a aud"));
        assert_eq!(mapped(&settings, None).as_deref(), Some("aud"));
    }
}
