//! Everything that one configuration means, ready to run.
//!
//! Built whole, then swapped in: an exchange sees one snapshot from first stage to last byte, and
//! a configuration that cannot be built leaves the old one serving (S-66). State that did not
//! change its meaning lives on in the next snapshot: buckets, key caches, connection pools,
//! session keys.

mod detectors;

pub(crate) use detectors::redactor;

use std::sync::Arc;

use bytes::Bytes;

use crate::audit::Log;
use crate::authn::dpop::Nonces;
use crate::authn::{Authenticator, Authn, SetupError};
use crate::authz::{Asker, Authorizer};
use crate::call::{Action, Resource};
use crate::clock::Clock;
use crate::config::{self, Config, Server};
use crate::decode::{BodyBudget, Decoded, Decoder};
use crate::exchange::Exchange;
use crate::facade::{self, Facade};
use crate::guard::Guards;
use crate::hygiene::{Document, Edge};
use crate::inspect::{Detector, DetectorError};
use crate::limit::{self, Limiter, Sharing};
use crate::mcp::elicitation::UrlHosts;
use crate::net::Vet;
use crate::observe::{CallFacts, Configured, Metrics, RouteMetrics, Telemetry};
use crate::outbound::Outbound;
use crate::pins::Pins;
use crate::policy::facts::Arguments;
use crate::principal::Principal;
use crate::reject::{Code, Rejection};
use crate::screen::Screener;
use crate::session::{self, Book, Sealer, Sessions};
use crate::ticket::Tickets;
use crate::upstream::{ClientError, Forwarder, Services};
use crate::{authn, inspect, json, upstream};

/// What does not change with the configuration.
#[derive(Debug, Clone)]
pub struct Shared {
    /// Time.
    pub clock: Clock,
    /// The audit trail.
    pub log: Log,
    /// Metrics.
    pub metrics: Metrics,
    /// Memory budget of request bodies.
    pub budget: BodyBudget,
    /// Keys of issuers and verified tokens, shared by all routes and kept over reloads.
    pub authn: Arc<Authn>,
    /// Sessions that live, and the answers of clients that are awaited.
    pub sessions: Arc<Book>,
    /// The gateway's own requests; its settings follow the configuration.
    pub outbound: Arc<Outbound>,
    /// Traces and access lines; follows the configuration.
    pub telemetry: Arc<Telemetry>,
    /// The Redis of rates that replicas share.
    pub rates: Option<Arc<limit::Store>>,
}

impl Shared {
    /// What forwarders need to get credentials.
    fn services(&self) -> Services {
        Services { clock: self.clock.clone(), outbound: Arc::clone(&self.outbound) }
    }
}

/// One configuration, ready to run.
#[derive(Debug)]
pub struct Snapshot {
    generation: u64,
    hash: Arc<str>,
    config: Arc<Config>,
    vet: Vet,
    edge: Edge,
    gates: Vec<Gates>,
    sessions: Arc<Sessions>,
    tickets: Arc<Tickets>,
}

/// The gates of one route, in the order of the flow.
#[derive(Debug)]
pub struct Gates {
    /// The route.
    pub server: Arc<Server>,
    /// Its RFC 9728 document; none where no tokens are taken.
    pub metadata: Option<Bytes>,
    /// The keys of the gateway's assertions; none where it makes none.
    pub keys: Option<Bytes>,
    /// What stands before its authorization server.
    pub facade: Option<Facade>,
    /// Who.
    pub authn: Authenticator,
    /// What.
    pub decode: Decoder,
    /// May they.
    pub authz: Arc<Authorizer>,
    /// How often.
    pub limit: Limiter,
    /// Is it clean.
    pub guard: Guards,
    /// Which tools may be listed and called, by what the server says of them.
    pub pins: Arc<Pins>,
    /// The server behind.
    pub upstream: Arc<Forwarder>,
    /// The response gate.
    pub screen: Screener,
    /// Its handles.
    pub metrics: Arc<RouteMetrics>,
    /// Masks every class in what records say of arguments.
    scrub: Arc<Detector>,
}

/// Why a configuration that passed its check cannot run.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// An upstream client.
    #[error("server `{server}`: {source}")]
    Upstream {
        /// The server's name.
        server: Arc<str>,
        /// What is wrong.
        source: ClientError,
    },
    /// A detector.
    #[error("server `{server}`: {source}")]
    Detector {
        /// The server's name.
        server: Arc<str>,
        /// What is wrong.
        source: DetectorError,
    },
    /// Issuers.
    #[error("server `{server}`: {source}")]
    Authn {
        /// The server's name.
        server: Arc<str>,
        /// What is wrong.
        source: SetupError,
    },
    /// Session keys.
    #[error("the session key cannot be used: {0}")]
    SessionKey(String),
}

