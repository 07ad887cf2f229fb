//! A bucket of S3, or of what speaks its language.

use std::time::Duration;

use super::SinkHttp;
use crate::secret::Secret;

/// A bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3 {
    /// The service's address.
    pub http: SinkHttp,
    /// Name of the bucket.
    pub bucket: String,
    /// What stands before the names of objects; ends in a slash.
    pub prefix: String,
    /// The region that requests are signed for.
    pub region: String,
    /// How long nobody can delete or change an object, where that is asked for.
    pub retention: Option<Duration>,
    /// Who writes there.
    pub credentials: AwsCredentials,
}

/// Keys of somebody who may write to a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwsCredentials {
    /// Which key.
    pub access_key_id: String,
    /// The key.
    pub secret_access_key: Secret,
    /// The token that comes with temporary keys.
    pub session_token: Option<Secret>,
}
