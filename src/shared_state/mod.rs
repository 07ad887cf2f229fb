//! Redis, as far as several replicas share state in it.
//!
//! Owns the connection: TLS, login, short timeouts, reconnection. Knows nothing of what is kept
//! there. Guarantees: a question is answered or refused within [`SHARED_STATE_CONNECT_MS`] and
//! [`SHARED_STATE_ANSWER_MS`]; a connection that was lost is made again by itself, and no question
//! is queued until then; no error text holds an address, a name or a password.

mod look;

use std::fmt;
use std::time::Duration;

use futures_util::StreamExt;
use redis::aio::{ConnectionManager, ConnectionManagerConfig, PubSub};
use redis::{
    Client, FromRedisValue, IntoConnectionInfo, RedisConnectionInfo, RedisError, TlsCertificates,
    ToRedisArgs,
};
use tokio::time::timeout;

use crate::config;
use crate::limits::{SHARED_STATE_ANSWER_MS, SHARED_STATE_CONNECT_MS};

pub use look::{Look, Uses};
pub use redis::Script;

/// One Redis. Cheap to clone.
#[derive(Clone)]
pub struct SharedState {
    client: Client,
    connection: ConnectionManager,
}

/// Why Redis cannot be used, or did not answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SharedStateError {
    /// The settings do not make a client.
    #[error("the settings of Redis cannot be used: {0}")]
    Settings(String),
    /// No connection, no login, no answer.
    #[error("Redis does not answer: {0}")]
    Unreachable(String),
    /// Not in time.
    #[error("Redis did not answer in time")]
    Late,
}

impl SharedState {
    /// Prepares a connection; it is made with the first question. Needs a tokio runtime.
    ///
    /// # Errors
    /// [`SharedStateError::Settings`].
    pub fn new(settings: &config::Redis) -> Result<Self, SharedStateError> {
        let config::Redis { url, username, password, ca } = settings;
        let wrong = |error: RedisError| SharedStateError::Settings(kind(&error));
        let info = url.as_str().into_connection_info().map_err(wrong)?;
        let mut login = RedisConnectionInfo::default().set_db(info.redis_settings().db());
        if let Some(username) = username {
            login = login.set_username(username);
        }
        if let Some(password) = password {
            let not_text = |_| SharedStateError::Settings("the password is not text".into());
            login = login.set_password(std::str::from_utf8(password.expose()).map_err(not_text)?);
        }
        let info = info.set_redis_settings(login);
        let client = match url.scheme() {
            "rediss" => {
                let root_cert = ca.clone();
                let tls = TlsCertificates { client_tls: None, root_cert };
                Client::build_with_tls(info, tls)
            }
            _ => Client::open(info),
        };
        let client = client.map_err(wrong)?;
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(Duration::from_millis(SHARED_STATE_CONNECT_MS)))
            .set_response_timeout(Some(Duration::from_millis(SHARED_STATE_ANSWER_MS)))
            // Whoever asks tries again; a question never waits for several attempts.
            .set_number_of_retries(0);
        let connection = client.get_connection_manager_lazy(config).map_err(wrong)?;
        Ok(Self { client, connection })
    }

    /// The value of a key.
    ///
    /// # Errors
    /// See [`SharedStateError`].
    pub async fn get<T: FromRedisValue>(&self, key: &str) -> Result<Option<T>, SharedStateError> {
        let mut command = redis::cmd("GET");
        self.query(command.arg(key)).await
    }

    /// The values of several keys, in their order.
    ///
    /// # Errors
    /// See [`SharedStateError`].
    pub async fn get_all<T: FromRedisValue>(
        &self,
        keys: &[String],
    ) -> Result<Vec<Option<T>>, SharedStateError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let mut command = redis::cmd("MGET");
        self.query(command.arg(keys)).await
    }

    /// Sets a key that is not there, for a time: the first of all replicas wins. Says whether this
    /// one did.
    ///
    /// # Errors
    /// See [`SharedStateError`].
    pub async fn set_new(
        &self,
        key: &str,
        value: impl ToRedisArgs,
        lives: Duration,
    ) -> Result<bool, SharedStateError> {
        let lives_ms = u64::try_from(lives.as_millis()).unwrap_or(u64::MAX).max(1);
        let mut command = redis::cmd("SET");
        command.arg(key).arg(value).arg("NX").arg("PX").arg(lives_ms);
        let set: Option<String> = self.query(&command).await?;
        Ok(set.is_some())
    }

    /// Runs a script, in which nothing happens between its steps.
    ///
    /// # Errors
    /// See [`SharedStateError`].
    pub async fn run<T: FromRedisValue>(
        &self,
        script: &redis::ScriptInvocation<'_>,
    ) -> Result<T, SharedStateError> {
        let mut connection = self.connection.clone();
        answered(script.invoke_async(&mut connection)).await
    }

    /// What is published from now on.
    ///
    /// # Errors
    /// See [`SharedStateError`].
    pub async fn subscribe(&self, channel: &str) -> Result<Subscription, SharedStateError> {
        let subscribed = async {
            let mut messages = self.client.get_async_pubsub().await?;
            messages.subscribe(channel).await?;
            Ok(messages)
        };
        answered(subscribed).await.map(|messages| Subscription(Box::new(messages)))
    }

    async fn query<T: FromRedisValue>(&self, command: &redis::Cmd) -> Result<T, SharedStateError> {
        let mut connection = self.connection.clone();
        answered(command.query_async(&mut connection)).await
    }
}

impl fmt::Debug for SharedState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedState(..)")
    }
}

/// Messages of one channel.
pub struct Subscription(Box<PubSub>);

impl Subscription {
    /// Waits for the next message; `None` when the connection is lost. Cancel-safe.
    pub async fn next(&mut self) -> Option<()> {
        self.0.on_message().next().await.map(drop)
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Subscription(..)")
    }
}

/// The connection has its own timeouts; this one holds where they do not.
async fn answered<T>(
    answer: impl Future<Output = Result<T, RedisError>>,
) -> Result<T, SharedStateError> {
    let bound = Duration::from_millis(SHARED_STATE_CONNECT_MS + SHARED_STATE_ANSWER_MS);
    match timeout(bound, answer).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) if error.is_timeout() => Err(SharedStateError::Late),
        Ok(Err(error)) => Err(SharedStateError::Unreachable(kind(&error))),
        Err(_) => Err(SharedStateError::Late),
    }
}

/// What kind of error it is: the whole text may hold what was sent.
fn kind(error: &RedisError) -> String {
    match error.code() {
        Some(code) => code.to_owned(),
        None => format!("{:?}", error.kind()),
    }
}
