//! Fields of a record that say who it was, sealed under a key of that person.
//!
//! Owns the form of `sealed` in a record. Assumes bodies as `observe` and `revocation` make them.
//! Guarantees that with a [`Sealer`] no body is stored whose naming fields are readable: what
//! cannot be sealed is refused. The tree covers the sealed text, so destroying a key
//! ([`super::shred`]) changes no byte of the log.
//!
//! A text is bound to its record (request, time, kind, phase) and to its keys: moved, it does not
//! open. A person is a name and the issuer whose word it is. What names the caller is under the caller's key, whose data was touched under that
//! person's, and what may name both under both: either end of a key ends it.

mod ending;
mod store;

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

pub(super) use ending::{Answer, Pending, Refused};
use store::SubjectKey;
pub use store::{Person, Sealer, SubjectError, Subjects};

/// A part of a record that a key opens.
#[derive(Debug, Serialize, Deserialize)]
struct Part {
    /// Id of the key.
    key: String,
    /// Id of the key that opens what the first one opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    also: Option<String>,
    /// Nonce, sealed members and tag.
    text: String,
}

/// A part that was not opened, as people are shown it.
#[derive(Debug, Serialize)]
struct Shut {
    #[serde(flatten)]
    part: Part,
    state: &'static str,
}

/// The members of an object in their order, values as they stand.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'de> Visitor<'de> for Each {
            type Value = Vec<(String, &'de RawValue)>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut all = Vec::with_capacity(40);
                while let Some(member) = map.next_entry()? {
                    all.push(member);
                }
                Ok(all)
            }
        }
        deserializer.deserialize_map(Each).map(Self)
    }
}

impl Members<'_> {
    fn text(&self, name: &str) -> Option<String> {
        let (_, value) = self.0.iter().find(|(found, _)| found == name)?;
        serde_json::from_str(value.get()).ok()
    }
}

/// Whose key a member goes under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Names {
    Nobody,
    Caller,
    Person,
    Both,
}

/// What a member of a record may name. `known` says that it was forwarded: the name of a tool or
/// a prompt is the server's then, and not a text of the caller.
fn names(member: &str, known: bool) -> Names {
    match member {
        "client" | "user_id" | "client_ip" | "session_id" | "token_id" | "certificate"
        | "roles" => Names::Caller,
        "subject" | "value" => Names::Person,
        "params" | "policy_input" | "reason" | "argument_places" | "redaction_places" => {
            Names::Both
        }
        "resource" if !known => Names::Both,
        _ => Names::Nobody,
    }
}

impl Sealer {
    /// The body with every naming member sealed. Bodies of the log about itself stay.
    ///
    /// # Errors
    /// [`SubjectError`]; nothing may be stored then.
    pub fn seal(&self, body: &[u8]) -> Result<Vec<u8>, SubjectError> {
        let members: Members<'_> = serde_json::from_slice(body).map_err(|_| SubjectError::Body)?;
        let word = |name| members.text(name).unwrap_or_default();
        let (kind, phase, time) = (word("kind"), word("phase"), word("timestamp"));
        if kind != "call" && kind != "revocation" {
            return Ok(body.to_vec());
        }
        let action = word("action");
        let served = action.starts_with("tools.") || action.starts_with("prompts.");
        let known = served && phase != "refused";
        let mut parts = [String::new(), String::new(), String::new()];
        let mut out = String::with_capacity(body.len() * 2);
        for (name, value) in &members.0 {
            let text = match (names(name, known), &mut parts) {
                (Names::Nobody, _) => &mut out,
                (Names::Caller, [caller, _, _]) => caller,
                (Names::Person, [_, person, _]) => person,
                (Names::Both, [_, _, both]) => both,
            };
            text.push(if text.is_empty() { '{' } else { ',' });
            // A member's name is a word of ours; a string takes everything.
            let _ = write!(text, "\"{name}\":{}", value.get());
        }
        let [mut own, person, both] = parts;
        if [&own, &person, &both].iter().all(|part| part.is_empty()) {
            return Ok(body.to_vec());
        }
        let caller = members.text("user_id").filter(|name| name != "anonymous");
        // Of callers without a name a day's have a key.
        let day = || format!("\0day {}", time.get(..DAY_BYTES).unwrap_or_default());
        let whose = if caller.is_some() { word("issuer") } else { String::new() };
        let caller = caller.unwrap_or_else(day);
        let touched = members.text("subject").or_else(|| members.text("value"));
        let touched = touched.filter(|name| *name != caller);
        // Whose data it is, the caller's issuer names, or the order that revokes.
        let issuer = word("issuer");
        let about = identity(&word("request_id"), &time, &kind, &phase);
        let mut sealed = Vec::new();
        if let Some(touched) = touched {
            let (first, second) = (self.key(&whose, &caller)?, self.key(&issuer, &touched)?);
            sealed.push(part(&about, &first, None, own)?);
            sealed.push(part(&about, &second, None, person)?);
            sealed.push(part(&about, &first, Some(&second), both)?);
        } else {
            for more in [person, both].iter().filter_map(|part| part.strip_prefix('{')) {
                own.push(if own.is_empty() { '{' } else { ',' });
                own.push_str(more);
            }
            sealed.push(part(&about, &*self.key(&whose, &caller)?, None, own)?);
        }
        let sealed: Vec<_> = sealed.into_iter().flatten().collect();
        out.push_str(if out.is_empty() { "{\"sealed\":" } else { ",\"sealed\":" });
        out.push_str(&serde_json::to_string(&sealed).map_err(|_| SubjectError::Body)?);
        out.push('}');
        Ok(out.into_bytes())
    }

