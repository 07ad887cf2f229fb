//! Reads the facts about a caller out of verified claims, as the issuer's configuration maps them.
//!
//! Pure. Assumes that the signature was verified with a key of the issuer. Guarantees: a required
//! claim that is missing or has another value refuses the token; so does a mapped claim of the
//! wrong type, with too many values, or of which the token says that it stands elsewhere: a list
//! that was cut could hide a group that a policy forbids. Scopes are those that were granted and
//! all for which they stand, so that every later stage sees the same ones.
//!
//! The subject is always `sub`: sign-outs and revocations name it, and claims that look like one
//! (`email`, `preferred_username`) are given to somebody else one day, or chosen by the caller.

use std::sync::Arc;

use super::error::TokenError;
use crate::config::{ClaimValue, Claims, Issuer, RequiredClaim, ScopeHierarchy};
use crate::json::{Kind, Value};
use crate::limits::CLAIM_VALUES_MAX;
use crate::principal::{Attributes, Scopes};

/// How one issuer's claims are read.
#[derive(Debug)]
pub struct Mapping {
    required: Vec<(Path, Vec<ClaimValue>)>,
    client: Option<Path>,
    scopes: Option<Path>,
    roles: Option<Path>,
    groups: Option<Path>,
    tenant: Option<Path>,
    session: Path,
    risk: Option<Path>,
    attributes: Vec<(Arc<str>, Path)>,
    hierarchy: ScopeHierarchy,
}

/// What was read, but for the subject.
#[derive(Debug, PartialEq, Eq)]
pub struct Facts {
    /// `client_id` or `azp`, or the mapped claim.
    pub client_id: Option<Arc<str>>,
    /// Granted scopes and those for which they stand.
    pub scopes: Scopes,
    /// Values of the roles claim.
    pub roles: Vec<Arc<str>>,
    /// Values of the groups claim.
    pub groups: Vec<Arc<str>>,
    /// Value of the tenant claim.
    pub tenant: Option<Arc<str>>,
    /// Value of the session claim.
    pub session: Option<Arc<str>>,
    /// Value of the risk claim.
    pub risk: Option<Arc<str>>,
    /// Values of the claims that policies ask for, by the names they have there.
    pub attributes: Attributes,
}

impl Mapping {
    /// As the configuration of `issuer` says.
    #[must_use]
    pub fn of(issuer: &Issuer) -> Self {
        let Claims { required, client, scopes, groups, session, risk, attributes, hierarchy } =
            &issuer.claims;
        let path = |name: &Option<String>| name.as_deref().map(Path::of);
        let required = required.iter();
        Self {
            required: required
                .map(|RequiredClaim { claim, values }| (Path::of(claim), values.clone()))
                .collect(),
            client: path(client),
            scopes: path(scopes),
            roles: path(&issuer.roles_claim),
            groups: path(groups),
            tenant: path(&issuer.tenant_claim),
            session: Path::of(session.as_deref().unwrap_or("sid")),
            risk: path(risk),
            attributes: attributes
                .iter()
                .map(|(name, claim)| (Arc::clone(name), Path::of(claim)))
                .collect(),
            hierarchy: hierarchy.clone(),
        }
    }

    /// Reads claims.
    ///
    /// # Errors
    /// [`TokenError::RequiredClaim`], or [`TokenError::Claim`] and [`TokenError::MappedClaim`]
    /// where a claim is not what it has to be.
    pub fn read(&self, claims: Value<'_>) -> Result<Facts, TokenError> {
        if let Some((path, _)) = self
            .required
            .iter()
            .find(|(path, values)| !path.find(claims).is_some_and(|found| holds(found, values)))
        {
            return Err(TokenError::RequiredClaim(path.whole.clone()));
        }
        let many = |path: &Option<Path>| match path {
            Some(path) => path.texts(claims),
            None => Ok(Vec::new()),
        };
        let one = |path: &Option<Path>| match path {
            Some(path) => path.scalar(claims),
            None => Ok(None),
        };
        Ok(Facts {
            client_id: self.client_id(claims)?,
            scopes: self.scopes(claims)?,
            roles: many(&self.roles)?,
            groups: many(&self.groups)?,
            tenant: self.tenant(claims)?,
            session: self.session.scalar(claims)?,
            risk: one(&self.risk)?,
            attributes: self.attributes(claims)?,
        })
    }

