//! The lines of a record: what stands in which phase, in which order.
//!
//! Every field is one of the schema, [`SCHEMA`](super::SCHEMA); tests hold what is written here
//! against it.

use std::time::SystemTime;

use bytes::Bytes;

use super::places::write_places;
use super::words::end_name;
use super::{Record, Stage, State};
use crate::body::Closed;
use crate::limits;
use crate::observe::line::{Line, cut};
use crate::reject::Rejection;
use crate::screen::Deeds;

impl Record {
    /// The record that must be durable before anything is forwarded.
    pub(super) fn intended(&self) -> Bytes {
        let mut line = self.head("intent", self.at);
        self.request_facts(&mut line);
        line.word("decision", "allow");
        if let Some(rule) = &self.rule {
            line.text("rule", rule, limits::AUDIT_TEXT_BYTES_MAX);
        }
        self.write_judged(&mut line);
        line.words("guard_hits", self.guard_hits.iter().map(|(guard, _)| *guard));
        self.write_in_arguments(&mut line);
        self.configured(&mut line);
        line.finish()
    }

    /// The record of a refusal. After the intent it is the call's completion.
    pub(super) fn refusal(&self, rejection: &Rejection) -> Bytes {
        let row = rejection.code.row();
        let forwarded = self.state == State::Intended;
        let mut line = self.head(if forwarded { "completion" } else { "refused" }, self.at);
        self.request_facts(&mut line);
        line.word("decision", if forwarded { "allow" } else { "deny" });
        line.word("code", row.code);
        line.text("reason", &rejection.internal, limits::AUDIT_TEXT_BYTES_MAX);
        if !forwarded {
            self.write_judged(&mut line);
        }
        line.words("guard_hits", self.guard_hits.iter().map(|(guard, _)| *guard));
        if let Some(limit) = rejection.rate_limit {
            line.word("limit", limit.policy);
        }
        line.number("status_code", u64::from(row.status));
        self.times(&mut line);
        self.configured(&mut line);
        line.finish()
    }

    pub(super) fn completion(&self, status: u16, closed: Closed, outcome: &Deeds) -> Bytes {
        self.ended("completion", status, closed, outcome)
    }

    pub(super) fn ended(&self, phase: &str, status: u16, closed: Closed, outcome: &Deeds) -> Bytes {
        let mut line = self.head(phase, self.at + self.started.elapsed());
        self.names(&mut line);
        line.number("status_code", u64::from(status));
        self.times(&mut line);
        line.number("bytes_out", closed.bytes);
        line.word("end", end_name(closed.end, outcome));
        let named = |(class, count)| (outcome.name_of(class), u64::from(count));
        line.counts("redactions", outcome.redacted.iter().map(named));
        line.counts("revealed", outcome.revealed.iter().map(named));
        write_places(&mut line, outcome);
        self.write_tried(&mut line, outcome);
        line.counts("dropped", outcome.dropped.iter().copied());
        line.counts("structured", outcome.fits.iter().copied());
        line.counts("server_requests", outcome.asked.iter().copied());
        line.counts("tools_quarantined", outcome.quarantined.iter().copied());
        if outcome.changed_tools > 0 {
            line.number("tools_changed", outcome.changed_tools);
        }
        line.finish()
    }

    pub(super) fn head(&self, phase: &str, at: SystemTime) -> Line {
        let mut line = Line::new();
        line.word("timestamp", &humantime::format_rfc3339_micros(at).to_string());
        line.word("kind", "call");
        line.word("phase", phase);
        if let Some(gateway) = &self.gateway {
            line.raw("gateway", gateway.as_bytes());
        }
        line.word("request_id", &self.request_id);
        if let Some(trace) = &self.trace_id {
            line.word("trace_id", trace);
        }
        if let Some(batch) = &self.batch {
            line.word("batch", batch);
        }
        line
    }

    /// The facts by which people search: in every record of the exchange.
    pub(super) fn names(&self, line: &mut Line) {
        let max = limits::AUDIT_TEXT_BYTES_MAX;
        if let Some(server) = &self.server {
            line.word("server", server);
        }
        if let Some(visit) = &self.visit {
            visit.names(line);
        }
        if let Some(p) = &self.principal {
            line.text("client", p.client_id.as_deref().unwrap_or(&p.subject), max);
            line.text("user_id", &p.subject, max);
            if !p.issuer.is_empty() {
                line.text("issuer", &p.issuer, max);
            }
        }
        if let Some(call) = &self.call {
            line.text("operation", &call.operation, max);
            line.word("action", call.action.name());
            line.text("resource", &call.resource_name, max);
            if let Some(session) = &call.session {
                line.word("session_id", session);
            }
        }
    }

    pub(super) fn request_facts(&self, line: &mut Line) {
        let max = limits::AUDIT_TEXT_BYTES_MAX;
        self.names(line);
        line.word("listener", &self.peer.listener);
        if let Some(ip) = self.client_ip {
            line.word("client_ip", &ip.to_string());
        }
        if let Some(p) = &self.principal {
            line.word("auth_method", p.method.name());
            if let Some(proven) = &p.confirmation {
                line.word("proof", proven.name());
            }
            if let Some(id) = &p.token_id_hash {
                line.word("token_id", id);
            }
            if p.unconfirmed {
                line.word("token_check", "grace");
            }
            if let Some(certificate) = &p.certificate {
                line.text("certificate", &certificate.name, max);
                line.word("certificate_source", certificate.source.name());
            }
            line.words("roles", p.roles.iter().map(|r| cut(r, max)).take(limits::AUDIT_ROLES_MAX));
        }
        if let Some(call) = &self.call {
            if let Some(subject) = &call.subject {
                line.text("subject", subject, max);
            }
            if let Some(params) = &call.params {
                line.raw("params", params);
            }
            line.number("bytes_in", call.bytes_in);
        }
    }

    /// By which configuration it was decided.
    pub(super) fn configured(&self, line: &mut Line) {
        line.word("config", &self.config_hash);
        line.number("generation", self.generation);
    }

    /// The whole time, and that of each stage that was reached.
    pub(super) fn times(&self, line: &mut Line) {
        line.millis("latency_ms", self.elapsed_micros());
        let stages = Stage::ALL.iter().zip(self.stages).filter(|(_, micros)| *micros > 0);
        line.times("stages_ms", stages.map(|(stage, micros)| (stage.name(), u64::from(micros))));
    }

    pub(super) fn elapsed_micros(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}
