//! stub
use std::path::Path; use std::net::SocketAddr;
/// x
#[derive(Debug)]
pub struct DevKey;
/// x
#[derive(Debug)]
#[allow(missing_docs)]
pub struct Claims { pub issuer: String, pub subject: String, pub client_id: String, pub audience: String, pub scope: String, pub roles: Vec<String>, pub issued_at_s: u64, pub expires_at_s: u64 }
#[allow(missing_docs)]
impl DevKey { pub fn load(_: &Path) -> anyhow::Result<Self> { Ok(Self) } pub fn load_or_create(_: &Path) -> anyhow::Result<Self> { Ok(Self) } pub fn mint(&self, _: &Claims) -> anyhow::Result<String> { Ok(String::new()) } }
/// x
#[derive(Debug)]
#[allow(missing_docs)]
pub struct Client { pub id: String, pub secret: String, pub scope: String, pub roles: Vec<String> }
/// x
/// # Errors
/// x
pub async fn start(_: DevKey, _: Vec<Client>, _: tokio_util::sync::CancellationToken) -> anyhow::Result<SocketAddr> { anyhow::bail!("x") }
