//! What a record looks like outside: our own JSON, OCSF, ECS, CEF.
//!
//! Pure: a line of the log in, a text on one line out. Guarantees that nothing is added which is
//! not in the record, and that no value of a record can end a line or a field.

use bytes::Bytes;
use serde_json::Value;

use crate::config::SinkFormat;

mod cef;
mod ecs;
mod ocsf;

/// A line that cannot be turned into another format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the line is no JSON object")]
pub struct FormatError;

/// A line of the log in another format.
///
/// # Errors
/// [`FormatError`] for what is no JSON object; `json` takes any line.
pub fn convert(format: SinkFormat, line: &Bytes) -> Result<Bytes, FormatError> {
    let record = || match serde_json::from_slice(line) {
        Ok(Value::Object(record)) => Ok(Value::Object(record)),
        Ok(_) | Err(_) => Err(FormatError),
    };
    match format {
        SinkFormat::Json => Ok(line.clone()),
        SinkFormat::Ocsf => Ok(ocsf::event(&record()?, line).to_string().into()),
        SinkFormat::Ecs => Ok(ecs::document(&record()?, line).to_string().into()),
        SinkFormat::Cef => Ok(cef::line(&record()?).into()),
    }
}

/// When a record was made, in milliseconds since 1970, read from its line.
#[must_use]
pub fn unix_ms(line: &[u8]) -> Option<u64> {
    let at = memchr::memmem::find(line, TIMESTAMP)? + TIMESTAMP.len();
    let rest = line.get(at..)?;
    let text = rest.get(..memchr::memchr(b'"', rest)?)?;
    let time = humantime::parse_rfc3339(std::str::from_utf8(text).ok()?).ok()?;
    let since = time.duration_since(std::time::UNIX_EPOCH).ok()?;
    u64::try_from(since.as_millis()).ok()
}

/// A text member, by its path.
fn text<'r>(record: &'r Value, path: &str) -> Option<&'r str> {
    path.split('.').try_fold(record, |at, name| at.get(name))?.as_str()
}

/// A whole number, by its name.
fn number(record: &Value, name: &str) -> Option<u64> {
    record.get(name)?.as_u64()
}

const TIMESTAMP: &[u8] = b"\"timestamp\":\"";

#[cfg(test)]
mod tests;