    pub(super) fn client_id(&self, claims: Value<'_>) -> Result<Option<Arc<str>>, TokenError> {
        match &self.client {
            Some(path) => match path.find(claims).map(|found| found.as_str()) {
                None => Ok(None),
                Some(Some(text)) if is_printable(&text) => Ok(Some(Arc::from(text.as_ref()))),
                Some(Some(_) | None) => Err(path.wrong("a printable string")),
            },
            None => {
                let name = if claims.get("client_id").is_some() { "client_id" } else { "azp" };
                let id = text(claims, name)?;
                let expected = "a printable string";
                let printable = id.as_deref().is_none_or(is_printable);
                printable.then_some(id).ok_or(TokenError::Claim { name, expected })
            }
        }
    }

    /// A claim that is not there has no entry, so that a policy can ask whether it is.
    fn attributes(&self, claims: Value<'_>) -> Result<Attributes, TokenError> {
        let mut all = Vec::with_capacity(self.attributes.len());
        for (name, path) in &self.attributes {
            let values = path.words(claims)?;
            if path.find(claims).is_some() {
                all.push((Arc::clone(name), values));
            }
        }
        Ok(all)
    }

    /// One value, or a list of one: of several, which one isolates the caller would be chance.
    fn tenant(&self, claims: Value<'_>) -> Result<Option<Arc<str>>, TokenError> {
        let Some(path) = &self.tenant else { return Ok(None) };
        let mut found = path.texts(claims)?;
        match (found.pop(), found.is_empty()) {
            (tenant, true) => Ok(tenant),
            (_, false) => Err(path.wrong("one tenant")),
        }
    }

    /// `scope` as a string (RFC 8693 section 4.2) or, as some issuers write it, an array; else
    /// `scp`; or the mapped claim alone.
    pub(super) fn scopes(&self, claims: Value<'_>) -> Result<Scopes, TokenError> {
        let plain = |name| claims.get(name).map(|value| (value, name));
        let granted = match &self.scopes {
            Some(path) => path.find(claims).map(|value| {
                scope_names(value).ok_or_else(|| path.wrong("a string or an array of strings"))
            }),
            None => plain("scope").or_else(|| plain("scp")).map(|(value, name)| {
                let expected = "a string or an array of strings";
                scope_names(value).ok_or(TokenError::Claim { name, expected })
            }),
        };
        let granted = granted.transpose()?.unwrap_or_default();
        let granted = Scopes::from_names(granted.iter().map(AsRef::as_ref));
        if granted.iter().count() > CLAIM_VALUES_MAX {
            return Err(TokenError::Claim { name: "scope", expected: "a list of bounded length" });
        }
        if self.hierarchy.is_empty() {
            return Ok(granted);
        }
        let implied = |scope| self.hierarchy.implied(scope).iter().map(AsRef::as_ref);
        Ok(Scopes::from_names(granted.iter().flat_map(|own| implied(own).chain([own]))))
    }
}

/// The names of a scope claim; `None` for what is neither a string nor an array of strings.
fn scope_names(value: Value<'_>) -> Option<Vec<Box<str>>> {
    match value.kind() {
        Kind::String => Some(value.as_str()?.split(' ').map(Box::from).collect()),
        Kind::Array => value.items().map(|item| Some(Box::from(item.as_str()?.as_ref()))).collect(),
        Kind::Object | Kind::Number | Kind::True | Kind::False | Kind::Null => None,
    }
}

/// Whether a claim has one of the values; with none named, whether it is anything but `null`. A
/// list has those of its items.
fn holds(found: Value<'_>, values: &[ClaimValue]) -> bool {
    if values.is_empty() {
        return !found.is_null();
    }
    let is_one = |found: Value<'_>| {
        values.iter().any(|wanted| match wanted {
            ClaimValue::Text(text) => found.is_str(text),
            ClaimValue::Number(number) => found.as_i64() == Some(*number),
            ClaimValue::Truth(truth) => found.as_bool() == Some(*truth),
        })
    };
    match found.kind() {
        Kind::Array => found.items().any(is_one),
        Kind::String | Kind::Number | Kind::True | Kind::False | Kind::Null | Kind::Object => {
            is_one(found)
        }
    }
}

/// A claim by its whole name, which may hold dots itself (`https://example.com/roles`), else by a
/// path of names with dots between them (`realm_access.roles`), in which `\.` is a dot of a name.
#[derive(Debug)]
struct Path {
    whole: Box<str>,
    names: Vec<String>,
}

