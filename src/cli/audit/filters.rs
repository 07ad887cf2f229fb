//! What records a command is about, as it is typed.

use std::path::Path;
use std::time::SystemTime;

use clap::Args;
use jiff::Timestamp;

use super::super::progress::Progress;
use super::super::say;
use crate::audit::search::{Event, Field, Query};

#[derive(Debug, Args)]
pub(super) struct Filters {
    /// Who called: `client` or `user_id`
    #[arg(long, value_name = "NAME")]
    principal: Option<String>,
    /// Tool, prompt, URI or namespace
    #[arg(long, visible_alias = "tool", value_name = "NAME")]
    resource: Option<String>,
    /// The person whose data was touched
    #[arg(long, value_name = "NAME")]
    subject: Option<String>,
    /// The protected server
    #[arg(long, value_name = "NAME")]
    server: Option<String>,
    /// `action` or `operation`: `tools.invoke`, `tools/call`
    #[arg(long, value_name = "NAME")]
    action: Option<String>,
    /// Whether it was forwarded
    #[arg(long, value_parser = ["allow", "deny"])]
    decision: Option<String>,
    /// The refusal's name
    #[arg(long, value_name = "NAME")]
    code: Option<String>,
    /// One request, or the messages of one batch
    #[arg(long, value_name = "ID")]
    request_id: Option<String>,
    /// One session, by its hash
    #[arg(long, value_name = "HASH")]
    session: Option<String>,
    /// One trace
    #[arg(long, value_name = "ID")]
    trace: Option<String>,
    /// A class of values that were found, masked or shown
    #[arg(long, value_name = "CLASS")]
    class: Option<String>,
    /// How far the call had come
    #[arg(long, value_parser = ["intent", "completion", "refused", "batch", "document", "revoked", "undone", "changed"])]
    phase: Option<String>,
    /// From when: RFC 3339, or how long ago: `2h`, `3d`
    #[arg(long, value_name = "TIME", value_parser = stamp, allow_hyphen_values = true)]
    since: Option<String>,
    /// Until when, exclusive
    #[arg(long, value_name = "TIME", value_parser = stamp, allow_hyphen_values = true)]
    until: Option<String>,
}

impl Filters {
    /// The query, or what is wrong with it.
    pub(super) fn query(self) -> Result<Query, String> {
        if let (Some(since), Some(until)) = (&self.since, &self.until)
            && since >= until
        {
            return Err(format!("--since {since} is not before --until {until}"));
        }
        let mut query = Query::default();
        for (field, value) in [
            (Field::Request, self.request_id),
            (Field::Session, self.session),
            (Field::Trace, self.trace),
            (Field::Principal, self.principal),
            (Field::Subject, self.subject),
            (Field::Resource, self.resource),
            (Field::Server, self.server),
            (Field::Action, self.action),
            (Field::Decision, self.decision),
            (Field::Code, self.code),
            (Field::Class, self.class),
            (Field::Phase, self.phase),
        ] {
            match value {
                Some(value) if value.is_empty() => {
                    return Err("an empty value finds nothing: leave the option out".to_owned());
                }
                Some(value) => query.add(field, &value),
                None => {}
            }
        }
        if let Some(since) = self.since {
            query.since(since);
        }
        if let Some(until) = self.until {
            query.until(until);
        }
        Ok(query)
    }
}

/// A time as records write it.
pub(super) fn stamp(text: &str) -> Result<String, String> {
    let time = match text.parse::<Timestamp>() {
        Ok(time) => SystemTime::from(time),
        Err(_) => humantime::parse_duration(text)
            .ok()
            .and_then(|ago| SystemTime::now().checked_sub(ago))
            .filter(|time| *time >= SystemTime::UNIX_EPOCH)
            .ok_or("neither a time (2026-11-23T06:00:00Z) nor how long ago (2h, 3d)")?,
    };
    if time < SystemTime::UNIX_EPOCH {
        return Err("before 1970".to_owned());
    }
    Ok(humantime::format_rfc3339_micros(time).to_string())
}

/// Whether a search may start there: a log's directory or one file of it.
pub(super) fn is_log(path: &Path) -> Result<(), String> {
    let holds = |name: &str| path.join(name).exists();
    if path.is_dir() && holds("audit.jsonl") {
        return Err(format!("`{}` holds a log of the older format", path.display()));
    }
    Ok(())
}

/// Says on stderr how a search goes; each kind of trouble a few times at most.
pub(super) fn teller(progress: &mut Progress) -> impl FnMut(Event<'_>) {
    let mut bad = 0;
    move |event| match event {
        Event::At(done, total) => progress.of(done, total),
        Event::NoIndex(path, error) => {
            progress.clear();
            say(&format!("no index is kept in `{}`: {error}; reading without", path.display()));
        }
        Event::NotARecord(path, at) => {
            bad += 1;
            if bad <= SAID_MAX {
                progress.clear();
                let path = path.display();
                say(&format!("sallyport: `{path}` holds no whole record at byte {at}"));
            }
        }
    }
}

const SAID_MAX: u32 = 10;
