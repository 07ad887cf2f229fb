//! The keys of buckets.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Duration, SecretRef, Url};

/// A bucket of S3, or of what speaks its language.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct S3 {
    /// Name of the bucket.
    #[schemars(example = &"audit-evidence")]
    pub bucket: String,
    /// The region that it is in.
    #[schemars(example = &"eu-central-1")]
    pub region: String,
    /// What stands before the names of objects: each log needs one of its own.
    #[schemars(example = &"gw-1")]
    pub prefix: String,
    /// Address of the service, where it is not that of AWS. Default:
    /// `https://s3.REGION.amazonaws.com`.
    #[schemars(example = "https://minio.example.com:9000")]
    pub endpoint: Option<Url>,
    /// How long nobody can delete or change an object (Object Lock, COMPLIANCE), at most a century.
    /// An anchor has to say it. Default: none, so objects have no lock.
    pub retention: Option<Duration>,
    /// Id of the key that signs requests.
    pub access_key_id: SecretRef,
    /// The key that signs requests.
    pub secret_access_key: SecretRef,
    /// Token that comes with temporary keys. Default: none.
    pub session_token: Option<SecretRef>,
}