impl Path {
    fn of(text: &str) -> Self {
        let mut names = vec![String::new()];
        let mut rest = text.chars().peekable();
        while let Some(c) = rest.next() {
            match c {
                '\\' if rest.next_if_eq(&'.').is_some() => add(&mut names, '.'),
                '.' => names.push(String::new()),
                other => add(&mut names, other),
            }
        }
        Self { whole: text.into(), names }
    }

    fn find<'d>(&self, claims: Value<'d>) -> Option<Value<'d>> {
        let below = || self.names.iter().try_fold(claims, |value, name| value.get(name));
        claims.get(&self.whole).or_else(below)
    }

    /// The strings at the claim: one, or an array of them. What is not a string is not a name of
    /// anything that a policy could ask for.
    fn texts(&self, claims: Value<'_>) -> Result<Vec<Arc<str>>, TokenError> {
        let Some(value) = self.find(claims) else {
            return if self.stands_elsewhere(claims) {
                Err(self.wrong("in the token itself"))
            } else {
                Ok(Vec::new())
            };
        };
        let text = |v: Value<'_>| v.as_str().map(|s| Arc::from(s.as_ref()));
        let found: Vec<Arc<str>> = match value.kind() {
            Kind::Array => {
                value.items().filter_map(text).take(CLAIM_VALUES_MAX.saturating_add(1)).collect()
            }
            Kind::String => text(value).into_iter().collect(),
            Kind::Object | Kind::Number | Kind::True | Kind::False | Kind::Null => Vec::new(),
        };
        if found.len() > CLAIM_VALUES_MAX {
            return Err(self.wrong("a list of bounded length"));
        }
        Ok(found)
    }

    /// The same with numbers and truth values as they are written.
    fn words(&self, claims: Value<'_>) -> Result<Vec<Arc<str>>, TokenError> {
        match self.find(claims) {
            Some(value) if matches!(value.kind(), Kind::Number | Kind::True | Kind::False) => {
                let text = std::str::from_utf8(value.raw()).map_err(|_| self.wrong("a value"))?;
                Ok(vec![Arc::from(text)])
            }
            Some(_) | None => self.texts(claims),
        }
    }

    /// The one value at the claim, a string or a number as it is written; empty or `null` is none.
    fn scalar(&self, claims: Value<'_>) -> Result<Option<Arc<str>>, TokenError> {
        let Some(value) = self.find(claims) else { return Ok(None) };
        let text = match value.kind() {
            Kind::Null => return Ok(None),
            Kind::String => value.as_str().map(|s| Arc::from(s.as_ref())),
            Kind::Number => std::str::from_utf8(value.raw()).ok().map(Arc::from),
            Kind::Object | Kind::Array | Kind::True | Kind::False => None,
        };
        let text: Arc<str> = text.ok_or_else(|| self.wrong("a string or a number"))?;
        Ok(Some(text).filter(|text| !text.is_empty()))
    }

    /// OpenID Connect Core section 5.6.2: the token names the claim, its values are to be fetched.
    fn stands_elsewhere(&self, claims: Value<'_>) -> bool {
        let sources = claims.get("_claim_names");
        let first = self.names.first().map(String::as_str).unwrap_or_default();
        sources.is_some_and(|s| s.get(&self.whole).is_some() || s.get(first).is_some())
    }

    fn wrong(&self, expected: &'static str) -> TokenError {
        TokenError::MappedClaim { name: self.whole.clone(), expected }
    }
}

fn add(names: &mut [String], c: char) {
    if let Some(last) = names.last_mut() {
        last.push(c);
    }
}

/// Whether a name can be shown as it is: a NUL or a line end in one makes two readers of a record
/// see two callers.
pub(super) fn is_printable(text: &str) -> bool {
    !text.chars().any(char::is_control)
}

/// A claim that is a string where it is there.
pub(super) fn text(claims: Value<'_>, name: &'static str) -> Result<Option<Arc<str>>, TokenError> {
    match claims.get(name) {
        None => Ok(None),
        Some(value) => match value.as_str() {
            Some(text) => Ok(Some(Arc::from(text.as_ref()))),
            None => Err(TokenError::Claim { name, expected: "a string" }),
        },
    }
}

#[cfg(test)]
mod tests;