impl Snapshot {
    /// Builds everything; opens no socket.
    ///
    /// # Errors
    /// See [`BuildError`]; nothing of the previous snapshot was touched.
    pub fn build(
        config: Arc<Config>,
        shared: &Shared,
        previous: Option<&Self>,
    ) -> Result<Self, BuildError> {
        let drawn = config.sessions.keys.is_empty();
        let tickets = match previous {
            Some(old) if drawn && old.config.sessions.keys.is_empty() => Arc::clone(&old.tickets),
            Some(_) | None => Arc::new(
                Tickets::new(&config.sessions.keys)
                    .map_err(|e| BuildError::SessionKey(e.to_string()))?,
            ),
        };
        let sealer = match previous {
            // A key drawn at start lives as long as the process: reloads end no session.
            Some(old) if config.sessions.keys.is_empty() && old.config.sessions.keys.is_empty() => {
                Arc::clone(old.sessions.sealer())
            }
            Some(_) | None => Arc::new(
                Sealer::new(&config.sessions.keys)
                    .map_err(|e| BuildError::SessionKey(e.to_string()))?,
            ),
        };
        let config::Sessions { keys: _, lifetime, idle, per_principal } = &config.sessions;
        let policy =
            session::Policy { idle_s: idle.as_secs().max(1), per_principal: *per_principal };
        let sessions =
            Arc::new(Sessions::new(sealer, policy, *lifetime, Arc::clone(&shared.sessions)));
        let nonces = Nonces::of(&config.sessions.keys).map(Arc::new);
        let rates = shared.rates.as_ref().map(|store| Sharing::new(store, &config.sessions.keys));
        let mut gates = Vec::with_capacity(config.servers.len());
        for server in &config.servers {
            let old = previous.and_then(|p| p.gates.iter().find(|g| g.server.name == server.name));
            let nonces = nonces.clone();
            let rates = rates.as_ref();
            let part = Part { shared, sessions: &sessions, tickets: &tickets, nonces, rates };
            gates.push(part.gates(server, old)?);
        }
        Ok(Self {
            generation: previous.map_or(1, |p| p.generation + 1),
            hash: config.hash.as_str().into(),
            vet: Vet::new(&config, &shared.clock, previous.map(|p| &p.vet)),
            edge: Edge::new(&config),
            gates,
            sessions,
            tickets,
            config,
        })
    }

    /// How many configurations came before, plus one.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// What records say of the configuration.
    #[must_use]
    pub fn configured(&self) -> Configured<'_> {
        Configured {
            hash: &self.hash,
            generation: self.generation,
            gateway: self.config.gateway.as_ref(),
        }
    }

    /// Hash of the configuration, for records.
    #[must_use]
    pub fn hash(&self) -> &Arc<str> {
        &self.hash
    }

    /// The configuration itself.
    #[must_use]
    pub fn config(&self) -> &Arc<Config> {
        &self.config
    }

    /// The first gate.
    #[must_use]
    pub fn vet(&self) -> &Vet {
        &self.vet
    }

    /// The second gate.
    #[must_use]
    pub fn edge(&self) -> &Edge {
        &self.edge
    }

    /// Ends all conversations with servers and waits until nothing of them is left.
    pub async fn stop(&self) {
        futures_util::future::join_all(self.gates.iter().map(|gates| gates.upstream.stop())).await;
    }

    /// The gates of a route.
    ///
    /// # Errors
    /// [`Code::Internal`], which cannot happen: hygiene found the index in the same snapshot.
    pub fn gates(&self, index: usize) -> Result<&Gates, Rejection> {
        self.gates
            .get(index)
            .ok_or_else(|| Rejection::new(Code::Internal, "the route has no gates"))
    }

    /// Whether this configuration would still allow what an open stream was allowed for.
    #[must_use]
    pub fn still_allows(
        &self,
        server: &str,
        asker: Asker<'_>,
        action: Action,
        resource: &Resource,
        arguments: Option<&json::Document>,
    ) -> bool {
        let principal = asker.principal;
        let arguments = match arguments {
            Some(document) => Arguments::Json(document.root()),
            None => Arguments::None,
        };
        self.gates.iter().find(|g| g.server.name.as_ref() == server).is_some_and(|g| {
            g.authn.still_admits(principal)
                && g.authn.still_accepts(principal)
                && g.authz.still(asker, action, resource, arguments)
        })
    }

    /// Notes that a known caller of a server was refused, for what policies see of risk.
    pub fn note_refusal(&self, server: Option<&str>, principal: Option<&Principal>, code: Code) {
        let gates = self.gates.iter().find(|gates| Some(&*gates.server.name) == server);
        if let Some((gates, principal)) = gates.zip(principal) {
            gates.authz.refused(principal, code);
        }
    }

    /// The sessions.
    #[must_use]
    pub fn sessions(&self) -> &Arc<Sessions> {
        &self.sessions
    }

    /// Whether any server's tools are pinned.
    #[must_use]
    pub fn has_pins(&self) -> bool {
        self.config.servers.iter().any(|server| server.tool_pins.is_some())
    }

    /// Writes which definitions of tools wait for approval, where that changed. Blocks on the disk.
    pub fn save_pins(&self) {
        for gates in &self.gates {
            if let Err(error) = gates.pins.save() {
                let server = gates.server.name.as_ref();
                tracing::warn!(server, %error, "what waits for approval cannot be written");
            }
        }
    }

    /// Forgets idle keys of every limiter, and ends idle sessions and conversations; called on a
    /// timer.
    pub fn sweep(&self) {
        self.sessions.sweep();
        self.vet.sweep();
        for gates in &self.gates {
            gates.limit.sweep();
            if let Some(facade) = &gates.facade {
                facade.sweep();
            }
            gates.upstream.sweep();
        }
    }
}

