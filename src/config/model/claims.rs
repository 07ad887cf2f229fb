//! What the claims of an issuer's tokens mean.

use std::sync::Arc;

/// Which claims say who calls, and which a token must have.
///
/// A claim is named by its whole name, which may hold dots, or by a path of names with dots
/// between them, in which `\.` is a dot of a name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Claims {
    /// Claims that a token must have, all of them.
    pub required: Vec<RequiredClaim>,
    /// Claim that holds the client. `None`: `client_id`, else `azp`.
    pub client: Option<String>,
    /// Claim that holds the scopes. `None`: `scope`, else `scp`.
    pub scopes: Option<String>,
    /// Claim that holds groups.
    pub groups: Option<String>,
    /// Claim that holds the session at the issuer. `None`: `sid`.
    pub session: Option<String>,
    /// Claim that holds how risky the issuer finds the caller.
    pub risk: Option<String>,
    /// Claims that policies may ask for, by the names they have there.
    pub attributes: Vec<(Arc<str>, String)>,
    /// Scopes that stand for others.
    pub hierarchy: ScopeHierarchy,
}

/// A claim that a token must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequiredClaim {
    /// The claim.
    pub claim: String,
    /// Values of which it must have one; empty: any but `null`.
    pub values: Vec<ClaimValue>,
}

/// A value of a claim, compared exactly and with its type: `1` is not `"1"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClaimValue {
    /// A string.
    Text(String),
    /// A whole number.
    Number(i64),
    /// A truth value.
    Truth(bool),
}

/// Scopes that stand for others, followed to the end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScopeHierarchy {
    /// Sorted by the first name; the second holds everything that it stands for.
    all: Vec<(Box<str>, Vec<Box<str>>)>,
}

/// A scope that stands for itself, by way of others or directly.
#[derive(Debug, PartialEq, Eq)]
pub struct Circle {
    /// The scopes in order; the last stands for the first.
    pub scopes: Vec<Box<str>>,
}

impl ScopeHierarchy {
    /// From what each scope stands for directly.
    ///
    /// # Errors
    /// The first circle.
    pub fn new(direct: &[(Box<str>, Vec<Box<str>>)]) -> Result<Self, Circle> {
        let mut all = Vec::with_capacity(direct.len());
        for (scope, _) in direct {
            all.push((scope.clone(), reached(direct, scope)?));
        }
        all.sort_unstable();
        Ok(Self { all })
    }

    /// Everything that a granted scope stands for beside itself.
    #[must_use]
    pub fn implied(&self, scope: &str) -> &[Box<str>] {
        let found = self.all.binary_search_by(|(name, _)| name.as_ref().cmp(scope)).ok();
        found.and_then(|at| self.all.get(at)).map_or(&[], |(_, implied)| implied)
    }

    /// Whether no scope stands for another.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }
}

/// All that can be reached from a scope, which must not be the scope itself. A walk with a stack:
/// each scope is entered once, so that its cost is bounded by the number of names.
fn reached(direct: &[(Box<str>, Vec<Box<str>>)], start: &str) -> Result<Vec<Box<str>>, Circle> {
    let mut found: Vec<Box<str>> = Vec::new();
    // With the way to each: whoever made the circle has to see it.
    let mut open: Vec<Vec<Box<str>>> = vec![vec![start.into()]];
    while let Some(way) = open.pop() {
        let last = way.last().map_or(start, AsRef::as_ref);
        let below = direct.iter().filter(|(name, _)| **name == *last).flat_map(|(_, below)| below);
        for next in below {
            if **next == *start {
                return Err(Circle { scopes: way });
            }
            if !found.contains(next) {
                found.push(next.clone());
                let mut way = way.clone();
                way.push(next.clone());
                open.push(way);
            }
        }
    }
    found.sort_unstable();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::{Circle, ScopeHierarchy};

    fn hierarchy(direct: &[(&str, &[&str])]) -> Result<ScopeHierarchy, Circle> {
        let own = |names: &[&str]| names.iter().map(|n| Box::from(*n)).collect();
        let direct: Vec<(Box<str>, Vec<Box<str>>)> =
            direct.iter().map(|(name, below)| (Box::from(*name), own(below))).collect();
        ScopeHierarchy::new(&direct)
    }

    fn implied(hierarchy: &ScopeHierarchy, scope: &str) -> Vec<String> {
        hierarchy.implied(scope).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn scopes_stand_for_others_to_the_end_and_never_upwards() {
        let found = hierarchy(&[("b", &["c", "d"]), ("a", &["b"]), ("d", &["e"])]).unwrap();
        assert_eq!(implied(&found, "a"), ["b", "c", "d", "e"]);
        assert_eq!(implied(&found, "b"), ["c", "d", "e"]);
        assert_eq!(implied(&found, "e"), [""; 0]);
        assert_eq!(implied(&found, "A"), [""; 0]);
    }

    #[test]
    fn two_ways_to_one_scope_are_no_circle() {
        let found = hierarchy(&[("a", &["b", "c"]), ("b", &["d"]), ("c", &["d"])]).unwrap();
        assert_eq!(implied(&found, "a"), ["b", "c", "d"]);
    }

    #[test]
    fn circle_is_found_and_shown_whole() {
        for (direct, length) in [
            (&[("a", &["a"][..])][..], 1),
            (&[("a", &["b"]), ("b", &["a"])], 2),
            (&[("x", &["a"]), ("a", &["b"]), ("b", &["c"]), ("c", &["a"])], 3),
        ] {
            assert_eq!(hierarchy(direct).unwrap_err().scopes.len(), length, "{direct:?}");
        }
    }
}
