//! One file for each group of parts, and the configuration they share.

pub mod audit;
pub mod callers;
pub mod decisions;
pub mod memory;
pub mod messages;
pub mod policies;

use std::path::PathBuf;
use std::sync::Arc;

use sallyport::config::{self, Config, Server, Source, Strictness};

pub const ISSUER: &str = "https://issuer.test";
pub const RESOURCE: &str = "https://gateway.test/mcp";

/// A checked configuration whose issuer has the given keys; its directory ends with it.
pub struct World {
    config: Config,
    dir: PathBuf,
}

impl World {
    pub fn new(jwks: &str) -> Self {
        let dir = directory("world");
        std::fs::write(dir.join("jwks.json"), jwks).unwrap();
        let source = Source { path: Some(dir.join("sallyport.yaml")), text: CONFIG.to_owned() };
        let checked = config::check(&source, &|_| None, Strictness::Normal).unwrap();
        Self { config: checked.config, dir }
    }

    pub fn server(&self) -> &Arc<Server> {
        &self.config.servers[0]
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// A directory below the build directory: the usual temporary one may be memory.
pub fn directory(name: &str) -> PathBuf {
    let name = format!("bench-{name}-{}", std::process::id());
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&path).unwrap();
    path
}

/// Rules as a real one has: some by scope, some by role, the rest open.
const CONFIG: &str = r#"
listen: 127.0.0.1:0
issuers:
  - issuer: https://issuer.test
    keys: { file: jwks.json }
    roles_claim: roles
    tenant_claim: tenant
servers:
  - name: bench
    public_url: https://gateway.test/mcp
    upstream: http://127.0.0.1:9/mcp
    tools:
      - { match: "admin.*", deny: true }
      - { match: "crm.export*", scopes: [crm:export], roles: [manager] }
      - { match: "crm.*", scopes: [crm:read] }
      - { match: "notes.*", roles: [support] }
      - { match: "search.*" }
"#;
