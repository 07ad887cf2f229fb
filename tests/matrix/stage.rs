//! One gateway with all kinds of servers behind it, shared by the tests that run at the same time.

use std::ffi::OsString;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use super::support::{Gateway, Peer, Scratch, Sdk, Site, free_port, installed, node, source};

/// The servers: what is behind the gateway, and on which SDK.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Server {
    /// A child process of the gateway.
    StdioTs,
    /// A child process of the gateway.
    StdioPy,
    /// HTTP+SSE, the transport of 2024-11-05.
    SseTs,
    /// HTTP+SSE, the transport of 2024-11-05.
    SsePy,
    /// Streamable HTTP of the 2025 era, with sessions.
    StatefulTs,
    /// Streamable HTTP of the 2025 era, with sessions.
    StatefulPy,
    /// Streamable HTTP of 2026-07-28, which refuses the handshake of the older era.
    ModernTs,
    /// Streamable HTTP of 2026-07-28 without state; the configuration says of which era it is.
    ModernPy,
}

/// What runs while at least one test needs it.
pub struct Stage {
    pub site: Site,
    /// Started when it is first needed: the servers are also looked at without it.
    gateway: OnceLock<Gateway>,
    ports: Vec<(Server, u16)>,
    _peers: Vec<Peer>,
}

impl Server {
    pub const ALL: [Self; 8] = [
        Self::StdioTs,
        Self::StdioPy,
        Self::SseTs,
        Self::SsePy,
        Self::StatefulTs,
        Self::StatefulPy,
        Self::ModernTs,
        Self::ModernPy,
    ];

    /// The name in the configuration and in the paths.
    pub fn name(self) -> &'static str {
        match self {
            Self::StdioTs => "stdio-ts",
            Self::StdioPy => "stdio-py",
            Self::SseTs => "sse-ts",
            Self::SsePy => "sse-py",
            Self::StatefulTs => "stateful-ts",
            Self::StatefulPy => "stateful-py",
            Self::ModernTs => "modern-ts",
            Self::ModernPy => "modern-py",
        }
    }

    /// What runs it, with the transport that it shall serve.
    fn command(self, dir: &Scratch, port: u16) -> Vec<OsString> {
        let python = |line: &str, script: &str| -> Vec<OsString> {
            vec![installed(line).into(), source("../matrix").join(script).into()]
        };
        let (mut command, mode) = match self {
            Self::StdioTs => (node("legacy-server.mjs"), Some("stdio")),
            Self::SseTs => (node("legacy-server.mjs"), Some("sse")),
            Self::StatefulTs => (node("legacy-server.mjs"), Some("http")),
            Self::StdioPy => (python("py1/bin/python", "legacy-server.py"), Some("stdio")),
            Self::SsePy => (python("py1/bin/python", "legacy-server.py"), Some("sse")),
            Self::StatefulPy => (python("py1/bin/python", "legacy-server.py"), Some("http")),
            Self::ModernTs => (node("modern-server.mjs"), None),
            Self::ModernPy => (python("py2/bin/python", "modern-server.py"), None),
        };
        command.extend(mode.map(OsString::from));
        command.push(dir.path("").into());
        if !matches!(self, Self::StdioTs | Self::StdioPy) {
            command.push(port.to_string().into());
        }
        command
    }

    /// The `upstream` of its entry in the gateway's configuration.
    fn upstream(self, dir: &Scratch, port: u16) -> String {
        match self {
            Self::StdioTs | Self::StdioPy => {
                let command = self.command(dir, port);
                let words: Vec<_> = command.iter().map(|word| word.to_str().unwrap()).collect();
                format!("{{ command: {} }}", serde_json::json!(words))
            }
            Self::SseTs | Self::SsePy => {
                format!("{{ url: {}, transport: http-sse }}", self.own_url(port))
            }
            // It would also do as a server of the older era; here it shall not.
            Self::ModernPy => format!("{{ url: {}, era: modern }}", self.own_url(port)),
            Self::StatefulTs | Self::StatefulPy | Self::ModernTs => self.own_url(port),
        }
    }

    fn own_url(self, port: u16) -> String {
        let path = if matches!(self, Self::SseTs | Self::SsePy) { "sse" } else { "mcp" };
        format!("http://127.0.0.1:{port}/{path}")
    }
}

impl Stage {
    /// The running one, or a new one.
    pub fn shared() -> Arc<Self> {
        static RUNNING: Mutex<Weak<Stage>> = Mutex::new(Weak::new());
        // A test that failed to start one leaves nothing half done behind.
        let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(stage) = running.upgrade() {
            return stage;
        }
        let stage = Arc::new(Self::start());
        *running = Arc::downgrade(&stage);
        stage
    }

    fn start() -> Self {
        let callers: Vec<_> = CALLERS.iter().map(|name| (*name, SCOPES)).collect();
        let site = Site::new(&callers);
        let ports: Vec<_> = Server::ALL.iter().map(|server| (*server, free_port())).collect();
        let mut peers = Vec::new();
        for (server, port) in &ports {
            if !matches!(server, Server::StdioTs | Server::StdioPy) {
                let command = server.command(&site.dir, *port);
                let command: Vec<_> = command.iter().map(OsString::as_os_str).collect();
                peers.push((Peer::start(server.name(), &command, &site.dir, &[]), *port));
            }
        }
        for (peer, port) in &mut peers {
            peer.wait_for_port(*port);
        }
        let peers = peers.into_iter().map(|(peer, _)| peer).collect();
        Self { site, gateway: OnceLock::new(), ports, _peers: peers }
    }

    /// The gateway in front of all the servers.
    pub fn gateway(&self) -> &Gateway {
        self.gateway.get_or_init(|| {
            let entries = self.ports.iter().map(|(server, port)| entry(&self.site, *server, *port));
            self.site.gateway(&entries.collect::<String>())
        })
    }

    /// Where `client` finds `server`: through the gateway.
    pub fn url(&self, client: Sdk, server: Server) -> String {
        let sse = matches!(client, Sdk::Ts1Sse | Sdk::Py1Sse);
        self.site.url(&format!("/{}{}", server.name(), if sse { "/sse" } else { "" }))
    }

    /// Where the server itself listens.
    pub fn direct(&self, server: Server) -> String {
        server.own_url(self.ports.iter().find(|(each, _)| *each == server).unwrap().1)
    }

    /// A token of `caller` for `server`.
    pub fn token(&self, caller: &str, server: Server) -> String {
        self.site.idp.token(caller, &self.site.url(&format!("/{}", server.name())))
    }
}

fn entry(site: &Site, server: Server, port: u16) -> String {
    format!(
        "
  - name: {name}
    public_url: {url}
    upstream: {upstream}
    http_sse: {{ path: /{name}/sse }}
    server_requests: [elicitation]
",
        name = server.name(),
        url = site.url(&format!("/{}", server.name())),
        upstream = server.upstream(&site.dir, port),
    )
}

/// Who calls: a principal for each client, and some who must not see each other.
const CALLERS: [&str; 9] =
    ["ts1", "py1", "ts2", "py2", "ts1-sse", "py1-sse", "alice", "bob", "carol"];
const SCOPES: &str = "mcp.tools.list mcp.tools.invoke mcp.resources.list mcp.resources.read \
                      mcp.prompts.list mcp.prompts.get";
