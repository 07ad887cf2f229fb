//! A small valid configuration for the tests of the gates.

use std::sync::Arc;
use std::time::Duration;

use url::Url;

use crate::config::{
    Access, Audit, Auth, Config, Confinement, Durability, Endpoint, EraPin, Guard, GuardMode, Log,
    Outbound, Profile, Proof, Redact, Revocation, RouteLimits, Server, Sessions, Transport,
    Upstream,
};

/// A configuration with these servers.
pub fn config(servers: Vec<Server>) -> Config {
    Config {
        listeners: Vec::new(),
        admin: None,
        gateway: None,
        audit: Audit {
            dir: "audit".into(),
            durability: Durability::Durable,
            origin: None,
            signing_key: None,
            checkpoint_records: 1,
            checkpoint_interval: Duration::from_secs(1),
            segment_bytes: 1 << 20,
            segment_age: Duration::from_secs(3600),
            anchors: Vec::new(),
            sinks: Vec::new(),
            retention: Vec::new(),
            legal_holds: None,
            subjects: None,
        },
        servers: servers.into_iter().map(Arc::new).collect(),
        issuers: Vec::new(),
        trusted_proxies: Vec::new(),
        trusted_mesh: None,
        per_address: None,
        shared_limits: None,
        sessions: Sessions {
            keys: Vec::new(),
            lifetime: Duration::from_secs(60),
            idle: Duration::from_secs(60),
            per_principal: 8,
        },
        confinement: Confinement::Off,
        outbound: Outbound { ca_pem: None, networks: Vec::new(), timeout: Duration::from_secs(1) },
        revocation: Revocation::default(),
        redis: None,
        telemetry: crate::config::Telemetry::default(),
        log: Log { filter: "info".to_owned(), json: true },
        hash: String::new(),
        files: Vec::new(),
        warnings: Vec::new(),
    }
}

/// An MCP server with this public URL; host and path follow from it.
pub fn server(name: &str, public_url: &str) -> Server {
    let url = Url::parse(public_url).unwrap();
    let host = match url.port() {
        Some(port) => format!("{}:{port}", url.host_str().unwrap()),
        None => url.host_str().unwrap().to_owned(),
    };
    Server {
        name: name.into(),
        resource: public_url.into(),
        path: url.path().to_owned(),
        hosts: vec![host],
        public_url: url,
        origins: Vec::new(),
        profile: Profile::Mcp,
        upstream: upstream(),
        auth: Auth::Tokens(Vec::new()),
        client_identities: Vec::new(),
        proof: Proof::default(),
        access: Access::default(),
        limits: RouteLimits::default(),
        guard: Guard {
            path: GuardMode::Off,
            url: GuardMode::Off,
            sql: GuardMode::Off,
            shell: GuardMode::Off,
            hidden_text: GuardMode::Off,
        },
        redact: Redact::default(),
        allow_networks: Vec::new(),
        body_bytes_max: 1024,
        batches: false,
        http_sse: None,
        url_hosts: Vec::new(),
        tool_pins: None,
        facade: None,
        roles: Vec::new(),
        views: Vec::new(),
        tool_shapes: None,
        policy: None,
    }
}

fn upstream() -> Upstream {
    Upstream {
        transport: Transport::Streamable(Endpoint {
            url: Url::parse("http://127.0.0.1:9/mcp").unwrap(),
            socket: None,
        }),
        era: EraPin::Auto,
        credential: None,
        identity: None,
        ca: None,
        connect_timeout: Duration::from_secs(1),
        head_timeout: Duration::from_secs(1),
        idle_timeout: Duration::from_secs(1),
        stream_idle_timeout: Duration::from_secs(1),
        answer_bytes_max: 1024,
    }
}