    /// A line of the log with what can be opened in the place of `sealed`, and what cannot left
    /// there, with a `state` that says why: `erased`, `no_key` or `damaged`.
    #[must_use]
    pub fn open(&self, line: &[u8]) -> Vec<u8> {
        self.opened(line).unwrap_or_else(|| line.to_vec())
    }

    fn opened(&self, line: &[u8]) -> Option<Vec<u8>> {
        let mut record: Map<String, Value> = serde_json::from_slice(line).ok()?;
        let parts: Vec<Part> = serde_json::from_value(record.get("sealed")?.clone()).ok()?;
        let word = |name: &str| record.get(name).and_then(Value::as_str).unwrap_or_default();
        let about = identity(word("request_id"), word("timestamp"), word("kind"), word("phase"));
        let (mut shut, mut found) = (Vec::new(), Vec::new());
        for part in parts {
            match self.open_part(&about, &part) {
                Some(members) => found.push(members),
                None => shut.push(Shut { state: self.state(&part), part }),
            }
        }
        let tail = record.shift_remove("mac");
        record.shift_remove("sealed");
        for (name, value) in found.into_iter().flatten() {
            // What stands in the clear is never replaced.
            record.entry(name).or_insert(value);
        }
        if !shut.is_empty() {
            record.insert("sealed".to_owned(), serde_json::to_value(shut).ok()?);
        }
        if let Some(mac) = tail {
            record.insert("mac".to_owned(), mac);
        }
        serde_json::to_vec(&record).ok()
    }

    /// Why a part does not open.
    fn state(&self, part: &Part) -> &'static str {
        let ids = || [Some(&part.key), part.also.as_ref()].into_iter().flatten();
        match () {
            () if ids().any(|id| self.is_ended(id)) => ERASED,
            () if ids().any(|id| self.by_id(id).is_none()) => "no_key",
            () => "damaged",
        }
    }

    fn open_part(&self, about: &str, part: &Part) -> Option<Map<String, Value>> {
        let first = self.by_id(&part.key)?;
        let second = match &part.also {
            Some(id) => Some(self.by_id(id)?),
            None => None,
        };
        let aad = bound(about, &first, second.as_deref());
        let mut text = first.open(&aad, &STANDARD_NO_PAD.decode(&part.text).ok()?)?;
        if let Some(second) = second {
            text = second.open(&aad, &text)?;
        }
        serde_json::from_slice(&text).ok()
    }
}

/// What a sealed text is bound to, beside its keys. JSON texts cannot hold a raw zero byte unless
/// they are ours, so that no two records share one.
fn identity(request: &str, time: &str, kind: &str, phase: &str) -> String {
    format!("{request}\0{time}\0{kind}\0{phase}")
}

fn bound(about: &str, key: &SubjectKey, also: Option<&SubjectKey>) -> Vec<u8> {
    let also = also.map_or("", SubjectKey::id);
    format!("{about}\0{}\0{also}", key.id()).into_bytes()
}

/// Seals members; the inner key first.
fn part(
    about: &str,
    key: &SubjectKey,
    also: Option<&SubjectKey>,
    mut members: String,
) -> Result<Option<Part>, SubjectError> {
    if members.is_empty() {
        return Ok(None);
    }
    members.push('}');
    let aad = bound(about, key, also);
    let mut text = members.into_bytes();
    if let Some(also) = also {
        text = also.seal(&aad, text)?;
    }
    let text = STANDARD_NO_PAD.encode(key.seal(&aad, text)?);
    let (key, also) = (key.id().to_owned(), also.map(|also| also.id().to_owned()));
    Ok(Some(Part { key, also, text }))
}

/// What is said of a part whose key was destroyed.
pub(super) const ERASED: &str = "erased";
const DAY_BYTES: usize = "2026-11-23".len();

#[cfg(test)]
mod tests;