impl Gates {
    /// A public document about the route.
    ///
    /// # Errors
    /// 404 for what this route has not.
    pub fn document(&self, document: Document) -> Result<Bytes, Rejection> {
        let (found, none) = match document {
            Document::ProtectedResource => (&self.metadata, "this server takes no tokens"),
            Document::Keys => (&self.keys, "the gateway signs nothing for this server"),
            // What a facade says is fetched; see `pipeline::facade`.
            Document::AuthorizationServer => (&None, "the gateway is no authorization server"),
        };
        found.clone().ok_or_else(|| Rejection::new(Code::RouteUnknown, none))
    }

    /// What the record says of a call: names and masked arguments, never a raw value.
    #[must_use]
    pub fn facts(&self, ex: &Exchange<Decoded>) -> CallFacts {
        let call = ex.call();
        let mut counts = inspect::Counts::default();
        let none = crate::class::ClassSet::empty();
        let resource_name = self.scrub.redact_text(call.resource.name(), none, &mut counts).into();
        let (params, params_masked) = crate::observe::masked_arguments(call, &self.scrub);
        CallFacts {
            operation: call.operation.clone(),
            action: call.action,
            resource: call.resource.clone(),
            resource_name,
            subject: call.subject.clone(),
            params,
            params_masked,
            session: ex.session().map(|s| s.hash().into()),
            bytes_in: ex.plan().body.len() as u64,
            rpc_id: ex.rpc_id().cloned(),
        }
    }
}

/// What all routes of one build have in common.
struct Part<'a> {
    shared: &'a Shared,
    sessions: &'a Arc<Sessions>,
    tickets: &'a Arc<Tickets>,
    /// Nonces that replicas share, where they share a key.
    nonces: Option<Arc<Nonces>>,
    /// Rates that they share.
    rates: Option<&'a Sharing>,
}

impl Part<'_> {
    fn gates(&self, server: &Arc<Server>, old: Option<&Gates>) -> Result<Gates, BuildError> {
        let clock = &self.shared.clock;
        let before = old.map(|old| &*old.authz);
        let authz = Arc::new(Authorizer::new(server, clock, before));
        let upstream = match old {
            Some(old) if Forwarder::serves(&old.server, server) => Arc::clone(&old.upstream),
            Some(_) | None => {
                Arc::new(Forwarder::new(server, &self.shared.services()).map_err(|source| {
                    BuildError::Upstream { server: Arc::clone(&server.name), source }
                })?)
            }
        };
        // What another server showed says nothing of this one's tools.
        let same = old.filter(|old| Arc::ptr_eq(&old.upstream, &upstream));
        let seen = same.map_or_else(Arc::default, |old| Arc::clone(old.pins.seen()));
        let pins = Arc::new(Pins::new(server, seen, clock.clone()));
        for (tool, shape) in server.tool_shapes.iter().flatten() {
            if let Some(schema) = &shape.output {
                upstream.outputs().suggest(tool, schema.as_bytes());
            }
        }
        Ok(Gates {
            metadata: authn::metadata::document(server),
            keys: upstream::key_set(server),
            facade: Facade::new(
                server,
                facade::Services {
                    clock: clock.clone(),
                    outbound: Arc::clone(&self.shared.outbound),
                    tickets: Arc::clone(self.tickets),
                    budget: self.shared.budget.clone(),
                },
                old.and_then(|old| old.facade.as_ref()),
            ),
            authn: Authenticator::new(&self.shared.authn, server)
                .map_err(|source| BuildError::Authn { server: Arc::clone(&server.name), source })?
                .with_nonces(self.nonces.as_ref()),
            decode: Decoder::new(
                Arc::clone(server),
                Arc::clone(self.sessions),
                Arc::clone(self.tickets),
                Arc::clone(upstream.mirrors()),
                self.shared.budget.clone(),
            ),
            limit: Limiter::new(server, clock, self.rates, old.map(|o| &o.limit)),
            guard: Guards::new(server.guard)
                .with_pins(Arc::clone(&pins))
                .with_values(detectors::arguments(server)?),
            screen: Screener {
                server: Arc::clone(server),
                looks: detectors::looks(server)?,
                authz: Arc::clone(&authz),
                sessions: Arc::clone(self.sessions),
                tickets: Arc::clone(self.tickets),
                mirrors: Arc::clone(upstream.mirrors()),
                outputs: Arc::clone(upstream.outputs()),
                pins: Arc::clone(&pins),
                url_hosts: UrlHosts::new(&server.url_hosts),
                unfinished: old.map_or_else(Arc::default, |o| Arc::clone(&o.screen.unfinished)),
                clock: clock.clone(),
            },
            authz,
            upstream,
            pins,
            metrics: Arc::new(self.shared.metrics.route(server)),
            scrub: detectors::scrubber(server)?,
            server: Arc::clone(server),
        })
    }
}
